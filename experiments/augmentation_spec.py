"""How training samples are varied, and how far: one ``[[augmentations]]`` table of a study."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import Field, model_validator

from ..features.augmentation import AUGMENTATIONS, check_range
from ..features.changes import check_kind
from ..features.errors import StudyError
from .degradation_spec import ChangeSpec, affected_blocks

MOST_COPIES = 20


class AugmentationSpec(ChangeSpec):
    """One ``[[augmentations]]`` table: a way in which training samples are varied, how far, and how often."""

    noun = "augmentation"
    together = "varied together"
    changes = AUGMENTATIONS

    kind: str = Field(
        description="a name such as 'noise', 'pitch', 'stretch', 'shift', 'flip', 'rotate' or 'brightness'"
    )
    between: tuple[float, float] | None = Field(
        None, description="range of the levels, in the unit of the kind; a level of its own is drawn for each copy"
    )
    copies: int = Field(1, ge=1, le=MOST_COPIES, description="of each training sample")

    @model_validator(mode="after")
    def _check(self) -> AugmentationSpec:
        check_kind(self.noun, AUGMENTATIONS, self.kind)
        low, high = AUGMENTATIONS[self.kind].bounds
        if self.between is None and low < high:
            unit = AUGMENTATIONS[self.kind].unit
            raise StudyError(
                f"augmentation {self.kind!r}: between = [LOW, HIGH] is needed, levels from {low:g} to {high:g} ({unit})"
            )
        check_range(self.kind, self.levels)
        if self.copies > 1 and self.levels[0] == self.levels[1] and not AUGMENTATIONS[self.kind].chance:
            raise StudyError(
                f"augmentation {self.kind!r}: copies = {self.copies} would be equal to each other, as there is one level; "
                "leave copies at 1"
            )
        return self

    @property
    def levels(self) -> tuple[float, float]:
        """The range of the levels."""
        return AUGMENTATIONS[self.kind].bounds if self.between is None else self.between


def check_augmentations(specs: Sequence[AugmentationSpec], columns: Mapping[str, str | None]) -> None:
    """Refuse augmentations that do not suit the blocks of a study, or of which two vary the same inputs in the same way.

    Parameters
    ----------
    specs : sequence of AugmentationSpec
    columns : mapping of str to str or None
        As of :func:`~.degradation_spec.affected_blocks`.

    Raises
    ------
    StudyError
    """
    seen = set()
    for spec in specs:
        for column in affected_blocks(spec, columns):
            if (spec.kind, column) in seen:
                raise StudyError(
                    f"augmentation {spec.kind!r} of {column!r} stands twice under augmentations; name it once, with more "
                    "copies or a wider range"
                )
            seen.add((spec.kind, column))


def augmentations_within(specs: Sequence[AugmentationSpec], columns: Mapping[str, str | None]) -> list[dict[str, Any]]:
    """Return the augmentations that are left to some of a study's blocks, as values of a study; others are dropped.

    Parameters
    ----------
    specs : sequence of AugmentationSpec
    columns : mapping of str to str or None
        Of the blocks that are left; as of :func:`~.degradation_spec.affected_blocks`.
    """
    kept = []
    for spec in specs:
        suited = [name for name, column in columns.items() if column in AUGMENTATIONS[spec.kind].columns]
        blocks = None if spec.blocks is None else [name for name in spec.blocks if name in suited]
        if suited and blocks != []:
            kept.append(spec.model_dump() | {"blocks": blocks})
    return kept
