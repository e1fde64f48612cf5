"""Pieces on several threads come in order, and an evaluation on them gives the bits that one thread gives."""

import pickle
import threading
from dataclasses import replace

import numpy as np
import pytest

import mlplib
from mlplib import running
from mlplib.threads import in_order, on_threads


def test_without_a_wish_everything_stays_on_the_thread_that_asks():
    assert set(in_order(lambda _: threading.get_ident(), range(5))) == {threading.get_ident()}


def test_two_pieces_are_under_way_at_once():
    meeting = threading.Barrier(2, timeout=30)

    def wait(piece):
        meeting.wait()
        return piece

    with on_threads(2):
        assert list(in_order(wait, range(6))) == list(range(6))


def test_a_fast_piece_waits_for_a_slow_one_before_it():
    first = threading.Event()

    def one(piece):
        if piece == 0:
            assert first.wait(30)
        first.set()
        return piece

    with on_threads(3):
        assert list(in_order(one, [0, 1, 2])) == [0, 1, 2]


def test_a_wish_is_that_of_a_context_and_of_its_thread():
    seen = []

    def look():
        seen.extend(in_order(lambda _: threading.get_ident(), range(4)))

    with on_threads(2):
        other = threading.Thread(target=look)
        other.start()
        other.join()
        with on_threads(1):
            look()
    assert set(seen) == {other.ident, threading.get_ident()}


@pytest.mark.parametrize("threads", [1, 2])
def test_an_exception_comes_in_its_place(threads):
    def one(piece):
        if piece == 2:
            raise KeyError("two")
        return piece

    with on_threads(threads):
        results = in_order(one, range(5))
        assert [next(results), next(results)] == [0, 1]
        with pytest.raises(KeyError, match="two"):
            next(results)


@pytest.mark.parametrize("threads", [1, 3])
def test_who_stops_listening_leaves_no_thread_behind(threads):
    before = threading.active_count()
    with on_threads(threads):
        results = in_order(lambda piece: piece, range(9))
        assert next(results) == 0
        results.close()
    assert threading.active_count() == before


@pytest.mark.parametrize("changes", [
    {}, {"biases": "every_layer", "hidden": (5, 4)}, {"stop_on": ("half_1", "half_2")}])
def test_a_run_whose_parts_are_evaluated_side_by_side_has_the_same_bits(changes, monkeypatch):
    experiment = replace(mlplib.Experiment(hidden=(6,), n_train=700, epochs=2, patience=None), **changes)
    monkeypatch.setattr("mlplib.network.CHUNK", 100)
    used, propagate = set(), mlplib.MLP.propagate

    def watched(model, X, buffers):
        if len(X) <= 100:
            used.add(threading.get_ident())
        return propagate(model, X, buffers)

    monkeypatch.setattr(mlplib.MLP, "propagate", watched)
    runs = []
    for threads in (1, 4):
        with monkeypatch.context() as patch:
            patch.setattr(running, "on_threads", lambda _, threads=threads: on_threads(threads))
            runs.append(mlplib.run(experiment))
        assert (len(used) > 1) == (threads > 1)
    one, four = runs
    assert pickle.dumps(one.history) == pickle.dumps(four.history)
    assert (one.final, one.best, one.stops) == (four.final, four.best, four.stops)
    assert all(map(np.array_equal, one.model.weights, four.model.weights))


def test_a_run_takes_the_threads_that_blas_would_have_had(monkeypatch):
    asked = []
    monkeypatch.setattr(running, "on_threads", lambda n: asked.append(n) or on_threads(1))
    experiment = mlplib.Experiment(hidden=(2,), n_train=64, epochs=1)
    libraries = [one for one in running._libraries().lib_controllers if one.user_api == "blas"]
    before = [library.num_threads for library in libraries]
    try:
        for n in (1, 2):
            running._set_threads(libraries, [n] * len(libraries))
            mlplib.run(experiment)
        with running.one_blas_thread():
            mlplib.run(experiment)
    finally:
        running._set_threads(libraries, before)
    assert asked == [1, 2, 1]
