"""Names of formats that aicsio does not open, by their first bytes: for the error that names them.

Rule kept here: nothing is opened with this table; it only names files and folders that all formats
have declined, so the row of a format that gets a reader goes. A row needs bytes that stand for the
format alone; a container of several formats (HDF5, OLE2, ZIP) is named by the suffix then.

Source of the facts: the ``isThisType`` methods of Bio-Formats 7.3 and the signatures that its readers
check; the specifications of DICOM (PS3.10, 7.1), FITS, NIfTI-1, NRRD, MRC2014, ICS and HDF5; the
documentation of OpenSlide for whole-slide formats; the header files of PicoQuant and Becker & Hickl.
Advice: ``readers.txt`` of Bio-Formats 8.1 for rows without one; for packages, the formats that their
documentation lists (PyPI, November 2026). ptufile excludes PT3, which phconvert's ``pqreader`` has.
"""

import re
from collections.abc import Sequence

import attrs

__all__ = ["ZARR_MARKERS", "Signature", "describe_content", "describe_folder"]


@attrs.frozen
class Signature:
    """First bytes of a format."""

    pattern: bytes
    """Regular expression; it must match the first bytes at ``offset``."""
    name: str
    """Name with its article, as in "it is ...": ``"a Nikon ND2 file"``."""
    advice: str = ""
    """A program or package that reads it; empty where Bio-Formats does."""
    offset: int = 0
    """Byte at which the pattern begins."""
    suffixes: tuple[tuple[str, str, str], ...] = ()
    """For containers: suffix, name and advice of the formats that use it."""


BIO_FORMATS = "Bio-Formats reads it, and bfconvert turns it into OME-TIFF"
"""Advice for the formats of microscopes."""
BY_OPENREADOUT = "engine='openreadout' reads it, after pip install 'aicsio[openreadout]'"
"""Advice for the formats that the list of OpenReadout 0.4 names."""
BY_ROSETTASCIIO = "the package rosettasciio reads it"
"""Advice for the formats of electron microscopes and spectrometers that its documentation lists."""
NOTHING = "-"
"""Advice for files that hold no image, and for images of which no open reader is known."""

_OLE2 = (
    (".oib", "a compound file without the streams of an Olympus OIB", NOTHING),
    (".zvi", "a Zeiss ZVI file (AxioVision)", BY_OPENREADOUT),
    (".ipw", "an Image-Pro Workspace", ""),
    (".cxd", "a Hamamatsu SimplePCI file (CXD)", ""),
    (".mds", "a Motic digital slide", NOTHING),
    (".mdsx", "a Motic digital slide", NOTHING),
    (".vws", "a TILL Vision workspace", ""),
    (".doc", "a Word document", NOTHING),
    (".xls", "an Excel workbook", NOTHING),
    (".db", "a thumbnail cache of Windows", NOTHING),
)
_HDF5 = (
    (".ims", "an Imaris 5.5 file (HDF5)", "pip install 'aicsio[ims]' reads it"),
    (".h5", "an HDF5 file", "the package h5py reads it"),
    (".emd", "an EMD file (Velox or Berkeley, HDF5)", BY_ROSETTASCIIO),
    (".hspy", "a HyperSpy file (HDF5)", "the package hyperspy reads it"),
    (".dream3d", "a DREAM.3D file (HDF5)", "the package h5py reads it"),
    (".mat", "a MATLAB 7.3 file (HDF5)", "the package h5py reads it"),
    (".nc", "a netCDF-4 file (HDF5)", "the package xarray reads it"),
    (".ch5", "a CellH5 file (HDF5)", ""),
    (".mnc", "a MINC 2 file (HDF5)", "the package nibabel reads it"),
)
_ZIP = (
    (".poir", "an Olympus POIR file", "unpack it, and open the OIR files in it"),
    (".gci", "a Keyence image group (GCI)", "unpack it: the images in it are TIFF files"),
    (".npz", "an archive of NumPy arrays", "numpy.load reads it"),
    (".jpk-force", "a JPK force map", "the package afmformats reads it"),
    (".jpk-qi-data", "a JPK force map", "the package afmformats reads it"),
    (".xlsx", "an Excel workbook", NOTHING),
    (".docx", "a Word document", NOTHING),
)
_XML = (
    (".afi", "an Aperio AFI file, which names one SVS file a channel", "give one of its SVS files"),
)

SIGNATURES: tuple[Signature, ...] = (
    # ------------------------------------------------------------ light microscopes
    Signature(
        rb"(?:\xff\xfe)?\[\0?(?:F\0?i\0?l\0?e|A\0?c\0?q\0?u\0?i)",
        "a settings file of Olympus FluoView",
        "open the .oif file of its set",
    ),
    Signature(
        rb"(?:[\x6c]\0|\xf5\x01)[\s\S][\x01\x02]II|(?:\0[\x6c]|\x01\xf5)[\x01\x02][\s\S]MM",
        "a 3i SlideBook file (SLD)",
    ),
    Signature(rb"IIII|MMMM", "a Leica LCS experiment (LEI)"),
    Signature(rb"(?:JL|LJ)\x1a", "a PerkinElmer Volocity library (MVD2)"),
    Signature(rb"\0\0\xff\xffimpr", "an Improvision Openlab file (LIFF)"),
    Signature(rb"(?:iiii\x04\0\0\0|mmmm\0\0\0\x04)", "an IPLab file"),
    Signature(
        rb"OMAS_BF\n", "an Abberior Imspector OBF or MSR file", "the package msr-reader reads it"
    ),
    Signature(rb"[\s\S]{0,64}CDataStack", "an Imspector MSR file (before OBF)"),
    Signature(rb"\0L\xa1\x0c", "a Bitplane Imaris 3 file"),
    Signature(rb"Andor Technology", "an Andor SIF file", "the package sif-parser reads it"),
    Signature(rb"DCIMG", "a Hamamatsu DCIMG file", BY_OPENREADOUT),
    # WinView_id at byte 2996: 0x01234567, little-endian.
    Signature(rb"gE#\x01", "a Princeton Instruments SPE file", offset=2996),
    Signature(rb"\[Virtual Microscope Specimen\]", "a Hamamatsu VMS slide", "OpenSlide reads it"),
    Signature(rb"\[Uncompressed Virtual Microscope", "a Hamamatsu VMU slide", "OpenSlide reads it"),
    Signature(
        rb"\[NanoZoomer Digital Pathology Image Set\]",
        "a Hamamatsu NDPIS file, which names one NDPI file a channel",
        "give one of its NDPI files",
    ),
    Signature(
        rb"01\.0[0-9]",
        "the index or a data file of a 3DHISTECH MIRAX slide",
        "open its Slidedat.ini, or the .mrxs file beside the folder",
    ),
    Signature(
        rb"<DataObject ObjectType=\"DPUfsImport\"",
        "a Philips iSyntax slide",
        "the package pyisyntax reads it",
    ),
    Signature(
        rb"[\s\S]{0,300}Generated by Image Lab", "a Bio-Rad Image Lab scan (SCN)", BY_OPENREADOUT
    ),
    Signature(rb"\xaf\xaf", "a Bio-Rad gel scan (1SC)"),
    Signature(rb"LI-COR LI2D", "a LI-COR scan (L2D)"),
    Signature(rb"[\s\S]{0,20}DTag", "a Kodak Molecular Imaging file (BIP)"),
    # ------------------------------------------------------------ photon counting
    Signature(rb"PQTTTR\0", "a PicoQuant PTU file", "the package ptufile reads it"),
    Signature(rb"PQHISTO\0", "a PicoQuant PHU file", "the package ptufile reads it"),
    Signature(
        rb"PicoHarp 300", "a PicoQuant PicoHarp file (PT3, PHD)", "the package phconvert reads PT3"
    ),
    Signature(
        rb"[\s\S]{42,512}?\*IDENTIFICATION",
        "a Becker & Hickl SDT file",
        "the package sdtfile reads it",
    ),
    Signature(rb"\{FLIMIMAGE", "an LI-FLIM file (FLI)"),
    # ------------------------------------------------------------ electron and scanning probe
    Signature(
        rb"\0\0\0\x03[\s\S]{4}\0\0\0[\0\x01]",
        "a Gatan DM3 file (DigitalMicrograph)",
        BY_OPENREADOUT,
    ),
    Signature(
        rb"\0\0\0\x04[\s\S]{8}\0\0\0[\0\x01]",
        "a Gatan DM4 file (DigitalMicrograph)",
        BY_OPENREADOUT,
    ),
    Signature(rb"\0\x3d\0\0", "a Gatan DM2 file (DigitalMicrograph)"),
    Signature(rb"II\x97\x01", "a TIA series (SER)", BY_OPENREADOUT),
    Signature(rb"MAP[ \0]", "an MRC or CCP4 map", "the package mrcfile reads it", 208),
    Signature(rb"IMGBLO", "a NanoMEGAS block file (BLO)", BY_ROSETTASCIIO),
    Signature(rb"MQ1,", "a Merlin detector file (MIB)", BY_ROSETTASCIIO),
    Signature(rb"AAMVHFSS", "a Bruker composite file (BCF)", BY_ROSETTASCIIO),
    Signature(rb"JK\0\x02", "the description of a TIA series (EMI)", "open its .ser files"),
    Signature(rb"\0\x01\0\0[\s\S]{48}(?:TVIPS|HYPERSPY)", "a TVIPS stream", BY_ROSETTASCIIO),
    Signature(rb"DSCOMPRESSED|DIGITAL SURF", "a Digital Surf file (SUR, PRO)", BY_ROSETTASCIIO),
    Signature(rb"IM[\s\S]{62}\[Application\]", "a Hamamatsu streak image", BY_ROSETTASCIIO),
    Signature(rb"4\0\0\0JED-2200", "a JEOL image or map", BY_ROSETTASCIIO),
    Signature(rb"[\s\S]{4}PTTDFILE", "a JEOL file of spectra (PTS)", BY_ROSETTASCIIO),
    Signature(rb"WDF1", "a Renishaw WiRE file (WDF)", BY_ROSETTASCIIO),
    Signature(rb"#FORMAT *: *EMSA/MAS", "a spectrum (EMSA, MSA)", BY_ROSETTASCIIO),
    Signature(
        rb"\[SemImageFile\]", "the description of a Hitachi SEM image", "open its image file"
    ),
    Signature(rb"GWY[OP]", "a Gwyddion file", "the package gwyfile reads it"),
    Signature(rb"\\\*File list", "a Bruker NanoScope file", "the package pySPM reads it"),
    Signature(rb":NANONIS_VERSION:", "a Nanonis scan (SXM)", "the package nanonispy reads it"),
    Signature(rb"WSxM file copyright", "a WSxM file", "Gwyddion reads it"),
    Signature(rb":STM data", "a Unisoku scan"),
    Signature(rb"Oxford Instruments", "an Oxford Instruments TOP file"),
    Signature(rb"0TOPSystem W\.A\.Technology", "a WA Technology TOP file"),
    Signature(rb"AliconaImaging", "an Alicona 3D file (AL3D)"),
    Signature(rb"\x88\x1b\x03[\x6f-\x71]", "a Zygo MetroPro file", "Gwyddion reads it"),
    # ------------------------------------------------------------ volumes and medicine
    Signature(rb"DICM", "a DICOM file", "the package pydicom reads it", 128),
    # PS3.10, 7.1 requires the preamble; archives keep data sets without. (0008,0005) begins them.
    Signature(
        rb"(?:\x08\0\x05\0|\0\x08\0\x05)[\s\S]{4}ISO[_ ]",
        "a DICOM data set without preamble and file meta information",
        "pydicom.dcmread(path, force=True) reads it",
    ),
    # NIfTI-1 before Analyze: both headers have 348 bytes, and this one ends with the magic.
    Signature(rb"(?:n\+1|ni1)\0", "a NIfTI-1 file", BY_OPENREADOUT, 344),
    Signature(rb"(?:n\+2|ni2)\0\r\n\x1a\n", "a NIfTI-2 file", BY_OPENREADOUT, 4),
    # Analyze: the length of the header, 348, in either byte order.
    Signature(
        rb"\x5c\x01\0\0|\0\0\x01\x5c", "an Analyze 7.5 header", "the package nibabel reads it"
    ),
    Signature(
        rb"(?:ObjectType|NDims)\s*=",
        "a MetaImage file (MHA, MHD)",
        "the package SimpleITK reads it",
    ),
    Signature(rb"SIMPLE  =", "a FITS file", "the package astropy reads it"),
    # netCDF: classic, 64-bit offsets, 64-bit data.
    Signature(rb"CDF[\x01\x02\x05]", "a netCDF or MINC file", "the package xarray reads it"),
    Signature(rb"# (?:AmiraMesh|Avizo|HyperMesh)", "an AmiraMesh file"),
    Signature(rb"AIMDATA_V030|[\s\S]{20}\0{4}AIM", "a Scanco AIM file"),
    Signature(rb"#INRIMAGE", "an INR file"),
    Signature(rb"IMODV1\.2", "an IMOD model"),
    Signature(rb"MATRIX7[0-2]v", "an ECAT 7 file", "the package nibabel reads it"),
    Signature(rb"# vtk DataFile", "a VTK file", "the package pyvista reads it"),
    # ------------------------------------------------------------ containers of several formats
    Signature(
        rb"\x89HDF\r\n\x1a\n",
        "an HDF5 file, as Imaris, BigDataViewer and ilastik write them",
        "the package h5py reads it",
        suffixes=_HDF5,
    ),
    Signature(
        rb"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1",
        "an OLE2 compound document, as Zeiss ZVI is",
        suffixes=_OLE2,
    ),
    Signature(rb"PK\x03\x04", "a ZIP archive", "unpack it", suffixes=_ZIP),
    # ------------------------------------------------------------ tables, archives, text
    Signature(rb"\x93NUMPY", "a NumPy array (NPY)", "numpy.load reads it"),
    Signature(rb"MATLAB 5\.0 MAT-file", "a MATLAB 5 file", "scipy.io.loadmat reads it"),
    Signature(rb"SQLite format 3\0", "an SQLite database, as slide scanners write it", NOTHING),
    Signature(rb"PAR1", "a Parquet table", NOTHING),
    Signature(rb"ARROW1\0\0", "an Arrow table", NOTHING),
    Signature(rb"\x1f\x8b", "a gzip archive", "unpack it"),
    Signature(rb"BZh[1-9]1AY&SY", "a bzip2 archive", "unpack it"),
    Signature(rb"\xfd7zXZ\0", "an xz archive", "unpack it"),
    Signature(rb"\x28\xb5\x2f\xfd", "a zstd archive", "unpack it"),
    Signature(rb"7z\xbc\xaf\x27\x1c", "a 7-Zip archive", "unpack it"),
    Signature(rb"Rar!\x1a\x07", "a RAR archive", "unpack it"),
    # tar: the field ``magic`` of the first header.
    Signature(rb"ustar", "a tar archive", "unpack it", 257),
    Signature(rb"%PDF-", "a PDF document", NOTHING),
    Signature(
        rb"version https://git-lfs", "a pointer of Git LFS, not the file", "run: git lfs pull"
    ),
    Signature(
        rb"(?i:\s*<(?:!doctype html|html))",
        "a web page: perhaps the error or login page of a server",
        NOTHING,
    ),
    Signature(
        rb"\s*\{[\s\S]*\"(?:zarr_format|multiscales)\"",
        "the metadata of a Zarr",
        "give the folder in which it lies",
    ),
    Signature(rb"\x80[\x02-\x05][\x95cXK\x8c\]})(]", "a Python pickle", NOTHING),
    Signature(
        rb"\s*<(?:\?xml|[A-Za-z])",
        "an XML file without pixels",
        "give the image files that it names",
        suffixes=_XML,
    ),
)
"""Signatures in the order in which they are tried: two bytes prove less than eight."""

_CONTAINER_OF_XML = (
    (
        rb"<SpimData",
        "a BigDataViewer data set",
        "its pixels are in the .h5 file or .n5 folder beside it",
    ),
    (rb"<bts:", "a file of a Yokogawa CellVoyager plate", "give its MeasurementData.mlf"),
    (rb"<PVScan", "the description of a Bruker or Prairie scan", "give its TIFF files"),
)
"""Elements of XML files that name them better than the suffix does."""


def describe_content(head: bytes, name: str) -> str | None:
    """Name the format of a file that aicsio does not open.

    Parameters
    ----------
    head
        First bytes of the file; 4096 are enough.
    name
        Path or URL; its suffix chooses among the formats of one container.

    Returns
    -------
    str or None
        A clause such as ``"it is a Nikon ND2 file (NIS-Elements): the package nd2 reads it"``;
        ``None`` where no signature matches.

    Examples
    --------
    >>> from aicsio.formats.signatures import describe_content
    >>> describe_content(bytes.fromhex("d0cf11e0a1b11ae1"), "cells.cxd")
    'it is a Hamamatsu SimplePCI file (CXD): Bio-Formats reads it, and bfconvert turns it into OME-TIFF'
    >>> describe_content(b"something else", "cells.zvi") is None
    True
    """
    # A URL may have a query behind its suffix.
    lowered = name.partition("?")[0].lower()
    for signature in SIGNATURES:
        # A compiled pattern matches from an offset, ``re.match`` from the start alone.
        if not re.compile(signature.pattern).match(head, signature.offset):
            continue
        if signature.suffixes is _XML:
            for pattern, noun, advice in _CONTAINER_OF_XML:
                if re.search(pattern, head):
                    return _sentence(noun, advice)
        for suffix, noun, advice in signature.suffixes:
            if lowered.endswith(suffix):
                return _sentence(noun, advice)
        return _sentence(signature.name, signature.advice)
    return None


def _sentence(noun: str, advice: str) -> str:
    if advice == NOTHING:
        return f"it is {noun}"
    return f"it is {noun}: {advice or BIO_FORMATS}"


def describe_folder(names: Sequence[str]) -> str | None:
    """Name the format of a folder that aicsio does not open.

    Parameters
    ----------
    names
        Names of the files and folders in it.

    Returns
    -------
    str or None
        A clause such as ``"it is an N5 container: ..."``; ``None`` for a folder of files.

    Examples
    --------
    >>> from aicsio.formats.signatures import describe_folder
    >>> describe_folder(["attributes.json", "0"])
    'it is an N5 container: the package zarr (version 2) reads it'
    """
    present = set(names)
    for marker, noun, advice in _FOLDERS:
        if marker in present:
            return _sentence(noun, advice)
    lowered = [name.lower() for name in names]
    for suffix, noun, advice in _FOLDER_SUFFIXES:
        if any(name.endswith(suffix) for name in lowered):
            return _sentence(noun, advice)
    return None


ZARR_MARKERS = frozenset(
    {"zarr.json", ".zattrs", ".zgroup", ".zarray", ".zmetadata", "attributes.json"}
)
"""Files of a folder that is one image, not a folder of images."""
_METAXPRESS = "a folder of MetaXpress without the .HTD of its plate"
_FOLDERS = (
    ("attributes.json", "an N5 container", "the package zarr (version 2) reads it"),
    ("DICOMDIR", "a DICOM file set", "the package pydicom reads it"),
    ("NDTiff.index", "an NDTiff data set of Micro-Manager", "give one of its TIFF files"),
    (
        "Full resolution",
        "an NDTiff data set of Micro-Manager in several resolutions",
        "give a TIFF file of its folder 'Full resolution'",
    ),
    ("TimePoint_1", _METAXPRESS, "open_many joins files, as 'TimePoint_{T}/plate_A01_s1_w{C}.TIF'"),
    ("ZStep_1", _METAXPRESS, "open_many joins files, as 'ZStep_{Z}/plate_A01_s1_w{C}.TIF'"),
    ("acqp", "a Bruker ParaVision scan", ""),
)
"""Files that only one format has, the name of the format, and advice."""
_FOLDER_SUFFIXES = (
    (".ets", "the pixels of an Olympus VSI slide", "open its .vsi file"),
    (".dcm", "a folder of DICOM files", "the package pydicom reads them"),
)
