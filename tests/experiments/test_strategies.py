"""The table of strategies: every name has one kind, and the estimator that the name promises."""

from __future__ import annotations

import pytest
from emofuse.classifiers.projection import Discriminants, Projection
from emofuse.classifiers.scaling import KeepBest
from emofuse.experiments.estimators import make_strategy
from emofuse.experiments.strategies import (
    CHOSEN,
    CONTEXTS,
    CONTROLS,
    EARLY_KINDS,
    FUSIONS,
    HYBRID_RULES,
    LATE_RULES,
    NAMED,
    REFERENCE,
    SINGLES,
    STRATEGIES,
    is_fusion,
)
from emofuse.fusion.combination import FIXED_RULES, WEIGHED_RULES
from emofuse.fusion.contextual import ContextFusion
from emofuse.fusion.early import EarlyFusion
from emofuse.fusion.hybrid import HybridFusion
from emofuse.fusion.late import RULES, LateFusion

BLOCKS = ["face", "voice"]


def test_every_strategy_is_of_one_kind():
    kinds = [*SINGLES, *FUSIONS, *CONTROLS, *CHOSEN]
    assert sorted(kinds) == sorted(STRATEGIES)
    assert REFERENCE not in STRATEGIES
    assert {name for name in STRATEGIES if is_fusion(name)} == {*FUSIONS, *CHOSEN}
    # A context takes a corpus of dialogues: a study has it where it names it.
    assert sorted(NAMED) == sorted([*STRATEGIES, *CONTEXTS])
    assert [name for name in NAMED if name in STRATEGIES] == list(STRATEGIES)
    assert not any(map(is_fusion, CONTEXTS))


def test_every_rule_of_late_fusion_has_a_strategy():
    assert {rule for rule, _ in LATE_RULES.values()} == set(RULES) == {*FIXED_RULES, *WEIGHED_RULES, "stacking"}
    assert set(HYBRID_RULES.values()) <= set(RULES)


@pytest.mark.parametrize("strategy", FUSIONS)
def test_a_strategy_is_made_as_its_study_says(make_study, strategy):
    study = make_study(calibration="isotonic", n_inner=3, seed=7)
    made = make_strategy(study, strategy, "linear", BLOCKS, subsets=[["face"]])
    assert (made.calibration, made.n_inner, made.random_state) == ("isotonic", 3, 7)
    assert list(made.blocks) == BLOCKS
    if strategy in EARLY_KINDS:
        assert isinstance(made, EarlyFusion)
        assert made.subsets == [["face"]]
    elif strategy in HYBRID_RULES:
        assert isinstance(made, HybridFusion)
        assert made.rule == HYBRID_RULES[strategy]
        assert made.early.subsets == [["face"]]
    else:
        assert type(made) is LateFusion
        assert made.rule == LATE_RULES[strategy][0]


@pytest.mark.parametrize("strategy", CONTEXTS)
@pytest.mark.parametrize("blocks", [BLOCKS[:1], BLOCKS], ids=["one block", "two blocks"])
def test_a_context_is_made_as_its_study_says(make_study, strategy, blocks):
    study = make_study(n_inner=3, seed=7, metrics=["macro_f1", "uar"], meta={"boosted": {"n_rounds": 11}})
    made = make_strategy(study, strategy, "linear", blocks)
    assert isinstance(made, ContextFusion)
    assert (made.n_inner, made.random_state, list(made.blocks)) == (3, 7, blocks)
    assert (made.later, made.metric) == (strategy == "context_later", "macro_f1")
    assert made.meta.get_params()["n_rounds"] == 11
    # There is nothing to decide otherwise where probabilities themselves are judged.
    assert make_strategy(make_study(metrics=["log_loss"]), strategy, "linear", blocks).metric is None


def test_early_fusions_differ_in_how_blocks_are_readied(make_study):
    made = {kind: make_strategy(make_study(), kind, "linear", BLOCKS) for kind in EARLY_KINDS}
    assert {kind: item.block_scaling for kind, item in made.items()} == dict.fromkeys(EARLY_KINDS, True) | {
        "early_raw": False
    }
    last = {kind: type(item.blocks["face"].steps[-1][1]) for kind, item in made.items()}
    assert (last["early_pca"], last["early_lda"], last["early_select"]) == (Projection, Discriminants, KeepBest)
    assert last["early"] == last["early_raw"] not in (Projection, Discriminants, KeepBest)


def test_early_fusion_weighs_and_drops_blocks_as_the_study_says(make_study):
    blocks = {name: {"extractor": "table", "table": name, "weight": 0.5 + number} for number, name in enumerate(BLOCKS)}
    study = make_study(blocks=blocks, modality_dropout=0.25)
    made = make_strategy(study, "early", "linear", BLOCKS)
    assert (made.weights, made.dropout) == ({"face": 0.5, "voice": 1.5}, 0.25)
    inside = make_strategy(study, "hybrid", "linear", BLOCKS).early
    assert (inside.weights, inside.dropout) == ({"face": 0.5, "voice": 1.5}, 0.25)


def test_meta_classifiers_take_the_studys_parameters(make_study):
    study = make_study(meta={"linear": {"C": 3.0}, "boosted": {"n_rounds": 11}})
    found = {
        name: make_strategy(study, name, "linear", BLOCKS).meta.get_params()
        for name in ("stacking", "stacking_boosted", "hybrid_stacking")
    }
    assert (found["stacking"]["C"], found["hybrid_stacking"]["C"]) == (3.0, 3.0)
    assert found["stacking_boosted"]["n_rounds"] == 11
    assert make_strategy(study, "late_product", "linear", BLOCKS).meta is None


def test_parameters_of_a_block_reach_its_expert_and_those_of_early_fusion_its_classifier(make_study):
    blocks = {name: {"extractor": "table", "table": name} for name in BLOCKS}
    blocks["face"] |= {"recipes": {"linear": {"C": 0.5, "scaling": "quantile"}}}
    study = make_study(blocks=blocks, early={"linear": {"C": 0.25}})
    late, early = (make_strategy(study, name, "linear", BLOCKS) for name in ("late_mean", "early"))
    assert late.blocks["face"].steps[-1][1].C == 0.5 != late.blocks["voice"].steps[-1][1].C
    assert [item.blocks["face"].steps[0][1].method for item in (late, early)] == ["quantile", "quantile"]
    assert early.classifier.C == 0.25


def test_a_modality_measured_in_two_ways_is_the_product_of_both(make_study):
    alone = make_strategy(make_study(), "unimodal", "linear", BLOCKS)
    assert (type(alone), alone.rule, list(alone.blocks)) == (LateFusion, "product", BLOCKS)
