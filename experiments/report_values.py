"""The sections of a report that are of numbers in place of classes: answers against the truth, and group by group.

Each function returns a section, or None where the run answers with classes.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from .report_answers import group_section
from .report_data import LoadedRun, ValueAnswers, full_name, main_rows, stamps, values_of
from .report_drawing import MARGIN, SMALL, Drawing, Scale, clipped, stamp, text_width, tick_label, ticks
from .report_tables import Column, Figure, Row, Section, Table
from .value_metrics import moments, value_metrics_of

Array = npt.NDArray[np.float64]
MOST_DRAWN = 1200
SIDE = 300.0
N_PARTS = 10


def values(run: LoadedRun) -> Section | None:
    """Return the answers against the true values, and how far they lie off on the whole."""
    found = [(full_name(row), values_of(run, row)) for row in main_rows(run)]
    answered = [(name, item) for name, item in found if item is not None]
    if not answered:
        return None
    marks, target = tuple(stamps(run.results)), str(run.results["labels"]["column"])
    # One scale for all, so that they can be compared by eye.
    everything = np.concatenate([np.concatenate([item.truth, item.answers]) for _, item in answered[:2]])
    low, high = float(everything.min()), float(everything.max())
    figures = []
    for place, (name, item) in enumerate(answered[:2]):
        chart = scatter_chart(item.truth, item.answers, (low, high), title=name, axis=target, stamps=marks)
        some = (
            f"{MOST_DRAWN} of {len(item.truth)} tested samples"
            if len(item.truth) > MOST_DRAWN
            else "all tested samples"
        )
        caption = (
            f"{name}: the answer against the true {target}, {some}. On the dashed line answers are right; squares are the "
            f"mean answers in up to {N_PARTS} equal parts of the truth."
        )
        figures.append(Figure(f"values-{place + 1}", caption, chart, marks))
    rows = [Row((name, *_spread(item))) for name, item in answered]
    columns = (
        Column("strategy"),
        *(Column(name, "number") for name in ("mean error", "sd of answers", "sd of truth", "slope")),
    )
    caption = (
        "How the answers lie: their mean error, their spread beside that of the truth, and the slope of the truth on them "
        "(1 where a unit of the answer is worth a unit)."
    )
    return Section(
        "values", "Answers against the truth", (*figures, Table("values", caption, columns, tuple(rows), marks))
    )


def value_groups(run: LoadedRun) -> Section | None:
    """Return the metric of every group for the main strategies, the worst tenth marked."""
    return group_section(run, values_of, _by_group)


def scatter_chart(
    truth: Array, answers: Array, ends: tuple[float, float], *, title: str, axis: str, stamps: Sequence[str] = ()
) -> str:
    """Draw answers against the truth, a mark each, and the mean answers along it. Returns SVG.

    Parameters
    ----------
    truth, answers : ndarray of shape (n_samples,)
        Of more than 1,200 that many are drawn, at random.
    ends : (float, float)
        Of both axes.
    title, axis : str
        Of the strategy; of what is predicted.
    stamps : sequence of str
    """
    left, top = 64.0, 34.0
    width = max(left + SIDE + 20, text_width(clipped(title, 60)) + 2 * MARGIN)
    drawing = Drawing(width, top + SIDE + 48 + (16 if stamps else 0), f"{title}: answers against the true {axis}")
    drawing.text(MARGIN, 18, clipped(title, 60), bold=True)
    room = 0.04 * (ends[1] - ends[0]) or 0.5
    low, high = ends[0] - room, ends[1] + room
    x, y = Scale(low, high, left, SIDE), Scale(high, low, top, SIDE)
    every = ticks(low, high)
    for value in every:
        drawing.line(x(value), top, x(value), top + SIDE, colour="line")
        drawing.line(left, y(value), left + SIDE, y(value), colour="line")
        drawing.text(x(value), top + SIDE + 16, tick_label(value, every), size=SMALL, anchor="middle", colour="soft")
        drawing.text(left - 8, y(value) + 4, tick_label(value, every), size=SMALL, anchor="end", colour="soft")
    drawing.line(x(low), y(low), x(high), y(high), colour="soft", dash="4 3")
    rows = np.arange(len(truth))
    if len(rows) > MOST_DRAWN:
        rows = np.random.default_rng(0).choice(rows, MOST_DRAWN, replace=False)
    for row in rows:
        drawing.mark(x(float(truth[row])), y(float(answers[row])), 5, size=1.8)
    means = [(float(truth[part].mean()), float(answers[part].mean())) for part in _parts(truth)]
    places = [(x(a), y(b)) for a, b in means]
    drawing.polyline(places, colour="s1", width=1.5)
    for place, (a, b) in zip(places, means, strict=True):
        drawing.mark(*place, 1, size=4.2, title=f"truth {a:.3g}, mean answer {b:.3g}")
    drawing.text(left + SIDE / 2, top + SIDE + 36, f"true {clipped(axis)}", anchor="middle")
    drawing.text(14, top + SIDE / 2, "answer", anchor="middle", turned=-90)
    stamp(drawing, stamps)
    return drawing.svg()


def _parts(truth: Array) -> list[npt.NDArray[np.intp]]:
    """Return the rows of ten parts of the truth as equal as equal values let them be."""
    edges = np.unique(np.quantile(truth, np.linspace(0, 1, N_PARTS + 1)[1:-1]))
    codes = np.searchsorted(edges, truth, side="left")
    return [np.flatnonzero(codes == code) for code in np.unique(codes)]


def _spread(found: ValueAnswers) -> tuple[float | None, ...]:
    error = float((found.answers - found.truth).mean())
    spread = float(found.answers.std())
    slope = float(np.cov(found.answers, found.truth, bias=True)[0, 1]) / spread**2 if spread > 1e-12 else None
    return error, spread, float(found.truth.std()), slope


def _by_group(found: ValueAnswers, of: npt.NDArray[np.object_], names: npt.NDArray[np.str_], metric: str) -> Array:
    """Return a metric within each group; none of a single sample, which has no spread to agree with."""
    known, codes = np.unique(of.astype(str), return_inverse=True)
    own = value_metrics_of(moments(found.truth, found.answers, codes, centre=float(found.truth.mean())))[metric]
    values = np.full(len(names), np.nan)
    values[np.searchsorted(names, known)] = np.where(np.bincount(codes) > 1, own, np.nan)
    return values
