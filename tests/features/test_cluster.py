"""Work on a cluster of real processes: in order, the same as here, and nothing lost with a worker."""

from __future__ import annotations

import errno
import os
import signal
import sys
import tempfile
from functools import partial
from types import SimpleNamespace

import cloudpickle
import numpy as np
import pandas as pd
import pytest
import soundfile as sf
from emofuse.features import cluster as module
from emofuse.features.acoustic import OpenSmileFunctionals
from emofuse.features.cluster import LOST, Cluster, cluster_in_use, on_cluster
from emofuse.features.errors import ClusterError, SampleError
from emofuse.features.store import FeatureStore

pytest.importorskip("distributed")
cloudpickle.register_pickle_by_value(sys.modules[__name__])


@pytest.fixture(scope="module")
def cluster():
    with on_cluster("local:2") as found:
        yield found


def plus(first, second, third):
    return first + second + third


def dies_once(folder, number):
    """Kill the worker the first time it is asked for 3, and the second."""
    if number == 3:
        for name in ("first", "second"):
            if not (folder / name).exists():
                (folder / name).touch()
                os.kill(os.getpid(), signal.SIGKILL)
    return 10 * number


def dies(number):
    if number == 3:
        os.kill(os.getpid(), signal.SIGKILL)
    if number == 5:
        raise SampleError("too_short", "it is short")
    if number == 6:
        raise ZeroDivisionError("unlucky")
    return 10 * number


def keep(folder, done):
    """Write a file for each item; what a dead worker had done is done again, so that it may be there."""
    for number, found in done:
        (folder / str(number)).write_text(str(found))


def test_workers_do_not_sample_their_stacks(cluster):
    def running(dask_worker):
        return set(dask_worker.periodic_callbacks)

    found = cluster.client.run(running)
    assert len(found) == 2
    assert all(names and not any("profile" in name for name in names) for names in found.values())


def test_outcomes_come_in_the_order_of_the_tasks(cluster):
    assert list(cluster.each(plus, ((number,) for number in range(40)), (1, 2))) == list(range(3, 43))
    assert list(cluster.each(plus, [(1, 2, number) for number in range(5)])) == list(range(3, 8))
    assert cluster.n_workers() == 2


def test_a_worker_that_is_killed_twice_loses_nothing(cluster, tmp_path):
    found = list(cluster.each(partial(dies_once, tmp_path), [(number,) for number in range(12)]))
    assert found == [10 * number for number in range(12)]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["first", "second"]


def test_what_tasks_share_is_sent_again_when_the_workers_that_had_it_are_gone(cluster, tmp_path):
    found = list(cluster.each(dies_once, [(number,) for number in range(12)], (tmp_path,)))
    assert found == [10 * number for number in range(12)]


def test_a_sample_that_kills_every_worker_is_recorded_and_no_other_is(cluster, tmp_path):
    found = dict(cluster.attempt_each(dies, list(range(8)), size=4, then=partial(keep, tmp_path)))
    good = [0, 1, 2, 4, 7]
    assert set(found) == set(range(8))
    assert {number: found[number] for number in good} == {number: 10 * number for number in good}
    assert [found[number].code for number in (3, 5, 6)] == ["worker_lost", "too_short", "unexpected"]
    assert sorted(path.name for path in tmp_path.iterdir()) == [str(number) for number in good]


def test_a_task_that_kills_every_worker_is_lost_and_what_follows_is_done(cluster):
    assert list(cluster.each(lambda _, number: dies(number), [(3,)], ("shared",))) == [LOST]
    assert list(cluster.each(lambda _, number: dies(number), [(4,)], ("shared",))) == [40]


def test_features_are_those_of_this_process(cluster, tmp_path):
    times = np.arange(16000) / 16000
    for name, pitch in (("a", 200), ("b", 300)):
        sf.write(tmp_path / f"{name}.wav", 0.3 * np.sin(2 * np.pi * pitch * times), 16000)
    names = [str(tmp_path / f"{name}.wav") for name in ("a", "b", "lost")]
    samples = pd.DataFrame({"audio": [*names, None]}, index=list("abcd"))
    extractor = OpenSmileFunctionals()
    assert cluster_in_use() is cluster
    spread = extractor.extract(samples)
    token = module._in_use.set(None)
    try:
        here = extractor.extract(samples)
    finally:
        module._in_use.reset(token)
    pd.testing.assert_frame_equal(spread.features, here.features, check_exact=True)
    pd.testing.assert_frame_equal(spread.failures, here.failures)
    pd.testing.assert_series_equal(spread.hashes, here.hashes)
    assert np.isfinite(spread.features.loc[["a", "b"]].to_numpy()).all()


@pytest.mark.parametrize(
    ("scheduler", "message"),
    [
        ("local", "must be tcp://HOST:PORT.*'local'"),
        ("local:0", "must be tcp"),
        ("http://there:1", "must be tcp"),
        ("tcp://127.0.0.1:1", "no scheduler answers at tcp://127.0.0.1:1"),
        ("tcp://nowhere", "no scheduler answers"),
    ],
)
def test_a_scheduler_that_is_none_is_one_line(scheduler, message, monkeypatch):
    monkeypatch.setattr(module, "PATIENCE_S", 0.2)
    with pytest.raises(ClusterError, match=message), on_cluster(scheduler):
        raise AssertionError("never reached")


def test_without_a_scheduler_there_is_no_cluster():
    token = module._in_use.set(None)
    try:
        with on_cluster(None) as found:
            assert found is cluster_in_use() is None
    finally:
        module._in_use.reset(token)


def client_of(workers, versions):
    """As much of a client as a cluster looks at."""
    return SimpleNamespace(
        wait_for_workers=lambda n, timeout: None,
        scheduler_info=lambda n_workers: {"workers": workers},
        run=lambda function: versions,
    )


def test_workers_of_several_threads_or_other_versions_are_refused():
    with pytest.raises(ClusterError, match=r"worker tcp://a runs 4 threads.*--nthreads 1"):
        Cluster(client_of({"tcp://a": {"nthreads": 4}}, {}))
    other = module._versions() | {"numpy": "1.0"}
    with pytest.raises(ClusterError, match=r"worker tcp://a has numpy 1\.0, here it is"):
        Cluster(client_of({"tcp://a": {"nthreads": 1}}, {"tcp://a": other}))
    Cluster(client_of({"tcp://a": {"nthreads": 1}}, {"tcp://a": module._versions()}))


def test_a_scheduler_without_workers_is_one_line():
    def impatient(n, timeout):
        raise TimeoutError

    with pytest.raises(ClusterError, match="no worker has joined"):
        Cluster(SimpleNamespace(wait_for_workers=impatient))


def test_workers_that_share_the_store_leave_their_rows_in_it(cluster, tmp_path, monkeypatch):
    sf.write(tmp_path / "a.wav", 0.3 * np.sin(np.arange(16000) / 10), 16000)
    samples = pd.DataFrame({"audio": [str(tmp_path / "a.wav")]}, index=["a"])
    store = FeatureStore(tmp_path / "store")
    monkeypatch.setattr(store, "put_many", None)  # it is not this process that writes
    first = OpenSmileFunctionals().extract(samples, store=store)
    again = OpenSmileFunctionals().extract(samples, store=store)
    assert (first.n_extracted, again.n_extracted, again.n_from_store, len(store)) == (1, 0, 1, 1)
    pd.testing.assert_frame_equal(first.features, again.features, check_exact=True)
    assert [path.name for path in store.path.iterdir() if path.name.startswith(".seen")] == []


def refuse(*_, **__):
    raise OSError(errno.EROFS, "Read-only file system")


@pytest.mark.parametrize("change", [(Cluster, "see", lambda *_: False), (tempfile, "NamedTemporaryFile", refuse)])
def test_rows_of_workers_that_do_not_share_the_store_are_written_here(cluster, tmp_path, monkeypatch, change):
    sf.write(tmp_path / "a.wav", 0.3 * np.sin(np.arange(16000) / 10), 16000)
    samples = pd.DataFrame({"audio": [str(tmp_path / "a.wav")]}, index=["a"])
    store = FeatureStore(tmp_path / "store")
    monkeypatch.setattr(*change)
    OpenSmileFunctionals().extract(samples, store=store)
    assert len(store) == 1
    assert not list((store.path).glob("incoming/*"))
