"""The open claims: which are asked again, by which rules, on how many fresh seeds."""

from dataclasses import replace

import numpy as np
import pytest

from mlplib.evidence import CLAIMS, CONFIRMING, LEVEL, MEASURES, OPEN, QUESTIONS, REGISTRATIONS, TUNING
from mlplib.evidence import open_claims as opened
from mlplib.evidence.open_claims import LEFT_OUT, PLANNED
from mlplib.evidence.plans import distances_of, first_level, remarks_on, seeds_needed, sides_of
from mlplib.evidence.rates import experiments_of
from mlplib.store import packaged

FIRST = {part.name: part for registration in (CLAIMS, QUESTIONS) for part in registration.parts}
AGAIN = {part.name: part for part in OPEN.parts}
ALL_PLANNED = PLANNED | LEFT_OUT


@pytest.fixture(scope="module")
def first():
    """The first runs of what is asked about; that they were made under their rules is tested where all are read."""
    store = packaged("tuning", "claims", "questions")
    trained = {arm: arm for registration in (CLAIMS, QUESTIONS) for arm in registration.arms}
    arms = {arm for name in ALL_PLANNED for one in FIRST[name].comparisons for arm in one.arms}
    return {arm: [store[one] for one in experiments_of(trained[arm], store)] for arm in arms}


# ---- before the runs; that these parts were open, and why, is tested with all findings


@pytest.mark.parametrize("name", PLANNED)
def test_a_part_is_asked_by_its_first_rule(name):
    first, again = FIRST[name], AGAIN[name]
    assert (again.text, len(again.controls)) == (first.text, len(first.controls))
    assert [(each.text, each.expected) for each in again.controls] == [
        (each.text, each.expected) for each in first.controls]
    for before, after, power in zip(first.comparisons, again.comparisons, PLANNED[name], strict=True):
        assert (after.measure, after.direction, after.margin) == (before.measure, before.direction, before.margin)
        for side, other in ((before.a, after.a), (before.b, after.b)):
            if not isinstance(side, tuple):
                assert other == side
                continue
            for arm, fresh in zip(side, other, strict=True):
                assert fresh.seeds == tuple(range(200, 200 + power.seeds))
                assert str(fresh) == f"{arm}, {power.seeds} fresh seeds"
                recorded = {"seed": 0, "judge_on": (), "diagnostics": ()}
                assert replace(fresh.experiments()[0], **recorded) == replace(arm.experiments()[0], **recorded)
                assert fresh.protocol.rate == arm.protocol.rate


@pytest.mark.parametrize("name", ALL_PLANNED)
def test_the_numbers_of_seeds_are_those_of_the_power_analysis_on_the_first_runs(name, first):
    level = LEVEL / 13
    assert first_level(OPEN.parts) == level
    for comparison, power in zip(FIRST[name].comparisons, ALL_PLANNED[name], strict=True):
        assert power.needed == seeds_needed(comparison, first, level)
        if MEASURES[comparison.measure].kind == "share":
            a = sides_of(comparison, first)[0]
            seen = f"{np.sum(a == 0)} of {len(a)}"
        else:
            distances, _ = distances_of(comparison, first)
            mean, spread = (f"{value:#.3g}" for value in (distances.mean(), distances.std(ddof=1)))
            seen = (f"{np.sum(distances > 0)} of {len(distances)}" if MEASURES[comparison.measure].kind == "sign"
                    else f"{mean} ± {spread}")
        assert seen == power.seen
        assert power.seeds == 0 if name in LEFT_OUT else power.seeds >= max(20, power.needed)


def test_its_runs_can_decide_each_part_and_record_what_the_measures_need():
    assert remarks_on(OPEN.parts) == []


def test_the_plan_says_each_number_and_its_rules_cover_them():
    for name, (power, *_) in ALL_PLANNED.items():
        assert f"\n{name}: seen {power.seen}, needs {power.needed}" in OPEN.plan
    assert replace(OPEN, plan=OPEN.plan.replace("needs 107", "needs 108")).digest != OPEN.digest


def test_no_seed_was_used_before():
    fresh = {seed for arm in OPEN.arms for seed in arm.seeds}
    used = {seed for each in REGISTRATIONS if each is not OPEN for arm in each.arms for seed in arm.seeds}
    assert not fresh & {*used, *CONFIRMING, *TUNING, *range(200)}
    assert not any(run.experiment.seed in fresh for name in ("shown", "tuning") for run in packaged(name))


def test_its_cost_is_that_of_the_plan(first):
    """By the seconds of the first runs; and no more than three hours of one processor."""
    store = packaged("tuning", "claims", "questions")
    seconds = {}
    for arm, experiments in OPEN.experiments(store).items():
        seconds |= dict.fromkeys(experiments, np.mean([run.seconds for run in first[opened._SOURCES[arm]]]))
    assert f"Cost: {len(seconds)} runs; by the seconds that the first runs took, " in OPEN.plan
    hours = sum(seconds.values()) / 3600
    assert f"{hours:.1f} hours of one processor, {5 * round(12 * hours / 2)} minutes of two" in OPEN.plan and hours < 3


def test_learning_rates_were_chosen_before():
    """All that choose are stored, so that nothing is chosen anew; and arms of one network share their first runs."""
    tuning = packaged("tuning")
    assert OPEN.tuning() and all(one in tuning for one in OPEN.tuning())
    experiments = OPEN.experiments(tuning)
    assert set(experiments) == set(OPEN.arms)
    shared = {arm.network.name: experiments[arm] for arm in OPEN.arms if arm.network.name == "depth 10"}
    longest = max(shared.values(), key=len)
    assert all(each == longest[: len(each)] for each in shared.values())


def test_what_is_compared_on_a_curve_keeps_it():
    """All other measures say the same of a run whose curves are cut to their ends."""
    brief = set(OPEN.brief)
    for part in OPEN.parts:
        for one in part.comparisons:
            assert ("steps to" in one.measure) == (not one.arms & brief) == (not one.arms <= brief)
    looked_at = {one.measure for part in OPEN.parts for one in part.comparisons if one.arms <= brief}
    whole = next(run for run in packaged("claims") if len(run.experiment.hidden) == 10 and "units" in
                 run.experiment.diagnostics)
    cut = replace(whole, history=whole.history.at_end())
    assert len(cut.history.step) == 1 < len(whole.history.step)
    assert {name: MEASURES[name].of(cut) for name in looked_at} == {name: MEASURES[name].of(whole)
                                                                    for name in looked_at}
