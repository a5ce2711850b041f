"""Whether time grows with the amount, without a test that fails on a busy machine.

Rule kept here: the least processor time of several turns counts, as other work only adds to it.
"""

import math
import time
from collections.abc import Callable

FACTOR = 8
LIMIT = 24.0
"""Between 8, which is linear, and 64, which is quadratic."""
TURNS = 6


def assert_linear(prepare: Callable[[int], Callable[[], object]], small: int) -> None:
    """Assert that 8 times the amount takes about 8 times as long.

    Parameters
    ----------
    prepare
        From an amount to the function that is timed.
    small
        The smaller amount.
    """
    prepare(2)()  # imports
    runs = {count: prepare(count) for count in (small, FACTOR * small)}
    least = dict.fromkeys(runs, math.inf)
    for _ in range(TURNS):
        for count, run in runs.items():
            start = time.process_time()
            run()
            least[count] = min(least[count], time.process_time() - start)
        if least[FACTOR * small] < LIMIT * least[small]:
            return
    raise AssertionError(f"{FACTOR} times the amount: {least} seconds")
