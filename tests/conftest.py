"""What several rooms share: one hypothesis profile, miniature corpora, and the command line as a function."""

from __future__ import annotations

import sys
from dataclasses import dataclass

import numpy as np
import pandas as pd
import pytest
from emofuse import cli
from emofuse.experiments import demo
from emofuse.experiments.corpora import Corpus, CorpusInfo
from emofuse.experiments.study import parse_study
from emofuse.features.samples import check_samples
from hypothesis import settings
from threadpoolctl import threadpool_limits

settings.register_profile("emofuse", deadline=None, derandomize=True, database=None, max_examples=50)
settings.load_profile("emofuse")


@pytest.fixture(scope="session", autouse=True)
def own_cache(tmp_path_factory):
    """What is kept between runs is kept apart from the user's own."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        patch.setenv("HOME", str(tmp_path_factory.mktemp("home")))
        yield


@pytest.fixture(scope="session", autouse=True)
def one_thread():
    """Matrices this small lose time to a pool of BLAS threads."""
    with threadpool_limits(limits=1):
        yield


@pytest.fixture(scope="session")
def make_corpus():
    """A function that makes a corpus of feature tables in which each table tells a part of the label."""

    def make(
        *,
        n_groups=4,
        n_per_group=12,
        classes=("happy", "neutral", "sad"),
        tables=("face", "voice"),
        signal=1.0,
        seed=0,
        synthetic=False,
        **columns,
    ):
        random = np.random.default_rng(seed)
        count = n_groups * n_per_group
        labels = np.resize(np.array(classes, dtype=object), count)
        index = pd.Index([f"clip{number:03d}" for number in range(count)])
        groups = np.repeat([f"s{number}" for number in range(n_groups)], n_per_group)
        samples = pd.DataFrame({"label": labels, "group": groups}, index=index).assign(**columns)
        codes = np.searchsorted(classes, labels)
        found = {}
        for number, name in enumerate(tables):
            values = random.normal(size=(count, 4))
            values[np.arange(count), (codes + number) % 3] += signal
            found[name] = pd.DataFrame(values, index=index, columns=[f"{name}_{column}" for column in range(4)])
        info = CorpusInfo("mini", "Miniature", "MIT", "made here", "none", "speaker", tuple(tables), synthetic)
        return Corpus(info, check_samples(samples), found)

    return make


@pytest.fixture(scope="session")
def make_study():
    """A function that makes the study of a corpus of tables: linear, two folds by group, two inner folds."""

    def make(*tables, **changes):
        values = {
            "name": "mini",
            "corpus": "mini",
            "blocks": {name: {"extractor": "table", "table": name} for name in tables or ("face", "voice")},
            "classifiers": ["linear"],
            "n_inner": 2,
            "protocol": {"name": "group_kfold", "n_folds": 2},
        }
        return parse_study(values | changes, source="mini")

    return make


@pytest.fixture(scope="session")
def tiny_demo(tmp_path_factory):
    """The folder of a demo corpus of four speakers with one clip of each emotion; not to be changed."""
    folder = tmp_path_factory.mktemp("demo") / "corpus"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(demo, "N_SPEAKERS", 4)
        patch.setattr(demo, "CLIPS_A_CELL", 1)
        demo.make_demo_corpus(folder)
    return folder


@pytest.fixture(scope="session")
def shared_store(tmp_path_factory):
    """The folder of a feature store, so that the clips of ``tiny_demo`` are measured once."""
    return tmp_path_factory.mktemp("store")


@dataclass(frozen=True)
class Answer:
    """What a command printed, and its exit status."""

    status: int
    out: str
    err: str


@pytest.fixture
def command(monkeypatch, capsys):
    """A function that runs ``emofuse ARGUMENTS`` through ``main``."""

    def run(*arguments):
        monkeypatch.setattr(sys, "argv", ["emofuse", *map(str, arguments)])
        capsys.readouterr()
        with pytest.raises(SystemExit) as stopped:
            cli.main()
        printed = capsys.readouterr()
        return Answer(stopped.value.code or 0, printed.out, printed.err)

    return run
