"""What a user of the package can reach, and what the annotations say of it."""

import ast
import functools
import inspect
import sys
import types
import typing
from contextlib import contextmanager
from pathlib import Path

from beartype.door import is_bearable

import gmm

ROOT = Path(gmm.__file__).parent
#: Methods that are called by a sign or a word of the language.
SIGNS = {"__init__", "__add__", "__radd__", "__mul__", "__rmul__", "__call__", "__len__", "__iter__", "__getitem__"}


def _is_ours(thing):
    return (getattr(thing, "__module__", None) or "").split(".")[0] == "gmm"


@functools.cache
def names_of(module):
    """The names of a module, and those that it imports for type checkers alone."""
    names = dict(vars(sys.modules[module]))
    for node in ast.parse(inspect.getsource(sys.modules[module])).body:
        if isinstance(node, ast.If) and getattr(node.test, "id", "") == "TYPE_CHECKING":
            exec(compile(ast.Module(node.body, []), module, "exec"), names)
    return names


def hints_of(thing):
    """The annotations of a function, or of a class and those of ours that it is made of, evaluated."""
    hints = {}
    for kind in [kind for kind in reversed(thing.__mro__) if _is_ours(kind)] if inspect.isclass(thing) else [thing]:
        for name, hint in inspect.get_annotations(kind).items():
            hint = getattr(hint, "__forward_arg__", hint)  # as in named tuples
            hints[name] = eval(hint, names_of(kind.__module__)) if isinstance(hint, str) else hint
    return hints


def _methods(cls):
    for kind in cls.__mro__:
        for name, value in vars(kind).items() if _is_ours(kind) else ():
            function = getattr(value, "fget", None) or getattr(value, "func", None) or getattr(value, "__func__", value)
            if isinstance(function, types.FunctionType) and (name in SIGNS or not name.startswith("_")):
                yield name, function


def _classes_in(hint):
    if inspect.isclass(hint) and _is_ours(hint):
        yield hint
    for part in typing.get_args(hint):
        yield from _classes_in(part)


@functools.cache
def public():
    """Functions and classes by their names, those of the results too: {name: function}, {name: class}.

    What `gmm` exports, the public names of its modules, the public methods of classes, and the same of the classes that
    they return.
    """
    functions, classes, waiting = {}, {}, [("gmm", gmm)]
    while waiting:
        path, thing = waiting.pop(0)
        if inspect.ismodule(thing):
            names = getattr(thing, "__all__", None) or [
                name
                for name, value in vars(thing).items()
                if name[0] != "_" and getattr(value, "__module__", None) == thing.__name__
            ]
            waiting += [(f"{path}.{name}", getattr(thing, name)) for name in names]
        elif inspect.isclass(thing) and _is_ours(thing) and thing not in classes.values():
            classes[path] = thing
            waiting += [(f"{path}.{name}", function) for name, function in _methods(thing)]
        elif isinstance(thing, types.FunctionType) and _is_ours(thing) and thing not in functions.values():
            functions[path] = thing
            if "return" in thing.__annotations__:
                found = _classes_in(hints_of(thing)["return"])
                waiting += [(f"{kind.__module__}.{kind.__qualname__}", kind) for kind in found]
    return functions, classes


def not_annotated(function):
    """Arguments of a function that have no annotation, and "return" where the result has none."""
    known = function.__annotations__
    arguments = list(inspect.signature(function).parameters)
    if "." in function.__qualname__ and arguments and arguments[0] in ("self", "cls"):
        del arguments[0]
    return [name for name in [*arguments, "return"] if name not in known]


def _overrides(functions):
    """Methods without annotations, of any subclass, with the name of what they replace."""
    waiting = [(kind, kind) for kind in public()[1].values()]
    while waiting:
        base, kind = waiting.pop()
        waiting += [(base, further) for further in kind.__subclasses__()]
        own = dict(_methods(base))
        for name, function in vars(kind).items():
            if isinstance(function, types.FunctionType) and name in own and "return" not in function.__annotations__:
                yield from ((path, function) for path, replaced in functions.items() if replaced is own[name])


@contextmanager
def watched(functions):
    """While it lasts, hold what these functions return against their annotations: gives (names seen, complaints)."""
    expected = {}
    for path, function in [*functions.items(), *_overrides(functions)]:
        if not inspect.isgeneratorfunction(function):  # which give back one value after the other
            expected.setdefault(inspect.unwrap(function).__code__, (path, hints_of(functions[path])["return"]))
    seen, wrong = set(), set()

    def look(frame, event, result):
        # None is what an exception returns too.
        if event == "return" and result is not None and frame.f_code in expected:
            path, hint = expected[frame.f_code]
            seen.add(path)
            own = frame.f_locals.get("self", frame.f_locals.get("cls"))
            fits = isinstance(result, own if inspect.isclass(own) else type(own)) if hint is typing.Self else None
            if not (is_bearable(result, hint) if fits is None else fits):
                wrong.add(
                    f"{path} returned {type(result).__name__} {getattr(result, 'dtype', result)!r:.60}, not {hint}"
                )

    sys.setprofile(look)
    try:
        yield seen, wrong
    finally:
        sys.setprofile(None)


def wrong_attributes(thing):
    """Attributes of an object that are not as its class says, and fitted ones of which it says nothing."""
    hints = hints_of(type(thing))
    values = thing._asdict() if isinstance(thing, tuple) else getattr(thing, "__dict__", {})
    wrong = [
        f"{name} is {type(value).__name__}, not {hints[name]}"
        for name, value in values.items()
        if name in hints and not is_bearable(value, hints[name])
    ]
    fitted = [name for name in values if name.endswith("_") and name[0] != "_"] if hasattr(thing, "fit") else []
    return wrong + [f"{name} is not declared" for name in fitted if name not in hints]
