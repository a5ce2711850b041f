"""OME-Zarr on its way out: arrays, shards, levels, metadata. Imports `writers._pixels` and `_engine`.

``plan`` and ``chunking`` decide on arrays, chunks and shards (``arrays``, ``codecs``, ``shards``).
``parts`` cuts an image into units; ``stream`` runs units on threads, ``cluster`` on the workers of
a dask cluster, by ``units``. ``documents`` and ``multiscales`` make the metadata, ``windows`` the
contrast; ``journal`` lists finished units, ``disk_errors`` words those of the disk; ``tile_files``
collects tiles for their files, ``growth`` lengthens an image along T; ``targets`` are a folder, an
archive or a server.

Rule kept here: a file of a store is written once, whole.
"""
