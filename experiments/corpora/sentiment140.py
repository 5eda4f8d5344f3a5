"""Sentiment140: 1.6 million tweets whose emoticon, taken out, is their polarity, and 498 that people judged.

The tables are read line by line, and nothing is kept of a tweet but its name, its user, its polarity and its text: the finished
sample table is most of the memory that reading takes.
"""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from ...features.errors import TableError
from ...features.samples import check_samples
from .base import Corpus, CorpusInfo
from .base_text import find_each, open_lines, repetitions, split_rows, unique_names

INFO = CorpusInfo(
    name="sentiment140",
    title="Sentiment140",
    licence="no licence is stated by its authors, tweets are under the rights of theirs: research only",
    source="http://help.sentiment140.com/for-students (Go, Bhayani and Huang 2009, Stanford)",
    layout="training.1600000.processed.noemoticon.csv (split train) and testdata.manual.2009.06.14.csv (split test), any of "
    "them, as files or in trainingandtestdata.zip; six columns without names (polarity 0, 2 or 4, id, date, query, user, "
    "text), or the two columns polarity and text",
    groups="author",
    modalities=("text",),
)
SPLITS = {"training.1600000.processed.noemoticon.csv": "train", "testdata.manual.2009.06.14.csv": "test"}
POLARITIES = {"0": "negative", "2": "neutral", "4": "positive"}
COLUMN_NAMES = (
    "polarity",
    "target",
)  # copies of two columns were written with their names, and then put in another order


def read(root: Path) -> Corpus:
    """Read every split that is there; ``group`` is the user where the tables name users."""
    tweets = _Tweets()
    for path in find_each(root, "|".join(name.replace(".", r"\.") for name in SPLITS)):
        tweets.read(path, SPLITS[path.name])
    if not tweets.names:
        raise INFO.not_found(root, " or ".join(SPLITS))
    samples = check_samples(tweets.table())
    notes = repetitions(samples)
    if tweets.n_headers:
        notes = (f"{tweets.n_headers} row of column names among the tweets is left out", *notes)
    return Corpus(INFO, samples, notes=notes)


class _Tweets:
    """The columns of the sample table, as long as they grow; a word that repeats is kept once."""

    def __init__(self) -> None:
        self.names: list[str] = []
        self.texts: list[str] = []
        self.labels: list[str] = []
        self.splits: list[str] = []
        self.users: list[str | None] = []
        self.n_headers = 0
        self._known_users: dict[str, str] = {}

    def read(self, path: Path, split: str) -> None:
        """Add the tweets of a table."""
        # The authors wrote Latin-1; a copy in UTF-8 is put right where texts are cleaned.
        with open_lines(path, "latin-1") as lines:
            for number, cells in split_rows(lines, path.name):
                polarity = POLARITIES.get(cells[0].strip())
                if polarity is None and cells[0].strip().lower() in COLUMN_NAMES:
                    self.n_headers += 1
                    continue
                if polarity is None or len(cells) not in (2, 6):
                    raise TableError(
                        f"{path.name}: line {number}: polarity 0, 2 or 4, id, date, query, user and text are needed, or "
                        f"polarity and text, got {len(cells)} cells that begin with {cells[0]!r:.40}; correct the row"
                    )
                user = cells[4].strip() if len(cells) == 6 else ""
                self.names.append(f"{split}-{cells[1].strip() if len(cells) == 6 else f'{number:06d}'}")
                self.texts.append(cells[-1])
                self.labels.append(polarity)
                self.splits.append(split)
                self.users.append(self._known_users.setdefault(user, user) if user else None)

    def table(self) -> pd.DataFrame:
        """Return the sample table; a tweet whose user is not known is a group of its own where others' are."""
        columns = {"text": self.texts, "label": self.labels, "split": self.splits}
        samples = pd.DataFrame(columns, index=pd.Index(unique_names(self.names), dtype=object), dtype=object)
        if self._known_users:
            named = zip(self.users, samples.index, strict=True)
            samples["group"] = [f"user of {name}" if user is None else user for user, name in named]
        return samples
