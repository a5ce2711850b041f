"""The metadata that are cut out of the text are those that parsing all of it would find."""

import pytest

from aicsio import CorruptFileError, open_image
from aicsio.formats.czi import metadata, xml_sections
from support import corpus_file, corpus_names

WANTED = (
    '<Information><Image><Dimensions><Channels><Channel Id="Channel:0" Name="right"/></Channels></Dimensions></Image>'
    '<Instrument><Objectives><Objective Name="lens"/></Objectives></Instrument></Information>'
    '<Scaling><Items><Distance Id="X"><Value>1e-06</Value></Distance></Items></Scaling>'
)
WRONG = WANTED.replace("right", "wrong").replace("lens", "other").replace("1e-06", "5e-06")
TEXTS = [
    WANTED,
    f"<Experiment>{WRONG}</Experiment>{WANTED}",
    f"<Experiment><A><Experiment/></A>{WRONG}</Experiment>{WANTED}",
    f"<Experiment><A><Experiment></Experiment></A>{WRONG}</Experiment>{WANTED}",
    f"<A><A><Metadata>{WRONG}</Metadata></A>{WRONG}<Metadata></Metadata></A>{WANTED}<B/>",
    f"<A><B></B><A></A><Metadata/>{WRONG}</A>{WANTED}",
    f"<A><![CDATA[</A>{WRONG}]]></A>{WANTED}",
    f"<!-- {WRONG} -->{WANTED}",
    f"<A><!-- </A>{WRONG}--></A>{WANTED}",
    f"<A b='1'><A b='2'>{WRONG}</A></A>\n{WANTED}\n",
    WANTED.replace("lens", "le\x01ns"),
]


def whole(text: str, monkeypatch: pytest.MonkeyPatch) -> object:
    with monkeypatch.context() as patch:
        patch.setattr(xml_sections, "_cut_sections", lambda _: None)
        return metadata.parse_metadata(text)


@pytest.mark.parametrize("inside", TEXTS)
def test_the_cut_finds_what_the_whole_text_says(
    inside: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = f'<?xml version="1.0"?><ImageDocument>\n<Metadata>{inside}</Metadata>\n</ImageDocument>'
    # Short texts are parsed whole.
    monkeypatch.setattr(xml_sections, "SHORT", 0)
    facts, notes = metadata.parse_metadata(text)
    assert not notes
    assert (facts, notes) == whole(text, monkeypatch)
    assert [channel.name for channel in facts.channels] == ["right"]


@pytest.mark.parametrize("name", corpus_names("czi"))
def test_the_cut_finds_what_real_files_say(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    try:
        text = open_image(corpus_file(name)).metadata
    except CorruptFileError:
        pytest.skip("a header alone")
    if text:
        assert metadata.parse_metadata(text) == whole(text, monkeypatch)
