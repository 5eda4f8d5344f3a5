"""A clip of a face in one row: what was seen, how it moved, how often it blinked; and clips in which nothing was seen."""

import numpy as np
import pytest
from emofuse.features.alignment import MEAN_FACE, align
from emofuse.features.errors import SampleError
from emofuse.features.face_clip import (
    CLIP_FEATURES,
    FaceClip,
    RunningMoments,
    blinks_per_minute,
    clip_feature_names,
    head_of,
    head_series,
)
from emofuse.features.face_geometry import GEOMETRY_NAMES, geometry
from emofuse.features.face_texture import hog_of, lbp_of
from emofuse.features.face_tracking import FollowedFace, box_of, follow_faces
from emofuse.features.face_video import FaceVideo
from emofuse.features.faces import find_faces, landmarks
from emofuse.features.video import Frame
from hypothesis import given, settings
from hypothesis import strategies as st
from skimage import data

ASTRONAUT = data.astronaut()
EMPTY = [*np.random.default_rng(0).integers(100, 140, (40, 240, 320, 3), dtype=np.uint8)]


def moving_face(count):
    """Pictures of 320 x 240 in which the astronaut's face goes down and to the left."""
    return [ASTRONAUT[40 - 2 * n : 280 - 2 * n, 40 + 3 * n : 360 + 3 * n] for n in range(count)]


def extractor(**parameters):
    return FaceVideo(**{"working_size": 320, "rate_hz": None} | parameters)


def row_of(pictures, when=10, **parameters):
    made = extractor(**parameters)
    return dict(zip(made.get_feature_names_out(), made.extract_one((pictures, when)), strict=True))


def outcome(pictures, when=10, **parameters):
    """The row and the warnings."""
    made = extractor(**parameters)
    return made._measure(made._accept((pictures, when)))


@pytest.fixture(scope="module")
def face_row():
    return row_of(moving_face(8))


def test_names_are_those_of_the_clip_the_head_and_the_parts():
    assert extractor().get_feature_names_out().shape == (4 + 12 + 38 * 8 + 136 * 3,)
    assert extractor(parts=("hog", "lbp")).get_feature_names_out().shape == (4 + 12 + 2 * (1200 + 944),)
    names = extractor(parts=("hog", "geometry")).get_feature_names_out().tolist()
    assert names[:4] == ["presence_share", "faces_mean", "faces_max", "blink_rate"]
    assert names.index("hog_block_0_0_cell_0_0_000deg_mean") < names.index("geometry_mouth_width_mean")


def test_every_feature_says_what_it_measures():
    made = extractor(parts=("geometry", "hog", "lbp"))
    notes = {name: made._describe(name) for name in made.get_feature_names_out()}
    assert all(note.measures and note.unit and note.source for note in notes.values())
    assert notes["blink_rate"].unit == "1/min"
    assert notes["geometry_head_roll_velocity"].unit == "deg/s"
    assert notes["head_x_range"].measures.startswith("range from the 5 % to the 95 % quantile over the clip of: horiz")


def test_clip_of_one_picture_has_its_measures_and_no_movement():
    picture = moving_face(1)[0]
    values, warnings = outcome([picture])
    row = dict(zip(extractor().get_feature_names_out(), values, strict=True))
    grey = next(extractor()._accept(([picture], 10))[0]).pixels
    points = landmarks(grey, find_faces(grey, working_size=320)[0].box)
    shape = dict(zip(GEOMETRY_NAMES, geometry(points), strict=True))
    for name in ("mouth_width", "eye_aspect_ratio_left", "head_roll"):
        assert row[f"geometry_{name}_mean"] == pytest.approx(shape[name], rel=1e-6)
        assert row[f"geometry_{name}_sd"] == row[f"geometry_{name}_velocity"] == 0
    assert warnings == ("few pictures: 1 with a face, 5 or more are needed for its movement",)


def test_presence_and_movement_are_as_they_were(face_row):
    assert face_row["presence_share"] == face_row["faces_mean"] == face_row["faces_max"] == 1
    assert face_row["blink_rate"] == 0
    # The face goes 3 pixels left and 2 down in a tenth of a second, and its eyes are about 50 apart.
    assert face_row["head_x_slope"] / face_row["head_y_slope"] == pytest.approx(-1.5, rel=0.1)
    assert face_row["head_x_velocity"] == pytest.approx(-face_row["head_x_slope"], rel=0.1)
    assert face_row["head_size_range"] < 0.1


def test_pictures_without_a_face_change_only_what_counts_them():
    seen, also_empty = row_of(moving_face(6)), row_of([*moving_face(6), *EMPTY[:6]])
    assert also_empty["presence_share"] == also_empty["faces_mean"] == 0.5
    counting = ("presence_share", "faces_mean")
    assert {name for name in seen if seen[name] != also_empty[name]} == set(counting)


@pytest.mark.parametrize(
    "pictures", [EMPTY[:5], [np.zeros((240, 320, 3), np.uint8)], [np.full((240, 320), 255, np.uint8)]]
)
def test_face_07_27_video_without_a_face(pictures):
    with pytest.raises(SampleError, match=rf"^no face found in {len(pictures)} pictures; drop it") as caught:
        row_of(pictures)
    assert caught.value.code == "no_face"


def test_face_37_face_that_is_seldom_there_is_a_warning():
    _, warnings = outcome([*moving_face(2), *EMPTY[:38]])
    assert "face seldom seen: in 5.0% of 40 pictures" in warnings
    _, warnings = outcome([*moving_face(5), *EMPTY[:40]])
    assert warnings == ()


def test_face_08_several_faces_are_a_warning():
    pictures = [np.hstack([picture[:, 40:280], picture[:, 100:320]]) for picture in moving_face(6)]
    values, warnings = outcome(pictures, working_size=460)
    row = dict(zip(extractor().get_feature_names_out(), values, strict=True))
    assert row["faces_mean"] == row["faces_max"] == 2
    assert warnings == ("several faces: up to 2 in a picture, more than one in 100%; the largest is measured",)


def test_small_face_is_a_warning():
    small = [picture[::4, ::4] for picture in moving_face(5)]
    _, warnings = outcome(small)
    assert [warning.split(":")[0] for warning in warnings] == ["small face"]


def test_landmarks_that_make_no_face_count_as_none():
    clip = FaceClip(("geometry", "hog"), 48)
    frame = Frame(0.0, np.zeros((100, 100), np.uint8), 1.0)
    points = np.ones((68, 2))
    clip.add(frame, 1, FollowedFace(0, box_of(MEAN_FACE * 30 + 50), 1.0, points))
    with pytest.raises(SampleError, match="no face found in 1 pictures"):
        clip.features()


def test_head_does_not_grow_with_the_working_size():
    clip = FaceClip(("geometry",), 48)
    for number, scale in enumerate((1.0, 2.0)):
        points = MEAN_FACE * 30 * scale + 100 * scale
        frame = Frame(number / 10, np.zeros((200, 200), np.uint8), scale)
        clip.add(frame, 1, FollowedFace(0, box_of(points), 1.0, points))
    row = dict(zip(clip_feature_names(("geometry",), 48), clip.features(), strict=True))
    assert row["head_size_range"] == pytest.approx(0, abs=1e-6)
    assert row["head_x_range"] == pytest.approx(0, abs=1e-6)


def test_texture_of_a_clip_is_the_mean_of_its_pictures():
    made = extractor(parts=("hog", "lbp"))
    pictures = moving_face(3)
    row = made.extract_one((pictures, 10))[16:]
    stream, _ = made._accept((pictures, 10))
    textures = []
    for frame, (face,) in follow_faces(stream, working_size=320):
        aligned = align(frame.pixels, face.points, 48)
        textures.append(np.concatenate([hog_of(aligned), lbp_of(aligned)]))
    np.testing.assert_allclose(row[0::2], np.mean(textures, axis=0), atol=1e-6)
    np.testing.assert_allclose(row[1::2], np.std(textures, axis=0), atol=1e-6)


def test_face_40_repeated_pictures_change_nothing(face_row):
    pictures = moving_face(8)
    twice = [picture for picture in pictures for _ in range(2)]
    repeated = row_of(twice, [number / 10 + again for number in range(8) for again in (0.0, 0.05)])
    assert repeated == face_row


@given(shift_s=st.floats(0, 1e4))
@settings(max_examples=5)
def test_later_clip_has_the_same_features(face_row, shift_s):
    later = row_of(moving_face(8), np.arange(8) / 10 + shift_s)
    np.testing.assert_allclose([*later.values()], [*face_row.values()], rtol=1e-3, atol=1e-5)


def test_rate_chooses_the_pictures(face_row):
    pictures = moving_face(16)
    assert row_of(pictures, 20, rate_hz=10.0) == row_of(pictures[::2], 10)
    assert face_row != row_of(moving_face(8), rate_hz=5.0)


def test_clip_of_a_file_is_that_part_of_it(write_video, tmp_path):
    pictures = [*EMPTY[:3], *moving_face(6), *EMPTY[3:6]]
    path = tmp_path / "film.mov"
    path.write_bytes(write_video(pictures))
    made = extractor()
    clip = made.extract_one(path, start_s=0.3, end_s=0.9)
    np.testing.assert_allclose(clip, made.extract_one((pictures[3:9], 10)), rtol=1e-4, atol=1e-6)
    with pytest.raises(SampleError) as caught:
        made.extract_one(path, start_s=3.0)
    assert caught.value.code == "bad_clip"


def test_what_is_wrong_with_a_file_is_a_warning_of_its_row(write_video):
    data = bytearray(write_video(moving_face(8)))
    data[len(data) // 2 : len(data) // 2 + 200] = bytes(200)
    made = extractor()
    _, warnings = made._measure(made._decode(bytes(data), None, None))
    assert [warning.split(":")[0] for warning in warnings] == ["damaged"]


def test_faces_can_be_followed_without_measuring_them(write_video, tmp_path):
    content = write_video([*moving_face(4), *EMPTY[:4]])
    path = tmp_path / "film.mov"
    path.write_bytes(content)
    track = extractor().track(path)
    assert track.present.tolist() == [True] * 4 + [False] * 4
    np.testing.assert_array_equal(extractor().track(content).landmarks, track.landmarks)
    assert extractor().track(str(path), start_s=0.4).n_faces.sum() == 0
    assert len(extractor().track(path, end_s=0.2, faces="all").times_s) == 2
    with pytest.raises(SampleError, match="no file"):
        extractor().track(tmp_path / "gone.mov")


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"parts": ()}, "parts must be different names"),
        ({"parts": "hog"}, "parts must be different names"),
        ({"parts": ("hog", "hog")}, "parts must be different names"),
        ({"parts": ("landmark_hog",)}, "parts must be different names"),
        ({"rate_hz": 0}, "rate_hz must be a number"),
        ({"rate_hz": float("nan")}, "rate_hz must be a number"),
        ({"working_size": 20}, "working_size must be"),
        ({"face_size": 50}, "face_size must be a multiple of 8"),
        ({"face_size": 24}, "face_size must be a multiple of 8"),
    ],
    ids=str,
)
def test_wrong_parameters_are_refused_when_used(parameters, message):
    made = extractor(**parameters)
    with pytest.raises(ValueError, match=message):
        made.get_feature_names_out()
    with pytest.raises(ValueError, match=message):
        made.extract_one((moving_face(1), 10))


@pytest.mark.parametrize(
    "source", [(moving_face(1),), [moving_face(1), 10], (moving_face(1), 10, 3), np.zeros((3, 4))], ids=[*"abcd"]
)
def test_what_is_no_pair_of_pictures_and_rate_is_refused(source):
    with pytest.raises(SampleError) as caught:
        extractor().extract_one(source)
    assert caught.value.code == "bad_array"


OPEN, SHUT, NONE = 0.3, 0.12, np.nan


@pytest.mark.parametrize(
    ("openings", "blinks"),
    [
        ([OPEN] * 10, 0),
        ([OPEN, SHUT] + [OPEN] * 8, 1),
        ([OPEN, SHUT, SHUT, OPEN, OPEN, SHUT, OPEN, OPEN, OPEN, OPEN], 2),
        ([SHUT, OPEN, OPEN, OPEN, OPEN, OPEN, OPEN, OPEN, OPEN, SHUT], 0),
        ([OPEN, OPEN, NONE, SHUT, OPEN, OPEN, OPEN, SHUT, NONE, OPEN], 0),
        ([OPEN, SHUT, SHUT, SHUT, SHUT, SHUT, SHUT] + [OPEN] * 13, 0),
        ([OPEN, 0.24] + [OPEN] * 8, 0),
    ],
    ids=["open", "once", "twice", "at the ends", "beside nothing", "asleep", "half shut"],
)
def test_blinks_are_short_closings_seen_from_open_to_open(openings, blinks):
    present = np.mean(~np.isnan(openings)) * len(openings) / 10
    assert blinks_per_minute(openings, np.arange(len(openings)) / 10) == pytest.approx(60 * blinks / present)


def test_blinks_of_nobody_and_of_one_picture():
    assert np.isnan(blinks_per_minute([NONE, NONE], [0.0, 0.1]))
    assert blinks_per_minute([OPEN], [0.0]) == 0


@given(
    openings=st.lists(st.sampled_from([OPEN, OPEN, SHUT, NONE]), min_size=2, max_size=30),
    shift_s=st.integers(0, 1000),
    factor=st.floats(0.5, 2),
)
def test_blinks_depend_on_neither_the_clock_nor_the_shape_of_the_eyes(openings, shift_s, factor):
    times = np.arange(len(openings)) / 8
    rate = blinks_per_minute(openings, times)
    assert blinks_per_minute(np.array(openings) * factor, times + shift_s) == pytest.approx(rate, nan_ok=True)


@given(rows=st.lists(st.tuples(*[st.floats(-1e3, 1e3)] * 3), min_size=1, max_size=30))
def test_running_moments_are_mean_and_standard_deviation(rows):
    moments = RunningMoments()
    for row in rows:
        moments.add(np.array(row))
    found = moments.mean_and_sd().reshape(3, 2)
    np.testing.assert_allclose(found[:, 0], np.mean(rows, axis=0), atol=1e-9)
    np.testing.assert_allclose(found[:, 1], np.std(rows, axis=0), atol=1e-6)


def test_head_is_measured_in_its_own_size():
    heads = np.array([head_of(MEAN_FACE * size + place) for size, place in ((50, 100), (50, 150), (55, 150))])
    series = head_series(heads)
    np.testing.assert_allclose(series[1] - series[0], [1, 1, 0], atol=1e-3)
    assert series[2, 2] == pytest.approx(1.1)


def test_clip_names_begin_with_what_every_clip_has():
    assert clip_feature_names(("lbp",), 48)[:4] == list(CLIP_FEATURES)
