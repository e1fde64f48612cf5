"""What a page's download button gives, as it lies in the built book."""

import json
import re
from pathlib import Path

import pytest
from helpers import NOTEBOOKS

ROOT = Path(__file__).resolve().parents[1]
GIVEN = ROOT / "_build" / "html" / "_sources" / "notebooks"
# Roles, fences of directives, labels: of blocks, and behind an equation.
MARKER = re.compile(r"\{[\w:-]+\}`.*|^(?::{3,}|`{3,}\{).*|^\([\w:-]+\)=.*|^\$\$ \([\w:-]+\).*", re.MULTILINE)


def cells(path, kind):
    notebook = json.loads(path.read_text(encoding="utf-8"))
    return ["".join(cell["source"]) for cell in notebook["cells"] if cell["cell_type"] == kind]


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_a_downloaded_notebook_is_plain_markdown_says_what_to_install_and_has_the_same_code(name):
    path = GIVEN / f"{name}.ipynb"
    if not path.exists():
        pytest.fail(f"the book is not built: expected {path}; run `make book`", pytrace=False)
    text = cells(path, "markdown")
    assert MARKER.findall("\n\n".join(text)) == []
    assert re.search(r"^> %pip install \"mlplib-[\d.]+-py3-none-any\.whl\[notebooks\]\"$", text[0], re.MULTILINE)
    assert cells(path, "code") == cells(ROOT / "notebooks" / f"{name}.ipynb", "code")
