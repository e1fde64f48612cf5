"""Put MathJax into the site, from an installed package, so that formulas need no network.

The package holds several complete builds of MathJax. The pages use one: TeX in, HTML and web fonts out.
Speech and the other builds stay out of the site.

Widgets that hold text ask for MathJax 2. A few lines on each page pass their request on to MathJax 3; without
them the browser reports an error for each such widget.
"""

import importlib.util
from pathlib import Path

from sphinx.errors import ExtensionError
from sphinx.util.fileutil import copy_asset

PACKAGE = "sphinx-mathjax-offline"
# The program, its fonts, and the TeX extensions it loads when a formula asks for one.
NEEDED = ["tex-chtml.js", "output/chtml/fonts/woff-v2", "input/tex/extensions"]

# Runs before MathJax, which waits until the page is read, and keeps its own `ready` step. Formulas are set a few at a
# time, from the top, so that the page can be read and answers clicks meanwhile: a long one has hundreds of them.
SETTINGS = """
if (window.MathJax) {
  const Hub = {
    Queue: ([, , element]) => window.MathJax.startup.promise?.then(() => window.MathJax.typesetPromise([element])),
  };
  window.MathJax.Hub = Hub;
  window.MathJax.startup = {
    ready() { MathJax.startup.defaultReady(); MathJax.Hub = Hub; },
    async pageReady() {
      const formulas = [...document.querySelectorAll(".math, .output_area")];
      for (let first = 0, next = 1; first < formulas.length;) {
        const begin = performance.now();
        await MathJax.typesetPromise(formulas.slice(first, first += next));
        next = Math.max(1, Math.round(next * 20 / (performance.now() - begin)));
        await new Promise((go_on) => setTimeout(go_on));
      }
    },
  };
}
"""


def copy_mathjax(app, error):
    """Copy what the pages need, once the pages are written."""
    if error is not None or app.builder.format != "html":
        return
    package = importlib.util.find_spec(PACKAGE)
    if package is None:
        raise ExtensionError(f"the package {PACKAGE} is not installed: run `make env`")
    source = Path(package.origin).parent / "static" / "mathjax"
    target = Path(app.outdir) / "_static" / "mathjax"
    for name in NEEDED:
        if not (source / name).exists():
            raise ExtensionError(f"the package {PACKAGE} no longer holds {name}")
        destination = target / name
        if (source / name).is_file():
            destination = destination.parent
        copy_asset(str(source / name), str(destination))


def where_formulas_are(app, page, template, context, doctree):
    """Leave MathJax out of a page without formulas: Sphinx counts those of the pages below it too."""
    if not app.env.get_domain("math").data["has_equations"].get(page):
        context["script_files"] = [script for script in context["script_files"]
                                   if script.filename != f"_static/{app.config.mathjax_path}"]


def setup(app):
    app.config.mathjax_path = "mathjax/tex-chtml.js"
    app.add_js_file(None, body=SETTINGS, priority=900)
    app.connect("html-page-context", where_formulas_are, priority=900)  # Sphinx has put it there by then
    app.connect("build-finished", copy_mathjax)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
