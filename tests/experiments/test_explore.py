"""The exploration page: whole, self-contained, of training rows only, and made of whatever a corpus has."""

from __future__ import annotations

import base64
import io
import json
import re
from dataclasses import replace
from html.parser import HTMLParser

import numpy as np
import pandas as pd
import pytest
import soundfile as sf
from emofuse.experiments.corpora import read_corpus
from emofuse.experiments.explore import explore, write_exploration
from emofuse.experiments.explore_data import open_corpus
from emofuse.experiments.opening import own_corpus
from emofuse.experiments.study import load_study, study_for_samples
from emofuse.features.errors import ProtocolError, StudyError, TableError
from emofuse.features.store import FeatureStore
from PIL import Image
from skimage.data import astronaut

MAX_BYTES = 5_000_000
RATE = 16_000


class Page(HTMLParser):
    """What a page would load, what its pictures are called, and whether its tags close."""

    def __init__(self, text):
        super().__init__()
        self.loads, self.scripts, self.open, self.alts, self.targets, self.names = [], [], [], [], [], []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        found = dict(attrs)
        links = [value for name, value in attrs if name in ("src", "href", "srcset", "data", "action")]
        self.loads += [value for value in links if not value.startswith(("#", "data:"))]
        self.targets += [value[1:] for value in links if value.startswith("#")]
        self.names += [found["id"]] if "id" in found else []
        self.scripts += [tag] if tag in ("script", "iframe", "object", "embed", "link") else []
        if tag == "img":
            self.alts.append(found["alt"])
        if tag not in ("meta", "br", "img"):
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.handle_starttag(tag, attrs)
        if self.open[-1:] == [tag]:
            self.open.pop()

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


@pytest.fixture(scope="module", autouse=True)
def one_card_a_class():
    """A drawing takes as long as everything else."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("emofuse.experiments.explore_cards.MOST_OF_A_CLASS", 1)
        yield


@pytest.fixture(scope="module")
def demo(tiny_demo, shared_store):
    """What an exploration finds in a demo corpus of four speakers."""
    return explore(load_study("demo"), read_corpus("demo", tiny_demo), root=tiny_demo, store=FeatureStore(shared_store))


@pytest.fixture(scope="module")
def demo_page(demo, tmp_path_factory):
    """The page of the demo corpus."""
    return write_exploration(demo, tmp_path_factory.mktemp("explored")).read_text(encoding="utf-8")


@pytest.fixture
def own(tmp_path):
    """A function that explores a sample table of one's own, of two classes and four speakers."""

    def run(study=None, **columns):
        names = pd.Index([f"c{number:02d}" for number in range(24)], name="id")
        table = pd.DataFrame({"label": np.resize(["a", "b"], 24), "group": np.repeat(list("wxyz"), 6)}, index=names)
        table.assign(**columns).to_csv(tmp_path / "mine.csv")
        corpus = own_corpus(tmp_path / "mine.csv", None, require_label=True)
        return explore(study or study_for_samples(corpus.samples, name="mine"), corpus, root=tmp_path)

    return run


def words(count=24):
    """Texts that differ, and tell nothing."""
    random = np.random.default_rng(0)
    return [f"it was {random.choice(['green', 'blue', 'grey'])} number {number}" for number in range(count)]


def test_page_loads_nothing_and_is_small(demo_page):
    page = Page(demo_page)
    assert page.loads == page.scripts == page.open == []
    assert not re.search(r"@import|url\(|https?://", demo_page.replace('xmlns="http://www.w3.org/2000/svg"', ""))
    assert len(demo_page.encode()) < MAX_BYTES
    assert set(page.targets) <= set(page.names) and len(page.names) == len(set(page.names))


def test_page_has_every_section_and_explains_its_features(demo, demo_page):
    titles = [section.title for section in demo.sections]
    assert titles[0] == "Classes" and titles[-1] == "What the blocks know"
    assert {"Speakers", "Lengths", "Texts", "Features: audio", "Features: face", "Features: eeg"} <= set(titles)
    best = demo.numbers["features"]["eeg"]["ranked"][0]
    assert best["measures"] in demo_page.replace("&#39;", "'") and best["feature"] in demo_page
    assert "MIT" in demo_page and "tests nothing" in demo_page


def test_synthetic_data_are_stamped_everywhere(demo_page):
    captions = re.findall(r"<figcaption.*?</figcaption>", demo_page, re.DOTALL)
    assert len(captions) > 20 and all("(synthetic data)" in caption for caption in captions)
    assert '<span class="stamp">synthetic data</span>' in demo_page


def test_clips_are_drawn_with_words_for_who_does_not_see_them(demo, demo_page):
    assert [card.label for card in demo.cards] == demo.explored.classes
    card = next(card for card in demo.cards if "sound" in " ".join(card.facts) and "channels" in " ".join(card.facts))
    with Image.open(io.BytesIO(base64.b64decode(card.picture.split(",", 1)[1]))) as picture:
        assert picture.format == "PNG" and picture.size[0] > 400
    assert all(alt.startswith("Sample ") for alt in Page(demo_page).alts)
    assert "waveform" in card.alt and "traces" in card.alt


def test_numbers_are_json_without_nan(demo, tmp_path):
    page = write_exploration(demo, tmp_path / "new" / "folder")
    text = (page.parent / "explore.json").read_text(encoding="utf-8")
    numbers = json.loads(text, parse_constant=lambda name: pytest.fail(f"{name} is no JSON"))
    assert numbers == demo.numbers
    assert sum(numbers["classes"]["classes"].values()) == numbers["rows"]["explored"] == len(demo.explored.samples)
    assert set(numbers["projections"]) == {"audio", "text", "face", "eeg", "all blocks"}
    assert sorted(path.name for path in page.parent.iterdir()) == ["explore.html", "explore.json"]


def test_two_explorations_are_the_same_to_the_last_byte(demo, demo_page, tiny_demo, shared_store, tmp_path):
    again = explore(
        load_study("demo"), read_corpus("demo", tiny_demo), root=tiny_demo, n_jobs=2, store=FeatureStore(shared_store)
    )
    assert again.numbers == demo.numbers
    assert write_exploration(again, tmp_path).read_text(encoding="utf-8") == demo_page


def test_test_rows_are_counted_and_never_looked_at(make_corpus, make_study):
    corpus = make_corpus(split=np.resize(["train", "train", "test"], 48), gender=np.resize(["f", "m"], 48))
    study = make_study(protocol={"name": "official"})
    found = explore(study, corpus)
    held = corpus.samples.index[corpus.samples["split"] == "test"]
    assert found.numbers["rows"] == {"all": 48, "explored": 32, "measured": 32, "held_back": "the split test"}
    assert "training rows only" in found.explored.stamps
    assert sum(map(sum, found.numbers["classes"]["splits"]["counts"].values())) == 48
    changed = {name: table.copy() for name, table in corpus.tables.items()}
    for table in changed.values():
        table.loc[held] += 1e6
    labels = corpus.samples["label"].copy()
    labels[held] = labels[held].to_numpy()[::-1]
    other = explore(study, replace(corpus, samples=corpus.samples.assign(label=labels), tables=changed))
    for name in ("features", "projections", "groups", "columns", "missing"):
        assert other.numbers[name] == found.numbers[name]


def test_held_out_speakers_are_not_looked_at(make_corpus, make_study):
    corpus = make_corpus(n_groups=4)
    samples = corpus.samples.assign(group=corpus.samples["group"].map({"s0": "01", "s1": "02", "s2": "03", "s3": "21"}))
    study = make_study(protocol={"name": "actors_21_24"})
    explored = open_corpus(study, replace(corpus, samples=samples))
    assert explored.held_back == "speaker 21" and set(explored.samples["group"]) == {"01", "02", "03"}
    assert "neutral" not in explored.classes


def test_many_rows_are_counted_whole_and_measured_in_part(make_corpus, make_study, monkeypatch):
    monkeypatch.setattr("emofuse.experiments.explore_data.MOST_MEASURED", 20)
    monkeypatch.setattr("emofuse.experiments.explore_projection.MOST_DRAWN", 15)
    found = explore(make_study(), make_corpus())
    assert found.numbers["rows"]["measured"] == 20 and sum(found.numbers["classes"]["classes"].values()) == 48
    assert found.numbers["projections"]["face"]["n_samples"] == 15
    assert any("20 rows drawn at random out of 48" in note for note in found.explored.notes)


def test_tables_alone_have_no_clips(make_corpus, make_study, tmp_path):
    found = explore(make_study(), make_corpus())
    text = write_exploration(found, tmp_path).read_text(encoding="utf-8")
    assert found.cards == () and 'id="cards"' not in text
    assert found.numbers["features"]["face"]["ranked"][0]["measures"] == "column of the table 'face'"


def test_blocks_of_the_same_features_are_shown_once(make_corpus, make_study):
    blocks = {name: {"extractor": "table", "table": "face"} for name in ("face", "again")}
    found = explore(make_study(blocks=blocks), make_corpus())
    assert list(found.numbers["features"]) == list(found.numbers["projections"]) == ["face"]
    assert found.explored.notes == ("block 'again' holds the features of 'face': shown once",)


def test_texts_alone(own):
    found = own(text=words())
    assert found.numbers["texts"]["n_distinct"] == 24 and len(found.cards) == 2 and not found.cards[0].picture
    assert found.numbers["features"]["text"]["n_telling"] <= 1


def test_repeated_texts_are_told_with_their_labels(own):
    found = own(text=["Oh no!", "oh  NO!", *words(22)])
    repeated = found.numbers["texts"]["most_repeated"]
    assert [(item["text"], item["labels"]) for item in repeated] == [("Oh no!", {"a": 1, "b": 1})]
    assert "1 text stands under several labels." in found.glance


def test_unreadable_sounds_are_counted_by_code(own, tmp_path):
    for number in range(24):
        (tmp_path / f"{number}.wav").write_bytes(b"no sound " * (number + 1))
    found = own(audio=[f"{number}.wav" for number in range(24)], text=words())
    assert [(item["code"], item["n"]) for item in found.numbers["missing"]["failures"]] == [("not_audio", 24)]
    assert any(note.startswith("block 'audio' is left out") for note in found.explored.notes)
    assert list(found.numbers["features"]) == ["text"] and all(card.troubles for card in found.cards)
    alone = own(audio=[f"{number}.wav" for number in range(24)])
    assert alone.numbers["features"] == {} and alone.numbers["missing"]["n_failed"] == 24
    assert alone.numbers["lengths"]["audio"]["n_unread"] == 24


def test_pictures_and_sounds_of_clips(own, tmp_path):
    Image.fromarray(astronaut()).resize((128, 128)).save(tmp_path / "face.png")
    tone = 0.3 * np.sin(np.arange(RATE // 2) / 10)
    for number in range(24):
        sf.write(tmp_path / f"{number}.wav", tone * (1 + number) / 25, RATE)
    found = own(audio=[f"{number}.wav" for number in range(24)], image=["face.png", None] * 12)
    assert found.numbers["lengths"]["audio"]["all"]["median"] == 0.5
    assert found.numbers["missing"]["absent"]["image"] == {"a": 0, "b": 12}
    assert ["landmarks" in card.alt for card in found.cards] == [True, False]


def test_names_are_escaped(own, tmp_path):
    found = own(
        text=words(), label=np.resize(["<b>bold", "&amp"], 24), group=np.repeat(["<script>x", "'q", "ü", "{{z}}"], 6)
    )
    text = write_exploration(found, tmp_path / "out").read_text(encoding="utf-8")
    assert Page(text).scripts == [] and "<b>bold" not in text and "&lt;b&gt;bold" in text


def test_numbers_as_labels_are_shown_by_quarters(make_corpus, make_study):
    corpus = make_corpus()
    corpus = replace(corpus, samples=corpus.samples.assign(score=np.linspace(-3, 3, 48)))
    found = explore(make_study(task="regression", label="score"), corpus)
    assert list(found.numbers["classes"]["classes"].values()) == [12, 12, 12, 12]
    assert found.explored.classes[0] == "1: lowest to -1.5"


def test_what_cannot_be_explored_is_refused(make_corpus, make_study, demo, tmp_path):
    corpus = make_corpus()
    with pytest.raises(StudyError, match="label column 'mood' is not in the corpus"):
        explore(make_study(label="mood"), corpus)
    with pytest.raises(TableError, match="two classes"):
        explore(make_study(label_map={"happy": "x"}), corpus)
    split = replace(corpus, samples=corpus.samples.assign(split="test"))
    with pytest.raises(ProtocolError, match=r"trains on the splits \['train'\]"):
        explore(make_study(protocol={"name": "official"}), split)
    one = corpus.samples.assign(split=np.where(corpus.samples["label"] == "happy", "train", "test"))
    with pytest.raises(StudyError, match="two classes are needed"):
        explore(make_study(protocol={"name": "official"}), replace(corpus, samples=one))
    tasks = replace(corpus, samples=corpus.samples.assign(other=corpus.samples["label"]))
    with pytest.raises(StudyError, match="name one with --task"):
        explore(make_study(label=["label", "other"]), tasks)
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(StudyError, match="cannot be written"):
        write_exploration(demo, tmp_path / "file" / "out")


def test_nothing_half_written_is_left(demo, tmp_path, monkeypatch):
    monkeypatch.setattr(
        "emofuse.experiments.explore.Path.write_text", lambda *_, **__: (_ for _ in ()).throw(OSError(28, "full"))
    )
    with pytest.raises(StudyError, match="full"):
        write_exploration(demo, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_command_writes_the_page_and_prints_what_is_in_it(tiny_demo, shared_store, tmp_path, command):
    options = ("--root", tiny_demo, "--store", shared_store, "--jobs", 1, "--out", tmp_path / "out")
    answer = command("explore", "demo", *options)
    assert answer.status == 0 and "SYNTHETIC DATA" in answer.out and "eeg" in answer.out
    assert answer.out.endswith(f"page: {tmp_path / 'out' / 'explore.html'}\n")
    numbers = json.loads(command("explore", "demo", *options, "--json").out)
    assert numbers == json.loads((tmp_path / "out" / "explore.json").read_text(encoding="utf-8"))


def test_command_takes_a_table_without_groups_or_splits(tmp_path, command, monkeypatch):
    monkeypatch.chdir(tmp_path)
    pd.DataFrame({"label": ["a", "b"] * 12, "text": words()}).to_csv("mine.csv")
    assert command("explore", "--samples", "mine.csv").status == 0
    assert (tmp_path / "explore" / "mine" / "explore.html").stat().st_size > 10_000
    pd.DataFrame({"text": words()}).to_csv("bare.csv")
    wrong = command("explore", "--samples", "bare.csv")
    assert wrong.status == 2 and "label" in wrong.err and wrong.err.count("\n") == 1
    (tmp_path / "file").write_text("in the way")
    assert command("explore", "--samples", "mine.csv", "--out", "file/out").status == 2
