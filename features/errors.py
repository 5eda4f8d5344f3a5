"""Every error emofuse raises on purpose: one root, and children by what the user can do about them."""

from __future__ import annotations


class EmofuseError(Exception):
    """Root of all errors raised on purpose; its text is one line that says what to do."""


class SampleError(EmofuseError):
    """One sample cannot be used: drop it, repair it, or let it count as absent.

    Parameters
    ----------
    code : str
        Short stable name of the failure, such as ``too_short``; written to ``failures.csv``.
    message : str
        What was needed, what was got, what to do.
    """

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code

    def __reduce__(self) -> tuple[type[SampleError], tuple[str, str]]:
        return (type(self), (self.code, str(self)))


class TableError(EmofuseError):
    """A table (samples, features, blocks) has rows or columns that must be corrected.

    Parameters
    ----------
    problems : list of str
        One entry for each bad row or column; the message joins them all.
    """

    def __init__(self, problems: list[str] | str) -> None:
        self.problems = [problems] if isinstance(problems, str) else list(problems)
        super().__init__("; ".join(self.problems))

    def __reduce__(self) -> tuple[type[TableError], tuple[list[str]]]:
        return (type(self), (self.problems,))


class CorpusError(EmofuseError):
    """A corpus is not where, or not what, its reader expects."""


class StudyError(EmofuseError):
    """A study asks for something that does not exist or does not fit."""


class ProtocolError(EmofuseError):
    """A split cannot be made, or would leak."""


class StoreError(EmofuseError):
    """The feature store cannot be read or written."""


class ClusterError(EmofuseError):
    """A scheduler cannot be reached, or its workers cannot be used."""


class BundleError(EmofuseError):
    """A model file cannot be written, or must not be used."""


class PredictionError(EmofuseError):
    """A prediction was asked for in a way that no model could answer."""


class EmofuseWarning(UserWarning):
    """Something that lowers the quality of a result without making it wrong."""
