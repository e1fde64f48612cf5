"""Files that appear whole or not at all, locks that end with their process, and what a live notebook fetches.

A file is written aside and put in place at once. What a process was writing that was killed is found by its lock, which
the system frees, and cleared away.
"""

import os
import sys
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

try:
    from fcntl import LOCK_EX, LOCK_NB, flock
except ImportError:  # Windows has none, nor has a browser
    flock = None

PART, ASIDE = ".part", ".aside"  # the ends of names: of what is being written, of what is being removed


@contextmanager
def said(expected):
    """What the system says of a file, a full disk for instance, in a sentence that names the file."""
    try:
        yield
    except OSError as error:
        sentence = type(error)(f"{expected} ({error.strerror or error})")
        sentence.errno = error.errno
        raise sentence from None


def put_in_place(path, content):
    """Write a file: aside, and in place of `path` at once when it is complete; if it cannot be, nothing is left."""
    with said(f"{path}: not written, and what was there is unchanged; it takes a folder that can be written to, with "
              "room"):
        path.parent.mkdir(parents=True, exist_ok=True)
        file, part = _part(path.parent)
        try:
            with file:
                file.write(content)
                file.flush()
                os.chmod(part, 0o644)  # a temporary file is the owner's alone
                if flock:
                    os.replace(part, path)  # while it is locked
            if not flock:  # Windows moves no open file
                os.replace(part, path)
        except BaseException:
            part.unlink(missing_ok=True)
            raise


def _part(folder):
    """A new file to write to, and its path: locked, so that `tidy` sees that its process lives."""
    while True:
        number, name = tempfile.mkstemp(dir=folder, suffix=PART)
        file = open(number, "wb")
        try:
            if _lock(file) and os.fstat(number).st_nlink:
                return file, Path(name)
        except OSError:  # a file system without locks, where nothing is cleared away
            return file, Path(name)
        file.close()  # before it was locked it was taken for a dead process's


def remove(path, content):
    """Remove a file if it holds this. It is put aside first, so that none is removed that was saved in between."""
    aside = path.with_suffix(ASIDE)
    with said(f"{path}: expected a file that can be removed"):
        try:
            os.replace(path, aside)
            if aside.read_bytes() != content and not path.exists():
                os.replace(aside, path)
        except FileNotFoundError:
            pass  # another process was faster
        finally:
            aside.unlink(missing_ok=True)


def tidy(folder, suffix):
    """Clear away what processes left that were killed.

    What they were writing goes, and what they put aside to remove it is back, with the suffix that it had.
    """
    for path in [*folder.glob(f"*{PART}"), *folder.glob(f"*{ASIDE}")]:
        try:
            original = path.with_suffix(suffix)
            if path.suffix == ASIDE and not original.exists():
                os.replace(path, original)
                continue
            with open(path, "r+b") as file:  # NFS wants a lock's file writable
                dead = _lock(file)
                if dead and flock:
                    path.unlink()
            if dead and not flock:
                path.unlink()  # Windows refuses while the file is open elsewhere
        except OSError:
            pass  # it is gone, or not ours


@contextmanager
def locked(path, patience):
    """Whether a lock file is this process's, within so many seconds; it is given free at the end.

    The system frees the lock of a process that was killed.
    """
    until = time.monotonic() + patience
    with said(f"{path}: expected a place that can be written to"):
        path.parent.mkdir(parents=True, exist_ok=True)
    while not (file := _taken(path)):
        if time.monotonic() > until:
            yield False
            return
        time.sleep(0.05)
    try:
        yield True
    finally:
        if flock:
            path.unlink(missing_ok=True)  # while it is ours
        file.close()
        if not flock:  # Windows removes no open file
            path.unlink(missing_ok=True)


def _taken(path):
    """The open lock file, if it is this process's now; or None."""
    with said(f"{path}: expected a place that can be written to"):
        if not flock:
            gone_with_us = getattr(os, "O_TEMPORARY", 0)  # which Windows has
            try:
                return os.fdopen(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY | gone_with_us), "wb")
            except (FileExistsError, PermissionError):
                return None
        file = open(path, "ab")
        try:
            if _lock(file) and os.path.samestat(os.fstat(file.fileno()), os.stat(path)):
                return file
        except FileNotFoundError:
            pass  # the one who had it has removed it
        except OSError:
            file.close()
            raise
        file.close()
        return None


def _lock(file):
    """Take a file for this process, if no other one that lives has it; where there are no such locks, always."""
    try:
        if flock:
            flock(file, LOCK_EX | LOCK_NB)
    except BlockingIOError:
        return False
    return True


# ---- in a live notebook of the book


def beside():
    """Where what the library's wheel leaves out lies, in a live notebook; elsewhere None, and nothing is left out."""
    return os.environ.get("MLPLIB_BESIDE") if sys.platform == "emscripten" else None


def fetched(name, expected, use=bytes):
    """What lies `beside` the library's wheel, unpacked; None if the site has no such file.

    Parameters
    ----------
    name : str
        Seen from the library's folder.
    expected : str
        What it is, for the error's message.
    use : callable
        From the file's bytes to what is returned; it raises if they are not what is expected.

    Raises
    ------
    ConnectionError
        If it cannot be fetched. The message says from where, and why.
    """
    import bz2  # which a Python can do without

    from js import URL, XMLHttpRequest, location

    address, request = f"{beside()}{quote(name)}.bz2", XMLHttpRequest.new()
    address = URL.new(address, location.href).href  # as seen from the worker's script
    # The kernel is a web worker, which may wait for an answer. What Pyodide has for that, `open_url`, gives text only.
    request.open("GET", address, False)
    request.responseType = "arraybuffer"
    try:
        request.send()
        if request.status == 404:
            return None
        if request.status != 200:
            raise ValueError(f"the answer was {request.status} {request.statusText}".rstrip())
        return use(bz2.decompress(request.response.to_bytes()))  # a network that wants a login sends a page of its own
    except Exception as error:  # the browser's are of any kind
        raise ConnectionError(f"{address}: expected {expected}, and could not fetch it ({error}); check the connection "
                              "to this site, then run the cell again") from error
