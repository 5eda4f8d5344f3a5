"""Digests of what a model was trained on: enough to tell whether it is shown the same again, without naming anyone."""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np
import pandas as pd

from ..fusion.blocks import present_rows, select_block
from .blocks import BlockTable
from .protocols import text_key
from .study import Study

DIGITS = 16  # of SHA-256: a million sources collide with a chance of one in 40 million


def digest(value: str | bytes) -> str:
    """Return the first 16 hexadecimal digits of SHA-256 of a text or of bytes.

    >>> digest("Actor_01")
    '7d464e595339a9bf'
    """
    data = value.encode() if isinstance(value, str) else value
    return hashlib.sha256(data).hexdigest()[:DIGITS]


def group_digests(samples: pd.DataFrame) -> pd.Series:
    """Return the digest of the group of each sample; missing where the table has no groups.

    Where a study holds something else together, such as dialogues, the speakers that the corpus names count nevertheless.
    """
    who = next((name for name in ("speaker", "group") if name in samples), None)
    if who is None:
        return pd.Series(None, index=samples.index, dtype=object)
    return samples[who].map({name: digest(str(name)) for name in samples[who].unique()})


def source_digests(study: Study, samples: pd.DataFrame, table: BlockTable) -> pd.DataFrame:
    """Return what tells each sample's sources from others, a column a kind, missing where a sample has none.

    Parameters
    ----------
    study : Study
    samples : pandas.DataFrame
    table : BlockTable
        Of these samples.

    Returns
    -------
    pandas.DataFrame of str
        The bytes of each source file; the words, where the study reads them; and where samples have no groups, the rows
        of ready numbers, by which a repeated sample could otherwise not be known.
    """
    blocks = list(dict.fromkeys(table.X.columns.get_level_values(0)))
    found: dict[str, Any] = {
        column: hashes.reindex(samples.index).str[:DIGITS] for column, hashes in table.hashes.items()
    }
    if "text" in samples and any(study.blocks[name].reads_text for name in blocks):
        keys = samples["text"].map(text_key, na_action="ignore")
        found["text"] = keys.map(digest, na_action="ignore")
    if "group" not in samples:
        for name in blocks:
            if study.blocks[name].extractor == "table":
                found[name] = _row_digests(select_block(table.X, name))
    return pd.DataFrame(found, index=samples.index, dtype=object)


def listed(digests: pd.Series | pd.DataFrame) -> list[str]:
    """Return the distinct digests, sorted: their order tells nothing of the samples'."""
    values = digests.to_numpy(dtype=object).ravel()
    return sorted(set(values[~pd.isna(values)]))


def _row_digests(block: pd.DataFrame) -> pd.Series:
    rows = np.ascontiguousarray(block.to_numpy(dtype=np.float32))
    found = [digest(row.tobytes()) if there else None for row, there in zip(rows, present_rows(block), strict=True)]
    return pd.Series(found, index=block.index, dtype=object)
