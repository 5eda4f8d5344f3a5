"""What a booster's file says, checked before XGBoost reads it: its own reader takes what it is given, and can crash the process.

Universal Binary JSON as XGBoost writes it [1]_, and the checks that make a forest of it: every child is a node of its tree and
stands below one parent, every split is on a column that there is, every number that answers is finite.

References
----------
.. [1] https://xgboost.readthedocs.io/en/stable/tutorials/saving_model.html
"""

from __future__ import annotations

import re
import struct
from typing import Any

import numpy as np

from ..features.errors import BundleError

Array = Any
NUMBERS = {b"i": "i1", b"U": "u1", b"I": ">i2", b"l": ">i4", b"L": ">i8", b"d": ">f4", b"D": ">f8"}
MAX_DEPTH = 12  # of objects within objects; a booster has 7
MAX_TREE_DEPTH = 32
OBJECTIVES = frozenset(["multi:softprob", "binary:logistic"])
LEARNER = frozenset(
    ["attributes", "feature_names", "feature_types", "gradient_booster", "learner_model_param", "objective"]
)
MODEL = frozenset(["cats", "gbtree_model_param", "iteration_indptr", "tree_info", "trees"])
# One entry a node, and of what kind: (i)ntegers or (f)loats.
NODES = {
    "base_weights": "f",
    "default_left": "i",
    "left_children": "i",
    "loss_changes": "f",
    "parents": "i",
    "right_children": "i",
    "split_conditions": "f",
    "split_indices": "i",
    "split_type": "i",
    "sum_hessian": "f",
}
CATEGORIES = ("categories", "categories_nodes", "categories_segments", "categories_sizes")
TREE = frozenset([*NODES, *CATEGORIES, "id", "tree_param"])
NONE = -1  # the child of a leaf


def check_booster(data: bytes) -> None:
    """Refuse a booster that XGBoost did not write, or one of another kind than the recipes' own.

    Parameters
    ----------
    data : bytes
        UBJSON.

    Raises
    ------
    BundleError
    """
    try:
        _check_learner(read_ubjson(data))
    except (KeyError, IndexError, TypeError, AttributeError, ValueError, OverflowError, struct.error) as error:
        raise BundleError(
            f"a booster of the model is none that XGBoost wrote ({type(error).__name__}: {error!s:.80}); do not use this file"
        ) from None


def read_ubjson(data: bytes) -> Any:
    """Return what UBJSON holds: objects as dict, arrays of numbers as ndarray, other arrays as list.

    Raises
    ------
    ValueError, struct.error
        It is cut short or goes on too long, names a key twice, or has a type that XGBoost does not write.
    """
    value, place = _value(data, 0, 0)
    if place != len(data):
        raise ValueError(f"{len(data) - place} bytes too many")
    return value


def _value(data: bytes, place: int, depth: int) -> tuple[Any, int]:
    marker, place = data[place : place + 1], place + 1
    if marker == b"{":
        return _object(data, place, depth + 1)
    if marker == b"[":
        return _array(data, place, depth + 1)
    if marker == b"S":
        return _text(data, place)
    if marker in NUMBERS:
        kind = np.dtype(NUMBERS[marker])
        number = np.frombuffer(_cut(data, place, kind.itemsize), kind)[0]
        return number.item(), place + kind.itemsize
    raise ValueError(f"unknown type {marker!r}")


def _object(data: bytes, place: int, depth: int) -> tuple[dict[str, Any], int]:
    if depth > MAX_DEPTH:
        raise ValueError("objects within objects")
    found: dict[str, Any] = {}
    while data[place : place + 1] != b"}":
        key, place = _text(data, place)
        if key in found:
            raise ValueError(f"{key!r} twice")
        found[key], place = _value(data, place, depth)
    return found, place + 1


def _array(data: bytes, place: int, depth: int) -> tuple[Any, int]:
    if depth > MAX_DEPTH:
        raise ValueError("arrays within arrays")
    marker = None
    if data[place : place + 1] == b"$":
        marker, place = data[place + 1 : place + 2], place + 2
    if data[place : place + 1] != b"#":
        raise ValueError("an array without a length")
    count, place = _length(data, place + 1)
    if marker is None:
        items = []
        for _ in range(count):
            item, place = _value(data, place, depth)
            items.append(item)
        return items, place
    kind = np.dtype(NUMBERS[marker])
    return np.frombuffer(_cut(data, place, count * kind.itemsize), kind), place + count * kind.itemsize


def _text(data: bytes, place: int) -> tuple[str, int]:
    length, place = _length(data, place)
    return _cut(data, place, length).decode(), place + length


def _length(data: bytes, place: int) -> tuple[int, int]:
    if data[place : place + 1] != b"L":
        raise ValueError("a length that is no L")
    (length,) = struct.unpack_from(">q", data, place + 1)
    if not 0 <= length <= len(data):
        raise ValueError(f"a length of {length}")
    return length, place + 9


def _cut(data: bytes, place: int, length: int) -> bytes:
    if place + length > len(data):
        raise ValueError("cut short")
    return data[place : place + length]


def _check_learner(document: Any) -> None:
    _need(set(document) == {"learner", "version"}, "keys")
    learner = document["learner"]
    _need(set(learner) == LEARNER, "keys of the learner")
    _need(not (learner["attributes"] or len(learner["feature_names"]) or len(learner["feature_types"])), "attributes")
    parameters, objective = learner["learner_model_param"], learner["objective"]
    _need(objective["name"] in OBJECTIVES, "objective")
    n_classes, n_columns = _whole(parameters["num_class"]), _whole(parameters["num_feature"])
    for own in (value for name, value in objective.items() if name != "name"):
        _need(own.get("num_class", parameters["num_class"]) == parameters["num_class"], "number of classes")
        _need(own.get("scale_pos_weight", "1") == "1", "weight of a class")
    _need((n_classes == 0) == (objective["name"] == "binary:logistic") and n_columns > 0, "number of classes")
    _need(parameters["num_target"] == "1" and parameters["boost_from_average"] in ("0", "1"), "targets")
    scores = _scores(parameters["base_score"])
    _need(len(scores) in (1, max(n_classes, 1)) and bool(np.isfinite(scores).all()), "base score")
    # Of two classes it is a probability, which XGBoost says only when it is asked.
    _need(n_classes > 0 or 0 < scores[0] < 1, "base score of two classes")
    booster = learner["gradient_booster"]
    _need(set(booster) == {"model", "name"} and booster["name"] == "gbtree", "kind of booster")
    _check_forest(booster["model"], max(n_classes, 1), n_columns)


def _check_forest(model: Any, n_groups: int, n_columns: int) -> None:
    """Check all trees at once: what one tree would take would add up over thousands."""
    _need(set(model) == MODEL, "keys of the forest")
    _need(not any(len(of_columns) for of_columns in model["cats"].values()), "categories")
    trees = model["trees"]
    _need(_whole(model["gbtree_model_param"]["num_trees"]) == len(trees), "number of trees")
    _need(model["gbtree_model_param"]["num_parallel_tree"] == "1", "parallel trees")
    rounds = np.arange(0, len(trees) + 1, n_groups)
    _need(len(trees) > 0 and list(model["iteration_indptr"]) == rounds.tolist(), "rounds")
    _need(list(model["tree_info"]) == list(range(n_groups)) * (len(rounds) - 1), "classes of trees")
    for number, tree in enumerate(trees):
        _need(set(tree) == TREE and tree["id"] == number, "keys of a tree")
        _need(not any(len(tree[name]) for name in CATEGORIES), "categories")
        own = tree["tree_param"]
        sizes = {len(tree[name]) for name in NODES}
        _need(sizes == {_whole(own["num_nodes"])} and sizes != {0}, "number of nodes")
        _need(_whole(own["num_feature"]) == n_columns and own["size_leaf_vector"] in ("0", "1"), "columns of a tree")
        _need(_whole(own["num_deleted"]) == 0, "deleted nodes")
    nodes = {name: np.concatenate([tree[name] for tree in trees]) for name in NODES}
    _need(all((values.dtype.kind in "iu") == (NODES[name] == "i") for name, values in nodes.items()), "type of nodes")
    _check_nodes(nodes, np.array([len(tree["parents"]) for tree in trees]), n_columns)


def _check_nodes(nodes: dict[str, Array], sizes: Array, n_columns: int) -> None:
    firsts = np.cumsum(sizes) - sizes
    first, size = np.repeat(firsts, sizes), np.repeat(sizes, sizes)
    left, right = nodes["left_children"].astype(np.int64), nodes["right_children"].astype(np.int64)
    inner = left != NONE
    _need(np.array_equal(inner, right != NONE), "children")
    both = np.concatenate([left[inner], right[inner]])
    _need(bool(np.all((both > 0) & (both < np.tile(size[inner], 2)))), "children")
    children = both + np.tile(first[inner], 2)
    # Each node but the roots has exactly one parent, and says which.
    _need(len(np.unique(children)) == len(children) == len(first) - len(sizes), "children")
    parents = nodes["parents"].astype(np.int64) + first
    _need(np.array_equal(parents[children], np.tile(np.flatnonzero(inner), 2)), "parents")
    level, depth = firsts, 0
    n_seen = 0
    while len(level):
        n_seen, depth = n_seen + len(level), depth + 1
        _need(depth <= MAX_TREE_DEPTH, "depth")
        above = level[inner[level]]
        level = np.concatenate([left[above], right[above]]) + np.tile(first[above], 2)
    _need(n_seen == len(first), "nodes apart from the tree")
    split_on = nodes["split_indices"].astype(np.int64)[inner]
    _need(bool(np.all((split_on >= 0) & (split_on < n_columns))), "columns of splits")
    _need(not nodes["split_type"].any() and set(np.unique(nodes["default_left"])) <= {0, 1}, "kinds of splits")
    _need(bool(np.isfinite(nodes["split_conditions"][~inner]).all()), "numbers of leaves")
    _need(not any(np.isnan(values).any() for name, values in nodes.items() if NODES[name] == "f"), "numbers of nodes")


def _whole(text: Any) -> int:
    if not isinstance(text, str) or not re.fullmatch("[0-9]{1,9}", text):
        raise ValueError(f"a number {text!r:.20}")
    return int(text)


def _scores(text: str) -> list[float]:
    return [float(part) for part in text.strip("[]").split(",")] if re.fullmatch(r"\[?[0-9.,E+-]+\]?", text) else []


def _need(right: bool, what: str) -> None:
    if not right:
        raise ValueError(what)
