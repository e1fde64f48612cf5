"""One run as bytes, as a store keeps it: an NPZ file with the run's figures, its curves, and the versions that made it.

It may come from elsewhere, so nothing is believed of it that takes memory: see `UNPACKED`.
"""

import io
import json
import math
import platform
import zipfile
from dataclasses import asdict, fields
from importlib.metadata import version

import numpy as np

from mlplib import _checks
from mlplib.datasets import DataSet
from mlplib.experiments import Experiment
from mlplib.history import History
from mlplib.running import Figures, Run, Stop, model_for

FORMAT = 2
# Of the minibatch losses every 25th is kept at first, later every 125th: they are drawn pale, and are most of a
# history's numbers.
STRIDES, FIRST = (25, 125), 1250
_DEFAULTS = asdict(Experiment())
RECORDED = "recorded "  # what the names of the arrays of diagnostics begin with
# What is unpacked of an entry at most: so many bytes, or so many times its own size if that is more; and its text. Real
# runs take two or three times their size; a file that claims more was made to fill the memory.
UNPACKED, TIMES, TEXT = 2**26, 64, 2**20
_CURVES = ("train_loss", "train_accuracy", "validation_loss", "validation_accuracy")


class EntryError(Exception):
    """Bytes that are no run, or not one of this version. The message says why."""


def differing(experiment):
    """The fields of an experiment that differ from their defaults, by name, as JSON gives them back."""
    _checks.instance("experiment", experiment, Experiment)
    values = {field.name: getattr(experiment, field.name) for field in fields(experiment)}
    found = {name: value for name, value in values.items() if value != _DEFAULTS[name]}
    # What is saved and what is read back are equal: a tuple becomes a list. Of data there is what tells it from other.
    return json.loads(json.dumps(found, default=lambda data: data.description))


def checked_marks(marks):
    """What is kept among a run's versions, as a dict from str to str, or what is wrong with it."""
    return {name: _checks.text(f"marks[{name!r}]", mark) for name, mark in _checks.mapping("marks", marks).items()}


def packed(run, weights, marks):
    """A run as an entry, with its last weights if they are wanted, and marks among its versions."""
    history = run.history
    kept = np.where(history.step < FIRST, history.step % STRIDES[0], history.step % STRIDES[1]) == 0
    kept[-1:] = True  # the last step says how long the run was
    about = {
        "format": FORMAT,
        "experiment": differing(run.experiment),
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
        | marks,
    }
    numbers = {"step": history.step[kept], "minibatch_loss": history.minibatch_loss[kept],
               "evaluation_step": history.evaluation_step, **{name: getattr(history, name) for name in _CURVES},
               **{f"{RECORDED}{name}": values for name, values in run.diagnostics.items()}}
    bits = {name: numbers.pop(name) for name in list(numbers) if numbers[name].dtype == np.uint8}
    about["shapes"] = {name: values.shape for name, values in numbers.items()}
    text = json.dumps(about, separators=(",", ":"))
    arrays = {"about": np.frombuffer(text.encode(), np.uint8), "numbers": _planes(numbers, run.experiment), **bits}
    if weights:
        arrays |= {f"weights_{layer}": W for layer, W in enumerate(run.model.weights)}
    # Whatever is saved can be read: what is too large to be unpacked from a few bytes is not packed.
    large = sum(values.nbytes for values in arrays.values()) > UNPACKED // 2
    entry = io.BytesIO()
    (np.savez if large else np.savez_compressed)(entry, **arrays)
    return entry.getvalue()


def unpacked(content):
    """The run in an entry, or an `EntryError` that says what is wrong with it."""
    try:
        arrays = _arrays(content)
        if arrays["about"].nbytes > TEXT:
            raise ValueError(f"expected a text of at most {TEXT:,} bytes, found {arrays['about'].nbytes:,}")
        about = json.loads(arrays["about"].tobytes())
        if about["format"] != FORMAT:
            raise EntryError(f"expected format {FORMAT}, found {about['format']}; another version of mlplib made it")
        unknown = set(about["experiment"]) - {field.name for field in fields(Experiment)}
        if unknown:
            raise EntryError(f"its experiment has unknown fields, {', '.join(sorted(unknown))}; "
                             "another version of mlplib made it")
        said = about["experiment"]
        if "data" in said:
            said["data"] = DataSet.described(**said["data"])
        experiment = Experiment(**said)
        numbers = _from_planes(arrays.pop("numbers"), about["shapes"], experiment)
        recorded = {name.removeprefix(RECORDED): values for name, values in (numbers | arrays).items()
                    if name.startswith(RECORDED)}
        history = History(**{name: values for name, values in numbers.items() if not name.startswith(RECORDED)})
        stops = {name: _stop(**stop) for name, stop in about.get("stops", {}).items()}
        weights = [arrays[name] for name in sorted(arrays, key=lambda n: (len(n), n)) if name.startswith("weights_")]
        epoch, seconds = about["stopped_epoch"], _checks.loss("seconds", about["seconds"])
        versions = checked_marks(about["versions"])
        if not versions:  # it would be given today's when it is saved again
            raise ValueError("versions: expected those that made the run, found none")
        final, best = (Figures(*_losses(name, about[name])) for name in ("final", "best"))
        gradient_rms = _losses("gradient_rms", about["gradient_rms"])
        if len(gradient_rms) != len(experiment.hidden) + 1:
            raise ValueError(f"gradient_rms: expected {len(experiment.hidden) + 1} numbers, found {len(gradient_rms)}")
        return Run(experiment, _model(experiment, weights), history,
                   None if epoch is None else _checks.integer("stopped_epoch", epoch, minimum=0),
                   _checks.boolean("diverged", about["diverged"]), False, _checks.text("message", about["message"]),
                   seconds, final, best, gradient_rms, stops, recorded, versions)
    except EntryError:
        raise
    except Exception as error:  # on its way through zipfile, zlib, NumPy and json damage can raise nearly anything
        raise EntryError(f"damaged, or no entry of a store ({error})") from error


def _losses(name, values):
    """A tuple of floats: JSON knows no tuples."""
    values = _checks.sequence(name, values, "numbers")
    return tuple(_checks.loss(f"{name}[{i}]", value) for i, value in enumerate(values))


def _stop(step, best_step, stopped, last, best):
    judged = []
    for which in (last, best):
        judged.append({name: _losses(name, figures) for name, figures in which.items()})
        if any(len(figures) != 2 for figures in judged[-1].values()):
            raise ValueError("stops: expected a loss and an accuracy on each set")
    return Stop(_checks.integer("step", step, minimum=0), _checks.integer("best_step", best_step, minimum=0),
                _checks.boolean("stopped", stopped), *judged)


def bound(size):
    """How many bytes a file of a size may be unpacked to."""
    return max(UNPACKED, TIMES * size)


def opened(content):
    """A ZIP file with all that its end counts; zipfile by itself passes over what a damaged directory hides."""
    zipped = zipfile.ZipFile(io.BytesIO(content))
    counted = int.from_bytes(content[-12:-10], "little")
    if len(zipped.filelist) != counted:
        raise ValueError(f"expected {counted:,} parts, found {len(zipped.filelist):,}")
    return zipped


def member(zipped, info, most):
    """What lies in a ZIP file, of which no more is unpacked than `most` bytes."""
    if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise ValueError(f"{info.filename}: expected it stored or deflated")  # others unpack without a bound
    if info.file_size > most:
        raise ValueError(f"{info.filename}: expected at most {most:,} bytes, found a claim of {info.file_size:,}")
    with zipped.open(info) as file:
        content = file.read(info.file_size)
    if len(content) != info.file_size:
        raise ValueError(f"{info.filename}: expected {info.file_size:,} bytes, found {len(content):,}")
    return content


def _arrays(content):
    """The arrays of an NPZ file, by name. NumPy's own reader makes room for whatever a header claims."""
    with opened(content) as entry:
        infos, most = entry.infolist(), bound(len(content))
        if len(infos) > len(entry.NameToInfo) or sum(info.file_size for info in infos) > most:
            raise ValueError(f"expected arrays of different names, of at most {most:,} bytes altogether")
        return {info.filename.removesuffix(".npy"): _array(member(entry, info, most)) for info in infos}


def _array(content):
    """The array in an NPY file, fresh."""
    file = io.BytesIO(content)
    if np.lib.format.read_magic(file) != (1, 0):
        raise ValueError("expected arrays in version 1.0 of NumPy's format")
    shape, in_columns, dtype = np.lib.format.read_array_header_1_0(file)
    start = file.tell()
    if dtype.kind not in "fiub" or math.prod(shape) * dtype.itemsize != len(content) - start:
        raise ValueError(f"expected {len(content) - start:,} bytes of numbers, found a claim of {shape} of {dtype}")
    return np.ndarray(shape, dtype, content, start, order="F" if in_columns else "C").copy(order="K")


def _planes(numbers, experiment):
    """All numbers of a run, one after the other, each rounded to a float32's upper 24 bits, in three planes of bytes.

    That takes half of an archive of the arrays, a run being small: less to say about each array, steps as differences,
    accuracies as counts, and signs and exponents, which hardly change, side by side. Whole numbers to 65,536 stay
    exact.
    """
    rows = [np.diff(values, prepend=0) if name.endswith("step") else values * _unit(name, experiment)
            for name, values in numbers.items()]
    whole = np.concatenate([np.ravel(row).astype(np.float32) for row in rows])
    rounded = (whole.view(np.uint32) + np.uint32(0x80)).astype("<u4")
    return np.ascontiguousarray(rounded.view(np.uint8).reshape(-1, 4).T[1:])


def _from_planes(planes, shapes, experiment):
    """What `_planes` was given, rounded, in the types that a fresh run has."""
    if planes.dtype != np.uint8 or planes.ndim != 2 or len(planes) != 3:
        raise ValueError(f"expected three planes of bytes, found {planes.dtype} of shape {planes.shape}")
    for name, shape in shapes.items():
        for length in shape:
            _checks.integer(f"shapes[{name!r}]", length, minimum=0, maximum=len(planes[0]))
    whole = np.zeros((planes.shape[1], 4), np.uint8)
    whole[:, 1:] = planes.T
    whole = whole.view("<f4").ravel().astype(np.float64)
    ends = np.cumsum([math.prod(shape) for shape in shapes.values()])
    if len(whole) != ends[-1]:
        raise ValueError(f"expected {ends[-1]} numbers, found {len(whole)}")
    rows = {name: row.reshape(shape) for (name, shape), row in zip(shapes.items(), np.split(whole, ends[:-1]))}
    with np.errstate(all="ignore"):
        found = {name: np.cumsum(row).astype(np.int64) if name.endswith("step") else row / _unit(name, experiment)
                 for name, row in rows.items()}
    for several in (("step", "minibatch_loss"), ("evaluation_step", *_CURVES)):
        steps = found[several[0]]
        if any(found[name].shape != (len(steps),) for name in several) or (np.diff(steps, prepend=-1) <= 0).any():
            raise ValueError(f"expected steps that rise, and as many of each of {', '.join(several)}")
    return found


def _unit(name, experiment):
    """What an accuracy is multiplied by: the images that it is taken of."""
    return {"train_accuracy": experiment.n_train, "validation_accuracy": experiment.n_validation}.get(name, 1)


def _model(experiment, weights):
    if not weights:
        return None
    found = sum(W.size for W in weights)
    if found < experiment.n_weights:  # before room is made for so many
        raise ValueError(f"expected {experiment.n_weights:,} weights or more, found {found:,}")
    model = model_for(experiment)
    shapes = [W.shape for W in model.weights]
    if [W.shape for W in weights] != shapes or any(W.dtype != model.dtype for W in weights):
        raise ValueError(f"expected weights of shapes {shapes}, found {[W.shape for W in weights]}")
    model.weights = weights
    return model
