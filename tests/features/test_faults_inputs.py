"""What fuzzing found in the doors of sound, recordings and archives: each bad input made anew, small."""

from __future__ import annotations

import io
import os
import struct
import zipfile
from contextlib import nullcontext

import av
import numpy as np
import pytest
from emofuse.features.errors import SampleError, TableError
from emofuse.features.fif_tags import FIF_START, sequential
from emofuse.features.files import read_bytes, staged
from emofuse.features.media import decode_audio
from emofuse.features.recordings import read_recording
from emofuse.features.samples import parse_csv
from emofuse.features.tables import as_block

RATE = 16_000
N_SURROUND = 8
CONTENT = b"one two three four five" * 20


def surround(level=0.25):
    """Sound of eight channels, each coded apart from the others, as films have it."""
    held = io.BytesIO()
    with av.open(held, "w", format="mp4") as container:
        stream = container.add_stream("aac", rate=RATE)
        stream.layout = "7.1"
        values = np.full((1, 4 * 1024 * N_SURROUND), level, dtype=np.float32)
        values *= np.repeat(np.sin(np.arange(4 * 1024) / 5), N_SURROUND).astype(np.float32)
        frame = av.AudioFrame.from_ndarray(values, format="flt", layout="7.1")
        frame.sample_rate = RATE
        for planar in av.AudioResampler(format="fltp", layout="7.1", rate=RATE, frame_size=1024).resample(frame):
            container.mux(stream.encode(planar))
        container.mux(stream.encode())
    return held.getvalue()


def test_sound_of_eight_channels_does_not_end_the_process():
    """PyAV looks for the end of a list of planes that has none from eight channels on."""
    audio = decode_audio(surround())
    assert audio.duration_s == pytest.approx(4 * 1024 / RATE, abs=0.1)
    assert 0.1 < np.abs(audio.samples).max() < 0.3  # the mean of eight channels that are alike


def tag(kind, content=b"", *, type_=3, following=0, size=None):
    return struct.pack(">iIii", kind, type_, len(content) if size is None else size, following) + content


BEGINNING = FIF_START + struct.pack(">ii", 20, 0) + bytes(20) + tag(101, b"\xff" * 4)


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (BEGINNING + tag(108, following=36), "circle"),
        (BEGINNING + tag(108, following=len(BEGINNING)), "circle"),
        (BEGINNING + tag(108, size=1000), "ends inside"),
        (BEGINNING + tag(108, size=-16), "ends inside"),
        (BEGINNING + tag(108, following=10_000), "leads out"),
    ],
)
def test_tags_of_a_fif_file_that_lead_nowhere_are_refused_before_they_are_followed(data, said):
    with pytest.raises(SampleError, match=said) as caught:
        read_recording(data)
    assert caught.value.code == "bad_fif"


def test_a_gap_in_a_fif_file_takes_no_memory_before_it_is_refused():
    data = BEGINNING + tag(301, struct.pack(">i", 2**31 - 1)) + tag(300, bytes(64), type_=4, following=-1)
    with pytest.raises(SampleError) as caught:
        read_recording(data)
    assert caught.value.code == "too_large"


def test_the_directory_of_a_fif_file_is_not_believed():
    data = (
        FIF_START + struct.pack(">ii", 20, 0) + bytes(20) + tag(101, struct.pack(">i", 1234)) + tag(108, following=-1)
    )
    assert sequential(data, 10) == data.replace(struct.pack(">i", 1234), b"\xff" * 4)
    assert sequential(data[:-16], 10)  # a file that just ends


@pytest.mark.parametrize("digits", [20, 308, 400, 5000])
def test_a_whole_number_of_any_length_in_a_table_is_no_overflow(digits):
    text = f"time,Cz,note\n0,{'9' * digits},a\n0.01,2,b\n0.02,-{'9' * digits},c\n"
    recording = read_recording(text.encode(), sampling_rate_hz=100)
    value = recording.samples[0, 0]
    assert value == float("9" * digits) if digits <= 400 else np.isnan(value) or np.isinf(value)
    if digits <= 400:
        assert recording.samples[2, 0] == -value
    table = parse_csv(text.encode(), "x").set_index("time")[["Cz"]]
    with pytest.raises(TableError) if digits > 38 else nullcontext():
        as_block(table, table.index)


def packed(packing=zipfile.ZIP_LZMA):
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w", packing) as archive:
        archive.writestr("a.txt", CONTENT)
    return bytearray(held.getvalue())


@pytest.mark.parametrize("packing", [zipfile.ZIP_LZMA, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2])
def test_a_member_that_cannot_be_unpacked_is_one_error(tmp_path, packing):
    """Each way of packing has errors of its own."""
    whole = packed(packing)
    path = tmp_path / "corpus.zip"
    start, refused = 30 + len("a.txt"), 0
    for place in range(start, min(start + 40, whole.index(b"PK\x01\x02"))):
        data = whole.copy()
        data[place] ^= 0xFF
        path.write_bytes(data)
        os.utime(path, ns=(place, place))  # an archive stays open by its time and size
        try:
            assert read_bytes(path / "a.txt") == CONTENT  # some bits mean nothing
        except SampleError as error:
            refused += 1
            assert error.code in ("bad_archive", "not_a_file"), place
    assert refused > 20


@pytest.mark.parametrize("ending", [OSError(28, "No space left on device"), KeyboardInterrupt(), SystemExit(143)])
def test_what_ends_early_leaves_a_file_as_it_was(tmp_path, ending):
    target = tmp_path / "answers.csv"
    target.write_text("before")
    with pytest.raises(type(ending)), staged(target) as place:
        place.write_text("half")
        raise ending
    assert [path.name for path in tmp_path.iterdir()] == ["answers.csv"]
    assert target.read_text() == "before"
    with staged(target) as place:
        place.write_text("whole")
    assert [path.read_text() for path in tmp_path.iterdir()] == ["whole"]
