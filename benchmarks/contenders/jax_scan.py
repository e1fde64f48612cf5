"""JAX: the epoch as one compiled `lax.scan`. Fetching the rows inside the scan was its faster variant.

In a whole run a loop with a number of updates that is given takes the scan's place, in turns with an evaluation that is
compiled too: the first piece is one update, and a second scan for that would cost more to compile than it saves.
"""

import time
from dataclasses import replace
from functools import lru_cache, partial

import numpy as np

from benchmarks.tasks import data_as
from benchmarks.whole import schedule, train

name, requires = "JAX, one jitted scan", ("jax",)
whole_name = "JAX, jitted pieces"


def on_device(X, y):
    import jax.numpy as jnp

    return jnp.asarray(X), jnp.asarray(y)


def functions(task):
    """`step(state, rows, X, y)`, which gives the next state and the loss, and `figures(weights, sets)`."""
    import jax
    import jax.numpy as jnp

    def logits(weights, x):
        for W in weights[:-1]:
            x = 1.7159 * jnp.tanh(2 / 3 * (x @ W)) if task.activation == "improved_sigmoid" else jax.nn.sigmoid(x @ W)
        return x @ weights[-1]

    def cost(z, labels):
        return -jnp.mean(jnp.take_along_axis(jax.nn.log_softmax(z), labels[:, None], axis=1))

    def step(state, rows, X, y):
        weights, velocities = state
        loss, gradients = jax.value_and_grad(lambda weights: cost(logits(weights, X[rows]), y[rows]))(weights)
        if task.gamma:
            velocities = gradients = [task.gamma * v + g for v, g in zip(velocities, gradients)]
        return ([W - task.learning_rate * g for W, g in zip(weights, gradients)], velocities), loss

    def figures(weights, sets):
        found = [(logits(weights, X), y) for X, y in sets]
        return jnp.array([figure for z, y in found for figure in (cost(z, y), jnp.mean(z.argmax(axis=1) == y))])

    return step, figures


def initial(task):
    import jax.numpy as jnp

    weights = [jnp.asarray(W) for W in task.weights()]
    return weights, [jnp.zeros_like(W) for W in weights]


def updates(step):
    """A function for the updates with the minibatches `start` to `stop` of `rows`: the state after, and the losses."""
    from jax import lax

    def run(state, losses, rows, start, stop, X, y):
        def body(i, carry):
            state, loss = step(carry[0], rows[i], X, y)
            return state, carry[1].at[i].set(loss)

        return lax.fori_loop(start, stop, body, (state, losses))

    return run


def prepare(task):
    import jax
    from jax import lax

    X, y = data_as(on_device)[0]
    step, _ = functions(task)
    scan = jax.jit(lambda state, batches, X, y: lax.scan(lambda state, rows: step(state, rows, X, y), state, batches))
    state = initial(task)

    def epoch(batches):
        nonlocal state
        state, losses = scan(state, batches, X, y)
        return np.asarray(losses)  # waits for the result

    epoch.weights = lambda: [np.asarray(W) for W in state[0]]
    return epoch


@lru_cache
def compiled(task, length, seeds=None):
    """The updates and the evaluation, compiled for tasks that differ from this one in their seed only.

    For so many seeds at once, if a number is given.
    """
    import jax
    import jax.numpy as jnp

    step, figures = functions(task)
    run, sets = updates(step), data_as(on_device)
    state, losses, rows = initial(task), jnp.zeros(length), np.zeros((length, task.batch), np.int64)
    if seeds:
        run = jax.vmap(run, (0, 0, 0, None, None, None, None))
        figures = jax.vmap(figures, (0, None))
        state, losses, rows = jax.tree.map(lambda array: jnp.stack([array] * seeds), (state, losses, rows))
    return (jax.jit(run).lower(state, losses, rows, 0, length, *sets[0]).compile(),
            jax.jit(figures).lower(state[0], sets).compile())


def prepare_pieces(task, length):
    """As `prepare`, for pieces of at most so many updates, with figures."""
    import jax.numpy as jnp

    sets = data_as(on_device)
    start = time.perf_counter()
    run, figures = compiled(replace(task, seed=0), length)
    compiling = time.perf_counter() - start
    state, losses, rows = initial(task), jnp.zeros(length), np.zeros((length, task.batch), np.int64)

    def piece(batches):
        nonlocal state, losses
        rows[: len(batches)] = batches
        state, losses = run(state, losses, rows, 0, len(batches), *sets[0])
        return np.asarray(losses)[: len(batches)]

    piece.weights = lambda: [np.asarray(W) for W in state[0]]
    piece.figures = lambda: np.asarray(figures(state[0], sets))
    piece.compiling = compiling
    return piece


def whole(experiment):
    return train(experiment, partial(prepare_pieces, length=schedule(experiment)[0]))
