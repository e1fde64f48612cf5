"""Runs on disk: one entry for each experiment, with its figures, its curves, and the versions that made it.

Entries are files of a folder, where a sweep saves, or lie together in an archive, which is read in place. Both may come
from elsewhere, so nothing is believed of them that takes memory: see `UNPACKED`.
"""

import hashlib
import io
import json
import math
import os
import platform
import re
import sys
import tempfile
import time
import warnings
import zipfile
from contextlib import contextmanager
from dataclasses import asdict, fields
from importlib.metadata import version
from pathlib import Path
from urllib.parse import quote

import numpy as np

from mlplib import _checks
from mlplib.experiments import Experiment
from mlplib.history import History
from mlplib.mnist import N_VALIDATION
from mlplib.running import Figures, Run, Stop, model_for

try:
    from fcntl import LOCK_EX, LOCK_NB, flock
except ImportError:  # Windows has none, nor has a browser
    flock = None

FORMAT = 2
# Of the minibatch losses every 25th is kept at first, later every 125th: they are drawn pale, and are most of a
# history's numbers.
STRIDES, FIRST = (25, 125), 1250
_DEFAULTS = asdict(Experiment())
RECORDED = "recorded "  # what the names of the arrays of diagnostics begin with
# How long a process waits, in seconds, for another one that puts runs into the same archive; a second is usual.
PATIENCE = 60
# What is unpacked of an entry at most: so many bytes, or so many times its own size if that is more; and its text. Real
# runs take two or three times their size; a file that claims more was made to fill the memory.
UNPACKED, TIMES, TEXT = 2**26, 64, 2**20
_ENTRY = re.compile(r"[0-9a-f]{24}\.npz")
_PART, _ASIDE = ".part", ".aside"  # the ends of names: of what is being written, of what is being removed
_CURVES = ("train_loss", "train_accuracy", "validation_loss", "validation_accuracy")


class StoreError(Exception):
    """An entry, or an archive, that cannot be used: damaged, of another format or experiment, or not to be fetched.

    The message names it.
    """


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
    _checks.instance("experiment", experiment, Experiment)
    values = {field.name: getattr(experiment, field.name) for field in fields(experiment)}
    differing = {name: value for name, value in values.items() if value != _DEFAULTS[name]}
    return json.loads(json.dumps(differing))  # what is saved and what is read back are equal: a tuple becomes a list


def checked_marks(marks):
    """What is kept among a run's versions, as a dict from str to str, or what is wrong with it."""
    return {name: _checks.text(f"marks[{name!r}]", mark) for name, mark in _checks.mapping("marks", marks).items()}


class Runs:
    """What a folder of runs, an archive and a chain of them have in common: they are read by experiment.

    A subclass says which entries there are (`_names`, `_has`), what they hold (`_content`), and where (`_place`).
    """

    def _shelves(self):
        """What to look through, in this order."""
        return (self,)

    def __len__(self):
        return len(self._all_names())

    def __iter__(self):
        """The stored runs, in the order of their keys."""
        for name in sorted(self._all_names()):
            found = self._found(name)
            if found:  # another process may have removed it by now
                run = _read(*found)
                if _entry_name(run.experiment) != name:
                    raise StoreError(f"{found[1]}: expected the run of this key, found one of {run.experiment}")
                yield run

    def __contains__(self, experiment):
        """Whether there is an entry for an experiment; not whether it can be used."""
        name = _entry_name(experiment)
        return any(shelf._has(name) for shelf in self._shelves())

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
            If its entry cannot be used, or an archive cannot.
        """
        found = self._found(_entry_name(experiment))
        if not found:
            places = ", ".join(str(shelf._place()) for shelf in self._shelves())
            raise KeyError(f"no run of {experiment} in {places}: mlplib.sweep([experiment], store=...) makes one")
        return _run_of(experiment, *found)

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
            If there is an entry that cannot be used, or an archive. The message names it and says why.
        """
        name = _entry_name(experiment)
        for shelf in self._shelves():
            try:
                content = shelf._content(name)
                if content is not None:
                    return _run_of(experiment, content, shelf._place() / name)
            except StoreError as error:
                warnings.warn(f"not used: {error}", StoreWarning, stacklevel=2)
        return None

    def _all_names(self):
        return set().union(*(shelf._names() for shelf in self._shelves()))

    def _found(self, name):
        """What the first that has the entry holds, and where that is; None if there is none."""
        for shelf in self._shelves():
            content = shelf._content(name)
            if content is not None:
                return content, shelf._place() / name
        return None


class Store(Runs):
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
        self.folder = Path(_checks.path("folder", folder))

    def __repr__(self):
        return f"Store({str(self.folder)!r}), {len(self)} runs"

    def _names(self):
        return [path.name for path in self.folder.glob("*.npz")]

    def _has(self, name):
        return (self.folder / name).exists()

    def _content(self, name):
        """The bytes of an entry, or None if there is none."""
        path = self.folder / name
        try:
            return path.read_bytes()
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as error:
            raise StoreError(f"{path}: damaged, or no entry of a store ({error})") from error

    def _place(self):
        return self.folder

    def path(self, experiment):
        """The file of an experiment, whether it exists or not.

        Parameters
        ----------
        experiment : Experiment

        Returns
        -------
        pathlib.Path
        """
        return self.folder / _entry_name(experiment)

    def prepare(self):
        """Make the folder and write to it, so that what `save` would stumble over is found before hours of training.

        What processes left half-written that were killed is removed.

        Raises
        ------
        OSError
            If the folder cannot be made or written to. The message names it.
        """
        with _said(f"store: expected a folder that can be written to, got {self.folder}"):
            self.folder.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryFile(dir=self.folder) as file:
                file.write(b"here")
            _tidy(self.folder)

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
        TypeError, ValueError
            If an argument is not as described, or the weights are wanted and the run comes from a store that did not
            keep them.
        OSError
            If it cannot be written; an earlier run of the experiment is still there. The message names the file.
        """
        _checks.instance("run", run, Run)
        weights = _checks.boolean("weights", weights)
        marks = checked_marks(marks)
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
            | marks,
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
        # Whatever is saved can be read: what is too large to be unpacked from a few bytes is not packed.
        large = sum(values.nbytes for values in arrays.values()) > UNPACKED // 2
        entry = io.BytesIO()
        (np.savez if large else np.savez_compressed)(entry, **arrays)
        _put_in_place(self.path(run.experiment), entry.getvalue())


class Archive(Runs):
    """A ZIP file of runs and nothing else, read in place and never written: `archive_runs` puts runs into one.

    The file is read as a whole, once; that it was replaced since is noticed. It is not kept open.

    Parameters
    ----------
    path : str or os.PathLike
        A file that is missing is an archive without runs.

    Raises
    ------
    TypeError
        If `path` is not a path.
    """

    def __init__(self, path):
        self.path = Path(_checks.path("path", path))
        self._known = (None, None)  # which state of the file was read, and what it held; replaced at once, for threads

    def __repr__(self):
        return f"Archive({str(self.path)!r}), {len(self)} runs"

    def __reduce__(self):
        return type(self), (self.path,)  # what was read stays here: a copy reads the file again

    def _names(self):
        return list(self._infos())

    def _has(self, name):
        return name in self._infos()

    def _content(self, name):
        """The bytes of an entry, or None if there is none."""
        archive = self._opened()
        if archive is None or name not in archive.NameToInfo:
            return None
        try:
            return _member(archive, archive.NameToInfo[name], _most(archive.fp.getbuffer().nbytes))
        except Exception as error:
            raise StoreError(f"{self.path / name}: damaged ({error})") from error

    def _place(self):
        return self.path

    def _infos(self):
        archive = self._opened()
        return archive.NameToInfo if archive else {}

    def _opened(self):
        """The file's present state, in memory; None if there is no file."""
        state, archive = self._known
        try:
            about = os.stat(self.path)
            present = about.st_mtime_ns, about.st_size, about.st_ino
            if state != present:
                archive = _zip_of_runs(self.path.read_bytes())
                self._known = present, archive
        except (FileNotFoundError, NotADirectoryError):
            return None
        except Exception as error:  # in a damaged file zipfile can stumble over nearly anything
            raise StoreError(f"{self.path}: damaged, or no archive of runs ({error})") from error
        return archive


def _zip_of_runs(content):
    archive = zipfile.ZipFile(io.BytesIO(content))
    # Entries are ZIP files too: where the end is lost, zipfile takes the last whole entry for the archive.
    others = [name for name in archive.namelist() if not _ENTRY.fullmatch(name)]
    if others or len(archive.namelist()) > len(archive.NameToInfo):
        raise ValueError("expected runs, KEY.npz, each once, found "
                         f"{_checks.shown(others[0]) if others else 'two of the same name'}")
    return archive


class StoreChain(Runs):
    """A store, and others that are looked through for what it lacks: like `collections.ChainMap`.

    An experiment that several of them have counts once, and the first of them is taken. Where that one's entry cannot
    be used, `get` goes on to the next, after its warning; `[]` raises.

    Parameters
    ----------
    first : Store
        Where `save` puts runs.
    *others : Store, Archive or StoreChain
        Only read.

    Attributes
    ----------
    stores : tuple of Store or Archive
        All of them, in the order in which they are looked through.

    Raises
    ------
    TypeError
        If one of them is something else, or `first` cannot be saved to.
    """

    def __init__(self, first, *others):
        if not isinstance(first, Store):
            raise TypeError(f"first: expected a Store, where runs are saved, got {type(first).__name__}")
        for other in others:
            if not isinstance(other, Runs):
                raise TypeError(f"others: expected a Store, an Archive or a StoreChain, got {type(other).__name__}")
        self.stores = (first, *(shelf for other in others for shelf in other._shelves()))

    def __repr__(self):
        return f"StoreChain({', '.join(repr(str(store._place())) for store in self.stores)}), {len(self)} runs"

    def _shelves(self):
        return self.stores

    def prepare(self):
        """Make the first store ready, as `Store.prepare` does."""
        self.stores[0].prepare()

    def save(self, run, weights=False, marks=None):
        """Keep a run in the first store, where it is found before an earlier one; arguments as for `Store.save`."""
        self.stores[0].save(run, weights, marks)


# ---- archives are written


def write_archive(path, entries):
    """Write a ZIP file; the same entries give the same bytes, whatever their order, the platform and the time.

    It is written aside and put in place at once. Entries of a store are compressed already and stay as they are.

    Parameters
    ----------
    path : str or os.PathLike
        Replaced if it exists; untouched if it is the same already.
    entries : dict from str to bytes
        By name.
    """
    path, buffer = Path(_checks.path("path", path)), io.BytesIO()
    for name, content in _checks.named("entries", entries).items():
        if not isinstance(content, bytes):
            raise TypeError(f"entries[{name!r}]: expected bytes, got {type(content).__name__}")
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        for name in sorted(entries):
            info = zipfile.ZipInfo(name)  # of 1980, the earliest year that a ZIP file can name
            info.create_system, info.external_attr = 3, 0o100644 << 16  # a file that all may read, as Unix says it
            archive.writestr(info, entries[name])
    if not path.exists() or path.read_bytes() != buffer.getvalue():
        _put_in_place(path, buffer.getvalue())


def archive_runs(store, path, experiments):
    """Move runs from a folder into an archive, beside what it holds; an earlier run of an experiment is replaced.

    Entries are copied as they are. They leave the folder once the new archive is in place, and only if they are still
    what was copied. Several processes may do this at once: they take turns, by a lock file beside the archive.

    Parameters
    ----------
    store : Store
    path : str or os.PathLike
        Of the archive; made if it does not exist, untouched if nothing changes.
    experiments : sequence of Experiment
        Those that the store lacks are passed over.

    Returns
    -------
    int
        How many runs were moved.

    Raises
    ------
    StoreError
        If the archive is damaged, or another process does not give it free. The message names the file.
    OSError
        If the archive cannot be written: it is as it was, and all runs are still in the folder. The message names it.

    Warns
    -----
    StoreWarning
        If an entry of the store cannot be used; it stays where it is.
    """
    _checks.instance("store", store, Store)
    path = Path(_checks.path("path", path))
    wanted = {_entry_name(one): one for one in _checks.instances("experiments", experiments, Experiment)}
    _tidy(store.folder)
    if not any(map(store._has, wanted)) and not _lock_of(path).exists():  # a killed process may have left one
        return 0
    with _locked(path):
        _tidy(path.parent)
        moved = {}
        for name, experiment in wanted.items():
            try:
                content = store._content(name)
                if content is not None:
                    _run_of(experiment, content, store.folder / name)
                    moved[name] = content
            except StoreError as error:
                warnings.warn(f"not archived: {error}", StoreWarning, stacklevel=2)
        if moved:
            archive = Archive(path)
            # What is replaced is not read: it may be damaged, which may be why it was trained again.
            kept = {name: archive._content(name) for name in archive._infos() if name not in moved}
            write_archive(path, kept | moved)
        for name, content in moved.items():
            _remove(store.folder / name, content)
    return len(moved)


def _remove(path, content):
    """Remove a file if it holds this. It is put aside first, so that none is removed that was saved in between."""
    aside = path.with_suffix(_ASIDE)
    with _said(f"{path}: expected a file that can be removed"):
        try:
            os.replace(path, aside)
            if aside.read_bytes() != content and not path.exists():
                os.replace(aside, path)
        except FileNotFoundError:
            pass  # another process was faster
        finally:
            aside.unlink(missing_ok=True)


@contextmanager
def _said(expected):
    """What the system says of a file, a full disk for instance, in a sentence that names the file."""
    try:
        yield
    except OSError as error:
        said = type(error)(f"{expected} ({error.strerror or error})")
        said.errno = error.errno
        raise said from None


def _put_in_place(path, content):
    """Write a file: aside, and in place of `path` at once when it is complete; if it cannot be, nothing is left."""
    with _said(f"{path}: not written, and what was there is unchanged; it takes a folder that can be written to, with "
               "room"):
        path.parent.mkdir(parents=True, exist_ok=True)
        file = _part(path.parent)
        try:
            with file:
                file.write(content)
                file.flush()
                os.chmod(file.name, 0o644)  # a temporary file is the owner's alone
                if flock:
                    os.replace(file.name, path)  # while it is locked
            if not flock:  # Windows moves no open file
                os.replace(file.name, path)
        except BaseException:
            Path(file.name).unlink(missing_ok=True)
            raise


def _part(folder):
    """A new file to write to: locked, so that `_tidy` sees that its process lives."""
    while True:
        file = tempfile.NamedTemporaryFile(dir=folder, suffix=_PART, delete=False)
        try:
            if _lock(file) and os.fstat(file.fileno()).st_nlink:
                return file
        except OSError:  # a file system without locks, where nothing is cleared away
            return file
        file.close()  # before it was locked it was taken for a dead process's


def _tidy(folder):
    """Clear away what processes left that were killed: what they were writing goes, and what they put aside is back."""
    for path in [*folder.glob(f"*{_PART}"), *folder.glob(f"*{_ASIDE}")]:
        try:
            entry = path.with_suffix(".npz")
            if path.suffix == _ASIDE and not entry.exists():
                os.replace(path, entry)
                continue
            with open(path, "r+b") as file:  # NFS wants a lock's file writable
                dead = _lock(file)
                if dead and flock:
                    path.unlink()
            if dead and not flock:
                path.unlink()  # Windows refuses while the file is open elsewhere
        except OSError:
            pass  # it is gone, or not ours


def _lock(file):
    """Take a file for this process, if no other one that lives has it; where there are no such locks, always."""
    try:
        if flock:
            flock(file, LOCK_EX | LOCK_NB)
    except BlockingIOError:
        return False
    return True


@contextmanager
def _locked(path):
    """Keep other processes from writing an archive meanwhile; the system frees the lock of one that was killed."""
    lock, until = _lock_of(path), time.monotonic() + PATIENCE
    with _said(f"{lock}: expected a place that can be written to"):
        path.parent.mkdir(parents=True, exist_ok=True)
    while not (file := _taken(lock)):
        if time.monotonic() > until:
            raise StoreError(f"{lock}: for {PATIENCE} s another process has been putting runs into {path.name}; "
                             "wait until it is done")
        time.sleep(0.05)
    try:
        yield
    finally:
        if flock:
            lock.unlink(missing_ok=True)  # while it is ours
        file.close()
        if not flock:  # Windows removes no open file
            lock.unlink(missing_ok=True)


def _lock_of(path):
    return path.with_name(f"{path.name}.lock")


def _taken(path):
    """The open lock file, if it is this process's now; or None."""
    with _said(f"{path}: expected a place that can be written to"):
        if not flock:
            gone_with_us = getattr(os, "O_TEMPORARY", 0)  # which Windows has
            try:
                return os.fdopen(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY | gone_with_us), "wb")
            except (FileExistsError, PermissionError):
                return None
        file = open(path, "ab")
        try:
            if _lock(file) and os.path.samestat(os.fstat(file.fileno()), os.stat(path)):
                return file
        except FileNotFoundError:
            pass  # the one who had it has removed it
        except OSError:
            file.close()
            raise
        file.close()
        return None


# ---- an entry


def _entry_name(experiment):
    return f"{key(experiment)}.npz"


def _run_of(experiment, content, where):
    """The run that an entry holds, or a StoreError if it is one of another experiment, or none."""
    run = _read(content, where)
    if run.experiment != experiment:
        raise StoreError(f"{where}: expected a run of {experiment}, found one of {run.experiment}")
    return run


def _read(content, where):
    """The run in an entry, or a StoreError that says what is wrong with it, and where it lies."""
    try:
        arrays = _arrays(content)
        if arrays["about"].nbytes > TEXT:
            raise ValueError(f"expected a text of at most {TEXT:,} bytes, found {arrays['about'].nbytes:,}")
        about = json.loads(arrays["about"].tobytes())
        if about["format"] != FORMAT:
            raise StoreError(f"{where}: expected format {FORMAT}, found {about['format']}; "
                             "another version of mlplib made it")
        unknown = set(about["experiment"]) - {field.name for field in fields(Experiment)}
        if unknown:
            raise StoreError(f"{where}: its experiment has unknown fields, {', '.join(sorted(unknown))}; "
                             "another version of mlplib made it")
        experiment = Experiment(**about["experiment"])
        numbers = _unpacked(arrays.pop("numbers"), about["shapes"], experiment)
        recorded = {name.removeprefix(RECORDED): values for name, values in (numbers | arrays).items()
                    if name.startswith(RECORDED)}
        history = History(**{name: values for name, values in numbers.items() if not name.startswith(RECORDED)})
        stops = {name: _stop(**stop) for name, stop in about.get("stops", {}).items()}
        weights = [arrays[name] for name in sorted(arrays, key=lambda n: (len(n), n)) if name.startswith("weights_")]
        epoch, seconds = about["stopped_epoch"], _checks.loss("seconds", about["seconds"])
        final, best = (Figures(*_losses(name, about[name])) for name in ("final", "best"))
        gradient_rms = _losses("gradient_rms", about["gradient_rms"])
        if len(gradient_rms) != len(experiment.hidden) + 1:
            raise ValueError(f"gradient_rms: expected {len(experiment.hidden) + 1} numbers, found {len(gradient_rms)}")
        return Run(experiment, _model(experiment, weights), history,
                   None if epoch is None else _checks.integer("stopped_epoch", epoch, minimum=0),
                   _checks.boolean("diverged", about["diverged"]), False, _checks.text("message", about["message"]),
                   seconds, final, best, gradient_rms, stops, recorded, checked_marks(about["versions"]))
    except StoreError:
        raise
    except Exception as error:  # on its way through zipfile, zlib, NumPy and json damage can raise nearly anything
        raise StoreError(f"{where}: damaged, or no entry of a store ({error})") from error


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


def _most(size):
    """How many bytes a file of a size may be unpacked to."""
    return max(UNPACKED, TIMES * size)


def _member(zipped, info, most):
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
    with zipfile.ZipFile(io.BytesIO(content)) as entry:
        infos, most = entry.infolist(), _most(len(content))
        if len(infos) > len(entry.NameToInfo) or sum(info.file_size for info in infos) > most:
            raise ValueError(f"expected arrays of different names, of at most {most:,} bytes altogether")
        return {info.filename.removesuffix(".npy"): _array(_member(entry, info, most)) for info in infos}


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


def _packed(numbers, experiment):
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


def _unpacked(planes, shapes, experiment):
    """What `_packed` was given, rounded, in the types that a fresh run has."""
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
    return {"train_accuracy": experiment.n_train, "validation_accuracy": N_VALIDATION}.get(name, 1)


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


def packaged(*names):
    """The stored runs that come with mlplib, and with them those that a sweep has not put into their archives yet.

    Parameters
    ----------
    *names : str
        Of archives. "shown", the default: what the book's widgets and tables show. What the verdicts stand on is in
        "tuning", by which learning rates are chosen, "claims" and "questions". One that does not exist yet has no runs.

    Returns
    -------
    StoreChain
        Its first store, where a sweep saves, is the folder `mlplib/archives/under_way`, which need not exist.

    Raises
    ------
    StoreError
        In a live notebook of the book, if an archive cannot be fetched. The message says from where, and why.
    """
    for i, name in enumerate(names):
        if not isinstance(name, str) or not name.strip(".") or "\\" in name or Path(name).name != name:
            raise (ValueError if isinstance(name, str) else TypeError)(
                f"names[{i}]: expected the name of an archive, such as 'shown', got {_checks.shown(name)}")
    folder = Path(__file__).with_name("archives")
    paths = [folder / f"{name}.zip" for name in names or ("shown",)]
    where = os.environ.get("MLPLIB_ARCHIVES")
    if sys.platform == "emscripten" and where:  # most notebooks need few, so none is a part of the wheel there
        for path in paths:
            if not path.exists():
                _fetch(f"{where}{quote(path.name)}", path)
    return StoreChain(Store(folder / "under_way"), *map(Archive, paths))


def _fetch(address, path):
    """Fetch an archive, in a browser; one that the site does not have stays missing.

    The kernel is a web worker, which may wait for an answer. What Pyodide has for that, `open_url`, gives text only.
    """
    from js import URL, XMLHttpRequest, location

    address, request = URL.new(address, location.href).href, XMLHttpRequest.new()  # as seen from the worker's script
    request.open("GET", address, False)
    request.responseType = "arraybuffer"
    try:
        request.send()
        if request.status == 404:
            return
        if request.status != 200:
            raise ValueError(f"the answer was {request.status} {request.statusText}".rstrip())
        content = request.response.to_bytes()
        _zip_of_runs(content)  # a network that wants a login first answers with a page of its own
    except Exception as error:  # the browser's are of any kind
        raise StoreError(f"{address}: expected an archive of stored runs, and could not fetch it ({error}); "
                         "check the connection to this site, then run the cell again") from error
    _put_in_place(path, content)
