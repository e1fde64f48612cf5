"""The front page: on one screen what the book is, something to try, a finding, and where to go; and it reads."""

import pytest

PAGE = "book/introduction.html"
SCREENS = [(1400, 900), (390, 844)]
DOORS = ["notebooks/1_backpropagation.html", "notebooks/3_tricks.html", "book/method.html"]


@pytest.fixture(scope="module")
def front(keep_open, show):
    return show(keep_open()[0], PAGE)


@pytest.mark.parametrize("width, height", SCREENS)
def test_all_of_it_is_on_one_screen(front, width, height):
    front.set_viewport_size({"width": width, "height": height})
    front.evaluate("scrollTo(0, 0)")
    parts = [front.locator(part) for part in (
        ".bd-article h1", ".bd-article h1 ~ p", "#draw-digit [data-part=paper]", "#draw-digit [data-part=verdict]",
        "#draw-digit table", ".front .finding")]
    for part in [*parts, *front.locator(".doors a").all()]:
        box = part.first.bounding_box()
        assert box["height"] > 10 and box["x"] >= 0 and box["x"] + box["width"] <= width
        assert box["y"] >= 0 and box["y"] + box["height"] <= height, part


def test_the_doors_lead_to_a_chapter_one_that_runs_and_the_rules(front):
    doors = front.locator(".doors a").evaluate_all("links => links.map(link => link.href)")
    assert [door.endswith(end) for door, end in zip(doors, DOORS, strict=True)] == [True] * 3


def test_the_paper_promises_no_example_where_there_is_none(front):
    label = front.locator("#draw-digit [data-part=paper]").get_attribute("aria-label")
    assert not front.locator("#draw-digit [data-part=examples]").is_visible()
    assert "choose an example" not in label and "page Draw a digit" in label


@pytest.mark.parametrize("width, height", SCREENS)
def test_what_is_drawn_there_is_read_and_moves_nothing(front, width, height):
    front.set_viewport_size({"width": width, "height": height})
    front.evaluate("scrollTo(0, 0)")
    paper = front.locator("#draw-digit [data-part=paper]")
    paper.hover()  # which waits until it stands still
    box, doors = paper.bounding_box(), front.locator(".doors").bounding_box()
    x, y, unit = box["x"], box["y"], box["width"] / 280
    front.mouse.move(x + 150 * unit, y + 40 * unit)
    front.mouse.down()
    front.mouse.move(x + 140 * unit, y + 240 * unit, steps=8)
    front.mouse.up()
    verdict = front.locator("#draw-digit [data-part=verdict]")
    verdict.get_by_text("It reads a 1.").wait_for()
    assert (paper.bounding_box(), front.locator(".doors").bounding_box()) == (box, doors)
    front.locator("#draw-digit [data-part=clear]").click()
    verdict.get_by_text("Nothing to read yet.").wait_for()
