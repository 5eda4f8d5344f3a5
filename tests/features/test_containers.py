"""Sound comes out of any container the same, bounded in time and memory, and nothing but the given bytes is read."""

import io
from concurrent.futures import ThreadPoolExecutor

import av
import numpy as np
import pytest
from emofuse.features import containers, media
from emofuse.features.containers import decode_container_audio, open_container, start_of, stream_of
from emofuse.features.errors import SampleError
from emofuse.features.media import Audio, decode_audio
from emofuse.features.short_term import ShortTermStatistics
from hypothesis import given, settings
from hypothesis import strategies as st

RATE = 48_000


def sweep(duration_s=1.0, rate=RATE):
    """A tone of rising pitch: no part of it looks like another."""
    time_s = np.arange(round(duration_s * rate)) / rate
    return (0.3 * np.sin(2 * np.pi * (150 + 100 * time_s) * time_s)).astype(np.float32)


def contain(sound, format="mp4", codec="aac", *, rate=RATE, starts_at=0, pictures=0, path=None):
    """Encode sound of shape (n,) or (channels, n), and a number of pictures at 25 a second, into a container.

    With a path, MP4 and MOV get their index at the front.
    """
    file = io.BytesIO()
    sound = np.atleast_2d(np.asarray(sound, dtype=np.float32))
    options = {"movflags": "faststart"} if path and format in ("mp4", "mov") else {}
    with av.open(str(path) if path else file, "w", format=format, options=options) as container:
        if pictures:
            video = container.add_stream("mpeg4", rate=25)
            video.width = video.height = 64
            video.pix_fmt = "yuv420p"
        if sound.size:
            audio = container.add_stream(codec, rate=rate)
            audio.layout = {1: "mono", 2: "stereo"}.get(len(sound), f"{len(sound)} channels")
        for number in range(pictures):
            picture = av.VideoFrame.from_ndarray(np.full((64, 64, 3), number % 256, np.uint8), format="rgb24")
            picture.pts = number
            container.mux(video.encode(picture))
        if pictures:
            container.mux(video.encode())
        if sound.size:
            frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(sound), format="fltp", layout=audio.layout.name)
            frame.sample_rate, frame.pts = rate, starts_at
            container.mux(audio.encode(frame))
            container.mux(audio.encode())
    return path.read_bytes() if path else file.getvalue()


def rms(samples):
    return np.sqrt(np.square(samples, dtype=np.float64).mean())


def code_of(function, *arguments, **parameters):
    with pytest.raises(SampleError) as caught:
        function(*arguments, **parameters)
    assert " at 0x" not in str(caught.value)
    return caught.value.code


# Container, coding, pictures, samples of delay that the coding adds, root mean square error allowed.
KINDS = {
    "mp4-aac": ("mp4", "aac", 0, 0, 0.03),
    "mp4-aac-with-pictures": ("mp4", "aac", 25, 0, 0.03),
    "m4a-aac": ("ipod", "aac", 0, 0, 0.03),
    "mov-pcm": ("mov", "pcm_s16le", 25, 0, 2.0**-15),
    "mov-float": ("mov", "pcm_f32le", 0, 0, 0.0),
    "mkv-flac": ("matroska", "flac", 0, 0, 2.0**-15),
    "mkv-8-bit": ("matroska", "pcm_u8", 0, 0, 2.0**-7),
    "webm-opus": ("webm", "libopus", 0, 0, 0.03),
    "avi-pcm": ("avi", "pcm_s16le", 25, 0, 2.0**-15),
    "mpg-mp2": ("mpeg", "mp2", 25, 481, 0.03),
    "ts-aac": ("mpegts", "aac", 25, 1024, 0.03),
    "flv-aac": ("flv", "aac", 0, 1024, 0.03),
    "aac-alone": ("adts", "aac", 0, 1024, 0.03),
    "caf-pcm": ("caf", "pcm_s16be", 0, 0, 2.0**-15),
}


@pytest.mark.parametrize(("format", "codec", "pictures", "delay", "tolerance"), KINDS.values(), ids=KINDS)
def test_sound_of_every_kind_of_container_is_decoded_to_mono_float32(format, codec, pictures, delay, tolerance):
    audio = decode_audio(contain(sweep(), format, codec, pictures=pictures))
    assert (audio.samples.dtype, audio.sampling_rate_hz, audio.warnings) == (np.float32, RATE, ())
    assert audio.duration_s == pytest.approx(1.0, abs=0.05)
    found = audio.samples[delay:]
    inside = slice(2000, min(len(found), RATE) - 2000)
    assert rms(found[inside] - sweep()[inside]) <= tolerance


@pytest.mark.parametrize(("format", "codec", "pictures"), [kind[:3] for kind in KINDS.values()], ids=KINDS)
def test_clip_of_a_container_equals_the_same_cut_in_memory(format, codec, pictures):
    content = contain(sweep(), format, codec, pictures=pictures)
    whole = decode_audio(content).samples
    np.testing.assert_array_equal(decode_audio(content, start_s=0.25, end_s=0.75).samples, whole[12_000:36_000])
    np.testing.assert_array_equal(decode_audio(content, start_s=0.5, end_s=9.0).samples, whole[24_000:])


@pytest.mark.parametrize(
    ("format", "codec", "tolerance"),
    [("mov", "pcm_s16le", 0), ("mp4", "aac", 1e-3), ("matroska", "flac", 0), ("mpeg", "mp2", 1e-3)],
)
def test_late_clip_is_reached_by_seeking_and_cut_by_its_timestamps(format, codec, tolerance):
    content = contain(
        sweep(16, 8000 if codec != "mp2" else 16_000), format, codec, rate=8000 if codec != "mp2" else 16_000
    )
    whole = decode_container_audio(content)
    rate = whole.sampling_rate_hz
    clip = decode_container_audio(content, 13.0, 14.5)
    np.testing.assert_allclose(clip.samples, whole.samples[13 * rate : round(14.5 * rate)], atol=tolerance)
    np.testing.assert_array_equal(decode_container_audio(content, 13.0, 14.5).samples, clip.samples)


def test_clip_is_decoded_from_the_beginning_where_seeking_goes_too_far(monkeypatch):
    content = contain(sweep(16, 8000), "mov", "pcm_s16le", rate=8000)
    expected = decode_container_audio(content, 13.0, 14.5)
    monkeypatch.setattr(containers, "PREROLL_S", -1.0)
    np.testing.assert_array_equal(decode_container_audio(content, 13.0, 14.5).samples, expected.samples)


def test_clip_counts_from_the_beginning_of_the_recording_where_the_sound_begins_late():
    content = contain(sweep(), "mov", "pcm_f32le", starts_at=RATE, pictures=50)
    np.testing.assert_array_equal(decode_audio(content).samples, sweep())
    np.testing.assert_array_equal(decode_audio(content, start_s=0.5, end_s=1.25).samples, sweep()[: RATE // 4])
    assert code_of(decode_audio, content, start_s=0.0, end_s=0.5) == "bad_clip"


def test_recording_that_does_not_begin_at_0_counts_from_its_beginning():
    content = contain(sweep(), "mpeg", "mp2", pictures=25)
    with open_container(content) as container:
        assert start_of(container) > 0.1
    whole = decode_audio(content)
    np.testing.assert_array_equal(decode_audio(content, start_s=0.0, end_s=0.5).samples, whole.samples[: RATE // 2])


def test_channels_are_averaged():
    audio = decode_audio(contain(np.stack([sweep(), 0 * sweep()]), "mov", "pcm_f32le"))
    np.testing.assert_allclose(audio.samples, sweep() / 2, atol=1e-7)


def test_features_of_a_video_are_those_of_its_sound(tmp_path):
    path = tmp_path / "clip.wav"  # the content tells what it is, not the name
    path.write_bytes(contain(sweep(), pictures=25))
    extractor = ShortTermStatistics()
    audio = decode_audio(path.read_bytes())
    np.testing.assert_array_equal(
        extractor.extract_one(path), extractor.extract_one((audio.samples, audio.sampling_rate_hz))
    )


def test_file_that_libsndfile_reads_never_comes_here(monkeypatch):
    import soundfile as sf

    monkeypatch.setattr(containers, "decode_container_audio", lambda *_, **__: pytest.fail("FFmpeg was asked"))
    for format in ("WAV", "FLAC", "OGG", "MP3", "AIFF"):
        file = io.BytesIO()
        sf.write(file, sweep(), RATE, format=format)
        assert decode_audio(file.getvalue()).duration_s == pytest.approx(1.0, abs=0.05)


PLAYLIST = "#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\n{}\n#EXT-X-ENDLIST\n"
NO_MEDIA = {
    "empty": b"",
    "audio-32-text": b"this is a shopping list\n" * 50,
    "audio-32-zeros": bytes(4000),
    "junk": np.random.default_rng(0).bytes(20_000),
    "web-playlist": PLAYLIST.format("http://127.0.0.1:9/a.ts").encode(),
    "concat-script": b"ffconcat version 1.0\nfile '/etc/hostname'\n",
    "session-description": b"v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\nm=audio 9 RTP/AVP 0\n",
    "dash-manifest": b'<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011" type="static"></MPD>',
    "picture": b"\x89PNG\r\n\x1a\n" + bytes(200),
    "mp4-without-its-index": contain(sweep())[:4000],
}


@pytest.mark.parametrize("content", NO_MEDIA.values(), ids=NO_MEDIA)
def test_what_is_no_container_is_refused(content):
    assert code_of(decode_container_audio, content) == "not_media"
    assert code_of(decode_audio, content) == "not_audio"


def test_playlist_of_a_file_that_exists_is_not_followed(tmp_path):
    path = tmp_path / "a.ts"
    path.write_bytes(contain(sweep(), "mpegts", "aac"))
    assert code_of(decode_audio, PLAYLIST.format(path).encode()) == "not_audio"
    assert code_of(decode_audio, f"ffconcat version 1.0\nfile '{path}'\n".encode()) == "not_audio"


def test_container_that_asks_for_another_file_gets_none():
    with pytest.raises(PermissionError, match="may not open other files"):
        containers._refuse_other_files("file:/etc/hostname", 0, {})


def test_video_without_sound_has_no_sound_and_sound_without_video_no_video():
    silent_film, sound = contain([], pictures=5), contain(sweep())
    assert code_of(decode_audio, silent_film) == "no_sound"
    with open_container(silent_film) as container:
        assert stream_of(container, "video").codec_context.width == 64
    with open_container(sound) as container:
        assert code_of(stream_of, container, "video") == "no_video"


@pytest.mark.parametrize("kind", ["mp4", "adts"], ids=["named-by-the-header", "counted"])
def test_audio_37_sound_that_is_too_long_is_refused(kind):
    content = contain(sweep(2.0, 8000), kind, "aac", rate=8000)
    assert code_of(decode_container_audio, content, max_duration_s=1.0) == "too_long"
    assert decode_container_audio(content, 0.5, 1.25, max_duration_s=1.0).duration_s == 0.75


def test_audio_37_sound_that_would_fill_memory_is_refused(monkeypatch):
    monkeypatch.setattr(containers, "MAX_VALUES", 20_000)
    assert code_of(decode_container_audio, contain(sweep())) == "too_long"


def test_sound_that_takes_too_long_to_decode_is_refused():
    assert code_of(decode_container_audio, contain(sweep()), max_seconds=0.0) == "too_slow"


def test_audio_24_sound_of_too_many_channels_is_refused(monkeypatch):
    monkeypatch.setattr(containers, "MAX_CHANNELS", 1)
    assert code_of(decode_container_audio, contain(np.stack([sweep(), sweep()]))) == "too_many_channels"


def test_audio_21_impossible_rate_is_refused(monkeypatch):
    monkeypatch.setattr(media, "MAX_RATE_HZ", 44_100)
    assert code_of(decode_container_audio, contain(sweep())) == "bad_rate"


def test_sound_that_changes_its_format_midway_is_refused():
    parts = [contain(sweep(1.0, rate), "adts", "aac", rate=rate) for rate in (16_000, 48_000)]
    assert code_of(decode_container_audio, b"".join(parts)) == "mixed_format"


@pytest.mark.parametrize(
    ("start_s", "end_s"), [(-0.1, 0.2), (0.3, 0.2), (1.5, 1.6), (float("nan"), None), (20.0, 21.0)]
)
def test_impossible_clip_is_refused(start_s, end_s):
    assert code_of(decode_container_audio, contain(sweep()), start_s, end_s) == "bad_clip"


@pytest.mark.parametrize(("format", "codec"), [("mp4", "aac"), ("mov", "pcm_s16le"), ("matroska", "flac")])
def test_audio_27_file_that_ends_early_gives_what_there_is_and_a_warning(tmp_path, format, codec):
    content = contain(sweep(4.0), format, codec, path=tmp_path / "whole")
    audio = decode_audio(content[: len(content) // 2])
    assert 1.0 < audio.duration_s < 3.0
    assert any(warning.startswith("truncated") for warning in audio.warnings)
    assert rms(audio.samples[2000:40_000] - sweep()[2000:40_000]) < 0.03
    clip = decode_audio(content[: len(content) // 2], start_s=0.25, end_s=0.5)
    assert clip.warnings == ()


def test_part_that_cannot_be_decoded_is_left_out_with_a_warning():
    content = bytearray(contain(sweep(4.0), "matroska", "flac"))
    middle = len(content) // 2
    content[middle : middle + 4000] = np.random.default_rng(0).bytes(4000)
    audio = decode_audio(bytes(content))
    assert audio.warnings
    assert {warning.split(":")[0] for warning in audio.warnings} <= {"damaged", "truncated"}
    np.testing.assert_allclose(audio.samples[:20_000], sweep()[:20_000], atol=2.0**-14)


def test_audio_02_container_without_a_sample_is_refused(tmp_path):
    content = contain(sweep(), "mov", "pcm_s16le", path=tmp_path / "whole")
    assert code_of(decode_container_audio, content[: content.index(b"mdat") + 4]) == "no_samples"


def test_threads_decode_the_same():
    content = contain(sweep(), pictures=25)
    expected = decode_audio(content).samples
    with ThreadPoolExecutor(4) as pool:
        for audio in pool.map(decode_audio, [content] * 8):
            np.testing.assert_array_equal(audio.samples, expected)


SHORT = [
    contain(sweep(0.2, 8000), *kind[:2], rate=8000, pictures=kind[2])
    for kind in KINDS.values()
    if kind[1] in ("aac", "flac")
]


@given(
    st.sampled_from(SHORT),
    st.lists(st.tuples(st.integers(0, 5000), st.integers(0, 255)), max_size=8),
    st.integers(200, 8000),
    st.sampled_from([None, 0.05, 11.0]),
)
@settings(max_examples=200, deadline=None)
def test_damaged_container_is_finite_sound_or_a_sample_error(content, flips, length, start_s):
    damaged = bytearray(content)
    for position, value in flips:
        damaged[position % len(damaged)] = value
    try:
        audio = decode_audio(bytes(damaged[:length]), start_s=start_s)
    except SampleError as error:
        assert error.code.isidentifier()
        assert " at 0x" not in str(error)
    else:
        assert isinstance(audio, Audio)
        assert np.isfinite(audio.samples).all()
