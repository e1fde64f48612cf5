"""Many runs at once: the same results as one after the other, and never half a run among them."""

import os
import subprocess
import sys
import warnings
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from types import SimpleNamespace

import joblib
import numpy as np
import pytest
import threadpoolctl

import mlplib
from mlplib import Experiment, inputs, sweeps
from mlplib.running import one_blas_thread
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


def test_a_store_keeps_only_the_ends_of_curves_where_it_is_to_be_brief_and_figures_as_they_are(tmp_path, monkeypatch):
    other = replace(SHORT, seed=2)
    cut, whole = mlplib.sweep([SHORT, other], tmp_path / "store", n_jobs=1, progress=False, brief=[SHORT])
    assert (len(cut.history.step), len(cut.history.evaluation_step)) == (1, 1)
    assert cut.history.n_steps == whole.history.n_steps == 10 and len(whole.history.evaluation_step) == 5
    assert (cut.final, cut.best) == (mlplib.run(SHORT).final, mlplib.run(SHORT).best)
    monkeypatch.setenv("MLPLIB_RETRAIN", str(tmp_path / "anew"))  # which others read too
    (anew,) = mlplib.sweep([SHORT], tmp_path / "store", n_jobs=1, progress=False, brief=[SHORT])
    assert len(anew.history.evaluation_step) == 5


def test_the_bar_says_how_long_it_takes_at_most_and_how_many_are_done(capsys, monkeypatch):
    monkeypatch.delenv("TQDM_DISABLE", raising=False)
    mlplib.sweep([SHORT, replace(SHORT, seed=2)], n_jobs=1)
    said = capsys.readouterr().err
    assert "Training 2 runs, at most" in said and "2 runs done" in said and "100%" in said


def test_the_bar_says_nothing_of_its_own_in_whatever_order_the_runs_come_in(monkeypatch):
    """As they do where one worker starts slowly: sums of the same times in another order differ in their last digit."""
    monkeypatch.delenv("TQDM_DISABLE", raising=False)
    monkeypatch.setattr(sweeps, "estimate", lambda experiments: [0.3, 0.2, 0.1])
    monkeypatch.setattr(sweeps, "_attempts", lambda them, n_jobs: ((one, one, None) for one in reversed(them)))
    experiments = [replace(SHORT, seed=seed) for seed in range(3)]
    assert mlplib.sweep(experiments, n_jobs=1) == experiments


@pytest.mark.parametrize(
    "seconds, said",
    [(0.1, "1 s"), (90, "90 s"), (150, "2.5 min"), (1900, "32 min"), (7300, "2 h"), (9000, "2.5 h"), (50000, "14 h")],
)
def test_durations_are_said_in_one_or_two_digits(seconds, said):
    assert sweeps._duration(seconds) == said


def test_more_work_is_estimated_longer():
    short, long, wide = sweeps.estimate([SHORT, LONG, replace(LONG, hidden=(512,))])
    assert 0 < short < long < wide


def test_an_estimate_for_other_data_needs_no_image_of_mnist(monkeypatch):
    """In a live notebook they would be fetched for it."""
    X, y = np.random.default_rng(0).random((320, 4)), np.arange(320) % 2
    data = mlplib.DataSet("other", (X, y), (X, y))
    monkeypatch.setattr(inputs, "load_mnist", lambda: pytest.fail("MNIST was asked for"))
    inputs._standardized.cache_clear()
    assert sweeps.estimate([replace(SHORT, data=data)])[0] > 0
    with pytest.raises(pytest.fail.Exception, match="MNIST"):
        sweeps.estimate([SHORT])


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


# ---- threads


def test_threads_give_the_same_bits_as_one_after_the_other_and_leave_the_process_as_it_was(bits):
    experiments = [replace(SHORT, hidden=(64,), seed=seed) for seed in range(6)] + [replace(SHORT, learning_rate=1e30)]
    alone = mlplib.sweep(experiments, n_jobs=1, progress=False)

    def state():
        pools = [pool["num_threads"] for pool in threadpoolctl.threadpool_info()]
        return pools, warnings.filters[:], np.geterr()

    before = state()
    for _ in range(3):
        with joblib.parallel_config(backend="threading", n_jobs=4):
            runs = mlplib.sweep(experiments, n_jobs=4, progress=False)
        assert [bits(run) for run in runs] == [bits(run) for run in alone]
        assert state() == before


def test_runs_in_threads_of_ones_own_give_the_same_bits(bits):
    experiments = [replace(SHORT, hidden=(64,), seed=seed) for seed in range(4)]
    with ThreadPoolExecutor(4) as pool:
        runs = list(pool.map(mlplib.run, experiments))
    assert [bits(run) for run in runs] == [bits(mlplib.run(experiment)) for experiment in experiments]


def test_the_last_context_that_is_left_puts_back_the_threads_of_blas():
    def threads():
        return {pool["num_threads"] for pool in threadpoolctl.threadpool_info() if pool["user_api"] == "blas"}

    with threadpoolctl.threadpool_limits(2, user_api="blas"):
        first, second = one_blas_thread(), one_blas_thread()
        first.__enter__()
        second.__enter__()
        first.__exit__(None, None, None)
        assert threads() == {1}
        second.__exit__(None, None, None)
        assert threads() == {2}


# ---- workers

# What a busy machine does to the start of worker processes: one comes late, the other much later.
SLOW_START = """
import sys, time
from pathlib import Path
if "loky" in " ".join(sys.orig_argv) and "resource_tracker" not in " ".join(sys.orig_argv):
    log = Path(__file__).with_name("log")
    with log.open("a") as file:
        file.write("x")
    time.sleep(2 * log.stat().st_size)
"""
SWEPT = """
import mlplib
runs = mlplib.sweep([mlplib.Experiment(n_train=320, epochs=1, seed=seed) for seed in range(6)], n_jobs={n_jobs},
                    progress=False)
print(*[(run.experiment.seed, run.final) for run in runs], sep="\\n")
"""


@pytest.mark.slow
def test_workers_that_start_late_change_nothing_and_nothing_is_said_of_it(tmp_path):
    (tmp_path / "sitecustomize.py").write_text(SLOW_START)

    def swept(n_jobs):
        done = subprocess.run([sys.executable, "-c", SWEPT.format(n_jobs=n_jobs)], capture_output=True, text=True,
                              check=False, env=os.environ | {"PYTHONPATH": str(tmp_path)})
        assert (done.returncode, done.stderr) == (0, "")
        return done.stdout

    assert swept(n_jobs=2) == swept(n_jobs=1) != ""
    assert len((tmp_path / "log").read_text()) >= 2  # otherwise no worker was late


# ---- all is checked before the first run


@pytest.mark.parametrize("experiments, options, exception, said", [
    (SHORT, {}, TypeError, r"^experiments: expected a sequence of Experiment, got Experiment\("),
    ({SHORT}, {}, TypeError, "^experiments: expected a sequence of Experiment, got .*set"),
    ([SHORT], {"keep_weights": SHORT}, TypeError, "^keep_weights: expected a sequence of Experiment"),
    ([SHORT], {"keep_weights": iter([SHORT])}, TypeError, "^keep_weights: expected a sequence .*list_iterator"),
    ([SHORT], {"keep_weights": ["3b"]}, TypeError, r"^keep_weights\[0\]: expected an Experiment, got str$"),
    ([SHORT], {"again": [None]}, TypeError, r"^again\[0\]: expected an Experiment, got NoneType$"),
    ([SHORT], {"marks": {"rules": 3}}, TypeError, r"^marks\['rules'\]: expected a string, got 3 \(int\)$"),
    ([SHORT], {"marks": ["rules"]}, TypeError, "^marks: expected a dict with names as keys"),
    ([SHORT], {"n_jobs": 0}, ValueError, "^n_jobs: expected the number of processes, .*got 0"),
    ([SHORT], {"n_jobs": 1.5}, TypeError, "^n_jobs: expected an integer"),
    ([SHORT], {"progress": "no"}, TypeError, "^progress: expected True or False"),
    ([SHORT], {"store": 3}, TypeError, "int"),
])
def test_what_a_sweep_cannot_use_is_said_before_it_trains(experiments, options, exception, said, no_training):
    with pytest.raises(exception, match=said):
        mlplib.sweep(experiments, **({"progress": False} | options))


def test_a_store_that_cannot_be_written_to_is_said_before_it_trains(tmp_path, no_training):
    file = tmp_path / "file"
    file.write_text("not a folder")
    for folder in (file, file / "below"):
        with pytest.raises(OSError, match=f"^store: expected a folder that can be written to, got {folder} "):
            mlplib.sweep([SHORT], folder, progress=False)


@pytest.fixture
def no_training(monkeypatch):
    monkeypatch.setattr(sweeps, "run", lambda experiment: pytest.fail("trained"))
    monkeypatch.setattr(sweeps, "estimate", lambda experiments: pytest.fail("trained"))
