"""Early fusion: the features of all blocks side by side, each block brought to the weight it is meant to have."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, ClassVar

import numpy as np
import pandas as pd
from scipy import sparse
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.utils import get_tags
from sklearn.utils.validation import check_is_fitted

from ..classifiers.calibration import align, out_of_fold
from ..classifiers.calibrators import Calibrator, Method, Unchanged, fit_calibrator
from ..classifiers.parts import fitted_part
from ..features.errors import StudyError
from .blocks import check_blocks, present_rows, select_block
from .concatenation import Concatenation
from .experts import Array, check_training, fit_safely, known, training_rows
from .fused import EarlyModel
from .preparation import Balance, Children, Preparation, check_balance, check_children, fit_on_copies, unweighted


class EarlyFusion(ClassifierMixin, BaseEstimator):
    """Concatenate blocks, then classify.

    After its own transformer, each block is multiplied by the square root of ``weight * n_columns / own columns``, weights
    summing to 1, so that a block of 6000 columns does not drown one of 35: blocks of equal weight get equal total variance.

    Parameters
    ----------
    blocks : dict of str to transformer
        One unfitted transformer (or pipeline) for each block; dense or sparse numbers come out of it.
    classifier : classifier
        Takes the concatenated columns.
    weights : dict of str to float, optional
        Share of the total variance that each block gets; equal shares by default.
    block_scaling : bool, default=True
        Without it the columns stand side by side as their transformers leave them, and ``weights`` are not used.
    subsets : sequence of sequences of str, default=()
        Sets of blocks that get a classifier of their own, which answers the rows that have exactly these blocks (reduced
        models, Saar-Tsechansky and Provost 2007 [1]_): a modality that is absent then costs what it brought, and no more.
    dropout : float, default=0
        With a positive value each training row is shown a second time with each block taken away by this probability, at
        least one staying (modality dropout): the one classifier learns to do without.
    calibration : {"temperature", "sigmoid", "isotonic", "none"}, default="temperature"
        What makes probabilities hold, fitted on group-disjoint out-of-fold scores (``n_inner`` more fits, but for none).
    n_inner : int, default=5
    random_state : int, default=0
    balance : {"weights", "none", "over", "under"}, default="weights"
        How unequal classes are dealt with in every fit of a classifier; see :func:`~.experts.fit_experts`. The blocks'
        transformers are fitted on all rows.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
    fronts_ : dict of str to transformer
    classifier_ : classifier
    reduced_ : dict of tuple of str to classifier
        Those of the subsets.
    layout_ : Concatenation

    Notes
    -----
    Where a block is absent and no subset of its own answers, its columns are NaN for a classifier that takes NaN (trees),
    and 0, the training mean, for others, with a column that says whether the block is there (only where training rows
    lacked it).

    References
    ----------
    .. [1] Saar-Tsechansky and Provost (2007), Handling missing values when applying classification models, JMLR 8.
    """

    __metadata_request__fit: ClassVar[dict[str, bool]] = {"groups": True}

    def __init__(
        self,
        blocks: Mapping[str, Any],
        classifier: Any,
        weights: Mapping[str, float] | None = None,
        block_scaling: bool = True,
        subsets: Sequence[Sequence[str]] = (),
        dropout: float = 0.0,
        calibration: Method = "temperature",
        n_inner: int = 5,
        random_state: int = 0,
        balance: Balance = "weights",
    ) -> None:
        self.blocks = blocks
        self.classifier = classifier
        self.weights = weights
        self.block_scaling = block_scaling
        self.subsets = subsets
        self.dropout = dropout
        self.calibration = calibration
        self.n_inner = n_inner
        self.random_state = random_state
        self.balance = balance

    def fit(self, X: pd.DataFrame, y: Any, groups: Any = None, children: Children | None = None) -> EarlyFusion:
        """Fit the blocks' transformers and the classifier.

        Parameters
        ----------
        X : DataFrame
            A block table.
        y : array-like of shape (n_samples,)
        groups : array-like of shape (n_samples,), optional
            Speakers or subjects, kept apart by the inner folds of the calibration.
        children : Children, optional
            Varied copies of rows, which train wherever their parents do, and calibrate nothing.

        Raises
        ------
        StudyError
            No block, a weight that is not positive, a dropout outside 0..1, or a subset of unknown blocks.
        TableError
            A block is absent in every training row.
        ProtocolError
            A single group, where probabilities are to be calibrated.
        """
        if not self.blocks or not all(weight > 0 for weight in (self.weights or {}).values()):
            raise StudyError(
                f"early fusion needs blocks and positive weights, got {list(self.blocks)} and {self.weights}"
            )
        if not 0 <= self.dropout < 1:
            raise StudyError(f"dropout must be 0 or more and less than 1, got {self.dropout!r}")
        unknown = sorted({name for subset in self.subsets for name in subset} - set(self.blocks))
        if unknown:
            raise StudyError(f"subsets name the blocks {unknown}; early fusion has {list(self.blocks)}")
        labels, known_groups = check_training(X, y, groups)
        check_balance(self.balance)
        check_children(children, X)
        self.classes_, codes = np.unique(labels, return_inverse=True)
        self.prior_ = np.bincount(codes) / len(codes)
        self._fit_rows(*Preparation(children=children).rows(X, labels))
        self.calibrator_: Calibrator = Unchanged()
        if self.calibration != "none" and len(self.classes_) > 1:
            plain = clone(self).set_params(calibration="none")
            anything = np.any([training_rows(X, name)[1] for name in self.blocks], axis=0)
            answers = out_of_fold(
                partial(fit_safely, plain, preparation=Preparation(children=children)),
                X if anything.all() else X[anything],
                labels[anything],
                None if known_groups is None else known_groups[anything],
                classes=self.classes_,
                n_splits=self.n_inner,
                seed=self.random_state,
            )
            self.calibrator_ = fit_calibrator(self.calibration, answers, codes[anything])
        return self

    def restricted_to(self, X: pd.DataFrame) -> EarlyFusion:
        """Return an unfitted copy for part of the training rows.

        Blocks that are absent in all of them are left out. The classifiers of subsets are, too: what the copy is for is to
        judge other training rows, and few of those lack a block.
        """
        blocks = {name: front for name, front in self.blocks.items() if present_rows(select_block(X, name)).any()}
        return clone(self).set_params(blocks=blocks, subsets=())

    def predict_proba(self, X: pd.DataFrame) -> Array:
        """Return class probabilities of shape (n_samples, n_classes)."""
        check_is_fitted(self)
        check_blocks(X)
        columns, here = self._readied(X)
        return self.layout_.answers(columns, here, list(self.reduced_), self.prior_, self._ask)

    def fused_model(self) -> EarlyModel:
        """Return the fitted numbers alone, which answer plain arrays."""
        check_is_fitted(self)
        return EarlyModel(
            self.layout_,
            tuple(fitted_part(front) for front in self.fronts_.values()),
            known(self.classifier_, self.classes_),
            tuple(self.reduced_),
            tuple(known(classifier, self.classes_) for classifier in self.reduced_.values()),
            self.prior_,
            self.calibrator_,
        )

    def predict(self, X: pd.DataFrame) -> Array:
        """Return the most probable class of each row."""
        probabilities = self.predict_proba(X)
        return self.classes_[probabilities.argmax(axis=1)]

    def _fit_rows(self, X: pd.DataFrame, labels: Array, origins: Array | None) -> None:
        """Fit transformers and classifiers on rows, of which those of one origin are copies of each other."""
        self.features_, self.fronts_, self.widths_ = {}, {}, {}
        here = {}
        for name, front in self.blocks.items():
            table, present = training_rows(X, name)
            here[name] = present
            self.features_[name] = tuple(table.columns)
            own = table if present.all() else table[present]
            self.fronts_[name] = clone(front).fit(own, labels[present])
            self.widths_[name] = self.fronts_[name].transform(own.iloc[:1]).shape[1]
        present = np.stack(list(here.values()))
        anything = present.any(axis=0)
        self.layout_ = self._layout([name for name, rows in here.items() if self.dropout or not rows[anything].all()])
        columns = self._readied(X)[0]
        self.classifier_ = self._fit_classifier(columns, present, labels, origins)
        self.reduced_ = self._fit_reduced(columns, here, labels, origins)

    def _layout(self, partial: Sequence[str]) -> Concatenation:
        return Concatenation(
            tuple(self.blocks),
            tuple(self.widths_.values()),
            tuple(1.0 if self.weights is None else float(self.weights.get(name, 1.0)) for name in self.blocks),
            self.block_scaling,
            tuple(partial),
            bool(get_tags(self.classifier).input_tags.allow_nan),
        )

    def _ask(self, subset: tuple[str, ...] | None, columns: Array) -> Array:
        classifier = self.classifier_ if subset is None else self.reduced_[subset]
        given = align(classifier.predict_proba(columns), classifier.classes_, self.classes_)
        return self.calibrator_.apply(given)

    def _fit_classifier(self, columns: dict[str, Array], present: Array, labels: Array, origins: Array | None) -> Any:
        """Fit the classifier of all blocks, with a second look at each row where blocks drop out."""
        shown, rows = present, np.arange(present.shape[1])
        if self.dropout:
            random = np.random.default_rng(self.random_state)
            kept = present & (random.random(present.shape) >= self.dropout)
            rescued = np.flatnonzero(~kept.any(axis=0) & present.any(axis=0))
            for row in rescued:
                kept[random.choice(np.flatnonzero(present[:, row])), row] = True
            shown, rows = np.hstack([present, kept]), np.tile(rows, 2)
            origins = np.arange(present.shape[1]) if origins is None else origins
            columns = {name: values[rows] for name, values in columns.items()}
        joined, some = self.layout_.joined(columns, shown), shown.any(axis=0)
        if not some.all():
            joined, rows = joined[some], rows[some]
        return self._fit_one(joined, labels[rows], None if origins is None else origins[rows])

    def _fit_reduced(
        self, columns: dict[str, Array], here: dict[str, Array], labels: Array, origins: Array | None
    ) -> dict[tuple[str, ...], Any]:
        """Fit a classifier for each subset, on all rows that have its blocks, whatever else they have."""
        reduced = {}
        for subset in self.subsets:
            names = tuple(name for name in self.blocks if name in subset)
            rows = np.all([here[name] for name in names], axis=0)
            if 0 < len(names) < len(self.blocks) and len(np.unique(labels[rows])) > 1:
                reduced[names] = self._fit_one(
                    self.layout_.side_by_side(columns, names, rows),
                    labels[rows],
                    None if origins is None else origins[rows],
                )
        return reduced

    def _fit_one(self, columns: Array, labels: Array, origins: Array | None) -> Any:
        """Fit a classifier on joined columns, its classes balanced; a constant one where there is a single class."""
        if len(np.unique(labels)) == 1:
            return fit_safely(self.classifier, columns, labels)
        columns, labels, chosen = Preparation(self.balance, self.random_state).rows(columns, labels)
        if chosen is not None:
            origins = chosen if origins is None else origins[chosen]
        classifier = unweighted(self.classifier) if self.balance == "none" else clone(self.classifier)
        return fit_on_copies(classifier, columns, labels, origins)

    def _readied(self, X: pd.DataFrame) -> tuple[dict[str, Array], dict[str, Array]]:
        """Return what each block's transformer makes of it (0 where absent), and in which rows it is there."""
        columns, here = {}, {}
        for name, front in self.fronts_.items():
            table = select_block(X, name, self.features_[name])
            here[name] = present = present_rows(table)
            columns[name] = np.zeros((len(X), self.widths_[name]), dtype=np.float32)
            if present.any():
                given = front.transform(table if present.all() else table[present])
                given = given.toarray() if sparse.issparse(given) else np.asarray(given)
                if present.all():  # of a million rows another copy does not fit
                    columns[name] = np.asarray(given, dtype=np.float32)
                else:
                    columns[name][present] = given
        return columns, here
