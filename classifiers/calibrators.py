"""Calibrators: what turns a model's probabilities into shares that hold, learned from out-of-fold rows.

A calibrator is a dataclass of numbers, so that a model file can hold it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Protocol

import numpy as np
from scipy.special import expit

from ..features.errors import StudyError
from .calibration import FLOOR, apply_temperature, fit_temperature, log_clipped
from .parts import Array

Method = Literal["temperature", "sigmoid", "isotonic", "none"]
METHODS: tuple[Method, ...] = Method.__args__  # type: ignore[attr-defined]
FEW_ROWS = 10  # of a class: with fewer a curve of its own would follow single rows
TIE_BREAK = 1e-6


class Calibrator(Protocol):
    """Anything that maps probabilities to probabilities, row by row."""

    def apply(self, probabilities: Array) -> Array:
        """Return calibrated probabilities (n_samples, n_classes), each row of sum 1; NaN rows stay NaN."""
        ...


@dataclass(frozen=True)
class Unchanged:
    """Leaves probabilities as they are."""

    def apply(self, probabilities: Array) -> Array:
        """Return the probabilities given."""
        return probabilities


@dataclass(frozen=True)
class Temperature:
    """One exponent for all classes: the order of the classes stays.

    Attributes
    ----------
    exponent : float
    """

    exponent: float

    def apply(self, probabilities: Array) -> Array:
        """Return the powers of the probabilities, each row brought back to sum 1."""
        return apply_temperature(probabilities, self.exponent)


@dataclass(frozen=True)
class Sigmoid:
    """A line through the log odds of each class against all others, flat or rising, brought back to sum 1.

    Attributes
    ----------
    slopes, offsets : ndarray of shape (n_classes,)
    """

    slopes: Array
    offsets: Array

    def apply(self, probabilities: Array) -> Array:
        """Return the sigmoids of the lines, each row brought back to sum 1."""
        return _normalised(expit(self.slopes * _log_odds(probabilities) + self.offsets))


@dataclass(frozen=True)
class Isotonic:
    """A rising step-wise line for the probability of each class, brought back to sum 1.

    Attributes
    ----------
    inputs, outputs : tuple of ndarray of shape (n_knots,)
        Knots of each class's line; constant beyond the first and the last.
    """

    inputs: tuple[Array, ...]
    outputs: tuple[Array, ...]

    def apply(self, probabilities: Array) -> Array:
        """Return the values of the lines, each row brought back to sum 1."""
        lines = zip(probabilities.T, self.inputs, self.outputs, strict=True)
        shares = np.column_stack([np.interp(given, knots, values) for given, knots, values in lines])
        # A flat stretch makes rows alike that the model told apart; a trace of its own answer keeps their order.
        return _normalised(shares + TIE_BREAK * probabilities)


def fit_calibrator(method: Method, probabilities: Array, codes: Array) -> Calibrator:
    """Fit a calibrator.

    Parameters
    ----------
    method : {"temperature", "sigmoid", "isotonic", "none"}
        ``temperature`` [1]_ has one parameter, ``sigmoid`` [2]_ two a class, ``isotonic`` [3]_ as many as rows let it have;
        the last two treat each class against all others, and bring the answers back to sum 1 [3]_.
    probabilities : ndarray of shape (n_samples, n_classes)
        Out of fold; fitted in-sample a calibrator would only confirm an overconfident model. NaN rows are left out.
    codes : ndarray of shape (n_samples,)
        Column of the true class.

    Returns
    -------
    Calibrator
        A temperature where a class has fewer than 10 rows; it is exactly 1 where there are no rows at all.

    Raises
    ------
    StudyError
        No such method.

    References
    ----------
    .. [1] Guo et al. (2017), On calibration of modern neural networks, ICML.
    .. [2] Platt (1999), Probabilistic outputs for support vector machines, in Advances in large margin classifiers.
    .. [3] Zadrozny and Elkan (2002), Transforming classifier scores into accurate multiclass probability estimates, KDD.

    Examples
    --------
    >>> answers = np.tile([[0.9, 0.1], [0.1, 0.9]], (50, 1))  # right in three rows of four
    >>> codes = np.tile([0, 1, 0, 1, 0, 1, 1, 0], 13)[:100]
    >>> fit_calibrator("isotonic", answers, codes).apply(answers[:2]).round(2).tolist()
    [[0.76, 0.24], [0.24, 0.76]]
    """
    if method not in METHODS:
        raise StudyError(f"calibration knows the methods {list(METHODS)}, got {method!r}")
    if method == "none":
        return Unchanged()
    n_classes = probabilities.shape[1]
    known = ~np.isnan(probabilities).any(axis=1)
    if method == "temperature" or np.bincount(codes[known], minlength=n_classes).min() < FEW_ROWS:
        return Temperature(fit_temperature(probabilities, codes))
    rows, own = probabilities[known], codes[known][:, None] == np.arange(n_classes)
    if method == "sigmoid":
        lines = [_platt(odds, right) for odds, right in zip(_log_odds(rows).T, own.T, strict=True)]
        return Sigmoid(*np.array(lines).T)
    curves = [_isotonic(given, right) for given, right in zip(rows.T, own.T, strict=True)]
    return Isotonic(tuple(knots for knots, _ in curves), tuple(values for _, values in curves))


def _log_odds(probabilities: Array) -> Array:
    return log_clipped(probabilities) - log_clipped(1 - probabilities)


def _platt(odds: Array, right: Array) -> tuple[float, float]:
    """Return slope and offset that minimise log loss against Platt's smoothed targets: no row is taken as certain."""
    from scipy.optimize import minimize

    n_right, n_wrong = right.sum(), (~right).sum()
    target = np.where(right, (n_right + 1) / (n_right + 2), 1 / (n_wrong + 2))

    def loss(line: Array) -> tuple[float, Array]:
        logits = line[0] * odds + line[1]
        gap = expit(logits) - target
        value = np.logaddexp(0, logits) - target * logits
        return float(value.mean()), np.array([(gap * odds).mean(), gap.mean()])

    # A model no better than chance is often below it on held-out groups; a falling line would turn it upside down.
    bounds = [(0.0, None), (None, None)]
    tolerances = {"ftol": 1e-12, "gtol": 1e-8}
    start = np.array([1.0, 0.0])
    slope, offset = minimize(loss, start, jac=True, method="L-BFGS-B", bounds=bounds, options=tolerances).x
    return float(slope), float(offset)


def _isotonic(given: Array, right: Array) -> tuple[Array, Array]:
    """Return the knots of the rising line nearest to the answers, held off 0 and 1 by Laplace's rule of succession."""
    from sklearn.isotonic import IsotonicRegression

    fitted = IsotonicRegression().fit(given, right)
    least = 1 / (len(given) + 2)
    values = np.clip(fitted.y_thresholds_, least, 1 - least)
    return np.asarray(fitted.X_thresholds_, dtype=float), np.asarray(values, dtype=float)


def _normalised(shares: Array) -> Array:
    floored = np.maximum(shares, FLOOR)
    return np.asarray(floored / floored.sum(axis=1, keepdims=True))
