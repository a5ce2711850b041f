"""TIFF itself, shared by `formats.tiff` and `formats.ome_tiff`. Imports `_io`, `_codecs`, `_ome` and `records`.

``ifd`` reads one directory, ``values`` its tags, ``chain`` all directories, ``lookahead`` those of
a remote file in time; ``tag_tables`` and ``page_tables`` hold them as columns. ``soundness`` looks
for ``integrity`` whether all of it lies inside of the file.

``dual_files`` has the files that are TIFF and DICOM, or seem so.

``page`` decides how a page is stored, by ``structure``, ``compressions`` and ``tags``; ``jpeg2000``
whether its components are YCbCr. ``series`` groups pages to scenes, ``plane_map`` and ``axes`` to
arrays, ``contiguous`` finds planes without gaps between them, ``partial_levels`` levels that lack
something; ``layout``, ``groups`` and ``segments`` turn windows into pieces, ``boxes`` many at once.

``physical_size`` decides by tags on the pixel size (a print resolution is none), by ``makers`` and
``electron_microscopes``; a dialect that states another outranks it. ``page_metadata``,
``acquisition`` and ``slides`` (lenses of scanners) have the other facts of a page,
``frames`` and ``metamorph`` time and place of each, ``settings`` the private tags, ``origins`` the places of facts.
``dialects`` are the programs that write TIFF, ``instruments`` their settings as OME.

Rule kept here: the pages decide; descriptions and tags propose.
"""
