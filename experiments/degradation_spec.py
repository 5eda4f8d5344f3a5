"""What of a study's inputs is made worse, and by how much: one ``[[degradations]]`` table of a study."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, model_validator

from ..features.degradation import DEGRADATIONS, check_level, check_suits
from ..features.errors import StudyError
from ..features.extractors import make_extractor


class DegradationSpec(BaseModel):
    """One ``[[degradations]]`` table: a way in which inputs become worse, and how far."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: str = Field(description="a name such as 'noise', 'blur', 'dropped_words' or 'flat_channels'")
    levels: tuple[float, ...] = Field(min_length=1, description="in the unit of the kind, in any order")
    blocks: tuple[str, ...] | None = Field(
        None, min_length=1, description="blocks that are made worse; by default all whose inputs the kind suits"
    )

    @model_validator(mode="after")
    def _check(self) -> DegradationSpec:
        for level in self.levels:
            check_level(self.kind, level)
        for repeated, what in ((self.levels, "levels"), (self.blocks or (), "blocks")):
            if len(set(repeated)) < len(repeated):
                raise ValueError(f"{what} repeat in {list(repeated)}; name each once")
        return self


def affected_blocks(spec: DegradationSpec, columns: Mapping[str, str | None]) -> dict[str, tuple[str, ...]]:
    """Return the blocks that a degradation makes worse, by the column of the sample table that they read.

    Blocks of one column are worse together: there is one microphone, whatever is measured of its sound.

    Parameters
    ----------
    spec : DegradationSpec
    columns : mapping of str to str or None
        For each block of a study, in its order, the column it reads; None where it is a table measured elsewhere.

    Returns
    -------
    dict of str to tuple of str

    Raises
    ------
    StudyError
        A block is not known, does not suit, or is named without another one of the same column; or none suits.
    """
    chosen = [name for name, column in columns.items() if column in DEGRADATIONS[spec.kind].columns]
    if spec.blocks is None and not chosen:
        wanted = " or ".join(DEGRADATIONS[spec.kind].columns)
        raise StudyError(f"degradation {spec.kind!r}: no block reads {wanted}; drop it or add such a block")
    for name in spec.blocks or ():
        if name not in columns:
            raise StudyError(f"degradation {spec.kind!r}: block {name!r} is not known; choose from {chosen}")
        check_suits(spec.kind, columns[name] or "a table")
    found: dict[str, tuple[str, ...]] = {}
    for name in chosen:
        column = columns[name]
        if column is not None and (spec.blocks is None or column in {columns[block] for block in spec.blocks}):
            found[column] = (*found.get(column, ()), name)
    together = [name for names in found.values() for name in names]
    if spec.blocks is not None and set(together) != set(spec.blocks):
        raise StudyError(
            f"degradation {spec.kind!r}: {sorted(spec.blocks)} share their inputs with other blocks and are worse together; "
            f"name all of {together}"
        )
    return found


def source_column_of(extractor: str, parameters: dict[str, Any]) -> str | None:
    """Return the column of the sample table that a block of a study reads; None for a table, measured elsewhere."""
    if extractor in ("table", "text"):
        return "text" if extractor == "text" else None
    return make_extractor(extractor, parameters).source_column
