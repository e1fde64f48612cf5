"""Where JupyterLab can only show words for a reference, the book shows a number, or cites.

JupyterLab knows what stands in a notebook's Markdown. The names of figures stand in the metadata of code cells, and
other notebooks and the bibliography elsewhere: a reference to these says in words where it leads, {numref}`the figure
<fig-x>` or {ref}`(2012) <lecun2012efficient>`. Of {eq}, Sphinx leaves words out by itself.
"""

import re
from pathlib import Path

WORDED = re.compile(r"\{(ref|numref)\}`[^`<\n]+ <([\w-]+)>`")


def with_numbers(text, works):
    """The text, its references without words where a number or a citation says more; `works` are keys of the latter."""

    def role(found):
        if found[2] in works:
            return f"{{cite}}`{found[2]}`"
        return found[0] if found[1] == "ref" else f"{{numref}}`{found[2]}`"

    return WORDED.sub(role, text)


def read(app, page, source):
    files = [Path(app.srcdir, file).read_text(encoding="utf-8") for file in app.config.bibtex_bibfiles]
    source[0] = with_numbers(source[0], re.findall(r"^@\w+\{([^,]+),", "\n".join(files), re.MULTILINE))


def setup(app):
    app.connect("source-read", read)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
