"""Ids of the channels of the XML -> positions along C that they describe. Pure.

Rule kept here: the order of the list counts, as in libCZI and Bio-Formats; the numbers of the Ids
show which channels a list leaves out.

Source of the facts: libCZI (``CCziWriter::DefaultGenerateChannelIdAndName``), which writes
"Channel:<channel-index>".
"""

import re
from collections.abc import Sequence
from itertools import pairwise
from xml.etree import ElementTree as ET

from aicsio.records import Diagnostic

_ID = re.compile(r"Channel:(\d{1,9})")


def read_numbers(elements: Sequence[ET.Element]) -> tuple[int, ...]:
    """Return the numbers of the Ids ``Channel:n``; none where one has another Id."""
    matches = [_ID.fullmatch(element.get("Id", "")) for element in elements]
    return tuple(int(match[1]) for match in matches if match is not None) if all(matches) else ()


def report_order(numbers: Sequence[int]) -> list[Diagnostic]:
    """Report a list of channels that is not in the order of its Ids."""
    if all(earlier < later for earlier, later in pairwise(numbers)):
        return []
    message = (
        f"the channels of the XML are numbered {', '.join(map(str, numbers[:20]))}: names and "
        "wavelengths are those of the order in which they are listed"
    )
    return [Diagnostic("channel-order", message)]


def described_positions(positions: list[int], count: int, numbers: Sequence[int]) -> list[int]:
    """Return the positions along C that the channels of the XML describe.

    A file that was cut out of a larger one keeps the positions of the larger one in the directory,
    and lists in the XML its own channels only.

    Parameters
    ----------
    positions
        Positions of the directory, in order.
    count
        Channels of the XML.
    numbers
        Numbers of their Ids, as far as they have some.
    """
    # Positions beyond the list, and as many as it has: the list is of these positions, in order.
    if positions and positions[-1] >= count == len(positions):
        return positions
    is_part = 0 < len(numbers) < len(positions) and set(numbers) < set(positions)
    if is_part and not report_order(numbers):
        return list(numbers)
    return list(range(count))
