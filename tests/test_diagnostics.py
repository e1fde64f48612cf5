"""Several stopping rules on one run, evaluations in between that they do not count, and what is recorded on the way."""

import itertools
import math
from dataclasses import replace

import numpy as np
import pytest

import mlplib
from mlplib import MLP, SGD, Experiment, Momentum, Trainer
from mlplib.diagnostics import Recorder
from mlplib.inputs import half_masks, held_out_pieces
from mlplib.store import Store

CURVES = ("train_loss", "train_accuracy", "validation_loss", "validation_accuracy")
RULES = ("validation", "half_1", "half_2")
# Ten steps an epoch, an evaluation after every second one. The rules stop at different steps.
PLAIN = Experiment(hidden=(8,), n_train=320, epochs=12, learning_rate=2.0, patience=6, seed=2)
THREE = replace(PLAIN, stop_on=RULES, judge_on=(*RULES, "held_out"))
MASKS = {"front": np.arange(7) < 4, "odd": np.arange(7) % 2 == 1}


@pytest.fixture
def small(problem):
    """A function that gives the trainer of a small network; eleven steps an epoch, every second one evaluated."""

    def build(optimizer=None, model=MLP, hidden=(5, 3), samples=problem(23), **options):
        model = model(hidden, n_inputs=4, n_classes=3, dtype=np.float64)
        options = {"batch_size": 2, "epochs": 3, "patience": None, "subsets": MASKS} | options
        return Trainer(model, optimizer or Momentum(0.1), samples, problem(7, seed=1), **options)

    return build


@pytest.fixture(scope="module")
def three():
    return mlplib.run(THREE)


def copied(model):
    return [W.copy() for W in model.weights]


def assert_equal(ours, theirs):
    """Weights, to the last bit."""
    assert len(ours) == len(theirs) and all(map(np.array_equal, ours, theirs))


# ---- parts of the validation set


@pytest.mark.parametrize("chunk", [2000, 3])
def test_a_curve_on_a_subset_is_the_models_on_these_samples_alone(small, problem, monkeypatch, chunk):
    monkeypatch.setattr("mlplib.network.CHUNK", chunk)
    X, y = problem(7, seed=1)
    trainer = small()
    expected = {name: [] for name in MASKS}
    for _ in trainer:
        for name, mask in MASKS.items():
            expected[name].append(trainer.model.evaluate(X[mask], y[mask]))
    assert list(trainer.history.subsets) == ["front", "odd"]
    for name, curves in trainer.history.subsets.items():
        assert curves.shape == (17, 2)
        np.testing.assert_allclose(curves, expected[name], rtol=1e-12)
    assert trainer.history.subsets["odd"][0, 0] != pytest.approx(trainer.history.validation_loss[0], rel=1e-3)


def test_each_samples_loss_and_hit(small, problem):
    X, y = problem(7, seed=1)
    model = small().model
    losses, hits = np.empty(7), np.empty(7, bool)
    model.loss_and_accuracy(X, y, (losses, hits))
    np.testing.assert_allclose(losses, [model.loss(x[None], [label]) for x, label in zip(X, y)], rtol=1e-12)
    assert hits.tolist() == (model.predict(X) == y).tolist() and set(hits.tolist()) == {True, False}


def test_the_mean_over_both_halves_is_the_validation_sets(three):
    halves = (three.history.subsets["half_1"] + three.history.subsets["half_2"]) / 2
    np.testing.assert_allclose(halves[:, 0], three.history.validation_loss, rtol=1e-5)
    np.testing.assert_allclose(halves[:, 1], three.history.validation_accuracy, rtol=1e-12)


def test_the_beginning_of_a_history_has_the_beginning_of_its_subsets(small):
    whole = small().run(progress=False)
    beginning = whole.until(13)
    assert {name: len(curves) for name, curves in beginning.subsets.items()} == {"front": 7, "odd": 7}
    assert np.array_equal(beginning.subsets["odd"], whole.subsets["odd"][:7])


def test_a_history_without_evaluations_has_empty_subsets(small):
    trainer = small()
    assert {name: curves.shape for name, curves in trainer.history.subsets.items()} == {"front": (0, 2), "odd": (0, 2)}
    assert small(subsets=None).run(progress=False).subsets == {}


def test_subsets_change_nothing_else(small, bits):
    with_subsets, without = small(), small(subsets=None)
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


def test_before_the_first_evaluation_nothing_is_kept(small):
    trainer = small()
    next(trainer.pieces())
    assert trainer.n_steps == 1 and trainer.best == trainer.last == {} and trainer.best_weights is None


# ---- evaluations in between


def test_evaluations_in_between_are_at_every_25th_of_the_first_updates(small):
    trainer = small(epochs=10, dense_steps=76)
    assert [progress.step for progress in trainer] == sorted({*range(0, 110, 2), 25, 75})
    assert [p.step for p in small(epochs=10, dense_steps=75)] == sorted({*range(0, 110, 2), 25})


@pytest.mark.parametrize("dense_steps", [0, 1, 25, 26, 75, 76, 100, 101, 10**6])
@pytest.mark.parametrize("evaluations_per_epoch", [1, 2, 5, 11])
def test_the_number_of_evaluations_is_known_before(small, dense_steps, evaluations_per_epoch):
    trainer = small(epochs=10, dense_steps=dense_steps, evaluations_per_epoch=evaluations_per_epoch)
    assert trainer.n_evaluations == len(list(trainer)) == trainer.n_evaluations


def test_the_progress_bar_counts_evaluations_in_between(small, capsys, monkeypatch):
    monkeypatch.delenv("TQDM_DISABLE", raising=False)
    small(epochs=10, dense_steps=76).run(progress=True)
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


@pytest.mark.parametrize("experiment", [PLAIN, replace(PLAIN, stop_on=RULES)], ids=["one rule", "three rules"])
def test_evaluations_in_between_change_neither_weights_nor_where_a_run_stops(experiment):
    plain, dense = mlplib.run(experiment), mlplib.run(replace(experiment, dense_steps=1000))
    extra = set(dense.history.evaluation_step) - set(plain.history.evaluation_step)
    assert extra == set(range(25, plain.history.n_steps, 50))
    assert plain.stopped_epoch == dense.stopped_epoch is not None
    assert_equal(plain.model.weights, dense.model.weights)
    assert (plain.final, plain.best) == (dense.final, dense.best)
    assert np.array_equal(plain.history.minibatch_loss, dense.history.minibatch_loss)
    shared = np.isin(dense.history.evaluation_step, plain.history.evaluation_step)
    for name in CURVES:
        assert np.array_equal(getattr(dense.history, name)[shared], getattr(plain.history, name))


def test_leaving_at_any_piece_and_going_on_changes_nothing(small, bits, monkeypatch):
    monkeypatch.setattr("mlplib.network.CHUNK", 3)
    whole, paused = (small(SGD(3.0), epochs=20, patience=8, dense_steps=150, stop_on=("odd", "validation", "front"),
                           evaluations_per_epoch=3) for _ in range(2))
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


def test_leaving_the_loop_after_an_evaluation_and_going_on_changes_nothing(small, bits):
    whole, paused = (small(epochs=10, dense_steps=100, evaluations_per_epoch=3) for _ in range(2))
    seen = []
    while not paused.finished:
        seen += list(itertools.islice(paused, 1))
    assert seen == list(whole) and bits(paused) == bits(whole)
    assert len(seen) == whole.n_evaluations


# ---- an observer


def test_an_observer_is_called_once_after_each_evaluation(small):
    seen = []

    def observe(trainer):
        seen.append((trainer, len(trainer.history.train_loss)))

    trainer = small(epochs=5, dense_steps=51, observe=observe)
    steps = [progress.step for progress in trainer]
    assert seen == [(trainer, n) for n in range(1, len(steps) + 1)] and 25 in steps


@pytest.mark.parametrize("optimizer", [SGD(0.5), Momentum(0.1, 0.8)], ids=repr)
def test_the_last_update_is_what_was_subtracted(small, optimizer):
    trainer = small(optimizer, evaluations_per_epoch=11)
    before, compared = copied(trainer.model), 0
    for _ in trainer:
        for W, V, update in zip(before, trainer.model.weights, trainer.last_update, strict=True):
            np.testing.assert_allclose(W - V, update, atol=1e-15, rtol=1e-9)
            assert update.any()
            update += 1  # a fresh array
        before, compared = copied(trainer.model), compared + 1
    assert compared == 33


def test_observing_the_updates_changes_nothing(small, bits):
    observed, alone = small(observe=lambda trainer: trainer.last_update), small()
    observed.run(progress=False), alone.run(progress=False)
    assert bits(observed) == bits(alone)


# ---- what a trainer does not take


@pytest.mark.parametrize(
    "options, exception, said",
    [
        ({"stop_on": ()}, ValueError, "^stop_on: expected at least one name, got none$"),
        ({"stop_on": (name for name in ())}, ValueError, "^stop_on: expected at least one name, got none$"),
        ({"stop_on": "odd"}, TypeError, "^stop_on: expected .* names among 'validation', 'front', 'odd', got 'odd'"),
        ({"stop_on": None}, TypeError, "^stop_on: expected a sequence of names .*got None"),
        ({"stop_on": ("odd", "even")}, ValueError, r"^stop_on\[1\]: .*'validation', 'front', 'odd', got 'even'"),
        ({"stop_on": ("odd", "odd")}, ValueError, "^stop_on: expected different names"),
        ({"stop_on": ("odd",), "subsets": None}, ValueError, r"^stop_on\[0\]: expected one of 'validation', got 'odd'"),
        ({"dense_steps": -1}, ValueError, "^dense_steps: expected an integer of at least 0, got -1"),
        ({"dense_steps": 2.0}, TypeError, "^dense_steps: expected an integer of at least 0, got 2.0"),
        ({"subsets": {"odd": np.ones(6, bool)}}, ValueError, r"^subsets\['odd'\]: .*\(7,\).*got .* shape \(6,\)"),
        ({"subsets": {"odd": np.ones(7, int)}}, ValueError, r"^subsets\['odd'\]: .*bool array .*got dtype int64"),
        ({"subsets": {"odd": np.zeros(7, bool)}}, ValueError, r"^subsets\['odd'\]: .*true somewhere"),
        ({"subsets": {"odd": [1, 3]}}, ValueError, r"^subsets\['odd'\]: .*got dtype int64 and shape \(2,\)"),
    ],
)
def test_bad_input(small, options, exception, said):
    with pytest.raises(exception, match=said):
        small(**options)


# ---- the stops of a run


def stop_by_hand(losses, steps, patience):
    """The steps at which early stopping ends and at which the lowest loss was, by looking back over all losses."""
    for i in range(patience, len(losses)):
        if min(losses[i - patience + 1 : i + 1]) >= min(losses[: i - patience + 1]):
            lowest = int(np.argmin(losses[: i + 1]))
            if i - lowest == patience:
                return steps[i], steps[lowest]
    raise AssertionError("no reason to stop")


@pytest.mark.parametrize("rule", RULES)
def test_a_rule_among_several_is_the_run_that_has_it_alone(three, rule):
    alone = mlplib.run(replace(PLAIN, stop_on=(rule,)))
    stop = three.stops[rule]
    assert alone.stopped_epoch is not None and stop.stopped
    assert stop.step == alone.history.n_steps - 1 <= three.history.n_steps - 1
    for figures, kept in ((alone.final, stop.last), (alone.best, stop.best)):
        assert (*kept["train"], *kept["validation"]) == figures
    beginning = three.history.until(stop.step)
    assert np.array_equal(beginning.minibatch_loss, alone.history.minibatch_loss)
    for name in CURVES:
        assert np.array_equal(getattr(beginning, name), getattr(alone.history, name))


def test_the_rules_stop_where_one_finds_by_hand(three):
    history = three.history
    losses = {"validation": history.validation_loss} | {name: curves[:, 0] for name, curves in history.subsets.items()}
    found = {name: (stop.step, stop.best_step) for name, stop in three.stops.items()}
    assert found == {name: stop_by_hand(losses[name].tolist(), history.evaluation_step, 6) for name in RULES}
    assert len(set(found.values())) > 1, "the rules all stop at once: this test has shown little"
    assert history.n_steps - 1 == max(stop.step for stop in three.stops.values())
    assert three.stopped_epoch == (history.n_steps - 1) // 10


def test_a_stop_is_judged_on_every_set_with_the_weights_it_would_have_kept(three, inputs):
    (X, y), (Xv, yv) = inputs
    sets = {"train": (X[:320], y[:320]), "validation": (Xv, yv)}
    sets |= {name: (Xv[mask], yv[mask]) for name, mask in half_masks().items()}
    X, y = zip(*((X[:500], y[:500]) for X, y in held_out_pieces(0, "standardized")))  # a tenth of them is enough
    sample = np.concatenate(X), np.concatenate(y)
    trainer, expected, roughly = mlplib.trainer_for(replace(PLAIN, patience=None)), {}, {}
    for progress in trainer:
        if any(progress.step in (stop.step, stop.best_step) for stop in three.stops.values()):
            expected[progress.step] = {name: trainer.model.evaluate(*pair) for name, pair in sets.items()}
            roughly[progress.step] = trainer.model.evaluate(*sample)
    assert len(expected) > 3
    for stop in three.stops.values():
        for step, judged in ((stop.step, stop.last), (stop.best_step, stop.best)):
            assert list(judged) == ["train", *RULES, "held_out"]
            assert {type(figure) for figures in judged.values() for figure in figures} == {float}
            assert judged["held_out"] == pytest.approx(roughly[step], rel=0.05)
            for name, figures in expected[step].items():
                assert judged[name] == pytest.approx(figures, rel=1e-5)


def test_figures_on_what_is_held_out_are_over_all_of_it(three):
    """With the last weights, which are those that the last rule to stop would have kept."""
    losses, hits = [], []
    for X, y in held_out_pieces(0, "standardized"):
        p = three.model.forward(X)
        losses += (-np.log(p[np.arange(len(y)), y].astype(float))).tolist()
        hits += (p.argmax(axis=1) == y).tolist()
    (last,) = {stop.last["held_out"] for stop in three.stops.values() if stop.step == three.history.n_steps - 1}
    assert last == pytest.approx((sum(losses) / 40_000, sum(hits) / 40_000), rel=1e-5) and len(hits) == 40_000


def test_a_run_that_is_not_stopped_ends_with_its_last_weights():
    run = mlplib.run(replace(THREE, epochs=2, stop_on=("half_2", "validation"), judge_on=("validation",), patience=50))
    assert list(run.stops) == ["half_2", "validation"]
    for stop in run.stops.values():
        assert not stop.stopped and stop.step == run.history.n_steps - 1 == 19
        assert (*stop.last["train"], *stop.last["validation"]) == run.final
    assert run.stopped_epoch is None
    assert (*run.stops["half_2"].best["train"], *run.stops["half_2"].best["validation"]) == run.best
    at = {name: int(curves[:, 0].argmin()) for name, curves in run.history.subsets.items()}
    assert run.stops["half_2"].best_step == run.history.evaluation_step[at["half_2"]]


def test_without_judges_there_are_no_stops_and_with_one_for_the_plain_rule_too():
    short = replace(PLAIN, epochs=1)
    assert mlplib.run(replace(short, stop_on=RULES)).stops == {}
    (stop,) = mlplib.run(replace(short, judge_on=("half_1",))).stops.values()
    assert list(stop.best) == list(stop.last) == ["train", "half_1"]


def test_stops_are_on_the_third_and_the_inputs_of_the_experiment():
    experiment = replace(PLAIN, epochs=1, third=2, inputs="unit_interval", judge_on=("held_out",))
    run = mlplib.run(experiment)
    right = sum(np.count_nonzero(run.model.predict(X) == y) for X, y in held_out_pieces(2, "unit_interval"))
    other = sum(np.count_nonzero(run.model.predict(X) == y) for X, y in held_out_pieces(1, "unit_interval"))
    assert run.stops["validation"].last["held_out"][1] == pytest.approx(right / 40_000, rel=1e-12)
    assert right != other


@pytest.mark.parametrize("learning_rate", [1e3, 1e38])
def test_a_diverged_run_has_the_stops_it_came_to(learning_rate):
    with pytest.warns(mlplib.DivergenceWarning):
        run = mlplib.run(replace(THREE, learning_rate=learning_rate))
    assert run.diverged
    if learning_rate == 1e38:  # before the first evaluation
        assert run.stops == {}
    else:
        assert list(run.stops) == list(RULES)
        assert all((stop.stopped, stop.step) == (False, run.history.n_steps - 1) for stop in run.stops.values())
        assert run.stops["half_1"].last["train"] == run.final[:2]


# ---- what is recorded


def rms(values):
    return math.sqrt(sum(value**2 for value in values.ravel().tolist()) / values.size)


def recorded(trainer, kinds, samples):
    """Train with a `Recorder` of such kinds; also a list of (step, weights before the last update, weights)."""
    trainer.observe = recorder = Recorder(kinds, samples)
    before, evaluated = copied(trainer.model), []
    for piece in trainer.pieces():
        if piece:
            evaluated.append((piece.step, before, copied(trainer.model)))
        if not trainer._evaluation_due:
            before = copied(trainer.model)
    return recorder.recorded(trainer.model, trainer._validation), evaluated


@pytest.fixture
def followed(small, problem):
    trainer = small(Momentum(0.1, 0.8), epochs=1, dense_steps=11)
    return *recorded(trainer, ("layers", "units"), problem(23)), trainer


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
    found, evaluated, trainer = followed
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


def test_hits_are_the_validation_images_that_the_last_weights_classify_correctly(inputs):
    run = mlplib.run(replace(PLAIN, epochs=2, diagnostics=("hits",)))
    _, (X, y) = inputs
    assert set(run.diagnostics) == {"hits"} and run.diagnostics["hits"].dtype == np.uint8
    hits = np.unpackbits(run.diagnostics["hits"]).astype(bool)
    assert np.array_equal(hits, run.model.predict(X) == y) and len(hits) == 10_000
    assert hits.mean() == run.final.validation_accuracy


def test_of_a_number_of_images_that_eight_does_not_divide_the_last_byte_is_filled(small, problem):
    trainer = small(epochs=1)
    found, _ = recorded(trainer, ("hits",), problem(23))
    X, y = problem(7, seed=1)
    assert set(found) == {"hits"} and found["hits"].shape == (1,)
    assert np.unpackbits(found["hits"]).astype(bool).tolist() == [*(trainer.model.predict(X) == y).tolist(), False]


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
    assert {len(rows) for rows in trainer.observe.recorded(trainer.model, trainer._validation).values()} == {5}


# ---- on disk


@pytest.fixture(scope="module")
def told_all():
    return mlplib.run(replace(THREE, diagnostics=("layers", "units", "hits"), dense_steps=60))


def test_stops_come_back_exactly(told_all, tmp_path):
    shelf = Store(tmp_path)
    shelf.save(told_all)
    stored = shelf[told_all.experiment]
    assert stored.stops == told_all.stops and list(stored.stops) == list(RULES)
    assert stored.experiment == told_all.experiment and isinstance(stored.experiment.stop_on, tuple)
    assert all(isinstance(stop, mlplib.running.Stop) for stop in stored.stops.values())


def test_diagnostics_come_back_in_their_types_rounded_to_16_binary_digits(told_all, tmp_path):
    shelf = Store(tmp_path)
    shelf.save(told_all)
    found = shelf[told_all.experiment].diagnostics
    assert found.keys() == told_all.diagnostics.keys() == {"step", "hits"} | LAYERS | UNITS
    for name, values in told_all.diagnostics.items():
        assert (found[name].dtype, found[name].shape) == (values.dtype, values.shape)
        rounding = 0 if values.dtype.kind in "iu" else 1.01 * 2.0 ** -16
        np.testing.assert_allclose(found[name], values, rtol=rounding, atol=0)
    assert {values.dtype for values in found.values()} == {np.dtype(kind) for kind in (np.int64, np.uint8, np.float64)}


def test_curves_on_subsets_are_not_kept(told_all, tmp_path):
    shelf = Store(tmp_path)
    shelf.save(told_all, weights=True)
    stored = shelf[told_all.experiment]
    assert set(told_all.history.subsets) == {"half_1", "half_2"} and stored.history.subsets == {}
    assert np.array_equal(stored.history.evaluation_step, told_all.history.evaluation_step)
    assert 25 in set(stored.history.evaluation_step.tolist())
    assert_equal(stored.model.weights, told_all.model.weights)


def test_stops_of_a_diverged_run_come_back(tmp_path):
    with pytest.warns(mlplib.DivergenceWarning):
        run = mlplib.run(replace(THREE, learning_rate=1e3, diagnostics=("layers",)))
    end = run.stops["half_1"]._replace(last={"train": (math.nan, 0.1), "held_out": (math.inf, 0.1)})
    shelf = Store(tmp_path)
    shelf.save(replace(run, stops=run.stops | {"half_1": end}))
    stored = shelf[run.experiment]
    np.testing.assert_equal(stored.stops["half_1"].last, end.last)
    assert stored.stops["half_2"] == run.stops["half_2"] and stored.diverged


def test_a_stored_network_has_its_gains(tmp_path):
    experiment = replace(PLAIN, epochs=1, input_gain=2.0, output_gain=-0.5, offset=1.0, init_scale=0.5)
    run, shelf = mlplib.run(experiment), Store(tmp_path)
    shelf.save(run, weights=True)
    X = np.random.default_rng(0).normal(size=(5, 785))
    assert np.array_equal(shelf[experiment].model.forward(X), run.model.forward(X))
    assert shelf[experiment].stops == shelf[experiment].diagnostics == {}


@pytest.mark.parametrize("steps", [1249, 1250, 1251, 1252, 1376, 1600])
def test_of_a_long_run_every_125th_minibatch_loss_is_kept_from_step_1250_on(tmp_path, steps):
    run, shelf = mlplib.run(replace(PLAIN, epochs=1, judge_on=("half_1",))), Store(tmp_path)
    losses = np.random.default_rng(0).uniform(size=steps)
    shelf.save(replace(run, history=replace(run.history, step=np.arange(steps), minibatch_loss=losses)))
    history = shelf[run.experiment].history
    expected = [*range(0, min(steps, 1250), 25), *range(1250, steps, 125)]
    expected += (steps - 1 not in expected) * [steps - 1]
    assert history.step.tolist() == expected and history.n_steps == steps
    assert history.minibatch_loss == pytest.approx(losses[expected], abs=0, rel=1.01 * 2.0 ** -16)


def test_a_stored_run_can_be_stored_again(told_all, tmp_path):
    first, second = Store(tmp_path / "first"), Store(tmp_path / "second")
    first.save(told_all)
    second.save(first[told_all.experiment])
    once, twice = (shelf[told_all.experiment] for shelf in (first, second))
    assert (once.stops, once.final, once.best) == (twice.stops, twice.final, twice.best)
    for ours, theirs in ((vars(once.history), vars(twice.history)), (once.diagnostics, twice.diagnostics)):
        np.testing.assert_equal(ours, theirs)


def test_a_sweep_takes_stops_and_diagnostics_from_the_store(told_all, tmp_path, monkeypatch):
    monkeypatch.delenv("MLPLIB_RETRAIN", raising=False)
    Store(tmp_path).save(told_all)
    (run,) = mlplib.sweep([told_all.experiment], tmp_path, n_jobs=1, progress=False)
    assert run.versions is not None and run.stops == told_all.stops
    assert np.array_equal(run.diagnostics["hits"], told_all.diagnostics["hits"])
