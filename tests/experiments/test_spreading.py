"""Fits spread over processes or over a cluster: the same answers to the last bit, and errors as one line."""

from __future__ import annotations

import copy
import os
import signal
import sys

import cloudpickle
import pandas as pd
import pytest
from emofuse.experiments import spreading
from emofuse.experiments.run import run_study
from emofuse.experiments.spreading import spread
from emofuse.features.cluster import on_cluster
from emofuse.features.errors import ClusterError, StudyError, TableError

pytest.importorskip("distributed")
cloudpickle.register_pickle_by_value(sys.modules[__name__])


def work(shared, number):
    if number == 3:
        error = TableError("three is no number")
        error.add_note("fold 'one'")
        raise error
    if number == 5:
        os.kill(os.getpid(), signal.SIGKILL)
    return shared + number


@pytest.fixture(scope="module")
def cluster():
    with on_cluster("local:2") as found:
        yield found


def untimed(results):
    """Results without what a clock said."""
    found = copy.deepcopy(results)
    for row in found["rows"]:
        del row["fit_seconds"], row["predict_ms_per_sample"]
    return found


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_processes_answer_in_the_order_of_the_tasks(n_jobs):
    assert list(spread(work, [(1,), (2,), (4,)], (10,), n_jobs=n_jobs)) == [11, 12, 14]
    answers = spread(work, [(1,), (3,)], (10,), n_jobs=n_jobs)
    assert next(answers) == 11
    with pytest.raises(StudyError, match=r"three is no number \(fold 'one'\)"):
        next(answers)


def test_a_run_on_a_cluster_is_the_run_of_this_machine_bit_for_bit(cluster, make_corpus, make_study, monkeypatch):
    corpus = make_corpus(n_groups=6)
    study = make_study("face", "voice", classifiers=["linear"], budget=2)
    there = run_study(study, corpus)
    monkeypatch.setattr(spreading, "cluster_in_use", lambda: None)
    here = run_study(study, corpus)
    assert untimed(there.results) == untimed(here.results)
    pd.testing.assert_frame_equal(there.predictions, here.predictions, check_exact=True)
    assert there.notes == here.notes


def test_errors_of_a_cluster_are_those_of_this_machine(cluster):
    assert list(spread(work, [(1,), (2,)], (10,))) == [11, 12]
    with pytest.raises(StudyError, match=r"three is no number \(fold 'one'\)"):
        list(spread(work, [(3,)], (10,)))
    with pytest.raises(ClusterError, match="a fit killed every worker"):
        list(spread(work, [(5,)], (10,)))
