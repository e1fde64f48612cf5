"""What a training recorded: its beginning, its length, how fast it went."""

import numpy as np
from helpers import CURVES, MASKS

from mlplib import History


def test_the_beginning_of_a_history(small_trainer):
    whole = small_trainer(epochs=2).run(progress=False)
    beginning = whole.until(13)
    assert (beginning.step.tolist(), beginning.evaluation_step.tolist()) == (list(range(14)), [0, 2, 4, 6, 8, 10, 12])
    assert beginning.minibatch_loss.tolist() == whole.minibatch_loss[:14].tolist()
    for name in CURVES:
        assert getattr(beginning, name).tolist() == getattr(whole, name)[:7].tolist()
    assert whole.until(None) is whole


def test_the_beginning_of_a_history_has_the_beginning_of_its_subsets(small_trainer):
    whole = small_trainer(subsets=MASKS).run(progress=False)
    beginning = whole.until(13)
    assert {name: len(curves) for name, curves in beginning.subsets.items()} == {"front": 7, "odd": 7}
    assert np.array_equal(beginning.subsets["odd"], whole.subsets["odd"][:7])


def test_the_end_of_a_history_is_its_last_step_and_its_last_evaluation(small_trainer):
    whole = small_trainer(subsets=MASKS).run(progress=False)
    end = whole.at_end()
    assert end.n_steps == whole.n_steps
    for name in ("step", "minibatch_loss", "evaluation_step", *CURVES):
        assert getattr(end, name).tolist() == getattr(whole, name)[-1:].tolist()
    assert end.subsets["odd"].tolist() == whole.subsets["odd"][-1:].tolist()
    assert made_up([], n_steps=0).at_end().n_steps == 0


def made_up(train_loss, n_steps=101):
    """A history with an evaluation at every 25th step, all its curves alike."""
    curve = np.array(train_loss)
    return History(np.arange(n_steps), np.ones(n_steps), 25 * np.arange(len(curve)), curve, curve, curve, curve)


def test_the_number_of_updates_is_one_more_than_the_last_step():
    assert made_up([1.0]).n_steps == 101
    assert made_up([], n_steps=0).n_steps == 0
    stored = made_up([1.0])
    stored.step = stored.step[[0, 25, 50, 100]]  # as a store keeps it
    assert stored.n_steps == 101


def test_a_loss_is_reached_at_the_first_evaluation_that_is_as_low():
    history = made_up([2.3, 0.9, 0.5, 0.7, 0.1])
    reached = {3.0: 0, 0.9: 25, 0.89: 50, 0.5: 50, 0.2: 100, 0.1: 100, 0.09: None}
    assert {loss: history.step_reaching(loss) for loss in reached} == reached
    assert made_up([]).step_reaching(1.0) is None
