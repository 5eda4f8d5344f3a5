"""What is asked on the command line becomes clips: options, files, folders, lines of text, or a table."""

from __future__ import annotations

import io
from contextlib import contextmanager

import pytest
from emofuse.features.errors import PredictionError, TableError
from emofuse.inference.answer import Answer, ModalityAnswer
from emofuse.inference.requests import Request, answer_request, clip_of, read_request


class Reads:
    """A model that reads some sources."""

    def __init__(self, *sources):
        self.modalities = {source: (source,) for source in sources}

    def clips_of(self, table):
        yield from table.to_dict("records")

    def unanswered(self, why):
        return Answer("happy", {"happy": 1.0}, {"text": ModalityAnswer(False, reason="not given")}, warnings=(why,))

    def predict(self, *, text=None, explain=True, **_):
        if text == "refuse":
            raise PredictionError("the model refuses")
        said = ModalityAnswer(text != "broken", reason="not_text: broken" if text == "broken" else None)
        return Answer("happy", {"happy": 1.0}, {"text": said, "audio": ModalityAnswer(False, reason="not given")})


@pytest.fixture
def folder(tmp_path):
    for name in ("b.wav", "a.MP3", "sub/c.flac", "note.txt", "face.png", ".hidden.wav", "x.zip", "run.csv"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"so it is")
    return tmp_path


@contextmanager
def counted(name, total):
    steps = []
    yield steps.append
    assert sum(steps) <= total


def names(request):
    return [name for name, _ in request.clips]


def test_options_are_one_clip(tmp_path):
    found = read_request(
        Reads("audio", "text"), {"audio": "a.wav", "text": "so", "image": None, "end_s": 2.0, "start_s": None}
    )
    assert found == Request((("clip", {"audio": "a.wav", "text": "so", "end_s": 2.0}),), True)


@pytest.mark.parametrize(
    ("options", "paths", "csv", "got"),
    [
        ({}, (), None, "nothing"),
        ({"text": None, "start_s": 1.0}, (), None, "nothing"),
        ({"text": "so"}, ("a.wav",), None, "several of them"),
        ({"text": "so"}, (), "a.csv", "several of them"),
        ({}, ("a.wav",), "a.csv", "several of them"),
    ],
)
def test_one_way_of_asking_is_needed(options, paths, csv, got):
    with pytest.raises(PredictionError, match=f"give one clip by options .* or --csv TABLE; got {got}"):
        read_request(Reads("text"), options, paths, csv=csv)


def test_files_are_clips_by_their_names(folder):
    found = read_request(Reads("audio"), {"start_s": 1.0}, [folder / "b.wav", folder / "a.MP3"])
    assert found.clips == (
        ("b.wav", {"audio": folder / "b.wav", "start_s": 1.0}),
        ("a.MP3", {"audio": folder / "a.MP3", "start_s": 1.0}),
    )
    assert not found.single


def test_a_folder_gives_what_the_model_reads_in_the_order_of_names(folder):
    assert names(read_request(Reads("audio"), {}, [folder])) == ["a.MP3", "b.wav", "sub/c.flac"]
    assert names(read_request(Reads("image", "text"), {}, [folder])) == ["face.png", "note.txt"]
    assert names(read_request(Reads("physiology"), {}, [folder])) == ["run.csv"]
    with pytest.raises(PredictionError, match="has no clip that the model reads"):
        read_request(Reads("eeg"), {}, [folder / "sub"])


@pytest.mark.parametrize(
    ("name", "reads", "source"),
    [
        ("a.WAV", ("audio",), "audio"),
        ("a.mp4", ("video",), "video"),
        ("a.mp4", ("audio",), "video"),
        ("a.webm", ("image",), "video"),
        ("a.jpeg", ("image",), "image"),
        ("a.edf", ("eeg",), "eeg"),
        ("a.csv", ("openface",), "openface"),
        ("a.csv", ("physiology", "openface"), "physiology"),
        ("a.csv", ("eeg", "physiology"), "eeg"),
    ],
)
def test_what_a_file_is(tmp_path, name, reads, source):
    assert clip_of(Reads(*reads), tmp_path / name) == {source: tmp_path / name}


def test_a_file_of_text_is_read(tmp_path):
    (tmp_path / "a.txt").write_bytes(b"so it is")
    assert clip_of(Reads("text"), tmp_path / "a.txt") == {"text": b"so it is"}


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("a.xyz", "'a.xyz' is no clip by its name; it should end in one of .*wav"),
        ("a", "is no clip by its name"),
        ("a.png", "'a.png' is image; the model reads text"),
        ("a.mp4", "'a.mp4' is video; the model reads text"),
        ("a.csv", "'a.csv' is eeg; the model reads text"),
    ],
)
def test_a_file_that_the_model_does_not_read_is_refused(tmp_path, name, message):
    with pytest.raises(PredictionError, match=message):
        clip_of(Reads("text"), tmp_path / name)


def test_lines_of_text_are_clips(monkeypatch):
    monkeypatch.setattr("sys.stdin", io.StringIO("so it is\n\n  never  \n"))
    assert read_request(Reads("text"), {}, ["-"]).clips == (
        ("line 1", {"text": "so it is"}),
        ("line 3", {"text": "never"}),
    )
    with pytest.raises(PredictionError, match="lines of text are given; the model reads audio"):
        read_request(Reads("audio"), {}, ["-"])


def test_no_line_of_text_is_refused(monkeypatch):
    monkeypatch.setattr("sys.stdin", io.StringIO(" \n\n"))
    with pytest.raises(PredictionError, match="no line of text"):
        read_request(Reads("text"), {}, ["-"])


def test_a_path_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(PredictionError, match=r"no file or folder .*gone.*; check its name"):
        read_request(Reads("audio"), {}, [str(tmp_path / "gone")])


def test_a_table_is_clips(tmp_path):
    (tmp_path / "t.csv").write_text("id,text,note\nb,so it is,1\na,never,2\n")
    found = read_request(Reads("text"), {}, csv=tmp_path / "t.csv")
    assert names(found) == ["b", "a"] and found.clips[0][1]["text"] == "so it is" and not found.single
    with pytest.raises(PredictionError, match=r"has the columns .*; the model reads audio"):
        read_request(Reads("audio"), {}, csv=tmp_path / "t.csv")
    (tmp_path / "twice.csv").write_text("id,text\na,so\na,so\n")
    with pytest.raises(TableError):
        read_request(Reads("text"), {}, csv=tmp_path / "twice.csv")


def test_every_clip_is_answered_in_order():
    request = Request((("a", {"text": "so"}), ("b", {"text": "broken"})), False)
    found = answer_request(Reads("text"), request, showing=counted)
    assert [(name, answer.modalities["text"].present) for name, answer in found] == [("a", True), ("b", False)]


def test_a_single_clip_that_cannot_be_used_is_refused():
    with pytest.raises(PredictionError, match=r"nothing of the clip can be used; text: not_text: broken$"):
        answer_request(Reads("text"), Request((("clip", {"text": "broken"}),), True), showing=counted)


def test_a_clip_that_is_refused_stops_no_others():
    with pytest.raises(PredictionError, match=r"^the model refuses"):
        answer_request(Reads("text"), Request((("clip", {"text": "refuse"}),), True), showing=counted)
    request = Request((("a", {"text": "refuse"}), ("b", {"text": "so"})), False)
    (_, refused), (_, answer) = answer_request(Reads("text"), request, showing=counted)
    assert refused.warnings == ("the model refuses",) and not any(said.present for said in refused.modalities.values())
    assert answer.modalities["text"].present
