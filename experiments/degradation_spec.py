"""What of a study's inputs is changed, and by how much: one ``[[degradations]]`` table of a study, and what is common to all."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from ..features.changes import Change, check_suitable
from ..features.degradation import DEGRADATIONS, check_level
from ..features.errors import StudyError
from ..features.extractors import make_extractor


class ChangeSpec(BaseModel):
    """A way in which inputs are changed, and the blocks that it reaches."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    noun: ClassVar[str]
    together: ClassVar[str]
    changes: ClassVar[Mapping[str, Change]]

    kind: str
    blocks: tuple[str, ...] | None = Field(
        None, min_length=1, description="blocks that are changed; by default all whose inputs the kind suits"
    )

    @field_validator("blocks")
    @classmethod
    def _check_blocks(cls, blocks: tuple[str, ...] | None) -> tuple[str, ...] | None:
        return check_once(blocks, "blocks")


class DegradationSpec(ChangeSpec):
    """One ``[[degradations]]`` table: a way in which inputs become worse, and how far."""

    noun = "degradation"
    together = "worse together"
    changes = DEGRADATIONS

    kind: str = Field(description="a name such as 'noise', 'blur', 'dropped_words' or 'flat_channels'")
    levels: tuple[float, ...] = Field(min_length=1, description="in the unit of the kind, in any order")

    @model_validator(mode="after")
    def _check(self) -> DegradationSpec:
        for level in self.levels:
            check_level(self.kind, level)
        check_once(self.levels, "levels")
        return self


def check_once(values: tuple[Any, ...] | None, what: str) -> tuple[Any, ...] | None:
    """Return values of which none may repeat; raise ValueError where one does."""
    if values is not None and len(set(values)) < len(values):
        raise ValueError(f"{what} repeat in {list(values)}; name each once")
    return values


def affected_blocks(spec: ChangeSpec, columns: Mapping[str, str | None]) -> dict[str, tuple[str, ...]]:
    """Return the blocks that a change reaches, by the column of the sample table that they read.

    Blocks of one column are changed together: there is one microphone, whatever is measured of its sound.

    Parameters
    ----------
    spec : ChangeSpec
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
    suited = spec.changes[spec.kind].columns
    chosen = [name for name, column in columns.items() if column in suited]
    if spec.blocks is None and not chosen:
        raise StudyError(
            f"{spec.noun} {spec.kind!r}: no block reads {' or '.join(suited)}; drop it or add such a block"
        )
    for name in spec.blocks or ():
        if name not in columns:
            raise StudyError(f"{spec.noun} {spec.kind!r}: block {name!r} is not known; choose from {chosen}")
        check_suitable(spec.noun, spec.changes, spec.kind, columns[name] or "a table")
    found: dict[str, tuple[str, ...]] = {}
    for name in chosen:
        column = columns[name]
        if column is not None and (spec.blocks is None or column in {columns[block] for block in spec.blocks}):
            found[column] = (*found.get(column, ()), name)
    together = [name for names in found.values() for name in names]
    if spec.blocks is not None and set(together) != set(spec.blocks):
        raise StudyError(
            f"{spec.noun} {spec.kind!r}: {sorted(spec.blocks)} share their inputs with other blocks and are {spec.together}; "
            f"name all of {together}"
        )
    return found


def source_column_of(extractor: str, parameters: dict[str, Any]) -> str | None:
    """Return the column of the sample table that a block of a study reads; None for a table, measured elsewhere."""
    if extractor in ("table", "text"):
        return "text" if extractor == "text" else None
    return make_extractor(extractor, parameters).source_column
