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
    settings.write_text("[global]\nuser = true\n", encoding="utf-8")
    assert told("$(PY) -m pip install --quiet --no-index pip", PIP_CONFIG_FILE=str(settings)) == (0, "")


@here
@pytest.mark.parametrize("name", ["PYTHONWARNINGS", "PYTHONOPTIMIZE", "SPHINXOPTS", "MPLBACKEND", "PIP_TARGET"])
def test_a_users_variable_stays_outside(name):
    assert told(f"echo $${name}", **{name: "1"}) == (0, "\n")


@here
def test_jupyterlab_loads_the_books_style_sheet():
    recipe = subprocess.run(["make", "-n", "lab"], cwd=ROOT, text=True, capture_output=True, check=True).stdout
    shown = subprocess.run(f"{recipe.strip()} --show-config-json", shell=True, cwd=ROOT, text=True,
                           capture_output=True, check=True).stdout
    settings = json.loads(shown)
    assert settings["LabApp"]["custom_css"] is True
    (folder,) = settings["ServerApp"]["tornado_settings"]["static_custom_path"]
    assert (ROOT / folder / "custom.css").exists()
