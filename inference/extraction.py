"""From what is given to the rows of the model's blocks: each source decoded and measured once, whatever is wrong with it."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ..features.errors import BundleError, SampleError
from ..features.film_pictures import face_of, mean_row, pictures_of
from ..fusion.fused import BlockRows

CONTEXT = "context"  # the parameter of text blocks that are made of what was said before


@dataclass(frozen=True)
class Measured:
    """What came of one source.

    Attributes
    ----------
    rows : dict of str to ndarray or str
        One a block: its features, shape (n_features,), float32, or its text.
    warnings : tuple of str
    reason : str or None
        Why there are no rows.
    decode_ms, extract_ms : float
    """

    rows: dict[str, Any]
    warnings: tuple[str, ...] = ()
    reason: str | None = None
    decode_ms: float = 0.0
    extract_ms: float = 0.0


@dataclass
class _Reader:
    """One extractor, and which of its features make up which blocks."""

    extractor: str
    parameters: dict[str, Any]
    features: dict[str, tuple[str, ...]]
    made: Any = None
    positions: dict[str, Any] = field(default_factory=dict)


class Source:
    """The blocks of a model that are made of one thing: a sound, a picture, a text.

    Parameters
    ----------
    name : str
        As :meth:`~emofuse.inference.predictor.Model.predict` is given it.
    blocks : dict of str to dict
        Their entries in the manifest.
    """

    def __init__(self, name: str, blocks: Mapping[str, Mapping[str, Any]]) -> None:
        self.name = name
        self.blocks = tuple(blocks)
        self.texts = tuple(block for block, about in blocks.items() if about["extractor"] == "text")
        self._readers: list[_Reader] = []
        for block, about in blocks.items():
            if about["extractor"] in ("text", "table"):
                continue
            same = (
                reader
                for reader in self._readers
                if (reader.extractor, reader.parameters) == (about["extractor"], about["parameters"])
            )
            reader = next(same, None)
            if reader is None:
                reader = _Reader(about["extractor"], dict(about["parameters"]), {})
                self._readers.append(reader)
            reader.features[block] = tuple(about["features"])
        self._lock = threading.Lock()

    @property
    def is_measured(self) -> bool:
        """Whether anything is measured of it; of ready numbers nothing is."""
        return bool(self._readers or self.texts)

    def measure(
        self, given: Any, *, start_s: float | None = None, end_s: float | None = None, of_video: bool = False
    ) -> Measured:
        """Return the rows of the blocks; a source that cannot be used gives none, and the reason."""
        rows: dict[str, Any] = {}
        warnings: list[str] = []
        decode_ms = extract_ms = 0.0
        try:
            for block in self.texts:
                rows[block] = _as_text(given)
            for reader in self._readers:
                begin = time.perf_counter()
                extractor = self._extractor(reader)
                several = pictures_of(given, start_s, end_s) if of_video and self.name == "image" else [given]
                if reader.extractor == "face_crop":
                    several = [face_of(one, warnings) for one in several]
                signals = [extractor.signal_of(one, start_s=start_s, end_s=end_s) for one in several]
                decoded = time.perf_counter()
                found = mean_row(extractor, signals)
                extract_ms += 1e3 * (time.perf_counter() - decoded)
                decode_ms += 1e3 * (decoded - begin)
                warnings += [message for message in found.warnings if message not in warnings]
                for block, positions in reader.positions.items():
                    if not np.isnan(found.values[positions]).all():  # as in training: a row without a value is absent
                        rows[block] = found.values[positions]
        except SampleError as error:
            return Measured({}, tuple(warnings), f"{error.code}: {error}", decode_ms, extract_ms)
        reason = None if rows else "no_values: nothing that the model needs could be measured of it"
        return Measured(rows, tuple(warnings), reason, decode_ms, extract_ms)

    def ready(self) -> None:
        """Make the extractors, which load the libraries and files that they need."""
        for reader in self._readers:
            self._extractor(reader)

    def _extractor(self, reader: _Reader) -> Any:
        if reader.made is None:
            with self._lock:
                if reader.made is None:
                    reader.made = self._new_extractor(reader)
        return reader.made

    def _new_extractor(self, reader: _Reader) -> Any:
        from ..features.extractors import make_extractor

        extractor = make_extractor(reader.extractor, reader.parameters)
        place = {name: position for position, name in enumerate(extractor.get_feature_names_out())}
        for block, names in reader.features.items():
            unknown = [name for name in names if name not in place]
            if unknown:
                raise BundleError(
                    f"block {block!r}: this version's {reader.extractor!r} has no feature {unknown[0]!r} "
                    f"({len(unknown)} are unknown); install the versions that the model was trained with"
                )
            reader.positions[block] = np.array([place[name] for name in names])
        return extractor


def numbers_of(block: str, names: tuple[str, ...], given: Any) -> Measured:
    """Return a block that is given as ready numbers, by name.

    A feature that is not given is a missing value; one that the model does not know, or that is no number, is refused with
    the reason.
    """
    if not isinstance(given, Mapping):
        return Measured({}, (), f"bad_features: names with numbers are needed, got {type(given).__name__}")
    unknown = sorted(map(str, set(given) - set(names)))
    if unknown:
        return Measured(
            {}, (), f"bad_features: block {block!r} has no feature {unknown[0]!r:.60}; it has {list(names[:3])} …"
        )
    row = np.full(len(names), np.nan, dtype=np.float32)
    for place, name in enumerate(names):
        value = given.get(name)
        if value is None:
            continue
        try:
            with np.errstate(over="ignore"):
                row[place] = float(value)
        except (TypeError, ValueError, OverflowError):
            return Measured({}, (), f"bad_features: {name!r} must be a number, got {value!r:.40}")
        if np.isinf(row[place]):
            return Measured({}, (), f"bad_features: {name!r} must be finite, got {value!r:.40}")
    if np.isnan(row).all():
        return Measured({}, (), f"bad_features: none of the features of block {block!r} is given")
    missing = int(np.isnan(row).sum())
    warnings = (f"{missing} of the {len(names)} features of block {block!r} are not given",) if missing else ()
    return Measured({block: row}, warnings)


def as_rows(blocks: Mapping[str, Mapping[str, Any]], found: Mapping[str, Any]) -> dict[str, BlockRows]:
    """Return one sample as the rows of every block of the model, absent where there is nothing."""
    rows = {}
    for block, about in blocks.items():
        here = found.get(block)
        if about["extractor"] == "text":
            values: Any = [] if here is None else [here]
        else:
            values = np.empty((0, len(about["features"])), dtype=np.float32) if here is None else here[None]
        rows[block] = BlockRows(values, np.array([here is not None]))
    return rows


def _as_text(given: Any) -> str:
    from ..features.text_cleaning import decode_text

    if isinstance(given, bytes):
        try:
            given = decode_text(given)
        except UnicodeDecodeError as error:
            raise SampleError("not_text", f"byte {error.start} of the text is not UTF-8; decode it first") from None
    if not isinstance(given, str):
        raise SampleError("not_text", f"the text itself is needed, got {type(given).__name__}; pass a string")
    if not given.strip():
        raise SampleError("empty_text", "the text has no character but spaces")
    return given
