"""What the tests of bad days share: a folder in which everything has gone well once."""

from __future__ import annotations

import shutil

import pytest
from emofuse import cli
from emofuse.experiments.study import to_toml
from typer.testing import CliRunner


@pytest.fixture(scope="session")
def place(make_study, tiny_demo, shared_store, tmp_path_factory):
    """A folder with a corpus, a study, a run and a model, not to be changed; what it measures is in ``shared_store``."""
    root = tmp_path_factory.mktemp("place")
    shutil.copytree(tiny_demo, root / "corpus")
    blocks = {
        "eeg": {"extractor": "eeg_band_power", "parameters": {"sampling_rate_hz": 128.0}},
        "face": {"extractor": "table", "table": "face"},
    }
    study = make_study(corpus="demo", name="small", blocks=blocks, strategies=["unimodal", "late_mean"])
    (root / "study.toml").write_text(to_toml(study), encoding="utf-8")
    given = ["study.toml", "--root", "corpus", "--store", str(shared_store), "--jobs", "1"]
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(root)
        for arguments in (["run", *given, "--out", "run"], ["train", *given, "--out", "m.emofuse"]):
            done = CliRunner().invoke(cli.app, arguments)
            assert done.exit_code == 0, done.output
    return root
