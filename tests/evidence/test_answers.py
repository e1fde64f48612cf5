"""Figures and tables of why: what they say of made-up looks, and that every network and every question is there."""

import math

import matplotlib.pyplot as plt
import numpy as np
import pytest
from made_up import made_up_looks

from mlplib.evidence.answers import (
    SETS,
    AnswerTable,
    PredictedTable,
    answer_text,
    in_words,
    plot_predicted,
    steps_and_limits,
)
from mlplib.evidence.looks import DEEP, LOOKED_AT, TEN, WIDE_AND_NARROW
from mlplib.evidence.why import ASKED, RuleVerdict, judge_looks

plt.switch_backend("Agg")
LOOKS = {seed: made_up_looks(seed) for seed in (1, 2, 3)}


@pytest.fixture(autouse=True)
def closed_figures():
    yield
    plt.close("all")


def test_every_network_that_is_looked_at_is_in_one_set_and_has_a_name_of_its_own():
    assert [network for _, networks in SETS.values() for network in networks] == list(LOOKED_AT)
    assert len(set(map(in_words, LOOKED_AT))) == len(LOOKED_AT)
    assert [in_words(LOOKED_AT[number]) for number in (0, 2, 7)] == ["plain", "sigmoid", "all three"]
    assert in_words(WIDE_AND_NARROW[-1]) == "1,024 units" and in_words(TEN) == "10 layers"
    assert in_words(DEEP[2]) == "20 layers, no momentum"


def test_steps_and_limits_are_those_of_the_looks_seed_by_seed():
    fastest, limits = steps_and_limits(LOOKS, TEN, "early")
    assert limits.tolist() == [LOOKS[seed][TEN.name]["limit"]["early"] for seed in (1, 2, 3)]
    assert fastest / limits == pytest.approx(0.8, rel=0.4)


def test_the_figure_has_each_network_where_its_means_lie():
    ax, = plot_predicted(LOOKS, named=(TEN,)).axes
    markers = np.array([line.get_xydata()[0] for line in ax.lines if len(line.get_xdata()) == 1])
    before, late = markers[::2], markers[1::2]
    expected = [[np.exp(np.mean(np.log(each))) for each in steps_and_limits(LOOKS, network)[::-1]]
                for network in LOOKED_AT]
    assert late == pytest.approx(np.array(expected))
    assert before[:, 1] == pytest.approx(late[:, 1]) and np.all(before[:, 0] != late[:, 0])
    assert [text.get_text() for text in ax.texts] == ["10 layers"]
    assert [text.get_text() for text in ax.figure.legends[0].get_texts()] == list(SETS)
    low, high = ax.get_xlim()
    assert low == ax.get_ylim()[0] and np.all((markers > low) & (markers < high))


def test_the_table_has_means_of_logarithms_and_their_ratio():
    table = PredictedTable(LOOKS, (TEN,))
    name, start, gentle, fastest, ratio = table.rows[0]
    middles = [math.exp(np.mean(np.log(each))) for each in steps_and_limits(LOOKS, TEN)]
    assert name == "10 layers" and float(fastest) == pytest.approx(middles[0], rel=0.06)
    assert float(gentle) == pytest.approx(middles[1], rel=0.06) and start != gentle
    assert float(ratio) == pytest.approx(middles[0] / middles[1], abs=0.006)


def test_each_answer_says_its_verdict_what_was_predicted_and_what_matters():
    verdicts = judge_looks(LOOKS)
    table, html = AnswerTable(verdicts, name="All & sundry"), AnswerTable(verdicts, name="All & sundry")._repr_html_()
    assert len(table.rows) == len(ASKED) == html.count("<tr><td>")
    assert 'aria-label="All &amp; sundry"' in html
    for verdict, row in zip(verdicts, table.rows, strict=True):
        assert row[:4] == [verdict.question.text, verdict.verdict, verdict.question.predicted, answer_text(verdict)]
    rules = {verdict.question.name: row[4] for verdict, row in zip(verdicts, table.rows)}
    assert rules["Y1c"] == "above 0.75" and rules["Y1d"] == "above 0.05" and rules["Y2"] == "below 2"
    assert rules["Y4"] == "from 0.667 to 1.5" and rules["Y8"] == "above 1.25" and rules["Y7"] == "below 0.5"


def test_a_number_below_zero_has_a_minus_sign():
    assert answer_text(RuleVerdict(ASKED[0], (), -0.25, -0.5, 0.1, "undecided")) == "−0.25 [−0.50, 0.10]"
