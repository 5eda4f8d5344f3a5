"""The house rules that no single room can check: directions, names, docstrings, and what is never imported."""

from __future__ import annotations

import ast
import doctest
import inspect
import subprocess
import sys
import tomllib
from importlib import import_module
from pathlib import Path

import emofuse
import pytest

ROOT = Path(__file__).parents[1]
ROOMS = {
    "features": set(),
    "classifiers": {"features"},
    "fusion": {"features", "classifiers"},
    "experiments": {"features", "classifiers", "fusion", "inference.bundle"},
    "inference": {"features", "classifiers", "fusion"},
    "experiments/benchmarks": {"features", "classifiers", "fusion", "experiments", "inference"},
}
PICKLERS = {"pickle", "_pickle", "cPickle", "dill", "cloudpickle", "shelve", "marshal"}
NOT_PACKAGES = {"tests", "docs", "build", "dist", "runs"}


def package_files():
    """Every Python file that ships, by its path below the root."""
    folders = [
        folder
        for folder in sorted(ROOT.iterdir())
        if folder.is_dir() and not folder.name.startswith(".") and folder.name not in NOT_PACKAGES
    ]
    found = [path for folder in folders for path in sorted(folder.rglob("*.py"))]
    return [path.relative_to(ROOT) for path in (*sorted(ROOT.glob("*.py")), *found)]


FILES = package_files()
MODULES = [".".join(("emofuse", *path.with_suffix("").parts)).removesuffix(".__init__") for path in FILES]
each_file = pytest.mark.parametrize("path", FILES, ids=str)


def parsed(path):
    return ast.parse((ROOT / path).read_text(encoding="utf-8"))


def imports(path):
    """Yield (level, dotted module, names) of each import statement, wherever it stands."""
    for node in ast.walk(parsed(path)):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield 0, alias.name, ()
        elif isinstance(node, ast.ImportFrom):
            yield node.level, node.module or "", tuple(alias.name for alias in node.names)


def inside(path):
    """Yield the modules of the package that a file imports, from its root: ``features.samples``."""
    for level, module, names in imports(path):
        if level:
            base = path.parent.parts[: len(path.parent.parts) - (level - 1)]
            for name in names if not module else [""]:
                yield ".".join(part for part in (*base, module, name) if part)


def test_the_walls_are_found():
    assert {path.parts[0] for path in FILES} >= {
        "__init__.py",
        "cli.py",
        "features",
        "classifiers",
        "fusion",
        "experiments",
    }
    assert "features.samples" in set(inside(Path("experiments/corpora/meld.py")))
    assert set(inside(Path("experiments/corpora/demo.py"))) >= {"experiments.demo", "experiments.corpora.base"}


@each_file
def test_imports_run_one_way(path):
    folder = "/".join(path.parts[:-1])
    room = folder if folder in ROOMS else path.parts[0]
    if room in ROOMS:
        wrong = [
            module
            for module in inside(path)
            if module.split(".")[0] != path.parts[0]
            and not any(f"{module}.".startswith(f"{open_}.") for open_ in ROOMS[room])
        ]
        assert wrong == []
    else:
        assert path.name in ("__init__.py", "cli.py")


@each_file
def test_imports_inside_the_package_are_relative(path):
    own = {"emofuse", "tests", *ROOMS}
    assert [module for level, module, _ in imports(path) if not level and module.split(".")[0] in own] == []


@each_file
def test_nothing_is_pickled(path):
    named = {module.split(".")[0] for level, module, _ in imports(path) if not level}
    assert not named & PICKLERS
    assert not {name for _, module, names in imports(path) if module == "joblib" for name in names} & {"load", "dump"}
    called = {ast.unparse(node) for node in ast.walk(parsed(path)) if isinstance(node, ast.Attribute)}
    assert not called & {"joblib.load", "joblib.dump", "pd.read_pickle", "np.load", "torch.load"}


@each_file
def test_what_is_public_explains_itself(path):
    tree = parsed(path)
    assert ast.get_docstring(tree), "the module"
    definitions = [node for node in tree.body if isinstance(node, (ast.FunctionDef, ast.ClassDef))]
    methods = [
        (f"{owner.name}.{node.name}", node)
        for owner in definitions
        if isinstance(owner, ast.ClassDef) and not owner.name.startswith("_")
        for node in owner.body
        if isinstance(node, ast.FunctionDef)
    ]
    public = [
        (name, node)
        for name, node in ((*((node.name, node) for node in definitions), *methods))
        if not name.split(".")[-1].startswith("_")
    ]
    assert [name for name, node in public if not ast.get_docstring(node)] == []


@pytest.mark.parametrize("name", MODULES)
def test_examples_in_docstrings_run(name):
    assert doctest.testmod(import_module(name), optionflags=doctest.ELLIPSIS).failed == 0


def test_there_are_examples():
    finder = doctest.DocTestFinder()
    assert sum(len(test.examples) for name in MODULES for test in finder.find(import_module(name))) > 5


def test_the_root_holds_two_python_files():
    assert {path.name for path in ROOT.glob("*.py")} == {"__init__.py", "cli.py"}


def test_the_listed_packages_are_the_folders():
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["setuptools"]
    folders = {path.parent for path in FILES}
    assert settings["package-dir"] == {"emofuse": "."}
    assert sorted(settings["packages"]) == sorted(".".join(("emofuse", *folder.parts)) for folder in folders)
    assert all((ROOT / folder / "__init__.py").is_file() for folder in folders)
    assert "py.typed" in settings["package-data"]["emofuse"]


def test_tests_are_no_package():
    assert list((ROOT / "tests").rglob("__init__.py")) == []


@pytest.mark.parametrize("name", emofuse.__all__)
def test_public_names_are_there_and_explain_themselves(name):
    found = getattr(emofuse, name)
    assert name in dir(emofuse)
    assert isinstance(found, str) if name == "__version__" else inspect.getdoc(found)


def test_other_names_are_not_there():
    with pytest.raises(AttributeError, match="module 'emofuse' has no attribute 'magic'"):
        _ = emofuse.magic


def modules_after(code, folder):
    """The names of all modules that are loaded once a new interpreter has run some code in a folder."""
    called = subprocess.run(
        [sys.executable, "-c", f"{code}\nimport sys; print(*sys.modules)"],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert called.returncode == 0, called.stderr
    return set(called.stdout.split())


def test_importing_the_package_loads_nothing_heavy(tmp_path):
    loaded = modules_after("import emofuse", tmp_path)
    assert "emofuse" in loaded
    assert not loaded & {"numpy", "pandas", "scipy", "sklearn", "xgboost", "opensmile", "pydantic", "typer", "rich"}


def test_no_room_is_imported_as_a_top_level_module():
    loaded = modules_after("".join(f"import {name}\n" for name in MODULES), ROOT)
    assert set(MODULES) <= loaded
    assert not loaded & {"tests", "cli", *ROOMS}


def test_every_rule_of_late_fusion_is_a_strategy_that_a_study_can_name():
    from emofuse.experiments.strategies import LATE_RULES, STRATEGIES
    from emofuse.fusion.late import RULES

    assert set(LATE_RULES) <= set(STRATEGIES)
    assert {rule for rule, _ in LATE_RULES.values()} == set(RULES)
    assert {rule for rule, meta in LATE_RULES.values() if meta} == {"stacking"}
