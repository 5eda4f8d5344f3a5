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
from .cross_fitted import KernelScores
from .kernel import KernelRidgeClassifier
from .linear import LinearClassifier, NaiveBayesLogistic
from .projection import Discriminants, Projection
from .ready import LogShares, ReadyProbabilities
from .scaling import KeepBest, LatentSemantics, Scaler
from .visual_words import VisualWords

Kind = Literal["dense", "text", "probabilities", "pixels"]
Meta = Literal["linear", "boosted"]
Reduction = Literal["pca", "lda", "select"]
Maker = Callable[[dict[str, Any]], Pipeline]  # takes the parameters it uses out of the dict
FAMILIES = ("boosted", "linear", "kernel", "given")
TEXT_PARAMETERS = ("counts", "negation", "stemming", "characters", "min_df", "max_features")
FRONT_PARAMETERS = ("scaling", "n_columns", "n_components", "half_precision", *TEXT_PARAMETERS)


def expert_pipeline(family: str, kind: Kind = "dense", **parameters: Any) -> Pipeline:
    """Return the unfitted pipeline that turns one block into class probabilities.

    Parameters
    ----------
    family : {"boosted", "linear", "kernel", "given"}
    kind : {"dense", "text", "probabilities", "pixels"}
        What the block holds: numbers, one column of strings, shares named after the classes, or square grey pictures.
    **parameters
        ``scaling``, ``n_columns`` and ``n_components`` set the front, for texts ``counts``, ``negation``, ``stemming``,
        ``characters`` (False leaves out their n-grams), ``min_df`` (of words and characters) and ``max_features`` too; all
        others go to the classifier. Numbers are ready for ``linear`` and ``kernel`` when the best ``n_columns`` are
        chosen, those are scaled, and their ``n_components`` strongest directions are found, in this order; directions without
        ``scaling`` are those of the columns as they are. To ``kernel``, ``half_precision`` makes a small model, and
        ``n_components`` takes texts by the mean of their words' latent vectors, of so many numbers. To
        ``boosted``, ``n_components`` stands in place of ``n_columns``, and ``n_centres`` gives the cross-fitted scores of a
        kernel machine on so many rows beside the columns, with ``gamma`` and ``ridge``.

    Raises
    ------
    StudyError
        No such family, a family that cannot take the kind, or a parameter it does not have.
    """
    return _maker(EXPERTS, family, kind)(parameters)


def front_pipeline(
    family: str, kind: Kind = "dense", *, reduction: Reduction | None = None, **parameters: Any
) -> Pipeline:
    """Return the unfitted transformer that readies one block for early concatenation (numbers out).

    ``reduction`` narrows the block once more inside the fold: to its strongest directions (``pca``), to those that part the
    classes (``lda``), or to the columns that differ most between them (``select``). Other parameters and errors are those of
    :func:`expert_pipeline`, without the classifier's.
    """
    # Directions of sparse terms are those of the latent semantics that linear classifiers get.
    front = _maker(FRONTS, "linear" if kind == "text" and reduction in ("pca", "lda") else family, kind)(parameters)
    if parameters:
        raise StudyError(f"the front of {family!r} for a block of kind {kind!r} does not take {sorted(parameters)}")
    return make_pipeline(front, *REDUCTIONS[reduction]()) if reduction else front


def final_classifier(family: str, **parameters: Any) -> LabelSafeClassifier | Pipeline:
    """Return the unfitted classifier of concatenated blocks."""
    makers = {"boosted": BoostedTrees, "linear": LinearClassifier, "kernel": KernelRidgeClassifier}
    if family not in makers:
        raise StudyError(f"classifier {family!r} cannot take concatenated blocks; choose from {sorted(makers)}")
    if family == "boosted" and "n_centres" in parameters:
        return _trees_on_scores(parameters)
    return _with(makers[family], parameters)


def meta_classifier(family: Meta, **parameters: Any) -> LabelSafeClassifier:
    """Return the unfitted meta-learner of stacking, logistic or boosted; parameters replace the recipe's."""
    if family == "boosted":
        return _with(BoostedTrees, {"learning_rate": 0.08, "colsample_bynode": 0.5} | parameters)
    return _with(LinearClassifier, {"C": 0.2} | parameters)


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


def _vectorizer(parameters: dict[str, Any]) -> TextVectorizer:
    own = {name: parameters.pop(name) for name in TEXT_PARAMETERS if name in parameters}
    if not own.pop("characters", True):
        own["char_ngrams"] = None
    if "min_df" in own:
        own["min_df_words"] = own["min_df_chars"] = own.pop("min_df")
    return TextVectorizer(**own)


def _readied(parameters: dict[str, Any], *, last: bool = True) -> list[Any]:
    """Return what readies numbers; a classifier behind it (not ``last``) is left to know of half precision too."""
    half_precision = parameters.get("half_precision", False)
    if last:
        parameters.pop("half_precision", None)
    steps: list[Any] = [KeepBest(parameters.pop("n_columns"))] if "n_columns" in parameters else []
    if "scaling" in parameters or "n_components" not in parameters:
        steps.append(Scaler(method=parameters.pop("scaling", "standard")))
    if "n_components" in parameters:
        steps.append(Projection(parameters.pop("n_components"), half_precision=half_precision))
    return steps


def _keep(parameters: dict[str, Any], default: int) -> KeepBest | Projection:
    if "n_components" in parameters:
        return Projection(parameters.pop("n_components"))
    return KeepBest(n_columns=parameters.pop("n_columns", default))


def _words(parameters: dict[str, Any]) -> VisualWords:
    return VisualWords(n_components=parameters.pop("n_components", 220))


def _trees(parameters: dict[str, Any]) -> Pipeline:
    return _trees_on_scores(parameters) if "n_centres" in parameters else _with(BoostedTrees, parameters)


def _trees_on_scores(parameters: dict[str, Any]) -> Pipeline:
    own: dict[str, Any] = {key: parameters.pop(key) for key in ("n_centres", "gamma", "ridge") if key in parameters}
    return make_pipeline(_with(KernelScores, own), _with(BoostedTrees, parameters))


def _words_as_dense(parameters: dict[str, Any]) -> Pipeline:
    """Return what takes weighed terms as the mean of their vectors: places on the strongest directions of all texts.

    Latent semantic analysis (Deerwester et al. 1990, Journal of the American Society for Information Science 41(6)).
    """
    kept = KeepBest(n_columns=parameters.pop("n_columns", 5000))
    return make_pipeline(kept, LatentSemantics(parameters.pop("n_components", 100)), Scaler())


EXPERTS: dict[tuple[str, str], Maker] = {
    ("boosted", "dense"): lambda p: make_pipeline(_keep(p, 200), _trees(p)),
    ("linear", "dense"): lambda p: make_pipeline(*_readied(p), _with(LinearClassifier, p)),
    ("kernel", "dense"): lambda p: make_pipeline(*_readied(p, last=False), _with(KernelRidgeClassifier, p)),
    ("boosted", "text"): lambda p: make_pipeline(_vectorizer(p), _keep(p, 500), _with(BoostedTrees, p)),
    ("linear", "text"): lambda p: make_pipeline(_vectorizer(p), _with(NaiveBayesLogistic, p)),
    ("kernel", "text"): lambda p: (
        make_pipeline(_vectorizer(p), _words_as_dense(p), _with(KernelRidgeClassifier, p))
        if "n_components" in p
        else make_pipeline(_vectorizer(p), _with(NaiveBayesLogistic, p))
    ),
    ("given", "probabilities"): lambda p: make_pipeline(_with(ReadyProbabilities, p)),
    ("boosted", "probabilities"): lambda p: make_pipeline(_with(BoostedTrees, p)),
    ("linear", "probabilities"): lambda p: make_pipeline(LogShares(), Scaler(), _with(LinearClassifier, p)),
    ("kernel", "probabilities"): lambda p: make_pipeline(LogShares(), Scaler(), _with(KernelRidgeClassifier, p)),
    ("boosted", "pixels"): lambda p: make_pipeline(_words(p), _trees(p)),
    ("linear", "pixels"): lambda p: make_pipeline(_words(p), _with(LinearClassifier, p)),
    ("kernel", "pixels"): lambda p: make_pipeline(_words(p), _with(KernelRidgeClassifier, p)),
}

REDUCTIONS: dict[Reduction, Callable[[], list[Any]]] = {
    "pca": lambda: [Projection(n_components=50)],
    "lda": lambda: [Projection(n_components=100), Discriminants()],
    "select": lambda: [KeepBest(n_columns=50)],
}

FRONTS: dict[tuple[str, str], Maker] = {
    ("boosted", "dense"): lambda p: make_pipeline(_keep(p, 200)),
    ("linear", "dense"): lambda p: make_pipeline(*_readied(p)),
    ("kernel", "dense"): lambda p: make_pipeline(*_readied(p)),
    ("boosted", "text"): lambda p: make_pipeline(_vectorizer(p), _keep(p, 500)),
    ("linear", "text"): lambda p: make_pipeline(_vectorizer(p), _words_as_dense(p)),
    ("kernel", "text"): lambda p: make_pipeline(_vectorizer(p), _words_as_dense(p)),
    ("boosted", "probabilities"): lambda p: make_pipeline(_keep(p, 200)),
    ("linear", "probabilities"): lambda _: make_pipeline(LogShares(), Scaler()),
    ("kernel", "probabilities"): lambda _: make_pipeline(LogShares(), Scaler()),
    ("boosted", "pixels"): lambda p: make_pipeline(_words(p)),
    ("linear", "pixels"): lambda p: make_pipeline(_words(p)),
    ("kernel", "pixels"): lambda p: make_pipeline(_words(p)),
}
