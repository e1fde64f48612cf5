"""Practice: blanks to be filled in, with checks that name the mistake, and the answers to what the text has predicted.

`check` takes the name of a blank and somebody's functions, looks at what these do on small inputs, and compares with
what the right ones do and with what each of the typical mistakes would.
"""

from mlplib.practice.blanks import Answer
from mlplib.practice.checking import BLANKS, check
from mlplib.practice.predictions import Prediction

__all__ = ["BLANKS", "Answer", "Prediction", "check"]
