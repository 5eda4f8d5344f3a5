"""Write docs/licences.md, what a user installs and under which licence: what ``make licences`` runs.

pip-licenses reads what packages say of themselves. That is not always the licence that matters, so what was found to differ
is put right here, with the reason, and what a licence forbids stands above the table.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tomllib
from importlib.metadata import metadata
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

PAGE = Path(__file__).with_name("licences.md")

CORRECTIONS = {
    "face-recognition-models": "CC0-1.0",  # its LICENSE and its readme; the metadata says MIT
    "opensmile": "audEERING Research License",  # its LICENSE, for wrapper and library; a classifier says MIT
    "skops": "MIT",  # its LICENSE; the metadata names none
}

ALLOWED = frozenset(
    (
        "0BSD",
        "3-Clause BSD License",
        "Apache 2.0",
        "Apache Software License",
        "Apache-2.0",
        "Apache-2.0 WITH LLVM-exception",
        "audEERING Research License",
        "BSD",
        "BSD License",
        "BSD-2-Clause",
        "BSD-3-Clause",
        "Boost Software License",
        "CC0-1.0",
        "CNRI-Python",
        "ISC License (ISCL)",
        "LGPL-2.1-or-later",
        "MIT",
        "MIT License",
        "MIT-0",
        "MIT-CMU",
        "MPL-2.0",
        "Mozilla Public License 2.0 (MPL 2.0)",
        "PSF-2.0",
        "Python Software Foundation License",
        "Zlib",
    )
)

INTRODUCTION = """\
# Licences

emofuse itself is under the MIT licence. `make licences` writes this page: what comes with it and with all of its extras, in the
versions of `requirements.lock`, and the licence that each package states. A licence that is not on the list in `docs/licences.py`
fails `make test`.

## What is not for commercial products

- **openSMILE** (package `opensmile`, the extractor `opensmile`) is under the audEERING Research License: private use, teaching
  and research, not commercial products. audEERING sells licences for those.
- **dlib's 68-point predictor** (package `face_recognition_models`, the face extractors) was trained on iBUG 300-W, whose licence
  excludes commercial use. The package itself is CC0.
- **Corpora** have licences of their own, and so have models trained on them: `emofuse corpora` says which.

`emofuse inspect MODEL` names those that a model depends on.

## What wheels carry beside their own code

`av` carries FFmpeg (LGPL, version 3 or later) with libx264 and libx265 (GPL, version 2 or later); `soundfile` carries libsndfile
(LGPL, version 2.1 or later); `soxr` is LGPL as a whole. emofuse ships none of them: whoever passes on an image that holds them
passes on their terms.

## Packages

"""


def user_packages() -> set[str]:
    """Return the names of all packages that emofuse and its extras need on this machine."""
    project = tomllib.loads((PAGE.parents[1] / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = [line for extra in project["optional-dependencies"].values() for line in extra]
    waiting = [Requirement(line) for line in [*project["dependencies"], *extras]]
    found: set[tuple[str, frozenset[str]]] = set()
    while waiting:
        wanted = waiting.pop()
        name = canonicalize_name(wanted.name)
        with_extras = (name, frozenset(wanted.extras))
        if name == "emofuse" or with_extras in found or not (wanted.marker is None or wanted.marker.evaluate()):
            continue
        found.add(with_extras)
        for line in metadata(name).get_all("Requires-Dist") or []:
            further = Requirement(line)
            if further.marker and any(further.marker.evaluate({"extra": extra}) for extra in {"", *wanted.extras}):
                further.marker = None
            waiting.append(further)
    return {name for name, _ in found}


def licence_rows() -> dict[str, tuple[str, str]]:
    """Return the version and the licence of every package that a user gets."""
    command = [sys.executable, "-m", "piplicenses", "--from=mixed", "--with-system", "--format=json"]
    said = {
        canonicalize_name(row["Name"]): row
        for row in json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    }
    return {
        name: (said[name]["Version"], CORRECTIONS.get(name, said[name]["License"])) for name in sorted(user_packages())
    }


def refused(licence: str) -> list[str]:
    """Return the parts of a licence expression that are not allowed."""
    return [part for part in re.split(r" AND | OR |; ", licence) if part not in ALLOWED]


def main() -> None:
    """Write the page, unless a licence is not allowed."""
    rows = licence_rows()
    wrong = [f"{name}: {part}" for name, (_, licence) in rows.items() for part in refused(licence)]
    if wrong:
        sys.exit("not in the list of licences that are allowed: " + "; ".join(wrong))
    table = ["| package | version | licence |", "| --- | --- | --- |"]
    table += [f"| {name} | {version} | {licence} |" for name, (version, licence) in rows.items()]
    PAGE.write_text(INTRODUCTION + "\n".join(table) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
