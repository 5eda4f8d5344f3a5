"""The service under load, with a model of random numbers.

Clients ask, each one request after the other, as fast as answers come: texts, sounds, pictures, timelines, and requests
that are wrong. A client that is told to come back later waits as long as it is told. Every status but the expected ones
and 503 is a failure; the memory of the service is read every ten seconds.
"""

from __future__ import annotations

import io
import json
import subprocess
import sys
import threading
import time
import wave
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import numpy as np

from . import Options, Row
from .inference import EXTRACTORS, write_model

RATE_HZ = 16_000
TEXT = "I never thought that I would say this, but what a lovely surprise it was to see them all again!"
BOUNDARY = "0123456789"
EVERY_S = 10.0
CLIENTS, SECONDS, QUICK_CLIENTS, QUICK_S = 16, 60.0, 2, 1.0
OVERLOADED = 503
SERVE = "from emofuse.cli import main; main()"
# The order in which a client asks; what the model does not read is left out.
ORDER = ("text", "image", "text", "audio", "wrong", "text", "faces", "words", "timeline", "wrong")


class Asked(NamedTuple):
    """One kind of request, and the statuses that are right for it beside 503."""

    path: str
    content_type: str
    body: bytes
    right: tuple[int, ...] = (200,)


def benchmark(options: Options) -> list[Row]:
    """Put a service of sound, pictures and texts under load; nothing may fail, and memory must not grow."""
    model = write_model(options.folder / "served.emofuse", EXTRACTORS, text=True)
    clients, seconds = (QUICK_CLIENTS, QUICK_S) if options.quick else (CLIENTS, SECONDS)
    with served(model) as url:
        found = put_under_load(url, clients, seconds)
    answered = {kind: own for kind, own in found["kinds"].items() if own["n"]}
    sizes = list(found["memory_mb"].values())
    return [
        Row(f"{clients} clients, seconds an answer", 1 / max(found["requests_per_s"], 1e-9)),
        *(Row(f"{clients} clients, {kind}, p95", own["p95_ms"], unit="ms") for kind, own in answered.items()),
        Row(f"{clients} clients, failures", float(sum(found["failures"].values())), at_most=0.0, unit=""),
        Row(f"{clients} clients, memory at the end", sizes[-1], sizes[0], unit="MB"),
    ]


def requests(modalities: dict[str, Any]) -> dict[str, list[Asked]]:
    """Return by their kind the requests that suit a model of such modalities, and wrong ones."""
    sound, picture = _sound(3.0), _picture()
    found = {
        "faces": [_form("/v1/faces", "image", picture)],
        "wrong": [
            Asked("/v1/predict", "application/json", b'{"text": ', (422,)),
            Asked("/v1/predict", "text/plain", b"hello", (415,)),
            Asked("/v1/nothing", "application/json", b"{}", (404,)),
            _form("/v1/predict", "audio", b"no sound at all", (422,)),
            _form("/v1/faces", "image", picture[:100], (422,)),
            _form("/v1/document", "file", b"%PDF-1.7 no pages", (422,)),
        ],
    }
    if "text" in modalities:
        body = json.dumps({"text": TEXT}).encode()
        found["text"] = [Asked("/v1/predict", "application/json", body)]
        found["words"] = [Asked("/v1/words", "application/json", body)]
    if "audio" in modalities:
        found["audio"] = [_form("/v1/predict", "audio", sound)]
        found["timeline"] = [_form("/v1/timeline", "audio", _sound(6.0))]
    if "image" in modalities:
        found["image"] = [_form("/v1/predict", "image", picture)]
    return found


def put_under_load(url: str, n_clients: int, seconds: float) -> dict[str, Any]:
    """Ask a service from many threads; return counts, times and memory.

    Parameters
    ----------
    url : str
    n_clients : int
    seconds : float

    Returns
    -------
    dict
        ``requests_per_s``, ``kinds`` (for each one ``n``, ``p50_ms`` and ``p95_ms`` of those answered, and ``statuses``),
        ``memory_mb`` by second, and ``failures``, which is empty where all is well.
    """
    place = urlsplit(url).netloc
    kinds = requests(json.loads(_get(place, "/v1/model"))["modalities"])
    order = [kind for kind in ORDER if kind in kinds]
    times: dict[str, list[float]] = {kind: [] for kind in kinds}
    statuses: dict[str, Counter[int]] = {kind: Counter() for kind in kinds}
    failures: Counter[str] = Counter()
    begin = time.monotonic()

    def client(number: int) -> None:
        connection = HTTPConnection(place, timeout=120)
        turn, turns = number, Counter[str]()
        while time.monotonic() - begin < seconds:
            kind = order[turn % len(order)]
            asked = kinds[kind][(number + turns[kind]) % len(kinds[kind])]
            turn += 1
            turns[kind] += 1
            since = time.perf_counter()
            try:
                connection.request("POST", asked.path, asked.body, {"Content-Type": asked.content_type})
                answer = connection.getresponse()
                body = answer.read()
            except (OSError, HTTPException) as error:
                failures[f"{kind}: {type(error).__name__}"] += 1
                connection.close()
                continue
            statuses[kind][answer.status] += 1
            if answer.status in asked.right:
                times[kind].append(time.perf_counter() - since)
            elif answer.status == OVERLOADED:
                time.sleep(float(answer.headers["Retry-After"]))
            else:
                failures[f"{kind}: {answer.status} {body[:100].decode(errors='replace')}"] += 1
        connection.close()

    clients = [threading.Thread(target=client, args=(number,)) for number in range(n_clients)]
    for thread in clients:
        thread.start()
    memory = {0.0: _memory_mb(place)}
    while any(thread.is_alive() for thread in clients):
        for thread in clients:
            thread.join(max(0.0, begin + max(memory) + EVERY_S - time.monotonic()))
        memory[round(time.monotonic() - begin, 1)] = _memory_mb(place)
    took_s = time.monotonic() - begin
    answered = sum(map(len, times.values()))
    return {
        "clients": n_clients,
        "seconds": round(took_s, 1),
        "requests_per_s": round(answered / took_s, 2),
        "kinds": {kind: _summary(times[kind], statuses[kind]) for kind in kinds},
        "memory_mb": memory,
        "failures": dict(failures),
    }


@contextmanager
def served(model: Path) -> Iterator[str]:
    """Serve a model with the command line, in a process of its own, on a free port; yield its address."""
    command = [sys.executable, "-c", SERVE, "serve", str(model), "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            url = process.stdout.readline().strip()
            if not url.startswith("http"):
                raise SystemExit(f"the service does not start: {url}")
            yield url
        finally:
            process.terminate()


def _summary(times: list[float], statuses: Counter[int]) -> dict[str, Any]:
    p50, p95 = np.percentile(times, (50, 95)) if times else (np.nan, np.nan)
    shown = {str(status): count for status, count in sorted(statuses.items())}
    return {
        "n": len(times),
        "p50_ms": None if np.isnan(p50) else round(1000 * float(p50), 1),
        "p95_ms": None if np.isnan(p95) else round(1000 * float(p95), 1),
        "statuses": shown,
    }


def _get(place: str, path: str) -> str:
    connection = HTTPConnection(place, timeout=60)
    connection.request("GET", path)
    found = connection.getresponse().read().decode()
    connection.close()
    return found


def _memory_mb(place: str) -> float:
    lines = _get(place, "/metrics").splitlines()
    return next(float(line.split()[1]) / 1e6 for line in lines if line.startswith("process_resident_memory_bytes "))


def _form(path: str, name: str, data: bytes, right: tuple[int, ...] = (200,)) -> Asked:
    head = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"; filename="clip"\r\n\r\n'
    body = head.encode() + data + f"\r\n--{BOUNDARY}--\r\n".encode()
    return Asked(path, f"multipart/form-data; boundary={BOUNDARY}", body, right)


def _sound(seconds: float) -> bytes:
    """A voice-like sound: harmonics of a gliding tone, in syllables, over a little noise."""
    times = np.arange(int(seconds * RATE_HZ)) / RATE_HZ
    phase = 2 * np.pi * np.cumsum(140 + 30 * np.sin(2 * np.pi * times)) / RATE_HZ
    voice = sum(np.sin(number * phase) / number for number in range(1, 12))
    noise = np.random.default_rng(0).normal(scale=0.01, size=len(times))
    samples = 0.15 * voice * np.clip(np.sin(2 * np.pi * 2 * times), 0, 1) + noise
    held = io.BytesIO()
    with wave.open(held, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE_HZ)
        file.writeframes((32767 * np.clip(samples, -1, 1)).astype("<i2").tobytes())
    return held.getvalue()


def _picture() -> bytes:
    """The photograph of a face that scikit-image brings, as a JPEG."""
    from PIL import Image
    from skimage.data import astronaut

    held = io.BytesIO()
    Image.fromarray(astronaut()).save(held, "JPEG")
    return held.getvalue()
