"""The charts that most figures of a report are: dots with intervals, lines, bars, and a matrix of shares."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from .report_drawing import (
    DASHES,
    MARGIN,
    N_SERIES,
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

ROW, HEADING, DODGE = 21.0, 30.0, 11.0
PLOT = 330.0


@dataclass(frozen=True)
class Dot:
    """A value with its 95 % interval (none where ``low`` is None); ``series`` gives colour and shape."""

    mean: float
    low: float | None = None
    high: float | None = None
    series: int = 0
    hollow: bool = False


@dataclass(frozen=True)
class DotRow:
    """A row of dots; ``texts`` stand right of the plot, ``heading`` above the row sets it apart."""

    label: str
    dots: tuple[Dot, ...]
    texts: tuple[str, ...] = ()
    heading: str = ""


@dataclass(frozen=True)
class Line:
    """A line of a line chart: points (x, y), with the ends of their intervals where ``bands`` has them."""

    name: str
    points: tuple[tuple[float, float], ...]
    series: int = 0
    bands: tuple[tuple[float, float], ...] = ()
    marked: bool = True


def dot_chart(
    rows: Sequence[DotRow],
    *,
    label: str,
    axis: str,
    columns: Sequence[str] = (),
    names: Sequence[str] = (),
    references: Sequence[tuple[float, str]] = (),
    directions: tuple[str, str] | None = None,
    bars: bool = False,
    stamps: Sequence[str] = (),
) -> str:
    """Draw values with their intervals, a row each: what a forest plot is.

    Parameters
    ----------
    rows : sequence of DotRow
    label : str
        What the figure shows, for those who do not see it.
    axis : str
        Name of the values.
    columns : sequence of str
        Headings of the texts right of the plot.
    names : sequence of str
        Of the series; a key is drawn where there are two or more.
    references : sequence of (float, str)
        Values with a name: chance, no difference.
    directions : (str, str), optional
        What lies left and right of the first reference.
    bars : bool, default=False
        Draw a bar from zero to each value; without it the axis need not hold zero.
    stamps : sequence of str
        Words that go with every number.

    Returns
    -------
    str
        SVG.
    """
    gutter = min(340.0, max([text_width(clipped(row.label)) for row in rows] + [60.0])) + MARGIN + 12
    widths = [
        max(text_width(words) for words in (name, *(row.texts[number] for row in rows if row.texts))) + 14
        for number, name in enumerate(columns)
    ]
    width = gutter + PLOT + 18 + sum(widths)
    if len(names) > 1:
        width = max(width, min(700.0, MARGIN + sum(46 + text_width(clipped(name)) for name in names)))
    tall = [ROW if len(row.dots) < 2 else DODGE * len(row.dots) + 12 for row in rows]
    body = sum(tall) + HEADING * sum(bool(row.heading) for row in rows)
    top = (26.0 if len(names) > 1 else 0.0) + (24.0 if columns or references else 8.0)
    drawing = Drawing(width, top + body + 44 + (16 if directions else 0) + (16 if stamps else 0), label)
    offset = drawing.key(MARGIN, 18, names, room=width - 2 * MARGIN) - 18 if len(names) > 1 else 0.0
    drawing.height += offset
    top += offset
    low, high = _range([dot for row in rows for dot in row.dots], [value for value, _ in references], bars)
    x = Scale(low, high, gutter, PLOT)
    bottom = top + body
    _frame(drawing, x, ticks(low, high), gutter, top, bottom, axis)
    if references:
        places = spread([x(value) for value, _ in references], 74, gutter, gutter + PLOT)
        for (value, name), place in zip(references, places, strict=True):
            drawing.line(
                x(value), top - 4, x(value), bottom, colour="soft", width=1.2, dash="" if value == 0 else "4 3"
            )
            drawing.text(place, top - 9, name, size=SMALL, anchor="middle", colour="soft")
    if directions:
        middle = x(references[0][0]) if references else x(0)
        for number, (words, reach) in enumerate(
            zip(directions, (middle - gutter, gutter + PLOT - middle), strict=True)
        ):
            if text_width(words, SMALL) < reach - 8:
                place = middle + (12 if number else -12)
                drawing.text(place, bottom + 50, words, size=SMALL, anchor="start" if number else "end", colour="soft")
    left = gutter + PLOT + 18
    for name, wide in zip(columns, widths, strict=True):
        drawing.text(left + wide - 14, top - 9, name, size=SMALL, anchor="end", colour="soft")
        left += wide
    y = top
    for row, height in zip(rows, tall, strict=True):
        if row.heading:
            y += HEADING
            drawing.rectangle(MARGIN, y - 18, text_width(row.heading, SMALL) + 6, 14, colour="paper")
            drawing.text(MARGIN, y - 8, row.heading, size=SMALL, bold=True)
            drawing.line(MARGIN, y - 2, width - MARGIN, y - 2, colour="line")
        if y > top and len(row.dots) > 1 and not row.heading:
            drawing.line(MARGIN, y, gutter + PLOT, y, colour="line")
        _dots(drawing, row, x, y + height / 2, bars)
        drawing.text(gutter - 12, y + height / 2 + 4, clipped(row.label), anchor="end")
        left = gutter + PLOT + 18
        for words, wide in zip(row.texts, widths, strict=False):
            drawing.text(left + wide - 14, y + height / 2 + 4, words, anchor="end")
            left += wide
        y += height
    stamp(drawing, stamps)
    return drawing.svg()


def line_chart(
    lines: Sequence[Line],
    *,
    label: str,
    x_axis: str,
    y_axis: str,
    x_ticks: Sequence[tuple[float, str]],
    y_range: tuple[float, float] | None = None,
    references: Sequence[tuple[float, str]] = (),
    stamps: Sequence[str] = (),
    size: tuple[float, float] = (350.0, 230.0),
) -> str:
    """Draw lines through points, each named at its right end; ``references`` are named heights. Returns SVG."""
    wide, tall = size
    left, top = 58.0, 16.0
    named = max([text_width(clipped(line.name)) for line in lines] + [text_width(n, SMALL) for _, n in references])
    drawing = Drawing(left + wide + named + 44, top + tall + 50 + (16 if stamps else 0), label)
    heights = [y for line in lines for _, y in line.points] + [
        end for line in lines for band in line.bands for end in band
    ]
    heights += [value for value, _ in references]
    low, high = y_range or _padded(min(heights), max(heights))
    x = Scale(x_ticks[0][0], x_ticks[-1][0], left + 8, wide - 16)
    y = Scale(high, low, top, tall)
    every = ticks(low, high)
    for value in every:
        drawing.line(left, y(value), left + wide, y(value), colour="line")
        drawing.text(left - 8, y(value) + 4, tick_label(value, every), size=SMALL, anchor="end", colour="soft")
    drawing.line(left, top + tall, left + wide, top + tall, colour="soft")
    shown = 0.0
    for value, words in x_ticks:
        place = x(value)
        if place - text_width(words, SMALL) / 2 >= shown:
            drawing.text(place, top + tall + 16, words, size=SMALL, anchor="middle", colour="soft")
            shown = place + text_width(words, SMALL) / 2 + 6
        drawing.line(place, top + tall, place, top + tall + 4, colour="soft")
    drawing.text(left + wide / 2, top + tall + 36, x_axis, size=TEXT, anchor="middle")
    drawing.text(14, top + tall / 2, y_axis, size=TEXT, anchor="middle", turned=-90)
    for line in lines:
        for (at, _), (bottom, upper) in zip(line.points, line.bands, strict=False):
            shift = x(at) + 2.5 * (line.series - (len(lines) - 1) / 2)
            drawing.line(shift, y(bottom), shift, y(upper), colour=f"s{line.series % N_SERIES}", width=1.1)
    for line in lines:
        shift = 2.5 * (line.series - (len(lines) - 1) / 2) if line.bands else 0.0
        points = [(x(at) + shift, y(value)) for at, value in line.points]
        drawing.polyline(points, colour=f"s{line.series % N_SERIES}", dash=DASHES[line.series % N_SERIES])
        for point in points if line.marked else []:
            drawing.mark(*point, line.series, size=3.6)
    for value, _ in references:
        drawing.line(left, y(value), left + wide, y(value), colour="soft", dash="4 3")
    ends = [(y(line.points[-1][1]), x(line.points[-1][0]), line.name, line.series) for line in lines if line.points]
    ends += [(y(value), left + wide, name, -1) for value, name in references]
    places = spread([end[0] for end in ends], 16, top + 4, top + tall)
    for (at, start, name, series), place in zip(ends, places, strict=True):
        drawing.line(start + 5, at, left + wide + 10, place, colour="line" if series < 0 else "soft", width=0.8)
        if series >= 0:
            drawing.mark(left + wide + 18, place, series, size=4)
        drawing.text(left + wide + (28 if series >= 0 else 14), place + 4, clipped(name),
                     size=TEXT if series >= 0 else SMALL, colour="ink" if series >= 0 else "soft")  # fmt: skip
    stamp(drawing, stamps)
    return drawing.svg()


def _dots(drawing: Drawing, row: DotRow, x: Scale, middle: float, bars: bool) -> None:
    for number, dot in enumerate(row.dots):
        y = middle + DODGE * (number - (len(row.dots) - 1) / 2)
        colour = f"s{dot.series % N_SERIES}"
        if bars:
            start, end = sorted((x(0.0), x(dot.mean)))
            drawing.rectangle(start, y - 6, max(end - start, 0.8), 12, colour=colour)
        if dot.low is not None and dot.high is not None:
            drawing.line(x(dot.low), y, x(dot.high), y, colour="ink" if bars else colour, width=1.6)
            for end in (dot.low, dot.high):
                drawing.line(x(end), y - 3, x(end), y + 3, colour="ink" if bars else colour, width=1.2)
        if not bars:
            drawing.mark(x(dot.mean), y, dot.series, hollow=dot.hollow)


def _frame(
    drawing: Drawing, x: Scale, every: Sequence[float], left: float, top: float, bottom: float, axis: str
) -> None:
    for value in every:
        drawing.line(x(value), top, x(value), bottom, colour="line")
        drawing.text(x(value), bottom + 16, tick_label(value, every), size=SMALL, anchor="middle", colour="soft")
    drawing.line(left, bottom, left + PLOT, bottom, colour="soft")
    drawing.text(left + PLOT / 2, bottom + 34, axis, anchor="middle")


def _range(dots: Sequence[Dot], references: Sequence[float], bars: bool) -> tuple[float, float]:
    ends = [end for dot in dots for end in (dot.mean, dot.low, dot.high) if end is not None]
    ends += [*references, *([0.0] if bars else [])]
    low, high = min(ends), max(ends)
    if bars:
        return (low * 1.05, high * 1.05 if high > low else 1.0)
    return _padded(low, high)


def _padded(low: float, high: float) -> tuple[float, float]:
    room = 0.04 * (high - low) or 0.05
    return low - room, high + room
