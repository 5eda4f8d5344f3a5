"""From a corpus and a study to the block table."""

from __future__ import annotations

import shutil
from contextlib import contextmanager

import numpy as np
import pandas as pd
import pytest
from emofuse.experiments.blocks import build_blocks, normalise_speakers
from emofuse.experiments.corpora import Corpus, read_corpus
from emofuse.experiments.study import load_study
from emofuse.features.errors import SampleError, StudyError, TableError
from emofuse.features.speaker_statistics import PRIOR
from emofuse.features.store import FeatureStore
from hypothesis import given
from hypothesis import strategies as st


def demo_study(*blocks, **changes):
    study = load_study("demo")
    chosen = {name: study.blocks[name].model_dump() for name in blocks or study.blocks}
    return study.changed(blocks=chosen, **({"degradations": ()} | changes))


def with_samples(corpus, samples):
    return Corpus(corpus.info, samples, corpus.tables, corpus.notes)


@pytest.fixture(scope="module")
def demo(tiny_demo):
    return read_corpus("demo", tiny_demo)


@pytest.fixture(scope="module")
def built(demo, shared_store):
    return build_blocks(demo_study(), demo, store=FeatureStore(shared_store))


def test_every_block_has_the_rows_of_the_samples(built, demo):
    assert built.X.index.equals(demo.samples.index)
    assert list(dict.fromkeys(built.X.columns.get_level_values(0))) == ["audio", "text", "face", "eeg"]
    assert built.X["text"].columns.tolist() == ["utterance"]
    assert {dtype for block in ("audio", "face", "eeg") for dtype in built.X[block].dtypes} == {np.dtype("float32")}
    assert built.notes == ()


def test_what_the_corpus_lacks_is_absent_and_the_counts_add_up(built, demo):
    for column in ("audio", "eeg", "text"):
        absent = built.X[column].isna().all(axis=1)
        assert absent.equals(demo.samples[column].isna().set_axis(absent.index))
    for counts in built.counts.values():
        assert sum(counts.values()) == len(demo.samples)
        # Another test may have measured the same clips into the store already.
        assert counts["failed"] == 0 < counts["extracted"] + counts["from_store"]
    assert set(built.hashes) == {"audio", "eeg"}
    assert built.hashes["audio"].dropna().is_unique


def test_a_second_time_everything_comes_from_the_store(built, demo, shared_store):
    again = build_blocks(demo_study(), demo, store=FeatureStore(shared_store))
    pd.testing.assert_frame_equal(again.X, built.X)
    assert {counts["extracted"] for counts in again.counts.values()} == {0}


@pytest.fixture
def talk(make_corpus):
    """A corpus of four speakers in four dialogues, in which all say much the same."""
    turns = {"dialogue": np.repeat(list("wxyz"), 12), "turn": list(range(12)) * 4}
    return make_corpus(text=[f"so {number % 12}" for number in range(48)], **turns)


def test_earlier_turns_are_blocks_of_texts(talk, make_study):
    blocks = {
        "text": {"extractor": "text"},
        "previous": {"extractor": "text", "parameters": {"context": "previous"}},
        "same_speaker": {"extractor": "text", "parameters": {"context": "same_speaker"}},
        "before": {"extractor": "text", "parameters": {"context": 2}},
    }
    X = build_blocks(make_study(blocks=blocks), talk).X
    assert X.columns.get_level_values(1).unique().tolist() == ["utterance"]
    assert X[("previous", "utterance")].tolist()[:3] == [None, "so 0", "so 1"]
    assert X[("before", "utterance")].tolist()[10:13] == ["so 8 so 9", "so 9 so 10", None]
    bare = build_blocks(
        make_study(blocks=blocks | {"face": {"extractor": "table", "table": "face"}}),
        with_samples(talk, talk.samples.drop(columns="text")),
    )
    assert "block 'previous' is left out: the corpus has no text" in bare.notes


def test_context_without_turns_is_refused(talk, make_study):
    study = make_study(blocks={"previous": {"extractor": "text", "parameters": {"context": "previous"}}})
    with pytest.raises(TableError, match=r"the context of a turn needs the columns \['turn'\]"):
        build_blocks(study, with_samples(talk, talk.samples.drop(columns="turn")))


def test_two_people_may_say_the_same_words(talk, make_study):
    found = build_blocks(make_study(blocks={"counts": {"extractor": "text_counts"}}), talk)
    assert found.X[("counts", "n_words")].tolist() == [2] * 48
    assert found.hashes == {}


def test_a_block_without_its_source_is_left_out_with_a_note(demo, shared_store):
    bare = Corpus(demo.info, demo.samples.drop(columns=["eeg", "text"]), {})
    found = build_blocks(demo_study(), bare, store=FeatureStore(shared_store))
    assert set(found.X.columns.get_level_values(0)) == {"audio"}
    assert found.notes == (
        "block 'text' is left out: the corpus has no text",
        "block 'face' is left out: the corpus has no face",
        "block 'eeg' is left out: the corpus has no eeg",
    )


def test_nothing_left_is_refused(demo):
    bare = Corpus(demo.info, demo.samples[["label", "group"]], {})
    with pytest.raises(StudyError, match=r"none of its blocks is in the corpus \(block 'audio' is left out"):
        build_blocks(demo_study(), bare)


def test_a_block_absent_in_every_sample_is_refused_with_its_first_failure(demo, tmp_path):
    (tmp_path / "noise.wav").write_bytes(b"no sound")
    samples = demo.samples.assign(audio=str(tmp_path / "noise.wav"), group="s01")
    with pytest.raises(TableError, match=r"block 'audio' is absent in every sample; 24 failed, the first one 's01-"):
        build_blocks(demo_study("audio", "face"), with_samples(demo, samples))
    samples = demo.samples.assign(text=None)
    with pytest.raises(TableError, match="block 'text' is absent in every sample; drop the block"):
        build_blocks(demo_study("text", "face"), with_samples(demo, samples))


def test_unusable_samples_become_absent_with_a_record(demo, tmp_path):
    samples = demo.samples.copy()
    first, second = samples.index[samples["eeg"].notna()][:2]
    (tmp_path / "junk.csv").write_bytes(b"\x00\x01")
    samples.loc[first, "eeg"] = str(tmp_path / "junk.csv")
    samples.loc[second, "eeg"] = str(tmp_path / "gone.csv")
    found = build_blocks(demo_study("eeg"), with_samples(demo, samples))
    assert found.failures["sample"].tolist() == [first, second]
    assert found.failures["code"].tolist()[1] == "missing"
    assert found.X.loc[[first, second], "eeg"].isna().all(axis=None)
    assert found.counts["eeg"]["failed"] == 2


def test_the_same_bytes_under_two_speakers_are_refused(demo, tmp_path):
    samples = demo.samples.copy()
    (one, other) = samples.index[samples["eeg"].notna()][[0, -1]]
    shutil.copy(samples.loc[one, "eeg"], tmp_path / "copy.csv")
    samples.loc[other, "eeg"] = str(tmp_path / "copy.csv")
    with pytest.raises(TableError, match=rf"the same eeg bytes stand in groups \['s01', 's04'\].*'{one}'.*'{other}'"):
        build_blocks(demo_study("eeg"), with_samples(demo, samples))
    samples.loc[other, "group"] = samples.loc[one, "group"]
    assert len(build_blocks(demo_study("eeg"), with_samples(demo, samples)).X) == 24


def test_two_clips_of_one_recording_may_have_two_speakers(demo):
    samples = demo.samples.assign(start_s=0.0, end_s=np.nan)
    (one, other) = samples.index[samples["eeg"].notna()][[0, -1]]
    samples.loc[other, ["eeg", "start_s"]] = [samples.loc[one, "eeg"], 1.0]
    assert len(build_blocks(demo_study("eeg"), with_samples(demo, samples)).X) == 24


def test_progress_is_told_of_every_row(demo):
    told = {}

    @contextmanager
    def progress(block, total):
        told[block] = [total]
        yield told[block].append

    build_blocks(demo_study("eeg", "face"), demo, progress=progress)
    assert {block: (values[0], sum(values[1:])) for block, values in told.items()} == {"eeg": (24, 24)}


def own_table(tmp_path, content):
    (tmp_path / "mine.csv").write_text(content)
    return {"extractor": "table", "table": "mine.csv", "key": "clip", "columns": ["b", "a"]}


def test_a_studys_own_table_is_read_below_the_root(make_corpus, make_study, tmp_path):
    corpus = make_corpus(tables=())
    rows = "".join(f"{name},{row},2,x\n" for row, name in enumerate(reversed(corpus.samples.index[1:])))
    study = make_study(blocks={"mine": own_table(tmp_path, f"clip,a,b,c\n{rows}")})
    X = build_blocks(study, corpus, root=tmp_path).X
    assert X["mine"].columns.tolist() == ["b", "a"]
    assert X.loc["clip047", ("mine", "a")] == 0
    assert X.loc["clip000"].isna().all()


@pytest.mark.parametrize(
    ("content", "error", "message"),
    [
        ("clip,a,b\nother,1,2\n", TableError, r"mine\.csv: no value of 'clip' names a sample, such as 'clip000'"),
        ("clip,a\nclip000,1\n", TableError, r"block 'mine': columns \['b'\] are missing"),
        ("clip,a,b\nclip000,1,high\n", TableError, "block 'mine': column 'b' holds 'high' at 'clip000'"),
        ("name,a,b\nclip000,1,2\n", TableError, "no column 'clip'"),
        (None, SampleError, r"no file 'mine\.csv'"),
    ],
    ids=["no-sample", "no-column", "no-number", "no-key", "no-file"],
)
def test_an_own_table_that_cannot_be_used_is_refused(make_corpus, make_study, tmp_path, content, error, message):
    study = make_study(blocks={"mine": own_table(tmp_path, content or "")})
    if content is None:
        (tmp_path / "mine.csv").unlink()
    with pytest.raises(error, match=message):
        build_blocks(study, make_corpus(tables=()), root=tmp_path)


def test_speaker_normalisation_standardises_each_speaker_shrunk_towards_all(make_corpus):
    corpus = make_corpus(n_groups=3, n_per_group=5)
    block, groups = corpus.tables["face"], corpus.samples["group"]
    found = normalise_speakers(block, corpus.samples)
    own = block[groups == "s1"]
    share = 5 / (5 + PRIOR)
    centre = share * own.mean() + (1 - share) * block.mean()
    scale = np.sqrt(share * own.var(ddof=0) + (1 - share) * block.var(ddof=0))
    np.testing.assert_allclose(found[groups == "s1"], (own - centre) / scale, rtol=1e-5)
    assert found.dtypes.unique() == [np.float32]


@given(st.integers(0, 2**32 - 1), st.floats(0.1, 100), st.floats(-100, 100))
def test_speaker_normalisation_does_not_depend_on_the_unit_of_a_column(seed, factor, offset):
    block = pd.DataFrame(np.random.default_rng(seed).normal(size=(20, 2)))
    samples = pd.DataFrame({"group": np.resize(["a", "b", "c"], 20)})
    moved = normalise_speakers(block * factor + offset, samples)
    np.testing.assert_allclose(moved, normalise_speakers(block, samples), atol=1e-4)


def test_speaker_normalisation_forgets_a_speakers_own_offset():
    block = pd.DataFrame(np.random.default_rng(0).normal(size=(200, 2)))
    samples = pd.DataFrame({"group": np.repeat(["a", "b"], 100)})
    block[samples["group"] == "a"] += 10
    means = normalise_speakers(block, samples).groupby(samples["group"]).mean()
    assert (means.abs() < 0.1).all(axis=None)


def test_speaker_normalisation_keeps_gaps_and_survives_constants_and_single_clips():
    block = pd.DataFrame({"x": [1.0, np.nan, 3.0, 4.0], "same": [2.0, 2.0, 2.0, 2.0], "none": [np.nan] * 4})
    found = normalise_speakers(block, pd.DataFrame({"group": ["a", "a", "a", "b"]}))
    assert found["x"].isna().tolist() == [False, True, False, False]
    assert (found["same"] == 0).all()
    assert found["none"].isna().all()
    assert found.loc[3, "x"] != 0


def test_speaker_normalisation_leaves_text_and_probabilities_alone(demo, built, shared_store):
    study = demo_study(speaker_normalisation=True)
    found = build_blocks(study, demo, store=FeatureStore(shared_store)).X
    pd.testing.assert_frame_equal(found[["text"]], built.X[["text"]])
    pd.testing.assert_frame_equal(found["face"], normalise_speakers(built.X["face"], demo.samples), check_names=False)
    assert found.columns.equals(built.X.columns)


def test_speaker_normalisation_needs_speakers(demo):
    nameless = with_samples(demo, demo.samples.drop(columns="group"))
    with pytest.raises(StudyError, match="speaker_normalisation needs a column 'group'"):
        build_blocks(demo_study("face", speaker_normalisation=True), nameless)


def test_blocks_of_one_extractor_share_its_extraction_and_take_the_features_they_name(demo):
    spec = {"extractor": "eeg_band_power", "parameters": {"sampling_rate_hz": 128.0}}
    blocks = {"alpha": {**spec, "columns": ["*_alpha_*"]}, "rest": {**spec, "columns": ["*_theta_log", "AF7_*_log"]}}
    built = build_blocks(load_study("demo").changed(degradations=(), blocks=blocks), demo)
    assert list(built.counts) == ["alpha"]
    assert set(built.X["alpha"].columns) == {name for name in built.X["alpha"].columns if "_alpha_" in name}
    whole = build_blocks(load_study("demo").changed(degradations=(), blocks={"eeg": spec}), demo).X["eeg"]
    expected = [
        name
        for name in whole.columns
        if name.endswith("_theta_log") or (name.startswith("AF7_") and name.endswith("_log"))
    ]
    assert built.X["rest"].columns.tolist() == expected
    pd.testing.assert_frame_equal(built.X["rest"], whole[expected])


def test_pattern_without_a_feature_is_refused(demo):
    spec = {"extractor": "eeg_band_power", "parameters": {"sampling_rate_hz": 128.0}, "columns": ["*_log", "hog_*"]}
    with pytest.raises(StudyError, match=r"block 'eeg': no feature of 'eeg_band_power' matches \['hog_\*'\]"):
        build_blocks(load_study("demo").changed(degradations=(), blocks={"eeg": spec}), demo)
