"""The charts of an exploration: counts in cells, distributions by class, clouds of points."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from .report_drawing import (
    COLOURS,
    CORNERS,
    MARGIN,
    N_SERIES,
    SHAPES,
    SMALL,
    TEXT,
    Drawing,
    Scale,
    clipped,
    stamp,
    text_width,
    tick_label,
    ticks,
)

Array = npt.NDArray[np.float64]
CELL_HEIGHT, WIDE, RIDGE = 21.0, 328.0, 25.0
GRID = 64  # points at which a density is drawn
MOST_IN_DENSITY = 1500
MOST_INK = 0.62  # opacity of a cell: words on it stay legible on light and on dark paper
CUT = 0.005  # share of the values on each side that a distribution is drawn without
SIDE = 400.0
DOT = 2.4
LINE = 13.0  # from one name in a cloud to the next
ROUNDS = 6  # classes take turns at being drawn, so that none covers the others


def heat_chart(
    rows: Sequence[str],
    columns: Sequence[str],
    values: Sequence[Sequence[float | None]],
    *,
    label: str,
    signed: bool = False,
    axes: tuple[str, str] = ("", ""),
    stamps: Sequence[str] = (),
) -> str:
    """Draw a table of counts, or of signed values, as cells: the darker, the farther from zero. Returns SVG.

    Parameters
    ----------
    rows, columns : sequence of str
    values : sequence of sequences
        A row each; None is left empty.
    label : str
        What the figure shows, for those who do not see it.
    signed : bool, default=False
        Values with two decimals, negative ones in another colour, in place of whole numbers.
    axes : (str, str)
        Names of the rows and of the columns.
    stamps : sequence of str
    """
    texts = [[_cell(value, signed) for value in row] for row in values]
    cell = max([30.0, *(text_width(text, SMALL) + 10 for row in texts for text in row)])
    row_names, column_names = [clipped(name, 38) for name in rows], [clipped(name, 28) for name in columns]
    widest = max(text_width(name, SMALL) for name in column_names)
    if widest > cell - 4 and widest < 64:
        cell = widest + 6
    turned = widest > cell - 4
    over = 26.0 + (0.72 * widest if turned else 0.0)
    gutter = max(text_width(name) for name in row_names) + MARGIN + 10
    width = gutter + cell * len(columns) + (0.72 * widest if turned else 0.0) + MARGIN
    height = over + CELL_HEIGHT * len(rows) + 26 + (16 if stamps else 0)
    words = " · ".join(filter(None, (axes[0] and f"rows: {axes[0]}", axes[1] and f"columns: {axes[1]}")))
    drawing = Drawing(max(width, 2 * MARGIN + text_width(words, SMALL)), height, label)
    for number, name in enumerate(column_names):
        middle = gutter + (number + 0.5) * cell
        drawing.text(middle + (2 if turned else 0), over - 7, name, size=SMALL, anchor="start" if turned else "middle",
                     turned=-45 if turned else 0)  # fmt: skip
    most = max([abs(value) for row in values for value in row if value is not None] + [1e-9])
    for number, (name, row) in enumerate(zip(row_names, values, strict=True)):
        top = over + number * CELL_HEIGHT
        drawing.text(gutter - 8, top + 15, name, anchor="end")
        for place, value in enumerate(row):
            at = gutter + place * cell
            drawing.rectangle(at, top, cell - 2, CELL_HEIGHT - 2, colour="line", opacity=0.35)
            if value is None:
                continue
            share = min(1.0, abs(value) / most) ** (
                1.0 if signed else 0.5
            )  # small counts among large ones stay visible
            title = f"{rows[number]}, {columns[place]}: {texts[number][place]}"
            drawing.rectangle(at, top, cell - 2, CELL_HEIGHT - 2, colour="s1" if value < 0 else "s0", opacity=MOST_INK * share,
                              title=title)  # fmt: skip
            drawing.text(at + cell / 2 - 1, top + 14, texts[number][place], size=SMALL, anchor="middle")
    drawing.text(MARGIN, over + CELL_HEIGHT * len(rows) + 16, words, size=SMALL, colour="soft")
    stamp(drawing, stamps)
    return drawing.svg()


def ridge_chart(
    parts: Sequence[tuple[str, Array]], *, label: str, title: str, axis: str, stamps: Sequence[str] = ()
) -> str:
    """Draw the distribution of a value in each class: a density with its median and quartiles. Returns SVG.

    Parameters
    ----------
    parts : sequence of (str, ndarray)
        Name and values of each class.
    label, title, axis : str
    stamps : sequence of str

    Notes
    -----
    Gaussian kernels of Silverman's (1986, Density estimation for statistics and data analysis) width; every density is drawn
    as high as the others, and the outermost half per cent on either side is not drawn.
    """
    names = [clipped(name, 18) for name, _ in parts]
    gutter = max([text_width(name) for name in names] + [40.0]) + MARGIN + 8
    top, tall = 30.0, RIDGE * len(parts)
    title = clipped(title, 42)
    wide = max(WIDE - gutter - 18, text_width(title, TEXT) + 2 * MARGIN - gutter)
    drawing = Drawing(gutter + wide + 18, top + tall + 46 + (16 if stamps else 0), label)
    drawing.text(MARGIN, 17, title, bold=True)
    everything = np.concatenate([values for _, values in parts])
    low, high = (float(end) for end in np.quantile(everything, [CUT, 1 - CUT]))
    if high <= low:
        low, high = float(everything.min()) - 0.5, float(everything.max()) + 0.5
    x = Scale(low, high, gutter, wide)
    every = ticks(low, high, 4)
    shown = -np.inf
    for value in every:
        drawing.line(x(value), top, x(value), top + tall, colour="line")
        words = _tick(value, every)
        if x(value) - text_width(words, SMALL) / 2 > shown:
            drawing.text(x(value), top + tall + 15, words, size=SMALL, anchor="middle", colour="soft")
            shown = x(value) + text_width(words, SMALL) / 2 + 4
    drawing.line(gutter, top + tall, gutter + wide, top + tall, colour="soft")
    drawing.text(gutter + wide / 2, top + tall + 33, clipped(axis, 40), size=SMALL, anchor="middle")
    grid = np.linspace(low, high, GRID)
    curves = [_density(values, grid, seed) for seed, (_, values) in enumerate(parts)]
    for number, (name, (_, values), curve) in enumerate(zip(names, parts, curves, strict=True)):
        base = top + RIDGE * (number + 1) - 4
        drawing.text(gutter - 8, base - 5, name, anchor="end")
        drawing.line(gutter, base, gutter + wide, base, colour="line")
        if not len(values):
            continue
        if curve is not None:
            up = base - (RIDGE - 6) * curve / max(float(curve.max()), 1e-30)
            outline = [(x(at), y) for at, y in zip(grid.tolist(), up.tolist(), strict=True)]
            drawing.area([(x(low), base), *outline, (x(high), base)], colour="s0", opacity=0.35)
            drawing.polyline(outline, colour="s0", width=1.1)
        q25, median, q75 = (min(max(float(q), low), high) for q in np.quantile(values, [0.25, 0.5, 0.75]))
        drawing.rectangle(x(q25), base - 3, max(1.0, x(q75) - x(q25)), 3, colour="ink")
        drawing.line(x(median), base - 9, x(median), base + 2, colour="s1", width=2.2)
    stamp(drawing, stamps)
    return drawing.svg()


def histogram_chart(
    values: Array, *, label: str, axis: str, things: str, powers: bool = False, stamps: Sequence[str] = ()
) -> str:
    """Draw how many things have which value; ``powers``: on an axis of powers of ten. Returns SVG."""
    values = np.log10(values) if powers else values
    whole = not powers and bool((values == values.round()).all())
    edges = np.histogram_bin_edges(values, bins=min(30, max(5, round(2 * len(values) ** (1 / 3)))))
    if whole:
        step = max(1, round((values.max() - values.min() + 1) / 30 + 0.499))
        edges = np.arange(values.min() - 0.5, values.max() + step + 0.5, step)
    counts, edges = np.histogram(values, bins=edges)
    left, top, wide, tall = 58.0, 14.0, 330.0, 150.0
    drawing = Drawing(left + wide + 18, top + tall + 48 + (16 if stamps else 0), label)
    x, y = Scale(float(edges[0]), float(edges[-1]), left, wide), Scale(float(counts.max()), 0.0, top, tall)
    every = [value for value in ticks(0.0, float(counts.max()), 4) if value == round(value)]
    for value in every:
        drawing.line(left, y(value), left + wide, y(value), colour="line")
        drawing.text(left - 7, y(value) + 4, _tick(value, every), size=SMALL, anchor="end", colour="soft")
    for count, start, end in zip(counts.tolist(), edges[:-1].tolist(), edges[1:].tolist(), strict=True):
        if count:
            drawing.rectangle(x(start) + 0.5, y(count), max(1.0, x(end) - x(start) - 1), y(0) - y(count), colour="s0",
                              title=f"{start:.3g} to {end:.3g}: {count}")  # fmt: skip
    drawing.line(left, top + tall, left + wide, top + tall, colour="soft")
    every = ticks(float(edges[0]), float(edges[-1]))
    named = [(value, _tick(value, every)) for value in every]
    if powers:
        round_ones = [
            (np.log10(digit * 10.0**power), f"{digit * 10.0**power:g}") for power in range(9) for digit in (1, 3)
        ]
        named = [(value, words) for value, words in round_ones if edges[0] <= value <= edges[-1]]
    for value, words in named:
        drawing.text(x(value), top + tall + 15, words, size=SMALL, anchor="middle", colour="soft")
    drawing.text(left + wide / 2, top + tall + 33, axis, size=SMALL, anchor="middle")
    drawing.text(13, top + tall / 2, things, size=SMALL, anchor="middle", turned=-90)
    stamp(drawing, stamps)
    return drawing.svg()


def cloud_chart(
    points: Array,
    series: Sequence[int],
    names: Sequence[str],
    *,
    label: str,
    title: str,
    axes: tuple[str, str],
    rest: str = "",
    named: bool = True,
    stamps: Sequence[str] = (),
) -> str:
    """Draw samples on two axes, a mark for each series, and the name of each series at its middle. Returns SVG.

    Parameters
    ----------
    points : ndarray of shape (n_samples, 2)
    series : sequence of int
        Which series each point is of; -1 for the ``rest``, which is drawn pale and first.
    names : sequence of str
        Of the series; from the seventh on colours come again with other shapes.
    label, title : str
    axes : (str, str)
    rest : str
        What the rest is called.
    named : bool, default=True
        Whether names stand in the cloud too.
    stamps : sequence of str
    """
    left, top = 26.0, 30.0
    drawing = _Cloud(left + SIDE + 16, 0, label)
    drawing.text(MARGIN, 17, clipped(title, 52), bold=True)
    codes = np.asarray(series)
    ends = [_reach(points[:, axis]) for axis in (0, 1)]
    x, y = Scale(*ends[0], left, SIDE), Scale(ends[1][1], ends[1][0], top, SIDE)
    drawing.rectangle(left, top, SIDE, SIDE, colour="line", opacity=0.25)
    if ends[0][0] < 0 < ends[0][1]:
        drawing.line(x(0), top, x(0), top + SIDE, colour="line")
    if ends[1][0] < 0 < ends[1][1]:
        drawing.line(left, y(0), left + SIDE, y(0), colour="line")
    clipped_points = np.column_stack([points[:, axis].clip(*ends[axis]) for axis in (0, 1)])
    drawn = np.column_stack(
        [[x(value) for value in clipped_points[:, 0]], [y(value) for value in clipped_points[:, 1]]]
    )
    drawing.marks(drawn[codes < 0], -1)
    for turn in range(ROUNDS):
        for number in range(len(names)):
            drawing.marks(drawn[codes == number][turn::ROUNDS], number)
    if named:
        middles = [
            (drawn[codes == number].mean(axis=0), name) for number, name in enumerate(names) if (codes == number).any()
        ]
        taken: list[tuple[float, float, float]] = []
        for (at, up), name in sorted(middles, key=lambda item: float(item[0][1])):
            words = clipped(name, 14)
            wide = text_width(words, SMALL) + 6
            start, place = min(max(float(at) - wide / 2, left), left + SIDE - wide), float(up)
            for x1, x2, height in sorted(taken, key=lambda name: name[2]):  # downwards, so that one pass is enough
                if x1 < start + wide and start < x2 and abs(height - place) < LINE:
                    place = height + LINE
            taken.append((start, start + wide, place))
            if place > top + SIDE:
                continue  # the key names it
            drawing.rectangle(start, place - 9, wide, LINE, colour="paper", opacity=0.8)
            drawing.text(start + wide / 2, place + 1, words, size=SMALL, anchor="middle", bold=True)
    drawing.text(left + SIDE / 2, top + SIDE + 15, axes[0], size=SMALL, anchor="middle")
    drawing.text(17, top + SIDE / 2, axes[1], size=SMALL, anchor="middle", turned=-90)
    below = top + SIDE + 36
    start, line = MARGIN, below
    for number, name in [*enumerate(names), *([(-1, rest)] if rest else [])]:
        words = clipped(name, 22)
        if start > MARGIN and start + 16 + text_width(words, SMALL) > left + SIDE:
            start, line = MARGIN, line + 16
        drawing.marks(np.array([[start + 5, line - 4]]), number, size=3.4)
        drawing.text(start + 14, line, words, size=SMALL)
        start += 14 + text_width(words, SMALL) + 14
    drawing.height = line + 12 + (16 if stamps else 0)
    stamp(drawing, stamps)
    return drawing.svg()


class _Cloud(Drawing):
    """A drawing with many marks: one path holds all of a series, a tenth of what an element for each would take."""

    def marks(self, points: Array, series: int, size: float = DOT) -> None:
        """Draw the mark of a series at each point, of a radius in pixels; the rest's (-1) is small and pale."""
        if not len(points):
            return
        colour = "s5" if series < 0 else f"s{series % N_SERIES}"
        shape = "circle" if series < N_SERIES else SHAPES[1 + (series // N_SERIES - 1 + series % N_SERIES) % 4]
        if shape == "circle":
            path = "".join(f"M{x:.1f} {y:.1f}h0" for x, y in points.tolist())
            width = 2 * (size * 0.75 if series < 0 else size)
            paint = f'class="k-{colour}" stroke="{COLOURS[colour]}" stroke-width="{width:.1f}" stroke-linecap="round"'
            self._parts.append(f'<path d="{path}" {paint} fill="none" stroke-opacity="{0.35 if series < 0 else 0.7}"/>')
            return
        reach, corners = CORNERS[shape]
        size *= 1.2
        steps = np.diff(np.array([*corners, corners[0]]), axis=0) * size * reach
        outline = "".join(f"l{dx:.1f} {dy:.1f}" for dx, dy in steps[:-1].tolist()) + "z"
        first = np.array(corners[0]) * size * reach
        path = "".join(f"M{x:.1f} {y:.1f}{outline}" for x, y in (points + first).tolist())
        self._parts.append(f'<path d="{path}" class="f-{colour}" fill="{COLOURS[colour]}" fill-opacity="0.75"/>')


def _density(values: Array, grid: Array, seed: int) -> Array | None:
    """Return the density of values at the points of a grid; None where they hardly vary."""
    if len(values) > MOST_IN_DENSITY:
        values = np.random.default_rng(seed).choice(values, MOST_IN_DENSITY, replace=False)
    if len(values) < 3:
        return None
    q25, q75 = np.quantile(values, [0.25, 0.75])
    spread = min(float(values.std(ddof=1)), float(q75 - q25) / 1.34) or float(values.std(ddof=1))
    width = max(0.9 * spread * len(values) ** -0.2, float(grid[-1] - grid[0]) / GRID / 2)
    curve = np.exp(-0.5 * np.square((grid[:, None] - values) / width)).sum(axis=1) / (len(values) * width)
    return np.asarray(curve)


def _reach(values: Array) -> tuple[float, float]:
    low, high = (float(end) for end in np.quantile(values, [CUT, 1 - CUT]))
    room = 0.06 * (high - low) or 0.5
    return low - room, high + room


def _cell(value: float | None, signed: bool) -> str:
    if value is None:
        return ""
    return f"{value:+.2f}".replace("-", "−") if signed else f"{value:.0f}"


def _tick(value: float, every: Sequence[float]) -> str:
    if value and not 1e-3 <= abs(value) < 1e5:
        return f"{value:.0e}".replace("e-0", "e-").replace("e+0", "e").replace("-", "−")
    return tick_label(value, every)
