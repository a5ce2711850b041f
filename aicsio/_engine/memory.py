"""Memory for results: refuses at once what this process can never hold.

Rule kept here: nothing is allocated before it is compared with the free memory. Linux hands out
addresses freely and kills the process when it uses them, so a failed allocation is no safeguard.
"""

import os
import sys

from aicsio.errors import ImageTooLargeError
from aicsio.records import LazyArray

UNCHECKED = 256 << 20
"""Arrays up to this size are allocated without a look at the free memory: the look takes 50
microseconds, and a machine that cannot spare this much fails elsewhere first."""
CGROUP_FILES = (
    ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory.current"),
    (
        "/sys/fs/cgroup/memory/memory.limit_in_bytes",
        "/sys/fs/cgroup/memory/memory.usage_in_bytes",
    ),
)
"""Limit and usage of this container: version 2 of control groups, then version 1."""


def require(nbytes: int, array: LazyArray) -> None:
    """Raise unless ``nbytes`` for an array fit into the free memory.

    Raises
    ------
    ImageTooLargeError
        When less memory is free than the array needs.
    """
    if nbytes <= UNCHECKED:
        return
    free = free_bytes()
    if free is not None and nbytes > free:
        raise too_large(array, f"{free:,} bytes of memory are free")


def too_large(array: LazyArray, reason: str) -> ImageTooLargeError:
    """Make the error for an array that does not fit; ``reason`` is a clause about the memory."""
    return ImageTooLargeError(
        f"{array.dims} of {array.dtype} need {array.nbytes:,} bytes, but {reason}: "
        "pick a part with transpose_to, a smaller level with select_level, or read lazily with to_dask"
    )


def free_bytes() -> int | None:
    """Return the bytes that this process may still use; ``None`` where the system does not give it.

    The smallest of: available memory and free swap (``/proc/meminfo``), the limit of the control
    group, and the limit of the address space (``RLIMIT_AS``).
    """
    limits = [limit for limit in (_system(), _cgroup(), _address_space()) if limit is not None]
    return min(limits, default=None)


def _system() -> int | None:
    """Available memory and free swap. ``MemAvailable`` counts caches that the kernel can drop."""
    if not sys.platform.startswith("linux"):
        return None
    kibibytes: dict[str, int] = {}
    try:
        with open("/proc/meminfo", encoding="ascii") as file:
            for line in file:
                name, _, value = line.partition(":")
                if name in {"MemAvailable", "SwapFree"}:
                    kibibytes[name] = int(value.split()[0])
    except (OSError, ValueError):
        return None
    if "MemAvailable" not in kibibytes:  # kernels before 3.14
        return None
    return sum(kibibytes.values()) * 1024


def _cgroup() -> int | None:
    for limit_path, usage_path in CGROUP_FILES:
        try:
            with (
                open(limit_path, encoding="ascii") as limit,
                open(usage_path, encoding="ascii") as usage,
            ):
                return max(0, int(limit.read()) - int(usage.read()))
        except (OSError, ValueError):  # no such group, or the limit is the word "max"
            continue
    return None


def _address_space() -> int | None:
    try:
        import resource  # not on Windows
    except ImportError:
        return None
    soft, _ = resource.getrlimit(resource.RLIMIT_AS)
    if soft == resource.RLIM_INFINITY:
        return None
    try:
        with open("/proc/self/statm", encoding="ascii") as file:
            # proc(5): the first number is the size of the address space, in pages.
            pages = int(file.read().split()[0])
    except (OSError, ValueError):
        return soft
    return max(0, soft - pages * os.sysconf("SC_PAGE_SIZE"))
