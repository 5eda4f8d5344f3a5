"""The whole fusion matrix against the plain scikit-learn way, on features that are stored; UAR beside seconds.

What is compared, on RAVDESS where it is given and else on generated numbers: each modality alone, early concatenation, a soft
vote and stacking, five folds by speaker. The plain way is what a tutorial does: default XGBClassifiers in a Pipeline,
VotingClassifier, StackingClassifier, cross_val_predict. Ours is `emofuse run`: every number calibrated and out of fold.
"""

from __future__ import annotations

import time
from typing import Any

import numpy as np
import numpy.typing as npt

from ...fusion.blocks import select_block
from ..blocks import BlockTable, build_blocks
from ..corpora import Corpus, read_corpus
from ..preparation import prepare_corpus
from ..run import Split, compare_strategies, split_corpus
from ..study import Study, parse_study
from . import Options, Row
from .generated import generated_corpus, generated_study

Array = npt.NDArray[Any]
STRATEGIES = ("unimodal", "early", "late_mean", "stacking")  # a soft vote is the mean of probabilities
AT_LEAST = 5.0
N_JOBS = 2
N_ROWS, N_QUICK = 1440, 80  # as many as RAVDESS has
BLOCKS: dict[str, dict[str, Any]] = {
    "audio": {"extractor": "opensmile", "parameters": {"feature_set": "eGeMAPSv02"}},
    "face": {"extractor": "table", "table": "openface", "modality": "face"},
}
FEW_ROUNDS, FEW_TREES = {"n_rounds": 1}, {"n_estimators": 1}


def benchmark(options: Options) -> list[Row]:
    """Time the matrix both ways, with the boosted and with the kernel recipes; UAR of the best row beside the seconds."""
    families = ["boosted"] if options.quick else ["boosted", "kernel"]
    study, corpus = matrix_study(families[:1], BLOCKS, options)
    table = build_blocks(study, corpus, root=options.root, n_jobs=N_JOBS)
    seconds, uars = measure(
        study, corpus, table, split_corpus(study, corpus), families, FEW_TREES if options.quick else {}
    )
    plain, best = seconds["plain"], max(uars["plain"].values())
    rows = []
    for family in families:
        own = max(uars[family].values())
        rows += [
            Row(f"matrix, {family}", seconds[family], plain, at_least=AT_LEAST),
            Row(f"matrix, {family}, 1 - UAR of the best row", 1 - own, 1 - best, at_least=1.0, unit=""),
        ]
    return rows


def matrix_study(families: list[str], blocks: dict[str, dict[str, Any]], options: Options) -> tuple[Study, Corpus]:
    """Return a study of some blocks of RAVDESS with the shipped recipes, or one of generated numbers, and its corpus."""
    asked: dict[str, Any] = {"classifiers": families, "strategies": list(STRATEGIES)}
    if options.root is None:
        rounds = {"boosted": FEW_ROUNDS} if options.quick else {}
        study = generated_study(early=rounds, meta=rounds, **asked)
        recipes = {name: spec.model_dump() | {"recipes": rounds} for name, spec in study.blocks.items()}
        return study.changed(blocks=recipes), generated_corpus(N_QUICK if options.quick else N_ROWS)
    study = parse_study(
        asked
        | {
            "name": "fusion_matrix",
            "corpus": "ravdess",
            "where": {"channel": ["speech"]},
            "protocol": {"name": "luna5"},
            "blocks": blocks,
        },
        source="benchmark",
    )
    return study, prepare_corpus(study, read_corpus("ravdess", options.root))


def plain_matrix(
    blocks: dict[str, Array], y: Array, folds: list[tuple[Array, Array]], trees: dict[str, int]
) -> dict[str, float]:
    """Return the UAR of each row of the matrix, the plain way; ``blocks`` are arrays of shape (n_samples, n_features)."""
    from sklearn.ensemble import StackingClassifier, VotingClassifier
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import cross_val_predict
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import FunctionTransformer, StandardScaler
    from xgboost import XGBClassifier

    edges = np.cumsum([0, *(values.shape[1] for values in blocks.values())])
    together = np.hstack(list(blocks.values()))

    def one(first: int, last: int) -> Any:
        take = FunctionTransformer(_columns, kw_args={"first": first, "last": last})
        return make_pipeline(take, StandardScaler(), XGBClassifier(**trees))

    experts = [(name, one(*edges[place : place + 2])) for place, name in enumerate(blocks)]
    rows = dict(experts) | {
        "early": one(0, int(edges[-1])),
        "vote": VotingClassifier(experts, voting="soft"),
        "stacking": StackingClassifier(experts, final_estimator=LogisticRegression(max_iter=1000)),
    }
    codes = np.unique(y, return_inverse=True)[1]
    found = {}
    for name, estimator in rows.items():
        answers = cross_val_predict(estimator, together, codes, cv=folds, method="predict_proba")
        found[name] = uar(codes, answers.argmax(axis=1))
    return found


def _columns(X: Array, first: int, last: int) -> Array:
    return X[:, first:last]


def uar(codes: Array, answers: Array) -> float:
    """Return the mean recall of the classes."""
    return float(np.mean([(answers[codes == code] == code).mean() for code in np.unique(codes)]))


def measure(
    study: Study, corpus: Corpus, table: BlockTable, splits: list[Split], families: list[str], trees: dict[str, int]
) -> tuple[dict[str, float], dict[str, dict[str, float]]]:
    """Return seconds, and the UAR of each row, of the plain way and of each family.

    Parameters
    ----------
    study : Study
    corpus : Corpus
    table : BlockTable
    splits : list of Split
        One; as :func:`~emofuse.experiments.run.split_corpus` gives it.
    families : list of str
    trees : dict of str to int
        What an XGBClassifier is told; nothing, but to see that all this runs. It uses every core, and ours two processes.
    """
    y = corpus.samples["label"].to_numpy(dtype=str)
    [(_, _, folds)] = splits
    names = dict.fromkeys(table.X.columns.get_level_values(0))
    arrays = {name: select_block(table.X, name).to_numpy() for name in names}
    seconds, uars = {}, {}
    start = time.perf_counter()
    uars["plain"] = plain_matrix(arrays, y, [(fold.train, fold.test) for fold in folds], trees)
    seconds["plain"] = time.perf_counter() - start
    for family in families:
        start = time.perf_counter()
        own = study.changed(classifiers=[family])
        done = compare_strategies(own, corpus, splits, table, n_jobs=N_JOBS, missing=False)
        seconds[family] = time.perf_counter() - start
        uars[family] = {
            f"{row['strategy']} {'+'.join(row['blocks'])}": row["metrics"]["uar"]["mean"]
            for row in done.run.results["rows"]
            if row["strategy"] in STRATEGIES
        }
    return seconds, uars
