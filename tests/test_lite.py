"""The live side of the built book, as it lies on disk: notebooks, wheels, settings, and what the pages say of them."""

import base64
import bz2
import hashlib
import io
import json
import posixpath
import re
import runpy
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from helpers import FOLDERS, NOTEBOOKS

ROOT = Path(__file__).resolve().parents[1]
BUILT = ROOT / "_build" / "html"
LITE = BUILT / "lite"
KERNEL = "@jupyterlite/pyodide-kernel-extension"
# Which archives of stored runs a notebook reads.
EVIDENCE = ["5_evidence", "6_start", "7_sigmoid", "8_momentum", "9_width", "10_depth", "11_judging"]
READ = {"2_network": ["shown"], "3_tricks": ["shown", "tuning", "claims"],
        "4_topology": ["shown", "tuning", "claims", "questions"]}
READ |= {name: ["tuning", "claims", "questions"] for name in EVIDENCE}
PARTS = json.loads((ROOT / "book" / "lite" / "parts.json").read_text())  # of these archives they read but a part
ARCHIVES = sorted(path.stem for path in (ROOT / "mlplib" / "archives").glob("*.zip"))
READ["16_open"] = ["tuning", "claims", "questions", "mechanisms", "open"]
READ["13_other_data"] = ["tuning", "claims", "digits"]

each_notebook = pytest.mark.parametrize("name", NOTEBOOKS)
needs_the_book = pytest.mark.usefixtures("book")


@pytest.fixture(scope="module")
def book():
    if not (LITE / "jupyter-lite.json").exists():
        pytest.fail("the book is not built: expected _build/html/lite; run `make book`", pytrace=False)


def settings():
    return json.loads((LITE / "jupyter-lite.json").read_text(encoding="utf-8"))["jupyter-config-data"]


def seen_from_the_kernel(address):
    """A file or folder by the address that the kernel is given: relative to its own script."""
    return (LITE / "extensions" / KERNEL / "static" / address).resolve()


def options():
    return settings()["litePluginSettings"][f"{KERNEL}:kernel"]["loadPyodideOptions"]


def wheels():
    return [seen_from_the_kernel(package) for package in options()["packages"] if package.endswith(".whl")]


def beside():
    return seen_from_the_kernel(options()["env"]["MLPLIB_BESIDE"])


def unpacked(path):
    return bz2.decompress(path.read_bytes())


def notebook(path):
    return json.loads(path.read_text(encoding="utf-8"))


def code(cells):
    return [("".join(cell["source"]), len(cell["outputs"])) for cell in cells if cell["cell_type"] == "code"]


# ---- the notebooks


@needs_the_book
def test_all_notebooks_are_there_and_listed():
    listed = [json.loads((LITE / "api" / "contents" / folder / "all.json").read_text(encoding="utf-8"))
              for folder in FOLDERS]
    assert sorted(entry["path"] for each in listed for entry in each["content"] if entry["type"] == "notebook") == [
        f"notebooks/{name}.ipynb" for name in NOTEBOOKS]
    assert [path.name for path in (LITE / "files").iterdir()] == ["notebooks"]  # they read no file beside them


@needs_the_book
@each_notebook
def test_a_live_copy_has_the_code_and_the_outputs_of_the_notebook(name):
    copy = notebook(LITE / "files" / "notebooks" / f"{name}.ipynb")
    assert code(copy["cells"]) == code(notebook(ROOT / "notebooks" / f"{name}.ipynb")["cells"])
    assert any(n_outputs for _, n_outputs in code(copy["cells"]))
    assert copy["metadata"]["kernelspec"]["name"] == settings()["defaultKernelName"]


@needs_the_book
@each_notebook
def test_a_live_copy_says_what_it_is_and_leads_to_no_page_that_is_not_there(name):
    first, *others = notebook(LITE / "files" / "notebooks" / f"{name}.ipynb")["cells"]
    assert "own copy" in first["source"]
    text = "\n".join(cell["source"] for cell in others if cell["cell_type"] == "markdown")
    linked = set(re.findall(r"\]\(([^):]+\.\w+)\)", text))
    assert {posixpath.normpath(posixpath.join(posixpath.dirname(name), each)) for each in linked} <= {
        f"{each}.ipynb" for each in NOTEBOOKS}
    referred = set(re.findall(r"\{(?:eq|numref|ref)\}`(?:[^`<]+<)?([\w-]+)>?`", text))
    assert referred <= set(re.findall(r"^(?:\$\$ \(|\(|:label: )([\w-]+)", text, re.MULTILINE))


@needs_the_book
def test_no_text_is_a_list_of_lines():
    # JupyterLite hands a notebook to JupyterLab as it lies there, and JupyterLab expects texts.
    for name in NOTEBOOKS:
        for cell in notebook(LITE / "files" / "notebooks" / f"{name}.ipynb")["cells"]:
            texts = [cell["source"]]
            for output in cell.get("outputs", []):
                texts += [output["text"]] if "text" in output else output.get("data", {}).values()
            assert [text for text in texts if isinstance(text, list)] == []


# ---- what is left out


@needs_the_book
def test_only_what_is_used_is_there():
    assert list(LITE.rglob("*.map")) == []
    assert list(LITE.rglob("*.doit.db")) == []
    assert [name for name in ("lab", "repl", "consoles", "edit") if (LITE / name).exists()] == []
    extensions = sorted(path.parent.relative_to(LITE / "extensions").as_posix()
                        for path in (LITE / "extensions").glob("**/package.json"))
    assert extensions == ["@jupyter-widgets/jupyterlab-manager", KERNEL, "jupyterlab-myst"]
    assert sorted(extension["name"] for extension in settings()["federated_extensions"]) == extensions


@needs_the_book
def test_the_settings_name_one_other_host_and_nothing_large():
    text = json.dumps(settings())
    assert set(re.findall(r"https?://[^/\"]+", text)) == {"https://cdn.jsdelivr.net"}
    kernel = settings()["litePluginSettings"][f"{KERNEL}:kernel"]
    assert kernel["disablePyPIFallback"] is True
    assert not {"scipy", "pandas"} & set(kernel["loadPyodideOptions"]["packages"])


# ---- the wheels


@needs_the_book
def test_the_wheels_that_the_kernel_starts_with_are_there_and_whole():
    assert [path.name.split("-")[0] for path in wheels()] == ["comm", "ipywidgets", "jedi", "mlplib", "pygments",
                                                                "tqdm"]
    assert sorted((LITE / "wheels").rglob("*.whl")) == sorted(wheels())
    for path in wheels():
        with zipfile.ZipFile(path) as wheel:
            record = next(name for name in wheel.namelist() if name.endswith(".dist-info/RECORD"))
            lines = [line.rsplit(",", 2) for line in wheel.read(record).decode().splitlines()]
            assert sorted(name for name, _, _ in lines) == sorted(wheel.namelist())
            for name, digest, _ in lines:
                if name != record:
                    expected = base64.urlsafe_b64encode(hashlib.sha256(wheel.read(name)).digest()).rstrip(b"=")
                    assert digest == f"sha256={expected.decode()}", f"{path.name}: {name}"


@needs_the_book
def test_the_librarys_wheel_is_the_library():
    path = next(path for path in wheels() if path.name.startswith("mlplib"))
    with zipfile.ZipFile(path) as wheel:
        held = {name: wheel.read(name) for name in wheel.namelist() if name.startswith("mlplib/")}
    patterns = ("*.py", "evidence/*.py", "practice/*.py", "widgets/*.py", "*.json", "mnist_data/*labels*.gz")
    assert held == {file.relative_to(ROOT).as_posix(): file.read_bytes()
                    for pattern in patterns for file in (ROOT / "mlplib").glob(pattern)}


def test_an_installed_package_is_packed_so_that_it_can_be_imported(tmp_path):
    runpy.run_path(str(ROOT / "book" / "lite" / "build.py"))["installed_wheel"]("comm", tmp_path)
    (wheel,) = tmp_path.glob("comm-*-py3-none-any.whl")
    program = f"import sys; sys.path.insert(0, {str(wheel)!r}); import comm; print(comm.__file__)"
    found = subprocess.run([sys.executable, "-I", "-c", program], text=True, capture_output=True, check=True).stdout
    assert found.startswith(str(wheel))


def test_a_package_that_is_not_pure_python_is_refused(tmp_path):
    with pytest.raises(ValueError, match="numpy: expected a package in pure Python"):
        runpy.run_path(str(ROOT / "book" / "lite" / "build.py"))["installed_wheel"]("numpy", tmp_path)


# ---- the pages


@needs_the_book
@each_notebook
def test_the_button_opens_that_very_notebook_and_says_what_is_loaded(name):
    file = BUILT / "notebooks" / f"{name}.html"
    page = file.read_text(encoding="utf-8")
    (link,) = re.findall(r'<a class="run-button" href="([^"]+)"', page)
    app, path = link.split("?path=")
    assert (file.parent / app).resolve() == LITE / "notebooks" / "index.html"
    copy = LITE / "files" / path
    assert copy == LITE / "files" / "notebooks" / f"{name}.ipynb"
    assert f'data-version="{notebook(copy)["metadata"]["book_version"]}"' in page

    parts = json.loads((ROOT / "book" / "lite" / "first_visit.json").read_text())
    size = parts["JupyterLite"] + parts["Pyodide"] + sum(file.stat().st_size for file in (copy, *wheels()))
    read = [beside() / "mnist_data" / f"{split}.bz2" for split in parts["images"][f"notebooks/{name}.ipynb"]]
    for archive in READ.get(name, ()):
        files = {path.name.removesuffix(".bz2"): path for path in (beside() / "archives" / archive).iterdir()}
        own = PARTS[name].get(archive, {}) if name in PARTS else {}
        read += [path for file, path in files.items() if file in ("index.json", *own.get("weights", ()))
                 or (file.endswith(".zip") and (not own or name in file[:-4].split("-")))]
    size += sum(path.stat().st_size for path in read)
    assert f"loads {round(size / 1e6)} MB" in page


@needs_the_book
@each_notebook
def test_a_first_visit_loads_at_most_45_megabytes(name):
    size = runpy.run_path(str(ROOT / "book" / "_ext" / "run_in_browser.py"))["first_visit"](
        BUILT, f"notebooks/{name}.ipynb")
    assert round(size / 1e6) <= 45


def members(entry):
    with zipfile.ZipFile(io.BytesIO(entry)) as run:
        return {part: run.read(part) for part in run.namelist()}


@needs_the_book
@pytest.mark.parametrize("name", ARCHIVES)
def test_stored_runs_lie_beside_the_wheel_in_parts_and_weights_apart(name):
    folder = beside() / "archives" / name
    index = json.loads(unpacked(folder / "index.json.bz2"))
    assert {path.name for path in folder.iterdir()} == {
        f"{file}.bz2" for file in ("index.json", *(f"{part}.zip" for part in index["parts"]), *index["weights"])}
    with zipfile.ZipFile(ROOT / "mlplib" / "archives" / f"{name}.zip") as old:
        assert sorted(entry for entries in index["parts"].values() for entry in entries) == sorted(old.namelist())
        for part, entries in index["parts"].items():
            with zipfile.ZipFile(io.BytesIO(unpacked(folder / f"{part}.zip.bz2"))) as new:
                assert sorted(new.namelist()) == sorted(entries)
                for entry in {*entries[::20], *index["weights"]} & {*entries}:  # unpacking takes long
                    was, now = members(old.read(entry)), members(new.read(entry))
                    assert now == {each: was[each] for each in was if not each.startswith("weights")}
                    assert (entry in index["weights"]) == (now != was)
        for entry in index["weights"]:
            assert members(unpacked(folder / f"{entry}.bz2")) == members(old.read(entry))


@needs_the_book
def test_what_chapters_are_said_to_read_is_there():
    for name, archives in PARTS.items():
        assert [*archives] == sorted(READ[name])
        for archive, read in archives.items():
            index = json.loads(unpacked(beside() / "archives" / archive / "index.json.bz2"))
            assert any(name in part.split("-") for part in index["parts"])
            assert {*read.get("weights", ())} <= {*index["weights"]}


@needs_the_book
def test_images_lie_beside_the_wheel(mnist):
    images = {name: split.images for name, split in mnist._asdict().items()} | {"first": mnist.train.images[:1000]}
    assert {path.name for path in (beside() / "mnist_data").iterdir()} == {f"{name}.bz2" for name in images}
    for name in ("first", "validation"):
        assert unpacked(beside() / "mnist_data" / f"{name}.bz2") == images[name].tobytes()


@needs_the_book
def test_the_list_of_packages_is_pyodides_own_without_what_a_notebook_does_without():
    own = json.loads((LITE / "pyodide-lock.json").read_text(encoding="utf-8"))
    pyodides = json.loads((ROOT / "book" / "lite" / "pyodide-lock.json").read_text(encoding="utf-8"))
    assert pyodides["info"]["version"] in settings()["litePluginSettings"][f"{KERNEL}:kernel"]["pyodideUrl"]
    left_out = {name: set(package["depends"]) - set(own["packages"][name]["depends"])
                for name, package in pyodides["packages"].items()}
    assert {name: others for name, others in left_out.items() if others} == {
        "matplotlib": {"fonttools", "pytz"}, "ipython": {"pygments"}}
    for name, package in own["packages"].items():
        package["depends"] = pyodides["packages"][name]["depends"]
    assert own == pyodides


@needs_the_book
def test_the_kernel_fetches_no_openssl():
    scripts = [path.read_text(encoding="utf-8") for path in (LITE / "extensions" / KERNEL / "static").glob("*.js")]
    assert any('["sqlite3","ipykernel"' in script for script in scripts)
    assert not any('"ssl","sqlite3"' in script for script in scripts)


@pytest.mark.parametrize("code, read", [
    ('from mlplib.store import packaged\nruns = mlplib.run(experiment)', []),
    ("stored = packaged()", ["shown"]),
    ('store = packaged(\n    "tuning",\n    "claims",\n)\npackaged(\'my own\')', ["claims", "my own", "tuning"]),
    ('packaged("claims")\nTrainingBench(notebook="4_topology")', ["claims", "shown"]),
    ("from mlplib.widgets import TrickExplorer, TopologyExplorer, TrainingBench", []),
    ("TrickExplorer()", ["shown"]), ("TopologyExplorer()", ["shown"]), ('mlplib.reproduce(["2c"])', ["shown"]),
])
def test_what_code_reads_of_the_stored_runs_is_seen_from_it(code, read):
    assert runpy.run_path(str(ROOT / "book" / "_ext" / "run_in_browser.py"))["archives"](code) == read


@needs_the_book
def test_a_page_that_is_no_notebook_has_no_button():
    pages = [page for folder in ("book", "notebooks") for page in (BUILT / folder).rglob("*.html")]
    with_button = [page for page in pages if "run-button" in page.read_text(encoding="utf-8")]
    assert sorted(page.relative_to(BUILT).with_suffix("").as_posix() for page in with_button) == [
        f"notebooks/{name}" for name in NOTEBOOKS]
    assert len(pages) > len(NOTEBOOKS)
