"""Give the pages that one can draw on a trained network: weights, standardisation and examples as one script file.

A script file, not JSON, because a page that is opened from disk may load scripts but not fetch files. It is made from
the store that comes with mlplib, at each build, and loaded by those pages only.
"""

import base64
import json
from pathlib import Path

import numpy as np
from sphinx.errors import ExtensionError

from mlplib import REPORT, Standardizer, load_mnist
from mlplib.store import packaged

PAGES = "book/introduction", "book/draw"
SCRIPT = "digit_network.js"  # in the site's _static folder
ROW = REPORT["3c"]


def digit_network(store):
    """The script that sets `window.mlpDigitNetwork`.

    Parameters
    ----------
    store : mlplib.store.Store

    Returns
    -------
    str
        `mean` and `std` in grey levels; `weights`, a base64 string of little-endian float32 for each weight matrix,
        row by row; `examples`, validation images as {label, pixels}, 784 bytes each in base64: the first of each digit,
        and the one that is misread with the highest probability.

    Raises
    ------
    sphinx.errors.ExtensionError
        If the store has no usable run with weights of row 3c, seed 0.
    """
    run = store.get(ROW.experiment)
    if run is None or run.model is None:
        raise ExtensionError(f"{store!r}: the pages {' and '.join(PAGES)} expect a run with weights here, of row "
                             f"{ROW.task}, seed {ROW.experiment.seed}, and found none: run `make sweep`")
    model = run.model
    mnist = load_mnist()
    standardize = Standardizer.fit(mnist.train.images)
    images, labels = mnist.validation
    probabilities = model.forward(standardize(images))
    misread = np.where(probabilities.argmax(axis=1) == labels, 0, probabilities.max(axis=1)).argmax()
    chosen = [*np.unique(labels, return_index=True)[1], misread]
    network = {
        "mean": standardize.mean,
        "std": standardize.std,
        "weights": [_base64(W.astype("<f4")) for W in model.weights],
        "examples": [{"label": int(labels[n]), "pixels": _base64(images[n])} for n in chosen],
    }
    return ("// The examples are from MNIST, by Yann LeCun and Corinna Cortes, under the licence CC BY-SA 3.0.\n"
            f"window.mlpDigitNetwork = {json.dumps(network)};\n")


def _base64(array):
    return base64.b64encode(array.tobytes()).decode()


def write_script(app):
    """Write it before the pages, which name it with its checksum."""
    if app.builder.format == "html":
        path = Path(app.outdir) / "_static" / SCRIPT
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(digit_network(packaged()), encoding="utf-8")


def load_on_page(app, pagename, templatename, context, doctree):
    if pagename in PAGES:
        app.add_css_file("draw.css")
        for script in (SCRIPT, "draw.js"):
            app.add_js_file(script, loading_method="defer")


def setup(app):
    app.connect("builder-inited", write_script)
    app.connect("html-page-context", load_on_page)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
