"""Tell the pages whether the build that makes them makes the book's PDF too: book/build.py does, and says so."""

import os


def tell(app, page, template, context, doctree):
    context["book_pdf"] = os.environ.get("BOOK_PDF")


def setup(app):
    app.connect("html-page-context", tell)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
