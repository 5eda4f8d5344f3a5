"""The sections of an exploration that show features: what tells the classes apart, and what else the features know."""

from __future__ import annotations

import numpy as np

from .explore_blocks import BlockView, Ranked
from .explore_charts import cloud_chart, heat_chart, ridge_chart
from .explore_data import Explored
from .explore_projection import ALL, Neighbours, Projection
from .report_charts import Dot, DotRow, dot_chart
from .report_tables import Column, Figure, Row, Section, Table, minus, number

N_DRAWN, N_BARS = 6, 12
MOST_CLASSES = 24  # in a cloud
MOST_GROUPS = 6  # with a colour of their own
AXIS_WORDS = 70


def feature_section(explored: Explored, view: BlockView) -> Section:
    """Return the most telling features of a block: effects, class means, distributions, and a table in words."""
    parts: tuple[Figure | Table, ...] = ()
    if view.ranked:
        drawn = (_distribution(explored, view, item) for item in view.ranked[:N_DRAWN])
        parts = (_effects(explored, view), _means(explored, view), *drawn, _table(explored, view))
    return Section(f"features-{view.name}", f"Features: {view.name}", parts, (_said(explored, view),))


def projection_section(explored: Explored, projections: list[Projection]) -> Section | None:
    """Return the clouds of each block by class and by group, and what each block knows of both."""
    if not projections:
        return None
    group, marks = explored.info.groups, explored.stamps
    has_groups = any(item.by_group is not None for item in projections)
    parts: list[Figure | Table] = []
    for item in projections:
        classes = _cloud(item, "label", explored.classes, f"{item.name} by class", explored)
        parts.append(classes)
        if item.by_group is not None:
            common = item.samples["group"].value_counts()
            names = sorted(common.index[:MOST_GROUPS]) if len(common) > MOST_GROUPS else sorted(common.index)
            parts.append(_cloud(item, "group", names, f"{item.name} by {group}", explored))
    columns = [Column("block"), Column("axis 1", "percent"), Column("axis 2", "percent"), Column("ω² class", "number")]
    if has_groups:
        columns += [Column(f"within {group}s", "number"), Column(f"ω² {group}", "number")]
        columns += [Column(f"nearest {group}", "percent"), Column("chance", "percent")]
    columns += [Column("nearest class", "percent"), Column("chance", "percent")]
    rows = []
    for item in projections:
        cells = [item.name, *item.shares, item.by_class]
        if has_groups:
            cells += [item.by_class_within, item.by_group, *_pair(item.group_neighbours)]
        rows.append(Row((*cells, *_pair(item.class_neighbours))))
    caption = (
        f"What each block knows: the share of its variance on two axes, and between classes (over all, within {group}s) and "
        f"between {group}s; how often the nearest sample is of the same {group}, and how often the nearest one of another "
        f"{group} is of the same class."
        if has_groups else "What each block knows: the share of its variance on two axes, and between classes; how often the "
        "nearest sample is of the same class."
    )  # fmt: skip
    parts.append(Table("projections", caption, tuple(columns), tuple(rows), marks))
    drawn = len(projections[-1].samples)
    how = " drawn at random" if drawn < len(explored.samples) else ""
    texts = [
        f"Each block on its first two principal axes ({drawn} samples{how}; columns standardised and cut at five standard "
        "deviations; words as TF-IDF). Two axes show a part of the variance only: what looks mixed may be apart in others, so "
        "the table counts in all of them.",
    ]
    if has_groups:
        texts.append(_knows(projections, group))
    return Section("projections", "What the blocks know", tuple(parts), tuple(texts))


def _said(explored: Explored, view: BlockView) -> str:
    count, group = view.values.shape[1], explored.info.groups
    what = "counts of the texts (punctuation, style, pronouns, lexicon; English)" if view.english else "features"
    dead = f", {view.n_constant} of which never change" if view.n_constant else ""
    ranked = f"within {group}s" if view.adjusted else "over all samples"
    return (
        f"{count} {what} of {len(view.values)} samples{dead}. {view.n_telling} reach a larger ω² than the best one does where "
        f"labels are shuffled ({number(view.floor)}). Ranked by ω² {ranked}; of features that correlate over .9 only the best is "
        "shown. This describes, it tests nothing: the best of many look better than they are, and whatever is chosen here was "
        "chosen on these rows."
    )


def _effects(explored: Explored, view: BlockView) -> Figure:
    group, best = explored.info.groups, view.ranked[:N_BARS]
    with_group = best[0].group is not None
    kind = f", within {group}s" if view.adjusted else ""
    parts = f"{group}s" if with_group else "random parts of the samples"
    interval = f", with 95 % intervals (jackknife over {parts})" if not np.isnan(best[0].low) else ""
    caption = (
        f"Share of the variance (ω²) of the most telling features of {view.name} that is between classes{kind}{interval}"
        f"{f'; and between {group}s' if with_group else ''}. Dashed: the best of all features where labels are shuffled."
    )
    rows = [DotRow(_clipped(item.name), _dots(item), (minus(number(item.effect)),)) for item in best]
    svg = dot_chart(
        rows,
        label=f"Effect sizes of the features of {view.name}",
        axis="ω²",
        columns=("ω²",),
        names=(f"class{kind}", group) if with_group else (),
        references=[(0.0, ""), (view.floor, "shuffled labels")],
        stamps=explored.stamps,
    )
    return Figure(f"effects-{view.name}", caption, svg, explored.stamps)


def _means(explored: Explored, view: BlockView) -> Figure:
    best = view.ranked[:N_BARS]
    svg = heat_chart(
        [_clipped(item.name) for item in best],
        explored.classes,
        [[None if np.isnan(mean) else mean for mean in item.means] for item in best],
        signed=True,
        label=f"Class means of the features of {view.name}",
        axes=("features", "classes"),
        stamps=explored.stamps,
    )
    less = f", each {explored.info.groups} less its own mean" if view.adjusted else ""
    return Figure(f"means-{view.name}", f"Mean of each class in standard deviations{less}.", svg, explored.stamps)


def _dots(item: Ranked) -> tuple[Dot, ...]:
    known = not np.isnan(item.low)
    own = Dot(item.effect, item.low if known else None, item.high if known else None)
    return (own,) if item.group is None else (own, Dot(item.group, series=1, hollow=True))


def _distribution(explored: Explored, view: BlockView, item: Ranked) -> Figure:
    values = view.values[item.name].to_numpy(dtype=np.float64)
    kept = ~np.isnan(values)
    parts = [(name, values[kept & (view.labels == name)]) for name in explored.classes]
    words = item.measures if len(item.measures) <= 220 else f"{item.measures[:219]}…"
    return Figure(
        f"feature-{view.name}-{item.name}",
        f"{words[:1].upper()}{words[1:].rstrip('.')}{f'; {item.unit}' if item.unit else ''}.",
        ridge_chart([part for part in parts if len(part[1])], label=f"{item.name} by class", title=_clipped(item.name),
                    axis=item.unit, stamps=explored.stamps),
        explored.stamps,
    )  # fmt: skip


def _table(explored: Explored, view: BlockView) -> Table:
    group, rows = explored.info.groups, []
    with_interval, with_group = not np.isnan(view.ranked[0].low), view.ranked[0].group is not None
    for item in view.ranked:
        means = np.array(item.means)
        reach = " to ".join(f"{explored.classes[int(at)]} {means[int(at)]:+.1f}".replace("-", "−")
                            for at in (np.nanargmin(means), np.nanargmax(means)))  # fmt: skip
        cells = [
            item.name,
            f"{item.measures}{f' ({item.unit})' if item.unit else ''}",
            (item.effect, item.low, item.high),
        ]
        rows.append(Row((*cells, *((item.group,) if with_group else ()), reach)))
    columns = [Column("feature"), Column("measures")]
    columns.append(Column(f"ω² within {group}s" if view.adjusted else "ω²", "interval" if with_interval else "level"))
    columns += [Column(f"ω² of {group}", "number")] if with_group else []
    columns.append(Column("lowest to highest class (SD)"))
    caption = f"The {len(rows)} most telling features of {view.name} in words{', with 95 % intervals' if with_interval else ''}."
    return Table(f"features-{view.name}", caption, tuple(columns), tuple(rows), explored.stamps)


def _cloud(item: Projection, column: str, names: list[str], title: str, explored: Explored) -> Figure:
    values = item.samples[column].to_numpy(dtype=str)
    shown = names[:MOST_CLASSES]
    place = {name: number for number, name in enumerate(shown)}
    series = [place.get(value, -1) for value in values]
    rest = f"other {explored.info.groups}s" if column == "group" else "other classes"
    axes = tuple(
        f"axis {number}: {100 * share:.0f} %"
        + (f", with {_clipped(item.named[number - 1][0], AXIS_WORDS - 22)}" if item.named else "")
        for number, share in enumerate(item.shares, start=1)
    )
    what = "class" if column == "label" else explored.info.groups
    which = f"; the {len(shown)} with the most samples have a colour" if -1 in series else ""
    return Figure(
        f"cloud-{item.name}-{what}".replace(" ", "-"),
        f"{item.name[:1].upper()}{item.name[1:]} by {what}{which}.",
        cloud_chart(item.points, series, shown, label=f"{title}: the first two principal axes of {item.name}", title=title,
                    axes=(axes[0], axes[1]), rest=rest if -1 in series else "", named=column == "label",
                    stamps=explored.stamps),
        explored.stamps,
    )  # fmt: skip


def _knows(projections: list[Projection], group: str) -> str:
    """Return a sentence on which blocks know the group better than the class."""
    by_group = [
        item.name
        for item in projections
        if item.by_group is not None and item.by_group > item.by_class and item.name != ALL
    ]
    told = [
        f"{item.name} ({100 * item.group_neighbours.share:.0f} %)"
        for item in projections
        if item.group_neighbours is not None and item.group_neighbours.share > 0.5 and item.name != ALL
    ]
    first = (
        f"More of the variance is between {group}s than between classes in {', '.join(by_group)}."
        if by_group else f"In no block is more of the variance between {group}s than between classes."
    )  # fmt: skip
    if not told:
        return first
    near = f"The nearest clip is mostly one of the same {group} in {', '.join(told)}"
    return f"{first} {near}: a split that shares {group}s would be paid for that."


def _pair(found: Neighbours | None) -> tuple[float | None, float | None]:
    return (None, None) if found is None else (found.share, found.chance)


def _clipped(name: str, length: int = 44) -> str:
    return name if len(name) <= length else f"{name[: length - 1]}…"
