"""A newcomer's own data: a folder of sounds, films and texts with a CSV, and what each mistake in it is answered with."""

from __future__ import annotations

import json
import re
from fractions import Fraction

import av
import numpy as np
import pandas as pd
import pytest
import soundfile as sf
from emofuse.experiments import opening
from emofuse.experiments.opening import study_and_corpus
from emofuse.experiments.study import load_study, study_for_samples, to_toml
from emofuse.features.column_names import likely_column, written_otherwise
from skimage import data

RATE_HZ = 16_000
PORTRAIT = data.astronaut()
WORDS = {"happy": "what a lovely day", "sad": "I am so alone"}


def voice(random, pitch):
    """Half a second of a buzz."""
    time = np.arange(RATE_HZ // 2) / RATE_HZ
    tone = 0.3 * np.sign(np.sin(2 * np.pi * pitch * time)) * np.hanning(len(time))
    return (tone + random.normal(0, 0.005, len(time))).astype(np.float32)


def write_film(path, sound, brightness):
    """Write three pictures of a face that moves, and a sound track."""
    with av.open(str(path), "w") as film:
        pictures = film.add_stream("mpeg4", rate=10, width=320, height=240, pix_fmt="yuv420p")
        pictures.bit_rate = 2_000_000
        track = film.add_stream("aac", rate=RATE_HZ, layout="mono")
        for number in range(3):
            cut = PORTRAIT[40 - 2 * number : 280 - 2 * number, 40 + 3 * number : 360 + 3 * number]
            picture = np.ascontiguousarray(cut * brightness, dtype=np.uint8)
            film.mux(pictures.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        film.mux(pictures.encode())
        frame = av.AudioFrame.from_ndarray(sound[None], format="fltp", layout="mono")
        frame.sample_rate, frame.pts, frame.time_base = RATE_HZ, 0, Fraction(1, RATE_HZ)
        film.mux(track.encode(frame))
        film.mux(track.encode())


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder of ten sounds and six films of three speakers; those that have neither wrote something."""
    folder = tmp_path_factory.mktemp("own")
    (folder / "clips").mkdir()
    random = np.random.default_rng(0)
    rows = []
    for speaker in ("ann", "ben", "cem"):
        for label, pitch in (("happy", 260), ("sad", 110)):
            for take in range(4):
                name = f"{speaker}-{label}-{take}"
                sound = voice(random, pitch + 10 * random.normal())
                file = (f"clips/{name}.mp4", f"clips/{name}.wav", f"clips/{name}.wav", None)[take]
                if take == 0:
                    write_film(folder / file, sound, 1.0 if label == "happy" else 0.7)
                elif file is not None:
                    sf.write(folder / file, sound, RATE_HZ)
                text = None if take == 2 else f"{WORDS[label]} {take}, said {speaker}"
                video = file if take == 0 else None
                row = {"id": name, "audio": file, "video": video, "text": text, "label": label, "group": speaker}
                rows.append(row)
    pd.DataFrame(rows).to_csv(folder / "my.csv", index=False)
    (folder / "clips" / "empty.wav").write_bytes(b"")
    return folder


@pytest.fixture
def answer(folder, tmp_path, shared_store, command):
    """A function that writes a table into the folder and runs ``emofuse run --samples`` on it."""

    def run(table, *options):
        content = table if isinstance(table, (bytes, str)) else table.to_csv(index=False)
        path = folder / "tried.csv"
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        given = ("--samples", path, "--store", shared_store, "--out", tmp_path / "run", "--jobs", 1)
        return command("run", *given, *options)

    return run


@pytest.fixture
def few_strategies(monkeypatch):
    """The study of a table without a study, with few strategies, as all of them take a minute."""

    def light(*arguments, **options):
        whole = study_for_samples(*arguments, **options)
        return whole.changed(strategies=("unimodal", "early", "late_mean"), classifiers=("linear",), n_inner=2)

    monkeypatch.setattr(opening, "study_for_samples", light)


def test_folder_of_mixed_clips_is_compared_and_a_broken_clip_stops_nothing(folder, answer, few_strategies, tmp_path):
    table = pd.read_csv(folder / "my.csv")
    table.loc[table["id"] == "ben-sad-1", "audio"] = "clips/empty.wav"
    found = answer(table)
    assert found.status == 0
    assert "note: audio sample 'ben-sad-1' is absent (empty_file): 'empty.wav' has 0 bytes" in found.err
    results = json.loads((tmp_path / "run" / "results.json").read_text(encoding="utf-8"))
    assert results["corpus"]["n_samples"] == 24 and results["corpus"]["n_failed"] == 1
    assert [row["blocks"] for row in results["rows"]] == [
        ["audio"],
        ["text"],
        ["video"],
        *[["audio", "text", "video"]] * 2,
    ]
    assert {row["strategy"]: row["metrics"]["uar"]["mean"] for row in results["rows"]}["late_mean"] > 0.9
    failures = pd.read_csv(tmp_path / "run" / "failures.csv")
    assert failures[["sample", "source", "code"]].values.tolist() == [["ben-sad-1", "audio", "empty_file"]]
    assert (tmp_path / "run" / "report.html").stat().st_size > 10_000


def put(table, row, column, value):
    """Return the table with another value in one row, or in some."""
    changed = table.astype(object)
    changed.loc[row, column] = value
    return changed


def renamed(**names):
    return lambda table: table.rename(columns=names)


def paths(change):
    """Return what changes every path to a sound."""
    return lambda table: table.assign(audio=table["audio"].map(change, na_action="ignore"), video=None)


def parted(train, test):
    """Return what puts a split in place of the speakers."""
    return lambda table: table.assign(split=[train if group == "ann" else test for group in table.pop("group")])


def doubled(**changes):
    """Return what adds the first clip once more."""
    return lambda table: pd.concat([table, table.iloc[:1].assign(**changes)])


MISTAKES = {
    "one path": (
        lambda table: put(table, 1, "audio", "clips/typo.wav"),
        "column 'audio': 1 of 18 files not found in '.*': 'clips/typo.wav' of sample 'ann-happy-1'; correct the paths",
    ),
    "every path": (
        paths(lambda path: path.removeprefix("clips/")),
        "18 of 18 files not found .*; there is 'clips/ann-happy-0.mp4': correct the paths, or say with --root where",
    ),
    "ending in capitals": (
        paths(lambda path: path.replace(".wav", ".WAV")),
        "12 of 18 files .*'clips/ann-happy-1.WAV' of sample 'ann-happy-1'.*; there is 'clips/ann-happy-1.wav'",
    ),
    "Windows": (
        paths(lambda path: "C:\\Users\\ann\\" + path.replace("/", "\\")),
        "18 of 18 files .* of sample 'ann-happy-0'.*; paths of another machine: write them as seen from the folder",
    ),
    "backslashes": (paths(lambda path: path.replace("/", "\\")), r"'ann-happy-0'.*; write / in place of \\"),
    "addresses": (paths(lambda path: "https://x.org/" + path), "'ann-happy-0'.*; nothing is downloaded"),
    "absolute": (
        lambda table: put(table, 1, "audio", "/elsewhere/a.wav"),
        "sample 'ann-happy-1': audio '/elsewhere/a.wav' lies outside .*; give the folder that holds all files with --root",
    ),
    "semicolons": (lambda table: table.to_csv(index=False, sep=";"), "tried.csv: .*separated by ';'.*by commas"),
    "workbook": (lambda table: b"PK\x03\x04" + bytes(99), "tried.csv: .*Excel workbook; save it as CSV UTF-8"),
    "latin-1": (
        lambda table: put(table, 2, "text", "café").to_csv(index=False).encode("latin-1"),
        "tried.csv: in line 4, byte .* is not UTF-8; save the table as UTF-8",
    ),
    "comma in a text": (
        lambda table: table.to_csv(index=False).replace("lovely day 1, said ben", "lovely, day, 1, said ben").replace('"', ""),
        "tried.csv: .*(?:line [0-9]+ has|the first row has) .*put text with commas in quotes",
    ),
    "no first line": (
        lambda table: table.to_csv(index=False, header=False),
        r"tried.csv: column names \['clips/ann-happy-0.mp4'\] repeat; rename all but one, in the first line",
    ),
    "label under another name": (
        renamed(label="emotion"),
        "column 'label' is missing, the columns are .*; rename 'emotion', or name it in a study",
    ),
    "label misspelled": (renamed(label="lable"), "column 'label' is missing.*; rename 'lable'"),
    "no label": (lambda table: table.drop(columns="label"), "column 'label' is missing.*; rename the one that is meant"),
    "capitals": (
        renamed(audio="Audio", group="Group"),
        "tried.csv: column 'Audio' is not read; write it 'audio'; column 'Group' is not read; write it 'group'",
    ),
    "ID": (renamed(id="ID"), "column 'ID' is not read; write it 'id'"),
    "clips under another name": (
        lambda table: table.drop(columns="video").rename(columns={"audio": "file"}),
        "column 'file' holds clips and is not read; call it 'audio' or 'video'",
    ),
    "text under another name": (
        lambda table: table.drop(columns=["audio", "video"]).rename(columns={"text": "utterance"}),
        "no column holds a clip or a text; call 'utterance' 'text'",
    ),
    "paths to texts": (
        lambda table: table.assign(text=[f"texts/{name}.txt" for name in table["id"]]),
        "column 'text' holds paths such as 'texts/ann-happy-0.txt', where the text itself is needed",
    ),
    "label in capitals": (
        lambda table: put(table, 5, "label", "Sad"),
        r"labels \['Sad', 'sad'\] differ only in spaces or case.*\(samples 'ann-sad-1'\)",
    ),
    "no label in a row": (lambda table: put(table, 5, "label", None), "sample 'ann-sad-1': its label is missing"),
    "scores": (
        lambda table: table.assign(label=np.linspace(0, 1, len(table)).round(3)),
        "column 'label' has 24 numbers in 24 samples.*; for scores write a study with task = \"regression\"",
    ),
    "names for labels": (lambda table: table.assign(label=table["id"]), "'label' has 24 classes in 24 samples"),
    "same name twice": (
        lambda table: put(table, 5, "id", "ann-sad-0"),
        "sample 'ann-sad-0': the name stands in 2 rows; each needs its own",
    ),
    "same clip under two speakers": (
        doubled(id="again", group="cem"),
        r"the same audio bytes stand in groups \['ann', 'cem'\] \(samples \['ann-happy-0', 'again'\]\); correct one",
    ),
    "same words by every speaker": (
        lambda table: table.assign(text="kids are talking by the door"),
        "'group_kfold' would leak: .* share text with training \\(such as 'cem-happy-0' with 'ann-happy-0'\\).*leaky = true",
    ),
    "one speaker": (
        lambda table: table.assign(group="ann"),
        "needs a column 'group' with three speakers or more, .*; the column 'group' has 'ann' only; add clips of more",
    ),
    "speaker under another name": (
        renamed(group="speaker"),
        "needs a column 'group' .*; there is a column 'speaker'; rename 'speaker' to 'group' if it says who speaks",
    ),
    "no speaker": (lambda table: table.drop(columns="group"), "there is no column 'group'; say in it who speaks"),
    "speaker in capitals": (
        lambda table: put(table, 5, "group", "Ann "),
        "column 'group' has 'Ann ', 'ann', which differ only in spaces or capitals; write one of them",
    ),
    "speaker made a day": (
        lambda table: put(table, 5, "group", "02-Jan"),
        "column 'group' has '02-Jan', which a spreadsheet made of other names; give the column the type text",
    ),
    "speaker made a number": (
        lambda table: put(table, [4, 5], "group", "1.2E+11"),
        r"column 'group' has '1.2E\+11', which a spreadsheet made of other names",
    ),
    "text made a formula": (
        lambda table: put(table, 1, "text", "#NAME?"),
        "text of sample 'ann-happy-1' is a spreadsheet's error, '#NAME\\?'",
    ),
    "split in capitals": (
        parted("Train", "TEST"),
        "column 'split' has 'Train', 'TEST'; write 'train', 'test', in small letters",
    ),
    "split of other names": (
        parted("training", "testing"),
        "'split' with train and test; there is no column 'group', and the column 'split' has 'testing', 'training'",
    ),
    "seconds with a comma": (
        lambda table: table.assign(start_s=["0,1", *[None] * 23]),
        "sample 'ann-happy-0': start_s must be seconds from 0 with a decimal point, got '0,1'",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("change", "message"), MISTAKES.values(), ids=MISTAKES)
def test_mistake_in_a_table_is_one_line_that_says_what_to_do(folder, answer, tmp_path, change, message):
    found = answer(change(pd.read_csv(folder / "my.csv")))
    assert (found.status, found.out, found.err.count("\n")) == (2, "", 1)
    assert found.err.startswith("emofuse: ")
    assert re.search(message, found.err), found.err
    assert not (tmp_path / "run" / "results.json").exists()


def test_table_that_is_not_there_and_a_root_that_is_none(folder, tmp_path, command):
    assert "no file 'mine.csv'; check the path" in command("run", "--samples", tmp_path / "mine.csv").err
    found = command("run", "--samples", folder / "my.csv", "--root", tmp_path / "gone")
    assert found.status == 2 and "gone', which is no folder; correct --root" in found.err


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_what_spreadsheets_leave_in_a_table_is_no_mistake(folder, encoding):
    text = (folder / "my.csv").read_text(encoding="utf-8")
    lines = [f"{line},," for line in text.splitlines()] + [",,,,,,,"] * 2
    (folder / "excel.csv").write_bytes("\r\n".join(lines).encode(encoding))
    study, corpus, _ = study_and_corpus(None, None, folder / "excel.csv")
    plain = study_and_corpus(None, None, folder / "my.csv")[1]
    assert list(study.blocks) == ["audio", "text", "video"]
    pd.testing.assert_frame_equal(corpus.samples[plain.samples.columns.tolist()], plain.samples)


def test_columns_that_a_study_names_may_be_called_as_they_are(folder, make_study):
    table = pd.read_csv(folder / "my.csv").rename(columns={"label": "Label", "group": "Group"})
    table.assign(audio="gone.wav").to_csv(folder / "named.csv", index=False)
    study = make_study("text", blocks={"text": {"extractor": "text"}}, label="Label", group="Group")
    (folder / "named.toml").write_text(to_toml(study), encoding="utf-8")
    found, corpus, root = study_and_corpus(str(folder / "named.toml"), None, folder / "named.csv")
    assert (found, root) == (
        load_study(folder / "named.toml"),
        folder,
    )  # files of columns that are not read may be gone
    assert corpus.samples["Label"].nunique() == 2


def test_member_of_an_archive_is_looked_for_when_it_is_read(folder):
    table = pd.read_csv(folder / "my.csv").assign(video=None)
    table.assign(audio="all.zip/clips/a.wav").to_csv(folder / "zipped.csv", index=False)
    assert study_and_corpus(None, None, folder / "zipped.csv")[1].samples["audio"].nunique() == 1


def test_column_that_is_meant_is_found():
    assert likely_column("label", ["id", "Emotion "]) == "Emotion "
    assert likely_column("label", ["id", "text"]) is None
    assert likely_column("group", ["id", "Groupe"]) == "Groupe"
    assert written_otherwise(("start_s", "text"), ["Start-S", "text", "Text"]) == {"Start-S": "start_s"}
