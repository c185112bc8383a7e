"""Compile the book's kernels for the browser: ``python tools/wasm.py [--check]`` writes gmm/widgets/kernels.json.

Nothing is done while the sources of the kernels are those of the stored file; ``--check`` only says whether they are.

A live figure runs the function that is printed beside it. Numba has translated that function to LLVM's intermediate
representation (IR) on the way to the machine code of this computer; here the IR is taken, made independent of the
computer, optimised and translated for wasm32, the machine of every browser. It needs numba and llvmlite and nothing
else: no C compiler, no linker, no Emscripten.

The way of a kernel:

1. Numba compiles it without optimising (`SETTINGS`), since what is optimised for this processor fits no other.
2. Its IR is made portable (`portable`): another target, no Python objects, an exception is a number.
3. All are linked with a small runtime in IR (`RUNTIME`): Numba asks two functions for the memory of arrays.
4. LLVM optimises them and writes an object, which tools/wasm_object.py makes a module.
5. The module, in base64, and what JavaScript has to know of each kernel go into one file.

What this takes for granted of Numba is written down in `CONVENTIONS`, each with the function that checks it on every
build. A Numba that does it otherwise ends the build with `NumbaChanged` and the number of the convention.
"""

import os
import tempfile

#: Plain IR for no processor in particular. An empty cache: the package's own holds IR that is optimised for this
#: computer, and what comes out of a cache is linked in another order.
SETTINGS = {
    "NUMBA_OPT": "0",
    "NUMBA_CPU_NAME": "generic",
    "NUMBA_CPU_FEATURES": "",
    "NUMBA_DISABLE_INTEL_SVML": "1",
    "NUMBA_DISABLE_JIT": "0",
}
os.environ |= SETTINGS  # before Numba is imported, and the package with it
SCRATCH = tempfile.TemporaryDirectory(prefix="gmm-wasm-")
os.environ["NUMBA_CACHE_DIR"] = SCRATCH.name

import base64  # noqa: E402
import hashlib  # noqa: E402
import inspect  # noqa: E402
import json  # noqa: E402
import pickle  # noqa: E402
import platform  # noqa: E402
import re  # noqa: E402
import sys  # noqa: E402
import warnings  # noqa: E402
from typing import NamedTuple  # noqa: E402

import llvmlite  # noqa: E402
import llvmlite.binding as llvm  # noqa: E402
import numba  # noqa: E402
import wasm_object  # noqa: E402
from chapters import ROOT  # noqa: E402
from numba import types  # noqa: E402

from gmm.formulas import (  # noqa: E402
    CHAPTERS,
    _primitives,
    anomalies,
    convergence,
    criteria,
    em,
    gaussian,
    heavy_tails,
    kmeans,
    likelihood,
    missing,
    mixture,
    parsimony,
    regularisation,
    responsibilities,
    starts,
    structures,
    updates,
    variational,
)

TARGET = ROOT / "gmm" / "widgets" / "kernels.json"
TRIPLE = "wasm32-unknown-unknown"
#: Machine instructions beyond the first version of WebAssembly, all in every browser since 2021 or before.
FEATURES = "+bulk-memory,+bulk-memory-opt,+sign-ext,+mutable-globals"

# ------------------------------------------------------------------------- which kernels, with which arguments

#: What JavaScript may call, in the order of the book. The kernels that these call come along by themselves. Not all
#: kernels of the book can be here: to reshape an array, and to assign a slice, needs more of Numba's own runtime.
KERNELS = (
    _primitives.cholesky_kernel,
    _primitives.log_sum_exp_kernel,
    gaussian.univariate_log_density_kernel,
    gaussian.mahalanobis_squared_kernel,
    gaussian.gaussian_log_density_kernel,
    gaussian.sample_mean_kernel,
    gaussian.sample_covariance_kernel,
    gaussian.gaussian_log_likelihood_kernel,
    mixture.joint_log_density_kernel,
    mixture.mixture_log_density_kernel,
    mixture.mixture_mean_kernel,
    mixture.mixture_covariance_kernel,
    mixture.ancestral_sample_kernel,
    responsibilities.softmax_kernel,
    responsibilities.log_responsibilities_kernel,
    responsibilities.hard_labels_kernel,
    responsibilities.responsibility_entropy_kernel,
    likelihood.log_likelihood_kernel,
    likelihood.score_means_kernel,
    updates.effective_counts_kernel,
    updates.update_weights_kernel,
    updates.update_means_kernel,
    updates.update_covariances_kernel,
    em.elbo_kernel,
    em.e_step_kernel,
    em.m_step_kernel,
    em.singular_component_kernel,
    em.em_kernel,
    em.random_start_kernel,
    convergence.has_converged_kernel,
    starts.one_hot_kernel,
    starts.kmeans_plusplus_probabilities_kernel,
    kmeans.nearest_centre_kernel,
    kmeans.kmeans_objective_kernel,
    kmeans.update_centres_kernel,
    kmeans.lloyd_kernel,
    kmeans.spherical_responsibilities_kernel,
    structures.update_tied_covariance_kernel,
    structures.update_diagonal_covariances_kernel,
    structures.update_spherical_covariances_kernel,
    structures.n_parameters_kernel,
    parsimony.scatter_matrices_kernel,
    parsimony.compose_covariances_kernel,
    parsimony.n_covariance_parameters_kernel,
    parsimony.update_eii_kernel,
    parsimony.equal_axes_kernel,
    parsimony.variable_volumes_kernel,
    parsimony.variable_shapes_kernel,
    parsimony.update_vee_kernel,
    parsimony.squares_kernel,
    parsimony.update_eve_kernel,
    regularisation.collapse_log_likelihood_kernel,
    regularisation.ridge_kernel,
    regularisation.map_covariances_kernel,
    regularisation.penalised_log_likelihood_kernel,
    criteria.aic_kernel,
    criteria.bic_kernel,
    criteria.icl_kernel,
    variational.expected_log_weights_kernel,
    variational.variational_log_joint_kernel,
    variational.variational_m_step_kernel,
    variational.variational_bound_kernel,
    variational.variational_predictive_kernel,
    anomalies.conformal_p_values_kernel,
    heavy_tails.log_hypervolume_kernel,
    heavy_tails.noise_log_density_kernel,
    heavy_tails.noise_responsibilities_kernel,
    heavy_tails.student_log_density_kernel,
    heavy_tails.expected_scale_kernel,
    heavy_tails.student_responsibilities_kernel,
    heavy_tails.student_m_step_kernel,
    heavy_tails.update_dof_kernel,
    missing.conditional_gaussian_kernel,
    missing.lifted_moments_kernel,
    missing.observed_joint_kernel,
)

#: The letters of the book have one meaning each, and a shape: n samples, d features, K components, m centres.
#: "float" and "int" are numbers; a shape in capitals' company, such as "int n", holds integers.
SHAPES = {
    "X": "nd",
    "x": "n",
    "u": "n",
    "z": "nd",
    "a": "nK",
    "labels": "int n",
    "chosen": "int K",
    "weights": "K",
    "mean": "d",
    "means": "Kd",
    "covariance": "dd",
    "covariances": "Kdd",
    "scale": "dd",
    "scales": "Kdd",
    "L": "dd",
    "b": "d",
    "resp": "nK",
    "log_joint": "nK",
    "counts": "K",
    "scatters": "Kdd",
    "squares": "Kd",
    "orientation": "dd",
    "centres": "md",
    "n": "int",
    "d": "int",
    "K": "int",
    "p": "int",
    "max_iter": "int",
    "structure": "int",
    "concentration": "K",
    "scores": "n",
    "calibration": "m",
    "axes": "dd",
    "order": "int d",
    "n_features": "int",
}
#: All other arguments are numbers; here a kernel uses a letter in another way.
POSTERIOR = {"mean_precision": "K", "dof": "K"}
NOISE = {"weights": "J"}  # those of the K components and, last, of the noise
EXCEPTIONS = {
    "univariate_log_density_kernel": {"mean": "float"},
    "collapse_log_likelihood_kernel": {"mean": "float"},
    "compose_covariances_kernel": {"volume": "K", "shape": "Kd", "orientation": "Kdd"},
    "n_covariance_parameters_kernel": {"volume": "int", "shape": "int", "orientation": "int"},
    "variational_m_step_kernel": {"concentration": "float"},
    "variational_log_joint_kernel": POSTERIOR,
    "variational_bound_kernel": POSTERIOR,
    "variational_predictive_kernel": POSTERIOR,
    "noise_log_density_kernel": NOISE,
    "noise_responsibilities_kernel": NOISE,
    "student_responsibilities_kernel": {"dof": "K"},
    "student_m_step_kernel": {"u": "nK"},
    "update_dof_kernel": {"u": "nK", "dof": "K"},
    "conditional_gaussian_kernel": {"x": "d"},
    "lifted_moments_kernel": {"first": "o", "second": "oo"},  # of the o observed features
}
NUMBERS = {"float": types.float64, "int": types.int64}


def arguments(kernel):
    """Return name -> kind of the arguments of a kernel: "float", "int", or a shape."""
    function = kernel.py_func
    own = EXCEPTIONS.get(function.__name__, {})
    return {name: own.get(name, SHAPES.get(name, "float")) for name in inspect.signature(function).parameters}


def numba_type(kind):
    """Return Numba's type of an argument: kernels are compiled for numbers of 64 bits and arrays in C order."""
    if kind in NUMBERS:
        return NUMBERS[kind]
    whole, _, shape = kind.rpartition(" ")
    return types.Array(NUMBERS[whole or "float"], len(shape), "C")


# ------------------------------------------------------------------------- what is taken for granted of Numba


class NumbaChanged(Exception):
    """Numba does something otherwise than this script relies on."""

    def __init__(self, number, what):
        super().__init__(
            f"convention {number} of tools/wasm.py no longer holds: {CONVENTIONS[number]}\n{what}\n"
            f"(numba {numba.__version__}, llvmlite {llvmlite.__version__})"
        )


CONVENTIONS = {
    1: "a compiled function takes the address of its result, that of a word for an exception, then its arguments, of "
    "which an array becomes (meminfo, parent, number of items, bytes of an item, data, shape ..., strides ...)",
    2: "the result is stored at that address, an array in this same order, a logical value as a byte, several as a "
    "structure",
    3: "a function returns 0, or another status when an exception was raised",
    4: "an exception stands in a constant named .const.picklebuf.HASH, which is stored in the word for it; its bytes "
    "are the pickled class, arguments and place",
    5: "memory of an array comes from NRT_MemInfo_alloc_aligned(bytes, alignment) and goes back to "
    "NRT_MemInfo_call_dtor(block); the block begins with the count of references, two words, and the data's address",
    6: "beyond that, kernels call functions of C's mathematics alone",
}
ARRAY = "{{ ptr, ptr, i64, i64, ptr, [{0} x i64], [{0} x i64] }}"
IR_TYPES = {types.float64: "double", types.int64: "i64", types.intp: "i64", types.boolean: "i8"}
#: The functions of C that the loader gives: JavaScript has them, but for lgamma (gmm/widgets/live.js).
MATHEMATICS = {"exp", "log", "log1p", "expm1", "lgamma", "sin", "cos", "atan2"}


def ir_type(kind):
    """Return how Numba lays out a value in memory, in the language of LLVM (convention 2)."""
    if isinstance(kind, types.Array):
        return ARRAY.format(kind.ndim)
    if isinstance(kind, types.UniTuple):
        return f"[{kind.count} x {ir_type(kind.dtype)}]"
    if isinstance(kind, types.BaseTuple):
        return "{ " + ", ".join(map(ir_type, kind)) + " }"
    return IR_TYPES[kind]


def check_call(ir, symbol, kinds):
    """Convention 1: what a compiled function takes."""
    expected = ["ptr", "ptr"]
    for kind in kinds:
        if isinstance(kind, types.Array):
            expected += ["ptr", "ptr", "i64", "i64", "ptr", *["i64"] * (2 * kind.ndim)]
        else:
            expected.append(IR_TYPES[kind])
    head = re.search(rf"^define (\w+) @{re.escape(symbol)}\((.*)\)[^()]*\{{$", ir, re.M)
    if head is None:
        raise NumbaChanged(1, f"{symbol} is not defined")
    found = [part.split()[0] for part in re.sub(r"captures\(.*?\)", "", head[2]).split(", ")]
    if found != expected:
        raise NumbaChanged(1, f"{symbol} takes {found} and not {expected}")
    if head[1] != "i32":
        raise NumbaChanged(3, f"{symbol} returns {head[1]}")


def check_result(ir, symbol, kind):
    """Conventions 2 and 3: where the result goes, and what is returned then."""
    body = re.search(rf"^define \w+ @{re.escape(symbol)}\(.*?^}}", ir, re.M | re.S)[0]
    found = set(re.findall(r"store (.+?) %[^,]*, ptr %retptr\b", body))
    constant = re.findall(r"store (\w+) [-\d.x]+, ptr %retptr\b", body)  # a kernel whose result is always the same
    if found | set(constant) != {ir_type(kind)}:
        raise NumbaChanged(2, f"{symbol} stores {found} and not {ir_type(kind)}")
    if "\n  ret i32 0\n" not in body:
        raise NumbaChanged(3, f"{symbol} never returns 0")


def check_memory(ir):
    """Convention 5: how Numba asks for memory, and where it looks for the data in a block."""
    wanted = {
        "NRT_MemInfo_alloc_aligned": r"declare noalias ptr @NRT_MemInfo_alloc_aligned\(i64, i32\)",
        "NRT_MemInfo_call_dtor": r"declare void @NRT_MemInfo_call_dtor\(ptr\)",
        "NRT_MemInfo_data_fast": r"@NRT_MemInfo_data_fast\(ptr %\S+\) \{\n(?:.*\n){2}\s+%\S+ = getelementptr "
        r"\{ i64, ptr, ptr, ptr, i64 \}, ptr %\S+, i32 0, i32 3\n",
    }
    for name, pattern in wanted.items():
        if name in ir and not re.search(pattern, ir):
            raise NumbaChanged(5, f"{name} is declared or defined otherwise")


def check_imports(names):
    """Convention 6: what the module needs from outside."""
    surplus = set(names) - MATHEMATICS - {"__linear_memory", "__stack_pointer"}
    if surplus:
        raise NumbaChanged(6, f"the kernels need {', '.join(sorted(surplus))}")


PICKLED = re.compile(r'^@\.const\.pickledata\.([0-9a-f]{40}(?:\.\d+)*) = internal constant \[\d+ x i8\] c"(.*)"$', re.M)
STORED = re.compile(r"store ptr @\.const\.picklebuf\.([\w.]+), ptr %excinfo\b")


def _byte(code):
    return code[1] if code[1] == b"\\" else bytes.fromhex(code[1].decode())


def exceptions(ir):
    """Convention 4: hash -> text of each exception that a kernel can raise."""
    found = {}
    for name, content in PICKLED.findall(ir):
        raw = re.sub(rb"\\(\\|[0-9A-F]{2})", _byte, content.encode())
        thing = pickle.loads(raw)
        if isinstance(thing, tuple) and len(thing) == 3 and issubclass(thing[0], Exception):
            kind, given, _ = thing
            # What follows the first line says where in Numba's own files it is raised.
            found[name[:40]] = f"{kind.__name__}: {str(given[0]).splitlines()[0] if given else ''}".rstrip(": ")
    stored = [name[:40] for name in STORED.findall(ir)]
    lost = set(stored) - set(found)
    if lost or len(stored) != ir.count(", ptr %excinfo, align 8, !numba_exception_output"):
        raise NumbaChanged(4, f"exceptions {sorted(lost)} cannot be read, or are stored otherwise")
    return found


# ------------------------------------------------------------------------- from Numba's IR to a module

#: A block is 32 bytes and its data. On wasm32 an address has 4 bytes: references (8), two words (4 + 4), the data's
#: address (4), and from 24 on its size. Freed blocks wait in a list, linked through the first of the two words, for a
#: request of the same size: EM asks for the same sizes in each iteration. The loader sets heap_top before each call
#: and empties the list, so that nothing outlives a call.
RUNTIME = """
@heap_top = global i32 0
@heap_free = global ptr null
declare i32 @llvm.wasm.memory.size.i32(i32)
declare i32 @llvm.wasm.memory.grow.i32(i32, i32)

define ptr @NRT_MemInfo_alloc_aligned(i64 %size, i32 %alignment) {
entry:
  br label %search
search:                                       ; is there a freed block of this size?
  %link = phi ptr [ @heap_free, %entry ], [ %next, %compare ]
  %block = load ptr, ptr %link
  %end_of_list = icmp eq ptr %block, null
  br i1 %end_of_list, label %fresh, label %compare
compare:
  %next = getelementptr i8, ptr %block, i32 8
  %size_at = getelementptr i8, ptr %block, i32 24
  %has = load i64, ptr %size_at
  %fits = icmp eq i64 %has, %size
  br i1 %fits, label %reuse, label %search
reuse:
  %after = load ptr, ptr %next
  store ptr %after, ptr %link
  br label %done
fresh:                                        ; otherwise one behind all others, at a multiple of 32
  %top = load i32, ptr @heap_top
  %top64 = zext i32 %top to i64
  %bytes = add i64 %size, 63
  %rounded = and i64 %bytes, -32
  %end = add i64 %top64, %rounded
  %pages = call i32 @llvm.wasm.memory.size.i32(i32 0)
  %pages64 = zext i32 %pages to i64
  %there = shl i64 %pages64, 16
  %enough = icmp ule i64 %end, %there
  br i1 %enough, label %take, label %grow
grow:
  %missing = sub i64 %end, %there
  %up = add i64 %missing, 65535
  %more = lshr i64 %up, 16
  %huge = icmp ugt i64 %more, 65535
  br i1 %huge, label %fail, label %ask
ask:
  %more32 = trunc i64 %more to i32
  %before = call i32 @llvm.wasm.memory.grow.i32(i32 0, i32 %more32)
  %refused = icmp eq i32 %before, -1
  br i1 %refused, label %fail, label %take
fail:                                         ; Numba raises MemoryError
  ret ptr null
take:
  %end32 = trunc i64 %end to i32
  store i32 %end32, ptr @heap_top
  %new = inttoptr i32 %top to ptr
  br label %done
done:
  %meminfo = phi ptr [ %block, %reuse ], [ %new, %take ]
  store i64 1, ptr %meminfo
  %data = getelementptr i8, ptr %meminfo, i32 32
  %data_at = getelementptr i8, ptr %meminfo, i32 16
  store ptr %data, ptr %data_at
  %size_of = getelementptr i8, ptr %meminfo, i32 24
  store i64 %size, ptr %size_of
  ret ptr %meminfo
}

define void @NRT_MemInfo_call_dtor(ptr %meminfo) {
  %first = load ptr, ptr @heap_free
  %next = getelementptr i8, ptr %meminfo, i32 8
  store ptr %first, ptr %next
  store ptr %meminfo, ptr @heap_free
  ret void
}

; Numba asks whether the size of an array overflows 64 bits, for which wasm32 has no instruction. A factor of 2^31 or
; more is too large for its memory anyway and may count as an overflow.
define { i64, i1 } @checked_product(i64 %a, i64 %b) {
  %product = mul i64 %a, %b
  %either = or i64 %a, %b
  %large = icmp ugt i64 %either, 2147483647
  %first = insertvalue { i64, i1 } poison, i64 %product, 0
  %both = insertvalue { i64, i1 } %first, i1 %large, 1
  ret { i64, i1 } %both
}
"""


def portable(ir, head, numbers):
    """Return the IR of a kernel for wasm32; an exception becomes its number in `numbers`."""
    ir = head + re.sub(r"^target (datalayout|triple) = .*\n", "", ir, flags=re.M)
    ir = STORED.sub(lambda m: f"store ptr inttoptr (i32 {numbers[m[1][:40]]} to ptr), ptr %excinfo", ir)
    # What is left of pickled things belongs to the functions for callers in Python, which are dropped.
    ir = re.sub(r"^@\.const\.pickle.*\n", "", ir, flags=re.M)
    ir = re.sub(r"@\.const\.pickle(?:buf|data)\.[\w.]+", "null", ir)
    ir = ir.replace("@sqrt(", "@llvm.sqrt.f64(")  # an instruction of WebAssembly
    return ir.replace("@llvm.smul.with.overflow.i64(", "@checked_product(")


def layout(kind, machine):
    """Describe a result for JavaScript: "float", "int", "bool", {"ndim", "of"}, or a list of these with offsets."""
    if isinstance(kind, types.Array):
        return {"ndim": kind.ndim, "of": layout(kind.dtype, machine)}
    if not isinstance(kind, types.BaseTuple):
        return {types.float64: "float", types.int64: "int", types.boolean: "bool"}[kind]
    parts = "{ " + ", ".join(map(ir_type, kind)) + " }"  # of equal parts, an array: the same offsets
    offsets = [machine.target_data.get_element_offset(type_ref(parts), place) for place in range(len(kind))]
    return [[offset, layout(part, machine)] for offset, part in zip(offsets, kind, strict=True)]


def type_ref(text):
    """Return LLVM's own object for a type."""
    return llvm.parse_assembly(f"@probe = external global {text}").get_global_variable("probe").global_value_type


def optimise(module, machine):
    """Optimise a module in place and drop what nothing uses; loops unrolled or vectorised only make it larger."""
    options = llvm.create_pipeline_tuning_options(speed_level=2)
    options.inlining_threshold = 50  # a tenth smaller than with LLVM's 225
    options.loop_vectorization = options.slp_vectorization = options.loop_unrolling = False
    builder = llvm.create_pass_builder(machine, options)
    builder.getModulePassManager().run(module, builder)
    manager = llvm.create_new_module_pass_manager()
    manager.add_merge_functions_pass()
    manager.add_global_dead_code_eliminate_pass()
    manager.add_strip_dead_prototype_pass()
    manager.run(module, builder)
    module.verify()


class Compiled(NamedTuple):
    """What Numba made of a kernel."""

    name: str
    arguments: dict
    result: types.Type
    symbol: str
    ir: str


def compile_kernel(kernel):
    """Let Numba translate a kernel to IR, and check that it did so as it used to."""
    kinds = arguments(kernel)
    signature = tuple(map(numba_type, kinds.values()))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # nothing can be cached without optimisation
        kernel.compile(signature)
    overload = kernel.overloads[signature]
    symbol, result = overload.fndesc.llvm_func_name, overload.signature.return_type
    ir = kernel.inspect_llvm(signature)
    check_call(ir, symbol, signature)
    check_result(ir, symbol, result)
    check_memory(ir)
    return Compiled(kernel.py_func.__name__, kinds, result, symbol, ir)


def build(compiled):
    """Return the module of compiled kernels, and what JavaScript has to know about it."""
    llvm.initialize_all_targets()
    llvm.initialize_all_asmprinters()
    machine = llvm.Target.from_triple(TRIPLE).create_target_machine(cpu="mvp", features=FEATURES, opt=2, reloc="static")
    head = f'target datalayout = "{machine.target_data}"\ntarget triple = "{TRIPLE}"\n'

    texts = {code: text for one in compiled for code, text in exceptions(one.ir).items()}
    messages = sorted(set(texts.values()))
    numbers = {code: 1 + messages.index(text) for code, text in texts.items()}
    module = llvm.parse_assembly(head + RUNTIME)
    for one in compiled:
        module.link_in(llvm.parse_assembly(portable(one.ir, head, numbers)))
    symbols = {one.name: one.symbol for one in compiled}
    kept = {"heap_top", "heap_free", *symbols.values()}
    for value in [*module.functions, *module.global_variables]:
        if not value.is_declaration and value.name not in kept:
            value.linkage = "internal"
    optimise(module, machine)
    code, places, end = wasm_object.finish(machine.emit_object(module), symbols)
    check_imports(wasm_object.imports(code))
    return code, {
        "heap": {name: places[name] for name in ("heap_top", "heap_free")} | {"end": end},
        "errors": messages,
        "kernels": {
            one.name: {
                "arguments": one.arguments,
                "result": layout(one.result, machine),
                "size": machine.target_data.get_abi_size(type_ref(ir_type(one.result))),
            }
            for one in compiled
        },
    }


def made_with():
    """Return the versions on which the bytes of the module depend."""
    python = ".".join(platform.python_version_tuple()[:2])
    return {"numba": numba.__version__, "llvmlite": llvmlite.__version__, "python": python}


def digest():
    """Return a code of what the module is made from: the kernels of the book, and the list of those exported."""
    found = {
        f"{module.__name__}.{name}": inspect.getsource(thing.py_func)
        for module in [*CHAPTERS, _primitives]
        for name, thing in vars(module).items()
        if hasattr(thing, "py_func") and thing.py_func.__module__ == module.__name__
    }
    found |= {kernel.py_func.__name__: arguments(kernel) for kernel in KERNELS}
    return hashlib.sha256(json.dumps(sorted(found.items())).encode()).hexdigest()[:16]


def file(code, known):
    """Return the text of the file: the module in base64, then a line for each kernel."""
    whole = {"wasm": base64.b64encode(code).decode(), "made_with": made_with(), "sources": digest()} | known
    lines = [f'"{name}": {json.dumps(value)}' for name, value in whole.items() if name != "kernels"]
    rows = [f'"{name}": {json.dumps(value)}' for name, value in whole["kernels"].items()]
    return "{\n" + ",\n".join([*lines, '"kernels": {\n' + ",\n".join(rows) + "\n}"]) + "\n}\n"


def main(asked):
    name = TARGET.relative_to(ROOT)
    if TARGET.exists() and json.loads(TARGET.read_text(encoding="utf-8")).get("sources") == digest():
        print(f"{name} is up to date")
        return 0
    if "--check" in asked:
        print(f"{name} is out of date: run make index", file=sys.stderr)
        return 1
    code, known = build([compile_kernel(kernel) for kernel in KERNELS])
    TARGET.write_text(file(code, known), encoding="utf-8", newline="\n")
    print(f"wrote {name}: {len(known['kernels'])} kernels, {len(code)} bytes of WebAssembly")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
