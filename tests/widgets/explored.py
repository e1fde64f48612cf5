"""What holds for every explorer: a module of tests that takes these has a fixture `explored`.

It gives an explorer, the bytes that its state takes, and how many pictures it has.
"""

import json
import re
from html import unescape

import ipywidgets

from mlplib.widgets.frames import combinations

MAX_PICTURE, MAX_STATE = 45_000, 1_500_000


def built(explorer, *arguments):
    """An explorer, and the state it adds to a page, in bytes."""
    before = set(ipywidgets.Widget.get_manager_state()["state"])
    made = explorer(*arguments)
    state = ipywidgets.Widget.get_manager_state()["state"]
    return made, len(json.dumps({name: part for name, part in state.items() if name not in before}))


def shown(stack, rows):
    """By what is chosen: the widget that the page shows, following the links of each level as a page does."""
    leaves = {}
    for chosen in combinations(rows):
        widget = stack
        for row, option in zip(rows, chosen):
            (link,) = widget.links
            assert (link.source, link.target) == ((row, "index"), (widget, "selected_index"))
            assert widget.selected_index == row.index
            widget = widget.children[row.options.index(option)]
        leaves[chosen] = widget.value
    return leaves


def alt(html):
    (text,) = re.findall(r'<img [^>]*alt="([^"]*)"', html)
    return unescape(text)


def picture(html):
    (data,) = re.findall(r'src="data:image/png;base64,([^"]*)"', html)
    return data


def switched(explorer):
    """Each row of buttons of an explorer with what it switches."""
    if hasattr(explorer, "rows"):
        return [(explorer.rows, explorer.picture)]
    return [([explorer.z], explorer.tangents), ([explorer.layers], explorer.spreads)]


def leaves(explorer):
    """All that it may show, as HTML."""
    return [html for rows, stack in switched(explorer) for html in shown(stack, rows).values()]


def test_every_choice_shows_a_picture_of_its_own(explored):
    explorer, _, n_pictures = explored
    pages = leaves(explorer)
    assert len(pages) == len(set(map(picture, pages))) == len(set(map(alt, pages))) == n_pictures


def test_an_explorer_is_small_enough_for_a_page(explored):
    explorer, state, _ = explored
    sizes = [len(picture(html)) for html in leaves(explorer)]
    assert max(sizes) <= MAX_PICTURE
    assert sum(sizes) < state <= MAX_STATE


def test_a_plain_picture_with_words_stands_in_for_an_explorer(explored):
    explorer, *_ = explored
    alts = re.findall(r'<img [^>]*alt="([^"]+)"', explorer.plain)
    assert alts and len(explorer.plain) <= MAX_PICTURE


def test_each_button_says_what_it_chooses(explored):
    explorer, *_ = explored
    for rows, _ in switched(explorer):
        for row in rows:
            assert list(row.tooltips) == [f"{row.description}: {option}" for option in row.options]
