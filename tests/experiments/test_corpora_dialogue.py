"""Readers of dialogues, monologues and windows: what becomes of labels, speakers, clips and parts that are missing."""

from __future__ import annotations

import importlib.util
import tarfile
import zipfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from emofuse.experiments.audit import audit
from emofuse.experiments.corpora import read_corpus
from emofuse.experiments.protocols import make_folds
from emofuse.experiments.run import prepare_corpus
from emofuse.experiments.study import load_study
from emofuse.features.errors import CorpusError, ProtocolError, TableError
from emofuse.features.files import read_bytes
from emofuse.features.label_spaces import SPACES
from emofuse.features.media import decode_audio
from pandas.testing import assert_frame_equal

MINIATURES = Path(__file__).parents[1] / "contracts" / "miniatures_dialogue.py"


@pytest.fixture(scope="module")
def miniatures():
    """The module that writes the miniatures; tests are no package, so it is loaded by its path."""
    spec = importlib.util.spec_from_file_location("miniatures_dialogue_for_readers", MINIATURES)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def meld_table(tmp_path):
    """A root with the table of one split, with the times of each turn, and no clips."""
    table = pd.DataFrame(
        {
            "Utterance": ["Oh!", "No.", "What?"],
            "Speaker": ["Joey", "Monica", "Joey"],
            "Emotion": ["surprise", "anger", "surprise"],
            "Sentiment": ["positive", "negative", "negative"],
            "Dialogue_ID": [0, 0, 1],
            "Utterance_ID": [0, 1, 0],
            "Season": 1,
            "Episode": 2,
            "StartTime": ["00:00:01,000", "00:00:02,000", "00:00:03,000"],
            "EndTime": ["00:00:02,000", "00:00:03,000", "00:00:04,000"],
        }
    )
    table.to_csv(tmp_path / "test_sent_emo.csv", index=False)
    return tmp_path


def touched(path):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"clip of " + path.name.encode())
    return path


def test_meld_without_clips_has_no_columns_for_them_and_no_notes(meld_table):
    corpus = read_corpus("meld", meld_table)
    assert list(corpus.samples) == ["text", "label", "sentiment", "group", "split", "dialogue", "turn"]
    assert corpus.notes == ()


def test_meld_clips_belong_to_the_split_of_their_folder(miniatures, tmp_path):
    corpus = read_corpus("meld", miniatures.meld_clips(tmp_path))
    samples = corpus.samples
    assert samples.loc["dev_0_0", "video"].endswith("dev_splits_complete/dia0_utt0.mp4")
    assert samples.loc["train_0_0", "video"].endswith("train_splits/dia0_utt0.mp4")
    assert samples["video"].equals(samples["audio"].rename("video"))
    assert "start_s" not in samples
    assert "dev: 1 of 4 utterances have no clip (dev_0_1)" in corpus.notes


def test_meld_clip_of_two_people_is_nobodys(miniatures, tmp_path):
    corpus = read_corpus("meld", miniatures.meld_clips(tmp_path))
    assert corpus.samples.loc[["train_1_0", "train_1_1", "dev_1_0"], "video"].isna().all()
    assert corpus.notes[-1] == (
        "4 clips are also another person's turn and left out (dev_1_0, dev_1_1, train_1_0, train_1_1)"
    )


def test_meld_clips_in_an_archive_are_read_in_place_and_hold_sound(miniatures, tmp_path):
    samples = read_corpus("meld", miniatures.meld_clips(tmp_path, archive=True)).samples
    path = samples.loc["train_0_1", "audio"]
    assert "clips.zip/train/train_splits/" in path
    assert decode_audio(read_bytes(path)).duration_s == pytest.approx(1.0, abs=0.2)


def test_meld_test_clips_with_the_longer_name_stand_in_only_where_there_is_no_other(meld_table):
    folder = meld_table / "test" / "output_repeated_splits_test"
    for name in ("dia0_utt0", "final_videos_testdia0_utt0", "final_videos_testdia0_utt1", "._dia1_utt0"):
        touched(folder / f"{name}.mp4")
    video = read_corpus("meld", meld_table).samples["video"]
    assert Path(video["test_0_0"]).name == "dia0_utt0.mp4"
    assert Path(video["test_0_1"]).name == "final_videos_testdia0_utt1.mp4"
    assert video["test_1_0"] is None


def test_meld_split_without_any_clip_is_one_note(meld_table):
    table = (meld_table / "test_sent_emo.csv").read_text()
    (meld_table / "dev_sent_emo.csv").write_text(table)
    touched(meld_table / "output_repeated_splits_test" / "dia0_utt0.mp4")
    assert "dev: none of its 3 utterances has a clip" in read_corpus("meld", meld_table).notes


def test_meld_tar_archives_are_named_with_what_to_do(meld_table, tmp_path_factory):
    with tarfile.open(meld_table / "train.tar.gz", "w:gz") as packed:
        packed.add(meld_table / "test_sent_emo.csv", "train_sent_emo.csv")
    (note,) = read_corpus("meld", meld_table).notes
    assert note == "train.tar.gz cannot be read in place: unpack each with tar -xf, and the archives in it too"
    empty = tmp_path_factory.mktemp("packed")
    (meld_table / "train.tar.gz").rename(empty / "MELD.Raw.tar.gz")
    with pytest.raises(CorpusError, match=r"not found below .*\(MELD.Raw.tar.gz cannot be read in place: unpack"):
        read_corpus("meld", empty)


def test_meld_clips_that_hold_nothing_are_left_out_with_a_note(meld_table):
    touched(meld_table / "output_repeated_splits_test" / "dia0_utt0.mp4")
    (meld_table / "output_repeated_splits_test" / "dia0_utt1.mp4").write_bytes(b"")
    corpus = read_corpus("meld", meld_table)
    assert corpus.samples["video"].notna().tolist() == [True, False, False]
    assert any("0 bytes" in note for note in corpus.notes)


def test_iemocap_speaker_is_who_speaks_and_not_who_wore_the_markers(miniatures, tmp_path):
    samples = read_corpus("iemocap", miniatures.iemocap(tmp_path)).samples
    assert samples.loc["Ses01F_impro01_M000", ["group", "session", "gender"]].tolist() == ["Ses01M", "Ses01", "male"]
    assert sorted(samples["group"].unique()) == ["Ses01F", "Ses01M", "Ses02F", "Ses02M"]
    assert samples.loc["Ses01M_script01_1b_F000", "part"] == "scripted"


def test_iemocap_turns_are_counted_by_when_they_begin_also_those_left_out(tmp_path):
    folder = tmp_path / "Session5" / "dialog" / "EmoEvaluation"
    folder.mkdir(parents=True)
    lines = [
        "[30.0000 - 31.0000]\tSes05M_impro02_F001\tfru\t[1.0000, 2.0000, 4.5000]",
        "[20.5000 - 21.0000]\tSes05M_impro02_M000\txxx\t[2.0000, 2.0000, 2.0000]",
        "[6.2901 - 8.2357]\tSes05M_impro02_F000\texc\t[4.5000, 3.5000, 2.5000]",
    ]
    (folder / "Ses05M_impro02.txt").write_text("% header\n\n" + "\n".join(lines) + "\n")
    corpus = read_corpus("iemocap", tmp_path)
    assert corpus.samples.index.tolist() == ["Ses05M_impro02_F000", "Ses05M_impro02_F001"]
    assert corpus.samples["turn"].tolist() == [0, 2]
    assert corpus.samples["label"].tolist() == ["excited", "frustrated"]
    assert corpus.samples.iloc[0][["valence", "activation", "dominance"]].tolist() == [4.5, 3.5, 2.5]
    assert corpus.notes == (
        "1 of 3 turns have no agreed emotion (xxx) and are left out",
        "no transcriptions below the root: no text",
        "no sentences/wav below the root: no audio",
    )


def test_iemocap_words_and_sounds_are_those_of_the_turn(miniatures, tmp_path):
    root = miniatures.iemocap(tmp_path)
    (wav,) = root.rglob("Ses02F_impro01_F000.wav")
    wav.unlink()
    corpus = read_corpus("iemocap", root)
    row = corpus.samples.loc["Ses01F_impro01_F001"]
    assert row["text"] == "Turn 2 of Ses01F_impro01."
    assert Path(row["audio"]).stem == "Ses01F_impro01_F001"
    assert corpus.samples.loc["Ses02F_impro01_F000", "audio"] is None
    assert "1 turns have no audio, such as Ses02F_impro01_F000" in corpus.notes
    assert not corpus.samples.index.str.contains("XX").any()


def test_iemocap_labels_are_those_of_its_space(miniatures, tmp_path):
    samples = read_corpus("iemocap", miniatures.iemocap(tmp_path)).samples
    assert set(samples["label"]) == set(SPACES["iemocap"])


@pytest.mark.parametrize(("name", "classes"), [("iemocap", 4), ("iemocap_6", 6)])
def test_iemocap_studies_leave_out_both_speakers_of_a_session(miniatures, tmp_path, name, classes):
    study = load_study(name)
    samples = prepare_corpus(study, read_corpus("iemocap", miniatures.iemocap(tmp_path, sessions=(1, 2, 3)))).samples
    assert samples["label"].nunique() == classes
    folds = make_folds(samples, study.protocol)
    assert [fold.name for fold in folds] == ["Ses01", "Ses02", "Ses03"]
    assert all(samples.index[fold.test].str[:5].nunique() == 1 for fold in folds)


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ("[1.0 - 2.0]\tSes01F_impro01_F000\tjoy\t[1.0, 2.0, 3.0]\n", r"emotions \['joy'\] are not known"),
        ("nothing\n", "no turn is judged in 1 files such as Ses01F_impro01.txt"),
        ("[1.0 - 2.0]\tSes01F_impro01_F000\tneu\t[..2500, 2.0, 3.0]\n", "no turn is judged"),
    ],
    ids=["unknown", "nothing", "no-number"],
)
def test_iemocap_evaluation_that_says_nothing_known_is_refused(tmp_path, lines, message):
    folder = tmp_path / "Session1" / "dialog" / "EmoEvaluation"
    folder.mkdir(parents=True)
    (folder / "Ses01F_impro01.txt").write_text(lines)
    with pytest.raises(CorpusError, match=message):
        read_corpus("iemocap", tmp_path)


def test_mosei_score_gives_two_three_and_seven_classes(tmp_path):
    scores = [-3.0, -2.4, -0.4, 0.0, 0.3333333, 0.6666666, 2.6666666]
    table = pd.DataFrame({"video_id": list("abcdefg"), "clip_id": "0", "text": "so", "label": scores, "mode": "train"})
    table.to_csv(tmp_path / "label.csv", index=False)
    samples = read_corpus("mosei", tmp_path).samples
    assert samples["sentiment3"].tolist() == [*["negative"] * 3, "neutral", *["positive"] * 3]
    assert samples["sentiment"].isna().tolist() == [False] * 3 + [True] + [False] * 3
    assert samples["sentiment"].dropna().tolist() == samples["sentiment3"].drop("d_0").tolist()
    assert samples["sentiment7"].tolist() == [
        "highly_negative",
        "negative",
        "neutral",
        "neutral",
        "neutral",
        "weakly_positive",
        "highly_positive",
    ]
    assert samples["label"].tolist() == samples["sentiment3"].tolist()
    assert set(samples["sentiment7"]) <= set(SPACES["polarity7"])


def test_mosei_clips_are_those_of_the_video_and_the_clip(miniatures, tmp_path):
    corpus = read_corpus("mosei", miniatures.mosei_labels(tmp_path))
    assert corpus.samples.loc["-1AbC_1_2", "video"].endswith("Raw/-1AbC_1/2.mp4")
    assert corpus.samples.loc["-0AbC_0_1", "video"] is None
    assert corpus.samples["group"].nunique() == 3
    assert corpus.notes == tuple(f"1 of 12 segments have no {name}, such as -0AbC_0_1" for name in ("video", "audio"))


@pytest.mark.parametrize("label", ["4.0", "Positive", ""])
def test_mosei_label_that_is_no_score_is_refused(tmp_path, label):
    (tmp_path / "label.csv").write_text(f"video_id,clip_id,text,label,mode\na,0,so,1.0,train\na,1,so,{label},train\n")
    with pytest.raises(
        TableError, match=r"label.csv: label must be a score of sentiment from -3 to 3.*\(row 1; 1 in all\)"
    ):
        read_corpus("mosei", tmp_path)


def test_mosei_release_takes_the_mean_of_the_judges_each_answer_once(miniatures, tmp_path):
    corpus = read_corpus("mosei", miniatures.mosei_release(tmp_path))
    samples = corpus.samples
    # Three judges: -2, -3, -3. The second table repeats the first segment's answers, and names a video with its folder.
    assert samples.loc["v0__0", "sentiment_score"] == pytest.approx(-8 / 3)
    assert samples.loc["v0__0", "happy_score"] == 2.0
    assert samples["label"].tolist()[:3] == ["happy", "sad", "neutral"]
    assert set(samples["label"]) <= set(SPACES["mosei"])
    assert "3 transcribed segments were not judged and are left out" in corpus.notes
    assert "3 lines of the transcripts are no segments and are left out" in corpus.notes


def test_mosei_release_has_bounds_with_whole_recordings_and_none_with_clips(miniatures, tmp_path, tmp_path_factory):
    whole = read_corpus("mosei", miniatures.mosei_release(tmp_path)).samples
    assert whole.loc["v1__2", ["start_s", "end_s"]].tolist() == [2.0, 3.0]
    assert whole.loc["v1__2", "audio"].endswith("WAV_16000/v1_.wav")
    cut = read_corpus("mosei", miniatures.mosei_release(tmp_path_factory.mktemp("cut"), media="clips")).samples
    assert cut.loc["v1__2", "video"].endswith("Segmented/Combined/v1__2.mp4")
    assert not {"start_s", "end_s"} & set(cut.columns)


def test_mosei_whole_video_goes_before_a_clip_and_sounds_by_itself(miniatures, tmp_path):
    root = miniatures.mosei_release(tmp_path, media="clips")
    whole = touched(root / "Raw" / "Videos" / "Full" / "Combined" / "v0_.mp4")
    samples = read_corpus("mosei", root).samples
    assert samples.loc["v0__1", ["video", "audio", "start_s"]].tolist() == [str(whole), str(whole), 1.0]
    assert np.isnan(samples.loc["v1__1", "start_s"])
    assert samples.loc["v1__1", "video"].endswith("v1__1.mp4")


def test_mosei_official_split_is_read_out_of_the_publishers_file_which_is_never_run(miniatures, tmp_path, capsys):
    samples = read_corpus("mosei", miniatures.mosei_release(tmp_path, n_videos=4)).samples
    assert samples.groupby("group")["split"].first().tolist() == ["train", "train", "valid", "test"]
    assert capsys.readouterr().out == ""
    (tmp_path / "cmu_mosei_std_folds.py").write_text("standard_train_fold = [open('x')]\n")
    with pytest.raises(CorpusError, match=r"cmu_mosei_std_folds\.py: lists of video names needed"):
        read_corpus("mosei", tmp_path)


def test_mosei_without_the_official_split_is_told_so_before_anything_is_measured(miniatures, tmp_path):
    corpus = read_corpus("mosei", miniatures.mosei_release(tmp_path, folds=False))
    assert "no cmu_mosei_std_folds.py below the root: the samples have no official split" in corpus.notes
    with pytest.raises(ProtocolError, match="needs a column 'split'"):
        make_folds(prepare_corpus(load_study("mosei"), corpus).samples, load_study("mosei").protocol)


def test_mosei_emotions_that_are_equally_strong_are_counted(miniatures, tmp_path):
    root = miniatures.mosei_release(tmp_path)
    path = root / "Raw" / "Labels" / "5000_batch_raw.csv"
    table = pd.read_csv(path)
    table["Answer.fear"] = table["Answer.happiness"]
    table.loc[0, "Answer.anger"] = 9
    table.to_csv(path, index=False)
    (root / "Raw" / "Labels" / "mturk_extra_v2.csv").unlink()
    corpus = read_corpus("mosei", root)
    assert corpus.samples.loc["v0__0", "label"] == "happy"
    assert any(note.startswith("1 segments have several strongest emotions") for note in corpus.notes)
    assert "1 answers are incomplete or off their scale and are left out" in corpus.notes


def test_mosei_sequences_alone_are_refused_in_one_line(tmp_path):
    (tmp_path / "CMU_MOSEI_Labels.csd").write_bytes(b"\x89HDF")
    with pytest.raises(CorpusError, match=r"computational sequences .* are not read; get label.csv"):
        read_corpus("mosei", tmp_path)


def test_mosei_transcripts_without_answers_say_what_is_missing(miniatures, tmp_path):
    root = miniatures.mosei_release(tmp_path)
    for path in (root / "Raw" / "Labels").iterdir():
        path.unlink()
    with pytest.raises(CorpusError, match=r"Labels/\*.csv beside the transcripts not found below"):
        read_corpus("mosei", root)


@pytest.mark.parametrize(
    ("name", "classes"),
    [
        ("mosei", {"negative", "neutral", "positive"}),
        ("mosei_sentiment2", {"negative", "positive"}),
        ("mosei_sentiment7", {"negative", "neutral", "positive"}),
    ],
)
def test_mosei_studies_take_their_classes_and_the_official_split(miniatures, tmp_path, name, classes):
    study = load_study(name)
    samples = prepare_corpus(
        study, read_corpus("mosei", miniatures.mosei_labels(tmp_path, clips=False, n_videos=6))
    ).samples
    assert set(samples["label"]) == classes
    (fold,) = make_folds(samples, study.protocol)
    assert set(samples["split"].iloc[fold.test]) == {"valid"}


def test_mosei_emotion_study_leaves_out_what_has_no_emotion(miniatures, tmp_path):
    study = load_study("mosei_emotion")
    samples = prepare_corpus(study, read_corpus("mosei", miniatures.mosei_release(tmp_path, n_videos=6))).samples
    assert set(samples["label"]) == set(SPACES["ekman6"])
    assert len(samples) == 12


def test_eeg_brainwave_finds_each_recording_by_the_windows_that_rows_share(miniatures, tmp_path):
    corpus = read_corpus("eeg_brainwave", miniatures.eeg_brainwave(tmp_path, n_recordings=6, n_windows=5))
    samples = corpus.samples
    assert samples["recording"].value_counts().tolist() == [5] * 6
    assert (samples.groupby("recording")["label"].nunique() == 1).all()
    assert "by these, 30 windows are of 6 recordings, whose subjects are not known" in corpus.notes[0]
    names = ["mean_0_a", "mean_d_0_a", "mean_d_0_a2", "fft_0_a"]
    assert list(corpus.tables["windows"]) == [*names, *(name.replace("_a", "_b") for name in names)]


def test_eeg_brainwave_without_neighbours_has_no_recordings(miniatures, tmp_path):
    corpus = read_corpus("eeg_brainwave", miniatures.eeg_brainwave(tmp_path, linked=False))
    assert list(corpus.samples) == ["label"]
    assert corpus.notes[0].startswith("no two rows are neighbours")


def test_eeg_brainwave_missing_row_parts_a_recording_and_joins_none(miniatures, tmp_path):
    root = miniatures.eeg_brainwave(tmp_path, n_recordings=3, n_windows=5)
    table = pd.read_csv(root / "emotions.csv")
    ordered = table[table["label"] == "NEUTRAL"]
    # The middle row of the recording: its first half is another row's second, and the other way round.
    first, second = ordered["# mean_0_a"], ordered["mean_0_b"]
    inner = ordered.index[first.isin(second) & second.isin(first)]
    table.drop(index=inner[1]).to_csv(root / "emotions.csv", index=False)
    samples = read_corpus("eeg_brainwave", root).samples
    assert samples.groupby("label")["recording"].nunique().to_dict() == {"negative": 1, "neutral": 2, "positive": 1}


def test_eeg_brainwave_study_is_leaky_and_the_audit_says_why(miniatures, tmp_path):
    study = load_study("eeg_brainwave")
    assert (study.protocol.name, study.protocol.leaky) == ("random", True)
    findings = audit(study, read_corpus("eeg_brainwave", miniatures.eeg_brainwave(tmp_path)))
    (found,) = [finding for finding in findings if finding.kind == "windows_of_one_recording"]
    assert "are windows of recordings that training holds too" in found.message


def test_eeg_brainwave_recordings_study_holds_neighbours_together(miniatures, tmp_path):
    study = load_study("eeg_brainwave_recordings")
    corpus = prepare_corpus(study, read_corpus("eeg_brainwave", miniatures.eeg_brainwave(tmp_path)))
    for fold in make_folds(corpus.samples, study.protocol, seed=study.seed):
        train, test = (set(corpus.samples["recording"].iloc[side]) for side in (fold.train, fold.test))
        assert not train & test


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("mean_0_a,mean_0_b,label\n1,2,HAPPY\n1,2,NEUTRAL\n", r"labels are \['NEGATIVE'.*got \['HAPPY'\]"),
        ("mean_0_a,fft_0_a,mean_0_b,label\n1,2,3,NEUTRAL\n", r"of the next .*\['fft_0_b'\] missing"),
        ("x,label\n1,NEUTRAL\n", "both missing"),
        ("mean_0_a,mean_0_b\n1,2\n", r"columns \['label'\] are missing"),
    ],
    ids=["label", "half", "neither", "no-label"],
)
def test_eeg_brainwave_table_of_another_kind_is_refused(tmp_path, text, message):
    (tmp_path / "emotions.csv").write_text(text)
    with pytest.raises(TableError, match=message):
        read_corpus("eeg_brainwave", tmp_path)


@pytest.mark.parametrize("corpus", ["iemocap", "mosei", "eeg_brainwave"])
def test_a_zip_archive_is_read_as_its_folder_is(miniatures, tmp_path, corpus):
    make = {"iemocap": miniatures.iemocap, "mosei": miniatures.mosei_release, "eeg_brainwave": miniatures.eeg_brainwave}
    folder = tmp_path / "folder"
    folder.mkdir()
    make[corpus](folder)
    archive = tmp_path / "archive.zip"
    with zipfile.ZipFile(archive, "w") as packed:
        for path in sorted(folder.rglob("*.*")):
            packed.write(path, path.relative_to(folder))
    paths = ["audio"] if corpus != "eeg_brainwave" else []
    unpacked, packed = (read_corpus(corpus, root).samples for root in (folder, archive))
    assert_frame_equal(unpacked.drop(columns=paths), packed.drop(columns=paths))
    assert all(read_bytes(path) for column in paths for path in packed[column])
