"""Faces from picture to picture: where the detector would see them, at a fraction of its looks, and gone when they go."""

import numpy as np
import pytest
from emofuse.features import face_tracking
from emofuse.features.alignment import MEAN_FACE, eye_distance
from emofuse.features.face_tracking import (
    CHECK_S,
    SCHEMA,
    FollowedFace,
    box_of,
    follow_faces,
    leading_face,
    overlap,
    track_faces,
)
from emofuse.features.faces import Box, Face, find_faces, landmarks
from emofuse.features.video import Frame, frames_in_memory
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from skimage import data

ASTRONAUT = np.asarray(Image.fromarray(data.astronaut()).convert("L"))
EMPTY = np.random.default_rng(0).integers(100, 140, (240, 320), dtype=np.uint8)
RATE_HZ = 20
SIZE = 320


def moving_face(count, *, start=0):
    """Pictures of 320 x 240 in which the astronaut's face goes round."""
    turns = 2 * np.pi * (np.arange(count) + start) / 40
    places = [(round(30 + 20 * np.sin(turn)), round(65 + 40 * np.cos(turn))) for turn in turns]
    return [ASTRONAUT[y : y + 240, x : x + 320] for y, x in places]


def film(pictures, rate_hz=RATE_HZ):
    return [Frame(number / rate_hz, np.ascontiguousarray(picture), 1.0) for number, picture in enumerate(pictures)]


@pytest.fixture
def looks(monkeypatch):
    """The shapes of the pictures that the detector was given."""
    seen = []

    def counted(picture, **options):
        seen.append(picture.shape)
        return find_faces(picture, **options)

    monkeypatch.setattr(face_tracking, "find_faces", counted)
    return seen


def test_landmarks_are_those_of_detecting_in_every_picture(looks):
    pictures = moving_face(40)
    track = track_faces(film(pictures), working_size=SIZE)
    assert track.present.all()
    assert set(track.numbers) == {0}
    apart = []
    for picture, points in zip(pictures, track.landmarks, strict=True):
        detected = landmarks(picture, find_faces(picture, working_size=SIZE)[0].box)
        apart.append(np.linalg.norm(points - detected, axis=1).mean() / eye_distance(detected))
    assert np.mean(apart) < 0.02
    assert max(apart) < 0.04
    assert looks.count((240, 320)) <= 3
    assert len(looks) <= 1 + 40 / RATE_HZ / CHECK_S


def test_boxes_lie_on_those_of_the_detector():
    pictures = moving_face(12)
    track = track_faces(film(pictures), working_size=SIZE)
    for picture, box in zip(pictures, track.boxes, strict=True):
        assert overlap(Box(*box), find_faces(picture, working_size=SIZE)[0].box) > 0.7
    assert (track.scores > 0).all()


def test_face_that_is_cut_away_is_gone_at_once_and_back_at_once():
    pictures = [*moving_face(10), *[EMPTY] * 10, *moving_face(10)]
    track = track_faces(film(pictures), working_size=SIZE)
    present = track.present
    assert present[:10].all()
    assert not present[10:20].any()
    assert present[20 + round(CHECK_S * RATE_HZ) :].all()
    np.testing.assert_array_equal(track.n_faces > 0, present)
    assert np.isnan(track.landmarks[10:20]).all()
    assert np.isnan(track.boxes[10:20]).all()
    assert np.isnan(track.scores[10:20]).all()
    assert (track.numbers[10:20] == -1).all()


def test_face_that_fades_away_is_gone_by_the_next_check():
    fading = [np.uint8(np.round(128 + share * (ASTRONAUT[30:270, 65:385] - 128.0))) for share in np.linspace(1, 0, 11)]
    noise = np.random.default_rng(1).integers(-3, 4, (30, 240, 320))
    pictures = [*[fading[0]] * 5, *fading, *[np.uint8(128 + layer) for layer in noise]]
    present = track_faces(film(pictures), working_size=SIZE).present
    assert present[:8].all()
    assert not present[16 + round(CHECK_S * RATE_HZ) :].any()


def test_face_that_leaves_over_the_border_is_gone():
    pictures = [ASTRONAUT[20:260, x : x + 320] for x in range(60, 512 - 320, 4)]
    wide = np.pad(ASTRONAUT, ((0, 0), (400, 0)), mode="edge")
    leaving = [wide[20:260, 512 - x : 832 - x] for x in range(0, 500, 20)]
    track = track_faces(film([*pictures, *leaving[::-1]]), working_size=SIZE)
    detected = np.array([bool(find_faces(picture, working_size=SIZE)) for picture in [*pictures, *leaving[::-1]]])
    late = np.flatnonzero(track.present != detected)
    assert track.present[: len(pictures)].all()
    assert len(late) <= 2 * CHECK_S * RATE_HZ


def test_same_face_keeps_its_number_when_lost_for_a_moment_and_gets_another_after_long():
    short = track_faces(film([*moving_face(10), *[EMPTY] * 6, *moving_face(10)]), working_size=SIZE)
    assert set(short.numbers) == {0, -1}
    long = track_faces(film([*moving_face(10), *[EMPTY] * 30, *moving_face(10)]), working_size=SIZE)
    assert set(long.numbers) == {0, 1, -1}


def two_faces(count):
    """A face on the left, and on the right the same a fifth larger."""
    near = np.asarray(Image.fromarray(ASTRONAUT).resize((614, 614)))
    return [np.hstack([ASTRONAUT[20 + n : 260 + n, 120:320], near[20:260, 160 - n : 380 - n]]) for n in range(count)]


def test_face_08_all_faces_are_followed_with_their_numbers():
    track = track_faces(film(two_faces(12)), faces="all", working_size=420)
    assert (track.n_faces == 2).all()
    assert len(track.times_s) == 24
    assert track.numbers.reshape(12, 2).tolist() == [[0, 1]] * 12
    middles = track.boxes[:, [0, 2]].mean(axis=1).reshape(12, 2)
    assert (middles[:, 0] > 200).all()
    assert (middles[:, 1] < 200).all()


def test_face_that_joins_later_is_found_by_the_next_search():
    alone = [np.hstack([np.full((240, 200), 120, np.uint8), picture[:, 200:]]) for picture in two_faces(5)]
    track = track_faces(film([*alone, *two_faces(30)]), working_size=420)
    assert (track.n_faces[:5] == 1).all()
    assert (track.n_faces[25:] == 2).all()
    assert set(track.numbers) == {0}


def test_face_08_the_largest_face_is_the_one_unless_all_are_asked_for():
    track = track_faces(film(two_faces(6)), working_size=420)
    assert len(track.times_s) == 6
    assert (track.n_faces == 2).all()
    assert (track.boxes[:, 0] > 200).all()


def test_weak_detection_needs_a_second_one_at_another_scale(monkeypatch):
    whole, crops = [Face(Box(20, 20, 100, 100), 0.1, "front")], []
    monkeypatch.setattr(face_tracking, "find_faces", lambda picture, **_: whole if picture is EMPTY else crops)
    frames = [Frame(0.0, EMPTY, 1.0)]
    assert track_faces(frames, working_size=SIZE).n_faces.tolist() == [0]
    whole[0] = whole[0]._replace(score=0.6)
    assert track_faces(frames, working_size=SIZE).n_faces.tolist() == [1]
    whole[0] = Face(Box(0, 0, 320, 240), 0.1, "front")
    crops.append(whole[0])
    assert track_faces(frames, working_size=SIZE).n_faces.tolist() == [1]


def test_face_33_landmarks_that_leave_the_picture_end_a_face(monkeypatch):
    ramp = np.broadcast_to(np.linspace(0, 255, 320).astype(np.uint8), (240, 320))
    places = iter([(20, 100), (-5, 100)])
    monkeypatch.setattr(face_tracking, "landmarks", lambda *_: MEAN_FACE * 30 + next(places))
    found = iter([[Face(Box(0, 60, 60, 140), 1.0, "front")], []])
    monkeypatch.setattr(face_tracking, "find_faces", lambda *_, **__: next(found))
    assert track_faces(film([ramp, ramp]), working_size=SIZE).n_faces.tolist() == [1, 0]


def test_face_that_was_not_quite_followed_is_placed_anew():
    picture = moving_face(1)[0]
    found = find_faces(picture, working_size=SIZE)[0]
    side = found.box.right - found.box.left
    for share, points in ((0.4, landmarks(picture, found.box)), (0.2, MEAN_FACE), (0.6, None)):
        beside = Box(found.box.left + share * side, found.box.top, found.box.right + share * side, found.box.bottom)
        face = face_tracking._confirmed(FollowedFace(3, beside, 9.0, MEAN_FACE), found, picture)
        if points is None:
            assert face is None
        else:
            assert (face.number, face.score) == (3, found.score)
            np.testing.assert_array_equal(face.points, points)


def face_of_side(number, side):
    return FollowedFace(number, Box(0, 0, side, side), 1.0, MEAN_FACE)


def test_leading_face_is_left_only_for_one_much_larger():
    small, larger, largest = face_of_side(0, 10), face_of_side(1, 11), face_of_side(2, 13)
    assert leading_face([larger, small], None) == 1
    assert leading_face([larger, small], 0) == 0
    assert leading_face([largest, larger, small], 0) == 2
    assert leading_face([larger, small], 7) == 1
    assert leading_face([], 7) == 7


def test_coordinates_are_those_of_the_video_whatever_the_working_size():
    pictures = [np.stack([picture] * 3, axis=-1) for picture in moving_face(6)]
    small = track_faces(frames_in_memory(pictures, RATE_HZ, size_px=320), working_size=320)
    large = track_faces(frames_in_memory(pictures, RATE_HZ, size_px=640), working_size=640)
    apart = np.linalg.norm(small.landmarks - large.landmarks, axis=2).mean(axis=1)
    assert (apart / eye_distance(small.landmarks[0]) < 0.03).all()


def test_pictures_that_change_their_size_start_anew():
    pictures = moving_face(4) + [np.asarray(Image.fromarray(one).resize((400, 300))) for one in moving_face(4)]
    track = track_faces(film(pictures), working_size=SIZE)
    assert track.present.all()


def test_colour_is_as_good_as_grey():
    pictures = [data.astronaut()[20:260, 60:380]] * 2
    assert track_faces(frames_in_memory([*pictures, pictures[0][:, ::-1]], 10), working_size=SIZE).present.all()


def test_table_has_a_row_for_each_picture():
    track = track_faces(film([*moving_face(2), *[EMPTY] * 4]), working_size=SIZE)
    table = track.to_frame()
    assert table.shape == (6, len(SCHEMA) + 136)
    assert table.columns[: len(SCHEMA)].tolist() == list(SCHEMA)
    assert table["time_s"].tolist() == [number / RATE_HZ for number in range(6)]
    assert table["present"].tolist() == [True, True, False, False, False, False]
    assert table["faces"].tolist() == [1, 1, 0, 0, 0, 0]
    np.testing.assert_array_equal(table[["x_30", "y_30"]].to_numpy(), track.landmarks[:, 30])
    assert table.loc[2:, "score":].isna().all(axis=None)


def test_no_pictures_make_an_empty_track():
    track = track_faces([])
    assert track.to_frame().empty
    assert track.landmarks.shape == (0, 68, 2)


def test_pictures_are_taken_one_by_one():
    taken = []

    def given_out():
        for frame in film(moving_face(3)):
            taken.append(frame.time_s)
            yield frame

    followed = follow_faces(given_out(), working_size=SIZE)
    next(followed)
    assert taken == [0.0]


def test_tracking_again_gives_the_same_bits():
    pictures = film([*moving_face(8), *[EMPTY] * 3, *moving_face(5)])
    one, other = (track_faces(pictures, working_size=SIZE) for _ in range(2))
    np.testing.assert_array_equal(one.landmarks, other.landmarks)
    np.testing.assert_array_equal(one.scores, other.scores)


@pytest.mark.parametrize("options", [{"faces": "every"}, {"working_size": 10}], ids=str)
def test_wrong_parameters_are_refused(options):
    with pytest.raises(ValueError, match=next(iter(options))):
        track_faces(film(moving_face(1)), **options)


@given(x=st.floats(-1e3, 1e3), y=st.floats(-1e3, 1e3), scale=st.floats(0.5, 50))
def test_box_moves_and_grows_with_its_landmarks(x, y, scale):
    plain, moved = np.array(box_of(MEAN_FACE)), np.array(box_of(MEAN_FACE * scale + (x, y)))
    np.testing.assert_allclose(moved - 0.5, (plain - 0.5) * scale + (x, y, x, y), rtol=1e-9, atol=1e-9)


boxes = st.tuples(*[st.floats(-100, 100)] * 2, *[st.floats(0.1, 100)] * 2).map(
    lambda values: Box(values[0], values[1], values[0] + values[2], values[1] + values[3])
)


@given(one=boxes, other=boxes)
def test_overlap_is_a_share_and_the_same_both_ways(one, other):
    assert overlap(one, one) == pytest.approx(1)
    assert overlap(one, other) == pytest.approx(overlap(other, one))
    assert 0 <= overlap(one, other) <= 1 + 1e-12
    assert overlap(one, Box(one.right + 1, 0, one.right + 2, 1)) == 0
