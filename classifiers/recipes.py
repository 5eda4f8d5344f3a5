"""The recipe table: which pipeline a kind of block gets from each family of classifiers.

A new modality adds a line to ``EXPERTS`` and one to ``FRONTS`` only where its blocks are of a new kind.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

from sklearn.pipeline import Pipeline, make_pipeline

from ..features.errors import StudyError
from ..features.text import TextVectorizer
from .base import LabelSafeClassifier
from .boosted import BoostedTrees
from .kernel import KernelRidgeClassifier
from .linear import LinearClassifier, NaiveBayesLogistic
from .ready import LogShares, ReadyProbabilities
from .scaling import KeepBest, LatentSemantics, Scaler

Kind = Literal["dense", "text", "probabilities"]
Maker = Callable[[dict[str, Any]], Pipeline]  # takes the parameters it uses out of the dict
FAMILIES = ("boosted", "linear", "kernel", "given")


def expert_pipeline(family: str, kind: Kind = "dense", **parameters: Any) -> Pipeline:
    """Return the unfitted pipeline that turns one block into class probabilities.

    Parameters
    ----------
    family : {"boosted", "linear", "kernel", "given"}
    kind : {"dense", "text", "probabilities"}
        What the block holds: numbers, one column of strings, or shares named after the classes.
    **parameters
        ``scaling`` and ``n_columns`` set the front; all others go to the classifier.

    Raises
    ------
    StudyError
        No such family, a family that cannot take the kind, or a parameter it does not have.
    """
    return _maker(EXPERTS, family, kind)(parameters)


def front_pipeline(family: str, kind: Kind = "dense", **parameters: Any) -> Pipeline:
    """Return the unfitted transformer that readies one block for early concatenation (numbers out).

    Parameters and errors are those of :func:`expert_pipeline`, without the classifier's.
    """
    front = _maker(FRONTS, family, kind)(parameters)
    if parameters:
        raise StudyError(f"the front of {family!r} for a block of kind {kind!r} does not take {sorted(parameters)}")
    return front


def final_classifier(family: str, **parameters: Any) -> LabelSafeClassifier:
    """Return the unfitted classifier of concatenated blocks."""
    makers = {"boosted": BoostedTrees, "linear": LinearClassifier, "kernel": KernelRidgeClassifier}
    if family not in makers:
        raise StudyError(f"classifier {family!r} cannot take concatenated blocks; choose from {sorted(makers)}")
    return _with(makers[family], parameters)


def meta_classifier(family: str) -> LabelSafeClassifier:
    """Return the unfitted meta-learner of stacking: boosted among boosted experts, linear among all others."""
    if family == "boosted":
        return BoostedTrees(learning_rate=0.08, colsample_bynode=0.5)
    return LinearClassifier(C=0.2)


def _with(maker: Callable[..., Any], parameters: dict[str, Any]) -> Any:
    try:
        return maker(**parameters)
    except TypeError:
        known = sorted(maker().get_params(deep=False))
        raise StudyError(f"{maker.__name__} has the parameters {known}, got {sorted(parameters)}") from None


def _maker(table: dict[tuple[str, str], Maker], family: str, kind: str) -> Maker:
    if family not in FAMILIES:
        raise StudyError(f"classifier {family!r} is not known; choose from {list(FAMILIES)}")
    if (family, kind) not in table:
        possible = sorted(name for name, other in table if other == kind)
        raise StudyError(f"classifier {family!r} cannot take a block of kind {kind!r}; choose from {possible}")
    return table[family, kind]


def _scaler(parameters: dict[str, Any]) -> Scaler:
    return Scaler(method=parameters.pop("scaling", "standard"))


def _keep(parameters: dict[str, Any], default: int) -> KeepBest:
    return KeepBest(n_columns=parameters.pop("n_columns", default))


def _words_as_dense() -> Pipeline:
    return make_pipeline(KeepBest(n_columns=5000), LatentSemantics(), Scaler())


EXPERTS: dict[tuple[str, str], Maker] = {
    ("boosted", "dense"): lambda p: make_pipeline(_keep(p, 200), _with(BoostedTrees, p)),
    ("linear", "dense"): lambda p: make_pipeline(_scaler(p), _with(LinearClassifier, p)),
    ("kernel", "dense"): lambda p: make_pipeline(_scaler(p), _with(KernelRidgeClassifier, p)),
    ("boosted", "text"): lambda p: make_pipeline(TextVectorizer(), _keep(p, 500), _with(BoostedTrees, p)),
    ("linear", "text"): lambda p: make_pipeline(TextVectorizer(), _with(NaiveBayesLogistic, p)),
    ("kernel", "text"): lambda p: make_pipeline(TextVectorizer(), _with(NaiveBayesLogistic, p)),
    ("given", "probabilities"): lambda p: make_pipeline(_with(ReadyProbabilities, p)),
    ("boosted", "probabilities"): lambda p: make_pipeline(_with(BoostedTrees, p)),
    ("linear", "probabilities"): lambda p: make_pipeline(LogShares(), Scaler(), _with(LinearClassifier, p)),
    ("kernel", "probabilities"): lambda p: make_pipeline(LogShares(), Scaler(), _with(KernelRidgeClassifier, p)),
}

FRONTS: dict[tuple[str, str], Maker] = {
    ("boosted", "dense"): lambda p: make_pipeline(_keep(p, 200)),
    ("linear", "dense"): lambda p: make_pipeline(_scaler(p)),
    ("kernel", "dense"): lambda p: make_pipeline(_scaler(p)),
    ("boosted", "text"): lambda p: make_pipeline(TextVectorizer(), _keep(p, 500)),
    ("linear", "text"): lambda _: make_pipeline(TextVectorizer(), _words_as_dense()),
    ("kernel", "text"): lambda _: make_pipeline(TextVectorizer(), _words_as_dense()),
    ("boosted", "probabilities"): lambda p: make_pipeline(_keep(p, 200)),
    ("linear", "probabilities"): lambda _: make_pipeline(LogShares(), Scaler()),
    ("kernel", "probabilities"): lambda _: make_pipeline(LogShares(), Scaler()),
}
