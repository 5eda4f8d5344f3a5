"""Linear classifiers: logistic regression for dense blocks of any width, and log-count ratios for text."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy import sparse
from scipy.linalg import eigh

from .base import LabelSafeClassifier, balanced_weights
from .heads import LinearHead, OneVersusRestHead
from .parts import Array

MANY_COEFFICIENTS = 400


class LinearClassifier(LabelSafeClassifier):
    """Multinomial logistic regression, class-balanced, with its penalty relative to the width of the block.

    Parameters
    ----------
    C : float, default=3
        Inverse penalty of a block brought to unit total variance; scikit-learn's C is ``C / n_features``.
    balanced : bool, default=True
        Whether each class weighs the same.

    Notes
    -----
    Where there are more columns than rows, the fit is done on the rows' own span (the eigenvectors of the Gram matrix),
    which gives the same solution many times faster.
    """

    def __init__(self, C: float = 3.0, balanced: bool = True) -> None:
        self.C = C
        self.balanced = balanced

    def _fit(self, X: Array, codes: Array, weights: Array) -> None:
        from sklearn.linear_model import LogisticRegression

        X = X.astype(np.float64)
        rotation = None
        if X.shape[1] > X.shape[0]:
            values, vectors = eigh(X @ X.T)
            kept = values > max(values.max() * 1e-9, 0.0)
            if kept.any():
                rotation = X.T @ (vectors[:, kept] / np.sqrt(values[kept]))
        # Newton's method needs ten steps where the other takes hundreds, of a cost that grows with the square of their number.
        # Where nothing varies it would be at its end before the first, and stumble over rounding.
        narrow = X.shape[1] * len(self.classes_) <= MANY_COEFFICIENTS and bool(np.ptp(X, axis=0).any())
        solver = "newton-cholesky" if narrow else "lbfgs"
        model = LogisticRegression(C=self.C / X.shape[1], solver=solver, max_iter=1000, tol=1e-5)
        model.fit(
            X if rotation is None else X @ rotation,
            codes,
            sample_weight=balanced_weights(codes, weights) if self.balanced else weights,
        )
        self.coef_ = model.coef_ if rotation is None else model.coef_ @ rotation.T
        self.intercept_ = model.intercept_

    def _head(self) -> LinearHead:
        return LinearHead(self.coef_, self.intercept_)


class NaiveBayesLogistic(LabelSafeClassifier):
    """One-versus-rest logistic regression on TF-IDF weighted by naive Bayes log-count ratios [1]_.

    Parameters
    ----------
    C : float, default=1
        Inverse penalty.
    beta : float, default=0.5
        Share of the ratio in the weight of a term: ``beta * r + 1 - beta``.
    alpha : float, default=0.5
        Count added to each term.
    dual : bool, default=False
        Whether the same solution is found by coordinate descent over rows [2]_, many times as fast where rows are many and
        short.

    References
    ----------
    .. [1] Wang and Manning (2012), Baselines and bigrams: simple, good sentiment and topic classification, ACL.
    .. [2] Yu, Huang and Lin (2011), Dual coordinate descent methods for logistic regression and maximum entropy models,
       Machine Learning 85.
    """

    _accepts_sparse = True

    def __init__(self, C: float = 1.0, beta: float = 0.5, alpha: float = 0.5, dual: bool = False) -> None:
        self.C = C
        self.beta = beta
        self.alpha = alpha
        self.dual = dual

    def _fit(self, X: Any, codes: Array, weights: Array) -> None:
        from sklearn.linear_model import LogisticRegression

        X = sparse.csr_matrix(X)
        if not X.has_canonical_format:
            X = X.copy()
            X.sum_duplicates()
        # Entry by entry: of a million texts each copy of the matrix is a gigabyte.
        is_there = X.data > 0
        codes_there = np.repeat(codes, np.diff(X.indptr))[is_there]
        terms_there = X.indices[is_there]
        n_of_class = np.array(
            [np.bincount(terms_there[codes_there == code], minlength=X.shape[1]) for code in range(len(self.classes_))]
        )
        coefficients, intercepts = [], []
        for code in range(len(self.classes_)):
            is_class = codes == code
            inside = self.alpha + n_of_class[code]
            outside = self.alpha + (n_of_class.sum(axis=0) - n_of_class[code])
            ratio = np.log(inside / inside.sum()) - np.log(outside / outside.sum())
            scale = self.beta * ratio + 1 - self.beta
            model = LogisticRegression(C=self.C, dual=self.dual, solver="liblinear", max_iter=1000, random_state=0)
            weighted = sparse.csr_matrix((X.data * scale[X.indices], X.indices, X.indptr), shape=X.shape)
            model.fit(weighted, is_class, sample_weight=balanced_weights(is_class.astype(int), weights))
            coefficients.append(model.coef_[0] * scale)
            intercepts.append(model.intercept_[0])
        # Column by column: a sparse row is then multiplied without a copy of all coefficients.
        self.coef_ = np.asfortranarray(coefficients)
        self.intercept_ = np.array(intercepts)

    def _head(self) -> OneVersusRestHead:
        return OneVersusRestHead(self.coef_, self.intercept_)
