"""Identifiers of OME documents that break the schema's pattern, such as ``Beamsplitter.2``.

Rule kept here: an identifier and all references to it change together, so nothing is lost with them.
"""

from aicsio._ome.references import Identifiers, defined_key, elements_with_keys, referred_key
from aicsio._ome.schema import Tree


def rename_illegal(root: Tree) -> dict[str, str]:
    """Rename identifiers that the schema does not accept.

    Parameters
    ----------
    root
        OME element of 2016-06; changed in place.

    Returns
    -------
    dict
        New by old identifier.
    """
    elements = elements_with_keys(root)
    keys = [key for key in map(defined_key, elements) if key is not None]
    renamed = Identifiers(()).assign(dict.fromkeys(keys))
    changed: dict[str, str] = {}
    for element in elements:
        key = defined_key(element) or referred_key(element)
        if key is not None and renamed.get(key, key[1]) != key[1]:
            element.set("ID", renamed[key])
            changed[key[1]] = renamed[key]
        annotator = ("Experimenter", element.get("Annotator", ""))
        if annotator in renamed:
            element.set("Annotator", renamed[annotator])
    return changed
