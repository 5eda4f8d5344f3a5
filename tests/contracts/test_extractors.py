"""What every registered extractor promises; a new one adds its maker of sources and a second value per parameter."""

import inspect
import os
import pickle
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
import soundfile as sf
from emofuse.features.base import Extractor
from emofuse.features.errors import SampleError
from emofuse.features.extractors import EXTRACTORS, make_extractor
from emofuse.features.store import FeatureStore
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


MAKERS = {"opensmile": make_sound, "eeg_band_power": make_eeg}
OTHER_VALUES = {
    "opensmile": {"feature_set": "IS09", "sampling_rate_hz": 8000, "trim_db": 20.0, "rms": None},
    "eeg_band_power": {
        "sampling_rate_hz": 250.0,
        "channels": ("AF7", "AF8"),
        "bands_hz": {"low": (4.0, 8.0), "high": (8.0, 30.0)},
        "window_s": 2.0,
    },
}


@pytest.fixture(params=EXTRACTORS)
def name(request):
    return request.param


@pytest.fixture
def extractor(name):
    return make_extractor(name, {})


@pytest.fixture
def source(name, tmp_path):
    """A path, and the same signal in memory."""
    path = tmp_path / "source"
    return path, MAKERS[name](path, 1)


@pytest.fixture
def samples(name, extractor, tmp_path):
    """Two signals, a copy of the first, an absent one, and three files that cannot be used."""
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


def test_every_extractor_has_its_maker_and_other_values():
    assert set(MAKERS) == set(OTHER_VALUES) == set(EXTRACTORS)


def test_extractor_names_its_source_and_schema(extractor):
    assert isinstance(extractor, Extractor)
    assert extractor.source_column in ("audio", "video", "image", "eeg")
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


def test_failures_do_not_kill_the_batch(extractor, samples):
    extraction = extractor.extract(samples)
    assert extraction.failures["sample"].tolist() == ["junk", "empty", "gone", "text"]
    codes = dict(zip(extraction.failures["sample"], extraction.failures["code"], strict=True))
    assert (codes["empty"], codes["gone"]) == ("empty_file", "missing")
    assert "unexpected" not in codes.values()
    assert set(extraction.failures["source"]) == {extractor.source_column}
    assert extraction.features.loc[["first", "second", "copy"]].notna().all(axis=None)
    assert extraction.features.loc[["junk", "absent", "empty", "gone", "text"]].isna().all(axis=None)


def test_order_and_count_are_kept_and_counts_add_up(extractor, samples):
    extraction = extractor.extract(samples)
    assert extraction.features.index.equals(samples.index)
    assert extraction.hashes.index.equals(samples.index)
    assert extraction.features.columns.tolist() == extractor.get_feature_names_out().tolist()
    assert set(extraction.features.dtypes) == {np.dtype(np.float32)}
    counts = (extraction.n_extracted, extraction.n_from_store, extraction.n_absent, extraction.n_failed)
    assert counts == (3, 0, 1, 4)


@pytest.mark.parametrize("n_jobs", [2, 4])
def test_number_of_threads_changes_nothing(extractor, samples, n_jobs):
    alone, together = extractor.extract(samples), extractor.extract(samples, n_jobs=n_jobs)
    pd.testing.assert_frame_equal(together.features, alone.features, check_exact=True)
    pd.testing.assert_frame_equal(together.failures, alone.failures)


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


def test_raising_names_the_first_bad_sample(extractor, samples):
    with pytest.raises(SampleError, match=rf"^{extractor.source_column} sample 'junk': "):
        extractor.extract(samples, on_error="raise")


def test_second_extraction_comes_from_the_store_bit_for_bit(extractor, samples, tmp_path):
    store = FeatureStore(tmp_path / "store")
    first = extractor.extract(samples, store=store)
    second = extractor.extract(samples, store=store)
    assert (second.n_extracted, second.n_from_store, second.n_failed) == (0, 3, 4)
    pd.testing.assert_frame_equal(second.features, first.features, check_exact=True)


def test_other_parameters_never_read_the_rows_of_these(name, extractor, samples, tmp_path):
    store = FeatureStore(tmp_path / "store")
    extractor.extract(samples.loc[["first"]], store=store)
    for key, value in OTHER_VALUES[name].items():
        other = make_extractor(name, {key: value}).extract(samples.loc[["first"]], store=store)
        assert (other.n_extracted, other.n_from_store) == (1, 0), key
