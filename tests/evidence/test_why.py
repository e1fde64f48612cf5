"""The rules on curvature and steps: what is computed of made-up looks, what is said of it, and how looks are kept."""

import json
import math

import numpy as np
import pytest
from made_up import losses, made_up_looks

from mlplib.evidence import why
from mlplib.evidence.arms import Network
from mlplib.evidence.effects import EQUIVALENT, FAILS, HOLDS, UNDECIDED
from mlplib.evidence.looks import LOOKED_AT, NOISY, STEPS
from mlplib.evidence.registrations import EvidenceError
from mlplib.evidence.why import ASKED, DIGEST, LOOKING_SEEDS, judge_looks, read_looks, take_looks


def values(looks, name):
    (question,) = [question for question in ASKED if question.name == name]
    return question.of(looks)


def test_the_rules_are_those_that_were_registered():
    assert DIGEST == "88f7d62534fae19c"
    assert len({question.name for question in ASKED}) == len(ASKED) == 26
    assert len(LOOKING_SEEDS) == len(set(LOOKING_SEEDS)) == 20 and min(LOOKING_SEEDS) >= 420


def test_what_of_the_scatter_is_explained_is_all_of_it_where_the_steps_are_in_proportion_and_none_where_they_are_not():
    assert values(made_up_looks(scatter=0), "Y1c") == pytest.approx(1, abs=1e-3)
    assert values(made_up_looks(scatter=0, ratio=0.1), "Y1c") == pytest.approx(1, abs=0.05), "a constant is free"
    assert values(made_up_looks(follows=0.01, scatter=0.3), "Y1c") < 0
    half = made_up_looks(follows=0.5, scatter=0)
    assert values(half, "Y1c") == pytest.approx(0, abs=0.02), "half the logarithm leaves as much as it takes"


def test_what_is_left_may_go_with_another_number():
    looks = made_up_looks(scatter=0.5)
    rest = [math.log(why.fastest_step(looks[network.name]["loss"]) / looks[network.name]["limit"]["gentle"])
            for network in LOOKED_AT]
    assert max(values(looks, "Y12a"), values(looks, "Y12b")) < 0.4
    for network, one in zip(LOOKED_AT, rest):
        looks[network.name] |= {"spread": math.exp(-2 * one), "saturated": 0.5 + 0.1 * one}
    assert values(looks, "Y12a") == pytest.approx(1) == values(looks, "Y12b")


def test_the_other_numbers():
    looks = made_up_looks(scatter=0)
    assert values(looks, "Y2") == pytest.approx(1.25, rel=0.02)
    assert values(looks, "Y3") == pytest.approx(1, abs=0.02)
    for code in ("000", "010", "100", "110"):
        for momentum, fastest in (("0", 0.1), ("1", 0.13)):
            looks[f"tricks {code[:2]}{momentum}"]["loss"] = losses(fastest)
    assert values(looks, "Y4") == pytest.approx(1.3, rel=1e-3)
    assert values(looks, "Y5b") == pytest.approx(1.05) and values(looks, "Y6b") == pytest.approx(0.25 / 0.21)
    assert values(looks, "Y10c") == pytest.approx(3, rel=1e-3)
    looks[NOISY[3].name]["by_batch"]["512"] = losses(0.6)
    assert values(looks, "Y11") == pytest.approx(2, rel=1e-3)
    looks = made_up_looks(scatter=0)
    steps = [STEPS[int(np.argmin(looks[network.name]["loss"]))] for network in LOOKED_AT]
    ends = [looks[network.name]["limit"]["fastest"] for network in LOOKED_AT]
    starts = [looks[network.name]["limit"]["start"] for network in LOOKED_AT]
    assert values(looks, "Y7") == pytest.approx(np.exp(np.mean(np.log(steps) - np.log(ends))))
    assert values(looks, "Y8") == pytest.approx(np.exp(np.mean(np.log(ends) - np.log(starts))))


def test_verdicts_are_those_of_the_numbers_after_the_correction():
    looks = {seed: made_up_looks(seed) for seed in LOOKING_SEEDS}
    answers = {answer.question.name: answer for answer in judge_looks(looks)}
    assert answers["Y1c"].verdict == "holds" and answers["Y1c"].low > 0.75
    assert answers["Y5a"].verdict == "equivalent" and answers["Y10d"].verdict == "holds"
    assert answers["Y11"].verdict == "does not hold"
    y2 = answers["Y2"]
    assert y2.estimate == pytest.approx(np.exp(np.mean(np.log(y2.values)))) and y2.low < y2.estimate < y2.high < 2
    assert all(len(answer.values) == 20 and answer.low <= answer.estimate <= answer.high for answer in answers.values())
    faster = {seed: made_up_looks(seed) for seed in LOOKING_SEEDS}
    for looks in faster.values():
        for code in ("00", "01", "10", "11"):
            looks[f"tricks {code}0"]["loss"], looks[f"tricks {code}1"]["loss"] = losses(0.1), losses(0.3)
    (y4,) = [answer for answer in judge_looks(faster) if answer.question.name == "Y4"]
    assert y4.verdict == "does not hold" and 1.5 < y4.low <= y4.estimate == pytest.approx(3, rel=1e-3)
    looks = {seed: made_up_looks(seed, follows=0.0, scatter=0.5) for seed in LOOKING_SEEDS}
    against = {answer.question.name: answer.verdict for answer in judge_looks(looks)}
    assert against["Y1c"] == "does not hold"


# ---- how looks are kept


@pytest.fixture
def quick(monkeypatch):
    """Looks that take no time, and which they were."""
    taken = []

    def look_at(network, seed):
        taken.append((network.name, seed))
        if network.name == "broken" and len(taken) == 3:
            raise KeyboardInterrupt
        return {"loss": [0.123456789], "limit": {"start": 1e-7 / 3}}

    monkeypatch.setattr(why, "look_at", look_at)
    return taken


def test_looks_that_are_there_are_not_taken_again(tmp_path, quick):
    path = tmp_path / "why.json"
    networks = [Network("a, b", LOOKED_AT[0].experiment), NetworkB := Network("c", LOOKED_AT[0].experiment)]
    assert read_looks(path) == {}
    take_looks(path, (400, 401), [NetworkB], n_jobs=1, progress=False)
    found = take_looks(path, (400, 401), networks, n_jobs=1, progress=False)
    assert quick == [("c", 400), ("c", 401), ("a, b", 400), ("a, b", 401)]
    assert found == read_looks(path) and list(found) == [400, 401]
    assert found[401]["c"] == {"loss": [0.12346], "limit": {"start": 3.3333e-08}}


def test_what_was_taken_before_ctrl_c_is_kept(tmp_path, quick):
    path = tmp_path / "why.json"
    with pytest.raises(KeyboardInterrupt):
        take_looks(path, (400, 401, 402), [Network("broken", LOOKED_AT[0].experiment)], n_jobs=1, progress=False)
    assert list(read_looks(path)) == [400, 401]


def test_looks_under_other_rules_are_refused(tmp_path):
    path = tmp_path / "why.json"
    path.write_text(json.dumps({"digest": "0" * 16, "looks": {}}))
    with pytest.raises(EvidenceError, match=f"taken under other rules, 0{{16}}, than the present ones, {DIGEST}"):
        read_looks(path)


# ---- the looks in the package

#: The verdicts that were given. They change with looks that are taken anew, and with nothing else.
GIVEN = {
    HOLDS: "Y1b Y1c Y1d Y1e Y1g Y2 Y3 Y6a Y6b Y7 Y8 Y9 Y10a Y10b Y10c Y10d",
    EQUIVALENT: "Y4 Y5b Y5c",
    FAILS: "Y1a Y12b Y6c Y11",
    UNDECIDED: "Y1f Y12a Y5a",
}


def test_the_looks_are_complete():
    assert {seed: set(each) for seed, each in read_looks().items()} == {
        seed: {network.name for network in LOOKED_AT} for seed in LOOKING_SEEDS}


def test_the_verdicts_are_those_that_were_given():
    answers = judge_looks(read_looks())
    assert {word: [answer.question.name for answer in answers if answer.verdict == word] for word in GIVEN} == {
        word: names.split() for word, names in GIVEN.items()}


@pytest.mark.slow
def test_a_look_that_is_taken_again_is_the_stored_one():
    """But for what processors round differently, of which long steps make much."""
    seed, network = 433, LOOKED_AT[4]
    stored, again = read_looks()[seed][network.name], why.look_at(network, seed)
    assert again.keys() == stored.keys()
    assert again["limit"] == pytest.approx(stored["limit"], rel=0.05)
    assert again["loss"][:8] == pytest.approx(stored["loss"][:8], rel=0.02)
    assert again["spread"] == pytest.approx(stored["spread"], rel=0.05)
    assert again["saturated"] == pytest.approx(stored["saturated"], rel=0.02)
