"""Plates of ImageXpress: an ``.HTD`` and TIFF files in ``TimePoint_N`` and ``ZStep_N``.

Rule kept here: names of files leave out the site and the wavelength where there is one.
"""

from pathlib import Path

from aicsio.testing.plates.plane_files import metamorph_time, write_planes
from aicsio.testing.plates.spec import Place, PlateSpec


def write_imagexpress(spec: PlateSpec, folder: Path, identifier: str = "") -> Path:
    """Write a plate.

    Parameters
    ----------
    spec
        Description.
    folder
        Where the files go.
    identifier
        End of each name, as some exports have it.

    Returns
    -------
    Path
        The ``.HTD``.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from aicsio import open_image
    >>> from aicsio.testing.plates import PlateSpec, write_imagexpress
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     open_image(write_imagexpress(PlateSpec(), Path(folder))).format
    'imagexpress'
    """
    folder.mkdir(parents=True, exist_ok=True)
    names: dict[int, str] = {}
    places: dict[int, Place] = {}
    for place in spec.places():
        name = f"{spec.name}_{chr(ord('A') + place.row)}{place.column + 1:02}"
        # MetaXpress leaves out the number where there is one site, or one wavelength.
        if spec.fields > 1:
            name += f"_s{place.field + 1}"
        if spec.C > 1:
            name += f"_w{place.c + 1}"
        folders = f"TimePoint_{place.t + 1}/"
        if spec.Z > 1:
            folders += f"ZStep_{place.z + 1}/"
        places[place.number] = place
        names[place.number] = f"{folders}{name}{identifier}.TIF"
    index = folder / f"{spec.name}.HTD"
    index.write_text("\r\n".join(_lines(spec)))
    write_planes(spec, folder, names, lambda number: _description(spec, places[number]))
    return index


def _lines(spec: PlateSpec) -> list[str]:
    selected = set(spec.wells)
    lines = ['"HTSInfoFile", Version 1.0', f'"Description", "{spec.name}"', '"PlateType", 6']
    lines += [f'"TimePoints", {spec.T}', f'"ZSeries", {_flag(spec.Z > 1)}', f'"ZSteps", {spec.Z}']
    lines += ['"ZProjection", FALSE', f'"XWells", {spec.columns}', f'"YWells", {spec.rows}']
    for row in range(spec.rows):
        flags = ", ".join(_flag((row, column) in selected) for column in range(spec.columns))
        lines.append(f'"WellsSelection{row + 1}", {flags}')
    lines += [f'"Sites", {_flag(spec.fields > 1)}', f'"XSites", {spec.fields}', '"YSites", 1']
    lines.append(f'"SiteSelection1", {", ".join(["TRUE"] * spec.fields)}')
    lines += [f'"Waves", {_flag(spec.C > 1)}', f'"NWavelengths", {spec.C}']
    for channel in range(spec.C):
        lines.append(f'"WaveName{channel + 1}", "{spec.channel_name(channel)}"')
        # A wavelength that was not collected has 0, and no files.
        lines.append(f'"WaveCollect{channel + 1}", 1')
    return [*lines, '"EndFile"', ""]


def _flag(value: bool) -> str:
    return "TRUE" if value else "FALSE"


def _description(spec: PlateSpec, place: Place) -> bytes:
    x, y, z = spec.stage(place)
    milliseconds = round(1000 * spec.exposure * (place.c + 1))
    return (
        '<MetaData><prop id="Description" type="string" '
        f'value="Acquired from a camera&#13;&#10;Exposure: {milliseconds:6d} ms&#13;&#10;"/>'
        "<MetaDataVersion>1</MetaDataVersion><PlaneInfo>"
        '<prop id="spatial-calibration-state" type="bool" value="on"/>'
        f'<prop id="spatial-calibration-x" type="float" value="{spec.pixel_size:g}"/>'
        f'<prop id="spatial-calibration-y" type="float" value="{spec.pixel_size:g}"/>'
        '<prop id="spatial-calibration-units" type="string" value="um"/>'
        f'<prop id="acquisition-time-local" type="time" value="{metamorph_time(spec, place)}"/>'
        f'<prop id="stage-position-x" type="float" value="{x:12.3f}"/>'
        f'<prop id="stage-position-y" type="float" value="{y:12.3f}"/>'
        f'<prop id="z-position" type="float" value="{z:12.3f}"/>'
        '</PlaneInfo><SetInfo><prop id="number-of-planes" type="int" value="1"/></SetInfo></MetaData>'
    ).encode()
