"""A model at work: whatever it is given, an answer with reasons; what each modality and feature added is checked by sums."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from itertools import combinations, permutations

import emofuse
import numpy as np
import pandas as pd
import pytest
import xgboost
from emofuse.features.errors import BundleError, PredictionError
from emofuse.features.speaker_statistics import PRIOR
from emofuse.fusion.fused import BlockRows
from emofuse.inference import predictor
from emofuse.inference.attribution import LEAST_SCALE, N_TOP, _flat
from emofuse.inference.modalities import FLOOR
from emofuse.inference.predictor import Model
from hypothesis import given
from hypothesis import strategies as st

NUMBERS = {
    "face": {"face_0": 1.5, "face_1": -0.5, "face_2": 0.2, "face_3": 0.1},
    "voice": {"voice_0": -0.3, "voice_1": 1.1, "voice_2": 0.4, "voice_3": -1.0},
}


@pytest.fixture(scope="module")
def tables(models):
    return models.tables().model


@pytest.fixture(scope="module")
def sound(models):
    return models.sound().model


@pytest.fixture(scope="module")
def picture(models):
    return models.picture().model


@pytest.fixture(scope="module")
def video(making):
    """A second of a face with a sound track, as the contents of a file."""
    return clip(making)


def clip(making, code=1):
    import io

    import av

    file = io.BytesIO()
    with av.open(file, "w", format="mp4") as out:
        shown = out.add_stream("mpeg4", rate=10)
        shown.width = shown.height = 64
        shown.pix_fmt = "yuv420p"
        heard = out.add_stream("aac", rate=making.RATE_HZ, layout="mono")
        for number in range(10):
            frame = av.VideoFrame.from_ndarray(making.face(code, seed=number), format="rgb24")
            out.mux(shown.encode(frame))
        out.mux(shown.encode(None))
        samples = making.tone(code, seconds=1.0)[None]
        frame = av.AudioFrame.from_ndarray(samples, format="fltp", layout="mono")
        frame.sample_rate = making.RATE_HZ
        out.mux(heard.encode(frame))
        out.mux(heard.encode(None))
    return file.getvalue()


def answers_of(model, masks):
    """What a model answers to NUMBERS with these blocks alone, in the order of the masks."""
    rows = {
        block: BlockRows(np.array([list(values.values())], dtype=np.float32), np.array([True]))
        for block, values in NUMBERS.items()
    }
    return model.bundle.model.answer(model.bundle.model.ready(rows).with_blocks([frozenset(mask) for mask in masks]))


# What it is given.


def test_sound_is_the_same_as_a_file_bytes_or_samples(sound, making, tmp_path):
    samples = making.tone(2)
    (tmp_path / "a.wav").write_bytes(making.wav(samples))
    kept = (np.frombuffer(making.wav(samples)[44:], "<i2") / 32768).astype(np.float32)
    ways = [tmp_path / "a.wav", str(tmp_path / "a.wav"), making.wav(samples), (kept, making.RATE_HZ)]
    answers = [sound.predict(audio=way) for way in (*ways, (np.stack([kept, kept], axis=1), making.RATE_HZ))]
    assert {answer.label for answer in answers} == {"sad"}
    for answer in answers:
        assert answer.probabilities == answers[0].probabilities
        assert answer.top_features == answers[0].top_features
        assert answer.modalities["text"].reason == "not given"


def test_a_picture_is_the_same_as_a_file_bytes_or_pixels(picture, making, tmp_path):
    from PIL import Image

    pixels = making.face(0)
    Image.fromarray(pixels).save(tmp_path / "a.png")
    ways = (tmp_path / "a.png", (tmp_path / "a.png").read_bytes(), pixels)
    answers = [picture.predict(image=way) for way in ways]
    assert [answer.label for answer in answers] == ["angry"] * 3
    assert answers[0].probabilities == answers[1].probabilities == answers[2].probabilities
    assert picture.modalities == {"image": ("hog", "grey")}


def test_the_text_is_the_text_and_never_a_path(sound, making, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.txt").write_text(making.SENTENCES[0])
    assert sound.predict(text=making.SENTENCES[1]).label == "happy"
    assert sound.predict(text=making.SENTENCES[1].encode()).label == "happy"
    named = sound.predict(text="a.txt")
    assert named.probabilities != sound.predict(text=making.SENTENCES[0]).probabilities


def test_a_video_gives_its_sound_track_and_its_pictures(sound, picture, video, making, tmp_path):
    (tmp_path / "a.mp4").write_bytes(video)
    for way in (video, tmp_path / "a.mp4"):
        heard = sound.predict(video=way)
        assert heard.modalities["audio"].present and heard.modalities["audio"].label == "happy"
        seen = picture.predict(video=way)
        assert seen.modalities["image"].present and seen.label == "happy"
    assert picture.predict(video=([making.face(1)] * 3, [0.0, 0.5, 1.0])).label == "happy"
    both = sound.predict(video=video, audio=(making.tone(0), making.RATE_HZ))
    assert both.label == "angry" == sound.predict(audio=(making.tone(0), making.RATE_HZ)).label


def test_part_of_a_clip_is_answered(sound, making):
    whole = making.wav(np.concatenate([making.tone(0), making.tone(2)]))
    assert sound.predict(audio=whole, end_s=0.6).label == "angry"
    assert sound.predict(audio=whole, start_s=0.6).label == "sad"


@pytest.mark.parametrize(
    ("given", "code"),
    [
        ({"audio": b""}, "decode|empty|unreadable|no_"),
        ({"audio": b"no sound at all"}, ""),
        ({"audio": "/nosuch/file.wav"}, "missing: no file 'file.wav'"),
        ({"audio": (np.zeros(3, dtype=np.float32), 16_000)}, "too_short"),
        ({"audio": (np.full(16_000, np.nan, dtype=np.float32), 16_000)}, ""),
        ({"audio": (np.zeros(16_000, dtype=np.float32), 0)}, ""),
        ({"audio": 5}, ""),
        ({"audio": object}, ""),
        ({"audio": ("a", "b")}, ""),
        ({"audio": (None, None)}, ""),
        ({"audio": ()}, ""),
        ({"text": ""}, "empty_text"),
        ({"text": " \n"}, "empty_text"),
        ({"text": 5}, "not_text"),
        ({"text": b"\xff\xfe\xfa"}, "not_text"),
        ({"video": b"no video"}, ""),
        ({"video": (1, 2, 3)}, ""),
    ],
    ids=str,
)
def test_a_source_that_cannot_be_used_gives_a_reason_and_never_raises(sound, given, code):
    import re

    answer = sound.predict(**given)
    (name,) = given
    said = answer.modalities["audio" if name == "video" else name]
    assert not said.present and said.label is None and said.weight == 0
    assert re.match(r"[a-z_]+: \S", said.reason) and re.search(code, said.reason), said.reason
    assert "\n" not in said.reason
    assert answer.probabilities == dict.fromkeys(sound.classes, pytest.approx(1 / 3))  # the shares of the classes
    assert any("nothing could be used" in line for line in answer.warnings) and answer.top_features == ()


@pytest.mark.parametrize(
    "given",
    [b"", b"no picture", np.zeros((2, 2)), np.zeros((0, 0, 3), np.uint8), 1, object, "gone.png", [], ()],
    ids=str,
)
def test_a_picture_that_cannot_be_used_gives_a_reason(picture, given):
    answer = picture.predict(image=given)
    assert not answer.modalities["image"].present and ": " in answer.modalities["image"].reason
    answer = picture.predict(video=given)
    assert not answer.modalities["image"].present and ": " in answer.modalities["image"].reason


def test_what_is_broken_leaves_the_rest(sound, making):
    answer = sound.predict(audio=b"broken", text=making.SENTENCES[2])
    alone = sound.predict(text=making.SENTENCES[2])
    assert answer.probabilities == alone.probabilities and answer.label == "sad"
    assert answer.modalities["text"].weight == 1.0


def test_nothing_given_is_refused(sound, tables):
    with pytest.raises(PredictionError, match="the model reads audio, text; got nothing"):
        sound.predict()
    with pytest.raises(PredictionError, match=r"the model reads audio, text; got \['eeg'\]"):
        sound.predict(eeg="a.edf")
    with pytest.raises(PredictionError, match="the model reads face, voice; got nothing"):
        tables.predict(features={})
    with pytest.raises(PredictionError, match=r"no block of numbers 'nose'; it has \['face', 'voice'\]"):
        tables.predict(features={"nose": {"a": 1}})
    with pytest.raises(PredictionError, match="no block of numbers 'words'"):
        sound.predict(features={"words": {"a": 1}})
    with pytest.raises(PredictionError, match="names with numbers"):
        tables.predict(features=[1])


def test_what_the_model_does_not_read_is_said(sound, making):
    answer = sound.predict(text=making.SENTENCES[0], eeg="a.edf", image=b"")
    assert set(answer.warnings) == {
        "eeg is given, and the model does not read it",
        "image is given, and the model does not read it",
    }


@pytest.mark.parametrize(
    ("numbers", "reason"),
    [
        ({"nose_1": 1}, "block 'face' has no feature 'nose_1'"),
        ({"face_0": "much"}, "'face_0' must be a number, got 'much'"),
        ({"face_0": [1, 2]}, "'face_0' must be a number"),
        ({"face_0": np.inf}, "'face_0' must be finite"),
        ({"face_0": 1e60}, "'face_0' must be finite"),
        ({"face_0": 10**400}, "'face_0' must be"),
        ({"face_0": None}, "none of the features of block 'face' is given"),
        ({}, "none of the features"),
        (None, "names with numbers are needed, got NoneType"),
        ([1, 2], "names with numbers are needed, got list"),
        ({1: 2}, "has no feature"),
    ],
    ids=str,
)
def test_numbers_that_cannot_be_used_give_a_reason(tables, numbers, reason):
    said = tables.predict(features={"face": numbers, "voice": NUMBERS["voice"]}).modalities["face"]
    assert not said.present and said.reason.startswith("bad_features: ") and reason in said.reason


def test_features_that_are_not_given_are_missing_values(tables):
    some = tables.predict(features={"face": {"face_0": 1.0}})
    assert some.modalities["face"].present
    assert "3 of the 4 features of block 'face' are not given" in some.warnings
    none = {"face_0": 1.0, "face_1": None, "face_2": float("nan")}
    assert tables.predict(features={"face": none}).probabilities == some.probabilities


# What it answers.


def test_probabilities_are_those_of_the_estimator(models, making):
    made = models.tables("hybrid", "kernel")
    X = making.table_rows(seed=5)[0]
    expected = made.fusion.predict_proba(X)
    for row, probabilities in zip(X.itertuples(index=False), expected, strict=True):
        values = dict(zip(X.columns, row, strict=True))
        numbers = {block: {name: values[block, name] for name in X[block]} for block in ("face", "voice")}
        answer = made.model.predict(features=numbers, explain=False)
        np.testing.assert_allclose(list(answer.probabilities.values()), probabilities, rtol=1e-5, atol=1e-7)
        assert answer.label == made.fusion.classes_[probabilities.argmax()]


@given(st.lists(st.floats(-(2.0**99), 2.0**99, width=32) | st.none(), min_size=8, max_size=8))
def test_probabilities_sum_to_one_whatever_is_given(tables, values):
    names = [(block, name) for block in NUMBERS for name in NUMBERS[block]]
    numbers = {"face": {}, "voice": {}}
    for (block, name), value in zip(names, values, strict=True):
        numbers[block][name] = value
    answer = tables.predict(features=numbers)
    assert sum(answer.probabilities.values()) == pytest.approx(1)
    assert all(0 <= probability <= 1 for probability in answer.probabilities.values())
    assert answer.probabilities[answer.label] == max(answer.probabilities.values())


def test_an_answer_is_json(sound, making):
    answer = sound.predict(audio=(making.tone(0), making.RATE_HZ), text=making.SENTENCES[0])
    found = json.loads(json.dumps(answer.as_dict(), allow_nan=False))
    assert found["probabilities"] == answer.probabilities and found["modalities"]["text"]["present"] is True
    assert set(found) == {
        "label", "probabilities", "modalities", "top_features", "timing_ms", "warnings", "adaptive",
    }  # fmt: skip
    assert set(found["top_features"][0]) == {"block", "feature", "contribution"}
    assert set(found["timing_ms"]) == {"decode", "extract", "classify", "total"}
    assert found["timing_ms"]["total"] >= found["timing_ms"]["extract"] > 0
    absent = json.loads(json.dumps(sound.predict(text="so").as_dict(), allow_nan=False))["modalities"]["audio"]
    assert (absent["present"], absent["probabilities"], absent["reason"]) == (False, {}, "not given")


def test_each_modality_says_what_it_would_say_alone(sound, making):
    audio, text = (making.tone(0), making.RATE_HZ), making.SENTENCES[1]
    both = sound.predict(audio=audio, text=text)
    assert both.modalities["audio"].probabilities == pytest.approx(sound.predict(audio=audio).probabilities)
    assert both.modalities["text"].probabilities == pytest.approx(sound.predict(text=text).probabilities)
    assert sum(said.weight for said in both.modalities.values()) == pytest.approx(1)


@pytest.mark.parametrize("kind", ["late", "early", "hybrid"])
@pytest.mark.parametrize("family", ["linear", "kernel", "boosted"])
def test_contributions_are_shapley_shares(models, kind, family):
    model = models.tables(kind, family).model
    answer = model.predict(features=NUMBERS)
    masks = [mask for size in range(3) for mask in combinations(NUMBERS, size)]
    label = model.classes.index(answer.label)
    worth = dict(zip(masks, np.log(answers_of(model, masks)[:, label] + FLOOR), strict=True))
    for name in NUMBERS:
        gains = []
        for order in permutations(NUMBERS):
            before = tuple(block for block in NUMBERS if order.index(block) < order.index(name))
            after = tuple(block for block in NUMBERS if block in (*before, name))
            gains.append(worth[after] - worth[before])
        assert answer.modalities[name].contribution == pytest.approx(np.mean(gains))
    total = sum(said.contribution for said in answer.modalities.values())
    prior = answers_of(model, [()])[0, label]
    assert total == pytest.approx(np.log(answer.probabilities[answer.label]) - np.log(prior))


def test_without_explaining_nothing_is_explained(tables):
    answer = tables.predict(features=NUMBERS, explain=False)
    assert answer.top_features == () and {said.weight for said in answer.modalities.values()} == {0.0}
    assert answer.probabilities == tables.predict(features=NUMBERS).probabilities
    assert answer.modalities["face"].probabilities == tables.predict(features=NUMBERS).modalities["face"].probabilities


# Which features moved it.


def top(model, block="face"):
    answer = model.predict(features={block: NUMBERS[block]})
    moved = {item.feature: item.contribution for item in answer.top_features if item.block == block}
    return model.classes.index(answer.label), moved


def expert(model, block="face"):
    (found,) = [found for found in model.bundle.model.experts if found.block == block]
    return found.known.part.parts


def test_features_of_a_linear_model_are_its_exact_shares(tables):
    label, moved = top(tables)
    scaler, head = expert(tables)
    scaled = scaler.apply(np.array([list(NUMBERS["face"].values())], dtype=np.float32))
    scores = scaled.astype(float) @ head.coef.T + head.intercept
    shares = np.exp(scores) / np.exp(scores).sum()
    expected = scaled[0] * (head.coef[label] - shares[0] @ head.coef)
    assert moved == pytest.approx(dict(zip(NUMBERS["face"], expected, strict=True)))
    zeroed = scores[0, label] - shares[0] @ scores[0] - (head.intercept[label] - shares[0] @ head.intercept)
    assert sum(moved.values()) == pytest.approx(zeroed)


def test_features_of_a_kernel_machine_are_slope_times_distance(models):
    model = models.tables("late", "kernel").model
    label, moved = top(model)
    scaler, head = expert(model)
    scaled = scaler.apply(np.array([list(NUMBERS["face"].values())], dtype=np.float32)).astype(float)
    double = type(head)(head.rows.astype(float), head.dual_coef.astype(float), head.gamma)
    step = 1e-6
    for place, name in enumerate(NUMBERS["face"]):
        away = np.eye(4)[place] * step
        up, down = np.log(double.apply(scaled + away)[0, label]), np.log(double.apply(scaled - away)[0, label])
        assert moved[name] == pytest.approx(scaled[0, place] * (up - down) / (2 * step), rel=1e-3, abs=1e-5)


def test_features_of_trees_add_up_to_the_score(models):
    model = models.tables("late", "boosted").model
    label, moved = top(model)
    *_, head = expert(model)
    row = np.array([list(NUMBERS["face"].values())], dtype=np.float32)
    margins = head.booster.predict(xgboost.DMatrix(row), output_margin=True)[0]
    bias = head.booster.predict(xgboost.DMatrix(row), pred_contribs=True)[0, :, -1]
    shares = head.apply(row)[0]
    gained = margins - bias
    assert moved and sum(moved.values()) == pytest.approx(gained[label] - shares @ gained, abs=1e-5)


@pytest.mark.parametrize("family", ["linear", "kernel", "boosted"])
@pytest.mark.parametrize("subsets", [(), (("face",), ("voice",))])
def test_early_fusion_explains_too(models, family, subsets):
    model = models.tables("early", family, subsets=subsets).model
    both = model.predict(features=NUMBERS).top_features
    assert {item.block for item in both} == {"face", "voice"} and len(both) <= N_TOP
    sizes = [abs(item.contribution) for item in both]
    assert sizes == sorted(sizes, reverse=True) and sizes[0] > 0
    alone = model.predict(features={"face": NUMBERS["face"]}).top_features
    assert {item.block for item in alone} == {"face"}


def test_early_fusion_of_linear_models_is_explained_exactly(models):
    model = models.tables("early", "linear").model
    fused = model.bundle.model
    answer = model.predict(features=NUMBERS)
    label = model.classes.index(answer.label)
    columns = {
        name: front.parts[0].apply(np.array([list(NUMBERS[name].values())], dtype=np.float32))
        for name, front in zip(fused.layout.names, fused.fronts, strict=True)
    }
    joined = fused.layout.joined(columns, np.array([[True], [True]])).astype(float)
    head = fused.classifier.part
    shares = head.apply(joined)[0]
    slopes = head.coef[label] - shares @ head.coef
    expected = joined[0] * slopes
    names, place = {}, 0
    for name in fused.layout.names:
        for feature in NUMBERS[name]:
            names[feature], place = expected[place], place + 1
        place += name in fused.layout.partial
    assert {item.feature: item.contribution for item in answer.top_features} == pytest.approx(names)


@pytest.mark.parametrize(("kind", "family"), [("late", "linear"), ("late", "boosted"), ("early", "linear")])
def test_words_explain_an_answer_from_words(models, making, kind, family):
    found = models.text(kind=kind, family=family).model.predict(text=making.SENTENCES[1]).top_features
    assert found and all(item.block == "words" for item in found)
    assert all(item.feature.split("=")[0] in ("word", "char", "count") for item in found)
    fed = "".join(making.SENTENCES[1].lower().split())
    if kind == "late" and family == "linear":
        assert all("".join(item.feature.split("=", 1)[1].split()) in fed for item in found)


def test_words_that_were_mixed_are_followed_back(models, making):
    """In early fusion words become latent scores, then standardised columns: the slope goes back through all of them."""
    model = models.text(kind="early").model
    text = making.SENTENCES[1]
    weigh, *rest = [part for front in model.bundle.model.fronts for part in _flat(front)]
    head = model.bundle.model.classifier.part
    factor = float(model.bundle.model.layout.factor("words", ("words",)))
    weights = weigh.apply([text])
    row = weights.toarray().astype(np.float64)
    answer = model.predict(text=text)
    label = model.classes.index(answer.label)

    def columns(given):
        for part in rest:
            given = part.apply(given)
        return factor * given.astype(np.float64)[0]

    varied = rest[-1].scale > LEAST_SCALE * rest[-1].scale.max()  # the sentences are few: other mixtures are rounding
    assert 2 <= varied.sum() < len(varied)
    slopes = varied * (head.coef[label] - head.apply(columns(weights)[None])[0] @ head.coef)
    names = weigh.names()
    for item in answer.top_features[:4]:
        step = np.eye(1, row.shape[1], names.index(item.feature)) * 1e-2
        slope = slopes @ (columns(row + step) - columns(row - step)) / 2e-2
        assert item.contribution == pytest.approx(row[0, names.index(item.feature)] * slope, rel=0.02)


def test_pixels_through_directions_are_named(picture, making):
    found = picture.predict(image=making.face(0)).top_features
    assert found and {item.block for item in found} <= {"hog", "grey"}
    assert all(item.feature.startswith(("hog_", "pixel_")) for item in found)


def test_a_single_class_is_answered_and_not_explained(models, making):
    X, _, groups = making.table_rows()
    fusion = making.fuse("late", "linear", {"face": "dense", "voice": "dense"})
    with pytest.warns(emofuse.features.errors.EmofuseWarning):
        fusion.fit(X, np.full(len(X), "calm"), groups)
    answer = models.save("single", X, fusion, making.READY).model.predict(features=NUMBERS)
    assert answer.probabilities == {"calm": 1.0} and answer.top_features == ()


# Budget, speakers, many.


def test_the_dearest_is_left_out_to_keep_a_budget(models, making):
    model = predictor.load(models.sound().path)
    given = {"audio": (making.tone(0), making.RATE_HZ), "text": making.SENTENCES[1]}
    unknown = model.predict(**given, budget_ms=0.0)
    assert all(said.present for said in unknown.modalities.values())  # nothing is known of what it takes
    model._costs.update(audio=40.0, text=2.0)
    kept = model.predict(**given, budget_ms=10)
    assert kept.modalities["audio"].reason == "left out to keep the budget" and kept.modalities["text"].present
    assert kept.warnings == ("audio left out: it takes about 40 ms, the budget is 10 ms",)
    assert kept.probabilities == model.predict(text=making.SENTENCES[1]).probabilities
    assert model.predict(**given, budget_ms=0).modalities["text"].present  # one stays
    assert all(said.present for said in model.predict(**given, budget_ms=1e6).modalities.values())


def test_a_speaker_makes_an_adaptive_answer(models, making):
    made = models.speakers()
    model = made.model
    random = np.random.default_rng(3)
    clips = [{"features": {"face": dict(zip(NUMBERS["face"], random.normal(5, 2, 4), strict=True))}} for _ in range(4)]
    speaker = model.enrol(clips)
    assert speaker.n_clips == 4 and set(speaker.statistics) == {"face"}
    adapted = model.predict(features=NUMBERS, speaker=speaker)
    plain = model.predict(features=NUMBERS)
    assert adapted.adaptive and not plain.adaptive
    assert plain.warnings == ("the speaker is not enrolled: measured against the training speakers",)
    assert adapted.warnings == () and adapted.probabilities != plain.probabilities
    mean, variance = model.bundle.speakers["face"]
    own = np.array([list(clip["features"]["face"].values()) for clip in clips])
    share = 4 / (4 + PRIOR)
    centre = share * own.mean(axis=0) + (1 - share) * mean
    spread = np.sqrt(share * own.var(axis=0) + (1 - share) * variance)
    scaled = (np.array(list(NUMBERS["face"].values())) - centre) / spread
    voice = (np.array(list(NUMBERS["voice"].values())) - model.bundle.speakers["voice"][0]) / np.sqrt(
        model.bundle.speakers["voice"][1]
    )
    X = pd.DataFrame([np.concatenate([scaled, voice])], columns=made.X.columns, dtype=np.float32)
    expected = made.fusion.predict_proba(X)[0]
    assert list(adapted.probabilities.values()) == pytest.approx(expected.tolist(), rel=1e-4)


def test_speakers_are_refused_where_they_make_no_sense(models, tables):
    with pytest.raises(PredictionError, match="not trained on speaker-normalised features"):
        tables.enrol([{"features": NUMBERS}])
    model = models.speakers().model
    speaker = model.enrol([{"features": NUMBERS}])
    with pytest.raises(PredictionError, match="not trained on speaker-normalised features"):
        tables.predict(features=NUMBERS, speaker=speaker)
    with pytest.raises(PredictionError, match="none of the 0 clips"):
        model.enrol([])
    with pytest.raises(PredictionError, match="none of the 1 clips"):
        model.enrol([{"features": {"face": {"face_0": "x"}}}])
    some = model.enrol([{"features": {"face": {"face_0": "x"}}}, {"features": NUMBERS}])
    assert some.n_clips == 1


def test_many_are_answered_as_each(sound, making):
    clips = [{"text": text} for text in making.SENTENCES] + [{"audio": (making.tone(1), making.RATE_HZ)}]
    found = sound.predict_many(clips)
    assert [answer.label for answer in found] == ["angry", "happy", "sad", "happy"]
    assert [answer.probabilities for answer in found] == [sound.predict(**clip).probabilities for clip in clips]
    assert sound.predict_many([]) == []
    assert sound.predict_many(clips[:1], explain=False)[0].top_features == ()


def test_a_table_is_answered_row_by_row(sound, making, tmp_path):
    (tmp_path / "a.wav").write_bytes(making.wav(making.tone(2)))
    table = pd.DataFrame(
        {
            "text": [making.SENTENCES[1], pd.NA, None, " ", making.SENTENCES[0]],
            "audio": [np.nan, str(tmp_path / "a.wav"), None, "gone.wav", "gone.wav"],
            "other": range(5),
        },
        index=["e", "d", "c", "b", "a"],
    )
    found = sound.predict_table(table)
    assert found.index.tolist() == table.index.tolist()
    assert found.columns.tolist() == [
        "label", "p_angry", "p_happy", "p_sad", "audio_label", "text_label", "warnings",
    ]  # fmt: skip
    assert found["label"].fillna("").tolist() == ["happy", "sad", "", "", "angry"]
    assert found.loc["d", ["audio_label", "p_sad"]].tolist() == [
        "sad",
        sound.predict(audio=tmp_path / "a.wav").probabilities["sad"],
    ]
    assert found.loc["c", "warnings"] == "the model reads audio, text; got nothing"
    assert "gone.wav" in found.loc["b", "warnings"] and "empty_text" in found.loc["b", "warnings"]
    assert "gone.wav" in found.loc["a", "warnings"]
    assert found.loc[["b", "c"], "p_sad"].isna().all()
    empty = sound.predict_table(table.iloc[:0])
    assert empty.columns.tolist() == found.columns.tolist() and len(empty) == 0


def test_a_table_of_numbers_is_answered(models, making):
    made = models.tables()
    flat = made.X.copy()
    flat.columns = [f"{block}/{name}" for block, name in flat.columns]
    found = made.model.predict_table(flat.assign(label="x"))
    np.testing.assert_allclose(
        found[["p_angry", "p_happy", "p_sad"]].to_numpy(dtype=float), made.fusion.predict_proba(made.X), rtol=1e-5
    )
    wrong = made.model.predict_table(flat.iloc[:2].rename(columns={"face/face_0": "face/nose"}))
    assert all("no feature 'nose'" in line for line in wrong["warnings"])


def test_eight_threads_share_a_model(models, making):
    model = predictor.load(models.sound().path)  # fresh: its extractor is made by whoever comes first
    clips = [
        {"audio": (making.tone(row % 3, seed=row), making.RATE_HZ), "text": making.SENTENCES[row % 3]}
        for row in range(24)
    ]
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda clip: model.predict(**clip), clips))
    for clip, answer in zip(clips, found, strict=True):
        again = model.predict(**clip)
        assert answer.probabilities == again.probabilities and answer.top_features == again.top_features
    assert [answer.label for answer in found] == [making.CLASSES[row % 3] for row in range(24)]


def test_eight_threads_share_trees(models):
    model = models.tables("hybrid", "boosted").model
    expected = model.predict(features=NUMBERS)
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda _: model.predict(features=NUMBERS), range(40)))
    assert all(answer.probabilities == expected.probabilities for answer in found)
    assert all(answer.top_features == expected.top_features for answer in found)


@pytest.mark.parametrize("name", ["sound", "picture", "tables", "speakers", "text"])
def test_warming_up_changes_no_answer(models, making, name):
    path = getattr(models, name)().path
    warm, cold = predictor.load(path), predictor.load(path)
    warm.warm()
    clip = {
        "sound": {"text": "so"},
        "text": {"text": "so"},
        "picture": {"image": making.face(0)},
        "tables": {"features": NUMBERS},
        "speakers": {"features": NUMBERS},
    }[name]
    assert warm.predict(**clip).probabilities == cold.predict(**clip).probabilities
    assert all(reader.made is not None for source in warm._sources.values() for reader in source._readers)


def test_features_of_other_versions_are_refused(models, making, tmp_path):
    def rename(_, manifest):
        manifest["blocks"]["acoustic"]["features"][0] = "F0_of_tomorrow"

    path = tmp_path / "m.emofuse"
    path.write_bytes(making.rewritten(models.sound().path, rename))
    with pytest.raises(BundleError, match=r"'opensmile' has no feature 'F0_of_tomorrow' .*install the versions"):
        predictor.load(path).predict(audio=(making.tone(0), making.RATE_HZ))


def test_a_block_of_nothing_but_missing_values_is_absent(models, making, monkeypatch):
    from emofuse.features.acoustic import OpenSmileFunctionals
    from emofuse.features.store import StoredRow

    model = predictor.load(models.sound().path)
    nothing = StoredRow(np.full(88, np.nan, dtype=np.float32), ())
    monkeypatch.setattr(OpenSmileFunctionals, "measure", lambda self, signal: nothing)
    answer = model.predict(audio=(making.tone(0), making.RATE_HZ), text=making.SENTENCES[1])
    assert answer.modalities["audio"].reason.startswith("no_values: ")
    assert answer.probabilities == model.predict(text=making.SENTENCES[1]).probabilities


def test_the_package_offers_it():
    assert emofuse.load is predictor.load


def test_a_source_of_ones_own_is_taken_by_its_name(sound, making):
    with pytest.raises(PredictionError, match="'smell' is nothing to predict from; the model reads audio"):
        sound.predict(smell="roses")
    own = Model(replace(sound.bundle, manifest=renamed(sound.manifest, "audio", "whispers")))
    assert own.predict(whispers=(making.tone(2), making.RATE_HZ)).modalities["whispers"].label == "sad"


def renamed(manifest, old, new):
    blocks = {
        name: about | ({"source": new} if about["source"] == old else {}) for name, about in manifest["blocks"].items()
    }
    return manifest | {"blocks": blocks}
