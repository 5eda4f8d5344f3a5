"""Band powers of a short multichannel EEG recording with a declared rate."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
import pandas as pd

from .base import Extractor, FloatArray
from .errors import SampleError, TableError
from .media import check_bounds
from .samples import parse_csv

TIME_COLUMNS = ("timestamps", "timestamp", "time", "time_s")
# Delta to low gamma, as in Bird et al. (2018), A study on mental state classification using EEG.
BANDS_HZ = {
    "delta": (1.0, 4.0),
    "theta": (4.0, 8.0),
    "alpha": (8.0, 13.0),
    "beta": (13.0, 30.0),
    "gamma": (30.0, 45.0),
}
RATE_TOLERANCE = 0.05


class EEGBandPower(Extractor):
    """Log and relative band powers per channel, by Welch's method [1]_.

    Parameters
    ----------
    sampling_rate_hz : float, default=256
        Declared rate; where the table has a time column in seconds, the two must agree within 5 %.
    channels : sequence of str, default=("TP9", "AF7", "AF8", "TP10")
        Channels by name; others are dropped, a missing or flat one gives NaN columns and a warning.
    bands_hz : mapping of str to (float, float), optional
        Bands in Hz, lower bound included, which must not overlap; delta to gamma by default.
    window_s : float, default=1
        Length of Welch's segments, half overlapping; the recording must be at least as long.

    Notes
    -----
    The source is CSV, one column a channel in microvolts; :meth:`extract_one` also takes a DataFrame. Each channel's
    linear trend is removed first. ``log`` features are log10 of a band's mean power density (microvolts squared per
    Hz), ``relative`` ones its share in the sum of those densities over all bands.

    References
    ----------
    .. [1] Welch (1967), The use of fast Fourier transform for the estimation of power spectra, IEEE TAE 15(2).
    """

    source_column: ClassVar[str] = "eeg"
    libraries: ClassVar[tuple[str, ...]] = ("scipy",)

    def __init__(
        self,
        sampling_rate_hz: float = 256.0,
        channels: Sequence[str] = ("TP9", "AF7", "AF8", "TP10"),
        bands_hz: Mapping[str, tuple[float, float]] | None = None,
        window_s: float = 1.0,
    ) -> None:
        self.sampling_rate_hz = sampling_rate_hz
        self.channels = channels
        self.bands_hz = bands_hz
        self.window_s = window_s

    def get_feature_names_out(self, input_features: Any = None) -> npt.NDArray[np.object_]:
        """Return ``<channel>_<band>_log`` and ``<channel>_<band>_relative``."""
        bands = self._check_parameters()
        names = [
            f"{channel}_{band}_{kind}" for channel in self.channels for kind in ("log", "relative") for band in bands
        ]
        return np.array(names, dtype=object)

    def _check_parameters(self) -> Mapping[str, tuple[float, float]]:
        """Return the bands in use; raise ValueError where a parameter makes no sense."""
        if isinstance(self.channels, str) or not 0 < len(set(self.channels)) == len(self.channels):
            raise ValueError(f"channels must be a list of different names, got {self.channels!r}")
        bands = BANDS_HZ if self.bands_hz is None else self.bands_hz
        if not bands:
            raise ValueError("bands_hz is empty; name at least one band, or None for delta to gamma")
        for name, (low, high) in bands.items():
            if not 0 <= low < high <= self.sampling_rate_hz / 2:
                raise ValueError(
                    f"band {name!r} ({low} to {high} Hz) must rise and stay below half the rate of {self.sampling_rate_hz} Hz"
                )
            frequencies = np.fft.rfftfreq(max(1, self._segment()), 1 / self.sampling_rate_hz)
            if not ((frequencies >= low) & (frequencies < high)).any():
                raise ValueError(f"band {name!r} ({low} to {high} Hz) needs a window_s longer than {self.window_s} s")
        for lower, upper in pairwise(sorted(bands, key=lambda name: bands[name])):
            if bands[upper][0] < bands[lower][1]:
                raise ValueError(f"bands {lower!r} and {upper!r} overlap; end the one where the other begins")
        return bands

    def _segment(self) -> int:
        return round(self.window_s * self.sampling_rate_hz)

    def _decode(self, data: bytes, start_s: float | None, end_s: float | None) -> pd.DataFrame:
        try:
            table = parse_csv(data, "EEG table")
        except TableError as error:
            raise SampleError("not_a_table", str(error)) from None
        check_bounds(start_s, end_s)
        first = 0 if start_s is None else round(start_s * self.sampling_rate_hz)
        last = None if end_s is None else round(end_s * self.sampling_rate_hz)
        return self._accept(table.iloc[first:last])

    def _accept(self, source: Any) -> pd.DataFrame:
        if not isinstance(source, pd.DataFrame):
            raise SampleError("bad_array", f"a path or a DataFrame is needed, got {type(source).__name__}")
        if not source.columns.is_unique:
            raise SampleError("bad_channels", "two channels have the same name; rename one")
        if not set(self.channels) & set(source.columns):
            raise SampleError(
                "bad_channels", f"none of the channels {list(self.channels)} in {list(source.columns)[:8]}"
            )
        self._check_rate(source)
        return source

    def _check_rate(self, table: pd.DataFrame) -> None:
        for column in TIME_COLUMNS:
            if column in table and len(table) > 2:
                steps = np.diff(pd.to_numeric(table[column], errors="coerce"))
                found = 1.0 / max(float(np.nanmean(steps)), 1e-9) if np.isfinite(steps).any() else np.nan
                if abs(found / self.sampling_rate_hz - 1) > RATE_TOLERANCE:
                    raise SampleError(
                        "wrong_rate",
                        f"{self.sampling_rate_hz:g} Hz declared, {column!r} says {found:.4g} Hz; correct one",
                    )
                return

    def _measure(self, signal: pd.DataFrame) -> tuple[FloatArray, tuple[str, ...]]:
        from scipy.signal import welch

        bands = self._check_parameters()
        needed = max(2.0 / min((low for low, _ in bands.values() if low > 0), default=1.0), self.window_s)
        if len(signal) < needed * self.sampling_rate_hz:
            raise SampleError(
                "too_short",
                f"{needed:g} s (two cycles of the lowest band, and one window) needed, got "
                f"{len(signal) / self.sampling_rate_hz:.3f} s; drop it or pass on_error='absent'",
            )
        warnings: list[str] = []
        rows = []
        for channel in self.channels:
            values = self._channel(signal, channel, warnings)
            if values is None:
                rows += [np.nan] * (2 * len(bands))
                continue
            frequency, density = welch(values, self.sampling_rate_hz, nperseg=self._segment())
            powers = np.array([density[(frequency >= low) & (frequency < high)].mean() for low, high in bands.values()])
            rows += [*np.log10(powers), *(powers / powers.sum())]
        return np.array(rows, dtype=np.float32), tuple(warnings)

    def _channel(self, signal: pd.DataFrame, channel: str, warnings: list[str]) -> npt.NDArray[np.float64] | None:
        from scipy.signal import detrend

        if channel not in signal:
            warnings.append(f"channel {channel} is missing")
            return None
        values = pd.to_numeric(signal[channel], errors="coerce").to_numpy(dtype=np.float64)
        bad = ~(np.abs(values) <= np.finfo(np.float32).max)
        if bad.any():
            raise SampleError(
                "not_finite", f"channel {channel}: {bad.sum()} values are no finite numbers; repair or drop it"
            )
        wave = detrend(values)
        if np.ptp(wave) < 1e-9 * max(1.0, np.abs(values).max()):
            warnings.append(f"channel {channel} is flat")
            return None
        return wave
