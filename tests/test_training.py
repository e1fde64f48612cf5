"""The training loop: what it sees, when it looks, when it stops, and what it keeps."""

import copy
import itertools
import math
import signal
import subprocess
import sys

import numpy as np
import pytest
from helpers import MASKS, assert_equal, copied
from tqdm.auto import tqdm

from mlplib import MLP, SGD, DivergenceWarning, EarlyStopping, Momentum, Trainer
from mlplib.training import progress_bar, quietly

LN10 = math.log(10)


@pytest.fixture
def parted(small_trainer):
    """The same, with another layer and with named parts of the validation set."""

    def build(optimizer=None, **options):
        return small_trainer(optimizer, **({"hidden": (5, 3), "subsets": MASKS} | options))

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


def test_progress_is_what_history_records(small_trainer):
    trainer = small_trainer()
    items = list(trainer)
    assert [item.epoch for item in items] == [item.step // 11 for item in items]
    for name in ("train_loss", "train_accuracy", "validation_loss", "validation_accuracy"):
        assert getattr(trainer.history, name).tolist() == [getattr(item, name) for item in items]
    assert trainer.history.evaluation_step.tolist() == [item.step for item in items]
    losses = trainer.history.minibatch_loss.tolist()
    assert [item.minibatch_loss for item in items] == [losses[item.step] for item in items]


def test_the_progress_bar_counts_the_evaluations(small_trainer, capsys):
    small_trainer(patience=100).run(progress=True)
    assert "17/17" in capsys.readouterr().err
    trainer = small_trainer()
    trainer.run()
    assert "17/17" in capsys.readouterr().err and not trainer.interrupted
    small_trainer().run(progress=False)
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("show, variable, shown", [
    (True, None, True), (True, "", True), (True, "0", True), (True, "1", False), (False, None, False),
    (False, "0", False), (False, "1", False), (None, None, True),
])
def test_a_progress_bar_is_shown_unless_it_is_switched_off(monkeypatch, show, variable, shown):
    if variable is None:
        monkeypatch.delenv("TQDM_DISABLE", raising=False)
    else:
        monkeypatch.setenv("TQDM_DISABLE", variable)
    with progress_bar(range(3), **({} if show is None else {"show": show})) as bar:
        assert bar.disable is not shown
        assert list(bar) == [0, 1, 2]


@pytest.mark.parametrize("platform, seconds", [("darwin", 10), ("emscripten", 0), ("linux", 10)])
def test_a_progress_bar_has_no_monitor_where_there_are_no_threads(monkeypatch, platform, seconds):
    monkeypatch.setattr(tqdm, "monitor_interval", 10)
    monkeypatch.setattr(sys, "platform", platform)
    progress_bar(range(3), show=False)
    assert tqdm.monitor_interval == seconds


def test_history_is_made_of_fresh_arrays(small_trainer):
    trainer = small_trainer(epochs=1)
    for name, column in vars(trainer.run(progress=False)).items():
        if name != "subsets":
            column += 1
    assert trainer.history.step.tolist() == list(range(11))
    assert trainer.history.evaluation_step[0] == 0


def test_best_weights_are_those_of_the_lowest_validation_loss(small_trainer, problem):
    trainer = small_trainer(optimizer=SGD(3.0))
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


def test_the_number_of_evaluations_an_epoch_can_be_chosen(small_trainer):
    assert [progress.step for progress in small_trainer(evaluations_per_epoch=2, epochs=2)] == [0, 5, 10, 15, 20]


# ---- what it sees


class Spy(MLP):
    """A network that remembers which rows it was trained on, by their first columns."""

    def loss_and_gradients(self, X, y, buffers):
        self.__dict__.setdefault("seen", []).append(X[:, 0].tolist())
        return super().loss_and_gradients(X, y, buffers)


@pytest.fixture
def epochs_seen(problem, small_trainer):
    """A function that gives, for each epoch, the samples of its minibatches, by their positions in the training set."""
    position = {x: n for n, x in enumerate(problem(23)[0][:, 0].tolist())}

    def seen(**options):
        trainer = small_trainer(model=Spy, **options)
        trainer.run(progress=False)
        steps = [[position[x] for x in batch] for batch in trainer.model.seen]
        return [steps[epoch * 11 : (epoch + 1) * 11] for epoch in range(3)]

    return seen


def test_without_shuffling_each_epoch_goes_in_order_and_drops_the_incomplete_batch(epochs_seen):
    assert epochs_seen(shuffle=False) == 3 * [[[n, n + 1] for n in range(0, 22, 2)]]


def test_with_shuffling_each_epoch_has_an_order_of_its_own(epochs_seen):
    orders = [tuple(itertools.chain(*epoch)) for epoch in epochs_seen()]
    assert all(len(set(order)) == 22 for order in orders)
    assert len({*orders, tuple(range(22))}) == 4
    assert set(itertools.chain(*orders)) == set(range(23))


def test_a_seed_gives_the_same_minibatches_whatever_the_network(epochs_seen):
    first = epochs_seen(seed=3)
    assert epochs_seen(seed=3, hidden=(2, 7), optimizer=SGD(0.5)) == first
    assert epochs_seen(seed=4) != first


def test_the_order_of_the_data_is_not_the_stream_of_the_weights(epochs_seen):
    weights, order = (np.random.default_rng(stream) for stream in np.random.SeedSequence(0).spawn(2))
    first_epoch = list(itertools.chain(*epochs_seen(seed=0)[0]))
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
    assert not rule.is_new_best(4.0) and rule.exhausted, "it was exhausted before"


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


def test_the_other_defaults():
    train = np.ones((64, 1)), np.zeros(64, int)
    trainer = Trainer(Scripted(), SGD(0.1), train, train)
    said = [getattr(trainer, name) for name in ("batch_size", "epochs", "shuffle", "evaluations_per_epoch", "seed",
                                                "subsets", "dense_steps", "observe")]
    assert said == [32, 50, True, 5, 0, {}, 0, None]
    assert list(trainer.stopping) == ["validation"] and trainer.early_stopping.patience == 50
    assert (trainer.stopped_epoch, trainer.diverged, trainer.interrupted, trainer.message) == (None, False, False, "")


def test_a_rule_begins_with_nothing_seen():
    rule = EarlyStopping(1)
    assert (rule.lowest, rule.waited, rule.exhausted) == (math.inf, 0, False)
    for seen in ({"lowest": 1.0}, {"waited": 1}):
        with pytest.raises(TypeError):
            EarlyStopping(1, **seen)
    assert not rule.is_new_best(math.inf) and rule.exhausted


def test_without_patience_all_epochs_are_run():
    trainer = scripted(epochs=30, validation=(1.0, 2.0))
    assert len(trainer.run(progress=False).step) == 300
    assert (trainer.stopped_epoch, trainer.finished) == (None, True)


# ---- parts of the validation set


@pytest.mark.parametrize("chunk", [2000, 3])
def test_a_curve_on_a_subset_is_the_models_on_these_samples_alone(parted, problem, monkeypatch, chunk):
    monkeypatch.setattr("mlplib.network.CHUNK", chunk)
    X, y = problem(7, seed=1)
    trainer = parted()
    assert len(list(trainer.model.evaluate_in_parts(X, y))) == -(-7 // chunk)
    expected = {name: [] for name in MASKS}
    for _ in trainer:
        for name, mask in MASKS.items():
            expected[name].append(trainer.model.evaluate(X[mask], y[mask]))
    assert list(trainer.history.subsets) == ["front", "odd"]
    for name, curves in trainer.history.subsets.items():
        assert curves.shape == (17, 2)
        np.testing.assert_allclose(curves, expected[name], rtol=1e-12)
    assert trainer.history.subsets["odd"][0, 0] != pytest.approx(trainer.history.validation_loss[0], rel=1e-3)


def test_a_history_without_evaluations_has_empty_subsets(parted):
    trainer = parted()
    assert {name: curves.shape for name, curves in trainer.history.subsets.items()} == {"front": (0, 2), "odd": (0, 2)}
    assert parted(subsets=None).run(progress=False).subsets == {}


def test_subsets_change_nothing_else(parted, bits):
    with_subsets, without = parted(), parted(subsets=None)
    with_subsets.run(progress=False), without.run(progress=False)
    digests = bits(with_subsets)
    assert {name: digest for name, digest in digests.items() if name not in MASKS} == bits(without)


# ---- several stopping rules, losses made up


class Told(MLP):
    """A network that is told the losses of its two validation samples, evaluation by evaluation."""

    losses = ()

    def evaluate_in_parts(self, X, y, each=None):
        if each is not None:
            each[0][:] = next(self.losses)
            each[1][:] = True
        yield (1.0 if each is None else float(each[0].mean())), 0.5


def told(losses, steps_per_epoch=10, epochs=6, patience=2, stop_on=("first", "second"), **options):
    """An evaluation at every fifth part of an epoch, one sample a minibatch."""
    model = Told((), n_inputs=1, n_classes=2)
    model.losses = iter(losses)
    train, validation = ((np.ones((n, 1)), np.zeros(n, int)) for n in (steps_per_epoch, 2))
    return Trainer(model, SGD(0.1), train, validation, batch_size=1, epochs=epochs, patience=patience, stop_on=stop_on,
                   subsets={"first": np.array([True, False]), "second": np.array([False, True])}, **options)


FIRST = (3.0, 2.0, 2.5, 2.6, 1.0, 0.9, 0.8, 0.7)  # lowest at the evaluation with number 1, given up at number 3
SECOND = (3.0, 4.0, 2.0, 3.0, 1.5, 2.0, 2.0, 0.1)  # lowest at number 4, given up at number 6


def test_each_rule_stops_by_itself_and_the_run_ends_with_the_last():
    trainer = told(zip(FIRST, SECOND))
    weights = {progress.step: copied(trainer.model) for progress in trainer}
    assert {name: kept.step for name, kept in trainer.last.items()} == {"first": 6, "second": 12}
    assert {name: kept.step for name, kept in trainer.best.items()} == {"first": 2, "second": 8}
    assert (trainer.n_steps, trainer.stopped_epoch, trainer.finished) == (13, 1, True)
    for kept in (*trainer.last.values(), *trainer.best.values()):
        assert_equal(kept.weights, weights[kept.step])
    assert len({W.tobytes() for W, in weights.values()}) == 7
    assert trainer.stopping["first"].lowest == 2.0 and trainer.stopping["second"].lowest == 1.5


def test_the_order_of_the_rules_says_only_whose_best_weights_come_first():
    trainer, turned = (told(zip(FIRST, SECOND), stop_on=names) for names in (("first", "second"), ("second", "first")))
    trainer.run(progress=False), turned.run(progress=False)
    assert trainer.n_steps == turned.n_steps
    assert trainer.best_weights is trainer.best["first"].weights
    assert turned.best_weights is turned.best["second"].weights
    assert trainer.early_stopping is trainer.stopping["first"] and turned.early_stopping is turned.stopping["second"]
    assert not np.array_equal(trainer.best_weights[0], turned.best_weights[0])


def test_a_rule_that_is_not_asked_does_not_stop():
    trainer = told(zip(FIRST, SECOND), stop_on=("second",))
    trainer.run(progress=False)
    assert list(trainer.best) == list(trainer.last) == ["second"] and trainer.last["second"].step == 12


def test_the_whole_set_stops_beside_its_parts():
    means = np.mean([FIRST, SECOND], axis=0).tolist()
    assert means[:7] == [3.0, 3.0, 2.25, 2.8, 1.25, 1.45, 1.4]  # lowest at number 4, given up at number 6
    trainer = told(zip(FIRST, SECOND), stop_on=("first", "validation"))
    trainer.run(progress=False)
    assert {name: kept.step for name, kept in trainer.last.items()} == {"first": 6, "validation": 12}


def test_a_rule_that_finds_no_reason_keeps_the_run_going():
    trainer = told(zip(itertools.chain(FIRST, itertools.repeat(1.0)), itertools.count(9.0, -0.1)), epochs=2)
    trainer.run(progress=False)
    assert list(trainer.last) == ["first"] and trainer.best["second"].step == 18
    assert (trainer.n_steps, trainer.stopped_epoch, trainer.finished) == (20, None, True)


def test_before_the_first_evaluation_nothing_is_kept(parted):
    trainer = parted()
    next(trainer.pieces())
    assert trainer.n_steps == 1 and trainer.best == trainer.last == {} and trainer.best_weights is None


# ---- evaluations in between


def test_evaluations_in_between_are_at_every_25th_of_the_first_updates(parted):
    trainer = parted(epochs=10, dense_steps=76)
    assert [progress.step for progress in trainer] == sorted({*range(0, 110, 2), 25, 75})
    assert [p.step for p in parted(epochs=10, dense_steps=75)] == sorted({*range(0, 110, 2), 25})


@pytest.mark.parametrize("dense_steps", [0, 1, 25, 26, 75, 76, 100, 101, 10**6])
@pytest.mark.parametrize("evaluations_per_epoch", [1, 2, 5, 11])
def test_the_number_of_evaluations_is_known_before(parted, dense_steps, evaluations_per_epoch):
    trainer = parted(epochs=10, dense_steps=dense_steps, evaluations_per_epoch=evaluations_per_epoch)
    assert trainer.n_evaluations == len(list(trainer)) == trainer.n_evaluations


def test_the_progress_bar_counts_evaluations_in_between(parted, capsys, monkeypatch):
    monkeypatch.delenv("TQDM_DISABLE", raising=False)
    parted(epochs=10, dense_steps=76).run(progress=True)
    assert "57/57" in capsys.readouterr().err


def test_early_stopping_does_not_count_evaluations_in_between():
    regular = {0: 3.0, 20: 2.0, 40: 2.5, 60: 1.9, 80: 2.1, 100: 2.2, 120: 0.1}
    between = {25: 0.2, 50: 9.0, 75: 9.0, 125: 0.1}  # neither a new lowest loss nor one to wait
    for dense_steps, losses in ((0, regular), (1000, regular | between)):
        trainer = told(((losses[step],) * 2 for step in sorted(losses)), steps_per_epoch=100, stop_on=("first",),
                       dense_steps=dense_steps)
        trainer.run(progress=False)
        assert (trainer.n_steps, trainer.best["first"].step, trainer.last["first"].step) == (101, 60, 100)
        steps = [step for step in sorted(losses) if step <= 100]
        assert trainer.history.evaluation_step.tolist() == steps
        assert trainer.history.validation_loss.tolist() == [losses[step] for step in steps]


# ---- in pieces


def test_pieces_are_updates_and_parts_of_evaluations(small_trainer, monkeypatch):
    monkeypatch.setattr("mlplib.network.CHUNK", 10)  # 23 training samples in three parts, 7 of validation in one
    trainer = small_trainer(epochs=1)
    expected = []
    for step in range(11):
        expected += ["update"] + (step % 2 == 0) * (4 * ["part"] + ["evaluation"])
    found, step = [], 0
    for piece in trainer.pieces():
        found.append("evaluation" if piece else "update" if trainer.n_steps > step else "part")
        step = trainer.n_steps
    assert found == expected


def test_leaving_at_any_piece_and_going_on_changes_nothing(small_trainer, problem, bits, monkeypatch):
    monkeypatch.setattr("mlplib.network.CHUNK", 10)
    whole, interrupted = small_trainer(), small_trainer()
    assert len(list(whole.model.evaluate_in_parts(*problem(23)))) == 3
    whole.run(progress=False)
    lengths = itertools.cycle((1, 3, 8))  # 8 pieces finish an evaluation that 1 or 3 leave in the middle
    while not interrupted.finished:
        list(itertools.islice(interrupted.pieces(), next(lengths)))
    assert bits(interrupted) == bits(whole)


def test_leaving_at_any_piece_changes_nothing_of_what_several_rules_keep(parted, problem, bits, monkeypatch):
    monkeypatch.setattr("mlplib.network.CHUNK", 3)
    whole, paused = (parted(SGD(3.0), epochs=20, patience=8, dense_steps=150, stop_on=("odd", "validation", "front"),
                           evaluations_per_epoch=3) for _ in range(2))
    assert len(list(whole.model.evaluate_in_parts(*problem(23)))) == 8
    whole.run(progress=False)
    lengths = itertools.cycle((1, 5, 13))  # 13 finish an evaluation, made of 8 parts and 3 parts, that 1 or 5 do not
    while not paused.finished:
        list(itertools.islice(paused.pieces(), next(lengths)))
    assert bits(paused) == bits(whole)
    assert {25, 50} <= set(paused.history.evaluation_step.tolist())
    for kept, same in ((paused.best, whole.best), (paused.last, whole.last)):
        assert {name: one.step for name, one in kept.items()} == {name: one.step for name, one in same.items()}
        for name in kept:
            assert_equal(kept[name].weights, same[name].weights)
    assert paused.stopped_epoch == whole.stopped_epoch and len(whole.last) > 0


def test_the_loop_of_evaluations_and_the_loop_of_pieces_are_one(small_trainer, bits):
    whole, pieces = small_trainer(), small_trainer()
    assert list(whole) == [piece for piece in pieces.pieces() if piece]
    assert bits(pieces) == bits(whole)


# ---- an observer


def test_an_observer_is_called_once_after_each_evaluation(parted):
    seen = []

    def observe(trainer):
        seen.append((trainer, len(trainer.history.train_loss)))

    trainer = parted(epochs=5, dense_steps=51, observe=observe)
    steps = [progress.step for progress in trainer]
    assert seen == [(trainer, n) for n in range(1, len(steps) + 1)] and 25 in steps


@pytest.mark.parametrize("optimizer", [SGD(0.5), Momentum(0.1, 0.8)], ids=repr)
def test_the_last_update_is_what_was_subtracted(parted, optimizer):
    trainer = parted(optimizer, evaluations_per_epoch=11)
    before, compared = copied(trainer.model), 0
    for _ in trainer:
        for W, V, update in zip(before, trainer.model.weights, trainer.last_update, strict=True):
            np.testing.assert_allclose(W - V, update, atol=1e-15, rtol=1e-9)
            assert update.any()
            update += 1  # a fresh array
        before, compared = copied(trainer.model), compared + 1
    assert compared == 33


def test_observing_the_updates_changes_nothing(parted, bits):
    observed, alone = parted(observe=lambda trainer: trainer.last_update), parted()
    observed.run(progress=False), alone.run(progress=False)
    assert bits(observed) == bits(alone)


# ---- interruptions


def test_leaving_the_loop_and_going_on_changes_nothing(small_trainer, bits):
    whole, interrupted = small_trainer(), small_trainer()
    whole.run(progress=False)
    while not interrupted.finished:
        for _ in interrupted:
            break
    assert bits(interrupted) == bits(whole)


def test_leaving_the_loop_after_an_evaluation_and_going_on_changes_nothing(parted, bits):
    whole, paused = (parted(epochs=10, dense_steps=100, evaluations_per_epoch=3) for _ in range(2))
    seen = []
    while not paused.finished:
        seen += list(itertools.islice(paused, 1))
    assert seen == list(whole) and bits(paused) == bits(whole)
    assert len(seen) == whole.n_evaluations


def interrupt(monkeypatch, target, method, call):
    """Let the given call of a method, counted from 0, raise what Ctrl-C raises, before it has done anything."""
    original, calls = getattr(target, method), itertools.count()

    def interrupted(*arguments):
        if next(calls) == call:
            raise KeyboardInterrupt
        return original(*arguments)

    monkeypatch.setattr(target, method, interrupted)


def test_ctrl_c_keeps_history_and_weights(small_trainer, bits, monkeypatch, capsys):
    trainer, twin = small_trainer(), small_trainer()
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
def test_going_on_after_ctrl_c_changes_nothing(small_trainer, bits, monkeypatch, owner, method, call):
    whole, interrupted = small_trainer(), small_trainer()
    whole.run(progress=False)
    interrupt(monkeypatch, getattr(interrupted, owner), method, call)
    interrupted.run(progress=False)
    assert interrupted.interrupted
    interrupted.run(progress=False)
    assert not interrupted.interrupted
    assert bits(interrupted) == bits(whole)


class Moments:
    """Raises what Ctrl-C raises before the n-th instruction of the library's training code, counted from 0."""

    FILES = tuple(f"mlplib/{name}.py" for name in ("training", "optimizers", "network", "losses", "activations"))

    def __init__(self, n=math.inf):
        self.n, self.seen = n, 0

    def __call__(self, frame, event, argument):
        if frame.f_code.co_filename.endswith(self.FILES):
            frame.f_trace_opcodes = True
            return self.local
        return None

    def local(self, frame, event, argument):
        if event == "opcode":
            self.seen += 1
            if self.seen == self.n + 1:
                raise KeyboardInterrupt
        return self.local

    def __enter__(self):
        self.before = sys.gettrace()
        sys.settrace(self)
        return self

    def __exit__(self, *error):
        sys.settrace(self.before)


@pytest.mark.parametrize("optimizer", [SGD(0.5), Momentum(0.1)], ids=repr)
def test_going_on_after_ctrl_c_at_any_instruction_changes_nothing(parted, bits, optimizer):
    """An update is made or not, an epoch is shuffled once, an evaluation is heeded once: at 300 random instructions."""
    def trainer():
        return parted(copy.copy(optimizer), batch_size=4, epochs=3, patience=2, stop_on=("validation", "odd"),
                      dense_steps=8)

    def told(trainer):
        return (bits(trainer), trainer.stopped_epoch, {name: one.step for name, one in trainer.best.items()},
                {name: one.step for name, one in trainer.last.items()}, list(map(vars, trainer.stopping.values())))

    whole = trainer()
    with Moments() as moments:
        whole.run(progress=False)
    came = 0
    for n in np.random.default_rng(0).integers(moments.seen, size=300).tolist():
        interrupted = trainer()
        with Moments(n):
            try:
                for _ in interrupted:
                    pass
            except KeyboardInterrupt:
                came += 1
        interrupted.run(progress=False)
        assert told(interrupted) == told(whole), f"interrupted before instruction {n} of {moments.seen}"
    assert came > 250


def test_an_epochs_order_is_a_function_of_the_seed_and_the_epoch(small_trainer):
    trainer, twin = small_trainer(seed=5), small_trainer(seed=5)
    orders = [trainer.order(epoch).tolist() for epoch in range(3)]
    assert [twin.order(epoch).tolist() for epoch in (0, 0, 1, 1, 2)] == [orders[epoch] for epoch in (0, 0, 1, 1, 2)]
    rng = np.random.default_rng(np.random.SeedSequence(5).spawn(2)[1])
    assert orders == [rng.permutation(23).tolist() for _ in range(3)]
    assert small_trainer(shuffle=False).order(2).tolist() == list(range(23))


def test_the_order_of_the_present_epoch_is_drawn_once_and_the_others_when_they_are_asked_for(small_trainer):
    trainer, orders = small_trainer(), [small_trainer().order(epoch).tolist() for epoch in range(4)]
    assert len(set(map(tuple, orders))) == 4
    for progress in trainer:
        if progress.step == 22:  # of 11 in each epoch
            break
    order = trainer.order(2)
    asked = (1, 3, 0, 2)
    assert [trainer.order(epoch).tolist() for epoch in asked] == [orders[epoch] for epoch in asked]
    assert trainer.order(2) is order
    for before in (trainer, small_trainer()):
        with pytest.raises(ValueError, match=r"^epoch: expected"):
            before.order(-1)


def test_looking_at_the_orders_to_come_changes_no_training(small_trainer, bits):
    plain, asked = small_trainer(), small_trainer()
    plain.run(progress=False)
    for _ in zip(range(3), asked.pieces()):
        for epoch in (2, 1, 0):
            asked.order(epoch)
    asked.run(progress=False)
    assert bits(asked) == bits(plain)


ENDLESS = """
import signal, numpy, mlplib

signal.signal(signal.SIGINT, signal.default_int_handler)  # may come ignored from a parent in the background
X, y = numpy.ones((64, 3)), numpy.zeros(64, int)
model = mlplib.MLP((4,), n_inputs=3)

def told(trainer):
    if trainer.n_steps == 40:
        print("training", flush=True)

trainer = mlplib.Trainer(model, mlplib.SGD(0.1), (X, y), (X, y), epochs=10**9, patience=None, observe=told)
for progress in trainer:
    if progress.step == 20:
        break
history = trainer.run(progress=False)
assert trainer.interrupted
assert len(history.step) >= 40, len(history.step)
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
        out, errors = child.communicate(timeout=300)
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


def test_early_stopping_notes_nothing_where_a_run_diverges():
    trainer = scripted(train=(1.0, math.inf), validation=(1.0, 2.0), patience=1)  # which it would have exhausted there
    with pytest.warns(DivergenceWarning, match="step 2: the training loss"):
        trainer.run(progress=False)
    assert (trainer.diverged, trainer.stopped_epoch, trainer.last) == (True, None, {})
    assert [weights.step for weights in trainer.best.values()] == [0]


def test_a_high_loss_in_the_first_epoch_is_waited_out():
    trainer = scripted(train=(1e3, 1e3, 1e3, 1e3, 1e3, 10 * LN10 - 0.1))
    trainer.run(progress=False)
    assert not trainer.diverged and len(trainer.history.step) == 50


def test_the_first_epoch_is_over_after_its_last_update():
    trainer = scripted()
    for _ in range(9):
        trainer.update()
    trainer.check_divergence(1e3)
    assert not trainer.diverged and trainer.message == ""
    trainer.update()
    trainer.check_divergence(10 * LN10)  # as high as may be
    assert not trainer.diverged
    with pytest.warns(DivergenceWarning, match="step 9: the training loss is 1000"):
        trainer.check_divergence(1e3)
    assert trainer.diverged
    trainer.check_divergence(2e3)  # said once
    assert "1000" in trainer.message


def test_the_warning_points_to_who_asked():
    with pytest.warns(DivergenceWarning) as warned:
        scripted().check_divergence(math.nan)
    assert warned[0].filename == __file__


@pytest.mark.parametrize("errors", ["raise", "ignore"])
@pytest.mark.parametrize("learning_rate", [1e200, 1e307])
def test_an_overflow_is_a_divergence_whether_numpy_raises_or_not(small_trainer, learning_rate, errors):
    trainer = small_trainer(optimizer=SGD(learning_rate), epochs=20)
    with np.errstate(over=errors, divide=errors, invalid=errors), pytest.warns(DivergenceWarning, match="smaller"):
        trainer.run(progress=False)
    assert trainer.diverged


# ---- what a trainer does not take


@pytest.mark.parametrize(
    "options, exception, said",
    [
        ({"stop_on": ()}, ValueError, "^stop_on: expected at least one name, got none$"),
        ({"stop_on": (name for name in ())}, TypeError, "^stop_on: expected a sequence of names .*generator"),
        ({"stop_on": {"odd", "front"}}, TypeError, "^stop_on: expected a sequence of names .*set"),
        ({"stop_on": "odd"}, TypeError, "^stop_on: expected .* names among 'validation', 'front', 'odd', got 'odd'"),
        ({"stop_on": None}, TypeError, "^stop_on: expected a sequence of names .*got None"),
        ({"stop_on": ("odd", "even")}, ValueError, r"^stop_on\[1\]: .*'validation', 'front', 'odd', got 'even'"),
        ({"stop_on": ("odd", "odd")}, ValueError, "^stop_on: expected different names"),
        ({"stop_on": ("odd",), "subsets": None}, ValueError, r"^stop_on\[0\]: expected one of 'validation', got 'odd'"),
        ({"dense_steps": -1}, ValueError, "^dense_steps: expected an integer of at least 0, got -1"),
        ({"dense_steps": 2.0}, TypeError, "^dense_steps: expected an integer of at least 0, got 2.0"),
        ({"subsets": {"odd": np.ones(6, bool)}}, ValueError, r"^subsets\['odd'\]: .*\(7,\).*got .* shape \(6,\)"),
        ({"subsets": {"odd": np.ones(8, bool)}}, ValueError, r"^subsets\['odd'\]: .*\(7,\).*got .* shape \(8,\)"),
        ({"subsets": {"validation": np.ones(7, bool)}}, ValueError, "^subsets: expected other names than 'validation'"),
        ({"subsets": {"odd": np.ones(7, int)}}, ValueError, r"^subsets\['odd'\]: .*bool array .*got dtype int64"),
        ({"subsets": {"odd": np.zeros(7, bool)}}, ValueError, r"^subsets\['odd'\]: .*true somewhere"),
        ({"subsets": {"odd": [1, 3]}}, ValueError, r"^subsets\['odd'\]: .*got dtype int64 and shape \(2,\)"),
    ],
)
def test_bad_input(parted, options, exception, said):
    with pytest.raises(exception, match=said):
        parted(**options)


SMALLEST = {"batch_size": 1, "epochs": 1, "patience": 1, "evaluations_per_epoch": 1, "seed": 0, "dense_steps": 0}


@pytest.mark.parametrize("name, smallest", SMALLEST.items())
def test_the_smallest_value_is_taken_and_none_below_it(small_trainer, name, smallest):
    trainer = small_trainer(**{name: smallest})
    trainer.run(progress=False)
    assert trainer.finished
    with pytest.raises(ValueError, match=rf"^{name}: expected an integer of at least {smallest}, got {smallest - 1}$"):
        small_trainer(**{name: smallest - 1})


def test_a_minibatch_may_be_the_whole_training_set_and_no_more(small_trainer):
    assert small_trainer(batch_size=23).steps_per_epoch == 1
    with pytest.raises(ValueError, match=r"^batch_size: expected at most the 23 training samples, got 24$"):
        small_trainer(batch_size=24)


def test_more_evaluations_than_updates_are_one_after_each(small_trainer):
    trainer = small_trainer(evaluations_per_epoch=12, epochs=1)
    assert [progress.step for progress in trainer] == list(range(11))


def test_after_updates_by_hand_beyond_the_end_none_is_added(small_trainer):
    trainer = small_trainer(epochs=1, evaluations_per_epoch=1)
    trainer.run(progress=False)
    for n_steps in (12, 13, 14):
        trainer.update()
        list(trainer)
        assert trainer.finished and trainer.n_steps == n_steps


def test_a_trainer_whose_buffers_came_read_only_goes_on(small_trainer, bits):
    """As joblib hands large arrays to its workers."""
    whole, trainer = small_trainer(), small_trainer()
    whole.run(progress=False)
    next(iter(trainer))
    state = dict(vars(trainer))
    for name in ("_minibatch", "_minibatch_targets"):
        state[name] = state[name].copy()
        state[name].flags.writeable = False
    copied = Trainer.__new__(Trainer)
    copied.__setstate__(state)
    copied.run(progress=False)
    assert bits(copied) == bits(whole)


# ---- what a trainer is made of


def test_an_optimizer_that_has_moved_another_network_is_refused(small_trainer):
    optimizer = Momentum(0.1)
    first = small_trainer(optimizer)
    first.run(progress=False)
    for model in (MLP, lambda hidden, **options: MLP((8, 3, 7), **options)):
        with pytest.raises(ValueError, match=r"^optimizer: expected one whose velocities are of these weights, .* "
                                             r"fresh one is Momentum\(learning_rate=0.1, gamma=0.9\)"):
            small_trainer(optimizer, model)
    small_trainer(optimizer, lambda *args, **options: first.model)  # its own network goes on


@pytest.mark.parametrize("options, exception, said", [
    ({"optimizer": Momentum}, TypeError, r"^optimizer: expected one such as SGD\(0.1\) .*got the class Momentum"),
    ({"optimizer": 0.1}, TypeError, "^optimizer: .*got float"),
    ({"optimizer": SGD(1e39), "dtype": np.float32}, ValueError,
     r"^optimizer.learning_rate: expected a number that float32 can hold, got 1e\+39, which is inf there"),
    ({"observe": "me"}, TypeError, "^observe: expected a function, got 'me'"),
    ({"subsets": [1]}, TypeError, r"^subsets: expected a dict with names as keys, got \[1\]"),
    ({"subsets": {1: np.ones(7, bool)}}, TypeError, "^subsets: expected a dict with names as keys"),
])
def test_what_a_trainer_cannot_use_is_said_before_it_trains(problem, options, exception, said):
    options = {"optimizer": SGD(0.1), "dtype": np.float64} | options
    model = MLP((5,), n_inputs=4, n_classes=3, dtype=options.pop("dtype"))
    with pytest.raises(exception, match=said):
        Trainer(model, options.pop("optimizer"), problem(23), problem(7), batch_size=2, **options)


@pytest.mark.parametrize("pair, got", [(5, "int"), ((1, 2, 3), "tuple"), (None, "NoneType")])
def test_a_set_is_a_pair(problem, pair, got):
    model = MLP((5,), n_inputs=4, n_classes=3)
    for sets, name in (((pair, problem()), "train"), ((problem(), pair), "validation")):
        with pytest.raises(TypeError, match=rf"^{name}: expected a pair \(X, y\), got {got}$"):
            Trainer(model, SGD(0.1), *sets)


def test_a_model_is_no_class(problem):
    with pytest.raises(TypeError, match=r"^model: expected one such as MLP\(\(64,\)\), got the class MLP$"):
        Trainer(MLP, SGD(0.1), problem(23), problem(7))


# ---- NumPy's settings


@pytest.mark.parametrize("optimizer", [SGD(0.5), Momentum(0.1)], ids=repr)
def test_numpys_settings_for_errors_change_nothing(small_trainer, bits, optimizer):
    """Where images hold numbers so small that products vanish, as they may."""
    def trained():
        trainer = small_trainer(copy.copy(optimizer), lambda *args, **options: MLP(
            *args, **(options | {"dtype": np.float32, "init_scale": 1e-20})))
        trainer._X[:, 0] *= 1e-30
        trainer.run(progress=False)
        return trainer

    with np.errstate(all="ignore"):
        calm = trained()
    with np.errstate(all="raise"):
        assert bits(trained()) == bits(calm) and not calm.diverged


def test_a_run_that_diverges_says_so_under_any_setting(small_trainer):
    said = set()
    for errors in ("ignore", "warn", "raise"):
        trainer = small_trainer(SGD(1e300))
        with np.errstate(all=errors), pytest.warns(DivergenceWarning) as warned:
            trainer.run(progress=False)
        assert len(warned) == 1
        said.add(trainer.message)
    assert len(said) == 1


def test_within_quietly_a_divergence_is_only_said_in_the_message(small_trainer, recwarn):
    with quietly():
        trainer = small_trainer(SGD(1e300))
        trainer.run(progress=False)
    assert trainer.diverged and "diverged" in trainer.message and list(recwarn) == []
