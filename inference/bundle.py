"""The bundle: a trained model as one small safe file, with all that it takes to use it and to know what it is good for.

A zip of ``manifest.json``, arrays, boosters as UBJSON, and the unfitted scikit-learn estimator as skops, so that its
hyper-parameters survive and it can be trained again. The fitted numbers are no scikit-learn objects: to import it would cost
more time and memory than a prediction may take. Nothing is ever unpickled, and loading runs no code of the file's.
"""

from __future__ import annotations

import hashlib
import json
import os
import platform
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np

from ..features.drift import N_BINS, Reference
from ..features.errors import BundleError
from ..features.extractors import EXTRACTORS
from ..features.text_cleaning import printable
from ..fusion.fused import EarlyModel, FusedModel, LateModel
from .archive import check_seal, read_file, read_members, write_archive
from .estimator_file import check_estimator_file, pack_estimator, unpack_estimator
from .tree import Members, from_tree, to_tree
from .trial import check_answers

SCHEMA = 1
MANIFEST = "manifest.json"
ESTIMATOR = "estimator.skops"
LIBRARIES = ("numpy", "scipy", "scikit-learn", "xgboost-cpu", "xgboost", "opensmile", "dlib-bin", "scikit-image")
# Every field a manifest must have, and its type.
FIELDS: dict[str, type] = {
    "name": str,
    "strategy": str,
    "classes": list,
    "blocks": dict,
    "study": dict,
    "corpus": dict,
    "training": dict,
    "validation": dict,
    "licences": list,
    "versions": dict,
    "speakers": dict,
    "model": dict,
    "members": dict,
}
BLOCK_FIELDS: dict[str, type] = {"extractor": str, "parameters": dict, "kind": str, "source": str, "features": list}
SPREAD = ("columns", "edges", "shares")  # the arrays of a reference
MAX_MANIFEST_BYTES = 64 * 1024**2
MAX_LINE = 280


@dataclass(frozen=True)
class Bundle:
    """What a model file holds.

    Attributes
    ----------
    name : str
        Of the file.
    manifest : dict
    model : FusedModel
    speakers : dict of str to (mean, variance)
        For each block, where the model was trained on speaker-normalised features: the statistics of its training rows.
    n_bytes : int
    estimator_data : bytes
    references : dict of str to Reference
        How each block was spread in training, which a new batch is held against.
    """

    name: str
    manifest: dict[str, Any]
    model: FusedModel
    speakers: dict[str, tuple[Any, Any]]
    n_bytes: int
    estimator_data: bytes
    references: dict[str, Reference] = field(default_factory=dict)

    def estimator(self) -> Any:
        """Return the scikit-learn estimator with its hyper-parameters, not fitted, ready to be trained again."""
        return unpack_estimator(self.estimator_data)


def save_bundle(
    path: str | os.PathLike[str],
    fusion: Any,
    *,
    study: dict[str, Any],
    corpus: dict[str, Any],
    blocks: dict[str, dict[str, Any]],
    strategy: str,
    validation: dict[str, Any],
    training: dict[str, Any],
    licences: list[str],
    speakers: dict[str, tuple[Any, Any]] | None = None,
    references: dict[str, Reference] | None = None,
) -> None:
    """Write a fitted fusion as a bundle.

    Parameters
    ----------
    path : path
        Written whole or not at all.
    fusion : fitted LateFusion, EarlyFusion or HybridFusion
    study : dict
        The resolved study.
    corpus : dict
        Name, title and licence of what it was trained on.
    blocks : dict of str to dict
        For each block ``extractor``, ``parameters``, ``kind``, ``source`` (the column of a sample table that it reads, or the
        block's own name where ready numbers are given) and ``features`` (their names, in order).
    strategy : str
    validation, training : dict
        How good it is, by which protocol; what it was trained on.
    licences : list of str
        What a user must be told.
    speakers : dict of str to (mean, variance), optional
    references : dict of str to Reference, optional
        See :class:`Bundle`.

    Raises
    ------
    BundleError
        The file cannot be written, or the fusion holds estimators that are not of the recipes.
    """
    try:
        model = fusion.fused_model()
    except TypeError as error:
        raise BundleError(str(error)) from None
    for name, about in blocks.items():
        _check_block(name, about)
    members = Members()
    tree = to_tree(model, members)
    statistics = {
        name: [to_tree(np.asarray(item), members) for item in pair] for name, pair in (speakers or {}).items()
    }
    spread = {
        name: {part: to_tree(np.asarray(getattr(own, part)), members) for part in SPREAD} | {"n_rows": own.n_rows}
        for name, own in (references or {}).items()
    }
    files = {ESTIMATOR: pack_estimator(fusion), **members}
    manifest = {
        "schema": SCHEMA,
        "name": study["name"],
        "strategy": strategy,
        "classes": fusion.classes_.tolist(),
        "blocks": blocks,
        "validation": validation,
        "training": training,
        "corpus": corpus,
        "licences": licences,
        "versions": {"python": platform.python_version()} | _versions(("emofuse", *LIBRARIES)),
        "study": study,
        "speakers": statistics,
        "references": spread,
        "model": tree,
        "members": {name: {"sha256": _sha256(data), "bytes": len(data)} for name, data in files.items()},
    }
    text = json.dumps(manifest, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    write_archive(Path(path), {MANIFEST: text.encode(), **files})


def load_bundle(path: str | os.PathLike[str]) -> Bundle:
    """Read a bundle.

    Raises
    ------
    BundleError
        One line, for: no such file, no zip, truncated, encrypted, a member that leads out of it, more bytes than a model has,
        an unknown schema or a newer one, a member that is missing, unlisted or whose hash differs, a type that is not trusted,
        and any byte that is not as it was written.
    """
    try:
        return _read(Path(path).name, read_file(Path(path)))
    except BundleError as error:  # a name that the file brought may hold anything
        text = printable(" ".join(str(error).split()))
        raise BundleError(text if len(text) <= MAX_LINE else f"{text[:MAX_LINE]} …") from None


def _read(name: str, data: bytes) -> Bundle:
    members = read_members(data, name)
    manifest = _manifest(members.pop(MANIFEST, None), name)
    _check_hashes(members, manifest["members"], name)
    check_seal(data, name)
    if ESTIMATOR not in members:
        raise BundleError(f"{name!r} holds no {ESTIMATOR}; train it again")
    check_estimator_file(members[ESTIMATOR])
    model = from_tree(manifest["model"], members)
    if not isinstance(model, (EarlyModel, LateModel)):
        raise BundleError(f"{name!r} holds no fusion but a {type(model).__name__}; train it again")
    blocks = manifest["blocks"]
    speakers = {
        block: _statistics(block, from_tree(pair, members), blocks) for block, pair in manifest["speakers"].items()
    }
    references = {
        block: _reference(block, about, members, blocks)
        for block, about in _of(manifest.get("references", {}), dict, "references").items()
    }
    check_answers(model, blocks, len(manifest["classes"]))
    return Bundle(name, manifest, model, speakers, len(data), members[ESTIMATOR], references)


def _manifest(data: bytes | None, name: str) -> dict[str, Any]:
    """Return the manifest after checks that it is one that this version can read."""
    if data is None:
        raise BundleError(f"{name!r} holds no {MANIFEST}: it is no emofuse model")
    if len(data) > MAX_MANIFEST_BYTES:
        raise BundleError(f"the manifest of {name!r} takes {len(data)} bytes; do not use this file")
    try:
        manifest = json.loads(data, parse_constant=_no_number)
    except (ValueError, RecursionError):
        raise BundleError(f"the manifest of {name!r} is no JSON; fetch the file or train it again") from None
    schema = _of(manifest, dict, "manifest").get("schema")
    if type(schema) is not int or schema < 1:
        raise BundleError(f"{name!r} has the schema {schema!r:.40}, which is not known; train it again")
    if schema > SCHEMA:
        made_by = manifest.get("versions", {})
        newer = made_by.get("emofuse", "newer") if isinstance(made_by, dict) else "newer"
        raise BundleError(
            f"{name!r} was written by a newer emofuse ({newer!s:.20}, schema {schema}; this one reads {SCHEMA}); update emofuse"
        )
    for key, kind in FIELDS.items():
        _of(manifest.get(key), kind, f"{key} in the manifest of {name!r}")
    if len(manifest["classes"]) < 1 or not all(isinstance(label, (str, int, bool)) for label in manifest["classes"]):
        raise BundleError(f"the classes of {name!r} are no labels; train it again")
    if len(set(map(str, manifest["classes"]))) < len(manifest["classes"]):
        raise BundleError(f"two classes of {name!r} have one name; train it again")
    for block, about in manifest["blocks"].items():
        _check_block(block, about)
    return dict(manifest)


def _check_block(block: str, about: Any) -> None:
    """Refuse a description of a block that could not be measured, or that would be measured with a file named in it."""
    what = f"of block {block!r:.40}"
    for key, kind in BLOCK_FIELDS.items():
        _of(_of(about, dict, f"the description {what}").get(key), kind, f"{key} {what}")
    if not about["features"] or not all(isinstance(feature, str) for feature in about["features"]):
        raise BundleError(f"the features {what} are no names; train it again")
    if len(set(about["features"])) < len(about["features"]):
        raise BundleError(f"two features {what} have one name; train it again")
    if about["extractor"] not in ("table", "text", *EXTRACTORS):
        raise BundleError(
            f"block {block!r:.40} is measured by {about['extractor']!r:.40}, which this version has not; update emofuse"
        )
    if about["parameters"].get("predictor_path") is not None:
        raise BundleError(f"the parameters {what} name a file of their own; a model file cannot bring it")


def _statistics(block: str, found: Any, blocks: dict[str, Any]) -> tuple[Any, Any]:
    """Return mean and variance of a block's training rows after a look at them."""
    wanted = (len(blocks[block]["features"]),) if block in blocks else None
    if not isinstance(found, tuple) or [getattr(item, "shape", None) for item in found] != [wanted, wanted]:
        raise BundleError(f"the speakers' statistics of block {block!r:.40} do not fit it; train it again")
    if not all(np.isfinite(item).all() for item in found) or (found[1] < 0).any():
        raise BundleError(f"the speakers' statistics of block {block!r:.40} are no mean and variance; train it again")
    return found[0], found[1]


def _reference(block: str, about: Any, members: dict[str, bytes], blocks: dict[str, Any]) -> Reference:
    """Return how a block was spread in training after a look at it."""
    what = f"the reference of block {block!r:.40}"
    n_rows = _of(_of(about, dict, what).get("n_rows"), int, what)
    if block not in blocks:
        raise BundleError(f"{what}: there is no block of that name; train it again")
    columns, edges, shares = (from_tree(about.get(part), members) for part in SPREAD)
    arrays = all(isinstance(item, np.ndarray) and np.isfinite(item).all() for item in (columns, edges, shares))
    if not arrays or columns.ndim != 1 or columns.dtype.kind != "i" or n_rows < 1:
        raise BundleError(f"{what} is none; train it again")
    if edges.shape != (len(columns), N_BINS - 1) or shares.shape != (len(columns), N_BINS + 1):
        raise BundleError(f"{what} does not fit together; train it again")
    # A text is compared by its counts, whose number is no matter of the file's.
    last = np.inf if blocks[block]["extractor"] == "text" else len(blocks[block]["features"]) - 1
    if (
        not len(columns)
        or columns.min() < 0
        or columns.max() > last
        or (shares < 0).any()
        or (np.diff(edges, axis=1) < 0).any()
    ):
        raise BundleError(f"{what} holds numbers that are no shares and edges; train it again")
    return Reference(columns, edges, shares, n_rows)


def _no_number(text: str) -> None:
    raise ValueError(text)


def _of(value: Any, kind: type, what: str) -> Any:
    if not isinstance(value, kind):
        raise BundleError(f"{what} must be {kind.__name__}, got {type(value).__name__}; do not use this file")
    return value


def _check_hashes(members: dict[str, bytes], listed: dict[str, Any], name: str) -> None:
    missing, unlisted = sorted(set(listed) - set(members)), sorted(set(members) - set(listed))
    if missing or unlisted:
        raise BundleError(
            f"{name!r} lacks {missing[:3]!s:.80} and holds {unlisted[:3]!s:.80} beside what its manifest lists; fetch it again"
        )
    for member, data in members.items():
        entry = _of(listed[member], dict, f"the entry of {member!r:.80}")
        if entry.get("bytes") != len(data) or entry.get("sha256") != _sha256(data):
            raise BundleError(
                f"member {member!r:.80} of {name!r} is not what its manifest says (SHA-256 differs); fetch it again"
            )


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _versions(names: tuple[str, ...]) -> dict[str, str]:
    found = {}
    for name in names:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found
