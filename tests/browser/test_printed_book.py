"""The book as a PDF, printed: a small book, and the whole one where it was built with `make pdf`."""

import re
import shutil
import sys
from pathlib import Path
from urllib.parse import unquote

import pytest
from bs4 import BeautifulSoup
from PIL import Image
from pypdf import PdfReader

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "book"))
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
import pdf
from test_pdf import FIRST, SECOND, site_of

BUILT = Path(__file__).resolve().parents[2] / "_build" / "html"
VIEWS = 'script[type="application/vnd.jupyter.widget-view+json"]'
# As Sphinx writes it.
MATHS = '<script defer src="../_static/mathjax/tex-chtml.js"></script>'
FORMULA = r'<div class="math" id="equation-eq-x"><span class="eqno">(1.1)</span>\[\frac{1}{2}\]</div>'


@pytest.fixture
def small(tmp_path, site):
    """The site of a small book, with a formula and a figure."""
    site_of(tmp_path, FIRST + '<p><a href="../text/second.html#equation-eq-x">(1.1)</a></p>', SECOND + FORMULA, MATHS)
    shutil.copytree(BUILT / "_static", tmp_path / "_static")
    (tmp_path / "_images").mkdir()
    Image.new("L", (40, 30), 128).save(tmp_path / "_images" / "a b.png")
    return tmp_path


def test_links_lead_to_their_pages_and_contents_outline_and_pictures_are_there(page, small, tmp_path):
    pdf.printed(page, small, tmp_path / "book.pdf")
    book = PdfReader(tmp_path / "book.pdf")
    title, contents, _, second = (sheet.extract_text() for sheet in book.pages)
    assert "A book" in title and "By us" in title
    assert [line for line in contents.splitlines() if line[-1].isdigit()] == [
        "2", "A book 3", "Exercises 3", "1. Second 4", "Exercises 4"]
    assert second.startswith("1. Second")  # the margin
    assert "answer()" in second and "Because." in second
    assert [bookmark["/Title"] for bookmark in pdf.outline(book)] == [
        "Contents", "A book", "Exercises", "1. Second", "Exercises"]
    numbers = pdf.leaves(book)
    assert [numbers.get(link.lstrip("/"), link) for link in pdf.links(book)] == [
        3, 3, 4, 4, 4, 3, "https://example.org/", 4, 3]
    assert len(book.pages[3].images) == 1  # the figure: the formula is no picture
    assert not (small / pdf.ONE_PAGE).exists()


@pytest.mark.parametrize("fault, said", [
    ('<p><img src="none.png"></p>', "no picture"),
    (r'<div class="math">\[\frac{1}\]</div>', "wrong"),
    (f"<pre style='white-space: pre !important'>{100 * 'cut '}</pre>", "cut"),
])
def test_what_is_missing_or_cut_is_told(page, small, fault, said):
    second = small / "text" / "second.html"
    second.write_text(second.read_text(encoding="utf-8").replace("Because.", fault), encoding="utf-8")
    with pytest.raises(pdf.NoPDF, match=f"^{said} "):
        pdf.printed(page, small, small / "book.pdf")


def test_a_pdf_that_is_too_large_is_told(page, small, monkeypatch):
    monkeypatch.setattr(pdf, "MOST", 1000)
    with pytest.raises(pdf.NoPDF, match=r"it has 0\.\d MB, and may have 0"):
        pdf.printed(page, small, small / "book.pdf")


# ---- the whole book


@pytest.fixture(scope="module")
def whole(site):
    return BeautifulSoup(pdf.one_page(BUILT), "html.parser")


def test_every_link_of_the_whole_book_has_its_place_and_every_widget_its_picture(whole):
    names = {element["id"] for element in whole.find_all(id=True)}
    assert {unquote(link["href"][1:]) for link in whole.select("a[href^='#']")} <= names
    pages = [BeautifulSoup((BUILT / name).read_bytes(), "html.parser") for _, names in pdf.contents(BUILT)
             for name in names]
    assert len(whole.select("section.bd-article")) == len(pages) > 20
    assert len(whole.select("section a[href^='#']")) > 200
    pictures = whole.select(".widget-fallback")
    assert len(pictures) == sum(len(page.select(VIEWS)) for page in pages) > 5
    assert all(picture.select("img[alt], table, svg") or len(picture.get_text()) > 20 for picture in pictures)


def test_every_page_links_to_the_pdf_if_there_is_one(site):
    pages = [path for part in (BUILT, BUILT / "book", BUILT / "notebooks") for path in part.glob("*.html")]
    link = re.compile(r'href="[./]*book\.pdf"')
    linking = {path for path in pages if link.search(path.read_text(encoding="utf-8"))}
    assert linking == (set(pages) - {BUILT / "index.html"} if (BUILT / "book.pdf").exists() else set())


@pytest.mark.skipif(not (BUILT / "book.pdf").exists(), reason="the book was built without its PDF: `make pdf`")
def test_the_pdf_of_the_whole_book_has_all_its_chapters_and_bookmarks_and_is_light(whole):
    pdf.check(BUILT / "book.pdf")  # links, and size
    book = PdfReader(BUILT / "book.pdf")
    assert [bookmark["/Title"] for bookmark in pdf.outline(book)] == [
        pdf.said(heading) for heading in whole.find_all(["h1", "h2", "h3", "h4", "h5", "h6"])]
    assert len(list(pdf.links(book))) >= len(whole.select("a[href^='#']"))
