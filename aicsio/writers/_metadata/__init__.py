"""Metadata of the image that is written, as OME-XML. Imports `_ome`, `_dims` and `records`.

``image_description`` is the entry: ``from_records`` describes the image, ``overrides`` applies the
caller's options, ``ome_xml`` writes the text, ``merge`` adds the rest of the source's document.

Rule kept here: metadata that is not written is reported in ``WriteReport.not_kept``.
"""
