"""What pages say of themselves: descriptions, cards and addresses, of a small book and of the built one."""

import os
import re
import subprocess
import sys
from functools import cache
from pathlib import Path
from xml.etree import ElementTree

import pytest
from bs4 import BeautifulSoup

ROOT = Path(__file__).resolve().parents[1]
BUILT = ROOT / "_build" / "html"
BASE = "https://example.org/a/book/"
BOOK = {
    "conf.py": f"""
import sys
sys.path.insert(0, {str(ROOT / "book" / "_ext")!r})
extensions, root_doc, html_title = ["page_heads"], "text/first", "A <small> book"
html_theme, html_favicon, html_show_sphinx = "basic", "icon.svg", False
""",
    "icon.svg": '<svg xmlns="http://www.w3.org/2000/svg"/>',
    "text/first.rst": f"""
First
=====

.. note:: A note is no description.

Why "this"? It [LeCun et al., 1998a] is so. {"word " * 50}end.

.. toctree::

   second
   third
   fourth
""",
    "text/second.rst": f"Second & last\n{20 * '='}\n\nAs :math:`x^2` says.\n\n{'Words ' * 60}end.\n",
    "text/third.rst": ".. meta::\n   :description: What it \"says\" itself.\n\nThird\n=====\n\nAnd what not.\n",
    "text/fourth.rst": "Fourth\n======\n\n- a list\n",
}


def build(folder, **settings):
    for name, text in BOOK.items():
        (folder / "source" / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / "source" / name).write_text(text, encoding="utf-8")
    environment = {name: value for name, value in os.environ.items() if name != "BOOK_URL"} | settings
    return subprocess.run([sys.executable, "-m", "sphinx", "-W", "-q", folder / "source", folder / "site"], text=True,
                          env=environment, capture_output=True, check=False)


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """A function that builds the small book, for an address or for none, and gives its folder."""

    @cache
    def built(address=""):
        folder = tmp_path_factory.mktemp("book")
        done = build(folder, **({"BOOK_URL": address} if address else {}))
        assert done.returncode == 0, done.stderr
        return folder / "site"

    return built


def head(site, name):
    """The title of a page, and what its elements `meta` and `link` say, by their names."""
    tree = BeautifulSoup((site / name).read_bytes(), "html.parser")
    said = {element.get("name") or element.get("property"): element["content"] for element in tree.find_all("meta")
            if element.get("name") or element.get("property")}
    said |= {"link " + element["rel"][0]: element["href"] for element in tree.find_all("link")}
    return said | {"title": tree.title.get_text()}


# ---- a small book


@pytest.mark.parametrize("name, expected", [
    ("text/first.html", 'Why “this”? It is so.'),
    ("text/second.html", f"{'Words ' * 33}…"),
    ("text/third.html", 'What it "says" itself.'),
    ("text/fourth.html", "Fourth: a page of the book “A <small> book”."),
    ("search.html", "Search the chapters, the terms and the library of this book."),
    ("404.html", "There is no page at this address."),
])
def test_a_description_is_a_pages_first_whole_sentences_unless_it_gives_one(site, name, expected):
    tree = BeautifulSoup((site() / name).read_bytes(), "html.parser")
    (element,) = tree.find_all("meta", {"name": "description"})
    assert element["content"] == expected and len(expected) <= 200
    assert name == "404.html" or head(site(), name)["og:description"] == expected


def test_without_an_address_nothing_names_a_host(site):
    assert not (site() / "sitemap.xml").exists()
    for path in site().rglob("*.html"):
        said = head(site(), path.relative_to(site()))
        assert "link canonical" not in said and "og:url" not in said
        assert not [value for value in said.values() if value.startswith("http")]


@pytest.mark.parametrize("name, canonical", [
    ("text/second.html", "text/second.html"), ("text/first.html", "text/first.html"), ("index.html", "text/first.html"),
])
def test_with_an_address_a_page_says_where_it_stands(site, name, canonical):
    said = head(site(BASE), name)
    assert said["link canonical"] == said["og:url"] == BASE + canonical
    assert said["og:image"] == f"{BASE}_static/card.png"


def test_the_sitemap_has_every_page_and_nothing_else(site):
    places = [element.text for element in ElementTree.parse(site(BASE) / "sitemap.xml").iter() if "loc" in element.tag]
    assert places == [f"{BASE}text/{name}.html" for name in ("first", "fourth", "second", "third")]


def test_the_address_needs_no_slash_at_its_end(site):
    assert head(site(BASE.rstrip("/")), "text/second.html")["og:url"] == f"{BASE}text/second.html"


@pytest.mark.parametrize("address", ["example.org/book", "ftp://example.org/", "https:///book"])
def test_what_is_no_address_is_refused(tmp_path, address):
    done = build(tmp_path, BOOK_URL=address)
    assert done.returncode != 0
    assert f"BOOK_URL: expected an address such as https://example.org/book/, got {address!r}" in done.stderr


@pytest.mark.parametrize("address, root", [("", "/"), (BASE, "/a/book/")])
def test_the_page_for_what_does_not_exist_works_at_any_depth_and_is_in_no_index(site, address, root):
    text = (site(address) / "404.html").read_text(encoding="utf-8")
    targets = re.findall(r'(?:href|src|action)="([^"#][^"]*)"', text)
    assert f"{root}text/first.html" in targets and f"{root}search.html" in targets
    assert [target for target in targets if not target.startswith(root)] == []
    assert head(site(address), "404.html")["robots"] == "noindex"
    assert "link canonical" not in head(site(address), "404.html")


def test_the_sites_own_address_leads_on_and_has_the_first_pages_head(site):
    for address in ("", BASE):
        first, door = head(site(address), "text/first.html"), head(site(address), "index.html")
        for name in ("title", "description", "og:title", "og:description", "twitter:card"):
            assert door[name] == first[name]
        assert door["og:image"] == f"{address}_static/card.png" and (site(address) / "_static" / "card.png").exists()
        assert 'content="0; url=text/first.html"' in (site(address) / "index.html").read_text(encoding="utf-8")


# ---- the built book


@cache
def pages():
    """What the head of every page says."""
    names = [path.relative_to(BUILT).as_posix() for path in sorted(BUILT.rglob("*.html"))]
    return {name: head(BUILT, name) for name in names if not name.startswith(("_static/", "lite/"))}


@pytest.fixture
def book():
    if not (BUILT / "404.html").exists():
        pytest.fail("the book is not built: expected _build/html/404.html; run `make book`", pytrace=False)


@pytest.mark.usefixtures("book")
@pytest.mark.parametrize("what", ["title", "description"])
def test_every_built_page_has_one_of_its_own(what):
    said = {name: page[what] for name, page in pages().items() if name != "index.html"}
    assert len(said) > 15 and len(set(said.values())) == len(said)
    for name, text in said.items():
        assert 15 < len(text) <= 200 or what == "title", name
        assert not re.search(r"[{}\\$]|\[[^\]]*\d{4}|(?P<name>[^—–-]+) [—–-] (?P=name)$", text), name


@pytest.mark.usefixtures("book")
def test_every_built_page_has_an_icon_and_a_card_that_exist():
    for name, page in pages().items():
        assert (BUILT / name).parent.joinpath(page["link icon"]).exists() or page["link icon"].startswith("/"), name
        if name != "404.html":
            assert BUILT.joinpath(name).parent.joinpath(page["og:image"]).exists() or "://" in page["og:image"], name
    card = (BUILT / "_static" / "card.png").read_bytes()
    assert card.startswith(b"\x89PNG") and len(card) < 300_000
    assert [int.from_bytes(card[at:at + 4], "big") for at in (16, 20)] == [1200, 630]
