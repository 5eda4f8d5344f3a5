"""Faces and tweets that have nothing to do with each other, below one folder."""

from __future__ import annotations

import numpy as np
from PIL import Image


def face_tweet_pairs(root):
    """Eight faces of three emotions and seven tweets: seven pairs, of which one face has no polarity."""
    random = np.random.default_rng(0)
    for number, emotion in enumerate(("angry", "happy", "neutral", "surprise", "sad", "happy", "neutral", "fear")):
        path = root / "train" / emotion / f"Training_{number:05d}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(random.integers(0, 256, (48, 48), dtype=np.uint8)).save(path)
    lines = [
        f'"{(0, 2, 4)[number % 3]}","{number}","Mon May 11 03:17:40 UTC 2009","query","user{number}","tweet no. {number}"'
        for number in range(7)
    ]
    (root / "testdata.manual.2009.06.14.csv").write_text("\n".join(lines) + "\n", encoding="latin-1")
    return root


CASES = {
    "face_tweet_pairs": (
        "face_tweet_pairs",
        lambda root, demo: face_tweet_pairs(root),
        6,
        {"image", "text", "emotion", "tweet_polarity"},
    )
}
WITHOUT_GROUPS = {"face_tweet_pairs"}
