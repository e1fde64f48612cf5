"""The stepper and the film on the built pages: they step, play by themselves, obey the keyboard, and fit a phone."""

import re

import pytest

# The page, what the first frame begins with, a button, and what its frame begins with.
CASES = {
    "stepper": ("notebooks/1_backpropagation.html", "Step 0, start", "δ⁽¹⁾", "Step 8, backward"),
    "film": ("notebooks/2_network.html", "Before the first update:", "27", "After 27 updates:"),
}


@pytest.fixture(params=CASES.values(), ids=list(CASES))
def case(request):
    return request.param


@pytest.fixture
def first(case):
    return case[1]


@pytest.fixture
def button(case):
    return case[2]


@pytest.fixture
def then(case):
    return case[3]


@pytest.fixture(scope="module")
def kept(keep_open, show):
    """The pages with these widgets, by address."""
    found = {}
    for address, first, *_ in CASES.values():
        page, _ = keep_open()
        show(page, address)
        page.locator(".kernel-free").first.get_by_text(first).first.wait_for(timeout=60_000)
        found[address] = page
    return found


@pytest.fixture
def page(kept, case):
    """The page that tests share, as it is at first: in a wide window, at the first frame, and not playing."""
    page = kept[case[0]]
    page.set_viewport_size({"width": 1280, "height": 720})
    page.emulate_media(color_scheme="light", forced_colors="none")
    widgets = page.locator(".kernel-free").first
    play = widgets.get_by_role("button", name="Play", exact=True)
    if play.get_attribute("aria-pressed") == "true":
        play.click()
    widgets.locator(".widget-toggle-buttons button").first.click()
    widgets.get_by_text(case[1]).first.wait_for()
    return page


@pytest.fixture
def played(page):
    """The widgets of the page."""
    return page.locator(".kernel-free").first  # not by its text, which leaves the page with its frame


def shown(widgets):
    """The text of the visible frame."""
    return next(text for text in widgets.locator(".widget-html-content").all_inner_texts() if text.strip()).strip()


def pressed(widgets):
    return widgets.locator(".widget-toggle-buttons button[aria-pressed=true]").inner_text()


def test_a_button_shows_its_frame_and_no_other(played, first, button, then):
    played.get_by_role("button", name=button, exact=True).click()
    played.get_by_text(then).first.wait_for(timeout=5000)
    assert then in shown(played) and pressed(played) == button
    assert not played.get_by_text(first).first.is_visible()


def test_play_goes_on_by_itself_to_the_end_and_stops(played, page, first):
    buttons = played.locator(".widget-toggle-buttons button")
    buttons.nth(buttons.count() - 3).click()
    names = buttons.all_inner_texts()
    play = played.get_by_role("button", name="Play", exact=True)
    play.click()
    for name in names[-2:]:
        played.locator(".widget-toggle-buttons button[aria-pressed=true]", has_text=name).wait_for(timeout=6000)
    page.wait_for_function("button => button.getAttribute('aria-pressed') === 'false'", arg=play.element_handle())
    assert pressed(played) == names[-1]
    play.click()  # from the end it begins again
    played.get_by_text(first).first.wait_for(timeout=6000)


def test_pressing_play_again_stops_it(played, page):
    play = played.get_by_role("button", name="Play", exact=True)
    play.click()
    page.wait_for_timeout(300)
    play.click()
    stopped_at = pressed(played)
    page.wait_for_timeout(3500)
    assert pressed(played) == stopped_at


def test_the_keyboard_is_enough(played, page, first, button, then):
    played.get_by_role("button", name="Play", exact=True).focus()
    for _ in range(20):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.textContent") == button:
            break
    page.keyboard.press("Enter")
    played.get_by_text(then).first.wait_for(timeout=5000)


def test_every_picture_and_every_button_has_a_name(played):
    for button in played.get_by_role("button").all():
        assert button.inner_text().strip() or button.get_attribute("aria-label"), "a button without a name"
    pictures = played.get_by_role("img").all()
    assert pictures
    for picture in pictures:
        assert re.search(r"\d", picture.get_attribute("aria-label") or picture.get_attribute("alt"))


def test_axe_finds_nothing_serious(played, page, axe):
    found = axe(page, ".kernel-free")
    assert [violation["id"] for violation in found if violation["impact"] in ("serious", "critical")] == []


def test_on_a_narrow_screen_nothing_is_wider(played, page, button, then):
    page.set_viewport_size({"width": 380, "height": 800})
    played.get_by_role("button", name=button, exact=True).click()
    played.get_by_text(then).first.wait_for(timeout=5000)
    assert page.evaluate("document.documentElement.scrollWidth") <= 380
    for part in played.locator("button:visible, svg[role=img]:visible, img:visible, table:visible").all():
        box = part.bounding_box()
        assert box["x"] >= 0 and box["x"] + box["width"] <= 380


def test_play_s_own_buttons_are_hidden(page):
    """They have no names: ipywidgets gives them none."""
    page.locator(".widget-play").first.wait_for(state="attached")
    assert not page.locator(".widget-play").first.is_visible()


@pytest.mark.parametrize("case", [CASES["stepper"]], ids=["stepper"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_with_forced_colours_the_drawing_is_legible_and_play_looks_pressed(page, case, scheme):
    page.emulate_media(forced_colors="active", color_scheme=scheme)
    drawing = page.locator(".kernel-free svg[aria-label^=Step]").first
    drawing.wait_for()
    ground, text = drawing.evaluate("""svg => [getComputedStyle(svg.querySelector("rect[style]")).fill,
                                               getComputedStyle(svg.querySelector("text")).fill]""")
    assert {ground, text} == {"rgb(0, 0, 0)", "rgb(255, 255, 255)"}
    play = page.locator(".kernel-free").first.get_by_role("button", name="Play", exact=True)
    look = "button => getComputedStyle(button).backgroundColor + getComputedStyle(button).textDecorationLine"
    released = play.evaluate(look)
    play.click()
    page.locator(".widget-toggle-button.mod-active").first.wait_for()
    assert play.evaluate(look) != released
