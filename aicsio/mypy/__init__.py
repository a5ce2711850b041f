"""A plug-in for mypy that checks orders and picks. Imports `_dims`, and mypy.

``hooks`` answers mypy, ``literals`` reads values of expressions, ``plans`` keeps what is known of
dims with a type.

Rule kept here: it never ends a run. What it does not understand is typed as without it.

    [tool.mypy]
    plugins = ["aicsio.mypy"]
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import mypy.plugin

__all__ = ["plugin"]

OLDEST = (1, 15)
"""The oldest mypy that it is tested with; before 1.12 no TypeVar has a default."""


def plugin(version: str) -> "type[mypy.plugin.Plugin]":
    """Return the plug-in for a version of mypy, which calls this function.

    Parameters
    ----------
    version
        Such as ``"2.4.1"``.

    Returns
    -------
    type
        A subclass of ``mypy.plugin.Plugin``; ``Plugin`` itself, which does nothing, for a version
        that is too old or of another structure.

    Examples
    --------
    >>> from aicsio.mypy import plugin
    >>> plugin("0.990").__name__
    'Plugin'
    """
    from mypy.plugin import Plugin

    try:
        major, minor = version.split(".")[:2]
        if (int(major), int(minor)) < OLDEST:
            return Plugin
        from aicsio.mypy.hooks import DimsPlugin
    except Exception:  # noqa: BLE001 - a check that may be left out ends no run
        return Plugin
    return DimsPlugin
