"""A study: one TOML file that says what is compared, checked before anything runs."""

from __future__ import annotations

import json
import os
import tomllib
import warnings
from collections.abc import Callable, Mapping
from functools import partial
from importlib.resources import files
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from ..classifiers.calibrators import Method
from ..classifiers.recipes import FAMILIES, Kind, Meta, expert_pipeline, final_classifier, meta_classifier
from ..classifiers.regression_recipes import expert_regressor, final_regressor, meta_regressor
from ..features.dialogue import check_context
from ..features.errors import EmofuseError, StudyError
from ..features.extractors import make_extractor
from ..features.label_spaces import label_map
from ..fusion.preparation import Balance
from .augmentation_spec import AugmentationSpec, check_augmentations
from .degradation_spec import DegradationSpec, affected_blocks, source_column_of
from .protocols import ProtocolSpec
from .strategies import NAMED, STRATEGIES
from .task_kinds import CLASS_METRICS, ClassMetric, TaskKind, ValueMetric, check_kind, with_defaults

Family = Literal["boosted", "linear", "kernel", "given"]
Metric = Literal[ClassMetric, ValueMetric]
METRICS = CLASS_METRICS
# What a sample table's column is measured by where no study says more; series need their channels and rate declared.
DEFAULT_BLOCKS: dict[str, dict[str, Any]] = {
    "audio": {"audio": {"extractor": "opensmile", "recipes": {"kernel": {"scaling": "quantile"}}}},
    "text": {"text": {"extractor": "text"}},
    "image": {"face": {"extractor": "face_image"}},
    "video": {"video": {"extractor": "face_video"}},
    "openface": {"action_units": {"extractor": "openface"}},
}


class BlockSpec(BaseModel):
    """One ``[blocks.NAME]`` table: where a block of features comes from and what it is given."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    extractor: str = Field(description="an extractor's name, 'table' or 'text'")
    parameters: dict[str, Any] = Field(default_factory=dict, description="of the extractor")
    table: str | None = Field(None, description="a table of the corpus, or a CSV below the root")
    key: str = Field("id", description="column of the CSV that names the sample")
    columns: tuple[str, ...] | None = Field(
        None, description="columns of the table, or patterns of an extractor's features such as 'hog_*'; all by default"
    )
    probabilities: bool = Field(False, description="whether the table holds class probabilities")
    pixels: bool = Field(False, description="whether the columns are the pixels of square grey pictures, row by row")
    modality: str | None = Field(
        None, description="blocks of one modality are absent together; the source of an extractor's block by default"
    )
    weight: float = Field(1.0, gt=0, allow_inf_nan=False, description="share of the variance in early fusion")
    recipes: dict[Family, dict[str, Any]] = Field(default_factory=dict, description="classifier parameters by family")

    @property
    def kind(self) -> Kind:
        """What the block holds."""
        if self.extractor == "text":
            return "text"
        return "probabilities" if self.probabilities else "pixels" if self.pixels else "dense"

    @property
    def source(self) -> str | None:
        """The modality, where it is declared, or else the column of the sample table that the block is made of."""
        if self.modality is not None or self.extractor == "table":
            return self.modality
        return "text" if self.extractor == "text" else make_extractor(self.extractor, self.parameters).source_column

    @property
    def reads_text(self) -> bool:
        """Whether the block is made of the texts themselves, so that a repeated one leaks and there is no file."""
        if self.extractor in ("table", "text"):
            return self.extractor == "text"
        return make_extractor(self.extractor, self.parameters).source_column == "text"

    @model_validator(mode="after")
    def _check(self) -> BlockSpec:
        if self.probabilities and self.pixels:
            raise ValueError("a block holds probabilities or pixels, not both")
        if self.extractor == "table" and self.table is None:
            raise ValueError("extractor 'table' needs table = NAME")
        if self.extractor not in ("table", "text"):
            make_extractor(self.extractor, self.parameters)
        elif self.extractor == "text" and set(self.parameters) <= {"context"}:
            if self.parameters:
                check_context(self.parameters["context"])
        elif self.parameters:
            known = "only the parameter 'context'" if self.extractor == "text" else "no parameters"
            raise ValueError(f"extractor {self.extractor!r} takes {known}, got {sorted(self.parameters)}")
        return self


class Study(BaseModel):
    """What is compared with what, on which data, under which protocol."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field(min_length=1)
    description: str = ""
    corpus: str
    task: TaskKind = Field("classification", description="whether classes are predicted or numbers")
    label: str | tuple[str, ...] = Field(
        "label", min_length=1, description="column of the sample table to predict, or several, each a task of its own"
    )
    label_map: dict[str, str] | str | None = Field(
        None, description="label to label, or the name of a map; a label that is not listed is dropped"
    )
    where: dict[str, tuple[str, ...]] = Field(
        default_factory=dict, description="column to values: only the samples that have them are used"
    )
    group: str | None = Field(None, description="another column of the sample table that is held together")
    transcript: str | None = Field(
        None, description="where absent texts come from: 'sidecar' files, or a callable 'package.module:function'"
    )
    blocks: dict[str, BlockSpec] = Field(min_length=1)
    classifiers: tuple[Family, ...] = Field(("boosted", "linear"), min_length=1)
    strategies: tuple[str, ...] = Field(STRATEGIES, min_length=1)
    protocol: ProtocolSpec
    also: tuple[ProtocolSpec, ...] = Field(
        (), description="other protocols whose numbers stand beside the protocol's own"
    )
    metrics: tuple[Metric, ...] = Field(METRICS, min_length=1, description="the first one decides")
    early: dict[Family, dict[str, Any]] = Field(
        default_factory=dict, description="parameters of early fusion's classifier"
    )
    meta: dict[Meta, dict[str, Any]] = Field(
        default_factory=dict, description="parameters of the meta-classifiers of stacking"
    )
    modality_dropout: float = Field(
        0.0, ge=0, lt=1, description="share of blocks that early fusion is shown training rows without, once more"
    )
    degradations: tuple[DegradationSpec, ...] = Field(
        (), description="how inputs of test samples are made worse, and by how much, for noise curves"
    )
    balance: Balance = Field(
        "weights",
        description="unequal classes in training: 'weights' leaves them to the classifiers, 'none' has none weigh them, "
        "'over' repeats rows of the rarer ones, 'under' leaves out rows of the commoner ones",
    )
    augmentations: tuple[AugmentationSpec, ...] = Field(
        (),
        description="how training samples are varied; their varied copies train where they do, and are tested nowhere",
    )
    references: dict[str, str] = Field(
        default_factory=dict,
        description="name to table of the corpus: answers to stand beside, such as those of people",
    )
    calibration: Method = Field(
        "temperature", description="what makes an expert's probabilities hold, fitted on out-of-fold scores"
    )
    precisions: tuple[float, ...] = Field(
        (0.8, 0.9), description="shares of right answers that an answer is held back for, if need be"
    )
    speaker_normalisation: bool = Field(
        False, description="standardise each speaker by unlabelled statistics (adaptive)"
    )
    near_copies: tuple[str, ...] = Field(
        (),
        description="'image' or blocks by which test samples are near copies of training; also measured without them",
    )
    n_inner: int = Field(5, ge=2, description="inner folds of calibration and stacking")
    learning_curve: tuple[float, ...] = Field(
        (), description="shares of the training groups, such as 0.2 and 0.5, that strategies are also trained on"
    )
    window_s: float | None = Field(
        None, gt=0, allow_inf_nan=False, description="length of the windows that clips and recordings are cut into"
    )
    step_s: float | None = Field(
        None,
        gt=0,
        allow_inf_nan=False,
        description="from the beginning of a window to that of the next; window_s by default",
    )
    pool: str | None = Field(
        None,
        description="column that names what samples are parts of, such as 'recording' of windows: it gets one answer too",
    )
    seed: int = Field(0, ge=0)
    budget: int = Field(0, ge=0, le=1000, description="tuning trials a strategy; 0 takes the recipes as they are")
    train: dict[str, Any] = Field(
        default_factory=dict,
        description="what is otherwise in a model that is put to work, such as recipes that make it small",
    )

    @field_validator("blocks")
    @classmethod
    def _check_names(cls, blocks: dict[str, BlockSpec]) -> dict[str, BlockSpec]:
        for name in blocks:
            if not name.isidentifier() or name == "early":
                raise ValueError(f"block {name!r} needs a plain name of letters, digits and _ (and not 'early')")
        return blocks

    @model_validator(mode="before")
    @classmethod
    def _fill_in(cls, values: Any) -> Any:
        return with_defaults(values) if isinstance(values, Mapping) else values

    @field_validator("label")
    @classmethod
    def _check_label(cls, label: str | tuple[str, ...]) -> str | tuple[str, ...]:
        if not isinstance(label, str) and len(set(label)) < len(label):
            raise ValueError(f"a column is named twice in {list(label)}")
        return label

    @field_validator("label_map")
    @classmethod
    def _check_label_map(cls, given: dict[str, str] | str | None) -> dict[str, str] | str | None:
        return label_map(given).name if isinstance(given, str) else given

    @field_validator("strategies")
    @classmethod
    def _check_strategies(cls, strategies: tuple[str, ...]) -> tuple[str, ...]:
        unknown = [name for name in strategies if name not in NAMED]
        if unknown:
            raise ValueError(f"{unknown} are not known; choose from {list(NAMED)}")
        return strategies

    @field_validator("precisions")
    @classmethod
    def _check_precisions(cls, precisions: tuple[float, ...]) -> tuple[float, ...]:
        if not all(0 < precision < 1 for precision in precisions):
            raise ValueError(f"a precision lies between 0 and 1, got {list(precisions)}")
        return precisions

    @field_validator("learning_curve")
    @classmethod
    def _check_shares(cls, shares: tuple[float, ...]) -> tuple[float, ...]:
        if not all(0 < share < 1 for share in shares) or sorted(set(shares)) != list(shares):
            raise ValueError(f"shares lie between 0 and 1, each larger than the one before, got {list(shares)}")
        return shares

    @model_validator(mode="after")
    def _check_recipes(self) -> Study:
        defaults = {
            name: known.get_default(call_default_factory=True, validated_data={})
            for name, known in type(self).model_fields.items()
        }
        others = {name for name, default in defaults.items() if getattr(self, name) != default}
        check_kind(self.task, self.metrics, self.strategies, self.classifiers, others)
        expert, final, meta_of = RECIPES[self.task]
        for name, block in self.blocks.items():
            for family in dict.fromkeys((*self.classifiers, *block.recipes)):
                recipe = block.recipes.get(family, {})
                make = partial(expert, family, block.kind, **recipe)
                _try_out(make, block.kind if recipe else None, f"blocks.{name}.recipes.{family}", self.task)
        unknown = [name for name in self.near_copies if name != "image" and name not in self.blocks]
        if unknown:
            raise ValueError(f"near_copies names {unknown}; choose from 'image' and the blocks {list(self.blocks)}")
        columns = {name: source_column_of(block.extractor, block.parameters) for name, block in self.blocks.items()}
        for spec in self.degradations:
            affected_blocks(spec, columns)
        check_augmentations(self.augmentations, columns)
        if self.step_s is not None and self.window_s is None:
            raise ValueError("step_s needs window_s, the length of the windows")
        tables = [name for name, block in self.blocks.items() if block.extractor == "table"]
        if self.window_s is not None and tables:
            raise ValueError(f"window_s cuts clips into windows, which the tables of the blocks {tables} do not have")
        for meta, parameters in self.meta.items():
            _try_out(partial(meta_of, meta, **parameters), "dense", f"meta.{meta}", self.task)
        for family, parameters in self.early.items():
            _try_out(partial(final, family, **parameters), "dense", f"early.{family}", self.task)
        if self.train:
            self.for_training()
        return self

    @property
    def tasks(self) -> tuple[str, ...]:
        """The columns to predict, where there are several; empty where there is one."""
        return () if isinstance(self.label, str) else self.label

    @property
    def column(self) -> str:
        """The one column to predict; raises StudyError where there are several."""
        if isinstance(self.label, str):
            return self.label
        raise StudyError(f"study {self.name!r} predicts {', '.join(self.label)}: name one of them with --task")

    @property
    def labels(self) -> Mapping[str, str] | None:
        """Label to label, where the study maps them."""
        return label_map(self.label_map).labels if isinstance(self.label_map, str) else self.label_map

    def for_training(self) -> Study:
        """Return the study that a model which is put to work is validated and trained by."""
        return parse_study(
            _merged(self.model_dump() | {"train": {}, "learning_curve": ()}, self.train), source=f"{self.name}, train"
        )

    def recipe(self, block: str, family: Family) -> dict[str, Any]:
        """Return the classifier parameters of a block; columns scaled by speaker need no more than a standard scale."""
        recipe = dict(self.blocks[block].recipes.get(family, {}))
        if self.speaker_normalisation and "scaling" in recipe:
            recipe["scaling"] = "standard"
        return recipe

    def changed(self, **changes: Any) -> Study:
        """Return a checked copy with other values."""
        return parse_study(self.model_dump() | changes, source=self.name)


def _merged(values: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    """Return a table with the values of another in place of its own, table by table."""
    merged = dict(values)
    for key, value in changes.items():
        both = isinstance(value, dict) and isinstance(merged.get(key), dict)
        merged[key] = _merged(merged[key], value) if both else value
    return merged


def load_study(name: str | os.PathLike[str]) -> Study:
    """Load a shipped study by name, or one from a TOML file.

    Raises
    ------
    StudyError
        No such study or file, no TOML, unknown keys or unusable values, each named.
    """
    path = Path(name)
    if path.suffix == ".toml":
        try:
            text = path.read_text(encoding="utf-8")
        except (OSError, ValueError) as error:  # no UTF-8, or a null character in its name
            raise StudyError(f"study {str(path)!r} cannot be read: {error}") from None
    else:
        if str(name) not in shipped_studies():
            raise StudyError(
                f"no shipped study {str(name)!r}; choose from {', '.join(shipped_studies())}, or name a .toml file"
            )
        text = (_folder() / f"{name}.toml").read_text(encoding="utf-8")
    try:
        values = tomllib.loads(text)
    except (ValueError, RecursionError) as error:  # beside its own errors: a number too long, lists within lists
        raise StudyError(f"study {str(name)!r} is no TOML: {error}") from None
    return parse_study(values, source=str(name))


def parse_study(values: dict[str, Any], *, source: str) -> Study:
    """Check the values of a study and return it; raise StudyError that names each bad key."""
    try:
        return Study.model_validate(values)
    except ValidationError as error:
        problems = [
            f"{'.'.join(str(part) for part in item['loc']) or 'study'}: {item['msg'].removeprefix('Value error, ')}"
            for item in error.errors()
        ]
        raise StudyError(f"study {source!r}: {'; '.join(problems)}") from None
    except EmofuseError as error:
        raise StudyError(f"study {source!r}: {error}") from None


def study_for_samples(samples: pd.DataFrame, *, name: str, comparing: bool = True) -> Study:
    """Return the default study of a user's own sample table: every modality that it has, the safest protocol it allows.

    Parameters
    ----------
    samples : pandas.DataFrame
    name : str
    comparing : bool, default=True
        Whether strategies are to be compared, which needs groups or splits; extraction does not.

    Raises
    ------
    StudyError
        No modality that can be measured without being told more, or neither groups nor splits.
    """
    found = [column for column in DEFAULT_BLOCKS if column in samples and samples[column].notna().any()]
    if not found:
        raise StudyError(
            f"the sample table has none of {list(DEFAULT_BLOCKS)}; write a study (TOML) that names its blocks: series such "
            "as eeg and physiology need their channels and rate"
        )
    values = {
        "name": name,
        "corpus": "samples",
        "blocks": {block: spec for column in found for block, spec in DEFAULT_BLOCKS[column].items()},
        "classifiers": ["boosted", "linear", "kernel"],
        "protocol": _default_protocol(samples) if comparing else {"name": "random"},
    }
    return parse_study(values, source=name)


def _default_protocol(samples: pd.DataFrame) -> dict[str, Any]:
    if "group" in samples and samples["group"].nunique() > 2:
        return {"name": "group_kfold", "n_folds": min(5, int(samples["group"].nunique()))}
    if "split" in samples and {"train", "test"} <= set(samples["split"]):
        return {"name": "official"}
    raise StudyError(
        "the sample table needs a column 'group' with three speakers or more, or 'split' with train and test"
    )


def to_toml(study: Study) -> str:
    """Write a resolved study as TOML that loads back to the same study."""
    return "".join(_toml_lines(study.model_dump(mode="json", exclude_none=True), ()))


def shipped_studies() -> list[str]:
    """Return the names of the studies that come with the package."""
    return sorted(item.name.removesuffix(".toml") for item in _folder().iterdir() if item.name.endswith(".toml"))


def _try_out(make: Callable[[], Any], kind: Kind | None, where: str, task: TaskKind) -> None:
    """Make a model and fit it on eight rows: a value that it cannot take is found before hours of extraction."""
    labels: list[Any] = ["a", "b"] * 4 if task == "classification" else [0.0, 1.5] * 4
    rows = {
        "dense": pd.DataFrame({"x": range(8), "y": [0, 1] * 4}, dtype="float32"),
        "text": pd.DataFrame({"utterance": ["oh no", "great!"] * 4}),
        "probabilities": pd.DataFrame({"a": [0.9, 0.1] * 4, "b": [0.1, 0.9] * 4}, dtype="float32"),
        "pixels": pd.DataFrame(
            np.tile(np.eye(24, dtype="float32").ravel(), (8, 1)) * np.arange(8, dtype="float32")[:, None]
        ),
    }
    try:
        estimator = make()
        if kind is not None:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                fitted = estimator.fit(rows[kind], labels)
                (fitted.predict_proba if task == "classification" else fitted.predict)(rows[kind])
    except (EmofuseError, TypeError, ValueError) as error:
        raise StudyError(f"{where}: {error}") from None


def _folder() -> Any:
    return files(__package__) / "studies"


def _toml_lines(table: dict[str, Any], path: tuple[str, ...]) -> list[str]:
    values = {key: value for key, value in table.items() if not isinstance(value, dict)}
    tables = {key: value for key, value in table.items() if isinstance(value, dict)}
    lists = {
        key: value for key, value in values.items() if value and isinstance(value, list) and isinstance(value[0], dict)
    }
    lines = [f"\n[{'.'.join(_toml_key(part) for part in path)}]\n"] if path else []
    lines += [f"{_toml_key(key)} = {_toml_value(value)}\n" for key, value in values.items() if key not in lists]
    for key, items in lists.items():
        for item in items:
            first, *rest = _toml_lines(item, (*path, key))
            lines += [first.replace("[", "[[", 1).replace("]", "]]", 1), *rest]
    for key, value in tables.items():
        lines += _toml_lines(value, (*path, key))
    return lines


def _toml_key(key: str) -> str:
    plain = key.replace("_", "").replace("-", "").isalnum() and key.isascii()
    return key if plain else _toml_value(key)


def _toml_value(value: Any) -> str:
    """Write a value as JSON, which is TOML but for the one control character that JSON leaves as it is."""
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


# By kind of task: what makes the model of a block, of concatenated blocks, and of other models' answers.
RECIPES: dict[TaskKind, tuple[Callable[..., Any], Callable[..., Any], Callable[..., Any]]] = {
    "classification": (expert_pipeline, final_classifier, meta_classifier),
    "regression": (expert_regressor, final_regressor, meta_regressor),
}
assert set(Family.__args__) == set(FAMILIES)  # type: ignore[attr-defined]
