"""EEG of a clip in named numbers: band powers and what else is measured of a few channels."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from itertools import pairwise
from typing import Any, ClassVar, NoReturn

import numpy as np
import numpy.typing as npt
import pandas as pd

from . import eeg_measures as measure
from . import eeg_quality as quality
from .base import Extractor, FeatureNote, FloatArray
from .eeg_notes import MEASURES, OF_CHANNELS, Bands, feature_notes, pairs_of
from .errors import SampleError
from .montage import find_channels, reference
from .recordings import RATE_TOLERANCE, Recording, gap_rows, read_recording, recording_of
from .spectra import Array, band_powers, in_band, power_density

# Delta to low gamma, as in Bird et al. (2018), A study on mental state classification using EEG.
BANDS_HZ = {
    "delta": (1.0, 4.0),
    "theta": (4.0, 8.0),
    "alpha": (8.0, 13.0),
    "beta": (13.0, 30.0),
    "gamma": (30.0, 45.0),
}
MUSE = ("TP9", "AF7", "AF8", "TP10")
CYCLES_NEEDED = 2.0
FITTED_FROM_HZ = 2.0  # below it, drift and the window's own slope bend the 1/f line


class EEGFeatures(Extractor):
    """Band powers, ratios, Hjorth's parameters, asymmetry and covariance of short multichannel EEG.

    Parameters
    ----------
    sampling_rate_hz : float, default=256
        Declared rate; what the file says of it (time column, header) must agree within 5 %.
    channels : sequence of str, default=("TP9", "AF7", "AF8", "TP10")
        Channels by name; case, "EEG " in front, "-REF" behind and the older names T3 to T6 do not matter. Others are
        dropped, a missing or flat one gives NaN columns and a warning.
    bands_hz : mapping of str to (float, float), optional
        Bands in Hz, lower bound included, which must not overlap; delta to gamma by default.
    window_s : float, default=1
        Length of the half-overlapping segments of the spectrum; the recording must be at least as long.
    method : {"welch", "multitaper"}, default="welch"
        See :func:`emofuse.features.spectra.power_density`.
    measures : sequence of str
        Any of ``emofuse.features.eeg_notes.MEASURES``; :meth:`explain` says what each feature is.
    notch_hz : float, optional
        Mains frequency to take out with its harmonics, 50 or 60.
    band_pass_hz : (float, float), optional
        Band to filter to first.
    clip_uv : float, optional
        Values beyond it, either way, are brought to it before anything else.

    Notes
    -----
    The source is what :func:`emofuse.features.recordings.read_recording` reads (CSV in microvolts; EDF, BDF, FIF by mne);
    :meth:`extract_one` also takes a DataFrame with one column a channel, or a ``Recording``. Each channel's linear trend
    is removed first; filters see the clip alone. A clip with a gap in its time stamps is refused. The power of a band is
    its density times its width, so that a relative power is a share of the power of all bands, not of their densities.

    Examples
    --------
    >>> noise = np.random.default_rng(0).normal(scale=10, size=(512, 4))
    >>> EEGFeatures(measures=["hjorth"]).extract_one(pd.DataFrame(noise, columns=MUSE)).shape
    (12,)
    """

    source_column: ClassVar[str] = "eeg"
    schema: ClassVar[int] = 2
    libraries: ClassVar[tuple[str, ...]] = ("numpy", "scipy")
    variants: ClassVar[tuple[dict[str, Any], ...]] = ({"measures": tuple(MEASURES)},)

    def __init__(
        self,
        sampling_rate_hz: float = 256.0,
        channels: Sequence[str] = MUSE,
        bands_hz: Mapping[str, tuple[float, float]] | None = None,
        window_s: float = 1.0,
        method: str = "welch",
        measures: Sequence[str] = (
            "log_power",
            "relative_power",
            "band_ratios",
            "hjorth",
            "line_length",
            "zero_crossings",
            "asymmetry",
            "log_covariance",
            "correlation",
        ),
        notch_hz: float | None = None,
        band_pass_hz: tuple[float, float] | None = None,
        clip_uv: float | None = None,
    ) -> None:
        self.sampling_rate_hz = sampling_rate_hz
        self.channels = channels
        self.bands_hz = bands_hz
        self.window_s = window_s
        self.method = method
        self.measures = measures
        self.notch_hz = notch_hz
        self.band_pass_hz = band_pass_hz
        self.clip_uv = clip_uv

    def get_feature_names_out(self, input_features: Any = None) -> npt.NDArray[np.object_]:
        """Return ``<channel>_<what>`` channel by channel, then ``<left>-<right>_<what>`` of pairs of channels."""
        bands = self._check_parameters()
        names = list(feature_notes(self.measures, self.channels, bands))
        if not names:
            raise ValueError(f"measures {list(self.measures)} need more channels or bands than are named")
        return np.array(names, dtype=object)

    def _describe(self, feature: str) -> FeatureNote:
        return feature_notes(self.measures, self.channels, self._check_parameters())[feature]

    def _check_parameters(self) -> Bands:
        """Return the bands in use; raise ValueError where a parameter makes no sense."""
        half = self.sampling_rate_hz / 2
        if isinstance(self.channels, str) or not 0 < len(set(self.channels)) == len(self.channels):
            raise ValueError(f"channels must be a list of different names, got {self.channels!r}")
        unknown = [name for name in self.measures if name not in MEASURES]
        if unknown or isinstance(self.measures, str) or not 0 < len(set(self.measures)) == len(self.measures):
            raise ValueError(f"measures must be different names out of {list(MEASURES)}, got {self.measures!r}")
        if self.method not in ("welch", "multitaper"):
            raise ValueError(f"method must be 'welch' or 'multitaper', got {self.method!r}")
        if self.notch_hz is not None and not 0 < self.notch_hz < half:
            raise ValueError(f"notch_hz must be above 0 and below {half:g} Hz, got {self.notch_hz!r}")
        if self.band_pass_hz is not None and not 0 < self.band_pass_hz[0] < self.band_pass_hz[1] < half:
            raise ValueError(f"band_pass_hz must rise between 0 and {half:g} Hz, got {self.band_pass_hz!r}")
        if self.clip_uv is not None and not self.clip_uv > 0:
            raise ValueError(f"clip_uv must be above 0, got {self.clip_uv!r}")
        bands = (
            BANDS_HZ if self.bands_hz is None else {name: (low, high) for name, (low, high) in self.bands_hz.items()}
        )
        _check_bands(tuple(bands.items()), self.sampling_rate_hz, self.window_s)
        return bands

    def _decode(self, data: bytes, start_s: float | None, end_s: float | None) -> Recording:
        return read_recording(data, sampling_rate_hz=self.sampling_rate_hz, start_s=start_s, end_s=end_s)

    def _accept(self, source: Any) -> Recording:
        if isinstance(source, pd.DataFrame):
            return recording_of(source, self.sampling_rate_hz)
        if not isinstance(source, Recording):
            raise SampleError("bad_array", f"a path, DataFrame or Recording is needed, got {type(source).__name__}")
        if abs(source.sampling_rate_hz / self.sampling_rate_hz - 1) > RATE_TOLERANCE:
            raise SampleError(
                "wrong_rate",
                f"{self.sampling_rate_hz:g} Hz declared, the recording has {source.sampling_rate_hz:g}; correct one",
            )
        return source

    def _measure(self, signal: Recording) -> tuple[FloatArray, tuple[str, ...]]:
        bands = self._check_parameters()
        rate = self.sampling_rate_hz
        lowest = min((low for low, _ in bands.values() if low > 0), default=1.0)
        needed = max(CYCLES_NEEDED / lowest, self.window_s)
        if len(signal.samples) < needed * rate:
            raise SampleError(
                "too_short",
                f"{needed:g} s (two cycles of the lowest band, and one window) needed, got "
                f"{len(signal.samples) / rate:.3f} s; drop it or pass on_error='absent'",
            )
        if signal.times_s is not None and len(gap_rows(signal.times_s, rate)):
            (left, right), *_ = signal.gaps
            raise SampleError("gap", f"time jumps from {left:.3f} to {right:.3f} s; cut it into windows without gaps")
        places = find_channels(self.channels, signal.channels)
        if not places:
            raise SampleError(
                "bad_channels", f"none of the channels {list(self.channels)} in {list(signal.channels)[:8]}"
            )
        raw = np.ascontiguousarray(signal.samples[:, list(places.values())].T)
        level = np.abs(raw).max(axis=-1)
        if not (level <= np.finfo(np.float32).max).all():
            _refuse_bad_values(raw, list(places))
        wave = raw if self.clip_uv is None else np.clip(raw, -self.clip_uv, self.clip_uv)
        wave = quality.detrended(wave)
        flat = quality.is_flat(wave, level)
        used = [name for name, dead in zip(places, flat, strict=True) if not dead]
        warnings = [*signal.warnings, *self._absences(signal, places, used, lowest)]
        if not used:
            raise SampleError("flat", f"channels {list(places)} are flat: no signal was recorded; drop it")
        wave = wave[~flat]
        if self.notch_hz is not None:
            wave = quality.without_mains(wave, rate, self.notch_hz)
        if self.band_pass_hz is not None:
            wave = quality.band_passed(wave, rate, self.band_pass_hz)
        spectrum = power_density(wave, rate, segment_s=self.window_s, method=self.method)
        limits = None if signal.limits_uv is None else signal.limits_uv[list(places.values())][~flat]
        warnings += quality.doubts(used, raw[~flat], wave, rate, spectrum, limits)
        return self._features(used, wave, *spectrum, bands), tuple(warnings)

    def _absences(self, signal: Recording, places: Mapping[str, int], used: list[str], lowest: float) -> list[str]:
        warnings = [f"missing: channel {name}" for name in self.channels if name not in places]
        warnings += [f"flat: channel {name}" for name in places if name not in used]
        if self.window_s * lowest < 1:
            warnings.append(f"short: window_s {self.window_s:g} s holds less than a cycle of {lowest:g} Hz")
        named = {found for at in places.values() if (found := reference(signal.channels[at]))}
        if len(named) > 1:
            warnings.append(
                f"reference: channels are against {' and '.join(sorted(named))}; their powers do not compare"
            )
        return warnings

    def _features(self, used: list[str], wave: Array, frequencies: Array, density: Array, bands: Bands) -> FloatArray:
        """Measure the channels in use, and leave NaN where the others would be."""
        rate, powers = self.sampling_rate_hz, band_powers(density, frequencies, bands)
        whole = min(low for low, _ in bands.values()), max(high for _, high in bands.values())
        fitted = (max(FITTED_FROM_HZ, whole[0]), whole[1])
        of_channels: dict[str, Callable[[], Array]] = {
            "log_power": lambda: measure.log_power(powers),
            "relative_power": lambda: measure.relative_power(powers),
            "absolute_power": lambda: powers,
            "differential_entropy": lambda: measure.differential_entropy(powers),
            "band_ratios": lambda: measure.band_ratios(powers, bands),
            "hjorth": lambda: measure.hjorth(wave, rate),
            "line_length": lambda: measure.line_length(wave, rate)[:, None],
            "zero_crossings": lambda: measure.zero_crossings(wave, rate)[:, None],
            "spectral_edge": lambda: measure.spectral_edge(density, frequencies, whole)[:, None],
            "spectral_entropy": lambda: measure.spectral_entropy(density, frequencies, whole)[:, None],
            "aperiodic": lambda: measure.aperiodic(density, frequencies, fitted),
        }
        rows = [of_channels[name]() for name in self.measures if MEASURES[name].over in OF_CHANNELS]
        parts = []
        if rows:
            table = np.concatenate(rows, axis=-1)
            full = np.full((len(self.channels), table.shape[1]), np.nan)
            full[[list(self.channels).index(name) for name in used]] = table
            parts.append(full.ravel())
        for name in self.measures:
            over = MEASURES[name].over
            if over in OF_CHANNELS:
                continue
            wanted, there = pairs_of(over, self.channels), pairs_of(over, used)
            width = len(bands) if over == "homologous" else 1
            full = np.full((len(wanted), width), np.nan)
            if there:
                full[[wanted.index(pair) for pair in there]] = self._of_pairs(name, there, used, wave, powers)
            parts.append(full.ravel())
        return np.concatenate(parts).astype(np.float32)

    def _of_pairs(self, name: str, pairs: list[tuple[str, str]], used: list[str], wave: Array, powers: Array) -> Array:
        if name == "asymmetry":
            left, right = ([used.index(pair[side]) for pair in pairs] for side in (0, 1))
            return measure.asymmetry(powers[left], powers[right])
        return (measure.log_covariance if name == "log_covariance" else measure.correlation)(wave)[:, None]


class EEGBandPower(EEGFeatures):
    """Log and relative band powers alone: the default subset of :class:`EEGFeatures`, with its parameters of the same name.

    Examples
    --------
    >>> EEGBandPower(channels=["Fz"], bands_hz={"alpha": (8, 13)}).get_feature_names_out().tolist()
    ['Fz_alpha_log', 'Fz_alpha_relative']
    """

    variants: ClassVar[tuple[dict[str, Any], ...]] = ({},)
    method = "welch"
    measures = ("log_power", "relative_power")
    notch_hz = None
    band_pass_hz = None
    clip_uv = None

    def __init__(
        self,
        sampling_rate_hz: float = 256.0,
        channels: Sequence[str] = MUSE,
        bands_hz: Mapping[str, tuple[float, float]] | None = None,
        window_s: float = 1.0,
    ) -> None:
        self.sampling_rate_hz = sampling_rate_hz
        self.channels = channels
        self.bands_hz = bands_hz
        self.window_s = window_s


@lru_cache(maxsize=64)
def _check_bands(bands: tuple[tuple[str, tuple[float, float]], ...], rate: float, window_s: float) -> None:
    if not bands:
        raise ValueError("bands_hz is empty; name at least one band, or None for delta to gamma")
    frequencies: Array = np.asarray(
        np.fft.rfftfreq(max(1, round(window_s * rate)), 1 / rate) if rate > 0 else [], float
    )
    for name, (low, high) in bands:
        if not 0 <= low < high <= rate / 2:
            raise ValueError(f"band {name!r} ({low} to {high} Hz) must rise and stay below half the rate of {rate} Hz")
        if not in_band(frequencies, (low, high)).any():
            raise ValueError(f"band {name!r} ({low} to {high} Hz) needs a window_s longer than {window_s} s")
    for (lower, (_, end)), (upper, (start, _)) in pairwise(sorted(bands, key=lambda band: band[1])):
        if start < end:
            raise ValueError(f"bands {lower!r} and {upper!r} overlap; end the one where the other begins")


def _refuse_bad_values(raw: Array, channels: Sequence[str]) -> NoReturn:
    counts = (~(np.abs(raw) <= np.finfo(np.float32).max)).sum(axis=-1)
    name, count = next((name, count) for name, count in zip(channels, counts, strict=True) if count)
    raise SampleError("not_finite", f"channel {name}: {count} values are no finite numbers; repair or drop it")
