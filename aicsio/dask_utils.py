"""Clusters of dask for the time of a ``with`` block. Imports ``distributed`` when one is started.

Rule kept here: a call stops the cluster that it has started; a scheduler to which it only connects
runs on. The machine must allow network connections, at least to itself.
"""

import ast
import contextlib
import os
import socket
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from aicsio._checks import checked
from aicsio.errors import AicsioError

if TYPE_CHECKING:
    import distributed

__all__ = ["cluster_and_client", "shutdown_cluster_and_client", "spawn_cluster_and_client"]

DASHBOARD_PORT = 8787
"""Port of the dashboard in dask's documentation."""
MISSING_GUARD = (
    "the processes of the cluster import this script again: put its code under the line "
    'if __name__ == "__main__": (functions and imports may stay above it), '
    "or give processes=False"
)


@checked
def spawn_cluster_and_client(
    address: str | None = None, **kwargs: Any
) -> tuple["distributed.LocalCluster | None", "distributed.Client"]:
    """Start a cluster on this machine, or connect to a running scheduler.

    In a script, the call must be under ``if __name__ == "__main__":``, since the processes of the
    cluster import the script.

    Parameters
    ----------
    address
        Address of the scheduler, such as ``"tcp://localhost:8786"``; ``None`` starts a cluster.
    **kwargs
        For ``distributed.LocalCluster``, or for ``distributed.Client`` with an address. By default
        the dashboard of a cluster is at port 8787 of this machine, or at a free port if that one is
        taken.

    Returns
    -------
    cluster
        ``None`` with an address.
    client
        Connected, and dask's default until it is closed: ``AICSImage.data`` reads through it.

    Raises
    ------
    AicsioError
        When the script lacks the line ``if __name__ == "__main__":``.
    OSError
        When no scheduler answers at the address in time.

    Examples
    --------
    >>> from aicsio import dask_utils
    >>> small = {"n_workers": 1, "processes": False, "dashboard_address": "127.0.0.1:0"}
    >>> cluster, client = dask_utils.spawn_cluster_and_client(**small)
    >>> client.submit(sum, [1, 2]).result()
    3
    >>> dask_utils.shutdown_cluster_and_client(cluster, client)
    """
    import distributed

    if address is not None:
        return None, distributed.Client(address, **kwargs)
    if kwargs.get("processes", True):
        _require_guard()
    options = {"dashboard_address": _free_dashboard_address(), **kwargs}
    with contextlib.ExitStack() as opened:
        cluster = opened.enter_context(distributed.LocalCluster(**options))
        client = distributed.Client(cluster)
        # Only a failing client closes the cluster here.
        opened.pop_all()
    return cluster, client


@checked
def shutdown_cluster_and_client(
    cluster: "distributed.LocalCluster | None", client: "distributed.Client | None"
) -> None:
    """Close the client, and stop the cluster.

    Parameters
    ----------
    cluster, client
        As returned by ``spawn_cluster_and_client``. Without a cluster, the scheduler runs on.

    Examples
    --------
    >>> from aicsio import dask_utils
    >>> dask_utils.shutdown_cluster_and_client(None, None)
    """
    try:
        if client is not None:
            client.close()
    finally:
        if cluster is not None:
            cluster.close()


@checked
@contextlib.contextmanager
def cluster_and_client(
    address: str | None = None, **kwargs: Any
) -> Iterator[tuple["distributed.LocalCluster | None", "distributed.Client"]]:
    """Start a cluster and a client for the time of a ``with`` block.

    Parameters
    ----------
    address, **kwargs
        As in ``spawn_cluster_and_client``.

    Yields
    ------
    cluster, client
        The cluster is ``None`` with an address.

    Raises
    ------
    AicsioError
        When the script lacks the line ``if __name__ == "__main__":``.
    OSError
        When no scheduler answers at the address in time.

    Examples
    --------
    >>> import numpy as np
    >>> from aicsio import AICSImage, dask_utils
    >>> small = {"n_workers": 1, "processes": False, "dashboard_address": "127.0.0.1:0"}
    >>> with dask_utils.cluster_and_client(**small) as (cluster, client):
    ...     float(AICSImage(np.ones((2, 3, 4))).dask_data.sum().compute())
    24.0
    """
    cluster, client = spawn_cluster_and_client(address, **kwargs)
    try:
        yield cluster, client
    finally:
        shutdown_cluster_and_client(cluster, client)


def _free_dashboard_address() -> str:
    """Return an address without a listener.

    distributed warns of a taken port, and leaves a socket open then.
    """
    with socket.socket() as probe:
        # As servers do: a port whose last connections are being closed is free. On Windows the
        # option would allow to share a port that is in use.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, int(os.name != "nt"))
        try:
            probe.bind(("127.0.0.1", DASHBOARD_PORT))
        except OSError:
            return "127.0.0.1:0"
    return f"127.0.0.1:{DASHBOARD_PORT}"


# ---------------------------------------------------------------- the guard of scripts


def _require_guard() -> None:
    """Raise if the processes of a cluster would run this call again when they import the script.

    Source of the fact: documentation of ``multiprocessing``, "Safe importing of main module". Its
    own error comes from each process, 400 lines in all, and names neither the script nor the line.
    """
    import dask.config

    if dask.config.get("distributed.worker.multiprocessing-method", "spawn") == "fork":
        return  # processes that are forked import nothing
    frame: Any = sys._getframe()  # noqa: SLF001 -- inspect.currentframe is the same function
    while frame is not None:
        name = frame.f_globals.get("__name__")
        # A spawned process imports the script under this name.
        if name == "__mp_main__":
            raise AicsioError(MISSING_GUARD)
        if name == "__main__" and frame.f_code.co_name == "<module>":
            _require_guarded_line(frame.f_globals.get("__file__"), frame.f_lineno)
        frame = frame.f_back


def _require_guarded_line(path: object, line: int) -> None:
    """Raise if a line of the script runs when the script is imported."""
    # Of an interactive session or a notebook there is no file to import; of `python -m pdb` and
    # `python -m package`, the processes import another one.
    main = sys.modules["__main__"]
    if not isinstance(path, str) or getattr(main, "__file__", None) != path:
        return
    spec = getattr(main, "__spec__", None)
    if spec is not None and spec.name.endswith("__main__"):
        return
    try:
        with open(path, "rb") as file:
            statements = ast.parse(file.read()).body
    except (OSError, SyntaxError, ValueError):  # a script that cannot be read is no reason to stop
        return
    for statement in statements:
        if statement.lineno > line:
            break
        # Any `if` on `__name__` above the line may end the import there.
        if isinstance(statement, ast.If) and "__name__" in ast.dump(statement.test):
            return
    raise AicsioError(f"{path}, line {line}: {MISSING_GUARD}")
