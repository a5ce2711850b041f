"""Plates of Harmony: ``Images/Index.idx.xml`` and one TIFF a plane.

Rule kept here: version 6 keeps what channels share in ``Maps``, version 3 in each image.
"""

from pathlib import Path

from aicsio.testing.plates.plane_files import write_planes
from aicsio.testing.plates.spec import Place, PlateSpec

VERSIONS = ("V3", "V6")


def write_harmony(spec: PlateSpec, folder: Path, version: str = "V6") -> Path:
    """Write a plate of Harmony.

    Parameters
    ----------
    spec
        Description.
    folder
        Where the files go.
    version
        ``"V6"``, or ``"V3"``, which repeats the channel in each image.

    Returns
    -------
    Path
        The index.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from aicsio import open_image
    >>> from aicsio.testing.plates import PlateSpec, write_harmony
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     open_image(write_harmony(PlateSpec(), Path(folder))).format
    'harmony'
    """
    images = folder / "Images"
    images.mkdir(parents=True, exist_ok=True)
    names: dict[int, str] = {}
    rows: list[str] = []
    for place in spec.places():
        names[place.number] = (
            f"r{place.row + 1:02}c{place.column + 1:02}f{place.field + 1:02}p{place.z + 1:02}-"
            # Names count time points from 1, the index counts them from 0.
            f"ch{place.c + 1}sk{place.t + 1}fk1fl1.tiff"
        )
        rows.append(_image(spec, place, names[place.number], version))
    magic = f"http://www.perkinelmer.com/PEHH/Harmony{version}"
    wells = "".join(f'<Well id="{r + 1:02}{c + 1:02}" />' for r, c in spec.wells)
    maps = _maps(spec) if version != "V3" else ""
    text = (
        f'<?xml version="1.0" encoding="utf-8"?>\n<EvaluationInputData xmlns="{magic}" Version="1">'
        "<User>Ada</User><InstrumentType>Phenix</InstrumentType><Plates><Plate>"
        f"<PlateID>{spec.name}-1</PlateID><MeasurementID>m</MeasurementID>"
        "<MeasurementStartTime>2020-01-02T03:04:05.1234567+01:00</MeasurementStartTime>"
        f"<Name>{spec.name}</Name><PlateTypeName>96 wells</PlateTypeName>"
        f"<PlateRows>{spec.rows}</PlateRows><PlateColumns>{spec.columns}</PlateColumns>{wells}"
        f"</Plate></Plates>{maps}<Images>\n{''.join(rows)}</Images></EvaluationInputData>"
    )
    path = images / "Index.idx.xml"
    path.write_text(text)
    write_planes(spec, images, names)
    return path


def _maps(spec: PlateSpec) -> str:
    entries = "".join(
        f'<Entry ChannelID="{channel + 1}">{_shared(spec, channel)}</Entry>'
        for channel in range(spec.C)
    )
    return f"<Maps><Map>{entries}</Map></Maps>"


def _shared(spec: PlateSpec, channel: int) -> str:
    size = f"{spec.pixel_size * 1e-6:.10g}"
    return (
        f"<ChannelName>{spec.channel_name(channel)}</ChannelName>"
        "<AcquisitionType>NipkowConfocal</AcquisitionType><ChannelType>Fluorescence</ChannelType>"
        f'<ImageResolutionX Unit="m">{size}</ImageResolutionX>'
        f'<ImageResolutionY Unit="m">{size}</ImageResolutionY>'
        f"<ImageSizeX>{spec.X}</ImageSizeX><ImageSizeY>{spec.Y}</ImageSizeY>"
        "<BinningX>1</BinningX><BinningY>1</BinningY><MaxIntensity>65536</MaxIntensity>"
        f'<ObjectiveMagnification Unit="">{spec.magnification:g}</ObjectiveMagnification>'
        f'<ObjectiveNA Unit="">{spec.aperture:g}</ObjectiveNA>'
        f'<MainExcitationWavelength Unit="nm">{spec.excitation(channel)}</MainExcitationWavelength>'
        f'<MainEmissionWavelength Unit="nm">{spec.emission(channel)}</MainEmissionWavelength>'
        f'<ExposureTime Unit="s">{spec.exposure * (channel + 1):g}</ExposureTime>'
    )


def _image(spec: PlateSpec, place: Place, name: str, version: str) -> str:
    x, y, z = spec.stage(place)
    own = _shared(spec, place.c) if version == "V3" else ""
    minutes, seconds = divmod(spec.seconds(place), 60)
    return (
        f'<Image Version="1"><id>{place.number}</id><State>Ok</State><URL>{name}</URL>'
        f"<Row>{place.row + 1}</Row><Col>{place.column + 1}</Col><FieldID>{place.field + 1}</FieldID>"
        f"<PlaneID>{place.z + 1}</PlaneID><TimepointID>{place.t}</TimepointID>"
        f"<ChannelID>{place.c + 1}</ChannelID><FlimID>1</FlimID>{own}"
        f'<PositionX Unit="m">{x * 1e-6:.10g}</PositionX><PositionY Unit="m">{y * 1e-6:.10g}</PositionY>'
        # PositionZ is relative to the focus, AbsPositionZ is not.
        f'<PositionZ Unit="m">{z * 1e-6:.10g}</PositionZ>'
        f'<AbsPositionZ Unit="m">{0.1 + z * 1e-6:.10g}</AbsPositionZ>'
        f'<MeasurementTimeOffset Unit="s">{spec.seconds(place):g}</MeasurementTimeOffset>'
        f"<AbsTime>2020-01-02T03:{4 + int(minutes) % 50:02}:{seconds:010.7f}+01:00</AbsTime>"
        "</Image>\n"
    )
