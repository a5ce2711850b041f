"""Names of targets.

A name that promises another format is refused, so that no TIFF or Zarr hides behind it.

Rule kept here: the last suffix decides. A suffix of the written format, no suffix and an unknown
suffix are free; a suffix of another image, movie, array or document format is not.
`write_ome_tiff`, `write_scenes`, `write_ome_zarr`, `AICSImage.save`, `imwrite` and `aicsio convert`
share this one rule. The name of the function is that of the format; in `aicsio convert` the name of
the file alone chooses it, so there an unknown suffix needs `--to`.
"""

import os
from collections.abc import Mapping

import attrs

from aicsio._io.urls import hide_secrets, public_url
from aicsio.errors import WriteError

__all__ = [
    "TIFF_SUFFIXES",
    "OtherFormat",
    "example_name",
    "names_tiff",
    "names_zarr",
    "no_folder",
    "other_format_of",
    "refuse_no_zarr",
    "refuse_other_format",
]


@attrs.frozen
class OtherFormat:
    """The format that a file name promises, where that is not TIFF."""

    suffix: str
    """The suffix that names it, as typed: ``".png"``."""
    format: str
    """Kind of file that the suffix stands for, with its article: ``"a picture"``."""
    tiff_name: str
    """The same path with the suffix of OME-TIFF."""
    alternative: str
    """A call that writes such a file; empty where the package knows none."""


# Each call runs in a plain installation, or with the extra that its function names.
_ZARR_CALL = "write_ome_zarr(handle, {path!r}) writes it"
_PICTURE_CALL = (
    "imageio.v3.imwrite({path!r}, to_numpy(transpose_to(handle, 'YX', ...))) writes one plane"
)
_MOVIE_CALL = (
    "imageio.v3.imwrite({path!r}, to_numpy(transpose_to(handle, 'TYX', ...))) writes one channel"
)
_NUMPY_CALL = "numpy.save({path!r}, to_numpy(handle)) writes the pixels alone"
_NETCDF_CALL = "to_xarray(handle).to_netcdf({path!r}) writes pixels and coordinates"

_FAMILIES: tuple[tuple[str, str, str], ...] = (
    ("an OME-Zarr", _ZARR_CALL, "zarr ozx"),
    ("an N5, which is a folder", "", "n5"),
    (
        "a picture",
        _PICTURE_CALL,
        (
            "png apng jpg jpeg jpe jfif jif bmp dib gif webp jp2 j2k j2c jpc jpx jpf jph jxl jxr "
            "wdp hdp "
            "avif avifs heic heif hif ico icns tga pcx ppm pgm pbm pnm pfm pam sgi rgb rgba bw "
            "psd psb "
            "exr hdr qoi svg dds xbm xpm iff ilbm ras eps"
        ),
    ),
    (
        "a movie",
        _MOVIE_CALL,
        "mp4 m4v mov avi mkv webm wmv mpg mpeg mjpg mjpeg mj2 flv 3gp ogv h264 h265 hevc y4m ts",
    ),
    ("a NumPy file", _NUMPY_CALL, "npy"),
    ("an archive of NumPy arrays", "", "npz"),
    ("a netCDF file", _NETCDF_CALL, "nc nc4 cdf"),
    ("an HDF5 file", "", "h5 hdf5 hdf he5 mat"),
    (
        "a file of a microscope maker",
        "",
        (
            "czi zvi lsm lif lof xlef lei nd2 nd dv r3d oib oif oir vsi ets ims svs scn ndpi "
            "ndpis mrxs "
            "bif qptiff stk vms vmu isyn isyntax sld sldy dm3 dm4 spe liff ipl ipm flex mvd2 acff"
        ),
    ),
    (
        "a volume of another field",
        "",
        "dcm dicom nii nrrd nhdr mha mhd mrc mrcs map rec st em klb ics ids fits fit fts vtk stl",
    ),
    ("a description without pixels", "", "ome xml json yaml yml txt csv tsv html pdf md"),
    (
        "an archive or table",
        "",
        "zip gz bz2 xz zst 7z tar tgz rar parquet arrow feather xlsx pkl pickle",
    ),
)


TIFF_SUFFIXES = ("tif", "tiff", "btf", "tf2", "tf8")
"""Of TIFF and BigTIFF, as OME-TIFF names them too."""


_OTHER_SUFFIXES = frozenset({".gif", ".jpeg", ".jpg", ".json", ".mp4", ".png", ".webp"})
"""Of files that this package writes, and that are no TIFF."""


def _table() -> dict[str, tuple[str, str]]:
    rows: dict[str, tuple[str, str]] = {}
    for noun, call, suffixes in _FAMILIES:
        rows.update(dict.fromkeys(suffixes.split(), (noun, call)))
    return rows


_FORMATS: Mapping[str, tuple[str, str]] = _table()
"""Noun and call for each lower-case suffix that names another format."""


def other_format_of(path: str | os.PathLike[str]) -> OtherFormat | None:
    """Return the format that a name promises, or ``None`` where a TIFF may have the name.

    Parameters
    ----------
    path
        Path of a target; it need not exist.

    Returns
    -------
    OtherFormat or None
        ``None`` for TIFF suffixes, for names without a suffix and for unknown suffixes.

    Examples
    --------
    >>> from aicsio.writers.target_names import other_format_of
    >>> other_format_of("cells.ome.zarr").tiff_name
    'cells.ome.tiff'
    >>> other_format_of("cells.ome.tiff") is None
    True
    """
    # "image.ome.zarr/" names a folder, and its suffix all the same.
    name = os.fsdecode(path).rstrip("/" + os.sep)
    stem, suffix = os.path.splitext(name)
    row = _FORMATS.get(suffix[1:].lower())
    if row is None:
        return None
    noun, call = row
    # "scan.ome.zarr", "scan.tif.gz": what is left of the double suffix goes too.
    inner_stem, inner_suffix = os.path.splitext(stem)
    if inner_suffix.lower() in {".ome", ".companion", ".tif", ".tiff", ".nii", ".tar", ".zarr"}:
        stem = (
            os.path.splitext(inner_stem)[0] if inner_stem.lower().endswith(".ome") else inner_stem
        )
    return OtherFormat(suffix, noun, f"{stem}.ome.tiff", call.format(path=name))


def example_name(path: str | os.PathLike[str]) -> str:
    """Return a name for the message about a path that is none of a file.

    Parameters
    ----------
    path
        Path of a target.

    Returns
    -------
    str
        With the suffix of the path where a picture, a movie or JSON is written, else of OME-TIFF.

    Examples
    --------
    >>> from aicsio.writers.target_names import example_name
    >>> example_name("folder.png"), example_name("new/")
    ('image.png', 'image.ome.tiff')
    """
    suffix = os.path.splitext(os.fsdecode(path).rstrip("/"))[1].lower()
    return f"image{suffix if suffix in _OTHER_SUFFIXES else '.ome.tiff'}"


def no_folder(path: str, folder: str) -> WriteError:
    """Return the error of a target whose folder does not exist.

    Parameters
    ----------
    path
        Path of the target; a password in it is not shown.
    folder
        Its folder, as the message shows it.

    Returns
    -------
    WriteError
        To be raised.

    Examples
    --------
    >>> from aicsio.writers.target_names import no_folder
    >>> no_folder("new/scan.ome.tiff", "new")
    WriteError("cannot write 'new/scan.ome.tiff': there is no folder 'new'; make it first")
    """
    # The folder of a URL without its scheme has lost a slash, and would show the password.
    shown = hide_secrets(repr(path))
    named = f" {folder!r}" if shown == repr(path) else ""
    return WriteError(f"cannot write {shown}: there is no folder{named}; make it first")


def names_tiff(path: str | os.PathLike[str]) -> bool:
    """Whether a name is that of a TIFF.

    Parameters
    ----------
    path
        Path of a target; it need not exist.

    Returns
    -------
    bool
        True for ``TIFF_SUFFIXES``.

    Examples
    --------
    >>> from aicsio.writers.target_names import names_tiff
    >>> names_tiff("cells.ome.TIF"), names_tiff("cells.dat"), names_tiff("cells")
    (True, False, False)
    """
    return os.path.splitext(os.fsdecode(path))[1][1:].lower() in TIFF_SUFFIXES


def names_zarr(path: str | os.PathLike[str]) -> bool:
    """Whether a name is that of an OME-Zarr: a folder, an archive or a URL.

    Parameters
    ----------
    path
        Path or URL of a target; it need not exist.

    Returns
    -------
    bool
        True for the suffixes ``.zarr``, ``.ozx`` and ``.zarr.zip``.

    Examples
    --------
    >>> from aicsio.writers.target_names import names_zarr
    >>> names_zarr("cells.ome.zarr"), names_zarr("cells.zip")
    (True, False)
    """
    name = os.fsdecode(path).rstrip("/" + os.sep).lower()
    return name.endswith((".zarr", ".ozx", ".zarr.zip"))


def refuse_other_format(path: str | os.PathLike[str]) -> None:
    """Raise where a TIFF would get a name that promises another format.

    Parameters
    ----------
    path
        Path of a target.

    Raises
    ------
    WriteError
        When the suffix names another format; the message shows a name, and a call, that work.

    Examples
    --------
    >>> from aicsio.writers.target_names import refuse_other_format
    >>> refuse_other_format("cells.png")
    Traceback (most recent call last):
        ...
    aicsio.errors.WriteError: 'cells.png' names a picture (.png), but this call writes OME-TIFF...
    """
    shown = public_url(os.fsdecode(path))
    other = other_format_of(shown)
    if other is None:
        return
    advice = f"give a name such as {other.tiff_name!r}"
    if other.alternative:
        advice += f"; {other.alternative}"
    raise WriteError(
        f"{shown!r} names {other.format} ({other.suffix}), but this call writes OME-TIFF: {advice}"
    )


def refuse_no_zarr(target: str) -> None:
    """Raise where a Zarr would get a name that promises another format.

    Parameters
    ----------
    target
        Path or URL of a target.

    Raises
    ------
    WriteError
        When the suffix names another format; the message shows a name, and a call, that work.

    Examples
    --------
    >>> from aicsio.writers.target_names import refuse_no_zarr
    >>> refuse_no_zarr("cells.ome.tif")
    Traceback (most recent call last):
        ...
    aicsio.errors.WriteError: 'cells.ome.tif' names a TIFF (.tif), but this call writes OME-Zarr...
    """
    shown = public_url(target)
    name = shown.partition("?")[0] if "://" in shown else shown
    name = name.rstrip("/" + os.sep)
    if names_zarr(name) or name.lower().endswith(".zip"):
        return
    stem, suffix = os.path.splitext(name)
    if names_tiff(name):
        noun, call = "a TIFF", "write_ome_tiff writes it"
        stem = os.path.splitext(stem)[0] if stem.lower().endswith(".ome") else stem
    else:
        other = other_format_of(name)
        if other is None:
            return
        noun, call = other.format, other.alternative
        stem = other.tiff_name.removesuffix(".ome.tiff")
    advice = f"give a name such as {stem + '.ome.zarr'!r}"
    if call:
        advice += f"; {call}"
    raise WriteError(f"{shown!r} names {noun} ({suffix}), but this call writes OME-Zarr: {advice}")
