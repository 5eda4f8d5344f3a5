"""Columns and whole tables: transforms fitted before the split, names of speakers, counts of rows, copies of rows."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from emofuse.experiments.audit import audit
from emofuse.experiments.audit_copies import row_keys
from emofuse.experiments.audit_fitted import squeezed, standardised, uncorrelated
from emofuse.experiments.corpora import Corpus
from hypothesis import given
from hypothesis import strategies as st


def changed(corpus, change):
    """The corpus with its face table put through a function of the table and its samples."""
    return Corpus(corpus.info, corpus.samples, corpus.tables | {"face": change(corpus.tables["face"], corpus.samples)})


def only(findings, kind):
    return [finding for finding in findings if finding.kind == kind]


def standardise(table, samples):
    return (table - table.mean()) / table.std()


def standardise_by_speaker(table, samples):
    groups = table.groupby(samples["group"])
    return (table - groups.transform("mean")) / groups.transform("std", ddof=0)


def squeeze(table, samples):
    return (table - table.min()) / (table.max() - table.min())


def components(table, samples):
    centred = table - table.mean()
    return pd.DataFrame(centred @ np.linalg.svd(centred, full_matrices=False)[2].T, index=table.index).add_prefix("pc")


@pytest.mark.parametrize(
    ("change", "severity", "said"),
    [
        (standardise, "refused", "standardised before the split"),
        (lambda table, samples: standardise(table, samples).round(4), "refused", "standardised before the split"),
        (squeeze, "refused", "scaled before the split"),
        (components, "refused", "principal components fitted before the split"),
        (standardise_by_speaker, "warning", "standardised by speaker beforehand"),
    ],
)
def test_a_transform_of_all_samples_is_found(make_corpus, make_study, change, severity, said):
    corpus = changed(make_corpus(tables=("face",)), change)
    (found,) = only(audit(make_study("face"), corpus), "fitted_before_split")
    assert (found.severity, found.used) == (severity, True)
    assert said in found.message
    owned = make_study("face", protocol={"name": "group_kfold", "n_folds": 2, "leaky": True})
    assert only(audit(owned, corpus), "fitted_before_split")[0].severity == "warning"


@given(st.integers(0, 2**16))
def test_scaling_by_training_rows_and_plain_measurements_are_not_accused(seed):
    random = np.random.default_rng(seed)
    rows = random.normal(size=(120, 5)) * random.uniform(0.1, 9, 5)
    train = rows[:90]
    assert not standardised((rows - train.mean(axis=0)) / train.std(axis=0)).any()
    assert not uncorrelated(rows)
    shares = random.integers(0, 11, (120, 5)) / 10
    assert not squeezed(shares).any()


def test_a_range_that_training_alone_reaches_is_no_proof(make_corpus, make_study):
    def squeeze_by_training(table, samples):
        train = table[samples["split"] == "train"]
        return (
            ((table - train.min()) / (train.max() - train.min()))
            .clip(0.01, 0.99)
            .where(samples["split"] == "test", squeeze(train, None))
        )

    corpus = changed(make_corpus(tables=("face",), split=np.repeat(["train", "test"], 24)), squeeze_by_training)
    assert squeezed(corpus.tables["face"].to_numpy()).all()
    assert only(audit(make_study("face", protocol={"name": "official"}), corpus), "fitted_before_split") == []


def test_flags_and_votes_are_no_scaled_columns(make_corpus, make_study):
    def flags(table, samples):
        return (table > 0).astype(float)

    assert only(audit(make_study("face"), changed(make_corpus(tables=("face",)), flags)), "fitted_before_split") == []


@pytest.mark.parametrize(
    ("kind", "column"),
    [
        ("speaker_name", lambda table, samples: samples["group"].map({"s0": 3.1, "s1": 7.0, "s2": 1.9, "s3": 4.4})),
        ("row_number", lambda table, samples: np.arange(len(table)) * 0.5),
    ],
)
def test_a_column_that_names_the_speaker_or_counts_rows_is_named(make_corpus, make_study, kind, column):
    corpus = changed(make_corpus(tables=("face",)), lambda table, samples: table.assign(odd=column(table, samples)))
    (found,) = only(audit(make_study("face"), corpus), kind)
    assert (found.severity, found.where, found.used) == ("warning", "face: odd", True)


def test_a_trait_that_speakers_share_names_none_of_them(make_corpus, make_study):
    gender = {"s0": 0.0, "s1": 1.0, "s2": 0.0, "s3": 1.0}
    corpus = changed(
        make_corpus(tables=("face",)), lambda table, samples: table.assign(sex=samples["group"].map(gender))
    )
    assert only(audit(make_study("face"), corpus), "speaker_name") == []


@pytest.mark.parametrize(("row", "severity"), [("clip003", "warning"), ("clip047", "refused")])
def test_equal_rows_are_refused_where_they_stand_on_both_sides(make_corpus, make_study, row, severity):
    def copy(table, samples):
        table = table.copy()
        table.loc[row] = table.loc["clip000"]
        return table

    study = make_study("face", protocol={"name": "loso"})
    (found,) = only(audit(study, changed(make_corpus(tables=("face",)), copy)), "equal_rows")
    assert (found.severity, found.used) == (severity, True)
    assert found.message.startswith("2 samples have 1 row between them, equal in every column")


def test_rows_that_are_equal_by_chance_say_nothing():
    random = np.random.default_rng(0)
    votes = pd.DataFrame(random.multinomial(10, [0.5, 0.2, 0.1, 0.1, 0.05, 0.05], 500) / 10)
    assert votes.duplicated().any()
    assert set(row_keys(votes)) == {None}
    measured = pd.DataFrame(random.normal(size=(50, 4)))
    measured.iloc[10] = np.nan
    measured.iloc[20:22] = 0.0
    keys = row_keys(measured)
    assert [place for place, key in enumerate(keys) if key is None] == [10, 20, 21]
    assert len(set(keys)) == 48


def test_copies_that_stay_on_one_side_still_warn(make_corpus, make_study):
    corpus = make_corpus(tables=("face",))
    samples = corpus.samples.assign(label=np.where(np.arange(48) % 12 < 8, "neutral", "sad"))
    table = corpus.tables["face"].copy()
    rare = samples.index[samples["label"] == "sad"]
    copies = samples.loc[rare].set_axis([f"more{number:02d}" for number in range(len(rare))])
    filled = pd.concat([samples, copies])
    faces = pd.concat([table, table.loc[rare].set_axis(copies.index)])
    (found,) = only(audit(make_study("face"), Corpus(corpus.info, filled, {"face": faces})), "oversampling")
    assert found.severity == "warning"
    assert "all classes have 32 samples, and only by copies (sad 16 of 32)" in found.message
