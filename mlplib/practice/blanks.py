"""A blank to be filled in, the mistakes that are made in it, and the answer to what somebody wrote."""

import re
from functools import cached_property
from html import escape
from typing import NamedTuple

import numpy as np

from mlplib.practice.observation import CLUE, WARNED, Observation, Raised, Strange, close, same

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


class Advice(NamedTuple):
    """What is said to a function that is wrong in no known way, and with a mistake that has nothing else to say.

    Attributes
    ----------
    look : tuple of int and str
        Where to read about it: a chapter, and the heading of a section.
    hint, line : str
        As of a Mistake.
    """

    look: tuple
    hint: str
    line: str


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
        Takes an Observation and the functions, and looks at what these do. Its labels name the function, if there are
        two.
    reference : tuple of callable
        The functions as they should be.
    advice : tuple of Advice
        For each function.

    Attributes
    ----------
    mistakes : dict from str to Mistake
        By their names.
    """

    def __init__(self, name, question, signatures, observe, reference, advice):
        self.name, self.question, self.signatures, self.reference = name, question, signatures, reference
        self._observe, self._advice = observe, advice
        self._functions = [signature.split("(")[0] for signature in signatures]
        self.mistakes = {}

    def mistake(self, name, *functions, also=(), **said):
        """Add a mistake, made by `functions` and by each tuple in `also`.

        The others are attributes of Mistake; the advice for the function that it is made in stands for what is not.
        """
        changed = [one is not other for one, other in zip(functions, self.reference)]
        said = self._advice[changed.index(True)]._asdict() | said
        self.mistakes[name] = Mistake(name, (functions, *also), **said)

    def observe(self, *functions, trusted=False):
        """Look at what functions do.

        Parameters
        ----------
        *functions : callable
            As many as the blank has.
        trusted : bool
            As for an Observation.

        Returns
        -------
        Observation
        """
        observation = Observation(trusted)
        self._observe(observation, *functions)
        return observation

    @cached_property
    def expected(self):
        """What is seen of the right functions."""
        return self.observe(*self.reference, trusted=True)

    @cached_property
    def known(self):
        """What is seen of each mistake: its name, an observation, and what is wrong in it, for each way to make it."""
        seen = [(name, self.observe(*way, trusted=True)) for name, mistake in self.mistakes.items()
                for way in mistake.ways]
        return [(name, observation, essential(observation.differing(self.expected), clues=True))
                for name, observation in seen]

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
        differing = observation.differing(self.expected)
        wrong = essential(differing)
        if not wrong:
            remark = [f"A remark: {label}. A number was too large or too small on the way; the value is right all the "
                      "same." for label in differing if label.startswith(WARNED)]
            verdict = f"Right: {self.name}. {len(observation.seen)} things were looked at; each is as it should be."
            return Answer(self.name, True, None, verdict, tuple(remark[:1]))
        if observation.unwritten:
            return Answer(self.name, False, None, f"Nothing here yet: {self.name}.",
                          (f"To be written: {self.question}",))
        if observation.endless:
            said = self.mistakes.get(ENDLESS) or Mistake(
                ENDLESS, (), "It was stopped: what it waits for never comes.", *self._advice[0])
            return self._answer(said, self.first_difference(observation, wrong), said.follows)
        found = []  # pairs of a mistake, None if it is not known, and the labels that it explains
        for position in range(len(self.signatures)):
            labels = [label for label in wrong if self._position(label) == position]
            found += self.diagnosis(observation, labels) if labels else []
        found.sort(key=lambda each: each[0] is None)
        (name, labels), *others = found
        position = self._position(labels[0])
        said = self.mistakes.get(name) or Mistake(None, (), self.resemblance(observation, labels),
                                                  *self._advice[position])
        sentences = [self.first_difference(observation, labels), said.follows]
        for another, labels in others:
            if another is None:
                sentences.append(f"Something else is not right either. {self.first_difference(observation, labels)}")
            elif another != name:
                sentences.append(f"There is a second mistake: {another}. {self.first_difference(observation, labels)}")
        where = self.name if len(self.signatures) == 1 else self._functions[position]
        return self._answer(said, *sentences, where=where)

    def _answer(self, said, *sentences, where=""):
        """The answer to a mistake, or to what is wrong somewhere in no known way."""
        return Answer(self.name, False, said.name, f"Not right yet: {said.name or where}.",
                      tuple(filter(None, sentences)), said.look, said.hint, said.line)

    def _position(self, label):
        """Of the function that a label is about."""
        return next((n for n, name in enumerate(self._functions) if f"{name}(" in label), 0)

    def diagnosis(self, observation, wrong):
        """The mistake that explains what is wrong in a function, or the two that do together.

        A mistake is told only if it explains all that is wrong, and no other does; clues decide between those that do.

        Parameters
        ----------
        observation : Observation
        wrong : list of str
            All labels of one function that are not as they should be.

        Returns
        -------
        list of pair of str or None, and list of str
            The mistake, None if there is no explanation, and the labels that it explains.
        """
        position = self._position(wrong[0])
        clues = [label for label in observation.differing(self.expected)
                 if label.startswith(CLUE) and self._position(label) == position]
        for ignored in ((), (CLUE,)):
            known = [(name, other, {label for label in changes if self._position(label) == position
                                    and not label.startswith(ignored)}) for name, other, changes in self.known]
            found = explanations(observation.seen, {*wrong, *(() if ignored else clues)}, known)
            if len(found) == 1:
                return [(name, [label for label in wrong if label in labels]) for name, labels in found[0].items()]
        return [(None, wrong)]

    def resemblance(self, observation, wrong):
        """A sentence for what is wrong in no known way: whether an array is as one mistake, and no other, makes it.

        Equal to the last digit that counts, that is no chance; but it need not be that mistake.
        """
        seen = observation.seen
        for label in wrong:
            names = {name for name, other, _ in self.known if same(seen.get(label), other.seen.get(label))}
            array = seen.get(label)
            telling = isinstance(array, np.ndarray) and len(np.unique(array)) > 1
            if telling and array.ndim == 1:  # a list that ends too soon has the same beginning whatever ended it
                telling = array.shape == np.shape(self.expected.seen.get(label))
            if telling and len(names) == 1:
                return (f"That is something that is not on my list. But what you gave at {label} is exactly what comes "
                        f"out with this mistake: {names.pop()}.")
        # What is no number says for itself what it is.
        numbers = all(isinstance(seen.get(label), np.ndarray) for label in wrong)
        return "That is something that is not on my list." if numbers else ""

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


def explanations(seen, wrong, known):
    """Mistakes that explain all that is wrong: each by itself, or else the pairs of them that do together.

    In a pair each explains something that the other does not. What is not finite may hide what the other one gives
    there: whatever is added to it, it stays.

    Parameters
    ----------
    seen : dict
        Of an Observation.
    wrong : set of str
    known : list of tuple of str, Observation and set of str
        What each mistake is called, what is seen of it, and what of that is wrong.

    Returns
    -------
    list of dict from str to set of str
        Of each explanation: the mistakes, one or two, and what each explains.
    """
    shown = [(name, changes, {label for label in changes & wrong if same(seen.get(label), other.seen.get(label))})
             for name, other, changes in known]
    alone = {name for name, changes, explained in shown if explained == changes == wrong}
    hidden = {label for label in wrong
              if isinstance(seen.get(label), np.ndarray) and not np.isfinite(seen[label]).all()}
    pairs = {frozenset((one, other)): {one: mine, other: theirs - mine}
             for other, changes, theirs in shown if theirs == changes
             for one, others, mine in shown if one != other and others - mine <= hidden & theirs
             and mine | theirs == wrong and essential(mine - theirs) and essential(theirs - mine)}
    return [{name: wrong} for name in alone] or list(pairs.values())


def essential(labels, clues=False):
    """Labels without warnings and clues: they depend on how something is written."""
    return [label for label in labels if not label.startswith(WARNED) and (clues or not label.startswith(CLUE))]


def six_digits(value):
    """Six digits, and a real minus sign."""
    return "NaN" if np.isnan(value) else f"{float(value) + 0.0:.6g}".replace("-", "−")
