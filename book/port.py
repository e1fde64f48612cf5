"""Try a port before anything is built for it: `port.py PORT` says in a sentence why the book cannot be served there.

`port.py PORT FOLDER` serves it.
"""

import os
import socket
import sys
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path


def fault(port):
    """Why nothing can be served at a port, given as text, or None."""
    if not (port.isascii() and port.isdigit() and 1 <= int(port) <= 65535):
        return f"PORT: expected a whole number from 1 to 65535, got {port!r}; for example: make serve PORT=8080"
    with socket.socket() as tried:
        if os.name == "posix":  # as the server does: a port that was just left is free
            tried.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            tried.bind(("127.0.0.1", int(port)))
            tried.listen()
        except OSError as error:
            return used(port, error)
    return None


def used(port, error):
    return f"Port {port} cannot be used ({error.strerror}). Name another one: make serve PORT=8080"


class Handler(SimpleHTTPRequestHandler):
    """Answers with the book's own page where there is none."""

    def send_error(self, code, message=None, explain=None):
        page = Path(self.directory, "404.html")
        if code != 404 or not page.is_file():
            super().send_error(code, message, explain)
            return
        body = page.read_bytes()
        self.send_response(code, message)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)


def serve(port, folder):
    """Serve a folder until Ctrl-C, or say why not: another program may have taken the port during the build."""
    try:
        server = ThreadingHTTPServer(("127.0.0.1", int(port)), partial(Handler, directory=folder))
    except OSError as error:
        return used(port, error)
    print(f"Serving the book at http://127.0.0.1:{port}/ - stop with Ctrl-C", flush=True)
    with server:
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            print()
    return None


if __name__ == "__main__":
    sys.exit(fault(sys.argv[1]) if len(sys.argv) == 2 else serve(*sys.argv[1:]))
