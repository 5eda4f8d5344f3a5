"""A recording without a text gets the words that stand beside it, or those that a study's own function hears."""

import sys
import types
import zipfile

import pandas as pd
import pytest
from emofuse.features.base import FAILURE_COLUMNS
from emofuse.features.errors import SampleError, StudyError, TableError
from emofuse.features.transcripts import make_transcriber, read_sidecar, read_transcript, transcribe

SRT = """1
00:00:00,500 --> 00:00:02,000
<i>Oh no!</i>
{\\an8}Really?

2
00:00:02,000 --> 00:00:04,500 X1:100 X2:200
That is fine.
"""
VTT = """WEBVTT - a title

NOTE not spoken
over two lines

STYLE
::cue { color: red }

intro
00:00.500 --> 00:02.000 align:start
<v Ann>Oh <00:01.000>no!
Really?

00:00:02.000 --> 00:00:04.500
That is fine.
"""
ALIGN = "0 12500 sil\n12500 25000 bin\n25000 37500 blue\n37500 40000 sp\n40000 75000 soon\n75000 76000 sil\n"


@pytest.fixture
def write(tmp_path):
    """A function that writes a file and returns its path."""

    def write(name, content):
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return write


READ = {
    "txt": ("a.txt", " Oh  no!\nReally? ", None, None, "Oh no! Really?"),
    "txt-with-mark": ("a.txt", "wörld".encode("utf-8-sig"), None, None, "wörld"),
    "txt-utf-16": ("a.txt", "wörld".encode("utf-16"), None, None, "wörld"),
    "txt-empty": ("a.txt", "", None, None, ""),
    "txt-from-the-start": ("a.txt", "Oh no!", 0.0, None, "Oh no!"),
    "srt": ("a.srt", SRT, None, None, "Oh no! Really? That is fine."),
    "srt-carriage-returns": ("a.SRT", SRT.replace("\n", "\r\n"), None, None, "Oh no! Really? That is fine."),
    "srt-clip": ("a.srt", SRT, 0.0, 2.0, "Oh no! Really?"),
    "srt-rest": ("a.srt", SRT, 2.0, None, "That is fine."),
    "srt-outside": ("a.srt", SRT, 10.0, 12.0, ""),
    "vtt": ("a.vtt", VTT, None, None, "Oh no! Really? That is fine."),
    "vtt-clip": ("a.vtt", VTT, 1.5, 9.0, "That is fine."),
    "vtt-without-cues": ("a.vtt", "WEBVTT\n", None, None, ""),
    "vtt-hours": ("a.vtt", "WEBVTT\n\n01:00:01.000 --> 01:00:02.000\nlate", 3600.0, 3610.0, "late"),
    "align": ("a.align", ALIGN, None, None, "bin blue soon"),
    "align-clip": ("a.align", ALIGN, 0.5, 1.3, "bin blue"),
    "align-first-word": ("a.align", ALIGN, None, 1.0, "bin"),
    "align-empty": ("a.align", "\n", None, None, ""),
}


@pytest.mark.parametrize(("name", "content", "start_s", "end_s", "words"), READ.values(), ids=READ)
def test_words_of_a_transcript(write, name, content, start_s, end_s, words):
    assert read_transcript(write(name, content), start_s=start_s, end_s=end_s) == words


@pytest.mark.parametrize("name", ["a.srt", "a.vtt", "a.align"])
@pytest.mark.parametrize("cut_s", [0.3, 0.75, 1.25, 2.0, 3.1])
def test_neighbouring_clips_share_no_words_and_lose_none(write, name, cut_s):
    path = write(name, {"a.srt": SRT, "a.vtt": VTT, "a.align": ALIGN}[name])
    parts = [read_transcript(path, end_s=cut_s), read_transcript(path, start_s=cut_s)]
    assert " ".join(part for part in parts if part) == read_transcript(path)


REFUSED = {
    "missing": ("b.txt", None, {}, "missing", "no file 'b.txt'"),
    "format": ("a.docx", "x", {}, "bad_transcript", r"ends in \.txt, \.srt, \.vtt, \.align, got 'a\.docx'"),
    "bytes": ("a.txt", b"caf\xe9", {}, "not_text", "byte 3 of 'a.txt' is not UTF-8"),
    "no-times": ("a.txt", "x", {"start_s": 1.0}, "no_times", "'a.txt' has no times and the sample is a clip"),
    "no-times-end": ("a.txt", "x", {"end_s": 1.0}, "no_times", "give .srt, .vtt or .align"),
    "bounds": ("a.srt", SRT, {"start_s": 2.0, "end_s": 1.0}, "bad_clip", "ends after its start"),
    "srt-no-cue": ("a.srt", "just words", {}, "bad_transcript", "'a.srt' has no cue"),
    "srt-bad-times": ("a.srt", "1\n0.5 --> 2\nx\n", {}, "bad_transcript", "'0.5 --> 2' are no times"),
    "align-short": ("a.align", "0 5 a\n5 b\n", {}, "bad_transcript", "'a.align' line 2: 'start end word' is needed"),
    "align-words": ("a.align", "zero 5 a\n", {}, "bad_transcript", "line 1"),
    "align-reversed": ("a.align", "9 5 a\n", {}, "bad_transcript", "line 1"),
}


@pytest.mark.parametrize(("name", "content", "bounds", "code", "message"), REFUSED.values(), ids=REFUSED)
def test_unusable_transcript_is_a_sample_error(write, tmp_path, name, content, bounds, code, message):
    path = tmp_path / name if content is None else write(name, content)
    with pytest.raises(SampleError, match=message) as caught:
        read_transcript(path, **bounds)
    assert caught.value.code == code


def test_transcript_stands_beside_its_recording(write, tmp_path):
    write("a.srt", SRT)
    assert read_sidecar(str(tmp_path / "a.wav")) == "Oh no! Really? That is fine."
    assert read_sidecar(str(tmp_path / "b.wav")) is None
    write("a.txt", "all of it")
    assert read_sidecar(str(tmp_path / "a.wav")) == "all of it"
    assert read_sidecar(str(tmp_path / "a.wav"), 2.0, 5.0) == "That is fine."


def test_transcript_in_an_archive_stands_beside_its_recording(tmp_path):
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("clips/x.align", ALIGN)
    assert read_sidecar(str(tmp_path / "a.zip" / "clips" / "x.mpg")) == "bin blue soon"


@pytest.fixture
def speech(monkeypatch):
    """A module of a user's own with transcribers in it."""
    module = types.ModuleType("users_speech")
    module.hear = lambda path: f"heard {path}"
    module.hear_clip = lambda path, start_s=None, end_s=None: f"{path} {start_s} {end_s}"
    module.hear_nothing = lambda path: None
    module.hear_numbers = lambda path: 5

    def fail(path):
        raise RuntimeError("no microphone")

    module.fail = fail
    module.Model = type("Model", (), {"hear": staticmethod(lambda path: "in a class")})
    module.notes = "no function"
    monkeypatch.setitem(sys.modules, "users_speech", module)
    return module


def test_transcriber_of_a_users_own(speech):
    assert make_transcriber("users_speech:hear")("a.wav", None, None) == "heard a.wav"
    assert make_transcriber("users_speech:hear_clip")("a.wav", 1.0, 2.0) == "a.wav 1.0 2.0"
    assert make_transcriber("users_speech:hear_nothing")("a.wav", None, None) is None
    assert make_transcriber("users_speech:Model.hear")("a.wav", None, None) == "in a class"
    assert make_transcriber("sidecar") is read_sidecar


def test_built_in_function_without_a_signature_is_asked_by_path(speech):
    speech.plain = str
    assert make_transcriber("users_speech:plain")("a.wav", None, None) == "a.wav"


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("whisper", "transcript must be 'sidecar' or 'package.module:function', got 'whisper'"),
        ("users_speech:", "must be 'sidecar' or"),
        (":hear", "must be 'sidecar' or"),
        ("users_speech:listen", "cannot be imported: .*listen"),
        ("no_such_module:hear", "cannot be imported: No module named 'no_such_module'"),
        (".:hear", "cannot be imported"),
        ("users_speech:notes", "is no function; name one that takes a path and gives a text"),
    ],
)
def test_what_names_no_transcriber_is_refused(speech, spec, message):
    with pytest.raises(StudyError, match=message):
        make_transcriber(spec)


def test_clip_is_not_asked_of_a_function_that_hears_whole_files(speech):
    with pytest.raises(SampleError, match="takes no start_s and end_s, and the sample is a clip"):
        make_transcriber("users_speech:hear")("a.wav", 1.0, None)


def test_only_absent_texts_are_filled_in_and_failures_are_recorded(write, tmp_path):
    write("a.txt", "from a")
    write("v.srt", SRT)
    write("bad.txt", b"\xe9")
    rows = {
        "there": ("kept", "a.wav", None),
        "empty": ("", "a.wav", None),
        "absent": (None, "a.wav", None),
        "bad": (None, "bad.wav", None),
        "film": (float("nan"), None, "v.mp4"),
        "no-sidecar": (None, "c.wav", None),
        "nothing": (None, None, None),
    }
    samples = pd.DataFrame.from_dict(rows, orient="index", columns=["text", "audio", "video"], dtype=object)
    for column in ("audio", "video"):
        samples[column] = [str(tmp_path / name) if isinstance(name, str) else None for name in samples[column]]
    before = samples.copy()
    texts, failures = transcribe(samples, "sidecar", n_jobs=2)
    assert texts.tolist() == ["kept", "", "from a", None, "Oh no! Really? That is fine.", None, None]
    assert texts.index.equals(samples.index)
    assert failures.columns.tolist() == FAILURE_COLUMNS
    assert failures[["sample", "source", "code"]].to_numpy().tolist() == [["bad", "audio", "not_text"]]
    pd.testing.assert_frame_equal(samples, before)


def test_clips_get_their_own_words(write, tmp_path):
    write("a.srt", SRT)
    samples = pd.DataFrame(
        {"audio": [str(tmp_path / "a.wav")] * 2, "start_s": [0.0, 2.0], "end_s": [2.0, float("nan")]}
    )
    assert transcribe(samples, "sidecar").texts.tolist() == ["Oh no! Really?", "That is fine."]


def test_failing_function_kills_no_batch(speech):
    samples = pd.DataFrame({"audio": ["a.wav", "b.wav"]}, index=["a", "b"])
    texts, failures = transcribe(samples, "users_speech:fail")
    assert texts.isna().all()
    assert failures["code"].tolist() == ["unexpected", "unexpected"]
    assert "RuntimeError: no microphone" in failures["message"].iloc[0]
    assert transcribe(samples, "users_speech:hear_numbers").failures["code"].tolist() == ["not_text"] * 2


def test_column_can_be_chosen_and_must_be_there(speech):
    samples = pd.DataFrame({"audio": ["a.wav"], "video": ["a.mp4"]})
    assert transcribe(samples, "users_speech:hear", column="video").texts.tolist() == ["heard a.mp4"]
    with pytest.raises(TableError, match="column 'audio' is missing"):
        transcribe(pd.DataFrame({"text": ["a"]}), "users_speech:hear")
    with pytest.raises(TableError, match="column 'film' is missing"):
        transcribe(samples, "users_speech:hear", column="film")
