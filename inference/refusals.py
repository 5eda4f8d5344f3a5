"""What every error becomes on its way out: a status, one line, and nothing of the machine that it happened on."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ..features.errors import EmofuseError
from .checks import TooLargeError
from .limits import BodyRefused, refuse
from .metrics import log_error
from .tasks import presentable
from .uploads import JSON, one_line
from .work import RETRY_AFTER_S, ClientGoneError, OverloadedError

UNUSABLE = "the input cannot be used; send another file, or convert this one"
RETRY = {"retry-after": str(RETRY_AFTER_S)}


def json_response(content: Any, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    """Return a response of JSON; numbers that it cannot hold are null, what is not ASCII is escaped."""
    body = json.dumps(presentable(content), allow_nan=False, separators=(",", ":")).encode()
    return Response(body, status, headers, JSON)


def line_of(error: Exception) -> str:
    """Return what a client may read of an error: the line of one that was raised on purpose, else that it is unusable."""
    return one_line(str(error)) if isinstance(error, (EmofuseError, OverloadedError)) else UNUSABLE


async def _http(_: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    detail = {404: "there is no such address", 405: "this address takes another method"}.get(
        error.status_code, str(error.detail)
    )
    return json_response({"detail": one_line(detail)}, error.status_code, dict(error.headers or {}))


async def _too_large(_: Request, error: Exception) -> Response:
    return json_response({"detail": line_of(error)}, 413)


async def _unusable(_: Request, error: Exception) -> Response:
    return json_response({"detail": line_of(error)}, 422)


async def _overloaded(_: Request, error: Exception) -> Response:
    return json_response({"detail": line_of(error)}, 503, RETRY)


async def _gone(*_: Any) -> Response:
    return json_response({"detail": "the client has left"}, 400)


ANSWERS: dict[type[Exception], Callable[[Request, Exception], Any]] = {
    HTTPException: _http,
    TooLargeError: _too_large,
    EmofuseError: _unusable,
    OverloadedError: _overloaded,
    ClientGoneError: _gone,
    ClientDisconnect: _gone,
}


class CatchAll:
    """ASGI middleware: an error that nobody foresaw came with the input; 422, and where it came from in the server's log.

    Parameters
    ----------
    app : ASGI application
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        started = False

        async def sending(message: Message) -> None:
            nonlocal started
            started = True
            await send(message)

        try:
            await self.app(scope, receive, sending)
        except BodyRefused:
            raise
        except Exception as error:
            log_error(error)
            if not started:
                short = isinstance(error, MemoryError)
                detail = "not enough memory; try again in a moment" if short else UNUSABLE
                await refuse(send, 503 if short else 422, detail, RETRY.items() if short else ())
