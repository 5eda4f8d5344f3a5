"""A quick look at each modality, numbers enough to tell whether two belong together: no features, nothing is kept."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from ..features.extractors import make_extractor
from ..features.text_cleaning import clean_text
from .audit_findings import Audited
from .audit_sounds import Heard
from .near_copies import picture_rows
from .study import Study

MOST_ROWS = 1500
COMPONENTS = 10
VOCABULARY = 4000
QUICK_SERIES = {"eeg", "physiology", "openface"}  # measured in milliseconds by the study's own extractor

View = npt.NDArray[np.float64]


def views(
    audited: Audited, heard: dict[int, Heard], tables: Mapping[str, pd.DataFrame], *, n_jobs: int = 1
) -> dict[str, View]:
    """Return each modality of the study as at most ten standardised components; NaN in rows where it is absent.

    Parameters
    ----------
    audited : Audited
    heard : dict of int to Heard
        By the position of the sample.
    tables : mapping of str to DataFrame
        Table and columns that a block of the study takes, by the block's name, a row a sample.
    n_jobs : int, default=1
        Threads that read pictures, and series by the study's own extractor.

    Returns
    -------
    dict of str to ndarray of shape (n_samples, n_components)
        By what it is called in a sentence: a block of a table by its name, others by their column.
    """
    samples = audited.samples
    columns = source_columns(audited.study) & set(samples.columns)
    found: dict[str, Any] = {}
    if heard:
        found["audio"] = np.full((len(samples), len(next(iter(heard.values())).summary)), np.nan)
        for row, item in heard.items():
            found["audio"][row] = item.summary
    for spec in audited.study.blocks.values():
        if spec.extractor not in ("table", "text") and not spec.reads_text:
            extractor = make_extractor(spec.extractor, spec.parameters)
            if extractor.source_column in QUICK_SERIES & columns - set(found):
                features = extractor.extract(samples, n_jobs=n_jobs).features
                found[extractor.source_column] = features.to_numpy(dtype=np.float64)
    if audited.reads_text and "text" in samples:
        found["text"] = _words(samples["text"])
    if "image" in columns:
        found["image"] = picture_rows(samples["image"], n_jobs=n_jobs)
    for name, table in tables.items():
        values = table.apply(pd.to_numeric, errors="coerce").to_numpy(dtype=np.float64)
        found[name] = np.where(np.abs(values) <= np.finfo(np.float32).max, values, np.nan)
    components = {name: _components(np.asarray(rows, dtype=np.float64)) for name, rows in found.items()}
    return {name: rows for name, rows in components.items() if rows.shape[1]}


def some_rows(samples: pd.DataFrame, *, seed: int) -> npt.NDArray[np.intp]:
    """Return positions of at most 1,500 samples, drawn at random, in order."""
    if len(samples) <= MOST_ROWS:
        return np.arange(len(samples))
    return np.sort(np.random.default_rng(seed).choice(len(samples), MOST_ROWS, replace=False))


def source_columns(study: Study) -> set[str]:
    """Return the columns of files that the study's extractors read."""
    return {
        make_extractor(spec.extractor, spec.parameters).source_column
        for spec in study.blocks.values()
        if spec.extractor != "table" and not spec.reads_text
    }


def _words(texts: pd.Series) -> View:
    """Return the terms of texts as latent components, and their length; NaN where there is no text."""
    from sklearn.decomposition import TruncatedSVD
    from sklearn.feature_extraction.text import TfidfVectorizer

    known = texts.map(lambda text: isinstance(text, str) and bool(text.strip())).to_numpy(dtype=bool)
    cleaned = [clean_text(text) for text in texts[known]]
    rows = np.full((len(texts), COMPONENTS + 1), np.nan)
    try:
        terms = TfidfVectorizer(min_df=2, max_features=VOCABULARY, sublinear_tf=True).fit_transform(cleaned)
    except ValueError:  # no term stands in two texts
        return rows[:, :0]
    kept = min(COMPONENTS, terms.shape[1] - 1)
    if kept < 1:
        return rows[:, :0]
    with np.errstate(invalid="ignore"):  # texts that are all equal have no variance to be shared out
        rows[known, :kept] = TruncatedSVD(kept, random_state=0).fit_transform(terms)
    rows[known, kept] = np.log1p([len(text.split()) for text in cleaned])
    return rows[:, : kept + 1]


def _components(rows: View) -> View:
    """Return the first principal components of ranked columns; rows without a value stay so, single gaps get the median."""
    from scipy.stats import norm, rankdata

    present = ~np.isnan(rows).all(axis=1)
    if present.sum() < 3:
        return rows[:, :0]
    held = rows[present]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a column may be empty
        held = np.where(np.isnan(held), np.nanmedian(held, axis=0), held)
    held = held[:, np.isfinite(held).all(axis=0)]
    held = held[:, held.std(axis=0) > 0]
    scores = norm.ppf((rankdata(held, axis=0) - 0.5) / len(held))
    scores -= scores.mean(axis=0)
    kept = min(COMPONENTS, scores.shape[1], len(held) - 1)
    if kept < 1:
        return rows[:, :0]
    if scores.shape[1] > len(held):
        gram = scores @ scores.T
        values, vectors = np.linalg.eigh(gram)
        parts = vectors[:, ::-1][:, :kept] * np.sqrt(np.maximum(values[::-1][:kept], 0))
    else:
        values, vectors = np.linalg.eigh(scores.T @ scores)
        parts = scores @ vectors[:, ::-1][:, :kept]
    spread = parts.std(axis=0)
    whole = np.full((len(rows), kept), np.nan)
    whole[present] = parts / np.where(spread > 1e-9, spread, 1.0)
    return whole
