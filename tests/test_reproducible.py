"""Two builds of one commit: how they are compared, and, in the built site, what would make them differ."""

import json
import os
import re
import runpy
import subprocess
import sys
import tempfile
import zipfile
from datetime import datetime
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
BUILT = ROOT / "_build" / "html"
LITE = ROOT / "book" / "lite" / "build.py"
reproducible = runpy.run_path(str(ROOT / "book" / "reproducible.py"))


def test_what_is_in_one_only_or_has_other_bytes_differs(tmp_path):
    for name, content in {"one/a/b": "same", "two/a/b": "same", "one/c": "1", "two/c": "2", "one/.d": "", "two/e/f": "",
                          "one/g": "a file", "two/g/h": "in a folder"}.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(content)
        os.utime(tmp_path / name, (0, 0))  # the same time and length are not enough
    assert reproducible["different"](tmp_path / "one", tmp_path / "two") == [".d", "c", "e/f", "g", "g/h"]
    assert reproducible["different"](tmp_path / "one", tmp_path / "one") == []


@pytest.mark.parametrize("backwards, expected", [("", ["a", "b", "c"]), ("yes", ["c", "b", "a"])])
def test_a_stranger_lists_folders_in_an_order_of_their_own(tmp_path, backwards, expected):
    (tmp_path / "sitecustomize.py").write_text(reproducible["ORDER"])
    folder = tmp_path / "folder"
    for name in "bca":
        (folder / name).mkdir(parents=True)
    program = ("import glob, json, os, pathlib, sys; at = sys.argv[1]; print(json.dumps([os.listdir(at), "
               "[e.name for e in os.scandir(at)], next(os.walk(at))[1], glob.glob('*', root_dir=at), "
               "[p.name for p in pathlib.Path(at).iterdir()]]))")
    done = subprocess.run([sys.executable, "-c", program, folder], capture_output=True, text=True, check=True,
                          env=os.environ | {"BACKWARDS": backwards, "PYTHONPATH": str(tmp_path)})
    assert json.loads(done.stdout) == 5 * [expected]


# ---- the built site


@pytest.fixture(scope="module")
def book():
    if not (BUILT / "lite" / "jupyter-lite.json").exists():
        pytest.fail("the book is not built: expected _build/html/lite; run `make book`", pytrace=False)


# Its documentation names a log file in the temporary folder.
OF_OTHERS = {"jedi/utils.py"}


@pytest.mark.usefixtures("book")
def test_the_site_names_no_place_of_this_machine():
    places = {str(place).encode() for place in (ROOT, Path.home(), Path(sys.prefix), Path(tempfile.gettempdir()))}
    # A home or temporary folder is a word too: it needs something in it.
    pattern = re.compile(b"|".join(re.escape(place) + rb"/[\w.]" for place in places if place != b"/"))
    found = []
    for path in BUILT.rglob("*"):
        if path.is_file():
            contents = {path.name: path.read_bytes()}
            if zipfile.is_zipfile(path):
                with zipfile.ZipFile(path) as archive:
                    contents |= {name: archive.read(name) for name in archive.namelist()}
            found += [(path.relative_to(BUILT).as_posix(), name, match[0]) for name, content in contents.items()
                      for match in pattern.finditer(content) if name not in OF_OTHERS]
    assert found == []


@pytest.mark.usefixtures("book")
def test_listings_of_the_live_side_have_one_order_and_no_time_of_the_build():
    epoch = runpy.run_path(str(LITE))["EPOCH"]
    times = set()
    for listing in (BUILT / "lite" / "api" / "contents").rglob("all.json"):
        folder = json.loads(listing.read_text(encoding="utf-8"))
        names = [entry["name"] for entry in folder["content"]]
        assert names == sorted(names)
        times |= {entry[key] for entry in [folder, *folder["content"]] for key in ("created", "last_modified")}
    assert {datetime.fromisoformat(time).timestamp() for time in times} == {int(epoch)}


def test_a_folder_is_listed_in_the_order_of_names(tmp_path):
    listing = tmp_path / "all.json"
    listing.write_text('{"type": "directory", "content": [{"name": "b"}, {"name": "a", "type": "file"}]}')
    runpy.run_path(str(LITE))["put_in_order"](listing)
    assert json.loads(listing.read_text()) == {"type": "directory",
                                               "content": [{"name": "a", "type": "file"}, {"name": "b"}]}


WHEEL = """
import runpy, shutil, sys; from pathlib import Path
build, work = runpy.run_path(sys.argv[1]), Path(sys.argv[2])
root = work / "clone"
for name in build["LIBRARY"]:
    if (build["ROOT"] / name).is_dir():
        shutil.copytree(build["ROOT"] / name, root / name, copy_function=shutil.copyfile,
                        ignore=shutil.ignore_patterns("archives"))
    else:
        shutil.copyfile(build["ROOT"] / name, root / name)
build["library_wheel"].__globals__["ROOT"] = root
build["library_wheel"](work, work)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no masks for new files")
def test_the_librarys_wheel_does_not_say_who_may_read_the_files_here(tmp_path):
    """As in a clone by someone whose mask keeps others out."""
    subprocess.run([sys.executable, "-c", WHEEL, LITE, tmp_path], check=True, umask=0o077)
    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        modes = {info.filename.rpartition("/")[2]: oct(info.external_attr >> 16) for info in archive.infolist()}
    assert modes.pop("RECORD") == "0o100664"  # whatever the mask
    assert set(modes.values()) == {"0o100644"}
