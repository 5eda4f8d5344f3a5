"""Tables, studies, stores, archives and whole corpora."""

from __future__ import annotations

import io
import os
import random
import shutil
import tempfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from emofuse.experiments.corpora import read_corpus
from emofuse.experiments.corpora.base import find_files
from emofuse.experiments.own_table import check_files, check_own_table
from emofuse.experiments.study import load_study, study_for_samples, to_toml
from emofuse.features.errors import CorpusError, SampleError, StoreError, StudyError, TableError
from emofuse.features.files import read_bytes
from emofuse.features.openface import LAYOUTS, OpenFaceTable
from emofuse.features.samples import check_samples, read_samples
from emofuse.features.store import FILE_NAME, FeatureStore, Maker, StoredRow, write_shard
from emofuse.features.tables import as_block, read_feature_table
from target import Target, beside, cells_changed, cells_or_bytes, take

Change = Callable[[bytes], bytes]
MAKER = Maker("Loudness", "ab" * 32, ("mean",))
N_VALUES = 5
MAX_UNPACKED_BYTES = 2**20
PACKABLE = (".csv", ".tsv", ".txt", ".json", ".jsonl", ".lab", ".bars", ".html", ".mdb", "")


def tables() -> Target:
    """Return the target of a user's own tables: samples, and features by sample."""
    path = Path(tempfile.mkdtemp()) / "mine.csv"
    random_rows = np.random.default_rng(0).normal(size=(6, 3))
    features = pd.DataFrame(random_rows, columns=["a", "b", "c"]).assign(clip=list("uvwxyz"))
    samples = (
        "id,audio,video,text,label,group,split,start_s,end_s,dialogue,turn\n"
        'a,x.wav,,"Oh, no",sad,s1,train,0,1.5,d1,1\nb,,y.mp4,fine,happy,s2,test,,,d1,2\n'
        'c,s3://b/z.wav,,"say ""hi""",sad,s3,train,1,2,d2,1\n'
    )
    seeds = {
        "samples": samples.encode() + b"\0",
        "samples-utf16": samples.encode("utf-16") + b"\0",
        "plain": b"text,label\nhi,x\nho,y\n\1",
        "features": features.to_csv(index=False).encode() + b"\2",
        "quoted": b'clip,a\n"x\ny",1\n"z",1e400\n\2',
        "numbers": b"id,label,group,text\n1,2,3.0,4\n007,1,3,None\n\0",
    }

    def door(data: bytes) -> None:
        choice, data = take(data)
        path.write_bytes(data)
        if choice % 4 == 2:
            table = read_feature_table(path, key="clip")
            block = as_block(table, pd.Index([*table.index[:3], "nobody"]))
            assert len(block) == min(3, len(table)) + 1 and set(block.dtypes) <= {np.dtype(np.float32)}, "block"
            return
        table = read_samples(path, require_label=choice % 4 == 0)
        assert table.index.is_unique and len(table), "samples"
        check_samples(table, require_label=choice % 4 == 0)
        if choice % 4 == 0:
            check_own_table(table, path.name, None)
            check_files(table, path.name, study_for_samples(table, name="mine"), path.parent)

    return Target(door, seeds, (TableError, StudyError, SampleError), cells_or_bytes, max_bytes=2**14)


def openface() -> Target:
    """Return the target of tables of action units by frame."""
    path = Path(tempfile.mkdtemp()) / "clip.csv"
    seeds = {}
    for number, (name, (intensities, presences, confidence)) in enumerate(LAYOUTS.items()):
        columns = ["frame", "face_id", "timestamp", confidence, "success", *intensities[:4], *presences[:2]]
        rows = [
            [row + 1, 0, row / 30, 0.98, 1, *([0.5 * row] * 4), *([row % 2] * len(presences[:2]))] for row in range(6)
        ]
        separator = ", " if name == "openface" else ","
        lines = [separator.join(map(str, line)) for line in (columns, *rows)]
        seeds[name] = ("\n".join(lines) + "\n").encode() + bytes([number])
    extractors = [OpenFaceTable(layout=name) for name in LAYOUTS]

    def door(data: bytes) -> None:
        choice, data = take(data)
        path.write_bytes(data)
        bounds: dict[str, Any] = {"start_s": 0.03, "end_s": 0.1} if choice & 2 else {}
        extractor = extractors[choice % 2]
        row = extractor.extract_one(path, **bounds)
        assert row.shape == extractor.get_feature_names_out().shape and row.dtype == np.float32, "row"
        assert not np.isinf(row).any(), "infinite"

    return Target(door, seeds, (SampleError,), cells_or_bytes, max_bytes=2**13)


def studies() -> Target:
    """Return the target of study files."""
    path = Path(tempfile.mkdtemp()) / "mine.toml"
    names = ("demo", "ravdess", "meld", "wesad")
    seeds = {name: to_toml(load_study(name)).encode() for name in names}
    seeds["small"] = (
        b'name = "x"\ncorpus = "demo"\nseed = 3\nlabel_map = {a = "b"}\n[blocks.face]\nextractor = "table"\n'
        b'table = "face"\n[protocol]\nname = "group_kfold"\nn_folds = 2\n'
    )

    def door(data: bytes) -> None:
        path.write_bytes(data)
        study = load_study(path)
        path.write_text(to_toml(study), encoding="utf-8")
        assert load_study(path) == study, "another study once written"

    return Target(door, seeds, (StudyError,), max_bytes=2**14)


def store() -> Target:
    """Return the target of a store's file and of a shard that waits to be taken in."""
    keys = [f"{number:064x}" for number in range(8)]
    rows = {key: StoredRow(np.full(N_VALUES, place, dtype=np.float32)) for place, key in enumerate(keys)}
    begin, place = Path(tempfile.mkdtemp()), Path(tempfile.mkdtemp()) / "store"
    made = FeatureStore(begin / "store")
    made.put_many(rows, maker=MAKER)
    database = (begin / "store" / FILE_NAME).read_bytes()
    write_shard(begin / "shards", rows, maker=MAKER)
    shards = [path for path in (begin / "shards").rglob("*") if path.is_file()]
    seeds = {"database": database + b"\0", **{f"shard-{path.suffix}": path.read_bytes() + b"\1" for path in shards}}
    shard_name = shards[0].relative_to(begin / "shards")

    def door(data: bytes) -> None:
        choice, data = take(data)
        shutil.rmtree(place, ignore_errors=True)
        path = place / (shard_name if choice & 1 else FILE_NAME)
        path.parent.mkdir(parents=True)
        path.write_bytes(data)
        opened = FeatureStore(place)
        found = opened.get_many(keys, n_values=N_VALUES)
        for key, row in found.items():
            assert np.array_equal(row.values, rows[key].values), "other values"
        opened.put_many(rows, maker=MAKER)

    return Target(door, seeds, (StoreError,), max_bytes=2**17)


def archives() -> Target:
    """Return the target of an archive below the root of a corpus."""
    folder = Path(tempfile.mkdtemp())
    path = folder / "corpus.zip"
    seeds = {}
    for name, packing in (
        ("stored", zipfile.ZIP_STORED),
        ("deflated", zipfile.ZIP_DEFLATED),
        ("lzma", zipfile.ZIP_LZMA),
    ):
        held = io.BytesIO()
        with zipfile.ZipFile(held, "w", packing) as archive:
            archive.writestr("train/a.csv", "id,label\na,b\n" * 10)
            archive.writestr("train/b.wav", b"RIFF" + bytes(100))
            archive.writestr("../out.txt", "no")
            archive.writestr("/abs.txt", "no")
        seeds[name] = held.getvalue()

    def door(data: bytes) -> None:
        path.write_bytes(data)
        os.utime(path, ns=(door.count, door.count))  # type: ignore[attr-defined]
        door.count += 10**9  # type: ignore[attr-defined] # archives stay open by their time and size
        for found in find_files(folder, ".*")[:20]:
            assert found.is_relative_to(path) and ".." not in found.parts, "leads out of the archive"
            try:
                assert len(read_bytes(found, max_bytes=MAX_UNPACKED_BYTES)) <= MAX_UNPACKED_BYTES, "too much"
            except SampleError:
                continue

    door.count = 10**18  # type: ignore[attr-defined]
    return Target(door, seeds, (CorpusError,), max_bytes=2**14)


def corpora() -> Target:
    """Return the target of the readers: one file of a miniature corpus is another."""
    cases = beside("contracts/test_corpora.py").CASES
    seeds, names = {}, sorted({name for name, *_ in cases.values()} - {"demo"})
    for title, (name, make, *_) in cases.items():
        if name == "demo":
            continue
        made = Path(tempfile.mkdtemp())
        make(made, None)
        files = {
            path.relative_to(made).as_posix(): path.read_bytes()
            for path in sorted(made.rglob("*"))
            if path.is_file() and path.stat().st_size < 2**16
        }
        shutil.rmtree(made)
        if 0 < sum(map(len, files.values())) < 2**19:
            seeds[title.replace(" ", "-")] = _packed(files) + bytes([names.index(name)])
    root = Path(tempfile.mkdtemp()) / "root"

    def door(data: bytes) -> None:
        choice, data = take(data)
        shutil.rmtree(root, ignore_errors=True)
        root.mkdir()
        for name, content in _unpacked(data).items():
            path = root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        corpus = read_corpus(names[choice % len(names)], root)
        assert len(corpus.samples), "no samples"

    def mutate(data: bytes, chance: random.Random, change: Change) -> bytes:
        choice, data = take(data)
        files = _unpacked(data)
        told = [name for name in files if Path(name).suffix.lower() in PACKABLE]
        if not files:
            return change(data) + bytes([choice])
        name = chance.choice(told if told and chance.random() < 0.9 else sorted(files))
        content = files[name]
        if chance.random() < 0.1:
            del files[name]
        elif chance.random() < 0.4 and content.count(b"\n") > 1:
            files[name] = cells_changed(content, chance)
        else:
            files[name] = change(content)
        return _packed(files) + bytes([choice])

    return Target(door, seeds, (CorpusError, TableError, SampleError), mutate, rss_mb=3072, max_bytes=2**19)


def _packed(files: dict[str, bytes]) -> bytes:
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return held.getvalue()


def _unpacked(data: bytes) -> dict[str, bytes]:
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            infos = archive.infolist()[:200]
            if sum(info.file_size for info in infos) > 2**22:
                return {}
            files = {info.filename: archive.read(info) for info in infos}
    except Exception:  # an archive of ours that was harmed itself says nothing about a reader
        return {}
    bad = [
        name for name in files if name.startswith("/") or ".." in Path(name).parts or name.endswith("/") or "\0" in name
    ]
    return {} if bad else files
