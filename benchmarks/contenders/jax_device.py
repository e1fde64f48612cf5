"""JAX, the whole run as one program: updates, evaluations and early stopping in a `lax.while_loop`, nothing in Python.

The order of the minibatches comes from outside, so that it is the others' too.
"""

import time
from dataclasses import replace
from functools import lru_cache

import numpy as np

from benchmarks.contenders.jax_scan import functions, initial, on_device, updates
from benchmarks.tasks import Task, data_as
from benchmarks.whole import minibatches, outcome, schedule

name, requires = "JAX, one program", ("jax",)


@lru_cache
def compiled(task, every, last, patience):
    import jax
    import jax.numpy as jnp
    from jax import lax

    step, figures = functions(task)
    run, sets = updates(step), data_as(on_device)

    def program(state, rows, sets):
        def going_on(carry):
            return (carry["waited"] < patience) & (carry["done"] < last)

        def piece(carry):
            done = jnp.where(carry["done"] == 0, 1, jnp.minimum(carry["done"] + every, last))
            state, losses = run(carry["state"], carry["losses"], rows, carry["done"], done, *sets[0])
            now = figures(state[0], sets)
            regular = (done - 1) % every == 0
            better = regular & (now[2] < carry["best"][2])
            weights = [jnp.where(better, W, best) for W, best in zip(state[0], carry["best_weights"])]
            return {"state": state, "losses": losses, "done": done, "final": now, "best_weights": weights,
                    "best": jnp.where(better, now, carry["best"]),
                    "waited": jnp.where(better, 0, carry["waited"] + regular),
                    # One that is not regular is the last, and lands behind them.
                    "evaluations": carry["evaluations"].at[(done - 1 + every - 1) // every].set(now)}

        most = (last - 1 + every - 1) // every + 1
        return lax.while_loop(going_on, piece, {
            "state": state, "losses": jnp.zeros(last), "done": 0, "final": jnp.zeros(4), "best_weights": state[0],
            "best": jnp.full(4, jnp.inf), "waited": 0, "evaluations": jnp.zeros((most, 4))})

    return jax.jit(program).lower(initial(task), np.zeros((last, task.batch), np.int64), sets).compile()


def whole(experiment):
    start = time.perf_counter()
    task, (every, last) = Task.of(experiment), schedule(experiment)
    sets = data_as(on_device)
    began = time.perf_counter()
    program = compiled(replace(task, seed=0), every, last, experiment.patience)
    compiling = time.perf_counter() - began
    found = program(initial(task), np.array(list(minibatches(experiment))), sets)
    done = int(found["done"])  # waits for the result
    return outcome(done, np.asarray(found["evaluations"])[: (done - 1) // every + 1], found["final"], found["best"],
                   found["waited"] >= experiment.patience,
                   {"compiling": compiling, "whole": time.perf_counter() - start})
