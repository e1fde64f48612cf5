"""Run the notebooks from their text side and store outputs and widget state: what `make execute` calls.

Two runs of the same text should differ only where the results do. So no times are recorded, cells keep their
identifiers, widgets get identifiers that depend on the notebook alone, and the Python version is left out.
"""

import hashlib
import json
import sys
import time
from pathlib import Path

import jupytext
import nbformat
from jupytext.combine import combine_inputs_with_outputs
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError

ROOT = Path(__file__).resolve().parents[1]
WIDGET_STATE = "application/vnd.jupyter.widget-state+json"


def load(text_file):
    """The notebook as its text says, with the cell identifiers of the stored one."""
    notebook = jupytext.read(text_file)
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


def settle(notebook, name):
    """The notebook without what changes from run to run though the results do not."""
    notebook.metadata.get("language_info", {}).pop("version", None)
    for cell in notebook.cells:
        # What one cell prints comes in as many pieces as the time it takes gives.
        whole = []
        for output in cell.get("outputs", []):
            if whole and output.output_type == "stream" == whole[-1].output_type and output.name == whole[-1].name:
                whole[-1].text += output.text
            else:
                whole.append(output)
        if "outputs" in cell:
            cell.outputs = whole
    text = json.dumps(notebook)
    state = notebook.metadata.get("widgets", {}).get(WIDGET_STATE, {}).get("state", {})
    for number, identifier in enumerate(state):
        text = text.replace(identifier, hashlib.md5(f"{name} {number}".encode()).hexdigest())
    return nbformat.from_dict(json.loads(text))


def execute(text_file):
    """Run one notebook and replace its stored side."""
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
    nbformat.write(notebook, text_file.with_suffix(".ipynb"))


def main(names):
    """Run the notebooks named on the command line, or all of them."""
    text_files = [Path(name).resolve().with_suffix(".md") for name in names] or sorted(ROOT.glob("notebooks/*.md"))
    if not text_files:
        return "no notebook was found: expected notebooks/*.md"
    for text_file in text_files:
        start = time.perf_counter()
        print(f"{text_file.stem} ...", end=" ", flush=True)
        try:
            execute(text_file)
        except (CellExecutionError, ValueError) as error:
            return f"failed; its stored outputs are unchanged.\n{error}"
        print(f"{time.perf_counter() - start:.0f} s", flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
