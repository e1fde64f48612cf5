"""Figures and tables of the evidence: verdicts with their intervals, runs side by side, learning rates, layers."""

import itertools
import math
from html import escape

import numpy as np

from mlplib._checks import extra
from mlplib.evidence.effects import EQUIVALENT, FAILS, HOLDS, UNDECIDED
from mlplib.evidence.measures import MEASURES
from mlplib.evidence.statistics import mean_estimate
from mlplib.evidence.verdicts import OTHER_REASON

with extra("notebooks", "mlplib.evidence.figures"):
    import matplotlib.pyplot as plt
    from matplotlib.ticker import LogLocator, MaxNLocator, NullLocator

    from mlplib.plotting import Table
    from mlplib.style import (
        BLACK,
        BLUE,
        GREEN,
        GREY,
        MARKERS,
        ORANGE,
        PALETTE,
        VERMILLION,
        WIDTH,
        legend_above,
        marked,
        network_color,
    )

#: A colour and a marker for each verdict.
LOOKS = {HOLDS: (BLUE, "o"), OTHER_REASON: (ORANGE, "D"), EQUIVALENT: (GREEN, "s"), FAILS: (VERMILLION, "X"),
         UNDECIDED: (GREY, "v")}


def effect_text(effect):
    """An effect with its 95 % interval, as text: a difference, or "×" a ratio.

    Parameters
    ----------
    effect : mlplib.evidence.effects.Effect

    Returns
    -------
    str
    """
    measure = MEASURES[effect.comparison.measure]
    values = effect.estimate, effect.low, effect.high
    if measure.logarithmic:
        first, low, high = (f"{value:.2f}" if value < 100 else "∞" if math.isinf(value) else f"{value:.0f}"
                            for value in values)
        return f"×{first} [{low}, {high}]"
    if measure.kind == "share":
        return f"{values[0]:.0%} [{values[1]:.0%}, {values[2]:.0%}]"
    digits = 4 if max(map(abs, values)) < 0.2 else 3
    return f"{values[0]:+.{digits}f} [{values[1]:+.{digits}f}, {values[2]:+.{digits}f}]"


class VerdictTable(Table):
    """For each part of each claim its verdict, its effect with a 95 % interval, its runs and controls.

    Parameters
    ----------
    verdicts : sequence of mlplib.evidence.verdicts.Verdict
    links : dict from str to str, optional
        From the number of a claim, such as "C3", to the anchor of its section on the page.
    name : str
        What the table is called where it is read aloud; one page may have several.
    """

    def __init__(self, verdicts, links=None, name="Verdicts"):
        self.links, self.name = links or {}, name
        super().__init__(["part", "claim", "verdict", "measure", "effect, 95 % interval", "seeds", "controls"],
                         [self._row(verdict) for verdict in verdicts])

    def _row(self, verdict):
        controls = "; ".join(f"{control.text}: {effect_text(effect)}, {word}"
                             for control, effect, word in verdict.controls)
        repeated = ", ".join(effect_text(effect).split(" [")[0] for effect in verdict.replications)
        if repeated:
            controls += f"{'; ' if controls else ''}other thirds: {repeated}"
        effect = verdict.effect
        return [verdict.part.name, verdict.part.text, verdict.verdict, effect.comparison.measure, effect_text(effect),
                effect.n, controls]

    def _repr_html_(self):
        header = "part", "claim", "verdict", "effect, 95 % interval", "controls"
        head = "".join(f'<th scope="col">{escape(text)}</th>' for text in header)
        body = "\n".join(map(self._line, self.rows))
        return (f'<div style="overflow-x: auto" tabindex="0" role="region" aria-label="{escape(self.name)}">'
                f'<table class="table" style="min-width: 46em">\n<thead>\n<tr>{head}</tr>\n</thead>\n'
                f"<tbody>\n{body}\n</tbody>\n</table></div>")

    def _line(self, row):
        part, claim, verdict, measure, effect, seeds, controls = map(escape, row)
        if anchor := self.links.get(row[0].rstrip("abcdefgh")):
            part = f'<a href="#{anchor}">{part}</a>'
        color, _ = LOOKS[row[2]]
        verdict = f'<span style="color: {color}" aria-hidden="true">■</span> {verdict}'
        effect = f'<span style="white-space: nowrap">{effect}</span><br/><small>{measure}; {seeds} seeds</small>'
        cells = claim, verdict, effect, f"<small>{controls.replace('; ', '<br/>')}</small>"
        return f'<tr><th scope="row">{part}</th>' + "".join(f"<td>{cell}</td>" for cell in cells) + "</tr>"


def plot_verdicts(verdicts):
    """Every effect beside the smallest difference that matters: 1 is that margin, in the direction claimed.

    Parameters
    ----------
    verdicts : sequence of mlplib.evidence.verdicts.Verdict
        Those without a margin are left out.

    Returns
    -------
    matplotlib.figure.Figure
    """
    shown = [verdict for verdict in verdicts if verdict.effect.comparison.margin]
    figure, ax = plt.subplots(figsize=(WIDTH, 0.23 * len(shown) + 1.6))
    ax.axvspan(-1, 1, color=BLACK, alpha=0.07, linewidth=0)
    ax.axvline(0, color=BLACK, linewidth=0.8)
    for y, verdict in enumerate(reversed(shown)):
        color, marker = LOOKS[verdict.verdict]
        low, middle, high = np.clip(_in_margins(verdict.effect), -1000, 1000)
        ax.plot([low, high], [y, y], color=color, linewidth=2)
        ax.plot(middle, y, marker, color=color, markersize=6)
    labels = [f"{verdict.part.name}  {verdict.effect.comparison.measure}" for verdict in reversed(shown)]
    ax.set_yticks(range(len(shown)), labels)
    ax.set_ylim(-0.7, len(shown) - 0.3)
    ax.set_xscale("symlog", linthresh=1)
    ax.set_xlabel("effect in the direction claimed,\nin units of the smallest that matters")
    for verdict, (color, marker) in LOOKS.items():
        ax.plot([], [], marker, color=color, label=verdict)
    legend_above(figure, ax)
    return figure


def _in_margins(effect):
    comparison = effect.comparison
    values = np.array([effect.low, effect.estimate, effect.high])
    if MEASURES[comparison.measure].logarithmic:
        with np.errstate(divide="ignore"):
            values = np.log(values)
    return (values[::-1] if comparison.direction == "less" else values) / comparison.margin * (
        -1 if comparison.direction == "less" else 1)


def plot_groups(groups, xlabel, log=False, guide=None, networks=None):
    """One number of each run, a row of dots for each group; a diamond with a bar is the mean with its 95 % interval.

    Parameters
    ----------
    groups : dict from str to sequence of float
        By label, from top to bottom. Infinite numbers, of runs that never came so far, stand as triangles at the right.
    xlabel : str
    log : bool
    guide : float, optional
        Where to draw a vertical line.
    networks : dict from str to Arm or Network, optional
        By the same labels: each group has the colour of its network.

    Returns
    -------
    matplotlib.figure.Figure
    """
    figure, ax = plt.subplots(figsize=(WIDTH, 0.4 * len(groups) + 0.9))
    finite = np.concatenate([np.asarray(values, float)[np.isfinite(values)] for values in groups.values()])
    edge = finite.max() * (1.15 if log else 1) + (0 if log else 0.05 * np.ptp(finite)) if len(finite) else 1
    for y, (values, color) in enumerate(zip(reversed(groups.values()), _colors(groups, networks)[::-1])):
        values = np.asarray(values, float)
        known = values[np.isfinite(values)]
        spread = np.linspace(-0.16, 0.16, len(values))  # in the order of seeds
        ax.plot(known, y + spread[np.isfinite(values)], "o", color=color, alpha=0.45, markersize=4, linewidth=0)
        if len(known) < len(values):
            beyond = np.full(len(values) - len(known), edge)
            ax.plot(beyond, y + spread[~np.isfinite(values)], ">", color=color, markersize=5)
        elif len(values) > 1:
            middle, low, high = _mean_interval(values, log)
            ax.plot([low, high], [y, y], color=color, linewidth=2.5)
            ax.plot(middle, y, "D", color=color, markersize=7, markeredgecolor="white")
    ax.set_yticks(range(len(groups)), list(reversed(groups)))
    ax.set_ylim(-0.6, len(groups) - 0.4)
    if log:
        ax.set_xscale("log")
        low, high = ax.get_xlim()
        if high < 10 * low:  # several ticks within a power of ten: as numbers, and so few that they have room
            few = MaxNLocator(5) if high < 2.5 * low else LogLocator(subs=(1, 2, 3, 5))
            ax.xaxis.set(major_locator=few, major_formatter="{x:,g}", minor_locator=NullLocator())
    if guide is not None:
        ax.axvline(guide, color=BLACK, linewidth=0.8)
    ax.set_xlabel(xlabel)
    ax.grid(False, axis="y")
    return figure


def _mean_interval(values, log):
    """Mean, and the ends of its 95 % interval; of a logarithm if `log`."""
    ends = mean_estimate(np.log(values) if log else np.asarray(values, float))[:3]
    return np.exp(ends) if log else ends


def _colors(groups, networks=None):
    """A colour for each group: its network's; or, where groups are no networks, those that no network has."""
    if networks is None:
        return list(itertools.islice(itertools.cycle(PALETTE), len(groups)))
    return [network_color(getattr(networks[label], "network", networks[label]).experiment) for label in groups]


def _looks(groups, networks=None):
    """The colour of each group, and a dash pattern that no other group of this colour has, as far as there are any."""
    colors = _colors(groups, networks)
    return [(color, ("-", "--", "-.", ":")[colors[:i].count(color) % 4]) for i, color in enumerate(colors)]


def plot_tuning(curves, usual=None, ylabel="lowest loss on the first half [nats]", networks=None):
    """Loss against the effective step, the learning rate over 1 - γ; a ring is the lowest of a curve.

    Parameters
    ----------
    curves : dict from str to dict from float to sequence of float
        By label, the losses of the tuning seeds by effective step; infinite where a run diverged.
    usual : dict from str to float, optional
        By the same labels, the effective step of the report's rule: a cross.
    ylabel : str
    networks : dict from str to Arm or Network, optional
        By the same labels: each group has the colour of its network.

    Returns
    -------
    matplotlib.figure.Figure
    """
    figure, ax = plt.subplots(figsize=(WIDTH, 4))
    for (label, curve), (color, dashes) in zip(curves.items(), _looks(curves, networks)):
        steps = np.array(sorted(curve))
        means = np.array([np.mean(curve[step]) for step in steps])
        ax.plot(steps, np.where(np.isfinite(means), means, np.nan), dashes, label=label,
                **marked(color, len(steps), len(steps)))
        best = np.argmin(means)
        ax.plot(steps[best], means[best], "o", color=color, fillstyle="none", markersize=12)
        if usual and label in usual:
            ax.plot(usual[label], np.interp(np.log(usual[label]), np.log(steps), means), "x", color=color, markersize=9,
                    markeredgewidth=2)
    ax.set_xscale("log")
    ax.set_yscale("log")
    ax.set(xlabel="effective step, α / (1 − γ)", ylabel=ylabel)
    legend_above(figure, ax)
    return figure


def plot_against(groups, xlabel, ylabel, logx=True, logy=False, guide=None, networks=None):
    """Numbers of runs against a number: each place's mean with its 95 % interval, of a logarithm if the axis has one.

    Parameters
    ----------
    groups : dict from str to dict from float to sequence of float
        By label and place, one number for each run.
    xlabel, ylabel : str
    logx, logy : bool
    guide : float, optional
        Where to draw a horizontal line.
    networks : dict from str to Arm or Network, optional
        By the same labels: each group has the colour of its network.

    Returns
    -------
    matplotlib.figure.Figure
    """
    figure, ax = plt.subplots()
    for (label, places), (color, dashes) in zip(groups.items(), _looks(groups, networks)):
        middle, low, high = np.transpose([_mean_interval(values, logy) for values in places.values()])
        ax.errorbar(list(places), middle, [middle - low, high - middle], color=color, marker=MARKERS[color],
                    linestyle=dashes, capsize=3, label=label)
    if logx:
        ax.set_xscale("log")
    if logy:
        ax.set_yscale("log")
    places = sorted({place for each in groups.values() for place in each})
    ax.set_xticks(places, [f"{place:,}" for place in places])
    ax.set_xticks([], minor=True)
    if guide is not None:
        ax.axhline(guide, color=BLACK, linewidth=0.8)
    ax.set(xlabel=xlabel, ylabel=ylabel)
    if len(groups) > 1:
        legend_above(figure, ax)
    return figure


def plot_layers(groups, record=0, networks=None):
    """What layers look like, from the input side to the output: four diagnostics, medians over the runs.

    Parameters
    ----------
    groups : dict from str to sequence of Run
        By label; of one depth, with the diagnostics "layers".
    record : int
        Which of the records: 0 is the first, -1 the last.
    networks : dict from str to Arm or Network, optional
        By the same labels: each group has the colour of its network.

    Returns
    -------
    matplotlib.figure.Figure
    """
    figure, axes = plt.subplots(2, 2, figsize=(WIDTH, 5), sharex=True)
    for ax, (name, ylabel, log) in zip(axes.flat, (
            ("gradient_rms", "gradient, RMS", True), ("update_ratio", "update / weights, RMS", True),
            ("spread", "spread of activations", False), ("saturated", "saturated share", False))):
        for (label, runs), (color, dashes) in zip(groups.items(), _looks(groups, networks)):
            values = np.median([run.diagnostics[name][record] for run in runs], axis=0)
            ax.plot(np.arange(1, len(values) + 1), values, dashes, label=label,
                    **marked(color, len(values), len(values)))
        if log:
            ax.set_yscale("log")
        ax.set_ylabel(ylabel)
    for ax in axes[0]:
        ax.set_title("weight matrices", fontsize="medium")
    for ax in axes[1]:
        ax.set(xlabel="hidden layer", title="")
    legend_above(figure, axes[0, 0])
    return figure


def plot_through_training(groups, ylabel, guide=None, log=True, networks=None):
    """One diagnostic against gradient steps: the median over a group's runs, and a band from the lowest to the highest.

    Parameters
    ----------
    groups : dict from str to sequence of (steps, values)
        By label, one pair of arrays for each run.
    ylabel : str
    guide : float, optional
        Where to draw a horizontal line.
    log : bool
    networks : dict from str to Arm or Network, optional
        By the same labels: each group has the colour of its network.

    Returns
    -------
    matplotlib.figure.Figure
    """
    figure, ax = plt.subplots()
    for (label, pairs), (color, dashes) in zip(groups.items(), _looks(groups, networks)):
        n = min(len(steps) for steps, _ in pairs)
        steps, values = pairs[0][0][:n], np.array([values[:n] for _, values in pairs])
        ax.plot(steps + 1, np.median(values, axis=0), dashes, label=label, **marked(color, n))
        ax.fill_between(steps + 1, values.min(axis=0), values.max(axis=0), color=color, alpha=0.2, linewidth=0)
    if guide is not None:
        ax.axhline(guide, color=BLACK, linewidth=0.8)
    ax.set_xscale("log")
    if log:
        ax.set_yscale("log")
    ax.set(xlabel="gradient steps", ylabel=ylabel)
    legend_above(figure, ax)
    return figure
