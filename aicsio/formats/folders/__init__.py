"""Plates and series in folders: an index, and TIFF files that it names. Imports `_io`, `_ome` and `_tiff`.

One module an index: ``harmony``, ``cellvoyager`` (with ``cellvoyager_settings``, the files beside
it), ``incell``, ``imagexpress``, ``metamorph``, ``micromanager``. ``listing`` finds the index of a
folder, ``name_lookup`` the files in it, ``htd_text`` and ``xml_lists`` parse those of text and of
long lists. Each lists planes in columns (``entries``); ``fields`` makes scenes of them, ``layout``
pieces, ``members`` opens a file when its pixels are read, ``member_facts`` for times and positions
that the index lacks, ``names`` packs the names of files, ``geometry`` describes the plate as OME.

Rule kept here: opening reads the index, lists the folder, and opens one file to learn size and type
where the index lacks them.
"""
