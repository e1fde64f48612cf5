"""Figures and tables of why: what the looks at networks say, beside what one number, 2/λ, predicts."""

from html import escape

import numpy as np

from mlplib._checks import extra
from mlplib.evidence.arms import CODES, trick_names
from mlplib.evidence.figures import scrollable, verdict_mark
from mlplib.evidence.looks import COMBINATIONS, DEEP, LOUD, QUIET, TEN, WIDE_AND_NARROW, fastest_step
from mlplib.evidence.questions import OTHER_INPUTS
from mlplib.evidence.statistics import geometric_mean

with extra("notebooks", "mlplib.evidence.answers"):
    import matplotlib.pyplot as plt
    from matplotlib.ticker import LogLocator, NullLocator

    from mlplib.plotting import Table
    from mlplib.style import BLACK, BLUE, GREEN, MARKERS, ORANGE, PALE, PURPLE, VERMILLION, WIDTH, legend_above

#: The networks that are looked at, by what differs between them; each set with its colour.
SETS = {
    "tricks": (BLUE, COMBINATIONS), "inputs": (GREEN, tuple(OTHER_INPUTS.values())),
    "widths": (ORANGE, WIDE_AND_NARROW), "depths": (VERMILLION, (*DEEP, TEN)),
    "output gains": (PURPLE, (QUIET, LOUD)),
}
_CODES = dict(zip(COMBINATIONS, CODES))


def in_words(network):
    """What a network that is looked at is called on a page.

    Parameters
    ----------
    network : Network

    Returns
    -------
    str
        "fan-in, momentum", "1,024 units", "10 layers, no momentum", for instance.
    """
    if network in _CODES:
        return trick_names(_CODES[network])
    if network in WIDE_AND_NARROW:
        return f"{network.experiment.hidden[0]:,} units"
    if network in (*DEEP, TEN):
        return f"{len(network.experiment.hidden)} layers{'' if network == TEN else ', no momentum'}"
    return network.name.removeprefix("tricks 110, ")


def steps_and_limits(looks, network, when="gentle"):
    """The fastest step of a network and what λ predicts for it, at each seed.

    Parameters
    ----------
    looks : dict from int to dict
        As from `read_looks`.
    network : Network
    when : {"start", "early", "gentle", "fastest"}
        Where λ is looked at.

    Returns
    -------
    fastest, limits : float64 array of shape (n_seeds,)
        Effective steps, and 2/λ.
    """
    found = [looks[seed][network.name] for seed in sorted(looks)]
    return (np.array([fastest_step(look["loss"]) for look in found]), np.array([look["limit"][when] for look in found]))


def plot_predicted(looks, named=()):
    """The measured best step of all networks against the predicted one, 2/λ; geometric means over the seeds.

    From a dot, the prediction before training, a line leads to the marker, that after two gentle epochs.

    Parameters
    ----------
    looks : dict from int to dict
        As from `read_looks`.
    named : sequence of Network
        Those whose names stand beside their markers.

    Returns
    -------
    matplotlib.figure.Figure
    """
    figure, ax = plt.subplots(figsize=(WIDTH, 4.8))
    ends = np.array([0.01, 3.0])
    ax.fill_between(ends, ends / 2, 2 * ends, color=PALE, alpha=0.25, linewidth=0)
    ax.plot(ends, ends, color=BLACK, linewidth=1)
    for label, (color, networks) in SETS.items():
        for network in networks:
            fastest, early = steps_and_limits(looks, network, "start")
            late = geometric_mean(steps_and_limits(looks, network)[1])
            measured, before = geometric_mean(fastest), geometric_mean(early)
            ax.plot([before, late], [measured] * 2, color=color, linewidth=0.8, alpha=0.5)
            ax.plot(before, measured, ".", color=color)
            ax.plot(late, measured, MARKERS[color], color=color, markersize=7,
                    label=label if network is networks[0] else None)
            if network in named:
                ax.annotate(in_words(network), (late, measured), xytext=(7, -10), textcoords="offset points")
    ax.set(xscale="log", yscale="log", xlim=ends, ylim=ends, aspect="equal", xlabel="predicted, 2/λ",
           ylabel="best effective step")
    for axis in (ax.xaxis, ax.yaxis):
        axis.set(major_locator=LogLocator(subs=(1, 2, 5)), major_formatter="{x:g}", minor_locator=NullLocator())
    legend_above(figure, ax)
    return figure


class PredictedTable(Table):
    """For each network the predicted best step, before training and after two gentle epochs, and the measured one.

    Parameters
    ----------
    looks : dict from int to dict
        As from `read_looks`.
    networks : sequence of Network
    """

    def __init__(self, looks, networks):
        rows = []
        for network in networks:
            fastest, start = steps_and_limits(looks, network, "start")
            gentle = steps_and_limits(looks, network)[1]
            rows.append([in_words(network), *(f"{geometric_mean(each):.2g}" for each in (start, gentle, fastest)),
                         f"{geometric_mean(fastest / gentle):.2f}"])
        super().__init__(["network", "2/λ before training", "2/λ after two gentle epochs", "best step",
                          "best over predicted"], rows)


class AnswerTable(Table):
    """For each question on λ its number with the corrected interval, and the verdicts found and predicted.

    Parameters
    ----------
    verdicts : sequence of mlplib.evidence.why.RuleVerdict
    name : str
        What the table is called where it is read aloud; one page may have several.
    """

    def __init__(self, verdicts, name="Answers"):
        self.name = name
        super().__init__(["question", "verdict", "predicted", "number", "what matters", "what it is"], [
            [each.question.text, each.verdict, each.question.predicted, answer_text(each), _rule_text(each.question),
             each.question.number] for each in verdicts])

    def _repr_html_(self):
        head = "".join(f'<th scope="col">{text}</th>' for text in ("question", "verdict", "number, corrected interval"))
        body, before = [], None
        for text, verdict, predicted, number, rule, what in self.rows:
            said = "the same" if what == before else escape(what)
            before = what
            body.append(
                f"<tr><td>{escape(text)}</td><td>{verdict_mark(verdict)}<br/><small>predicted: {escape(predicted)}"
                f'</small></td><td><span style="white-space: nowrap">{escape(number)}</span><br/><small>what matters: '
                f"{escape(rule)}<br/>{said}</small></td></tr>")
        return scrollable(self.name, 'class="table" style="min-width: 40em"', head,
                          "\n".join(body))


def answer_text(verdict):
    """The number that answers a question, with its interval, as text: "0.87 [0.84, 0.90]".

    Parameters
    ----------
    verdict : mlplib.evidence.why.RuleVerdict

    Returns
    -------
    str
    """
    first, low, high = (f"{value:.2f}".replace("-", "−") for value in (verdict.estimate, verdict.low, verdict.high))
    return f"{first} [{low}, {high}]"


def _rule_text(question):
    margin, than = question.margin, question.than
    low, high = (than * np.exp(-margin), than * np.exp(margin)) if question.ratio else (than - margin, than + margin)
    return {"greater": f"above {high:.3g}", "less": f"below {low:.3g}",
            "same": f"from {low:.3g} to {high:.3g}"}[question.direction]
