from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pytest
from emofuse.fusion.rules import (
    VOTE_TIE_BREAK,
    gated_rule,
    learn_gate,
    learn_weights,
    mean_rule,
    median_rule,
    present_experts,
    product_rule,
    vote_rule,
    weighted_rule,
)
from hypothesis import given
from hypothesis import strategies as st
from scipy import optimize
from scipy.optimize import check_grad

PRIOR = np.array([0.5, 0.3, 0.2])
RULES: dict[str, Callable[[np.ndarray, np.ndarray], np.ndarray]] = {
    "mean": mean_rule,
    "product": product_rule,
    "median": median_rule,
    "vote": vote_rule,
    "weighted": lambda scores, prior: weighted_rule(scores, prior, np.linspace(0.5, 2, 4)[: len(scores)]),
    "class_weighted": lambda scores, prior: weighted_rule(
        scores, prior, np.linspace(0.2, 2, 12).reshape(4, 3)[: len(scores)]
    ),
    "gated": lambda scores, prior: gated_rule(scores, prior, np.linspace(-1, 2, 8).reshape(2, 4)[:, : len(scores)]),
}
# What learns the parameters of a rule, the rule, and the parameters of the plain product.
LEARNERS: dict[str, tuple[Callable[..., np.ndarray], Callable[..., np.ndarray], float]] = {
    "weights": (learn_weights, weighted_rule, 1.0),
    "weights by class": (partial(learn_weights, by_class=True), weighted_rule, 1.0),
    "gate": (learn_gate, gated_rule, 0.0),
}
every_rule = pytest.mark.parametrize("rule", RULES)
every_learner = pytest.mark.parametrize("learner", LEARNERS)


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


def test_weights_by_class_are_exponents_of_single_classes() -> None:
    scores = scores_of([[0.8, 0.1, 0.1]], [[0.2, 0.5, 0.3]])

    answers = weighted_rule(scores, PRIOR, np.array([[2.0, 1.0, 0.0], [0.0, 1.0, 1.0]]))

    np.testing.assert_allclose(answers, np.array([[0.64, 0.05, 0.3]]) / 0.99)


def test_a_gate_makes_a_weight_of_the_highest_probability() -> None:
    scores = scores_of([[0.8, 0.1, 0.1]], [[0.2, 0.5, 0.3]])

    answers = gated_rule(scores, PRIOR, np.array([[0.0, np.log(3)], [np.log(2), -2 * np.log(3)]]))

    pooled = scores[0] * 2**0.8 + scores[1]  # exp(log 3 - 2 log 3 * 0.5) = 1
    np.testing.assert_allclose(answers, np.exp(pooled) / np.exp(pooled).sum())


def test_median_follows_two_of_three_against_one_that_is_sure() -> None:
    scores = scores_of([[0.5, 0.3, 0.2]], [[0.6, 0.2, 0.2]], [[0.01, 0.98, 0.01]])

    np.testing.assert_allclose(median_rule(scores, PRIOR), [[0.5, 0.3, 0.2]])
    assert product_rule(scores, PRIOR).argmax() == 1


@given(scores=some_scores())
def test_the_median_of_up_to_two_experts_is_their_mean(scores: np.ndarray) -> None:
    np.testing.assert_allclose(median_rule(scores[:2], PRIOR), mean_rule(scores[:2], PRIOR), atol=1e-12)


@given(scores=some_scores(), weight=st.floats(0, 5))
def test_rules_with_weights_that_do_not_differ_are_one_rule(scores: np.ndarray, weight: float) -> None:
    n_experts = len(scores)
    shared = weighted_rule(scores, PRIOR, np.full(n_experts, weight))
    gate = np.stack([np.full(n_experts, np.log(weight + 1e-9)), np.zeros(n_experts)])

    np.testing.assert_allclose(weighted_rule(scores, PRIOR, np.full((n_experts, 3), weight)), shared, atol=1e-12)
    np.testing.assert_allclose(gated_rule(scores, PRIOR, gate), shared, atol=1e-6)
    np.testing.assert_allclose(gated_rule(scores, PRIOR, 0 * gate), product_rule(scores, PRIOR), atol=1e-12)


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


@pytest.mark.parametrize("rule", ["mean", "product", "median", "vote"])
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


def test_weights_by_class_follow_what_an_expert_knows() -> None:
    codes = np.arange(900) % 3
    about_the_first = expert_that_knows(np.where(codes == 0, 0, 1), 3.0, seed=0)
    about_the_first[:, 1:] = about_the_first[:, 1:].mean(axis=1, keepdims=True)  # tells class 0 from the others only
    about_the_first -= np.log(np.exp(about_the_first).sum(axis=1, keepdims=True))
    about_all = expert_that_knows(codes, 1.0, seed=1)
    scores = np.stack([about_the_first, about_all])

    shared, by_class = learn_weights(scores, codes), learn_weights(scores, codes, by_class=True)

    assert by_class[0, 0] > by_class[0, 1:].max() + 0.3
    assert log_loss_of(weighted_rule, scores, codes, by_class) < log_loss_of(weighted_rule, scores, codes, shared) - 1


def test_the_gate_trusts_an_expert_that_is_right_when_it_is_sure() -> None:
    codes, random = np.arange(900) % 3, np.random.default_rng(0)
    sure = random.uniform(size=900) < 0.5
    steady = expert_that_knows(codes, 1.0, seed=1)
    answer = np.where(sure, codes, random.integers(3, size=900))  # right where sure, a guess where it is not
    given_ = np.eye(3)[answer] * np.where(sure, 0.7, 0.3)[:, None] + 0.1
    honest = np.log(given_ / given_.sum(axis=1, keepdims=True))
    scores = np.stack([steady, honest])

    gate, weights = learn_gate(scores, codes), learn_weights(scores, codes)

    assert gate[1, 1] > gate[1, 0] + 0.5
    assert log_loss_of(gated_rule, scores, codes, gate) < log_loss_of(weighted_rule, scores, codes, weights) - 5


@pytest.mark.parametrize(("learner", "limit"), [("weights", 0.1), ("weights by class", 0.35), ("gate", 0.35)])
def test_an_expert_that_guesses_loses_its_weight(learner: str, limit: float) -> None:
    codes = np.arange(900) % 3
    scores = np.stack([expert_that_knows(codes, 2.0, seed=0), expert_that_knows(codes, 0.0, seed=1)])

    found = LEARNERS[learner][0](scores, codes)

    weights = np.exp(found[0] + found[1] * np.exp(scores[1]).max(axis=1).mean())[1] if learner == "gate" else found[1]
    assert np.max(weights) < limit


def log_loss_of(rule: Callable[..., np.ndarray], scores: np.ndarray, codes: np.ndarray, parameters: Any) -> float:
    return float(-np.log(rule(scores, PRIOR, parameters)[np.arange(len(codes)), codes]).sum())


@every_learner
@given(scores=some_scores(), seed=st.integers(0, 2**16), penalty=st.sampled_from([0.1, 1.0, 10.0]))
def test_what_is_learned_cannot_be_bettered_nearby(learner: str, scores: np.ndarray, seed: int, penalty: float) -> None:
    learn, rule, centre = LEARNERS[learner]
    random = np.random.default_rng(seed)
    scores = scores[:, present_experts(scores).any(axis=0)]
    codes = random.integers(3, size=scores.shape[1])

    def loss(parameters: np.ndarray) -> float:
        return log_loss_of(rule, scores, codes, parameters) + penalty * float(np.square(parameters - centre).sum())

    found = learn(scores, codes, penalty=penalty)
    lowest, highest = (-3, 3) if learner == "gate" else (0, 5)

    assert found.min() >= lowest and found.max() <= highest
    assert loss(found) <= loss(np.full(found.shape, centre)) + 1e-9
    for _ in range(10):
        nearby = np.clip(found + random.normal(scale=0.05, size=found.shape), lowest, highest)
        assert loss(found) <= loss(nearby) + 1e-4


@every_learner
def test_gradients_are_those_of_the_loss(learner: str, monkeypatch: pytest.MonkeyPatch) -> None:
    codes, random = np.arange(40) % 3, np.random.default_rng(0)
    scores = np.stack([expert_that_knows(codes, strength, seed=4) for strength in (2.0, 0.5, 0.0)])
    scores[random.uniform(size=(3, 40)) < 0.3] = np.nan
    minimised = []

    def minimize(function: Callable[..., Any], start: np.ndarray, **options: Any) -> Any:
        minimised.append((function, start))
        return unchanged(function, start, **options)

    unchanged = optimize.minimize
    monkeypatch.setattr(optimize, "minimize", minimize)
    LEARNERS[learner][0](scores, codes)

    ((function, start),) = minimised
    for _ in range(5):
        point = start + random.uniform(-0.8, 0.8, size=start.shape)
        off = check_grad(lambda at: function(at)[0], lambda at: function(at)[1], point)
        assert off < 1e-5 * (1 + np.linalg.norm(function(point)[1]))


@every_learner
@pytest.mark.parametrize("n_rows", [0, 2])
def test_few_rows_keep_the_plain_product(learner: str, n_rows: int) -> None:
    learn, _, centre = LEARNERS[learner]
    codes = np.arange(n_rows) % 3
    scores = np.stack([expert_that_knows(codes, 3.0, seed=0), expert_that_knows(codes, 0.0, seed=1)])

    np.testing.assert_allclose(learn(scores, codes), centre, atol=0.5 if n_rows else 0)
    np.testing.assert_allclose(learn(scores, codes, penalty=1e4), centre, atol=1e-3)


@every_learner
def test_rows_that_no_expert_answered_teach_nothing(learner: str) -> None:
    learn = LEARNERS[learner][0]
    codes = np.arange(60) % 3
    scores = np.stack([expert_that_knows(codes, 2.0, seed=0), expert_that_knows(codes, 0.5, seed=1)])
    padded = np.concatenate([scores, np.full((2, 20, 3), np.nan)], axis=1)

    np.testing.assert_allclose(learn(padded, np.append(codes, np.zeros(20, dtype=int))), learn(scores, codes))


@every_learner
def test_an_expert_that_is_never_there_keeps_its_place_and_changes_no_other(learner: str) -> None:
    learn, rule, centre = LEARNERS[learner]
    codes = np.arange(90) % 3
    known = np.stack([expert_that_knows(codes, 2.0, seed=0), expert_that_knows(codes, 0.5, seed=1)])
    with_absent = np.concatenate([known, np.full((1, 90, 3), np.nan)])

    found = learn(with_absent, codes)

    np.testing.assert_allclose(found[..., 2] if learner == "gate" else found[2], centre)
    np.testing.assert_allclose(rule(with_absent, PRIOR, found), rule(known, PRIOR, learn(known, codes)), atol=1e-4)
