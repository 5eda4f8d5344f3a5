"""The contract of every corpus reader, on miniatures in the layout that its publisher ships."""

from __future__ import annotations

import shutil
import zipfile
from dataclasses import fields
from itertools import product

import numpy as np
import pandas as pd
import pytest
import soundfile as sf
from emofuse.experiments.corpora import NAMES, corpus_info, read_corpus
from emofuse.experiments.study import load_study
from emofuse.features.errors import CorpusError, TableError
from emofuse.features.media import decode_audio, read_bytes
from emofuse.features.samples import MEDIA_COLUMNS, check_samples
from pandas.testing import assert_frame_equal, assert_index_equal

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


CASES = {
    "crema_d": ("crema_d", lambda root, demo: crema_d(root), 3, {"gender"}),
    "crema_d without demographics": ("crema_d", lambda root, demo: crema_d(root, demographics=False), 3, set()),
    "demo": ("demo", lambda root, demo: demo, 24, {"audio", "text", "eeg"}),
    "meld": ("meld", lambda root, demo: meld(root), 12, {"text", "split", "dialogue", "turn", "sentiment"}),
    "meld train only": ("meld", lambda root, demo: meld(root, splits=("train",)), 4, {"text", "split"}),
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
    assert columns | {"label", "group"} <= set(samples.columns)
    assert_frame_equal(check_samples(samples), samples)


def test_names_groups_and_labels_are_text(case):
    name, root, _, _ = case
    samples = read_corpus(name, root).samples
    assert samples.index.is_unique
    for values in (samples.index, samples["group"], samples["label"]):
        assert all(isinstance(value, str) and value.strip() == value != "" for value in values)
    assert samples["group"].nunique() > 1
    assert samples["label"].nunique() > 1


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
    assert study.label in corpus.samples
    for block, spec in study.blocks.items():
        if spec.table in corpus.tables:
            assert set(spec.columns or ()) <= set(corpus.tables[spec.table].columns)
        elif spec.table is not None:
            assert any(block in note for note in corpus.notes)


@pytest.mark.parametrize("name", NAMES)
def test_info_is_complete(name):
    info = corpus_info(name)
    assert info.name == name
    assert info.groups in ("speaker", "subject")
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
    with pytest.raises(CorpusError, match=r"'iemocap' is not known.*crema_d.*--samples"):
        read_corpus("iemocap", ".")


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


def test_wesad_numbers_its_windows_by_subject(tmp_path):
    samples = read_corpus("wesad", wesad(tmp_path)).samples
    assert samples.index[[0, 6]].tolist() == ["S2-000", "S17-000"]
    assert samples["label"].iloc[:3].tolist() == ["amusement", "baseline", "stress"]


@pytest.mark.parametrize(
    ("name", "file", "text", "message"),
    [
        ("meld", "dev_sent_emo.csv", "Utterance,Speaker\nhi,Joey\n", r"dev_sent_emo\.csv: columns \['Emotion'"),
        ("crema_d", "tabulatedVotes.csv", "fileName,A\n1001_IEO_NEU_XX,1\n", r"columns \['D', 'F', 'H', 'N', 'S'\]"),
        ("wesad", "feats.csv", "subject;label\n2;1\n", "separated by ';'"),
        ("wesad", "feats.csv", "subject,label,x\n2,7,1\n2,1,1\n", "'S2-000': its label is missing"),
    ],
    ids=["meld-columns", "crema-columns", "wesad-semicolons", "wesad-label"],
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
