"""Identifiers of OME elements as AICSImageIO wrote them.

Rule kept here: the name of the element, a colon, and its number.
"""

from aicsio._checks import checked

__all__ = [
    "generate_ome_channel_id",
    "generate_ome_detector_id",
    "generate_ome_image_id",
    "generate_ome_instrument_id",
]


@checked
def generate_ome_image_id(image_id: str | int) -> str:
    """Return the identifier of an image.

    Parameters
    ----------
    image_id
        Number of the image.

    Returns
    -------
    str
        Such as ``"Image:0"``.

    Examples
    --------
    >>> from aicsio.metadata.utils import generate_ome_image_id
    >>> generate_ome_image_id(3)
    'Image:3'
    """
    return f"Image:{image_id}"


@checked
def generate_ome_channel_id(image_id: str | int, channel_id: str | int) -> str:
    """Return the identifier of a channel.

    Parameters
    ----------
    image_id
        Number or identifier of its image.
    channel_id
        Number of the channel.

    Returns
    -------
    str
        Such as ``"Channel:0:1"``.

    Examples
    --------
    >>> from aicsio.metadata.utils import generate_ome_channel_id
    >>> generate_ome_channel_id("Image:0", 1)
    'Channel:0:1'
    """
    number = str(image_id).rpartition(":")[2]
    return f"Channel:{number}:{channel_id}"


@checked
def generate_ome_instrument_id(instrument_id: str | int) -> str:
    """Return the identifier of an instrument.

    Parameters
    ----------
    instrument_id
        Number of the instrument.

    Returns
    -------
    str
        Such as ``"Instrument:0"``.

    Examples
    --------
    >>> from aicsio.metadata.utils import generate_ome_instrument_id
    >>> generate_ome_instrument_id(0)
    'Instrument:0'
    """
    return f"Instrument:{instrument_id}"


@checked
def generate_ome_detector_id(detector_id: str | int) -> str:
    """Return the identifier of a detector.

    Parameters
    ----------
    detector_id
        Number of the detector.

    Returns
    -------
    str
        Such as ``"Detector:0"``.

    Examples
    --------
    >>> from aicsio.metadata.utils import generate_ome_detector_id
    >>> generate_ome_detector_id(0)
    'Detector:0'
    """
    return f"Detector:{detector_id}"
