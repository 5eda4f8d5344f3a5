"""Calibrators: they mend what was bent, leave the honest alone, and never answer 0 or nothing."""

from __future__ import annotations

from dataclasses import asdict

import numpy as np
import pytest
from emofuse.classifiers.calibration import apply_temperature, fit_temperature
from emofuse.classifiers.calibrators import METHODS, Isotonic, Method, Sigmoid, Temperature, Unchanged, fit_calibrator
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import expit, logit, softmax

LEARNING: list[Method] = ["temperature", "sigmoid", "isotonic"]


def honest_rows(count: int, n_classes: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Log probabilities, and classes drawn from them."""
    random = np.random.default_rng(seed)
    scores = random.normal(size=(count, n_classes)) * 2
    codes = (softmax(scores, axis=1).cumsum(axis=1) < random.random((count, 1))).sum(axis=1)
    return scores, codes


def log_loss(probabilities: np.ndarray, codes: np.ndarray) -> float:
    return float(-np.log(probabilities[np.arange(len(codes)), codes]).mean())


@pytest.mark.parametrize("method", LEARNING)
@pytest.mark.parametrize("sharpened", [0.4, 3.0], ids=["too timid", "overconfident"])
def test_what_was_bent_is_mended_on_new_rows(method: Method, sharpened: float) -> None:
    scores, codes = honest_rows(8000, 4)
    bent = softmax(sharpened * scores, axis=1)
    calibrator = fit_calibrator(method, bent[:4000], codes[:4000])
    mended = calibrator.apply(bent[4000:])
    best, worst = (log_loss(softmax(scale * scores[4000:], axis=1), codes[4000:]) for scale in (1.0, sharpened))
    assert log_loss(mended, codes[4000:]) < best + 0.35 * (worst - best)
    np.testing.assert_allclose(mended.sum(axis=1), 1)


@pytest.mark.parametrize("method", LEARNING)
def test_honest_probabilities_stay_nearly_as_they_are(method: Method) -> None:
    scores, codes = honest_rows(20_000, 2)
    answers = softmax(scores, axis=1)
    assert np.abs(fit_calibrator(method, answers, codes).apply(answers) - answers).mean() < 0.02


def test_a_class_that_is_named_too_often_is_named_less_by_curves_of_its_own() -> None:
    scores, codes = honest_rows(6000, 3)
    bent = softmax(scores + np.array([1.5, 0, 0]), axis=1)
    share = {method: fit_calibrator(method, bent, codes).apply(bent).mean(axis=0)[0] for method in METHODS}
    true = (codes == 0).mean()
    for method in ("sigmoid", "isotonic"):
        assert share[method] == pytest.approx(true, abs=0.03)
    assert share["temperature"] > true + 0.1
    assert share["none"] > true + 0.1


def test_temperature_is_the_one_of_old() -> None:
    scores, codes = honest_rows(300, 5)
    bent = softmax(2 * scores, axis=1)
    calibrator = fit_calibrator("temperature", bent, codes)
    assert calibrator == Temperature(fit_temperature(bent, codes))
    assert np.array_equal(calibrator.apply(bent), apply_temperature(bent, fit_temperature(bent, codes)))


def test_the_sigmoid_recovers_a_line_through_the_log_odds() -> None:
    random = np.random.default_rng(1)
    given_ = random.uniform(0.02, 0.98, 40_000)
    codes = (random.random(40_000) < expit(0.5 * logit(given_) - 1)).astype(int)
    calibrator = fit_calibrator("sigmoid", np.column_stack([1 - given_, given_]), codes)
    assert isinstance(calibrator, Sigmoid)
    assert calibrator.slopes == pytest.approx([0.5, 0.5], abs=0.03)
    assert calibrator.offsets == pytest.approx([1, -1], abs=0.03)


def test_platt_smooths_the_targets_of_a_model_without_an_error() -> None:
    codes = np.repeat([0, 1], 10)
    answers = np.where(np.eye(2)[codes] > 0, 0.8, 0.2)
    # One value of the log odds a class: the line passes through the smoothed targets (10 + 1) / (10 + 2) and 1 / 12.
    assert fit_calibrator("sigmoid", answers, codes).apply(answers)[0] == pytest.approx([11 / 12, 1 / 12], abs=1e-4)


@pytest.mark.parametrize("method", LEARNING)
def test_a_model_below_chance_is_not_turned_upside_down(method: Method) -> None:
    scores, codes = honest_rows(500, 2)
    answers = softmax(-scores, axis=1)
    calibrated = fit_calibrator(method, answers, codes).apply(answers)
    told_apart = answers[:, 0].argsort()
    assert (np.diff(calibrated[told_apart, 0]) >= -1e-9).all()


def test_the_isotonic_line_is_the_share_of_right_answers_of_each_stretch() -> None:
    answers = np.repeat([[0.9, 0.1], [0.6, 0.4], [0.3, 0.7]], 20, axis=0)
    codes = np.concatenate([np.repeat([0, 1], [16, 4]), np.repeat([0, 1], [8, 12]), np.repeat([0, 1], [10, 10])])
    calibrator = fit_calibrator("isotonic", answers, codes)
    assert isinstance(calibrator, Isotonic)
    # .6 is right in 8 of 20 and .3 in 10 of 20: the line may not fall, so both get 18 / 40.
    assert calibrator.apply(answers)[[0, 20, 40], 0] == pytest.approx([0.8, 0.45, 0.45], abs=1e-5)
    assert calibrator.apply(answers)[20, 0] > calibrator.apply(answers)[40, 0]


@given(st.integers(0, 2**32 - 1), st.sampled_from(METHODS), st.integers(2, 5), st.integers(0, 120))
def test_answers_are_probabilities_above_zero_and_unanswered_rows_stay_so(
    seed: int, method: Method, n_classes: int, count: int
) -> None:
    random = np.random.default_rng(seed)
    answers = random.dirichlet(np.full(n_classes, 0.3), size=count)
    answers[random.random(count) < 0.2] = np.nan
    new = np.vstack([np.eye(n_classes), random.dirichlet(np.ones(n_classes), size=5), np.full((1, n_classes), np.nan)])
    calibrated = fit_calibrator(method, answers, random.integers(n_classes, size=count)).apply(new)
    assert np.isnan(calibrated[-1]).all()
    np.testing.assert_allclose(calibrated[:-1].sum(axis=1), 1)
    assert method == "none" or (calibrated[:-1] > 0).all()


@pytest.mark.parametrize("method", ["sigmoid", "isotonic"])
@pytest.mark.parametrize("n_rare", [0, 9])
def test_a_class_of_few_rows_gets_no_curve_of_its_own(method: Method, n_rare: int) -> None:
    scores, codes = honest_rows(200, 3)
    kept = np.concatenate([np.flatnonzero(codes < 2), np.flatnonzero(codes == 2)[:n_rare]])
    answers = softmax(scores, axis=1)[kept]
    assert fit_calibrator(method, answers, codes[kept]) == Temperature(fit_temperature(answers, codes[kept]))


@pytest.mark.parametrize("method", METHODS)
def test_a_calibrator_can_be_written_down_and_read_back(method: Method) -> None:
    scores, codes = honest_rows(300, 3)
    answers = softmax(scores, axis=1)
    calibrator = fit_calibrator(method, answers, codes)
    again = type(calibrator)(**asdict(calibrator))
    assert np.array_equal(again.apply(answers), calibrator.apply(answers))
    assert isinstance(calibrator, Unchanged) == (method == "none")
