"""The routes of the service: each reads what it was sent, asks for a place, and has a task of its own worked off."""

from __future__ import annotations

from collections.abc import Callable
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from . import schemas
from .card import model_card
from .documents import document_text
from .limits import Limits
from .refusals import json_response
from .tasks import answer_clip, find_faces, follow, weigh_words
from .uploads import FORM, JSON, content_type, parse_fields, parse_json, read_form
from .work import Desk, Patience, Place

if TYPE_CHECKING:
    from .predictor import Model

Task = Callable[[Patience], Any]

VERSION = version("emofuse")


class Routes:
    """The routes of one model."""

    def __init__(self, model: Model, limits: Limits, desk: Desk) -> None:
        self.model = model
        self.limits = limits
        self.desk = desk
        self.name = str(model.manifest.get("name") or "model")

    async def health(self, request: Request) -> Response:
        """Return that the service is up."""
        return json_response({"status": "ok", "version": VERSION, "model": self.name})

    async def model_info(self, request: Request) -> Response:
        """Return what the model is."""
        manifest, bundle = self.model.manifest, getattr(self.model, "bundle", None)
        validation = manifest.get("validation") or {}
        found = {
            "name": self.name,
            "classes": self.model.classes,
            "modalities": self.model.modalities,
            "validation": {"corpus": (manifest.get("corpus") or {}).get("name"), **validation},
            "licences": manifest.get("licences") or [],
            "size_bytes": None if bundle is None else bundle.n_bytes,
            "limits": self.limits.model_dump(),
            "card": None if bundle is None else model_card(bundle),
            "cohort": validation.get("answers"),
        }
        return json_response(found)

    async def predict(self, request: Request) -> Response:
        """Return the answer to a clip."""
        kind = content_type(request, (FORM, JSON))
        with self.desk.place() as place:
            if kind == FORM:
                fields = ("text", "start_s", "end_s", "budget_ms")
                files, texts = await self._form(request, schemas.SOURCES, fields)
                clip = parse_fields(schemas.Clip, texts)
                return await self._run(request, place, lambda _: answer_clip(self.model, clip, files, self.limits))
            body = await request.body()

            def task(_: Patience) -> dict[str, Any]:
                asked = parse_json(schemas.PredictRequest, body)
                sources = {name: getattr(asked, name) for name in schemas.SOURCES}
                given = {name: data for name, data in sources.items() if data is not None}
                return answer_clip(self.model, asked, given, self.limits)

            return await self._run(request, place, task)

    async def faces(self, request: Request) -> Response:
        """Return the faces of a picture."""
        kind = content_type(request, (FORM, JSON))
        with self.desk.place() as place:
            if kind == FORM:
                files, _ = await self._form(request, ("image",))
                image = _wanted(files, "image")
                return await self._run(request, place, lambda left: find_faces(self.model, image, self.limits, left))
            body = await request.body()

            def task(left: Patience) -> dict[str, Any]:
                return find_faces(self.model, parse_json(schemas.FacesRequest, body).image, self.limits, left)

            return await self._run(request, place, task)

    async def timeline(self, request: Request) -> Response:
        """Return the answers along a recording."""
        content_type(request, (FORM,))
        with self.desk.place() as place:
            files, texts = await self._form(request, ("audio", "video"), ("window_s", "hop_s"))
            fields = parse_fields(schemas.TimelineFields, texts)
            seconds = self.limits.timeline_seconds
            return await self._run(
                request, place, lambda left: follow(self.model, files, fields, self.limits, left), seconds
            )

    async def words(self, request: Request) -> Response:
        """Return the answer to a text, and what its words add."""
        content_type(request, (JSON,))
        with self.desk.place() as place:
            body = await request.body()

            def task(left: Patience) -> dict[str, Any]:
                return weigh_words(self.model, parse_json(schemas.WordsRequest, body).text, self.limits, left)

            return await self._run(request, place, task)

    async def document(self, request: Request) -> Response:
        """Return the text of a document."""
        content_type(request, (FORM,))
        with self.desk.place() as place:
            files, _ = await self._form(request, ("file",))
            data = _wanted(files, "file")

            def task(left: Patience) -> dict[str, Any]:
                characters, pages = self.limits.characters, self.limits.pages
                return {"text": document_text(data, max_characters=characters, max_pages=pages, seconds=left.left_s)}

            return await self._run(request, place, task)

    async def _form(
        self, request: Request, files: tuple[str, ...], fields: tuple[str, ...] = ()
    ) -> tuple[dict[str, bytes], dict[str, str]]:
        return await read_form(request, files=files, fields=fields, max_bytes=self.limits.body_bytes)

    async def _run(self, request: Request, place: Place, task: Task, seconds: float | None = None) -> Response:
        async def client_leaves() -> None:
            while (await request.receive())["type"] != "http.disconnect":
                pass

        return json_response(await place.run(task, seconds or self.limits.seconds, client_leaves))


def _wanted(files: dict[str, bytes], name: str) -> bytes:
    if name not in files:
        raise HTTPException(422, f"{name}: a file is needed")
    return files[name]
