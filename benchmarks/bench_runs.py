"""Evaluation, two runs side by side, the memory of a run; and where a step's time goes."""

import subprocess
import sys
import time
from dataclasses import replace

import numpy as np
import pytest
from threadpoolctl import threadpool_limits

import mlplib
from benchmarks import parts
from benchmarks.contenders import classroom
from benchmarks.tasks import QUICK, SEED, THREADS, Task
from mlplib.inputs import standardized_mnist
from mlplib.network import CHUNK

one_thread = pytest.mark.skipif(THREADS != 1, reason="measured on one thread")
two_threads = pytest.mark.skipif(THREADS != 2, reason="measured on two threads")
ROW = mlplib.REPORT["3c"].experiment


def in_turns(benchmark, kind, repeats, contenders, **facts):
    """Time the contenders in turns; the first is what the benchmark shows, all go into its facts."""
    names = list(contenders)
    seconds = {name: [] for name in names}
    for _ in range(min(repeats, 2) if QUICK else repeats):
        for name in names[1:]:
            start = time.perf_counter()
            contenders[name]()
            seconds[name].append(time.perf_counter() - start)
        benchmark_start = time.perf_counter()
        contenders[names[0]]()
        seconds[names[0]].append(time.perf_counter() - benchmark_start)
    benchmark.extra_info |= {"kind": kind, "seconds": seconds, **facts}
    benchmark.pedantic(contenders[names[0]], rounds=1)


@one_thread
def test_evaluation(benchmark):
    model = Task((64,)).model()
    sets = standardized_mnist()
    weights = model.weights
    buffers = [np.empty((CHUNK, W.shape[1]), np.float32) for W in weights]
    doubles = [(X.astype(np.float64), np.eye(10)[y]) for X, y in sets]
    weights_as_doubles = [W.astype(np.float64) for W in weights]

    def products():
        for X, _ in sets:
            for start in range(0, len(X), CHUNK):
                a = X[start : start + CHUNK]
                for W, out in zip(weights, buffers):
                    a = np.matmul(a, W, out=out)

    def in_class():
        return [classroom.evaluate(weights_as_doubles, *pair) for pair in doubles]

    for ours, theirs in zip([model.loss_and_accuracy(*pair) for pair in sets], in_class()):
        np.testing.assert_allclose(ours, theirs, rtol=1e-5)
    in_turns(benchmark, "evaluation", 15, {"mlplib": lambda: [model.loss_and_accuracy(*pair) for pair in sets],
                                           "floor": products, "classroom": in_class},
             flops=sum(2 * len(X) * W.size for X, _ in sets for W in weights))


@one_thread
@pytest.mark.parametrize("hidden", [(64,), (128,), (64,) * 10], ids=str)
def test_parts(benchmark, hidden):
    task = Task(hidden)
    measured = [parts.seconds_by_part(task) for _ in range(2 if QUICK else 7)]
    names = list(measured[0][0])
    benchmark.extra_info |= {
        "kind": "parts", "task": str(task), "steps": task.steps, "work": parts.work(task),
        "seconds": {name: [one[name] for one, _ in measured] for name in names},
        "whole": [whole for _, whole in measured],
    }
    benchmark.pedantic(parts.seconds_by_part, (task,), rounds=1)


@one_thread
def test_machine(benchmark):
    rng = np.random.default_rng(0)
    A, B = rng.normal(size=(2, 1024, 1024)).astype(np.float32)
    C = np.empty_like(A)
    small, large = np.ones(25_000, np.float32), np.ones(64 * 2**20, np.float32)
    small_copy, large_copy = small.copy(), large.copy()

    def small_copies():
        for _ in range(1000):
            np.copyto(small_copy, small)

    np.matmul(A, B, out=C)
    in_turns(benchmark, "machine", 5, {
        "product": lambda: np.matmul(A, B, out=C), "cache": small_copies,
        "memory": lambda: np.copyto(large_copy, large),
    }, flops=2 * 1024**3, cache_bytes=1000 * 2 * small.nbytes, memory_bytes=2 * large.nbytes)


@two_threads
def test_side_by_side(benchmark):
    first, second = (replace(ROW, epochs=5, patience=None, seed=seed) for seed in (SEED, SEED + 1))

    def sweep(experiments):
        def on_one_thread():
            with threadpool_limits(1):  # a single run would evaluate on both
                mlplib.sweep(experiments, n_jobs=len(experiments), progress=False)
        return on_one_thread

    sweep([first, second])()  # starts the processes
    in_turns(benchmark, "side by side", 5, {"one": sweep([first]), "two": sweep([first, second])})


@two_threads
def test_memory(benchmark):
    """The most that a process held which trained the report's row 3c for two epochs."""
    program = """
import dataclasses, pathlib, re, resource, sys, mlplib
mlplib.run(dataclasses.replace(mlplib.REPORT["3c"].experiment, epochs=2))
status = pathlib.Path("/proc/self/status")
if status.exists():  # Linux: ru_maxrss would start at what the parent held
    print(int(re.search(r"VmHWM:\\s+(\\d+) kB", status.read_text())[1]) * 1024)
else:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print(peak if sys.platform == "darwin" else peak * 1024)
"""
    peaks = [int(subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout)
             for _ in range(3)]
    benchmark.extra_info |= {"kind": "memory", "bytes": peaks}
    benchmark.pedantic(lambda: None, rounds=1)
