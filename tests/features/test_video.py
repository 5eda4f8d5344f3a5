"""Pictures of a video: which ones, when, how large and which way up, whatever the file is like."""

import io
from fractions import Fraction

import av
import numpy as np
import pytest
from emofuse.features import video, video_decoding
from emofuse.features.errors import SampleError
from emofuse.features.pictures import grey as luma
from emofuse.features.video import frames, frames_in_memory
from hypothesis import given, settings
from hypothesis import strategies as st

CODES = {"not_media", "no_video", "no_frames", "bad_clip", "too_large", "too_small", "too_long", "too_slow"}


def noise(count, height=48, width=64, seed=0):
    return [*np.random.default_rng(seed).integers(0, 256, (count, height, width, 3), dtype=np.uint8)]


def times_of(data, **options):
    return [frame.time_s for frame in frames(data, **options)]


def code_of(function, *arguments, **options):
    with pytest.raises(SampleError) as caught:
        list(function(*arguments, **options))
    assert "\n" not in str(caught.value)
    return caught.value.code


@pytest.fixture(scope="module")
def film(write_video):
    """Eight pictures of noise, a tenth of a second apart."""
    return noise(8), write_video(noise(8))


def test_pictures_come_in_order_unchanged_at_their_times(film):
    pictures, data = film
    found = list(frames(data))
    np.testing.assert_allclose([frame.time_s for frame in found], np.arange(8) / 10)
    for frame, picture in zip(found, pictures, strict=True):
        np.testing.assert_array_equal(frame.pixels, picture)
        assert frame.pixels.flags.c_contiguous
        assert frame.scale == 1


def test_grey_pictures_are_the_brightness_of_the_coloured_ones(film):
    pictures, data = film
    for frame, picture in zip(frames(data, grey=True), pictures, strict=True):
        assert frame.pixels.shape == (48, 64)
        assert np.abs(frame.pixels.astype(int) - luma(picture)).max() <= 1


def test_rows_of_a_width_that_codecs_fill_up_are_contiguous(write_video):
    pictures = noise(2, width=50)
    for frame, picture in zip(frames(write_video(pictures), grey=True), pictures, strict=True):
        assert frame.pixels.flags.c_contiguous
        assert np.abs(frame.pixels.astype(int) - luma(picture)).max() <= 1


def test_working_size_is_that_of_the_longer_side(film):
    assert [(frame.pixels.shape, frame.scale) for frame in frames(film[1], size_px=32)] == [((24, 32, 3), 0.5)] * 8
    assert next(iter(frames(film[1], size_px=128))).pixels.shape == (96, 128, 3)
    enlarged = next(iter(frames(film[1], size_px=4096)))
    assert (enlarged.pixels.shape, enlarged.scale) == ((192, 256, 3), 4.0)


def test_face_19_picture_of_4k_is_scaled_down(write_video):
    ramp = np.broadcast_to(np.linspace(0, 255, 3840).astype(np.uint8)[None, :, None], (2160, 3840, 3))
    (frame,) = frames(write_video([ramp], codec="mpeg4", pix_fmt="yuv420p"), size_px=640, grey=True)
    assert frame.pixels.shape == (360, 640)
    assert frame.scale == pytest.approx(1 / 6)
    assert np.abs(frame.pixels.astype(int) - np.linspace(0, 255, 640)).mean() < 3


@pytest.mark.parametrize(
    ("rotation", "turns"), [(0, 0), (90, 1), (180, 2), (-90, 3), (270, 3)], ids=lambda value: str(value)
)
def test_picture_is_turned_upright_by_the_rotation_of_its_file(write_video, rotation, turns):
    pictures = noise(1)
    (frame,) = frames(write_video(pictures, rotation=rotation))
    np.testing.assert_array_equal(frame.pixels, np.rot90(pictures[0], turns))


def test_pixels_are_made_square(write_video):
    (frame,) = frames(write_video(noise(1), pixel_aspect=Fraction(2, 1)))
    assert frame.pixels.shape == (48, 128, 3)


def test_face_35_variable_rate_keeps_its_true_times(write_video):
    times = [0.0, 0.033, 0.05, 0.4, 0.41, 1.2]
    data = write_video(noise(6), times_s=times)
    np.testing.assert_allclose(times_of(data), times, atol=1e-9)
    np.testing.assert_allclose(times_of(data, every_s=0.1), [0.0, 0.4, 1.2], atol=1e-9)


def test_recording_begins_at_zero_whatever_its_own_clock_says(write_video):
    data = write_video(noise(5), rate=25, container="mpegts", codec="mpeg2video", pix_fmt="yuv420p")
    with av.open(io.BytesIO(data)) as container:
        assert container.start_time > 0
    np.testing.assert_allclose(times_of(data), np.arange(5) / 25, atol=1e-4)


def test_first_picture_of_each_step_is_taken(write_video):
    data = write_video(noise(30), rate=30)
    np.testing.assert_allclose(times_of(data, every_s=0.1), np.arange(10) / 10, atol=1e-9)
    np.testing.assert_allclose(times_of(data, every_s=0.25), [0, 8 / 30, 15 / 30, 23 / 30], atol=1e-9)
    assert len(times_of(data, every_s=10.0)) == 1


@given(repeats=st.lists(st.integers(1, 4), min_size=1, max_size=6), every_s=st.sampled_from([None, 0.25]))
@settings(max_examples=15)
def test_face_40_pictures_shown_again_change_nothing(repeats, every_s):
    pictures = noise(len(repeats), 16, 16)
    first = np.cumsum([0, *repeats[:-1]]) / 10
    times = np.concatenate([start + np.arange(count) / 10 for start, count in zip(first, repeats, strict=True)])
    twice = [picture for picture, count in zip(pictures, repeats, strict=True) for _ in range(count)]
    once = list(frames_in_memory(pictures, first, every_s=every_s))
    found = list(frames_in_memory(twice, times, every_s=every_s))
    assert [frame.time_s for frame in found] == [frame.time_s for frame in once]
    assert all((one.pixels == other.pixels).all() for one, other in zip(once, found, strict=True))


@pytest.mark.parametrize(
    ("container", "codec", "pix_fmt"),
    [
        ("mov", "png", "rgb24"),
        ("matroska", "ffv1", "bgr0"),
        ("matroska", "ffv1", "yuv420p10le"),
        ("avi", "ffv1", "gray"),
    ],
)
def test_face_40_repeated_pictures_of_a_file_are_left_out_in_every_coding(write_video, container, codec, pix_fmt):
    one, other = noise(2, width=50)
    data = write_video([one, one, other, other, one], container=container, codec=codec, pix_fmt=pix_fmt)
    np.testing.assert_allclose(times_of(data), [0.0, 0.2, 0.4], atol=1e-3)


def test_bytes_that_fill_rows_up_do_not_make_pictures_differ():
    found = []
    for filling in (b"\x00", b"\x07"):
        picture = av.VideoFrame(50, 40, "gray")
        plane = picture.planes[0]
        assert plane.line_size > 50
        plane.update((b"\x80" * 50 + filling * (plane.line_size - 50)) * (plane.buffer_size // plane.line_size))
        found.append(picture)
    assert video._repeats(*found)


def test_face_40_of_pictures_with_the_same_time_the_first_is_kept():
    pictures = noise(4)
    found = list(frames_in_memory(pictures, [0.0, 0.1, 0.1, 0.05]))
    assert [frame.time_s for frame in found] == [0.0, 0.1]
    np.testing.assert_array_equal(found[1].pixels, pictures[1])


def test_clip_has_the_pictures_that_appear_between_its_bounds(film):
    np.testing.assert_allclose(times_of(film[1], start_s=0.2, end_s=0.5), [0.2, 0.3, 0.4], atol=1e-9)
    np.testing.assert_allclose(times_of(film[1], start_s=0.55), [0.6, 0.7], atol=1e-9)


@pytest.mark.parametrize(
    "bounds", [(0.8, None), (5.0, 6.0), (0.31, 0.39), (-1.0, None), (0.5, 0.2), (float("nan"), None), (15.0, None)]
)
def test_clip_without_a_picture_is_a_bad_clip(film, bounds):
    assert code_of(lambda: frames(film[1], start_s=bounds[0], end_s=bounds[1])) == "bad_clip"


@pytest.mark.parametrize(("container", "codec", "pix_fmt"), [("mp4", "mpeg4", "yuv420p"), ("mov", "png", "rgb24")])
def test_late_clip_is_sought_and_has_the_same_pictures(write_video, monkeypatch, container, codec, pix_fmt):
    data = write_video(noise(150, 16, 16), container=container, codec=codec, pix_fmt=pix_fmt)
    sought = list(frames(data, start_s=12.0, end_s=13.0))
    monkeypatch.setattr(video_decoding, "SEEK_FROM_S", 1e9)
    decoded = list(frames(data, start_s=12.0, end_s=13.0))
    assert [frame.time_s for frame in sought] == [frame.time_s for frame in decoded]
    assert len(sought) == 10
    assert all((one.pixels == other.pixels).all() for one, other in zip(sought, decoded, strict=True))


def test_late_clip_is_decoded_from_the_start_where_seeking_leads_too_far(write_video, monkeypatch):
    data = write_video(noise(150, 16, 16))
    decode = video_decoding.Decoding._decode
    astray = lambda self, from_s: decode(self, None if from_s is None else from_s + 2.5)  # noqa: E731
    monkeypatch.setattr(video_decoding.Decoding, "_decode", astray)
    assert times_of(data, start_s=12.0, end_s=12.3) == pytest.approx([12.0, 12.1, 12.2])


def test_face_34_video_without_a_picture(write_video):
    assert code_of(frames, write_video([], container="avi", codec="mpeg4", pix_fmt="yuv420p")) == "no_frames"


def test_face_36_sound_is_no_video():
    file = io.BytesIO()
    with av.open(file, "w", format="matroska") as output:
        stream = output.add_stream("pcm_s16le", rate=8000, layout="mono")
        sound = av.AudioFrame.from_ndarray(np.zeros((1, 800), np.int16), format="s16", layout="mono")
        sound.sample_rate = 8000
        output.mux(stream.encode(sound))
    assert code_of(frames, file.getvalue()) == "no_video"


def test_face_36_cover_picture_is_no_video():
    from av.stream import Disposition

    file = io.BytesIO()
    with av.open(file, "w", format="mp4") as output:
        sound = output.add_stream("aac", rate=16_000, layout="mono")
        cover = output.add_stream("png", rate=1, width=64, height=48, pix_fmt="rgb24")
        cover.disposition = Disposition.attached_pic
        output.mux(cover.encode(av.VideoFrame.from_ndarray(noise(1)[0], format="rgb24")))
        silence = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), format="fltp", layout="mono")
        silence.sample_rate = 16_000
        output.mux(sound.encode(silence))
        output.mux(sound.encode())
        output.mux(cover.encode())
    assert code_of(frames, file.getvalue()) == "no_video"


@pytest.mark.parametrize("content", [b"", b"hello\nworld\n", b"\x00\x01\xff" * 500, b"RIFF\x24\x00\x00\x00AVI "])
def test_junk_is_no_media(content):
    assert code_of(frames, content) == "not_media"


def test_truncated_file_gives_what_it_has_and_a_warning(write_video):
    data = write_video(noise(40, 16, 16), container="matroska", codec="ffv1", pix_fmt="bgr0")
    warnings = []
    found = list(frames(data[: len(data) // 2], warnings=warnings))
    assert 15 < len(found) < 25
    assert len(warnings) == 1
    assert warnings[0].startswith("truncated: ")
    warnings = []
    assert len(list(frames(data, warnings=warnings))) == 40
    assert warnings == []


def test_pictures_that_come_out_broken_are_left_out(write_video):
    data = write_video(noise(25), rate=25, container="mpegts", codec="mpeg2video", pix_fmt="yuv420p")
    packets = len(data) // 188
    cut = data[: packets // 3 * 188] + data[packets // 2 * 188 :]
    with av.open(io.BytesIO(cut)) as container:
        broken = [frame.is_corrupt for frame in container.decode(video=0)]
    assert broken.count(True) == 1
    warnings = []
    assert len(times_of(cut, warnings=warnings)) == len(broken) - 1
    assert [warning.split(":")[0] for warning in warnings] == ["damaged"]


def test_clip_that_ends_before_the_damage_has_no_warning(write_video):
    data = write_video(noise(40, 16, 16), container="matroska", codec="ffv1", pix_fmt="bgr0")
    warnings = []
    list(frames(data[: len(data) // 2], end_s=1.0, warnings=warnings))
    assert warnings == []


def test_damaged_part_is_left_out_with_a_warning(write_video):
    data = bytearray(write_video(noise(20)))
    data[len(data) // 2 : len(data) // 2 + 200] = bytes(200)
    warnings = []
    found = list(frames(bytes(data), warnings=warnings))
    assert len(found) in (18, 19)
    assert warnings[0].startswith("damaged: ")


@given(data=st.data())
@settings(max_examples=40)
def test_whatever_happens_to_a_file_only_its_own_errors_come_out(write_video, data):
    container, codec, pix_fmt = data.draw(
        st.sampled_from([("mp4", "mpeg4", "yuv420p"), ("avi", "mpeg4", "yuv420p"), ("matroska", "ffv1", "bgr0")])
    )
    content = bytearray(write_video(noise(4, 16, 16), container=container, codec=codec, pix_fmt=pix_fmt))
    for _ in range(data.draw(st.integers(0, 4))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    content = bytes(content[: data.draw(st.integers(0, len(content)))])
    try:
        assert all(frame.pixels.ndim == 3 and np.isfinite(frame.time_s) for frame in frames(content, size_px=64))
    except SampleError as error:
        assert error.code in CODES


def test_limits_are_kept(film):
    data = film[1]
    assert code_of(frames, data, max_pixels=1000) == "too_large"
    assert code_of(frames, data, max_duration_s=0.5) == "too_long"
    assert len(times_of(data, max_duration_s=0.5, start_s=0.4)) == 4
    assert code_of(frames, data, max_seconds=-1e9) == "too_slow"


def test_length_that_a_header_hides_is_limited_too(write_video):
    data = write_video(noise(20, 16, 16), container="mpegts", codec="mpeg2video", pix_fmt="yuv420p", rate=25)
    assert code_of(frames, data, max_duration_s=0.5) == "too_long"


def test_picture_of_a_few_pixels_is_too_small(write_video):
    assert code_of(frames, write_video(noise(1, 2, 64))) == "too_small"
    assert code_of(frames_in_memory, noise(1, 8, 8), 10) == "too_small"


def test_nothing_is_decoded_before_it_is_asked_for(film, monkeypatch):
    decoded = []
    original = video_decoding.Reading.frames

    def counted(self, *arguments):
        for frame in original(self, *arguments):
            decoded.append(frame.pts)
            yield frame

    monkeypatch.setattr(video_decoding.Reading, "frames", counted)
    found = frames(film[1])
    assert decoded == []
    next(found)
    assert len(decoded) == 1
    found.close()
    assert len(decoded) == 1


def test_pictures_in_memory_are_treated_as_those_of_a_file(film):
    pictures, data = film
    options = {"every_s": 0.2, "size_px": 32, "grey": True}
    for one, other in zip(frames(data, **options), frames_in_memory(np.array(pictures), 10, **options), strict=True):
        assert one.time_s == pytest.approx(other.time_s)
        assert one.scale == other.scale
        np.testing.assert_array_equal(one.pixels, other.pixels)


@given(shift_s=st.floats(-1e3, 1e3))
@settings(max_examples=20)
def test_later_clip_gives_the_same_pictures_later(shift_s):
    pictures, times = noise(6, 16, 16), np.array([0.0, 0.11, 0.2, 0.35, 0.52, 0.6])
    now = list(frames_in_memory(pictures, times, every_s=0.2))
    later = list(frames_in_memory(pictures, times + shift_s, every_s=0.2))
    np.testing.assert_allclose([frame.time_s - shift_s for frame in later], [frame.time_s for frame in now], atol=1e-9)


@pytest.mark.parametrize(
    ("pictures", "when", "code"),
    [
        (None, 10, "bad_array"),
        ("film", 10, "bad_array"),
        (3.0, 10, "bad_array"),
        ([], 10, "no_frames"),
        ([None], 10, "bad_array"),
        ([np.full((20, 20), np.nan)], 10, "not_finite"),
        (noise(2), 0, "bad_rate"),
        (noise(2), -5, "bad_rate"),
        (noise(2), float("nan"), "bad_rate"),
        (noise(2), "fast", "bad_rate"),
        (noise(2), None, "bad_rate"),
        (noise(2), [0.0], "bad_rate"),
        (noise(2), [0.0, float("inf")], "bad_rate"),
    ],
)
def test_what_is_no_video_in_memory_is_refused(pictures, when, code):
    assert code_of(lambda: frames_in_memory(pictures, when)) == code
