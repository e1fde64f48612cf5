"""A report of one's own: rules that are fixed before their runs, the runs, and a page in the form of the book's."""

import json
import math
import string
import tempfile
from datetime import date
from pathlib import Path
from types import SimpleNamespace

import numpy as np

from mlplib import _checks
from mlplib.entries import differing
from mlplib.evidence.effects import UNDECIDED
from mlplib.evidence.figures import control_texts, effect_text, plot_groups, rule_text, verdict_mark
from mlplib.evidence.measures import MEASURES
from mlplib.evidence.plans import (
    MANY,
    labelled,
    open_effects,
    recording,
    remarks_on,
    seeds_needed,
    sides_of,
    values_of,
    with_logarithms,
)
from mlplib.evidence.registrations import EvidenceError, Part, Registration, arms_of
from mlplib.evidence.statistics import LEVEL
from mlplib.evidence.verdicts import judge
from mlplib.files import put_in_place
from mlplib.store import Store
from mlplib.sweeps import counted, estimate, store_in_use, sweep

with _checks.extra("notebooks", "mlplib.evidence.own_report"):
    import matplotlib.pyplot as plt

RULES = "registration.json"


class OwnReport:
    """A question, registered in a folder before its runs; what is trained for it, and the page that comes of it.

    The first call writes the rules into the folder. A later one with other rules, other data or other experiments is
    refused, so what the runs show does not change what was asked by accident. Who deletes the folder can ask anew: that
    the rules came first is known only to someone who was given their digest before.

    Parameters
    ----------
    name : str
        A short one, of letters, digits, `_` and `-`: the page and its figure are called so.
    parts : sequence of Part
        What is claimed, each with its comparison and its margin: in the measure's unit, or, of measures that are
        compared as ratios, the factor that matters, such as 1.1. What all their arms train is registered with them,
        with the diagnostics that their measures need.
    plan : str
        What else is fixed before the runs, in words: where the data come from, what a pilot showed, what it may cost.
    folder : str or os.PathLike
        For the rules, the runs and the page; made if it does not exist.

    Attributes
    ----------
    registration : Registration
    folder : pathlib.Path
    remarks : list of str
        What the plan leaves open although it can be judged: two differences at once, for instance.
    runs : dict from Arm to list of Run
        Empty until `train` was called.

    Raises
    ------
    EvidenceError
        If the folder has other rules, or runs without rules. The message says which, and what to do.
    TypeError, ValueError
        If an argument is not as described, or no runs could decide a part. The message says what to change.
    """

    def __init__(self, name, parts, plan, folder):
        if not _checks.text("name", name).replace("_", "").replace("-", "").isalnum():
            raise ValueError(f"name: expected letters, digits, _ and -, got {_checks.shown(name)}")
        parts = _checks.instances("parts", parts, Part)
        if not parts:
            raise ValueError("parts: expected at least one Part, got none")
        if not _checks.text("plan", plan).strip():
            raise ValueError("plan: expected words that say what else is fixed, got none")
        parts = tuple(map(with_logarithms, parts))
        self.folder, self.runs, self.remarks = Path(_checks.path("folder", folder)), {}, remarks_on(parts)
        arms, self._plan = tuple(recording(arm, parts) for arm in arms_of(parts)), plan.strip()
        fixed = "\n".join([plan.strip(), *map(_in_fields, arms)])
        self.registration = Registration(name, str(date.today()), parts, arms, plan=fixed, command="OwnReport.train")
        self._register()

    def _register(self):
        path, own = self.folder / RULES, self.registration
        if path.exists():
            try:
                found = json.loads(path.read_text("utf-8"))
                on, digest, plan = (_checks.text(field, found[field]) for field in ("date", "digest", "plan"))
            except (KeyError, TypeError, ValueError) as error:
                raise EvidenceError(f"{path}: damaged, or no registration ({error})") from None
            if digest != own.digest:
                what = "the parts" if plan == own.plan else "the plan, the data or the experiments"
                raise EvidenceError(f"{path}: registered on {on} with the digest {digest}; these rules have "
                                    f"{own.digest}, {what} changed since. Put back what was registered, or take "
                                    "another folder for another question")
            self.registration = Registration(own.name, on, own.parts, own.arms, plan=own.plan, command=own.command)
            return
        if len(Store(self.folder / "runs")):
            raise EvidenceError(f"{self.folder}: there are runs, and no {RULES} that was written before them; take "
                                "another folder")
        about = {"name": own.name, "date": own.date, "digest": own.digest, "plan": own.plan,
                 "parts": [f"{part.name}: {_rule(part)}" for part in own.parts]}
        put_in_place(path, json.dumps(about, indent=1, ensure_ascii=False).encode())

    def __repr__(self):
        lines = [f"{self.registration.name}, registered on {self.registration.date}: {self.registration.digest}"]
        lines += [f"- {part.name}: {_rule(part)}" for part in self.registration.parts]
        lines += [f"To keep in mind: {remark}." for remark in self.remarks]
        if Path(tempfile.gettempdir()).resolve() in self.folder.resolve().parents:
            lines.append("The folder is a temporary one, and will be gone: take one that stays.")
        lines.append(f"Before you train, send {self.digest} to somebody: it shows that the rules came first.")
        return "\n".join(lines)

    @property
    def digest(self):
        """That of the rules, the plan, the data and the experiments: 16 hexadecimal digits."""
        return self.registration.digest

    def cost(self):
        """About how long all runs take on one processor of this machine, if it is idle: a float in minutes."""
        own = [one for arm in self.registration.arms for one in arm.experiments()]
        return sum(estimate([*self.registration.tuning(), *own])) / 60

    def train(self, n_jobs=-1, progress=True):
        """Train what is missing, learning rates being chosen first; a call that was interrupted goes on.

        Parameters
        ----------
        n_jobs, progress
            As for `sweep`.

        Returns
        -------
        dict from Arm to list of Run
            Also the attribute `runs`.

        Raises
        ------
        EvidenceError
            If the folder has runs that were made under other rules.
        """
        self._register()
        store, own = self.folder / "runs", self.registration
        choosing = own.tuning()
        chosen = dict(zip(choosing, sweep(choosing, store, n_jobs, progress)))
        experiments = own.experiments(chosen)
        several = [one for each in experiments.values() for one in each]
        found = dict(zip(several, sweep(several, store, n_jobs, progress, marks=own.marks)))
        if store_in_use(Store(store)) != (None, True):  # else nothing is stored, and no run carries a mark
            other = [run for run in found.values() if own.marks.items() - run.versions.items()]
            if other:
                raise EvidenceError(f"{store}: {counted(len(other), 'run')} not made under these rules, {own.digest}; "
                                    "take another folder")
        self.runs = {arm: [found[one] for one in each] for arm, each in experiments.items()}
        return self.runs

    def verdicts(self):
        """What the runs say: a list of Verdict, one for each part. An EvidenceError says so if they are not trained."""
        return judge(self._trained(), self.registration.parts)

    def _trained(self):
        if not self.runs:
            raise EvidenceError("no runs yet: call train() of this report; what its folder has is not trained again")
        return self.runs

    def undecided(self):
        """How many seeds would decide each part that is undecided: a list of sentences, empty if none is.

        Returns
        -------
        list of str
            The number of seeds that would decide it four times out of five, if the mean and the spread of the pairs
            stay as they are, at the strictest level of Holm's correction.
        """
        level = LEVEL / len(list(labelled(self.registration.parts)))
        return [_undecided(verdict, self.runs, level) for verdict in self.verdicts() if verdict.verdict == UNDECIDED]

    def figure(self):
        """Each run of the first part, a row of dots for each arm, with means and 95 % intervals: a Figure."""
        comparison = self.registration.parts[0].comparison
        values = {str(arm): each for arm, each in values_of(comparison, self._trained()).items()}
        return plot_groups(values, comparison.measure, log=MEASURES[comparison.measure].logarithmic,
                           guide=None if isinstance(comparison.b, tuple) else float(comparison.b))

    def write(self, question, why, answer, caption, alt):
        """Write the page, NAME.md, and its figure, NAME.png, into the folder: MyST, which a Jupyter Book takes in.

        The page says when the rules were registered, and their digest, and of each part its verdict, its effect with
        the corrected interval and what would have mattered.

        Parameters
        ----------
        question : str
            The title.
        why : str
            Who would like to know, and what you expected.
        answer : str
            A paragraph on what was found. `{NAME}` of a part, such as {Q1}, is its effect with its interval;
            `{NAME.verdict}` the verdict, `{NAME.a}` and `{NAME.b}` the means of both sides, of steps the medians. One
            of these numbers at least.
        caption, alt : str
            Of the figure: what to see in it, and what it says to someone who cannot see it.

        Returns
        -------
        pathlib.Path
            Of the page.

        Raises
        ------
        EvidenceError
            If the runs are not trained yet.
        ValueError
            If the answer speaks of a part that there is not, or gives no number of the runs.
        """
        texts = {"question": question, "why": why, "answer": answer, "caption": caption, "alt": alt}
        for argument, given in texts.items():
            if not _checks.text(argument, given).strip():
                raise ValueError(f"{argument}: expected words, got none")
        verdicts, own = self.verdicts(), self.registration
        known = {verdict.part.name: _Said(verdict, self.runs) for verdict in verdicts}
        try:
            named = [field for _, field, _, _ in string.Formatter().parse(answer) if field is not None]
            said = answer.format_map(known)
        except (KeyError, AttributeError, IndexError, ValueError) as error:
            raise ValueError(f"answer: expected {{NAME}}, {{NAME.verdict}}, {{NAME.a}} and {{NAME.b}} of "
                             f"{', '.join(known)} in braces, got {error}") from None
        if not any(field for field in named if not field.endswith(".verdict")):
            raise ValueError(f"answer: expected a number of the runs, such as {{{own.parts[0].name}}}, got words alone")
        data = sorted({str(arm.network.experiment.data or "MNIST") for arm in own.arms})
        if data != ["MNIST"]:
            data[-1] += " (what measures call the test file are the samples that validate)"
        seeds = sorted({len(arm.seeds) for arm in own.arms})
        lines = [
            f"# {question.strip()}", "", f"**Question.** {why.strip()}", "",
            (f"**Experiment.** Data: {'; '.join(data)}. Networks: {'; '.join(map(str, own.arms))}. "
             f"{' or '.join(map(str, seeds))} seeds each, the same for all. Registered on {own.date} with the digest "
             f"`{own.digest}`. Whoever was given it before the first run can tell that these were the rules:"), "",
            *(f"- {part.name}: {_rule(part)}" for part in own.parts), "",
            "**Planned before the runs.**", "", *(f"> {line}".rstrip() for line in self._plan.splitlines()), "",
            f"```{{figure}} {own.name}.png", f":name: fig-{own.name}", f":alt: {' '.join(alt.split())}", "",
            " ".join(caption.split()), "```", "", f"**What {counted(seeds[-1], 'seed')} say.** {said.strip()}", "",
            "| part | verdict | effect, corrected interval | what matters |", "| --- | --- | --- | --- |",
            *map(_row, verdicts), "",
            *(f"- {said}" for said in (*self.undecided(), *(f"{remark}." for remark in self.remarks))), "",
        ]
        figure = self.figure()
        figure.savefig(self.folder / f"{own.name}.png", dpi=144, bbox_inches="tight")
        plt.close(figure)
        path = self.folder / f"{own.name}.md"
        put_in_place(path, ("\n".join(lines).rstrip() + "\n").encode())
        return path


class _Said(SimpleNamespace):
    """What an answer may name of a part: its effect as text, its verdict, the means of both sides."""

    def __init__(self, verdict, runs):
        comparison = verdict.part.comparison
        middle = np.median if MEASURES[comparison.measure].kind == "sign" else np.mean
        a, b = (_text(middle(side)) for side in sides_of(comparison, runs))
        super().__init__(effect=effect_text(verdict.effect), verdict=verdict.verdict, a=a, b=b)

    def __format__(self, spec):
        return format(self.effect, spec)


def _text(number):
    if not math.isfinite(number):
        return "never" if number == math.inf else "unknown"
    if abs(number) >= 10:
        return f"{number:.0f}"
    return (f"{number:.3f}" if number == 0 or abs(number) >= 0.1 else f"{number:.3g}").replace("-", "−")


def _undecided(verdict, runs, level):
    """How many seeds would decide a verdict: on its own comparison, or on those of its controls that are open."""
    lacking = open_effects(verdict)
    needed, n = [seeds_needed(effect.comparison, runs, level) for effect in lacking], verdict.effect.n
    if not lacking:
        return f"{verdict.part.name} is undecided with {n} seeds, for it is another on another third of the images."
    why = "" if lacking == [verdict.effect] else ", for a control is open"
    start = f"{verdict.part.name} is undecided with {n} seeds{why}. If mean and spread stay as they are"
    if None in needed:
        censored = max(effect.censored for effect in lacking)
        alike = MEASURES[verdict.effect.comparison.measure].kind == "share" and verdict.effect.estimate == 1
        why = (f"in {censored} of {n} pairs a run diverged or never came so far" if censored else
               "all runs are alike" if alike else "what is seen lies about at the margin")
        return f"{start}, not even {MANY:,} would decide it: {why}."
    return (f"{start}, about {max(n + 1, *needed):,} would decide it four times out of five: in a new folder, on seeds "
            "that were not used yet.")


def _in_fields(arm):
    """An arm as its digest covers it: what its experiment has that the report's has not, and its seeds."""
    fields = differing(arm.experiments()[0])
    fields.pop("seed", None)
    return f"{arm}: {json.dumps(fields, sort_keys=True)}, rate {arm.protocol.rate}, seeds {list(arm.seeds)}"


def _rule(part):
    comparison = part.comparison
    controls = "".join(f"; control, {control.text}: the difference {control.expected}" for control in part.controls)
    return (f"{part.text} ({comparison.measure}, {MEASURES[comparison.measure].meaning}; what matters: "
            f"{rule_text(comparison)}{controls})")


def _row(verdict):
    controls = "".join(f"<br/><small>{text}</small>" for text in control_texts(verdict))
    cells = (verdict.part.name, verdict_mark(verdict.verdict), f"{effect_text(verdict.effect)}{controls}",
             rule_text(verdict.effect.comparison))
    return f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"
