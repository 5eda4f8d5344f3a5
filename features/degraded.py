"""An extractor that measures worse inputs: the noise curve of whatever it measures, through the same store."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from importlib.metadata import version
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from .base import Extractor, FeatureNote, FloatArray
from .degradation import DEGRADATIONS, check_level, check_suits, flatten_channels
from .errors import SampleError


class Degraded(Extractor):
    """An extractor whose every input is made worse first; its features keep their names.

    A signal is decoded as ever, degraded, and then prepared and measured as ever: noise comes before trimming and
    levelling, as that of a worse microphone does. What is random is drawn from the signal itself, not from its place in a
    table, so that a clip has one noisy version, and what a level destroys a worse level destroys too.

    Parameters
    ----------
    extractor : Extractor
        What measures; unchanged.
    kind : str
        A name out of ``DEGRADATIONS`` that suits what the extractor reads.
    level : float
        In the unit of the kind.

    Notes
    -----
    A video's pictures are degraded after they were scaled to the extractor's working size.

    Examples
    --------
    >>> from .text_counts import TextCounts
    >>> worse = Degraded(TextCounts(), "dropped_words", 0.5)
    >>> row = dict(zip(worse.get_feature_names_out(), worse.extract_one("so very happy to be here today"), strict=True))
    >>> float(row["n_words"])
    4.0
    """

    libraries: ClassVar[tuple[str, ...]] = ("numpy", "pillow", "scipy")

    def __init__(self, extractor: Extractor, kind: str, level: float) -> None:
        self.extractor = extractor
        self.kind = kind
        self.level = level

    @property
    def source_column(self) -> str:  # type: ignore[override]
        """The column that the extractor reads."""
        return self.extractor.source_column

    def get_feature_names_out(self, input_features: Any = None) -> npt.NDArray[np.object_]:
        """Return the names of the extractor's features; raise StudyError where kind or level does not suit it."""
        check_level(self.kind, self.level)
        check_suits(self.kind, self.source_column)
        return self.extractor.get_feature_names_out()

    def fingerprint(self) -> str:
        """Return a SHA-256 over the extractor's fingerprint, kind, level, library versions and schema number."""
        described = {
            "class": type(self).__name__,
            "schema": self.schema,
            "extractor": self.extractor.fingerprint(),
            "kind": self.kind,
            "level": float(self.level),
            "libraries": {name: version(name) for name in self.libraries},
        }
        return hashlib.sha256(json.dumps(described).encode()).hexdigest()

    def _read(self, source: Any) -> bytes:
        return self.extractor._read(source)

    def _decode(self, data: bytes, start_s: float | None, end_s: float | None) -> Any:
        return self._degrade(self.extractor._decode(data, start_s, end_s))

    def _accept(self, source: Any) -> Any:
        return self._degrade(self.extractor._accept(source))

    def _measure(self, signal: Any) -> tuple[FloatArray, tuple[str, ...]]:
        return self.extractor._measure(signal)

    def _describe(self, feature: str) -> FeatureNote:
        return self.extractor._describe(feature)

    def _degrade(self, signal: Any) -> Any:
        check_level(self.kind, self.level)
        check_suits(self.kind, self.source_column)
        change, level = DEGRADATIONS[self.kind].change, self.level
        if self.source_column == "image":
            return replace(signal, pixels=change(signal.pixels, level))
        if self.source_column == "video":
            stream, warnings = signal
            return (replace(frame, pixels=change(frame.pixels, level)) for frame in stream), warnings
        if self.source_column == "eeg":  # of the channels that are measured: others could be lost without a trace
            return flatten_channels(signal, level, getattr(self.extractor, "channels", signal.channels))
        if self.source_column == "text":
            text = change(signal, level)
            if text is None:
                raise SampleError("no_words", f"all {len(signal.split())} words of the text were dropped")
            return text
        return change(signal, level)
