"""Learning curves: nested parts of the training groups, the same test rows, and the points that results and report have."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
from emofuse.experiments.learning_curve import training_parts
from emofuse.experiments.protocols import Fold
from emofuse.experiments.report import load_run, write_reports
from emofuse.experiments.report_curve import curve
from emofuse.experiments.run import run_study
from emofuse.experiments.run_folder import write_run
from emofuse.experiments.study import parse_study
from emofuse.features.errors import StudyError

SHARES = [0.3, 0.6]


@pytest.fixture(scope="module")
def done(make_corpus, make_study):
    """A run with a learning curve, and what it told of its progress."""
    study = make_study(
        strategies=["majority", "unimodal", "late_mean", "shuffled_modality"], learning_curve=SHARES, n_inner=2
    )
    told: list[tuple[int, int]] = []
    corpus = make_corpus(n_groups=12, n_per_group=6, signal=1.5)
    run = run_study(study, corpus, on_task=lambda finished, total: told.append((finished, total)))
    return study, corpus, run, told


def parts_of(study, samples, folds):
    parts, notes = training_parts(study, samples, folds)
    return [parts[share] for share in sorted(parts)], notes


def test_parts_are_nested_whole_groups_and_the_tests_stay(make_corpus, make_study):
    samples = make_corpus(n_groups=10, n_per_group=6).samples
    codes = samples["group"].str[1:].astype(int).to_numpy()
    folds = [Fold(str(n), np.flatnonzero(codes % 2 != n), np.flatnonzero(codes % 2 == n)) for n in range(2)]
    parts, notes = parts_of(make_study(learning_curve=[0.4, 0.6, 0.8]), samples, folds)
    assert notes == []
    for number, fold in enumerate(folds):
        kept = [set(part[number].train) for part in parts]
        assert [len(rows) for rows in kept] == [12, 18, 24]
        assert kept[0] < kept[1] < kept[2] < set(fold.train)
        for part, rows in zip(parts, kept, strict=True):
            np.testing.assert_array_equal(part[number].test, fold.test)
            assert all(set(np.flatnonzero(codes == group)) <= rows for group in set(codes[list(rows)]))


def test_groups_of_one_class_are_drawn_alike_from_every_class(make_study):
    labels = np.repeat(["calm", "happy", "sad"], [12, 8, 4])
    samples = pd.DataFrame({"label": labels, "group": [f"r{number}" for number in range(24)]})
    fold = Fold("1", np.arange(24), np.empty(0, dtype=int))
    ((part,),), _ = parts_of(make_study(learning_curve=[0.5]), samples, [fold])
    assert pd.Series(labels[part.train]).value_counts().to_dict() == {"calm": 6, "happy": 4, "sad": 2}


def test_the_draw_follows_the_seed_alone(make_corpus, make_study):
    samples = make_corpus(n_groups=10).samples
    fold = Fold("1", np.arange(len(samples)), np.empty(0, dtype=int))
    rows = [
        parts_of(make_study(learning_curve=[0.5], seed=seed), samples, [fold])[0][0][0].train.tolist()
        for seed in (0, 0, 1)
    ]
    assert rows[0] == rows[1] != rows[2]


def test_too_few_groups_for_a_part_of_their_own_are_told(make_corpus, make_study):
    samples = make_corpus(n_groups=3).samples
    fold = Fold("1", np.flatnonzero(samples["group"] != "s2"), np.flatnonzero(samples["group"] == "s2"))
    parts, notes = training_parts(make_study(learning_curve=[0.2, 0.9]), samples, [fold])
    assert parts == {}
    assert len(notes) == 2 and notes[0].startswith("learning curve: 20 % of so few training groups")


def test_samples_without_groups_stand_for_themselves(make_study):
    samples = pd.DataFrame({"label": ["calm", "sad"] * 10})
    fold = Fold("1", np.arange(20), np.empty(0, dtype=int))
    ((part,),), _ = parts_of(make_study(learning_curve=[0.3]), samples, [fold])
    assert len(part.train) == 6


def test_a_point_for_each_share_and_the_run_itself_last(done):
    _, _, run, _ = done
    points = run.results["learning_curve"]
    assert [point["share"] for point in points] == [*SHARES, 1.0]
    assert [point["n_train"] for point in points] == [12, 24, 36]
    for point in points:
        assert {row["strategy"] for row in point["rows"]} == {"unimodal", "late_mean"}
        assert all(set(row) == {"strategy", "blocks", "classifier", "metrics"} for row in point["rows"])
    whole = {(row["strategy"], *row["blocks"]): row["metrics"] for row in run.results["rows"]}
    assert all(whole[row["strategy"], *row["blocks"]] == row["metrics"] for row in points[-1]["rows"])


def test_a_smaller_part_is_what_a_run_on_it_alone_would_be(done, make_study):
    _, corpus, run, _ = done
    study = make_study(strategies=["unimodal", "late_mean"], learning_curve=[0.6])
    alone = run_study(study, corpus).results["learning_curve"][0]
    assert alone == run.results["learning_curve"][1]


def test_more_data_helps_where_there_is_something_to_learn(make_corpus, make_study):
    study = make_study(strategies=["late_mean"], learning_curve=[0.1])
    results = run_study(study, make_corpus(n_groups=40, n_per_group=6, signal=1.2)).results
    small, whole = (point["rows"][0]["metrics"]["log_loss"]["mean"] for point in results["learning_curve"])
    assert whole < small


def test_progress_counts_the_fits_of_the_curve_too(done):
    told = done[3]
    assert told[0] == (1, 6)
    assert told[-1] == (6, 6)


def test_a_regression_has_a_curve_as_well(make_corpus, make_study):
    corpus = make_corpus(n_groups=8, n_per_group=6)
    values = corpus.tables["face"]["face_0"] * 2 + 1
    samples = corpus.samples.assign(label=values.to_numpy())
    study = make_study(task="regression", strategies=["unimodal", "late_mean"], learning_curve=[0.5])
    results = run_study(study, type(corpus)(corpus.info, samples, corpus.tables)).results
    assert [point["n_train"] for point in results["learning_curve"]] == [12, 24]
    assert set(results["learning_curve"][0]["rows"][0]["metrics"]) == {"ccc", "mae", "pearson", "rmse"}


@pytest.mark.parametrize("shares", [[0.0, 0.5], [0.5, 1.0], [0.6, 0.3], [0.3, 0.3]])
def test_shares_must_rise_between_0_and_1(make_study, shares):
    with pytest.raises(StudyError, match="learning_curve: shares lie between 0 and 1"):
        make_study(learning_curve=shares)


def test_what_is_trained_has_no_curve(make_study):
    assert make_study(learning_curve=SHARES).for_training().learning_curve == ()


def test_the_report_draws_the_curve_and_says_what_it_means(done, tmp_path):
    study, _, run, _ = done
    folder = write_run(run, study, tmp_path / "run")
    section = curve(load_run(folder))
    assert [part.name for part in section.parts] == ["learning-curve", "learning-curve", "learning-curves"]
    assert section.texts[0].startswith("With 60 % of the training speakers late mean · linear has UAR .")
    heading = "| strategy | 30 % (12 samples) | 60 % (24 samples) | 100 % (36 samples) |"
    assert heading in (folder / "report.md").read_text(encoding="utf-8")
    assert "Would more data help?" in (folder / "report.html").read_text(encoding="utf-8")
    assert r"\label{tab:learning-curve}" in (folder / "report.tex").read_text(encoding="utf-8")


def test_a_run_without_a_curve_has_no_section(done, tmp_path):
    study, _, run, _ = done
    folder = write_run(run, study, tmp_path / "run")
    results = json.loads((folder / "results.json").read_text(encoding="utf-8"))
    del results["learning_curve"]
    (folder / "results.json").write_text(json.dumps(results), encoding="utf-8")
    write_reports([folder], folder)
    assert curve(load_run(folder)) is None
    assert "Would more data help?" not in (folder / "report.html").read_text(encoding="utf-8")


def test_the_study_file_keeps_the_shares(make_study):
    study = make_study(learning_curve=SHARES)
    assert parse_study(study.model_dump(mode="json"), source="again").learning_curve == tuple(SHARES)
