"""Ways in which an input is changed by a known amount, whether to make it worse in a test or to vary it in training."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from .errors import StudyError


@dataclass(frozen=True)
class Change:
    """A way in which an input is changed.

    Attributes
    ----------
    apply : callable
        Takes the decoded signal and the level: a sound, the pixels of a picture, a text or a recording. Where ``chance``
        has a part in it, it also takes ``salt``, bytes that another draw from the same signal needs.
    columns : tuple of str
        Columns of the sample table whose signals it suits.
    unit : str
        Of the level.
    bounds : (float, float)
        Lowest and highest level; equal ones where there is but one.
    source : str
        The reference of its formula.
    chance : bool
    whole : bool
        Whether levels are whole numbers, as of channels.
    """

    apply: Callable[..., Any]
    columns: tuple[str, ...]
    unit: str
    bounds: tuple[float, float]
    source: str
    chance: bool = False
    whole: bool = False


def check_kind(noun: str, changes: Mapping[str, Change], kind: str) -> None:
    """Raise StudyError where there is no change of that name; ``noun`` is what the changes are called."""
    if kind not in changes:
        raise StudyError(f"{noun} {kind!r} is not known; choose from {list(changes)}")


def check_suitable(noun: str, changes: Mapping[str, Change], kind: str, column: str) -> None:
    """Raise StudyError where a change does not suit what stands in a column of the sample table, naming those that do."""
    fitting = [name for name, change in changes.items() if column in change.columns]
    if kind not in fitting:
        choice = f"choose from {fitting}" if fitting else f"there is no {noun} of it"
        raise StudyError(f"{noun} {kind!r} does not suit {column!r}; {choice}")


def seed_of(content: Any, salt: bytes = b"") -> int:
    """Return the seed that the bytes of a signal give: the same in every table, order, thread and process.

    Another ``salt`` gives another seed.
    """
    digest = hashlib.sha256(content)
    digest.update(salt)
    return int.from_bytes(digest.digest()[:8], "big")
