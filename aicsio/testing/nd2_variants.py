"""Metadata of ND2 files in Nikon's two encodings: binary variants and XML.

Rule kept here: the types of Python decide the types of the file.

Source of the structures: files of NIS-Elements 3 to 5.
"""

import struct
from collections.abc import Mapping
from typing import Any
from xml.etree import ElementTree as ET

__all__ = ["encode_variant", "encode_xml"]


def encode_xml(tree: Mapping[str, Any]) -> bytes:
    """Encode metadata as files of NIS-Elements 3 have them.

    Parameters
    ----------
    tree
        Names and values: bool, int, float, str, bytes, or a dict or list of them.

    Returns
    -------
    bytes
        The XML.

    Examples
    --------
    >>> from aicsio.testing.nd2_variants import encode_xml
    >>> encode_xml({"uiWidth": 5})[61:]
    b'<no_name runtype="CLxListVariant"><uiWidth runtype="lx_int32" value="5" /></no_name></variant>'
    """
    root = ET.Element("variant", version="1.0")
    _add_element(root, "no_name", tree)
    text: bytes = ET.tostring(root, encoding="utf-8")
    return b'<?xml version="1.0" encoding="UTF-8"?>' + text


def encode_variant(name: str, value: Any) -> bytes:
    """Encode one item of a binary variant.

    Parameters
    ----------
    name
        Of the item; empty for items of lists.
    value
        bool, int, float, str, bytes, or a dict or list of them.

    Returns
    -------
    bytes
        The item; a level with the offsets of its items behind it.

    Examples
    --------
    >>> from aicsio.testing.nd2_variants import encode_variant
    >>> encode_variant("a", 1).hex()
    '03026100000001000000'
    """
    encoded_name = (name + "\0").encode("utf-16-le") if name else b""
    if isinstance(value, dict | list):
        return _encode_level(encoded_name, value)
    kind, data = _encode_scalar(value)
    # The length of a name counts its UTF-16 characters and the final zero.
    return bytes([kind, len(encoded_name) // 2]) + encoded_name + data


def _encode_scalar(value: Any) -> tuple[int, bytes]:
    if isinstance(value, bool):
        # In Python bool is an int: it comes first.
        return 1, struct.pack("<?", value)
    if isinstance(value, int):
        # uint32, or int32 below zero.
        return (3, struct.pack("<I", value)) if value >= 0 else (2, struct.pack("<i", value))
    if isinstance(value, float):
        return 6, struct.pack("<d", value)
    if isinstance(value, str):
        return 8, (value + "\0").encode("utf-16-le")
    # A byte array has its length of eight bytes in front.
    return 9, struct.pack("<Q", len(value)) + value


def _encode_level(encoded_name: bytes, value: Any) -> bytes:
    items = list(value.items()) if isinstance(value, dict) else [("", each) for each in value]
    head = bytes([11, len(encoded_name) // 2]) + encoded_name
    # Items begin behind their number and the length of the level.
    at = len(head) + 12
    offsets, body = [], b""
    for key, each in items:
        # Offsets count from the type of the level, as its length does.
        offsets.append(at + len(body))
        body += encode_variant(key, each)
    # The length leaves out the table of offsets behind the items.
    length = at + len(body)
    return (
        head
        + struct.pack("<IQ", len(items), length)
        + body
        + struct.pack(f"<{len(items)}Q", *offsets)
    )


def _add_element(parent: ET.Element, name: str, value: Any) -> None:
    if isinstance(value, dict | list):
        element = ET.SubElement(parent, name or "no_name", runtype="CLxListVariant")
        items = value.items() if isinstance(value, dict) else [("", each) for each in value]
        for key, each in items:
            _add_element(element, key, each)
        return
    kinds = {bool: "bool", int: "lx_int32", float: "double", str: "CLxStringW"}
    if isinstance(value, bytes):
        # Flags are a list of booleans in XML.
        _add_element(parent, name, [bool(flag) for flag in value])
        return
    text = str(value).lower() if isinstance(value, bool) else str(value)
    ET.SubElement(parent, name or "no_name", runtype=kinds[type(value)], value=text)
