from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from emofuse.classifiers.boosted import BoostedTrees
from emofuse.classifiers.cross_fitted import KernelScores
from emofuse.classifiers.kernel import KernelRidgeClassifier
from emofuse.classifiers.linear import LinearClassifier
from emofuse.classifiers.projection import Discriminants, Projection
from emofuse.classifiers.recipes import (
    EXPERTS,
    FAMILIES,
    FRONTS,
    expert_pipeline,
    final_classifier,
    front_pipeline,
    meta_classifier,
)
from emofuse.classifiers.scaling import KeepBest, LatentSemantics, Scaler
from emofuse.classifiers.visual_words import VisualWords
from emofuse.features.errors import StudyError
from scipy import sparse

LABELS = np.array(["anger", "joy", "sad"])[np.arange(45) % 3]
FEW_ROUNDS = {"n_rounds": 5}
every_reduction = pytest.mark.parametrize("reduction", ["pca", "lda", "select"])


def block(kind: str) -> pd.DataFrame:
    random = np.random.default_rng(0)
    if kind == "text":
        words = {"anger": "stop it!", "joy": "so great :)", "sad": "I miss you"}
        return pd.DataFrame({"utterance": [f"{words[label]} {random.integers(9)}" for label in LABELS]})
    if kind == "pixels":
        y, x = np.mgrid[:24, :24]
        textures = {"anger": np.sin(y), "joy": np.sin(x), "sad": np.sin(0.7 * (x + y))}
        pictures = np.stack([textures[label] for label in LABELS]) + random.normal(scale=0.2, size=(45, 24, 24))
        return pd.DataFrame(pictures.reshape(45, -1), dtype=np.float32).rename(columns="pixel_{}".format)
    truth = (LABELS[:, None] == np.unique(LABELS)).astype(float)
    if kind == "probabilities":
        return pd.DataFrame(
            truth * 0.6 + random.dirichlet(np.ones(3), 45) * 0.4, columns=np.unique(LABELS), dtype=np.float32
        )
    values = np.hstack([random.normal(size=(45, 230)), truth * 3 + random.normal(size=(45, 3))])
    return pd.DataFrame(values, columns=[f"feature {number}" for number in range(233)], dtype=np.float32)


@pytest.mark.parametrize(("family", "kind"), EXPERTS)
def test_every_expert_learns_its_kind_of_block(family: str, kind: Any) -> None:
    X = block(kind)
    expert = expert_pipeline(family, kind, **(FEW_ROUNDS if family == "boosted" else {})).fit(X, LABELS)

    assert expert.classes_.tolist() == ["anger", "joy", "sad"]
    np.testing.assert_allclose(expert.predict_proba(X).sum(axis=1), 1, rtol=1e-6)
    assert (expert.predict(X) == LABELS).mean() > 0.9


@pytest.mark.parametrize(("family", "kind"), FRONTS)
def test_every_front_gives_numbers_that_its_final_classifier_takes(family: str, kind: Any) -> None:
    X = block(kind)
    columns = front_pipeline(family, kind).fit(X, LABELS).transform(X)
    columns = columns.toarray() if sparse.issparse(columns) else columns
    classifier = final_classifier(family, **(FEW_ROUNDS if family == "boosted" else {})).fit(columns, LABELS)

    assert columns.dtype == np.float32
    assert len(columns) == len(X)
    assert (classifier.predict(columns) == LABELS).mean() > 0.9


@pytest.mark.parametrize(("family", "kind"), [key for key in FRONTS if key[0] != "boosted" and key[1] != "pixels"])
def test_fronts_of_classifiers_that_know_no_scale_bring_columns_to_unit_variance(family: str, kind: Any) -> None:
    columns = front_pipeline(family, kind).fit(block(kind), LABELS).transform(block(kind))

    np.testing.assert_allclose(columns.std(axis=0), 1, atol=0.05)


def test_the_tables_agree() -> None:
    assert {family for family, _ in EXPERTS} == set(FAMILIES)
    assert set(FRONTS) == {key for key in EXPERTS if key[0] != "given"}
    for family in {family for family, _ in FRONTS}:
        assert final_classifier(family) is not None


@pytest.mark.parametrize("make", [expert_pipeline, front_pipeline])
def test_an_unknown_family_is_answered_with_the_choices(make: Any) -> None:
    with pytest.raises(StudyError, match=r"'svm' is not known; choose from \['boosted', 'linear', 'kernel', 'given'\]"):
        make("svm")


@pytest.mark.parametrize("make", [expert_pipeline, front_pipeline])
def test_a_family_that_cannot_take_a_kind_is_answered_with_those_that_can(make: Any) -> None:
    with pytest.raises(
        StudyError, match=r"cannot take a block of kind 'text'; choose from \['boosted', 'kernel', 'linear'\]"
    ):
        make("given", "text")


@pytest.mark.parametrize(("family", "kind"), EXPERTS)
def test_an_unknown_parameter_of_an_expert_is_answered_with_those_it_has(family: str, kind: Any) -> None:
    with pytest.raises(StudyError, match=r"has the parameters \[.*\], got \['depth'\]"):
        expert_pipeline(family, kind, depth=3)


@pytest.mark.parametrize(("family", "kind"), FRONTS)
def test_an_unknown_parameter_of_a_front_is_refused(family: str, kind: Any) -> None:
    with pytest.raises(StudyError, match=r"does not take \['depth'\]"):
        front_pipeline(family, kind, depth=3)


@pytest.mark.parametrize("make", [expert_pipeline, front_pipeline])
def test_parameters_reach_the_front(make: Any) -> None:
    assert make("linear", scaling="quantile")[0].method == "quantile"
    assert make("boosted", "text", n_columns=50)[1].n_columns == 50
    assert make("linear", "text", counts=True)[0].get_params()["counts"] is True
    assert make("boosted", "text", negation=True)[0].get_params()["negation"] is True
    rare = make("linear", "text", characters=False, min_df=5, max_features=9)[0].get_params()
    assert (rare["char_ngrams"], rare["min_df_words"], rare["min_df_chars"], rare["max_features"]) == (None, 5, 5, 9)
    assert make("linear", "text", characters=True)[0].get_params()["char_ngrams"] == (2, 5)


@pytest.mark.parametrize("make", [expert_pipeline, front_pipeline])
@pytest.mark.parametrize("family", ["boosted", "linear", "kernel"])
def test_components_take_the_place_of_scaled_and_selected_columns(make: Any, family: str) -> None:
    assert make(family, n_components=7)[0].get_params() == Projection(7).get_params()
    assert make(family, "pixels", n_components=7)[0].get_params() == VisualWords(n_components=7).get_params()


@pytest.mark.parametrize("make", [expert_pipeline, front_pipeline])
@pytest.mark.parametrize("family", ["linear", "kernel"])
def test_columns_are_chosen_then_scaled_then_projected(make: Any, family: str) -> None:
    def steps(**parameters: Any) -> list[str]:
        return [type(step).__name__ for _, step in make(family, **parameters).steps[:3]]

    assert steps(n_columns=50, scaling="quantile", n_components=7) == ["KeepBest", "Scaler", "Projection"]
    assert steps(scaling="standard", n_components=7)[:2] == ["Scaler", "Projection"]
    assert steps(n_columns=50)[:2] == ["KeepBest", "Scaler"]
    made = make(family, n_columns=50, scaling="quantile", n_components=7, half_precision=True)
    assert (made[0].n_columns, made[1].method, made[2].n_components) == (50, "quantile", 7)
    assert made[2].half_precision
    assert expert_pipeline("kernel", half_precision=True)[-1].half_precision


def test_centres_give_trees_the_scores_of_a_kernel_machine() -> None:
    parameters = {"n_centres": 20, "gamma": 0.4, "ridge": 0.3, "n_rounds": 5}
    for made in (expert_pipeline("boosted", **parameters)[-1], final_classifier("boosted", **parameters)):
        assert made[0].get_params() == KernelScores(20, 0.4, 0.3).get_params()
        assert made[1].n_rounds == 5
    fitted = expert_pipeline("boosted", **parameters).fit(block("dense"), LABELS)
    assert fitted.classes_.tolist() == ["anger", "joy", "sad"]


def test_a_front_takes_no_parameter_of_the_kernel_machine() -> None:
    with pytest.raises(StudyError, match=r"does not take \['n_centres'\]"):
        front_pipeline("boosted", n_centres=20)


def test_other_parameters_reach_the_classifier() -> None:
    assert expert_pipeline("kernel", gamma=0.7)[-1].gamma == 0.7
    assert final_classifier("boosted", n_rounds=9).n_rounds == 9


@pytest.mark.parametrize(
    ("family", "kind"), [("boosted", BoostedTrees), ("linear", LinearClassifier), ("kernel", KernelRidgeClassifier)]
)
def test_concatenated_blocks_go_to_the_classifier_of_the_family(family: str, kind: type) -> None:
    assert type(final_classifier(family)) is kind


def test_ready_probabilities_cannot_be_concatenated() -> None:
    with pytest.raises(StudyError, match=r"'given' cannot take concatenated blocks; choose from \['boosted', 'kernel"):
        final_classifier("given")


@pytest.mark.parametrize(("family", "kind"), [("linear", LinearClassifier), ("boosted", BoostedTrees)])
def test_the_meta_learner_of_stacking_is_linear_or_boosted(family: Any, kind: type) -> None:
    assert type(meta_classifier(family)) is kind


def test_parameters_of_a_meta_learner_replace_those_of_the_recipe() -> None:
    assert meta_classifier("linear").C == 0.2
    assert meta_classifier("linear", C=3.0).C == 3.0
    plain, other = meta_classifier("boosted").get_params(), meta_classifier("boosted", n_rounds=9).get_params()
    assert other == plain | {"n_rounds": 9}
    assert plain != BoostedTrees().get_params()
    assert meta_classifier("boosted", learning_rate=0.5).learning_rate == 0.5


@pytest.mark.parametrize("family", ["linear", "boosted"])
def test_an_unknown_parameter_of_a_meta_learner_is_answered_with_those_it_has(family: Any) -> None:
    with pytest.raises(StudyError, match=r"has the parameters \[.*\], got .*'depth'"):
        meta_classifier(family, depth=3)


@every_reduction
@pytest.mark.parametrize(("family", "kind"), FRONTS)
def test_every_front_can_be_narrowed_inside_the_fold(family: str, kind: Any, reduction: Any) -> None:
    X = block(kind)
    columns = front_pipeline(family, kind, reduction=reduction).fit(X, LABELS).transform(X)
    columns = columns.toarray() if sparse.issparse(columns) else columns
    classifier = final_classifier(family, **(FEW_ROUNDS if family == "boosted" else {})).fit(columns, LABELS)

    assert columns.dtype == np.float32
    assert columns.shape[1] == 2 if reduction == "lda" else 1 <= columns.shape[1] <= 50
    assert np.isfinite(columns).all()
    assert (classifier.predict(columns) == LABELS).mean() > 0.9


@every_reduction
@pytest.mark.parametrize(("family", "kind"), FRONTS)
def test_reductions_are_learned_from_training_rows_alone(family: str, kind: Any, reduction: Any) -> None:
    X = block(kind)
    fitted = front_pipeline(family, kind, reduction=reduction).fit(X[:30], LABELS[:30])

    alone, among_others = fitted.transform(X[30:31]), fitted.transform(X)[30:31]
    alone, among_others = (rows.toarray() if sparse.issparse(rows) else rows for rows in (alone, among_others))

    np.testing.assert_allclose(alone, among_others, atol=2e-4)


@pytest.mark.parametrize(("reduction", "kind"), [("pca", Projection), ("lda", Discriminants), ("select", KeepBest)])
def test_a_reduction_comes_after_the_front_of_the_block(reduction: Any, kind: type) -> None:
    front = front_pipeline("linear", reduction=reduction, scaling="quantile")

    assert type(front[-1]) is kind
    assert front[0][0].method == "quantile"
    assert front_pipeline("linear", reduction=None)[-1].get_params() == Scaler().get_params()


@pytest.mark.parametrize("reduction", ["pca", "lda"])
def test_directions_of_terms_are_those_of_latent_semantics_for_trees_too(reduction: Any) -> None:
    front = front_pipeline("boosted", "text", reduction=reduction, n_columns=60)[0]

    assert front[1][0].n_columns == 60
    assert type(front[1][1]) is LatentSemantics


@every_reduction
def test_a_block_with_absent_values_is_narrowed_too(reduction: Any) -> None:
    X = block("dense").mask(np.random.default_rng(1).uniform(size=(45, 233)) < 0.2)

    for family in ("boosted", "linear", "kernel"):
        columns = front_pipeline(family, reduction=reduction).fit(X, LABELS).transform(X)
        assert np.isnan(columns).any() == (family == "boosted" and reduction == "select")  # trees take them


@every_reduction
def test_an_unknown_parameter_of_a_narrowed_front_is_refused(reduction: Any) -> None:
    with pytest.raises(StudyError, match=r"does not take \['depth'\]"):
        front_pipeline("boosted", reduction=reduction, depth=3)


def test_a_kernel_machine_takes_texts_by_the_mean_of_their_words_vectors():
    texts = pd.DataFrame({"utterance": ["so sad today", "what a happy day", "sad and lost", "happy happy joy"] * 4})
    labels = ["sad", "happy"] * 8
    fitted = expert_pipeline("kernel", "text", n_components=3, gamma=1.0).fit(texts, labels)
    assert list(fitted.named_steps) == ["textvectorizer", "pipeline", "kernelridgeclassifier"]
    assert fitted[:-1].transform(texts).shape == (16, 3)
    assert (fitted.predict(texts) == labels).all()


def test_the_same_vectors_stand_in_early_fusion():
    texts = pd.DataFrame({"utterance": ["so sad today", "what a happy day", "sad and lost", "happy happy joy"] * 4})
    assert front_pipeline("kernel", "text", n_components=3).fit(texts, ["sad", "happy"] * 8).transform(texts).shape == (
        16,
        3,
    )
