"""Detection and landmarks: where they are, in which coordinates, under how many threads, and with which file."""

import shutil
import sys
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import numpy as np
import pytest
from emofuse.features import faces
from emofuse.features.alignment import eye_distance
from emofuse.features.errors import SampleError
from emofuse.features.faces import (
    MIRROR,
    N_LANDMARKS,
    VIEWS,
    Box,
    find_faces,
    landmarks,
    predictor_file,
    predictor_sha256,
    shape_predictor,
    whole_box,
)
from emofuse.features.pictures import grey
from PIL import Image
from skimage import data

PORTRAIT = np.ascontiguousarray(data.astronaut()[:256, 96:352])
FIVE_POINTS = "shape_predictor_5_face_landmarks.dat"


def resized(picture, factor):
    height, width = picture.shape[:2]
    return np.asarray(Image.fromarray(picture).resize((round(width * factor), round(height * factor))))


def centre(box):
    return np.array([box.left + box.right, box.top + box.bottom]) / 2


@pytest.fixture(scope="module")
def face():
    return find_faces(PORTRAIT)[0]


@pytest.fixture(scope="module")
def points(face):
    return landmarks(PORTRAIT, face.box)


def test_the_face_of_the_portrait_is_found(face):
    assert len(find_faces(PORTRAIT)) == 1
    assert face.view == "front" and face.score > 1
    np.testing.assert_allclose(centre(face.box), (128, 125), atol=10)
    assert 80 < face.box.right - face.box.left < 120


def test_colour_plays_no_part(face):
    assert find_faces(grey(PORTRAIT)) == [face]
    np.testing.assert_array_equal(landmarks(grey(PORTRAIT), face.box), landmarks(PORTRAIT, face.box))


@pytest.mark.parametrize("factor", [0.3, 0.5, 2, 8])
def test_boxes_and_landmarks_are_in_pixels_of_the_picture(factor, face, points):
    """Face 19: a picture eight times as large is scaled down and answered in its own pixels."""
    picture = resized(PORTRAIT, factor)
    found = find_faces(picture)
    assert len(found) == 1
    np.testing.assert_allclose(centre(found[0].box) / factor, centre(face.box), atol=6)
    there = landmarks(picture, Box(*(factor * edge for edge in face.box)))
    expected = (points + 0.5) * factor - 0.5
    assert np.abs(there - expected).mean() < 0.02 * eye_distance(expected)


def test_shifted_view_has_shifted_landmarks(face, points):  # Face 25
    view = PORTRAIT[10:, 20:]
    assert not view.flags.c_contiguous
    box = Box(face.box.left - 20, face.box.top - 10, face.box.right - 20, face.box.bottom - 10)
    # Both crops hold the same pixels around the face.
    np.testing.assert_allclose(landmarks(view, box), points - (20, 10), atol=1e-9)


def test_landmarks_lie_where_they_are_named(points):
    assert points.shape == (N_LANDMARKS, 2) and points.dtype == np.float64
    right_eye, left_eye, mouth = points[36:42].mean(axis=0), points[42:48].mean(axis=0), points[48:].mean(axis=0)
    np.testing.assert_allclose(right_eye, (108, 102), atol=3)  # by eye, on the photograph
    np.testing.assert_allclose(left_eye, (150, 103), atol=3)
    np.testing.assert_allclose(mouth, (127, 147), atol=5)
    assert points[8, 1] > points[57, 1] > points[51, 1] > points[33, 1] > points[27, 1]


def test_points_of_small_faces_are_finer_than_their_pixels(face):
    small = resized(PORTRAIT[60:200, 60:200], 48 / 140)
    points = landmarks(small, whole_box(small))
    assert np.abs(points - np.rint(points)).max() > 0.3


def test_mirrored_average_is_exactly_symmetrical(face):
    box = Box(70, 70, 190, 190)
    mirror = np.ascontiguousarray(PORTRAIT[:, ::-1])
    flipped = Box(256 - box.right, box.top, 256 - box.left, box.bottom)
    here, there = landmarks(PORTRAIT, box, mirrored=True), landmarks(mirror, flipped, mirrored=True)
    expected = np.column_stack([255 - here[:, 0], here[:, 1]])[MIRROR]
    np.testing.assert_allclose(there, expected, atol=1e-9)
    alone = landmarks(PORTRAIT, box)
    assert 0 < np.abs(here - alone).mean() < 0.05 * eye_distance(alone)


def test_box_outside_and_beyond_the_picture_gives_finite_points():  # Face 9, 33
    for box in (Box(-40, -40, 60, 60), Box(200, 200, 300, 300), Box(-50, -50, 306, 306)):
        assert np.isfinite(landmarks(PORTRAIT, box)).all()
    strip = np.zeros((5000, 16), dtype=np.uint8)
    assert np.isfinite(landmarks(strip, whole_box(strip), mirrored=True)).all()


@pytest.mark.parametrize(
    "box", [Box(900, 0, 950, 50), Box(0, -99, 50, -50), Box(50, 50, 50, 90), Box(90, 50, 50, 90)], ids=str
)
def test_box_off_the_picture_is_a_sample_error(box):
    with pytest.raises(SampleError) as caught:
        landmarks(PORTRAIT, box)
    assert caught.value.code == "degenerate_face"


def test_the_largest_comes_first_then_the_topmost_then_the_leftmost():  # Face 8
    face = PORTRAIT[40:216, 40:216]
    row = np.hstack([face, face])
    found = find_faces(np.vstack([row, row]))
    assert len(found) == 4
    areas = [one.box.area for one in found]
    assert areas == sorted(areas, reverse=True)
    largest = [one for one in found if one.box.area == areas[0]]
    assert [(one.box.top, one.box.left) for one in largest] == sorted((one.box.top, one.box.left) for one in largest)
    large = np.zeros((352, 528, 3), dtype=np.uint8)
    large[:, 176:] = resized(face, 2)
    large[:176, :176] = face
    first, second = find_faces(large)
    assert first.box.left > 176 and second.box.right < 176


@pytest.mark.parametrize("shade", [0, 128, 255])
def test_nothing_is_found_on_a_blank_picture(shade):  # Face 27
    assert find_faces(np.full((200, 300), shade, dtype=np.uint8)) == []


def test_turned_view_is_named():  # Face 10
    found = find_faces(np.asarray(Image.fromarray(PORTRAIT).rotate(25, Image.Resampling.BILINEAR)))
    assert found[0].view in VIEWS and found[0].view.startswith("tilted")


def test_upsampling_finds_smaller_faces():
    picture = np.full((600, 600, 3), 90, dtype=np.uint8)
    picture[100:190, 200:290] = resized(PORTRAIT, 90 / 256)  # a face of 36 pixels
    assert find_faces(picture) == []
    (found,) = find_faces(picture, upsample=2)
    np.testing.assert_allclose(centre(found.box), (244, 144), atol=6)


@pytest.mark.parametrize(
    "bad", [{"upsample": -1}, {"upsample": 9}, {"upsample": 1.0}, {"working_size": 0}, {"working_size": None}]
)
def test_parameters_out_of_range_are_value_errors(bad):  # Face 31
    with pytest.raises(ValueError, match=next(iter(bad))):
        find_faces(PORTRAIT, **bad)


def test_no_detector_is_used_twice_at_a_time_and_all_are_kept():  # Face 38
    with faces._detector() as one, faces._detector() as other:
        assert one is not other
    with faces._detector() as again:
        assert again in (one, other)
    with pytest.raises(RuntimeError), faces._detector() as failed:
        failed.run(np.zeros((20, 20)), 0, 0.0)
    assert failed in faces._IDLE_DETECTORS


def test_threads_find_the_same(face, points):  # Face 38
    def work(_):
        return find_faces(PORTRAIT), landmarks(PORTRAIT, face.box)

    with ThreadPoolExecutor(3) as pool:
        for found, there in pool.map(work, range(6)):
            assert found == [face]
            np.testing.assert_array_equal(there, points)


def test_predictor_is_loaded_once_and_without_importing_its_package():
    assert shape_predictor() is shape_predictor()
    assert "face_recognition_models" not in sys.modules
    assert predictor_sha256() == faces.PREDICTOR_SHA256


def test_a_predictor_of_ones_own_is_used(face, points):
    np.testing.assert_array_equal(landmarks(PORTRAIT, face.box, predictor_path=str(predictor_file())), points)


# Face 29, 30
def bad_predictors(folder):
    shutil.copy(predictor_file().with_name(FIVE_POINTS), folder / "five.dat")
    (folder / "junk.dat").write_bytes(b"junk" * 1000)
    (folder / "empty.dat").write_bytes(b"")
    (folder / "cut.dat").write_bytes(predictor_file().read_bytes()[:1_000_000])
    (folder / "folder.dat").mkdir()


@pytest.mark.parametrize(
    ("name", "message"),
    [
        pytest.param("gone.dat", "must be the path", id="face-29-missing"),
        pytest.param("folder.dat", "must be the path", id="face-29-folder"),
        pytest.param("junk.dat", "'junk.dat' is no shape predictor", id="face-29-junk"),
        pytest.param("empty.dat", "'empty.dat' is no shape predictor", id="face-29-empty"),
        pytest.param("cut.dat", "'cut.dat' is no shape predictor", id="face-29-cut"),
        pytest.param("five.dat", "68 points is needed, 'five.dat' has 5", id="face-30"),
    ],
)
def test_bad_predictor_is_a_value_error(name, message, tmp_path):
    bad_predictors(tmp_path)
    with pytest.raises(ValueError, match=message):
        shape_predictor(str(tmp_path / name))


@pytest.mark.parametrize("path", [3, b"predictor.dat", ["predictor.dat"]])
def test_what_is_no_path_of_a_predictor_is_a_value_error(path):
    with pytest.raises(ValueError, match="must be the path"):
        predictor_file(path)


@pytest.fixture
def other_place(monkeypatch):
    """A function that makes ``face_recognition_models`` be found in the folders given, or not at all."""

    def move(*folders):
        faces._shipped_file.cache_clear()
        found = SimpleNamespace(submodule_search_locations=list(map(str, folders))) if folders else None
        monkeypatch.setattr(faces, "find_spec", lambda name: found)

    yield move
    faces._shipped_file.cache_clear()


def test_damaged_package_is_a_value_error(tmp_path, other_place):  # Face 29
    (tmp_path / "models").mkdir()
    other_place(tmp_path)
    with pytest.raises(ValueError, match="install face_recognition_models or pass predictor_path"):
        shape_predictor()
    (tmp_path / "models" / faces.PREDICTOR_FILE).write_bytes(b"junk")
    other_place(tmp_path)
    with pytest.raises(ValueError, match="is damaged"):
        shape_predictor()
    other_place()
    with pytest.raises(ValueError, match="is missing"):
        shape_predictor()
