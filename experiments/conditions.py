"""The conditions under which trained models are asked again: modalities absent, shuffled, or measured from worse inputs."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from ..fusion.shapley import subsets_of
from .study import Study

Array = npt.NDArray[np.float64]
MAX_PARTS = 5  # 31 subsets; with more modalities each is shown alone, and each left out
DROP_RATES = tuple(round(0.1 * step, 1) for step in range(10))
N_PERMUTATIONS = 2


@dataclass(frozen=True)
class Conditions:
    """What a fold's models are asked beside its test rows as they are.

    Attributes
    ----------
    modalities : dict of str to tuple of str
        The blocks of each modality; what is absent, is absent with all of them.
    degraded : dict of str to DataFrame
        Block tables of all samples, measured from worse inputs.
    """

    modalities: dict[str, tuple[str, ...]]
    degraded: dict[str, pd.DataFrame]

    @property
    def subsets(self) -> list[tuple[str, ...]]:
        """The sets of modalities that may be there, from one to all but one; none where there is but one modality."""
        names = list(self.modalities)
        if len(names) <= MAX_PARTS:
            return [subset for subset in subsets_of(names) if 0 < len(subset) < len(names)]
        without = [tuple(other for other in names if other != name) for name in names]
        return [*((name,) for name in names), *without]

    @property
    def block_subsets(self) -> list[tuple[str, ...]]:
        """The same sets as the blocks they have."""
        return [self.blocks_of(subset) for subset in self.subsets]

    def blocks_of(self, subset: tuple[str, ...]) -> tuple[str, ...]:
        """Return the blocks of some modalities."""
        return tuple(block for name in subset for block in self.modalities[name])


def modalities_of(study: Study, blocks: list[str]) -> dict[str, tuple[str, ...]]:
    """Return the blocks of each modality: what is measured from one source goes missing together.

    A modality of one block is called as the block is. Where all blocks are of one source there is one modality.
    """
    sources = {block: study.blocks[block].source or block for block in blocks}
    found: dict[str, tuple[str, ...]] = {}
    for source in dict.fromkeys(sources.values()):
        own = tuple(block for block in blocks if sources[block] == source)
        found[own[0] if len(own) == 1 else source] = own
    return found


def masked(X: pd.DataFrame, blocks: tuple[str, ...]) -> pd.DataFrame:
    """Return a block table with all other blocks absent."""
    kept = X.columns.get_level_values(0).isin(blocks)
    return X.where(np.broadcast_to(kept, X.shape))


def permuted(X: pd.DataFrame, blocks: tuple[str, ...], order: npt.NDArray[np.intp]) -> pd.DataFrame:
    """Return a block table in which the rows of some blocks stand in another order."""
    names = X.columns.get_level_values(0)
    parts = [X[[name]] for name in dict.fromkeys(names)]
    moved = [part.iloc[order].set_axis(X.index) if part.columns[0][0] in blocks else part for part in parts]
    return pd.concat(moved, axis=1)[X.columns]


def row_order(n_rows: int, seed: int, number: int) -> npt.NDArray[np.intp]:
    """Return the order of rows of one permutation."""
    return np.random.default_rng([seed, number]).permutation(n_rows)


def drop_masks(n_rows: int, n_parts: int, rate: float, seed: int) -> npt.NDArray[np.bool_]:
    """Return which modality of which row is there, shape (n_rows, n_parts), when each is lost with a rate, on its own."""
    return np.random.default_rng([seed, round(1000 * rate)]).random((n_rows, n_parts)) >= rate
