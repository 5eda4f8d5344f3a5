"""Tables of a report: the same numbers on the page, as CSV, as LaTeX and as Markdown, whatever the names are."""

from __future__ import annotations

import csv
import io

import pytest
from emofuse.experiments.report_tables import (
    Column,
    Figure,
    Row,
    Section,
    Table,
    latex,
    number,
    p_value,
    signed,
    typeset,
)

HOSTILE = "<b>&_%$"
TABLE = Table(
    "small",
    "UAR of everything.",
    (
        Column("strategy"),
        Column("UAR", "interval"),
        Column("accuracy", "level"),
        Column("gain", "gain"),
        Column("p", "p"),
    ),
    (
        Row((HOSTILE, (0.8031, 0.7766, 0.8249), (0.5, 0.4, 0.6), (-0.0131, -0.03, 0.004), 0.0004), "Fusion"),
        Row(("=1+1", (1.0, 0.99, 1.0), None, None, 0.5), "Fusion"),
        Row(("audio | face", None, (0.25, 0.2, 0.3), (0.0, 0.0, 0.0), None), "One modality"),
    ),
    ("synthetic data", "leaky"),
)


def test_csv_holds_every_number_and_the_stamps():
    assert TABLE.csv() == (
        "group,strategy,UAR,UAR low,UAR high,accuracy,accuracy low,accuracy high,gain,gain low,gain high,p,stamps\n"
        'Fusion,<b>&_%$,0.8031,0.7766,0.8249,0.5,0.4,0.6,-0.0131,-0.03,0.004,0.0004,"synthetic data, leaky"\n'
        'Fusion,\'=1+1,1.0,0.99,1.0,,,,,,,0.5,"synthetic data, leaky"\n'
        'One modality,audio | face,,,,0.25,0.2,0.3,0.0,0.0,0.0,,"synthetic data, leaky"\n'
    )
    assert {len(row) for row in csv.reader(io.StringIO(TABLE.csv()))} == {13}


def test_csv_of_a_plain_table_has_neither_groups_nor_stamps():
    table = Table("plain", "", (Column("class"), Column("support", "integer")), (Row(("sad", 3)), Row((None, None))))
    assert table.csv() == "class,support\nsad,3\n,\n"


def test_latex_is_a_booktabs_table():
    assert TABLE.latex() == "\n".join(
        [
            r"\begin{table}",
            r"\centering\small",
            r"\caption{UAR of everything. (synthetic data, leaky)}",
            r"\label{tab:small}",
            r"\begin{tabular}{lrrrr}",
            r"\toprule",
            r"strategy & UAR & accuracy & gain & p \\",
            r"\midrule",
            r"\multicolumn{5}{l}{\emph{Fusion}} \\",
            r"\textless{}b\textgreater{}\&\_\%\$ & .803 [.78, .82] & .500 & $-$.013 [$-$.030, +.004] & \textless{}.001 \\",
            r"=1+1 & 1.000 [.99, 1.00] &  &  & .500 \\",
            r"\midrule",
            r"\multicolumn{5}{l}{\emph{One modality}} \\",
            r"audio | face &  & .250 & .000 [.000, .000] &  \\",
            r"\bottomrule",
            r"\end{tabular}",
            r"\end{table}",
            "",
        ]
    )


def test_markdown_keeps_its_columns():
    lines = TABLE.markdown().splitlines()
    assert lines[:3] == [
        "| strategy | UAR | accuracy | gain | p |",
        "| --- | ---: | ---: | ---: | ---: |",
        "| *Fusion* |  |  |  |  |",
    ]
    assert lines[3] == "| &lt;b>&_%$ | .803 [.78, .82] | .500 | −.013 [−.030, +.004] | &lt;.001 |"
    assert lines[6].startswith("| audio \\| face |")


def test_groups_stand_together():
    assert [(name, len(rows)) for name, rows in TABLE.sections()] == [("Fusion", 2), ("One modality", 1)]


@pytest.mark.parametrize(
    ("value", "kind", "shown"),
    [
        (0.0, "number", (".000", "")),
        (-0.0001, "number", (".000", "")),
        (-0.0001, "gain", None),
        (1.2345, "number", ("1.234", "")),
        (float("nan"), "number", ("", "")),
        (None, "percent", ("", "")),
        (0.905, "percent", ("90 %", "")),
        (12.345, "amount", ("12.35", "")),
        (7, "integer", ("7", "")),
        ((1.02, 0.98, 1.061), "interval", ("1.020", "[.98, 1.06]")),
        ((0.02, -0.01, 0.05), "gain", ("+.020", "[−.010, +.050]")),
    ],
)
def test_cells_have_the_digits_of_a_paper(value, kind, shown):
    if shown is None:
        value, shown = (value, value, value), (".000", "[.000, .000]")
    assert typeset(value, kind) == shown


@pytest.mark.parametrize(("value", "text"), [(0.0009, "<.001"), (0.001, ".001"), (0.0499, ".050"), (1.0, "1.000")])
def test_p_values(value, text):
    assert p_value(value) == text


def test_signs():
    assert [signed(value) for value in (0.0311, -0.0311, 0.0001, 1.5)] == ["+.031", "−.031", ".000", "+1.500"]
    assert number(-1.5, 1) == "-1.5"


@pytest.mark.parametrize("text", ["a\\b", "~^", "{}", "line\nbreak", "−1 < 2 · 3"])
def test_latex_leaves_no_special_character(text):
    escaped = latex(text)
    for command in (r"\textbackslash{}", r"\textasciitilde{}", r"\textasciicircum{}", r"\textless{}", r"\{", r"\}"):
        escaped = escaped.replace(command, "")
    assert not set(escaped.replace("$-$", "").replace(r"\textperiodcentered{}", "")) & set("\\~^{}<>\n")


def test_figures_that_follow_each_other_stand_side_by_side():
    figure = Figure("f", "a caption", '<svg width="12.5"/>', ("leaky",))
    blocks = Section("s", "S", (figure, figure, TABLE, TABLE, figure)).blocks()
    assert [len(block) for block in blocks] == [2, 1, 1, 1]
    assert figure.width == 12.5
    assert figure.stamped_caption == "A caption (leaky)"
