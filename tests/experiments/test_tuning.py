"""Nested tuning: as many trials for every strategy, the first the recipe, the best by training rows alone."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
from emofuse.classifiers.recipes import expert_pipeline, final_classifier, meta_classifier
from emofuse.experiments.combine import _rule
from emofuse.experiments.estimators import make_strategy
from emofuse.experiments.protocols import Fold
from emofuse.experiments.run import run_study
from emofuse.experiments.run_folder import write_run
from emofuse.experiments.tuning import SPACES, WORDS, trial_studies
from emofuse.fusion.blocks import join_blocks

BLOCKS = ["face", "voice"]
STRATEGIES = ("unimodal", "best_single", "early", "late_product", "stacking", "hybrid", "selected")


def drawn(study, *, family="linear", fold="1"):
    return list(trial_studies(study, family, fold, BLOCKS))


@pytest.fixture(scope="module")
def tuned(make_corpus, make_study, tmp_path_factory):
    """A run of three trials, and its folder."""
    study = make_study(budget=3, strategies=STRATEGIES)
    done = run_study(study, make_corpus(signal=0.8))
    return study, done, write_run(done, study, tmp_path_factory.mktemp("tuned"))


@pytest.mark.parametrize("budget", [0, 1])
def test_without_a_budget_the_recipe_is_taken_as_it_is(make_study, budget):
    study = make_study(budget=budget)
    assert drawn(study) == [(study, {})]


def test_trial_0_is_the_recipe_and_every_other_draws_all_parameters_anew(make_study):
    study = make_study(budget=4)
    (own, none), *others = drawn(study)
    assert (own, none) == (study, {})
    assert len(others) == 3
    seen = set()
    for trial, parameters in others:
        assert set(parameters) == {"early", "blocks", "weights", "meta"}
        for name in BLOCKS:
            assert trial.recipe(name, "linear") == parameters["blocks"][name]
            assert trial.blocks[name].weight == parameters["weights"][name] > 0
        made = {name: make_strategy(trial, name, "linear", BLOCKS) for name in ("early", "late_product", "stacking")}
        assert made["early"].classifier.C == parameters["early"]["C"]
        assert made["early"].weights == parameters["weights"]
        assert made["late_product"].blocks["face"].steps[-1][1].C == parameters["blocks"]["face"]["C"]
        assert made["stacking"].meta.C == parameters["meta"]["linear"]["C"]
        seen.add(json.dumps(parameters))
    assert len(seen) == 3
    assert study.recipe("face", "linear") == {}  # the study itself is left as it was


def test_what_a_recipe_sets_and_no_trial_draws_stays(make_study):
    blocks = {name: {"extractor": "table", "table": name} for name in BLOCKS}
    blocks["face"] |= {"recipes": {"kernel": {"scaling": "quantile", "gamma": 0.3}}}
    study = make_study(blocks=blocks, budget=2, classifiers=["kernel"])
    trial, parameters = drawn(study, family="kernel")[1]
    assert trial.recipe("face", "kernel") == {"scaling": "quantile"} | parameters["blocks"]["face"]
    assert trial.recipe("face", "kernel")["gamma"] != 0.3


def test_other_folds_and_seeds_draw_other_trials_and_the_same_ones_draw_the_same(make_study):
    study = make_study(budget=2)
    first = drawn(study)[1][1]
    assert first == drawn(study)[1][1]
    assert first != drawn(study, fold="2")[1][1]
    assert first != drawn(study.changed(seed=1))[1][1]


@pytest.mark.parametrize("family", ["linear", "kernel", "boosted"])
@pytest.mark.parametrize("kind", ["dense", "text", "pixels", "probabilities"])
def test_whatever_is_drawn_can_be_made(make_study, family, kind):
    specs = {
        "dense": {"extractor": "table", "table": "b"},
        "text": {"extractor": "text"},
        "pixels": {"extractor": "table", "table": "b", "pixels": True},
        "probabilities": {"extractor": "table", "table": "b", "probabilities": True},
    }
    study = make_study(blocks=dict.fromkeys(BLOCKS, specs[kind]), classifiers=[family], budget=6)
    for trial, parameters in drawn(study, family=family)[1:]:
        expert_pipeline(family, kind, **trial.recipe("face", family))
        final_classifier(family, **trial.early[family])
        for meta, own in trial.meta.items():
            meta_classifier(meta, **own)
        words = kind == "text" and family != "boosted"
        assert set(parameters["blocks"]["face"]) == set(WORDS if words else SPACES[family])


def test_ready_answers_have_nothing_to_draw_but_the_meta_classifiers(make_study):
    spec = {"extractor": "table", "table": "b", "probabilities": True}
    study = make_study(blocks=dict.fromkeys(BLOCKS, spec), classifiers=["given"], budget=2)
    parameters = drawn(study, family="given")[1][1]
    assert parameters["blocks"] == {"face": {}, "voice": {}}
    assert parameters["early"] == {}
    assert set(parameters["meta"]) == {"linear", "boosted"}


def test_every_strategy_gets_as_many_trials_in_every_fold(tuned):
    _, done, folder = tuned
    trials = pd.read_csv(folder / "trials.csv")
    assert len(trials) == len(done.trials)
    counts = trials.groupby(["fold", "strategy", "blocks"])["trial"].apply(list)
    assert counts.map(lambda own: own == [0, 1, 2]).all()
    assert set(counts.index.get_level_values("strategy")) == {"unimodal", "early", "late_product", "stacking", "hybrid"}
    assert set(trials["classifier"]) == {"linear"}
    parameters = trials["parameters"].map(json.loads)
    assert (parameters[trials["trial"] == 0].map(len) == 0).all()
    assert (parameters[trials["trial"] > 0].map(len) == 4).all()


def test_the_trial_that_is_best_by_training_rows_answers(tuned, make_corpus):
    study, done, _ = tuned
    trials = pd.DataFrame(done.trials)
    best = trials.groupby(["strategy", "blocks", "fold"])["nested"].max()
    for row in done.results["rows"]:
        if row["classifier"] == "linear":
            found = [best[row["strategy"], "+".join(row["blocks"]), fold] for fold in ("1", "2")]
            assert row["nested"] == pytest.approx(found, abs=1e-6)
    singles = trials[trials["strategy"] == "unimodal"]
    first_best = singles.loc[singles.groupby(["blocks", "fold"])["nested"].idxmax()]
    drawn_ones = first_best[first_best["trial"] > 0]
    assert len(drawn_ones), "a recipe that is best everywhere would show nothing here"
    winner = drawn_ones.iloc[0]
    block = study.blocks[winner["blocks"]]
    recipes = {"linear": winner["parameters"]["blocks"][winner["blocks"]]}
    fixed = study.model_copy(
        update={
            "budget": 0,
            "strategies": ("unimodal",),
            "blocks": study.blocks | {winner["blocks"]: block.model_copy(update={"recipes": recipes})},
        }
    )
    wanted = {"strategy": "unimodal", "blocks": winner["blocks"], "fold": winner["fold"]}
    answers = []
    for run in (done, run_study(fixed, make_corpus(signal=0.8))):
        rows = (run.predictions[list(wanted)] == pd.Series(wanted)).all(axis=1)
        # Which categories there are beside these is the runs' own.
        answers.append(run.predictions[rows].reset_index(drop=True).astype(dict.fromkeys((*wanted, "classifier"), str)))
    pd.testing.assert_frame_equal(*answers, atol=1e-6)


def test_by_a_loss_the_lowest_is_chosen(make_corpus, make_study):
    study = make_study(budget=3, strategies=["unimodal", "best_single"], metrics=["log_loss", "uar"])
    done = run_study(study, make_corpus(signal=0.8))
    trials = pd.DataFrame(done.trials)
    best = trials.groupby(["blocks", "fold"])["nested"].min()
    rows = {"+".join(row["blocks"]): row for row in done.results["rows"] if row["strategy"] == "unimodal"}
    for block, fold in best.index:
        assert rows[block]["nested"][int(fold) - 1] == pytest.approx(best[block, fold], abs=1e-6)
    assert trials["nested"].nunique() > len(best) and (trials["nested"] > 0).all()


def test_a_meta_classifier_keeps_what_a_trial_does_not_draw(make_corpus, make_study, answer_fold):
    corpus = make_corpus()
    study = make_study(
        budget=2, strategies=["stacking", "stacking_boosted"], meta={"boosted": {"n_rounds": 5, "max_bin": 16}}
    )
    labels, groups = (corpus.samples[name].to_numpy(dtype=str) for name in ("label", "group"))
    fold = Fold("1", np.arange(24), np.arange(24, 48))
    found = answer_fold(study, join_blocks(dict(corpus.tables)), labels, groups, fold)
    (family,) = found.families
    made = [_rule(study, "stacking_boosted", family, BLOCKS, parameters).meta for parameters in family.parameters]
    drawn_ones = family.parameters[1]["meta"]["boosted"]
    assert (made[0].n_rounds, made[0].max_bin) == (5, 16)
    assert (made[1].n_rounds, made[1].max_bin) == (drawn_ones["n_rounds"], 16)
    linear = _rule(study, "stacking", family, BLOCKS, family.parameters[1]).meta
    assert linear.C == family.parameters[1]["meta"]["linear"]["C"]


def test_trials_do_not_depend_on_the_number_of_jobs(tuned, make_corpus):
    study, done, _ = tuned
    again = run_study(study, make_corpus(signal=0.8), n_jobs=2)
    assert again.trials == done.trials
    pd.testing.assert_frame_equal(again.predictions, done.predictions, check_exact=True)


def test_no_trials_no_file(make_corpus, make_study, tmp_path):
    study = make_study(strategies=["unimodal", "late_mean"])
    done = run_study(study, make_corpus())
    assert done.trials == []
    assert not (write_run(done, study, tmp_path) / "trials.csv").exists()


def test_weights_of_blocks_are_shares(make_study):
    for _, parameters in drawn(make_study(budget=8))[1:]:
        assert sum(parameters["weights"].values()) == pytest.approx(1.02, abs=1e-3)
        assert np.ptp(list(parameters["weights"].values())) > 0
