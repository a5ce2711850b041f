"""Clusters of dask for the time of a ``with`` block.

Rule kept here: what a call has started, it stops; a scheduler that it only connects to runs on. ``distributed`` is
imported when a cluster is wanted, so that this module costs nothing to import. The machine must allow network
connections, at least to itself.
"""

import contextlib
import os
import socket
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import distributed

DASHBOARD_PORT = 8787
"""Where users of dask look for it."""

__all__ = ["cluster_and_client", "shutdown_cluster_and_client", "spawn_cluster_and_client"]


def spawn_cluster_and_client(
    address: str | None = None, **kwargs: Any
) -> tuple["distributed.LocalCluster | None", "distributed.Client"]:
    """Start a cluster on this machine, or connect to a scheduler that runs somewhere.

    Parameters
    ----------
    address
        Of the scheduler, such as ``"tcp://localhost:8786"``; ``None`` starts a cluster.
    **kwargs
        For ``distributed.LocalCluster``, or for ``distributed.Client`` when there is an address. Unless said
        otherwise the dashboard is at port 8787 of this machine, or at a free one when that is taken.

    Returns
    -------
    cluster
        ``None`` when there is an address.
    client
        Connected, and dask's default until it is closed: ``AICSImage.data`` reads through it.

    Raises
    ------
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
    with contextlib.ExitStack() as opened:
        cluster = opened.enter_context(
            distributed.LocalCluster(**{"dashboard_address": _dashboard(), **kwargs})
        )
        client = distributed.Client(cluster)
        opened.pop_all()
    return cluster, client


def _dashboard() -> str:
    """Where nobody listens yet: distributed itself warns of a busy port, and leaves its socket open."""
    with socket.socket() as probe:
        # As servers do: a port whose last connections are being closed is free.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, int(os.name != "nt"))
        try:
            probe.bind(("127.0.0.1", DASHBOARD_PORT))
        except OSError:
            return "127.0.0.1:0"
    return f"127.0.0.1:{DASHBOARD_PORT}"


def shutdown_cluster_and_client(
    cluster: "distributed.LocalCluster | None", client: "distributed.Client | None"
) -> None:
    """Close the client, and stop the cluster if there is one.

    Parameters
    ----------
    cluster, client
        As ``spawn_cluster_and_client`` gives them. A scheduler that the client was only connected to runs on.
    """
    try:
        if client is not None:
            client.close()
    finally:
        if cluster is not None:
            cluster.close()


@contextlib.contextmanager
def cluster_and_client(
    address: str | None = None, **kwargs: Any
) -> Iterator[tuple["distributed.LocalCluster | None", "distributed.Client"]]:
    """Have a cluster and a client for the time of a ``with`` block.

    Parameters
    ----------
    address, **kwargs
        As in ``spawn_cluster_and_client``.

    Yields
    ------
    cluster, client
        The cluster is ``None`` when there is an address.

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
