"""Predictions in a browser: the answer comes after the choice, which stays there, by edition, until it is forgotten."""

from pathlib import Path

import pytest
from bs4 import BeautifulSoup

BUILT = Path(__file__).resolve().parents[2] / "_build" / "html"
PAGE = "notebooks/9_width.html"
KEPT = """() => Object.entries(localStorage).filter(([name]) => name.startsWith("predictions "))
    .map(([name, made]) => [name, JSON.parse(made)])"""


@pytest.fixture
def at(visit):
    """A function that opens a page of the book and gives it with the answer to one of its predictions, and the form."""

    def go(address=PAGE, name="less-change"):
        return found(visit(address, widgets=False), name)

    return go


def found(page, name="less-change"):
    answer = page.locator(f"#predict-{name}")
    return page, answer, page.locator(".prediction-form").filter(has=page.locator(f"input[name=predict-{name}]"))


def commit(form, choice, sure="70"):
    form.get_by_role("radio").nth(choice).check()
    form.get_by_role("combobox").select_option(sure)
    form.get_by_role("button").click()


def right(answer):
    return int(answer.get_attribute("data-right"))


def test_by_keyboard_alone_a_choice_is_made_and_then_answered(at):
    page, answer, form = at()
    assert answer.is_hidden() and form.get_by_role("status").inner_text() == ""
    form.get_by_role("radio").first.focus()
    for key in ("ArrowDown", "ArrowDown", "Tab", "7", "Tab", "Enter"):
        page.keyboard.press(key)
    assert answer.is_visible() and answer.locator("p").is_visible()
    verdict = form.get_by_role("status")
    assert verdict.inner_text() == ("It came out otherwise. You said: it rises by a tenth or more; "
                                    "and you were 70 % sure.")
    assert verdict.evaluate("verdict => verdict === document.activeElement")
    said = form.locator("fieldset > label").all_inner_texts()
    assert said == ["it falls by a tenth or more", "it stays, within a tenth (what came)",
                    "it rises by a tenth or more (your choice)"] and right(answer) == 1
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")  # past the bar of the answer, the link to the figure
    assert page.url.endswith("#fig-noise") and answer.locator("a.see").inner_text() == "See Figure 9.1."


def test_without_a_choice_and_how_sure_nothing_is_answered(at):
    page, answer, form = at()
    form.get_by_role("button").click()
    form.get_by_role("radio").first.check()
    form.get_by_role("button").click()
    assert answer.is_hidden() and page.evaluate(KEPT) == []


def test_what_was_said_stays_and_can_be_forgotten(at, page):
    _, answer, form = at()
    commit(form, right(answer))
    assert form.get_by_role("status").inner_text().startswith("Right. ")
    _, answer, form = at()
    assert form.get_by_role("status").inner_text().startswith("Right. ") and answer.is_visible()
    assert form.get_by_role("radio").nth(right(answer)).is_checked() and form.get_by_role("radio").first.is_disabled()
    at("notebooks/7_sigmoid.html", "no-offset")
    page.get_by_role("button", name="Forget those of all chapters").click()
    assert page.evaluate(KEPT) == []
    _, answer, form = at()
    assert answer.is_hidden() and form.get_by_role("radio").first.is_enabled()
    commit(form, 0)
    page.get_by_role("button", name="Forget those of this page").click()
    assert page.evaluate(KEPT) == [] and answer.is_hidden()
    assert page.locator("h2:focus").inner_text() == "Your predictions"
    assert form.get_by_role("radio").first.is_enabled() and not form.get_by_role("radio").first.is_checked()


def test_a_number_is_right_within_what_the_answer_says(at):
    _, answer, form = at(name="more-units")
    low = float(answer.get_attribute("data-low"))
    for number, verdict in ((low - 0.01, "It came out otherwise."), (low + 0.01, "Right.")):
        form.get_by_role("spinbutton").fill(f"{number:.3f}")
        form.get_by_role("combobox").select_option("90")
        form.get_by_role("button").click()
        assert form.get_by_role("status").inner_text().startswith(verdict)
        answer.page.get_by_role("button", name="Forget those of this page").click()


def test_each_edition_keeps_its_own_and_names_it_where_the_book_says_what_is_kept(at, editions, page):
    addresses = ["", *editions]
    for number, edition in enumerate(addresses):
        _, answer, form = at(edition + PAGE)
        assert answer.is_hidden()
        commit(form, number)
    for number, edition in enumerate(addresses):
        _, _, form = at(edition + PAGE)
        assert form.get_by_role("radio").nth(number).is_checked()
    names = [name for name, _ in page.evaluate(KEPT)]
    assert sorted(names) == sorted(f"predictions /{edition}" for edition in addresses)
    told = at("book/loads.html", "none")[0].inner_text("main")
    assert "predictions" in told and "how sure you were" in told


def test_nothing_is_sent_anywhere(at, page):
    _, _, form = at()
    asked = []
    page.on("request", lambda request: asked.append(request.url))
    commit(form, 1)
    page.get_by_role("button", name="Forget those of this page").click()
    assert asked == [] and page.context.cookies() == []


def test_without_scripts_there_is_the_question_and_a_folded_answer(new_context, site):
    page = new_context(java_script_enabled=False).new_page()
    page.goto(site + PAGE)
    assert page.locator(".prediction-form, #your-predictions").count() == 0
    assert page.get_by_role("listitem").filter(has_text="it stays, within a tenth").first.is_visible()
    answer = page.locator("#predict-less-change")
    assert answer.is_visible() and answer.locator("p").is_hidden()
    answer.locator("summary").click()
    assert answer.locator("p").is_visible() and answer.locator("a.see").get_attribute("href") == "#fig-noise"


def test_from_disk_it_works_too(page):
    address = (BUILT / PAGE).as_uri()
    page.goto(address)
    _, answer, form = found(page)
    commit(form, right(answer))
    page.goto(address)
    assert found(page)[2].get_by_role("status").inner_text().startswith("Right. ")


def test_where_the_storage_is_forbidden_the_answer_comes_all_the_same(page, at):
    page.add_init_script("Object.defineProperty(window, 'localStorage', { get() { throw Error('forbidden'); } })")
    _, answer, form = at()
    assert answer.is_hidden()
    commit(form, 0)
    assert answer.is_visible() and form.get_by_role("status").inner_text().startswith("It came out otherwise.")


def test_the_end_of_a_chapter_says_how_many_were_right_and_how_sure_that_was(at, page):
    at("notebooks/3_tricks.html", "spread")
    summary = page.locator("#your-predictions")
    assert "none of the 9" in summary.inner_text() and summary.locator("svg, a, button").count() == 0
    assert summary.evaluate("section => section.nextElementSibling.id") == "exercises"
    for name, off, sure in (("spread", 0, "90"), ("signs", 1, "90"), ("which-loss", 0, "50")):
        _, answer, form = found(page, name)
        commit(form, (right(answer) + off) % form.get_by_role("radio").count(), sure)
    said = summary.inner_text()
    assert "3 of the 9 on this page, and 2 came as you said" in said
    assert "you were 77 % sure, and 67 % were right" in said
    picture = summary.get_by_role("img")
    assert picture.get_attribute("aria-label").endswith("50 % sure, 1 of 1 right; 90 % sure, 1 of 2 right.")
    again = summary.get_by_role("listitem")
    assert again.count() == 1 and again.get_by_role("link").first.inner_text().endswith("Centre the hidden units")
    again.get_by_role("link").first.click()
    assert page.evaluate("document.querySelector(':target').textContent").startswith("Predict.")
    at()
    assert "In all chapters so far 2 of 3 came as you said." in page.locator("#your-predictions").inner_text()


def test_a_choice_that_the_page_no_longer_offers_counts_no_more(at, page):
    _, _, form = at()
    commit(form, 0)
    page.evaluate("""() => {
      const [name] = Object.keys(localStorage).filter((name) => name.startsWith("predictions "));
      localStorage.setItem(name, localStorage.getItem(name).replace("it falls", "it fell"));
    }""")
    assert at()[1].is_hidden()


@pytest.mark.parametrize("scheme, forced", [("light", "none"), ("dark", "none"), ("dark", "active")])
def test_axe_finds_nothing_in_forms_answered_and_not(at, page, axe, scheme, forced):
    page.emulate_media(color_scheme=scheme, forced_colors=forced)
    _, _, form = at()
    commit(form, 0)
    where = {"include": [[".prediction-form"], ["details.prediction"], ["#your-predictions"]]}
    assert [(each["id"], each["nodes"][0]["html"]) for each in axe(page, where)] == []
    drawn = page.locator("#your-predictions svg g").first.evaluate("line => getComputedStyle(line).stroke")
    assert drawn == page.locator("#your-predictions p").first.evaluate("text => getComputedStyle(text).color")


def test_on_paper_a_question_has_its_choices_and_its_answer_and_nothing_to_press(at, page):
    _, answer, form = at()
    page.emulate_media(media="print")
    assert answer.locator("p").is_visible() and form.get_by_text("it stays").is_visible()
    assert page.locator(".prediction-form").locator("input, select, button").filter(visible=True).count() == 0


def test_they_make_no_page_more_than_30_kilobytes_larger():
    """With the script and the style sheet, which a browser loads once for all pages."""
    beside = sum((BUILT / "_static" / f"predictions.{end}").stat().st_size for end in ("js", "css"))
    pages = {path.name: BeautifulSoup(path.read_bytes(), "html.parser").select("div.cell.tag_prediction")
             for path in (BUILT / "notebooks").glob("*.html")}
    assert len(pages) == 17 and all(pages.values())
    assert max(sum(len(str(cell).encode()) for cell in cells) for cells in pages.values()) + beside <= 30_000
