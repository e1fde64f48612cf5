"""Figures and tables of the evidence: verdicts with their intervals, runs side by side, learning rates, layers."""

import itertools
import math
from html import escape

import numpy as np

from mlplib._checks import extra
from mlplib.evidence.effects import EQUIVALENT, FAILS, HOLDS, UNDECIDED
from mlplib.evidence.measures import MEASURES
from mlplib.evidence.plans import MANY, open_effects
from mlplib.evidence.statistics import mean_estimate
from mlplib.evidence.verdicts import OTHER_REASON

with extra("notebooks", "mlplib.evidence.figures"):
    import matplotlib.pyplot as plt
    from matplotlib.ticker import LogLocator, MaxNLocator, NullFormatter, NullLocator

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
#: A letter for each verdict.
VERDICT_LETTERS = {HOLDS: "h", OTHER_REASON: "r", EQUIVALENT: "e", FAILS: "f", UNDECIDED: "u"}


def effect_text(effect):
    """An effect with its interval, the corrected one if there is one, as text.

    Parameters
    ----------
    effect : mlplib.evidence.effects.Effect

    Returns
    -------
    str
        A difference, "×" and a ratio, a share, or, where powers of ten are compared with a number, what they tell of;
        "≤" or "≥" before a ratio that is a bound, since in most pairs a run never came so far; "unknown" if no pair has
        finite numbers.
    """
    comparison = effect.comparison
    if math.isnan(effect.estimate):
        return "unknown"
    measure = MEASURES[comparison.measure]
    low, high = effect.corrected or (effect.low, effect.high)
    values = effect.estimate, low, high
    if measure.logarithmic:
        most = effect.censored > effect.n / 2
        bound = "≤ " if most and low == 0 else "≥ " if most and high == math.inf else ""
        first, low, high = (f"{value:.2f}" if value < 100 else "∞" if math.isinf(value) else f"{value:.0f}"
                            for value in values)
        return f"{bound}×{first} [{low}, {high}]"
    if measure.power and not isinstance(comparison.b, tuple):
        first, low, high = (_power_text(value + comparison.b) for value in values)
        return f"{first} [{low}, {high}]"
    if measure.kind == "share":
        first, low, high = (f"{value:.0%}" for value in values)
        return f"{first} [{low}, {high}]"
    digits = 4 if max(map(abs, values)) < 0.2 else 3
    first, low, high = (f"{value:+.{digits}f}".replace("-", "−") for value in values)
    first, low, high = (text if text.strip("+−0.") else text[1:] for text in (first, low, high))  # zero has no sign
    return f"{first} [{low}, {high}]"


def _power_text(exponent):
    """Ten to this power, to two digits; far from 1 as a power of ten."""
    if not -3 < exponent < 3:
        if not math.isfinite(exponent):
            return "unknown" if math.isnan(exponent) else "∞" if exponent > 0 else "0"
        factor, power = f"{10 ** (exponent % 1):.1f}", math.floor(exponent)
        return f"{factor}·10" + str(power).translate(str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"))
    return f"{float(f'{10 ** exponent:.1e}'):g}"


def rule_text(comparison):
    """What a comparison has to show: its direction, and the smallest difference that matters.

    Parameters
    ----------
    comparison : mlplib.evidence.effects.Comparison

    Returns
    -------
    str
        "+0.002 or more", "×0.91 or less", "within ±0.005", "below 0.01", for instance.
    """
    measure, direction, margin = MEASURES[comparison.measure], comparison.direction, comparison.margin
    if margin == 0:
        threshold = 0 if isinstance(comparison.b, tuple) else comparison.b
        return f"{'above' if direction == 'greater' else 'below'} {10 ** threshold if measure.power else threshold:g}"
    if measure.logarithmic:
        factor = math.exp(margin)
        return {"greater": f"×{factor:.2f} or more", "less": f"×{1 / factor:.2f} or less",
                "same": f"×{1 / factor:.2f} to ×{factor:.2f}"}[direction]
    if measure.kind == "share":
        return f"{margin:.0%} or more"
    return {"greater": f"+{margin:g} or more", "less": f"−{margin:g} or less", "same": f"within ±{margin:g}"}[direction]


def control_texts(verdict):
    """Each control of a verdict as text: its effect, and what it says of the cause if there is an effect to explain.

    Parameters
    ----------
    verdict : mlplib.evidence.verdicts.Verdict

    Returns
    -------
    list of str
        With the control's measure where that is another than the part's.
    """
    effect = verdict.effect
    is_one = effect.verdict(verdict.p_for, verdict.p_against) == HOLDS

    def named(control, found):
        measure = found.comparison.measure
        return control.text + (f" ({measure})" if measure != effect.comparison.measure else "")

    return [f"{named(control, found)}: {effect_text(found)}, {word if is_one else 'no effect to explain'}"
            for control, found, word in verdict.controls]


def scrollable(name, attributes, head, body):
    """A table in HTML that can be scrolled if it is too wide, by keys too."""
    return (f'<div style="overflow-x: auto" tabindex="0" role="region" aria-label="{escape(name)}">'
            f"<table {attributes}>\n<thead>\n<tr>{head}</tr>\n</thead>\n<tbody>\n{body}\n</tbody>\n</table></div>")


class VerdictTable(Table):
    """For each part of each claim its verdict, its effect with its corrected interval, its rule, runs and controls.

    What a control says of the cause stands there only if there is an effect of which it could be the cause.

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
        super().__init__(["part", "claim", "verdict", "measure", "effect, corrected interval", "what matters", "seeds",
                          "controls"], [self._row(verdict) for verdict in verdicts])

    def _row(self, verdict):
        effect, controls = verdict.effect, "; ".join(control_texts(verdict))
        repeated = ", ".join(effect_text(found).split(" [")[0] for found in verdict.replications)
        if repeated:
            controls += f"{'; ' if controls else ''}other thirds: {repeated}"
        return [verdict.part.name, verdict.part.text, verdict.verdict, effect.comparison.measure, effect_text(effect),
                rule_text(effect.comparison), effect.n, controls]

    def _repr_html_(self):
        header = "part", "claim", "verdict", "effect, corrected interval", "controls"
        shown = header if any(row[-1] for row in self.rows) else header[:-1]
        head = "".join(f'<th scope="col">{escape(text)}</th>' for text in shown)
        body = "\n".join(self._line(row, len(shown)) for row in self.rows)
        return scrollable(self.name, 'class="table" style="min-width: 46em"', head, body)

    def _line(self, row, columns):
        part, claim, _, measure, effect, rule, seeds, controls = map(escape, row)
        if anchor := self.links.get(row[0].rstrip("abcdefgh")):
            part = f'<a href="#{anchor}">{part}</a>'
        effect = (f'<span style="white-space: nowrap">{effect}</span><br/><small>{measure}; what matters: {rule}; '
                  f"{seeds} seeds</small>")
        cells = claim, verdict_mark(row[2]), effect, f"<small>{controls.replace('; ', '<br/>')}</small>"
        cells = "".join(f"<td>{cell}</td>" for cell in cells[:columns - 1])
        return f'<tr><th scope="row">{part}</th>{cells}</tr>'


def verdict_mark(verdict):
    """A verdict in HTML, with its coloured mark.

    Parameters
    ----------
    verdict : str
        One of `mlplib.evidence.verdicts.VERDICTS`.

    Returns
    -------
    str
    """
    color, _ = LOOKS[verdict]
    return f'<span style="color: {color}" aria-hidden="true">■</span> <em>{escape(verdict)}</em>'


class ClaimTable(Table):
    """Each claim as the report has it, and what the runs say of it: short sentences, each with a verdict.

    Parameters
    ----------
    verdicts : sequence of mlplib.evidence.verdicts.Verdict
    told : dict from str to (str, list of (str, str))
        For the number of each claim, such as "C3", what the report says, and the sentences: each after a letter of
        `VERDICT_LETTERS` for every part of the claim that it tells of, in the order of the parts, such as "hh".

    Raises
    ------
    ValueError
        If the sentences tell of other verdicts than there are.
    """

    def __init__(self, verdicts, told):
        rows = []
        for claim, (said, sentences) in told.items():
            parts = [each.verdict for each in verdicts if each.part.name.rstrip("abcdef") == claim]
            found = "".join(VERDICT_LETTERS[verdict] for verdict in parts)
            letters = [letters for letters, _ in sentences]
            if "".join(letters) != found or any(len(set(each)) > 1 for each in letters):
                raise ValueError(f"told[{claim!r}]: the sentences tell of {letters}, the runs say {found!r}")
            words = {letter: verdict for verdict, letter in VERDICT_LETTERS.items()}
            rows += [[said if i == 0 else "", claim, words[letters[0]], sentence]
                     for i, (letters, sentence) in enumerate(sentences)]
        super().__init__(["the report says", "claim", "verdict", "twenty seeds say"], rows)

    def _repr_html_(self):
        claims = {}
        for said, claim, verdict, sentence in self.rows:
            claims.setdefault(claim, (said, []))[1].append(f"{verdict_mark(verdict)}: {escape(sentence)}")
        rows = (f'<th scope="row">{escape(said)} <small>({claim})</small></th><td>{"<br/>".join(found)}</td>'
                for claim, (said, found) in claims.items())
        body = "\n".join(f"<tr>{row}</tr>" for row in rows)
        head = '<th scope="col">the report says</th><th scope="col">twenty seeds say</th>'
        return scrollable(f"{len(claims)} claims", 'class="table claims"', head, body)


class BesideTable(Table):
    """Each claim with its verdicts on two sets of data, and a sentence on the second.

    A verdict stands before the letters of its parts; an asterisk marks those that have another one on the other set.

    Parameters
    ----------
    verdicts, others : sequence of mlplib.evidence.verdicts.Verdict
        On the same parts in the same order.
    names : (str, str)
        What both sets of data are called.
    told : dict from str to (str, str, str)
        For the number of each claim what it says, a letter of `VERDICT_LETTERS` for each of its parts on the second set
        of data, and the sentence.

    Raises
    ------
    ValueError
        If the letters are not those of the verdicts.
    """

    def __init__(self, verdicts, others, names, told):
        rows = []
        for claim, (said, letters, sentence) in told.items():
            pairs = [pair for pair in zip(verdicts, others) if pair[0].part.name.rstrip("abcdef") == claim]
            found = "".join(VERDICT_LETTERS[other.verdict] for _, other in pairs)
            if letters != found:
                raise ValueError(f"told[{claim!r}]: the sentence tells of {letters!r}, the runs say {found!r}")
            moved = {one.part.name for one, other in pairs if one.verdict != other.verdict}
            rows.append([said, claim, *(_by_verdict(each, claim, moved) for each in zip(*pairs)), sentence])
        super().__init__(["claim", "number", *names, "what is seen there"], rows)

    def _repr_html_(self):
        def cell(said):
            found = (one.partition(": ") for one in said.split("; "))
            return "<td style=\"min-width: 10em\">" + "<br/>".join(
                f"{verdict_mark(verdict)}{colon}{escape(parts)}" for verdict, colon, parts in found) + "</td>"

        rows = (f'<th scope="row" style="width: 27%">{escape(said)} <small>({claim})</small></th>{cell(ours)}'
                f"{cell(other)}<td>{escape(sentence)}</td>" for said, claim, ours, other, sentence in self.rows)
        head = "".join(f'<th scope="col">{escape(name)}</th>' for name in (self.header[0], *self.header[2:]))
        return scrollable(f"{len(self.rows)} claims on both", 'class="table claims"', head,
                           "\n".join(f"<tr>{row}</tr>" for row in rows))


def _by_verdict(verdicts, claim, moved):
    """Each verdict once, in the order of `LOOKS`, with the letters of its parts; an asterisk is at those that moved."""
    found = {}
    for one in sorted(verdicts, key=lambda one: (list(LOOKS).index(one.verdict), one.part.name)):
        found.setdefault(one.verdict, []).append(one.part.name.removeprefix(claim) + "*" * (one.part.name in moved))
    return "; ".join(f"{verdict}: {', '.join(letters)}" if len(verdicts) > 1 else verdict
                     for verdict, letters in found.items())


class BothTable(Table):
    """For each part its rule, and on two sets of data side by side its verdict, its effect and its controls.

    Parameters
    ----------
    verdicts, others, names
        As for `BesideTable`.
    """

    def __init__(self, verdicts, others, names):
        super().__init__(["part", "claim", "what matters", *names], [
            [one.part.name, one.part.text, rule_text(one.effect.comparison), *map(self._said, (one, other))]
            for one, other in zip(verdicts, others)])

    @staticmethod
    def _said(verdict):
        effect = f"{effect_text(verdict.effect)} ({verdict.effect.comparison.measure})"
        return "; ".join([verdict.verdict, effect, *control_texts(verdict)])

    def _repr_html_(self):
        rows = (f'<th scope="row">{part}</th><td>{escape(text)}<br/><small>what matters: {escape(rule)}</small></td>'
                f"{_verdict_cell(one)}{_verdict_cell(other)}" for part, text, rule, one, other in self.rows)
        head = "".join(f'<th scope="col">{escape(name)}</th>' for name in ("part", "claim", *self.header[3:]))
        return scrollable("All parts on both", 'class="table" style="min-width: 46em"', head,
                           "\n".join(f"<tr>{row}</tr>" for row in rows))


def _verdict_cell(said):
    verdict, effect, *controls = said.split("; ")
    return (f"<td>{verdict_mark(verdict)}<br/>{escape(effect)}"
            f"{''.join(f'<br/><small>{escape(control)}</small>' for control in controls)}</td>")


class ReopenedTable(Table):
    """For each part that the first runs left undecided its verdicts by these, by fresh runs alone, and by all together.

    Parameters
    ----------
    found : sequence of mlplib.evidence.open_claims.Reopened
    """

    def __init__(self, found):
        super().__init__(["part", "claim", "what matters", "the first runs", "fresh runs alone", "all together",
                          "seeds that would decide"], [
            [one.first.part.name, one.first.part.text, rule_text(one.first.effect.comparison),
             *map(self._said, (one.first, one.fresh, one.both)), _seeds_text(one)] for one in found])

    @staticmethod
    def _said(verdict):
        if verdict is None:
            return ""
        effect = f"{effect_text(verdict.effect)} ({verdict.effect.comparison.measure}, {verdict.effect.n} seeds)"
        return "; ".join([verdict.verdict, effect, *control_texts(verdict)])

    def _repr_html_(self):
        rows = (f'<th scope="row">{part}</th><td>{escape(text)}<br/><small>what matters: {escape(rule)}</small></td>'
                + "".join(_verdict_cell(each) if each else "<td>no runs</td>" for each in said) + f"<td>{seeds}</td>"
                for part, text, rule, *said, seeds in self.rows)
        head = "".join(f'<th scope="col">{escape(name)}</th>' for name in (*self.header[:2], *self.header[3:]))
        return scrollable("Claims that were open", 'class="table" style="min-width: 46em"', head,
                           "\n".join(f"<tr>{row}</tr>" for row in rows))


def _seeds_text(reopened):
    given = reopened.given
    if given.verdict != UNDECIDED:
        return "decided"
    if reopened.needed is None:
        return f"more than {MANY:,}" if open_effects(given) else "another on other images"
    return f"{reopened.needed:,}"


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
    _margins_axis(ax)
    for verdict, (color, marker) in LOOKS.items():
        ax.plot([], [], marker, color=color, label=verdict)
    legend_above(figure, ax)
    return figure


def plot_fair(pairs, names=("at the report's rates", "at each network's own")):
    """What was seen, and what is left of it in a fair comparison, each beside the smallest difference that matters.

    Parameters
    ----------
    pairs : dict from str to (Effect, Effect)
        By label, the effect at the report's learning rates, and that at each network's own; of one direction.
    names : (str, str)
        What the first and the second of each pair are called.

    Returns
    -------
    matplotlib.figure.Figure
    """
    figure, ax = plt.subplots(figsize=(WIDTH, 0.42 * len(pairs) + 1.7))
    ax.axvspan(-1, 1, color=BLACK, alpha=0.07, linewidth=0)
    ax.axvline(0, color=BLACK, linewidth=0.8)
    for y, pair in enumerate(reversed(pairs.values())):
        ends = [np.clip(_in_margins(effect), -1000, 1000) for effect in pair]
        ax.annotate("", (ends[1][1], y), (ends[0][1], y),
                    arrowprops={"arrowstyle": "->", "color": GREY, "shrinkA": 6, "shrinkB": 6})
        for (low, middle, high), offset, (color, marker) in zip(ends, (0.14, -0.14), ((BLACK, "o"), (BLUE, "D"))):
            ax.plot([low, high], [y + offset, y + offset], color=color, linewidth=1.5)
            ax.plot(middle, y + offset, marker, color=color, markersize=6)
    ax.set_yticks(range(len(pairs)), list(reversed(pairs)))
    ax.set_ylim(-0.7, len(pairs) - 0.3)
    _margins_axis(ax)
    for name, look, color in zip(names, "oD", (BLACK, BLUE)):
        ax.plot([], [], look, color=color, label=name)
    ax.grid(False, axis="y")
    legend_above(figure, ax)
    return figure


def _margins_axis(ax):
    low, high = ax.get_xlim()
    ax.set_xscale("symlog", linthresh=1)
    ax.set_xticks([tick for tick in (-1000, -100, -10, -1, 0, 1, 10, 100, 1000) if low <= tick <= high])
    ax.xaxis.set(major_formatter="{x:,g}", minor_locator=NullLocator())
    ax.set_xlabel("effect in the direction claimed,\nin units of the smallest that matters")


def _in_margins(effect):
    comparison = effect.comparison
    low, high = effect.corrected or (effect.low, effect.high)
    values = np.array([low, effect.estimate, high])
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
        if high < 100 * low:  # ticks within powers of ten: as numbers, and so few that they have room
            subs = (1, 2, 3, 5) if high < 10 * low else (1, 2, 5)
            few = MaxNLocator(5) if high < 2.5 * low else LogLocator(subs=subs)
            ax.xaxis.set(major_locator=few, major_formatter="{x:,g}", minor_locator=NullLocator())
        ax.xaxis.set(minor_formatter=NullFormatter())
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
    ax.yaxis.set(major_locator=LogLocator(subs=(1, 2, 5)), major_formatter="{x:g}", minor_locator=NullLocator())
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
        ax.yaxis.set(major_locator=LogLocator(subs=(1, 2, 5)), major_formatter="{x:g}", minor_locator=NullLocator())
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
    figure, axes = plt.subplots(2, 2, figsize=(WIDTH, 5.4))
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
    for row, counted in zip(axes, ("weight matrix", "hidden layer")):
        for ax in row:
            ax.set(xlabel=counted)
            ax.xaxis.set_major_locator(MaxNLocator(integer=True))
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
