"""Build the book: aside, and in place of the old one at once when it is complete.

A build that fails, or is interrupted, leaves the old site as it is. What no source makes any more is not in the new.
Each build has a folder of its own: the program that a killed one started may still write to the last one's.

With the PDF, which `make pdf` asks for, each page links to it. From then on every build keeps it up to date.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
# Warnings are errors, and unresolved references are warnings. All of them are shown, not just the first.
OPTIONS = ["--all", "-W", "-n", "--keep-going", "-q"]
ROOM = 200_000_000  # bytes that a build needs beside the site there is, with room to spare

PDF = "book.pdf"  # in the site

PROGRAM = "from jupyter_book.cli.main import main; main()"  # the script beside Python names the folder it was made in


def command(aside):
    return [sys.executable, "-c", PROGRAM, "build", str(ROOT), "--path-output", str(aside), *OPTIONS]


@contextmanager
def alone(folder):
    """Refuse to work while another build does; the system frees the lock of one that was killed."""
    with open(folder / "building.lock", "w") as lock:
        try:
            import fcntl
        except ImportError:  # Windows has none; there the second build fails when it removes what the first has open
            yield
            return
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            sys.exit(f"Another build of the book is under way in {folder}; wait until it is done.")
        yield


def build(folder=ROOT / "_build", command=command, with_pdf=False):
    """Build into `folder`/html.

    Parameters
    ----------
    folder : pathlib.Path
    command : callable
        From the folder to work in to what to start; it leaves the site in _build/html there.
    with_pdf : bool
        Whether the site has the book as a PDF too. It has if the old site has.

    Raises
    ------
    SystemExit
        If another build is under way, or this one fails.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with alone(folder):
            tidy(folder)
            if (free := shutil.disk_usage(folder).free) < ROOM:
                raise OSError(f"{free / 1e6:.0f} MB are free, and a build takes {ROOM / 1e6:.0f} MB")
            try:
                replace(folder, command, with_pdf)
            finally:
                tidy(folder)
    except (OSError, shutil.Error) as error:
        sys.exit(f"The book was not built, and the one there was is unchanged; {folder} has to be a folder that can be "
                 f"written to, with room ({getattr(error, 'strerror', None) or error}).")


def tidy(folder):
    """Remove what builds left behind; a site that one put away when it was killed is back in its place."""
    site, old = folder / "html", folder / "old"
    if old.exists() and not site.exists():
        old.rename(site)
    for left in (*folder.glob("aside*"), old):
        shutil.rmtree(left, ignore_errors=True)


def replace(folder, command, with_pdf):
    """Make a new site, and put it in place of the old one."""
    site, old, aside = folder / "html", folder / "old", Path(tempfile.mkdtemp(prefix="aside", dir=folder))
    new = aside / "_build" / "html"
    if (site / "lite").exists():  # made anew only if what it is made of changed
        shutil.copytree(site / "lite", new / "lite", copy_function=linked)
    with_pdf = with_pdf or (site / PDF).exists()
    environment = os.environ | {"BOOK_PDF": PDF if with_pdf else ""}
    with open(folder / "book.log", "w") as log:
        if subprocess.run(command(aside), stdout=log, cwd=ROOT, check=False, env=environment).returncode:
            sys.exit("The book was not built: see the warnings above.")
    if with_pdf:
        import pdf  # which loads what no other build needs
        try:
            pdf.put(new, folder / "pdf", PDF)
        except pdf.NoPDF as error:
            without = f" To build the book without, remove {site / PDF}." if (site / PDF).exists() else ""
            sys.exit(f"The PDF of the book was not made: {error}.{without}")
    if site.exists():
        site.rename(old)  # a build that is killed here leaves none; the next one puts it back before all else
    new.rename(site)


def linked(source, target):
    """As `shutil.copy2`, without the bytes where the system can do so."""
    try:
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)


if __name__ == "__main__":
    build(with_pdf="--pdf" in sys.argv[1:])
    page = ROOT / "_build" / "html" / "index.html"
    print(f"The book is built. Open it in a browser:\n  {page.as_uri()}\nor serve it on this machine: make serve")
    if page.with_name(PDF).exists():
        print(f"The book as a PDF:\n  {page.with_name(PDF).as_uri()}")
