"""Sounds that are one recording: told by a fingerprint that survives another codec, sampling rate, level or cut.

The bytes of such files differ, so that the check of a split does not see them.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from ..features.batch import attempt_each
from ..features.files import read_bytes
from ..features.media import Audio, decode_audio, resample
from .audit_findings import Audited, Finding, listed, pairs_across

# Haitsma and Kalker (2002), A Highly Robust Audio Fingerprinting System, ISMIR: 33 bands from 300 to 2000 Hz in frames
# of 0.37 s every 11.6 ms; a bit is the sign of an energy difference over bands and frames.
RATE_HZ = 5500
FRAME, STEP = 2048, 64
BANDS = np.round(np.geomspace(300, 2000, 34) / RATE_HZ * FRAME).astype(int)
LOUD = 1e-3  # frames 30 dB below the loudest are silence, whose bits are those of the codec's noise
# Measured on RAVDESS: copies as MP3, Ogg, at 8 kHz or with mu-law stay below .09 wrong bits, two takes of a sentence by
# one actor above .22.
WRONG_BITS = 0.15
FEWEST_FRAMES = 60  # 0.7 s of sound that is no silence
LONGEST_S = 60.0  # of a longer clip the first minute is compared
COMMON = 40  # a code that stands in more clips than this says nothing

Codes = npt.NDArray[np.uint32]
Pairs = npt.NDArray[np.intp]


@dataclass(frozen=True)
class Heard:
    """What the audit keeps of a sound.

    Attributes
    ----------
    codes : ndarray of shape (n_frames,), uint32
        The fingerprint.
    loud : ndarray of shape (n_frames,), bool
        Frames that are no silence.
    summary : ndarray of shape (67,), float32
        Mean and standard deviation of the 33 log band energies over the loud frames, and the log duration.
    """

    codes: Codes
    loud: npt.NDArray[np.bool_]
    summary: npt.NDArray[np.float32]


def listen(samples: pd.DataFrame, *, n_jobs: int = 1) -> dict[int, Heard]:
    """Return the fingerprint of each sample's sound by its position; what cannot be decoded is left to extraction."""
    bounds = samples.reindex(columns=["start_s", "end_s"]).astype("float64").to_numpy()
    paths = {row: path for row, path in enumerate(samples["audio"]) if isinstance(path, str)}

    def heard(row: int) -> Heard | None:
        start, end = (None if np.isnan(bound) else float(bound) for bound in bounds[row])
        last = (start or 0.0) + LONGEST_S
        return fingerprint(decode_audio(read_bytes(paths[row]), start_s=start, end_s=min(end or last, last)))

    found = dict(attempt_each(heard, list(paths), n_jobs))
    return {row: found[row] for row in paths if isinstance(found[row], Heard)}  # type: ignore[misc]


def fingerprint(audio: Audio) -> Heard | None:
    """Return the fingerprint of a sound; None where it is shorter than two frames (0.39 s) or silent."""
    values = resample(audio, RATE_HZ).samples
    if len(values) < FRAME + STEP:
        return None
    frames = np.lib.stride_tricks.sliding_window_view(values, FRAME)[::STEP]
    power = np.square(np.abs(np.fft.rfft(frames * np.hanning(FRAME).astype(np.float32), axis=1)))
    energy = np.add.reduceat(power, BANDS, axis=1)[:, :-1]
    total = energy.sum(axis=1)
    if not total.max() > 0:
        return None
    slope = energy[:, :-1] - energy[:, 1:]
    bits = np.packbits(slope[1:] > slope[:-1], axis=1, bitorder="little")
    loud = total > LOUD * total.max()
    logs = np.log(energy[loud] + LOUD * LOUD * total.max())
    summary = np.concatenate([logs.mean(axis=0), logs.std(axis=0), [np.log(audio.duration_s)]])
    return Heard(np.ascontiguousarray(bits).view("<u4").ravel(), loud[1:], summary.astype(np.float32))


def same_recordings(heard: dict[int, Heard]) -> Pairs:
    """Return the pairs of sounds that overlap in one recording.

    Parameters
    ----------
    heard : dict of int to Heard

    Returns
    -------
    ndarray of shape (n_pairs, 2)
        The keys, the smaller one first.

    Notes
    -----
    Pairs are proposed by codes that both hold at one distance in time, so that the cost grows with the length of all
    sounds and not with its square; then all bits of the overlap are compared.
    """
    keys = np.array(list(heard), dtype=np.intp)
    places = [np.flatnonzero(item.loud) for item in heard.values()]
    if not places:
        return np.empty((0, 2), dtype=np.intp)
    codes = np.concatenate([item.codes[place] for item, place in zip(heard.values(), places, strict=True)])
    clips = np.repeat(np.arange(len(keys)), [len(place) for place in places])
    times = np.concatenate(places)
    found = set()
    for a, b, lag in _proposals(codes, clips, times):
        pair = (int(keys[a]), int(keys[b]))
        if pair not in found and _wrong_bits(heard[pair[0]], heard[pair[1]], lag) < WRONG_BITS:
            found.add(pair)
    return np.array(sorted(found), dtype=np.intp).reshape(-1, 2)


def sound_findings(audited: Audited, heard: dict[int, Heard], hashes: pd.Series) -> list[Finding]:
    """Return what is to be said of sounds that are one recording under several files; equal bytes are told elsewhere."""
    samples = audited.samples
    pairs = same_recordings(heard)
    digests = hashes.to_numpy(dtype=object)
    pairs = pairs[np.array([digests[a] != digests[b] for a, b in pairs], dtype=bool)]
    if not len(pairs):
        return []
    rows = samples.index[np.unique(pairs)]
    many = f"{len(pairs)} pairs of sounds are one recording in different files (same sound, other bytes)"
    across = pairs_across(pairs, audited.folds)
    if across:
        told = across.told(samples.index, "sound as a training sample does, from another file")
        message = f"{many}; {told}: keep one of each, or give all of a recording one group"
        return [Finding(audited.leak, "near_duplicate_sound", listed(rows), message, True)]
    groups = samples["group"].to_numpy() if "group" in samples else np.zeros(len(samples))
    strangers = pairs[groups[pairs[:, 0]] != groups[pairs[:, 1]]]
    if len(strangers):
        a, b = samples.index[strangers[0]]
        message = f"{many}, {len(strangers)} of them under two groups (such as {a!r} and {b!r}): correct the group"
        return [Finding(audited.leak, "near_duplicate_sound", listed(rows), message, True)]
    message = f"{many}; they are on one side of every fold: keep one of each, or they count twice"
    return [Finding("warning", "near_duplicate_sound", listed(rows), message, True)]


def _proposals(codes: Codes, clips: Pairs, times: Pairs) -> list[tuple[int, int, int]]:
    """Return clip, later clip and lag wherever two codes stand in both at that lag, or next to it."""
    order = np.lexsort((times, clips, codes))
    codes, clips, times = codes[order], clips[order], times[order]
    first = np.concatenate([[True], (codes[1:] != codes[:-1])])
    sizes = np.diff(np.append(np.flatnonzero(first), len(codes)))
    rare = np.repeat(sizes <= COMMON, sizes)
    votes = []
    for step in range(1, int(min(COMMON, sizes.max()))):
        same = rare[step:] & (codes[step:] == codes[:-step]) & (clips[step:] != clips[:-step])
        at = np.flatnonzero(same)
        if len(at):
            votes.append(np.column_stack([clips[at], clips[at + step], times[at] - times[at + step]]))
    if not votes:
        return []
    found, counts = np.unique(np.concatenate(votes), axis=0, return_counts=True)
    return [(int(a), int(b), int(lag)) for a, b, lag in found[counts >= 2]]


def _wrong_bits(one: Heard, other: Heard, lag: int) -> float:
    """Return the share of differing bits where both are loud; 1 where the overlap is too short to tell."""
    start, end = max(lag, 0), min(len(one.codes), lag + len(other.codes))
    both = one.loud[start:end] & other.loud[start - lag : end - lag]
    if both.sum() < FEWEST_FRAMES:
        return 1.0
    differing = one.codes[start:end][both] ^ other.codes[start - lag : end - lag][both]
    return float(np.bitwise_count(differing).mean() / 32)
