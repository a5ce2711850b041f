"""What lies in a file beside its pixels: thumbnails, labels, time stamps, lists of events. Read when asked.

Label and preview images never become scenes; they open as images of their own:

open_image(read_attachment(handle, "Label"))
"""

from aicsio.errors import SceneError, UnsupportedFormatError
from aicsio.formats.czi import attachments as czi
from aicsio.formats.czi import index
from aicsio.records import Attachment, Event, ImageHandle
from aicsio.steps import verb

__all__ = ["Attachment", "Event", "list_attachments", "list_events", "read_attachment"]


@verb
def list_attachments(handle: ImageHandle, /) -> tuple[Attachment, ...]:
    """List what lies in the file beside its pixels.

    Parameters
    ----------
    handle
        An opened image. Left out, the call returns a step.

    Returns
    -------
    tuple of Attachment
        In file order; empty for formats that have no attachments.

    Raises
    ------
    CorruptFileError, SourceError

    Notes
    -----
    ZISRAW (CZI) file format, attachment directory segment. ZEN writes ``Thumbnail`` (JPG), ``Label`` and
    ``SlidePreview`` (CZI), ``TimeStamps`` (CZTIMS), ``EventList`` (CZEVL) and lookup tables.

    Examples
    --------
    >>> import numpy as np
    >>> from aicsio import open_image
    >>> from aicsio.attachments import list_attachments
    >>> list_attachments(open_image(np.zeros((4, 4))))
    ()
    """
    return index.list_attachments(handle.source) if handle.format == "czi" else ()


@verb
def read_attachment(handle: ImageHandle, /, name: str) -> bytes:
    """Read the content of one attachment.

    Parameters
    ----------
    handle
        An opened image. Left out, the call returns a step.
    name
        Its name, in any case; the first of several that share it.

    Returns
    -------
    bytes
        As stored. JPG and CZI attachments open with ``open_image``.

    Raises
    ------
    SceneError
        When there is none of this name; the message lists those that are there.
    CorruptFileError, SourceError
    """
    there = index.list_attachments(handle.source) if handle.format == "czi" else ()
    found = czi.find(there, name)
    if found is None:
        names = ", ".join(repr(one.name) for one in there) or "none"
        raise SceneError(f"no attachment {name!r} in {handle.source.uri}; there are: {names}")
    return index.read_attachment_data(handle.source, found)


@verb
def list_events(handle: ImageHandle, /) -> tuple[Event, ...]:
    """Read the list of events that the microscope kept during the acquisition.

    Parameters
    ----------
    handle
        An opened CZI. Left out, the call returns a step.

    Returns
    -------
    tuple of Event
        Empty where the file has no list.

    Raises
    ------
    CorruptFileError, SourceError, UnsupportedFormatError
    """
    if handle.format != "czi":
        raise UnsupportedFormatError(f"{handle.format} files have no list of events; CZI files do")
    found = czi.find(index.list_attachments(handle.source), "EventList")
    return (
        ()
        if found is None
        else czi.parse_events(index.read_attachment_data(handle.source, found), handle.source)
    )
