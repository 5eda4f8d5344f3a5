"""Parts of guides that are made from the code they speak of: a guide names one in a line of its own, ``<!-- made: NAME -->``."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import emofuse
import pages_studies
from emofuse.experiments.report_tables import number
from flow import flow

ROOT = Path(emofuse.__file__).parent
MADE = re.compile(r"^<!-- made: (?P<name>[a-z]+)(?: (?P<argument>.+?))? -->$", re.MULTILINE)
FENCE = re.compile(r"^```(?P<kind>[^\n]*)\n(?P<code>.*?)^```$", re.DOTALL | re.MULTILINE)
STRATEGIES = {
    "early": "features side by side, each block scaled to its share of the variance",
    "early_raw": "the same without the shares",
    "early_pca": "principal components of each block",
    "early_lda": "discriminants of each block",
    "early_select": "the columns of each block that differ most between classes",
    "late_mean": "the mean of the experts' probabilities",
    "late_product": "their product",
    "late_median": "their median",
    "late_vote": "one vote each; a tie goes to the higher mean probability",
    "late_weighted": "their product with an exponent for each expert",
    "late_class_weighted": "the same, for each expert and class",
    "stacking": "logistic regression over the experts' log probabilities",
    "stacking_boosted": "boosted trees over them",
    "stacking_gated": "an exponent that depends on how sure the expert is of the row",
    "hybrid": "early fusion as one more expert, by the product",
    "hybrid_weighted": "the same, weighted",
    "hybrid_gated": "the same, gated",
    "hybrid_stacking": "the same, stacked",
    "context": "and what earlier turns of a dialogue say",
    "context_later": "and what later turns say too",
    "unimodal": "each block alone",
    "best_single": "the block that each fold chooses by its training rows",
    "selected_early": "the early fusion that each fold chooses",
    "selected_late": "the late fusion that each fold chooses",
    "selected": "the fusion that each fold chooses, of all kinds",
    "majority": "the commonest class",
    "permuted_labels": "trained on labels that were shuffled",
    "shuffled_modality": "one modality of another row, for each modality",
    "oracle": "the right expert, known beforehand",
}


def filled(text: str) -> str:
    """Return a guide with its made parts in their places."""
    makers: dict[str, Callable[..., str]] = {
        "flow": picture,
        "limits": limits,
        "doors": doors,
        "strategies": strategies,
        "splits": splits,
        "kinds": pages_studies.kinds_table,
        "contributing": contributing,
    }
    return MADE.sub(lambda found: makers[found["name"]](*filter(None, [found["argument"]])), text)


def plain(text: str) -> str:
    """Return a page whose blocks of no language are shown as they are, and not as Python."""
    return FENCE.sub(lambda found: f"```{found['kind'] or 'text'}\n{found['code']}```", text)


def picture() -> str:
    """Return the picture of the flow, as a part of the page."""
    return f'```{{raw}} html\n<figure class="flow">{flow().strip()}</figure>\n```'


def strategies() -> str:
    """Return the table of every strategy that a study can name."""
    from emofuse.experiments import strategies as known

    kinds = {
        "early": known.EARLY_KINDS,
        "late": [name for name in known.LATE_RULES if name.startswith("late")],
        "stacking": [name for name in known.LATE_RULES if name.startswith("stacking")],
        "hybrid": known.HYBRID_RULES,
        "context": known.CONTEXTS,
        "single": known.SINGLES,
        "chosen": known.CHOSEN,
        "controls": known.CONTROLS,
    }
    listed = [name for names in kinds.values() for name in names]
    assert sorted(listed) == sorted(known.NAMED), "a strategy has no place in this table"
    lines = ["| | strategy | what it does |", "| --- | --- | --- |"]
    for kind, names in kinds.items():
        for place, name in enumerate(names):
            lines.append(f"| {kind if place == 0 else ''} | `{name}` | {STRATEGIES[name]} |")
    return "\n".join(lines)


def splits() -> str:
    """Return what one model measured under every protocol of the study of EEG windows."""
    item = next(item for item in pages_studies.kept() if item["study"] == "muse_mental")
    lines = ["| held out | UAR of the trees | |", "| --- | ---: | --- |"]
    for run in (item, *item["other_protocols"]):
        held = {"loso": "a subject", "loro": "a recording", "blocked": "a stretch of time", "random": "random windows"}
        row = next(row for row in run["rows"] if (row["strategy"], row["classifier"]) == ("unimodal", "boosted"))
        protocol = run["protocol"]
        lines.append(
            f"| {held[protocol['name']]} | {number(row['metrics']['uar']['mean'])} | {'leaky' * protocol['leaky']} |"
        )
    return "\n".join(lines)


def limits() -> str:
    """Return the table of the service's limits, with what their docstring says of them."""
    from emofuse.inference.limits import Limits

    told = _attributes(Limits.__doc__ or "")
    lines = ["| limit | default | of what |", "| --- | ---: | --- |"]
    lines += [f"| `{name}` | {_number(field.default)} | {told[name]} |" for name, field in Limits.model_fields.items()]
    return "\n".join(lines)


def doors() -> str:
    """Return the table of bounds at every door, read from the constants that hold them."""
    from emofuse.features import containers, files, media, pictures, recordings, transcripts
    from emofuse.inference import archive, documents, estimator_file

    mib = 1024**2
    rows = [
        ("any file", f"{files.MAX_FILE_BYTES // mib} MB, a regular one"),
        ("sound", f"{media.MAX_DURATION_S:g} s, {media.MAX_CHANNELS} channels, {media.MAX_VALUES:,} values, "
                  f"{media.MIN_RATE_HZ:,} to {media.MAX_RATE_HZ:,} Hz"),
        ("container", f"{', '.join(containers.DEMUXERS)}; {containers.MAX_STREAMS} streams, {containers.MAX_PIXELS:,} pixels, "
                      f"{containers.MAX_DECODE_S:g} s of decoding"),
        ("picture", f"{pictures.MAX_PIXELS:,} pixels, {pictures.MAX_METADATA_BYTES // mib} MB of metadata"),
        ("EEG and other recordings", f"{recordings.MAX_CHANNELS:,} channels, {recordings.MAX_VALUES:,} values"),
        ("transcript", f"{transcripts.MAX_TRANSCRIPT_BYTES // mib} MB"),
        ("PDF", f"{documents.PDF_SECONDS} s and {documents.PDF_MEMORY_BYTES // mib} MB, in a process of its own"),
        ("model file", f"{archive.MAX_FILE_BYTES // mib} MB, unpacked {archive.MAX_UNPACKED_BYTES // mib} MB and "
                       f"{archive.MAX_RATIO} times as much, {archive.MAX_MEMBERS:,} members; "
                       f"{estimator_file.MAX_BYTES // mib} MB of skops"),
    ]  # fmt: skip
    return "\n".join(["| door | at most |", "| --- | --- |", *(f"| {door} | {bound} |" for door, bound in rows)])


def contributing(section: str) -> str:
    """Return a section of CONTRIBUTING.md, its steps named where its comments name them."""
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    part = re.split(r"^## ", text, flags=re.MULTILINE)
    own = next(item for item in part if item.startswith(f"{section}\n")).partition("\n")[2].strip()
    own = re.sub(r"<!-- write: (\S+) -->", r"`\1`, all of it:\n", own)
    return re.sub(r"<!-- insert: (\S+) (after|before): (.*?) -->", r"`\1`, \2 the line `\3`:\n", own)


def written_by_contributing() -> dict[str, str]:
    """Return the files that CONTRIBUTING.md has the reader write, by their paths."""
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    return dict(re.findall(r"<!-- write: (\S+) -->\n```\w+\n(.*?)```", text, flags=re.DOTALL))


def _attributes(docstring: str) -> dict[str, str]:
    """Return what the section of attributes says of each, several on one line each on its own."""
    found = {}
    for names, said in re.findall(r"^    (\w+(?:, \w+)*) : \w+\n((?: {8}.+\n?)+)", docstring, flags=re.MULTILINE):
        for name in names.split(", "):
            found[name] = " ".join(said.split())
    return found


def _number(value: Any) -> str:
    if value % 1024**2 == 0:
        return f"{value // 1024**2} MB"
    return f"{value:,.0f}"
