"""One call from a clip to an answer: ``load(path).predict(audio=…, video=…, text=…)``.

Loads what the model needs when it is needed, measures each source once, answers with whatever is there, and says what was
missing and why. Safe to share between threads.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ..features.errors import PredictionError
from ..fusion.context import ContextModel
from ..fusion.fused import BlockRows
from .answer import Answer, ModalityAnswer
from .attribution import top_features
from .bundle import Bundle, load_bundle
from .dialogue import answer_rows
from .extraction import CONTEXT, Measured, Source, as_rows, numbers_of
from .modalities import by_class, what_each_says
from .speakers import Speaker, enrolled, normalised

if TYPE_CHECKING:
    import pandas as pd

    from ..features.drift import Drift
    from ..fusion.dialogue import Turns

REMEMBERED = 0.2  # weight of the newest cost in the running mean


def load(path: str | os.PathLike[str]) -> Model:
    """Read a model that ``emofuse train`` wrote.

    Raises
    ------
    BundleError
        As :func:`~emofuse.inference.bundle.load_bundle`.
    """
    return Model(load_bundle(path))


class Model:
    """A trained model at work.

    Parameters
    ----------
    bundle : Bundle

    Attributes
    ----------
    classes : tuple of str
    modalities : dict of str to tuple of str
        What :meth:`predict` takes, and the blocks made of it: ``audio``, ``video``, ``image``, ``text``, ``eeg``,
        ``physiology``, ``openface``; a block of ready numbers stands under its own name.
    manifest : dict
    bundle : Bundle
    """

    def __init__(self, bundle: Bundle) -> None:
        self.bundle = bundle
        self.manifest = bundle.manifest
        self.classes = tuple(map(str, bundle.manifest["classes"]))
        self._blocks: dict[str, dict[str, Any]] = bundle.manifest["blocks"]
        self._sources = {
            name: Source(name, {block: about for block, about in self._blocks.items() if about["source"] == name})
            for name in dict.fromkeys(about["source"] for about in self._blocks.values())
        }
        self.modalities = {name: source.blocks for name, source in self._sources.items()}
        self._features = {block: tuple(about["features"]) for block, about in self._blocks.items()}
        self._costs: dict[str, float] = {}
        self._lock = threading.Lock()

    def predict(
        self,
        *,
        audio: Any = None,
        video: Any = None,
        image: Any = None,
        text: Any = None,
        eeg: Any = None,
        physiology: Any = None,
        openface: Any = None,
        context: str | None = None,
        features: Mapping[str, Mapping[str, float | None]] | None = None,
        start_s: float | None = None,
        end_s: float | None = None,
        speaker: Speaker | None = None,
        budget_ms: float | None = None,
        explain: bool = True,
        **others: Any,
    ) -> Answer:
        """Answer one clip.

        Parameters
        ----------
        audio, video, image, eeg, physiology, openface : path, bytes or object in memory, optional
            Bytes are the contents of a file. In memory: sound as ``(samples, sampling_rate_hz)`` with samples from -1 to 1; a
            picture as uint8 of shape (height, width, 3), red, green, blue; a video as ``(pictures, times_s)``; EEG and
            physiology as a DataFrame or Recording. A video also gives its sound track to a model that reads ``audio``, and
            pictures to one that reads ``image``, where these are not given.
        text : str, optional
            The text itself, never a path.
        context : str, optional
            What was said before, for models that read it.
        features : mapping of str to mapping of str to float, optional
            Blocks as ready numbers, by feature name.
        start_s, end_s : float, optional
            Bounds of the clip in sound and video files.
        speaker : Speaker, optional
            As :meth:`enrol` returns it; the answer is then adaptive.
        budget_ms : float, optional
            Time to keep to: the dearest sources are left out, by what they took before, until the others fit; at least one
            stays. The answer's warnings name them.
        explain : bool, default=True
            Whether the answer says what each modality and feature contributed.
        **others
            Sources of modalities of one's own, by the column that their extractor reads.

        Returns
        -------
        Answer

        Raises
        ------
        PredictionError
            Nothing is given that the model reads, or a speaker is given to a model that was not trained for it.

        Notes
        -----
        A source that cannot be used does not raise: its modality is absent, and says why.
        """
        begin = time.perf_counter()
        unknown = sorted(set(others) - set(self._sources))
        if unknown:
            raise PredictionError(
                f"{unknown[0]!r} is nothing to predict from; the model reads {', '.join(self._sources)}"
            )
        given = {
            name: value
            for name, value in {
                **others,
                "audio": audio,
                "video": video,
                "image": image,
                "text": text,
                "eeg": eeg,
                "physiology": physiology,
                "openface": openface,
            }.items()
            if value is not None
        }
        numbers = _mapping(features)
        warnings = self._check(given, numbers, speaker)
        sources = self._within(self._readable(given), numbers, budget_ms, warnings)
        measured = {
            name: self._measured(name, given, numbers, start_s, end_s, context) if name in sources else Measured({})
            for name in self._sources
        }
        found = {block: row for item in measured.values() for block, row in item.rows.items()}
        warnings += [message for item in measured.values() for message in item.warnings]
        classify = time.perf_counter()
        if self.bundle.speakers:
            found = normalised(found, self.bundle.speakers, speaker)
            if speaker is None:
                warnings.append("the speaker is not enrolled: measured against the training speakers")
        readied = self.bundle.model.ready(as_rows(self._blocks, found))
        probabilities = self.bundle.model.answer(readied)[0]
        label = int(probabilities.argmax())
        reasons = {name: self._reason(name, given, sources, measured[name]) for name in self._sources}
        here = {name: [block for block in blocks if block in found] for name, blocks in self.modalities.items()}
        modalities = what_each_says(
            self.bundle.model, readied, here, label, self.classes, reasons=reasons, explain=explain
        )
        if not found:
            warnings.append("nothing could be used: the class shares of the training data answer")
        strongest = top_features(self.bundle.model, found, self._features, label) if explain and found else ()
        end = time.perf_counter()
        return Answer(
            self.classes[label],
            by_class(self.classes, probabilities),
            modalities,
            strongest,
            {
                "decode": sum(item.decode_ms for item in measured.values()),
                "extract": sum(item.extract_ms for item in measured.values()),
                "classify": 1e3 * (end - classify),
                "total": 1e3 * (end - begin),
            },
            tuple(dict.fromkeys(warnings)),
            speaker is not None,
        )

    def unanswered(self, why: str) -> Answer:
        """Return the answer where there is nothing to go by: the class shares of the training data, and a warning."""
        probabilities = self.bundle.model.answer(self.bundle.model.ready(as_rows(self._blocks, {})))[0]
        return Answer(
            self.classes[int(probabilities.argmax())],
            by_class(self.classes, probabilities),
            {name: ModalityAnswer(False, reason="not given") for name in self._sources},
            warnings=(why,),
        )

    def predict_many(self, clips: Sequence[Mapping[str, Any]], *, explain: bool = True) -> list[Answer]:
        """Answer several clips, each a mapping of what :meth:`predict` takes, in their order."""
        return [self.predict(**{"explain": explain, **clip}) for clip in clips]

    def predict_table(self, samples: pd.DataFrame) -> pd.DataFrame:
        """Answer every row of a sample table.

        Parameters
        ----------
        samples : pandas.DataFrame
            Columns named as what :meth:`predict` takes (``audio``, ``text``, ``start_s`` …), missing where there is nothing;
            ready numbers in columns ``block/feature``.

        Returns
        -------
        pandas.DataFrame
            Index kept; ``label``, ``p_<class>`` for each class, ``<modality>_label`` and ``warnings``. A row with nothing in
            it, or nothing that can be used, has no label, and its warnings say why. Where the table has ``dialogue`` and
            ``turn`` (and ``speaker`` or ``group``), a model that was trained on dialogues lets its rows hear each other.
        """
        from .tables import answer_table

        return answer_table(self, samples)

    def clips_of(self, samples: pd.DataFrame) -> Iterator[dict[str, Any]]:
        """Yield each row of a sample table as what :meth:`predict` takes; see :meth:`predict_table`."""
        from .tables import clips_of

        return clips_of(self, samples)

    def predict_blocks(self, X: pd.DataFrame, turns: Turns | None = None) -> Any:
        """Return probabilities for a block table that was extracted already, shape (n_samples, n_classes).

        The table is taken as the estimator was trained on it: speaker-normalised, where it was. ``turns`` says where its rows
        stand in their dialogues (:func:`~emofuse.fusion.dialogue.turns_of`), for models that hear the turns around a row.
        """
        from ..fusion.blocks import check_blocks, present_rows, select_block

        check_blocks(X)
        rows = {}
        for block, about in self._blocks.items():
            if about["extractor"] == "text":
                table = select_block(X, block)
                present = present_rows(table)
                rows[block] = BlockRows(table[present].iloc[:, 0].tolist(), present)
            else:
                table = select_block(X, block, self._features[block])
                present = present_rows(table)
                rows[block] = BlockRows(table[present].to_numpy(dtype=np.float32), present)
        return answer_rows(self.bundle.model, rows, turns)

    @property
    def hears_turns(self) -> bool:
        """Whether answers change with the turns around a row of a table that has ``dialogue`` and ``turn``."""
        return isinstance(self.bundle.model, ContextModel)

    def enrol(self, clips: Sequence[Mapping[str, Any]]) -> Speaker:
        """Return the statistics of a person from a few unlabelled clips, for ``predict(speaker=…)``.

        It takes some twenty clips of different moods: on the 160 other clips of four RAVDESS actors that a model had never met,
        twenty raised UAR from .79 to .84, five or ten did nothing that could be told from chance.

        Raises
        ------
        PredictionError
            The model was not trained on speaker-normalised features, or none of the clips can be used.
        """
        self._check_speaker()
        rows = self.measure(clips)
        speaker = enrolled(rows, self.bundle.speakers)
        if not speaker.statistics:
            raise PredictionError(f"none of the {len(clips)} clips can be used to know the speaker; give others")
        return speaker

    def measure(self, clips: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
        """Return the blocks of several clips as they are measured, before anything is made of them.

        Parameters
        ----------
        clips : sequence of mapping
            Each of what :meth:`predict` takes.

        Returns
        -------
        list of dict of str to ndarray of shape (n_features,) or str
            A block that could not be measured is left out.
        """
        rows = []
        for clip in clips:
            given = {
                name: value for name, value in clip.items() if value is not None and name not in ("features", "context")
            }
            bounds = {name: given.pop(name, None) for name in ("start_s", "end_s")}
            numbers = _mapping(clip.get("features"))
            self._check(given, numbers, None)
            measured = [
                self._measured(name, given, numbers, bounds["start_s"], bounds["end_s"], clip.get("context"))
                for name in self._within(self._readable(given), numbers, None, [])
            ]
            rows.append({block: row for item in measured for block, row in item.rows.items()})
        return rows

    def drift(self, clips: Sequence[Mapping[str, Any]]) -> dict[str, Drift]:
        """Return how far each block of a batch of clips lies from what the model was trained on; no labels are needed.

        Parameters
        ----------
        clips : sequence of mapping
            20 or more, each of what :meth:`predict` takes.

        Returns
        -------
        dict of str to Drift
            By block, those that are there in 20 clips or more.

        Raises
        ------
        PredictionError
            Too few clips, or a model of a version that did not keep how its training was spread.

        Notes
        -----
        Where the model was trained on speaker-normalised features, clips are measured against the training speakers.
        """
        from .drifting import drift_of_rows

        rows = self.measure(clips)
        if self.bundle.speakers:
            rows = [normalised(row, self.bundle.speakers, None) for row in rows]
        return drift_of_rows(self, rows)

    def warm(self) -> None:
        """Load what is loaded late, and run each extractor once, so that the first clip is as fast as all others."""
        for source in self._sources.values():
            source.ready()
        random = np.random.default_rng(0)
        clip: dict[str, Any] = {
            "audio": (0.1 * random.normal(size=16_000).astype(np.float32), 16_000),
            "image": random.integers(0, 255, (64, 64, 3), dtype=np.uint8),
            "text": "So this is it!",
        }
        given = {name: value for name, value in clip.items() if name in self._sources}
        tables = {block for block, about in self._blocks.items() if about["extractor"] == "table"}
        numbers = {block: dict.fromkeys(names, 0.0) for block, names in self._features.items() if block in tables}
        if given or numbers:
            self.predict(**given, features=numbers)

    def stream(self, source: Any, **options: Any) -> Iterator[Any]:
        """Answer a long recording, a microphone or a camera, window by window; see :func:`~emofuse.inference.stream.stream`."""
        from .stream import stream

        return stream(self, source, **options)

    def _check(self, given: dict[str, Any], numbers: dict[str, Any], speaker: Speaker | None) -> list[str]:
        """Refuse what the model could not answer at all; return warnings about what it does not read."""
        if speaker is not None:
            self._check_speaker()
        unknown = [name for name in numbers if name not in self._blocks or self._blocks[name]["extractor"] == "text"]
        if unknown:
            raise PredictionError(f"the model has no block of numbers {unknown[0]!r}; it has {self._number_blocks()}")
        if not self._readable(given) and not numbers:
            got = f"got {sorted(given)}" if given else "got nothing"
            raise PredictionError(f"the model reads {', '.join(self._sources)}; {got}")
        ready = {name for name, source in self._sources.items() if not source.is_measured}
        read = set(self._sources) | ({"video"} if {"audio", "image"} & set(self._sources) else set())
        return [
            f"{name} is given, and the model takes it as ready numbers (features={{{name!r}: …}})"
            if name in ready
            else f"{name} is given, and the model does not read it"
            for name in given
            if name not in read or name in ready
        ]

    def _check_speaker(self) -> None:
        if not self.bundle.speakers:
            raise PredictionError(
                "this model was not trained on speaker-normalised features; train one with --speaker-normalisation"
            )

    def _number_blocks(self) -> list[str]:
        return [block for block, about in self._blocks.items() if about["extractor"] != "text"]

    def _readable(self, given: Mapping[str, Any]) -> set[str]:
        """Return which of the model's sources can be made of what is given."""
        measured = {name for name, source in self._sources.items() if source.is_measured}
        return measured & (set(given) | ({"audio", "image"} if "video" in given else set()))

    def _within(
        self, readable: set[str], numbers: Mapping[str, Any], budget_ms: float | None, warnings: list[str]
    ) -> set[str]:
        """Return which sources are measured: all, or those that fit into the budget by what they took before."""
        wanted = readable | {name for name, source in self._sources.items() if set(source.blocks) & set(numbers)}
        if budget_ms is None:
            return wanted
        costs = {name: self._costs.get(name, 0.0) for name in wanted}
        for name in sorted(costs, key=lambda name: -costs[name]):
            if sum(costs.values()) <= budget_ms or len(costs) == 1:
                break
            warnings.append(f"{name} left out: it takes about {costs.pop(name):.0f} ms, the budget is {budget_ms:g} ms")
        return set(costs)

    def _measured(
        self,
        name: str,
        given: Mapping[str, Any],
        numbers: Mapping[str, Any],
        start_s: float | None,
        end_s: float | None,
        context: str | None,
    ) -> Measured:
        """Return the rows of a source's blocks: from ready numbers where they are given, else measured."""
        source = self._sources[name]
        ready = [block for block in source.blocks if block in numbers]
        if ready:
            parts = [numbers_of(block, self._features[block], numbers[block]) for block in ready]
            failed = next((item.reason for item in parts if item.reason), None)
            rows = {block: row for item in parts for block, row in item.rows.items()}
            return Measured(rows, tuple(message for item in parts for message in item.warnings), failed)
        own = name in given
        found = source.measure(given[name] if own else given["video"], start_s=start_s, end_s=end_s, of_video=not own)
        if source.texts:
            found = self._with_context(source, found, context)
        with self._lock:
            took, before = found.decode_ms + found.extract_ms, self._costs.get(name)
            self._costs[name] = took if before is None else before + REMEMBERED * (took - before)
        return found

    def _with_context(self, source: Source, found: Measured, context: str | None) -> Measured:
        """Give blocks of earlier turns what was said before, and take them away where nothing was."""
        later = {block for block in source.texts if CONTEXT in self._blocks[block]["parameters"]}
        rows = {block: row for block, row in found.rows.items() if block not in later}
        if context:
            rows |= dict.fromkeys(later & set(found.rows), context)
        return Measured(rows, found.warnings, found.reason, found.decode_ms, found.extract_ms)

    def _reason(self, name: str, given: Mapping[str, Any], sources: set[str], found: Measured) -> str | None:
        if found.rows:
            return None
        if found.reason:
            return found.reason
        return "left out to keep the budget" if name in self._readable(given) and name not in sources else "not given"


def _mapping(features: Any) -> dict[str, Any]:
    if features is not None and not isinstance(features, Mapping):
        raise PredictionError(
            f"features= takes blocks of names with numbers, {{block: {{name: value}}}}; got {type(features).__name__}"
        )
    return dict(features or {})
