"""Speech to text by faster-whisper, from a model that is already on the machine."""

from __future__ import annotations

import io
import threading
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from .errors import SampleError, StudyError
from .files import read_bytes
from .media import check_bounds, clip_text

SAMPLING_RATE_HZ = 16_000  # Radford et al. (2023), Robust speech recognition via large-scale weak supervision, ICML
_loading = threading.Lock()


class WhisperTranscriber:
    """A callable that gives the words of a recording; a study names an instance of it as ``module:name``.

    Needs ``pip install 'emofuse[speech-to-text]'`` and a folder with a CTranslate2 model; nothing is ever downloaded.
    Threads share one model.

    Parameters
    ----------
    model_path : path
        Folder of the model.
    language : str, optional
        Such as "en"; found in the sound by default.
    device : str, default="cpu"
    compute_type : str, default="int8"
        Precision of the weights, as CTranslate2 names it.

    Examples
    --------
    A module of your own, ``speech.py``, with ``transcript = "speech:transcribe"`` in the study::

        from emofuse.features.whisper import WhisperTranscriber

        transcribe = WhisperTranscriber("models/whisper-small", language="en")
    """

    def __init__(
        self, model_path: str, language: str | None = None, device: str = "cpu", compute_type: str = "int8"
    ) -> None:
        self.model_path = model_path
        self.language = language
        self.device = device
        self.compute_type = compute_type

    def __call__(self, path: str, start_s: float | None = None, end_s: float | None = None) -> str:
        """Return the words between two bounds in seconds; empty where nothing is said.

        Raises
        ------
        SampleError
            What :func:`~.files.read_bytes` raises; ``not_audio``; ``bad_clip``.
        StudyError
            The extra or the model is not there.
        """
        check_bounds(start_s, end_s)
        library = _library()
        data = read_bytes(path)
        model = _loaded(str(self.model_path), self.device, self.compute_type)
        try:
            sound = np.asarray(library.decode_audio(io.BytesIO(data), sampling_rate=SAMPLING_RATE_HZ), dtype=np.float32)
        except (OSError, ValueError, RuntimeError, IndexError) as error:
            raise SampleError("not_audio", f"its sound cannot be decoded ({error!s:.120}); convert it again") from None
        first = round((start_s or 0.0) * SAMPLING_RATE_HZ)
        clip = sound[first:] if end_s is None else sound[first : round(end_s * SAMPLING_RATE_HZ)]
        if not len(clip):
            seconds = len(sound) / SAMPLING_RATE_HZ
            raise SampleError("bad_clip", f"clip {clip_text(start_s, end_s)} lies outside the {seconds:.3f} s of sound")
        segments, _ = model.transcribe(clip, language=self.language)
        return " ".join(" ".join(segment.text for segment in segments).split())


def _library() -> Any:
    try:
        import faster_whisper
    except ImportError as error:
        raise StudyError(f"speech to text needs pip install 'emofuse[speech-to-text]' ({error})") from None
    return faster_whisper


def _loaded(model_path: str, device: str, compute_type: str) -> Any:
    if not Path(model_path).is_dir():
        raise StudyError(
            f"no folder {model_path!r}; fetch a CTranslate2 Whisper model once and name its folder: nothing is downloaded"
        )
    with _loading:
        return _model(model_path, device, compute_type)


@lru_cache(maxsize=1)
def _model(model_path: str, device: str, compute_type: str) -> Any:
    try:
        return _library().WhisperModel(model_path, device=device, compute_type=compute_type, local_files_only=True)
    except (OSError, ValueError, RuntimeError) as error:
        raise StudyError(f"the Whisper model in {model_path!r} cannot be loaded: {error!s:.200}") from None
