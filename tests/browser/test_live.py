"""The notebooks in the reader's browser: each is opened by its page's button and run to its end, in Pyodide."""

import json
import os
import re
import runpy
import time
from dataclasses import asdict
from pathlib import Path
from statistics import median
from urllib.parse import unquote, urlsplit

import pytest
from helpers import NOTEBOOKS

import mlplib

ROOT = Path(__file__).resolve().parents[2]
BUILT = ROOT / "_build" / "html"
NAMES = NOTEBOOKS
PARTS = json.loads((ROOT / "book" / "lite" / "parts.json").read_text())  # others may fetch less than is said
first_visit = runpy.run_path(str(ROOT / "book" / "_ext" / "run_in_browser.py"))
SHARE = ["1_backpropagation"]  # which trains by itself; of another the bench and its kernel, of a third the copies
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


PATIENCE = 240_000  # milliseconds: a busy machine starts Pyodide slowly; what must be fast is measured


def click(page, address):
    """Open a notebook by the button on its page; returns the time of the click, in seconds."""
    page.set_default_timeout(PATIENCE)
    page.goto(address)
    clicked = time.time()
    page.click(".run-button")
    page.wait_for_function(OPENED)
    return clicked


@pytest.fixture
def open_live(page, site):
    """A function that opens a notebook in the test's own page, `click`: open_live("3_tricks")."""
    return lambda name, edition="", page=page: click(page, f"{site}{edition}notebooks/{name}.html")


@pytest.fixture(scope="module")
def clicked_lab(keep_open, site):
    """A page with a live notebook and its kernel, for tests that need no fresh one, and the time of the click."""
    page, _ = keep_open()
    return page, click(page, f"{site}notebooks/3_tricks.html")


@pytest.fixture
def lab(clicked_lab):
    return clicked_lab[0]


def size(urls, site):
    """Bytes of the files behind these addresses, of the site or of the CDN's mirror; what is no file counts nothing."""
    paths = set()
    for url in urls:
        path = unquote(urlsplit(url).path).lstrip("/")
        paths.add((BUILT if url.startswith(site) else Path(os.environ["CDN_MIRROR"])) / path)
    return sum(path.stat().st_size for path in paths if path.is_file())


@pytest.mark.parametrize("name", NAMES)
def test_a_notebook_reads_well_and_runs_to_its_end_without_a_service_worker(
        name, page, site, open_live, reads_well, network, console, capsys, length):
    """Private windows and addresses without HTTPS have none, and so no file beside a notebook; other tests have it."""
    if name not in length(SHARE, NAMES):
        pytest.skip("a part of `make test-whole`")
    page.add_init_script("delete Navigator.prototype.serviceWorker")
    requested = []
    page.context.on("request", lambda request: requested.append(request.url))
    page.goto(f"{site}notebooks/{name}.html")
    stated = re.search(r"loads (\d+) MB", page.inner_text(".run-served"))
    assert stated, "the button does not say what is loaded"
    requested.clear()
    clicked = open_live(name)
    assert page.evaluate("() => !('serviceWorker' in navigator)")
    text = (ROOT / "notebooks" / f"{name}.md").read_text(encoding="utf-8")
    reads_well(page, text)
    seen = page.evaluate(RUN_ALL)
    cells = [cell for cell in page.evaluate(CELLS) if cell["cell_type"] == "code" and cell["source"].strip()]
    errors = [output["traceback"] for cell in cells for output in cell["outputs"] if output["output_type"] == "error"]
    assert errors == []
    assert seen["ok"]
    assert [cell["execution_count"] for cell in cells] == list(range(1, len(cells) + 1))
    assert network.blocked == []
    assert [url for url in network.fetched if re.search("scipy|pandas|openssl|fonttools|pytz", url)] == []
    left = [error for error in console.errors if "ERR_ABORTED" in error and "/lite/" not in error]  # at the click
    assert [error for error in console.errors if (site not in error or "/lite/" in error) and error not in left] == []
    loaded = None
    if os.environ.get("CDN_MIRROR"):
        lite = [url for url in requested if url.startswith(f"{site}lite/")]
        # The widgets' own script is that of the page which was left: where one stands in sight, it was being fetched.
        fetched = [url for url in network.fetched if "html-manager" not in url]
        loaded = size([*lite, *fetched], site) / 1e6
        assert loaded == pytest.approx(int(stated[1]), abs=1)
        told = json.loads((ROOT / "book" / "lite" / "first_visit.json").read_text())["images"]
        assert {*re.findall(r"/mnist_data/(\w+)\.bz2", " ".join(lite))} == {*told[f"notebooks/{name}.ipynb"]}
        parts = first_visit["parts_of"]
        stored = {path for archive in first_visit["archives"]("\n".join(cell["source"] for cell in cells))
                  for path in parts(BUILT / "lite", archive, name)}
        stored = {path.relative_to(BUILT / "lite" / "beside").as_posix() for path in stored}
        fetched = {url.partition("/beside/")[2] for url in lite if "/archives/" in url}
        assert fetched <= stored and (fetched == stored or name not in PARTS), "run book/lite/parts.py again"
    with capsys.disabled():
        figure = f"first figure {seen['figure'] - clicked:.1f} s after the click" if seen["figure"] else "no figure"
        print(f"\n{name} in the browser: {figure}, all cells after {time.time() - clicked:.0f} s, "
              f"{loaded and f'{loaded:.1f}'} MB loaded ({stated[1]} MB stated)")


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
def test_the_bench_trains_stops_and_gives_cpythons_losses(name, browser_name, request, capsys, length):
    if name not in length(["3_tricks"], NAMES):
        pytest.skip("a part of `make test-whole`")
    if name == "3_tricks":  # before the other tests of this page: how long its kernel takes to start is measured too
        page, clicked = request.getfixturevalue("clicked_lab")
    else:
        page, clicked = request.getfixturevalue("page"), request.getfixturevalue("open_live")(name)
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
        bench.get_by_text("Stopped at step").wait_for(timeout=60_000)
        stops.append(time.time() - pressed)
    with capsys.disabled():
        print(f"\n{name}: first live curve {curve:.1f} s after the click on the page; stopped "
              f"{median(stops):.1f} s after Stop (median of {len(stops)}; slowest {max(stops):.1f} s; expected: at "
              f"most 2); longest times without an await: {', '.join(f'{gap:.2f}' for gap in gaps)} s (expected: at "
              "most 0.2)")


def test_an_archive_that_cannot_be_fetched_there_is_an_error_that_says_so(lab):
    answers = {"failed": lambda route: route.abort(), "page": lambda route: route.fulfill(body="<html>Log in</html>"),
               "busy": lambda route: route.fulfill(status=503), "none": lambda route: route.fulfill(status=404)}
    for name, answer in answers.items():
        lab.context.route(f"**/archives/{name}/index.json.bz2", lambda route, _, answer=answer: answer(route))
    said = lab.evaluate(RUN_CODE, f"""
from mlplib.store import StoreError, packaged
for name in {list(answers)}:
    try:
        print(name, len(packaged(name)), "runs")
    except StoreError as error:
        print(name, error)
print("shown", len(packaged()), "runs")
""")
    failed, page_, busy, none, shown = said.splitlines()
    assert re.search(r"/beside/\w+/archives/failed/index\.json\.bz2: expected an archive of stored runs, .*"
                     "NetworkError", failed)
    assert re.search(r"/page/index\.json\.bz2: .*Invalid data stream\); check the connection", page_)
    assert re.search(r"/busy/index\.json\.bz2: .*the answer was 503", busy)
    assert (none, shown) == ("none 0 runs", "shown 160 runs")


# As the library multiplies there, and as it did before: by numpy.matmul, with weights that lie by rows.
BOTH_WAYS = """
import json, time, warnings
import numpy as np
import mlplib
from mlplib import network
ways = {"now": (network.matmul, network.ORDER), "matmul": (np.matmul, "C")}
trainers, seconds = {}, {way: {"step": [], "evaluation": []} for way in ways}
def timed(way, part, calls, function):
    network.matmul, network.ORDER = ways[way]
    start = time.perf_counter()
    for _ in range(calls):
        done = function()
    seconds[way][part].append((time.perf_counter() - start) / calls)
    return done
for way in ways:
    trainers[way] = timed(way, "step", 1, lambda: mlplib.trainer_for(mlplib.Experiment()))
    timed(way, "step", 300, trainers[way].update)  # the browser compiles what is used often a second time
    seconds[way]["step"].clear()
for _ in range(9):
    for way, trainer in trainers.items():
        timed(way, "step", 100, trainer.update)
for _ in range(3):
    for way, trainer in trainers.items():
        timed(way, "evaluation", 1, lambda: trainer.model.loss_and_accuracy(*mlplib.inputs.standardized_mnist()[1]))
network.matmul, network.ORDER = ways["now"]
print(json.dumps([seconds, *(trainer.minibatch_losses[:200] for trainer in trainers.values())]))
"""


def said_by(lab, code):
    said = lab.evaluate(RUN_CODE, code)
    return json.loads(said.splitlines()[-1]) if said.endswith("]\n") else pytest.fail(said)


def test_training_there_gives_cpythons_losses(lab):
    fields = {name: list(value) if isinstance(value, tuple) else value for name, value in asdict(SHORT).items()}
    curves = said_by(lab, f"""
import json, warnings
import mlplib
short = mlplib.Experiment(**json.loads({json.dumps(fields)!r}))
with warnings.catch_warnings():
    warnings.simplefilter("error")
    run, = mlplib.sweep([short])
print(json.dumps([*map(list, (run.history.minibatch_loss, run.history.train_loss, run.history.validation_loss))]))
""")
    there = mlplib.run(SHORT).history
    for curve, here in zip(curves, (there.minibatch_loss, there.train_loss, there.validation_loss), strict=True):
        assert curve == pytest.approx(here, abs=1e-4)


def test_the_products_there_are_the_faster_ones(lab, capsys):
    """What is measured is printed, and written to the file that BROWSER_SPEED names."""
    seconds, now, before = said_by(lab, BOTH_WAYS)
    assert now == pytest.approx(before, abs=1e-4) and now != before, "both were trained by the same product"
    best = {part: [min(seconds[way][part]) for way in seconds] for part in ("step", "evaluation")}
    times = {part: median(b / a for a, b in zip(*(seconds[way][part] for way in seconds))) for part in best}
    if os.environ.get("BROWSER_SPEED"):
        Path(os.environ["BROWSER_SPEED"]).write_text(json.dumps(seconds), encoding="utf-8")
    with capsys.disabled():
        print(f"\n785-64-10 in the browser: {1 / best['step'][0]:.0f} steps a second, by numpy.matmul "
              f"{1 / best['step'][1]:.0f}: {times['step']:.2f} times as fast (median; expected: at least 1.7); 10,000 "
              f"images evaluated in {best['evaluation'][0]:.2f} s, by numpy.matmul in {best['evaluation'][1]:.2f} s: "
              f"{times['evaluation']:.2f} times (expected: at least 2)")


# ---- the reader's own copies


@pytest.fixture
def without_kernel(network):
    """Copies need none, and to start one takes longest: its files are not found."""
    network.cdn = False


def change(page, text, version=None):
    """Put a cell before all others of the open notebook, and save it."""
    page.evaluate("""async ([source, version]) => {
      const { content, context } = jupyterapp.shell.currentWidget;
      content.model.sharedModel.insertCell(0, { cell_type: "markdown", source });
      if (version) content.model.sharedModel.setMetadata("book_version", version);
      await context.save();
    }""", [text, version])


def first_cell(page):
    return page.evaluate(CELLS)[0]["source"]


def discard(page):
    notice = page.locator(".run-own-copy")
    notice.get_by_role("button", name="Discard my copy").click()
    notice.wait_for(state="hidden")
    assert "Discarded" in page.inner_text(".run-discarded")


def test_a_kept_copy_is_named_by_its_version_and_can_be_discarded(context, page, site, open_live, without_kernel):
    open_live("how_fast")
    page.evaluate("() => jupyterapp.shell.currentWidget.context.save()")
    beside = context.new_page()
    beside.goto(f"{site}notebooks/how_fast.html")
    beside.locator(".run-own-copy").wait_for(state="visible")
    assert "older" not in beside.locator(".run-own-copy").inner_text()
    beside.close()
    change(page, "MINE", version="before")
    page.go_back()
    notice = page.locator(".run-own-copy")
    notice.wait_for(state="visible")
    assert "older version" in notice.inner_text()
    open_live("how_fast")
    assert first_cell(page) == "MINE"

    page.go_back()
    discard(page)
    open_live("how_fast")
    assert first_cell(page) != "MINE"


def test_each_edition_on_a_host_keeps_its_own_copies(page, site, open_live, editions, without_kernel):
    for edition in editions:
        open_live("how_fast", edition)
        assert "MINE" not in first_cell(page)
        change(page, f"MINE {edition}")
    page.go_back()
    discard(page)
    page.goto(f"{site}{editions[0]}notebooks/how_fast.html")
    page.locator(".run-own-copy").wait_for(state="visible")


SHARED = "A report you can run: notebooks"  # where all editions once kept their copies
CONTENTS = """async (name) => {
  const asked = (request) => new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
  const database = await asked(indexedDB.open(name));
  const contents = {};
  for (const name of database.objectStoreNames) {
    const store = database.transaction(name).objectStore(name);
    contents[name] = [await asked(store.getAllKeys()), await asked(store.getAll())];
  }
  database.close();
  return contents;
}"""


def own(edition):
    return f"JupyterLite Storage - /{edition}lite/"


def test_a_copy_that_was_shared_becomes_each_editions_own_once(
        context, page, site, open_live, editions, without_kernel):
    # A tab as it was: all editions' copies in one place. It stays open.
    old_tab = context.new_page()
    settings = json.loads((BUILT / "lite" / "jupyter-lite.json").read_text(encoding="utf-8"))
    settings["jupyter-config-data"]["contentsStorageName"] = SHARED
    old_tab.route("**/lite/jupyter-lite.json", lambda route: route.fulfill(json=settings))
    old_tab.route("**/lite/copies.js", lambda route: route.abort())
    open_live("how_fast", editions[0], old_tab)
    change(old_tab, "SHARED")
    while not (shared := old_tab.evaluate(CONTENTS, SHARED))["checkpoints"][0]:  # JupyterLab saves one a moment later
        old_tab.wait_for_timeout(50)
    assert shared["files"][0] == ["notebooks/how_fast.ipynb"]

    # By JupyterLite's own address, and by the book's page.
    page.set_default_timeout(PATIENCE)
    page.goto(f"{site}{editions[0]}lite/notebooks/index.html?path=notebooks/how_fast.ipynb")
    page.wait_for_function(OPENED)
    assert first_cell(page) == "SHARED"
    page.goto(f"{site}{editions[1]}notebooks/how_fast.html")
    page.locator(".run-own-copy").wait_for(state="visible")
    for edition in editions:
        kept = page.evaluate(CONTENTS, own(edition))
        assert {name: kept[name] for name in shared} == shared

    discard(page)
    open_live("how_fast", editions[1])
    assert first_cell(page) != "SHARED"
    assert page.evaluate(CONTENTS, own(editions[0]))["files"] == shared["files"]
    change(old_tab, "SAVED FROM A TAB THAT STAYED OPEN")
    assert old_tab.evaluate(CONTENTS, SHARED)["files"] != shared["files"]


@pytest.fixture
def shared(page, site):
    """Copies that all editions share, in the browser and as returned; the page is at one without a button."""
    page.goto(f"{site}book/notation.html")
    page.evaluate("""name => new Promise(resolve => {
      const opening = indexedDB.open(name, 3);
      opening.onupgradeneeded = () => {
        const put = (store, value) => opening.result.createObjectStore(store).put(value, "notebooks/how_fast.ipynb");
        put("files", { content: { cells: [], metadata: { book_version: "before" } } });
        put("checkpoints", [{ content: null }]);
      };
      opening.onsuccess = () => { opening.result.close(); resolve(); };
    })""", SHARED)
    return page.evaluate(CONTENTS, SHARED)


def test_tabs_that_carry_a_copy_over_at_once_do_no_harm(page, site, shared, editions):
    page.evaluate("address => Promise.all([...Array(8).keys()].map(number => import(`${address}?${number}`)))",
                  f"{site}{editions[0]}lite/copies.js")
    assert page.evaluate(CONTENTS, own(editions[0])) == page.evaluate(CONTENTS, SHARED) == shared


def test_a_copy_that_could_not_be_carried_over_waits_for_the_next_visit(page, site, shared, editions, console):
    page.add_init_script("""
      const put = IDBObjectStore.prototype.put;
      IDBObjectStore.prototype.put = function (value, key) {
        if (this.name === "files" && !sessionStorage.healed) throw Error("full");
        return put.call(this, value, key);
      };""")
    page.goto(f"{site}{editions[0]}notebooks/how_fast.html")
    page.evaluate("address => import(address)", f"{site}{editions[0]}lite/copies.js")
    assert own(editions[0]) not in page.evaluate("async () => (await indexedDB.databases()).map(each => each.name)")
    assert any("not carried over" in warning for warning in console.warnings)
    page.evaluate("() => { sessionStorage.healed = true; }")
    page.reload()
    page.locator(".run-own-copy").wait_for(state="visible")
    assert page.evaluate(CONTENTS, own(editions[0])) == shared


def test_a_page_is_whole_where_the_browser_forbids_its_storage(page, site, console):
    page.add_init_script("""Object.defineProperty(window, "indexedDB", {
      get() { throw new DOMException("forbidden", "SecurityError"); } });""")
    page.goto(f"{site}notebooks/how_fast.html", wait_until="networkidle")
    assert page.locator(".run-button").is_visible()
    assert page.locator(".run-own-copy").is_hidden()
    assert console.errors == []


def test_from_disk_the_page_says_that_it_must_be_served(page):
    page.goto((BUILT / "notebooks" / "3_tricks.html").as_uri())
    assert page.locator(".run-from-disk").is_visible()
    assert "make serve" in page.inner_text(".run-from-disk")
    assert not page.locator(".run-button").is_visible()


RUN_NEW_CELL = """async (source) => {
  const { content: notebook, sessionContext } = jupyterapp.shell.currentWidget;
  await sessionContext.ready;
  notebook.model.sharedModel.insertCell(0, { cell_type: "code", source });
  notebook.activeCellIndex = 0;
  const ok = await jupyterapp.commands.execute("notebook:run-cell");
  await notebook.scrollToItem(0);
  return ok;
}"""


def test_with_forced_colours_live_widgets_show_their_state_and_their_data(lab):
    page = lab
    assert page.evaluate(RUN_NEW_CELL, """
from IPython.display import HTML, display
from mlplib.widgets import BackpropStepper
display(HTML('<i class="data" style="background: rgba(213, 94, 0, 0.5)">7</i>'))
display(BackpropStepper())
""")
    page.locator(".jupyter-widgets svg[aria-label^=Step]").wait_for()
    page.locator(".widget-toggle-button").get_by_text("Play", exact=True).click()
    page.locator(".widget-toggle-button.mod-active").get_by_text("Play", exact=True).wait_for()
    for scheme in ("light", "dark"):
        page.emulate_media(forced_colors="active", color_scheme=scheme)
        looks = page.locator(".jp-OutputArea .jupyter-button:visible").evaluate_all("""all => all.map(button => {
          const { backgroundColor, color, textDecorationLine, borderStyle } = getComputedStyle(button);
          return [button.classList.contains("mod-active"), backgroundColor, color, textDecorationLine, borderStyle];
        })""")
        pressed, others = [{tuple(look) for on, *look in looks if on is state} for state in (True, False)]
        assert len(pressed) == len(others) == 1
        same = [one == other for one, other in zip(*pressed, *others, strict=True)]
        assert same == [False, False, False, True]
        ground, text, data = page.evaluate("""() => {
          const style = (selector) => getComputedStyle(document.querySelector(".jp-OutputArea " + selector));
          const drawing = ".jupyter-widgets svg[aria-label^=Step]";
          return [style(`${drawing} rect[style]`).fill, style(`${drawing} text`).fill, style(".data").backgroundColor];
        }""")
        assert {ground, text} == {"rgb(0, 0, 0)", "rgb(255, 255, 255)"}
        assert data == "rgba(213, 94, 0, 0.5)"
