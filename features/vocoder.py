"""A phase vocoder: how fast a sound goes and how high it is, each changed without the other."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt

from .media import Audio

FRAME_S = 0.045  # four periods of a voice of 90 Hz, which the window's main lobe needs to keep harmonics apart
OVERLAP = 4
PEAK_REACH = 2  # bins on either side that a peak is higher than (Laroche and Dolson 1999)

Array = npt.NDArray[np.float64]
Spectrum = npt.NDArray[np.complex128]


def stretch(audio: Audio, rate: float) -> Audio:
    """Change how fast a sound goes, and leave its pitch as it is.

    Parameters
    ----------
    audio : Audio
    rate : float
        How many times as fast; the sound then lasts ``1 / rate`` as long.

    Returns
    -------
    Audio
        At the same sampling rate.

    Notes
    -----
    A phase vocoder [1]_ with phases locked to those of the nearest spectral peak [2]_, without which a voice sounds as if in
    a bath. Two spectra are taken for each frame, one hop apart, so that the phase has advanced between them by just what
    it advances between frames that are put out.

    References
    ----------
    .. [1] Flanagan and Golden (1966), Phase vocoder, Bell System Technical Journal 45(9).
    .. [2] Laroche and Dolson (1999), Improved phase vocoder time-scale modification of audio, IEEE Transactions on Speech
       and Audio Processing 7(3).

    Examples
    --------
    >>> tone = Audio(np.sin(np.arange(16000) / 8).astype(np.float32), 16000)
    >>> stretch(tone, 0.8).duration_s
    1.25
    """
    wanted = max(1, round(len(audio.samples) / rate))
    hop = round(FRAME_S * audio.sampling_rate_hz / OVERLAP)
    size = OVERLAP * hop
    window = np.hanning(size + 1)[:-1]
    n_frames = wanted // hop + OVERLAP + 1
    last = round((n_frames - 1) * hop * rate) + size
    padded = np.zeros(max(last, size + len(audio.samples)) + hop)
    padded[hop + size // 2 : hop + size // 2 + len(audio.samples)] = audio.samples
    made, weight = np.zeros((n_frames - 1) * hop + size), np.zeros((n_frames - 1) * hop + size)
    phased: Spectrum | None = None
    for number in range(n_frames):
        start = hop + round(number * hop * rate)
        before, now = (np.fft.rfft(window * padded[at : at + size]) for at in (start - hop, start))
        phased = now if phased is None else _locked(phased, before, now)
        place = slice(number * hop, number * hop + size)
        made[place] += window * np.fft.irfft(phased, size)
        weight[place] += np.square(window)
    made /= np.maximum(weight, 1e-3 * weight.max())
    return replace(audio, samples=made[size // 2 : size // 2 + wanted].astype(np.float32))


def shift_pitch(audio: Audio, semitones: float) -> Audio:
    """Move the pitch of a sound, formants included, and leave its length as it is.

    Parameters
    ----------
    audio : Audio
    semitones : float
        Twelve of them double every frequency.

    Returns
    -------
    Audio
        Of the same length and sampling rate: stretched by the ratio, then resampled by it. Moved down, nothing is left
        above half the sampling rate times the ratio.
    """
    import soxr

    ratio = 2.0 ** (semitones / 12)
    longer = stretch(audio, 1 / ratio)
    moved = soxr.resample(longer.samples, audio.sampling_rate_hz * ratio, audio.sampling_rate_hz, quality="HQ")
    samples = np.zeros_like(audio.samples)
    kept = min(len(samples), len(moved))
    samples[:kept] = moved[:kept]
    return replace(audio, samples=samples)


def _locked(phased: Spectrum, before: Spectrum, now: Spectrum) -> Spectrum:
    """Turn the phases of a spectrum so that each peak, with all that is around it, goes on from the frame before.

    Parameters
    ----------
    phased : ndarray of shape (n_bins,)
        The frame that was put out last.
    before, now : ndarray of shape (n_bins,)
        Spectra of the sound, one hop apart.
    """
    height = np.abs(now)
    inner = height[PEAK_REACH:-PEAK_REACH]
    higher = [
        inner > height[PEAK_REACH + side : len(height) - PEAK_REACH + side]
        for side in range(-PEAK_REACH, PEAK_REACH + 1)
        if side
    ]
    peaks = np.flatnonzero(np.all(higher, axis=0)) + PEAK_REACH
    if not len(peaks):
        return now
    turn = phased[peaks] * np.conj(before[peaks])
    size = np.abs(turn)
    turn = np.where(size > 0, turn / np.where(size > 0, size, 1.0), 1.0)
    nearest = np.searchsorted((peaks[1:] + peaks[:-1]) / 2, np.arange(len(height)))
    return np.asarray(now * turn[nearest])
