"""Bodies are refused before they are kept, work has places, and nobody from elsewhere is answered."""

from __future__ import annotations

import asyncio
import json
import threading

import pytest
from emofuse.inference.guard import Guard, is_loopback
from emofuse.inference.limits import BodyLimit, Limits
from emofuse.inference.work import ClientGoneError, Desk, OverloadedError
from pydantic import ValidationError

SMALL = Limits(body_bytes=10, body_seconds=0.01)


async def reading(scope, receive, send):
    """An application that reads the whole body, and answers its length."""
    n_bytes, more = 0, True
    while more:
        message = await receive()
        n_bytes += len(message.get("body", b""))
        more = message.get("more_body", False)
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": str(n_bytes).encode()})


def ask(app, messages=(), *, headers=(), path="/v1/predict", method="POST", kind="http"):
    """Return the status, the body and how many messages were taken; the client hangs once its messages are sent."""
    queue = list(messages)
    sent = []

    async def receive():
        if not queue:
            await asyncio.Event().wait()
        return queue.pop(0)

    async def send(message):
        sent.append(message)

    scope = {
        "type": kind,
        "path": path,
        "method": method,
        "headers": [(name.encode(), value.encode()) for name, value in headers],
    }
    asyncio.run(app(scope, receive, send))
    body = b"".join(message.get("body", b"") for message in sent)
    return sent[0].get("status"), body, len(messages) - len(queue), sent


def chunk(data, more=True):
    return {"type": "http.request", "body": data, "more_body": more}


def detail(body):
    text = json.loads(body)["detail"]
    assert "\n" not in text
    return text


def test_a_body_within_the_limit_passes():
    status, body, _, _ = ask(BodyLimit(reading, SMALL), [chunk(b"12345"), chunk(b"67890", more=False)])
    assert (status, body) == (200, b"10")


def test_a_named_length_is_judged_before_the_body_reaches_the_application():
    reached = []

    async def app(scope, receive, send):
        reached.append(scope)

    status, body, _, _ = ask(BodyLimit(app, SMALL), [chunk(b"x", more=False)], headers=[("content-length", "11")])
    assert status == 413 and "10 bytes" in detail(body)
    assert reached == []


@pytest.mark.parametrize("named", ["-1", "ten", "1.5", "", "１１"])
def test_a_length_that_is_no_number_is_refused(named):
    assert ask(BodyLimit(reading, SMALL), headers=[("content-length", named)])[0] == 400


def test_a_body_without_a_length_is_counted_as_it_arrives():
    messages = [chunk(b"123456"), chunk(b"789012"), *[chunk(b"3" * 1000)] * 3, chunk(b"", more=False)]
    status, body, _, sent = ask(BodyLimit(reading, SMALL), messages)
    assert status == 413 and "10 bytes" in detail(body)
    assert dict(sent[0]["headers"])[b"connection"] == b"close"


def test_a_lying_length_is_counted_too():
    status, *_ = ask(BodyLimit(reading, SMALL), [chunk(b"1" * 11, more=False)], headers=[("content-length", "2")])
    assert status == 413


def test_a_slow_body_ends_in_408():
    status, body, _, _ = ask(BodyLimit(reading, SMALL), [chunk(b"1")])
    assert status == 408 and "0.01 s" in detail(body)


def test_what_an_application_makes_of_a_refusal_is_replaced_by_it():
    async def swallowing(scope, receive, send):
        try:
            await reading(scope, receive, send)
        except Exception:
            await send({"type": "http.response.start", "status": 500, "headers": []})
            await send({"type": "http.response.body", "body": b"/home/secret"})

    status, body, _, _ = ask(BodyLimit(swallowing, SMALL), [chunk(b"1" * 11, more=False)])
    assert status == 413 and b"secret" not in body


def test_limits_refuse_unknown_and_senseless_values():
    with pytest.raises(ValidationError):
        Limits(body=1)
    with pytest.raises(ValidationError):
        Limits(body_bytes=0)


def run(desk, task, seconds=10.0, leaves=None):
    async def main():
        with desk.place() as place:
            return await place.run(task, seconds, leaves)

    return asyncio.run(main())


@pytest.fixture
def desk():
    made = Desk(Limits(at_work=1, queued=1))
    yield made
    made.close()


def test_a_task_runs_in_a_thread_and_gives_its_place_back(desk):
    assert run(desk, lambda _: threading.current_thread().name.startswith("emofuse"))
    assert desk.held == 0


def test_an_error_of_a_task_is_raised_and_its_place_given_back(desk):
    with pytest.raises(ZeroDivisionError):
        run(desk, lambda _: 1 / 0)
    assert desk.held == 0


def test_more_than_there_are_places_is_refused(desk):
    with desk.place(), desk.place(), pytest.raises(OverloadedError, match="too many requests"), desk.place():
        pass
    assert desk.held == 0


def test_a_task_that_takes_too_long_keeps_its_place_until_its_thread_is_done(desk):
    finish, finished = threading.Event(), threading.Event()

    def task(patience):
        finish.wait(10)
        with pytest.raises(OverloadedError):
            patience.check()
        finished.set()

    with pytest.raises(OverloadedError, match=r"longer than 0\.01 s"):
        run(desk, task, seconds=0.01)
    assert desk.held == 1
    finish.set()
    assert finished.wait(10)
    desk._executor.shutdown()
    assert desk.held == 0


def test_a_task_that_waited_too_long_never_begins(desk):
    finish, begun = threading.Event(), []

    async def main():
        with desk.place() as first, desk.place() as second:
            working = asyncio.create_task(first.run(lambda _: finish.wait(10), 10.0))
            await asyncio.sleep(0)
            with pytest.raises(OverloadedError):
                await second.run(lambda _: begun.append(1), 0.01)
            finish.set()
            await working

    asyncio.run(main())
    assert begun == [] and desk.held == 0


def test_a_client_that_leaves_is_not_worked_for(desk):
    finish = threading.Event()

    async def leaves():
        return None

    with pytest.raises(ClientGoneError):
        run(desk, lambda _: finish.wait(10), leaves=leaves)
    finish.set()


async def answering(scope, receive, send):
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"ok"})


TOKEN = "0123456789abcdef"
LOCAL = ("host", "localhost:8000")


@pytest.mark.parametrize("host", ["localhost", "localhost:8000", "127.0.0.1:80", "[::1]:8000", "LOCALHOST"])
def test_loopback_names_are_answered(host):
    assert ask(Guard(answering), headers=[("host", host)])[0] == 200


@pytest.mark.parametrize("host", ["evil.example", "localhost.evil.example", "127.0.0.1.evil.example:8000", "[::2]", ""])
def test_other_hosts_are_refused(host):
    status, body, _, _ = ask(Guard(answering), [chunk(b"", more=False)], headers=[("host", host)])
    assert status == 400 and "Host" in detail(body)


def test_a_request_without_a_host_is_refused():
    assert ask(Guard(answering, hosts=()), [chunk(b"", more=False)])[0] == 400


@pytest.mark.parametrize("origin", ["http://evil.example", "null", "http://localhost:9000", "http://[", ""])
def test_requests_of_other_sites_are_refused(origin):
    status, *_ = ask(Guard(answering), [chunk(b"", more=False)], headers=[LOCAL, ("origin", origin)])
    assert status == 403
    _, _, _, sent = ask(Guard(answering), headers=[LOCAL, ("origin", origin)], kind="websocket")
    assert sent[0]["type"] == "websocket.close"


def test_requests_of_the_own_page_are_answered():
    assert ask(Guard(answering), headers=[LOCAL, ("origin", "http://localhost:8000")])[0] == 200


@pytest.mark.parametrize("path", ["/v1/predict", "/v1/model", "/v1/stream", "/metrics", "/openapi.json"])
def test_a_token_is_needed_where_something_is_told(path):
    guard = Guard(answering, token=TOKEN)
    assert ask(guard, [chunk(b"", more=False)], headers=[LOCAL], path=path)[0] == 401
    for shown in (TOKEN[:-1], f"{TOKEN}x", "", "é" * 16):
        headers = [LOCAL, ("authorization", f"Bearer {shown}")]
        status, body, _, sent = ask(guard, [chunk(b"", more=False)], headers=headers, path=path)
        assert status == 401 and TOKEN not in detail(body)
        assert dict(sent[0]["headers"])[b"www-authenticate"] == b"Bearer"
    assert ask(guard, headers=[LOCAL, ("authorization", f"Bearer {TOKEN}")], path=path)[0] == 200


@pytest.mark.parametrize("path", ["/", "/static/page.js", "/healthz"])
def test_the_page_itself_is_shown_without_a_token(path):
    assert ask(Guard(answering, token=TOKEN), headers=[LOCAL], path=path, method="GET")[0] == 200


def test_a_socket_shows_its_token_as_a_subprotocol():
    guard = Guard(answering, token=TOKEN)
    shown = [LOCAL, ("sec-websocket-protocol", f"bearer, {TOKEN}")]
    assert ask(guard, headers=shown, path="/v1/stream", kind="websocket")[0] == 200
    for protocols in (TOKEN, f"other, {TOKEN}", "bearer", "bearer, wrong"):
        headers = [LOCAL, ("sec-websocket-protocol", protocols)]
        assert ask(guard, headers=headers, path="/v1/stream", kind="websocket")[3][0]["type"] == "websocket.close"


def test_every_answer_carries_the_browser_s_rules():
    for guard, headers in ((Guard(answering), [LOCAL]), (Guard(answering), [("host", "evil.example")])):
        sent = ask(guard, [chunk(b"", more=False)], headers=headers)[3]
        found = {name.decode(): value.decode() for name, value in sent[0]["headers"]}
        assert found["content-security-policy"].startswith("default-src 'self'; connect-src 'self' ws:; media-src")
        assert "unsafe" not in found["content-security-policy"]
        assert found["permissions-policy"].startswith("camera=(self), microphone=(self)")
        assert found["x-content-type-options"] == "nosniff"
        assert "access-control-allow-origin" not in found


def test_loopback_addresses():
    assert is_loopback("127.8.9.1") and is_loopback("[::1]")
    assert not is_loopback("::") and not is_loopback("")
