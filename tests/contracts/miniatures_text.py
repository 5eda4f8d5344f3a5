"""Miniatures of the text corpora, in the layouts that their publishers ship."""

from __future__ import annotations

import csv
import io
import zipfile

TRAITS = ("cEXT", "cNEU", "cAGR", "cCON", "cOPN")
ISEAR_COLUMNS = (
    "ID|CITY|COUN|SUBJ|SEX|AGE|RELI|PRAC|FOCC|MOCC|FIEL|EMOT|WHEN|LONG|INTS|ERGO|TROPHO|TEMPER|EXPRES|MOVE|EXP1|EXP2|EXP10|"
    "PARAL|CON|EXPC|PLEA|PLAN|FAIR|CAUS|COPING|MORL|SELF|RELA|VERBAL|NEUTRO|Field1|Field3|Field2|MYKEY|SIT|STATE|"
)
ISEAR_EMOTIONS = ("joy", "fear", "anger", "sadness", "disgust", "shame", "guilt")
GOEMOTIONS = (
    "admiration amusement anger annoyance approval caring confusion curiosity desire disappointment disapproval disgust "
    "embarrassment excitement fear gratitude grief joy love nervousness optimism pride realization relief remorse sadness "
    "surprise neutral"
)


def emotions_nlp(root, *, splits=("train", "val", "test"), archive=False):
    lines = ["i feel calm; or so i thought;joy", "im feeling quite sad;sadness", "i feel like a faithful servant;love"]
    for split in splits:
        (root / f"{split}.txt").write_text("\n".join(f"{split} {line}" for line in lines) + "\n", encoding="utf-8")
    return packed(root, "archive.zip") if archive else root


def emotions_nlp_tables(root):
    for split in ("training", "validation", "test"):
        rows = [(f"{split} i feel, well, calm", 1), (f"{split} im feeling quite sad", 0), (f"{split} i care", 2)]
        write_csv(root / f"{split}.csv", [("text", "label"), *rows])
    return root


def tweet_emotions(root, *, authors=True):
    rows = [
        (1956967341, "empty", "xoshayzers", "@tiffanylue i know  i was listenin to bad habit =["),
        (1956967666, "sadness", "wannamama", "Layin n bed with a headache  ughhhh...waitin on your call..."),
        (1956968477, "worry", "xxxPEACHESxxx", "null"),
        (1956968487, "sadness", "wannamama", 'he said "no", &amp; he wants me 2!'),
        (1956968636, "worry", "mcsleazy", "Hmmm. is down"),
        (1956969035, "sadness", "nic0lepaula", "Charlene my love. I miss you"),
    ]
    columns = ["tweet_id", "sentiment", "author", "content"]
    if not authors:
        rows, columns = [(one, two, text) for one, two, _, text in rows], ["tweet_id", "sentiment", "content"]
    write_csv(root / ("text_emotion.csv" if authors else "tweet_emotions.csv"), [columns, *rows])
    return root


def sentiment140(root, *, parts=("train", "test"), archive=False):
    users = ("_TheSpecialOne_", "scotthamilton", "mattycus")
    if "train" in parts:
        rows = [
            (
                polarity,
                1467810369 + number,
                "Mon Apr 06 22:19:45 PDT 2009",
                "NO_QUERY",
                users[number % 3],
                f"café {number}",
            )
            for number, polarity in enumerate((0, 0, 0, 4, 4, 4))
        ]
        write_csv(root / "training.1600000.processed.noemoticon.csv", rows, encoding="latin-1", quoting=csv.QUOTE_ALL)
    if "test" in parts:
        rows = [
            (
                polarity,
                number,
                "Mon May 11 03:17:40 UTC 2009",
                "kindle2",
                f"user{number}",
                f'I "loooove" it {number}, really',
            )
            for number, polarity in enumerate((4, 2, 0), start=3)
        ]
        write_csv(root / "testdata.manual.2009.06.14.csv", rows, encoding="latin-1", quoting=csv.QUOTE_ALL)
    return packed(root, "trainingandtestdata.zip") if archive else root


def tweeteval(root, *, splits=("train", "val", "test"), folder="."):
    other = root / "datasets" / "emoji" if folder != "." else None
    for place, labels in ((root / folder, "anger joy optimism sadness"), (other, "heart fire")):
        if place is None:
            continue
        place.mkdir(parents=True, exist_ok=True)
        names = labels.split()
        (place / "mapping.txt").write_text("\n".join(f"{number}\t{label}" for number, label in enumerate(names)))
        for split in splits:
            texts = [f"@user {split} {label} \u2028 😂 " for label in names]
            (place / f"{split}_text.txt").write_text("\n".join(texts) + "\n", encoding="utf-8")
            (place / f"{split}_labels.txt").write_text("\n".join(map(str, range(len(names)))) + "\n")
    return root


def isear(root, *, layout="bars"):
    """Four people of the databank, or its two columns."""
    answers = [
        (person, number, f"When {person} felt {emotion} for\n the {number}th time, or so.")
        for person in ("11001", "22014", "11002", "33001")
        for number, emotion in enumerate(ISEAR_EMOTIONS, start=1)
    ]
    if layout == "two columns":
        write_csv(root / "ISEAR.csv", [(ISEAR_EMOTIONS[number - 1], text, "") for _, number, text in answers])
        return root
    columns = ISEAR_COLUMNS.split("|")
    rows = [columns]
    for person, number, text in answers:
        row = dict.fromkeys(columns, "1") | {"ID": person, "EMOT": number, "Field1": ISEAR_EMOTIONS[number - 1], "": ""}
        rows.append(list((row | {"MYKEY": f"0{person}{number}", "SIT": text.replace("\n", " \u00e1")}).values()))
    if layout == "commas":
        write_csv(root / "DATA.csv", [row[:-1] for row in rows])
        return root
    lines = ["|".join(map(str, row)) for row in (rows if layout == "bars" else rows[1:])]
    (root / "isear.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return root


def goemotions(root, *, splits=("train", "dev", "test"), authors=False):
    (root / "emotions.txt").write_text("\n".join(GOEMOTIONS.split()))
    comments = []
    for split in splits:
        rows = [
            ("That game hurt.", "25", f"{split}1"),
            ('"No," he said. I love [NAME]\t!', "4,27", f"{split}2"),
            (">sexuality shouldn’t be a grouping category", "3", f"{split}3"),
            ('"Wow" 😩', "26", f"{split}4"),
        ]
        comments += [comment for *_, comment in rows]
        write_csv(root / f"{split}.tsv", rows, delimiter="\t")
    if authors:
        (root / "full_dataset").mkdir()
        for number in (1, 2, 3):
            rows = [
                ("text", comment, "[deleted]" if comment.endswith("4") else f"author{place % 3}", "nrl", number)
                for place, comment in enumerate(comments)
            ]
            write_csv(
                root / "full_dataset" / f"goemotions_{number}.csv",
                [("text", "id", "author", "subreddit", "rater_id"), *rows],
            )
    return root


def essays(root):
    rows = [
        (f"1997_50485{number}.txt", f"Well, right now I’m “{number}”.", *answers)
        for number, answers in enumerate(("nynyy", "yynnn", "nnnny", "yyyyn"))
    ]
    write_csv(root / "essays.csv", [("#AUTHID", "TEXT", *TRAITS), *rows], encoding="cp1252", quoting=csv.QUOTE_ALL)
    return root


def write_csv(path, rows, *, encoding="utf-8", **how):
    buffer = io.StringIO()
    csv.writer(buffer, lineterminator="\n", **how).writerows(rows)
    path.write_bytes(buffer.getvalue().encode(encoding))


def packed(root, name):
    """Put what is in a folder into an archive in it."""
    files = sorted(path for path in root.iterdir() if path.is_file())
    with zipfile.ZipFile(root / name, "w") as archive:
        for path in files:
            archive.write(path, path.name)
            path.unlink()
    return root / name


SPLIT = {"text", "split"}
TRAIT_COLUMNS = {"openness", "conscientiousness", "extraversion", "agreeableness", "neuroticism"}
WITHOUT_GROUPS = {"emotions_nlp", "tweeteval", "goemotions"}
CASES = {
    "emotions_nlp": ("emotions_nlp", lambda root, demo: emotions_nlp(root), 9, SPLIT),
    "emotions_nlp train and validation": (
        "emotions_nlp",
        lambda root, demo: emotions_nlp(root, splits=("train", "val")),
        6,
        SPLIT,
    ),
    "emotions_nlp archive": ("emotions_nlp", lambda root, demo: emotions_nlp(root, archive=True), 9, SPLIT),
    "emotions_nlp tables": ("emotions_nlp", lambda root, demo: emotions_nlp_tables(root), 9, SPLIT),
    "tweet_emotions": ("tweet_emotions", lambda root, demo: tweet_emotions(root), 6, {"text"}),
    "sentiment140": ("sentiment140", lambda root, demo: sentiment140(root), 9, SPLIT),
    "sentiment140 test only": ("sentiment140", lambda root, demo: sentiment140(root, parts=("test",)), 3, SPLIT),
    "sentiment140 archive": ("sentiment140", lambda root, demo: sentiment140(root, archive=True), 9, SPLIT),
    "tweeteval": ("tweeteval", lambda root, demo: tweeteval(root), 12, SPLIT),
    "tweeteval repository": ("tweeteval", lambda root, demo: tweeteval(root, folder="datasets/emotion"), 12, SPLIT),
    "tweeteval validation only": ("tweeteval", lambda root, demo: tweeteval(root, splits=("val",)), 4, SPLIT),
    "isear": ("isear", lambda root, demo: isear(root), 28, {"text"}),
    "isear without names": ("isear", lambda root, demo: isear(root, layout="no names"), 28, {"text"}),
    "isear commas": ("isear", lambda root, demo: isear(root, layout="commas"), 28, {"text"}),
    "goemotions": ("goemotions", lambda root, demo: goemotions(root), 9, SPLIT),
    "goemotions test only": ("goemotions", lambda root, demo: goemotions(root, splits=("test",)), 3, SPLIT),
    "essays": ("essays", lambda root, demo: essays(root), 4, {"text", *TRAIT_COLUMNS}),
}
