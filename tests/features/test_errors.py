"""An error keeps its text and what belongs to it on its way from a worker process."""

import pickle

import pytest
from emofuse.features import errors
from emofuse.features.errors import EmofuseError, SampleError, TableError


@pytest.mark.parametrize(
    "error",
    [SampleError("too_short", "0.06 s needed"), TableError("no rows"), TableError(["row 1 is bad", "row 2 is bad"])],
    ids=["sample", "one-problem", "two-problems"],
)
def test_error_survives_pickling_whole(error):
    restored = pickle.loads(pickle.dumps(error))
    assert type(restored) is type(error)
    assert str(restored) == str(error)
    assert vars(restored) == vars(error)


def test_table_error_joins_its_problems_into_one_line():
    error = TableError(["row 1 is bad", "row 2 is bad"])
    assert error.problems == ["row 1 is bad", "row 2 is bad"]
    assert str(error) == "row 1 is bad; row 2 is bad"


@pytest.mark.parametrize("name", [name for name in vars(errors) if name.endswith("Error")])
def test_every_error_has_one_root(name):
    assert issubclass(getattr(errors, name), EmofuseError)
    assert not issubclass(getattr(errors, name), ValueError)
