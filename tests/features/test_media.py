"""Every kind of bad sound gets what the house promises: an error with a code, a value and a warning, or one form."""

import io
import os
import socket
import struct
import zipfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import soundfile as sf
from emofuse.features import base, media
from emofuse.features.acoustic import OpenSmileFunctionals
from emofuse.features.errors import SampleError
from emofuse.features.files import read_bytes
from emofuse.features.media import Audio, as_audio, decode_audio, resample, trim_silence
from hypothesis import given, settings
from hypothesis import strategies as st

RATE = 16_000


def tone(duration_s=0.5, rate=RATE, hz=200.0, level=0.3):
    return level * np.sin(2 * np.pi * hz * np.arange(round(duration_s * rate)) / rate)


def pcm16(samples):
    return np.round(np.asarray(samples) * 32767).astype("<i2")


def wav(payload, *, rate=RATE, channels=1, bits=16, tag=1, named_size=None):
    """A RIFF file written field by field, so that each field can lie."""
    block = channels * bits // 8
    layout = struct.pack("<HHIIHH", tag, channels, rate, min(rate * block, 2**32 - 1), block, bits)
    size = len(payload) if named_size is None else named_size
    head = b"RIFF" + struct.pack("<I", min(36 + size, 2**32 - 1)) + b"WAVEfmt " + struct.pack("<I", 16) + layout
    return head + b"data" + struct.pack("<I", size) + payload


def float_wav(samples):
    return wav(np.asarray(samples, dtype="<f4").tobytes(), bits=32, tag=3)


def encoded(samples, *, rate=RATE, format="WAV", subtype=None):
    file = io.BytesIO()
    sf.write(file, samples, rate, format=format, subtype=subtype)
    return file.getvalue()


def with_value(value, count=1):
    samples = tone()
    samples[:count] = value
    return samples


WHOLE = pcm16(tone()).tobytes()

UNUSABLE_FILES = {
    "01-zero-byte-file": (b"", "empty_file", "has 0 bytes"),
    "02-no-samples": (wav(b""), "no_samples", "0 samples"),
    "03-one-sample": (wav(WHOLE[:2]), "too_short", "0.06 s needed, got 0.000 s"),
    "04-59-ms": (wav(WHOLE[: 2 * 944]), "too_short", "0.06 s needed, got 0.059 s"),
    "06-one-nan": (float_wav(with_value(np.nan)), "not_finite", "1 of 8000 samples"),
    "07-one-infinity": (float_wav(with_value(np.inf)), "not_finite", "1 of 8000 samples"),
    "08-all-nan": (float_wav(with_value(np.nan, 8000)), "not_finite", "8000 of 8000 samples"),
    "20-rate-zero-in-the-header": (wav(WHOLE, rate=0), "not_audio", "no sound that can be decoded"),
    "21-rate-of-2-to-the-31": (wav(WHOLE, rate=2**31 - 1), "bad_rate", "1000 to 768000 Hz is needed, got 2147483647"),
    "24-thousand-channels": (wav(WHOLE, channels=1000), "too_many_channels", "at most 64 channels are read, got 1000"),
    "26-header-cut-at-the-format": (wav(WHOLE)[:30], "not_audio", "no sound that can be decoded"),
    "26-header-cut-after-the-magic": (wav(WHOLE)[:12], "not_audio", "no sound that can be decoded"),
    "29-riff-without-data": (
        wav(WHOLE)[:36] + b"LIST" + struct.pack("<I", 4) + b"abcd",
        "not_audio",
        "no sound that can be decoded",
    ),
    "32-text-named-wav": (b"this is a shopping list\n" * 50, "not_audio", "no sound that can be decoded"),
    "32-zeros-named-wav": (bytes(4000), "not_audio", "no sound that can be decoded"),
    "29-aiff-without-sound": (
        encoded(tone(), format="AIFF").replace(b"SSND", b"XXXX"),
        "not_audio",
        "no sound that can be decoded",
    ),
    "37-ten-hours": (
        wav(b"\x80" * 36_000_000, rate=1000, bits=8),
        "too_long",
        "at most 3600 s are decoded, got 36000 s; cut it into clips",
    ),
}

UNUSABLE_ARRAYS = {
    "02-no-samples": ([], RATE, "no_samples", "0 samples"),
    "03-one-sample": ([0.1], RATE, "too_short", "0.06 s needed"),
    "04-59-ms": (tone(0.059), RATE, "too_short", "0.06 s needed, got 0.059 s"),
    "06-one-nan": (with_value(np.nan), RATE, "not_finite", "1 of 8000"),
    "07-one-infinity": (with_value(-np.inf), RATE, "not_finite", "1 of 8000"),
    "07-beyond-float32": (with_value(1e300), RATE, "not_finite", "1 of 8000"),
    "08-all-nan": (np.full(8000, np.nan), RATE, "not_finite", "8000 of 8000"),
    "20-rate-zero": (tone(), 0, "bad_rate", "is needed, got 0"),
    "20-negative-rate": (tone(), -16000, "bad_rate", "is needed, got -16000"),
    "21-rate-of-2-to-the-31": (tone(), 2**31 - 1, "bad_rate", "is needed, got 2147483647"),
    "24-thousand-channels": (np.zeros((2000, 1000)), RATE, "too_many_channels", "got 1000"),
    "25-transposed": (np.stack([tone(), tone()]), RATE, "bad_array", "pass its transpose"),
    "40-fractional-rate": (tone(), 16000.5, "bad_rate", "a whole number of Hz, got 16000.5"),
    "40-rate-nan": (tone(), float("nan"), "bad_rate", "a whole number of Hz"),
    "40-rate-as-text": (tone(), "16000", "bad_rate", "a whole number of Hz, got '16000'"),
    "complex": (tone().astype(complex), RATE, "bad_array", "got complex128 (8000,)"),
    "text": ("sound", RATE, "bad_array", "a numeric array"),
    "nothing": (None, RATE, "bad_array", "a numeric array"),
    "three-dimensions": (np.zeros((2, 2, 2)), RATE, "bad_array", "got float64 (2, 2, 2)"),
    "ragged": ([[0.0, 1.0], [0.5]], RATE, "bad_array", "rows of several lengths"),
}

DOUBTFUL_FILES = {
    "05-61-ms": (wav(WHOLE[: 2 * 976]), "short: 0.061 s of sound"),
    "09-silence": (wav(bytes(16_000)), "silence"),
    "10-constant-offset": (wav(pcm16(np.full(8000, 0.25)).tobytes()), "silence"),
    "12-floats-over-full-scale": (float_wav(tone(level=4.0)), "clipping"),
    "13-clipped": (wav(pcm16(np.clip(tone(level=1.5), -1, 1)).tobytes()), "clipping"),
    "18-8-khz": (wav(pcm16(tone(rate=8000)).tobytes(), rate=8000), "narrow band: sampled at 8000 Hz"),
    "27-data-cut-off": (wav(WHOLE)[:8000], "truncated"),
    "27-aiff-cut-off": (encoded(tone(), format="AIFF")[:8000], "truncated"),
}


def on_disk(folder, content, name="clip.wav"):
    path = folder / name
    path.write_bytes(content)
    return path


def extract_from(path):
    return OpenSmileFunctionals().extract(pd.DataFrame({"audio": [str(path)]}, index=["a17"]))


@pytest.mark.parametrize(("content", "code", "message"), UNUSABLE_FILES.values(), ids=UNUSABLE_FILES)
def test_unusable_file_is_refused_with_its_code(tmp_path, content, code, message):
    path = on_disk(tmp_path, content)
    with pytest.raises(SampleError) as caught:
        OpenSmileFunctionals().extract_one(path)
    assert caught.value.code == code
    assert message in str(caught.value)


@pytest.mark.parametrize(("content", "code"), [case[:2] for case in UNUSABLE_FILES.values()], ids=UNUSABLE_FILES)
def test_unusable_file_in_a_batch_is_an_absent_row_with_a_record(tmp_path, content, code):
    extraction = extract_from(on_disk(tmp_path, content))
    assert extraction.features.isna().all(axis=None)
    assert extraction.failures[["sample", "source", "code"]].values.tolist() == [["a17", "audio", code]]


@pytest.mark.parametrize(("samples", "rate", "code", "message"), UNUSABLE_ARRAYS.values(), ids=UNUSABLE_ARRAYS)
def test_unusable_array_is_refused_with_its_code(samples, rate, code, message):
    with pytest.raises(SampleError) as caught:
        OpenSmileFunctionals().extract_one((samples, rate))
    assert caught.value.code == code
    assert message in str(caught.value)


@pytest.mark.parametrize(("content", "warning"), DOUBTFUL_FILES.values(), ids=DOUBTFUL_FILES)
def test_doubtful_file_gives_finite_features_and_a_warning(tmp_path, content, warning):
    extraction = extract_from(on_disk(tmp_path, content))
    assert np.isfinite(extraction.features.to_numpy()).all()
    assert any(warning in message for message in extraction.warnings["message"])
    assert set(extraction.warnings["sample"]) == {"a17"}


def test_clean_sound_has_no_warning(tmp_path):
    assert extract_from(on_disk(tmp_path, wav(WHOLE))).warnings.empty


@pytest.mark.parametrize("level", [1.0, 4.0], ids=["11-full-scale", "12-floats-over-full-scale"])
def test_sound_at_full_scale_is_clipped_before_it_can_wrap(level):
    loud = tone(level=level)
    unchanged = OpenSmileFunctionals(rms=None)
    clipped = np.clip(loud, -32767 / 32768, 32767 / 32768)
    np.testing.assert_array_equal(unchanged.extract_one((loud, RATE)), unchanged.extract_one((clipped, RATE)))


STEREO = np.stack([tone(hz=200), tone(hz=310, level=0.1)], axis=1)
CANONICAL_ARRAYS = {
    "14-int16": (pcm16(tone()), pcm16(tone()) / 32768),
    "14-big-endian-int16": (pcm16(tone()).astype(">i2"), pcm16(tone()) / 32768),
    "14-int32": (pcm16(tone()).astype(np.int32) * 65536, pcm16(tone()) / 32768),
    "15-unsigned-8-bit": (np.round(tone() * 128 + 128).astype(np.uint8), np.round(tone() * 128) / 128),
    "17-float64": (tone(), tone().astype(np.float32)),
    "17-float16": (tone().astype(np.float16), tone().astype(np.float16).astype(np.float32)),
    "22-stereo": (STEREO, STEREO.astype(np.float32).mean(axis=1)),
    "23-eight-channels": (np.tile(tone()[:, None], 8), tone()),
    "read-only-and-strided": (np.repeat(tone(), 2)[::2], tone()),
}


@pytest.mark.parametrize(("given_samples", "canonical"), CANONICAL_ARRAYS.values(), ids=CANONICAL_ARRAYS)
def test_array_is_brought_to_mono_float32_in_silence(given_samples, canonical):
    audio = as_audio(given_samples, RATE)
    assert audio.samples.dtype == np.float32
    assert audio.warnings == ()
    np.testing.assert_allclose(audio.samples, canonical, atol=1e-7)


CANONICAL_FILES = {
    "15-8-bit": (encoded(tone(), subtype="PCM_U8"), 1 / 128),
    "16-24-bit": (encoded(tone(), subtype="PCM_24"), 2.0**-22),
    "17-float64": (encoded(tone(), subtype="DOUBLE"), 1e-7),
    "22-stereo": (encoded(np.stack([2 * tone(), 0 * tone()], axis=1)), 2.0**-14),
    "23-eight-channels": (encoded(np.tile(tone()[:, None], 8)), 2.0**-14),
    "28-streaming-data-size": (wav(WHOLE, named_size=2**31 - 1), 2.0**-14),
    "28-unknown-data-size": (wav(WHOLE, named_size=2**32 - 1), 2.0**-14),
    "28-lying-size-of-another-chunk": (
        wav(WHOLE)[:36] + b"fact" + struct.pack("<II", 0, 8000) + wav(WHOLE)[36:],
        2.0**-14,
    ),
    "30-mp3": (encoded(tone(), format="MP3"), 0.02),
    "31-flac": (encoded(tone(), format="FLAC"), 2.0**-14),
}


@pytest.mark.parametrize(("content", "tolerance"), CANONICAL_FILES.values(), ids=CANONICAL_FILES)
def test_file_is_decoded_to_mono_float32_in_silence(content, tolerance):
    audio = decode_audio(content)
    assert (audio.samples.dtype, audio.sampling_rate_hz, audio.warnings) == (np.float32, RATE, ())
    np.testing.assert_allclose(audio.samples, tone(), atol=tolerance)


@pytest.mark.parametrize("format", ["MP3", "FLAC"], ids=["30-mp3-named-wav", "31-flac-named-wav"])
def test_format_is_found_from_the_content_not_the_name(tmp_path, format):
    content = encoded(tone(), format=format)
    extractor = OpenSmileFunctionals()
    named_rightly = extractor.extract_one(on_disk(tmp_path, content, f"clip.{format.lower()}"))
    np.testing.assert_array_equal(extractor.extract_one(on_disk(tmp_path, content, "clip.wav")), named_rightly)


@pytest.mark.parametrize("named_size", [2**31 - 1, 2**32 - 1])
def test_28_lying_data_size_changes_no_feature(tmp_path, named_size):
    extractor = OpenSmileFunctionals()
    honest = extractor.extract_one(on_disk(tmp_path, wav(WHOLE), "honest.wav"))
    lying = extractor.extract_one(on_disk(tmp_path, wav(WHOLE, named_size=named_size)))
    np.testing.assert_array_equal(lying, honest)


@pytest.mark.parametrize("rate", [96_000, 192_000], ids=["19-96-khz", "19-192-khz"])
def test_high_rate_is_resampled_to_the_rate_of_analysis(rate):
    sound = as_audio(tone(rate=rate), rate)
    low = resample(sound, RATE)
    extractor = OpenSmileFunctionals()
    np.testing.assert_array_equal(
        extractor.extract_one((sound.samples, rate)), extractor.extract_one((low.samples, RATE))
    )
    assert len(low.samples) == RATE // 2
    np.testing.assert_allclose(low.samples[500:-500], tone()[500:-500], atol=1e-3)


@pytest.mark.parametrize("rate", [16000.0, np.int64(16000), np.float32(16000)], ids=repr)
def test_40_whole_rate_of_any_number_type_is_taken(rate):
    found = as_audio(tone(), rate).sampling_rate_hz
    assert (found, type(found)) == (16000, int)


def test_37_clip_of_a_ten_hour_file_is_decoded():
    audio = decode_audio(wav(b"\x80" * 36_000_000, rate=1000, bits=8), start_s=35_000.0, end_s=35_000.5)
    assert audio.duration_s == 0.5


def test_37_compressed_file_that_would_fill_memory_is_refused(monkeypatch):
    monkeypatch.setattr(media, "MAX_VALUES", 2 * 4000)
    with pytest.raises(SampleError, match=r"at most 8000 values are decoded, got 8000 x 2") as caught:
        decode_audio(encoded(STEREO, format="FLAC"))
    assert caught.value.code == "too_long"


def socket_file(path):
    server = socket.socket(socket.AF_UNIX)
    server.bind(str(path))
    server.close()


NO_FILES = {
    "33-directory": (lambda path: path.mkdir(), "not_a_file"),
    "34-missing": (lambda path: None, "missing"),
    "34-below-a-file": (lambda path: path.parent.joinpath("plain").write_bytes(b"x"), "missing"),
    "36-symlink-loop": (lambda path: path.symlink_to(path), "not_a_file"),
    "36-fifo": (os.mkfifo, "not_a_file"),
    "36-device": (lambda path: path.symlink_to(os.devnull), "not_a_file"),
    "36-socket": (socket_file, "not_a_file"),
    "36-dangling-link": (lambda path: path.symlink_to("nowhere"), "missing"),
}


@pytest.mark.parametrize(("make", "code"), NO_FILES.values(), ids=NO_FILES)
def test_what_is_no_regular_file_is_never_opened(tmp_path, monkeypatch, make, code):
    monkeypatch.chdir(tmp_path)
    path = Path("s.wav")
    make(path)
    monkeypatch.setattr(Path, "read_bytes", lambda self: pytest.fail(f"{self} was opened"))
    with pytest.raises(SampleError, match=r"s\.wav") as caught:
        OpenSmileFunctionals().extract_one(path)
    assert caught.value.code == code


@pytest.mark.parametrize("name", ["a\0b.wav", "x" * 5000, "plain/clip.wav", "\ud800.wav"], ids=ascii)
def test_impossible_file_name_is_refused(tmp_path, name):
    on_disk(tmp_path, b"x", "plain")
    with pytest.raises(SampleError, match="cannot be opened") as caught:
        read_bytes(os.path.join(tmp_path, name))  # noqa: PTH118
    assert caught.value.code == "not_a_file"


def test_35_file_without_permission_is_refused(tmp_path, monkeypatch):
    path = on_disk(tmp_path, wav(WHOLE))

    def refuse(self):
        raise PermissionError(13, "Permission denied", str(self))

    monkeypatch.setattr(Path, "read_bytes", refuse)
    with pytest.raises(SampleError, match=r"'clip\.wav' may not be read; check its permissions") as caught:
        OpenSmileFunctionals().extract_one(path)
    assert caught.value.code == "no_permission"


def test_38_file_name_that_is_not_utf8_is_read(tmp_path):
    extractor = OpenSmileFunctionals()
    path = os.fsencode(tmp_path) + b"/caf\xe9.wav"
    with open(path, "wb") as file:  # noqa: PTH123
        file.write(wav(WHOLE))
    expected = extractor.extract_one(on_disk(tmp_path, wav(WHOLE)))
    np.testing.assert_array_equal(extractor.extract_one(path), expected)
    np.testing.assert_array_equal(extractor.extract_one(os.fsdecode(path)), expected)


def test_39_file_edited_during_the_run_is_refused(tmp_path, monkeypatch):
    path = on_disk(tmp_path, wav(WHOLE))

    def edit_after_reading(source):
        content = read_bytes(source)
        path.write_bytes(wav(WHOLE[::-1]))
        return content

    monkeypatch.setattr(base, "read_bytes", edit_after_reading)
    extraction = extract_from(path)
    assert extraction.failures["code"].tolist() == ["changed"]
    assert extraction.features.isna().all(axis=None)


def test_file_larger_than_the_limit_is_not_read(tmp_path):
    path = on_disk(tmp_path, bytes(11))
    assert read_bytes(path, max_bytes=11) == bytes(11)
    with pytest.raises(SampleError, match="at most 10 bytes are read, the file has 11") as caught:
        read_bytes(path, max_bytes=10)
    assert caught.value.code == "too_large"


@pytest.fixture
def archive(tmp_path):
    path = tmp_path / "corpus.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("Actor_01/a.wav", wav(WHOLE))
        file.writestr("Actor_01/empty.wav", b"")
    return path


def test_member_of_an_archive_is_read_like_a_file(tmp_path, archive):
    extractor = OpenSmileFunctionals()
    expected = extractor.extract_one(on_disk(tmp_path, wav(WHOLE)))
    np.testing.assert_array_equal(extractor.extract_one(archive / "Actor_01" / "a.wav"), expected)


@pytest.mark.parametrize(
    ("member", "max_bytes", "code"),
    [
        ("Actor_01/b.wav", 10**6, "missing"),
        ("Actor_01", 10**6, "missing"),
        ("../corpus.zip", 10**6, "missing"),
        ("Actor_01/empty.wav", 10**6, "empty_file"),
        ("Actor_01/a.wav", 100, "too_large"),
    ],
)
def test_member_that_cannot_be_used_is_refused(archive, member, max_bytes, code):
    with pytest.raises(SampleError) as caught:
        read_bytes(archive / member, max_bytes=max_bytes)
    assert caught.value.code == code


def test_archive_is_refused_where_its_data_are_damaged(archive):
    content = bytearray(archive.read_bytes())
    start = content.find(b"Actor_01/a.wav") + len("Actor_01/a.wav")
    content[start : start + 64] = b"\xff" * 64
    archive.write_bytes(content)
    with pytest.raises(SampleError, match=r"'corpus\.zip' cannot be read") as caught:
        read_bytes(archive / "Actor_01/a.wav")
    assert caught.value.code == "bad_archive"


@pytest.mark.parametrize("named_size", [100, 20_000], ids=["shorter", "longer"])
def test_member_not_as_long_as_its_header_says_is_refused(archive, named_size):
    content = bytearray(archive.read_bytes())
    entry = content.rfind(b"PK\x01\x02", 0, content.rfind(b"Actor_01/a.wav"))
    struct.pack_into("<I", content, entry + 24, named_size)
    archive.write_bytes(content)
    with pytest.raises(SampleError, match=r"'corpus\.zip'") as caught:
        read_bytes(archive / "Actor_01/a.wav")
    assert caught.value.code == "bad_archive"


def test_junk_named_zip_is_refused(tmp_path):
    path = on_disk(tmp_path, b"junk", "corpus.zip")
    with pytest.raises(SampleError) as caught:
        read_bytes(path / "a.wav")
    assert caught.value.code == "bad_archive"


def test_clip_bounds_cut_the_same_samples_as_slicing():
    whole = decode_audio(wav(WHOLE))
    clip = decode_audio(wav(WHOLE), start_s=0.1, end_s=0.35)
    np.testing.assert_array_equal(clip.samples, whole.samples[1600:5600])
    np.testing.assert_array_equal(decode_audio(wav(WHOLE), start_s=0.4, end_s=9.0).samples, whole.samples[6400:])


@pytest.mark.parametrize(
    ("start_s", "end_s"),
    [(-0.1, 0.2), (0.3, 0.2), (0.2, 0.2), (0.5, 0.6), (float("nan"), None), (None, float("inf")), (float("inf"), None)],
)
def test_impossible_clip_is_refused(start_s, end_s):
    with pytest.raises(SampleError) as caught:
        decode_audio(wav(WHOLE), start_s=start_s, end_s=end_s)
    assert caught.value.code == "bad_clip"


def test_clip_of_a_sound_without_samples_is_refused_as_empty():
    with pytest.raises(SampleError) as caught:
        decode_audio(wav(b""), start_s=1.0, end_s=2.0)
    assert caught.value.code == "no_samples"


def test_resampling_to_the_same_rate_is_the_same_sound():
    audio = as_audio(tone(), RATE)
    assert resample(audio, RATE) is audio


def test_trimming_keeps_from_the_first_to_the_last_loud_frame():
    samples = np.concatenate([np.zeros(RATE), tone(), np.zeros(RATE // 2), tone(), np.zeros(RATE)])
    trimmed = trim_silence(as_audio(samples, RATE), 35.0)
    assert trimmed.duration_s == pytest.approx(1.5, abs=0.05)


@pytest.mark.parametrize("samples", [np.zeros(RATE), tone(), tone(0.05)], ids=["silence", "steady", "two frames"])
def test_trimming_leaves_what_has_no_quiet_ends(samples):
    audio = as_audio(samples, RATE)
    np.testing.assert_array_equal(trim_silence(audio, 35.0).samples, audio.samples)


@given(
    st.sampled_from([wav(WHOLE[:2000]), *(encoded(tone(0.1), format=name) for name in ("FLAC", "OGG", "AIFF"))]),
    st.lists(st.tuples(st.integers(0, 200), st.integers(0, 255)), max_size=8),
    st.integers(0, 4000),
)
@settings(max_examples=300)
def test_damaged_file_is_finite_sound_or_a_sample_error(content, flips, length):
    damaged = bytearray(content)
    for position, value in flips:
        damaged[position % len(damaged)] = value
    try:
        audio = decode_audio(bytes(damaged[:length]))
    except SampleError as error:
        assert error.code
        assert " at 0x" not in str(error)
    else:
        assert isinstance(audio, Audio)
        assert np.isfinite(audio.samples).all()
