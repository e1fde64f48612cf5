"""How figures look: one colour for one network, told apart without colours too, legible in the dark and on a phone."""

import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import jupytext
import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.colors import to_rgb

import mlplib
from mlplib import plotting, style
from mlplib.catalogue import topology_experiment, trick_experiment
from mlplib.evidence import CODES, TEN_LAYERS, depth, factors, tricks, tunable_depth, width

plt.switch_backend("Agg")
ROOT = Path(__file__).parents[1]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
each_notebook = pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)


@pytest.fixture(autouse=True)
def closed_figures():
    yield
    plt.close("all")


# ---- colours


@pytest.mark.parametrize("task, others", [
    ("2c", [tricks("000").experiment]),
    ("3a", [tricks("100").experiment, factors("000").experiment]),
    ("3b", [tricks("110").experiment, factors("111").experiment, depth(1, momentum=False).experiment]),
    ("3c", [tricks("111").experiment, width(64).experiment, depth(1).experiment, tunable_depth(1).experiment,
            topology_experiment(64, 1)]),
    ("4a", [width(32).experiment]), ("4b", [width(128).experiment]), ("4d", [depth(2).experiment]),
    ("4e", [depth(10).experiment, TEN_LAYERS.experiment]),
])
def test_a_network_has_one_colour_by_whatever_name_and_protocol_it_comes(task, others):
    own = mlplib.REPORT[task].experiment
    for experiment in (own, replace(own, seed=7, learning_rate=0.5, third=2, epochs=3), *others):
        assert style.network_color(experiment) == style.COLORS[task]


def test_networks_that_are_drawn_together_have_different_colours():
    together = [
        [tricks(code).experiment for code in CODES],
        [depth(layers).experiment for layers in (1, 2, 3, 5, 10, 20)],
        [replace(topology_experiment(64, 10), activation=activation, init=init)
         for activation in ("sigmoid", "improved_sigmoid") for init in ("uniform", "fan_in")],
        [row.experiment for row in mlplib.REPORT.values()],
    ]
    for experiments in together:
        colors = list(map(style.network_color, experiments))
        assert len(set(colors)) == len(experiments)
        assert not set(colors) & set(style.PALETTE[:1])
    assert style.network_color(trick_experiment((True, True, True), seed=3)) == style.COLORS["3c"]
    assert style.network_color(topology_experiment(16, 2)) == style.OTHER


COLOR = re.compile(r"#[0-9A-Fa-f]{6}\b")


@pytest.mark.parametrize("path", [*sorted((ROOT / "mlplib").rglob("*.py")), *sorted((ROOT / "notebooks").glob("*.md"))],
                         ids=lambda path: path.stem)
def test_colours_are_written_in_one_place(path):
    assert path.stem == "style" or COLOR.findall(path.read_text("utf-8")) == []


def test_every_colour_has_a_marker_that_no_other_has():
    colors = {value for name, value in vars(style).items() if isinstance(value, str) and COLOR.fullmatch(value)}
    assert set(style.MARKERS) == colors - {style.PALE} and set(style.COLORS.values()) <= colors
    assert len(set(style.MARKERS.values())) == len(style.MARKERS)


def test_lines_of_curves_bear_their_colours_markers(made_up_history):
    histories = dict.fromkeys(mlplib.REPORT, made_up_history)
    for ax in (*plotting.plot_comparison(histories).axes, *plotting.plot_train_loss(histories).axes,
               *plotting.plot_quantity(histories, "validation_loss", style.COLORS).axes):
        assert {line.get_color(): line.get_marker() for line in ax.lines} == {
            color: style.MARKERS[color] for color in style.COLORS.values()}
        assert len({str(line.get_markevery()) for line in ax.lines}) > 1


@pytest.fixture
def made_up_history():
    n = 100
    loss = np.geomspace(2, 0.01, n)
    steps = 125 * np.arange(n)
    return mlplib.History(np.arange(125 * n), np.repeat(loss, 125), steps, loss, 1 - loss / 3, loss, 1 - loss / 3)


# ---- contrast

GROUNDS = {"light": (1.0, 1.0, 1.0), "dark": to_rgb("#14181e")}  # of the pages, or a little lighter


def through_the_filter(rgb, strength):
    """A colour as CSS's invert(strength) hue-rotate(180deg) show it, by the matrix of Filter Effects."""
    inverted = strength + (1 - 2 * strength) * np.array(rgb)
    turned = np.array([[-0.574, 1.43, 0.144], [0.426, 0.43, 0.144], [0.426, 1.43, -0.856]]) @ inverted
    return tuple(turned.clip(0, 1))


def contrast(one, other):
    lighter, darker = sorted(map(style.luminance, (one, other)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def seen_contrasts(color):
    css = (ROOT / "book" / "_static" / "custom.css").read_text("utf-8")
    strength, = {float(found) for found in re.findall(r"filter: invert\(([\d.]+)\) hue-rotate\(180deg\)", css)}
    return contrast(color, GROUNDS["light"]), contrast(through_the_filter(to_rgb(color), strength), GROUNDS["dark"])


@pytest.mark.parametrize("color", sorted({*style.MARKERS, style.PALE}))
def test_ink_of_any_colour_can_be_read_in_both_schemes(color):
    assert min(seen_contrasts(style.ink(color))) >= 4.5


def test_what_matplotlib_writes_by_itself_can_be_read_in_both_schemes():
    written = ("text.color", "axes.labelcolor", "axes.titlecolor", "xtick.labelcolor", "ytick.labelcolor")
    colors = {plt.rcParams[name] for name in written} | {plt.rcParams["xtick.color"]}
    assert all(min(seen_contrasts(color)) >= 4.5 for color in colors - {"auto", "inherit"})


# ---- pictures, as the notebooks store them


def pictures(path):
    """The SVG of each figure of a notebook."""
    outputs = [output.data for cell in jupytext.read(path).cells for output in cell.get("outputs", [])
               if "data" in output]
    assert all("image/svg+xml" in data for data in outputs if "image/png" in data)
    return [data["image/svg+xml"] for data in outputs if "image/svg+xml" in data]


TEXT = re.compile(r'<!-- (?P<text>.*?) --> <g(?: style="fill: (?P<color>#\w+)[^"]*")? transform="(?P<transform>[^"]*)"')


@each_notebook
def test_all_text_of_a_figure_can_be_read_in_both_schemes(path):
    found = [text for svg in pictures(path) for text in TEXT.finditer(svg)]
    assert len(found) > 10
    assert {(text["text"], text["color"]) for text in found if min(seen_contrasts(text["color"] or "black")) < 4.5
            } == set()


@each_notebook
def test_all_text_of_a_figure_can_be_read_on_a_phone(path):
    """Of a window of 390 px a figure has 346 at least."""
    small = set()
    for svg in pictures(path):
        shown = 346 / float(re.search(r'viewBox="0 0 ([\d.]+)', svg)[1])
        for text in TEXT.finditer(svg):
            points = 100 * float(re.search(r"scale\(([\d.]+)", text["transform"])[1])
            if points * shown < 9:
                small.add((text["text"], round(points * shown, 1)))
    assert small == set()


@each_notebook
def test_a_figure_has_the_ground_of_its_page(path):
    for svg in pictures(path):
        assert re.search(r'<g id="patch_1">.*?style="fill: none"', svg)


@each_notebook
def test_a_figure_is_small_and_no_different_tomorrow(path):
    """Thousands of points belong in a bitmap inside it: `rasterized=True`."""
    for svg in pictures(path):
        assert len(svg) < 150_000
        assert "<dc:date>" not in svg and "\n" not in svg


DRAWN = """
from IPython.core.interactiveshell import InteractiveShell
shell = InteractiveShell.instance()
import mlplib.plotting
import matplotlib.pyplot as plt
from matplotlib_inline.backend_inline import configure_inline_support
configure_inline_support(shell, "module://matplotlib_inline.backend_inline")
figure, ax = plt.subplots()
ax.plot([1, 2], [1, 3], "o-", label="a")
ax.fill_between([1, 2], [0, 1], [1, 2])
ax.legend()
data, _ = shell.display_formatter.format(figure)
print(sorted(data), data["image/svg+xml"])
"""


def test_a_notebook_keeps_vectors_and_a_bitmap_the_same_bytes_each_time():
    first, second = (subprocess.run([sys.executable, "-c", DRAWN], capture_output=True, text=True, check=True).stdout
                     for _ in range(2))
    assert first == second
    assert first.startswith("['image/png', 'image/svg+xml', 'text/plain'] <?xml")
    assert 'width="374.4pt"' in first and "<text" not in first and "2026" not in first
