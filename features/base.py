"""What every extractor shares: parameters only in the constructor, one sample at a time, no sample kills a batch."""

from __future__ import annotations

import hashlib
import json
from abc import abstractmethod
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any, ClassVar, Literal, TypeVar

import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.base import BaseEstimator

from .batch import attempt_each
from .cluster import cluster_in_use
from .errors import SampleError, TableError
from .files import read_bytes
from .pieces import Keeper, Piece, PieceMeasurer, SourceHash
from .store import FeatureStore, Maker, StoredRow

FloatArray = npt.NDArray[np.float32]
Progress = Callable[[int], None]

FAILURE_COLUMNS = ["sample", "source", "code", "message"]
WARNING_COLUMNS = ["sample", "source", "message"]
# What a worker of a cluster is given at a time: enough that the way there costs little, few enough that all have some.
FILES_A_TASK, PIECES_A_TASK = 64, 8

T = TypeVar("T")
R = TypeVar("R")


@dataclass(frozen=True)
class Extraction:
    """The outcome of one extractor over one sample table; the counts add up to the number of rows.

    Attributes
    ----------
    features : pandas.DataFrame of shape (n_samples, n_features), float32
        Rows as in the sample table; all-NaN where the modality is absent or failed.
    failures, warnings : pandas.DataFrame
        One row for each sample that could not be used, or is of doubtful quality.
    hashes : pandas.Series of str
        SHA-256 of each sample's source bytes; missing where there is no readable file.
    n_extracted, n_from_store, n_absent, n_failed : int
    """

    features: pd.DataFrame
    failures: pd.DataFrame
    warnings: pd.DataFrame
    hashes: pd.Series
    n_extracted: int
    n_from_store: int
    n_absent: int
    n_failed: int


@dataclass(frozen=True)
class FeatureNote:
    """What one feature is.

    Attributes
    ----------
    measures : str
        What the value measures, in one sentence.
    unit : str
        "Hz", "dB", "ms"; "1" where it has none.
    source : str
        The reference of its formula.
    """

    measures: str
    unit: str
    source: str


class Extractor(BaseEstimator):
    """One media source in, one named row of float32 features out.

    A subclass names the sample-table column it reads (``source_column``) and its ``schema`` number, raised with
    every change of its values; it decodes bytes in :meth:`_decode`, measures them in :meth:`_measure` and says in
    :meth:`_describe` what it measured.
    """

    source_column: ClassVar[str]
    schema: ClassVar[int] = 1
    libraries: ClassVar[tuple[str, ...]] = ()
    # Parameters under which, taken together, the class shows every feature it can have.
    variants: ClassVar[tuple[dict[str, Any], ...]] = ({},)

    @abstractmethod
    def get_feature_names_out(self, input_features: Any = None) -> npt.NDArray[np.object_]:
        """Return the names of the features, in the order of :meth:`extract_one`."""

    @abstractmethod
    def _decode(self, data: bytes, start_s: float | None, end_s: float | None) -> Any:
        """Turn a file's bytes into what :meth:`_measure` takes."""

    @abstractmethod
    def _accept(self, source: Any) -> Any:
        """Turn an object in memory into what :meth:`_measure` takes."""

    @abstractmethod
    def _measure(self, signal: Any) -> tuple[FloatArray, tuple[str, ...]]:
        """Return the features and the warnings of one signal."""

    @abstractmethod
    def _describe(self, feature: str) -> FeatureNote:
        """Return what one of the features measures."""

    def _read(self, source: Any) -> bytes:
        """Return the bytes behind a cell of the sample table: those of the file that it names."""
        return read_bytes(source)

    def explain(self, feature: str) -> FeatureNote:
        """Return what a feature measures, its unit and the source of its formula.

        Raises
        ------
        ValueError
            The extractor has no such feature.
        """
        if feature not in self.get_feature_names_out():
            raise ValueError(f"{type(self).__name__} has no feature {feature!r}")
        return self._describe(feature)

    def extract_one(self, source: Any, *, start_s: float | None = None, end_s: float | None = None) -> FloatArray:
        """Extract the features of one source.

        Parameters
        ----------
        source : path or object in memory
            A path; what else is taken, the extractor's own docstring says.
        start_s, end_s : float, optional
            Bounds of the clip in seconds, for a path.

        Returns
        -------
        ndarray of shape (n_features,), float32

        Raises
        ------
        SampleError
            Where the source cannot be used.
        """
        if isinstance(source, bytes):  # a file's name, or whatever else a cell of the sample table may hold
            return self._row(self._read(source), start_s, end_s).values
        return self.measure(self.signal_of(source, start_s=start_s, end_s=end_s)).values

    def signal_of(self, source: Any, *, start_s: float | None = None, end_s: float | None = None) -> Any:
        """Return what :meth:`measure` takes: the first half of :meth:`extract_one`, apart so that each can be timed.

        Parameters
        ----------
        source : path, bytes or object in memory
            Bytes are the contents of a file, not its name.
        start_s, end_s : float, optional
            Bounds of the clip in seconds, for a file.

        Raises
        ------
        SampleError
            Where the source cannot be used.
        """
        if isinstance(source, bytes):
            return self._decode(source, start_s, end_s)
        if isinstance(source, str) or hasattr(source, "__fspath__"):
            return self._decode(self._read(source), start_s, end_s)
        return self._accept(source)

    def measure(self, signal: Any) -> StoredRow:
        """Return the features of a signal and the warnings about it; raise SampleError where it cannot be used."""
        return self._checked(*self._measure(signal))

    def fingerprint(self) -> str:
        """Return a SHA-256 over class, parameters, library versions and schema number."""
        described = {
            "class": type(self).__name__,
            "schema": self.schema,
            "parameters": self.get_params(deep=False),
            "libraries": {name: version(name) for name in self.libraries},
        }
        # Order is kept, not sorted: it is the order of the features (of bands, of channels).
        return hashlib.sha256(json.dumps(described, default=_plain).encode()).hexdigest()

    def extract(
        self,
        samples: pd.DataFrame,
        *,
        n_jobs: int = 1,
        on_error: Literal["absent", "raise"] = "absent",
        store: FeatureStore | None = None,
        progress: Progress | None = None,
    ) -> Extraction:
        """Extract every row of a sample table; order and number of rows are kept.

        Parameters
        ----------
        samples : pandas.DataFrame
            A checked sample table.
        n_jobs : int, default=1
            Threads (the libraries behind the extractors release the interpreter lock).
        on_error : {"absent", "raise"}, default="absent"
            Whether a sample that cannot be used becomes an absent row with a failure record, or raises.
        store : FeatureStore, optional
            Where rows are looked up before, and kept after, they are computed.
        progress : callable, optional
            Called with the number of rows that were just finished.

        Returns
        -------
        Extraction

        Raises
        ------
        TableError
            No such column, or names that repeat.
        SampleError
            With ``on_error="raise"``, for the first sample that cannot be used.
        StoreError
            The store cannot be read or written.
        """
        if on_error not in ("absent", "raise"):
            raise ValueError(f"on_error must be 'absent' or 'raise', got {on_error!r}")
        if self.source_column not in samples:
            raise TableError(f"column {self.source_column!r} is missing; {type(self).__name__} reads it")
        if not samples.index.is_unique:
            raise TableError("sample names repeat; check_samples lists them")
        names = self.get_feature_names_out()
        sources = samples[self.source_column]
        present = [name for name in samples.index if isinstance(sources[name], str)]
        notify = progress or (lambda _: None)
        notify(len(samples) - len(present))
        failures: dict[str, SampleError] = {}
        hashes: dict[str, str] = {}
        for name, outcome in self._hashes(sources, present, n_jobs):
            if isinstance(outcome, SampleError):
                failures[name] = outcome
                notify(1)
            else:
                hashes[name] = outcome
        fingerprint = self.fingerprint()
        maker = Maker(type(self).__name__, fingerprint, tuple(names))
        keys = {name: row_key(sha, fingerprint, *_bounds(samples, name)) for name, sha in hashes.items()}
        rows = {} if store is None else store.get_many(set(keys.values()), n_values=len(names))
        n_from_store = sum(key in rows for key in keys.values())
        notify(n_from_store)
        first_of = {key: name for name, key in reversed(keys.items()) if key not in rows}
        todo = [
            Piece(key, sources[name], hashes[name], *_bounds(samples, name))
            for name, key in keys.items()
            if first_of.get(key) == name
        ]
        # One array for all new rows: tens of thousands of small ones would leave holes in memory when they go.
        measured = np.empty((len(todo), len(names)), dtype=np.float32)
        place_of = {piece.key: place for place, piece in enumerate(todo)}
        keeper = Keeper(store, maker)
        try:
            for piece, row in self._each(PieceMeasurer(self), todo, n_jobs, PIECES_A_TASK, keeper.on_worker):
                notify(1)
                if isinstance(row, SampleError):
                    failures |= {name: row for name, key in keys.items() if key == piece.key}
                    continue
                place = place_of[piece.key]
                measured[place] = row.values
                rows[piece.key] = StoredRow(measured[place], row.warnings)
                keeper.keep(piece.key, rows[piece.key])
        finally:
            keeper.flush()
        notify(len(keys) - n_from_store - len(todo))
        if on_error == "raise" and failures:
            name = min(failures, key=list(samples.index).index)
            raise SampleError(failures[name].code, f"{self.source_column} sample {name!r}: {failures[name]}")
        return self._collect(samples.index, names, keys, rows, failures, hashes, n_from_store)

    def _hashes(self, sources: pd.Series, present: list[str], n_jobs: int) -> Iterator[tuple[str, str | SampleError]]:
        """Yield the SHA-256 of each present sample's source; each file is read once."""
        of_source: dict[str, list[str]] = {}
        for name in present:
            of_source.setdefault(sources[name], []).append(name)
        for source, outcome in self._each(SourceHash(self), list(of_source), n_jobs, FILES_A_TASK):
            yield from ((name, outcome) for name in of_source[source])

    def _each(
        self,
        function: Callable[[T], R],
        items: list[T],
        n_jobs: int,
        size: int,
        then: Callable[[list[tuple[T, R]]], None] | None = None,
    ) -> Iterator[tuple[T, R | SampleError]]:
        """Yield each item with its result, from the cluster that is in use (where ``then`` is called) or from threads."""
        cluster = cluster_in_use()
        if cluster is None:
            return attempt_each(function, items, n_jobs)
        return cluster.attempt_each(function, items, size=size, then=then)

    def _row(self, data: bytes, start_s: float | None, end_s: float | None) -> StoredRow:
        return self.measure(self._decode(data, start_s, end_s))

    def _checked(self, values: FloatArray, warnings: tuple[str, ...]) -> StoredRow:
        values = np.asarray(values, dtype=np.float32)
        if np.isinf(values).any() or np.isnan(values).all():
            raise SampleError("not_finite_features", "its features are not finite; the signal is degenerate, drop it")
        return StoredRow(values, warnings)

    def _collect(
        self,
        index: pd.Index,
        names: npt.NDArray[np.object_],
        keys: dict[str, str],
        rows: dict[str, StoredRow],
        failures: dict[str, SampleError],
        hashes: dict[str, str],
        n_from_store: int,
    ) -> Extraction:
        values = np.full((len(index), len(names)), np.nan, dtype=np.float32)
        warnings = []
        for position, name in enumerate(index):
            row = rows.get(keys.get(name, ""))
            if row is not None and name not in failures:
                values[position] = row.values
                warnings += [(name, self.source_column, message) for message in row.warnings]
        failed = [
            (name, self.source_column, failures[name].code, str(failures[name])) for name in index if name in failures
        ]
        return Extraction(
            features=pd.DataFrame(values, index=index, columns=names),
            failures=pd.DataFrame(failed, columns=FAILURE_COLUMNS, dtype=object),
            warnings=pd.DataFrame(warnings, columns=WARNING_COLUMNS, dtype=object),
            hashes=pd.Series(hashes, dtype=object).reindex(index),
            n_extracted=len(keys) - n_from_store - sum(name in keys for name in failures),
            n_from_store=n_from_store,
            n_absent=len(index) - len(keys) - sum(name not in keys for name in failures),
            n_failed=len(failures),
        )


def row_key(source_sha256: str, fingerprint: str, start_s: float | None, end_s: float | None) -> str:
    """Return the content address of one row: what was measured, between which bounds, and how."""
    text = f"{source_sha256}|{start_s}|{end_s}|{fingerprint}"
    return hashlib.sha256(text.encode()).hexdigest()


def _plain(value: Any) -> Any:
    if isinstance(value, np.generic):
        return value.item()
    return dict(value) if isinstance(value, Mapping) else list(value)


def _bounds(samples: pd.DataFrame, name: str) -> tuple[float | None, float | None]:
    start, end = (_seconds(samples, name, column) for column in ("start_s", "end_s"))
    return start, end


def _seconds(samples: pd.DataFrame, name: str, column: str) -> float | None:
    value: Any = samples.at[name, column] if column in samples else None
    return None if value is None or pd.isna(value) else float(value)
