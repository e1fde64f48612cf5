"""The notebooks in the reader's browser: each is opened by its page's button and run to its end, in Pyodide."""

import json
import os
import re
import time
from dataclasses import asdict
from pathlib import Path
from statistics import median
from urllib.parse import unquote, urlsplit

import pytest

import mlplib

ROOT = Path(__file__).resolve().parents[2]
BUILT = ROOT / "_build" / "html"
NAMES = sorted(path.stem for path in ROOT.glob("notebooks/*.ipynb"))
SHORT = mlplib.Experiment(n_train=3200, epochs=2).with_tricks(init=True, sigmoid=True, momentum=True)

pytestmark = pytest.mark.slow

OPENED = "() => window.jupyterapp?.shell.currentWidget?.context?.isReady"
CELLS = "() => jupyterapp.shell.currentWidget.content.model.sharedModel.toJSON().cells"
RUN_ALL = """async () => {
  const { sessionContext } = jupyterapp.shell.currentWidget;
  await sessionContext.ready;
  const seen = { figure: null };
  const start = performance.timeOrigin;
  sessionContext.iopubMessage.connect((_, message) => {
    if (seen.figure === null && message.content?.data?.["image/png"]) seen.figure = (start + performance.now()) / 1000;
  });
  seen.ok = await jupyterapp.commands.execute("notebook:run-all-cells");
  return seen;
}"""
RUN_CODE = """async (code) => {
  const { sessionContext } = jupyterapp.shell.currentWidget;
  await sessionContext.ready;
  const said = [];
  const future = sessionContext.session.kernel.requestExecute({ code });
  future.onIOPub = ({ header, content }) => {
    if (header.msg_type === "stream" && content.name === "stdout") said.push(content.text);
    if (header.msg_type === "error") said.push(content.traceback.join("\\n"));
  };
  await future.done;
  return said.join("");
}"""


@pytest.fixture(autouse=True)
def patience(page):
    """A busy machine starts Pyodide slowly; what must be fast is measured."""
    page.set_default_timeout(240_000)


@pytest.fixture
def open_live(page, site):
    """A function that opens a notebook by the button on its page; it returns the time of the click, in seconds."""

    def click(name):
        page.goto(f"{site}notebooks/{name}.html")
        clicked = time.time()
        page.click(".run-button")
        page.wait_for_function(OPENED)
        return clicked

    return click


def size(urls, site):
    """Bytes of the files behind these addresses, of the site or of the CDN's mirror; what is no file counts nothing."""
    paths = set()
    for url in urls:
        path = unquote(urlsplit(url).path).lstrip("/")
        paths.add((BUILT if url.startswith(site) else Path(os.environ["CDN_MIRROR"])) / path)
    return sum(path.stat().st_size for path in paths if path.is_file())


@pytest.mark.parametrize("name", NAMES)
def test_a_notebook_runs_to_its_end_without_a_service_worker(name, page, site, open_live, network, console, capsys):
    """Private windows and addresses without HTTPS have none, and so no file beside a notebook; other tests have it."""
    page.add_init_script("delete Navigator.prototype.serviceWorker")
    requested = []
    page.context.on("request", lambda request: requested.append(request.url))
    page.goto(f"{site}notebooks/{name}.html")
    stated = re.search(r"loads (\d+) MB", page.inner_text(".run-served"))
    assert stated, "the button does not say what is loaded"
    requested.clear()
    clicked = open_live(name)
    assert page.evaluate("() => !('serviceWorker' in navigator)")
    seen = page.evaluate(RUN_ALL)
    cells = [cell for cell in page.evaluate(CELLS) if cell["cell_type"] == "code" and cell["source"].strip()]
    errors = [output["traceback"] for cell in cells for output in cell["outputs"] if output["output_type"] == "error"]
    assert errors == []
    assert seen["ok"]
    assert [cell["execution_count"] for cell in cells] == list(range(1, len(cells) + 1))
    assert network.blocked == []
    unwanted = "pandas" if name == "5_evidence" else "scipy|pandas"
    assert [url for url in network.fetched if re.search(unwanted, url)] == []
    assert [error for error in console.errors if site not in error or "/lite/" in error] == []
    loaded = None
    if os.environ.get("CDN_MIRROR"):
        lite = [url for url in requested if url.startswith(f"{site}lite/")]
        loaded = size([*lite, *network.fetched], site) / 1e6
        assert loaded == pytest.approx(int(stated[1]), rel=0.05)
    with capsys.disabled():
        figure = f"first figure {seen['figure'] - clicked:.1f} s after the click" if seen["figure"] else "no figure"
        print(f"\n{name} in the browser: {figure}, all cells after {time.time() - clicked:.0f} s, "
              f"{loaded and f'{loaded:.1f}'} MB loaded ({stated[1]} MB stated)")


def test_an_archive_that_cannot_be_fetched_there_is_an_error_that_says_so(page, open_live):
    open_live("how_fast")
    answers = {"failed": lambda route: route.abort(), "page": lambda route: route.fulfill(body="<html>Log in</html>"),
               "busy": lambda route: route.fulfill(status=503), "none": lambda route: route.fulfill(status=404)}
    for name, answer in answers.items():
        page.context.route(f"**/archives/*/{name}.zip", lambda route, _, answer=answer: answer(route))
    said = page.evaluate(RUN_CODE, f"""
from mlplib.store import StoreError, packaged
for name in {list(answers)}:
    try:
        print(name, len(packaged(name)), "runs")
    except StoreError as error:
        print(name, error)
print("shown", len(packaged()), "runs")
""")
    failed, page_, busy, none, shown = said.splitlines()
    assert re.search(r"/lite/archives/\w+/failed\.zip: expected an archive of stored runs, .*NetworkError", failed)
    assert re.search(r"/page\.zip: .* not a zip file\); check the connection", page_)
    assert re.search(r"/busy\.zip: .*the answer was 503", busy)
    assert (none, shown) == ("none 0 runs", "shown 160 runs")


def test_training_there_gives_cpythons_losses_and_is_fast_enough(page, open_live, capsys):
    open_live("how_fast")
    fields = {name: list(value) if isinstance(value, tuple) else value for name, value in asdict(SHORT).items()}
    said = page.evaluate(RUN_CODE, f"""
import json, time, warnings
import mlplib
warnings.simplefilter("error")
short = mlplib.Experiment(**json.loads({json.dumps(fields)!r}))
run, = mlplib.sweep([short])
trainer = mlplib.trainer_for(mlplib.Experiment())
trainer.update()
rates = []
for _ in range(5):
    start = time.perf_counter()
    for _ in range(100):
        trainer.update()
    rates.append(100 / (time.perf_counter() - start))
curves = run.history.minibatch_loss, run.history.train_loss, run.history.validation_loss
print(json.dumps([*map(list, curves), rates]))
""")
    *curves, rates = json.loads(said.splitlines()[-1]) if said.endswith("]\n") else pytest.fail(said)
    there = mlplib.run(SHORT).history
    for curve, here in zip(curves, (there.minibatch_loss, there.train_loss, there.validation_loss), strict=True):
        assert curve == pytest.approx(here, abs=1e-4)
    with capsys.disabled():
        print(f"\n785-64-10 in the browser: {max(rates):.0f} steps a second (expected: at least 350)")


def test_a_kept_copy_is_named_and_can_be_discarded(page, open_live, console):
    open_live("how_fast")
    page.evaluate("""async () => {
      const { content, context } = jupyterapp.shell.currentWidget;
      content.model.sharedModel.insertCell(0, { cell_type: "markdown", source: "MINE" });
      content.model.sharedModel.setMetadata("book_version", "before");
      await context.save();
    }""")
    page.go_back()
    notice = page.locator(".run-own-copy")
    notice.wait_for(state="visible")
    assert "older version" in notice.inner_text()
    open_live("how_fast")
    assert "MINE" in [cell["source"] for cell in page.evaluate(CELLS)]

    page.go_back()
    notice.get_by_role("button", name="Discard my copy").click()
    notice.wait_for(state="hidden")
    assert "Discarded" in page.inner_text(".run-discarded")
    open_live("how_fast")
    assert "MINE" not in [cell["source"] for cell in page.evaluate(CELLS)]


def test_a_copy_of_this_version_is_not_called_older(page, open_live):
    open_live("how_fast")
    page.evaluate("() => jupyterapp.shell.currentWidget.context.save()")
    page.go_back()
    page.locator(".run-own-copy").wait_for(state="visible")
    assert "older" not in page.locator(".run-own-copy").inner_text()


def test_from_disk_the_page_says_that_it_must_be_served(page):
    page.goto((BUILT / "notebooks" / "3_tricks.html").as_uri())
    assert page.locator(".run-from-disk").is_visible()
    assert "make serve" in page.inner_text(".run-from-disk")
    assert not page.locator(".run-button").is_visible()


# The bench needs the imports only. What is off the screen is not laid out, and cannot be clicked.
RUN_BENCH = """async () => {
  const { content: notebook, sessionContext } = jupyterapp.shell.currentWidget;
  await sessionContext.ready;
  let ok = true;
  for (const code of ["from mlplib.widgets import", "TrainingBench("]) {
    notebook.activeCellIndex = notebook.widgets.findIndex(
      ({ model }) => model.type === "code" && model.sharedModel.source.includes(code));
    ok = await jupyterapp.commands.execute("notebook:run-cell") && ok;
  }
  await notebook.scrollToItem(notebook.activeCellIndex);
  return ok;
}"""


@pytest.mark.parametrize("name", ["3_tricks", "4_topology"])
def test_the_bench_trains_stops_and_gives_cpythons_losses(name, page, open_live, capsys):
    clicked = open_live(name)
    assert page.evaluate(RUN_BENCH)
    fields = {"n_train": SHORT.n_train, "epochs": SHORT.epochs, "batch_size": SHORT.batch_size}
    page.evaluate(RUN_CODE, f"""
from mlplib.widgets import TrainingBench
bench, = TrainingBench._benches
for key in ("init", "sigmoid", "momentum"):
    bench.controls[key].value = "on"
bench.controls["widths"].value, bench.controls["depth"].value = "64", 1
for key, value in {fields!r}.items():
    bench.controls[key].value = value
import asyncio, time
gaps = []
async def tick():
    last = time.perf_counter()
    while True:
        await asyncio.sleep(0)
        now = time.perf_counter()
        gaps.append(now - last)
        last = now
ticker = asyncio.ensure_future(tick())
""")
    bench = page.locator(".training-bench")
    bench.get_by_role("button", name="Train", exact=True).click()
    bench.get_by_text(re.compile("Training: epoch|Trained for")).wait_for()
    curve = time.time() - clicked
    bench.get_by_text("Trained for").wait_for()
    said = page.evaluate(RUN_CODE, """
import json
await bench.task
ticker.cancel()
print(json.dumps([sorted(gaps)[-3:], list(bench.trainer.history.train_loss)]))
""")
    gaps, losses = json.loads(said)
    assert losses == pytest.approx(mlplib.run(SHORT).history.train_loss, abs=1e-4)

    page.evaluate(RUN_CODE, 'bench.controls["n_train"].value, bench.controls["epochs"].value = 20_000, 50')
    stops = []
    for _ in range(3):
        bench.get_by_role("button", name="Train", exact=True).click()
        bench.get_by_text("Training: epoch").wait_for()
        pressed = time.time()
        bench.get_by_role("button", name="Stop", exact=True).click()
        bench.get_by_text("Stopped at step").wait_for(timeout=20_000)
        stops.append(time.time() - pressed)
    with capsys.disabled():
        print(f"\n{name}: first live curve {curve:.1f} s after the click on the page; stopped "
              f"{median(stops):.1f} s after Stop (median of {len(stops)}; slowest {max(stops):.1f} s); longest times "
              f"without an await: {', '.join(f'{gap:.2f}' for gap in gaps)} s (expected: at most 0.2)")
    assert median(stops) < 2
