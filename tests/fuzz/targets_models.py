"""Model files: the archive with its manifest, boosters, and the estimator."""

from __future__ import annotations

import hashlib
import io
import json
import random
import tempfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from emofuse.features.errors import BundleError, PredictionError
from emofuse.inference.bundle import load_bundle
from emofuse.inference.estimator_file import SCHEMA, check_estimator_file, unpack_estimator
from emofuse.inference.predictor import load
from emofuse.inference.ubjson import check_booster
from target import Target, beside

WRONG: tuple[Any, ...] = (None, 0, -1, 1.5, 1e308, 10**30, "", "x\ny", [], {}, True, [[[]]], "nan", 2**31, -(2**63))
Change = Callable[[bytes], bytes]


def bundle() -> Target:
    """Return the target of whole model files, whose hashes and seal are made right again; one that loads is asked."""
    folder = Path(tempfile.mkdtemp())
    made = beside("inference/models.py")
    models = made.Models(folder)
    small = (models.tables("hybrid", "boosted"), models.tables("late", "linear"), models.text(), models.tables("early"))
    seeds = {item.path.stem: item.path.read_bytes() for item in small}
    path = folder / "changed.emofuse"

    def door(data: bytes) -> None:
        path.write_bytes(data)
        model = load(path)
        model.manifest, load_bundle(path).estimator_data
        clip: dict[str, Any] = {"text": "I am so happy"} if "text" in model.modalities else {}
        numbers = {
            name: dict.fromkeys(map(str, about["features"]), 0.5)
            for name, about in model.manifest["blocks"].items()
            if about["source"] != "text"
        }
        answer = model.predict(**clip, features=numbers or None, explain=True)
        assert answer.label in model.classes, "label"

    def mutate(data: bytes, chance: random.Random, change: Change) -> bytes:
        members = _members(data)
        if members is None or chance.random() < 0.1:
            return change(data)
        name = chance.choice(sorted(members))
        if name.endswith(".json") and chance.random() < 0.8:
            members[name] = _told_otherwise(members[name], chance)
        else:
            members[name] = change(members[name])
        return _sealed(members, made.packed)

    return Target(door, seeds, (BundleError, PredictionError), mutate, rss_mb=2048, max_bytes=2**18)


def boosters() -> Target:
    """Return the target of the boosters of a model; one that passes is read by XGBoost and asked."""
    import numpy as np
    import xgboost

    random_rows = np.random.default_rng(0).normal(size=(40, 3)).astype(np.float32)
    rows = xgboost.DMatrix(random_rows, label=np.arange(40) % 3)
    seeds = {}
    for name, given in {
        "three": {"objective": "multi:softprob", "num_class": 3},
        "two": {"objective": "binary:logistic"},
    }.items():
        rows.set_label(np.arange(40) % given.get("num_class", 2))
        booster = xgboost.train(given | {"max_depth": 2, "nthread": 1}, rows, num_boost_round=2)
        seeds[name] = bytes(booster.save_raw("ubj"))

    def door(data: bytes) -> None:
        check_booster(data)
        try:
            booster = xgboost.Booster(model_file=bytearray(data))
        except xgboost.core.XGBoostError:  # what a bundle makes one line of
            return
        booster.set_param({"nthread": 1})
        n_columns = booster.num_features()
        if n_columns < 10_000:
            booster.inplace_predict(np.zeros((2, n_columns), dtype=np.float32))

    return Target(door, seeds, (BundleError,), rss_mb=2048, max_bytes=2**15)


def estimators() -> Target:
    """Return the target of the skops file within a model; one that passes the check is made."""
    made = beside("inference/models.py")
    with tempfile.TemporaryDirectory() as folder:
        models = made.Models(Path(folder))
        small = (models.tables("hybrid", "boosted"), models.tables("late", "linear"), models.text())
        seeds = {item.path.stem: (_members(item.path.read_bytes()) or {})["estimator.skops"] for item in small}

    def door(data: bytes) -> None:
        check_estimator_file(data)
        unpack_estimator(data)

    def mutate(data: bytes, chance: random.Random, change: Change) -> bytes:
        members = _members(data)
        if members is None or SCHEMA not in members or chance.random() < 0.1:
            return change(data)
        content = members[SCHEMA]
        content = _told_otherwise(content, chance) if chance.random() < 0.8 else change(content)
        packed = io.BytesIO()
        with zipfile.ZipFile(packed, "w") as archive:
            archive.writestr(SCHEMA, content)
        return packed.getvalue()

    return Target(door, seeds, (BundleError,), mutate, max_bytes=2**17)


def _members(data: bytes) -> dict[str, bytes] | None:
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            return {name: archive.read(name) for name in archive.namelist()}
    except Exception:  # no archive: it is changed as the bytes that it is
        return None


def _sealed(members: dict[str, bytes], packed: Callable[[dict[str, bytes]], bytes]) -> bytes:
    """Return members as a model file; the manifest, where it still is one, has their hashes."""
    try:
        manifest = json.loads(members["manifest.json"])
        rest = {name: content for name, content in members.items() if name != "manifest.json"}
        manifest["members"] = {
            name: {"sha256": hashlib.sha256(content).hexdigest(), "bytes": len(content)}
            for name, content in rest.items()
        }
        members = {"manifest.json": json.dumps(manifest).encode(), **rest}
    except (ValueError, KeyError, TypeError, RecursionError):
        pass  # a manifest that is none is sealed as it is
    return packed(members)


def _told_otherwise(content: bytes, chance: random.Random) -> bytes:
    """Return JSON with something in it replaced, left out, doubled or moved."""
    try:
        tree = json.loads(content)
        places = list(_places(tree))
    except (ValueError, RecursionError):
        return content
    if not places:
        return content
    for _ in range(chance.choice((1, 1, 1, 2, 3))):
        node, key = chance.choice(places)
        if not _is_there(node, key):
            continue
        way = chance.random()
        if way < 0.15:
            del node[key]
        elif way < 0.35:
            other, name = chance.choice(places)
            if _is_there(other, name):
                node[key] = json.loads(json.dumps(other[name]))
        elif way < 0.6 and isinstance(node[key], (int, float)):
            node[key] = node[key] * chance.choice((-1, 2, 10**6)) + chance.choice((-1, 0, 1))
        else:
            node[key] = chance.choice(WRONG)
    return json.dumps(tree).encode()


def _is_there(node: Any, key: Any) -> bool:
    return key in node if isinstance(node, dict) else key < len(node)


def _places(tree: Any, depth: int = 0) -> Any:
    if isinstance(tree, (dict, list)) and depth < 60:
        for key in list(tree) if isinstance(tree, dict) else range(len(tree)):
            yield tree, key
            yield from _places(tree[key], depth + 1)
