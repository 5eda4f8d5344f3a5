"""What a clip's picture is made of: faces, openings, tokens, each drawn into one pair of axes, and the figure itself."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ..features.errors import StudyError
from ..features.files import staged
from ..features.media import Audio

INK, ACCENT, SECOND, SOFT = "#1d2129", "#1f6f8b", "#c2410c", "#9aa7b5"
WIDTH = 9.0  # inches
MAX_TRACE_POINTS = 4000
MAX_TOKENS = 160
LINE_CHARACTERS = 92
F0_TICKS_HZ = (60, 100, 200, 400, 800)
SEMITONES_FROM_HZ = 27.5  # the zero of openSMILE's pitch scale


def pitch_hz(audio: Audio) -> tuple[npt.NDArray[Any], npt.NDArray[Any]]:
    """Return the times (s) and the F0 (Hz, NaN where unvoiced) of openSMILE's eGeMAPS pitch tracker, every 10 ms."""
    from ..features.acoustic import FRAME_STEP_S, descriptors
    from ..features.sound_preparation import MIN_DURATION_S

    if audio.duration_s < MIN_DURATION_S:
        return np.empty(0), np.empty(0)
    semitones = descriptors(audio, "eGeMAPSv02")["F0semitoneFrom27.5Hz_sma3nz"].astype(np.float64)
    hertz = np.where(semitones > 0, SEMITONES_FROM_HZ * 2 ** (semitones / 12), np.nan)
    return FRAME_STEP_S * np.arange(len(hertz)), hertz


def draw_faces(axis: Any, pixels: Any, boxes: Sequence[Any], points: Sequence[Any], labels: Sequence[str] = ()) -> None:
    """Draw a picture with the box and the landmarks of each face in it, in the picture's own pixels."""
    from matplotlib.patches import Rectangle

    axis.imshow(pixels)
    for number, (box, marks) in enumerate(zip(boxes, points, strict=True)):
        color = ACCENT if number == 0 else SECOND
        axis.add_patch(
            Rectangle((box[0], box[1]), box[2] - box[0], box[3] - box[1], fill=False, edgecolor=color, linewidth=1.6)
        )
        size = float(np.clip(16 * (box[2] - box[0]) / pixels.shape[1], 0.6, 2.5))
        axis.plot(marks[:, 0], marks[:, 1], ".", markersize=size, color="#ffe08a")
        if labels:
            axis.text(box[0], box[1] - 3, labels[number], color=color, fontsize=7, va="bottom")
    axis.set_axis_off()


def draw_presence(axis: Any, track: Any) -> None:
    """Draw how many faces there are over time."""
    times, first = np.unique(track.times_s, return_index=True)
    axis.fill_between(times, 0, track.n_faces[first], step="post", color=ACCENT, linewidth=0)
    axis.set_ylabel("faces")
    axis.set_yticks(range(int(track.n_faces.max()) + 1))
    axis.set_ylim(0, max(1, track.n_faces.max()) + 0.1)


def draw_openings(axis: Any, track: Any) -> None:
    """Draw how far eyes and mouth of the first face are open, as ratios of height to width."""
    from ..features.face_geometry import GEOMETRY_NAMES, geometry

    rows = np.flatnonzero(track.numbers == 0)
    axis.set_ylabel("opening")
    if not len(rows):
        axis.text(0.5, 0.5, "no face", transform=axis.transAxes, ha="center", va="center", color=SOFT)
        axis.set_yticks([])
        return
    measured = np.array([geometry(track.landmarks[row]) for row in rows])
    times = track.times_s[rows]
    gap = (
        np.append(False, np.diff(times) > 5 * np.median(np.diff(np.unique(track.times_s))))
        if len(rows) > 1
        else [False]
    )
    for name, color, label in (("eye", ACCENT, "eyes"), ("mouth", SECOND, "mouth")):
        columns = [number for number, known in enumerate(GEOMETRY_NAMES) if known.startswith(f"{name}_aspect_ratio")]
        series = np.where(gap, np.nan, measured[:, columns].mean(axis=1))
        axis.plot(times, series, color=color, linewidth=1, label=label)
    axis.legend(loc="lower right", bbox_to_anchor=(1.0, 0.96), fontsize=7, frameon=False, ncols=2)


def draw_tokens(axis: Any, text: str) -> list[str]:
    """Write the tokens of a text, coloured by their valence in VADER's lexicon; return them."""
    from ..features.text_cleaning import clean_text
    from ..features.text_tokens import tokenize
    from ..features.vader import vader_lexicon

    tokens, lexicon = tokenize(clean_text(text)), vader_lexicon()
    axis.set_axis_off()
    axis.set_xlim(0, LINE_CHARACTERS)
    column, line = 0.0, 0
    for token in [*tokens[:MAX_TOKENS], *(["…"] if len(tokens) > MAX_TOKENS else [])]:
        if column + len(token) > LINE_CHARACTERS:
            column, line = 0.0, line + 1
        valence = lexicon.get(token, 0.0)
        color = INK if valence == 0 else ACCENT if valence > 0 else SECOND
        axis.text(column, -line, token, color=color, fontsize=9, family="monospace", va="top")
        column += len(token) + 1
    axis.set_ylim(-line - 1, 0.2)
    return tokens


def envelope(
    samples: npt.NDArray[np.float32], times: npt.NDArray[np.float64]
) -> tuple[npt.NDArray[Any], npt.NDArray[Any], npt.NDArray[Any]]:
    """Return lowest and highest value of each of at most ``MAX_TRACE_POINTS`` stretches: a peak is never skipped."""
    starts = np.unique(np.linspace(0, len(samples), MAX_TRACE_POINTS, endpoint=False).astype(int))
    return np.minimum.reduceat(samples, starts), np.maximum.reduceat(samples, starts), times[starts]


def new_figure(heights: Sequence[float]) -> tuple[Any, list[Any]]:
    """Return a figure of axes below each other, of these heights in inches."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(WIDTH, sum(heights) + 0.5), layout="constrained")
    axes = figure.subplots(len(heights), 1, height_ratios=heights, squeeze=False)[:, 0]
    for axis in axes:
        axis.spines[["top", "right"]].set_visible(False)
        axis.tick_params(labelsize=8, colors=INK)
        axis.yaxis.label.set_size(8)
        axis.xaxis.label.set_size(8)
    return figure, list(axes)


def save_figure(figure: Any, target: Path) -> None:
    """Write a figure whole or not at all; raise StudyError where it cannot be written."""
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with staged(target) as place:
            figure.savefig(place, dpi=150)
    except OSError as error:
        raise StudyError(
            f"the picture cannot be written to {str(target)!r}: {error.strerror}; choose another --out"
        ) from None
