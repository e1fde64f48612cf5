"""The explorer of spectra: every choice shows its own picture, and its text is true in every case."""

import itertools
import json
import math
import re
from html import unescape

import ipywidgets
import pytest

from mlplib.evidence.looks import STEPS, fastest_step
from mlplib.widgets import SpectrumExplorer
from mlplib.widgets.frames import combinations

CODES = ["".join(code) for code in itertools.product("01", repeat=3)]


def seen(fastest=0.15, start=40.0, gentle=10.0, lowest=0.1):
    """What is known of a network that learns fastest with such a step."""
    loss = [lowest * math.exp(0.1 * math.log(step / fastest) ** 2) for step in STEPS]
    values = {when: [largest * 0.9**i for i in range(20)] for when, largest in (("start", start), ("gentle", gentle))}
    return {"values": values, "steps": list(STEPS), "loss": loss, "fastest": fastest_step(loss)}


def made_up():
    """All networks but the largest, each another."""
    keys = [key for key in itertools.product(CODES, (16, 64, 256), (1, 3, 10)) if key[1:] != (256, 10)]
    return {key: seen(0.01 * 1.1**i, 60 - i / 2, 30 - i / 4) for i, key in enumerate(keys)}


@pytest.fixture(scope="module")
def built():
    """The explorer, and the state it adds to a page, in bytes."""
    before = set(ipywidgets.Widget.get_manager_state()["state"])
    made = SpectrumExplorer(made_up())
    state = ipywidgets.Widget.get_manager_state()["state"]
    return made, len(json.dumps({name: part for name, part in state.items() if name not in before}))


def shown(explorer):
    """By what is chosen: what the page shows, following the links of each level as a page does."""
    leaves = {}
    for chosen in combinations(explorer.rows):
        widget = explorer.picture
        for row, option in zip(explorer.rows, chosen):
            (link,) = widget.links
            assert (link.source, link.target) == ((row, "index"), (widget, "selected_index"))
            assert widget.selected_index == row.index
            widget = widget.children[row.options.index(option)]
        leaves[chosen] = unescape(widget.value)
    return leaves


def text(html):
    return re.search(r"<p>(.*)</p>", html)[1]


def test_rows_are_the_tricks_units_and_layers_and_at_first_the_plain_network_is_chosen(built):
    rows = built[0].rows
    assert [row.description for row in rows] == ["Fan-in weights", "Improved sigmoid", "Momentum", "Units per layer",
                                                 "Hidden layers"]
    assert [tuple(row.options) for row in rows] == [("off", "on")] * 3 + [("16", "64", "256"), ("1", "3", "10")]
    assert [row.value for row in rows] == ["off", "off", "off", "64", "1"]


def test_every_choice_shows_its_own_picture_and_says_where_there_is_none(built):
    leaves = shown(built[0])
    pictures = {chosen: html for chosen, html in leaves.items() if "<img" in html}
    assert len(leaves) == 72 and len(pictures) == len({html.split("base64,")[1] for html in pictures.values()}) == 64
    others = {html for chosen, html in leaves.items() if chosen not in pictures}
    assert others == {"<p>This network was not measured.</p>"}
    assert {chosen[3:] for chosen in set(leaves) - set(pictures)} == {("256", "10")}


def test_a_picture_is_that_of_what_is_chosen(built):
    spectra = made_up()
    for (*tricks, units, layers), html in shown(built[0]).items():
        key = "".join("01"[trick == "on"] for trick in tricks), int(units), int(layers)
        if key in spectra:
            before = spectra[key]["values"]["start"][0]
            assert text(html).startswith(f"λ is {before:.2g} before training")
            named = html.split('alt="')[1].split(". ")[0]
            assert named.endswith(f", {layers} hidden layer{'s' * (layers != '1')} of {units}")
            assert [trick in named for trick in ("fan-in weights", "improved sigmoid", "momentum")] == [
                trick == "on" for trick in tricks]


def test_it_is_small_enough_for_a_page(built):
    explorer, state = built
    sizes = [len(html.split("base64,")[1].split('"')[0]) for html in shown(explorer).values() if "base64," in html]
    assert max(sizes) <= 10_000 and sum(sizes) <= 600_000 < state * 2 and state <= 800_000


def test_a_plain_picture_with_words_stands_in_for_it(built):
    assert len(re.findall(r'<img [^>]*alt="no tricks, 1 hidden layer of 64\. [^"]+"', built[0].plain)) == 1
    assert built[0].summary == "SpectrumExplorer: 64 networks"


def only(**about):
    (html,) = shown(SpectrumExplorer({("110", 64, 1): seen(**about)})).values()
    return text(html)


def test_what_is_not_there_cannot_be_chosen():
    explorer = SpectrumExplorer({("110", 64, 1): seen(), ("100", 64, 3): seen()})
    assert [tuple(row.options) for row in explorer.rows] == [("on",), ("off", "on"), ("off",), ("64",), ("1", "3")]
    measured = {chosen[1::3]: "not measured" not in html for chosen, html in shown(explorer).items()}
    assert measured == {("off", "1"): False, ("off", "3"): True, ("on", "1"): True, ("on", "3"): False}


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


def test_where_no_step_learns_it_is_said():
    assert only(lowest=2.29).endswith("the loss stays near that of guessing, 2.30.")
    assert "guessing" not in only(lowest=2.0)
