from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from emofuse.classifiers.heads import SHARE_FLOOR as FLOOR
from emofuse.classifiers.ready import LogShares, ReadyProbabilities
from emofuse.features.errors import EmofuseWarning, TableError
from sklearn.base import clone

VOTES = pd.DataFrame({"sad": [0.1, 0.8], "neutral": [0.5, 0.1], "joy": [0.4, 0.1]})


def test_shares_pass_through_in_the_order_of_the_classes() -> None:
    fitted = ReadyProbabilities().fit(VOTES, ["joy", "sad"])
    votes_of = ReadyProbabilities().fit(VOTES, ["neutral", "sad"])

    expected = (np.array([[0.4, 0.1], [0.1, 0.8]]) + FLOOR / 2) / np.array([[0.5 + FLOOR], [0.9 + FLOOR]])
    assert fitted.classes_.tolist() == ["joy", "sad"]
    np.testing.assert_allclose(fitted.predict_proba(VOTES), expected, rtol=1e-6)
    assert votes_of.predict(VOTES).tolist() == ["neutral", "sad"]


def test_classes_may_be_numbers() -> None:
    table = VOTES.set_axis([2, 0, 1], axis=1)

    assert clone(ReadyProbabilities()).fit(table, [0, 2]).predict(table).tolist() == [0, 2]


def test_a_row_without_votes_is_undecided() -> None:
    fitted = ReadyProbabilities().fit(VOTES, ["joy", "sad"])

    np.testing.assert_allclose(fitted.predict_proba(VOTES * 0), 0.5)


def test_a_class_without_a_column_is_refused() -> None:
    with pytest.raises(TableError, match=r"no column for the classes \['anger'\] in \['sad', 'neutral', 'joy'\]"):
        ReadyProbabilities().fit(VOTES, ["sad", "anger"])


def test_an_array_has_no_class_names() -> None:
    with pytest.raises(TableError, match="columns are named after the classes"):
        ReadyProbabilities().fit(VOTES.to_numpy(), ["sad", "joy"])


def test_negative_shares_are_refused_in_training_and_in_prediction() -> None:
    fitted = ReadyProbabilities().fit(VOTES, ["joy", "sad"])
    spoilt = VOTES.assign(joy=[-0.25, 1])

    with pytest.raises(TableError, match=r"cannot be negative, got -0.25"):
        ReadyProbabilities().fit(spoilt, ["joy", "sad"])
    with pytest.raises(TableError, match=r"cannot be negative, got -0.25"):
        fitted.predict(spoilt)


def test_a_single_class_is_constant() -> None:
    with pytest.warns(EmofuseWarning, match="single class 'joy'"):
        fitted = ReadyProbabilities().fit(VOTES, ["joy", "joy"])

    assert fitted.predict(VOTES).tolist() == ["joy", "joy"]


def test_log_shares_stay_finite_where_a_share_is_zero_or_below_and_nan_where_it_is_missing() -> None:
    shares = np.array([[0.0, 0.5, -0.1, np.nan]])

    logs = LogShares(floor=0.1).fit_transform(shares)

    assert logs.dtype == np.float32
    np.testing.assert_allclose(logs, [[np.log(0.1), np.log(0.6), np.log(0.1), np.nan]], rtol=1e-6)
