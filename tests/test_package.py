"""What is built and installed: wheel, source archive, an empty environment; and the files that describe the project."""

import os
import re
import shutil
import subprocess
import sys
import tarfile
import tomllib
import venv
import zipfile
from importlib.metadata import distribution
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement

import mlplib

ROOT = Path(__file__).parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
CITATION = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
PYTHONS = ["3.11", "3.12", "3.13", "3.14", "3.15"]


def text(name):
    return (ROOT / name).read_text(encoding="utf-8")


def run(*command, **options):
    return subprocess.run(list(map(str, command)), capture_output=True, text=True, check=False, **options)


# ---- what is built


@pytest.fixture(scope="module")
def committed():
    """Names of the files that belong to the project."""
    listed = run("git", "ls-files", cwd=ROOT) if shutil.which("git") else None
    if listed is None or listed.returncode:
        pytest.skip("this folder is no clone")
    return set(listed.stdout.splitlines())


@pytest.fixture(scope="module")
def built(committed, tmp_path_factory):
    """Wheel and source archive, built from a copy of what is in the clone."""
    source, dist = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("dist")
    for name in committed:
        if (ROOT / name).is_file():
            (source / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, source / name)
    for kind in ("sdist", "wheel"):
        done = run(sys.executable, "-c", f"from setuptools.build_meta import *; build_{kind}({str(dist)!r})",
                   cwd=source)
        assert done.returncode == 0, done.stderr
    (wheel,), (archive,) = dist.glob("*.whl"), dist.glob("*.tar.gz")
    return wheel, archive


def library(committed):
    return {name for name in committed if name.startswith("mlplib/") and not name.endswith(".md")}


@pytest.mark.slow
def test_the_wheel_holds_the_library_its_data_and_its_licence_and_nothing_else(built, committed):
    with zipfile.ZipFile(built[0]) as wheel:
        names = {name for name in wheel.namelist() if ".dist-info/" not in name}
        about = {name.split(".dist-info/")[1] for name in wheel.namelist() if ".dist-info/" in name}
    assert names == library(committed)
    assert "licenses/LICENSE" in about
    size = built[0].stat().st_size
    assert size < 25e6
    said = " ".join((ROOT / "README.md").read_text("utf-8").split())
    assert f"MNIST and the stored runs, {round(size / 1e6)} MB in all" in said


@pytest.mark.slow
def test_the_source_archive_holds_what_builds_the_wheel(built, committed):
    with tarfile.open(built[1]) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    assert library(committed) | {"pyproject.toml", "README.md", "LICENSE"} <= names


def with_their_own(requirements):
    """Names of the packages that are required here, and of those that they require in turn."""
    names = set()
    for each in map(Requirement, requirements):
        if each.marker is None or each.marker.evaluate({"extra": ""}):
            names |= {each.name} | with_their_own(distribution(each.name).requires or [])
    return names


@pytest.fixture(scope="module")
def empty(built, tmp_path_factory):
    """A program of an environment that holds the wheel and the packages it says it needs, of those installed here."""
    folder = tmp_path_factory.mktemp("empty")
    venv.create(folder, symlinks=os.name != "nt")
    python = folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    site = Path(run(python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))").stdout.strip())
    with zipfile.ZipFile(built[0]) as wheel:
        wheel.extractall(site)
    for package in map(distribution, with_their_own(PROJECT["dependencies"])):
        for top in {file.parts[0] for file in package.files if file.parts[0] not in ("..", "__pycache__")}:
            os.symlink(package.locate_file(top), site / top)

    def program(code):
        return run(python, "-I", "-c", code, cwd=folder)

    return program


@pytest.mark.slow
def test_a_network_is_trained_where_nothing_else_is_installed(empty):
    done = empty("import mlplib\n"
                 "small = mlplib.Experiment(hidden=(8,), epochs=1, n_train=1000)\n"
                 "first, second = mlplib.sweep([small, small.with_tricks(init=True)])\n"
                 "assert len(mlplib.reproduce(['2c'])) > 0\n"
                 "print(mlplib.__version__, 0 < second.final.validation_accuracy <= 1)")
    assert done.stdout.split() == [PROJECT["version"], "True"], done.stderr


@pytest.mark.slow
@pytest.mark.parametrize("module", ["plotting", "widgets", "widgets.film", "evidence.figures"])
def test_a_face_without_its_packages_names_the_extra_that_brings_them(empty, module):
    done = empty(f"import mlplib.{module}")
    last = done.stderr.strip().splitlines()[-1]
    assert last.startswith("ModuleNotFoundError: mlplib.") and last.endswith("pip install 'mlplib[notebooks]'")
    assert re.search("needs (matplotlib|ipywidgets), which is not installed; the extra 'notebooks' brings it", last)


# ---- what is installed


def pinned(name):
    """Each package of a list of pins, with its hashes."""
    lines = re.sub(r"^ *#.*\n", "", text(name), flags=re.MULTILINE).replace("\\\n", " ").splitlines()
    return {re.match(r"[\w.-]+", line)[0]: re.findall(r"--hash=sha256:([0-9a-f]{64})\b", line) for line in lines}


@pytest.mark.parametrize("name", ["requirements.txt", ".ci/tools.txt"])
def test_every_pin_has_hashes_and_no_list_names_a_host(name):
    assert [package for package, hashes in pinned(name).items() if not hashes] == []
    assert not re.search(r"://|^ *(-i|--\w*index|--find-links|-f|-e)\b", text(name), re.MULTILINE)


def test_the_project_asks_for_all_that_the_library_needs():
    needed = PROJECT["dependencies"] + PROJECT["optional-dependencies"]["notebooks"]
    asked = set(re.findall(r"^[\w-]+", text("requirements.in"), re.MULTILINE))
    assert {re.match(r"[\w-]+", each)[0] for each in needed} <= asked <= set(pinned("requirements.txt"))


# ---- which Python


def fake_python(folder, version):
    """A program that says it is this Python, and is this one in all else."""
    fake = folder / "python"
    set_version = f"import sys; sys.version_info = (*{version!r}, 'final', 0)\n"
    fake.write_text(f"#!{sys.executable}\nimport sys\n{set_version}"
                    "exec(sys.argv[2]) if sys.argv[1] == '-c' else sys.exit('STOPPED HERE')\n")
    fake.chmod(0o755)
    return fake


@pytest.fixture
def make_env(tmp_path):
    """Run `make env` in a copy of the Makefile with a Python of a version; it ends where .venv would be made."""
    if not shutil.which("make"):
        pytest.skip("make is not installed")
    for name in ("Makefile", "requirements.txt", "requirements.in", "pyproject.toml"):
        shutil.copy(ROOT / name, tmp_path)

    def call(*version):
        settings = {name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "MFLAGS"))}
        return run("make", "env", f"PYTHON={fake_python(tmp_path, version)}", cwd=tmp_path, env=settings).stderr

    return call


@pytest.mark.parametrize("minor", [11, 12, 13, 14, 15])
def test_a_python_within_the_bounds_is_taken_without_a_word(make_env, minor):
    said = make_env(3, minor, 0)
    assert "STOPPED HERE" in said and "needed" not in said and "Warning" not in said


@pytest.mark.parametrize("version", [(3, 16, 0), (4, 0, 1)])
def test_a_newer_python_is_taken_with_a_warning(make_env, version):
    said = make_env(*version)
    assert "STOPPED HERE" in said and "is newer than Python 3.15; going on with it." in said


@pytest.mark.parametrize("version", [(3, 10, 14), (2, 7, 18)])
def test_an_older_python_is_refused(make_env, version):
    said = make_env(*version)
    assert "STOPPED HERE" not in said and "Python 3.11 or newer is needed, but" in said


def test_the_same_pythons_are_named_everywhere():
    assert [each.rpartition(" ")[2] for each in PROJECT["classifiers"] if ":: 3." in each] == PYTHONS
    assert PROJECT["requires-python"] == f">={PYTHONS[0]}"
    workflow = yaml.safe_load(text(".github/workflows/book.yml"))
    assert workflow["jobs"]["test"]["strategy"]["matrix"]["python"] == PYTHONS
    for name in ("README.md", "Makefile", "book/method.md"):
        assert f"Python {PYTHONS[0]} to {PYTHONS[-1]}" in text(name)


# ---- what describes the project


def test_one_version_is_named_everywhere():
    newest = re.search(r"^## (\S+), (\S+)$", text("CHANGELOG.md"), re.MULTILINE)
    assert {PROJECT["version"], mlplib.__version__, CITATION["version"], newest[1]} == {PROJECT["version"]}
    assert str(CITATION["date-released"]) == newest[2]


def test_one_licence_is_stated_everywhere():
    stated = {CITATION["license"], *(each["license"] for each in CITATION["references"])}
    assert stated == set(PROJECT["license"].split(" AND ")) == {"MIT", "CC-BY-SA-3.0"}
    licence = " ".join(text("LICENSE").split())
    assert licence.startswith("MIT License") and "CC BY-SA 3.0" in licence


def test_actions_of_the_workflows_are_pinned_and_the_nightly_one_runs_the_long_targets():
    workflows = [path.read_text(encoding="utf-8") for path in sorted((ROOT / ".github/workflows").glob("*.yml"))]
    used = re.findall(r"uses: (\S+)", "\n".join(workflows))
    assert used and [each for each in used if not re.fullmatch(r"[\w/-]+@[0-9a-f]{40}", each)] == []
    nightly = text(".github/workflows/nightly.yml")
    assert ".ci/bare --here" in nightly
    assert all(f"make {target} " in nightly for target in ("test-portable", "mutants", "coverage"))


def test_the_site_says_that_no_other_program_is_to_work_on_it():
    """GitHub's pages leave out folders that begin with an underscore, unless `.nojekyll` is there."""
    assert "sphinx.ext.githubpages" in yaml.safe_load(text("_config.yml"))["sphinx"]["config"]["extensions"]
