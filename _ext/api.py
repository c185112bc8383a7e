"""The directive ``book-api``: document the public names that a module gives to the package ``gmm``.

``.. book-api:: gmm.formulas.em`` writes the module's docstring, a table of its names and their full
documentation under the names a reader uses (``gmm.em``, not ``gmm.formulas.em.em``). The names come from
``gmm.__all__`` or, with the option ``:own:``, from the module's own ``__all__`` or its public definitions,
under their full names. What a private module such as ``gmm.estimators._collapse`` defines belongs to the package
around it, ``gmm.estimators``. With ``:names:`` the page has written of the module itself.
"""

import inspect
from importlib import import_module

from docutils import nodes
from docutils.parsers.rst import Directive, directives
from docutils.statemachine import StringList

from gmm.estimators._interchange import Dictionaries
from gmm.estimators._scored import Scored


def public_names(module, own):
    """List the (full name, kind) pairs that ``module`` defines for readers, in the order of the source.

    A package has several sources: its names stand in the order of its ``__all__``.
    """
    if own:
        home = module
        names = getattr(module, "__all__", None) or [n for n in vars(module) if n[0] != "_"]
    else:
        home = import_module("gmm")
        names = home.__all__
    found = []
    for name in names:
        thing = getattr(home, name)
        if not (inspect.isfunction(thing) or inspect.isclass(thing)):
            continue
        if _public_home(thing) == module.__name__ or (own and hasattr(module, "__path__")):
            found.append((f"{home.__name__}.{name}", thing))
    if not hasattr(module, "__path__"):
        found.sort(key=lambda pair: inspect.getsourcelines(pair[1])[1])
    return [
        (name, "autoexception" if _is_error(thing) else "autoclass" if inspect.isclass(thing) else "autofunction")
        for name, thing in found
    ]


def _public_home(thing):
    return thing.__module__.partition("._")[0]


def _is_error(thing):
    return inspect.isclass(thing) and issubclass(thing, Exception)


class BookApi(Directive):
    """Write the reference of one module."""

    required_arguments = 1
    option_spec = {"own": directives.flag, "names": directives.flag}  # noqa: RUF012 (docutils reads it from the class)

    def run(self):
        module = import_module(self.arguments[0])
        names = public_names(module, "own" in self.options)
        if not names:
            raise self.error(f"{module.__name__} has no public names")
        about = [f".. py:module:: {module.__name__}", "", *(inspect.getdoc(module) or "").splitlines()]
        lines = [] if "names" in self.options else about
        home = names[0][0].rpartition(".")[0]
        lines += ["", f".. currentmodule:: {home}", "", ".. autosummary::", "   :nosignatures:", ""]
        lines += [f"   {name.removeprefix(home + '.')}" for name, _ in names]
        for name, kind in names:
            lines += ["", f".. {kind}:: {name}"]
            if kind == "autoclass":
                lines += ["   :members:"]
                if issubclass(getattr(import_module(home), name.removeprefix(home + ".")), Dictionaries):
                    lines += [f"   :inherited-members: {Scored.__name__}"]  # what it shares with other mixtures
        content = StringList(lines, source=module.__file__)
        node = nodes.Element()
        self.state.nested_parse(content, self.content_offset, node)
        return node.children


def skip_foreign_members(app, what, name, obj, skip, options):
    """Leave out of a class's reference what other packages put into it, and fields, which its docstring describes."""
    home = getattr(obj, "__module__", None) or ""
    return True if home.startswith("sklearn") or type(obj).__name__ == "_tuplegetter" else None


def setup(app):
    app.connect("autodoc-skip-member", skip_foreign_members)
    app.add_directive("book-api", BookApi)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
