"""One electrode has one name, whoever wrote it."""

import pytest
from emofuse.features.errors import SampleError
from emofuse.features.montage import electrode, find_channels, homologous_pairs, reference

NAMES = {
    "case": ("fp1", "FP1"),
    "renamed": ("T3", "T7"),
    "renamed-with-everything": ("EEG t6-LE", "P8"),
    "prefix": ("EEG Fp1-REF", "FP1"),
    "other-prefix": ("eeg_Cz", "CZ"),
    "padded-with-dots": ("Fc5.", "FC5"),
    "spaces": ("  A F 7 ", "AF7"),
    "mastoid": ("O2-M1", "O2"),
    "bipolar-is-no-reference": ("Fp1-F3", "FP1-F3"),
    "ear-itself": ("A1", "A1"),
    "prefix-alone": ("EEG", "EEG"),
    "midline": ("Fz", "FZ"),
}


@pytest.mark.parametrize(("name", "place"), NAMES.values(), ids=NAMES)
def test_eeg_22_names_of_an_electrode_are_one(name, place):
    assert electrode(name) == place
    assert electrode(place) == place


@pytest.mark.parametrize(("name", "found"), [("EEG T3-LE", "LE"), ("Cz - a1", "A1"), ("Cz", None), ("Fp1-F3", None)])
def test_reference_is_what_stands_behind(name, found):
    assert reference(name) == found


def test_eeg_20_channels_are_found_wherever_they_stand():
    assert find_channels(["T7", "Cz", "Oz"], ["ECG", "EEG Cz-REF", "EEG T3-REF"]) == {"T7": 2, "Cz": 1}


def test_name_as_written_comes_before_its_electrode():
    assert find_channels(["Cz", "cz"], ["Cz", "cz"]) == {"Cz": 0, "cz": 1}


def test_eeg_21_one_electrode_under_two_names_is_refused():
    with pytest.raises(SampleError, match=r"channels \['EEG T3-A1', 't7'\] are all 'T7'") as caught:
        find_channels(["T7"], ["EEG T3-A1", "Cz", "t7"])
    assert caught.value.code == "bad_channels"
    assert find_channels(["Cz"], ["EEG T3-A1", "Cz", "t7"]) == {"Cz": 1}


def test_pairs_face_each_other_left_first():
    assert homologous_pairs(["F4", "F3", "Cz", "T5", "T6", "O1", "TP10", "TP9"]) == [
        ("F3", "F4"),
        ("T5", "T6"),
        ("TP9", "TP10"),
    ]
    assert homologous_pairs(["Cz", "F4", "F7"]) == []
