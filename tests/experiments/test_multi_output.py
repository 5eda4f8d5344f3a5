"""Several tasks in one study: measured once, on the same folds, each with the results of a run, and their mean on top."""

from __future__ import annotations

import json
import tomllib
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from emofuse.experiments import run as run_module
from emofuse.experiments import tasks as tasks_module
from emofuse.experiments.report import load_run, write_reports
from emofuse.experiments.report_data import task_runs
from emofuse.experiments.run import prepare_corpus, run_study
from emofuse.experiments.run_folder import write_run
from emofuse.experiments.study import parse_study, to_toml
from emofuse.experiments.tasks import one_task
from emofuse.experiments.terminal import print_results
from emofuse.experiments.train import train_study
from emofuse.features.errors import ProtocolError, StudyError

TRAITS = ("openness", "kindness")
FEW = ("majority", "unimodal", "early", "late_product", "selected")
CLOCK = ("fit_seconds", "predict_ms_per_sample")


@pytest.fixture(scope="module")
def trait_corpus(make_corpus):
    """A corpus with two traits of which one is told by the voice; six clips lack the second trait."""
    corpus = make_corpus(n_groups=6, n_per_group=16, tables=("voice", "face"))
    random = np.random.default_rng(0)
    openness = random.permutation(np.repeat(["yes", "no"], 48)).astype(object)
    kindness = random.permutation(np.repeat(["high", "low"], 48)).astype(object)
    voice = corpus.tables["voice"].copy()
    voice["voice_0"] += 3 * (openness == "yes")
    voice["voice_1"] += 1.5 * (kindness == "high")
    kindness[:6] = None
    samples = corpus.samples.assign(openness=openness, kindness=kindness).drop(columns="label")
    return replace(corpus, samples=samples, tables={**corpus.tables, "voice": voice})


@pytest.fixture(scope="module")
def trait_study(make_study):
    """A function that makes a small study of both traits."""

    def make(**changes):
        return make_study("voice", "face", **{"label": list(TRAITS), "strategies": FEW} | changes)

    return make


@pytest.fixture(scope="module")
def done(trait_corpus, trait_study):
    return run_study(trait_study(), trait_corpus)


def without_clock(results):
    rows = [{key: value for key, value in row.items() if key not in CLOCK} for row in results["rows"]]
    return {**results, "rows": rows}


def test_each_task_has_results_of_its_own(done):
    tasks = done.results["tasks"]
    assert [task["name"] for task in tasks] == list(TRAITS)
    assert [task["corpus"]["classes"] for task in tasks] == [["no", "yes"], ["high", "low"]]
    assert [task["corpus"]["n_samples"] for task in tasks] == [96, 90]
    assert [task["labels"]["column"] for task in tasks] == list(TRAITS)
    for task in tasks:
        assert {"rows", "comparisons", "contributions", "verdict", "protocol", "missing"} <= set(task)
    assert done.results["labels"]["column"] == list(TRAITS)
    json.dumps(done.results, allow_nan=False)


def test_rows_on_top_are_the_mean_over_tasks(done):
    for row in done.results["rows"]:
        own = [
            other["metrics"]["uar"]
            for task in done.results["tasks"]
            for other in task["rows"]
            if all(other[key] == row[key] for key in ("strategy", "blocks", "classifier"))
        ]
        assert row["metrics"]["uar"]["mean"] == pytest.approx(np.mean([cell["mean"] for cell in own]), abs=2e-6)
        assert row["metrics"]["uar"]["low"] <= row["metrics"]["uar"]["mean"] <= row["metrics"]["uar"]["high"]
        # The mean of two independent tasks is known better than either.
        if row["strategy"] == "unimodal" and row["blocks"] == ["face"]:
            widths = [cell["high"] - cell["low"] for cell in own]
            assert row["metrics"]["uar"]["high"] - row["metrics"]["uar"]["low"] < max(widths)
    assert done.results["verdict"].startswith("Mean over 2 tasks. ")
    assert {item["a"] for item in done.results["comparisons"]} >= {"selected", "early", "late_product"}
    assert all(item["p_mcnemar"] is None for item in done.results["comparisons"])


def test_a_sample_is_in_the_same_fold_of_every_task_and_left_out_where_it_has_no_label(done):
    folds = done.predictions.groupby(["sample", "task"])["fold"].nunique()
    assert (folds == 1).all()
    assert (done.predictions.groupby("sample")["fold"].nunique() == 1).all()
    counts = done.predictions.groupby("task")["sample"].nunique()
    assert counts.to_dict() == {"openness": 96, "kindness": 90}
    assert done.predictions.columns[0] == "task"
    assert done.predictions.loc[done.predictions["task"] == "openness", "high"].isna().all()


def test_a_task_is_the_run_of_it_alone(trait_corpus, trait_study):
    groups = trait_corpus.samples["group"]
    split = groups.map(lambda name: "test" if name in ("s0", "s5") else "train")
    corpus = replace(trait_corpus, samples=trait_corpus.samples.assign(split=split))
    protocol = {"name": "official"}
    together = run_study(trait_study(protocol=protocol), corpus)
    study, own = one_task(trait_study(protocol=protocol), corpus, "kindness")
    alone = run_study(study, own)
    found = {key: value for key, value in together.results["tasks"][1].items() if key != "name"}
    assert without_clock(found) == without_clock(alone.results)


def test_features_are_measured_once(trait_corpus, trait_study, monkeypatch):
    calls = []
    build = tasks_module.build_blocks
    monkeypatch.setattr(
        tasks_module, "build_blocks", lambda *given, **options: calls.append(1) or build(*given, **options)
    )
    monkeypatch.setattr(run_module, "build_blocks", None)
    run_study(trait_study(strategies=["unimodal"]), trait_corpus)
    assert calls == [1]


def test_progress_counts_the_fits_of_all_tasks(trait_corpus, trait_study):
    told = []
    run_study(trait_study(strategies=["unimodal"]), trait_corpus, on_task=lambda *numbers: told.append(numbers))
    assert told == [(number, 4) for number in range(1, 5)]


def test_the_page_has_a_part_for_every_task(done, trait_study, tmp_path):
    folder = write_run(done, trait_study(), tmp_path / "run")
    run = load_run(folder)
    own = task_runs(run)
    assert [part.results["name"] for part in own] == list(TRAITS)
    assert [set(part.predictions["label"]) for part in own] == [{"yes", "no"}, {"high", "low"}]
    page = (folder / "report.html").read_text(encoding="utf-8")
    for title in (
        "Does fusion help on mini?",
        "Does fusion help on mini, openness?",
        "Does fusion help on mini, kindness?",
    ):
        assert f"<h1>{title}</h1>" in page
    assert page.count("Task by task</h2>") == 1 and page.count("Where it goes wrong</h2>") == 2
    assert page.count("<title>emofuse report: mini</title>") == 1
    markdown = (folder / "report.md").read_text(encoding="utf-8")
    assert "| openness | 96 |" in markdown and "# Does fusion help on mini, kindness?" in markdown
    assert r"\label{tab:run1-tasks}" in (folder / "report.tex").read_text(encoding="utf-8")
    several = write_reports([folder, folder], tmp_path / "both")
    assert "2 runs side by side" in several[0].read_text(encoding="utf-8")


def test_the_terminal_shows_the_mean_and_each_task(done, capsys):
    print_results(done.results, "uar")
    printed = capsys.readouterr().out
    assert "mean over 2 tasks" in printed and "Task by task" in printed and "kindness" in printed


def test_numbers_can_be_several_too(trait_corpus, make_study):
    samples = trait_corpus.samples.assign(
        calm=trait_corpus.tables["voice"]["voice_0"], glad=trait_corpus.tables["face"]["face_0"]
    )
    study = make_study(
        "voice",
        "face",
        task="regression",
        label=["calm", "glad"],
        strategies=["majority", "unimodal", "late_mean", "selected"],
    )
    found = run_study(study, replace(trait_corpus, samples=samples)).results
    assert found["task"] == "regression"
    assert [task["corpus"]["target"]["max"] > 0 for task in found["tasks"]] == [True, True]
    assert {row["strategy"]: row["metrics"]["ccc"]["mean"] for row in found["rows"]}["selected"] > 0.5


def test_a_task_without_labels_in_a_fold_is_refused(trait_corpus, trait_study):
    split = np.where(np.arange(96) < 48, "test", "train")
    samples = trait_corpus.samples.assign(split=split, kindness=[None] * 48 + ["high", "low"] * 24)
    with pytest.raises(
        ProtocolError, match="task 'kindness': fold 'test' has 48 samples with this label in training and 0"
    ):
        run_study(trait_study(protocol={"name": "official"}), replace(trait_corpus, samples=samples))


def test_one_task_is_taken_out_by_name(trait_corpus, trait_study):
    study, corpus = one_task(trait_study(), trait_corpus, "kindness")
    assert (study.label, study.tasks, len(corpus.samples)) == ("kindness", (), 90)
    assert len(prepare_corpus(study, corpus).samples) == 90
    assert one_task(trait_study(), trait_corpus, None) == (trait_study(), trait_corpus)
    with pytest.raises(StudyError, match="has no task 'wit'; choose from openness, kindness"):
        one_task(trait_study(), trait_corpus, "wit")
    with pytest.raises(StudyError, match="has the tasks openness, kindness; name one with --task"):
        train_study(trait_study(), trait_corpus)
    with pytest.raises(StudyError, match="label column 'kindness' is not in the corpus"):
        run_study(trait_study(), replace(trait_corpus, samples=trait_corpus.samples.drop(columns="kindness")))


def test_labels_of_all_tasks_are_mapped_and_written(trait_corpus, trait_study):
    mapping = {"yes": "much", "high": "much", "no": "little", "low": "little"}
    found = run_study(trait_study(label_map=mapping, strategies=["unimodal"]), trait_corpus).results
    assert [task["corpus"]["classes"] for task in found["tasks"]] == [["little", "much"]] * 2
    assert found["labels"] == {"column": list(TRAITS), "map": "own", "mapping": mapping}
    assert found["tasks"][0]["labels"]["mapping"] == {"yes": "much", "no": "little"}
    with pytest.raises(StudyError, match=r"label_map names \['never'\], the labels are"):
        run_study(trait_study(label_map={**mapping, "never": "little"}), trait_corpus)


def test_the_usual_column_can_be_one_of_the_tasks(trait_corpus, trait_study):
    samples = trait_corpus.samples.assign(label=trait_corpus.samples["openness"].map({"yes": "open", "no": "closed"}))
    study = trait_study(label=["label", "kindness"], strategies=["unimodal"])
    found = run_study(study, replace(trait_corpus, samples=samples)).results
    assert [task["corpus"]["classes"] for task in found["tasks"]] == [["closed", "open"], ["high", "low"]]


def test_a_study_of_several_tasks_loads_back(trait_study):
    assert parse_study(tomllib.loads(to_toml(trait_study())), source="again") == trait_study()
    for label in ([], ["openness", "openness"]):
        with pytest.raises(StudyError, match="label: "):
            trait_study(label=label)


def test_no_number_of_a_mean_is_lost_where_groups_differ(trait_corpus, trait_study):
    kindness = trait_corpus.samples["kindness"].where(trait_corpus.samples["group"] != "s1", None)
    corpus = replace(trait_corpus, samples=trait_corpus.samples.assign(kindness=kindness))
    found = run_study(trait_study(), corpus).results
    assert [task["corpus"]["n_groups"] for task in found["tasks"]] == [6, 5]
    numbers = pd.DataFrame([cell for row in found["rows"] for cell in row["metrics"].values()])[["mean", "low", "high"]]
    assert numbers.notna().all(axis=None)
