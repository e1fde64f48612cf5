"""Mutation testing of the core, `make mutants`: the changes of its code that no test notices.

Each mutant is one file of a copy of the project, in which the tests run until one fails. They run in a fork of this
process, which has loaded all but mlplib already. A survivor must stand in survivors.toml, with the reason why no
test can tell it, or should.

    python tests/mutants/tried.py [--again] [MODULE ...]

With --again only those that survived the last time are tried, of the modules named or of all.
"""

import json
import os
import resource
import shutil
import signal
import subprocess
import sys
import time
import tomllib
from collections import Counter, defaultdict
from contextlib import redirect_stdout
from io import StringIO
from itertools import count
from pathlib import Path

os.environ |= dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")  # one mutant for each processor

import hypothesis
import pytest
from tqdm import tqdm

ROOT = Path(__file__).resolve().parents[2]
BUILT = ROOT / "_build" / "mutants"
ENOUGH = 0.95
# The modules from small to large, and whose tests are run, those first that say most about the module.
TESTS = {
    "losses": "losses",
    "initializers": "initializers",
    "activations": "activations",
    "gradient_check": "gradient_check checks",
    "optimizers": "optimizers",
    "network": "network checks",
    "training": "training optimizers",
}
# Hypothesis is the only plugin that the tests need; what is loaded already cannot be rewritten, which pytest warns of.
OPTIONS = ["-x", "-q", "--tb=line", "-p", "no:cacheprovider", "-p", "_hypothesis_pytestplugin", "--hypothesis-seed=0",
           "-m", "not slow", "-W", "ignore::pytest.PytestAssertRewriteWarning"]
os.environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"
# A counterexample is enough; the smallest is not looked for.
hypothesis.settings.register_profile("quick", database=None,
                                     phases=[hypothesis.Phase.explicit, hypothesis.Phase.generate])
hypothesis.settings.load_profile("quick")


def key(mutant):
    return tuple(mutant[name] for name in ("module", "function", "line", "becomes"))


def explained():
    """The survivors with a reason."""
    with open(Path(__file__).with_name("survivors.toml"), "rb") as file:
        entries = tomllib.load(file)["survivors"]
    return {(each["module"], each["function"], each["line"], becomes): each["why"]
            for each in entries for becomes in each["becomes"]}


def copy_of_project(number):
    tree = BUILT / f"tree-{number}"
    shutil.rmtree(tree, ignore_errors=True)
    shutil.copytree(ROOT, tree, ignore=shutil.ignore_patterns(".git", ".venv", "_build", ".hypothesis", "__pycache__"))
    return tree


def load_what_does_not_change(tree):
    """Load what the tests of all modules load, and forget what is of the project."""
    path, finders, here = list(sys.path), list(sys.meta_path), os.getcwd()
    sys.modules["torch"] = None  # what is found does not depend on who has it, and it loads slowly
    os.chdir(tree)
    sys.path[0] = str(tree)
    with redirect_stdout(StringIO()):
        pytest.main([*OPTIONS, "--collect-only", *{f"tests/test_{name}.py" for each in TESTS.values()
                                                  for name in each.split()}])
    os.chdir(here)
    sys.path[:], sys.meta_path[:] = path, finders
    for name, module in list(sys.modules.items()):
        if str(tree) in str(getattr(module, "__file__", "")):
            del sys.modules[name]
    if "mlplib" in sys.modules:
        sys.exit("mlplib was loaded from elsewhere; its mutants would not be.")


def start(tree, module, code, mtime, seconds):
    """Write a module's code into a copy of the project, and start its tests in a fork, which is returned as a pid.

    It may compute for so many seconds, however long that takes on a busy machine.
    """
    path = tree / "mlplib" / f"{module}.py"
    path.write_text(code, encoding="utf-8")
    os.utime(path, (mtime, mtime))  # another one each time: Python goes by it when it looks for compiled code
    if pid := os.fork():
        return pid
    os.setsid()
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds))
    with open(tree / "log", "w", encoding="utf-8") as log:
        os.dup2(log.fileno(), 1), os.dup2(log.fileno(), 2)
    os.chdir(tree)
    os.environ["PYTHONPATH"] = str(tree)
    sys.path[0] = str(tree)
    os._exit(pytest.main([*OPTIONS, *(f"tests/test_{name}.py" for name in TESTS[module].split())]))


def end(pid):
    """Exit code and seconds computed of a fork, None while it runs; whatever it started is ended with it."""
    found, status, used = os.wait4(pid, os.WNOHANG)
    if not found:
        return None
    kill(pid)
    return os.waitstatus_to_exitcode(status), used.ru_utime + used.ru_stime


def kill(pid):
    try:
        os.killpg(pid, signal.SIGKILL)
    except ProcessLookupError:
        pass


def tried(mutants, trees, seconds):
    """(mutant, outcome, seconds computed) for each: "survived", "killed", or "endless" after so long for its module."""
    running, mtimes = {}, count(1)  # pid -> mutant, its tree, when it must be waiting for something that never comes
    free, mutants = list(trees), iter(mutants)
    more = True
    while more or running:
        while more and free:
            mutant = next(mutants, None)
            if more := mutant is not None:
                tree, limit = free.pop(), seconds[mutant["module"]]
                pid = start(tree, mutant["module"], mutant["code"], next(mtimes), limit)
                running[pid] = mutant, tree, time.monotonic() + 30 * limit
        time.sleep(0.02)
        for pid, (mutant, tree, late) in list(running.items()):
            if (ended := end(pid)) is None:
                if time.monotonic() > late:
                    kill(pid)
                continue
            code, used = ended
            del running[pid]
            name = f"{mutant['module']}.py"
            shutil.copy(ROOT / "mlplib" / name, tree / "mlplib" / name)
            free.append(tree)
            yield mutant, "survived" if code == 0 else "killed" if code > 0 else "endless", used


def patience(module, tree):
    """How many seconds the tests of a module may compute: several times what they do when nothing is changed."""
    code = (ROOT / f"mlplib/{module}.py").read_text(encoding="utf-8")
    [(_, outcome, used)] = tried([{"module": module, "code": code}], [tree], {module: 600})
    if outcome != "survived":
        sys.exit(f"The tests of {module} fail where nothing is changed:\n{(tree / 'log').read_text('utf-8')}")
    return 5 + round(3 * used)


def made(modules):
    tools = ROOT / "_build/tools/bin/python"
    with subprocess.Popen([tools, "-W", "ignore", Path(__file__).with_name("made.py"),
                           *(ROOT / f"mlplib/{module}.py" for module in modules)], stdout=subprocess.PIPE) as making:
        yield from map(json.loads, making.stdout)
    if making.returncode:
        sys.exit("The mutants could not be made.")


def main(arguments):
    again = "--again" in arguments
    modules = [each for each in TESTS if each in arguments] or list(TESTS)
    BUILT.mkdir(parents=True, exist_ok=True)
    last = BUILT / "survivors.json"
    before = {tuple(each) for each in json.loads(last.read_text("utf-8"))} if again else set()
    trees = [copy_of_project(number) for number in range(os.cpu_count())]
    load_what_does_not_change(trees[0])
    seconds = {module: patience(module, trees[0]) for module in modules}
    outcomes, survivors, reasons = defaultdict(Counter), [], explained()
    chosen = (mutant for mutant in made(modules) if not again or key(mutant) in before)
    for mutant, outcome, _ in tqdm(tried(chosen, trees, seconds), unit=" mutants", disable=None):  # only on a terminal
        outcomes[mutant["module"]][outcome] += 1
        if outcome == "survived":
            survivors.append(key(mutant))
            if key(mutant) not in reasons:
                tqdm.write("not explained: {}, {}\n    {}\n    {}".format(*key(mutant)))
    last.write_text(json.dumps(survivors, ensure_ascii=False, indent=1), "utf-8")

    print(f"\n{'module':16}mutants  killed  survived  % killed")
    total = sum(outcomes.values(), Counter())
    for module, each in [*outcomes.items(), ("all", total)]:
        killed = each["killed"] + each["endless"]
        print(f"{module:16}{each.total():7}{killed:8}{each['survived']:10}{100 * killed / each.total():10.1f}")
    unexplained = sum(each not in reasons for each in survivors)
    outdated = [each for each in reasons if each[0] in modules and each not in survivors]
    print(f"{total['endless']} of the killed would not end; {unexplained} survivors are not explained.")
    for each in outdated:
        print("explained, but killed or gone: {}, {}\n    {}\n    {}".format(*each))
    too_many = not again and total["survived"] > (1 - ENOUGH) * total.total()
    return too_many or unexplained > 0 or bool(outdated)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
