"""Runs on disk: one entry for each experiment, under the experiment's key.

Entries are files of a folder, where a sweep saves, or lie together in an archive, which is read in place. Both may come
from elsewhere: what an entry is, and what is believed of it, stands in `entries`.
"""

import hashlib
import io
import json
import os
import re
import tempfile
import warnings
import zipfile
from functools import cache, partial
from pathlib import Path

from mlplib import _checks
from mlplib.entries import EntryError, bound, checked_marks, differing, member, opened, packed, unpacked
from mlplib.experiments import Experiment
from mlplib.files import beside, fetched, locked, put_in_place, remove, said, tidy
from mlplib.running import Run

# How long a process waits, in seconds, for another one that puts runs into the same archive; a second is usual.
PATIENCE = 60
SUFFIX = ".npz"
_ENTRY = re.compile(rf"[0-9a-f]{{24}}\{SUFFIX}")


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
    return hashlib.sha256(json.dumps(differing(experiment), sort_keys=True).encode()).hexdigest()[:24]


def _entry_name(experiment):
    return f"{key(experiment)}{SUFFIX}"


def _read(content, where):
    """The run in an entry, or a StoreError that says what is wrong with it, and where it lies."""
    try:
        run = unpacked(content)
    except EntryError as error:
        raise StoreError(f"{where}: {error}") from error
    if isinstance(content, _Light):
        del run.model
        run.__class__, run._whole = _LightRun, content.whole
    return run


def _run_of(experiment, content, where):
    """The run that an entry holds, or a StoreError if it is one of another experiment, or none."""
    run = _read(content, where)
    if run.experiment != experiment:
        raise StoreError(f"{where}: expected a run of {experiment}, found one of {run.experiment}")
    return run


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
        return [path.name for path in self.folder.glob(f"*{SUFFIX}")]

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
        with said(f"store: expected a folder that can be written to, got {self.folder}"):
            self.folder.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryFile(dir=self.folder) as file:
                file.write(b"here")
            tidy(self.folder, SUFFIX)

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
        weights, marks = _checks.boolean("weights", weights), checked_marks(marks)
        if weights and run.model is None:
            raise ValueError(f"weights: expected a run with its model, got one without, of {run.experiment}")
        put_in_place(self.path(run.experiment), packed(run, weights, marks))


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
            return member(archive, archive.NameToInfo[name], bound(archive.fp.getbuffer().nbytes))
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
    archive = opened(content)
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
        put_in_place(path, buffer.getvalue())


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
    tidy(store.folder, SUFFIX)
    lock = path.with_name(f"{path.name}.lock")
    if not any(map(store._has, wanted)) and not lock.exists():  # a killed process may have left one
        return 0
    with locked(lock, PATIENCE) as ours:
        if not ours:
            raise StoreError(f"{lock}: for {PATIENCE} s another process has been putting runs into {path.name}; "
                             "wait until it is done")
        tidy(path.parent, SUFFIX)
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
            remove(store.folder / name, content)
    return len(moved)


def packaged(*names):
    """The stored runs that come with mlplib, and with them those that a sweep has not put into their archives yet.

    Parameters
    ----------
    *names : str
        Of archives. "shown", the default: what the book's widgets and tables show. What the verdicts stand on is in
        "tuning", by which learning rates are chosen, "claims" and "questions"; "digits" has all of the claims on other
        data. One that does not exist yet has no runs.

    Returns
    -------
    StoreChain
        Its first store, where a sweep saves, is the folder `mlplib/archives/under_way`, which need not exist.

    Raises
    ------
    StoreError
        In a live notebook of the book, if an archive cannot be fetched. The message says from where, and why. There
        its runs are fetched when they are first asked for, a part of the archive at a time; if one cannot be, that is a
        ConnectionError.
    """
    for i, name in enumerate(names):
        if not isinstance(name, str) or not name.strip(".") or "\\" in name or Path(name).name != name:
            raise (ValueError if isinstance(name, str) else TypeError)(
                f"names[{i}]: expected the name of an archive, such as 'shown', got {_checks.shown(name)}")
    folder = Path(__file__).with_name("archives")
    paths = [folder / f"{name}.zip" for name in names or ("shown",)]
    shelf = _Arriving if beside() else Archive
    return StoreChain(Store(folder / "under_way"), *map(shelf, paths))


# ---- in a live notebook of the book


class _Arriving(Archive):
    """An archive as it lies beside a live notebook: in parts, each fetched when one of its runs is first asked for."""

    def __init__(self, path):
        super().__init__(path)
        try:
            self._infos()
        except ConnectionError as error:
            raise StoreError(str(error)) from error

    def _infos(self):
        return _places(self.path.stem)[0]

    def _content(self, name):
        if name not in self._infos():
            return None
        part = _part(self.path.stem, self._infos()[name])
        content = member(part, part.NameToInfo[name], bound(part.fp.getbuffer().nbytes))
        if name not in _places(self.path.stem)[1]:
            return content
        light = _Light(content)
        light.whole = partial(_model_of, self.path.stem, name)
        return light


class _Light(bytes):
    """An entry without its weights, which most of them are and few need; `whole` fetches the model that has them."""


class _LightRun(Run):
    """A run whose model is fetched when it is first asked for."""

    def __getattr__(self, name):  # is called for what there is not yet
        if name != "model":
            raise AttributeError(f"'Run' object has no attribute {name!r}")
        self.model = self._whole(self.experiment)
        return self.model


@cache
def _places(archive):
    """Of each entry of an archive the part that it lies in, and which entries have weights."""

    def read(content):
        index = json.loads(content)
        return {name: part for part, names in index["parts"].items() for name in names}, frozenset(index["weights"])

    return fetched(f"archives/{archive}/index.json", "an archive of stored runs", read) or ({}, frozenset())


@cache
def _part(archive, part):
    return _there(f"archives/{archive}/{part}.zip", "a part of an archive of stored runs", _zip_of_runs)


def _model_of(archive, name, experiment):
    return _run_of(experiment, _whole(archive, name), f"archives/{archive}/{name}").model


@cache
def _whole(archive, name):
    path = f"archives/{archive}/{name}"
    return _there(path, "a stored run with its weights", lambda content: _read(content, path) and content)


def _there(name, expected, use):
    """What is fetched, which the site must have."""
    found = fetched(name, expected, use)
    if found is None:
        raise FileNotFoundError(f"{name}: expected {expected} beside this notebook")
    return found
