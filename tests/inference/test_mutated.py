"""One thousand model files, each harmed in another way: none loads, and each is refused with one line that names no path."""

from __future__ import annotations

import json
import zipfile

import numpy as np
import pytest
from emofuse.features.errors import BundleError
from emofuse.inference.bundle import load_bundle

N_EACH = 125
WRONG = (None, 0, -1, 1.5, 10**30, "", "x\ny", [], {}, True, {"__part__": "Chain", "parts": []}, [[[]]])


@pytest.fixture(scope="module")
def whole(models):
    """A whole model of boosted trees."""
    return models.tables("hybrid", "boosted").path


@pytest.fixture(scope="module")
def other(models):
    """Another whole model, of the same shape."""
    return models.tables("hybrid", "boosted", rule="mean").path


def members_of(path):
    with zipfile.ZipFile(path) as file:
        return {name: file.read(name) for name in file.namelist()}


def flipped(path, random, making):
    """Some bytes of the file are others."""
    data = bytearray(path.read_bytes())
    for place in random.choice(len(data), size=random.integers(1, 5), replace=False):
        data[place] ^= random.integers(1, 256)
    return bytes(data)


def cut_out(path, random, making):
    """A stretch of the file is missing, or it ends early."""
    data = path.read_bytes()
    first, last = sorted(random.choice(len(data) + 1, size=2, replace=False))
    return data[:first] if random.random() < 0.5 else data[:first] + data[last:]


def put_in(path, random, making):
    """There are more bytes than were written, in front, within or behind."""
    data = path.read_bytes()
    place = random.choice([0, len(data), random.integers(len(data))])
    return data[:place] + random.bytes(random.integers(1, 200)) + data[place:]


def swapped(path, random, making):
    """Two members have changed places."""
    members = members_of(path)
    pairs = [(a, b) for a in members for b in members if a < b and members[a] != members[b]]
    a, b = pairs[random.integers(len(pairs))]
    members[a], members[b] = members[b], members[a]
    return making.packed(members)


def lacking(path, random, making):
    """Members are missing, or have other names."""
    members = members_of(path)
    name = random.choice(list(members))
    content = members.pop(name)
    if random.random() < 0.5:
        members[str(random.choice([f"{name}x", f"../{name}", name.upper(), "model.pkl"]))] = content
    return making.packed(members)


def harmed_within(path, random, making):
    """A member is harmed; the hashes of members are right, the seal is not."""

    def change(members, _):
        name = random.choice(list(members))
        content = bytearray(members[name])
        for place in random.integers(len(content), size=random.integers(1, 5)):
            content[place] ^= random.integers(1, 256)
        members[name] = bytes(content[: random.integers(len(content))] if random.random() < 0.3 else content)

    return making.rewritten(path, change, sealed=False)


def told_otherwise(path, random, making):
    """A field somewhere in the manifest is another or gone; the hashes of members are right, the seal is not."""

    def change(_, manifest):
        node = manifest
        while True:
            keys = list(node) if isinstance(node, dict) else list(range(len(node)))
            key = keys[random.integers(len(keys))]
            if random.random() < 0.6 and isinstance(node[key], (dict, list)) and node[key]:
                node = node[key]
                continue
            if random.random() < 0.2:
                del node[key]
            else:
                node[key] = WRONG[random.integers(len(WRONG))]
            return

    return making.rewritten(path, change, sealed=False)


def mixed(path, random, making):
    """The manifest of another model, or a member of another model."""
    members, others = members_of(path), members_of(path.with_name("hybrid-boosted-mean.emofuse"))
    different = [name for name in members if members[name] != others.get(name)]
    name = different[random.integers(len(different))]
    members[name] = others.get(name, b"")
    kept = dict(members) | {f"more/{random.integers(10**6)}": b"1"} if random.random() < 0.5 else members
    return making.packed(kept, sealed=bool(random.integers(2)))


WAYS = (flipped, cut_out, put_in, swapped, lacking, harmed_within, told_otherwise, mixed)


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__)
def test_a_harmed_model_is_refused_with_one_line(whole, other, making, tmp_path, way):
    random = np.random.default_rng(WAYS.index(way))
    path = tmp_path / "harmed.emofuse"
    before = whole.read_bytes()
    for number in range(N_EACH):
        data = way(whole, random, making)
        assert data != before
        path.write_bytes(data)
        with pytest.raises(BundleError) as caught:
            load_bundle(path)
        line = str(caught.value)
        assert 20 < len(line) < 300 and line.isprintable(), (number, line)
        assert str(tmp_path) not in line and "/root" not in line and "Traceback" not in line, (number, line)


def test_there_are_a_thousand_and_the_whole_one_loads(whole):
    assert len(WAYS) * N_EACH >= 1000
    assert load_bundle(whole).manifest["classes"] == ["angry", "happy", "sad"]


def test_fields_changed_by_someone_who_makes_the_seal_right_raise_nothing_else(whole, making, tmp_path):
    """The seal is no signature: who can write files can make it right, and then the rest has to hold."""
    random = np.random.default_rng(0)
    path = tmp_path / "harmed.emofuse"
    refused = 0
    for _ in range(200):
        path.write_bytes(making.resealed(told_otherwise(whole, random, making)))
        try:
            load_bundle(path)
        except BundleError as error:
            assert len(str(error)) < 300 and str(error).isprintable()
            refused += 1
    assert 50 < refused < 200  # the rest is what a model is called or is said to be worth
    assert json.loads(members_of(path)["manifest.json"])
