"""The one guarded door to pictures: every format, depth and orientation becomes upright 8-bit RGB, or a clear error."""

from __future__ import annotations

import io
import struct
from dataclasses import dataclass
from threading import Lock
from typing import TYPE_CHECKING, Any
from warnings import catch_warnings, simplefilter

import numpy as np
import numpy.typing as npt

from .errors import SampleError

if TYPE_CHECKING:
    from PIL.Image import Image

MAX_PIXELS = 64_000_000  # judged by the header, before anything is decoded
# Of run-length coded BMP and the like, which Pillow decodes pixel by pixel in Python: a second.
MAX_SLOW_PIXELS = 1_000_000
MAX_METADATA_BYTES = 8 * 1024**2  # the largest printers' colour profiles stay below
MIN_SIDE_PX = 16
FORMATS = ("JPEG", "PNG", "BMP", "GIF", "TIFF", "WEBP", "PPM")
# Half-way between black and white: what was transparent makes the weakest edge against any picture.
BEHIND_TRANSPARENT = 128
ORIENTATION_TAG = 0x0112  # CIPA DC-008 (Exif), tag Orientation

Pixels = npt.NDArray[np.uint8]

_HEADERS = Lock()


@dataclass(frozen=True)
class Picture:
    """A decoded picture.

    Attributes
    ----------
    pixels : ndarray of shape (height, width, 3), uint8
        Red, green, blue; upright, C-contiguous.
    warnings : tuple of str
        What lowers the worth of the picture.
    """

    pixels: Pixels
    warnings: tuple[str, ...] = ()


def decode_picture(data: bytes) -> Picture:
    """Decode a JPEG, PNG, BMP, GIF, TIFF, WebP or PPM file held in memory.

    The format is found from the content, never from the name. The picture is turned upright by its EXIF orientation;
    CMYK, palettes and single bits become RGB; 16-bit grey is scaled by its range; what is transparent becomes mid-grey;
    of an animation the first frame is taken.

    Parameters
    ----------
    data : bytes
        The whole file.

    Returns
    -------
    Picture

    Raises
    ------
    SampleError
        ``not_a_picture`` (another format, damaged or truncated), ``too_large`` (more than 64 million pixels, or one
        million of a coding that takes long), ``too_much_metadata``, ``too_small`` or ``bad_array`` (values
        that no 8-bit picture can hold).
    """
    from PIL import Image, UnidentifiedImageError

    try:
        with _opened(data) as image:
            _check_size(*image.size)
            _check_decoder(image)
            _check_metadata(image)
            warnings = _notes(image)
            image.load()
            _check_metadata(image)
            pixels = _upright(_rgb(image), _orientation(image))
    except (SampleError, MemoryError):
        raise
    except Image.DecompressionBombError:
        raise _too_large("many times more") from None
    except UnidentifiedImageError:
        raise _not_a_picture("content of another kind") from None
    except Exception as error:  # the bytes are foreign, and Pillow's readers raise whatever their parsers run into
        raise _not_a_picture(str(error).replace("\n", " ")[:120] or type(error).__name__) from None
    return Picture(np.ascontiguousarray(pixels), warnings)


def as_picture(array: Any) -> Picture:
    """Bring an array in memory to 8-bit RGB.

    Parameters
    ----------
    array : ndarray of shape (height, width), (height, width, 1), (height, width, 3) or (height, width, 4)
        Grey, RGB or RGBA: uint8, uint16 (0 to 65535), bool, or floats from 0 to 1. The order is red, green, blue:
        a frame of OpenCV is blue, green, red and must be passed as ``frame[..., ::-1]``; nothing can tell from the values.

    Returns
    -------
    Picture

    Raises
    ------
    SampleError
        ``bad_array`` (not such an array), ``not_finite``, ``too_small`` or ``too_large``.

    Examples
    --------
    >>> as_picture(np.full((20, 30), 0.5)).pixels[0, 0].tolist()
    [128, 128, 128]
    """
    if not isinstance(array, np.ndarray) or array.dtype.kind not in "buf":
        got = f"{array.dtype} values" if isinstance(array, np.ndarray) else f"{type(array).__name__}"
        raise SampleError("bad_array", f"a uint8 array (height, width) or (height, width, 3) is needed, got {got}")
    if array.ndim not in (2, 3) or (array.ndim == 3 and array.shape[2] not in (1, 3, 4)):
        raise SampleError(
            "bad_array", f"shape (height, width) or (height, width, 1, 3 or 4) is needed, got {array.shape}"
        )
    _check_size(array.shape[1], array.shape[0])
    values = _eight_bit(array)
    if values.ndim == 2:
        values = values[..., None]
    if values.shape[2] == 4:
        values = _over_grey(values)
    return Picture(np.ascontiguousarray(np.broadcast_to(values, (*values.shape[:2], 3))))


def grey(pixels: Pixels) -> Pixels:
    """Return the luma of a picture (ITU-R BT.601), uint8 of shape (height, width); of a grey one, the same values.

    Parameters
    ----------
    pixels : ndarray of shape (height, width, 3) or (height, width), uint8
    """
    from PIL import Image

    if pixels.ndim == 2:
        return np.ascontiguousarray(pixels)
    return np.asarray(Image.fromarray(np.ascontiguousarray(pixels)).convert("L"))


def _opened(data: bytes) -> Image:
    """Read a picture's header, without Pillow's warnings: what they are about is judged here, size and EXIF alike.

    Whether a warning is shown, or raised, depends on filters that all threads share and that are put back afterwards:
    one thread at a time may change them.
    """
    from PIL import Image

    with _HEADERS, catch_warnings():
        simplefilter("ignore")
        return Image.open(io.BytesIO(data), formats=FORMATS)


def _check_size(width: int, height: int) -> None:
    if min(width, height) < MIN_SIDE_PX:
        raise SampleError(
            "too_small", f"{MIN_SIDE_PX} x {MIN_SIDE_PX} pixels are needed, got {width} x {height}; drop it"
        )
    if width * height > MAX_PIXELS:
        raise _too_large(f"{width} x {height}")


def _check_decoder(image: Image) -> None:
    from PIL.Image import DECODERS  # those written in Python

    width, height = image.size
    if width * height > MAX_SLOW_PIXELS and any(tile[0] in DECODERS for tile in image.tile):  # type: ignore[attr-defined]
        raise SampleError(
            "too_large",
            f"at most {MAX_SLOW_PIXELS} pixels are decoded of a run-length coded BMP or an uncommon PPM, got {width} x {height}; "
            "save it as PNG",
        )


def _too_large(got: str) -> SampleError:
    return SampleError("too_large", f"at most {MAX_PIXELS} pixels are decoded, got {got}; scale it down")


def _not_a_picture(got: str) -> SampleError:
    return SampleError(
        "not_a_picture", f"a whole {', '.join(FORMATS)} file is needed, got {got}; fetch or convert it again"
    )


def _check_metadata(image: Image) -> None:
    size = sum(len(value) for value in image.info.values() if isinstance(value, (str, bytes)))
    if size > MAX_METADATA_BYTES:
        raise SampleError(
            "too_much_metadata",
            f"at most {MAX_METADATA_BYTES} bytes of text, EXIF and profile are read, got {size}; strip them",
        )


def _notes(image: Image) -> tuple[str, ...]:
    # A multi-picture JPEG (MPO) holds one scene; its first picture is the one that every viewer shows.
    if image.format == "MPO" or not getattr(image, "is_animated", False):
        return ()
    image.seek(0)
    return ("several frames: the first one is measured",)


def _orientation(image: Image) -> int:
    try:
        with _HEADERS, catch_warnings():
            simplefilter("ignore")
            return int(image.getexif().get(ORIENTATION_TAG, 1))
    except (ValueError, TypeError, SyntaxError, OSError, LookupError, ArithmeticError, struct.error):
        return 1  # damaged EXIF says nothing against the pixels


def _upright(pixels: Pixels, orientation: int) -> Pixels:
    """Undo the eight orientations of EXIF: 2 to 4 turn and mirror, 5 to 8 also swap rows and columns."""
    if orientation in (5, 6, 7, 8):
        pixels = pixels.swapaxes(0, 1)
    if orientation in (2, 3, 6, 7):
        pixels = pixels[:, ::-1]
    if orientation in (3, 4, 7, 8):
        pixels = pixels[::-1]
    return pixels


def _rgb(image: Image) -> Pixels:
    if image.mode.startswith("I") or image.mode == "F":
        return as_picture(_deep(image)).pixels
    if image.mode in ("RGBA", "LA", "PA", "RGBa", "La") or "transparency" in image.info:
        return _over_grey(np.asarray(image.convert("RGBA")))
    return np.asarray(image.convert("RGB"))


def _deep(image: Image) -> npt.NDArray[Any]:
    """Return the values of a grey picture of more than 8 bits; Pillow's own conversion would clip them at 255."""
    values = np.asarray(image)
    if values.dtype.kind == "i" and values.min() >= 0 and values.max() <= 65535:
        return values.astype(np.uint16)
    return values


def _eight_bit(array: npt.NDArray[Any]) -> Pixels:
    if array.dtype == np.uint8:
        return array
    if array.dtype == np.bool_:
        return array.astype(np.uint8) * np.uint8(255)
    if array.dtype.kind == "u" and array.dtype.itemsize == 2:
        return ((array.astype(np.uint32) + 128) // 257).astype(np.uint8)
    if array.dtype.kind != "f":
        raise SampleError("bad_array", f"uint8, uint16, bool or float values are needed, got {array.dtype}")
    if not np.isfinite(array).all():
        raise SampleError("not_finite", "the picture has NaN or infinite values; repair or drop it")
    if array.min() < 0 or array.max() > 1:
        raise SampleError(
            "bad_array", f"floats from 0 to 1 are needed, got {array.min():g} to {array.max():g}; pass uint8 instead"
        )
    return np.floor(array.astype(np.float64) * 255 + 0.5).astype(np.uint8)


def _over_grey(rgba: Pixels) -> Pixels:
    opacity = rgba[..., 3:].astype(np.uint32)
    mixed = rgba[..., :3] * opacity + BEHIND_TRANSPARENT * (255 - opacity)
    return ((mixed + 127) // 255).astype(np.uint8)
