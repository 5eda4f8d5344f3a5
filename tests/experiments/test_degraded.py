"""The block table had an input been worse: what changes, what stays, and what a speaker is standardised by."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import soundfile as sf
from emofuse.experiments.blocks import build_blocks, normalise_speakers
from emofuse.experiments.corpora import Corpus, CorpusInfo
from emofuse.experiments.degradation_spec import DegradationSpec, affected_blocks
from emofuse.experiments.degraded import degraded_blocks
from emofuse.experiments.study import parse_study
from emofuse.features.degradation import drop_words
from emofuse.features.errors import StudyError, TableError
from emofuse.features.samples import check_samples
from emofuse.features.store import FeatureStore
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

AUDIO = {"extractor": "short_term", "parameters": {"statistics": ["mean", "sd"]}}
BLOCKS = {
    "voice": AUDIO,
    "spectrum": AUDIO | {"columns": ["spectral_*"]},
    "words": {"extractor": "text"},
    "before": {"extractor": "text", "parameters": {"context": "previous"}},
    "counts": {"extractor": "text_counts"},
    "face": {"extractor": "table", "table": "face"},
}
SENTENCES = ("oh no, not this again", "so very happy to be here!", "why would you say such a thing?", "well")


@pytest.fixture
def corpus(tmp_path):
    """Eight clips of two speakers: seven with sound, one of them far too short, all but one with text."""
    random = np.random.default_rng(0)
    rows = {}
    for number in range(8):
        path = tmp_path / f"{number}.wav"
        n = 100 if number == 5 else 8000
        tone = np.sin(np.arange(n) * (0.05 + 0.01 * number)) * np.linspace(0.1, 0.3, n)
        sf.write(path, tone + 1e-4 * random.normal(size=n), 16_000, subtype="FLOAT")
        rows[f"clip{number}"] = {
            "audio": None if number == 3 else str(path),
            "text": None if number == 6 else SENTENCES[number % 4],
            "label": ("happy", "sad")[number % 2],
            "group": ("ann", "ben")[number // 4],
            "dialogue": "one",
            "turn": number,
        }
    samples = check_samples(pd.DataFrame.from_dict(rows, orient="index"))
    face = pd.DataFrame({"smile": random.normal(size=8)}, index=samples.index)
    info = CorpusInfo("mini", "Miniature", "MIT", "made here", "none", "speaker", ("audio", "text"), False)
    return Corpus(info, samples, {"face": face})


def study_of(*names, **changes):
    return parse_study(
        {
            "name": "mini",
            "corpus": "mini",
            "blocks": {name: BLOCKS[name] for name in names or BLOCKS},
            "classifiers": ["linear"],
            "protocol": {"name": "group_kfold", "n_folds": 2},
        }
        | changes,
        source="mini",
    )


def spec_of(kind="noise", levels=(20.0, 0.0), blocks=None):
    return DegradationSpec(kind=kind, levels=levels, blocks=blocks)


def conditions_of(study, corpus, *specs, **options):
    X = build_blocks(study, corpus).X
    return X, list(degraded_blocks(study, corpus, X, specs, **options))


def test_blocks_of_one_input_are_worse_together_and_the_others_as_they_were(corpus):
    X, conditions = conditions_of(study_of(), corpus, spec_of(levels=(0.0, 20.0)))
    assert [(found.kind, found.level, found.unit, found.blocks) for found in conditions] == [
        ("noise", 20.0, "dB", ("voice", "spectrum")),
        ("noise", 0.0, "dB", ("voice", "spectrum")),
    ]
    assert conditions[0].label == "voice + spectrum: noise, 20 dB"
    for found in conditions:
        assert found.X.index.equals(X.index) and found.X.columns.equals(X.columns)
        assert (found.X.dtypes == X.dtypes).all()
        for block in ("words", "before", "counts", "face"):
            pd.testing.assert_frame_equal(found.X[block], X[block])
        there = [name for name in X.index if name not in ("clip3", "clip5")]
        assert (found.X.loc[there, "voice"] != X.loc[there, "voice"]).any(axis=1).all()
        shared = found.X["spectrum"].columns
        pd.testing.assert_frame_equal(found.X["voice"][shared], found.X["spectrum"])
        assert found.X.loc[["clip3", "clip5"], "voice"].isna().all(axis=None)
        assert found.notes == ()
    shifts = [(found.X["voice"] - X["voice"]).abs().mean().sum() for found in conditions]
    assert shifts[1] > shifts[0] > 0


def test_only_what_is_worse_is_extracted_and_only_once(corpus, tmp_path):
    study, store = study_of(), FeatureStore(tmp_path / "store")
    X = build_blocks(study, corpus, store=store).X
    seen = []

    class Watched:
        def __init__(self, label, count):
            seen.append((label, count))

        def __enter__(self):
            return lambda _: None

        def __exit__(self, *_):
            return None

    first = list(degraded_blocks(study, corpus, X, [spec_of()], store=store, progress=Watched))
    assert seen == [("voice + spectrum: noise, 20 dB", 8), ("voice + spectrum: noise, 0 dB", 8)]
    second = list(degraded_blocks(study, corpus, X, [spec_of()], store=store, n_jobs=3))
    for one, other in zip(first, second, strict=True):
        pd.testing.assert_frame_equal(one.X, other.X)


def test_samples_that_no_fold_tests_are_left_absent(corpus):
    tested = pd.Index(["clip1", "clip0", "clip3"])
    _, (whole,) = conditions_of(study_of(), corpus, spec_of(levels=(0.0,)))
    X, (some,) = conditions_of(study_of(), corpus, spec_of(levels=(0.0,)), tested=tested)
    pd.testing.assert_frame_equal(some.X.loc[["clip0", "clip1"]], whole.X.loc[["clip0", "clip1"]])
    assert some.X["voice"].notna().any(axis=1).sum() == 2
    pd.testing.assert_frame_equal(some.X["face"], X["face"])


def test_words_are_dropped_alike_from_texts_counts_and_context(corpus):
    X, (found,) = conditions_of(study_of(), corpus, spec_of("dropped_words", (0.5,)))
    assert found.blocks == ("words", "before", "counts")
    clean, words = X["words"]["utterance"], found.X["words"]["utterance"]
    for name in X.index[clean.notna()]:
        assert words[name] == drop_words(clean[name], 0.5) or pd.isna(words[name])
    counted = found.X["counts"]["n_words"]
    assert counted.notna().equals(words.notna())
    assert (counted[words.notna()] < X["counts"]["n_words"][words.notna()]).any()
    assert found.X["before"]["utterance"].iloc[1:6].tolist() == words.iloc[:5].tolist()


def test_texts_that_lose_every_word_are_absent_and_counted(corpus):
    X, (found,) = conditions_of(study_of("words", "counts", "face"), corpus, spec_of("dropped_words", (1.0,)))
    assert found.X[["words", "counts"]].isna().all(axis=None)
    assert found.notes == (
        "words + counts: dropped words, 1 of the words: words is absent in 7 of 7 samples (nothing is left 7)",
        "words + counts: dropped words, 1 of the words: counts is absent in 7 of 7 samples (no_words 7)",
    )
    pd.testing.assert_frame_equal(found.X["face"], X["face"])


def test_block_that_the_corpus_lacks_has_no_condition(corpus):
    without = replace(corpus, samples=corpus.samples.drop(columns="audio"))
    X, conditions = conditions_of(study_of("voice", "words"), without, spec_of(), spec_of("dropped_words", (0.1,)))
    assert [found.blocks for found in conditions] == [("words",)]
    assert "voice" not in X


def test_table_of_other_rows_is_refused(corpus):
    study = study_of("voice")
    X = build_blocks(study, corpus).X
    with pytest.raises(TableError, match="other rows than the corpus"):
        next(degraded_blocks(study, corpus, X.iloc[1:], [spec_of()]))


def test_speakers_are_standardised_by_their_own_degraded_clips(corpus):
    _, (raw,) = conditions_of(study_of("voice"), corpus, spec_of(levels=(0.0,)))
    clean = build_blocks(study_of("voice"), corpus).X["voice"]
    X, (found,) = conditions_of(study_of("voice", speaker_normalisation=True), corpus, spec_of(levels=(0.0,)))
    pd.testing.assert_frame_equal(
        pd.DataFrame(found.X["voice"]), normalise_speakers(raw.X["voice"], corpus.samples, clean)
    )
    # Noise moves features by many standard deviations; who is always noisy comes back to where the models were trained.
    own = found.X["voice"].groupby(corpus.samples["group"]).mean().abs().mean(axis=None)
    by_clean = (raw.X["voice"] - clean.mean()) / clean.std()
    assert own < by_clean.groupby(corpus.samples["group"]).mean().abs().mean(axis=None) / 2
    assert X["voice"].isna().any(axis=1).equals(found.X["voice"].isna().any(axis=1))


@given(st.integers(0, 1000), st.lists(st.sampled_from("abc"), min_size=2, max_size=9))
def test_standardising_clean_rows_is_what_training_does(seed, groups):
    random = np.random.default_rng(seed)
    block = pd.DataFrame(random.normal(3, 2, (len(groups), 3)), columns=list("xyz")).astype("float32")
    block.iloc[0, 0] = np.nan
    block["constant"] = np.float32(2.0)
    samples = pd.DataFrame({"group": groups})
    expected = normalise_speakers(block, samples)
    pd.testing.assert_frame_equal(normalise_speakers(block, samples, block), expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"kind": "noise", "levels": []}, "at least 1 item"),
        ({"kind": "noise", "levels": [10.0, 10.0]}, "levels repeat"),
        ({"kind": "noise", "levels": [10.0], "blocks": ["a", "a"]}, "blocks repeat"),
        ({"kind": "noise", "levels": [10.0], "level": 3}, "Extra inputs"),
    ],
)
def test_specs_that_make_no_sense_are_refused(values, message):
    with pytest.raises(ValidationError, match=message):
        DegradationSpec.model_validate(values)


def test_specs_of_unknown_kind_or_level_are_refused():
    with pytest.raises(StudyError, match="'reverb' is not known"):
        spec_of("reverb")
    with pytest.raises(StudyError, match="a level from 0 to 1"):
        spec_of("dropped_words", (30.0,))


COLUMNS = {"audio": "audio", "voice": "audio", "face": "image", "film": "video", "units": None}


def test_affected_blocks_are_grouped_by_what_they_read():
    assert affected_blocks(spec_of(), COLUMNS) == {"audio": ("audio", "voice")}
    assert affected_blocks(spec_of("blur", (0.1,)), COLUMNS) == {"image": ("face",), "video": ("film",)}
    assert affected_blocks(spec_of("blur", (0.1,), ("film",)), COLUMNS) == {"video": ("film",)}


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        (spec_of(blocks=("sound",)), r"block 'sound' is not known; choose from \['audio', 'voice'\]"),
        (spec_of(blocks=("face",)), r"'noise' does not suit 'image'; choose from \['blur', 'darkness'\]"),
        (spec_of(blocks=("units",)), "'noise' does not suit 'a table'; there is no degradation of it"),
        (spec_of(blocks=("voice",)), r"worse together; name all of \['audio', 'voice'\]"),
        (spec_of("flat_channels", (1.0,)), "no block reads eeg"),
    ],
)
def test_blocks_that_do_not_suit_are_refused(spec, message):
    with pytest.raises(StudyError, match=message):
        affected_blocks(spec, COLUMNS)
