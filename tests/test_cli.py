"""The command line: what each verb prints, and one line on stderr for whatever the user can mend."""

from __future__ import annotations

import io
import json
import re
import shutil
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from emofuse import __version__, cli
from emofuse.experiments import corpora, demo
from emofuse.experiments.report import FILES
from emofuse.experiments.study import to_toml
from emofuse.features import terminal
from rich.console import Console
from typer.testing import CliRunner

VERBS = ("demo", "corpora", "audit", "extract", "run", "report", "train", "evaluate", "predict", "inspect", "serve")


@pytest.fixture(scope="module")
def place(make_corpus, make_study, tiny_demo, tmp_path_factory):
    """A folder with a user's own CSV, studies, and a copy of the demo corpus."""
    root = tmp_path_factory.mktemp("place")
    shutil.copytree(tiny_demo, root / "corpus")
    own = pd.read_csv(root / "corpus" / "samples.csv").drop(columns="eeg")
    own.to_csv(root / "corpus" / "mine.csv", index=False)
    light = {"n_inner": 2, "strategies": ["unimodal", "late_mean"]}
    audio_text = {"audio": {"extractor": "opensmile"}, "text": {"extractor": "text"}}
    (root / "light.toml").write_text(to_toml(make_study(**light, blocks=audio_text)), encoding="utf-8")
    face = make_study("face", **light, corpus="demo", name="face [bold]only")
    (root / "face.toml").write_text(to_toml(face), encoding="utf-8")
    table = make_corpus(n_groups=4, n_per_group=15).tables["face"].round(3)
    wrist = table.assign(subject=np.repeat([2, 3, 4, 5], 15), label=np.tile([0, 1, 2], 20))
    wrist["leak"] = wrist["label"]
    (root / "wesad").mkdir()
    wrist.to_csv(root / "wesad" / "feats.csv", index=False)
    wesad = make_study(corpus="wesad", name="leaky", blocks={"wrist": {"extractor": "table", "table": "wrist"}})
    (root / "wesad.toml").write_text(to_toml(wesad), encoding="utf-8")
    return root


@pytest.fixture(scope="module")
def run_folder(place, shared_store):
    """The folder of a run that the command line made of a user's own CSV."""
    out = place / "own"
    arguments = ["run", "light.toml", "--samples", "corpus/mine.csv", "--out", "own", "--jobs", "1"]
    called = subprocess.run(
        [sys.executable, "-c", "from emofuse.cli import main; main()", *arguments, "--store", str(shared_store)],
        cwd=place,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (called.returncode, called.stdout.splitlines()[-1]) == (0, "report: own/report.html"), called.stderr
    return out


@pytest.mark.parametrize("verb", [*VERBS, None])
def test_every_verb_explains_itself(verb):
    answer = CliRunner().invoke(cli.app, ["--help"] if verb is None else [verb, "--help"])
    assert answer.exit_code == 0
    assert "Usage" in answer.output
    if verb is None:
        assert all(name in answer.output for name in VERBS)


def test_no_arguments_show_the_help_and_the_version_is_printed(command):
    bare = command()
    assert (bare.status, bare.err) == (2, "")
    assert all(verb in bare.out for verb in VERBS)
    assert command("--version").out == f"emofuse {__version__}\n"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nosuch"], "No such command 'nosuch'; see 'emofuse --help'"),
        (["run", "--bogus"], "No such option: --bogus .*; see 'emofuse run --help'"),
        (["demo", "--jobs", "0"], "Invalid value for '--jobs': .*greater than or equal to 1"),
        (["demo", "--jobs", "many"], "Invalid value for '--jobs'"),
        (["demo", "--out", "light.toml"], "cannot be written to 'light.toml/corpus': .*; choose another folder"),
        (["corpora", "nobody"], "corpus 'nobody' is not known; choose from crema_d"),
        (["corpora", "ravdess", "meld"], "unexpected extra argument"),
        (["corpora", "--json=yes"], "does not take a value"),
        (["audit", "nobody"], "no shipped study 'nobody'"),
        (["audit", "ravdess"], "needs the corpus 'ravdess': give its folder or archive with --root"),
        (["audit", "broken.toml"], "study 'broken.toml' is no TOML"),
        (["extract"], "name a study .*or give --samples"),
        (["extract", "wesad", "--root", "gone"], "wesad: no folder or archive 'gone'"),
        (["extract", "light.toml", "--samples", "gone.csv"], r"no file 'gone\.csv'"),
        (["extract", "face.toml", "--root", "corpus", "--store", "light.toml"], "store 'light.toml' cannot be made"),
        (["extract", "face.toml", "--root", "corpus", "--out", "light.toml/x.parquet"], "block table cannot be written"),
        (["run", "ravdess", "--root", "empty"], "ravdess: sound files .* not found below 'empty'; .*zenodo.*CC BY-NC-SA"),
        (["run", "light.toml", "--samples", "broken.toml"], "none of the columns .* found"),
        (["run", "--samples", "mono.csv"], "needs a column 'group' with three speakers or more"),
        (["run", "--samples", "bad.csv"], "sample 'b': its group is missing; sample 'a': its label is missing"),
        (["run", "face.toml", "--root", "corpus", "--protocol", "luna6"], "protocol.name: Input should be 'luna5'"),
        (["run", "face.toml", "--root", "corpus", "--protocol", "official"], "'official' needs a column 'split'"),
        (["run", "face.toml", "--root", "corpus", "--out", "light.toml"], "cannot be written: .*choose another --out"),
        (["run", "face.toml", "--root", "corpus", "--seed", "-1"], "Invalid value for '--seed'"),
        (["report"], "Missing argument 'runs'; see 'emofuse report --help'"),
        (["report", "empty"], "'empty' is no run folder"),
        (["report", "corpus", "gone"], "'corpus' is no run folder"),
    ],
)  # fmt: skip
def test_wrong_usage_is_one_line_on_stderr(place, monkeypatch, command, arguments, message):
    monkeypatch.chdir(place)
    (place / "empty").mkdir(exist_ok=True)
    (place / "broken.toml").write_text("name = , x\n1,2\n")
    (place / "mono.csv").write_text("id,text,label\na,hi,x\nb,ho,y\n")
    (place / "bad.csv").write_text("id,text,label,group\na,hi,,s1\nb,ho,y,\n")
    answer = command(*arguments)
    assert (answer.status, answer.out) == (2, "")
    assert re.fullmatch(rf"emofuse: .*{message}.*\n", answer.err), answer.err
    assert "Traceback" not in answer.err


def test_no_control_character_of_a_users_text_reaches_the_terminal(command, tmp_path):  # Text 39
    (tmp_path / "a.csv").write_text('id,text,label\n"a\x1b[2J\u202eb",hi,x\nb,ho, y \n', encoding="utf-8")
    answer = command("run", "--samples", tmp_path / "a\x1b[31m.csv")
    assert (answer.status, answer.err.rstrip("\n").isprintable()) == (2, True)
    answer = command("run", "--samples", tmp_path / "a.csv")
    assert (answer.status, answer.err.rstrip("\n").isprintable()) == (2, True)


def test_errors_leave_the_process_with_status_2():
    called = subprocess.run(
        [sys.executable, "-c", "from emofuse.cli import main; main()", "run", "nosuch"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert called.returncode == 2
    assert called.stderr.startswith("emofuse: no shipped study 'nosuch'")
    assert called.stderr.count("\n") == 1


def test_what_nobody_foresaw_is_not_hidden(monkeypatch):
    def bug(name):
        raise ZeroDivisionError

    monkeypatch.setattr(corpora, "corpus_info", bug)
    monkeypatch.setattr(sys, "argv", ["emofuse", "corpora"])
    with pytest.raises(ZeroDivisionError):
        cli.main()


def test_ctrl_c_says_that_the_work_goes_on_from_there(monkeypatch, command):
    def stop(name):
        raise KeyboardInterrupt

    monkeypatch.setattr(corpora, "corpus_info", stop)
    answer = command("corpora")
    assert answer.status == 130
    assert answer.err == "emofuse: stopped; what was extracted is kept, the same command goes on from there\n"


@pytest.mark.parametrize("argument", ["demo", "--json"])
def test_a_reader_that_stops_reading_gets_no_complaint(argument):
    call = [sys.executable, "-c", "from emofuse.cli import main; main()", "corpora", argument]
    with subprocess.Popen(call, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as called:
        called.stdout.close()
        assert called.stderr.read() == b""
        assert called.wait() == 1


def test_corpora_are_listed_with_licence_and_place(command):
    everything = command("corpora")
    assert everything.status == 0
    for name in corpora.NAMES:
        info = corpora.corpus_info(name)
        assert info.licence in everything.out
        assert info.source in everything.out
    one = command("corpora", "demo").out
    assert re.search(r"^ *synthetic  yes$", one, re.MULTILINE)
    assert "audio, text, face, eeg" in one


def test_corpora_as_json(command):
    listed = json.loads(command("corpora", "--json").out)
    assert [item["name"] for item in listed] == list(corpora.NAMES)
    assert json.loads(command("corpora", "meld", "--json").out) == listed[corpora.NAMES.index("meld")]


def test_audit_fails_where_a_used_column_is_refused(place, monkeypatch, command):
    monkeypatch.chdir(place)
    answer = command("audit", "wesad.toml", "--root", "wesad")
    assert answer.status == 1
    assert re.search(r"refused +label_leak +wrist: leak", answer.out)
    found = json.loads(command("audit", "wesad.toml", "--root", "wesad", "--json").out)
    assert (found["study"], found["corpus"], found["passed"]) == ("leaky", "wesad", False)
    assert {"severity", "kind", "where", "message", "used"} == set(found["findings"][0])


def test_audit_passes_where_nothing_used_is_refused(place, monkeypatch, command):
    monkeypatch.chdir(place)
    study = (place / "wesad.toml").read_text().replace('table = "wrist"', 'table = "wrist"\ncolumns = ["face_0"]')
    (place / "careful.toml").write_text(study)
    answer = command("audit", "careful.toml", "--root", "wesad", "--json")
    found = json.loads(answer.out)
    assert (answer.status, found["passed"]) == (0, True)
    assert (found["findings"][0]["severity"], found["findings"][0]["used"]) == ("refused", False)
    assert "Audit of demo for study face [bold]only" in command("audit", "face.toml", "--root", "corpus").out


def test_extracting_twice_extracts_nothing_the_second_time(place, tmp_path, command):
    arguments = ("extract", "demo", "--root", place / "corpus", "--store", tmp_path / "store", "--jobs", "1", "--json")
    first, second = (json.loads(command(*arguments).out)["blocks"] for _ in range(2))
    for block in ("audio", "eeg"):
        assert first[block]["extracted"] > 0 == second[block]["extracted"]
        assert second[block]["from_store"] == first[block]["extracted"]
        assert sum(first[block].values()) == sum(second[block].values()) == 24


def test_the_demo_corpus_is_made_in_the_users_cache(tmp_path, monkeypatch, command, tiny_demo):
    monkeypatch.setattr("platformdirs.user_cache_path", lambda name: tmp_path / name)
    shutil.copytree(tiny_demo, tmp_path / "emofuse" / "demo")
    assert json.loads(command("audit", "demo", "--json").out)["corpus"] == "demo"


def test_extract_writes_the_block_table_and_lists_failures(place, tmp_path, command):
    root = shutil.copytree(place / "corpus", tmp_path / "corpus")
    broken = sorted((root / "eeg").iterdir())[0]
    broken.write_bytes(b"")
    out = tmp_path / "new" / "blocks.parquet"
    answer = command("extract", "demo", "--root", root, "--store", tmp_path / "store", "--out", out)
    assert answer.status == 0
    table = pd.read_parquet(out)
    assert len(table) == 24
    assert {column.split("/")[0] for column in table} == {"audio", "text", "face", "eeg"}
    assert pd.read_csv(out.with_suffix(".failures.csv"))["code"].tolist() == ["empty_file"]
    assert re.search(r"^ *eeg +40 +\d+ +0 +\d+ +1 *$", answer.out, re.MULTILINE)
    assert f"eeg sample '{broken.stem}' is absent (empty_file)" in answer.err


def test_run_on_own_samples_compares_sound_and_words(run_folder):
    results = json.loads((run_folder / "results.json").read_text(encoding="utf-8"))
    assert results["corpus"]["name"] == "mine"
    assert [row["blocks"] for row in results["rows"]] == [["audio"], ["text"], ["audio", "text"]]
    assert all((run_folder / name).is_file() for name in FILES)


def test_run_on_own_samples_needs_no_study(place, monkeypatch, command):
    monkeypatch.chdir(place)
    samples = pd.read_csv("corpus/mine.csv").drop(columns="audio")
    samples["group"] = samples["group"].replace("s04", "s03")
    samples.to_csv("corpus/words.csv", index=False)
    answer = command("run", "--samples", "corpus/words.csv", "--jobs", "1", "--store", "store")
    assert answer.status == 0
    assert answer.out.startswith("words: 24 samples, 3 speakers, group_kfold")
    assert "Nothing to compare (one modality only): text" in answer.out
    assert (place / "runs" / "words" / "results.json").is_file()


def test_run_options_change_the_study_and_are_stamped(place, tmp_path, command):
    arguments = ("run", place / "face.toml", "--root", place / "corpus", "--out", tmp_path, "--jobs", "1")
    changes = ("--speaker-normalisation", "--protocol", "random", "--seed", "7")
    answer = command(*arguments, *changes, "--store", tmp_path / "store")
    assert "[SYNTHETIC DATA, ADAPTIVE, LEAKY]" in answer.out
    assert "face [bold]only: 24 samples" in answer.out
    results = json.loads((tmp_path / "results.json").read_text(encoding="utf-8"))
    assert (results["protocol"]["name"], results["protocol"]["leaky"]) == ("random", True)
    assert "seed = 7" in (tmp_path / "study.toml").read_text(encoding="utf-8")


def test_run_as_json_prints_the_results(place, tmp_path, command):
    arguments = ("run", place / "face.toml", "--root", place / "corpus", "--out", tmp_path, "--jobs", "1", "--json")
    answer = command(*arguments, "--store", tmp_path / "store")
    assert json.loads(answer.out) == json.loads((tmp_path / "results.json").read_text(encoding="utf-8"))


def test_the_first_metric_of_the_study_leads_the_table(place, tmp_path, command):
    study = tmp_path / "ranked.toml"
    study.write_text((place / "face.toml").read_text().replace('["uar", ', '["weighted_f1", "uar", ', 1))
    answer = command("run", study, "--root", place / "corpus", "--out", tmp_path / "run", "--store", tmp_path / "s")
    assert re.search(r"weighted F1 \(95 % interval\)", answer.out), answer.err


def test_report_on_one_run_and_on_two(run_folder, tmp_path, command):
    assert command("report", run_folder).out.splitlines() == [str(run_folder / name) for name in FILES]
    both = command("report", run_folder, run_folder, "--out", tmp_path)
    assert both.out.splitlines() == [str(tmp_path / name) for name in FILES]
    assert "2 runs side by side" in (tmp_path / "report.html").read_text(encoding="utf-8")


def test_demo_makes_its_corpus_and_its_report(tmp_path, monkeypatch, command, make_study):
    monkeypatch.setattr(demo, "N_SPEAKERS", 4)
    monkeypatch.setattr(demo, "CLIPS_A_CELL", 1)
    study = make_study("face", corpus="demo", strategies=["unimodal", "best_single"])
    monkeypatch.setattr("emofuse.experiments.study.load_study", lambda name: study)
    answer = command("demo", "--out", tmp_path / "demo", "--jobs", "1")
    report, model = answer.out.splitlines()[-2:]
    assert report == f"report: {tmp_path / 'demo' / 'report.html'}"
    assert model.startswith(f"model: {tmp_path / 'demo' / 'demo.emofuse'}")
    assert {"corpus", "store", "results.json", "demo.emofuse"} <= {path.name for path in (tmp_path / "demo").iterdir()}


def test_progress_goes_to_a_terminals_stderr(place, tmp_path, monkeypatch, command):
    screen = io.StringIO()
    monkeypatch.setattr(terminal, "errors", Console(file=screen, force_terminal=True, width=100))
    arguments = ("--root", place / "corpus", "--out", tmp_path, "--jobs", "1", "--store", tmp_path / "store")
    assert command("run", place / "face.toml", *arguments).status == 0
    assert "comparing" in screen.getvalue()
    command("extract", "demo", "--root", place / "corpus", "--store", tmp_path / "store", "--jobs", "1")
    assert "extracting eeg" in screen.getvalue()


def test_long_errors_and_many_notes_are_cut(capsys):
    assert cli._complain("word " * 1000) == 2
    assert len(capsys.readouterr().err) < 2100
    terminal.print_notes([f"number {count}" for count in range(30)])
    assert capsys.readouterr().err.splitlines()[-1] == "note: 10 more, see results.json"
