"""The sections of a report: each there where the results have something for it, absent where they have not."""

from __future__ import annotations

import base64
import csv
import io
import json
import re
import shutil
from itertools import combinations
from xml.etree import ElementTree

import numpy as np
import pandas as pd
import pytest
from emofuse.experiments.report import FILES, SECTIONS, file_name, load_run, write_reports
from emofuse.experiments.report_answers import confidence, errors, groups, risk_by_coverage
from emofuse.experiments.report_contributions import contributions
from emofuse.experiments.report_data import Answers, answers_of, main_rows, row_kind, row_name
from emofuse.experiments.report_missing import degraded, missing
from emofuse.experiments.report_runs import common_strategies, side_by_side
from emofuse.experiments.report_sections import gains, protocols, strategies, strategy_table
from emofuse.experiments.report_tables import Figure, Table

CLASSES = ["<b>&_%$", "calm", "sad"]
BLOCKS = ["audio", "face"]
ROWS = [
    ("late_mean", BLOCKS, "kernel", 0.70),
    ("late_product", BLOCKS, "kernel", 0.72),
    ("early", BLOCKS, "kernel", 0.66),
    ("stacking", BLOCKS, "linear", 0.71),
    ("selected", BLOCKS, "nested", 0.69),
    ("best_single", [], "nested", 0.61),
    ("unimodal", ["audio"], "kernel", 0.60),
    ("unimodal", ["face"], "kernel", 0.62),
    ("majority", [], "none", 0.33),
    ("shuffled_modality", ["face"], "kernel", 0.58),
    ("oracle", BLOCKS, "kernel", 0.90),
    ("reference", ["both"], "given", 0.80),
]
METRICS = ("uar", "accuracy", "macro_f1", "weighted_f1", "log_loss", "ece")
NEW_KEYS = (
    "power",
    "red_flags",
    "missing",
    "degraded",
    "contribution_details",
    "abstention",
    "other_protocols",
    "notes",
)


def around(mean, wide=0.05):
    return {"mean": mean, "low": round(mean - wide, 4), "high": round(mean + wide, 4)}


def make_row(strategy, blocks, classifier, mean):
    metrics = {name: around(mean) | {"folds": [mean, mean]} for name in METRICS}
    row = {"strategy": strategy, "blocks": blocks, "classifier": classifier, "metrics": metrics}
    if strategy == "selected":
        row["chosen"] = {"1": "late_product (kernel)", "2": "stacking (linear)"}
    return row | {"fit_seconds": 1.5, "predict_ms_per_sample": 0.25}


def make_comparison(a, b, difference, family):
    sides = {}
    for side, (strategy, blocks, classifier, _) in (("a", a), ("b", b)):
        sides |= {side: strategy, f"{side}_blocks": blocks, f"{side}_classifier": classifier}
    p_values = {"p": 0.01, "p_holm": 0.02, "p_mcnemar": 0.0001, "p_group_bootstrap": 0.03}
    about = {"metric": "uar", "test": "nadeau_bengio", "family": family, "effect_size": 0.61}
    return sides | about | p_values | {"difference": difference, "low": difference - 0.02, "high": difference + 0.02}


def full_results(rows=ROWS, **changes):
    """The results of a run in which every key stands."""
    fusions = [row for row in rows if row_kind({"strategy": row[0]}) == "fusion"]
    subsets = [list(found) for size in (1, 2) for found in combinations(BLOCKS, size)]
    asked = [{"strategy": row[0], "classifier": row[2]} for row in fusions]
    protocol = {"name": "loso", "groups": "speaker", "adaptive": False, "leaky": False, "n_folds": 2, "n_tested": 60}
    return {
        "schema": 1,
        "study": "50% <i>",
        "corpus": {
            "name": "mini",
            "n_samples": 60,
            "n_groups": 6,
            "classes": CLASSES,
            "n_failed": 0,
            "synthetic": False,
            "licence": "CC BY & more",
        },
        "protocol": protocol,
        "rows": [make_row(*row) for row in rows],
        "comparisons": [
            *(make_comparison(row, ROWS[5], row[3] - 0.61, "exploratory") for row in fusions if row[0] != "selected"),
            make_comparison(ROWS[4], ROWS[5], 0.08, "primary"),
        ],
        "contributions": {"audio": 0.1, "face": 0.25},
        "verdict": "Fusion helps: a verdict. Red flag: shuffled face (kernel) is not beaten by <early>.",
        "power": {"text": "With 6 speakers a gain under 4.1 points would be missed."},
        "red_flags": ["shuffled face (kernel) is not beaten by <early>"],
        "missing": {
            "modalities": BLOCKS,
            "metric": "uar",
            "rows": [
                about
                | {"subsets": [{"present": present} | around(0.3 + 0.2 * len(present)) for present in subsets]}
                | {"drop_rates": [{"rate": rate / 10, "mean": 0.7 - rate / 30} for rate in range(10)]}
                for about in asked
            ],
        },
        "degraded": [
            {"kind": "pink_noise", "block": "audio", "level": level, "unit": "dB", "label": f"noise at {level:g} dB"}
            | {"rows": [about | around(0.5 + level / 100) for about in asked]}
            for level in (20.0, 10.0, 0.0)
        ],
        "contribution_details": {
            "strategy": "selected",
            "classifier": "nested",
            "metric": "uar",
            "base": 0.333,
            "full": 0.683,
            "by_class": {name: {"audio": 0.1, "face": -0.05} for name in CLASSES},
            "permutation": {"audio": around(0.1), "face": around(0.2)},
            "features": [
                {"block": "audio", "group": "mfcc", "share": 0.3},
                {"block": "audio", "group": "F0", "share": 0.2},
                {"block": "audio", "group": "other", "share": 0.5},
            ],
        },
        "abstention": [
            {"strategy": "selected", "classifier": "nested", "precision_wanted": 0.9, "threshold": None}
            | {"coverage": 0.0, "precision": None}
        ],
        "other_protocols": [
            {"protocol": protocol | {"name": "random", "leaky": True}, "rows": [make_row(*row) for row in rows[:3]]}
        ],
        "notes": ["a <note>"],
    } | changes


def write_folder(folder, results, *, metric="uar", n_samples=60, n_groups=6, seed=0):
    """Write a run folder of some results, with answers that are right about as often as the rows say."""
    random = np.random.default_rng(seed)
    classes = results["corpus"]["classes"]
    codes = np.resize(np.arange(len(classes)), n_samples)
    samples = pd.DataFrame(
        {
            "sample": [f"clip{number}" for number in range(n_samples)],
            "fold": np.resize(["1", "2"], n_samples),
            "group": [f"<s>{number * n_groups // n_samples}" for number in range(n_samples)],
            "label": np.array(classes, dtype=object)[codes],
        }
    )
    parts = []
    for row in results["rows"]:
        scores = random.normal(size=(n_samples, len(classes)))
        scores[np.arange(n_samples), codes] += 3 * row["metrics"]["uar"]["mean"]
        probabilities = np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)
        names = {"strategy": row["strategy"], "blocks": "+".join(row["blocks"]), "classifier": row["classifier"]}
        parts.append(samples.assign(**names, **dict(zip(classes, probabilities.T.astype(np.float32), strict=True))))
    folder.mkdir(parents=True)
    pd.concat(parts, ignore_index=True).to_parquet(folder / "predictions.parquet", index=False)
    (folder / "results.json").write_text(json.dumps(results), encoding="utf-8")
    (folder / "study.toml").write_text(f'metrics = ["{metric}"]\nname = "</pre>"\n', encoding="utf-8")
    (folder / "failures.csv").write_text("sample,source,code,message\n", encoding="utf-8")
    (folder / "environment.json").write_text(
        '{"seed": 7, "versions": {"numpy": "2.4"}, "git_commit": null}', encoding="utf-8"
    )
    return folder


@pytest.fixture(scope="module")
def full(tmp_path_factory):
    return write_folder(tmp_path_factory.mktemp("runs") / "full", full_results())


@pytest.fixture(scope="module")
def run(full):
    return load_run(full)


@pytest.fixture(scope="module")
def page(full, tmp_path_factory):
    paths = write_reports([full], tmp_path_factory.mktemp("report"))
    return {path.name: path.read_text(encoding="utf-8") for path in paths}


def downloads(page):
    """The files that a page holds, by name."""
    links = re.findall(r'download="([^"]+)" href="data:[\w/+-]+;charset=utf-8;base64,([^"]+)"', page)
    return {name: base64.b64decode(data).decode("utf-8") for name, data in links}


def table_of(section, name):
    return next(part for part in section.parts if isinstance(part, Table) and part.name == name)


def test_a_full_run_has_every_section(run, page):
    # Of several tasks, of numbers in place of classes, of parts of clips, and of parts of the training groups.
    elsewhere = {"tasks", "values", "value_groups", "pooled", "curve"}
    assert {make.__name__ for make in SECTIONS if make(run) is None} == elsewhere
    assert re.findall(r'<section id="(\w+)">', page["report.html"]) == [
        *(
            "strategies",
            "gains",
            "errors",
            "groups",
            "confidence",
            "missing",
            "degraded",
            "contributions",
            "protocols",
            "card",
        )
    ]
    for text in (
        "Fusion helps: a verdict.",
        "With 6 speakers",
        "CC BY &amp; more",
        "a &lt;note&gt;",
        "&lt;/pre&gt;",
        "2.4",
    ):
        assert text in page["report.html"]
    assert (
        page["report.html"].index("a verdict")
        < page["report.html"].index("Red flags")
        < page["report.html"].index("<table")
    )


@pytest.mark.parametrize("name", ["report.html", "report.md", "report.tex"])
def test_hostile_names_stay_text(page, name):
    text = page[name]
    if name == "report.html":
        assert not re.search(r"<b>|<i>|<s>|<early>|<note>", text)
        assert "&lt;b&gt;&amp;_%$" in text
    elif name == "report.tex":
        assert r"50\% \textless{}i\textgreater{}" in text
        assert not re.search(r"(?<!\\)[_$&%](?=b>)", text)
    assert "Red flag" in text or name == "report.tex"


def test_every_figure_and_table_is_a_file(page):
    files = downloads(page["report.html"])
    figures = {name: text for name, text in files.items() if name.endswith(".svg")}
    tables = {name for name in files if name.endswith(".csv")}
    assert len(figures) == page["report.html"].count("<svg ")
    assert len(tables) == page["report.html"].count("<table>")
    assert {name.replace(".csv", ".tex") for name in tables} == {name for name in files if name.endswith(".tex")}
    for text in figures.values():
        assert ElementTree.fromstring(text).get("viewBox")
        assert text in page["report.html"]
    for name in tables:
        lines = list(csv.reader(io.StringIO(files[name])))
        assert len({len(line) for line in lines}) == 1
        latex = files[name.replace(".csv", ".tex")]
        assert latex.startswith(r"\begin{table}")
        assert latex.count(r"\begin{") == latex.count(r"\end{") == 2
    assert all(re.fullmatch(r"[\w.-]+", name) for name in files)


@pytest.mark.parametrize("key", NEW_KEYS)
def test_without_a_key_a_section_is_absent_and_nothing_else(tmp_path, key):
    results = full_results()
    del results[key]
    folder = write_folder(tmp_path / "run", results)
    text = write_reports([folder], tmp_path)[0].read_text(encoding="utf-8")
    sections = re.findall(r'<section id="(\w+)">', text)
    gone = {"missing": "missing", "degraded": "degraded", "other_protocols": "protocols"}.get(key)
    assert (gone in sections) is False
    assert len(sections) == (9 if gone else 10)


def test_a_minimal_run_has_what_it_has(tmp_path):
    results = full_results(ROWS[6:7])
    for key in (*NEW_KEYS, "comparisons"):
        del results[key]
    results["contributions"] = {}
    results["corpus"]["n_groups"] = 0
    folder = write_folder(tmp_path / "run", results)
    (folder / "environment.json").unlink()
    predictions = pd.read_parquet(folder / "predictions.parquet").assign(group=None)
    predictions.to_parquet(folder / "predictions.parquet", index=False)
    text = {path.name: path.read_text(encoding="utf-8") for path in write_reports([folder], tmp_path)}
    sections = re.findall(r'<section id="(\w+)">', text["report.html"])
    assert sections == ["strategies", "errors", "confidence", "card"]
    assert set(text) == set(FILES)


def test_rows_without_answers_are_left_out_of_the_figures_of_answers(tmp_path):
    folder = write_folder(tmp_path / "run", full_results())
    predictions = pd.read_parquet(folder / "predictions.parquet")
    predictions[predictions["strategy"] == "majority"].to_parquet(folder / "predictions.parquet", index=False)
    bare = load_run(folder)
    assert answers_of(bare, main_rows(bare)[0]) is None
    assert errors(bare) is None
    assert groups(bare) is None
    assert [part.name for part in confidence(bare).parts] == ["abstention"]


def test_the_main_rows_are_those_chosen_without_hindsight(run):
    assert [row["strategy"] for row in main_rows(run)] == [
        "selected",
        "best_single",
        "early",
        "late_product",
        "reference",
    ]


def test_rows_are_grouped_and_best_first(run):
    found = [(row.group, row.cells[0]) for row in strategy_table(run).rows]
    assert [name for group, name in found if group == "Fusion"] == [
        *("late product", "stacking", "late mean", "selected", "early")
    ]
    assert [name for group, name in found if group == "One modality"] == ["face alone", "best single", "audio alone"]
    assert [name for group, name in found if group == "Controls"] == [
        *("oracle", "reference (both)", "shuffled face", "majority")
    ]


def test_the_p_of_the_strategy_table_is_that_against_the_best_single(run):
    table = strategy_table(run)
    place = [column.heading for column in table.columns].index("p")
    assert {row.cells[0]: row.cells[place] for row in table.rows if row.group == "Fusion"} == dict.fromkeys(
        ("late product", "stacking", "late mean", "selected", "early"), 0.02
    )
    assert {row.cells[place] for row in table.rows if row.group != "Fusion"} == {None}


def test_what_was_chosen_is_shown(run):
    rows = table_of(strategies(run), "chosen").rows
    assert [row.cells for row in rows] == [
        ("late product (kernel)", "1 of 2", "1"),
        ("stacking (linear)", "1 of 2", "2"),
    ]
    assert {row.group for row in rows} == {"selected"}


def test_primary_comparisons_stand_apart(run):
    section = gains(run)
    table = table_of(section, "comparisons")
    assert [row.group for row in table.rows] == ["primary", *["exploratory"] * 4]
    assert table.rows[0].cells[0] == "selected vs best single"
    assert [column.heading for column in table.columns[2:]] == [
        "d",
        "p",
        "p (McNemar)",
        "p (group bootstrap)",
        "p (Holm)",
    ]
    assert section.texts == ("With 6 speakers a gain under 4.1 points would be missed.",)
    assert "Primary: fixed before the run" in section.parts[0].svg


def test_comparisons_of_older_runs_have_no_family(tmp_path):
    results = full_results()
    for item in results["comparisons"]:
        for key in ("family", "effect_size", "p_mcnemar", "p_group_bootstrap"):
            del item[key]
    table = table_of(gains(load_run(write_folder(tmp_path / "run", results))), "comparisons")
    assert {row.group for row in table.rows} == {""}
    assert [column.heading for column in table.columns[2:]] == ["p", "p (Holm)"]


def test_where_lower_is_better_the_sign_of_a_gain_is_turned(tmp_path):
    results = full_results()
    for item in results["comparisons"]:
        item["metric"] = "log_loss"
    section = gains(load_run(write_folder(tmp_path / "run", results, metric="log_loss")))
    assert "worse →" in section.parts[0].svg
    exploratory = [row.cells[1][0] for row in table_of(section, "comparisons").rows[1:]]
    assert exploratory == sorted(exploratory)


def test_classes_have_precision_recall_and_support(run):
    row = main_rows(run)[0]
    found = answers_of(run, row)
    cells = [line.cells for line in table_of(errors(run), "classes").rows if line.group == "selected"]
    assert [cell[0] for cell in cells] == CLASSES
    for number, (_, precision, recall, f1, support) in enumerate(cells):
        right = ((found.codes == number) & (found.predicted == number)).sum()
        assert support == (found.codes == number).sum() == 20
        assert recall == pytest.approx(right / 20)
        assert precision == pytest.approx(right / (found.predicted == number).sum())
        assert f1 == pytest.approx(2 * precision * recall / (precision + recall))


def test_groups_are_listed_worst_first(run):
    section = groups(run)
    table = table_of(section, "groups")
    values = [row.cells[2] for row in table.rows]
    assert values == sorted(values)
    assert [row.cells[1] for row in table.rows] == [10] * 6
    assert f"The worst in selected: {table.rows[0].cells[0]}." in section.parts[0].caption
    found = answers_of(run, main_rows(run)[0])
    own = found.groups == table.rows[0].cells[0]
    recalls = [(found.predicted[own & (found.codes == code)] == code).mean() for code in range(3)]
    assert values[0] == pytest.approx(np.mean(recalls))


def test_risk_is_that_of_the_most_confident_and_ties_go_together():
    probabilities = np.array([[0.9, 0.1], [0.8, 0.2], [0.8, 0.2], [0.4, 0.6]])
    answers = Answers(np.array([0, 1, 0, 0]), probabilities.argmax(axis=1), probabilities, None)
    coverage, risk = risk_by_coverage(answers)
    assert coverage.tolist() == [0.25, 0.75, 1.0]
    assert risk.tolist() == pytest.approx([0, 1 / 3, 0.5])


def test_figures_of_missing_modalities_show_the_chosen_first_and_tables_all(run):
    section = missing(run)
    svg = section.parts[0].svg
    assert svg.index(">selected<") < svg.index(">late product · kernel<")
    assert ">early" not in svg
    table = table_of(section, "missing-subsets")
    assert [column.heading for column in table.columns] == ["strategy", "audio", "face", "audio + face"]
    assert len(table.rows) == 5
    rates = table_of(section, "missing-rates")
    assert [column.heading for column in rates.columns][:3] == ["strategy", "0 %", "10 %"]
    assert rates.rows[0].cells[:3] == ("selected", 0.7, pytest.approx(0.7 - 1 / 30))


def test_levels_stand_as_they_were_asked_after_what_was_recorded(run):
    section = degraded(run)
    words = re.findall(r">([^<>]+)</text>", section.parts[0].svg)
    assert words.index("as is") < words.index("20 dB") < words.index("10 dB") < words.index("0 dB")
    assert "pink noise in audio" in words
    table = table_of(section, "degraded")
    assert len(table.rows) == 15
    assert {row.group for row in table.rows} == {"audio: pink noise"}


def test_contributions_are_sorted_and_shares_of_a_whole(run):
    section = contributions(run)
    assert [part.name for part in section.parts if isinstance(part, Figure)] == [
        *("shapley", "shapley-classes", "permutation", "features")
    ]
    assert [row.cells[0] for row in table_of(section, "features").rows] == ["mfcc", "F0", "other"]
    rows = table_of(section, "shapley").rows
    assert [row.cells[:2] for row in rows] == [("face", 0.25), ("audio", 0.1)]
    assert sum(row.cells[2] for row in rows) == pytest.approx(1)
    assert section.parts[0].caption == "Exact Shapley shares of what selected gains in UAR over chance (.333 to .683)."


def test_shares_of_single_answers_are_told_apart_by_right_and_wrong(full, tmp_path):
    folder = shutil.copytree(full, tmp_path / "run")
    found = load_run(folder)
    selected = found.predictions[found.predictions["strategy"] == "selected"]
    right = selected[CLASSES].idxmax(axis=1) == selected["label"]
    shares = pd.DataFrame(
        {"sample": selected["sample"], "fold": selected["fold"], "audio": np.where(right, 0.5, -0.25)}
    )
    shares.assign(face=1.0).iloc[::-1].to_parquet(folder / "contributions.parquet", index=False)
    rows = table_of(contributions(load_run(folder)), "shapley-answers").rows
    assert [row.cells[:2] for row in rows][:2] == [("audio", "right answers"), ("audio", "wrong answers")]
    assert [row.cells[2] for row in rows[:2]] == [right.sum(), (~right).sum()]
    assert [row.cells[3:] for row in rows[:2]] == [(0.5, 0.5, 0.5), (-0.25, -0.25, -0.25)]


def test_other_protocols_bear_their_own_stamps(run):
    table = table_of(protocols(run), "protocols")
    assert [column.heading for column in table.columns[2:]] == ["loso", "random (leaky)"]
    assert table.stamps == ()
    assert sum(row.cells[3] is not None for row in table.rows) == 3


def test_many_strategies_samples_and_groups_fit_on_a_page(tmp_path):
    many = [(f"late_{number}", BLOCKS, "kernel", 0.5 + number / 200) for number in range(36)]
    folder = write_folder(tmp_path / "run", full_results([*many, *ROWS[5:9]]), n_samples=7442, n_groups=200)
    path = write_reports([folder], tmp_path)[0]
    assert path.stat().st_size < 3_000_000


def test_runs_are_compared_over_corpora(full, tmp_path):
    other = full_results(study="other", corpus=full_results()["corpus"] | {"name": "second", "synthetic": True})
    del other["rows"][0]
    runs = [load_run(full), load_run(write_folder(tmp_path / "other", other, seed=1)), load_run(full)]
    common = common_strategies(runs, "uar")
    assert next(iter(common)) == "late product · kernel"
    assert "late mean · kernel" not in common
    assert "best single" in common
    section = side_by_side(runs)
    assert [part.name for part in section.parts] == ["runs", "ranks", "common"]
    assert section.parts[1].stamps == ("synthetic data in part",)
    overview = section.parts[0].rows
    assert [row.cells[0] for row in overview] == ["50% <i>, full", "other", "50% <i>, full"]
    assert overview[0].cells[8:10] == ((0.08, 0.06, 0.1), 0.02)
    assert overview[1].cells[1] == "synthetic data"


def test_runs_of_one_corpus_are_not_ranked(full):
    section = side_by_side([load_run(full), load_run(full)])
    assert [part.name for part in section.parts] == ["runs", "common"]
    assert section.texts == ()


def test_runs_without_a_common_metric_are_listed_only(full, tmp_path):
    other = full_results()
    for row in other["rows"]:
        del row["metrics"]["uar"]
    del other["other_protocols"], other["missing"], other["degraded"]
    folder = write_folder(tmp_path / "other", full_results())
    (folder / "results.json").write_text(json.dumps(other), encoding="utf-8")
    (folder / "study.toml").write_text('metrics = ["accuracy"]', encoding="utf-8")
    assert [part.name for part in side_by_side([load_run(full), load_run(folder)]).parts] == ["runs"]


@pytest.mark.parametrize(
    ("row", "name"),
    [
        ({"strategy": "unimodal", "blocks": ["audio"]}, "audio alone"),
        ({"strategy": "unimodal", "blocks": []}, "one modality"),
        ({"strategy": "shuffled_modality", "blocks": ["audio", "face"]}, "shuffled audio and face"),
        ({"strategy": "late_class_weighted", "blocks": ["audio"]}, "late class weighted"),
        ({"strategy": "reference", "blocks": ["both"]}, "reference (both)"),
    ],
)
def test_rows_have_names(row, name):
    assert row_name(row) == name


def test_file_names_are_plain():
    assert file_name("../a b", "<x>", "") == "a-b-x"
    assert len(file_name("x" * 500)) == 120
