"""What must stay whatever moves: digests of rules, keys of stored runs, and what each measure says of one of them.

A digest covers the words of rules, a key the fields of an experiment: neither notices a formula that changed. So each
measure's value on one stored run is pinned too. Of what stands here nothing is ever corrected to what the code says.
"""

import hashlib
import json
from dataclasses import replace

import pytest

from mlplib import Experiment
from mlplib.evidence import (
    CLAIMS,
    MEASURES,
    OPEN,
    QUESTIONS,
    REGISTRATIONS,
    Comparison,
    Measure,
    Part,
    Protocol,
    Registration,
    tricks,
)
from mlplib.evidence.measures import FIRST_MEASURES
from mlplib.evidence.other_data import OTHER_DATA
from mlplib.store import key, packaged

#: The digests of the registrations, in the order in which they were made. That of a new one is added at the end, when
#: its rules are final and before its runs are made.
DIGESTS = {
    "claims": "100c61a9e946596e",
    "questions": "8e30da8405488bab",
    "open": "076dfa9a6700494c",
    "mechanisms": "08ad875e20e9d0db",
}
#: That on other data stands beside them: it speaks of no arm of theirs, and no page but its own reads its runs.
DIGITS_DIGEST = "d148bd5db2290f62"

HALVES = ("validation", "half_1", "half_2")
TRICKS = {"init": "fan_in", "activation": "improved_sigmoid", "gamma": 0.9}
JUDGED = {"stop_on": HALVES, "judge_on": HALVES, "dense_steps": 375}
WATCHED = JUDGED | {"diagnostics": ("layers", "units", "hits"), "seed": 100}

KEYS = {
    "44136fa355b3678a1146ad16": {},
    "d07d2799629490a1cf100ef3": TRICKS | {"hidden": (64, 64), "seed": 3},
    "58e502c96160cb8743bea599": WATCHED | {"judge_on": (*HALVES, "held_out")},
    "e23a30159c65f7624acdfaa9": TRICKS | WATCHED | {"hidden": (32,), "learning_rate": 0.0147},
    "a1b8a306f85b0d06d845b2b3": TRICKS | WATCHED | {"gamma": 0.0, "patience": None, "evaluations_per_epoch": 1,
                                                    "dense_steps": 0},
    "0cc4031a8586d6f8b1f4899a": WATCHED | {"init": "fan_in", "third": 2},
    "8003c58429a4cd85b3f3b283": TRICKS | WATCHED | {"hidden": (64,) * 10, "learning_rate": 0.002, "epochs": 12,
                                                    "patience": None, "evaluations_per_epoch": 2},
    "79c74bb0f3cbc20347c195fa": JUDGED | {"init": "fan_in", "seed": 100, "learning_rate": 0.00433,
                                          "input_gain": 4 / 3, "offset": -1.7159},
    "93f47a8778a1ff336a028dd3": TRICKS | JUDGED | {"seed": 100, "biases": "every_layer"},
    "f42a8edc946a560b37b09453": TRICKS | JUDGED | {"seed": 100, "inputs": "unit_interval", "learning_rate": 0.05,
                                                   "epochs": 8, "patience": None},
    "9cf8348a3ef3ebd20fe1f03b": TRICKS | {"hidden": (1024,), "seed": 100, "epochs": 5, "patience": None,
                                          "evaluations_per_epoch": 1, "diagnostics": ("units",)},
    "7ec73b271d7f6dbb44f49c8d": {"hidden": (64,) * 20, "gamma": 0.9, "seed": 100, "epochs": 10, "patience": None,
                                 "evaluations_per_epoch": 1, "diagnostics": ("layers",)},
    "ada252fb677955abebd75a28": TRICKS | {"hidden": (1024,), "seed": 52, "learning_rate": 1.0, "epochs": 12,
                                          "patience": None, "evaluations_per_epoch": 1, "stop_on": ("half_1",),
                                          "judge_on": ("half_1",)},
}

#: Ten layers of 64 with all tricks, seed 100: a run in which every diagnostic was recorded.
TEN_LAYERS = Experiment((64,) * 10, **TRICKS, **WATCHED)
#: By measure, what it says of that run; of those that are taken at a given step, at step 2,500.
VALUES = {
    "accuracy": 0.9499,
    "accuracy, best weights": 0.9494,
    "accuracy, equal steps": 0.9305,
    "accuracy at step 125": 0.7989,
    "validation loss": 0.21976357885506148,
    "validation loss, best weights": 0.2111981323784159,
    "training loss": 0.06337194919586181,
    "training accuracy": 0.98165,
    "steps to 0.2": 1941.620014229726,
    "steps to 0.1": 6066.8017579450425,
    "steps to 0.05": 15104.55856066946,
    "later training accuracy": 0.010030000000000094,
    "later validation accuracy": 0.0031599999999999406,
    "share of the 50 epochs": 0.472032,
    "not stopped": 0.0,
    "time per step": 0.0018783168574401665,
    "time to stop": 27.707051964099897,
    "minibatch noise": 0.7758865356445312,
    "unit change": 0.003490254282951355,
    "overfitting": 0.008565446476645588,
    "gradient ratio at the start": -0.04027777943115595,
    "gradient ratio in training": 0.2155731250023635,
    "accuracy after a 250th": 0.7989,
    "share of all epochs": 0.472032,
    "early minibatch noise": 0.7758865356445312,
    "early unit change": 0.003490254282951355,
}


each_registration = pytest.mark.parametrize("registration", REGISTRATIONS, ids=lambda one: one.name)


@each_registration
def test_the_registered_rules_are_those_that_the_runs_were_made_under(registration):
    which = f"the registration {registration.name!r} of {registration.date}"
    assert registration.name in DIGESTS, f"{which} is not pinned: add {registration.digest!r} at the end of DIGESTS"
    assert registration.digest == DIGESTS[registration.name], (
        f"{which} has changed: its digest was {DIGESTS[registration.name]}, and is {registration.digest} now. A "
        "registered rule never changes, its runs count under no other; a new rule goes into a registration of its own")


def test_the_rules_on_other_data_are_those_that_its_runs_were_made_under():
    assert OTHER_DATA.digest == DIGITS_DIGEST


def test_registrations_are_added_at_the_end():
    names = [registration.name for registration in REGISTRATIONS]
    assert names[: len(DIGESTS)] == list(DIGESTS), "registrations keep their order, and a new one goes to the end"
    assert len(set(names)) == len(names)


@pytest.mark.parametrize("registration, said", [
    (replace(QUESTIONS, parts=QUESTIONS.parts[:-1]),
     "'questions' of .* has changed: .* A registered rule never changes, .*; a new rule goes into a registration"),
    (replace(CLAIMS, name="later", date="2027-01-01"), "'later' of 2027-01-01 is not pinned: add '100c61a9e946596e' "),
], ids=("changed", "new"))
def test_rules_that_changed_are_named_with_their_date_and_where_new_ones_go(registration, said):
    with pytest.raises(AssertionError, match=f"^the registration {said}"):
        test_the_registered_rules_are_those_that_the_runs_were_made_under(registration)


def test_a_registration_that_comes_later_changes_none_before_it(monkeypatch):
    """Nor does a measure that is added for it."""
    monkeypatch.setitem(MEASURES, "seconds", Measure("seconds of the run", lambda run: run.seconds, "ratio"))
    arm = tricks("111").under(Protocol(", once more"))
    comparison = Comparison("seconds", (arm,), (tricks("111").under(),), "same", 0.1)
    later = Registration("later", "2027-01-01", (Part("L1", "as fast", comparison),), (arm,), (CLAIMS, QUESTIONS))
    assert later.digest not in DIGESTS.values()
    assert {each.name: each.digest for each in REGISTRATIONS} == DIGESTS


@pytest.mark.parametrize("registration, n, expected", [
    (CLAIMS, 645, "3ce92c1d9cc3c4a7"), (QUESTIONS, 1500, "e54c14a5c92dd71e"), (OPEN, 1062, "2c7156c42a44e84d")],
    ids=lambda one: getattr(one, "name", ""))
def test_all_arms_have_the_names_and_the_experiments_that_they_had(registration, n, expected):
    """One digest over the names of all arms and the keys of their experiments."""
    arms = registration.experiments(packaged("tuning"))
    keys = {str(arm): [key(one) for one in experiments] for arm, experiments in arms.items()}
    assert sum(map(len, keys.values())) == n
    assert hashlib.sha256(json.dumps(keys, sort_keys=True).encode()).hexdigest()[:16] == expected


@pytest.mark.parametrize("expected", KEYS)
def test_an_experiment_keeps_the_key_of_its_stored_run(expected):
    assert key(Experiment(**KEYS[expected])) == expected


@pytest.mark.parametrize("expected", KEYS)
def test_a_stored_run_is_found_under_that_key(expected):
    assert Experiment(**KEYS[expected]) in packaged("shown", "tuning", "claims", "questions")


def test_every_measure_of_the_first_registrations_is_pinned():
    assert set(FIRST_MEASURES) <= set(VALUES)
    assert set(VALUES) == set(MEASURES), "what a new measure says of this run is added to VALUES"


@pytest.mark.parametrize("name", VALUES)
def test_a_measure_says_of_a_stored_run_what_it_said_when_the_verdicts_were_given(name):
    run, measure = packaged("claims")[TEN_LAYERS], MEASURES[name]
    found = measure.of(run, 2500) if measure.common else measure.of(run)
    assert found == pytest.approx(VALUES[name], rel=1e-9, abs=1e-12)
