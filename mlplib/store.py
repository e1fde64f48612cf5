"""Runs on disk: one file for each experiment, with its figures, its curves, and the versions that made it."""

import hashlib
import json
import math
import os
import platform
import shutil
import sys
import tempfile
import warnings
from dataclasses import asdict, fields
from importlib.metadata import version
from pathlib import Path

import numpy as np

from mlplib.experiments import Experiment
from mlplib.history import History
from mlplib.mnist import N_VALIDATION
from mlplib.running import Figures, Run, Stop, model_for

FORMAT = 2
# Of the minibatch losses every 25th is kept at first, later every 125th: they are drawn pale, and are most of a
# history's numbers.
STRIDES, FIRST = (25, 125), 1250
_DEFAULTS = asdict(Experiment())
RECORDED = "recorded "  # what the names of the arrays of diagnostics begin with
_CURVES = ("train_loss", "train_accuracy", "validation_loss", "validation_accuracy")


class StoreError(Exception):
    """An entry that cannot be used: damaged, of an unknown format, or of another experiment. The message names the file."""


class StoreWarning(UserWarning):
    """An entry could not be used, and its experiment is trained again."""


def key(experiment):
    """The name of an experiment in a store.

    It covers only the fields that differ from their defaults, so that a new field does not orphan old runs.

    Parameters
    ----------
    experiment : Experiment

    Returns
    -------
    str
        24 hexadecimal digits.
    """
    return hashlib.sha256(json.dumps(_differing(experiment), sort_keys=True).encode()).hexdigest()[:24]


def _differing(experiment):
    # Through JSON, so that what is saved and what is read back are equal: a tuple becomes a list.
    values = json.loads(json.dumps(asdict(experiment)))
    defaults = json.loads(json.dumps(_DEFAULTS))
    return {name: value for name, value in values.items() if value != defaults[name]}


class Store:
    """A folder of runs, keyed by their experiments.

    Each run is a file of its own, written aside and then put in place at once: a process that is killed leaves no half
    an entry, and two that write at the same time lose nothing.

    Parameters
    ----------
    folder : str or os.PathLike
        Made by the first `save` if it does not exist.

    Raises
    ------
    TypeError
        If `folder` is not a path.
    """

    def __init__(self, folder):
        self.folder = Path(folder)

    def __repr__(self):
        return f"Store({str(self.folder)!r}), {len(self)} runs"

    def __len__(self):
        return len(list(self.folder.glob("*.npz")))

    def __iter__(self):
        """The stored runs, in the order of their keys."""
        for path in sorted(self.folder.glob("*.npz")):
            yield _read(path)

    def __contains__(self, experiment):
        """Whether there is an entry for an experiment; not whether it can be used."""
        return self.path(experiment).exists()

    def __getitem__(self, experiment):
        """The stored run of an experiment.

        Its losses are rounded to 16 binary digits; of its minibatch losses every 25th is kept, from step 1,250 on every
        125th; curves on subsets are not kept, but what each stopping rule came to is; final and best figures are exact.
        Its `model` is None unless the weights were saved.

        Parameters
        ----------
        experiment : Experiment

        Returns
        -------
        Run

        Raises
        ------
        KeyError
            If the experiment is not stored.
        StoreError
            If its entry cannot be used.
        """
        if experiment not in self:
            raise KeyError(f"no run of {experiment} in {self.folder}: mlplib.sweep([experiment], store=...) makes one")
        run = _read(self.path(experiment))
        if run.experiment != experiment:
            raise StoreError(f"{self.path(experiment)}: expected a run of {experiment}, found one of {run.experiment}")
        return run

    def get(self, experiment):
        """The stored run of an experiment, or None; an entry that cannot be used counts as none, with a warning.

        Parameters
        ----------
        experiment : Experiment

        Returns
        -------
        Run or None

        Warns
        -----
        StoreWarning
            If there is an entry that cannot be used. The message names it and says why.
        """
        try:
            return self[experiment] if experiment in self else None
        except StoreError as error:
            warnings.warn(f"not used: {error}", StoreWarning, stacklevel=2)
            return None

    def path(self, experiment):
        """The file of an experiment, whether it exists or not.

        Parameters
        ----------
        experiment : Experiment

        Returns
        -------
        pathlib.Path
        """
        return self.folder / f"{key(experiment)}.npz"

    def save(self, run, weights=False, marks=None):
        """Keep a run; an earlier one of the same experiment is replaced.

        Parameters
        ----------
        run : Run
        weights : bool
            Whether to keep its last weights too, 4 bytes each.
        marks : dict from str to str, optional
            Kept among the run's versions.

        Raises
        ------
        ValueError
            If the weights are wanted and the run comes from a store that did not keep them.
        """
        if weights and run.model is None:
            raise ValueError(f"weights: expected a run with its model, got one without, of {run.experiment}")
        history = run.history
        kept = np.where(history.step < FIRST, history.step % STRIDES[0], history.step % STRIDES[1]) == 0
        kept[-1:] = True  # the last step says how long the run was
        about = {
            "format": FORMAT,
            "experiment": _differing(run.experiment),
            "stopped_epoch": run.stopped_epoch,
            "diverged": run.diverged,
            "message": run.message,
            "seconds": round(run.seconds, 3),
            "final": run.final,
            "best": run.best,
            "gradient_rms": run.gradient_rms,
            **({"stops": {name: stop._asdict() for name, stop in run.stops.items()}} if run.stops else {}),
            "versions": (run.versions or {"mlplib": version("mlplib"), "numpy": np.__version__,
                                          "python": platform.python_version(), "machine": platform.machine()})
            | (marks or {}),
        }
        numbers = {"step": history.step[kept], "minibatch_loss": history.minibatch_loss[kept],
                   "evaluation_step": history.evaluation_step, **{name: getattr(history, name) for name in _CURVES},
                   **{f"{RECORDED}{name}": values for name, values in run.diagnostics.items()}}
        bits = {name: numbers.pop(name) for name in list(numbers) if numbers[name].dtype == np.uint8}
        about["shapes"] = {name: values.shape for name, values in numbers.items()}
        text = json.dumps(about, separators=(",", ":"))
        arrays = {"about": np.frombuffer(text.encode(), np.uint8), "numbers": _packed(numbers, run.experiment), **bits}
        if weights:
            arrays |= {f"weights_{layer}": W for layer, W in enumerate(run.model.weights)}
        self.folder.mkdir(parents=True, exist_ok=True)
        handle, aside = tempfile.mkstemp(dir=self.folder, suffix=".part")
        try:
            with os.fdopen(handle, "wb") as file:
                np.savez_compressed(file, **arrays)
            os.chmod(aside, 0o644)  # mkstemp's file is the owner's alone
            os.replace(aside, self.path(run.experiment))
        except BaseException:
            os.unlink(aside)
            raise


def _read(path):
    """The run in a file, or a StoreError that says what is wrong with it."""
    try:
        with open(path, "rb") as file, np.load(file) as entry:  # of a damaged file np.load would leave it open
            arrays = {name: entry[name] for name in entry.files}
        about = json.loads(arrays["about"].tobytes())
        if about["format"] != FORMAT:
            raise StoreError(f"{path}: expected format {FORMAT}, found {about['format']}; another version of mlplib made it")
        unknown = set(about["experiment"]) - {field.name for field in fields(Experiment)}
        if unknown:
            raise StoreError(f"{path}: its experiment has unknown fields, {', '.join(sorted(unknown))}; "
                             "another version of mlplib made it")
        experiment = Experiment(**about["experiment"])
        numbers = _unpacked(arrays.pop("numbers"), about["shapes"], experiment)
        recorded = {name.removeprefix(RECORDED): values for name, values in (numbers | arrays).items()
                    if name.startswith(RECORDED)}
        history = History(**{name: values for name, values in numbers.items() if not name.startswith(RECORDED)})
        stops = {name: _stop(**stop) for name, stop in about.get("stops", {}).items()}
        weights = [arrays[name] for name in sorted(arrays, key=lambda n: (len(n), n)) if name.startswith("weights_")]
        return Run(experiment, _model(experiment, weights), history, about["stopped_epoch"], about["diverged"], False,
                   about["message"], about["seconds"], Figures(*about["final"]), Figures(*about["best"]),
                   tuple(about["gradient_rms"]), stops, recorded, about["versions"])
    except StoreError:
        raise
    except Exception as error:  # on its way through zipfile, zlib, NumPy and json damage can raise nearly anything
        raise StoreError(f"{path}: damaged, or no entry of a store ({error})") from error


def _stop(last, best, **about):
    """JSON knows no tuples."""
    return Stop(**about, **{which: {name: tuple(figures) for name, figures in judged.items()}
                            for which, judged in (("last", last), ("best", best))})


def _packed(numbers, experiment):
    """All numbers of a run, one after the other, each rounded to a float32's upper 24 bits, in three planes of bytes.

    That takes half of an archive of the arrays, a run being small: less to say about each array, steps as differences,
    accuracies as counts, and signs and exponents, which hardly change, side by side. Whole numbers to 65,536 stay exact.
    """
    rows = [np.diff(values, prepend=0) if name.endswith("step") else values * _unit(name, experiment)
            for name, values in numbers.items()]
    whole = np.concatenate([np.ravel(row).astype(np.float32) for row in rows])
    rounded = (whole.view(np.uint32) + np.uint32(0x80)).astype("<u4")
    return np.ascontiguousarray(rounded.view(np.uint8).reshape(-1, 4).T[1:])


def _unpacked(planes, shapes, experiment):
    """What `_packed` was given, rounded, in the types that a fresh run has."""
    whole = np.zeros((planes.shape[1], 4), np.uint8)
    whole[:, 1:] = planes.T
    whole = whole.view("<f4").ravel().astype(np.float64)
    ends = np.cumsum([math.prod(shape) for shape in shapes.values()])
    if len(whole) != ends[-1]:
        raise ValueError(f"expected {ends[-1]} numbers, found {len(whole)}")
    rows = {name: row.reshape(shape) for (name, shape), row in zip(shapes.items(), np.split(whole, ends[:-1]))}
    return {name: np.cumsum(row).astype(np.int64) if name.endswith("step") else row / _unit(name, experiment)
            for name, row in rows.items()}


def _unit(name, experiment):
    """What an accuracy is multiplied by: the images that it is taken of."""
    return {"train_accuracy": experiment.n_train, "validation_accuracy": N_VALIDATION}.get(name, 1)


def _model(experiment, weights):
    if not weights:
        return None
    model = model_for(experiment)
    model.weights = weights
    return model


def packaged(name="runs"):
    """A store that comes with mlplib.

    Parameters
    ----------
    name : {"runs", "evidence_runs"}
        What the book's widgets and tables show, or what the verdicts on the report's claims stand on.

    Returns
    -------
    Store
    """
    folder = Path(__file__).with_name(name)
    if sys.platform == "emscripten" and not folder.exists():  # most notebooks do without it, so it is no part of the wheel
        shutil.unpack_archive(f"../mlplib/{name}.zip", folder)  # beside the notebooks
    return Store(folder)
