"""Geometry: it measures what its names say, and nothing that only the camera changed."""

import numpy as np
import pytest
from emofuse.features.alignment import MEAN_FACE
from emofuse.features.errors import SampleError
from emofuse.features.face_geometry import GEOMETRY_NAMES, describe_geometry, geometry
from emofuse.features.faces import MIRROR
from hypothesis import given
from hypothesis import strategies as st

PIXELS = MEAN_FACE * 100 + 200
RIGHT_EYE, LEFT_EYE = slice(36, 42), slice(42, 48)
seeds = st.integers(0, 2**32 - 1)
ODD_UNDER_MIRRORING = ("eye_asymmetry", "brow_asymmetry", "mouth_asymmetry", "head_yaw", "head_roll")


def named(points):
    return dict(zip(GEOMETRY_NAMES, geometry(points).tolist(), strict=True))


def some_face(seed):
    """The mean face with every landmark moved by a few percent of the eye distance."""
    return MEAN_FACE + np.random.default_rng(seed).normal(scale=0.03, size=(68, 2))


def moved(changes):
    points = PIXELS.copy()
    for landmark, (x, y) in changes.items():
        points[landmark] += (x, y)
    return points


@given(seeds, st.floats(1, 500), st.floats(-np.pi, np.pi), st.floats(-1000, 1000), st.floats(-1000, 1000))
def test_nothing_but_roll_changes_with_place_scale_and_turn(seed, scale, turn, x, y):
    face = some_face(seed)
    rotation = scale * np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    before, after = named(face), named(face @ rotation.T + np.array([x, y]))
    rolled = np.radians(after.pop("head_roll") - before.pop("head_roll"))
    assert np.exp(1j * rolled) == pytest.approx(np.exp(1j * turn), abs=1e-3)
    np.testing.assert_allclose(list(after.values()), list(before.values()), rtol=1e-3, atol=1e-3)


@given(seeds)
def test_mirror_image_swaps_left_and_right(seed):
    face = some_face(seed)
    here, there = named(face), named((face * (-1, 1))[MIRROR])
    for name, value in here.items():
        if name.startswith("landmark"):
            number, axis = int(name[9:11]), name[-1]
            expected = -value if axis == "x" else value
            assert there[f"landmark_{MIRROR[number]:02d}_{axis}"] == pytest.approx(expected, abs=1e-5)
        else:
            other = name.replace("_left", "_#").replace("_right", "_left").replace("_#", "_right")
            expected = -value if name in ODD_UNDER_MIRRORING else value
            assert there[other] == pytest.approx(expected, abs=1e-4), name


def test_names_are_unique_and_as_many_as_values():
    assert len(set(GEOMETRY_NAMES)) == len(GEOMETRY_NAMES) == len(geometry(PIXELS))
    assert geometry(PIXELS).dtype == np.float32


def test_mean_face_has_its_landmarks_where_it_says():
    placed = geometry(PIXELS)[-136:].reshape(68, 2)
    np.testing.assert_allclose(placed, MEAN_FACE, atol=1e-5)
    straight = named(PIXELS)
    for name in ODD_UNDER_MIRRORING:
        assert straight[name] == pytest.approx(0, abs=1e-4), name


def test_distances_are_in_eye_distances():
    points = moved({48: (-10, 0), 54: (10, 0), 8: (0, 50)})
    before, after = named(PIXELS), named(points)
    assert after["mouth_width"] - before["mouth_width"] == pytest.approx(0.2, abs=1e-3)
    assert after["jaw_drop"] - before["jaw_drop"] == pytest.approx(0.5, abs=1e-3)
    assert after["lip_chin"] - before["lip_chin"] == pytest.approx(0.5, abs=1e-3)


def test_eye_aspect_ratio_is_that_of_its_formula():
    p = PIXELS[36:42]
    expected = (np.linalg.norm(p[1] - p[5]) + np.linalg.norm(p[2] - p[4])) / (2 * np.linalg.norm(p[0] - p[3]))
    assert named(PIXELS)["eye_aspect_ratio_right"] == pytest.approx(expected, rel=1e-5)


# What a movement of the face changes (in pixels of a face whose eyes are 100 apart, y down), and the sign of it.
MOVEMENTS = {
    "smile": (
        {48: (-8, -12), 54: (8, -12)},
        {
            "mouth_corner_lift_left": 1,
            "mouth_corner_lift_right": 1,
            "mouth_width": 1,
            "mouth_corner_to_eye_left": -1,
            "mouth_asymmetry": 0,
        },
    ),
    "left smirk": ({54: (0, -12)}, {"mouth_corner_lift_left": 1, "mouth_corner_lift_right": 0, "mouth_asymmetry": 1}),
    "mouth opens": (
        {**dict.fromkeys((65, 66, 67), (0, 20)), 57: (0, 20)},
        {
            "mouth_aspect_ratio": 1,
            "lip_gap": 1,
            "mouth_height": 1,
            "lip_chin": -1,
            "lower_lip_thickness": 0,
            "mouth_corner_angle_left": 1,
        },
    ),
    "jaw falls": ({8: (0, 20)}, {"jaw_drop": 1, "lip_chin": 1, "face_height": 1, "nose_lip": 0}),
    "inner brows rise": (
        {21: (0, -10), 22: (0, -10)},
        {
            "brow_inner_height_left": 1,
            "brow_inner_height_right": 1,
            "brow_slope_right": 1,
            "brow_slope_left": 1,
            "brow_outer_height_left": 0,
            "brow_height_left": 1,
            "brow_gap": 0,
        },
    ),
    "brows knit": ({21: (8, 4), 22: (-8, 4)}, {"brow_gap": -1, "brow_inner_height_left": -1, "brow_slope_left": -1}),
    "left brow rises": (
        dict.fromkeys(range(22, 27), (0, -10)),
        {"brow_height_left": 1, "brow_height_right": 0, "brow_asymmetry": 1, "brow_outer_height_left": 1},
    ),
    "upper lip rises": (dict.fromkeys((50, 51, 52), (0, -8)), {"nose_lip": -1, "upper_lip_thickness": 1}),
    "nose broadens": ({31: (-5, 0), 35: (5, 0)}, {"nose_width": 1, "nose_length": 0}),
    "turn to the picture's right": ({30: (15, 0)}, {"head_yaw": 1}),
    "nod": ({30: (0, 10)}, {"head_pitch": 1, "head_yaw": 0}),
}


@pytest.mark.parametrize("name", MOVEMENTS)
def test_movement_changes_what_is_named_after_it(name):
    changes, expected = MOVEMENTS[name]
    before, after = named(PIXELS), named(moved(changes))
    found = {feature: after[feature] - before[feature] for feature in expected}
    assert {feature: np.sign(np.round(value, 4)) for feature, value in found.items()} == expected


def test_right_eye_closes():
    points = PIXELS.copy()
    middle = points[RIGHT_EYE, 1].mean()
    points[RIGHT_EYE, 1] = middle + 0.2 * (points[RIGHT_EYE, 1] - middle)
    before, after = named(PIXELS), named(points)
    assert after["eye_aspect_ratio_right"] < 0.35 * before["eye_aspect_ratio_right"]
    assert after["eye_aspect_ratio_left"] == pytest.approx(before["eye_aspect_ratio_left"], rel=1e-3)
    assert after["eye_asymmetry"] > 0.1


def test_roll_is_clockwise_as_seen():
    turn = np.radians(20)
    points = PIXELS @ np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]]).T
    assert points[LEFT_EYE, 1].mean() > points[RIGHT_EYE, 1].mean()  # the eye on the right of the picture is lower
    assert named(points)["head_roll"] == pytest.approx(20, abs=1e-3)


def test_landmarks_outside_the_picture_do_not_matter():  # Face 33
    np.testing.assert_allclose(geometry(PIXELS - 5000), geometry(PIXELS), atol=1e-4)


def broken(**changes):
    points = PIXELS.copy()
    for name, value in changes.items():
        points[{"eyes": slice(36, 48), "chin": 8}[name]] = value
    return points


@pytest.mark.parametrize(
    "points",
    [broken(eyes=200.0), np.zeros((68, 2)), broken(chin=np.nan), broken(chin=np.inf), PIXELS[:5]],
    ids=["face-32", "all-in-one-place", "nan", "inf", "five-points"],
)
def test_degenerate_landmarks_are_a_sample_error(points):
    with pytest.raises(SampleError) as caught:
        geometry(points)
    assert caught.value.code == "degenerate_face"


def test_closed_to_a_point_mouth_and_eyes_are_finite():
    points = PIXELS.copy()
    points[60:68] = points[60]
    points[36:42] = points[36]
    assert np.isfinite(geometry(points)).all()


def test_every_feature_is_described():
    notes = [describe_geometry(name) for name in GEOMETRY_NAMES]
    assert {note.unit for note in notes} == {"1", "deg"}
    assert all("(" in note.source and "{" not in note.measures for note in notes)
    assert len({note.measures for note in notes}) == len(notes)


def test_description_names_the_region_of_a_landmark():
    assert "left eye" in describe_geometry("landmark_42_x").measures
    assert "inner edge of the lips" in describe_geometry("landmark_67_y").measures
    assert "left eyebrow" in describe_geometry("brow_height_left").measures
