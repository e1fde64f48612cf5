"""Looks at networks: what is measured, in small, against what else says the same."""

import math
from itertools import pairwise

import numpy as np
import pytest

import mlplib
from mlplib import ACTIVATIONS
from mlplib.evidence import looks
from mlplib.evidence.arms import Network
from mlplib.evidence.looks import STEPS, fastest_step, look_at
from mlplib.evidence.rates import with_effective_step
from mlplib.inputs import standardized_mnist

SMALL = mlplib.Experiment(hidden=(6,), init="fan_in", activation="improved_sigmoid", n_train=320)


@pytest.fixture
def network(monkeypatch):
    """A small network of which everything is looked at, in few and short runs."""
    found = Network("small", SMALL)
    monkeypatch.setattr(looks, "STEPS", (0.01, 0.02, 0.04))
    for name, value in {"SOON": 2, "UPDATES": 12, "SHORT": 3, "BATCHES": (32, 64), "N_LOOKED_AT": 100, "DESCENT": 20,
                        "NOISY": (found,), "STABLE": (found,)}.items():
        monkeypatch.setattr(looks, name, value)
    return found


def test_every_network_is_looked_at_under_a_name_of_its_own_and_where_more_is_looked_at_it_is_one_of_them():
    names = [network.name for network in looks.LOOKED_AT]
    assert len(set(names)) == len(names) == 20
    assert {*looks.NOISY, *looks.STABLE} <= set(looks.LOOKED_AT)
    assert looks.GENTLE in STEPS and all(b == 2 * a for a, b in pairwise(STEPS))


def test_a_look_has_the_losses_the_limits_and_what_noise_and_all_images_say(network):
    found = look_at(network, 3)
    assert set(found) == {"loss", "limit", "spread", "saturated", "by_batch", "stable"}
    (X, y), _ = standardized_mnist()
    X, y = X[:320], y[:320]
    trained = {}
    for step in looks.STEPS:
        trainer = mlplib.trainer_for(with_effective_step(mlplib.Experiment(**vars(SMALL) | {"seed": 3}), step))
        models = [trainer.model.weights]
        for _ in range(12):
            trainer.update()
            models.append([W.copy() for W in trainer.model.weights])
        trained[step] = trainer.model
        if step == 0.01:
            early = models[2]
    assert found["loss"] == pytest.approx([model.loss(X, y) for model in trained.values()])
    best = trained[looks.STEPS[int(np.argmin(found["loss"]))]]
    start = mlplib.MLP((6,), "improved_sigmoid", "fan_in", seed=3)
    networks = {"start": start, "gentle": trained[0.01], "fastest": best}
    for when, model in networks.items():
        value = mlplib.spectrum(model, X[:100], y[:100], n_largest=1, tolerance=1e-6).values[0]
        assert found["limit"][when] == pytest.approx(2 / value, rel=0.02)
    ends = mlplib.spectrum(trained[0.01], X[:100], y[:100], n_largest=10, tolerance=1e-6).values
    assert found["spread"] == pytest.approx(ends[0] / ends[9], rel=0.03)
    slopes = ACTIVATIONS["improved_sigmoid"].derivative(np.vectorize(lambda z: 1.7159 * math.tanh(2 / 3 * z))(
        X[:100] @ trained[0.01].weights[0]))
    assert found["saturated"] == pytest.approx(np.mean(slopes < 0.1 * 1.7159 * 2 / 3), abs=1e-3)
    start.weights = early
    value = mlplib.spectrum(start, X[:100], y[:100], n_largest=1, tolerance=1e-6).values[0]
    assert found["limit"]["early"] == pytest.approx(2 / value, rel=0.02)
    assert {size: len(losses) for size, losses in found["by_batch"].items()} == {"32": 3, "64": 3}
    stable = found["stable"]
    value = mlplib.spectrum(trained[0.01], X, y, n_largest=1, tolerance=1e-6).values[0]
    assert stable["limit"] == pytest.approx(2 / value, rel=0.02)
    assert 0.5 <= stable["step"] / stable["limit"] <= 4 and stable["after"] > 0


@pytest.mark.parametrize("largest", [-1, 0, 7, len(looks.BESIDE_LIMIT) - 1])
def test_halving_finds_the_largest_stable_step(network, monkeypatch, largest):
    model, tried = mlplib.MLP((4,), n_inputs=785), []
    (X, y), _ = standardized_mnist()
    weights = [W.copy() for W in model.weights]

    def descends(model, X, y, step):
        assert all(map(np.array_equal, model.weights, weights)), "each try begins at the same weights"
        for W in model.weights:
            W += 1
        tried.append(step)
        return largest >= 0 and step <= looks.BESIDE_LIMIT[largest] * 0.3 * (1 + 1e-9)

    monkeypatch.setattr(looks, "_descends", descends)
    monkeypatch.setattr(looks, "_limit", lambda *_: 0.3)
    found = looks._largest_stable(model, X[:10], y[:10])["step"]
    assert math.isnan(found) if largest < 0 else found == pytest.approx(0.3 * looks.BESIDE_LIMIT[largest])
    assert len(tried) <= 5


def test_descent_is_stable_below_the_limit_of_a_loss_that_is_a_parabola_and_not_above():
    """Logits are linear in the weights, and classes that cannot be told apart make the loss one about its minimum."""
    rng = np.random.default_rng(0)
    model = mlplib.MLP((), n_inputs=2, n_classes=2, dtype=np.float64)
    X, y = np.tile(rng.normal(size=(40, 2)), (2, 1)), np.repeat([0, 1], 40)
    start = [0.01 * rng.normal(size=(2, 2))]
    model.weights = [W.copy() for W in start]
    limit = 2 / mlplib.spectrum(model, X, y, n_largest=1, tolerance=1e-6).values[0]
    for share, stable in ((0.8, True), (0.98, True), (1.05, False), (2, False)):
        model.weights = [W.copy() for W in start]
        assert looks._descends(model, X, y, share * limit) is stable


@pytest.mark.parametrize("lowest, at", [(0.37, 0.37), (0.05, 0.05), (2.9, 2.9), (0.0001, 0.0025), (99.0, 10.24)])
def test_of_a_parabola_the_fastest_step_is_its_lowest_point_within_what_was_tried(lowest, at):
    losses = [math.exp(0.1 * math.log(step / lowest) ** 2 - 1) for step in STEPS]
    assert fastest_step(losses) == pytest.approx(at, rel=1e-6)


def test_where_steps_are_too_large_the_loss_is_a_thousand(network, monkeypatch):
    monkeypatch.setattr(looks, "STEPS", (0.01, 1e6))
    found = look_at(network, 3)
    assert found["loss"][1] == 1000 and found["by_batch"]["64"][1] == 1000 and found["loss"][0] < 10
