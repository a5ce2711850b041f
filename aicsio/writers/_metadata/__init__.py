"""Metadata of the image that is written, as OME-XML. Imports `_ome`, `_dims` and `records`."""
