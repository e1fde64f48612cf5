"""The book is built aside: no build leaves half a site, rubbish, or a page that no source makes."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import ModuleType

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "book"))
import build

PAGE = ("import pathlib, sys; site = pathlib.Path(sys.argv[1], '_build', 'html'); "
        "site.mkdir(parents=True, exist_ok=True)")
KILLED = "import os, signal; os.kill(os.getpid(), 9)"


def builder(program):
    """Stands in for jupyter-book: a program that is given the folder to work in, and `site` in it."""
    return lambda aside: [sys.executable, "-c", f"{PAGE}; {program}", str(aside)]


def names(folder):
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


def test_a_page_that_no_source_makes_is_gone(tmp_path):
    build.build(tmp_path, builder("(site / 'old.html').write_text('old')"))
    build.build(tmp_path, builder("(site / 'new.html').write_text('new')"))
    assert names(tmp_path) == ["book.log", "building.lock", "html/new.html"]


@pytest.mark.parametrize("end", ["sys.exit(1)", KILLED], ids=["fails", "is killed"])
def test_a_build_that_does_not_end_well_leaves_the_old_site(tmp_path, end):
    build.build(tmp_path, builder("(site / 'index.html').write_text('old')"))
    before = names(tmp_path / "html")
    with pytest.raises(SystemExit, match="not built: see the warnings above"):
        build.build(tmp_path, builder(f"(site / 'index.html').write_text('half'); (site / 'tmpx').mkdir(); {end}"))
    assert names(tmp_path / "html") == before and (tmp_path / "html" / "index.html").read_text() == "old"
    build.build(tmp_path, builder("(site / 'index.html').write_text('new')"))
    assert names(tmp_path) == ["book.log", "building.lock", "html/index.html"]
    assert (tmp_path / "html" / "index.html").read_text() == "new"


def test_what_is_costly_and_unchanged_is_there_for_the_next_build(tmp_path):
    build.build(tmp_path, builder("(site / 'lite').mkdir(); (site / 'lite' / 'wheel').write_text('kept')"))
    build.build(tmp_path, builder("assert (site / 'lite' / 'wheel').read_text() == 'kept'"))
    assert names(tmp_path / "html") == ["lite/wheel"]


@pytest.fixture
def pdf(monkeypatch):
    """Stands in for book/pdf.py: what it puts into the site is `text`, or it cannot if that is None."""
    module = ModuleType("pdf")
    module.text, module.NoPDF = "a PDF", type("NoPDF", (Exception,), {})

    def put(site, kept, name):
        if module.text is None:
            raise module.NoPDF("it needs a browser")
        (site / name).write_text(module.text)

    module.put = put
    monkeypatch.setitem(sys.modules, "pdf", module)
    return module


LINK = "import os; (site / 'page').write_text(os.environ['BOOK_PDF'])"


def test_once_there_is_a_pdf_every_build_makes_it_anew_and_links_to_it(tmp_path, pdf):
    build.build(tmp_path, builder(LINK))
    assert names(tmp_path / "html") == ["page"] and (tmp_path / "html" / "page").read_text() == ""
    for asked, pdf.text in ((True, "old"), (False, "new")):
        build.build(tmp_path, builder(LINK), with_pdf=asked)
        assert (tmp_path / "html" / "page").read_text() == "book.pdf"
        assert (tmp_path / "html" / "book.pdf").read_text() == pdf.text


def test_where_it_cannot_be_printed_the_old_site_stays_and_a_sentence_says_what_to_do(tmp_path, pdf):
    build.build(tmp_path, builder(LINK), with_pdf=True)
    pdf.text = None
    with pytest.raises(SystemExit, match=r"was not made: it needs a browser\. To build the book without, remove .*pdf"):
        build.build(tmp_path, builder(LINK))
    assert names(tmp_path / "html") == ["book.pdf", "page"]
    (tmp_path / "html" / "book.pdf").unlink()
    build.build(tmp_path, builder(LINK))
    assert names(tmp_path / "html") == ["page"]


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no flock")
def test_a_second_build_at_the_same_time_is_refused_and_a_killed_one_does_not_block(tmp_path):
    program = ("import build, pathlib, sys; say = \"import time; print('started', flush=True); time.sleep(60)\"; "
               "build.build(pathlib.Path(sys.argv[1]), lambda aside: [sys.executable, '-c', say])")
    first = subprocess.Popen([sys.executable, "-c", program, tmp_path], cwd=Path(build.__file__).parent,
                             start_new_session=True)
    try:
        # What the build starts shares its lock until it runs a program of its own.
        while not ((log := tmp_path / "book.log").exists() and "started" in log.read_text()):
            time.sleep(0.01)
        with pytest.raises(SystemExit, match="Another build of the book is under way"):
            build.build(tmp_path, builder("(site / 'index.html').write_text('new')"))
        assert not (tmp_path / "html").exists()
    finally:
        os.killpg(first.pid, signal.SIGKILL)
        first.wait()
    build.build(tmp_path, builder("(site / 'index.html').write_text('new')"))
    assert names(tmp_path / "html") == ["index.html"]
