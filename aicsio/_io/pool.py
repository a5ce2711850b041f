"""What is open: files that are lent, connections that wait for the next request. The only state of the package.

Rule kept here: nothing stays open that nobody uses. A file is opened when the first borrower asks, shared by all
borrowers (reads are positional, so threads do not disturb each other), and closed when the last one gives it back.
``session()`` holds what is borrowed until the end of a whole plan, at most ``MAX_OPEN`` at once; on a worker of a
cluster a few seconds longer, because the next task wants the same. Idle connections to web servers are few and old
ones are closed. After a fork the child starts with nothing, so it never closes or seeks a descriptor of its parent.
"""

import atexit
import contextlib
import os
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable, Sequence
from typing import Any, Generic, Protocol, TypeVar, runtime_checkable

MAX_OPEN = 64
MAX_IDLE = 16
"""Connections that wait for a next request."""
IDLE_SECONDS = 15.0
"""How long they wait: servers close them about then."""
MAX_REQUESTS = 16
"""Requests that are under way at once."""
LINGER_SECONDS = 2.0
"""How long a worker of a cluster keeps a file for its next task."""

T = TypeVar("T")


@runtime_checkable
class _Closable(Protocol):
    def close(self) -> None: ...


class _Entry:
    """Something open, and the number of its borrowers."""

    __slots__ = ("borrowers", "thing")

    def __init__(self, thing: Any) -> None:
        self.thing, self.borrowers = thing, 1


class _Pool:
    """What is open, by key."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.open: OrderedDict[Hashable, _Entry] = OrderedDict()
        self.sessions = 0
        self.requests = threading.BoundedSemaphore(MAX_REQUESTS)
        self.waiting: list[tuple[Hashable, Any, float]] = []
        self.looked_at: OrderedDict[Hashable, float] = OrderedDict()
        self.sweeper: threading.Timer | None = None
        self.until = 0.0

    def take(self, key: Hashable, opener: Callable[[], Any]) -> _Entry:
        with self.lock:
            entry = self.open.get(key)
            if entry is not None:
                # Asked for by name: a check against the protocol takes ten times as long.
                same = None if entry.borrowers else getattr(entry.thing, "is_same", None)
                if same is None or same():
                    entry.borrowers += 1
                    self.open.move_to_end(key)
                    return entry
                del self.open[key]
        if entry is not None:
            entry.thing.close()
        # Opening may take long (a request), so it is done outside the lock; a second opener loses the race.
        made = _Entry(opener())
        with self.lock:
            entry = self.open.setdefault(key, made)
            if entry is not made:
                entry.borrowers += 1
        if entry is not made:
            made.thing.close()
        return entry

    def give_back(self, entry: _Entry) -> None:
        with self.lock:
            entry.borrowers -= 1
            idle = self._idle()
        _close_all(idle)

    def begin(self) -> None:
        with self.lock:
            self.sessions += 1

    def end(self, linger: float = 0.0) -> None:
        with self.lock:
            if linger:
                self.until = time.monotonic() + linger
                if self.sweeper is None:
                    # This session goes on until none has ended for that long.
                    self._sweep_in(linger)
                    return
            self.sessions -= 1
            idle = self._idle()
        _close_all(idle)

    def _sweep_in(self, seconds: float) -> None:
        self.sweeper = threading.Timer(seconds, self._sweep)
        self.sweeper.daemon = True
        self.sweeper.start()

    def _sweep(self) -> None:
        with self.lock:
            rest = self.until - time.monotonic()
            if rest > 0:
                self._sweep_in(rest)
                return
            self.sweeper = None
        self.end()

    def _idle(self) -> list[Any]:
        # Called with the lock held: takes out what nobody holds, all of it or what exceeds the bound.
        surplus = len(self.open) - MAX_OPEN if self.sessions else len(self.open)
        if surplus <= 0:
            return []
        keys = [key for key, entry in self.open.items() if entry.borrowers == 0][:surplus]
        return [self.open.pop(key).thing for key in keys]


def _close_all(things: Sequence[_Closable]) -> None:
    for thing in things:
        thing.close()


_pool = _Pool()


def _forget_after_fork() -> None:
    global _pool  # noqa: PLW0603 - the one piece of state
    _pool = _Pool()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_after_fork)


# ---------------------------------------------------------------- files


class _Loan(Generic[T]):
    """What the pool lends for the length of a ``with`` block; a generator would take three times as long."""

    __slots__ = ("_entry", "_key", "_opener", "_pool")

    _entry: _Entry

    def __init__(self, key: Hashable, opener: Callable[[], T]) -> None:
        self._key, self._opener, self._pool = key, opener, _pool

    def __enter__(self) -> T:
        self._pool = _pool
        self._entry = self._pool.take(self._key, self._opener)
        thing: T = self._entry.thing
        return thing

    def __exit__(self, *_: object) -> None:
        self._pool.give_back(self._entry)


def borrow(key: Hashable, opener: Callable[[], T]) -> contextlib.AbstractContextManager[T]:
    """Lend the open thing for ``key``, opening it when nobody has it; it must have ``close()``."""
    return _Loan(key, opener)


def offer(key: Hashable, thing: _Closable) -> None:
    """Hand over something open that the rest of the session may borrow; closed at once where there is no session."""
    with borrow(key, lambda: thing):
        pass


class _Session:
    """See ``session``."""

    __slots__ = ("_linger", "_pool")

    def __init__(self, linger: float) -> None:
        self._pool, self._linger = _pool, linger

    def __enter__(self) -> None:
        self._pool.begin()

    def __exit__(self, *_: object) -> None:
        self._pool.end(self._linger)


def session(linger: float = 0.0) -> contextlib.AbstractContextManager[None]:
    """Keep what is borrowed open until the end of the block, so that a plan opens each file once.

    Parameters
    ----------
    linger
        Seconds that it stays open after the block.
    """
    return _Session(linger)


def open_count() -> int:
    """How many files the pool holds open now."""
    return len(_pool.open)


# ---------------------------------------------------------------- requests and connections


def request() -> contextlib.AbstractContextManager[object]:
    """Wait until fewer than ``MAX_REQUESTS`` are under way."""
    return _pool.requests


def connection(key: Hashable) -> Any:
    """Take an idle connection, the one used last; ``None`` where there is none."""
    pool = _pool
    now = time.monotonic()
    with pool.lock:
        old = [thing for _, thing, since in pool.waiting if now - since > IDLE_SECONDS]
        pool.waiting = [entry for entry in pool.waiting if now - entry[2] <= IDLE_SECONDS]
        index = next(
            (i for i in reversed(range(len(pool.waiting))) if pool.waiting[i][0] == key), None
        )
        found = None if index is None else pool.waiting.pop(index)[1]
    _close_all(old)
    return found


def keep_connection(key: Hashable, thing: _Closable) -> None:
    """Let a connection wait for the next request."""
    pool = _pool
    with pool.lock:
        pool.waiting.append((key, thing, time.monotonic()))
        surplus = pool.waiting[:-MAX_IDLE]
        pool.waiting = pool.waiting[-MAX_IDLE:]
    _close_all([old for _, old, _ in surplus])


def close_connections() -> None:
    """Close the idle connections."""
    pool = _pool
    with pool.lock:
        idle, pool.waiting = pool.waiting, []
    _close_all([thing for _, thing, _ in idle])


atexit.register(close_connections)


def is_due(key: Hashable, seconds: float) -> bool:
    """Whether it is ``seconds`` or more since this was last asked for the key with the answer yes."""
    pool, now = _pool, time.monotonic()
    with pool.lock:
        last = pool.looked_at.get(key)
        if last is not None and now - last < seconds:
            return False
        pool.looked_at[key] = now
        pool.looked_at.move_to_end(key)
        while len(pool.looked_at) > MAX_OPEN:
            pool.looked_at.popitem(last=False)
    return True
