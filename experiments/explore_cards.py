"""Clips of each class, drawn: what is heard, seen, said and recorded in a few samples chosen by lot."""

from __future__ import annotations

import base64
import io
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from ..features.errors import SampleError
from ..features.files import read_bytes
from ..features.media import decode_audio
from .drawing import INK, draw_faces, pitch_hz
from .drawing_signals import draw_bands, draw_cepstrum, draw_mel, draw_pitch, draw_traces, draw_wave
from .explore_data import Explored
from .explore_effects import filled
from .explore_lengths import declared_rate

MOST_CARDS, MOST_OF_A_CLASS = 24, 3
WIDTH, DPI = 4.3, 100
MOST_SOUND_S = 30.0
MOST_CHARACTERS = 400
SIDE_PX = 480


@dataclass(frozen=True)
class Card:
    """A sample, drawn.

    Attributes
    ----------
    sample, label, group : str
        ``group`` is empty where there is none.
    text : str
        What is said, as far as a card has room.
    picture : str
        A link that holds the PNG; empty where there is nothing to draw.
    alt : str
        What the picture shows.
    facts : tuple of str
    troubles : tuple of str
        Why parts could not be drawn.
    """

    sample: str
    label: str
    group: str
    text: str
    picture: str
    alt: str
    facts: tuple[str, ...]
    troubles: tuple[str, ...]


def draw_cards(explored: Explored) -> list[Card]:
    """Return cards of a few samples of each class; none where samples are rows of tables, with nothing to see or hear."""
    samples = explored.measured
    columns = [name for name in ("audio", "video", "image", "eeg", "physiology", "text") if name in samples]
    if not any(samples[name].notna().any() for name in columns):
        return []
    each = min(MOST_OF_A_CLASS, max(1, MOST_CARDS // len(explored.classes)))
    random = np.random.default_rng(explored.study.seed)
    cards: list[Card] = []
    for label in explored.classes:
        own = samples[(samples["label"] == label).to_numpy() & samples[columns].notna().any(axis=1).to_numpy()]
        for place in np.sort(random.permutation(len(own))[:each]):
            if len(cards) < MOST_CARDS:
                cards.append(_card(own.iloc[int(place)], str(own.index[int(place)]), explored))
    return cards


def _card(row: pd.Series, name: str, explored: Explored) -> Card:
    drawn: list[tuple[list[float], Callable[[list[Any]], None]]] = []
    facts: list[str] = []
    troubles: list[str] = []
    shows: list[str] = []
    start, end = (float(row[key]) if key in row and pd.notna(row[key]) else None for key in ("start_s", "end_s"))
    cut_out = any(spec.extractor == "face_crop" for spec in explored.study.blocks.values())
    prepare: dict[str, Callable[[str], tuple[list[float], Callable[[list[Any]], None], str, str]]] = {
        "image": lambda path: _picture(read_bytes(path), cut_out=cut_out),
        "video": lambda path: _frame(read_bytes(path), start, end),
        "audio": lambda path: _sound(read_bytes(path), start, end),
        "eeg": lambda path: _recording(read_bytes(path), start, end, declared_rate(explored.study, "eeg"), bands=True),
        "physiology": lambda path: _recording(
            read_bytes(path), start, end, declared_rate(explored.study, "physiology"), bands=False
        ),
    }
    for column, make in prepare.items():
        if column not in row or not isinstance(row[column], str):
            continue
        try:
            heights, draw, fact, what = make(row[column])
        except SampleError as error:
            troubles.append(f"{column}: {error}")
            continue
        drawn.append((heights, draw))
        facts.append(fact)
        shows.append(what)
    text = row["text"] if "text" in row and isinstance(row["text"], str) else ""
    return Card(
        name,
        str(row["label"]),
        _called(explored.info.groups, row["group"]) if "group" in row and pd.notna(row["group"]) else "",
        text if len(text) <= MOST_CHARACTERS else f"{text[:MOST_CHARACTERS]}…",
        _png(drawn) if drawn else "",
        f"Sample {name}, class {row['label']}: {'; '.join(shows)}" if shows else "",
        tuple(facts),
        tuple(troubles),
    )


def _called(kind: str, group: str) -> str:
    """Return "speaker 03", or the name alone where it says what it is."""
    return group if group.casefold().startswith(kind) else f"{kind} {group}"


def _sound(data: bytes, start_s: float | None, end_s: float | None) -> Any:
    audio = decode_audio(data, start_s=start_s, end_s=end_s, max_duration_s=36_000.0)
    if audio.duration_s > MOST_SOUND_S:
        audio = decode_audio(data, start_s=start_s or 0.0, end_s=(start_s or 0.0) + MOST_SOUND_S)

    pitch = pitch_hz(audio)

    def draw(axes: list[Any]) -> None:
        draw_wave(axes[0], audio)
        draw_mel(axes[1], audio)
        draw_cepstrum(axes[2], audio)
        draw_pitch(axes[3], *pitch)
        for axis in axes:
            axis.set_xlim(0, max(audio.duration_s, 1e-3))
        for axis in axes[:-1]:
            axis.tick_params(labelbottom=False)
        axes[-1].set_xlabel("time (s)")

    return (
        [0.6, 0.9, 0.7, 0.7],
        draw,
        f"{audio.duration_s:.2f} s of sound",
        "waveform, mel bands, cepstrum and F0 of its sound",
    )


def _picture(data: bytes, *, cut_out: bool) -> Any:
    from ..features.pictures import decode_picture

    picture = decode_picture(data)
    height, width = picture.pixels.shape[:2]
    return _faces(picture.pixels, f"{width} × {height} pixels", cut_out=cut_out)


def _frame(data: bytes, start_s: float | None, end_s: float | None) -> Any:
    """Draw the frame in the middle of a video, as far as its header says where that is."""
    from ..features.containers import open_container, start_of
    from ..features.video import frames

    with open_container(data) as container:
        whole = max(0.0, (container.duration or 0) / 1_000_000 + min(0.0, start_of(container)))
    until = min(end_s, whole) if end_s is not None and whole else end_s or whole
    middle = ((start_s or 0.0) + until) / 2
    shown = next(frames(data, start_s=start_s, end_s=end_s, size_px=SIDE_PX))
    for frame in frames(data, start_s=start_s, end_s=end_s, size_px=SIDE_PX):
        shown = frame
        if frame.time_s >= middle:
            break
    return _faces(shown.pixels, f"frame at {shown.time_s:.2f} s")


def _faces(pixels: Any, fact: str, *, cut_out: bool = False) -> Any:
    """Draw a picture with the faces found in it or, where pictures are faces cut out already, as the one that it is."""
    from ..features.faces import find_faces, landmarks, whole_box

    boxes = [whole_box(pixels)] if cut_out else [face.box for face in find_faces(pixels, upsample=1)]
    points = [landmarks(pixels, box) for box in boxes]
    height, width = pixels.shape[:2]

    def draw(axes: list[Any]) -> None:
        draw_faces(axes[0], pixels, boxes, points)

    found = "no face found" if not boxes else f"{len(boxes)} face{'s' if len(boxes) > 1 else ''}"
    found = "taken as one face" if cut_out else found
    what = f"a picture with {found}{', its landmarks marked' if boxes else ''}"
    return [min(3.2, WIDTH * height / width)], draw, f"{fact}, {found}", what


def _recording(
    data: bytes, start_s: float | None, end_s: float | None, rate: float | None, *, bands: bool
) -> tuple[list[float], Callable[[list[Any]], None], str, str]:
    from ..features.recordings import read_recording

    recording = read_recording(data, sampling_rate_hz=rate, start_s=start_s, end_s=end_s)
    samples, channels, rate = filled(recording.samples), recording.channels, recording.sampling_rate_hz

    def draw(axes: list[Any]) -> None:
        draw_traces(axes[0], samples, channels, rate)
        axes[0].set_xlabel("time (s)")
        if bands:
            axes[0].figure.colorbar(
                draw_bands(axes[1], samples, channels, rate), ax=axes[1], label="dB re 1 µV²", pad=0.02
            )
            axes[1].set_xticks(
                axes[1].get_xticks(), [tick.get_text().split("\n")[0] for tick in axes[1].get_xticklabels()]
            )

    shown = min(len(channels), 16)
    heights = [0.5 + 0.2 * shown, 0.6 + 0.13 * shown] if bands else [0.5 + 0.2 * shown]
    fact = f"{len(samples) / rate:.2f} s of {len(channels)} channels at {rate:g} Hz"
    return heights, draw, fact, f"traces{' and band powers' if bands else ''} of {len(channels)} channels"


def _png(drawn: list[tuple[list[float], Callable[[list[Any]], None]]]) -> str:
    """Return a PNG of all parts below each other as a link that holds it, in 128 colours: a third of the size."""
    from matplotlib.figure import Figure
    from PIL import Image

    heights = [height for parts, _ in drawn for height in parts]
    figure = Figure(figsize=(WIDTH, sum(heights) + 0.25 * len(heights)), layout="constrained")
    axes = list(figure.subplots(len(heights), 1, height_ratios=heights, squeeze=False)[:, 0])
    for axis in axes:
        axis.spines[["top", "right"]].set_visible(False)
        axis.tick_params(labelsize=7, colors=INK)
        axis.xaxis.label.set_size(7)
        axis.yaxis.label.set_size(7)
    first = 0
    for parts, draw in drawn:
        draw(axes[first : first + len(parts)])
        first += len(parts)
    figure.align_ylabels(axes)
    raw, small = io.BytesIO(), io.BytesIO()
    figure.savefig(raw, format="png", dpi=DPI)
    with Image.open(raw) as picture:
        picture.convert("RGB").quantize(128).save(small, format="PNG", optimize=True)
    return f"data:image/png;base64,{base64.b64encode(small.getvalue()).decode('ascii')}"
