"""Inputs varied for training: by how much, drawn from the signal itself, and refused in one line where it makes no sense."""

import numpy as np
import pytest
from emofuse.features.augmentation import (
    AUGMENTATIONS,
    brighten,
    check_augments,
    check_range,
    draw_level,
    flip,
    rotate,
    shift,
)
from emofuse.features.degradation import DEGRADATIONS, darken
from emofuse.features.errors import StudyError
from emofuse.features.media import Audio
from hypothesis import given
from hypothesis import strategies as st


def picture(width=40, height=30, colours=3):
    random = np.random.default_rng(0)
    return random.integers(0, 256, (height, width, colours) if colours else (height, width)).astype(np.uint8)


@given(st.floats(-1, 1), st.integers(1, 200))
def test_shifted_sound_has_the_same_samples_and_comes_back(share, count):
    clean = Audio(np.random.default_rng(count).normal(size=count).astype(np.float32), 16_000, ("short: kept",))
    moved = shift(clean, share)
    np.testing.assert_array_equal(np.sort(moved.samples), np.sort(clean.samples))
    np.testing.assert_array_equal(shift(moved, -share).samples, clean.samples)
    assert moved.warnings == clean.warnings


@pytest.mark.parametrize("colours", [3, 0])
@pytest.mark.parametrize("kind", ["flip", "rotate", "brightness"])
def test_pictures_keep_their_shape_and_are_not_changed_in_place(kind, colours):
    pixels = picture(colours=colours)
    pixels.flags.writeable = False
    changed = AUGMENTATIONS[kind].apply(pixels, 1.5)
    assert (changed.shape, changed.dtype, changed.flags.c_contiguous) == (pixels.shape, np.uint8, True)
    assert (changed != pixels).any()


def test_a_picture_flipped_twice_is_itself():
    np.testing.assert_array_equal(flip(flip(picture())), picture())
    assert (flip(picture())[:, 0] == picture()[:, -1]).all()


@pytest.mark.parametrize("colours", [3, 0])
def test_a_quarter_turn_is_a_quarter_turn_and_none_is_none(colours):
    square = picture(31, 31, colours)
    np.testing.assert_array_equal(rotate(square, 0.0), square)
    np.testing.assert_array_equal(rotate(square, 90.0), np.rot90(square))
    np.testing.assert_array_equal(rotate(picture(40, 30, colours), 180.0), picture(40, 30, colours)[::-1, ::-1])


@given(st.floats(-180, 180))
def test_turning_a_picture_makes_no_edge_of_its_own(degrees):
    plain = np.full((24, 40), 130, dtype=np.uint8)
    assert np.abs(rotate(plain, degrees).astype(int) - 130).max() <= 1


@given(st.floats(0.1, 10), st.floats(0.1, 10))
def test_more_light_is_brighter(one, other):
    ramp = np.arange(256, dtype=np.uint8)[None]
    dim, bright = brighten(ramp, min(one, other)), brighten(ramp, max(one, other))
    assert (bright >= dim).all()
    np.testing.assert_array_equal(brighten(ramp, 1.0), ramp)
    np.testing.assert_array_equal(brighten(ramp, 0.25), darken(ramp, 2.0))


@pytest.mark.parametrize("kind", AUGMENTATIONS)
@given(seed=st.integers(0, 99), share=st.tuples(st.floats(0, 1), st.floats(0, 1)))
def test_levels_lie_in_their_range_and_depend_on_content_and_salt_alone(kind, seed, share):
    low, high = AUGMENTATIONS[kind].bounds
    between = sorted(low + (high - low) * part for part in share)
    if AUGMENTATIONS[kind].whole:
        between = [float(int(level)) for level in between]
    check_range(kind, between)
    content = np.random.default_rng(seed).bytes(20)
    level = draw_level(kind, between, content, b"noise 1 0")
    assert between[0] <= level <= between[1]
    assert level == draw_level(kind, between, bytes(content), b"noise 1 0")
    if AUGMENTATIONS[kind].whole:
        assert level == int(level)
    elif between[1] - between[0] > 0.01:
        assert level != draw_level(kind, between, content, b"noise 2 0")
        assert level != draw_level(kind, between, content + b"!", b"noise 1 0")


def test_levels_are_drawn_evenly():
    levels = [draw_level("pitch", (-2.0, 2.0), str(number).encode(), b"pitch 1 0") for number in range(400)]
    assert np.histogram(levels, bins=4, range=(-2, 2))[0].min() > 70


def test_whatever_degrades_may_augment_too():
    assert DEGRADATIONS.items() <= AUGMENTATIONS.items()
    for change in AUGMENTATIONS.values():
        assert change.unit
        assert len(change.source) > 5


@pytest.mark.parametrize(
    ("kind", "between", "message"),
    [
        ("reverb", (0.0, 1.0), "augmentation 'reverb' is not known; choose from"),
        ("noise", (5.0, 300.0), r"'noise': between needs two levels from -60 to 100 \(dB\).* got \[5.0, 300.0\]"),
        ("pitch", (2.0, -2.0), "the lower one first"),
        ("stretch", (0.0, 1.0), r"0.25 to 4 \(times as fast\)"),
        ("brightness", (1.0,), "two levels"),
        ("rotate", (float("nan"), 10.0), "two levels"),
        ("shift", (True, 1.0), "two levels"),
        ("flip", (0.5, 1.0), "from 1 to 1"),
        ("flat_channels", (0.5, 2.0), "whole numbers of channels"),
    ],
)
def test_ranges_that_make_no_sense_are_refused_in_one_line(kind, between, message):
    with pytest.raises(StudyError, match=message) as caught:
        check_range(kind, between)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("kind", "column", "message"),
    [
        (
            "pitch",
            "image",
            r"does not suit 'image'; choose from \['blur', 'darkness', 'flip', 'rotate', 'brightness'\]",
        ),
        ("flip", "physiology", "does not suit 'physiology'; there is no augmentation of it"),
    ],
)
def test_kinds_that_do_not_suit_name_those_that_do(kind, column, message):
    with pytest.raises(StudyError, match=message):
        check_augments(kind, column)
