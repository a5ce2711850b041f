"""Measuring: contenders take turns, so that what disturbs the machine disturbs all of them alike.

A contender is called unmeasured, then takes one turn a round; the order moves on by one each round. One that is slow
takes fewer turns. In a turn a short call is repeated for a while and the mean counts: of a single one, most of the time
would go into caches that the contender before has filled. What a call returns is dropped before the next begins.
"""

import subprocess
import sys
import time
from collections.abc import Callable, Mapping

import attrs
import psutil

Contenders = Mapping[str, Callable[[], object]]
CLOCKS: Mapping[str, Callable[[], float]] = {"wall": time.perf_counter, "cpu": time.process_time}
"""On a machine with other work to do, the time of the processors (of all threads together) tells more."""

TURN = 0.03
"""Seconds of a turn, for calls that take less."""
MOST_CALLS = 1000
"""In one turn."""


@attrs.frozen
class Timing:
    """Seconds of one contender, a round each."""

    seconds: tuple[float, ...]

    @property
    def median(self) -> float:
        """The middle one."""
        ordered = sorted(self.seconds)
        half = len(ordered) // 2
        return ordered[half] if len(ordered) % 2 else (ordered[half - 1] + ordered[half]) / 2


def measure(
    contenders: Contenders, rounds: int, patience: float, clock: str = "wall"
) -> dict[str, Timing]:
    """Time contenders in turns.

    Parameters
    ----------
    contenders
        Functions by name.
    rounds
        Turns of each.
    patience
        Seconds that one contender may take in all, rounds beyond the third are left out for it.
    clock
        Name in ``CLOCKS``.
    """
    seconds: dict[str, list[float]] = {name: [] for name in contenders}
    first = {name: _time(call, clock) for name, call in contenders.items()}
    calls = {
        name: 1
        if spent > TURN
        else min(max(1, int(TURN / _time(contenders[name], clock))), MOST_CALLS)
        for name, spent in first.items()
    }
    names = list(contenders)
    for turn in range(rounds):
        for name in names[turn % len(names) :] + names[: turn % len(names)]:
            spent = first[name] + calls[name] * sum(seconds[name])
            if turn == 0 or spent < patience / 4 or (turn < 3 and spent < patience):
                seconds[name].append(_time(contenders[name], clock, calls[name]))
    return {name: Timing(tuple(found)) for name, found in seconds.items()}


def _time(call: Callable[[], object], clock: str, calls: int = 1) -> float:
    now = CLOCKS[clock]
    seconds = 0.0
    for _ in range(calls):
        start = now()
        kept = call()
        seconds += now() - start
        del kept
    return seconds / calls


def fresh(code: str) -> Callable[[], object]:
    """Make a contender that runs code in a new interpreter; its own start is not counted, see ``measure_fresh``."""
    return lambda: run_fresh(code)


def run_fresh(code: str) -> float:
    """Return the seconds that code takes in a new interpreter, after that has started."""
    timed = (
        f"import time\n_start = time.perf_counter()\n{code}\nprint(time.perf_counter() - _start)"
    )
    done = subprocess.run([sys.executable, "-c", timed], check=True, capture_output=True, text=True)
    return float(done.stdout.split()[-1])


def measure_fresh(codes: Mapping[str, str], rounds: int) -> dict[str, Timing]:
    """Time code in new interpreters, in turns."""
    seconds: dict[str, list[float]] = {name: [] for name in codes}
    for code in codes.values():
        run_fresh(code)
    for _ in range(rounds):
        for name, code in codes.items():
            seconds[name].append(run_fresh(code))
    return {name: Timing(tuple(found)) for name, found in seconds.items()}


def bytes_read(call: Callable[[], object]) -> int | None:
    """Count the bytes that a call asks the system for; ``None`` where the system does not count."""
    process = psutil.Process()
    if not hasattr(process, "io_counters"):
        return None
    call()
    before = process.io_counters()
    if not hasattr(before, "read_chars"):
        return None
    call()
    middle = process.io_counters()
    after = process.io_counters()
    # Looking at the counters reads bytes too.
    return int(middle.read_chars - before.read_chars - (after.read_chars - middle.read_chars))
