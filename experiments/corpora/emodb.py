"""EmoDB: ten German sentences spoken by ten actors in seven emotions."""

from __future__ import annotations

import re
from pathlib import Path

import pandas as pd

from ...features.samples import check_samples
from .base import Corpus, CorpusInfo, find_recordings

INFO = CorpusInfo(
    name="emodb",
    title="Berlin Database of Emotional Speech",
    licence="offered freely by its makers, who ask to be cited and name no licence",
    source="http://emodb.bilderbar.info (Burkhardt et al. 2005, Interspeech)",
    layout="wav/SSTTTEV.wav such as 03a01Fa.wav (speaker, text, emotion, version), as a folder or in download.zip",
    groups="speaker",
    modalities=("audio", "text"),
)
# By the first letter of the German word: Wut, Langeweile, Ekel, Angst, Freude, Trauer, neutral.
EMOTIONS = {
    "W": "anger",
    "L": "boredom",
    "E": "disgust",
    "A": "fear",
    "F": "happiness",
    "T": "sadness",
    "N": "neutral",
}
# What the publisher's page says of the speakers.
GENDERS = {
    **dict.fromkeys(("03", "10", "11", "12", "15"), "male"),
    **dict.fromkeys(("08", "09", "13", "14", "16"), "female"),
}
SENTENCES = {
    "a01": "Der Lappen liegt auf dem Eisschrank.",
    "a02": "Das will sie am Mittwoch abgeben.",
    "a04": "Heute abend könnte ich es ihm sagen.",
    "a05": "Das schwarze Stück Papier befindet sich da oben neben dem Holzstück.",
    "a07": "In sieben Stunden wird es soweit sein.",
    "b01": "Was sind denn das für Tüten, die da unter dem Tisch stehen?",
    "b02": "Sie haben es gerade hochgetragen und jetzt gehen sie wieder runter.",
    "b03": "An den Wochenenden bin ich jetzt immer nach Hause gefahren und habe Agnes besucht.",
    "b09": "Ich will das eben wegbringen und dann mit Karl was trinken gehen.",
    "b10": "Die wird auf dem Platz sein, wo wir sie immer hinlegen.",
}
NAME = rf"({'|'.join(GENDERS)})({'|'.join(SENTENCES)})([{''.join(EMOTIONS)}])[a-z]?"


def read(root: Path) -> Corpus:
    """Read the sound files; what was said and who said it is told by their names."""
    files, notes = find_recordings(root, rf"{NAME}\.(?i:wav|flac)")
    rows = {}
    for path in files:
        found = re.fullmatch(NAME, path.stem)
        assert found is not None
        speaker, sentence, emotion = found.groups()
        rows[path.stem] = {
            "audio": str(path),
            "text": SENTENCES[sentence],
            "label": EMOTIONS[emotion],
            "group": speaker,
            "gender": GENDERS[speaker],
            "statement": sentence,
        }
    if not rows:
        raise INFO.not_found(root, "sound files such as 03a01Fa.wav", notes)
    return Corpus(INFO, check_samples(pd.DataFrame.from_dict(rows, orient="index").sort_index()), notes=notes)
