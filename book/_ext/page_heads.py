"""What the pages say of themselves to others: a description, a card for shared links, where the book stands.

Where it stands is asked for in the environment, BOOK_URL, or as `baseurl` in _config.yml. Without it there are no
canonical addresses and no sitemap: nobody is told a made-up host. The page for what does not exist is shown at any
depth, so its links begin at the root of the site, which is that of the host until an address says otherwise.
"""

import os
import re
import textwrap
from html import escape, unescape
from pathlib import Path
from urllib.parse import urlsplit

import matplotlib
from docutils import nodes
from markupsafe import Markup
from matplotlib.figure import Figure
from sphinx.errors import ExtensionError

from mlplib import load_mnist

CARD, WIDTH, HEIGHT = "_static/card.png", 1200, 630  # of the size that networks ask for
CARD_TEXT = """Backpropagation derived, written in NumPy
and tried on handwritten digits,
with five seeds instead of one"""
CARD_ALT = "The book's title beside handwritten digits from MNIST"
LONGEST = 200  # characters of a description; search engines cut longer ones
CITATION = re.compile(r"\s*\[[^\]]*\d{4}\w?\]")
RELATIVE = re.compile(r'\b(href|src|action|data-content_root)="(?!\w+:|[/#])')
# Pages that have no text of their own.
DESCRIPTIONS = {
    "404": "There is no page at this address.",
    "genindex": "Every name of the library mlplib, in the order of the alphabet.",
    "py-modindex": "The modules of the library mlplib, in the order of the alphabet.",
    "search": "Search the chapters, the terms and the library of this book.",
}


def take_address(app, config):
    address = os.environ.get("BOOK_URL") or config.html_baseurl
    if address and not (urlsplit(address).scheme in ("http", "https") and urlsplit(address).netloc):
        raise ExtensionError(f"BOOK_URL: expected an address such as https://example.org/book/, got {address!r}")
    config.html_baseurl = address and address.rstrip("/") + "/"


def description(doctree):
    """The first whole sentences of a page's first paragraph, without citations; None if it has none to show."""
    for paragraph in doctree.findall(nodes.paragraph):
        if isinstance(paragraph.parent, nodes.section) and not paragraph.next_node(nodes.math):
            first, *others = re.split(r"(?<=[.?!])\s+", CITATION.sub("", " ".join(paragraph.astext().split())))
            text = textwrap.shorten(first, LONGEST, placeholder=" …")
            for sentence in others:
                if len(text) + len(sentence) >= LONGEST:
                    break
                text = f"{text} {sentence}"
            return text
    return None


def tags(app, page, title, text, card):
    """The card of a page, in the words of Open Graph."""
    book, base = app.config.html_title, app.config.html_baseurl
    properties = {"og:type": "website" if page == app.config.root_doc else "article", "og:site_name": book,
                  "og:title": title, "og:description": text, "og:image": card, "og:image:width": WIDTH,
                  "og:image:height": HEIGHT, "og:image:alt": CARD_ALT}
    if base:
        properties["og:url"] = base + app.builder.get_target_uri(page)
    elements = [f'\n<meta property="{name}" content="{escape(str(value))}" />' for name, value in properties.items()]
    return "".join([*elements, '\n<meta name="twitter:card" content="summary_large_image" />'])


def write_head(app, page, template, context, doctree):
    title = app.config.html_title if page == app.config.root_doc else Markup(context.get("title", "")).striptags()
    written = context.get("metatags", "")
    own = re.search(r'<meta [^>]*\bcontent="([^"]*)"[^>]*\bname="description"', written)  # in the page's front matter
    text = unescape(own[1]) if own else DESCRIPTIONS.get(page) or (doctree and description(doctree))
    text = text or f"{title}: a page of the book “{app.config.html_title}”."
    if page == "404":
        context["pageurl"] = None
        context["metatags"] = f'{written}\n<meta name="robots" content="noindex" />'
    else:
        base = app.config.html_baseurl
        card = base + CARD if base else context["pathto"](CARD, resource=True)
        context["metatags"] = written + tags(app, page, title, text, card)
    if not own:
        context["metatags"] += f'\n<meta name="description" content="{escape(text)}" />'


def missing_page(app):
    start = app.builder.get_target_uri(app.config.root_doc)
    yield "404", {"title": "Page not found", "body": f"""<h1>Page not found</h1>
<p>There is no page at this address: it was mistyped, or the page has moved. <a href="{start}">Start at the first
page</a>, or <a href="search.html">search the book</a>.</p>"""}, "page.html"


def write_files(app, error):
    if error or app.builder.format != "html":
        return
    site, base = Path(app.outdir), app.config.html_baseurl
    draw_card(site / CARD, app.config.html_title)
    missing = site / "404.html"
    missing.write_text(RELATIVE.sub(rf'\1="{urlsplit(base).path or "/"}', missing.read_text(encoding="utf-8")),
                       encoding="utf-8")
    write_front_door(app, site / "index.html", app.builder.get_target_uri(app.config.root_doc))
    if base:
        entries = "".join(f"<url><loc>{escape(base + app.builder.get_target_uri(page))}</loc></url>\n"
                          for page in sorted(app.env.found_docs))
        (site / "sitemap.xml").write_text(
            '<?xml version="1.0" encoding="UTF-8"?>\n<urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">\n'
            f"{entries}</urlset>\n", encoding="utf-8")


def write_front_door(app, path, start):
    """What stands at the site's own address leads on to the first page, but has its head where a link is shared."""
    first = (path.parent / start).read_text(encoding="utf-8")
    head = "\n".join(re.findall(r'<meta (?:property="og:|name="(?:description|twitter)|[^>]*name="description")[^>]*>|'
                                r'<link rel="canonical"[^>]*>|<title>.*?</title>', first))
    path.write_text(f"""<!DOCTYPE html>
<html lang="{app.config.language}">
<head>
<meta charset="utf-8" />
<meta http-equiv="Refresh" content="0; url={start}" />
{head.replace(f'"../{CARD}"', f'"{CARD}"')}
<link rel="icon" href="_static/{Path(app.config.html_favicon).name}" />
</head>
<body><p><a href="{start}">{escape(app.config.html_title)}</a></p></body>
</html>
""", encoding="utf-8")


def draw_card(path, title):
    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        figure = Figure((WIDTH / 100, HEIGHT / 100), dpi=100, facecolor="white")
        figure.text(0.06, 0.62, title, fontsize=40, weight="bold", color="#14181e")
        figure.text(0.06, 0.34, CARD_TEXT, fontsize=21, color="#48566b", linespacing=1.5)
        images = load_mnist().validation.images[:12].reshape(4, 3, 28, 28)
        digits = figure.add_axes((0.66, 0.05, 0.3, 0.9))
        digits.imshow(images.swapaxes(1, 2).reshape(4 * 28, 3 * 28), cmap="gray_r")
        digits.axis("off")
        figure.savefig(path, format="png", metadata={"Software": None})


def setup(app):
    app.connect("config-inited", take_address)
    app.connect("html-page-context", write_head)
    app.connect("html-collect-pages", missing_page)
    app.connect("build-finished", write_files, priority=400)  # before the policies, and before another index.html
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
