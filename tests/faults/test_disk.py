"""A full disk and a place that cannot be written, for everything a command writes: one line, and what was there stays."""

from __future__ import annotations

import resource
from pathlib import Path

import pytest
from emofuse.features.store import FeatureStore


@pytest.fixture
def full_disk():
    """A function that lets no file of this process grow beyond some bytes, as a full disk or a quota does."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)

    def limit(n_bytes):
        resource.setrlimit(resource.RLIMIT_FSIZE, (n_bytes, before[1]))

    yield limit
    resource.setrlimit(resource.RLIMIT_FSIZE, before)


def arguments_of(verb, store, out):
    given = (verb, "study.toml", "--root", "corpus", "--store", store, "--jobs", "1", "--out", out)
    return {
        "predict": ("predict", "m.emofuse", "--csv", "corpus/samples.csv", "--out", out),
        "report": ("report", "run", "--out", out),
    }.get(verb, given)


CASES = [
    ("extract", "new/b.parquet", 2000),
    ("run", "new", 500),
    ("run", "new", 4000),
    ("run", "new", 60_000),
    ("train", "new/m.emofuse", 2000),
    ("predict", "new/a.csv", 500),
    ("predict", "new/a.parquet", 500),
    ("predict", "new/a.json", 500),
    ("report", "new", 4000),
]


@pytest.mark.parametrize(("verb", "out", "n_bytes"), CASES)
def test_a_full_disk_is_one_line_and_leaves_nothing_half_written(
    place, tmp_path, monkeypatch, command, shared_store, full_disk, verb, out, n_bytes
):
    monkeypatch.chdir(place)
    out = tmp_path / out
    full_disk(n_bytes)
    answer = command(*arguments_of(verb, shared_store, out))
    full_disk(resource.RLIM_INFINITY)
    assert answer.status == 2, answer.out
    assert answer.err.startswith("emofuse: ") and answer.err.count("\n") == 1, answer.err
    assert "cannot be written" in answer.err and "None" not in answer.err, answer.err
    left = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert [path.name for path in left if path.name.startswith(".")] == []
    assert all(path.stat().st_size < n_bytes for path in left)
    if verb != "report":  # whose pages are each whole
        assert left == []
    again = command(*arguments_of(verb, shared_store, out))
    assert again.status == 0, again.err


@pytest.mark.parametrize("verb", ["extract", "run", "train", "predict", "report"])
def test_a_full_disk_leaves_an_older_result_as_it_was(
    place, tmp_path, monkeypatch, command, shared_store, full_disk, verb
):
    monkeypatch.chdir(place)
    name = {"extract": "b.parquet", "run": "results.json", "train": "m.emofuse", "predict": "a.csv"}.get(
        verb, "report.html"
    )
    (tmp_path / name).write_text("what was there")
    out = tmp_path if verb in ("run", "report") else tmp_path / name
    full_disk(500)
    assert command(*arguments_of(verb, shared_store, out)).status == 2
    full_disk(resource.RLIM_INFINITY)
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == {name: "what was there"}


@pytest.mark.parametrize("verb", ["extract", "run", "train", "predict", "report"])
def test_a_place_that_cannot_be_written_is_one_line(place, monkeypatch, command, shared_store, verb):
    monkeypatch.chdir(place)
    suffix = {"extract": ".parquet", "predict": ".csv", "train": ".emofuse"}.get(verb, "")
    answer = command(*arguments_of(verb, shared_store, Path("study.toml") / f"x{suffix}"))
    assert (answer.status, answer.err.count("\n")) == (2, 1)
    assert "cannot be written" in answer.err and "study.toml" in answer.err


def test_the_disk_fills_up_while_features_are_stored(place, tmp_path, monkeypatch, command, full_disk):
    monkeypatch.chdir(place)
    arguments = ("extract", "study.toml", "--root", "corpus", "--store", tmp_path / "store", "--jobs", "1")
    full_disk(32_768)
    answer = command(*arguments)
    full_disk(resource.RLIM_INFINITY)
    assert (answer.status, answer.err.count("\n")) == (2, 1), answer.err
    assert "store" in answer.err
    kept = len(FeatureStore(tmp_path / "store"))
    again = command(*arguments)
    assert again.status == 0, again.err
    assert len(FeatureStore(tmp_path / "store")) > kept
