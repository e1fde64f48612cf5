"""What to train, said completely: the fields, the tricks, and what a field does not take."""

import pickle
from dataclasses import FrozenInstanceError, replace

import numpy as np
import pytest

from mlplib import Experiment

SHORT = Experiment(n_train=2000, epochs=2)


# ---- the fields


def test_the_defaults_are_the_reports_plain_network():
    assert Experiment() == Experiment(
        hidden=(64,), init="uniform", activation="sigmoid", gamma=0.0, seed=0, learning_rate=None, biases="input",
        shuffle=True, batch_size=32, epochs=50, patience=50, n_train=20_000,
    )


def test_the_new_fields_say_nothing_by_default():
    assert Experiment() == Experiment(
        input_gain=1.0, output_gain=1.0, offset=0.0, init_scale=1.0, third=0, inputs="standardized",
        evaluations_per_epoch=5, dense_steps=0, stop_on=("validation",), judge_on=(), diagnostics=(),
        momentum_in=None, straight_through=False,
    )


def test_initial_scales_may_come_as_a_list_and_stay_hashable():
    assert {Experiment(init_scale=[0.5, 2]), Experiment(init_scale=(0.5, 2.0))} == {Experiment(init_scale=(0.5, 2))}


def test_an_experiment_is_frozen():
    with pytest.raises(FrozenInstanceError):
        SHORT.seed = 1


def test_equal_experiments_are_one_key():
    assert len({Experiment(hidden=[64]), Experiment(hidden=(np.int64(64),)), Experiment()}) == 1


def test_an_experiment_survives_pickling():
    experiment = Experiment((8, 4), gamma=0.5, patience=None, biases="every_layer")
    assert pickle.loads(pickle.dumps(experiment)) == experiment


def test_names_may_come_as_any_sequence_and_stay_hashable():
    named = Experiment(stop_on=["half_1"], judge_on=("validation", "held_out"), diagnostics=["layers"])
    assert named == Experiment(stop_on=("half_1",), judge_on=["validation", "held_out"], diagnostics=["layers"])
    assert len({named, pickle.loads(pickle.dumps(named))}) == 1


def test_names_may_come_as_an_array_as_widths_may():
    named = Experiment(hidden=np.array([8, 4]), judge_on=np.array(["held_out"]), stop_on=np.array(["half_1", "half_2"]))
    assert named == Experiment((8, 4), judge_on=("held_out",), stop_on=("half_1", "half_2"))


@pytest.mark.parametrize(
    "options, optimizer",
    [
        ({}, "SGD(learning_rate=0.1)"),
        ({"gamma": 0.9}, "Momentum(learning_rate=0.02, gamma=0.9)"),
        ({"gamma": 0.5}, "Momentum(learning_rate=0.02, gamma=0.5)"),
        ({"learning_rate": 0.3}, "SGD(learning_rate=0.3)"),
        ({"learning_rate": 0.3, "gamma": 0.9}, "Momentum(learning_rate=0.3, gamma=0.9)"),
    ],
)
def test_the_learning_rate_follows_the_report_unless_it_is_set(options, optimizer):
    assert repr(Experiment(**options).optimizer()) == optimizer


# ---- tricks


@pytest.mark.parametrize(
    "tricks, changed",
    [
        ({}, {}),
        ({"init": True}, {"init": "fan_in"}),
        ({"sigmoid": True}, {"activation": "improved_sigmoid"}),
        ({"momentum": True}, {"gamma": 0.9}),
        (
            {"init": True, "sigmoid": True, "momentum": True},
            {"init": "fan_in", "activation": "improved_sigmoid", "gamma": 0.9},
        ),
    ],
)
def test_tricks_change_what_they_name_and_nothing_else(tricks, changed):
    assert SHORT.with_tricks(**tricks) == replace(SHORT, **changed)


def test_tricks_that_are_on_stay_on():
    both = SHORT.with_tricks(init=True).with_tricks(sigmoid=True)
    assert both == SHORT.with_tricks(init=True, sigmoid=True)


# ---- bad input


@pytest.mark.parametrize("name, minimum", [("third", 0), ("evaluations_per_epoch", 1), ("dense_steps", 0)])
def test_integers_that_are_none(name, minimum):
    for bad in (minimum - 1, 1.0, True, "1", None):
        exception = ValueError if type(bad) is int else TypeError
        with pytest.raises(exception, match=f"^{name}: expected an integer of at least {minimum}, got {bad!r}"):
            Experiment(**{name: bad})


def test_there_are_three_thirds():
    with pytest.raises(ValueError, match=r"^third: expected 0, 1 or 2, got 3$"):
        Experiment(third=3)


@pytest.mark.parametrize("bad", ["standardised", None, 0, ("standardized",)])
def test_unknown_inputs(bad):
    with pytest.raises(ValueError, match=r"^inputs: expected one of 'standardized', 'uncentred', 'unit_interval', got"):
        Experiment(inputs=bad)


NAMED = {
    "stop_on": ("validation", "half_1", "half_2"),
    "judge_on": ("validation", "half_1", "half_2", "held_out"),
    "diagnostics": ("layers", "units", "hits"),
}
each_list_of_names = pytest.mark.parametrize("field, known", NAMED.items(), ids=NAMED)


@each_list_of_names
def test_lists_of_names_that_are_none(field, known):
    listed = ", ".join(map(repr, known))
    for bad in (known[0], None, 1):  # a name by itself is no list of letters
        with pytest.raises(TypeError, match=f"^{field}: expected a sequence of names among {listed}, got {bad!r}$"):
            Experiment(**{field: bad})
    for bad in ({known[0]}, dict.fromkeys(known), iter(known), known[0].encode()):  # no order, or only one pass
        with pytest.raises(TypeError, match=f"^{field}: expected a sequence of names among {listed}, got .*a list, a"):
            Experiment(**{field: bad})
    for bad in ("train", "", 3, None, (known[0],)):
        with pytest.raises(ValueError, match=rf"^{field}\[1\]: expected one of {listed}, got ") as caught:
            Experiment(**{field: (known[1], bad)})
        assert str(caught.value).endswith(f"got {bad!r}")


@each_list_of_names
def test_each_known_name_is_taken_once(field, known):
    assert getattr(Experiment(**{field: known[::-1]}), field) == known[::-1]
    with pytest.raises(ValueError, match=f"^{field}: expected different names, got "):
        Experiment(**{field: (*known, known[0])})


def test_what_judges_does_not_stop():
    with pytest.raises(ValueError, match=r"^stop_on\[0\]: .*got 'held_out'$"):
        Experiment(stop_on=("held_out",))


@pytest.mark.parametrize("nothing", [tuple, list])
def test_something_has_to_stop(nothing):
    with pytest.raises(ValueError, match=r"^stop_on: expected at least one name, got none$"):
        Experiment(stop_on=nothing())
    assert Experiment(judge_on=nothing(), diagnostics=nothing()) == Experiment()
