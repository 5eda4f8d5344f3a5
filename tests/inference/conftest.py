"""What the tests of inference share: a model that answers at once, and small trained ones."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import pytest


def beside(name):
    """A module beside this file; tests are no package, so it is loaded by its path."""
    spec = importlib.util.spec_from_file_location(name, Path(__file__).with_name(f"{name}.py"))
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # where a dataclass looks its annotations up
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def fakes():
    """The module of fakes."""
    return beside("fakes")


@pytest.fixture(scope="session")
def making():
    """The module that makes small trained models, with what they are made of."""
    return beside("models")


@pytest.fixture(scope="session")
def models(making, tmp_path_factory):
    """Small trained models, each made when it is asked for."""
    return making.Models(tmp_path_factory.mktemp("models"))


@pytest.fixture
def fake_model(fakes):
    """A new model of sound, video, pictures and text that answers by loudness and brightness."""
    return fakes.FakeModel()
