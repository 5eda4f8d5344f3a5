"""What the statistics promise, held against simulated studies in which the truth is known.

Speakers have effects of their own, on all they say and on each class; the learner is the nearest centroid; folds are the
package's own. Two strategies that see two halves of the features, drawn alike and independently, are equally good by
construction, training included.

Of 2,000 simulated studies each, at 5 % two-sided, four sorts of speakers and two numbers of them:

- 5 folds drawn 10 times: 4.0 to 5.9 % of equally good strategies are told apart. This is what the test is promised for.
- 5 folds drawn once: 1.8 to 3.1 %. One subject out of 15: 1.4 and 1.6 %. A single cross-validation overlaps less in what it
  tests than the correction assumes; the test is careful there, and misses gains that repeated folds would find.
- The t test without correction: 5 to 10 % of 5 folds drawn once, 54 to 60 % of 5 folds drawn 10 times.
- McNemar: 5 to 14 %, the more samples a speaker has the more.

The interval over groups covers what it is for in 93 to 95 % of 1,000 studies each: models as they were trained, on other
speakers than those tested. Folds test the speakers that they train on in turn; the mean of their models is covered in 91
to 94 %, and so is what training on other speakers would give.
"""

from __future__ import annotations

from functools import cache

import numpy as np
import pandas as pd
import pytest
from emofuse.experiments.paired import compare, mcnemar, nadeau_bengio
from emofuse.experiments.protocols import ProtocolSpec, make_folds
from emofuse.experiments.statistics import score
from scipy import stats

pytestmark = pytest.mark.slow

N_CLASSES, N_FEATURES, PER_CLASS = 4, 8, 4
CENTRES = np.random.default_rng(99).normal(size=(N_CLASSES, N_FEATURES)) * 0.4
REPEATED = (("group_kfold", {"n_folds": 5, "repeats": 10}, 24), ("group_kfold", {"n_folds": 5, "repeats": 10}, 15))
SINGLE = (("group_kfold", {"n_folds": 5}, 24), ("loso", {}, 15))


def codes_and_groups(n_groups):
    """Class and speaker of each row: every speaker says every class equally often, so that accuracy is UAR."""
    return np.tile(np.repeat(np.arange(N_CLASSES), PER_CLASS), n_groups), np.repeat(
        np.arange(n_groups), N_CLASSES * PER_CLASS
    )


def speakers(random, n_groups):
    """Rows of one half of the features, shape (n_groups * n_classes * per_class, n_features)."""
    own = 0.5 * random.normal(size=(n_groups, 1, 1, N_FEATURES))
    own_class = 0.3 * random.normal(size=(n_groups, N_CLASSES, 1, N_FEATURES))
    noise = random.normal(size=(n_groups, N_CLASSES, PER_CLASS, N_FEATURES))
    return (CENTRES[:, None] + own + own_class + noise).reshape(-1, N_FEATURES)


def centroid_scores(train, codes, test):
    """Logits of a nearest-centroid classifier."""
    centroids = np.eye(N_CLASSES)[codes].T @ train / np.bincount(codes, minlength=N_CLASSES)[:, None]
    return test @ centroids.T - 0.5 * (centroids**2).sum(axis=1)


@cache
def draws_of_folds(name, n_groups, n_draws=10, **options):
    """The package's folds for several seeds; they depend on speakers and classes alone, which never change here."""
    codes, groups = codes_and_groups(n_groups)
    table = pd.DataFrame({"label": codes.astype(str), "group": [f"s{group:02d}" for group in groups]})
    spec = ProtocolSpec(name=name, **options)
    return [make_folds(table, spec, seed=1000 * draw) for draw in range(n_draws if name != "loso" else 1)]


def equal_strategies(name, options, n_groups, *, n_studies):
    """Yield fold differences, test rows for each training row, and right answers, each sample once, of two strategies."""
    random = np.random.default_rng(2024)
    codes, _ = codes_and_groups(n_groups)
    lots = draws_of_folds(name, n_groups, **options)
    for study in range(n_studies):
        folds = lots[study % len(lots)]
        rights = []
        for _ in range(2):
            rows = speakers(random, n_groups)
            answers = [
                centroid_scores(rows[fold.train], codes[fold.train], rows[fold.test]).argmax(axis=1) for fold in folds
            ]
            rights.append([told == codes[fold.test] for told, fold in zip(answers, folds, strict=True)])
        uar = np.array([[right.mean() for right in each] for each in rights])
        ratio = float(np.mean([len(fold.test) / len(fold.train) for fold in folds]))
        once = len(folds) // options.get("repeats", 1)
        yield uar[0] - uar[1], ratio, *(np.concatenate(each[:once]) for each in rights)


@pytest.mark.parametrize(("name", "options", "n_groups"), REPEATED)
def test_repeated_folds_tell_equal_strategies_apart_one_time_in_twenty(name, options, n_groups):
    found = list(equal_strategies(name, options, n_groups, n_studies=1500))
    corrected = np.mean([nadeau_bengio(differences, ratio) < 0.05 for differences, ratio, _, _ in found])
    naive = np.mean([stats.ttest_1samp(differences, 0).pvalue < 0.05 for differences, _, _, _ in found])
    assert 0.03 <= corrected <= 0.07
    assert naive > 0.4


@pytest.mark.parametrize(("name", "options", "n_groups"), SINGLE)
def test_a_single_cross_validation_tells_them_apart_less_often(name, options, n_groups):
    found = list(equal_strategies(name, options, n_groups, n_studies=2000))
    corrected = np.mean([nadeau_bengio(differences, ratio) < 0.05 for differences, ratio, _, _ in found])
    assert 0.002 <= corrected <= 0.05


def test_mcnemar_takes_the_samples_of_a_speaker_for_independent(monkeypatch):
    monkeypatch.setattr(f"{__name__}.PER_CLASS", 15)
    draws_of_folds.cache_clear()
    found = list(equal_strategies("group_kfold", {"n_folds": 5}, 24, n_studies=300))
    draws_of_folds.cache_clear()
    assert np.mean([mcnemar(a, b) < 0.05 for _, _, a, b in found]) > 0.07


def softmax(logits):
    exponential = np.exp(logits - logits.max(axis=1, keepdims=True))
    return exponential / exponential.sum(axis=1, keepdims=True)


def coverage(n_groups, n_studies, evaluate):
    """Share of studies whose interval holds the truth, for the UAR of a strategy and for the difference of two."""
    random = np.random.default_rng(7)
    codes, groups = codes_and_groups(n_groups)
    hits = np.zeros(2)
    for _ in range(n_studies):
        (a, folds, a_true), (b, _, b_true) = evaluate(random), evaluate(random)
        tests = [np.arange(len(codes))] if folds is None else [fold.test for fold in folds]
        order, fold_of = np.concatenate(tests), np.repeat(np.arange(len(tests)), [len(test) for test in tests])
        found = [score(codes[order], answers, groups[order], fold_of, seed=0)["uar"] for answers in (a, b)]
        low, high = found[0].interval(bounded=True)
        both = compare(found[0], found[1], test_to_train=0.25)
        hits += [low <= a_true <= high, both.low <= a_true - b_true <= both.high]
    return hits / n_studies


@pytest.mark.parametrize("n_groups", [24, 8])
def test_the_interval_covers_what_trained_models_reach_on_other_speakers(n_groups):
    many, _ = codes_and_groups(300)

    def evaluate(random):
        train = speakers(random, 24), codes_and_groups(24)[0]
        true = (centroid_scores(*train, speakers(random, 300)).argmax(axis=1) == many).mean()
        return softmax(centroid_scores(*train, speakers(random, n_groups))), None, true

    one, difference = coverage(n_groups, 1000, evaluate)
    assert 0.92 <= one <= 0.98
    assert 0.92 <= difference <= 0.98


def test_over_folds_the_interval_covers_nearly_as_often():
    codes, _ = codes_and_groups(24)
    many, _ = codes_and_groups(300)
    folds = draws_of_folds("group_kfold", 24, n_folds=5)[0]

    def evaluate(random):
        rows, new = speakers(random, 24), speakers(random, 300)
        fits = [(rows[fold.train], codes[fold.train]) for fold in folds]
        answers = [centroid_scores(*fit, rows[fold.test]) for fit, fold in zip(fits, folds, strict=True)]
        true = np.mean([(centroid_scores(*fit, new).argmax(axis=1) == many).mean() for fit in fits])
        return softmax(np.concatenate(answers)), folds, true

    one, difference = coverage(24, 1000, evaluate)
    assert 0.90 <= one <= 0.98
    assert 0.90 <= difference <= 0.98
