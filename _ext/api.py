"""Helpers for the API pages: document a Numba function as the Python function it was made from."""


def plain_function(app, modname):  # replaced below once gmm/formulas is known
    return None


def setup(app):
    return {"parallel_read_safe": True, "parallel_write_safe": True}
