"""The policy of each page: how it is made, and that every page of the built site has it and keeps to what is told."""

import base64
import hashlib
import json
import os
import re
from functools import cache
from pathlib import Path
from urllib.parse import unquote, urlsplit

import content_security as security
import pytest
from bs4 import BeautifulSoup

BUILT = Path(__file__).resolve().parents[1] / "_build" / "html"
WIDGETS = "https://cdn.example/widgets@1.2.3/dist/embed.js"
POLICY = {"http-equiv": "Content-Security-Policy"}


def sha256(text):
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


# ---- how it is made


def test_each_script_in_a_page_is_allowed_by_its_hash_and_data_is_not():
    scripts = ["let a = '</div>' && 1 < 2;\n", "\n await b();"]
    html = (f'<script>{scripts[0]}</script><script type="module">{scripts[1]}</script><script src="c.js"></script>'
            '<script type="application/json">{"d": 1}</script><p>e</p>')
    assert security.book_policy(html, [])["script-src"] == ["'self'", *sorted(map(sha256, scripts))]


def test_what_an_attribute_runs_is_allowed_by_its_hash():
    handlers = security.Inline('<a onclick="go(&quot;x&quot;)">a</a>').handlers
    assert security.book_policy("", [], handlers)["script-src"] == ["'self'", "'unsafe-hashes'", sha256('go("x")')]


def test_only_a_page_with_widgets_may_load_their_script_and_make_code_of_text():
    without, with_them = (security.book_policy(html, [WIDGETS])
                          for html in (f"<p>{WIDGETS}</p>", f'<script src="{WIDGETS}"></script>'))
    assert "cdn.example" not in str(without) and "unsafe-eval" not in str(without)
    assert with_them["script-src"] == ["'self'", WIDGETS, "'unsafe-eval'"]
    assert with_them["font-src"] == ["'self'", "https://cdn.example/widgets@1.2.3/dist/"]


@pytest.mark.parametrize("head", [
    '<head>\n<meta charset="utf-8" />|<script>a</script>',
    '<head><title>t</title><meta charset="utf-8">|<link href="a"><script>a</script>',
    '<head>|<script>a</script><meta charset="utf-8">', "<head>|<title>t</title>",
])
def test_a_policy_stands_before_what_it_is_for_and_takes_the_place_of_an_older_one(head):
    html = head.replace("|", "") + "</head>"
    once = security.with_policy(html, {"default-src": ["'none'"], "img-src": ["'self'", "data:"]})
    element = '\n<meta http-equiv="Content-Security-Policy" content="default-src \'none\'; img-src \'self\' data:">'
    assert once == head.replace("|", element) + "</head>"
    assert security.with_policy(once, {"default-src": ["'self'"]}).count("Content-Security-Policy") == 1
    assert security.with_policy(security.with_policy(once, {}), {"default-src": ["'none'"],
                                                                "img-src": ["'self'", "data:"]}) == once


# ---- the built site


@cache
def pages():
    """Every page as a tree, by its name; not the theme's templates, nor what only leads on to another page."""
    names = [path for path in sorted(BUILT.rglob("*.html")) if path.relative_to(BUILT).parts[0] != "_static"]
    trees = {path.relative_to(BUILT).as_posix(): BeautifulSoup(path.read_bytes(), "html.parser") for path in names}
    return {name: tree for name, tree in trees.items() if not tree.find("meta", {"http-equiv": "Refresh"})}


@pytest.fixture(autouse=True)
def book(request):
    if "built" in request.node.name and "book/loads.html" not in pages():
        pytest.fail("the book is not built: expected _build/html/book/loads.html; run `make book`", pytrace=False)


def policy(tree):
    (element,) = tree.find_all("meta", POLICY)
    return {directive: sources for directive, *sources in map(str.split, element["content"].split(";"))}


def loaded(tree):
    """The elements that load something from another host."""
    return [(element, element.get("src") or element["href"])
            for element in tree.select("script[src], img[src], iframe[src], source[src], link[href]")
            if element.get("rel") != ["canonical"]
            and urlsplit(element.get("src") or element["href"]).netloc]


def test_every_built_page_has_one_policy_before_all_that_it_is_for():
    assert len(pages()) > 15
    for name, tree in pages().items():
        (element,) = tree.find_all("meta", POLICY)
        assert not element.find_all_previous(["script", "link", "style", "img"]), name


def test_no_built_page_may_do_more_than_it_needs():
    for name, tree in pages().items():
        live, widgets = name.startswith("lite/"), "html-manager" in str(tree.find_all("script", src=True))
        sources = policy(tree)
        assert sources["default-src"] == ["'none'"]
        assert not {"'unsafe-inline'", "*", "https:", "data:", "blob:"} & set(sources["script-src"]), name
        assert ("'unsafe-eval'" in sources["script-src"]) == (live or widgets), name
        assert {source for each in sources.values() for source in each if "://" in source} == {
            address for _, script in loaded(tree) for address in (script, script.rpartition("/")[0] + "/")}, name


def test_what_a_built_page_loads_from_elsewhere_is_pinned_and_checked_by_the_browser():
    found = {(element["integrity"], address) for tree in pages().values() for element, address in loaded(tree)}
    assert len(found) == 1
    for integrity, address in found:
        assert re.search(r"@\d+\.\d+\.\d+/", address)
        if os.environ.get("CDN_MIRROR"):
            file = Path(os.environ["CDN_MIRROR"], unquote(urlsplit(address).path).lstrip("/")).read_bytes()
            assert integrity == f"sha384-{base64.b64encode(hashlib.sha384(file).digest()).decode()}"


def test_no_built_page_waits_for_a_script_from_elsewhere():
    assert [name for name, tree in pages().items() for element, _ in loaded(tree)
            if element.name == "script" and element.get("type") != "text/when-needed"] == []


def test_the_built_book_names_all_that_comes_from_elsewhere():
    told = pages()["book/loads.html"].find("main").get_text()
    settings = json.loads((BUILT / "lite" / "jupyter-lite.json").read_text(encoding="utf-8"))["jupyter-config-data"]
    addresses = {address for tree in pages().values() for _, address in loaded(tree)}
    live = set(re.findall(r'https?://[^"]+', json.dumps(settings)))
    assert len(live) == 1 and re.search(r"/v\d+\.\d+\.\d+/", *live)
    for address in addresses | live:
        assert address in told
    styles = "".join(path.read_text(encoding="utf-8") for path in (BUILT / "_static").rglob("*.css"))
    assert re.findall(r"(?:url\(|@import)\s*[\"']?(?:https?:)?//[^)\"';]+", styles) == []


def test_the_built_book_tells_the_policies_that_its_pages_have():
    told = [block.get_text() for block in pages()["book/loads.html"].select("main pre")][-3:]
    plain, widgets, live = [{tuple(line.split()) for line in block.splitlines()} for block in told]
    for name, expected in (("book/introduction.html", plain), ("notebooks/3_tricks.html", widgets),
                           ("lite/notebooks/index.html", live)):
        own = {(directive, *(source for source in sources if "hash" not in source and "sha256" not in source))
               for directive, sources in policy(pages()[name]).items()}
        assert own == expected
