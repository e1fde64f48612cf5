"""Many experiments at once, on the active joblib backend."""

from mlplib.experiments import Experiment, run
from mlplib.training import progress_bar


def sweep(experiments, n_jobs=-1, progress=True):
    """Train experiments in parallel, one BLAS thread each.

    Processes on this machine by default; inside `joblib.parallel_config(backend=...)` the same call runs where that
    backend does. A sweep gives the same bits as one run after the other on the same machine.

    Parameters
    ----------
    experiments : sequence of Experiment
    n_jobs : int
        How many at once; -1 is one for each processor.
    progress : bool
        Whether to show a progress bar.

    Returns
    -------
    list of Run
        In the order of `experiments`.

    Raises
    ------
    TypeError
        If something else than an Experiment is among them.
    KeyboardInterrupt
        If Ctrl-C, or a notebook's stop button, ended the sweep.
    """
    from joblib import Parallel, delayed

    experiments = list(experiments)
    for i, experiment in enumerate(experiments):
        if not isinstance(experiment, Experiment):
            raise TypeError(f"experiments[{i}]: expected an Experiment, got {type(experiment).__name__}")
    runs = Parallel(n_jobs=n_jobs, return_as="generator")(delayed(run_whole)(experiment) for experiment in experiments)
    return list(progress_bar(runs, show=progress, total=len(experiments), unit="run", desc="Training"))


def run_whole(experiment):
    """Train an experiment; unlike `run`, let Ctrl-C end it without a result, so a sweep never passes off half a run.

    Parameters
    ----------
    experiment : Experiment

    Returns
    -------
    Run

    Raises
    ------
    KeyboardInterrupt
        If the run was interrupted.
    """
    result = run(experiment)
    if result.interrupted:
        raise KeyboardInterrupt
    return result
