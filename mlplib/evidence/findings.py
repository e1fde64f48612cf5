"""Findings: all that the stored runs say, by the names of parts; what the book's pages on the evidence ask of them."""

from mlplib.evidence.claims import CLAIMS
from mlplib.evidence.effects import compare
from mlplib.evidence.figures import VerdictTable, effect_text
from mlplib.evidence.measures import MEASURES
from mlplib.evidence.questions import QUESTIONS
from mlplib.evidence.rates import chosen_step, tuning_curve
from mlplib.evidence.verdicts import judge
from mlplib.store import packaged


class Findings:
    """The verdicts on the claims and on the questions beyond them, and the runs that they stand on.

    Parameters
    ----------
    store : Store, optional
        With the runs of both registrations and those that choose learning rates; by default those in the package.
    others : sequence of Registration
        Whose parts are asked for by their names too. Their runs have to be in the store.

    Attributes
    ----------
    store : Store
    runs : dict from Arm to list of Run
    claims, questions : list of Verdict

    Raises
    ------
    EvidenceError
        If a run is missing, or was not made under the present rules.
    """

    def __init__(self, store=None, others=()):
        names = "tuning", "claims", "questions", *(other.name for other in others)
        self.store = packaged(*names) if store is None else store
        self.runs = QUESTIONS.runs(self.store)
        self.claims = judge(self.runs, CLAIMS.parts)
        self.questions = judge(self.runs, QUESTIONS.parts)
        found = self.claims + self.questions
        for other in others:
            self.runs |= (own := other.runs(self.store))
            found += judge(own, other.parts)
        self._by_name = {verdict.part.name: verdict for verdict in found}

    def __getitem__(self, name):
        """The verdict on a part, such as "C3a"."""
        return self._by_name[name]

    def effect(self, name, control=None):
        """The effect of a part, or that of one of its controls."""
        return self[name].effect if control is None else self[name].controls[control][1]

    def said(self, name, control=None):
        """An effect with its corrected interval, as text."""
        return effect_text(self.effect(name, control))

    def images(self, name, control=None):
        """A difference in accuracy as images of a thousand, without its sign, as text: "3.9"."""
        images = 1000 * abs(self.effect(name, control).estimate)
        return f"{images:.1f}" if images < 9.95 else f"{images:.0f}"

    def percent(self, name, control=None):
        """A ratio as text: "23 %"."""
        return f"{100 * self.effect(name, control).estimate:.0f} %"

    def times(self, name, control=None):
        """A ratio, or what a power of ten tells of, as text: "17", "1.3"."""
        effect = self.effect(name, control)
        power = MEASURES[effect.comparison.measure].power
        return f"{10 ** (effect.estimate + effect.comparison.b) if power else effect.estimate:.2g}"

    def compared(self, a, b, measure, direction="greater", margin=0.002):
        """The `Effect` of one arm beside another. It is no part of the rules, so its interval is not corrected."""
        return compare(self.runs[a], self.runs[b], measure, direction, margin)

    def beside(self, a, b, measure, direction="greater"):
        """The same as text, with its interval."""
        return effect_text(self.compared(a, b, measure, direction))

    def values(self, arm, measure):
        """A measure of each of an arm's runs, a list of float in the order of seeds."""
        return [MEASURES[measure].of(run) for run in self.runs[arm]]

    def table(self, *names, title="Verdicts"):
        """The parts whose names begin with one of these, a `VerdictTable` in the order of the rules."""
        claims = {name for name in names if name.startswith("C")}
        return VerdictTable([verdict for name, verdict in self._by_name.items()
                             if name.rstrip("abcdefgh") in claims or name.startswith(tuple({*names} - claims))],
                            name=title)

    def chosen(self, network, goal="best"):
        """The effective step that the tuning seeds chose for a network, as text."""
        return f"{chosen_step(network.experiment, self.store, goal):g}"

    def curve(self, network):
        """The loss of the tuning seeds by effective step: a dict from float to list of float."""
        return tuning_curve(network.experiment, self.store)
