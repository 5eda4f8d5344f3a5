"""One fuzz target in a process of its own: ``python tests/fuzz/harness.py TARGET FOLDER [libFuzzer's options]``.

An error that the door does not document is a finding: its input and traceback are kept once for each place it comes from,
and the search goes on. What ends a process (a crash in a library, ten seconds, too much memory) libFuzzer keeps itself.
With ``--reproduce FILE`` the door is opened once, and a traceback is printed of where it stands after ten seconds.
"""

from __future__ import annotations

import faulthandler
import hashlib
import logging
import os
import random
import sys
import traceback
import warnings
from pathlib import Path

import atheris

TIMEOUT_S = 10
MAX_KINDS = 50
INSTRUMENTED = ["emofuse", "PIL", "pypdf", "tomllib", "multipart", "python_multipart", "zipfile"]


def main() -> None:
    """Fuzz a target, or open its door once."""
    name, folder, *options = sys.argv[1:]
    place = Path(folder).resolve()
    place.mkdir(parents=True, exist_ok=True)
    os.environ["HOME"] = os.environ["XDG_CACHE_HOME"] = str(place / "home")
    logging.disable(logging.CRITICAL)
    with atheris.instrument_imports(include=INSTRUMENTED):
        from targets import TARGETS

        target = TARGETS[name]()
    from emofuse.features.errors import EmofuseWarning

    def open_door(data: bytes) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            warnings.simplefilter("ignore", EmofuseWarning)
            target.door(data)

    if options[:1] == ["--reproduce"]:
        faulthandler.dump_traceback_later(TIMEOUT_S, exit=True)
        open_door(Path(options[1]).read_bytes())
        return

    known: set[str] = set()

    def test_one_input(data: bytes) -> None:
        try:
            open_door(data)
        except target.allowed:
            return
        except Exception as error:
            _keep(place, known, data, error)

    def mutate(data: bytes, max_size: int, seed: int) -> bytes:
        assert target.mutate is not None
        changed = target.mutate(data, random.Random(seed), lambda part: atheris.Mutate(part, max(64, 2 * len(part))))
        return changed if len(changed) <= max_size else data[:max_size]

    corpus = place / "corpus"
    corpus.mkdir(exist_ok=True)
    for seed, content in target.seeds.items():
        (corpus / seed.replace("/", "_")).write_bytes(content)
        try:
            open_door(content)
        except target.allowed as error:
            print(f"note: seed {seed} is refused: {error}", flush=True)
        except Exception as error:
            _keep(place, known, content, error)
    given = {} if target.mutate is None else {"custom_mutator": mutate}
    arguments = [
        sys.argv[0],
        f"-artifact_prefix={place}/",
        f"-timeout={TIMEOUT_S}",
        f"-rss_limit_mb={target.rss_mb}",
        f"-max_len={target.max_bytes}",
        "-print_final_stats=1",
        *options,
        str(corpus),
    ]
    atheris.Setup(arguments, test_one_input, **given)
    atheris.Fuzz()


def _keep(place: Path, known: set[str], data: bytes, error: Exception) -> None:
    frames = traceback.extract_tb(error.__traceback__)
    ours = [frame for frame in frames if "site-packages" not in frame.filename]
    kind = f"{type(error).__name__} {ours[-1].filename}:{ours[-1].lineno} {frames[-1].filename}:{frames[-1].lineno}"
    if kind in known or len(known) >= MAX_KINDS:
        return
    known.add(kind)
    stem = f"finding-{hashlib.sha256(kind.encode()).hexdigest()[:12]}"
    (place / stem).write_bytes(data)
    (place / f"{stem}.txt").write_text("".join(traceback.format_exception(error))[-20_000:], encoding="utf-8")


if __name__ == "__main__":
    main()
