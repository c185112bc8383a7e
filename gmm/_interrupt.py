"""Ctrl-C while compiled code runs.

Python hears a signal in its main thread only, and there between two of its own instructions: not before compiled code
returns. So long work is done by another thread, while the main one waits for its end or for Ctrl-C.
"""

import contextvars
import threading

LISTEN = 0.1  # seconds: where a wait can't be interrupted, as on Windows, Ctrl-C is heard after it
PATIENCE = 1.0  # seconds that work may take to come to an end; if it still compiles it takes longer


def listening(function, stop=None):
    """Return function(), which lets other threads run. In the main thread Ctrl-C raises KeyboardInterrupt meanwhile.

    ``stop()`` then asks the function to come to an end. Without it, or if that takes too long, the function goes on
    unheard.
    """
    if threading.current_thread() is not threading.main_thread():
        return function()
    outcome, ended = [], threading.Event()

    def work():
        try:
            outcome.append((function(), None))
        except BaseException as error:
            outcome.append((None, error))
        finally:
            ended.set()

    worker = threading.Thread(target=contextvars.copy_context().run, args=(work,), name="gmm", daemon=True)
    try:
        worker.start()
        while not ended.wait(LISTEN):
            pass
    except BaseException:
        if stop is not None:
            stop()
            ended.wait(PATIENCE)  # which may be interrupted while the thread is still about to start
        raise
    result, error = outcome.pop()
    if error is not None:
        raise error
    return result
