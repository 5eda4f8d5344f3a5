"""A fitted model as a tree of JSON and a few plain files: arrays as ``.npy``, boosters as UBJSON, long lists of words as JSON.

Only the types listed in ``PARTS`` are ever made from a file, each from exactly its own fields, and making one runs no code of
the file's choosing.
"""

from __future__ import annotations

import io
import json
import math
from dataclasses import fields, is_dataclass
from typing import Any

import numpy as np

from ..classifiers import calibrators, heads, parts, word_pools
from ..features import term_weights
from ..features.errors import BundleError
from ..fusion import combination, concatenation, fused

PARTS: dict[str, type[Any]] = {
    made.__name__: made
    for made in (
        parts.Chain,
        parts.Standardised,
        parts.NormalQuantiles,
        parts.KeptColumns,
        parts.Directions,
        parts.DiscriminantScores,
        parts.LatentScores,
        parts.LogOfShares,
        parts.KernelColumns,
        word_pools.WordPools,
        heads.ConstantHead,
        heads.LinearHead,
        heads.OneVersusRestHead,
        heads.KernelHead,
        heads.TreesHead,
        heads.SharesHead,
        calibrators.Unchanged,
        calibrators.Temperature,
        calibrators.Sigmoid,
        calibrators.Isotonic,
        term_weights.TextWeights,
        term_weights.TermWeights,
        term_weights.CountWeights,
        concatenation.Concatenation,
        combination.Meta,
        combination.Combination,
        fused.Known,
        fused.BlockExpert,
        fused.EarlyModel,
        fused.LateModel,
    )
}
MANY_WORDS = 100  # a longer list gets a file of its own
DTYPES = frozenset(
    ["float16", "float32", "float64", "bool", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64"]
)
MAX_DEPTH = 40
PART = "__part__"  # the key of the type among those of its fields


class Members(dict[str, bytes]):
    """The files beside the manifest, by name; what is equal is kept once."""

    def __init__(self) -> None:
        super().__init__()
        self._names: dict[bytes, str] = {}

    def keep(self, folder: str, suffix: str, data: bytes) -> str:
        """Return the name under which a file is kept."""
        name = self._names.setdefault(data, f"{folder}/{len(self):04d}{suffix}")
        self[name] = data
        return name


def to_tree(value: Any, members: Members) -> Any:
    """Return a model, or a piece of one, as JSON; what JSON cannot hold goes into ``members``.

    Raises
    ------
    BundleError
        Something that is no part, such as a classifier of another library.
    """
    if is_dataclass(value) and not isinstance(value, type):
        if PARTS.get(type(value).__name__) is not type(value):
            raise BundleError(f"{type(value).__name__} cannot be kept in a model file; use the parts that come with it")
        own = {field.name: to_tree(getattr(value, field.name), members) for field in fields(value)}
        return {PART: type(value).__name__} | own
    if isinstance(value, np.ndarray):
        return {"array": members.keep("arrays", ".npy", _packed(value)), "dtype": str(value.dtype)}
    if isinstance(value, tuple):
        if len(value) > MANY_WORDS and all(isinstance(item, str) for item in value):
            return {"words": members.keep("words", ".json", json.dumps(value, ensure_ascii=False).encode())}
        return [to_tree(item, members) for item in value]
    if isinstance(value, np.generic):
        return to_tree(value.item(), members)
    if isinstance(value, float) and not math.isfinite(value):
        return {"number": str(value)}
    if value is None or isinstance(value, (str, bool, int, float)):
        return value
    if type(value).__name__ == "Booster":
        threads = json.loads(value.save_config())["learner"]["generic_param"]["nthread"]
        return {"booster": members.keep("boosters", ".ubj", bytes(value.save_raw("ubj"))), "n_threads": int(threads)}
    raise BundleError(f"a {type(value).__name__} cannot be kept in a model file; use the recipes' own classes")


def from_tree(tree: Any, members: dict[str, bytes], depth: int = 0) -> Any:
    """Return what :func:`to_tree` was given.

    Raises
    ------
    BundleError
        A type that is not trusted, fields that it does not have, or a file that is missing or no array.
    """
    if depth > MAX_DEPTH:
        raise BundleError(f"the model's tree is deeper than {MAX_DEPTH}; do not use this file")
    if isinstance(tree, list):
        return tuple(from_tree(item, members, depth + 1) for item in tree)
    if not isinstance(tree, dict):
        return tree
    if PART in tree:
        return _part(tree, members, depth)
    if set(tree) == {"array", "dtype"}:
        return _array(_content(tree["array"], members), tree["dtype"])
    if set(tree) == {"words"}:
        return _words(_content(tree["words"], members))
    if set(tree) == {"booster", "n_threads"}:
        return _booster(_content(tree["booster"], members), tree["n_threads"])
    if set(tree) == {"number"} and tree["number"] in ("inf", "-inf", "nan"):
        return float(tree["number"])
    raise BundleError(f"the model holds {sorted(map(str, tree))[:4]}, which is no part; do not use this file")


def _part(tree: dict[str, Any], members: dict[str, bytes], depth: int) -> Any:
    made = PARTS.get(tree[PART]) if isinstance(tree[PART], str) else None
    if made is None:
        raise BundleError(f"the model holds the type {tree[PART]!r:.80}, which is not trusted; do not use this file")
    types = {field.name: str(field.type) for field in fields(made)}
    if set(tree) - {PART} != set(types):
        raise BundleError(
            f"part {tree[PART]} has the fields {sorted(types)}, got {sorted(set(tree) - {'part'})[:12]}"
        )
    values = {name: from_tree(tree[name], members, depth + 1) for name in types}
    for name, value in values.items():
        if not _fits(value, types[name]):
            raise BundleError(f"part {tree[PART]}: {name} must be {types[name]}, got {type(value).__name__}")
    return made(**values)


def _fits(value: Any, wanted: str) -> bool:
    """Return whether a value is of the kind that an annotation names; ``Any`` stands for a part."""
    for choice in wanted.split(" | "):
        kind = choice.split("[")[0]
        if kind == "Any":
            return is_dataclass(value) or value is None or type(value).__name__ == "Booster"
        if kind == "tuple" and isinstance(value, tuple):
            inside = choice.removeprefix("tuple[").removesuffix("]").removesuffix(", ...")
            return all(_fits(item, inside) for item in value) if "," not in inside else True
        if kind.endswith("Array") and isinstance(value, np.ndarray):
            return True
        if kind == "float" and isinstance(value, (int, float)) and not isinstance(value, bool):
            return True
        if kind == "None" and value is None:
            return True
        if kind in ("str", "int", "bool") and type(value).__name__ == kind:
            return True
        if kind in PARTS and isinstance(value, PARTS[kind]):
            return True
    return False


def _content(name: Any, members: dict[str, bytes]) -> bytes:
    if not isinstance(name, str) or name not in members:
        raise BundleError(f"the model names a file {name!r:.80} that it does not hold; fetch it or train it again")
    return members[name]


def _packed(array: np.ndarray[Any, Any]) -> bytes:
    """Return an array as ``.npy`` in the narrowest type that loses nothing of it."""
    narrow = array
    if array.dtype in (np.float64, np.float32):
        with np.errstate(over="ignore"):
            for dtype in (np.float16, np.float32):
                if np.array_equal(array.astype(dtype).astype(array.dtype), array, equal_nan=True):
                    narrow = array.astype(dtype)
                    break
    elif array.dtype.kind in "iu" and array.size:
        narrow = array.astype(np.result_type(np.min_scalar_type(array.min()), np.min_scalar_type(array.max())))
    if str(narrow.dtype) not in DTYPES:
        raise BundleError(f"an array of {array.dtype} cannot be kept in a model file; numbers are needed")
    packed = io.BytesIO()
    np.lib.format.write_array(packed, narrow, allow_pickle=False)
    return packed.getvalue()


def _array(data: bytes, dtype: Any) -> np.ndarray[Any, Any]:
    if dtype not in DTYPES:
        raise BundleError(f"the model holds an array of {dtype!r:.80}; numbers are needed")
    try:
        array = np.lib.format.read_array(io.BytesIO(data), allow_pickle=False)
    except Exception as error:  # numpy's reader raises whatever its header makes it stumble over
        raise BundleError(
            f"an array of the model cannot be read ({type(error).__name__}); do not use this file"
        ) from None
    if str(array.dtype) not in DTYPES:
        raise BundleError(f"the model holds an array of {array.dtype}; numbers are needed")
    wide: np.ndarray[Any, Any] = array.astype(dtype)
    wide.flags.writeable = False
    return wide


def _words(data: bytes) -> tuple[str, ...]:
    try:
        words = json.loads(data)
    except (ValueError, RecursionError):
        words = None
    if not isinstance(words, list) or not all(isinstance(word, str) for word in words):
        raise BundleError("a list of words of the model is none; do not use this file")
    return tuple(words)


def _booster(data: bytes, n_threads: Any) -> Any:
    import xgboost

    if type(n_threads) is not int or n_threads < 0:
        raise BundleError(f"a booster's number of threads must be a whole number, got {n_threads!r:.80}")
    try:
        booster = xgboost.Booster(model_file=bytearray(data))
    except (xgboost.core.XGBoostError, ValueError, TypeError) as error:
        line = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise BundleError(f"a booster of the model cannot be read ({line:.120}); do not use this file") from None
    booster.set_param({"nthread": n_threads})  # what is read from a file starts as many as there are cores
    return booster
