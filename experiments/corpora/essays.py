"""Essays: what 2,467 students wrote of what went through their heads, with their Big Five traits above or below the median."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from ...features.errors import TableError
from ...features.samples import check_samples
from .base import Corpus, CorpusInfo, find_files
from .base_text import read_rows, unique_names

INFO = CorpusInfo(
    name="essays",
    title="Stream-of-consciousness essays with Big Five traits",
    licence="no licence is stated: research only",
    source="the Workshop on Computational Personality Recognition (Celli et al. 2013, ICWSM), of the essays of Pennebaker and "
    "King (1999), Journal of Personality and Social Psychology 77(6)",
    layout="essays.csv (columns #AUTHID, TEXT, cEXT, cNEU, cAGR, cCON, cOPN; y or n)",
    groups="subject",
    modalities=("text",),
)
TRAITS = {
    "openness": "cOPN",
    "conscientiousness": "cCON",
    "extraversion": "cEXT",
    "agreeableness": "cAGR",
    "neuroticism": "cNEU",
}
ANSWERS = {"y": "yes", "n": "no"}


def read(root: Path) -> Corpus:
    """Read the table: a column a trait, ``yes`` or ``no``; ``label`` is openness."""
    paths = find_files(root, r"essays\.csv")
    if not paths:
        raise INFO.not_found(root, "essays.csv")
    path = paths[0]
    rows = read_rows(path)
    _, header = next(rows, (0, []))
    columns = [column.strip() for column in header]
    missing = [column for column in ("#AUTHID", "TEXT", *TRAITS.values()) if column not in columns]
    if missing:
        raise TableError(f"{path.name}: columns {missing} are missing; it has {columns[:12]}")
    authors, found = [], []
    for number, cells in rows:
        row = dict(zip(columns, cells, strict=False))
        answers = {trait: ANSWERS.get(row.get(column, "").strip().lower()) for trait, column in TRAITS.items()}
        if len(cells) != len(columns) or None in answers.values():
            raise TableError(
                f"{path.name}: line {number}: {len(columns)} cells with y or n for each trait are needed, got "
                f"{cells[:1]!r:.40} with {cells[2:]!r:.60}; correct the row"
            )
        authors.append(row["#AUTHID"].strip().removesuffix(".txt"))
        found.append({"text": row["TEXT"], "label": answers["openness"], **answers})
    if not found:
        raise TableError(f"{path.name}: the table has a header and no rows")
    samples = pd.DataFrame(found, index=pd.Index(unique_names(authors), dtype=object))
    samples["group"] = authors
    return Corpus(INFO, check_samples(samples))
