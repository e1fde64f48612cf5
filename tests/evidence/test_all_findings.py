"""Findings: what the book's pages ask of the stored runs, told as numbers and tables."""

import pytest

from mlplib.evidence import CLAIMS, MEASURES, MECHANISMS, QUESTIONS, EvidenceError, compare, tricks
from mlplib.evidence.effects import HOLDS, UNDECIDED
from mlplib.evidence.figures import VerdictTable, effect_text
from mlplib.evidence.findings import Findings
from mlplib.evidence.open_claims import LEFT_OUT, PLANNED, needed_for, reopened
from mlplib.evidence.plans import first_level, open_effects, seeds_needed
from mlplib.store import packaged


@pytest.fixture(scope="module")
def findings():
    return Findings()


def test_there_is_a_verdict_on_each_part_of_both_registrations_by_its_name(findings):
    assert [each.part for each in findings.claims] == list(CLAIMS.parts)
    assert [each.part for each in findings.questions] == list(QUESTIONS.parts)
    assert set(findings.runs) == {*CLAIMS.arms, *QUESTIONS.arms}
    assert findings["C3a"].verdict == HOLDS and findings["SC3a"].part.name == "SC3a"
    with pytest.raises(KeyError):
        findings["C20"]


def test_parts_of_other_registrations_are_asked_for_by_their_names_too(findings):
    more = Findings(others=[MECHANISMS])
    assert more.claims == findings.claims and more["C3a"] == findings["C3a"]
    assert set(more.runs) == {*findings.runs, *MECHANISMS.arms}
    assert [row[0] for row in more.table("XU", title="asked").rows] == ["XU1", "XU2", "XU3", "XU4", "XU5", "XU6"]
    undecided = more["XU4"]
    assert needed_for(undecided, more.runs, MECHANISMS.parts) == seeds_needed(
        undecided.effect.comparison, more.runs, first_level(MECHANISMS.parts)) != needed_for(undecided, more.runs)
    with pytest.raises(EvidenceError):
        Findings(packaged("tuning", "claims", "questions"), others=[MECHANISMS])


def test_what_lacked_seeds_is_what_the_open_claims_ask_again_or_say_how_many_it_takes(findings):
    undecided = {each.part.name: each for each in findings.claims + findings.questions if each.verdict == UNDECIDED}
    assert set(undecided) == set(PLANNED) | set(LEFT_OUT) and not set(PLANNED) & set(LEFT_OUT)
    lacking = {name: open_effects(each) for name, each in undecided.items()}
    others = {name for name, effects in lacking.items() if effects != [undecided[name].effect]}
    assert others == {"C12f"}, "no repetition stands against one of them; of C12f the control is open"
    assert lacking["C12f"] == [undecided["C12f"].controls[0][1]]
    said = {one.first.part.name: one.needed for one in reopened(findings.claims + findings.questions, findings.runs)}
    assert said == {name: powers[-1].needed for name, powers in (PLANNED | LEFT_OUT).items()}


def test_an_effect_is_told_with_its_interval_or_in_a_word(findings):
    own, fair = findings["C3a"].effect, findings["C3a"].controls[0][1]
    assert (findings.said("C3a"), findings.said("C3a", 0)) == (effect_text(own), effect_text(fair))
    assert findings.images("C3a") == f"{1000 * own.estimate:.0f}"
    assert findings.images("C13a") == f"{-1000 * findings['C13a'].effect.estimate:.0f}"
    assert findings.images("C10a") == f"{1000 * findings['C10a'].effect.estimate:.1f}"
    assert findings.percent("C2") == f"{100 * findings['C2'].effect.estimate:.0f} %"
    assert findings.times("C1b") == f"{findings['C1b'].effect.estimate:.2g}"
    assert findings.times("C18a") == f"{10 ** (findings['C18a'].effect.estimate - 2):.2g}"  # beside 10⁻², the rule's


def test_a_table_has_the_parts_that_were_asked_for(findings):
    def names(*prefixes):
        table = findings.table(*prefixes, title="asked")
        assert isinstance(table, VerdictTable) and 'aria-label="asked"' in table._repr_html_()
        return [row[0] for row in table.rows]

    assert names("C1") == ["C1a", "C1b", "C1c", "C1d"]  # and not C10 to C19
    assert names("D", "P") == [v.part.name for v in findings.questions if v.part.name[0] in "DP"]
    assert names("C19", "M1") == ["C19a", "C19b", "C19c", "C19d", "M1a", "M1b", "M1c"]


def test_arms_can_be_looked_at_beside_the_rules(findings):
    a, b = tricks("110").under(), tricks("100").under()
    assert findings.values(a, "accuracy") == [MEASURES["accuracy"].of(run) for run in findings.runs[a]]
    assert findings.beside(a, b, "accuracy") == effect_text(compare(findings.runs[a], findings.runs[b]))
    assert set(findings.curve(tricks("110"))) > {float(findings.chosen(tricks("110"))),
                                                 float(findings.chosen(tricks("110"), "fastest"))}
