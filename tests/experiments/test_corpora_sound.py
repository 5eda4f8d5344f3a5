"""Readers of acted speech: what names of files say, which file a modality comes from, and what studies make of it."""

from __future__ import annotations

import importlib.util
import shutil
import zipfile
from importlib import import_module
from pathlib import Path

import pytest
from emofuse.experiments.corpora import corpus_info, read_corpus
from emofuse.experiments.corpora.base import find_recordings
from emofuse.experiments.protocols import check_leaks, find_leaks, make_folds
from emofuse.experiments.run import prepare_corpus
from emofuse.experiments.study import load_study
from emofuse.features.errors import CorpusError, ProtocolError
from emofuse.features.files import read_bytes
from emofuse.features.label_spaces import SPACES
from emofuse.features.media import decode_audio
from emofuse.features.video import frames

spec = importlib.util.spec_from_file_location(
    "miniatures_sound", Path(__file__).parents[1] / "contracts" / "miniatures_sound.py"
)
mini = importlib.util.module_from_spec(spec)
spec.loader.exec_module(mini)


@pytest.mark.parametrize("name", ["ravdess", "emodb", "savee", "tess", "crema_d"])
def test_codes_stand_for_the_labels_of_the_corpus(name):
    emotions = import_module(f"emofuse.experiments.corpora.{name}").EMOTIONS
    assert sorted(emotions.values()) == sorted(SPACES[name])


@pytest.mark.parametrize(
    ("name", "corpus", "sources"),
    [
        ("emodb", "emodb", {"audio"}),
        ("savee", "savee", {"audio", "video"}),
        ("tess", "tess", {"audio"}),
        ("crema_d_clips", "crema_d", {"audio", "video"}),
        ("ravdess_video", "ravdess", {"audio", "video"}),
        ("ravdess_song", "ravdess", {"audio", "video"}),
        ("ravdess_two_stream", "ravdess", {"audio", "face"}),
    ],
)
def test_studies_measure_what_their_corpus_has(name, corpus, sources):
    study = load_study(name)
    assert (study.name, study.corpus) == (name, corpus)
    assert {spec.source for spec in study.blocks.values()} == sources
    assert sources - {None} <= set(corpus_info(corpus).modalities)


@pytest.mark.parametrize("archived", [False, True], ids=["folder", "archive"])
def test_files_that_hold_nothing_are_left_out_and_named(tmp_path, archived):
    folder = tmp_path / "parts"
    mini.write_sound(folder / "a.wav")
    (folder / "b.wav").write_bytes(b"")
    (folder / "c.wav").write_bytes(mini.STUB)
    (folder / "d.wav").write_bytes(mini.STUB)
    if archived:
        mini.pack(folder, tmp_path / "parts.zip")
    found, notes = find_recordings(tmp_path, r".\.wav")
    assert [path.name for path in found] == ["a.wav"]
    assert sorted(notes) == [
        "1 file is left out (0 bytes, to be fetched again): b.wav",
        "2 files are left out (stubs of Git LFS, to be had with 'git lfs pull'): c.wav, d.wav",
    ]


def test_a_corpus_of_stubs_alone_is_refused_and_said_to_be_one(tmp_path):
    (tmp_path / "1001_DFA_ANG_XX.wav").write_bytes(mini.STUB)
    with pytest.raises(CorpusError, match=r"not found below .*\(1 file is left out.*git lfs pull.*get it from https"):
        read_corpus("crema_d", tmp_path)


def test_empty_files_of_a_corpus_are_in_its_notes(tmp_path):
    root = mini.emodb(tmp_path)
    (root / "wav" / "03a01Nc.wav").write_bytes(b"")
    corpus = read_corpus("emodb", root)
    assert len(corpus.samples) == 4
    assert any("03a01Nc.wav" in note for note in corpus.notes)


# RAVDESS


def test_ravdess_takes_sound_and_pictures_from_the_best_file_there_is(tmp_path):
    name, take = "03-01-05-01-02-01-12", "01-05-01-02-01-12"
    suffixes = []
    for modality in ("02", "01", "03"):
        mini.ravdess(tmp_path, modality)
        row = read_corpus("ravdess", tmp_path).samples.loc[name]
        suffixes.append([Path(row[column]).name for column in ("audio", "video") if column in row])
    assert suffixes == [
        [f"02-{take}.mp4"],
        [f"01-{take}.mp4", f"01-{take}.mp4"],
        [f"03-{take}.wav", f"01-{take}.mp4"],
    ]


def test_ravdess_video_in_archives_is_decoded_in_place(tmp_path):
    samples = read_corpus("ravdess", mini.ravdess(tmp_path, "01", archives=True)).samples
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "Video_Speech_Actor_07.zip",
        "Video_Speech_Actor_12.zip",
    ]
    data = read_bytes(samples["video"].iloc[0])
    assert len(list(frames(data))) == 3
    assert decode_audio(data).duration_s > 0.09


def test_ravdess_song_is_read_and_kept_apart_from_speech(tmp_path):
    alone = read_corpus("ravdess", mini.ravdess(tmp_path, "03", emotions=("01", "04", "05"))).samples
    both = read_corpus("ravdess", mini.ravdess(tmp_path, "03", channel="02", emotions=("02", "06")))
    assert both.samples["channel"].value_counts().to_dict() == {"speech": 12, "song": 8}
    assert both.samples.loc["03-02-06-01-01-01-07", ["label", "channel", "gender"]].tolist() == [
        "fearful",
        "song",
        "male",
    ]
    for study, channel in (("ravdess", "03-01-"), ("ravdess_two_stream", "03-01-"), ("ravdess_song", "03-02-")):
        chosen = prepare_corpus(load_study(study), both).samples
        assert len(chosen) and all(name.startswith(channel) for name in chosen.index)
    assert prepare_corpus(load_study("ravdess"), both).samples.index.tolist() == alone.index.tolist()


def test_ravdess_two_stream_tests_the_last_four_actors_without_neutral(tmp_path):
    corpus = read_corpus(
        "ravdess", mini.ravdess(tmp_path, "03", actors=("01", "20", "21", "24"), emotions=("01", "02", "05"))
    )
    study = load_study("ravdess_two_stream")
    samples = prepare_corpus(study, corpus).samples
    (fold,) = make_folds(samples, study.protocol)
    assert set(samples["label"]) == {"calm", "angry"}
    assert set(samples["group"].iloc[fold.test]) == {"21", "24"}


def test_ravdess_files_of_other_codes_and_names_are_ignored(tmp_path):
    root = mini.ravdess(tmp_path, "03")
    for name in ("03-01-09-01-01-01-07.wav", "03-01-01-01-03-01-07.wav", "03-03-01-01-01-01-07.wav", "01-01-01.mp4"):
        mini.write_sound(root / "other" / "sound.wav").rename(root / "other" / name)
    assert len(read_corpus("ravdess", root).samples) == 8


# EmoDB, SAVEE, TESS


def test_emodb_names_are_read_as_published(tmp_path):
    root = mini.emodb(tmp_path)
    mini.write_sound(root / "wav" / "03a03Fa.wav")  # there is no such sentence
    mini.write_sound(root / "wav" / "07a01Fa.wav")  # nor such a speaker
    samples = read_corpus("emodb", root).samples
    assert samples.index.tolist() == ["03a01Fa", "03a05Wa", "08b10Nb", "16a02Lc"]
    assert samples["label"].tolist() == ["happiness", "anger", "neutral", "boredom"]
    assert samples["gender"].tolist() == ["male", "male", "female", "female"]
    assert samples.loc["16a02Lc", "text"] == "Das will sie am Mittwoch abgeben."
    assert samples.loc["08b10Nb", "group"] == "08"


def test_savee_joins_sound_and_video_of_a_clip(tmp_path):
    samples = read_corpus("savee", mini.savee(tmp_path)).samples
    assert samples.index.tolist() == [
        f"{speaker}_{code}" for speaker in ("DC", "JK") for code in ("a01", "n30", "sa02")
    ]
    assert samples["label"].tolist() == 2 * ["anger", "neutral", "sadness"]
    assert samples.loc["JK_sa02", "group"] == "JK"
    assert Path(samples.loc["DC_a01", "audio"]).parts[-3:] == ("AudioData", "DC", "a01.wav")
    assert Path(samples.loc["DC_a01", "video"]).parts[-3:] == ("AudioVisualClip", "DC", "a1.avi")


@pytest.mark.parametrize("flat", [False, True], ids=["folders", "one-folder"])
def test_savee_clips_have_the_same_names_in_every_layout(tmp_path, flat):
    samples = read_corpus("savee", mini.savee(tmp_path, video=False, flat=flat)).samples
    assert set(samples["group"]) == {"DC", "JK"}
    assert {"DC_a01", "JK_n30"} <= set(samples.index)
    assert "video" not in samples


def test_savee_video_gives_the_sound_where_there_is_no_other(tmp_path):
    samples = read_corpus("savee", mini.savee(tmp_path, sound=False)).samples
    assert samples["audio"].tolist() == samples["video"].tolist()
    assert decode_audio(read_bytes(samples["audio"].iloc[0])).duration_s > 0.09


def test_tess_misspelt_file_is_its_speakers_and_copies_count_once(tmp_path):
    samples = read_corpus("tess", mini.tess(tmp_path, copies=True)).samples
    assert samples.loc["OAF_bite_neutral", ["group", "label", "word"]].tolist() == ["OAF", "neutral", "bite"]
    assert samples.loc["YAF_back_ps", ["label", "text"]].tolist() == ["pleasant_surprise", "Say the word back"]
    assert len(samples) == 6
    assert set(samples["group"]) == {"OAF", "YAF"}


def test_tess_study_holds_words_out_and_owns_up_to_known_speakers(tmp_path):
    for word in ("bar", "base", "bath"):
        for speaker, emotion in (("OAF", "angry"), ("YAF", "sad")):
            mini.write_sound(tmp_path / f"{speaker}_{word}_{emotion}.wav")
    corpus, study = read_corpus("tess", mini.tess(tmp_path)), load_study("tess")
    samples = prepare_corpus(study, corpus).samples
    folds = make_folds(samples, study.protocol)
    assert all(set(samples["word"].iloc[fold.train]).isdisjoint(samples["word"].iloc[fold.test]) for fold in folds)
    assert check_leaks(find_leaks(samples, folds, hashes={}, use_text=False), study.protocol) is True
    with pytest.raises(ProtocolError, match=r"trains on 1 group \(YAF\)"):
        make_folds(corpus.samples, study.protocol.model_copy(update={"name": "loso"}))


# CREMA-D


def test_crema_d_clips_and_votes_are_joined_by_name(tmp_path):
    corpus = read_corpus("crema_d", mini.crema_d(tmp_path, video=True, votes=True))
    samples = corpus.samples
    assert samples.index.tolist() == ["1001_IEO_ANG_HI", "1001_IEO_NEU_XX", "1002_DFA_SAD_XX", "1003_TIE_HAP_XX"]
    assert samples["clip"].tolist() == ["yes", "yes", "yes", "no"]
    assert samples["intensity"].tolist() == ["high", "unspecified", "unspecified", "unspecified"]
    assert samples["gender"].isna().tolist() == [False, False, False, True]
    assert samples.loc["1002_DFA_SAD_XX", ["text", "label"]].tolist() == ["Don't forget a jacket.", "sad"]
    assert corpus.tables["voice"].notna().all(axis=1).tolist() == [False, True, True, True]
    chosen = prepare_corpus(load_study("crema_d_clips"), corpus).samples
    assert chosen.index.tolist() == samples.index[:3].tolist()


def test_crema_d_votes_are_the_same_with_and_without_clips(tmp_path):
    with_clips = read_corpus("crema_d", mini.crema_d(tmp_path, votes=True))
    shutil.rmtree(tmp_path / "AudioWAV")
    votes_alone = read_corpus("crema_d", tmp_path)
    names = votes_alone.samples.index
    assert votes_alone.samples["clip"].unique().tolist() == ["no"]
    for name, shares in votes_alone.tables.items():
        assert with_clips.tables[name].loc[names].equals(shares)


def test_crema_d_sound_is_the_wave_file_before_the_compressed_one_and_the_video(tmp_path):
    chosen = []
    for part in ({"video": True}, {"mp3": True}, {}):
        mini.crema_d(tmp_path, **({"wav": False} if part else {}), **part)
        path = Path(read_corpus("crema_d", tmp_path).samples.loc["1002_DFA_SAD_XX", "audio"])
        assert decode_audio(read_bytes(path)).duration_s > 0.09
        chosen.append(path.suffix)
    assert chosen == [".flv", ".mp3", ".wav"]


def test_crema_d_without_votes_says_so(tmp_path):
    corpus = read_corpus("crema_d", mini.crema_d(tmp_path))
    assert corpus.tables == {}
    assert any("tabulatedVotes.csv" in note for note in corpus.notes)


def test_crema_d_repository_archive_is_read_in_place(tmp_path):
    samples = read_corpus("crema_d", mini.crema_d(tmp_path, votes=True, archive=True)).samples
    assert zipfile.is_zipfile(tmp_path / "CREMA-D-master.zip")
    assert decode_audio(read_bytes(samples["audio"].dropna().iloc[0])).sampling_rate_hz == 16_000
