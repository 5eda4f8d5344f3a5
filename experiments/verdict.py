"""Whether fusion helped: the comparisons that were decided on beforehand, all others, red flags, and the sentence."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from .answers import BEST_SINGLE, SELECTED, SELECTED_EARLY, SELECTED_LATE
from .compare import RowKey
from .corpora import Corpus
from .paired import compare, holm
from .statistics import LOWER_IS_BETTER, Scores
from .strategies import CHOSEN, CONTEXTS, FUSIONS, is_fusion
from .study import Study

Scored = dict[RowKey, dict[str, Scores]]
DIGITS = 6
METRIC_LABELS = {
    "uar": "UAR",
    "accuracy": "accuracy",
    "macro_f1": "macro F1",
    "weighted_f1": "weighted F1",
    "log_loss": "log loss",
    "brier": "Brier",
    "ece": "ECE",
    "ccc": "CCC",
    "mae": "MAE",
    "pearson": "Pearson r",
    "rmse": "RMSE",
    "acc2": "accuracy (2)",
    "acc7": "accuracy (7)",
}
LUCKY = 3.0  # standard deviations above chance that a classifier of permuted labels may be by luck


def comparisons(scored: Scored, metric: str, ratio: float) -> list[dict[str, Any]]:
    """Return the comparisons of a run, each with the correction of its family (Holm 1979).

    The family ``primary`` is decided on before any number is seen: the fusion that every fold chooses by its training rows
    against the best single modality, and the late fusion it chooses against the early one. The family ``exploratory`` is
    every fusion, and every context, against that single modality.

    Parameters
    ----------
    scored : dict of RowKey to dict of str to Scores
    metric : str
    ratio : float
        Test rows for each training row of a fold.
    """
    single = baseline(scored, metric)
    if single is None:
        return []
    primary = [(SELECTED, single), (SELECTED_LATE, SELECTED_EARLY)]
    exploratory = [(key, single) for key in scored if key[0] in (*FUSIONS, *CONTEXTS)]
    found = []
    for family, pairs in (("primary", primary), ("exploratory", exploratory)):
        there = [(a, b) for a, b in pairs if a in scored and b in scored]
        results = [compare(scored[a][metric], scored[b][metric], test_to_train=ratio) for a, b in there]
        for (a, b), item, p_holm in zip(there, results, holm([item.p for item in results]), strict=True):
            found.append(
                {
                    "a": a[0],
                    "b": b[0],
                    "metric": metric,
                    "difference": round(item.difference, DIGITS),
                    "low": round(item.low, DIGITS),
                    "high": round(item.high, DIGITS),
                    "test": item.test,
                    "p": _digits(item.p),
                    "p_holm": _digits(p_holm),
                    "family": family,
                    "a_blocks": list(a[1]),
                    "a_classifier": a[2],
                    "b_blocks": list(b[1]),
                    "b_classifier": b[2],
                    "effect_size": None if item.effect_size is None else round(item.effect_size, DIGITS),
                    # Numbers, and means over tasks, are not right or wrong.
                    "p_mcnemar": _digits(item.p_mcnemar) if len(scored[a][metric].right) else None,
                    "p_group_bootstrap": _digits(item.p_group_bootstrap),
                }
            )
    return found


def baseline(scored: Scored, metric: str) -> RowKey | None:
    """Return the single modality that fusions are held against: the best of the table.

    That is a choice of hindsight, which flatters the single modality where the fusion is one that was chosen on training
    rows.
    """
    singles = [key for key in scored if key[0] == "unimodal"] or [key for key in scored if key == BEST_SINGLE]
    return best_of(scored, singles, metric) if singles else None


def best_of(scored: Scored, keys: Sequence[RowKey], metric: str) -> RowKey:
    """Return the row that is best by the mean of a metric."""
    sign = -1 if metric in LOWER_IS_BETTER else 1
    return max(keys, key=lambda key: sign * scored[key][metric].mean)


def red_flags(scored: Scored, metric: str) -> list[str]:
    """Return one sentence for each control that does as well as a fusion, or that knows what it cannot know."""
    flags = []
    for key in _controls(scored):
        beaten = _beaten(scored, key, metric)
        own = scored[key][metric].mean
        if beaten:
            best = best_of(scored, beaten, metric)
            of_all = f"{len(beaten)} of {sum(is_fusion(other[0]) for other in scored)} fusions"
            flags.append(
                f"{row_label(key)} ({own:.3f}) does as well as {of_all}, such as {row_label(best)} "
                f"({scored[best][metric].mean:.3f})"
            )
    return flags + _impossible(scored)


def _controls(scored: Scored) -> list[RowKey]:
    return [key for key in scored if key[0] in ("majority", "shuffled_modality", "permuted_labels")]


def _beaten(scored: Scored, control: RowKey, metric: str) -> list[RowKey]:
    """Return the fusions that are no better than a control."""
    sign = -1 if metric in LOWER_IS_BETTER else 1
    own = sign * scored[control][metric].mean
    return [key for key in scored if is_fusion(key[0]) and sign * scored[key][metric].mean <= own]


def _impossible(scored: Scored) -> list[str]:
    """Return what is wrong where a classifier that was trained on permuted labels knows the true ones.

    Rows of a class look alike, so that permuted labels can have them answered alike: at worst each class of a fold gets one
    answer, drawn at random. The recall of K classes then is 1 with probability 1 / K, and the variance of a fold's UAR is
    (1 - 1 / K) / K^2. A bootstrap over test groups knows nothing of this spread.
    """
    chance = scored.get(("majority", (), "none"))
    if chance is None:
        return []
    if "uar" not in chance:
        return _impossible_values(scored)
    share, flags = chance["uar"].mean, []
    for key in [key for key in scored if key[0] == "permuted_labels"]:
        uar = scored[key]["uar"]
        low, _ = uar.interval(bounded=True)
        luck = LUCKY * share * ((1 - share) / len(uar.folds)) ** 0.5
        if min(low, uar.mean - luck) > share:
            flags.append(
                f"trained on permuted labels, {key[2]} still reaches UAR {uar.mean:.3f} where chance is "
                f"{share:.3f}: training and test share something"
            )
    return flags


def _impossible_values(scored: Scored) -> list[str]:
    """Return what is wrong where a regressor that was trained on permuted targets knows the true ones.

    What it has learned is the same for all clips of a person, so that at worst each tested group is one draw.
    """
    flags = []
    for key in [key for key in scored if key[0] == "permuted_labels"]:
        ccc = scored[key]["ccc"]
        low, _ = ccc.interval(bounded=False)
        if min(low, ccc.mean - LUCKY / len(ccc.groups) ** 0.5) > 0:
            flags.append(
                f"trained on permuted targets, {key[2]} still reaches CCC {ccc.mean:.3f}: training and test share something"
            )
    return flags


def _warning(scored: Scored, flags: Sequence[str], metric: str) -> str:
    """Return the red flags as the verdict has them: in full where they concern the fusion it speaks of, else in short."""
    grave = _impossible(scored)
    weak: dict[RowKey, RowKey] = {}
    for flag, key in zip(flags, [key for key in _controls(scored) if _beaten(scored, key, metric)], strict=False):
        beaten = _beaten(scored, key, metric)
        plain = ("late_product" if "uar" in scored[key] else "late_mean", key[2])
        if SELECTED in beaten or SELECTED not in scored or any((other[0], other[2]) == plain for other in beaten):
            grave.append(flag)
        else:
            weak |= dict.fromkeys(beaten, key)
    sentences = [f" Red flag: {'; '.join(grave)}."] if grave else []
    if weak:
        best = best_of(scored, list(weak), metric)
        sentences.append(
            f" Red flag for {len(weak)} weaker fusion{'s' if len(weak) > 1 else ''}: a control does as well "
            f"({row_label(best)} {scored[best][metric].mean:.3f}, {row_label(weak[best])} "
            f"{scored[weak[best]][metric].mean:.3f})."
        )
    return "".join(sentences)


def verdict(
    scored: Scored,
    found: Sequence[dict[str, Any]],
    chosen: dict[RowKey, dict[str, RowKey]],
    flags: Sequence[str],
    metric: str,
    study: Study,
    corpus: Corpus,
    leaky: bool,
) -> str:
    """Return one sentence: whether fusion helped, by how much, how sure that is; then the red flags."""
    stamps = [
        text
        for text, holds in (
            ("synthetic data", corpus.info.synthetic),
            ("adaptive: unlabelled statistics of the test speakers were used", study.speaker_normalisation),
            ("leaky: training and test samples are not independent", leaky),
        )
        if holds
    ]
    stamp = f" ({'; '.join(stamps)})" if stamps else ""
    warning = _warning(scored, flags, metric)
    fusions = [key for key in scored if key[0] in (*FUSIONS, *CONTEXTS)]
    what = "fusion" if any(key[0] in FUSIONS for key in fusions) else "context"
    single = baseline(scored, metric)
    if single is None or not fusions:
        reason = "one modality only" if not fusions else "no single modality was run"
        contenders = [key for key in scored if key[0] in ("unimodal", *FUSIONS, *CONTEXTS)] or list(scored)
        best = best_of(scored, contenders, metric)
        reached = f"{row_label(best)} reaches {METRIC_LABELS[metric]} {scored[best][metric].mean:.3f}"
        return f"Nothing to compare ({reason}): {reached}{stamp}.{warning}"
    best = SELECTED if SELECTED in scored else best_of(scored, fusions, metric)
    item = next(item for item in found if _is(item, "a", best) and _is(item, "b", single))
    gain = -item["difference"] if metric in LOWER_IS_BETTER else item["difference"]
    numbers = (
        f"{_told(best, chosen)} {METRIC_LABELS[metric]} {scored[best][metric].mean:.3f} against "
        f"{scored[single][metric].mean:.3f} of {_told(single, chosen)} alone, difference {item['difference']:+.3f} "
        f"[{item['low']:+.3f}, {item['high']:+.3f}], p {shown_p(item['p_holm'])} after Holm"
    )
    if not (item["p_holm"] < 0.05 and (item["low"] > 0 or item["high"] < 0)):
        return f"No evidence that {what} helps: {numbers}{stamp}.{warning}"
    return f"{what.capitalize()} {'helps' if gain > 0 else 'hurts'}: {numbers}{stamp}.{warning}"


def row_label(key: RowKey) -> str:
    """Return what a row is called in a sentence."""
    if key[0] == "shuffled_modality":
        return f"shuffled {' and '.join(key[1])} ({key[2]})"
    what = " and ".join(key[1]) if key[0] in ("unimodal", "reference") else key[0].replace("_", " ")
    return what if key[2] in ("none", "nested", "given") and key[0] != "unimodal" else f"{what} ({key[2]})"


def shown_p(value: float) -> str:
    """Return a p value with its relation sign, as the field's journals print it."""
    return "< .001" if value < 0.001 else f"= {value:.3f}"


def _told(key: RowKey, chosen: dict[RowKey, dict[str, RowKey]]) -> str:
    """Return the name of a row; of one that every fold chose for itself, what they chose most."""
    if key not in chosen:
        return row_label(key)
    (most, count), *_ = Counter(chosen[key].values()).most_common()
    total = len(chosen[key])
    if total == 1:
        which = row_label(most)
    elif count == 1:
        which = f"another one in each of {total} folds"
    else:
        which = f"{row_label(most)} in {'all' if count == total else f'{count} of {total}'} folds"
    kind = "the fusion" if key[0] in CHOSEN else "the modality"
    return f"{kind} chosen on training rows ({which})"


def _is(comparison: dict[str, Any], side: str, key: RowKey) -> bool:
    found = (comparison[side], tuple(comparison[f"{side}_blocks"]), comparison[f"{side}_classifier"])
    return found == key


def _digits(value: float) -> float:
    return float(f"{value:.4g}")
