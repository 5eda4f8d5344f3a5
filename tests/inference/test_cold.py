"""A process that starts cold loads what its answer needs, and nothing that would cost it a second or a hundred megabytes."""

from __future__ import annotations

import subprocess
import sys

import pytest

HEAVY = {
    "numba", "matplotlib", "fastapi", "uvicorn", "starlette", "pydantic", "pyarrow", "librosa", "dlib", "cv2", "skops",
    "pandas.plotting._matplotlib",
}  # fmt: skip
FOR_WORDS = HEAVY | {
    "sklearn", "pandas", "nltk", "xgboost", "scipy.stats", "scipy.optimize", "scipy.signal", "opensmile", "av", "PIL",
    "skimage", "joblib", "mne",
}  # fmt: skip

OF_PANDAS = {"pyarrow"}  # pandas loads it by itself; an extractor is a scikit-learn object, and needs pandas


def loaded_after(code, *arguments):
    """The modules that a new interpreter has loaded once it has run some code."""
    called = subprocess.run(
        [sys.executable, "-c", f"{code}\nimport sys; print('MODULES', *sys.modules)", *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert called.returncode == 0, called.stderr
    printed, _, modules = called.stdout.rpartition("MODULES ")
    return set(modules.split()), printed


def test_the_package_alone_loads_next_to_nothing():
    modules, _ = loaded_after("import emofuse")
    assert "emofuse" in modules
    assert not modules & (FOR_WORDS | {"numpy", "scipy", "typer", "rich"})


def test_words_are_answered_without_the_libraries_that_trained(models, making):
    path = models.text(counts=True).path
    code = "import sys, emofuse\nprint(emofuse.load(sys.argv[1]).predict(text=sys.argv[2]).label)"
    modules, printed = loaded_after(code, path, making.SENTENCES[1])
    assert printed.strip() == "happy" and "emofuse.inference.predictor" in modules
    assert not modules & FOR_WORDS


@pytest.mark.parametrize("form", [(), ("--json",)])
def test_the_command_line_answers_words_as_lightly(models, making, form):
    code = """
import sys
sys.argv = ["emofuse", "predict", *sys.argv[1:]]
from emofuse.cli import main
try:
    main()
except SystemExit as stopped:
    assert not stopped.code, stopped.code"""
    modules, printed = loaded_after(code, models.text().path, "--text", making.SENTENCES[0], *form)
    assert "angry" in printed
    assert not modules & (FOR_WORDS - {"pydantic"})


def test_ready_numbers_are_answered_as_lightly(models):
    code = "import sys, emofuse\nprint(emofuse.load(sys.argv[1]).predict(features={'face': {'face_0': 1.0}}).label)"
    modules, printed = loaded_after(code, models.tables("late", "linear").path)
    assert printed.strip() in ("angry", "happy", "sad")
    assert not modules & FOR_WORDS


def test_sound_is_answered_without_what_draws_or_serves(models, making, tmp_path):
    (tmp_path / "a.wav").write_bytes(making.wav(making.tone(2)))
    code = "import sys, emofuse\nprint(emofuse.load(sys.argv[1]).predict(audio=sys.argv[2]).label)"
    modules, printed = loaded_after(code, models.sound().path, tmp_path / "a.wav")
    assert printed.strip() == "sad" and "opensmile" in modules
    assert not (modules - OF_PANDAS) & (HEAVY | {"xgboost", "nltk", "mne", "skimage"})


def test_pictures_are_answered_without_what_draws_or_serves(models, making, tmp_path):
    from PIL import Image

    Image.fromarray(making.face(0)).save(tmp_path / "a.png")
    code = "import sys, emofuse\nprint(emofuse.load(sys.argv[1]).predict(image=sys.argv[2]).label)"
    modules, printed = loaded_after(code, models.picture().path, tmp_path / "a.png")
    assert printed.strip() == "angry"
    assert not (modules - OF_PANDAS - {"dlib"}) & (HEAVY | {"xgboost", "nltk", "mne", "opensmile"})
