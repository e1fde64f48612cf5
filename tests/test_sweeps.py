"""Many runs at once: the same results as one after the other, and never half a run among them."""

from dataclasses import replace
from types import SimpleNamespace

import joblib
import pytest

import mlplib
from mlplib import Experiment, sweeps
from mlplib.store import Store

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
    assert [(type(run), run.experiment.seed) for run in runs] == [(SimpleNamespace, seed) for seed in (3, 1, 2)]


def test_an_interrupted_run_is_not_passed_off_as_a_result(monkeypatch):
    monkeypatch.setattr(sweeps, "run", lambda experiment: SimpleNamespace(interrupted=True))
    with pytest.raises(KeyboardInterrupt):
        sweeps.attempt(LONG)
    with pytest.raises(KeyboardInterrupt):
        mlplib.sweep([LONG], n_jobs=1, progress=False)


def test_a_failing_run_does_not_keep_the_others_from_being_finished(monkeypatch, tmp_path):
    wrong = replace(SHORT, seed=7)

    def run(experiment, real=sweeps.run):
        if experiment == wrong:
            raise OSError("no more room")
        return real(experiment)

    monkeypatch.setattr(sweeps, "run", run)
    with pytest.raises(sweeps.SweepError, match=r"1 of 2 runs failed.*\n- .*seed=7.*OSError: no more room") as caught:
        mlplib.sweep([wrong, SHORT], tmp_path, n_jobs=1, progress=False)
    assert SHORT in Store(tmp_path) and wrong not in Store(tmp_path)
    assert list(caught.value.runs) == [SHORT] and "Traceback" in caught.value.failures[wrong]


def test_a_diverged_run_is_an_outcome_and_is_stored(tmp_path, recwarn):
    wild = replace(SHORT, learning_rate=1e30)
    (run,) = mlplib.sweep([wild], tmp_path, n_jobs=1, progress=False)
    assert run.diverged and Store(tmp_path)[wild].diverged and Store(tmp_path)[wild].message == run.message
    assert list(recwarn) == []


def test_the_bar_says_how_long_it_takes_at_most_and_how_many_are_done(capsys, monkeypatch):
    monkeypatch.delenv("TQDM_DISABLE", raising=False)
    mlplib.sweep([SHORT, replace(SHORT, seed=2)], n_jobs=1)
    said = capsys.readouterr().err
    assert "Training 2 runs, at most" in said and "2 runs done" in said and "100%" in said


@pytest.mark.parametrize(
    "seconds, said",
    [(0.1, "1 s"), (90, "90 s"), (150, "2.5 min"), (1900, "32 min"), (7300, "2 h"), (9000, "2.5 h"), (50000, "14 h")],
)
def test_durations_are_said_in_one_or_two_digits(seconds, said):
    assert sweeps._duration(seconds) == said


def test_more_work_is_estimated_longer():
    short, long, wide = sweeps.estimate([SHORT, LONG, replace(LONG, hidden=(512,))])
    assert 0 < short < long < wide


def test_a_backend_that_gives_nothing_back_before_all_is_done_gets_the_runs_in_lots(monkeypatch, tmp_path):
    backend = type(joblib.parallel.get_active_backend()[0])
    monkeypatch.setattr(backend, "supports_return_generator", False)
    seen, real = [], joblib.Parallel.__call__

    def call(self, calls):
        seen.append((len(calls), len(Store(tmp_path))))
        return real(self, calls)

    monkeypatch.setattr(joblib.Parallel, "__call__", call)
    experiments = [replace(SHORT, seed=seed) for seed in range(3)]
    runs = mlplib.sweep(experiments, tmp_path, n_jobs=1, progress=False)
    assert [run.experiment for run in runs] == experiments
    assert seen == [(2, 0), (1, 2)]  # the first lot was saved before the second began
