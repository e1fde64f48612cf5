"""JAX, the seeds of a row at once: `vmap` over them, which go on in step until the last one has stopped."""

import time
from dataclasses import replace
from itertools import islice

import numpy as np

from benchmarks.contenders.jax_scan import compiled, initial, on_device
from benchmarks.tasks import Task, data_as
from benchmarks.whole import minibatches, outcome, schedule
from mlplib.training import EarlyStopping

name, requires = "JAX, seeds at once", ("jax",)


def many(experiments):
    """The outcomes of experiments that differ in their seed only."""
    import jax
    import jax.numpy as jnp

    start = time.perf_counter()
    sets, tasks, (every, last) = data_as(on_device), [Task.of(one) for one in experiments], schedule(experiments[0])
    began = time.perf_counter()
    run, figures = compiled(replace(tasks[0], seed=0), every, len(tasks))
    seconds = {"compiling": time.perf_counter() - began}
    state = jax.tree.map(lambda *arrays: jnp.stack(arrays), *map(initial, tasks))
    losses, rows = jnp.zeros((len(tasks), every)), np.zeros((len(tasks), every, tasks[0].batch), np.int64)
    streams = [minibatches(one) for one in experiments]
    runs = [{"rule": EarlyStopping(one.patience), "evaluations": []} for one in experiments]
    done = 0
    while done < last and not all(one["rule"].exhausted for one in runs):
        size = min(every, last - done) if done else 1
        for each, stream in zip(rows, streams):
            each[:size] = list(islice(stream, size))
        state, losses = run(state, losses, rows, 0, size, *sets[0])
        done += size
        now = np.asarray(figures(state[0], sets))
        for seed, one in enumerate(runs):
            if one["rule"].exhausted:
                continue
            one |= {"updates": done, "final": now[seed]}
            if (done - 1) % every == 0:
                one["evaluations"].append(now[seed])
                if one["rule"].is_new_best(float(now[seed, 2])):
                    one |= {"best": now[seed], "weights": [np.array(W[seed]) for W in state[0]]}
    seconds["whole"] = time.perf_counter() - start
    return [outcome(one["updates"], one["evaluations"], one["final"], one["best"], one["rule"].exhausted,
                    {name: each / len(runs) for name, each in seconds.items()}) for one in runs]
