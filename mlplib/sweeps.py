"""Many experiments at once, on the active joblib backend; the report's rows among them."""

from mlplib import _checks
from mlplib.experiments import Experiment, run
from mlplib.report import REPORT
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
    # Longest first: otherwise one processor ends up waiting for the other's last long run.
    order = sorted(range(len(experiments)), key=lambda i: -work(experiments[i]))
    trained = Parallel(n_jobs=n_jobs, return_as="generator")(delayed(run_whole)(experiments[i]) for i in order)
    bar = progress_bar(trained, show=progress, total=len(experiments), unit="run", desc="Training")
    runs = dict(zip(order, list(bar)))
    return [runs[i] for i in range(len(experiments))]


def reproduce(tasks=tuple(REPORT), n_jobs=-1, progress=True):
    """Train rows of the report, each with the seeds 0 to 4, and hold them against its figures.

    Parameters
    ----------
    tasks : sequence of str
        Names of rows, keys of `REPORT`; by default all eight.
    n_jobs, progress
        As for `sweep`.

    Returns
    -------
    dict from str to mlplib.report.Comparison
        In the order of `tasks`.

    Raises
    ------
    ValueError
        If the report has no such row.
    KeyboardInterrupt
        If Ctrl-C, or a notebook's stop button, ended the sweep.
    """
    rows = [REPORT[_checks.one_of("tasks", task, REPORT)] for task in tasks]
    runs = iter(sweep([experiment for row in rows for experiment in row.experiments], n_jobs, progress))
    return {row.task: row.compare([next(runs) for _ in row.experiments]) for row in rows}


def work(experiment):
    """How much a run has to do at most, up to a constant: products of weights and samples.

    Parameters
    ----------
    experiment : Experiment

    Returns
    -------
    int
    """
    widths = (785, *experiment.hidden, 10)
    products = sum(fan_in * fan_out for fan_in, fan_out in zip(widths, widths[1:]))
    return products * experiment.n_train * experiment.epochs


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
