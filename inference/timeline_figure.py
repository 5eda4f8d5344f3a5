"""The figure of a timeline: probabilities, labels, modalities and blinks over one axis of time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from .moment import Moment

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# Okabe & Ito (2008), Color Universal Design: told apart with every kind of colour vision; grey in place of black.
PALETTE = ("#E69F00", "#56B4E9", "#009E73", "#F0E442", "#0072B2", "#D55E00", "#CC79A7", "#8A8F98")
INK, SOFT = "#1d2129", "#d5dae0"
WIDTH = 7.2  # inches: two columns of a paper
STACK_HEIGHT, BAND_HEIGHT = 1.9, 0.24
MAX_FACES = 4
TEXT_SHARE = 0.09  # of the width: a narrower band has no room for its label
COUNTED_IN_MINUTES_S = 180.0

Spans = Sequence[tuple[float, float]]


def timeline_figure(moments: Sequence[Moment], spans: Spans, classes: Sequence[str]) -> Figure:
    """Draw moments below each other.

    Parameters
    ----------
    moments : sequence of Moment
    spans : sequence of (float, float)
        The seconds that each stands for.
    classes : sequence of str

    Returns
    -------
    matplotlib.figure.Figure
    """
    from matplotlib.figure import Figure
    from matplotlib.layout_engine import ConstrainedLayoutEngine

    present = [
        name
        for name in dict.fromkeys(name for moment in moments for name in moment.modalities)
        if any(name in moment.modalities and moment.modalities[name].present for moment in moments)
    ]
    faces = _faces(moments)
    rows: list[tuple[str, list[str | None]]] = [("fused, smoothed", [moment.smoothed_label for moment in moments])]
    rows += [(name, [_label(moment, name) for moment in moments]) for name in present]
    heights = [STACK_HEIGHT, *[BAND_HEIGHT] * (len(rows) + len(faces))]
    layout = ConstrainedLayoutEngine(h_pad=0.02, hspace=0.02)
    figure = Figure(figsize=(WIDTH, sum(heights) + 0.95), layout=layout)
    axes = list(figure.subplots(len(heights), 1, sharex=True, height_ratios=heights, squeeze=False)[:, 0])
    colors = {name: _color(number) for number, name in enumerate(classes)}
    is_long = spans[-1][1] - spans[0][0] > COUNTED_IN_MINUTES_S
    unit_s = 60.0 if is_long else 1.0
    scaled = [(begin_s / unit_s, end_s / unit_s) for begin_s, end_s in spans]
    _draw_stack(axes[0], moments, scaled, colors)
    for axis, (name, labels) in zip(axes[1:], rows, strict=False):
        _draw_band(axis, name, labels, scaled, colors)
    for axis, (name, numbers) in zip(axes[1 + len(rows) :], faces, strict=True):
        _draw_faces(axis, name, numbers, moments, scaled, unit_s)
    axes[-1].set_xlim(scaled[0][0], scaled[-1][1])
    axes[-1].set_xlabel("time (min)" if is_long else "time (s)", fontsize=8, color=INK)
    axes[-1].tick_params(bottom=True, labelbottom=True)
    figure.legend(
        handles=_keys(colors),
        loc="outside upper center",
        ncols=min(len(classes), 8),
        fontsize=7.5,
        frameon=False,
        handlelength=1.0,
        handleheight=1.0,
        columnspacing=1.2,
    )
    return figure


def _draw_stack(axis: Any, moments: Sequence[Moment], spans: Spans, colors: dict[str, Any]) -> None:
    """Stack the smoothed probabilities in steps, as long as the moments last; a gap where nothing was answered."""
    edges = [edge for span in spans for edge in span]
    bottom = np.zeros(len(edges))
    for name, color in colors.items():
        height = np.repeat([moment.smoothed.get(name, np.nan) for moment in moments], 2)
        axis.fill_between(edges, bottom, bottom + height, color=color, linewidth=0)
        bottom = bottom + height
    axis.set_ylim(0, 1)
    axis.set_yticks([0, 0.5, 1])
    axis.set_ylabel("probability", fontsize=8, color=INK)
    axis.tick_params(labelsize=7.5, colors=INK, bottom=False)
    axis.spines[["top", "right"]].set_visible(False)


def _draw_band(axis: Any, name: str, labels: Sequence[str | None], spans: Spans, colors: dict[str, Any]) -> None:
    width = spans[-1][1] - spans[0][0]
    for label, begin, end in _runs(labels, spans):
        axis.axvspan(begin, end, color=colors[label], linewidth=0)
        if end - begin > TEXT_SHARE * width:
            axis.text(
                (begin + end) / 2, 0.47, label, ha="center", va="center", fontsize=6.5, color=_ink_on(colors[label])
            )
    _name(axis, name)


def _draw_faces(
    axis: Any, name: str, numbers: set[int], moments: Sequence[Moment], spans: Spans, unit_s: float
) -> None:
    """Draw when faces were seen as a thin bar, and their blinks as marks across it."""
    found = [[face for face in moment.faces if face.number in numbers] for moment in moments]
    for _, begin, end in _runs(["seen" if faces else None for faces in found], spans):
        axis.axvspan(begin, end, 0.4, 0.6, color=SOFT, linewidth=0)
    blinks = {(face.number, time_s / unit_s) for faces in found for face in faces for time_s in face.blink_times_s}
    axis.vlines(sorted(time for _, time in blinks), 0.12, 0.88, color=INK, linewidth=0.8 if len(blinks) < 60 else 0.4)
    _name(axis, f"{name}: {len(blinks)} blink{'s' if len(blinks) != 1 else ''}")


def _name(axis: Any, name: str) -> None:
    axis.set_yticks([0.5], [name], fontsize=7.5, color=INK)
    axis.set_ylim(0, 1)
    axis.tick_params(left=False, bottom=False, labelbottom=False, labelsize=7.5, colors=INK)
    axis.spines[:].set_visible(False)


def _runs(labels: Sequence[str | None], spans: Spans) -> list[tuple[str, float, float]]:
    """Return label, begin and end of each stretch of equal labels."""
    runs: list[tuple[str, float, float]] = []
    for label, (begin, end) in zip(labels, spans, strict=True):
        if label is None:
            continue
        if runs and runs[-1][0] == label and runs[-1][2] >= begin:
            runs[-1] = (label, runs[-1][1], end)
        else:
            runs.append((label, begin, end))
    return runs


def _faces(moments: Sequence[Moment]) -> list[tuple[str, set[int]]]:
    """Return a row for each face, or one for all of them where they are many: who comes back has a new number."""
    seen = sorted({face.number for moment in moments for face in moment.faces})
    if len(seen) > MAX_FACES:
        return [(f"{len(seen)} faces", set(seen))]
    return [(f"face {number}", {number}) for number in seen]


def _label(moment: Moment, source: str) -> str | None:
    said = moment.modalities.get(source)
    return said.label if said is not None and said.present else None


def _color(number: int) -> Any:
    """Return the colour of a class; beyond the palette, lighter ones."""
    from matplotlib.colors import to_rgb

    lightening = 0.5 ** (number // len(PALETTE))
    return tuple(1 - lightening * (1 - part) for part in to_rgb(PALETTE[number % len(PALETTE)]))


def _ink_on(color: Sequence[float]) -> str:
    """Return black or white, whichever is read better on a colour (relative luminance of WCAG 2.1)."""
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in color]
    luminance = float(np.dot([0.2126, 0.7152, 0.0722], linear))
    return "white" if 1.05 / (luminance + 0.05) > (luminance + 0.05) / 0.05 else "black"


def _keys(colors: dict[str, Any]) -> list[Any]:
    from matplotlib.patches import Patch

    return [Patch(facecolor=color, label=name) for name, color in colors.items()]
