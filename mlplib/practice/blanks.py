"""A blank to be filled in, the mistakes that are made in it, and the answer to what somebody wrote."""

import re
from functools import cached_property
from html import escape
from typing import NamedTuple

import numpy as np

from mlplib.practice.observation import WARNED, Observation, Raised, Strange, close, same

#: What a loop is called that a check had to stop.
ENDLESS = "a loop without an end"
CHAPTERS = {1: "1_backpropagation", 2: "2_network", 3: "3_tricks"}


class Mistake(NamedTuple):
    """A typical mistake.

    Attributes
    ----------
    name : str
        What it is called, "forgotten f′" for instance.
    ways : tuple of tuple of callable
        The blank's functions, with the mistake in them; if there is more than one way to make it, each.
    follows : str
        What follows from it, in a sentence or two.
    look : tuple of int and str
        Where to read again: a chapter, and the heading of a section.
    hint, line : str
        What to think of, and a line of code that is right.
    """

    name: str
    ways: tuple
    follows: str
    look: tuple
    hint: str
    line: str


class Answer(NamedTuple):
    """What is said to somebody's functions: as text in a terminal, with a hint and a line that open in a notebook.

    Attributes
    ----------
    blank : str
    right : bool
    mistake : str or None
        The name of the mistake, if it is a known one.
    verdict : str
        In a sentence.
    sentences : tuple of str
        What was seen, and what follows.
    look : tuple or None
    hint, line : str
        Empty if there is nothing to mend.
    """

    blank: str
    right: bool
    mistake: str | None
    verdict: str
    sentences: tuple = ()
    look: tuple | None = None
    hint: str = ""
    line: str = ""

    def __repr__(self):
        where = [f"Read again: chapter {self.look[0]}, “{self.look[1]}”."] if self.look else []
        return "\n".join([self.verdict, *self.sentences, *where])

    def _repr_html_(self):
        """The same, and two things that open: the hint, and in it the line. They need no kernel."""
        text = "".join(f"<p>{in_html(sentence)}</p>" for sentence in self.sentences)
        if self.look:
            chapter, section = self.look
            address = f"../{CHAPTERS[chapter]}.ipynb#{slug(section)}"
            text += f'<p>Read again: <a href="{address}">chapter {chapter}, “{escape(section)}”</a>.</p>'
        if self.hint:
            line = folded("The line", f"<pre>{escape(self.line)}</pre>") if self.line else ""
            text += folded("A hint", f"<p>{in_html(self.hint)}</p>{line}")
        mark = "✓" if self.right else "✗" if self.hint else "○"
        return (f'<div class="practice-answer"><p role="status"><strong><span aria-hidden="true">{mark} </span>'
                f"{in_html(self.verdict)}</strong></p>{text}</div>")


def in_html(text):
    """Text as HTML, code as code: what stands between backticks."""
    return re.sub("`([^`]+)`", r"<code>\1</code>", escape(text))


def folded(summary, inside):
    """HTML that opens, with the triangle that browsers give it and JupyterLab takes away."""
    return (f'<details><summary style="display: revert; list-style: revert; cursor: pointer">{summary}</summary>'
            f"{inside}</details>")


def slug(heading):
    """A heading as the pages' addresses have it."""
    words = "".join(letter if letter.isalnum() else " " for letter in heading.lower()).split()
    return "-".join(words)


class Blank:
    """One or two functions to be written.

    Parameters
    ----------
    name : str
    question : str
        What is to be written.
    signatures : tuple of str
        Of the functions, in the order in which `check` takes them.
    observe : callable
        Takes an Observation and the functions, and looks at what these do.
    reference : tuple of callable
        The functions as they should be.
    look : tuple of int and str
        Where to read about it: a chapter, and the heading of a section.
    hint, line : str
        For an answer that is wrong in no known way.

    Attributes
    ----------
    mistakes : dict from str to Mistake
        By their names.
    """

    def __init__(self, name, question, signatures, observe, reference, look, hint, line):
        self.name, self.question, self.signatures, self.reference = name, question, signatures, reference
        self.look, self.hint, self.line = look, hint, line
        self._observe = observe
        self.mistakes = {}

    def mistake(self, name, *functions, also=(), **said):
        """Add a mistake, made by `functions` and by each tuple in `also`.

        The others are attributes of Mistake; what is said of the blank stands for what is not.
        """
        said = {"look": self.look, "hint": self.hint, "line": self.line} | said
        self.mistakes[name] = Mistake(name, (functions, *also), **said)

    def observe(self, *functions):
        """Look at what functions do.

        Parameters
        ----------
        *functions : callable
            As many as the blank has.

        Returns
        -------
        Observation
        """
        observation = Observation()
        self._observe(observation, *functions)
        return observation

    @cached_property
    def expected(self):
        """What is seen of the right functions."""
        return self.observe(*self.reference)

    @cached_property
    def known(self):
        """What is seen of each mistake: pairs of its name and an observation, one for each way to make it."""
        return [(name, self.observe(*way)) for name, mistake in self.mistakes.items() for way in mistake.ways]

    def answer(self, *functions):
        """What there is to say to somebody's functions.

        Parameters
        ----------
        *functions : callable
            As many as the blank has.

        Returns
        -------
        Answer
        """
        return self.judge(self.observe(*functions))

    def judge(self, observation):
        """What there is to say to what was seen.

        Parameters
        ----------
        observation : Observation

        Returns
        -------
        Answer
        """
        wrong = observation.differing(self.expected)
        if not essential(wrong):
            remark = [f"A remark: {label}. A number was too large or too small on the way; the value is right all the "
                      "same." for label in wrong[:1]]
            verdict = f"Right: {self.name}. {len(observation.seen)} things were looked at; each is as it should be."
            return Answer(self.name, True, None, verdict,
                          tuple(remark))
        wrong = essential(wrong)
        if observation.unwritten:
            return Answer(self.name, False, None, f"Nothing here yet: {self.name}.",
                          (f"To be written: {self.question}",))
        name, rest = self.diagnosis(observation, wrong)
        if observation.endless and ENDLESS not in self.mistakes:
            return Answer(self.name, False, ENDLESS, f"Not right yet: {ENDLESS}.",
                          (self.first_difference(observation, wrong), "It was stopped: what it waits for never comes."),
                          self.look, self.hint, self.line)
        if observation.endless:
            name, rest = ENDLESS, []
        if name is None:
            parts = self.in_part(observation, wrong)
            several = ("Not right yet: more than one thing, it seems.", *parts) if parts else (
                f"Not right yet: {self.name}.",)
            return Answer(self.name, False, None, several[0],
                          (self.first_difference(observation, wrong), *several[1:]), self.look, self.hint, self.line)
        mistake = self.mistakes[name]
        explained = [label for label in wrong if label not in rest]
        sentences = [self.first_difference(observation, explained), mistake.follows]
        if rest:
            sentences.append(f"Something else is not right either. {self.first_difference(observation, rest)}")
        return Answer(self.name, False, name, f"Not right yet: {name}.", tuple(sentences), mistake.look, mistake.hint,
                      mistake.line)

    def diagnosis(self, observation, wrong):
        """The mistake that an observation shows, and the labels that it does not explain.

        A mistake is shown if all that it changes is seen. One that explains everything comes first; where two are made
        at once, the one that explains most.

        Returns
        -------
        name : str or None
        rest : list of str
        """
        shown = []
        for name, known in self.known:
            changes = essential(known.differing(self.expected))
            if all(same(observation.seen.get(label), known.seen.get(label)) for label in changes):
                shown.append((name, [label for label in wrong if label not in changes]))
        return min(shown, key=lambda each: len(each[1]), default=(None, wrong))

    def in_part(self, observation, wrong):
        """What is seen of known mistakes in arrays of numbers, where no mistake explains all: a sentence, or none.

        A whole array that is as a mistake makes it, to the last digit that counts, is no chance.
        """
        arrays = [label for label in wrong if isinstance(observation.seen.get(label), np.ndarray)
                  and len(np.unique(observation.seen[label])) > 1]
        traces = {}
        for name, known in self.known:
            labels = [label for label in arrays if same(observation.seen[label], known.seen.get(label))]
            if labels:
                traces[name] = max(labels, traces.get(name, []), key=len)
        if not traces:
            return ()
        name = max(traces, key=lambda name: len(traces[name]))
        said = f"{traces[name][0]} is what this gives: {name}."
        return (f"{said} That does not explain the rest, so something else is not right either.",)

    def first_difference(self, observation, wrong):
        """What was seen first that should be otherwise, in a sentence."""
        seen = [label for label in wrong if label in observation.seen] or wrong
        # What is no number comes first: the rest follows from it.
        label = min(seen, key=lambda label: isinstance(observation.seen.get(label), np.ndarray))
        theirs, ours = observation.seen.get(label), self.expected.seen.get(label)
        if isinstance(theirs, Raised):
            line = observation.lines.get(label)
            where = f" ({line})" if line else ""
            return f"{label} raises {theirs}{where}."
        if theirs is None:
            return f"{label} was expected, and is not there."
        if ours is None and not isinstance(theirs, Strange):
            return (f"{label} gives an array of shape {theirs.shape}, where something else was expected. To be "
                    f"written: {self.question}")
        if isinstance(theirs, Strange):
            wanted = "something else" if ours is None else f"an array of shape {ours.shape}"
            return f"{label} gives {theirs.what}, where {wanted} was expected."
        if theirs.dtype == bool == ours.dtype and theirs.shape == ():
            return f"{label}: {'yes' if theirs else 'no'}, and it should be {'yes' if ours else 'no'}."
        if theirs.ndim == ours.ndim == 1 and theirs.shape != ours.shape:
            return f"{label} has the length {len(theirs)}, and should have {len(ours)}."
        if theirs.shape != ours.shape:
            return f"{label} has the shape {theirs.shape}, and should have {ours.shape}."
        index = tuple(map(int, np.argwhere(~close(theirs, ours))[0]))
        place = f", at [{', '.join(map(str, index))}]" if index else ""
        return f"{label} gives {six_digits(theirs[index])}{place}, and should give {six_digits(ours[index])}."


def essential(labels):
    """Labels without the warnings: whether a mistake warns depends on how it is written."""
    return [label for label in labels if not label.startswith(WARNED)]


def six_digits(value):
    """Six digits, and a real minus sign."""
    return "NaN" if np.isnan(value) else f"{float(value) + 0.0:.6g}".replace("-", "−")
