"""A process that is killed in the middle of its work: one line where it was needed, and the same command goes on."""

from __future__ import annotations

import os
import signal
import sys

import cloudpickle
import pytest
from emofuse.experiments import spreading
from emofuse.experiments.spreading import spread
from emofuse.features.errors import ClusterError

cloudpickle.register_pickle_by_value(sys.modules[__name__])


def fatal(work, *arguments):
    """What a fit is to the system when memory runs out."""
    os.kill(os.getpid(), signal.SIGKILL)


def plus(shared, number):
    return shared + number


def test_a_worker_killed_during_a_run_is_one_line_and_the_run_can_be_made_again(
    place, tmp_path, monkeypatch, command, shared_store
):
    given = ("--root", place / "corpus", "--store", shared_store, "--out", tmp_path / "run")
    with monkeypatch.context() as patched:
        patched.setattr(spreading, "_guarded", fatal)
        answer = command("run", place / "study.toml", *given, "--jobs", "2")
    assert (answer.status, answer.err.count("\n")) == (2, 1), answer.err
    assert "killed in the middle of a fit" in answer.err and "--jobs" in answer.err
    assert list((tmp_path / "run").iterdir()) == []
    assert command("run", place / "study.toml", *given, "--jobs", "1").status == 0


def test_processes_are_there_again_after_one_was_killed(monkeypatch):
    with monkeypatch.context() as patched:
        patched.setattr(spreading, "_guarded", fatal)
        with pytest.raises(ClusterError, match="killed"):
            list(spread(plus, [(1,), (2,)], (10,), n_jobs=2))
    assert list(spread(plus, [(1,), (2,)], (10,), n_jobs=2)) == [11, 12]


def test_outcomes_that_nobody_waits_for_are_left_without_a_word(recwarn):
    outcomes = spread(plus, [(number,) for number in range(8)], (10,), n_jobs=2)
    assert next(outcomes) == 10
    outcomes.close()
    assert [str(warning.message) for warning in recwarn] == []
