"""What this package uses of readlif, which has no types of its own."""

from collections.abc import Iterator, Mapping

from PIL.Image import Image

class LifImage:
    display_dims: tuple[int, int]
    bit_depth: tuple[int, ...]
    channel_as_second_dim: bool
    def get_frame(self, z: int = ..., t: int = ..., c: int = ..., m: int = ...) -> Image: ...
    def get_plane(
        self,
        display_dims: tuple[int, int] | None = ...,
        c: int = ...,
        requested_dims: Mapping[int, int] | None = ...,
    ) -> Image: ...

class LifFile:
    def __init__(self, filename: str) -> None: ...
    def get_iter_image(self, img_n: int = ...) -> Iterator[LifImage]: ...
