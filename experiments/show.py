"""One clip, drawn: what the extractors hear, see and read in it, so that a researcher can judge it at a glance."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ..features.errors import SampleError, StudyError
from ..features.files import read_bytes
from ..features.media import decode_audio
from .drawing import (
    INK,
    LINE_CHARACTERS,
    SECOND,
    WIDTH,
    draw_faces,
    draw_openings,
    draw_presence,
    draw_tokens,
    new_figure,
    save_figure,
)
from .drawing_signals import MAX_TRACES, draw_bands, draw_sound, draw_traces

TEXT_SUFFIXES = (".txt", ".srt", ".vtt", ".align")
RECORDING_SUFFIXES = (".csv", ".edf", ".bdf", ".fif")
PICTURE_FORMATS = (".png", ".pdf", ".svg")
N_FRAMES, FRAMES_A_ROW = 6, 3
Facts = dict[str, Any]


def show_clip(
    path: str | os.PathLike[str],
    out: str | os.PathLike[str],
    *,
    start_s: float | None = None,
    end_s: float | None = None,
    sampling_rate_hz: float | None = None,
) -> Facts:
    """Draw a clip into a picture file and return what was found in it.

    Parameters
    ----------
    path : path
        A sound, video, picture, EEG recording (CSV, EDF, BDF, FIF) or text (``.txt``, ``.srt``, ``.vtt``, ``.align``); what
        it is, its content decides where its name does not.
    out : path
        A ``.png``, ``.pdf`` or ``.svg`` file.
    start_s, end_s : float, optional
        Bounds of the part that is drawn, in seconds.
    sampling_rate_hz : float, optional
        Of an EEG table without a time column.

    Returns
    -------
    dict
        ``kind`` and what there is to say of it: durations, rates, faces, presence, warnings.

    Raises
    ------
    SampleError
        The clip cannot be used.
    StudyError
        The picture cannot be written.
    """
    target = Path(out)
    if target.suffix.lower() not in PICTURE_FORMATS:
        raise StudyError(f"--out must end in {', '.join(PICTURE_FORMATS)}, got {target.name!r}")
    suffix = Path(path).suffix.lower()
    if suffix in TEXT_SUFFIXES:
        figure, facts = _show_text(path, start_s, end_s)
    elif suffix in RECORDING_SUFFIXES:
        figure, facts = _show_recording(read_bytes(path), start_s, end_s, sampling_rate_hz)
    else:
        figure, facts = _show_media(path, read_bytes(path), start_s, end_s)
    figure.suptitle(Path(path).name, x=0.012, ha="left", fontsize=11, fontweight="bold", color=INK)
    save_figure(figure, target)
    return {"clip": str(path), **facts, "picture": str(target)}


def _show_media(path: Any, data: bytes, start_s: float | None, end_s: float | None) -> tuple[Any, Facts]:
    """Draw what the content turns out to be: a picture, a video (with its sound), or sound alone."""
    from ..features.containers import open_container
    from ..features.pictures import decode_picture

    try:
        picture = decode_picture(data)
    except SampleError as error:
        if error.code != "not_a_picture":
            raise
    else:
        return _show_picture(picture)
    try:
        with open_container(data) as container:
            has_video = bool(container.streams.video)
    except SampleError:
        has_video = False
    if has_video:
        return _show_video(path, data, start_s, end_s)
    return _show_sound(path, data, start_s, end_s)


def _show_sound(path: Any, data: bytes, start_s: float | None, end_s: float | None) -> tuple[Any, Facts]:
    audio = decode_audio(data, start_s=start_s, end_s=end_s)
    words = _transcript(path, start_s, end_s)
    figure, axes = new_figure([1.2, 1.6, 1.2] + ([0.9] if words else []))
    axes[2].set_xlabel("time (s)")
    facts = {"kind": "sound", **draw_sound(axes[:3], audio, start_s or 0.0)}
    if words:
        facts["tokens"] = draw_tokens(axes[3], words)
    return figure, facts


def _show_picture(picture: Any) -> tuple[Any, Facts]:
    from ..features.faces import find_faces, landmarks

    faces = find_faces(picture.pixels, upsample=1)
    points = [landmarks(picture.pixels, face.box) for face in faces]
    height, width = picture.pixels.shape[:2]
    figure, axes = new_figure([min(8.0, WIDTH * height / width)])
    draw_faces(axes[0], picture.pixels, [face.box for face in faces], points)
    facts = {
        "kind": "picture",
        "size": f"{width} x {height}",
        "faces": len(faces),
        "boxes": [[round(float(edge), 1) for edge in face.box] for face in faces],
        "scores": [round(face.score, 2) for face in faces],
        "warnings": list(picture.warnings),
    }
    return figure, facts


def _show_video(path: Any, data: bytes, start_s: float | None, end_s: float | None) -> tuple[Any, Facts]:
    from ..features.face_tracking import track_faces
    from ..features.video import frames

    warnings: list[str] = []
    track = track_faces(frames(data, start_s=start_s, end_s=end_s, grey=True, warnings=warnings), faces="all")
    try:
        audio = decode_audio(data, start_s=start_s, end_s=end_s)
    except SampleError as error:
        audio = None
        if error.code != "no_sound":
            warnings.append(f"no sound: {error}")
    words = _transcript(path, start_s, end_s)
    times = np.unique(track.times_s)
    chosen = times[np.linspace(0, len(times) - 1, min(N_FRAMES, len(times))).round().astype(int)]
    n_rows = -(-len(chosen) // FRAMES_A_ROW)
    film = min(6.0, n_rows * (WIDTH / FRAMES_A_ROW) / _aspect(data, start_s, end_s))
    heights = [film, 0.8, 1.3, *([1.0, 1.4, 1.0] if audio else []), *([0.7] if words else [])]
    figure, axes = new_figure(heights)
    _draw_film(figure, axes[0], data, start_s, end_s, chosen, track)
    draw_presence(axes[1], track)
    draw_openings(axes[2], track)
    with_face = np.isin(times, track.times_s[track.present])
    facts: Facts = {
        "kind": "video",
        "pictures": len(times),
        "duration_s": round(float(times[-1] - times[0]), 3),
        "presence_share": round(float(with_face.mean()), 3),
        "faces": int(track.n_faces.max()),
        "people": len(set(track.numbers[track.present])),
    }
    if audio is not None:
        sound = draw_sound(axes[3:6], audio, start_s or 0.0)
        warnings += sound.pop("warnings")
        facts["sound"] = sound
    if words:
        facts["tokens"] = draw_tokens(axes[-1], words)
    timed = axes[1:6] if audio else axes[1:3]
    for axis in timed:
        axis.set_xlim(times[0], max(times[-1], times[0] + 1e-3))
    for axis in timed[:-1]:
        axis.tick_params(labelbottom=False)
    timed[-1].set_xlabel("time (s)")
    return figure, {**facts, "warnings": warnings}


def _aspect(data: bytes, start_s: float | None, end_s: float | None) -> float:
    """Return the width of the video's first picture over its height."""
    from ..features.video import frames

    height, width = next(iter(frames(data, start_s=start_s, end_s=end_s, size_px=64))).pixels.shape[:2]
    return float(width / height)


def _draw_film(
    figure: Any,
    axis: Any,
    data: bytes,
    start_s: float | None,
    end_s: float | None,
    chosen: npt.NDArray[np.float64],
    track: Any,
) -> None:
    """Draw a few frames with every face in them; they are decoded again, as a film does not fit into memory."""
    from ..features.video import frames

    columns = min(FRAMES_A_ROW, len(chosen))
    grid = axis.get_subplotspec().subgridspec(-(-len(chosen) // columns), columns, wspace=0.02, hspace=0.02)
    axis.set_axis_off()
    wanted = iter(enumerate(chosen))
    place, when = next(wanted)
    for frame in frames(data, start_s=start_s, end_s=end_s, size_px=480):
        if frame.time_s < when:
            continue
        rows = np.flatnonzero((track.times_s == frame.time_s) & track.present)
        small = figure.add_subplot(grid[place // columns, place % columns])
        boxes, points = track.boxes[rows] * frame.scale, track.landmarks[rows] * frame.scale
        draw_faces(small, frame.pixels, boxes, points, [f"face {track.numbers[row]}" for row in rows])
        small.set_title(f"{frame.time_s:.2f} s", fontsize=8, color=INK, pad=2)
        try:
            place, when = next(wanted)
        except StopIteration:
            return


def _show_recording(
    data: bytes, start_s: float | None, end_s: float | None, sampling_rate_hz: float | None
) -> tuple[Any, Facts]:
    from ..features.recordings import gap_rows, read_recording

    recording = read_recording(data, sampling_rate_hz=sampling_rate_hz, start_s=start_s, end_s=end_s)
    rate, shown = recording.sampling_rate_hz, min(len(recording.channels), MAX_TRACES)
    figure, (traces, heat) = new_figure([0.9 + 0.32 * shown, 1.0 + 0.18 * shown])
    draw_traces(traces, recording.samples, recording.channels, rate)
    traces.set_xlabel("recorded time (s); dashed lines: gaps" if recording.gaps else "time (s)")
    rows = () if recording.times_s is None else gap_rows(recording.times_s, rate)
    for row in rows:
        traces.axvline(row / rate, color=SECOND, linewidth=1, linestyle="--")
    image = draw_bands(heat, recording.samples, recording.channels, rate)
    figure.colorbar(image, ax=heat, label="band power (dB re 1 µV²)", pad=0.01)
    facts = {
        "kind": "recording",
        "duration_s": round(len(recording.samples) / rate, 3),
        "sampling_rate_hz": round(rate, 3),
        "channels": list(recording.channels),
        "shown": shown,
        "gaps_s": [[round(begin, 3), round(end, 3)] for begin, end in recording.gaps],
        "warnings": list(recording.warnings),
    }
    return figure, facts


def _show_text(path: Any, start_s: float | None, end_s: float | None) -> tuple[Any, Facts]:
    from ..features.transcripts import read_transcript

    words = read_transcript(path, start_s=start_s, end_s=end_s)
    figure, axes = new_figure([max(1.2, 0.3 * (1 + len(words) / LINE_CHARACTERS))])
    return figure, {"kind": "text", "characters": len(words), "tokens": draw_tokens(axes[0], words)}


def _transcript(path: Any, start_s: float | None, end_s: float | None) -> str | None:
    """Return what is said in the clip, where a transcript lies beside its file."""
    from ..features.transcripts import read_sidecar

    return read_sidecar(os.fspath(path), start_s, end_s)
