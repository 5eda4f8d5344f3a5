"""What the service accepts at most, and the door that refuses a request's body before anything of it is kept."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Iterable
from contextlib import suppress

from pydantic import BaseModel, ConfigDict, NonNegativeInt, PositiveFloat, PositiveInt
from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

LINGER_S = 2.0  # a client that is still sending reads a refusal only if it is not cut off at once


class Limits(BaseModel):
    """The bounds of everything that a client decides.

    Attributes
    ----------
    body_bytes : int
        Longest body of a request.
    body_seconds : float
        Longest time that a body takes to arrive.
    duration_s : float
        Longest clip.
    pixels : int
        Largest picture, and largest frame of a video.
    seconds : float
        Longest time from the end of a body to the answer, waiting included.
    timeline_seconds : float
        The same for a timeline, which is hundreds of answers.
    at_work, queued : int
        Requests that are worked on at once, and those that may wait or send their bodies meanwhile; more are refused.
    characters, words : int
        Longest text, and the most words whose importance is asked for.
    pages : int
        Most pages of a document.
    streams : int
        Live streams at once.
    message_bytes : int
        Longest message of a live stream.
    idle_seconds : float
        Longest silence of a live stream's client.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    body_bytes: PositiveInt = 64 * 1024**2
    body_seconds: PositiveFloat = 60.0
    duration_s: PositiveFloat = 600.0
    pixels: PositiveInt = 20_000_000
    seconds: PositiveFloat = 30.0
    timeline_seconds: PositiveFloat = 300.0
    at_work: PositiveInt = 2
    queued: NonNegativeInt = 8
    characters: PositiveInt = 200_000
    words: PositiveInt = 200
    pages: PositiveInt = 200
    streams: PositiveInt = 4
    message_bytes: PositiveInt = 4 * 1024**2
    idle_seconds: PositiveFloat = 60.0


class BodyRefused(HTTPException):
    """A body is too long, or too slow."""


class BodyLimit:
    """ASGI middleware: 413 for a body that is, or becomes, too long, 408 for one that takes too long to arrive.

    A length that is named is judged before the first byte is read; a body without one is counted as it arrives.

    Parameters
    ----------
    app : ASGI application
    limits : Limits
    """

    def __init__(self, app: ASGIApp, limits: Limits) -> None:
        self.app = app
        self.limits = limits

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on whose body stays within the limits."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        named = Headers(scope=scope).get("content-length", "0")
        if not (named.isascii() and named.isdigit()):
            await refuse(send, 400, "Content-Length must be a whole number of bytes")
            return
        if int(named) > self.limits.body_bytes:
            await refuse(send, 413, self._too_long(), receive=receive)
            return
        await self._counted(scope, receive, send)

    async def _counted(self, scope: Scope, receive: Receive, send: Send) -> None:
        refused: BodyRefused | None = None
        started = complete = False
        n_bytes = 0
        deadline: float | None = None

        async def counting() -> Message:
            nonlocal refused, complete, n_bytes, deadline
            if complete:
                return await receive()  # waits for the client to leave, however long that takes
            deadline = time.monotonic() + self.limits.body_seconds if deadline is None else deadline
            try:
                async with asyncio.timeout(deadline - time.monotonic()):
                    message = await receive()
            except TimeoutError:
                detail = f"the body must arrive within {self.limits.body_seconds:g} s; send less, or faster"
                refused = BodyRefused(408, detail)
                raise refused from None
            n_bytes += len(message.get("body", b""))
            complete = not message.get("more_body", False)
            if n_bytes > self.limits.body_bytes:
                refused = BodyRefused(413, self._too_long())
                raise refused
            return message

        async def sending(message: Message) -> None:
            nonlocal started
            if refused is None or started:
                started = True
                await send(message)

        # What the application makes of the refusal, an answer of its own or the exception, is replaced by the refusal.
        try:
            await self.app(scope, counting, sending)
        except BodyRefused as error:
            refused = error
        if refused is not None and not started:
            lingering = receive if refused.status_code == 413 and not complete else None
            await refuse(send, refused.status_code, refused.detail, receive=lingering)

    def _too_long(self) -> str:
        return f"at most {self.limits.body_bytes} bytes are accepted; send a shorter or smaller clip"


async def refuse(
    send: Send, status: int, detail: str, headers: Iterable[tuple[str, str]] = (), *, receive: Receive | None = None
) -> None:
    """Answer ``{"detail": ...}`` and close the connection.

    Parameters
    ----------
    send : ASGI send
    status : int
    detail : str
        One line.
    headers : iterable of (str, str)
    receive : ASGI receive, optional
        Where a client is still sending: read on and drop for a moment, so that it gets to read the answer.
    """
    body = json.dumps({"detail": detail}).encode()
    named = (("content-type", "application/json"), ("content-length", str(len(body))), ("connection", "close"))
    raw = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in (*named, *headers)]
    await send({"type": "http.response.start", "status": status, "headers": raw})
    await send({"type": "http.response.body", "body": body, "more_body": receive is not None})
    if receive is not None:
        with suppress(TimeoutError):
            async with asyncio.timeout(LINGER_S):
                while (await receive()).get("more_body", False):
                    pass
        await send({"type": "http.response.body", "body": b"", "more_body": False})
