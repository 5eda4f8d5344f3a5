"""What training rows are joined by and drawn from: no child without its parent, no copy on both sides, nothing by default."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest
from emofuse.classifiers.boosted import BoostedTrees
from emofuse.classifiers.cross_fitted import KernelScores
from emofuse.classifiers.linear import LinearClassifier
from emofuse.classifiers.recipes import expert_pipeline
from emofuse.classifiers.scaling import Scaler
from emofuse.features.errors import StudyError, TableError
from emofuse.fusion.early import EarlyFusion
from emofuse.fusion.experts import fit_experts
from emofuse.fusion.hybrid import HybridFusion
from emofuse.fusion.late import LateFusion
from emofuse.fusion.preparation import BALANCES, Children, Preparation, balanced_rows, unweighted
from hypothesis import given
from hypothesis import strategies as st
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.pipeline import make_pipeline

Corpus = tuple[pd.DataFrame, np.ndarray, np.ndarray]
FITS: list[pd.DataFrame] = []  # what each spy was fitted on, in turn; a list of the class's own would be cloned
ASKED: list[pd.DataFrame] = []


class Spy(ClassifierMixin, BaseEstimator):
    """Remembers the rows that it is fitted on and asked about; a row's one feature says which row it is."""

    def fit(self, X: Any, y: Any) -> Spy:
        FITS.append(pd.DataFrame({"row": np.asarray(X)[:, 0], "label": y}))
        self.classes_ = np.unique(y)
        return self

    def predict_proba(self, X: Any) -> np.ndarray:
        ASKED.append(pd.DataFrame({"row": np.asarray(X)[:, 0]}))
        return np.full((len(X), len(self.classes_)), 1 / len(self.classes_))


class Passing(BaseEstimator):
    """A transformer that does nothing."""

    def fit(self, X: Any, y: Any = None) -> Passing:
        return self

    def transform(self, X: Any) -> np.ndarray:
        return np.asarray(X, dtype=np.float64)


@pytest.fixture(autouse=True)
def nothing_seen() -> None:
    FITS.clear()
    ASKED.clear()


def numbered(labels: list[str] | np.ndarray, *, n_groups: int = 4, n_children: int = 2) -> tuple[Any, ...]:
    """Return a block table whose rows are numbered, labels, groups, and children numbered by parent plus .1, .2 ..."""
    count = len(labels)
    names = [f"clip{number}" for number in range(count)]
    columns = pd.MultiIndex.from_tuples([("audio", "row"), ("face", "row")], names=["block", "feature"])
    rows = np.arange(count, dtype=np.float64)
    X = pd.DataFrame(np.column_stack([rows, rows]), index=names, columns=columns)
    made, parents, index = [], [], []
    for number in range(count):
        for child in range(1, n_children + 1):
            made.append([number + child / 10, number])
            parents.append(names[number])
            index.append(f"{names[number]} noise {child}")
    children = Children(
        pd.DataFrame(made, index=index, columns=columns), np.array(parents, dtype=object), (("audio",),) * len(made)
    )
    return X, np.asarray(labels), np.array([f"s{number % n_groups}" for number in range(count)]), children


LABELS = np.array((["joy"] * 5 + ["sad"] * 3) * 4)


@given(n_groups=st.integers(2, 6), n_inner=st.integers(2, 5), seed=st.integers(0, 20), n_children=st.integers(1, 3))
def test_children_are_in_a_fit_if_and_only_if_their_parents_are(
    n_groups: int, n_inner: int, seed: int, n_children: int
) -> None:
    FITS.clear()
    ASKED.clear()
    labels = np.random.default_rng(seed).permutation(LABELS)
    X, y, groups, children = numbered(labels, n_groups=n_groups, n_children=n_children)

    fitted = fit_experts({"voice": ("audio", Spy())}, X, y, groups, n_inner=n_inner, seed=seed, children=children)

    assert len(FITS) == min(n_inner, n_groups) + 1
    for number, fit in enumerate(FITS):
        parents = fit["row"].to_numpy().astype(int)
        assert pd.Series(parents).value_counts().eq(1 + n_children).all()
        assert (fit["label"].to_numpy() == y[parents]).all()
        if number < len(ASKED):
            asked = ASKED[number]["row"].to_numpy()
            assert (asked == asked.astype(int)).all(), "a child was judged"
            assert not set(groups[asked.astype(int)]) & set(groups[parents])
    assert sorted(np.concatenate([asked["row"] for asked in ASKED])) == list(range(len(X)))
    assert len(FITS[-1]) == len(X) * (1 + n_children)
    assert fitted.out_of_fold["voice"].shape == (len(X), 2)
    np.testing.assert_array_equal(fitted.prior, [0.625, 0.375])


def test_without_groups_a_child_stays_with_its_parent_too() -> None:
    X, y, _, children = numbered(LABELS)
    fit_experts({"voice": ("audio", Spy())}, X, y, None, n_inner=3, children=children)
    assert len(FITS) == 4
    for fit, asked in zip(FITS, ASKED, strict=False):
        assert not set(asked["row"]) & set(fit["row"].astype(int))


def test_an_expert_of_a_block_that_is_not_varied_sees_no_child() -> None:
    X, y, groups, children = numbered(LABELS)
    fit_experts({"face": ("face", Spy())}, X, y, groups, n_inner=2, children=children)
    assert len(FITS[-1]) == len(X)
    assert len(FITS) == 3


def early_of(**options: Any) -> EarlyFusion:
    return EarlyFusion({"audio": Passing(), "face": Passing()}, Spy(), block_scaling=False, n_inner=2, **options)


@pytest.mark.parametrize("kind", ["alone", "expert", "hybrid"])
def test_early_fusion_joins_children_to_their_parents_in_every_fit(kind: str) -> None:
    X, y, groups, children = numbered(LABELS)
    if kind == "alone":
        early_of().fit(X, y, groups, children=children)
    elif kind == "expert":
        fit_experts({"early": (None, early_of(calibration="none"))}, X, y, groups, n_inner=2, children=children)
    else:
        experts = {name: make_pipeline(Scaler(), LinearClassifier()) for name in ("audio", "face")}
        HybridFusion(experts, early_of(), n_inner=2).fit(X, y, groups, children=children)
    assert sorted(len(fit) for fit in FITS) == [len(X) // 2 * 3, len(X) // 2 * 3, len(X) * 3]
    for fit in FITS:
        assert fit["row"].astype(int).value_counts().eq(3).all()
    for asked in ASKED:
        assert (asked["row"] == asked["row"].astype(int)).all()


@pytest.mark.parametrize("balance", ["over", "under"])
@pytest.mark.parametrize("block", ["audio", None])
def test_balanced_fits_hold_as_many_rows_of_each_class_and_no_held_out_one(balance: Any, block: Any) -> None:
    X, y, groups, _ = numbered(LABELS)
    estimator = Spy() if block else early_of(calibration="none", balance=balance)
    fit_experts({"expert": (block, estimator)}, X, y, groups, n_inner=4, balance=balance)
    assert len(FITS) == 5
    for number, fit in enumerate(FITS):
        counts = fit["label"].value_counts()
        assert counts.nunique() == 1
        rows = fit["row"].to_numpy().astype(int)
        assert (fit["label"].to_numpy() == y[rows]).all()
        given = (
            X.index
            if number == 4
            else [
                name
                for name, group in zip(X.index, groups, strict=True)
                if group not in set(groups[ASKED[number]["row"].astype(int)])
            ]
        )
        own = pd.Series(y, index=X.index)[given].value_counts()
        assert counts.iloc[0] == (own.max() if balance == "over" else own.min())
        if balance == "over":
            assert set(rows) == {X.index.get_loc(name) for name in given}
        else:
            assert len(set(rows)) == len(rows)
    assert sorted(np.concatenate([asked["row"] for asked in ASKED])) == list(range(len(X)))


@given(st.lists(st.integers(0, 4), min_size=1, max_size=60), st.sampled_from(["over", "under"]), st.integers(0, 9))
def test_balanced_rows_are_rows_of_which_each_class_has_as_many(codes: list[int], method: Any, seed: int) -> None:
    given_codes = np.array(codes)
    rows = balanced_rows(given_codes, method, seed=seed)
    counts = np.bincount(given_codes)[np.unique(given_codes)]
    found = np.bincount(given_codes[rows])[np.unique(given_codes)]
    assert (found == (counts.max() if method == "over" else counts.min())).all()
    assert (np.diff(rows) >= 0).all()
    if method == "over":
        assert set(rows) == set(range(len(codes)))
    else:
        assert len(set(rows)) == len(rows)
    np.testing.assert_array_equal(rows, balanced_rows(given_codes, method, seed=seed))
    np.testing.assert_array_equal(balanced_rows(given_codes[rows], method, seed=seed), np.arange(len(rows)))


def test_another_seed_draws_other_rows() -> None:
    codes = np.repeat([0, 1], [30, 10])
    for method in ("over", "under"):
        assert not np.array_equal(balanced_rows(codes, method, seed=0), balanced_rows(codes, method, seed=1))


def make_fusion(kind: str, balance: Any) -> Any:
    experts = {name: make_pipeline(Scaler(), LinearClassifier()) for name in ("audio", "face")}
    early = EarlyFusion({"audio": Scaler(), "face": Scaler()}, LinearClassifier(), n_inner=3, balance=balance)
    made = {
        "early": early,
        "late": LateFusion(experts, n_inner=3, balance=balance),
        "stacking": LateFusion(experts, rule="stacking", n_inner=3, balance=balance),
        "hybrid": HybridFusion(experts, early, n_inner=3, balance=balance),
    }
    return made[kind]


@pytest.mark.parametrize("kind", ["early", "late", "stacking", "hybrid"])
def test_every_balance_answers_and_gives_rare_classes_what_it_says(
    make_blocks: Callable[..., Corpus], kind: str
) -> None:
    X, y, groups = make_blocks(n_clips=8, strengths={"audio": 0.9, "face": 0.6})
    kept = np.flatnonzero((y != "fear") | (np.arange(len(y)) % 4 == 0))
    X, y, groups = X.iloc[kept], y[kept], groups[kept]
    shares = {}
    for balance in BALANCES:
        fitted = make_fusion(kind, balance).fit(X, y, groups)
        answers = fitted.predict_proba(X)
        np.testing.assert_allclose(answers.sum(axis=1), 1)
        np.testing.assert_array_equal(clone(fitted).fit(X, y, groups).predict_proba(X), answers)
        shares[balance] = (fitted.predict(X) == "fear").mean()
    assert shares["none"] < min(shares["weights"], shares["over"])


def test_no_classifier_weighs_classes_where_none_shall() -> None:
    pipeline = expert_pipeline("boosted", "dense", n_columns=3, n_centres=10)
    names = [name for name in pipeline.get_params() if name.endswith("balanced")]
    plain = unweighted(pipeline)
    assert names
    assert all(plain.get_params()[name] is False for name in names)
    assert all(pipeline.get_params()[name] is True for name in names)


@pytest.mark.parametrize("kind", ["copies", "children", "dropout"])
def test_cross_fitted_scores_keep_copies_and_children_with_their_origin(
    make_blocks: Callable[..., Corpus], monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    X, y, groups = make_blocks(n_clips=6)
    kept = np.flatnonzero((y != "fear") | (np.arange(len(y)) % 3 == 0))
    X, y, groups = X.iloc[kept], y[kept], groups[kept]
    children = Children(
        (X + 0.01).rename("{} noise".format), X.index.to_numpy(dtype=object), (("audio", "face"),) * len(X)
    )
    seen = []
    plain = KernelScores.fit_transform

    def watched(self: Any, X: Any, y: Any = None, groups: Any = None, **others: Any) -> Any:
        seen.append((np.asarray(X, dtype=np.float64), groups))
        return plain(self, X, y, groups=groups, **others)

    monkeypatch.setattr(KernelScores, "fit_transform", watched)
    trees = make_pipeline(KernelScores(n_centres=20), BoostedTrees(n_rounds=3))
    early = EarlyFusion({"audio": Scaler(), "face": Scaler()}, trees, calibration="none", n_inner=2)
    if kind == "dropout":
        early.set_params(dropout=0.3).fit(X, y, groups)
    elif kind == "copies":
        early.set_params(balance="over").fit(X, y, groups)
        fit_experts({"audio": ("audio", trees)}, X, y, groups, n_inner=2, balance="over")
    else:
        early.fit(X, y, groups, children=children)
        fit_experts({"audio": ("audio", trees)}, X, y, groups, n_inner=2, children=children)
    assert len(seen) == {"dropout": 1}.get(kind, 4)
    for rows, origins in seen:
        assert origins is not None
        assert len(np.unique(origins)) < len(rows)
        if kind == "copies":  # copies are equal, and equal rows have one origin
            _, which = np.unique(rows, axis=0, return_inverse=True)
            assert len(np.unique(np.column_stack([which.ravel(), origins]), axis=0)) == len(np.unique(origins))


def test_rows_are_the_very_same_where_there_is_nothing_to_do(make_blocks: Callable[..., Corpus]) -> None:
    X, y, _ = make_blocks()
    for preparation in (Preparation(), Preparation("none"), Preparation("over"), Preparation("under")):
        rows, labels, origins = preparation.rows(X, y)
        assert rows is X
        assert labels is y
        assert origins is None


def test_children_of_other_rows_are_left_out_by_name(make_blocks: Callable[..., Corpus]) -> None:
    X, y, _, children = numbered(LABELS)
    some = X.iloc[3:9]
    assert children.of(some.index).parents.tolist() == [name for name in some.index for _ in range(2)]
    assert len(children.of(some.index, "face")) == 0
    rows, labels, origins = Preparation(children=children).rows(some, y[3:9])
    assert len(rows) == 18
    assert origins is not None
    assert (labels == y[3:9][origins]).all()
    assert Preparation(children=children).rows(some.rename("{}x".format), y[3:9])[2] is None


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda X: X.set_axis(["clip0", *X.index[1:]]), "child 'clip0' has the name of a training row"),
        (lambda X: X.drop(columns="face"), "children lack the columns"),
        (lambda X: X.set_axis(["one"] * len(X)), "'one' stands in several rows"),
        (lambda X: X.iloc[1:], "a parent and varied blocks each"),
    ],
)
def test_children_that_do_not_suit_are_refused(spoil: Callable[[Any], Any], message: str) -> None:
    X, y, groups, children = numbered(LABELS)
    for fusion in (early_of(), LateFusion({"audio": Spy()}, n_inner=2)):
        with pytest.raises(TableError, match=message):
            fusion.fit(X, y, groups, children=Children(spoil(children.X), children.parents, children.varied))


@pytest.mark.parametrize("kind", ["early", "late", "hybrid"])
def test_unknown_ways_of_balancing_are_refused_in_one_line(make_blocks: Callable[..., Corpus], kind: str) -> None:
    with pytest.raises(StudyError, match=r"balance must be one of \['weights', 'none', 'over', 'under'\], got 'smote'"):
        make_fusion(kind, "smote").fit(*make_blocks())
