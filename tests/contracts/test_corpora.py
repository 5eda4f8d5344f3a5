"""The contract of every corpus reader, on miniatures in the layout that its publisher ships."""

from __future__ import annotations

import importlib.util
import shutil
import zipfile
from dataclasses import fields
from itertools import product
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import soundfile as sf
from emofuse.experiments.corpora import NAMES, corpus_info, read_corpus
from emofuse.experiments.study import load_study
from emofuse.features.errors import CorpusError, TableError
from emofuse.features.files import read_bytes
from emofuse.features.media import decode_audio
from emofuse.features.pictures import decode_picture
from emofuse.features.samples import MEDIA_COLUMNS, check_samples
from pandas.testing import assert_frame_equal, assert_index_equal
from PIL import Image

TAKES = ["-".join(parts) for parts in product(("01", "05"), ("01",), ("01", "02"), ("01",), ("07", "12"))]


def ravdess(root, *, suffix="wav", face=True, archive=None):
    for take in TAKES:
        path = root / f"Actor_{take[-2:]}" / f"03-01-{take}.{suffix}"
        path.parent.mkdir(parents=True, exist_ok=True)
        sf.write(path, np.linspace(-0.1, 0.1, 160), 16_000)
    if face:
        units = pd.DataFrame({"clip": [f"01-01-{take}" for take in TAKES], "AU01_r": 0.5, "AU01_c": 1, "pose": 3})
        units.to_csv(root / "openface_au_means.csv", index=False)
    if archive is None:
        return root
    with zipfile.ZipFile(root / "Audio_Speech_Actors_01-24.zip", "w") as packed:
        for path in sorted(root.rglob("*")):
            if path.suffix == f".{suffix}" or (archive == "root" and path.suffix == ".csv"):
                packed.write(path, path.relative_to(root))
        packed.writestr(f"__MACOSX/Actor_07/03-01-01-02-01-01-07.{suffix}", b"resource fork")
    for folder in root.glob("Actor_*"):
        shutil.rmtree(folder)
    return root / "Audio_Speech_Actors_01-24.zip" if archive == "root" else root


def meld(root, *, splits=("train", "dev", "test"), folder="."):
    (root / folder).mkdir(parents=True, exist_ok=True)
    for split in splits:
        table = pd.DataFrame(
            {
                "Sr No.": [1, 2, 3, 4],
                "Utterance": ["Oh my God!", "You\x92re late", "null", "Fine."],
                "Speaker": ["Joey", "Monica", "The  Waiter", "Joey"],
                "Emotion": ["surprise", "anger", "neutral", "neutral"],
                "Sentiment": ["positive", "negative", "neutral", "neutral"],
                "Dialogue_ID": [0, 0, 0, 1],
                "Utterance_ID": [0, 1, 2, 0],
            }
        )
        table.to_csv(root / folder / f"{split}_sent_emo.csv", index=False)
        (root / "MELD_Dyadic").mkdir(exist_ok=True)
        table.to_csv(root / "MELD_Dyadic" / f"{split}_sent_emo_dya.csv", index=False)
    return root


def wesad(root, *, beside=False):
    columns = {name for block in load_study("wesad").blocks.values() for name in block.columns}
    random = np.random.default_rng(0)
    table = pd.DataFrame(random.normal(size=(12, len(columns))), columns=sorted(columns))
    table["subject"] = np.repeat([2, 17], 6)
    table["label"] = np.tile([0, 1, 2], 4)
    table.to_csv(root / "may14_feats4.csv")
    if beside:
        (root / "S2").mkdir()
        (root / "S2" / "tags.csv").write_bytes(b"")
        (root / "S2" / "IBI.csv").write_text("1495437325.0, IBI\n10.9,0.9\n")
    return root


def crema_d(root, *, demographics=True):
    rows = []
    for condition in (1, 2, 3):
        for number, clip in enumerate(("1001_IEO_NEU_XX", "1001_IEO_ANG_HI", "1002_DFA_SAD_LO"), start=1):
            rows.append([f"{condition}{number:05d}", 4, 0, 1, 0, 5, 0, clip, 10])
    pd.DataFrame(rows, columns=["", *"ADFHNS", "fileName", "numResponses"]).to_csv(
        root / "tabulatedVotes.csv", index=False
    )
    if demographics:
        actors = pd.DataFrame({"ActorID": [1001, 1002], "Age": [51, 21], "Sex": ["Male", "Female"]})
        actors.to_csv(root / "VideoDemographics.csv", index=False)
    return root


def fer2013(root, *, layout="folder", usages=("Training", "PublicTest", "PrivateTest")):
    pictures = np.random.default_rng(0).integers(0, 256, (6, 48, 48), dtype=np.uint8)
    rows = [(usages[number % len(usages)], (0, 3, 6)[number // 2], picture) for number, picture in enumerate(pictures)]
    if layout.endswith(".csv"):
        order = ["emotion", "pixels", "Usage"] if layout == "fer2013.csv" else ["emotion", " Usage", " pixels"]
        table = pd.DataFrame(rows, columns=["Usage", "emotion", "pixels"]).rename(columns=str.strip)
        table["pixels"] = [" ".join(map(str, picture.ravel())) for picture in table["pixels"]]
        table[[name.strip() for name in order]].to_csv(root / layout, index=False, header=order)
        return root / layout if layout == "fer2013.csv" else root
    for number, (usage, emotion, picture) in enumerate(rows):
        folder = {"Training": "train", "PublicTest": "validation", "PrivateTest": "test"}[usage]
        path = (
            root / folder / {0: "angry", 3: "happy", 6: "neutral"}[emotion] / f"{usage}_{number // len(usages):07d}.jpg"
        )
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(picture).save(path)
    if layout == "folder":
        return root
    with zipfile.ZipFile(root / "fer2013.zip", "w") as packed:
        for path in sorted(root.rglob("*.jpg")):
            packed.write(path, path.relative_to(root))
    return root / "fer2013.zip"


WITHOUT_GROUPS = {"fer2013"}


def muse_mental(root, *, copy=True, gap=True):
    """Six recordings of six seconds, one with a gap after two, and a copy under another name with one value changed."""
    for number, (subject, state) in enumerate(product("ab", ("relaxed", "neutral", "concentrating"))):
        values = np.random.default_rng(number).normal(scale=20, size=(6 * 256, 5)).round(3)
        table = pd.DataFrame(values, columns=["TP9", "AF7", "AF8", "TP10", "Right AUX"])
        clock = 1533222559.839 + 100 * number + np.arange(len(table)) / 256
        if gap and (subject, state) == ("b", "relaxed"):
            clock[2 * 256 :] += 700
        table.insert(0, "timestamps", clock.round(3))
        table.to_csv(root / f"subject{subject}-{state}-1.csv", index=False)
        if copy and (subject, state) == ("a", "concentrating"):
            table.loc[0, "TP9"] += 1
            table.to_csv(root / "name-concentrating-1.csv", index=False)
    return root


CASES = {
    "crema_d": ("crema_d", lambda root, demo: crema_d(root), 3, {"gender"}),
    "crema_d without demographics": ("crema_d", lambda root, demo: crema_d(root, demographics=False), 3, set()),
    "demo": ("demo", lambda root, demo: demo, 24, {"audio", "text", "eeg"}),
    "fer2013": ("fer2013", lambda root, demo: fer2013(root), 6, {"image", "split"}),
    "fer2013 archive": ("fer2013", lambda root, demo: fer2013(root, layout="zip"), 6, {"image", "split"}),
    "fer2013 train only": ("fer2013", lambda root, demo: fer2013(root, usages=("Training",)), 6, {"image", "split"}),
    "fer2013 table": ("fer2013", lambda root, demo: fer2013(root, layout="fer2013.csv"), 6, {"image", "split"}),
    "fer2013 later table": (
        "fer2013",
        lambda root, demo: fer2013(root, layout="icml_face_data.csv"),
        6,
        {"image", "split"},
    ),
    "meld": ("meld", lambda root, demo: meld(root), 12, {"text", "split", "dialogue", "turn", "sentiment"}),
    "meld train only": ("meld", lambda root, demo: meld(root, splits=("train",)), 4, {"text", "split"}),
    "muse_mental": ("muse_mental", lambda root, demo: muse_mental(root), 29, {"eeg", "recording", "start_s", "end_s"}),
    "muse_mental as it is": ("muse_mental", lambda root, demo: muse_mental(root, copy=False, gap=False), 30, {"eeg"}),
    "meld dev and test": ("meld", lambda root, demo: meld(root, splits=("dev", "test")), 8, {"text", "split"}),
    "meld repository": ("meld", lambda root, demo: meld(root, folder="data/MELD"), 12, {"text", "split"}),
    "ravdess wav": ("ravdess", lambda root, demo: ravdess(root), 8, {"audio", "text", "gender", "intensity"}),
    "ravdess flac": ("ravdess", lambda root, demo: ravdess(root, suffix="flac"), 8, {"audio"}),
    "ravdess sound only": ("ravdess", lambda root, demo: ravdess(root, face=False), 8, {"audio"}),
    "ravdess archive in a folder": ("ravdess", lambda root, demo: ravdess(root, archive="inside"), 8, {"audio"}),
    "ravdess archive": ("ravdess", lambda root, demo: ravdess(root, suffix="flac", archive="root"), 8, {"audio"}),
    "wesad": ("wesad", lambda root, demo: wesad(root), 12, set()),
    "wesad beside raw signals": ("wesad", lambda root, demo: wesad(root, beside=True), 12, set()),
}


for path in sorted(Path(__file__).parent.glob("miniatures_*.py")):  # tests are no package: loaded by their paths
    spec = importlib.util.spec_from_file_location(path.stem, path)
    miniatures = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(miniatures)
    CASES |= miniatures.CASES
    WITHOUT_GROUPS |= miniatures.WITHOUT_GROUPS


@pytest.fixture(autouse=True)
def cache(tmp_path_factory, monkeypatch):
    """A cache folder of the test's own."""
    folder = tmp_path_factory.mktemp("cache")
    monkeypatch.setenv("XDG_CACHE_HOME", str(folder))
    return folder


@pytest.fixture(params=CASES, ids=lambda name: name.replace(" ", "-"))
def case(request, tmp_path, tiny_demo):
    """The name, the root, the number of samples and the further columns of one miniature."""
    name, make, count, columns = CASES[request.param]
    return name, make(tmp_path, tiny_demo), count, columns


def test_every_reader_is_held_to_the_contract():
    assert {name for name, *_ in CASES.values()} == set(NAMES)


def test_samples_are_a_checked_sample_table(case):
    name, root, count, columns = case
    samples = read_corpus(name, root).samples
    assert len(samples) == count
    assert columns | {"label"} <= set(samples.columns)
    assert ("group" in samples) is (name not in WITHOUT_GROUPS)
    assert_frame_equal(check_samples(samples), samples)


def test_names_groups_and_labels_are_text(case):
    name, root, _, _ = case
    samples = read_corpus(name, root).samples
    assert samples.index.is_unique
    for values in (samples.index, *(samples[column] for column in ("group", "label") if column in samples)):
        assert all(isinstance(value, str) and value.strip() == value != "" for value in values)
        assert values.nunique() > 1


def test_tables_have_one_row_a_sample(case):
    name, root, _, _ = case
    corpus = read_corpus(name, root)
    for table in corpus.tables.values():
        present = table.index[table.notna().any(axis=1)]
        assert len(present) and table.index.is_unique and present.isin(corpus.samples.index).all()
        assert not np.isinf(table.to_numpy(dtype=float)).any()


def test_every_media_path_can_be_read(case):
    name, root, _, _ = case
    samples = read_corpus(name, root).samples
    paths = [path for column in MEDIA_COLUMNS if column in samples for path in samples[column].dropna()]
    assert all(read_bytes(path) for path in paths)


def test_reading_again_gives_the_same(case):
    name, root, _, _ = case
    first, second = read_corpus(name, root), read_corpus(name, root)
    assert_frame_equal(first.samples, second.samples)
    assert first.tables.keys() == second.tables.keys()
    for table in first.tables:
        assert_frame_equal(first.tables[table], second.tables[table])


def test_the_shipped_study_finds_its_columns_or_a_note_says_what_is_missing(case):
    name, root, _, _ = case
    corpus, study = read_corpus(name, root), load_study(name)
    assert study.corpus == name
    assert set(study.tasks or (study.column,)) <= set(corpus.samples)
    for block, spec in study.blocks.items():
        if spec.table in corpus.tables:
            assert set(spec.columns or ()) <= set(corpus.tables[spec.table].columns)
        elif spec.table is not None:
            assert any(block in note or spec.table in note for note in corpus.notes)


@pytest.mark.parametrize("name", NAMES)
def test_info_is_complete(name):
    info = corpus_info(name)
    assert info.name == name
    without = ("picture", "text", "window")
    assert info.groups in (without if name in WITHOUT_GROUPS else ("speaker", "subject", "author", "video"))
    assert info.synthetic is (name == "demo")
    assert all(getattr(info, field.name) for field in fields(info) if field.name != "synthetic")


@pytest.mark.parametrize("name", sorted(set(NAMES) - {"demo"}))
def test_an_empty_folder_is_refused_with_what_was_looked_for_and_where_to_get_it(name, tmp_path):
    info = corpus_info(name)
    with pytest.raises(CorpusError, match="not found below") as caught:
        read_corpus(name, tmp_path)
    for part in (name, str(tmp_path), info.layout, info.source, info.licence):
        assert part in str(caught.value)


@pytest.mark.parametrize("name", sorted(set(NAMES) - {"demo"}))
def test_a_root_that_does_not_exist_is_refused(name, tmp_path):
    with pytest.raises(CorpusError, match=r"no folder or archive .*gone.*--root"):
        read_corpus(name, tmp_path / "gone")


def test_the_demo_corpus_that_cannot_be_made_is_refused(tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(CorpusError, match="cannot be written"):
        read_corpus("demo", tmp_path / "file" / "corpus")


def test_an_unknown_name_is_refused_with_the_known_ones():
    with pytest.raises(CorpusError, match=r"'nobody' is not known.*crema_d.*--samples"):
        read_corpus("nobody", ".")


def test_ravdess_codes_are_read_as_published(tmp_path):
    corpus = read_corpus("ravdess", ravdess(tmp_path))
    row = corpus.samples.loc["03-01-05-01-02-01-12"]
    assert (row["label"], row["group"], row["gender"], row["intensity"]) == ("angry", "12", "female", "normal")
    assert row["text"] == "Dogs are sitting by the door"
    assert list(corpus.tables["openface"].columns) == ["AU01_r", "AU01_c"]
    assert_index_equal(corpus.tables["openface"].index, corpus.samples.index, check_names=False)


def test_ravdess_take_without_a_face_row_is_absent_there(tmp_path):
    ravdess(tmp_path)
    table = pd.read_csv(tmp_path / "openface_au_means.csv")
    table.iloc[1:].to_csv(tmp_path / "openface_au_means.csv", index=False)
    face = read_corpus("ravdess", tmp_path).tables["openface"]
    assert face.isna().all(axis=1).sum() == 1
    assert face.loc[f"03-01-{TAKES[0]}"].isna().all()


def test_ravdess_take_in_two_formats_counts_once(tmp_path):
    ravdess(tmp_path)
    assert len(read_corpus("ravdess", ravdess(tmp_path, suffix="flac")).samples) == len(TAKES)


def test_ravdess_archive_members_decode(tmp_path):
    samples = read_corpus("ravdess", ravdess(tmp_path, archive="root")).samples
    assert decode_audio(read_bytes(samples["audio"].iloc[0])).sampling_rate_hz == 16_000


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ("clip,x\n01-01-01-01-01-01-07,1\n", "no action-unit columns"),
        ("clip,AU01_r\n01-01-01-01-01-01-07,1\n03-01-01-01-01-01-07,2\n", "several rows"),
        ("name,AU01_r\nx,1\n", "no column 'clip'"),
    ],
    ids=["no-units", "take-twice", "no-clip"],
)
def test_ravdess_face_table_that_cannot_be_joined_is_refused(tmp_path, table, message):
    (ravdess(tmp_path) / "openface_au_means.csv").write_text(table)
    with pytest.raises(TableError, match=message):
        read_corpus("ravdess", tmp_path)


def test_meld_splits_speakers_and_words_are_kept(tmp_path):
    samples = read_corpus("meld", meld(tmp_path)).samples
    assert samples["split"].value_counts().to_dict() == {"train": 4, "dev": 4, "test": 4}
    assert samples.loc["dev_0_2", "group"] == "The Waiter"
    assert samples.loc["dev_0_2", "text"] == "null"
    assert samples.loc["test_1_0", ["dialogue", "turn"]].tolist() == ["test_1", 0]


def test_crema_d_shares_of_votes_sum_to_one_and_carry_gender(tmp_path):
    corpus = read_corpus("crema_d", crema_d(tmp_path))
    assert set(corpus.tables) == {"voice", "face", "both"}
    for table in corpus.tables.values():
        np.testing.assert_allclose(table.sum(axis=1), 1.0)
        assert table.loc["1001_IEO_ANG_HI", "neutral"] == 0.5
    assert corpus.samples["gender"].to_dict()["1002_DFA_SAD_LO"] == "female"


def test_muse_windows_overlap_by_half_and_leave_gaps_and_copies_out(tmp_path):
    corpus = read_corpus("muse_mental", muse_mental(tmp_path))
    whole = corpus.samples[corpus.samples["recording"] == "subjecta-neutral-1"]
    assert whole["start_s"].tolist() == [0, 1, 2, 3, 4]
    assert set(whole["end_s"] - whole["start_s"]) == {2.0}
    cut = corpus.samples[corpus.samples["recording"] == "subjectb-relaxed-1"]
    assert cut["start_s"].tolist() == pytest.approx([0, 702, 703, 704])
    assert set(corpus.samples["group"]) == {"subjecta", "subjectb"}
    assert corpus.notes == (
        "name-concentrating-1 was recorded when subjecta-concentrating-1 was: left out as its copy",
        "subjectb-relaxed-1: 1 gaps in time; windows across them are left out",
    )


def test_wesad_numbers_its_windows_by_subject(tmp_path):
    samples = read_corpus("wesad", wesad(tmp_path)).samples
    assert samples.index[[0, 6]].tolist() == ["S2-000", "S17-000"]
    assert samples["label"].iloc[:3].tolist() == ["amusement", "baseline", "stress"]


@pytest.mark.parametrize("layout", ["folder", "fer2013.csv", "icml_face_data.csv"])
def test_fer2013_splits_and_emotions_are_those_of_the_competition(tmp_path, layout):
    samples = read_corpus("fer2013", fer2013(tmp_path, layout=layout)).samples
    assert samples["split"].value_counts().to_dict() == {"train": 2, "validation": 2, "test": 2}
    assert samples.loc[samples["split"] == "test", "label"].tolist() == ["happy", "neutral"]


def test_fer2013_pictures_of_one_name_under_two_emotions_are_two_samples(tmp_path):
    samples = read_corpus("fer2013", fer2013(tmp_path, usages=("Training",))).samples
    assert {"angry/Training_0000000", "happy/Training_0000002"} <= set(samples.index)
    shutil.copy(tmp_path / "train/angry/Training_0000000.jpg", tmp_path / "train/happy")
    assert "happy/Training_0000000" in read_corpus("fer2013", tmp_path).samples.index


def test_fer2013_table_gives_its_pictures_bit_for_bit_and_is_turned_into_pictures_once(tmp_path, cache):
    root = fer2013(tmp_path, layout="fer2013.csv")
    path = read_corpus("fer2013", root).samples.loc["angry/Training_00000", "image"]
    expected = np.random.default_rng(0).integers(0, 256, (6, 48, 48), dtype=np.uint8)[0]
    np.testing.assert_array_equal(decode_picture(read_bytes(path)).pixels[..., 0], expected)
    (archive,) = (cache / "emofuse" / "fer2013").iterdir()
    made = archive.stat().st_mtime_ns
    read_corpus("fer2013", root)
    assert [(found, found.stat().st_mtime_ns) for found in archive.parent.iterdir()] == [(archive, made)]


def test_fer2013_table_leaves_nothing_behind_where_it_cannot_be_turned(tmp_path, cache, monkeypatch):
    root = fer2013(tmp_path, layout="fer2013.csv")
    monkeypatch.setattr(zipfile.ZipFile, "writestr", lambda *_: (_ for _ in ()).throw(OSError(28, "No space left")))
    with pytest.raises(CorpusError, match=r"fer2013.csv cannot be written .*No space left"):
        read_corpus("fer2013", root)
    assert list((cache / "emofuse" / "fer2013").iterdir()) == []


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("7,{pixels},Training", r"emotion 0 to 6 and Usage \['Training', .* needed, got '7' and 'Training' \(row 0\)"),
        ("0,{pixels},Test", "got '0' and 'Test'"),
        ("0,1 2 3,Training", "2304 whole numbers from 0 to 255 needed, got '1 2 3'"),
        ("0,{pixels}256,Training", r"2304 whole numbers from 0 to 255 needed, got '0 0 .*\(row 0\)"),
        ("0,{pixels}-1,Training", "2304 whole numbers from 0 to 255"),
        ("0,{pixels}.5,Training", "2304 whole numbers from 0 to 255"),
        ("0", "got '0' and ''"),
        ("0,\0{pixels}0,Training", "2304 whole numbers"),
    ],
    ids=["emotion", "usage", "count", "range", "negative", "fraction", "short", "null"],
)
def test_fer2013_rows_that_are_no_picture_are_refused(tmp_path, row, message):
    pixels = "0 " * 2303 + ("0" if row.endswith("{pixels},Training") or "Test" in row else "")
    (tmp_path / "fer2013.csv").write_text(f"emotion,pixels,Usage\n{row.format(pixels=pixels)}\n")
    with pytest.raises(TableError, match=message):
        read_corpus("fer2013", tmp_path)


@pytest.mark.parametrize(
    ("name", "file", "text", "message"),
    [
        ("muse_mental", "subjecta-neutral-1.csv", "time,TP9\n0,1\n", r"columns \['timestamps'\]"),
        ("meld", "dev_sent_emo.csv", "Utterance,Speaker\nhi,Joey\n", r"dev_sent_emo\.csv: columns \['Emotion'"),
        ("crema_d", "tabulatedVotes.csv", "fileName,A\n1001_IEO_NEU_XX,1\n", r"columns \['D', 'F', 'H', 'N', 'S'\]"),
        ("fer2013", "fer2013.csv", "emotion,pixels\n0,1\n", r"fer2013\.csv: columns \['Usage'\] are missing"),
        ("wesad", "feats.csv", "subject;label\n2;1\n", "separated by ';'"),
        ("wesad", "feats.csv", "subject,label,x\n2,7,1\n2,1,1\n", "'S2-000': its label is missing"),
    ],
    ids=["muse-columns", "meld-columns", "crema-columns", "fer-columns", "wesad-semicolons", "wesad-label"],
)
def test_a_table_that_is_not_as_published_is_refused(tmp_path, name, file, text, message):
    (tmp_path / file).write_text(text)
    with pytest.raises(TableError, match=message):
        read_corpus(name, tmp_path)


def test_crema_d_demographics_without_their_columns_are_refused(tmp_path):
    (crema_d(tmp_path) / "VideoDemographics.csv").write_text("Actor,Sex\n1001,Male\n")
    with pytest.raises(TableError, match=r"VideoDemographics\.csv: columns \['ActorID'\]"):
        read_corpus("crema_d", tmp_path)


def test_an_archive_that_is_none_is_refused(tmp_path):
    (tmp_path / "Audio_Speech_Actors_01-24.zip").write_bytes(b"PK\x03\x04 cut off")
    with pytest.raises(CorpusError, match=r"Actors_01-24\.zip.*cannot be read.*fetch it again"):
        read_corpus("ravdess", tmp_path)
