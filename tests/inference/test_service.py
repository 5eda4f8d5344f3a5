"""The routes: what they answer, and that everything a client can do wrong is 4xx with one line that tells nothing."""

from __future__ import annotations

import asyncio
import base64
import io
import json
import signal
import socket
import subprocess
import sys
import threading
import warnings
import zlib

import httpx
import numpy as np
import pytest
import soundfile as sf
from emofuse.features.errors import EmofuseError
from emofuse.features.face_geometry import eye_opening
from emofuse.inference import checks, schemas, service
from emofuse.inference.documents import document_text
from emofuse.inference.limits import Limits
from emofuse.inference.service import make_app
from emofuse.inference.tasks import presentable
from emofuse.inference.uploads import one_line
from PIL import Image

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # the client prefers a newer httpx
    from starlette.testclient import TestClient

SECRET = "/home/anna/secret.bin"
TEXT = "What a lovely surprise!"


def wav(seconds=1.0, level=0.3, rate=16_000):
    held = io.BytesIO()
    sf.write(held, np.sin(np.arange(int(seconds * rate)) / 5) * level, rate, format="WAV", subtype="PCM_16")
    return held.getvalue()


def png(width=64, height=48, grey=255):
    held = io.BytesIO()
    Image.new("RGB", (width, height), (grey,) * 3).save(held, "PNG")
    return held.getvalue()


def pdf(*lines, password=None):
    """A PDF of one page of text, made by hand, since nothing here writes PDFs with text."""
    from pypdf import PdfReader, PdfWriter

    drawn = "".join(f"BT /F1 12 Tf 72 {700 - 20 * number} Td ({line}) Tj ET " for number, line in enumerate(lines))
    objects = [
        "<< /Type /Catalog /Pages 2 0 R >>",
        "<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Contents 4 0 R "
        "/Resources << /Font << /F1 << /Type /Font /Subtype /Type1 /BaseFont /Helvetica >> >> >> >>",
        f"<< /Length {len(drawn)} >>\nstream\n{drawn}\nendstream",
    ]
    body, places = "%PDF-1.4\n", []
    for number, held in enumerate(objects, 1):
        places.append(len(body))
        body += f"{number} 0 obj\n{held}\nendobj\n"
    table = "".join(f"{place:010d} 00000 n \n" for place in places)
    body += f"xref\n0 {len(objects) + 1}\n0000000000 65535 f \n{table}"
    body += f"trailer << /Size {len(objects) + 1} /Root 1 0 R >>\nstartxref\n{body.index('xref')}\n%%EOF"
    if password is None:
        return body.encode()
    writer, held = PdfWriter(PdfReader(io.BytesIO(body.encode()))), io.BytesIO()
    writer.encrypt(password, algorithm="RC4-128")
    writer.write(held)
    return held.getvalue()


@pytest.fixture
def open_client(fake_model):
    """A function that makes a client of a service with a model and limits of one's own."""

    def opened(model=fake_model, token=None, headers=None, **limits):
        app = make_app(model, Limits(**limits), token=token)
        return TestClient(app, base_url="http://localhost", headers=headers)

    return opened


@pytest.fixture
def client(open_client):
    return open_client()


def problem(response, status):
    """The line with which a request was refused."""
    assert response.status_code == status, response.text
    found = response.json()
    assert list(found) == ["detail"]
    line = found["detail"]
    assert line and "\n" not in line and len(line) <= 300
    assert "/home" not in line and "/tmp" not in line and "Traceback" not in line
    return line


# What is told of the service itself


def test_the_service_is_up(client):
    assert client.get("/healthz").json() == {"status": "ok", "version": "0.1.0", "model": "model"}


def test_the_model_is_described(client, fake_model):
    validation = {"metrics": {"uar": float("nan")}, "answers": {"angry": 0.75, "happy": 0.25}}
    fake_model.manifest |= {"name": "demo", "licences": ["MIT"], "validation": validation}
    described = TestClient(make_app(fake_model), base_url="http://localhost").get("/v1/model").json()
    assert schemas.ModelInfo(**described).name == "demo"
    assert described["validation"]["metrics"] == {"uar": None} and described["validation"]["corpus"] is None
    assert described["classes"] == ["angry", "happy", "neutral"]
    assert described["modalities"]["text"] == ["utterance"]
    assert described["limits"]["body_bytes"] == 64 * 1024**2 and described["limits"]["seconds"] == 30
    assert described["licences"] == ["MIT"] and described["cohort"] == {"angry": 0.75, "happy": 0.25}


def test_metrics_count_by_route_and_status_and_nothing_else(client):
    client.get("/healthz")
    client.post("/v1/predict", json={"text": TEXT})
    client.post("/v1/predict", json={"txt": TEXT})
    client.get("/secret/anna")
    told = client.get("/metrics")
    assert told.headers["content-type"].startswith("text/plain")
    assert 'emofuse_requests_total{route="/v1/predict",status="200"} 1.0' in told.text
    assert 'emofuse_requests_total{route="/v1/predict",status="422"} 1.0' in told.text
    assert 'emofuse_requests_total{route="other",status="404"} 1.0' in told.text
    assert "emofuse_request_seconds_bucket" in told.text and "process_resident_memory_bytes" in told.text
    assert "anna" not in told.text and "happy" not in told.text and "neutral" not in told.text


def test_the_page_is_served_from_the_package(client):
    page = client.get("/")
    assert page.headers["content-type"] == "text/html; charset=utf-8" and "<html" in page.text
    assert "'unsafe-inline'" not in page.headers["content-security-policy"]
    for name in ("../service.py", "..%2Fservice.py", "%2e%2e/service.py", "nothing.js", "service.py", ""):
        problem(client.get(f"/static/{name}"), 404)


def test_the_pages_of_documentation_that_load_from_elsewhere_are_off(client):
    for path in ("/docs", "/redoc"):
        problem(client.get(path), 404)
    assert client.get("/openapi.json").json()["paths"]["/v1/predict"]["post"]["requestBody"]["content"].keys() == {
        "multipart/form-data",
        "application/json",
    }


def test_addresses_and_methods_that_are_not_there(client):
    assert problem(client.get("/nothing"), 404) == "there is no such address"
    assert client.get("/v1/predict").headers["allow"] == "POST"
    problem(client.get("/v1/predict"), 405)
    problem(client.post("/healthz"), 405)
    problem(client.get("/healthz/"), 404)


# Predictions


def test_text_is_answered_alike_by_form_and_json(client):
    by_json = client.post("/v1/predict", json={"text": TEXT}).json()
    by_form = client.post("/v1/predict", files={"text": (None, TEXT)}).json()
    assert by_json == by_form
    assert schemas.AnswerBody(**by_json).label == "neutral"


def test_every_source_reaches_the_model(open_client, fakes):
    model = fakes.FakeModel({name: (f"{name}_block",) for name in schemas.SOURCES if name != "video"})
    model.modalities |= {"text": ("utterance",)}
    client = open_client(model)
    files = {"audio": wav(), "image": png(), "eeg": b"eeg", "physiology": b"bvp", "openface": b"au"}
    answer = client.post("/v1/predict", files=files, data={"text": TEXT, "end_s": "0.5", "budget_ms": "20"})
    assert answer.status_code == 200
    assert model.calls == [{**{name: len(data) for name, data in files.items()}, "text": len(TEXT)}]
    coded = {name: base64.b64encode(data).decode() for name, data in files.items()}
    same = client.post("/v1/predict", json={**coded, "text": TEXT, "end_s": 0.5, "budget_ms": 20}).json()
    assert same == answer.json()


def test_ready_features_reach_the_model(open_client, fakes):
    seen = {}

    class Model(fakes.FakeModel):
        def predict(self, **given):
            seen.update(given.pop("features"))
            return super().predict(text=TEXT, **given)

    body = {"features": {"face": {"au12": 1.5, "au4": None}}}
    assert open_client(Model()).post("/v1/predict", json=body).status_code == 200
    assert seen["face"]["au12"] == 1.5 and np.isnan(seen["face"]["au4"])


def test_an_absent_modality_says_why_in_one_line(client):
    answer = client.post("/v1/predict", files={"audio": b"junk"}, data={"text": TEXT}).json()
    assert answer["modalities"]["audio"]["present"] is False
    assert answer["modalities"]["audio"]["reason"].startswith("not_audio")
    assert answer["modalities"]["image"]["reason"] == "not given"


def test_an_answer_that_rests_on_nothing_is_none(client):
    assert problem(client.post("/v1/predict", files={"audio": b"junk"}), 422).startswith("audio: not_audio")
    assert "audio, video, image, text" in problem(client.post("/v1/predict", files={"eeg": b"1"}), 422)


def test_nothing_given(client):
    problem(client.post("/v1/predict", json={}), 422)
    problem(client.post("/v1/predict", files={"audio": ("", b"")}), 422)


@pytest.mark.parametrize(
    ("body", "told"),
    [
        (b"", "JSON"),
        (b"{", "JSON"),
        (b"[]", "object"),
        (b"null", "object"),
        (b'{"txt": "a"}', "txt"),
        (b'{"text": 1}', "text"),
        (b'{"text": "\\ud800"}', "hex escape"),
        (b'{"text": "\xff"}', "unicode"),
        (b'{"audio": "???"}', "base64"),
        (b'{"audio": 5}', "base64"),
        (b'{"text": "a", "start_s": "1"}', "start_s"),
        (b'{"text": "a", "start_s": NaN}', "start_s"),
        (b'{"text": "a", "end_s": 1e999}', "end_s"),
        (b'{"text": "a", "start_s": 2, "end_s": 1}', "later than start_s"),
        (b'{"text": "a", "budget_ms": 0}', "budget_ms"),
        (b'{"features": {"a": {"b": Infinity}}}', "features"),
        (b'{"features": {"a": {"b": "c"}}}', "features"),
        (b'{"features": ' + b'{"a":' * 10_000 + b"1" + b"}" * 10_001, ""),
        (b"[" * 1_000_000, ""),
    ],
)
def test_json_that_is_wrong(client, body, told):
    line = problem(client.post("/v1/predict", content=body, headers={"content-type": "application/json"}), 422)
    assert told.lower() in line.lower()


def form(*parts, boundary="b", end=True):
    body = b"".join(b"--b\r\nContent-Disposition: form-data; " + part + b"\r\n" for part in parts)
    return {
        "content": body + (b"--b--\r\n" if end else b""),
        "headers": {"content-type": f"multipart/form-data; boundary={boundary}"},
    }


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (form(b'name="text"\r\n\r\nhello'), 200),
        (form(b'name="text"\r\n\r\nhello', b'name="text"\r\n\r\nagain'), 422),
        (form(b'name="txt"\r\n\r\nhello'), 422),
        (form(b'name="audio"\r\n\r\nhello'), 422),
        (form(b'name="text"; filename="/etc/passwd"\r\n\r\nhello'), 422),
        (form(b'name="text"\r\n\r\nhello', b'name="start_s"\r\n\r\nsoon'), 422),
        (form(b'name="text"\r\n\r\nhello', b'name="start_s"\r\n\r\nnan'), 422),
        (form(b'name="text"\r\n\r\nhello', b'name="end_s"\r\n\r\ninf'), 422),
        (form(b'name="a\r\nb"\r\n\r\nhello'), 400),
        (form(*[b'name="text"\r\n\r\nhello'] * 2000), 400),
        (form(*[b'name="audio"; filename="a"\r\n\r\nhello'] * 2000), 400),
        (form(b'filename="a"\r\n\r\nhello'), 400),
        (form(b"\r\n\r\nhello"), 400),
        (form(b'name="text"\r\n\r\nhello', boundary="other"), 400),
        (form(b'name="text"\r\n\r\nhello', boundary=""), 400),
        (form(b'name="text"\r\n\r\nhello', boundary="b" * 2000), 400),
        (form(boundary="b"), 422),
        ({"content": b"", "headers": {"content-type": "multipart/form-data"}}, 400),
        ({"content": b"junk", "headers": {"content-type": "multipart/form-data; boundary=b"}}, 400),
        (form(b'name="text"\r\n\r\nhello', boundary="b; charset=idna"), None),
        (form(b'name="text"\r\n\r\n\xff\xfe', boundary="b; charset=punycode"), None),
        (form(b'name="text"\r\n\r\nhello', boundary="b; charset=hex"), None),
        (form(b'name="text"\r\n\r\nhello', boundary="b; charset=a\0b"), None),
    ],
    ids=range(23),
)
def test_forms(client, sent, status):
    answer = client.post("/v1/predict", **sent)
    assert answer.status_code in ((status,) if status else (200, 400, 422)), answer.text
    if answer.status_code != 200:
        problem(answer, answer.status_code)


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/v1/predict", "text/plain"),
        ("/v1/predict", ""),
        ("/v1/predict", "application/x-www-form-urlencoded"),
        ("/v1/predict", "application/jsonx"),
        ("/v1/faces", "image/png"),
        ("/v1/timeline", "application/json"),
        ("/v1/words", "multipart/form-data; boundary=b"),
        ("/v1/document", "application/pdf"),
    ],
)
def test_content_of_another_type(client, path, kind):
    assert "Content-Type" in problem(client.post(path, content=b"x", headers={"content-type": kind}), 415)


def test_a_body_that_is_too_long(open_client):
    client = open_client(body_bytes=1000)
    problem(client.post("/v1/predict", files={"audio": wav()}), 413)
    problem(
        client.post("/v1/predict", content=iter([b"x" * 600] * 2), headers={"content-type": "application/json"}), 413
    )
    problem(client.post("/v1/predict", content=b"x" * 1001), 413)
    assert client.post("/v1/predict", json={"text": TEXT}).status_code == 200


def test_files_are_never_written_to_a_folder(client, monkeypatch):
    import tempfile

    def refuse(*_, **__):
        raise AssertionError("a file would be written")

    monkeypatch.setattr(tempfile, "TemporaryFile", refuse)
    monkeypatch.setattr(tempfile.SpooledTemporaryFile, "rollover", refuse)
    assert client.post("/v1/predict", files={"audio": wav(seconds=60.0)}).status_code == 200


def test_clips_pictures_and_texts_that_are_too_large(open_client):
    client = open_client(duration_s=2.0, pixels=1000, characters=10)
    assert "2 s" in problem(client.post("/v1/predict", files={"audio": wav(3.0)}), 413)
    assert client.post("/v1/predict", files={"audio": wav(3.0)}, data={"start_s": "1", "end_s": "3"}).status_code == 200
    problem(client.post("/v1/timeline", files={"audio": wav(3.0)}), 413)
    assert "64 x 48" in problem(client.post("/v1/predict", files={"image": png()}), 413)
    problem(client.post("/v1/faces", files={"image": png()}), 413)
    assert "10 characters" in problem(client.post("/v1/predict", json={"text": TEXT}), 413)
    problem(client.post("/v1/words", json={"text": TEXT}), 413)


def test_a_picture_that_claims_any_number_of_pixels_is_refused_by_its_header():
    data = bytearray(png())
    data[16:24] = (60_000).to_bytes(4, "big") * 2
    data[29:33] = zlib.crc32(data[12:29]).to_bytes(4, "big")
    with pytest.raises(checks.TooLargeError):
        checks.check_files({"image": bytes(data)}, Limits(), None, None)


def test_sound_whose_header_names_no_length_is_cut_at_the_limit():
    assert checks.check_files({"audio": b"junk"}, Limits(duration_s=5), 1.0, None) == 6.0
    assert checks.check_files({"audio": wav()}, Limits(duration_s=5), None, None) is None
    assert checks.check_files({"image": png()}, Limits(), None, 3.0) == 3.0


# Errors that nobody foresaw, and too much work


class Broken:
    """A model that fails as no model should."""

    def __init__(self, fakes, error):
        self.model = fakes.FakeModel()
        self.error = error

    def __getattr__(self, name):
        return getattr(self.model, name)

    def predict(self, **_):
        raise self.error


@pytest.mark.parametrize(
    "error", [RuntimeError(SECRET), OSError(2, "no such file", SECRET), RecursionError(), KeyError()]
)
def test_unforeseen_errors_are_the_input_s_and_tell_nothing(open_client, fakes, caplog, error):
    client = open_client(Broken(fakes, error))
    line = problem(client.post("/v1/predict", json={"text": TEXT}), 422)
    assert line == "the input cannot be used; send another file, or convert this one"
    assert type(error).__name__ in caplog.text
    assert "anna" not in caplog.text and TEXT not in caplog.text
    assert client.get("/healthz").status_code == 200


def test_errors_on_purpose_tell_no_path(open_client, fakes, caplog):
    line = problem(
        open_client(Broken(fakes, EmofuseError(f"no {SECRET}\nhere"))).post("/v1/predict", json={"text": "a"}), 422
    )
    assert line == "no [path] here"
    assert caplog.text == ""


def test_too_little_memory_is_overload(open_client, fakes):
    answer = open_client(Broken(fakes, MemoryError())).post("/v1/predict", json={"text": TEXT})
    problem(answer, 503)
    assert int(answer.headers["retry-after"]) > 0


def test_an_error_outside_of_the_routes_is_caught_too(open_client, monkeypatch):
    client = open_client()
    monkeypatch.setattr(service, "_file", lambda name: 1 / 0)
    problem(client.get("/"), 422)


def test_a_request_that_takes_too_long_and_those_after_it(open_client, fakes):
    go_on = threading.Event()

    class Slow(fakes.FakeModel):
        def predict(self, **given):
            assert go_on.wait(20)
            return super().predict(**given)

    client = open_client(Slow(), seconds=0.01, at_work=1, queued=0)
    answer = client.post("/v1/predict", json={"text": TEXT})
    assert "longer than 0.01 s" in problem(answer, 503) and answer.headers["retry-after"] == "2"
    assert "too many" in problem(client.post("/v1/predict", json={"text": TEXT}), 503)
    assert "emofuse_refused_total 2.0" in client.get("/metrics").text
    go_on.set()
    desk = client.app.state.desk
    desk._executor.shutdown()
    assert desk.held == 0


def test_many_at_once_are_answered_or_told_to_come_back(fake_model):
    app = make_app(fake_model, Limits(at_work=2, queued=2))

    async def ask():
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
            requests = [client.post("/v1/predict", json={"text": TEXT}) for _ in range(16)]
            return await asyncio.gather(*requests)

    answers = asyncio.run(ask())
    statuses = [answer.status_code for answer in answers]
    assert statuses.count(200) >= 4 and statuses.count(503) + statuses.count(200) == 16
    assert all("retry-after" in answer.headers for answer in answers if answer.status_code == 503)
    assert {json.dumps(answer.json()) for answer in answers if answer.status_code == 200} == {
        json.dumps(fake_model.predict(text=TEXT).as_dict())
    }
    assert app.state.desk.held == 0


def test_a_place_is_given_back_whatever_happens(client):
    for body in ({"text": TEXT}, {"txt": 1}, {}):
        client.post("/v1/predict", json=body)
    client.post("/v1/predict", files={"other": b"x"})
    client.post("/v1/faces", files={"image": b"junk"})
    assert client.app.state.desk.held == 0


# Faces, timelines, words, documents


def test_a_picture_without_a_face(client):
    by_form = client.post("/v1/faces", files={"image": png(100, 80)}).json()
    by_json = client.post("/v1/faces", json={"image": base64.b64encode(png(100, 80)).decode()}).json()
    assert by_form == by_json == {"faces": [], "width": 100, "height": 80}


def test_faces_are_described_and_answered(client, monkeypatch):
    from emofuse.features import faces

    box, points = faces.Box(10.0, 10.0, 40.0, 40.0), np.random.default_rng(0).uniform(10, 40, (68, 2))
    monkeypatch.setattr(faces, "find_faces", lambda picture: [faces.Face(box, 1.0, "front")])
    monkeypatch.setattr(faces, "landmarks", lambda picture, box: points)
    found = client.post("/v1/faces", files={"image": png()}).json()
    face = schemas.Faces(**found).faces[0]
    assert face.number == 0 and face.box == [10, 10, 40, 40] and len(face.landmarks) == 68
    assert face.label == "happy" and face.eye_opening == pytest.approx(eye_opening(points))


def test_pictures_that_are_none(client):
    for data in (b"", b"junk", png()[:50]):
        problem(client.post("/v1/faces", files={"image": ("a.png", data)}), 422)
    assert "image" in problem(client.post("/v1/faces", files={"image": ("", b"")}), 422)


def test_open_eyes_are_higher_than_wide_by_their_ratio():
    points = np.zeros((68, 2))
    for left, right, upper, lower in ((36, 39, (37, 38), (41, 40)), (42, 45, (43, 44), (47, 46))):
        points[left], points[right] = (0, 0), (10, 0)
        points[list(upper)], points[list(lower)] = (5, -1.5), (5, 1.5)
    assert eye_opening(points) == pytest.approx(0.3)


def test_a_recording_is_answered_window_by_window(client):
    found = client.post("/v1/timeline", files={"audio": wav(4.0)}, data={"window_s": "2", "hop_s": "1"}).json()
    assert schemas.TimelineBody(**found).most_frequent == "angry"
    assert [(moment["start_s"], moment["end_s"]) for moment in found["moments"]] == [(0, 2), (1, 3), (2, 4)]
    assert found["shares"] == {"angry": 1.0, "happy": 0.0, "neutral": 0.0}


@pytest.mark.parametrize(
    "sent",
    [
        {"files": {"audio": b"junk"}},
        {"files": {"audio": ("", b"")}, "data": {"window_s": "1"}},
        {"files": {"audio": wav(), "video": wav()}},
        {"files": {"file": wav()}},
        {"files": {"audio": wav()}, "data": {"window_s": "0"}},
        {"files": {"audio": wav()}, "data": {"hop_s": "nan"}},
        {"files": {"audio": wav()}, "data": {"hop_s": "0.001"}},
    ],
)
def test_timelines_that_cannot_be_made(client, sent):
    problem(client.post("/v1/timeline", **sent), 422)


def test_words_are_weighed_by_leaving_them_out(client):
    text = "Well, I can't say: a très long text 🙂!"
    found = client.post("/v1/words", json={"text": text}).json()
    words = schemas.Words(**found).words
    assert [text[word.start : word.end] for word in words] == [word.word for word in words]
    assert [word.word for word in words] == ["Well", "I", "can't", "say", "a", "très", "long", "text", "🙂!"]
    assert found["label"] == "neutral" and all(word.contribution < 0 for word in words)
    assert words[0].contribution < words[1].contribution  # without a longer word a text is more neutral


def test_only_so_many_words_are_weighed(open_client, fake_model):
    found = open_client(words=3).post("/v1/words", json={"text": "one two three four five"}).json()
    assert len(found["words"]) == 3 and found["n_words"] == 5
    assert len(fake_model.calls) == 4


def test_a_model_that_reads_no_text_weighs_none(open_client, fakes):
    line = problem(open_client(fakes.FakeModel({"audio": ("acoustic",)})).post("/v1/words", json={"text": "a"}), 422)
    assert "reads no text" in line


def test_documents_become_text(client):
    for data, text in (
        (b"plain", "plain"),
        ("naïve".encode("utf-16"), "naïve"),
        (b"\xef\xbb\xbfmark\x1b[31m", "mark[31m"),
        (pdf("Hello there", "again"), "Hello there\nagain"),
    ):
        assert client.post("/v1/document", files={"file": ("../../x", data)}).json() == {"text": text}


@pytest.mark.parametrize(
    ("data", "told"),
    [
        (b" ", "empty"),
        (b"\xff\xfejunk\x00", "UTF-8"),
        (b"GIF89a\x00\x01", "UTF-8"),
        (b"%PDF-1.4 junk", "damaged"),
        (pdf("a")[:300], "PDF"),
        (pdf("a", password="secret"), "encrypted"),
        (pdf(), "no text"),
    ],
    ids=range(7),
)
def test_documents_that_cannot_be_read(client, data, told):
    assert told in problem(client.post("/v1/document", files={"file": data}), 422)


def test_documents_that_are_too_long(open_client):
    problem(open_client(characters=5).post("/v1/document", files={"file": b"123456"}), 422)
    problem(open_client(characters=5).post("/v1/document", files={"file": pdf("Hello there")}), 422)


def test_a_pdf_that_takes_too_long_is_given_up():
    with pytest.raises(EmofuseError, match="not read within"):
        document_text(pdf("a"), max_characters=10, max_pages=1, seconds=0.0001)


# The line that leaves, and what JSON holds


@pytest.mark.parametrize(
    "text", ["/home/anna/x.wav", "in '/a/b'", "C:\\Users\\anna\\x.wav", "file:///home/anna", "a\n  at /usr/lib/x.py:3"]
)
def test_lines_hold_no_path(text):
    line = one_line(text)
    assert "[path]" in line and "anna" not in line and "usr" not in line and "\n" not in line


def test_lines_are_short_and_printable():
    assert one_line("a\x1b[31m\u202eb\x00c") == "a [31m b c"
    assert len(one_line("word " * 1000)) <= 300


def test_numbers_that_json_cannot_hold_are_null():
    held = {
        "a": np.float32("nan"),
        "b": (1, np.int64(2), float("inf")),
        "c": np.array([0.5, np.nan]),
        "d": np.bool_(True),
    }
    assert (
        json.dumps(presentable(held), allow_nan=False) == '{"a": null, "b": [1, 2, null], "c": [0.5, null], "d": true}'
    )


# How it is started


def test_others_can_reach_it_only_with_a_token(monkeypatch):
    monkeypatch.delenv("EMOFUSE_TOKEN", raising=False)
    assert service.read_token("127.0.0.1") is None
    with pytest.raises(EmofuseError, match="EMOFUSE_TOKEN"):
        service.read_token("0.0.0.0")
    monkeypatch.setenv("EMOFUSE_TOKEN", "short")
    with pytest.raises(EmofuseError, match="16"):
        service.read_token("127.0.0.1")
    monkeypatch.setenv("EMOFUSE_TOKEN", "0123456789abcdef")
    assert service.read_token("0.0.0.0") == "0123456789abcdef"


def test_a_port_that_is_taken_or_none():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(EmofuseError, match=f"port {port}"):
            service.listen("127.0.0.1", port)
    for host, bad in (("127.0.0.1", 70_000), ("no.such.host.invalid", 0), ("203.0.113.1", 0)):
        with pytest.raises(EmofuseError, match="cannot listen"):
            service.listen(host, bad)


def test_a_token_is_asked_for_where_there_is_one(open_client):
    client = open_client(token="0123456789abcdef")
    problem(client.post("/v1/predict", json={"text": TEXT}), 401)
    client.headers["authorization"] = "Bearer 0123456789abcdef"
    assert client.post("/v1/predict", json={"text": TEXT}).status_code == 200


SERVING = """
import importlib.util, sys
spec = importlib.util.spec_from_file_location("fakes", sys.argv[1])
fakes = importlib.util.module_from_spec(spec)
spec.loader.exec_module(fakes)
from emofuse.inference.limits import Limits
from emofuse.inference.service import serve
serve(fakes.FakeModel(), port=0, limits=Limits(body_bytes=1000, body_seconds=0.05))
"""


def test_it_serves_on_a_real_socket(fakes):
    """What a test client does not show: the address that is printed, refusals in the middle of a body, and the end."""
    with subprocess.Popen(
        [sys.executable, "-c", SERVING, fakes.__file__], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        try:
            url = process.stdout.readline().strip()
            assert url.startswith("http://127.0.0.1:") and url.endswith("/")
            assert httpx.get(f"{url}healthz").json()["status"] == "ok"
            assert httpx.get(f"{url}healthz", headers={"host": "evil.example"}).status_code == 400
            assert httpx.post(f"{url}v1/predict", json={"text": TEXT}).json()["label"] == "neutral"
            problem(httpx.post(f"{url}v1/predict", content=bytes(10_000_000)), 413)
            problem(httpx.post(f"{url}v1/document", files={"file": bytes(2000)}), 413)
            place = httpx.URL(url)
            with socket.create_connection((place.host, place.port), timeout=20) as slow:
                slow.sendall(b"POST /v1/words HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n")
                slow.sendall(b"Content-Length: 9\r\n\r\n{")
                assert slow.recv(100).startswith(b"HTTP/1.1 408")
            process.send_signal(signal.SIGINT)
            assert process.wait(20) == 0
        finally:
            process.kill()
        assert "Traceback" not in process.stderr.read()
