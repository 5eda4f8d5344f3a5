"""A whole run: what it writes, that it repeats itself, and what it does with samples, splits and folders that are bad."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pandas as pd
import pytest
from emofuse.experiments import report, run_folder
from emofuse.experiments.corpora import Corpus, read_corpus
from emofuse.experiments.run import prepare_corpus, run_study
from emofuse.experiments.run_folder import environment, prepare_folder, write_failures, write_run
from emofuse.experiments.strategies import FUSIONS, STRATEGIES
from emofuse.experiments.study import load_study
from emofuse.features.errors import ProtocolError, StudyError, TableError
from emofuse.features.store import FeatureStore

METRICS = {"uar", "accuracy", "macro_f1", "weighted_f1", "log_loss", "brier", "ece"}
CLOCK = ("fit_seconds", "predict_ms_per_sample")
FILES = {
    "results.json",
    "predictions.parquet",
    "report.html",
    "report.md",
    "report.tex",
    "study.toml",
    "environment.json",
    "failures.csv",
    "contributions.parquet",
}
KEYS = {"schema", "study", "corpus", "labels", "protocol", "rows", "comparisons", "contributions", "verdict", "notes"}
NEW_KEYS = {"red_flags", "power", "missing", "contribution_details", "abstention"}
FEW = ("unimodal", "best_single", "early", "late_product", "selected")


def demo_study(**changes):
    """The demo study in small: two folds, one classifier, few strategies, inputs as they are."""
    values = {"classifiers": ["linear"], "n_inner": 2, "protocol": {"name": "group_kfold", "n_folds": 2}}
    return load_study("demo").changed(**values | {"strategies": FEW, "degradations": [], "budget": 0} | changes)


def without_clock(results):
    """The results but for the fields that a clock fills."""
    rows = [{key: value for key, value in row.items() if key not in CLOCK} for row in results["rows"]]
    return {**results, "rows": rows}


@pytest.fixture(scope="module")
def written(make_corpus, make_study, few_rounds, tmp_path_factory):
    """A run of all strategies on two tables, in memory and in its folder."""
    study = make_study(classifiers=["linear", "kernel"], **few_rounds)
    done = run_study(study, make_corpus())
    return study, done, write_run(done, study, tmp_path_factory.mktemp("run") / "mini")


def test_a_run_writes_its_files_and_no_other(written):
    assert {path.name for path in written[2].iterdir()} == FILES


def test_results_have_the_published_schema(written):
    _, done, folder = written
    results = json.loads((folder / "results.json").read_text(encoding="utf-8"))
    assert results == {**done.results, "notes": list(done.notes)}
    assert set(results) == KEYS | NEW_KEYS
    assert (results["schema"], results["study"]) == (1, "mini")
    assert {"name", "n_samples", "n_groups", "classes", "n_failed"} <= set(results["corpus"])
    assert results["corpus"]["classes"] == ["happy", "neutral", "sad"]
    assert {"name", "groups", "adaptive", "leaky"} <= set(results["protocol"])
    assert (results["protocol"]["adaptive"], results["protocol"]["leaky"]) == (False, False)
    assert {row["strategy"] for row in results["rows"]} == set(STRATEGIES)
    for row in results["rows"]:
        chosen = row["classifier"] == "nested"
        told = {"chosen"} if chosen else {"nested"} if row["strategy"] in ("unimodal", *FUSIONS) else set()
        assert set(row) == {"strategy", "blocks", "classifier", "metrics", *CLOCK} | told
        assert set(row["metrics"]) == METRICS
        assert all(set(metric) == {"mean", "low", "high", "folds"} for metric in row["metrics"].values())
    needed = {"a", "b", "metric", "difference", "low", "high", "test", "p", "p_holm"}
    assert all(needed <= set(item) for item in results["comparisons"])
    assert set(results["contributions"]) == {"face", "voice"}
    assert isinstance(results["verdict"], str)


def test_new_parts_of_the_results_have_the_published_schema(written):
    results = written[1].results
    needed = {"family", "effect_size", "p_mcnemar", "p_group_bootstrap", "a_blocks", "a_classifier"}
    assert all(needed <= set(item) for item in results["comparisons"])
    primary = [(item["a"], item["b"]) for item in results["comparisons"] if item["family"] == "primary"]
    assert primary == [("selected", "unimodal"), ("selected_late", "selected_early")]
    assert {item["a"] for item in results["comparisons"] if item["family"] == "exploratory"} == set(FUSIONS)
    assert {"metric", "n_groups", "n_folds", "detectable", "text"} <= set(results["power"])
    missing = results["missing"]
    assert set(missing) == {"modalities", "metric", "rows"} and missing["modalities"] == ["face", "voice"]
    for row in missing["rows"]:
        assert set(row) == {"strategy", "classifier", "subsets", "drop_rates"}
        assert [item["present"] for item in row["subsets"]] == [["face"], ["voice"], ["face", "voice"]]
        (own,) = (
            item
            for item in results["rows"]
            if (item["strategy"], item["classifier"]) == (row["strategy"], row["classifier"])
        )
        full, mean = row["subsets"][-1], own["metrics"][missing["metric"]]
        for name in ("mean", "low", "high"):
            assert full[name] == pytest.approx(mean[name], abs=2e-6)  # either is rounded
        assert row["drop_rates"][0] == {"rate": 0.0, "mean": full["mean"]}
    details = results["contribution_details"]
    assert set(details) == {"strategy", "classifier", "metric", "base", "full", "by_class", "permutation", "features"}
    assert sum(results["contributions"].values()) == pytest.approx(details["full"] - details["base"], abs=1e-5)
    assert details["features"] == []  # no trees, nothing to explain
    for row in results["abstention"]:
        keys = {"strategy", "classifier", "precision_wanted", "threshold", "coverage", "precision"}
        assert set(row) == keys and (row["strategy"], row["classifier"]) == ("selected", "nested")
    assert [row["precision_wanted"] for row in results["abstention"]] == list(written[0].precisions)


def test_what_is_selected_answers_as_the_rows_that_were_chosen(written):
    _, done, _ = written
    classes = done.results["corpus"]["classes"]
    for strategy in ("selected", "selected_early", "selected_late", "best_single"):
        (row,) = (row for row in done.results["rows"] if row["strategy"] == strategy)
        assert set(row["chosen"]) == {"1", "2"}
        for fold, label in row["chosen"].items():
            kind, classifier = label.removesuffix(")").split(" (")
            where = done.predictions["fold"] == fold
            own = done.predictions[where & (done.predictions["strategy"] == strategy)]
            column = "blocks" if strategy == "best_single" else "strategy"
            chosen = done.predictions[
                where
                & (done.predictions["classifier"] == classifier)
                & (done.predictions[column] == kind.replace(" ", "_"))
            ]
            np.testing.assert_array_equal(own[classes], chosen[classes])
            assert len(own) == 24


def test_contributions_add_up_to_what_the_chosen_fusion_gains_over_the_prior(written):
    _, done, folder = written
    shares = pd.read_parquet(folder / "contributions.parquet")
    assert shares.columns.tolist() == ["sample", "fold", "face", "voice"]
    classes = done.results["corpus"]["classes"]
    answers = {
        name: done.predictions[done.predictions["strategy"] == name].set_index(["sample", "fold"])[classes]
        for name in ("selected", "majority")
    }
    rows = pd.MultiIndex.from_frame(shares[["sample", "fold"]])
    full, prior = (answers[name].loc[rows].to_numpy() for name in ("selected", "majority"))
    numbers = np.arange(len(full)), full.argmax(axis=1)
    gain = np.log(full[numbers]) - np.log(prior[numbers])
    np.testing.assert_allclose(shares[["face", "voice"]].sum(axis=1), gain, atol=1e-4)
    assert sorted(shares["sample"]) == sorted(done.predictions["sample"].unique())


def test_predictions_hold_one_column_a_class(written):
    _, done, folder = written
    predictions = pd.read_parquet(folder / "predictions.parquet")
    leading = ["sample", "fold", "group", "label", "strategy", "blocks", "classifier"]
    assert predictions.columns.tolist() == [*leading, "happy", "neutral", "sad"]
    assert len(predictions) == 48 * len(done.results["rows"])
    assert not predictions.isna().any(axis=None)


def test_the_accuracy_of_the_predictions_is_that_of_the_results(written):
    _, done, folder = written
    predictions = pd.read_parquet(folder / "predictions.parquet")
    right = predictions[["happy", "neutral", "sad"]].idxmax(axis=1) == predictions["label"]
    keys = ["strategy", "blocks", "classifier"]
    found = right.groupby([predictions[key] for key in (*keys, "fold")]).mean().groupby(keys).mean()
    for row in done.results["rows"]:
        mean = found[row["strategy"], "+".join(row["blocks"]), row["classifier"]]
        assert row["metrics"]["accuracy"]["mean"] == pytest.approx(mean, abs=1e-6)


def test_the_resolved_study_and_the_environment_are_kept(written):
    study, _, folder = written
    assert load_study(folder / "study.toml") == study
    kept = json.loads((folder / "environment.json").read_text(encoding="utf-8"))
    assert {"python", "system", "cpu", "cpu_count", "seed", "git_commit", "versions"} == set(kept)
    assert {"numpy", "scikit-learn", "pandas", "opensmile"} <= set(kept["versions"])
    assert kept["seed"] == study.seed


def test_no_failure_leaves_an_empty_record(written):
    assert (written[2] / "failures.csv").read_text() == "sample,source,code,message\n"


def test_the_same_seed_gives_the_same_results_whatever_the_number_of_jobs(tiny_demo, tmp_path):
    corpus, study = read_corpus("demo", tiny_demo), demo_study()
    assert study.strategies == FEW
    alone = run_study(study, corpus, n_jobs=1, store=FeatureStore(tmp_path / "one"))
    shared = run_study(study, corpus, n_jobs=2, store=FeatureStore(tmp_path / "two"))
    assert without_clock(alone.results) == without_clock(shared.results)
    assert alone.notes == shared.notes
    pd.testing.assert_frame_equal(alone.predictions, shared.predictions, check_exact=True)


def test_another_seed_splits_otherwise(make_corpus, make_study):
    folds = []
    for seed in (0, 3):
        done = run_study(make_study(strategies=["unimodal", "late_mean"], seed=seed), make_corpus())
        folds.append(done.predictions[["sample", "fold"]])
    assert not folds[0].equals(folds[1])


def test_corrupted_samples_are_recorded_and_the_run_goes_on(tiny_demo, tmp_path):
    root = shutil.copytree(tiny_demo, tmp_path / "corpus")
    samples = read_corpus("demo", root).samples
    audio, eeg = samples["audio"].dropna().index[3], samples["eeg"].dropna().index[[5, 6]]
    (root / "audio" / f"{audio}.wav").write_bytes(b"RIFF and nothing else")
    (root / "eeg" / f"{eeg[0]}.csv").unlink()
    (root / "eeg" / f"{eeg[1]}.csv").write_bytes(b"")
    study = demo_study()
    done = run_study(study, read_corpus("demo", root))
    failures = pd.read_csv(write_run(done, study, tmp_path / "run") / "failures.csv")
    assert failures[["sample", "source", "code"]].to_numpy().tolist() == [
        [audio, "audio", "not_audio"],
        [eeg[0], "eeg", "missing"],
        [eeg[1], "eeg", "empty_file"],
    ]
    assert done.results["corpus"]["n_failed"] == len({audio, *eeg})
    assert done.results["protocol"]["n_tested"] == 24
    absent = int(samples["eeg"].isna().sum()) + 2
    assert f"eeg is absent in {absent} of 24 samples" in done.notes
    assert "unusable samples</dt><dd>" in (tmp_path / "run" / "report.html").read_text(encoding="utf-8")


def test_a_split_that_leaks_is_refused(make_corpus, make_study):
    corpus = make_corpus(split=np.resize(["train", "test"], 48))
    study = make_study(protocol={"name": "official"}, strategies=["unimodal", "late_mean"])
    with pytest.raises(ProtocolError, match=r"'official' would leak: fold 'test': 24 of 24 test samples share group"):
        run_study(study, corpus)
    leaky = run_study(study.changed(protocol={"name": "official", "leaky": True}), corpus)
    assert leaky.results["protocol"]["leaky"] is True
    assert "leaky: training and test samples are not independent" in leaky.results["verdict"]
    assert any(note.startswith("leaky: fold 'test'") for note in leaky.notes)


def test_random_splits_are_stamped_leaky_everywhere(make_corpus, make_study, tmp_path):
    study = make_study(protocol={"name": "random", "n_folds": 2}, strategies=["unimodal", "late_mean"])
    done = run_study(study, make_corpus())
    folder = write_run(done, study, tmp_path)
    assert done.results["protocol"]["leaky"] is True
    assert all("leaky" in (folder / name).read_text(encoding="utf-8") for name in report.FILES)


def test_speaker_normalisation_is_stamped_adaptive_everywhere(make_corpus, make_study, tmp_path):
    study = make_study(speaker_normalisation=True, strategies=["unimodal", "late_mean"])
    done = run_study(study, make_corpus())
    folder = write_run(done, study, tmp_path)
    assert done.results["protocol"]["adaptive"] is True
    assert "adaptive: unlabelled statistics of the test speakers were used" in done.results["verdict"]
    assert all("adaptive" in (folder / name).read_text(encoding="utf-8") for name in report.FILES)
    assert "speaker_normalisation = true" in (folder / "study.toml").read_text(encoding="utf-8")


def test_the_official_split_is_one_fold_compared_by_the_group_bootstrap(make_corpus, make_study):
    corpus = make_corpus(split=np.repeat(["train", "test"], 24))
    done = run_study(make_study(protocol={"name": "official"}, strategies=FEW), corpus)
    assert done.predictions["fold"].unique().tolist() == ["test"]
    assert set(done.predictions["group"]) == {"s2", "s3"}
    assert {item["test"] for item in done.results["comparisons"]} == {"group_bootstrap"}


def test_a_run_without_groups_draws_single_samples(make_corpus, make_study):
    corpus = make_corpus(split=np.repeat(["train", "test"], 24))
    nameless = Corpus(corpus.info, corpus.samples.drop(columns="group"), corpus.tables)
    done = run_study(make_study(protocol={"name": "official"}, strategies=FEW), nameless)
    assert done.results["corpus"]["n_groups"] == 0
    assert done.predictions["group"].isna().all()
    assert {item["test"] for item in done.results["comparisons"]} == {"group_bootstrap"}


def test_a_class_unseen_in_training_is_counted_at_test(make_corpus, make_study):
    corpus = make_corpus(split=np.repeat(["train", "test"], 24))
    samples = corpus.samples.copy()
    samples.iloc[24:27, samples.columns.get_loc("label")] = "surprised"
    done = run_study(make_study(protocol={"name": "official"}), Corpus(corpus.info, samples, corpus.tables))
    assert done.results["corpus"]["classes"] == ["happy", "neutral", "sad", "surprised"]
    assert done.results["protocol"]["n_tested"] == 24
    assert (done.predictions["surprised"] == 0).all()
    (row,) = (row for row in done.results["rows"] if row["strategy"] == "majority")
    assert row["metrics"]["uar"]["mean"] == pytest.approx(1 / 4)
    late = done.predictions[done.predictions["strategy"] == "late_mean"]
    assert (late["label"] == "surprised").sum() == 3


def test_an_error_in_a_fold_says_which_fold(make_corpus, make_study):
    corpus = make_corpus()
    corpus.tables["face"].iloc[24:] = np.nan
    study = make_study(protocol={"name": "official"}, strategies=["unimodal", "late_mean"])
    split = Corpus(corpus.info, corpus.samples.assign(split=np.repeat(["test", "train"], 24)), corpus.tables)
    with pytest.raises(
        StudyError, match=r"'face' is absent in every training row.*\(fold 'test', classifier 'linear'\)$"
    ):
        run_study(study, split)


def test_finished_folds_are_told(make_corpus, make_study):
    told = []
    run_study(make_study(strategies=["unimodal"]), make_corpus(), on_task=lambda *counts: told.append(counts))
    assert told == [(1, 2), (2, 2)]


def test_the_label_column_and_its_map_choose_the_classes(make_corpus, make_study):
    corpus = make_corpus(valence=np.resize(["up", "flat", "down"], 48))
    by_column = prepare_corpus(make_study(label="valence"), corpus)
    assert set(by_column.samples["label"]) == {"up", "flat", "down"}
    mapped = prepare_corpus(make_study(label_map={"happy": "good", "sad": "bad"}), corpus)
    assert mapped.samples["label"].value_counts().to_dict() == {"good": 16, "bad": 16}


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"label": "mood"}, StudyError, r"label column 'mood' is not in the corpus; it has \['label', 'group'"),
        ({"label_map": {"joy": "good"}}, StudyError, r"label_map names \['joy'\], the labels are \['happy'"),
        ({"label": "valence"}, TableError, "label column 'valence' is missing for 16 samples"),
        ({"label_map": {"happy": "good"}}, TableError, r"at least two classes are needed, got \['good'\]"),
        (
            {"label": "only", "protocol": {"name": "actors_21_24"}},
            StudyError,
            "no sample is left: the label map or protocol 'actors_21_24'",
        ),
    ],
)  # fmt: skip
def test_labels_that_leave_nothing_to_tell_apart_are_refused(make_corpus, make_study, changes, error, message):
    corpus = make_corpus(valence=np.resize(["up", None, "down"], 48), only="neutral")
    with pytest.raises(error, match=message):
        prepare_corpus(make_study(**changes), corpus)


def test_a_folder_that_cannot_be_written_is_refused_before_the_work(tmp_path, written):
    study, done, _ = written
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(StudyError, match=r"cannot be written: .*choose another --out"):
        prepare_folder(tmp_path / "file" / "run")
    with pytest.raises(StudyError, match=r"cannot be written to .*choose another --out"):
        write_run(done, study, tmp_path / "file" / "run")


def test_a_run_that_cannot_be_written_whole_leaves_nothing(tmp_path, written, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    study, done, _ = written
    monkeypatch.setattr(report, "write_reports", full)
    with pytest.raises(StudyError, match="No space left on device; choose another --out"):
        write_run(done, study, tmp_path / "run")
    assert list((tmp_path / "run").iterdir()) == []


def test_the_results_arrive_last_so_that_a_folder_with_results_is_whole(tmp_path, written, monkeypatch):
    moved, replace = [], run_folder.Path.replace

    def record(path, target):
        moved.append(path.name)
        return replace(path, target)

    monkeypatch.setattr(run_folder.Path, "replace", record)
    write_run(written[1], written[0], tmp_path)
    assert moved[-1] == "results.json"


def test_no_cell_of_the_failure_record_is_a_formula(tmp_path):  # Text 37
    names = ["=cmd|'/C calc'!A0", "+1", "-1", "@SUM(A1)", "plain"]
    write_failures(pd.DataFrame({"sample": names, "code": "missing"}), tmp_path / "failures.csv")
    found = pd.read_csv(tmp_path / "failures.csv")["sample"]
    assert found.tolist() == [f"'{name}" for name in names[:4]] + ["plain"]


def test_the_environment_of_an_installed_package_names_no_commit(written, monkeypatch, tmp_path):
    monkeypatch.setattr(run_folder, "__file__", str(tmp_path / "experiments" / "run_folder.py"))
    assert environment(written[0])["git_commit"] is None


def test_a_machine_without_git_or_proc_has_an_environment_too(written, monkeypatch):
    def missing(*_, **__):
        raise FileNotFoundError

    monkeypatch.setattr(run_folder.subprocess, "run", missing)
    read_text = run_folder.Path.read_text

    def without_proc(path, *arguments, **options):
        return missing() if path.is_relative_to("/proc") else read_text(path, *arguments, **options)

    monkeypatch.setattr(run_folder.Path, "read_text", without_proc)
    monkeypatch.setattr(run_folder.Path, "exists", lambda path: True)
    monkeypatch.setattr(run_folder.platform, "processor", lambda: "abacus")
    found = environment(written[0])
    assert (found["git_commit"], found["cpu"]) == (None, "abacus")


@pytest.fixture(scope="module")
def several(make_corpus, make_study, tmp_path_factory):
    """A study under three splits, in memory and in its folder."""
    study = make_study(
        strategies=["unimodal", "late_mean"],
        protocol={"name": "loso"},
        also=[{"name": "loro"}, {"name": "random", "n_folds": 2}],
    )
    recording = [f"r{row // 6}" for row in range(48)]
    done = run_study(study, make_corpus(recording=recording))
    return study, done, write_run(done, study, tmp_path_factory.mktemp("several"))


def test_other_protocols_stand_beside_the_study_s_own(several):
    _, done, folder = several
    results = json.loads((folder / "results.json").read_text())
    others = results["other_protocols"]
    found = [(item["protocol"]["name"], item["protocol"]["groups"], item["protocol"]["leaky"]) for item in others]
    assert found == [("loro", "recording", False), ("random", "speaker", True)]
    assert [item["protocol"]["n_folds"] for item in others] == [8, 2]
    assert (results["protocol"]["name"], results["protocol"]["leaky"]) == ("loso", False)
    for item in others:
        assert [row["strategy"] for row in item["rows"]] == [row["strategy"] for row in results["rows"]]
    assert results == {**done.results, "notes": list(done.notes)}


def test_other_protocols_change_nothing_of_the_study_s_own(several, make_corpus):
    study, done, _ = several
    alone = run_study(study.changed(also=[]), make_corpus())
    assert "other_protocols" not in alone.results
    assert without_clock(alone.results)["rows"] == without_clock(done.results)["rows"]


def test_report_shows_every_protocol_with_its_stamp(several):
    _, _, folder = several
    for name in ("report.html", "report.md", "report.tex"):
        text = (folder / name).read_text()
        assert "loro" in text and "random" in text and "leaky" in text, name
    reloaded = load_study(folder / "study.toml")
    assert [spec.name for spec in reloaded.also] == ["loro", "random"]


def test_protocol_that_drops_labels_cannot_stand_beside_another(make_corpus, make_study):
    study = make_study(also=[{"name": "actors_21_24"}])
    with pytest.raises(StudyError, match="actors_21_24"):
        run_study(study, make_corpus())


@pytest.fixture
def spoken(make_corpus, tmp_path):
    """A corpus of recordings whose words stand in files beside them, but for one of a sample and one that is junk."""
    corpus = make_corpus()
    audio = [str(tmp_path / f"{name}.wav") for name in corpus.samples.index]
    for path, label in zip(audio, corpus.samples["label"], strict=True):
        (tmp_path / path).with_suffix(".txt").write_text(f"I feel {label}")
    (tmp_path / audio[0]).with_suffix(".txt").write_bytes(b"\xff\xfe\xfd")
    text = [None] * 2 + ["my own words"] + [None] * (len(audio) - 3)
    return Corpus(corpus.info, corpus.samples.assign(audio=audio, text=text), corpus.tables)


def test_absent_texts_come_from_where_the_study_says(spoken, make_study):
    study = make_study("face").changed(
        transcript="sidecar", blocks={"text": {"extractor": "text"}, "counts": {"extractor": "text_counts"}}
    )
    prepared = prepare_corpus(study, spoken, n_jobs=2)
    assert prepared.samples["text"].iloc[2] == "my own words"
    assert prepared.samples["text"].iloc[1] == f"I feel {spoken.samples['label'].iloc[1]}"
    assert prepared.samples["text"].iloc[0] is None
    assert prepared.failures["sample"].tolist() == [spoken.samples.index[0]]
    done = run_study(study.changed(strategies=["unimodal"], protocol={"name": "random", "n_folds": 2}), spoken)
    assert done.results["corpus"]["n_failed"] == 1
    assert done.table.failures["sample"].tolist() == [spoken.samples.index[0]]
    assert done.table.X["counts"].iloc[0].isna().all()


def test_transcripts_are_not_read_where_no_block_is_of_text(spoken, make_study):
    study = make_study("face").changed(transcript="nowhere.at_all:function")
    assert prepare_corpus(study, spoken).samples["text"].notna().sum() == 1
    with pytest.raises(StudyError, match=r"nowhere\.at_all:function"):
        prepare_corpus(study.changed(blocks={"text": {"extractor": "text"}}), spoken)


CLASSES = ["happy", "neutral", "sad"]


def votes(corpus, *, lacking=0):
    """A table of shares in which people are always right, but for the first samples, which nobody saw."""
    shares = pd.get_dummies(corpus.samples["label"]).astype(float) * 0.7 + 0.1
    shares.iloc[:lacking] = np.nan
    return shares


def test_the_answers_of_people_stand_beside_those_of_machines(make_corpus, make_study, tmp_path):
    corpus = make_corpus()
    study = make_study(strategies=["unimodal", "late_mean"], references={"people": "votes", "few": "some"})
    tables = corpus.tables | {"votes": votes(corpus).iloc[::-1], "some": votes(corpus, lacking=12)}
    done = run_study(study, Corpus(corpus.info, corpus.samples, tables))
    rows = {row["blocks"][0]: row for row in done.results["rows"] if row["strategy"] == "reference"}
    assert set(rows) == {"people", "few"}
    assert {row["classifier"] for row in rows.values()} == {"given"}
    assert rows["people"]["metrics"]["uar"]["mean"] == 1.0
    own = done.predictions[(done.predictions["strategy"] == "reference") & (done.predictions["blocks"] == "few")]
    answered = own.set_index("sample")[CLASSES]
    absent = corpus.samples.index[:12]
    np.testing.assert_allclose(answered.loc[absent], 1 / 3)
    np.testing.assert_allclose(answered.drop(absent).max(axis=1), 0.8)
    assert all("reference" not in (item["a"], item["b"]) for item in done.results["comparisons"])
    assert "people" in (write_run(done, study, tmp_path) / "report.html").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({}, r"references.people: the corpus has no table 'votes'; it has \['face', 'voice'\]$"),
        ({"votes": ["happy", "sad"]}, r"references.people: table 'votes' lacks the classes \['neutral'\]$"),
    ],
)
def test_people_whose_answers_are_not_there_are_refused_before_the_work(make_corpus, make_study, change, message):
    corpus = make_corpus()
    tables = corpus.tables | {name: votes(corpus)[columns] for name, columns in change.items()}
    done = []
    study = make_study(references={"people": "votes"})
    with pytest.raises(StudyError, match=message):
        run_study(study, Corpus(corpus.info, corpus.samples, tables), on_task=lambda *count: done.append(count))
    assert done == []


@pytest.fixture(scope="module")
def worse(make_corpus, make_study, tmp_path_factory):
    """A run in which words are dropped from what people said; its study, its corpus, itself and its folder."""
    words = {
        "happy": "love great joy sunny laugh glad",
        "neutral": "table usual chair paper street bus",
        "sad": "alone tears lost grey cry sorry",
    }
    random, corpus = np.random.default_rng(0), make_corpus(tables=("face",), signal=0.5)
    said = [
        " ".join(random.choice([*words[label].split(), "well", "so", "it"], 5)) for label in corpus.samples["label"]
    ]
    corpus = Corpus(corpus.info, corpus.samples.assign(text=said), corpus.tables)
    blocks = {"words": {"extractor": "text"}, "face": {"extractor": "table", "table": "face"}}
    study = make_study(
        blocks=blocks,
        strategies=[*FEW, "majority"],
        degradations=[{"kind": "dropped_words", "levels": [1.0, 0.5]}],
        protocol={"name": "group_kfold", "n_folds": 2, "leaky": True},
    )
    done = run_study(study, corpus)
    return study, corpus, done, write_run(done, study, tmp_path_factory.mktemp("worse"))


def test_worse_inputs_make_every_fusion_worse_step_by_step(worse):
    _, _, done, folder = worse
    found = json.loads((folder / "results.json").read_text(encoding="utf-8"))["degraded"]
    assert found == done.results["degraded"]
    assert [(item["kind"], item["block"], item["level"]) for item in found] == [
        ("dropped_words", "words", 0.5),
        ("dropped_words", "words", 1.0),
    ]
    assert all({"unit", "label", "rows"} <= set(item) for item in found)
    clean = {row["strategy"]: row["metrics"]["uar"]["mean"] for row in done.results["rows"]}
    half, nothing = ({row["strategy"]: row["mean"] for row in item["rows"]} for item in found)
    assert set(half) == set(nothing) == {"early", "late_product", "selected"}
    for strategy in half:
        assert nothing[strategy] < clean[strategy]
        assert nothing[strategy] <= half[strategy] <= clean[strategy]
    assert all(row["low"] <= row["mean"] <= row["high"] for item in found for row in item["rows"])


def test_where_all_words_are_dropped_the_face_answers(worse):
    _, _, done, _ = worse
    missing = {row["strategy"]: row["subsets"] for row in done.results["missing"]["rows"]}
    rows = {row["strategy"]: row["mean"] for row in done.results["degraded"][1]["rows"]}
    for strategy, mean in rows.items():
        (face,) = (item["mean"] for item in missing[strategy] if item["present"] == ["face"])
        assert mean == pytest.approx(face, abs=1e-6)
    assert any("words is absent in 48 of 48 samples" in note for note in done.notes)


def test_models_are_trained_on_clean_rows(worse):
    study, corpus, done, _ = worse
    clean = run_study(study.changed(degradations=[]), corpus)
    pd.testing.assert_frame_equal(clean.predictions, done.predictions)
    assert "degraded" not in clean.results


@pytest.fixture(scope="module")
def repeated(make_corpus, make_study, tmp_path_factory):
    """A run whose folds are drawn three times, and its folder."""
    study = make_study(strategies=[*FEW, "majority"], protocol={"name": "group_kfold", "n_folds": 2, "repeats": 3})
    done = run_study(study, make_corpus(n_groups=6))
    return done, write_run(done, study, tmp_path_factory.mktemp("repeated"))


def test_repeated_folds_test_every_sample_as_often(repeated):
    done, folder = repeated
    protocol = done.results["protocol"]
    assert (protocol["n_folds"], protocol["repeats"], protocol["n_tested"]) == (6, 3, 72)
    predictions = pd.read_parquet(folder / "predictions.parquet")
    names = [f"{repeat}.{number}" for repeat in (1, 2, 3) for number in (1, 2)]
    for (strategy, _), own in predictions.groupby(["strategy", "blocks"]):
        assert list(dict.fromkeys(own["fold"])) == names, strategy
        assert (own.groupby("sample").size() == 3).all() and own["sample"].nunique() == 72
        assert not own.duplicated(["sample", "fold"]).any()
    assert (predictions.groupby("fold")["group"].nunique() == 3).all()
    for row in done.results["rows"]:
        assert len(row["metrics"]["uar"]["folds"]) == 6
    (selected,) = (row for row in done.results["rows"] if row["strategy"] == "selected")
    assert list(selected["chosen"]) == names


def test_repeated_folds_give_their_contributions_too(repeated):
    done, folder = repeated
    shares = pd.read_parquet(folder / "contributions.parquet")
    assert len(shares) == 3 * 72 and shares["fold"].nunique() == 6
    details = done.results["contribution_details"]
    assert sum(done.results["contributions"].values()) == pytest.approx(details["full"] - details["base"], abs=1e-5)


def test_a_modality_of_noise_raises_a_flag(make_corpus, make_study, tmp_path):
    corpus = make_corpus(n_groups=6, n_per_group=18, seed=5)
    corpus.tables["voice"].loc[:] = np.random.default_rng(1).normal(size=(108, 4))
    study = make_study(strategies=["unimodal", "late_mean", "late_product", "early", "shuffled_modality", "majority"])
    done = run_study(study, corpus)
    (shuffled,) = (r for r in done.results["rows"] if r["strategy"] == "shuffled_modality" and r["blocks"] == ["voice"])
    flags = done.results["red_flags"]
    worst = min(row["metrics"]["uar"]["mean"] for row in done.results["rows"] if row["strategy"] in FUSIONS)
    assert worst <= shuffled["metrics"]["uar"]["mean"]
    assert any(flag.startswith("shuffled voice (linear) (") for flag in flags)
    assert not any(flag.startswith("shuffled face") for flag in flags)
    assert f"Red flag: {'; '.join(flags)}." in done.results["verdict"]
    assert "shuffled voice" in (write_run(done, study, tmp_path) / "report.html").read_text(encoding="utf-8")


def test_blocks_of_one_modality_share_its_contributions(make_corpus, make_study):
    table = {"extractor": "table", "modality": "body"}
    study = make_study(blocks={name: table | {"table": name} for name in ("face", "voice")}, strategies=FEW)
    done = run_study(study, make_corpus(signal=1.5))
    assert "missing" not in done.results
    assert set(done.results["contributions"]) == {"face", "voice"}
    details = done.results["contribution_details"]
    assert (details["strategy"], details["classifier"]) == ("late_product", "linear")
    (row,) = (row for row in done.results["rows"] if row["strategy"] == "late_product")
    codes = done.predictions[done.predictions["strategy"] == "late_product"]
    right = codes[CLASSES].idxmax(axis=1) == codes["label"]
    assert details["full"] == pytest.approx(right.groupby(codes["label"]).mean().mean(), abs=1e-5)
    assert sum(done.results["contributions"].values()) == pytest.approx(details["full"] - 1 / 3, abs=1e-5)
    assert row["metrics"]["uar"]["mean"] > 1 / 3
    assert done.contributions.empty


def test_a_run_of_one_block_has_its_row_and_no_more(make_corpus, make_study, tmp_path):
    study = make_study("face")
    done = run_study(study, make_corpus())
    assert {row["strategy"] for row in done.results["rows"]} == {
        "majority",
        "permuted_labels",
        "unimodal",
        "best_single",
    }
    assert done.results["verdict"].startswith("Nothing to compare (one modality only): face (linear)")
    assert set(done.results) == (KEYS | {"red_flags"}) - {"notes"}
    assert {path.name for path in write_run(done, study, tmp_path).iterdir()} == FILES - {"contributions.parquet"}


def test_trees_are_explained_in_the_results(make_corpus, make_study):
    rounds = {"recipes": {"boosted": {"n_rounds": 8}}}
    blocks = {name: {"extractor": "table", "table": name} | rounds for name in ("face", "voice")}
    strategies = ["unimodal", "late_product", "selected"]
    done = run_study(make_study(blocks=blocks, classifiers=["linear", "boosted"], strategies=strategies), make_corpus())
    features = pd.DataFrame(done.results["contribution_details"]["features"])
    assert set(features["block"]) == {"face", "voice"}
    np.testing.assert_allclose(features.groupby("block")["share"].sum(), 1, atol=1e-5)
