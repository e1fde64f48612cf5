"""Build the notebooks' live side, JupyterLite, beside the book: what the button "Run in your browser" opens.

`build.py FOLDER` puts it into that folder; the Sphinx extension `run_in_browser` calls it.

Nothing is fetched. The kernel starts with wheels made here: mlplib with its data from this folder, and of the pinned
packages those that Pyodide lacks, packed from what is installed. Pyodide itself comes to the reader from its own
network.
"""

import base64
import bz2
import hashlib
import io
import json
import os
import re
import runpy
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections import defaultdict
from importlib.metadata import distribution
from pathlib import Path

import nbformat
import numpy as np

from mlplib.mnist import N_FIRST, load_mnist

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
LAB_EXTENSIONS = Path(sys.prefix, "share", "jupyter", "labextensions")
# Those that show widgets and the book's Markdown, and run Python. JupyterLite would take all that are installed,
# jupytext's too, which wants a server.
EXTENSIONS = ["@jupyter-widgets/jupyterlab-manager", "@jupyterlite/pyodide-kernel-extension", "jupyterlab-myst"]
PACKED = ["comm", "ipywidgets", "jedi", "pygments", "tqdm"]
# Most of two packages is what a notebook in a browser has no use for: the colours of other languages than Python, and
# what completion reads of modules that are not there, or that it may as well ask themselves.
KNOWN = ("builtins typing typing_extensions types collections abc enum functools itertools dataclasses sys re math "
         "random io os pathlib contextlib time datetime json _typeshed").replace(" ", "|")
LEFT_OUT = re.compile(r"pygments/lexers/(?!(__init__|_mapping|python|special)\.py)"
                      rf"|jedi/third_party/(django-stubs|typeshed/(stubs|stdlib/(?!({KNOWN})[./])))")
# What Pyodide's packages name as needed and a notebook does without until a cell imports it, which has it fetched; and
# what is packed here.
NOT_NEEDED = {"matplotlib": ["fonttools", "pytz"], "ipython": ["pygments"]}
# And what the kernel fetches by itself.
FETCHED, WITHOUT = '["ssl","sqlite3"', '["sqlite3"'
# Stored runs and images are no part of the library's wheel, which all notebooks load: those that need some fetch them.
ARCHIVES = sorted(ROOT.glob("mlplib/archives/*.zip"))
NOT_IN_THE_WHEEL = ["archives", "*-images-*.gz"]
NOTEBOOKS = runpy.run_path(str(ROOT / "book" / "pairs.py"))["pairs"](ROOT, ".ipynb")
# Which stored runs the chapters read that need but few: kin, and PARTS by notebook and archive.
kin = runpy.run_path(str(HERE / "parts.py"))["kin"]
PARTS = json.loads((HERE / "parts.json").read_text())
MODELS = ROOT / "book" / "widget_models.py"
lean = runpy.run_path(str(MODELS))["lean"]
# What JupyterLite's pages load besides its own: the one before all else, the other for widgets with forced colours.
BESIDE = [HERE / "copies.js", ROOT / "book" / "_static" / "custom.css"]
LIBRARY = ["mlplib", "pyproject.toml", "README.md", "LICENSE"]
# The same input gives the same bytes: files bear this time, 2026-01-01, and not that of the build.
EPOCH = "1767225600"

NOTICE = """\
> This is your own copy of a page of the book. *Run → Run All Cells* runs it in your browser; what you change stays
> there. A button on the book's page discards your copy and gives you the notebook as the book has it."""

# As the kernel calls itself. JupyterLab writes this into a notebook that says something else, and so changes it.
KERNEL = {"name": "python", "display_name": "Python (Pyodide)", "language": "python"}
LANGUAGE = {"codemirror_mode": {"name": "python", "version": 3}, "file_extension": ".py", "mimetype": "text/x-python",
            "name": "python", "nbconvert_exporter": "python", "pygments_lexer": "ipython3", "version": "3.8"}

# What MyST Markdown understands and plain Markdown does not: references to other places, framed blocks, labels.
ROLE = re.compile(r"\{(\w+)\}`([^`<]+?)(?: *<[^`]*>)?`")
BLOCK_START = re.compile(r"^(?::::|```)\{(\w+)(?:-start)?\} *(.*)\n(?: *:[\w-]+:.*\n)*(?:```$)?", re.MULTILINE)
BLOCK_END = re.compile(r"^(?::::|```\{\w+-end\}\n```) *$", re.MULTILINE)
LABEL = re.compile(r"^\([\w-]+\)=\n", re.MULTILINE)
# What JupyterLab numbers, and references that say in words where they lead.
TARGET = re.compile(r"^(?:\$\$ \(|\(|:label: )([\w-]+)", re.MULTILINE)
WORDED = re.compile(r"\{(?:eq|numref|ref)\}`([^`<]+?) *<([\w-]+)>`")
LINK = re.compile(r"\[([^\]\n]+)\]\(([\w./-]+\.(?:md|ipynb))\)")


def installed_wheel(name, folder):
    """Pack an installed pure Python package into a wheel again, from the record of its files.

    What lies outside site-packages, scripts and JupyterLab's side, is of no use to a kernel and left out.
    """
    package = distribution(name)
    about = next(file.parent for file in package.files if file.name == "METADATA")
    wheel = folder / f"{about.name.removesuffix('.dist-info')}-py3-none-any.whl"
    if "Root-Is-Purelib: true" not in package.read_text("WHEEL"):
        raise ValueError(f"{name}: expected a package in pure Python, which runs anywhere")
    left_out = {"RECORD", "INSTALLER", "REQUESTED", "direct_url.json"}
    record = []
    with zipfile.ZipFile(wheel, "w", zipfile.ZIP_DEFLATED) as archive:

        def add(path, content):
            archive.writestr(zipfile.ZipInfo(path), content, zipfile.ZIP_DEFLATED)

        for file in sorted(package.files):
            if (".." in file.parts or file.suffix == ".pyc" or LEFT_OUT.match(file.as_posix())
                    or (file.parent == about and file.name in left_out)):
                continue
            content = file.locate().read_bytes()
            digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
            record.append(f"{file.as_posix()},sha256={digest},{len(content)}\n")
            add(file.as_posix(), content)
        add(f"{about}/RECORD", "".join([*record, f"{about}/RECORD,,\n"]))


def library_wheel(folder, work):
    """Build mlplib's wheel from a copy: a build leaves files behind, and a later one would take them up."""
    source = work / "library"
    source.mkdir()
    for name in LIBRARY:
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, source / name, ignore=shutil.ignore_patterns("__pycache__", *NOT_IN_THE_WHEEL))
        else:
            shutil.copy(ROOT / name, source)
    for path in source.rglob("*"):  # the wheel holds who may read a file, which is up to who cloned it
        path.chmod(0o755 if path.is_dir() else 0o644)
    call("-m", "pip", "wheel", "--no-deps", "--no-index", "--no-build-isolation", "--wheel-dir", folder, source,
         cwd=work, SOURCE_DATE_EPOCH=EPOCH)


def divided(archive):
    """An archive in parts, so that a notebook fetches what it reads: their contents, by name.

    A part has the runs that the same notebooks of parts.json read. Its entries are unpacked: packed as a whole it takes
    half of what its small parts do, and least if runs that are alike follow each other. Weights are most of the runs
    that have any, and few ask for them: such a run lies apart too, as a whole.
    """
    files, parts, weights = {}, defaultdict(list), []
    with zipfile.ZipFile(archive) as old:
        for name in old.namelist():
            with zipfile.ZipFile(old.open(name)) as run:
                members = {part: run.read(part) for part in run.namelist()}
            fields = json.loads(np.load(io.BytesIO(members["about.npy"])).tobytes())["experiment"]
            if any(part.startswith("weights") for part in members):
                weights.append(name)
                files[name] = as_zip(members)
                members = {part: content for part, content in members.items() if not part.startswith("weights")}
            readers = [reader for reader, read in PARTS.items()
                       if kin(fields) in read.get(archive.stem, {}).get("runs", ())]
            parts["-".join(readers) or "others"].append((json.dumps(fields, sort_keys=True), name, as_zip(members)))
    for part, runs in parts.items():
        files[f"{part}.zip"] = as_zip({name: content for _, name, content in sorted(runs)})
    index = {"parts": {part: [name for _, name, _ in runs] for part, runs in sorted(parts.items())}, "weights": weights}
    return files | {"index.json": json.dumps(index).encode()}


def as_zip(members):
    """A ZIP file of these, not compressed."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as zipped:
        for name, content in members.items():
            zipped.writestr(zipfile.ZipInfo(name), content)
    return file.getvalue()


def put_beside(folder):
    """Put what the wheel leaves out where `mlplib.files.fetched` looks for it."""
    for archive in ARCHIVES:
        place = folder / "archives" / archive.stem
        place.mkdir(parents=True)
        for name, content in divided(archive).items():
            (place / f"{name}.bz2").write_bytes(bz2.compress(content))
    (folder / "mnist_data").mkdir()
    mnist = load_mnist()
    images = {name: split.images for name, split in mnist._asdict().items()} | {"first": mnist.train.images[:N_FIRST]}
    for name, content in images.items():
        (folder / "mnist_data" / f"{name}.bz2").write_bytes(bz2.compress(content))


def plain(text):
    """MyST Markdown, as well as any Jupyter can show it, and without the files beside it."""
    text = ROLE.sub(lambda match: f"({match[2]})" if match[1] == "eq" and "<" not in match[0] else match[2], text)
    text = LINK.sub(r"\1", text)
    text = BLOCK_START.sub(lambda match: f"**{named(*match.groups())}**\n", text)
    return LABEL.sub("", BLOCK_END.sub("", text))


def named(kind, argument):
    """What a block is called: an admonition as it says, an exercise with its kind and time."""
    if kind == "admonition":
        return argument
    return f"{kind.title()} ({argument})" if kind == "exercise" and argument else kind.title()


def live_copy(notebook_file):
    """The notebook with its outputs, as JupyterLite opens it: its kernel's name, a first cell that says what it is."""
    notebook = nbformat.read(notebook_file, as_version=4)
    notebook.metadata |= {"kernelspec": KERNEL, "language_info": LANGUAGE}
    texts = [cell for cell in notebook.cells if cell.cell_type == "markdown"]
    own = {target for cell in texts for target in TARGET.findall(cell.source)}
    for cell in texts:  # the book's other pages are not there
        cell.source = WORDED.sub(lambda found: found[0] if found[2] in own else found[1], cell.source)
        cell.source = LINK.sub(lambda found: found[0] if found[2].endswith(".ipynb") else found[1], cell.source)
    notice = nbformat.v4.new_markdown_cell(NOTICE)
    notice["id"] = "live-copy"
    notebook.cells.insert(0, notice)
    # The page compares it with the copy that the reader's browser kept.
    notebook.metadata["book_version"] = digest([notebook_file])[:12]
    for held in notebook.metadata.get("widgets", {}).values():
        held["state"] = lean(held["state"])
    # No list of lines for a text: a server would join them, and here is none.
    return json.dumps(notebook, ensure_ascii=False, separators=(",", ":"))


def digest(files):
    """SHA-256 over names and contents."""
    result = hashlib.sha256()
    for file in files:
        result.update(f"{file.name} {file.stat().st_size}\n".encode())
        result.update(file.read_bytes())
    return result.hexdigest()


def inputs():
    """All files that the result depends on; the list of pinned packages stands for what is installed."""
    files = [Path(__file__), MODELS, *sorted(HERE.glob("[jp]*.json")), *BESIDE, ROOT / "requirements.txt"]
    files += [HERE / "parts.py", *NOTEBOOKS]
    for name in LIBRARY:
        path = ROOT / name
        files += [path] if path.is_file() else sorted(p for p in path.rglob("*") if p.is_file() and p.suffix != ".pyc"
                                                      and "under_way" not in p.parts)
    return files


def pyodide_lock():
    """Pyodide's own list of its packages, with their digests, and without what is NOT_NEEDED."""
    lock = json.loads((HERE / "pyodide-lock.json").read_text())
    for name, others in NOT_NEEDED.items():
        for other in others:
            lock["packages"][name]["depends"].remove(other)
    return json.dumps(lock, separators=(",", ":"))


def fetch_less(kernel):
    """Have the kernel's scripts, in this folder, fetch by themselves only what a kernel needs."""
    scripts = [path for path in kernel.glob("*.js") if FETCHED in path.read_text("utf-8")]
    if not scripts:
        raise RuntimeError(f"expected scripts in {kernel} that fetch {FETCHED}, found none")
    for path in scripts:
        path.write_text(path.read_text("utf-8").replace(FETCHED, WITHOUT), "utf-8")


def call(*arguments, cwd, **settings):
    """Run Python with these arguments; show what it says only if it fails."""
    done = subprocess.run([sys.executable, *map(str, arguments)], cwd=cwd, env=os.environ | settings, text=True,
                          umask=0o022, check=False, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    if done.returncode:
        raise RuntimeError(f"{' '.join(map(str, arguments[:4]))} failed:\n{done.stdout}")


def put_in_order(file):
    """Sort a listing of a folder, which JupyterLite makes in the order that the file system gives."""
    listing = json.loads(file.read_text(encoding="utf-8"))
    listing["content"].sort(key=lambda entry: entry["name"])
    file.write_text(json.dumps(listing, indent=1, sort_keys=True), encoding="utf-8")


def build(target):
    """Build JupyterLite into the folder `target`; do nothing if it is there and nothing has changed."""
    stamp, state = target / "inputs.sha256", digest(inputs())
    if stamp.exists() and stamp.read_text() == state:
        return
    shutil.rmtree(target, ignore_errors=True)
    target.parent.mkdir(parents=True, exist_ok=True)
    # A fresh folder each time: JupyterLite keeps a record of what it did, and overlooks changed settings because of it.
    with tempfile.TemporaryDirectory(dir=target.parent) as work:
        work = Path(work)
        wheels = work / "wheels"
        wheels.mkdir()
        library_wheel(wheels, work)
        for name in PACKED:
            installed_wheel(name, wheels)
        built = sorted(wheels.glob("*.whl"))
        # Under a name of their own: a browser that kept a wheel of the same version must not take it for this one.
        folder = Path("wheels", digest(built)[:12])

        settings = json.loads((HERE / "jupyter-lite.json").read_text())
        kernel = settings["jupyter-config-data"]["litePluginSettings"]["@jupyterlite/pyodide-kernel-extension:kernel"]
        # Seen from the kernel, whose script lies four folders down.
        kernel["loadPyodideOptions"]["packages"] += [f"../../../../{folder.as_posix()}/{wheel.name}" for wheel in built]
        kernel["loadPyodideOptions"]["lockFileURL"] = "./pyodide-lock.json"
        put_beside(work / "beside")
        beside = Path("beside", digest(sorted(path for path in (work / "beside").rglob("*") if path.is_file()))[:12])
        kernel["loadPyodideOptions"]["env"] = {"MLPLIB_BESIDE": f"../../../../{beside.as_posix()}/"}
        (work / "jupyter-lite.json").write_text(json.dumps(settings, indent=1))
        config = json.loads((HERE / "jupyter_lite_config.json").read_text())
        config["LiteBuildConfig"]["federated_extensions"] = [str(LAB_EXTENSIONS / name) for name in EXTENSIONS]
        (work / "jupyter_lite_config.json").write_text(json.dumps(config))

        for notebook_file in NOTEBOOKS:
            copy = work / "files" / notebook_file.relative_to(ROOT)
            copy.parent.mkdir(parents=True, exist_ok=True)
            copy.write_text(live_copy(notebook_file), encoding="utf-8")
        call("-m", "jupyterlite_core", "build", "--output-dir", work / "site", cwd=work, SOURCE_DATE_EPOCH=EPOCH)
        for listing in (work / "site" / "api" / "contents").rglob("all.json"):
            put_in_order(listing)
        shutil.copytree(wheels, work / "site" / folder)
        shutil.copytree(work / "beside", work / "site" / beside)
        for path in BESIDE:
            shutil.copy(path, work / "site")
        (work / "site" / "pyodide-lock.json").write_text(pyodide_lock())
        fetch_less(work / "site" / "extensions" / "@jupyterlite" / "pyodide-kernel-extension" / "static")
        first = work / "site" / "config-utils.js"
        first.write_text(f'await import("./copies.js").catch(console.warn);\n{first.read_text("utf-8")}', "utf-8")
        for page in (work / "site").glob("*/index.html"):
            link = '<link rel="stylesheet" href="../custom.css" />'
            page.write_text(page.read_text("utf-8").replace("</head>", f"{link}\n  </head>", 1), "utf-8")
        shutil.move(work / "site", target)
    stamp.write_text(state)


if __name__ == "__main__":
    folder = Path(sys.argv[1]).resolve()
    try:
        build(folder)
    except (OSError, shutil.Error) as error:
        sys.exit(f"{folder} was not built: it has to be in a folder that can be written to, with room "
                 f"({getattr(error, 'strerror', None) or error}).")
