"""What an import brings along, and which module may import which."""

import ast
import itertools
import subprocess
import sys
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

import mlplib

FOLDER = Path(mlplib.__file__).parent
FILES = {path.stem: [path] for path in FOLDER.glob("*.py") if path.stem != "__init__"}
FILES |= {path.parent.name: sorted(path.parent.glob("*.py")) for path in FOLDER.glob("*/__init__.py")}
MODULES = sorted(FILES)

FLOORS = [
    {"_checks"},
    {"mnist", "inputs"},
    {"activations", "initializers", "losses"},
    {"network"},
    {"optimizers", "training", "gradient_check", "diagnostics"},
    {"experiments", "report"},
    {"sweeps", "store", "designs", "effects", "evidence", "further", "make_sweep"},
    {"plotting", "evidence_figures", "widgets"},
]
FLOOR = {module: number for number, floor in enumerate(FLOORS) for module in floor}
FACES = FLOORS[-1]


def imports(module):
    """The dotted names that a module imports, wherever in its code."""
    names = set()
    trees = [ast.parse(path.read_text(encoding="utf-8")) for path in FILES[module]]
    for node in itertools.chain.from_iterable(map(ast.walk, trees)):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = ".".join(filter(None, (node.level * "mlplib", node.module)))
            names |= {f"{base}.{alias.name}" for alias in node.names}
    return names


def siblings(module):
    """The modules of mlplib that a module imports."""
    return {name.split(".")[1] for name in imports(module) if name.startswith("mlplib.")} - {module}


@pytest.mark.parametrize("module", MODULES)
def test_a_module_imports_nothing_from_the_floors_above(module):
    assert siblings(module) <= {other for other in MODULES if FLOOR[other] <= FLOOR[module]}


def test_no_modules_import_each_other():
    TopologicalSorter({module: siblings(module) for module in MODULES}).prepare()


@pytest.mark.parametrize("module", [module for module in MODULES if module not in FACES])
def test_only_the_faces_draw(module):
    assert {name.split(".")[0] for name in imports(module)}.isdisjoint({"matplotlib", "ipywidgets", "IPython"})


def test_importing_mlplib_brings_no_heavy_package():
    code = "import sys, mlplib; print(*{name.split('.')[0] for name in sys.modules})"
    loaded = subprocess.run([sys.executable, "-c", code], cwd=FOLDER.parent, capture_output=True, text=True, check=True)
    heavy = {"matplotlib", "ipywidgets", "pandas", "scipy", "IPython", "torch", "sklearn"}
    assert heavy & set(loaded.stdout.split()) == set()
    assert {"mlplib", "numpy"} <= set(loaded.stdout.split())
