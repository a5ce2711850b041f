"""Plates and series in folders: an index, and TIFF files that it names. Imports `_io`, `_ome` and `_tiff`.

One module an index: ``harmony``, ``cellvoyager``, ``incell``, ``metaxpress``, ``metamorph``,
``micromanager``. Each lists planes; ``fields`` makes scenes of them, ``layout`` pieces, ``members``
opens a file when its pixels are read, ``names`` packs the names of files. ``xml_lists`` parses long
lists in parts, ``geometry`` describes the plate as OME.

Rule kept here: opening reads the index, lists the folder, and opens one file to learn size and type
where the index lacks them.
"""
