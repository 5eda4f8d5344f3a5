"""One model, many threads; one model, used before and after a process forks: the same answers to the last bit, and none waits."""

from __future__ import annotations

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
from emofuse.features.errors import PredictionError
from emofuse.inference import predictor

N_THREADS = 8
# Used, forked, used again: what waits for a thread that only the first process has, waits for ever.
FORKED = """
import faulthandler, importlib.util, os, sys
from pathlib import Path
from emofuse.inference.predictor import load
spec = importlib.util.spec_from_file_location("models", sys.argv[1])
making = importlib.util.module_from_spec(spec)
sys.modules["models"] = making
spec.loader.exec_module(making)
model = load(sys.argv[2])
blocks = {name: about["features"] for name, about in model.manifest["blocks"].items() if about["source"] == name}
clip = {
    "sound": {"audio": (making.tone(1), making.RATE_HZ), "text": "I am so happy"},
    "picture": {"image": making.face(1)},
}.get(Path(sys.argv[2]).stem, {"features": {name: dict.fromkeys(features, 0.5) for name, features in blocks.items()}})
before = [model.predict(**clip).probabilities for _ in range(3)]
table = making.table_rows(count=4000)[0] if blocks else None
answers = None if table is None else model.predict_blocks(table)
process = os.fork()
if not process:
    faulthandler.dump_traceback_later(30, exit=True)
    same = [model.predict(**clip).probabilities for _ in range(3)] == before
    same &= table is None or bool((model.predict_blocks(table) == answers).all())
    os._exit(0 if same else 3)
sys.exit(os.waitstatus_to_exitcode(os.waitpid(process, 0)[1]))
"""


def test_eight_threads_ask_one_model_for_everything_at_once(models, making):
    model = predictor.load(models.sound().path)
    wav = making.wav(making.tone(2))
    clips = [
        {"audio": (making.tone(0), making.RATE_HZ), "text": making.SENTENCES[0]},
        {"audio": wav},
        {"text": making.SENTENCES[1]},
        {"audio": wav, "text": "", "start_s": 0.1, "end_s": 0.5},
        {"audio": wav[:100], "text": making.SENTENCES[2]},
        {"audio": b"no sound at all"},
        {"audio": wav, "start_s": 5.0},
    ]

    def answered(clip):
        try:
            found = model.predict(**clip)
        except PredictionError as error:
            return str(error)
        said = {name: (one.present, one.reason, one.probabilities) for name, one in found.modalities.items()}
        return found.probabilities, found.top_features, found.warnings, said

    alone = [answered(clip) for clip in clips]
    barrier = Barrier(N_THREADS)

    def many(first):
        barrier.wait(timeout=30)
        return [(number % len(clips), answered(clips[number % len(clips)])) for number in range(first, first + 21)]

    with ThreadPoolExecutor(N_THREADS) as pool:
        found = [pair for pairs in pool.map(many, range(N_THREADS)) for pair in pairs]
    assert len(found) == 21 * N_THREADS
    assert all(answer == alone[number] for number, answer in found)


@pytest.mark.skipif(sys.platform == "win32", reason="processes are not forked there")
@pytest.mark.parametrize("name", ["sound", "picture", "boosted", "kernel", "threads"])
def test_a_model_answers_in_a_process_that_was_forked_off_after_it_was_used(models, making, tmp_path, name):
    if name in ("sound", "picture"):
        path = getattr(models, name)().path
    else:
        path = models.tables("hybrid", "kernel" if name == "kernel" else "boosted").path
    if name == "threads":

        def more(members, manifest):
            todo = [manifest["model"]]
            while todo:
                node = todo.pop()
                if isinstance(node, dict) and "n_threads" in node:
                    node["n_threads"] = 2
                todo += node.values() if isinstance(node, dict) else node if isinstance(node, list) else []

        (tmp_path / "two.emofuse").write_bytes(making.rewritten(path, more))
        path = tmp_path / "two.emofuse"
    done = subprocess.run(
        [sys.executable, "-c", FORKED, making.__file__, str(path)],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
