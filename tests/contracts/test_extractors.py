"""What every registered extractor promises; a new one adds its maker of sources and a second value per parameter."""

import inspect
import multiprocessing
import os
import pickle
import subprocess
import sys

import av
import numpy as np
import pandas as pd
import pytest
import soundfile as sf
from emofuse.features.augmentation import AUGMENTATIONS
from emofuse.features.base import Extractor
from emofuse.features.degradation import DEGRADATIONS
from emofuse.features.degraded import Augmented, Degraded
from emofuse.features.errors import SampleError, StudyError
from emofuse.features.extractors import EXTRACTORS, make_extractor
from emofuse.features.faces import predictor_file
from emofuse.features.openface import ACTION_UNITS
from emofuse.features.samples import MEDIA_COLUMNS, NAME_COLUMNS
from emofuse.features.store import FeatureStore
from PIL import Image
from skimage import data
from sklearn.base import clone


def make_sound(path, seed):
    """Write a second of noise of its own colour; return the same in memory."""
    noise = np.random.default_rng(seed).normal(scale=0.1, size=16_000 + 100 * seed)
    samples = np.convolve(noise, np.ones(1 + seed), mode="same").astype(np.float32)
    sf.write(path, samples, 16_000, format="WAV", subtype="FLOAT")
    return samples, 16_000


def make_eeg(path, seed):
    """Write three seconds of four channels; return the same in memory."""
    channels = np.random.default_rng(seed).normal(scale=10.0, size=(768, 4)).round(3)
    table = pd.DataFrame(channels, columns=["TP9", "AF7", "AF8", "TP10"])
    table.to_csv(path, index=False)
    return table


def make_table(path, **columns):
    """Write a table of the given columns; return the same in memory."""
    table = pd.DataFrame(columns).round(3)
    table.to_csv(path, index=False)
    return table


def make_physiology(path, seed):
    """Write 140 s of a wristband: a pulse that breathes, conductance with responses; return the same in memory."""
    random = np.random.default_rng(seed)
    times = np.arange(140 * 64) / 64
    phase = 2 * np.pi * (1.1 + 0.05 * seed) * times + 0.3 * np.sin(2 * np.pi * 0.25 * times) + np.sin(0.6 * times)
    since = times % (15 + seed)
    columns = {
        "BVP": 50 * np.exp(np.cos(phase) * 2),
        "EDA": 2 + 0.01 * times + np.exp(-since / 4) - np.exp(-since),
        "TEMP": 33 + 0.001 * seed * times,
        **{f"ACC_{axis}": random.normal(size=len(times)) for axis in "xyz"},
    }
    return make_table(path, **columns)


def make_openface(path, seed):
    """Write two seconds of frames as OpenFace does, with its spaces; return the same in memory."""
    random = np.random.default_rng(seed)
    columns = {
        "frame": np.arange(1, 61),
        "face_id": 0,
        "timestamp": np.arange(60) / 30,
        "confidence": 0.98,
        "success": 1,
    }
    for unit in ACTION_UNITS:
        columns |= {f"{unit}_r": random.uniform(0, 5, 60).round(2), f"{unit}_c": random.integers(0, 2, 60)}
        columns[unit] = random.uniform(0, 1, 60).round(3)  # as py-feat has it
    table = pd.DataFrame(columns)
    table.rename(columns=lambda name: f" {name}").to_csv(path, index=False)
    return table


def make_portrait(path, seed):
    """Write a picture of a real face and more or less of what is around it; return the same in memory."""
    picture = np.ascontiguousarray(data.astronaut()[20 : 240 + 4 * seed, 110 : 330 - 3 * seed])
    Image.fromarray(picture).save(path, format="PNG")
    return picture


def make_film(path, seed):
    """Write a second of a real face that moves, without loss; return the same in memory."""
    places = [(4 * step, 3 * step * seed) for step in range(9)]
    pictures = [np.ascontiguousarray(data.astronaut()[y : y + 240, 40 + x : 360 + x]) for y, x in places]
    with av.open(str(path), "w", format="mov") as container:
        stream = container.add_stream("png", rate=8, width=320, height=240, pix_fmt="rgb24")
        for picture in pictures:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode())
    return pictures, 8


def make_text(path, seed):
    """Return an utterance, which is its own source; nothing is written."""
    return f"Oh no, {'very ' * seed}sad :( but he's fine!"


def make_face_crop(path, seed):
    """Write the same face, cut out more or less closely; return the same in memory."""
    picture = np.ascontiguousarray(data.astronaut()[62 + seed : 178 - seed, 168 : 280 - 2 * seed])
    Image.fromarray(picture).save(path, format="PNG")
    return picture


MAKERS = {
    "face_crop": make_face_crop,
    "face_image": make_portrait,
    "face_video": make_film,
    "librosa": make_sound,
    "opensmile": make_sound,
    "opensmile_correlations": make_sound,
    "opensmile_lld": make_sound,
    "short_term": make_sound,
    "eeg": make_eeg,
    "eeg_band_power": make_eeg,
    "openface": make_openface,
    "physiology": make_physiology,
    "text_counts": make_text,
}
OTHER_VALUES = {
    "face_image": {
        "parts": ("lbp", "landmark_hog"),
        "detect": False,
        "faces": "single",
        "working_size": 480,
        "face_size": 64,
        "predictor_path": str(predictor_file()),
    },
    "face_video": {"parts": ("lbp", "hog"), "rate_hz": 5.0, "working_size": 480, "face_size": 64},
    "openface": {
        "layout": "pyfeat",
        "statistics": ("median", "iqr"),
        "min_confidence": 0.9,
        "frame_rate_hz": 25.0,
    },
    "physiology": {"signals": {"EDA": "eda", "BVP": "ppg"}, "sampling_rate_hz": 60.0},
    "librosa": {"statistics": ("mean",), "sampling_rate_hz": 8000, "trim_db": 20.0, "rms": None},
    "opensmile": {"feature_set": "IS09", "sampling_rate_hz": 8000, "trim_db": 20.0, "rms": None},
    "opensmile_correlations": {
        "feature_set": "IS09",
        "deltas": False,
        "shrinkage": 0.3,
        "sampling_rate_hz": 8000,
        "trim_db": 20.0,
        "rms": None,
    },
    "opensmile_lld": {
        "feature_set": "IS09",
        "statistics": ("mean", "sd"),
        "deltas": False,
        "sampling_rate_hz": 8000,
        "trim_db": 20.0,
        "rms": None,
    },
    "short_term": {
        "window_s": 0.04,
        "step_s": 0.02,
        "statistics": ("mean", "sd"),
        "sampling_rate_hz": 8000,
        "trim_db": 20.0,
        "rms": None,
    },
    "eeg": {
        "sampling_rate_hz": 250.0,
        "channels": ("AF7", "AF8"),
        "bands_hz": {"low": (4.0, 8.0), "high": (8.0, 30.0)},
        "window_s": 2.0,
        "method": "multitaper",
        "measures": ("aperiodic", "spectral_edge", "spectral_entropy", "differential_entropy", "asymmetry"),
        "notch_hz": 50.0,
        "band_pass_hz": (2.0, 45.0),
        "clip_uv": 25.0,
    },
    "eeg_band_power": {
        "sampling_rate_hz": 250.0,
        "channels": ("AF7", "AF8"),
        "bands_hz": {"low": (4.0, 8.0), "high": (8.0, 30.0)},
        "window_s": 2.0,
    },
}
for without_parameters in set(MAKERS) - set(OTHER_VALUES):
    OTHER_VALUES[without_parameters] = {}
RESERVED_COLUMNS = {*NAME_COLUMNS, "start_s", "end_s", "turn"}


@pytest.fixture(params=EXTRACTORS)
def name(request):
    return request.param


@pytest.fixture
def extractor(name):
    return make_extractor(name, {})


@pytest.fixture
def source(name, tmp_path):
    """A path, and the same signal in memory; a text is its own source."""
    path = tmp_path / "source"
    in_memory = MAKERS[name](path, 1)
    return (in_memory if isinstance(in_memory, str) else path), in_memory


@pytest.fixture
def samples(name, extractor, tmp_path):
    """Two signals, a copy of the first, an absent one, and four files that cannot be used (any text can be)."""
    if extractor.source_column == "text":
        texts = {"first": make_text(None, 1), "second": make_text(None, 2), "copy": make_text(None, 1), "absent": None}
        return pd.DataFrame({"text": texts}, dtype=object)
    contents = {"junk": b"\x00\x01 no signal at all \xff" * 40, "empty": b"", "text": b"hello\nworld\n"}
    paths = {key: tmp_path / key for key in ("first", "junk", "second", "copy", "absent", "empty", "gone", "text")}
    MAKERS[name](paths["first"], 1)
    MAKERS[name](paths["second"], 2)
    paths["copy"].write_bytes(paths["first"].read_bytes())
    for key, content in contents.items():
        paths[key].write_bytes(content)
    table = pd.DataFrame({extractor.source_column: {key: str(path) for key, path in paths.items()}}, dtype=object)
    table.loc["absent"] = None
    return table


@pytest.fixture
def unusable(extractor):
    """The names of the samples that cannot be used."""
    return [] if extractor.source_column == "text" else ["junk", "empty", "gone", "text"]


def test_every_extractor_has_its_maker_and_other_values():
    assert set(MAKERS) == set(OTHER_VALUES) == set(EXTRACTORS)


def test_extractor_names_its_source_and_schema(extractor):
    assert isinstance(extractor, Extractor)
    assert extractor.source_column.isidentifier()
    assert extractor.source_column in MEDIA_COLUMNS or extractor.source_column not in RESERVED_COLUMNS
    assert extractor.schema >= 1


def test_constructor_stores_its_parameters_and_nothing_else(extractor):
    parameters = inspect.signature(type(extractor)).parameters
    marks = {name: object() for name in parameters}
    assert vars(type(extractor)(**marks)) == marks
    assert all(parameter.default is not inspect.Parameter.empty for parameter in parameters.values())


def test_parameters_make_the_round_trip(name, extractor):
    other = OTHER_VALUES[name]
    assert set(other) == set(extractor.get_params())
    changed = clone(extractor).set_params(**other)
    assert changed.get_params() == clone(changed).get_params() == other
    assert extractor.get_params() == make_extractor(name, {}).get_params()
    with pytest.raises(ValueError, match="Invalid parameter 'no_such_parameter'"):
        extractor.set_params(no_such_parameter=1)


def test_fingerprint_changes_with_every_parameter(name, extractor):
    changed = [make_extractor(name, {key: value}).fingerprint() for key, value in OTHER_VALUES[name].items()]
    assert len({extractor.fingerprint(), *changed}) == 1 + len(changed)


def test_fingerprint_is_that_of_every_equal_extractor(name, extractor):
    restored = clone(extractor).set_params(**OTHER_VALUES[name]).set_params(**extractor.get_params())
    assert extractor.fingerprint() == clone(extractor).fingerprint() == restored.fingerprint()


def test_fingerprint_does_not_change_with_use_or_process(name, extractor, source):
    before = extractor.fingerprint()
    extractor.extract_one(source[1])
    assert extractor.fingerprint() == before
    program = f"from emofuse.features.extractors import make_extractor as m; print(m({name!r}, {{}}).fingerprint())"
    other = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PYTHONHASHSEED": "1"},
    )
    assert other.stdout.strip() == before


def test_fingerprints_of_different_extractors_differ():
    assert len({make_extractor(name, {}).fingerprint() for name in EXTRACTORS}) == len(EXTRACTORS)


@pytest.mark.parametrize("changed", [False, True], ids=["default", "other"])
def test_row_is_finite_float32_and_as_long_as_its_unique_names(name, source, changed):
    parameters = OTHER_VALUES[name] if changed else {}
    extractor = make_extractor(name, parameters)
    names = extractor.get_feature_names_out()
    row = extractor.extract_one(source[1])
    assert (row.dtype, row.shape) == (np.float32, names.shape)
    assert np.isfinite(row).all()
    assert len(set(names)) == len(names)
    assert all(isinstance(feature, str) and feature for feature in names)


def test_path_and_memory_agree(extractor, source):
    path, in_memory = source
    np.testing.assert_array_equal(extractor.extract_one(path), extractor.extract_one(in_memory))
    np.testing.assert_array_equal(extractor.extract_one(str(path)), extractor.extract_one(path))


def test_same_source_gives_the_same_row_again_and_another_source_another(name, extractor, source, tmp_path):
    row = extractor.extract_one(source[1])
    np.testing.assert_array_equal(extractor.extract_one(source[1]), row)
    assert (extractor.extract_one(MAKERS[name](tmp_path / "other", 3)) != row).any()


def test_source_in_memory_is_left_as_it_was(extractor, source):
    before = pickle.dumps(source[1])
    extractor.extract_one(source[1])
    assert pickle.dumps(source[1]) == before


@pytest.mark.parametrize("nonsense", [None, 3, object(), [], {}, np.zeros((2, 2, 2))], ids=lambda n: type(n).__name__)
def test_nonsense_in_memory_is_a_sample_error(extractor, nonsense):
    with pytest.raises(SampleError) as caught:
        extractor.extract_one(nonsense)
    assert caught.value.code.isidentifier()


def test_pickled_extractor_gives_the_same_row(extractor, source):
    restored = pickle.loads(pickle.dumps(extractor))
    assert restored.fingerprint() == extractor.fingerprint()
    np.testing.assert_array_equal(restored.extract_one(source[1]), extractor.extract_one(source[1]))


def test_failures_do_not_kill_the_batch(extractor, samples, unusable):
    extraction = extractor.extract(samples)
    assert extraction.failures["sample"].tolist() == unusable
    codes = dict(zip(extraction.failures["sample"], extraction.failures["code"], strict=True))
    assert not unusable or (codes["empty"], codes["gone"]) == ("empty_file", "missing")
    assert "unexpected" not in codes.values()
    assert set(extraction.failures["source"]) <= {extractor.source_column}
    assert extraction.features.loc[["first", "second", "copy"]].notna().all(axis=None)
    assert extraction.features.loc[["absent", *unusable]].isna().all(axis=None)


def test_order_and_count_are_kept_and_counts_add_up(extractor, samples, unusable):
    extraction = extractor.extract(samples)
    assert extraction.features.index.equals(samples.index)
    assert extraction.hashes.index.equals(samples.index)
    assert extraction.features.columns.tolist() == extractor.get_feature_names_out().tolist()
    assert set(extraction.features.dtypes) == {np.dtype(np.float32)}
    counts = (extraction.n_extracted, extraction.n_from_store, extraction.n_absent, extraction.n_failed)
    assert counts == (3, 0, 1, len(unusable))


@pytest.mark.parametrize("n_jobs", [2, 4])
def test_number_of_threads_changes_nothing(extractor, samples, n_jobs):  # Face 38
    alone, together = extractor.extract(samples), extractor.extract(samples, n_jobs=n_jobs)
    pd.testing.assert_frame_equal(together.features, alone.features, check_exact=True)
    pd.testing.assert_frame_equal(together.failures, alone.failures)


@pytest.mark.parametrize("method", ["spawn", "fork"])
def test_start_of_a_process_changes_nothing(extractor, source, method):  # Face 39
    path, in_memory = source
    here = extractor.extract_one(in_memory)  # what a fork takes over is loaded now
    with multiprocessing.get_context(method).Pool(1) as pool:
        there = pool.apply(extractor.extract_one, (str(path),))
    np.testing.assert_array_equal(there, here)


def test_every_feature_says_what_it_measures_its_unit_and_its_source(name, extractor):
    for parameters in type(extractor).variants:
        chosen = make_extractor(name, parameters)
        for feature in chosen.get_feature_names_out():
            note = chosen._describe(feature)
            assert len(note.measures) > 10 and note.unit and len(note.source) > 5, feature
    first = extractor.get_feature_names_out()[0]
    assert extractor.explain(first) == extractor._describe(first)
    with pytest.raises(ValueError, match="no feature 'no_such_feature'"):
        extractor.explain("no_such_feature")


def test_rows_do_not_depend_on_their_neighbours(extractor, samples):
    whole = extractor.extract(samples).features
    backwards = extractor.extract(samples.iloc[::-1]).features
    pd.testing.assert_frame_equal(backwards.iloc[::-1], whole, check_exact=True)
    alone = extractor.extract(samples.loc[["second"]]).features
    pd.testing.assert_frame_equal(alone, whole.loc[["second"]], check_exact=True)
    one = extractor.extract_one(samples.at["second", extractor.source_column])
    np.testing.assert_array_equal(whole.loc["second"], one)


def test_copy_of_a_file_has_the_same_row_and_hash(extractor, samples):
    extraction = extractor.extract(samples)
    np.testing.assert_array_equal(extraction.features.loc["copy"], extraction.features.loc["first"])
    assert extraction.hashes["copy"] == extraction.hashes["first"] != extraction.hashes["second"]


def test_table_is_left_as_it_was(extractor, samples):
    before = samples.copy()
    extractor.extract(samples)
    pd.testing.assert_frame_equal(samples, before)


def test_raising_names_the_first_bad_sample(extractor, samples, unusable):
    if not unusable:
        pytest.skip("every string is a text")
    with pytest.raises(SampleError, match=rf"^{extractor.source_column} sample 'junk': "):
        extractor.extract(samples, on_error="raise")


def test_second_extraction_comes_from_the_store_bit_for_bit(extractor, samples, unusable, tmp_path):
    store = FeatureStore(tmp_path / "store")
    first = extractor.extract(samples, store=store)
    second = extractor.extract(samples, store=store)
    assert (second.n_extracted, second.n_from_store, second.n_failed) == (0, 3, len(unusable))
    pd.testing.assert_frame_equal(second.features, first.features, check_exact=True)


def test_other_parameters_never_read_the_rows_of_these(name, extractor, samples, tmp_path):
    store = FeatureStore(tmp_path / "store")
    extractor.extract(samples.loc[["first"]], store=store)
    for key, value in OTHER_VALUES[name].items():
        other = make_extractor(name, {key: value}).extract(samples.loc[["first"]], store=store)
        assert (other.n_extracted, other.n_from_store) == (1, 0), key


LEVELS = {
    "noise": (30.0, 0.0),
    "pink_noise": (30.0, 0.0),
    "blur": (0.002, 0.005),
    "darkness": (1.0, 4.0),
    "dropped_words": (0.1, 0.5),
    "flat_channels": (1.0, 2.0),
}


def kinds_of(extractor):
    """The kinds of degradation that suit an extractor."""
    return [kind for kind, degradation in DEGRADATIONS.items() if extractor.source_column in degradation.columns]


def test_every_degradation_has_its_levels_and_an_extractor_that_it_suits():
    assert set(LEVELS) == set(DEGRADATIONS)
    columns = {make_extractor(name, {}).source_column for name in EXTRACTORS}
    assert all(set(degradation.columns) <= columns for degradation in DEGRADATIONS.values())


@pytest.mark.parametrize("kind", LEVELS)
def test_degradation_is_taken_or_refused_in_one_line(extractor, source, kind):
    worse = Degraded(extractor, kind, LEVELS[kind][1])
    if kind not in kinds_of(extractor):
        for call in (worse.get_feature_names_out, lambda: worse.extract_one(source[1])):
            with pytest.raises(StudyError, match=f"{kind!r} does not suit {extractor.source_column!r}; ") as caught:
                call()
            assert "\n" not in str(caught.value)
        return
    path, in_memory = source
    assert list(worse.get_feature_names_out()) == list(extractor.get_feature_names_out())
    row = worse.extract_one(in_memory)
    assert (row.dtype, row.shape) == (np.float32, worse.get_feature_names_out().shape)
    np.testing.assert_array_equal(worse.extract_one(path), row)
    assert (row != extractor.extract_one(in_memory)).any()
    assert worse.explain(worse.get_feature_names_out()[0]) == extractor.explain(extractor.get_feature_names_out()[0])


def test_degraded_rows_depend_on_nothing_but_the_sample(extractor, samples):
    for kind in kinds_of(extractor)[:1]:
        worse = Degraded(extractor, kind, LEVELS[kind][1])
        whole = worse.extract(samples).features
        pd.testing.assert_frame_equal(worse.extract(samples, n_jobs=3).features, whole, check_exact=True)
        pd.testing.assert_frame_equal(worse.extract(samples.iloc[::-1]).features[::-1], whole, check_exact=True)
        pd.testing.assert_frame_equal(worse.extract(samples.loc[["second"]]).features, whole.loc[["second"]])
        np.testing.assert_array_equal(whole.loc["copy"], whole.loc["first"])


def test_store_keeps_clean_and_degraded_rows_apart(extractor, samples, unusable, tmp_path):
    store = FeatureStore(tmp_path / "store")
    clean = extractor.extract(samples, store=store)
    found = [clean.features]
    for kind in kinds_of(extractor)[:1]:
        for level in LEVELS[kind]:
            worse = Degraded(extractor, kind, level)
            first, second = worse.extract(samples, store=store), worse.extract(samples, store=store)
            assert (first.n_from_store, second.n_from_store, second.n_extracted) == (0, 3, 0)
            assert first.failures["sample"].tolist() == unusable
            pd.testing.assert_series_equal(first.hashes, clean.hashes)
            pd.testing.assert_frame_equal(second.features, first.features, check_exact=True)
            assert all(not first.features.equals(other) for other in found)
            found.append(first.features)
    again = extractor.extract(samples, store=store)
    assert again.n_from_store == 3
    pd.testing.assert_frame_equal(again.features, clean.features, check_exact=True)


def test_fingerprint_of_a_degraded_extractor_covers_all_of_it(name, extractor):
    made = [extractor, *(Degraded(extractor, kind, level) for kind in kinds_of(extractor) for level in LEVELS[kind])]
    for parameters in ({key: value} for key, value in OTHER_VALUES[name].items()):
        made += [Degraded(make_extractor(name, parameters), kind, LEVELS[kind][0]) for kind in kinds_of(extractor)[:1]]
    assert len({one.fingerprint() for one in made}) == len(made)
    for kind in kinds_of(extractor)[:1]:
        worse = Degraded(extractor, kind, 1)
        assert worse.fingerprint() == clone(worse).fingerprint() == Degraded(extractor, kind, 1.0).fingerprint()


# Ranges that change something without taking everything, and are all on one side of nothing.
RANGES = {
    "noise": (0.0, 10.0),
    "pink_noise": (0.0, 10.0),
    "blur": (0.003, 0.005),
    "darkness": (1.0, 2.0),
    "dropped_words": (0.3, 0.6),
    "flat_channels": (1.0, 2.0),
    "pitch": (2.0, 4.0),
    "stretch": (0.8, 0.9),
    "shift": (0.2, 0.4),
    "flip": (1.0, 1.0),
    "rotate": (5.0, 10.0),
    "brightness": (1.3, 1.6),
}


def augmentations_of(extractor):
    """The kinds of augmentation that suit an extractor."""
    return [kind for kind, change in AUGMENTATIONS.items() if extractor.source_column in change.columns]


@pytest.mark.parametrize("kind", RANGES)
def test_augmentation_is_taken_or_refused_in_one_line(extractor, source, kind):
    varied = Augmented(extractor, kind, RANGES[kind])
    if kind not in augmentations_of(extractor):
        for call in (varied.get_feature_names_out, lambda: varied.extract_one(source[1])):
            with pytest.raises(StudyError, match=f"{kind!r} does not suit {extractor.source_column!r}; ") as caught:
                call()
            assert "\n" not in str(caught.value)
        return
    path, in_memory = source
    assert list(varied.get_feature_names_out()) == list(extractor.get_feature_names_out())
    row = varied.extract_one(in_memory)
    assert (row.dtype, row.shape) == (np.float32, varied.get_feature_names_out().shape)
    np.testing.assert_array_equal(varied.extract_one(path), row)
    assert not np.array_equal(row, extractor.extract_one(in_memory), equal_nan=True)


def test_every_augmentation_has_its_range_and_an_extractor_that_it_suits():
    assert set(RANGES) == set(AUGMENTATIONS)
    columns = {make_extractor(name, {}).source_column for name in EXTRACTORS}
    assert all(set(change.columns) <= columns for change in AUGMENTATIONS.values())


def test_varied_rows_depend_on_nothing_but_the_sample_and_the_copy(extractor, samples, tmp_path):
    store = FeatureStore(tmp_path / "store")
    for kind in augmentations_of(extractor)[:1]:
        first, second = (Augmented(extractor, kind, RANGES[kind], number) for number in (1, 2))
        whole = first.extract(samples, store=store).features
        pd.testing.assert_frame_equal(first.extract(samples, n_jobs=3).features, whole, check_exact=True)
        pd.testing.assert_frame_equal(first.extract(samples.iloc[::-1]).features[::-1], whole, check_exact=True)
        pd.testing.assert_frame_equal(first.extract(samples, store=store).features, whole, check_exact=True)
        np.testing.assert_array_equal(whole.loc["copy"], whole.loc["first"])
        assert not second.extract(samples, store=store).features.equals(whole)


def test_fingerprint_of_an_augmented_extractor_covers_all_of_it(extractor):
    for kind in augmentations_of(extractor)[:1]:
        low, high = RANGES[kind]
        ways = [((low, high), 1, 0), ((low, high + 1), 1, 0), ((low, high), 2, 0), ((low, high), 1, 1)]
        made = [extractor, Degraded(extractor, kind, low), *(Augmented(extractor, kind, *way) for way in ways)]
        assert len({one.fingerprint() for one in made}) == len(made)
        varied = Augmented(extractor, kind, (low, high))
        assert varied.fingerprint() == clone(varied).fingerprint()
