"""The door to pictures: what each format and depth becomes, and what each bad file gets."""

import io
import struct
import threading
import warnings
import zlib

import numpy as np
import pytest
from emofuse.features.errors import SampleError
from emofuse.features.files import read_bytes
from emofuse.features.pictures import MAX_PIXELS, as_picture, decode_picture, grey
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from PIL import Image, ImageOps, PngImagePlugin

GREY = np.add.outer(np.arange(40) * 3, np.arange(60) * 2).astype(np.uint8)
RGB = np.dstack([GREY, GREY // 2, 255 - GREY])
LOSSLESS = ("PNG", "BMP", "TIFF", "PPM")


def encoded(picture, file_format, **options):
    if isinstance(picture, np.ndarray):
        picture = Image.fromarray(np.ascontiguousarray(picture))
    buffer = io.BytesIO()
    picture.save(buffer, file_format, **options)
    return buffer.getvalue()


def png_header(width, height, data=b""):
    """A PNG that says it has so many grey pixels, whatever follows."""
    chunks = {
        b"IHDR": struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0),
        b"IDAT": zlib.compress(data),
        b"IEND": b"",
    }
    packed = (
        struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))
        for name, body in chunks.items()
    )
    return b"\x89PNG\r\n\x1a\n" + b"".join(packed)


def code_of(function, argument):
    with pytest.raises(SampleError) as caught:
        function(argument)
    assert "0x7" not in str(caught.value)
    return caught.value.code


@pytest.mark.parametrize("file_format", LOSSLESS)
def test_lossless_formats_give_the_pixels_back(file_format):
    picture = decode_picture(encoded(RGB, file_format))
    np.testing.assert_array_equal(picture.pixels, RGB)
    assert picture.pixels.flags.c_contiguous
    assert picture.warnings == ()


@pytest.mark.parametrize(
    ("file_format", "options"), [("JPEG", {"quality": 98}), ("WEBP", {"quality": 98}), ("GIF", {})]
)
def test_lossy_formats_give_nearly_the_pixels_back(file_format, options):
    decoded = decode_picture(encoded(RGB, file_format, **options)).pixels
    assert np.abs(decoded.astype(int) - RGB).mean() < 4


# Face 1-3, 22, 23; Face 1 (zero bytes) is refused where files are read, and here.
BAD_FILES = {
    "face-1": b"",
    "face-2": b"hello\nworld\n" * 100,
    "face-3-jpeg": encoded(RGB, "JPEG")[:-40],
    "face-3-jpeg-header": encoded(RGB, "JPEG")[:300],
    "face-3-png": encoded(RGB, "PNG")[:100],
    "face-3-gif": encoded(RGB, "GIF")[:-40],
    "face-3-webp": encoded(RGB, "WEBP")[:-40],
    "face-3-tiff": encoded(RGB, "TIFF")[:-40],
    "face-3-bmp": encoded(RGB, "BMP")[:-40],
    "face-3-ppm": encoded(RGB, "PPM")[:-40],
    "face-3-png-rows-missing": png_header(60, 40, b"\0" * 100),
    "face-23-svg": b"<?xml version='1.0'?><svg xmlns='http://www.w3.org/2000/svg' width='99' height='99'/>",
    "face-23-pdf": encoded(RGB, "PDF"),
    "face-23-eps": encoded(RGB, "EPS"),
    "icon": encoded(RGB, "ICO"),
}


@pytest.mark.parametrize("name", BAD_FILES)
def test_what_is_no_whole_picture_is_refused(name):
    assert code_of(decode_picture, BAD_FILES[name]) == "not_a_picture"


def test_empty_file_is_refused_where_it_is_read(tmp_path):  # Face 1
    (tmp_path / "picture.png").write_bytes(b"")
    assert code_of(read_bytes, tmp_path / "picture.png") == "empty_file"


@pytest.mark.parametrize(
    ("size", "code"),
    [
        pytest.param((1, 1), "too_small", id="face-4"),
        pytest.param((0, 0), "not_a_picture", id="face-5"),
        pytest.param((1, 5000), "too_small", id="face-6"),
        pytest.param((8001, 8000), "too_large", id="over-own-limit"),
        pytest.param((10_000, 10_000), "too_large", id="face-17"),
        pytest.param((13_400, 13_400), "too_large", id="face-18"),
        pytest.param((2**31 - 1, 2**31 - 1), "too_large", id="face-18-extreme"),
    ],
)
@pytest.mark.parametrize("action", ["error", "ignore"])
def test_size_is_judged_by_the_header_whatever_the_filters_of_warnings(size, code, action):
    with warnings.catch_warnings():
        warnings.simplefilter(action)
        assert code_of(decode_picture, png_header(*size)) == code


def run_length_coded(width, height):
    """Return a BMP that holds no pixel, only ends of lines."""
    body, colours = b"\x00\x00" * height, bytes(4 * 256)
    head = struct.pack("<IiiHHIIiiII", 40, width, height, 1, 8, 1, len(body), 0, 0, 256, 0)
    start = 14 + len(head) + len(colours)
    return b"BM" + struct.pack("<IHHI", start + len(body), 0, 0, start) + head + colours + body


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (run_length_coded(1001, 1000), "too_large"),
        (run_length_coded(2_752_536, 20), "too_large"),  # as fuzzing found: ten seconds for 155 bytes
        (b"P3 1001 1000 255\n" + b" 7" * 3_003_000, "too_large"),
        (b"P6 1001 1000 100\n" + bytes(3_003_000), "too_large"),
    ],
)
def test_codings_that_take_long_are_decoded_up_to_a_million_pixels(data, code):
    assert code_of(decode_picture, data) == code


def test_uncommon_codings_are_decoded_below_that_and_common_ones_beyond():
    assert decode_picture(b"P3 40 30 255\n" + b" 7" * 3600).pixels.mean() == 7
    assert decode_picture(encoded(RGB, "BMP")).pixels.shape == RGB.shape
    assert decode_picture(b"P5 1500 1000 255\n" + bytes(1_500_000)).pixels.shape == (1000, 1500, 3)


@pytest.mark.parametrize(
    ("shape", "code"),
    [
        pytest.param((1, 1), "too_small", id="face-4"),
        pytest.param((0, 0), "too_small", id="face-5"),
        pytest.param((0, 40, 3), "too_small", id="face-5-rows"),
        pytest.param((1, 5000), "too_small", id="face-6"),
        pytest.param((5000, 15, 3), "too_small", id="face-6-turned"),
        pytest.param((40,), "bad_array", id="one-dimension"),
        pytest.param((2, 40, 40, 3), "bad_array", id="four-dimensions"),
        pytest.param((3, 40, 40), "bad_array", id="channels-first"),
        pytest.param((40, 40, 2), "bad_array", id="two-channels"),
    ],
)
def test_shapes_that_are_no_picture_are_refused(shape, code):
    assert code_of(as_picture, np.zeros(shape, dtype=np.uint8)) == code


def test_large_array_is_refused_without_being_touched():  # Face 17
    huge = np.broadcast_to(np.uint8(0), (MAX_PIXELS // 1000 + 1, 1000))
    assert code_of(as_picture, huge) == "too_large"


def test_cmyk_becomes_rgb():  # Face 11
    cmyk = Image.fromarray(RGB).convert("CMYK")
    np.testing.assert_array_equal(decode_picture(encoded(cmyk, "TIFF")).pixels, RGB)
    decoded = decode_picture(encoded(cmyk, "JPEG", quality=98)).pixels
    assert np.abs(decoded.astype(int) - RGB).mean() < 3


@pytest.mark.parametrize("file_format", ["PNG", "TIFF", "PPM"])
def test_sixteen_bit_grey_is_scaled_not_clipped(file_format):  # Face 12
    deep = np.zeros((20, 20), dtype=np.uint16)
    deep[0, :4] = (0, 256, 32768, 65535)
    for pixels in (decode_picture(encoded(deep, file_format)).pixels, as_picture(deep).pixels):
        assert pixels[0, :4].tolist() == [[0] * 3, [1] * 3, [128] * 3, [255] * 3]


def test_big_endian_and_wider_integers_of_sixteen_bits_are_scaled():  # Face 12
    deep = GREY.astype(np.uint16) * 257
    np.testing.assert_array_equal(as_picture(deep.astype(">u2")).pixels[..., 0], GREY)
    np.testing.assert_array_equal(decode_picture(encoded(deep.astype(np.int32), "TIFF")).pixels[..., 1], GREY)


def test_values_that_no_grey_picture_has_are_refused():
    assert code_of(decode_picture, encoded(GREY.astype(np.int32) - 1000, "TIFF")) == "bad_array"
    assert code_of(decode_picture, encoded(GREY.astype(np.float32), "TIFF")) == "bad_array"


def test_single_bits_palette_and_grey_become_rgb():  # Face 13
    bits = GREY > 100
    np.testing.assert_array_equal(
        decode_picture(encoded(Image.fromarray(bits), "PNG")).pixels[..., 2], np.where(bits, 255, 0)
    )
    palette = Image.fromarray(RGB).quantize(32)
    np.testing.assert_array_equal(decode_picture(encoded(palette, "PNG")).pixels, np.asarray(palette.convert("RGB")))
    np.testing.assert_array_equal(decode_picture(encoded(GREY, "PNG")).pixels, as_picture(GREY).pixels)
    assert as_picture(GREY[..., None]).pixels.shape == (40, 60, 3)


@pytest.mark.parametrize("hidden", [0, 255])
def test_what_is_transparent_becomes_mid_grey_whatever_is_hidden(hidden):  # Face 14
    rgba = np.full((20, 20, 4), hidden, dtype=np.uint8)
    rgba[..., 3] = 0
    rgba[0, 0] = (10, 20, 30, 255)
    for pixels in (as_picture(rgba).pixels, decode_picture(encoded(rgba, "PNG")).pixels):
        assert pixels[0, 0].tolist() == [10, 20, 30]
        assert (pixels[1:] == 128).all()


def test_transparency_of_a_palette_counts():  # Face 14
    palette = Image.fromarray(RGB).quantize(4)
    decoded = decode_picture(encoded(palette, "PNG", transparency=bytes([0, 255, 255, 255]))).pixels
    np.testing.assert_array_equal((decoded == 128).all(axis=2), np.asarray(palette) == 0)


def test_unambiguous_arrays_are_taken():  # Face 15
    np.testing.assert_array_equal(as_picture(GREY / 255).pixels[..., 0], GREY)
    np.testing.assert_array_equal(as_picture((RGB / 255).astype(np.float32)).pixels, RGB)
    assert set(np.unique(as_picture(GREY > 100).pixels)) == {0, 255}
    opaque = np.dstack([RGB, np.full_like(GREY, 255)])
    np.testing.assert_array_equal(as_picture(opaque).pixels, RGB)


@pytest.mark.parametrize(
    ("array", "code"),
    [
        pytest.param(GREY.astype(np.float64), "bad_array", id="face-15-float-to-255"),
        pytest.param(GREY / 255 - 0.5, "bad_array", id="face-15-negative"),
        pytest.param(GREY.astype(np.int64), "bad_array", id="face-15-int64"),
        pytest.param(GREY.astype(complex), "bad_array", id="face-15-complex"),
        pytest.param(GREY.astype(str), "bad_array", id="face-15-text"),
        pytest.param(GREY.tolist(), "bad_array", id="face-26-list"),
        pytest.param(None, "bad_array", id="face-26-none"),
        pytest.param(np.where(GREY > 9, GREY / 255, np.nan), "not_finite", id="face-28"),
        pytest.param(np.where(GREY > 9, GREY / 255, np.inf), "not_finite", id="face-28-inf"),
    ],
)
def test_other_arrays_are_refused(array, code):
    assert code_of(as_picture, array) == code


@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation_is_undone(orientation):  # Face 16
    exif = Image.Exif()
    exif[0x0112] = orientation
    data = encoded(RGB, "PNG", exif=exif)
    upright = np.asarray(ImageOps.exif_transpose(Image.open(io.BytesIO(data))))
    np.testing.assert_array_equal(decode_picture(data).pixels, upright)


@pytest.mark.parametrize("field", [(3, 1, b"\x4d\0\0\0"), (3, 1, bytes(4)), (2, 4, b"up!\0")], ids=["77", "0", "text"])
def test_orientation_that_does_not_exist_is_none(field):  # Face 16
    exif = b"II*\0\x08\0\0\0" + struct.pack("<HHHI4sI", 1, 0x0112, *field, 0)
    np.testing.assert_array_equal(decode_picture(encoded(RGB, "PNG", exif=exif)).pixels, RGB)


@pytest.mark.parametrize("file_format", ["GIF", "WEBP", "PNG", "TIFF"])
def test_first_frame_is_taken_with_a_warning(file_format):  # Face 20
    others = [Image.fromarray(RGB[::-1].copy())]
    data = encoded(GREY if file_format == "GIF" else RGB, file_format, save_all=True, append_images=others)
    picture = decode_picture(data)
    assert picture.warnings == ("several frames: the first one is measured",)
    assert np.abs(picture.pixels[..., 0].astype(int) - GREY).mean() < 4


def test_multi_picture_jpeg_is_one_scene():  # Face 21
    others = [Image.fromarray(RGB[::-1].copy())]
    picture = decode_picture(encoded(RGB, "MPO", save_all=True, append_images=others))
    assert picture.warnings == ()
    assert np.abs(picture.pixels.astype(int) - RGB).mean() < 4


@pytest.mark.parametrize("action", ["error", "ignore"])
@pytest.mark.parametrize(
    "options",
    [
        {"icc_profile": b"no profile" * 50},
        {"exif": b"Exif\x00\x00II*\x00\xff\xff\xff\xffgarbage"},
        {"exif": b"Exif\x00\x00garbage"},
        {"exif": b"Exif\x00\x00II*\x00\x08\x00\x00\x00\xff\xff\x12\x01"},
    ],
    ids=["face-21-icc", "exif-offset", "exif-garbage", "exif-cut"],
)
def test_odd_profile_and_damaged_exif_leave_the_pixels(options, action):
    plain = decode_picture(encoded(RGB, "JPEG"))
    with warnings.catch_warnings():
        warnings.simplefilter(action)
        np.testing.assert_array_equal(decode_picture(encoded(RGB, "JPEG", **options)).pixels, plain.pixels)


def test_huge_text_and_exif_are_refused():  # Face 22
    text, packed = PngImagePlugin.PngInfo(), PngImagePlugin.PngInfo()
    text.add_text("note", "x" * (9 << 20))
    packed.add_text("note", "x" * (9 << 20), zip=True)
    assert code_of(decode_picture, encoded(RGB, "PNG", pnginfo=text)) == "too_much_metadata"
    assert code_of(decode_picture, encoded(RGB, "PNG", pnginfo=packed)) == "not_a_picture"
    assert code_of(decode_picture, encoded(RGB, "PNG", exif=b"II*\0" + b"\0" * (9 << 20))) == "too_much_metadata"


def test_order_of_channels_is_documented():  # Face 24
    assert "blue, green, red" in as_picture.__doc__
    np.testing.assert_array_equal(as_picture(RGB[..., ::-1][..., ::-1]).pixels, RGB)


def test_views_that_are_not_contiguous_are_taken():  # Face 25
    for view in (RGB[::-1, ::2], RGB.transpose(1, 0, 2), np.asfortranarray(GREY)):
        picture = as_picture(view)
        assert picture.pixels.flags.c_contiguous
        np.testing.assert_array_equal(picture.pixels, view if view.ndim == 3 else np.dstack([view] * 3))


@given(arrays(np.uint8, (16, 17, 3), elements=st.integers(0, 255)))
def test_path_and_memory_agree(pixels):
    np.testing.assert_array_equal(decode_picture(encoded(pixels, "PNG")).pixels, as_picture(pixels).pixels)


@given(st.binary(max_size=300), st.sampled_from(["JPEG", "PNG", "GIF", "TIFF", "WEBP", "BMP", "PPM"]), st.data())
def test_damage_is_decoded_or_a_sample_error(junk, file_format, data):
    whole = encoded(RGB, file_format)
    at = data.draw(st.integers(0, len(whole)))
    try:
        pixels = decode_picture(whole[:at] + junk + whole[at + len(junk) :]).pixels
    except SampleError as error:
        assert error.code.isidentifier()
    else:
        assert (pixels.dtype, pixels.shape[2]) == (np.uint8, 3)


def test_grey_is_the_luma_and_leaves_grey_as_it_is():
    expected = RGB @ np.array([0.299, 0.587, 0.114])  # ITU-R BT.601
    assert np.abs(grey(RGB) - expected).max() <= 1
    np.testing.assert_array_equal(grey(GREY), GREY)
    np.testing.assert_array_equal(grey(as_picture(GREY).pixels), GREY)


def test_filters_of_warnings_are_as_before_whatever_threads_decode():
    before = list(warnings.filters)
    data = encoded(RGB, "JPEG", exif=b"Exif\x00\x00II*\x00\xff\xff\xff\xffgarbage")
    threads = [threading.Thread(target=lambda: [decode_picture(data) for _ in range(30)]) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert list(warnings.filters) == before
