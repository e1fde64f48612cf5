"""The arms: which experiments they are made of, which seeds they have, and how learning rates are chosen."""

import itertools
import math
from dataclasses import fields, replace
from types import SimpleNamespace

import numpy as np
import pytest

from mlplib import REPORT, Experiment, designs, further
from mlplib.experiments import Stop
from mlplib.store import key

STOPS = ("validation", "half_1", "half_2")
INITS, SIGMOIDS, GAMMAS = ("uniform", "fan_in"), ("sigmoid", "improved_sigmoid"), (0.0, 0.9)
ALL_TRICKS = {"init": "fan_in", "activation": "improved_sigmoid", "gamma": 0.9}
FACTORIAL = {f"tricks {i}{s}{m}": {"init": INITS[i], "activation": SIGMOIDS[s], "gamma": GAMMAS[m]}
             for i, s, m in itertools.product((0, 1), repeat=3)}
# What each arm has in place of the report's plain network, seeds and what is only watched apart.
FIXED = FACTORIAL | {
    "width 32": ALL_TRICKS | {"hidden": (32,)},
    "width 128": ALL_TRICKS | {"hidden": (128,)},
    "two layers of 64": ALL_TRICKS | {"hidden": (64, 64)},
    "ten layers": ALL_TRICKS | {"hidden": (64,) * 10},
    "ten layers, logistic": ALL_TRICKS | {"hidden": (64,) * 10, "activation": "sigmoid"},
    "tricks 110, matched step": FACTORIAL["tricks 110"] | {"learning_rate": 0.2},  # 0.02 / (1 - 0.9)
    "tricks 110 to the end": FACTORIAL["tricks 110"] | {"patience": None, "evaluations_per_epoch": 1},
} | {f"{name}, third {third}": FACTORIAL[name] | {"third": third}
     for third in (1, 2) for name in ("tricks 000", "tricks 100", "tricks 110", "tricks 111")}
#: Networks whose speed is claimed: at their fastest learning rate too.
FASTEST = tuple(f"tricks {code}" for code in ("000", "100", "110", "011", "101", "111"))
FEW = {name for name in FIXED if "third" in name} | {"ten layers, logistic"}
WATCHING = {"stop_on", "judge_on", "diagnostics", "dense_steps"}  # these change what is recorded, not what is trained


class Shelf(dict):
    """A store in memory."""

    def put(self, experiment, loss, diverged=False, change=0.01, updates=None, train_loss=0.05):
        """With a training loss of 0.1 after so many updates, or never."""
        judged = {half: (loss, 0.9) for half in experiment.judge_on}
        stops = {half: Stop(9, 9, False, judged | {half: (9.0, 0.1)}, judged) for half in experiment.stop_on}
        self[experiment] = SimpleNamespace(experiment=experiment, diverged=diverged, stops=stops,
                                           history=falling([0, 7499], [2.0, 0.5]) if updates is None
                                           else falling([0, updates - 1], [2.0, 0.1]),
                                           final=SimpleNamespace(train_loss=train_loss),
                                           diagnostics={"unit_change": np.full(5, change)})


def falling(steps, losses):
    """As much of a history as training losses need."""
    return SimpleNamespace(evaluation_step=np.array(steps, int), train_loss=np.array(losses, float))


def effective_step(experiment):
    return experiment.learning_rate / (1 - experiment.gamma)


def tuning_shelf(experiment, loss=lambda step, seed: 0.1, training=lambda step, seed: {}):
    """A store of the tuning runs with the losses loss(step, seed); a loss of None stands for a run that diverged.

    With training(step, seed) come `updates` until the training loss is 0.1, and `train_loss` at the end.
    """
    shelf = Shelf()
    for one in designs.tuning({"it": experiment}):
        step = round(effective_step(one), 6)
        found = loss(step, one.seed)
        shelf.put(one, 0.01 if found is None else found, diverged=found is None, **training(step, one.seed))
    return shelf


# ---- seeds


def test_no_seed_is_used_to_choose_and_to_confirm_and_none_is_the_reports():
    assert len(set(designs.CONFIRMING)) == len(designs.CONFIRMING) >= 20
    assert len(set(designs.TUNING)) == len(designs.TUNING) >= 3
    reports = {experiment.seed for row in REPORT.values() for experiment in row.experiments}
    assert reports == {0, 1, 2, 3, 4}
    assert not set(designs.CONFIRMING) & set(designs.TUNING)
    assert not reports & {*designs.CONFIRMING, *designs.TUNING}
    assert set(designs.FEW) <= set(designs.CONFIRMING) and len(designs.FEW) == 5


def test_each_arm_has_each_of_its_seeds_once():
    for name, experiments in designs.fixed_arms().items():
        assert tuple(each.seed for each in experiments) == (designs.FEW if name in FEW else designs.CONFIRMING)


# ---- the fixed arms


def test_the_arms_are_these():
    assert set(designs.fixed_arms()) == set(FIXED)


@pytest.mark.parametrize("name", FIXED)
def test_an_arm_follows_the_reports_protocol_but_for_what_it_is_to_show(name):
    report = Experiment(batch_size=32, epochs=50, patience=50, learning_rate=None, n_train=20_000, shuffle=True,
                        evaluations_per_epoch=5, biases="input", inputs="standardized", third=0)
    for experiment in designs.fixed_arms()[name]:
        watching = {field: getattr(experiment, field) for field in WATCHING}
        assert experiment == replace(report, seed=experiment.seed, **FIXED[name], **watching)


@pytest.mark.parametrize("name", FIXED)
def test_an_arm_records_what_the_measures_need(name):
    for experiment in designs.fixed_arms()[name]:
        assert set(experiment.stop_on) == {"validation", "half_1", "half_2"}
        assert set(experiment.judge_on) - {"held_out"} == {"half_1", "half_2", "validation"}
        assert ("held_out" in experiment.judge_on) == (name in FACTORIAL)  # 40,000 images take their time
        assert set(experiment.diagnostics) == {"layers", "units", "hits"}
        assert experiment.dense_steps == (0 if name == "tricks 110 to the end" else 375)


def test_the_tricks_are_all_two_to_the_third_and_named_by_their_digits():
    arms = designs.fixed_arms()
    found = {name: {(e.init, e.activation, e.gamma) for e in arms[name]} for name in FACTORIAL}
    assert found == {name: {tuple(tricks.values())} for name, tricks in FACTORIAL.items()}
    assert len(set(map(frozenset, found.values()))) == 8
    assert [designs.code(tricks) for tricks in ((False, True, False), (True, True, True))] == ["010", "111"]


def test_arms_of_one_step_of_descent_and_momentum_have_the_same_effective_step():
    """Momentum's 0.02 with 0.9 moves the weights as far in the long run as descent with 0.2."""
    arms = designs.fixed_arms()
    with_momentum = arms["tricks 111"][0]
    optimizer = with_momentum.optimizer()
    assert arms["tricks 110, matched step"][0].learning_rate == pytest.approx(
        optimizer.learning_rate / (1 - with_momentum.gamma))


def test_no_experiment_is_in_two_arms_or_twice_in_one():
    every = [one for each in designs.fixed_arms().values() for one in each]
    assert len(set(every)) == len(set(map(key, every))) == len(every)


@pytest.mark.parametrize("third", [1, 2])
def test_the_other_thirds_are_trained_on_other_images_and_not_judged_on_the_rest(third):
    """What they are judged on beside that changes nothing of what is trained."""
    arms = designs.fixed_arms()
    repeated = {name: each for name, each in arms.items() if name.endswith(f", third {third}")}
    assert len(repeated) == 4
    for name, experiments in repeated.items():
        first = arms[name.removesuffix(f", third {third}")][: len(experiments)]
        assert experiments == [replace(one, third=third, judge_on=STOPS) for one in first]
    assert {one.third for name, each in arms.items() if "third" not in name for one in each} == {0}


# ---- choosing learning rates


def test_there_are_ten_steps_from_small_to_large_with_the_reports_among_them():
    assert len(designs.STEPS) == 10 and list(designs.STEPS) == sorted(set(designs.STEPS))
    assert {0.1, 0.2} <= set(designs.STEPS)  # without momentum, and 0.02 / (1 - 0.9)
    assert designs.STEPS[-1] / designs.STEPS[0] >= 100


def test_every_experiment_is_tried_with_every_step_and_every_tuning_seed():
    named = designs.tunable()
    runs = designs.tuning(named)
    assert len(runs) == len(set(runs)) == len(named) * len(designs.STEPS) * len(designs.TUNING)
    tried = {(one.hidden, one.init, one.activation, one.gamma, round(effective_step(one), 6), one.seed) for one in runs}
    assert tried == {(e.hidden, e.init, e.activation, e.gamma, step, seed) for e in named.values()
                     for step in designs.STEPS for seed in designs.TUNING}


def test_smaller_steps_are_tried_with_twenty_layers():
    for experiment in (designs.tunable() | further.tunable()).values():
        steps = designs.steps_for(experiment)
        assert set(steps) - set(designs.STEPS) == ({0.002, 0.005} if len(experiment.hidden) == 20 else set())
        assert steps == tuple(sorted(steps)) and steps[-10:] == designs.STEPS


def test_learning_rates_are_chosen_on_the_first_half_of_the_test_file_alone():
    for one in designs.tuning(designs.tunable() | further.tunable()):
        assert one.stop_on == one.judge_on == ("half_1",)
        assert (one.epochs, one.patience, one.third, one.n_train, one.batch_size) == (12, None, 0, 20_000, 32)
        assert one.seed in designs.TUNING


def test_tuning_runs_of_one_step_are_among_all_of_them():
    experiment = designs.tunable()["tricks 111"]
    every = designs.tuning({"it": experiment})
    apart = [one for step in designs.STEPS for one in designs.tuning_runs(experiment, step)]
    assert apart == every
    assert {one.learning_rate for one in designs.tuning_runs(experiment, 0.5)} == {0.05}


def test_no_run_both_chooses_and_confirms():
    shelf = tuning_shelf_of_all()
    chosen_by = {*designs.tuning(designs.tunable() | further.tunable()),
                 *(one for each in designs.pilot().values() for one in each)}
    confirming = {one for each in (designs.fixed_arms() | designs.tuned_arms(shelf)).values() for one in each}
    assert not chosen_by & confirming


def tuning_shelf_of_all():
    """For each network another best step, by its place, another one that is fastest; and the pilot runs."""
    shelf = Shelf()
    for i, experiment in enumerate(designs.tunable().values()):
        best, fastest = best_step(i), fastest_step(i)
        shelf.update(tuning_shelf(experiment, lambda step, seed: 0.1 + abs(math.log(step / best)),
                                  lambda step, seed: {"updates": 1000 + 100 * abs(round(math.log(step / fastest)))
                                                      + (step != fastest)}))
    for width, experiments in designs.pilot().items():
        for one in experiments:
            shelf.put(one, 0.1, change={32: 0.03, 64: 0.02}[width])
    return shelf


def best_step(i):
    return designs.STEPS[i % len(designs.STEPS)]


def fastest_step(i):
    return designs.STEPS[(i + 3) % len(designs.STEPS)]


PLAIN = Experiment()
each_network = pytest.mark.parametrize("experiment", [PLAIN, PLAIN.with_tricks(True, True, True)],
                                       ids=("descent", "momentum"))


@each_network
@pytest.mark.parametrize("best", designs.STEPS)
def test_the_step_with_the_lowest_loss_is_chosen(experiment, best):
    assert designs.tuned(experiment, tuning_shelf(experiment, lambda step, seed: 0.2 - 0.1 * (step == best))) == best


@each_network
def test_the_mean_over_the_seeds_counts_and_not_the_luckiest(experiment):
    losses = {0.5: (0.01, 0.30, 0.29), 1.0: (0.15, 0.16, 0.14), 2.0: (0.10, 0.20, 0.20)}  # means 0.2, 0.15, 0.167
    shelf = tuning_shelf(experiment, lambda step, seed: losses.get(step, (0.3,) * 3)[designs.TUNING.index(seed)])
    assert designs.tuned(experiment, shelf) == 1.0


def test_one_run_that_diverged_rules_a_step_out():
    shelf = tuning_shelf(PLAIN, lambda step, seed: None if (step, seed) == (2.0, 51) else 0.2 - 0.1 * (step == 2.0)
                         - 0.05 * (step == 0.5))
    assert designs.tuned(PLAIN, shelf) == 0.5


def test_a_run_without_a_single_evaluation_counts_as_diverged():
    shelf = tuning_shelf(PLAIN, lambda step, seed: 0.2 - 0.05 * (step == 0.5))
    for one in designs.tuning_runs(PLAIN, 10.0):
        shelf[one].stops = {}
    assert designs.tuned(PLAIN, shelf) == 0.5


@pytest.mark.parametrize("i", [0, 10, -1])
def test_nothing_is_chosen_before_all_runs_are_there(i):
    shelf = tuning_shelf(PLAIN, lambda step, seed: 0.1)
    del shelf[designs.tuning({"it": PLAIN})[i]]
    assert designs.tuned(PLAIN, shelf) is None


def test_the_loss_is_that_of_the_best_weights():
    """The last weights have another one in `put`; a step is not punished for going on too long."""
    shelf = tuning_shelf(PLAIN, lambda step, seed: 0.2 - 0.1 * (step == 5.0))
    for one in designs.tuning_runs(PLAIN, 1.0):
        shelf[one].stops["half_1"] = shelf[one].stops["half_1"]._replace(last={"half_1": (0.001, 0.99)})
    assert designs.tuned(PLAIN, shelf) == 5.0


# ---- how fast a run is


@pytest.mark.parametrize("level, updates", [(0.2, 126), (0.1, 188.5), (0.05, 251), (0.05 / math.e, 376)])
def test_steps_to_a_loss_are_interpolated_in_its_logarithm_and_counted_from_one(level, updates):
    """From 0.2 after 126 updates to 0.05 after 251: 0.1 lies half-way between their logarithms."""
    history = falling([0, 125, 250, 375], [2.0, 0.2, 0.05, 0.05 / math.e])
    assert designs.steps_to(SimpleNamespace(history=history), level) == pytest.approx(updates)


def test_steps_to_a_loss_are_those_of_the_first_time_and_of_uneven_evaluations_too():
    """1 after 26 updates, 0.01 after 126: 0.1 is half-way, whatever the loss does afterwards."""
    history = falling([0, 25, 125, 250, 375], [2.0, 1.0, 0.01, 0.3, 0.001])
    assert designs.steps_to(SimpleNamespace(history=history), 0.1) == pytest.approx(76)


@pytest.mark.parametrize("steps, losses, updates", [
    ([0, 125], [0.04, 0.01], 1),  # there at the first evaluation
    ([0, 125], [0.1, 0.01], 1),
    ([0, 125], [2.0, 0.11], math.inf),
    ([0, 125], [2.0, math.nan], math.inf),
    ([], [], math.inf),  # diverged before the first evaluation
], ids=("below at once", "there at once", "never", "not a number", "never evaluated"))
def test_steps_to_a_loss_at_the_ends(steps, losses, updates):
    assert designs.steps_to(SimpleNamespace(history=falling(steps, losses)), 0.1) == updates


# ---- choosing what is fastest


@each_network
@pytest.mark.parametrize("fastest", designs.STEPS)
def test_the_step_that_is_there_first_is_the_fastest(experiment, fastest):
    """The lowest loss on the test file, and that at the end, do not count."""
    shelf = tuning_shelf(experiment, lambda step, seed: step, lambda step, seed: {
        "updates": 400 if step == fastest else 500, "train_loss": 0.05 if step == fastest else 0.001})
    assert designs.tuned(experiment, shelf, "fastest") == fastest
    assert designs.tuned(experiment, shelf) == designs.tuned(experiment, shelf, "best") == designs.STEPS[0]


def test_the_fastest_is_so_by_the_mean_of_the_logarithms():
    """Geometric means 500, 400 and 464; the arithmetic ones are 500, 700 and 567."""
    updates = {0.5: (500, 500, 500), 1.0: (100, 400, 1600), 2.0: (200, 500, 1000)}
    shelf = tuning_shelf(PLAIN, training=lambda step, seed: {
        "updates": updates.get(step, (2000,) * 3)[designs.TUNING.index(seed)]})
    assert designs.tuned(PLAIN, shelf, "fastest") == 1.0


def test_a_step_that_does_not_get_there_with_every_seed_is_behind_those_that_do():
    shelf = tuning_shelf(PLAIN, training=lambda step, seed: {
        1.0: {"updates": 100 if seed != 52 else None, "train_loss": 0.001}, 0.5: {"updates": 7000}}.get(step, {}))
    assert designs.tuned(PLAIN, shelf, "fastest") == 0.5


@each_network
def test_if_no_step_gets_there_the_fastest_has_the_lowest_training_loss_at_the_end(experiment):
    """Means 0.30, 0.25 and 0.26: neither the luckiest run nor the loss on the test file counts."""
    losses = {0.5: (0.11, 0.40, 0.39), 1.0: (0.24, 0.25, 0.26), 2.0: (0.12, 0.33, 0.33)}
    shelf = tuning_shelf(experiment, lambda step, seed: step, lambda step, seed: {
        "train_loss": losses.get(step, (0.5,) * 3)[designs.TUNING.index(seed)]})
    assert designs.tuned(experiment, shelf, "fastest") == 1.0


def test_if_no_step_gets_there_one_that_diverged_is_not_the_fastest():
    shelf = tuning_shelf(PLAIN, lambda step, seed: None if (step, seed) == (2.0, 51) else 0.1, lambda step, seed: {
        "train_loss": {2.0: 0.2, 0.5: 0.3}.get(step, 0.4)})
    assert designs.tuned(PLAIN, shelf, "fastest") == 0.5


def test_nothing_is_the_fastest_before_all_runs_are_there():
    shelf = tuning_shelf(PLAIN, training=lambda step, seed: {"updates": 500})
    del shelf[designs.tuning({"it": PLAIN})[10]]
    assert designs.tuned(PLAIN, shelf, "fastest") is None


def test_there_are_two_goals_and_others_are_no_goals():
    assert set(designs.GOALS) == {"best", "fastest"}
    with pytest.raises(KeyError, match="quickest"):
        designs.tuned(PLAIN, tuning_shelf(PLAIN), "quickest")


def test_a_tuning_curve_has_the_loss_of_every_seed_for_every_step():
    shelf = tuning_shelf(PLAIN, lambda step, seed: None if (step, seed) == (10.0, 51) else step + seed)
    curve = designs.tuning_curve(PLAIN, shelf)
    assert list(curve) == list(designs.STEPS)
    assert curve == {step: [math.inf if (step, seed) == (10.0, 51) else step + seed for seed in (50, 51, 52)]
                     for step in designs.STEPS}


# ---- the arms at chosen learning rates


def test_tuned_arms_have_the_rate_that_gives_the_chosen_step():
    arms = designs.tuned_arms(tuning_shelf_of_all())
    for i, name in enumerate(designs.tunable()):
        for goal, step in (("tuned", best_step(i)), ("fastest", fastest_step(i))):
            if goal == "fastest" and name not in FASTEST:
                continue
            seeded = arms[f"{name}, {goal}"]
            assert [effective_step(one) for one in seeded] == pytest.approx([step] * len(seeded))
            assert [one.seed for one in seeded] == list(designs.CONFIRMING)


def test_tuned_arms_have_one_length_and_follow_the_protocol_otherwise():
    arms = designs.tuned_arms(tuning_shelf_of_all())
    networks = FACTORIAL | {"depth 10": ALL_TRICKS | {"hidden": (64,) * 10}}
    assert set(arms) == ({f"{name}, tuned" for name in networks} | {f"{name}, fastest" for name in FASTEST}
                         | {"width 32, matched change"})
    for name, network in networks.items():
        for one in arms[f"{name}, tuned"]:
            free = {field: getattr(one, field) for field in WATCHING | {"learning_rate", "evaluations_per_epoch"}}
            assert one == Experiment(seed=one.seed, epochs=12, patience=None, **network, **free)
            assert set(one.stop_on) == {"validation", "half_1", "half_2"} == set(one.judge_on)


def test_the_fastest_arms_are_eight_epochs_long_evaluated_as_often_as_the_reports():
    arms = designs.tuned_arms(tuning_shelf_of_all())
    for name in FASTEST:
        for one in arms[f"{name}, fastest"]:
            free = {field: getattr(one, field) for field in WATCHING | {"learning_rate"}}
            assert one == Experiment(seed=one.seed, epochs=8, patience=None, **FACTORIAL[name], **free)
            assert one.dense_steps == 375 and one.evaluations_per_epoch == 5
            assert set(one.stop_on) == {"validation", "half_1", "half_2"} == set(one.judge_on)


def test_arms_whose_learning_rate_is_not_known_yet_are_left_out():
    shelf = tuning_shelf_of_all()
    every = set(designs.tuned_arms(tuning_shelf_of_all()))
    del shelf[designs.tuning_runs(designs.tunable()["tricks 010"], 1.0)[0]]
    assert every - set(designs.tuned_arms(shelf)) == {"tricks 010, tuned"}
    del shelf[designs.tuning_runs(designs.tunable()["tricks 101"], 10.0)[2]]
    assert every - set(designs.tuned_arms(shelf)) == {"tricks 010, tuned", "tricks 101, tuned", "tricks 101, fastest"}
    assert designs.tuned_arms(Shelf()) == {}


def test_no_tuned_experiment_is_in_two_arms_or_twice_in_one():
    arms = designs.fixed_arms() | designs.tuned_arms(tuning_shelf_of_all())
    every = [one for each in arms.values() for one in each]
    assert len(set(every)) == len(every)


# ---- 32 units whose weights change as much as those of 64


def pilot_shelf(changes):
    shelf = Shelf()
    for width, experiments in designs.pilot().items():
        for one in experiments:
            shelf.put(one, 0.1, change=changes[width][designs.TUNING.index(one.seed)])
    return shelf


def test_the_pilot_differs_in_width_alone():
    runs = designs.pilot()
    assert set(runs) == {32, 64} and {one.seed for each in runs.values() for one in each} == set(designs.TUNING)
    assert [replace(one, hidden=(64,)) for one in runs[32]] == runs[64]
    for one in runs[64]:
        changed = {field.name for field in fields(one) if getattr(one, field.name) != getattr(PLAIN, field.name)}
        assert changed == {*ALL_TRICKS, "seed", "epochs", "patience", "evaluations_per_epoch", "diagnostics"}


def test_a_rate_is_matched_by_the_mean_change_over_the_seeds():
    """0.02 x (0.01 + 0.02 + 0.03) / (0.03 + 0.03 + 0.03) = 0.01333."""
    assert designs.matched_rate(pilot_shelf({32: (0.03, 0.03, 0.03), 64: (0.01, 0.02, 0.03)})) == 0.0133


def test_no_rate_is_matched_before_all_pilot_runs_are_there():
    shelf = pilot_shelf({32: (0.03,) * 3, 64: (0.02,) * 3})
    del shelf[designs.pilot()[64][1]]
    assert designs.matched_rate(shelf) is None
    assert designs.matched_rate(Shelf()) is None


def test_the_matched_arm_is_32_units_at_that_rate():
    arms = designs.tuned_arms(tuning_shelf_of_all())
    wide = designs.fixed_arms()["width 32"]
    assert arms["width 32, matched change"] == [replace(one, learning_rate=0.0133) for one in wide]
