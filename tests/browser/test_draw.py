"""The page "Draw a digit" in a browser: it computes what mlplib computes, and reads what is drawn."""

import base64
import json
import math
from pathlib import Path

import numpy as np
import pytest

import mlplib
from mlplib.store import packaged

PAGE = "book/draw.html"
FILE = Path(__file__).resolve().parents[2] / "_build" / "html" / PAGE
CIRCLE = [(140 + 55 * math.sin(t / 4), 140 - 85 * math.cos(t / 4)) for t in range(26)]
STROKES = {1: [(150, 40), (140, 240)], 0: CIRCLE, 7: [(80, 60), (190, 60), (120, 230)]}


class Digit:
    """The page, by its parts."""

    def __init__(self, page):
        self.page = page

    def part(self, name):
        return self.page.locator(f"#draw-digit [data-part={name}]")

    def button(self, name):
        return self.page.locator("#draw-digit").get_by_role("button", name=name)

    @property
    def verdict(self):
        return self.part("verdict").inner_text()

    @property
    def numbers(self):
        return self.part("probabilities").locator("td.number").all_inner_texts()

    @property
    def seen(self):
        """The 784 grey levels that the network sees."""
        return self.pixels(self.part("seen"))[3::4]

    @staticmethod
    def pixels(canvas):
        return canvas.evaluate("c => Array.from(c.getContext('2d').getImageData(0, 0, c.width, c.height).data)")

    def draw(self, points, scale=1.0, move=(0, 0)):
        self.part("paper").scroll_into_view_if_needed()
        box = self.part("paper").bounding_box()
        unit = (box["width"] - 2) / 280
        left, top = box["x"] + 1 + move[0] * unit, box["y"] + 1 + move[1] * unit
        places = [(left + x * scale * unit, top + y * scale * unit) for x, y in points]
        self.page.mouse.move(*places[0])
        self.page.mouse.down()
        for place in places[1:]:
            self.page.mouse.move(*place, steps=5)
        self.page.mouse.up()


def opened(page, address):
    page.goto(address)
    page.wait_for_function("window.mlpDigit")
    return Digit(page)


@pytest.fixture
def fresh(page, site):
    """The page, in a context of the test's own."""
    return opened(page, site + PAGE)


@pytest.fixture(scope="module")
def kept(keep_open, site):
    return opened(keep_open()[0], site + PAGE)


@pytest.fixture
def digit(kept):
    """The page that tests share, as it is at first: an empty sheet, the medium pen, what is drawn centred."""
    kept.page.emulate_media(media="screen", color_scheme="light", forced_colors="none")
    kept.page.mouse.up()
    kept.part("pen").select_option(label="medium")
    kept.part("centre").check()
    kept.button("Clear").click()
    kept.page.evaluate("scrollTo(0, 0)")
    return kept


@pytest.fixture
def from_disk(page):
    return opened(page, FILE.as_uri())


def test_it_agrees_with_mlplib_on_1000_validation_images(digit):
    images = mlplib.load_mnist().validation.images[:1000]
    X = mlplib.Standardizer.fit(mlplib.load_mnist().train.images)(images)
    model = packaged()[mlplib.REPORT["3c"].experiment].model
    read = json.loads(digit.page.evaluate("""text => {
        const pixels = Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
        const images = Array.from({ length: 1000 }, (_, n) => pixels.slice(784 * n, 784 * (n + 1)));
        return JSON.stringify(images.map(mlpDigit.predict));
    }""", base64.b64encode(images.tobytes()).decode()))
    difference = np.abs(np.array([one["probabilities"] for one in read]) - model.forward(X)).max()
    hidden = np.abs(np.array([one["hidden"] for one in read]) - 1.7159 * np.tanh(2 / 3 * (X @ model.weights[0]))).max()
    print(f"\nprobabilities differ by at most {difference:.1e}, hidden activations by {hidden:.1e}")
    assert difference <= 1e-5
    assert hidden <= 1e-4


def test_predict_says_what_it_expects(digit):
    with pytest.raises(Exception, match="expected 784 grey levels, got 3"):
        digit.page.evaluate("mlpDigit.predict([1, 2, 3])")


@pytest.mark.parametrize("number", STROKES)
def test_it_reads_a_drawn_stroke(digit, number):
    digit.draw(STROKES[number])
    assert digit.verdict == f"It reads a {number}."
    probabilities = [float(p) for p in digit.numbers]
    assert np.argmax(probabilities) == number
    assert sum(probabilities) == pytest.approx(1, abs=0.006)


def test_the_bars_are_as_long_as_the_numbers_say(digit):
    digit.button("Example: a 5").click()
    lengths = digit.part("probabilities").locator("td.bar").evaluate_all(
        "bars => bars.map(bar => [parseFloat(getComputedStyle(bar).backgroundSize.match(/[\\d.e-]+(?=%)/)[0]) / 100])")
    assert np.ravel(lengths) == pytest.approx([float(p) for p in digit.numbers], abs=0.001)


def test_it_reads_while_the_pen_is_still_down(digit):
    box = digit.part("paper").bounding_box()
    digit.page.mouse.move(box["x"] + 140, box["y"] + 50)
    digit.page.mouse.down()
    digit.page.mouse.move(box["x"] + 140, box["y"] + 230, steps=5)
    assert digit.verdict == "It reads a 1."
    digit.page.mouse.up()
    before = digit.seen
    digit.page.mouse.move(box["x"] + 40, box["y"] + 100, steps=3)
    assert digit.seen == before


def test_it_reads_a_finger(new_context, site):
    page = new_context(has_touch=True, viewport={"width": 380, "height": 800}).new_page()
    digit = opened(page, site + PAGE)
    digit.part("paper").scroll_into_view_if_needed()
    box, scrolled = digit.part("paper").bounding_box(), page.evaluate("scrollY")
    session = page.context.new_cdp_session(page)
    for y in range(50, 240, 10):
        kind = "touchMove" if y > 50 else "touchStart"
        finger = {"x": box["x"] + 140, "y": box["y"] + y}
        session.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": [finger]})
    session.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
    assert digit.verdict == "It reads a 1."
    assert page.evaluate("scrollY") == scrolled


class Hand:
    """Fingers, a palm and a pen on the paper, each known by a number; places are those of the drawing."""

    def __init__(self, digit):
        self.session = digit.page.context.new_cdp_session(digit.page)
        digit.part("paper").scroll_into_view_if_needed()
        box = digit.part("paper").bounding_box()
        self.unit = (box["width"] - 2) / 280
        self.left, self.top = box["x"] + 1, box["y"] + 1
        self.down = {}

    def at(self, place):
        return {"x": self.left + place[0] * self.unit, "y": self.top + place[1] * self.unit}

    def _touch(self, kind, down):
        points = [self.at(place) | {"id": number} for number, place in down.items()]
        self.session.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})

    def press(self, number, place):
        self.down[number] = place
        self._touch("touchStart", self.down)

    def move(self, number, places):
        for place in places:
            self.down[number] = place
            self._touch("touchMove", self.down)

    def lift(self, number):
        self._touch("touchEnd", {number: self.down.pop(number)})

    def cancel(self):
        self.down.clear()
        self._touch("touchCancel", {})

    def pen(self, kind, place):
        self.session.send("Input.dispatchMouseEvent", self.at(place) | {
            "type": f"mouse{kind}", "button": "left", "buttons": int(kind != "Released"), "clickCount": 1,
            "pointerType": "pen"})


@pytest.fixture
def touched(new_context, site):
    """The page on a screen that is touched."""
    return opened(new_context(has_touch=True, viewport={"width": 380, "height": 800}).new_page(), site + PAGE)


@pytest.fixture
def hand(touched):
    return Hand(touched)


DOWN = [(140, y) for y in range(40, 241, 20)]  # a 1
PALM = (240, 250)


@pytest.fixture
def alone(touched, hand):
    """What the network sees of one finger's 1; the paper is empty again."""
    hand.press(1, DOWN[0])
    hand.move(1, DOWN[1:])
    hand.lift(1)
    assert touched.verdict == "It reads a 1."
    seen = touched.seen
    touched.button("Clear").click()
    return seen


def test_a_palm_or_a_finger_that_comes_later_draws_nothing_and_cuts_nothing(touched, hand, alone):
    hand.press(1, DOWN[0])
    hand.press(2, PALM)  # before the first has moved
    hand.move(1, DOWN[1:4])
    hand.press(3, (40, 60))
    hand.move(3, [(60, 120), (90, 200)])
    hand.move(1, DOWN[4:6])
    hand.lift(3)
    hand.move(2, [(200, 200), (240, 250)])
    hand.move(1, DOWN[6:])
    hand.lift(1)
    hand.move(2, [(40, 250), (240, 40)])  # the stroke is over, and is not this one's to go on with
    hand.lift(2)
    assert sum(touched.seen) == sum(alone) and touched.seen == alone


def test_a_resting_palm_gives_way_to_a_finger_that_moves(touched, hand, alone):
    hand.press(1, PALM)
    hand.move(1, [(243, 246)])  # no hand is quite still
    hand.press(2, DOWN[0])
    hand.move(2, DOWN[1:4])
    hand.move(1, [(200, 150), PALM])
    hand.move(2, DOWN[4:])
    hand.lift(2)
    hand.move(1, [(40, 250)])
    hand.lift(1)
    assert sum(touched.seen) == sum(alone) and touched.seen == alone


def test_a_palm_beside_the_paper_does_not_keep_the_finger_from_drawing(touched, hand, alone):
    hand.press(1, (140, 300))
    hand.press(2, DOWN[0])
    hand.move(2, DOWN[1:])
    hand.lift(2)
    hand.lift(1)
    assert sum(touched.seen) == sum(alone) and touched.seen == alone


def test_a_pen_takes_over_from_a_palm_and_a_palm_never_from_a_pen(touched, hand, alone):
    hand.press(1, PALM)
    hand.move(1, [(200, 200), PALM])
    hand.pen("Pressed", DOWN[0])
    for place in DOWN[1:4]:
        hand.pen("Moved", place)
    hand.move(1, [(40, 250)])
    hand.press(2, (60, 60))
    hand.move(2, [(200, 60)])
    for place in DOWN[4:]:
        hand.pen("Moved", place)
    hand.pen("Released", DOWN[-1])
    hand.move(1, [PALM])
    hand.lift(1)
    hand.lift(2)
    assert sum(touched.seen) == sum(alone) and touched.seen == alone


def test_a_stroke_ends_when_the_system_takes_the_pointer_away(touched, hand, alone):
    hand.press(1, DOWN[0])
    hand.move(1, DOWN[1:])
    hand.cancel()
    assert sum(touched.seen) == sum(alone) and touched.seen == alone
    hand.press(1, PALM)  # the system knows a hand, and cancels it before it moves
    hand.cancel()
    assert sum(touched.seen) == sum(alone) and touched.seen == alone


def test_a_stroke_ends_when_its_capture_is_lost(digit):
    digit.part("paper").evaluate("paper => paper.addEventListener('pointerdown', e => window.id = e.pointerId)")
    hand = Hand(digit)
    digit.page.mouse.move(*hand.at(DOWN[0]).values())
    digit.page.mouse.down()
    digit.page.mouse.move(*hand.at(DOWN[-1]).values())
    digit.part("paper").evaluate("paper => paper.releasePointerCapture(window.id)")
    digit.page.mouse.move(*hand.at(DOWN[-1]).values())
    before = digit.seen
    digit.page.mouse.move(*hand.at(PALM).values(), steps=3)
    assert digit.seen == before
    digit.page.mouse.up()


def test_a_new_sheet_ends_the_stroke_on_the_old_one(digit):
    hand = Hand(digit)
    digit.page.mouse.move(*hand.at(DOWN[0]).values())
    digit.page.mouse.down()
    digit.page.mouse.move(*hand.at(DOWN[-1]).values())
    digit.part("clear").focus()
    digit.page.keyboard.press("Enter")
    digit.page.mouse.move(*hand.at(PALM).values(), steps=3)
    assert digit.verdict == "Nothing to read yet."


# What a page reads from a canvas in browsers that do not want it to know them again: white, or noise.
PROTECTIONS = {"all 255": "255", "random": "Math.floor(256 * Math.random())"}


@pytest.mark.parametrize("value", PROTECTIONS.values(), ids=list(PROTECTIONS))
def test_what_a_browser_falsifies_is_not_read(page, site, value):
    page.add_init_script(f"""for (const Context of [CanvasRenderingContext2D, OffscreenCanvasRenderingContext2D]) {{
        Context.prototype.getImageData = (x, y, width, height) =>
            new ImageData(Uint8ClampedArray.from({{ length: 4 * width * height }}, () => {value}), width);
    }}
    HTMLCanvasElement.prototype.toDataURL = () => "data:,";
    """)
    digit = opened(page, site + PAGE)
    assert digit.verdict == "Nothing to read yet."
    digit.draw(STROKES[7])
    assert digit.verdict == "It reads a 7."
    digit.part("centre").uncheck()
    numbers = digit.numbers
    for arrow in ("left", "right", "up", "down"):
        digit.button(arrow).click()
    assert digit.numbers == numbers
    digit.button("Example: a 3").click()
    assert digit.verdict == "It reads a 3."
    digit.button("Clear").click()
    assert digit.verdict == "Nothing to read yet."


def test_a_touch_of_the_pen_leaves_a_dot(digit):
    digit.draw([(140, 140)])
    assert sum(digit.seen) > 0


def test_clear_clears(fresh):
    empty = fresh.verdict, fresh.numbers, fresh.seen
    fresh.draw(STROKES[7])
    assert fresh.seen != empty[2]
    fresh.part("centre").uncheck()
    fresh.button("Clear").click()
    assert (fresh.verdict, fresh.numbers, fresh.seen) == empty
    assert empty == ("Nothing to read yet.", ["–"] * 10, [0] * 784)


def test_an_example_comes_out_of_centring_unchanged(digit):
    buttons = digit.part("examples").get_by_role("button")
    assert buttons.count() == 11
    for n in range(11):
        buttons.nth(n).click()
        assert digit.seen == digit.pixels(buttons.nth(n).locator("canvas"))[3::4]
        misread = "misread" in buttons.nth(n).get_attribute("title")
        shown = buttons.nth(n).get_attribute("title").removesuffix(", misread").removeprefix("Example: ")
        assert (digit.verdict == f"It reads {shown}.") != misread


def test_who_has_no_pointer_is_told_of_the_examples(digit):
    assert digit.part("examples").is_visible()
    assert "choose an example; the buttons move it about" in digit.part("paper").get_attribute("aria-label")


def test_all_of_it_works_by_keyboard(digit):
    digit.part("pen").focus()
    digit.page.keyboard.press("Tab")
    digit.page.keyboard.press("Space")  # the centring off
    assert not digit.part("centre").is_checked()
    for _ in range(4 + 8):
        digit.page.keyboard.press("Tab")
    assert digit.page.evaluate("document.activeElement.title") == "Example: a 7"
    digit.page.keyboard.press("Enter")
    assert digit.verdict == "It reads a 7."
    centred = digit.seen
    for _ in range(8):
        digit.page.keyboard.press("Shift+Tab")
    digit.page.keyboard.press("Enter")  # right
    assert np.array_equal(np.reshape(digit.seen, (28, 28)), np.roll(np.reshape(centred, (28, 28)), 2, axis=1))
    for _ in range(6):
        digit.page.keyboard.press("Shift+Tab")
    digit.page.keyboard.press("Space")
    assert digit.verdict == "Nothing to read yet."


def test_centring_undoes_a_move_and_its_absence_does_not(digit):
    digit.button("Example: a 7").click()
    before = digit.seen, digit.numbers
    for arrow in ("right", "up", "right"):
        digit.button(arrow).click()
    assert (digit.seen, digit.numbers) == before
    digit.part("centre").uncheck()
    moved = np.roll(np.reshape(before[0], (28, 28)), (-2, 4), axis=(0, 1))
    assert digit.seen == moved.ravel().tolist()


def test_a_small_drawing_in_a_corner_fills_twenty_pixels(digit):
    digit.draw(STROKES[7], scale=0.3, move=(10, 180))
    rows, columns = np.reshape(digit.seen, (28, 28)).nonzero()
    assert max(np.ptp(rows), np.ptp(columns)) + 1 == 20
    digit.part("centre").uncheck()
    rows, columns = np.reshape(digit.seen, (28, 28)).nonzero()
    assert max(np.ptp(rows), np.ptp(columns)) + 1 < 10 and rows.min() > 14 and columns.max() < 14


def test_a_thicker_pen_leaves_more_ink(digit):
    inks = []
    for pen in ("thin", "medium", "thick"):
        digit.button("Clear").click()
        digit.part("pen").select_option(label=pen)
        digit.draw(STROKES[7])
        inks.append(sum(digit.seen))
    assert inks[0] < inks[1] < inks[2]


def test_the_verdict_is_announced_politely_and_only_when_it_changes(digit):
    assert digit.part("verdict").get_attribute("aria-live") == "polite"
    digit.page.evaluate("""() => {
        window.spoken = [];
        const verdict = document.querySelector('#draw-digit [data-part="verdict"]');
        const observer = new MutationObserver(() => spoken.push(verdict.textContent));
        observer.observe(verdict, { childList: true, characterData: true });
    }""")
    digit.button("Example: a 7").click()
    digit.part("centre").uncheck()
    digit.part("centre").check()
    digit.button("Clear").click()
    assert digit.page.evaluate("spoken") == ["It reads a 7.", "Nothing to read yet."]


def test_it_works_from_disk(from_disk, console):
    from_disk.draw(STROKES[1])
    assert from_disk.verdict == "It reads a 1."
    assert console.errors == []


def test_it_fetches_nothing_from_elsewhere_and_logs_no_error(fresh, console, network):
    fresh.draw(STROKES[0])
    assert console.errors == []
    assert network.blocked == [] and network.fetched == []


@pytest.mark.parametrize("media", [{"forced_colors": "active", "color_scheme": "dark"}, {"media": "print"}],
                         ids=["forced colours", "paper"])
def test_what_is_data_keeps_its_colours(digit, media):
    digit.button("Example: a 5").click()
    digit.page.emulate_media(**media)
    looks = digit.page.evaluate("""() => {
        const style = (selector) => getComputedStyle(document.querySelector("#draw-digit " + selector));
        const colours = (selector) => style(selector).backgroundImage;
        return { paper: style("canvas").backgroundColor, scale: colours(".scale"),
                 winner: colours(".winner .bar"), bar: colours("tr:not(.winner) .bar"),
                 printed: ["canvas", ".scale", ".bar"].map((part) => style(part).printColorAdjust) };
    }""")
    assert looks["paper"] == "rgb(255, 255, 255)"
    assert looks["scale"] == "linear-gradient(to right, rgb(0, 114, 178), rgb(255, 255, 255), rgb(213, 94, 0))"
    assert "rgb" in looks["bar"] and "rgb" in looks["winner"] and looks["bar"] != looks["winner"]
    assert looks["printed"] == ["exact"] * 3


def test_a_blank_sheet_is_printed_with_an_example_and_a_drawing_as_it_is(digit):
    def printed():
        return [digit.page.evaluate(f"() => {{ dispatchEvent(new Event('{moment}')); }}") or digit.verdict
                for moment in ("beforeprint", "afterprint")]

    digit.button("Clear").click()
    assert printed() == ["It reads a 7.", "Nothing to read yet."]
    digit.button("Example: a 3").click()
    assert printed() == ["It reads a 3.", "It reads a 3."]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_narrow_screen_is_wide_enough_and_axe_finds_nothing_serious(new_context, site, axe, scheme):
    page = new_context(viewport={"width": 380, "height": 800}, color_scheme=scheme).new_page()
    page.goto(site + PAGE)
    page.wait_for_function("window.mlpDigit")
    page.get_by_role("button", name="Example: a 3").click()
    assert page.evaluate("document.documentElement.scrollWidth") <= 380
    assert page.evaluate("""() => {
        const right = (part) => part.getBoundingClientRect().right;
        const whole = document.querySelector('#draw-digit');
        return [...whole.querySelectorAll('*')].filter((part) => right(part) > right(whole)).length;
    }""") == 0
    found = axe(page, "#draw-digit")
    assert [(fault["id"], fault["impact"]) for fault in found] == []
    serious = [f for f in axe(page) if f["impact"] in ("serious", "critical")]
    assert [(fault["id"], [node["html"] for node in fault["nodes"]]) for fault in serious] == []
