"""Run the notebooks from their text side and store outputs and widget state: what `make execute` calls.

Two runs of the same text should differ only where the results do. So no times are recorded, cells keep their
identifiers, widgets get identifiers that depend on the notebook alone, and the Python version is left out.
"""

import base64
import hashlib
import io
import json
import os
import re
import runpy
import shutil
import sys
import time
from pathlib import Path

import jupytext
import jupytext.cli
import nbformat
from jupytext.combine import combine_inputs_with_outputs
from jupytext.compare import compare
from jupytext.config import load_jupytext_config
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError
from PIL import Image

ROOT = Path(__file__).resolve().parents[1]
PAIRS = runpy.run_path(str(ROOT / "book" / "pairs.py"))["pairs"]
WIDGET_STATE = "application/vnd.jupyter.widget-state+json"


def read(file):
    """One side of a pair, with the settings of jupytext.toml in its header, as Jupyter saves it."""
    notebook = jupytext.read(file)
    load_jupytext_config(str(file)).set_default_format_options(notebook.metadata.setdefault("jupytext", {}), read=True)
    return notebook


def unsaved(text_file):
    """What running a text would erase, and how to go on: its notebook is newer and says something else; or None."""
    stored_file = text_file.with_suffix(".ipynb")
    if not stored_file.exists() or stored_file.stat().st_mtime_ns <= text_file.stat().st_mtime_ns:
        return None
    says = [jupytext.writes(read(file), fmt="md:myst") for file in (text_file, stored_file)]
    if says[0] == says[1]:
        return None
    name = os.path.relpath(stored_file)
    return (
        f"{name} is newer than {text_file.name} and says something else, which running the text would erase:\n"
        f"{compare(says[1], says[0], stored_file.name, text_file.name, return_diff=True)}\n"
        f"To keep what the notebook says: {os.path.relpath(sys.executable)} -m jupytext --sync {name}\n"
        f"To keep what the text says: save {text_file.name} again. Then start again."
    )


def load(text_file):
    """The notebook as its text says, with the cell identifiers of the stored one."""
    notebook = read(text_file)
    stored_file = text_file.with_suffix(".ipynb")
    if stored_file.exists():
        stored = nbformat.read(stored_file, as_version=4)
        notebook = combine_inputs_with_outputs(notebook, stored, {"extension": ".md", "format_name": "myst"})
    notebook.metadata.pop("widgets", None)
    notebook.metadata.get("jupytext", {}).pop("text_representation", None)
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
    # Two cells with the same text may have been given the same identifier.
    seen = set()
    for number, cell in enumerate(notebook.cells):
        if cell.get("id") in seen:
            cell["id"] = hashlib.sha256(f"{text_file.stem} {number}".encode()).hexdigest()[:8]
        seen.add(cell.get("id"))
    return notebook


def slim(data):
    """Of an output's forms the pictures, in fewer bytes that look the same.

    Outlines are kept to a hundredth of a point, which also hides the digits in which processors differ, and on one
    line, since a notebook is stored line by line. The bitmap beside them has few colours.
    """
    if svg := data.get("image/svg+xml"):
        data["image/svg+xml"] = re.sub(
            r' (?:d|x|y)="[^"]*"|translate\([^)]*',
            lambda places: re.sub(r"-?\d+\.\d+", lambda number: f"{float(number[0]):.2f}".rstrip("0").rstrip("."),
                                  places[0]), " ".join(svg.split()))
        picture, small = Image.open(io.BytesIO(base64.b64decode(data["image/png"]))), io.BytesIO()
        picture.quantize(64, method=Image.Quantize.FASTOCTREE).save(small, format="png", optimize=True)
        data["image/png"] = base64.b64encode(small.getvalue()).decode()


def settle(notebook, name):
    """The notebook without what changes from run to run though the results do not."""
    notebook.metadata.get("language_info", {}).pop("version", None)
    for cell in notebook.cells:
        if cell.metadata.get("jupyter", {}).get("outputs_hidden"):
            cell.metadata["collapsed"] = True  # JupyterLab says both, and would add it on saving
        # What one cell prints comes in as many pieces as the time it takes gives.
        whole = []
        for output in cell.get("outputs", []):
            if whole and output.output_type == "stream" == whole[-1].output_type and output.name == whole[-1].name:
                whole[-1].text += output.text
            else:
                whole.append(output)
            slim(output.get("data", {}))
        if "outputs" in cell:
            cell.outputs = whole
    text = json.dumps(notebook)
    state = notebook.metadata.get("widgets", {}).get(WIDGET_STATE, {}).get("state", {})
    for number, identifier in enumerate(state):
        text = text.replace(identifier, hashlib.md5(f"{name} {number}".encode()).hexdigest())
    return nbformat.from_dict(json.loads(text))


def contents(text_file):
    """Both sides of a pair, as bytes."""
    return [file.read_bytes() if file.exists() else None for file in (text_file, text_file.with_suffix(".ipynb"))]


def aside(text_file):
    """A new folder to write a pair in, beside it."""
    folder = text_file.with_suffix(".part")
    shutil.rmtree(folder, ignore_errors=True)  # of a process that was killed
    folder.mkdir()
    return folder


def store(notebook, text_file):
    """Replace a pair's notebook and bring its text in step: each whole and at once, for neither can be had again."""
    folder, stored_file = aside(text_file), text_file.with_suffix(".ipynb")
    try:
        text, stored = shutil.copy2(text_file, folder), folder / stored_file.name
        nbformat.write(notebook, stored)
        jupytext.cli.jupytext(["--quiet", "--sync", str(stored)])
        os.replace(text, text_file)
        os.replace(stored, stored_file)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def execute(text_file):
    """Run one notebook and replace its stored side."""
    aside(text_file).rmdir()  # where nothing can be written nothing runs for an hour
    before = contents(text_file)
    notebook = load(text_file)
    NotebookClient(
        notebook,
        kernel_name="python3",
        timeout=None,
        record_timing=False,
        extra_arguments=["--log-level=40"],  # no note about the connection on every start
        resources={"metadata": {"path": str(text_file.parent)}},
    ).execute()
    notebook = settle(notebook, text_file.stem)
    for cell in notebook.cells:
        if str(ROOT) in json.dumps(cell.get("outputs", [])):
            raise ValueError(
                f"{text_file.name}: an output names the folder {ROOT}, which no reader has. The cell:\n{cell.source}"
            )
    nbformat.validate(notebook)
    if contents(text_file) != before:
        raise ValueError(f"{text_file.stem} was changed while it ran. Nothing of it was overwritten; start again.")
    store(notebook, text_file)


def main(names):
    """Run the notebooks named on the command line, or all of them."""
    text_files = [Path(name).resolve().with_suffix(".md") for name in names] or PAIRS(ROOT, ".md")
    if not text_files:
        return "no notebook was found: expected notebooks/*.md"
    missing = [text_file.name for text_file in text_files if not text_file.exists()]
    if missing:
        return f"no such notebook: {', '.join(missing)}; expected one of notebooks/*.md"
    # Before the first of them runs for an hour.
    if faults := list(filter(None, map(unsaved, text_files))):
        return "\n\n".join(faults)
    for text_file in text_files:
        start = time.perf_counter()
        print(f"{text_file.stem} ...", end=" ", flush=True)
        try:
            execute(text_file)
        except (CellExecutionError, ValueError) as error:
            return f"failed; its stored outputs are unchanged.\n{error}"
        except OSError as error:
            return (f"failed; its stored outputs are unchanged. {text_file.parent} has to be a folder that can be "
                    f"written to, with room ({error.strerror or error}).")
        print(f"{time.perf_counter() - start:.0f} s", flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
