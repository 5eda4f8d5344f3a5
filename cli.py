"""The command line: every verb a thin call into one room."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.text import Text

from .features.store_commands import app as store_app
from .features.terminal import new_console, new_table, print_notes, showing_progress, showing_status

if TYPE_CHECKING:
    from .experiments.corpora import Corpus
    from .experiments.run import Run
    from .experiments.study import Study

app = typer.Typer(
    name="emofuse",
    help="Classical multimodal emotion recognition: features, fusion strategies compared honestly.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.add_typer(store_app, name="store")

StudyArgument = Annotated[str | None, typer.Argument(help="A shipped study (see `emofuse corpora`) or a TOML file.")]
Root = Annotated[Path | None, typer.Option(help="Folder or zip archive of the corpus.")]
Samples = Annotated[
    Path | None,
    typer.Option(help="Your own sample table (CSV) in place of a corpus; paths in it start from --root or its folder."),
]
Jobs = Annotated[int, typer.Option(min=1, help="Threads and processes; results do not depend on it.")]
Scheduler = Annotated[
    str | None,
    typer.Option(
        help="Spread the work over a Dask cluster: tcp://HOST:PORT, or local:N for processes here (extra distributed)."
    ),
]
StoreOption = Annotated[Path | None, typer.Option("--store", help="Feature store; your cache folder by default.")]
ModelArgument = Annotated[Path, typer.Argument(help="A model that `emofuse train` wrote (.emofuse).")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]
Protocol = Annotated[str | None, typer.Option(help="Another protocol than the study's.")]
SpeakerNormalisation = Annotated[
    bool,
    typer.Option(
        "--speaker-normalisation",
        help="Standardise each speaker by unlabelled statistics; stamped adaptive.",
    ),
]
Task = Annotated[str | None, typer.Option("--task", help="One task of a study that has several.")]
Seed = Annotated[int | None, typer.Option(min=0, help="Another seed than the study's.")]
CPUS = os.cpu_count() or 1
MAX_EXPLAINED = 4  # beyond it, one line a feature
INTERRUPTED = 130  # what Typer returns after Ctrl-C


def main() -> None:
    """Run the command line: one line on stderr and exit status 2 where the user can mend something."""
    from .features.errors import EmofuseError
    from .features.stopping import TERMINATED, Terminated, stopping_on_sigterm

    try:
        with stopping_on_sigterm():
            status = app(prog_name="emofuse", standalone_mode=False)
            sys.stdout.flush()
    except Terminated:
        status = TERMINATED
    except EmofuseError as error:
        status = _complain(_shortened(error))
    except BrokenPipeError:  # nobody reads on; what Typer makes of it where the output is longer
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        status = 1
    except Exception as error:
        if not hasattr(error, "format_message"):  # Typer's usage errors; their class moved between its versions
            raise
        status = _complain(_usage(error))
    if status in (INTERRUPTED, TERMINATED):
        _complain("stopped; what was extracted is kept, the same command goes on from there")
    sys.exit(status)


@app.command()
def demo(
    out: Annotated[Path, typer.Option(help="Folder for corpus, store and run.")] = Path("emofuse-demo"),
    jobs: Jobs = CPUS,
    as_json: AsJson = False,
) -> None:
    """Make the synthetic corpus, compare every fusion strategy on it, write the report, and train the winner."""
    from .experiments.bundles import save_trained
    from .experiments.corpora import read_corpus
    from .experiments.study import load_study
    from .experiments.train import most_chosen, train_study
    from .features.store import FeatureStore

    study = load_study("demo")
    with showing_status("making the synthetic corpus"):
        corpus = read_corpus("demo", out / "corpus")
    done = _run_and_print(study, corpus, out / "corpus", out, jobs, out / "store", as_json)
    with showing_status("training the winner"):
        trained = train_study(study, corpus, strategy=most_chosen(done), run=done, store=FeatureStore(out / "store"))
    save_trained(trained, out / "demo.emofuse")
    if not as_json:
        print(f"model: {out / 'demo.emofuse'} (try: emofuse predict {out / 'demo.emofuse'} --text 'I am so happy!')")


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
    console = new_console()
    if name:
        for key, value in asdict(infos[0]).items():
            shown = ", ".join(value) if isinstance(value, tuple) else {True: "yes", False: "no"}.get(value, value)
            console.print(f"[bold]{key:>10}[/]  {shown}", highlight=False)
        return
    table = new_table("Corpora: each is also the name of a shipped study")
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
    from .experiments.opening import study_and_corpus
    from .experiments.terminal import print_findings, print_optimism

    chosen, corpus, root = study_and_corpus(study, root, samples)
    with showing_status("looking"):
        findings = run_audit(chosen, corpus, root=root, n_jobs=jobs)
    measured = None
    if optimism:
        from .experiments.optimism import measure_optimism
        from .features.store import FeatureStore

        with showing_progress() as progress:
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
        print_findings(findings, f"Audit of {corpus.info.name} for study {chosen.name}")
        if measured is not None:
            print_optimism(measured)
    raise typer.Exit(1 if refused else 0)


@app.command()
def extract(
    study: StudyArgument = None,
    root: Root = None,
    samples: Samples = None,
    out: Annotated[Path | None, typer.Option(help="Write the block table to this Parquet file.")] = None,
    jobs: Jobs = CPUS,
    scheduler: Scheduler = None,
    store: StoreOption = None,
    as_json: AsJson = False,
) -> None:
    """Extract the features of a study into the store; a second run extracts nothing."""
    from .experiments.blocks import build_blocks
    from .experiments.opening import study_and_corpus
    from .experiments.run import prepare_corpus
    from .experiments.terminal import print_extraction
    from .features.cluster import on_cluster
    from .features.store import FeatureStore

    chosen, corpus, root = study_and_corpus(study, root, samples, comparing=False)
    corpus = prepare_corpus(chosen, corpus, require_label=False, n_jobs=jobs)
    with on_cluster(scheduler), showing_progress() as progress:
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
    print_extraction(built, f"Extraction for study {chosen.name}: {len(built.X)} samples")


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
    console = new_console()
    if len(found) > MAX_EXPLAINED:
        table = new_table(f"{len(found)} features")
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
    from .experiments.terminal import lines

    with showing_status(f"reading {clip.name}"):
        facts = show_clip(clip, out or Path(f"{clip.stem}.png"), start_s=start_s, end_s=end_s, sampling_rate_hz=rate)
    if as_json:
        print(json.dumps(facts, indent=1, ensure_ascii=False))
        return
    console = new_console()
    for name, value in lines(facts):
        console.print(Text(f"{name:>18}  "), Text(value), sep="", soft_wrap=True)


@app.command()
def run(
    study: StudyArgument = None,
    root: Root = None,
    samples: Samples = None,
    out: Annotated[Path | None, typer.Option(help="Folder of the run; runs/STUDY by default.")] = None,
    jobs: Jobs = CPUS,
    scheduler: Scheduler = None,
    store: StoreOption = None,
    protocol: Protocol = None,
    test_split: Annotated[str | None, typer.Option(help="Split that protocol 'official' tests on.")] = None,
    speaker_normalisation: SpeakerNormalisation = False,
    leaky: Annotated[bool, typer.Option("--leaky", help="Run although the split leaks; stamped leaky.")] = False,
    seed: Seed = None,
    budget: Annotated[
        int | None,
        typer.Option(min=0, max=1000, help="Nested tuning: trials a strategy; 0 takes the recipes as they are."),
    ] = None,
    task: Task = None,
    as_json: AsJson = False,
) -> None:
    """Compare fusion strategies on a corpus, and write the run."""
    from .experiments.opening import study_and_corpus
    from .experiments.tasks import one_task

    chosen, corpus, root = study_and_corpus(study, root, samples)
    chosen, corpus = one_task(chosen, corpus, task)
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
    _run_and_print(chosen, corpus, root, out or Path("runs") / chosen.name, jobs, store, as_json, scheduler)


@app.command()
def cross(
    corpora: Annotated[list[str], typer.Argument(help="Two corpora or more: names, or sample tables (.csv).")],
    root: Annotated[
        list[str] | None, typer.Option(help="CORPUS=FOLDER, once for each corpus; a table's own folder by default.")
    ] = None,
    labels: Annotated[str, typer.Option(help="The label set that all are brought to.")] = "ekman7",
    label_map: Annotated[
        list[str] | None, typer.Option("--map", help="CORPUS=MAP, where another label map is wanted.")
    ] = None,
    normalisation: Annotated[
        str, typer.Option(help="none, corpus or speaker: whose unlabelled statistics standardise features.")
    ] = "none",
    study: Annotated[
        str | None, typer.Option(help="Blocks and recipes of this study; what all corpora have by default.")
    ] = None,
    out: Annotated[Path | None, typer.Option(help="Folder of the results; ./runs/cross by default.")] = None,
    jobs: Jobs = CPUS,
    store: StoreOption = None,
    seed: Seed = None,
    as_json: AsJson = False,
) -> None:
    """Train on each corpus and test on each: what holds in one recording room need not hold in another."""
    from .experiments.cross import cross_corpora, named_corpora, named_values
    from .experiments.cross_report import print_cross, write_cross
    from .experiments.run_folder import prepare_folder
    from .experiments.study import load_study
    from .experiments.terminal import failure_notes, warning_notes
    from .features.store import FeatureStore

    found = named_corpora(corpora, root or [])
    prepare_folder(out or Path("runs/cross"))
    with showing_progress() as progress:
        done = cross_corpora(
            found,
            space=labels,
            maps=named_values(label_map or [], [corpus.info.name for corpus in found], "--map"),
            study=None if study is None else load_study(study),
            normalisation=normalisation,
            seed=seed or 0,
            n_jobs=jobs,
            store=FeatureStore(store),
            progress=progress.block,
            on_task=progress.tasks,
        )
    folder = write_cross(done, out or Path("runs/cross"))
    if as_json:
        print((folder / "cross.json").read_text(encoding="utf-8"), end="")
        return
    print_cross(done.results)
    print_notes([*done.notes, *failure_notes(done.table.failures), *warning_notes(done.table.warnings)])
    print(f"report: {folder / 'cross.html'}")


@app.command()
def explore(
    study: StudyArgument = None,
    root: Root = None,
    samples: Samples = None,
    out: Annotated[Path | None, typer.Option(help="Folder of the page; explore/STUDY by default.")] = None,
    task: Annotated[str | None, typer.Option(help="Which task of a study that has several.")] = None,
    jobs: Jobs = CPUS,
    store: StoreOption = None,
    as_json: AsJson = False,
) -> None:
    """Look at a corpus before any model: counts, lengths, features by class, projections and clips on one page.

    Where a study holds rows back for one test, only those that it trains on are looked at.
    """
    from .experiments.explore import explore as run_explore
    from .experiments.explore import study_to_explore, write_exploration
    from .experiments.explore_terminal import print_exploration
    from .experiments.run_folder import prepare_folder
    from .experiments.tasks import one_task
    from .features.store import FeatureStore

    chosen, corpus, root = study_to_explore(study, root, samples)
    chosen, corpus = one_task(chosen, corpus, task)
    folder = out or Path("explore") / chosen.name
    prepare_folder(folder)
    with showing_progress() as progress:
        found = run_explore(chosen, corpus, root=root, n_jobs=jobs, store=FeatureStore(store), progress=progress.block)
    page = write_exploration(found, folder)
    if as_json:
        print((page.parent / "explore.json").read_text(encoding="utf-8"), end="")
        return
    print_exploration(found)
    print(f"page: {page}")


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


@app.command()
def train(
    study: StudyArgument = None,
    root: Root = None,
    samples: Samples = None,
    out: Annotated[Path | None, typer.Option(help="The model to write; STUDY.emofuse by default.")] = None,
    strategy: Annotated[
        str | None,
        typer.Option(help="A strategy, or NAME:CLASSIFIER; by default the one that training rows choose out of fold."),
    ] = None,
    hold_out: Annotated[
        str | None, typer.Option(help="Groups (speakers) to leave out of everything, separated by commas.")
    ] = None,
    jobs: Jobs = CPUS,
    scheduler: Scheduler = None,
    store: StoreOption = None,
    protocol: Protocol = None,
    speaker_normalisation: SpeakerNormalisation = False,
    seed: Seed = None,
    task: Task = None,
    as_json: AsJson = False,
) -> None:
    """Validate a study's way of choosing a model, choose one, fit it on every sample, and write it to one file."""
    from .experiments.bundles import licences, save_trained
    from .experiments.opening import study_and_corpus
    from .experiments.run_folder import prepare_folder
    from .experiments.tasks import one_task
    from .experiments.terminal import print_training
    from .experiments.train import train_study
    from .features.cluster import on_cluster
    from .features.store import FeatureStore

    chosen, corpus, root = study_and_corpus(study, root, samples)
    chosen, corpus = one_task(chosen, corpus, task)
    changes: dict[str, Any] = {}
    if protocol is not None:
        changes["protocol"] = chosen.protocol.model_dump() | {"name": protocol}
    if speaker_normalisation:
        changes["speaker_normalisation"] = True
    if seed is not None:
        changes["seed"] = seed
    if changes:
        chosen = chosen.changed(**changes)
    out = out or Path(f"{chosen.name}.emofuse")
    prepare_folder(out.parent)
    with on_cluster(scheduler), showing_progress() as progress:
        done = train_study(
            chosen,
            corpus,
            strategy=strategy,
            root=root,
            n_jobs=jobs,
            store=FeatureStore(store),
            hold_out=[name.strip() for name in (hold_out or "").split(",") if name.strip()],
            progress=progress.block,
            on_task=progress.tasks,
        )
    save_trained(done, out)
    said = {
        "model": str(out),
        "bytes": out.stat().st_size,
        "strategy": done.strategy,
        "classifier": done.family,
        "blocks": list(done.blocks),
        "validation": done.validation,
        "n_samples": done.training["n_samples"],
        "n_groups": done.training["n_groups"],
        "n_held_out_groups": len(done.training["held_out"]),
        "licences": licences(done),
        "notes": list(done.notes),
    }
    if as_json:
        print(json.dumps(said, indent=1, ensure_ascii=False))
        return
    print_training(said)
    print_notes([*said["licences"], *done.notes])
    print(f"model: {out} ({said['bytes'] / 1e6:.1f} MB)")


@app.command()
def evaluate(
    models: Annotated[
        list[Path],
        typer.Argument(metavar="MODEL...", help="A model; several are asked each alone, in pairs and all together."),
    ],
    corpus: Annotated[str | None, typer.Option(help="A corpus; the one it was trained on by default.")] = None,
    root: Root = None,
    samples: Samples = None,
    split: Annotated[
        str | None, typer.Option(help="A split of the corpus, or held_out: the groups that training left out.")
    ] = None,
    labels: Annotated[str, typer.Option(help="Of several models: the label set of their answers.")] = "ekman7",
    learn_from: Annotated[
        str | None, typer.Option(help="Of several models: a split that stacking and weights are learned from.")
    ] = None,
    out: Annotated[Path | None, typer.Option(help="Write results, predictions and report to this folder.")] = None,
    jobs: Jobs = CPUS,
    store: StoreOption = None,
    as_json: AsJson = False,
) -> None:
    """Let a model answer a corpus, all modalities and each alone; stamped leaky where training had seen any of it."""
    from .experiments.corpora import read_corpus
    from .experiments.evaluate import evaluate_model, write_evaluation
    from .experiments.jury import evaluate_jury, model_names, write_jury
    from .experiments.opening import own_corpus
    from .experiments.run_folder import prepare_folder
    from .experiments.terminal import failure_notes, print_classes, print_results, warning_notes
    from .features.errors import CorpusError
    from .features.store import FeatureStore
    from .inference.predictor import load

    loaded = [load(model) for model in models]
    if samples is not None:
        found, root = own_corpus(samples, root, require_label=False), root or samples.parent
    else:
        name = corpus or str(loaded[0].manifest["corpus"]["name"])
        if root is None:
            raise CorpusError(
                f"corpus {name!r}: give its folder or archive with --root, or your own table with --samples"
            )
        with showing_status(f"reading {name}"):
            found = read_corpus(name, root)
    if out is not None:
        prepare_folder(out)
    with showing_progress() as progress:
        shared: dict[str, Any] = {
            "root": root,
            "n_jobs": jobs,
            "store": FeatureStore(store),
            "progress": progress.block,
        }
        if len(loaded) == 1:
            done = evaluate_model(loaded[0], found, split=split, **shared)
            folder = None if out is None else write_evaluation(done, loaded[0], out)
        else:
            jury = dict(zip(model_names(models), loaded, strict=True))
            done = evaluate_jury(jury, found, space=labels, split=split, learn_from=learn_from, **shared)
            folder = None if out is None else write_jury(done, jury, out)
    if as_json:
        print(json.dumps({**done.results, "notes": list(done.notes)}, indent=1, ensure_ascii=False))
        return
    print_results(done.results, str(loaded[0].manifest["study"]["metrics"][0]))
    if "evaluation" in done.results:
        print_classes(done.results["evaluation"])
    print_notes([*done.notes, *failure_notes(done.table.failures), *warning_notes(done.table.warnings)])
    if folder is not None:
        print(f"report: {folder / 'report.html'}")


@app.command()
def predict(
    model: ModelArgument,
    clips: Annotated[
        list[str] | None, typer.Argument(help="Clips or folders of them; - reads lines of text from standard input.")
    ] = None,
    audio: Annotated[Path | None, typer.Option(help="Sound of a clip.")] = None,
    video: Annotated[
        Path | None, typer.Option(help="Video of a clip; its sound track too, where --audio is not given.")
    ] = None,
    image: Annotated[Path | None, typer.Option(help="Picture of a face.")] = None,
    text: Annotated[str | None, typer.Option(help="The text itself.")] = None,
    eeg: Annotated[Path | None, typer.Option(help="EEG recording.")] = None,
    physiology: Annotated[Path | None, typer.Option(help="Table of physiological signals.")] = None,
    openface: Annotated[Path | None, typer.Option(help="Table that OpenFace wrote.")] = None,
    start_s: Annotated[float | None, typer.Option(min=0, help="First second of the clip.")] = None,
    end_s: Annotated[float | None, typer.Option(min=0, help="Last second of the clip.")] = None,
    csv: Annotated[
        Path | None,
        typer.Option("--csv", help="Sample table: a row a clip, columns as these options; block/feature for numbers."),
    ] = None,
    root: Annotated[
        Path | None, typer.Option(help="Where relative paths of --csv begin; its folder by default.")
    ] = None,
    out: Annotated[Path | None, typer.Option(help="Write the answers to this CSV, Parquet or JSON file.")] = None,
    enrol: Annotated[
        Path | None,
        typer.Option(help="Folder of the person's other clips: the answer is measured against them; adaptive."),
    ] = None,
    budget_ms: Annotated[
        float | None, typer.Option(min=0, help="Time for a clip: the dearest modalities are left out to keep it.")
    ] = None,
    timeline: Annotated[
        list[Path] | None,
        typer.Option(
            help="Answer along a long --audio or --video: .csv, .parquet, .json, or a figure (.png, .svg, .pdf)."
        ),
    ] = None,
    live: Annotated[
        str | None, typer.Option(help="Answer along a device: microphone or camera; stop with Ctrl-C.")
    ] = None,
    window_s: Annotated[float, typer.Option(help="Seconds answered at a time along a recording.")] = 3.0,
    hop_s: Annotated[float, typer.Option(help="Seconds from one answer to the next.")] = 1.0,
    as_json: AsJson = False,
) -> None:
    """Answer a clip, or many: what its label is, how sure that is, what each modality says, and which features moved it."""
    from .inference.predictor import load
    from .inference.requests import answer_request, read_request, recording_of
    from .inference.terminal import answer_format, follow_recording, print_answer, print_answers, write_answers

    options: dict[str, Any] = {"audio": audio, "video": video, "image": image, "text": text, "eeg": eeg}
    options |= {"physiology": physiology, "openface": openface, "start_s": start_s, "end_s": end_s}
    if out is not None:
        answer_format(out)  # said before an hour of clips is answered
    loaded = load(model)
    if timeline or live:
        source = recording_of(live, audio, video)
        bounds = {"start_s": start_s, "end_s": end_s}
        follow_recording(
            loaded, source, timeline or [], as_json=as_json, text=text, window_s=window_s, hop_s=hop_s, **bounds
        )
        return
    request = read_request(loaded, options, clips or [], csv=csv, root=root)
    speaker = (
        None if enrol is None else loaded.enrol([clip for _, clip in read_request(loaded, {}, [str(enrol)]).clips])
    )
    with showing_progress() as progress:
        answered = answer_request(loaded, request, speaker=speaker, budget_ms=budget_ms, showing=progress.steps)
    if out is not None:
        write_answers(answered, out)
    if as_json:
        found = [{"clip": name} | answer.as_dict() for name, answer in answered]
        print(json.dumps(answered[0][1].as_dict() if request.single else found, indent=1, ensure_ascii=False))
    elif request.single:
        print_answer(answered[0][1])
    elif out is None:
        print_answers(answered)
    else:
        print(out)


@app.command()
def drift(
    model: ModelArgument,
    clips: Annotated[
        list[str] | None, typer.Argument(help="Clips or folders of them; - reads lines of text from standard input.")
    ] = None,
    csv: Annotated[
        Path | None, typer.Option("--csv", help="Sample table: a row a clip, as of `emofuse predict`.")
    ] = None,
    root: Annotated[
        Path | None, typer.Option(help="Where relative paths of --csv begin; its folder by default.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Say how far a batch of clips lies from what a model was trained on: 20 clips or more, no labels needed."""
    from .inference.drifting import as_records
    from .inference.predictor import load
    from .inference.requests import read_request
    from .inference.terminal import print_drift

    loaded = load(model)
    with showing_status("measuring"):
        found = loaded.drift([clip for _, clip in read_request(loaded, {}, clips or [], csv=csv, root=root).clips])
    records = as_records(loaded, found)
    if as_json:
        print(json.dumps(records, indent=1, ensure_ascii=False))
    else:
        print_drift(records)


@app.command()
def inspect(
    model: ModelArgument,
    card: Annotated[bool, typer.Option("--card", help="Print the model card in Markdown.")] = False,
    as_json: AsJson = False,
) -> None:
    """Say what a model needs, what it was trained and validated on, its licences and its size."""
    from .inference.bundle import load_bundle
    from .inference.card import model_card
    from .inference.terminal import inspection, print_inspection

    bundle = load_bundle(model)
    if card:
        print(model_card(bundle))
    elif as_json:
        print(json.dumps(inspection(bundle), indent=1, ensure_ascii=False))
    else:
        print_inspection(bundle)


@app.command()
def serve(
    model: ModelArgument,
    host: Annotated[
        str, typer.Option(help="Where to listen; anything but this machine needs a token in EMOFUSE_TOKEN.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65_535, help="0 takes one that is free.")] = 8000,
    at_work: Annotated[int, typer.Option(min=1, max=64, help="Requests worked on at once.")] = 2,
    body_mb: Annotated[int, typer.Option(min=1, max=1024, help="Longest body of a request, in MB.")] = 64,
    seconds: Annotated[float, typer.Option(min=1, max=3600, help="Longest time for an answer.")] = 30.0,
) -> None:
    """Serve a model and its page on this machine; stop with Ctrl-C.

    A token of 16 letters or more in the environment variable EMOFUSE_TOKEN is asked of every client.
    """
    from .features.errors import EmofuseError

    try:
        from .inference.limits import Limits
        from .inference.service import serve as run_service
    except ModuleNotFoundError as error:
        raise EmofuseError(f"the service needs {error.name}: install emofuse[serve]") from None
    from .inference.predictor import load

    loaded = load(model)
    with showing_status("warming up"):
        loaded.warm()
    run_service(loaded, host, port, limits=Limits(at_work=at_work, body_bytes=body_mb * 1024**2, seconds=seconds))


@app.callback(invoke_without_command=True)
def _version(version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False) -> None:
    if version:
        from . import __version__

        print(f"emofuse {__version__}")
        raise typer.Exit


def _run_and_print(
    study: Study,
    corpus: Corpus,
    root: Path,
    out: Path,
    jobs: int,
    store: Path | None,
    as_json: bool,
    scheduler: str | None = None,
) -> Run:
    from .experiments.run import run_study
    from .experiments.run_folder import prepare_folder, write_run
    from .experiments.terminal import failure_notes, print_results, warning_notes
    from .features.cluster import on_cluster
    from .features.store import FeatureStore

    prepare_folder(out)
    with on_cluster(scheduler), showing_progress() as progress:
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
        return done
    print_results(done.results, study.metrics[0])
    print_notes([*done.notes, *failure_notes(done.table.failures), *warning_notes(done.table.warnings)])
    print(f"report: {folder / 'report.html'}")
    return done


def _write_blocks(built: Any, out: Path) -> None:
    from .experiments.run_folder import write_failures
    from .features.errors import StudyError
    from .features.files import staged

    flat = built.X.copy()
    flat.columns = [f"{block}/{feature}" for block, feature in flat.columns]
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        with staged(out) as place:
            flat.to_parquet(place)
        with staged(out.with_suffix(".failures.csv")) as place:
            write_failures(built.failures, place)
    except OSError as error:
        raise StudyError(
            f"the block table cannot be written to {str(out)!r}: {error.strerror or error}; choose another --out"
        ) from None


def _shortened(error: Exception, shown: int = 4) -> str:
    """Return what an error says, of many bad rows the first ones."""
    problems = getattr(error, "problems", [])
    more = len(problems) - shown
    return str(error) if more < 2 else f"{'; '.join(problems[:shown])}; and {more} more"


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
