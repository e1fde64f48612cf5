"""A report of one's own: the notebook that leads to one, on other data, and what is refused on the way."""

import json
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import joblib
import jupytext
import matplotlib.pyplot as plt
import numpy as np
import pytest

import mlplib
from mlplib import DataSet, Experiment
from mlplib.evidence import MEASURES, Comparison, Control, EvidenceError, Network, Part, Protocol
from mlplib.evidence.figures import effect_text
from mlplib.evidence.own_report import OwnReport
from mlplib.evidence.plans import seeds_needed
from mlplib.store import Store

NOTEBOOK = Path(__file__).parents[2] / "notebooks" / "exercises" / "own_report.md"
SEEDS = range(100, 104)
SHORT = Protocol(epochs=4, patience=None, evaluations_per_epoch=1, dense_steps=0)


def blobs(n, seed, distance=4.0):
    rng = np.random.default_rng(seed)
    labels = rng.permutation(np.arange(n) % 3)
    return rng.normal(size=(n, 6)) + distance * np.eye(3, 6)[labels], labels


@pytest.fixture(autouse=True)
def here(monkeypatch):
    """One process, and a folder that keeps what is trained."""
    monkeypatch.delenv("MLPLIB_RETRAIN", raising=False)
    with joblib.parallel_config("sequential"):
        yield


@pytest.fixture(scope="module")
def data():
    return DataSet("blobs", blobs(96, 0), blobs(60, 1))


@pytest.fixture
def part(data):
    e = Experiment((4,), data=data, learning_rate=1.0, epochs=4)
    a, b = ((Network(name, replace(e, **fields)).under(SHORT, seeds=SEEDS),) for name, fields in (
        ("as it is", {}), ("hardly any step", {"learning_rate": 1e-6})))
    accuracy = Comparison("accuracy", a, b, "greater", 0.01)
    return Part("Q1", "a step helps", accuracy, (Control("of itself", replace(accuracy, b=0.3), "persists"),))


def everywhere(part, change):
    """The part with other arms, in its controls too."""
    def changed(comparison):
        return replace(comparison, **{side: tuple(map(change, getattr(comparison, side))) for side in "ab"
                                      if isinstance(getattr(comparison, side), tuple)})
    return replace(part, comparison=changed(part.comparison), controls=tuple(
        replace(control, comparison=changed(control.comparison)) for control in part.controls))


@pytest.fixture
def report(part, tmp_path):
    return OwnReport("steps", (part,), "A test.", tmp_path / "mine")


WORDS = {"question": "Does a step help?", "why": "Who knows.", "answer": "By {Q1}: {Q1.a} and {Q1.b}, {Q1.verdict}.",
         "caption": "Dots.", "alt": "Dots in two rows."}

# ---- the notebook

ARRAYS = """
rng = np.random.default_rng(0)
labels = rng.permutation(np.arange(240) % 4)
images = rng.normal(size=(240, 3, 3)) + labels.reshape(-1, 1, 1)
data = mlplib.DataSet("noise", (images[:160], labels[:160]), (images[160:], labels[160:]))
"""
FILES = """
images, labels = (mlplib.read_idx(files / f"{name}.idx") for name in ("images", "labels"))
data = mlplib.DataSet("files", (images[:160], labels[:160]), (images[160:], labels[160:]))
"""


def write_idx(path, array):
    head = bytes([0, 0, 8, array.ndim]) + b"".join(size.to_bytes(4, "big") for size in array.shape)
    path.write_bytes(head + array.astype(np.uint8).tobytes())


def cells(own_data, folder):
    """The code of the notebook, with other data, a folder that stays, and fewer seeds."""
    for cell in jupytext.read(NOTEBOOK).cells:
        code = cell.source
        if cell.cell_type == "code":
            if "held_out" in code:
                code = own_data
            for ours, other in (("tempfile.mkdtemp()", repr(str(folder))), ("range(100, 108)", "range(100, 102)"),
                                ("(32,)", "(4,)")):
                code = code.replace(ours, other)
            yield code


@pytest.mark.parametrize("source", [ARRAYS, FILES], ids=("arrays", "IDX files"))
def test_the_notebook_leads_from_other_data_to_a_page(source, tmp_path, capsys):
    rng = np.random.default_rng(1)
    labels = rng.permutation(np.arange(240) % 4)
    write_idx(tmp_path / "labels.idx", labels)
    write_idx(tmp_path / "images.idx", rng.integers(0, 50, size=(240, 3, 3)) + 60 * labels.reshape(-1, 1, 1))
    world = {"files": tmp_path}
    for code in cells(source, tmp_path / "mine"):
        exec(code, world)
    report, page = world["report"], (tmp_path / "mine" / "fan_in.md").read_text("utf-8")
    verdict, = report.verdicts()
    assert f"`{report.digest}`" in page and world["data"].digest in page and "{Q1" not in page
    assert f"the verdict on the claim is: {verdict.verdict}." in page and f"<em>{verdict.verdict}</em>" in page
    assert f"a difference of {effect_text(verdict.effect)}. So" in page
    assert {len(each) for each in world["runs"].values()} == {2} and len(world["runs"]) == 4
    if source is FILES:
        return  # a page is a page
    built = tmp_path / "book"
    shutil.copytree(tmp_path / "mine", built, ignore=shutil.ignore_patterns("runs"))
    (built / "conf.py").write_text('extensions = ["myst_nb"]\nroot_doc = "fan_in"\nnb_execution_mode = "off"\n')
    done = subprocess.run([sys.executable, "-m", "sphinx", "-q", "-W", str(built), str(built / "html")], text=True,
                          capture_output=True, check=False)
    assert done.returncode == 0, done.stderr
    html = (built / "html" / "fan_in.html").read_text("utf-8")
    assert report.digest in html and "fan_in.png" in html and "<table" in html and "aria-hidden" in html


# ---- rules before runs


def test_rules_that_are_registered_are_found_again_with_their_date(report, part, tmp_path):
    path = tmp_path / "mine" / "registration.json"
    about = json.loads(path.read_text("utf-8"))
    assert about["digest"] == report.digest and part.text in about["parts"][0]
    path.write_text(json.dumps(about | {"date": "2026-01-01"}), "utf-8")
    again = OwnReport("steps", (part,), "A test.", tmp_path / "mine")
    assert again.digest == report.digest and repr(again).startswith(f"steps, registered on 2026-01-01: {report.digest}")


@pytest.mark.parametrize("change, what", [
    (lambda part: replace(part, comparison=replace(part.comparison, margin=0.001)), "the parts"),
    (lambda part: replace(part, comparison=replace(part.comparison, direction="same")), "the parts"),
    (lambda part: replace(part, controls=()), "the parts"),
    (lambda part: everywhere(part, lambda arm: replace(arm, seeds=range(200, 204))), "the plan"),
    (lambda part: everywhere(part, lambda arm: arm.network.under(replace(SHORT, epochs=5), seeds=SEEDS)), "the plan"),
], ids=("margin", "direction", "controls", "seeds", "epochs"))
def test_rules_that_changed_are_refused(report, part, tmp_path, change, what):
    with pytest.raises(EvidenceError) as error:
        OwnReport("steps", (change(part),), "A test.", tmp_path / "mine")
    assert f"with the digest {report.digest}; these rules have" in str(error.value) and what in str(error.value)


def test_other_data_are_other_rules(report, part, tmp_path, data):
    images = data.train[0].copy()
    images[0, 0] += 1
    other = DataSet("blobs", (images, data.train[1]), data.validation)
    changed = everywhere(part, lambda arm: Network(str(arm), replace(arm.network.experiment, data=other)).under(
        SHORT, seeds=SEEDS))
    with pytest.raises(EvidenceError, match="the plan, the data or the experiments changed since"):
        OwnReport("steps", (changed,), "A test.", tmp_path / "mine")


def test_runs_without_rules_before_them_are_refused(report, part, tmp_path):
    report.train(progress=False)
    (tmp_path / "mine" / "registration.json").unlink()
    with pytest.raises(EvidenceError, match=r"there are runs, and no registration.json that was written before them"):
        OwnReport("steps", (part,), "A test.", tmp_path / "mine")


@pytest.mark.parametrize("content", ["", "{}", "[]", '{"date": 1, "digest": "", "plan": ""}'])
def test_a_damaged_registration_is_named(report, part, tmp_path, content):
    (tmp_path / "mine" / "registration.json").write_text(content)
    with pytest.raises(EvidenceError, match=r"registration.json: damaged, or no registration"):
        OwnReport("steps", (part,), "A test.", tmp_path / "mine")


# ---- runs


def test_training_goes_on_where_it_stopped(report, monkeypatch):
    saved, done = Store.save, []

    def interrupted(store, run, *rest):
        if len(done) == 3:
            raise KeyboardInterrupt
        done.append(run)
        return saved(store, run, *rest)

    with monkeypatch.context() as patch:
        patch.setattr(Store, "save", interrupted)
        with pytest.raises(KeyboardInterrupt):
            report.train(progress=False)
    assert len(Store(report.folder / "runs")) == 3 and report.runs == {}
    trained = []
    with monkeypatch.context() as patch:
        patch.setattr(Store, "save", lambda store, run, *rest: (trained.append(run), saved(store, run, *rest)))
        runs = report.train(progress=False)
    assert len(trained) == 5 and [len(each) for each in runs.values()] == [4, 4]
    assert {run.versions["steps"] for each in runs.values() for run in each} == {report.digest}
    with monkeypatch.context() as patch:
        patch.setattr(Store, "save", lambda *_: pytest.fail("trained again"))
        again = OwnReport("steps", report.registration.parts, "A test.", report.folder).train(progress=False)
    assert [[run.final for run in each] for each in again.values()] == [[run.final for run in each]
                                                                        for each in runs.values()]


def test_runs_of_other_rules_are_refused(report):
    experiment = report.registration.arms[0].experiments()[1]
    mlplib.sweep([experiment], report.folder / "runs", progress=False, marks={"steps": "0123456789abcdef"})
    with pytest.raises(EvidenceError, match=f"1 run not made under these rules, {report.digest}"):
        report.train(progress=False)


@pytest.mark.parametrize("where", ["1", "folder"])
def test_it_trains_where_all_is_trained_anew(report, monkeypatch, tmp_path, where):
    monkeypatch.setenv("MLPLIB_RETRAIN", "1" if where == "1" else str(tmp_path / "anew"))
    report.train(progress=False)
    assert len(report.verdicts()) == 1 and not (report.folder / "runs").exists()


def test_the_cost_is_told_before_it_is_spent(report):
    assert 0 < report.cost() < 1


# ---- the page


def test_a_page_says_what_the_runs_say(report):
    report.train(progress=False)
    page = report.write(**WORDS).read_text("utf-8")
    verdict, = report.verdicts()
    of = {arm: np.mean([np.mean([run.stops[a].last[b][1] for a, b in (("half_1", "half_2"), ("half_2", "half_1"))])
                        for run in runs]) for arm, runs in report.runs.items()}
    a, b = of.values()
    assert verdict.verdict == "holds" and verdict.effect.estimate == pytest.approx(a - b)
    assert f": {a:.3f} and {b:.3f}, holds." in page and f"By {verdict.effect.estimate:+.3f}" in page
    assert "**What 4 seeds say.**" in page and "of itself: +" in page and ", confirmed</small>" in page
    assert page.startswith("# Does a step help?\n\n**Question.** Who knows.\n\n**Experiment.** Data: DataSet 'blobs'")
    assert (report.folder / "steps.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize("what", [lambda report: report.write(**WORDS), OwnReport.verdicts, OwnReport.figure,
                                  OwnReport.undecided], ids=("page", "verdicts", "figure", "undecided"))
def test_without_runs_it_says_what_trains_them(report, what):
    """Also those of a report that is opened again."""
    report.train(progress=False)
    again = OwnReport("steps", report.registration.parts, "A test.", report.folder)
    with pytest.raises(EvidenceError, match=r"^no runs yet: call train\(\) of this report; what its folder has is not"):
        what(again)
    assert not (report.folder / "steps.md").exists()
    again.train(progress=False)
    what(again)


@pytest.mark.parametrize("change, said", [
    ({"answer": "By {Q2}."}, "answer: expected {NAME}, {NAME.verdict}, {NAME.a} and {NAME.b} of Q1 in braces, got 'Q2"),
    ({"answer": "By {Q1.c}."}, "answer: expected"), ({"answer": "By {}."}, "answer: expected"),
    ({"answer": "By {Q1."}, "answer: expected"), ({"alt": " "}, "alt: expected words, got none"),
    ({"answer": "Yes, it is great."}, "answer: expected a number of the runs, such as {Q1}, got words alone"),
    ({"answer": "It {Q1.verdict}."}, "answer: expected a number of the runs"),
])
def test_what_a_page_cannot_be_made_of_is_refused(report, change, said):
    report.train(progress=False)
    with pytest.raises(ValueError) as error:
        report.write(**WORDS | change)
    assert str(error.value).startswith(said)


@pytest.mark.parametrize("name, parts, plan, kind, said", [
    ("a b", None, "x", ValueError, "name: expected letters, digits, _ and -, got 'a b'"),
    ("../a", None, "x", ValueError, "name: expected letters"), (1, None, "x", TypeError, "name: expected a string"),
    ("a", (), "x", ValueError, "parts: expected at least one Part, got none"),
    ("a", ("Q1",), "x", TypeError, "parts[0]: expected a Part, got str"),
    ("a", None, " ", ValueError, "plan: expected words that say what else is fixed, got none"),
])
def test_what_is_no_registration_is_refused_and_nothing_written(part, tmp_path, name, parts, plan, kind, said):
    with pytest.raises(kind) as error:
        OwnReport(name, (part,) if parts is None else parts, plan, tmp_path / "mine")
    assert str(error.value).startswith(said) and not (tmp_path / "mine").exists()


# ---- every measure


def test_what_is_registered_with_any_measure_is_judged_and_written(data, tmp_path):
    """By one training: diagnostics are recorded where a measure needs them, factors become logarithms."""
    e = Experiment((3, 3, 3), data=data)
    a, b = ((Network(name, replace(e, init=init)).under(seeds=range(100, 107)),) for name, init in (
        ("fan-in", "fan_in"), ("uniform", "uniform")))
    parts = tuple(Part(f"Q{number}", "anything", Comparison(
        name, a, 0.0 if measure.kind == "share" else b, "greater", 1.1 if measure.logarithmic else 0.1))
        for number, (name, measure) in enumerate(MEASURES.items()) if name != "share of the 50 epochs")
    report = OwnReport("all", parts, "A test.\n\nOf all measures.", tmp_path / "mine")
    report.train(progress=False)
    said = " ".join(f"{{{part.name}}} {{{part.name}.a}} {{{part.name}.b}} {{{part.name}.verdict}}" for part in parts)
    page = report.write(**WORDS | {"answer": said}).read_text("utf-8")
    assert page.count("<em>") == len(parts) == len(MEASURES) - 1 and "×1.10 or more" in page
    assert "nan" not in page and " inf" not in page and "never" in page  # a loss of 0.05, for one
    for part in report.registration.parts:
        report.registration = replace(report.registration, parts=(part,))
        plt.close(report.figure())


def test_a_measure_that_is_taken_where_the_shorter_run_ends_has_means_of_both(data, tmp_path):
    e = Experiment((4,), data=data, learning_rate=1.0)
    a, b = ((Network(name, e).under(replace(SHORT, suffix=name, epochs=epochs), seeds=SEEDS),)
            for name, epochs in (("long", 8), ("short", 2)))
    part = Part("Q1", "longer is better", Comparison("accuracy, equal steps", a, b, "same", 0.1))
    report = OwnReport("ends", (part,), "A test.", tmp_path / "mine")
    report.train(progress=False)
    page = report.write(**WORDS).read_text("utf-8")
    ends = [run.history.evaluation_step[-1] for run in report.runs[b[0]]]
    long, short = (np.mean([run.history.validation_accuracy[run.history.evaluation_step <= end][-1]
                            for run, end in zip(report.runs[arm], ends)]) for arm in (*a, *b))
    assert f": {long:.3f} and {short:.3f}, " in page


# ---- what stays open


def test_an_undecided_part_says_how_many_seeds_would_decide_it(part, tmp_path):
    """At a level that all comparisons share; the page says it too."""
    close = everywhere(part, lambda arm: replace(arm, seeds=(100, 101), network=replace(
        arm.network, experiment=replace(arm.network.experiment, learning_rate={1.0: 1.0, 1e-6: 0.9}[
            arm.network.experiment.learning_rate]))))
    report = OwnReport("few", (close,), "A test.", tmp_path / "mine")
    report.train(progress=False)
    verdict, = report.verdicts()
    said, = report.undecided()
    assert verdict.effect.verdict() == "undecided" and f"- {said}" in report.write(**WORDS).read_text("utf-8")
    needed = seeds_needed(close.comparison, report.runs, 0.0125)
    assert needed and said == (
        f"Q1 is undecided with 2 seeds. If mean and spread stay as they are, about {max(3, needed)} would decide it "
        "four times out of five: in a new folder, on seeds that were not used yet.")


def test_an_open_control_counts_where_the_part_itself_is_decided(part, tmp_path):
    control, = part.controls
    open_ = replace(part, controls=(replace(control, comparison=replace(control.comparison, b=0.9)),))
    report = OwnReport("control", (open_,), "A test.", tmp_path / "mine")
    report.train(progress=False)
    verdict, = report.verdicts()
    assert verdict.effect.verdict() == "holds" and verdict.controls[0][2] == "open"
    assert "Q1 is undecided with 4 seeds, for a control is open. If mean" in report.undecided()[0]


def test_what_a_plan_leaves_open_and_what_it_protects_from_is_said_where_it_is_registered(part, data, tmp_path):
    several = everywhere(part, lambda arm: Network(str(arm), replace(
        arm.network.experiment, init="fan_in" if str(arm) == "as it is" else "uniform")).under(SHORT, seeds=SEEDS))
    report = OwnReport("steps", (several,), "A test.", tmp_path / "mine")
    assert report.remarks[0] == "Q1: the networks differ in init and learning_rate, and each may be the cause"
    assert f"Before you train, send {report.digest} to somebody" in repr(report) and "temporary" in repr(report)
    assert f"To keep in mind: {report.remarks[0]}." in repr(report)
    report.train(progress=False)
    page = report.write(**WORDS).read_text("utf-8")
    assert f"- {report.remarks[0]}." in page and "\n> A test.\n" in page


@pytest.mark.parametrize("comparison, why, numbers", [
    (("steps to 0.05", "less", 1.1), "in 6 of 6 pairs a run diverged or never came so far", ": never and never, und"),
    (("not stopped", "greater", 0.2), "all runs are alike", ": 1.000 and 0.000, undecided"),
])
def test_what_no_number_of_seeds_decides_says_why(data, tmp_path, comparison, why, numbers):
    e = Experiment((2,), data=data, learning_rate=1e-4)
    a, b = ((Network(init, replace(e, init=init)).under(seeds=range(100, 106)),) for init in ("fan_in", "uniform"))
    measure, direction, margin = comparison
    part = Part("Q1", "so", Comparison(measure, a, 0.0 if measure == "not stopped" else b, direction, margin))
    report = OwnReport("never", (part,), "A test.", tmp_path / "mine")
    report.train(progress=False)
    page = report.write(**WORDS).read_text("utf-8")
    assert report.undecided() == [("Q1 is undecided with 6 seeds. If mean and spread stay as they are, not even 1,000 "
                                  f"would decide it: {why}.")]
    assert numbers in page and "nan" not in page
