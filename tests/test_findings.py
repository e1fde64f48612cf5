"""The numbers on pages that run no code: those of the stored runs, and refused where the sentence would be wrong."""

from dataclasses import replace
from pathlib import Path

import findings
import numpy as np
import pytest
from bs4 import BeautifulSoup
from sphinx.errors import ExtensionError

from mlplib import REPORT
from mlplib.store import packaged

ROOT = Path(__file__).resolve().parents[1]
DRAW_PAGE = ROOT / "_build" / "html" / "book" / "draw.html"
REPORT_PAGE = ROOT / "_build" / "html" / "book" / "report.html"
FRONT = ROOT / "_build" / "html" / "book" / "introduction.html"


@pytest.fixture(scope="module")
def store():
    return packaged("tuning", "claims")


def test_the_front_page_shows_them(store):
    if not FRONT.exists():
        pytest.fail(f"the book is not built: expected {FRONT.relative_to(ROOT)}; run `make book`", pytrace=False)
    numbers = findings.ten_layers(store)
    shown = " ".join(BeautifulSoup(FRONT.read_bytes(), "html.parser").select_one(".front .finding").get_text().split())
    assert f"misreads {numbers['ten_layers_behind']} more digits in a thousand, at its best moment" in shown
    assert f"misread only {numbers['ten_layers_behind_at_best']} more: too few" in shown


def test_runs_that_say_something_else_are_no_finding(store, monkeypatch):
    compare = findings.compare
    monkeypatch.setattr(findings, "compare", lambda *given: replace(compare(*given), low=-0.03, high=-0.01))
    with pytest.raises(ExtensionError, match="not so at a learning rate of their own"):
        findings.ten_layers(store)


# ---- the report's rows


def test_the_page_on_the_report_shows_what_it_printed():
    rows = [[cell.get_text() for cell in row.select("td")]
            for row in BeautifulSoup(REPORT_PAGE.read_bytes(), "html.parser").select("table")[1].select("tbody tr")]
    assert [name for name, *_ in rows] == [row.name for row in REPORT.values()]
    for row, (_, *cells) in zip(REPORT.values(), rows):
        kinds = ["train_loss", "validation_loss", "train_accuracy", "validation_accuracy"]
        for kind, shown in zip(kinds, cells, strict=True):
            assert float(shown) == pytest.approx(getattr(row.reported, kind), rel=0.05)


def test_a_row_that_is_not_reproduced_ends_the_build(monkeypatch):
    row = REPORT["4e"]
    far = replace(row, reported=row.reported._replace(validation_accuracy=0.5))
    monkeypatch.setattr(findings, "REPORT", REPORT | {"4e": far})
    with pytest.raises(ExtensionError, match="all rows are reproduced; 4e is not"):
        findings.report_rows(packaged())


# ---- the page "Draw a digit"


def test_the_page_says_what_a_blank_sheet_is_taken_for_and_what_a_threshold_stops():
    said = findings.how_sure(packaged())
    shown = " ".join(BeautifulSoup(DRAW_PAGE.read_bytes(), "html.parser").select_one("main").get_text().split())
    assert f"It is not 0.1, but {said['blank_sheet']}." in shown
    assert f"reads {said['read_right']} right; with that threshold it refuses {said['right_refused']} of them" in shown
    assert f"It reads {said['read_wrong']} wrong, and {said['wrong_passed']} of those pass all the same" in shown
    assert f"{said['noise_passed']} in a hundred pass" in shown
    right, wrong = (int(said[key].replace(",", "")) for key in ("read_right", "read_wrong"))
    assert right + wrong == 10_000 and right == pytest.approx(
        10_000 * packaged()[REPORT["3c"].experiment].final.validation_accuracy, abs=3)


def test_a_network_that_is_unsure_of_a_blank_sheet_ends_the_build():
    class Unsure:
        def forward(self, X):
            return np.full((len(X), 10), 0.1)

    class Shelf:
        def __getitem__(self, experiment):
            return replace(packaged()[experiment], model=Unsure())

    with pytest.raises(ExtensionError, match=r"the runs say 0\.10"):
        findings.how_sure(Shelf())
