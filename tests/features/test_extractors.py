"""A study calls extractors by name; a wrong name or parameter is one line that says what there is instead."""

import pytest
from emofuse.features.base import Extractor
from emofuse.features.errors import StudyError
from emofuse.features.extractors import EXTRACTORS, make_extractor


@pytest.mark.parametrize("name", EXTRACTORS)
def test_every_registered_name_makes_its_extractor(name):
    extractor = make_extractor(name, {})
    assert isinstance(extractor, Extractor)
    assert type(extractor).__name__ == EXTRACTORS[name][1]


def test_parameters_reach_the_extractor():
    assert make_extractor("opensmile", {"feature_set": "IS09", "trim_db": None}).get_params() == {
        "feature_set": "IS09",
        "rms": 0.05,
        "sampling_rate_hz": 16_000,
        "trim_db": None,
    }


def test_unknown_name_lists_what_there_is():
    with pytest.raises(StudyError) as caught:
        make_extractor("opensmiles", {})
    assert str(caught.value) == (
        f"extractor 'opensmiles' is not known; choose from {sorted(EXTRACTORS)} or 'table', 'text'"
    )


@pytest.mark.parametrize(
    ("name", "parameters", "message"),
    [
        (
            "opensmile",
            {"set": "IS09"},
            r"'set'.*; its parameters are \['feature_set', 'rms', 'sampling_rate_hz', 'trim_db'\]",
        ),
        ("opensmile", {"feature_set": "IS99"}, "feature_set 'IS99' is not shipped"),
        ("opensmile", {"rms": "loud"}, "extractor 'opensmile': "),
        ("opensmile", {"sampling_rate_hz": 10}, "sampling_rate_hz must be a whole number"),
        ("eeg_band_power", {"sampling_rate_hz": "256"}, "extractor 'eeg_band_power': "),
        ("eeg_band_power", {"bands_hz": [8, 13]}, "extractor 'eeg_band_power': "),
        ("eeg_band_power", {"bands_hz": {"alpha": [8]}}, "extractor 'eeg_band_power': "),
        ("eeg_band_power", {"channels": 4}, "extractor 'eeg_band_power': "),
    ],
    ids=str,
)
def test_wrong_parameter_is_refused_with_the_parameters_there_are(name, parameters, message):
    with pytest.raises(StudyError, match=message) as caught:
        make_extractor(name, parameters)
    assert "its parameters are" in str(caught.value)
    assert "\n" not in str(caught.value)
