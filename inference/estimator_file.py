"""The unfitted scikit-learn estimator of a bundle as a skops file, of whose types a fixed list is trusted."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Iterator
from typing import Any

from ..features.errors import BundleError

MAX_BYTES = 16 * 1024**2
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

    data: bytes = dumps(clone(estimator))
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
    except (zipfile.BadZipFile, ValueError, TypeError, EOFError, OSError, RuntimeError, NotImplementedError):
        raise BundleError("the estimator of the model is no whole skops file; fetch it or train it again") from None
    wrong = sorted({name for name, node in found if name not in PLAIN | set(TRUSTED) or node not in NODES})
    if wrong:
        raise BundleError(
            f"the estimator of the model holds the type {wrong[0]!r:.100}, which is not trusted; do not use this file"
        )


def unpack_estimator(data: bytes) -> Any:
    """Return the estimator of a skops file that :func:`check_estimator_file` has passed."""
    from skops.io import loads

    check_estimator_file(data)
    return loads(data, trusted=list(TRUSTED))


def _types(tree: Any) -> Iterator[tuple[str, str]]:
    """Yield the full name of every type that a skops schema names, with the node that would make it."""
    if isinstance(tree, list):
        for item in tree:
            yield from _types(item)
    elif isinstance(tree, dict):
        if "__loader__" in tree or "__class__" in tree:
            yield f"{tree.get('__module__')}.{tree.get('__class__')}", str(tree.get("__loader__"))
        for item in tree.values():
            yield from _types(item)
