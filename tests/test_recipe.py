"""The recipes of CONTRIBUTING.md, walked once: another activation, as a trick, and another initialiser.

Each is registered as its file would do it, by one entry; all the rest of the library is to take it from there.
"""

import asyncio
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from helpers import GAINS, made_up_run

import mlplib
from mlplib import ACTIVATIONS, INITIALIZERS, MLP, Experiment
from mlplib.activations import steepest
from mlplib.catalogue import TRICK_COMBINATIONS, shown_experiments
from mlplib.experiments import TRICKS, Trick
from mlplib.initializers import draw
from mlplib.store import Store
from mlplib.widgets import ActivationExplorer, TrainingBench, TrickExplorer
from mlplib.widgets.bench import distinct_names

TINY = Experiment(hidden=(8,), n_train=320, epochs=1)


class Arctan:
    """f(z) = arctan(z), with f′ = cos²(a)."""

    name = "arctangent"

    def __call__(self, z, out=None):
        return np.arctan(z, out=out)

    def derivative(self, a, out=None):
        slope = np.cos(a, out=out)
        slope *= slope
        return slope


ARCTAN = Trick("arctangent units", {"activation": "arctan"}, lambda experiment: experiment.activation == "arctan")


def half(u, fan_in):
    """Uniform on [-1/2, 1/2]."""
    return u - 0.5


@pytest.fixture
def arctan(monkeypatch):
    monkeypatch.setitem(ACTIVATIONS, "arctan", Arctan())
    monkeypatch.setitem(TRICKS, "arctan", ARCTAN)


# ---- an activation


@pytest.mark.parametrize("gains", [(1, 1, 0), *GAINS], ids=str)
@pytest.mark.parametrize("biases", ["input", "every_layer"])
def test_its_gradients_are_the_slopes_of_the_loss(arctan, problem, biases, gains):
    gains = dict(zip(("input_gain", "output_gain", "offset"), gains))
    model = MLP((5, 3), "arctan", biases=biases, n_inputs=4, n_classes=3, **gains)
    assert max(mlplib.check_gradients(model, *problem())) < 1e-7
    assert steepest(ACTIVATIONS["arctan"]) == 1


def test_its_bend_is_asked_for_where_the_curvature_is(arctan, problem, monkeypatch):
    model, (X, y) = MLP((5, 3), "arctan", n_inputs=4, n_classes=3, dtype=np.float64), problem()
    with pytest.raises(TypeError, match="such as Sigmoid, which has a bend, f″/f′"):
        mlplib.hessian_vector_product(model, X, y, model.weights)
    monkeypatch.setattr(Arctan, "bend", lambda self, a: -2 * np.tan(a) * np.cos(a) ** 2, raising=False)
    product, start, h = mlplib.hessian_vector_product(model, X, y, model.weights), model.weights, 1e-5
    model.weights = [(1 + h) * W for W in start]
    above = model.gradients(X, y)
    model.weights = [(1 - h) * W for W in start]
    for a, b, change in zip(above, model.gradients(X, y), product):
        np.testing.assert_allclose((a - b) / (2 * h), change, atol=1e-8)


def test_an_experiment_with_it_is_trained_recorded_stored_and_read(arctan, tmp_path, mnist):
    experiment = Experiment(activation="arctan", diagnostics=("layers",), n_train=320, epochs=1)
    run, store = mlplib.run(experiment), Store(tmp_path)
    assert run.final.train_loss < 0.8 * run.history.train_loss[0]
    store.save(run, weights=True)
    stored = store[experiment]
    assert stored.experiment == experiment and stored.experiment.activation == "arctan"
    X = mlplib.Standardizer.fit(mnist.train.images)(mnist.validation.images[:50])
    assert np.array_equal(stored.model.forward(X), run.model.forward(X))
    shares = stored.diagnostics["saturated"]
    assert shares.shape == (5, 1) and 0 <= shares.min() <= shares.max() <= 1


def test_the_explorer_shows_it_in_a_colour_of_its_own(arctan):
    explorer = ActivationExplorer()
    for stack, n in ((explorer.tangents, 13), (explorer.spreads, 10)):
        alts = [re.search('alt="([^"]*)"', page.value)[1] for page in stack.children]
        assert len(alts) == n and all("arctangent" in alt for alt in alts)
    assert "arctangent f = 1.107, f′ = 0.2000" in explorer.tangents.children[6 + 2].value  # at z = 2: 1 / (1 + 2²)
    assert list(explorer.colors) == list(ACTIVATIONS) and len(set(explorer.colors.values())) == len(ACTIVATIONS)


# ---- as a trick


def test_an_experiment_is_given_the_trick(arctan):
    assert TINY.with_tricks(arctan=True, momentum=True) == replace(TINY, activation="arctan", gamma=0.9)
    assert TINY.with_tricks(arctan=False) == TINY


@pytest.mark.parametrize("on", [True, False])
def test_an_unknown_trick_is_refused_in_a_sentence(arctan, on):
    with pytest.raises(TypeError, match=f"^dropout: expected one of the tricks {', '.join(TRICKS)}$"):
        TINY.with_tricks(dropout=on)


def test_two_tricks_that_set_one_field_are_not_on_together(arctan):
    with pytest.raises(ValueError, match=r"^arctan: expected no other trick that sets activation, got sigmoid too$"):
        TINY.with_tricks(sigmoid=True, arctan=True)


def pressed(bench, **settings):
    """Set controls, press Train, wait."""
    async def train():
        for name, value in settings.items():
            bench.controls[name].value = value
        bench.train_button.click()
        if bench.task:
            await bench.task

    asyncio.run(train())


def test_the_bench_has_a_toggle_for_it_and_trains_with_it(arctan, bits):
    bench = TrainingBench(TINY, runs=())
    assert bench.controls["arctan"].description == "Arctangent units" and bench.controls["arctan"].value == "off"
    pressed(bench, arctan="on")
    assert "Trained for 1 epoch" in bench.status.value and list(bench.runs) == ["width 8, arctangent units"]
    assert bits(bench.trainer) == bits(mlplib.run(TINY.with_tricks(arctan=True)))
    pressed(bench, arctan="off")
    assert list(bench.runs) == ["arctangent units", "no arctangent units"] and bench.chosen == TINY


def test_the_reports_networks_are_still_called_what_they_were(arctan):
    experiments = [TINY, TINY.with_tricks(init=True, sigmoid=True, momentum=True)]
    assert distinct_names(experiments) == ["no tricks", "all tricks"]
    assert distinct_names([*experiments, TINY.with_tricks(arctan=True)])[2] == "arctangent units"


def test_a_bench_that_starts_with_it_can_do_without(arctan):
    bench = TrainingBench(TINY.with_tricks(arctan=True), runs=())
    assert bench.controls["arctan"].value == "on" and bench.chosen.activation == "arctan"
    bench.controls["arctan"].value = "off"
    assert bench.chosen == TINY


def test_the_bench_says_which_tricks_cannot_be_on_together(arctan):
    bench = TrainingBench(TINY, runs=())
    pressed(bench, arctan="on", sigmoid="on")
    assert "Not started: arctan: expected no other trick that sets activation, got sigmoid too." in bench.status.value


def test_the_reports_tricks_are_still_eight_combinations(arctan, tmp_path):
    store = Store(tmp_path)
    for experiment in shown_experiments()[:40]:
        store.save(made_up_run(experiment))
    explorer = TrickExplorer(store)
    assert [row.description for row in explorer.rows] == ["Fan-in weights", "Improved sigmoid", "Momentum", "View"]
    assert len(TRICK_COMBINATIONS) == 2**3 and not any(one.activation == "arctan" for one in shown_experiments())


ARMS = """
from mlplib.activations import ACTIVATIONS
from mlplib.experiments import TRICKS, Trick

if {}:
    ACTIVATIONS["arctan"] = ACTIVATIONS["sigmoid"]
    TRICKS["arctan"] = Trick("arctangent units", {{"activation": "arctan"}}, lambda one: one.activation == "arctan")
from mlplib.evidence import REGISTRATIONS

for registration in REGISTRATIONS:
    print(registration.digest, *registration.arms, sep="; ")
"""


def test_no_arm_of_the_evidence_is_called_otherwise():
    with_it, without = (
        subprocess.run([sys.executable, "-c", ARMS.format(there)], cwd=Path(mlplib.__file__).parent.parent, check=True,
                       capture_output=True, text=True).stdout
        for there in (True, False)
    )
    assert with_it == without and len(without) > 1000


# ---- an initialiser


def test_another_initialiser_is_drawn_trained_and_stored(monkeypatch, tmp_path):
    monkeypatch.setitem(INITIALIZERS, "half", half)
    W = draw("half", np.random.default_rng(0), (785, 64), fan_in=784)
    assert -0.5 <= W.min() < -0.499 and 0.499 < W.max() <= 0.5
    for ours, plain in zip(MLP(init="half").weights, MLP(init="uniform").weights, strict=True):
        np.testing.assert_allclose(ours, plain / 2, rtol=1e-6)  # the same draws, so that a comparison is paired
    experiment = replace(TINY, init="half")
    run, store = mlplib.run(experiment), Store(tmp_path)
    assert run.final.train_loss < run.history.train_loss[0]
    store.save(run, weights=True)
    assert store[experiment].experiment.init == "half"
    assert all(map(np.array_equal, store[experiment].model.weights, run.model.weights))
