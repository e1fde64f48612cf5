"""What is recorded beside the losses, against the same written out, one number at a time."""

import itertools
import math
from dataclasses import replace

import numpy as np
import pytest
from helpers import PLAIN, copied

import mlplib
from mlplib import MLP, SGD, Experiment, Momentum, Trainer
from mlplib.diagnostics import Recorder


def rms(values):
    return math.sqrt(sum(value**2 for value in values.ravel().tolist()) / values.size)


def recorded(trainer, kinds, samples, validation=None):
    """Train with a `Recorder` of such kinds; also a list of (step, weights before the last update, weights)."""
    trainer.observe = recorder = Recorder(kinds, samples)
    after, n_steps, evaluated = copied(trainer.model), 0, []
    for piece in trainer.pieces():
        if trainer.n_steps > n_steps:
            before, after, n_steps = after, copied(trainer.model), trainer.n_steps
        if piece:
            evaluated.append((piece.step, before, after))
    return recorder.recorded(trainer.model, validation), evaluated


@pytest.fixture
def followed(small_trainer, problem):
    trainer = small_trainer(Momentum(0.1, 0.8), hidden=(5, 3), epochs=1, dense_steps=11)
    return *recorded(trainer, ("layers", "units"), problem(23)), trainer


# ---- by layer and by unit


def test_records_are_made_at_each_evaluation_of_the_first_epoch_then_once_an_epoch(problem):
    found = {}
    for dense_steps in (0, 100):
        model = MLP((3,), n_inputs=4, n_classes=3)
        trainer = Trainer(model, SGD(), problem(200), problem(7), batch_size=2, epochs=4, dense_steps=dense_steps)
        found[dense_steps], _ = recorded(trainer, ("units",), problem(200))
    assert found[0]["step"].tolist() == [0, 20, 40, 60, 80, 100, 200, 300]
    assert found[100]["step"].tolist() == [0, 20, 25, 40, 50, 60, 75, 80, 100, 200, 300]


@pytest.mark.parametrize("evaluations_per_epoch", [1, 5, 10, 20])
def test_after_the_first_epoch_each_epoch_has_one_record(evaluations_per_epoch):
    experiment = replace(PLAIN, epochs=5, evaluations_per_epoch=evaluations_per_epoch, patience=None)
    steps = mlplib.run(replace(experiment, diagnostics=("layers",))).diagnostics["step"]
    assert [step // 10 for step in steps.tolist() if step >= 10] == [1, 2, 3, 4]


def test_gradients_and_updates_of_the_layers(followed, problem):
    found, evaluated, _ = followed
    X, y = problem(23)
    assert found["step"].tolist() == [step for step, *_ in evaluated] == [0, 2, 4, 6, 8, 10]
    model = MLP((5, 3), n_inputs=4, n_classes=3, dtype=np.float64)
    for row, (_, before, after) in enumerate(evaluated):
        model.weights = after
        np.testing.assert_allclose(found["gradient_rms"][row], [rms(g) for g in model.gradients(X, y)], rtol=1e-10)
        ratios = [rms(W - V) / rms(V) for W, V in zip(before, after)]
        np.testing.assert_allclose(found["update_ratio"][row], ratios, rtol=1e-10)
    assert found["gradient_rms"].shape == found["update_ratio"].shape == (6, 3)


def test_changes_of_the_units(followed):
    found, evaluated, _ = followed
    for row, (_, before, after) in enumerate(evaluated):
        changes = [math.dist(w, v) / math.hypot(*v) for w, v in zip(before[0].T, after[0].T, strict=True)]
        assert found["unit_change"][row] == pytest.approx(sum(changes) / 5, rel=1e-10)


# Outputs, and slopes up to a factor.
SHAPES = {
    "sigmoid": (lambda z: 1 / (1 + math.exp(-z)), lambda z: 1 / math.cosh(z / 2) ** 2),
    "improved_sigmoid": (lambda z: 1.7159 * math.tanh(2 * z / 3), lambda z: 1 / math.cosh(2 * z / 3) ** 2),
    "adjusted": (lambda z: 1 - 3 / (1 + math.exp(2 * z)), lambda z: 1 / math.cosh(z) ** 2),
}


@pytest.mark.parametrize("biases", ["input", "every_layer"])
@pytest.mark.parametrize("name", SHAPES)
def test_spread_and_saturation_one_number_at_a_time(problem, name, biases):
    (X, y), (f, slope) = problem(40), SHAPES[name]
    gains = {"input_gain": -2, "output_gain": -3, "offset": 1}
    options = {"activation": "sigmoid"} | gains if name == "adjusted" else {"activation": name}
    model = MLP((6, 4), biases=biases, n_inputs=4, n_classes=3, dtype=np.float64, init_scale=3.0, **options)
    trainer = Trainer(model, SGD(1e-9), (X, y), (X, y), batch_size=40, epochs=1)
    found, _ = recorded(trainer, ("layers",), (X, y))
    a = X.tolist()
    for layer, W in enumerate(model.weights[:-1]):
        z = [[sum(x * w for x, w in zip(row, unit, strict=True)) for unit in W.T.tolist()] for row in a]
        saturated = [slope(z_j) < 0.1 for row in z for z_j in row]
        a = [[f(z_j) for z_j in row] for row in z]
        means = [sum(unit) / 40 for unit in zip(*a)]
        spreads = [math.sqrt(sum((x - mean) ** 2 for x in unit) / 40) for unit, mean in zip(zip(*a), means)]
        assert found["saturated"][0, layer] == pytest.approx(sum(saturated) / len(saturated), rel=1e-12)
        assert found["spread"][0, layer] == pytest.approx(sum(spreads) / len(spreads), rel=1e-6)
        a = [row + (biases == "every_layer") * [1.0] for row in a]
        assert 0.02 < found["saturated"][0, layer] < 0.98
    assert found["saturated"].shape == found["spread"].shape == (1, 2)


def test_the_first_record_of_a_run_is_that_of_the_first_update(inputs):
    """Of 3,200 training images gradients are over the first 1,000, updates over the minibatch."""
    (X, y), _ = inputs
    run = mlplib.run(Experiment((8,), n_train=3200, epochs=1, diagnostics=("layers", "units"), seed=3))
    minibatch = np.random.default_rng(np.random.SeedSequence(3).spawn(2)[1]).permutation(3200)[:32]
    model = MLP((8,), seed=3)
    updates = [0.1 * gradient for gradient in model.gradients(X[minibatch], y[minibatch])]
    for W, update in zip(model.weights, updates):
        W -= update
    first = {name: values[0] for name, values in run.diagnostics.items()}
    gradients = model.gradients(X[:1000], y[:1000])
    np.testing.assert_allclose(first["gradient_rms"], [rms(g) for g in gradients], rtol=1e-4)
    ratios = [rms(update) / rms(W) for update, W in zip(updates, model.weights)]
    np.testing.assert_allclose(first["update_ratio"], ratios, rtol=1e-4)
    lengths = [np.sqrt((W.astype(float) ** 2).sum(axis=0)) for W in (updates[0], model.weights[0])]
    assert first["unit_change"] == pytest.approx((lengths[0] / lengths[1]).mean(), rel=1e-4)
    assert abs(rms(model.gradients(X[:3200], y[:3200])[0]) / first["gradient_rms"][0] - 1) > 1e-3


# ---- the noise of the minibatch losses


class Noisy(MLP):
    """A network whose minibatch losses are made up."""

    losses = ()

    def loss_and_gradients(self, X, y, buffers):
        return next(self.losses), super().loss_and_gradients(X, y, buffers)[1]


def noises(losses, steps_per_epoch, epochs):
    """What is recorded as the noise of such minibatch losses, an evaluation an epoch."""
    model = Noisy((2,), n_inputs=2, n_classes=2)
    model.losses = iter(losses)
    samples = np.ones((steps_per_epoch, 2)), np.zeros(steps_per_epoch, int)
    trainer = Trainer(model, SGD(1e-3), samples, samples, batch_size=1, epochs=epochs, evaluations_per_epoch=1)
    found, _ = recorded(trainer, ("units",), samples)
    assert found["step"].tolist() == list(range(0, steps_per_epoch * epochs, steps_per_epoch))
    return found["minibatch_noise"].tolist()


def test_the_noise_of_minibatch_losses_by_hand():
    # Records after steps 0, 4 and 8: of the first loss alone, of the next four, of the four after these.
    e = math.exp
    first, second, third = noises([e(9), e(0), e(1), e(1), e(3), e(0), e(0), e(-2), e(-2), 1, 1, 1], 4, 3)
    assert math.isnan(first)
    assert second == pytest.approx(math.sqrt((1 + 0 + 4) / 3 / 2), rel=1e-12)
    assert third == pytest.approx(math.sqrt((0 + 4 + 0) / 3 / 2), rel=1e-12)


def test_the_noise_is_the_deviation_of_the_logarithms_whatever_the_trend():
    rng = np.random.default_rng(0)
    logarithms = np.linspace(9, -9, 3000) + np.repeat([0.1, 0.4, 0.4], 1000) * rng.normal(size=3000)
    _, weak, strong = noises([1.0, *np.exp(logarithms)], 1000, 3)
    assert (weak, strong) == pytest.approx((0.1, 0.4), rel=0.1)


def test_the_noise_of_a_loss_of_zero_is_a_number():
    _, noise = noises([1.0, 0.0, 1.0, 1.0, 1.0, 1.0], 3, 2)
    tiny = math.log(float(np.finfo(np.float32).tiny))
    assert noise == pytest.approx(-tiny / 2, rel=1e-12)  # from 0 to 1, from 1 to 1


# ---- hits


def test_hits_are_the_validation_images_that_the_last_weights_classify_correctly(inputs):
    run = mlplib.run(replace(PLAIN, epochs=2, diagnostics=("hits",)))
    _, (X, y) = inputs
    assert set(run.diagnostics) == {"hits"} and run.diagnostics["hits"].dtype == np.uint8
    hits = np.unpackbits(run.diagnostics["hits"]).astype(bool)
    assert np.array_equal(hits, run.model.predict(X) == y) and len(hits) == 10_000
    assert hits.mean() == run.final.validation_accuracy


def test_of_a_number_of_images_that_eight_does_not_divide_the_last_byte_is_filled(small_trainer, problem):
    trainer = small_trainer(hidden=(5, 3), epochs=1)
    X, y = problem(7, seed=1)
    found, _ = recorded(trainer, ("hits",), problem(23), (X, y))
    assert set(found) == {"hits"} and found["hits"].shape == (1,)
    assert np.unpackbits(found["hits"]).astype(bool).tolist() == [*(trainer.model.predict(X) == y).tolist(), False]


# ---- what is asked for, whatever happens

LAYERS, UNITS = {"gradient_rms", "update_ratio", "spread", "saturated"}, {"unit_change", "minibatch_noise"}


@pytest.mark.parametrize(
    "kinds, names",
    [
        ((), set()),
        (("layers",), {"step"} | LAYERS),
        (("units",), {"step"} | UNITS),
        (("hits", "units"), {"step", "hits"} | UNITS),
        (("layers", "units", "hits"), {"step", "hits"} | LAYERS | UNITS),
    ],
)
def test_what_is_asked_for_is_recorded_and_nothing_else_changes(kinds, names, bits):
    short = replace(PLAIN, epochs=2)
    plain, run = mlplib.run(short), mlplib.run(replace(short, diagnostics=kinds))
    assert set(run.diagnostics) == names
    assert bits(run) == bits(plain) and (run.final, run.best) == (plain.final, plain.best)
    lengths = {len(values) for name, values in run.diagnostics.items() if name != "hits"}
    assert lengths <= {6}  # at 0, 2, 4, 6, 8, then at 10


def test_a_network_without_hidden_layers_can_be_recorded():
    run = mlplib.run(replace(PLAIN, hidden=(), epochs=1, diagnostics=("layers", "units")))
    assert run.diagnostics["gradient_rms"].shape == (5, 1) and run.diagnostics["saturated"].shape == (5, 0)


def test_a_network_that_starts_at_zero_can_be_recorded():
    run = mlplib.run(replace(PLAIN, init_scale=1e-60, epochs=1, diagnostics=("layers", "units")))  # zero in float32
    assert run.diagnostics["step"].tolist() == [0, 2, 4, 6, 8]
    assert run.diagnostics["gradient_rms"][0, 0] > 0 and np.isfinite(run.diagnostics["update_ratio"][1:]).all()


@pytest.mark.parametrize("kind", ["layers", "units", "hits"])
@pytest.mark.parametrize("learning_rate", [1e3, 1e30, 1e38])
def test_a_diverging_run_can_be_recorded(kind, learning_rate):
    with pytest.warns(mlplib.DivergenceWarning):
        run = mlplib.run(replace(PLAIN, learning_rate=learning_rate, diagnostics=(kind,)))
    assert run.diverged
    assert ("hits" in run.diagnostics) == (kind == "hits")


def test_going_on_after_ctrl_c_while_recording_leaves_rows_of_one_length(monkeypatch, capsys):
    calls, rms = itertools.count(), mlplib.diagnostics.rms

    def interrupted(values):
        if next(calls) == 12:  # in the midst of the third record or so
            raise KeyboardInterrupt
        return rms(values)

    monkeypatch.setattr(mlplib.diagnostics, "rms", interrupted)
    trainer = mlplib.trainer_for(replace(PLAIN, epochs=1, diagnostics=("layers", "units")))
    trainer.run(progress=False)
    assert trainer.interrupted and "Interrupted" in capsys.readouterr().out
    trainer.run(progress=False)
    assert {len(rows) for rows in trainer.observe.recorded(trainer.model, validation=None).values()} == {5}
