"""Whether the chunks of an ND2 lie where its map has them.

Rule kept here: chunks that opening does not read are looked at too.
"""

from collections.abc import Iterator

from aicsio._codecs.nd2 import CHUNK_HEAD as HEADER
from aicsio._codecs.nd2 import CHUNK_MAGIC as MAGIC
from aicsio._io import readers
from aicsio.formats.nd2.chunks import ChunkPlace, read_container
from aicsio.records import Damage, Source


def find_faults(source: Source) -> Iterator[Damage]:
    """Compare the header of every chunk with the map.

    Parameters
    ----------
    source
        An ND2 of chunks. Of a remote one the places are compared with its size alone: each header
        would be a request.

    Yields
    ------
    Damage
        One for each chunk that is missing or cut off.
    """
    container = read_container(source)
    if container is None:
        return
    named = [*container.chunks.items()]
    frames = container.frames
    columns = (frames.numbers.tolist(), frames.offsets.tolist(), frames.nbytes.tolist())
    for number, offset, nbytes in zip(*columns, strict=True):
        named.append((f"ImageDataSeq|{number}", (offset, nbytes)))
    with readers.lend(source) as reader:
        for name, place in named:
            offset, _ = place
            head = b"" if reader.remote else reader.read(offset, HEADER.size)
            fault = _find_fault(place, head, container.size)
            if fault is not None:
                message = f"{source.uri} at byte {offset}: {fault} in chunk {name}"
                yield Damage("nd2-chunk", message, source.uri, offset)


def _find_fault(place: ChunkPlace, head: bytes, size: int) -> str | None:
    # As the map has it, without the name field, whose length the header alone has.
    offset, map_nbytes = place
    end = offset + HEADER.size
    # Some maps have the offset in place of the length, which then is unknown.
    if map_nbytes != offset:
        end += map_nbytes
    if head:
        magic, name_nbytes, nbytes = HEADER.unpack(head)
        if magic != MAGIC:
            return f"expected the head of a chunk, found {magic:#x}"
        # The header outranks the map.
        end = offset + HEADER.size + name_nbytes + nbytes
    return f"the file ends at {size}, before byte {end}" if end > size else None
