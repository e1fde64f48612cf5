"""Build the book of this commit twice, as two strangers would, and compare every byte of the two sites.

What differs: the folders and the order of files in them, the order of sets, the time zone and with it the date, the
language, the mask for new files.
"""

import filecmp
import os
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
STRANGERS = [
    ("one", 0o022, {"PYTHONHASHSEED": "1", "TZ": "Pacific/Kiritimati", "LC_ALL": "C.UTF-8", "BACKWARDS": ""}),
    ("the other, deeper/down", 0o077,
     {"PYTHONHASHSEED": "2", "TZ": "Pacific/Pago_Pago", "LC_ALL": "C", "BACKWARDS": "yes"}),
]
# File systems list a folder in any order. Python reads this when it starts, as `sitecustomize`.
ORDER = """
import os
backwards, listdir, scandir = bool(os.environ["BACKWARDS"]), os.listdir, os.scandir
class Entries:
    def __init__(self, path="."):
        with scandir(path) as entries:
            self.entries = iter(sorted(entries, key=lambda entry: entry.name, reverse=backwards))
    __iter__ = __enter__ = lambda self: self
    __next__ = lambda self: next(self.entries)
    __exit__ = close = lambda self, *args: None
os.scandir = Entries
os.listdir = lambda path=".": sorted(listdir(path), reverse=backwards)
"""


def built(folder, mask, settings):
    """The site of a clone in `folder`, built with the packages of this project's environment."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    subprocess.run(["git", "clone", "--quiet", ROOT, folder], check=True, umask=mask)
    order = folder.with_name("order")
    order.mkdir()
    (order / "sitecustomize.py").write_text(ORDER)
    subprocess.run([sys.executable, folder / "book" / "build.py"], check=True, cwd=folder, umask=mask,
                   env=os.environ | settings | {"PYTHONPATH": os.pathsep.join(map(str, [folder, order]))},
                   stdout=subprocess.DEVNULL)
    return folder / "_build" / "html"


def files(site):
    return {path.relative_to(site).as_posix() for path in site.rglob("*") if path.is_file()}


def different(one, other):
    """The names of the files of two folders that are in one only, or not the same there."""
    return sorted(name for name in files(one) | files(other)
                  if not ((one / name).is_file() and (other / name).is_file()
                          and filecmp.cmp(one / name, other / name, shallow=False)))


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as work:
        one, other = (built(Path(work, name), *how) for name, *how in STRANGERS)
        names = different(one, other)
        print(f"{len(files(one) | files(other)):,} files were compared, {len(names)} differ{':' if names else ''}",
              *names, sep="\n  ")
    sys.exit(bool(names))
