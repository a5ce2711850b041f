"""Measurements of CellVoyager: ``MeasurementData.mlf``, ``.mrf``, ``.mes``, ``.wpi``, and TIFF files.

Rule kept here: names of files are those of the CV7000.
"""

from pathlib import Path

from aicsio.testing.plates.plane_files import write_planes
from aicsio.testing.plates.spec import Place, PlateSpec

NAMESPACE = 'xmlns:bts="http://www.yokogawa.co.jp/BTS/BTSSchema/1.0" bts:Version="1.0"'
XML = '<?xml version="1.0" encoding="utf-8"?>\n'


def write_cellvoyager(spec: PlateSpec, folder: Path) -> Path:
    """Write a measurement.

    Parameters
    ----------
    spec
        Description.
    folder
        Where the files go.

    Returns
    -------
    Path
        ``MeasurementData.mlf``.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from aicsio import open_image
    >>> from aicsio.testing.plates import PlateSpec, write_cellvoyager
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     open_image(write_cellvoyager(PlateSpec(), Path(folder))).format
    'cellvoyager'
    """
    folder.mkdir(parents=True, exist_ok=True)
    names: dict[int, str] = {}
    records: list[str] = []
    for place in spec.places():
        letter = chr(ord("A") + place.row)
        names[place.number] = (
            f"{spec.name}_{letter}{place.column + 1:02}_T{place.t + 1:04}F{place.field + 1:03}"
            # Timeline, action, section and channel: here each channel is an action of its own.
            f"L01A{place.c + 1:02}Z{place.z + 1:02}C{place.c + 1:02}.tif"
        )
        records.append(_record(spec, place, names[place.number]))
    index = folder / "MeasurementData.mlf"
    index.write_text(
        f"{XML}<bts:MeasurementData {NAMESPACE}>\n{''.join(records)}</bts:MeasurementData>\n"
    )
    (folder / "MeasurementDetail.mrf").write_text(_detail(spec))
    (folder / f"{spec.name}.mes").write_text(_settings(spec))
    (folder / f"{spec.name}.wpi").write_text(
        f'{XML}<bts:WellPlate {NAMESPACE} bts:Name="{spec.name}" bts:ProductID="{spec.name}-1" '
        f'bts:Columns="{spec.columns}" bts:Rows="{spec.rows}"></bts:WellPlate>\n'
    )
    (folder / f"{spec.name}.wpp").write_text(
        f'{XML}<bts:WellPlateProduct {NAMESPACE} bts:Name="{spec.name}"></bts:WellPlateProduct>\n'
    )
    write_planes(spec, folder, names)
    return index


def _record(spec: PlateSpec, place: Place, name: str) -> str:
    x, y, z = spec.stage(place)
    minutes, seconds = divmod(spec.seconds(place), 60)
    hours, minutes = divmod(int(minutes), 60)
    time = f"2020-01-02T{3 + hours % 20:02}:{minutes:02}:{seconds:010.7f}+09:00"
    return (
        f'  <bts:MeasurementRecord bts:Time="{time}" bts:Column="{place.column + 1}" '
        f'bts:Row="{place.row + 1}" bts:FieldIndex="{place.field + 1}" bts:TimePoint="{place.t + 1}" '
        f'bts:TimelineIndex="1" bts:ActionIndex="{place.c + 1}" bts:Action="3D" bts:X="{x:g}" '
        f'bts:Y="{y:g}" bts:Z="{z:g}" bts:ZIndex="{place.z + 1}" bts:Ch="{place.c + 1}" '
        f'bts:Type="IMG">{name}</bts:MeasurementRecord>\n'
    )


def _detail(spec: PlateSpec) -> str:
    channels = "".join(
        f'<bts:MeasurementChannel bts:Ch="{channel + 1}" '
        f'bts:HorizontalPixelDimension="{spec.pixel_size:g}" '
        f'bts:VerticalPixelDimension="{spec.pixel_size:g}" bts:CameraNumber="1" '
        f'bts:InputBitDepth="16" bts:InputLevel="65535" bts:HorizontalPixels="{spec.X}" '
        f'bts:VerticalPixels="{spec.Y}" bts:FilterWheelPosition="1" bts:FilterPosition="1" '
        'bts:ShadingCorrectionSource="" />'
        for channel in range(spec.C)
    )
    return (
        f'{XML}<bts:MeasurementDetail {NAMESPACE} bts:OperatorName="Ada" bts:Title="{spec.name}" '
        'bts:Application="a" bts:BeginTime="2020-01-02T03:00:00.0000000+09:00" '
        'bts:EndTime="2020-01-02T04:00:00.0000000+09:00" '
        f'bts:MeasurementSettingFileName="{spec.name}.mes" bts:ColumnCount="{spec.columns}" '
        f'bts:RowCount="{spec.rows}" bts:TimePointCount="{spec.T}" bts:FieldCount="{spec.fields}" '
        f'bts:ZCount="{spec.Z}" bts:TargetSystem="CV7000" bts:ReleaseNumber="1" bts:Status="Complete">'
        f'<bts:MeasurementSamplePlate bts:Name="{spec.name}" '
        f'bts:WellPlateFileName="{spec.name}.wpi" bts:WellPlateProductFileName="{spec.name}.wpp" />'
        f"{channels}</bts:MeasurementDetail>\n"
    )


def _settings(spec: PlateSpec) -> str:
    channels = "".join(
        f'<bts:Channel bts:Ch="{channel + 1}" bts:Target="{spec.channel_name(channel)}" '
        f'bts:ObjectiveID="o" bts:Objective="{spec.magnification:g}x" '
        f'bts:Magnification="{spec.magnification:g}" bts:MethodID="1" bts:Method="FRET" '
        f'bts:FilterID="1" bts:Acquisition="BP{spec.emission(channel)}/45" '
        # Exposures are in milliseconds; a colour is opacity, red, green and blue.
        f'bts:ExposureTime="{1000 * spec.exposure * (channel + 1):g}" bts:Binning="1" '
        f'bts:Color="#FF00{64 + channel:02X}FF" bts:Fluorophore="{spec.channel_name(channel)}">'
        f"<bts:LightSourceName>L{channel}</bts:LightSourceName></bts:Channel>"
        for channel in range(spec.C)
    )
    lasers = "".join(
        f'<bts:LightSource bts:Name="L{channel}" bts:Type="Laser" '
        f'bts:WaveLength="{spec.excitation(channel)}" bts:Power="50" />'
        for channel in range(spec.C)
    )
    actions = "".join(
        f"<bts:ActionAcquire3D><bts:Ch>{channel + 1}</bts:Ch></bts:ActionAcquire3D>"
        for channel in range(spec.C)
    )
    return (
        f"{XML}<bts:MeasurementSetting {NAMESPACE}><bts:LightSourceList>{lasers}</bts:LightSourceList>"
        f"<bts:ChannelList>{channels}</bts:ChannelList><bts:Timelapse><bts:Timeline>"
        f"<bts:ActionList>{actions}</bts:ActionList></bts:Timeline></bts:Timelapse>"
        "</bts:MeasurementSetting>\n"
    )
