"""What was said before: the texts of earlier turns of a dialogue as further blocks of text."""

from __future__ import annotations

from typing import Any

import pandas as pd

from .errors import TableError
from .samples import is_missing

MAX_TURNS = 20


def check_context(context: Any) -> None:
    """Refuse what names no context with a ValueError; see :func:`context_texts`."""
    if context in ("previous", "same_speaker"):
        return
    if isinstance(context, bool) or not isinstance(context, int) or not 1 <= context <= MAX_TURNS:
        raise ValueError(
            f"context must be 'previous', 'same_speaker' or a number of turns from 1 to {MAX_TURNS}, got {context!r}"
        )


def context_texts(samples: pd.DataFrame, context: str | int) -> pd.Series:
    """Return for each sample what was said before it in its dialogue; later turns are never seen.

    Parameters
    ----------
    samples : pandas.DataFrame
        A checked sample table with ``text``, ``dialogue`` and ``turn``; ``group`` too where the speaker matters, or
        ``speaker`` where groups are something else.
    context : {"previous", "same_speaker"} or int
        The turn before; the speaker's own turn before; or that many turns before, oldest first, parted by a space.

    Returns
    -------
    pandas.Series of str
        None at the first turn, where the earlier turn has no text, and where a sample has no dialogue. The turn before
        is the one with the next lower number that is in the table, whatever the gap.

    Raises
    ------
    TableError
        A column is missing; a turn without a number; a turn that stands in its dialogue twice.
    ValueError
        No such context.

    Notes
    -----
    Only texts are taken, no labels. Under speaker-independent folds a test turn's context may be words of a training
    speaker, and the other way round: both are known when the turn is spoken, so nothing leaks.

    Examples
    --------
    >>> samples = pd.DataFrame(
    ...     {"text": ["Hi.", "Hello!", "Bye."], "dialogue": "d", "turn": [0, 1, 2], "group": ["ann", "ben", "ann"]}
    ... )
    >>> context_texts(samples, "previous").tolist()
    [None, 'Hi.', 'Hello!']
    >>> context_texts(samples, "same_speaker").tolist()
    [None, None, 'Hi.']
    >>> context_texts(samples, 2).tolist()
    [None, 'Hi.', 'Hi. Hello!']
    """
    check_context(context)
    who = ["speaker" if "speaker" in samples else "group"] if context == "same_speaker" else []
    ordered = _ordered_turns(samples, who)
    keys = ["dialogue", *who]
    earlier = ordered.groupby(keys, sort=False, observed=True)["text"]
    n_turns = context if isinstance(context, int) else 1
    turns = pd.concat([earlier.shift(back) for back in range(n_turns, 0, -1)], axis=1)
    joined = [" ".join(text for text in row if not is_missing(text)) or None for row in turns.itertuples(index=False)]
    found = pd.Series(joined, index=ordered.index, dtype=object).reindex(samples.index)
    return found.astype(object).where(found.notna(), None).rename("text")


def _ordered_turns(samples: pd.DataFrame, who: list[str]) -> pd.DataFrame:
    columns = ["text", "dialogue", "turn", *who]
    missing = [column for column in columns if column not in samples]
    if missing:
        raise TableError(f"the context of a turn needs the columns {missing}; add them or drop the context")
    table = samples.loc[~samples["dialogue"].map(is_missing), columns].copy()
    numbers = pd.to_numeric(table["turn"], errors="coerce").astype("float64")
    bad = numbers.isna() | (numbers.abs() == float("inf"))
    problems = [
        f"sample {name!r}: turn {table.at[name, 'turn']!r} of dialogue {table.at[name, 'dialogue']!r} is no number"
        for name in table.index[bad]
    ]
    table["turn"] = numbers
    repeated = table[table.duplicated(["dialogue", "turn"], keep=False) & ~bad]
    for (dialogue, turn), rows in repeated.groupby(["dialogue", "turn"], sort=False):
        problems.append(
            f"turn {turn:g} of dialogue {dialogue!r} stands in samples {rows.index.tolist()[:4]}; number them"
        )
    if problems:
        raise TableError(problems[:20])
    return table.sort_values(["dialogue", "turn"], kind="stable")
