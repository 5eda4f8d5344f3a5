"""SIGTERM and Ctrl-C at every stage: one line, the right exit status, nothing half-written, and the same command goes on."""

from __future__ import annotations

import json
import os
import shutil
import signal
from pathlib import Path

import pandas as pd
import pytest
from emofuse.classifiers.linear import LinearClassifier
from emofuse.experiments import report, run_folder
from emofuse.features.eeg import EEGBandPower
from emofuse.features.stopping import TERMINATED, Terminated, stopping_on_sigterm
from emofuse.features.store import FeatureStore
from emofuse.inference.predictor import Model

STATUS = {signal.SIGTERM: 143, signal.SIGINT: 130}
STOPPED = "emofuse: stopped; what was extracted is kept, the same command goes on from there\n"


@pytest.fixture(autouse=True)
def not_the_end_of_all_tests():
    """A SIGTERM that nothing here listens to must not end the tests."""

    def unheard(number, frame):
        raise AssertionError("SIGTERM was not listened to")

    before = signal.signal(signal.SIGTERM, unheard)
    yield
    signal.signal(signal.SIGTERM, before)


@pytest.fixture
def own(tmp_path, place):
    """A folder of a test's own with the corpus and the study."""
    shutil.copytree(place / "corpus", tmp_path / "corpus")
    shutil.copy(place / "study.toml", tmp_path)
    return tmp_path


def interrupt(monkeypatch, owner, name, number, *, at=1, half=None):
    """Have a function send this process a signal when it is called for the ``at``-th time; before, it may write half a file."""
    original, calls = getattr(owner, name), []

    def wrapped(*arguments, **options):
        calls.append(arguments)
        if len(calls) != at:
            return original(*arguments, **options)
        if half is not None:
            Path(half(*arguments)).write_bytes(b"half of it")
        os.kill(os.getpid(), number)
        return original(*arguments, **options)

    monkeypatch.setattr(owner, name, wrapped)
    return calls


def files_of(folder):
    """Everything below a folder but the store's own file, by name."""
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


def second(_, path, *rest):
    return path


# Of each stage: the verb, what is patched, the call at which the signal comes, and what had half been written then.
STAGES = {
    "extract measuring": ("extract", EEGBandPower, "_measure", 5, None),
    "extract storing": ("extract", FeatureStore, "put_many", 1, None),
    "extract writing": ("extract", pd.DataFrame, "to_parquet", 1, second),
    "run fitting": ("run", LinearClassifier, "fit", 3, None),
    "run writing": ("run", pd.DataFrame, "to_parquet", 1, second),
    "run recording": ("run", run_folder, "environment", 1, None),
    "run reporting": ("run", report, "page_templates", 1, None),
    "train fitting": ("train", LinearClassifier, "fit", 9, None),
    "train writing": ("train", Path, "write_bytes", 1, None),
    "predict answering": ("predict", Model, "predict", 3, None),
    "predict writing": ("predict", pd.DataFrame, "to_csv", 1, second),
}
CASES = [(stage, signal.SIGTERM) for stage in STAGES]
CASES += [(stage, signal.SIGINT) for stage in ("extract measuring", "run fitting", "train writing", "predict writing")]


@pytest.mark.parametrize(
    ("stage", "number"), CASES, ids=lambda value: str(getattr(value, "name", value)).replace(" ", "-")
)
def test_a_stop_leaves_nothing_half_written(own, place, monkeypatch, command, shared_store, stage, number):
    verb, owner, name, at, half = STAGES[stage]
    store = own / "store" if verb == "extract" else shared_store
    out = own / "out" / {"extract": "b.parquet", "run": "", "train": "m.emofuse", "predict": "a.csv"}[verb]
    arguments = (verb, own / "study.toml", "--root", own / "corpus", "--store", store, "--jobs", "1", "--out", out)
    if verb == "predict":
        arguments = ("predict", place / "m.emofuse", "--csv", own / "corpus" / "samples.csv", "--out", out)
    before = files_of(own / "corpus")
    with monkeypatch.context() as patched:
        calls = interrupt(patched, owner, name, number, at=at, half=half)
        answer = command(*arguments)
    assert (answer.status, answer.err, answer.out) == (STATUS[number], STOPPED, "")
    assert len(calls) == at
    assert files_of(own / "out") == []
    assert files_of(own / "corpus") == before
    again = command(*arguments)
    assert again.status == 0, again.err
    assert out.exists() and not [found for found in files_of(own / "out") if Path(found).name.startswith(".")]


def test_what_was_measured_before_the_stop_is_not_measured_again(own, monkeypatch, command):
    arguments = ("extract", own / "study.toml", "--root", own / "corpus", "--store", own / "store", "--jobs", "1")
    with monkeypatch.context() as patched:
        interrupt(patched, EEGBandPower, "_measure", signal.SIGTERM, at=6)
        assert command(*arguments).status == 143
    assert len(FeatureStore(own / "store")) == 5
    counts = json.loads(command(*arguments, "--json").out)["blocks"]["eeg"]
    assert counts["from_store"] == 5 < counts["extracted"]


def test_sigterm_is_an_exit_once_and_what_was_before_comes_back():
    before = signal.getsignal(signal.SIGTERM)
    with pytest.raises(Terminated) as stopped, stopping_on_sigterm():
        try:
            os.kill(os.getpid(), signal.SIGTERM)
        finally:
            os.kill(os.getpid(), signal.SIGTERM)  # it does not interrupt what cleans up
            cleaned_up = True
    assert cleaned_up
    assert stopped.value.code == TERMINATED == 143
    assert signal.getsignal(signal.SIGTERM) is before
