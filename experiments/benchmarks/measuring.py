"""A process that is measured from outside: its seconds, those of its cores, and the most memory it and its children held."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

FIRST_LOOK_S, LAST_LOOK_S = 0.01, 0.5  # looks become rarer: short processes are seen too, long ones not slowed


class Spent(NamedTuple):
    """What a process took.

    Attributes
    ----------
    output : str
        What it printed.
    seconds : float
    core_seconds : float
        Of it and of those of its children that it waited for.
    peak_mb : float
        Of it and all its children together, memory that they share counted once; 0 where the system does not tell.
    """

    output: str
    seconds: float
    core_seconds: float
    peak_mb: float


def run_python(arguments: Sequence[str], *, quiet: bool = True) -> Spent:
    """Run Python in a process of its own and measure it.

    Parameters
    ----------
    arguments : sequence of str
        Behind the interpreter's name.
    quiet : bool, default=True
        Whether what it says on stderr is shown only where it fails.

    Raises
    ------
    RuntimeError
        It ended with another status than 0; with the last of what it said.
    """
    import resource

    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    start = time.perf_counter()
    errors = subprocess.PIPE if quiet else None
    process = subprocess.Popen([sys.executable, *arguments], stdout=subprocess.PIPE, stderr=errors, text=True)
    peak, done = [0.0], threading.Event()

    def watch() -> None:
        wait_s = FIRST_LOOK_S
        while not done.wait(wait_s):
            peak[0] = max(peak[0], _tree_mb(process.pid))
            wait_s = min(1.1 * wait_s, LAST_LOOK_S)

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        output, said = process.communicate()
    finally:
        done.set()
        watcher.join()
        if process.poll() is None:
            process.kill()
            process.wait()
    seconds = time.perf_counter() - start
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if process.returncode:
        last = (said or "").strip().splitlines()[-1:] or [f"status {process.returncode}"]
        raise RuntimeError(last[0])
    cores = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return Spent(output, seconds, cores, peak[0])


def _tree_mb(root: int) -> float:
    """Return the megabytes that a process and all below it hold now, or that the first has held, whatever is more."""
    children: dict[int, list[int]] = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        text = _read(stat)
        if text:
            children.setdefault(int(text.rpartition(")")[2].split()[1]), []).append(int(stat.parent.name))
    todo, total = [root], 0.0
    while todo:
        number = todo.pop()
        todo += children.get(number, [])
        total += _kilobytes(_read(Path(f"/proc/{number}/smaps_rollup")), "Pss:") / 1024
    return max(total, _kilobytes(_read(Path(f"/proc/{root}/status")), "VmHWM:") / 1024)


def _read(path: Path) -> str:
    try:
        return path.read_text()
    except OSError:  # the process has ended
        return ""


def _kilobytes(text: str, name: str) -> float:
    return sum(float(line.split()[1]) for line in text.splitlines() if line.startswith(name))
