"""The list of what is cited, and the citations: what they are called."""

import re
from pathlib import Path

import author_year
import pytest
from bs4 import BeautifulSoup
from pybtex.database import parse_string

ROOT = Path(__file__).resolve().parents[1]
BUILT = ROOT / "_build" / "html"
ENTRIES = r"""
@book{e, author = {Zuse, Konrad}, title = {T}, year = {1998}}
@article{a, author = {LeCun, Yann and Bottou, L{\'e}on and Bengio, Yoshua}, title = {A}, year = {1998}}
@article{b, author = {LeCun, Yann and Cortes, Corinna and Burges, C.}, title = {B}, year = {1998}}
@article{c, author = {M{\"u}ller, Klaus-Robert and de la Vega, Jos{\'e}}, title = {C}}
@book{d, editor = {Orr, Genevieve}, title = {D}, year = {1998}}
@misc{f, title = {The {MNIST} database}, year = {2000}}
"""


def test_two_that_would_look_alike_get_letters_and_others_do_not():
    entries = parse_string(ENTRIES, "bibtex").entries.values()
    assert list(author_year.Labels().format_labels(entries)) == [
        "Zuse, 1998", "LeCun et al., 1998a", "LeCun et al., 1998b", "Müller and de la Vega, n.d.", "Orr, 1998",
        "The MNIST database, 2000"]


# ---- the built book


@pytest.fixture(scope="module")
def listed():
    """The labels of the bibliography, by their anchors."""
    page = BUILT / "book" / "bibliography.html"
    if not page.exists():
        pytest.fail(f"the book is not built: expected {page}; run `make book`", pytrace=False)
    entries = BeautifulSoup(page.read_bytes(), "html.parser").select(".citation")
    return {entry["id"]: entry.select_one(".label").get_text() for entry in entries}


def test_the_bibliography_says_author_and_year_in_order_and_each_once(listed):
    labels = list(listed.values())
    assert len(set(labels)) == len(labels) > 5
    assert [label for label in labels if not re.fullmatch(r"\[[^\d\[\]]+, (\d{4}[a-z]?|n\.d\.)\]", label)] == []
    assert [label.split()[0].lower() for label in labels] == sorted(label.split()[0].lower() for label in labels)


def test_every_citation_in_the_book_reads_as_the_entry_that_it_leads_to(listed):
    found = [(link.get_text(), link["href"].partition("#")[2])
             for page in BUILT.glob("*/*.html") if page.parent.name in ("book", "notebooks")
             for link in BeautifulSoup(page.read_bytes(), "html.parser").select('main a[href*="bibliography.html#id"]')]
    assert len(found) > 5
    assert [(text, anchor) for text, anchor in found if f"[{text}]" != listed[anchor]] == []
