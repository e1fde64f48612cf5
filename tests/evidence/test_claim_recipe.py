"""The recipe for a new claim, from its measure to its verdict, with runs that are trained for it."""

import math
import shutil
from dataclasses import replace

import pytest

import mlplib
from mlplib import Experiment
from mlplib.evidence import (
    CLAIMS,
    MEASURES,
    QUESTIONS,
    Comparison,
    Control,
    EvidenceError,
    Measure,
    Network,
    Part,
    Protocol,
    Registration,
    judge,
)
from mlplib.evidence.effects import FAILS, HOLDS
from mlplib.evidence.verdicts import OTHER_REASON
from mlplib.store import Store

# ---- what a module of its own says, beside claims.py and questions.py

LOSS = Measure("loss on the training set when the run is over", lambda run: run.final.train_loss, "ratio")

BRIEF = Protocol(", brief", epochs=6, patience=None, evaluations_per_epoch=1, dense_steps=0)
BEST = replace(BRIEF, suffix=", brief, tuned", rate="best")
SEEDS = range(200, 206)
FAST, SLOW = (Network(name, Experiment((4,), n_train=320, learning_rate=rate))
              for name, rate in (("a rate of 0.5", 0.5), ("a rate of 1e-6", 1e-6)))


def side(network, protocol=BRIEF):
    return (network.under(protocol, seeds=SEEDS),)


def at_best_rates(expected):
    comparison = Comparison("loss at the end", side(FAST, BEST), side(SLOW, BEST), "less", math.log(1.1))
    return (Control("each at its own best learning rate", comparison, expected),)


LEARNS_MORE = Comparison("loss at the end", side(FAST), side(SLOW), "less", math.log(1.1))
RATES_MATTER = Registration(
    name="rates", date="2026-12-01",
    parts=(
        Part("R1", "a rate of 0.5 learns more than one of 1e-6, because of the rate", LEARNS_MORE,
             at_best_rates("vanishes")),
        Part("R2", "and because the network is a better one", LEARNS_MORE, at_best_rates("persists")),
        Part("R3", "both learn the same", replace(LEARNS_MORE, direction="same")),
    ),
    arms=(*side(FAST), *side(SLOW), *side(FAST, BEST), *side(SLOW, BEST)),
)


# ---- what is done with it


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    """With its runs: first those that learning rates are chosen by, then those of the arms, which carry its digest."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(MEASURES, "loss at the end", LOSS)
        patch.delenv("MLPLIB_RETRAIN", raising=False)
        store = Store(tmp_path_factory.mktemp("runs"))
        mlplib.sweep(RATES_MATTER.tuning(), store, progress=False)
        experiments = [one for each in RATES_MATTER.experiments(store).values() for one in each]
        mlplib.sweep(experiments, store=store.folder, marks=RATES_MATTER.marks, progress=False)
        yield store


def test_its_runs_are_those_of_its_arms_each_with_its_digest(store):
    runs = RATES_MATTER.runs(store)
    assert list(runs) == list(RATES_MATTER.arms)
    for arm, each in runs.items():
        assert [run.experiment.seed for run in each] == list(SEEDS)
        assert {run.versions["rates"] for run in each} == {RATES_MATTER.digest}
        assert arm.protocol is BEST or {run.experiment.learning_rate for run in each} == {
            arm.network.experiment.learning_rate}
    chosen_by = [store[one].versions for one in RATES_MATTER.tuning()]
    assert len(chosen_by) == 10 * 3 and not any("rates" in versions for versions in chosen_by)


def test_at_their_best_rates_both_networks_are_one(store):
    fast, slow = (RATES_MATTER.runs(store)[arm] for arm in RATES_MATTER.arms[2:])
    assert [run.final for run in fast] == [run.final for run in slow]
    assert {run.experiment.learning_rate for run in fast} - {0.5, 1e-6}


def test_a_difference_that_is_certain_holds_for_the_reason_that_its_control_confirms(store):
    by_the_rate, by_the_network, the_same = judge(RATES_MATTER.runs(store), RATES_MATTER.parts)
    assert [each.verdict for each in (by_the_rate, by_the_network, the_same)] == [HOLDS, OTHER_REASON, FAILS]
    assert [word for _, _, word in by_the_rate.controls + by_the_network.controls] == ["confirmed", "refuted"]
    assert by_the_rate.effect.n == 6 and by_the_rate.effect.high < 1 / 1.1
    assert by_the_rate.controls[0][1].estimate == 1


def test_runs_without_its_digest_are_refused(store, tmp_path):
    copy = Store(shutil.copytree(store.folder, tmp_path / "copy"))
    RATES_MATTER.runs(copy)
    copy.save(mlplib.run(side(SLOW)[0].experiments()[3]))
    said = f"^not made under the present rules, {RATES_MATTER.digest}: a rate of 1e-6, brief, seed 203$"
    with pytest.raises(EvidenceError, match=said):
        RATES_MATTER.runs(copy)


def test_runs_that_were_made_before_the_rules_changed_are_refused(store):
    changed = replace(RATES_MATTER, parts=RATES_MATTER.parts[:2])
    said = f"^not made under the present rules, {changed.digest}: a rate of 0.5, brief, seed 200; "
    with pytest.raises(EvidenceError, match=said):
        changed.runs(store)


def test_runs_are_missing_until_they_are_trained(tmp_path):
    """Of arms whose rate is not chosen yet no run can be missing."""
    said = "^runs are missing, `make sweep-full` trains them: 6 of a rate of 0.5, brief, 6 of a rate of 1e-6, brief$"
    with pytest.raises(EvidenceError, match=said):
        RATES_MATTER.runs(Store(tmp_path))


@pytest.mark.usefixtures("store")
def test_it_changes_no_digest_of_those_before_it(monkeypatch):
    before = CLAIMS.digest, QUESTIONS.digest
    monkeypatch.delitem(MEASURES, "loss at the end")
    assert (CLAIMS.digest, QUESTIONS.digest) == before
    with pytest.raises(KeyError, match="loss at the end"):
        assert RATES_MATTER.digest
