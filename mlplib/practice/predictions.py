"""A prediction: the answer to a question that the text asks before it shows what happened.

The question stands in the text, and the choices in a list below it. What is right is computed from what was measured.
In a notebook the answer is folded; on the book's pages a script makes a form of both, which shows it to those who
have chosen (book/_static/predictions.js).
"""

import math
import re
from html import escape

from mlplib import _checks


def _rounded(number, way):
    """To two digits, or to a whole number: outwards, so that what is said to count as right is what counts."""
    digits = 0 if abs(number) >= 100 or number == 0 else 1 - math.floor(math.log10(abs(number)))
    return way(round(number * 10**digits, 6)) / 10**digits


class Prediction:
    """The folded answer to the question above it.

    Parameters
    ----------
    name : str
        What the page calls it, in small letters, digits and hyphens: no two on a page are called the same.
    right : dict from str to bool, or pair of float
        Of each choice, as the list above has it, whether it is right: one is. Where a number is asked for, between
        which two it counts as right.
    answer : str
        What was measured, in one sentence or two.
    see : str
        The label of the figure, or of the section, that shows it.

    Raises
    ------
    TypeError, ValueError
        If they are not; also if no choice is right, or several are: the runs do not say then what the question assumes.
    """

    def __init__(self, name, right, answer, see):
        self.name = _checks.text("name", name)
        if not re.fullmatch("[a-z][a-z0-9-]*", name):
            raise ValueError(f"name: expected small letters, digits and hyphens, got {_checks.shown(name)}")
        self.answer, self.see = _checks.text("answer", answer), _checks.text("see", see)
        if isinstance(right, dict):
            given = {choice: _checks.boolean(f"right[{choice!r}]", value)
                     for choice, value in _checks.named("right", right).items()}
            if list(given.values()).count(True) != 1 or len(given) < 2 or not all(map(str.strip, given)):
                raise ValueError(f"right: expected two choices or more, one of them right, got {_checks.shown(given)}")
            self.right = given
        else:
            ends = [_checks.finite(f"right[{i}]", end)
                    for i, end in enumerate(_checks.sequence("right", right, "two numbers, or a dict of choices"))]
            if len(ends) != 2 or ends[0] > ends[1]:
                raise ValueError(f"right: expected two numbers, the smaller one first, got {_checks.shown(right)}")
            self.right = tuple(ends)

    def _said(self):
        """What is right, in words, and the same for the page's script."""
        if isinstance(self.right, dict):
            (place,) = [i for i, right in enumerate(self.right.values()) if right]
            choice = list(self.right)[place].strip()
            return f"{choice[0].upper()}{choice[1:]}.", f'data-right="{place}"'
        low, high = (_rounded(end, up) for end, up in zip(self.right, (math.floor, math.ceil)))
        said = f"{low:,.9g}." if low == high else f"Anything from {low:,.9g} to {high:,.9g} counts as right."
        return said.replace("-", "−"), f'data-low="{low:.9g}" data-high="{high:.9g}"'

    def _repr_html_(self):
        said, data = self._said()
        return (f'<details class="prediction" id="predict-{escape(self.name)}" {data}><summary>The answer</summary>\n'
                f"<p><strong>{escape(said)}</strong> {escape(self.answer)} "
                f'<span class="see" data-see="{escape(self.see)}">It is shown below.</span></p>\n</details>')

    def __repr__(self):
        return f"The answer: {self._said()[0]} {self.answer}"
