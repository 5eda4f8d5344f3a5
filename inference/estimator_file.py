"""The unfitted scikit-learn estimator of a bundle as a skops file, of whose types a fixed list is trusted."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Iterator
from typing import Any

from ..features.errors import BundleError
from ..features.files import ARCHIVE_ERRORS
from .archive import EPOCH

MAX_BYTES = 16 * 1024**2
SCHEMA = "schema.json"  # the one member of a skops file without arrays
TRUSTED = (
    "emofuse.classifiers.boosted.BoostedTrees",
    "emofuse.classifiers.cross_fitted.KernelScores",
    "emofuse.classifiers.kernel.KernelRidgeClassifier",
    "emofuse.classifiers.linear.LinearClassifier",
    "emofuse.classifiers.linear.NaiveBayesLogistic",
    "emofuse.classifiers.projection.Discriminants",
    "emofuse.classifiers.projection.Projection",
    "emofuse.classifiers.ready.LogShares",
    "emofuse.classifiers.ready.ReadyProbabilities",
    "emofuse.classifiers.scaling.KeepBest",
    "emofuse.classifiers.scaling.LatentSemantics",
    "emofuse.classifiers.scaling.Scaler",
    "emofuse.classifiers.visual_words.VisualWords",
    "emofuse.features.text.TextVectorizer",
    "emofuse.fusion.contextual.ContextFusion",
    "emofuse.fusion.early.EarlyFusion",
    "emofuse.fusion.hybrid.HybridFusion",
    "emofuse.fusion.late.LateFusion",
)
BUILTINS = ("dict", "list", "tuple", "str", "int", "float", "bool", "NoneType")
PLAIN = frozenset(("sklearn.pipeline.Pipeline", *(f"builtins.{name}" for name in BUILTINS)))
# How skops may make an object: none of these imports or calls what the file names beyond its class.
NODES = frozenset(["ObjectNode", "DictNode", "ListNode", "TupleNode", "JsonNode", "TypeNode"])


def pack_estimator(estimator: Any) -> bytes:
    """Return an unfitted copy of an estimator as a skops file."""
    from sklearn.base import clone
    from skops.io import dumps

    data = _settled(dumps(clone(estimator)))
    check_estimator_file(data)
    return data


def check_estimator_file(data: bytes) -> None:
    """Refuse a skops file with a type that is not trusted, without loading it (or skops).

    Raises
    ------
    BundleError
    """
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            (entry,) = archive.infolist()
            if entry.file_size > MAX_BYTES:
                raise BundleError(f"the estimator of the model takes {entry.file_size} bytes; do not use this file")
            schema = json.loads(archive.read(entry))
        found = set(_types(schema))
    except (*ARCHIVE_ERRORS, OSError, ValueError, TypeError, RecursionError):
        raise BundleError("the estimator of the model is no whole skops file; fetch it or train it again") from None
    wrong = sorted((name, node) for name, node in found if name not in PLAIN | set(TRUSTED) or node not in NODES)
    if wrong:
        name, node = wrong[0]
        raise BundleError(
            f"the estimator of the model holds the type {name!r:.80} ({node!r:.40}), which is not trusted; do not use this file"
        )


def unpack_estimator(data: bytes) -> Any:
    """Return the estimator of a skops file that :func:`check_estimator_file` passes; raise BundleError where skops cannot."""
    from skops.io import loads

    check_estimator_file(data)
    try:
        return loads(data, trusted=list(TRUSTED))
    except Exception as error:  # of trusted types, but of a shape that skops did not write: it raises what it runs into
        raise BundleError(
            f"the estimator of the model cannot be made ({type(error).__name__}: {error!s:.80}); train it again"
        ) from None


def _settled(data: bytes) -> bytes:
    """Return a skops file without what differs from one process to the next: addresses in memory, and the time."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        schema = json.loads(archive.read(SCHEMA))
    places: dict[int, int] = {}
    for node in _nodes(schema):
        if "__id__" in node:
            node["__id__"] = places.setdefault(node["__id__"], len(places))
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr(zipfile.ZipInfo(SCHEMA, date_time=EPOCH), json.dumps(schema, separators=(",", ":")))
    return packed.getvalue()


def _types(tree: Any) -> Iterator[tuple[str, str]]:
    """Yield the full name of every type that a skops schema names, with the node that would make it."""
    for node in _nodes(tree):
        if "__loader__" in node or "__class__" in node:
            yield f"{node.get('__module__')}.{node.get('__class__')}", str(node.get("__loader__"))


def _nodes(tree: Any) -> Iterator[dict[str, Any]]:
    if isinstance(tree, dict):
        yield tree
    for item in tree.values() if isinstance(tree, dict) else tree if isinstance(tree, list) else ():
        yield from _nodes(item)
