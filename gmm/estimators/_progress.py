"""What `verbose` shows of a fit."""

from __future__ import annotations

from time import perf_counter

BATCH_LINES, BATCH_TEXTS = 5.0, 0.2  # seconds at least between two lines, or two texts, that tell the batch


class Silent:
    """verbose=0: no output, and no call per iteration."""

    wants_iterations = False

    def begin(self, initialisation):
        """An initialisation begins."""

    def iteration(self, number, change):
        """An EM iteration is done."""

    def batch(self, number, n_batches):
        """A pass has come to a batch, counted from 1."""

    def end(self, lower_bound, converged):
        """An initialisation has ended."""

    def close(self):
        """The fit is over."""


class Lines(Silent):
    """Lines like scikit-learn's: every `interval` iterations, with times and changes from verbose=2 on."""

    wants_iterations = True

    def __init__(self, verbose, interval):
        self.detailed = verbose >= 2
        self.interval = interval
        self.told = perf_counter()

    def begin(self, initialisation):
        print(f"Initialization {initialisation}")
        self.began = self.last = perf_counter()

    def batch(self, number, n_batches):
        if self.detailed and perf_counter() - self.told >= BATCH_LINES:
            print(f"  Batch {number} of {n_batches}")
            self.told = perf_counter()

    def iteration(self, number, change):
        if number % self.interval:
            return
        if not self.detailed:
            print(f"  Iteration {number}")
            return
        now = perf_counter()
        print(f"  Iteration {number}\t time lapse {now - self.last:.5f}s\t ll change {change:.5f}")
        self.last = now

    def end(self, lower_bound, converged):
        ending = "converged" if converged else "did not converge"
        if not self.detailed:
            print(f"Initialization {ending}.")
            return
        lapse = perf_counter() - self.began
        print(f"Initialization {ending}. time lapse {lapse:.5f}s\t lower bound {lower_bound:.5f}.")


class Bar(Silent):
    """A tqdm bar over initialisations; its text tells iteration, last change of the log-likelihood, and batch."""

    wants_iterations = True

    def __init__(self, tqdm, n_init, interval):
        self.bar = tqdm(total=n_init, desc="EM", unit="init")
        self.interval = interval
        self.told, self.text = perf_counter(), {}

    def begin(self, initialisation):
        self.text = {}

    def iteration(self, number, change):
        if number % self.interval == 0:
            self.text = {"iteration": number, "change": f"{change:.2e}"}
            self.bar.set_postfix(**self.text)

    def batch(self, number, n_batches):
        if perf_counter() - self.told >= BATCH_TEXTS:
            self.bar.set_postfix(**self.text, batch=f"{number}/{n_batches}")
            self.told = perf_counter()

    def end(self, lower_bound, converged):
        self.bar.set_postfix(log_likelihood=f"{lower_bound:.6g}", converged=converged)
        self.bar.update()

    def close(self):
        self.bar.close()


class FirstLines(Lines):
    """Lines of the pass before EM, which checks the samples."""

    def __init__(self, verbose):
        super().__init__(verbose, 1)
        print("First pass: the samples are checked, and some are drawn for the start")


class FirstBar(Silent):
    """A bar over the batches of the pass before EM; their number may not be known (None)."""

    def __init__(self, tqdm, n_batches):
        self.bar = tqdm(total=n_batches, desc="First pass", unit="batch")

    def batch(self, number, n_batches):
        self.bar.update()

    def close(self):
        self.bar.close()


def _chosen(verbose, bar, lines):
    """Nothing, a tqdm bar (verbose=1 and tqdm installed), or lines."""
    if not verbose:
        return Silent()
    if int(verbose) == 1:
        try:
            from tqdm.auto import tqdm
        except ImportError:
            pass
        else:
            return bar(tqdm)
    return lines(int(verbose))


def progress(verbose, interval, n_init):
    """Choose the display of a fit."""
    return _chosen(verbose, lambda tqdm: Bar(tqdm, n_init, interval), lambda verbose: Lines(verbose, interval))


def first_pass(verbose, n_batches):
    """Choose the display of the pass that checks the samples before EM; n_batches is None if it is not known."""
    return _chosen(verbose, lambda tqdm: FirstBar(tqdm, n_batches), FirstLines)
