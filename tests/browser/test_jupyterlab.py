"""The notebooks in JupyterLab, as `make lab` opens them, on a copy of them."""

import os
import shutil
import socket
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from helpers import NOTEBOOKS

ROOT = Path(__file__).resolve().parents[2]
NAMES = NOTEBOOKS
SHARE = ["how_fast"]  # with a cell of which the output is folded too
OPENED = "() => window.jupyterapp?.shell.currentWidget?.context?.isReady"

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def jupyterlab(tmp_path_factory):
    """The address of a JupyterLab that knows nothing of the user's, and a copy of the notebooks that it serves."""
    folder = tmp_path_factory.mktemp("lab")
    shutil.copytree(ROOT / "notebooks", folder / "notebooks", ignore=shutil.ignore_patterns(".*", "__pycache__"))
    shutil.copy(ROOT / "jupytext.toml", folder)
    own = {f"JUPYTER_{name}_DIR": str(folder / ".jupyter" / name) for name in ("CONFIG", "DATA", "RUNTIME")}
    own |= {"IPYTHONDIR": str(folder / ".ipython"), "JUPYTER_PREFER_ENV_PATH": "1"}
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "jupyterlab", f"--config={ROOT / 'book' / 'jupyter_lab_config.py'}",
               "--no-browser", "--allow-root", f"--ServerApp.root_dir={folder}", "--ServerApp.ip=127.0.0.1",
               f"--ServerApp.port={port}", "--ServerApp.port_retries=0", "--IdentityProvider.token=",
               "--LabApp.expose_app_in_browser=True", "--LabApp.news_url=None",
               "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate"]
    server = subprocess.Popen(command, cwd=folder, env=os.environ | own, text=True, stdin=subprocess.DEVNULL,
                              stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    told = []
    while not any(f"127.0.0.1:{port}/" in line for line in told[-1:]):
        told.append(server.stderr.readline())
        assert told[-1], f"JupyterLab did not start: {''.join(told)}"
    reader = threading.Thread(target=server.stderr.read)  # or the server would wait for someone to read
    reader.start()
    yield f"http://127.0.0.1:{port}/", folder
    server.terminate()
    server.wait()
    reader.join()
    server.stderr.close()


@pytest.mark.parametrize("name", NAMES)
def test_a_notebook_is_numbered_folded_and_unchanged_when_it_is_opened_and_saved(
        name, page, jupyterlab, reads_well, length):
    if name not in length(SHARE, NAMES):
        pytest.skip("a part of `make test-whole`")
    address, folder = jupyterlab
    files = [folder / "notebooks" / f"{name}{end}" for end in (".ipynb", ".md")]
    before = [file.read_bytes() for file in files]
    page.set_default_timeout(120_000)
    page.goto(f"{address}lab/tree/notebooks/{name}.ipynb?reset")
    page.wait_for_function(OPENED)
    reads_well(page, before[1].decode())
    page.evaluate("() => jupyterapp.shell.currentWidget.context.save()")
    assert [file.read_bytes() for file in files] == before
