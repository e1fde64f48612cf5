"""Plans: what is refused before any run, what is said of others, and how many seeds would decide."""

import math
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from made_up import history

import mlplib
from mlplib import DataSet, Experiment
from mlplib.evidence import MEASURES, REPORTED, TUNED, Comparison, Control, Network, Part, Protocol
from mlplib.evidence.effects import effect_of
from mlplib.evidence.plans import _evaluated, _outlined, recording, remarks_on, seeds_needed, with_logarithms

SEEDS = range(100, 108)
SHORT = Protocol(epochs=4, patience=None, evaluations_per_epoch=1, dense_steps=0)


def blobs(n, seed, n_classes=3):
    rng = np.random.default_rng(seed)
    labels = rng.permutation(np.arange(n) % n_classes)
    return rng.normal(size=(n, 6)) + 4 * np.eye(n_classes, 6)[labels], labels


DATA = DataSet("blobs", blobs(160, 0), blobs(250, 1))
REPEATING = DataSet("some", blobs(160, 0), [np.concatenate([ours, others[:2]]) for ours, others in
                                           zip(blobs(250, 1), blobs(160, 0))])
SMALL = DataSet("few", blobs(30, 0), blobs(70, 1))


def plan(measure="accuracy", direction="greater", margin=0.01, protocol=REPORTED, seeds=SEEDS, data=DATA, b=None,
         controls=(), other_protocol=None, names=("a", "b"), other=None, **fields):
    """Two networks that differ in one thing, on a measure."""
    other = {"init": "fan_in"} if other is None else other
    one = Experiment((4,), data=data, **fields)
    sides = [(Network(names[0], one).under(protocol, seeds=seeds),),
             (Network(names[1], replace(one, **other)).under(other_protocol or protocol, seeds=seeds),)]
    b = sides[1] if b is None else b
    return Part("Q1", "a claim", Comparison(measure, sides[0], b, direction, margin), controls)


def judged(*parts):
    return remarks_on([with_logarithms(part) for part in parts])


# ---- what is refused

REFUSED = [
    ({"measure": "acc"}, "measure: expected one of 'accuracy'"),
    ({"seeds": (100,)},
     "Q1: expected at least 2 seeds for 'accuracy', each once, the same for all networks, got [100]"),
    ({"seeds": (100, 100)}, "Q1: expected at least 2 seeds"),
    ({"measure": "steps to 0.2", "margin": 1.1, "seeds": range(100, 105)},
     "Q1: expected at least 6 seeds for 'steps to"),
    ({"seeds": range(8)},
     "Q1: expected seeds that nothing was tried or chosen on, got [0]; 0 is the pilot's, and none"),
    ({"seeds": range(49, 54), "protocol": TUNED},
     "got [50, 51, 52]; 0 is the pilot's, and [50, 51, 52] choose learning"),
    ({"margin": 5}, "Q1: expected a margin below 1 (an accuracy is a share: half a percent is 0.005), got 5"),
    ({"measure": "validation loss", "margin": 3},
     "Q1: expected a margin below 1.1 (nats, the loss of who guesses), got 3"),
    ({"measure": "overfitting", "margin": 2}, "Q1: expected a margin below 1.1 (nats"),
    ({"direction": "same", "margin": 0}, "Q1: expected a margin above 0: the same is what differs by less"),
    ({"b": 97.0}, "Q1: expected to compare 'accuracy' with a share, got 97"),
    ({"measure": "training loss", "b": 0.0, "margin": 2}, "Q1: expected to compare 'training loss' with a positive"),
    ({"measure": "steps to 0.2", "margin": 0.005},
     "expected as margin a factor from 1.01 to 100, such as 1.1 for a tenth, since 'steps to 0.2' is compared as a r"),
    ({"measure": "training loss", "margin": 0.0953}, "got 0.0953; if it is a logarithm, the factor is 1.1"),
    ({"measure": "training loss", "margin": 1000}, "expected as margin a factor from 1.01 to 100"),
    ({"measure": "not stopped", "margin": 0.1}, "Q1: expected of 'not stopped' that it is greater than the number 0.0"),
    ({"measure": "not stopped", "margin": 2, "b": 0.0}, "with a margin between 0 and 1, got 'greater', 0.0 and 2"),
    ({"measure": "not stopped", "margin": 0.1, "b": 0.0, "protocol": TUNED},
     "for 'not stopped', a patience, and 50 epochs"),
    ({"other": {}}, "Q1: expected networks that differ, got the same one on both sides of a, b"),
    ({"names": ("a", "a")},
     "a: expected one experiment of this name, got several; give each Network a name of its own, and each Protocol a"),
    ({"names": ("a", "a"), "other": {}, "other_protocol": SHORT}, "a: expected one experiment of this name"),
    ({"protocol": replace(REPORTED, rate="finest")}, "a: expected as rate one of None, 'best', 'fastest'"),
    ({"protocol": replace(REPORTED, rate="matched change"), "data": SMALL, "batch_size": 10},
     "a: its rate, 'matched change', cannot be found (batch_size: expected at most n_train = 30, got 32); take 'best"),
    ({"protocol": replace(REPORTED, stop_on=("validation",))},
     "Q1: expected of a, for 'accuracy', that stop_on and judge_on of its protocol have 'half_1', as in REPORTED"),
    ({"protocol": replace(REPORTED, judge_on=())}, "that stop_on and judge_on of its protocol have 'half_1'"),
    ({"measure": "training loss", "margin": 2, "protocol": replace(REPORTED, stop_on=("half_1",))},
     "have 'validation'"),
    ({"measure": "gradient ratio in training", "margin": 1}, "three hidden layers or more"),
    ({"measure": "share of the 50 epochs", "margin": 2}, "31,250 updates; or take 'share of all epochs'"),
    ({"measure": "share of all epochs", "margin": 2, "protocol": TUNED}, "for 'share of all epochs', a patience"),
    ({"measure": "accuracy at step 125", "protocol": SHORT}, "an evaluation after 126 updates, as by dense_steps=375"),
    ({"measure": "accuracy after a 250th", "protocol": SHORT}, "an evaluation within a 250th of the updates"),
    ({"measure": "minibatch noise", "margin": 1.1, "protocol": replace(SHORT, epochs=2)},
     "longer runs or more evaluat"),
    ({"measure": "early unit change", "margin": 1.1, "protocol": SHORT},
     "nothing is recorded at the time that it is of"),
    ({"measure": "minibatch noise", "margin": 1.1, "batch_size": 160}, "nothing is recorded at the time"),
    ({"measure": "later training accuracy", "protocol": replace(SHORT, epochs=9)},
     "ten evaluations or more: the middle"),
    ({"measure": "accuracy, equal steps", "protocol": replace(SHORT, epochs=1)}, "more than one evaluation"),
    ({"data": DataSet("same", blobs(160, 0), blobs(160, 0))},
     "data: expected others to validate than train, got 160 of the 160 samples of 'same' that validate also train; w"),
]


@pytest.mark.parametrize("fields, said", REFUSED, ids=[f"{i} {said[:30]}" for i, (_, said) in enumerate(REFUSED)])
def test_a_plan_that_no_runs_could_decide_is_refused(fields, said):
    with pytest.raises(ValueError) as error:
        judged(plan(**fields))
    assert said in str(error.value)


def test_a_control_is_looked_at_as_its_part_is():
    control = Control("itself", plan(margin=7).comparison, "persists")
    with pytest.raises(ValueError, match=r"^Q1, control 'itself': expected a margin below 1 "):
        judged(plan(controls=(control,)))


def test_parts_have_names_of_their_own():
    with pytest.raises(ValueError, match="parts: expected names that no other part has, got Q1, Q1"):
        judged(plan(), plan())


def test_sign_tests_that_share_a_correction_need_more_seeds():
    parts = [replace(plan(f"steps to {level}", margin=1.1, seeds=range(100, 106)), name=level)
             for level in ("0.2", "0.1")]
    assert judged(parts[0]) == []
    with pytest.raises(ValueError, match=r"^0.2: expected at least 7 seeds"):
        judged(*parts)


# ---- what can be judged

REMARKED = [
    ({}, []),
    ({"b": 0.5}, []),
    ({"measure": "training loss", "margin": 1.25, "direction": "same"}, []),
    ({"other": {"init": "fan_in", "gamma": 0.9}},
     ["Q1: the networks differ in init and gamma, and each may be the cause"]),
    ({"other_protocol": replace(REPORTED, suffix=", tuned", rate="best")},
     ["Q1: the networks differ in init and the rule for the rate, and each may be the cause"]),
    ({"margin": 0.003},
     [("Q1: one of 250 samples is 0.004 of the accuracy, more than the margin of 0.003: more samples could "
       "tell more, or a larger margin")]),
    ({"measure": "training accuracy", "margin": 0.005},
     [("Q1: one of 160 samples is 0.0063 of the accuracy, more than the margin of 0.005: more samples could "
       "tell more, or a larger margin")]),
    ({"data": REPEATING},
     ["2 of the 252 samples of 'some' that validate also train"]),
]


@pytest.mark.parametrize("fields, remarks", REMARKED, ids=range(len(REMARKED)))
def test_what_can_be_judged_is_with_remarks(fields, remarks):
    assert judged(plan(**fields)) == remarks


def test_a_factor_becomes_its_logarithm_in_controls_too():
    control = Control("x", plan("steps to 0.1", margin=1.1).comparison, "persists")
    part = plan("training loss", margin=2, controls=(control,))
    assert [one.margin for one in with_logarithms(part).comparisons] == [math.log(2), math.log(1.1)]
    assert with_logarithms(plan(margin=0.01)) == plan(margin=0.01)


def test_runs_record_what_a_measure_needs_and_nothing_else():
    noise = plan("minibatch noise", margin=1.1)
    arm, = noise.comparison.a
    assert recording(arm, [noise]).protocol == replace(REPORTED, diagnostics=("units",))
    assert recording(arm, [plan()]).protocol == REPORTED
    seen = Network("a", arm.network.experiment).under(REPORTED.watched())
    assert recording(seen, [noise]).protocol == seen.protocol


@pytest.mark.parametrize("protocol", [REPORTED, TUNED, replace(SHORT, stop_on=("half_1",))],
                         ids=("reported", "tuned", "short"))
def test_an_outline_has_the_steps_and_the_records_of_a_run(protocol):
    experiment = Experiment((3, 3), data=DATA, learning_rate=0.01)
    experiment = replace(protocol.watched(), patience=None).applied(experiment, seed=100)
    run, outline = mlplib.run(experiment), _outlined(experiment)
    assert run.history.evaluation_step.tolist() == _evaluated(experiment).tolist()
    assert outline.stops.keys() == run.stops.keys()
    for name, stop in run.stops.items():
        assert outline.stops[name].last.keys() == stop.last.keys() == outline.stops[name].best.keys()
    assert outline.diagnostics["step"].tolist() == run.diagnostics["step"].tolist()
    for name, found in outline.diagnostics.items():
        assert found.shape == run.diagnostics[name].shape
        assert np.isfinite(found).tolist() == np.isfinite(run.diagnostics[name]).tolist()


def test_every_measure_has_a_scale():
    """A new one, too: either a margin of a thousand is refused, or it is of no use."""
    for name in MEASURES:
        with pytest.raises(ValueError, match="margin"):
            judged(plan(name, margin=1000, protocol=REPORTED))


# ---- how many seeds would decide


def with_accuracies(numbers):
    halves = "half_1", "half_2"
    return [SimpleNamespace(experiment=Experiment(seed=seed), stops={half: SimpleNamespace(
        last=dict.fromkeys(halves, (0.0, number))) for half in halves}) for seed, number in enumerate(numbers)]


def with_updates(numbers):
    """Runs that come to a loss of 0.1 after so many updates, or never."""
    def curve(number):
        return ([0, 999, 10**6], [1, 0.5, 0.2]) if number == math.inf else ([0, number - 1, 10**6], [1, 0.1, 0.2])

    return [SimpleNamespace(experiment=Experiment(seed=seed), history=history(*curve(number)))
            for seed, number in enumerate(numbers)]


@pytest.mark.parametrize("mean, direction, margin", [
    (0.02, "greater", 0.01), (-0.02, "less", 0.01), (0.004, "greater", 0.02), (0.002, "same", 0.02),
    (-0.03, "same", 0.02),
])
def test_so_many_seeds_decide_four_times_out_of_five(mean, direction, margin):
    """Tried: as many runs, drawn from a normal distribution with the mean and the spread that were seen."""
    comparison = plan(direction=direction, margin=margin, b=0.5).comparison
    rng, spread, standard = np.random.default_rng(0), 0.03, np.array([-1.0, 0.0, 1.0] * 4)
    seen = with_accuracies(0.5 + mean + spread * standard / standard.std(ddof=1))
    n = seeds_needed(comparison, {comparison.a[0]: seen})
    verdicts = [effect_of(comparison, [with_accuracies(0.5 + rng.normal(mean, spread, n))], 0.5).verdict()
                for _ in range(400)]
    assert 4 < n < 100 and 0.72 < np.mean([verdict != "undecided" for verdict in verdicts]) < 0.94


@pytest.mark.parametrize("share, n", [(1.0, 6), (0.9, 12), (0.5, None)])
def test_of_medians_as_many_are_needed_as_a_sign_test_takes(share, n):
    """Six heads of six are less than 0.025 likely, as ten of twelve are, which nine out of ten throws give at 0.89."""
    comparison = plan("steps to 0.1", "less", math.log(1.1), b=1000.0).comparison
    updates = [500 if number < 20 * share else 5000 for number in range(20)]
    assert seeds_needed(comparison, {comparison.a[0]: with_updates(updates)}) == n


def test_of_shares_as_many_are_needed_as_exclude_the_margin():
    comparison = plan("not stopped", margin=0.2, b=0.0).comparison
    runs = [SimpleNamespace(stops={"validation": SimpleNamespace(stopped=True)}) for _ in range(5)]
    n = seeds_needed(comparison, {comparison.a[0]: runs})
    assert 0.8**n < 0.025 <= 0.8 ** (n - 1)


def test_what_lies_at_the_margin_or_is_no_number_is_not_decided_by_any_number():
    comparison = plan(margin=0.02, b=0.5).comparison
    for numbers in ([0.52, 0.53, 0.5099], [0.5, math.nan, 0.6]):
        assert seeds_needed(comparison, {comparison.a[0]: with_accuracies(numbers)}) is None
    never = plan("steps to 0.1", "less", math.log(1.1)).comparison
    assert seeds_needed(never, {arm: with_updates([math.inf] * 3) for arm in (*never.a, *never.b)}) is None
