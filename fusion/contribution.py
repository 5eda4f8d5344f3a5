"""Who did the work: exact shares of the modalities in what fusion gains, and of groups of features within a block."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import sparse
from sklearn.pipeline import Pipeline
from sklearn.utils.validation import check_is_fitted, validate_data

from ..classifiers.boosted import BoostedTrees
from ..classifiers.parts import batches
from ..classifiers.projection import Projection
from ..classifiers.scaling import LatentSemantics
from ..classifiers.visual_words import VisualWords
from ..features.eeg_notes import MEASURES
from ..features.errors import StudyError, TableError
from ..features.face_geometry import REGIONS
from ..features.functionals import STATISTICS

Array = npt.NDArray[Any]

BATCH = 512  # rows whose contributions group_contributions holds at once
MIXING = (Projection, LatentSemantics, VisualWords)


@dataclass(frozen=True)
class TreeContributions:
    """What each feature added to the margin of each class, row by row.

    Attributes
    ----------
    features : tuple of str
        The columns that the trees saw.
    classes : ndarray of shape (n_classes,)
    values : ndarray of shape (n_samples, n_features, n_classes), float32
    base : ndarray of shape (n_classes,), float32
        The margin before any feature is known; base and values add up to the margin, whose softmax is the answer.
    """

    features: tuple[str, ...]
    classes: Array
    values: npt.NDArray[np.float32]
    base: npt.NDArray[np.float32]


def tree_shap(pipeline: Any, X: Any) -> TreeContributions:
    """Return the TreeSHAP contributions of the features to the answers of an expert that ends in boosted trees [1]_.

    Parameters
    ----------
    pipeline : fitted Pipeline or BoostedTrees
        As :func:`~emofuse.classifiers.recipes.expert_pipeline` makes it for the family ``boosted``.
    X : DataFrame
        Rows of its block; leave out those in which the block is absent.

    Returns
    -------
    TreeContributions
        All zero for an expert that was trained on a single class.

    Raises
    ------
    StudyError
        The expert does not end in boosted trees, or its trees see mixtures of columns (``n_components``, pixels), which
        say nothing of a feature by itself.
    TableError
        No row.

    Notes
    -----
    What is explained is the margin before calibration: what the trees use, be it right or wrong. A feature that is not
    known yet counts by the shares of the training rows that went either way (the path-dependent form), so that features
    which tell the same share the credit as the trees happened to choose between them: read groups, not single features.
    A cross-fitted kernel score is a column like any other, although it was made from all columns.

    References
    ----------
    .. [1] Lundberg et al. (2020), From local explanations to global understanding with explainable AI for trees, Nature
       Machine Intelligence 2.
    """
    trees, rows, names = _at_the_trees(pipeline, X)
    values = _contributions(trees, rows)
    return TreeContributions(names, trees.classes_, values[:, :-1], values[0, -1])


def group_contributions(pipeline: Any, X: Any) -> dict[str, float]:
    """Return how much each group of features (:func:`feature_group`) moves the margins: mean over rows and classes.

    Parameters, errors and notes are those of :func:`tree_shap`; only a few hundred rows are held at once.

    Notes
    -----
    The contributions of a group are added before their absolute value is taken: those of a hundred columns without
    information mostly cancel, whereas a sum of absolute values would rank a group by its number of columns.
    """
    trees, rows, names = _at_the_trees(pipeline, X)
    of_names = [feature_group(name) for name in names]
    groups = list(dict.fromkeys(of_names))
    member = np.array([[group == own for own in of_names] for group in groups], dtype=np.float32)
    total = np.zeros(len(groups))
    for part in batches(rows, BATCH):
        moved = member @ _contributions(trees, part)[:, :-1]
        total += np.abs(moved).mean(axis=2, dtype=np.float64).sum(axis=0)
    return dict(zip(groups, (total / len(rows)).tolist(), strict=True))


def _at_the_trees(pipeline: Any, X: Any) -> tuple[BoostedTrees, Array, tuple[str, ...]]:
    """Return the trees of an expert, and the columns that they see with their names."""
    if not len(X):
        raise TableError("TreeSHAP needs one row at least, got none; the block is absent in all of them")
    *fronts, trees = _steps(pipeline)
    if not isinstance(trees, BoostedTrees):
        raise StudyError(
            f"TreeSHAP explains boosted trees, got {type(trees).__name__}; take an expert of family 'boosted'"
        )
    check_is_fitted(trees, "classes_")
    names = None
    for front in fronts:
        if isinstance(front, MIXING):
            raise StudyError(f"{type(front).__name__} mixes the columns before the trees see them; explain without it")
        X, names = front.transform(X), front.get_feature_names_out(names)
    if names is None:
        names = getattr(trees, "feature_names_in_", [f"x{number}" for number in range(trees.n_features_in_)])
    # A booster would read absent entries of a sparse matrix as missing; it was trained on zeros.
    dense = X.toarray() if sparse.issparse(X) else X
    rows = validate_data(trees, dense, dtype=np.float32, ensure_all_finite="allow-nan", reset=False)
    return trees, rows, tuple(str(name) for name in names)


def _steps(model: Any) -> Iterator[Any]:
    if isinstance(model, Pipeline):
        for _, step in model.steps:
            yield from _steps(step)
    else:
        yield model


def _contributions(trees: BoostedTrees, rows: Array) -> npt.NDArray[np.float32]:
    """Return contributions of shape (n_samples, n_features + 1, n_classes), the last but one axis ending in the base."""
    if len(trees.classes_) == 1:
        return np.zeros((len(rows), rows.shape[1] + 1, 1), dtype=np.float32)
    import xgboost

    data = xgboost.DMatrix(rows, nthread=trees.n_jobs)
    found = trees.booster_.predict(data, pred_contribs=True, strict_shape=True)
    return np.asarray(found.transpose(0, 2, 1))


def shares_of(amounts: Mapping[str, float]) -> dict[str, float]:
    """Return each group's share in the sum of amounts that are not negative, the largest first; all 0 where all are 0.

    Examples
    --------
    >>> shares_of({"loudness": 1.0, "mfcc": 3.0})
    {'mfcc': 0.75, 'loudness': 0.25}
    """
    whole = sum(amounts.values()) or 1.0
    return {name: amount / whole for name, amount in sorted(amounts.items(), key=lambda item: (-item[1], item[0]))}


def feature_group(name: str) -> str:
    """Return what a feature is about, by its name: the first of ``RULES`` that fits, else the name itself.

    A word or a stretch of characters is put with its like, a count with itself; an action unit, a measure of the face, a
    frequency band or measure of EEG, and a descriptor of the voice stand for all that was computed from them over time,
    over sides of the face, over electrodes, coefficients or bands.

    Examples
    --------
    >>> [feature_group(name) for name in ("mfcc2V_sma3nz_amean", "AU04_r_q95", "word=so happy", "AF7_alpha_log")]
    ['mfcc', 'AU04', 'word', 'alpha']
    >>> [feature_group(name) for name in ("F0final_sma_quartile1", "delta_mel12_slope", "EDA_scl_mean", "age")]
    ['F0final', 'mel', 'EDA_scl', 'age']
    """
    for pattern, group in RULES:
        found = pattern.fullmatch(name)
        if found:
            return group(found)
    return name


# Numbers after a small letter count coefficients, bands and ranges (mfcc2, slope0-500), after a capital they are a part of
# the name (F0, H2); V and UV say of which frames.
_COUNTERS = re.compile(r"(?<=[a-z])(?:U?V)?(?:[\d.]+(?:-[\d.]+)?)?V?$")
_STATISTIC = f"(?:{'|'.join([*STATISTICS, 'std'])})"
_ELECTRODE = r"[A-Za-z]{1,3}(?:[zZ]|\d{1,2})"  # 10-10 system: Fp1, AF7, Cz
_OF_ELECTRODES = "|".join(end for measure in MEASURES.values() for end, _, _ in measure.values)


def _as_found(found: re.Match[str]) -> str:
    return found[1]


def _without_counters(found: re.Match[str]) -> str:
    return _COUNTERS.sub("", found[1])


def _with_region(found: re.Match[str]) -> str:
    region = next((name for name, numbers in REGIONS.items() if int(found[2]) in numbers), found[2])
    return f"{found[1]}: {re.sub('^(?:left|right) ', '', region)}"


RULES: tuple[tuple[re.Pattern[str], Callable[[re.Match[str]], str]], ...] = tuple(
    (re.compile(pattern, re.DOTALL), group)
    for pattern, group in (
        (r"(word|char)=.*", _as_found),
        (r"count=(.+?)(?:<0)?", _as_found),
        (r"(AU\d+)(?:_.+)?", _as_found),
        (r"(?:geometry_)?(landmark(?:_hog)?)_(?:[xy]_)?(\d+)(?:_.+)?", _with_region),
        (rf"geometry_(.+?)(?:_left|_right)?(?:_{_STATISTIC})?", _as_found),
        (r"(hog|lbp|pixel|patch)(?:_[a-z]+)?_\d.*", _as_found),
        (r"(?:delta_)?(?:pcm_)?(?:fftMag_)?(.+?)_(?:_Turn|sma).*", _without_counters),
        (rf"{_ELECTRODE}_(.+)_(?:log|relative|power|differential_entropy)", _as_found),
        (rf"{_ELECTRODE}(?:-{_ELECTRODE})?_((?:.+_)?(?:{_OF_ELECTRODES}))", _as_found),
        (rf"(?:delta_)?(.+)_{_STATISTIC}", _without_counters),
    )
)
