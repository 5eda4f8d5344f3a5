"""What fuzzing found in the files of models and in streams: each bad input made anew, small."""

from __future__ import annotations

import io
import json
import zipfile

import av
import numpy as np
import pytest
from emofuse.features.errors import BundleError
from emofuse.inference.archive import read_members
from emofuse.inference.estimator_file import SCHEMA, check_estimator_file, unpack_estimator
from emofuse.inference.sources import Recording


@pytest.fixture(scope="module")
def estimator(models):
    """The estimator within a whole model, as its schema."""
    with zipfile.ZipFile(models.tables("late", "linear").path) as archive:
        data = archive.read("estimator.skops")
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        return json.loads(archive.read(SCHEMA))


def packed(schema):
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(SCHEMA, json.dumps(schema))
    return held.getvalue()


def test_the_estimator_itself_is_made(estimator):
    assert unpack_estimator(packed(estimator)).get_params(deep=False)


@pytest.mark.parametrize(
    "changes",
    [{"content": 1}, {"content": {"content": [1]}}, {"protocol": 3}, {"protocol": 1.5}, {"__loader__": "ListNode"}],
    ids=["number", "list", "later", "fraction", "other"],
)
def test_an_estimator_of_trusted_types_and_another_shape_is_one_error(estimator, changes):
    data = packed(estimator | changes)
    with pytest.raises(BundleError) as caught:
        unpack_estimator(data)
    assert str(caught.value).isprintable() and len(str(caught.value)) < 300


def test_an_estimator_that_cannot_be_unpacked_is_one_error(estimator):
    whole = packed(estimator)
    for place in range(len(SCHEMA) + 30, len(SCHEMA) + 60):
        data = bytearray(whole)
        data[place] ^= 0xFF
        with pytest.raises(BundleError):
            check_estimator_file(bytes(data))


def test_a_member_whose_own_header_is_cut_off_is_one_error():
    whole = packed({})
    data = bytearray(whole)
    end = data.index(b"PK\x05\x06")
    entry = data.index(b"PK\x01\x02")
    data[entry + 42 : entry + 46] = (end + 10).to_bytes(4, "little")  # where its own header is said to stand
    with pytest.raises(BundleError):
        read_members(bytes(data), "m.emofuse")


def test_sound_of_eight_channels_is_answered_along_without_ending_the_process():
    held = io.BytesIO()
    with av.open(held, "w", format="mp4") as container:
        stream = container.add_stream("aac", rate=16_000)
        stream.layout = "7.1"
        values = np.repeat(0.25 * np.sin(np.arange(4 * 1024) / 5), 8)[None].astype(np.float32)
        frame = av.AudioFrame.from_ndarray(values, format="flt", layout="7.1")
        frame.sample_rate = 16_000
        for planar in av.AudioResampler(format="fltp", layout="7.1", rate=16_000, frame_size=1024).resample(frame):
            container.mux(stream.encode(planar))
        container.mux(stream.encode())
    pieces = list(Recording(held.getvalue(), ("audio",), every_s=1.0))
    assert 4 * 1024 <= sum(len(piece.samples) for piece in pieces) <= 6 * 1024
    assert 0.1 < max(np.abs(piece.samples).max() for piece in pieces) < 0.3


def test_a_container_that_cannot_even_be_sought_to_its_beginning_is_read_from_where_it_is():
    sought = []

    class Still:
        def seek(self, place):
            sought.append(place)
            raise av.error.PermissionError(1, "Operation not permitted")

    Recording(b"x", every_s=1.0, start_s=11.0)._seek(Still(), 0.0)
    assert sought == [10_000_000, 0]
