"""The answers to predictions: a link to the figure or the section that shows it, and the script that makes the forms.

The notebooks name a label, since JupyterLab knows no names of figures.
"""

import re
from html import unescape

from sphinx.errors import ExtensionError

SEE = re.compile(r'<span class="see" data-see="([^"]+)">[^<]*</span>')
PREDICTION = '<details class="prediction"'


def with_links(body, numbers):
    """The page's body with links; `numbers` has those of the page's figures, by label.

    Raises
    ------
    sphinx.errors.ExtensionError
        If the page has no such label.
    """

    def link(found):
        label = unescape(found[1])
        if label in numbers:
            return f'<a class="see" href="#{label}">See Figure {".".join(map(str, numbers[label]))}.</a>'
        heading = re.search(rf'<section id="{re.escape(label)}">.*?<h\d>(.*?)<a\s+class="headerlink"', body, re.DOTALL)
        if not heading:
            raise ExtensionError(f"a prediction is to lead to {label}, which is neither a figure nor a section here")
        title = re.sub(r'<span class="section-number">.*?</span>', "", heading[1])
        return f'<a class="see" href="#{label}">See “{title}”.</a>'

    return SEE.sub(link, body)


def add_form(app, page, template, context, doctree):
    if PREDICTION in context.get("body", ""):
        numbers = app.env.toc_fignumbers.get(page, {}).get("figure", {})
        context["body"] = with_links(context["body"], numbers)
        app.add_css_file("predictions.css")
        app.add_js_file("predictions.js", loading_method="defer")


def setup(app):
    app.connect("html-page-context", add_form)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
