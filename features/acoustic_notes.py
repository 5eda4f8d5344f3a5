"""What each openSMILE feature measures: a name is a descriptor of frames, then a functional over the clip.

``F0final_sma_de_upleveltime75`` is taken apart into descriptor (F0final), smoothing (sma), delta (de) and functional
(upleveltime75), each with its words, unit and reference; a name that cannot be taken apart is an error.
"""

from __future__ import annotations

import re

from .base import FeatureNote

OPENSMILE = "Eyben (2016), Real-time Speech and Music Classification by Large Audio Feature Space Extraction, Springer"
GEMAPS = "Eyben et al. (2016), The Geneva Minimalistic Acoustic Parameter Set (GeMAPS), IEEE TAC 7(2)"
SHS = "Hermes (1988), Measurement of pitch by subharmonic summation, JASA 83(1)"
MFCC = "Davis and Mermelstein (1980), Comparison of parametric representations for word recognition, IEEE TASSP 28(4)"
PLP = "Hermansky (1990), Perceptual linear predictive (PLP) analysis of speech, JASA 87(4)"
RASTA = "Hermansky and Morgan (1994), RASTA processing of speech, IEEE TSAP 2(4)"
LINE_SPECTRUM = "Itakura (1975), Line spectrum representation of linear predictor coefficients, JASA 57(S1)"
HAMMARBERG = "Hammarberg et al. (1980), Perceptual and acoustic correlates of abnormal voice qualities, Acta Oto-Laryngologica 90"
SHARPNESS = "Zwicker and Fastl (1999), Psychoacoustics: Facts and Models, Springer"

SET_SOURCES = {
    "ComParE_2016": "Schuller et al. (2016), The Interspeech 2016 Computational Paralinguistics Challenge",
    "emobase": "Eyben, Woellmer and Schuller (2009), openEAR: the Munich open-source emotion and affect toolkit, ACII",
    "IS09": "Schuller, Steidl and Batliner (2009), The Interspeech 2009 Emotion Challenge",
    "IS10": "Schuller et al. (2010), The Interspeech 2010 Paralinguistic Challenge",
    "IS11": "Schuller et al. (2011), The Interspeech 2011 Speaker State Challenge",
    "IS12": "Schuller et al. (2012), The Interspeech 2012 Speaker Trait Challenge",
    "IS13": "Schuller et al. (2013), The Interspeech 2013 Computational Paralinguistics Challenge",
    **dict.fromkeys(("GeMAPS", "GeMAPSv01b", "eGeMAPS", "eGeMAPSv01b", "eGeMAPSv02"), GEMAPS),
}

# Pattern of a descriptor's name (without smoothing and delta), what it measures in a frame, its unit and its source.
DESCRIPTORS = (
    (r"F0semitoneFrom27\.5Hz", "pitch (F0), counted from 27.5 Hz on, of voiced frames", "semitone", SHS),
    (r"F0final", "pitch (F0) by subharmonic summation and a Viterbi path, of voiced frames", "Hz", SHS),
    (r"F0finEnv", "envelope of the pitch (F0), carried on through unvoiced frames", "Hz", SHS),
    (r"F0", "pitch (F0) by autocorrelation and cepstrum, 0 where unvoiced", "Hz", OPENSMILE),
    (r"F0env", "envelope of the pitch (F0), carried on through unvoiced frames", "Hz", OPENSMILE),
    (r"voicingFinalUnclipped", "probability of voicing, from the subharmonic sums", "1", SHS),
    (r"voiceProb", "probability of voicing, from the autocorrelation", "1", OPENSMILE),
    (r"jitterLocal", "jitter: difference of neighbouring pitch periods over the mean period", "1", OPENSMILE),
    (
        r"jitterDDP",
        "change of jitter: difference of neighbouring period differences over the mean period",
        "1",
        OPENSMILE,
    ),
    (
        r"shimmerLocal",
        "shimmer: difference of neighbouring periods' amplitudes over the mean amplitude",
        "1",
        OPENSMILE,
    ),
    (r"shimmerLocaldB", "shimmer: level difference of neighbouring pitch periods", "dB", GEMAPS),
    (r"logHNR", "logarithmic ratio of harmonic to noise energy, by matching of pitch periods", "dB", OPENSMILE),
    (r"HNRdBACF", "ratio of harmonic to noise energy, from the autocorrelation", "dB", GEMAPS),
    (r"logRelF0-H1-H2", "level of the first harmonic above that of the second", "dB", GEMAPS),
    (
        r"logRelF0-H1-A3",
        "level of the first harmonic above the highest one in the range of the third formant",
        "dB",
        GEMAPS,
    ),
    (r"F([123])frequency", "centre frequency of formant {0}", "Hz", GEMAPS),
    (r"F([123])bandwidth", "bandwidth of formant {0}", "Hz", GEMAPS),
    (r"F([123])amplitudeLogRelF0", "level of the spectral peak at formant {0}, relative to that at F0", "dB", GEMAPS),
    (r"[Ll]oudness", "perceived loudness, the sum of an auditory spectrum", "1", PLP),
    (r"alphaRatio(U?V?)", "level of 1 to 5 kHz relative to 50 Hz to 1 kHz{0}", "dB", GEMAPS),
    (r"hammarbergIndex(U?V?)", "strongest level up to 2 kHz above the strongest of 2 to 5 kHz{0}", "dB", HAMMARBERG),
    (r"slope(U?V?)(\d+)-(\d+)", "slope of the logarithmic power spectrum from {1} to {2} Hz{0}", "dB/Hz", GEMAPS),
    (r"spectralFlux(U?V?)", "spectral flux: squared difference of consecutive spectra{0}", "1", OPENSMILE),
    (r"mfcc(\d)(V?)", "mel-frequency cepstral coefficient {0}{1}", "1", MFCC),
    (r"(?:pcm_fftMag_)?mfcc\[(\d+)\]", "mel-frequency cepstral coefficient {0}", "1", MFCC),
    (r"logMelFreqBand\[(\d+)\]", "logarithmic power of mel band {0}, counted from 0 (lowest)", "1", MFCC),
    (r"lspFreq\[(\d+)\]", "frequency of line spectral pair {0}, counted from 0, of 8 predictors", "rad", LINE_SPECTRUM),
    (r"pcm_intensity", "intensity: mean square of the windowed samples", "1", OPENSMILE),
    (r"pcm_loudness", "loudness: intensity raised to the power .3", "1", OPENSMILE),
    (r"audspec_lengthL1norm", "loudness: sum of the auditory spectrum", "1", PLP),
    (r"audspecRasta_lengthL1norm", "modulated loudness: sum of the RASTA-filtered auditory spectrum", "1", RASTA),
    (r"audSpec_Rfilt\[(\d+)\]", "RASTA-filtered auditory band {0} of 26, counted from 0 (lowest)", "1", RASTA),
    (r"pcm_RMSenergy", "root mean square of the samples", "1", OPENSMILE),
    (r"pcm_zcr", "rate of zero crossings, of all samples", "1", OPENSMILE),
    (r"pcm_fftMag_fband(\d+)-(\d+)", "spectral energy from {0} to {1} Hz", "1", OPENSMILE),
    (r"pcm_fftMag_spectralRollOff([\d.]+)", "frequency below which {0} % of the spectral energy lies", "Hz", OPENSMILE),
    (r"pcm_fftMag_spectralFlux", "spectral flux: squared difference of consecutive spectra", "1", OPENSMILE),
    (r"pcm_fftMag_spectralCentroid", "centre of gravity of the spectrum", "Hz", OPENSMILE),
    (r"pcm_fftMag_spectralEntropy", "entropy of the spectrum taken as a distribution", "bit", OPENSMILE),
    (r"pcm_fftMag_spectralVariance", "spread of the spectrum about its centroid", "Hz²", OPENSMILE),
    (r"pcm_fftMag_spectralSkewness", "skewness of the spectrum about its centroid", "1", OPENSMILE),
    (r"pcm_fftMag_spectralKurtosis", "kurtosis of the spectrum about its centroid", "1", OPENSMILE),
    (r"pcm_fftMag_spectralSlope", "slope of the least-squares line through the spectrum", "1/Hz", OPENSMILE),
    (r"pcm_fftMag_psySharpness", "psychoacoustic sharpness", "1", SHARPNESS),
    (r"pcm_fftMag_spectralHarmonicity", "harmonicity: how far spectral peaks stand out of the valleys", "1", OPENSMILE),
)
VOICING = {"V": ", of voiced frames", "UV": ", of unvoiced frames"}

# What a functional says of the series, and its unit where that of the series is u; {0}, {1} are numbers in its name.
FUNCTIONALS = (
    (r"amean", "mean", "u"),
    (r"posamean", "mean of the positive values", "u"),
    (r"qmean", "mean square", "u²"),
    (r"rqmean", "root mean square", "u"),
    (r"flatness", "flatness: geometric over arithmetic mean of the absolute values", "1"),
    (r"nnz", "share of frames that are not 0", "1"),
    (r"max", "maximum", "u"),
    (r"min", "minimum", "u"),
    (r"range", "range from minimum to maximum", "u"),
    (r"maxPos", "time of the maximum{place}", "time"),
    (r"minPos", "time of the minimum{place}", "time"),
    (r"stddev", "standard deviation", "u"),
    (r"stddevNorm", "coefficient of variation: standard deviation over mean", "1"),
    (r"skewness", "skewness (third standardised moment)", "1"),
    (r"kurtosis", "kurtosis (fourth standardised moment)", "1"),
    (r"quartile([123])", "quartile {0}", "u"),
    (r"iqr([123])-([123])", "range from quartile {0} to quartile {1}", "u"),
    (r"percentile(\d+)\.0", "{0} % quantile", "u"),
    (r"pctlrange0-1", "range from the 1 % to the 99 % quantile", "u"),
    (r"pctlrange0-2", "range from the 20 % to the 80 % quantile", "u"),
    (r"linregc1", "slope of the least-squares line{fit}", "u/t"),
    (r"linregc2", "offset of the least-squares line{fit}", "fitted"),
    (r"linregerrA", "mean absolute error of the least-squares line{fit}", "fitted"),
    (r"linregerrQ", "mean squared error of the least-squares line{fit}", "fitted²"),
    (r"qregc1", "quadratic coefficient of the least-squares parabola{fit}", "u/t²"),
    (r"qregc2", "linear coefficient of the least-squares parabola{fit}", "u/t"),
    (r"qregc3", "offset of the least-squares parabola{fit}", "fitted"),
    (r"qregerrQ", "mean squared error of the least-squares parabola{fit}", "fitted²"),
    (r"centroid", "centre of gravity over time, as a share of the clip", "1"),
    (r"meanSegLen", "mean length of its segments between threshold crossings", "s"),
    (r"maxSegLen", "length of its longest segment between threshold crossings", "s"),
    (r"minSegLen", "length of its shortest segment between threshold crossings", "s"),
    (r"segLenStddev", "standard deviation of the lengths of its segments between threshold crossings", "s"),
    (r"upleveltime(\d+)", "share of time above {0} % of the range", "1"),
    (r"downleveltime(\d+)", "share of time below {0} % of the range", "1"),
    (r"risetime", "share of time in which it rises", "1"),
    (r"falltime", "share of time in which it falls", "1"),
    (r"leftctime", "share of time in which it curves to the left", "1"),
    (r"rightctime", "share of time in which it curves to the right", "1"),
    (r"duration", "duration", "s"),
    (r"lpgain", "gain of the linear prediction of the series from its past", "1"),
    (r"lpc(\d)", "coefficient {0}, counted from 0, of the linear prediction of the series from its past", "1"),
    (r"peakMean", "mean of its peaks", "u"),
    (r"peakMeanAbs", "mean of its peaks", "u"),
    (r"peakMeanRel", "mean of its peaks over its mean", "1"),
    (r"peakMeanMeanDist", "mean of its peaks less its mean", "u"),
    (r"peakRangeAbs", "range of its peaks", "u"),
    (r"peakRangeRel", "range of its peaks over its own range", "1"),
    (r"minRangeRel", "range of its valleys over its own range", "1"),
    (r"meanPeakDist", "mean time between peaks", "s"),
    (r"peakDistStddev", "standard deviation of the times between peaks", "s"),
    (r"meanRisingSlope", "mean slope of the rises from valley to peak", "u/s"),
    (r"stddevRisingSlope", "standard deviation of the slopes of the rises from valley to peak", "u/s"),
    (r"meanFallingSlope", "mean slope of the falls from peak to valley", "u/s"),
    (r"stddevFallingSlope", "standard deviation of the slopes of the falls from peak to valley", "u/s"),
)

# Features that are no functional of a named descriptor.
SINGLE = {
    "loudnessPeaksPerSec": ("number of loudness peaks a second", "1/s"),
    "VoicedSegmentsPerSec": ("number of stretches of voiced frames a second (pseudo syllable rate)", "1/s"),
    "MeanVoicedSegmentLengthSec": ("mean length of the stretches of voiced frames", "s"),
    "StddevVoicedSegmentLengthSec": ("standard deviation of the lengths of the stretches of voiced frames", "s"),
    "MeanUnvoicedSegmentLength": ("mean length of the stretches of unvoiced frames (pauses)", "s"),
    "StddevUnvoicedSegmentLength": ("standard deviation of the lengths of the stretches of unvoiced frames", "s"),
    "equivalentSoundLevel_dBp": ("equivalent sound level: logarithm of the mean power of the frames", "dB"),
    "F0final__Turn_numOnsets": ("number of onsets of the voice (pseudo syllables), over the length of the clip", "1"),
    "F0final__Turn_duration": ("duration of the clip", "s"),
}

FRAME_TIMED_SETS = ("emobase", "IS09", "IS10")  # their Extremes.norm is frame, that of the others segment
RESCALING_SETS = ("ComParE_2016",)  # its Regression.normInputs is 1
NAME = re.compile(r"(.+?)_(?:sma3nz|sma3|sma)(_de)?(\[\d+\])?(?:_ff0(_de)?)?(?:_(.+))?")


def describe_opensmile(feature: str, feature_set: str) -> FeatureNote:
    """Return the note of one of openSMILE's functionals.

    Raises
    ------
    ValueError
        A part of the name is not known.

    Examples
    --------
    >>> note = describe_opensmile("F0semitoneFrom27.5Hz_sma3nz_amean", "eGeMAPSv02")
    >>> note.measures, note.unit
    ('mean over the clip of: pitch (F0), counted from 27.5 Hz on, of voiced frames', 'semitone')
    """
    set_source = SET_SOURCES[feature_set]
    if feature in SINGLE:
        return FeatureNote(*SINGLE[feature], set_source)
    found = NAME.fullmatch(feature)
    if found is None or found[5] is None:
        raise ValueError(f"{feature!r} is no openSMILE descriptor with a functional")
    series = describe_descriptor(feature[: found.start(5) - 1])
    place = " (number of the frame)" if feature_set in FRAME_TIMED_SETS else " (share of the clip)"
    fit = " (values and times scaled to 0 to 1)" if feature_set in RESCALING_SETS else ""
    for pattern, words, unit in FUNCTIONALS:
        numbers = re.fullmatch(pattern, found[5])
        if numbers is None:
            continue
        if unit == "time":
            unit = "frame" if feature_set in FRAME_TIMED_SETS else "1"
        elif fit and unit in ("u/t", "u/t²", "fitted", "fitted²"):
            unit = "1"
        words = words.format(*numbers.groups(), place=place, fit=fit)
        source = f"{series.source}; {set_source}" if set_source != series.source else series.source
        return FeatureNote(f"{words} over the clip of: {series.measures}", _unit(unit, series.unit), source)
    raise ValueError(f"functional {found[5]!r} of {feature!r} is not known")


def describe_descriptor(name: str) -> FeatureNote:
    """Return the note of one of openSMILE's low-level descriptors, such as ``mfcc_sma_de[3]``.

    Raises
    ------
    ValueError
        The descriptor is not known.
    """
    found = NAME.fullmatch(name)
    if found is None or found[5] is not None:
        raise ValueError(f"{name!r} is no openSMILE descriptor")
    stem = found[1] + (found[3] or "")
    for pattern, words, unit, source in DESCRIPTORS:
        numbers = re.fullmatch(pattern, stem)
        if numbers is None:
            continue
        measures = words.format(*(VOICING.get(part, part) for part in numbers.groups()))
        if found[2] or found[4]:
            return FeatureNote(f"change a frame (delta over 5 frames) of the {measures}", f"{unit}/frame", source)
        return FeatureNote(measures, unit, source)
    raise ValueError(f"descriptor {stem!r} of {name!r} is not known")


def _unit(unit: str, of_series: str) -> str:
    """Return a functional's unit with u, the unit of the series, put in."""
    squared = of_series if of_series == "1" else f"({of_series})²"
    is_delta = of_series.endswith("/frame")
    return {
        "u": of_series,
        "u²": squared,
        "u/s": f"{of_series}/s",
        "u/t": f"{of_series}²" if is_delta else f"{of_series}/frame",
        "u/t²": f"{of_series}³" if is_delta else f"{of_series}/frame²",
        "fitted": of_series,
        "fitted²": squared,
    }.get(unit, unit)
