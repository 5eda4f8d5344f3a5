"""Inputs varied for training: sounds moved in pitch, pace and time, pictures mirrored, turned and lit, and all that is worse.

Whatever can make an input worse in a test (:mod:`~.degradation`) can also stand beside it in training.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from .changes import Change, check_kind, check_suitable, seed_of
from .degradation import DEGRADATIONS, values_in_light
from .errors import StudyError
from .media import Audio
from .pictures import Pixels
from .vocoder import shift_pitch, stretch


def check_range(kind: str, between: Sequence[float]) -> None:
    """Raise StudyError where there is no such kind of augmentation, or its levels are no range within its bounds."""
    check_kind("augmentation", AUGMENTATIONS, kind)
    change = AUGMENTATIONS[kind]
    low, high = change.bounds
    numbers = [level for level in between if isinstance(level, (int, float)) and not isinstance(level, bool)]
    if len(between) != 2 or len(numbers) != 2 or not low <= numbers[0] <= numbers[1] <= high:
        raise StudyError(
            f"augmentation {kind!r}: between needs two levels from {low:g} to {high:g} ({change.unit}), the lower one "
            f"first, got {list(between)}"
        )
    if change.whole and [int(level) for level in numbers] != numbers:
        raise StudyError(f"augmentation {kind!r}: between needs whole numbers of {change.unit}, got {list(between)}")


def check_augments(kind: str, column: str) -> None:
    """Raise StudyError where a kind does not suit what stands in a column of the sample table, naming those that do."""
    check_suitable("augmentation", AUGMENTATIONS, kind, column)


def draw_level(kind: str, between: Sequence[float], content: object, salt: bytes) -> float:
    """Return how far a signal is changed: drawn evenly from a range, from the bytes of the signal and a salt."""
    random = np.random.default_rng(seed_of(content, b"level " + salt))
    low, high = between
    if AUGMENTATIONS[kind].whole:
        return float(random.integers(int(low), int(high), endpoint=True))
    return float(random.uniform(low, high))


def shift(audio: Audio, share: float) -> Audio:
    """Move a sound in time, later for a positive share of its length; what leaves at one end enters at the other.

    Examples
    --------
    >>> shift(Audio(np.arange(4, dtype=np.float32), 1000), 0.25).samples.tolist()
    [3.0, 0.0, 1.0, 2.0]
    """
    return replace(audio, samples=np.roll(audio.samples, round(share * len(audio.samples))))


def flip(pixels: Pixels) -> Pixels:
    """Mirror a picture, left to right.

    Examples
    --------
    >>> flip(np.array([[1, 2, 3]], dtype=np.uint8)).tolist()
    [[3, 2, 1]]
    """
    return np.ascontiguousarray(pixels[:, ::-1])


def rotate(pixels: Pixels, degrees: float) -> Pixels:
    """Turn a picture about its middle, counter-clockwise.

    Parameters
    ----------
    pixels : ndarray of shape (height, width, 3) or (height, width), uint8
    degrees : float

    Returns
    -------
    ndarray of the same shape, uint8
        Interpolated bilinearly; where nothing was, the nearest pixel of the picture goes on, so that no edge is made.
    """
    from PIL import Image

    height, width = pixels.shape[:2]
    margin = int(np.ceil(np.hypot(height, width) / 2 - min(height, width) / 2)) + 1
    around = np.pad(pixels, [(margin, margin), (margin, margin), *[(0, 0)] * (pixels.ndim - 2)], mode="edge")
    turned = Image.fromarray(around).rotate(degrees, resample=Image.Resampling.BILINEAR)
    return np.ascontiguousarray(np.asarray(turned)[margin : margin + height, margin : margin + width])


def brighten(pixels: Pixels, factor: float) -> Pixels:
    """Multiply the light of a picture, as a longer or a shorter exposure does; what is too bright becomes white.

    Parameters
    ----------
    pixels : ndarray of shape (height, width, 3) or (height, width), uint8
        In the usual encoding of brightness (sRGB [1]_), which is undone, and applied again.
    factor : float
        1 leaves the picture as it is.

    Returns
    -------
    ndarray of the same shape, uint8

    References
    ----------
    .. [1] IEC 61966-2-1:1999, Default RGB colour space - sRGB.

    Examples
    --------
    >>> brighten(np.array([[200, 128, 10]], dtype=np.uint8), 2.0).tolist()
    [[255, 176, 18]]
    """
    return values_in_light(-float(np.log2(factor)))[pixels]


PICTURES = ("image", "video")
STRETCHED = "Laroche & Dolson (1999), IEEE Transactions on Speech and Audio Processing 7(3)"
AUGMENTATIONS: Mapping[str, Change] = {
    **DEGRADATIONS,
    "pitch": Change(shift_pitch, ("audio",), "semitones", (-24.0, 24.0), STRETCHED),
    "stretch": Change(stretch, ("audio",), "times as fast", (0.25, 4.0), STRETCHED),
    "shift": Change(shift, ("audio",), "of the length", (-1.0, 1.0), "Salamon & Bello (2017), IEEE SPL 24(3)"),
    "flip": Change(lambda pixels, _: flip(pixels), PICTURES, "times", (1.0, 1.0), "Simard et al. (2003), ICDAR"),
    "rotate": Change(rotate, PICTURES, "degrees", (-180.0, 180.0), "Simard et al. (2003), ICDAR"),
    "brightness": Change(brighten, PICTURES, "times the light", (0.1, 10.0), "IEC 61966-2-1:1999"),
}
