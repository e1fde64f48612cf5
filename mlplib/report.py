"""The report's rows: their configurations, the figures it printed, the rule for calling one reproduced; `reproduce`."""

from dataclasses import dataclass, replace

import numpy as np

from mlplib import _checks
from mlplib.experiments import Experiment
from mlplib.running import Figures
from mlplib.store import packaged
from mlplib.sweeps import sweep

#: The seeds of each row, fixed before the first run.
SEEDS = (0, 1, 2, 3, 4)

#: How far the mean over the seeds may lie from a reported accuracy.
ACCURACY_TOLERANCE = 0.006
#: How far it may lie from the reported validation loss, in nats.
VALIDATION_LOSS_TOLERANCE = 0.03
#: The factor by which it may differ from the reported training loss.
TRAIN_LOSS_FACTOR = 2.5

#: What the book calls a row, by its task: what it adds to the one before, or what differs from the last of the four.
NAMES = {"2c": "plain", "3a": "+ fan-in weights", "3b": "+ improved sigmoid", "3c": "+ momentum", "4a": "32 units",
         "4b": "128 units", "4d": "two layers", "4e": "ten layers"}


@dataclass(frozen=True)
class Row:
    """One row of the report.

    Attributes
    ----------
    task : str
        "2c", for instance.
    experiment : Experiment
        Its configuration, with seed 0.
    reported : Figures
        As printed in the report: one run, its seed not stated.
    reported_stop : int, "early" or None
        The epoch, counted from 0, at which the report says the run stopped; "early" where it says no more than that,
        None where it says nothing.
    """

    task: str
    experiment: Experiment
    reported: Figures
    reported_stop: int | str | None = None

    @property
    def name(self):
        """What the book calls it: "+ fan-in weights", for instance; of a row that is not the report's, its task."""
        return NAMES.get(self.task, self.task)

    @property
    def experiments(self):
        """The experiment with each of the five seeds."""
        return [replace(self.experiment, seed=seed) for seed in SEEDS]

    def reproduction(self, runs):
        """Hold runs against the figures of this row.

        Parameters
        ----------
        runs : sequence of Run
            Of this row's experiment, one for each seed.

        Returns
        -------
        Reproduction

        Raises
        ------
        TypeError, ValueError
            If the runs are not those of `experiments`.
        """
        runs = _checks.runs("runs", runs)
        if [run.experiment for run in runs] != self.experiments:
            raise ValueError(f"runs: expected row {self.task} with the seeds {SEEDS}, in this order, got "
                             f"{[run.experiment for run in runs]}")
        return Reproduction(self, tuple(runs))


@dataclass(frozen=True)
class Reproduction:
    """A row's runs held against the report.

    Attributes
    ----------
    row : Row
    runs : tuple of Run
        One for each seed.
    """

    row: Row
    runs: tuple

    @property
    def figures(self):
        """Final figures, a float64 array of shape (seeds, 4) in the order of `Figures`."""
        return np.array([run.final for run in self.runs])

    @property
    def mean(self):
        """Means over the seeds, as `Figures`."""
        return Figures(*self.figures.mean(axis=0).tolist())

    def mean_step_reaching(self, train_loss):
        """The first evaluated step with a training loss of at most `train_loss`, in the mean over the seeds.

        See `History.step_reaching`; a float, or None if a seed never came so low.
        """
        train_loss = _checks.finite("train_loss", train_loss)
        steps = [run.history.step_reaching(train_loss) for run in self.runs]
        return None if None in steps else float(np.mean(steps))

    @property
    def within(self):
        """For each figure, whether the mean lies within the tolerance of the rule; `Figures` of bool."""
        reported, mean = self.row.reported, self.mean
        return Figures(
            train_loss=1 / TRAIN_LOSS_FACTOR <= mean.train_loss / reported.train_loss <= TRAIN_LOSS_FACTOR,
            train_accuracy=abs(mean.train_accuracy - reported.train_accuracy) <= ACCURACY_TOLERANCE,
            validation_loss=abs(mean.validation_loss - reported.validation_loss) <= VALIDATION_LOSS_TOLERANCE,
            validation_accuracy=abs(mean.validation_accuracy - reported.validation_accuracy) <= ACCURACY_TOLERANCE,
        )

    @property
    def among_seeds(self):
        """For each figure, whether the reported one lies between the seeds' lowest and highest; `Figures` of bool."""
        low, high = self.figures.min(axis=0), self.figures.max(axis=0)
        return Figures(*((low <= self.row.reported) & (self.row.reported <= high)).tolist())

    @property
    def reproduced(self):
        """Whether all four means lie within the tolerances and no run diverged."""
        return all(self.within) and not any(run.diverged for run in self.runs)


def _rows():
    plain = Experiment()
    all_tricks = plain.with_tricks(init=True, sigmoid=True, momentum=True)
    rows = [
        Row("2c", plain, Figures(0.07770593272819233, 0.9823, 0.2994116833858604, 0.9164)),
        Row("3a", plain.with_tricks(init=True), Figures(0.013895749, 0.99955, 0.1426, 0.958)),
        Row("3b", plain.with_tricks(init=True, sigmoid=True), Figures(0.00387384100639, 0.99995, 0.148627663, 0.9617),
            "early"),
        Row("3c", all_tricks, Figures(0.0016052207869949714, 1.0, 0.16120573206239205, 0.9619), 17),
        Row("4a", replace(all_tricks, hidden=(32,)),
            Figures(0.01285940903019779, 0.99805, 0.21462587387440277, 0.9493)),
        Row("4b", replace(all_tricks, hidden=(128,)),
            Figures(0.0008191917453922721, 1.0, 0.1328643114507488, 0.9693), 17),
        Row("4d", replace(all_tricks, hidden=(64, 64)),
            Figures(0.0005760154222621541, 1.0, 0.1682561304705854, 0.9642), 16),
        Row("4e", replace(all_tricks, hidden=(64,) * 10),
            Figures(0.06464538550135918, 0.98095, 0.2128677091691643, 0.9477), 25),
    ]
    return {row.task: row for row in rows}


#: The eight rows, by task: 2c, 3a, 3b, 3c, 4a, 4b, 4d, 4e.
#:
#: :meta hide-value:
REPORT = _rows()


def reproduce(tasks=tuple(REPORT), n_jobs=-1, progress=True):
    """Take rows of the report, each with the seeds 0 to 4, and hold them against its figures.

    The runs come from the store in the package; with the environment variable MLPLIB_RETRAIN=1 they are trained.

    Parameters
    ----------
    tasks : sequence of str
        Names of rows, keys of `REPORT`; by default all eight.
    n_jobs, progress
        As for `sweep`.

    Returns
    -------
    dict from str to mlplib.report.Reproduction
        In the order of `tasks`.

    Raises
    ------
    TypeError, ValueError
        If an argument is not as described, or the report has no such row.
    KeyboardInterrupt
        If Ctrl-C, or a notebook's stop button, ended the sweep.
    """
    rows = [REPORT[_checks.one_of(f"tasks[{i}]", task, REPORT)]
            for i, task in enumerate(_checks.sequence("tasks", tasks, "names of rows"))]
    experiments = [experiment for row in rows for experiment in row.experiments]
    runs = iter(sweep(experiments, packaged(), n_jobs, progress))
    return {row.task: row.reproduction([next(runs) for _ in row.experiments]) for row in rows}
