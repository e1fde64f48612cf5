"""A sweep on a real cluster: two worker processes of dask.distributed, one of which is killed while it works."""

import os
import signal
import threading
from dataclasses import replace

import joblib
import pytest

import mlplib
from mlplib.store import Store

distributed = pytest.importorskip("distributed")

EXPERIMENTS = [replace(mlplib.Experiment(n_train=6400, epochs=4), seed=seed) for seed in range(8)]
EXPERIMENTS[3] = replace(EXPERIMENTS[3], learning_rate=1e30)  # it diverges

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def cluster():
    with (
        distributed.LocalCluster(n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None) as cluster,
        distributed.Client(cluster) as client,
    ):
        yield client


def kill_one_at_work(client, store, killed):
    """Wait until a run is stored, then kill the worker that has begun another one."""
    while not len(store):
        killed.wait(0.05)
    busy = [address for address, tasks in client.processing().items() if tasks]
    pid = client.run(os.getpid)[busy[0]] if busy else None
    os.kill(pid, signal.SIGKILL)
    killed.set()


def test_a_sweep_survives_the_death_of_a_worker_and_gives_the_bits_of_a_serial_one(cluster, tmp_path, bits):
    before = set(cluster.run(os.getpid).values())
    assert len(before) == 2 and os.getpid() not in before
    store, killed = Store(tmp_path / "cluster"), threading.Event()
    killer = threading.Thread(target=kill_one_at_work, args=(cluster, store, killed))
    killer.start()
    with joblib.parallel_config(backend="dask"):
        runs = mlplib.sweep(EXPERIMENTS, store, progress=False, keep_weights=EXPERIMENTS)
    killer.join(60)
    assert killed.is_set()
    cluster.wait_for_workers(2)
    assert len(before & set(cluster.run(os.getpid).values())) == 1  # the other is new

    assert [run.experiment for run in runs] == EXPERIMENTS and len(store) == len(EXPERIMENTS)
    assert [run.diverged for run in runs] == [i == 3 for i in range(8)]
    alone = mlplib.sweep(EXPERIMENTS, tmp_path / "alone", n_jobs=1, progress=False, keep_weights=EXPERIMENTS)
    assert [(bits(run), run.final) for run in runs if not run.diverged] == [
        (bits(run), run.final) for run in alone if not run.diverged]
    assert str(runs[3].final) == str(alone[3].final)  # NaN is not equal to itself

    before = set(cluster.run(os.getpid).values())
    with joblib.parallel_config(backend="dask"):
        again = mlplib.sweep(EXPERIMENTS, store, progress=False)
    assert [str(run.final) for run in again] == [str(run.final) for run in alone]
