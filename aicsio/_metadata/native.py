"""Metadata as the file has them: the text, and the document that the text is.

Rule kept here: nothing is interpreted. XML is parsed by the one guarded parser of the package.
"""

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeAlias, overload
from xml.etree.ElementTree import Element

from aicsio import formats
from aicsio._ome.xml import parse_root
from aicsio.errors import CorruptFileError
from aicsio.records import ImageHandle
from aicsio.records.protocols import ReadsTags, offered
from aicsio.steps import Step
from aicsio.steps.verbs import overloaded_verb

NativeDocument: TypeAlias = Element | Mapping[str, Any] | list[Any] | str | None


if TYPE_CHECKING:

    @overload
    def raw_metadata(handle: ImageHandle, /) -> str | None: ...
    @overload
    def raw_metadata() -> Step[str | None]: ...


@overloaded_verb
def raw_metadata(handle: ImageHandle, /) -> str | None:
    """Return the metadata text of the file, as stored.

    Parameters
    ----------
    handle
        An opened image. Left out, the call returns a step.

    Returns
    -------
    str or None
        XML of CZI, LIF, OME-TIFF; JSON of OME-Zarr and Micro-Manager; the description of other
        TIFFs. ``None`` if the file has no such text.

    Examples
    --------
    >>> import numpy as np
    >>> from aicsio import open_image, raw_metadata
    >>> raw_metadata(open_image(np.zeros((4, 4)))) is None
    True
    """
    return handle.metadata


if TYPE_CHECKING:

    @overload
    def metadata(handle: ImageHandle, /) -> NativeDocument: ...
    @overload
    def metadata() -> Step[NativeDocument]: ...


@overloaded_verb
def metadata(handle: ImageHandle, /) -> NativeDocument:
    """Return the metadata of the file as the document that they are, in the file's own terms.

    Parameters
    ----------
    handle
        An opened image. Left out, the call returns a step.

    Returns
    -------
    xml.etree.ElementTree.Element, dict, list, str or None
        The root element of XML (CZI, LIF, OME-TIFF); what JSON holds (OME-Zarr); the tags of the
        first page of another TIFF, by name; else the text. ``None`` if the file has no metadata.

    Raises
    ------
    CorruptFileError
        When the text is XML that is not well formed, or declares a document type: entities are not
        expanded.
    SourceError
        When the tags of a TIFF cannot be read, or it changed since it was opened.

    Examples
    --------
    >>> import numpy as np
    >>> from aicsio import metadata, open_image
    >>> metadata(open_image(np.zeros((4, 4)))) is None
    True
    """
    text = handle.metadata
    start = (text or "").lstrip("\ufeff \t\r\n\0")[:1]
    if text is not None and start == "<":
        return _parse_xml(text, handle)
    reader = offered(formats.module_of(handle.format), ReadsTags)
    if reader is not None:
        return reader.read_tags(handle.source)
    return _parse_json(text) if text is not None and start in {"{", "["} else text


def _parse_xml(text: str, handle: ImageHandle) -> Element:
    try:
        return parse_root(text)
    except CorruptFileError as error:
        raise CorruptFileError(
            f"{handle.source.uri}: {error}; raw_metadata gives the text"
        ) from error


def _parse_json(text: str) -> Any:
    # A text may begin with a brace and be none of JSON: then it is a text.
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text
