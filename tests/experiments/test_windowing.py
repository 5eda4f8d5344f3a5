"""Clips cut into windows: where they lie, what they are called, and what cannot be cut."""

from __future__ import annotations

import av
import numpy as np
import pandas as pd
import pytest
import soundfile as sf
from emofuse.experiments.corpora import Corpus, CorpusInfo
from emofuse.experiments.run import prepare_corpus, run_study
from emofuse.experiments.study import parse_study
from emofuse.experiments.windowing import windowed
from emofuse.features.errors import StudyError

INFO = CorpusInfo("mini", "Miniature", "MIT", "made here", "none", "speaker", ("audio",), True)
RATE_HZ = 16_000


def study_of(**changes):
    values = {
        "name": "mini",
        "corpus": "mini",
        "blocks": {"audio": {"extractor": "short_term"}},
        "classifiers": ["linear"],
        "strategies": ["unimodal"],
        "n_inner": 2,
        "protocol": {"name": "group_kfold", "n_folds": 2},
    }
    return parse_study(values | changes, source="mini")


def draw_film(path, *, bright, seed):
    """Write a second of eight pictures: stripes, upright by day and level by night, in noise."""
    random = np.random.default_rng(seed)
    stripes = np.tile(np.arange(96) // 8 % 2 * 120 + 60, (96, 1))
    stripes = stripes if bright else stripes.T
    with av.open(str(path), "w", format="mp4") as output:
        stream = output.add_stream("mpeg4", rate=8, width=96, height=96, pix_fmt="yuv420p")
        for _ in range(8):
            grey = np.clip(stripes + random.normal(0, 12, (96, 96)), 0, 255).astype(np.uint8)
            picture = np.repeat(grey[..., None], 3, axis=2)
            output.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        output.mux(stream.encode())


@pytest.fixture
def clips(tmp_path):
    """Eight clips of 2.2 s by four speakers: a high tone or a low one, in noise."""
    random = np.random.default_rng(0)
    rows = {}
    for number in range(8):
        seconds = np.arange(int(2.2 * RATE_HZ)) / RATE_HZ
        tone = np.sin(2 * np.pi * (220 if number % 2 else 880) * seconds)
        sf.write(tmp_path / f"{number}.wav", 0.3 * tone + 0.01 * random.normal(size=len(seconds)), RATE_HZ)
        label = "low" if number % 2 else "high"
        rows[f"c{number}"] = {"audio": str(tmp_path / f"{number}.wav"), "label": label, "group": f"s{number // 2}"}
    return Corpus(INFO, pd.DataFrame.from_dict(rows, orient="index"))


def test_windows_lie_wholly_inside_their_clip(clips):
    samples = windowed(study_of(window_s=1.0, step_s=0.5), clips).samples
    own = samples[samples["recording"] == "c3"]
    assert own.index.tolist() == ["c3@0.000", "c3@0.500", "c3@1.000"]
    assert own[["start_s", "end_s"]].to_numpy().tolist() == [[0.0, 1.0], [0.5, 1.5], [1.0, 2.0]]
    assert (own["label"] == "low").all() and len(samples) == 24


def test_without_a_step_windows_follow_each_other(clips):
    samples = windowed(study_of(window_s=1.0), clips).samples
    assert samples.loc[samples["recording"] == "c0", "start_s"].tolist() == [0.0, 1.0]


def test_a_clip_keeps_its_bounds_and_a_short_one_is_one_window(clips):
    samples = clips.samples.assign(start_s=[0.4, *[np.nan] * 7], end_s=[1.9, *[np.nan] * 7])
    cut = windowed(study_of(window_s=0.7), Corpus(INFO, samples)).samples
    assert cut.loc[cut["recording"] == "c0", ["start_s", "end_s"]].to_numpy().tolist() == [[0.4, 1.1], [1.1, 1.8]]
    whole = windowed(study_of(window_s=2.0), Corpus(INFO, samples)).samples
    assert whole.loc["c0@0.400", ["start_s", "end_s"]].tolist() == [0.4, 1.9]


def test_a_clip_of_unknown_length_stays_whole_with_a_note(clips, tmp_path):
    (tmp_path / "0.wav").write_bytes(b"no sound")
    corpus = windowed(study_of(window_s=1.0), clips)
    assert "c0@0.000" in corpus.samples.index and np.isnan(corpus.samples.at["c0@0.000", "end_s"])
    assert len(corpus.notes) == 1 and corpus.notes[0].startswith("c0: not cut into windows")


def test_recordings_are_cut_where_their_time_has_no_gap(tmp_path):
    times = np.arange(1024) / 256
    table = pd.DataFrame({"time_s": times, **{name: np.sin(times) for name in ("TP9", "AF7", "AF8", "TP10")}})
    table.to_csv(tmp_path / "a.csv", index=False)
    rows = {"a": {"eeg": str(tmp_path / "a.csv"), "label": "calm", "group": "s1"}}
    block = {"extractor": "eeg", "parameters": {"sampling_rate_hz": 256.0}}
    corpus = Corpus(INFO, pd.DataFrame.from_dict(rows, orient="index"))
    cut = windowed(study_of(blocks={"eeg": block}, window_s=2.0, step_s=1.0), corpus).samples
    assert cut["start_s"].tolist() == [0.0, 1.0, 2.0]


def test_pictures_of_videos_are_frames_of_their_clips(tmp_path):
    rows = {}
    for number in range(8):
        draw_film(tmp_path / f"{number}.mp4", bright=number % 2 == 1, seed=number)
        label = "day" if number % 2 else "night"
        rows[f"c{number}"] = {"video": str(tmp_path / f"{number}.mp4"), "label": label, "group": f"s{number // 2}"}
    block = {"extractor": "face_image", "parameters": {"parts": ["lbp"], "detect": False}}
    study = study_of(blocks={"frame": block}, window_s=0.5, pool="recording")
    run = run_study(study, Corpus(INFO, pd.DataFrame.from_dict(rows, orient="index")))
    assert run.results["corpus"]["n_samples"] == 16
    assert {item["n_clips"] for item in run.results["pooled"]} == {8}
    assert "the corpus has no image: single pictures of its videos are measured" in run.notes


def test_a_study_without_windows_changes_nothing(clips):
    assert windowed(study_of(), clips) is clips


@pytest.mark.parametrize(
    ("blocks", "message"),
    [
        ({"text": {"extractor": "text"}}, "none of the blocks reads video, audio, eeg, physiology"),
        ({"face": {"extractor": "table", "table": "face"}}, "which the tables of the blocks"),
    ],
)
def test_what_has_no_length_is_not_cut(clips, blocks, message):
    with pytest.raises(StudyError, match=message):
        windowed(study_of(blocks=blocks, window_s=1.0), clips)


def test_windows_are_not_cut_again(clips):
    study = study_of(window_s=1.0)
    with pytest.raises(StudyError, match="parts of recordings already"):
        windowed(study, windowed(study, clips))


def test_a_step_needs_a_length():
    with pytest.raises(StudyError, match="step_s needs window_s"):
        study_of(step_s=1.0)


def test_a_run_on_windows_answers_clips_too(clips):
    study = study_of(window_s=1.0, step_s=0.5, pool="recording")
    assert len(prepare_corpus(study, clips).samples) == 24
    results = run_study(study, clips).results
    assert results["corpus"]["n_samples"] == 24
    assert {item["n_clips"] for item in results["pooled"]} == {8}
    assert results["pooled"][0]["rows"][0]["metrics"]["accuracy"]["mean"] == 1.0
