"""One instance a thread and set of arguments."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

from emofuse.features.per_thread import per_thread


def test_a_thread_makes_one_instance_of_each_set_of_arguments_and_keeps_it():
    made = []

    @per_thread
    def make(name, *, size=1):
        made.append((name, size))
        return [name, size]

    assert make("a") is make("a")
    assert make("a", size=2) is not make("a")
    assert make("a", size=2) is make("a", size=2)
    assert made == [("a", 1), ("a", 2)]


def test_threads_share_nothing():
    barrier = Barrier(2)

    @per_thread
    def make():
        barrier.wait(timeout=10)  # both threads are here: neither took the other's instance
        return object()

    with ThreadPoolExecutor(2) as pool:
        first, second = pool.map(lambda _: (make(), make()), range(2))
    assert first[0] is first[1] and second[0] is second[1]
    assert first[0] is not second[0]
