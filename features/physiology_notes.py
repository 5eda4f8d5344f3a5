"""What each physiological feature measures, its unit and its source."""

from __future__ import annotations

from .base import FeatureNote

_HRV = "Task Force of the ESC and NASPE (1996), Heart rate variability: standards of measurement, Circulation 93(5)"
_BEATS = {
    "ecg": "beats by Pan & Tompkins (1985), A real-time QRS detection algorithm, IEEE TBME 32(3)",
    "ppg": "beats by Elgendi et al. (2013), Systolic peak detection in acceleration photoplethysmograms, PLoS ONE 8(10)",
}
_EDA = (
    "Boucsein (2012), Electrodermal activity, 2nd ed., Springer; Braithwaite et al. (2013), A guide for analysing "
    "electrodermal activity, University of Birmingham"
)
_BREATHS = "Khodadad et al. (2018), Optimized breath detection algorithm in electrical impedance tomography, Physiol Meas 39(9)"
_TEMPERATURE = "Kistler et al. (1998), Fingertip temperature as an indicator for sympathetic responses, IJP 29(1)"
_MOVEMENT = "Bouten et al. (1997), A triaxial accelerometer and portable data processing unit, IEEE TBME 44(3)"

_HEART_NOTES = {
    "hr_mean": ("mean heart rate over normal intervals between beats", "beats/min"),
    "hr_sd": ("standard deviation of the heart rate from beat to beat", "beats/min"),
    "hr_min": ("lowest heart rate from one beat to the next", "beats/min"),
    "hr_max": ("highest heart rate from one beat to the next", "beats/min"),
    "rmssd": ("root mean square of the differences between successive normal intervals", "ms"),
    "sdnn": ("standard deviation of the normal intervals between beats", "ms"),
    "pnn50": ("share of successive normal intervals that differ by more than 50 ms", "1"),
    "lf": ("power of the intervals between beats at low frequency, 0.04 to 0.15 Hz; missing below 120 s", "ms^2"),
    "hf": ("power of the intervals between beats at high frequency, 0.15 to 0.40 Hz; missing below 60 s", "ms^2"),
    "lf_hf": ("power at low over power at high frequency of the intervals between beats; missing below 120 s", "1"),
}
_NOTES = {
    "eda": (
        _EDA,
        {
            "scl_mean": ("mean level of skin conductance, below 0.05 Hz", "microsiemens"),
            "scl_sd": ("standard deviation of the level of skin conductance, below 0.05 Hz", "microsiemens"),
            "scl_slope": ("slope of the level of skin conductance over time", "microsiemens/s"),
            "scr_per_minute": ("skin conductance responses of 0.05 microsiemens or more a minute", "1/min"),
            "scr_amplitude": ("mean height of the responses from onset to peak; 0 without any", "microsiemens"),
            "scr_rise_time": ("mean time of the responses from onset to peak; missing without any", "s"),
            "phasic_area": ("area under the positive part faster than 0.05 Hz, a second of recording", "microsiemens"),
        },
    ),
    "respiration": (
        _BREATHS,
        {
            "rate": ("breaths a minute, of breaths between 0.1 and 0.5 Hz", "1/min"),
            "rate_sd": ("standard deviation of the breathing rate from breath to breath", "1/min"),
            "amplitude": ("mean swing of a breath from trough to peak, as recorded", "as recorded"),
            "inhale_exhale_ratio": ("mean time of breathing in over mean time of breathing out", "1"),
        },
    ),
    "temperature": (
        _TEMPERATURE,
        {
            "mean": ("mean skin temperature", "degrees Celsius"),
            "sd": ("standard deviation of skin temperature", "degrees Celsius"),
            "slope": ("slope of the least-squares line through skin temperature over time", "degrees Celsius/s"),
            "range": ("range of skin temperature from the 5 % to the 95 % quantile", "degrees Celsius"),
        },
    ),
    "acceleration": (
        _MOVEMENT,
        {
            "magnitude_mean": ("mean length of the acceleration over its axes", "as recorded"),
            "magnitude_sd": ("standard deviation of the length of the acceleration over its axes", "as recorded"),
            "activity": ("mean absolute change a second of the length of the acceleration", "as recorded/s"),
        },
    ),
}


def note_of(kind: str, what: str, column: str) -> FeatureNote:
    """Return the note of one measure of a column.

    Examples
    --------
    >>> note_of("ecg", "rmssd", "ECG").unit
    'ms'
    """
    if kind in _BEATS:
        (measures, unit), source = _HEART_NOTES[what], f"{_HRV}; {_BEATS[kind]}"
    else:
        source, notes = _NOTES[kind]
        measures, unit = notes[what]
    return FeatureNote(f"{measures} ({column})", unit, source)
