"""The names of EEG features, and what each one measures: by channel first, then by pairs of channels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations, combinations_with_replacement
from typing import NamedTuple

from .base import FeatureNote
from .eeg_measures import usable_ratios
from .montage import homologous_pairs

Bands = Mapping[str, tuple[float, float]]


class Measure(NamedTuple):
    """One measure: what it runs over, and for each of its values the end of the name, a sentence, and the unit."""

    over: str
    values: tuple[tuple[str, str, str], ...]
    source: str


WELCH = "Welch (1967), IEEE Transactions on Audio and Electroacoustics 15(2)"
MEASURES = {
    "log_power": Measure(
        "band", (("log", "log10 of the power {band}", "log10 µV²"),), f"{WELCH}; bands: Bird et al. (2018), IEEE IS"
    ),
    "relative_power": Measure("band", (("relative", "share of the power {band} in that of all bands", "1"),), WELCH),
    "absolute_power": Measure("band", (("power", "power {band}", "µV²"),), WELCH),
    "differential_entropy": Measure(
        "band",
        (("differential_entropy", "differential entropy {band}, taken as Gaussian", "nat"),),
        "Shi, Jiao and Lu (2013), Differential entropy feature for EEG-based vigilance estimation, EMBC",
    ),
    "band_ratios": Measure(
        "ratio",
        (("ratio", "log10 of the ratio of power {ratio}", "1"),),
        "theta/beta: Lubar (1991), Biofeedback and Self-Regulation 16(3); alpha/beta and theta/alpha: Raufi and Longo "
        "(2022), Frontiers in Neuroinformatics 16; engagement: Pope et al. (1995), Biological Psychology 40; slow/fast: "
        "Finnigan et al. (2016), Clinical Neurophysiology 127(2)",
    ),
    "hjorth": Measure(
        "channel",
        (
            ("activity", "Hjorth's activity: variance", "µV²"),
            ("mobility", "Hjorth's mobility: standard deviation of the slope over that of the signal", "1/s"),
            ("complexity", "Hjorth's complexity: mobility of the slope over that of the signal, 1 for a sine", "1"),
        ),
        "Hjorth (1970), Electroencephalography and Clinical Neurophysiology 29",
    ),
    "line_length": Measure(
        "channel", (("line_length", "mean absolute change per second", "µV/s"),), "Esteller et al. (2001), EMBC"
    ),
    "zero_crossings": Measure(
        "channel",
        (("zero_crossings", "changes of sign per second, after the trend is removed", "1/s"),),
        "Kedem (1986), Proceedings of the IEEE 74(11)",
    ),
    "spectral_edge": Measure(
        "channel",
        (("spectral_edge", "frequency below which 95 % of the power from {range} lies", "Hz"),),
        "Rampil (1998), Anesthesiology 89(4)",
    ),
    "spectral_entropy": Measure(
        "channel",
        (("spectral_entropy", "evenness of the spectrum from {range}: 0 for one frequency, 1 for white noise", "1"),),
        "Inouye et al. (1991), Electroencephalography and Clinical Neurophysiology 79(3)",
    ),
    "aperiodic": Measure(
        "channel",
        (
            ("aperiodic_exponent", "steepness of the 1/f line through the spectrum without its peaks", "1"),
            ("aperiodic_offset", "height of the 1/f line at 1 Hz", "log10 µV²/Hz"),
        ),
        "Donoghue et al. (2020), Nature Neuroscience 23",
    ),
    "asymmetry": Measure(
        "homologous",
        (("asymmetry", "log10 power {band} at the right channel less that at the left one", "1"),),
        "Davidson (1992), Brain and Cognition 20(1)",
    ),
    "log_covariance": Measure(
        "pair or itself",
        (("log_covariance", "entry of the matrix logarithm of the covariance between channels", "log µV²"),),
        "Barachant et al. (2013), Neurocomputing 112",
    ),
    "correlation": Measure(
        "pair",
        (("correlation", "correlation of two channels", "1"),),
        "Pearson (1895), Proceedings of the Royal Society 58",
    ),
}
OF_CHANNELS = ("band", "ratio", "channel")


def feature_notes(measures: Sequence[str], channels: Sequence[str], bands: Bands) -> dict[str, FeatureNote]:
    """Return what each feature is, in the order in which they are measured."""
    notes: dict[str, FeatureNote] = {}
    for channel in channels:
        for name in measures:
            if MEASURES[name].over in OF_CHANNELS:
                notes |= _notes(MEASURES[name], channel, f"at {channel}", bands)
    for name in measures:
        if MEASURES[name].over not in OF_CHANNELS:
            for first, second in pairs_of(MEASURES[name].over, channels):
                notes |= _notes(MEASURES[name], f"{first}-{second}", f"of {first} and {second}", bands)
    return notes


def pairs_of(over: str, channels: Sequence[str]) -> list[tuple[str, str]]:
    """Return the pairs of channels that a measure runs over."""
    if over == "homologous":
        return homologous_pairs(channels)
    return list((combinations if over == "pair" else combinations_with_replacement)(channels, 2))


def _notes(measure: Measure, place: str, where: str, bands: Bands) -> dict[str, FeatureNote]:
    low, high = min(low for low, _ in bands.values()), max(high for _, high in bands.values())
    whole = f"{low:g} to {high:g} Hz"
    parts: dict[str, dict[str, str]] = {"": {"range": whole}}
    if measure.over in ("band", "homologous"):
        parts = {f"{name}_": {"band": f"from {a:g} to {b:g} Hz ({name})"} for name, (a, b) in bands.items()}
    elif measure.over == "ratio":
        sides = {name: ["+".join(side) for side in both] for name, both in usable_ratios(bands).items()}
        parts = {f"{name}_": {"ratio": f"{top} to {bottom}"} for name, (top, bottom) in sides.items()}
    return {
        f"{place}_{part}{end}": FeatureNote(f"{sentence.format(**words)}, {where}", unit, measure.source)
        for end, sentence, unit in measure.values
        for part, words in parts.items()
    }
