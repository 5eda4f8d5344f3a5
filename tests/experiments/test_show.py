"""One clip drawn: what is said of it is right, the picture is there and whole, and nothing half-written is left."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
import soundfile as sf
from emofuse.experiments import drawing
from emofuse.experiments.drawing import draw_tokens, envelope, new_figure, pitch_hz
from emofuse.experiments.show import show_clip
from emofuse.features.errors import SampleError, StudyError
from emofuse.features.media import as_audio
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from skimage.data import astronaut

RATE = 16_000


def tone(hertz, seconds=1.0):
    """A vowel-like tone: ten harmonics that fall off."""
    times = np.arange(round(seconds * RATE)) / RATE
    return sum(np.sin(2 * np.pi * hertz * harmonic * times) / harmonic for harmonic in range(1, 11)) * 0.2


@pytest.fixture
def sound(tmp_path):
    path = tmp_path / "voice.wav"
    sf.write(path, np.concatenate([np.zeros(RATE // 2), tone(200.0)]), RATE)
    return path


@pytest.fixture
def video(tmp_path):
    """Half a second of a face that moves, half a second of greys, with sound."""
    import av

    path = tmp_path / "talk.mp4"
    with av.open(str(path), "w") as container:
        pictures = container.add_stream("mpeg4", rate=20)
        pictures.width = pictures.height = 256
        voice = container.add_stream("aac", rate=RATE, layout="mono")
        for number in range(20):
            face = np.ascontiguousarray(astronaut()[0:256, 86 + 2 * number : 342 + 2 * number])
            pixels = face if number < 10 else np.full_like(face, 10 * number)
            container.mux(pictures.encode(av.VideoFrame.from_ndarray(pixels, format="rgb24")))
        frame = av.AudioFrame.from_ndarray(tone(150.0).astype(np.float32)[None], format="fltp", layout="mono")
        frame.sample_rate = RATE
        container.mux(voice.encode(frame))
        for stream in (pictures, voice):
            container.mux(stream.encode())
    return path


def is_whole_picture(path):
    with Image.open(path) as image:
        image.load()
        return image.format == "PNG" and len(image.getcolors(2**20) or range(3)) > 2


def test_sound_is_drawn_with_its_pitch(sound, tmp_path):
    facts = show_clip(sound, tmp_path / "out.png")
    assert is_whole_picture(tmp_path / "out.png")
    assert (facts["kind"], facts["duration_s"], facts["sampling_rate_hz"]) == ("sound", 1.5, RATE)
    assert facts["f0_median_hz"] == pytest.approx(200, rel=0.02)
    assert 0.5 < facts["voiced_share"] < 0.75


def test_part_of_a_sound_is_drawn_where_it_was(sound, tmp_path, monkeypatch):
    axes = []
    monkeypatch.setattr("emofuse.experiments.show.save_figure", lambda figure, target: axes.extend(figure.axes))
    facts = show_clip(sound, tmp_path / "out.png", start_s=0.75, end_s=1.25)
    assert facts["duration_s"] == 0.5
    assert [axis.get_xlim() for axis in axes] == [(0.75, 1.25)] * 3
    when = axes[2].lines[0].get_xdata()
    assert 0.75 <= when.min() and when.max() <= 1.25


def test_words_beside_a_recording_are_shown_with_it(sound, tmp_path):
    sound.with_suffix(".txt").write_text("I am so happy!")
    assert show_clip(sound, tmp_path / "out.png")["tokens"] == ["i", "am", "so", "happy", "!"]


def test_picture_is_drawn_with_its_faces(tmp_path):
    Image.fromarray(astronaut()).save(tmp_path / "face.png")
    facts = show_clip(tmp_path / "face.png", tmp_path / "out.png")
    assert (facts["kind"], facts["size"], facts["faces"]) == ("picture", "512 x 512", 1)
    left, top, right, bottom = facts["boxes"][0]
    assert left < 224 < right and top < 112 < bottom  # the nose
    Image.fromarray(np.full((64, 64), 99, np.uint8)).save(tmp_path / "grey.png")
    assert show_clip(tmp_path / "grey.png", tmp_path / "none.png")["faces"] == 0


def test_video_is_drawn_with_faces_while_they_are_there(video, tmp_path):
    facts = show_clip(video, tmp_path / "out.png")
    assert is_whole_picture(tmp_path / "out.png")
    assert (facts["kind"], facts["pictures"], facts["faces"], facts["people"]) == ("video", 20, 1, 1)
    assert 0.4 < facts["presence_share"] < 0.7
    assert facts["sound"]["f0_median_hz"] == pytest.approx(150, rel=0.03)


@pytest.mark.parametrize("with_time", [True, False])
def test_recording_is_drawn_with_its_bands(tmp_path, with_time):
    times = np.arange(1024) / 256
    table = pd.DataFrame({name: 10 * np.sin(2 * np.pi * 10 * times + number) for number, name in enumerate("ab")})
    if with_time:
        times[512:] += 3.0
        table.insert(0, "timestamps", times)
    table.to_csv(tmp_path / "eeg.csv", index=False)
    facts = show_clip(tmp_path / "eeg.csv", tmp_path / "out.png", sampling_rate_hz=256)
    assert is_whole_picture(tmp_path / "out.png")
    assert (facts["kind"], facts["channels"], facts["duration_s"]) == ("recording", ["a", "b"], 4.0)
    assert len(facts["gaps_s"]) == with_time


def test_text_is_drawn_as_tokens(tmp_path):
    (tmp_path / "said.txt").write_text("What a day, I LOVE it :)")
    facts = show_clip(tmp_path / "said.txt", tmp_path / "out.svg")
    assert facts["kind"] == "text" and facts["tokens"][-2:] == ["it", ":)"]
    assert "<svg" in (tmp_path / "out.svg").read_text()


def test_tokens_are_coloured_by_their_valence():
    _figure, (axis,) = new_figure([1.0])
    draw_tokens(axis, "good bad table")
    colors = {text.get_text(): text.get_color() for text in axis.texts}
    assert colors == {"good": drawing.ACCENT, "bad": drawing.SECOND, "table": drawing.INK}


def test_long_text_is_cut_in_the_picture_not_in_what_is_said():
    _figure, (axis,) = new_figure([1.0])
    tokens = draw_tokens(axis, "word " * 500)
    assert len(tokens) == 500 and len(axis.texts) == drawing.MAX_TOKENS + 1


@given(st.integers(1, 30_000), st.integers(0, 2**31))
def test_envelope_never_skips_a_peak(count, seed):
    random = np.random.default_rng(seed)
    samples = random.normal(size=count).astype(np.float32)
    bottom, top, edges = envelope(samples, np.arange(count) / 100)
    assert bottom.min() == samples.min() and top.max() == samples.max()
    assert len(bottom) == len(edges) <= drawing.MAX_TRACE_POINTS


def test_pitch_of_a_sound_without_voice_or_length_has_no_value():
    _, hertz = pitch_hz(as_audio(np.zeros(RATE, dtype=np.float32), RATE))
    assert np.isnan(hertz).all()
    assert len(pitch_hz(as_audio(np.zeros(64, dtype=np.float32), RATE))[1]) == 0


@pytest.mark.parametrize(
    ("name", "content", "code"),
    [
        ("junk.mp4", b"\x00\x01 no media \xff" * 99, "not_audio"),
        ("junk.csv", b"\x00\x01 no table \xff" * 99, "not_a_table"),
        ("empty.wav", b"", "empty_file"),
    ],
)
def test_what_cannot_be_read_is_refused_and_leaves_nothing(tmp_path, name, content, code):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(SampleError) as caught:
        show_clip(tmp_path / name, tmp_path / "out.png")
    assert caught.value.code == code
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_picture_that_cannot_be_written_is_refused(sound, tmp_path):
    with pytest.raises(StudyError, match="--out must end in"):
        show_clip(sound, tmp_path / "out.jpg")
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(StudyError, match="cannot be written"):
        show_clip(sound, tmp_path / "file" / "out.png")


def test_command_prints_what_it_found(sound, tmp_path, command, monkeypatch):
    monkeypatch.chdir(tmp_path)
    answer = command("show", sound)
    assert answer.status == 0 and "1.5 s" in answer.out and "16000 Hz" in answer.out
    assert is_whole_picture(tmp_path / "voice.png")
    facts = json.loads(command("show", sound, "--json").out)
    assert facts["kind"] == "sound" and facts["picture"] == "voice.png"
    wrong = command("show", tmp_path / "none.wav")
    assert wrong.status == 2 and "none.wav" in wrong.err and wrong.err.count("\n") == 1
