"""A training step: mlplib, the floor and the peers take turns, an epoch each."""

import pytest

from benchmarks.contenders import CONTENDERS, INSTALLED
from benchmarks.tasks import THREADS, Task, batches, orders

REPEATS = {"step": 9, "growth": 5}
PEERS = [key for key in INSTALLED if key not in ("mlplib", "floor")]
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


class Ready:
    """The contenders of one group, each prepared and warmed up once; forgotten with the next group."""

    group, prepared = None, {}

    @classmethod
    def get(cls, group, key, task):
        if group != cls.group:
            cls.group, cls.prepared = group, {}
        if (key, task) not in cls.prepared:
            epoch, order = CONTENDERS[key].prepare(task), orders()
            epoch(batches(next(order), task.batch))
            cls.prepared[key, task] = epoch, order
        return cls.prepared[key, task]


@pytest.mark.parametrize("kind, group, repeat, key, task", list(cases()))
def test_step(benchmark, kind, group, repeat, key, task):
    epoch, order = Ready.get((kind, group), key, task)
    minibatches = batches(next(order), task.batch)
    benchmark.extra_info |= {"kind": kind, "task": str(group), "as": str(task), "repeat": repeat, "contender": key,
                             "steps": task.steps, "flops": task.flops, "threads": THREADS}
    benchmark.extra_info |= {"depth": len(task.hidden), "width": task.hidden[0], "batch": task.batch}
    benchmark.pedantic(epoch, (minibatches,), rounds=1)
