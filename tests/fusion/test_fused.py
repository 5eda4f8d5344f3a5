from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest
from emofuse.classifiers.recipes import expert_pipeline, final_classifier, front_pipeline
from emofuse.fusion.blocks import present_rows
from emofuse.fusion.early import EarlyFusion
from emofuse.fusion.fused import BlockRows, LateModel
from emofuse.fusion.hybrid import HybridFusion
from emofuse.fusion.late import RULES, LateFusion

Corpus = tuple[pd.DataFrame, np.ndarray, np.ndarray]
BLOCKS = ("audio", "face")


def rows_of(X: pd.DataFrame) -> dict[str, BlockRows]:
    """Return a block table as plain arrays."""
    found = {}
    for name in BLOCKS:
        present = present_rows(X[name])
        found[name] = BlockRows(X[name][present].to_numpy(dtype=np.float32), present)
    return found


def with_gaps(X: pd.DataFrame, *, audio: float, face: float) -> pd.DataFrame:
    """Take blocks away from random rows."""
    random, X = np.random.default_rng(0), X.copy()
    for name, share in (("audio", audio), ("face", face)):
        X.loc[random.random(len(X)) < share, name] = np.nan
    return X


def fusion(kind: str, family: str, **options: Any) -> Any:
    early = EarlyFusion(
        {name: front_pipeline(family) for name in BLOCKS},
        final_classifier(family),
        subsets=[(name,) for name in BLOCKS],
        n_inner=3,
    )
    experts = {name: expert_pipeline(family) for name in BLOCKS}
    if kind == "early":
        return early
    if kind == "hybrid":
        return HybridFusion(experts, early, n_inner=3, **options)
    return LateFusion(experts, n_inner=3, **options)


@pytest.mark.parametrize("family", ["kernel", "linear", "boosted"])
@pytest.mark.parametrize("kind", ["early", "hybrid", "late"])
def test_the_numbers_alone_answer_as_the_estimator_does(
    make_blocks: Callable[..., Corpus], kind: str, family: str
) -> None:
    X, y, groups = make_blocks()
    fitted = fusion(kind, family).fit(with_gaps(X, audio=0.1, face=0.3), y, groups)
    new = with_gaps(make_blocks(seed=1)[0], audio=0.3, face=0.4)

    model = fitted.fused_model()

    np.testing.assert_array_equal(model.answer(model.ready(rows_of(new))), fitted.predict_proba(new))


@pytest.mark.parametrize("rule", RULES)
def test_every_rule_is_kept(make_blocks: Callable[..., Corpus], rule: Any) -> None:
    X, y, groups = make_blocks()
    fitted = fusion("late", "linear", rule=rule).fit(X, y, groups)
    new, *_ = make_blocks(seed=1)

    model = fitted.fused_model()

    assert isinstance(model, LateModel) and model.combination.rule == rule
    np.testing.assert_array_equal(model.answer(model.ready(rows_of(new))), fitted.predict_proba(new))


def test_blocks_are_left_out_afterwards(make_blocks: Callable[..., Corpus]) -> None:
    X, y, groups = make_blocks()
    fitted = fusion("hybrid", "linear").fit(X, y, groups)
    one = X.iloc[[3]]
    model = fitted.fused_model()

    answers = model.answer(model.ready(rows_of(one)).with_blocks([frozenset(BLOCKS), frozenset({"face"}), frozenset()]))

    alone = one.copy()
    alone["audio"] = np.nan
    np.testing.assert_allclose(answers[0], fitted.predict_proba(one)[0], rtol=1e-12)
    np.testing.assert_allclose(answers[1], fitted.predict_proba(alone)[0], rtol=1e-12)
    np.testing.assert_array_equal(answers[2], fitted.experts_.prior)
