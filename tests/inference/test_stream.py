"""Answers along a stream: windows where they should be, nothing kept, nothing lost, whatever comes."""

import io
import itertools
import json
from fractions import Fraction

import av
import numpy as np
import pytest
import soundfile as sf
from emofuse.features.errors import EmofuseError, SampleError
from emofuse.features.face_clip import blinks_per_minute
from emofuse.features.face_video import FaceVideo
from emofuse.features.faces import MARGIN_OF_CROPS
from emofuse.inference.stream import LiveStream, stream
from emofuse.inference.stream_faces import ANSWER_S, MARGIN, BlinkCounter, crop_margin
from hypothesis import given
from hypothesis import strategies as st
from skimage import data

RATE_HZ = 8000
ASTRONAUT = np.ascontiguousarray(data.astronaut()[:240, 65:385])
GREY = np.full((120, 160, 3), 128, np.uint8)


def tone(seconds, level=0.05):
    times = np.arange(round(seconds * RATE_HZ)) / RATE_HZ
    return (level * np.sqrt(2) * np.sin(2 * np.pi * 200 * times)).astype(np.float32)


def wav(samples, path=None):
    target = io.BytesIO() if path is None else path
    sf.write(target, samples, RATE_HZ, format="WAV", subtype="FLOAT")
    return None if path is not None else target.getvalue()


def film(pictures, times_s, sound=None):
    """Return a Matroska file of pictures at their times, and sound."""
    file = io.BytesIO()
    with av.open(file, "w", format="matroska") as output:
        shown = output.add_stream("mjpeg", rate=25, width=pictures[0].shape[1], height=pictures[0].shape[0])
        shown.pix_fmt, shown.codec_context.time_base = "yuvj420p", Fraction(1, 1000)
        heard = output.add_stream("pcm_s16le", rate=RATE_HZ) if sound is not None else None
        for time_s, picture in zip(times_s, pictures, strict=True):
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24").reformat(format="yuvj420p")
            frame.pts, frame.time_base = round(1000 * time_s), Fraction(1, 1000)
            output.mux(shown.encode(frame))
        output.mux(shown.encode())
        if heard is not None:
            values = np.round(sound * 32767).astype(np.int16)
            for first in range(0, len(values), 800):
                piece = av.AudioFrame.from_ndarray(values[None, first : first + 800], format="s16", layout="mono")
                piece.sample_rate, piece.pts, piece.time_base = RATE_HZ, first, Fraction(1, RATE_HZ)
                output.mux(heard.encode(piece))
            output.mux(heard.encode())
    return file.getvalue()


def windows(moments):
    return [(round(moment.start_s, 2), round(moment.end_s, 2)) for moment in moments]


def push_all(live, samples, step):
    pieces = [samples[first : first + step] for first in range(0, len(samples), step)]
    return [moment for piece in pieces for moment in live.push_sound(piece, RATE_HZ)] + live.close()


def test_windows_slide_by_the_hop_and_a_rest_is_answered(fake_model):
    assert windows(stream(fake_model, wav(tone(4.6)), window_s=2, hop_s=1)) == [(0, 2), (1, 3), (2, 4), (2.6, 4.6)]


def test_what_is_shorter_than_a_window_is_one(fake_model):
    assert windows(stream(fake_model, wav(tone(0.5)))) == [(0, 0.5)]


def test_the_model_hears_the_window_and_nothing_else(fake_model):
    samples = np.concatenate([tone(2, 0.0), tone(2, 0.2), tone(2, 0.0)])
    labels = [moment.label for moment in stream(fake_model, wav(samples), window_s=1, hop_s=1)]
    assert labels == ["neutral", "neutral", "angry", "angry", "neutral", "neutral"]
    assert all(call["audio"] == (RATE_HZ, RATE_HZ) for call in fake_model.calls)


@given(step=st.integers(200, 30_000))
def test_how_sound_is_cut_into_pieces_changes_nothing(fakes, step):
    samples = tone(3.7) * np.linspace(0, 3, round(3.7 * RATE_HZ), dtype=np.float32)
    whole = push_all(LiveStream(fakes.FakeModel(), window_s=1, hop_s=0.5), samples, len(samples))
    pieces = push_all(LiveStream(fakes.FakeModel(), window_s=1, hop_s=0.5), samples, step)
    assert windows(whole) == windows(pieces)
    for one, other in zip(whole, pieces, strict=True):
        assert one.probabilities == pytest.approx(other.probabilities, abs=1e-6)


def test_nothing_older_than_the_window_is_kept(fake_model):
    live = LiveStream(fake_model, window_s=1, hop_s=0.5, faces=False)
    for number in range(200):
        live.push_sound(tone(0.1), RATE_HZ)
        live.push_frame(number / 10, GREY)
        assert sum(len(samples) for _, samples in live._pieces) <= 2.2 * RATE_HZ
        assert len(live._pictures) <= 22


def test_smoothing_and_hysteresis_hold_the_label(fake_model):
    samples = np.concatenate([tone(6, 0.0), tone(1, 0.2), tone(5, 0.0)])
    moments = list(stream(fake_model, wav(samples), window_s=1, hop_s=1, smoothing_s=5))
    assert [moment.label for moment in moments].count("angry") == 1
    assert {moment.smoothed_label for moment in moments} == {"neutral"}


def test_sound_and_pictures_share_a_clock(fake_model):
    dark, bright = np.zeros_like(GREY), np.full_like(GREY, 255)
    times = np.arange(40) / 10
    video = film([dark if time_s < 2 else bright for time_s in times], times, np.concatenate([tone(2), tone(2, 0.2)]))
    moments = list(stream(fake_model, video, window_s=1, hop_s=1, faces=False))
    said = [{name: one.label for name, one in moment.modalities.items() if one.present} for moment in moments]
    assert [one["video"] for one in said] == ["neutral", "neutral", "happy", "happy"]
    assert [one["audio"] for one in said] == ["neutral", "neutral", "angry", "angry"]


def test_pictures_at_uneven_times_are_answered(fake_model):
    times = np.cumsum([0, 0.02, 0.3, 0.01, 0.5, 0.05, 0.6, 0.02, 0.4])
    moments = list(stream(fake_model, film([GREY] * len(times), times), window_s=1, hop_s=0.5, faces=False))
    assert windows(moments) == [(0, 1), (0.5, 1.5), (0.9, 1.9)]
    assert all(moment.label is not None for moment in moments)


def test_a_face_has_a_number_landmarks_and_an_answer_and_keeps_its_number(fake_model):
    pairs = [(number / 10, np.roll(ASTRONAUT, number, axis=1)) for number in range(30)]
    moments = list(stream(fake_model, iter(pairs), window_s=1, hop_s=1))
    faces = [moment.faces for moment in moments]
    assert [len(one) for one in faces] == [1] * len(moments)
    assert {face.number for (face,) in faces} == {0}
    (face,) = faces[-1]
    assert face.leading
    assert np.shape(face.landmarks) == (68, 2)
    assert face.box[0] < np.mean([x for x, _ in face.landmarks]) < face.box[2]
    assert face.label in fake_model.classes
    answered = [call for call in fake_model.calls if set(call) == {"image"}]
    assert len(answered) == round(3 / ANSWER_S)
    assert json.loads(json.dumps(moments[-1].as_dict()))["faces"][0]["number"] == 0


def test_boxes_are_in_pixels_of_what_was_pushed(fake_model):
    large = np.repeat(np.repeat(ASTRONAUT, 4, axis=0), 4, axis=1)
    boxes = []
    for picture in (ASTRONAUT, large):
        live = LiveStream(fake_model)
        live.push_frame(0.0, picture)
        boxes.append(np.array(live.faces.now()[0].box))
    assert boxes[1] == pytest.approx(4 * boxes[0], rel=0.05)


def reads_movement(fakes, **changes):
    """A model whose video block is that of FaceVideo."""
    model = fakes.FakeModel({"video": ("face_video",)})
    names = FaceVideo().get_feature_names_out().tolist()
    about = {"extractor": "face_video", "parameters": changes, "kind": "face", "source": "video", "features": names}
    model.manifest["blocks"] = {"face_video": about}
    return model


def test_movement_is_measured_in_the_faces_that_were_followed_as_the_extractor_measures_it(fakes):
    model = reads_movement(fakes)
    pictures = [np.roll(ASTRONAUT, number, axis=1) for number in range(16)]
    times = [number / 15 for number in range(16)]
    moments = list(stream(model, zip(times, pictures, strict=True), window_s=1, hop_s=1))
    assert [set(call) for call in model.calls] == [set()]
    expected = FaceVideo().extract_one((pictures, times))
    given = np.array(list(model.numbers[0]["face_video"].values()), dtype=np.float32)
    np.testing.assert_allclose(given, expected, rtol=1e-4, atol=1e-4)
    assert moments[0].faces[0].probabilities == moments[0].modalities["video"].probabilities


def test_movement_at_a_rate_of_its_own_is_measured_in_the_pictures(fakes):
    model = reads_movement(fakes, rate_hz=30.0)
    list(stream(model, [(number / 10, ASTRONAUT) for number in range(11)], window_s=1, hop_s=1))
    assert model.calls[0] == {"video": (11, 11)}


def test_each_of_two_faces_is_answered_by_its_movement(fakes):
    both = np.concatenate([ASTRONAUT, ASTRONAUT[:, ::-1]], axis=1)
    moments = list(stream(reads_movement(fakes), [(number / 10, both) for number in range(11)], window_s=1, hop_s=1))
    assert [set(face.probabilities) for face in moments[0].faces] == [{"angry", "happy", "neutral"}] * 2


def test_two_faces_have_two_numbers_and_the_larger_leads(fake_model):
    small = ASTRONAUT[20:200:2, 60:260:2]
    both = np.full((240, 520, 3), 120, np.uint8)
    both[:, :320], both[75:165, 360:460] = ASTRONAUT, small
    moments = list(stream(fake_model, [(number / 10, both) for number in range(25)], window_s=1, hop_s=1))
    assert all([face.leading for face in moment.faces] == [True, False] for moment in moments)
    assert {tuple(face.number for face in moment.faces) for moment in moments} == {(0, 1)}


def test_a_face_that_leaves_is_reported_no_more_and_the_stream_goes_on(fake_model):
    pictures = [ASTRONAUT] * 20 + [np.full_like(ASTRONAUT, 90)] * 30
    moments = list(stream(fake_model, ((number / 10, one) for number, one in enumerate(pictures)), window_s=1, hop_s=1))
    assert len(moments[0].faces) == 1
    assert moments[-1].faces == ()
    assert moments[-1].label is None
    assert "nothing to answer from" in moments[-1].warnings[0]


def test_without_a_face_the_pictures_are_not_measured(fake_model):
    moments = list(stream(fake_model, [(number / 10, GREY) for number in range(30)], window_s=1, hop_s=1))
    assert fake_model.calls == []
    assert {moment.label for moment in moments} == {None}


def test_a_gap_is_said_and_jumped_over(fake_model):
    live = LiveStream(fake_model, window_s=1, hop_s=1)
    first = live.push_sound(tone(2), RATE_HZ, 0.0)
    later = live.push_sound(tone(2), RATE_HZ, 1e6)
    assert windows(first) == [(0, 1), (1, 2)]
    assert windows(later + live.close()) == [(1e6, 1e6 + 1), (1e6 + 1, 1e6 + 2)]
    assert "gap: 999998.00 s of sound are missing" in later[0].warnings[0]


def test_pictures_that_stop_do_not_hold_the_sound_up(fake_model):
    live = LiveStream(fake_model, window_s=1, hop_s=1, faces=False)
    live.push_frame(0.0, GREY)
    moments = [moment for _ in range(50) for moment in live.push_sound(tone(0.1), RATE_HZ)]
    assert windows(moments) == [(0, 1), (1, 2), (2, 3), (3, 4)]


def test_sound_at_another_rate_starts_anew(fake_model):
    live = LiveStream(fake_model, window_s=1, hop_s=1)
    live.push_sound(tone(1.5), RATE_HZ)
    moments = live.push_sound(tone(3), 2 * RATE_HZ)
    assert any("changes from 8000 to 16000 Hz" in warning for warning in moments[0].warnings)
    assert moments[0].label is not None


@pytest.mark.parametrize("time_s", [-1, np.nan, np.inf, 1e12, "soon", None])
def test_a_picture_without_a_time_is_refused_and_the_stream_goes_on(fake_model, time_s):
    live = LiveStream(fake_model, window_s=1, hop_s=1, faces=False)
    with pytest.raises(SampleError, match="a second from 0 on"):
        live.push_frame(time_s, GREY)
    assert [live.push_frame(time_s, GREY) for time_s in (0.0, 0.5)] == [[], []]
    assert windows(live.push_frame(1.0, GREY)) == [(0, 1)]


def test_pictures_out_of_order_are_left_out(fake_model):
    live = LiveStream(fake_model, window_s=1, hop_s=1, faces=False)
    for time_s in (0.0, 0.5, 0.4, 0.5, 1.0):
        live.push_frame(time_s, GREY)
    assert fake_model.calls[0]["video"] == (3, 3)


def test_parts_of_a_live_source_that_cannot_be_used_are_left_out_with_a_warning(fake_model):
    bad = [(np.array([np.nan, 0.0]), RATE_HZ), "nonsense", (np.zeros((0,)), RATE_HZ)]
    pairs = [(tone(0.5), RATE_HZ), *bad, *[(tone(0.5), RATE_HZ)] * 3]
    moments = list(stream(fake_model, pairs, window_s=1, hop_s=1))
    assert windows(moments) == [(0, 1), (1, 2)]
    assert len(moments[0].warnings) == 3
    assert moments[0].warnings[0].startswith("left out: 1 of 2 samples are NaN")


def test_a_source_that_fails_midway_loses_nothing(fake_model):
    def failing():
        yield from [(tone(0.5), RATE_HZ)] * 3
        raise SampleError("no_device", "the microphone stopped; plug it in again")

    moments = list(stream(fake_model, failing(), window_s=1, hop_s=1))
    assert windows(moments) == [(0, 1), (0.5, 1.5)]
    assert moments[-1].warnings == ("ended: the microphone stopped; plug it in again",)


def test_a_window_that_the_model_refuses_does_not_end_the_stream(fakes):
    moments = list(stream(fakes.FakeModel(fails_on="audio"), wav(tone(2)), window_s=1, hop_s=1))
    assert [moment.label for moment in moments] == [None, None]
    assert moments[0].warnings == ("not answered: audio cannot be answered; this model refuses it",)


def test_a_truncated_video_is_answered_as_far_as_it_goes_and_the_last_moment_says_so(fake_model):
    times = np.arange(50) / 10
    noise = np.random.default_rng(0).integers(0, 255, (50, 120, 160, 3), dtype=np.uint8)
    whole = film(list(noise), times)
    moments = list(stream(fake_model, whole[: len(whole) // 2], window_s=1, hop_s=1, faces=False))
    assert 1 <= len(moments) <= 3
    assert any(warning.startswith("truncated") for warning in moments[-1].warnings)
    assert not any(warning.startswith("truncated") for moment in moments[:-1] for warning in moment.warnings)


def test_bounds_are_kept(fake_model, tmp_path):
    path = tmp_path / "a.wav"
    wav(np.concatenate([tone(2, 0.0), tone(2, 0.2), tone(2, 0.0)]), path)
    moments = list(stream(fake_model, path, window_s=1, hop_s=1, start_s=2, end_s=4))
    assert windows(moments) == [(2, 3), (3, 4)]
    assert {moment.label for moment in moments} == {"angry"}
    assert windows(stream(fake_model, str(path), window_s=1, hop_s=1, start_s=4.5)) == [(4.5, 5.5), (5.0, 6.0)]


def test_bounds_of_a_container_are_kept(fake_model):
    times = np.arange(300) / 10
    video = film([GREY] * 300, times, tone(30))
    moments = list(stream(fake_model, video, window_s=1, hop_s=1, start_s=20, end_s=22, faces=False))
    assert [round(moment.end_s, 1) for moment in moments] == [21, 22]
    assert all(moment.modalities["audio"].present and moment.modalities["video"].present for moment in moments)


def test_the_text_goes_with_every_window(fake_model):
    list(stream(fake_model, wav(tone(2)), window_s=1, hop_s=1, text="hello"))
    assert [call["text"] for call in fake_model.calls] == [5, 5]


def test_only_what_the_model_reads_is_given(fakes):
    model = fakes.FakeModel({"audio": ("acoustic",)})
    list(stream(model, film([GREY] * 10, np.arange(10) / 10, tone(1)), faces=False))
    assert [set(call) for call in model.calls] == [{"audio"}]


@pytest.mark.parametrize(
    ("options", "line"),
    [
        ({"window_s": 0.05}, "a window of 0.06 to 30 s is needed, got 0.05"),
        ({"window_s": 31}, "a window of"),
        ({"window_s": np.nan}, "a window of"),
        ({"hop_s": 0}, "a hop of 0.06 s or more is needed, got 0"),
        ({"hop_s": np.nan}, "a hop of"),
        ({"start_s": 2, "end_s": 1}, "got 2 to 1"),
        ({"smoothing_s": -1}, "smoothing_s must be"),
    ],
)
def test_parameters_are_judged_before_anything_is_read(fake_model, options, line):
    with pytest.raises(SampleError, match=line):
        stream(fake_model, wav(tone(1)), **options)


def test_files_that_cannot_be_used_are_refused_in_one_line(fake_model, tmp_path):
    (tmp_path / "empty.wav").touch()
    (tmp_path / "text.mp4").write_text("no video " * 100)
    cases = {tmp_path / "none.mp4": "no file", tmp_path: "a regular file", tmp_path / "empty.wav": "0 bytes"}
    for path, line in cases.items():
        with pytest.raises(SampleError, match=line):
            stream(fake_model, path)
    for source in (tmp_path / "text.mp4", b"RIFF", "http://127.0.0.1/a.mp4", "concat:a|b"):
        with pytest.raises(SampleError) as refused:
            list(stream(fake_model, source))
        assert "\n" not in str(refused.value)


def test_a_file_that_vanishes_before_it_is_read_is_said_to_be_missing(fake_model, tmp_path):
    path = tmp_path / "a.wav"
    wav(tone(1), path)
    moments = stream(fake_model, path)
    path.unlink()
    with pytest.raises(SampleError, match=r"no file 'a\.wav'"):
        next(moments)


def test_a_playlist_opens_no_other_file(fake_model, tmp_path):
    wav(tone(1), tmp_path / "secret.wav")
    playlist = tmp_path / "list.ffconcat"
    playlist.write_text("ffconcat version 1.0\nfile secret.wav\n")
    with pytest.raises(SampleError, match="no video or sound that can be decoded"):
        list(stream(fake_model, playlist))


@pytest.mark.parametrize("source", [[], [(tone(0.03), RATE_HZ)], wav(tone(0.03))])
def test_too_little_is_refused(fake_model, source):
    with pytest.raises(SampleError, match=r"0\.06 s"):
        list(stream(fake_model, source))


def test_a_model_that_reads_neither_sound_nor_pictures_is_refused(fakes):
    with pytest.raises(SampleError, match="this one reads text"):
        stream(fakes.FakeModel({"text": ("utterance",)}), wav(tone(1)))


def test_bounds_of_what_is_live_are_refused(fake_model):
    with pytest.raises(EmofuseError, match="are for recordings"):
        stream(fake_model, iter(()), end_s=3)
    with pytest.raises(SampleError, match="a path, bytes, a device or pairs"):
        stream(fake_model, 3)


def test_the_model_may_be_stopped_at_any_time(fake_model):
    endless = ((tone(0.5), RATE_HZ) for _ in itertools.count())
    assert windows(itertools.islice(stream(fake_model, endless, window_s=1, hop_s=1), 3)) == [(0, 1), (1, 2), (2, 3)]


def test_faces_that_are_pictures_from_edge_to_edge_are_cut_closely(fakes):
    model = fakes.FakeModel()
    assert crop_margin(model) == MARGIN
    model.manifest["blocks"]["face"]["extractor"] = "face_crop"
    assert crop_margin(model) == MARGIN_OF_CROPS
    live = LiveStream(model)
    live.push_frame(0.0, ASTRONAUT)
    assert max(model.calls[0]["image"]) == 95


def blinking(closed, count=300, step_s=1 / 15):
    openings = np.full(count, 0.3)
    for begin, length in closed:
        openings[begin : begin + length] = 0.12
    return openings, np.arange(count) * step_s


@given(st.lists(st.tuples(st.integers(10, 280), st.integers(1, 12)), max_size=6))
def test_blinks_along_a_stream_are_those_of_the_clip(closed):
    openings, times = blinking(closed)
    counter = BlinkCounter()
    for time_s, opening in zip(times, openings, strict=True):
        counter.add(time_s, opening)
    assert counter.per_minute() == pytest.approx(blinks_per_minute(openings, times), rel=1e-6)
    assert counter.count == len(counter.last_minute)


def test_a_blink_in_which_the_face_is_lost_is_none():
    counter = BlinkCounter()
    for number, opening in enumerate([0.3, 0.3, 0.1, np.nan, 0.3]):
        counter.add(number / 15, opening)
    assert counter.count == 0
    assert counter.per_minute() is None
