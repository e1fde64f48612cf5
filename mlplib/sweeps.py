"""Many experiments at once, on the active joblib backend, with a store of finished runs."""

import os
import time
import traceback
from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from mlplib import _checks
from mlplib.datasets import DataSet
from mlplib.entries import checked_marks
from mlplib.experiments import Experiment
from mlplib.mnist import N_CLASSES, N_PIXELS, N_VALIDATION
from mlplib.running import one_blas_thread, run, trainer_for
from mlplib.store import Archive, Runs, Store
from mlplib.training import DENSE, progress_bar, quietly

BAR = "{desc}: {percentage:3.0f}%|{bar}| {postfix} [{elapsed}<{remaining}]"


class SweepError(RuntimeError):
    """Some runs of a sweep failed; all others were finished, and saved if there is a store.

    Attributes
    ----------
    failures : dict from Experiment to str
        The traceback of each failed run.
    runs : dict from Experiment to Run
        The others.
    """

    def __init__(self, failures, runs):
        reasons = "\n".join(f"- {experiment}: {trace.strip().splitlines()[-1]}"
                            for experiment, trace in failures.items())
        super().__init__(f"{len(failures)} of {len(failures) + len(runs)} runs failed, the others are finished. "
                         f"`failures` of this error has the tracebacks.\n{reasons}")
        self.failures, self.runs = failures, runs


def store_in_use(store):
    """The store that a sweep uses in place of the given one, as the environment variable MLPLIB_RETRAIN says.

    Unset or 0: the given one. 1: none. Anything else is a folder for what is trained anew: so the steps of one check
    share their runs.

    Parameters
    ----------
    store : mlplib.store.Runs

    Returns
    -------
    store : mlplib.store.Runs or None
    anew : bool
        Whether it is another one than was given, or none.
    """
    value = os.environ.get("MLPLIB_RETRAIN", "0")
    if value in ("", "0"):
        return store, False
    return (None if value == "1" else Store(value)), True


def sweep(experiments, store=None, n_jobs=-1, progress=True, keep_weights=(), marks=None, again=(), brief=()):
    """Train experiments in parallel, one BLAS thread each.

    Processes on this machine by default; inside `joblib.parallel_config(backend=...)` the same call runs where that
    backend does, on a cluster for instance. A sweep gives the same bits as one run after the other on the same machine.
    A run that diverges is an outcome like others. One that fails does not keep the others from being finished.

    With a store, what it has is taken from there, and each run is saved as soon as it is finished: a sweep that was
    killed loses only what was under way, and the next call goes on. What is returned is what the store holds, bit for
    bit, whether it was trained now or earlier: rounded as `Runs.__getitem__` says, and without the weights unless they
    are kept. The environment variable MLPLIB_RETRAIN=1 makes a
    sweep neither read nor write its store; a folder in place of the 1 keeps what is trained there, and serves it again.

    Parameters
    ----------
    experiments : sequence of Experiment
        A list, a tuple, an array or an iterator.
    store : str, os.PathLike, mlplib.store.Store or mlplib.store.StoreChain, optional
        A folder of runs, alone or before others. An `Archive` too, if it has all experiments.
    n_jobs : int
        How many at once; -1 is one for each processor.
    progress : bool
        Whether to show a progress bar, with the time that the sweep takes at most; early stopping makes it shorter.
    keep_weights : sequence of Experiment
        Of these the store keeps the weights too.
    marks : dict from str to str, optional
        Kept in the store with each run that is trained; it comes back among the run's `versions`.
    again : sequence of Experiment
        Of these what the store has is not taken: they are trained again, and each stored run is replaced when the new
        one is finished, not before. Under MLPLIB_RETRAIN, where all is trained anew, it changes nothing.
    brief : sequence of Experiment
        Of the curves of these the store keeps the ends alone, their last step and evaluation: half of what a run takes.
        Under MLPLIB_RETRAIN, where others may ask for them, it keeps them whole.

    Returns
    -------
    list of Run
        In the order of `experiments`.

    Raises
    ------
    TypeError, ValueError
        If an argument is not as described, or if something is to be trained and the store is an archive, which is
        read-only. All this is found before anything is trained.
    OSError
        If something is to be trained and the store cannot be written to; found before anything is trained, too. If the
        disk is full later, the sweep ends at the run that could not be saved: `runs` of the error, a dict from
        Experiment to Run, has it as it was trained, and all that are finished.
    SweepError
        If runs failed, once all others are finished. It says which failed, and why.
    KeyboardInterrupt
        If Ctrl-C, or a notebook's stop button, ended the sweep.

    Warns
    -----
    mlplib.store.StoreWarning
        If an entry of the store cannot be used; its experiment is trained.
    """
    experiments = tuple(experiments) if isinstance(experiments, Iterator) else experiments  # gone through once
    experiments, keep_weights, again, brief = (
        _checks.instances(name, given, Experiment)
        for name, given in (("experiments", experiments), ("keep_weights", keep_weights), ("again", again),
                            ("brief", brief)))
    marks = checked_marks(marks)
    progress = _checks.boolean("progress", progress)
    n_jobs = _checks.jobs("n_jobs", n_jobs)
    if store is not None:
        store, anew = store_in_use(store if isinstance(store, Runs) else Store(_checks.path("store", store)))
        keep_weights, again, brief = (experiments, (), ()) if anew else (keep_weights, again, brief)
    runs, again, brief = {}, set(again), set(brief)
    for experiment in dict.fromkeys(experiments) if store is not None else ():
        known = store.get(experiment) if experiment not in again else None
        if known and not (experiment in keep_weights and known.model is None):
            runs[experiment] = known
    missing = [experiment for experiment in dict.fromkeys(experiments) if experiment not in runs]
    if missing and isinstance(store, Archive):
        raise ValueError(f"store: {counted(len(missing), 'run')} would be trained, and the archive {store.path} is "
                         "read-only; give a folder before it, where they are saved: "
                         "StoreChain(Store(folder), archive)")
    if missing and store is not None:
        store.prepare()
    # Long ones first: otherwise one processor ends up waiting for the other's last long run. Those that take less than
    # a twentieth of it all keep their order, so arms can be taken in turns, and no busy hour falls on one of them.
    whole = sum(map(work, missing))
    missing.sort(key=lambda experiment: max(work(experiment), whole / 20), reverse=True)
    failures = {}
    if missing:
        from joblib import effective_n_jobs

        seconds = dict(zip(missing, estimate(missing))) if progress else dict.fromkeys(missing, 0)
        at_most = max(sum(seconds.values()) / effective_n_jobs(n_jobs), *seconds.values())
        with progress_bar(show=progress, total=sum(seconds.values()), bar_format=BAR,
                          desc=f"Training {counted(len(missing), 'run')}, at most {_duration(at_most)}") as bar:
            for done, (experiment, run, failure) in enumerate(_attempts(missing, n_jobs), start=1):
                if run is None:
                    failures[experiment] = failure
                else:
                    if store is not None:
                        try:
                            kept = replace(run, history=run.history.at_end()) if experiment in brief else run
                            store.save(kept, experiment in keep_weights, marks)
                        except OSError as error:  # a disk that is full now, for instance
                            raise _unsaved(error, runs | {experiment: run}, len(missing) - done) from None
                        run = store[experiment]
                    runs[experiment] = run
                bar.set_postfix_str(f"{counted(done, 'run')} done", refresh=False)
                # A sum in the order of arrival may exceed the total by a last digit, which tqdm would warn of.
                bar.update(min(seconds[experiment], bar.total - bar.n))
    if failures:
        raise SweepError(failures, runs)
    return [runs[experiment] for experiment in experiments]


def _unsaved(error, runs, left):
    """The error of a store that a run could not be saved to, with the runs; the last one is that run."""
    said = type(error)(f"{error}. The run is in `runs` of this error, with the {counted(len(runs) - 1, 'run')} that "
                       f"the store holds; {counted(left, 'run')} more would be trained. The same call goes on.")
    said.errno, said.runs = error.errno, runs
    return said


def _attempts(experiments, n_jobs):
    """What `attempt` returns, as it comes in."""
    from joblib import Parallel, delayed, effective_n_jobs
    from joblib.parallel import get_active_backend

    # One run at a time to a worker: a batch that is lost with its worker would be trained again as a whole.
    options, calls = {"n_jobs": n_jobs, "batch_size": 1}, [delayed(attempt)(one) for one in experiments]
    if get_active_backend()[0].supports_return_generator:
        yield from Parallel(return_as="generator_unordered", **options)(calls)
        return
    several = 2 * effective_n_jobs(n_jobs)  # such a backend, Ray's is one, gives nothing back before all is done
    for start in range(0, len(calls), several):
        yield from Parallel(**options)(calls[start : start + several])


def counted(n, what):
    """How many of what, in words: counted(1, "run") is "1 run", counted(2000, "run") "2,000 runs"."""
    return f"{n:,} {what}{'s' * (n != 1)}"


def _duration(seconds):
    """In words, to one or two digits."""
    for length, unit in ((3600, "h"), (60, "min")):
        if seconds >= 2 * length:
            return f"{seconds / length:.2g} {unit}" if seconds < 10 * length else f"{seconds / length:.0f} {unit}"
    return f"{max(seconds, 1):.0f} s"


def work(experiment):
    """How much a run has to do at most, up to a constant: multiplications, and as many as calls of NumPy cost.

    Parameters
    ----------
    experiment : Experiment

    Returns
    -------
    int
    """
    e = _checks.instance("experiment", experiment, Experiment)
    evaluations = e.epochs * min(e.evaluations_per_epoch, e.steps_per_epoch) + e.dense_steps // DENSE
    updates = e.epochs * e.steps_per_epoch * (3 * e.n_weights * e.batch_size + 1_000_000 * (len(e.hidden) + 2))
    return updates + evaluations * e.n_weights * (e.n_train + e.n_validation)


def estimate(experiments):
    """How long runs take at most on one processor of this machine, from a few steps of the report's network.

    Parameters
    ----------
    experiments : sequence of Experiment

    Returns
    -------
    list of float
        In seconds.
    """
    experiments = _checks.instances("experiments", experiments, Experiment)
    on_mnist = any(experiment.data is None for experiment in experiments)
    short = Experiment(data=None if on_mnist else _noise(), n_train=3200, epochs=1, evaluations_per_epoch=1)
    seconds = []
    with one_blas_thread():
        for _ in range(3):  # the first also loads what it needs
            trainer = trainer_for(short)
            start = time.perf_counter()
            trainer.run(progress=False)
            seconds.append(time.perf_counter() - start)
    pace = sorted(seconds)[1] / work(short)
    return [pace * work(experiment) for experiment in experiments]


def _noise():
    """It takes as long as MNIST, which a live notebook would fetch for the estimate alone."""
    images = np.random.default_rng(0).integers(256, size=(3200 + N_VALIDATION, N_PIXELS), dtype=np.uint8)
    labels = np.arange(len(images)) % N_CLASSES
    return DataSet("noise", (images[:3200], labels[:3200]), (images[3200:], labels[3200:]))


def attempt(experiment):
    """Train an experiment for a sweep; unlike `run`, let Ctrl-C end it without a result, so no half run is passed off.

    Parameters
    ----------
    experiment : Experiment

    Returns
    -------
    experiment : Experiment
    run : Run or None
        None if it failed.
    failure : str or None
        The traceback if it failed.

    Raises
    ------
    KeyboardInterrupt
        If the run was interrupted.
    """
    try:
        with quietly():  # a run that diverges says so in its outcome
            result = run(experiment)
    except Exception:
        return experiment, None, traceback.format_exc()
    if result.interrupted:
        raise KeyboardInterrupt
    return experiment, result, None
