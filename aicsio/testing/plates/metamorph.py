"""Acquisitions of MetaMorph: an ``.nd`` text and one STK or TIFF file a channel, position and time.

Rule kept here: positions of the stage are the wells and fields of the description.
"""

from datetime import timedelta
from pathlib import Path

import numpy as np

from aicsio.testing.plates.plane_files import (
    START,
    START_DAY,
    PlaneFacts,
    metamorph_time,
    tiff_bytes,
)
from aicsio.testing.plates.spec import Place, PlateSpec


def write_metamorph(spec: PlateSpec, folder: Path, version: int = 1) -> Path:
    """Write an acquisition.

    Parameters
    ----------
    spec
        Description.
    folder
        Where the files go.
    version
        1, whose stacks are STK files, or 2, with TIFF files of several pages.

    Returns
    -------
    Path
        The ``.nd``; a file is missing where its first plane is.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from aicsio import open_image
    >>> from aicsio.testing.plates import PlateSpec, write_metamorph
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     open_image(write_metamorph(PlateSpec(), Path(folder))).format
    'metamorph'
    """
    folder.mkdir(parents=True, exist_ok=True)
    is_stk = version == 1 and spec.Z > 1
    stage = -1
    for place in spec.places():
        # A file holds all sections: it is written at the first of them.
        if place.z:
            continue
        if place.t == place.c == 0:
            stage += 1
        if place.number in spec.missing:
            continue
        name = spec.name
        if spec.C > 1:
            name += f"_w{place.c + 1}{spec.channel_name(place.c)}"
        # Stages are numbered through the plate, from well to well and field to field.
        name += f"_s{stage + 1}"
        if spec.T > 1:
            name += f"_t{place.t + 1}"
        sections = [place._replace(number=place.number + z, z=z) for z in range(spec.Z)]
        planes = np.stack([spec.plane(section.number) for section in sections])
        data = tiff_bytes(
            planes,
            description=[_describe(spec, section, is_stk=is_stk) for section in sections],
            is_stk=is_stk,
            facts=[_facts_of(spec, section) for section in sections],
        )
        path = folder / f"{name}.{'STK' if is_stk else 'TIF'}"
        path.write_bytes(data)
    index = folder / f"{spec.name}.nd"
    index.write_text("\r\n".join(_lines(spec, version)))
    return index


def _describe(spec: PlateSpec, place: Place, *, is_stk: bool) -> bytes:
    milliseconds = 1000 * spec.exposure * (place.c + 1)
    if is_stk:
        return b"MetaMorph\r\nExposure: %d ms\r\n" % milliseconds
    x, y, z = spec.stage(place)
    return (
        "<MetaData><PlaneInfo>"
        f'<prop id="acquisition-time-local" type="time" value="{metamorph_time(spec, place)}"/>'
        f'<prop id="stage-position-x" type="float" value="{x:g}"/>'
        f'<prop id="stage-position-y" type="float" value="{y:g}"/>'
        f'<prop id="z-position" type="float" value="{z:g}"/>'
        f'<custom-prop id="Exposure Time" type="string" value="{milliseconds:g} ms"/>'
        "</PlaneInfo></MetaData>"
    ).encode()


def _facts_of(spec: PlateSpec, place: Place) -> PlaneFacts:
    moment = START + timedelta(seconds=spec.seconds(place))
    midnight = START.replace(hour=0, minute=0, second=0)
    days, rest = divmod(moment - midnight, timedelta(days=1))
    return PlaneFacts(START_DAY + days, round(rest / timedelta(milliseconds=1)), *spec.stage(place))


def _lines(spec: PlateSpec, version: int) -> list[str]:
    lines = [f'"NDInfoFile", Version {version}.0', '"Description", File recreated from images.']
    lines.append('"StartTime1", 20200102 03:04:05')
    lines += [f'"DoTimelapse", {_flag(spec.T > 1)}', f'"NTimePoints", {spec.T}', '"DoStage", TRUE']
    stages = [(row, column, field) for row, column in spec.wells for field in range(spec.fields)]
    lines.append(f'"NStagePositions", {len(stages)}')
    for number, (row, column, field) in enumerate(stages):
        label = f"{chr(ord('A') + row)}{column + 1:02}"
        if spec.fields > 1:
            label += f"_{field + 1}"
        lines.append(f'"Stage{number + 1}", "{label}"')
    lines += [f'"DoWave", {_flag(spec.C > 1)}', f'"NWavelengths", {spec.C}']
    for channel in range(spec.C):
        lines.append(f'"WaveName{channel + 1}", "{spec.channel_name(channel)}"')
        lines.append(f'"WaveDoZ{channel + 1}", {_flag(spec.Z > 1)}')
    lines += [f'"DoZSeries", {_flag(spec.Z > 1)}', f'"NZSteps", {spec.Z}']
    lines += [f'"ZStepSize", {spec.z_step:g}', '"WaveInFileName", TRUE', '"NEvents", 0']
    return [*lines, '"EndFile"', ""]


def _flag(value: bool) -> str:
    return "TRUE" if value else "FALSE"
