"""The search: words, numbers, names with hyphens, words that JavaScript's own objects know; what a learner asks."""

import re
from functools import cache
from pathlib import Path
from urllib.parse import urlencode

import pytest

FINISHED = "() => /found|did not match/.test(document.querySelector('.search-summary')?.innerText)"


@pytest.fixture(scope="module")
def kept(keep_open):
    return keep_open()


@pytest.fixture
def page(kept, leave):
    """The page that the tests share, as a new visitor's."""
    return leave(*kept)


@pytest.fixture
def console(kept):
    return kept[1].console


@pytest.fixture
def search(page, site):
    """A function that searches the book; the addresses that were found, best first, and what was said."""

    def ask(query):
        page.goto(f"{site}search.html?{urlencode({'q': query})}")
        page.wait_for_function(FINISHED)
        found = page.locator("ul.search > li > a").evaluate_all("links => links.map(a => a.getAttribute('href'))")
        return [address.split("#")[0] for address in found], page.inner_text(".search-summary")

    return ask


@pytest.mark.parametrize("query, expected", [
    ("785-64-10", "notebooks/how_fast.html"), ("785\u201164\u201110", "notebooks/how_fast.html"),
    ("785-64", "notebooks/how_fast.html"), ("785", "notebooks/how_fast.html"), ("64 785", "notebooks/how_fast.html"),
    ("20,000", "notebooks/2_network.html"), ("20000", "notebooks/2_network.html"),
    ("one-hot", "notebooks/how_fast.html"), ("fan-in", "notebooks/3_tricks.html"),
    ("roofline", "notebooks/how_fast.html"), ("mlplib.store.packaged", "book/api/runs.html"),
])
def test_words_numbers_and_what_has_hyphens_are_found(search, console, query, expected):
    found, said = search(query)
    assert expected in found, said
    assert [error for error in console.errors if "thrown" in error] == []


def test_a_name_with_hyphens_is_one_word(search):
    """Not every page that has 785 somewhere and 64 elsewhere."""
    found, _ = search("785-64-10")
    assert found and not any(address.startswith("book/api") for address in found)


@pytest.mark.parametrize("query", [
    "constructor", "__proto__", "hasOwnProperty", "toString", "987654321", "3-1-4-1", "-",
])
def test_what_the_book_does_not_have_is_not_found(search, console, query):
    found, said = search(query)
    assert found == [] and "did not match" in said
    assert console.errors == []


# ---- what a learner asks

BUILT = Path(__file__).resolve().parents[2] / "_build" / "html"
TEX = re.compile(r"\\[a-zA-Z(\[]|\$|[_^]\{")
# Each with the term of the glossary that has to come first, and a page that has to be among the best.
QUERIES = [
    ("vanishing gradient", "vanishing-gradient", "notebooks/4_topology.html"),
    ("momentum", "momentum", "notebooks/5_evidence.html"),
    ("learning rate", "learning-rate", "notebooks/3_tricks.html"),
    ("overfitting", "overfitting", "notebooks/4_topology.html"),
    ("cross-entropy", "cross-entropy", "notebooks/1_backpropagation.html"),
    ("ReLU", "ReLU", None), ("Xavier", "Xavier-initialisation", None),
    ("confidence interval", "confidence-interval", None),
    ("early stopping", "early-stopping", "notebooks/3_tricks.html"),
    ("softmax", "softmax", "notebooks/1_backpropagation.html"),
    # another number, another spelling, more words
    ("vanishing gradients", "vanishing-gradient", "notebooks/4_topology.html"),
    ("cross entropy", "cross-entropy", "notebooks/1_backpropagation.html"),
    ("weight initialization", "weight-initialization", "notebooks/3_tricks.html"),
    ("what is backpropagation", "backpropagation", None),
]


@cache
def built(name):
    return (BUILT / name).read_text(encoding="utf-8")


@pytest.fixture
def results(page, search):
    """A function that searches the book and waits for all excerpts: address, title and excerpt of each, best first."""

    def ask(query):
        search(query)
        page.wait_for_function("""() => [...document.querySelectorAll("ul.search > li")]
            .every((item) => item.querySelector(".context, :scope > span"))""")
        return page.locator("ul.search > li").evaluate_all("""items => items.map((item) => [
            item.querySelector("a").getAttribute("href"), item.querySelector("a").textContent,
            item.querySelector(".context")?.textContent ?? ""])""")

    return ask


@pytest.mark.parametrize("query, term, chapter", QUERIES)
def test_what_a_learner_asks_leads_to_the_section_that_explains_it(results, console, query, term, chapter):
    found = results(query)
    address, title, excerpt = found[0]
    assert address == f"book/glossary.html#term-{term}" and title.startswith("Glossary > ") and len(excerpt) > 40
    explains = [page for page, *_ in found if not page.startswith("book/api")]
    assert [page for page, *_ in found][:len(explains)] == explains
    assert chapter is None or chapter in [page.split("#")[0] for page in explains]
    for address, _, excerpt in found:
        name, _, anchor = address.partition("#")
        assert anchor and f'id="{anchor}"' in built(name), address
        assert not TEX.search(excerpt)
    assert console.errors == []


def test_the_section_is_the_one_that_says_it_most(results):
    found = dict(address.split("#") for address, *_ in reversed(results("momentum")))
    assert found["notebooks/3_tricks.html"] == "momentum-or-a-longer-step"


def test_who_asks_for_a_name_of_the_library_finds_it_first(results):
    assert results("check_gradients")[0][0] == "book/api/data.html#mlplib.gradient_check.check_gradients"


def test_the_page_that_is_opened_marks_the_words_but_not_in_the_data_of_widgets(search, page, show):
    search("model")
    show(page, "notebooks/3_tricks.html")
    marked = page.locator(".highlighted")
    marked.first.wait_for(state="attached")  # it may stand in code that is folded
    assert set(map(str.lower, marked.all_text_contents())) == {"model"}
    assert page.locator("script .highlighted").count() == 0
