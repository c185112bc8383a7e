"""``python -m gmm`` compiles everything beforehand and says where the machine code is kept."""

import os
import time

os.environ["GMM_QUIET"] = "1"  # it says so itself

import gmm
from gmm.versions import _kernels

print("Compiling all functions of gmm: about a minute, once on this computer ...", flush=True)
began = time.perf_counter()
gmm.compile_all()
print(f"Done in {time.perf_counter() - began:.0f} seconds. Kept in {_kernels()}")
