"""The table that `make mistakes` prints."""

import re

import numpy as np

from mlplib.practice import BLANKS, __main__
from mlplib.practice.blanks import Advice, Blank


def test_the_table_has_each_mistake_once_and_is_the_identity(capsys):
    assert __main__.mistakes() == 0
    printed = capsys.readouterr().out
    rows = re.findall(r"^  ([■·]+)  (.+)$", printed, re.MULTILINE)
    assert [name for _, name in rows] == [name for blank in BLANKS.values() for name in blank.mistakes]
    assert f"{len(rows)} mistakes" in printed and "the table is the identity" in printed
    assert "NOT" not in printed


def test_two_mistakes_that_are_one_are_found(capsys, monkeypatch):
    blank = Blank("double", "", ("double(x)",), lambda look, f: look.call("f(1)", f, np.array(1.0)),
                  (lambda x: 2 * x,), (Advice((1, ""), "", ""),))
    blank.mistake("one", lambda x: x, follows="")
    blank.mistake("the same", lambda x: x * x, follows="")
    monkeypatch.setattr(__main__, "BLANKS", {"double": blank})
    assert __main__.mistakes() == 1
    assert "NOT the identity" in capsys.readouterr().out
