from __future__ import annotations

from itertools import permutations

import numpy as np
import pandas as pd
import pytest
from emofuse.classifiers.boosted import BoostedTrees
from emofuse.classifiers.recipes import expert_pipeline
from emofuse.features.errors import EmofuseWarning, StudyError, TableError
from emofuse.features.extractors import EXTRACTORS, make_extractor
from emofuse.fusion.contribution import feature_group, group_contributions, shares_of, tree_shap
from emofuse.fusion.shapley import shapley_values, subsets_of
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import softmax
from sklearn.exceptions import NotFittedError

NAMES = ("audio", "face", "text", "eeg", "heart")
THREE = subsets_of(["audio", "face", "text"])
FEW_ROUNDS = {"n_rounds": 12}


@st.composite
def games(draw, max_parts=5):
    """Parts, and a value of shape (3,) for each of their subsets."""
    parts = NAMES[: draw(st.integers(1, max_parts))]
    subsets = subsets_of(parts)
    numbers = st.lists(st.floats(-1, 1), min_size=3, max_size=3)
    return parts, {subset: np.array(draw(numbers)) for subset in subsets}


def table_of(n_rows=60, n_columns=5, classes=("anger", "fear", "joy"), seed=0):
    """Columns ``mfcc0_mean``, …, the first of which tell the class, and the labels."""
    random = np.random.default_rng(seed)
    codes = np.arange(n_rows) % len(classes)
    values = random.normal(size=(n_rows, n_columns))
    values[np.arange(n_rows), codes] += 2
    table = pd.DataFrame(values, columns=[f"mfcc{number}_mean" for number in range(n_columns)])
    return table, np.array(classes)[codes]


def test_subsets_come_by_size_then_in_the_order_of_the_parts():
    assert subsets_of(["b", "a", "c"]) == [
        (),
        ("b",),
        ("a",),
        ("c",),
        ("b", "a"),
        ("b", "c"),
        ("a", "c"),
        ("b", "a", "c"),
    ]
    assert subsets_of([]) == [()]
    assert len(set(map(frozenset, subsets_of(NAMES)))) == 2 ** len(NAMES)


@given(games())
def test_shares_add_up_to_the_whole_gain(game):
    parts, value = game
    shares = shapley_values(value, parts)
    assert list(shares) == list(parts)
    np.testing.assert_allclose(sum(shares.values()), value[parts] - value[()], rtol=0, atol=1e-12)


@given(games(max_parts=4))
def test_a_share_is_the_mean_gain_over_all_orders_of_adding(game):
    parts, value = game
    known = {frozenset(subset): amount for subset, amount in value.items()}
    gains = {part: [] for part in parts}
    for order in permutations(parts):
        for place, part in enumerate(order):
            gains[part].append(known[frozenset(order[: place + 1])] - known[frozenset(order[:place])])
    shares = shapley_values(value, parts)
    for part in parts:
        np.testing.assert_allclose(shares[part], np.mean(gains[part], axis=0), rtol=0, atol=1e-12)


@given(games())
def test_a_part_that_changes_nothing_gets_nothing(game):
    parts, value = game
    extended = {(*subset, *more): amount for subset, amount in value.items() for more in ((), ("idle",))}
    shares = shapley_values(extended, [*parts, "idle"])
    np.testing.assert_allclose(shares["idle"], 0, atol=1e-12)
    for part, share in shapley_values(value, parts).items():
        np.testing.assert_allclose(shares[part], share, rtol=0, atol=1e-12)


@given(st.lists(st.floats(-1, 1), min_size=6, max_size=6))
def test_parts_that_do_the_same_get_the_same(numbers):
    value = {subset: numbers[len(set(subset) - {"text"}) + 3 * ("text" in subset)] for subset in THREE}
    shares = shapley_values(value, ["audio", "face", "text"])
    np.testing.assert_allclose(shares["audio"], shares["face"], rtol=0, atol=1e-12)


@given(games(), st.floats(-2, 2))
def test_shares_are_linear_in_the_value(game, factor):
    parts, value = game
    reversed_value = {subset: amount[::-1] for subset, amount in value.items()}
    both = {subset: amount + factor * reversed_value[subset] for subset, amount in value.items()}
    shares, others, joint = (shapley_values(of, parts) for of in (value, reversed_value, both))
    for part in parts:
        np.testing.assert_allclose(joint[part], shares[part] + factor * others[part], rtol=0, atol=1e-12)


def test_shares_keep_the_shape_of_the_values_and_any_key_of_names():
    random = np.random.default_rng(0)
    value = {frozenset(subset): random.normal(size=(4, 2)) for subset in THREE}
    shares = shapley_values(value, ["text", "audio", "face"])
    assert {share.shape for share in shares.values()} == {(4, 2)}
    assert shapley_values({(): 1, ("b", "a"): 5, ("a",): 2, ("b",): 3}, ["a", "b"]) == {"a": 1.5, "b": 2.5}
    assert shapley_values({(): 0.5}, []) == {}


def test_what_cannot_be_shared_is_refused():
    with pytest.raises(StudyError, match=r"2 are missing, such as \('b',\)"):
        shapley_values({(): 0.0, ("a",): 1.0}, ["a", "b"])
    with pytest.raises(StudyError, match=r"one shape, got \[\(\), \(2,\)\]"):
        shapley_values({(): 0.0, ("a",): [1.0, 2.0]}, ["a"])
    with pytest.raises(StudyError, match="each named once, got 2"):
        subsets_of(["a", "a"])
    with pytest.raises(StudyError, match="up to 12 modalities, each named once, got 13"):
        subsets_of([str(number) for number in range(13)])


@pytest.mark.parametrize("classes", [("calm", "tense"), ("anger", "fear", "joy")])
def test_contributions_add_up_to_the_answer(classes):
    table, labels = table_of(classes=classes)
    table.iloc[3, 1] = np.nan
    expert = expert_pipeline("boosted", **FEW_ROUNDS).fit(table, labels)
    found = tree_shap(expert, table)
    assert found.values.shape == (60, 5, len(classes))
    assert found.features == tuple(table.columns)
    assert found.classes.tolist() == list(classes)
    margins = found.base + found.values.sum(axis=1)
    np.testing.assert_allclose(softmax(margins, axis=1), expert.predict_proba(table), atol=1e-5)
    raw = expert[-1].booster_.inplace_predict(table.to_numpy(np.float32), predict_type="margin")
    np.testing.assert_allclose(margins, raw, atol=1e-3)


def test_what_tells_the_class_contributes_most():
    table, labels = table_of(n_rows=90)
    found = tree_shap(expert_pipeline("boosted", **FEW_ROUNDS).fit(table, labels), table)
    moved = np.abs(found.values).mean(axis=(0, 2))
    assert set(np.argsort(-moved)[:3]) == {0, 1, 2}


def test_names_are_those_that_selection_left():
    table, labels = table_of(n_columns=6)
    found = tree_shap(expert_pipeline("boosted", n_columns=3, **FEW_ROUNDS).fit(table, labels), table)
    assert found.features == ("mfcc0_mean", "mfcc1_mean", "mfcc2_mean")


def test_texts_are_explained_by_their_terms():
    texts = pd.DataFrame({"utterance": ["so happy today", "very sad news", "happy happy joy", "sad and sorry"] * 6})
    expert = expert_pipeline("boosted", "text", counts=True, **FEW_ROUNDS).fit(texts, ["joy", "sadness"] * 12)
    found = tree_shap(expert, texts)
    assert {"word=happy", "word=sad"} <= set(found.features)
    margins = found.base + found.values.sum(axis=1)
    np.testing.assert_allclose(softmax(margins, axis=1), expert.predict_proba(texts), atol=1e-5)
    assert {"word", "char", "n_words"} <= set(group_contributions(expert, texts))


def test_kernel_scores_stand_beside_the_columns():
    table, labels = table_of()
    expert = expert_pipeline("boosted", n_centres=20, **FEW_ROUNDS).fit(table, labels)
    found = tree_shap(expert, table)
    assert found.features == (*table.columns, "score_anger", "score_fear", "score_joy")
    margins = found.base + found.values.sum(axis=1)
    np.testing.assert_allclose(softmax(margins, axis=1), expert.predict_proba(table), atol=1e-5)


def test_trees_without_a_front_are_explained_by_their_columns():
    table, labels = table_of()
    trees = BoostedTrees(n_rounds=3).fit(table, labels)
    assert tree_shap(trees, table).features == tuple(table.columns)
    with pytest.raises(ValueError, match="feature names"):
        tree_shap(trees, table[table.columns[::-1]])
    plain = BoostedTrees(n_rounds=3).fit(table.to_numpy(), labels)
    assert tree_shap(plain, table.to_numpy()).features == ("x0", "x1", "x2", "x3", "x4")


def test_an_expert_of_one_class_owes_nothing_to_any_feature():
    table, labels = table_of(classes=("joy",))
    with pytest.warns(EmofuseWarning, match="single class"):
        expert = expert_pipeline("boosted").fit(table, labels)
    found = tree_shap(expert, table)
    assert found.values.shape == (60, 5, 1)
    assert not found.values.any()
    assert not found.base.any()
    assert shares_of(group_contributions(expert, table)) == {"mfcc": 0.0}


def test_experts_that_cannot_be_explained_say_why():
    table, labels = table_of()
    with pytest.raises(StudyError, match="explains boosted trees, got LinearClassifier"):
        tree_shap(expert_pipeline("linear").fit(table, labels), table)
    mixed = expert_pipeline("boosted", n_components=2, **FEW_ROUNDS).fit(table, labels)
    with pytest.raises(StudyError, match="Projection mixes the columns"):
        group_contributions(mixed, table)
    with pytest.raises(TableError, match="one row at least"):
        tree_shap(expert_pipeline("boosted", **FEW_ROUNDS).fit(table, labels), table.iloc[:0])
    with pytest.raises(NotFittedError):
        tree_shap(BoostedTrees(), table)


def test_groups_are_added_before_their_size_is_taken(monkeypatch):
    monkeypatch.setattr("emofuse.fusion.contribution.BATCH", 7)
    table, labels = table_of()
    table = table.rename(columns={"mfcc1_mean": "loudness_mean", "mfcc2_mean": "loudness_sd"})
    expert = expert_pipeline("boosted", **FEW_ROUNDS).fit(table, labels)
    values = tree_shap(expert, table).values
    amounts = group_contributions(expert, table)
    assert list(amounts) == ["mfcc", "loudness"]
    for group, columns in (("mfcc", [0, 3, 4]), ("loudness", [1, 2])):
        assert amounts[group] == pytest.approx(np.abs(values[:, columns].sum(axis=1)).mean(), rel=1e-5)


def test_noise_columns_do_not_make_a_group_large():
    random = np.random.default_rng(1)
    table, labels = table_of(n_rows=120, n_columns=3)
    noise = pd.DataFrame(random.normal(size=(120, 40)), columns=[f"noise{number}_mean" for number in range(40)])
    wide = pd.concat([table, noise], axis=1)
    train, test = wide.iloc[:80], wide.iloc[80:]
    expert = expert_pipeline("boosted", n_rounds=40).fit(train, labels[:80])
    by_column = np.abs(tree_shap(expert, test).values).mean(axis=(0, 2))
    summed = shares_of({"mfcc": by_column[:3].sum(), "noise": by_column[3:].sum()})
    assert shares_of(group_contributions(expert, test))["noise"] < 0.7 * summed["noise"]


@given(st.dictionaries(st.text(min_size=1), st.floats(0, 1e6), min_size=1))
def test_shares_sum_to_one_and_fall(amounts):
    shares = shares_of(amounts)
    assert set(shares) == set(amounts)
    assert list(shares.values()) == sorted(shares.values(), reverse=True)
    assert sum(shares.values()) == pytest.approx(1 if any(amounts.values()) else 0)


def names_of(extractor):
    for parameters in type(make_extractor(extractor, {})).variants:
        yield [str(name) for name in make_extractor(extractor, parameters).get_feature_names_out()]


@pytest.mark.parametrize("extractor", sorted(EXTRACTORS))
def test_the_features_of_an_extractor_fall_into_a_readable_few_groups(extractor):
    for names in names_of(extractor):
        groups = {feature_group(name) for name in names}
        assert 1 < len(groups) <= 45
        assert len(groups) < len(names) or extractor == "text_counts"
        assert not [group for group in groups if group.startswith(("_", "delta_mfcc", "geometry_", "pcm_"))]
        endings = ("_mean", "_sd", "_amean", "_sma", "_q05", "_velocity", "_left", "_right")
        assert not [group for group in groups if group.endswith(endings)]


@pytest.mark.parametrize(
    ("group", "names"),
    [
        ("mfcc", "mfcc2V_sma3nz_amean mfcc_sma_de[14]_iqr1-2 pcm_fftMag_mfcc_sma[3]_max delta_mfcc0_q95 mfcc12_slope"),
        ("F0semitoneFrom27.5Hz", "F0semitoneFrom27.5Hz_sma3nz_pctlrange0-2 delta_F0semitoneFrom27.5Hz_sma3nz_sd"),
        ("F0final", "F0final_sma_de_qregc1 F0final__Turn_numOnsets"),
        ("slope", "slopeV0-500_sma3nz_amean slopeUV500-1500_sma3nz_amean slope0-500_sma3_mean"),
        ("logRelF0-H1-H2", "logRelF0-H1-H2_sma3nz_stddevNorm"),
        ("spectralRollOff", "pcm_fftMag_spectralRollOff25.0_sma_range pcm_fftMag_spectralRollOff90.0_sma_mean"),
        ("alphaRatio", "alphaRatioV_sma3nz_amean alphaRatioUV_sma3nz_amean alphaRatio_sma3_slope"),
        ("AU04", "AU04_r AU04_c AU04_r_mean AU04_c_share AU04_velocity"),
        ("brow_slope", "geometry_brow_slope_left geometry_brow_slope_right_slope"),
        ("landmark: eye", "geometry_landmark_37_x geometry_landmark_45_y_velocity landmark_x_36"),
        ("landmark_hog: jaw", "landmark_hog_03_lower_left_045deg"),
        ("hog", "hog_block_0_1_cell_0_0_000deg hog_0_2_2_2"),
        ("lbp", "lbp_cell_3_3_11111101 lbp_cell_0_0_other"),
        ("alpha", "TP9_alpha_log Fp1_alpha_relative Cz_alpha_differential_entropy"),
        ("alpha_asymmetry", "AF7-AF8_alpha_asymmetry"),
        ("aperiodic_exponent", "AF7_aperiodic_exponent"),
        ("correlation", "AF7-AF8_correlation"),
        ("BVP_hr", "BVP_hr_mean BVP_hr_sd"),
        ("EDA_scl", "EDA_scl_slope"),
        ("net_acc", "net_acc_std net_acc_max"),
        ("word", "word=happy word=a_mean"),
        ("char", "char=ha\n"),
        ("min_valence", "count=min_valence count=min_valence<0 min_valence"),
        ("age", "age"),
        ("mean", "mean"),
    ],
)
def test_names_of_one_kind_share_a_group(group, names):
    assert {feature_group(name) for name in names.split(" ")} == {group}
