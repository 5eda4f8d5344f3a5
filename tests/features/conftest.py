"""What several tests of features share: videos written by code, and the file of a store seen from outside."""

from __future__ import annotations

import io
import sqlite3
from fractions import Fraction

import av
import numpy as np
import pytest
from av.video.reformatter import Interpolation
from emofuse.features.store import FILE_NAME

EXACT = Interpolation.BILINEAR | Interpolation.ACCURATE_RND | Interpolation.BITEXACT


def _write_video(
    pictures,
    rate=10,
    *,
    times_s=None,
    container="mov",
    codec="png",
    pix_fmt="rgb24",
    rotation=None,
    pixel_aspect=None,
):
    """Return a video as bytes; with the defaults without any loss."""
    file = io.BytesIO()
    size = pictures[0].shape if len(pictures) else (48, 64)
    with av.open(file, "w", format=container) as output:
        stream = output.add_stream(codec, rate=rate, width=size[1], height=size[0], pix_fmt=pix_fmt)
        if rotation is not None:
            stream.set_display_rotation(rotation)
        if pixel_aspect is not None:
            stream.codec_context.sample_aspect_ratio = pixel_aspect
        if times_s is not None:
            stream.codec_context.time_base = Fraction(1, 1000)
        output.start_encoding()
        for number, picture in enumerate(pictures):
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(picture), format="rgb24")
            # The encoder's own conversion may differ in the last pixels of equal pictures, by what lies behind a row.
            frame = frame.reformat(format=pix_fmt, interpolation=EXACT, threads=1)
            if times_s is not None:
                frame.pts, frame.time_base = round(1000 * times_s[number]), Fraction(1, 1000)
            output.mux(stream.encode(frame))
        output.mux(stream.encode())
    return file.getvalue()


@pytest.fixture(scope="session")
def write_video():
    """A function that writes pictures (uint8, RGB) as a video and returns its bytes."""
    return _write_video


def _sql(folder, statement, *parameters):
    database = sqlite3.connect(folder / FILE_NAME)
    try:
        with database:
            return database.execute(statement, parameters).fetchall()
    finally:
        database.close()


@pytest.fixture(scope="session")
def sql():
    """A function that runs one statement on the file of the store in a folder and returns the rows."""
    return _sql
