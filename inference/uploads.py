"""Bodies of requests, read into memory and nowhere else: forms of files and fields, and JSON."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError
from starlette.datastructures import UploadFile
from starlette.exceptions import HTTPException
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import ClientDisconnect, Request

from .limits import BodyRefused

M = TypeVar("M", bound=BaseModel)

FORM, JSON = "multipart/form-data", "application/json"
MAX_DETAIL = 300


def content_type(request: Request, accepted: Collection[str]) -> str:
    """Return the kind of a body; 415 where it is none of those accepted."""
    found = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if found not in accepted:
        raise HTTPException(415, f"Content-Type must be {' or '.join(accepted)}")
    return found


async def read_form(
    request: Request, *, files: Collection[str], fields: Collection[str] = (), max_bytes: int
) -> tuple[dict[str, bytes], dict[str, str]]:
    """Read a form, its files as bytes and its fields as text.

    Parameters
    ----------
    request : Request
    files, fields : collection of str
        The names there may be.
    max_bytes : int
        The limit of the body: parts of this size still stay in memory.

    Returns
    -------
    tuple of dict
        Files and fields that are there; one of a file input that nothing was chosen for is left out.

    Raises
    ------
    HTTPException
        400 (not such a form) or 422 (other names than these, or one of them twice).
    """
    # Both sizes are above that of the body: nothing is ever written to a folder that others share.
    parser = MultiPartParser(
        request.headers, request.stream(), max_files=len(files) + 1, max_fields=len(fields) + 1, max_part_size=max_bytes
    )
    parser.spool_max_size = max_bytes + 1
    try:
        form = await parser.parse()
    except (BodyRefused, ClientDisconnect):
        raise
    except MultiPartException as error:
        raise HTTPException(400, f"the form cannot be read: {one_line(error.message)}") from None
    except (ValueError, LookupError, ArithmeticError, TypeError):  # odd headers: what the libraries' parsers run into
        raise HTTPException(400, "the form cannot be read: it is no valid multipart/form-data") from None
    try:
        return await _sorted(form.multi_items(), files, fields)
    finally:
        await form.close()


async def _sorted(
    items: list[tuple[str, UploadFile | str]], files: Collection[str], fields: Collection[str]
) -> tuple[dict[str, bytes], dict[str, str]]:
    found: dict[str, bytes] = {}
    texts: dict[str, str] = {}
    for name, value in items:
        known = files if isinstance(value, UploadFile) else fields
        if name not in known:
            kind = "file" if isinstance(value, UploadFile) else "field"
            raise HTTPException(422, f"there is no {kind} {name[:40]!a}; there are: {', '.join(known) or 'none'}")
        if name in found or name in texts:
            raise HTTPException(422, f"{name} is given twice; send it once")
        if isinstance(value, UploadFile):
            found[name] = await value.read()
            if not (found[name] or value.filename):
                del found[name]
        else:
            texts[name] = value
    return found, texts


def parse_json(model: type[M], body: bytes) -> M:
    """Check a JSON body; 422 with one line where it is no such thing."""
    try:
        return model.model_validate_json(body, strict=True)
    except ValidationError as error:
        raise HTTPException(422, first_problem(error)) from None


def parse_fields(model: type[M], fields: Mapping[str, Any]) -> M:
    """Check the fields of a form, whose numbers are text; 422 with one line where they are wrong."""
    try:
        return model.model_validate(dict(fields))
    except ValidationError as error:
        raise HTTPException(422, first_problem(error)) from None


def first_problem(error: ValidationError) -> str:
    """Return the first thing that is wrong with what a client sent, in one line."""
    first = error.errors(include_url=False, include_context=False, include_input=False)[0]
    where = ".".join(str(part) for part in first["loc"])
    return one_line(f"{where}: {first['msg']}" if where else first["msg"])


def one_line(text: str) -> str:
    """Return printable text of one line, of a length that can be read, with nothing in it that looks like a path.

    Examples
    --------
    >>> one_line("no such file:\\n/home/anna/clips/a.wav (b)")
    'no such file: [path] (b)'
    """
    plain = re.sub(r"(?:[A-Za-z]:)?(?:[/\\][^\s/\\'\":;,()]+){2,}[/\\]?", "[path]", text)
    shown = "".join(letter if letter.isprintable() else " " for letter in plain)
    line = " ".join(shown.split())
    return line if len(line) <= MAX_DETAIL else f"{line[: MAX_DETAIL - 2]} …"
