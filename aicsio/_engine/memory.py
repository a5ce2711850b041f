"""Memory for results: refuses at once what this process can never hold.

Rule kept here: nothing is allocated before it is compared with the free memory. Linux hands out
addresses freely and kills the process when it uses them, so a failed allocation is no safeguard.
"""

import os
import sys
from collections.abc import Iterator

from aicsio.errors import ImageTooLargeError
from aicsio.records import LazyArray

UNCHECKED = 256 << 20
"""Arrays up to this size are allocated without a look at the free memory: the look takes 50
microseconds, and a machine that cannot spare this much fails elsewhere first."""
CGROUP_ROOT = "/sys/fs/cgroup"
"""Where Linux shows its control groups."""
OWN_CGROUPS = "/proc/self/cgroup"
"""The groups of this process: a line each, ``number:controllers:path``."""


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
    """Free bytes of the tightest of the groups that this process is in.

    A job of Slurm or a service of systemd has its limit below the root, and each group counts for
    the groups inside. (cgroups(7); Control Group v2, "Memory Interface Files".)
    """
    limits = [_free_of_group(folder, names) for folder, names in _own_groups()]
    return min((limit for limit in limits if limit is not None), default=None)


def _own_groups() -> Iterator[tuple[str, tuple[str, str]]]:
    """Yield the folder of each group from the own one up, and its files of limit and usage."""
    try:
        with open(OWN_CGROUPS, encoding="utf-8", errors="replace") as file:
            lines = file.read().splitlines()
    except OSError:
        lines = []
    # The root comes last: inside a container it is the container's own group.
    paths = {"": ["/"], "memory": ["/"]}
    for line in lines:
        _, controllers, path = [*line.split(":", 2), "", ""][:3]
        for name in {"", "memory"} & set(controllers.split(",")):
            paths[name].insert(0, path)
    for base, own, names in (
        (CGROUP_ROOT, paths[""], ("memory.max", "memory.current")),
        (
            os.path.join(CGROUP_ROOT, "memory"),
            paths["memory"],
            ("memory.limit_in_bytes", "memory.usage_in_bytes"),
        ),
    ):
        parts = [part for part in own[0].split("/") if part not in {"", ".", ".."}]
        for length in range(len(parts), -1, -1):
            yield os.path.join(base, *parts[:length]), names


def _free_of_group(folder: str, names: tuple[str, str]) -> int | None:
    limit_name, usage_name = names
    try:
        limit = int(_read(folder, limit_name))
        usage = int(_read(folder, usage_name))
    except (OSError, ValueError):  # no such group, or the limit is the word "max"
        return None
    try:
        statistics = dict(line.split() for line in _read(folder, "memory.stat").splitlines())
        # Usage counts the cache of files that were read, which the kernel drops when it must.
        cached = sum(
            # Version 1 gives the sum with the groups inside, as its usage does, by another name.
            int(statistics.get(f"total_{name}", statistics.get(name, 0)))
            for name in ("inactive_file", "active_file")
        )
    except (OSError, ValueError):
        cached = 0
    return max(0, limit - max(0, usage - cached))


def _read(folder: str, name: str) -> str:
    with open(os.path.join(folder, name), encoding="ascii") as file:
        return file.read()


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
        # Where the size of the process is unknown, the limit itself is the upper bound.
        return soft
    return max(0, soft - pages * os.sysconf("SC_PAGE_SIZE"))
