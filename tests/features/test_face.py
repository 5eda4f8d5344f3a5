"""The extractor of pictures: which face it takes, what it warns of, and what it refuses."""

import fnmatch
import io
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from emofuse.features.errors import SampleError
from emofuse.features.face import PARTS, FaceImage
from emofuse.features.faces import predictor_file
from PIL import Image
from skimage import data

ASTRONAUT = data.astronaut()
PORTRAIT = np.ascontiguousarray(ASTRONAUT[:256, 96:352])
CROP = np.asarray(Image.fromarray(PORTRAIT[74:182, 74:182]).resize((48, 48)))  # as FER2013 cuts faces
GEOMETRY = FaceImage(parts=("geometry",))


def saved(path, picture, **options):
    Image.fromarray(np.ascontiguousarray(picture)).save(path, **options)
    return str(path)


def measured(extractor, picture):
    values, warnings = extractor._measure(extractor._accept(picture))
    return dict(zip(extractor.get_feature_names_out(), values.tolist(), strict=True)), warnings


def code_of(extractor, source):
    with pytest.raises(SampleError) as caught:
        extractor.extract_one(source)
    return caught.value.code


def test_features_are_named_by_their_part():
    names = FaceImage(parts=PARTS).get_feature_names_out()
    counts = {part: len(fnmatch.filter(names, f"{part}_*")) for part in PARTS}
    assert counts == {"geometry": 174, "hog": 1200, "landmark_hog": 1632, "lbp": 944}
    assert sum(counts.values()) == len(set(names)) == len(names)


@pytest.mark.parametrize("part", PARTS)
def test_a_part_has_the_same_values_alone_and_among_others(part):
    alone, _ = measured(FaceImage(parts=(part,), detect=False), CROP)
    together, _ = measured(FaceImage(parts=PARTS[::-1], detect=False), CROP)
    assert {name: together[name] for name in alone} == alone


def test_every_feature_explains_itself():
    extractor = FaceImage(parts=PARTS)
    for name in ("geometry_mouth_width", "geometry_landmark_48_x", "hog_block_0_0_cell_0_1_030deg"):
        assert extractor.explain(name).source
    assert extractor.explain("geometry_brow_slope_left").unit == "deg"
    assert "landmark 48" in extractor.explain("landmark_hog_48_upper_left_045deg").measures


def test_the_smile_of_the_portrait_shows():
    values, warnings = measured(GEOMETRY, PORTRAIT)
    assert warnings == ()
    assert values["geometry_mouth_width"] > 0.9 and values["geometry_mouth_corner_lift_left"] > 0.05
    assert abs(values["geometry_head_roll"]) < 5


@pytest.mark.parametrize("factor", [0.6, 2.0])
def test_scale_of_the_picture_changes_little(factor):
    side = round(256 * factor)
    scaled, _ = measured(GEOMETRY, np.asarray(Image.fromarray(PORTRAIT).resize((side, side))))
    values, _ = measured(GEOMETRY, PORTRAIT)
    for name in ("mouth_width", "brow_height_left", "eye_aspect_ratio_right", "jaw_drop"):
        assert scaled[f"geometry_{name}"] == pytest.approx(values[f"geometry_{name}"], abs=0.08), name


def test_a_face_cut_out_already_is_not_searched():
    values, warnings = measured(FaceImage(parts=("geometry",), detect=False), CROP)
    assert warnings == ()
    assert values["geometry_mouth_width"] > 0.85
    noise = np.random.default_rng(0).integers(0, 255, (48, 48)).astype(np.uint8)
    assert np.isfinite(FaceImage(detect=False).extract_one(noise)).all()
    assert code_of(FaceImage(), noise) == "no_face"


@pytest.mark.parametrize("extractor", [FaceImage(), FaceImage(detect=False)], ids=["detect", "crop"])
@pytest.mark.parametrize("shade", [0, 255])
def test_black_and_white_have_no_face(extractor, shade):  # Face 27
    assert code_of(extractor, np.full((60, 80, 3), shade, dtype=np.uint8)) == "no_face"


@pytest.mark.parametrize("shape", [(16, 5000), (5000, 16), (48, 100)])
def test_strips_are_no_face(shape):  # Face 6
    strip = np.random.default_rng(0).integers(0, 255, shape).astype(np.uint8)
    assert code_of(FaceImage(detect=False), strip) == "no_face"
    assert code_of(FaceImage(), strip) == "no_face"


def test_picture_without_a_face_is_absent_and_the_batch_goes_on(tmp_path):  # Face 7
    paths = [saved(tmp_path / "coffee.png", data.coffee()), saved(tmp_path / "portrait.png", PORTRAIT)]
    samples = pd.DataFrame({"image": paths}, index=["coffee", "portrait"])
    extraction = GEOMETRY.extract(samples)
    assert extraction.failures[["sample", "code"]].to_numpy().tolist() == [["coffee", "no_face"]]
    assert extraction.features.loc["coffee"].isna().all() and extraction.features.loc["portrait"].notna().all()


def test_largest_of_several_faces_is_measured_with_a_warning():  # Face 8
    small = np.asarray(Image.fromarray(PORTRAIT).resize((160, 160)))
    picture = np.zeros((256, 420, 3), dtype=np.uint8)
    picture[:, 164:] = PORTRAIT[:, ::-1]
    picture[:160, :160] = small
    values, warnings = measured(GEOMETRY, picture)
    assert warnings == ("several faces: 2, the largest is measured",)
    # The larger one is a mirror image, so what leans to the left in the portrait leans to the right here.
    alone, _ = measured(GEOMETRY, np.ascontiguousarray(picture[:, 164:]))
    assert values["geometry_head_yaw"] == pytest.approx(alone["geometry_head_yaw"], abs=0.05)
    assert code_of(FaceImage(faces="single"), picture) == "several_faces"
    FaceImage(faces="single").extract_one(PORTRAIT)


def test_equal_faces_are_chosen_by_position():  # Face 8
    picture = np.hstack([PORTRAIT, PORTRAIT])
    found = [measured(GEOMETRY, picture) for _ in range(2)]
    assert found[0] == found[1]
    assert found[0][1] == ("several faces: 2, the largest is measured",)


def test_face_cut_by_the_border_is_measured():  # Face 9, 33
    assert np.isfinite(FaceImage(parts=PARTS).extract_one(PORTRAIT[:, 85:])).all()


def test_turned_face_is_measured_with_a_warning():  # Face 10
    turned = np.asarray(Image.fromarray(PORTRAIT).rotate(-25, Image.Resampling.BILINEAR))
    values, warnings = measured(GEOMETRY, turned)
    assert [warning.split(":")[0] for warning in warnings] == ["turned face"]
    straight, _ = measured(GEOMETRY, PORTRAIT)
    assert values["geometry_head_roll"] - straight["geometry_head_roll"] == pytest.approx(25, abs=4)


def test_small_face_is_found_at_the_second_try_with_a_warning():
    picture = np.full((600, 600, 3), 90, dtype=np.uint8)
    picture[100:200, 200:300] = np.asarray(Image.fromarray(PORTRAIT).resize((100, 100)))
    values, warnings = measured(GEOMETRY, picture)
    assert [warning.split(":")[0] for warning in warnings] == ["small face"]
    assert values["geometry_mouth_width"] > 0.85


def test_large_picture_is_scaled_down():  # Face 19
    large = np.asarray(Image.fromarray(PORTRAIT).resize((2160, 2160)))
    frame = np.full((2160, 3840, 3), 120, dtype=np.uint8)
    frame[:, 800:2960] = large
    values, warnings = measured(GEOMETRY, frame)
    assert warnings == ()
    assert values["geometry_mouth_width"] == pytest.approx(
        measured(GEOMETRY, PORTRAIT)[0]["geometry_mouth_width"], abs=0.05
    )


def variants_of_the_portrait(folder):
    """The same portrait in other clothes: Face 11-14, 16, 21."""
    grey = Image.fromarray(PORTRAIT).convert("L")
    exif = Image.Exif()
    exif[0x0112] = 6
    opaque = Image.fromarray(PORTRAIT).convert("RGBA")
    return {
        "face-11-cmyk": (Image.fromarray(PORTRAIT).convert("CMYK"), "a.tiff", {}),
        "face-12-16bit": (Image.fromarray(np.asarray(grey).astype(np.uint16) * 257), "b.png", {}),
        "face-13-grey": (grey, "c.png", {}),
        "face-14-rgba": (opaque, "d.png", {}),
        "face-16-exif": (Image.fromarray(np.ascontiguousarray(np.rot90(PORTRAIT))), "e.png", {"exif": exif}),
        "face-21-icc": (Image.fromarray(PORTRAIT), "f.png", {"icc_profile": b"odd" * 99}),
    }


def test_clothes_of_a_picture_change_nothing(tmp_path):
    expected = GEOMETRY.extract_one(PORTRAIT)
    for name, (picture, file, options) in variants_of_the_portrait(tmp_path).items():
        picture.save(tmp_path / file, **options)
        np.testing.assert_allclose(GEOMETRY.extract_one(tmp_path / file), expected, atol=1e-6, err_msg=name)


@pytest.mark.parametrize(
    "array",
    [PORTRAIT / 255.0, PORTRAIT.astype(np.uint16) * 257, np.dstack([PORTRAIT, np.full((256, 256), 255, np.uint8)])],
    ids=["float", "uint16", "rgba"],
)
def test_arrays_that_dlib_refuses_are_converted(array):  # Face 15
    np.testing.assert_array_equal(GEOMETRY.extract_one(array), GEOMETRY.extract_one(PORTRAIT))


def test_animation_warns(tmp_path):  # Face 20
    frames = [Image.fromarray(PORTRAIT), Image.fromarray(data.coffee()[:256, :256])]
    buffer = io.BytesIO()
    frames[0].save(buffer, "WEBP", save_all=True, append_images=frames[1:], lossless=True)
    values, warnings = GEOMETRY._measure(GEOMETRY._decode(buffer.getvalue(), None, None))
    assert warnings == ("several frames: the first one is measured",)
    np.testing.assert_array_equal(values, GEOMETRY.extract_one(PORTRAIT))


@pytest.mark.parametrize(
    "source", [[[1, 2]], None, 5, np.full((48, 48), np.nan)], ids=["26-list", "26-none", "26-int", "28"]
)
def test_what_is_no_picture_is_a_sample_error(source):
    assert code_of(FaceImage(), source) in ("bad_array", "not_finite")


def test_bounds_of_a_clip_do_not_touch_a_picture(tmp_path):
    path = saved(tmp_path / "portrait.png", PORTRAIT)
    np.testing.assert_array_equal(GEOMETRY.extract_one(path, start_s=1.0, end_s=2.0), GEOMETRY.extract_one(path))


@pytest.mark.parametrize(
    "bad",
    [
        {"parts": ()},
        {"parts": "hog"},
        {"parts": ("hog", "hog")},
        {"parts": ("hog", "sift")},
        {"faces": "smallest"},
        {"detect": 1},
        {"working_size": 10},
        {"face_size": 50},
        {"face_size": 8},
        {"face_size": "48"},
        {"predictor_path": "/no/such/file.dat"},
        {"predictor_path": 5},
    ],
    ids=str,
)
def test_bad_parameters_are_value_errors_that_name_them(bad):
    for use in (lambda one: one.get_feature_names_out(), lambda one: one.extract_one(PORTRAIT)):
        with pytest.raises(ValueError, match=next(iter(bad))):
            use(FaceImage(**bad))


def test_bad_predictor_stops_a_batch_before_its_first_sample(tmp_path):  # Face 29, 30
    samples = pd.DataFrame({"image": [saved(tmp_path / "portrait.png", PORTRAIT)]}, index=["portrait"])
    (tmp_path / "junk.dat").write_bytes(b"junk")
    with pytest.raises(ValueError, match="is no shape predictor"):
        FaceImage(predictor_path=str(tmp_path / "junk.dat")).extract(samples)
    five = str(predictor_file().with_name("shape_predictor_5_face_landmarks.dat"))
    with pytest.raises(ValueError, match="68 points is needed"):
        FaceImage(predictor_path=five).extract(samples)


def test_fingerprint_follows_the_content_of_the_predictor(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    shutil.copy(predictor_file(), "own.dat")
    extractor = FaceImage(predictor_path="own.dat")
    before = extractor.fingerprint()
    assert extractor.fingerprint() == before
    with Path("own.dat").open("ab") as file:  # what follows the predictor is not read, but it is another file
        file.write(b"more")
    assert extractor.fingerprint() != before


def test_nothing_is_fetched(monkeypatch):
    def refuse(*_):
        raise AssertionError("no network")

    monkeypatch.setattr(socket, "socket", refuse)
    assert np.isfinite(FaceImage().extract_one(PORTRAIT)).all()


def test_import_of_the_module_loads_no_heavy_library():
    program = (
        "import sys, emofuse.features.face\n"
        "print(sorted({'dlib', 'PIL', 'skimage', 'librosa', 'numba', 'matplotlib'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
