import numpy as np
import pandas as pd
import pytest
from emofuse.features.alignment import ANCHORS, template
from emofuse.features.errors import SampleError
from emofuse.features.face_crop import PATCH_LANDMARKS, SIDE_PX, FaceCrop, align_face
from emofuse.features.faces import MIRROR
from PIL import Image
from skimage import data

NAMES = FaceCrop().get_feature_names_out().tolist()
PART = {part: [name.startswith(part) for name in NAMES] for part in ("pixel", "hog", "patch", "landmark")}


def face(side=48, *, box=(170, 64, 278, 172)):
    """Return the astronaut's face, cut out as in FER2013."""
    picture = Image.fromarray(data.astronaut()).convert("L").crop(box)
    return np.asarray(picture.resize((side, side), Image.Resampling.LANCZOS))


def test_parts_have_the_widths_that_a_mirror_image_shares():
    widths = {part: int(np.sum(here)) for part, here in PART.items()}
    assert widths == {"pixel": 48 * 48, "hog": 25 * 48 // 2, "patch": 29 * 128 // 2, "landmark": 29 * 2 + 10}
    assert len(set(NAMES)) == len(NAMES) == sum(widths.values())


def test_patches_are_around_landmarks_and_their_mirror_images():
    assert sorted(PATCH_LANDMARKS) == list(PATCH_LANDMARKS) == sorted(MIRROR[list(PATCH_LANDMARKS)])


def test_a_mirrored_face_has_the_mirrored_pixels_and_otherwise_the_same_features():
    picture = face()
    row, mirrored = (FaceCrop().extract_one(np.ascontiguousarray(seen)) for seen in (picture, picture[:, ::-1]))
    pixels = PART["pixel"]
    np.testing.assert_allclose(
        mirrored[pixels].reshape(48, 48)[:, ::-1], row[pixels].reshape(48, 48), atol=0.05, err_msg="pixels"
    )
    for part in ("hog", "patch", "landmark"):
        np.testing.assert_allclose(mirrored[PART[part]], row[PART[part]], atol=2e-3, err_msg=part)


def test_a_turned_face_is_turned_back():
    upright = face(96)
    turned = np.asarray(Image.fromarray(face(96)).rotate(15, Image.Resampling.BICUBIC, fillcolor=128))
    rows = [
        FaceCrop().extract_one(picture)[PART["pixel"]].reshape(48, 48)[12:36, 12:36] for picture in (upright, turned)
    ]
    assert np.corrcoef(rows[0].ravel(), rows[1].ravel())[0, 1] > 0.95
    straight = [np.asarray(Image.fromarray(picture).resize((48, 48)))[12:36, 12:36] for picture in (upright, turned)]
    assert np.corrcoef(straight[0].ravel(), straight[1].ravel())[0, 1] < 0.9


def test_anchors_of_an_aligned_face_lie_where_those_of_the_mean_face_do():
    aligned, points = align_face(face())
    assert (aligned.shape, points.shape) == ((SIDE_PX, SIDE_PX), (68, 2))
    distances = np.hypot(*(points[ANCHORS] - template(SIDE_PX)[ANCHORS]).T)
    assert distances.mean() < 2.5
    np.testing.assert_allclose(points[ANCHORS].mean(axis=0), template(SIDE_PX)[ANCHORS].mean(axis=0), atol=1e-6)


def test_landmark_features_are_the_sides_of_pairs_and_the_heights_of_the_middle():
    _, points = align_face(face())
    row = dict(zip(NAMES, FaceCrop().extract_one(face()), strict=True))
    assert MIRROR[48] == 54
    assert row["landmark_x_48"] == pytest.approx((points[54, 0] - points[48, 0]) / np.sqrt(2), rel=1e-5)
    assert row["landmark_y_48"] == pytest.approx((points[54, 1] + points[48, 1]) / np.sqrt(2), rel=1e-5)
    assert row["landmark_y_57"] == pytest.approx(points[57, 1], rel=1e-5)


def test_size_and_contrast_of_a_picture_hardly_count():
    small, large = FaceCrop().extract_one(face()), FaceCrop().extract_one(face(200))
    assert np.corrcoef(small[PART["hog"]], large[PART["hog"]])[0, 1] > 0.9
    pale = (face() / 2 + 60).astype(np.uint8)
    assert np.corrcoef(small[PART["hog"]], FaceCrop().extract_one(pale)[PART["hog"]])[0, 1] > 0.95


def test_histograms_are_normalised():
    row = FaceCrop().extract_one(face())
    assert 0 <= row[PART["hog"]].min() <= row[PART["hog"]].max() <= 1
    both = np.square(row[PART["patch"]]).sum() / len(row[PART["patch"]]) * 64
    assert 0.4 < both < 2.1  # roots of shares: each patch has length 1


@pytest.mark.parametrize("value", [0, 128, 255])
def test_a_picture_of_one_colour_is_no_face(value):  # Face 27
    with pytest.raises(SampleError, match=f"every pixel has the value {value}") as caught:
        FaceCrop().extract_one(np.full((48, 48), value, dtype=np.uint8))
    assert caught.value.code == "no_face"


@pytest.mark.parametrize(
    ("picture", "code"),
    [
        pytest.param(np.zeros((1, 1), np.uint8), "too_small", id="face-4"),
        pytest.param(np.zeros((1, 5000), np.uint8), "too_small", id="face-6"),
        pytest.param([1, 2], "bad_array", id="face-26"),
        pytest.param(np.full((48, 48), np.nan), "not_finite", id="face-28"),
    ],
)
def test_what_is_no_picture_is_refused(picture, code):
    with pytest.raises(SampleError) as caught:
        FaceCrop().extract_one(picture)
    assert caught.value.code == code


@pytest.mark.parametrize("shape", [(48, 30), (20, 64)])
def test_a_picture_need_not_be_square(shape):
    picture = np.asarray(Image.fromarray(face(96)).resize(shape[::-1]))
    assert np.isfinite(FaceCrop().extract_one(picture)).all()


def test_blank_pictures_are_absent_in_a_batch(tmp_path):
    Image.fromarray(face()).save(tmp_path / "face.png")
    Image.fromarray(np.zeros((48, 48), np.uint8)).save(tmp_path / "blank.jpg")
    samples = pd.DataFrame(
        {"image": [str(tmp_path / "face.png"), str(tmp_path / "blank.jpg")]}, index=["face", "blank"]
    )
    extraction = FaceCrop().extract(samples)
    assert extraction.features.notna().all(axis=1).tolist() == [True, False]
    assert extraction.failures["code"].tolist() == ["no_face"]


@pytest.mark.parametrize(
    ("feature", "words"),
    [
        ("pixel_3_40", "row 3, column 40"),
        ("hog_0_1_2_3", "90 degrees"),
        ("patch_29_0_1_2", "landmark 29"),
        ("landmark_x_48", "width of landmark 48"),
        ("landmark_y_57", "height of landmark 57"),
    ],
)
def test_features_say_what_they_measure(feature, words):
    assert words in FaceCrop().explain(feature).measures
