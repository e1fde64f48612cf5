"""A hand-in of the exercise notebook: its cells, and what its functions do, seen from a process of their own.

Run as a program it is that process. It takes cells, runs them, looks at the functions that they define, and writes down
what it sees, a line of JSON for each step. It judges nothing: who rewrites the checks there rewrites nobody's points.
"""

import ast
import builtins
import contextlib
import difflib
import importlib.machinery
import json
import linecache
import os
import re
import sys
import types
from collections import defaultdict
from typing import NamedTuple

import numpy as np

from mlplib.practice.checking import BLANKS
from mlplib.practice.observation import Observation, Raised, Silent, Strange

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
    """The cells of code that have to be run to have the functions, and what is to be said of their order.

    These are all up to the last that defines one; and of those below, since Jupyter runs them in any order, the ones
    that define what is used above.

    Parameters
    ----------
    content : bytes
        Of the file.

    Returns
    -------
    cells : list of Cell
    remarks : list of str
        In sentences.

    Raises
    ------
    ValueError
        If it is no notebook.
    """
    try:
        notebook = json.loads(content)
    except (ValueError, RecursionError):
        raise ValueError("This file is damaged, or cut short: it is no whole notebook.") from None
    try:
        sources = ["".join(cell["source"]) for cell in notebook["cells"] if cell["cell_type"] == "code"]
    except (TypeError, KeyError):
        raise ValueError("This is not a notebook as Jupyter saves it now: open it there, and save it again.") from None
    cells = [Cell(number, python(source)) for number, source in enumerate(sources, start=1)]
    wanted, places = {name for names in FUNCTIONS.values() for name in names}, defaultdict(list)
    for cell in cells:
        for name in sorted(wanted & defined(cell.source)):
            places[name].append(cell.number)
    last = max((numbers[-1] for numbers in places.values()), default=0)
    above = [cell for cell in cells[:last] if not is_check(cell.source)]
    known = set(dir(builtins)).union(*(defined(cell.source) for cell in above))
    asked = set().union(*(used(cell.source) for cell in above)) - known
    below = [cell for cell in cells[last:] if asked & defined(cell.source)]
    several = [f"{name} (cells {', '.join(map(str, numbers))})" for name, numbers in sorted(places.items())
               if len(numbers) > 1]
    remarks = [f"Defined more than once, and the last one counts: {', '.join(several)}."] if several else []
    remarks += [f"Cell {cell.number} was run too, for what is used above it: "
                f"{', '.join(sorted(asked & defined(cell.source)))}." for cell in below]
    imports = [cell for cell in below if all(isinstance(statement, ast.Import | ast.ImportFrom)
                                             for statement in parsed(cell.source) or [None])]
    return [*imports, *above, *(cell for cell in below if cell not in imports)], remarks


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
    """The names that a cell defines for all cells: functions, variables, what it imports."""
    names = set()
    for part in outside(parsed(source) or []):
        names |= {part.id} if isinstance(part, ast.Name) and isinstance(part.ctx, ast.Store) else {
            part.asname or part.name} if isinstance(part, ast.alias) else {getattr(part, "name", None)}
    # What cannot be read may have been meant to define them.
    return names if parsed(source) is not None else set(re.findall(r"^def (\w+)", source, re.MULTILINE))


def outside(nodes):
    """Statements and what stands in them, but nothing that stands in a function or a class."""
    for node in nodes:
        yield node
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.Lambda):
            yield from outside(ast.iter_child_nodes(node))


def own_code(content):
    """The code of the cells that define a function and are no empty blanks, whatever its comments; "" if there is none.

    Parameters
    ----------
    content : bytes
        Of a notebook's file.

    Returns
    -------
    str
    """
    try:
        cells, _ = cells_of(content)
    except ValueError:
        return ""
    wanted = {name for names in FUNCTIONS.values() for name in names}
    return "\n".join(ast.dump(ast.Module(parsed(cell.source) or [], [])) for cell in cells
                     if wanted & defined(cell.source) and "raise NotImplementedError" not in cell.source)


def used(source):
    """The names that a cell asks for and does not define, in its functions too."""
    nodes = [*ast.walk(ast.Module(parsed(source) or [], []))]
    names = [node for node in nodes if isinstance(node, ast.Name)]
    own = {node.arg for node in nodes if isinstance(node, ast.arg)} | defined(source)
    return {name.id for name in names if isinstance(name.ctx, ast.Load)} - own - {
        name.id for name in names if isinstance(name.ctx, ast.Store)}


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
    except BorrowedError:  # as the end of the notebook does, which trains; functions that borrow are told of
        return ""
    except (Exception, SystemExit, KeyboardInterrupt) as error:
        return f"Cell {cell.number} raises {Raised(type(error).__name__, str(error)[:300])}."
    return ""


class BorrowedError(Exception):
    """Something of the library was to do what a hand-in should."""


class Lent:
    """A name of the library in a hand-in, which may import it and has nothing of it: what is borrowed is not written.

    To call `check` does nothing.
    """

    def __init__(self, name):
        self._name = name

    def __getattr__(self, name):
        if name.startswith("__"):
            raise AttributeError(name)
        return Lent(f"{self._name}.{name}")

    def __call__(self, *arguments, **options):  # noqa: D102 - as functions have it
        if self._name.endswith(".check"):
            return self
        raise BorrowedError(f"{self._name} is the library's own, and nothing of it was written here")

    __getitem__ = __call__


class Lender:
    """Gives modules of the library to a hand-in, with names in them and nothing else."""

    @classmethod
    def find_spec(cls, name, path=None, target=None):
        """As `sys.meta_path` has it."""
        return importlib.machinery.ModuleSpec(name, cls, is_package=True) if name.split(".")[0] == "mlplib" else None

    @staticmethod
    def create_module(spec):
        """A module whose every name is lent."""
        module = types.ModuleType(spec.name)
        module.__getattr__ = Lent(spec.name).__getattr__
        return module

    @staticmethod
    def exec_module(module):
        """There is nothing to run."""


def world_without_library():
    """A main module for the cells; from here on, whoever imports the library gets nothing of it."""
    for name in [name for name in sys.modules if name.split(".")[0] == "mlplib"]:
        del sys.modules[name]
    sys.meta_path.insert(0, Lender)
    sys.modules["__main__"] = types.ModuleType("__main__")
    world = vars(sys.modules["__main__"])
    world["display"] = print
    return world


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
    world = world_without_library()
    for cell in cells:
        tell(f"cell {cell.number}")
        tell(f"cell {cell.number}", said=complaint(cell, world))
    others = sorted({name for name, value in world.items() if isinstance(value, types.FunctionType)}
                    - {each for names in FUNCTIONS.values() for each in names})
    for name in blanks:
        functions = {each: world.get(each) for each in FUNCTIONS[name]}
        missing = [each for each, function in functions.items() if not callable(function)]
        lent = [each for each, function in functions.items() if isinstance(function, Lent)]
        tell(name)
        if missing:
            found = difflib.get_close_matches(missing[0], others, n=1)
            tell(name, said=f"There is no function {missing[0]}" + (f"; found: {found[0]}." if found else "."))
        elif lent:
            tell(name, said=f"{lent[0]} is the library's own: nothing of it was written here.")
        else:
            tell(name, seen=as_json(BLANKS[name].observe(*functions.values())))


def do_task():
    """Take a task from the standard input, and tell on the standard output, which nothing else can reach."""
    task = json.load(sys.stdin)
    out = os.fdopen(os.dup(1), "w", encoding="utf-8")
    nowhere = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):
        os.dup2(nowhere, stream)
    sys.stdin, sys.stdout, sys.stderr = open(os.devnull, encoding="utf-8"), Silent(), Silent()
    sys.dont_write_bytecode = True
    watched(os.getcwd())

    def tell(step, **what):
        out.write(json.dumps({"step": step, **what}) + "\n")
        out.flush()

    look([Cell(*cell) for cell in task["cells"]], task["blanks"], task["memory"], tell)
    tell("end")


if __name__ == "__main__":
    do_task()
