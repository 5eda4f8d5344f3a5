"""A model file: what goes in comes out to the last bit, and whatever is wrong with it is refused with one line."""

from __future__ import annotations

import io
import json
import os
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest
import xgboost
from emofuse.classifiers.calibrators import METHODS
from emofuse.features.errors import BundleError
from emofuse.fusion.late import RULES
from emofuse.inference import archive, bundle
from emofuse.inference.bundle import load_bundle
from emofuse.inference.estimator_file import check_estimator_file
from emofuse.inference.tree import Members, from_tree, to_tree
from sklearn.base import clone
from skops.io import dumps

KINDS = ("late", "hybrid", "early")
FAMILIES = ("linear", "kernel", "boosted")
ODD = ("ärgerlich 😠", "two words", "123", "a|b\nc", "x" * 400)


@pytest.fixture
def written(models):
    """The path of a small whole model."""
    return models.tables().path


@pytest.fixture
def small():
    """A booster of four rounds."""
    random = np.random.default_rng(0)
    X, y = random.normal(size=(40, 3)).astype(np.float32), np.arange(40) % 3
    return xgboost.train({"objective": "multi:softprob", "num_class": 3, "max_depth": 2}, xgboost.DMatrix(X, y), 4)


@pytest.fixture
def refused(tmp_path):
    """A function that asserts that the bytes of a file are refused, with one short line that matches."""

    def check(data, message):
        path = tmp_path / "m.emofuse"
        path.write_bytes(data)
        with pytest.raises(BundleError, match=message) as caught:
            load_bundle(path)
        line = str(caught.value)
        assert "\n" not in line and len(line) < 300 and str(tmp_path) not in line

    return check


def same(made):
    """Assert that a model read back answers as the estimator that went into it."""
    np.testing.assert_array_equal(made.model.predict_blocks(made.X), made.fusion.predict_proba(made.X))


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("kind", KINDS)
def test_answers_are_equal_to_the_last_bit(models, kind, family):
    same(models.tables(kind, family))


@pytest.mark.parametrize("rule", RULES)
def test_answers_of_every_rule_are_equal(models, rule):
    same(models.tables("late", "linear", rule=rule))
    same(models.tables("hybrid", "linear", rule=rule))


@pytest.mark.parametrize("calibration", METHODS)
@pytest.mark.parametrize("kind", ["late", "early"])
def test_answers_of_every_calibration_are_equal(models, kind, calibration):
    same(models.tables(kind, "linear", calibration=calibration))


@pytest.mark.parametrize(("kind", "family"), [("late", "linear"), ("late", "boosted"), ("early", "kernel")])
@pytest.mark.parametrize("counts", [False, True])
def test_answers_from_words_are_equal(models, counts, kind, family):
    same(models.text(counts=counts, kind=kind, family=family))


@pytest.mark.parametrize("name", ["sound", "picture", "speakers"])
def test_answers_from_measured_blocks_are_equal(models, name):
    same(getattr(models, name)())


def test_classifiers_of_subsets_survive(models):
    made = models.tables("early", "boosted", subsets=(("face",), ("voice",)), dropout=0.0)
    assert len(made.fusion.reduced_) == 2
    same(made)


@pytest.mark.parametrize(("kind", "family"), [("hybrid", "boosted"), ("early", "kernel"), ("late", "linear")])
def test_hyper_parameters_survive_and_it_can_be_fitted_again(models, making, kind, family):
    made = models.tables(kind, family)
    found = load_bundle(made.path).estimator()
    assert str(found) == str(clone(made.fusion))
    assert repr(found.get_params()) == repr(clone(made.fusion).get_params())
    X, y, groups = making.table_rows()
    np.testing.assert_array_equal(found.fit(X, y, groups).predict_proba(X), made.fusion.predict_proba(X))


def test_labels_with_odd_names_survive(models, making):
    X, _, groups = making.table_rows()
    names = np.array(ODD, dtype=object)[np.arange(len(X)) % len(ODD)]
    fusion = making.fuse("late", "linear", {"face": "dense", "voice": "dense"}).fit(X, names, groups)
    made = models.save("odd", X, fusion, making.READY)
    assert made.model.classes == tuple(sorted(ODD))
    same(made)
    answer = made.model.predict(features={"face": dict(zip(X["face"], X["face"].iloc[0].tolist(), strict=True))})
    alone = X.iloc[:1].copy()
    alone.loc[:, "voice"] = np.nan
    assert (answer.label, *answer.probabilities) == (fusion.predict(alone)[0], *sorted(ODD))


def test_numbers_as_labels_survive(models, making):
    X, _, groups = making.table_rows()
    fusion = making.fuse("late", "linear", {"face": "dense", "voice": "dense"}).fit(X, np.arange(len(X)) % 3, groups)
    made = models.save("numbers", X, fusion, making.READY)
    assert made.model.manifest["classes"] == [0, 1, 2] and made.model.classes == ("0", "1", "2")
    same(made)


def test_an_array_is_kept_once_and_as_it_was(tmp_path):
    members = Members()
    array = np.asfortranarray(np.arange(6, dtype=np.float64).reshape(2, 3) / 3)
    tree = to_tree((array, array.copy(order="K"), array.astype(np.float32), "a", 1.5, None, float("inf")), members)
    assert len(members) == 2
    first, again, narrow, *rest = from_tree(json.loads(json.dumps(tree)), members)
    np.testing.assert_array_equal(first, array)
    assert first is again and first.flags.f_contiguous and not first.flags.writeable
    assert (first.dtype, narrow.dtype, rest) == (np.float64, np.float32, ["a", 1.5, None, float("inf")])


def test_numbers_are_packed_without_loss():
    members = Members()
    given = (np.array([1.0, 0.5, np.nan]), np.array([1e300, 0.1]), np.array([0, 255]), np.array([True, False]))
    found = from_tree(to_tree(given, members), members)
    for before, after in zip(given, found, strict=True):
        np.testing.assert_array_equal(before, after, strict=True)
    assert len(members["arrays/0000.npy"]) < len(members["arrays/0001.npy"])


def test_equal_models_make_equal_files(models, making, tmp_path):
    made = models.tables("hybrid", "boosted")
    X, y, groups = making.table_rows()
    again = models.save("again", X, clone(made.fusion).fit(X, y, groups), making.READY)
    assert again.path.read_bytes() == made.path.read_bytes()


@pytest.mark.parametrize("name", ["sound", "picture"])
def test_nothing_inside_is_a_pickle(models, name):
    with zipfile.ZipFile(getattr(models, name)().path) as file:
        found = {member: file.read(member) for member in file.namelist()}
    with zipfile.ZipFile(io.BytesIO(found["estimator.skops"])) as file:
        found |= {f"estimator/{member}": file.read(member) for member in file.namelist()}
    assert {Path(member).suffix for member in found} <= {".json", ".npy", ".skops", ".ubj"}
    for member, content in found.items():
        assert not content.startswith(b"\x80") and b"pickle" not in content, member
        if member.endswith(".npy"):
            assert np.load(io.BytesIO(content), allow_pickle=False).dtype.kind in "fiub"


def test_what_is_no_part_cannot_be_saved(models, making):
    X, y, groups = making.table_rows()
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline

    fusion = making.fuse("late", "linear", {"face": "dense", "voice": "dense"})
    fusion.blocks["face"] = make_pipeline(fusion.blocks["face"].steps[0][1], LogisticRegression())
    with pytest.raises(BundleError, match="LogisticRegression cannot be put into a model file"):
        models.save("other", X, fusion.fit(X, y, groups), making.READY)
    for value in (object(), np.array(["a"]), np.array([None]), {"a": 1}):
        with pytest.raises(BundleError, match="cannot be kept in a model file"):
            to_tree(value, Members())


def test_a_file_that_cannot_be_written_says_so(models, making, tmp_path):
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(BundleError, match=r"cannot be written: .*choose another --out"):
        archive.write_archive(tmp_path / "file" / "m.emofuse", {"a": b""})
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


# What is no zip, or one that is not read.


def test_what_is_no_file_is_refused(tmp_path):
    with pytest.raises(BundleError, match=r"no model .*'emofuse train' makes one"):
        load_bundle(tmp_path / "gone.emofuse")
    with pytest.raises(BundleError, match="no regular file"):
        load_bundle(tmp_path)
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(BundleError, match="no regular file"):
        load_bundle(tmp_path / "pipe")
    with pytest.raises(BundleError, match="cannot be read"):
        load_bundle(tmp_path / "a\0b")


@pytest.mark.parametrize("data", [b"", b"hello, I am a model", b"PK", b"\x80\x04N.", b"PK\x05\x06" + bytes(18)])
def test_what_is_no_model_is_refused(refused, data):
    refused(data, "no whole model file|no emofuse model")


def test_a_file_cut_anywhere_is_refused(refused, written):
    whole = written.read_bytes()
    for length in (*range(1, len(whole), 53), len(whole) - 1):
        refused(whole[:length], "no whole model file|changed after")
    refused(whole + b"\0", "no whole model file|changed after")


@pytest.mark.parametrize("name", ["../m", "/etc/m", "a\\b", "C:m", "a/../b", "./a", "a//b", "a/"])
def test_names_that_lead_out_of_it_are_refused(refused, written, making, name):
    refused(making.rewritten(written, lambda members, _: members.update({name: b""})), "leads out of it")


def test_two_members_of_one_name_are_refused(refused, written):
    file = io.BytesIO(written.read_bytes())
    with zipfile.ZipFile(file, "a") as opened, pytest.warns(UserWarning, match="Duplicate"):
        opened.writestr("manifest.json", b"{}")
    refused(file.getvalue(), "two members of one name")


def test_an_encrypted_file_is_refused(refused, written):
    data = bytearray(written.read_bytes())
    for found in re.finditer(b"PK\x01\x02", bytes(data)):
        data[found.start() + 8] |= 1
    refused(bytes(data), "is encrypted")


def test_another_compression_is_refused(refused):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_LZMA) as opened:
        opened.writestr("manifest.json", b"{}")
    refused(file.getvalue(), "packed in a way")


def test_a_bomb_is_refused(refused, written, making):
    zeros = bytes(archive.HARMLESS_BYTES + 1)
    refused(making.rewritten(written, lambda members, _: members.update(zeros=zeros)), "more than a model does")


def test_too_many_members_are_refused(refused, making, monkeypatch):
    monkeypatch.setattr(archive, "MAX_MEMBERS", 3)
    refused(making.packed({str(number): b"" for number in range(4)}), "4 members, a model has at most 3")


def test_a_file_too_large_is_not_read(written, monkeypatch):
    monkeypatch.setattr(archive, "MAX_FILE_BYTES", 100)
    monkeypatch.setattr(Path, "read_bytes", lambda _: pytest.fail("it was read"))
    with pytest.raises(BundleError, match="a model has at most 100"):
        load_bundle(written)


def test_a_member_that_is_longer_than_it_says_is_refused(refused, written):
    data = bytearray(written.read_bytes())
    place = data.index(b"PK\x01\x02") + 24
    data[place : place + 4] = (int.from_bytes(data[place : place + 4], "little") - 5).to_bytes(4, "little")
    refused(bytes(data), "no whole model file|not as long")


def test_a_zip_of_a_model_is_refused(refused, written, making):
    refused(making.packed({written.name: written.read_bytes()}), "no manifest.json: it is no emofuse model")


# The manifest.


@pytest.mark.parametrize("text", ["", "no", "{", "[" * 100_000, '{"schema": NaN}', '{"a": Infinity}', "1" * 5000])
def test_a_manifest_that_is_no_json_is_refused(refused, making, text):
    refused(making.packed({"manifest.json": text.encode()}), "is no JSON")


def test_a_manifest_that_is_no_utf8_or_too_long_is_refused(refused, making, monkeypatch):
    refused(making.packed({"manifest.json": b'{"a": "\xff\xfe"}'}), "is no JSON")
    monkeypatch.setattr(bundle, "MAX_MANIFEST_BYTES", 10)
    refused(making.packed({"manifest.json": b'{"schema": 1}'}), "takes 13 bytes")


@pytest.mark.parametrize("text", ["[]", "1", "null", '"a"'])
def test_a_manifest_that_is_no_object_is_refused(refused, making, text):
    refused(making.packed({"manifest.json": text.encode()}), "manifest must be dict")


@pytest.mark.parametrize("schema", [0, -1, "1", None, 1.5, True, [1], {}])
def test_an_unknown_schema_is_refused(refused, written, making, schema):
    refused(
        making.rewritten(written, lambda _, manifest: manifest.update(schema=schema)), "has the schema .* not known"
    )


def test_a_newer_schema_names_the_newer_version(refused, written, making):
    def change(_, manifest):
        manifest.update(schema=2, versions={"emofuse": "7.1.0"})

    refused(making.rewritten(written, change), r"newer emofuse \(7\.1\.0, schema 2; this one reads 1\); update")

    def harm(_, manifest):
        manifest.update(schema=2, versions={"emofuse": "7\n\x1b[31m" + "x" * 1000})

    refused(making.rewritten(written, harm), "newer emofuse")


@pytest.mark.parametrize("field", bundle.FIELDS)
@pytest.mark.parametrize("value", [None, 1, "x"])
def test_a_field_of_the_wrong_type_is_refused(refused, written, making, field, value):
    if isinstance(value, bundle.FIELDS[field]):
        value = 1
    refused(making.rewritten(written, lambda _, manifest: manifest.update({field: value})), f"{field} in the manifest")
    refused(making.rewritten(written, lambda _, manifest: manifest.pop(field)), f"{field} in the manifest")


@pytest.mark.parametrize("classes", [[], [None], [["a"]], ["a", "a", "b"], [1, "1", "b"], [1.5, "a", "b"]])
def test_classes_that_are_none_are_refused(refused, written, making, classes):
    refused(making.rewritten(written, lambda _, manifest: manifest.update(classes=classes)), "classes of")


@pytest.mark.parametrize("classes", [["a"], ["a", "b"], list("abcd")])
def test_classes_that_do_not_fit_the_model_are_refused(refused, written, making, classes):
    refused(making.rewritten(written, lambda _, manifest: manifest.update(classes=classes)), "no probabilities")


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("extractor", 1, "extractor of block 'face' must be str"),
        ("parameters", [], "parameters of block 'face' must be dict"),
        ("parameters", {"predictor_path": "/etc/passwd"}, "name a file of their own"),
        ("kind", None, "kind of block 'face' must be str"),
        ("source", {}, "source of block 'face' must be str"),
        ("features", {}, "features of block 'face' must be list"),
        ("features", [], "no names"),
        ("features", [1, 2, 3, 4], "no names"),
        ("features", ["a", "a", "b", "c"], "two features"),
        ("features", ["a", "b", "c"], "do not fit each other"),
        ("extractor", "text", "do not fit each other"),
        ("extractor", "os.system", "measured by 'os.system', which this version has not; update emofuse"),
    ],
)
def test_a_block_that_cannot_be_measured_is_refused(refused, written, making, field, value, message):
    refused(making.rewritten(written, lambda _, manifest: manifest["blocks"]["face"].update({field: value})), message)


def test_blocks_that_are_not_described_are_refused(refused, written, making):
    refused(making.rewritten(written, lambda _, manifest: manifest["blocks"].pop("face")), "do not fit each other")
    refused(making.rewritten(written, lambda _, manifest: manifest["blocks"].update(face=1)), "must be dict")


@pytest.mark.parametrize(
    "statistics",
    [{"face": 1}, {"face": [[1, 2]]}, {"nosuch": None}, {"face": []}, {"face": ["mean", "variance"]}],
)
def test_statistics_of_speakers_that_do_not_fit_are_refused(refused, models, making, statistics):
    path = models.speakers().path
    refused(making.rewritten(path, lambda _, manifest: manifest["speakers"].update(statistics)), "speakers' statistics")


@pytest.mark.parametrize("variance", [-1.0, np.nan, np.inf])
def test_statistics_that_are_no_variance_are_refused(refused, models, making, variance):
    made = models.speakers()
    known = {"face": (np.zeros(4), np.array([1.0, 1.0, 1.0, variance]))}
    path = models.save("variance", made.X, made.fusion, making.READY, speakers=known).path
    refused(path.read_bytes(), "no mean and variance")


# The members.


def test_a_wrong_hash_is_refused(refused, written, making):
    with zipfile.ZipFile(written) as file:
        members = {name: file.read(name) for name in file.namelist()}
    name = next(name for name in members if name.endswith(".npy"))
    members[name] = members[name][:-1] + bytes([members[name][-1] ^ 1])
    refused(making.packed(members), f"member '{name}' .*SHA-256 differs")


def test_members_that_are_missing_or_not_listed_are_refused(refused, written, making):
    with zipfile.ZipFile(written) as file:
        members = {name: file.read(name) for name in file.namelist()}
    for name in members:
        rest = {other: content for other, content in members.items() if other != name}
        refused(making.packed(rest), "lacks|no manifest")
    refused(making.packed(members | {"extra": b""}), r"holds \['extra'\] beside")
    refused(making.packed(members | {"x\n" * 20_000: b""}), "beside what")


def test_a_seal_that_does_not_fit_is_refused(refused, written, making):
    refused(making.rewritten(written, lambda members, manifest: None, sealed=False), "its seal does not fit")
    whole = written.read_bytes()
    refused(whole[:-64] + b"f" * 64, "its seal does not fit")
    with pytest.raises(BundleError):
        archive.check_seal(whole[:10], "m")


def test_a_file_rewritten_whole_is_no_worse(written, making, tmp_path):  # or the tests above would test something else
    path = tmp_path / "m.emofuse"
    path.write_bytes(making.rewritten(written, lambda members, manifest: None))
    assert load_bundle(path).manifest["classes"] == list(making.CLASSES)


def test_an_estimator_is_needed(refused, written, making):
    refused(making.rewritten(written, lambda members, _: members.pop("estimator.skops")), "holds no estimator.skops")


@pytest.mark.parametrize("wrong", ["os.system", "builtins.eval", "functools.partial", "numpy.ndarray", "posix.system"])
def test_types_that_are_not_trusted_are_refused(written, wrong, refused, making):
    module, name = wrong.rsplit(".", 1)

    def name_it(node):
        if isinstance(node, dict):
            if node.get("__class__") == "LinearClassifier":
                node.update(__class__=name, __module__=module)
            for item in node.values():
                name_it(item)
        elif isinstance(node, list):
            for item in node:
                name_it(item)

    def change(members, _):
        with zipfile.ZipFile(io.BytesIO(members["estimator.skops"])) as file:
            schema = json.loads(file.read("schema.json"))
        name_it(schema)
        members["estimator.skops"] = making.packed({"schema.json": json.dumps(schema).encode()})

    refused(making.rewritten(written, change), f"holds the type '{re.escape(wrong)}'.*not trusted")

    def place(_, manifest):
        manifest["model"]["experts"][0]["known"]["part"]["__part__"] = wrong

    refused(making.rewritten(written, place), f"holds the type '{re.escape(wrong)}', which is not trusted")


@pytest.mark.parametrize("value", [print, np.array([object()]), np.float64, {1: os.system}, np.random.default_rng(0)])
def test_objects_of_skops_that_are_not_ours_are_refused(value):
    with pytest.raises(BundleError, match=r"not trusted|no whole skops"):
        check_estimator_file(dumps(value))


@pytest.mark.parametrize("loader", ["FunctionNode", "MethodNode", "ReduceNode", "NdArrayNode", "", None])
def test_other_ways_to_make_an_object_are_refused(loader):
    schema = {"__class__": "LateFusion", "__module__": "emofuse.fusion.late", "__loader__": loader}
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as opened:
        opened.writestr("schema.json", json.dumps(schema))
    with pytest.raises(BundleError, match="not trusted"):
        check_estimator_file(file.getvalue())


@pytest.mark.parametrize("content", [b"", b"no", b"[" * 100_000, b'{"a":' * 900 + b"1" + b"}" * 900])
def test_an_estimator_that_is_no_skops_file_is_refused(content, making):
    with pytest.raises(BundleError, match="no whole skops file"):
        check_estimator_file(content)
    if content.startswith((b"[", b"no")):
        with pytest.raises(BundleError, match="no whole skops file"):
            check_estimator_file(making.packed({"schema.json": content}))
    with pytest.raises(BundleError, match="no whole skops file"):
        check_estimator_file(making.packed({"schema.json": b"{}", "more": b""}))


def test_an_estimator_that_is_a_bomb_is_refused(making):
    with pytest.raises(BundleError, match="takes 16777217 bytes"):
        check_estimator_file(making.packed({"schema.json": bytes(16 * 1024**2 + 1)}))


# The tree, and its arrays.


def put(value):
    """Return a change that puts a value in the place of the first expert's classifier."""

    def change(_, manifest):
        manifest["model"]["experts"][0]["known"]["part"] = value

    return change


def deep(depth):
    value = 1
    for _ in range(depth):
        value = [value]
    return value


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (1, "part must be Any, got int"),
        ("x", "part must be Any, got str"),
        ([], "part must be Any, got tuple"),
        ({}, "is no part"),
        ({"x" * 1000: 1}, "is no part"),
        ({"__part__": "Chain"}, "part Chain has the fields"),
        ({"__part__": "Chain", "parts": [], "more": 1}, "part Chain has the fields"),
        ({"__part__": "Chain", "parts": 1}, "parts must be tuple"),
        ({"__part__": ["Chain"], "parts": []}, "not trusted"),
        ({"__part__": "Chain", "parts": [None]}, "do not fit each other"),
        ({"__part__": "ConstantHead", "shares": [1, 2]}, "shares must be Array"),
        ({"__part__": "LogOfShares", "floor": True}, "floor must be float"),
        ({"__part__": "LogOfShares", "floor": {"number": "1e5"}}, "is no part"),
        ({"array": "arrays/9999.npy", "dtype": "float32"}, "names a file .* does not hold"),
        ({"array": ["arrays/0000.npy"], "dtype": "float32"}, "names a file"),
        ({"array": "estimator.skops", "dtype": "float32"}, "none, or of no numbers"),
        ({"array": "arrays/0000.npy", "dtype": "object"}, "array of 'object'"),
        ({"array": "arrays/0000.npy", "dtype": ["float32"]}, "array of .'float32'"),
        ({"array": "arrays/0000.npy", "dtype": "float32", "pickle": 1}, "is no part"),
        ({"words": "arrays/0000.npy"}, "list of words"),
        ({"booster": "arrays/0000.npy", "n_threads": 1}, "none that XGBoost wrote"),
        ({"booster": "arrays/0000.npy", "n_threads": -1}, "number of threads"),
        ({"booster": "arrays/0000.npy", "n_threads": 10**12}, "number of threads"),
        ({"booster": "arrays/0000.npy", "n_threads": True}, "number of threads"),
        (deep(50), "deeper than 40"),
    ],
)
def test_a_tree_of_other_things_is_refused(refused, written, making, value, message):
    refused(making.rewritten(written, put(value)), message)


@pytest.mark.parametrize(
    ("header", "body"),
    [
        ({"descr": "<f4", "fortran_order": False, "shape": (10**12,)}, b"1234"),
        ({"descr": "<f4", "fortran_order": False, "shape": (2**62, 4)}, b""),
        ({"descr": "<f4", "fortran_order": False, "shape": (-1,)}, b"1234"),
        ({"descr": "<f4", "fortran_order": False, "shape": (2,)}, b"1234"),
        ({"descr": "<f4", "fortran_order": False, "shape": (1,)}, b"1234567"),
        ({"descr": "|O", "fortran_order": False, "shape": (1,)}, b"\x80\x04N."),
        ({"descr": "<U4", "fortran_order": False, "shape": (1,)}, bytes(16)),
        ({"descr": "<c8", "fortran_order": False, "shape": (1,)}, bytes(8)),
        ({"descr": ">f4", "fortran_order": False, "shape": (1,)}, bytes(4)),
        ({"descr": [("a", "<f4")], "fortran_order": False, "shape": (1,)}, bytes(4)),
        ({"descr": "<f4", "fortran_order": False}, bytes(4)),
    ],
    ids=str,
)
def test_an_array_that_is_none_is_refused(refused, written, making, header, body):
    line = repr(header).encode()
    line += b" " * (-(len(line) + 11) % 64) + b"\n"
    content = b"\x93NUMPY\x01\x00" + len(line).to_bytes(2, "little") + line + body
    refused(
        making.rewritten(written, lambda members, _: members.update({"arrays/0000.npy": content})),
        "none, or of no numbers",
    )


def test_numbers_that_do_not_answer_are_refused(refused, written, making):
    def fill(members, _):
        for name in members:
            if name.endswith(".npy"):
                array = np.load(io.BytesIO(members[name]))
                if array.dtype.kind == "f":
                    file = io.BytesIO()
                    np.save(file, np.full_like(array, np.nan))
                    members[name] = file.getvalue()

    refused(making.rewritten(written, fill), "no probabilities")


def test_terms_without_end_are_refused(refused, models, making):
    def widen(node):
        if isinstance(node, dict):
            if "ngrams" in node:
                node["ngrams"] = [1, 10**9]
            for item in node.values():
                widen(item)
        elif isinstance(node, list):
            for item in node:
                widen(item)

    refused(making.rewritten(models.text().path, lambda _, manifest: widen(manifest["model"])), "n-grams of")


def test_a_model_that_is_no_fusion_is_refused(refused, written, making):
    refused(
        making.rewritten(written, lambda _, manifest: manifest.update(model={"number": "nan"})), "no fusion but a float"
    )


def test_garbage_in_the_place_of_boosters_is_refused_and_the_process_lives(models, making, tmp_path):
    whole = models.tables("late", "boosted").path
    random = np.random.default_rng(0)
    for number in range(60):

        def spoil(members, _):
            name = next(name for name in members if name.endswith(".ubj"))
            content = bytearray(members[name])
            for place in random.integers(len(content), size=3):
                content[place] = random.integers(256)
            members[name] = bytes(content)

        (tmp_path / f"{number}.emofuse").write_bytes(making.rewritten(whole, spoil))
    code = """
import pathlib, sys
import numpy as np
from emofuse.features.errors import BundleError
from emofuse.inference.predictor import load
refused = 0
for path in sorted(pathlib.Path(sys.argv[1]).iterdir()):
    try:
        model = load(path)
    except BundleError:
        refused += 1
    else:  # a threshold or a leaf of another size: it answers otherwise, and that is all
        model.predict(features={"face": {"face_0": 1.0}})
print(refused)
"""
    called = subprocess.run([sys.executable, "-c", code, tmp_path], capture_output=True, text=True, check=False)
    assert called.returncode == 0, called.stderr
    assert 30 < int(called.stdout) <= 60
