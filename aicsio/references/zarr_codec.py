"""The codec of references for Zarr format 3, which virtualizarr and icechunk write. Imports zarr.

Rule kept here: thin. It is ``StoredChunkCodec`` under the name that those libraries give to codecs
of numcodecs; the entry point ``zarr.codecs`` of the package names this class.
"""

import asyncio
from dataclasses import dataclass
from typing import Any, NoReturn

from zarr.abc.codec import BytesBytesCodec
from zarr.core.array_spec import ArraySpec
from zarr.core.buffer import Buffer

from aicsio.references.codec import StoredChunkCodec
from aicsio.references.coding import OWN_NAME

__all__ = ["ZarrChunkCodec"]


# zarr compares codecs as dataclasses: its own base class is one, so attrs would not do.
@dataclass(frozen=True)
class ZarrChunkCodec(BytesBytesCodec):
    """Decodes a chunk as a microscope's file stores it, to raw pixels."""

    codec: StoredChunkCodec
    """The same codec of Zarr format 2."""
    is_fixed_size = False

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> "ZarrChunkCodec":
        """Make the codec from its entry in the metadata of an array."""
        return cls(StoredChunkCodec(**data["configuration"]))

    def to_dict(self) -> dict[str, Any]:
        """Return the codec's entry in the metadata of an array."""
        configuration = dict(self.codec.get_config())
        # Zarr 3 has the name beside the configuration; numcodecs has it within, as `id`.
        configuration.pop("id")
        return {"name": f"numcodecs.{OWN_NAME}", "configuration": configuration}

    async def _decode_single(self, chunk_data: Buffer, chunk_spec: ArraySpec) -> Buffer:
        pixels = await asyncio.to_thread(self.codec.decode, chunk_data.to_bytes())
        return chunk_spec.prototype.buffer.from_bytes(pixels.tobytes())

    async def _encode_single(self, chunk_data: Buffer, chunk_spec: ArraySpec) -> NoReturn:
        raise NotImplementedError("aicsio's codec decodes only: choose another one to write")

    def compute_encoded_size(self, input_byte_length: int, chunk_spec: ArraySpec) -> NoReturn:
        """Refuse: the length of compressed bytes is not known from that of the pixels."""
        raise NotImplementedError("the length of compressed bytes is not known before")
