"""What is predicted: a class or a number; and which metrics and strategies go with which."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any, Literal

from .strategies import CHOSEN, HYBRID_RULES, LATE_RULES, STRATEGIES

TaskKind = Literal["classification", "regression"]
ClassMetric = Literal["uar", "accuracy", "macro_f1", "weighted_f1", "log_loss", "brier", "ece"]
ValueMetric = Literal["ccc", "mae", "pearson", "rmse", "acc2", "acc7"]
CLASS_METRICS: tuple[ClassMetric, ...] = ClassMetric.__args__  # type: ignore[attr-defined]
VALUE_METRICS: tuple[ValueMetric, ...] = ValueMetric.__args__  # type: ignore[attr-defined]
# The accuracies are of a scale from -3 to 3, which no study has unasked.
DEFAULT_VALUE_METRICS: tuple[ValueMetric, ...] = ("ccc", "mae", "pearson", "rmse")
# How a late or hybrid fusion of numbers combines them; what multiplies or counts probabilities has no meaning here.
VALUE_RULES = {
    "late_mean": "mean",
    "late_median": "median",
    "late_weighted": "weighted",
    "stacking": "stacking",
    "hybrid": "mean",
    "hybrid_weighted": "weighted",
    "hybrid_stacking": "stacking",
}
VALUE_EARLY = ("early", "early_raw", "early_pca", "early_select")
VALUE_FUSIONS = tuple(
    name
    for name in STRATEGIES
    if name in VALUE_EARLY or (name in VALUE_RULES and name in {**LATE_RULES, **HYBRID_RULES})
)
VALUE_STRATEGIES = tuple(
    name
    for name in STRATEGIES
    if name in (*VALUE_FUSIONS, *CHOSEN, "majority", "permuted_labels", "unimodal", "best_single", "shuffled_modality")
)
# Keys of a study that speak of classes, or of parts of a run that numbers do not have.
ONLY_CLASSES = (
    "label_map",
    "calibration",
    "precisions",
    "balance",
    "augmentations",
    "degradations",
    "references",
    "near_copies",
    "budget",
    "modality_dropout",
    "pool",
)


def with_defaults(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values of a study with the metrics and strategies of its kind of task, where it names none."""
    given = dict(values)
    if given.get("task") == "regression":
        given = {"metrics": DEFAULT_VALUE_METRICS, "strategies": VALUE_STRATEGIES} | given
    return given


def check_kind(
    kind: TaskKind,
    metrics: Sequence[str],
    strategies: Sequence[str],
    classifiers: Sequence[str],
    others: Collection[str],
) -> None:
    """Refuse what does not go with a kind of task.

    Parameters
    ----------
    kind : str
    metrics, strategies, classifiers : sequence of str
        Of the study.
    others : collection of str
        The keys in which the study differs from the defaults.

    Raises
    ------
    ValueError
        A metric, a strategy, a classifier or a key that has no meaning for this kind.
    """
    known: Sequence[str] = CLASS_METRICS if kind == "classification" else VALUE_METRICS
    strangers = [name for name in metrics if name not in known]
    if strangers:
        raise ValueError(f"task {kind!r} has the metrics {list(known)}, got {strangers}")
    if kind == "classification":
        return
    strangers = [name for name in strategies if name not in VALUE_STRATEGIES]
    if strangers:
        raise ValueError(f"strategies {strangers} are of classes; a regression has {list(VALUE_STRATEGIES)}")
    if "given" in classifiers:
        raise ValueError(
            "classifier 'given' passes class probabilities on; a regression has boosted, linear and kernel"
        )
    strangers = [name for name in ONLY_CLASSES if name in others]
    if strangers:
        raise ValueError(f"a regression takes no {', '.join(strangers)}; leave it out")
