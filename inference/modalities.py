"""What each modality says by itself, and what it brought to the answer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ..fusion.fused import FusedModel, Readied
from ..fusion.shapley import shapley_values, subsets_of
from .answer import ModalityAnswer

FLOOR = 1e-12  # of a probability whose logarithm is taken
MAX_EXPLAINED = 6  # modalities; 2^6 answers a row


def what_each_says(
    model: FusedModel,
    readied: Readied,
    blocks: Mapping[str, Sequence[str]],
    label: int,
    classes: Sequence[str],
    *,
    reasons: Mapping[str, str | None],
    explain: bool,
) -> dict[str, ModalityAnswer]:
    """Return each modality's own answer, and its Shapley share in the log probability of the label.

    Parameters
    ----------
    model : FusedModel
    readied : Readied
        One sample.
    blocks : mapping of str to sequence of str
        For each modality those of its blocks that are there, maybe none.
    label : int
        Position of the fused answer among the classes.
    classes : sequence of str
    reasons : mapping of str to str or None
        Why a modality is absent.
    explain : bool
        Without it no share is worked out, nor are they with more than six modalities: all are 0.

    Returns
    -------
    dict of str to ModalityAnswer
    """
    here = [name for name, own in blocks.items() if own]
    subsets: list[tuple[str, ...]] = [(name,) for name in here]
    shared = explain and 0 < len(here) <= MAX_EXPLAINED
    if shared:
        subsets = subsets_of(here)
    masks = [frozenset(block for name in subset for block in blocks[name]) for subset in subsets]
    answers = dict(zip(subsets, model.answer(readied.with_blocks(masks)), strict=True)) if here else {}
    worth = {subset: np.log(answer[label] + FLOOR) for subset, answer in answers.items()}
    shares = {name: float(value) for name, value in shapley_values(worth, here).items()} if shared else {}
    total = sum(map(abs, shares.values())) or 1.0
    said = {}
    for name in blocks:
        if name not in here:
            said[name] = ModalityAnswer(False, reason=reasons[name] or "not given")
            continue
        own, share = answers[(name,)], shares.get(name, 0.0)
        said[name] = ModalityAnswer(True, classes[int(own.argmax())], by_class(classes, own), abs(share) / total, share)
    return said


def by_class(classes: Sequence[str], probabilities: Any) -> dict[str, float]:
    """Return probabilities of shape (n_classes,) by the names of the classes."""
    return dict(zip(classes, probabilities.tolist(), strict=True))
