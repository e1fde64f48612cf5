"""Each page says what it may load and run: a Content-Security-Policy, made when all of the page is written.

That is what this site has, the one script that shows widgets, and the scripts that stand in the page, each by its hash:
what is put into a page later does not run. The policy is an element of the page, since a site that consists of files
has no say in the headers that it is sent with. The page book/loads takes its facts from here.
"""

import base64
import hashlib
import json
import os
import re
from html import escape
from html.parser import HTMLParser
from pathlib import Path

SETTINGS = Path(__file__).resolve().parents[1] / "lite" / "jupyter-lite.json"
# Before all that the policy is about, but behind the encoding, which must be among a page's first bytes.
PLACE = re.compile(r"<head>((?!<script|<link).)*<meta charset[^>]*>|<head>", re.DOTALL)
WRITTEN = re.compile(r'\n<meta http-equiv="Content-Security-Policy"[^>]*>')


class Inline(HTMLParser):
    """The scripts that stand in a page, and those in attributes such as onclick. Data is no script."""

    def __init__(self, html):
        super().__init__()
        self.scripts, self.handlers, self.inside = [], [], False
        self.feed(html)

    def handle_starttag(self, tag, attributes):
        given = dict(attributes)
        self.inside = tag == "script" and "src" not in given and "json" not in given.get("type", "")
        if self.inside:
            self.scripts.append("")
        self.handlers += [value for name, value in attributes if name.startswith("on")]

    def handle_data(self, data):
        if self.inside:
            self.scripts[-1] += data

    def handle_endtag(self, tag):
        self.inside = False


def hashes(scripts):
    digests = {base64.b64encode(hashlib.sha256(script.encode()).digest()).decode() for script in scripts}
    return [f"'sha256-{digest}'" for digest in sorted(digests)]


def book_policy(html, widgets, handlers=()):
    """What a page of the book needs.

    Parameters
    ----------
    html : str
    widgets : list of str
        Addresses of scripts that show widgets. A page has one of them, or none.
    handlers : collection of str
        What attributes run, of all pages: the search reads the pages that it found, and the browser looks at those too.

    Returns
    -------
    dict
        Of each directive, the sources.
    """
    script, font = ["'self'", *hashes(Inline(html).scripts)], ["'self'"]
    if handlers:
        script += ["'unsafe-hashes'", *hashes(handlers)]
    for address in widgets:
        if f'src="{address}"' in html:
            # It has schemas of JSON compiled to functions, by Ajv, as soon as it is loaded.
            script += [address, "'unsafe-eval'"]
            font.append(address.rpartition("/")[0] + "/")
    return {
        "default-src": ["'none'"],
        "script-src": script,
        "style-src": ["'self'", "'unsafe-inline'"],  # formulas and widgets bring their own
        "img-src": ["'self'", "data:"],
        "font-src": font,
        "connect-src": ["'self'"],
        "base-uri": ["'none'"],
        "form-action": ["'self'"],
    }


def live_policy(html):
    """What a page of JupyterLite needs. Its kernel is a worker, which the policy of a page does not reach."""
    return {
        "default-src": ["'none'"],
        "script-src": ["'self'", *hashes(Inline(html).scripts), "'unsafe-eval'"],
        "style-src": ["'self'", "'unsafe-inline'"],
        "img-src": ["'self'", "data:", "blob:"],  # ipywidgets makes its images blobs
        "font-src": ["'self'"],
        "connect-src": ["'self'"],
        "worker-src": ["'self'"],
        "manifest-src": ["'self'"],
        "base-uri": ["'none'"],
        "form-action": ["'none'"],
    }


def lines(policy):
    return [" ".join([directive, *sources]) for directive, sources in policy.items()]


def with_policy(html, policy):
    """The page with this policy, in place of one that it may have."""
    element = f'\n<meta http-equiv="Content-Security-Policy" content="{escape("; ".join(lines(policy)), quote=False)}">'
    return PLACE.sub(lambda found: found[0] + element, WRITTEN.sub("", html), count=1)


def write_policies(app, error):
    if error or app.builder.format != "html":
        return
    site = Path(app.outdir)
    pages = {page: page.read_text(encoding="utf-8") for page in sorted(site.rglob("*.html"))
             if "_static" not in page.relative_to(site).parts}  # the theme's templates are no pages
    handlers = [handler for html in pages.values() for handler in Inline(html).handlers]
    for page, html in pages.items():
        live = "lite" in page.relative_to(site).parts
        policy = live_policy(html) if live else book_policy(html, list(app.config.nb_ipywidgets_js), handlers)
        new = page.with_suffix(".new")  # the file may be the old site's too: that one stays as it is
        new.write_text(with_policy(html, policy), encoding="utf-8")
        os.replace(new, page)


def give_facts(app, config):
    """Put what the configuration says into the page that tells readers."""
    (widgets, options), = config.nb_ipywidgets_js.items()
    pyodide = json.loads(SETTINGS.read_text())["jupyter-config-data"]["litePluginSettings"][
        "@jupyterlite/pyodide-kernel-extension:kernel"]["pyodideUrl"]
    page = f'<script src="{widgets}"></script>'
    facts = {
        "widgets_script": [widgets], "widgets_integrity": [options["integrity"]], "pyodide_script": [pyodide],
        "plain_policy": lines(book_policy("", [])), "widgets_policy": lines(book_policy(page, [widgets])),
        "live_policy": lines(live_policy("")),
    }
    config.myst_substitutions |= {name: "\n".join(["```text", *fact, "```"]) for name, fact in facts.items()}


def setup(app):
    app.connect("config-inited", give_facts)
    app.connect("build-finished", write_policies)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
