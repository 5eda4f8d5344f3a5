"""Whether modalities of a row belong together, which of them name the speaker, and pictures that are one photograph."""

from __future__ import annotations

import numpy as np
import pytest
from emofuse.experiments.audit import audit
from emofuse.experiments.audit_pairing import pairing
from emofuse.experiments.audit_speakers import speaker_accuracy
from emofuse.experiments.corpora import Corpus
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageFilter


def only(findings, kind):
    return [finding for finding in findings if finding.kind == kind]


def rows(seed, *, shared, by_speaker=False, count=900):
    """Two modalities, labels and speakers; a share of the first is in the second, row by row or speaker by speaker."""
    random = np.random.default_rng(seed)
    labels, groups = random.integers(0, 4, count), random.integers(0, 12, count)
    traits = random.normal(size=(12, 6))
    own = traits[groups] if by_speaker else random.normal(size=(count, 6))
    one = own + 2 * np.eye(6)[labels] + 0.5 * random.normal(size=(count, 6))
    other = shared * own + random.normal(size=(count, 6)) + 2 * np.eye(6)[labels]
    return one, other, labels.astype(str).astype(object), groups.astype(str).astype(object)


def test_rows_that_share_a_mood_belong_together():
    found = pairing(*rows(0, shared=0.4))
    assert (found.n_rows, found.p_label, found.p_speaker) == (900, 0.001, 0.001)


def test_rows_that_share_their_speaker_only_are_told_apart():
    found = pairing(*rows(1, shared=1.0, by_speaker=True))
    assert found.p_label == 0.001
    assert found.p_speaker > 0.05


def test_rows_put_together_by_label_look_so_nine_times_in_ten():
    judged = [pairing(*rows(seed, shared=0.0, count=300)[:3], None).p > 0.05 for seed in range(20)]
    assert sum(judged) >= 17


@settings(max_examples=5)
@given(st.integers(0, 2**16))
def test_absent_rows_and_the_order_of_rows_do_not_count(seed):
    one, other, labels, groups = rows(seed, shared=0.5, count=200)
    gaps = one.copy()
    gaps[::3] = np.nan
    held = ~np.isnan(gaps).any(axis=1)
    assert pairing(gaps, other, labels, groups) == pairing(one[held], other[held], labels[held], groups[held])


@pytest.mark.parametrize(("shared", "kind"), [(0.0, "unpaired"), (0.8, "pairing")])
def test_the_audit_says_whether_tables_belong_together(make_corpus, make_study, shared, kind):
    corpus = make_corpus(n_groups=12, n_per_group=25)
    random = np.random.default_rng(3)
    mood = random.normal(size=(300, 6))
    columns = [f"AU{number}" for number in range(6)]
    for name, weight in (("face", 1.0), ("voice", shared)):
        values = weight * mood + random.normal(size=(300, 6))
        corpus.tables[name] = corpus.tables[name].iloc[:, :0].assign(**dict(zip(columns, values.T, strict=True)))
    (found,) = [finding for finding in audit(make_study(), corpus) if finding.where == "face, voice"]
    assert (found.kind, found.severity) == (kind, "warning" if shared == 0 else "note")
    synthetic = Corpus(make_corpus(synthetic=True).info, corpus.samples, corpus.tables)
    (found,) = [finding for finding in audit(make_study(), synthetic) if finding.where == "face, voice"]
    assert (found.kind, found.severity) == ("pairing", "note")
    assert ("nothing but the label" in found.message) == (shared == 0)


def test_blocks_of_one_table_are_not_judged(make_corpus, make_study):
    corpus = make_corpus(n_groups=12, tables=("face",))
    halves = {
        name: {"extractor": "table", "table": "face", "columns": columns}
        for name, columns in (("upper", ["face_0", "face_1"]), ("lower", ["face_2", "face_3"]))
    }
    findings = audit(make_study(blocks=halves), corpus)
    assert only(findings, "pairing") == only(findings, "unpaired") == []
    assert [finding.where for finding in only(findings, "speaker_probe")] == ["upper", "lower"]


def test_a_probe_names_speakers_who_differ():
    random = np.random.default_rng(0)
    groups = np.repeat(["a", "b", "c", "d"], 30)
    traits = np.repeat(np.eye(4) * 6, 30, axis=0)
    accuracy, chance = speaker_accuracy(traits + random.normal(size=(120, 4)), groups)
    assert accuracy > 0.95
    assert chance == 0.25
    assert speaker_accuracy(random.normal(size=(120, 4)), groups)[0] < 0.5
    assert speaker_accuracy(traits, np.repeat(["a", "b"], 60)) is None


@pytest.mark.parametrize(("owned", "severity"), [({}, "refused"), ({"near_copies": ["image"]}, "refused")])
def test_one_photograph_on_both_sides_is_refused(make_corpus, make_study, tmp_path, owned, severity):
    random = np.random.default_rng(0)
    paths = []
    for number in range(12):
        noise = Image.fromarray(random.integers(0, 256, (64, 64), dtype=np.uint8))
        picture = noise.filter(ImageFilter.GaussianBlur(2))
        paths.append(str(tmp_path / f"{number}.png"))
        picture.save(paths[-1])
    Image.open(paths[0]).save(tmp_path / "again.jpg", quality=80)
    paths[11] = str(tmp_path / "again.jpg")
    corpus = make_corpus(n_per_group=3, tables=(), image=paths)
    blocks = {"face": {"extractor": "face_crop"}}
    findings = audit(make_study(blocks=blocks, protocol={"name": "loso"}, **owned), corpus)
    (found,) = only(findings, "near_duplicate_picture")
    assert (found.severity, found.where) == (severity, "clip000, clip011")
    assert "2 of 12 test pictures are near copies of training pictures" in found.message
    assert ("without them" in found.message) == bool(owned)
