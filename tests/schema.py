"""The schema of OME, to validate against. Nothing here is a test."""

import importlib.util
from pathlib import Path

from lxml import etree


def _schema() -> etree.XMLSchema:
    found = importlib.util.find_spec("ome_types")
    assert found is not None
    assert found.origin is not None
    return etree.XMLSchema(etree.parse(Path(found.origin).parent / "ome-2016-06.xsd"))


SCHEMA = _schema()
