"""RESULTS.md: exactly what the kept results say, each with its stamps, and nothing about studies that were not measured."""

from __future__ import annotations

import json

import pytest
from emofuse.experiments import results_page
from emofuse.experiments.results_page import FOLDER, PAGE, keep, main, page
from emofuse.experiments.run import run_study
from emofuse.experiments.run_folder import write_run
from emofuse.experiments.study import load_study, shipped_studies
from emofuse.features.errors import StudyError


@pytest.fixture
def run_folder(make_corpus, make_study, tmp_path):
    """The folder of a run that says it is of the study wesad."""
    study = make_study(name="wesad", strategies=["unimodal", "late_mean", "selected", "majority"])
    return write_run(run_study(study, make_corpus()), study, tmp_path / "run")


def test_the_page_is_what_the_kept_results_say():
    assert PAGE.read_text(encoding="utf-8") == page()


def test_every_kept_file_is_of_a_shipped_study_and_of_its_corpus():
    kept = [json.loads(path.read_text(encoding="utf-8")) for path in sorted(FOLDER.glob("*.json"))]
    assert kept
    for item in kept:
        assert item["study"] in shipped_studies()
        assert item["corpus"]["name"] == load_study(item["study"]).corpus
        assert not item["corpus"]["synthetic"]
        assert item["command"].startswith(f"emofuse run {item['study']} --root ")


def test_a_run_is_kept_and_shown(run_folder, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(results_page, "FOLDER", tmp_path / "measured")
    monkeypatch.setattr(results_page, "PAGE", tmp_path / "RESULTS.md")
    assert main([str(run_folder)]) == 0
    file = tmp_path / "measured" / "wesad-group_kfold.json"
    kept = json.loads(file.read_text())
    assert kept["metric"] == "uar" and "folds" not in kept["rows"][0]["metrics"]["uar"]
    text = (tmp_path / "RESULTS.md").read_text()
    assert "`emofuse run wesad --root WESAD --protocol group_kfold`" in text
    assert "- `tess`:" in text and "- `wesad`:" not in text
    best = max(row["metrics"]["uar"]["mean"] for row in kept["rows"])
    assert f"{best:.3f}".removeprefix("0") in text
    assert str(file) in capsys.readouterr().out


def test_runs_of_other_studies_are_not_kept(make_corpus, make_study, tmp_path, capsys):
    study = make_study(strategies=["unimodal", "majority"])
    folder = write_run(run_study(study, make_corpus()), study, tmp_path / "run")
    with pytest.raises(StudyError, match="'mini', which is no shipped study"):
        keep(folder)
    assert main([str(tmp_path)]) == 2
    assert "is no run folder" in capsys.readouterr().err
