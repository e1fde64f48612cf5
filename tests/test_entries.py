"""A run as bytes and back: what is exact, what is rounded, what is not believed."""

import io
import zipfile
from dataclasses import replace

import numpy as np
import pytest

import mlplib
from mlplib import DivergenceWarning, Experiment, entries
from mlplib.entries import EntryError, differing, packed, unpacked

EXPERIMENT = Experiment(hidden=(8,), n_train=320, epochs=6, seed=1)
ROUNDING = 1.01 * 2.0 ** -16  # of numbers with 16 binary digits; and float32's before
CURVES = ("train_loss", "train_accuracy", "validation_loss", "validation_accuracy")


@pytest.fixture(scope="module")
def run():
    return mlplib.run(EXPERIMENT)


def back(run, weights=False, **marks):
    return unpacked(packed(run, weights, marks))


def test_the_same_run_gives_the_same_bytes(run):
    assert packed(run, True, {"of": "me"}) == packed(run, True, {"of": "me"}) != packed(run, True, {"of": "you"})


def test_what_differs_from_the_defaults_is_as_json_gives_it_back():
    assert differing(Experiment()) == {}
    assert differing(Experiment(hidden=(8, 4), seed=3)) == {"hidden": [8, 4], "seed": 3}


def test_what_says_how_a_run_ended_comes_back_exactly(run):
    stored = back(run)
    for name in ("experiment", "stopped_epoch", "diverged", "interrupted", "message", "final", "best", "gradient_rms"):
        assert getattr(stored, name) == getattr(run, name)
    assert stored.seconds == pytest.approx(run.seconds, abs=1e-3)
    assert stored.history.n_steps == run.history.n_steps == 60


@pytest.mark.parametrize("name", CURVES)
def test_losses_come_back_rounded_and_accuracies_exactly(run, name):
    curve, of_run = getattr(back(run).history, name), getattr(run.history, name)
    assert curve.dtype == np.float64
    assert curve == pytest.approx(of_run, abs=0, rel=0 if name.endswith("accuracy") else ROUNDING)


def test_of_the_minibatch_losses_every_25th_and_the_last_come_back(run):
    history = back(run).history
    assert history.step.tolist() == [0, 25, 50, 59]
    assert history.minibatch_loss == pytest.approx(run.history.minibatch_loss[[0, 25, 50, 59]], abs=0, rel=ROUNDING)
    assert np.array_equal(history.evaluation_step, run.history.evaluation_step)
    assert {array.dtype for array in (history.step, history.evaluation_step)} == {np.dtype(np.int64)}


def test_weights_come_back_exactly_if_asked_for():
    deep = mlplib.run(Experiment(hidden=(3,) * 11, n_train=32, epochs=1).with_tricks(True, True, True))
    model = back(deep, weights=True).model
    assert all(map(np.array_equal, model.weights, deep.model.weights)) and len(model.weights) == 12
    assert model.forward(np.ones((1, 785), np.float32)) == pytest.approx(deep.model.forward(np.ones((1, 785))))


def test_a_diverged_run_comes_back_as_one():
    with pytest.warns(DivergenceWarning), np.errstate(all="ignore"):
        diverged = mlplib.run(replace(EXPERIMENT, learning_rate=1e30))
    stored = back(diverged)
    assert stored.diverged and stored.message == diverged.message
    np.testing.assert_equal(stored.final, diverged.final)
    assert stored.history.minibatch_loss[-1] == pytest.approx(
        np.float32(diverged.history.minibatch_loss[-1]), abs=0, rel=ROUNDING, nan_ok=True)


def test_what_would_unpack_to_too_much_is_not_packed_and_can_be_read(run, monkeypatch):
    large = replace(run, model=mlplib.MLP((8,)))
    large.model.weights = [np.zeros_like(W) for W in large.model.weights]
    small = len(packed(large, True, {}))
    monkeypatch.setattr(entries, "UNPACKED", 5000)
    content = packed(large, True, {})
    assert len(content) > sum(W.nbytes for W in large.model.weights) > 5 * small
    assert not any(W.any() for W in unpacked(content).model.weights)


@pytest.mark.parametrize("content", [b"", b"not a run at all"])
def test_bytes_that_are_no_run_are_an_error_of_their_own(content):
    with pytest.raises(EntryError, match=r"^damaged, or no entry of a store \("):
        unpacked(content)


def test_what_a_damaged_directory_hides_is_missed(run):
    """A remark's length is taken on trust by zipfile, which so reads over the array behind it."""
    content = packed(run, True, {})
    remark = content.rindex(b"PK\1\2", 0, content.rindex(b"PK\1\2")) + 32  # of the last array but one
    behind = content.rindex(b"PK\5\6") - content.rindex(b"PK\1\2")
    hidden = content[:remark] + behind.to_bytes(2, "little") + content[remark + 2 :]
    with zipfile.ZipFile(io.BytesIO(hidden)) as found:
        assert "weights_1.npy" not in found.namelist() and "weights_0.npy" in found.namelist()
    with pytest.raises(EntryError, match=r"^damaged, .*expected 4 parts, found 3"):
        unpacked(hidden)


def test_a_cut_entry_is_damaged(run):
    content = packed(run, False, {})
    for length in range(0, len(content), 97):
        with pytest.raises(EntryError, match=r"^damaged"):
            unpacked(content[:length])
