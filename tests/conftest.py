"""What every test stands on: NumPy that raises, the data set, small random problems, PyTorch where there is one."""

import hashlib
import os
import subprocess
import sys
from collections import Counter

import hypothesis
import numpy as np
import pytest

import mlplib
from mlplib import MLP, Momentum, Trainer
from mlplib.inputs import standardized_mnist

CI = os.environ.get("CI") == "true"

hypothesis.settings.register_profile("here", deadline=None, derandomize=CI)
hypothesis.settings.load_profile("here")


COUNTED = Counter()


def pytest_addoption(parser):
    parser.addoption("--whole", action="store_true", help="campaigns at their full length, as in their make targets")


def pytest_terminal_summary(terminalreporter):
    for what, number in COUNTED.items():
        terminalreporter.write_line(f"{number:,} {what}")


@pytest.fixture(scope="session")
def length(request):
    """A function that gives how long a campaign goes on: length(in make test, in its own make target)."""
    return lambda share, whole: whole if request.config.getoption("--whole") else share


@pytest.fixture(scope="session")
def count():
    """A function that adds to the counts shown after the tests: count("inputs", 5)."""
    return lambda what, number=1: COUNTED.update({what: number})


@pytest.fixture(autouse=True)
def numpy_raises():
    with np.errstate(over="raise", divide="raise", invalid="raise"):
        yield


@pytest.fixture(scope="session")
def mnist():
    return mlplib.load_mnist()


@pytest.fixture(scope="session")
def inputs():
    """(X, y), (X_validation, y_validation): the report's standardised arrays."""
    return standardized_mnist()


@pytest.fixture(scope="session")
def training_file(mnist):
    """All 60,000 images and labels of MNIST's training file, in the file's order."""
    return [np.concatenate(pair) for pair in zip(mnist.train, mnist.held_out)]


@pytest.fixture(scope="session")
def problem():
    """A function that draws samples with a bias column, and labels: problem(n_samples, n_inputs, n_classes, seed)."""

    def draw(n_samples=12, n_inputs=4, n_classes=3, seed=0):
        rng = np.random.default_rng(seed)
        X = rng.normal(size=(n_samples, n_inputs))
        X[:, -1] = 1
        return X, rng.integers(n_classes, size=n_samples)

    return draw


@pytest.fixture
def small_trainer(problem):
    """A function that gives the trainer of a small network on 23 samples; with batches of 2, eleven steps an epoch."""

    def build(optimizer=None, model=MLP, hidden=(5,), **options):
        options = {"batch_size": 2, "epochs": 3, "patience": None} | options
        model = model(hidden, n_inputs=4, n_classes=3, dtype=np.float64)
        return Trainer(model, optimizer or Momentum(0.1), problem(23), problem(7, seed=1), **options)

    return build


@pytest.fixture(scope="session")
def bits():
    """A function that gives a digest of each array that a `Run` or a `Trainer` arrived at, by name."""

    def digests(trained):
        arrays = dict(vars(trained.history))
        arrays |= arrays.pop("subsets")
        arrays |= {f"weights {i}": W for i, W in enumerate(trained.model.weights)}
        return {name: hashlib.sha256(array.tobytes()).hexdigest()[:16] for name, array in arrays.items()}

    return digests


@pytest.fixture(scope="session")
def playwright_starts():
    """Whether Playwright's own program does: a bare machine lacks a library of the system that it needs."""
    command = [sys.executable, "-m", "playwright", "--version"]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


@pytest.fixture(scope="session")
def torch():
    try:
        import torch
    except ModuleNotFoundError:
        if CI:
            pytest.fail("PyTorch is missing: expected it where CI=true")
        pytest.skip("PyTorch is not installed")
    return torch
