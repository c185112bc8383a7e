"""The kernels in the browser: built from the sources, the same values as Numba's, errors with their messages."""

from __future__ import annotations

import base64
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import screenshot
import wasm_object
from numba.core.registry import CPUDispatcher

from gmm import formulas
from gmm.widgets import _live

ROOT = Path(__file__).resolve().parents[2]
KNOWN = json.loads((ROOT / "gmm" / "widgets" / "kernels.json").read_text(encoding="utf-8"))
NATIVE = {
    name: thing
    for module in [*formulas.CHAPTERS, formulas._primitives]
    for name, thing in vars(module).items()
    if isinstance(thing, CPUDispatcher)
}
LARGEST = 80_000
SIZES = {"n": 23, "d": 3, "K": 4, "m": 5, "J": 5, "o": 2}


def tool(*arguments, code=None):
    """Run tools/wasm.py, or code that imports it, in a process of its own: it sets Numba's options."""
    command = [sys.executable, *(["-c", code] if code else [str(ROOT / "tools" / "wasm.py")]), *arguments]
    path = os.pathsep.join([str(ROOT), str(ROOT / "tools")])
    environment = os.environ | {"PYTHONPATH": path}
    return subprocess.run(command, capture_output=True, text=True, env=environment, timeout=900, cwd=ROOT)


def positive_definite(rng, *shape):
    root = rng.normal(size=(*shape, SIZES["d"], SIZES["d"]))
    return root @ root.swapaxes(-1, -2) + 0.5 * np.eye(SIZES["d"])


def example(rng, kernel, name, kind):
    """A value that this argument of a kernel may have."""
    if name in ("covariance", "covariances", "scale", "scales", "scatters"):
        return positive_definite(rng, *[SIZES["K"]] * (kind == "Kdd"))
    if name == "L":
        return np.linalg.cholesky(positive_definite(rng))
    if name == "orientation" and kind in ("dd", "Kdd"):
        return np.linalg.qr(rng.normal(size=[SIZES[c] for c in kind]))[0]
    if name in ("weights", "resp"):
        return rng.dirichlet(np.ones(SIZES[kind[-1]]), *[SIZES["n"]] * (name == "resp"))
    if name in ("labels", "chosen"):
        return rng.integers(SIZES["K"], size=SIZES[kind[-1]])
    if name == "order":
        return rng.permutation(SIZES["d"])
    if kind == "int":
        return {"structure": 2, "max_iter": 7, "d": 3, "n_features": 3, "p": SIZES["o"]}.get(name, 5)
    if name == "tol":
        return 0.0
    if name in ("weight", "u"):
        return rng.uniform(0.1, 0.9, [SIZES[c] for c in kind] if kind != "float" else None)
    if name in ("dof", "nu"):
        return rng.uniform(5, 9, SIZES["K"] if kind == "K" else None)
    if kind == "float":
        return rng.uniform(0.5, 3.0)
    if name in ("counts", "concentration", "mean_precision", "squares", "volume", "shape"):
        return rng.uniform(0.5, 3.0, [SIZES[c] for c in kind])
    values = 3.0 * rng.normal(size=[SIZES[c] for c in kind])
    if kernel == "observed_joint_kernel" and name == "X":
        values[rng.random(values.shape) < 0.3] = np.nan  # a value that is missing
    return values


def flat(value):
    """All numbers of a result, in order."""
    if isinstance(value, (tuple, list)):
        return [number for part in value for number in flat(part)]
    return np.asarray(value, dtype=float).ravel().tolist()


@pytest.fixture(scope="module")
def page(running):
    """A page with the kernels."""
    page = running.new_context().new_page()
    page.set_default_timeout(screenshot.PATIENCE)
    page.set_content(f"<script>{_live.kernels()}</script><script>{_live.script()}</script>")
    yield page
    page.context.close()


CALL = """async ([name, values]) => {
  const kernels = await gmmLive.kernels(), plain = v => typeof v === "object" ? Array.from(v, plain) : Number(v);
  try { return plain(kernels[name](...values)); } catch (error) { return String(error); }
}"""


def test_the_stored_file_is_made_from_these_sources():
    result = tool("--check")
    assert result.returncode == 0, result.stderr


def test_it_is_small_and_exports_all_that_it_says():
    module = base64.b64decode(KNOWN["wasm"])
    assert len(module) <= LARGEST
    exports = next(content for kind, content in wasm_object.sections(module) if kind == wasm_object.EXPORT)
    reader = wasm_object.Reader(exports)
    names = []
    for _ in range(reader.number()):
        names.append(reader.name())
        reader.number(), reader.number()
    assert sorted(names) == sorted(KNOWN["kernels"])
    assert set(names) <= set(NATIVE)


@pytest.mark.slow
def test_the_module_is_the_same_to_the_byte():
    made_with = tool(code="import json, wasm; print(json.dumps(wasm.made_with()))")
    if json.loads(made_with.stdout) != KNOWN["made_with"]:
        pytest.skip(f"the stored module was made with {KNOWN['made_with']}")
    code = (
        "import wasm; print(wasm.file(*wasm.build([wasm.compile_kernel(kernel) for kernel in wasm.KERNELS])), end='')"
    )
    result = tool(code=code)
    assert result.returncode == 0, result.stderr
    assert json.loads(result.stdout) == KNOWN
    assert result.stdout == (ROOT / "gmm" / "widgets" / "kernels.json").read_text(encoding="utf-8")


@pytest.mark.slow
def test_every_kernel_gives_the_values_of_the_native_one(page):
    rng = np.random.default_rng(16)
    for name, about in KNOWN["kernels"].items():
        values = [example(rng, name, argument, kind) for argument, kind in about["arguments"].items()]
        expected = NATIVE[name](*values)
        found = page.evaluate(CALL, [name, [v.tolist() if isinstance(v, np.ndarray) else v for v in values]])
        assert not isinstance(found, str), found
        parts = zip(expected, found, strict=True) if isinstance(expected, tuple) else [(expected, found)]
        for own, other in parts:
            own, other = np.array(flat(own)), np.array(flat(other))
            assert own.shape == other.shape, name
            scale = np.abs(own[np.isfinite(own)]).max(initial=0.0)
            np.testing.assert_allclose(other, own, rtol=0, atol=1e-12 * scale, err_msg=name)


@pytest.mark.slow
class TestErrors:
    START = ((0.5, 0.5), ((0.0, 0.0), (1.0, 1.0)), (((1.0, 0.0), (0.0, 1.0)),) * 2)
    X = ((0.0, 1.0), (2.0, 1.0), (3.0, 5.0))

    def call(self, page, name, *values):
        return page.evaluate(CALL, [name, values])

    def test_an_exception_of_numba_arrives_with_its_message(self, page):
        # A history of max_iter + 1 = -4 entries.
        said = self.call(page, "em_kernel", self.X, *self.START, 0.0, -5, 0.0)
        assert said == "Error: em_kernel: ValueError: negative dimensions not allowed"
        with pytest.raises(ValueError, match="negative dimensions not allowed"):
            NATIVE["em_kernel"](*map(np.array, (self.X, *self.START)), 0.0, -5, 0.0)

    def test_too_much_memory_is_an_error_and_the_next_call_is_right(self, page):
        said = self.call(page, "em_kernel", self.X, *self.START, 0.0, 2_000_000_000, 0.0)
        assert said.startswith("Error: em_kernel: MemoryError: Allocation failed")
        assert self.call(page, "bic_kernel", -10.0, 3, 7) == pytest.approx(20 + 3 * np.log(7), rel=1e-15)

    @pytest.mark.parametrize(
        ("values", "message"),
        [
            ((X, START[0], START[1][:1], START[2]), "means must have the shape (K = 2, d = 2); got (1, 2)"),
            ((X, START[0], START[1], START[1]), "covariances must have the shape (K = 2, d = 2, d = 2); got (2, 2)"),
            ((((0.0, 1.0), (2.0,)), *START), "X has rows of different lengths"),
            ((X, *START, 3), "takes X, weights, means, covariances; got 5 arguments"),
        ],
    )
    def test_a_wrong_shape_is_refused_before_any_work(self, page, values, message):
        said = self.call(page, "log_likelihood_kernel", *values)
        assert said.startswith("TypeError: log_likelihood_kernel")
        assert message in said

    def test_a_number_that_is_none_is_refused(self, page):
        assert "n must be an integer; got 7.5" in self.call(page, "bic_kernel", -10.0, 3, 7.5)
        assert "log_likelihood must be a number; got x" in self.call(page, "bic_kernel", "x", 3, 7)

    def test_freed_memory_is_used_again(self, page):
        """Otherwise 20 000 iterations with 50 samples would take 300 MB, and 64 MB are all that this page may have."""
        X = np.random.default_rng(0).normal(size=(50, 2)).tolist()
        limited = """async ([name, values]) => {
          const Memory = WebAssembly.Memory;
          WebAssembly.Memory = function (size) { return new Memory({ ...size, maximum: 1024 }); };
          const kernels = await gmmLive.instantiate(gmmKernels);
          WebAssembly.Memory = Memory;
          return kernels[name](...values)[4];
        }"""
        assert page.evaluate(limited, ["em_kernel", [X, *self.START, -1.0, 20_000, 1e-3]]) == 20_000


IR = """define i32 @f(ptr noalias captures(none) %retptr, ptr noalias captures(none) %excinfo, double %arg.x) {
  store double %arg.x, ptr %retptr, align 8
  ret i32 0
}
"""
CHANGES = {
    1: (IR.replace("double %arg.x)", "float %arg.x)"), "check_call(ir, 'f', (types.float64,))"),
    2: (IR.replace("store double", "store float"), "check_result(ir, 'f', types.float64)"),
    3: (IR.replace("ret i32 0", "ret i32 1"), "check_result(ir, 'f', types.float64)"),
    4: (
        IR + "store ptr @.const.picklebuf.0123, ptr %excinfo, align 8, !numba_exception_output !2",
        "exceptions(ir)",
    ),
    5: ("declare ptr @NRT_MemInfo_alloc_aligned(i64, i64)", "check_memory(ir)"),
    6: ("", "check_imports(['exp', 'tgamma'])"),
}


def test_a_numba_that_does_it_otherwise_is_named_with_the_convention():
    code = f"""
import wasm
from wasm import *
for number, (ir, call) in {CHANGES!r}.items():
    try:
        eval(call)
    except NumbaChanged as error:
        print(number, str(error).splitlines()[0])
for number, (_, call) in list({CHANGES!r}.items())[:3]:
    ir = {IR!r}
    eval(call)
print(sorted(CONVENTIONS))
"""
    lines = tool(code=code).stdout.splitlines()
    assert [re.match(r"(\d) convention (\d)", line).groups() for line in lines[:-1]] == [(str(n),) * 2 for n in CHANGES]
    assert lines[-1] == str(sorted(CHANGES))
