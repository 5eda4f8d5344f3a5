"""Five mistakes of published work, each generated here, each caught by the audit with a sentence that names it."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
from emofuse.experiments.audit import audit
from emofuse.experiments.corpora import Corpus, CorpusInfo
from emofuse.experiments.study import parse_study, to_toml
from emofuse.features.samples import read_samples

CLASSES = np.array(["angry", "happy", "neutral", "sad"])


def table_block(name, **options):
    return {"extractor": "table", "table": f"{name}.csv", **options}


class Project:
    """A user's own data: a sample table, feature tables beside it, and a study."""

    def __init__(self, folder, samples, tables, blocks, protocol):
        self.folder = folder
        samples.to_csv(folder / "samples.csv", index_label="id")
        for name, table in tables.items():
            table.to_csv(folder / f"{name}.csv", index_label="id")
        values = {"name": "mistake", "corpus": "samples", "blocks": blocks, "classifiers": ["linear"]}
        self.study = parse_study(values | {"protocol": protocol}, source="mistake")
        (folder / "study.toml").write_text(to_toml(self.study), encoding="utf-8")

    def audit(self):
        info = CorpusInfo("own", "Own", "MIT", "here", "none", "speaker", ())
        samples = read_samples(self.folder / "samples.csv")
        return audit(self.study, Corpus(info, samples), root=self.folder)

    def by_command(self, command):
        answer = command(
            "audit", self.folder / "study.toml", "--samples", self.folder / "samples.csv", "--jobs", 1, "--json"
        )
        return answer.status, json.loads(answer.out)["findings"]


def sample_table(count, *, n_groups=10, seed=0, **columns):
    random = np.random.default_rng(seed)
    groups = np.resize([f"s{number:02d}" for number in range(n_groups)], count)
    return pd.DataFrame(
        {"label": random.choice(CLASSES, count), "group": groups} | columns,
        index=[f"take{number:04d}" for number in range(count)],
    )


def faces_and_texts(folder, *, together):
    """Faces and texts that tell the label; each row's own mood shows in both, or in each for itself."""
    random = np.random.default_rng(1)
    samples = sample_table(600)
    codes = np.searchsorted(CLASSES, samples["label"])
    mood = random.normal(size=(600, 3))
    faces = random.normal(size=(600, 12)) + 2 * np.eye(4)[codes] @ random.normal(size=(4, 12))
    faces += mood @ random.normal(size=(3, 12))
    moods = mood if together else random.normal(size=(600, 3))
    words = np.array([f"word{number}" for number in range(80)])
    taste = random.normal(size=(3, 80))
    likely = np.exp(0.7 * moods @ taste + 1.0 * (np.arange(80) % 4 == codes[:, None]))
    likely /= likely.sum(axis=1, keepdims=True)
    texts = [" ".join(random.choice(words, 14, p=row)) for row in likely]
    face = pd.DataFrame(faces, index=samples.index).add_prefix("AU")
    blocks = {"face": table_block("face"), "text": {"extractor": "text"}}
    return Project(folder, samples.assign(text=texts), {"face": face}, blocks, {"name": "group_kfold"})


def oversampled_before_the_split(folder):
    random = np.random.default_rng(2)
    samples = sample_table(160)
    samples["label"] = np.repeat(CLASSES, [80, 40, 25, 15])
    face = pd.DataFrame(random.normal(size=(160, 6)), index=samples.index).add_prefix("AU")
    chosen = [samples.index[samples["label"] == label] for label in CLASSES]
    rows = np.concatenate([np.concatenate([names, random.choice(names, 80 - len(names))]) for names in chosen])
    filled, faces = samples.loc[rows], face.loc[rows]
    filled.index = faces.index = [f"row{number:04d}" for number in range(320)]
    filled = filled.drop(columns="group").assign(split=random.choice(["train", "test"], 320, p=[0.8, 0.2]))
    return Project(folder, filled, {"face": faces}, {"face": table_block("face")}, {"name": "official"})


def scores(labels, accuracy, random):
    """Class probabilities of which a share is right."""
    codes = np.searchsorted(CLASSES, labels)
    right = random.random(len(codes)) < accuracy
    answers = np.where(right, codes, (codes + random.integers(1, 4, len(codes))) % 4)
    values = random.dirichlet(np.ones(4), len(codes)) * 0.3 + 0.7 * np.eye(4)[answers]
    return pd.DataFrame(values, index=labels.index, columns=CLASSES)


def stacked_on_own_rows(folder, *, train=0.994, test=0.818):
    random = np.random.default_rng(3)
    samples = sample_table(1000, n_groups=20)
    samples["split"] = np.where(samples["group"] < "s15", "train", "test")
    inside = samples["split"] == "train"
    voice = pd.concat(
        [scores(samples.loc[rows, "label"], share, random) for rows, share in ((inside, train), (~inside, test))]
    )
    blocks = {"voice": table_block("voice", probabilities=True)}
    return Project(folder, samples, {"voice": voice}, blocks, {"name": "official"})


def windows_on_both_sides(folder):
    random = np.random.default_rng(4)
    samples = sample_table(200).drop(columns="group")
    recording = np.arange(200) // 20
    samples = samples.assign(
        label=CLASSES[recording % 4],
        recording=[f"session{number}" for number in recording],
        start_s=np.arange(200) % 20 * 1.0,
        end_s=np.arange(200) % 20 * 1.0 + 2.0,
        split=random.permutation(np.repeat(["train", "test"], [150, 50])),
    )
    eeg = pd.DataFrame(random.normal(size=(200, 8)), index=samples.index).add_prefix("power")
    return Project(folder, samples, {"eeg": eeg}, {"eeg": table_block("eeg")}, {"name": "official"})


def classes_in_another_order(folder, *, where="test"):
    random = np.random.default_rng(5)
    samples = sample_table(600, n_groups=20)
    samples["split"] = np.where(samples["group"] < "s15", "train", "test")
    voice = scores(samples["label"], 0.7, random)
    rows = samples["split"] == "test" if where == "test" else samples["split"] != ""
    voice.loc[rows] = voice.loc[rows, ["sad", "happy", "angry", "neutral"]].to_numpy()
    blocks = {"voice": table_block("voice", probabilities=True)}
    return Project(folder, samples, {"voice": voice}, blocks, {"name": "official"})


MISTAKES = {
    "unpaired": (
        lambda folder: faces_and_texts(folder, together=False),
        "no more alike than those of two random rows of the same label",
    ),
    "oversampling": (
        oversampled_before_the_split,
        "oversampled before the split: all classes have 80 samples, and only by copies (sad 65 of 80",
    ),
    "in_sample_scores": (
        stacked_on_own_rows,
        "the scores of training rows come from a model fitted on those rows",
    ),
    "windows_of_one_recording": (
        windows_on_both_sides,
        "are windows of recordings that training holds too",
    ),
    "class_order": (
        classes_in_another_order,
        "in another order than the columns' names say in the rows of split 'test'",
    ),
}


@pytest.mark.parametrize("kind", MISTAKES)
def test_a_published_mistake_is_refused_by_name(kind, tmp_path, command):
    make, sentence = MISTAKES[kind]
    project = make(tmp_path)
    (found,) = [finding for finding in project.audit() if finding.kind == kind]
    assert (found.severity, found.used) == ("refused", True)
    assert sentence in found.message
    status, findings = project.by_command(command)
    assert status == 1
    assert [item["message"] for item in findings if item["kind"] == kind] == [found.message]


HONEST = {
    "unpaired": lambda folder: faces_and_texts(folder, together=True),
    "in_sample_scores": lambda folder: stacked_on_own_rows(folder, train=0.83, test=0.8),
    "class_order": lambda folder: stacked_on_own_rows(folder, train=0.4, test=0.4),
}


@pytest.mark.parametrize("kind", HONEST)
def test_who_did_not_make_the_mistake_is_not_accused(kind, tmp_path, command):
    project = HONEST[kind](tmp_path)
    assert {finding.kind for finding in project.audit() if finding.severity != "note"} == set()
    assert project.by_command(command)[0] == 0


def test_an_order_that_is_wrong_throughout_is_named_column_by_column(tmp_path):
    project = classes_in_another_order(tmp_path, where="everywhere")
    (found,) = [finding for finding in project.audit() if finding.kind == "class_order"]
    assert "names say: 'sad' holds 'neutral'" in found.message or "'angry' holds 'sad'" in found.message
    assert "'happy'" not in found.message


def test_the_sentence_of_windows_says_that_they_overlap(tmp_path):
    (found,) = [finding for finding in windows_on_both_sides(tmp_path).audit() if finding.kind.startswith("windows")]
    assert "overlap a training window in time, by up to 1 s: they hold the very same signal" in found.message
    assert "protocol 'blocked'" in found.message
