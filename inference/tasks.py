"""What the routes of the service compute, apart from how they are asked: answers, faces, words, timelines."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from ..features.errors import EmofuseError, SampleError
from .checks import TooLargeError, check_files
from .limits import Limits
from .schemas import Clip, PredictRequest, TimelineFields
from .uploads import one_line
from .work import Patience

if TYPE_CHECKING:
    from ..features.faces import Box
    from ..features.pictures import Pixels
    from .moment import Moment
    from .predictor import Model

MAX_FACES = 20
_WORD = re.compile(r"[^\W_]+(?:['’-][^\W_]+)*|[^\s\w]{2,}|[^\x00-\u2010\w\s]")  # words, emoticons and emoji
SMALLEST = 1e-12


def answer_clip(model: Model, clip: Clip, files: Mapping[str, bytes], limits: Limits) -> dict[str, Any]:
    """Answer one clip.

    Raises
    ------
    EmofuseError
        Nothing that was given can be used; its text names each source and its trouble.
    TooLargeError
    """
    features = clip.features if isinstance(clip, PredictRequest) else None
    given: dict[str, Any] = dict(files)
    if clip.text is not None:
        check_text(clip.text, limits)
        given["text"] = clip.text
    end_s = check_files(files, limits, clip.start_s, clip.end_s)
    answer = model.predict(
        **given,
        features=features and {block: _numbers(values) for block, values in features.items()},
        start_s=clip.start_s,
        end_s=end_s,
        budget_ms=clip.budget_ms,
    )
    return _usable(answer.as_dict())


def find_faces(model: Model, image: bytes, limits: Limits, patience: Patience) -> dict[str, Any]:
    """Find the faces of a picture, and answer each where the model reads pictures.

    Raises
    ------
    SampleError
        The picture cannot be decoded.
    TooLargeError
    """
    from ..features.pictures import decode_picture

    check_files({"image": image}, limits, None, None)
    return faces_of(model, decode_picture(image).pixels, patience)


def faces_of(model: Model, picture: Pixels, patience: Patience) -> dict[str, Any]:
    """Find and answer the faces of pixels (height, width, 3)."""
    from ..features.face_geometry import eye_opening
    from ..features.faces import find_faces, landmarks

    found = []
    for number, face in enumerate(find_faces(picture)[:MAX_FACES]):
        patience.check()
        try:
            points = landmarks(picture, face.box)
        except SampleError:
            continue  # a box outside of the picture is none
        said = _answer_face(model, picture, face.box)
        opening = eye_opening(points)
        found.append(
            {"number": number, "box": list(face.box), "landmarks": points.tolist(), **said, "eye_opening": opening}
        )
    return {"faces": found, "width": picture.shape[1], "height": picture.shape[0]}


def weigh_words(model: Model, text: str, limits: Limits, patience: Patience) -> dict[str, Any]:
    """Answer a text, and weigh its first words: what the log probability of the label loses without each [1]_.

    References
    ----------
    .. [1] Li, Monroe & Jurafsky (2016), Understanding neural networks through representation erasure, arXiv:1612.08220.
    """
    check_text(text, limits)
    if "text" not in model.modalities:
        raise EmofuseError(f"the model reads no text; it reads: {', '.join(model.modalities)}")
    answer = model.predict(text=text)
    whole = _usable(answer.as_dict())
    label = answer.label
    places = [found.span() for found in _WORD.finditer(text)]
    words = []
    for start, end in places[: limits.words]:
        patience.check()
        without = model.predict(text=f"{text[:start]}{text[end:]}", explain=False)
        lost = _log(answer.probabilities[label]) - _log(without.probabilities[label])
        words.append({"word": text[start:end], "start": start, "end": end, "contribution": lost})
    return {
        "label": label,
        "probabilities": whole["probabilities"],
        "modalities": whole["modalities"],
        "words": words,
        "n_words": len(places),
    }


def follow(
    model: Model, files: Mapping[str, bytes], fields: TimelineFields, limits: Limits, patience: Patience
) -> dict[str, Any]:
    """Answer a recording window by window.

    Raises
    ------
    SampleError
        The recording cannot be decoded, or the model reads neither sound nor pictures.
    TooLargeError
    """
    from .stream import stream
    from .timeline import Timeline

    if len(files) != 1:
        raise EmofuseError("one recording is needed: send either audio or video")
    (data,) = files.values()
    check_files(files, limits, None, None)
    timeline = Timeline()
    for moment in stream(model, data, window_s=fields.window_s, hop_s=fields.hop_s):
        patience.check()
        if moment.end_s > limits.duration_s:
            raise TooLargeError(f"at most {limits.duration_s:g} s are read; cut it into clips")
        timeline.append(moment)
    return {
        "moments": [shown_moment(moment) for moment in timeline],
        "shares": dict.fromkeys(model.classes, 0.0) | timeline.shares(),
        "most_frequent": timeline.most_frequent(),
    }


def shown_moment(moment: Moment) -> dict[str, Any]:
    """Return a moment as JSON holds it, its reasons and warnings as lines that may be shown to anyone."""
    return _shown(presentable(moment.as_dict()))


def check_text(text: str, limits: Limits) -> None:
    """Raise TooLargeError for a text that is too long."""
    if len(text) > limits.characters:
        raise TooLargeError(
            f"at most {limits.characters} characters are read, got {len(text)}; send a part of the text"
        )


def presentable(value: Any) -> Any:
    """Return what JSON can hold: numbers that are not finite become null."""
    if isinstance(value, Mapping):
        return {str(key): presentable(part) for key, part in value.items()}
    if isinstance(value, str) or value is None or isinstance(value, (bool, int)):
        return value
    if isinstance(value, (float, np.floating)):
        return float(value) if math.isfinite(value) else None
    if isinstance(value, np.ndarray):
        return presentable(value.tolist())
    if isinstance(value, Iterable):
        return [presentable(part) for part in value]
    return value.item() if isinstance(value, np.generic) else str(value)


def _usable(answer: dict[str, Any]) -> dict[str, Any]:
    """Pass on an answer that rests on something."""
    modalities = _shown(answer)["modalities"]
    if modalities and not any(said["present"] for said in modalities.values()):
        reasons = [f"{name}: {said['reason']}" for name, said in modalities.items() if said["reason"] != "not given"]
        raise EmofuseError("; ".join(reasons) or f"the model reads {', '.join(modalities)}; none of it is given")
    return answer


def _shown(answer: dict[str, Any]) -> dict[str, Any]:
    for said in answer["modalities"].values():
        said["reason"] = None if said["reason"] is None else one_line(said["reason"])
    answer["warnings"] = [one_line(warning) for warning in answer["warnings"]]
    return answer


def _answer_face(model: Model, picture: Pixels, box: Box) -> dict[str, Any]:
    from .stream_faces import crop_margin, crop_of

    nothing: dict[str, Any] = {"label": None, "probabilities": {}}
    if "image" not in model.modalities:
        return nothing
    answer = model.predict(image=crop_of(picture, box, crop_margin(model)), explain=False)
    if not any(said.present for said in answer.modalities.values()):
        return nothing
    return {"label": answer.label, "probabilities": dict(answer.probabilities)}


def _numbers(values: Mapping[str, float | None]) -> dict[str, float]:
    return {name: math.nan if value is None else value for name, value in values.items()}


def _log(probability: float) -> float:
    return math.log(max(probability, SMALLEST))
