"""Label spaces: the ordered label sets of the corpora, and the named maps from one to another.

A map has a version in its name. What a name stands for never changes: a mistake is corrected under the next version, so that
two results under one name can be compared.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from .errors import StudyError

# Ordered as their publishers list them.
SPACES: dict[str, tuple[str, ...]] = {
    # Ekman (1992), An argument for basic emotions, Cognition and Emotion 6(3-4); with neutral, the seven of FER2013 and MELD.
    "ekman6": ("anger", "disgust", "fear", "joy", "sadness", "surprise"),
    "ekman7": ("anger", "disgust", "fear", "joy", "neutral", "sadness", "surprise"),
    # What acted corpora have in common.
    "shared4": ("anger", "joy", "neutral", "sadness"),
    "polarity2": ("negative", "positive"),
    "polarity3": ("negative", "neutral", "positive"),
    "ravdess": ("neutral", "calm", "happy", "sad", "angry", "fearful", "disgust", "surprised"),
    "fer2013": ("angry", "disgust", "fear", "happy", "sad", "surprise", "neutral"),
    "meld": ("anger", "disgust", "fear", "joy", "neutral", "sadness", "surprise"),
    "crema_d": ("angry", "disgust", "fear", "happy", "neutral", "sad"),
    "emodb": ("anger", "boredom", "disgust", "fear", "happiness", "sadness", "neutral"),
    "savee": ("anger", "disgust", "fear", "happiness", "neutral", "sadness", "surprise"),
    "tess": ("angry", "disgust", "fear", "happy", "neutral", "pleasant_surprise", "sad"),
    "iemocap": (
        "angry",
        "happy",
        "sad",
        "neutral",
        "frustrated",
        "excited",
        "fearful",
        "surprised",
        "disgusted",
        "other",
    ),
    # Zadeh et al. (2018), CMU-MOSEI, ACL: six emotions, none of them (neutral), and the steps of its scale of sentiment.
    "mosei": ("happy", "sad", "anger", "surprise", "disgust", "fear", "neutral"),
    "polarity7": (
        "highly_negative",
        "negative",
        "weakly_negative",
        "neutral",
        "weakly_positive",
        "positive",
        "highly_positive",
    ),
    "emotions_nlp": ("anger", "fear", "joy", "love", "sadness", "surprise"),
    "tweet_emotions": (
        "anger",
        "boredom",
        "empty",
        "enthusiasm",
        "fun",
        "happiness",
        "hate",
        "love",
        "neutral",
        "relief",
        "sadness",
        "surprise",
        "worry",
    ),
    "tweeteval": ("anger", "joy", "optimism", "sadness"),
    "sentiment140": ("negative", "neutral", "positive"),
    # Each of the Big Five traits of a person, below or above the median.
    "essays": ("no", "yes"),
    "isear": ("joy", "fear", "anger", "sadness", "disgust", "shame", "guilt"),
    # Demszky et al. (2020), GoEmotions, ACL: 27 emotions and neutral.
    "goemotions": (
        "admiration",
        "amusement",
        "anger",
        "annoyance",
        "approval",
        "caring",
        "confusion",
        "curiosity",
        "desire",
        "disappointment",
        "disapproval",
        "disgust",
        "embarrassment",
        "excitement",
        "fear",
        "gratitude",
        "grief",
        "joy",
        "love",
        "nervousness",
        "optimism",
        "pride",
        "realization",
        "relief",
        "remorse",
        "sadness",
        "surprise",
        "neutral",
    ),
}


@dataclass(frozen=True)
class LabelMap:
    """A named map from the labels of one space to those of another.

    Attributes
    ----------
    name : str
        With its version: ``ravdess_to_ekman7@1``.
    source, target : str
        Names in ``SPACES``.
    labels : mapping of str to str
        A label of the source that is not listed is dropped.
    reason : str
        Where the map comes from, and what it does with labels that the target does not have.
    """

    name: str
    source: str
    target: str
    labels: Mapping[str, str]
    reason: str

    @property
    def dropped(self) -> tuple[str, ...]:
        """The labels of the source that have no place in the target, in their order."""
        return tuple(label for label in SPACES[self.source] if label not in self.labels)


def _map(
    source: str, target: str, reason: str, labels: Mapping[str, str], *, version: int = 1, variant: str = ""
) -> LabelMap:
    name = f"{source}_to_{target}{f'_{variant}' if variant else ''}@{version}"
    return LabelMap(name, source, target, labels, reason)


_EKMAN_OF_ADJECTIVES = {
    "angry": "anger",
    "disgust": "disgust",
    "fear": "fear",
    "happy": "joy",
    "sad": "sadness",
    "neutral": "neutral",
}
_RAVDESS = {
    "angry": "anger",
    "disgust": "disgust",
    "fearful": "fear",
    "happy": "joy",
    "sad": "sadness",
    "surprised": "surprise",
}
_ISEAR = {label: label for label in ("joy", "fear", "anger", "sadness", "disgust")}
_TWEETEVAL = {"anger": "anger", "joy": "joy", "optimism": "joy", "sadness": "sadness"}
_NEUTRAL = "neutral is left out"
_IEMOCAP4 = {"angry": "anger", "happy": "joy", "excited": "joy", "neutral": "neutral", "sad": "sadness"}
_SHARED = ("anger", "joy", "neutral", "sadness")
# The groups of GoEmotions under the basic emotions, as its authors give them (ekman_mapping.json of the publication).
_GOEMOTIONS = {
    "anger": ("anger", "annoyance", "disapproval"),
    "disgust": ("disgust",),
    "fear": ("fear", "nervousness"),
    "joy": (
        "joy",
        "amusement",
        "approval",
        "excitement",
        "gratitude",
        "love",
        "optimism",
        "relief",
        "pride",
        "admiration",
        "desire",
        "caring",
    ),
    "sadness": ("sadness", "disappointment", "embarrassment", "grief", "remorse"),
    "surprise": ("surprise", "realization", "confusion", "curiosity"),
    "neutral": ("neutral",),
}
_TWEETS = {
    "anger": ("anger", "hate"),
    "fear": ("worry",),
    "joy": ("enthusiasm", "fun", "happiness", "love", "relief"),
    "neutral": ("neutral", "empty", "boredom"),
    "sadness": ("sadness",),
    "surprise": ("surprise",),
}
_POLARITY = {
    "anger": "negative",
    "disgust": "negative",
    "fear": "negative",
    "sadness": "negative",
    "joy": "positive",
    "neutral": "neutral",
}


def _turned(groups: Mapping[str, tuple[str, ...]]) -> dict[str, str]:
    return {label: target for target, labels in groups.items() for label in labels}


def _polarity(labels: Mapping[str, str]) -> dict[str, str]:
    return {label: _POLARITY[target] for label, target in labels.items() if target in _POLARITY}


def _known(labels: Mapping[str, str], kept: tuple[str, ...]) -> dict[str, str]:
    return {label: target for label, target in labels.items() if target in kept}


_FER2013 = {**_EKMAN_OF_ADJECTIVES, "surprise": "surprise"}
_EMODB = {**{name: name for name in ("anger", "disgust", "fear", "sadness", "neutral")}, "happiness": "joy"}
_SAVEE = {**_EMODB, "surprise": "surprise"}
_TESS = {**_EKMAN_OF_ADJECTIVES, "pleasant_surprise": "surprise"}
_MELD = {name: name for name in SPACES["meld"]}
_MOSEI = {"happy": "joy", "sad": "sadness", **{name: name for name in ("anger", "surprise", "disgust", "fear")}}
_NLP = {name: name for name in ("anger", "fear", "joy", "sadness", "surprise")}
_ADJECTIVES = {**_EKMAN_OF_ADJECTIVES, "fearful": "fear", "surprised": "surprise", "calm": "calm"}
_NO_CALM = "calm, which no other corpus has, is left out"

MAPS: dict[str, LabelMap] = {
    known.name: known
    for known in (
        # RAVDESS: eight labels to seven, with or without its calm or its neutral.
        _map("ravdess", "ekman7", _NO_CALM, {**_RAVDESS, "neutral": "neutral"}),
        _map(
            "ravdess",
            "ekman7",
            "calm is taken for neutral, as which it is acted",
            {**_RAVDESS, "neutral": "neutral", "calm": "neutral"},
            variant="calm_as_neutral",
        ),
        _map("ravdess", "ekman6", "neither calm nor neutral", _RAVDESS),
        _map(
            "ravdess",
            "ravdess",
            "the seven classes of the two-stream system: without neutral, of which there are half as many clips",
            {name: name for name in SPACES["ravdess"] if name != "neutral"},
            variant="without_neutral",
        ),
        _map(
            "ravdess",
            "ravdess",
            _NO_CALM,
            {name: name for name in SPACES["ravdess"] if name != "calm"},
            variant="without_calm",
        ),
        _map("ravdess", "shared4", _NO_CALM, _known(_ADJECTIVES, _SHARED)),
        _map("ravdess", "polarity3", f"{_NO_CALM}, and so is surprise", _polarity(_RAVDESS | {"neutral": "neutral"})),
        # Faces and acted speech.
        _map("fer2013", "ekman7", "other words for the same seven", _FER2013),
        _map("fer2013", "shared4", "what acted corpora have in common", _known(_FER2013, _SHARED)),
        _map("fer2013", "polarity3", "surprise is neither and left out", _polarity(_FER2013)),
        _map("crema_d", "ekman7", "other words; there is no surprise", _EKMAN_OF_ADJECTIVES),
        _map("crema_d", "shared4", "what acted corpora have in common", _known(_EKMAN_OF_ADJECTIVES, _SHARED)),
        _map("emodb", "ekman7", "boredom is left out; there is no surprise", _EMODB),
        _map("emodb", "shared4", "what acted corpora have in common", _known(_EMODB, _SHARED)),
        _map("savee", "ekman7", "other words for the same seven", _SAVEE),
        _map("savee", "shared4", "what acted corpora have in common", _known(_SAVEE, _SHARED)),
        _map("tess", "ekman7", "its surprise is a pleasant one", _TESS),
        _map("tess", "shared4", "what acted corpora have in common", _known(_TESS, _SHARED)),
        _map(
            "iemocap", "shared4", "the usual four classes: excited counts as happy (Kim et al. 2013, ICASSP)", _IEMOCAP4
        ),
        _map(
            "iemocap",
            "iemocap",
            "the usual six classes of conversations (Poria et al. 2017, ACL)",
            {name: name for name in ("angry", "happy", "sad", "neutral", "frustrated", "excited")},
            variant="6",
        ),
        # Words.
        _map("meld", "ekman7", "the same seven", _MELD),
        _map("ekman7", "meld", "the same seven", _MELD),
        _map("meld", "shared4", "what acted corpora have in common", _known(_MELD, _SHARED)),
        _map("meld", "polarity3", "surprise is neither and left out", _polarity(_MELD)),
        _map("mosei", "ekman6", "other words for the same six; segments without any of them are left out", _MOSEI),
        _map(
            "mosei", "ekman7", "other words for the same six; none of them is neutral", {**_MOSEI, "neutral": "neutral"}
        ),
        _map("emotions_nlp", "ekman7", "love counts as joy; there are no neutral texts", {**_NLP, "love": "joy"}),
        _map(
            "emotions_nlp",
            "polarity3",
            "surprise is left out; there are no neutral texts",
            {**_polarity(_NLP), "love": "positive"},
        ),
        _map("tweeteval", "ekman7", "optimism counts as joy", _TWEETEVAL),
        _map("tweeteval", "polarity3", "there are no neutral texts", _polarity(_TWEETEVAL)),
        _map("isear", "ekman6", "shame and guilt are left out", _ISEAR),
        _map(
            "isear",
            "polarity3",
            "shame and guilt are negative; there are no neutral texts",
            {**_polarity(_ISEAR), "shame": "negative", "guilt": "negative"},
        ),
        _map(
            "tweet_emotions",
            "ekman7",
            "13 to 7: hate counts as anger, worry as fear, empty and boredom as neutral; there is no disgust",
            _turned(_TWEETS),
        ),
        _map("tweet_emotions", "polarity3", "by way of the seven; surprise is left out", _polarity(_turned(_TWEETS))),
        _map("sentiment140", "polarity3", "the same three", {name: name for name in SPACES["sentiment140"]}),
        _map("sentiment140", "polarity2", _NEUTRAL, {"negative": "negative", "positive": "positive"}),
        _map("goemotions", "ekman7", "the authors' own groups (Demszky et al. 2020, ACL)", _turned(_GOEMOTIONS)),
        _map(
            "goemotions",
            "polarity3",
            "the authors' own groups (Demszky et al. 2020, ACL); the ambiguous ones are left out",
            _polarity(_turned(_GOEMOTIONS)),
        ),
        _map("ekman7", "polarity3", "surprise is neither and left out", _POLARITY),
        _map("polarity3", "polarity2", _NEUTRAL, {"negative": "negative", "positive": "positive"}),
    )
}


def label_map(name: str) -> LabelMap:
    """Return a map by its name; without a version, the latest.

    Raises
    ------
    StudyError
        No such map; those from the same label set are named.

    Examples
    --------
    >>> label_map("ravdess_to_ekman7").dropped
    ('calm',)
    >>> label_map("ravdess_to_ekman7").name
    'ravdess_to_ekman7@1'
    """
    versions = [known for known in MAPS if known == name or known.rpartition("@")[0] == name]
    if not versions:
        source = name.split("_to_")[0]
        near = [known for known in MAPS if known.startswith(f"{source}_to_")] or list(MAPS)
        raise StudyError(f"label map {name!r} is not known; choose from {', '.join(near)}")
    return MAPS[max(versions, key=lambda known: int(known.rpartition("@")[2]))]
