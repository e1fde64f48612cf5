"""Every page of the built book, found from its files: in a browser, without a network, on a phone, and to axe."""

from functools import cache
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
from axe_playwright_python.sync_playwright import Axe
from bs4 import BeautifulSoup

BUILT = Path(__file__).resolve().parents[2] / "_build" / "html"
FILES = {path.relative_to(BUILT).as_posix(): path for path in sorted(BUILT.rglob("*.html"))}
# The theme's templates are no pages, and JupyterLite is a program of its own, with its own tests.
FILES = {name: path for name, path in FILES.items() if not name.startswith(("_static/", "lite/"))}
TREES = {name: BeautifulSoup(path.read_bytes(), "html.parser") for name, path in FILES.items()}
FORWARDING = [name for name, tree in TREES.items() if tree.find("meta", {"http-equiv": "Refresh"})]
# Without a build there is still one test of each kind, so that the fixture `site` can say what to do.
PAGES = [name for name in FILES if name not in FORWARDING] or ["index.html"]

each_page = pytest.mark.parametrize("name", PAGES)

#: What axe finds serious and the book cannot help: rule and a part of the element's HTML, and why.
FAULTS = {
    ("aria-required-children", 'class="citation-list"'): "docutils writes a list without list items around citations",
}
seen_faults, examined = set(), set()

PICTURES = """() => [...document.querySelectorAll('main img')]
    .filter(i => i.checkVisibility() && i.loading !== 'lazy' && !(i.complete && i.naturalWidth))
    .map(i => i.src.slice(0, 100))"""
RAW_FORMULAS = """() => [...document.querySelectorAll('main .math')]
    .filter(m => !m.querySelector('mjx-container')).map(m => m.textContent)"""
TEXT = """() => {
  const article = document.querySelector('main').cloneNode(true);
  const parts = '.widget-subarea, .jupyter-widgets, .widget-fallback, script, .bd-header-article';
  for (const part of article.querySelectorAll(parts)) part.remove();
  return article.textContent.replace(/\\s+/g, ' ');
}"""
WIDGETS = 'script[type="application/vnd.jupyter.widget-view+json"]'


def open_all(page):
    """Unfold what is folded, so that it is examined too."""
    page.evaluate("""() => {
      document.querySelectorAll("main details").forEach(details => { details.open = true; });
      for (const animation of document.getAnimations()) {  // what fades in is pale at first
        if (animation.effect.getComputedTiming().endTime < Infinity) animation.finish();
      }
    }""")


# ---- as built


def test_the_book_has_pages():
    assert {"book/introduction.html", "notebooks/1_backpropagation.html", "book/api.html"} <= set(PAGES), (
        "expected the built book in _build/html; run `make book`")


def targets(tree):
    """Where a page's links, pictures and scripts lead."""
    return {value for attribute in ("href", "src") for element in tree.find_all(attrs={attribute: True})
            if not (value := element[attribute]).startswith(("http:", "https:", "mailto:", "data:", "javascript:"))}


@cache
def anchors(name):
    """What a link can lead to on a page."""
    return {element[key] for key in ("id", "name") for element in TREES[name].find_all(attrs={key: True})}


@pytest.mark.parametrize("name", FILES or ["index.html"])
def test_internal_links_and_pictures_lead_somewhere(site, name):
    broken = []
    tree = TREES[name]
    forward = [element["content"].partition("url=")[2] for element in tree.find_all("meta", {"http-equiv": "Refresh"})]
    for target in sorted(targets(tree)) + forward:
        parts = urlsplit(target)
        file = (FILES[name].parent / unquote(parts.path)).resolve() if parts.path else FILES[name].resolve()
        file = file / "index.html" if file.is_dir() else file
        if not file.is_file():
            broken.append(target)
        elif parts.fragment and file.relative_to(BUILT).as_posix() in TREES:
            if unquote(parts.fragment) not in anchors(file.relative_to(BUILT).as_posix()):
                broken.append(target)
    assert broken == []


# ---- in a browser


@each_page
def test_a_page_shows_everything_and_complains_of_nothing(visit, console, network, name):
    page = visit(name)
    open_all(page)
    assert page.evaluate(PICTURES) == []
    assert page.evaluate(RAW_FORMULAS) == []
    for fallback in page.locator(".widget-fallback").all():
        assert not fallback.is_visible()
    assert network.blocked == []
    assert console.errors == []


@each_page
def test_a_page_without_any_other_host_loses_no_text_formula_or_figure(visit, network, console, name):
    with_cdn = visit(name).evaluate(TEXT)
    network.cdn = False
    page = visit(name, widgets=False)
    open_all(page)
    assert page.evaluate(TEXT) == with_cdn and len(with_cdn) > 20
    assert page.evaluate(PICTURES) == []
    assert page.evaluate(RAW_FORMULAS) == []
    assert {urlsplit(url).hostname for url in network.blocked} <= {"cdn.jsdelivr.net"}
    # Where there is a widget, its output has a picture or table in its place.
    outputs = page.locator(f".cell_output:has({WIDGETS})")
    for output in outputs.all():
        fallback = output.locator(".widget-fallback")
        assert fallback.count() and fallback.first.is_visible()
        assert fallback.locator("img[alt], table, svg").count() or len(fallback.first.inner_text()) > 20


@each_page
@pytest.mark.browser_context_args(viewport={"width": 380, "height": 800})
def test_a_page_fits_a_phone(visit, name):
    page = visit(name)
    open_all(page)
    width = page.evaluate("() => document.documentElement.scrollWidth")
    too_wide = """() => [...document.querySelectorAll('body *')]
        .filter(e => e.getBoundingClientRect().right > innerWidth + 1)
        .slice(0, 5).map(e => e.outerHTML.slice(0, 120))"""
    assert width <= 380, page.evaluate(too_wide)


@each_page
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_serious(page, visit, name, scheme):
    page.emulate_media(color_scheme=scheme)
    visit(name)
    assert page.locator("html").get_attribute("data-theme") == scheme
    open_all(page)
    where, options = None, {"resultTypes": ["violations"]}
    if scheme == "dark":  # only colours differ; a formula has that of its text, and thousands of parts to look at
        where, options["runOnly"] = {"exclude": [["mjx-container"]]}, ["color-contrast"]
    found = []
    for violation in Axe().run(page, where, options).response["violations"]:
        for node in violation["nodes"] if violation["impact"] in ("serious", "critical") else ():
            known = [(rule, part) for rule, part in FAULTS if rule == violation["id"] and part in node["html"]]
            seen_faults.update(known)
            if not known:
                found.append((violation["id"], node["target"], node["html"][:200], node["failureSummary"][-300:]))
    examined.add((name, scheme))
    assert found == []


def test_the_listed_faults_still_occur():
    if len(examined) < 2 * len(PAGES):
        pytest.skip("axe has not looked at all pages")
    assert set(FAULTS) == seen_faults
