"""Registrations: what a digest covers, which names arms may have, and which runs a verdict may stand on."""

import os
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
from made_up import PLAIN, Shelf, tuning_shelf

import mlplib
from mlplib import Experiment
from mlplib.evidence import (
    CLAIMS,
    FASTEST,
    MEASURES,
    QUESTIONS,
    REPORTED,
    TUNED,
    TUNING,
    Comparison,
    Control,
    EvidenceError,
    Measure,
    Network,
    Part,
    Registration,
    measures,
    registrations,
    statistics,
)

PLAIN_ARM = Network("plain", PLAIN).under(seeds=(100, 101, 102))
WIDE_ARM = Network("wide", Experiment((128,))).under(seeds=(100, 101))
_MORE_ACCURATE = Comparison("accuracy", (WIDE_ARM,), (PLAIN_ARM,), "greater", 0.002)
_FASTER = Comparison("steps to 0.1", (WIDE_ARM,), (PLAIN_ARM,), "less", 0.1)
#: A registration in small, of two arms, two measures, one part with a control, one without.
TOY = Registration(
    name="toy", date="2026-12-01", command="make toy", arms=(PLAIN_ARM, WIDE_ARM),
    parts=(Part("T1", "wide is more accurate", _MORE_ACCURATE, (Control("it learns faster", _FASTER, "persists"),)),
           Part("T2", "wide is accurate", Comparison("accuracy", (WIDE_ARM,), 0.9, "greater", 0.0))))

each_registration = pytest.mark.parametrize("registration", [CLAIMS, TOY], ids=lambda one: one.name)


# ---- the digest


def test_the_digest_is_16_hexadecimal_digits_and_the_same_in_another_process():
    digest = CLAIMS.digest
    assert re.fullmatch("[0-9a-f]{16}", digest) and digest == CLAIMS.digest
    said = "from mlplib.evidence import CLAIMS; print(CLAIMS.digest)"
    other = subprocess.run([sys.executable, "-c", said], text=True, capture_output=True, check=True,
                           cwd=Path(mlplib.__file__).parents[1], env=os.environ | {"PYTHONHASHSEED": "7"})
    assert other.stdout.strip() == digest
    assert CLAIMS.marks == {"rules": digest}
    assert TOY.marks == {"toy": TOY.digest}


def with_part(registration, **changed):
    """The registration with its first part that has controls changed; a function is given what it changes."""
    i = next(i for i, part in enumerate(registration.parts) if part.controls)
    part = registration.parts[i]
    changed = {name: value(getattr(part, name)) for name, value in changed.items()}
    before, after = registration.parts[:i], registration.parts[i + 1 :]
    return replace(registration, parts=(*before, replace(part, **changed), *after))


def with_control(registration, **changed):
    return with_part(registration, controls=lambda controls: (replace(controls[0], **changed), *controls[1:]))


@each_registration
@pytest.mark.parametrize("change", [
    lambda one: with_part(one, comparison=lambda its: replace(its, margin=0.003)),
    lambda one: with_part(one, comparison=lambda its: replace(its, direction="same")),
    lambda one: with_part(one, comparison=lambda its: replace(its, measure="overfitting")),
    lambda one: with_part(one, comparison=lambda its: replace(its, a=its.b, b=its.a)),
    lambda one: with_part(one, comparison=lambda its: replace(its, b=0.5)),
    lambda one: with_part(one, text=lambda its: its + " a little"),
    lambda one: with_part(one, name=lambda its: its + "x"),
    lambda one: with_control(one, expected="vanishes"),
    lambda one: with_control(one, text="another cause"),
    lambda one: with_control(one, comparison=one.parts[0].comparison),
    lambda one: replace(one, parts=one.parts[:-1]),
    lambda one: replace(one, parts=one.parts[::-1]),
], ids=("margin", "direction", "measure", "sides", "a number", "text", "name", "control", "what a control says",
        "what a control compares", "one part less", "another order"))
def test_the_digest_changes_with_the_rules(registration, change):
    changed = change(registration)
    assert changed != registration and changed.digest != registration.digest


@each_registration
@pytest.mark.parametrize("module, name, value", [
    (statistics, "LEVEL", 0.05),
    (registrations, "REPLICATION", registrations.REPLICATION + "."),
    (measures, "MEASURES", MEASURES | {"accuracy": MEASURES["accuracy"]._replace(meaning="the best accuracy of all")}),
    (measures, "MEASURES", MEASURES | {"steps to 0.1": MEASURES["steps to 0.1"]._replace(kind="ratio")}),
    (measures, "MEASURES", MEASURES | {"accuracy": MEASURES["accuracy"]._replace(common=True)}),
], ids=("level", "replication", "meaning", "kind", "where it is taken"))
def test_the_digest_changes_with_what_all_rules_stand_on(monkeypatch, registration, module, name, value):
    before = registration.digest
    monkeypatch.setattr(module, name, value)
    assert registration.digest != before
    monkeypatch.undo()
    assert registration.digest == before


def test_the_digest_covers_the_measures_of_its_parts_and_no_others(monkeypatch):
    """Those of the first registrations cover all measures that there were at first: that cannot change any more."""
    toy, claims = TOY.digest, CLAIMS.digest
    monkeypatch.setitem(MEASURES, "overfitting", MEASURES["overfitting"]._replace(meaning="something else"))
    assert TOY.digest == toy and CLAIMS.digest != claims


def test_a_later_measure_and_a_later_registration_change_no_digest_before_them(monkeypatch):
    before = CLAIMS.digest, QUESTIONS.digest, TOY.digest
    monkeypatch.setitem(MEASURES, "seconds", Measure("seconds of the run", lambda run: run.seconds, "ratio"))
    comparison = Comparison("seconds", (WIDE_ARM,), (PLAIN_ARM,), "greater", 0.1)
    later = Registration("later", "2026-12-24", (Part("L1", "wide takes longer", comparison),), (PLAIN_ARM, WIDE_ARM),
                         after=(CLAIMS, QUESTIONS))
    assert re.fullmatch("[0-9a-f]{16}", later.digest) and later.digest not in before
    assert (CLAIMS.digest, QUESTIONS.digest, TOY.digest) == before


def test_the_digest_does_not_change_with_what_is_no_rule():
    """Names and dates of registrations, and arms that are only looked at."""
    looked_at = Network("looked at", PLAIN).under()
    assert replace(TOY, name="other", date="2027-01-01", command="make other", arms=(*TOY.arms, looked_at),
                   after=(CLAIMS,)).digest == TOY.digest


# ---- names of arms


@pytest.mark.parametrize("arms, after, named", [
    ((PLAIN_ARM, WIDE_ARM, PLAIN_ARM), (), "'plain'"),
    ((PLAIN_ARM, Network("plain", Experiment((8,))).under(REPORTED.watched())), (), "'plain'"),
    ((WIDE_ARM, WIDE_ARM.network.under(TUNED), PLAIN_ARM), (TOY,), "'plain', 'wide'"),
    ((CLAIMS.arms[0],), (CLAIMS, QUESTIONS), "'tricks 000'"),
], ids=("twice", "of another network", "of one before", "of the claims"))
def test_an_arm_with_the_name_of_another_is_refused(arms, after, named):
    said = f"^arms: expected names that no other arm has, here or in a registration before, got {named} more than once$"
    with pytest.raises(ValueError, match=said):
        Registration("again", "2026-12-24", (), arms, after)


def test_arms_of_the_same_network_by_other_names_are_not_refused():
    arms = WIDE_ARM.network.under(TUNED), WIDE_ARM.network.under(FASTEST), WIDE_ARM.on_third(1)
    assert Registration("further", "2026-12-24", (), arms, (CLAIMS, TOY)).arms == arms


# ---- runs


class Marked(Shelf):
    """A store in memory, of runs with marks."""

    def put(self, experiment, marks):
        self[experiment] = SimpleNamespace(experiment=experiment, versions={"mlplib": "0.1.0"} | marks)


def filled(*those):
    shelf = Marked()
    for registration in those:
        for experiment in (one for arm in registration.arms for one in arm.experiments()):
            shelf.put(experiment, registration.marks)
    return shelf


def test_confirming_runs_come_by_arm_in_the_order_of_their_seeds():
    runs = TOY.runs(filled(TOY))
    assert {arm: [run.experiment for run in each] for arm, each in runs.items()} == {
        arm: arm.experiments() for arm in (PLAIN_ARM, WIDE_ARM)}
    assert [run.experiment.seed for run in runs[PLAIN_ARM]] == [100, 101, 102]


def test_missing_runs_are_named_and_counted():
    shelf = filled(TOY)
    plain = PLAIN_ARM.experiments()
    del shelf[plain[0]], shelf[plain[2]]
    with pytest.raises(EvidenceError, match=r"^runs are missing, `make toy` trains them: 2 of plain$"):
        TOY.runs(shelf)
    with pytest.raises(EvidenceError, match=r"3 of plain, 2 of wide$"):
        TOY.runs(Marked())


@pytest.mark.parametrize("marks", [{"toy": "0123456789abcdef"}, {}, {"rules": TOY.digest}],
                         ids=("other rules", "no rules", "another's mark"))
def test_runs_that_were_not_made_under_these_rules_are_named_with_their_seed(marks):
    shelf = filled(TOY)
    shelf.put(WIDE_ARM.experiments()[1], marks)
    with pytest.raises(EvidenceError, match=f"^not made under the present rules, {TOY.digest}: wide, seed 101$"):
        TOY.runs(shelf)


def test_rules_that_change_afterwards_leave_no_run_valid(monkeypatch):
    shelf = filled(TOY)
    TOY.runs(shelf)
    monkeypatch.setattr(statistics, "LEVEL", 0.05)
    every_run = "; ".join(f"{arm}, seed {seed}" for arm in TOY.arms for seed in arm.seeds)
    with pytest.raises(EvidenceError, match=f"{every_run}$"):
        TOY.runs(shelf)


NARROW_ARM = Network("narrow", Experiment((8,))).under(seeds=(100, 101))
AFTER = Registration("after", "2026-12-24", (), (NARROW_ARM,), after=(TOY,))


def test_runs_of_the_registrations_before_are_among_them_each_with_its_own_marks():
    runs = AFTER.runs(filled(TOY, AFTER))
    assert list(runs) == [PLAIN_ARM, WIDE_ARM, NARROW_ARM]
    assert [run.versions for run in runs[NARROW_ARM]] == [{"mlplib": "0.1.0", "after": AFTER.digest}] * 2
    with pytest.raises(EvidenceError, match=r"^runs are missing, `make toy` trains them: 3 of plain, 2 of wide$"):
        AFTER.runs(filled(AFTER))
    with pytest.raises(EvidenceError, match=r"^runs are missing, `make sweep-full` trains them: 2 of narrow$"):
        AFTER.runs(filled(TOY))


# ---- what is trained


def test_arms_at_rates_of_their_own_are_trained_once_these_are_chosen():
    network = Network("wide", Experiment((128,)))
    arms = network.under(TUNED, seeds=(100, 101)), network.under(FASTEST, seeds=(100,)), network.under(seeds=(100,))
    registration = Registration("rates", "2026-12-24", (), arms)
    tuning = registration.tuning()
    assert len(tuning) == len(set(tuning)) == 10 * 3 and {one.seed for one in tuning} == set(TUNING)
    assert registration.experiments(Shelf()) == {arms[2]: arms[2].experiments()}
    shelf = tuning_shelf(network.experiment, lambda step, seed: 0.2 - 0.1 * (step == 0.5),
                         lambda step, seed: {"updates": 400 if step == 2.0 else 500})
    assert set(tuning) == set(shelf)
    found = registration.experiments(shelf)
    assert {str(arm): [(one.learning_rate, one.seed) for one in each] for arm, each in found.items()} == {
        "wide, tuned": [(0.5, 100), (0.5, 101)], "wide, fastest": [(2.0, 100)], "wide": [(None, 100)]}


def test_a_part_that_speaks_of_an_arm_nobody_trains_is_refused():
    with pytest.raises(ValueError, match=r"^parts: expected arms that are trained here or by a registration before, "
                                         r"got 'wide'$"):
        replace(TOY, arms=(PLAIN_ARM,))
