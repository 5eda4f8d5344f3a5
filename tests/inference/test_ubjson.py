"""Boosters: what XGBoost wrote passes, and what would make it read beyond its trees is refused before it reads."""

from __future__ import annotations

import json
import struct

import numpy as np
import pytest
import xgboost
from emofuse.features.errors import BundleError
from emofuse.inference.ubjson import check_booster, read_ubjson

MARKERS = {">i4": b"l", ">f4": b"d", "|u1": b"U", "|i1": b"i", ">i8": b"L", ">f8": b"D", ">i2": b"I"}


def boosted(n_classes=3, **parameters):
    random = np.random.default_rng(0)
    X = random.normal(size=(120, 6)).astype(np.float32)
    X[::7, 2] = np.nan
    y = np.arange(120) % n_classes
    X[:, 0] += y
    kind = (
        {"objective": "multi:softprob", "num_class": n_classes} if n_classes > 2 else {"objective": "binary:logistic"}
    )
    given = {**kind, "tree_method": "hist", "verbosity": 0, "nthread": 1} | parameters
    return xgboost.train(given, xgboost.DMatrix(X, y), 3)


def packed(value):
    """Return a value as UBJSON, as XGBoost writes it."""
    if isinstance(value, dict):
        inside = b"".join(_text(key) + packed(item) for key, item in value.items())
        return b"{" + inside + b"}"
    if isinstance(value, str):
        return b"S" + _text(value)
    if isinstance(value, np.ndarray):
        return b"[$" + MARKERS[value.dtype.str] + b"#" + _length(len(value)) + value.tobytes()
    if isinstance(value, list):
        return b"[#" + _length(len(value)) + b"".join(map(packed, value))
    return b"L" + struct.pack(">q", value)


def _text(text):
    return _length(len(text.encode())) + text.encode()


def _length(number):
    return b"L" + struct.pack(">q", number)


@pytest.fixture
def document():
    """A whole booster as objects and arrays."""
    return read_ubjson(bytes(boosted().save_raw("ubj")))


def model_of(document):
    return document["learner"]["gradient_booster"]["model"]


@pytest.mark.parametrize(
    "parameters",
    [
        {},
        {"max_depth": 1},
        {"max_depth": 8},
        {"gamma": 5.0},
        {"min_child_weight": 1e9},
        {"max_depth": 0, "max_leaves": 20, "grow_policy": "lossguide"},
        {"n_classes": 2},
        {"n_classes": 9},
    ],
    ids=str,
)
def test_what_was_trained_passes(parameters):
    check_booster(bytes(boosted(**parameters).save_raw("ubj")))


@pytest.mark.parametrize("score", ["0E0", "1E0", "[-5E-1]", "[2]"])
def test_a_score_of_two_classes_that_is_no_probability_is_refused(score):
    document = read_ubjson(bytes(boosted(n_classes=2).save_raw("ubj")))
    document["learner"]["learner_model_param"]["base_score"] = score
    with pytest.raises(BundleError, match="base score of two classes"):
        check_booster(packed(document))


def test_what_is_read_is_what_xgboost_says_in_json(document):
    expected = json.loads(bytes(boosted().save_raw("json")))

    def same(found, wanted):
        if isinstance(wanted, dict):
            assert list(found) == list(wanted)
            for key in wanted:
                same(found[key], wanted[key])
        elif isinstance(wanted, list) and not isinstance(found, list):
            np.testing.assert_allclose(found, wanted, rtol=1e-6)
        elif isinstance(wanted, list):
            assert len(found) == len(wanted)
            for one, other in zip(found, wanted, strict=True):
                same(one, other)
        else:
            assert found == wanted

    same(document, expected)
    check_booster(packed(document))  # or what is changed below would be refused for being packed otherwise


@pytest.mark.parametrize(
    ("field", "node", "value"),
    [
        ("left_children", 0, 10_000),
        ("left_children", 0, 0),
        ("left_children", 0, -5),
        ("left_children", 0, 2),
        ("right_children", 0, 2**31 - 1),
        ("right_children", 0, -1),
        ("left_children", 1, 0),
        ("left_children", -1, 1),
        ("parents", 1, 2),
        ("parents", 1, 2**31 - 1),
        ("split_indices", 0, 6),
        ("split_indices", 0, -1),
        ("split_type", 0, 1),
        ("default_left", 0, 2),
        ("split_conditions", -1, np.nan),
        ("split_conditions", -1, np.inf),
        ("sum_hessian", 0, np.nan),
    ],
)
def test_a_tree_that_is_none_is_refused(document, field, node, value):
    tree = model_of(document)["trees"][4]
    tree[field] = tree[field].copy()
    tree[field][node] = np.array(value).astype(tree[field].dtype)
    with pytest.raises(BundleError, match="none that XGBoost wrote"):
        check_booster(packed(document))


def test_a_circle_apart_from_the_root_is_refused(document):
    """Every node has one parent, and the root's left child is its own: what is below it hangs on the root instead."""
    trees = model_of(document)["trees"]
    tree = next(tree for tree in trees if tree["left_children"][tree["left_children"][0]] != -1)
    for name in ("left_children", "parents"):
        tree[name] = tree[name].copy()
    first = tree["left_children"][0]
    below = tree["left_children"][first]
    tree["left_children"][0], tree["parents"][below] = below, 0
    tree["left_children"][first], tree["parents"][first] = first, first
    with pytest.raises(BundleError, match="nodes apart from the tree"):
        check_booster(packed(document))


def test_a_tree_too_deep_is_refused(document):
    depth = 40
    inner = np.arange(0, 2 * depth, 2)
    left, right = np.full(2 * depth + 1, -1), np.full(2 * depth + 1, -1)
    left[inner], right[inner] = inner + 1, inner + 2
    parents = np.full(2 * depth + 1, 2**31 - 1)
    parents[left[inner]] = parents[right[inner]] = inner
    tree = model_of(document)["trees"][0]
    for name, values in tree.items():
        if isinstance(values, np.ndarray) and len(values):
            tree[name] = np.zeros(2 * depth + 1, dtype=values.dtype)
    for name, values in {"left_children": left, "right_children": right, "parents": parents}.items():
        tree[name] = values.astype(tree[name].dtype)
    tree["tree_param"]["num_nodes"] = str(2 * depth + 1)
    with pytest.raises(BundleError, match="depth"):
        check_booster(packed(document))


@pytest.mark.parametrize(
    "change",
    [
        lambda document: document.update(more=1),
        lambda document: document["learner"].update(attributes={"a": "b"}),
        lambda document: document["learner"].update(feature_names=["a"]),
        lambda document: document["learner"]["objective"].update(name="reg:quantileerror"),
        lambda document: document["learner"]["objective"]["softmax_multiclass_param"].update(num_class="4"),
        lambda document: document["learner"]["learner_model_param"].update(num_class="4"),
        lambda document: document["learner"]["learner_model_param"].update(num_class="-3"),
        lambda document: document["learner"]["learner_model_param"].update(num_feature="2"),
        lambda document: document["learner"]["learner_model_param"].update(num_target="2"),
        lambda document: document["learner"]["learner_model_param"].update(base_score="[1E999,0,0]"),
        lambda document: document["learner"]["learner_model_param"].update(base_score="[0,0]"),
        lambda document: document["learner"]["learner_model_param"].update(base_score="nan"),
        lambda document: document["learner"]["gradient_booster"].update(name="dart"),
        lambda document: model_of(document).update(trees=[]),
        lambda document: model_of(document)["trees"].pop(),
        lambda document: model_of(document)["trees"].reverse(),
        lambda document: model_of(document).update(tree_info=[0] * 9),
        lambda document: model_of(document).update(iteration_indptr=[0, 9]),
        lambda document: model_of(document)["gbtree_model_param"].update(num_parallel_tree="3"),
        lambda document: model_of(document)["trees"][0]["tree_param"].update(num_nodes="1"),
        lambda document: model_of(document)["trees"][0]["tree_param"].update(size_leaf_vector="3"),
        lambda document: model_of(document)["trees"][0].update(parents=[1, 2]),
        lambda document: model_of(document)["trees"][0].update(parents="abc"),
        lambda document: model_of(document)["trees"][0].update(categories=np.ones(3, dtype=">i4")),
        lambda document: model_of(document)["trees"][0].pop("parents"),
        lambda document: document.update(learner=[1]),
        lambda document: document.update(learner="x"),
    ],
)
def test_a_forest_that_is_none_is_refused(document, change):
    change(document)
    with pytest.raises(BundleError, match="none that XGBoost wrote"):
        check_booster(packed(document))


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"{",
        b"[",
        b"{}",
        b"Z",
        b"{}x",
        b"[#L" + bytes(8),
        b"[#L" + b"\x7f" + b"\xff" * 7,
        b"[$d#L" + b"\x00\x00\x00\x10" + bytes(4),
        b"[$S#L" + bytes(7) + b"\x01",
        b"SL" + b"\xff" * 8,
        b"SL" + bytes(7) + b"\x01\xff",
        b"{" * 10_000,
        (b"[#L" + bytes(7) + b"\x01") * 50,
        b"{L" + bytes(7) + b"\x01aUxL" + bytes(7) + b"\x01aUx}",
    ],
    ids=repr,
)
def test_bytes_that_are_no_booster_are_refused(data):
    with pytest.raises(BundleError, match="none that XGBoost wrote") as caught:
        check_booster(data)
    assert len(str(caught.value)) < 300


def test_every_cut_is_refused():
    whole = bytes(boosted().save_raw("ubj"))
    for length in range(0, len(whole), 97):
        with pytest.raises(BundleError):
            check_booster(whole[:length])
