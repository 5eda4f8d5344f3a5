"""What the tests of strategies share: one fold, answered by the experts of each family and put together."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from emofuse.experiments.answers import FoldOutcome
from emofuse.experiments.combine import combine_fold
from emofuse.experiments.compare import FamilyAnswers, fit_part, gathered, parts_of
from emofuse.experiments.conditions import Conditions, modalities_of
from emofuse.experiments.protocols import Fold
from emofuse.experiments.study import Study


@dataclass(frozen=True)
class Answered:
    """One fold of a study, and all that was answered in it."""

    study: Study
    X: Any
    labels: Any
    groups: Any
    fold: Fold
    conditions: Conditions
    families: list[FamilyAnswers]
    outcome: FoldOutcome

    @property
    def train(self):
        """The block table, labels and groups of the training rows."""
        return self.X.iloc[self.fold.train], self.labels[self.fold.train], self.groups[self.fold.train]

    @property
    def test(self):
        """The block table of the test rows."""
        return self.X.iloc[self.fold.test]

    @property
    def codes(self):
        """The true classes of the test rows."""
        return np.searchsorted(np.unique(self.labels), self.labels[self.fold.test])


@pytest.fixture(scope="session")
def fit_family():
    """A function that fits all parts of a family in a fold, one after the other."""

    def fit(study, family, fold, X, labels, groups, conditions, *, with_controls=False):
        parts = parts_of(study, family, fold, X, conditions, with_controls=with_controls)
        answers = [fit_part(study, X, labels, groups, conditions, None, family, fold, part) for part in parts]
        return gathered(study, family, fold, X, parts, answers)

    return fit


@pytest.fixture(scope="session")
def answer_fold(fit_family):
    """A function that fits the families of a study on one fold and combines their answers."""

    def answer(study, X, labels, groups, fold, *, degraded=None, turns=None):
        conditions = Conditions(
            modalities_of(study, list(dict.fromkeys(X.columns.get_level_values(0)))), degraded or {}
        )
        control = next((family for family in study.classifiers if family != "given"), None)
        families = [
            fit_family(study, family, fold, X, labels, groups, conditions, with_controls=family == control)
            for family in study.classifiers
        ]
        classes, codes = np.unique(labels, return_inverse=True)
        group_codes = np.unique(groups, return_inverse=True)[1]
        outcome = combine_fold(
            study,
            fold,
            families,
            codes[fold.test],
            group_codes[fold.test],
            len(np.unique(groups)),
            classes,
            conditions,
            turns,
        )
        return Answered(study, X, labels, groups, fold, conditions, families, outcome)

    return answer


@pytest.fixture(scope="session")
def few_rounds():
    """Parameters of a study that make its trees few and its meta-classifiers quick."""
    return {"meta": {"boosted": {"n_rounds": 10}}}
