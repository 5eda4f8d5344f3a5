from __future__ import annotations

from collections.abc import Callable
from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd
import pytest
import sklearn
from emofuse.classifiers.boosted import BoostedTrees
from emofuse.classifiers.calibration import log_clipped
from emofuse.classifiers.calibrators import Isotonic, Sigmoid, Temperature, Unchanged
from emofuse.classifiers.linear import LinearClassifier
from emofuse.classifiers.recipes import meta_classifier
from emofuse.features.errors import EmofuseWarning, StudyError, TableError
from emofuse.fusion.blocks import join_blocks
from emofuse.fusion.combination import FIXED_RULES, WEIGHED_RULES
from emofuse.fusion.experts import fit_experts
from emofuse.fusion.late import LEAST_META_ROWS, MAX_SUBSET_EXPERTS, RULES, LateFusion
from emofuse.fusion.rules import product_rule
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.model_selection import GroupKFold, cross_validate

Corpus = tuple[pd.DataFrame, np.ndarray, np.ndarray]
every_rule = pytest.mark.parametrize("rule", RULES)


class Log(list[tuple[set[Any], set[Any]]]):
    """A list that clones of an estimator share."""

    def __deepcopy__(self, memo: Any) -> Log:
        return self


class Recorder(ClassifierMixin, BaseEstimator):
    """Notes the ``id`` of the rows that it was fitted on, with those that it is then asked about."""

    def __init__(self, log: Log) -> None:
        self.log = log

    def fit(self, X: pd.DataFrame, y: np.ndarray) -> Recorder:
        self.classes_, self.seen_ = np.unique(y), set(X["id"].astype(int))
        return self

    def predict_proba(self, X: pd.DataFrame) -> np.ndarray:
        self.log.append((self.seen_, set(X["id"].astype(int))))
        return np.random.default_rng(0).dirichlet(np.ones(len(self.classes_)), size=len(X))


class RecordingMeta(ClassifierMixin, BaseEstimator):
    """Notes which rows of scores it was fitted on and asked about, by their first score."""

    def __init__(self, log: Log) -> None:
        self.log = log

    def fit(self, X: np.ndarray, y: np.ndarray) -> RecordingMeta:
        self.classes_, self.seen_ = np.unique(y), set(X[:, 0].tolist())
        return self

    def predict_proba(self, X: np.ndarray) -> np.ndarray:
        self.log.append((self.seen_, set(X[:, 0].tolist())))
        return np.full((len(X), len(self.classes_)), 1 / len(self.classes_))


class Memory(ClassifierMixin, BaseEstimator):
    """Sure of the most frequent label of each ``key`` that it has seen, and as sure of a guess where it has not."""

    def fit(self, X: pd.DataFrame, y: np.ndarray) -> Memory:
        self.classes_, codes = np.unique(y, return_inverse=True)
        self.memory_ = pd.Series(codes).groupby(X["key"].to_numpy()).agg(lambda seen: seen.mode()[0]).to_dict()
        return self

    def predict_proba(self, X: pd.DataFrame) -> np.ndarray:
        answers = [self.memory_.get(key, self._guess(int(key))) for key in X["key"]]
        return np.eye(len(self.classes_))[answers] * 0.96 + 0.04 / len(self.classes_)

    def _guess(self, key: int) -> int:
        return int(np.random.default_rng(key).integers(len(self.classes_)))


def fusing(expert: Any, *blocks: str, **parameters: Any) -> LateFusion:
    return LateFusion(dict.fromkeys(blocks or ("audio", "face"), expert), n_inner=3, **parameters)


def plain_answers(fused: LateFusion, scores: np.ndarray) -> np.ndarray:
    """Return the answers of a rule, without a temperature, to rows that several experts answered."""
    if fused.rule in FIXED_RULES:
        return FIXED_RULES[fused.rule](scores, fused.experts_.prior)
    return WEIGHED_RULES[fused.rule](scores, fused.experts_.prior, fused.weights_)


def accuracy_across_speakers(fusion: LateFusion, corpus: Corpus, *, grouped: bool = True) -> float:
    X, y, groups = corpus
    with sklearn.config_context(enable_metadata_routing=True):
        fusion = clone(fusion).set_fit_request(groups=grouped)
        scores = cross_validate(fusion, X, y, cv=GroupKFold(5), params={"groups": groups})["test_score"]
    return float(scores.mean())


@every_rule
def test_no_score_of_a_row_comes_from_a_model_that_saw_its_speaker(
    make_blocks: Callable[..., Corpus], rule: Any
) -> None:
    X, y, groups = make_blocks(n_speakers=6)
    X[("audio", "id")] = X[("face", "id")] = np.arange(len(X))
    log = Log()

    with sklearn.config_context(enable_metadata_routing=True):
        folds = cross_validate(
            LateFusion({"audio": Recorder(log), "face": Recorder(log)}, rule=rule),
            *(X, y),
            cv=GroupKFold(3),
            params={"groups": groups},
            return_indices=True,
        )["indices"]

    assert log
    for seen, asked in log:
        assert not set(groups[list(seen)]) & set(groups[list(asked)])
    for train, test in zip(folds["train"], folds["test"], strict=True):
        inner = sorted(row for seen, asked in log if seen | asked == set(train) for row in asked)
        outer = [asked for seen, asked in log if seen == set(train)]
        assert inner == sorted([*train, *train])  # each training row once a block
        assert outer == [set(test)] * 2


def test_a_block_that_remembers_rows_does_not_get_the_trust_of_stacking(
    make_blocks: Callable[..., Corpus], expert: Any
) -> None:
    X, y, groups = make_blocks(n_clips=8, strengths={"audio": 1.6})
    X[("memory", "key")] = np.arange(len(X))
    stacking = LateFusion({"audio": expert, "memory": Memory()}, rule="stacking")
    fooled = []
    for train, test in GroupKFold(5).split(X, y, groups):
        fitted = {name: clone(model).fit(X[name].iloc[train], y[train]) for name, model in stacking.blocks.items()}
        scores = np.hstack([log_clipped(model.predict_proba(X[name])) for name, model in fitted.items()])
        meta = meta_classifier("linear").fit(scores[train], y[train])
        fooled.append((meta.predict(scores[test]) == y[test]).mean())

    honest = accuracy_across_speakers(fusing(expert, "audio"), (X, y, groups))
    fused = accuracy_across_speakers(stacking, (X, y, groups))

    assert honest > 0.7
    assert fused > honest - 0.05
    assert np.mean(fooled) < honest - 0.2  # what a meta-classifier fitted on in-sample scores would have given


def test_a_block_that_remembers_speakers_does_not_get_the_trust_of_stacking(
    make_blocks: Callable[..., Corpus], expert: Any
) -> None:
    X, y, groups = make_blocks(n_speakers=24, n_clips=5, strengths={"audio": 1.1})
    speakers = np.array([int(group.removeprefix("speaker")) for group in groups])
    own = np.unique(y)[speakers % 3] == y
    keep = own | (np.arange(len(y)) % 10 == 0)  # each speaker shows one emotion nearly always
    X[("memory", "key")] = speakers
    corpus = X[keep], y[keep], groups[keep]
    stacking = LateFusion({"audio": expert, "memory": Memory()}, rule="stacking")

    honest = accuracy_across_speakers(fusing(expert, "audio"), corpus)
    fused = accuracy_across_speakers(stacking, corpus)
    fooled = accuracy_across_speakers(stacking, corpus, grouped=False)

    assert fused > honest - 0.08
    assert fooled < fused - 0.15


@every_rule
def test_fusing_two_informative_blocks_beats_the_better_one(
    make_blocks: Callable[..., Corpus], expert: Any, rule: Any
) -> None:
    X, y, groups = make_blocks(n_speakers=8, strengths={"audio": 1.2, "face": 1.2, "text": 1.2})
    new, truth, _ = make_blocks(n_speakers=20, strengths={"audio": 1.2, "face": 1.2, "text": 1.2}, seed=1)

    alone = max(fusing(expert, block).fit(X, y, groups).score(new, truth) for block in ("audio", "face", "text"))
    fused = fusing(expert, "audio", "face", "text", rule=rule).fit(X, y, groups).score(new, truth)

    assert fused > alone + 0.05


@every_rule
def test_a_class_of_one_speaker_only_stays_known(make_blocks: Callable[..., Corpus], expert: Any, rule: Any) -> None:
    X, y, groups = make_blocks(n_clips=8, strengths={"audio": 2.5, "face": 2.5})
    new, truth, _ = make_blocks(n_clips=8, strengths={"audio": 2.5, "face": 2.5}, seed=1)
    keep = (y != "joy") | (groups == "speaker3")

    fused = fusing(expert, rule=rule).fit(X[keep], y[keep], groups[keep])

    for label in ("anger", "fear", "joy"):
        assert (fused.predict(new[truth == label]) == label).mean() > 0.85
    codes = np.searchsorted(fused.classes_, truth)
    assert -np.log(fused.predict_proba(new)[np.arange(len(new)), codes]).mean() < 0.35


def test_stacking_takes_a_class_that_nobody_could_be_judged_on_from_the_product(
    make_blocks: Callable[..., Corpus], expert: Any
) -> None:
    X, y, groups = make_blocks()
    keep = (y != "joy") | (groups == "speaker3")
    fused = fusing(expert, rule="stacking").fit(X[keep], y[keep], groups[keep])

    answers, product = fused.predict_proba(X), product_rule(fused.experts_.scores(X), fused.experts_.prior)

    assert fused.metas_[0, 1].classes_.tolist() == [0, 1]
    np.testing.assert_allclose(answers[:, 2], product[:, 2])
    np.testing.assert_allclose(answers.sum(axis=1), 1)


@every_rule
def test_a_speaker_may_have_one_class_only(make_blocks: Callable[..., Corpus], expert: Any, rule: Any) -> None:
    X, y, groups = make_blocks()
    keep = (groups != "speaker0") | (y == "fear")

    assert fusing(expert, rule=rule).fit(X[keep], y[keep], groups[keep]).score(X, y) > 0.7


@every_rule
def test_a_modality_may_be_absent_in_a_whole_test_fold(
    make_blocks: Callable[..., Corpus], expert: Any, rule: Any
) -> None:
    X, y, groups = make_blocks()
    X.loc[groups == "speaker1", "face"] = np.nan
    X.loc[groups == "speaker4", "audio"] = np.nan

    assert accuracy_across_speakers(fusing(expert, rule=rule), (X, y, groups)) > 0.55


@every_rule
def test_a_modality_may_be_present_in_one_speaker_only(
    make_blocks: Callable[..., Corpus], expert: Any, rule: Any
) -> None:
    X, y, groups = make_blocks(n_clips=8)
    X.loc[groups != "speaker1", "face"] = np.nan

    fused = fusing(expert, rule=rule).fit(X, y, groups)

    assert fused.score(X, y) > 0.7
    np.testing.assert_allclose(fused.predict_proba(X).sum(axis=1), 1)


def test_a_modality_absent_in_every_training_row_is_refused(make_blocks: Callable[..., Corpus], expert: Any) -> None:
    X, y, groups = make_blocks()
    X.loc[:, "face"] = np.nan

    with pytest.raises(TableError, match="block 'face' is absent in every training row; drop it from the study"):
        fusing(expert).fit(X, y, groups)


@every_rule
def test_where_one_modality_is_present_its_calibrated_expert_answers(
    make_blocks: Callable[..., Corpus], expert: Any, rule: Any
) -> None:
    X, y, groups = make_blocks()
    both, single = fusing(expert, rule=rule).fit(X, y, groups), fusing(expert, "audio", rule=rule).fit(X, y, groups)
    voice = X.copy()
    voice.loc[:, "face"] = np.nan

    calibrated = np.exp(both.experts_.scores(X)[0])

    np.testing.assert_allclose(both.predict_proba(voice), calibrated, rtol=1e-6)
    np.testing.assert_allclose(single.predict_proba(X), calibrated, rtol=1e-6)
    np.testing.assert_allclose(both.predict_proba(voice.iloc[[5]]), calibrated[[5]], rtol=1e-6)
    assert np.abs(both.predict_proba(X) - calibrated).max() > 0.05


@every_rule
def test_where_nothing_is_present_the_prior_answers(make_blocks: Callable[..., Corpus], expert: Any, rule: Any) -> None:
    X, y, groups = make_blocks()
    y = np.where(y == "fear", "joy", y)
    fused = fusing(expert, rule=rule).fit(X, y, groups)
    X.iloc[7] = np.nan

    np.testing.assert_allclose(fused.predict_proba(X)[7], [1 / 3, 2 / 3])


@every_rule
def test_rules_fitted_on_shared_experts_are_those_of_the_fusion_itself(
    make_blocks: Callable[..., Corpus], expert: Any, rule: Any
) -> None:
    X, y, groups = make_blocks()
    fused = fusing(expert, rule=rule).fit(X, y, groups)
    shared = fusing(expert, rule=rule).fit_rule(fit_experts(fused._estimators(), X, y, groups, n_inner=3))

    np.testing.assert_array_equal(shared.predict_proba(X), fused.predict_proba(X))
    np.testing.assert_array_equal(shared.combine(shared.experts_.scores(X)), fused.predict_proba(X))


@pytest.mark.parametrize("rule", [*FIXED_RULES, *WEIGHED_RULES])
def test_answers_of_rules_are_calibrated(make_blocks: Callable[..., Corpus], expert: Any, rule: Any) -> None:
    strengths = {"audio": 1.0, "face": 1.0, "text": 1.0}
    X, y, groups = make_blocks(n_clips=8, strengths=strengths)
    new, truth, _ = make_blocks(n_clips=80, strengths=strengths, seed=1)
    fused = fusing(expert, *strengths, rule=rule).fit(X, y, groups)
    codes = np.searchsorted(fused.classes_, truth)
    plain = plain_answers(fused, fused.experts_.scores(new))

    losses = [-np.log(answers[np.arange(len(new)), codes]).mean() for answers in (plain, fused.predict_proba(new))]

    np.testing.assert_array_equal(fused.predict(new), fused.classes_[plain.argmax(axis=1)])
    assert losses[1] < losses[0] + 0.005
    assert losses[1] < 0.8


def test_a_block_that_comes_twice_counts_about_once(make_blocks: Callable[..., Corpus], expert: Any) -> None:
    X, y, groups = make_blocks(n_clips=10, strengths={"audio": 1.0})
    X = join_blocks({"audio": X["audio"], "copy": X["audio"]})

    twice = fusing(expert, "audio", "copy", rule="product").fit(X, y, groups)
    once = fusing(expert, "audio").fit(X, y, groups)

    assert twice.temperature_ == pytest.approx(0.5, abs=0.05)
    np.testing.assert_allclose(twice.predict_proba(X), once.predict_proba(X), atol=0.05)


def test_learned_weights_favour_the_informative_block(make_blocks: Callable[..., Corpus], expert: Any) -> None:
    X, y, groups = make_blocks(n_clips=10, strengths={"audio": 2.0, "face": 0.1})

    voice, face = fusing(expert, rule="weighted").fit(X, y, groups).weights_

    assert voice > face + 0.3


def test_weights_by_class_and_the_gate_favour_the_informative_block(
    make_blocks: Callable[..., Corpus], expert: Any
) -> None:
    X, y, groups = make_blocks(n_clips=10, strengths={"audio": 2.0, "face": 0.1})

    by_class = fusing(expert, rule="class_weighted").fit(X, y, groups).weights_
    fused = fusing(expert, rule="gated").fit(X, y, groups)
    confidence = np.exp(fused.experts_.training_scores()).max(axis=2).mean(axis=1)
    voice, face = np.exp(fused.weights_[0] + fused.weights_[1] * confidence)

    assert by_class.shape == (2, 3)
    assert by_class[0].mean() > by_class[1].mean() + 0.1
    assert fused.weights_.shape == (2, 2)
    assert voice > face + 0.3


@pytest.mark.parametrize(
    ("method", "kind"),
    [("temperature", Temperature), ("sigmoid", Sigmoid), ("isotonic", Isotonic), ("none", Unchanged)],
)
def test_experts_are_calibrated_as_asked(
    make_blocks: Callable[..., Corpus], expert: Any, method: Any, kind: type
) -> None:
    X, y, groups = make_blocks(n_clips=8, strengths={"audio": 1.0, "face": 0.5})

    fused = fusing(expert, calibration=method).fit(X, y, groups)

    assert {type(one.calibrator) for one in fused.experts_.experts.values()} == {kind}
    own = clone(expert).fit(X["audio"], y).predict_proba(X["audio"])
    assert np.allclose(np.exp(fused.experts_.scores(X)[0]), own) == (method == "none")
    np.testing.assert_allclose(fused.predict_proba(X).sum(axis=1), 1)


def test_an_unknown_calibration_is_answered_with_the_choices(make_blocks: Callable[..., Corpus], expert: Any) -> None:
    with pytest.raises(StudyError, match=r"methods \['temperature', .*'none'\], got 'platt'"):
        fusing(expert, calibration="platt").fit(*make_blocks())


def test_stacking_learns_every_subset_of_the_modalities(make_blocks: Callable[..., Corpus], expert: Any) -> None:
    blocks = ["audio", "face", "text"]
    X, y, groups = make_blocks(strengths=dict.fromkeys(blocks, 1.0))

    fused = fusing(expert, *blocks, rule="stacking").fit(X, y, groups)

    assert set(fused.metas_) == {(0, 1), (0, 2), (1, 2), (0, 1, 2)}
    X.loc[:, "face"] = np.nan
    scores = fused.experts_.scores(X)
    learned = fused.metas_[0, 2].predict(np.hstack([scores[0], scores[2]]))
    assert fused.predict(X).tolist() == fused.classes_[learned].tolist()


@pytest.mark.parametrize("n_blocks", [MAX_SUBSET_EXPERTS, MAX_SUBSET_EXPERTS + 1])
def test_with_many_experts_stacking_learns_all_of_them_together_only(
    make_blocks: Callable[..., Corpus], expert: Any, n_blocks: int
) -> None:
    blocks = [f"block{number}" for number in range(n_blocks)]
    X, y, groups = make_blocks(strengths=dict.fromkeys(blocks, 0.5))
    everyone = tuple(range(n_blocks))
    subsets = {subset for size in range(2, n_blocks + 1) for subset in combinations(everyone, size)}

    fused = fusing(expert, *blocks, rule="stacking").fit(X, y, groups)

    assert set(fused.metas_) == (subsets if n_blocks <= MAX_SUBSET_EXPERTS else {everyone})
    X.loc[:, "block2"] = np.nan
    product = product_rule(fused.experts_.scores(X), fused.experts_.prior)
    assert np.allclose(fused.predict_proba(X), product) == (n_blocks > MAX_SUBSET_EXPERTS)


def test_stacking_without_enough_rows_is_the_product_and_says_so(
    make_blocks: Callable[..., Corpus], expert: Any
) -> None:
    X, y, groups = make_blocks(n_speakers=3, n_clips=2)

    with pytest.warns(
        EmofuseWarning, match=f"needs {LEAST_META_ROWS} training rows .* the product of the experts answers"
    ):
        fused = fusing(expert, rule="stacking").fit(X, y, groups)

    product = product_rule(fused.experts_.scores(X), fused.experts_.prior)
    np.testing.assert_allclose(fused.predict_proba(X), product, rtol=1e-6)


def test_the_temperature_of_stacking_is_fitted_with_speakers_kept_apart(
    make_blocks: Callable[..., Corpus], expert: Any
) -> None:
    X, y, groups = make_blocks()
    log = Log()

    fused = fusing(expert, rule="stacking", meta=RecordingMeta(log)).fit(X, y, groups)

    speaker_of = dict(zip(np.hstack(list(fused.experts_.training_scores()))[:, 0].tolist(), groups, strict=True))
    asked = [row for _, rows in log for row in rows]
    assert sorted(asked) == sorted(speaker_of)
    for seen, rows in log:
        assert not {speaker_of[row] for row in seen} & {speaker_of[row] for row in rows}


def test_a_meta_classifier_too_sure_of_itself_is_tempered(make_blocks: Callable[..., Corpus], expert: Any) -> None:
    X, y, groups = make_blocks(strengths={"audio": 1.0, "face": 0.5})

    fused = fusing(expert, rule="stacking", meta=LinearClassifier(C=1e6)).fit(X, y, groups)

    plain = fused.metas_[0, 1].predict_proba(np.hstack(list(fused.experts_.scores(X))))
    tempered = plain**fused.temperature_
    assert fused.temperature_ < 0.8
    np.testing.assert_allclose(fused.predict_proba(X), tempered / tempered.sum(axis=1, keepdims=True), atol=1e-3)


def test_stacking_takes_another_meta_classifier(make_blocks: Callable[..., Corpus], expert: Any) -> None:
    X, y, groups = make_blocks()
    meta = BoostedTrees(n_rounds=5)

    fused = fusing(expert, rule="stacking", meta=meta).fit(X, y, groups)

    assert isinstance(fused.metas_[0, 1], BoostedTrees)
    assert not hasattr(meta, "classes_")
    assert fused.score(X, y) > 0.7


@every_rule
def test_blocks_that_the_fusion_does_not_use_are_ignored(
    make_blocks: Callable[..., Corpus], expert: Any, rule: Any
) -> None:
    X, y, groups = make_blocks(strengths={"audio": 1.0, "face": 1.0, "eeg": 1.0})

    with_more, without = (fusing(expert, rule=rule).fit(table, y, groups) for table in (X, X[["audio", "face"]]))

    np.testing.assert_array_equal(with_more.predict_proba(X), without.predict_proba(X[["audio", "face"]]))


def test_an_unknown_rule_is_answered_with_the_choices(make_blocks: Callable[..., Corpus], expert: Any) -> None:
    with pytest.raises(StudyError, match=r"knows the rules \['mean', .*'stacking'\], got 'loudest'"):
        fusing(expert, rule="loudest").fit(*make_blocks())
