"""Explorers on the rendered page, without a kernel: each choice shows its picture, by mouse and by keyboard."""

import itertools
import json
import re
from pathlib import Path

import pytest

BUILT = Path(__file__).resolve().parents[2] / "_build" / "html"
TRICKS, TOPOLOGY = "notebooks/3_tricks.html", "notebooks/4_topology.html"
CURVATURE, WHY = "notebooks/14_curvature.html", "notebooks/15_why.html"
OFF_ON = ("off", "on")
# Each explorer by the page it stands on and a row of buttons that only it has.
PLACES = {
    "TrickExplorer": (TRICKS, "Momentum"),
    "TopologyExplorer": (TOPOLOGY, "Hidden layers"),
    "ActivationExplorer": (TRICKS, "After layers"),
    "ValleyExplorer": (TRICKS, "Momentum γ"),
    "ParabolaExplorer": (CURVATURE, "Curvature λ"),
    "ConditionExplorer": (CURVATURE, "Condition number κ"),
    "SpectrumExplorer": (WHY, "Hidden layers"),
}

each_explorer = pytest.mark.parametrize("name", PLACES)


class Explorer:
    """An explorer on an open page, and what that page complained of."""

    def __init__(self, page, row, console):
        self.page, self.console = page, console
        label = page.locator(".widget-toggle-buttons .widget-label", has_text=re.compile(f"^{row}$"))
        self.box = page.locator(".explorer", has=label)
        self.box.wait_for()

    def button(self, row, option):
        return self.box.locator(f'.widget-toggle-buttons button[title="{row}: {option}"]')

    def image(self, place=0):
        """Text and data of a picture, once it is decoded."""
        image = self.box.locator("img").nth(place)
        image.evaluate("image => image.decode()")
        return image.get_attribute("alt"), image.get_attribute("src")

    def choose(self, row, option, place=0):
        """Press a button; returns the milliseconds until another picture stands there, decoded and painted."""
        old = self.image(place)[1]
        return self.button(row, option).evaluate("""async (button, [place, old]) => {
          const images = () => button.closest('.explorer').querySelectorAll('img');
          const start = performance.now();
          button.click();
          while (images().length <= place || images()[place].src === old)
            await new Promise(requestAnimationFrame);
          await images()[place].decode();
          await new Promise(requestAnimationFrame);
          return performance.now() - start;
        }""", [place, old])


PRESSED = """() => [...document.querySelectorAll(".widget-toggle-buttons button")].map(
    (button) => button.classList.contains("mod-active"))"""
PICTURES = "() => JSON.stringify([...document.querySelectorAll('.explorer img')].map(({ src }) => src))"
# One after the other: a picture that is changed again before it is there is an error in the widget manager's console.
PRESS = f"""async (at_first) => {{
  const pictures = {PICTURES};
  for (const [place, button] of document.querySelectorAll(".widget-toggle-buttons button").entries()) {{
    if (!at_first[place] || button.classList.contains("mod-active")) continue;
    const old = pictures();
    button.click();
    while (pictures() === old) await new Promise(requestAnimationFrame);
  }}
}}"""


@pytest.fixture(scope="module")
def pages(keep_open, show):
    """The pages with explorers: each with its guard, which buttons are pressed at first, and the pictures then."""
    found = {}
    for address in (TRICKS, TOPOLOGY, CURVATURE, WHY):
        page, guard = keep_open()
        show(page, address)
        found[address] = page, guard, page.evaluate(PRESSED), page.evaluate(PICTURES)
    return found


@pytest.fixture
def explorer(pages):
    """A function that finds an explorer on its page, in a wide window, with the buttons that are pressed at first."""

    def find(name):
        address, row = PLACES[name]
        page, guard, pressed, pictures = pages[address]
        page.set_viewport_size({"width": 1280, "height": 720})
        page.emulate_media(color_scheme="light")
        page.evaluate(PRESS, pressed)
        assert page.evaluate(PICTURES) == pictures
        return Explorer(page, row, guard.console)

    return find


def set_to(explorer, row, option):
    if "mod-active" not in explorer.button(row, option).get_attribute("class"):
        explorer.choose(row, option)


def test_all_eight_combinations_of_tricks_show_their_own_picture(explorer):
    tricks = explorer("TrickExplorer")
    seen = {}
    for init, sigmoid, momentum in itertools.product(OFF_ON, repeat=3):
        for row, option in (("Fan-in weights", init), ("Improved sigmoid", sigmoid), ("Momentum", momentum)):
            set_to(tricks, row, option)
        text, data = tricks.image()
        chosen = text.split("Chosen, ")[1].split(":")[0]
        assert [trick in chosen for trick in ("fan-in weights", "improved sigmoid", "momentum")] == [
            option == "on" for option in (init, sigmoid, momentum)]
        assert chosen in tricks.box.locator("p b").first.inner_text()
        seen[data] = text
    assert len(seen) == len(set(seen.values())) == 8
    assert tricks.console.errors == []


def test_each_view_of_a_combination_is_another_picture(explorer):
    tricks = explorer("TrickExplorer")
    texts = []
    for view in ("accuracy", "logarithmic loss", "loss"):
        tricks.choose("View", view)
        texts.append(tricks.image()[0])
    assert [text.split(" against")[0] for text in texts] == ["Accuracy", "Logarithmic loss", "Loss"]


def test_width_and_depth_show_the_network_chosen(explorer):
    topology = explorer("TopologyExplorer")
    for width, depth in (("16", "1"), ("256", "1"), ("256", "5"), ("32", "3")):
        set_to(topology, "Units per layer", width)
        set_to(topology, "Hidden layers", depth)
        assert re.search(rf"Chosen, {depth} layers? of {width}\b", topology.image()[0])
    assert topology.console.errors == []


def test_z_and_the_number_of_layers_move_the_two_pictures_of_the_sigmoids(explorer):
    sigmoids = explorer("ActivationExplorer")
    sigmoids.choose("z", "−3", place=0)
    sigmoids.choose("After layers", "10", place=1)
    assert "At z = −3:" in sigmoids.image(0)[0]
    assert "After 10 layers:" in sigmoids.image(1)[0]
    assert sigmoids.console.errors == []


def test_rate_and_momentum_show_the_path_chosen(explorer):
    valley = explorer("ValleyExplorer")
    for rate, gamma in (("0.12", "0"), ("0.12", "0.5"), ("0.01", "0.9")):
        set_to(valley, "Learning rate α", rate)
        set_to(valley, "Momentum γ", gamma)
        assert f"α = {rate}, γ = {gamma}." in valley.image()[0]
    assert valley.console.errors == []


def test_the_edge_of_a_parabola_is_found_by_hand(explorer):
    parabola = explorer("ParabolaExplorer")
    for curvature, rate, edge in (("4", "0.4", "0.5"), ("4", "0.8", "0.5"), ("1", "1.6", "2"), ("2", "0.8", "1")):
        set_to(parabola, "Curvature λ", curvature)
        set_to(parabola, "Learning rate α", rate)
        text = parabola.image()[0]
        assert f"λ = {curvature}, α = {rate}:" in text and f"α must be below 2/λ = {edge}." in text
        assert ("leaves the parabola" in text) == (float(rate) > float(edge))
    assert parabola.console.errors == []


def test_the_condition_number_and_momentum_show_the_path_chosen(explorer):
    condition = explorer("ConditionExplorer")
    for kappa, gamma in (("100", "0"), ("100", "0.9"), ("500", "best in the long run")):
        set_to(condition, "Condition number κ", kappa)
        set_to(condition, "Momentum γ", gamma)
        assert f"κ = {kappa}, γ = " in condition.image()[0]
        assert ("(best in the long run)" in condition.image()[0]) == (gamma not in ("0", "0.9"))
    assert condition.console.errors == []


def test_tricks_width_and_depth_show_the_spectrum_chosen(explorer):
    spectra = explorer("SpectrumExplorer")
    for row, option, said in (("Fan-in weights", "on", "fan-in weights, 1 hidden layer of 64"),
                              ("Hidden layers", "3", "fan-in weights, 3 hidden layers of 64"),
                              ("Units per layer", "256", "fan-in weights, 3 hidden layers of 256")):
        set_to(spectra, row, option)
        assert spectra.image()[0].startswith(f"{said}. The spectrum as a bar code") and "2/λ = " in spectra.image()[0]
    assert spectra.console.errors == []


@pytest.mark.parametrize("key", ["Enter", "Space"])
def test_a_button_is_reached_and_pressed_by_keyboard(key, explorer):
    tricks = explorer("TrickExplorer")
    tricks.button("Fan-in weights", "on").focus()
    tricks.page.keyboard.press("Tab")
    focused = tricks.page.evaluate("document.activeElement.title")
    assert focused == "Improved sigmoid: off"
    tricks.page.keyboard.press("Tab")
    tricks.page.keyboard.press(key)
    tricks.box.locator('img[alt*="Chosen, improved sigmoid:"]').wait_for()
    assert tricks.page.evaluate("document.activeElement.title") == "Improved sigmoid: on"


def test_a_toggle_reacts_within_a_tenth_of_a_second(explorer, capsys):
    tricks = explorer("TrickExplorer")
    times = [tricks.choose(row, option) for option in 5 * ("on", "off") for row in ("Fan-in weights", "Momentum")]
    with capsys.disabled():
        print(f"\n  a toggle reacts in {sorted(times)[len(times) // 2]:.0f} ms (median; slowest {max(times):.0f} ms)")
    assert sorted(times)[len(times) // 2] <= 100


def models_of(state, root):
    """A model, all that it refers to, and the links between those: what it adds to a page."""
    seen, waiting = set(), [root]
    while waiting:
        model = waiting.pop()
        if model not in seen:
            seen.add(model)
            waiting += re.findall(r"IPY_MODEL_(\w+)", json.dumps(state[model]))
    links = {name for name, model in state.items() if model["model_name"] == "LinkModel"
             and set(re.findall(r"IPY_MODEL_(\w+)", json.dumps(model))) & seen}
    return seen | links


@each_explorer
def test_an_explorer_adds_at_most_a_megabyte_and_a_half(name, explorer, capsys):
    page = explorer(name).page
    state = json.loads(page.locator('script[type="application/vnd.jupyter.widget-state+json"]').text_content())["state"]
    # The one among the explorers of the page that has the row of buttons.
    roots = [model for model, part in state.items() if "explorer" in part["state"].get("_dom_classes", ())]
    (root,) = (one for one in roots
               if any(state[model]["state"].get("description") == PLACES[name][1] for model in models_of(state, one)))
    size = len(json.dumps({model: state[model] for model in models_of(state, root)}))
    with capsys.disabled():
        print(f"\n  {name} adds {size / 1e6:.2f} MB to its page")
    assert size <= 1_500_000


@each_explorer
def test_nothing_in_an_explorer_is_wider_than_a_narrow_screen(name, explorer):
    found = explorer(name)
    page, box = found.page, found.box
    page.set_viewport_size({"width": 380, "height": 800})
    assert page.evaluate("document.documentElement.scrollWidth") <= 380
    beyond = box.evaluate("""box => [...box.querySelectorAll('img, button, p, label')].filter(part => {
      const {left, right} = part.getBoundingClientRect();
      return left < 0 || right > 380;
    }).map(part => part.outerHTML.slice(0, 100))""")
    assert beyond == []


@each_explorer
def test_the_plain_picture_is_hidden_where_widgets_are(name, explorer):
    found = explorer(name)
    cell = found.page.locator(".cell_output", has=found.box)
    assert cell.locator(".widget-fallback").count() == 1
    assert not cell.locator(".widget-fallback").is_visible()


@pytest.mark.parametrize("address, explorers", [(TRICKS, 3), (TOPOLOGY, 1), (CURVATURE, 2), (WHY, 1)])
def test_a_plain_picture_stands_where_the_widget_manager_cannot_load(address, explorers, visit, network, page):
    network.cdn = False
    visit(address, widgets=False)
    plain = page.locator(".widget-fallback", has=page.locator('img[alt*="means over"], img[alt*="sigmoids"], '
                                                                 'img[alt*="valley"], img[alt*="parabola"], '
                                                                 'img[alt*="bar code"]'))
    assert plain.count() == explorers
    for one in plain.all():
        assert one.is_visible()
        for image in one.locator("img").all():
            assert image.evaluate("image => image.decode().then(() => image.naturalWidth)") > 100
    assert page.locator(".bd-article .explorer").count() == 0


def test_a_page_from_disk_has_its_widgets_once_one_comes_near(page, come_near):
    page.goto((BUILT / TRICKS).as_uri())
    assert page.evaluate("document.querySelectorAll('script[type$=\"widget-state+json\"]').length") == 0
    come_near(page)
    page.locator(".bd-article .explorer img").first.wait_for(timeout=60_000)


def test_the_plain_picture_stays_where_what_widgets_hold_cannot_be_had(page, site, network, come_near):
    page.route("**/*.widgets.js*", lambda route: route.abort())
    page.goto(site + TRICKS)
    with page.expect_event("requestfailed"):
        come_near(page)
    page.wait_for_timeout(500)
    assert page.locator(".widget-fallback").first.is_visible()
    assert network.fetched == []  # nor is the program that would show them


@pytest.mark.parametrize("address", [TRICKS, TOPOLOGY])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_serious_in_the_explorers_of_a_page(address, scheme, explorer, axe):
    page, *_ = {explorer(name).page for name, place in PLACES.items() if place[0] == address}
    page.emulate_media(color_scheme=scheme)
    page.wait_for_function("scheme => document.documentElement.dataset.theme === scheme", arg=scheme)
    found = axe(page, ".bd-article .explorer")
    assert [(one["id"], one["nodes"][0]["html"]) for one in found if one["impact"] in ("serious", "critical")] == []
