"""The page with all exercises, made of them at each build: what stands in the chapters, and nothing that is typed.

An exercise says its kind and a rough time behind its name, and begins with its title in bold:

    :::{exercise} paper · 20 minutes
    :label: ex-paper

    **Two hidden layers, on paper.** A network has ...

The page `book/exercises` has a mark in the place of the tables.
"""

import json
import re
from pathlib import Path

from sphinx.errors import ExtensionError

PAGE, MARK = "book/exercises", "{{ exercises }}"
KINDS = ("paper", "code", "experiment")
MINUTES = ("5", "10", "15", "20", "30", "45")
HEADING = re.compile(r"^# (.+)$", re.MULTILINE)
BEGINNING = re.compile(r"^:{3,}\{exercise\}", re.MULTILINE)
WHOLE = re.compile(
    rf":{{3,}}\{{exercise\}} (?P<kind>{'|'.join(KINDS)}) · (?P<time>(?:{'|'.join(MINUTES)}) minutes)\n"
    r"(?::[\w-]+:.*\n)*?:label: (?P<label>[\w-]+)\n(?::[\w-]+:.*\n)*"
    r"\n\*\*(?P<title>[^*]+?)(?P<end>[.?!])\*\*")


def text_of(source):
    """A page's Markdown, of a notebook that of its cells."""
    text = source.read_text(encoding="utf-8")
    if source.suffix != ".ipynb":
        return text
    return "\n\n".join("".join(cell["source"]) for cell in json.loads(text)["cells"] if cell["cell_type"] == "markdown")


def exercises(text, name):
    """The exercises of a page, each a dict of its kind, time, label and title.

    Raises
    ------
    sphinx.errors.ExtensionError
        If one does not say its kind and time, or has no label or title.
    """
    found = []
    for beginning in BEGINNING.finditer(text):
        whole = WHOLE.match(text, beginning.start())
        if not whole:
            line = text[beginning.start():].splitlines()[0]
            raise ExtensionError(f"{name}: expected an exercise that says its kind ({', '.join(KINDS)}) and its time, "
                                 f"such as `:::{{exercise}} paper · 20 minutes`, and has a label, and a title in bold "
                                 f"at its beginning; got `{line}`")
        title = " ".join(whole["title"].split()) + whole["end"].strip(".")
        found.append(whole.groupdict() | {"title": title})
    return found


def listed(pages):
    """Tables in Markdown of the exercises of pages, which are their texts by their names."""
    parts = []
    for name, text in pages.items():
        if found := exercises(text, name):
            parts += [f"## {HEADING.search(text)[1]}", "\n".join([
                "| exercise | kind | time |", "| --- | --- | --- |",
                *("| {{ref}}`{label}`: {title} | {kind} | {time} |".format(**each) for each in found)])]
    return "\n\n".join(parts)


def read(app, page, source):
    if page != PAGE:
        return
    pages = {}
    for name in app.config.external_site_map:
        path = Path(app.env.doc2path(name))
        if path.suffix in (".ipynb", ".md") and path.exists():
            app.env.note_dependency(str(path))
            pages[name] = text_of(path)
    source[0] = source[0].replace(MARK, listed(pages))


def setup(app):
    app.connect("source-read", read)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
