"""Inputs made worse by a known amount: noise, blur, darkness, lost words and lost electrodes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache, partial
from typing import Literal

import numpy as np

from .changes import Change, check_kind, check_suitable, seed_of
from .errors import StudyError
from .media import Audio
from .montage import find_channels
from .pictures import Pixels
from .recordings import Recording

# Zeros and poles whose response falls by 3 dB an octave, within .7 dB from 10 Hz to 8 kHz at 16 kHz (measured):
# Smith (2011), Spectral Audio Signal Processing, "Synthesis of 1/F noise (pink noise)".
PINK_FILTER = ((0.049922035, -0.095993537, 0.050612699, -0.004408786), (1.0, -2.494956002, 2.017265875, -0.522189400))
PINK_SETTLING = 1430  # samples until the filter has forgotten its beginning by 60 dB (ibid.)


@dataclass(frozen=True)
class Degradation(Change):
    """A way in which an input becomes worse; ``worse`` says which levels are the worse ones."""

    worse: Literal["lower", "higher"] = "higher"


def check_level(kind: str, level: float) -> None:
    """Raise StudyError where there is no such kind of degradation, or its level is out of bounds."""
    check_kind("degradation", DEGRADATIONS, kind)
    (low, high), unit = DEGRADATIONS[kind].bounds, DEGRADATIONS[kind].unit
    if isinstance(level, bool) or not isinstance(level, (int, float)) or not low <= level <= high:
        raise StudyError(f"degradation {kind!r}: a level from {low:g} to {high:g} ({unit}) is needed, got {level!r}")
    if DEGRADATIONS[kind].whole and level != int(level):
        raise StudyError(f"degradation {kind!r}: a whole number of {unit} is needed, got {level!r}")


def check_suits(kind: str, column: str) -> None:
    """Raise StudyError where a kind does not suit what stands in a column of the sample table, naming those that do."""
    check_suitable("degradation", DEGRADATIONS, kind, column)


def describe_level(kind: str, level: float) -> str:
    """Return a kind and a level in words, such as ``noise, 10 dB``."""
    return f"{kind.replace('_', ' ')}, {level:g} {DEGRADATIONS[kind].unit}"


def add_noise(audio: Audio, snr_db: float, *, pink: bool = False, salt: bytes = b"") -> Audio:
    """Add noise to a sound at a wanted signal-to-noise ratio.

    Parameters
    ----------
    audio : Audio
        As recorded: not yet resampled, trimmed or levelled.
    snr_db : float
        Ten times the decimal logarithm of the power of the whole clip, pauses included and without its mean, over that
        of the noise. It is met exactly, over all frequencies up to half the recording's own rate.
    pink : bool, default=False
        Noise that falls by 3 dB an octave, as that of rooms and traffic roughly does, instead of white noise.
    salt : bytes, default=b""
        Another one draws other noise.

    Returns
    -------
    Audio
        Of the same length; the same noise at every level, louder or softer. Not cut at full scale: who records noise
        sets the level for it. A sound that never changes has no power to compare with and stays as it is.

    References
    ----------
    .. [1] Smith (2011), Spectral Audio Signal Processing, W3K Publishing.

    Examples
    --------
    >>> tone = Audio(np.sin(np.arange(16000) / 8).astype(np.float32), 16000)
    >>> noise = add_noise(tone, 20.0).samples - tone.samples
    >>> round(float(10 * np.log10(tone.samples.var() / noise.var())), 3)
    20.0
    """
    spread = float(np.std(audio.samples, dtype=np.float64))
    if spread == 0:
        return audio
    random = np.random.default_rng(seed_of(np.ascontiguousarray(audio.samples).data, salt))
    count = len(audio.samples)
    if pink:
        from scipy.signal import lfilter

        noise = lfilter(*PINK_FILTER, random.standard_normal(PINK_SETTLING + count))[PINK_SETTLING:]
    else:
        noise = random.standard_normal(count, dtype=np.float32)
    noise -= noise.mean(dtype=np.float64)
    loudness = float(np.std(noise, dtype=np.float64))  # 0 for the noise of a single sample
    noise *= spread * 10 ** (-snr_db / 20) / (loudness or 1.0)
    return replace(audio, samples=(audio.samples + noise).astype(np.float32, copy=False))


def blur(pixels: Pixels, sigma: float) -> Pixels:
    """Blur a picture by a Gaussian, as a lens out of focus roughly does.

    Parameters
    ----------
    pixels : ndarray of shape (height, width, 3) or (height, width), uint8
    sigma : float
        Standard deviation as a share of the picture's width, so that a picture looks the same whatever its resolution:
        0.02 is 1 pixel of a face of 48, and 26 pixels of 1280.

    Returns
    -------
    ndarray of the same shape, uint8

    Notes
    -----
    By Pillow's three extended box blurs [1]_, which take as long for a wide Gaussian as for a narrow one. Each of them
    rounds to whole grey values.

    References
    ----------
    .. [1] Gwosdek, Grewenig, Bruhn and Weickert (2011), Theoretical foundations of Gaussian convolution by extended box
       filtering, SSVM.
    """
    from PIL import Image, ImageFilter

    picture = Image.fromarray(np.ascontiguousarray(pixels))
    return np.array(picture.filter(ImageFilter.GaussianBlur(sigma * pixels.shape[1])))


def darken(pixels: Pixels, stops: float) -> Pixels:
    """Take light away: each stop halves it, and 8 bits are too few for what is left.

    Parameters
    ----------
    pixels : ndarray of shape (height, width, 3) or (height, width), uint8
        In the usual encoding of brightness (sRGB [1]_), which is undone, and applied again.
    stops : float
        Halvings of the light.

    Returns
    -------
    ndarray of the same shape, uint8
        Rounded to whole values. The noise that a camera adds in the dark is not simulated.

    References
    ----------
    .. [1] IEC 61966-2-1:1999, Default RGB colour space - sRGB.

    Examples
    --------
    >>> darken(np.array([[255, 128, 10]], dtype=np.uint8), 2).tolist()
    [[137, 66, 3]]
    """
    return values_in_light(stops)[pixels]


def drop_words(text: str, share: float, *, salt: bytes = b"") -> str | None:
    """Leave words out at random, as a listener or a recogniser in noise does.

    Parameters
    ----------
    text : str
        Words are what spaces separate, with their punctuation.
    share : float
        Probability with which each word is dropped, independently of the others.
    salt : bytes, default=b""
        Another one draws other words.

    Returns
    -------
    str or None
        The words that are left; None (absent) where none is. A text of spaces, or from which nothing was dropped,
        stays as it is. A word dropped at one share is dropped at every higher one.

    References
    ----------
    .. [1] Wei and Zou (2019), EDA: Easy data augmentation techniques for boosting performance on text classification tasks,
       EMNLP (random deletion).

    Examples
    --------
    >>> drop_words("so very happy to be here today", 0.5)
    'so very to today'
    """
    words = text.split()
    draws = np.random.default_rng(seed_of(text.encode("utf-8", "surrogatepass"), salt)).random(len(words))
    kept = [word for word, draw in zip(words, draws, strict=True) if draw >= share]
    if len(kept) == len(words):
        return text
    return " ".join(kept) or None


def flatten_channels(
    recording: Recording, count: float, channels: Sequence[str] | None = None, *, salt: bytes = b""
) -> Recording:
    """Set channels to zero, as electrodes that fell off.

    Parameters
    ----------
    recording : Recording
    count : float
        How many; all where there are fewer.
    channels : sequence of str, optional
        Those to choose among, by the names that :func:`~.montage.find_channels` finds; all by default.
    salt : bytes, default=b""
        Another one draws other channels.

    Returns
    -------
    Recording
        A channel lost at one count is lost at every higher one. Each clip of a recording loses channels of its own, so
        that the mean over clips is one over all of them.

    References
    ----------
    .. [1] Banville et al. (2022), Robust learning from corrupted EEG with dynamic spatial filtering, NeuroImage 251
       (channels corrupted at random).
    """
    places = find_channels(recording.channels if channels is None else channels, recording.channels)
    random = np.random.default_rng(seed_of(np.ascontiguousarray(recording.samples).data, salt))
    order = random.permutation(len(recording.channels)).tolist()
    lost = [place for place in order if place in places.values()][: int(count)]
    samples = recording.samples.copy()
    samples[:, lost] = 0.0
    return replace(recording, samples=samples)


@lru_cache(maxsize=256)
def values_in_light(stops: float) -> Pixels:
    """Return what each of the 256 values becomes with so many stops less light; more light than 255 can say is cut."""
    value = np.arange(256) / 255
    light = np.where(value <= 0.04045, value / 12.92, ((value + 0.055) / 1.055) ** 2.4) / 2**stops
    encoded = np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)
    return np.floor(255 * np.minimum(encoded, 1.0) + 0.5).astype(np.uint8)


NOISE = "Smith (2011), Spectral Audio Signal Processing"
DEGRADATIONS: Mapping[str, Degradation] = {
    "noise": Degradation(add_noise, ("audio",), "dB", (-60.0, 100.0), NOISE, chance=True, worse="lower"),
    "pink_noise": Degradation(
        partial(add_noise, pink=True), ("audio",), "dB", (-60.0, 100.0), NOISE, chance=True, worse="lower"
    ),
    "blur": Degradation(blur, ("image", "video"), "of the width", (0.0, 1.0), "Gwosdek et al. (2011), SSVM"),
    "darkness": Degradation(darken, ("image", "video"), "stops", (0.0, 16.0), "IEC 61966-2-1:1999"),
    "dropped_words": Degradation(
        drop_words, ("text",), "of the words", (0.0, 1.0), "Wei & Zou (2019), EMNLP", chance=True
    ),
    "flat_channels": Degradation(
        flatten_channels,
        ("eeg",),
        "channels",
        (0, 1024),
        "Banville et al. (2022), NeuroImage 251",
        chance=True,
        whole=True,
    ),
}
