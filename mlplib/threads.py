"""One function of many pieces, on several threads at once where that is asked for."""

from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from contextvars import ContextVar

from mlplib import _checks

_threads = ContextVar("threads", default=1)


@contextmanager
def on_threads(n):
    """A context in which `in_order` uses `n` threads; of the thread that enters it alone.

    Parameters
    ----------
    n : int
        At least 1. The pieces have to be of a kind that lets other threads work meanwhile, as NumPy's products do.

    Raises
    ------
    TypeError, ValueError
        If `n` is no such number.
    """
    token = _threads.set(_checks.integer("n", n, minimum=1))
    try:
        yield
    finally:
        _threads.reset(token)


def in_order(function, pieces):
    """What `function` makes of each piece, in the order of the pieces: `map`, on the threads of `on_threads`.

    Parameters
    ----------
    function : callable
        Of one piece. With several threads it is called for several at a time.
    pieces : sequence

    Yields
    ------
    object
        The results. An exception comes in its place, and no piece is begun after it.
    """
    n = min(_threads.get(), len(pieces))
    if n < 2:
        yield from map(function, pieces)
        return
    with ThreadPoolExecutor(n) as pool:
        yield from pool.map(function, pieces)
