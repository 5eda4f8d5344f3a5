"""What the service reads and answers: pydantic models, each with an example, that are also its OpenAPI document."""

from __future__ import annotations

import base64
import binascii
from typing import Annotated, Any, Self

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    FiniteFloat,
    WithJsonSchema,
    model_validator,
)

SOURCES = ("audio", "video", "image", "eeg", "physiology", "openface")

Probability = Annotated[float, Field(ge=0, le=1)]
Seconds = Annotated[FiniteFloat, Field(ge=0, le=1e9)]


def _decoded(value: Any) -> Any:
    if not isinstance(value, str):
        raise ValueError("base64 text is needed")
    try:
        return base64.b64decode(value, validate=True)
    except (binascii.Error, ValueError):
        raise ValueError("base64 text is needed") from None


Base64 = Annotated[
    bytes,
    BeforeValidator(_decoded),
    WithJsonSchema(
        {
            "type": "string",
            "format": "byte",
            "pattern": r"^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$",
        }
    ),
]


class _Read(BaseModel):
    """What comes in: unknown keys are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class Clip(_Read):
    """What of a request for a prediction is no file.

    Attributes
    ----------
    text : str or None
    start_s, end_s : float or None
        Bounds of the clip in its files.
    budget_ms : float or None
        Longest time; the dearest optional blocks are left out to keep it.
    """

    text: str | None = None
    start_s: Seconds | None = None
    end_s: Annotated[FiniteFloat, Field(gt=0, le=1e9)] | None = None
    budget_ms: Annotated[FiniteFloat, Field(gt=0, le=1e9)] | None = None

    @model_validator(mode="after")
    def _ends_after_its_start(self) -> Self:
        if self.end_s is not None and self.end_s <= (self.start_s or 0):
            raise ValueError("end_s must be later than start_s")
        return self


class PredictRequest(Clip):
    """A clip to predict from; files are base64."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"text": "What a lovely surprise!"}, {"text": "Leave me alone.", "budget_ms": 20}]
        }
    )

    audio: Base64 | None = None
    video: Base64 | None = None
    image: Base64 | None = None
    eeg: Base64 | None = None
    physiology: Base64 | None = None
    openface: Base64 | None = None
    features: dict[str, dict[str, FiniteFloat | None]] | None = None


class FacesRequest(_Read):
    """A picture to find faces in."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"image": "iVBORw0KGgo="}]})

    image: Base64


class WordsRequest(_Read):
    """A text whose words are weighed."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"text": "What a lovely surprise!"}]})

    text: str


class TimelineFields(_Read):
    """How a recording is cut into windows."""

    window_s: Annotated[FiniteFloat, Field(ge=0.5, le=60)] = 3.0
    hop_s: Annotated[FiniteFloat, Field(ge=0.1, le=60)] = 1.0


class StreamAudio(_Read):
    """The sound that a live stream is going to send: 16-bit mono PCM, little-endian."""

    sampling_rate_hz: Annotated[int, Field(ge=8000, le=96_000)] = 16_000


class StreamRequest(_Read):
    """The first message of a live stream."""

    audio: StreamAudio | None = None
    video: bool = False
    window_s: Annotated[FiniteFloat, Field(ge=0.5, le=30)] = 3.0
    hop_s: Annotated[FiniteFloat, Field(ge=0.2, le=30)] = 1.0

    @model_validator(mode="after")
    def _something_is_sent(self) -> Self:
        if self.audio is None and not self.video:
            raise ValueError("a stream of sound, of frames or of both is needed")
        return self


class Problem(BaseModel):
    """Why there is no answer, in one line."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"detail": "audio: not_audio: the content is no sound"}]})

    detail: str


class Health(BaseModel):
    """The service is up."""

    status: str = Field(examples=["ok"])
    version: str = Field(examples=["0.1.0"])
    model: str = Field(examples=["demo"])


class ModelInfo(BaseModel):
    """What the model is, what it needs, what it was validated on, and what is accepted at most."""

    name: str = Field(examples=["demo"])
    classes: list[str] = Field(examples=[["angry", "happy", "neutral"]])
    modalities: dict[str, list[str]] = Field(examples=[{"audio": ["acoustic"], "text": ["utterance"]}])
    validation: dict[str, Any]
    licences: list[Any]
    size_bytes: int | None
    limits: dict[str, float]
    card: str | None
    cohort: dict[str, float] | None


class Modality(BaseModel):
    """What one modality says by itself."""

    present: bool
    label: str | None
    probabilities: dict[str, Probability]
    weight: float | None
    contribution: float | None
    reason: str | None


class Feature(BaseModel):
    """One of the features that moved the answer most."""

    block: str
    feature: str
    contribution: float | None


class AnswerBody(BaseModel):
    """The answer to one clip."""

    label: str = Field(examples=["happy"])
    probabilities: dict[str, Probability] = Field(examples=[{"angry": 0.1, "happy": 0.8, "neutral": 0.1}])
    modalities: dict[str, Modality]
    top_features: list[Feature]
    timing_ms: dict[str, float | None]
    warnings: list[str]
    adaptive: bool


class FaceBody(BaseModel):
    """One face: box and landmarks in pixels of the upright picture, opening of the eyes as height over width."""

    number: int
    box: Annotated[list[float], Field(min_length=4, max_length=4)]
    landmarks: list[Annotated[list[float], Field(min_length=2, max_length=2)]]
    label: str | None
    probabilities: dict[str, Probability]
    eye_opening: float | None


class Faces(BaseModel):
    """The faces of a picture, the largest first."""

    faces: list[FaceBody]
    width: int
    height: int


class TimelineBody(BaseModel):
    """The answers along a recording, and how often each class was the answer."""

    moments: list[dict[str, Any]]
    shares: dict[str, float | None]
    most_frequent: str | None


class Word(BaseModel):
    """A word, where it stands, and by how much the log probability of the label falls without it."""

    word: str
    start: int
    end: int
    contribution: float | None


class Words(BaseModel):
    """The answer to a text, and what each of its first words adds to it."""

    label: str
    probabilities: dict[str, Probability]
    modalities: dict[str, Modality]
    words: list[Word]
    n_words: int


class Document(BaseModel):
    """The text of a document."""

    text: str


_FILE = {"type": "string", "format": "binary"}
_NUMBER_SCHEMAS = Clip.model_json_schema()["properties"]
MULTIPART_PREDICT = {
    "type": "object",
    "additionalProperties": False,
    "properties": dict.fromkeys(SOURCES, _FILE)
    | {"text": {"type": "string"}}
    | {name: schema["anyOf"][0] for name, schema in _NUMBER_SCHEMAS.items() if name != "text"},
}
MULTIPART_FACES = {
    "type": "object",
    "additionalProperties": False,
    "properties": {"image": _FILE},
    "required": ["image"],
}
MULTIPART_TIMELINE = {
    "type": "object",
    "additionalProperties": False,
    "properties": {"audio": _FILE, "video": _FILE} | TimelineFields.model_json_schema()["properties"],
    "oneOf": [{"required": ["audio"]}, {"required": ["video"]}],
}
MULTIPART_DOCUMENT = {
    "type": "object",
    "additionalProperties": False,
    "properties": {"file": _FILE},
    "required": ["file"],
}
