"""How samples are split, and the proof that a split does not leak."""

from __future__ import annotations

import re

import numpy as np
import pandas as pd
import pytest
from emofuse.experiments.protocols import (
    ACTOR_FOLDS,
    DROPPED_LABELS,
    Fold,
    ProtocolSpec,
    check_leaks,
    find_leaks,
    make_folds,
    regroup,
)
from emofuse.experiments.run import prepare_corpus
from emofuse.features.errors import ProtocolError
from hypothesis import assume, given
from hypothesis import strategies as st

ACTORS = [f"{actor:02d}" for actor in range(1, 25)]


def table(groups, labels=None, **columns):
    count = len(groups)
    labels = np.resize(["happy", "sad"], count) if labels is None else labels
    return pd.DataFrame({"label": labels, "group": groups, **columns}, index=[f"c{row}" for row in range(count)])


@st.composite
def grouped_tables(draw):
    groups = draw(st.lists(st.sampled_from([f"s{number}" for number in range(8)]), min_size=12, max_size=60))
    labels = draw(st.lists(st.sampled_from(["a", "b", "c"]), min_size=len(groups), max_size=len(groups)))
    return table(groups, labels)


@given(grouped_tables(), st.integers(2, 4), st.integers(0, 5))
def test_group_kfold_tests_every_sample_once_and_keeps_groups_apart(samples, n_folds, seed):
    assume(samples["group"].nunique() >= n_folds)
    try:
        folds = make_folds(samples, ProtocolSpec(name="group_kfold", n_folds=n_folds), seed=seed)
    except ProtocolError as error:
        assume("trains on 1 group" not in str(error))
        raise
    assert sorted(np.concatenate([fold.test for fold in folds])) == list(range(len(samples)))
    groups = samples["group"].to_numpy()
    for fold in folds:
        assert len(fold.test) and len(set(groups[fold.train])) > 1
        assert not set(groups[fold.train]) & set(groups[fold.test])
        assert sorted([*fold.train, *fold.test]) == list(range(len(samples)))


@given(grouped_tables())
def test_loso_holds_out_one_group_at_a_time(samples):
    assume(samples["group"].nunique() > 2)
    folds = make_folds(samples, ProtocolSpec(name="loso"))
    groups = samples["group"].to_numpy()
    assert [fold.name for fold in folds] == sorted(set(groups))
    for fold in folds:
        assert set(groups[fold.test]) == {fold.name}
        assert fold.name not in groups[fold.train]


@pytest.mark.parametrize("name", ["group_kfold", "random"])
def test_the_seed_decides_the_split(name):
    samples = table(np.repeat([f"s{number}" for number in range(12)], 4))
    spec = ProtocolSpec(name=name, n_folds=3)
    first, again, other = (make_folds(samples, spec, seed=seed) for seed in (0, 0, 1))
    tests = [[fold.test.tolist() for fold in folds] for folds in (first, again, other)]
    assert tests[0] == tests[1] != tests[2]


@pytest.mark.parametrize("name", ["group_kfold", "random"])
def test_repeats_draw_the_folds_anew_and_the_first_are_those_without(name):
    samples = table(np.repeat([f"s{number}" for number in range(12)], 4))
    folds = make_folds(samples, ProtocolSpec(name=name, n_folds=3, repeats=4), seed=7)
    assert [fold.name for fold in folds] == [f"{repeat}.{fold}" for repeat in range(1, 5) for fold in range(1, 4)]
    tests = [fold.test.tolist() for fold in folds]
    assert tests[:3] == [fold.test.tolist() for fold in make_folds(samples, ProtocolSpec(name=name, n_folds=3), seed=7)]
    assert len({str(tests[start : start + 3]) for start in range(0, 12, 3)}) == 4
    for start in range(0, 12, 3):
        assert sorted(row for test in tests[start : start + 3] for row in test) == list(range(48))


@pytest.mark.parametrize("name", ["loso", "official", "luna5", "blocked"])
def test_a_split_that_is_not_drawn_cannot_be_repeated(name):
    with pytest.raises(ValueError, match=f"'{name}' has one split only; repeats = 2 needs group_kfold or random"):
        ProtocolSpec(name=name, repeats=2)


@pytest.mark.parametrize(
    ("name", "folds"),
    [
        ("luna5", ["02 05 14 15 16", "03 06 07 13 18", "10 11 12 19 20", "08 17 21 23 24", "01 04 09 22"]),
        (
            "emobox6",
            ["01 11 20 21", "04 10 12 14", "08 09 19 23", "03 05 07 24", "02 15 16 18", "06 13 17 22"],
        ),
        ("actors_21_24", ["21 22 23 24"]),
    ],
)
def test_actor_protocols_test_the_published_folds(name, folds):
    samples = table(np.repeat(ACTORS, 2))
    made = make_folds(samples, ProtocolSpec(name=name))
    assert [" ".join(sorted(set(samples["group"].iloc[fold.test]))) for fold in made] == folds
    assert all(len(fold.train) + len(fold.test) == len(samples) for fold in made)


@pytest.mark.parametrize("name", ["luna5", "emobox6"])
def test_every_actor_is_tested_once(name):
    assert sorted(actor for fold in ACTOR_FOLDS[name] for actor in fold) == list(range(1, 25))


def test_actor_folds_without_their_actors_are_left_out():
    folds = make_folds(table(["01", "04", "02", "05", "03"]), ProtocolSpec(name="luna5"))
    assert [fold.name for fold in folds] == ["1", "2", "5"]


def test_actors_21_24_has_no_neutral_class(make_corpus, make_study):
    corpus = make_corpus(classes=("calm", "neutral", "sad"))
    study = make_study(protocol={"name": "actors_21_24"})
    assert DROPPED_LABELS["actors_21_24"] == ("neutral",)
    assert set(prepare_corpus(study, corpus).samples["label"]) == {"calm", "sad"}
    assert set(prepare_corpus(make_study(), corpus).samples["label"]) == {"calm", "neutral", "sad"}


def test_official_trains_and_tests_on_the_named_splits():
    samples = table(["a", "b", "c", "d"], split=["train", "dev", "test", None])
    (fold,) = make_folds(samples, ProtocolSpec(name="official", train=("train", "dev")))
    assert (fold.name, fold.train.tolist(), fold.test.tolist()) == ("test", [0, 1], [2])


def test_random_has_every_class_in_every_fold():
    folds = make_folds(table(np.repeat(["a", "b"], 10)), ProtocolSpec(name="random", n_folds=5))
    assert sorted(np.concatenate([fold.test for fold in folds])) == list(range(20))
    assert all(np.unique(fold.test % 2).tolist() == [0, 1] for fold in folds)


@pytest.mark.parametrize(
    ("samples", "spec", "message"),
    [
        (table(["a", "b"]).drop(columns="group"), {"name": "loso"}, "needs a column 'group'"),
        (table(["a", "a"]), {"name": "group_kfold"}, "needs two groups, got 1"),
        (table(["a", "a", "b"]), {"name": "loso"}, "fold 'a' trains on 1 group .b.; two are needed.*add speakers"),
        (table(["a", "a", "b"], split=["train", "train", "test"]), {"name": "official"}, "fold 'test' trains on 1 group .a."),
        (table(["a", "b", "c"]), {"name": "group_kfold", "n_folds": 4}, "needs 4 groups for 4 folds, got 3; lower"),
        (table(["01", "02"]), {"name": "official"}, "needs a column 'split'"),
        (table(["a", "b"], split=["train", "dev"]), {"name": "official"}, r"needs the splits \['test'\].*'dev', 'train'"),
        (table(["01", "25"]), {"name": "luna5"}, "actors 1 to 24 of RAVDESS; group '25' is none"),
        (table(["Actor_01", "s02"]), {"name": "emobox6"}, "group 's02' is none"),
        (table(["01", "02"]), {"name": "actors_21_24"}, "none of its test actors"),
        (table(["a"] * 4, ["x", "x", "x", "y"]), {"name": "random", "n_folds": 2}, "'y' has 1"),
    ],
)  # fmt: skip
def test_a_table_that_a_protocol_cannot_split_is_refused(samples, spec, message):
    with pytest.raises(ProtocolError, match=message):
        make_folds(samples, ProtocolSpec(**spec))


@pytest.fixture
def one_fold():
    return [Fold("1", np.array([0, 1]), np.array([2, 3]))]


def test_a_clean_split_has_no_leak(one_fold):
    samples = table(["a", "a", "b", "b"], text=["one", "two", "three", None])
    hashes = {"audio": pd.Series(["1", "2", "3", None], index=samples.index)}
    assert find_leaks(samples, one_fold, hashes=hashes, use_text=True) == []


@pytest.mark.parametrize(
    ("columns", "hashes", "use_text", "message"),
    [
        ({"group": ["a", "b", "b", "c"]}, {}, False, "1 of 2 test samples share group with training .*'c2' with 'c1'"),
        ({}, {"audio": ["1", "2", "3", "1"]}, False, "share the bytes of an audio file.*'c3' with 'c0'"),
        ({"text": ["Oh  no!", "x", "y", "oh no!"]}, {}, True, "share text with training .*'c3' with 'c0'"),
    ],
    ids=["group", "bytes", "text"],
)
def test_what_stands_on_both_sides_is_named(one_fold, columns, hashes, use_text, message):
    samples = table(["a", "a", "b", "b"]).assign(**columns)
    digests = {name: pd.Series(values, index=samples.index) for name, values in hashes.items()}
    (leak,) = find_leaks(samples, one_fold, hashes=digests, use_text=use_text)
    assert re.search(message, leak)


def test_repeated_text_is_no_leak_where_texts_are_not_used(one_fold):
    samples = table(["a", "a", "b", "b"], text=["same"] * 4)
    assert find_leaks(samples, one_fold, hashes={}, use_text=False) == []


def test_absent_and_empty_texts_are_no_leak(one_fold):
    samples = table(["a", "a", "b", "b"], text=["", None, " ", None])
    assert find_leaks(samples, one_fold, hashes={}, use_text=True) == []


@pytest.mark.parametrize(
    ("leaks", "spec", "leaky"),
    [
        ([], {"name": "loso"}, False),
        ([], {"name": "loso", "leaky": True}, True),
        (["a leak"], {"name": "official", "leaky": True}, True),
        (["a leak"], {"name": "random"}, True),
        ([], {"name": "random"}, True),
    ],
)
def test_numbers_are_leaky_where_the_split_leaks_or_may(leaks, spec, leaky):
    assert check_leaks(leaks, ProtocolSpec(**spec)) is leaky


def test_a_leak_that_the_study_does_not_own_up_to_is_refused():
    with pytest.raises(ProtocolError, match=r"'official' would leak: a leak.*leaky = true"):
        check_leaks(["a leak"], ProtocolSpec(name="official"))


def windows(n_recordings=4, n_windows=11, **columns):
    """Windows of two seconds, half overlapping; two recordings a subject."""
    rows = [
        {
            "label": ["happy", "sad"][recording % 2],
            "group": f"s{recording // 2}",
            "recording": f"r{recording}",
            "start_s": float(number),
            "end_s": float(number + 2),
        }
        for recording in range(n_recordings)
        for number in range(n_windows)
    ]
    return pd.DataFrame(rows, index=[f"w{row:02d}" for row in range(len(rows))]).assign(**columns)


def test_loro_holds_out_one_recording_at_a_time_though_its_subject_is_in_training():
    spec = ProtocolSpec(name="loro")
    samples = windows()
    folds = make_folds(regroup(samples, spec), spec)
    assert [fold.name for fold in folds] == ["r0", "r1", "r2", "r3"]
    for fold in folds:
        assert set(samples["recording"].iloc[fold.test]) == {fold.name}
        assert fold.name not in set(samples["recording"].iloc[fold.train])
        assert set(samples["group"].iloc[fold.test]) <= set(samples["group"].iloc[fold.train])
    assert find_leaks(regroup(samples, spec), folds, hashes={"eeg": samples["recording"]}, use_text=False) == []
    assert spec.groups == "recording"


@pytest.mark.parametrize("purge_s", [0.0, 2.5])
def test_blocked_drops_training_windows_that_overlap_a_test_window(purge_s):
    spec = ProtocolSpec(name="blocked", n_folds=3, purge_s=purge_s)
    samples = windows(n_windows=31)
    grouped = regroup(samples, spec)
    folds = make_folds(grouped, spec)
    assert sorted(np.concatenate([fold.test for fold in folds])) == list(range(len(samples)))
    for fold in folds:
        train, test = samples.iloc[fold.train], samples.iloc[fold.test]
        assert set(test["recording"]) == set(train["recording"]) == set(samples["recording"])
        for row in test.itertuples():
            same = train[train["recording"] == row.recording]
            assert ((same["start_s"] >= row.end_s + purge_s) | (same["end_s"] <= row.start_s - purge_s)).all()
        kept = len(fold.train) + len(fold.test)
        assert kept < len(samples)
    assert find_leaks(grouped, folds, hashes={"eeg": samples["recording"]}, use_text=False) == []


def test_random_windows_of_one_recording_are_found_to_leak():
    samples = windows()
    folds = make_folds(samples, ProtocolSpec(name="random", n_folds=2))
    leaks = find_leaks(samples, folds, hashes={"eeg": samples["recording"]}, use_text=False)
    assert len(leaks) == 2 and "the bytes of an eeg file" in leaks[1]
    assert check_leaks(leaks, ProtocolSpec(name="random"))


@pytest.mark.parametrize(
    ("name", "column"), [("loro", "recording"), ("blocked", "recording"), ("blocked", "start_s"), ("blocked", "end_s")]
)
def test_regroup_names_the_columns_that_are_missing(name, column):
    with pytest.raises(ProtocolError, match=f"{name}.*{column}"):
        regroup(windows().drop(columns=column), ProtocolSpec(name=name))


def test_other_protocols_keep_the_groups_of_the_corpus():
    samples = windows()
    assert regroup(samples, ProtocolSpec(name="loso")) is samples
    assert ProtocolSpec(name="loso").groups is None
