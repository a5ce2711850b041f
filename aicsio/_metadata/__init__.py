"""Metadata of any format as OME, as the file's own text, or parsed. Imports `formats`, `_ome` and `steps`.

``ome`` makes the OME document: of the file where it holds one, else of the records (``documents``,
``from_records``, ``folding``, ``plane_facts``) and of the parts that a format describes besides.
``for_writers`` serves those who write it. ``native`` gives the text of the file, and the document
that it is. ``plane_rows`` has planes and tiles in ``tables`` that data frames take through
``arrow``, ``well_rows`` those of plates; ``origins`` has the places that facts come from.
``pixel_types`` has OME's names of types, ``plates`` those of the document, ``split_images`` the
images that are several scenes, ``stage`` the labels of the stage. The room has no public name
because ``aicsio.metadata`` is one of its verbs.

Rule kept here: nothing of this is made when an image is opened.
"""

from aicsio._metadata.native import metadata, raw_metadata
from aicsio._metadata.ome import OmeXml, ome_metadata, ome_xml
from aicsio._metadata.origins import Provenance, provenance
from aicsio._metadata.plane_rows import TimeSteps, plane_table, tile_table, time_steps
from aicsio._metadata.tables import Table, TableColumn
from aicsio._metadata.well_rows import map_wells, select_well, wells

__all__ = [
    "OmeXml",
    "Provenance",
    "Table",
    "TableColumn",
    "TimeSteps",
    "map_wells",
    "metadata",
    "ome_metadata",
    "ome_xml",
    "plane_table",
    "provenance",
    "raw_metadata",
    "select_well",
    "tile_table",
    "time_steps",
    "wells",
]
