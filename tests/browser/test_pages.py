"""Every page of the built book, found from its files: in a browser, without a network, on a phone, and to axe."""

import io
import re
from functools import cache
from pathlib import Path
from urllib.parse import unquote, urlsplit

import numpy as np
import pytest
from bs4 import BeautifulSoup
from PIL import Image

BUILT = Path(__file__).resolve().parents[2] / "_build" / "html"
FILES = {path.relative_to(BUILT).as_posix(): path for path in sorted(BUILT.rglob("*.html"))}
# The theme's templates are no pages, and JupyterLite is a program of its own, with its own tests.
FILES = {name: path for name, path in FILES.items() if not name.startswith(("_static/", "lite/"))}
TREES = {name: BeautifulSoup(path.read_bytes(), "html.parser") for name, path in FILES.items()}
FORWARDING = [name for name, tree in TREES.items() if tree.find("meta", {"http-equiv": "Refresh"})]
# Without a build there is still one test of each kind, so that the fixture `site` can say what to do.
PAGES = [name for name in FILES if name not in FORWARDING] or ["index.html"]

EVIDENCE = [name for name in PAGES if re.match(r"notebooks/([5-9]|1\d)_", name)] or PAGES

each_page = pytest.mark.parametrize("name", PAGES, scope="module")  # the tests of a page follow each other

#: What axe finds and the book cannot help: rule and a part of the element's HTML, and why.
FAULTS = {}
#: Rules that are kept though axe calls their breach moderate or less, or does not look unless it is told to.
KEPT = ["region", "label-content-name-mismatch", "empty-table-header"]
seen_faults, examined = set(), set()

PICTURES = """() => [...document.querySelectorAll('main img')]
    .filter(i => i.checkVisibility() && i.loading !== 'lazy' && !(i.complete && i.naturalWidth))
    .map(i => i.src.slice(0, 100))"""
BARE_ICONS = """() => [...document.querySelectorAll("i.fas, .fa-solid")]
    .filter(i => getComputedStyle(i, "::before").content === "none").map(i => i.outerHTML)"""
RAW_FORMULAS = """() => [...document.querySelectorAll('main .math')]
    .filter(m => !m.querySelector('mjx-container')).map(m => m.textContent)"""
TEXT = """() => {
  const article = document.querySelector('main').cloneNode(true);
  const parts = '.widget-subarea, .jupyter-widgets, .widget-fallback, script, .bd-header-article';
  for (const part of article.querySelectorAll(parts)) part.remove();
  return article.textContent.replace(/\\s+/g, ' ');
}"""
WIDTH = "() => document.documentElement.scrollWidth"
TOO_WIDE = """() => [...document.querySelectorAll('body *')]
    .filter(e => e.getBoundingClientRect().right > innerWidth + 1)
    .slice(0, 5).map(e => e.outerHTML.slice(0, 120))"""
BROKEN_WORDS = """() => {
  const broken = new Set(), range = document.createRange();
  for (const table of document.querySelectorAll(".bd-article table:not(.genindextable)")) {
    const walker = document.createTreeWalker(table, NodeFilter.SHOW_TEXT);
    while (walker.nextNode()) {
      for (const { 0: word, index } of walker.currentNode.data.matchAll(/\\p{L}{2,12}/gu)) {
        range.setStart(walker.currentNode, index);
        range.setEnd(walker.currentNode, index + word.length);
        if (new Set([...range.getClientRects()].map(({ top }) => top)).size > 1) broken.add(word);
      }
    }
  }
  return [...broken];
}"""
# What goes on behind an edge of its box, and whether that scrolls and has a sign, which is covered at the ends.
BEYOND = """() => {
  const ground = (element) => {
    const colour = getComputedStyle(element).backgroundColor;
    return /, 0\\)$/.test(colour) ? ground(element.parentElement) : colour;
  };
  const signed = (element) => {
    const { overflowX, backgroundImage, backgroundAttachment } = getComputedStyle(element);
    return overflowX === "auto" && backgroundAttachment === "local, local, scroll, scroll"
      && backgroundImage.split(ground(element)).length === 3;  // both covers are of the ground
  };
  const scroller = (element) => element.matches("main") ? null
    : getComputedStyle(element).overflowX === "visible" ? scroller(element.parentElement) : element;
  // Without the contents at the side, which slide away on a narrow screen.
  const article = document.querySelector(".bd-article") ?? document.querySelector("main");
  return [...article.querySelectorAll(":not(.math :not(mjx-container, mjx-math), svg *)")].filter((element) => {
    const { left, right, width } = element.getBoundingClientRect();
    if (width < 2 || !element.checkVisibility() || element.matches(".sr-only, .visually-hidden")) return false;
    if (getComputedStyle(element).overflowX !== "visible" && element.scrollWidth > element.clientWidth + 1) return true;
    const box = (scroller(element) ?? article).getBoundingClientRect();
    return right > box.right + 1 || left < box.left - 1;
  }).map((element) => [element.outerHTML.slice(0, 160), signed(scroller(element) ?? element)]);
}"""
WIDGETS = 'script[type="application/vnd.jupyter.widget-view+json"]'


WIDE, WIDER, PHONE, SHEET = ({"width": width, "height": height} for width, height in (
    (1280, 720), (1400, 900), (380, 800), (717, 1000)))  # the sheet: A4 without the margins of a browser


@pytest.fixture(scope="module")
def loaded(keep_open, leave, show):
    """A function that gives a page of the book with its guard and its text, loaded once for all tests of that page."""
    page, guard = keep_open()
    latest = {}

    def load(name):
        if name not in latest:
            latest.clear()
            leave(page, guard).set_viewport_size(WIDE)
            latest[name] = show(page, name), guard, page.evaluate(TEXT)
        return latest[name]

    return load


@pytest.fixture(scope="module")
def alone(keep_open, leave, show):
    """A function that gives a page of the book on a phone that reaches no other host, with its guard."""
    # A proxy that is none, and not a route: with one a browser forgets what it has fetched and compiled.
    page, guard = keep_open(viewport=PHONE, proxy={"server": "127.0.0.1:9", "bypass": "127.0.0.1"})
    return lambda name: (show(leave(page, guard), name, widgets=False), guard)


@pytest.fixture
def look(loaded, name):
    """A function that gives the page of the test as it is with these media and in this window, folded or not.

    Tests that look at the same follow each other: to lay a long page out anew takes longer than to look at it.
    """

    def at(window=WIDE, media="screen", color_scheme="light", forced_colors="none", unfolded=False):
        page, *_ = loaded(name)
        page.set_viewport_size(window)
        page.emulate_media(media=media, color_scheme=color_scheme, forced_colors=forced_colors)
        if not unfolded:
            page.evaluate("() => document.querySelectorAll('main details').forEach(each => { each.open = false; })")
        page.wait_for_function("scheme => document.documentElement.dataset.theme === scheme", arg=color_scheme)
        if unfolded:
            open_all(page)
        return page

    return at


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
        folder = BUILT if parts.path.startswith("/") else FILES[name].parent  # the page for what does not exist
        file = (folder / unquote(parts.path).lstrip("/")).resolve() if parts.path else FILES[name].resolve()
        file = file / "index.html" if file.is_dir() else file
        if not file.is_file():
            broken.append(target)
        elif parts.fragment and file.relative_to(BUILT).as_posix() in TREES:
            if unquote(parts.fragment) not in anchors(file.relative_to(BUILT).as_posix()):
                broken.append(target)
    assert broken == []


@pytest.mark.parametrize("name", PAGES)
def test_a_page_loads_what_it_needs(name):
    tree = TREES[name]
    scripts = [Path(urlsplit(script["src"]).path).name for script in tree.find_all("script", src=True)]
    assert ("searchindex.js" in scripts, "searchtools.js" in scripts) == (name == "search.html",) * 2
    assert "fontawesome.js" not in scripts
    assert ("tex-chtml.js" in scripts) == bool(tree.select("main .math"))


# ---- in a browser


@each_page
def test_a_page_shows_everything_and_complains_of_nothing(loaded, look, name):
    _, guard, _ = loaded(name)
    page = look(unfolded=True)
    assert page.evaluate(PICTURES) == []
    assert page.evaluate(RAW_FORMULAS) == []
    assert page.evaluate(BARE_ICONS) == []
    for fallback in page.locator(".widget-fallback").all():
        assert not fallback.is_visible()
    assert guard.network.blocked == []
    assert guard.console.errors == []


@pytest.mark.parametrize("name", ["book/introduction.html", "notebooks/1_backpropagation.html"], scope="module")
def test_no_icon_is_read_aloud(look, name):
    """In a font it is a letter of its own, which would be a part of the names of buttons and links."""
    assert re.findall(r'"[^"\n]*[\ue000-\uf8ff][^"\n]*"', look().locator("body").aria_snapshot()) == []


@each_page
def test_a_page_without_any_other_host_loses_no_text_formula_or_figure(alone, loaded, name):
    _, _, with_cdn = loaded(name)
    page, guard = alone(name)
    open_all(page)
    assert page.evaluate(TEXT) == with_cdn and len(with_cdn) > 20
    assert page.evaluate(PICTURES) == []
    assert page.evaluate(RAW_FORMULAS) == []
    assert {urlsplit(url).hostname for url in guard.network.blocked} <= {"cdn.jsdelivr.net"}
    # Where there is a widget, its output has a picture or table in its place.
    outputs = page.locator(f".cell_output:has({WIDGETS})")
    for output in outputs.all():
        fallback = output.locator(".widget-fallback")
        assert fallback.count() and fallback.first.is_visible()
        assert fallback.locator("img[alt], table, svg").count() or len(fallback.first.inner_text()) > 20
    assert page.evaluate(WIDTH) <= 380, page.evaluate(TOO_WIDE)


@each_page
def test_a_page_fits_a_phone(look, name):
    page = look(PHONE, unfolded=True)
    assert page.evaluate(WIDTH) <= 380, page.evaluate(TOO_WIDE)


@each_page
def test_no_word_of_a_table_is_broken_on_a_phone(look, name):
    page = look(PHONE, unfolded=True)
    assert page.evaluate(BROKEN_WORDS) == []


@each_page
def test_what_goes_on_behind_an_edge_on_a_phone_can_be_scrolled_and_shows_it(look, name):
    page = look(PHONE, unfolded=True)
    assert [element for element, signed in page.evaluate(BEYOND) if not signed] == []


@pytest.mark.parametrize("name", EVIDENCE, scope="module")
def test_a_page_of_the_evidence_can_be_read_at_a_sitting(look, name):
    assert 1_000 < look(WIDER).evaluate("() => document.documentElement.scrollHeight") <= 12_000


@each_page
def test_on_a_wide_screen_nothing_goes_on_behind_an_edge(look, name):
    page = look(WIDER, unfolded=True)
    assert page.evaluate(BEYOND) == []


@pytest.mark.parametrize("name", ["notebooks/1_backpropagation.html"], scope="module")
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("kind", ["div.math mjx-container", ".pst-scrollable-table-container", "pre"])
def test_the_sign_is_seen_at_the_edge_behind_which_something_is(look, name, scheme, kind):
    page = look(PHONE, color_scheme=scheme)
    boxes = page.locator(f".bd-article {kind}:visible")
    box = boxes.nth(boxes.evaluate_all("all => all.findIndex(box => box.scrollWidth > box.clientWidth + 90)"))
    seen = []
    for place in ("0", "50", "box.scrollWidth"):
        box.evaluate(f"box => {{ box.scrollLeft = {place}; }}")
        picture = np.asarray(Image.open(io.BytesIO(box.screenshot())).convert("L"), float)[4:-4]
        ground = np.median(picture)
        seen.append([bool(abs(np.median(picture[:, column]) - ground) > 40) for column in (3, -4)])
    assert seen == [[False, True], [True, True], [True, False]]


#: A line that begins with what belongs to the formula before it.
LEFT_BEHIND = """() => [...document.querySelectorAll(".bd-article span.math")].filter((formula) => {
  const next = formula.nextSibling;
  if (next?.nodeType !== Node.TEXT_NODE || !/^[,.;:!?)\\]]/.test(next.data) || !formula.checkVisibility()) return false;
  const range = document.createRange();
  range.setStart(next, 0);
  range.setEnd(next, 1);
  return range.getBoundingClientRect().left < formula.getBoundingClientRect().right - 1;
}).map((formula) => formula.parentElement.textContent.slice(0, 160))"""


@each_page
def test_no_line_begins_with_a_comma_that_belongs_to_a_formula(look, name):
    for size in ({"width": 1400, "height": 900}, PHONE):
        assert look(size).evaluate(LEFT_BEHIND) == []


FIGURES = [name for name in PAGES if name in TREES and TREES[name].select("figure img")] or PAGES


@pytest.mark.parametrize("name", FIGURES, scope="module")
def test_a_figure_is_whole_on_a_phone_and_a_tap_opens_its_picture(look, name):
    page = look(PHONE)
    for figure in page.locator(".bd-article figure:has(> img):visible").all():
        picture, link = figure.locator("img"), figure.locator(".full-size")
        figure.scroll_into_view_if_needed()
        box, bounds = picture.bounding_box(), figure.bounding_box()
        assert box["width"] <= bounds["width"] <= PHONE["width"]
        assert link.inner_text() == f"{figure.locator('.caption-number').inner_text().strip()} in full size"
        hit = picture.evaluate("""picture => {
            const { x, y, width, height } = picture.getBoundingClientRect();
            return document.elementFromPoint(x + width / 2, y + height / 2).href ?? null;
        }""")
        assert hit == picture.evaluate("picture => picture.src")
    assert look().locator(".full-size:visible").count() == 0


@pytest.mark.parametrize("name", [name for name in PAGES if name in TREES and TREES[name].select(".cell_output img")]
                         or PAGES, scope="module")
def test_pictures_have_the_ground_of_the_page_in_the_dark(look, name):
    page = look({"width": 1280, "height": 2400}, color_scheme="dark")  # or the page's header lies over a high picture
    pictures = page.locator(".bd-article :is(.cell_output, .jupyter-widgets) img:visible")
    for n in range(pictures.count()):
        seen = Image.open(io.BytesIO(pictures.nth(n).screenshot())).convert("L")
        corners = [seen.getpixel((x, y)) for x in (2, seen.width - 3) for y in (2, seen.height - 3)]
        assert max(corners) < 40, pictures.nth(n).get_attribute("alt")
    # Nothing behind them but the page: no slab in another tone.
    grounds = pictures.evaluate_all("images => images.map(image => getComputedStyle(image).backgroundColor)")
    assert set(grounds) <= {"rgba(0, 0, 0, 0)"}


@each_page
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_serious(look, axe, name, scheme):
    page = look(color_scheme=scheme, unfolded=True)
    options = {"rules": {rule: {"enabled": True} for rule in KEPT}}
    if scheme == "dark":  # only colours differ
        options = {"runOnly": ["color-contrast"]}
    found = []
    for violation in axe(page, **options):
        counts = violation["impact"] in ("serious", "critical") or violation["id"] in KEPT
        for node in violation["nodes"] if counts else ():
            known = [(rule, part) for rule, part in FAULTS if rule == violation["id"] and part in node["html"]]
            seen_faults.update(known)
            if not known:
                found.append((violation["id"], node["target"], node["html"][:200], node["failureSummary"][-300:]))
    examined.add((name, scheme))
    assert found == []


# ---- what is folded

BAR = ".bd-article .dropdown > .admonition-title"
#: Where a bar is clicked: on each piece of its text, and at both ends.
PLACES = """bar => {
  const box = bar.getBoundingClientRect(), range = document.createRange();
  range.selectNodeContents(bar);
  const pieces = [...range.getClientRects()].filter(({ width, height }) => width && height)
    .map(({ x, y, width, height }) => [x + width / 2, y + height / 2]);
  return [...pieces, [box.left + 4, box.top + box.height / 2], [box.right - 4, box.top + box.height / 2]]
    .map(([x, y]) => ({ x: x - box.left, y: y - box.top }));
}"""
each_folded_page = pytest.mark.parametrize(
    "name", [name for name in PAGES if name in TREES and TREES[name].select(".bd-article .dropdown")] or PAGES[:1],
    scope="module")


@each_folded_page
@pytest.mark.parametrize("window", [WIDE, PHONE], ids=["wide", "narrow"])
def test_a_click_anywhere_on_a_bar_opens_what_is_folded_under_it_and_leads_nowhere(loaded, look, name, window):
    _, guard, _ = loaded(name)
    page = look(window)
    assert page.locator(BAR).count() > 0
    for bar in page.locator(BAR).all():
        bar.scroll_into_view_if_needed()
        where, folded = page.evaluate("() => [location.href, scrollY]"), bar.locator("xpath=following-sibling::*[1]")
        for count, place in enumerate(bar.evaluate(PLACES)):
            box = bar.bounding_box()
            assert folded.is_visible() == (count % 2 == 1)
            page.mouse.click(box["x"] + place["x"], box["y"] + place["y"])
            assert folded.is_visible() == (count % 2 == 0), place
        assert page.evaluate("() => [location.href, scrollY]") == where
    assert [error for error in guard.console.all_errors if error.startswith("thrown")] == []


@each_folded_page
def test_a_key_opens_what_is_folded(look, name):
    page = look()
    bar = page.locator(BAR).first
    folded = bar.locator("xpath=following-sibling::*[1]")
    for key, opened in (("Enter", True), ("Space", False), ("Space", True)):
        bar.press(key)
        assert folded.is_visible() == opened


@pytest.mark.parametrize("name", [name for name in PAGES if name in TREES and TREES[name].select(".solution [id]")][:1])
def test_a_link_to_a_solution_opens_it(visit, page, name):
    target = TREES[name].select_one(".solution > [id]")["id"]
    visit(f"{name}#{target}", widgets=False)
    assert page.locator(f'[id="{target}"]').is_visible()


# ---- on paper, and with the colours of the system

# A printer leaves grounds out or not: text has to be dark enough on white and on its own ground.
PALE = """() => {
  const rgba = (colour) => [...colour.match(/[\\d.]+/g).map(Number), 1].slice(0, 4);
  const luminance = ([r, g, b, alpha]) => [r, g, b].map((level) => (255 + alpha * (level - 255)) / 255)
    .map((level) => (level <= 0.04045 ? level / 12.92 : ((level + 0.055) / 1.055) ** 2.4))
    .reduce((sum, level, k) => sum + level * [0.2126, 0.7152, 0.0722][k], 0);
  const ground = (element) => {
    const colour = rgba(getComputedStyle(element).backgroundColor);
    return colour[3] > 0 || !element.parentElement ? colour : ground(element.parentElement);
  };
  const pale = new Set();
  const walker = document.createTreeWalker(document.querySelector(".bd-article, main"), NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const element = walker.currentNode.parentElement;
    const left_out = element.closest(".mod-active, script, [aria-hidden=true]");
    if (!walker.currentNode.data.trim() || !element.checkVisibility() || left_out) continue;
    const text = luminance(rgba(getComputedStyle(element).color));
    const contrast = (luminance(ground(element)) + 0.05) / (text + 0.05); // white is lighter than any ground
    if (contrast < 4.5) pale.add(`${contrast.toFixed(1)}: ${element.outerHTML.slice(0, 120)}`);
  }
  return [...pale].slice(0, 5);
}"""
CUT = """() => [...document.querySelectorAll(".bd-article, .bd-article *")].filter((element) => {
  if (!element.checkVisibility() || element.closest("svg, mjx-container, .sr-only, .visually-hidden")) return false;
  const style = getComputedStyle(element);
  return element.getBoundingClientRect().right > innerWidth + 1
    || style.overflowX !== "visible" && element.scrollWidth > element.clientWidth + 1
    || style.overflowY !== "visible" && element.scrollHeight > element.clientHeight + 1;
}).map((element) => element.outerHTML.slice(0, 160)).slice(0, 5)"""
FOLDED = """() => [...document.querySelectorAll(".bd-article details > :not(summary), .bd-article .dropdown > *")]
  .filter((element) => !element.checkVisibility({ visibilityProperty: true, opacityProperty: true })
    || !element.getBoundingClientRect().height)
  .filter((element) => element.textContent.trim() && !element.matches("script, style, .tag_hide-input *"))
  .map((element) => element.outerHTML.slice(0, 160)).slice(0, 5)"""

# A frame that can be broken, around what cannot: at the foot of a sheet it stands empty, and what is in it on the next.
HOLLOW = """() => [...document.querySelectorAll(".bd-article *")].filter((frame) => {
  const style = getComputedStyle(frame);
  if (!parseFloat(style.borderBottomWidth) && !parseFloat(style.borderLeftWidth)) return false;
  if (style.breakInside !== "auto" || frame.offsetHeight < 100) return false;
  if (frame.matches("mjx-container *, svg *, table *")) return false;
  return style.display === "flex" || [...frame.querySelectorAll("div")]
    .some((part) => part.offsetHeight > 100 && getComputedStyle(part).breakInside !== "auto" && !part.matches(".math"));
}).map((frame) => frame.outerHTML.slice(0, 160)).slice(0, 5)"""


@each_page
def test_a_page_on_paper_is_dark_on_white_unfolded_and_uncut(look, name):
    page = look(SHEET, media="print", color_scheme="dark")
    assert page.evaluate(FOLDED) == []
    assert page.evaluate(PALE) == []
    assert page.evaluate(CUT) == []
    assert page.evaluate(HOLLOW) == []


@pytest.mark.parametrize("name", FIGURES, scope="module")
def test_a_picture_on_paper_is_dark_on_white(look, name):
    page = look(SHEET, media="print", color_scheme="dark")
    pictures = page.locator(".bd-article :is(figure, .cell_output, .jupyter-widgets) :is(img, canvas)").and_(
        page.locator(":visible"))
    looks = pictures.evaluate_all("""pictures => pictures.map(picture => {
        const { backgroundColor, filter } = getComputedStyle(picture);
        return [backgroundColor, filter];
    })""")
    assert {tuple(look) for look in looks} <= {("rgb(255, 255, 255)", "none")} and looks
    seen = np.asarray(Image.open(io.BytesIO(pictures.first.screenshot())).convert("L"))
    assert min(seen[y, x] for y in (2, -3) for x in (2, -3)) > 250 and seen.min() < 120


@pytest.mark.parametrize("name", [name for name in PAGES if name in TREES and TREES[name].select(".tag_hide-input")]
                         or PAGES[:1], scope="module")
def test_paper_has_what_hidden_code_shows_and_not_the_code(look, name):
    page = look(SHEET, media="print")
    cells = page.locator(".tag_hide-input")
    assert cells.locator(".cell_input").filter(visible=True).count() == 0
    outputs = len(TREES[name].select(".tag_hide-input .cell_output"))
    assert cells.locator(".cell_output").filter(visible=True).count() == outputs
    # These hide their imports only.
    assert outputs > 0 or name in ("notebooks/12_own_claim.html", "notebooks/exercises/implement.html",
                                   "notebooks/exercises/own_report.html")


@each_page
def test_a_page_on_paper_has_its_title_once_with_its_number(look, name):
    page = look(SHEET, media="print")
    (title,) = [heading for heading in page.get_by_role("heading", level=1).all() if heading.is_visible()]
    number = TREES[name].select_one("article h1 .section-number")
    assert title.inner_text().startswith(number.get_text() if number else "")
    assert number or not Path(name).name[0].isdigit() or name == "404.html"


@pytest.mark.parametrize("name", [name for name in PAGES if name in TREES and TREES[name].select("details.hide")]
                         or PAGES[:1], scope="module")
def test_paper_names_nothing_to_click(look, name):
    page = look(SHEET, media="print")
    assert page.get_by_text(" the code", exact=False).and_(page.locator("summary *")).filter(visible=True).count() == 0


#: Names of parameters that are broken, or whose type has a narrow column of its own and does not go on below them.
NAMES_BROKEN = """() => {
  const range = document.createRange();
  const lines = (part) => {
    if (!part) return [];
    range.selectNodeContents(part);
    return [...range.getClientRects()].filter(({ width }) => width);
  };
  return [...document.querySelectorAll("dl.simple > dt > strong")].filter((name) => {
    const named = lines(name), typed = lines(name.nextElementSibling);
    return named.length > 1 && !name.textContent.includes(" ")
      || typed.length > 1 && typed.at(-1).left > named[0].left + 1;
  }).map((name) => name.parentElement.textContent);
}"""


@pytest.mark.parametrize("name", [name for name in PAGES if name.startswith("book/api/")] or PAGES[:1], scope="module")
def test_a_parameters_name_stands_on_one_line_beside_its_type(look, name):
    page = look(PHONE)
    assert page.evaluate(NAMES_BROKEN) == []
    assert page.locator("dl.simple > dt > .classifier").filter(visible=True).count() > 0 or name.endswith("ground.html")


def test_no_signature_of_the_reference_is_longer_than_a_few_lines():
    """A default is shown as its source has it: written out, one of twenty networks took 35,000 characters."""
    lengths = {part["id"]: len(part.get_text()) for name, tree in TREES.items() if name.startswith("book/api/")
               for part in tree.select("dt.sig[id]")}
    assert len(lengths) > 300 and {name: n for name, n in lengths.items() if n > 500} == {}


@pytest.mark.parametrize("name", [name for name in PAGES if name in TREES and TREES[name].select("main details")][:1])
def test_what_is_folded_is_opened_to_be_printed_and_closed_again(page, visit, name):
    visit(name, widgets=False)
    folded = page.locator("main details:not([open])")
    before = folded.count()
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    assert before and folded.count() == 0
    page.evaluate("dispatchEvent(new Event('afterprint'))")
    assert folded.count() == before


@pytest.mark.parametrize("name", [name for name in PAGES if name in TREES and TREES[name].select(WIDGETS)] or PAGES,
                         scope="module")
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_with_forced_colours_a_pressed_button_looks_pressed_and_pictures_stay(look, name, scheme):
    page = look(color_scheme=scheme, forced_colors="active")
    looks = page.locator(".bd-article .jupyter-button:visible").evaluate_all("""buttons => buttons.map(button => {
        const style = getComputedStyle(button);
        return [button.classList.contains("mod-active"), style.backgroundColor, style.textDecorationLine];
    })""")
    pressed, others = [{tuple(look) for on, *look in looks if on is state} for state in (True, False)]
    assert len(pressed) == len(others) == 1 or not looks
    for one, other in zip(*pressed, *others, strict=True):
        assert one != other
    grounds = page.locator(".bd-article .cell_output img:visible").evaluate_all(
        "images => images.map(image => getComputedStyle(image).backgroundColor)")
    assert set(grounds) <= {"rgb(255, 255, 255)"}


def test_the_listed_faults_still_occur():
    if len(examined) < 2 * len(PAGES):
        pytest.skip("axe has not looked at all pages")
    assert set(FAULTS) == seen_faults
