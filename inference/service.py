"""The HTTP service: routes, each a thin call, behind limits that hold whatever a client sends.

Nothing that is sent is kept or logged. What a client did wrong is 4xx with one line, ``{"detail": ...}``; 503 with
Retry-After says that there is too much to do. Nothing else is ever answered: no path, no stack trace, no other 5xx.
"""

from __future__ import annotations

import logging
import os
import socket
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fastapi import FastAPI
from pydantic import BaseModel
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from ..features.errors import EmofuseError
from ..features.stopping import Terminated, stopping_on_sigterm
from . import schemas
from .guard import LOOPBACK, TOKEN, Guard, is_loopback
from .limits import BodyLimit, Limits
from .live import Streams
from .metrics import Measured, Metrics
from .refusals import ANSWERS, CatchAll
from .routes import VERSION, Routes
from .uploads import FORM, JSON
from .work import Desk

if TYPE_CHECKING:
    from .predictor import Model

TOKEN_VARIABLE = "EMOFUSE_TOKEN"
WEB = Path(__file__).parent / "web"
MEDIA_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".svg": "image/svg+xml",
    ".png": "image/png",
    ".json": "application/json",
    ".webmanifest": "application/manifest+json",
}
MAX_CONNECTIONS = 256
Route = Callable[[Request], Awaitable[Response]]
PROBLEMS = {
    400: "The request cannot be read.",
    401: "A bearer token is needed.",
    403: "The request comes from a page of another site.",
    408: "The body took too long to arrive.",
    413: "The body, clip, picture or text is too large.",
    415: "The Content-Type is not one that is read.",
    422: "The input cannot be used.",
    503: "Too much to do; try again after Retry-After seconds.",
}


def make_app(
    model: Model, limits: Limits | None = None, *, token: str | None = None, hosts: tuple[str, ...] = LOOPBACK
) -> FastAPI:
    """Make the application that serves a model.

    Parameters
    ----------
    model : Model
    limits : Limits, optional
    token : str, optional
        What clients must show; without it anyone who reaches the service may ask.
    hosts : tuple of str
        Names by which it may be asked for; empty accepts any.

    Returns
    -------
    FastAPI
        ``app.state`` holds its ``desk`` and ``metrics``.
    """
    limits = limits or Limits()
    logging.getLogger("python_multipart").setLevel(logging.ERROR)  # it tells of what clients send
    desk = Desk(limits)
    metrics = Metrics(lambda: desk.held)
    streams = Streams(model, limits, metrics)
    # FastAPI's pages of documentation load from elsewhere; the document itself is at /openapi.json.
    app = FastAPI(
        title="emofuse",
        version=VERSION,
        summary="Emotion recognition from sound, pictures, text and signals, on this machine alone.",
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
    )
    app.state.desk, app.state.metrics = desk, metrics
    routes = Routes(model, limits, desk)

    async def exposition(_: Request) -> Response:
        """Return what Prometheus collects."""
        return Response(metrics.text(), media_type=metrics.content_type)

    _get(app, "/healthz", routes.health, schemas.Health, "Whether the service is up")
    _get(app, "/v1/model", routes.model_info, schemas.ModelInfo, "What the model is and what is accepted")
    app.add_api_route("/metrics", exposition, response_class=_PlainText, summary="Counts and times, for Prometheus")
    answers = (schemas.PredictRequest, schemas.MULTIPART_PREDICT)
    _post(app, "/v1/predict", routes.predict, schemas.AnswerBody, "The answer to one clip", *answers)
    pictures = (schemas.FacesRequest, schemas.MULTIPART_FACES)
    _post(app, "/v1/faces", routes.faces, schemas.Faces, "The faces of a picture, and their answers", *pictures)
    along = (None, schemas.MULTIPART_TIMELINE)
    _post(app, "/v1/timeline", routes.timeline, schemas.TimelineBody, "The answers along a recording", *along)
    texts = (schemas.WordsRequest, None)
    _post(app, "/v1/words", routes.words, schemas.Words, "The answer to a text, and what its words add", *texts)
    documents = (None, schemas.MULTIPART_DOCUMENT)
    _post(app, "/v1/document", routes.document, schemas.Document, "The text of a document", *documents)
    app.add_api_websocket_route("/v1/stream", streams.serve)
    app.add_api_route("/", _page, include_in_schema=False)
    app.add_api_route("/static/{name}", _static, include_in_schema=False)
    for error, answer in ANSWERS.items():
        app.add_exception_handler(error, answer)
    named = [route.path for route in app.routes if hasattr(route, "path")]
    # The one added last is the first to see a request.
    app.add_middleware(CatchAll)
    app.add_middleware(BodyLimit, limits=limits)
    app.add_middleware(Guard, hosts=hosts, token=token)
    app.add_middleware(Measured, metrics=metrics, routes=named)
    return app


def serve(model: Model, host: str = "127.0.0.1", port: int = 8000, *, limits: Limits | None = None) -> None:
    """Serve a model until it is stopped, by Ctrl-C or SIGTERM; print the address first.

    Parameters
    ----------
    model : Model
    host : str, default="127.0.0.1"
        Where to listen. Anything but this machine alone needs a token in the variable ``EMOFUSE_TOKEN``.
    port : int, default=8000
        0 takes one that is free.
    limits : Limits, optional

    Raises
    ------
    EmofuseError
        The port is taken, the host unknown, or the token missing or weak.
    """
    import uvicorn

    token = read_token(host)
    hosts = LOOPBACK if is_loopback(host) else ()
    limits = limits or Limits()
    app = make_app(model, limits, token=token, hosts=hosts)
    with listen(host, port) as listening:
        name = f"[{host}]" if ":" in host else host
        print(f"http://{name}:{listening.getsockname()[1]}/", flush=True)
        config = uvicorn.Config(
            app,
            log_level="warning",
            access_log=False,  # an address and the time of a request are of a person too
            server_header=False,
            date_header=False,
            proxy_headers=False,
            limit_concurrency=MAX_CONNECTIONS,
            ws_max_size=limits.message_bytes,
            timeout_graceful_shutdown=5,
            lifespan="off",
        )
        with stopping_on_sigterm(), suppress(KeyboardInterrupt, Terminated):
            uvicorn.Server(config).run(sockets=[listening])
    app.state.desk.close()


def read_token(host: str) -> str | None:
    """Return the token of the environment; raise EmofuseError where it is weak, or missing although others can reach us."""
    token = os.environ.get(TOKEN_VARIABLE) or None
    if token is not None and not TOKEN.fullmatch(token):
        raise EmofuseError(
            f"{TOKEN_VARIABLE} must have 16 to 512 letters, digits or any of . _ ~ -; choose another one"
        )
    if token is None and not is_loopback(host):
        raise EmofuseError(
            f"on {host} others can reach the service: set a token of 16 letters or more in {TOKEN_VARIABLE}"
        )
    return token


def listen(host: str, port: int) -> socket.socket:
    """Return a socket that listens; raise EmofuseError where that is not possible."""
    try:
        if not 0 <= port < 2**16:
            raise OverflowError("ports are 0 to 65535")
        family, _, _, _, address = socket.getaddrinfo(host.strip("[]"), port, type=socket.SOCK_STREAM)[0]
        return socket.create_server(address[:2], family=family, backlog=MAX_CONNECTIONS)
    except (OSError, OverflowError) as error:
        reason = str(getattr(error, "strerror", None) or error).partition(" (")[0]
        raise EmofuseError(
            f"cannot listen on {host}, port {port} ({reason}); choose another --port or --host"
        ) from None


class _PlainText(Response):
    media_type = "text/plain"


def _get(app: FastAPI, path: str, route: Route, answer: type[BaseModel], summary: str) -> None:
    app.add_api_route(path, route, response_model=answer, summary=summary)


def _post(
    app: FastAPI,
    path: str,
    route: Route,
    answer: type[BaseModel],
    summary: str,
    json_body: type[BaseModel] | None,
    form: dict[str, Any] | None,
) -> None:
    """Add a route that reads its body itself, so that a body is refused before it is read; describe what it reads."""
    content: dict[str, Any] = {}
    if json_body is not None:
        schema = json_body.model_json_schema(mode="validation")
        examples = schema.pop("examples")
        content[JSON] = {"schema": schema, "examples": {f"{i}": {"value": one} for i, one in enumerate(examples, 1)}}
    if form is not None:
        content[FORM] = {"schema": form}
    app.add_api_route(
        path,
        route,
        methods=["POST"],
        response_model=answer,
        summary=summary,
        responses={status: {"model": schemas.Problem, "description": text} for status, text in PROBLEMS.items()},
        openapi_extra={"requestBody": {"content": content, "required": True}},
    )


async def _page(_: Request) -> Response:
    return _file("index.html")


async def _static(request: Request) -> Response:
    return _file(request.path_params["name"])


def _file(name: str) -> Response:
    """Return a file of the page: one of those that are there, never one that a path leads to."""
    found = {path.name: path for path in WEB.iterdir() if path.suffix in MEDIA_TYPES}
    if name not in found:
        raise HTTPException(404)
    return Response(
        found[name].read_bytes(), headers={"cache-control": "no-cache"}, media_type=MEDIA_TYPES[found[name].suffix]
    )
