"""The book as one page, which is printed, and when it is; tests/browser has the printing itself."""

import os
import re
import subprocess
import sys
from contextlib import nullcontext
from pathlib import Path
from types import SimpleNamespace

import pytest
from bs4 import BeautifulSoup

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "book"))
import pdf

NAV = """<nav class="bd-docs-nav"><ul><li><a href="{first}">A book</a></li></ul><p class="caption">The report</p>
<ul><li><a href="{second}">1. Second</a></li></ul></nav>"""
PAGE = """<html><head>{head}<link rel="stylesheet" href="../_static/{style}.css"></head><body>{nav}
<article class="bd-article"><section id="top">{text}</section></article>
<p class="component-author">By us</p></body></html>"""
FIRST = """<h1>A book<a class="headerlink" href="#top">#</a></h1>
<p><a href="../text/second.html#exercises">there</a> <a href="#exercises">here</a>
<a href="../genindex.html#x">index</a> <a href="https://example.org/">elsewhere</a></p>
<section id="exercises"><h2>Exercises</h2></section>"""
SECOND = """<h1><span class="section-number">1. </span>Second</h1><p><a href="first.html">back</a></p>
<div class="cell tag_hide-input"><details class="hide"><pre>plumbing()</pre></details></div>
<div class="cell tag_hide-cell"><details class="hide"><pre>answer()</pre></details></div>
<details class="solution dropdown"><summary>Solution</summary>Because.</details>
<div class="cell_output"><div class="widget-fallback"><img alt="curves" src="../_images/a%20b.png"></div>
<div class="widget-subarea"><script>view</script></div></div>
<section id="exercises"><h2>Exercises</h2><p id="twice"></p><p id="twice"></p></section>"""


def site_of(folder, first=FIRST, second=SECOND, head=""):
    """A site of two pages, in the theme's terms."""
    for name, text, style, (to_first, to_second) in (("first", first, "one", ("#", "second.html")),
                                                     ("second", second, "two", ("first.html", "#"))):
        path = folder / "text" / f"{name}.html"
        path.parent.mkdir(exist_ok=True)
        path.write_text(PAGE.format(head=head.format(name=name), style=style, text=text,
                                    nav=NAV.format(first=to_first, second=to_second)), encoding="utf-8")
    (folder / "index.html").write_text('<meta http-equiv="Refresh" content="0; url=text/first.html">')
    return folder


def whole(site):
    return BeautifulSoup(pdf.one_page(site), "html.parser")


@pytest.fixture
def site(tmp_path):
    return site_of(tmp_path)


def test_what_has_one_name_on_two_pages_has_two_in_the_book(site):
    tree = whole(site)
    assert [link["href"] for link in tree.select("section p a[href^='#']")] == [
        "#text/second.exercises", "#text/first.exercises", "#text/first"]
    names = [element["id"] for element in tree.find_all(id=True)]
    assert len(names) == len(set(names))
    assert {link["href"][1:] for link in tree.select("a[href^='#']")} <= set(names)


def test_the_contents_have_parts_chapters_and_sections_in_the_order_of_the_book(site):
    lines = [line.get_text() for line in whole(site).select("nav p, nav a")]
    assert lines == ["A book", "Exercises", "The report", "1. Second", "Exercises"]


@pytest.mark.parametrize("head, expected", [
    ("", None), ('<link rel="canonical" href="https://example.org/b/text/{name}.html">',
                 "https://example.org/b/genindex.html#x")], ids=["nowhere", "at an address"])
def test_what_is_not_in_the_book_is_linked_where_the_site_has_an_address(tmp_path, head, expected):
    tree = whole(site_of(tmp_path, head=head))
    assert tree.find("a", string="index").get("href") == expected
    assert tree.find("a", string="elsewhere")["href"] == "https://example.org/"


def test_solutions_are_open_exercises_have_their_code_and_widgets_their_picture(site):
    tree = whole(site)
    text = tree.get_text()
    assert "Because." in text and "answer()" in text
    assert "plumbing()" not in text and "view" not in text and "#" not in tree.select_one("section").get_text()
    assert all(details.has_attr("open") for details in tree.select("details"))
    assert tree.select_one(".widget-fallback img")["src"] == "_images/a%20b.png"
    assert [link["href"] for link in tree.select("link")] == ["_static/one.css", "_static/two.css"]


def test_the_margin_names_the_chapter(tmp_path):
    tree = whole(site_of(tmp_path, first=FIRST.replace("A book", r'Say "a\b"')))
    assert r'@page chapter0 { @top-left { content: "Say \"a\\b\""; } }' in tree.style.string
    assert '@page chapter1 { @top-left { content: "1. Second"; } }' in tree.style.string
    assert [chapter["style"] for chapter in tree.select("section.bd-article")] == ["page: chapter0", "page: chapter1"]


def test_a_link_that_leads_nowhere_is_told(tmp_path):
    site_of(tmp_path, second=SECOND.replace('id="exercises"', ""))
    with pytest.raises(pdf.NoPDF, match=re.escape("not in it: text/second.exercises")):
        pdf.one_page(tmp_path)


# ---- in its place


@pytest.fixture
def prints(monkeypatch):
    """A list of the times that the book is printed, by something that stands in for a browser."""
    done = []

    def printed(page, site, target):
        done.append(target)
        target.write_text(f"print {len(done)}")

    monkeypatch.setattr(pdf, "browser", lambda: nullcontext(SimpleNamespace(new_page=lambda: None)))
    monkeypatch.setattr(pdf, "printed", printed)
    return done


def test_it_is_printed_anew_only_if_the_site_changed(site, tmp_path_factory, prints):
    kept = tmp_path_factory.mktemp("build") / "pdf"
    (site / "lite").mkdir()
    for text in ("old", "old", "new"):
        (site / "lite" / "wheel").write_text(os.urandom(9).hex())  # not in the book
        (site / "text" / "page.css").write_text(text)
        (site / "book.pdf").unlink(missing_ok=True)
        pdf.put(site, kept, "book.pdf")
    assert len(prints) == 2 and (site / "book.pdf").read_text() == "print 2"
    assert len(list(kept.iterdir())) == 1


@pytest.mark.parametrize("lacking, said", [
    ({"PATH": "/nowhere", "PLAYWRIGHT_BROWSERS_PATH": "/nowhere"}, "it needs Chromium 131 or newer: on Debian `apt"),
    ({"PLAYWRIGHT_NODEJS_PATH": "/bin/false"}, "Playwright does not start ("),
], ids=["a browser", "a part of Playwright"])
def test_without_a_browser_one_sentence_says_what_is_lacking(lacking, said, playwright_starts):
    if "Chromium" in said and not playwright_starts:
        pytest.skip("Playwright does not start here, so that nothing asks for a browser")
    program = "import pdf\ntry:\n  with pdf.browser(): pass\nexcept pdf.NoPDF as error: print(error)"
    done = subprocess.run([sys.executable, "-c", program], cwd=Path(pdf.__file__).parent, env=os.environ | lacking,
                          text=True, capture_output=True, check=False)
    assert done.stdout.startswith(said) and done.stdout.count("\n") == 1, done.stdout + done.stderr
