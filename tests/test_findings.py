"""The numbers on the front page: those of the stored runs, and refused where the sentence would be wrong."""

from dataclasses import replace
from pathlib import Path

import findings
import pytest
from bs4 import BeautifulSoup
from sphinx.errors import ExtensionError

from mlplib.store import packaged

ROOT = Path(__file__).resolve().parents[1]
FRONT = ROOT / "_build" / "html" / "book" / "introduction.html"


@pytest.fixture(scope="module")
def store():
    return packaged("tuning", "claims")


def test_the_front_page_shows_them(store):
    if not FRONT.exists():
        pytest.fail(f"the book is not built: expected {FRONT.relative_to(ROOT)}; run `make book`", pytrace=False)
    numbers = findings.ten_layers(store)
    shown = " ".join(BeautifulSoup(FRONT.read_bytes(), "html.parser").select_one(".front .finding").get_text().split())
    assert f"they misread {numbers['ten_layers_behind']} more digits in a thousand" in shown
    assert f"only {numbers['ten_layers_behind_at_best']} more in a thousand, too few" in shown


def test_runs_that_say_something_else_are_no_finding(store, monkeypatch):
    compare = findings.compare
    monkeypatch.setattr(findings, "compare", lambda *given: replace(compare(*given), low=-0.03, high=-0.01))
    with pytest.raises(ExtensionError, match="not so at a learning rate of their own"):
        findings.ten_layers(store)
