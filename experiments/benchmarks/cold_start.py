"""From nothing: what a new process takes to import the package, to print its help, and to answer for the first time."""

from __future__ import annotations

import json

import numpy as np

from . import Options, Row
from .inference import SENTENCE, write_model
from .measuring import run_python

TURNS, QUICK_TURNS = 5, 1
MOST_IMPORT_MS, MOST_HELP_S, MOST_FIRST_S = 50.0, 1.0, 1.5
CLI = "from emofuse.cli import main; main()"
BARE = "pass"
IMPORT = """
import json, time
start = time.perf_counter()
import emofuse
print(json.dumps(1000 * (time.perf_counter() - start)))
"""
# A prediction in a process that serves: the model is read and the sentence answered, the interpreter is there.
FIRST = """
import json, sys, time
start = time.perf_counter()
from emofuse.inference.predictor import load
load(sys.argv[1]).predict(text=sys.argv[2])
print(json.dumps(time.perf_counter() - start))
"""


def benchmark(options: Options) -> list[Row]:
    """Measure each kind of beginning in processes of its own, by the median; a bare interpreter stands beside it."""
    turns = QUICK_TURNS if options.quick else TURNS
    model = write_model(options.folder / "text.emofuse", {}, text=True)
    calls = {
        "interpreter": ["-c", BARE],
        "import emofuse": ["-c", IMPORT],
        "emofuse --help": ["-c", CLI, "--help"],
        "emofuse predict --text": ["-c", CLI, "predict", str(model), "--text", SENTENCE],
        "first prediction": ["-c", FIRST, str(model), SENTENCE],
    }
    spent = {name: [run_python(arguments) for _ in range(turns)] for name, arguments in calls.items()}
    wall = {name: float(np.median([one.seconds for one in own])) for name, own in spent.items()}
    told = {
        name: float(np.median([json.loads(one.output) for one in spent[name]]))
        for name in ("import emofuse", "first prediction")
    }
    bare = wall["interpreter"]
    return [
        Row("import emofuse", told["import emofuse"], at_most=MOST_IMPORT_MS, unit="ms"),
        Row("emofuse --help, whole process", wall["emofuse --help"], bare, at_most=MOST_HELP_S),
        Row("emofuse predict --text, whole process", wall["emofuse predict --text"], bare, at_most=MOST_FIRST_S),
        Row("reading a model of texts and the first answer", told["first prediction"]),
        *(
            Row(f"{name}, memory", max(one.peak_mb for one in own), unit="MB")
            for name, own in spent.items()
            if name != "interpreter"
        ),
    ]
