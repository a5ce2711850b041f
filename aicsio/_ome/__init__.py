"""OME-XML: its text, schema, units, dates and images, as records. Imports `errors` and `records`.

``xml`` decodes and guards the text of any XML, ``schema`` brings older versions to 2016-06,
``document`` is the entry from text to records (``model``), ``builder`` the way back. ``images``,
``channels``, ``planes`` and ``modulo`` read one ``elements`` each, ``parts`` are those beyond the
records, ``plates`` those of plates, ``tiff_data`` where planes are. ``runs`` cuts elements of a few
spellings out of a text. ``references`` copies what elements refer to, ``identifiers``
renames what the schema refuses, ``spelling`` respells its values, ``repeats`` checks once what a
document repeats. ``plane_elements`` writes the planes, ``serial`` the text of a tree, ``objects``
makes objects of ome_types, ``states`` many of one, ``origins`` has the places of facts. ``units``,
``dates``, ``lenses`` and ``lexical`` (numbers and dates as text) serve all formats, ``ngff`` writes
the JSON of OME-Zarr.

Rule kept here: a value that breaks the schema costs itself, not the document.
"""
