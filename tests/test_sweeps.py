"""Many runs at once: the same results as one after the other, and never half a run among them."""

from dataclasses import replace
from types import SimpleNamespace

import pytest

import mlplib
from mlplib import Experiment, sweeps

LONG = Experiment(n_train=2000, epochs=2)
SHORT = Experiment(n_train=320, epochs=1, seed=1)
EXPERIMENTS = [LONG, SHORT, LONG.with_tricks(init=True, sigmoid=True, momentum=True)]


@pytest.fixture(scope="module")
def swept():
    return mlplib.sweep(EXPERIMENTS, n_jobs=2, progress=False)


def test_runs_come_in_the_order_of_the_experiments(swept):
    assert [run.experiment for run in swept] == EXPERIMENTS


@pytest.mark.parametrize("i", range(len(EXPERIMENTS)))
def test_a_sweep_gives_the_bits_of_a_single_run(swept, bits, i):
    alone = mlplib.run(EXPERIMENTS[i])
    assert bits(swept[i]) == bits(alone)
    assert (swept[i].final, swept[i].best) == (alone.final, alone.best)


def test_no_experiments_give_no_runs():
    assert mlplib.sweep([], progress=False) == []


def test_experiments_may_come_from_a_generator(monkeypatch):
    monkeypatch.setattr(sweeps, "run", lambda experiment: SimpleNamespace(interrupted=False, experiment=experiment))
    runs = mlplib.sweep((replace(LONG, seed=seed) for seed in (3, 1, 2)), n_jobs=1, progress=False)
    assert [run.experiment.seed for run in runs] == [3, 1, 2]


def test_an_interrupted_run_is_not_passed_off_as_a_result(monkeypatch):
    monkeypatch.setattr(sweeps, "run", lambda experiment: SimpleNamespace(interrupted=True))
    with pytest.raises(KeyboardInterrupt):
        sweeps.run_whole(LONG)
    with pytest.raises(KeyboardInterrupt):
        mlplib.sweep([LONG], n_jobs=1, progress=False)
