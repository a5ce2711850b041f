"""The planes of smaller levels in an OME-TIFF: of levels that are computed, and of those of the source.

Rule kept here: no I/O. All levels of an image share the compression and the tiles of its full resolution.
"""

import math
from collections.abc import Sequence

import attrs

from aicsio.errors import WriteError
from aicsio.records import LazyArray, PixelSize
from aicsio.writers._pixels import downsampling, tiff
from aicsio.writers._pixels.jobs import ImageJob

TILE_UNIT = 16
"""TIFF 6.0, section 15: TileWidth and TileLength are multiples of 16."""


def shrink_tile(size: tuple[int, int], tile: tuple[int, int]) -> tuple[int, int]:
    """Shrink a tile along an axis that is shorter than it.

    The one tile there would be mostly padding.
    """
    height, width = (
        min(side, -(-length // TILE_UNIT) * TILE_UNIT)
        for length, side in zip(size, tile, strict=True)
    )
    return height, width


def computed_levels(full: tiff.Pages, level_count: int) -> tuple[tiff.Pages, ...]:
    """Return the planes of the levels of a pyramid, each half the size of the one before."""
    levels = []
    for level in range(1, level_count):
        height = downsampling.size_at(level, full.height)
        width = downsampling.size_at(level, full.width)
        levels.append(_smaller_pages(full, height, width))
    return tuple(levels)


def _smaller_pages(full: tiff.Pages, height: int, width: int) -> tiff.Pages:
    tile = shrink_tile((height, width), (full.grid.height, full.grid.width))
    x, y = full.pixel_size
    return attrs.evolve(
        full,
        height=height,
        width=width,
        grid=tiff.tiles(height, width, tile),
        # The level covers the same field with fewer pixels, also where the size is rounded up.
        pixel_size=(
            None if x is None else x * full.width / width,
            None if y is None else y * full.height / height,
        ),
        reduced=True,
    )


def source_level_jobs(
    job: ImageJob, levels: Sequence[tuple[LazyArray, PixelSize]]
) -> tuple[ImageJob, ...]:
    """Plan the levels of the source as images of their own, whose planes are SubIFDs.

    Parameters
    ----------
    job
        The full resolution.
    levels
        Pixels of each level in the order of the file, and their size.

    Raises
    ------
    WriteError
        When a level has fewer planes: each plane of full resolution points to its own smaller ones.
    """
    planned = []
    for array, size in levels:
        full_planes, planes = job.array.dims, array.dims
        for letter in job.array.dims:
            if letter not in "YX" and planes[letter] != full_planes[letter]:
                raise WriteError(
                    f"levels='source': a level has {planes[letter]} positions of {letter}, the full "
                    f"resolution {full_planes[letter]}, and levels of an OME-TIFF are of the same "
                    "planes: write_ome_zarr keeps them, and levels='auto' computes others"
                )
        pages = _smaller_pages(job.pages, *array.dims["Y", "X"])
        # A size that the file states for the level comes before the ratio of whole pixels.
        x, y = (
            counted if stated is None else stated
            for counted, stated in zip(pages.pixel_size, (size.X, size.Y), strict=True)
        )
        pages = attrs.evolve(pages, pixel_size=(x, y))
        planned.append(ImageJob(array, pages, job.encode, lossy=job.lossy))
    return tuple(planned)


def with_pixel_size(job: ImageJob, size: PixelSize) -> ImageJob:
    """Give the planes of all levels another physical size, that of the full resolution."""
    before, after = job.pages.pixel_size, (size.X, size.Y)
    if before == after:
        return job
    full = attrs.evolve(job.pages, pixel_size=after)
    native = tuple(_rescaled(level, before, full) for level in job.source_levels)
    smaller = computed_levels(full, 1 + len(job.smaller))
    return attrs.evolve(job, pages=full, smaller=smaller, source_levels=native)


def _rescaled(
    level: ImageJob, before: tuple[float | None, float | None], full: tiff.Pages
) -> ImageJob:
    """Keep the ratio of a level of the source to the full resolution."""
    counted = _smaller_pages(full, level.pages.height, level.pages.width).pixel_size
    sizes = []
    for axis in (0, 1):
        own, old, new = level.pages.pixel_size[axis], before[axis], full.pixel_size[axis]
        # Sizes of 0 or infinity have no ratio: that of whole pixels takes its place.
        if own is None or new is None or not old or not math.isfinite(own / old):
            sizes.append(counted[axis])
        else:
            sizes.append(new * (own / old))
    return attrs.evolve(level, pages=attrs.evolve(level.pages, pixel_size=(sizes[0], sizes[1])))
