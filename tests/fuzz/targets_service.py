"""The HTTP service: whatever is sent, the answer is 2xx, 4xx or 503, in JSON, and tells nothing of this machine."""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import Callable
from pathlib import Path
from tempfile import gettempdir
from typing import Any

from emofuse.inference.limits import Limits
from emofuse.inference.service import make_app
from target import Target, beside, take

PATHS = ("/v1/predict", "/v1/faces", "/v1/words", "/v1/timeline", "/v1/document")
JSON, FORM = "application/json", "multipart/form-data; boundary=b"
TELLING = (f"{Path(__file__).parents[2]}/", f"{Path.home()}/", f"{gettempdir()}/", "site-packages", "Traceback", "0x7f")


def service() -> Target:
    """Return the target of the bodies of requests; the last byte says which route, and which kind of body."""
    made = beside("inference/test_service.py")
    app = make_app(beside("inference/fakes.py").FakeModel(), Limits(words=5, seconds=8.0, body_bytes=2**18))
    loop = asyncio.new_event_loop()
    sound, picture = made.wav(0.1), made.png()
    bodies = {
        "json-text": (0, json.dumps({"text": "What a day!", "start_s": 0.0, "end_s": 1.5, "budget_ms": 50}).encode()),
        "json-sound": (0, json.dumps({"audio": _base64(sound)}).encode()),
        "json-picture": (0, json.dumps({"image": _base64(picture)}).encode()),
        "json-faces": (1, json.dumps({"image": _base64(picture)}).encode()),
        "json-words": (2, json.dumps({"text": "one two three"}).encode()),
        "form-sound": (8, _form({"audio": sound}, {"text": "fine", "start_s": "0", "end_s": "0.05"})),
        "form-faces": (9, _form({"image": picture}, {})),
        "form-timeline": (11, _form({"audio": made.wav(1.2)}, {"window_s": "0.5", "hop_s": "0.5"})),
        "form-document": (12, _form({"file": b"Hello there"}, {})),
    }
    seeds = {name: body + bytes([choice]) for name, (choice, body) in bodies.items()}

    def door(data: bytes) -> None:
        choice, body = take(data)
        if b"%PDF-" in body and choice % 8 == 4:
            return  # a process of its own each time; documents are a target of their own
        path, kind = PATHS[choice % 8 % len(PATHS)], FORM if choice & 8 else JSON
        status, content = loop.run_until_complete(_answered(app, path, kind, body))
        assert status in (200, 400, 413, 415, 422, 503), f"status {status}: {content[:200]!r}"
        found = json.loads(content)
        if status != 200:
            line = found["detail"]
            assert set(found) == {"detail"} and line.isprintable() and len(line) <= 400, f"{status} {line!r}"
            assert not any(part in line for part in TELLING), f"tells {line!r}"

    def mutate(data: bytes, chance: random.Random, change: Callable[[bytes], bytes]) -> bytes:
        choice, body = take(data)
        if chance.random() < 0.5:
            return change(data)
        if choice & 8:
            parts = body.split(b"--b")
            number = chance.randrange(len(parts))
            parts[number] = change(parts[number])
            return b"--b".join(parts) + bytes([choice])
        return _changed_json(body, chance) + bytes([choice])

    return Target(door, seeds, (), mutate, rss_mb=3072, max_bytes=2**17)


async def _answered(app: Any, path: str, kind: str, body: bytes) -> tuple[int, bytes]:
    """Send a request to an application, without a network between, and return status and body of the answer."""
    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": "POST",
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "root_path": "",
        "headers": [
            (b"host", b"localhost"),
            (b"content-type", kind.encode()),
            (b"content-length", str(len(body)).encode()),
        ],
        "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 80),
    }
    sent: list[dict[str, Any]] = []
    is_read = False
    leaves = asyncio.Event()

    async def receive() -> dict[str, Any]:
        nonlocal is_read
        if is_read:
            await leaves.wait()
            return {"type": "http.disconnect"}
        is_read = True
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    await app(scope, receive, send)
    leaves.set()
    status = next(message["status"] for message in sent if message["type"] == "http.response.start")
    return status, b"".join(message.get("body", b"") for message in sent)


def _base64(data: bytes) -> str:
    import base64

    return base64.b64encode(data).decode()


def _form(files: dict[str, bytes], fields: dict[str, str]) -> bytes:
    """Return a form whose parts are parted by ``--b``."""
    parts = [
        f'--b\r\nContent-Disposition: form-data; name="{name}"; filename="{name}.bin"\r\n\r\n'.encode()
        + content
        + b"\r\n"
        for name, content in files.items()
    ]
    parts += [
        f'--b\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'.encode()
        for name, value in fields.items()
    ]
    return b"".join(parts) + b"--b--\r\n"


def _changed_json(body: bytes, chance: random.Random) -> bytes:
    values: tuple[Any, ...] = (
        None,
        0,
        -1,
        1.5,
        1e308,
        10**30,
        "",
        "x\ud800",
        "\0",
        [],
        {},
        True,
        [[[]]],
        "=" * 5,
        "aGk=",
    )
    try:
        found = json.loads(body)
        assert isinstance(found, dict)
    except (ValueError, RecursionError, AssertionError):
        return body
    names = (*found, "audio", "video", "image", "text", "eeg", "features", "start_s", "end_s", "budget_ms", "more")
    found[chance.choice(names)] = chance.choice(values)
    if chance.random() < 0.2:
        found.pop(next(iter(found)))
    return json.dumps(found).encode()
