"""The training loop: what it sees, when it looks, when it stops, and what it keeps."""

import itertools
import math
import signal
import subprocess
import sys

import numpy as np
import pytest

from mlplib import MLP, SGD, DivergenceWarning, EarlyStopping, Momentum, Trainer

LN10 = math.log(10)


@pytest.fixture
def small(problem):
    """A function that gives the trainer of a small network on 23 samples; with batches of 2, eleven steps an epoch."""

    def build(hidden=(5,), optimizer=None, model=MLP, **options):
        options = {"batch_size": 2, "epochs": 3, "patience": None} | options
        model = model(hidden, n_inputs=4, n_classes=3, dtype=np.float64)
        return Trainer(model, optimizer or Momentum(0.1), problem(23), problem(7, seed=1), **options)

    return build


class Scripted:
    """Stands in for a network: its losses are read from scripts, the last number again and again."""

    n_inputs, n_classes, dtype, hidden, biases = 1, 10, np.dtype(np.float64), (), "input"

    def __init__(self, validation=(1.0,), train=(1.0,), minibatch=(1.0,)):
        self.weights = [np.zeros((1, 10))]
        self.minibatch, self.train, self.validation = (
            itertools.chain(losses, itertools.repeat(losses[-1])) for losses in (minibatch, train, validation)
        )

    def loss_and_gradients(self, X, y, buffers):
        return next(self.minibatch), [np.ones((1, 10))]

    def evaluate_in_parts(self, X, y, each=None):
        yield next(self.validation if len(X) == 1 else self.train), 0.5


def scripted(n_samples=20, batch_size=2, epochs=5, patience=None, **losses):
    """Ten steps an epoch and an evaluation at every second one, if not told otherwise."""
    train, validation = ((np.ones((n, 1)), np.zeros(n, int)) for n in (n_samples, 1))
    return Trainer(Scripted(**losses), SGD(0.1), train, validation, batch_size, epochs, patience=patience)


# ---- the loop, written out


@pytest.mark.parametrize("biases", ["input", "every_layer"])
def test_history_against_a_loop_written_out(problem, biases):
    (X, y), (Xv, yv) = problem(6), problem(5, seed=1)
    model, twin = (MLP((5,), biases=biases, n_inputs=4, n_classes=3, dtype=np.float64) for _ in range(2))
    history = Trainer(model, SGD(0.5), (X, y), (Xv, yv), batch_size=2, epochs=2, shuffle=False).run(progress=False)
    minibatch_losses, evaluations = [], []
    for rows in 2 * (slice(0, 2), slice(2, 4), slice(4, 6)):
        minibatch_losses.append(twin.loss(X[rows], y[rows]))
        for W, gradient in zip(twin.weights, twin.gradients(X[rows], y[rows])):
            W -= 0.5 * gradient
        evaluations.append((*twin.evaluate(X, y), *twin.evaluate(Xv, yv)))
    columns = history.train_loss, history.train_accuracy, history.validation_loss, history.validation_accuracy
    np.testing.assert_allclose(history.minibatch_loss, minibatch_losses, rtol=1e-12)
    np.testing.assert_allclose(np.transpose(columns), evaluations, rtol=1e-12)


def test_progress_is_what_history_records(small):
    trainer = small()
    items = list(trainer)
    assert [item.epoch for item in items] == [item.step // 11 for item in items]
    for name in ("train_loss", "train_accuracy", "validation_loss", "validation_accuracy"):
        assert getattr(trainer.history, name).tolist() == [getattr(item, name) for item in items]
    assert trainer.history.evaluation_step.tolist() == [item.step for item in items]
    losses = trainer.history.minibatch_loss.tolist()
    assert [item.minibatch_loss for item in items] == [losses[item.step] for item in items]


def test_the_progress_bar_counts_the_evaluations(small, capsys):
    small(patience=100).run(progress=True)
    assert "17/17" in capsys.readouterr().err
    small().run(progress=False)
    assert capsys.readouterr().err == ""


def test_history_is_made_of_fresh_arrays(small):
    trainer = small(epochs=1)
    for name, column in vars(trainer.run(progress=False)).items():
        if name != "subsets":
            column += 1
    assert trainer.history.step.tolist() == list(range(11))
    assert trainer.history.evaluation_step[0] == 0


def test_the_beginning_of_a_history(small):
    whole = small(epochs=2).run(progress=False)
    beginning = whole.until(13)
    assert (beginning.step.tolist(), beginning.evaluation_step.tolist()) == (list(range(14)), [0, 2, 4, 6, 8, 10, 12])
    assert beginning.minibatch_loss.tolist() == whole.minibatch_loss[:14].tolist()
    for name in ("train_loss", "train_accuracy", "validation_loss", "validation_accuracy"):
        assert getattr(beginning, name).tolist() == getattr(whole, name)[:7].tolist()
    assert whole.until(None) is whole


def test_best_weights_are_those_of_the_lowest_validation_loss(small, problem):
    trainer = small(optimizer=SGD(3.0))
    trainer.run(progress=False)
    model = trainer.model
    last, lowest = model.loss(*problem(7, seed=1)), trainer.history.validation_loss.min()
    model.weights = trainer.best_weights
    assert model.loss(*problem(7, seed=1)) == pytest.approx(lowest, rel=1e-12)
    assert last > lowest


# ---- when it looks


@pytest.mark.parametrize(
    "n_samples, batch_size, steps",
    [
        (20, 2, [0, 2, 4, 6, 8, 10, 12, 14, 16, 18]),  # 10 an epoch: k = 2
        (23, 2, [0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20]),  # 11 an epoch: still 2, and the second epoch starts at 11
        (30, 2, [0, 3, 6, 9, 12, 15, 18, 21, 24, 27]),  # 15 an epoch: k = 3
        (9, 2, [0, 1, 2, 3, 4, 5, 6, 7]),  # 4 an epoch: at least 1
        (3, 3, [0, 1]),
    ],
)
def test_evaluation_steps_of_two_epochs(n_samples, batch_size, steps):
    trainer = scripted(n_samples, batch_size, epochs=2)
    assert [progress.step for progress in trainer] == steps
    assert len(trainer.history.step) == 2 * (n_samples // batch_size)


def test_the_number_of_evaluations_an_epoch_can_be_chosen(small):
    assert [progress.step for progress in small(evaluations_per_epoch=2, epochs=2)] == [0, 5, 10, 15, 20]


# ---- what it sees


class Spy(MLP):
    """A network that remembers which rows it was trained on, by their first columns."""

    def loss_and_gradients(self, X, y, buffers):
        self.__dict__.setdefault("seen", []).append(X[:, 0].tolist())
        return super().loss_and_gradients(X, y, buffers)


def epochs_seen(trainer):
    """For each epoch, the samples of its minibatches, by their positions in the training set."""
    trainer.run(progress=False)
    position = {x: n for n, x in enumerate(trainer._X[:, 0].tolist())}
    steps = [[position[x] for x in batch] for batch in trainer.model.seen]
    return [steps[epoch * 11 : (epoch + 1) * 11] for epoch in range(3)]


def test_without_shuffling_each_epoch_goes_in_order_and_drops_the_incomplete_batch(small):
    assert epochs_seen(small(model=Spy, shuffle=False)) == 3 * [[[n, n + 1] for n in range(0, 22, 2)]]


def test_with_shuffling_each_epoch_has_an_order_of_its_own(small):
    orders = [tuple(itertools.chain(*epoch)) for epoch in epochs_seen(small(model=Spy))]
    assert all(len(set(order)) == 22 for order in orders)
    assert len({*orders, tuple(range(22))}) == 4
    assert set(itertools.chain(*orders)) == set(range(23))


def test_a_seed_gives_the_same_minibatches_whatever_the_network(small):
    first = epochs_seen(small(model=Spy, seed=3))
    assert epochs_seen(small(model=Spy, seed=3, hidden=(2, 7), optimizer=SGD(0.5))) == first
    assert epochs_seen(small(model=Spy, seed=4)) != first


def test_the_order_of_the_data_is_not_the_stream_of_the_weights(small):
    weights, order = (np.random.default_rng(stream) for stream in np.random.SeedSequence(0).spawn(2))
    first_epoch = list(itertools.chain(*epochs_seen(small(model=Spy, seed=0))[0]))
    assert first_epoch == order.permutation(23)[:22].tolist() != weights.permutation(23)[:22].tolist()


# ---- early stopping


def test_the_rule_on_a_sequence_by_hand():
    rule = EarlyStopping(patience=3)
    losses = [5.0, 4.0, 4.5, 4.0, 3.9, 3.9, math.nan, 4.0]
    assert [rule.is_new_best(loss) for loss in losses[:5]] == [True, True, False, False, True]
    assert (rule.lowest, rule.waited, rule.exhausted) == (3.9, 0, False)
    exhausted = []
    for loss in losses[5:]:
        assert not rule.is_new_best(loss)
        exhausted.append(rule.exhausted)
    assert exhausted == [False, False, True]


def test_a_run_stops_after_patience_evaluations_without_a_new_lowest_loss():
    trainer = scripted(patience=4, validation=(3.0, 2.0, 1.0, 1.5, 1.0, 1.2, 1.1, 0.1))
    history = trainer.run(progress=False)
    assert trainer.stopped_epoch == 1  # at the seventh evaluation, after update 12 of 10 an epoch
    assert history.validation_loss.tolist() == [3.0, 2.0, 1.0, 1.5, 1.0, 1.2, 1.1]
    assert (len(history.step), trainer.finished, list(trainer)) == (13, True, [])


def test_a_new_lowest_loss_just_in_time_goes_on():
    trainer = scripted(patience=4, validation=(1.0, 1.5, 1.5, 1.5, 0.9, 1.5))
    trainer.run(progress=False)
    assert len(trainer.history.evaluation_step) == 9


def test_the_50_of_the_report_is_the_default():
    train = np.ones((20, 1)), np.zeros(20, int)
    trainer = Trainer(Scripted(), SGD(0.1), train, (np.ones((1, 1)), [0]), batch_size=2)
    assert len(trainer.run(progress=False).evaluation_step) == 51
    assert trainer.stopped_epoch == 10


def test_without_patience_all_epochs_are_run():
    trainer = scripted(epochs=30, validation=(1.0, 2.0))
    assert len(trainer.run(progress=False).step) == 300
    assert (trainer.stopped_epoch, trainer.finished) == (None, True)


# ---- in pieces


def test_pieces_are_updates_and_parts_of_evaluations(small, monkeypatch):
    monkeypatch.setattr("mlplib.network.CHUNK", 10)  # 23 training samples in three parts, 7 of validation in one
    trainer = small(epochs=1)
    expected = []
    for step in range(11):
        expected += ["update"] + (step % 2 == 0) * (4 * ["part"] + ["evaluation"])
    found, step = [], 0
    for piece in trainer.pieces():
        found.append("evaluation" if piece else "update" if trainer.n_steps > step else "part")
        step = trainer.n_steps
    assert found == expected


def test_leaving_at_any_piece_and_going_on_changes_nothing(small, bits, monkeypatch):
    monkeypatch.setattr("mlplib.network.CHUNK", 10)
    whole, interrupted = small(), small()
    whole.run(progress=False)
    lengths = itertools.cycle((1, 3, 8))  # 8 pieces finish an evaluation that 1 or 3 leave in the middle
    while not interrupted.finished:
        list(itertools.islice(interrupted.pieces(), next(lengths)))
    assert bits(interrupted) == bits(whole)


def test_the_loop_of_evaluations_and_the_loop_of_pieces_are_one(small, bits):
    whole, pieces = small(), small()
    assert list(whole) == [piece for piece in pieces.pieces() if piece]
    assert bits(pieces) == bits(whole)


# ---- interruptions


def test_leaving_the_loop_and_going_on_changes_nothing(small, bits):
    whole, interrupted = small(), small()
    whole.run(progress=False)
    while not interrupted.finished:
        for _ in interrupted:
            break
    assert bits(interrupted) == bits(whole)


def interrupt(monkeypatch, target, method, call):
    """Let the given call of a method, counted from 0, raise what Ctrl-C raises, before it has done anything."""
    original, calls = getattr(target, method), itertools.count()

    def interrupted(*arguments):
        if next(calls) == call:
            raise KeyboardInterrupt
        return original(*arguments)

    monkeypatch.setattr(target, method, interrupted)


def test_ctrl_c_keeps_history_and_weights(small, bits, monkeypatch, capsys):
    trainer, twin = small(), small()
    interrupt(monkeypatch, trainer.optimizer, "update", call=7)
    history = trainer.run(progress=False)
    for progress in twin:
        if progress.step == 6:
            break
    assert trainer.interrupted and not trainer.finished
    assert (len(history.step), history.evaluation_step.tolist()) == (7, [0, 2, 4, 6])
    assert bits(trainer) == bits(twin)
    assert "7 steps" in trainer.message
    assert trainer.message in capsys.readouterr().out


@pytest.mark.parametrize(
    "owner, method, call",
    [("optimizer", "update", 7), ("optimizer", "update", 11), ("model", "evaluate_in_parts", 6),
     ("model", "evaluate_in_parts", 7)],
    ids=["in an update", "in an epoch's first update", "in an evaluation", "in its second half"],
)
def test_going_on_after_ctrl_c_changes_nothing(small, bits, monkeypatch, owner, method, call):
    whole, interrupted = small(), small()
    whole.run(progress=False)
    interrupt(monkeypatch, getattr(interrupted, owner), method, call)
    interrupted.run(progress=False)
    assert interrupted.interrupted
    interrupted.run(progress=False)
    assert not interrupted.interrupted
    assert bits(interrupted) == bits(whole)


ENDLESS = """
import signal, numpy, mlplib

signal.signal(signal.SIGINT, signal.default_int_handler)  # may come ignored from a parent in the background
X, y = numpy.ones((64, 3)), numpy.zeros(64, int)
model = mlplib.MLP((4,), n_inputs=3)
trainer = mlplib.Trainer(model, mlplib.SGD(0.1), (X, y), (X, y), epochs=10**9, patience=None)
for progress in trainer:
    if progress.step == 20:
        break
print("training", flush=True)
history = trainer.run(progress=False)
assert trainer.interrupted
assert len(history.step) > 21, len(history.step)
assert abs(len(history.step) - len(history.evaluation_step)) <= 1
assert all(numpy.isfinite(W).all() for W in model.weights)
print("kept", flush=True)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="Windows sends no SIGINT to one process")
def test_a_real_signal_ends_training_and_keeps_what_was_reached():
    child = subprocess.Popen([sys.executable, "-c", ENDLESS], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        assert child.stdout.readline() == "training\n", child.stderr.read()
        with pytest.raises(subprocess.TimeoutExpired):
            child.wait(timeout=0.5)
        child.send_signal(signal.SIGINT)
        out, errors = child.communicate(timeout=30)
    finally:
        child.kill()
    assert (child.returncode, errors) == (0, "")
    assert out.endswith("kept\n")


# ---- divergence


@pytest.mark.parametrize(
    "losses, step, which",
    [
        ({"minibatch": (1.0, 1.0, 1.0, math.nan)}, 3, "minibatch"),
        ({"minibatch": (1.0, 1.0, math.inf)}, 2, "minibatch"),
        ({"train": (1.0, math.nan)}, 2, "training"),
        ({"train": (1.0, math.inf)}, 2, "training"),
        ({"validation": (1.0, math.inf)}, 2, "validation"),
        ({"validation": (1.0, math.nan)}, 2, "validation"),
        ({"train": (10 * LN10 + 0.1,)}, 10, "training"),
    ],
    ids=str,
)
def test_a_diverging_run_stops_and_says_where(losses, step, which):
    trainer = scripted(**losses)
    with pytest.warns(DivergenceWarning, match=rf"step {step}\b.*{which} loss.*smaller than 0\.1") as warned:
        history = trainer.run(progress=False)
    assert (trainer.diverged, trainer.finished, trainer.stopped_epoch) == (True, True, None)
    assert trainer.message == str(warned[0].message) and len(warned) == 1
    assert len(history.step) == step + 1
    assert len(history.train_loss) > 0


def test_a_high_loss_in_the_first_epoch_is_waited_out():
    trainer = scripted(train=(1e3, 1e3, 1e3, 1e3, 1e3, 10 * LN10 - 0.1))
    trainer.run(progress=False)
    assert not trainer.diverged and len(trainer.history.step) == 50


@pytest.mark.parametrize("errors", ["raise", "ignore"])
@pytest.mark.parametrize("learning_rate", [1e200, 1e307])
def test_an_overflow_is_a_divergence_whether_numpy_raises_or_not(small, learning_rate, errors):
    trainer = small(optimizer=SGD(learning_rate), epochs=20)
    with np.errstate(over=errors, divide=errors, invalid=errors), pytest.warns(DivergenceWarning, match="smaller"):
        trainer.run(progress=False)
    assert trainer.diverged
