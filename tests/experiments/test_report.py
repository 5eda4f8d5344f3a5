"""The report: one page that loads nothing, and in which no number stands without what qualifies it."""

from __future__ import annotations

import json
import re
import shutil
from html.parser import HTMLParser

import pandas as pd
import pytest
from emofuse.experiments.report import FILES, load_run, number, row_name, sorted_rows, stamps, write_reports
from emofuse.experiments.report_answers import errors
from emofuse.experiments.report_data import main_rows
from emofuse.experiments.report_tables import Figure
from emofuse.experiments.run import run_study
from emofuse.experiments.run_folder import write_run
from emofuse.features.errors import StudyError

MAX_BYTES = 3_000_000


class Page(HTMLParser):
    """What a page would load, and whether its tags close."""

    def __init__(self, text):
        super().__init__()
        self.loads, self.scripts, self.open = [], [], []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.loads += [
            value
            for name, value in attrs
            if name in ("src", "href", "srcset", "data", "action") and not value.startswith(("#", "data:"))
        ]
        self.scripts += [tag] if tag in ("script", "iframe", "object", "embed", "link") else []
        if tag not in ("meta", "br", "img"):
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.handle_starttag(tag, attrs)
        if self.open[-1:] == [tag]:
            self.open.pop()

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


@pytest.fixture(scope="module")
def folders(make_corpus, make_study, tmp_path_factory):
    """Run folders: plain, one with every stamp, one of a single modality judged by weighted F1."""
    root = tmp_path_factory.mktemp("runs")
    light = {"strategies": ["majority", "unimodal", "late_mean", "late_weighted"]}
    stamped = {
        "speaker_normalisation": True,
        "protocol": {"name": "random", "n_folds": 2},
        "name": "50% & <b>_more_</b>",
    }
    single = {"metrics": ["weighted_f1", "uar"], "strategies": ["unimodal"]}
    runs = {
        "plain": (make_study(**light, classifiers=["linear", "kernel"]), make_corpus()),
        "stamped": (make_study(**light, **stamped), make_corpus(synthetic=True)),
        "single": (make_study("face", **single), make_corpus(tables=("face",))),
    }
    return {name: write_run(run_study(*run), run[0], root / name) for name, run in runs.items()}


@pytest.fixture(scope="module")
def pages(folders):
    """The reports of each run, by run and file."""
    return {
        run: {name: (folder / name).read_text(encoding="utf-8") for name in FILES} for run, folder in folders.items()
    }


@pytest.mark.parametrize("run", ["plain", "stamped", "single"])
def test_the_page_loads_nothing_and_is_small(pages, run):
    text = pages[run]["report.html"]
    page = Page(text)
    assert page.loads == page.scripts == page.open == []
    assert not re.search(r"@import|url\(|https?://", text.replace('xmlns="http://www.w3.org/2000/svg"', ""))
    assert len(text.encode()) < MAX_BYTES


@pytest.mark.parametrize("name", FILES)
def test_every_file_holds_the_verdict_or_the_rows(folders, pages, name):
    results = json.loads((folders["plain"] / "results.json").read_text(encoding="utf-8"))
    text = pages["plain"][name]
    assert "synthetic" not in text
    assert '<span class="stamp">' not in text
    if name != "report.tex":
        assert results["verdict"].split(" Red flag: ")[0] in text
        assert all(flag in text for flag in results["red_flags"])
    for row in results["rows"]:
        assert row_name(row) in text
        assert number(row["metrics"]["uar"]["mean"]) in text


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("stamp", ["synthetic", "adaptive", "leaky"])
def test_every_file_bears_every_stamp(pages, name, stamp):
    assert stamp in pages["stamped"][name]


def test_stamps_stand_beside_each_figure_and_table(pages):
    text = pages["stamped"]["report.html"]
    captions = re.findall(r"<figcaption.*?</figcaption>", text, re.DOTALL)
    assert len(captions) == text.count("<figure") > 8
    assert all("(synthetic data, adaptive, leaky)" in caption for caption in captions)
    drawings = re.findall(r"<svg.*?</svg>", text, re.DOTALL)
    assert len(drawings) > 5
    assert all(">synthetic data, adaptive, leaky</text>" in drawing for drawing in drawings)
    captions = [line for line in pages["stamped"]["report.tex"].splitlines() if line.startswith(r"\caption{")]
    assert captions
    assert all("(synthetic data, adaptive, leaky)" in caption for caption in captions)


def test_the_confusions_are_those_of_the_named_rows(folders):
    run = load_run(folders["plain"])
    figures = [part for part in errors(run).parts if isinstance(part, Figure)]
    assert len(figures) == 2
    for figure, row in zip(figures, main_rows(run), strict=False):
        assert figure.caption.startswith(f"{row_name(row)} ({row['classifier']}): ")
        found = run.predictions[
            (run.predictions["strategy"] == row["strategy"])
            & (run.predictions["blocks"] == "+".join(row["blocks"]))
            & (run.predictions["classifier"] == row["classifier"])
        ]
        classes = ["happy", "neutral", "sad"]
        shares = pd.crosstab(found["label"], found[classes].idxmax(axis=1), normalize="index").reindex(columns=classes)
        shown = [float(share) for share in re.findall(r"answered as \w+: ([\d.]+) %", figure.svg)]
        assert shown == [round(100 * share, 1) for share in shares.fillna(0).to_numpy().ravel()]


def test_names_cannot_break_the_markup(pages):
    assert "<b>_more_" not in pages["stamped"]["report.html"]
    assert "50% &amp; &lt;b&gt;_more_" in pages["stamped"]["report.html"]
    assert r"50\% \& \textless{}b\textgreater{}\_more\_\textless{}/b\textgreater{}" in pages["stamped"]["report.tex"]


@pytest.mark.parametrize(
    ("text", "escaped"), [("a\\b", r"a\textbackslash{}b"), ("~^", r"\textasciitilde{}\textasciicircum{}")]
)
def test_latex_takes_any_name(folders, tmp_path, text, escaped):
    folder = shutil.copytree(folders["single"], tmp_path / "run")
    results = json.loads((folder / "results.json").read_text(encoding="utf-8")) | {"study": text}
    (folder / "results.json").write_text(json.dumps(results), encoding="utf-8")
    write_reports([folder], folder)
    assert escaped in (folder / "report.tex").read_text(encoding="utf-8")


def test_the_first_metric_of_the_study_decides_where_nothing_is_compared(folders, pages):
    assert load_run(folders["single"]).metric == "weighted_f1"
    assert "Weighted F1, mean over 2 folds" in pages["single"]["report.html"]
    assert "Is the gain real?" not in pages["single"]["report.html"]
    assert "Is the gain real?" in pages["plain"]["report.html"]


def test_several_runs_stand_side_by_side(folders, tmp_path):
    paths = write_reports(list(folders.values()), tmp_path / "new" / "report")
    assert [path.name for path in paths] == list(FILES)
    text = paths[0].read_text(encoding="utf-8")
    assert "<h1>3 runs side by side</h1>" in text
    assert text.count("<article>") == 3
    assert Page(text).open == []
    labels = re.findall(r"\\label{(.+)}", paths[2].read_text(encoding="utf-8"))
    assert len(set(labels)) == len(labels) >= 3
    head = text.split("</table>")[0]
    assert all(stamp in head for stamp in ("synthetic data", "adaptive", "leaky"))
    anchors = re.findall(r'id="([^"]+)"', text)
    assert len(set(anchors)) == len(anchors)
    assert set(re.findall(r'href="#([^"]+)"', text)) <= set(anchors)


def test_a_report_does_not_touch_its_runs(folders, tmp_path):
    before = {path: path.read_bytes() for path in folders["plain"].iterdir()}
    write_reports([folders["plain"]], tmp_path)
    assert {path: path.read_bytes() for path in folders["plain"].iterdir()} == before
    assert (tmp_path / "report.html").read_bytes() == before[folders["plain"] / "report.html"]


@pytest.mark.parametrize(
    ("file", "content", "message"),
    [
        (None, None, r"is no run folder .*`emofuse run STUDY --out DIR` makes one"),
        ("results.json", b"{", "is no run folder"),
        ("results.json", b"[1]", "results.json has schema None, this version reads 1"),
        ("results.json", b'{"schema": 2}', "results.json has schema 2, this version reads 1"),
        ("predictions.parquet", b"PAR1", "is no run folder"),
        ("study.toml", b"metrics = ", "is no run folder"),
        ("study.toml", b"name = 'x'", "is no run folder"),
        ("failures.csv", b"", "is no run folder"),
    ],
)
def test_what_is_no_run_folder_is_refused(folders, tmp_path, file, content, message):
    folder = tmp_path / "run"
    if file is None:
        folder.mkdir()
    else:
        (shutil.copytree(folders["plain"], folder) / file).write_bytes(content)
    with pytest.raises(StudyError, match=message):
        write_reports([folder], tmp_path)
    assert list(tmp_path.iterdir()) == [folder]


def test_a_place_that_cannot_be_written_is_refused(folders, tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(StudyError, match=r"cannot be written to .*choose another --out"):
        write_reports([folders["plain"]], tmp_path / "file")


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.1234, ".123"), (-0.05, "-.050"), (1.0, "1.000"), (0.9999, "1.000"), (10.05, "10.050"), (0.0, ".000")],
)
def test_numbers_have_three_digits_and_no_leading_zero(value, text):
    assert number(value) == text


def test_rows_are_sorted_best_first_whichever_way_the_metric_runs(folders):
    results = load_run(folders["plain"]).results
    for metric, sign in (("uar", -1), ("log_loss", 1), ("ece", 1)):
        means = [sign * row["metrics"][metric]["mean"] for row in sorted_rows(results, metric)]
        assert means == sorted(means)


def test_stamps_of_a_plain_run_are_none(folders):
    assert stamps(load_run(folders["plain"]).results) == []
    assert stamps(load_run(folders["stamped"]).results) == ["synthetic data", "adaptive", "leaky"]
