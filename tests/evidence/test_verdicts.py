"""Verdicts: what made-up runs of the claims' arms come to, with their controls, repetitions and corrections."""

from types import SimpleNamespace

import numpy as np
import pytest
from made_up import NAMED, NAN, SEEDS, all_arms, effect
from scipy import stats

from mlplib.evidence import CLAIMS, MEASURES, EvidenceError, judge, statistics
from mlplib.evidence.effects import EQUIVALENT, FAILS, HOLDS, UNDECIDED
from mlplib.evidence.verdicts import OTHER_REASON, VERDICTS, _agrees

COMPARISONS = {one for part in CLAIMS.parts for one in part.comparisons}


def judged(runs):
    """The verdicts on the claims."""
    return judge(runs, CLAIMS.parts)


def verdict(part, runs):
    """The verdict on one part."""
    return next(found for found in judged(runs) if found.part.name == part)


BETTER = {"accuracy": 0.98, "best_accuracy": 0.98}


def said(found):
    return [word for _, _, word in found.controls]


def test_there_is_a_verdict_on_every_part_in_the_order_of_the_rules():
    found = judged(all_arms())
    assert [each.part for each in found] == list(CLAIMS.parts)
    assert {each.verdict for each in found} <= set(VERDICTS)
    assert all(len(each.controls) == len(each.part.controls) and each.replications == () for each in found)


def test_arms_that_do_not_differ_are_equivalent_and_nothing_holds_between_them():
    found = {each.part.name: each.verdict for each in judged(all_arms())}
    assert found["C7c"] == found["C10a"] == found["C16a"] == EQUIVALENT
    assert found["C3a"] == found["C6"] == found["C9"] == found["C12a"] == FAILS
    assert found["C1a"] == HOLDS  # 0.97 is above 0.9


def test_a_part_holds_if_its_difference_does_and_its_control_persists():
    found = verdict("C3a", all_arms(**{"tricks 100": BETTER, "tricks 100, tuned": BETTER}))
    assert (found.verdict, said(found)) == (HOLDS, ["confirmed"])
    assert found.effect.estimate == pytest.approx(0.01, abs=2e-4)


def test_it_holds_for_another_reason_if_a_control_that_should_persist_is_refuted():
    found = verdict("C3a", all_arms(**{"tricks 100": BETTER}))
    assert (found.verdict, said(found)) == (OTHER_REASON, ["refuted"])


def test_it_is_undecided_if_a_control_is_open():
    uncertain = {"best_accuracy": 0.98, "scatter": 200.0}
    found = verdict("C3a", all_arms(**{"tricks 100": BETTER, "tricks 100, tuned": uncertain}))
    assert (found.verdict, said(found)) == (UNDECIDED, ["open"])


def test_it_does_not_hold_whatever_its_control_says():
    found = verdict("C3a", all_arms(**{"tricks 100, tuned": BETTER}))
    assert (found.verdict, said(found)) == (FAILS, ["confirmed"])


NOISY, CHANGING = {"noise": 0.75}, {"noise": 0.75, "change": 0.015}


@pytest.mark.parametrize("width_32, matched, verdict_on_it, words", [
    (CHANGING, {}, HOLDS, ["confirmed", "confirmed"]),
    (CHANGING, NOISY, OTHER_REASON, ["confirmed", "refuted"]),  # the noise should vanish, and persists
    (NOISY, {}, OTHER_REASON, ["refuted", "confirmed"]),  # units do not change more at all
    (CHANGING, {"noise": 0.55, "scatter": 30.0}, UNDECIDED, ["confirmed", "open"]),
])
def test_a_control_in_which_a_difference_should_vanish(width_32, matched, verdict_on_it, words):
    found = verdict("C13c", all_arms(**{"width 32": width_32, "width 32, matched change": matched}))
    assert (found.verdict, said(found)) == (verdict_on_it, words)


def test_one_refuted_control_is_enough_beside_one_that_is_confirmed():
    fast = {"updates": 500.0}
    matched, own = "tricks 110, matched step", "tricks 111, fastest"
    found = {case: verdict("C9", all_arms(**{"tricks 111": fast, own: fast} | changed)) for case, changed in {
        "both persist": {}, "as fast by its step": {matched: fast}, "as fast at its own rate": {own: {}}}.items()}
    assert [each.verdict for each in found.values()] == [HOLDS, OTHER_REASON, OTHER_REASON]
    assert list(map(said, found.values())) == [["confirmed"] * 2, ["refuted", "confirmed"], ["confirmed", "refuted"]]


@pytest.mark.parametrize("disagreeing", [1, 2, None])
def test_one_repetition_with_the_other_sign_makes_what_holds_undecided(disagreeing):
    worse = {f"tricks 100, third {disagreeing}": {"accuracy": 0.969}}
    found = verdict("C3a", all_arms((1, 2), **{"tricks 100": BETTER, "tricks 100, tuned": BETTER} | worse))
    assert found.verdict == (UNDECIDED if disagreeing else HOLDS)
    assert len(found.replications) == 2 and {each.n for each in found.replications} == {5}
    signs = [each.estimate > 0 for each in found.replications]
    assert signs == [disagreeing != 1, disagreeing != 2]


def test_a_smaller_difference_with_the_sign_claimed_still_agrees():
    found = verdict("C3a", all_arms((1, 2), **{"tricks 100": BETTER, "tricks 100, tuned": BETTER,
                                             "tricks 100, third 1": {"accuracy": 0.9705}}))
    assert found.verdict == HOLDS and 0 < found.replications[0].estimate < 0.002


def test_repetitions_agree_in_less_if_the_ratio_is_below_1():
    fast, slow = {"updates": 500.0}, {"updates": 1500.0}
    ours = {"tricks 100": fast, "tricks 100, fastest": fast}
    assert verdict("C2", all_arms((1, 2), **ours)).verdict == HOLDS
    assert verdict("C2", all_arms((1, 2), **ours | {"tricks 100, third 2": slow})).verdict == UNDECIDED


@pytest.mark.parametrize("accuracy, expected", [
    (0.9915, EQUIVALENT), (0.9885, EQUIVALENT), (0.993, UNDECIDED), (0.987, UNDECIDED)])
def test_repetitions_of_the_same_agree_within_the_margin_on_either_side(accuracy, expected):
    found = verdict("C7c", all_arms((1, 2), **{"tricks 110, third 2": {"train_accuracy": accuracy}}))
    assert found.verdict == expected


def test_repetitions_do_not_make_anything_hold():
    found = verdict("C3a", all_arms((1, 2), **{f"tricks 100, third {third}": BETTER for third in (1, 2)}))
    assert found.verdict == FAILS


def test_comparisons_that_were_not_repeated_have_no_repetitions():
    found = {each.part.name: len(each.replications) for each in judged(all_arms((1, 2)))}
    assert found["C2"] == found["C10a"] == found["C1a"] == 2
    assert found["C12a"] == found["C13a"] == found["C17a"] == 0


@pytest.mark.parametrize("changed", [
    {"tricks 100": BETTER, "tricks 100, tuned": BETTER},
    {"tricks 100": {"accuracy": 0.9735, "scatter": 40.0}, "tricks 110": {"accuracy": 0.9712, "scatter": 30.0}},
    {"tricks 111": {"accuracy": 0.9725, "scatter": 20.0}, "layers 10": {"accuracy": 0.968, "scatter": 60.0}},
])
def test_a_corrected_interval_excludes_what_the_corrected_verdict_excludes(changed):
    """And so never contradicts it, as one that is not corrected may."""
    narrower = 0
    for found in judged(all_arms(**changed)):
        effect, comparison = found.effect, found.part.comparison
        measure, margin = MEASURES[comparison.measure], comparison.margin
        ends = [effect.corrected[0], effect.corrected[1]]
        assert ends[0] <= effect.low + 1e-12 and effect.high <= ends[1] + 1e-12
        narrower += ends != [effect.low, effect.high]
        if measure.kind == "share":  # one of each is proof, whatever the interval
            continue
        if measure.logarithmic:
            with np.errstate(divide="ignore"):
                ends = np.log(ends)
        alone = effect.verdict(found.p_for, found.p_against)
        if comparison.direction == "same":
            within = -margin < ends[0] and ends[1] < margin
            assert within == (alone == EQUIVALENT)
        else:
            low, high = sorted(ends if comparison.direction == "greater" else [-end for end in ends])
            assert (low > 0) == (found.p_for < statistics.LEVEL)
            assert (high < margin) == (found.p_against < statistics.LEVEL)
    assert narrower > 20


def test_p_values_are_corrected_for_all_parts_and_controls_together():
    found = judged(all_arms(**{"tricks 100": BETTER}))
    corrected, of_controls = {}, {}
    for each in found:
        corrected[each.part.comparison] = (each.effect, each.p_for, each.p_against)
        of_controls |= {control.comparison: effect for control, effect, _ in each.controls}
    assert set(corrected) | set(of_controls) == COMPARISONS
    effects = of_controls | {one: effect for one, (effect, _, _) in corrected.items()}
    for which in ("p_for", "p_against"):
        p = sorted(getattr(effect, which) for effect in effects.values())
        by_hand, largest = {}, 0.0
        for rank, value in enumerate(p):
            largest = max(largest, (len(COMPARISONS) - rank) * value)
            by_hand.setdefault(value, min(1.0, largest))
        for alone, p_for, p_against in corrected.values():
            expected = by_hand[getattr(alone, which)]
            assert {"p_for": p_for, "p_against": p_against}[which] == pytest.approx(expected)
    assert len(COMPARISONS) > len(CLAIMS.parts)  # controls are among them


def test_what_one_comparison_alone_would_show_is_undecided_among_many():
    """A mean of 0.003 with a standard deviation of 0.005 has t = 2.62, with 19 degrees of freedom p = 0.009."""
    runs = all_arms()
    noise = np.random.default_rng(2).normal(0, 1, len(SEEDS))
    noise = 0.003 + 0.005 * (noise - noise.mean()) / noise.std()
    runs[NAMED["tricks 110"]] = accurate_like(runs[NAMED["tricks 110"]], 0.97)
    runs[NAMED["width 128"]] = accurate_like(runs[NAMED["width 128"]], 0.97 + noise)
    runs[NAMED["tricks 111"]] = accurate_like(runs[NAMED["tricks 111"]], 0.97)
    found = verdict("C14d", runs)
    assert found.effect.p_for == pytest.approx(stats.t.sf(2.615, 19), rel=1e-3)
    assert found.effect.p_for < statistics.LEVEL
    assert found.effect.verdict() == HOLDS
    assert found.p_for > statistics.LEVEL and found.verdict == UNDECIDED


def accurate_like(runs, accuracies):
    """The same runs with other accuracies."""
    changed = []
    for run, accuracy in zip(runs, np.broadcast_to(accuracies, len(runs))):
        stops = {name: stop._replace(last={judge: (loss, accuracy) for judge, (loss, _) in stop.last.items()})
                 for name, stop in run.stops.items()}
        changed.append(SimpleNamespace(**vars(run) | {"stops": stops}))
    return changed


def test_several_arms_count_by_the_mean_of_each_seed():
    """With fan-in weights one combination of four is 0.04 better: 0.01 on average."""
    found = verdict("C12a", all_arms(**{"tricks 101": {"accuracy": 1.01}}))
    assert found.effect.estimate == pytest.approx(0.01, abs=2e-4)
    assert found.effect.n == len(SEEDS)


@pytest.mark.parametrize("name", ["width 128", "tricks 110, matched step", "depth 10, tuned"])
def test_a_missing_arm_is_named(name):
    runs = all_arms()
    del runs[NAMED[name]]
    with pytest.raises(EvidenceError, match=f"^no runs of {name}: .make sweep."):
        judged(runs)


def test_missing_repetitions_are_no_error_but_are_not_counted():
    runs = all_arms((1, 2))
    del runs[NAMED["tricks 100"].on_third(2)]
    assert len(verdict("C3a", runs).replications) == 1


@pytest.mark.parametrize("direction", ["greater", "less", "same"])
@pytest.mark.parametrize("measure", ["accuracy", "training loss", "steps to 0.1"])
def test_an_estimate_that_is_not_known_claims_nothing(direction, measure):
    nothing = effect(direction, NAN, measure=measure)
    assert nothing.verdict() == UNDECIDED
    assert not _agrees(nothing)

