"""A corpus the size of Sentiment140, made up, and what it takes to train on it.

The training table is written into a folder, with the published test table or made-up tweets beside it, and the shipped
study is trained on them in a process of its own. What is measured is the work: made-up words say nothing about how well real
tweets are told apart.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TextIO

import numpy as np
import numpy.typing as npt

from . import Options, Row
from .measuring import run_python

TRAIN_NAME = "training.1600000.processed.noemoticon.csv"
TEST_NAME = "testdata.manual.2009.06.14.csv"
N_ROWS, N_QUICK = 1_600_000, 400
N_TEST = 500
N_TYPES = 400_000
N_USERS = 660_000
BATCH = 100_000
MEAN_WORDS, MOST_WORDS = 12, 32
LEANING, STRENGTH = (
    0.3,
    0.7,
)  # share of words that one polarity uses more than the other, and how much more than the mean
# What tweets have beside words, and the share of tweets in which each stands: entities, mojibake, contractions, elongation.
ODD = {
    "&amp;": 0.02,
    "&quot;": 0.025,
    "&lt;3": 0.006,
    "caf\xe9": 0.005,
    "\xef\xbf\xbd": 0.007,
    "soooooo": 0.03,
    "don't": 0.09,
    "i'm": 0.15,
    "LOL": 0.04,
    "2nite": 0.005,
}
MENTION, ADDRESS, HASHTAG, CAPITAL = 0.45, 0.045, 0.025, 0.3
ENDS = ("", "", ".", "!", "...", "?", "!!!", " ", "..")
LIMITS = {"minutes": 10.0, "peak GB": 6.0, "model MB": 50.0, "prediction p95 ms": 3.0}
N_CALLS, N_WARM = 400, 20
SENTENCE = "@somebody I can not believe that you really did this to me, but it is wonderful!"


def write_corpus(folder: Path, *, n_rows: int = N_ROWS, test: Path | None = None, seed: int = 0) -> None:
    """Write the training table, and beside it a copy of the published test table or one that is made up.

    Parameters
    ----------
    folder : Path
    n_rows : int, default=1600000
        Half of them negative, and these first, as in the published table.
    test : Path, optional
    seed : int, default=0
    """
    folder.mkdir(parents=True, exist_ok=True)
    random = np.random.default_rng(seed)
    words = word_types()
    with (folder / TRAIN_NAME).open("w", encoding="latin-1", newline="") as file:
        _write(file, random, words, n_rows, first_id=1_467_810_369)
    if test is not None:
        shutil.copyfile(test, folder / TEST_NAME)
        return
    with (folder / TEST_NAME).open("w", encoding="latin-1", newline="") as file:
        _write(file, random, words, N_TEST, first_id=3)


def word_types(n_types: int = N_TYPES) -> list[str]:
    """Return made-up words, none twice; like those of a language they are the longer, the rarer they are.

    Examples
    --------
    >>> words = word_types(20_000)
    >>> words[0], words[150], words[-1]
    ('ba', 'bapa', 'bacocu')
    """
    syllables = [first + second for first in "bdfghjklmnprstvwxyzc" for second in "aeiou"]
    words = list(syllables)
    level = syllables
    while len(words) < n_types:
        level = [word + syllable for word in level for syllable in syllables]
        words += level
    return words[:n_types]


def tweets(random: np.random.Generator, words: list[str], n_tweets: int, *, positive: bool) -> Iterator[str]:
    """Yield tweets of made-up words whose frequencies follow Zipf's law, with what tweets have beside words."""
    # Mandelbrot's form of the law: the commonest words are not quite as common as Zipf's would be.
    shares = 1 / (np.arange(1, len(words) + 1) + 2.7)
    # The same words lean to the same side in every table.
    sides = np.random.default_rng(1).choice([-1, 0, 1], size=len(words), p=[LEANING / 2, 1 - LEANING, LEANING / 2])
    edges = np.cumsum(shares * (1 + STRENGTH * sides * (1 if positive else -1)))
    for start in range(0, n_tweets, BATCH):
        yield from _batch(random, words, edges / edges[-1], min(BATCH, n_tweets - start))


def benchmark(options: Options) -> list[Row]:
    """Train on as many made-up tweets as the published corpus has."""
    n_rows = N_QUICK if options.quick else N_ROWS
    write_corpus(options.folder, n_rows=n_rows)
    found = measure(options.folder)
    return [
        Row(f"training on {n_rows} texts, {name}", value, at_most=LIMITS.get(name), unit=name.rpartition(" ")[2])
        for name, value in found.items()
    ]


def measure(folder: Path) -> dict[str, float]:
    """Train on a folder in a process of its own, then ask the model; return the figures of ``LIMITS`` and minutes of CPU."""
    model = folder / "large.emofuse"
    arguments = ["train", "sentiment140", "--root", str(folder), "--out", str(model), "--jobs", "2"]
    spent = run_python(["-c", "from emofuse.cli import main; main()", *arguments])
    return {
        "minutes": spent.seconds / 60,
        "CPU minutes": spent.core_seconds / 60,
        "peak GB": spent.peak_mb / 1000,
        "model MB": model.stat().st_size / 1e6,
        "prediction p95 ms": 1000 * float(np.quantile(_prediction_seconds(model), 0.95)),
    }


def _prediction_seconds(path: Path) -> list[float]:
    from ...inference.predictor import load

    model = load(path)
    taken = []
    for number in range(N_CALLS):
        start = time.perf_counter()
        model.predict(text=f"{SENTENCE} {number}")
        taken.append(time.perf_counter() - start)
    return taken[N_WARM:]


def _write(file: TextIO, random: np.random.Generator, words: list[str], n_rows: int, *, first_id: int) -> None:
    number = first_id
    for polarity, n_tweets in ((0, n_rows // 2), (4, n_rows - n_rows // 2)):
        for text in tweets(random, words, n_tweets, positive=polarity == 4):
            number += 1 + number % 7
            user = f"user{int(N_USERS * random.random() ** 1.5)}"  # some write many tweets
            file.write(f'"{polarity}","{number}","Mon Apr 06 22:19:45 PDT 2009","NO_QUERY","{user}","{text}"\n')


def _batch(random: np.random.Generator, words: list[str], edges: npt.NDArray[np.float64], n_tweets: int) -> list[str]:
    lengths = np.clip(random.gamma(3.2, MEAN_WORDS / 3.2, size=n_tweets).astype(int), 1, MOST_WORDS)
    drawn = np.searchsorted(edges, random.random(int(lengths.sum()))).tolist()
    ends = random.choice(ENDS, size=n_tweets).tolist()
    is_odd = random.random((n_tweets, len(ODD))) < list(ODD.values())
    is_kind = (random.random((n_tweets, 4)) < (MENTION, ADDRESS, HASHTAG, CAPITAL)).tolist()
    names = random.integers(N_USERS, size=n_tweets).tolist()
    odd = list(ODD)
    found, first = [], 0
    for row, length in enumerate(lengths.tolist()):
        own = [words[place] for place in drawn[first : first + length]]
        first += length
        own += [odd[place] for place in np.flatnonzero(is_odd[row])]
        mention, address, hashtag, capital = is_kind[row]
        if capital:
            own[0] = own[0].capitalize()
        if hashtag:
            own.append(f"#{own[0]}")
        if mention:
            own.insert(0, f"@user{names[row]}")
        if address:
            own.append(f"http://bit.ly/{names[row]:x}")
        found.append(" ".join(own) + ends[row])
    return found
