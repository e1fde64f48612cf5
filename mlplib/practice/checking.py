"""All blanks, what is said to somebody's functions, and the table of mistakes and answers."""

from mlplib import _checks
from mlplib.practice.learning import MOMENTUM, TRAINING
from mlplib.practice.way_back import BACKWARD, DELTA, GRADIENT_CHECK
from mlplib.practice.way_forward import FORWARD, SIGMOID, SOFTMAX

#: The blanks by their names, in the order in which they are filled in.
BLANKS = {blank.name: blank for blank in (SIGMOID, SOFTMAX, FORWARD, DELTA, BACKWARD, GRADIENT_CHECK, MOMENTUM,
                                          TRAINING)}


def check(name, *functions):
    """Look at what functions do on small inputs, and say whether they are right, or which mistake is in them.

    The functions get copies of all that they should not change. Whatever they do, an answer comes: they may raise,
    return nothing, or print. What they print during a check is not shown.

    Parameters
    ----------
    name : str
        Of the blank, a key of `BLANKS`.
    *functions : callable
        As many as the blank has, in the order of its `signatures`.

    Returns
    -------
    Answer
        In a notebook it shows itself, with a hint and a line of code that open.

    Raises
    ------
    TypeError, ValueError
        If there is no such blank, or if these are not as many functions as it has.
    """
    blank = BLANKS[_checks.one_of("name", name, BLANKS)]
    wanted = ", ".join(blank.signatures)
    if len(functions) != len(blank.signatures):
        raise TypeError(f"functions: expected {len(blank.signatures)}, {wanted}, got {len(functions)}")
    for position, function in enumerate(functions):
        _checks.function(f"functions[{position}]", function)
    return blank.answer(*functions)


def confusion(blank):
    """Which mistakes are told to functions that have each of the mistakes.

    Parameters
    ----------
    blank : Blank

    Returns
    -------
    list of list of bool
        A row for each mistake made, in all ways; a column for each mistake told.
    """
    told = [{blank.answer(*way).mistake for way in mistake.ways} for mistake in blank.mistakes.values()]
    return [[name in names for name in blank.mistakes] for names in told]
