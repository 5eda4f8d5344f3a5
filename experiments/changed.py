"""The blocks of a study measured from changed inputs, through the same store as the clean ones."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import pandas as pd

from ..features.base import Extraction, Extractor
from ..features.degraded import Changed
from ..features.dialogue import context_texts
from ..features.errors import SampleError
from ..features.extractors import make_extractor
from ..features.samples import is_missing
from ..features.store import FeatureStore
from ..features.text_counts import TextCounts
from ..fusion.blocks import present_rows, select_block
from .blocks import ProgressMaker
from .study import BlockSpec, Study

Mask = npt.NDArray[np.bool_]
Change = Callable[[Extractor], Changed]


@dataclass(frozen=True)
class ChangedBlock:
    """A block measured from changed inputs.

    Attributes
    ----------
    features : pandas.DataFrame
        Rows and columns of the clean block; absent where that is, and in rows that were not wanted.
    there : ndarray of shape (n_samples,), bool
        The rows that were wanted and have the clean block.
    codes : dict of str to str
        By sample, why it could not be measured.
    """

    features: pd.DataFrame
    there: Mask
    codes: dict[str, str]


@dataclass(frozen=True)
class Bench:
    """A study's samples and clean blocks, from which blocks of changed inputs are measured.

    Attributes
    ----------
    study : Study
    samples : pandas.DataFrame
    X : pandas.DataFrame
        The clean block table of all samples.
    wanted : ndarray of shape (n_samples,), bool
        The samples whose changed inputs are measured.
    n_jobs, store, progress
        As of :func:`~.blocks.build_blocks`.
    """

    study: Study
    samples: pd.DataFrame
    X: pd.DataFrame
    wanted: Mask
    n_jobs: int
    store: FeatureStore | None
    progress: ProgressMaker | None
    _clean: dict[str, pd.DataFrame] = field(default_factory=dict)

    @property
    def blocks(self) -> list[str]:
        """The blocks of the clean table, in its order."""
        return list(dict.fromkeys(self.X.columns.get_level_values(0)))

    def changed(self, blocks: tuple[str, ...], change: Change, label: str) -> dict[str, ChangedBlock]:
        """Measure some blocks, which read one column of the sample table, from changed inputs.

        Parameters
        ----------
        blocks : tuple of str
        change : callable
            Makes of an extractor the one of changed inputs.
        label : str
            What the work is called.
        """
        measured: dict[str, Extraction] = {}  # by fingerprint: blocks of one extractor share its extraction
        found = {}
        for name in blocks:
            spec, clean = self.study.blocks[name], select_block(self.X, name)
            there = present_rows(clean) & self.wanted
            if spec.kind == "text":
                texts = _changed_texts(spec, self.samples, change).to_frame("utterance")
                found[name] = ChangedBlock(texts.where(there[:, None], None), there, {})
                continue
            extractor = make_extractor(spec.extractor, spec.parameters)
            key = extractor.fingerprint()
            if key not in measured:
                measured[key] = self._extract(change(extractor), self.samples[self.wanted], label)
            features = measured[key].features[list(clean.columns)].reindex(self.X.index)
            features[~there] = np.nan
            failures = measured[key].failures
            found[name] = ChangedBlock(features, there, dict(zip(failures["sample"], failures["code"], strict=True)))
        return found

    def clean(self, name: str) -> pd.DataFrame:
        """Return a block of an extractor as it was before speakers were standardised, looked up in the store."""
        spec = self.study.blocks[name]
        extractor = make_extractor(spec.extractor, spec.parameters)
        key = extractor.fingerprint()
        if key not in self._clean:
            self._clean[key] = self._extract(extractor, self.samples, "clean").features
        return self._clean[key][list(select_block(self.X, name).columns)]

    def _extract(self, extractor: Extractor, samples: pd.DataFrame, label: str) -> Extraction:
        with nullcontext(None) if self.progress is None else self.progress(label, len(samples)) as notify:
            return extractor.extract(samples, n_jobs=self.n_jobs, store=self.store, progress=notify)


def _changed_texts(spec: BlockSpec, samples: pd.DataFrame, change: Change) -> pd.Series:
    """Return the changed texts of a block; what was said before is heard as badly as what is said now."""
    changed = change(TextCounts()).changed

    def of(text: object) -> object:
        try:
            return text if is_missing(text) else changed(text)
        except SampleError:  # no word is left, and the text is absent
            return None

    texts = samples["text"].map(of).astype(object)
    if "context" in spec.parameters:
        return context_texts(samples.assign(text=texts), spec.parameters["context"])
    return texts.where(texts.notna(), None)
