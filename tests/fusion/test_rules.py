from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from emofuse.fusion.rules import (
    VOTE_TIE_BREAK,
    learn_weights,
    mean_rule,
    present_experts,
    product_rule,
    vote_rule,
    weighted_rule,
)
from hypothesis import given
from hypothesis import strategies as st

PRIOR = np.array([0.5, 0.3, 0.2])
RULES: dict[str, Callable[[np.ndarray, np.ndarray], np.ndarray]] = {
    "mean": mean_rule,
    "product": product_rule,
    "vote": vote_rule,
    "weighted": lambda scores, prior: weighted_rule(scores, prior, np.linspace(0.5, 2, 4)[: len(scores)]),
}
every_rule = pytest.mark.parametrize("rule", RULES)


def scores_of(*experts: list[list[float] | None]) -> np.ndarray:
    """Return log probabilities; None stands for an absent answer."""
    absent = [np.nan] * 3
    return np.log([[absent if row is None else row for row in expert] for expert in experts])


@st.composite
def some_scores(draw: st.DrawFn) -> np.ndarray:
    shape = draw(st.tuples(st.integers(1, 4), st.integers(1, 6)))
    random = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    scores = np.log((random.dirichlet(np.ones(3), size=shape) + 1e-4) / 1.0003)
    scores[random.uniform(size=shape) < 0.4] = np.nan
    return scores


def test_mean_averages_the_probabilities() -> None:
    scores = scores_of([[0.8, 0.1, 0.1]], [[0.2, 0.5, 0.3]])

    np.testing.assert_allclose(mean_rule(scores, PRIOR), [[0.5, 0.3, 0.2]])


def test_product_multiplies_the_probabilities() -> None:
    scores = scores_of([[0.8, 0.1, 0.1]], [[0.2, 0.5, 0.3]])

    np.testing.assert_allclose(product_rule(scores, PRIOR), [[0.16 / 0.24, 0.05 / 0.24, 0.03 / 0.24]])


def test_weights_are_exponents() -> None:
    scores = scores_of([[0.8, 0.1, 0.1]], [[0.2, 0.5, 0.3]])

    answers = weighted_rule(scores, PRIOR, np.array([2.0, 0.0]))

    np.testing.assert_allclose(answers, [[0.64 / 0.66, 0.01 / 0.66, 0.01 / 0.66]])


def test_vote_counts_the_experts_and_follows_the_majority_against_one_that_is_sure() -> None:
    scores = scores_of([[0.4, 0.35, 0.25]], [[0.4, 0.3, 0.3]], [[0.0005, 0.999, 0.0005]])

    answers = vote_rule(scores, PRIOR)

    assert answers.argmax() == 0
    np.testing.assert_allclose(answers, [[2 / 3, 1 / 3, 0]], atol=VOTE_TIE_BREAK)


@pytest.mark.parametrize(("sure", "winner"), [([0.1, 0.8, 0.1], 1), ([0.3, 0.4, 0.3], 0)])
def test_a_tie_of_votes_goes_to_the_more_confident_expert(sure: list[float], winner: int) -> None:
    assert vote_rule(scores_of([[0.6, 0.2, 0.2]], [sure]), PRIOR).argmax() == winner


@every_rule
def test_an_absent_expert_does_not_count(rule: str) -> None:
    with_absent = scores_of([[0.7, 0.2, 0.1]], [None])

    np.testing.assert_allclose(RULES[rule](with_absent, PRIOR), RULES[rule](with_absent[:1], PRIOR))


@every_rule
def test_where_all_are_absent_the_prior_answers(rule: str) -> None:
    answers = RULES[rule](scores_of([None, [0.8, 0.1, 0.1]], [None, None]), PRIOR)

    np.testing.assert_array_equal(answers[0], PRIOR)
    assert answers[1].argmax() == 0


@every_rule
@given(scores=some_scores(), seed=st.integers(0, 99))
def test_answers_are_probabilities_and_rows_do_not_touch_each_other(rule: str, scores: np.ndarray, seed: int) -> None:
    answers = RULES[rule](scores, PRIOR)
    order = np.random.default_rng(seed).permutation(scores.shape[1])

    assert answers.min() >= 0
    np.testing.assert_allclose(answers.sum(axis=1), 1)
    np.testing.assert_allclose(RULES[rule](scores[:, order], PRIOR), answers[order])


@pytest.mark.parametrize("rule", ["mean", "product", "vote"])
@given(scores=some_scores())
def test_the_order_of_the_experts_does_not_matter(rule: str, scores: np.ndarray) -> None:
    np.testing.assert_allclose(RULES[rule](scores[::-1], PRIOR), RULES[rule](scores, PRIOR), atol=1e-12)


def test_presence_is_told_from_missing_scores() -> None:
    assert present_experts(scores_of([[1, 1, 1], None], [None, None])).tolist() == [[True, False], [False, False]]


def expert_that_knows(codes: np.ndarray, strength: float, *, seed: int) -> np.ndarray:
    logits = np.random.default_rng(seed).normal(size=(len(codes), 3)) + strength * np.eye(3)[codes]
    return logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))


def test_learned_weights_favour_the_expert_that_knows() -> None:
    codes = np.arange(300) % 3
    scores = np.stack([expert_that_knows(codes, 2.0, seed=0), expert_that_knows(codes, 0.0, seed=1)])

    informed, guessing = learn_weights(scores, codes)

    assert informed > 1
    assert 0 <= guessing < 0.1


def test_learned_weights_halve_an_expert_that_is_counted_twice() -> None:
    codes = np.arange(600) % 3
    expert = expert_that_knows(codes, 1.0, seed=0)

    single = learn_weights(expert[None], codes, penalty=1e-3)
    double = learn_weights(np.stack([expert, expert]), codes, penalty=1e-3)

    np.testing.assert_allclose(double, np.tile(single / 2, 2), rtol=0.02)


@pytest.mark.parametrize("n_rows", [0, 2])
def test_with_few_rows_weights_stay_near_the_plain_product(n_rows: int) -> None:
    codes = np.arange(n_rows) % 3
    scores = np.stack([expert_that_knows(codes, 3.0, seed=0), expert_that_knows(codes, 0.0, seed=1)])

    np.testing.assert_allclose(learn_weights(scores, codes), 1, atol=0.5)


def test_rows_that_no_expert_answered_teach_nothing() -> None:
    codes = np.arange(60) % 3
    scores = np.stack([expert_that_knows(codes, 2.0, seed=0), expert_that_knows(codes, 0.5, seed=1)])
    padded = np.concatenate([scores, np.full((2, 20, 3), np.nan)], axis=1)

    np.testing.assert_allclose(
        learn_weights(padded, np.append(codes, np.zeros(20, dtype=int))), learn_weights(scores, codes)
    )
