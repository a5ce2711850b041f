"""Open files, and idle connections that wait for the next request. The only state of the package.

Rule kept here: nothing stays open that nobody uses. A file is opened when the first borrower asks,
shared by all borrowers (reads are positional, so threads do not disturb each other), and closed
when the last one returns it. ``session()`` holds what is borrowed until the end of a whole plan, at
most ``MAX_OPEN`` at once; on a worker of a cluster a few seconds longer, because the next task
reads the same file. Idle connections to web servers are few and old ones are closed. After a fork
the child starts with nothing, so it never closes or seeks a descriptor of its parent.
"""

import atexit
import contextlib
import itertools
import os
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable, Sequence
from typing import Any, Generic, Protocol, TypeVar, runtime_checkable

# Files that a session keeps open: macOS allows a process 256 descriptors.
MAX_OPEN = 64
# Connections that wait for a next request: as many as requests are made at once.
MAX_IDLE = 96
# Seconds that a connection waits: Apache closes idle ones after 5, nginx after 75, load balancers
# after 60.
IDLE_SECONDS = 15.0
# Requests made at once by the whole process: 80 chunks of 20 planes take one round trip so, three with 32. fsspec
# makes 128, zarr-python 64, browsers 100 on one connection.
MAX_REQUESTS = 96
# Seconds after the last request for which a server is remembered: how many requests it takes at once, and whether it
# answers many ranges together.
SERVER_SECONDS = 300.0
# Requests that each place of a server that refused some must serve before there is one place more.
TRIAL = 8
# Seconds that a worker of a cluster keeps a file for its next task.
LINGER_SECONDS = 2.0

T = TypeVar("T")


@runtime_checkable
class _Closable(Protocol):
    def close(self) -> None: ...


class Loanable:
    """An open resource and the number of its borrowers. Not a record: it lives while it is open."""

    __slots__ = ("borrowers", "pool", "resource")

    def __init__(self, resource: Any, pool: "_Pool") -> None:
        self.resource = resource
        self.pool = pool
        self.borrowers = 1

    def give_back(self) -> None:
        """Count one borrower less."""
        # To its own pool: after a fork there is another one.
        self.pool.give_back(self)


class Server:
    """What the requests to a server have shown of it. Not a record: it lives while they are made.

    It is a context manager: the block is one request, which waits until the server takes one more.
    """

    def __init__(self) -> None:
        self._condition = threading.Condition()
        self._most = MAX_REQUESTS
        self._active = self._successes = 0
        self.last_use = time.monotonic()
        self.serves_parts = True
        """Whether it may answer many ranges together; False once it has not."""

    def __enter__(self) -> None:
        with self._condition:
            while self._active >= self._most:
                self._condition.wait()
            self._active += 1

    def __exit__(self, kind: object, *_: object) -> None:
        with self._condition:
            self._active -= 1
            self._successes += kind is None
            if self._most < MAX_REQUESTS and self._successes >= TRIAL * self._most:
                # It may have been busy with others: a refusal costs one request of so many.
                self._most += 1
                self._successes = 0
                self._condition.notify()
            self.last_use = time.monotonic()
            self._condition.notify()

    def is_forgotten(self) -> bool:
        """Whether its last request is long ago: it may take more by now."""
        return not self._active and time.monotonic() - self.last_use > SERVER_SECONDS

    def narrow(self) -> bool:
        """Note, within a request, that it was refused for there are too many.

        Returns
        -------
        bool
            Whether others were under way: then fewer are made at once from now on. Each of a burst takes one
            off, so that as many stay as the server took.
        """
        with self._condition:
            self._successes = 0
            if self._active <= 1:
                return False
            self._most = min(self._most, self._active - 1)
            return True


class _Pool:
    """Everything open in this process. Not a record: it is the state."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.open: OrderedDict[Hashable, Loanable] = OrderedDict()
        self.sessions = 0
        self.request_slots = threading.BoundedSemaphore(MAX_REQUESTS)
        self.idle_connections: list[tuple[Hashable, Any, float]] = []
        self.servers: OrderedDict[Hashable, Server] = OrderedDict()
        self.last_checks: OrderedDict[Hashable, float] = OrderedDict()
        self.sweeper: threading.Timer | None = None
        self.linger_end = 0.0
        self.runtimes: set[str] = set()
        self.lost_runtimes: frozenset[str] = frozenset()

    def take(self, key: Hashable, opener: Callable[[], Any]) -> Loanable:
        """Return the open resource of a key with one borrower more; open it if nobody has it."""
        with self.lock:
            loanable = self.open.get(key)
            if loanable is not None:
                # getattr takes 0.03 microseconds, isinstance of a Protocol 3 to 8 (Python 3.11).
                is_same = (
                    None if loanable.borrowers else getattr(loanable.resource, "is_same", None)
                )
                if is_same is None or is_same():
                    loanable.borrowers += 1
                    self.open.move_to_end(key)
                    return loanable
                del self.open[key]
        if loanable is not None:
            loanable.resource.close()
        # Opening may take a request, so it is done outside the lock; a second opener of the key
        # loses the race.
        opened = Loanable(opener(), self)
        with self.lock:
            loanable = self.open.setdefault(key, opened)
            if loanable is not opened:
                loanable.borrowers += 1
        if loanable is not opened:
            opened.resource.close()
        return loanable

    def give_back(self, loanable: Loanable) -> None:
        """Count one borrower less."""
        with self.lock:
            loanable.borrowers -= 1
            # The usual case, without a call: a session keeps what is open.
            if self.sessions and len(self.open) <= MAX_OPEN:
                return
            unused = self._take_unused()
        if unused:
            _close_all(unused)

    def begin(self) -> None:
        """Count one session more."""
        with self.lock:
            self.sessions += 1

    def end(self, linger: float = 0.0) -> None:
        """End a session now, or when no session has ended for ``linger`` seconds."""
        with self.lock:
            if linger:
                self.linger_end = time.monotonic() + linger
                if self.sweeper is None:
                    # The sweeper ends this session; sessions that end meanwhile postpone it.
                    self._start_sweeper(linger)
                    return
            self.sessions -= 1
            unused = self._take_unused()
        _close_all(unused)

    def _start_sweeper(self, seconds: float) -> None:
        self.sweeper = threading.Timer(seconds, self._sweep)
        self.sweeper.daemon = True
        self.sweeper.start()

    def _sweep(self) -> None:
        with self.lock:
            seconds_left = self.linger_end - time.monotonic()
            if seconds_left > 0:
                self._start_sweeper(seconds_left)
                return
            self.sweeper = None
        self.end()

    def _take_unused(self) -> list[Any]:
        """Take out resources without a borrower: all, or during a session those beyond the limit.
        Needs the lock.
        """
        surplus = len(self.open) - MAX_OPEN if self.sessions else len(self.open)
        if surplus <= 0:
            return []
        # As few as are taken out: a plate of 5000 index files would be looked through for each of them.
        unused = (key for key, loanable in self.open.items() if loanable.borrowers == 0)
        taken = list(itertools.islice(unused, surplus))
        return [self.open.pop(key).resource for key in taken]


def _close_all(resources: Sequence[_Closable]) -> None:
    for resource in resources:
        resource.close()


_pool = _Pool()


def _forget_after_fork() -> None:
    global _pool  # noqa: PLW0603 - the one piece of state
    runtimes = _pool.lost_runtimes | _pool.runtimes
    _pool = _Pool()
    _pool.lost_runtimes = runtimes


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_after_fork)


# ---------------------------------------------------------------- files


class _Loan(Generic[T]):
    """A resource lent for a ``with`` block. A generator-based context manager takes three times as
    long (1.5 us).
    """

    __slots__ = ("_key", "_loanable", "_opener")

    _loanable: Loanable

    def __init__(self, key: Hashable, opener: Callable[[], T]) -> None:
        self._key = key
        self._opener = opener

    def __enter__(self) -> T:
        self._loanable = _pool.take(self._key, self._opener)
        resource: T = self._loanable.resource
        return resource

    def __exit__(self, *_: object) -> None:
        self._loanable.give_back()


def borrow(key: Hashable, opener: Callable[[], T]) -> contextlib.AbstractContextManager[T]:
    """Lend the open resource of ``key``, opening it if nobody has it; it must have ``close()``."""
    return _Loan(key, opener)


def take(key: Hashable, opener: Callable[[], T]) -> Loanable:
    """Take the open resource of ``key`` as ``borrow`` does; the caller gives it back."""
    return _pool.take(key, opener)


def offer(key: Hashable, resource: _Closable) -> None:
    """Hand over something open for the rest of the session; outside a session it is closed at
    once.
    """
    with borrow(key, lambda: resource):
        pass


class _Session:
    """See ``session``."""

    __slots__ = ("_linger", "_pool")

    def __init__(self, linger: float) -> None:
        self._pool = _pool
        self._linger = linger

    def __enter__(self) -> None:
        self._pool.begin()

    def __exit__(self, *_: object) -> None:
        self._pool.end(self._linger)


def session(linger: float = 0.0) -> contextlib.AbstractContextManager[None]:
    """Keep borrowed files open until the end of the block, so that a plan opens each file once.

    Parameters
    ----------
    linger
        Seconds that they stay open after the block.
    """
    return _Session(linger)


def open_count() -> int:
    """Return the number of files that the pool holds open now."""
    return len(_pool.open)


# ---------------------------------------------------------------- requests and connections


def request_slot() -> contextlib.AbstractContextManager[object]:
    """Wait until fewer than ``MAX_REQUESTS`` are under way; the block counts as one."""
    return _pool.request_slots


def server_of(key: Hashable) -> Server:
    """Return what is known of the server of connections with a key."""
    pool = _pool
    with pool.lock:
        server = pool.servers.get(key)
        if server is None or server.is_forgotten():
            server = pool.servers[key] = Server()
        pool.servers.move_to_end(key)
        while len(pool.servers) > MAX_OPEN:
            pool.servers.popitem(last=False)
    return server


def take_connection(key: Hashable) -> Any:
    """Take the idle connection of a key that was used last; ``None`` if there is none. Close those
    that are too old.
    """
    pool = _pool
    oldest = time.monotonic() - IDLE_SECONDS
    connection = None
    with pool.lock:
        too_old = [idle for _, idle, since in pool.idle_connections if since < oldest]
        pool.idle_connections = [entry for entry in pool.idle_connections if entry[2] >= oldest]
        for index in reversed(range(len(pool.idle_connections))):
            if pool.idle_connections[index][0] == key:
                connection = pool.idle_connections.pop(index)[1]
                break
    _close_all(too_old)
    return connection


def return_connection(key: Hashable, connection: _Closable) -> None:
    """Let a connection wait for the next request; the ones that wait longest are closed beyond
    ``MAX_IDLE``.
    """
    pool = _pool
    with pool.lock:
        pool.idle_connections.append((key, connection, time.monotonic()))
        surplus = pool.idle_connections[:-MAX_IDLE]
        pool.idle_connections = pool.idle_connections[-MAX_IDLE:]
    _close_all([idle for _, idle, _ in surplus])


def close_connections() -> None:
    """Close the idle connections, and forget what they have shown of servers."""
    pool = _pool
    with pool.lock:
        pool.servers.clear()
        idle, pool.idle_connections = pool.idle_connections, []
    _close_all([connection for _, connection, _ in idle])


atexit.register(close_connections)


def should_check_again(key: Hashable, seconds: float) -> bool:
    """Return True at most once per ``seconds`` for each key."""
    pool = _pool
    now = time.monotonic()
    with pool.lock:
        last_check = pool.last_checks.get(key)
        if last_check is not None and now - last_check < seconds:
            return False
        pool.last_checks[key] = now
        pool.last_checks.move_to_end(key)
        # A forgotten key costs one check more, an endless table costs memory.
        while len(pool.last_checks) > MAX_OPEN:
            pool.last_checks.popitem(last=False)
    return True


def start_runtime(name: str) -> bool:
    """Note that a library with threads of its own is used in this process.

    Returns
    -------
    bool
        False in a forked child of a process that used it: the child lacks those threads.
    """
    pool = _pool
    if name in pool.lost_runtimes:
        return False
    pool.runtimes.add(name)
    return True
