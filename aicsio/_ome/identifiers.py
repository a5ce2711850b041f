"""Identifiers of OME documents that break the schema's pattern, such as ``Beamsplitter.2``.

Rule kept here: an identifier and all references to it change together, so nothing is lost with them.
"""

from aicsio._ome.references import Identifiers, defined_key, elements_with_keys, referred_key
from aicsio._ome.schema import Tree, tag


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
    defined = [defined_key(element) for element in elements]
    renamed = Identifiers(()).assign(dict.fromkeys(key for key in defined if key is not None))
    # Most documents have nothing to rename; 500 scenes have 25 000 references.
    if all(new == old for (_, old), new in renamed.items()):
        return {}
    changed: dict[str, str] = {}
    for element, defined_here in zip(elements, defined, strict=True):
        key = defined_here or referred_key(element)
        if key is not None and renamed.get(key, key[1]) != key[1]:
            element.set("ID", renamed[key])
            changed[key[1]] = renamed[key]
        annotator = ("Experimenter", element.get("Annotator", ""))
        if annotator in renamed:
            element.set("Annotator", renamed[annotator])
    return changed


def rename_repeated(root: Tree) -> list[tuple[str, str]]:
    """Rename images, and pixels, that have the identifier of an earlier one.

    References lead to the first, as they do in Bio-Formats.

    Parameters
    ----------
    root
        OME element of 2016-06; changed in place.

    Returns
    -------
    list of tuple
        Old and new identifier of each image that was renamed.
    """
    images = root.findall(tag("Image"))
    renamed = []
    for kind, elements in (
        ("Image", images),
        ("Pixels", [pixels for image in images for pixels in image.findall(tag("Pixels"))]),
    ):
        # All identifiers are taken from the start: a new one must not meet a later image either.
        identifiers = Identifiers(element.get("ID") for element in elements)
        seen: set[str] = set()
        for element in elements:
            old = element.get("ID", "")
            if old in seen:
                (new,) = identifiers.assign([(kind, old)]).values()
                element.set("ID", new)
                if kind == "Image":
                    renamed.append((old, new))
            seen.add(old)
    return renamed
