"""Sound, videos, pictures and recordings of signals."""

from __future__ import annotations

import io
import random
import struct
import zlib
from collections.abc import Callable

import numpy as np
from emofuse.features.errors import SampleError
from emofuse.features.media import decode_audio
from emofuse.features.pictures import decode_picture
from emofuse.features.recordings import read_recording
from emofuse.features.video import frames
from emofuse.inference.sources import Recording
from target import Target, beside, cells_or_bytes, take

RATE = 16_000
CLIPS = ((None, None), (0.02, None), (None, 0.05), (0.02, 0.05), (11.0, 12.0))


def sound() -> Target:
    """Return the target of sound in any container."""
    import soundfile as sf

    tone = 0.3 * np.sin(np.arange(1600) / 10)
    seeds = {}
    kinds = {
        "WAV": ("PCM_16", "PCM_U8", "PCM_24", "FLOAT", "ALAW", "IMA_ADPCM"),
        "AIFF": ("PCM_16",),
        "FLAC": ("PCM_16",),
        "OGG": ("VORBIS", "OPUS"),
        "MP3": ("MPEG_LAYER_III",),
        "CAF": ("PCM_16",),
        "AU": ("PCM_16",),
        "W64": ("PCM_16",),
    }
    for kind, subtypes in kinds.items():
        for subtype in subtypes:
            held = io.BytesIO()
            sf.write(held, np.stack([tone, tone], axis=1), RATE, format=kind, subtype=subtype)
            seeds[f"{kind}-{subtype}"] = held.getvalue() + b"\0"
    contain = beside("features/test_containers.py").contain
    for format, codec in (("mp4", "aac"), ("matroska", "aac"), ("webm", "libopus"), ("avi", "mp3"), ("mpegts", "aac")):
        seeds[format] = contain(tone, format, codec, rate=48_000 if codec == "libopus" else RATE) + b"\0"
    seeds["film"] = contain(tone, pictures=2) + b"\2"

    def door(data: bytes) -> None:
        choice, data = take(data)
        start_s, end_s = CLIPS[choice % len(CLIPS)]
        audio = decode_audio(data, start_s=start_s, end_s=end_s)
        assert audio.samples.dtype == np.float32 and len(audio.samples), "no sound"
        assert np.isfinite(audio.samples).all(), "not finite"

    return Target(door, seeds, (SampleError,), rss_mb=4096)


def video() -> Target:
    """Return the target of videos."""
    write = beside("features/conftest.py")._write_video
    noise = np.random.default_rng(0).integers(0, 256, (3, 48, 64, 3), dtype=np.uint8)
    kinds = {
        "mov-png": {},
        "mp4-mpeg4": {"container": "mp4", "codec": "mpeg4", "pix_fmt": "yuv420p"},
        "mp4-h264": {"container": "mp4", "codec": "libx264", "pix_fmt": "yuv420p"},
        "turned": {"container": "mp4", "codec": "mpeg4", "pix_fmt": "yuv420p", "rotation": 90},
        "matroska-mpeg4": {"container": "matroska", "codec": "mpeg4", "pix_fmt": "yuv420p"},
        "webm-vp8": {"container": "webm", "codec": "libvpx", "pix_fmt": "yuv420p"},
        "avi-mjpeg": {"container": "avi", "codec": "mjpeg", "pix_fmt": "yuvj420p"},
        "mpegts-mpeg2": {"container": "mpegts", "codec": "mpeg2video", "pix_fmt": "yuv420p", "rate": 25},
    }
    seeds = {name: write(noise, **given) + b"\0" for name, given in kinds.items()}

    def door(data: bytes) -> None:
        choice, data = take(data)
        start_s, end_s = CLIPS[choice % len(CLIPS)]
        warnings: list[str] = []
        found = frames(data, start_s=start_s, end_s=end_s, size_px=64, grey=bool(choice & 16), warnings=warnings)
        for number, frame in enumerate(found):
            assert frame.pixels.dtype == np.uint8 and np.isfinite(frame.time_s), "not a picture"
            if number == 50:
                break

    return Target(door, seeds, (SampleError,), rss_mb=4096)


def streams() -> Target:
    """Return the target of recordings that are answered along, sound and pictures side by side."""
    seeds = {**sound().seeds, **video().seeds}

    def door(data: bytes) -> None:
        choice, data = take(data)
        start_s, end_s = CLIPS[choice % len(CLIPS)]
        pieces = Recording(data, kinds=("audio", "video"), every_s=0.1, start_s=start_s or 0.0, end_s=end_s)
        for number, piece in enumerate(pieces):
            assert piece.time_s is None or np.isfinite(piece.time_s), "time"
            if number == 200:
                break

    return Target(door, seeds, (SampleError,), rss_mb=4096)


def pictures() -> Target:
    """Return the target of pictures; checksums of PNG chunks are made right again."""
    from PIL import Image

    values = np.random.default_rng(0).integers(0, 256, (20, 24, 4), dtype=np.uint8)
    coloured, grey = Image.fromarray(values[..., :3]), Image.fromarray(values[..., 0])
    exif = Image.Exif()
    exif[0x0112] = 6
    kinds = {
        "png": (coloured, {"format": "PNG"}),
        "png-alpha": (Image.fromarray(values), {"format": "PNG"}),
        "png-palette": (coloured.quantize(16), {"format": "PNG", "transparency": 0}),
        "png-deep": (Image.fromarray(values[..., 0].astype(np.uint16) * 257), {"format": "PNG"}),
        "jpeg": (coloured, {"format": "JPEG", "exif": exif}),
        "jpeg-progressive": (coloured.convert("CMYK"), {"format": "JPEG", "progressive": True}),
        "bmp": (coloured, {"format": "BMP"}),
        "gif": (grey, {"format": "GIF", "save_all": True, "append_images": [grey.rotate(90)]}),
        "tiff": (coloured, {"format": "TIFF", "compression": "tiff_deflate"}),
        "tiff-lzw": (grey, {"format": "TIFF", "compression": "tiff_lzw", "exif": exif}),
        "tiff-float": (grey.convert("F"), {"format": "TIFF"}),
        "webp": (coloured, {"format": "WEBP", "exif": exif}),
        "ppm": (coloured, {"format": "PPM"}),
        "pgm": (grey, {"format": "PPM"}),
    }
    seeds = {}
    for name, (image, options) in kinds.items():
        held = io.BytesIO()
        image.save(held, **options)
        seeds[name] = held.getvalue()

    def door(data: bytes) -> None:
        picture = decode_picture(data)
        assert picture.pixels.dtype == np.uint8 and picture.pixels.ndim == 3, "not a picture"

    def mutate(data: bytes, chance: random.Random, change: Callable[[bytes], bytes]) -> bytes:
        return _with_png_checksums(change(data))

    return Target(door, seeds, (SampleError,), mutate, rss_mb=2048)


def recordings() -> Target:
    """Return the target of EEG and physiology: CSV, EDF, BDF and FIF."""
    made = beside("features/test_recordings.py")
    edf = made.edf
    seeds = {
        "csv": made.csv(made.table_of(20)),
        "edf": edf(made.digital(64), records=2),
        "bdf": edf(made.digital(64), records=2, width=3),
        "edf-notes": edf(made.digital(64), records=2, notes=[b"+0\x14\x14\0", b"+5\x14\x14\0"], kind="EDF+D"),
        "fif": _fif(),
    }
    ways = ({}, {"sampling_rate_hz": 64.0}, {"start_s": 0.1}, {"sampling_rate_hz": 32.0, "start_s": 0.1, "end_s": 0.5})

    def door(data: bytes) -> None:
        choice, data = take(data)
        recording = read_recording(data, **ways[choice % len(ways)])
        assert recording.samples.dtype == np.float64 and recording.samples.ndim == 2, "not a recording"
        assert len(recording.channels) == recording.samples.shape[1], "channels"
        assert recording.gaps is not None

    return Target(
        door, {name: data + b"\0" for name, data in seeds.items()}, (SampleError,), cells_or_bytes, rss_mb=3072
    )


def _fif() -> bytes:
    """Return a quarter of a second of two channels as a FIF file."""
    import tempfile
    from pathlib import Path

    import mne

    raw = mne.io.RawArray(np.zeros((2, 16)) + 1e-6, mne.create_info(["Fz", "Cz"], 64.0, "eeg"), verbose="CRITICAL")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "small_raw.fif"
        raw.save(path, verbose="CRITICAL")
        return path.read_bytes()


def _with_png_checksums(data: bytes) -> bytes:
    """Return a PNG whose chunks have their right CRC-32 (PNG specification, 5.3); anything else as it is."""
    if not data.startswith(b"\x89PNG\r\n\x1a\n"):
        return data
    right, place = bytearray(data), 8
    while place + 12 <= len(data):
        (size,) = struct.unpack_from(">I", data, place)
        end = place + 8 + size
        if end + 4 > len(data):
            break
        struct.pack_into(">I", right, end, zlib.crc32(data[place + 4 : end]))
        place = end + 4
    return bytes(right)
