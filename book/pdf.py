"""The book as one PDF: the pages of the built site behind each other, printed by Chromium.

They are the pages that readers see, so numbers, formulas and figures are those of the site. Sphinx builds a whole book
as one page too, but there all headings of one name have one address: each chapter's "Exercises" leads to the first.
"""

import base64
import hashlib
import os
import posixpath
import shutil
from contextlib import contextmanager
from html import escape
from importlib.metadata import version
from pathlib import Path
from urllib.parse import quote, unquote, urlsplit

from bs4 import BeautifulSoup
from playwright.sync_api import Error, sync_playwright
from pypdf import PdfReader, PdfWriter
from pypdf.generic import NameObject, TextStringObject

STYLE = Path(__file__).with_suffix(".css")
ONE_PAGE = "book.pdf.html"  # in the site, while it is printed
WIDTH = 642  # CSS pixels between the margins of the style sheet
MOST = 15_000_000  # bytes
OLDEST = 131  # the first Chromium that prints page numbers
# What paper has no use for; and the code that a page folds away, which is in the notebooks. That of exercises stays.
LEFT_OUT = ("script, noscript, style, .headerlink, .run-in-browser, .live-only, .widget-subarea, ul.doors, "
            ".tag_hide-input details.hide")
NEEDED = (f"it needs Chromium {OLDEST} or newer: on Debian `apt install chromium`, elsewhere "
          "`.venv/bin/python -m playwright install chromium`")


class NoPDF(Exception):
    """The book cannot be printed; the text says why."""


# ---- one page of many


def parsed(path):
    return BeautifulSoup(path.read_bytes(), "html.parser")


def contents(site):
    """The parts of the book in its order: of each its title, None for the first page, and the files of its pages."""
    door = parsed(site / "index.html").find("meta", {"http-equiv": "Refresh"})["content"].partition("url=")[2]
    parts = [(None, [])]
    for element in parsed(site / door).select("nav.bd-docs-nav :is(p.caption, a[href])"):
        if element.name == "p":
            parts.append((element.get_text(strip=True), []))
        else:
            parts[-1][1].append(absolute(door, element["href"])[0])
    return parts


def absolute(name, address):
    """Of an address on a page of the site the file, from the site's folder, and the fragment."""
    parts = urlsplit(address)
    file = posixpath.normpath(posixpath.join(posixpath.dirname(name), unquote(parts.path))) if parts.path else name
    return file, unquote(parts.fragment)


def anchor(name, identity=""):
    """What is unique on its page is so in the book."""
    return f"{name.removesuffix('.html')}.{identity}".rstrip(".")


def inside(address):
    return not urlsplit(address).scheme


def article(tree, name, pages):
    """What a page says, its addresses those in the book."""
    base = tree.find("link", rel="canonical")
    base = base and base["href"].removesuffix(name)
    text, seen = tree.select_one("article.bd-article"), set()
    for element in text.select(LEFT_OUT):
        element.decompose()
    drawn = {*map(id, text.select("svg *"))}  # their names are theirs
    for element in text.find_all(lambda element: id(element) not in drawn):
        if element.get("id") in seen:  # a link leads to the first
            del element["id"]
        seen.add(element.get("id"))
        for key in {"id", "for", "aria-labelledby", "aria-describedby"} & element.attrs.keys():
            element[key] = " ".join(anchor(name, each) for each in element[key].split())
        if element.name == "details":
            element["open"] = ""
        if inside(element.get("src", "data:")):
            element["src"] = quote(absolute(name, element["src"])[0])
            del element["loading"]
        if inside(element.get("href", "data:")):
            file, fragment = absolute(name, element["href"])
            if file in pages:
                element["href"] = f"#{quote(anchor(file, fragment))}"
            elif base:
                element["href"] = base + quote(file) + (fragment and f"#{quote(fragment)}")
            else:
                del element["href"]  # it is on the site and not in the book, and the site has no address
    text.name, text["id"] = "section", anchor(name)
    return text


def head(trees):
    """Style sheets and MathJax, of all pages that have any."""
    found = {}
    for name, tree in trees.items():
        for element in tree.select("link[rel=stylesheet], script"):
            key = "href" if element.name == "link" else "src"
            if inside(element.get(key, "data:")):
                element[key] = quote(absolute(name, element[key])[0])
            if element.name == "link" or "MathJax" in element.text or "mathjax" in element.get("src", ""):
                found[str(element)] = None
    return "\n".join(found)


def said(element):
    return " ".join(element.get_text().split())


def entry(heading):
    """A line of the contents; its page number is not known yet."""
    place = quote(heading.find_parent(id=True)["id"])
    return f'<a href="#{place}"><span>{escape(said(heading))}</span><span class="leaf"></span></a>'


def one_page(site):
    """The whole book as one page of HTML: title, contents, chapters.

    Parameters
    ----------
    site : pathlib.Path

    Raises
    ------
    NoPDF
        If a link leads nowhere.
    """
    parts = contents(site)
    trees = {name: parsed(site / name) for _, names in parts for name in names}
    first = next(iter(trees.values()))
    author = first.select_one(".component-author")
    head_of_all = head(trees)
    texts = {name: article(tree, name, trees) for name, tree in trees.items()}
    places = {element["id"] for text in texts.values() for element in (text, *text.find_all(id=True))}
    asked = {unquote(link["href"][1:]) for text in texts.values() for link in text.select('a[href^="#"]')}
    if lost := sorted(asked - places):
        raise NoPDF(f"links of the book lead to what is not in it: {', '.join(lost[:5])}")

    listed, running = [], []
    for caption, names in parts:
        listed += [f'<p class="part">{escape(caption)}</p>'] if caption else []
        for name in names:
            title = said(texts[name].h1)
            listed.append(entry(texts[name].h1))
            listed += [f'<div class="within">{entry(heading)}</div>' for heading in texts[name].select("h2")]
            texts[name]["style"] = f"page: chapter{len(running)}"
            running.append(f'@page chapter{len(running)} {{ @top-left {{ content: "{css(title)}"; }} }}')
    book = said(first.h1)
    return f"""<!DOCTYPE html>
<html lang="{first.html.get("lang", "en")}" data-theme="light" data-mode="light">
<head>
<meta charset="utf-8" />
<title>{escape(book)}</title>
{head_of_all}
<style>
{STYLE.read_text(encoding="utf-8")}
{chr(10).join(running)}
</style>
</head>
<body><main class="bd-main"><div class="bd-content"><div class="bd-article-container"><div class="bd-article">
<header><p class="title">{escape(book)}</p><p>{escape(said(author)) if author else ""}</p>
<p>Version {version("mlplib")}</p></header>
<nav><h1>Contents</h1>
{chr(10).join(listed)}
</nav>
{chr(10).join(map(str, texts.values()))}
</div></div></div></main></body>
</html>
"""


def css(text):
    """Between quotes in a style sheet."""
    return text.replace("\\", r"\\").replace('"', r"\"")


# ---- printed


@contextmanager
def browser():
    """Chromium, Playwright's own or the system's.

    Raises
    ------
    NoPDF
        If there is none that prints page numbers.
    """
    try:
        playwright = sync_playwright().start()
    except Exception as error:  # of no kind of its own
        needed = "on a bare Debian it needs `apt install libatomic1`"
        raise NoPDF(f"Playwright does not start ({error}); {needed}") from None
    try:
        path = playwright.chromium.executable_path
        if not Path(path).exists():
            system = map(shutil.which, ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome"))
            path = next(filter(None, system), None)
        if path is None:
            raise NoPDF(f"{NEEDED}; no browser was found")
        options = ["--host-resolver-rules=MAP * ~NOTFOUND"]  # nothing is fetched from elsewhere
        if hasattr(os, "geteuid") and os.geteuid() == 0:
            options.append("--no-sandbox")
        with playwright.chromium.launch(executable_path=path, args=options) as chromium:
            if int(chromium.version.partition(".")[0]) < OLDEST:
                raise NoPDF(f"{NEEDED}; {path} is {chromium.version}")
            yield chromium
    except Error as error:
        raise NoPDF(f"the browser said: {error.message.strip().splitlines()[0]}") from None
    finally:
        playwright.stop()


READY = """async () => {
  await window.MathJax?.startup.promise;
  await document.fonts.ready;
  await Promise.allSettled([...document.images].map((image) => image.decode()));
  return [
    ...[...document.images].filter((image) => !image.naturalWidth).map((image) => `no picture ${image.src}`),
    ...[...document.querySelectorAll(".math:not(:has(mjx-container))")].map((each) => `raw ${each.textContent}`),
    ...[...document.querySelectorAll("mjx-merror")].map((each) => `wrong ${each.textContent}`),
    ...[...document.querySelectorAll(".bd-article *")]
      .filter((each) => !each.closest("mjx-container *, svg *") && (each.getBoundingClientRect().right > innerWidth + 1
        || each.matches("pre, p, li, dt, td, th") && !each.querySelector("mjx-container")
          && each.scrollWidth > each.clientWidth + 1))
      .map((each) => `cut ${each.outerHTML}`),
  ].map((fault) => fault.slice(0, 100));
}"""
NUMBER = """(numbers) => {
  for (const link of document.querySelectorAll("a:has(> .leaf)")) {
    link.querySelector(".leaf").textContent = numbers[decodeURIComponent(link.hash.slice(1))];
  }
}"""
HEADINGS = """() => [...document.querySelectorAll("h1, h2, h3, h4, h5, h6")].filter((each) => each.checkVisibility())
  .map((each) => each.textContent.trim().replace(/\\s+/g, " "))"""
SHOW = """([board, src, alt]) => {
  document.getElementById(board).replaceWith(Object.assign(new Image(), { src, alt, className: "board" }));
}"""
OPTIONS = {"tagged": True, "outline": True, "prefer_css_page_size": True}


def printed(page, site, target):
    """Print the site, in one PDF that holds together.

    The page numbers of the contents are known when the book is printed once: it is printed twice.

    Parameters
    ----------
    page : playwright.sync_api.Page
    site : pathlib.Path
    target : pathlib.Path
        The PDF.

    Raises
    ------
    NoPDF
        If a picture or a formula is missing, a link leads nowhere, or the file is too large.
    """
    source = site / ONE_PAGE
    source.write_text(one_page(site), encoding="utf-8")
    try:
        page.set_viewport_size({"width": WIDTH, "height": 1000})
        page.emulate_media(media="print")
        page.goto(source.as_uri(), timeout=0)
        show_boards(page, site)
        if faults := page.evaluate(READY):
            raise NoPDF("; ".join(faults[:5]))
        page.pdf(path=target, **OPTIONS)
        page.evaluate(NUMBER, leaves(PdfReader(target)))
        page.pdf(path=target, **OPTIONS)
        mend_outline(target, page.evaluate(HEADINGS))
    finally:
        source.unlink()
    check(target)


def show_boards(page, site):
    """Put a picture in the place of each board for drawing, as its own page is printed."""
    boards = page.locator("[id$='.draw-digit']").evaluate_all("boards => boards.map((board) => board.id)")
    with page.context.browser.new_context(device_scale_factor=3) as context:
        for board in boards:
            with context.new_page() as own:
                own.goto((site / f"{board.removesuffix('.draw-digit')}.html").as_uri())
                own.emulate_media(media="print")
                own.wait_for_function("window.mlpDigit")
                own.evaluate("dispatchEvent(new Event('beforeprint'))")
                shown = own.locator("#draw-digit")
                picture = base64.b64encode(shown.screenshot()).decode()
                page.evaluate(SHOW, [board, f"data:image/png;base64,{picture}", shown.get_attribute("aria-label")])


def leaves(pdf):
    """The number of the page on which each name stands."""
    return {name.lstrip("/"): pdf.get_destination_page_number(place) + 1
            for name, place in pdf.named_destinations.items()}


def outline(pdf):
    """The bookmarks in the order of the book, as pypdf's dictionaries."""
    def under(item):
        while item:
            item = item.get_object()
            yield item
            yield from under(item.get("/First"))
            item = item.get("/Next")

    return list(under(pdf.root_object["/Outlines"]["/First"]))


def mend_outline(path, titles):
    """Name the bookmarks as the headings are named: Chromium says twice what begins a sheet, and loses spaces."""
    pdf = PdfWriter(path, incremental=True)
    bookmarks = outline(pdf)
    if len(bookmarks) != len(titles):
        raise NoPDF(f"{len(titles)} headings have {len(bookmarks)} bookmarks")
    for bookmark, title in zip(bookmarks, titles):
        bookmark[NameObject("/Title")] = TextStringObject(title)
    pdf.write(path)


def links(pdf):
    """Where the links lead: names of places in the book, and addresses of others."""
    for page in pdf.pages:
        for annotation in page.get("/Annots", []):
            action = annotation.get_object()
            yield str(action["/Dest"] if "/Dest" in action else action["/A"].get("/URI", action["/A"].get("/D")))


def check(path):
    """Refuse a PDF that is too large, or in which a link leads nowhere."""
    places = PdfReader(path)
    lost = {link for link in links(places) if link not in places.named_destinations
            and urlsplit(link).scheme not in ("http", "https", "mailto")}
    if lost:
        raise NoPDF(f"links lead nowhere: {', '.join(sorted(lost)[:5])}")
    if (size := path.stat().st_size) > MOST:
        raise NoPDF(f"it has {size / 1e6:.1f} MB, and may have {MOST / 1e6:.0f}")


# ---- in its place


def put(site, kept, name):
    """Put the PDF of a site into it, printed anew only if the site has changed since the last time.

    Parameters
    ----------
    site : pathlib.Path
    kept : pathlib.Path
        A folder for the PDF of the latest site, under a name that tells of which.
    name : str
        Of the PDF in the site.

    Raises
    ------
    NoPDF
        If it cannot be printed.
    """
    digest = hashlib.sha256()
    files = [path for part in sorted(site.iterdir()) if part.name != "lite"
             for path in (part, *sorted(part.rglob("*"))) if path.is_file()]
    for path in (*files, Path(__file__), STYLE):
        digest.update(path.name.encode() + path.read_bytes())
    pdf = kept / f"{digest.hexdigest()}.pdf"
    if not pdf.exists():
        shutil.rmtree(kept, ignore_errors=True)
        kept.mkdir()
        with browser() as chromium:
            printed(chromium.new_page(), site, kept / "new")
        (kept / "new").rename(pdf)
    shutil.copy2(pdf, site / name)
