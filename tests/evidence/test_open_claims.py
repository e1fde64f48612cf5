"""The open claims: which are asked again, by which rules, on how many fresh seeds; and what came of them."""

from dataclasses import replace

import numpy as np
import pytest
from made_up import runs_of

from mlplib.evidence import CLAIMS, CONFIRMING, LEVEL, MEASURES, OPEN, QUESTIONS, REGISTRATIONS, TUNING, judge
from mlplib.evidence import open_claims as opened
from mlplib.evidence.effects import EQUIVALENT, FAILS, UNDECIDED
from mlplib.evidence.figures import ReopenedTable
from mlplib.evidence.open_claims import LEFT_OUT, PLANNED, needed_for, pooled, reopened
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


# ---- after the runs, made up


def made_up_runs(sources, seeds, **figures):
    """Runs of arms, by them; `best_accuracy` and other figures by the names of the first arms."""
    return {arm: runs_of(str(source), seeds=tuple(seeds(arm)), **figures.get(str(source), {}))
            for arm, source in sources.items()}


SCATTERED = {"scatter": 20.0}  # about what MNIST's accuracies do
FIGURES = {"tricks 111": SCATTERED, "tricks 110": SCATTERED | {"best_accuracy": 0.9702},
           "depth 20, tuned": SCATTERED | {"best_accuracy": 0.9712}}


@pytest.fixture(scope="module")
def made_first():
    arms = {arm: arm for name in ALL_PLANNED for one in FIRST[name].comparisons for arm in one.arms}
    return made_up_runs(arms, lambda arm: arm.seeds, **FIGURES)


@pytest.fixture(scope="module")
def made_fresh():
    return made_up_runs(opened._SOURCES, lambda arm: arm.seeds, **FIGURES)


@pytest.fixture(scope="module")
def made_verdicts(made_first):
    return judge(made_first, [FIRST[name] for name in ALL_PLANNED])


def test_fresh_runs_alone_and_all_together_give_verdicts(made_verdicts, made_first, made_fresh):
    found = {one.first.part.name: one for one in reopened(made_verdicts, made_first, made_fresh)}
    assert set(found) == {each.part.name for each in made_verdicts if each.verdict == UNDECIDED}
    one = found["C19c"]
    assert (one.first.verdict, one.fresh.verdict, one.both.verdict) == (UNDECIDED, EQUIVALENT, EQUIVALENT)
    assert (one.first.effect.n, one.fresh.effect.n, one.both.effect.n) == (20, 98, 118)
    assert one.given is one.fresh and one.needed is None
    alone = {each.part.name: each for each in judge(made_fresh, OPEN.parts)}
    assert one.fresh == alone["C19c"]


def test_a_part_that_was_left_out_is_said_to_need_so_many(made_verdicts, made_first, made_fresh):
    level = first_level(OPEN.parts)
    found = {one.first.part.name: one for one in reopened(made_verdicts, made_first, made_fresh)}
    one = found["D2e"]
    assert (one.fresh, one.both) == (None, None) and one.given is one.first
    assert one.needed == seeds_needed(FIRST["D2e"].comparison, made_first, level) > 20


def test_before_there_are_fresh_runs_each_is_said_to_need_so_many(made_verdicts, made_first):
    found = reopened(made_verdicts, made_first)
    assert found and {one.both for one in found} == {None}
    assert [one.needed for one in found] == [needed_for(one.first, made_first) for one in found]


def test_what_is_still_undecided_needs_so_many_by_the_fresh_runs_which_alone_give_the_verdict(
        made_verdicts, made_first, made_fresh):
    """The fresh seeds lie where the margin is: more are needed than there are."""
    arm = next(arm for arm in AGAIN["C19c"].comparison.b)
    fresh = made_fresh | {arm: runs_of("tricks 110", seeds=arm.seeds, scatter=20.0, best_accuracy=0.9712)}
    one = next(one for one in reopened(made_verdicts, made_first, fresh) if one.first.part.name == "C19c")
    assert one.given.verdict == UNDECIDED
    by_all = seeds_needed(AGAIN["C19c"].comparison, pooled(made_first, fresh), first_level(OPEN.parts))
    assert 98 < one.needed == seeds_needed(AGAIN["C19c"].comparison, fresh, first_level(OPEN.parts)) != by_all


def test_what_is_decided_needs_no_more_seeds_whatever_its_controls(made_verdicts, made_first):
    verdict = next(each for each in made_verdicts if each.part.name == "C12f")
    open_ = tuple((control, effect, "open") for control, effect, _ in verdict.controls)
    assert open_ and needed_for(replace(verdict, verdict=FAILS, controls=open_), made_first) is None


def test_all_together_are_the_first_seeds_and_then_the_fresh_ones_with_the_first_repetitions(made_first, made_fresh):
    arm = next(arm for arm in OPEN.arms if str(arm) == "tricks 110, 98 fresh seeds")
    source = opened._SOURCES[arm]
    repeated = {source.on_third(third): runs_of(f"{source}", third, tuple(range(100, 105))) for third in (1, 2)}
    every = pooled(made_first | repeated, made_fresh)
    assert [run.experiment.seed for run in every[arm]] == [*range(100, 120), *range(200, 298)]
    assert every[arm.on_third(2)] is repeated[source.on_third(2)]
    assert not any(each.third for each in pooled(made_first, made_fresh))


def test_a_repetition_that_disagrees_leaves_all_together_undecided(made_verdicts, made_first, made_fresh):
    """As the rule on replication has it for the first runs; no number of seeds would decide that."""
    part = AGAIN["C19c"].comparison
    repeated = {opened._SOURCES[arm].on_third(third): runs_of(
        str(opened._SOURCES[arm]), third, tuple(range(100, 105)), best_accuracy=value)
        for side, value in ((part.a, 0.96), (part.b, 0.97)) for arm in side for third in (1, 2)}
    one = next(one for one in reopened(made_verdicts, made_first | repeated, made_fresh)
               if one.first.part.name == "C19c")
    assert (one.fresh.verdict, one.both.verdict, one.needed) == (EQUIVALENT, UNDECIDED, None)
    said = [row[-1] for row in ReopenedTable([one, replace(one, fresh=None, first=one.both)]).rows]
    assert said == ["decided", "another on other images"]


def test_the_table_has_all_three_verdicts_and_the_seeds(made_verdicts, made_first, made_fresh):
    found = reopened(made_verdicts, made_first, made_fresh)
    table = ReopenedTable(found)
    rows = {row[0]: row for row in table.rows}
    assert list(rows) == [one.first.part.name for one in found]
    _, text, rule, *said, seeds = rows["C19c"]
    assert (text, rule, seeds) == (FIRST["C19c"].text, "within ±0.002", "decided")
    assert [each.split("; ")[0] for each in said] == [UNDECIDED, EQUIVALENT, EQUIVALENT]
    assert [each.split(" seeds)")[0].split(", ")[-1] for each in said] == ["20", "98", "118"]
    assert rows["D2e"][4:6] == ["", ""] and rows["D2e"][6].isdigit()
    assert table._repr_html_().count("<td>no runs</td>") == 2 * len(set(rows) & set(LEFT_OUT))
    assert "98 seeds)" in table._repr_html_()
