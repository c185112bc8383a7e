"""Find the one small change that would make a reader's function right, and name the mistake that it undoes.

A wrong result does not always say which line it comes of. So where no usual mistake of the exercise is recognised, the
source of the function is changed in one place at a time, in ways that undo common slips: another axis, / for //, a
natural logarithm, a variance for a standard deviation, a sign, a factor ½, another divisor. If a change makes *every*
case right, the slip is found with certainty, and so is its line.

The source has to be known (a cell of a notebook, a file); the changed functions run under the same guard.
"""

from __future__ import annotations

import ast
import contextlib
import copy
import inspect
import linecache
import textwrap

import numpy as np

from gmm.exercises import _diagnosis, _guard

#: Seconds for all changes together.
SECONDS = 1.0

#: What takes an axis; reduce is that of np.logaddexp.
_REDUCTIONS = {"sum", "mean", "max", "min", "argmax", "argmin", "prod", "std", "var", "cumsum", "any", "all", "median"}
_REDUCTIONS |= {"logsumexp", "reduce"}
_LOGS = {"log2", "log10"}
_PAIRS = (
    ({"std": "var", "var": "std"}, "`{}`: variance or standard deviation? With the other one every case is right."),
    ({"sum": "mean", "mean": "sum"}, "`{}`: a sum or a mean? With the other one every case is right."),
    (
        {"min": "max", "max": "min", "argmin": "argmax", "argmax": "argmin"},
        "`{}`: the smallest or the largest? With the other one every case is right.",
    ),
)


def slip(task, answer, first_case=0):
    """What a single change would put right.

    Parameters
    ----------
    task : Exercise
    answer : callable
    first_case : int
        The number of a case that is wrong: most changes are refuted by it alone.

    Returns
    -------
    tuple of str, or None
        What to say, and the line it is about.
    """
    source = _source(answer)
    if source is None:
        return None
    function, tree, definition, first = source
    pairs = list(zip(task.cases, task.results(task.reference)))
    pairs.insert(0, pairs.pop(first_case))
    names = {"np": np, **function.__globals__}
    with contextlib.suppress(ValueError, TypeError):
        names.update(inspect.getclosurevars(function).nonlocals)

    def is_right(candidate):
        return all(_diagnosis.same(candidate(*copy.deepcopy(case)), right, task.rtol) for case, right in pairs)

    def search():
        for message, node, edits in _changes(definition):
            candidate = _changed(names, tree, definition, edits)
            with contextlib.suppress(Exception):
                if candidate is not None and is_right(candidate):
                    return message, node.lineno
        return None

    found, failure = _guard.guarded(search, seconds=SECONDS, printed=0)
    if failure or found is None:
        return None
    message, line = found
    return message, _guard.place(function.__code__.co_filename, first + line - 1)


def _source(answer):
    """The function, its module's tree, its definition and its first line; None if the source is unknown."""
    function = getattr(answer, "py_func", answer)
    if not inspect.isfunction(function):
        return None
    if function.__name__ == "<lambda>":
        return _source_of_lambda(function)
    try:
        lines, first = inspect.getsourcelines(function)
        tree = ast.parse(textwrap.dedent("".join(lines)))
    except (OSError, TypeError, SyntaxError, ValueError):
        return None
    if len(tree.body) != 1 or not isinstance(tree.body[0], ast.FunctionDef):
        return None
    tree.body[0].decorator_list = []
    return function, tree, tree.body[0], first


def _source_of_lambda(function):
    """As `_source`: a lambda as a definition that returns what it does, found in its file or cell by line and code."""
    code = function.__code__
    try:
        whole = ast.parse("".join(linecache.getlines(code.co_filename)))
    except (SyntaxError, ValueError):
        return None
    found = []
    for node in ast.walk(whole):
        if isinstance(node, ast.Lambda) and node.lineno == code.co_firstlineno:
            tree = ast.parse("def answer(): return")
            definition = tree.body[0]
            definition.args, definition.body[0].value = node.args, node.body
            ast.copy_location(definition, node)
            ast.copy_location(definition.body[0], node.body)
            made = next(part for part in compile(tree, "<lambda>", "exec").co_consts if hasattr(part, "co_code"))
            found.append((_words(made) == _words(code), (function, tree, definition, 1)))
    same = [source for equal, source in found if equal or len(found) == 1]
    return same[0] if len(same) == 1 else None


def _words(code):
    """The names and constants of a code object."""
    constants = {repr(constant) for constant in code.co_consts if not hasattr(constant, "co_code")} - {"None"}
    return code.co_varnames, set(code.co_names), constants


def _changed(names, tree, definition, edits):
    """The function with these edits, which are undone in the tree."""
    before = []
    try:
        for holder, key, new in edits:
            before.append(_get(holder, key))
            _set(holder, key, new)
        ast.fix_missing_locations(tree)
        code = compile(tree, "<changed>", "exec")
    except (SyntaxError, ValueError, RecursionError):
        return None
    finally:
        for (holder, key, _), old in reversed(list(zip(edits, before, strict=False))):
            _set(holder, key, old)
    own = dict(names)
    exec(code, own)
    return own[definition.name]


def _get(holder, key):
    return getattr(holder, key) if isinstance(holder, ast.AST) else holder[key]


def _set(holder, key, value):
    if isinstance(holder, ast.AST):
        setattr(holder, key, value)
    else:
        holder[key] = value


# ------------------------------------------------------------------------- what can be changed


class _Function:
    """A definition with what the changes have to know of it."""

    def __init__(self, definition):
        self.definition, self.slots = definition, {}
        self.nodes = [node for statement in definition.body for node in ast.walk(statement)]
        for parent in [definition, *self.nodes]:
            for field, value in ast.iter_fields(parent):
                for key, child in enumerate(value) if isinstance(value, list) else [(None, value)]:
                    if isinstance(child, ast.AST):
                        self.slots[child] = (parent, field) if key is None else (value, key)
        loops = [node for node in self.nodes if isinstance(node, (ast.For, ast.comprehension))]
        self.counters = [node.id for loop in loops for node in ast.walk(loop.target) if isinstance(node, ast.Name)]
        arguments = definition.args
        self.names = [argument.arg for argument in (*arguments.posonlyargs, *arguments.args)]
        for node in self.nodes:
            if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store) and node.id not in self.names:
                self.names.append(node.id)

    def of(self, *kinds):
        return [node for node in self.nodes if isinstance(node, kinds)]

    def swap(self, message, node, other):
        """The change that puts another node in the place of one."""
        return message.format(_short(node)), node, [(*self.slots[node], other)]

    def is_callee(self, node):
        """Whether a node is what is called, or the module it is taken from."""
        holder, key = self.slots[node]
        return key == "func" or (isinstance(holder, ast.Attribute) and getattr(node, "id", None) not in self.names)

    def values(self, *kinds):
        """Nodes of some kinds whose value is used: neither assigned to nor called."""
        stored = (ast.Store, ast.Del)
        return [n for n in self.of(*kinds) if not isinstance(getattr(n, "ctx", None), stored) and not self.is_callee(n)]

    def divisions(self, kind=ast.Div):
        """Divisions with what they divide by, as the slot that holds it."""
        found = [node for node in self.of(ast.BinOp, ast.AugAssign) if isinstance(node.op, kind)]
        return [(node, "right" if isinstance(node, ast.BinOp) else "value") for node in found]


def _changes(definition):
    """All changes, the likeliest first: message, node and edits of each."""
    function = _Function(definition)
    for kind in (
        _axes,
        _integer_divisions,
        _logarithms,
        _divisors_less_one,
        _pairs,
        _missing_axes,
        _shapes,
        _loops,
        _indices,
        _integers,
        _brackets,
        _broadcasts,
        _additional_terms,
        _signs,
        _factors,
        _superfluous_squares,
        _roots,
        _comparisons,
        _divisors,
        _steps,
        _transposes,
        _missing_squares,
        _logs,
        _missing_terms,
        _variables,
    ):
        yield from kind(function)


def _called(node):
    """The name of what is called: sum for np.sum(x), for x.sum() and for sum(x)."""
    return node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", None)


def _is_method(node):
    """Whether a call is x.sum() and not np.sum(x)."""
    module = node.func.value if isinstance(node.func, ast.Attribute) else None
    return module is not None and not (isinstance(module, ast.Name) and module.id in ("np", "numpy", "special"))


def _axis_position(call):
    """Where a reduction takes its axis if it is not named: after x in np.sum(x, 0), first in x.sum(0)."""
    return 0 if _is_method(call) and _called(call) != "reduce" else 1


def _number(node):
    with contextlib.suppress(ValueError):
        value = ast.literal_eval(node)
        return value if isinstance(value, (int, float)) and not isinstance(value, bool) else None
    return None


def _call(module, name, *arguments):
    return ast.Call(ast.Attribute(ast.Name(module, ast.Load()), name, ast.Load()), list(arguments), [])


def _numpy(function):
    """The name under which the reader's function uses NumPy."""
    used = [node.id for node in function.of(ast.Name)]
    return "numpy" if "numpy" in used and "np" not in used else "np"


def _axes(function):
    for call in function.of(ast.Call):
        places = [(k, "value", k.value) for k in call.keywords if k.arg in ("axis", "dim")]
        if _called(call) in _REDUCTIONS and not places:
            position = _axis_position(call)
            if len(call.args) > position:
                places = [(call.args, position, call.args[position])]
        for holder, key, value in places:
            now = _number(value)
            if now is None and not (isinstance(value, ast.Constant) and value.value is None):
                continue
            text = f"`{_short(call)}`: is this the right axis? With another one every case is right."
            for axis in (0, 1, 2):
                if axis == now:
                    continue
                yield text, call, [(holder, key, ast.Constant(axis))]
                if not any(k.arg == "keepdims" for k in call.keywords):
                    kept = [*call.keywords, ast.keyword("keepdims", ast.Constant(True))]
                    yield text, call, [(holder, key, ast.Constant(axis)), (call, "keywords", kept)]


def _missing_axes(function):
    for call in function.of(ast.Call):
        if _called(call) not in _REDUCTIONS or any(k.arg == "axis" for k in call.keywords):
            continue
        if len(call.args) != _axis_position(call):
            continue
        text = f"`{_short(call)}` takes all entries together. With an axis every case is right."
        for axis in (0, 1, 2):
            for kept in ([], [ast.keyword("keepdims", ast.Constant(True))]):
                keywords = [*call.keywords, ast.keyword("axis", ast.Constant(axis)), *kept]
                yield text, call, [(call, "keywords", keywords)]


def _integer_divisions(function):
    divisions = [node for node, _ in function.divisions(ast.FloorDiv)]
    for node in divisions:
        text = f"`{_short(node)}`: an integer division, //, cuts off the fraction. With / every case is right."
        yield text, node, [(node, "op", ast.Div())]
    # d // 2 * (d + 1) loses a half that d * (d + 1) // 2 does not; and all of them at once
    if len(divisions) > 1:
        text = "the integer divisions, //, cut off fractions. With / every case is right."
        yield text, divisions[0], [(node, "op", ast.Div()) for node in divisions]


def _logarithms(function):
    found = [node for node in function.of(ast.Attribute) if node.attr in _LOGS]
    found += [node for node in function.of(ast.Name) if node.id in _LOGS]
    if not found:
        return
    text = "the logarithm has another base than e: the book's is the natural one, np.log."
    natural = ast.Attribute(ast.Name("np", ast.Load()), "log", ast.Load())
    edits = [
        (node, "attr", "log") if isinstance(node, ast.Attribute) else (*function.slots[node], natural) for node in found
    ]
    yield text, found[0], edits


def _divisors_less_one(function):
    text = "this divides by n − 1; maximum likelihood divides by n. Without the minus one every case is right."
    for call in function.of(ast.Call):
        for keyword in call.keywords:
            if keyword.arg == "ddof" and _number(keyword.value) == 1:
                yield text, call, [(keyword, "value", ast.Constant(0))]
            if keyword.arg in ("bias", "correction"):
                yield text, call, [(keyword, "value", ast.Constant(keyword.arg == "bias"))]
        if _called(call) == "cov" and not any(k.arg in ("bias", "ddof") for k in call.keywords):
            yield text, call, [(call, "keywords", [*call.keywords, ast.keyword("bias", ast.Constant(True))])]
    for node, key in function.divisions():
        for part in ast.walk(getattr(node, key)):
            if isinstance(part, ast.BinOp) and isinstance(part.op, ast.Sub) and _number(part.right) == 1:
                yield text, node, [(*function.slots[part], part.left)]


def _pairs(function):
    for names, message in _PAIRS:
        calls = [call for call in function.of(ast.Call) if _called(call) in names]
        edits = [
            (call.func, "attr" if isinstance(call.func, ast.Attribute) else "id", names[_called(call)])
            for call in calls
        ]
        for call, edit in zip(calls, edits):
            yield message.format(_short(call)), call, [edit]
        if len(calls) > 1:
            yield message.format(_short(calls[0])), calls[0], edits


def _shapes(function):
    for node in function.of(ast.Subscript):
        if isinstance(node.value, ast.Attribute) and node.value.attr == "shape" and _number(node.slice) in (0, 1, -1):
            other = 0 if _number(node.slice) else 1
            text = f"`{_short(node)}`: the number of samples or of features? With the other every case is right."
            yield text, node, [(node, "slice", ast.Constant(other))]
    for node in function.of(ast.Attribute):
        if node.attr == "size":
            length = ast.Subscript(ast.Attribute(node.value, "shape", ast.Load()), ast.Constant(0), ast.Load())
            message = "`{}` counts all entries. With the length of the first axis every case is right."
            yield function.swap(message, node, length)
    for call in function.of(ast.Call):
        if _called(call) == "len" and len(call.args) == 1:
            shape = ast.Attribute(call.args[0], "shape", ast.Load())
            other = ast.Subscript(shape, ast.Constant(1), ast.Load())
            message = "`{}` is the length of the first axis. With that of the second every case is right."
            yield function.swap(message, call, other)


def _loops(function):
    text = "the `return` stands inside the loop and ends it on its first pass. Move it to the left, out of the loop."
    for loop in function.of(ast.For, ast.While):
        if len(loop.body) > 1 and isinstance(loop.body[-1], ast.Return):
            holder, key = function.slots[loop]
            if holder is function.definition.body:
                rest = [*holder[: key + 1], loop.body[-1], *holder[key + 1 :]]
                edits = [(loop, "body", loop.body[:-1]), (function.definition, "body", rest)]
                yield text, loop.body[-1], edits
        for node in ast.walk(loop):
            if isinstance(node, ast.Assign) and len(node.targets) == 1:
                message = f"`{_short(node.targets[0])}` is overwritten on every pass of the loop. Add up with +=."
                added = ast.AugAssign(node.targets[0], ast.Add(), node.value)
                yield message, node, [(*function.slots[node], added)]
            if isinstance(node, ast.AugAssign) and isinstance(node.op, (ast.Div, ast.Mult)):
                outer, place = function.slots[loop]
                if function.slots[node][0] is loop.body and outer is function.definition.body:
                    rest = [*outer[: place + 1], node, *outer[place + 1 :]]
                    body = [statement for statement in loop.body if statement is not node]
                    message = f"`{_short(node)}` is done on every pass of the loop; once, after it, would do."
                    if body:
                        yield message, node, [(loop, "body", body), (function.definition, "body", rest)]


def _indices(function):
    for node in function.of(ast.Subscript):
        now = _number(node.slice)
        if isinstance(now, int) and getattr(node.value, "attr", None) != "shape":
            for counter in function.counters:
                text = f"`{_short(node)}` is the same on every pass of the loop. With `{counter}` every case is right."
                yield text, node, [(node, "slice", ast.Name(counter, ast.Load()))]
            for index in (0, 1, -1):
                if index != now:
                    text = f"`{_short(node)}`: is this the right index? With another one every case is right."
                    yield text, node, [(node, "slice", ast.Constant(index))]


def _integers(function):
    for call in function.of(ast.Call):
        for keyword in call.keywords:
            if keyword.arg == "dtype":
                text = f"`{_short(call)}` holds whole numbers and cuts off fractions. As floats every case is right."
                yield text, call, [(keyword, "value", ast.Name("float", ast.Load()))]
        if _called(call) in ("int", "round", "rint", "floor") and call.args:
            message = "`{}` cuts off or rounds the fraction. Without it every case is right."
            yield function.swap(message, call, call.args[0])
        if _called(call) in ("astype", "round") and isinstance(call.func, ast.Attribute):
            message = "`{}` cuts off or rounds the fraction. Without it every case is right."
            yield function.swap(message, call, call.func.value)


def _brackets(function):
    for node in function.of(ast.BinOp):
        left = node.left
        if not isinstance(left, ast.BinOp):
            continue
        message = "brackets are missing in `{}`: Python reads it from left to right."
        if isinstance(node.op, ast.Mult) and isinstance(left.op, (ast.Div, ast.FloorDiv)):
            whole = ast.BinOp(left.left, ast.Div(), ast.BinOp(left.right, ast.Mult(), node.right))
            yield function.swap(message, node, whole)
        if isinstance(node.op, ast.Div) and isinstance(left.op, ast.Div):
            whole = ast.BinOp(left.left, ast.Div(), ast.BinOp(left.right, ast.Div(), node.right))
            yield function.swap(message, node, whole)
    for node in function.of(ast.BinOp):
        # a + b / c for (a + b) / c, and a * b + c for a * (b + c)
        if not isinstance(node.op, (ast.Add, ast.Sub)):
            continue
        message = "brackets are missing in `{}`: multiplication and division go first."
        right, left = node.right, node.left
        if isinstance(right, ast.BinOp) and isinstance(right.op, (ast.Div, ast.Mult)):
            whole = ast.BinOp(ast.BinOp(left, node.op, right.left), right.op, right.right)
            yield function.swap(message, node, whole)
        if isinstance(left, ast.BinOp) and isinstance(left.op, (ast.Div, ast.Mult)):
            whole = ast.BinOp(left.left, left.op, ast.BinOp(left.right, node.op, right))
            yield function.swap(message, node, whole)
    for node in function.of(ast.BinOp):
        # (a + b) * c for a + b * c, and a * (b + c) for a * b + c
        if not isinstance(node.op, (ast.Mult, ast.Div)):
            continue
        message = "the brackets in `{}` take in too much."
        for side, other in ((node.left, node.right), (node.right, node.left)):
            if isinstance(side, ast.BinOp) and isinstance(side.op, (ast.Add, ast.Sub)):
                last = ast.BinOp(side.left, side.op, ast.BinOp(side.right, node.op, other))
                first = ast.BinOp(ast.BinOp(other, node.op, side.left), side.op, side.right)
                yield function.swap(message, node, last if side is node.left else first)


def _broadcasts(function):
    message = "`{}`: which axes meet here? With one of length one more, as in a[:, None], every case is right."
    for node in function.of(ast.BinOp):
        if isinstance(node.op, (ast.Add, ast.Sub, ast.Mult, ast.Div)):
            for side in (node.right, node.left):
                if _number(side) is None:
                    for index in (":, None", ":, None, None", "None, :"):
                        template = ast.parse(f"a[{index}]", mode="eval").body
                        wider = ast.Subscript(side, template.slice, ast.Load())
                        yield function.swap(message, side, wider)
    for call in function.of(ast.Call):
        if _called(call) in _REDUCTIONS and not any(k.arg == "keepdims" for k in call.keywords):
            text = f"`{_short(call)}` drops an axis. With keepdims=True every case is right."
            yield text, call, [(call, "keywords", [*call.keywords, ast.keyword("keepdims", ast.Constant(True))])]


def _additional_terms(function):
    for node in function.of(ast.BinOp):
        if isinstance(node.op, (ast.Add, ast.Sub)):
            for dropped, kept in ((node.right, node.left), (node.left, node.right)):
                text = f"`{_short(dropped)}` does not belong here. Without it every case is right."
                yield text, node, [(*function.slots[node], kept)]


def _signs(function):
    message = "`{}`: check the sign. With the other one every case is right."
    for node in function.of(ast.BinOp, ast.AugAssign):
        if isinstance(node.op, (ast.Add, ast.Sub)):
            other = ast.Sub() if isinstance(node.op, ast.Add) else ast.Add()
            yield message.format(_short(node)), node, [(node, "op", other)]
            if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Sub):
                reverse = ast.BinOp(node.right, ast.Sub(), node.left)
                yield function.swap(message, node, reverse)
    for node in function.of(ast.UnaryOp):
        if isinstance(node.op, ast.USub):
            yield function.swap(message, node, node.operand)
    for value in _terms(function):
        yield function.swap(message, value, ast.UnaryOp(ast.USub(), value))


def _values(node):
    """The expressions that a return hands back."""
    if node.value is None:
        return []
    return node.value.elts if isinstance(node.value, ast.Tuple) else [node.value]


def _terms(function):
    """Expressions that a factor can belong to."""
    for node in function.of(ast.BinOp):
        if isinstance(node.op, (ast.Add, ast.Sub)):
            yield node.left
            yield node.right
    for node in function.of(ast.Return):
        yield from _values(node)
    for node in function.of(ast.Assign, ast.AugAssign):
        yield node.value
    for node in function.of(ast.Call):
        if _called(node) in ("exp", "log"):
            yield from node.args[:1]


def _factors(function):
    yield from _surplus_factors(function)
    for node in function.of(ast.BinOp):
        if isinstance(node.op, ast.Div):
            half = "`{}`: a factor 2 is missing in the divisor, or a ½ before it."
            yield function.swap(half, node, ast.BinOp(ast.Constant(0.5), ast.Mult(), node))
        if isinstance(node.op, (ast.Mult, ast.Div)):
            other = ast.Div() if isinstance(node.op, ast.Mult) else ast.Mult()
            text = f"`{_short(node)}`: is this a product or a quotient? With the other one every case is right."
            yield text, node, [(node, "op", other)]
    powers = {id(node.right) for node in function.of(ast.BinOp) if isinstance(node.op, ast.Pow)}
    for number in function.of(ast.Constant):
        if _number(number) in (0.5, 2, 1):
            for other in (0.5, 2.0, 1.0):
                if other != number.value and function.slots[number][1] != "slice" and id(number) not in powers:
                    text = f"the {number.value} in this line: is it the right number?"
                    yield text, number, [(*function.slots[number], ast.Constant(other))]
    for term in _terms(function):
        half = "`{}`: a factor ½ is missing here."
        yield function.swap(half, term, ast.BinOp(ast.Constant(0.5), ast.Mult(), term))
        twice = "`{}`: a factor 2 is missing here."
        yield function.swap(twice, term, ast.BinOp(ast.Constant(2.0), ast.Mult(), term))
        for number, name in ((-0.5, "−½"), (-2.0, "−2")):
            text = "`{}`: a factor " + name + " is missing here."
            yield function.swap(text, term, ast.BinOp(ast.Constant(number), ast.Mult(), term))


def _surplus_factors(function):
    for node in function.of(ast.BinOp):
        if isinstance(node.op, (ast.Mult, ast.Div)):
            for factor, kept in ((node.left, node.right), (node.right, node.left)):
                if _number(factor) is not None and (factor is node.right or isinstance(node.op, ast.Mult)):
                    text = f"`{_short(node)}`: a factor too many. Without the {_short(factor)} every case is right."
                    yield text, node, [(*function.slots[node], kept)]


def _roots(function):
    np_ = _numpy(function)
    for call in function.of(ast.Call):
        if _called(call) == "sqrt" and call.args:
            message = "`{}`: variance or standard deviation? Without the square root every case is right."
            yield function.swap(message, call, call.args[0])
    message = "`{}`: variance or standard deviation? With a square root every case is right."
    for node in function.values(ast.Name, ast.Subscript):
        yield function.swap(message, node, _call(np_, "sqrt", node))
    for node in function.of(ast.Return):
        for value in _values(node):
            yield function.swap(message, value, _call(np_, "sqrt", value))


def _comparisons(function):
    strict = {ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt}
    turned = {ast.Lt: ast.Gt, ast.LtE: ast.GtE, ast.Gt: ast.Lt, ast.GtE: ast.LtE}
    for node in function.of(ast.Compare):
        for names in (strict, turned):
            if len(node.ops) == 1 and type(node.ops[0]) in names:
                text = f"`{_short(node)}`: look at the comparison, strict or not, and its direction."
                yield text, node, [(node.ops, 0, names[type(node.ops[0])]())]


def _divisors(function):
    candidates = {ast.unparse(getattr(node, key)): getattr(node, key) for node, key in function.divisions()}
    for name in function.names:
        loaded = ast.Name(name, ast.Load())
        length = ast.Call(ast.Name("len", ast.Load()), [loaded], [])
        column = ast.parse(f"{name}[:, None]", mode="eval").body
        blocks = ast.parse(f"{name}[:, None, None]", mode="eval").body
        total = ast.parse(f"{name}.sum()", mode="eval").body
        counts = ast.parse(f"{name}.sum(axis=0)", mode="eval").body
        counted = [ast.Subscript(loaded, ast.Name(counter, ast.Load()), ast.Load()) for counter in function.counters]
        for divisor in (loaded, *counted, column, blocks, length, total, counts):
            candidates.setdefault(ast.unparse(divisor), divisor)
    for node, key in function.divisions():
        now = ast.unparse(getattr(node, key))
        text = f"`{_short(node)}`: is this the right divisor? With another one every case is right."
        for name, divisor in candidates.items():
            if name != now:
                yield text, node, [(node, key, divisor)]
        if isinstance(node, ast.BinOp):
            message = "`{}`: is this divided too often? Without the division every case is right."
            yield function.swap(message, node, node.left)
    for value in _results(function):
        message = "`{}`: a division is missing here."
        for divisor in candidates.values():
            yield function.swap(message, value, ast.BinOp(value, ast.Div(), divisor))


def _results(function):
    """Expressions at which a division can be missing: what is returned, assigned or appended."""
    for node in function.of(ast.Return):
        yield from _values(node)
    for node in function.of(ast.Assign):
        yield node.value
    for call in function.of(ast.Call):
        if _called(call) == "append" and len(call.args) == 1:
            yield call.args[0]


def _steps(function):
    text = "off by one? Look at `{}`."
    for node in function.of(ast.BinOp):
        if isinstance(node.op, (ast.Add, ast.Sub)) and _number(node.right) == 1:
            yield function.swap(text, node, node.left)
    for node in function.of(ast.Return):
        for value in _values(node):
            for step in (ast.Add(), ast.Sub()):
                yield function.swap(text, value, ast.BinOp(value, step, ast.Constant(1)))
    for node in function.values(ast.Name):
        for step in (ast.Sub(), ast.Add()):
            yield function.swap(text, node, ast.BinOp(node, step, ast.Constant(1)))


def _transposes(function):
    message = "`{}`: check the transpose. "
    for node in function.of(ast.Attribute):
        if node.attr == "T":
            yield function.swap(message + "Without it every case is right.", node, node.value)
    for node in function.of(ast.BinOp):
        if isinstance(node.op, ast.MatMult):
            for side in (node.left, node.right):
                turned = ast.Attribute(side, "T", ast.Load())
                yield function.swap("`{}`: a transpose is missing here.", side, turned)
    for node in function.of(ast.Return):
        for value in _values(node):
            turned = ast.Attribute(value, "T", ast.Load())
            yield function.swap("`{}`: a transpose is missing here.", value, turned)


def _superfluous_squares(function):
    for node in function.of(ast.BinOp):
        if isinstance(node.op, ast.Pow) and _number(node.right) == 2:
            yield function.swap("`{}`: without the square every case is right.", node, node.left)


def _missing_squares(function):
    for node in function.values(ast.Name, ast.BinOp, ast.Call, ast.Subscript):
        squared = ast.BinOp(node, ast.Pow(), ast.Constant(2))
        yield function.swap("`{}`: a square is missing here.", node, squared)


def _logs(function):
    np_ = _numpy(function)
    for call in function.of(ast.Call):
        if _called(call) in ("log", "exp") and len(call.args) == 1:
            yield function.swap("`{}`: without this function every case is right.", call, call.args[0])
    for node in function.values(ast.Name):
        yield function.swap("`{}`: its logarithm is meant here.", node, _call(np_, "log", node))


def _missing_terms(function):
    np_ = _numpy(function)
    added = []
    for name in function.names:
        loaded = ast.Name(name, ast.Load())
        column = ast.parse(f"{name}[:, None]", mode="eval").body
        total = ast.parse(f"{name}.sum()", mode="eval").body
        added += [loaded, column, _call(np_, "log", loaded), total]
    for node in function.values(ast.Name, ast.Subscript, ast.BinOp):
        if isinstance(node, ast.Name) and isinstance(function.slots[node][0], ast.Subscript):
            continue
        for term in added:
            for op, sign in ((ast.Sub(), "−"), (ast.Add(), "+")):
                text = "`{}`: something is missing here. With " + f"{sign} {_short(term)} every case is right."
                yield function.swap(text, node, ast.BinOp(node, op, term))


def _variables(function):
    for node in function.of(ast.Name):
        if isinstance(node.ctx, ast.Load) and node.id in function.names:
            for name in function.names:
                if name != node.id:
                    text = f"`{node.id}`: is this the right variable? With another one every case is right."
                    yield text, node, [(node, "id", name)]


def _short(node):
    text = ast.unparse(node)
    return text if len(text) <= 60 else text[:57] + "…"
