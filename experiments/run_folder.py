"""The folder of a run: all its files or none, and what a reader needs to repeat it."""

from __future__ import annotations

import json
import os
import platform
import shutil
import subprocess
import tempfile
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import pandas as pd

from ..features.errors import StudyError
from ..features.text_cleaning import no_formula
from .run import Run
from .study import Study, to_toml

RECORDED_VERSIONS = (
    "emofuse",
    "numpy",
    "scipy",
    "scikit-learn",
    "pandas",
    "xgboost-cpu",
    "xgboost",
    "opensmile",
    "nltk",
)


def write_run(run: Run, study: Study, folder: str | os.PathLike[str]) -> Path:
    """Write a run's files into a folder, all of them or none; return the folder.

    Raises
    ------
    StudyError
        The folder cannot be written.
    """
    from .report import write_reports

    target = Path(folder)
    try:
        target.mkdir(parents=True, exist_ok=True)
        staging = Path(tempfile.mkdtemp(prefix=".run-", dir=target))
        try:
            (staging / "study.toml").write_text(to_toml(study), encoding="utf-8")
            (staging / "environment.json").write_text(json.dumps(environment(study), indent=1) + "\n", encoding="utf-8")
            write_failures(run.table.failures, staging / "failures.csv")
            run.predictions.to_parquet(staging / "predictions.parquet", index=False)
            if len(run.contributions):
                run.contributions.to_parquet(staging / "contributions.parquet", index=False)
            if run.trials:
                trials = [trial | {"parameters": json.dumps(trial["parameters"])} for trial in run.trials]
                pd.DataFrame(trials).to_csv(staging / "trials.csv", index=False)
            text = json.dumps({**run.results, "notes": list(run.notes)}, indent=1, ensure_ascii=False)
            (staging / "results.json").write_text(text + "\n", encoding="utf-8")
            write_reports([staging], staging)
            for path in sorted(staging.iterdir(), key=lambda path: path.name == "results.json"):
                path.replace(target / path.name)
        finally:
            shutil.rmtree(staging, ignore_errors=True)
    except OSError as error:
        raise StudyError(
            f"the run cannot be written to {str(target)!r}: {error.strerror}; choose another --out"
        ) from None
    return target


def write_failures(failures: pd.DataFrame, path: Path) -> None:
    """Write the record of unusable samples as CSV in which no cell is a formula to a spreadsheet."""
    failures.map(no_formula).to_csv(path, index=False)


def prepare_folder(folder: str | os.PathLike[str]) -> None:
    """Make the folder of a run before the work starts; raise StudyError where it cannot be made or written."""
    try:
        Path(folder).mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=folder).close()
    except OSError as error:
        raise StudyError(f"{str(folder)!r} cannot be written: {error.strerror}; choose another --out") from None


def environment(study: Study) -> dict[str, Any]:
    """Return what a reader needs to repeat the run: versions, processor, seed, commit."""
    return {
        "python": platform.python_version(),
        "system": platform.platform(),
        "cpu": _cpu_name(),
        "cpu_count": os.cpu_count(),
        "seed": study.seed,
        "git_commit": _git_commit(),
        "versions": {name: found for name in RECORDED_VERSIONS if (found := _version(name)) is not None},
    }


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def _cpu_name() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor()
    return next(
        (line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")),
        platform.processor(),
    )


def _git_commit() -> str | None:
    """Return the commit of the checkout that the package runs from, where it is one."""
    package = Path(__file__).parent.parent
    if not (package / ".git").exists():
        return None
    try:
        found = subprocess.run(
            ["git", "-C", str(package), "rev-parse", "HEAD"],
            capture_output=True,
            text=True,
            timeout=5,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return found.stdout.strip() or None
