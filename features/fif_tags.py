"""What mne does not check of a FIF file before it reads it: a chain of tags that runs in a circle, and gaps of any length.

References
----------
.. [1] Neuromag (2002), Functional Image File Format (FIFF): tags of kind, type, size and where the next one stands.
"""

from __future__ import annotations

import struct

from .errors import SampleError

FIF_START = b"\x00\x00\x00\x64\x00\x00\x00\x1f"  # the first tag: a file identifier (kind 100) of type 31
HEADER = struct.Struct(">iIii")
DIRECTORY_POINTER, DATA_BUFFER, DATA_SKIP = 101, 300, 301
ITEM_BYTES = {2: 2, 16: 2, 3: 4, 4: 4, 5: 8, 20: 8, 21: 16}  # of a buffer's type


def is_fif(data: bytes) -> bool:
    """Whether bytes begin as FIF does."""
    return data.startswith(FIF_START)


def sequential(data: bytes, max_values: int) -> bytes:
    """Return a FIF file that is read tag by tag, with no directory that could name a tag a thousand times.

    Raises
    ------
    SampleError
        ``bad_fif`` where tags run in a circle or out of the file, ``too_large`` where gaps and buffers have more than
        ``max_values`` values.
    """
    place, n_bytes, n_values, n_skipped = 0, 0, 0, 0
    while True:
        if place + HEADER.size > len(data):
            raise SampleError("bad_fif", f"a tag of the FIF file leads out of it, to byte {place}; fetch it again")
        kind, type_, size, following = HEADER.unpack_from(data, place)
        end = place + HEADER.size + size
        if size < 0 or end > len(data):
            raise SampleError("bad_fif", f"the FIF file ends inside its tag at byte {place}; fetch it again")
        n_bytes += (
            HEADER.size + size
        )  # tags that share no byte are no longer than the file, in whatever order they stand
        if n_bytes > len(data):
            raise SampleError(
                "bad_fif", f"the FIF file's tags run in a circle at byte {place}; fetch or export it again"
            )
        if kind == DIRECTORY_POINTER and size == 4:
            data = data[: end - 4] + b"\xff\xff\xff\xff" + data[end:]
        elif kind == DATA_SKIP and size == 4:
            n_skipped = max(struct.unpack_from(">i", data, end - 4)[0], 0)
        elif kind == DATA_BUFFER:
            n_values += (1 + n_skipped) * (size // ITEM_BYTES.get(type_, 2))
            n_skipped = 0
        if n_values > max_values:
            raise SampleError("too_large", f"the FIF file holds more than {max_values} values; cut it into files")
        if following < 0 or (following == 0 and end == len(data)):
            return data
        place = following or end
