"""What readers look at: figures that show the recorded numbers, tables as text and HTML."""

import os
import subprocess
import sys

import matplotlib.pyplot as plt
import numpy as np
import pytest
from helpers import made_up_run
from matplotlib.figure import Figure

import mlplib
from mlplib import plotting
from mlplib.catalogue import TRICK_COMBINATIONS, trick_experiment

plt.switch_backend("Agg")

TINY = mlplib.Experiment(hidden=(4,), n_train=320, epochs=2)


@pytest.fixture(autouse=True)
def closed_figures():
    yield
    plt.close("all")


@pytest.fixture(scope="module")
def run():
    return mlplib.run(TINY)


def lines(ax):
    """The (label, style, values) of each line."""
    return [(line.get_label(), line.get_linestyle(), line.get_ydata().tolist()) for line in ax.lines]


def test_a_run_is_drawn_with_training_dashed_and_validation_solid(run):
    losses, accuracies = plotting.plot_run(run.history).axes
    assert lines(losses) == [
        ("training set", "--", run.history.train_loss.tolist()),
        ("validation set", "-", run.history.validation_loss.tolist()),
    ]
    assert lines(accuracies) == [
        ("training set", "--", run.history.train_accuracy.tolist()),
        ("validation set", "-", run.history.validation_accuracy.tolist()),
    ]
    assert (accuracies.get_xlabel(), losses.get_ylabel()) == ("gradient steps", "loss [nats]")


def test_a_run_that_diverged_can_be_drawn(run):
    history = mlplib.History(**{name: column.copy() for name, column in vars(run.history).items()})
    history.train_loss[-1] = history.validation_loss[-1] = np.inf
    plotting.plot_run(history).canvas.draw()


@pytest.mark.parametrize("labels", [("2c plain", "3a improved init"), ("plain", "+ fan-in weights")])
def test_a_comparison_draws_each_run_in_its_colour(run, labels):
    figure = plotting.plot_comparison(dict.fromkeys(labels, run.history))
    for ax, quantity in zip(figure.axes, ("train_loss", "validation_loss", "validation_accuracy"), strict=True):
        assert [line.get_color() for line in ax.lines] == [plotting.COLORS["2c"], plotting.COLORS["3a"]]
        assert [values for *_, values in lines(ax)] == 2 * [getattr(run.history, quantity).tolist()]


def test_a_mean_over_seeds_ends_where_the_first_of_them_stops():
    histories = [made_up_run(trick_experiment(TRICK_COMBINATIONS[0], seed)).history for seed in range(5)]
    shortest = min(len(history.evaluation_step) for history in histories)
    steps, values = plotting.together(histories, "validation_loss")
    assert values.shape == (5, shortest)
    assert steps.tolist() == (125 * np.arange(shortest)).tolist()

    ax = Figure().add_subplot()
    plotting.draw_seeds(ax, histories, "loss", "black", "made up")
    train, validation = ax.lines[:6], ax.lines[6:]
    for lines, quantity, dashes in ((train, "train_loss", "--"), (validation, "validation_loss", "-")):
        mean, *seeds = lines
        assert {line.get_linestyle() for line in lines} == {dashes}
        assert mean.get_ydata() == pytest.approx(plotting.together(histories, quantity)[1].mean(axis=0))
        assert [line.get_xdata()[-1] for line in seeds] == [history.evaluation_step[-1] for history in histories]
        assert [line.get_xdata()[0] for line in seeds] == 5 * [steps[-1]]


def test_every_row_of_the_report_has_a_colour_of_its_own():
    assert set(plotting.COLORS) == set(mlplib.REPORT)
    assert len(set(plotting.COLORS.values())) == len(plotting.COLORS)


def test_a_picture_in_html_says_what_it_shows():
    html = plotting.as_html_image(plt.figure(), 'a "b" < c')
    assert 'alt="a &quot;b&quot; &lt; c"' in html
    assert plt.get_fignums() == []


DRAWN = """
import hashlib, io
import matplotlib
matplotlib.use("Agg")
import matplotlib.pyplot as plt
from mlplib import plotting
from mlplib.evidence.figures import plot_groups

own, ax = plt.subplots()
ax.set_title("drawn by a notebook")
for figure in (own, plotting.plot_layer_sizes({"a": [1, 2]}, "size"), plot_groups({"a": [1, 2, 3]}, "number")):
    drawn = io.BytesIO()
    figure.savefig(drawn, format="png")
    print(hashlib.sha256(drawn.getvalue()).hexdigest())
figure = plotting.plot_gradient_bars({"a": [0.1, 0.2]}, {"a": "red"})
print(hashlib.sha256(plotting.as_html_image(figure, "").encode()).hexdigest())
print(matplotlib.get_backend())
"""


def test_figures_are_the_same_whatever_a_users_settings_of_matplotlib(tmp_path):
    settings = {"plain": "", "dark": "axes.facecolor: black\ntext.color: white\nxtick.color: white\n"
                "axes.labelcolor: white\nfont.family: serif\nsavefig.bbox: tight\nbackend: svg\n"}
    drawn = {}
    for name, text in settings.items():
        file = tmp_path / name
        file.write_text(text, encoding="utf-8")
        drawn[name] = subprocess.run([sys.executable, "-c", DRAWN], env=os.environ | {"MATPLOTLIBRC": str(file)},
                                     capture_output=True, text=True, check=True).stdout
    assert drawn["dark"] == drawn["plain"]


def test_a_table_is_aligned_as_text_and_escaped_as_html():
    table = plotting.Table(["a", "long name"], [["wide cell", 1], ["<b>", 22]])
    assert repr(table) == "a          long name\nwide cell  1\n<b>        22"
    assert "<td>&lt;b&gt;</td>" in table._repr_html_()


def test_an_empty_corner_of_a_table_is_no_header():
    assert "<tr><td></td><th>a</th></tr>" in plotting.Table(["", "a"], [["b", "c"]])._repr_html_()


@pytest.fixture(scope="module")
def comparison(run):
    """Row 3b, its five runs made up: one tiny network's, with figures around the reported ones."""
    row = mlplib.REPORT["3b"]
    runs = []
    for experiment, offset in zip(row.experiments, (-0.02, -0.01, 0, 0.01, 0.06)):
        final = row.reported._replace(validation_accuracy=row.reported.validation_accuracy + offset)
        runs.append(mlplib.Run(**(vars(run) | {"experiment": experiment, "final": final})))
    return row.reproduction(runs)


def test_the_table_of_a_row_shows_reported_mean_and_all_seeds(comparison):
    table = plotting.reproduction_table([comparison])
    assert table.header[-5:] == [f"seed {seed}" for seed in range(5)]
    expected = ["+ improved sigmoid", "validation accuracy", "0.9617", "0.9697", "no"]
    assert [*expected, "0.9417", "0.9517", "0.9617", "0.9717", "1.0217"] in table.rows
    assert len(table.rows) == 5


def test_the_verdict_of_a_row_names_the_figure_that_is_outside(comparison):
    table = plotting.reproduced_table([comparison])
    assert table.rows == [["+ improved sigmoid (3b)", "within", "within", "within", "outside", "not reproduced"]]
