"""Metadata whose numbers are extremes, or whose elements repeat 5 000 times: an image or one of our errors.

A run takes a few hundred variants; ``AICSIO_DAMAGED_VARIANTS=2000`` takes 2 000. Every variant is made from a seed, so
that a failure names its own number.
"""

import io
import json
import pickle
import random
import re
import struct
from collections.abc import Callable

import attrs
import numpy as np
import pytest
import tifffile

from aicsio import ImageHandle, open_image
from aicsio.planes import read_planes
from aicsio.testing.czi import Block, metadata_xml, time_stamps, write_czi
from aicsio.testing.lif import LifImage, build_lif
from limits import has_timer, our_errors, variant_count, within_limits
from support import mostly_long

VARIANTS = variant_count(240)
REPEATS = 5000
MOST_BYTES = 1 << 26
"""Pixels that are read: extremes of a size make images that are large and not wrong."""
PARTS = 24
"""Tests that the variants are spread over."""
EXTREMES = (
    *("0", "-1", "1", "2147483647", "4294967296", "9223372036854775807", "-9223372036854775808"),
    *("1e308", "-1e308", "1e-308", "NaN", "INF", "-INF", "9" * 4301, "0x7F", "1,5", "", "1e", "٣"),
)
"""Numbers as texts: edges of 32 and 64 bits and of floats, too many digits for Python, no numbers."""
EXTREME_WORDS = (0, 1, 2, 5, 16, 255, 65535, 65536, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, 10**6)


@attrs.frozen(eq=False)
class Seed:
    """A file with a text in it, which is damaged before it is put in."""

    name: str
    text: str
    build: Callable[[str], bytes]
    """From the text to the file."""


# ---------------------------------------------------------------- files


def _tiff(text: str) -> bytes:
    file = io.BytesIO()
    with tifffile.TiffWriter(file) as writer:
        for index in range(6):
            writer.write(
                np.full((8, 9), index + 1, np.uint16),
                metadata=None,
                # tifffile writes descriptions in ASCII, bytes as they are.
                description=text.encode() if not index else None,
                photometric="minisblack",
                contiguous=False,
            )
    return file.getvalue()


OME_TEXT = (
    '<OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06">'
    '<Plate ID="Plate:0" Rows="8" Columns="12"><Well ID="Well:0" Row="1" Column="2">'
    '<WellSample ID="WellSample:0" Index="0"><ImageRef ID="Image:0"/></WellSample></Well></Plate>'
    '<Instrument ID="Instrument:0"><Objective ID="Objective:0" NominalMagnification="63.0" LensNA="1.4"/></Instrument>'
    '<Image ID="Image:0" Name="a"><AcquisitionDate>2020-05-01T10:00:00</AcquisitionDate>'
    '<InstrumentRef ID="Instrument:0"/><ObjectiveSettings ID="Objective:0" RefractiveIndex="1.5"/>'
    '<Pixels ID="Pixels:0" DimensionOrder="XYZCT" Type="uint16" SizeX="9" SizeY="8" SizeZ="3" SizeC="2" SizeT="1" '
    'PhysicalSizeX="0.1" PhysicalSizeZ="1.5" TimeIncrement="2.0">'
    '<Channel ID="Channel:0:0" Name="DAPI" SamplesPerPixel="1" EmissionWavelength="461.0" Color="-16776961"/>'
    '<Channel ID="Channel:0:1" Name="GFP" SamplesPerPixel="1" EmissionWavelength="510.0" Color="65535"/>'
    '<TiffData FirstZ="0" FirstC="0" FirstT="0" IFD="0" PlaneCount="6"/>'
    '<Plane TheZ="0" TheC="0" TheT="0" DeltaT="0.5" ExposureTime="0.01" PositionX="1.0" PositionY="-2.0"/>'
    '<Plane TheZ="1" TheC="1" TheT="0" DeltaT="1.5" ExposureTime="0.02" PositionZ="3.0"/></Pixels>'
    '<AnnotationRef ID="Annotation:0"/><ROIRef ID="ROI:0"/></Image>'
    '<StructuredAnnotations><XMLAnnotation ID="Annotation:0" Namespace="openmicroscopy.org/omero/dimension/modulo">'
    '<Value><Modulo namespace="http://www.openmicroscopy.org/Schemas/Additions/2011-09">'
    '<ModuloAlongZ Type="angle" Unit="degree" Start="0" Step="1" End="2"/></Modulo></Value></XMLAnnotation>'
    '</StructuredAnnotations><ROI ID="ROI:0"><Union><Rectangle ID="Shape:0" X="1" Y="2" Width="3" Height="4"/>'
    "</Union></ROI></OME>"
)
IMAGEJ_TEXT = (
    "ImageJ=1.53t\nimages=6\nchannels=2\nslices=3\nframes=1\nhyperstack=true\nmode=composite\n"
    "unit=micron\nspacing=1.5\nfinterval=2.0\nfps=5.0\nmin=0.0\nmax=65535.0\ncf=1\nc0=0.0\nc1=1.0\n"
)
METASERIES_TEXT = (
    '<MetaData><prop id="Description" type="string" value="Exposure: 100 ms&#13;&#10;"/>'
    '<prop id="spatial-calibration-x" type="float" value="0.1625"/>'
    '<prop id="spatial-calibration-y" type="float" value="0.1625"/>'
    '<prop id="spatial-calibration-units" type="string" value="um"/>'
    '<PlaneInfo><prop id="wavelength" type="float" value="525.0"/><prop id="stage-position-x" type="float" value="12.5"/>'
    '<prop id="acquisition-time-local" type="time" value="20200501 10:00:00.123"/></PlaneInfo></MetaData>'
)
SCANIMAGE_TEXT = (
    "frameNumbers = 1\nframeTimestamps_sec = 0.000000\nSI.VERSION_MAJOR = 2020\nSI.hStackManager.numSlices = 3\n"
    "SI.hFastZ.enable = true\nSI.hFastZ.numVolumes = 1\nSI.hFastZ.numDiscardFlybackFrames = 0\n"
    "SI.hChannels.channelSave = [1;2]\nSI.hRoiManager.scanFrameRate = 30.5\nSI.hScan2D.pixelBinFactor = 1\n"
)
SHAPED_TEXT = json.dumps(
    {"shape": [2, 3, 8, 9], "axes": "CZYX", "PhysicalSizeX": 0.5, "PhysicalSizeXUnit": "µm"}
)
MIBI_TEXT = json.dumps(
    {
        "mibi.description": "x",
        "channel.mass": 98,
        "channel.target": "CD3",
        "mibi.mass_gain": [1.5, 2.5],
        "shape": [8, 9],
    }
)


def _lif_text() -> tuple[bytes, str, bytes]:
    """Head and rest of a LIF, and the XML between them."""
    pixels = np.arange(2 * 3 * 5 * 7, dtype=np.uint16).reshape(2, 3, 5, 7)
    image = LifImage(
        pixels,
        "CZYX",
        name="F/a",
        luts=("Red", "Green"),
        dyes=("DAPI", "GFP"),
        lengths={"X": 5e-6, "Z": 2e-6},
        times=(1.6e9, 1.6e9 + 2),
    )
    content = build_lif([image, attrs.evolve(image, name="F/b", times=())])
    # 0x70, bytes of the chunk, 0x2A, number of characters, and the characters.
    nbytes = 2 * struct.unpack_from("<I", content, 9)[0]
    return content[:13], content[13 : 13 + nbytes].decode("utf-16-le"), content[13 + nbytes :]


def _lif(text: str) -> bytes:
    _, _, rest = _lif_text()
    raw = text.encode("utf-16-le")
    return struct.pack("<IIcI", 0x70, len(raw) + 5, b"\x2a", len(raw) // 2) + raw + rest


CZI_TEXT = metadata_xml(
    channels=["DAPI", "GFP"], pixel_size={"X": 0.1, "Y": 0.1, "Z": 1.0}, scenes=["P1", "P2"]
).replace(
    "</Information>",
    "<Document><CreationDate>2020-05-01T10:00:00</CreationDate></Document><Instrument><Objectives>"
    '<Objective Id="Objective:0"><LensNA>1.4</LensNA><NominalMagnification>63</NominalMagnification>'
    "</Objective></Objectives></Instrument></Information>",
)


def _czi(text: str) -> bytes:
    file = io.BytesIO()
    tags = (
        b"<METADATA><Tags><AcquisitionTime>2020-05-01T10:00:05Z</AcquisitionTime></Tags></METADATA>"
    )
    blocks = [
        Block(
            np.full((8, 9), 1 + c, np.uint16), {"S": s, "C": c, "Y": 0, "X": 20 * s}, metadata=tags
        )
        for s in range(2)
        for c in range(2)
    ]
    write_czi(file, blocks, text, [time_stamps([0.0, 60.0])])
    return file.getvalue()


def _czi_planes(text: str) -> bytes:
    """The text is the metadata of a subblock."""
    file = io.BytesIO()
    blocks = [
        Block(np.full((8, 9), 1 + c, np.uint16), {"C": c, "Y": 0, "X": 0}, metadata=text.encode())
        for c in range(2)
    ]
    write_czi(file, blocks)
    return file.getvalue()


SUBBLOCK_TEXT = (
    "<METADATA><Tags><AcquisitionTime>2020-05-01T10:00:05Z</AcquisitionTime><StageXPosition>12.5</StageXPosition>"
    "<FocusPosition>4.5</FocusPosition></Tags><AttachmentSchema><DataFormat>CHUNKCONTAINER</DataFormat>"
    "</AttachmentSchema></METADATA>"
)
SEEDS = (
    Seed("ome", OME_TEXT, _tiff),
    Seed("imagej", IMAGEJ_TEXT, _tiff),
    Seed("metaseries", METASERIES_TEXT, _tiff),
    Seed("scanimage", SCANIMAGE_TEXT, _tiff),
    Seed("shaped", SHAPED_TEXT, _tiff),
    Seed("mibi", MIBI_TEXT, _tiff),
    Seed("lif", _lif_text()[1], _lif),
    Seed("czi", CZI_TEXT, _czi),
    Seed("subblock", SUBBLOCK_TEXT, _czi_planes),
)


# ---------------------------------------------------------------- damage

NUMBER = re.compile(r"-?\d+(?:\.\d+)?(?:e-?\d+)?")
ELEMENT = re.compile(
    r"<([A-Za-z]\w*)(?:\s[^<>]*)?(?:/>|>(?:(?!<\1[\s>]).){0,4000}?</\1>)", re.DOTALL
)
ITEM = re.compile(r'"[^"]*": (?:[\d.]+|"[^"]*"|\[[^\]]*\])|[\d.]+(?=[,\]])')
LINE = re.compile(r"[^\n]+\n")


def replace_numbers(text: str, chance: random.Random) -> str:
    """Put an extreme in place of one number, or of a few."""
    places = list(NUMBER.finditer(text))
    chosen = sorted(
        chance.sample(places, min(chance.choice([1, 1, 1, 2, 5]), len(places))),
        key=lambda m: -m.start(),
    )
    for match in chosen:
        text = text[: match.start()] + chance.choice(EXTREMES) + text[match.end() :]
    return text


def repeat_element(text: str, chance: random.Random) -> str:
    """Repeat one element, item of JSON or line 5 000 times, some of them with numbers that count."""
    pattern, joint = (ELEMENT, "") if "<" in text else (ITEM, ", ") if "{" in text else (LINE, "")
    places = list(pattern.finditer(text))
    match = chance.choice(places)
    if chance.random() < 0.5:
        copies = [match[0]] * REPEATS
    else:
        copies = [NUMBER.sub(str(index), match[0], count=1) for index in range(REPEATS)]
    return text[: match.start()] + joint.join(copies) + text[match.end() :]


def nest_element(text: str, chance: random.Random) -> str:
    """Put one element inside of itself, 5 000 deep."""
    if "<" in text:
        match = chance.choice([one for one in ELEMENT.finditer(text) if "</" in one[0]])
        head, tail = match[0].split(">", 1)[0] + ">", f"</{match[1]}>"
        return text[: match.start()] + head * REPEATS + tail * REPEATS + text[match.end() :]
    return text.replace("[", "[" * REPEATS, 1) if "[" in text else text * 500


def damage_tags(content: bytes, chance: random.Random) -> bytes:
    """Put extremes into entries of the first directory of a TIFF, or repeat one of them."""
    directory = struct.unpack_from("<I", content, 4)[0]
    count = struct.unpack_from("<H", content, directory)[0]
    rest = content[directory + 2 + 12 * count :][:4]
    entries = [content[directory + 2 + 12 * n :][:12] for n in range(count)]
    if chance.random() < 0.3:
        entries.insert(chance.randrange(count), b"")
        entries = [one or chance.choice(entries[:3]) * REPEATS for one in entries]
    else:
        for _ in range(chance.choice([1, 1, 2, 4])):
            number = chance.randrange(count)
            code, kind, length, value = struct.unpack("<HHII", entries[number])
            if chance.random() < 0.5:
                value = chance.choice(EXTREME_WORDS)
            else:
                length = chance.choice(EXTREME_WORDS)
            kind = chance.choice([kind, kind, kind, chance.randrange(20)])
            entries[number] = struct.pack("<HHII", code, kind, length, value)
    raw = b"".join(entries)
    # The damaged directory stands at the end of the file, where it may be of any length.
    head = content[:4] + struct.pack("<I", len(content)) + content[8:]
    return head + struct.pack("<H", len(raw) // 12) + raw + rest


DAMAGES = (
    replace_numbers,
    replace_numbers,
    replace_numbers,
    repeat_element,
    repeat_element,
    nest_element,
)


def make_variant(number: int) -> tuple[str, bytes]:
    """Make one damaged file, the same in each run."""
    chance = random.Random(f"multiplied {number}")
    seed = SEEDS[number % len(SEEDS)]
    damage = chance.choice(DAMAGES)
    if seed.build is _tiff and chance.random() < 0.3:
        return f"{number} {seed.name} damage_tags", damage_tags(seed.build(seed.text), chance)
    return f"{number} {seed.name} {damage.__name__}", seed.build(damage(seed.text, chance))


# ---------------------------------------------------------------- use


def use(content: bytes) -> ImageHandle | None:
    """Open a file and read its planes, or return None after one of our errors."""
    with our_errors():
        handle = open_image(content)
        assert pickle.loads(pickle.dumps(handle)) == handle
        assert len(repr(handle)) < 4096
        read_planes(handle)
        for scene in handle.scenes[:8]:
            for level in scene.levels:
                if level.nbytes <= MOST_BYTES:
                    assert np.asarray(level).ndim
        return handle
    return None


def test_the_files_are_whole_before_they_are_damaged() -> None:
    for seed in SEEDS:
        assert use(seed.build(seed.text)) is not None, seed.name


@pytest.mark.skipif(not has_timer(), reason="the system has no timer of processor time")
@pytest.mark.parametrize("part", mostly_long(range(PARTS), *range(0, PARTS, 3)))
def test_extremes_and_repetitions_give_an_image_or_one_of_our_errors(part: int) -> None:
    opened = 0
    numbers = range(part, VARIANTS, PARTS)
    for number in numbers:
        what, content = make_variant(number)
        with within_limits(what):
            opened += use(content) is not None
    # Most damage leaves the pixels readable: a reader that refuses all of it proves nothing.
    assert 4 * opened >= len(numbers)
