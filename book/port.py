"""Try a port before anything is built for it: `port.py PORT` says in a sentence why the book cannot be served there.

`port.py PORT FOLDER` serves it.
"""

import os
import socket
import sys
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer


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


def serve(port, folder):
    """Serve a folder until Ctrl-C, or say why not: another program may have taken the port during the build."""
    try:
        server = ThreadingHTTPServer(("127.0.0.1", int(port)), partial(SimpleHTTPRequestHandler, directory=folder))
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
