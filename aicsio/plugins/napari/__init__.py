"""Any image as layers of napari, and layers as files. Imports `pictures`, `labels`, `writers` and
`testing`.

``napari.yaml`` lists what napari finds. ``reading`` opens what is dropped into the viewer,
``layers`` makes layers of a handle by the positions of ``geometry``, ``sampling`` adds levels to
planes that are too large for a screen. ``writing`` saves layers, ``samples`` makes the images of
the menu, ``scenes`` is the widget that picks scenes and wells.

Rule kept here: lengths are micrometres and times seconds, as in all records. Of the units of OME,
``pt``, ``li``, ``ua`` and ``px`` are other units to pint, ``pixel`` and ``reference frame`` no
lengths; and napari 0.9 shows layers of mixed units in the smallest of them.
"""

from aicsio.plugins.napari.layers import LayerTuple, to_layers

__all__ = ["LayerTuple", "to_layers"]
