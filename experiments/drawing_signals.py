"""What a sound and a recording look like: waveform, spectrogram, mel bands, cepstrum, pitch, traces and bands of EEG."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt

from ..features.media import Audio
from .drawing import ACCENT, F0_TICKS_HZ, INK, SECOND, SOFT, envelope, pitch_hz

Array = npt.NDArray[np.float64]
FRAME_S, STEP_S = 0.025, 0.010
N_MELS, N_CEPSTRA = 40, 13
RANGE_DB = 70.0
MAX_TRACES = 16


def draw_sound(axes: Sequence[Any], audio: Audio, offset_s: float) -> dict[str, Any]:
    """Draw waveform, spectrogram and pitch below each other; return what is to be said of the sound."""
    when, hertz = pitch_hz(audio)
    draw_wave(axes[0], audio, offset_s)
    _draw_spectrogram(axes[1], audio, offset_s)
    draw_pitch(axes[2], offset_s + when, hertz)
    for axis in axes:
        axis.set_xlim(offset_s, offset_s + max(audio.duration_s, 1e-3))
    for axis in axes[:-1]:
        axis.tick_params(labelbottom=False)
    voiced = hertz[~np.isnan(hertz)]
    return {
        "duration_s": round(audio.duration_s, 3),
        "sampling_rate_hz": audio.sampling_rate_hz,
        "rms_db": round(float(20 * np.log10(max(np.sqrt(np.mean(np.square(audio.samples))), 1e-10))), 1),
        "voiced_share": round(len(voiced) / max(len(hertz), 1), 3),
        "f0_median_hz": round(float(np.median(voiced)), 1) if len(voiced) else None,
        "warnings": list(audio.warnings),
    }


def draw_wave(axis: Any, audio: Audio, offset_s: float = 0.0) -> None:
    """Draw a waveform; a peak is never skipped."""
    bottom, top, edges = envelope(audio.samples, offset_s + np.arange(len(audio.samples)) / audio.sampling_rate_hz)
    axis.fill_between(edges, bottom, top, color=ACCENT, linewidth=0.4)
    peak = max(1e-3, float(np.abs(audio.samples).max()))
    axis.set_ylim(-1.05 * peak, 1.05 * peak)
    axis.set_ylabel("amplitude")


def draw_pitch(axis: Any, times_s: Array, hertz: Array) -> None:
    """Draw F0, NaN where unvoiced, on a logarithmic scale."""
    axis.plot(times_s, hertz, ".", markersize=2.5, color=SECOND)
    axis.set_ylabel("F0 (Hz)")
    voiced = hertz[~np.isnan(hertz)]
    if not len(voiced):
        axis.text(0.5, 0.5, "no voiced frame", transform=axis.transAxes, ha="center", va="center", color=SOFT)
        axis.set_yticks([])
        return
    axis.set_yscale("log")
    marks = [tick for tick in F0_TICKS_HZ if 0.7 * voiced.min() < tick < 1.4 * voiced.max()]
    axis.set_yticks(marks, [str(tick) for tick in marks])
    axis.minorticks_off()
    axis.set_ylim(0.85 * voiced.min(), 1.15 * voiced.max())


def draw_mel(axis: Any, audio: Audio, offset_s: float = 0.0) -> None:
    """Draw the energy in 40 mel bands, in decibels below the loudest."""
    level, ends_hz = mel_levels(audio)
    if level.shape[1] < 2:
        axis.set_axis_off()
        return
    extent = (offset_s, offset_s + level.shape[1] * STEP_S, 0, N_MELS)
    axis.imshow(level, origin="lower", aspect="auto", extent=extent, cmap="magma", vmin=-RANGE_DB, vmax=0)
    marks = [hertz for hertz in (500, 2000, 6000) if hertz < ends_hz[-1]]
    axis.set_yticks(np.interp(marks, ends_hz, np.arange(N_MELS)), [f"{hertz / 1000:g}" for hertz in marks])
    axis.set_ylabel("mel (kHz)")


def draw_cepstrum(axis: Any, audio: Audio, offset_s: float = 0.0) -> None:
    """Draw mel-frequency cepstral coefficients 1 to 12, each less its mean and over its standard deviation in the clip."""
    from scipy.fft import dct

    level, _ = mel_levels(audio)
    if level.shape[1] < 2:
        axis.set_axis_off()
        return
    cepstra = dct(level, axis=0, norm="ortho")[1:N_CEPSTRA]
    cepstra -= cepstra.mean(axis=1, keepdims=True)
    cepstra /= np.maximum(cepstra.std(axis=1, keepdims=True), 1e-9)
    extent = (offset_s, offset_s + level.shape[1] * STEP_S, 0.5, N_CEPSTRA - 0.5)
    axis.imshow(cepstra, origin="lower", aspect="auto", extent=extent, cmap="PuOr", vmin=-2.5, vmax=2.5)
    axis.set_yticks([1, 6, 12])
    axis.set_ylabel("MFCC")


def mel_levels(audio: Audio) -> tuple[Array, Array]:
    """Return the energy of 25 ms frames in mel bands.

    Returns
    -------
    levels : ndarray of shape (40, n_frames)
        Decibels below the loudest band of the loudest frame, 70 at most.
    centres_hz : ndarray of shape (40,)

    Notes
    -----
    Triangular bands, evenly spaced in mel = 2595 log10(1 + f/700) (O'Shaughnessy 1987, Speech communication), from 0 to half
    the sampling rate (at most 8 kHz); cepstra are their cosine transform (Davis and Mermelstein 1980, IEEE TASSP 28(4)).
    """
    from scipy.signal.windows import hann

    rate = audio.sampling_rate_hz
    size, step = max(16, round(FRAME_S * rate)), max(1, round(STEP_S * rate))
    if len(audio.samples) < size:
        return np.zeros((N_MELS, 0)), _mel_bands(size // 2 + 1, rate)[1]
    frames = np.lib.stride_tricks.sliding_window_view(audio.samples, size)[::step] * hann(size, sym=False)
    power = np.square(np.abs(np.fft.rfft(frames, axis=1)))
    bands, centres = _mel_bands(power.shape[1], rate)
    level = 10 * np.log10(bands @ power.T + 1e-12)
    return np.asarray(np.maximum(level - level.max(), -RANGE_DB)), centres


def _draw_spectrogram(axis: Any, audio: Audio, offset_s: float) -> None:
    from scipy.signal import ShortTimeFFT
    from scipy.signal.windows import hann

    size = max(16, round(0.025 * audio.sampling_rate_hz))
    hop = max(1, round(0.005 * audio.sampling_rate_hz), len(audio.samples) // 3000)
    transform = ShortTimeFFT(hann(size, sym=False), hop, audio.sampling_rate_hz)
    if len(audio.samples) < size:
        axis.set_axis_off()
        return
    level = 20 * np.log10(np.abs(transform.stft(audio.samples)) + 1e-10)
    extent = transform.extent(len(audio.samples))
    axis.imshow(
        level,
        origin="lower",
        aspect="auto",
        extent=(offset_s + extent[0], offset_s + extent[1], extent[2] / 1000, extent[3] / 1000),
        cmap="magma",
        vmin=level.max() - 70,
        vmax=level.max(),
    )
    axis.set_ylim(0, min(8.0, audio.sampling_rate_hz / 2000))
    axis.set_ylabel("kHz")


def draw_traces(axis: Any, samples: Array, channels: Sequence[str], sampling_rate_hz: float) -> None:
    """Draw the channels of a recording below each other, each less its median.

    Parameters
    ----------
    axis : matplotlib Axes
    samples : ndarray of shape (n_samples, n_channels)
        Microvolts; gaps of NaN stay empty.
    channels : sequence of str
    sampling_rate_hz : float
    """
    shown = min(len(channels), MAX_TRACES)
    centred = samples[:, :shown] - np.nanmedian(samples[:, :shown], axis=0)
    spread = 6 * float(np.nanmedian(np.abs(centred))) or 1.0
    times = np.arange(len(samples)) / sampling_rate_hz
    for row in range(shown):
        bottom, top, edges = envelope(np.clip(centred[:, row], -spread, spread), times)
        axis.fill_between(edges, bottom - row * spread, top - row * spread, color=ACCENT, linewidth=0.4)
    axis.set_yticks(-spread * np.arange(shown), channels[:shown])
    axis.set_xlim(0, times[-1])


def draw_bands(axis: Any, samples: Array, channels: Sequence[str], sampling_rate_hz: float) -> Any:
    """Draw the power of each channel in each EEG band, in decibels; return the image, for a colour bar."""
    from ..features.eeg import BANDS_HZ
    from ..features.spectra import band_powers, power_density

    shown = min(len(channels), MAX_TRACES)
    bands = {name: band for name, band in BANDS_HZ.items() if band[1] <= sampling_rate_hz / 2}
    frequencies, density = power_density(
        samples[:, :shown].T, sampling_rate_hz, segment_s=min(1.0, len(samples) / sampling_rate_hz)
    )
    image = axis.imshow(10 * np.log10(band_powers(density, frequencies, bands) + 1e-12), aspect="auto", cmap="magma")
    axis.set_yticks(range(shown), channels[:shown])
    axis.set_xticks(range(len(bands)), [f"{name}\n{low:g} to {high:g} Hz" for name, (low, high) in bands.items()])
    axis.spines[:].set_visible(False)
    axis.tick_params(colors=INK)
    return image


@lru_cache(maxsize=8)
def _mel_bands(n_bins: int, sampling_rate_hz: int) -> tuple[Array, Array]:
    """Return the weights of frequency bins in each band, shape (40, n_bins), and the centres of the bands (Hz)."""
    top = min(8000.0, sampling_rate_hz / 2)
    edges = 700 * (10 ** (np.linspace(0, 2595 * np.log10(1 + top / 700), N_MELS + 2) / 2595) - 1)
    bins = np.linspace(0, sampling_rate_hz / 2, n_bins)
    rising = (bins - edges[:-2, None]) / (edges[1:-1] - edges[:-2])[:, None]
    falling = (edges[2:, None] - bins) / (edges[2:] - edges[1:-1])[:, None]
    return np.maximum(0.0, np.minimum(rising, falling)), edges[1:-1]
