"""Where samples stand in their dialogues, and what the turns around each of them were taken for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ..features.errors import TableError
from .rules import Array

if TYPE_CHECKING:
    import pandas as pd

NONE = -1  # the code of what has no dialogue, or of whom nobody knows
SHOWN = 20  # problems in one error


@dataclass(frozen=True)
class Turns:
    """Who speaks when in which dialogue.

    Attributes
    ----------
    dialogue, speaker : ndarray of shape (n_samples,), int
        Codes; -1 where there is none. A sample outside any dialogue stands alone.
    turn : ndarray of shape (n_samples,), float
        What turns are ordered by within their dialogue; gaps do not count.
    """

    dialogue: Array
    turn: Array
    speaker: Array

    def __len__(self) -> int:
        return len(self.dialogue)

    def take(self, rows: Array) -> Turns:
        """Return some of the samples by position: turns of the others are then unheard."""
        return Turns(self.dialogue[rows], self.turn[rows], self.speaker[rows])


def alone(n_samples: int) -> Turns:
    """Return the turns of samples that have no dialogue."""
    nobody = np.full(n_samples, NONE)
    return Turns(nobody, np.zeros(n_samples), nobody)


def turns_of(samples: pd.DataFrame) -> Turns:
    """Return where each sample of a table stands in its dialogue.

    Parameters
    ----------
    samples : pandas.DataFrame
        With ``dialogue`` and ``turn``; the speaker is ``speaker`` where there is such a column, else ``group``.

    Raises
    ------
    TableError
        A column is missing; a turn without a number; a turn that stands in its dialogue twice.
    """
    missing = [column for column in ("dialogue", "turn") if column not in samples]
    if missing:
        raise TableError(f"the turns of a dialogue need the columns {missing}; add them")
    names, given = samples.index.tolist(), samples["turn"].tolist()
    titles, dialogue = samples["dialogue"].tolist(), _codes(samples["dialogue"])
    turn = np.array([_number(value) for value in given], dtype=np.float64)
    problems = []
    seen: dict[tuple[int, float], int] = {}
    for row in np.flatnonzero(dialogue != NONE).tolist():
        if not np.isfinite(turn[row]):
            problems.append(f"sample {names[row]!r}: turn {given[row]!r} of dialogue {titles[row]!r} is no number")
            continue
        first = seen.setdefault((int(dialogue[row]), float(turn[row])), row)
        if first != row:
            problems.append(
                f"turn {turn[row]:g} of dialogue {titles[row]!r} stands in samples {names[first]!r} and {names[row]!r}; "
                "number them"
            )
    if problems:
        raise TableError(problems[:SHOWN])
    who = next((name for name in ("speaker", "group") if name in samples), None)
    speaker = np.full(len(samples), NONE) if who is None else _codes(samples[who])
    return Turns(dialogue, np.where(dialogue == NONE, 0.0, turn), speaker)


def heard_around(probabilities: Array, turns: Turns, *, later: bool = False) -> Array:
    """Return what the other turns of each sample's dialogue were taken for; of the sample itself there is nothing in it.

    Parameters
    ----------
    probabilities : ndarray of shape (n_samples, n_classes)
        Of every sample by itself; NaN where nothing is known of it.
    turns : Turns
    later : bool, default=False
        Whether turns that follow are heard too. Without, no row changes with what comes after it.

    Returns
    -------
    ndarray of shape (n_samples, 3 * n_classes + 1), float32, or twice as wide with ``later``
        The probabilities of the turn before; those of the same speaker's turn before; the mean of all turns before; and
        whether the turn before is the same speaker's. Then the same of the turns that follow. NaN where there is none.

    Examples
    --------
    >>> turns = Turns(np.zeros(3, dtype=int), np.arange(3.0), np.array([0, 1, 0]))
    >>> heard_around(np.array([[0.9, 0.1], [0.5, 0.5], [0.2, 0.8]]), turns)[2].round(2).tolist()
    [0.5, 0.5, 0.8999999761581421, 0.10000000149011612, 0.699999988079071, 0.30000001192092896, 0.0]
    """
    count = len(turns)
    strangers = -2 - np.arange(count)  # each a code of its own
    dialogue = np.where(turns.dialogue == NONE, strangers, turns.dialogue)
    speaker = np.where(turns.speaker == NONE, strangers, turns.speaker)
    columns = []
    for direction in (1, -1) if later else (1,):
        by_turn = np.lexsort((direction * turns.turn, dialogue))
        by_speaker = np.lexsort((direction * turns.turn, speaker, dialogue))
        before = _row_before(by_turn, dialogue)
        own_before = _row_before(by_speaker, dialogue, speaker)
        same = np.asarray(np.where(before == NONE, np.nan, speaker == speaker[before]))
        columns += [
            _taken(probabilities, before),
            _taken(probabilities, own_before),
            _mean_before(probabilities, by_turn, dialogue),
            same[:, None],
        ]
    return np.concatenate(columns, axis=1).astype(np.float32)


def _row_before(order: Array, *keys: Array) -> Array:
    """Return the position of the row before each row in an order, where all keys are the same; -1 where there is none."""
    found = np.full(len(order), NONE)
    goes_on = np.all([key[order[1:]] == key[order[:-1]] for key in keys], axis=0)
    found[order[1:][goes_on]] = order[:-1][goes_on]
    return found


def _taken(values: Array, rows: Array) -> Array:
    return np.where((rows == NONE)[:, None], np.nan, values[rows])


def _mean_before(values: Array, order: Array, key: Array) -> Array:
    """Return the mean of the known rows before each row in an order, where the key is the same; NaN where there are none."""
    found: Array = np.full(values.shape, np.nan)
    known = np.asarray(~np.any(np.isnan(values), axis=1))
    before: dict[int, tuple[Any, int]] = {}
    # A sum is carried along, not taken from one of the whole table: a row may not change, not by rounding, with others.
    for row in order:
        total, count = before.get(key[row], (0.0, 0))
        if count:
            found[row] = total / count
        before[key[row]] = (total + values[row], count + 1) if known[row] else (total, count)
    return found


def _codes(names: pd.Series) -> Array:
    from ..features.samples import is_missing  # brings pandas, which a model that answers does without

    codes = np.full(len(names), NONE)
    there = ~names.map(is_missing).to_numpy(dtype=bool)
    codes[there] = np.unique(names[there].astype(str).to_numpy(), return_inverse=True)[1]
    return codes


def _number(value: Any) -> float:
    try:
        return float(value)
    except (TypeError, ValueError):
        return np.nan
