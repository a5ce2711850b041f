"""Calls of public scripts of AICSImageIO, and of its README, with the first word of the imports changed.

Each case is the way in which one script reads or writes; names and files are ours. The scripts were
found by their import lines: widgets of napari, segmentation and illumination pipelines, converters
to OME-Zarr, registration, stitching, metadata tables.
"""

import textwrap
import warnings
from pathlib import Path

import numpy as np
import pytest

from aicsio import PixelSize, imwrite
from aicsio.testing import ImageSpec, TiffSpec, write
from aicsio.testing.czi import blocks_of, metadata_xml, write_czi

README = {
    "read whole": """
        from aicsimageio import AICSImage, imread
        img = AICSImage("my_file.tiff")
        assert img.data.ndim == 5 and img.dims.order == "TCZYX"
        assert img.shape == img.data.shape and img.dims.X == 30
        img.set_scene(1)
        assert img.data.shape == img.shape and img.dims.X == 24
        assert imread("my_file.tiff").shape[-1] == 30
    """,
    "read slices": """
        from aicsimageio import AICSImage, imread_dask
        img = AICSImage("my_file.tiff")
        img.dask_data
        assert img.get_image_data("CZYX", T=0).ndim == 4
        lazy_t0 = img.get_image_dask_data("CZYX", T=0)
        assert (lazy_t0.compute() == img.data[0]).all()
        assert imread_dask("my_file.tiff")[0, :].compute().shape == img.shape[1:]
    """,
    "a cluster": """
        from aicsimageio import AICSImage, dask_utils, use_dask
        with dask_utils.cluster_and_client(processes=False, n_workers=1, dashboard_address=":0") as (cluster, client):
            assert AICSImage("my_file.tiff").data.shape == (2, 3, 4, 20, 30)
        use_dask(True)
    """,
    "metadata": """
        from aicsimageio import AICSImage
        img = AICSImage("my_file.tiff")
        assert img.metadata.images[0].pixels.size_c == 3
        assert img.channel_names == ["DAPI", "GFP", "Cy5"]
    """,
    "xarray of version 4": """
        from aicsimageio import AICSImage, imread_xarray, imread_xarray_dask
        img = AICSImage("my_file.tiff")
        img.xarray_data
        first = img.xarray_dask_data.loc[dict(C="DAPI")].isel(T=0)
        assert imread_xarray("my_file.tiff").dims == imread_xarray_dask("my_file.tiff").dims
        assert first.dims == ("Z", "Y", "X")
    """,
    "mosaics of version 4": """
        from aicsimageio import AICSImage
        img = AICSImage("mosaic.czi")
        img.dask_data, img.xarray_dask_data, img.dims
        img = AICSImage("mosaic.czi", reconstruct_mosaic=False)
        assert img.mosaic_tile_dims.Y == 20 and img.mosaic_tile_dims.X == 30
        assert img.get_mosaic_tile_position(4) == (20, 30)
    """,
    "writers of version 4": """
        from aicsimageio import AICSImage
        from aicsimageio.writers import OmeTiffWriter
        AICSImage("my_file.tiff").save("saved.ome.tif")
        image = AICSImage("my_file.tiff").data
        OmeTiffWriter.save(image, "written.ome.tif", dim_order="TCZYX")
        assert (AICSImage("written.ome.tif").data == image).all()
    """,
}

SCRIPTS = {
    "napari widget that saves image and labels": """
        from aicsimageio import AICSImage
        from aicsimageio.writers import OmeTiffWriter
        img = AICSImage("my_file.tiff")
        letters = "".join(d for d in img.dims.order if d != "C" and img.dims._dims_shape[d] > 1)
        assert letters == "TZYX"
        index = img.channel_names.index("GFP")
        channel = img.get_image_data(letters, C=index)
        OmeTiffWriter.save(data=img.data, uri="i.ome.tif", dim_order=img.dims.order,
                           channel_names=img.channel_names, physical_pixel_sizes=img.physical_pixel_sizes)
        OmeTiffWriter.save(data=channel.astype("int32"), uri="l.ome.tif", dim_order=letters,
                           channel_names=["Labels"], physical_pixel_sizes=img.physical_pixel_sizes)
        assert AICSImage("l.ome.tif").channel_names == ["Labels"]
    """,
    "projection of a scene and time point": """
        import numpy as np
        from aicsimageio import AICSImage
        reader = AICSImage("my_file.tiff")
        reader.set_scene(int(1 - 1))
        assert np.max(reader.data[1, 2, :, :, :], axis=0).shape == (20, 30)
        assert np.shape(reader) == (2, 3, 4, 20, 30)
    """,
    "picture of a CZI for a mesh viewer": """
        from aicsimageio import AICSImage
        assert AICSImage("mosaic.czi").get_image_data("YX", S=0, T=0, C=0).shape == (60, 90)
    """,
    "series of a CZI by its reader class": """
        import aicsimageio as imageio
        from aicsimageio.readers.czi_reader import CziReader
        image = imageio.AICSImage("mosaic.czi", reader=CziReader)
        assert image.get_image_data("XYT", H=0, S=0, C=0, Z=0).shape == (90, 60, 1)
    """,
    "registration that names the axes of a TIFF": """
        from aicsimageio.readers import tiff_reader
        from aicsimageio.writers import ome_tiff_writer
        im = tiff_reader.TiffReader("plain.tif", dim_order="TYX")
        assert im.dims.T == 4 and im.data.shape == (4, 20, 30)
        ome_tiff_writer.OmeTiffWriter.save(im.data, "registered.tif", dim_order="TYX")
    """,
    "kymographs of a TIFF": """
        from aicsimageio.readers import ome_tiff_reader
        assert ome_tiff_reader.TiffReader("plain.tif", dim_order="TYX").data.shape == (4, 20, 30)
    """,
    "regions of interest by coordinates": """
        from aicsimageio import AICSImage
        from aicsimageio.readers.bioformats_reader import BioformatsReader
        from aicsimageio.writers import OmeTiffWriter
        im = AICSImage("my_file.tiff", reader=BioformatsReader)
        scale = im.physical_pixel_sizes.X
        cropped = im.xarray_data.sel(Y=slice(0, 4 * 0.5), X=slice(0, 7 * scale))
        OmeTiffWriter.save(cropped.data, "roi.ome.tiff", dim_order="".join(cropped.dims),
                           physical_pixel_sizes=im.physical_pixel_sizes, channel_names=im.channel_names)
        assert AICSImage("roi.ome.tiff").shape == (2, 3, 4, 5, 8)
    """,
    "loader of a training set with options of a file": """
        from aicsimageio import AICSImage
        options = {"dimension_order_out": "ZYX", "C": 1, "T": 0}
        assert AICSImage("my_file.tiff").reader.get_image_dask_data(**options).compute().shape == (4, 20, 30)
        assert AICSImage("my_file.tiff").get_image_data(**options).shape == (4, 20, 30)
    """,
    "slider over frames": """
        from aicsimageio import AICSImage
        stack = AICSImage("my_file.tiff")
        frames, channels, _, _, _ = stack.shape
        assert stack.get_image_dask_data("TYXC", Z=0).compute()[1, :, :, 2].shape == (20, 30)
    """,
    "first scene that has pixels": """
        from aicsimageio import AICSImage
        img = AICSImage("my_file.tiff")
        for scene in range(len(img.scenes)):
            img.set_scene(scene)
            if img.get_image_dask_data("YX", T=0, C=0, Z=0).max().compute():
                break
        assert img.dims["T"][0] - 1 == 1
    """,
    "labels plane by plane": """
        from aicsimageio import AICSImage
        img = AICSImage("my_file.tiff")
        img.set_scene("Image:0")
        for t in range(img.dims.T):
            assert img.get_image_dask_data("ZYX", T=t, C=1).compute().ndim == 3
    """,
    "converter to OME-Zarr": """
        from aicsimageio.readers.tiff_reader import TiffReader
        from aicsimageio.types import PhysicalPixelSizes
        from aicsimageio.writers import OmeZarrWriter
        pixels = TiffReader("plain.tif", dim_order="ZYX").dask_data
        writer = OmeZarrWriter("out.zarr")
        writer.write_image(image_data=pixels, image_name="tile", channel_names=None, channel_colors=None,
                           physical_pixel_sizes=PhysicalPixelSizes(2.0, 1.0, 1.0), scale_num_levels=1,
                           dimension_order="ZYX")
    """,
    "places of tiles in micrometres": """
        import numpy as np
        from aicsimageio.readers import CziReader
        reader = CziReader("mosaic.czi")
        spacing = reader.physical_pixel_sizes
        axes = tuple(reader.dims.order.index(x) for x in "CYX")
        assert "M" in reader.dims.order and axes == (1, 2, 3)
        assert (np.array(reader.get_mosaic_tile_positions()) * spacing[1:]).shape == (9, 2)
        reader.metadata.findall(".//Channel")
    """,
    "views of a mosaic for registration": """
        from aicsimageio import AICSImage
        aicsim = AICSImage("mosaic.czi", reconstruct_mosaic=False)
        xim = aicsim.reader.xarray_dask_data
        sizes = aicsim.physical_pixel_sizes._asdict()
        for view in range(xim.sizes["M"]):
            assert xim.sel(M=view).dims == ("C", "Y", "X")
            y, x = aicsim.get_mosaic_tile_position(view)
            {"y": y * sizes["Y"], "x": x * sizes["X"]}
    """,
    "regions of a mosaic for a database": """
        from aicsimageio import AICSImage
        img = AICSImage("mosaic.czi", reconstruct_mosaic=False)
        for m in range(img.reader.dims.M):
            y, x = img.get_mosaic_tile_position(m, T=0, C=0, Z=0)
        assert (y, x) == (40, 60)
        assert list(img.mosaic_tile_dims.shape) == [20, 30] and img.time_interval is None
    """,
    "table of metadata": """
        from aicsimageio import AICSImage
        img = AICSImage("my_file.tiff")
        facts = dict(channel_names=list(map(str, img.channel_names)), dims=dict(img.dims.items()),
                     sizes=[img.physical_pixel_sizes.Z, img.physical_pixel_sizes.Y, img.physical_pixel_sizes.X])
        assert facts["dims"] == {"T": 2, "C": 3, "Z": 4, "Y": 20, "X": 30}
        assert facts["sizes"] == [2.0, 0.5, 0.25]
        assert img.ome_metadata.images[0].pixels.channels[0].name == "DAPI"
    """,
    "illumination correction by reshape_data": """
        import dask.array as da
        from aicsimageio import AICSImage
        from aicsimageio.transforms import reshape_data, transpose_to_dims
        img = AICSImage("my_file.tiff")
        reshaped = reshape_data(img.dask_data, given_dims="TCZYX", return_dims="ZYX", T=0, C=1)
        assert isinstance(reshaped, da.Array)
        assert transpose_to_dims(reshaped, "ZYX", "XYZ").shape == (30, 20, 4)
        assert AICSImage(reshaped, dim_order="ZYX", channel_names=None).dims.Z == 4
    """,
    "plug-in of a viewer": """
        from typing import Any, Dict, List, Tuple, Union
        from aicsimageio import AICSImage, exceptions, types
        from aicsimageio.dimensions import DimensionNames
        LayerData = Union[Tuple[types.ArrayLike, Dict[str, Any], str]]
        ReaderFunction = types.PathLike | List[types.ImageLike] | None
        try:
            AICSImage.determine_reader("nothing.txt")
        except exceptions.UnsupportedFileFormatError:
            pass
        img = AICSImage("my_file.tiff")
        data = img.xarray_dask_data
        assert DimensionNames.Channel in data.dims and "Z" in data.coords
        assert "Image:1" in img.scenes and DimensionNames.MosaicTile not in img.reader.dims.order
    """,
    "annotations of arrays": """
        from aicsimageio.types import ArrayLike, ImageLike, MetaArrayLike, PhysicalPixelSizes
        import numpy as np
        def scale(image: ArrayLike | None, like: ImageLike, sizes: PhysicalPixelSizes | None) -> MetaArrayLike:
            return image
        assert isinstance(np.zeros(3), ArrayLike) and not isinstance("a", MetaArrayLike)
    """,
    "metadata of a file through Bio-Formats": """
        from aicsimageio import AICSImage
        from aicsimageio.metadata.utils import bioformats_ome
        meta = bioformats_ome("my_file.tiff")
        assert [image.pixels.size_x for image in meta.images] == [30, 24]
    """,
    "training samples by keyword": """
        import numpy as np
        from aicsimageio import AICSImage
        from aicsimageio.writers.ome_tiff_writer import OmeTiffWriter
        OmeTiffWriter.save(uri="1_train_cond.tiff", data=np.ones((1, 1, 4, 8, 9)).astype(float))
        OmeTiffWriter.save(np.ones((8, 9), np.uint8), "a_GT.tiff", dim_order="YX")
        assert AICSImage("a_GT.tiff").dims.order == "TCZYX"
    """,
    "file formats tried one by one": """
        from aicsimageio import AICSImage
        from aicsimageio.readers import CziReader, LifReader, OmeTiffReader, TiffReader
        classes = [LifReader, CziReader, OmeTiffReader, TiffReader]
        chosen = [each for each in classes if each.is_supported_image("mosaic.czi", fs_kwargs={})]
        assert chosen == [CziReader] == [AICSImage.determine_reader("mosaic.czi")]
        assert CziReader in AICSImage.SUPPORTED_READERS
    """,
}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The files that the scripts name, in the working folder."""
    names = ("DAPI", "GFP", "Cy5")
    sizes = PixelSize(2.0, 0.5, 0.25)
    first = ImageSpec(T=2, C=3, Z=4, Y=20, X=30, channel_names=names, pixel_size=sizes)
    write(TiffSpec((first, ImageSpec(C=2, Y=16, X=24))), tmp_path, "my_file.tiff")
    mosaic = np.arange(2 * 60 * 90, dtype=np.uint16).reshape(2, 60, 90)
    document = metadata_xml(channels=["a", "b"], pixel_size={"Y": 0.5, "X": 0.5})
    write_czi(tmp_path / "mosaic.czi", blocks_of(mosaic, "CYX", tile=(20, 30)), document)
    imwrite(tmp_path / "plain.ome.tiff", mosaic[:, :20, :30].repeat(2, axis=0), dim_order="ZYX")
    (tmp_path / "plain.ome.tiff").rename(tmp_path / "plain.tif")
    (tmp_path / "nothing.txt").write_text("no image")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("name", [*README, *SCRIPTS])
@pytest.mark.usefixtures("folder")
def test_a_script_runs(name: str) -> None:
    script = textwrap.dedent({**README, **SCRIPTS}[name]).replace("aicsimageio", "aicsio")
    with warnings.catch_warnings():
        # Tiles in AICSImage: five dimensions always, with a warning.
        warnings.filterwarnings("ignore", message="AICSImage shows TCZYX")
        exec(compile(script, name, "exec"), {"__name__": "script"})  # noqa: S102 - our own text


def test_there_are_twenty_scripts() -> None:
    assert len(SCRIPTS) >= 20
