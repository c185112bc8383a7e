"""Show the built book in the browser: ``python tools/serve.py [folder] [--port 8000] [--no-browser]``.

The pages also open straight from the file system, search and all.
"""

import argparse
import functools
import http.server
import webbrowser
from pathlib import Path

from built import SITE, require


class QuietHandler(http.server.SimpleHTTPRequestHandler):
    """A file server that does not report each request."""

    def log_message(self, *args):
        pass


def make_server(folder, port):
    """Return a server for this computer only, on ``port`` or, if that is taken, on any free one."""
    handler = functools.partial(QuietHandler, directory=str(folder))
    try:
        return http.server.ThreadingHTTPServer(("127.0.0.1", port), handler)
    except OSError:
        return http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("folder", nargs="?", default=SITE, type=Path)
    parser.add_argument("--port", type=int, default=8000)
    parser.add_argument("--no-browser", action="store_true")
    options = parser.parse_args()
    require(options.folder)
    with make_server(options.folder, options.port) as server:
        url = f"http://127.0.0.1:{server.server_port}/"
        print(f"The book is at {url} (stop with Ctrl-C)", flush=True)
        if not options.no_browser:
            webbrowser.open(url)
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            print()


if __name__ == "__main__":
    main()
