"""Miniatures of corpora of dialogues, monologues and windows, in the layouts that their publishers ship."""

from __future__ import annotations

import io
import shutil
import zipfile

import av
import numpy as np
import pandas as pd
import soundfile as sf

EMOTIONS = ("ang", "hap", "sad", "neu", "fru", "exc", "fea", "sur", "dis", "oth")


def write_clip(path, *, seed=0, n_frames=12):
    """Write an MP4 of a second with a moving grey picture and a tone, as published clips hold both."""
    path.parent.mkdir(parents=True, exist_ok=True)
    file = io.BytesIO()
    with av.open(file, "w", format="mp4") as output:
        pictures = output.add_stream("mpeg4", rate=n_frames, width=64, height=48, pix_fmt="yuv420p")
        sound = output.add_stream("aac", rate=16_000, layout="mono")
        for number in range(n_frames):
            picture = np.full((48, 64, 3), 60 + 4 * number + seed % 40, dtype=np.uint8)
            output.mux(pictures.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        output.mux(pictures.encode())
        tone = 0.3 * np.sin(2 * np.pi * (200 + 20 * (seed % 30)) * np.arange(16_000) / 16_000)
        for start in range(0, 16_000, 1024):
            frame = av.AudioFrame.from_ndarray(tone[None, start : start + 1024].astype(np.float32), "fltp", "mono")
            frame.sample_rate, frame.pts = 16_000, start
            output.mux(sound.encode(frame))
        output.mux(sound.encode())
    path.write_bytes(file.getvalue())


def write_tone(path, *, seed=0, seconds=1.0):
    """Write a tone with a little noise of its own."""
    path.parent.mkdir(parents=True, exist_ok=True)
    times = np.arange(int(16_000 * seconds)) / 16_000
    noise = 0.01 * np.random.default_rng(seed).normal(size=len(times))
    sf.write(path, 0.3 * np.sin(2 * np.pi * (150 + 25 * (seed % 20)) * times) + noise, 16_000)


def meld_clips(root, *, archive=False):
    """Two splits, of which dev lacks one clip, and a turn of another person at the times of the one before it."""
    words = ("Oh my God!", "You are late.", "Fine.", "Go away.")
    for split, folder in (("train", "train/train_splits"), ("dev", "dev/dev_splits_complete")):
        table = pd.DataFrame(
            {
                "Utterance": words,
                "Speaker": ["Joey", "Monica", "Joey", "Rachel"],
                "Emotion": ["surprise", "anger", "neutral", "anger"],
                "Sentiment": ["positive", "negative", "neutral", "negative"],
                "Dialogue_ID": [0, 0, 1, 1],
                "Utterance_ID": [0, 1, 0, 1],
                "Season": 4,
                "Episode": 7 if split == "train" else 8,
                "StartTime": ["00:00:01,000", "00:00:04,000", "00:10:00,000", "00:10:00,000"],
                "EndTime": ["00:00:03,000", "00:00:06,000", "00:10:02,000", "00:10:02,000"],
            }
        )
        table.to_csv(root / f"{split}_sent_emo.csv", index=False)
        for number, (dialogue, turn) in enumerate(zip(table["Dialogue_ID"], table["Utterance_ID"], strict=True)):
            if (split, dialogue, turn) != ("dev", 0, 1):
                write_clip(root / folder / f"dia{dialogue}_utt{turn}.mp4", seed=number + 9 * (split == "dev"))
        (root / folder / "._dia0_utt0.mp4").write_bytes(b"resource fork")
    if archive:
        with zipfile.ZipFile(root / "clips.zip", "w") as packed:
            for path in sorted(root.rglob("dia*.mp4")):
                packed.write(path, path.relative_to(root))
        for split in ("train", "dev"):
            shutil.rmtree(root / split)
    return root


def iemocap(root, *, sessions=(1, 2), wav=True, words=True, n_turns=12):
    """Sessions of one improvised and one scripted dialogue; every twelfth turn is without an agreed emotion."""
    for session in sessions:
        folder = root / "IEMOCAP_full_release" / f"Session{session}"
        for scripted, part in enumerate((f"Ses{session:02d}F_impro01", f"Ses{session:02d}M_script01_1b")):
            judged = [
                "% [START_TIME - END_TIME] TURN_NAME EMOTION [V, A, D]",
                "",
            ]
            spoken = []
            for number in range(n_turns):
                turn = f"{part}_{'FM'[number % 2]}{number // 2:03d}"
                emotion = "xxx" if number % 12 == 11 else EMOTIONS[(number + session) % len(EMOTIONS)]
                judged += [
                    f"[{2 * number + 0.25:.4f} - {2 * number + 1.25:.4f}]\t{turn}\t{emotion}\t[2.5000, 3.0000, 3.5000]",
                    "C-E2:\tNeutral;\t()",
                    "A-E3:\tval 3; act 2; dom  2;\t()",
                    "",
                ]
                spoken.append(f"{turn} [{2 * number + 0.25:08.4f}-{2 * number + 1.25:08.4f}]: Turn {number} of {part}.")
                if wav:
                    write_tone(
                        folder / "sentences" / "wav" / part / f"{turn}.wav",
                        seed=200 * session + 100 * scripted + number,
                    )
            spoken += [f"{part}_MXX0 [001.0000-001.2000]: Hm.", "F: Oh?"]
            evaluation = folder / "dialog" / "EmoEvaluation"
            (evaluation / "Categorical").mkdir(parents=True, exist_ok=True)
            # The judges' files begin with what they judged, as it was displayed; later dialogues stand above earlier ones.
            (evaluation / f"{part}.txt").write_text("\n".join(judged))
            (evaluation / "Categorical" / f"{part}_e2_cat.txt").write_text(f"{part}_F000 :Neutral; ()\n")
            if words:
                (folder / "dialog" / "transcriptions").mkdir(exist_ok=True)
                (folder / "dialog" / "transcriptions" / f"{part}.txt").write_text("\n".join(spoken))
    return root


def mosei_labels(root, *, clips=True, n_videos=3, modes=("train", "valid", "test")):
    """The table that is shared with clips of each sentence, less one clip; names may begin with a hyphen."""
    rows = []
    for number in range(n_videos):
        video = f"-{number}AbC_{number}"
        for clip, score in enumerate((-2.3333333, -0.3333333, 0.0, 1.6666666)):
            word = ("awful", "poor", "so", "great")[clip]
            rows.append((video, clip, f"This is {word} {number}.", score, "", "", "", "", modes[number % len(modes)]))
            if clips and (number, clip) != (0, 1):
                write_clip(root / "Raw" / video / f"{clip}.mp4", seed=4 * number + clip)
    columns = ["video_id", "clip_id", "text", "label", "label_T", "label_A", "label_V", "annotation", "mode"]
    pd.DataFrame(rows, columns=columns).to_csv(root / "label.csv", index=False)
    return root


def mosei_release(root, *, folds=True, media="whole", n_videos=3):
    """The publisher's release: transcripts, the answers of three judges a segment, recordings, and the official split."""
    raw = root / "Raw"
    answers = []
    emotions = ("happiness", "sadness", "anger", "surprise", "disgust", "fear")
    videos = [f"v{number}_" for number in range(n_videos)]
    (raw / "Transcript" / "Segmented" / "Combined").mkdir(parents=True)
    (raw / "Labels").mkdir()
    for number, video in enumerate(videos):
        lines = [
            f"{video}___{segment}___{segment}.0___{segment + 1}.0___Words {segment} of {number}" for segment in range(4)
        ]
        (raw / "Transcript" / "Segmented" / "Combined" / f"{video}.txt").write_text("\n".join([*lines, "", "broken"]))
        for segment in range(3):
            for judge in range(3):
                told = {f"Answer.{name}": 0 for name in emotions}
                if segment < 2:
                    told[f"Answer.{emotions[(number + segment) % 6]}"] = 1 + judge
                answers.append(
                    {
                        "AssignmentId": f"A{number}{segment}{judge}",
                        "Input.VIDEO_ID": f"folder/{video}" if judge else video,
                        "Input.CLIP": segment,
                        "Answer.sentiment": (segment - 1) * 3 - (segment - 1) * (judge == 0),
                        **told,
                    }
                )
        if media == "whole":
            write_tone(raw / "Audio" / "Full" / "WAV_16000" / f"{video}.wav", seed=number, seconds=4)
        elif media == "clips":
            for segment in range(4):
                write_clip(
                    raw / "Videos" / "Segmented" / "Combined" / f"{video}_{segment}.mp4", seed=4 * number + segment
                )
    table = pd.DataFrame(answers)
    table.to_csv(raw / "Labels" / "5000_batch_raw.csv", index=False)
    table.iloc[:3].to_csv(raw / "Labels" / "mturk_extra_v2.csv", index=False)
    if folds:
        lists = {"train": videos[:-2], "valid": videos[-2:-1], "test": videos[-1:]}
        text = "\n".join(f"standard_{name}_fold = {names}" for name, names in lists.items())
        (root / "cmu_mosei_std_folds.py").write_text(f"#by the publisher\n{text}\nprint('never run')\n")
    return root


def eeg_brainwave(root, *, n_recordings=6, n_windows=6, linked=True):
    """The published table on a small scale: a row is two neighbouring windows, rounded, and the rows are shuffled."""
    names = ["mean_0_", "mean_d_0_", "mean_d_0_2", "fft_0_"]
    columns = [[(f"{name[:-1]}{half}2" if name.endswith("2") else name + half) for name in names] for half in "ab"]
    parts = []
    for recording in range(n_recordings):
        random = np.random.default_rng(recording)
        windows = (2 * (recording % 3) + random.normal(size=(n_windows + 1, len(names))).cumsum(axis=0)).round(3)
        after = windows[1:] if linked else windows[1:] + 0.01 * (1 + np.arange(n_windows))[:, None]
        part = pd.DataFrame(np.hstack([windows[:-1], after]), columns=[*columns[0], *columns[1]])
        parts.append(part.assign(label=("NEGATIVE", "NEUTRAL", "POSITIVE")[recording % 3]))
    table = pd.concat(parts, ignore_index=True).sample(frac=1, random_state=0)
    table.rename(columns={"mean_0_a": "# mean_0_a"}).to_csv(root / "emotions.csv", index=False)
    return root


CASES = {
    "meld clips": ("meld", lambda root, demo: meld_clips(root), 8, {"text", "split", "video", "audio"}),
    "meld clips archive": ("meld", lambda root, demo: meld_clips(root, archive=True), 8, {"video", "audio"}),
    "iemocap": (
        "iemocap",
        lambda root, demo: iemocap(root),
        44,
        {"audio", "text", "session", "gender", "part", "dialogue", "turn", "valence", "activation", "dominance"},
    ),
    "iemocap one session, words only": (
        "iemocap",
        lambda root, demo: iemocap(root, sessions=(5,), wav=False),
        22,
        {"text"},
    ),
    "iemocap sound only": ("iemocap", lambda root, demo: iemocap(root, words=False), 44, {"audio"}),
    "mosei labels": (
        "mosei",
        lambda root, demo: mosei_labels(root),
        12,
        {"text", "audio", "video", "split", "sentiment_score", "sentiment", "sentiment3", "sentiment7"},
    ),
    "mosei labels only": ("mosei", lambda root, demo: mosei_labels(root, clips=False), 12, {"text", "split"}),
    "mosei release": (
        "mosei",
        lambda root, demo: mosei_release(root),
        9,
        {"text", "audio", "split", "start_s", "end_s", "happy_score", "fear_score", "sentiment3"},
    ),
    "mosei release clips": (
        "mosei",
        lambda root, demo: mosei_release(root, folds=False, media="clips"),
        9,
        {"text", "audio", "video"},
    ),
    "eeg_brainwave": ("eeg_brainwave", lambda root, demo: eeg_brainwave(root), 36, {"recording"}),
    "eeg_brainwave unlinked": ("eeg_brainwave", lambda root, demo: eeg_brainwave(root, linked=False), 36, set()),
}
WITHOUT_GROUPS = {"eeg_brainwave"}
