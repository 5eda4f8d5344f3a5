"""The one command: named benchmarks, each in a process of its own, one table, and the figures kept as JSON."""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from importlib import import_module
from pathlib import Path
from typing import Any

from ...features.errors import EmofuseError
from ...features.terminal import new_console
from . import NAMES, Options
from .kept import SCHEMA, compared_table, figures_table, machine, read_figures
from .measuring import run_python


def main(arguments: list[str] | None = None) -> int:
    """Measure, or show what was measured; return 1 where a benchmark failed, 2 where nothing could be begun."""
    parser = _parser()
    given = parser.parse_args(arguments)
    unknown = sorted(set(given.names) - set(NAMES))
    if unknown:
        parser.error(f"no benchmark is called {', '.join(unknown)}; choose from {', '.join(NAMES)}")
    try:
        then = None if given.against is None else read_figures(given.against)
        if given.rows_of is not None:
            return _rows_of(given)
        found = read_figures(given.show) if given.show is not None else measured(given.names or NAMES, given)
    except EmofuseError as error:
        print(error, file=sys.stderr)
        return 2
    console = new_console()
    console.print(figures_table(found) if then is None else compared_table(found, then))
    if given.out is not None:
        given.out.mkdir(parents=True, exist_ok=True)
        path = given.out / f"benchmarks_{time.strftime('%Y-%m-%dT%H%M%S', time.gmtime())}.json"
        path.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
        console.print(f"kept in {path}", highlight=False)
    return int(any(own["error"] for own in found["benchmarks"].values()))


def measured(names: Any, given: argparse.Namespace) -> dict[str, Any]:
    """Run benchmarks one after the other; one that fails does not keep the others from running."""
    found: dict[str, Any] = {"schema": SCHEMA, "quick": given.quick, "machine": machine(), "benchmarks": {}}
    for name in names:
        print(f"{name} ...", file=sys.stderr)
        own: dict[str, Any] = {"rows": [], "error": None, "seconds": 0.0, "peak_mb": 0.0}
        asked = ["-m", str(__package__), "--rows-of", name, *(["--quick"] if given.quick else [])]
        asked += [] if given.root is None else ["--root", str(given.root)]
        try:
            spent = run_python(asked)
            own |= {
                "rows": json.loads(spent.output.splitlines()[-1]),
                "seconds": spent.seconds,
                "peak_mb": spent.peak_mb,
            }
        except RuntimeError as error:
            own["error"] = str(error)
        found["benchmarks"][name] = own
    return found


def _rows_of(given: argparse.Namespace) -> int:
    """Run one benchmark in this process; the last line of what is printed is its rows as JSON."""
    with tempfile.TemporaryDirectory() as folder:
        rows = import_module(f".{given.rows_of}", __package__).benchmark(Options(Path(folder), given.root, given.quick))
    print(json.dumps([row.as_json() for row in rows]))
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m emofuse.experiments.benchmarks", description=__doc__)
    parser.add_argument(
        "names", nargs="*", metavar="NAME", help=f"what is measured, all by default: {', '.join(NAMES)}"
    )
    parser.add_argument("--root", type=Path, help="RAVDESS with its OpenFace table; generated data by default")
    parser.add_argument("--out", type=Path, help="folder that a file of figures is written into")
    parser.add_argument("--quick", action="store_true", help="tiny sizes: see that everything runs")
    parser.add_argument("--against", type=Path, help="an older file of figures to be shown beside these")
    parser.add_argument("--show", type=Path, help="a file of figures to be shown, nothing is measured")
    parser.add_argument("--rows-of", choices=NAMES, help=argparse.SUPPRESS)
    return parser


if __name__ == "__main__":
    sys.exit(main())
