"""On each notebook's page, a button that opens that notebook in the reader's browser, and what a first start loads.

The live side is built first, by book/lite/build.py: the pages state its sizes.
"""

import json
import re
import subprocess
import sys
from itertools import chain
from pathlib import Path

import jinja2
from sphinx.errors import ExtensionError

LITE = Path(__file__).resolve().parents[1] / "lite"
# What reads stored runs by itself, those that the widgets show; `packaged` is told which.
READERS = re.compile(r"\b(reproduce|TrickExplorer|TopologyExplorer|TrainingBench)\(")
PACKAGED = re.compile(r"\bpackaged\(([^)]*)\)")

# What concerns the reader's own situation is hidden; a script shows it where it is so.
BUTTON = jinja2.Template("""
<div class="run-in-browser" data-notebook="{{ notebook }}" data-version="{{ version }}">
<p class="run-served"><a class="run-button" href="{{ link }}">Run in your browser</a>
<span>A first start loads {{ megabytes }} MB: Python, the library, the data. No account, and nothing is sent
anywhere.</span></p>
<p class="run-from-disk" hidden>This notebook also runs in the browser, but not from a file on disk: serve the book
with <code>make serve</code>.</p>
<p class="run-own-copy" hidden>Your browser keeps your own copy of this notebook<span class="run-older" hidden>, made
from an older version of this page</span>; the button opens that copy.
<button type="button">Discard my copy</button></p>
<p class="run-discarded" role="status"></p>
</div>
""", autoescape=True)


def build_lite(app):
    """Build the live side into the site."""
    if app.builder.format != "html":
        return
    command = [sys.executable, LITE / "build.py", Path(app.outdir) / "lite"]
    done = subprocess.run(command, text=True, capture_output=True, check=False)
    if done.returncode:
        raise ExtensionError(f"the notebooks' live side was not built:\n{done.stderr}")


def first_visit(site, notebook):
    """How many bytes a first start loads: what is the book's as it is on disk, the rest as it was measured."""
    parts, lite = json.loads((LITE / "first_visit.json").read_text()), site / "lite"
    live = lite / "files" / notebook
    cells = json.loads(live.read_text(encoding="utf-8"))["cells"]
    code = "\n".join(cell["source"] for cell in cells if cell["cell_type"] == "code")
    beside = [path for name in archives(code) for path in parts_of(lite, name, live.stem)]
    beside += chain(*(lite.glob(f"beside/*/mnist_data/{split}.bz2") for split in parts["images"][notebook]))
    own = [live, *(lite / "wheels").rglob("*.whl"), *beside]
    return parts["JupyterLite"] + parts["Pyodide"] + sum(path.stat().st_size for path in own)


def parts_of(lite, archive, notebook):
    """The files of an archive that a notebook fetches: of parts.json its own, or else all but runs with weights."""
    read = json.loads((LITE / "parts.json").read_text()).get(notebook)
    files = sorted(lite.glob(f"beside/*/archives/{archive}/*.bz2"))
    if read is None:
        return [path for path in files if not path.name.endswith(".npz.bz2")]
    weights = read.get(archive, {}).get("weights", ())
    return [path for path in files if path.name == "index.json.bz2" or path.name.removesuffix(".bz2") in weights
            or notebook in path.name.removesuffix(".zip.bz2").split("-")]


def archives(code):
    """The names of the archives of stored runs that code reads: each is fetched when it is first asked for."""
    names = {"shown"} if READERS.search(code) else set()
    for given in PACKAGED.findall(code):
        names.update(re.findall(r"[\"']([^\"']+)[\"']", given) or ["shown"])
    return sorted(names)


def add_button(app, page, template, context, doctree):
    """Put the button under the title of a notebook's page."""
    if doctree is None or not app.env.doc2path(page).endswith(".ipynb"):
        return
    site, notebook = Path(app.outdir), f"{page}.ipynb"
    copy = json.loads((site / "lite" / "files" / notebook).read_text(encoding="utf-8"))
    button = BUTTON.render(
        notebook=notebook,
        version=copy["metadata"]["book_version"],
        link=context["pathto"](f"lite/notebooks/index.html?path={notebook}", resource=True),
        megabytes=round(first_visit(site, notebook) / 1e6),
    )
    context["body"] = context["body"].replace("</h1>", f"</h1>{button}", 1)
    app.add_css_file("run_in_browser.css")
    app.add_js_file("run_in_browser.js", loading_method="defer")


def setup(app):
    app.connect("builder-inited", build_lite)
    app.connect("html-page-context", add_button)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
