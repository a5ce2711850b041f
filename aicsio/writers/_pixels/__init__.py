"""Pixels that are written: streams, pyramids, encoders. Imports `_engine`, `_codecs`, `_dims`.

``plan`` decides on planes, segments and levels (``jobs``); ``stream`` reads boxes of pixels
(``boxes``, ``dask_chunks``), cuts them into ``segments``, encodes and writes them (``box_writer``),
and feeds ``pyramid`` (``downsampling``, ``wide_sums``); ``source_levels`` are stored as they are, ``tiff_levels``
are the planes of smaller levels; ``encoders`` compress, ``directories`` and ``tiff`` lay out the
file.

Rule kept here: memory is bounded by the boxes in flight, whatever the size of the image.
"""
