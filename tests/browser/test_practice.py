"""The exercise notebook in the reader's browser: a walk through all blanks, a mistake in each before it is right."""

import json
import re
import runpy
import time
from pathlib import Path

import pytest
from conftest import BUILT
from test_live import CELLS, RUN_CODE, click

from mlplib.practice import BLANKS
from mlplib.practice.blanks import CHAPTERS, slug

SOLUTIONS = runpy.run_path(str(Path(__file__).resolve().parents[1] / "practice" / "solutions.py"))
NAMES = SOLUTIONS["NAMES"]

pytestmark = pytest.mark.slow

# Runs the cell in which a text stands, with another source if there is one.
RUN = """async ([text, source]) => {
  const { content: notebook, sessionContext } = jupyterapp.shell.currentWidget;
  await sessionContext.ready;
  const index = notebook.widgets.findIndex(
    ({ model }) => model.type === "code" && model.sharedModel.source.includes(text));
  if (source) notebook.widgets[index].model.sharedModel.setSource(source);
  notebook.activeCellIndex = index;
  const ok = await jupyterapp.commands.execute("notebook:run-cell");
  await notebook.scrollToItem(index);
  return ok ? index : -1;
}"""
# All cells, so that each is found by its number, wherever the page has been scrolled to.
DRAW_ALL = """() => {
  const { content: notebook } = jupyterapp.shell.currentWidget;
  notebook.notebookConfig = { ...notebook.notebookConfig, windowingMode: "none" };
}"""
# By blank: what a reader puts in the place of which words of the solution, and what it is called.
SLIPS = {
    "sigmoid": ("(1 + np.tanh(z / 2)) / 2", "np.exp(z) / (1 + np.exp(z))", "overflow at z = 1,000"),
    "softmax": (".mean()", ".sum()", "a sum where a mean is meant (the 1/N is missing)"),
    "forward": ("@ W", "@ W.T", "a transposed product: X Wᵀ"),
    "delta": ("delta / len(y)", "delta", "the 1/N is missing"),
    "backward": ("slope(inputs[layer]) * ", "", "forgotten f′"),
    "gradient check": ("(2 * epsilon)", "epsilon", "divided by ε, not by 2ε"),
    "momentum": ("W -= alpha * v", "W = W - alpha * v", "the update of a copy"),
    "training": ("W.copy() for W in", "W for W in", "best weights that are only a reference to the last"),
}

@pytest.fixture(scope="module")
def opened(keep_open, site):
    page, guard = keep_open()
    clicked = click(page, f"{site}notebooks/exercises/implement.html")
    page.evaluate(DRAW_ALL)
    assert page.evaluate(RUN, ["import check", None]) >= 0
    return page, clicked, guard


def solution(blank):
    return SOLUTIONS["solution_cells"]()[blank].rstrip()


def answer(page, blank):
    """Run a blank's check; the cell that shows its answer."""
    index = page.evaluate(RUN, [f'check("{blank}"', None])
    assert index >= 0
    return page.locator(".jp-Notebook .jp-Cell").nth(index).locator(".practice-answer")


def test_the_first_check_is_answered_soon_and_says_that_nothing_is_there_yet(opened, capsys):
    page, clicked, _ = opened
    assert page.evaluate(RUN, ["def sigmoid(z)", None]) >= 0
    shown = answer(page, "sigmoid")
    shown.wait_for()
    with capsys.disabled():
        print(f"\nfirst check answered {time.time() - clicked:.1f} s after the click (expected: at most 20)")
    assert "Nothing here yet: sigmoid." in shown.inner_text()


@pytest.mark.parametrize("blank", SLIPS)
def test_a_mistake_is_named_then_a_hint_then_the_line_and_what_is_right_is_told_so(opened, blank):
    page, _, _ = opened
    right = solution(blank)
    words, others, mistake = SLIPS[blank]
    assert words in right
    stub = f"def {NAMES[blank][0]}("
    assert page.evaluate(RUN, [stub, right.replace(words, others)]) >= 0
    shown = answer(page, blank)
    verdict = shown.get_by_role("status")
    verdict.wait_for()
    assert f"Not right yet: {mistake}." in verdict.inner_text()
    assert re.search(r"gives|raises|has the|: (yes|no), and", shown.inner_text())
    line = shown.locator("pre")
    assert not line.is_visible()
    for summary in ("A hint", "The line"):
        shown.get_by_text(summary, exact=True).focus()
        page.keyboard.press("Enter")
    assert line.is_visible()
    assert page.evaluate(RUN, [stub, right]) >= 0
    assert f"Right: {blank}." in answer(page, blank).get_by_role("status").inner_text()


def test_where_to_read_again_is_a_place_on_the_page(page, site):
    looks = sorted({mistake.look for blank in BLANKS.values() for mistake in blank.mistakes.values()})
    for chapter, section in looks:
        html = (BUILT / "notebooks" / f"{CHAPTERS[chapter]}.html").read_text(encoding="utf-8")
        assert f'id="{slug(section)}"' in html
    chapter, section = looks[-1]
    page.goto(f"{site}notebooks/{CHAPTERS[chapter]}.html#{slug(section)}")
    page.wait_for_function("""() => {
      const { top, height } = document.getElementById(location.hash.slice(1)).getBoundingClientRect();
      return scrollY > 0 && top + height > 0 && top < innerHeight / 2; }""")


def test_where_to_read_again_is_a_notebook_that_opens(opened, site):
    page, _, _ = opened
    assert page.evaluate(RUN, ["def output_delta(", "def output_delta(y_hat, y):\n    return y_hat"]) >= 0
    link = answer(page, "delta").get_by_role("link")
    assert page.evaluate("path => jupyterapp.serviceManager.contents.get(path).then(found => found.type)",
                         "notebooks/1_backpropagation.ipynb") == "notebook"
    assert "1_backpropagation.ipynb" in link.get_attribute("href")
    with page.context.expect_page() as another:
        link.click()
    # At its beginning: JupyterLite leaves the section out, which the link names.
    another.value.wait_for_url(re.compile(r"/lite/notebooks/.*1_backpropagation\.ipynb"))
    another.value.close()
    assert page.evaluate(RUN, ["def output_delta(", solution("delta")]) >= 0


def test_the_readers_network_is_trained_beside_the_librarys(opened, capsys):
    page, _, guard = opened
    for text in ("class Network:", "blanks = {", "def judge():"):
        assert page.evaluate(RUN, [text, None]) >= 0
    started = time.time()
    for text in ("import matplotlib", "def by_hand(", "if curves:"):
        assert page.evaluate(RUN, [text, None]) >= 0
    cells = [cell for cell in page.evaluate(CELLS) if cell["cell_type"] == "code"]
    missing, judged, _, _, drawn = cells[-5:]
    texts = [output.get("text", "") for cell in (missing, judged, drawn) for output in cell["outputs"]]
    said = "".join("".join(text) for text in texts)
    assert "still missing: nothing, all eight are right" in said and said.count(": right") == 3
    yours, ours = (float(loss) for loss in re.findall(r"validation loss after 3 epochs: ([\d.]+)", said))
    assert abs(yours - ours) < 0.1 and yours < 0.4
    assert any("image/png" in output.get("data", {}) for output in drawn["outputs"])
    assert guard.network.blocked == []
    with capsys.disabled():
        print(f"\nboth networks trained and drawn after {time.time() - started:.0f} s")


def test_a_check_takes_a_second_at_most(opened, capsys):
    """Measured, not demanded: a busy machine would fail it."""
    page, _, _ = opened
    said = page.evaluate(RUN_CODE, """
import json, time
from mlplib.practice import BLANKS, check
spent = {}
for name, blank in BLANKS.items():
    blank.__dict__.pop("known", None)
    blank.__dict__.pop("expected", None)
    start = time.perf_counter()
    check(name, *next(iter(blank.mistakes.values())).ways[0])
    spent[name] = time.perf_counter() - start
print(json.dumps(spent))
""")
    spent = json.loads(said)
    assert len(spent) == len(SLIPS)
    with capsys.disabled():
        print("\nfirst check of each blank:", ", ".join(f"{name} {took:.2f} s" for name, took in spent.items()),
              "(expected: at most 1)")
