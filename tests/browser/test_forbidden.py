"""What the pages' policies forbid. That they allow what the pages do, each test shows: a breach makes it fail."""

from pathlib import Path

import pytest

BUILT = Path(__file__).resolve().parents[2] / "_build" / "html"
# What someone may get into a page, and what forbids it. It sets `done` if it runs.
INTRUDERS = [
    ("script-src-elem", "put('script', { textContent: 'window.done = true' })"),
    ("script-src-elem", "put('script', { src: elsewhere })"),
    # From the host of the script that shows widgets, and from its folder too.
    ("script-src-elem",
     "put('script', { src: 'https://cdn.jsdelivr.net/npm/@jupyter-widgets/html-manager@1.0.15/dist/embed-amd.js' })"),
    ("script-src-attr",
     "{ const link = put('a'); link.setAttribute('onclick', 'window.done = true'); link.click(); }"),
    ("connect-src", "fetch(elsewhere).catch(() => {})"),
    ("connect-src", "navigator.sendBeacon(elsewhere)"),
    ("img-src", "new Image().src = elsewhere"),
    ("frame-src", "put('iframe', { src: elsewhere })"),
    ("form-action", "put('form', { action: elsewhere }).submit()"),
    ("base-uri", "put('base', { href: elsewhere })"),
]
CODE_OF_TEXT = ("script-src", "setTimeout(() => { new Function('window.done = true')(); })")
LET_IN = """() => new Promise((resolve, reject) => {
  const elsewhere = "https://elsewhere.example/";
  const put = (name, what) => {
    const element = Object.assign(document.createElement(name), what);
    document.body.append(element);
    return element;
  };
  addEventListener("securitypolicyviolation", ({ effectiveDirective }) => resolve(effectiveDirective), { once: true });
  setTimeout(reject, 10_000, "nothing was forbidden");
  INTRUDER;
})"""


@pytest.mark.parametrize("name, intruders", [
    ("book/introduction.html", [*INTRUDERS, CODE_OF_TEXT]),
    ("notebooks/3_tricks.html", INTRUDERS),
    ("lite/tree/index.html", INTRUDERS),
])
def test_what_is_put_into_a_page_does_nothing(page, site, network, breaches, name, intruders):
    page.goto(site + name)
    for directive, intruder in intruders:
        assert page.evaluate(LET_IN.replace("INTRUDER", intruder)) == directive, intruder
    assert page.evaluate("() => 'done' in window") is False
    assert network.blocked == [] and not [address for address in network.fetched if "embed-amd" in address]
    assert len(breaches) == len(intruders)
    breaches.clear()


def test_a_script_that_was_changed_on_its_way_does_not_run(page, site, console, come_near):
    page.route("**/embed.js", lambda route: route.fulfill(
        body="window.done = true", content_type="text/javascript", headers={"access-control-allow-origin": "*"}))
    page.goto(f"{site}notebooks/3_tricks.html")
    with page.expect_event("console", lambda message: "integrity" in message.text):
        come_near(page)
    assert page.evaluate("() => 'done' in window") is False
    assert any("integrity" in error for error in console.errors)


def test_what_shows_widgets_is_fetched_when_one_comes_near_and_not_before(visit, network, come_near):
    page = visit("notebooks/3_tricks.html", widgets=False)
    page.mouse.wheel(0, 400)  # the first one is far below
    page.wait_for_timeout(1000)
    assert not [address for address in network.fetched if "embed" in address]
    come_near(page)
    page.locator(".kernel-free").first.wait_for(timeout=60_000)
    assert page.evaluate("window.addEventListener === EventTarget.prototype.addEventListener")
    assert len([address for address in network.fetched if address.endswith("embed.js")]) == 1


def test_from_disk_a_search_is_sent_to_the_books_own_page(page):
    """The address of a file has no host: what is a page's own there is up to the browser."""
    page.goto((BUILT / "book" / "introduction.html").as_uri())
    page.keyboard.press("Control+k")
    page.locator("input[type=search]:focus").fill("roofline")
    page.keyboard.press("Enter")
    page.locator("ul.search a[href$='notebooks/how_fast.html']").first.wait_for()


KEPT = """() => [document.cookie, [...Object.keys(localStorage), ...Object.keys(sessionStorage)]]"""


def test_no_cookie_is_set_and_what_is_kept_is_named(visit, page):
    told = visit("book/loads.html").inner_text("main")
    names = set()
    for address in ("notebooks/3_tricks.html", "search.html?q=roofline", "notebooks/how_fast.html?highlight=roofline"):
        visit(address)
        page.locator(".theme-switch-button:visible").first.click()
        cookie, kept = page.evaluate(KEPT)
        assert cookie == ""
        names.update(kept)
    assert page.context.cookies() == []
    assert "mode" in names and [name for name in names if name not in told] == []
