"""EEG: band powers of many windows against a loop over windows and channels that calls scipy's Welch."""

from __future__ import annotations

import numpy as np
import pandas as pd

from ...features.eeg import BANDS_HZ, MUSE, EEGBandPower
from ...features.eeg_measures import log_power, relative_power
from ...features.eeg_quality import detrended
from ...features.spectra import Array, band_powers, power_density
from ...features.windows import window_table
from . import Options, Row, side_by_side

RATE_HZ, DURATION_S, QUICK_S = 256.0, 60.0, 4.0
WINDOW_S, STEP_S = 2.0, 1.0
AT_LEAST = 2.0


def benchmark(options: Options) -> list[Row]:
    """Time band powers of a minute of four channels in memory, and from a file with every check there is."""
    n_samples = int(RATE_HZ * (QUICK_S if options.quick else DURATION_S))
    samples = np.random.default_rng(0).normal(scale=20, size=(n_samples, len(MUSE))).round(3)
    size, step = int(WINDOW_S * RATE_HZ), int(STEP_S * RATE_HZ)
    windows = np.lib.stride_tricks.sliding_window_view(samples, size, axis=0)[::step]
    _check_same(_ours(windows), _plain(windows))
    rows = [
        Row(
            f"{len(windows)} windows of EEG in memory",
            *side_by_side(lambda: _ours(windows), lambda: _plain(windows)),
            AT_LEAST,
        )
    ]
    path = options.folder / "recording.csv"
    pd.DataFrame(samples, columns=list(MUSE)).to_csv(path, index=False)
    recordings = pd.DataFrame({"eeg": {"minute": str(path)}})
    table, _ = window_table(recordings, window_s=WINDOW_S, step_s=STEP_S, sampling_rate_hz=RATE_HZ)
    extractor = EEGBandPower(sampling_rate_hz=RATE_HZ)

    def ours() -> Array:
        found = extractor.extract(table)
        if found.n_failed:
            raise RuntimeError(f"{found.n_failed} windows failed")
        return found.features.to_numpy(np.float64)

    def plain() -> Array:
        values = pd.read_csv(path).to_numpy()
        return _plain(np.lib.stride_tricks.sliding_window_view(values, size, axis=0)[::step])

    _check_same(ours(), plain())
    rows.append(Row(f"{len(table)} windows of an EEG file, checked", *side_by_side(ours, plain), AT_LEAST))
    return rows


def _ours(windows: Array) -> Array:
    frequencies, density = power_density(detrended(windows), RATE_HZ)
    powers = band_powers(density, frequencies, BANDS_HZ)
    return np.concatenate([log_power(powers), relative_power(powers)], axis=-1).reshape(len(windows), -1)


def _plain(windows: Array) -> Array:
    from scipy.signal import detrend, welch

    rows = []
    for window in windows:
        row: list[float] = []
        for channel in window:
            frequency, density = welch(detrend(channel), RATE_HZ, nperseg=int(RATE_HZ))
            powers = np.array(
                [density[(frequency >= low) & (frequency < high)].sum() for low, high in BANDS_HZ.values()]
            )
            row += [*np.log10(powers), *(powers / powers.sum())]
        rows.append(row)
    return np.array(rows)


def _check_same(ours: Array, plain: Array) -> None:
    if not np.allclose(ours, plain, atol=1e-4):
        raise RuntimeError(f"the loops differ by {np.abs(ours - plain).max():.3g}; their times do not compare")
