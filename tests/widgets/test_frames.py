"""Pictures that switch in the page itself: what is linked to what, and what stands where no widget can."""

import ipywidgets
import pytest

from mlplib.widgets.frames import KernelFree, choice, combinations, note, player, switch


def ends(box):
    """The links of a box: which trait drives which."""
    return [(link.source, link.target) for link in box.links]


def test_a_button_says_what_it_chooses():
    row = choice("Momentum", ("off", "on"))
    assert (row.options, row.value, row.index) == (("off", "on"), "off", 0)
    assert list(row.tooltips) == ["Momentum: off", "Momentum: on"]
    assert choice("Depth", map(str, (1, 2, 10)), "10").index == 2


def test_every_combination_has_a_leaf_where_the_links_lead():
    rows = [choice("a", "xy", "y"), choice("b", "123")]
    stack = switch(rows, lambda *chosen: note(" ".join(chosen)))
    assert combinations(rows) == [(a, b) for a in "xy" for b in "123"]
    assert ends(stack) == [((rows[0], "index"), (stack, "selected_index"))] and stack.selected_index == 1
    for a, inner in zip("xy", stack.children, strict=True):
        assert ends(inner) == [((rows[1], "index"), (inner, "selected_index"))] and inner.selected_index == 0
        assert [leaf.value for leaf in inner.children] == [f"<p>{a} {b}</p>" for b in "123"]


def test_without_a_choice_there_is_one_leaf():
    leaf = note("alone")
    assert switch([], lambda: leaf) is leaf


def test_the_player_drives_the_buttons_and_counts_as_far_as_they_go():
    row = choice("Step", "abcd")
    box = player(row, seconds=1.5)
    button, play = box.children
    assert (play.min, play.max, play.interval) == (0, 3, 1500)
    assert ends(box) == [((button, "value"), (play, "playing")), ((play, "value"), (row, "index"))]
    assert play.layout.display == "none" and button.description == "Play"


def test_a_note_is_escaped():
    assert note("a < b & c").value == "<p>a &lt; b &amp; c</p>"


@pytest.fixture
def displayed(monkeypatch):
    shown = []
    monkeypatch.setattr("mlplib.widgets.frames.display", lambda data, raw: shown.append(data))
    return shown


def test_beside_the_widgets_stands_what_a_page_without_them_shows(displayed):
    widget = KernelFree([ipywidgets.HTML("live")], "<img alt='plain'>", "A widget")
    widget._ipython_display_()
    fallback, live = displayed
    assert fallback["text/html"] == '<div class="widget-fallback" style="display: none"><img alt=\'plain\'></div>'
    assert live["text/plain"] == "A widget" and "application/vnd.jupyter.widget-view+json" in live
    assert "kernel-free" in widget._dom_classes
