"""What the browser tests stand on: the site over HTTP, a browser that reaches nothing else, what it complained of."""

import http.server
import os
import re
import shutil
import ssl
import subprocess
import sys
import threading
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import tornado
from axe_playwright_python.sync_playwright import Axe

ROOT = Path(__file__).resolve().parents[2]
BUILT = ROOT / "_build" / "html"
CDN = "cdn.jsdelivr.net"
MIRROR = os.environ.get("CDN_MIRROR")

TYPES = {
    ".js": "text/javascript", ".mjs": "text/javascript", ".json": "application/json", ".wasm": "application/wasm",
    ".whl": "application/octet-stream", ".zip": "application/zip", ".woff": "font/woff", ".woff2": "font/woff2",
    ".css": "text/css", ".html": "text/html", ".svg": "image/svg+xml", ".ipynb": "application/json",
}

# What a page says and cannot be told not to: a part of the text, and why.
UNAVOIDABLE = {}


# ---- the site

# Where the same book stands a second and a third time on the one host.
EDITIONS = ["2025/", "a%20shelf/2026/"]


class Handler(http.server.SimpleHTTPRequestHandler):
    extensions_map = http.server.SimpleHTTPRequestHandler.extensions_map | TYPES

    def translate_path(self, path):
        return super().translate_path(re.sub(f"^/({'|'.join(EDITIONS)})", "/", path))

    def log_message(self, *args):
        pass


class MirrorHandler(http.server.SimpleHTTPRequestHandler):
    """The mirror's files, as the CDN sends them."""

    extensions_map = Handler.extensions_map
    log_message = Handler.log_message

    def end_headers(self):
        self.send_header("access-control-allow-origin", "*")
        self.send_header("cross-origin-resource-policy", "cross-origin")
        super().end_headers()


class Server(http.server.ThreadingHTTPServer):
    request_queue_size = 64  # a browser asks for many files at once

    def handle_error(self, request, client_address):
        pass  # the browser left before the file was through


@contextmanager
def served(handler, folder, certificate=None):
    """Serve a folder, over TLS if there is a certificate; the port."""
    with Server(("127.0.0.1", 0), lambda *args: handler(*args, directory=folder)) as server:
        if certificate:
            server.socket = certificate.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_port
        server.shutdown()


@pytest.fixture(scope="session")
def site():
    """The address of the built book, with a slash at its end."""
    if not (BUILT / "index.html").exists():
        pytest.fail("the book is not built: expected _build/html/index.html; run `make book`", pytrace=False)
    with served(Handler, BUILT) as port:
        yield f"http://127.0.0.1:{port}/"


@pytest.fixture(scope="session")
def mirror():
    """The port where CDN_MIRROR is served in place of the CDN, by a certificate that is no secret; None without one."""
    if MIRROR is None:
        yield None
        return
    folder = Path(tornado.__file__).parent / "test"
    certificate = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    certificate.load_cert_chain(folder / "test.crt", folder / "test.key")
    with served(MirrorHandler, MIRROR, certificate) as port:
        yield port


@pytest.fixture(scope="session")
def editions():
    """The paths below `site` where the same book stands again."""
    return EDITIONS


@pytest.fixture(scope="session")
def base_url(site):
    """In place of a plugin's fixture, about which pytest warns: addresses in tests are relative to the site."""
    return site


# ---- the browser


def without_browser(complaint):
    """End a test that cannot have its browser: quietly on a user's machine, as a failure where all has to be tested."""
    (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)(complaint)


@pytest.fixture(scope="session")
def driver():
    """Playwright's own program, seen to start: what it lacks is told by the system's loader, and to nobody."""
    command = [sys.executable, "-m", "playwright", "--version"]
    tried = subprocess.run(command, text=True, capture_output=True, check=False)
    if tried.returncode:
        reason = (tried.stderr.strip().splitlines() or [f"it ended with {tried.returncode}"])[-1]
        without_browser(f"Playwright does not start: {reason}. On a bare Debian it needs: apt install libatomic1")


@pytest.fixture(scope="session")
def playwright(driver, playwright):
    return playwright


@pytest.fixture(scope="session")
def browser_type_launch_args(browser_type_launch_args, playwright, mirror):
    # No other host has an address, not even for what no page asked for. To answer for the CDN here, and not in a route,
    # leaves the browser its caches, and costs a fraction: through a route every file of every page goes.
    rules = f"MAP {CDN} 127.0.0.1:{mirror}, MAP * ~NOTFOUND, EXCLUDE 127.0.0.1" if mirror else (
        f"MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE {CDN}")
    options = {"args": [
        "--disable-background-networking", "--disable-component-update", "--disable-sync", "--no-first-run",
        f"--host-resolver-rules={rules}",
        # What many short-lived pages leave behind is collected by one thread, not by all in turn.
        "--js-flags=--single-threaded-gc",
    ]}
    if mirror:
        options["args"].append("--ignore-certificate-errors")
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        options["args"].append("--no-sandbox")
    if not Path(playwright.chromium.executable_path).exists():
        # The shell draws no window around its pages: each takes a third of the time.
        system = map(shutil.which, ("chromium-headless-shell", "chromium", "chromium-browser"))
        options["executable_path"] = next(filter(None, system), None)
        if options["executable_path"] is None:
            without_browser("no browser was found. Install Chromium (Debian: apt install chromium), or Playwright's "
                            "own: .venv/bin/python -m playwright install chromium")
    return browser_type_launch_args | options


class Network:
    """Which requests leave the site. The CDN answers, from CDN_MIRROR where it is set, unless `cdn` is set to False."""

    def __init__(self):
        self.fetched = []  # from the CDN
        self.blocked = []
        self._contexts, self._cdn = [], True

    @property
    def cdn(self):
        return self._cdn

    @cdn.setter
    def cdn(self, answers):
        self._cdn = answers
        for context in self._contexts:
            self._shut_off(context)

    def listen(self, context):
        self._contexts.append(context)
        context.on("response", lambda response: self._is_elsewhere(response) and self.fetched.append(response.url))
        context.on("requestfailed", self._failed)
        self._shut_off(context)

    def _shut_off(self, context):
        if not self._cdn:
            context.route(f"https://{CDN}/**", lambda route: route.abort("addressunreachable"))

    def _failed(self, request):
        # What a page's own policy forbids leaves it not; of what is left, a page that went away needs nothing more.
        if self._is_elsewhere(request) and request.failure not in ("csp", "net::ERR_ABORTED"):
            self.blocked.append(request.url)

    @staticmethod
    def _is_elsewhere(message):
        url = urlsplit(message.url)
        return url.scheme in ("http", "https") and url.hostname != "127.0.0.1"


class Console:
    """What went wrong in the pages: errors logged or thrown, requests that failed. `warnings` are kept apart."""

    def __init__(self):
        self.all_errors, self.warnings = [], []

    @property
    def errors(self):
        """Without those that are UNAVOIDABLE."""
        return [error for error in self.all_errors if not any(text in error for text in UNAVOIDABLE)]

    def clear(self):
        self.all_errors.clear()
        self.warnings.clear()

    def listen(self, context):
        context.on("console", self._message)
        context.on("weberror", lambda e: self.all_errors.append(f"thrown: {e.error}"))
        context.on("requestfailed", lambda r: self.all_errors.append(f"failed: {r.url} ({r.failure})"))
        context.on("response", lambda r: r.status >= 400 and self.all_errors.append(f"{r.status}: {r.url}"))

    def _message(self, message):
        if message.type == "error":
            self.all_errors.append(f"console: {message.text} ({message.location['url']})")
        elif message.type == "warning":
            self.warnings.append(message.text)


# What a page's policy forbade: each is a fault of the policy or of the page.
TELL = """addEventListener("securitypolicyviolation", (breach) => tellBreach(
  ["effectiveDirective", "blockedURI", "sourceFile", "lineNumber"].map((name) => breach[name]).join(" ")));"""


class Guard:
    """What contexts of the browser did: on the network, in the console, and against the pages' own policies."""

    def __init__(self):
        self.network, self.console, self.breaches = Network(), Console(), []

    def watch(self, context):
        """Every page and popup of the context."""
        self.network.listen(context)
        self.console.listen(context)
        context.expose_binding("tellBreach", lambda source, breach: self.breaches.append(
            f"{source['page'].url}: {breach}"))
        context.add_init_script(TELL)
        return context


@pytest.fixture
def guard():
    return Guard()


@pytest.fixture
def network(guard):
    return guard.network


@pytest.fixture
def console(guard):
    return guard.console


@pytest.fixture(autouse=True)
def breaches(guard):
    """What was forbidden by the pages' own policies: nothing may be, unless a test empties the list."""
    yield guard.breaches
    assert guard.breaches == []


@pytest.fixture
def new_context(new_context, guard):
    """As pytest-playwright's, so that every context, page and popup is guarded and listened to."""
    return lambda **options: guard.watch(new_context(**options))


@pytest.fixture(scope="module")
def keep_open(browser, browser_context_args):
    """A function that gives an empty page, with its guard, which tests of a module share: loading takes longest.

    The tests that share a page must leave it as they found it, or not depend on what the others did. At the end
    nothing may have been forbidden by a policy.
    """
    opened = []

    def new(**options):
        guard = Guard()
        context = guard.watch(browser.new_context(**browser_context_args | options))
        opened.append((guard, context))
        return context.new_page(), guard

    yield new
    for _, context in opened:
        context.close()
    assert [breach for guard, _ in opened for breach in guard.breaches] == []


@pytest.fixture(scope="session")
def leave():
    """A function that makes a kept page a new visitor's: what it was at is gone, and all that this kept and said.

    What the browser has fetched and compiled stays, which is most of what a page costs.
    """
    def go(page, guard):
        if page.url.startswith("http"):
            page.evaluate("() => { localStorage.clear(); sessionStorage.clear(); }")
        page.goto("about:blank")
        page.emulate_media(media="screen", color_scheme="light", forced_colors="none")
        guard.console.clear()
        guard.network.fetched.clear()
        guard.network.blocked.clear()
        return page

    return go


# For axe a formula is a box of its size: it has the colour of its text, and thousands of parts. Of the words of a
# block of code those that look alike on the same ground are one.
ASIDE = """() => {
  const look = (word) => {
    const { color, backgroundColor, fontSize, fontWeight, opacity } = getComputedStyle(word);
    return [color, backgroundColor, fontSize, fontWeight, opacity].join();
  };
  const once = (block, looks = new Set()) => [...block.childNodes].map((word) => {
    if (!word.matches?.("span:not(:has(*))")) return word;
    const known = looks.has(look(word));
    looks.add(look(word));
    return known ? word.textContent : word;
  });
  const size = ({ width, height }) => `; display: inline-block; width: ${width}px; height: ${height}px`;
  // All is looked at before anything is changed, and changed outside of the page, which is laid out once. Without
  // the contents at the side: they would forget how far they are scrolled.
  const formulas = [...document.querySelectorAll("mjx-math")]
    .map((formula) => [formula, [], size(formula.getBoundingClientRect())]);
  const blocks = [...document.querySelectorAll("pre:has(> span)")].map((block) => [block, once(block), ""]);
  const place = document.createComment(""), main = document.querySelector("main");
  main.replaceWith(place);
  window.putAside = [...formulas, ...blocks].map(([element, children, style]) => {
    const before = [element, [...element.childNodes], element.getAttribute("style")];
    element.replaceChildren(...children);
    if (style) element.style.cssText += style;
    return before;
  });
  place.replaceWith(main);
  for (const animation of document.getAnimations()) {  // what fades in would be pale again
    if (animation.effect.getComputedTiming().endTime < Infinity) animation.finish();
  }
}"""
BACK = """() => {
  const place = document.createComment(""), main = document.querySelector("main");
  main.replaceWith(place);
  for (const [element, children, style] of window.putAside) {
    element.replaceChildren(...children);
    if (style === null) element.removeAttribute("style"); else element.setAttribute("style", style);
  }
  place.replaceWith(main);
}"""


@pytest.fixture(scope="session")
def axe():
    """A function that gives the rules that axe finds broken, on a page or a part of it: axe(page, ".explorer")."""
    program = Axe()

    def violations(page, where=None, **options):
        page.evaluate(ASIDE)
        found = program.run(page, where, {"resultTypes": ["violations"]} | options).response["violations"]
        page.evaluate(BACK)
        return found

    return violations


# Their program is fetched when one of them comes near.
COME_NEAR = """() => document.querySelector('script[type="application/vnd.jupyter.widget-view+json"]')
    ?.parentElement.scrollIntoView()"""
# No async function: Playwright takes its promise for an answer.
WIDGETS_READY = """() => [...document.querySelectorAll('script[type="application/vnd.jupyter.widget-view+json"]')]
    .every(view => view.previousElementSibling?.querySelector('.jupyter-widgets'))"""


@pytest.fixture(scope="session")
def come_near():
    """A function that scrolls to a page's first widget."""
    return lambda page: page.evaluate(COME_NEAR)


@pytest.fixture(scope="session")
def show(site, come_near):
    """A function that opens a page of the book and waits for its formulas and, unless told not to, its widgets.

    show(page, "notebooks/3_tricks.html"), show(page, "index.html", widgets=False)
    """

    def go(page, address="", widgets=True):
        page.goto(site + address, wait_until="load")
        page.evaluate("async () => { await window.MathJax?.startup?.promise; }")
        if widgets:
            come_near(page)
            page.wait_for_function(WIDGETS_READY, timeout=60_000)
            page.evaluate("() => scrollTo(0, 0)")
        return page

    return go


@pytest.fixture
def visit(page, show):
    """`show` in a page of the test's own: visit("notebooks/3_tricks.html")."""
    return partial(show, page)


# ---- notebooks, as JupyterLab and the live page show them

# A long notebook's cells are drawn when they are scrolled to; here all are, so that all can be looked at.
DRAW_ALL = """async () => {
  const { content, context, sessionContext } = jupyterapp.shell.currentWidget;
  content.notebookConfig = { ...content.notebookConfig, windowingMode: "none" };
  await sessionContext.ready;
  const { kernel } = sessionContext.session;
  await Promise.all([kernel.info, kernel.spec]); // JupyterLab notes both in the notebook
  await new Promise(requestAnimationFrame);
  return context.model.dirty;
}"""
DRAWN = """() => [...jupyterapp.shell.currentWidget.content.widgets]
    .every(({ model, node }) => model.type !== "markdown" || node.querySelector(".myst")?.innerText.trim())"""
READ = """() => {
  const cells = jupyterapp.shell.currentWidget.content.widgets;
  const markdown = cells.filter(({ model }) => model.type === "markdown").map(({ node }) => node);
  const all = (selector) => markdown.flatMap((node) => [...node.querySelectorAll(selector)]);
  const folded = (name, tags) => cells
    .filter(({ model }) => (model.getMetadata("tags") ?? []).some((tag) => tags.includes(tag)))
    .map((cell) => cell[name]);
  return {
    text: markdown.map((node) => node.innerText).join("\\n"),
    numbers: all(".myst [id^=eq-] > :last-child").map((node) => node.innerText.trim()),
    complaints: all("[class*=text-myst-warning], [class*=text-myst-error], .katex-error").map((node) => node.innerText),
    solutions: all("details.myst-exercise").map((node) => node.open),
    input: folded("inputHidden", ["hide-input", "hide-cell"]),
    output: folded("outputHidden", ["hide-output", "hide-cell"]),
  };
}"""


@pytest.fixture
def reads_well():
    """A function that checks how a page shows its open notebook, of which `source` is the text."""

    def check(page, source):
        assert page.evaluate(DRAW_ALL) is False, "the notebook counts as changed"
        page.wait_for_function(DRAWN)
        seen = page.evaluate(READ)
        assert re.findall(r"\{[\w:-]+\}`.*|:::.*|```.*|^:\w+:.*|\(eq-.*|\?\?|%s", seen["text"], re.MULTILINE) == []
        assert seen["complaints"] == []
        numbers = [int(number.strip("()")) for number in seen["numbers"]]
        assert len(numbers) == len(re.findall(r"^\$\$ \(eq-", source, re.MULTILINE))
        assert numbers == sorted(set(numbers))
        assert seen["solutions"] == [False] * source.count("{solution}")
        assert seen["input"] == [True] * len(re.findall(r"^:?tags: .*hide-(?:input|cell)", source, re.MULTILINE))
        assert seen["output"] == [True] * len(re.findall(r"^:?tags: .*hide-(?:output|cell)", source, re.MULTILINE))
        assert page.evaluate("() => jupyterapp.shell.currentWidget.context.model.dirty") is False

    return check
