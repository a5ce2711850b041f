"""Named data beside the pixels of a file: thumbnails, labels, time stamps, events. Read on request.

Rule kept here: label and preview images never become scenes; they open as images of their own:

open_image(read_attachment(handle, "Label"))
"""

from typing import TYPE_CHECKING, overload

from aicsio import formats
from aicsio.errors import SceneError, UnsupportedFormatError
from aicsio.records import Attachment, Event, ImageHandle
from aicsio.records.protocols import ListsEvents, ReadsAttachments, offered
from aicsio.steps import Step
from aicsio.steps.verbs import overloaded_verb

__all__ = ["Attachment", "Event", "list_attachments", "list_events", "read_attachment"]


if TYPE_CHECKING:

    @overload
    def list_attachments(handle: ImageHandle, /) -> tuple[Attachment, ...]: ...
    @overload
    def list_attachments() -> Step[tuple[Attachment, ...]]: ...


@overloaded_verb
def list_attachments(handle: ImageHandle, /) -> tuple[Attachment, ...]:
    """List the attachments of the file.

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
    CorruptFileError
        When the attachment directory is damaged.
    SourceError
        When the file cannot be read, or changed since it was opened.

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
    reader = offered(formats.module_of(handle.format), ReadsAttachments)
    return () if reader is None else reader.list_attachments(handle.source)


if TYPE_CHECKING:

    @overload
    def read_attachment(handle: ImageHandle, /, name: str) -> bytes: ...
    @overload
    def read_attachment(name: str) -> Step[bytes]: ...


@overloaded_verb
def read_attachment(handle: ImageHandle, /, name: str) -> bytes:
    """Read the content of one attachment.

    Parameters
    ----------
    handle
        An opened image. Left out, the call returns a step.
    name
        Name of the attachment, in any case; the first of several that share it.

    Returns
    -------
    bytes
        As stored. JPG and CZI attachments open with ``open_image``.

    Raises
    ------
    SceneError
        When there is no attachment of this name; the message lists those that there are.
    CorruptFileError
        When the attachment or its directory is damaged.
    SourceError
        When the file cannot be read, or changed since it was opened.

    Examples
    --------
    >>> import io
    >>> import numpy as np
    >>> from aicsio import open_image
    >>> from aicsio.attachments import read_attachment
    >>> from aicsio.testing.czi import blocks_of, time_stamps, write_czi
    >>> file = io.BytesIO()
    >>> size = write_czi(file, blocks_of(np.zeros((2, 4, 5)), "TYX"), "", [time_stamps([0.0, 1.5])])
    >>> len(read_attachment(open_image(file.getvalue()), "TimeStamps"))
    24
    """
    reader = offered(formats.module_of(handle.format), ReadsAttachments)
    attachments = () if reader is None else reader.list_attachments(handle.source)
    for one in attachments:
        if reader is not None and one.name.lower() == name.lower():
            return reader.read_attachment(handle.source, one)
    names = ", ".join(repr(one.name) for one in attachments) or "none"
    raise SceneError(f"no attachment {name!r} in {handle.source.uri}; there are: {names}")


if TYPE_CHECKING:

    @overload
    def list_events(handle: ImageHandle, /) -> tuple[Event, ...]: ...
    @overload
    def list_events() -> Step[tuple[Event, ...]]: ...


@overloaded_verb
def list_events(handle: ImageHandle, /) -> tuple[Event, ...]:
    """Read the list of events that the microscope recorded during the acquisition.

    Parameters
    ----------
    handle
        An opened image of a format that has event lists, such as CZI. Left out, the call returns a
        step.

    Returns
    -------
    tuple of Event
        Times in seconds, on the clock of the time stamps. Empty if the file has no list.

    Raises
    ------
    UnsupportedFormatError
        When the format has no event lists.
    CorruptFileError
        When the list is damaged.
    SourceError
        When the file cannot be read, or changed since it was opened.

    Examples
    --------
    >>> import io
    >>> import numpy as np
    >>> from aicsio import open_image
    >>> from aicsio.attachments import list_events
    >>> from aicsio.testing.czi import blocks_of, write_czi
    >>> file = io.BytesIO()
    >>> size = write_czi(file, blocks_of(np.zeros((4, 5)), "YX"))
    >>> list_events(open_image(file.getvalue()))
    ()
    """
    reader = offered(formats.module_of(handle.format), ListsEvents)
    if reader is None:
        raise UnsupportedFormatError(f"{handle.format} files have no list of events; CZI files do")
    return reader.list_events(handle.source)
