"""Metadata of any format as OME, as the file's own text, or parsed. Imports `formats`, `_ome` and `steps`.

``ome`` makes the OME document: of the file where it holds one, else of the records
(``documents``, ``from_records``, ``folding``, ``plane_facts``) and of the parts that a format describes
besides. ``for_writers`` serves those who write it. ``native`` gives the text of the file, and the
document that it is. The room has no public name because ``aicsio.metadata`` is one of its verbs.

Rule kept here: nothing of this is made when an image is opened.
"""

from aicsio._metadata.native import metadata, raw_metadata
from aicsio._metadata.ome import OmeXml, ome_metadata, ome_xml

__all__ = ["OmeXml", "metadata", "ome_metadata", "ome_xml", "raw_metadata"]
