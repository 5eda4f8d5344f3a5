"""Extractors of changed inputs: whatever they measure, it is measured of the changed input and kept in the same store."""

from __future__ import annotations

import hashlib
import json
from abc import abstractmethod
from collections.abc import Iterator
from dataclasses import replace
from importlib.metadata import version
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from .augmentation import AUGMENTATIONS, check_augments, check_range, draw_level
from .base import Extractor, FeatureNote, FloatArray
from .changes import Change
from .degradation import DEGRADATIONS, check_level, check_suits
from .errors import SampleError


class Changed(Extractor):
    """An extractor whose every input is changed first; its features keep their names.

    A signal is decoded as ever, changed, and then prepared and measured as ever: noise comes before trimming and
    levelling, as that of a worse microphone does. What is random is drawn from the signal itself, not from its place in a
    table.

    A subclass says in :meth:`_check` what suits, in :meth:`_settings` what it is told from others by, and in :meth:`_how`
    what is done to a signal and how far.

    Notes
    -----
    A video's pictures are changed after they were scaled to the extractor's working size, all of a clip alike.
    """

    libraries: ClassVar[tuple[str, ...]] = ("numpy", "pillow", "scipy")
    extractor: Extractor

    @abstractmethod
    def _check(self) -> None:
        """Raise StudyError where the change does not suit the extractor."""

    @abstractmethod
    def _settings(self) -> dict[str, Any]:
        """Return the values that the fingerprint tells apart."""

    @abstractmethod
    def _how(self, content: Any) -> tuple[Change, float, bytes]:
        """Return the change of a signal of these bytes, its level, and the salt of what is random in it."""

    @property
    def source_column(self) -> str:  # type: ignore[override]
        """The column that the extractor reads."""
        return self.extractor.source_column

    def get_feature_names_out(self, input_features: Any = None) -> npt.NDArray[np.object_]:
        """Return the names of the extractor's features; raise StudyError where the change does not suit it."""
        self._check()
        return self.extractor.get_feature_names_out()

    def fingerprint(self) -> str:
        """Return a SHA-256 over the extractor's fingerprint, the change, library versions and schema number."""
        described = {
            "class": type(self).__name__,
            "schema": self.schema,
            "extractor": self.extractor.fingerprint(),
            **self._settings(),
            "libraries": {name: version(name) for name in self.libraries},
        }
        return hashlib.sha256(json.dumps(described).encode()).hexdigest()

    def changed(self, signal: Any) -> Any:
        """Return a decoded signal as it is measured; raise SampleError where nothing of it is left."""
        self._check()
        if self.source_column == "video":
            stream, warnings = signal
            return self._changed_frames(stream), warnings
        if self.source_column == "image":
            return replace(signal, pixels=self._applied(signal.pixels, _bytes_of(signal.pixels)))
        if self.source_column == "text":
            text = self._applied(signal, signal.encode("utf-8", "surrogatepass"))
            if text is None:
                raise SampleError("no_words", f"all {len(signal.split())} words of the text were dropped")
            return text
        if self.source_column == "eeg":  # of the channels that are measured: others could be lost without a trace
            channels = getattr(self.extractor, "channels", signal.channels)
            return self._applied(signal, _bytes_of(signal.samples), channels=channels)
        return self._applied(signal, _bytes_of(signal.samples))

    def _read(self, source: Any) -> bytes:
        return self.extractor._read(source)

    def _decode(self, data: bytes, start_s: float | None, end_s: float | None) -> Any:
        return self.changed(self.extractor._decode(data, start_s, end_s))

    def _accept(self, source: Any) -> Any:
        return self.changed(self.extractor._accept(source))

    def _measure(self, signal: Any) -> tuple[FloatArray, tuple[str, ...]]:
        return self.extractor._measure(signal)

    def _describe(self, feature: str) -> FeatureNote:
        return self.extractor._describe(feature)

    def _changed_frames(self, stream: Iterator[Any]) -> Iterator[Any]:
        """Yield the pictures of a clip, changed as its first one says."""
        first: Any = None
        for frame in stream:
            first = _bytes_of(frame.pixels) if first is None else first
            yield replace(frame, pixels=self._applied(frame.pixels, first))

    def _applied(self, signal: Any, content: Any, **options: Any) -> Any:
        change, level, salt = self._how(content)
        return change.apply(signal, level, **options, **({"salt": salt} if change.chance else {}))


class Degraded(Changed):
    """An extractor whose every input is made worse first, to measure a model by; all inputs equally.

    A clip has one noisy version, and what a level destroys a worse level destroys too.

    Parameters
    ----------
    extractor : Extractor
        What measures; unchanged.
    kind : str
        A name out of ``DEGRADATIONS`` that suits what the extractor reads.
    level : float
        In the unit of the kind.

    Examples
    --------
    >>> from .text_counts import TextCounts
    >>> worse = Degraded(TextCounts(), "dropped_words", 0.5)
    >>> row = dict(zip(worse.get_feature_names_out(), worse.extract_one("so very happy to be here today"), strict=True))
    >>> float(row["n_words"])
    4.0
    """

    def __init__(self, extractor: Extractor, kind: str, level: float) -> None:
        self.extractor = extractor
        self.kind = kind
        self.level = level

    def _check(self) -> None:
        check_level(self.kind, self.level)
        check_suits(self.kind, self.source_column)

    def _settings(self) -> dict[str, Any]:
        return {"kind": self.kind, "level": float(self.level)}

    def _how(self, content: Any) -> tuple[Change, float, bytes]:
        return DEGRADATIONS[self.kind], self.level, b""


class Augmented(Changed):
    """An extractor whose every input is varied first, to train a model on; each input by a level of its own.

    Parameters
    ----------
    extractor : Extractor
        What measures; unchanged.
    kind : str
        A name out of ``AUGMENTATIONS`` that suits what the extractor reads.
    between : (float, float)
        The range that levels are drawn from, in the unit of the kind.
    number : int, default=1
        Of the copy: another one of the same input has another level, and other noise.
    seed : int, default=0

    Examples
    --------
    >>> from .text_counts import TextCounts
    >>> varied = Augmented(TextCounts(), "dropped_words", (0.1, 0.5))
    >>> row = dict(zip(varied.get_feature_names_out(), varied.extract_one("so very happy to be here today"), strict=True))
    >>> 1 <= float(row["n_words"]) <= 7
    True
    """

    libraries: ClassVar[tuple[str, ...]] = ("numpy", "pillow", "scipy", "soxr")

    def __init__(
        self, extractor: Extractor, kind: str, between: tuple[float, float], number: int = 1, seed: int = 0
    ) -> None:
        self.extractor = extractor
        self.kind = kind
        self.between = between
        self.number = number
        self.seed = seed

    def _check(self) -> None:
        check_range(self.kind, self.between)
        check_augments(self.kind, self.source_column)

    def _settings(self) -> dict[str, Any]:
        between = [float(level) for level in self.between]
        return {"kind": self.kind, "between": between, "number": int(self.number), "seed": int(self.seed)}

    def _how(self, content: Any) -> tuple[Change, float, bytes]:
        salt = salt_of(self.kind, self.number, self.seed)
        return AUGMENTATIONS[self.kind], draw_level(self.kind, self.between, content, salt), salt


def salt_of(kind: str, number: int, seed: int) -> bytes:
    """Return what tells the copies of a signal apart: kind, number of the copy and seed."""
    return f"{kind} {number} {seed}".encode()


def _bytes_of(values: npt.NDArray[Any]) -> Any:
    return np.ascontiguousarray(values).data
