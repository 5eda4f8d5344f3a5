"""Every benchmark runs at a tiny size and gives figures; they are kept, shown and compared. What they say is not asserted."""

import json
from importlib import import_module

import numpy as np
import pytest
from emofuse.experiments.benchmarks import NAMES, Options, Row, __main__, growth, kept, measuring
from emofuse.experiments.benchmarks.generated import generated_corpus, generated_study
from emofuse.experiments.blocks import build_blocks

FIELDS = {"name", "unit", "ours", "plain", "ratio", "target", "met"}


@pytest.fixture
def in_this_process(monkeypatch):
    """Studies of the growth benchmark without processes of their own."""

    def measured(sizes):
        return measuring.Spent(json.dumps(growth.run_sizes(sizes)), 2.0, 1.0, 100.0)

    monkeypatch.setattr(growth, "measured_study", measured)
    monkeypatch.setattr(growth, "STRATEGIES", ("unimodal", "early", "late_mean", "stacking"))


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.filterwarnings("ignore")  # of the plain ways
def test_each_benchmark_gives_figures(name, tmp_path, in_this_process):
    rows = import_module(f"emofuse.experiments.benchmarks.{name}").benchmark(Options(tmp_path, quick=True))
    assert rows
    assert len({row.name for row in rows}) == len(rows)
    assert all(set(row.as_json()) == FIELDS for row in rows)
    assert all(np.isfinite(row.ours) and row.ours >= 0 for row in rows)
    assert not any("nan" in json.dumps(row.as_json()).casefold().split('"') for row in rows)


def test_a_row_knows_whether_its_target_is_met():
    assert Row("a", 2.0, 10.0, at_least=5.0).met is True
    assert Row("a", 2.1, 10.0, at_least=5.0).met is False
    assert Row("a", 2.0, at_most=1.5).met is False
    assert Row("a", 2.0, 10.0, at_least=5.0, at_most=1.5).met is False
    assert Row("a", 2.0, 10.0).met is None
    assert Row("a", 2.0, 10.0, at_least=5.0, at_most=3.0).target == ">= 5 x, <= 3 s"


def test_generated_blocks_tell_together_what_none_tells_alone():
    corpus = generated_corpus(4000, n_classes=4, n_blocks=2, n_features=40)
    assert set(corpus.samples["label"]) == {"class01", "class02", "class03", "class04"}
    assert corpus.samples["group"].nunique() == 80
    X = build_blocks(generated_study(), corpus).X
    assert X.shape == (4000, 40)
    assert X["block1"].isna().all(axis=1).any()
    codes = corpus.samples["label"].str[-1].astype(int).to_numpy() - 1
    means = {code: X["block1"][codes == code].mean().to_numpy() for code in range(4)}
    # Classes 1 and 2 are one to the first block, 2 and 3 are not.
    assert np.abs(means[0] - means[1]).mean() < np.abs(means[1] - means[2]).mean() / 2


def test_same_seed_same_numbers():
    first, again = (generated_corpus(50, seed=3).tables["block2"] for _ in range(2))
    assert first.equals(again)
    assert not first.equals(generated_corpus(50, seed=4).tables["block2"])


def test_exponent_is_that_of_the_last_step():
    assert growth.exponent([1, 10, 20], [7, 3, 12]) == 2.0


def test_a_process_is_measured_with_its_children():
    code = "import subprocess, sys; subprocess.run([sys.executable, '-c', 'print(1)'], check=True); print('x' * 3)"
    spent = measuring.run_python(["-c", code])
    assert spent.output.split() == ["1", "xxx"]
    assert spent.seconds > 0
    assert spent.core_seconds > 0
    with pytest.raises(RuntimeError, match="ValueError: no"):
        measuring.run_python(["-c", "raise ValueError('no')"])


def test_figures_are_kept_shown_and_compared(tmp_path, monkeypatch, capsys):
    rows = [Row("fast", 1.0, 6.0, at_least=5.0), Row("large", 9.0, at_most=8.0, unit="MB")]
    spent = measuring.Spent(f"told\n{json.dumps([row.as_json() for row in rows])}\n", 3.0, 2.0, 50.0)
    monkeypatch.setattr(__main__, "run_python", lambda arguments: spent)
    assert __main__.main(["text", "--out", str(tmp_path)]) == 0
    shown = capsys.readouterr().out
    assert "6.00 x" in shown
    assert "<= 8 MB" in shown
    [path] = tmp_path.iterdir()
    found = json.loads(path.read_text())
    assert set(found) == {"schema", "quick", "machine", "benchmarks"}
    assert {"cpu", "cpu_count", "memory_gb", "system", "python", "versions", "git_commit", "load_before"} <= set(
        found["machine"]
    )
    assert [row["met"] for row in found["benchmarks"]["text"]["rows"]] == [True, False]
    found["benchmarks"]["text"]["rows"][0]["ours"] = 2.0
    old = tmp_path / "old.json"
    old.write_text(json.dumps(found))
    assert __main__.main(["--show", str(path), "--against", str(old)]) == 0
    assert "2.00 x" in capsys.readouterr().out


def test_another_processor_is_told():
    figures = {"machine": {"cpu": "a"}, "benchmarks": {}}
    assert "ANOTHER" in str(kept.compared_table(figures, figures | {"machine": {"cpu": "b"}}).title)
    assert "ANOTHER" not in str(kept.compared_table(figures, figures).title)


def test_a_benchmark_that_fails_does_not_keep_others_from_running(monkeypatch, capsys):
    def run(arguments):
        if "sound" in arguments:
            raise RuntimeError("no sound here")
        return measuring.Spent(json.dumps([Row("fast", 1.0).as_json()]), 1.0, 1.0, 1.0)

    monkeypatch.setattr(__main__, "run_python", run)
    assert __main__.main(["sound", "text"]) == 1
    shown = capsys.readouterr().out
    assert "no sound here" in shown
    assert "fast" in shown


@pytest.mark.parametrize("text", ["{}", "no json", '{"schema": 0, "benchmarks": {}}'])
def test_what_is_no_figures_is_refused(text, tmp_path, capsys):
    path = tmp_path / "old.json"
    path.write_text(text)
    assert __main__.main(["--show", str(path)]) == 2
    assert "give a file that --out has written" in capsys.readouterr().err


def test_unknown_names_are_refused(capsys):
    with pytest.raises(SystemExit):
        __main__.main(["nothing"])
    assert "no benchmark is called nothing" in capsys.readouterr().err
