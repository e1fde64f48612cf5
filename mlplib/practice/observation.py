"""What a function that somebody else wrote does, on small inputs: seen without being harmed by it."""

import copy
import io
import re
import sys
import traceback
import warnings
from contextlib import contextmanager, nullcontext, redirect_stderr, redirect_stdout
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np

#: Two numbers are the same if they differ by less than this, relative to the largest in their array. It covers float32,
#: in the answer or on the way to it; in float16 a hundredth does.
TOLERANCE = 1e-5
#: No right answer takes a tenth of it.
TOO_MANY_LINES = 100_000
HERE = str(Path(__file__).parents[1])
WARNED = "a warning from NumPy at "
#: Labels that begin so say how something was done: it may be done otherwise, but it tells mistakes apart.
CLUE = "a clue: "


class Raised(NamedTuple):
    """An exception, where a value was expected.

    Attributes
    ----------
    kind, message : str
    """

    kind: str
    message: str

    def __str__(self):
        return f"{self.kind}: {self.message or 'without a message'}"


class Strange(NamedTuple):
    """What is no array of numbers.

    Attributes
    ----------
    what : str
        In words.
    """

    what: str


class EndlessError(BaseException):
    """A loop that goes on and on; no `except Exception` of its own keeps it going."""


class Silent(io.TextIOBase):
    """Takes what a function prints, however much, and keeps nothing."""

    def write(self, text):  # noqa: D102 - as every stream has it
        return len(text)


class Observation:
    """Records what functions return, change, warn of and raise.

    Parameters
    ----------
    trusted : bool
        Whether functions are known to come to an end. Then their lines are not counted, which takes time.

    Attributes
    ----------
    seen : dict from str to array, Raised or Strange
        By what was looked at, mostly a Python expression such as "sigmoid(1000)". A yes or no is a bool array.
    lines : dict from str to str
        Where an exception came from, by the same names: the number of the line in the function's cell, and its text.
    unwritten : bool
        Whether NotImplementedError was raised, as by a blank that nobody has filled in.
    endless : bool
        Whether a loop had to be stopped. From then on nothing is called any more: the next call would not end either.
    """

    def __init__(self, trusted=False):
        self.seen, self.lines, self.unwritten, self.endless = {}, {}, False, False
        self._limit = nullcontext if trusted else partial(stopped_after, TOO_MANY_LINES)

    def note(self, label, value):
        """Write down something that was looked at."""
        self.seen[label] = entry(value)

    def call(self, expression, function, *arguments, case="", copied=True, returns=True):
        """Call a function, and write down what comes.

        Parameters
        ----------
        expression : str
            The call, as the reader would write it. Where a list comes back each entry is written down by itself.
        function : callable
        *arguments
        case : str
            With which arguments, if it is called more than once.
        copied : bool
            Whether the function gets copies of lists and arrays; it should leave them alone, and it is written down if
            it does. What it is meant to change it gets itself.
        returns : bool
            Whether what it returns counts.
        """
        label = expression + case
        if self.endless:
            return
        given = [copy.deepcopy(each) if copied and isinstance(each, (list, np.ndarray)) else each for each in arguments]
        with warnings.catch_warnings(record=True) as warned, np.errstate(all="warn", under="ignore"), \
                redirect_stdout(Silent()), redirect_stderr(Silent()):
            warnings.simplefilter("always")
            try:
                with self._limit():
                    value = function(*given)
                found = list(parts(expression, case, value)) if returns else []
            except (Exception, SystemExit, EndlessError) as error:  # whatever it does; Ctrl-C is not its doing
                self.endless |= isinstance(error, EndlessError)
                found = [(label, Raised(type(error).__name__.removeprefix("_"), message_of(error)))]
                self.unwritten |= isinstance(error, NotImplementedError)
                self.lines[label] = line_of(error, function)
        self.seen.update(found)
        self.note(WARNED + label, any(issubclass(each.category, RuntimeWarning) for each in warned))
        if copied:
            self.note(f"{label} changes an argument", any(map(changed, arguments, given)))

    def differing(self, other):
        """What two observations do not have in common: a list of labels, in the order in which they were made."""
        labels = [*other.seen, *(label for label in self.seen if label not in other.seen)]
        return [label for label in labels if not same(self.seen.get(label), other.seen.get(label))]


@contextmanager
def stopped_after(n_lines):
    """Stop what runs here after so many lines of Python: without threads and signals, which a browser has not.

    Lines of this library are not counted. What never comes back from a single line cannot be stopped; and nothing is
    counted under a debugger, which watches the lines itself.
    """
    n_run = 0

    def entered(frame, event, argument):
        return None if frame.f_code.co_filename.startswith(HERE) else line

    def line(frame, event, argument):
        nonlocal n_run
        n_run += event == "line"
        if n_run > n_lines:
            raise EndlessError(f"the loop goes on after {n_lines:,} lines")
        return line

    if sys.gettrace() is not None:
        yield
        return
    sys.settrace(entered)
    try:
        yield
    finally:
        sys.settrace(None)


def changed(before, after):
    """Whether an array, or one in a list, is not what it was."""
    if isinstance(before, list):
        return len(before) != len(after) or any(map(changed, before, after))
    return isinstance(before, np.ndarray) and not np.array_equal(before, after)


def parts(expression, case, value):
    """A value and the values in it, each with its expression; in lists and tuples, however deep."""
    if isinstance(value, (list, tuple)) and not numbers(value):
        yield f"len({expression}){case}", entry(len(value))
        for index, each in enumerate(value[:100]):
            yield from parts(f"{expression}[{index}]", case, each)
    else:
        yield expression + case, entry(value)


def numbers(value):
    """Whether a list is one of numbers, which will do for an array."""
    return bool(value) and all(isinstance(each, (int, float, np.number)) for each in value)


def entry(value):
    """A copy of a value as an array of numbers or of truth values, or what it is instead."""
    try:
        array = np.array(value)
    except Exception:  # of another package, or of rows of different lengths
        array = np.array(None)
    if array.dtype.kind in "fiub":
        return array
    return Strange("nothing (is a return missing?)" if value is None else
                   f"no array of numbers, but {type(value).__name__}")


def message_of(error):
    """What an exception says; where it depends on how the same mistake is written, in words that do not."""
    message = str(error)[:300]
    sizes = re.search(r"size (\d+) is different from (\d+)|: (\d+) \(dim \d\) != (\d+)", message)
    shapes = re.findall(r"\([\d,]+\)", message)
    if sizes:
        one, other = sorted(map(int, filter(None, sizes.groups())))
        return f"a product of two matrices that do not fit, for {one} is not {other}"
    if "broadcast" in message and len(shapes) >= 2:
        return f"arrays whose shapes do not fit, {' and '.join(sorted(shapes[:2]))}"
    if "Cannot cast ufunc" in message:
        return "an array of whole numbers cannot hold the result"
    if isinstance(error, UnboundLocalError):
        return "a variable is asked for that was never given a value"
    return message


def line_of(error, function):
    """The line of the function's own file, or cell, that an exception came through last."""
    file = getattr(getattr(function, "__code__", None), "co_filename", None)
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if frame.filename == file]
    return f"line {frames[-1].lineno}: {frames[-1].line}".rstrip(": ") if frames else ""


def close(theirs, ours):
    """Which numbers of two arrays of one shape are the same."""
    tolerance = max(TOLERANCE, 10 * np.finfo(theirs.dtype).eps) if theirs.dtype.kind == "f" else TOLERANCE
    theirs, ours = theirs.astype(np.float64), ours.astype(np.float64)
    largest = max(1e-3, np.abs(ours[np.isfinite(ours)]).max(initial=0))
    return np.isclose(theirs, ours, rtol=tolerance, atol=tolerance * largest, equal_nan=True)


def same(theirs, ours):
    """Whether two entries of observations say the same."""
    if isinstance(theirs, np.ndarray) and isinstance(ours, np.ndarray):
        if theirs.shape != ours.shape:
            return False
        alike = theirs.dtype == ours.dtype and theirs.tobytes() == ours.tobytes()  # mostly, and soon seen
        return alike or bool(close(theirs, ours).all())
    return type(theirs) is type(ours) and theirs == ours
