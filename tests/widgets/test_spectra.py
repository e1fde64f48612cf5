"""The explorer of spectra: every choice shows its own picture, and its text is true in every case."""

import itertools
import math
import re
from html import unescape

import pytest

from mlplib.evidence.looks import STEPS, fastest_step
from mlplib.widgets import SpectrumExplorer

from .explored import (
    alt,
    built,
    leaves,
    picture,
    shown,
    test_a_plain_picture_with_words_stands_in_for_an_explorer,  # noqa: F401
    test_an_explorer_is_small_enough_for_a_page,  # noqa: F401
    test_each_button_says_what_it_chooses,  # noqa: F401
    test_every_choice_shows_a_picture_of_its_own,  # noqa: F401
)

CODES = ["".join(code) for code in itertools.product("01", repeat=3)]


def seen(fastest=0.15, start=40.0, gentle=10.0, lowest=0.1):
    """What is known of a network that learns fastest with such a step."""
    loss = [lowest * math.exp(0.1 * math.log(step / fastest) ** 2) for step in STEPS]
    values = {when: [largest * 0.9**i for i in range(20)] for when, largest in (("start", start), ("gentle", gentle))}
    return {"values": values, "steps": list(STEPS), "loss": loss, "fastest": fastest_step(loss)}


SPECTRA = {key: seen(0.01 * 1.09**i, 60 - i / 2, 30 - i / 4)
           for i, key in enumerate(itertools.product(CODES, (16, 64, 256), (1, 3, 10)))}


@pytest.fixture(scope="module")
def explored():
    return *built(SpectrumExplorer, SPECTRA), len(SPECTRA)


def text(html):
    return unescape(re.search(r"<p>(.*)</p>", html)[1])


def test_rows_are_the_tricks_units_and_layers_and_at_first_the_plain_network_is_chosen(explored):
    rows = explored[0].rows
    assert [row.description for row in rows] == ["Fan-in weights", "Improved sigmoid", "Momentum", "Units per layer",
                                                 "Hidden layers"]
    assert [tuple(row.options) for row in rows] == [("off", "on")] * 3 + [("16", "64", "256"), ("1", "3", "10")]
    assert [row.value for row in rows] == ["off", "off", "off", "64", "1"]


def test_a_picture_is_that_of_what_is_chosen(explored):
    for (*tricks, units, layers), html in shown(explored[0].picture, explored[0].rows).items():
        about = SPECTRA["".join("01"[trick == "on"] for trick in tricks), int(units), int(layers)]
        assert text(html).startswith(f"λ is {about['values']['start'][0]:.2g} before training")
        assert alt(html).endswith(text(html))
        named = alt(html).split(". ")[0]
        assert named.endswith(f", {layers} hidden layer{'s' * (layers != '1')} of {units}")
        assert [trick in named for trick in ("fan-in weights", "improved sigmoid", "momentum")] == [
            trick == "on" for trick in tricks]


def test_all_pictures_take_at_most_600_kB(explored):
    assert sum(len(picture(html)) for html in leaves(explored[0])) <= 600_000


def test_the_plain_picture_is_that_of_the_plain_network(explored):
    assert alt(explored[0].plain).startswith("no tricks, 1 hidden layer of 64. ")
    assert explored[0].summary == "SpectrumExplorer: 72 networks"


def only(**about):
    (html,) = leaves(SpectrumExplorer({("110", 64, 1): seen(**about)}))
    return text(html)


def test_what_is_not_there_cannot_be_chosen_or_is_said_not_to_be():
    explorer = SpectrumExplorer({("110", 64, 1): seen(), ("100", 64, 3): seen()})
    assert [tuple(row.options) for row in explorer.rows] == [("on",), ("off", "on"), ("off",), ("64",), ("1", "3")]
    found = {chosen[1::3]: html for chosen, html in shown(explorer.picture, explorer.rows).items()}
    assert found["off", "1"] == found["on", "3"] == "<p>This network was not measured.</p>"
    assert all(html.startswith("<img") for html in (found["off", "3"], found["on", "1"]))


@pytest.mark.parametrize("about, said", [
    ({"fastest": 0.15}, "the loss is lowest with a step of 0.15: 0.75 of the predicted."),
    ({"fastest": 0.5}, "the loss is lowest with a step of 0.5: 2.5 of the predicted."),
    ({"fastest": 0.001}, "with a step of 0.0025, the shortest tried: at most 0.012 of the predicted."),
    ({"fastest": 50}, "with a step of 10, the longest tried: at least 51 of the predicted."),
])
def test_the_measured_step_is_told_beside_the_predicted_one(about, said):
    found = only(**about)
    assert "λ is 40 before training and 10 after two gentle epochs: predicted is a step of 2/λ = 0.2." in found
    assert found.endswith(said)


def test_where_no_step_learns_that_is_said_and_no_step_is_called_the_best():
    found = only(lowest=2.29)
    assert found.endswith("it learns with no step in two epochs: the loss stays near that of guessing, 2.30.")
    assert "lowest" not in found and "guessing" not in only(lowest=2.0)


def test_numbers_have_two_digits():
    assert only(start=770_820.0, gentle=109.0).startswith(
        "λ is 770,000 before training and 110 after two gentle epochs: predicted is a step of 2/λ = 0.018.")
