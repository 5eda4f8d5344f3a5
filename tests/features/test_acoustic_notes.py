"""Every openSMILE feature is explained: no name of any set has a part that the tables do not know."""

import pytest
from emofuse.features.acoustic import OpenSmileDescriptors, OpenSmileFunctionals
from emofuse.features.acoustic_notes import (
    DESCRIPTORS,
    FUNCTIONALS,
    SET_SOURCES,
    describe_descriptor,
    describe_opensmile,
)

SETS = list(SET_SOURCES)


@pytest.mark.parametrize("feature_set", SETS)
def test_every_functional_of_every_set_has_words_a_unit_and_a_source(feature_set):
    extractor = OpenSmileFunctionals(feature_set)
    for feature in extractor.get_feature_names_out():
        note = extractor._describe(feature)
        assert note.measures.strip() == note.measures != ""
        assert not set("{}") & set(note.measures + note.unit)
        assert note.unit
        assert note.source.count("(") >= 1


@pytest.mark.parametrize("feature_set", ["ComParE_2016", "eGeMAPSv02", "IS13"])
def test_features_of_a_set_have_notes_of_their_own(feature_set):
    extractor = OpenSmileFunctionals(feature_set)
    names = extractor.get_feature_names_out()
    assert len({extractor._describe(feature).measures for feature in names}) == len(names)


@pytest.mark.parametrize("feature_set", SETS)
def test_every_descriptor_statistic_has_a_note_of_its_own(feature_set):
    extractor = OpenSmileDescriptors(feature_set, statistics=("mean", "slope"))
    notes = [extractor._describe(feature) for feature in extractor.get_feature_names_out()]
    assert all(note.unit and note.source for note in notes)
    assert len({note.measures for note in notes}) == len(notes)


EXAMPLES = {
    "F0semitoneFrom27.5Hz_sma3nz_amean": ("eGeMAPSv02", "mean over the clip of: pitch (F0)", "semitone"),
    "loudness_sma3_percentile20.0": ("eGeMAPSv02", "20 % quantile over the clip of: perceived loudness", "1"),
    "slopeUV500-1500_sma3nz_amean": ("eGeMAPSv02", "spectrum from 500 to 1500 Hz, of unvoiced frames", "dB/Hz"),
    "F2frequency_sma3nz_stddevNorm": ("eGeMAPSv02", "centre frequency of formant 2", "1"),
    "VoicedSegmentsPerSec": ("GeMAPSv01b", "stretches of voiced frames a second", "1/s"),
    "mfcc_sma[3]_quartile1": ("ComParE_2016", "quartile 1 over the clip of: mel-frequency cepstral coefficient 3", "1"),
    "mfcc_sma_de[14]_iqr1-3": ("ComParE_2016", "from quartile 1 to quartile 3 over the clip of: change", "1/frame"),
    "audspec_lengthL1norm_sma_lpc0": ("ComParE_2016", "coefficient 0, counted from 0, of the linear prediction", "1"),
    "pcm_fftMag_spectralFlux_sma_de_percentile99.0": ("ComParE_2016", "99 % quantile", "1/frame"),
    "pcm_fftMag_fband250-650_sma_meanSegLen": ("ComParE_2016", "spectral energy from 250 to 650 Hz", "s"),
    "pcm_fftMag_spectralCentroid_sma_linregc1": ("ComParE_2016", "scaled to 0 to 1", "1"),
    "F0final_sma_ff0_nnz": ("ComParE_2016", "share of frames that are not 0", "1"),
    "pcm_RMSenergy_sma_max": ("IS09", "maximum over the clip of: root mean square", "1"),
    "F0_sma_de_linregc1": ("IS09", "slope of the least-squares line over the clip of: change", "Hz/frame²"),
    "pcm_RMSenergy_sma_maxPos": ("IS09", "number of the frame", "frame"),
    "pcm_RMSenergy_sma_maxPos_of_compare": ("ComParE_2016", "share of the clip", "1"),
    "lspFreq_sma[7]_amean": ("emobase", "line spectral pair 7", "rad"),
    "F0final__Turn_duration": ("IS10", "duration of the clip", "s"),
}


@pytest.mark.parametrize(("name", "note"), EXAMPLES.items(), ids=EXAMPLES)
def test_name_is_taken_apart(name, note):
    feature_set, words, unit = note
    found = describe_opensmile(name.removesuffix("_of_compare"), feature_set)
    assert words in found.measures
    assert found.unit == unit
    assert SET_SOURCES[feature_set] in found.source


@pytest.mark.parametrize(
    "name",
    ["F0final_sma_modulation", "mystery_sma_amean", "mfcc_sma[3]", "amean", "", "F0final_sma_de_de_amean", "x_sma3_"],
)
def test_name_with_an_unknown_part_is_an_error(name):
    with pytest.raises(ValueError, match=r"is no|is not known"):
        describe_opensmile(name, "ComParE_2016")


@pytest.mark.parametrize("name", ["F0final", "F0final_sma_amean", "mystery_sma"])
def test_unknown_descriptor_is_an_error(name):
    with pytest.raises(ValueError, match=r"is no|is not known"):
        describe_descriptor(name)


def test_no_entry_of_the_tables_is_dead():
    import re

    names = [name for feature_set in SETS for name in OpenSmileFunctionals(feature_set).get_feature_names_out()]
    names += [
        f"{name}_amean"
        for feature_set in SETS
        for name in OpenSmileDescriptors(feature_set, statistics=("mean",), deltas=False).get_feature_names_out()
    ]
    stems = {re.sub(r"_sma(3nz|3)?(_de)?(?=\[|_|$)", "", name.rsplit("_", 1)[0]) for name in names}
    for pattern, *_ in DESCRIPTORS:
        assert any(re.match(pattern, stem) for stem in stems), pattern
    for pattern, *_ in FUNCTIONALS:
        assert any(re.search(f"_{pattern}$", name) for name in names), pattern
