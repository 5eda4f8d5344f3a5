"""The door to files: objects of a store by their URLs, and nothing of the web."""

from __future__ import annotations

import sys

import pandas as pd
import pytest
from emofuse.features.errors import SampleError, TableError
from emofuse.features.files import is_url, read_bytes
from emofuse.features.samples import check_samples

fsspec = pytest.importorskip("fsspec")


@pytest.fixture
def bucket():
    store = fsspec.filesystem("memory")
    store.pipe("/bucket/clip.wav", b"sound")
    store.pipe("/bucket/empty.wav", b"")
    yield "memory://bucket"
    store.rm("/bucket", recursive=True)


@pytest.mark.parametrize(
    ("cell", "expected"),
    [
        ("s3://bucket/clip.wav", True),
        ("gs://bucket/clip.wav", True),
        ("zip://clip.wav::s3://bucket/clips.zip", True),
        ("file:///clips/clip.wav", True),
        (b"s3://bucket/clip.wav", True),
        ("https://example.org/clip.wav", False),
        ("ftp://example.org/clip.wav", False),
        ("C://clips/clip.wav", False),
        ("clips/clip.wav", False),
        (None, False),
    ],
)
def test_a_url_names_an_object_of_a_store(cell, expected):
    assert is_url(cell) is expected


def test_an_object_is_read_by_its_url(bucket):
    assert read_bytes(f"{bucket}/clip.wav") == b"sound"
    assert read_bytes(f"{bucket}/clip.wav", max_bytes=5) == b"sound"


@pytest.mark.parametrize(
    ("name", "code", "message"),
    [
        ("lost.wav", "missing", "no object 'memory://bucket/lost.wav'"),
        ("", "not_a_file", "is a directory"),
        ("empty.wav", "empty_file", "0 bytes"),
        ("clip.wav", "too_large", "at most 4 bytes"),
    ],
)
def test_an_object_that_cannot_be_used_says_so(bucket, name, code, message):
    with pytest.raises(SampleError, match=message) as caught:
        read_bytes(f"{bucket}/{name}", max_bytes=4)
    assert caught.value.code == code


def test_a_store_that_lies_about_lengths_is_read_no_further(bucket, monkeypatch):
    monkeypatch.setattr(fsspec.filesystem("memory"), "info", lambda path: {"type": "file", "size": None})
    with pytest.raises(SampleError, match=r"at most 4 bytes are read, .* has more") as caught:
        read_bytes(f"{bucket}/clip.wav", max_bytes=4)
    assert caught.value.code == "too_large"


@pytest.mark.parametrize(
    ("error", "code"), [(PermissionError(), "no_permission"), (OSError("unplugged"), "not_reachable")]
)
def test_a_store_that_cannot_be_reached_is_one_line(bucket, monkeypatch, error, code):
    def refuse(path):
        raise error

    monkeypatch.setattr(fsspec.filesystem("memory"), "info", refuse)
    with pytest.raises(SampleError) as caught:
        read_bytes(f"{bucket}/clip.wav")
    assert caught.value.code == code


def test_a_store_of_another_kind_or_without_its_package_is_one_line(monkeypatch):
    with pytest.raises(SampleError, match="Protocol not known"):
        read_bytes("nosuch://bucket/clip.wav")
    monkeypatch.setitem(sys.modules, "fsspec", None)
    with pytest.raises(SampleError, match=r"pip install 'emofuse\[distributed\]'") as caught:
        read_bytes("s3://bucket/clip.wav")
    assert caught.value.code == "not_reachable"


def test_a_file_url_goes_through_the_same_door_as_a_path(tmp_path):
    (tmp_path / "clip.wav").write_bytes(b"sound")
    assert read_bytes(f"file://{tmp_path}/clip.wav") == b"sound"
    with pytest.raises(SampleError) as caught:
        read_bytes("file:///dev/zero")
    assert caught.value.code == "not_a_file"


def test_nothing_of_the_web_is_read():
    with pytest.raises(SampleError) as caught:
        read_bytes("http://127.0.0.1:9/clip.wav")
    assert caught.value.code == "missing"


def test_a_sample_table_keeps_urls_and_lets_no_file_url_out_of_its_root(tmp_path):
    table = pd.DataFrame({"audio": ["s3://bucket/a.wav", f"file://{tmp_path}/b.wav"]}, index=["a", "b"])
    found = check_samples(table, require_label=False, root=tmp_path)
    assert found["audio"].tolist() == ["s3://bucket/a.wav", str(tmp_path / "b.wav")]
    with pytest.raises(TableError, match="lies outside"):
        check_samples(
            table.replace(f"file://{tmp_path}/b.wav", "file:///etc/passwd"), require_label=False, root=tmp_path
        )
