"""Documents as text. A PDF is read by a process of its own, which can be stopped: a hostile one never comes to an end."""

from __future__ import annotations

import io
import json
import subprocess
import sys
import unicodedata
from contextlib import suppress

from ..features.errors import SampleError

PDF_SECONDS = 20
PDF_MEMORY_BYTES = 1024**3
SIGNATURE_WITHIN = 1024  # ISO 32000-1, note 13 of annex H: the header may stand anywhere in the first 1024 bytes


def document_text(data: bytes, *, max_characters: int, max_pages: int, seconds: float = PDF_SECONDS) -> str:
    """Return the text of a PDF or of a text file held in memory.

    Parameters
    ----------
    data : bytes
        The whole file; what it is, is found from the content.
    max_characters, max_pages : int
    seconds : float, default=20
        Longest time spent on a PDF.

    Raises
    ------
    SampleError
        ``empty``, ``not_text`` (neither a PDF nor UTF-8 or UTF-16), ``too_long``; of a PDF: ``damaged``,
        ``encrypted``, ``too_slow`` or ``no_text`` (pictures of pages).
    """
    from ..features.text_cleaning import decode_text

    if not data.strip():
        raise SampleError("empty", "the document is empty; choose another one")
    if b"%PDF-" in data[:SIGNATURE_WITHIN]:
        text = _pdf_text(data, max_pages, max_characters, seconds)
        if not text.strip():
            raise SampleError("no_text", "the PDF holds no text, only pictures of pages; recognise its text first")
    else:
        try:
            text = decode_text(data)
        except UnicodeDecodeError:
            text = "\0"
        if "\0" in text:
            raise SampleError("not_text", "a PDF or a text in UTF-8 is needed; save it as one of them")
    if len(text) > max_characters:
        raise SampleError("too_long", f"at most {max_characters} characters are read; send a part of the document")
    return "".join(letter for letter in text if letter in "\n\t" or unicodedata.category(letter) not in ("Cc", "Cs"))


def _pdf_text(data: bytes, max_pages: int, max_characters: int, seconds: float) -> str:
    # -P: a folder that holds a json.py, and happens to be the current one, is not imported from.
    arguments = [sys.executable, "-P", "-m", __name__, str(max_pages), str(max_characters), str(int(seconds) + 1)]
    try:
        done = subprocess.run(arguments, input=data, capture_output=True, timeout=seconds, check=False)
    except subprocess.TimeoutExpired:
        raise SampleError(
            "too_slow", f"the PDF is not read within {seconds:g} s; send a part of it, or its text"
        ) from None
    try:
        found = json.loads(done.stdout)
    except ValueError:  # it ran into a limit, and was ended
        raise SampleError("damaged", "the PDF cannot be read; save it again, or send its text") from None
    if "text" in found:
        return str(found["text"])
    raise SampleError(found["code"], found["message"])


def read_pdf(data: bytes, max_pages: int, max_characters: int) -> dict[str, str]:
    """Read a PDF in this process: ``{"text": ...}``, or the ``code`` and ``message`` of what is wrong with it."""
    import logging

    from pypdf import PdfReader

    logging.getLogger("pypdf").setLevel(logging.CRITICAL)  # it tells of what it repairs
    try:
        reader = PdfReader(io.BytesIO(data))
        if reader.is_encrypted and not reader.decrypt(""):
            return {"code": "encrypted", "message": "the PDF is encrypted; save it without a password"}
        if len(reader.pages) > max_pages:
            found = f"got {len(reader.pages)}; send a part of it"
            return {"code": "too_long", "message": f"at most {max_pages} pages are read, {found}"}
        pages: list[str] = []
        for page in reader.pages:
            pages.append(page.extract_text())
            if sum(map(len, pages)) > max_characters:
                break
    except Exception:  # the bytes are foreign, and pypdf raises whatever its parsers run into
        return {"code": "damaged", "message": "the PDF is damaged or of a kind that cannot be read; save it again"}
    return {"text": "\n".join(pages)}


def _main() -> None:
    max_pages, max_characters, seconds = map(int, sys.argv[1:])
    with suppress(ImportError):  # where the system has no such limits, the time of the parent process remains
        import resource

        resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds))
        resource.setrlimit(resource.RLIMIT_AS, (PDF_MEMORY_BYTES, PDF_MEMORY_BYTES))
    found = read_pdf(sys.stdin.buffer.read(), max_pages, max_characters)
    sys.stdout.write(json.dumps(found))


if __name__ == "__main__":
    _main()
