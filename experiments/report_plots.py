"""The figures of a report that need a drawing of their own: confusions, groups, calibration, ranks."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from .ranks import RankComparison
from .report_drawing import (
    DASHES,
    MARGIN,
    SMALL,
    TEXT,
    Drawing,
    Scale,
    clipped,
    spread,
    stamp,
    text_width,
    tick_label,
    ticks,
)

Array = npt.NDArray[np.float64]
STRIP, PLOT = 66.0, 430.0
MAX_NAMED = 8
RANK_STEP = 17.0


def matrix_chart(
    names: Sequence[str],
    shares: Sequence[Sequence[float]],
    *,
    label: str,
    title: str,
    stamps: Sequence[str] = (),
    beside: str = "true class",
    below: str = "answered class, % of the true class",
    joined: str = "answered as",
) -> str:
    """Draw a matrix of shares, such as a confusion matrix: rows are true classes, columns answers. Returns SVG.

    ``beside`` and ``below`` are written at the axes, ``joined`` between a row's name and a column's; a share that is NaN is
    left empty.
    """
    words = [clipped(name, 16) for name in names]
    count = len(names)
    cell = 46.0 if count <= 8 else max(22.0, 380 / count)
    gutter = max(text_width(name) for name in words) + 34
    turned = max(text_width(name, SMALL) for name in words) > cell - 4
    over = (max(text_width(name, SMALL) for name in words) * 0.72 + 14) if turned else 20.0
    top = 30 + over
    right = over if turned else 14.0
    width = max(gutter + cell * count + right, text_width(title) + 2 * MARGIN + 8)
    drawing = Drawing(width, top + cell * count + 28 + (16 if stamps else 0), label)
    drawing.text(MARGIN, 18, clipped(title, 60), bold=True)
    for number, name in enumerate(words):
        middle = (number + 0.5) * cell
        drawing.text(gutter - 8, top + middle + 4, name, anchor="end")
        place = (gutter + middle + 3, top - 7) if turned else (gutter + middle, top - 8)
        drawing.text(*place, name, size=SMALL, anchor="start" if turned else "middle", turned=-45 if turned else 0)
    for row, values in enumerate(shares):
        for column, share in enumerate(values):
            at = (gutter + column * cell, top + row * cell)
            drawing.rectangle(*at, cell - 2, cell - 2, colour="line", opacity=0.35)
            if np.isnan(share):
                continue
            drawing.rectangle(*at, cell - 2, cell - 2, colour="s0", opacity=share,
                              title=f"{names[row]} {joined} {names[column]}: {100 * share:.1f} %")  # fmt: skip
            drawing.text(at[0] + cell / 2 - 1, at[1] + cell / 2 + 3, f"{100 * share:.0f}", anchor="middle",
                         size=TEXT if cell > 30 else 9, colour="paper" if share > 0.5 else "ink",
                         bold=row == column)  # fmt: skip
    drawing.text(gutter + cell * count / 2, top + cell * count + 18, below, size=SMALL,
                 anchor="middle", colour="soft")  # fmt: skip
    drawing.text(13, top + cell * count / 2, beside, size=SMALL, anchor="middle", colour="soft", turned=-90)
    stamp(drawing, stamps)
    return drawing.svg()


def strip_chart(
    groups: Sequence[str],
    strategies: Sequence[tuple[str, Array]],
    worst: Sequence[int],
    *,
    label: str,
    axis: str,
    stamps: Sequence[str] = (),
) -> str:
    """Draw a metric of every group, a strip for each strategy.

    Parameters
    ----------
    groups : sequence of str
    strategies : sequence of (str, ndarray of shape (n_groups,))
        Name, and the metric of each group; NaN where it has none.
    worst : sequence of int
        The groups that are marked in every strip and, up to eight, named above the first.
    label, axis : str
    stamps : sequence of str

    Returns
    -------
    str
        SVG.
    """
    gutter = max(text_width(clipped(name)) for name, _ in strategies) + MARGIN + 12
    top = 44.0
    bottom = top + STRIP * len(strategies)
    drawing = Drawing(gutter + PLOT + 30, bottom + 62 + (16 if stamps else 0), label)
    values = np.concatenate([found for _, found in strategies])
    low, high = float(np.nanmin(values)), float(np.nanmax(values))
    room = 0.04 * (high - low) or 0.05
    x = Scale(low - room, high + room, gutter, PLOT)
    every = ticks(low - room, high + room)
    for value in every:
        drawing.line(x(value), top, x(value), bottom, colour="line")
        drawing.text(x(value), bottom + 16, tick_label(value, every), size=SMALL, anchor="middle", colour="soft")
    drawing.line(gutter, bottom, gutter + PLOT, bottom, colour="soft")
    drawing.text(gutter + PLOT / 2, bottom + 34, axis, anchor="middle")
    for number, (name, found) in enumerate(strategies):
        middle = top + STRIP * (number + 0.5)
        if number:
            drawing.line(MARGIN, middle - STRIP / 2, gutter + PLOT, middle - STRIP / 2, colour="line")
        drawing.text(gutter - 12, middle + 4, clipped(name), anchor="end")
        centre = float(np.nanmean(found))
        heights = _swarm(np.array([x(value) for value in found]))
        for group in sorted(range(len(found)), key=lambda group: group in worst):
            if np.isnan(found[group]):
                continue
            bad = group in worst
            title = f"{groups[group]}: {found[group]:.3f}"
            drawing.mark(x(found[group]), middle + heights[group], 1 if bad else 5, size=3.9 if bad else 3.2, hollow=not bad,
                         title=title)  # fmt: skip
        drawing.line(x(centre), middle - 22, x(centre), middle + 22, colour="ink", width=2)
    first = strategies[0][1]
    named = [group for group in worst if not np.isnan(first[group])][:MAX_NAMED]
    words = [clipped(groups[group], 14) for group in named]
    gap = max((text_width(name, SMALL) for name in words), default=0) + 8
    places = spread([x(first[group]) for group in named], gap, gutter + gap / 2, gutter + PLOT - gap / 2)
    for group, name, place in zip(named, words, places, strict=True):
        drawing.text(place, 16, name, size=SMALL, anchor="middle", colour="alarm")
        drawing.line(place, 20, x(first[group]), top + STRIP / 2 - 20, colour="soft", width=0.7)
    drawing.mark(MARGIN + 6, bottom + 50, 1, size=3.9)
    drawing.text(MARGIN + 16, bottom + 54, "worst tenth in the first strip", size=SMALL, colour="soft")
    after = MARGIN + 16 + text_width("worst tenth in the first strip", SMALL) + 18
    drawing.line(after, bottom + 44, after, bottom + 56, width=2)
    drawing.text(after + 8, bottom + 54, "mean of the groups", size=SMALL, colour="soft")
    stamp(drawing, stamps)
    return drawing.svg()


def reliability_chart(
    strategies: Sequence[tuple[str, Array, Array, Array]], *, label: str, stamps: Sequence[str] = ()
) -> str:
    """Draw how often answers of some confidence are right, above how often that confidence is given.

    Parameters
    ----------
    strategies : sequence of (str, ndarray, ndarray, ndarray), each of shape (n_bins,)
        Name; mean confidence, share of right answers (both NaN in empty bins) and number of answers of each bin.
    label : str
    stamps : sequence of str

    Returns
    -------
    str
        SVG.

    Notes
    -----
    The area of a mark follows the number of answers in its bin [1]_.

    References
    ----------
    .. [1] Guo, Pleiss, Sun and Weinberger (2017), On calibration of modern neural networks, ICML.
    """
    left, side, under = 58.0, 270.0, 56.0
    drawing = Drawing(left + side + 22, 0, label)
    top = 12 + drawing.key(MARGIN, 18, [name for name, *_ in strategies], dashes=True, room=left + side)
    drawing.height = top + side + 14 + under + 44 + (16 if stamps else 0)
    x, y = Scale(0, 1, left, side), Scale(1, 0, top, side)
    base = top + side + 14 + under
    every = [0.0, 0.2, 0.4, 0.6, 0.8, 1.0]
    for value in every:
        for a, b in (((left, y(value)), (left + side, y(value))), ((x(value), top), (x(value), top + side))):
            drawing.line(*a, *b, colour="line")
        drawing.text(left - 8, y(value) + 4, tick_label(value, every), size=SMALL, anchor="end", colour="soft")
        drawing.text(x(value), base + 16, tick_label(value, every), size=SMALL, anchor="middle", colour="soft")
    drawing.line(x(0), y(0), x(1), y(1), colour="soft", dash="4 3")
    for number, (_, confidence, right, counts) in enumerate(strategies):
        full = np.flatnonzero(counts > 0)
        points = [(x(float(confidence[bin_])), y(float(right[bin_]))) for bin_ in full]
        drawing.polyline(points, colour=f"s{number}", width=1.5, dash=DASHES[number])
        for bin_, point in zip(full, points, strict=True):
            size = 2.2 + 5.0 * float(np.sqrt(counts[bin_] / counts.max()))
            drawing.mark(*point, number, size=size, title=f"{int(counts[bin_])} answers, {right[bin_]:.2f} right")
    most = max(float((counts / counts.sum()).max()) for *_, counts in strategies)
    wide = side / len(strategies[0][3])
    for number, (*_, counts) in enumerate(strategies):
        each = (wide - 3) / len(strategies)
        for place, share in enumerate(counts / counts.sum()):
            tall = under * float(share) / most
            drawing.rectangle(left + place * wide + 1.5 + number * each, base - tall, each, tall, colour=f"s{number}")
    drawing.line(left, base, left + side, base, colour="soft")
    drawing.text(left - 8, base - under / 2 + 4, "share", size=SMALL, anchor="end", colour="soft")
    drawing.text(left + side / 2, base + 34, "confidence (highest probability)", anchor="middle")
    drawing.text(14, top + side / 2, "share of right answers", anchor="middle", turned=-90)
    stamp(drawing, stamps)
    return drawing.svg()


def rank_chart(compared: RankComparison, *, label: str, stamps: Sequence[str] = ()) -> str:
    """Draw a critical-difference diagram [1]_: average ranks, and bars over what cannot be told apart. Returns SVG.

    References
    ----------
    .. [1] Demšar (2006), Statistical comparisons of classifiers over multiple data sets, JMLR 7.
    """
    names, ranks, critical = compared.strategies, compared.average_ranks, compared.critical_difference
    half = (len(names) + 1) // 2
    gutter = max(text_width(clipped(name)) for name in names) + 52
    side, top = 330.0, 66.0
    below = top + 14 + 9 * len(compared.groups)
    drawing = Drawing(2 * gutter + side, below + RANK_STEP * half + 18 + (16 if stamps else 0), label)
    x = Scale(1, len(names), gutter, side)
    end = min(x(1 + critical), x(len(names)))
    drawing.line(x(1), 24, end, 24, width=1.6)
    for place in (x(1), end) if critical <= len(names) - 1 else (x(1),):
        drawing.line(place, 20, place, 28, width=1.2)
    words = f"critical difference {critical:.2f}{'' if critical <= len(names) - 1 else ', wider than the axis'}"
    drawing.text(x(1), 14, words, size=SMALL)
    drawing.line(x(1), top, x(len(names)), top)
    for rank in ticks(1, len(names), min(len(names) - 1, 8)):
        drawing.line(x(rank), top - 5, x(rank), top)
        drawing.text(x(rank), top - 9, f"{rank:g}", size=SMALL, anchor="middle", colour="soft")
    for number, group in enumerate(compared.groups):
        places = [x(ranks[names.index(name)]) for name in group]
        y = top + 10 + 9 * number
        drawing.line(min(places) - 4, y, max(places) + 4, y, width=4)
    for place, name in enumerate(names):
        left = place < half
        y = below + RANK_STEP * ((place if left else len(names) - 1 - place) + 0.6)
        at, edge = x(ranks[place]), gutter - 8 if left else gutter + side + 8
        drawing.line(at, top, at, y, width=0.9, colour="soft")
        drawing.line(at, y, edge, y, width=0.9, colour="soft")
        words = f"{clipped(name)}  {ranks[place]:.2f}"
        drawing.text(edge + (-5 if left else 5), y + 4, words, anchor="end" if left else "start", size=TEXT)
    stamp(drawing, stamps)
    return drawing.svg()


def _swarm(places: Array, size: float = 3.4) -> Array:
    """Return how far marks at these places move off the line so that none hides another, as far as a strip allows."""
    heights = np.zeros(len(places))
    taken: list[tuple[float, float]] = []
    steps = [0.0] + [sign * level * size for level in range(1, 8) for sign in (-1, 1)]
    for number in np.argsort(places, kind="stable"):
        if np.isnan(places[number]):
            continue
        near = [other for other in taken if abs(other[0] - places[number]) < 2 * size]
        free = [h for h in steps if all((h - b) ** 2 + (places[number] - a) ** 2 >= (1.9 * size) ** 2 for a, b in near)]
        heights[number] = free[0] if free else steps[int(number) % len(steps)]
        taken.append((float(places[number]), float(heights[number])))
    return heights
