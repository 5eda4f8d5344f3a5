"""The recipe table of regressions: which pipeline a kind of block gets from each family of regressors.

Blocks are readied as for classes. What looks at classes to do so, such as the choice of columns, is shown which fifth of the
training targets a row lies in.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, TransformerMixin, clone
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.utils.validation import check_is_fitted

from ..features.errors import StudyError
from ..features.text import TextVectorizer
from .parts import Array
from .recipes import FAMILIES, FRONT_PARAMETERS, Kind, Meta, Reduction, front_pipeline
from .regressors import BlockRegressor, BoostedRegressor, KernelRidgeRegressor, RidgeRegressor
from .scaling import Scaler

REGRESSORS: dict[str, type[BlockRegressor]] = {
    "boosted": BoostedRegressor,
    "linear": RidgeRegressor,
    "kernel": KernelRidgeRegressor,
}
TEXT_PARAMETERS = ("counts", "negation", "stemming")
N_BINS = 5


def expert_regressor(family: str, kind: Kind = "dense", **parameters: Any) -> Pipeline:
    """Return the unfitted pipeline that turns one block into numbers.

    Parameters
    ----------
    family : {"boosted", "linear", "kernel"}
    kind : {"dense", "text", "probabilities", "pixels"}
    **parameters
        Those of :func:`~emofuse.classifiers.recipes.front_pipeline` ready the block; all others go to the regressor.

    Raises
    ------
    StudyError
        No such family, a family that cannot take the kind, or a parameter it does not have.
    """
    front = {name: value for name, value in parameters.items() if name in FRONT_PARAMETERS}
    own = {name: value for name, value in parameters.items() if name not in FRONT_PARAMETERS}
    regressor = final_regressor(family, **own)
    if kind == "text" and family == "linear":
        unknown = sorted(set(front) - set(TEXT_PARAMETERS))
        if unknown:
            raise StudyError(f"a linear regression of texts does not take {unknown}")
        return make_pipeline(TextVectorizer(**front), regressor)
    return make_pipeline(front_of_values(family, kind, **front), regressor)


def front_of_values(
    family: str, kind: Kind = "dense", *, reduction: Reduction | None = None, **parameters: Any
) -> InBins:
    """Return the unfitted transformer that readies one block for early concatenation, as for classes."""
    return InBins(front_pipeline(_known(family), kind, reduction=reduction, **parameters))


def final_regressor(family: str, **parameters: Any) -> BlockRegressor:
    """Return the unfitted regressor of concatenated blocks."""
    kind = REGRESSORS[_known(family)]
    try:
        return kind(**parameters)
    except TypeError:
        known = sorted(kind().get_params(deep=False))
        raise StudyError(f"{kind.__name__} has the parameters {known}, got {sorted(parameters)}") from None


def meta_regressor(family: Meta = "linear", **parameters: Any) -> Pipeline:
    """Return the unfitted meta-regressor of stacking: ridge on standardised answers; parameters replace the recipe's."""
    if family != "linear":
        raise StudyError(f"stacking of numbers has the meta-regressor 'linear', got {family!r}")
    return make_pipeline(Scaler(), final_regressor("linear", **parameters))


def _known(family: str) -> str:
    if family not in REGRESSORS:
        why = "passes class probabilities on" if family in FAMILIES else "is not known"
        raise StudyError(f"{family!r} {why}; a regression has {sorted(REGRESSORS)}")
    return family


def binned(targets: Any, n_bins: int = N_BINS) -> Array:
    """Return which part of the targets each lies in, the parts as alike in size as equal targets let them be.

    >>> binned([0.1, 0.2, 0.3, 5.0], 2).tolist()
    [0, 0, 1, 1]
    """
    values = np.asarray(targets, dtype=np.float64)
    edges = np.quantile(values, np.linspace(0, 1, n_bins + 1)[1:-1])
    return np.searchsorted(edges, values, side="right")


class InBins(TransformerMixin, BaseEstimator):
    """Fit a transformer that asks for classes to targets that are numbers, by the part of them that each row lies in.

    Parameters
    ----------
    transformer : transformer
    n_bins : int, default=5
    """

    def __init__(self, transformer: Any, n_bins: int = N_BINS) -> None:
        self.transformer = transformer
        self.n_bins = n_bins

    def fit(self, X: Any, y: Any) -> InBins:
        """Fit the transformer."""
        self.transformer_ = clone(self.transformer).fit(X, binned(y, self.n_bins))
        return self

    def transform(self, X: Any) -> Any:
        """Return what the transformer makes of the rows."""
        check_is_fitted(self, "transformer_")
        return self.transformer_.transform(X)
