"""Who may ask the service, and what a browser may do with its answers: hosts, origins, token, headers."""

from __future__ import annotations

import hmac
import re
from collections.abc import Collection
from ipaddress import ip_address
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from .limits import refuse

LOOPBACK = ("localhost", "127.0.0.1", "[::1]")
SUBPROTOCOL = "bearer"  # a browser's WebSocket can send no header but its subprotocols: "bearer" and the token
TOKEN = re.compile(r"[A-Za-z0-9._~-]{16,512}")
PRIVATE = ("/v1/", "/metrics", "/openapi.json")
HEADERS = {
    "content-security-policy": (
        "default-src 'self'; connect-src 'self' ws:; media-src 'self' blob:; img-src 'self' blob: data:; "
        "object-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "permissions-policy": "camera=(self), microphone=(self), geolocation=()",
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "cache-control": "no-store",
}


def is_loopback(host: str) -> bool:
    """Whether a host to listen on can be reached from this machine only.

    Examples
    --------
    >>> [is_loopback(host) for host in ("127.0.0.1", "::1", "localhost", "0.0.0.0", "example.org")]
    [True, True, True, False, False]
    """
    try:
        return ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host == "localhost"


class Guard:
    """ASGI middleware: refuses foreign hosts, origins and tokens, and puts the browser's rules on every answer.

    A page of another site that makes a name of its own point here (DNS rebinding) is met by the check of the Host
    header; one that sends requests across sites by the check of the Origin header.

    Parameters
    ----------
    app : ASGI application
    hosts : collection of str
        Names by which the service may be asked for; empty accepts any.
    token : str, optional
        What a client must show: ``Authorization: Bearer <token>``, or for a WebSocket the subprotocols ``bearer`` and
        the token itself.
    """

    def __init__(self, app: ASGIApp, hosts: Collection[str] = LOOPBACK, token: str | None = None) -> None:
        self.app = app
        self.hosts = frozenset(hosts)
        self.token = token

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on that may be answered."""
        if scope["type"] not in ("http", "websocket"):
            await self.app(scope, receive, send)
            return

        async def sending(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(raw=message.setdefault("headers", []))
                for name, value in HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        found = self._problem(scope)
        if found is None:
            await self.app(scope, receive, sending)
        elif scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008, "reason": found[1]})
        else:
            status, detail = found
            challenge = [("www-authenticate", "Bearer")] if status == 401 else []
            await refuse(sending, status, detail, challenge, receive=receive)

    def _problem(self, scope: Scope) -> tuple[int, str] | None:
        headers = Headers(scope=scope)
        host = headers.get("host", "")
        if not host or (self.hosts and _without_port(host) not in self.hosts):
            return 400, "the Host header must name this service; open it by the address that it prints"
        origin = headers.get("origin")
        asks = scope["type"] == "websocket" or scope["method"] not in ("GET", "HEAD", "OPTIONS")
        if asks and origin is not None and _place_of(origin) != host.lower():
            return 403, "requests of other sites are refused; open the page of this service itself"
        if self.token is not None and scope["path"].startswith(PRIVATE) and not self._shows_token(headers):
            return 401, "a bearer token is needed: send Authorization: Bearer <token>"
        return None

    def _shows_token(self, headers: Headers) -> bool:
        kind, _, shown = headers.get("authorization", "").partition(" ")
        tokens = [shown.strip()] if kind.lower() == "bearer" else []
        offered = [name.strip() for name in headers.get("sec-websocket-protocol", "").split(",")]
        tokens += offered[1:] if offered[0] == SUBPROTOCOL else []
        expected = (self.token or "").encode()
        return any(hmac.compare_digest(token.encode("latin-1", "replace"), expected) for token in tokens)


def _without_port(host: str) -> str:
    return re.sub(r":\d*$", "", host).lower()


def _place_of(origin: str) -> str | None:
    try:
        return urlsplit(origin).netloc.lower() or None
    except ValueError:
        return None
