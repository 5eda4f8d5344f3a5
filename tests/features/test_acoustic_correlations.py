"""Correlations of descriptors: the logarithm of the matrix, and what it is of."""

import numpy as np
import pytest
from emofuse.features.acoustic import descriptor_names, descriptors
from emofuse.features.acoustic_correlations import OpenSmileCorrelations, log_correlations
from emofuse.features.media import Audio
from scipy.linalg import expm

RATE = 16_000


def matrix_of(row, n_series):
    """The symmetric matrix whose upper triangle a row is."""
    logarithm = np.zeros((n_series, n_series))
    rows, columns = np.triu_indices(n_series)
    logarithm[rows, columns] = row / np.where(rows == columns, 1.0, np.sqrt(2.0))
    return logarithm + np.triu(logarithm, 1).T


def frames(n_frames=200, n_series=5, seed=0):
    random = np.random.default_rng(seed)
    return random.normal(size=(n_frames, n_series)) @ random.normal(size=(n_series, n_series))


def speech_like(gain=1.0, seed=0):
    """Second after second of a tone that comes and goes, with noise."""
    time_s = np.arange(RATE) / RATE
    loudness = 0.5 + 0.5 * np.sin(2 * np.pi * 3 * time_s)
    phase = 2 * np.pi * np.cumsum(180 + 60 * np.sin(5 * time_s)) / RATE
    noise = np.random.default_rng(seed).normal(size=RATE)
    return gain * (0.1 * loudness * np.sin(phase) + 0.01 * noise)


@pytest.mark.parametrize("shrinkage", [0.01, 0.1, 0.5])
def test_exponential_of_the_row_is_the_shrunk_correlation_matrix(shrinkage):
    values = frames()
    expected = (1 - shrinkage) * np.corrcoef(values.T) + shrinkage * np.eye(5)
    np.testing.assert_allclose(expm(matrix_of(log_correlations(values, shrinkage), 5)), expected, atol=1e-5)


def test_distance_of_rows_is_that_of_the_logarithms():
    one, other = (log_correlations(frames(seed=seed), 0.1) for seed in (0, 1))
    apart = np.linalg.norm(matrix_of(one, 5) - matrix_of(other, 5))
    assert np.linalg.norm(one - other) == pytest.approx(apart, rel=1e-5)


def test_neither_offset_nor_scale_of_a_series_counts():
    values = frames()
    moved = values * [1, 10, 0.1, 3, 1e3] + [0, 5, -2, 100, 1]
    np.testing.assert_allclose(log_correlations(moved, 0.1), log_correlations(values, 0.1), atol=1e-5)


def test_series_that_stays_the_same_correlates_with_nothing():
    values = frames()
    values[:, 2] = 1e6 + 0.1
    own = matrix_of(log_correlations(values, 0.1), 5)
    np.testing.assert_allclose(own[2], 0, atol=1e-6)
    others = np.delete(np.arange(5), 2)
    without = matrix_of(log_correlations(values[:, others], 0.1), 4)
    np.testing.assert_allclose(own[np.ix_(others, others)], without, atol=1e-5)


@pytest.mark.parametrize("n_frames", [1, 2, 4])
def test_fewer_frames_than_series_still_give_numbers(n_frames):
    row = log_correlations(frames(n_frames=n_frames), 0.1)
    assert row.dtype == np.float32 and np.isfinite(row).all()
    assert (row == 0).all() == (n_frames == 1)


@pytest.mark.parametrize(("feature_set", "deltas", "n_series"), [("eGeMAPSv02", True, 50), ("ComParE_2016", False, 65)])
def test_every_pair_of_descriptors_has_its_column(feature_set, deltas, n_series):
    extractor = OpenSmileCorrelations(feature_set, deltas=deltas)
    pairs = [tuple(name.split("~")) for name in extractor.get_feature_names_out()]
    assert len(pairs) == n_series * (n_series + 1) // 2
    assert {name for pair in pairs for name in pair} == set(descriptor_names(feature_set, deltas=deltas))
    assert extractor.extract_one((speech_like(), RATE)).shape == (len(pairs),)


def test_names_are_where_the_values_are():
    names = descriptor_names("eGeMAPSv02", deltas=False)
    extractor = OpenSmileCorrelations("eGeMAPSv02", deltas=False, trim_db=None, rms=None)
    row = dict(zip(extractor.get_feature_names_out(), extractor.extract_one((speech_like(), RATE)), strict=True))
    logarithm = np.array([[row.get(f"{a}~{b}", row.get(f"{b}~{a}")) for a in names] for b in names])
    logarithm[~np.eye(len(names), dtype=bool)] /= np.sqrt(2)
    measured = descriptors(Audio(speech_like().astype(np.float32), RATE))
    expected = np.corrcoef(measured["Loudness_sma3"], measured["spectralFlux_sma3"])[0, 1]
    found = expm(logarithm)[names.index("Loudness_sma3"), names.index("spectralFlux_sma3")]
    assert found == pytest.approx(0.9 * expected, abs=1e-4)


def test_how_loud_the_recording_is_changes_nothing():
    extractor = OpenSmileCorrelations("eGeMAPSv02")
    rows = [extractor.extract_one((speech_like(gain), RATE)) for gain in (1.0, 0.25)]
    np.testing.assert_allclose(rows[0], rows[1], atol=0.02)


def test_quiet_ends_are_cut_before():
    extractor = OpenSmileCorrelations("eGeMAPSv02")
    sound = speech_like()
    later = np.concatenate([np.zeros(4000), sound])
    np.testing.assert_array_equal(extractor.extract_one((later, RATE)), extractor.extract_one((sound, RATE)))


@pytest.mark.parametrize("shrinkage", [0, 1, -0.1, float("nan")])
def test_shrinkage_outside_of_its_range_is_refused(shrinkage):
    with pytest.raises(ValueError, match="shrinkage must lie between 0 and 1, got"):
        OpenSmileCorrelations(shrinkage=shrinkage).extract_one((speech_like(), RATE))


def test_notes_say_which_descriptors_and_how():
    extractor = OpenSmileCorrelations("eGeMAPSv02")
    pair = extractor.explain("Loudness_sma3~delta_mfcc1_sma3")
    assert "loudness" in pair.measures and "change a frame" in pair.measures and pair.unit == "1"
    own = extractor.explain("Loudness_sma3~Loudness_sma3")
    assert own.measures.startswith("how little") and "Arsigny" in own.source
