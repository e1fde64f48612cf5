"""Implement it yourself: blanks to be filled in, and checks that name the mistake.

`check` takes the name of a blank and somebody's functions, looks at what these do on small inputs, and compares with
what the right ones do and with what each of the typical mistakes would.
"""

from mlplib.practice.blanks import Answer
from mlplib.practice.checking import BLANKS, check

__all__ = ["BLANKS", "Answer", "check"]
