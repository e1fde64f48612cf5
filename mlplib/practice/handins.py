"""A hand-in of the exercise notebook: its cells, and what its functions do, seen from a process of their own.

Run as a program it is that process. It takes cells, runs them, looks at the functions that they define, and writes down
what it sees, a line of JSON for each step. It judges nothing: who rewrites the checks there rewrites nobody's points.
"""

import ast
import contextlib
import importlib
import json
import linecache
import os
import re
import sys
from typing import NamedTuple

import numpy as np

from mlplib.practice.checking import BLANKS
from mlplib.practice.observation import Observation, Raised, Strange

LARGEST_FILE = 50_000_000  # bytes; a hand-in without outputs has 30 thousand
LARGEST_ARRAY = 10_000  # entries; no right answer has a hundred
WRITTEN = 20_000_000  # bytes, of each file
FUNCTIONS = {name: tuple(call.split("(")[0] for call in wanted.signatures) for name, wanted in BLANKS.items()}
# What changes something outside the process; its own folder excepted, where that has a path.
WITH_PATHS = {"os.chmod", "os.chown", "os.link", "os.mkdir", "os.remove", "os.rename", "os.rmdir", "os.symlink",
              "os.truncate", "os.utime"}
NEVER = re.compile(r"os\.(exec|fork|forkpty|kill|killpg|posix_spawn|spawn|startfile|system)"
                   r"|subprocess\.Popen|pty\.spawn|socket\.(bind|connect|sendto)")


class Cell(NamedTuple):
    """A cell of code.

    Attributes
    ----------
    number : int
        From 1, among the cells of code.
    source : str
    """

    number: int
    source: str


# ---- the notebook


def cells_of(content):
    """The cells of code that have to be run to have the functions: all up to the last that defines one.

    Parameters
    ----------
    content : bytes
        Of the file.

    Returns
    -------
    list of Cell

    Raises
    ------
    ValueError
        If it is no notebook.
    """
    try:
        notebook = json.loads(content)
        found = notebook["cells"]
        sources = ["".join(cell["source"]) for cell in found if cell["cell_type"] == "code"]
    except (ValueError, TypeError, KeyError, RecursionError):
        raise ValueError("This is not a notebook: expected a file .ipynb, as Jupyter saves it.") from None
    cells = [Cell(number, python(source)) for number, source in enumerate(sources, start=1)]
    wanted = {name for names in FUNCTIONS.values() for name in names}
    last = max((cell.number for cell in cells if wanted & defined(cell.source)), default=0)
    return [cell for cell in cells[:last] if not is_check(cell.source)]


def python(source):
    """A cell without IPython's own lines, such as %time and !pip, which are no Python."""
    if parsed(source) is not None:
        return source
    plain = re.sub(r"^([ \t]*)[%!?].*$", r"\1pass", source, flags=re.MULTILINE)
    return source if parsed(plain) is None else plain


def parsed(source):
    """The statements of a cell, or None if it is no Python."""
    try:
        return ast.parse(source).body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None


def defined(source):
    """The names that a cell defines by itself: functions, variables, what it imports."""
    names = set()
    for node in parsed(source) or []:
        names |= {getattr(node, "name", None)}
        names |= {part.id for part in ast.walk(node) if isinstance(part, ast.Name) and isinstance(part.ctx, ast.Store)}
        names |= {alias.asname or alias.name for alias in getattr(node, "names", []) if isinstance(alias, ast.alias)}
    # What cannot be read may have been meant to define them.
    return names if parsed(source) is not None else set(re.findall(r"^def (\w+)", source, re.MULTILINE))


def is_check(source):
    """Whether a cell asks for a check and does nothing else."""
    calls = [getattr(statement, "value", None) for statement in parsed(source) or [None]]
    return all(isinstance(call, ast.Call) and getattr(call.func, "id", "") == "check" for call in calls)


# ---- what was seen, as JSON


def as_json(observation):
    """An observation as JSON has it."""
    return {"seen": {label: entry_as_json(entry) for label, entry in observation.seen.items()},
            "lines": observation.lines, "unwritten": observation.unwritten, "endless": observation.endless}


def entry_as_json(entry):
    """One entry of it."""
    if isinstance(entry, Raised):
        return {"raised": [entry.kind, entry.message]}
    if isinstance(entry, np.ndarray) and entry.size > LARGEST_ARRAY:
        entry = Strange(f"an array of shape {entry.shape}")
    if isinstance(entry, Strange):
        return {"strange": entry.what}
    entry = entry.astype(float) if entry.dtype.itemsize > 8 else entry
    return {"dtype": entry.dtype.name, "shape": entry.shape, "values": entry.ravel().tolist()}


def from_json(told):
    """The observation again. What is none, since the process may write anything, raises ValueError."""
    observation = Observation()
    try:
        observation.seen = {label: entry_from_json(**entry) for label, entry in told["seen"].items()}
        observation.lines = {label: str(line)[:200] for label, line in told["lines"].items()}
        observation.unwritten, observation.endless = bool(told["unwritten"]), bool(told["endless"])
    except (TypeError, KeyError, AttributeError, OverflowError, MemoryError) as error:
        raise ValueError(f"no observation: {error}") from None
    return observation


def entry_from_json(raised=None, strange=None, dtype=None, shape=(), values=()):
    """One entry of it again."""
    if raised is not None:
        kind, message = raised
        return Raised(str(kind)[:100], str(message)[:300])
    if strange is not None:
        return Strange(str(strange)[:200])
    if not re.fullmatch("bool|u?int(8|16|32|64)|float(16|32|64)", dtype) or len(values) > LARGEST_ARRAY:
        raise ValueError("no array")
    return np.array(values, dtype).reshape(shape)


# ---- the process


def watched(folder):
    """From here on nothing outside the folder is written, moved or removed, and no process is started.

    Against accidents and pranks, not against an attack: for that there are containers and accounts.
    """
    folder = os.path.realpath(folder) + os.sep
    # Looked up beforehand: whoever replaces them does not change the hook.
    realpath, basename, fsdecode, sep, devnull = os.path.realpath, os.path.basename, os.fsdecode, os.sep, os.devnull
    writing = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND

    def hook(event, arguments):
        if event == "open":
            path, _, flags = arguments
            paths = [path] if flags & writing else []
        elif event in WITH_PATHS:
            paths = arguments[:2] if event in {"os.rename", "os.link", "os.symlink"} else arguments[:1]
        elif NEVER.fullmatch(event):
            raise PermissionError(f"a hand-in that is graded starts, ends and calls nothing outside itself ({event})")
        else:
            return
        for path in paths:
            if isinstance(path, (str, bytes, os.PathLike)) and path != devnull:
                whole = realpath(fsdecode(path))
                if not f"{whole}{sep}".startswith(folder):
                    raise PermissionError("a hand-in that is graded changes nothing outside its own folder "
                                          f"({event}: {basename(whole)})")

    sys.addaudithook(hook)


def limited(memory):
    """Limit this process's memory, in bytes, and its files, where the system can."""
    try:
        import resource
    except ImportError:  # Windows has no such limits
        return
    for what, most in ((resource.RLIMIT_AS, memory), (resource.RLIMIT_FSIZE, WRITTEN), (resource.RLIMIT_CORE, 0)):
        with contextlib.suppress(ValueError, OSError):
            resource.setrlimit(what, (most, most))


def complaint(cell, world):
    """Run a cell; what it raises, in a sentence, or nothing."""
    file = f"cell {cell.number}"
    linecache.cache[file] = (len(cell.source), None, [f"{line}\n" for line in cell.source.splitlines()], file)
    try:
        exec(compile(cell.source, file, "exec"), world)
    except (Exception, SystemExit, KeyboardInterrupt) as error:
        return f"Cell {cell.number} raises {Raised(type(error).__name__, str(error)[:300])}."
    return ""


def anew():
    """The checks as they are in their files, whatever was done to those that a cell could reach."""
    for name in [name for name in sys.modules if name.split(".")[0] == "mlplib"]:
        del sys.modules[name]
    return importlib.import_module("mlplib.practice.checking").BLANKS


def look(cells, blanks, memory, tell):
    """Run cells, look at the functions of each blank, and tell each step before it is taken and after it.

    Parameters
    ----------
    cells : list of Cell
    blanks : list of str
        The names of those that are to be looked at.
    memory : int
        In bytes.
    tell : callable
        Takes a step, "cell 3" or the name of a blank, and what came of it, or nothing before.
    """
    limited(memory)
    world = {"__name__": "__main__", "display": print}
    for cell in cells:
        tell(f"cell {cell.number}")
        tell(f"cell {cell.number}", said=complaint(cell, world))
    known = anew()
    seen_as_json = importlib.import_module("mlplib.practice.handins").as_json
    for name in blanks:
        functions = {each: world.get(each) for each in FUNCTIONS[name]}
        missing = [each for each, function in functions.items() if not callable(function)]
        lent = [each for each, function in functions.items()
                if str(getattr(function, "__module__", "")).split(".")[0] == "mlplib"]
        tell(name)
        if missing or lent:
            tell(name, said=f"There is no function {missing[0]}." if missing else
                 f"{lent[0]} is the library's own: nothing of it was written here.")
        else:
            tell(name, seen=seen_as_json(known[name].observe(*functions.values())))


def do_task():
    """Take a task from the standard input, and tell on the standard output, which nothing else can reach."""
    task = json.load(sys.stdin)
    out = os.fdopen(os.dup(1), "w", encoding="utf-8")
    nowhere = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):
        os.dup2(nowhere, stream)
    sys.stdin = open(os.devnull, encoding="utf-8")
    sys.dont_write_bytecode = True
    watched(os.getcwd())

    def tell(step, **what):
        out.write(json.dumps({"step": step, **what}) + "\n")
        out.flush()

    look([Cell(*cell) for cell in task["cells"]], task["blanks"], task["memory"], tell)
    tell("end")


if __name__ == "__main__":
    do_task()
