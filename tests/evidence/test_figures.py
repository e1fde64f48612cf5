"""Figures and tables of the evidence: what they say, and that they show every group, every verdict, every run."""

import math
import re
from dataclasses import replace
from html.parser import HTMLParser
from types import SimpleNamespace

import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.colors import to_hex
from scipy import stats

from mlplib.evidence import TUNED, Comparison, Control, Effect, Part, Verdict, tricks, width
from mlplib.evidence.effects import EQUIVALENT, FAILS, HOLDS, UNDECIDED
from mlplib.evidence.figures import (
    LOOKS,
    BesideTable,
    BothTable,
    ClaimTable,
    VerdictTable,
    control_texts,
    effect_text,
    plot_against,
    plot_fair,
    plot_groups,
    plot_layers,
    plot_through_training,
    plot_tuning,
    plot_verdicts,
    rule_text,
)
from mlplib.evidence.verdicts import OTHER_REASON, VERDICTS
from mlplib.style import COLORS

plt.switch_backend("Agg")
INF, NAN = math.inf, math.nan


@pytest.fixture(autouse=True)
def closed_figures():
    yield
    plt.close("all")


def effect(measure="accuracy", values=(0.01, 0.005, 0.015), direction="greater", margin=0.002, n=20, p_for=0.01):
    return Effect(Comparison(measure, ("a",), ("b",), direction, margin), n, *values, p_for, 0.9, 0.5, 0)


def judged(name="C1a", verdict=HOLDS, text="it is so", controls=(), replications=(), **about):
    found = effect(**about)
    part = Part(name, text, found.comparison, tuple(control for control, _, _ in controls))
    return Verdict(part, verdict, found, found.p_for, found.p_against, tuple(controls), tuple(replications))


def drawn(figure):
    """The axes of a figure that can be drawn, and says what its axes are."""
    figure.canvas.draw()
    ax, = figure.axes
    assert ax.get_xlabel()
    return ax


def lines(ax, marker=None, style=None):
    """The lines of the axes that have some data, by marker or style."""
    return [line for line in ax.lines if len(line.get_xdata())
            and (marker is None or line.get_marker() == marker) and (style is None or line.get_linestyle() == style)]


def curve(ax, label):
    """The one line of a label."""
    line, = (line for line in ax.lines if line.get_label() == label)
    return line


# ---- text


@pytest.mark.parametrize("measure, values, text", [
    ("accuracy", (0.01234, 0.00567, 0.019), "+0.0123 [+0.0057, +0.0190]"),
    ("accuracy", (-0.5, -0.6, 0.1), "−0.500 [−0.600, +0.100]"),
    ("accuracy", (0.00002, -0.00002, 0.0001), "0.0000 [0.0000, +0.0001]"),
    ("accuracy", (0.0, NAN, NAN), "0.0000 [+nan, +nan]"),
    ("overfitting", (INF, NAN, NAN), "+inf [+nan, +nan]"),
    ("training loss", (0.5, 0.251, 2.0), "×0.50 [0.25, 2.00]"),
    ("training loss", (120.4, 99.0, 1234.5), "×120 [99.00, 1234]"),
    ("steps to 0.1", (0.8, 0.0, INF), "×0.80 [0.00, ∞]"),
    ("steps to 0.1", (INF, 2.5, INF), "×∞ [2.50, ∞]"),
    ("not stopped", (0.35, 0.154, 0.592), "35% [15%, 59%]"),
    ("not stopped", (0.0, 0.0, 0.168), "0% [0%, 17%]"),
])
def test_an_effect_is_told_with_its_interval(measure, values, text):
    assert effect_text(effect(measure, values)) == text


@pytest.mark.parametrize("values, censored, text", [
    ((0.27, 0.0, 0.28), 20, "≤ ×0.27 [0.00, 0.28]"),
    ((5.49, 5.35, INF), 11, "≥ ×5.49 [5.35, ∞]"),
    ((0.27, 0.0, 0.28), 10, "×0.27 [0.00, 0.28]"),  # at most half of the pairs
    ((0.27, 0.2, 0.28), 20, "×0.27 [0.20, 0.28]"),
])
def test_a_ratio_that_is_a_bound_is_marked(values, censored, text):
    found = effect("steps to 0.1", values, "less", 0.1)
    assert effect_text(replace(found, n=20, censored=censored)) == text


def test_the_corrected_interval_is_the_one_that_is_told():
    assert effect_text(replace(effect(), corrected=(-0.001, 0.02))) == "+0.0100 [−0.0010, +0.0200]"


@pytest.mark.parametrize("values, text", [
    ((2.0, 1.9, 2.1), "1 [0.79, 1.3]"),
    ((-3.0, -3.2, INF), "1.0·10⁻⁵ [6.3·10⁻⁶, ∞]"),
    ((-1.0, NAN, 6.5), "1.0·10⁻³ [unknown, 3.2·10⁴]"),
])
def test_powers_of_ten_beside_a_number_are_told_as_what_they_are_powers_of(values, text):
    found = effect("gradient ratio at the start", values, "less", 0.0)
    assert effect_text(replace(found, comparison=replace(found.comparison, b=-2.0))) == text
    assert effect_text(found).startswith(f"{values[0]:+.3f}".replace("-", "−"))  # of two networks it is a difference


@pytest.mark.parametrize("measure, b, direction, margin, text", [
    ("accuracy", ("b",), "greater", 0.002, "+0.002 or more"),
    ("accuracy", ("b",), "less", 0.002, "−0.002 or less"),
    ("validation loss", ("b",), "same", 0.005, "within ±0.005"),
    ("accuracy", 0.9, "greater", 0.0, "above 0.9"),
    ("accuracy", ("b",), "less", 0.0, "below 0"),
    ("steps to 0.1", ("b",), "less", math.log(1.1), "×0.91 or less"),
    ("training loss", ("b",), "greater", math.log(1.25), "×1.25 or more"),
    ("training loss", ("b",), "same", math.log(1.25), "×0.80 to ×1.25"),
    ("not stopped", 0.0, "greater", 0.2, "20% or more"),
    ("gradient ratio in training", -2.0, "less", 0.0, "below 0.01"),
])
def test_a_rule_is_told_with_its_margin(measure, b, direction, margin, text):
    assert rule_text(Comparison(measure, ("a",), b, direction, margin)) == text


# ---- the table

CONTROL = Control("each at its own best learning rate", Comparison("accuracy", ("c",), ("d",), "greater", 0.002),
                  "persists")
TOLD = [
    judged("C1a", HOLDS, "accuracy above 0.9 & <quickly>"),
    judged("C1b", OTHER_REASON, controls=[(CONTROL, effect(values=(0.001, -0.002, 0.004)), "refuted")]),
    judged("C2", EQUIVALENT, direction="same", replications=[effect(values=(0.001, -0.1, 0.1), n=5), effect(n=5)]),
    judged("C3", FAILS, measure="steps to 0.1", values=(1.5, 1.2, INF), direction="less", margin=math.log(1.1)),
    judged("C12f", UNDECIDED, n=17, controls=[(CONTROL, effect(), "open")],
           replications=[effect(values=(0.3, 0.1, 0.5))]),
]


class Cells(HTMLParser):
    """The cells of a table: (tag, attributes, text), row by row; and the links."""

    def __init__(self, html):
        super().__init__()
        self.rows, self.links, self.open = [], [], []
        self.feed(html)
        self.close()
        assert not self.open

    def handle_starttag(self, tag, attributes):
        self.open.append(tag)
        if tag == "tr":
            self.rows.append([])
        elif tag in ("td", "th"):
            self.rows[-1].append([tag, dict(attributes), ""])
        elif tag == "a":
            self.links.append((dict(attributes)["href"], self.rows[-1][0]))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open and {"td", "th"} & set(self.open):
            self.rows[-1][-1][2] += data


def test_the_table_has_a_row_for_each_part_with_its_effect_and_its_seeds():
    table = VerdictTable(TOLD)
    head, *rows = Cells(table._repr_html_()).rows
    assert [text for *_, text in head] == ["part", "claim", "verdict", "effect, corrected interval", "controls"]
    assert len(rows) == len(table.rows) == len(TOLD)
    for shown, (part, claim, verdict, measure, effect, rule, seeds, controls) in zip(rows, table.rows):
        assert [text for *_, text in shown] == [
            part, claim, f"■ {verdict}", f"{effect}{measure}; what matters: {rule}; {seeds} seeds",
            controls.replace("; ", "")]
    assert [row[:2] for row in table.rows] == [[one.part.name, one.part.text] for one in TOLD]
    assert [row[2] for row in table.rows] == [HOLDS, OTHER_REASON, EQUIVALENT, FAILS, UNDECIDED]
    assert table.rows[3][3:6] == [
        "steps to 0.1", "×1.50 [1.20, ∞]", "×0.91 or less"] and table.rows[4][6] == "17"


def test_controls_and_repetitions_are_told_beside_each_other():
    told = [row[-1] for row in VerdictTable(TOLD).rows]
    assert told == [
        "",
        "each at its own best learning rate: +0.0010 [−0.0020, +0.0040], refuted",
        "other thirds: +0.0010, +0.0100",
        "",
        "each at its own best learning rate: +0.0100 [+0.0050, +0.0150], open; other thirds: +0.300",
    ]


def test_a_control_that_measures_something_else_says_so():
    control = effect(measure="accuracy, best weights")
    shown = VerdictTable([judged("C3a", HOLDS, controls=[(CONTROL, control, "confirmed")])]).rows[0][-1]
    assert shown.startswith("each at its own best learning rate (accuracy, best weights): +0.0100")


def test_a_control_says_nothing_of_a_cause_where_there_is_no_effect():
    nothing = judged("C13c", FAILS, p_for=0.9, controls=[(CONTROL, effect(), "confirmed")])
    assert VerdictTable([nothing]).rows[0][-1].endswith("[+0.0050, +0.0150], no effect to explain")


def test_a_table_without_controls_has_no_column_for_them():
    head, row = Cells(VerdictTable(TOLD[:1])._repr_html_()).rows
    assert len(head) == len(row) == 4


def test_the_tables_header_cells_say_of_what_they_are_headers():
    head, *rows = Cells(VerdictTable(TOLD)._repr_html_()).rows
    assert all((tag, about.get("scope")) == ("th", "col") for tag, about, _ in head)
    for first, *others in rows:
        assert (first[0], first[1].get("scope")) == ("th", "row")
        assert {tag for tag, *_ in others} == {"td"}


def test_the_tables_text_is_escaped():
    html = VerdictTable(TOLD)._repr_html_()
    assert "accuracy above 0.9 &amp; &lt;quickly&gt;" in html and "<quickly>" not in html


def test_parts_link_to_the_section_of_their_claim_if_it_has_one():
    assert Cells(VerdictTable(TOLD)._repr_html_()).links == []
    links = Cells(VerdictTable(TOLD, {"C1": "plain-network", "C12": "worth-having"})._repr_html_()).links
    assert [(target, cell[2]) for target, cell in links] == [
        ("#plain-network", "C1a"), ("#plain-network", "C1b"), ("#worth-having", "C12f")]


def test_each_verdict_has_a_colour_and_a_marker_of_its_own_and_the_table_shows_the_colour():
    assert set(LOOKS) == set(VERDICTS)
    assert len({color for color, _ in LOOKS.values()}) == len({marker for _, marker in LOOKS.values()}) == len(VERDICTS)
    colors = re.findall(r'color: (#\w+)" aria-hidden="true">■', VerdictTable(TOLD)._repr_html_())
    assert colors == [LOOKS[one.verdict][0] for one in TOLD]


def test_the_table_is_one_that_a_terminal_can_show_too():
    said = repr(VerdictTable(TOLD)).splitlines()
    assert len(said) == 1 + len(TOLD) and said[4].startswith("C3")


# ---- claims

SAID = {"C1": ("it works <well>", [("h", "it does"), ("r", "for another reason")]), "C12": ("all", [("u", "open")])}


def test_a_claim_has_a_row_with_a_verdict_before_each_sentence():
    table = ClaimTable(TOLD, SAID)
    assert table.rows == [["it works <well>", "C1", HOLDS, "it does"], ["", "C1", OTHER_REASON, "for another reason"],
                          ["all", "C12", UNDECIDED, "open"]]
    _, first, second = Cells(table._repr_html_()).rows
    assert [text for *_, text in first] == [
        "it works <well> (C1)", f"■ {HOLDS}: it does■ {OTHER_REASON}: for another reason"]
    assert [text for *_, text in second] == ["all (C12)", f"■ {UNDECIDED}: open"]


@pytest.mark.parametrize("sentences", [
    [("h", "both")], [("hh", "both")], [("hr", "both")], [("r", "one"), ("h", "the other")],
    [("h", "one"), ("r", "two"), ("h", "three")],
])
def test_sentences_that_tell_of_other_verdicts_are_refused(sentences):
    with pytest.raises(ValueError, match=r"told\['C1'\]: the sentences tell of"):
        ClaimTable(TOLD, {"C1": ("it works", sentences)})


def test_a_claim_stands_beside_what_it_is_on_other_data():
    others = [replace(one, verdict=FAILS if one.part.name == "C1b" else one.verdict) for one in TOLD]
    told = {"C1": ("it works <well>", "hf", "half of it"), "C12": ("all", "u", "open")}
    table = BesideTable(TOLD, others, ("here", "there"), told)
    assert table.rows == [
        ["it works <well>", "C1", f"{HOLDS}: a; {OTHER_REASON}: b*", f"{HOLDS}: a; {FAILS}: b*", "half of it"],
        ["all", "C12", UNDECIDED, UNDECIDED, "open"]]
    head, first, second = ([text for *_, text in row] for row in Cells(table._repr_html_()).rows)
    assert head == ["claim", "here", "there", "what is seen there"]
    assert first == ["it works <well> (C1)", f"■ {HOLDS}: a■ {OTHER_REASON}: b*", f"■ {HOLDS}: a■ {FAILS}: b*",
                     "half of it"]
    assert second == ["all (C12)", f"■ {UNDECIDED}", f"■ {UNDECIDED}", "open"]


def test_a_claim_of_one_part_needs_no_letter_for_it():
    others = [replace(one, verdict=FAILS) for one in TOLD]
    table = BesideTable(TOLD, others, ("here", "there"), {"C12": ("all", "f", "not")})
    assert table.rows == [["all", "C12", UNDECIDED, FAILS, "not"]]


def test_each_part_has_its_numbers_on_both_side_by_side():
    others = [replace(one, verdict=FAILS, effect=effect(values=(-0.01, -0.02, -0.004))) for one in TOLD]
    table = BothTable(TOLD, others, ("here", "there"))
    head, *rows = ([text for *_, text in row] for row in Cells(table._repr_html_()).rows)
    assert head == ["part", "claim", "here", "there"] and [row[0] for row in rows] == [one.part.name for one in TOLD]
    for one, other, row in zip(TOLD, others, rows):
        assert row[1] == f"{one.part.text}what matters: {rule_text(one.effect.comparison)}"
        for verdict, cell in ((one, row[2]), (other, row[3])):
            shown = f"{effect_text(verdict.effect)} ({verdict.effect.comparison.measure})"
            assert cell.startswith(f"■ {verdict.verdict}{shown}")
            assert all(said in cell for said in control_texts(verdict))


def test_an_effect_without_finite_numbers_is_unknown():
    assert effect_text(replace(effect(), estimate=NAN, low=0.0, high=INF, censored=20)) == "unknown"


@pytest.mark.parametrize("letters", ["h", "hh", "rh", "hrh", ""])
def test_a_sentence_that_tells_of_other_verdicts_on_other_data_is_refused(letters):
    with pytest.raises(ValueError, match=r"told\['C1'\]: the sentence tells of '\w*', the runs say 'hr'"):
        BesideTable(TOLD, TOLD, ("here", "there"), {"C1": ("it works", letters, "so")})


def test_two_effects_side_by_side_have_the_names_that_they_are_given():
    figure = plot_fair({"one": (effect(), effect())}, names=("here", "there"))
    assert [text.get_text() for text in figure.findobj(plt.Text) if text.get_text() in ("here", "there")] == [
        "here", "there"]


def test_what_is_left_in_a_fair_comparison_stands_beside_what_was_seen_in_margins():
    seen, left = effect(values=(0.01, 0.004, 0.02)), replace(effect(), corrected=(-0.002, 0.03))
    ax = drawn(plot_fair({"one": (seen, left), "other": (left, seen)}))
    assert [label.get_text() for label in ax.get_yticklabels()] == ["other", "one"]
    dots = {marker: {round(line.get_ydata()[0]): line.get_xdata()[0] for line in lines(ax, marker)} for marker in "oD"}
    assert dots == {"o": pytest.approx({1: 5, 0: 5}), "D": pytest.approx({1: 5, 0: 5})}
    bars = sorted(tuple(line.get_xdata().round(6)) for line in lines(ax, style="-") if np.ptp(line.get_ydata()) == 0
                  and len(line.get_xdata()) == 2)
    assert bars == [(-1, 15), (-1, 15), (2, 10), (2, 10)]


# ---- verdicts


def test_every_part_with_a_margin_has_a_row_from_top_to_bottom_with_its_verdicts_look():
    without = judged("C9", margin=0.0)
    ax = drawn(plot_verdicts([*TOLD, without]))
    names = [label.get_text().split()[0] for label in ax.get_yticklabels()]
    assert names == [one.part.name for one in reversed(TOLD)]
    for y, one in enumerate(reversed(TOLD)):
        color, marker = LOOKS[one.verdict]
        dot, = (line for line in lines(ax, marker) if np.atleast_1d(line.get_ydata()).tolist() == [y])
        assert to_hex(dot.get_color()) == color.lower()
    labels = {text.get_text() for legend in ax.figure.legends for text in legend.get_texts()}
    assert labels == set(VERDICTS)


@pytest.mark.parametrize("about, shown", [
    ({"values": (0.01, -0.004, 0.02)}, (-2, 5, 10)),
    ({"values": (0.01, -0.004, 0.02), "direction": "less"}, (-10, -5, 2)),
    ({"values": (0.01, -0.004, 0.02), "direction": "same"}, (-2, 5, 10)),
    ({"measure": "training loss", "values": (4.0, 2.0, 8.0), "margin": math.log(2)}, (1, 2, 3)),
    ({"measure": "training loss", "values": (4.0, 2.0, 8.0), "margin": math.log(2), "direction": "less"}, (-3, -2, -1)),
    ({"measure": "steps to 0.1", "values": (0.5, 0.0, INF), "margin": math.log(2), "direction": "less"},
     (-1000, 1, 1000)),
], ids=("greater", "less", "same", "ratio", "ratio, less", "without an end"))
def test_effects_are_in_margins_positive_in_the_direction_claimed(about, shown):
    ax = drawn(plot_verdicts([judged(**about)]))
    bar, = (line for line in lines(ax, style="-") if list(line.get_ydata()) == [0, 0] and len(line.get_xdata()) == 2)
    dot, = lines(ax, "o")
    low, high = bar.get_xdata()
    assert (low, dot.get_xdata()[0], high) == pytest.approx(shown)


# ---- groups


def test_each_group_has_a_row_of_dots_and_the_mean_with_its_interval():
    values = {"first": [1.0, 2.0, 4.0], "second": [3.0, 5.0], "alone": [2.0]}
    ax = drawn(plot_groups(values, "updates"))
    assert [label.get_text() for label in ax.get_yticklabels()] == ["alone", "second", "first"]
    assert ax.get_xlabel() == "updates" and ax.get_xscale() == "linear"
    dots = {round(line.get_ydata().mean()): list(line.get_xdata()) for line in lines(ax, "o")}
    assert dots == {2: values["first"], 1: values["second"], 0: values["alone"]}
    means = {line.get_ydata()[0]: line.get_xdata()[0] for line in lines(ax, "D")}
    assert means == pytest.approx({2: 7 / 3, 1: 4})  # of one run there is no spread
    bar, = (line for line in lines(ax, style="-") if list(line.get_ydata()) == [2, 2])
    assert bar.get_xdata() == pytest.approx(list(stats.ttest_1samp(values["first"], 0).confidence_interval(0.95)))


def test_on_a_logarithmic_axis_the_mean_is_the_geometric_one():
    values = {"it": [1.0, 10.0, 100.0]}
    ax = drawn(plot_groups(values, "loss", log=True, guide=7.0))
    assert ax.get_xscale() == "log"
    mean, = lines(ax, "D")
    assert mean.get_xdata()[0] == pytest.approx(10)
    bar, = (line for line in lines(ax, style="-") if list(line.get_ydata()) == [0, 0])
    interval = stats.ttest_1samp(np.log(values["it"]), 0).confidence_interval(0.95)
    assert np.log(bar.get_xdata()) == pytest.approx(list(interval))
    assert any(list(line.get_xdata()) == [7, 7] for line in ax.lines)


@pytest.mark.parametrize("log", [False, True])
def test_runs_that_never_came_so_far_are_triangles_beyond_all_others_and_their_group_has_no_mean(log):
    groups = {"all there": [100.0, 200.0, 300.0], "not all": [150.0, INF, INF], "none": [INF, INF]}
    ax = drawn(plot_groups(groups, "updates", log))
    triangles = {round(line.get_ydata().mean()): list(line.get_xdata()) for line in lines(ax, ">")}
    assert {y: len(xs) for y, xs in triangles.items()} == {1: 2, 0: 2}
    assert min(x for xs in triangles.values() for x in xs) > 300
    assert [line.get_ydata()[0] for line in lines(ax, "D")] == [2]
    assert {round(line.get_ydata().mean()): len(line.get_xdata()) for line in lines(ax, "o")} == {2: 3, 1: 1}


def test_groups_of_which_no_run_came_so_far_are_shown_too():
    ax = drawn(plot_groups({"first": [INF, INF], "second": [INF, INF, INF]}, "updates"))
    assert sorted(len(line.get_xdata()) for line in lines(ax, ">")) == [2, 3]


# ---- curves


def test_each_tuning_curve_is_the_mean_over_seeds_with_a_ring_at_its_lowest():
    curves = {"plain": {1.0: [0.5, 0.7], 0.1: [0.2, 0.4], 10.0: [INF, 0.3]}, "tricks": {0.1: [0.9], 1.0: [0.1]}}
    ax = drawn(plot_tuning(curves, {"plain": 0.1}))
    assert ax.get_ylabel() and (ax.get_xscale(), ax.get_yscale()) == ("log", "log")
    plain = curve(ax, "plain")
    assert list(plain.get_xdata()) == [0.1, 1, 10]
    assert plain.get_ydata() == pytest.approx([0.3, 0.6, NAN], nan_ok=True)  # where a run diverged there is no mean
    rings = [(line.get_xdata()[0], line.get_ydata()[0]) for line in lines(ax, "o") if line.get_fillstyle() == "none"]
    assert rings == [pytest.approx((0.1, 0.3)), pytest.approx((1.0, 0.1))]
    cross, = lines(ax, "x")
    assert (cross.get_xdata()[0], cross.get_ydata()[0]) == pytest.approx((0.1, 0.3))
    assert [text.get_text() for legend in ax.figure.legends for text in legend.get_texts()] == ["plain", "tricks"]


def test_more_curves_than_colours_differ_in_their_style():
    ax = drawn(plot_tuning({f"width {width}": {0.1: [width], 1.0: [2 * width]} for width in range(1, 13)}))
    looks = {(line.get_color(), line.get_linestyle()) for line in ax.lines if line.get_label()[0] != "_"}
    assert len(looks) == 12


def test_a_diagnostic_is_the_median_of_a_group_with_a_band_from_the_lowest_to_the_highest():
    steps = np.array([0, 9, 99])
    groups = {"deep": [(steps, np.array([1.0, 2, 3])), (steps, np.array([2.0, 4, 9])), (steps[:2], np.array([5.0, 3]))],
              "flat": [(steps, np.array([1.0, 1, 1]))]}
    ax = drawn(plot_through_training(groups, "gradient", guide=0.5))
    assert ax.get_ylabel() == "gradient" and (ax.get_xscale(), ax.get_yscale()) == ("log", "log")
    deep, flat = ax.lines[:2]
    assert (list(deep.get_xdata()), list(deep.get_ydata())) == ([1, 10], [2, 3])  # as far as all runs went
    assert (list(flat.get_xdata()), list(flat.get_ydata())) == ([1, 10, 100], [1, 1, 1])
    band = ax.collections[0].get_datalim(ax.transData)
    assert (band.y0, band.y1) == (1, 5)
    assert any(list(line.get_ydata()) == [0.5, 0.5] for line in ax.lines)
    assert [text.get_text() for text in ax.figure.legends[0].get_texts()] == ["deep", "flat"]
    assert drawn(plot_through_training(groups, "gradient", log=False)).get_yscale() == "linear"


@pytest.mark.parametrize("log", [False, True])
def test_numbers_against_a_number_are_means_with_their_intervals(log):
    groups = {"with": {1: [1.0, 2.0, 4.0], 20: [3.0, 5.0, 4.0]}, "without": {1: [2.0, 2.5, 3.0]}}
    ax = drawn(plot_against(groups, "layers", "accuracy", logy=log, guide=1.5))
    assert (ax.get_xscale(), ax.get_yscale()) == ("log", "log" if log else "linear")
    assert [label.get_text() for label in ax.get_xticklabels()] == ["1", "20"]
    assert [text.get_text() for text in ax.figure.legends[0].get_texts()] == ["with", "without"]
    line, _, (bars,) = ax.containers[0]
    values = np.log(groups["with"][1]) if log else groups["with"][1]
    interval = np.array(stats.ttest_1samp(values, 0).confidence_interval(0.95))
    assert line.get_ydata()[0] == pytest.approx(np.exp(np.mean(values)) if log else np.mean(values))
    assert bars.get_segments()[0][:, 1] == pytest.approx(np.exp(interval) if log else interval)
    assert any(list(line.get_ydata()) == [1.5, 1.5] for line in ax.lines)


def test_one_group_against_a_number_needs_no_legend():
    assert not drawn(plot_against({"": {8: [1.0, 2.0]}}, "units", "accuracy")).figure.legends


def test_layers_are_shown_from_the_first_to_the_last_as_the_median_of_the_runs():
    def run(factor):
        sizes = {"gradient_rms": 3, "update_ratio": 3, "spread": 2, "saturated": 2}
        return SimpleNamespace(diagnostics={name: factor * np.arange(1, 2 * n + 1).reshape(2, n) / 10
                                            for name, n in sizes.items()})

    figure = plot_layers({"deep": [run(1), run(2), run(9)], "other": [run(1)]}, record=-1)
    figure.canvas.draw()
    matrices, updates, spread, saturated = figure.axes
    assert [ax.get_yscale() for ax in figure.axes] == ["log", "log", "linear", "linear"]
    for ax, values in ((matrices, [0.8, 1.0, 1.2]), (updates, [0.8, 1.0, 1.2]), (spread, [0.6, 0.8]),
                       (saturated, [0.6, 0.8])):
        assert ax.get_ylabel()
        deep, other = ax.lines
        assert list(deep.get_xdata()) == list(range(1, len(values) + 1))
        assert deep.get_ydata() == pytest.approx(values) and other.get_ydata() == pytest.approx(np.array(values) / 2)
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["deep", "other"]


def test_several_verdict_tables_on_a_page_have_names_of_their_own():
    assert 'aria-label="Verdicts"' in VerdictTable([judged()])._repr_html_()
    assert 'aria-label="Depth &amp; width"' in VerdictTable([judged()], name="Depth & width")._repr_html_()


# ---- networks


def test_a_network_has_its_colour_wherever_its_group_stands():
    networks = {"32 units": width(32), "64 units, tuned": width(64).under(TUNED), "plain": tricks("000").under()}
    expected = {"32 units": COLORS["4a"], "64 units, tuned": COLORS["3c"], "plain": COLORS["2c"]}
    for order in (list(networks), list(reversed(networks))):
        numbers = {label: [1.0, 2.0, 4.0] for label in order}
        ax = drawn(plot_groups(numbers, "updates", networks=networks))
        dots = {round(line.get_ydata().mean()): to_hex(line.get_color()).upper() for line in lines(ax, "o")}
        assert dots == {len(order) - 1 - i: expected[label] for i, label in enumerate(order)}
        places = {label: {1: [1.0, 2.0], 2: [2.0, 4.0]} for label in order}
        pairs = {label: [(np.arange(3), np.ones(3))] for label in order}
        for figure in (plot_tuning(places, networks=networks), plot_through_training(pairs, "y", networks=networks)):
            ax = drawn(figure)
            assert {label: curve(ax, label).get_color() for label in order} == expected
        errors = drawn(plot_against(places, "layers", "accuracy", networks=networks)).containers
        assert {bars.get_label(): bars[0].get_color() for bars in errors} == expected
