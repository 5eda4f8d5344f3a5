"""What the tests of inference share: a model that answers at once."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def fakes():
    """The module of fakes beside this file; tests are no package, so it is loaded by its path."""
    spec = importlib.util.spec_from_file_location("fakes", Path(__file__).with_name("fakes.py"))
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def fake_model(fakes):
    """A new model of sound, video, pictures and text that answers by loudness and brightness."""
    return fakes.FakeModel()
