"""The notebooks as they are stored: in step with their text, executed, and compared where they can be."""

import ast
import inspect
import os
import platform
import re
import runpy
import shutil
import subprocess
import sys
from pathlib import Path

import jupytext
import nbformat
import pytest
from helpers import PAIRS
from jupyter_server.services.contents.largefilemanager import LargeFileManager
from jupytext.config import load_jupytext_config
from jupytext.sync_contentsmanager import build_sync_jupytext_contents_manager_class
from tornado.web import HTTPError
from traitlets.config.loader import PyFileConfigLoader

import mlplib
from mlplib.evidence import WIDTH_SERIES

ROOT = Path(__file__).parent.parent
FOLDER = ROOT / "notebooks"
NAMES = re.findall(r"^ +- file: notebooks/([\w/]+)$", (ROOT / "_toc.yml").read_text(encoding="utf-8"), re.MULTILINE)

NOT_COMPARED = re.compile(r"nbval[-_](ignore[-_]output|skip)", re.IGNORECASE)
MACHINE_PATH = re.compile(r"/(?:" + "|".join(["home", "root", "work", "tmp", "Users"]) + r")/\w[^\s'\"]*|[A-Z]:\\\w\S*")

each_notebook = pytest.mark.parametrize("name", NAMES)


def read(name):
    return jupytext.read(FOLDER / f"{name}.ipynb")


def code_cells(name):
    return [cell for cell in read(name).cells if cell.cell_type == "code" and cell.source.strip()]


def test_the_notebooks_of_the_book_are_pairs_and_there_are_no_others():
    assert {"1_backpropagation", "5_evidence"} <= set(NAMES)
    for end in (".ipynb", ".md"):
        there = [path.relative_to(FOLDER).as_posix() for path in PAIRS(ROOT, end)]
        assert sorted(there) == sorted(f"{name}{end}" for name in NAMES)


# ---- pairs


def comparable(notebook):
    return [(cell.cell_type, cell.source, cell.metadata) for cell in notebook.cells]


@each_notebook
def test_a_pair_is_in_step(name):
    config = load_jupytext_config(str(FOLDER / f"{name}.ipynb"))
    as_text = jupytext.reads(jupytext.writes(read(name), fmt="md:myst", config=config), fmt="md:myst")
    text = jupytext.read(FOLDER / f"{name}.md", fmt="md:myst")
    assert comparable(as_text) == comparable(text)


@pytest.fixture
def opened(tmp_path):
    """A function that opens one side of a pair as Jupyter does, the notebook newer by minutes: opened(name, side)."""
    shutil.copy(ROOT / "jupytext.toml", tmp_path)
    manager = build_sync_jupytext_contents_manager_class(LargeFileManager)(root_dir=str(tmp_path))

    def open_(name, side, change=lambda text: text):
        for time, end in ((1e9, ".md"), (1e9 + 300, ".ipynb")):
            file = tmp_path / f"{name}{end}"
            file.parent.mkdir(exist_ok=True)
            text = (FOLDER / f"{name}{end}").read_text(encoding="utf-8")
            file.write_text(change(text) if end == ".ipynb" else text, encoding="utf-8")
            os.utime(file, (time, time))
        return manager.get(f"{name}{side}")

    yield open_
    manager.notary.store.close()


@each_notebook
@pytest.mark.parametrize("side", [".md", ".ipynb"])
def test_a_pair_opens_whatever_times_a_checkout_gives_it(opened, name, side):
    assert opened(name, side)["content"].cells


@pytest.mark.parametrize("side", [".md", ".ipynb"])
def test_an_edit_of_the_newer_notebook_is_not_opened_away(opened, side):
    with pytest.raises(HTTPError, match="is more recent than"):
        opened("2_network", side, lambda text: text.replace("import json", "import this", 1))


# ---- the same text in the book and in JupyterLab


@each_notebook
@pytest.mark.parametrize("side", [".ipynb", ".md"])
def test_what_the_book_folds_jupyter_folds_too(name, side):
    for cell in jupytext.read(FOLDER / f"{name}{side}").cells:
        tags = set(cell.metadata.get("tags", []))
        folds = {"source_hidden": {"hide-input", "hide-cell", "remove-input"},
                 "outputs_hidden": {"hide-output", "hide-cell"}}
        assert cell.metadata.get("jupyter", {}) == {key: True for key, any_of in folds.items() if tags & any_of}


def test_make_lab_opens_a_notebook_with_the_version_of_python_and_stores_it_without(tmp_path):
    """JupyterLab writes the version into a notebook that has another one, and so changes what was only opened."""
    config = PyFileConfigLoader("jupyter_lab_config.py", str(ROOT / "book")).load_config()
    manager = config.ServerApp.contents_manager_class(root_dir=str(tmp_path))
    file = Path(shutil.copy(FOLDER / "how_fast.ipynb", tmp_path))
    before = file.read_bytes()
    model = manager.get(file.name)
    assert model["content"].metadata.language_info.version == platform.python_version()
    manager.save(model, file.name)
    assert file.read_bytes() == before
    manager.notary.store.close()


REFERENCE = re.compile(r"\{(eq|numref|ref|doc|cite\S*)\}`([^`]+)`")
TARGET = re.compile(r"^(?:\$\$ \(|\(|:label: )([\w-]+)", re.MULTILINE)


@each_notebook
def test_a_reference_to_what_is_not_in_the_notebooks_own_text_says_where_it_leads(name):
    """JupyterLab numbers what it finds there, and only that."""
    text = "\n\n".join(cell.source for cell in read(name).cells if cell.cell_type == "markdown")
    own = set(TARGET.findall(text))
    assert [found[0] for found in REFERENCE.finditer(text)
            if found[1] in ("doc", "cite") or "\n" in found[2] or ("<" not in found[2] and found[2] not in own)] == []
    assert re.findall(r"\{\w+-(?:start|end)\}", text) == []  # JupyterLab would leave what is between them outside


@pytest.mark.parametrize("written, shown", [
    ("see {numref}`the figure above <fig-x>`.", "see {numref}`fig-x`."),
    ("told {ref}`(2012) <lecun2012efficient>`", "told {cite}`lecun2012efficient`"),
    ("{ref}`Chapter 5 <evidence-init>`", "{ref}`Chapter 5 <evidence-init>`"),
    ("{numref}`fig-x`, {eq}`(chapter 1) <eq-x>`", "{numref}`fig-x`, {eq}`(chapter 1) <eq-x>`"),
])
def test_the_book_shows_numbers_and_citations_where_jupyterlab_has_words(written, shown):
    extension = runpy.run_path(str(ROOT / "book" / "_ext" / "numbers_for_words.py"))
    assert extension["with_numbers"](written, {"lecun2012efficient"}) == shown


# ---- results

# What a result sentence may name without having computed it: what was set before the runs, and formulas.
GIVEN = {
    "0.1": "a learning rate; a training loss to reach", "0.02": "a learning rate", "0.2": "a step", "0.9": "a momentum",
    "0.5": "a momentum; a training loss; a logistic unit's mean", "0.99": "a momentum", "50": "epochs at most",
    "0.3": "a training loss to reach", "0.05": "a training loss to reach", "126": "updates after which is looked",
    "0.01": "a training loss to reach; the rule's share", "10,000": "images",
    "1,000": "images that a difference is told of", "80": "percent, a threshold",
    "95": "percent, of an interval", "200": "updates", "1.7159": "the largest output of the improved sigmoid",
    "20,000": "images", "40,000": "images",
    "59": "units of two layers", "60": "units of two layers", "5": "seeds; the level of a test", "20": "seeds",
    "3": "figures", "1": "an end of [−1, 1]", "0": "a pixel", "10": "a base",
    "2": "2/λ, the edge of a parabola",
    **{f"{units:,}": "units" for units in WIDTH_SERIES},
}
NUMBER = re.compile(r"(?<![\w.,])\d+(?:[.,]\d+)*")


def typed_numbers(code):
    """The numbers in the texts of `Markdown(f"...")` that no expression gives, but those of lists and of sections.

    And in the sentences of answers to predictions.
    """
    calls = [node for node in ast.walk(ast.parse(code)) if isinstance(node, ast.Call)]
    texts = [node.args[0] for node in calls if getattr(node.func, "id", "") == "Markdown"]
    texts += [part for node in calls if getattr(node.func, "id", "") == "Prediction" for part in ast.walk(node.args[2])]
    texts = [text for text in texts if isinstance(text, ast.JoinedStr)]
    said = [part.value if isinstance(part, ast.Constant) else "{}" for text in texts for part in text.values]
    return NUMBER.findall(re.sub(r"^ *\d+\. |section\s\d\.\d", "", "".join(said), flags=re.MULTILINE))


@each_notebook
def test_no_result_is_typed(name):
    assert {number for cell in code_cells(name) for number in typed_numbers(cell.source)} <= set(GIVEN)


@each_notebook
def test_a_negative_result_has_a_minus_sign(name):
    """And no hyphen, at which a line may break, so that the number reads as positive."""
    for cell in code_cells(name):
        for output in cell.outputs:
            said = "".join(output.get("data", {}).get("text/markdown", ""))
            assert re.findall(r"(?<![\w/])-\d[\d.]*", re.sub(r"\$[^$]*\$|```[^`]*```", "", said)) == []


def test_a_typed_result_is_found():
    code = 'Markdown(f"""\n1. At 0.1 it reads {x:.3f}, that is 0.917 or 41 of [−1, 1], section 4.7 with 1,024.\n""")'
    assert typed_numbers(code) == ["0.1", "0.917", "41", "1", "1", "1,024"]


# ---- files

# What takes a path as seen from the working directory, and a text that is one.
OPENS = re.compile(r"(os|io)(\..*)?|open|Path|pathlib|glob|shutil|zipfile|Store|Archive|load(txt)?|save\w*|genfromtxt"
                   r"|(from|to)file|im(read|save)")
FILE = re.compile(r"\.{0,2}/.*|.*\w\.[a-z]\w*")


def reached(code):
    """What code names of files, other than those of a package: `files(PACKAGE).joinpath(NAME)`."""
    nodes = list(ast.walk(ast.parse(code)))
    inside = {part for node in nodes if isinstance(node, ast.Call) and ast.unparse(node.func).startswith("files(")
              for part in ast.walk(node)}
    formats = {part for node in nodes if isinstance(node, ast.FormattedValue) and node.format_spec
               for part in ast.walk(node.format_spec)}
    for node in set(nodes) - inside - formats:
        names = [getattr(node, field, None) for field in ("id", "attr", "name", "module")]
        yield from (name for name in names if isinstance(name, str) and OPENS.fullmatch(name))
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and FILE.fullmatch(node.value):
            yield node.value
        if isinstance(node, ast.keyword) and node.arg in ("store", "folder") and isinstance(node.value, ast.Constant):
            yield node.value.value


@pytest.mark.parametrize("code, found", [
    ('json.loads(Path("../benchmarks/results.json").read_text())', ["../benchmarks/results.json", "Path"]),
    ("from pathlib import Path", ["Path", "pathlib"]), ("import os.path as p\np.exists(there)", ["os.path"]),
    ('with open(f"{name}.csv") as file:\n    pass', ["open"]), ('plt.savefig("figure")', ["savefig"]),
    ('mlplib.sweep(many, store="runs")', ["runs"]), ('Store("runs")', ["Store"]), ('read_csv("a.csv")', ["a.csv"]),
    ('mlplib.load_mnist("./mnist")', ["./mnist"]), ('mlplib.load_mnist(folder="mnist")', ["mnist"]),
    ('files("mlplib").joinpath("speed.json").read_text()', []), ("mlplib.load_mnist()", []),
    ('store = packaged("claims")\nprint(f"{0.5:.3f}", "GFLOP/s", ".4f", "plain descent, 0.1", "last / first: ")', []),
])
def test_what_code_names_of_files_is_seen(code, found):
    assert sorted(reached(code)) == sorted(found)


@each_notebook
def test_a_notebook_opens_no_file_that_depends_on_the_folder_it_runs_in(name):
    assert [found for cell in code_cells(name) for found in reached(cell.source)] == []


def test_the_page_on_speed_runs_in_a_folder_of_its_own(tmp_path):
    code = "\n".join(cell.source for cell in code_cells("how_fast"))
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, env=os.environ | {"MPLBACKEND": "agg"}, text=True,
                          capture_output=True, check=False)
    assert done.returncode == 0, done.stderr
    assert list(tmp_path.iterdir()) == []


# ---- outputs


@each_notebook
def test_every_cell_was_executed_once_from_top_to_bottom(name):
    counts = [cell.execution_count for cell in code_cells(name)]
    assert counts == list(range(1, len(counts) + 1))


@each_notebook
def test_no_cell_stores_an_error(name):
    outputs = [output for cell in code_cells(name) for output in cell.outputs]
    assert [output.evalue for output in outputs if output.output_type == "error"] == []


def texts(stored):
    """All strings in the outputs or metadata of a notebook, however deep."""
    if isinstance(stored, str):
        yield stored
    elif isinstance(stored, (dict, list)):
        for part in stored.values() if isinstance(stored, dict) else stored:
            yield from texts(part)


@each_notebook
def test_no_output_holds_a_path_of_the_machine_it_ran_on(name):
    stored = [read(name).metadata, *(cell.outputs for cell in code_cells(name))]
    assert [path for text in texts(stored) for path in MACHINE_PATH.findall(text)] == []


# ---- what re-execution compares


def is_picture(output):
    """Whether an output is a figure and, at most, the line of text that stands for it."""
    others = dict(output.get("data", {}))
    images = [others.pop(kind) for kind in list(others) if kind.startswith("image/")]
    return bool(images) and others.pop("text/plain", "<Figure").startswith("<Figure") and not others


def is_compared(cell):
    return not NOT_COMPARED.search(" ".join([cell.source, *cell.metadata.get("tags", [])]))


def test_most_cells_that_show_more_than_a_picture_are_compared():
    shown = [cell for name in NAMES for cell in code_cells(name) if not all(map(is_picture, cell.outputs))]
    assert sum(map(is_compared, shown)) / len(shown) >= 0.7


def is_folded(cell):
    return bool({"hide-input", "hide-cell", "remove-input"} & set(cell.metadata.get("tags", [])))


@each_notebook
def test_a_reader_sees_no_note_on_what_is_compared(name):
    assert [cell.source for cell in code_cells(name) if not is_folded(cell) and "# not compared" in cell.source] == []


@each_notebook
def test_a_cell_that_a_reader_sees_has_25_lines_at_most(name):
    """What is longer makes a table or a comment, and is folded; or it is more than one thought, and is divided."""
    lines = [cell.source.splitlines() for cell in code_cells(name) if not is_folded(cell)]
    assert [(len(each), each[0]) for each in lines if len(each) > 25] == []


@pytest.mark.slow
def test_a_picture_of_outlines_is_not_compared(tmp_path):
    """Its digits depend on the processor; what is beside it is compared."""
    show = "from IPython.display import display\ndisplay({'image/svg+xml': '<svg/>', 'text/plain': 'x'}, raw=True)"
    cell = nbformat.v4.new_code_cell(show, execution_count=1, outputs=[
        nbformat.v4.new_output("display_data", {"image/svg+xml": "<svg></svg>", "text/plain": "x"})])
    nbformat.write(nbformat.v4.new_notebook(cells=[cell]), tmp_path / "drawn.ipynb")
    shutil.copy(FOLDER / "conftest.py", tmp_path)
    done = subprocess.run([sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--nbval",
                           "--nbval-current-env", "drawn.ipynb"], cwd=tmp_path, capture_output=True, text=True,
                          check=False)
    assert done.returncode == 0, done.stdout


@pytest.mark.slow
def test_outputs_that_come_late_on_a_busy_machine_are_waited_for(tmp_path):
    """The kernel's answer may be there seconds before what the cell printed: nbval by itself gives up after five."""
    late = """
import time
kernel = get_ipython().kernel
told = kernel._publish_status
kernel._publish_status = lambda status, *rest: (time.sleep(7 * (status == "idle")), told(status, *rest))
"""
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(late)])
    nbformat.write(notebook, tmp_path / "late.ipynb")
    shutil.copy(FOLDER / "conftest.py", tmp_path)
    done = subprocess.run([sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--nbval",
                           "--nbval-current-env", "late.ipynb"], cwd=tmp_path, capture_output=True, text=True,
                          check=False)
    assert done.returncode == 0, done.stdout


def test_what_is_not_compared_is_rounding_and_no_error_that_is_too_large():
    (pattern, instead), = re.findall("^regex: (.*)\n^replace: (.*)$", (ROOT / "tests" / "rounding.cfg").read_text(),
                                     re.MULTILINE)
    shown = "error 4e-11, allowed 1e-08: right; error 9e-10; error 2e-08, allowed 1e-08: WRONG; error 5e+00"
    assert re.sub(pattern, instead, shown) == (
        "error ROUNDING, allowed 1e-08: right; error ROUNDING; error 2e-08, allowed 1e-08: WRONG; error 5e+00")


def test_each_line_that_chapter_1_quotes_stands_in_the_code_that_runs():
    text = (FOLDER / "1_backpropagation.md").read_text(encoding="utf-8")
    table = text[text.index("| formula | line |"):].split("\n\n")[0]
    quoted = re.findall(r"\| `([^`]+)` \|$", table, re.MULTILINE)
    source = inspect.getsource(mlplib.MLP)
    assert len(quoted) == 6 and all(line in source for line in quoted)
