"""The tutorial: short, runs anywhere, and its notebook is what its script says, with outputs that tell nothing of a machine."""

from __future__ import annotations

import json
import re
import runpy
import tempfile
from pathlib import Path

import emofuse
import pytest
from emofuse.experiments import demo
from joblib import parallel_config

DOCS = Path(emofuse.__file__).parent / "docs"
SOURCE, NOTEBOOK = DOCS / "tutorial.py", DOCS / "tutorial.ipynb"
MAX_BYTES = 200_000
# A path from the root of a disk, or of a home; not the end of a tag or the name of SVG.
WHOLE_PATH = re.compile(r"(?<![<\w:/.])(?:/|~/)[\w.-]+/[\w.-]|[A-Za-z]:\\\\|file://")


def cells_of(script):
    """Yield (kind, text) of each cell of a script in percent format."""
    for part in re.split(r"^# %%", script.read_text(encoding="utf-8"), flags=re.MULTILINE)[1:]:
        mark, _, text = part.partition("\n")
        if "[markdown]" in mark:
            yield "markdown", "\n".join(line.removeprefix("#").removeprefix(" ") for line in text.strip().splitlines())
        else:
            yield "code", text.strip()


def outputs_of(cell):
    """Yield the text of each output of a cell, by its kind."""
    for output in cell["outputs"]:
        for kind, text in (output.get("data") or {"text": output.get("text", "")}).items():
            yield kind, "".join(text)


@pytest.fixture(scope="module")
def notebook():
    return json.loads(NOTEBOOK.read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def code_cells(notebook):
    return [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]


def test_way_from_clips_to_a_verdict_is_short():
    code = "\n".join(text for kind, text in cells_of(SOURCE) if kind == "code")
    assert len([line for line in code.splitlines() if line.strip()]) < 60


def test_tutorial_runs(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(demo, "N_SPEAKERS", 6)
    monkeypatch.setattr(demo, "CLIPS_A_CELL", 1)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    with parallel_config("sequential"):  # two new processes take longer than what they would do
        made = runpy.run_path(str(SOURCE))
    printed = capsys.readouterr().out
    assert "36 clips measured, 0 failed" in printed and "(synthetic data)" in printed
    assert made["run"].results["corpus"] | {"n_samples": 36, "synthetic": True} == made["run"].results["corpus"]
    assert set(made["answer"].modalities) == {"audio", "text"}
    assert made["fused"]["test_score"].shape == made["alone"].shape == (5,)
    assert (made["folder"] / "run" / "report.html").stat().st_size > 10_000


def test_notebook_is_what_the_script_says(notebook):
    found = [(cell["cell_type"], "".join(cell["source"])) for cell in notebook["cells"]]
    assert found == list(cells_of(SOURCE)), "make notebook writes it anew"


def test_notebook_was_run_from_top_to_bottom_without_an_error(code_cells):
    assert [cell["execution_count"] for cell in code_cells] == list(range(1, len(code_cells) + 1))
    kinds = [output["output_type"] for cell in code_cells for output in cell["outputs"]]
    assert set(kinds) <= {"stream", "execute_result"}
    assert all(output.get("name", "stdout") == "stdout" for cell in code_cells for output in cell["outputs"])


def test_outputs_show_the_verdict_and_the_figures(code_cells):
    outputs = [found for cell in code_cells for found in outputs_of(cell)]
    assert sum(kind == "image/svg+xml" for kind, _ in outputs) == 2
    verdict = next(text for _, text in outputs if "after Holm" in text)
    assert "UAR" in verdict and verdict.strip().endswith("(synthetic data).")


def test_outputs_tell_nothing_of_a_machine(notebook, code_cells):
    texts = [text for cell in code_cells for _, text in outputs_of(cell)]
    assert texts and [text for text in texts if WHOLE_PATH.search(text)] == []
    assert not re.search(r"0x[0-9a-f]{6,}|\d\d:\d\d:\d\d", "".join(texts))
    assert all(cell["metadata"] == {} for cell in notebook["cells"])
    assert set(notebook["metadata"]) == {"kernelspec", "language_info"}
    assert NOTEBOOK.stat().st_size < MAX_BYTES


@pytest.mark.parametrize("text", ["see /tmp/a/b.wav", "'/home/ann/x'", "~/clips/a", "C:\\\\Users", "file:///x"])
def test_whole_path_would_be_seen(text):
    assert WHOLE_PATH.search(text)
    assert not WHOLE_PATH.search("<td>audio/a.wav</td> 1/2 http://www.w3.org/2000/svg ./clips/a.wav")
