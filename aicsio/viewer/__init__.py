"""A viewer of any image in the browser. Imports `pictures`, `arrays` and `steps`.

``session`` has ``view`` and the running ``Viewer``; ``server`` speaks HTTP and refuses strangers,
``answers`` answers by path, ``images`` describes the named images, ``pyramid`` reads tiles of
levels, made on the fly where the file has none, and ``rough`` pictures until then. ``page`` holds
the page itself: the bundle of ``viewer/`` in the repository, without code of others.

Rule kept here: the server reads; it never writes, and serves this machine alone.
"""

from aicsio.viewer.session import Viewer, view

__all__ = ["Viewer", "view"]
