"""TIFF itself, shared by `formats.tiff` and `formats.ome_tiff`. Imports `_io`, `_codecs`, `_ome` and `records`.

``ifd`` reads one directory, ``chain`` all of them, ``tag_tables`` and ``page_tables`` as columns.
``page`` decides how a page is stored, by ``structure``, ``compressions`` and ``tags``. ``series``
groups pages to scenes, ``plane_map`` and ``axes`` to arrays, ``layout`` and ``segments`` turn
windows into pieces. ``physical_size`` and ``makers`` decide on the pixel size. ``dialects`` are
the programs that write TIFF.

Rule kept here: the pages decide; descriptions and tags propose.
"""
