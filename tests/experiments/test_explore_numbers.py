"""The numbers of an exploration: effects without bias and without speakers, axes, counts, lengths, words."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import soundfile as sf
from emofuse.experiments.explore_blocks import class_means, leading
from emofuse.experiments.explore_counts import association
from emofuse.experiments.explore_effects import class_basis, intervals, measure_effects, omega_squared
from emofuse.experiments.explore_lengths import recording_seconds, sound_seconds, video_seconds
from emofuse.experiments.explore_projection import axes, nearest, scale, shares_of
from emofuse.experiments.explore_words import telling_words
from emofuse.features.errors import SampleError
from hypothesis import given
from hypothesis import strategies as st

RATE = 8000


def crossed(n_speakers=6, n_each=8, n_classes=3, seed=0):
    """Classes, speakers and noise of a corpus in which every speaker has every class."""
    random = np.random.default_rng(seed)
    classes = np.tile(np.repeat(np.arange(n_classes), n_each), n_speakers)
    groups = np.repeat(np.arange(n_speakers), n_each * n_classes)
    return classes, groups, random.normal(size=len(classes))


def test_omega_squared_is_that_of_a_one_way_analysis_of_variance():
    classes, _, noise = crossed()
    values = noise + classes
    between = sum((classes == k).sum() * (values[classes == k].mean() - values.mean()) ** 2 for k in range(3))
    total = np.square(values - values.mean()).sum()
    inner = (total - between) / (len(values) - 3)
    found = measure_effects(values[:, None], classes, None, np.arange(len(values)))
    assert found.raw[0] == pytest.approx((between - 2 * inner) / (total + inner))
    assert found.within is None and found.group is None


def test_noise_has_no_effect_on_average():
    classes, groups, _ = crossed()
    noise = np.random.default_rng(1).normal(size=(len(classes), 400))
    found = measure_effects(noise, classes, groups, np.arange(len(classes)))
    for effects in (found.raw, found.within, found.group):
        assert abs(effects.mean()) < 0.005
    assert (found.within > found.floor).sum() <= 3 < (found.within > 0).sum()


def test_what_differs_between_speakers_only_is_none_of_the_class():
    classes, groups, noise = crossed()
    speaker, emotion = 5.0 * groups + 0.1 * noise, classes + 5.0 * groups + 0.1 * noise
    found = measure_effects(np.column_stack([speaker, emotion]), classes, groups, np.arange(len(classes)))
    assert found.group[0] > 0.99 and found.within[0] < 0.1
    assert found.within[1] > 0.9 > 0.2 > found.raw[1]


def test_class_of_a_speaker_is_not_told_from_the_speaker():
    groups = np.repeat(np.arange(4), 5)
    classes = groups % 2
    assert class_basis(classes, groups).shape == (20, 0)
    assert measure_effects(np.random.default_rng(0).normal(size=(20, 3)), classes, groups, groups).within is None


def test_labels_are_shuffled_between_recordings_not_windows():
    random = np.random.default_rng(0)
    units = np.repeat(np.arange(8), 20)
    classes = units % 2
    values = (random.normal(size=8)[units] + 0.1 * random.normal(size=160))[:, None]
    apart = measure_effects(values, classes, None, np.arange(160))
    together = measure_effects(values, classes, None, units)
    assert together.floor > 3 * apart.floor
    assert together.raw == apart.raw


def test_missing_and_constant_features():
    classes, groups, noise = crossed()
    values = np.column_stack([noise + classes, np.full(len(noise), 3.3), np.full(len(noise), np.nan)])
    gaps = values.copy()
    gaps[::7, 0] = np.nan
    found = measure_effects(gaps, classes, groups, np.arange(len(noise)))
    kept = ~np.isnan(gaps[:, 0])
    alone = measure_effects(values[kept, :1], classes[kept], groups[kept], np.arange(kept.sum()))
    assert found.raw[0] == pytest.approx(alone.raw[0]) and found.within[0] == pytest.approx(alone.within[0])
    assert np.isnan(found.raw[1:]).all() and np.isnan(found.within[1:]).all()


@given(st.integers(2, 5), st.integers(0, 1000))
def test_omega_squared_is_a_share(n_between, seed):
    random = np.random.default_rng(seed)
    total = random.random(20)
    assert (omega_squared(total * random.random(20), total, n_between, 30) <= 1).all()


def test_intervals_hold_the_effect_and_shrink_with_speakers():
    widths = []
    for n_speakers in (6, 24):
        classes, groups, noise = crossed(n_speakers)
        values = (noise + classes)[:, None]
        low, high = intervals(values, classes, groups, np.arange(len(noise)), adjusted=True)
        effect = measure_effects(values, classes, groups, np.arange(len(noise))).within[0]
        assert 0 <= low[0] < effect < high[0] <= 1
        widths.append(high[0] - low[0])
    assert widths[1] < widths[0]
    classes, groups, noise = crossed(3)
    assert np.isnan(intervals(noise[:, None], classes, groups, np.arange(len(noise)), adjusted=True)).all()


def test_means_of_classes_are_those_within_speakers():
    classes, groups, noise = crossed()
    values = (classes + 100.0 * groups + 1e-6 * noise)[:, None]
    assert class_means(values, classes.tolist(), groups, 4)[:3, 0] == pytest.approx([-1.2247, 0, 1.2247], abs=1e-3)
    assert np.isnan(class_means(values, classes.tolist(), groups, 4)[3]).all()


def test_leading_features_leave_out_what_repeats_a_better_one():
    random = np.random.default_rng(0)
    values = random.normal(size=(200, 3))
    values = np.column_stack([values, values[:, 0] + 0.01 * random.normal(size=200)])
    assert leading(values, np.array([0.5, 0.2, np.nan, 0.4]), None, 4) == [0, 1]


def test_axes_are_those_of_a_principal_component_analysis():
    from sklearn.decomposition import PCA

    values = scale(np.random.default_rng(0).normal(size=(40, 6)) @ np.diag([1, 1, 1, 5, 5, 9.0]))
    fitted = PCA(2).fit(values)
    points, shares = axes(values @ values.T)
    assert shares == pytest.approx(fitted.explained_variance_ratio_)
    assert np.abs(points) == pytest.approx(np.abs(fitted.transform(values)), abs=1e-8)
    assert (axes(values @ values.T)[0] == points).all()


def test_single_column_has_one_axis():
    values = scale(np.random.default_rng(0).normal(size=(30, 1)))
    points, shares = axes(values @ values.T)
    assert shares == pytest.approx((1, 0)) and (points[:, 1] == 0).all()


def test_scaling_stands_gaps_constants_and_outliers():
    values = np.random.default_rng(0).normal(size=(50, 3))
    values[0] = [np.nan, 1e9, 0]
    values[:, 2] = 7.0
    scaled = scale(values)
    assert np.isfinite(scaled).all() and np.abs(scaled).max() < 6 and (scaled[:, 2] == 0).all()
    assert np.abs(scaled.mean(axis=0)).max() < 1e-12


def test_shares_and_neighbours_tell_the_speaker_from_the_class():
    classes, groups, _ = crossed()
    random = np.random.default_rng(0)
    centres = random.normal(size=(6, 5))
    values = scale(centres[groups] + 0.05 * random.normal(size=(len(groups), 5)))
    by_class, within, by_group = shares_of(values @ values.T, classes, groups)
    assert by_group > 0.95 and abs(by_class) < 0.05 and within < 0.1
    near = nearest(values @ values.T, groups, np.arange(len(groups)))
    assert near.share == 1.0 and near.chance == pytest.approx(23 / 143)
    other = nearest(values @ values.T, classes, groups)
    assert other.chance == pytest.approx(1 / 3)
    single = measure_effects(values, classes, groups, np.arange(len(groups)))
    assert by_group == pytest.approx(single.group.mean(), abs=1e-6)  # columns of equal variance: the mean of theirs


def test_association_is_that_of_a_table():
    a = pd.Series(list("xyz") * 40)
    assert association(a, a) == pytest.approx(1)
    assert association(a, pd.Series(["u"] * 120)) == 0
    assert association(a, pd.Series(np.random.default_rng(0).choice(list("uvw"), 120))) < 0.15


def test_words_that_tell_a_class():
    texts = ["so glad to be here"] * 20 + ["so cross to be here"] * 19 + ["unique"]
    found = telling_words(texts, ["happy"] * 20 + ["angry"] * 20)
    assert [word.word for word in found["happy"]] == ["glad"]
    assert found["angry"][0].word == "cross" and found["angry"][0].n == 19
    assert telling_words(["a b", "c d"], ["x", "y"]) == {"x": [], "y": []}


def test_lengths_come_from_headers(tmp_path):
    sf.write(tmp_path / "a.flac", np.zeros(3 * RATE), RATE)
    assert sound_seconds(str(tmp_path / "a.flac")) == 3.0
    times = np.arange(512) / 256
    pd.DataFrame({"time": times, "Cz": np.sin(times)}).to_csv(tmp_path / "eeg.csv", index=False)
    assert recording_seconds(str(tmp_path / "eeg.csv"), sampling_rate_hz=None) == pytest.approx(2.0, rel=0.01)
    (tmp_path / "junk.wav").write_bytes(b"RIFF nothing" * 9)
    for measure in (sound_seconds, video_seconds):
        for name in ("junk.wav", "none.wav"):
            with pytest.raises(SampleError):
                measure(str(tmp_path / name))


def test_lengths_of_members_of_an_archive(tmp_path):
    import zipfile

    sf.write(tmp_path / "a.wav", np.zeros(2 * RATE), RATE)
    with zipfile.ZipFile(tmp_path / "clips.zip", "w") as archive:
        archive.write(tmp_path / "a.wav", "folder/a.wav")
    assert sound_seconds(str(tmp_path / "clips.zip" / "folder" / "a.wav")) == 2.0
