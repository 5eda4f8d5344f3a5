"""What a feature is: looked up by its name, or by a pattern, among the features of all extractors."""

from __future__ import annotations

import fnmatch
from collections.abc import Iterator
from dataclasses import dataclass
from difflib import get_close_matches

from .base import Extractor, FeatureNote
from .errors import StudyError
from .extractors import EXTRACTORS, make_extractor

MAX_SUGGESTIONS = 5
_TF_IDF = "Salton and Buckley (1988), Term-weighting approaches in automatic text retrieval, IPM 24(5)"
TERM_NOTES = {
    "word": FeatureNote("TF-IDF weight of these words in this order, in a row of unit length", "1", _TF_IDF),
    "char": FeatureNote("TF-IDF weight of these characters within a word, in a row of unit length", "1", _TF_IDF),
}


@dataclass(frozen=True)
class Explained:
    """A feature with the extractor it comes from and what it measures."""

    feature: str
    extractor: str
    note: FeatureNote


def explain_features(pattern: str) -> list[Explained]:
    """Return every feature that a name or pattern fits.

    Parameters
    ----------
    pattern : str
        A feature's name, ``block/feature`` as in a written block table, or a pattern with ``*`` and ``?``. A name that
        several extractors have is found in each; a term of a text (``word=…``, ``char=…``) is found without a fit.

    Raises
    ------
    StudyError
        No feature fits; the message names similar ones.

    Examples
    --------
    >>> explain_features("word=so happy")[0].note.unit
    '1'
    """
    wanted = pattern.split("/", 1)[-1] if "=" not in pattern else pattern
    kind = wanted.split("=", 1)[0]
    if "=" in wanted and kind in TERM_NOTES:
        return [Explained(wanted, "text", TERM_NOTES[kind])]
    is_pattern = any(sign in wanted for sign in "*?")
    found: dict[tuple[str, str], Explained] = {}
    known: set[str] = set()
    for name in EXTRACTORS:
        for extractor in _variants(name):
            names = [str(feature) for feature in extractor.get_feature_names_out()]
            known.update(names)
            matching = (
                fnmatch.filter(names, wanted.replace("[", "[[]")) if is_pattern else [wanted] if wanted in names else []
            )
            for feature in matching:
                if (feature, name) not in found:  # its own, so it need not be looked up again
                    found[feature, name] = Explained(feature, name, extractor._describe(feature))
            if matching and not is_pattern:
                break
    if not found:
        similar = get_close_matches(wanted, sorted(known), n=MAX_SUGGESTIONS, cutoff=0.5)
        advice = f"similar ones are {', '.join(similar)}" if similar else "a pattern such as '*F0*' lists what there is"
        raise StudyError(f"no extractor has a feature {wanted!r}; {advice}")
    return list(found.values())


def _variants(name: str) -> Iterator[Extractor]:
    for parameters in type(make_extractor(name, {})).variants:
        yield make_extractor(name, parameters)
