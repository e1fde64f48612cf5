"""The report's rows: their configuration, and the rule for calling one reproduced."""

from dataclasses import replace
from types import SimpleNamespace

import pytest

from mlplib import REPORT, Experiment, Figures

# task: hidden, init, activation, gamma; train and validation loss, train and validation accuracy; when it stopped
TABLE = {
    "2c": ((64,), "uniform", "sigmoid", 0, 0.07770593272819233, 0.2994116833858604, 0.9823, 0.9164, None),
    "3a": ((64,), "fan_in", "sigmoid", 0, 0.013895749, 0.1426, 0.99955, 0.958, None),
    "3b": ((64,), "fan_in", "improved_sigmoid", 0, 0.00387384100639, 0.148627663, 0.99995, 0.9617, "early"),
    "3c": ((64,), "fan_in", "improved_sigmoid", 0.9, 0.0016052207869949714, 0.16120573206239205, 1.0, 0.9619, 17),
    "4a": ((32,), "fan_in", "improved_sigmoid", 0.9, 0.01285940903019779, 0.21462587387440277, 0.99805, 0.9493, None),
    "4b": ((128,), "fan_in", "improved_sigmoid", 0.9, 0.0008191917453922721, 0.1328643114507488, 1.0, 0.9693, 17),
    "4d": ((64, 64), "fan_in", "improved_sigmoid", 0.9, 0.0005760154222621541, 0.1682561304705854, 1.0, 0.9642, 16),
    "4e": (10 * (64,), "fan_in", "improved_sigmoid", 0.9, 0.06464538550135918, 0.2128677091691643, 0.98095, 0.9477, 25),
}

each_task = pytest.mark.parametrize("task", TABLE)


# ---- the table


def test_the_rows_are_the_reports():
    assert list(REPORT) == list(TABLE)


@each_task
def test_a_row_has_the_configuration_of_the_report(task):
    hidden, init, activation, gamma, *_ = TABLE[task]
    assert REPORT[task].task == task
    assert REPORT[task].experiment == Experiment(hidden, init, activation, gamma)


@each_task
def test_a_row_has_the_figures_of_the_report(task):
    *_, train_loss, validation_loss, train_accuracy, validation_accuracy, stopped = TABLE[task]
    figures = {
        "train_loss": train_loss,
        "train_accuracy": train_accuracy,
        "validation_loss": validation_loss,
        "validation_accuracy": validation_accuracy,
    }
    assert REPORT[task].reported._asdict() == figures
    assert REPORT[task].reported_stop == stopped


def test_the_seeds_are_0_to_4():
    row = REPORT["4b"]
    assert row.experiments == [replace(row.experiment, seed=seed) for seed in (0, 1, 2, 3, 4)]


# ---- the rule

ROW = replace(REPORT["3b"], reported=Figures(0.1, 0.9, 0.2, 0.8))


def compared(offsets=(0.0,) * 5, diverged=False, **final):
    """ROW held against five made-up runs: the reported figures but for `final`, moved by an offset for each seed."""
    runs = []
    for experiment, offset in zip(ROW.experiments, offsets):
        figures = ROW.reported._replace(**{name: value + offset for name, value in final.items()})
        runs.append(SimpleNamespace(experiment=experiment, final=figures, diverged=diverged and experiment.seed == 3))
    return ROW.reproduction(runs)


BOUNDS = [
    ("train_loss", 0.1 / 2.5, 0.1 * 2.5),
    ("train_accuracy", 0.9 - 0.006, 0.9 + 0.006),
    ("validation_loss", 0.2 - 0.03, 0.2 + 0.03),
    ("validation_accuracy", 0.8 - 0.006, 0.8 + 0.006),
]


@pytest.mark.parametrize("name, low, high", BOUNDS)
def test_a_mean_just_inside_its_bounds_is_reproduced(name, low, high):
    for value in (low + 1e-6, high - 1e-6):
        assert compared(**{name: value}).reproduced


@pytest.mark.parametrize("name, low, high", BOUNDS)
def test_a_mean_just_outside_its_bounds_is_not(name, low, high):
    for value in (low - 1e-6, high + 1e-6):
        comparison = compared(**{name: value})
        assert [field for field, within in comparison.within._asdict().items() if not within] == [name]
        assert not comparison.reproduced


def test_a_reported_figure_lies_among_the_seeds_if_one_is_below_and_one_above():
    around = compared(validation_loss=0.2, offsets=(0.02, -0.02, 0.01, 0.01, 0.01))
    assert all(around.among_seeds)
    above = compared(validation_loss=0.21, offsets=(0.02, 0.01, 0.0, 0.0, 0.005))
    assert above.reproduced and above.among_seeds._asdict() == {
        "train_loss": True, "train_accuracy": True, "validation_loss": False, "validation_accuracy": True}


def test_the_mean_counts_and_not_the_single_seed():
    comparison = compared(validation_accuracy=0.8, offsets=(0.02, -0.02, 0.01, -0.01, 0.005))
    assert comparison.mean.validation_accuracy == pytest.approx(0.801)
    assert comparison.figures.shape == (5, 4)
    assert comparison.reproduced


def test_a_row_with_a_diverged_run_is_not_reproduced():
    assert compared().reproduced and not compared(diverged=True).reproduced


@pytest.mark.parametrize(
    "wrong",
    [
        lambda runs: runs[:4],
        lambda runs: [*runs, runs[0]],
        lambda runs: runs[::-1],
        lambda runs: [runs[0]] * 5,
        lambda runs: [SimpleNamespace(experiment=replace(run.experiment, epochs=49)) for run in runs],
    ],
    ids=["four", "six", "another order", "one seed", "another experiment"],
)
def test_other_runs_than_the_rows_are_refused(wrong):
    with pytest.raises(ValueError, match=r"^runs: expected row 3b with the seeds \(0, 1, 2, 3, 4\).*got "):
        ROW.reproduction(wrong(compared().runs))
