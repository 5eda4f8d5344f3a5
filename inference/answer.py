"""What a prediction says: small frozen types that become JSON as they are."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True)
class ModalityAnswer:
    """What one modality says by itself.

    Attributes
    ----------
    present : bool
    label : str or None
        None where it is absent.
    probabilities : dict of str to float
        Empty where it is absent.
    weight : float
        Its share in the fused answer, 0 to 1: the size of its Shapley share in the log probability of the label, divided by
        the sizes of all; 0 where it is absent.
    contribution : float
        The Shapley share itself: what knowing the modality added to the log probability of the label (below 0 where it
        spoke against it).
    reason : str or None
        Why it is absent: "not given", or the code and the line of what was wrong with its source.
    """

    present: bool
    label: str | None = None
    probabilities: Mapping[str, float] | None = None
    weight: float = 0.0
    contribution: float = 0.0
    reason: str | None = None


@dataclass(frozen=True)
class TopFeature:
    """One of the features that moved the answer most.

    Attributes
    ----------
    block, feature : str
    contribution : float
        In units of the log probability of the label, by its block's own model; above 0 where it spoke for the label.
    """

    block: str
    feature: str
    contribution: float


@dataclass(frozen=True)
class Answer:
    """The answer to one clip.

    Attributes
    ----------
    label : str
    probabilities : dict of str to float
        In the order of the model's classes.
    modalities : dict of str to ModalityAnswer
    top_features : tuple of TopFeature
    timing_ms : dict of str to float
        ``decode``, ``extract``, ``classify`` and ``total``.
    warnings : tuple of str
        What lowers the quality of the answer: clipping, several faces, a modality left out to keep a budget.
    adaptive : bool
        Whether statistics of the speaker's own unlabelled clips were used.
    """

    label: str
    probabilities: Mapping[str, float]
    modalities: Mapping[str, ModalityAnswer]
    top_features: tuple[TopFeature, ...] = ()
    timing_ms: Mapping[str, float] | None = None
    warnings: tuple[str, ...] = ()
    adaptive: bool = False

    def as_dict(self) -> dict[str, Any]:
        """Return the answer as JSON holds it."""
        found = asdict(self)
        for said in found["modalities"].values():
            said["probabilities"] = said["probabilities"] or {}
        return found | {"timing_ms": found["timing_ms"] or {}}
