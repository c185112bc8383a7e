"""Buttons that open a chapter in Binder or Colab, when the book's repository has an address.

Both services fetch the notebooks from GitHub, so the address has to be known: on GitHub's own machines the variable
GITHUB_REPOSITORY tells it ("owner/name"), in a clone the remote `origin`. A book built without either has no such
buttons. The notebooks are taken from the branch `notebooks`, which the workflow that publishes the pages writes with
tools/colab.py.
"""

import os
import re
import subprocess

BRANCH = "notebooks"
_GITHUB = re.compile(
    r"^(?:https://github\.com/|git@github\.com:|ssh://git@github\.com/)([\w.-]+/[\w.-]+?)(?:\.git)?/?$"
)


def from_address(url):
    """Return "owner/name" of a GitHub address, or None for any other."""
    found = _GITHUB.match(url.strip())
    return found and found.group(1)


def repository(folder):
    """Return "owner/name" of the repository of the book in `folder`, or None if it cannot be told."""
    named = os.environ.get("GITHUB_REPOSITORY", "")
    if named:
        return named
    command = ["git", "-C", str(folder), "config", "--get", "remote.origin.url"]
    try:
        answer = subprocess.run(command, capture_output=True, text=True)
    except OSError:  # no git
        return None
    return from_address(answer.stdout)


def set_address(app, config):
    options = config.html_theme_options
    found = repository(app.srcdir)
    if found:
        options.update(repository_url=f"https://github.com/{found}", repository_branch=BRANCH, path_to_docs="")
    else:
        options.pop("launch_buttons", None)


def setup(app):
    app.connect("config-inited", set_address)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
