"""What is installed and what is shipped: the lock, the page of licences, the sdist and the wheel."""

from __future__ import annotations

import os
import re
import runpy
import tarfile
import tomllib
import zipfile
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[1]
LOCK = (ROOT / "requirements.lock").read_text(encoding="utf-8")
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


def locked():
    """What the lock pins, by name: (requirement, number of hashes)."""
    found = {}
    for entry in re.split(r"\n(?=\S)", LOCK.strip()):
        head, *hashes = [line.strip() for line in entry.replace("\\\n", "\n").splitlines()]
        assert all(re.fullmatch(r"--hash=sha256:[0-9a-f]{64}", line) for line in hashes), head
        requirement = Requirement(head)
        found[canonicalize_name(requirement.name)] = (requirement, len(hashes))
    return found


PINNED = locked()


def version_in_lock(name):
    return str(PINNED[name][0].specifier).removeprefix("==")


@pytest.fixture(scope="module")
def licences():
    return runpy.run_path(str(ROOT / "docs/licences.py"))


def rows_on_the_page():
    page = (ROOT / "docs/licences.md").read_text(encoding="utf-8")
    return {name: (version, licence) for name, version, licence in re.findall(r"\| (\S+) \| (\d\S*) \| (.+) \|", page)}


def test_every_package_is_pinned_once_with_the_hashes_of_its_files():
    assert len(re.findall(r"^\S+==", LOCK, flags=re.MULTILINE)) == len(PINNED)
    assert [name for name, (_, count) in PINNED.items() if not count] == []
    assert [name for name, (pin, _) in PINNED.items() if not re.fullmatch(r"==[^=,*]+", str(pin.specifier))] == []


def test_the_lock_names_no_index():
    assert not re.search(r"https?:|file:|--(?!hash)", LOCK)


def test_the_lock_holds_what_the_project_asks_for():
    project = PROJECT["project"]
    asked = [*project["dependencies"], *PROJECT["build-system"]["requires"]]
    asked += [line for extra in project["optional-dependencies"].values() for line in extra]
    asked += [line for group in PROJECT["dependency-groups"].values() for line in group]
    for line in map(Requirement, asked):
        if line.name != "emofuse":
            assert line.specifier.contains(version_in_lock(canonicalize_name(line.name))), line


def test_the_extra_all_is_all_extras():
    extras = dict(PROJECT["project"]["optional-dependencies"])
    assert Requirement(*extras.pop("all")).extras == set(extras)


def test_the_page_of_licences_is_that_of_the_lock(licences):
    page, here = rows_on_the_page(), licences["licence_rows"]()
    assert {name: version for name, (version, _) in page.items()} == {name: version_in_lock(name) for name in page}
    # A package that only some systems or Pythons need may be on the page of one machine and not of another.
    assert [name for name in set(page) ^ set(here) if PINNED[name][0].marker is None] == []
    assert {name: page[name] for name in page if name in here} == {name: here[name] for name in here if name in page}


def test_no_licence_is_outside_the_list(licences):
    assert [name for name, (_, licence) in rows_on_the_page().items() if licences["refused"](licence)] == []
    assert licences["refused"]("MIT AND AGPL-3.0-only") == ["AGPL-3.0-only"]
    assert licences["refused"]("UNKNOWN") == ["UNKNOWN"]


def test_the_page_warns_of_what_is_not_for_commercial_products():
    page = (ROOT / "docs/licences.md").read_text(encoding="utf-8")
    warning, table = page.split("## Packages")
    assert "openSMILE" in warning and "iBUG 300-W" in warning
    assert "| opensmile |" in table and "| face-recognition-models |" in table


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """What two builds made, the second with another mask for the modes of new files."""
    build = runpy.run_path(str(ROOT / ".ci/dist.py"))["build"]
    first = build(tmp_path_factory.mktemp("first"))
    before = os.umask(0o077)
    try:
        return first, build(tmp_path_factory.mktemp("second"))
    finally:
        os.umask(before)


def test_two_builds_give_the_same_bytes(built):
    for first, second in zip(*built, strict=True):
        assert first.name == second.name
        assert first.read_bytes() == second.read_bytes()


def test_the_wheel_holds_the_package_and_nothing_else(built):
    (_, wheel), _ = built
    names = set(zipfile.ZipFile(wheel).namelist())
    kept = {path.relative_to(ROOT).as_posix() for path in (ROOT / "experiments/studies").glob("*.toml")}
    kept |= {path.relative_to(ROOT).as_posix() for path in (ROOT / "experiments/templates").iterdir()}
    kept |= {path.relative_to(ROOT).as_posix() for path in (ROOT / "inference/web").iterdir()}
    assert {f"emofuse/{name}" for name in kept | {"py.typed", "cli.py", "features/base.py"}} <= names
    assert {name.split("/")[0] for name in names} == {"emofuse", f"{'-'.join(wheel.name.split('-')[:2])}.dist-info"}
    assert not {name.split("/")[1] for name in names} & {"tests", "docs", "build", "runs"}


def test_the_sdist_holds_what_builds_the_wheel(built):
    (sdist, wheel), _ = built
    with tarfile.open(sdist) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    sources = {name.removeprefix("emofuse/") for name in zipfile.ZipFile(wheel).namelist() if "dist-info" not in name}
    assert sources | {"pyproject.toml", "README.md", "LICENSE"} <= names
    assert [name for name in names if name.startswith("tests") or "cache" in name] == []
