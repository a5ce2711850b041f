"""What aicsio uses of aicspylibczi (3.2 and later), which ships no types."""

from pathlib import Path
from typing import Any, BinaryIO
from xml.etree.ElementTree import Element

import numpy as np
import numpy.typing as npt

__version__: str

class BBox:
    x: int
    y: int
    w: int
    h: int

class TileInfo:
    dimension_coordinates: dict[str, int]
    m_index: int
    pixel_type_name: str

class CziFile:
    def __init__(self, czi_filename: str | Path | BinaryIO, verbose: bool = False) -> None: ...
    @property
    def dims(self) -> str: ...
    @property
    def size(self) -> tuple[int, ...]: ...
    @property
    def pixel_type(self) -> str: ...
    @property
    def shape_is_consistent(self) -> bool: ...
    @property
    def meta(self) -> Element: ...
    def get_dims_shape(self) -> list[dict[str, tuple[int, int]]]: ...
    def is_mosaic(self) -> bool: ...
    def get_all_tile_bounding_boxes(self, **kwargs: int) -> dict[TileInfo, BBox]: ...
    def get_all_mosaic_tile_bounding_boxes(self, **kwargs: int) -> dict[TileInfo, BBox]: ...
    def get_mosaic_bounding_box(self) -> BBox: ...
    def read_image(
        self, region: tuple[int, int, int, int] | None = None, **kwargs: int
    ) -> tuple[npt.NDArray[np.generic], list[tuple[str, int]]]: ...
    def read_mosaic(
        self,
        region: tuple[int, int, int, int] | None = None,
        scale_factor: float = 1.0,
        background_color: tuple[float, float, float] | None = None,
        **kwargs: int,
    ) -> npt.NDArray[np.generic]: ...
    def read_subblock_metadata(self, unified_xml: bool = False, **kwargs: int) -> Any: ...
