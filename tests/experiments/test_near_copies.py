"""Near copies of training samples: which test samples they are, and the numbers of a run without them."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from emofuse.experiments import near_copies
from emofuse.experiments.answers import SELECTED, FoldOutcome
from emofuse.experiments.near_copies import find_near_copies, picture_rows, without_rows
from emofuse.experiments.protocols import Fold
from emofuse.experiments.report import protocol_columns, write_reports
from emofuse.experiments.results import Evaluated
from emofuse.experiments.run import run_study
from emofuse.experiments.run_folder import write_run
from emofuse.features.errors import StudyError
from PIL import Image

RANDOM = np.random.default_rng(0)
NOISE = RANDOM.normal(size=(8, 50)).astype(np.float32)


def folds(*tests):
    return [
        Fold(str(number), np.setdiff1d(np.arange(8), test), np.array(test))
        for number, test in enumerate(tests, start=1)
    ]


@pytest.mark.parametrize(
    ("copy", "expected"),
    [
        (lambda row: row, True),
        (lambda row: 0.3 * row + 40, True),
        (lambda row: row + RANDOM.normal(scale=0.1, size=50), True),
        (lambda row: row + RANDOM.normal(scale=0.5, size=50), False),
        (lambda row: -row, False),
        (lambda row: row[::-1], False),
    ],
    ids=["same", "paler", "noisy", "noisier", "negative", "mirrored"],
)
def test_a_copy_is_told_whatever_its_brightness_and_contrast(copy, expected):
    rows = NOISE.copy()
    rows[2] = copy(rows[6])
    assert find_near_copies(rows, folds([2, 3])).tolist() == [expected, False]


def test_copies_within_a_side_are_none():
    rows = NOISE.copy()
    rows[3], rows[5] = rows[2], rows[6]
    assert not find_near_copies(rows, folds([2, 3])).any()


def test_answers_are_in_the_order_of_the_folds(monkeypatch):
    monkeypatch.setattr(near_copies, "BATCH", 2)
    rows = NOISE.copy()
    rows[7] = rows[0]
    assert find_near_copies(rows, folds([4, 5, 7], [0, 1])).tolist() == [False, False, True, True, False]


def test_absent_and_constant_rows_are_no_copies():
    rows = NOISE.copy()
    rows[0], rows[1], rows[4], rows[5] = np.nan, 3.0, np.nan, 3.0
    assert not find_near_copies(rows, folds([0, 1])).any()


def test_rows_of_pictures_are_their_grey_values_and_missing_where_there_is_none(tmp_path):
    picture = RANDOM.integers(0, 256, (48, 48), dtype=np.uint8)
    Image.fromarray(picture).save(tmp_path / "small.png")
    Image.fromarray(picture.repeat(3, axis=0).repeat(3, axis=1)).save(tmp_path / "large.png")
    (tmp_path / "junk.png").write_bytes(b"no picture")
    names = ("small.png", "large.png", "junk.png", "gone.png")
    sources = pd.Series([*(str(tmp_path / name) for name in names), None], dtype=object)
    for n_jobs in (1, 2):
        rows = picture_rows(sources, n_jobs=n_jobs)
        np.testing.assert_array_equal(rows[:2], np.tile(picture.ravel(), (2, 1)))
        assert np.isnan(rows[2:]).all()


def test_rows_leave_every_answer_and_an_empty_fold_goes():
    answers = np.arange(10).reshape(5, 2)
    key = ("early", ("face",), "linear")
    outcomes = [FoldOutcome(chosen={SELECTED: key}), FoldOutcome()]
    evaluated = Evaluated(np.array(["a", "b"]), folds([4, 5, 7], [0, 1]), outcomes, {key: answers})
    left = without_rows(evaluated, np.array([False, True, False, True, True]))
    assert [(fold.name, fold.test.tolist()) for fold in left.folds] == [("1", [4, 7])]
    np.testing.assert_array_equal(left.probabilities[key], answers[[0, 2]])
    assert left.chosen[SELECTED] == {"1": key}


@pytest.fixture(scope="module")
def copied(make_corpus, make_study, tmp_path_factory):
    """A corpus whose second speaker repeats half of the first one's faces; a run of it, and its folder."""
    corpus = make_corpus(n_groups=2, n_per_group=12, split=["train"] * 12 + ["test"] * 12)
    corpus.samples["group"] = [f"s{number}" for number in range(24)]
    corpus.tables["face"].iloc[12:18] = corpus.tables["face"].iloc[0:6].to_numpy()
    study = make_study(near_copies=["face"], protocol={"name": "official"})
    done = run_study(study, corpus)
    return corpus, study, done, write_run(done, study, tmp_path_factory.mktemp("run") / "copied")


def test_a_run_gives_its_numbers_without_near_copies_too(copied):
    corpus, _, done, _ = copied
    (without,) = done.results["other_protocols"]
    copies = without["protocol"]["n_near_copies"]
    assert without["protocol"]["name"] == "official without near copies (face)"
    assert 6 <= copies < 12
    assert without["protocol"]["n_tested"] == 12 - copies
    rows = corpus.tables["face"].to_numpy(dtype=np.float32)
    kept = ~find_near_copies(rows, [Fold("test", np.arange(12), np.arange(12, 24))])
    answers = done.predictions[done.predictions["strategy"] == "early"]
    classes = done.results["corpus"]["classes"]
    right = np.array(classes)[answers[classes].to_numpy().argmax(axis=1)] == answers["label"].to_numpy()
    (row,) = [row for row in without["rows"] if row["strategy"] == "early"]
    assert row["metrics"]["accuracy"]["mean"] == pytest.approx(right[kept].mean(), abs=1e-6)
    assert len(without["rows"]) == len(done.results["rows"])
    (chosen,) = [row for row in without["rows"] if row["strategy"] == "selected"]
    assert chosen["chosen"] == next(row for row in done.results["rows"] if row["strategy"] == "selected")["chosen"]


def test_a_run_notes_how_many_near_copies_there_are(copied):
    _, _, done, _ = copied
    (note,) = [note for note in done.notes if note.startswith("near copies: ")]
    count = done.results["other_protocols"][0]["protocol"]["n_near_copies"]
    assert f"{count} of 12 test samples" in note and note.endswith(
        "correlate over 0.98 with a training sample by 'face'"
    )


def test_the_reports_show_both_numbers(copied, tmp_path):
    _, _, done, folder = copied
    assert [column["name"] for column in protocol_columns(done.results)] == [
        "official",
        "official without near copies (face)",
    ]
    for path in write_reports([folder], tmp_path):
        assert "official without near copies (face)" in path.read_text(encoding="utf-8")


def test_samples_without_groups_are_not_said_to_have_any(make_corpus, make_study, tmp_path):
    corpus = make_corpus(n_groups=2, split=["train"] * 12 + ["test"] * 12)
    del corpus.samples["group"]
    study = make_study(near_copies=["face"], protocol={"name": "official"}, strategies=["unimodal", "late_mean"])
    done = run_study(study, corpus)
    for path in write_reports([write_run(done, study, tmp_path)], tmp_path):
        text = path.read_text(encoding="utf-8")
        assert "24 samples, " in text.replace("\n", " ") and "0 speakers" not in text


def test_a_name_that_the_corpus_has_not_is_passed_over(make_corpus, make_study):
    done = run_study(make_study(near_copies=["image"], strategies=["unimodal", "late_mean"]), make_corpus())
    assert "other_protocols" not in done.results


def test_a_test_side_of_copies_only_is_refused(make_corpus, make_study):
    corpus = make_corpus(n_groups=2, split=["train"] * 12 + ["test"] * 12)
    corpus.samples["group"] = [f"s{number}" for number in range(24)]
    corpus.tables["face"].iloc[12:] = corpus.tables["face"].iloc[:12].to_numpy()
    with pytest.raises(StudyError, match="every test sample is a near copy of a training sample by 'face'"):
        run_study(
            make_study(near_copies=["face"], protocol={"name": "official"}, strategies=["unimodal", "late_mean"]),
            corpus,
        )
