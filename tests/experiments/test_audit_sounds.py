"""One recording in two files: caught through codecs, rates, levels and cuts; two takes of one voice are two recordings."""

from __future__ import annotations

import io

import numpy as np
import pytest
import soundfile
from emofuse.experiments.audit import audit
from emofuse.experiments.audit_sounds import fingerprint, same_recordings
from emofuse.features.media import Audio, decode_audio, resample

RATE_HZ = 16_000


def utterance(seed, *, seconds=2.5):
    """A voice-like sound: harmonics of a wandering pitch, filtered by wandering formants, in syllables."""
    random = np.random.default_rng(seed)
    time = np.arange(int(seconds * RATE_HZ)) / RATE_HZ

    def wander(low, high, points=12):
        return np.interp(time, np.linspace(0, seconds, points), random.uniform(low, high, points))

    phase = 2 * np.pi * np.cumsum(wander(110, 190)) / RATE_HZ
    formants = [wander(300, 800), wander(900, 1900), wander(2000, 3000)]
    sound = np.zeros_like(time)
    for number in range(1, 24):
        frequency = number * np.gradient(phase) * RATE_HZ / (2 * np.pi)
        level = sum(np.exp(-np.square((frequency - formant) / 120)) for formant in formants)
        sound += level * np.sin(number * phase)
    sound *= wander(0.05, 1.0, 16)
    sound += 0.01 * random.normal(size=len(time))
    return (0.5 * sound / np.abs(sound).max()).astype(np.float32)


def written(values, kind, rate_hz=RATE_HZ, subtype=None):
    """The bytes of a file of some format and rate."""
    sound = resample(Audio(values, RATE_HZ), rate_hz)
    file = io.BytesIO()
    soundfile.write(file, np.clip(sound.samples, -1, 1), rate_hz, format=kind, subtype=subtype)
    return file.getvalue()


CHANGES = {
    "mp3": lambda values: written(values, "MP3"),
    "ogg": lambda values: written(0.3 * values, "OGG", subtype="VORBIS"),
    "flac-48k": lambda values: written(1.5 * values, "FLAC", 48_000),
    "wav-8k": lambda values: written(0.2 * values, "WAV", 8_000),
    "mu-law": lambda values: written(values, "WAV", 8_000, "ULAW"),
    "later": lambda values: written(np.concatenate([np.zeros(3000, np.float32), values]), "WAV"),
    "excerpt": lambda values: written(values[8_000:-4_000], "WAV"),
}


@pytest.mark.parametrize("change", CHANGES)
def test_one_recording_in_another_file_is_found_among_others(change):
    heard = {number: fingerprint(Audio(utterance(number), RATE_HZ)) for number in range(6)}
    heard[9] = fingerprint(decode_audio(CHANGES[change](utterance(4))))
    assert same_recordings(heard).tolist() == [[4, 9]]


def test_a_sound_too_short_or_silent_has_no_fingerprint():
    assert fingerprint(Audio(utterance(0)[:4000], RATE_HZ)) is None
    assert fingerprint(Audio(np.zeros(RATE_HZ, np.float32), RATE_HZ)) is None
    assert same_recordings({}).shape == (0, 2)


@pytest.fixture
def with_sounds(make_corpus, make_study, tmp_path):
    """A function that gives two of 16 samples one recording, once as WAV and once as FLAC at half the level."""

    def make(one, other, **protocol):
        paths = []
        for number in range(16):
            values = utterance(one) * np.float32(0.5) if number == other else utterance(number)
            path = tmp_path / f"{number:02d}.{'flac' if number == other else 'wav'}"
            path.write_bytes(written(values, path.suffix[1:].upper()))
            paths.append(str(path))
        corpus = make_corpus(n_per_group=4, tables=(), audio=paths)
        split = {"name": "group_kfold", "n_folds": 2} | protocol
        return audit(make_study(blocks={"audio": {"extractor": "opensmile"}}, protocol=split), corpus)

    return make


@pytest.mark.parametrize(
    ("other", "protocol", "severity", "said"),
    [
        (15, {}, "refused", "sound as a training sample does"),
        (15, {"leaky": True}, "warning", "sound as a training sample does"),
        (3, {}, "warning", "they are on one side of every fold"),
    ],
)
def test_what_is_said_of_one_recording_in_two_files(with_sounds, other, protocol, severity, said):
    pair = {
        finding.severity: finding
        for finding in with_sounds(1, other, **protocol)
        if finding.kind == "near_duplicate_sound"
    }
    assert list(pair) == [severity]
    assert pair[severity].where == f"clip001, clip{other:03d}"
    assert said in pair[severity].message


def test_one_recording_under_two_groups_of_one_side_is_refused(with_sounds, make_corpus):
    folds = {}
    for other in (5, 9, 13):
        (found,) = [finding for finding in with_sounds(1, other) if finding.kind == "near_duplicate_sound"]
        folds[other] = found
    assert {finding.severity for finding in folds.values()} == {"refused"}
    assert any("under two groups (such as 'clip001' and" in finding.message for finding in folds.values())
