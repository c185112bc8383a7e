"""Building blocks that are compiled as parts of their callers: all that the engine knows of Numba's insides.

Numba compiles each function as if somebody might call it by itself: LLVM optimises its intermediate code and makes
machine code of it, and does both again in each caller that it is linked to. Nobody but compiled code calls a building
block, so here its intermediate code waits until it is linked, and that is all. There it stays a function: spliced into
its callers it would be there several times, and its inner loops would be slower.

`numba.njit` takes the class that compiles a function as ``pipeline_class``. What such a class has to do with is private
to Numba. Where Numba is not the version known here, importing this module is an ImportError, and
`gmm.engine.compilation` does without it: everything takes longer to compile then, and is no less right.
"""

import functools
import gc

import numba
from numba import _dynfunc, types
from numba.core.codegen import JITCodeLibrary
from numba.core.compiler import Compiler
from numba.core.typed_passes import InlineOverloads, NopythonRewrites
from numba.core.untyped_passes import InlineClosureLikes

KNOWN = (0, 68)  # with which the tests have passed
if numba.version_info.short != KNOWN:
    raise ImportError(f"the insides of Numba {numba.__version__} are not known here")

# They look for what the engine does not have: functions within functions, array expressions, overloads to splice.
IDLE_PASSES = {InlineClosureLikes, InlineOverloads, NopythonRewrites}
KNOWN_CALLS = {}  # (whether sums may be rearranged, operation, the kinds of its arguments) -> signature


class EntryCompiler(Compiler):
    """Compiles a function that Python calls; the wrapper that reads its arguments, for size."""

    def compile_extra(self, function):
        context, collecting = self.state.typingctx, gc.isenabled()
        before, context.resolve_function_type = context.resolve_function_type, self.resolve
        # What a compilation leaves behind is 30 MB. To look for it time and again takes a tenth of the time.
        gc.disable()
        try:
            return super().compile_extra(function)
        finally:
            context.resolve_function_type = before
            if collecting:
                gc.enable()

    def resolve(self, function, arguments, named):
        """What `resolve_function_type` does: find the signature of a call.

        At each plus sign Numba would ask anew whether it adds strings, sets or dates.
        """
        context = self.state.typingctx
        find = functools.partial(type(context).resolve_function_type, context, function, arguments, named)
        if named or not isinstance(function, types.Function):  # another function of the engine
            return find()
        call = bool(self.state.flags.fastmath), function, tuple(arguments)
        if call not in KNOWN_CALLS:
            KNOWN_CALLS[call] = find()
        return KNOWN_CALLS[call]

    def define_pipelines(self):
        context = self.state.targetctx  # a copy for this function alone
        context.get_executable = functools.partial(self.finish, context.get_executable)
        # At every name that it meets first, Numba looks for new extensions of other packages too: once is enough.
        context.refresh = lambda: [context.install_registry(registry) for registry in [*context._registries]]
        [pipeline] = super().define_pipelines()
        pipeline.passes = [(kind, text) for kind, text in pipeline.passes if kind not in IDLE_PASSES]
        return [pipeline]

    def finish(self, get_executable, library, description, environment):
        """What `get_executable` does: an object of Python's that stands for the function."""
        library.get_function(description.llvm_cpython_wrapper_name).add_function_attribute("optsize")
        return get_executable(library, description, environment)


class BlockLibrary(JITCodeLibrary):
    """Intermediate code that waits until it is linked."""

    def _optimize_final_module(self):
        pass

    def _finalize_final_module(self):
        self._finalized = True


class BlockCompiler(EntryCompiler):
    """Compiles a building block."""

    def define_pipelines(self):
        self.state.library = BlockLibrary(self.state.targetctx.codegen(), self.state.func_id.func_qualname)
        return super().define_pipelines()

    def finish(self, get_executable, library, description, environment):
        library.get_function(description.llvm_func_name).add_function_attribute("noinline")
        module, name = description.lookup_module(), description.qualname.split(".")[-1]
        return _dynfunc.make_function(module, name, "", 0, environment, (library,))  # 0: there is no code to call


# Options of `numba.njit`. Where nothing is allocated there are no references to count, "nrt" by its name in Numba.
ENTRY = {"pipeline_class": EntryCompiler, "_nrt": False}
BLOCK = {"pipeline_class": BlockCompiler, "_nrt": False}
