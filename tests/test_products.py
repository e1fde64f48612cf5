"""Products without a BLAS give what products with one give, and a network learns the same by them."""

import json
import subprocess
import sys

import numpy as np
import pytest

from mlplib import products

ORDERS = [(a, b, out) for a in "CF" for b in "CF" for out in "CF"]


@pytest.mark.parametrize("a, b, out", ORDERS)
@pytest.mark.parametrize("shape", [(32, 785, 64), (785, 32, 64), (32, 10, 64), (1, 1, 1), (0, 4, 5)], ids=str)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_plain_loop_gives_the_product_whatever_lies_where(shape, dtype, a, b, out):
    n, k, m = shape
    rng = np.random.default_rng(0)
    A, B = np.asarray(rng.normal(size=(n, k)), dtype, a), np.asarray(rng.normal(size=(k, m)), dtype, b)
    into = np.full((n, m), np.nan, dtype, out)
    assert products.by_einsum(A, B, out=into) is into
    np.testing.assert_allclose(into, A @ B, rtol=0, atol=np.finfo(dtype).eps * 8 * k)


def test_the_plain_loop_takes_views_and_writes_into_one():
    wide = np.full((4, 7), 9.0)
    A, B = np.arange(12.0).reshape(3, 4), np.arange(18.0).reshape(3, 6)
    products.by_einsum(A.T, B, out=wide[:, :6])
    assert np.array_equal(wide[:, :6], A.T @ B) and (wide[:, 6] == 9).all()


# What NumPy says of itself: a wheel from PyPI, Accelerate, Pyodide's, and one that was built without.
@pytest.mark.parametrize("blas, there", [
    ({"name": "scipy-openblas", "found": True}, True), ({"name": "accelerate", "found": True}, True),
    ({"name": "auto"}, False), ({"name": "none", "found": False}, False),
], ids=str)
def test_numpy_says_whether_it_has_a_blas(blas, there):
    assert products.has_blas({"Build Dependencies": {"blas": blas, "lapack": {"found": True}}}) is there


def test_with_a_blas_numpys_own_product_is_taken():
    assert products.HAS_BLAS == any(library["user_api"] == "blas" for library in loaded_libraries())
    assert products.HAS_BLAS == (products.matmul is np.matmul) == (products.ORDER == "C")


def loaded_libraries():
    from threadpoolctl import threadpool_info

    return threadpool_info()


PROGRAM = """
import json, numpy
if {pretend}:
    said = numpy.show_config(mode="dicts")
    said["Build Dependencies"]["blas"] = {{"name": "auto"}}
    numpy.show_config = lambda mode: said
import mlplib
run = mlplib.run(mlplib.Experiment(hidden=(16, 8), gamma=0.9, biases="every_layer", n_train=2000, epochs=2))
model = run.model
orders = {{"C" if W.flags.c_contiguous else "F" for W in [*model.weights, *model.gradients(*map(numpy.copy, (
    mlplib.inputs.standardized_mnist()[1][0][:5], mlplib.inputs.standardized_mnist()[1][1][:5])))]}}
print(json.dumps([mlplib.products.HAS_BLAS, sorted(orders), run.history.minibatch_loss.tolist(), list(run.best)]))
"""


def test_without_a_blas_a_network_learns_the_same():
    def learned(pretend):
        done = subprocess.run([sys.executable, "-c", PROGRAM.format(pretend=pretend)], capture_output=True, text=True,
                              check=True)
        return json.loads(done.stdout)

    (has, orders, losses, best), (lacks, others, theirs, their_best) = learned(False), learned(True)
    assert has and orders == ["C"] and not lacks and others == ["F"]
    assert theirs == pytest.approx(losses, abs=1e-4) and their_best == pytest.approx(best, abs=1e-3)
