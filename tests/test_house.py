"""The house: which module may import which, what an import brings along, one name for one meaning, tests for each."""

import ast
import re
import subprocess
import sys
from collections import defaultdict
from itertools import chain
from pathlib import Path

import pytest

import mlplib

ROOT = Path(__file__).parent.parent
FOLDER = Path(mlplib.__file__).parent

# Ground first. Each line is a floor, or a wing; on it stand its steps, from left to right. A module imports only from
# the steps before its own: nothing from above, and nothing from beside it.
FLOORS = [
    ["_checks files products", "activations initializers threads"],
    ["mnist datasets optimizers gradient_check", "losses"],
    ["network inputs", "curvature diagnostics straight_through"],
    ["history", "training"],
    ["practice.observation practice.predictions", "practice.blanks", "practice.way_forward",
     "practice.way_back practice.learning", "practice.checking", "practice.handins", "practice.grading",
     "practice.gradebook"],
    ["experiments", "running"],
    ["entries", "store", "sweeps", "report", "catalogue"],
    ["evidence.measures evidence.special", "evidence.statistics", "evidence.effects", "evidence.arms", "evidence.rates",
     "evidence.registrations", "evidence.claims", "evidence.questions evidence.other_data evidence.mechanisms",
     "evidence.verdicts evidence.plans", "evidence.open_claims evidence.looks", "evidence.why evidence.spectra"],
    ["style", "plotting", "barcodes evidence.figures", "evidence.answers evidence.findings evidence.own_report"],
    ["widgets.frames", "widgets.bench widgets.bowls widgets.explorers widgets.film widgets.spectra widgets.stepper"],
    ["__init__ evidence.__init__ practice.__init__ widgets.__init__", "evidence.__main__ practice.__main__"],
]
STEP = {module: number for number, step in enumerate(chain(*FLOORS)) for module in step.split()}
# They hand on what modules define, for users to import.
DOORS = {"__init__", "evidence.__init__", "practice.__init__", "widgets.__init__"}
WINGS = ("evidence", "practice", "widgets")
DRAWS = ("style", "plotting", "barcodes", "evidence.figures", "evidence.answers", "evidence.findings",
         "evidence.own_report", "widgets.")


def parsed(path):
    return ast.parse(path.read_text(encoding="utf-8"))


FILES = sorted(FOLDER.rglob("*.py"))
TREES = {".".join(path.relative_to(FOLDER).with_suffix("").parts): parsed(path) for path in FILES}
MODULES = sorted(set(TREES) - DOORS)
each_file = pytest.mark.parametrize("module", sorted(TREES))


def imports(tree):
    """(module, name) of all that is imported, wherever in the code; the name is empty in `import module`."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((alias.name, "") for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from ((f"{'.' * node.level}{node.module or ''}", alias.name) for alias in node.names)


def siblings(module):
    """(module, name) of what a module takes from others of mlplib; the name is empty where it takes a module whole."""
    for source, name in imports(TREES[module]):
        assert not source.startswith("."), f"{module} imports by a relative name"
        if source.split(".")[0] == "mlplib":
            for dotted, taken in ((f"{source}.{name}", ""), (source, name)):
                inside = dotted.removeprefix("mlplib").strip(".")
                found = [each for each in (inside, f"{inside}.__init__".strip(".")) if each in TREES]
                if found:
                    yield found[0], taken
                    break


def named(tree):
    """The names that a module defines: functions, classes, variables; not those that it imports."""
    for node in tree.body:
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            yield node.name
        elif isinstance(node, (ast.Assign, ast.AnnAssign, ast.AugAssign)):
            names = (part for part in ast.walk(node) if isinstance(part, ast.Name))
            yield from (name.id for name in names if isinstance(name.ctx, ast.Store))


DEFINED = {module: set(named(tree)) for module, tree in TREES.items()}


# ---- floors


def test_every_module_has_its_place():
    assert sorted(STEP) == sorted(TREES)


@each_file
def test_a_module_imports_only_from_the_steps_before_its_own(module):
    wrong = {other for other, _ in siblings(module) if STEP[other] >= STEP[module]}
    assert not wrong


@each_file
def test_what_stands_outside_a_wing_imports_nothing_from_it(module):
    for wing in WINGS:
        assert module.startswith(wing) or not any(other.startswith(wing) for other, _ in siblings(module))


@each_file
def test_only_the_faces_draw(module):
    packages = {source.split(".")[0] for source, _ in imports(TREES[module])}
    assert module.startswith(DRAWS) or packages.isdisjoint({"matplotlib", "PIL", "ipywidgets", "IPython"})


@each_file
def test_scipy_is_imported_in_two_places(module):
    """Inside a function. In a live notebook it would be 20 MB to fetch: one does without it, the other says so."""
    inside = {node for function in ast.walk(TREES[module]) if isinstance(function, ast.FunctionDef)
              for node in ast.walk(function)} if module in ("evidence.special", "curvature") else set()
    outside = ast.Module([node for node in ast.walk(TREES[module])
                          if isinstance(node, (ast.Import, ast.ImportFrom)) and node not in inside], [])
    assert "scipy" not in {source.split(".")[0] for source, _ in imports(outside)}


@pytest.mark.parametrize("name, lacks", [
    ("mlplib", {"matplotlib", "PIL", "ipywidgets", "IPython", "scipy", "joblib", "threadpoolctl", "tqdm"}),
    ("mlplib.evidence", {"matplotlib", "PIL", "ipywidgets", "IPython", "scipy", "joblib", "threadpoolctl", "tqdm"}),
    ("mlplib.practice", {"matplotlib", "PIL", "ipywidgets", "IPython", "scipy", "joblib", "threadpoolctl", "tqdm"}),
    ("mlplib.evidence.figures", {"ipywidgets", "scipy"}),
    ("mlplib.widgets", {"scipy"}),
], ids=lambda value: value if isinstance(value, str) else "")
def test_an_import_brings_no_heavy_package(name, lacks):
    code = f"import sys, {name}; print(*{{name.split('.')[0] for name in sys.modules}})"
    loaded = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert (lacks | {"pandas", "torch", "sklearn"}) & set(loaded.stdout.split()) == set()
    assert {"mlplib", "numpy"} <= set(loaded.stdout.split())


# ---- names

# By name, why two modules may define it.
NAMED_TWICE = {
    "gamma": "that of _checks bears the name of what it checks, as its neighbours do; the evidence has a network",
}


def test_one_meaning_has_one_name():
    where = defaultdict(set)
    for module in MODULES:
        for name in DEFINED[module]:
            if not name.startswith("_"):
                where[name].add(module)
    assert {name: modules for name, modules in where.items() if len(modules) > 1 and name not in NAMED_TWICE} == {}
    assert all(len(where[name]) > 1 for name in NAMED_TWICE)


@each_file
def test_a_name_is_imported_from_the_module_that_defines_it(module):
    elsewhere = {f"{other}.{name}" for other, name in siblings(module) if name and name not in DEFINED[other]}
    assert elsewhere == set()


@each_file
def test_the_doors_are_for_users(module):
    through = {other for other, _ in siblings(module)} & DOORS
    assert through <= ({"evidence.__init__"} if module == "evidence.__main__" else set())


def private(name):
    """Whether a name is a module's own; those of other packages' protocols end with an underscore too."""
    return name.startswith("_") and not name.endswith("_") and name not in {"_replace", "_asdict", "_fields"}


@each_file
def test_no_module_uses_anothers_private_names(module):
    nodes = list(ast.walk(TREES[module]))
    own = DEFINED[module] | {node.name for node in nodes if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))}
    own |= {node.attr for node in nodes if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name)
            and node.value.id in ("self", "cls")}
    used = {node.attr for node in nodes if isinstance(node, ast.Attribute)}
    used |= {name for _, name in imports(TREES[module]) if name != "_checks"}
    assert {name for name in used if private(name)} - own == set()


def test_lines_are_set_by_hand_and_no_formatter_is_told_to_skip_one():
    files = [path for folder in ("mlplib", "tests", "benchmarks", "book") for path in (ROOT / folder).rglob("*.py")]
    words = "# fmt" + ":"
    assert [str(path.relative_to(ROOT)) for path in files if words in path.read_text(encoding="utf-8")] == []


# ---- the reference

# By module, why the reference does not have it.
UNDOCUMENTED = {
    "_checks": "the library's own",
    "files": "the library's own: how files are read and written",
    "entries": "the library's own: what the store writes",
    "evidence.__main__": "a command",
    "practice.__main__": "a command", "practice.blanks": "the wing's door has its names",
    "practice.checking": "the same", "practice.predictions": "the same",
    "practice.observation": "the library's own: what a check sees",
    "practice.handins": "a command's own, which the page for teachers shows", "practice.grading": "the same",
    "practice.gradebook": "the same",
    "practice.way_forward": "the blanks and their mistakes, which `make mistakes` lists",
    "practice.way_back": "the same", "practice.learning": "the same",
    "widgets.bench": "the wing's door has its names", "widgets.bowls": "the same", "widgets.explorers": "the same",
    "widgets.film": "the same", "widgets.spectra": "the same", "widgets.stepper": "the same",
}


def test_each_floor_has_its_page_of_the_reference():
    table = re.findall(r"^\| [a-z ]+ \| (`.+) \|$", (ROOT / "CONTRIBUTING.md").read_text("utf-8"), re.MULTILINE)
    pages = re.findall(r"file: (book/api/\w+)", (ROOT / "_toc.yml").read_text("utf-8"))
    assert sorted(pages) == sorted(f"book/api/{path.stem}" for path in (ROOT / "book" / "api").glob("*.md"))
    shown = []
    for page, row in zip(pages, table, strict=True):
        rooms = tuple(room.strip("/").replace("/", ".") for room in re.findall("`([^`]+)`", row))
        modules = re.findall(r"automodule:: mlplib\.([\w.]+)$", (ROOT / f"{page}.md").read_text("utf-8"), re.MULTILINE)
        assert modules and [module for module in modules if not module.startswith(rooms)] == []
        shown += modules
    assert set(shown) == set(MODULES) - set(UNDOCUMENTED) | {"evidence", "practice", "widgets"}
    assert len(shown) == len(set(shown)) and set(UNDOCUMENTED) <= set(MODULES)


# ---- tests

# Test modules that belong to no module of the library, and why.
OF_NO_MODULE = {
    "bad_input": "of everything public: what it refuses",
    "fuzz": "of all that reads files: what it does with damaged ones",
    "house": "of the library as a whole",
    "recipe": "walks through several modules, as someone does who adds to the library",
    "evidence.claim_recipe": "the same for a claim",
    "evidence.stored": "of the stored runs that verdicts stand on",
    "downloads": "of the notebooks that the pages give",
    "exercises": "of the exercises of the notebooks, and of the page that lists them",
    "first_steps": "of training on other processors, which `make test-portable` runs",
    "package": "of what is built and installed from pyproject.toml, and of the files that describe it",
    "packaged": "of the stored runs in the package",
    "pinned": "of what must never change, wherever it is computed",
    "forty_runs": "of the runs that the report tells of",
    "stored_stops": "of the store too: what a run may have beside its figures and curves",
    "copies": "of every public class",
    "notebooks": "of the notebooks",
    "practice.implement": "of the exercise notebook, with its blanks and with solutions",
    "practice.student": "of the same, with its solutions, and of book/student.py",
    "execute": "of book/execute.py",
    "build": "of how the book is built",
    "pdf": "of book/pdf.py",
    "content_security": "of what the pages may load and run",
    "reproducible": "of book/reproducible.py, and of what would make two builds differ",
    "kills": "of what is killed while it writes: sweeps, archives, the book",
    "full_disk": "of all that writes",
    "port": "of book/port.py",
    "makefile": "of the Makefile",
    "without_browser": "of the browser tests where there is no browser",
    "digit_network": "of a page's script",
    "findings": "of the numbers on the front page",
    "page_heads": "of what pages say of themselves in their heads",
    "author_year": "of citations and the bibliography",
    "lite": "of the live side of the book",
    "widget_state": "of what the pages have beside them for their widgets",
    "cluster": "of a sweep on a cluster, which takes packages of its own",
    "benchmarks": "of benchmarks/",
    "wrong_gradient": "of what chapter 2 shows of runs that no notebook makes",
}


# And a module whose tests cannot have its name.
TESTED_BY = {"evidence.__main__": "evidence.main", "evidence.findings": "evidence.all_findings",
             "practice.__main__": "practice.mistakes_table"}


def mirror(path):
    """What a test module is named after, as modules of the library are named."""
    folder = path.relative_to(ROOT / "tests").parent
    return ".".join((*folder.parts, path.stem.removeprefix("test_")))


TESTED = {mirror(path) for path in (ROOT / "tests").rglob("test_*.py") if path.parent.name != "browser"}


@pytest.mark.parametrize("module", MODULES)
def test_every_module_has_its_test_module(module):
    assert TESTED_BY.get(module, module.lstrip("_")) in TESTED


def test_every_test_module_has_its_module():
    assert TESTED - {TESTED_BY.get(module, module.lstrip("_")) for module in MODULES} == set(OF_NO_MODULE)


def test_no_two_test_modules_outside_the_packages_share_a_name():
    """Pytest imports them by their names alone: a second one of a name ends the whole run."""
    names = [path.name for path in (ROOT / "tests").rglob("test_*.py")
             if path.parent.name != "browser" and not (path.parent / "__init__.py").exists()]
    assert len(names) == len(set(names))
