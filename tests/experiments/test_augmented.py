"""Varied copies of training samples: measured once, on their parents' side of everything, and tested nowhere."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import soundfile as sf
from emofuse.experiments import compare
from emofuse.experiments.audit import audit
from emofuse.experiments.augmentation_spec import AugmentationSpec, augmentations_within
from emofuse.experiments.augmented import make_children
from emofuse.experiments.blocks import build_blocks
from emofuse.experiments.corpora import Corpus, CorpusInfo
from emofuse.experiments.run import run_study
from emofuse.experiments.study import load_study, parse_study, to_toml
from emofuse.experiments.train import train_study
from emofuse.features.degraded import Augmented
from emofuse.features.errors import StudyError, TableError
from emofuse.features.extractors import make_extractor
from emofuse.features.media import decode_audio
from emofuse.features.samples import check_samples
from emofuse.features.store import FeatureStore
from emofuse.features.vocoder import shift_pitch

AUDIO = {"extractor": "short_term", "parameters": {"statistics": ["mean", "sd"]}}
BLOCKS = {
    "voice": AUDIO,
    "spectrum": AUDIO | {"columns": ["spectral_*"]},
    "words": {"extractor": "text"},
    "counts": {"extractor": "text_counts"},
    "face": {"extractor": "table", "table": "face"},
}
NOISE = {"kind": "noise", "between": [0.0, 10.0]}
SHIFT = {"kind": "shift", "between": [-0.3, 0.3]}
SENTENCES = ("oh no, not this again", "so very happy to be here!", "why would you say such a thing?", "well")
COUNT = 24


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    """Twenty-four clips of four speakers; one without sound, one whose sound is far too short, one without text."""
    folder = tmp_path_factory.mktemp("clips")
    random = np.random.default_rng(0)
    rows = {}
    for number in range(COUNT):
        path = folder / f"{number}.wav"
        n = 100 if number == 5 else 6000
        tone = np.sin(np.arange(n) * (0.05 + 0.05 * (number % 2) + 0.002 * number)) * np.linspace(0.1, 0.3, n)
        sf.write(path, tone + 1e-3 * random.normal(size=n), 16_000, subtype="FLOAT")
        rows[f"clip{number}"] = {
            "audio": None if number == 3 else str(path),
            "text": None if number == 6 else SENTENCES[number % 4],
            "label": ("happy", "sad")[number % 2],
            "group": f"s{number // 6}",
        }
    samples = check_samples(pd.DataFrame.from_dict(rows, orient="index"))
    face = pd.DataFrame({"smile": random.normal(size=COUNT) + np.arange(COUNT) % 2}, index=samples.index)
    info = CorpusInfo("mini", "Miniature", "MIT", "made here", "none", "speaker", ("audio", "text"), False)
    return Corpus(info, samples, {"face": face})


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    """A store, so that nothing is measured twice."""
    return FeatureStore(tmp_path_factory.mktemp("store"))


def study_of(*names, **changes):
    values = {
        "name": "mini",
        "corpus": "mini",
        "blocks": {name: BLOCKS[name] for name in names or BLOCKS},
        "classifiers": ["linear"],
        "strategies": ["unimodal", "early", "late_product", "selected"],
        "n_inner": 2,
        "protocol": {"name": "group_kfold", "n_folds": 2},
    }
    return parse_study(values | changes, source="mini")


def made(study, corpus, store, **options):
    X = build_blocks(study, corpus, store=store).X
    return X, make_children(study, corpus, X, store=store, **options)


def test_no_augmentation_no_children(corpus, store):
    _, found = made(study_of("voice"), corpus, store)
    assert found.children is None
    assert found.notes == ()


def test_children_are_new_where_they_are_varied_and_their_parents_elsewhere(corpus, store):
    X, found = made(study_of(augmentations=[NOISE | {"copies": 2}]), corpus, store)
    children = found.children
    audible = [name for name in X.index if name not in ("clip3", "clip5")]
    assert children.parents.tolist() == audible * 2
    assert not set(children.X.index) & set(X.index)
    assert children.X.columns.equals(X.columns)
    assert (children.X.dtypes == X.dtypes).all()
    assert set(children.varied) == {("voice", "spectrum")}
    parents = X.loc[children.parents].set_axis(children.X.index)
    for block in ("words", "counts", "face"):
        pd.testing.assert_frame_equal(children.X[block], parents[block])
    assert (children.X["voice"] != parents["voice"]).any(axis=1).all()
    shared = children.X["spectrum"].columns
    pd.testing.assert_frame_equal(children.X["voice"][shared], children.X["spectrum"])
    first, second = children.X["voice"].iloc[: len(audible)], children.X["voice"].iloc[len(audible) :]
    assert (first.to_numpy() != second.to_numpy()).any(axis=1).all()
    assert found.described() == {"n_children": 44, "kinds": {"noise": 44}}
    assert found.notes == (
        "training rows are joined by varied copies of themselves (noise 44); no fold is tested on one",
    )


def test_a_child_is_what_its_extractor_says_whatever_table_it_stands_in(corpus, store):
    study = study_of("voice", augmentations=[NOISE], seed=7)
    X, found = made(study, corpus, store)
    extractor = make_extractor("short_term", AUDIO["parameters"])
    row = Augmented(extractor, "noise", (0.0, 10.0), number=1, seed=7).extract_one(corpus.samples.at["clip2", "audio"])
    (own,) = found.children.X[found.children.parents == "clip2"]["voice"].to_numpy()
    np.testing.assert_array_equal(own, row)
    backwards = replace(corpus, samples=corpus.samples.iloc[::-1])
    again = make_children(study, backwards, X.iloc[::-1], n_jobs=3).children
    pd.testing.assert_frame_equal(again.X.loc[found.children.X.index], found.children.X, check_exact=True)
    other = made(study_of("voice", augmentations=[NOISE], seed=8), corpus, store)[1].children
    assert (other.X.to_numpy() != found.children.X.to_numpy()).any(axis=1).all()


def test_children_are_measured_once_and_only_of_samples_that_train(corpus, tmp_path):
    store, seen = FeatureStore(tmp_path / "store"), []

    class Watched:
        def __init__(self, label, count):
            seen.append((label, count))

        def __enter__(self):
            return lambda _: None

        def __exit__(self, *_):
            return None

    study = study_of("voice", "spectrum", augmentations=[NOISE])
    trained = corpus.samples.index[:10]
    _, first = made(study, corpus, store, trained=trained, progress=Watched)
    assert set(first.children.parents) == set(trained) - {"clip3", "clip5"}
    _, second = made(study, corpus, store, trained=trained, progress=Watched)
    pd.testing.assert_frame_equal(second.children.X, first.children.X, check_exact=True)
    assert seen == [("voice + spectrum: noise 1", 10)] * 2


def test_texts_lose_words_alike_in_every_block_and_one_that_loses_all_has_no_child(corpus, store):
    study = study_of("words", "counts", augmentations=[{"kind": "dropped_words", "between": [0.6, 0.9]}])
    X, found = made(study, corpus, store)
    children = found.children
    words = children.X["words"]["utterance"].str.split().map(len)
    np.testing.assert_array_equal(words.to_numpy(), children.X["counts"]["n_words"].to_numpy())
    lost = set(X.index) - set(children.parents) - {"clip6"}
    assert lost
    assert found.notes[-1] == f"words + counts: dropped_words 1 could not be made of no_words {len(lost)}"


def test_children_are_standardised_by_their_speakers_clean_clips(corpus, store):
    whole = {"kind": "shift", "between": [1.0, 1.0]}  # once around: the very same sound
    study = study_of("voice", "face", speaker_normalisation=True, augmentations=[whole])
    X, found = made(study, corpus, store)
    parents = X.loc[found.children.parents].set_axis(found.children.X.index)
    pd.testing.assert_frame_equal(found.children.X, parents, check_exact=True)
    noisy = made(study.changed(augmentations=[NOISE]), corpus, store)[1].children
    assert noisy.X["voice"].abs().mean(axis=None) > 2 * X["voice"].abs().mean(axis=None)


@pytest.fixture
def fits(monkeypatch):
    """The names of the training rows and of the children's parents of every fit of an expert in a run."""
    found = []
    plain = compare.fit_experts

    def watched(estimators, X, y, groups=None, *, children=None, **options):
        found.append((set(X.index), set() if children is None else set(children.parents), set(estimators)))
        return plain(estimators, X, y, groups, children=children, **options)

    monkeypatch.setattr(compare, "fit_experts", watched)
    return found


def test_no_child_of_a_tested_sample_is_in_any_fit_and_none_is_tested(corpus, store, fits):
    study = study_of("voice", "face", augmentations=[NOISE, SHIFT], also=[{"name": "loso"}])
    run = run_study(study, corpus, store=store)
    assert len(fits) == 3 * (2 + 4)
    for rows, parents, _ in fits:
        assert parents == rows - {"clip3", "clip5"}
    assert run.results["augmentation"] == {"n_children": 44, "kinds": {"noise": 22, "shift": 22}}
    assert run.results["corpus"]["n_samples"] == COUNT
    assert run.results["protocol"]["n_tested"] == COUNT
    assert set(run.predictions["sample"]) == set(corpus.samples.index)
    assert any("no fold is tested on one" in note for note in run.notes)


def test_controls_have_no_children(corpus, store, fits):
    study = study_of("voice", "face", augmentations=[NOISE], strategies=["unimodal", "permuted_labels"])
    run_study(study, corpus, store=store)
    assert [bool(parents) for *_, parents, _ in fits] == [True, True, False, False] * 2


def answers(run, **wanted):
    rows = run.predictions
    for column, value in wanted.items():
        rows = rows[rows[column] == value]
    return rows[["happy", "sad"]].to_numpy()


def test_children_change_the_experts_of_their_blocks_and_no_other(corpus, store):
    plain, varied = (
        run_study(study_of("voice", "face", augmentations=specs), corpus, store=store) for specs in ([], [NOISE])
    )
    assert "augmentation" not in plain.results
    same, other = (
        np.array_equal(*(answers(run, strategy="unimodal", blocks=block) for run in (plain, varied)))
        for block in ("face", "voice")
    )
    assert (same, other) == (True, False)
    again = run_study(study_of("voice", "face", augmentations=[NOISE]), corpus, store=store, n_jobs=2)
    pd.testing.assert_frame_equal(again.predictions, varied.predictions, check_exact=True)


@pytest.mark.parametrize("balance", ["none", "over", "under"])
def test_a_study_balances_every_expert(make_corpus, make_study, balance):
    corpus = make_corpus()
    kept = (corpus.samples["label"] != "sad") | (np.arange(len(corpus.samples)) % 4 == 0)
    rare = replace(corpus, samples=corpus.samples[kept])
    strategies = ["unimodal", "early", "late_product", "stacking", "hybrid"]
    plain, balanced = (
        run_study(make_study(strategies=strategies, **changes), rare).predictions
        for changes in ({}, {"balance": balance})
    )
    for key, rows in plain.groupby(["strategy", "blocks"]):
        own = balanced[(balanced["strategy"] == key[0]) & (balanced["blocks"] == key[1])]
        assert len(own) == len(rows)
        assert not np.array_equal(own[["happy", "sad"]], rows[["happy", "sad"]])


def test_a_model_is_trained_on_children_and_does_not_count_them(corpus, store):
    plain, varied = (
        train_study(study_of("voice", "face", augmentations=specs), corpus, strategy="late_product", store=store)
        for specs in ([], [NOISE])
    )
    for key in ("n_samples", "n_groups", "classes", "group_digests", "source_digests"):
        assert varied.training[key] == plain.training[key]
    X = build_blocks(study_of("voice", "face"), corpus, store=store).X
    assert not np.allclose(varied.fusion.predict_proba(X), plain.fusion.predict_proba(X))
    again = train_study(varied.study, corpus, store=store)
    np.testing.assert_array_equal(again.fusion.predict_proba(X), varied.fusion.predict_proba(X))


def test_a_model_of_some_blocks_keeps_the_augmentations_that_reach_them(corpus, store):
    blurred = {"kind": "blur", "between": [0.0, 0.1], "blocks": ["film"]}
    columns = {"voice": "audio", "spectrum": "audio", "film": "video", "photo": "image", "face": None}
    specs = [
        AugmentationSpec(**values) for values in (NOISE | {"blocks": ["voice", "spectrum"]}, blurred, {"kind": "flip"})
    ]

    def kept(*names):
        left = augmentations_within(specs, {name: columns[name] for name in names})
        return [(item["kind"], item["blocks"]) for item in left]

    assert kept("face") == []
    assert kept("voice", "photo") == [("noise", ["voice"]), ("flip", None)]
    assert kept("film") == [("blur", ["film"]), ("flip", None)]
    study = study_of("voice", "face", augmentations=[NOISE | {"blocks": ["voice"]}], strategies=["best_single"])
    found = train_study(study, corpus, store=store, strategy="best_single")
    assert len(found.study.augmentations) == ("voice" in found.blocks)


def test_a_table_of_other_rows_is_refused(corpus, store):
    study = study_of("voice", augmentations=[NOISE])
    X = build_blocks(study, corpus, store=store).X
    with pytest.raises(TableError, match="other rows than the corpus"):
        make_children(study, corpus, X.iloc[1:], store=store)


def test_a_study_with_augmentations_loads_back_equal(tmp_path):
    study = study_of(balance="over", augmentations=[NOISE | {"copies": 3}, SHIFT])
    path = tmp_path / "mini.toml"
    path.write_text(to_toml(study), encoding="utf-8")
    assert load_study(path) == study


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"balance": "smote"}, "balance: Input should be 'weights', 'none', 'over' or 'under'"),
        ({"augmentations": [{"kind": "reverb"}]}, "augmentation 'reverb' is not known; choose from"),
        ({"augmentations": [{"kind": "noise", "between": [5, 300]}]}, "augmentation 'noise': between needs two levels"),
        ({"augmentations": [{"kind": "noise"}]}, r"between = \[LOW, HIGH\] is needed"),
        ({"augmentations": [NOISE | {"copies": 0}]}, "augmentations.0.copies: Input should be greater than or equal"),
        ({"augmentations": [NOISE | {"level": 3}]}, "augmentations.0.level: Extra inputs"),
        ({"augmentations": [{"kind": "flip"}]}, "augmentation 'flip': no block reads image or video; drop it"),
        (
            {"augmentations": [NOISE | {"blocks": ["face"]}]},
            "'noise' does not suit 'a table'; there is no augmentation",
        ),
        ({"augmentations": [NOISE | {"blocks": ["voice"]}]}, r"varied together; name all of \['voice', 'spectrum'\]"),
        ({"augmentations": [NOISE | {"blocks": ["sound"]}]}, "block 'sound' is not known"),
        ({"augmentations": [NOISE, NOISE]}, "augmentation 'noise' of 'audio' stands twice under augmentations"),
        ({"augmentations": [{"kind": "pitch", "between": [2, 2], "copies": 2}]}, "copies = 2 would be equal"),
    ],
)
def test_values_that_make_no_sense_are_refused_in_one_line(changes, message):
    with pytest.raises(StudyError, match=message) as caught:
        study_of(**changes)
    assert "\n" not in str(caught.value)


def test_children_that_a_user_lists_as_samples_are_caught(corpus, tmp_path):
    listed = corpus.samples.drop(index=["clip3", "clip5"])[["audio", "label", "group"]]
    copies = listed.loc[["clip0", "clip1"]].assign(group="s9").rename("{}_pitch_1".format)
    for name, path in copies["audio"].items():
        changed = shift_pitch(decode_audio(Path(path).read_bytes()), 2.0)
        copies.loc[name, "audio"] = str(tmp_path / f"{name}.wav")
        sf.write(copies.loc[name, "audio"], changed.samples, changed.sampling_rate_hz, subtype="FLOAT")
    own = replace(corpus, samples=check_samples(pd.concat([listed, copies])))
    findings = audit(study_of("voice", protocol={"name": "loso"}), own)
    (found,) = (finding for finding in findings if finding.kind == "augmented_copies")
    assert (found.severity, found.where) == ("refused", "clip0_pitch_1, clip1_pitch_1")
