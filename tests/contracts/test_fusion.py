"""What every fusion promises, whatever its rule."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pandas as pd
import pytest
import sklearn
from emofuse.classifiers.boosted import BoostedTrees
from emofuse.classifiers.linear import LinearClassifier
from emofuse.classifiers.scaling import Scaler
from emofuse.features.errors import EmofuseWarning, ProtocolError, TableError
from emofuse.fusion.blocks import join_blocks
from emofuse.fusion.early import EarlyFusion
from emofuse.fusion.hybrid import HybridFusion
from emofuse.fusion.late import RULES, LateFusion
from sklearn.base import clone, is_classifier
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GroupKFold, cross_validate
from sklearn.pipeline import make_pipeline

Corpus = tuple[pd.DataFrame, np.ndarray, np.ndarray]
EXPERTS = {name: make_pipeline(Scaler(), LinearClassifier()) for name in ("audio", "face")}
EARLY = EarlyFusion({"audio": Scaler(), "face": Scaler()}, LinearClassifier(), n_inner=3)
FUSIONS = {
    "early": EARLY,
    "early boosted": clone(EARLY).set_params(classifier=BoostedTrees(n_rounds=8)),
    "early raw": clone(EARLY).set_params(block_scaling=False),
    "early with subsets": clone(EARLY).set_params(subsets=[["audio"], ["face"]]),
    "early with dropout": clone(EARLY).set_params(dropout=0.3),
    **{rule: LateFusion(EXPERTS, rule=rule, n_inner=3) for rule in RULES},
    "hybrid": HybridFusion(EXPERTS, EARLY, n_inner=3),
    **{
        f"hybrid {rule}": HybridFusion(EXPERTS, EARLY, rule=rule, n_inner=3)
        for rule in ("weighted", "gated", "stacking")
    },
}
LABELS = {
    "strings": np.array(["sad", "anger", "joy"]),
    "gapped numbers": np.array([40, -7, 3]),
    "booleans": np.array([True, False, False]),
}


@pytest.fixture(params=FUSIONS)
def fusion(request: pytest.FixtureRequest) -> Any:
    return clone(FUSIONS[request.param])


def corpus(labels: np.ndarray = LABELS["strings"], *, seed: int = 0, complete: bool = True) -> Corpus:
    random = np.random.default_rng(seed)
    codes = np.tile(np.repeat(np.arange(3), 4), 5)
    index = [f"clip{number}" for number in range(60)]
    blocks = {}
    for name, strength in (("audio", 2.0), ("face", 1.2)):
        values = random.normal(size=(60, 4)) + strength * np.eye(4)[codes]
        blocks[name] = pd.DataFrame(values, index=index).rename(columns=f"{name}{{}}".format)
    X = join_blocks(blocks)
    if not complete:
        X.loc[X.index[::6], "audio"] = np.nan
        X.loc[X.index[::4], "face"] = np.nan
    return X, labels[codes], np.repeat(np.arange(5), 12)


def test_it_is_a_classifier_whose_clone_has_its_parameters(fusion: Any) -> None:
    parameters = fusion.get_params(deep=False)
    fitted = fusion.fit(*corpus())
    copy = clone(fitted)

    assert is_classifier(fusion)
    assert copy.get_params(deep=False).keys() == parameters.keys()
    assert repr(copy) == repr(fusion)
    assert copy.set_params(n_inner=4).n_inner == 4
    assert fitted.n_inner == 3
    with pytest.raises(NotFittedError):
        copy.predict(corpus()[0])


@pytest.mark.parametrize("kind", LABELS)
def test_probabilities_stand_under_their_classes(fusion: Any, kind: str) -> None:
    X, y, groups = corpus(LABELS[kind], complete=False)
    answers = fusion.fit(X, y, groups).predict_proba(X)

    assert fusion.classes_.tolist() == np.unique(LABELS[kind]).tolist()
    assert answers.shape == (60, len(fusion.classes_))
    assert answers.min() >= 0
    np.testing.assert_allclose(answers.sum(axis=1), 1)
    np.testing.assert_array_equal(fusion.predict(X), fusion.classes_[answers.argmax(axis=1)])
    assert fusion.score(X, y) > 0.75


def test_cross_validation_hands_it_the_groups(fusion: Any) -> None:
    X, y, groups = corpus(complete=False)

    with sklearn.config_context(enable_metadata_routing=True):
        found = cross_validate(fusion, X, y, cv=GroupKFold(3), params={"groups": groups}, return_estimator=True)

    assert found["test_score"].mean() > 0.6
    assert [len(estimator.classes_) for estimator in found["estimator"]] == [3, 3, 3]
    with sklearn.config_context(enable_metadata_routing=True), pytest.raises(ProtocolError, match="two groups"):
        one = GroupKFold(2).split(X, y, np.repeat([0, 1], [12, 48]))
        cross_validate(fusion, X, y, cv=list(one), params={"groups": groups > 0}, error_score="raise")


def test_rows_keep_their_answers_in_any_order(fusion: Any) -> None:
    X, y, groups = corpus(complete=False)
    order = np.random.default_rng(1).permutation(60)

    straight = fusion.fit(X, y, groups).predict_proba(X)
    shuffled = clone(fusion).fit(X.iloc[order], y[order], groups[order])

    np.testing.assert_allclose(fusion.predict_proba(X.iloc[order]), straight[order], rtol=1e-6)
    assert (shuffled.predict(X.iloc[order]) == fusion.classes_[straight[order].argmax(axis=1)]).mean() > 0.85


def test_columns_are_known_by_name(fusion: Any) -> None:
    X, y, groups = corpus(complete=False)
    answers = fusion.fit(X, y, groups).predict_proba(X)
    order = np.random.default_rng(1).permutation(X.shape[1])

    np.testing.assert_array_equal(fusion.predict_proba(X.iloc[:, order]), answers)


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda X: X.drop(columns=[("audio", "audio1")]), r"block 'audio' differs from training: missing \['audio1'\]"),
        (lambda X: pd.concat([X, X[["face"]].rename(columns={"face": "audio"})], axis=1), r"new \['face0', 'face1'"),
        (lambda X: X.drop(columns="face"), "block 'face' is missing; the table has"),
        (lambda X: X.set_axis(["clip"] * 60), "sample 'clip' stands in several rows"),
        (lambda X: X.iloc[:0], "has no rows"),
        (lambda X: X["audio"], "a block table is needed"),
        (lambda X: X.to_numpy(), "a block table is needed"),
        (lambda X: X.replace(X.iloc[3, 2], np.inf), r"columns \['audio2'\] hold infinite values"),
    ],
    ids=["missing feature", "new feature", "missing block", "repeated row", "empty", "one block", "array", "infinite"],
)
def test_tables_that_differ_from_training_are_refused(fusion: Any, spoil: Callable[[Any], Any], message: str) -> None:
    X, y, groups = corpus()
    fusion.fit(X, y, groups)

    with pytest.raises(TableError, match=message):
        fusion.predict_proba(spoil(X))


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda X, y, groups: (X.set_axis(["clip"] * 60), y, groups), "sample 'clip' stands in several rows"),
        (lambda X, y, groups: (X["audio"], y, groups), "a block table is needed"),
        (lambda X, y, groups: (X.drop(columns="face"), y, groups), "block 'face' is missing"),
        (lambda X, y, groups: (X.replace(X.iloc[3, 2], np.inf), y, groups), r"columns \['audio2'\] hold infinite"),
        (lambda X, y, groups: (X.assign(face=np.nan), y, groups), "block 'face' is absent in every training row"),
        (lambda X, y, groups: (X, y[1:], groups), "y must have one value for each of the 60 rows"),
        (lambda X, y, groups: (X, y, groups[1:]), "groups must have one value for each of the 60 rows"),
        (lambda X, y, groups: (X, np.where(y == "joy", None, y), groups), "y is missing in row 8"),
    ],
    ids=["repeated row", "one block", "missing block", "infinite", "absent block", "labels", "groups", "missing label"],
)
def test_training_tables_that_cannot_be_used_are_refused(
    fusion: Any, spoil: Callable[..., Corpus], message: str
) -> None:
    with pytest.raises(TableError, match=message):
        fusion.fit(*spoil(*corpus()))


def test_a_single_speaker_is_refused(fusion: Any) -> None:
    X, y, _ = corpus()

    with pytest.raises(ProtocolError, match="two groups in the training rows, got one; add speakers"):
        fusion.fit(X, y, np.zeros(60))


def test_a_single_class_is_answered_always_with_a_warning(fusion: Any) -> None:
    X, _, groups = corpus()

    with pytest.warns(EmofuseWarning, match="single class 'joy'"):
        fusion.fit(X, np.full(60, "joy"), groups)

    assert set(fusion.predict(X)) == {"joy"}
    np.testing.assert_allclose(fusion.predict_proba(X), 1)


def test_fitting_again_gives_the_same_bits_and_forgets_the_former_classes(fusion: Any) -> None:
    X, y, groups = corpus(complete=False)
    first = fusion.fit(X, y, groups).predict_proba(X)
    fusion.fit(X, np.where(y == "joy", "fear", "sad"), groups)

    assert fusion.classes_.tolist() == ["fear", "sad"]
    assert fusion.predict_proba(X).shape == (60, 2)
    assert fusion.fit(X, y, groups).predict_proba(X).tobytes() == first.tobytes()


def test_the_table_is_left_as_it_was(fusion: Any) -> None:
    X, y, groups = corpus(complete=False)
    before = X.copy()
    fusion.fit(X, y, groups).predict_proba(X)

    pd.testing.assert_frame_equal(X, before)


def test_a_row_gets_the_same_answer_alone_in_threads_and_after_pickling(fusion: Any) -> None:
    X, y, groups = corpus(complete=False)
    answers = fusion.fit(X, y, groups).predict_proba(X)

    alone = np.vstack([fusion.predict_proba(X.iloc[[row]]) for row in range(8)])
    np.testing.assert_allclose(alone, answers[:8], rtol=1e-5)
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(fusion)).predict_proba(X), answers)
    with ThreadPoolExecutor(4) as pool:
        for given in pool.map(fusion.predict_proba, [X] * 8):
            np.testing.assert_array_equal(given, answers)


def test_groups_are_optional(fusion: Any) -> None:
    X, y, _ = corpus()

    assert fusion.fit(X, y).score(X, y) > 0.75


def test_a_modality_may_be_absent_in_prediction_only(fusion: Any) -> None:
    new, truth, _ = corpus(seed=1)
    fusion.fit(*corpus())
    new.loc[:, "face"] = np.nan

    assert (fusion.predict(new) == truth).mean() > 0.6
    np.testing.assert_allclose(fusion.predict_proba(new).sum(axis=1), 1)


def test_where_every_modality_is_absent_the_class_shares_answer(fusion: Any) -> None:
    X, y, groups = corpus()
    fusion.fit(X, np.where(y == "sad", "joy", y), groups)
    X.iloc[[2, 30]] = np.nan

    np.testing.assert_allclose(fusion.predict_proba(X)[[2, 30]], np.tile([1 / 3, 2 / 3], (2, 1)))
    np.testing.assert_allclose(fusion.predict_proba(X.iloc[[2]]), [[1 / 3, 2 / 3]])
