"""What a report of a failure has to say about the computer."""

from __future__ import annotations

import os
import platform
import sys
from importlib import import_module, metadata

PACKAGES = ("numpy", "scipy", "numba", "llvmlite", "scikit-learn", "matplotlib", "threadpoolctl")


def show_versions() -> None:
    """Print the versions and the facts of the computer on which results and speed depend.

    That is: the package and Python, the system, the processor and its features as Numba compiles for them, the cores
    and the threads that a fit uses, where compiled kernels are kept, the packages beneath, their BLAS, and the
    variables of the environment that change any of it. What cannot be found out is said to be unknown; nothing is
    raised.

    Returns
    -------
    None
    """
    rows = [
        (name, _found(fact)) for name, fact in (("gmm", _gmm), ("python", _python), ("platform", platform.platform))
    ]
    rows += [("processor", _found(_processor)), ("cores", _found(_cores)), ("threads", _found(_threads))]
    rows += [("kernels", _found(_kernels))]
    rows += [(name, _found(metadata.version, name)) for name in PACKAGES]
    rows += [("BLAS", _found(_blas)), ("environment", _found(_environment))]
    width = max(len(name) for name, _ in rows)
    print("\n".join(f"{name:{width}}  {text}" for name, text in rows))


def _found(fact, *arguments):
    """Return a fact as text. A report is made where something is broken: it goes on to the next line."""
    try:
        return str(fact(*arguments))
    except metadata.PackageNotFoundError:
        return "not installed"
    except Exception as error:
        return f"unknown ({type(error).__name__}: {error})"


def _gmm():
    return import_module("gmm").__version__


def _python():
    return f"{platform.python_version()} ({platform.python_implementation()}, {sys.maxsize.bit_length() + 1} bit)"


def _processor():
    """Name the processor that Numba compiles for, and its features."""
    name, features = import_module("gmm.engine.simd").target()
    return " ".join([f"{name}:", *(word[1:] for word in features.split(",") if word.startswith("+"))])


def _cores():
    usable = f", {len(os.sched_getaffinity(0))} of them usable" if hasattr(os, "sched_getaffinity") else ""
    return f"{os.cpu_count()}{usable}"


def _threads():
    return import_module("gmm.engine").default_n_threads()


def _kernels():
    """Say where the compiled kernels are kept."""
    place = import_module("gmm.formulas").gaussian.cholesky_kernel.stats.cache_path
    return place or "compiled in every process: no folder to keep them in (NUMBA_CACHE_DIR names one)"


def _blas():
    """Name each BLAS that NumPy and SciPy bring, its version, kernels and threads."""
    from threadpoolctl import threadpool_info

    import_module("scipy.linalg")  # loads that of NumPy too
    found = [
        f"{pool['internal_api']} {pool['version']} ({pool.get('architecture', 'any processor')}, "
        f"{pool['num_threads']} threads)"
        for pool in threadpool_info()
        if pool["user_api"] == "blas"
    ]
    return "; ".join(sorted(set(found))) or "none that threadpoolctl knows"


def _environment():
    """List the variables that were set for threads and compilation."""
    return (
        " ".join(
            f"{name}={value}"
            for name, value in sorted(os.environ.items())
            if name.startswith(("GMM_", "NUMBA_")) or name.endswith("_NUM_THREADS")
        )
        or "no variables for threads or compilation"
    )
