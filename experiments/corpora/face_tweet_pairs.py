"""Faces of FER2013 put beside tweets of Sentiment140 by row number, as a joint model of both was published to be trained.

Nobody in these pictures wrote these words. The corpus is here so that the audit and the controls can show what such pairs are
worth; no number on it says anything of faces and words that belong together.
"""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from ...features.label_spaces import label_map
from ...features.samples import check_samples
from . import fer2013, sentiment140
from .base import Corpus, CorpusInfo, NotFoundError

INFO = CorpusInfo(
    name="face_tweet_pairs",
    title="FER2013 faces beside Sentiment140 tweets, paired by row number",
    licence="pictures and tweets under the rights of their owners: research only",
    source="of the faces: https://www.kaggle.com/c/challenges-in-representation-learning-facial-expression-recognition-challenge "
    "(Goodfellow et al. 2013, ICONIP); of the tweets: http://help.sentiment140.com/for-students (Go et al. 2009, Stanford)",
    layout="fer2013.zip (or the folders train/<emotion>/…, or fer2013.csv) and training.1600000.processed.noemoticon.csv or "
    "testdata.manual.2009.06.14.csv, both below one folder",
    groups="picture",
    modalities=("image", "text"),
)
MAP = "fer2013_to_polarity3@1"


def read(root: Path) -> Corpus:
    """Pair the n-th face with the n-th tweet, as far as both go; the label is the polarity of the face's emotion.

    ``tweet_polarity`` stands beside it. Faces are taken by the numbers in their names, which are the rows of the publisher's
    table; one whose emotion has no polarity (surprise) is left out with its tweet.
    """
    try:
        faces, tweets = fer2013.read(root).samples, sentiment140.read(root).samples
    except NotFoundError as error:
        raise INFO.not_found(root, f"one of the two ({str(error).split(';')[0]})") from None
    numbers = faces.index.str.rsplit("_", n=1).str[-1].astype(int)
    faces = faces.assign(number=numbers).sort_values(["split", "number"], kind="stable")
    faces = faces[faces["split"] == ("train" if (faces["split"] == "train").any() else faces["split"].iloc[0])]
    count = min(len(faces), len(tweets))
    pairs = pd.DataFrame(
        {
            "image": faces["image"].to_numpy()[:count],
            "text": tweets["text"].to_numpy()[:count],
            "label": faces["label"].map(label_map(MAP).labels).to_numpy()[:count],
            "emotion": faces["label"].to_numpy()[:count],
            "tweet_polarity": tweets["label"].to_numpy()[:count],
        },
        index=pd.Index([f"pair{number:07d}" for number in range(count)], dtype=object),
    ).dropna(subset="label")
    note = f"{count} of {len(faces)} faces and {len(tweets)} tweets are paired by their row numbers: no face belongs to its tweet"
    return Corpus(INFO, check_samples(pairs), notes=(note,))
