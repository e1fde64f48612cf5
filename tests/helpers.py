"""What several test modules hold the library against: definitions written out, experiments, made-up runs."""

import math
import runpy
import shutil
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from urllib.parse import urljoin

import numpy as np
from hypothesis import strategies as st

from mlplib import ACTIVATIONS, INITIALIZERS, MLP, Experiment, Figures, History, Run

# Every activation of the library, by its name: one number at a time.
DEFINITIONS = {
    "sigmoid": lambda z: 1 / (1 + math.exp(-z)),
    "improved_sigmoid": lambda z: 1.7159 * math.tanh(2 * z / 3),
}
# (input_gain, output_gain, offset)
GAINS = [(4 / 3, 3.4318, -1.7159), (2, 2, -1), (0.3, 5, 0), (-1.5, 0.5, 0.25), (1.0, -2.0, 3.0), (1.0, 1.0, 0.5)]
# Named parts of the validation set of `small_trainer`.
MASKS = {"front": np.arange(7) < 4, "odd": np.arange(7) % 2 == 1}
CURVES = ("train_loss", "train_accuracy", "validation_loss", "validation_accuracy")
RULES = ("validation", "half_1", "half_2")
# Ten steps an epoch, an evaluation after every second one. The rules stop at three different steps, on every processor
# tried: with larger learning rates that hangs on the last digits.
PLAIN = Experiment(hidden=(8,), n_train=320, epochs=20, learning_rate=1.0, patience=6, seed=0)
THREE = replace(PLAIN, stop_on=RULES, judge_on=(*RULES, "held_out"))
# A value of its own for each field that came after the report.
VARIED = {
    "input_gain": 2.0, "output_gain": 0.5, "offset": -0.25, "init_scale": 0.1, "third": 2, "inputs": "unit_interval",
    "evaluations_per_epoch": 2, "dense_steps": 300, "stop_on": ("half_2", "validation"),
    "judge_on": ("held_out", "half_1"), "diagnostics": ("units", "hits"), "straight_through": True,
}


# ---- networks

networks = st.builds(
    MLP,
    hidden=st.lists(st.integers(1, 6), max_size=3),
    activation=st.sampled_from(list(ACTIVATIONS)),
    init=st.sampled_from(list(INITIALIZERS)),
    biases=st.sampled_from(["input", "every_layer"]),
    seed=st.integers(0, 1000),
    dtype=st.just(np.float64),
    n_inputs=st.integers(1, 5),
    n_classes=st.integers(2, 5),
)
batch_sizes, seeds = st.integers(1, 9), st.integers(0, 1000)


def small(hidden=(5, 3), **options):
    """A network of four inputs and three classes, in float64."""
    return MLP(hidden, **({"n_inputs": 4, "n_classes": 3, "dtype": np.float64} | options))


# ---- arrays


def assert_all_close(ours, theirs, **tolerance):
    """Arrays, one by one."""
    for one, other in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(one, other, **tolerance)


def copied(model):
    """The weights as they are now."""
    return [W.copy() for W in model.weights]


def assert_equal(ours, theirs):
    """Weights, to the last bit."""
    assert len(ours) == len(theirs) and all(map(np.array_equal, ours, theirs))


def standardized(images, mean, std):
    """Float64, in one step, with the bias column."""
    return np.column_stack([(images - mean) / std, np.ones(len(images))])


def mean_and_std(images):
    """In float64, a twentieth of the images at a time."""
    mean = images.mean()
    return mean, math.sqrt(np.mean([np.mean((part - mean) ** 2) for part in np.split(images, 20)]))


# ---- the same in PyTorch


def in_torch(torch, model, weights, X):
    """The logits that PyTorch computes from its own copies of the weights."""
    a = torch.tensor(X)
    for W in weights[:-1]:
        z = a @ W
        a = torch.sigmoid(z) if model.activation == "sigmoid" else 1.7159 * torch.tanh(2 / 3 * z)
        if model.biases == "every_layer":
            a = torch.nn.functional.pad(a, (0, 1), value=1.0)
    return a @ weights[-1]


def torch_weights(torch, model):
    """Copies of the weights that PyTorch finds gradients for."""
    return [torch.tensor(W, requires_grad=True) for W in model.weights]


# ---- runs


def made_up_run(experiment):
    """A run that was never trained: curves of the usual shape, other ones for each experiment."""
    rng = np.random.default_rng(np.frombuffer(repr(experiment).encode(), np.uint8))
    n = int(rng.integers(80, 110))
    steps = 125 * np.arange(n)
    train_loss = 2.3 * np.exp(-np.sqrt(steps / rng.uniform(400, 1500))) * rng.normal(1, 0.05, n) + 0.001
    validation_loss = 0.9 * train_loss + 0.15
    history = History(np.arange(125 * n), np.repeat(train_loss, 125), steps, train_loss, 1 - train_loss / 8,
                      validation_loss, 1 - validation_loss / 4)
    final = Figures(train_loss[-1], 1 - train_loss[-1] / 8, validation_loss[-1], 1 - validation_loss[-1] / 4)
    gradient_rms = (0.1,) * (len(experiment.hidden) + 1)
    return Run(experiment, None, history, n // 5, False, False, "", 1.0, final, final, gradient_rms)


# ---- notebooks

FOLDER = Path(__file__).resolve().parents[1] / "notebooks"
FOLDERS, PAIRS = map(runpy.run_path(str(FOLDER.parent / "book" / "pairs.py")).get, ("FOLDERS", "pairs"))
#: Their names, "1_backpropagation" or "exercises/implement".
NOTEBOOKS = [file.relative_to(FOLDER).with_suffix("").as_posix() for file in PAIRS(FOLDER.parent, ".ipynb")]


def written_pair(execute, folder):
    """A notebook of one cell and its text, made by the functions of book/execute.py; the text's path."""
    shutil.copy(Path(__file__).resolve().parents[1] / "jupytext.toml", folder)
    text = folder / "pair.md"
    text.write_text("---\nkernelspec:\n  display_name: Python 3\n  language: python\n  name: python3\n---\n\n"
                    "# A pair\n\n```{code-cell} ipython3\n1 + 1\n```\n", encoding="utf-8")
    execute["store"](execute["load"](text), text)
    return text


class Site:
    """What `js` is in Pyodide, as far as it is used: a server that has some answers."""

    def __init__(self):
        self.answers, self.asked = {}, []
        self.location = SimpleNamespace(href="https://book.org/2026/lite/extensions/@jupyterlite/kernel/static/1.js")
        self.URL = SimpleNamespace(new=lambda address, base: SimpleNamespace(href=urljoin(base, address)))
        self.XMLHttpRequest = SimpleNamespace(new=self.request)

    def request(self):
        request = SimpleNamespace(statusText="")

        def open_(method, address, later):
            assert (method, later) == ("GET", False)
            self.asked.append(address)

        def send():
            assert request.responseType == "arraybuffer"
            request.status, answer = self.answers.get(self.asked[-1], (404, b"not found"))
            if request.status == 0:
                raise OSError("NetworkError: failed to load")
            request.response = SimpleNamespace(to_bytes=lambda: answer)

        request.open, request.send = open_, send
        return request
