"""The command line: every verb a thin call into one room."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:
    from .experiments.corpora import Corpus
    from .experiments.study import Study
    from .features.base import Progress

app = typer.Typer(
    name="emofuse",
    help="Classical multimodal emotion recognition: features, fusion strategies compared honestly.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
errors = Console(stderr=True)

StudyArgument = Annotated[str | None, typer.Argument(help="A shipped study (see `emofuse corpora`) or a TOML file.")]
Root = Annotated[Path | None, typer.Option(help="Folder or zip archive of the corpus.")]
Samples = Annotated[
    Path | None,
    typer.Option(help="Your own sample table (CSV) in place of a corpus; paths in it start from --root or its folder."),
]
Jobs = Annotated[int, typer.Option(min=1, help="Threads and processes; results do not depend on it.")]
StoreOption = Annotated[Path | None, typer.Option("--store", help="Feature store; your cache folder by default.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]
CPUS = os.cpu_count() or 1
MAX_EXPLAINED = 4  # beyond it, one line a feature
INTERRUPTED = 130  # what Typer returns after Ctrl-C


def main() -> None:
    """Run the command line: one line on stderr and exit status 2 where the user can mend something."""
    from .features.errors import EmofuseError

    try:
        status = app(prog_name="emofuse", standalone_mode=False)
        sys.stdout.flush()
    except EmofuseError as error:
        status = _complain(str(error))
    except BrokenPipeError:  # nobody reads on; what Typer makes of it where the output is longer
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        status = 1
    except Exception as error:
        if not hasattr(error, "format_message"):  # Typer's usage errors; their class moved between its versions
            raise
        status = _complain(_usage(error))
    if status == INTERRUPTED:
        _complain("stopped; what was extracted is kept, the same command goes on from there")
    sys.exit(status)


@app.command()
def demo(
    out: Annotated[Path, typer.Option(help="Folder for corpus, store and run.")] = Path("emofuse-demo"),
    jobs: Jobs = CPUS,
    as_json: AsJson = False,
) -> None:
    """Make the synthetic corpus, compare every fusion strategy on it, and write the report."""
    from .experiments.corpora import read_corpus
    from .experiments.study import load_study

    study = load_study("demo")
    with _status("making the synthetic corpus"):
        corpus = read_corpus("demo", out / "corpus")
    _run_and_print(study, corpus, out / "corpus", out, jobs, out / "store", as_json)


@app.command()
def corpora(
    name: Annotated[str | None, typer.Argument(help="One corpus, in full.")] = None, as_json: AsJson = False
) -> None:
    """Say which corpora can be read, under which licence, and where to get them."""
    from dataclasses import asdict

    from .experiments.corpora import NAMES, corpus_info

    infos = [corpus_info(name)] if name else [corpus_info(known) for known in NAMES]
    if as_json:
        found = [asdict(info) for info in infos]
        print(json.dumps(found[0] if name else found, indent=1, ensure_ascii=False))
        return
    console = _console()
    if name:
        for key, value in asdict(infos[0]).items():
            shown = ", ".join(value) if isinstance(value, tuple) else {True: "yes", False: "no"}.get(value, value)
            console.print(f"[bold]{key:>10}[/]  {shown}", highlight=False)
        return
    table = _table("Corpora: each is also the name of a shipped study")
    for heading in ("name", "modalities", "licence", "where"):
        table.add_column(heading, overflow="fold")
    for info in infos:
        table.add_row(info.name, ", ".join(info.modalities), info.licence, info.source)
    console.print(table)


@app.command()
def audit(
    study: StudyArgument = None,
    root: Root = None,
    samples: Samples = None,
    optimism: Annotated[
        bool, typer.Option("--optimism", help="Also run the study, and what a random split would have claimed.")
    ] = False,
    jobs: Jobs = CPUS,
    store: StoreOption = None,
    as_json: AsJson = False,
) -> None:
    """Look for leaks, copies, modalities put together by label, and dead, repeated or telltale columns.

    Exit status 1 where something that the study uses is refused.
    """
    from dataclasses import asdict

    from .experiments.audit import audit as run_audit

    chosen, corpus, root = _study_and_corpus(study, root, samples)
    with _status("looking"):
        findings = run_audit(chosen, corpus, root=root, n_jobs=jobs)
    measured = None
    if optimism:
        from .experiments.optimism import measure_optimism
        from .features.store import FeatureStore

        with _progress() as progress:
            measured = measure_optimism(
                chosen,
                corpus,
                root=root,
                n_jobs=jobs,
                store=FeatureStore(store),
                progress=progress.block,
                on_task=progress.tasks,
            )
    refused = [finding for finding in findings if finding.severity == "refused" and finding.used]
    if as_json:
        found = {
            "study": chosen.name,
            "corpus": corpus.info.name,
            "passed": not refused,
            "findings": [asdict(f) for f in findings],
        } | ({} if measured is None else {"optimism": measured})
        print(json.dumps(found, indent=1, ensure_ascii=False))
    else:
        table = _table(f"Audit of {corpus.info.name} for study {chosen.name}")
        for heading in ("", "what", "where", "finding", "used"):
            table.add_column(heading, overflow="fold")
        colours = {"refused": "bold red", "warning": "yellow", "note": "dim"}
        for finding in findings:
            style = colours[finding.severity]
            cells = (
                finding.severity,
                finding.kind,
                finding.where,
                finding.message,
                "yes" if finding.used else "no",
            )
            table.add_row(*map(Text, cells), style=style)
        _console().print(table)
        if measured is not None:
            from .experiments.report import row_name

            table = _table(f"{measured['label']} by the study's split and by a random one")
            for heading in ("strategy", "classifier", measured["honest"]["name"], "random [LEAKY]", "gap"):
                table.add_column(Text(heading), justify="left" if heading in ("strategy", "classifier") else "right")
            for row in measured["rows"]:
                numbers = (f"{row['honest']:.3f}", f"{row['random']:.3f}", f"{row['gap']:+.3f}")
                table.add_row(row_name(row), row["classifier"], *numbers)
            _console().print(table)
            _console().print(measured["sentence"], style="bold", highlight=False, markup=False)
    raise typer.Exit(1 if refused else 0)


@app.command()
def extract(
    study: StudyArgument = None,
    root: Root = None,
    samples: Samples = None,
    out: Annotated[Path | None, typer.Option(help="Write the block table to this Parquet file.")] = None,
    jobs: Jobs = CPUS,
    store: StoreOption = None,
    as_json: AsJson = False,
) -> None:
    """Extract the features of a study into the store; a second run extracts nothing."""
    from .experiments.blocks import build_blocks
    from .experiments.run import prepare_corpus
    from .features.store import FeatureStore

    chosen, corpus, root = _study_and_corpus(study, root, samples, comparing=False)
    corpus = prepare_corpus(chosen, corpus, require_label=False, n_jobs=jobs)
    with _progress() as progress:
        built = build_blocks(chosen, corpus, root=root, n_jobs=jobs, store=FeatureStore(store), progress=progress.block)
    if out is not None:
        _write_blocks(built, out)
    if as_json:
        failures = built.failures.to_dict(orient="records")
        print(
            json.dumps(
                {
                    "study": chosen.name,
                    "blocks": built.counts,
                    "failures": failures,
                    "notes": list(built.notes),
                },
                indent=1,
            )
        )
        return
    table = _table(f"Extraction for study {chosen.name}: {len(built.X)} samples")
    for heading in ("block", "features", "extracted", "from store", "absent", "failed"):
        table.add_column(heading, justify="left" if heading == "block" else "right")
    for block in dict.fromkeys(built.X.columns.get_level_values(0)):
        counts = built.counts.get(block)
        cells = ["-"] * 4 if counts is None else [str(count) for count in counts.values()]
        table.add_row(block, str(built.X[block].shape[1]), *cells)
    _console().print(table)
    _print_notes([*built.notes, *_failure_notes(built.failures), *_warning_notes(built.warnings)])


@app.command()
def explain(
    feature: Annotated[str, typer.Argument(help="A feature's name, or a pattern in quotes such as '*F0*'.")],
    as_json: AsJson = False,
) -> None:
    """Say what a feature measures, its unit, and where its formula comes from."""
    from dataclasses import asdict

    from .features.explain import explain_features

    found = explain_features(feature)
    if as_json:
        print(json.dumps([asdict(item) for item in found], indent=1, ensure_ascii=False))
        return
    console = _console()
    if len(found) > MAX_EXPLAINED:
        table = _table(f"{len(found)} features")
        for heading in ("feature", "extractor", "unit", "measures"):
            table.add_column(heading)
        for item in found:
            table.add_row(Text(item.feature), item.extractor, item.note.unit, Text(item.note.measures))
        console.print(table)
        return
    for item in found:
        console.print(Text(item.feature, style="bold"), Text(f"({item.extractor})", style="dim"))
        for name in ("measures", "unit", "source"):
            console.print(Text(f"{name:>10}  {getattr(item.note, name)}"))


@app.command()
def show(
    clip: Annotated[Path, typer.Argument(help="A sound, video, picture, EEG recording or text.")],
    out: Annotated[
        Path | None, typer.Option(help="PNG, PDF or SVG to write; CLIP's name with .png here by default.")
    ] = None,
    start_s: Annotated[float | None, typer.Option(min=0, help="First second drawn.")] = None,
    end_s: Annotated[float | None, typer.Option(min=0, help="Last second drawn.")] = None,
    rate: Annotated[float | None, typer.Option(min=1, help="Sampling rate (Hz) of an EEG table without times.")] = None,
    as_json: AsJson = False,
) -> None:
    """Draw one clip: waveform and F0, frames with faces and landmarks, EEG bands, tokens."""
    from .experiments.show import show_clip

    with _status(f"reading {clip.name}"):
        facts = show_clip(clip, out or Path(f"{clip.stem}.png"), start_s=start_s, end_s=end_s, sampling_rate_hz=rate)
    if as_json:
        print(json.dumps(facts, indent=1, ensure_ascii=False))
        return
    console = _console()
    for name, value in _lines(facts):
        console.print(Text(f"{name:>18}  "), Text(value), sep="", soft_wrap=True)


@app.command()
def run(
    study: StudyArgument = None,
    root: Root = None,
    samples: Samples = None,
    out: Annotated[Path | None, typer.Option(help="Folder of the run; runs/STUDY by default.")] = None,
    jobs: Jobs = CPUS,
    store: StoreOption = None,
    protocol: Annotated[str | None, typer.Option(help="Another protocol than the study's.")] = None,
    test_split: Annotated[str | None, typer.Option(help="Split that protocol 'official' tests on.")] = None,
    speaker_normalisation: Annotated[
        bool,
        typer.Option(
            "--speaker-normalisation",
            help="Standardise each speaker by unlabelled statistics; stamped adaptive.",
        ),
    ] = False,
    leaky: Annotated[bool, typer.Option("--leaky", help="Run although the split leaks; stamped leaky.")] = False,
    seed: Annotated[int | None, typer.Option(min=0, help="Another seed than the study's.")] = None,
    budget: Annotated[
        int | None,
        typer.Option(min=0, max=1000, help="Nested tuning: trials a strategy; 0 takes the recipes as they are."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Compare fusion strategies on a corpus, and write the run."""
    chosen, corpus, root = _study_and_corpus(study, root, samples)
    changes: dict[str, Any] = {}
    spec = {"name": protocol, "test": test_split, "leaky": leaky or None}
    if any(value is not None for value in spec.values()):
        given = {key: value for key, value in spec.items() if value is not None}
        changes["protocol"] = chosen.protocol.model_dump() | given
    if protocol is not None:
        changes["also"] = ()
    if speaker_normalisation:
        changes["speaker_normalisation"] = True
    if seed is not None:
        changes["seed"] = seed
    if budget is not None:
        changes["budget"] = budget
    if changes:
        chosen = chosen.changed(**changes)
    _run_and_print(chosen, corpus, root, out or Path("runs") / chosen.name, jobs, store, as_json)


@app.command()
def report(
    runs: Annotated[list[Path], typer.Argument(help="Run folders.")],
    out: Annotated[
        Path | None, typer.Option(help="Folder of the report; the run's own, or ./report for several.")
    ] = None,
) -> None:
    """Write the report of one run, or of several side by side, as HTML, Markdown and LaTeX."""
    from .experiments.report import write_reports

    for path in write_reports(runs, out or (runs[0] if len(runs) == 1 else Path("report"))):
        print(path)


@app.callback(invoke_without_command=True)
def _version(version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False) -> None:
    if version:
        from . import __version__

        print(f"emofuse {__version__}")
        raise typer.Exit


def _study_and_corpus(
    study: str | None, root: Path | None, samples: Path | None, *, comparing: bool = True
) -> tuple[Study, Corpus, Path]:
    from .experiments.corpora import Corpus, CorpusInfo, read_corpus
    from .experiments.study import load_study, study_for_samples
    from .features.errors import CorpusError, StudyError
    from .features.samples import media_columns, read_samples

    if samples is not None:
        table = read_samples(samples, root=root, require_label=comparing)
        info = CorpusInfo(
            name=samples.stem,
            title=f"sample table {samples.name}",
            licence="the user's own data",
            source=samples.name,
            layout="sample table",
            groups="speaker",
            modalities=tuple(column for column in (*media_columns(), "text") if column in table),
        )
        chosen = (
            study_for_samples(table, name=samples.stem, comparing=comparing) if study is None else load_study(study)
        )
        return chosen, Corpus(info, table), root or samples.parent
    if study is None:
        raise StudyError("name a study (such as ravdess, or a TOML file), or give --samples TABLE.csv")
    chosen = load_study(study)
    if root is None:
        if chosen.corpus != "demo":
            raise CorpusError(
                f"study {chosen.name!r} needs the corpus {chosen.corpus!r}: give its folder or archive with --root"
            )
        from platformdirs import user_cache_path

        root = user_cache_path("emofuse") / "demo"
    with _status(f"reading {chosen.corpus}"):
        return chosen, read_corpus(chosen.corpus, root), root


def _run_and_print(
    study: Study, corpus: Corpus, root: Path, out: Path, jobs: int, store: Path | None, as_json: bool
) -> None:
    from .experiments.run import run_study
    from .experiments.run_folder import prepare_folder, write_run
    from .features.store import FeatureStore

    prepare_folder(out)
    with _progress() as progress:
        done = run_study(
            study,
            corpus,
            root=root,
            n_jobs=jobs,
            store=FeatureStore(store),
            progress=progress.block,
            on_task=progress.tasks,
        )
    folder = write_run(done, study, out)
    if as_json:
        print((folder / "results.json").read_text(encoding="utf-8"), end="")
        return
    _print_results(done.results, study.metrics[0])
    _print_notes([*done.notes, *_failure_notes(done.table.failures), *_warning_notes(done.table.warnings)])
    print(f"report: {folder / 'report.html'}")


def _print_results(results: dict[str, Any], metric: str) -> None:
    from .experiments.report import number, row_kind, row_name, sorted_rows, stamps
    from .experiments.results import METRIC_LABELS

    corpus, protocol = results["corpus"], results["protocol"]
    marks = stamps(results)
    groups = f"{corpus['n_groups']} {protocol['groups']}s, " if corpus["n_groups"] else ""
    title = f"{results['study']}: {corpus['n_samples']} samples, {groups}{protocol['name']}"
    table = _table(title + (f"  [{', '.join(marks).upper()}]" if marks else ""))
    table.add_column("strategy")
    table.add_column("classifier")
    table.add_column(f"{METRIC_LABELS[metric]} (95 % interval)", justify="right")
    others = [name for name in METRIC_LABELS if name != metric]
    for name in others:
        table.add_column(METRIC_LABELS[name], justify="right")
    for row in sorted_rows(results, metric):
        main_ = row["metrics"][metric]
        cells = [number(row["metrics"][name]["mean"]) for name in others]
        interval = f"{number(main_['mean'])} ({number(main_['low'])} to {number(main_['high'])})"
        style = {"single": "cyan", "control": "dim"}.get(row_kind(row))
        style = "bold" if row["strategy"] == "selected" else style
        table.add_row(row_name(row), row["classifier"], interval, *cells, style=style)
    console = _console()
    console.print(table)
    if "other_protocols" in results:
        console.print(_protocol_table(results, metric))
    console.print(results["verdict"], style="bold", highlight=False, markup=False)


def _lines(facts: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield what a clip's facts say, a line each."""
    for name, value in facts.items():
        if isinstance(value, dict):
            yield from _lines({f"{name} {key}": item for key, item in value.items()})
        elif isinstance(value, list):
            if value:
                yield name, ", ".join(map(str, value))
        elif value is not None:
            yield name.removesuffix("_hz").removesuffix("_s").replace("_", " "), f"{value}{_unit(name)}"


def _unit(name: str) -> str:
    return " Hz" if name.endswith("_hz") else " s" if name.endswith("_s") else " dB" if name.endswith("_db") else ""


def _protocol_table(results: dict[str, Any], metric: str) -> Table:
    from .experiments.report import number, protocol_columns, protocol_rows
    from .experiments.results import METRIC_LABELS

    table = _table(f"{METRIC_LABELS[metric]} under other splits: what a stamped one gains is no skill")
    table.add_column("strategy")
    table.add_column("classifier")
    for column in protocol_columns(results):
        marks = "".join(f" [{mark.upper()}]" for mark in column["stamps"])
        table.add_column(Text(column["name"] + marks), justify="right")
    for row in protocol_rows(results, metric):
        cells = ["" if item is None else number(item["mean"]) for item in row["metrics"]]
        table.add_row(row["name"], row["classifier"], *cells)
    return table


def _write_blocks(built: Any, out: Path) -> None:
    from .experiments.run_folder import write_failures
    from .features.errors import StudyError

    flat = built.X.copy()
    flat.columns = [f"{block}/{feature}" for block, feature in flat.columns]
    staged = out.with_name(f".{out.name}.{os.getpid()}")
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        flat.to_parquet(staged)
        staged.replace(out)
        write_failures(built.failures, out.with_suffix(".failures.csv"))
    except OSError as error:
        with suppress(OSError):
            staged.unlink()
        raise StudyError(
            f"the block table cannot be written to {str(out)!r}: {error.strerror}; choose another --out"
        ) from None


def _console() -> Console:
    """Return a console that keeps tables whole where the output is no terminal."""
    return Console() if sys.stdout.isatty() else Console(width=1000)


def _table(title: str) -> Table:
    return Table(title=Text(title), box=None, title_justify="left")


def _print_notes(notes: list[str]) -> None:
    from .features.text_cleaning import printable

    for note in notes[:20]:
        errors.print(f"note: {printable(note)}", style="dim", highlight=False, markup=False, soft_wrap=True)
    if len(notes) > 20:
        errors.print(f"note: {len(notes) - 20} more, see results.json", style="dim")


def _failure_notes(failures: Any) -> list[str]:
    return [
        f"{item.source} sample {item.sample!r} is absent ({item.code}): {item.message}"
        for item in failures.itertuples()
    ]


def _warning_notes(warnings: Any) -> list[str]:
    kinds = warnings["message"].str.split(":").str[0].value_counts() if len(warnings) else {}
    return [f"{count} samples: {kind}" for kind, count in kinds.items()]


def _complain(text: str, limit: int = 2000) -> int:
    """Print one line on stderr; return the exit status of what the user can mend."""
    from .features.text_cleaning import printable

    text = printable(" ".join(text.split()))
    if text:
        print(f"emofuse: {text if len(text) <= limit else f'{text[:limit]} …'}", file=sys.stderr)
    return 2


def _usage(error: Any) -> str:
    """Return what a usage error says; nothing where the whole help was printed in its place."""
    message = str(error.format_message()).rstrip(".")
    command = getattr(error.ctx, "command_path", "emofuse")
    return f"{message}; see '{command} --help'" if message else ""


@contextmanager
def _status(text: str) -> Iterator[None]:
    if not errors.is_terminal:
        yield
        return
    with errors.status(f"{text} …"):
        yield


class _Bars:
    """Progress on stderr: one bar a block, one for the folds; silent where stderr is no terminal."""

    def __init__(self, bars: Any = None) -> None:
        self.bars = bars
        self.folds: Any = None

    @contextmanager
    def block(self, name: str, total: int) -> Iterator[Progress]:
        if self.bars is None:
            yield lambda _: None
            return
        task = self.bars.add_task(f"extracting {name}", total=total)
        yield lambda amount: self.bars.advance(task, amount)

    def tasks(self, finished: int, total: int) -> None:
        if self.bars is not None:
            if self.folds is None:
                self.folds = self.bars.add_task("comparing", total=total)
            self.bars.update(self.folds, completed=finished)


@contextmanager
def _progress() -> Iterator[_Bars]:
    if not errors.is_terminal:
        yield _Bars()
        return
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=errors, transient=True) as bars:
        yield _Bars(bars)
