"""CONTRIBUTING.md shows how to add a modality, a corpus and a strategy: its blocks are applied to a copy and run."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import emofuse
import numpy as np
import pandas as pd
import pytest
import soundfile as sf

PACKAGE = Path(emofuse.__file__).parent
STEP = re.compile(
    r"<!-- (?P<what>write|insert|replace): (?P<file>\S+)(?: (?P<where>after|before|old): (?P<mark>.*?))?"
    r"(?: new: (?P<new>.*?))? -->\n(?:```\w+\n(?P<code>.*?)```)?",
    re.DOTALL,
)

CONTRACT = "tests/contracts/test_extractors.py"


@pytest.fixture(scope="module")
def extended(tmp_path_factory):
    """A copy of the package with every step of the guide applied; returns the folder that holds it."""
    folder = tmp_path_factory.mktemp("extended")
    left_out = shutil.ignore_patterns(".*", "tests", "build", "dist", "runs", "*.egg-info", "__pycache__")
    shutil.copytree(PACKAGE, folder / "emofuse", ignore=left_out)
    (folder / "emofuse/tests/contracts").mkdir(parents=True)
    shutil.copy(PACKAGE / CONTRACT, folder / "emofuse" / CONTRACT)
    steps = list(STEP.finditer((PACKAGE / "CONTRIBUTING.md").read_text(encoding="utf-8")))
    assert [step["what"] for step in steps].count("write") == 3
    for step in steps:
        path = folder / "emofuse" / step["file"]
        if step["what"] == "write":
            assert not path.exists()
            path.write_text(step["code"], encoding="utf-8")
            continue
        text = path.read_text(encoding="utf-8")
        assert text.count(step["mark"]) == 1, f"{step['file']} has no single {step['mark']!r}"
        replaced = {
            "after": f"{step['mark']}\n{(step['code'] or '').rstrip()}",
            "before": f"{step['code']}{step['mark']}",
            "old": step["new"],
        }[step["where"]]
        path.write_text(text.replace(step["mark"], replaced), encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def pairs(tmp_path_factory):
    """A miniature of the guide's corpus: low and high tones of six speakers, who type faster where the tone is high."""
    root = tmp_path_factory.mktemp("pairs")
    random = np.random.default_rng(0)
    rows = []
    for speaker in range(6):
        for take in range(4):
            label, name = ("low", "high")[take % 2], f"{speaker}-{take}"
            pitch = {"low": 120, "high": 260}[label] + random.normal(0, 8)
            time = np.arange(8000) / 16000
            tone = np.sign(np.sin(2 * np.pi * pitch * time)) * 0.2 + random.normal(0, 0.01, len(time))
            sf.write(root / f"{name}.wav", tone, 16000)
            down = np.arange(8) * {"low": 0.4, "high": 0.2}[label] + random.uniform(0, 0.05, 8)
            pd.DataFrame({"down_s": down, "up_s": down + 0.1}).to_csv(root / f"{name}.csv", index=False)
            rows.append(
                {"id": name, "audio": f"{name}.wav", "keystrokes": f"{name}.csv", "label": label, "group": speaker}
            )
    pd.DataFrame(rows).to_csv(root / "pairs.csv", index=False)
    return root


@pytest.fixture
def emofuse_with_it(extended, tmp_path):
    """A function that runs ``emofuse ARGUMENTS``, or another program, with the package that the guide made."""

    def run(*arguments, program=("-c", "from emofuse.cli import main; main()")):
        return subprocess.run(
            [sys.executable, *program, *map(str, arguments)],
            env={**os.environ, "PYTHONPATH": str(extended)},
            capture_output=True,
            text=True,
            cwd=tmp_path,
        )

    return run


def test_a_modality_is_thirty_lines_and_touches_nothing_else():
    """One file, one line in the registry, one contract-test parameter."""
    guide = (PACKAGE / "CONTRIBUTING.md").read_text(encoding="utf-8")
    section = guide[guide.index("## A modality") : guide.index("## A corpus")]
    steps = list(STEP.finditer(section))
    assert [step["file"] for step in steps] == ["features/keystrokes.py", "features/extractors.py", CONTRACT]
    lines = [[line for line in step["code"].splitlines() if line.strip()] for step in steps]
    assert (len(lines[0]) <= 30, len(lines[1]), len(lines[2])) == (True, 1, 1)


def test_the_guide_adds_a_modality_a_corpus_and_a_strategy(emofuse_with_it, pairs, tmp_path):
    run, store = tmp_path / "run", tmp_path / "store"
    done = emofuse_with_it("run", "pairs", "--root", pairs, "--out", run, "--store", store, "--jobs", 1)
    assert done.returncode == 0, done.stderr
    results = json.loads((run / "results.json").read_text())
    assert results["corpus"]["name"] == "pairs"
    strategies = {row["strategy"]: row for row in results["rows"]}
    assert strategies["late_max"]["blocks"] == ["audio", "typing"]
    assert strategies["late_max"]["metrics"]["uar"]["mean"] > 0.8


def test_a_new_modality_is_extracted_from_a_table_of_ones_own(emofuse_with_it, pairs, tmp_path):
    study = tmp_path / "typing.toml"
    study.write_text(
        'name = "typing"\ncorpus = "own"\nclassifiers = ["linear"]\nprotocol = {name = "group_kfold", n_folds = 3}\n'
        'blocks = {typing = {extractor = "keystrokes"}}\n'
    )
    given = ("--samples", pairs / "pairs.csv", "--store", tmp_path / "store", "--jobs", 1, "--out")
    done = emofuse_with_it("extract", study, *given, tmp_path / "typing.parquet", "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["blocks"]["typing"] == {"extracted": 24, "from_store": 0, "absent": 0, "failed": 0}
    features = pd.read_parquet(tmp_path / "typing.parquet")
    np.testing.assert_allclose(features["typing/dwell_mean"], 0.1, atol=1e-6)
    assert (features["typing/flight_median"] > 0.2).tolist() == [take % 2 == 0 for take in range(24)]
    done = emofuse_with_it("run", study, *given, tmp_path / "run")
    assert done.returncode == 0, done.stderr
    rows = json.loads((tmp_path / "run" / "results.json").read_text())["rows"]
    assert max(row["metrics"]["uar"]["mean"] for row in rows) > 0.9


def test_a_feature_of_a_new_modality_explains_itself(emofuse_with_it):
    done = emofuse_with_it("explain", "flight_mean", "--json")
    assert done.returncode == 0, done.stderr
    assert "mean over the clip of: time from letting it go to the next press" in done.stdout
    assert "Monrose & Rubin (2000)" in done.stdout


def test_a_new_modality_passes_the_contract(emofuse_with_it, extended):
    tests = (
        "--import-mode=importlib",
        "--noconftest",
        "-q",
        "-p",
        "no:cacheprovider",
        "-W",
        "error",
        "-k",
        "keystrokes",
    )
    done = emofuse_with_it(*tests, extended / "emofuse" / CONTRACT, program=("-m", "pytest"))
    assert done.returncode == 0, done.stdout
    assert " passed" in done.stdout and "skipped" not in done.stdout
