"""Whether fusion helped: what is compared with what, what is corrected with what, what raises a flag, and the sentence."""

from __future__ import annotations

import numpy as np
import pytest
from emofuse.experiments.answers import BEST_SINGLE, SELECTED, SELECTED_EARLY, SELECTED_LATE
from emofuse.experiments.paired import holm
from emofuse.experiments.statistics import score
from emofuse.experiments.verdict import baseline, best_of, comparisons, red_flags, row_label, shown_p, verdict

BOTH = ("face", "voice")
EARLY, MEAN, STACKING = ((name, BOTH, "linear") for name in ("early", "late_mean", "stacking"))
FACE, VOICE = (("unimodal", (name,), "linear") for name in BOTH)
MAJORITY, ORACLE = ("majority", (), "none"), ("oracle", BOTH, "linear")
SHUFFLED, PERMUTED = ("shuffled_modality", ("face",), "linear"), ("permuted_labels", BOTH, "linear")
CODES = np.tile([0, 1, 2], 80)
GROUPS = np.repeat(np.arange(8), 30)
FOLDS = GROUPS % 4


def answers(share, *, seed=0):
    """Probabilities of .8 for the right class in a share of the rows, and for the next class in the others."""
    random = np.random.default_rng(seed)
    told = np.where(random.random(len(CODES)) < share, CODES, (CODES + 1) % 3)
    return np.where(np.eye(3)[told] > 0, 0.8, 0.1)


def scored(shares, *, folds=FOLDS):
    """The scores of made-up answers, by row and metric; each with its share of right ones, or the answers themselves."""
    return {
        key: score(
            CODES, answers(given, seed=number) if isinstance(given, float) else given, GROUPS, folds, seed=0
        )
        for number, (key, given) in enumerate(shares.items())
    }  # fmt: skip


@pytest.fixture(scope="module")
def tell(make_corpus, make_study):
    """A function that returns the sentence on made-up answers."""

    def told(shares, *, metric="uar", chosen=None, leaky=False, synthetic=False, folds=FOLDS, **changes):
        found = scored(shares, folds=folds)
        pairs = comparisons(found, metric, 0.25)
        return verdict(
            found,
            pairs,
            chosen or {},
            red_flags(found, metric),
            metric,
            make_study(**changes),
            make_corpus(synthetic=synthetic),
            leaky,
        )

    return told


def pairs_of(found, family):
    return [(item["a"], item["b"]) for item in found if item["family"] == family]


def test_primary_are_the_choices_made_on_training_rows_and_all_else_is_exploratory():
    shares = {FACE: 0.6, VOICE: 0.5, EARLY: 0.7, MEAN: 0.65, STACKING: 0.8}
    chosen = {BEST_SINGLE: 0.5, SELECTED: 0.75, SELECTED_EARLY: 0.7, SELECTED_LATE: 0.72}
    found = comparisons(scored(shares | chosen), "uar", 0.25)
    assert pairs_of(found, "primary") == [("selected", "unimodal"), ("selected_late", "selected_early")]
    assert pairs_of(found, "exploratory") == [(key[0], "unimodal") for key in (EARLY, MEAN, STACKING)]
    assert all(item["b_blocks"] == ["face"] for item in found if item["b"] == "unimodal")


def test_the_baseline_is_the_best_single_of_the_table_or_else_what_every_fold_chose():
    found = scored({FACE: 0.5, VOICE: 0.8, BEST_SINGLE: 0.6, EARLY: 0.9})
    assert baseline(found, "uar") == VOICE
    assert baseline({key: found[key] for key in (BEST_SINGLE, EARLY)}, "uar") == BEST_SINGLE
    assert baseline({EARLY: found[EARLY]}, "uar") is None


def test_a_study_without_a_nested_choice_has_no_primary_comparison_of_it():
    shares = {FACE: 0.6, VOICE: 0.5, EARLY: 0.7, MEAN: 0.65}
    found = comparisons(scored(shares), "uar", 0.25)
    assert pairs_of(found, "primary") == []
    assert [(item["a"], item["b_blocks"]) for item in found] == [("early", ["face"]), ("late_mean", ["face"])]
    assert comparisons(scored({EARLY: 0.7, MEAN: 0.6}), "uar", 0.25) == []


def test_holm_corrects_within_a_family():
    shares = {BEST_SINGLE: 0.5, EARLY: 0.6, MEAN: 0.58, STACKING: 0.66, SELECTED: 0.62}
    shares |= {SELECTED_EARLY: 0.55, SELECTED_LATE: 0.66}
    found = comparisons(scored(shares), "uar", 0.25)
    for family in ("primary", "exploratory"):
        own = [item for item in found if item["family"] == family]
        corrected = holm([item["p"] for item in own])
        assert [item["p_holm"] for item in own] == pytest.approx(corrected, rel=1e-3)
        assert any(item["p"] < item["p_holm"] for item in own)
    alone = comparisons(scored({key: shares[key] for key in (BEST_SINGLE, SELECTED, EARLY)}), "uar", 0.25)
    assert [item["p_holm"] for item in alone] == [item["p"] for item in alone]


def test_a_comparison_says_all_that_a_reader_wants_to_know():
    (found,) = comparisons(scored({BEST_SINGLE: 0.5, SELECTED: 0.9}), "uar", 0.25)
    assert found["difference"] > 0.2 and found["low"] < found["difference"] < found["high"]
    assert found["effect_size"] > 1
    assert 0 < found["p_mcnemar"] < 0.01 and 0 < found["p_group_bootstrap"] < 0.05
    assert found["test"] == "nadeau_bengio"
    (one,) = comparisons(scored({BEST_SINGLE: 0.5, SELECTED: 0.9}, folds=np.zeros(240, dtype=int)), "uar", 0.25)
    assert one["test"] == "group_bootstrap"


@pytest.mark.parametrize(
    ("early", "voice", "beginning"),
    [
        (0.95, 0.6, "Fusion helps: early (linear) UAR 0."),
        (0.7, 0.68, "No evidence that fusion helps: early (linear) UAR 0."),
        (0.4, 0.9, "Fusion hurts: early (linear) UAR 0."),
    ],
)
def test_the_verdict_says_whether_fusion_helps_and_how_sure_that_is(tell, early, voice, beginning):
    shares = {EARLY: early, VOICE: voice, FACE: 0.35}
    told = tell(shares)
    assert told.startswith(beginning)
    (found,) = comparisons(scored(shares), "uar", 0.25)
    assert f"difference {found['difference']:+.3f} [{found['low']:+.3f}, {found['high']:+.3f}]" in told
    assert told.endswith(f"p {shown_p(found['p_holm'])} after Holm.")


def test_the_verdict_is_of_the_nested_choice_whatever_the_table_says(tell):
    chosen = {SELECTED: {"1": MEAN, "2": MEAN, "3": EARLY, "4": MEAN}}
    shares = {FACE: 0.5, VOICE: 0.4, MEAN: 0.55, EARLY: 0.95, SELECTED: 0.52}
    told = tell(shares, chosen=chosen)
    found = scored(shares)
    assert told.startswith(
        "No evidence that fusion helps: the fusion chosen on training rows (late mean (linear) in 3 of 4 folds) UAR "
        f"{found[SELECTED]['uar'].mean:.3f} against {found[FACE]['uar'].mean:.3f} of face (linear) alone, difference"
    )
    one = {SELECTED: {"test": MEAN}}
    assert "training rows (late mean (linear)) UAR" in tell(shares, chosen=one, folds=np.zeros(240, dtype=int))
    different = {SELECTED: {"1": MEAN, "2": EARLY}}
    assert "the fusion chosen on training rows (another one in each of 2 folds) UAR" in tell(shares, chosen=different)
    singles = {BEST_SINGLE: dict.fromkeys("1234", FACE)}
    alone = tell({BEST_SINGLE: 0.5, SELECTED: 0.52, MEAN: 0.5}, chosen=chosen | singles)
    assert "of the modality chosen on training rows (face (linear) in all folds) alone" in alone


def test_a_metric_in_which_less_is_better_turns_the_verdict(tell):
    assert tell({EARLY: 0.95, VOICE: 0.5, FACE: 0.3}, metric="log_loss").startswith(
        "Fusion helps: early (linear) log loss"
    )
    assert tell({EARLY: 0.5, VOICE: 0.95}, metric="log_loss").startswith("Fusion hurts")
    found = scored({EARLY: 0.95, VOICE: 0.5, FACE: 0.3})
    assert (baseline(found, "log_loss"), best_of(found, [VOICE, FACE], "log_loss")) == (VOICE, VOICE)
    assert best_of(found, list(found), "uar") == EARLY


@pytest.mark.parametrize(
    ("shares", "beginning"),
    [
        ({VOICE: 0.8, MAJORITY: 1 / 3}, "Nothing to compare (one modality only): voice (linear) reaches UAR 0."),
        ({EARLY: 0.8}, "Nothing to compare (no single modality was run): early (linear) reaches UAR 0."),
        ({MAJORITY: 1 / 3}, "Nothing to compare (one modality only): majority reaches UAR 0."),
        ({VOICE: 0.8, BEST_SINGLE: 0.8}, "Nothing to compare (one modality only): voice (linear) reaches UAR 0."),
    ],
)
def test_without_two_sides_there_is_nothing_to_compare(tell, shares, beginning):
    assert tell(shares).startswith(beginning)
    assert comparisons(scored(shares), "uar", 0.25) == []


@pytest.mark.parametrize(
    ("stamp", "words"),
    [
        ({"leaky": True}, "(leaky: training and test samples are not independent)"),
        ({"speaker_normalisation": True}, "(adaptive: unlabelled statistics of the test speakers were used)"),
        ({"synthetic": True}, "(synthetic data)"),
        ({"leaky": True, "speaker_normalisation": True, "synthetic": True}, "(synthetic data; adaptive: "),
    ],
)
@pytest.mark.parametrize("shares", [{EARLY: 0.9, VOICE: 0.5}, {VOICE: 0.5}], ids=["fusion", "single"])
def test_what_qualifies_the_numbers_is_stamped(tell, stamp, words, shares):
    assert words in tell(shares, **stamp)
    assert "(adaptive" not in tell(shares) and "leaky" not in tell(shares)


@pytest.mark.parametrize("control", [MAJORITY, SHUFFLED, PERMUTED], ids=lambda key: key[0])
def test_a_control_that_beats_a_fusion_raises_a_flag(tell, control):
    shares = {VOICE: 0.6, EARLY: 0.62, MEAN: 0.7, control: 0.66}
    (flag,) = red_flags(scored(shares), "uar")
    assert f"{row_label(control)} (0." in flag
    assert "does as well as 1 of 2 fusions, such as early (linear) (0." in flag
    assert f" Red flag: {flag}." in tell(shares)
    assert red_flags(scored(shares | {control: 0.4}), "uar") == []
    assert "Red flag" not in tell(shares | {control: 0.4})


def test_of_fusions_that_nobody_would_choose_the_sentence_tells_less(tell):
    chosen = {SELECTED: dict.fromkeys("1234", MEAN), BEST_SINGLE: dict.fromkeys("1234", VOICE)}
    shares = {VOICE: 0.6, BEST_SINGLE: 0.6, EARLY: 0.5, MEAN: 0.8, SELECTED: 0.8, SHUFFLED: 0.7}
    found = scored(shares)
    (flag,) = red_flags(found, "uar")
    told = tell(shares, chosen=chosen)
    assert told.endswith(
        " Red flag for 1 weaker fusion: a control does as well "
        f"(early (linear) {found[EARLY]['uar'].mean:.3f}, shuffled face (linear) {found[SHUFFLED]['uar'].mean:.3f})."
    )
    assert flag not in told
    # It tells all where the control does as well as the fusion that it speaks of, or as what the control is made like.
    assert " Red flag: shuffled face (linear) (0." in tell(shares | {SELECTED: 0.4}, chosen=chosen)
    product = ("late_product", BOTH, "linear")
    assert " Red flag: shuffled face (linear) (0." in tell(shares | {product: 0.4}, chosen=chosen)


def test_of_a_loss_the_lower_control_raises_a_flag():
    shares = {VOICE: 0.6, EARLY: 0.9, SHUFFLED: 0.5}
    assert red_flags(scored(shares), "log_loss") == []
    assert len(red_flags(scored(shares | {SHUFFLED: 0.95}), "log_loss")) == 1


def test_the_flag_names_the_best_of_the_fusions_that_are_beaten():
    (flag,) = red_flags(scored({EARLY: 0.5, MEAN: 0.6, STACKING: 0.9, SHUFFLED: 0.8}), "uar")
    assert "2 of 3 fusions, such as late mean (linear)" in flag


UNIFORM = np.full((len(CODES), 3), 1 / 3)


def test_permuted_labels_above_chance_raise_a_flag(tell):
    fair, leaking = ({EARLY: 0.99, VOICE: 0.98, MAJORITY: UNIFORM, PERMUTED: share} for share in (0.35, 0.95))
    assert red_flags(scored(fair), "uar") == []
    (flag,) = red_flags(scored(leaking), "uar")
    assert flag.startswith("trained on permuted labels, linear still reaches UAR 0.")
    assert "where chance is 0.333: training and test share something" in flag
    assert f" Red flag: {flag}." in tell(leaking)
    assert red_flags(scored({key: share for key, share in leaking.items() if key != MAJORITY}), "uar") == []


def test_classes_that_are_answered_alike_are_right_by_luck_and_hardly_ever_raise_a_flag():
    """Clear clusters, each answered by a class drawn at random in each fold: what permuted labels teach at worst."""
    random, above, flagged = np.random.default_rng(0), 0, 0
    for _ in range(60):
        told = random.integers(3, size=(4, 3))[FOLDS, CODES]
        found = scored({EARLY: 0.99, MAJORITY: UNIFORM, PERMUTED: np.where(np.eye(3)[told] > 0, 0.8, 0.1)})
        above += found[PERMUTED]["uar"].mean > 0.45
        flagged += any("share something" in flag for flag in red_flags(found, "uar"))
    assert flagged <= 1 and above > 8  # such luck is common


def test_oracle_and_single_modalities_raise_no_flag():
    assert red_flags(scored({ORACLE: 0.99, VOICE: 0.9, EARLY: 0.5}), "uar") == []


@pytest.mark.parametrize(
    ("key", "label"),
    [
        (EARLY, "early (linear)"),
        (("late_class_weighted", BOTH, "kernel"), "late class weighted (kernel)"),
        (VOICE, "voice (linear)"),
        (("unimodal", ("hog", "lbp"), "linear"), "hog and lbp (linear)"),
        (("unimodal", ("voice",), "given"), "voice (given)"),
        (MAJORITY, "majority"),
        (SELECTED, "selected"),
        (("reference", ("heard and seen",), "given"), "heard and seen"),
        (("shuffled_modality", ("hog", "lbp"), "linear"), "shuffled hog and lbp (linear)"),
    ],
)
def test_rows_have_names_that_people_read(key, label):
    assert row_label(key) == label


@pytest.mark.parametrize(("value", "text"), [(0.00099, "< .001"), (0.001, "= 0.001"), (1.0, "= 1.000")])
def test_p_values_are_never_shown_as_zero(value, text):
    assert shown_p(value) == text
