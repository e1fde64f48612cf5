"""One hand-in at a time, among them some that do harm: each costs its own points only. The harm in real processes."""

import asyncio

import jupytext
import nbformat
import pytest
from solutions import NAMES, SOLUTION

from mlplib.practice import BLANKS, grading
from mlplib.practice.grading import NAMED_SHARE, POINTS, causes, grade, judged

STUDENT = SOLUTION.parents[1] / "exercises" / "implement.ipynb"
SECONDS, AT_ONCE = 60, 4  # a cell or a check has a sixth
SOME = {name: POINTS[name] for name in ("sigmoid", "forward", "delta")}  # beside the one that is harmed, to save time
SLEEP = "import time\ntime.sleep(10**6)"
PATCH = """
import mlplib.practice, mlplib.practice.blanks, mlplib.practice.observation
mlplib.practice.check = print
mlplib.practice.blanks.Blank.judge = mlplib.practice.blanks.Blank.answer = None
mlplib.practice.observation.Observation.call = None
"""
ASKED = "    inputs = [X]"
BORROWED = "is the library's own, and nothing of it was written here"
# By hand-in: what is added to the cell of `forward`, or takes the place of words in it; what the blank gets; what the
# teacher is told.
HARM = {
    "hangs": (SLEEP, {}, 0, "Cell 6 did not end within 10 s; it was left out."),
    "hangs when asked": ("", {ASKED: f"    {SLEEP.replace(chr(10), '; ')}"}, 0, "did not end within 10 s"),
    "ends its process": ("import os\nos._exit(3)", {}, 0, "Cell 6 ended its process (code 3)"),
    "ends it when asked": ("import os", {ASKED: "    os._exit(0)"}, 0, "forward: The function ended its"),
    "reads where nothing is": ("import ctypes\nctypes.string_at(0)", {}, 0, "(signal SIGSEGV)"),
    "takes all memory": ("taken = bytearray(10**11)", {}, 12, "Cell 6 raises MemoryError"),
    "prints a gigabyte": ("for _ in range(1000):\n    print('x' * 10**6)", {}, 12, ""),
    "prints when asked": ("", {ASKED: "    inputs = [print('x' * 10**6) for _ in range(50)] and [X]"}, 12, ""),
    "removes its neighbour": ("import os\nos.remove({neighbour!r})", {}, 12, "PermissionError: a hand-in that is"),
    "writes over its neighbour": ("open({neighbour!r}, 'w')", {}, 12, "(open: ada.ipynb)"),
    "starts programs": ("import os\nos.system('kill -9 ' + str(os.getppid()))", {}, 12, "(os.system)"),
    "rewrites the checks": (PATCH, {"@ W": "@ W.T"}, 6, "forward: a transposed product: X Wᵀ"),
    "borrows": ("from mlplib.losses import softmax as forward", {}, 0, "forward is the library's own"),
    "borrows the answer": ("from mlplib.practice.checking import BLANKS as _B",
                           {ASKED: "    return _B['forward'].reference[0](X, weights, f)"}, 0,
                           f"mlplib.practice.checking.BLANKS {BORROWED}."),
    "borrows the network": ("", {ASKED: "    import mlplib.network as n; return n.MLP()"}, 0,
                            f"mlplib.network.MLP {BORROWED}."),
    "imports at the top what is needed later": ("from mlplib.inputs import standardized_mnist\nimport mlplib", {}, 12,
                                                ""),
    "checks where it writes": ("check('forward', forward); print(check('delta', forward).right)", {}, 12, ""),
    "has no such cell": ("", {"def forward": "def backward"}, 0, "There is no function forward."),
    "is misspelt": ("", {"def forward": "def foreward"}, 0, "There is no function forward; found: foreward."),
    "is no Python": ("what = = this", {}, 0, "Cell 6 raises SyntaxError"),
    "raises": ("1 / 0", {}, 12, "Cell 6 raises ZeroDivisionError: division by zero."),
}


def hand_in(extra="", changes=(), neighbour="ada.ipynb"):
    """The content of the solution version with its cell of `forward` changed."""
    notebook = jupytext.read(SOLUTION)
    cell, = (cell for cell in notebook.cells if "def forward(" in cell.source)
    for old, new in dict(changes).items():
        assert old in cell.source
        cell.source = cell.source.replace(old, new)
    cell.source += "\n" + extra.replace("{neighbour!r}", repr(str(neighbour)))
    return nbformat.writes(notebook).encode()


@pytest.fixture(scope="module")
def graded(tmp_path_factory):
    """All of them graded, some beside each other: the grades by name."""
    neighbour = tmp_path_factory.mktemp("neighbours") / "ada.ipynb"
    neighbour.write_bytes(hand_in())
    contents = {"ada": neighbour.read_bytes(), "empty": STUDENT.read_bytes()} | {
        name: hand_in(extra, changes, neighbour) for name, (extra, changes, _, _) in HARM.items()}

    async def all_of_them():
        free = asyncio.Semaphore(AT_ONCE)

        async def one(name):
            async with free:
                return await grade(name, contents[name], SOME if name in HARM else POINTS, SECONDS, 2**30)
        return await asyncio.gather(*map(one, contents))

    grades = asyncio.run(all_of_them())
    assert neighbour.read_bytes() == contents["ada"]
    return {each.name: each for each in grades}


def test_the_points_are_a_hundred_and_halves_are_whole():
    assert list(POINTS) == list(BLANKS) and sum(POINTS.values()) == 100
    assert all(points % 2 == 0 for points in POINTS.values())


def test_the_page_for_teachers_tells_the_points_as_they_are():
    page = " ".join((SOLUTION.parents[2] / "book" / "teach.md").read_text(encoding="utf-8").split())
    assert f"a hundred points: {', '.join(f'{name} {most}' for name, most in POINTS.items())}." in page
    assert f"{sum(len(blank.mistakes) for blank in BLANKS.values())} mistakes by their names" in page


@pytest.mark.slow
def test_the_solution_version_gets_all_points(graded):
    each = graded["ada"]
    assert each.points == POINTS and not each.mistakes and not each.remarks
    assert each.feedback.startswith("ada: 100 of 100 points") and each.feedback.count("Right: ") == 8


@pytest.mark.slow
def test_the_student_version_gets_none_and_is_told_what_to_write(graded):
    each = graded["empty"]
    assert set(each.points.values()) == {0} and not each.mistakes and not each.remarks
    assert all(f"Nothing here yet: {name}." in each.feedback for name in BLANKS)


@pytest.mark.slow
@pytest.mark.parametrize("name", HARM)
def test_a_hand_in_costs_its_own_points_only_and_says_why(graded, name):
    _, _, points, told = HARM[name]
    assert graded[name].points == SOME | {"forward": points}, graded[name]
    assert told in " ".join([*graded[name].mistakes, *graded[name].remarks])
    assert told or not graded[name].remarks


@pytest.mark.slow
def test_all_that_hangs_has_one_limit_together(monkeypatch):
    monkeypatch.setattr(grading, "SHARE_OF_STEP", 0.6)
    hanging = hand_in().replace(b"### BEGIN SOLUTION", b"import time; time.sleep(10**6)")
    each = asyncio.run(grade("slow", hanging, seconds=1))
    assert sum(each.points.values()) == 0 and "After 1 s in all it was stopped." in each.remarks
    assert "training: It could not be looked at, because the hand-in hangs or crashes elsewhere." in each.remarks


@pytest.mark.slow
def test_what_cannot_be_judged_costs_its_blank_alone(monkeypatch):
    monkeypatch.setattr(BLANKS["delta"], "judge", lambda seen: seen["no such thing"])
    each = asyncio.run(grade("ada", hand_in(), SOME))
    assert each.points == SOME | {"delta": 0} and each.remarks == ["delta: The function answered what is no answer."]


def test_an_empty_file_is_told():
    each = asyncio.run(grade("x.ipynb", b""))
    assert sum(each.points.values()) == 0 and each.feedback.startswith("x.ipynb: 0 of 100 points\n\nThis file is empty")
    assert each.remarks == ["This file is empty, cannot be read, or is larger than 50 MB."]


def test_points_by_hand_stand_in_all_that_is_told():
    each = asyncio.run(grade("x.ipynb", b"torn", by_hand={"delta": (6, "on paper")}))
    assert each.points == dict.fromkeys(POINTS, 0) | {"delta": 6}
    assert each.remarks[1:] == ["delta: 6 by hand, on paper"] and each.feedback.startswith("x.ipynb: 6 of 100 points")
    assert "delta: 6 of 8 points\nGraded by hand: on paper\n" in each.feedback


# ---- points and words, without a process


def seen(blank, *functions):
    return judged(BLANKS[blank], BLANKS[blank].observe(*functions))


def written(body, blank):
    """The functions of a blank, all with one body."""
    world = {}
    for call in BLANKS[blank].signatures:
        exec(f"def {call}:\n    {body}", world)
    return [world[name] for name in NAMES[blank]]


@pytest.mark.parametrize("body", ["while True: print(1)", "pass", "raise ValueError('x')", "undefined", "return X",
                                  "return", "print(1)", "0 * 1"])
@pytest.mark.parametrize("blank", BLANKS)
def test_nothing_written_is_worth_nothing_and_called_by_no_name(blank, body):
    share, mistake, text = seen(blank, *written(body, blank))
    assert share == 0 and mistake == ("a loop without an end" if "while" in body else None)
    assert BLANKS[blank].name == "momentum" or "Nothing comes out" not in text
    follows = [each.follows for name, each in BLANKS[blank].mistakes.items() if name != mistake]
    assert not any(each in text for each in follows)


@pytest.mark.parametrize("blank", BLANKS)
def test_a_mistake_with_a_name_has_half_if_something_comes_out(blank):
    shares = {name: seen(blank, *mistake.ways[0])[0] for name, mistake in BLANKS[blank].mistakes.items()}
    nothing = {"a second constant 1", "ten classes, whatever the network", "the update of a copy",
               "a loop without an end"}
    assert shares == {name: 0 if name in nothing else NAMED_SHARE for name in shares}


def test_what_ends_a_function_is_told_before_the_mistake_that_it_resembles():
    def train(network, training, validation, batch_size, epochs, patience, rng):
        X, y = training
        network.gradients(X[:4], y[:4])
        return nowhere  # noqa: F821

    share, mistake, text = seen("training", train)
    assert share == 0 and mistake is None and "NameError: name 'nowhere' is not defined" in text
    assert causes([BLANKS["training"].observe(train)]) == [
        "nowhere is not defined: the cell that imports or defines it is missing, or raises."]


def test_a_loop_is_told_where_it_was_stopped_and_not_what_was_raised_before():
    def update(weights, gradients, velocities, alpha, gamma):
        if weights[0].shape == (3, 3):
            raise ValueError("other")
        while True:
            pass

    share, mistake, text = seen("momentum", update)
    assert share == 0 and mistake == "a loop without an end" and "other" not in text
    assert "two matrices of two shapes" in text and text.endswith(" did not come to an end, and was stopped.")
