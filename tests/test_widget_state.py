"""What the widgets of a page hold: beside the page, in as few models as they need; and how large pages are."""

import hashlib
import json
import re
import runpy
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
BUILT = ROOT / "_build" / "html"
MIME = "application/vnd.jupyter.widget-state+json"
LARGEST = 1_000_000  # bytes of a page as it is served
lean = runpy.run_path(str(ROOT / "book" / "widget_models.py"))["lean"]
PAGES = ["1_backpropagation", "2_network", "3_tricks", "4_topology", "14_curvature", "15_why"]

each_page = pytest.mark.parametrize("name", PAGES)


@pytest.fixture(scope="module", autouse=True)
def pages():
    if not (BUILT / "index.html").exists():
        pytest.fail("the book is not built: expected _build/html/index.html; run `make book`", pytrace=False)
    return [path for path in BUILT.rglob("*.html") if not {"lite", "_static"} & {*path.relative_to(BUILT).parts}]


def expanded(state, name):
    """A model with those that it refers to in their place, however they are called; links come back to their start."""
    text = json.dumps(state[name], sort_keys=True)
    style = re.compile(r'"IPY_MODEL_(\w+)"')
    return style.sub(lambda found: expanded(state, found[1]) if state[found[1]]["model_name"].endswith(
        ("LayoutModel", "StyleModel")) else found[0], text)


def test_no_page_is_larger_than_a_megabyte(pages):
    large = {path.relative_to(BUILT).as_posix(): path.stat().st_size for path in pages}
    assert len(large) > 30 and {path: size for path, size in large.items() if size > LARGEST} == {}


def test_pages_with_widgets_name_what_these_hold_and_have_none_of_it(pages):
    named = {}
    for path in pages:
        html = path.read_text(encoding="utf-8")
        assert f'type="{MIME}"' not in html
        if found := re.findall(r'<script type="text/when-needed" class="widget-state" src="([^"]+)\?v=(\w+)">', html):
            ((name, version),) = found
            assert hashlib.sha256((path.parent / name).read_bytes()).hexdigest()[:8] == version
            named[path.stem] = name
    assert named == {name: f"{name}.widgets.js" for name in PAGES}


@each_page
def test_beside_the_page_is_what_the_notebook_holds(name):
    notebook = json.loads((ROOT / "notebooks" / f"{name}.ipynb").read_text(encoding="utf-8"))
    stored = notebook["metadata"]["widgets"][MIME]["state"]
    script = (BUILT / "notebooks" / f"{name}.widgets.js").read_text(encoding="utf-8")
    (held,) = re.findall(r"JSON\.stringify\((.*)\) \}\)\);$", script, re.MULTILINE)
    state = json.loads(held)["state"]
    assert len(state) < len(stored)
    for model in stored.keys() & state.keys():
        assert expanded(state, model) == expanded(stored, model)
    gone = {stored[model]["model_name"] for model in stored.keys() - state.keys()}
    assert {kind for kind in gone if not kind.endswith(("LayoutModel", "StyleModel"))} == set()


def test_of_layouts_and_styles_that_are_alike_one_is_kept():
    def model(kind, **state):
        return {"model_name": kind, "state": state}

    state = {
        "a": model("HTMLModel", layout="IPY_MODEL_l1", style="IPY_MODEL_s1", value="IPY_MODEL_"),
        "b": model("HTMLModel", layout="IPY_MODEL_l2", style="IPY_MODEL_s2", value="x"),
        "c": model("BoxModel", layout="IPY_MODEL_l3", children=["IPY_MODEL_a", "IPY_MODEL_b"], tabbable=None),
        "l1": model("LayoutModel", width=None), "l2": model("LayoutModel", width=None),
        "l3": model("LayoutModel", width="1em"), "s1": model("HTMLStyleModel"), "s2": model("HTMLStyleModel"),
    }
    kept = lean(state)
    assert list(kept) == ["a", "b", "c", "l1", "l3", "s1"]
    assert kept["b"] == model("HTMLModel", layout="IPY_MODEL_l1", style="IPY_MODEL_s1", value="x")
    assert {name: kept[name] for name in ("a", "c", "l1", "l3", "s1")} == {
        name: state[name] for name in ("a", "c", "l1", "l3", "s1")}
    assert lean(kept) == kept
