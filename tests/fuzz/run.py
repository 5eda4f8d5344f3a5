"""Fuzz every door through which bytes of others come in: ``python tests/fuzz/run.py [--seconds 600] [TARGET ...]``.

Targets run one after the other, each in a process of its own that is started again after a crash until its time is over.
Inputs that a door did not answer as it should stay in ``build/fuzz/TARGET/`` (``finding-*`` with a traceback beside it,
``crash-*``, ``timeout-*``, ``oom-*``), and what was found interesting in ``corpus`` there, from which the next run goes on.
Exit status 1 where something was found. Needs atheris (dependency group ``fuzz``).
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
HARNESS = Path(__file__).with_name("harness.py")
NAMES = (
    *("sound", "video", "streams", "pictures", "recordings", "tables", "openface", "transcripts", "text", "documents"),
    *("bundle", "boosters", "estimators", "studies", "store", "service", "archives", "corpora"),
)
KEPT = ("finding-", "crash-", "timeout-", "oom-", "leak-", "slow-unit-")
GRACE_S = 120  # a door that stands still is stopped by libFuzzer after 10 s; this is for what even that does not stop
MEMORY = Path("/dev/shm")  # where there is such a place: targets write thousands of files a minute
START_S = 5  # no time to start again for less


@dataclass
class Outcome:
    """What fuzzing a target came to."""

    target: str
    executions: int = 0
    seconds: float = 0.0
    edges: int = 0
    features: int = 0
    peak_rss_mb: int = 0
    findings: tuple[str, ...] = ()


def main() -> int:
    """Run targets and print what came of it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("targets", nargs="*", metavar="TARGET", help=f"any of {', '.join(NAMES)}; all by default")
    parser.add_argument("--seconds", type=int, default=600, help="for each target")
    parser.add_argument("--out", type=Path, default=ROOT / "build" / "fuzz")
    parser.add_argument("--json", type=Path, help="write the table there, too")
    given = parser.parse_args()
    if unknown := set(given.targets) - set(NAMES):
        parser.error(f"no target {', '.join(sorted(unknown))}; there are {', '.join(NAMES)}")
    print(f"{'target':12} {'executions':>10} {'seconds':>8} {'edges':>7} {'features':>9} {'peak MB':>8}  findings")
    outcomes = []
    for name in given.targets or NAMES:
        outcome = fuzz(name, given.seconds, given.out / name)
        outcomes.append(outcome)
        print(
            f"{name:12} {outcome.executions:10,} {outcome.seconds:8.0f} {outcome.edges:7,} {outcome.features:9,} "
            f"{outcome.peak_rss_mb:8,}  {', '.join(outcome.findings) or 'none'}",
            flush=True,
        )
    if given.json:
        given.json.write_text(json.dumps([asdict(outcome) for outcome in outcomes], indent=1) + "\n", encoding="utf-8")
    return int(any(outcome.findings for outcome in outcomes))


def fuzz(name: str, seconds: int, place: Path) -> Outcome:
    """Fuzz one target for some seconds; its process is started again where it ends before."""
    place.mkdir(parents=True, exist_ok=True)
    for old in place.iterdir():
        if old.name.startswith(KEPT):
            old.unlink()
    outcome = Outcome(name)
    begin = time.monotonic()
    with (place / "log.txt").open("w", encoding="utf-8") as log:
        while (left := seconds - round(time.monotonic() - begin)) >= START_S or not outcome.executions:
            said, is_over = _once(name, place, max(left, START_S))
            log.write(said)
            outcome.executions += max(
                _numbers(r"number_of_executed_units:\s+(\d+)", said), _numbers(r"^#(\d+)\t", said)
            )
            outcome.edges = max(outcome.edges, _numbers(r"\bcov: (\d+)", said))
            outcome.features = max(outcome.features, _numbers(r"\bft: (\d+)", said))
            outcome.peak_rss_mb = max(outcome.peak_rss_mb, _numbers(r"(?:peak_rss_mb:\s+|rss: )(\d+)", said))
            if is_over or not outcome.executions:
                break
    outcome.seconds = time.monotonic() - begin
    found = {path.name for path in place.iterdir() if path.name.startswith(KEPT) and path.suffix != ".txt"}
    if not outcome.executions:
        found.add(f"it did not start, see {place / 'log.txt'}")
    outcome.findings = tuple(sorted(found))
    return outcome


def _once(name: str, place: Path, seconds: int) -> tuple[str, bool]:
    """Run the harness once; return what it said, and whether it came to the end of its time."""
    call = [sys.executable, str(HARNESS), name, str(place), f"-max_total_time={seconds}"]
    with tempfile.TemporaryDirectory(prefix="fuzz-", dir=MEMORY if MEMORY.is_dir() else None) as scratch:
        process = subprocess.Popen(
            call,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            cwd=place,
            env={**os.environ, "TMPDIR": scratch},
        )
        try:
            said, _ = process.communicate(timeout=seconds + GRACE_S)
        except subprocess.TimeoutExpired:
            process.kill()
            said, _ = process.communicate()
            (place / "timeout-of-the-process").write_bytes(b"")
            return said, True
    return said, process.returncode == 0


def _numbers(pattern: str, said: str) -> int:
    return max(map(int, re.findall(pattern, said, re.MULTILINE)), default=0)


if __name__ == "__main__":
    sys.exit(main())
