"""A fitted model as a tree of JSON and a few plain files: arrays as ``.npy``, boosters as UBJSON, long lists of words as JSON.

Only the types listed in ``PARTS`` are ever made from a file, each from exactly its own fields, and making one runs no code of
the file's choosing.
"""

from __future__ import annotations

import io
import json
import math
from collections.abc import Callable
from dataclasses import fields, is_dataclass
from typing import Any

import numpy as np

from ..classifiers import calibrators, heads, parts, word_pools
from ..features import term_weights
from ..features.errors import BundleError
from ..fusion import combination, concatenation, context, fused
from .ubjson import check_booster

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
        context.ContextRule,
        context.ContextModel,
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
MAX_NGRAM = 20
MAX_THREADS = 1024
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
        data = bytes(value.save_raw("ubj"))
        check_booster(data)
        return {"booster": members.keep("boosters", ".ubj", data), "n_threads": int(threads)}
    raise BundleError(f"a {type(value).__name__} cannot be kept in a model file; use the recipes' own classes")


class _Files:
    """The files beside a manifest, each read once however often the tree names it."""

    def __init__(self, members: dict[str, bytes]) -> None:
        self.members = members
        self._read: dict[tuple[str, Any], Any] = {}

    def read(self, name: Any, reader: Callable[..., Any], *given: Any) -> Any:
        """Return what a reader makes of a file."""
        if not isinstance(name, str) or name not in self.members:
            raise BundleError(f"the model names a file {name!r:.80} that it does not hold; fetch it or train it again")
        key = (name, (reader.__name__, *map(repr, given)))
        if key not in self._read:
            self._read[key] = reader(self.members[name], *given)
        return self._read[key]


def from_tree(tree: Any, members: dict[str, bytes]) -> Any:
    """Return what :func:`to_tree` was given.

    Raises
    ------
    BundleError
        A type that is not trusted, fields that it does not have, or a file that is missing or no array.
    """
    return _value(tree, _Files(members), 0)


def _value(tree: Any, files: _Files, depth: int) -> Any:
    if depth > MAX_DEPTH:
        raise BundleError(f"the model's tree is deeper than {MAX_DEPTH}; do not use this file")
    if isinstance(tree, list):
        return tuple(_value(item, files, depth + 1) for item in tree)
    if not isinstance(tree, dict):
        return tree
    if PART in tree:
        return _part(tree, files, depth)
    if set(tree) == {"array", "dtype"}:
        return files.read(tree["array"], _array, tree["dtype"])
    if set(tree) == {"words"}:
        return files.read(tree["words"], _words)
    if set(tree) == {"booster", "n_threads"}:
        return files.read(tree["booster"], _booster, tree["n_threads"])
    if set(tree) == {"number"} and tree["number"] in ("inf", "-inf", "nan"):
        return float(tree["number"])
    raise BundleError(f"the model holds {sorted(map(str, tree))[:4]!s:.80}, which is no part; do not use this file")


def _part(tree: dict[str, Any], files: _Files, depth: int) -> Any:
    made = PARTS.get(tree[PART]) if isinstance(tree[PART], str) else None
    if made is None:
        raise BundleError(f"the model holds the type {tree[PART]!r:.80}, which is not trusted; do not use this file")
    types = {field.name: str(field.type) for field in fields(made)}
    if set(tree) - {PART} != set(types):
        raise BundleError(
            f"part {tree[PART]} has the fields {sorted(types)}, got {sorted(set(tree) - {PART})!s:.120}; train it again"
        )
    values = {name: _value(tree[name], files, depth + 1) for name in types}
    for name, value in values.items():
        if not _fits(value, types[name]):
            raise BundleError(
                f"part {tree[PART]}: {name} must be {types[name]}, got {type(value).__name__}; train it again"
            )
    if made is term_weights.TermWeights and not 1 <= values["ngrams"][0] <= values["ngrams"][1] <= MAX_NGRAM:
        raise BundleError(f"part {tree[PART]}: n-grams of {values['ngrams']} terms; do not use this file")
    return made(**values)


def _fits(value: Any, wanted: str) -> bool:
    """Return whether a value is of the kind that an annotation names; ``Any`` stands for a part."""
    for choice in wanted.split(" | "):
        kind = choice.split("[")[0]
        if kind == "Any":
            return is_dataclass(value) or value is None or type(value).__name__ == "Booster"
        if kind == "tuple" and isinstance(value, tuple):
            inside = choice.removeprefix("tuple[").removesuffix("]")
            if inside.endswith(", ..."):
                return all(_fits(item, inside.removesuffix(", ...")) for item in value)
            kinds = inside.split(", ")
            return len(kinds) == len(value) and all(map(_fits, value, kinds))
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
    if not isinstance(dtype, str) or dtype not in DTYPES:
        raise BundleError(f"the model holds an array of {dtype!r:.80}; numbers are needed")
    packed = io.BytesIO(data)
    try:
        if np.lib.format.read_magic(packed) != (1, 0):
            raise ValueError
        shape, is_fortran, kept = np.lib.format.read_array_header_1_0(packed)
        if str(kept) not in DTYPES or math.prod(shape) * kept.itemsize != len(data) - packed.tell():
            raise ValueError
        array = np.frombuffer(data, kept, offset=packed.tell()).reshape(shape, order="F" if is_fortran else "C")
    except Exception:  # numpy raises whatever the header makes it stumble over
        raise BundleError("an array of the model is none, or of no numbers; do not use this file") from None
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

    if type(n_threads) is not int or not 0 <= n_threads <= MAX_THREADS:
        raise BundleError(
            f"a booster's number of threads must be from 0 to {MAX_THREADS}, got {n_threads!r:.80}; train it again"
        )
    check_booster(data)
    try:
        booster = xgboost.Booster(model_file=bytearray(data))
    except (xgboost.core.XGBoostError, ValueError, TypeError) as error:
        line = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise BundleError(f"a booster of the model cannot be read ({line:.120}); do not use this file") from None
    # What is read from a file starts as many as there are cores. One is enough for the rows of a clip, and more would be a
    # pool of OpenMP's, for which a process that was forked off after the first answer waits for ever.
    booster.set_param({"nthread": 1})
    return booster
