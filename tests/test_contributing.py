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


@pytest.fixture(scope="module")
def extended(tmp_path_factory):
    """A copy of the package with every step of the guide applied; returns the folder that holds it."""
    folder = tmp_path_factory.mktemp("extended")
    left_out = shutil.ignore_patterns(".*", "tests", "build", "runs", "*.egg-info", "__pycache__")
    shutil.copytree(PACKAGE, folder / "emofuse", ignore=left_out)
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
    """A miniature of the guide's corpus: low and high tones of six speakers."""
    root = tmp_path_factory.mktemp("pairs")
    random = np.random.default_rng(0)
    rows = []
    for speaker in range(6):
        for take in range(4):
            label = ("low", "high")[take % 2]
            pitch = {"low": 120, "high": 260}[label] + random.normal(0, 8)
            time = np.arange(8000) / 16000
            tone = np.sign(np.sin(2 * np.pi * pitch * time)) * 0.2 + random.normal(0, 0.01, len(time))
            sf.write(root / f"{speaker}-{take}.wav", tone, 16000)
            rows.append({"id": f"{speaker}-{take}", "audio": f"{speaker}-{take}.wav", "label": label, "group": speaker})
    pd.DataFrame(rows).to_csv(root / "pairs.csv", index=False)
    return root


def test_the_guide_adds_a_modality_a_corpus_and_a_strategy(extended, pairs, tmp_path):
    command = [sys.executable, "-c", "from emofuse.cli import main; main()", "run", "pairs", "--root", str(pairs)]
    done = subprocess.run(
        [*command, "--out", str(tmp_path / "run"), "--store", str(tmp_path / "store"), "--jobs", "1"],
        env={**os.environ, "PYTHONPATH": str(extended)},
        capture_output=True,
        text=True,
        cwd=tmp_path,
    )
    assert done.returncode == 0, done.stderr
    results = json.loads((tmp_path / "run" / "results.json").read_text())
    assert results["corpus"]["name"] == "pairs"
    strategies = {row["strategy"]: row for row in results["rows"]}
    assert strategies["late_median"]["blocks"] == ["audio", "level"]
    assert strategies["late_median"]["metrics"]["uar"]["mean"] > 0.8
