"""Hybrid fusion: early concatenation joins the experts of late fusion as one more of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from sklearn.base import clone

from ..classifiers.calibrators import Method
from ..features.errors import StudyError
from .combination import Combination
from .early import EarlyFusion
from .experts import ALL_BLOCKS
from .late import LateFusion, Rule
from .preparation import Balance

EARLY = "early"


class HybridFusion(LateFusion):
    """Combine one expert a block and an early-fusion expert by a rule of late fusion.

    A row that has one of the experts' blocks only is answered by that expert.

    Parameters
    ----------
    blocks : dict of str to classifier
        The experts of single blocks.
    early : EarlyFusion
        The expert of all blocks; its own calibration and balance are replaced by those of the experts.
    rule, meta, calibration, n_inner, random_state, balance
        As for :class:`~emofuse.fusion.late.LateFusion`.
    """

    def __init__(
        self,
        blocks: Mapping[str, Any],
        early: EarlyFusion,
        rule: Rule = "product",
        meta: Any = None,
        calibration: Method = "temperature",
        n_inner: int = 5,
        random_state: int = 0,
        balance: Balance = "weights",
    ) -> None:
        super().__init__(
            blocks,
            rule=rule,
            meta=meta,
            calibration=calibration,
            n_inner=n_inner,
            random_state=random_state,
            balance=balance,
        )
        self.early = early

    def _rule(self) -> Combination:
        return replace(super()._rule(), early=list(self.experts_.out_of_fold).index(EARLY))

    def _estimators(self) -> dict[str, tuple[str | None, Any]]:
        if EARLY in self.blocks:
            raise StudyError(f"a block of hybrid fusion cannot be called {EARLY!r}; rename it")
        early = clone(self.early).set_params(calibration="none", balance=self.balance)
        return super()._estimators() | {EARLY: (ALL_BLOCKS, early)}
