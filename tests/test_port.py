"""`make serve` tries the port before it builds."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PROGRAM = ROOT / "book" / "port.py"


def asked(port, *folder):
    return subprocess.run([sys.executable, PROGRAM, port, *folder], capture_output=True, text=True, check=False)


@pytest.mark.parametrize("port", ["abc", "", "0", "65536", "-1", "80.5"])
def test_what_is_no_port_is_refused_in_a_sentence(port):
    done = asked(port)
    assert done.returncode != 0
    assert done.stderr.startswith("PORT: expected a whole number from 1 to 65535") and done.stderr.count("\n") == 1


def test_a_used_port_is_refused_and_a_free_one_is_not():
    with socket.socket() as used:
        used.bind(("127.0.0.1", 0))
        used.listen()
        port = str(used.getsockname()[1])
        done = asked(port)
        assert done.returncode != 0
        assert f"Port {port} cannot be used" in done.stderr and done.stderr.count("\n") == 1
    assert asked(port).returncode == 0


def test_a_port_that_was_taken_while_the_book_was_built_is_said_in_a_sentence_too(tmp_path):
    with socket.socket() as used:
        used.bind(("127.0.0.1", 0))
        used.listen()
        port = str(used.getsockname()[1])
        done = asked(port, tmp_path)
    assert done.returncode != 0
    assert f"Port {port} cannot be used" in done.stderr and done.stderr.count("\n") == 1


def test_the_folder_is_served_at_a_free_port(tmp_path):
    (tmp_path / "index.html").write_text("a page")
    (tmp_path / "404.html").write_text("no such page")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # it may be ignored, in a parent's background
    server = subprocess.Popen([sys.executable, PROGRAM, port, tmp_path], stdout=subprocess.PIPE,
                              stderr=subprocess.DEVNULL, text=True)
    signal.signal(signal.SIGINT, before)
    try:
        assert server.stdout.readline().startswith(f"Serving the book at http://127.0.0.1:{port}/")
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/") as page:
            assert page.read() == b"a page"
        with pytest.raises(urllib.error.HTTPError) as missing:
            urllib.request.urlopen(f"http://127.0.0.1:{port}/deep/down.html")
        with missing.value as page:
            assert (page.status, page.read()) == (404, b"no such page")
        server.send_signal(signal.SIGINT)
        assert server.wait(60) == 0
    finally:
        server.kill()
        server.communicate()


@pytest.mark.skipif(not shutil.which("make") or not (ROOT / ".venv" / ".installed").exists(), reason="needs make")
def test_serving_tries_the_port_before_it_builds():
    # A dry run: which commands, in which order.
    told = subprocess.run(["make", "-n", "serve", "PORT=abc"], cwd=ROOT, capture_output=True, text=True, check=True,
                          env={name: value for name, value in os.environ.items() if not name.startswith("MAKE")}).stdout
    assert 0 < told.index("book/port.py") < told.index("book/build.py") < told.rindex("book/port.py")


@pytest.mark.skipif(not shutil.which("make") or not (ROOT / ".venv" / ".installed").exists(), reason="needs make")
@pytest.mark.parametrize("port", ["abc", "a'b", 'a"b', "$(HOME)", "8080; echo done"])
def test_make_says_in_a_sentence_what_is_no_port(port):
    told = subprocess.run(["make", "port", f"PORT={port}"], cwd=ROOT, capture_output=True, text=True, check=False,
                          env={name: value for name, value in os.environ.items() if not name.startswith("MAKE")})
    assert told.returncode != 0 and "done" not in told.stdout
    assert told.stderr.startswith("PORT: expected a whole number from 1 to 65535, got ")
