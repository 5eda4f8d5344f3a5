"""Speech to text asks the model on the machine, and only that one."""

import io
import sys
import threading
import types

import numpy as np
import pandas as pd
import pytest
import soundfile as sf
from emofuse.features import whisper
from emofuse.features.errors import SampleError, StudyError
from emofuse.features.transcripts import transcribe
from emofuse.features.whisper import WhisperTranscriber

RATE_HZ = 16_000


@pytest.fixture
def library(monkeypatch):
    """A stand-in for faster_whisper that says how long a sound is and how loud it ends; it notes how it was called."""
    module = types.ModuleType("faster_whisper")
    module.made = []

    class WhisperModel:
        def __init__(self, path, **options):
            if "broken" in path:
                raise RuntimeError("Unable to open file 'model.bin'")
            module.made.append((path, options))

        def transcribe(self, sound, language=None):
            assert sound.dtype == np.float32 and sound.ndim == 1
            words = [f" {len(sound) / RATE_HZ:g} s", f" ends at {sound[-1]:.1f} ", f" in {language}"]
            return (types.SimpleNamespace(text=text) for text in words), None

    def decode_audio(file, sampling_rate):
        assert sampling_rate == RATE_HZ
        data = file.read()
        if data == b"junk":
            raise ValueError("Invalid data found when processing input")
        return sf.read(io.BytesIO(data), dtype="float32")[0]

    module.WhisperModel, module.decode_audio = WhisperModel, decode_audio
    monkeypatch.setitem(sys.modules, "faster_whisper", module)
    whisper._model.cache_clear()
    yield module
    whisper._model.cache_clear()


@pytest.fixture
def sound(tmp_path):
    """Two seconds that rise from 0 to 0.8."""
    path = tmp_path / "a.wav"
    sf.write(path, np.linspace(0, 0.8, 2 * RATE_HZ), RATE_HZ)
    return str(path)


def test_words_of_a_recording_and_of_a_clip(library, sound, tmp_path):
    hear = WhisperTranscriber(str(tmp_path), language="en")
    assert hear(sound) == "2 s ends at 0.8 in en"
    assert hear(sound, start_s=0.5) == "1.5 s ends at 0.8 in en"
    assert hear(sound, 0.5, 1.0) == "0.5 s ends at 0.4 in en"
    assert hear(sound, None, 99.0) == "2 s ends at 0.8 in en"


def test_model_is_loaded_once_from_its_folder_and_never_fetched(library, sound, tmp_path):
    hear = WhisperTranscriber(str(tmp_path), compute_type="float32")
    threads = [threading.Thread(target=hear, args=(sound,)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert library.made == [
        (str(tmp_path), {"device": "cpu", "compute_type": "float32", "local_files_only": True}),
    ]


def test_making_one_loads_nothing(library):
    WhisperTranscriber("no/such/folder")
    assert library.made == []


@pytest.mark.parametrize("model", ["small", "no/such/folder"])
def test_33_name_of_a_model_to_download_is_refused(library, sound, model):
    with pytest.raises(
        StudyError, match=f"no folder '{model}'; fetch .* once and name its folder: nothing is downloaded"
    ):
        WhisperTranscriber(model)(sound)
    assert library.made == []


def test_missing_package_names_the_extra(monkeypatch, sound, tmp_path):
    monkeypatch.setitem(sys.modules, "faster_whisper", None)
    with pytest.raises(StudyError, match=r"speech to text needs pip install 'emofuse\[speech-to-text\]'"):
        WhisperTranscriber(str(tmp_path))(sound)


def test_broken_model_is_named(library, sound, tmp_path):
    folder = tmp_path / "broken"
    folder.mkdir()
    with pytest.raises(StudyError, match=r"the Whisper model in '.*broken' cannot be loaded: Unable to open file"):
        WhisperTranscriber(str(folder))(sound)


@pytest.mark.parametrize(
    ("content", "bounds", "code"),
    [(b"junk", {}, "not_audio"), (b"", {}, "empty_file"), (None, {}, "missing")],
    ids=["junk", "empty", "missing"],
)
def test_unusable_recording_is_a_sample_error(library, tmp_path, content, bounds, code):
    path = tmp_path / "b.wav"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(SampleError) as caught:
        WhisperTranscriber(str(tmp_path))(str(path), **bounds)
    assert caught.value.code == code


@pytest.mark.parametrize("bounds", [(3.0, None), (1.0, 0.5), (-1.0, None)])
def test_clip_outside_the_recording_is_a_sample_error(library, sound, tmp_path, bounds):
    with pytest.raises(SampleError) as caught:
        WhisperTranscriber(str(tmp_path))(sound, *bounds)
    assert caught.value.code == "bad_clip"


def test_study_names_it_like_any_function(library, sound, tmp_path, monkeypatch):
    module = types.ModuleType("users_speech")
    module.hear = WhisperTranscriber(str(tmp_path), language="en")
    monkeypatch.setitem(sys.modules, "users_speech", module)
    samples = pd.DataFrame({"audio": [sound, sound], "start_s": [0.0, 1.0], "end_s": [2.0, 2.0]})
    assert transcribe(samples, "users_speech:hear").texts.tolist() == ["2 s ends at 0.8 in en", "1 s ends at 0.8 in en"]


def test_missing_package_ends_the_batch_at_once(monkeypatch, sound, tmp_path):
    module = types.ModuleType("users_speech")
    module.hear = WhisperTranscriber(str(tmp_path))
    monkeypatch.setitem(sys.modules, "users_speech", module)
    monkeypatch.setitem(sys.modules, "faster_whisper", None)
    with pytest.raises(StudyError, match="speech to text needs pip install"):
        transcribe(pd.DataFrame({"audio": [sound] * 3}), "users_speech:hear", n_jobs=2)
