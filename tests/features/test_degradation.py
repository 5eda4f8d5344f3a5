"""Inputs made worse by a known amount: the amount is right, more is worse, and chance is the sample's own."""

import threading

import numpy as np
import pytest
from emofuse.features.degradation import (
    DEGRADATIONS,
    add_noise,
    blur,
    check_level,
    check_suits,
    darken,
    describe_level,
    drop_words,
    flatten_channels,
)
from emofuse.features.errors import StudyError
from emofuse.features.media import Audio, as_audio
from emofuse.features.recordings import as_recording
from hypothesis import given
from hypothesis import strategies as st

TEXT = "I never said that you were wrong, only that nobody asked you to be so very right about it all!"


def voice(seed=0, n=8000, loudness=0.1, offset=0.0):
    """A modulated tone with an offset, as a cheap recorder would write it."""
    times = np.arange(n) / 16_000
    wave = np.sin(2 * np.pi * (150 + 10 * seed) * times) * (1 + np.sin(2 * np.pi * 4 * times))
    return Audio((loudness * wave + offset).astype(np.float32), 16_000, ("short: kept",))


def snr_db(clean, noisy):
    noise = noisy.samples.astype(np.float64) - clean.samples
    return 10 * np.log10(clean.samples.var(dtype=np.float64) / noise.var())


@given(
    wanted=st.floats(-30, 40),
    loudness=st.floats(1e-3, 1.0),
    offset=st.floats(-0.3, 0.3),
    pink=st.booleans(),
    n=st.integers(200, 4000),
)
def test_noise_has_the_wanted_ratio_whatever_the_sound(wanted, loudness, offset, pink, n):
    clean = voice(n=n, loudness=loudness, offset=offset)
    noisy = add_noise(clean, wanted, pink=pink)
    assert snr_db(clean, noisy) == pytest.approx(wanted, abs=0.05)
    assert noisy.samples.dtype == np.float32
    assert noisy.samples.mean(dtype=np.float64) == pytest.approx(clean.samples.mean(dtype=np.float64), abs=1e-3)
    assert (noisy.sampling_rate_hz, noisy.warnings) == (clean.sampling_rate_hz, clean.warnings)


@pytest.mark.parametrize("samples", [np.zeros(100), np.full(100, 0.25), np.ones(1)], ids=["silence", "constant", "one"])
def test_sound_that_never_changes_stays_as_it_is(samples):
    clean = as_audio(samples.astype(np.float32), 16_000)
    np.testing.assert_array_equal(add_noise(clean, 0.0).samples, clean.samples)


def test_noise_is_the_same_at_every_level_only_louder():
    clean = voice()
    loud, soft = (add_noise(clean, level).samples - clean.samples for level in (0.0, 20.0))
    np.testing.assert_allclose(loud, 10 * soft, atol=1e-6)


def test_white_noise_is_even_and_pink_noise_falls_by_three_decibels_an_octave():
    clean = voice(n=2**17, loudness=0.5)

    def slope(pink):
        spectrum = np.abs(np.fft.rfft(add_noise(clean, 0.0, pink=pink).samples - clean.samples)) ** 2
        octaves = [spectrum[2**place : 2 ** (place + 1)].mean() for place in range(8, 16)]
        return np.polyfit(np.arange(8), 10 * np.log10(octaves), 1)[0]

    assert slope(False) == pytest.approx(0.0, abs=0.3)
    assert slope(True) == pytest.approx(-3.01, abs=0.3)


def test_different_sounds_have_different_noise_and_the_same_one_always_its_own():
    clips = [voice(seed) for seed in range(6)]
    alone = [add_noise(clip, 10.0).samples for clip in clips]
    found = {}
    threads = [
        threading.Thread(target=lambda n=n: found.update({n: add_noise(clips[n], 10.0).samples}))
        for n in (5, 3, 4, 1, 0, 2)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for number, samples in enumerate(alone):
        np.testing.assert_array_equal(found[number], samples)
    noises = np.array([samples - clip.samples for samples, clip in zip(alone, clips, strict=True)])
    assert np.abs(np.corrcoef(noises) - np.eye(6)).max() < 0.1


def picture(width=64, height=48, colours=3):
    random = np.random.default_rng(0)
    return random.integers(0, 256, (height, width, colours) if colours else (height, width)).astype(np.uint8)


@pytest.mark.parametrize("colours", [3, 0])
@pytest.mark.parametrize("change", [blur, darken])
def test_pictures_keep_their_shape_and_are_not_changed_in_place(change, colours):
    pixels = picture(colours=colours)
    pixels.flags.writeable = False
    worse = change(pixels, 0.5)
    assert (worse.shape, worse.dtype, worse.flags.c_contiguous) == (pixels.shape, np.uint8, True)
    assert (worse != pixels).any()
    np.testing.assert_array_equal(change(pixels, 0.0), pixels)


@pytest.mark.parametrize("side", [96, 480])
def test_blur_has_the_wanted_width_at_every_resolution(side):
    edge = np.zeros((side, side), dtype=np.uint8)
    edge[:, side // 2 :] = 255
    profile = np.diff(blur(edge, 0.05)[side // 2].astype(float))  # of a blurred edge: the Gaussian itself
    places = np.arange(len(profile))
    centre = (profile * places).sum() / profile.sum()
    sigma = np.sqrt((profile * (places - centre) ** 2).sum() / profile.sum())
    assert sigma / side == pytest.approx(0.05, rel=0.05)


def test_more_blur_leaves_less_contrast():
    contrasts = [blur(picture(), sigma).std() for sigma in (0.0, 0.005, 0.01, 0.02, 0.05, 0.2)]
    assert contrasts == sorted(contrasts, reverse=True)
    assert len(set(contrasts)) == len(contrasts)


@given(st.floats(0, 16), st.floats(0, 16))
def test_more_darkness_is_darker_and_leaves_fewer_values(one, other):
    ramp = np.arange(256, dtype=np.uint8)[None]
    light, dark = darken(ramp, min(one, other)), darken(ramp, max(one, other))
    assert (dark <= light).all()
    assert len(np.unique(dark)) <= len(np.unique(light))


def test_a_stop_halves_the_light_and_many_leave_nothing():
    # Of sRGB: 188 has half the light of 255 to within a value.
    assert darken(np.full((1, 1), 255, np.uint8), 1.0).item() == 188
    assert darken(picture(), 16.0).max() == 0


@given(st.text(max_size=200), st.floats(0, 1), st.floats(0, 1))
def test_words_dropped_at_a_share_are_dropped_at_every_higher_one(text, one, other):
    fewer, more = (drop_words(text, share) for share in (max(one, other), min(one, other)))
    kept = iter((more or "").split())
    assert all(word in kept for word in (fewer or "").split())  # in their order
    if text.split():
        assert drop_words(text, 1.0) is None
    assert drop_words(text, 0.0) == text


def test_share_of_dropped_words_is_the_wanted_one():
    texts = [f"{number} " + TEXT for number in range(200)]
    kept = [len((drop_words(text, 0.3) or "").split()) / len(text.split()) for text in texts]
    assert np.mean(kept) == pytest.approx(0.7, abs=0.02)
    assert len(set(kept)) > 3  # each text has its own luck


@pytest.mark.parametrize("text", ["", "   ", "\n\t"])
def test_text_without_words_stays_as_it_is(text):
    assert drop_words(text, 1.0) == text


def recording(seed=0, names=("TP9", "AF7", "AF8", "TP10", "Right AUX")):
    return as_recording(np.random.default_rng(seed).normal(5, 10, (300, len(names))), 256.0, names)


@given(st.integers(0, 30), st.integers(0, 5))
def test_as_many_channels_are_flat_as_wanted_and_stay_so(seed, count):
    clean = recording(seed)
    lost = [set(np.flatnonzero(np.ptp(flatten_channels(clean, k).samples, axis=0) == 0)) for k in (count, count + 1)]
    assert len(lost[0]) == count
    assert lost[0] <= lost[1]
    rest = [place for place in range(5) if place not in lost[0]]
    np.testing.assert_array_equal(flatten_channels(clean, count).samples[:, rest], clean.samples[:, rest])


def test_only_the_named_channels_are_lost_and_all_about_equally_often():
    lost = np.zeros(5)
    for seed in range(200):
        lost += np.ptp(flatten_channels(recording(seed), 1, ("tp9", "AF7", "AF8", "TP10")).samples, axis=0) == 0
    assert lost.sum() == 200
    assert lost[4] == 0
    assert lost[:4].min() > 25


def test_recording_that_others_share_is_left_as_it_was():
    clean = recording()
    clean.samples.flags.writeable = False
    before = clean.samples.copy()
    flatten_channels(clean, 3)
    np.testing.assert_array_equal(clean.samples, before)


@pytest.mark.parametrize(
    ("kind", "level", "message"),
    [
        ("reverb", 1.0, "'reverb' is not known; choose from"),
        ("noise", float("nan"), r"-60 to 100 \(dB\) is needed, got nan"),
        ("blur", -0.1, r"0 to 1 \(of the width\) is needed, got -0.1"),
        ("dropped_words", 30, "0 to 1"),
        ("darkness", True, "got True"),
        ("flat_channels", 1.5, "a whole number of channels"),
        ("noise", "loud", "got 'loud'"),
    ],
)
def test_levels_that_make_no_sense_are_refused(kind, level, message):
    with pytest.raises(StudyError, match=message) as caught:
        check_level(kind, level)
    assert "\n" not in str(caught.value)


def test_every_kind_is_described_and_its_bounds_are_levels():
    for kind, degradation in DEGRADATIONS.items():
        for level in degradation.bounds:
            check_level(kind, level)
        for column in degradation.columns:
            check_suits(kind, column)
        assert degradation.unit and len(degradation.source) > 5
    assert describe_level("pink_noise", 10.0) == "pink noise, 10 dB"


@pytest.mark.parametrize(
    ("kind", "column", "message"),
    [
        ("noise", "image", r"does not suit 'image'; choose from \['blur', 'darkness'\]"),
        ("blur", "physiology", "does not suit 'physiology'; there is no degradation of it"),
    ],
)
def test_kinds_that_do_not_suit_name_those_that_do(kind, column, message):
    with pytest.raises(StudyError, match=message):
        check_suits(kind, column)
