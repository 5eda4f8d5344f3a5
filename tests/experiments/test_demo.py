"""The synthetic corpus: the same for everybody, and made so that each modality tells a part and none tells all."""

from __future__ import annotations

import hashlib

import numpy as np
import pandas as pd
import pytest
from emofuse.experiments import demo
from emofuse.experiments.corpora import read_corpus
from emofuse.features.eeg import EEGBandPower
from emofuse.features.errors import CorpusError
from emofuse.features.files import read_bytes
from emofuse.features.media import decode_audio
from emofuse.features.text import TextVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GroupKFold, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

CHANCE = 1 / len(demo.EMOTIONS)


def digests(folder):
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


@pytest.fixture
def two_speakers(monkeypatch):
    monkeypatch.setattr(demo, "N_SPEAKERS", 2)
    monkeypatch.setattr(demo, "CLIPS_A_CELL", 1)


@pytest.fixture(scope="module")
def draws():
    """Faces, brain signals and words of 12 speakers as the corpus draws them, with labels and speakers."""
    random = np.random.default_rng(0)
    faces, signals, texts, labels, speakers, used = [], [], [], [], [], set()
    for speaker in range(12):
        rest, brain = random.gamma(1.2, 0.25, len(demo.UNITS)), random.normal(0, 0.12, (4, 5))
        for emotion in demo.EMOTIONS * 6:
            faces.append(list(demo._face(random, emotion, rest).values()))
            signals.append(demo._eeg(random, emotion, brain))
            texts.append(demo._utterance(random, emotion, used))
            labels.append(emotion)
            speakers.append(speaker)
    bands = EEGBandPower(sampling_rate_hz=demo.EEG_RATE_HZ)
    powers = [bands.extract_one(pd.DataFrame(signal.T, columns=list(demo.CHANNELS))) for signal in signals]
    words = TextVectorizer(char_ngrams=None).fit_transform(texts).toarray()
    return {"face": np.array(faces), "eeg": np.array(powers), "text": words}, np.array(labels), speakers, texts


def test_a_seed_gives_the_same_bytes_again(two_speakers, tmp_path):
    for name, seed in (("one", 5), ("two", 5), ("other", 6)):
        demo.make_demo_corpus(tmp_path / name, seed=seed)
    one, two, other = (digests(tmp_path / name) for name in ("one", "two", "other"))
    assert one == two
    assert one.keys() == other.keys()
    assert one["samples.csv"] != other["samples.csv"]


def test_the_corpus_holds_each_emotion_of_each_speaker(tiny_demo):
    corpus = read_corpus("demo", tiny_demo)
    counts = pd.crosstab(corpus.samples["group"], corpus.samples["label"])
    assert counts.shape == (4, len(demo.EMOTIONS))
    assert (counts == 1).all(axis=None)
    assert corpus.info.synthetic


def test_some_clips_lack_a_modality_and_none_lacks_all(tiny_demo):
    corpus = read_corpus("demo", tiny_demo)
    there = corpus.samples[["audio", "text", "eeg"]].notna()
    there["face"] = corpus.samples.index.isin(corpus.tables["face"].index)
    assert not there.all(axis=None)
    assert there.any(axis=1).all()
    assert there.mean().min() > 0.7


def test_a_clip_never_lacks_every_modality(two_speakers, monkeypatch, tmp_path):
    monkeypatch.setattr(demo, "ABSENT_SHARE", 1.0)
    corpus = read_corpus("demo", tmp_path)
    there = corpus.samples[["audio", "text", "eeg"]].notna()
    there["face"] = corpus.samples.index.isin(corpus.tables["face"].index)
    assert (there.sum(axis=1) == 1).all()


def test_voices_and_brain_signals_are_in_range(tiny_demo):
    samples = read_corpus("demo", tiny_demo).samples
    audio = decode_audio(read_bytes(samples["audio"].dropna().iloc[0]))
    assert audio.sampling_rate_hz == demo.RATE_HZ
    assert 0.5 < audio.duration_s < 5
    assert audio.warnings == ()
    eeg = pd.read_csv(samples["eeg"].dropna().iloc[0])
    assert eeg.shape == (demo.EEG_RATE_HZ * demo.EEG_S, 5)
    assert 5 < eeg[list(demo.CHANNELS)].std().mean() < 25


def test_nobody_says_the_same_twice(draws):
    texts = draws[3]
    assert len({text.rstrip(".!") for text in texts}) == len(texts) == 432


def test_a_sentence_is_drawn_again_where_somebody_has_said_it(monkeypatch):
    for part in ("OPENERS", "SUBJECTS", "VERBS", "TIMES"):
        monkeypatch.setattr(demo, part, ("so",))
    random, used = np.random.default_rng(0), set()
    texts = [demo._utterance(random, "happy", used).rstrip(".!") for _ in range(20)]
    assert len(set(texts)) == 20


@pytest.mark.parametrize("block", ["face", "eeg", "text"])
def test_each_modality_tells_something_and_none_suffices(draws, block):
    tables, labels, speakers, _ = draws
    model = make_pipeline(StandardScaler(), LogisticRegression(C=0.01))
    told = cross_val_predict(model, tables[block], labels, groups=speakers, cv=GroupKFold(4))
    assert CHANCE + 0.1 < (told == labels).mean() < 0.8


def test_voices_differ_by_emotion_but_not_enough():
    random = np.random.default_rng(0)
    rows, labels = [], []
    for emotion in ("angry", "sad") * 30:
        sound = demo._voice(random, emotion, random.uniform(95, 230), 1.0)
        loud = np.abs(sound) > 0.02
        rows.append([np.abs(np.diff(np.sign(sound[loud]))).mean(), len(sound), sound.std(), np.abs(sound).mean()])
        labels.append(emotion)
    model = make_pipeline(StandardScaler(), LogisticRegression())
    accuracy = (cross_val_predict(model, np.array(rows), labels, cv=5) == np.array(labels)).mean()
    assert 0.6 < accuracy < 1


def test_a_failure_in_the_middle_leaves_nothing(two_speakers, tmp_path, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(demo, "_face", full)
    with pytest.raises(CorpusError, match=r"cannot be written to .*: No space left on device"):
        demo.make_demo_corpus(tmp_path / "corpus")
    assert list(tmp_path.iterdir()) == []


def test_an_unfinished_corpus_is_made_again(two_speakers, tmp_path):
    (tmp_path / "audio").mkdir()
    (tmp_path / "audio" / "old.wav").write_bytes(b"left over")
    (tmp_path / "face.csv").write_text("left over")
    corpus = read_corpus("demo", tmp_path)
    assert len(corpus.samples) == 12
    assert {path.name for path in tmp_path.iterdir()} == {"audio", "eeg", "face.csv", "samples.csv"}
    assert not (tmp_path / "audio" / "old.wav").exists()
    before = digests(tmp_path)
    read_corpus("demo", tmp_path)
    assert digests(tmp_path) == before
