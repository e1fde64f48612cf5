"""A whole run of the report's row 3c, from the standardised images to the final figures; and its forty runs.

Each run is made in a process of its own, new for each, so that what a library compiles is compiled anew. The clock
starts when the library is imported and MNIST read and standardised. No time is written down before the run was shown to
be equal work.
"""

import multiprocessing
import os
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from functools import cache
from importlib import import_module
from unittest import mock

import pytest

import mlplib
from benchmarks.__main__ import HERE, environment
from benchmarks.contenders import CONTENDERS, INSTALLED
from benchmarks.tasks import QUICK, THREADS, Task, data
from benchmarks.whole import differences, of_run
from mlplib.store import Store, StoreChain, packaged
from mlplib.sweeps import work

ROW = mlplib.REPORT["3c"].experiment
REPEATS = 1 if QUICK else 3
SEEDS = range(5)
SPREAD = SEEDS if QUICK else range(20)  # over how many seeds the spread of mlplib's own figures is taken
RUNNERS = [key for key in INSTALLED if hasattr(CONTENDERS[key], "whole")]
# Who trains the forty, and how. Of the slow ones one seed each: the others would take as long.
FORTY = {"mlplib": "a sweep", "jax_device": "two processes", "jax_seeds": "two threads",
         "torch_compiled": "two processes", "torch_eager": "two processes", "classroom": "two processes"}
SHARE = ("torch_compiled", "torch_eager", "classroom")
FORTY_SEEDS = SEEDS[:1] if QUICK else SEEDS


def like(key, experiment=ROW):
    """The experiment in the only configuration that a contender can train, if it names one."""
    return replace(experiment, **getattr(CONTENDERS[key], "configuration", {}))


@cache
def ours(experiment):
    """What mlplib finds, by seed; what the package does not have is trained before anything is timed, and kept."""
    store = StoreChain(Store(HERE.parent / "_build" / "bench-runs"), packaged())
    runs = mlplib.sweep([replace(experiment, seed=seed) for seed in SPREAD], store, n_jobs=2, progress=False)
    return {run.experiment.seed: of_run(run) for run in runs}


def check(outcomes, experiment):
    """Fail unless the outcomes of a row, by seed, are equal work."""
    found = differences(outcomes, ours(replace(experiment, seed=0)), experiment.patience)
    assert not found, "; ".join(found)


def ready(key, together=None):
    """Import a contender's library and read the images, in a process that is about to be timed."""
    for package in CONTENDERS[key].requires:
        import_module(package)
    data()
    if together:
        together.wait()


def a_run(key, experiment):
    before = sum(os.times()[:4])  # of this process and of compilers that it called
    outcome = CONTENDERS[key].whole(experiment)
    return outcome | {"processor": sum(os.times()[:4]) - before}


@contextmanager
def processes(key, n=1, threads=THREADS):
    """A pool of so many new processes, ready, with nothing compiled on disk."""
    context = multiprocessing.get_context("spawn")
    with tempfile.TemporaryDirectory() as folder, \
            mock.patch.dict(os.environ, environment(threads, QUICK) | {"TORCHINDUCTOR_CACHE_DIR": folder}):
        with ProcessPoolExecutor(n, context, ready, (key, context.Barrier(n))) as pool:
            list(pool.map(abs, range(n)))  # all are there now
            yield pool


def cases():
    for repeat in range(REPEATS):
        for key in RUNNERS:
            if like(key) != ROW:
                yield pytest.param(repeat, "mlplib", like(key), id=f"{repeat}-mlplib as {key}")
            yield pytest.param(repeat, key, like(key), id=f"{repeat}-{key}")


@pytest.mark.parametrize("repeat, key, experiment", list(cases()))
def test_whole_run(benchmark, repeat, key, experiment):
    with processes(key) as pool:
        run = pool.submit(a_run, key, experiment).result()
    check({experiment.seed: run}, experiment)
    benchmark.extra_info |= {
        "kind": "whole", "threads": THREADS, "repeat": repeat, "contender": key, "as": str(Task.of(experiment)),
        "task": str(Task.of(ROW)), "updates": run["updates"], "evaluations": len(run["evaluations"]),
        "final": run["final"].tolist(), "seconds": run["seconds"], "processor": run["processor"]}
    benchmark.pedantic(lambda: None, rounds=1)


def by_processes(key, experiments):
    """Outcomes by experiment of two processes, each with one thread, which take the longest run that is left."""
    experiments = sorted(experiments, key=work, reverse=True)
    with processes(key, 2, threads=1) as pool:
        start = time.perf_counter()
        runs = list(pool.map(a_run, [key] * len(experiments), experiments))
        return dict(zip(experiments, runs)), time.perf_counter() - start


def rows_at_once(key, rows):
    return [CONTENDERS[key].many(row) for row in rows]


def by_rows(key, experiments):
    """The same of one process, which trains the seeds of a row at once."""
    rows = {}
    for experiment in experiments:
        rows.setdefault(replace(experiment, seed=0), []).append(experiment)
    with processes(key) as pool:
        start = time.perf_counter()
        runs = pool.submit(rows_at_once, key, list(rows.values())).result()
        seconds = time.perf_counter() - start
    return {experiment: run for row, found in zip(rows.values(), runs) for experiment, run in zip(row, found)}, seconds


def by_sweep(key, experiments):
    mlplib.sweep([replace(ROW, epochs=1, seed=seed) for seed in SEEDS], n_jobs=2, progress=False)  # starts processes
    start = time.perf_counter()
    runs = mlplib.sweep(experiments, n_jobs=2, progress=False)
    seconds = time.perf_counter() - start
    return {run.experiment: of_run(run, {"whole": run.seconds}) for run in runs}, seconds


WAYS = {"a sweep": by_sweep, "two threads": by_rows, "two processes": by_processes}


@pytest.mark.skipif(THREADS != 2, reason="measured on two processors")
@pytest.mark.parametrize("key", [key for key in FORTY if key in INSTALLED])
def test_forty_runs(benchmark, key):
    seeds = FORTY_SEEDS[:1] if key in SHARE else FORTY_SEEDS
    rows = [[replace(mlplib.REPORT[row].experiment, seed=seed) for seed in seeds] for row in mlplib.REPORT]
    runs, seconds = WAYS[FORTY[key]](key, [experiment for row in rows for experiment in row])
    for row in rows:
        check({experiment.seed: runs[experiment] for experiment in row}, row[0])
    benchmark.extra_info |= {
        "kind": "forty", "contender": key, "way": FORTY[key], "seconds": seconds, "runs": len(runs),
        "of": len(rows) * len(FORTY_SEEDS),
        "each": [run["seconds"]["whole"] for run in runs.values()],
        "compiling": [run["seconds"].get("compiling", 0.0) for run in runs.values()],
        "updates": sum(run["updates"] for run in runs.values())}
    benchmark.pedantic(lambda: None, rounds=1)
