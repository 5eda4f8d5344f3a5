"""Transcripts, texts and documents."""

from __future__ import annotations

import signal
import tempfile
from contextlib import suppress
from pathlib import Path
from types import FrameType

from emofuse.features.errors import SampleError
from emofuse.features.text_cleaning import MAX_CHARACTERS, clean_text, decode_text
from emofuse.features.text_tokens import mark_negations, stem, tokenize
from emofuse.features.transcripts import SUFFIXES, read_transcript
from emofuse.inference.documents import document_text, read_pdf
from target import Target, beside, take

CLIPS = ((None, None), (0.5, None), (0.5, 1.5))
PDF_CPU_S = 6.0
ISOLATED_EVERY = 200


def transcripts() -> Target:
    """Return the target of transcripts beside recordings."""
    folder = Path(tempfile.mkdtemp())
    srt = "1\n00:00:00,500 --> 00:00:01,500\nHello <i>there</i>\n\n2\n00:00:02,000 --> 00:00:03,000\n{\\an8}again\n"
    vtt = f"WEBVTT\n\nNOTE x\n\n{srt.replace(',', '.')}"
    seeds = {
        "txt": "Hello there\n".encode("utf-16") + b"\0",
        "srt": srt.encode() + b"\1",
        "vtt": vtt.encode() + b"\2",
        "align": b"0 23750 sil\n23750 29500 bin\n29500 34000 blue\n" + b"\3",
        "clip": srt.encode() + bytes([1 + 8]),
    }

    def door(data: bytes) -> None:
        choice, data = take(data)
        path = folder / f"words{SUFFIXES[choice % 4]}"
        path.write_bytes(data)
        start_s, end_s = CLIPS[choice // 8 % 3]
        read_transcript(path, start_s=start_s, end_s=end_s)

    return Target(door, seeds, (SampleError,), max_bytes=2**15)


def text() -> Target:
    """Return the target of texts: decoded, cleaned, cut into words."""
    texts = (
        "I can't believe it!!! @anna #soHappy http://x.org/a?b=c \U0001f600\u200d\U0001f525",
        "It\x92s  <b>fine</b>\u202e &amp;amp; <script>x</script> grand! <!-- no --> [laughter]",
        "Ã¼ber +49 (30) 555-1234 anna@mail.example.org ﬁne ＡＢＣ nooooo \x1b[2J",
    )
    seeds = {f"text{number}": content.encode() for number, content in enumerate(texts)}
    seeds["utf16"] = texts[0].encode("utf-16")

    def door(data: bytes) -> None:
        try:
            content = decode_text(data)
        except UnicodeDecodeError:
            content = data.decode("utf-8", "surrogatepass" if data.isascii() else "surrogateescape")
        clean = clean_text(content)
        assert len(clean) <= 4 * MAX_CHARACTERS, "grown"
        clean.encode("utf-8")
        assert clean_text(clean) == clean, "not settled"
        for word in mark_negations(tokenize(clean)):
            stem(word)

    return Target(door, seeds, (), max_bytes=2**15)


def documents() -> Target:
    """Return the target of documents that are sent to the service.

    The service reads a PDF in a process of its own, which is stopped after a time; for the sake of coverage most are read
    in this one, and what would be stopped there is stopped here.
    """
    pdf = beside("inference/test_service.py").pdf
    seeds = {
        "pdf": pdf("Hello there", "again"),
        "packed": _packed(pdf("Hello")),
        "locked": pdf("a", password="secret"),
        "text": b"Hello\tthere\n",
        "utf16": "Hello".encode("utf-16"),
    }
    count = 0

    class TooSlowError(BaseException):
        """What no reader catches."""

    def stop(number: int, frame: FrameType | None) -> None:
        raise TooSlowError

    signal.signal(signal.SIGVTALRM, stop)

    def door(data: bytes) -> None:
        nonlocal count
        count += 1
        isolated = b"%PDF-" not in data[:1024] or count % ISOLATED_EVERY == 0
        if isolated:
            document_text(data, max_characters=1000, max_pages=5, seconds=5)
            return
        with suppress(TooSlowError):
            signal.setitimer(signal.ITIMER_VIRTUAL, PDF_CPU_S)
            try:
                found = read_pdf(data, 5, 1000)
            finally:
                signal.setitimer(signal.ITIMER_VIRTUAL, 0)
            assert set(found) in ({"text"}, {"code", "message"}), "neither text nor error"

    return Target(door, seeds, (SampleError,), rss_mb=2048, max_bytes=2**15)


def _packed(data: bytes) -> bytes:
    """Return a PDF with its streams deflated and its objects in streams."""
    import io

    from pypdf import PdfReader, PdfWriter

    writer, held = PdfWriter(PdfReader(io.BytesIO(data))), io.BytesIO()
    for page in writer.pages:
        page.compress_content_streams()
    writer.write(held)
    return held.getvalue()
