"""Plates of the InCell Analyzer: an ``.xdce`` index and one TIFF a plane.

Rule kept here: wells are counted from 1, the indices of an image from 0.
"""

from pathlib import Path

from aicsio.testing.plates.plane_files import write_planes
from aicsio.testing.plates.spec import Place, PlateSpec


def write_incell(spec: PlateSpec, folder: Path) -> Path:
    """Write a plate.

    Parameters
    ----------
    spec
        Description.
    folder
        Where the files go.

    Returns
    -------
    Path
        The ``.xdce``.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from aicsio import open_image
    >>> from aicsio.testing.plates import PlateSpec, write_incell
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     open_image(write_incell(PlateSpec(), Path(folder))).format
    'incell'
    """
    folder.mkdir(parents=True, exist_ok=True)
    names: dict[int, str] = {}
    images: list[str] = []
    for place in spec.places():
        wave = spec.channel_name(place.c)
        names[place.number] = (
            f"{chr(ord('A') + place.row)} - {place.column + 1}(fld {place.field + 1} "
            f"wv {wave} - {wave} z {place.z + 1} time {place.t + 1}).tif"
        )
        images.append(_image(spec, place, names[place.number]))
    index = folder / f"{spec.name}.xdce"
    index.write_text(
        f'<?xml version="1.0" encoding="UTF-8"?>\n<ImageStack>{_protocol(spec)}'
        f'<Images number="{len(images)}" path="">\n{"".join(images)}</Images></ImageStack>\n'
    )
    write_planes(spec, folder, names)
    return index


def _image(spec: PlateSpec, place: Place, name: str) -> str:
    _, _, z = spec.stage(place)
    well = f"{chr(ord('A') + place.row)} - {place.column + 1}"
    return (
        f'<Image acquisition_time_ms="{1000 * spec.seconds(place):g}" filename="{name}" thumbnail="">'
        f'<Well label="{well}"><Row number="{place.row + 1}"/>'
        f'<Column number="{place.column + 1}"/></Well><FocusPosition z="{z:g}" unit="um"/>'
        # Milliseconds, like all times of the index.
        f'<Exposure time="{1000 * spec.exposure * (place.c + 1):g}"/>'
        # Indices of an Identifier begin at 0, rows and columns of a well at 1.
        f'<Identifier field_index="{place.field}" time_index="{place.t}" wave_index="{place.c}" '
        f'z_index="{place.z}"/></Image>\n'
    )


def _protocol(spec: PlateSpec) -> str:
    waves = "".join(
        f'<Wavelength index="{channel}" fusion_wave="false" imaging_mode="3-D" show="true">'
        f'<ExcitationFilter name="{spec.channel_name(channel)}" '
        f'wavelength="{spec.excitation(channel)}" unit="nm"/>'
        f'<EmissionFilter name="{spec.channel_name(channel)}" '
        f'wavelength="{spec.emission(channel)}" unit="nm"/></Wavelength>'
        for channel in range(spec.C)
    )
    points = "".join(
        # Micrometres from the centre of the well.
        f'<offset_point index="{field}" x="{100 * field}" y="{-50 * field}"/>'
        for field in range(spec.fields)
    )
    waves_of_time = "".join(f'<AcqWave index="{channel}"/>' for channel in range(spec.C))
    times = "".join(
        f'<TimePoint index="{t}" tval="{int(1000 * spec.time_step * t)}">{waves_of_time}</TimePoint>'
        for t in range(spec.T)
    )
    return (
        '<Creation date="2020-01-02" time="03:04:05"/>'
        f'<AutoLeadAcquisitionProtocol name="IN Cell Analyzer 2200"><Camera name="c">'
        f'<Size height="{spec.Y}" width="{spec.X}"/><Binning value="1x1"/></Camera>'
        f'<ObjectiveCalibration id="1" magnification="{spec.magnification:g}" '
        f'numerical_aperture="{spec.aperture:g}" objective_name="Nikon_{spec.magnification:g}x_Plan" '
        f'pixel_height="{spec.pixel_size:g}" pixel_width="{spec.pixel_size:g}" '
        'refractive_index="1.0" unit="um"/>'
        f"<Wavelengths>{waves}</Wavelengths>"
        f'<ZDimensionParameters number_of_slices="{spec.Z}" z_step="{spec.z_step:g}"/>'
        f'<PlateMap><Plate rows="{spec.rows}" columns="{spec.columns}" name="{spec.name}"/>'
        '<NamingRows begin="A"/><NamingColumns begin="1"/>'
        f"<offset_points>{points}</offset_points>"
        f'<TimeSchedule enabled="true"><Times>{times}</Times></TimeSchedule></PlateMap>'
        "</AutoLeadAcquisitionProtocol>"
    )
