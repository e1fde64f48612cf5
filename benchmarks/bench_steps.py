"""A training step: mlplib, the floor and the peers take turns, an epoch each."""

import multiprocessing
import time
from concurrent.futures import ProcessPoolExecutor
from functools import lru_cache

import pytest

from benchmarks.contenders import CONTENDERS, INSTALLED
from benchmarks.tasks import QUICK, THREADS, Task, batches, orders

REPEATS = {"step": 3, "growth": 2} if QUICK else {"step": 9, "growth": 5}
PEERS = [key for key in INSTALLED if key not in ("mlplib", "floor") and hasattr(CONTENDERS[key], "prepare")]
WIDTHS, BATCHES, DEPTHS = (64, 128, 256, 512, 1024), (32, 64, 128, 256, 512, 1024), (1, 2, 3, 5, 10)


def groups():
    """(kind, task, contenders) of each group."""
    for hidden in ((64,), (128,), (64,) * 10):
        if THREADS == 1 or len(hidden) == 1:
            yield "step", Task(hidden), ["mlplib", "floor", *PEERS]
    if THREADS == 1:
        for task in dict.fromkeys([*(Task((width,)) for width in WIDTHS), *(Task((64,) * depth) for depth in DEPTHS),
                                   *(Task((64,), batch) for batch in BATCHES)]):
            yield "growth", task, ["mlplib", "floor"]


def cases():
    """All timings, in the order in which they are made."""
    # The repeat is outermost, so that all contenders of a group see the same weather.
    for kind, task, keys in groups():
        for repeat in range(REPEATS[kind]):
            for key in keys:
                theirs = task.like(CONTENDERS[key])
                if theirs != task:
                    yield pytest.param(kind, task, repeat, "mlplib", theirs, id=f"{task}-{repeat}-mlplib as {key}")
                yield pytest.param(kind, task, repeat, key, theirs, id=f"{task}-{repeat}-{key}")


class Processes:
    """A process for each contender, new for each group: the idle threads of one library do not slow another."""

    group, pools = None, {}

    @classmethod
    def of(cls, group, *contender):
        if group != cls.group:
            cls.end()
            cls.group = group
        if contender not in cls.pools:
            cls.pools[contender] = ProcessPoolExecutor(1, multiprocessing.get_context("spawn"))
            cls.pools[contender].submit(an_epoch, *contender).result()  # prepares it, compiles, warms the caches
        return cls.pools[contender]

    @classmethod
    def end(cls):
        for pool in cls.pools.values():
            pool.shutdown()
        cls.pools = {}


@pytest.fixture(scope="module", autouse=True)
def processes():
    yield
    Processes.end()


@lru_cache
def prepared(key, task):
    return CONTENDERS[key].prepare(task), orders()


def an_epoch(key, task):
    """Train for an epoch in this process; its seconds."""
    epoch, order = prepared(key, task)
    minibatches = batches(next(order), task.batch)
    start = time.perf_counter()
    epoch(minibatches)
    return time.perf_counter() - start


@pytest.mark.parametrize("kind, group, repeat, key, task", list(cases()))
def test_step(benchmark, kind, group, repeat, key, task):
    pool = Processes.of((kind, group), key, task)
    benchmark.extra_info |= {"kind": kind, "task": str(group), "as": str(task), "repeat": repeat, "contender": key,
                             "steps": task.steps, "flops": task.flops, "threads": THREADS}
    benchmark.extra_info |= {"depth": len(task.hidden), "width": task.hidden[0], "batch": task.batch}
    # What counts is the time within the other process: the way there is not part of a step.
    benchmark.extra_info["seconds"] = benchmark.pedantic(lambda: pool.submit(an_epoch, key, task).result(), rounds=1)
