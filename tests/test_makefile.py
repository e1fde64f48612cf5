"""The Makefile keeps a user's settings out of what it builds, tests and executes."""

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
here = pytest.mark.skipif(not shutil.which("make") or not (ROOT / ".venv" / ".installed").exists(), reason="needs make")


def told(command, **settings):
    """What a command says that stands in a recipe of this Makefile."""
    env = {name: value for name, value in os.environ.items() if not name.startswith("MAKE")} | settings
    done = subprocess.run(["make", "-f", "-", "probe"], cwd=ROOT, env=env, text=True, check=False,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          input=f"include Makefile\nprobe:\n\t@{command}\n")
    return done.returncode, done.stdout


@here
def test_pip_installs_into_the_environment_even_if_configured_for_the_user(tmp_path):
    settings = tmp_path / "pip.conf"
    elsewhere = tmp_path / "elsewhere"
    settings.write_text(f"[global]\nuser = true\n[install]\ntarget = {elsewhere}\nprefix = {elsewhere}\n",
                        encoding="utf-8")
    assert told("$(PIP) $(PY) install --quiet --no-index pip", PIP_CONFIG_FILE=str(settings)) == (0, "")
    assert not elsewhere.exists()


@here
def test_where_a_user_fetches_packages_from_stays_theirs(tmp_path):
    settings = tmp_path / "pip.conf"
    settings.write_text("[global]\nindex-url = http://127.0.0.1:9/a mirror\nextra-index-url =\n  http://127.0.0.1:9/b\n"
                        "  http://127.0.0.1:9/c\ntimeout = 3\n[install]\ntarget = elsewhere\n", encoding="utf-8")
    code, said = told("$(PIP) $(PY) config list", PIP_CONFIG_FILE=str(settings))
    kept = dict(line.split("=", 1) for line in said.splitlines())
    assert code == 0 and "install.target" not in kept
    assert kept[":env:.index-url"] == "'http://127.0.0.1:9/a mirror'" and kept[":env:.timeout"] == "'3'"
    assert kept[":env:.extra-index-url"].strip("' ").split() == ["http://127.0.0.1:9/b", "http://127.0.0.1:9/c"]


PROGRAM = """
import nbformat
from nbclient import NotebookClient
cell = '''import locale, numpy, time
print(numpy.get_printoptions()["precision"], get_ipython().cache_size, *time.tzname,
      locale.setlocale(locale.LC_ALL, ""))'''
notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell)])
NotebookClient(notebook, kernel_name="python3").execute()
print(*(output.text for output in notebook.cells[0].outputs), end="")
"""


@here
def test_a_users_ipython_jupyter_language_and_clock_stay_outside_of_notebooks(tmp_path):
    program, jupyter, profile = tmp_path / "program.py", tmp_path / "jupyter", tmp_path / "ipython" / "profile_default"
    program.write_text(PROGRAM, encoding="utf-8")
    (profile / "startup").mkdir(parents=True)
    (profile / "startup" / "mine.py").write_text("import numpy; numpy.set_printoptions(precision=2)")
    (profile / "ipython_config.py").write_text("c.InteractiveShell.cache_size = 7")
    kernel = jupyter / "kernels" / "python3" / "kernel.json"
    kernel.parent.mkdir(parents=True)
    kernel.write_text('{"argv": ["false"], "display_name": "mine", "language": "python"}')
    assert told(f"$(PLAIN) $(PY) {program} 2>&1 | tail -n 1", TZ="Asia/Tokyo", LC_ALL="POSIX",
                IPYTHONDIR=str(profile.parent), JUPYTER_CONFIG_DIR=str(jupyter), JUPYTER_CONFIG_PATH=str(jupyter),
                JUPYTER_PATH=str(jupyter)) == (0, "8 1000 UTC UTC C.UTF-8\n")


@here
@pytest.mark.parametrize("target", ["execute", "test"])
def test_what_runs_notebooks_to_store_or_compare_them_is_shielded(target):
    env = {name: value for name, value in os.environ.items() if not name.startswith("MAKE")}
    lines = subprocess.run(["make", "-n", target], cwd=ROOT, env=env, text=True, check=True, capture_output=True).stdout
    running = [line for line in lines.splitlines() if "book/execute.py" in line or "--nbval " in line]
    assert running and all(f"{name}=" in line for name in ("IPYTHONDIR", "JUPYTER_CONFIG_DIR", "LC_ALL", "TZ")
                           for line in running)


@here
@pytest.mark.parametrize("name", ["PYTHONWARNINGS", "PYTHONOPTIMIZE", "SPHINXOPTS", "MPLBACKEND", "PIP_TARGET"])
def test_a_users_variable_stays_outside(name):
    assert told(f"echo $${name}", **{name: "1"}) == (0, "\n")


@here
def test_jupyterlab_loads_the_books_style_sheet():
    # As where all packages are installed, and without a word of where make is.
    command = ["make", "--no-print-directory", "-n", "-o", ".venv/.installed", "lab"]
    recipe = subprocess.run(command, cwd=ROOT, text=True, capture_output=True, check=True,
                            env={**os.environ, "MAKEFLAGS": "", "MAKELEVEL": "0"}).stdout
    shown = subprocess.run(f"{recipe.strip()} --show-config-json", shell=True, cwd=ROOT, text=True,
                           capture_output=True, check=True).stdout
    settings = json.loads(shown)
    assert settings["LabApp"]["custom_css"] is True
    (folder,) = settings["ServerApp"]["tornado_settings"]["static_custom_path"]
    assert (ROOT / folder / "custom.css").exists()
