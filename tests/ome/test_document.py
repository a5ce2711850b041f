"""OME-XML of every schema version becomes the same records; what is wrong with it is a diagnostic."""

from collections.abc import Callable

import attrs
import numpy as np
import pytest

from aicsio import Channel, Coordinate, CorruptFileError, Objective, PixelSize, Well
from aicsio._ome.document import parse_ome
from aicsio._ome.model import OmeImage, TiffData
from scaling import assert_linear
from support import takes_long

HEAD = '<?xml version="1.0" encoding="UTF-8"?><!-- Warning: edit cautiously -->'


def one(body: str, around: str = "", attributes: str = 'Name="cells"') -> OmeImage:
    """The image of a document with one Pixels element."""
    image = f'<Image ID="Image:0" {attributes}>{body}</Image>'
    namespace = 'xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06"'
    return parse_ome(f"{HEAD}<OME {namespace}>{around}{image}</OME>").images[0]


def pixels(inside: str = "", more: str = "") -> str:
    sizes = 'DimensionOrder="XYZCT" Type="uint16" SizeX="6" SizeY="5" SizeZ="4" SizeC="2" SizeT="3"'
    return f"<Pixels {sizes} {more}>{inside}</Pixels>"


def test_order_and_sizes() -> None:
    image = one(pixels())
    assert image.name == "cells"
    assert str(image.sizes) == "T=3, C=2, Z=4, Y=5, X=6"
    assert image.channels == ()
    assert image.pixel_size == PixelSize()
    assert image.time_step is None


@pytest.mark.parametrize(
    ("more", "size"),
    [
        ('PhysicalSizeX="0.5"', 0.5),
        ('PhysicalSizeX="500" PhysicalSizeXUnit="nm"', 0.5),
        ('PhysicalSizeX="0,5"', 0.5),
        ('PhysicalSizeX="1" PhysicalSizeXUnit="pixel"', None),
        ('PhysicalSizeX="1" PhysicalSizeXUnit="reference frame"', None),
        ('PhysicalSizeX="0"', None),
        ('PhysicalSizeX="NaN"', None),
        ('PhysicalSizeX="wide"', None),
        ("", None),
    ],
)
def test_physical_size_is_in_micrometres_or_unknown(more: str, size: float | None) -> None:
    assert size == one(pixels(more=more)).pixel_size.X


@pytest.mark.parametrize(
    ("more", "step"),
    [
        ('TimeIncrement="2"', 2.0),
        ('TimeIncrement="2" TimeIncrementUnit="min"', 120.0),
        ('TimeIncrement="0"', None),
    ],
)
def test_time_step_is_in_seconds_or_unknown(more: str, step: float | None) -> None:
    assert one(pixels(more=more)).time_step == step


def test_channels() -> None:
    first = (
        '<Channel Name="DAPI" Color="65535" EmissionWavelength="461" ExcitationWavelength="0.358" '
    )
    first += 'ExcitationWavelengthUnit="µm" Fluor="DAPI"/>'
    image = one(pixels(first + '<Channel SamplesPerPixel="3" Color="-1"/>'))
    assert image.channels == (
        Channel("DAPI", color=0xFFFF, emission=461.0, excitation=358.0, fluor="DAPI"),
        Channel(color=0xFFFFFFFF, samples=3),
    )


def test_blanks_around_a_name_belong_to_it() -> None:
    """XML 1.0, section 3.3.3, and xsd:string of the schema; Bio-Formats keeps them, too."""
    names = (("  DAPI ", "  DAPI "), ("a&#9;b", "a\tb"), ("   ", None))
    image = one(pixels("".join(f'<Channel Name="{text}" Fluor="{text}"/>' for text, _ in names)))
    assert [channel.name for channel in image.channels] == [name for _, name in names]
    assert [channel.fluor for channel in image.channels] == [name for _, name in names]


def test_planes_in_columns() -> None:
    plane = '<Plane TheT="1" TheC="1" TheZ="2" DeltaT="1500" DeltaTUnit="ms" ExposureTime="0.1" '
    plane += 'PositionX="2" PositionXUnit="mm"/>'
    outside = '<Plane TheT="9" TheC="0" TheZ="0" DeltaT="5"/>'
    planes = one(pixels(plane + outside)).planes
    assert planes is not None
    assert str(planes.dims) == "T=3, C=2, Z=4"
    time, x = planes.column("time"), planes.column("x")
    assert time is not None
    assert x is not None
    assert (time[1, 1, 2], x[1, 1, 2]) == (1.5, 2000.0)
    assert np.isnan(time).sum() == 23
    assert planes.column("y") is None


def test_stage_positions_without_a_length_are_unknown() -> None:
    assert one(pixels('<Plane TheT="0" TheC="0" TheZ="0" PositionX="2"/>')).planes is None


def test_tiff_data() -> None:
    inside = '<TiffData IFD="3" PlaneCount="2" FirstZ="1" FirstC="1" FirstT="2">'
    inside += '<UUID FileName="a.tif">urn:1</UUID></TiffData>'
    assert one(pixels(inside + '<TiffData NumPlanes="4"/><TiffData/>')).tiff_data == (
        TiffData(3, 2, 1, 1, 2, "urn:1", "a.tif"),
        TiffData(None, 4, 0, 0, 0, None, None),
        TiffData(None, None, 0, 0, 0, None, None),
    )


@pytest.mark.parametrize("inside", ["", '<UUID FileName="a.tif">urn:1</UUID>', "<UUID> </UUID>"])
def test_places_read_by_columns_are_those_read_one_by_one(inside: str) -> None:
    """An element of an older spelling behind them makes the reader go through them one by one."""
    entries = "".join(
        f'<TiffData IFD="{n}" PlaneCount="1" FirstZ="0" FirstC="0" FirstT="{n}">{inside}</TiffData>'
        for n in range(5)
    )
    by_columns = one(pixels(entries)).tiff_data
    one_by_one = one(pixels(entries + '<TiffData NumPlanes="4"/>')).tiff_data
    assert by_columns == one_by_one[:-1]
    assert [entry.ifd for entry in by_columns] == list(range(5))


@pytest.mark.parametrize(
    "attributes", ['IFD="x"', 'PlaneCount="1.5"', 'FirstZ=""', f'IFD="{"9" * 5000}"']
)
def test_tiff_data_without_whole_numbers_are_left_out(attributes: str) -> None:
    entries = f'<TiffData {attributes}/><TiffData IFD="2"/>'
    document = parse_ome(f"<OME><Image ID='I'>{pixels(entries)}</Image></OME>")
    assert document.images[0].tiff_data == (TiffData(2, None, 0, 0, 0, None, None),)
    assert [note.code for note in document.diagnostics] == ["ome-tiff-data"]


# ---------------------------------------------------------------- versions of the schema


def test_2003_keeps_sizes_on_image_and_names_in_channel_info() -> None:
    text = f"""{HEAD}<OME xmlns="http://www.openmicroscopy.org/XMLschemas/OME/FC/ome.xsd">
    <Image Name="old" PixelSizeX="0.1" PixelSizeY="0.2" PixelSizeZ="0.3" TimeIncrement="4" ID="urn:lsid:1">
    <CreationDate>2003-01-02T03:04:05</CreationDate>
    <ChannelInfo Name="GFP" EmWave="520" ExWave="488" SamplesPerPixel="1"><ChannelComponent/></ChannelInfo>
    <Pixels DimensionOrder="XYCZT" PixelType="Uint8" BigEndian="true" SizeX="6" SizeY="5" SizeZ="4" SizeC="1" SizeT="3">
    <TiffData/></Pixels></Image></OME>"""
    (image,) = parse_ome(text).images
    assert image.order == "TZCYX"
    assert image.pixel_size == PixelSize(0.3, 0.2, 0.1)
    assert image.time_step == 4.0
    assert image.acquired == "2003-01-02T03:04:05"
    assert image.channels == (Channel("GFP", emission=520.0, excitation=488.0),)


def test_2008_keeps_names_in_logical_channels_and_times_in_children() -> None:
    inside = (
        '<Plane TheZ="0" TheC="0" TheT="1"><PlaneTiming DeltaT="3" ExposureTime="0.5"/></Plane>'
    )
    image = one('<LogicalChannel Name="Cy3" SamplesPerPixel="1"/>' + pixels(inside))
    assert [channel.name for channel in image.channels] == ["Cy3"]
    assert image.planes is not None
    time = image.planes.column("time")
    assert time is not None
    assert time[1, 0, 0] == 3.0


@pytest.mark.parametrize("reference", ["ObjectiveSettings", "ObjectiveRef"])
def test_objective(reference: str) -> None:
    lens = '<Instrument ID="I:0"><Objective ID="O:1" Model="Plan" LensNA="0.8" NominalMagnification="20" Immersion="Air"/>'
    image = one(f'<{reference} ID="O:1"/>{pixels()}', around=f"{lens}</Instrument>")
    assert image.objective == Objective("Plan", 20.0, 0.8, "Air")


def test_objective_of_2008_keeps_numbers_in_children() -> None:
    lens = '<Instrument><Objective ID="O:1"><LensNA>1.4</LensNA><Magnification>63</Magnification></Objective></Instrument>'
    image = one(f'<ObjectiveRef ID="O:1"/>{pixels()}', around=lens)
    assert image.objective == Objective(None, 63.0, 1.4, None)


def test_prefixed_namespaces() -> None:
    text = pixels().replace("<Pixels", "<o:Pixels").replace("</Pixels", "</o:Pixels")
    document = parse_ome(
        f'<o:OME xmlns:o="urn:x" UUID="urn:1"><o:Image Name="a">{text}</o:Image></o:OME>'
    )
    assert document.uuid == "urn:1"
    assert document.images[0].name == "a"


def test_wells_name_images_of_plates() -> None:
    plate = '<Plate><Well Row="27" Column="4"><WellSample/><WellSample><ImageRef ID="Image:0"/></WellSample></Well></Plate>'
    image = one(pixels(), around=plate)
    assert image.well == Well("AB", "5", 1)
    assert attrs.evolve(image, name=None).label == "AB5-2"


def test_plates_name_rows_and_columns_by_letters_or_numbers() -> None:
    conventions = 'RowNamingConvention="number" ColumnNamingConvention="letter"'
    sample = '<WellSample><ImageRef ID="Image:0"/></WellSample>'
    plate = f'<Plate Name="P" {conventions}><Well Row="1" Column="2">{sample}</Well></Plate>'
    assert one(pixels(), around=plate).well == Well("2", "C", 0, "P")


@pytest.mark.parametrize(
    ("along", "values"),
    [
        (
            'Type="lifetime" Start="0" End="3" Step="1" Unit="ps"',
            Coordinate("H", (0.0, 1.0, 2.0, 3.0), "ps"),
        ),
        ('Type="lifetime" Start="0" End="3"', Coordinate("H", (0.0, 1.0, 2.0, 3.0), None)),
    ],
)
def test_modulo(along: str, values: Coordinate) -> None:
    annotation = f'<XMLAnnotation ID="A:1"><Value><Modulo><ModuloAlongC {along}/></Modulo></Value></XMLAnnotation>'
    image = one(
        '<AnnotationRef ID="A:1"/>' + pixels().replace('SizeC="2"', 'SizeC="8"'),
        around=f"<StructuredAnnotations>{annotation}</StructuredAnnotations>",
    )
    (modulo,) = image.modulo
    assert (modulo.along, modulo.letter, modulo.size, modulo.values) == ("C", "H", 4, values)


def test_modulo_by_labels() -> None:
    labels = "".join(f"<Label>{text}</Label>" for text in ("405", "488"))
    along = f'<ModuloAlongZ Type="lambda">{labels}</ModuloAlongZ>'
    around = f'<StructuredAnnotations><XMLAnnotation ID="A"><Value>{along}</Value></XMLAnnotation></StructuredAnnotations>'
    (modulo,) = one('<AnnotationRef ID="A"/>' + pixels(), around=around).modulo
    assert modulo.values == Coordinate("E", (405.0, 488.0), None)
    (modulo,) = one(
        '<AnnotationRef ID="A"/>' + pixels(), around=around.replace("405", "violet")
    ).modulo
    assert (modulo.size, modulo.values, modulo.labels) == (2, None, ("violet", "488"))


@pytest.mark.parametrize(
    ("attributes", "letter"),
    [
        ('Type="phase"', "P"),
        ('Type="phase" TypeDescription="H"', "H"),
        ('Type="other" TypeDescription="V"', "V"),
        ('Type="other" TypeDescription="X"', "Q"),
        ('Type="other" TypeDescription="fibres"', "Q"),
        ('Type="new"', "Q"),
    ],
)
def test_the_letter_of_a_folded_dimension(attributes: str, letter: str) -> None:
    along = f'<ModuloAlongT {attributes} Start="0" End="1"/>'
    around = f'<StructuredAnnotations><XMLAnnotation ID="A"><Value>{along}</Value></XMLAnnotation></StructuredAnnotations>'
    image = pixels().replace('SizeT="3"', 'SizeT="4"')
    (modulo,) = one('<AnnotationRef ID="A"/>' + image, around=around).modulo
    assert modulo.letter == letter
    assert f'Type="{modulo.kind}"' in attributes


@pytest.mark.parametrize(
    "written", ["517.0434405009875", '0.5170434405009875" EmissionWavelengthUnit="µm']
)
def test_wavelengths_keep_their_digits(written: str) -> None:
    (channel,) = one(pixels(f'<Channel EmissionWavelength="{written}"/>')).channels
    assert channel.emission == pytest.approx(517.0434405009875, rel=1e-12)
    assert "µ" in written or channel.emission == 517.0434405009875


# ---------------------------------------------------------------- text that is wrong


def test_binary_only() -> None:
    document = parse_ome(
        '<OME UUID="urn:2"><BinaryOnly MetadataFile="a.companion.ome" UUID="urn:1"/></OME>'
    )
    assert (document.metadata_file, document.images) == ("a.companion.ome", ())


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "well-formed"),
        ("<OME>", "well-formed"),
        ("<OMG/>", "expected the root element OME"),
        ('<!DOCTYPE OME [<!ENTITY a "b">]><OME>&a;</OME>', "entities"),
        ("<OME><Image><Pixels SizeX='4'/></Image></OME>", "SizeT"),
        (
            "<OME><Image><Pixels SizeX='-4' SizeY='1' SizeZ='1' SizeC='1' SizeT='1'/></Image></OME>",
            "SizeX",
        ),
    ],
)
def test_text_that_cannot_be_read(text: str, message: str) -> None:
    with pytest.raises(CorruptFileError, match=message):
        parse_ome(text)


def test_impossible_dimension_order_is_a_diagnostic() -> None:
    text = f"<OME><Image ID='I'>{pixels()}</Image></OME>".replace("XYZCT", "XYZCC")
    document = parse_ome(text)
    assert document.images[0].order == "TCZYX"
    assert [note.code for note in document.diagnostics] == ["ome-dimension-order"]


@pytest.mark.parametrize(
    "size", ["9" * 4301, "9" * 20, "0", "-1", "nan", "inf", "1e999", "2.5", ""]
)
def test_sizes_that_are_none(size: str) -> None:
    text = f"<OME><Image ID='I'>{pixels()}</Image></OME>".replace('SizeC="2"', f'SizeC="{size}"')
    with pytest.raises(CorruptFileError, match="SizeC") as caught:
        parse_ome(text)
    assert len(str(caught.value)) < 200


def test_sizes_that_lie_cost_no_memory() -> None:
    text = pixels('<Plane TheZ="0" TheC="0" TheT="0" DeltaT="1"/>').replace(
        'SizeT="3"', 'SizeT="99999999999"'
    )
    assert one(text).planes is None


def test_many_small_images_share_one_budget_of_planes() -> None:
    image = pixels('<Plane TheZ="0" TheC="0" TheT="0" DeltaT="1"/>')
    image = image.replace('SizeT="3"', 'SizeT="10000"')
    document = parse_ome(f"<OME>{f'<Image>{image}</Image>' * 20}</OME>")
    with_planes = [image for image in document.images if image.planes is not None]
    # 10 000 x 2 x 4 rows each; 2**18 rows are free, and 64 for each element.
    assert len(with_planes) == 3
    assert [note.code for note in document.diagnostics] == ["ome-planes"] * 17


@pytest.mark.parametrize(
    ("number", "color"),
    [
        # The default of schemas before 2012-06, "due to an error" (OME schema 2012-06, Channel/Color).
        (-2147483648, None),
        (0, None),
        # Alpha left out: 0x00FF00 of green, and 0xFF0000 of red with its sign.
        (0x00FF0000, 0x00FF00FF),
        (0xFF000000 - (1 << 32), 0xFF0000FF),
        (0x00FF0080, 0x00FF0080),
    ],
)
def test_no_channel_is_invisible(number: int, color: int | None) -> None:
    image = one(pixels(f'<Channel Color="{number}"/>'))
    assert image.channels[0].color == color


@pytest.mark.parametrize("number", ["nan", "inf", "-inf", "1e999", "9" * 5000, "x", ""])
def test_numbers_that_are_none_are_unknown(number: str) -> None:
    attributes = f'PhysicalSizeX="{number}" TimeIncrement="{number}"'
    image = one(pixels(f'<Channel Color="{number}" EmissionWavelength="{number}"/>', attributes))
    assert image.pixel_size == PixelSize()
    assert image.time_step is None
    assert image.channels == (Channel(),)


@pytest.mark.parametrize(
    "limits",
    [
        'Start="0" End="1e308" Step="1e-308"',
        'Start="-1e308" End="1e308" Step="1"',
        'Start="0" End="1000000" Step="1"',
        'Start="0" End="3" Step="1"',
        'Start="3" End="0" Step="1"',
        "",
    ],
)
def test_folded_dimensions_that_do_not_fit_their_axis_are_left_out(limits: str) -> None:
    annotation = f"<XMLAnnotation ID='A'><Value><ModuloAlongZ {limits}/></Value></XMLAnnotation>"
    image = f"<Image ID='I'><AnnotationRef ID='A'/>{pixels()}</Image>"
    text = f"<OME>{image}<StructuredAnnotations>{annotation}</StructuredAnnotations></OME>"
    text = text.replace('SizeZ="4"', 'SizeZ="6"')
    document = parse_ome(text)
    assert document.images[0].modulo == ()
    assert [note.code for note in document.diagnostics] == ["ome-modulo"]


@pytest.mark.parametrize(
    ("written", "date", "codes"),
    [
        ("2012-03-04T05:06:07Z", "2012-03-04T05:06:07Z", []),
        ("2012-03-04 05:06:07", "2012-03-04T05:06:07", []),
        # The end of a day, which xsd:dateTime and ISO 8601 have.
        ("2012-02-29T24:00:00Z", "2012-03-01T00:00:00Z", []),
        ("2012-02-29T24:00:01Z", None, ["ome-date"]),
        ("9999-12-31T24:00:00", None, ["ome-date"]),
        ("03/04/2012 05:06", None, ["ome-date"]),
        ("2012-03-04T05:06:70", None, ["ome-date"]),
        ("9" * 5000, None, ["ome-date"]),
        ("", None, []),
    ],
)
def test_dates_are_iso_8601_or_unknown(written: str, date: str | None, codes: list[str]) -> None:
    element = f"<AcquisitionDate>{written}</AcquisitionDate>"
    document = parse_ome(f"<OME><Image ID='I'>{element}{pixels()}</Image></OME>")
    assert document.images[0].acquired == date
    assert [note.code for note in document.diagnostics] == codes


def test_characters_that_xml_forbids_are_left_out_with_a_diagnostic() -> None:
    document = parse_ome(f"<OME><Image Name='a\x02b&#3;c'>{pixels()}</Image></OME>")
    assert document.images[0].name == "abc"
    assert [note.code for note in document.diagnostics] == ["ome-repaired-xml"]


@takes_long
def test_time_grows_with_the_length_of_the_text() -> None:
    """Elements that refer to each other: images, plates, annotations, Pixels."""

    def prepare(count: int) -> Callable[[], object]:
        annotation = "<XMLAnnotation ID='A{0}'><ModuloAlongZ Start='0' End='1'/></XMLAnnotation>"
        annotations = "".join(annotation.format(index) for index in range(count))
        image = "<Image ID='I{0}'><AnnotationRef ID='A{0}'/>" + pixels() + "</Image>"
        images = "".join(image.format(index) for index in range(count))
        well = "<Plate><Well Row='0' Column='0'><WellSample><ImageRef ID='I{0}'/></WellSample></Well></Plate>"
        plates = "".join(well.format(index) for index in range(count))
        many_pixels = f"<Image ID='last'>{pixels() * count}</Image>"
        text = f"<OME>{plates}{images}{many_pixels}<StructuredAnnotations>{annotations}</StructuredAnnotations></OME>"
        assert len(parse_ome(text).images) == 2 * count
        return lambda: parse_ome(text)

    assert_linear(prepare, 500)


def test_times_that_overflow_when_rounded_stay_finite() -> None:
    elements = "".join(
        f'<Plane TheZ="0" TheC="0" TheT="{t}" DeltaT="{value}" DeltaTUnit="ms"/>'
        for t, value in enumerate(("500", "1e308"))
    )
    planes = one(pixels(elements).replace('SizeT="1"', 'SizeT="2"')).planes
    assert planes is not None
    column = planes.column("time")
    assert column is not None
    assert np.nanmax(column) == 1e305
    assert not np.isinf(column).any()
