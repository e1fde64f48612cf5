"""A report of one's own: rules that are fixed before their runs, the runs, and a page in the form of the book's."""

import json
from datetime import date
from pathlib import Path
from types import SimpleNamespace

import numpy as np

from mlplib import _checks
from mlplib.entries import differing
from mlplib.evidence.figures import control_texts, effect_text, plot_groups, rule_text, verdict_mark
from mlplib.evidence.measures import MEASURES
from mlplib.evidence.registrations import EvidenceError, Part, Registration, arms_of
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
    refused, so what the runs show can no longer change what was asked.

    Parameters
    ----------
    name : str
        A short one, of letters, digits, `_` and `-`: the page and its figure are called so.
    parts : sequence of Part
        What is claimed, each with its comparison and its margin. What all their arms train is registered with them.
    plan : str
        What else is fixed before the runs, in words: where the data come from, what a pilot showed, what it may cost.
    folder : str or os.PathLike
        For the rules, the runs and the page; made if it does not exist.

    Attributes
    ----------
    registration : Registration
    folder : pathlib.Path
    runs : dict from Arm to list of Run
        Empty until `train` was called.

    Raises
    ------
    EvidenceError
        If the folder has other rules, or runs without rules. The message says which, and what to do.
    TypeError, ValueError
        If an argument is not as described.
    """

    def __init__(self, name, parts, plan, folder):
        if not _checks.text("name", name).replace("_", "").replace("-", "").isalnum():
            raise ValueError(f"name: expected letters, digits, _ and -, got {_checks.shown(name)}")
        parts = _checks.instances("parts", parts, Part)
        if not parts:
            raise ValueError("parts: expected at least one Part, got none")
        if not _checks.text("plan", plan).strip():
            raise ValueError("plan: expected words that say what else is fixed, got none")
        self.folder, self.runs, arms = Path(_checks.path("folder", folder)), {}, arms_of(parts)
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
        return "\n".join([*lines, *(f"- {part.name}: {_rule(part)}" for part in self.registration.parts)])

    @property
    def digest(self):
        """That of the rules, the plan, the data and the experiments: 16 hexadecimal digits."""
        return self.registration.digest

    def cost(self):
        """How long all runs take at most on one processor of this machine, a float in minutes."""
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
        return judge(self.runs, self.registration.parts)

    def figure(self):
        """Each run of the first part, a row of dots for each arm, with means and 95 % intervals: a Figure."""
        comparison = self.registration.parts[0].comparison
        measure, arms = MEASURES[comparison.measure], arms_of(self.registration.parts[:1])
        sides = [arm for arm in arms if arm in comparison.arms]
        return plot_groups({str(arm): [measure.of(run) for run in self.runs[arm]] for arm in sides}, comparison.measure,
                           log=measure.logarithmic,
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
            `{NAME.verdict}` the verdict, `{NAME.a}` and `{NAME.b}` the means of both sides.
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
            If the answer speaks of a part that there is not.
        """
        texts = {"question": question, "why": why, "answer": answer, "caption": caption, "alt": alt}
        for argument, given in texts.items():
            if not _checks.text(argument, given).strip():
                raise ValueError(f"{argument}: expected words, got none")
        verdicts, own = self.verdicts(), self.registration
        known = {verdict.part.name: _Said(verdict, self.runs) for verdict in verdicts}
        try:
            said = answer.format_map(known)
        except (KeyError, AttributeError, IndexError, ValueError) as error:
            raise ValueError(f"answer: expected {{NAME}}, {{NAME.verdict}}, {{NAME.a}} and {{NAME.b}} of "
                             f"{', '.join(known)} in braces, got {error}") from None
        data = sorted({str(arm.network.experiment.data or "MNIST") for arm in own.arms})
        if data != ["MNIST"]:
            data[-1] += " (what measures call the test file are the samples that validate)"
        seeds = sorted({len(arm.seeds) for arm in own.arms})
        lines = [
            f"# {question.strip()}", "", f"**Question.** {why.strip()}", "",
            (f"**Experiment.** Data: {'; '.join(data)}. Networks: {'; '.join(map(str, own.arms))}. "
             f"{' or '.join(map(str, seeds))} seeds each, the same for all. Registered on {own.date}, before the first "
             f"run, with the digest `{own.digest}`:"), "",
            *(f"- {part.name}: {_rule(part)}" for part in own.parts), "",
            f"```{{figure}} {own.name}.png", f":name: fig-{own.name}", f":alt: {' '.join(alt.split())}", "",
            " ".join(caption.split()), "```", "", f"**What {counted(seeds[-1], 'seed')} say.** {said.strip()}", "",
            "| part | verdict | effect, corrected interval | what matters |", "| --- | --- | --- | --- |",
            *map(_row, verdicts), "",
        ]
        figure = self.figure()
        figure.savefig(self.folder / f"{own.name}.png", dpi=144, bbox_inches="tight")
        plt.close(figure)
        path = self.folder / f"{own.name}.md"
        put_in_place(path, "\n".join(lines).encode())
        return path


class _Said(SimpleNamespace):
    """What an answer may name of a part: its effect as text, its verdict, the means of both sides."""

    def __init__(self, verdict, runs):
        comparison = verdict.part.comparison
        of = MEASURES[comparison.measure].of
        super().__init__(effect=effect_text(verdict.effect), verdict=verdict.verdict, **{
            name: _text(np.mean([of(run) for arm in side for run in runs[arm]]) if isinstance(side, tuple) else side)
            for name, side in (("a", comparison.a), ("b", comparison.b))})

    def __format__(self, spec):
        return format(self.effect, spec)


def _text(number):
    return f"{number:.3f}" if abs(number) < 10 else f"{number:.0f}"


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
