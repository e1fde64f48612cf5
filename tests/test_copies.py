"""A copy of a live object goes on as the original does: `deepcopy`, pickle, and what joblib sends to a process."""

import copy
import io
import pickle
from dataclasses import replace

import joblib
import numpy as np
import pytest
from helpers import MASKS, PLAIN

import mlplib
from mlplib import MLP, SGD, Experiment, Momentum, Standardizer
from mlplib.activations import ACTIVATIONS, activation
from mlplib.evidence import CLAIMS, QUESTIONS, compare
from mlplib.network import Buffers
from mlplib.optimizers import PhasedMomentum
from mlplib.store import Archive, Store, StoreChain, packaged
from mlplib.training import EarlyStopping


def pickled(value):
    return pickle.loads(pickle.dumps(value))


def mapped(value):
    """As joblib hands it to a process: large arrays, here all of them, are read-only."""
    file = io.BytesIO()

    class Pickler(pickle.Pickler):
        def reducer_override(self, one):
            return (read_only, (one.tolist(), one.dtype, one.shape)) if type(one) is np.ndarray else NotImplemented

    Pickler(file).dump(value)
    return pickle.loads(file.getvalue())


def read_only(values, dtype, shape):
    array = np.array(values, dtype).reshape(shape)
    array.flags.writeable = False
    return array


WAYS = {"deepcopy": copy.deepcopy, "pickle": pickled, "read-only arrays": mapped}
each_way = pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)


@each_way
@pytest.mark.parametrize("biases", ["input", "every_layer"])
@pytest.mark.parametrize("optimizer", [SGD(0.3), Momentum(0.1, 0.9), PhasedMomentum(0.1, 0.9, 5, 11)],
                         ids=repr)
def test_a_trainer_that_is_copied_in_mid_run_goes_on_as_the_original(small_trainer, bits, way, optimizer, biases):
    def trainer():
        return small_trainer(copy.copy(optimizer), lambda *args, **options: MLP(*args, biases=biases, **options),
                             hidden=(5, 3), subsets=MASKS, stop_on=("validation", "odd"), patience=3, epochs=6)

    whole = trainer()
    whole.run(progress=False)
    for pieces in range(0, 100, 7):
        original = trainer()
        for _ in zip(range(pieces), original.pieces()):
            pass
        others = way(original)
        for each in (others, original):
            each.run(progress=False)
            assert bits(each) == bits(whole) and each.stopped_epoch == whole.stopped_epoch
            assert {name: best.step for name, best in each.best.items()} == {
                name: best.step for name, best in whole.best.items()}


@each_way
def test_a_copy_and_its_original_share_nothing_that_either_writes_to(small_trainer, bits, way):
    original = small_trainer(Momentum(0.1))
    for _ in zip(range(10), original.pieces()):
        pass
    before = bits(original)
    way(original).run(progress=False)
    assert bits(original) == before


@each_way
def test_a_network_its_buffers_and_its_optimizer_stay_together(problem, way):
    X, y = problem()
    model = MLP((5,), n_inputs=4, n_classes=3, biases="every_layer", dtype=np.float64)
    optimizer = Momentum(0.1)
    optimizer.update(model.weights, model.gradients(X, y))
    twin, its = way((model, optimizer))
    for one, other in ((model, optimizer), (twin, its)):
        other.update(one.weights, one.gradients(X, y))
    assert all(map(np.array_equal, model.weights, twin.weights))
    buffers = way(Buffers(model, 3))
    for a, inputs in zip(buffers.activations, buffers.inputs):
        assert np.shares_memory(a, inputs)
        inputs += 1  # it can be written to


def test_a_trainer_goes_on_in_another_process_as_here(bits):
    experiment = replace(PLAIN, hidden=(400,), epochs=2, gamma=0.9)  # joblib maps what is larger than a megabyte
    here = mlplib.trainer_for(experiment)
    for _ in zip(range(15), here.pieces()):
        pass
    (there,) = joblib.Parallel(n_jobs=2)([joblib.delayed(trained)(here)])
    assert bits(trained(here)) == bits(there)


def trained(trainer):
    with mlplib.running.one_blas_thread():
        trainer.run(progress=False)
    return trainer


@pytest.fixture(scope="module")
def run():
    return mlplib.run(replace(PLAIN, epochs=1, diagnostics=("layers", "hits"), judge_on=("half_1",)))


OBJECTS = {
    "Experiment": lambda run: Experiment((8, 4), gamma=0.5),
    "Standardizer": lambda run: Standardizer(33.0, 78.0),
    "EarlyStopping": lambda run: EarlyStopping(3),
    "DataSet": lambda run: mlplib.DataSet("eye", *[(np.repeat(np.eye(2), 2, 0), [0, 0, 1, 1])] * 2),
    "Run": lambda run: run,
    "History": lambda run: run.history,
    "Row": lambda run: mlplib.REPORT["3b"],
    "Registration": lambda run: (CLAIMS, QUESTIONS),
    "Effect": lambda run: compare(*[[run, replace(run, experiment=replace(run.experiment, seed=1))]] * 2,
                                  "accuracy at step 125"),
    "activation": lambda run: activation("sigmoid", 2.0, 2.0, -1.0),
}


@each_way
@pytest.mark.parametrize("of", OBJECTS.values(), ids=OBJECTS)
def test_a_copy_says_what_the_original_says(run, way, of):
    original = of(run)
    assert repr(way(original)) == repr(original) or " at 0x" in repr(original)
    assert pickle.dumps(way(original)) == pickle.dumps(way(original))


@each_way
@pytest.mark.parametrize("name", ACTIVATIONS)
def test_a_copied_activation_is_the_same_function(way, name):
    z = np.linspace(-2, 2, 5)
    assert np.array_equal(way(ACTIVATIONS[name])(z), ACTIVATIONS[name](z))


@each_way
def test_a_copied_store_finds_what_the_original_finds(run, tmp_path, way):
    Store(tmp_path).save(run)
    for store in (Store(tmp_path), StoreChain(Store(tmp_path), Archive(tmp_path / "none.zip")), packaged()):
        assert len(way(store)) == len(store) > 0
