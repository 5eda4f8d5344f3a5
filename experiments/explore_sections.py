"""The sections of an exploration that need no features: classes, groups, columns, lengths, what is missing, texts."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from .explore_charts import heat_chart, histogram_chart, ridge_chart
from .explore_data import Explored
from .explore_lengths import Lengths
from .explore_words import Word
from .report_charts import Dot, DotRow, dot_chart
from .report_tables import Column, Figure, Row, Section, Table, number

MOST_BARS = 40
MOST_ROWS = 40
FEWEST_IN_RIDGE = 2
EVEN = 1.2  # samples of the commonest class over those of the rarest
QUANTILE_COLUMNS = ("shortest", "q05", "median", "q95", "longest", "mean")


def class_section(explored: Explored, counts: dict[str, Any]) -> Section:
    """Return how many samples each class has, and which split they are in."""
    classes, total, marks = counts["classes"], counts["n_samples"], explored.stamps
    rows = [DotRow(name, (Dot(float(n)),), (f"{n:,}", f"{100 * n / total:.1f} %")) for name, n in classes.items()]
    parts: list[Figure | Table] = [
        Figure(
            "classes",
            "Samples of each class.",
            dot_chart(rows, label=f"Samples of each class: {_listed(classes)}", axis="samples", columns=("samples", "share"),
                      bars=True, stamps=marks),
            marks,
        )
    ]  # fmt: skip
    if "splits" in counts:
        splits = counts["splits"]
        parts.append(
            Figure(
                "classes-by-split",
                "Samples of each class in each split of the whole corpus: the only thing on this page that counts rows which are "
                "held back." if explored.held_back else "Samples of each class in each split.",
                heat_chart(list(splits["counts"]), splits["values"], list(splits["counts"].values()),
                           label="Samples by class and split", axes=("classes", "splits")),
            )
        )  # fmt: skip
    return Section("classes", "Classes", tuple(parts), (imbalance(counts),))


def imbalance(counts: dict[str, Any]) -> str:
    """Return a sentence on how uneven the classes are, and what that makes of accuracy."""
    ratio = counts["largest_over_smallest"]
    if ratio is None:
        absent = [name for name, n in counts["classes"].items() if not n]
        uneven = f"No sample is of {_and(absent)}."
    elif ratio < EVEN:
        uneven = f"The classes are {'even' if ratio == 1 else 'nearly even'}."
    else:
        uneven = (
            f"The commonest class ({counts['commonest']}) has {ratio:.1f} times the samples of the rarest ({counts['rarest']}); "
            f"Pielou's evenness is {number(counts['evenness'], 2)} (1 where all are equal)."
        )
    return (
        f"{uneven} Whoever always answers {counts['commonest']!r} has an accuracy of "
        f"{number(counts['accuracy_of_commonest'])} and a UAR of {number(counts['uar_of_commonest'])}."
    )


def group_section(explored: Explored, counts: dict[str, Any] | None) -> Section | None:
    """Return how many samples each group has, and of which classes."""
    if counts is None:
        return None
    marks, name, table = explored.stamps, counts["name"], counts["counts"]
    sizes = explored.samples["group"].value_counts()
    even = counts["smallest"] == counts["largest"]
    parts: list[Figure | Table] = []
    if len(sizes) <= MOST_BARS and not even:
        rows = [DotRow(group, (Dot(float(sum(row))),), (f"{sum(row):,}",)) for group, row in table.items()]
        parts.append(
            Figure("groups", f"Samples of each {name}.",
                   dot_chart(rows, label=f"Samples of each {name}", axis="samples", columns=("samples",), bars=True,
                             stamps=marks), marks)
        )  # fmt: skip
    elif not even:
        values: npt.NDArray[np.float64] = np.asarray(sizes, dtype=np.float64)
        parts.append(
            Figure("groups", f"How many {name}s have how many samples.",
                   histogram_chart(values, label=f"Distribution of samples over {name}s", axis=f"samples of a {name}",
                                   things=f"{name}s", powers=bool(values.max() > 50 * np.median(values)), stamps=marks), marks)
        )  # fmt: skip
    shown_rows = list(table)[:MOST_ROWS]
    which = f"the {MOST_ROWS} {name}s with most of them, of {len(sizes)}" if len(sizes) > MOST_ROWS else f"each {name}"
    parts.append(
        Figure(
            "classes-by-group",
            f"Samples of each class by {which}.",
            heat_chart(shown_rows, explored.classes, [table[group] for group in shown_rows],
                       label=f"Samples by {name} and class", axes=(f"{name}s", "classes"), stamps=marks),
            marks,
        )
    )  # fmt: skip
    have = f"{counts['n_groups']} {name}s have {counts['smallest']} samples each" if even else (
        f"{counts['n_groups']} {name}s have {counts['smallest']} to {counts['largest']} samples (median {counts['median']:g})"
    )  # fmt: skip
    lacking = counts["without_a_class"]
    lack = f"{lacking} of them lack{'s' if lacking == 1 else ''} a class" if lacking else "each has every class"
    text = (
        f"{have}; {lack}. Cramér's V of {name} and class is {number(counts['association'], 2)}: 0 where the {name} says nothing "
        "of the class, 1 where it says all."
    )
    return Section("groups", f"{name.capitalize()}s", tuple(parts), (text,))


def column_section(explored: Explored, columns: list[dict[str, Any]]) -> Section | None:
    """Return the classes by gender, intensity and whatever else has few values."""
    figures = tuple(
        Figure(
            f"classes-by-{item['column']}",
            f"Samples of each class by {item['column'].replace('_', ' ')}; Cramér's V {number(item['association'], 2)}.",
            heat_chart(list(item["counts"]), item["values"], list(item["counts"].values()),
                       label=f"Samples by class and {item['column']}", axes=("classes", item["column"]), stamps=explored.stamps),
            explored.stamps,
        )
        for item in columns
    )  # fmt: skip
    text = "What goes with the class without being emotion can be learnt in its place; V of 0 is what one hopes for."
    return Section("columns", "Other columns", figures, (text,)) if figures else None


def length_section(explored: Explored, found: list[Lengths]) -> Section | None:
    """Return how long sounds, videos, recordings, texts and dialogues are."""
    parts: list[Figure | Table] = []
    texts, rows = [], []
    marks = explored.stamps
    for lengths in found:
        if lengths.n_unread:
            texts.append(f"{lengths.n_unread} files of {lengths.title.lower()} could not be read.")
        if not len(lengths.values):
            continue
        if len(lengths.values) + lengths.n_unread < lengths.of:
            texts.append(f"{lengths.title}: a random part of {len(lengths.values)} out of {lengths.of} was measured.")
        values = lengths.values.to_numpy(dtype=np.float64)
        if values.max() > values.min():
            parts.append(_length_figure(lengths, values, explored))
        group = f"{lengths.title}, {lengths.unit}"
        summary = lengths.summary()
        rows.append(_length_row("all classes" if "by_class" in summary else "all", summary["all"], len(values), group))
        if lengths.labels is not None:
            counts = lengths.labels.value_counts()
            rows += [_length_row(name, of, int(counts[name]), group) for name, of in summary["by_class"].items()]
    if not rows and not texts:
        return None
    if rows:
        columns = (Column("class"), Column("n", "integer"), *(Column(_quantile(q), "amount") for q in QUANTILE_COLUMNS))
        caption = "Lengths, over all and by class (5 % and 95 % are quantiles)."
        parts.append(Table("lengths", caption, columns, tuple(rows), marks, folded=True))
    texts.append(
        "A class that is longer than others is told by length alone; sums and counts of features grow with it."
    )
    return Section("lengths", "Lengths", tuple(parts), tuple(texts))


def missing_section(explored: Explored, counts: dict[str, Any]) -> Section:
    """Return which sources and blocks samples lack, by class, and why samples could not be used."""
    marks, n_measured = explored.stamps, counts["n_measured"]
    parts: list[Figure | Table] = []
    lacking = {f"{name} (no source)": row for name, row in counts["absent"].items()}
    lacking |= {f"{name} (not measured)": row for name, row in counts["not_measured"].items()}
    some = {name: row for name, row in lacking.items() if any(row.values())}
    if some:
        parts.append(
            Figure(
                "missing",
                f"Samples that lack a source (of {len(explored.samples)}), and of which a block could not be measured (of "
                f"{n_measured}), by class.",
                heat_chart(explored.classes, list(some), [[row[name] for row in some.values()] for name in explored.classes],
                           label="Missing samples by class", axes=("classes", "what is missing"), stamps=marks),
                marks,
            )
        )  # fmt: skip
    if counts["failures"]:
        rows = [
            Row((item["source"], item["code"], item["n"], item["such_as"], item["message"]))
            for item in counts["failures"]
        ]
        columns = (Column("source"), Column("code"), Column("samples", "integer"), Column("such as"), Column("reason"))
        caption = f"Why samples could not be used: {counts['n_failed']} of {n_measured} are affected."
        parts.append(Table("failures", caption, columns, tuple(rows), marks))
    if counts["doubts"]:
        doubts = (Column("doubt"), Column("samples", "integer"), Column("such as"))
        rows = [Row((item["doubt"], item["n"], item["message"])) for item in counts["doubts"]]
        parts.append(
            Table("doubts", "What lowers the quality of samples that could be used.", doubts, tuple(rows), marks)
        )
    text = "Nothing is missing, and every sample could be measured." if not parts else (
        "What is missing more often in one class than in another is a clue that no person gives."
    )  # fmt: skip
    return Section("missing", "Missing and unusable", tuple(parts), (text,))


def text_section(
    explored: Explored, repeats: dict[str, Any] | None, words: dict[str, list[Word]] | None
) -> Section | None:
    """Return which texts repeat, and which words each class says more often."""
    if repeats is None:
        return None
    marks = explored.stamps
    parts: list[Figure | Table] = []
    if words and any(words.values()):
        rows = tuple(
            Row((name, ", ".join(f"{word.word} ({word.z:.1f})" for word in found) or "none"))
            for name, found in words.items()
        )
        caption = (
            "Words that each class says more often than the others do, with the z of their log odds ratio (Monroe, Colaresi and "
            "Quinn 2008): a ranking, no test."
        )
        parts.append(Table("words", caption, (Column("class"), Column("words (z)")), rows, marks))
    if repeats["most_repeated"]:
        shown = tuple(Row((item["text"], item["n"], _listed(item["labels"]))) for item in repeats["most_repeated"])
        columns = (Column("text"), Column("samples", "integer"), Column("labels"))
        parts.append(Table("repeated", "Texts that stand most often, with their labels.", columns, shown, marks))
    empty = f", {repeats['n_empty']} empty" if repeats["n_empty"] else ""
    text = (
        f"{repeats['n_texts']} texts, {repeats['n_distinct']} of them distinct but for case and spaces{empty}. "
        f"{repeats['n_samples_repeated']} samples share their text with another one; "
        f"{repeats['n_with_several_labels']} of {repeats['n_repeated']} repeated texts stand under several labels, which no "
        "reader of the words alone can tell apart."
    )
    return Section("texts", "Texts", tuple(parts), (text,))


def _length_row(name: str, figures: dict[str, float], count: int, group: str) -> Row:
    return Row((name, count, *(figures[quantile] for quantile in QUANTILE_COLUMNS)), group)


def _length_figure(lengths: Lengths, values: np.ndarray[Any, Any], explored: Explored) -> Figure:
    marks = explored.stamps
    if lengths.labels is None:
        axis = f"{lengths.unit} of a {lengths.name}"
        svg = histogram_chart(
            values, label=f"Distribution of the {axis}", axis=axis, things=f"{lengths.name}s", stamps=marks
        )
        return Figure(f"lengths-{lengths.name}", f"How many {lengths.name}s have how many {lengths.unit}.", svg, marks)
    by_class = [(name, values[(lengths.labels == name).to_numpy()]) for name in explored.classes]
    kept = [(name, part) for name, part in by_class if len(part) >= FEWEST_IN_RIDGE]
    title = f"{lengths.title}, {lengths.unit}"
    svg = ridge_chart(kept, label=f"{title}, by class", title=title, axis=lengths.unit, stamps=marks)
    return Figure(f"lengths-{lengths.name}", f"{title}, by class; bar: quartiles, line: median.", svg, marks)


def _quantile(name: str) -> str:
    return f"{int(name[1:])} %" if name.startswith("q") else name


def _listed(counts: dict[str, int]) -> str:
    return ", ".join(f"{name} {count}" for name, count in counts.items())


def _and(names: list[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
