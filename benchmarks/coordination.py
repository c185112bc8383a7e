"""What it costs to fit the blocks of a cluster together: an iteration against rows, blocks and worker processes.

    python benchmarks/coordination.py                     one and two processes, 1 to 512 blocks (five minutes)
    python benchmarks/coordination.py --workers 1 --blocks 1 64

Fits of an array of Dask that is held by the workers, full covariances, K = d = 10, from a start that is given; one
thread a process. Beside the clock on the wall stands CPU time an iteration, which other work on the machine disturbs
less: of the workers, all together, and of this process, in which client and scheduler are. The model

    T = a n / W + b B / W + s B + t + l (levels of the tree)

for n rows in B blocks on W workers: a, b by least squares from the CPU time of the workers, s and t from that of client
and scheduler, both relative to the time; l, the wait for a message, is the median of what is left of the clock's
shortest time where blocks are nearly empty. Then what the model gives for more workers than there are here: on paper.
"""

import argparse
import time
import warnings

import dask
import dask.array as da
import distributed
import numpy as np
from em_iteration import describe
from scipy.optimize import nnls

from gmm import GaussianMixture
from gmm.learning.blocks import FAN_IN

K = D = 10
ROWS, FEW = 1_000_000, 100  # of all blocks together; of each block where they are nearly empty


def levels(n_blocks):
    """Tasks one after the other: one of a block, and those of the tree above it."""
    n, found = n_blocks, 1
    while n > 1:
        n, found = -(-n // FAN_IN), found + 1
    return found


def iteration(client, n, n_blocks, n_iter):
    """(shortest and median time by the clock, CPU time of the workers, of this process) of an iteration, seconds."""
    rng = np.random.default_rng(0)
    centres = 3.0 * rng.normal(size=(K, D))
    sizes = np.diff(np.linspace(0, n, n_blocks + 1).astype(int))
    parts = [
        da.from_delayed(dask.delayed(block)(seed, size, centres), (size, D), float) for seed, size in enumerate(sizes)
    ]
    X = da.concatenate(parts).persist()
    distributed.wait(X)
    wall, cpu, workers = [], [], []

    def watch(number, *_):
        if number in (1, n_iter + 1):
            workers.append(sum(client.run(time.process_time).values()))
        wall.append(time.perf_counter())
        cpu.append(time.process_time())
        return number == n_iter + 1

    model = GaussianMixture(
        K, tol=0.0, max_iter=n_iter + 1, callback=watch, means_init=centres, weights_init=np.full(K, 1 / K),
        precisions_init=np.tile(np.eye(D), (K, 1, 1)),
    )  # fmt: skip
    model.fit(X)
    steps = np.diff(wall)
    return steps.min(), np.median(steps), (workers[1] - workers[0]) / n_iter, (cpu[-1] - cpu[0]) / n_iter


def block(seed, size, centres):
    rng = np.random.default_rng(seed)
    return centres[rng.integers(len(centres), size=size)] + rng.normal(size=(size, centres.shape[1]))


def relative(columns, times):
    """Coefficients that are not negative, of least squares of relative errors."""
    return nnls(np.column_stack(columns) / times[:, None], np.ones(len(times)))[0]


def model_of(found):
    """The constants (a, b, s, t, l) of the model in the module's docstring, from rows of measurements."""
    n, n_blocks, n_workers, wall, _, workers, own = np.array(found).T
    a, b = relative([n, n_blocks], workers)
    s, t = relative([n_blocks, np.ones(len(n))], own)
    depth = np.array([levels(int(B)) for B in n_blocks])
    left = wall - (a * n + b * n_blocks) / n_workers - s * n_blocks - t
    empty = (n == FEW * n_blocks) & (n_blocks <= 64)
    return a, b, s, t, max(0.0, float(np.median((left / depth)[empty])))


def on_paper(constants, n, n_blocks, n_workers):
    a, b, s, t, wait = constants
    return a * n / n_workers + b * n_blocks / n_workers + s * n_blocks + t + wait * levels(n_blocks)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--blocks", type=int, nargs="+", default=[1, 2, 8, 32, 128, 512])
    parser.add_argument("--iterations", type=int, default=10)
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")
    print(describe() + f", dask {dask.__version__}, distributed {distributed.__version__}\n")
    print("| rows | blocks | workers | shortest, ms | median | workers' CPU | client and scheduler's CPU |")
    print("|---|---|---|---|---|---|---|")
    found = []
    for n_workers in arguments.workers:
        settings = {"n_workers": n_workers, "threads_per_worker": 1, "dashboard_address": None, "memory_limit": 0}
        with distributed.LocalCluster(**settings) as cluster, distributed.Client(cluster) as client:
            iteration(client, FEW * 2 * n_workers, 2 * n_workers, 2)  # what is compiled is loaded
            for n_blocks in arguments.blocks:
                for n in (FEW * n_blocks, ROWS):
                    times = iteration(client, n, n_blocks, arguments.iterations)
                    found.append((n, n_blocks, n_workers, *times))
                    cells = [f"{n:8d}", f"{n_blocks:4d}", f"{n_workers:3d}", *(f"{1000 * x:8.1f}" for x in times)]
                    print("| " + " | ".join(cells) + " |", flush=True)
    a, b, s, t, wait = constants = model_of(found)
    print(
        f"\na = {1e9 * a:.1f} ns a row, b = {1e3 * b:.2f} ms a block (workers), s = {1e3 * s:.2f} ms a block (client "
        f"and scheduler), t = {1e3 * t:.1f} ms an iteration, l = {1e3 * wait:.1f} ms a level of the tree\n"
    )
    print("| rows | blocks | workers | model, s | speed-up | of W |")
    print("|---|---|---|---|---|---|")
    for n in (10**9, 10**11):
        for n_workers in (1, 10, 100, 1000):
            n_blocks = max(n_workers, n // 10**7)
            time_of = on_paper(constants, n, n_blocks, n_workers)
            gain = on_paper(constants, n, n_blocks, 1) / time_of
            cells = [f"{n:.0e}", f"{n_blocks:6d}", f"{n_workers:5d}", f"{time_of:9.2f}", f"{gain:6.1f}"]
            print("| " + " | ".join([*cells, f"{gain / n_workers:4.0%}"]) + " |")


if __name__ == "__main__":
    main()
