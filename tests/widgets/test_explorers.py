"""Explorers: every choice shows its own picture, and what is written under it is what the store holds."""

import re

import numpy as np
import pytest
from helpers import made_up_run

from mlplib.catalogue import TRICK_COMBINATIONS, shown_experiments, topology_experiment, trick_experiment
from mlplib.experiments import Experiment
from mlplib.running import Figures
from mlplib.store import Store, StoreChain, StoreError
from mlplib.widgets import ActivationExplorer, TopologyExplorer, TrickExplorer
from mlplib.widgets.explorers import VIEWS

from .explored import (
    alt,
    built,
    shown,
    test_a_plain_picture_with_words_stands_in_for_an_explorer,  # noqa: F401
    test_an_explorer_is_small_enough_for_a_page,  # noqa: F401
    test_each_button_says_what_it_chooses,  # noqa: F401
    test_every_choice_shows_a_picture_of_its_own,  # noqa: F401
)


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    """All that the explorers show, made up."""
    store = Store(tmp_path_factory.mktemp("runs"))
    for experiment in shown_experiments():
        store.save(made_up_run(experiment))
    return store


@pytest.fixture(scope="module")
def tricks(store):
    return built(TrickExplorer, store)


@pytest.fixture(scope="module")
def topology(store):
    return built(TopologyExplorer, store)


@pytest.fixture(scope="module")
def activations():
    return built(ActivationExplorer)


@pytest.fixture(scope="module", params=[("tricks", 8 * 3), ("topology", 25 * 3), ("activations", 13 + 10)],
                ids=lambda param: param[0])
def explored(request):
    name, n_pictures = request.param
    return *request.getfixturevalue(name), n_pictures


def test_the_text_of_a_picture_names_its_combination_and_view(tricks):
    for (init, sigmoid, momentum, view), html in shown(tricks[0].picture, tricks[0].rows).items():
        text = alt(html)
        assert text.startswith(view.capitalize())
        chosen = text.split("Chosen, ")[1].split(":")[0]
        named = [trick in chosen for trick in ("fan-in weights", "improved sigmoid", "momentum")]
        assert named == [option == "on" for option in (init, sigmoid, momentum)]


def test_the_text_of_a_picture_names_width_and_depth(topology):
    for (width, depth, _), html in shown(topology[0].picture, topology[0].rows).items():
        assert re.search(rf"Chosen, {depth} layers? of {width}\b", alt(html))


def networks(name, explorer):
    """Each choice of an explorer, the network that stands behind it, and the HTML shown."""
    for (*options, view), html in shown(explorer.picture, explorer.rows).items():
        if name == "tricks":
            yield view, trick_experiment([option == "on" for option in options]), html
        else:
            yield view, topology_experiment(*map(int, options)), html


@pytest.mark.parametrize("name", ["tricks", "topology"])
def test_the_line_of_figures_is_what_the_store_holds(name, store, request):
    explorer, _ = request.getfixturevalue(name)
    for _, experiment, html in networks(name, explorer):
        runs = [store[Experiment(**vars(experiment) | {"seed": seed})] for seed in range(5)]
        figures = np.array([run.final for run in runs])
        line = re.findall(r"<b>([\d.]+)</b> \(([\d.]+)–([\d.]+)\)", html)
        assert [tuple(map(float, part)) for part in line] == [
            tuple(pytest.approx(value, abs=6e-5) for value in (column.mean(), column.min(), column.max()))
            for column in figures.T
        ]
        stops = ", ".join(str(run.stopped_epoch) for run in runs)
        assert f"in epoch: {stops}." in html


@pytest.mark.parametrize("kind", ["loss", "accuracy"])
def test_the_words_of_a_picture_are_means_over_the_seeds(kind, tricks, store):
    for view, experiment, html in networks("tricks", tricks[0]):
        if VIEWS[view][0] == kind:
            runs = [store[Experiment(**vars(experiment) | {"seed": seed})] for seed in range(5)]
            ends = [np.mean([getattr(run.final, f"{part}_{kind}") for run in runs]) for part in ("train", "validation")]
            words = alt(html).split("Chosen, ")[1]
            assert [float(number) for number in re.findall(r" (\d\.\d+)", words)[:2]] == pytest.approx(ends, abs=6e-5)


def test_a_run_that_diverged_is_shown_and_named(tmp_path):
    store = Store(tmp_path)
    for tricks in TRICK_COMBINATIONS:
        for seed in range(5):
            run = made_up_run(trick_experiment(tricks, seed))
            if tricks == TRICK_COMBINATIONS[-1] and seed == 3:
                run.diverged, run.stopped_epoch = True, None
                run.final = Figures(np.inf, 0.1, np.inf, 0.1)
                run.history.train_loss[-1] = np.inf
            store.save(run)
    explorer = TrickExplorer(store)
    html = shown(explorer.picture, explorer.rows)["on", "on", "on", "logarithmic loss"]
    assert "Diverged: 1 of 5" in html and "did not" in html


@pytest.mark.parametrize("damage", ["missing", "damaged"])
@pytest.mark.parametrize("explorer, experiment", [
    (TrickExplorer, trick_experiment((False, True, False), 2)), (TopologyExplorer, topology_experiment(32, 5, 4)),
])
def test_a_run_that_cannot_be_used_is_named_and_how_to_get_it(explorer, experiment, damage, store):
    path = store.path(experiment)
    kept = path.read_bytes()
    path.unlink() if damage == "missing" else path.write_bytes(kept[:100])
    try:
        with pytest.raises(StoreError, match="make sweep") as error:
            explorer(store)
    finally:
        path.write_bytes(kept)
    assert repr(experiment) in str(error.value) and explorer.__name__ in str(error.value)


@pytest.mark.parametrize("given", [lambda store: store.folder, lambda store: StoreChain(Store("nothing here"), store)])
def test_a_store_may_be_given_as_a_folder_or_be_a_chain(store, given):
    explorer = TrickExplorer(given(store))
    assert "no tricks" in explorer.plain


def test_the_tangent_and_the_derivative_are_those_of_both_sigmoids(activations):
    explorer, _ = activations
    for (z,), html in shown(explorer.tangents, [explorer.z]).items():
        z = float(z.replace("−", "-"))
        numbers = [float(n) for n in re.findall(r"f′? = (-?[\d.e-]+\d)", alt(html).replace("−", "-"))]
        s, t = 1 / (1 + np.exp(-z)), np.tanh(2 * z / 3)
        assert numbers[:4] == pytest.approx([s, s * (1 - s), 1.7159 * t, 1.7159 * 2 / 3 * (1 - t * t)], abs=6e-4)


def test_ten_layers_of_logistic_units_answer_every_input_alike_and_improved_ones_do_not(activations):
    explorer, _ = activations
    spreads = [[float(n) for n in re.findall(r"inputs ([\d.e-]+\d)", alt(html).replace("−", "-"))]
               for html in shown(explorer.spreads, [explorer.layers]).values()]
    logistic, improved, *_ = np.array(spreads).T
    assert all(logistic[1:] / logistic[:-1] < 0.3) and logistic[-1] < 1e-5
    assert all(improved > 0.5)
