"""What a page's download button gives: the notebook in plain Markdown, which any Jupyter shows, and what to install."""

import re
import runpy
from importlib.metadata import version
from pathlib import Path

import nbformat

HERE = Path(__file__).resolve().parent
# Behind an equation, as the text refers to it.
LABEL = re.compile(r"^\$\$ \(([\w:-]+)\)", re.MULTILINE)
NOTICE = """\
> A page of the book *{title}*. It runs anywhere with Python 3.11 or newer and the book's library, `mlplib`. The
> command `make package` in the project's folder builds the library; install it in a cell, or without `%` in a terminal:
>
> ```
> %pip install "mlplib-{version}-py3-none-any.whl[notebooks]"
> ```"""


def rewrite(app, error):
    """Make the copies of the notebooks in the site plain; those in notebooks/ stay as they are."""
    if error or app.builder.format != "html":
        return
    plain = runpy.run_path(str(HERE.parent / "lite" / "build.py"))["plain"]
    for page in app.env.found_docs:
        source = Path(app.env.doc2path(page))
        if source.suffix != ".ipynb":
            continue
        # Not from the site's copy: Sphinx leaves it alone where nothing changed, and it has been rewritten already.
        notebook = nbformat.read(source, as_version=4)
        for cell in notebook.cells:
            if cell.cell_type == "markdown":
                cell.source = LABEL.sub(r"\\tag{\1}\n$$", plain(cell.source))
        notice = nbformat.v4.new_markdown_cell(NOTICE.format(title=app.config.html_title or app.config.project,
                                                             version=version("mlplib")))
        notice["id"] = "downloaded"
        notebook.cells.insert(0, notice)
        nbformat.write(notebook, Path(app.outdir, "_sources", f"{page}.ipynb"))


def setup(app):
    app.connect("build-finished", rewrite)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
