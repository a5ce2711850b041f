"""TIFF itself, shared by `formats.tiff` and `formats.ome_tiff`. Imports `_io`, `_codecs`, `_ome` and `records`.

``ifd`` reads one directory, ``values`` its tags, ``chain`` all directories; ``tag_tables`` and
``page_tables`` hold them as columns.
``page`` decides how a page is stored, by ``structure``, ``compressions`` and ``tags``. ``series``
groups pages to scenes, ``plane_map`` and ``axes`` to arrays, ``layout`` and ``segments`` turn
windows into pieces. ``physical_size`` decides on the pixel size (a print resolution is none), by
``makers``; ``page_metadata`` and ``acquisition`` have the other facts of a page. ``dialects`` are the
programs that write TIFF, ``instruments`` their settings as OME.

Rule kept here: the pages decide; descriptions and tags propose.
"""
