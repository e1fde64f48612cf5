"""Points for a hand-in of the exercise notebook, and what its student is told."""

import asyncio
import contextlib
import json
import os
import re
import signal
import sys
import tempfile
import time
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

import numpy as np

from mlplib.practice.blanks import ENDLESS
from mlplib.practice.checking import BLANKS
from mlplib.practice.handins import LARGEST_FILE, BorrowedError, cells_of, from_json
from mlplib.practice.observation import WARNED, EndlessError, Raised, same

#: What each blank is worth; a hundred in all.
POINTS = {"sigmoid": 8, "softmax": 12, "forward": 12, "delta": 8, "backward": 20, "gradient check": 12, "momentum": 8,
          "training": 20}
#: What share of them a blank has whose mistake the check can name, if something comes out of it.
NAMED_SHARE = 0.5
#: Seconds that a hand-in may take, and what share of them a cell or a check of it.
SECONDS, SHARE_OF_STEP = 60, 1 / 6
MEMORY = 2 * 2**30  # bytes
TRIES = 12  # of a hand-in that hangs or crashes again and again
STARTING = 60  # seconds more for each of them, on a busy machine
LONGEST_LINE = 10_000_000  # bytes of one answer of a hand-in's process


class Grade(NamedTuple):
    """What a hand-in has got.

    Attributes
    ----------
    name : str
        Of its file, as seen from the folder.
    points : dict from str to float
        By blank.
    mistakes : list of str
        The names of those that are known, each behind its blank.
    remarks : list of str
        What else there is to tell, in sentences.
    feedback : str
        For the student.
    """

    name: str
    points: dict
    mistakes: list
    remarks: list
    feedback: str


async def grade(name, content, points=POINTS, seconds=SECONDS, memory=MEMORY, by_hand=MappingProxyType({})):
    """Grade one hand-in, in processes of its own.

    Parameters
    ----------
    name : str
    content : bytes
        Of its file.
    points : dict from str to float
        What each blank is worth; others are not looked at.
    seconds : float
        How long it may take in all; a cell or a check of it may take a sixth. Of what takes longer, or ends its
        process, the rest is graded without it.
    memory : int
        How much a process may take, in bytes, where the system can limit it.
    by_hand : dict from str to pair of float and str
        Points that a teacher has given to blanks, and why.

    Returns
    -------
    Grade
    """
    said, remarks = {}, []
    try:
        if not content:
            raise ValueError(f"This file is empty, cannot be read, or is larger than {LARGEST_FILE / 1e6:g} MB.")
        cells, notes = cells_of(content)
    except ValueError as error:
        notes = [str(error)]
    else:
        for blank in points:  # what is compared with takes seconds, once: not while a process is timed
            _ = BLANKS[blank].expected, BLANKS[blank].known
        said, told = await looked_at(cells, [*points], seconds, memory)
        notes += told
        remarks = causes(seen for seen, _ in said.values() if seen)
    earned, mistakes, parts = {}, [], []
    for blank, most in points.items():
        seen, (share, mistake, sentence) = said.get(blank, (None, (0, None, "")))
        earned[blank] = share * most
        mistakes += [f"{blank}: {mistake}"] if mistake else []
        remarks += [f"{blank}: {sentence}"] if sentence and not seen else []
        if blank in by_hand:
            earned[blank], why = by_hand[blank]
            sentence = f"Graded by hand: {why}\n{sentence}".rstrip()
            remarks.append(f"{blank}: {earned[blank]:g} by hand, {why}")
        parts.append(f"{blank}: {earned[blank]:g} of {most:g} points\n{sentence}\n")
    total = f"{name}: {sum(earned.values()):g} of {sum(points.values()):g} points\n"
    return Grade(name, earned, mistakes, notes + remarks, "\n".join([total, *(f"{note}\n" for note in notes), *parts]))


def judged(blank, seen):
    """What is said to what was seen of a blank: the share of its points, the mistake's name or None, and a text."""
    answer = blank.judge(seen)
    hint = f"\nA hint: {answer.hint}" if answer.hint else ""
    if answer.mistake is None:
        return int(answer.right), None, f"{answer!r}{hint}"
    endless = next((label for label, entry in seen.seen.items() if isinstance(entry, Raised)
                    and entry.kind == EndlessError.__name__), None)
    if endless is not None:
        hint = hint if ENDLESS in blank.mistakes else ""
        return 0, ENDLESS, f"{answer.verdict}\n{endless} did not come to an end, and was stopped.{hint}"
    # A name is half an answer. Neither is it told, nor has it points, where something else ended the function.
    ways = [blank.observe(*way).seen for way in blank.mistakes[answer.mistake].ways]
    failed = [label for label, entry in seen.seen.items() if not isinstance(entry, np.ndarray)]
    for label in failed:
        if not any(same(seen.seen[label], way.get(label)) for way in ways):
            return 0, None, f"Not right yet: {blank.name}.\n{blank.first_difference(seen, [label])}"
    idle = blank.observe(*(lambda *arguments: None for _ in blank.signatures)).seen
    came_out = any(not same(entry, idle.get(label)) for label, entry in seen.seen.items()
                   if label not in failed and not label.startswith((WARNED, "a clue")))
    if not came_out and not failed:
        return 0, None, (f"Not right yet: {blank.name}.\nNothing comes out: nothing is returned, and nothing that was "
                         f"given has changed. If something is computed, it may be this: {answer.mistake}.{hint}")
    return NAMED_SHARE * came_out, answer.mistake, f"{answer!r}{hint}"


def causes(observations):
    """Sentences for what a teacher may want to look at: names that functions do not find, and what they borrow."""
    raised = {entry for seen in observations for entry in seen.seen.values() if isinstance(entry, Raised)}
    names = {found[1] for each in raised if (found := re.match(r"name '(\w+)' is not defined", each.message))}
    return [*(f"{name} is not defined: the cell that imports or defines it is missing, or raises."
              for name in sorted(names)),
            *sorted(f"{each.message}." for each in raised if each.kind == BorrowedError.__name__)]


# ---- in a process of its own


def nothing(why):
    """No observation, no points, and why."""
    return None, (0, None, why)


async def looked_at(cells, blanks, seconds, memory):
    """Pairs by blank, an observation or None and what `judged` says or why there is none; and what cells raised."""
    said, remarks, broken, left = {}, {}, set(), seconds
    for _ in range(TRIES):
        step = None
        task = {"cells": [cell for cell in cells if cell.number not in broken],
                "blanks": [blank for blank in blanks if blank not in said], "memory": memory}
        async with process(task) as child:
            try:
                while step != "end":
                    start = time.monotonic()
                    async with asyncio.timeout(STARTING if step is None else min(left, seconds * SHARE_OF_STEP)):
                        line = await child.stdout.readline()
                    if not line:
                        raise EOFError
                    message = json.loads(line)
                    left -= 0 if step is None else time.monotonic() - start
                    step = str(message["step"])
                    if message.get("said"):
                        sentence = str(message["said"])[:500]
                        (said if step in blanks else remarks)[step] = nothing(sentence) if step in blanks else sentence
                    elif "seen" in message:
                        seen = from_json(message["seen"])
                        said[step] = seen, judged(BLANKS[step], seen)
                break
            except TimeoutError:
                why = f"did not end within {time.monotonic() - start:.0f} s"
                left -= time.monotonic() - start
            except EOFError:
                why = await ended(child)
            except (ValueError, KeyError, TypeError, AttributeError):
                why = "answered what is no answer"
        if step in blanks:
            said[step] = nothing(f"The function {why}.")
        elif step is not None and step.startswith("cell "):
            broken.add(int(step.removeprefix("cell ")))
            remarks[step] = f"{step.capitalize()} {why}; it was left out."
        else:
            remarks[""] = f"The process {why}."
            break
        if left <= 0:
            remarks[""] = f"After {seconds:g} s in all it was stopped."
            break
    missing = nothing("It could not be looked at, because the hand-in hangs or crashes elsewhere.")
    return {blank: said.get(blank, missing) for blank in blanks}, list(remarks.values())


@contextlib.asynccontextmanager
async def process(task):
    """The process of a hand-in in an empty folder, which answers a line for each step."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        library = str(Path(__file__).parents[2])
        paths = os.pathsep.join([library, *filter(None, [os.environ.get("PYTHONPATH")])])
        settings = {"PYTHONPATH": paths, "TMPDIR": folder, "MPLCONFIGDIR": folder, "MPLBACKEND": "agg",
                    "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "PYTHONDONTWRITEBYTECODE": "1"}
        child = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "mlplib.practice.handins", cwd=folder, env=os.environ | settings, limit=LONGEST_LINE,
            stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL,
            start_new_session=True)
        try:
            with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                child.stdin.write(json.dumps(task).encode())
                await child.stdin.drain()
                child.stdin.close()
            yield child
        finally:
            with contextlib.suppress(ProcessLookupError, PermissionError):  # and those that it started
                os.killpg(child.pid, signal.SIGKILL) if hasattr(os, "killpg") else child.kill()
            with contextlib.suppress(TimeoutError):  # newer Pythons wait for the end of what it has written, too
                async with asyncio.timeout(5):
                    await child.wait()


async def ended(child):
    """How a process has ended, in words."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(5):
            code = await child.wait()
        return f"ended its process ({f'signal {signal.Signals(-code).name}' if code < 0 else f'code {code}'})"
    return "answered what is no answer"
