"""Metadata of the image that is written, as OME-XML. Imports `_metadata`, `_ome`, `steps` and `records`.

``image_description`` is the entry, and calls the others in order: ``_metadata.from_records`` describes
the image, ``overrides`` applies the caller's options, ``make_ome_xml`` of ``_ome.builder`` writes the
text, ``original_text`` adds that of other formats on request, ``merge`` the rest of the source's OME,
whose image ``source_images`` finds.

Rule kept here: metadata that is not written is reported in ``WriteReport.not_kept``.
"""
