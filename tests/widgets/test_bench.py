"""The bench: it trains what mlplib.run trains, in pieces, and says what it does."""

import asyncio
import re
from dataclasses import replace
from types import SimpleNamespace

import matplotlib.pyplot as plt
import pytest

import mlplib
from mlplib.catalogue import REPORT_TRICKS
from mlplib.experiments import TRICKS
from mlplib.widgets import TrainingBench
from mlplib.widgets import bench as bench_module
from mlplib.widgets.bench import LARGEST_STEP, distinct_names

plt.switch_backend("Agg")

TINY = mlplib.Experiment(hidden=(4,), n_train=320, epochs=2)
ALL_TRICKS = TINY.with_tricks(init=True, sigmoid=True, momentum=True)


def train(bench, **settings):
    """Set controls and press Train: the task that was started."""
    for name, value in settings.items():
        bench.controls[name].value = value
    bench.train_button.click()
    return bench.task


async def waited(bench, **settings):
    await train(bench, **settings)


def colors(bench):
    """Of the runs drawn, in their order, as the table says them."""
    return re.findall("color: (#[0-9A-F]{6});", bench.table.value)


@pytest.fixture
def bench(monkeypatch):
    """An empty bench that starts as TINY; a piece of its training is one update, or one part of an evaluation."""
    monkeypatch.setattr(bench_module, "PIECE", -1.0)
    return TrainingBench(TINY, runs=())


# ---- what it trains


def test_the_button_trains_what_run_trains(bench, bits):
    asyncio.run(waited(bench))
    run = mlplib.run(TINY)
    assert bits(bench.trainer) == bits(run)
    assert [history.train_loss.tolist() for history in bench.runs.values()] == [run.history.train_loss.tolist()]
    assert "Trained for 2 epochs, 20 steps" in bench.status.value


def test_every_control_reaches_the_experiment(bench):
    settings = {"init": "on", "sigmoid": "on", "momentum": "on", "gamma": 0.5, "widths": "8, 6", "depth": 2,
                "learning_rate": "0,03", "batch_size": 16, "n_train": 100, "epochs": 3}
    assert set(bench.controls) - set(settings) == set(TRICKS) - set(REPORT_TRICKS)
    for name, value in settings.items():
        bench.controls[name].value = value
    assert bench.chosen == mlplib.Experiment((8, 6), "fan_in", "improved_sigmoid", 0.5, learning_rate=0.03,
                                             batch_size=16, n_train=100, epochs=3)


@pytest.mark.parametrize("experiment", [
    TINY, ALL_TRICKS, mlplib.Experiment((8, 6), seed=3, learning_rate=1e-3, patience=None, shuffle=False),
    mlplib.Experiment((), biases="every_layer"), replace(ALL_TRICKS, gamma=0.5, hidden=(7, 7, 7)),
])
def test_the_controls_start_with_the_experiment_given(experiment):
    assert TrainingBench(experiment, runs=()).chosen == experiment


def test_a_learning_rate_as_the_rule_has_it_is_the_rule(bench):
    bench.controls["learning_rate"].value = "0.1"
    assert bench.chosen == TINY
    bench.controls["momentum"].value = "on"
    assert bench.chosen.learning_rate == 0.1
    bench.controls["learning_rate"].value = "0.02"
    assert bench.chosen.learning_rate is None


def test_every_control_has_a_label(bench):
    assert all(control.description for control in bench.controls.values())
    for trick in ("init", "sigmoid", "momentum"):  # what a button is named beside its "on"
        assert all(bench.controls[trick].description in tooltip for tooltip in bench.controls[trick].tooltips)


# ---- how it trains


def test_it_pauses_after_every_piece(bench):
    async def count():
        task, pauses = train(bench), 0
        while not task.done():
            await asyncio.sleep(0)
            pauses += 1
        return pauses

    # 20 steps, and at ten of them one part of the training set and five of the validation set.
    assert asyncio.run(count()) > 20 + 10 * 6


def test_stop_keeps_curve_and_weights_and_train_goes_on(bench, bits):
    async def stopped_twice():
        for step in (3, 9):
            task = train(bench)
            while not (bench.trainer and bench.trainer.n_steps >= step):
                await asyncio.sleep(0)
            bench.stop_button.click()
            assert "Stopping" in bench.status.value
            await task
            assert f"Stopped at step {step}" in bench.status.value
            assert bench.trainer.n_steps == step
            assert [history.n_steps for history in bench.runs.values()] == [step]
        await train(bench)

    asyncio.run(stopped_twice())
    assert bits(bench.trainer) == bits(mlplib.run(TINY))


def test_train_pressed_right_after_stop_waits_and_goes_on(bench, bits):
    async def hurried():
        first = train(bench)
        while bench.trainer is None or bench.trainer.n_steps < 7:
            await asyncio.sleep(0)
        bench.stop_button.click()
        second = train(bench)
        assert second is not first and "Starting" in bench.status.value
        await second

    asyncio.run(hurried())
    assert bits(bench.trainer) == bits(mlplib.run(TINY))
    assert "Trained for" in bench.status.value


def test_train_pressed_while_clear_draws_is_not_refused(bench):
    async def hurried():
        bench.clear_button.click()
        await train(bench)

    asyncio.run(hurried())
    assert "Trained for" in bench.status.value


def test_a_change_during_a_run_does_not_disturb_it(bench, bits):
    async def change():
        task = train(bench)
        while not bench.trainer:
            await asyncio.sleep(0)
        bench.controls["widths"].value = "8"
        bench.controls["epochs"].value = 1
        bench.train_button.click()
        assert "under way" in bench.status.value and bench.task is task
        await task

    asyncio.run(change())
    assert bits(bench.trainer) == bits(mlplib.run(TINY))


def test_a_finished_run_is_not_trained_again_until_it_is_cleared(bench):
    async def again():
        await train(bench)
        first = bench.trainer
        await train(bench)
        assert bench.trainer is first and "Change a setting" in bench.status.value
        bench.clear_button.click()
        await bench.task
        assert bench.runs == {} and "No run yet" in bench.pictures[0].value
        await train(bench)
        assert bench.trainer is not first and bench.trainer.finished

    asyncio.run(again())


def test_clear_leaves_the_run_under_way(bench):
    async def clear():
        await train(bench)
        task = train(bench, widths="8")
        while not bench.trainer.model.hidden == (8,):
            await asyncio.sleep(0)
        bench.clear_button.click()
        await task

    asyncio.run(clear())
    assert [history.n_steps for history in bench.runs.values()] == [20]
    assert bench.trainer.model.hidden == (8,)


def test_two_benches_do_not_disturb_each_other(bench, bits):
    other = TrainingBench(ALL_TRICKS, runs=())

    async def both():
        await asyncio.gather(train(bench), train(other))

    asyncio.run(both())
    assert bits(bench.trainer) == bits(mlplib.run(TINY))
    assert bits(other.trainer) == bits(mlplib.run(ALL_TRICKS))


@pytest.mark.parametrize("front_end_names_cells", [True, False])
def test_running_the_cell_again_stops_the_bench_it_made(monkeypatch, front_end_names_cells):
    shell = SimpleNamespace(execution_count=0, user_ns={"In": [""]})
    monkeypatch.setattr(bench_module, "get_ipython", lambda: shell)
    endless = replace(TINY, epochs=10**6, patience=None)

    def run_cell(cell):
        """Make two benches and start them, as a cell with that text or identifier does."""
        shell.execution_count += 1
        if front_end_names_cells:
            shell.get_parent = lambda: {"metadata": {"cellId": cell}}
        else:
            shell.user_ns["In"].append(cell)
        made = [TrainingBench(endless, runs=()), TrainingBench(endless, runs=())]
        for bench in made:
            train(bench)
        return made

    async def run_cells():
        cells = []
        for cell in ("one", "another", "one"):
            cells.append(run_cell(cell))
            await asyncio.sleep(0)
        earlier, other, again = cells
        for bench in earlier:
            await asyncio.wait_for(bench.task, timeout=600)
        assert all(bench.training for bench in (*other, *again))
        for bench in (*other, *again):
            bench.stop()
            await asyncio.wait_for(bench.task, timeout=600)

    asyncio.run(run_cells())


# ---- what it refuses, and what goes wrong


@pytest.mark.parametrize("settings, said", [
    ({"widths": "many"}, ["units in a layer", "many"]),
    ({"widths": "8, 6", "depth": 3}, ["3 hidden layers", "8, 6"]),
    ({"widths": "0"}, ["hidden[0]", "at least 1", "0"]),
    ({"depth": -1}, ["hidden layers", "at least 0", "-1"]),
    ({"learning_rate": "fast"}, ["learning rate", "fast"]),
    ({"learning_rate": "-1"}, ["learning_rate", "positive", "-1"]),
    ({"momentum": "on", "gamma": 1.0}, ["gamma", "below 1"]),
    ({"batch_size": 500}, ["batch_size", "320", "500"]),
    ({"n_train": 20_001}, ["n_train", "20000", "20001"]),
    ({"epochs": 0}, ["epochs", "at least 1"]),
    ({"widths": "5000", "depth": 20}, ["too long", f"{LARGEST_STEP:,}"]),
], ids=str)
def test_impossible_settings_are_refused_in_a_sentence(bench, settings, said):
    for name, value in settings.items():
        bench.controls[name].value = value
    bench.train_button.click()
    assert bench.task is None and bench.runs == {}
    assert all(words in bench.status.value for words in ["Not started", *said])


def test_a_diverging_run_says_so(bench):
    asyncio.run(waited(bench, learning_rate="1e30"))
    assert bench.trainer.diverged
    assert "diverged" in bench.status.value and "smaller than 1e+30" in bench.status.value
    assert list(bench.runs) == ["width 4, no tricks"]


def test_an_error_is_shown_and_not_swallowed(bench, monkeypatch):
    monkeypatch.setattr(bench_module, "trainer_for", lambda experiment: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        asyncio.run(waited(bench))
    assert "ZeroDivisionError: division by zero" in bench.status.value
    monkeypatch.undo()
    asyncio.run(waited(bench))
    assert bench.trainer.finished


def eight_runs(epochs):
    """One run, as if of eight seeds."""
    run = mlplib.run(replace(TINY, epochs=epochs, patience=None))
    return [mlplib.Run(**(vars(run) | {"experiment": replace(TINY, seed=seed)})) for seed in range(1, 9)]


def test_there_are_no_more_runs_than_colours():
    bench = TrainingBench(TINY, runs=eight_runs(epochs=1))
    bench.train_button.click()
    assert bench.task is None and "Clear" in bench.status.value
    assert len(set(colors(bench))) == 8


# ---- what is seen


@pytest.mark.parametrize("changes, expected", [
    ([{}], ["width 64, no tricks"]),
    ([{"hidden": (128,)}, {"gamma": 0.9}], ["width 128, no momentum", "width 64, momentum"]),
    ([{"gamma": 0.9}, {"gamma": 0.5}, {}], ["momentum, γ 0.9", "momentum, γ 0.5", "no momentum"]),
    ([{"hidden": ()}, {}, {"hidden": (8, 6)}],
     ["0 hidden layers", "width 64, 1 hidden layer", "widths 8-6, 2 hidden layers"]),
    ([{"init": "fan_in", "gamma": 0.9}, {"activation": "improved_sigmoid"}],
     ["fan-in weights + momentum", "improved sigmoid"]),
    ([{"learning_rate": 0.05}, {"seed": 1}], ["learning rate 0.05, seed 0", "learning rate by the rule, seed 1"]),
    ([{"n_train": 1000}, {"batch_size": 8, "epochs": 5}],
     ["batches of 32, 1,000 images, 50 epochs", "batches of 8, 20,000 images, 5 epochs"]),
    ([{"patience": None}, {"biases": "every_layer"}, {"shuffle": False}],
     ["patience None, a bias at the input, shuffled", "patience 50, a bias in every layer, shuffled",
      "patience 50, a bias at the input, not shuffled"]),
], ids=str)
def test_a_run_is_named_by_what_differs(changes, expected):
    assert distinct_names([mlplib.Experiment(**change) for change in changes]) == expected


def test_the_pictures_say_what_they_show(bench):
    asyncio.run(waited(bench))
    history = bench.trainer.history
    alts = [re.search(r'alt="([^"]*)"', picture.value)[1] for picture in bench.pictures]
    for alt, quantity in zip(alts, ("train_loss", "validation_loss", "validation_accuracy")):
        assert f"width 4, no tricks: {getattr(history, quantity)[-1]:.4f} after step 18" in alt
    assert ", ".join(f"{size:.1e}" for size in mlplib.run(TINY).gradient_rms) in alts[3]
    assert f"<td>{history.validation_accuracy[-1]:.4f}</td>" in bench.table.value


def test_runs_from_elsewhere_are_drawn_as_far_as_those_trained_here():
    stored = mlplib.run(ALL_TRICKS)
    bench = TrainingBench(TINY, runs=[stored])
    assert "after step 18" in bench.pictures[0].value
    asyncio.run(waited(bench, epochs=1))
    assert bench.pictures[0].value.count("after step 8") == 2
    assert f"<td>{stored.history.train_loss[-1]:.4f}</td>" in bench.table.value
    assert [history.n_steps for history in bench.runs.values()] == [20, 10]


def test_the_curves_of_eight_runs_fit_into_45_kB():
    pictures = TrainingBench(TINY, runs=eight_runs(epochs=50)).pictures
    assert all(len(picture.value) <= 45_000 for picture in pictures)


def test_a_trained_run_takes_the_place_of_a_stored_one(bits):
    stored = mlplib.run(TINY)
    bench = TrainingBench(TINY, runs=[stored, mlplib.run(ALL_TRICKS)])
    assert list(bench.runs) == ["no tricks", "all tricks"]
    drawn_in = colors(bench)
    asyncio.run(waited(bench))
    assert list(bench.runs) == ["no tricks", "all tricks"] and colors(bench) == drawn_in
    assert bits(bench.trainer) == bits(stored)


def test_on_a_page_there_is_a_picture_and_a_link_but_no_control(bench):
    live, *_ = bench.children
    assert "live-only" in live._dom_classes
    inside = [live]
    for widget in inside:
        inside += getattr(widget, "children", ())
    buttons = bench.train_button, bench.stop_button, bench.clear_button
    assert {*bench.controls.values(), *buttons, bench.status} <= set(inside)
    link = 'href="../lite/notebooks/index.html?path=notebooks/4_topology.ipynb"'
    page = TrainingBench(TINY, notebook="4_topology", runs=())
    assert link in page.children[-1].value and link in page.plain and page.plain.count("<img") == 4


def test_without_a_store_the_bench_is_empty(tmp_path, monkeypatch):
    monkeypatch.setattr(bench_module, "packaged", lambda: mlplib.store.Store(tmp_path))
    assert TrainingBench().runs == {}
