"""Below each figure a link to its picture alone, which a phone can enlarge. Narrow screens show it."""

import re

FIGURE = re.compile(r'(<figure\b[^>]*>\s*<img\b[^>]*\bsrc="([^"]+)"[^>]*>)'
                    r'((?:(?!</figure>).)*<span class="caption-number">([^<]+?) *</span>)', re.DOTALL)


def add_links(app, page, template, context, doctree):
    if "body" in context:
        context["body"] = FIGURE.sub(r'\1\n<a class="full-size" href="\2">\4 in full size</a>\3', context["body"])


def setup(app):
    app.connect("html-page-context", add_links)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
