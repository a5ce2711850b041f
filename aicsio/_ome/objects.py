"""OME-XML -> objects of ome_types, faster than its own parser.

``ome_types.from_xml`` walks a document in Python, some 100 microseconds an element. Here the tree
becomes nested dicts, which pydantic validates at once.

Rule kept here: the result equals that of ``ome_types.from_xml``; ``tests/ome/test_objects.py`` compares
them over documents of every kind. A class that holds foreign XML is left to its parser.
"""

import base64
import functools
import re
import warnings
import weakref
from collections.abc import Callable, Hashable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, get_args, get_origin

import attrs

from aicsio._ome.repeats import IDENTITY, content_of
from aicsio._ome.schema import Tree
from aicsio._ome.states import ModelState, WholeState
from aicsio.errors import CorruptFileError

if TYPE_CHECKING:
    import ome_types


@attrs.define(eq=False, repr=False)
class ChildField:
    """The field of a model that holds child elements of one name."""

    name: str
    """Name of the field."""
    repeats: bool
    """Whether it is a list."""
    model: Any
    """Model of the elements; ``None`` for a text."""
    decode: Callable[[str], Any] | None
    """Decoder of a text that stands for bytes."""


@attrs.define(eq=False, repr=False)
class ModelFields:
    """Where the parts of an element go in a model of ome_types."""

    attributes: dict[str, str]
    """Field by attribute."""
    children: dict[str, ChildField]
    """Field by child element."""
    text: str | None
    """Field of the text, if the element has one."""
    decode: Callable[[str], Any] | None
    """Decoder of that text, where it stands for bytes."""
    foreign: bool
    """Whether elements of any kind may stand in it."""

    @property
    def may_repeat(self) -> bool:
        """Whether equal elements are looked for: not for those of a text, such as pairs."""
        return not self.foreign and self.text is None


_YEAR = re.compile(r"\s*(?!0000)\d{4}-")
"""Begin of a date that Python has."""
_DECODERS: Mapping[str, Callable[[str], Any]] = {
    "base16": bytes.fromhex,
    "base64": base64.b64decode,
}


def to_objects(root: Tree) -> "ome_types.OME":
    """Make the object of a tree of schema 2016-06.

    Parameters
    ----------
    root
        OME element of lxml.

    Raises
    ------
    CorruptFileError
        When ome_types does not accept it.
    """
    from ome_types.model import OME
    from pydantic import ValidationError

    _drop_ancient_stamps(root)
    try:
        ome = OME.model_validate(_attributes(root, OME))
        for name, value in _children(root, OME).items():
            setattr(ome, name, value)
    except (ValidationError, TypeError, ValueError) as error:
        raise CorruptFileError(f"ome_types does not accept it: {error}") from error
    _link_references(ome)
    return ome


def _drop_ancient_stamps(root: Tree) -> None:
    """Take out time stamps of years that Python's dates lack, below 1 and beyond 9999.

    xsd:dateTime of the schema has them, and so has the text of the document.
    """
    dropped = set()
    for annotation in root.findall("{*}StructuredAnnotations/{*}TimestampAnnotation"):
        if _YEAR.match(annotation.findtext("{*}Value", "")) is None:
            dropped.add(annotation.get("ID"))
            annotation.getparent().remove(annotation)
    if dropped:
        for reference in list(root.iter("{*}AnnotationRef")):
            if reference.get("ID") in dropped:
                reference.getparent().remove(reference)


def _attributes(element: Tree, model: Any) -> dict[str, str]:
    fields = _fields_of(model).attributes
    return {fields[name]: value for name, value in element.attrib.items() if name in fields}


def _children(root: Tree, model: Any) -> dict[str, Any]:
    """Make the objects below the root, one child at a time.

    ``OME(...)`` links references by two walks through all fields of all objects. Empty, and
    filled afterwards, it leaves that to ``_link_references``: 500 scenes of a LIF take 0.6 of the time.
    """
    places = _fields_of(model).children
    values: dict[str, Any] = {}
    repeated = _Repeated()
    for child in root:
        # lxml puts the namespace in braces in front of the name.
        place = places.get(child.tag.rpartition("}")[2])
        if place is None:
            continue
        inside: Any = child.text or ""
        if place.model is not None:
            content = _as_dict(child, place.model, repeated)
            pairs = _take_pairs(content)
            inside = place.model.model_validate(content)
            _put_pairs(inside, pairs)
        if place.repeats:
            values.setdefault(place.name, []).append(inside)
        else:
            values[place.name] = inside
    return values


def _link_references(ome: "ome_types.OME") -> None:
    """Let each reference find its target, as ``OME`` does when it is made of its parts."""
    from ome_types.model import Reference
    from pydantic import BaseModel

    targets: dict[str, Any] = {}
    references: list[Any] = []
    waiting: list[Any] = [ome]
    # Whether a type is one of models: pydantic's own check takes longer, and there are few types.
    is_model: dict[type, bool] = {}
    while waiting:
        parent = waiting.pop()
        values = vars(parent)
        model: Any = type(parent)
        for name in _fields_with_models(model):
            value = values[name]
            if value is None:
                continue
            for one in value if type(value) is list else (value,):
                kind = type(one)
                if kind not in is_model:
                    is_model[kind] = issubclass(kind, BaseModel)
                if not is_model[kind]:
                    continue
                if issubclass(kind, Reference):
                    references.append(one)
                    continue
                waiting.append(one)
                if isinstance(identity := vars(one).get("id"), str):
                    targets[identity] = one
    for reference in references:
        target = targets.get(reference.id)
        if target is None:
            warnings.warn(f"Reference to unknown ID: {reference.id}", stacklevel=2)
        else:
            # ome_types links when OME is made, copied or unpickled, and nowhere else.
            reference._ref = weakref.ref(target)  # noqa: SLF001


@functools.cache
def _fields_with_models(model: Any) -> tuple[str, ...]:
    """List the fields that may hold objects: a sixth of all fields of 500 scenes."""
    fields = _fields_of(model)
    plain = {fields.text, *fields.attributes.values()}
    plain |= {place.name for place in fields.children.values() if place.model is None}
    return tuple(name for name in model.model_fields if name not in plain)


def _take_pairs(annotations: Any) -> list[list[dict[str, Any]]]:
    """Take the pairs out of map annotations; return those of each.

    Settings of 500 scenes are 15 000 pairs: copies of one checked object take a third of the time.
    """
    pairs = []
    maps = annotations.get("map_annotations", ()) if isinstance(annotations, dict) else ()
    for annotation in maps:
        # One that is repeated is an object by now.
        value = annotation.get("value") if isinstance(annotation, dict) else None
        pairs.append([] if value is None else value.pop("ms", []))
    return pairs


def _put_pairs(annotations: Any, pairs: list[list[dict[str, Any]]]) -> None:
    maps = annotations.map_annotations if pairs else ()
    for annotation, of_annotation in zip(maps, pairs, strict=True):
        if of_annotation:
            annotation.value.ms.extend(_pair_objects(of_annotation))


def _pair_objects(pairs: list[dict[str, Any]]) -> Iterator[Any]:
    """Make the pairs of a map: one is checked by ome_types, the others are its copies."""
    from ome_types.model import Map

    templates: dict[frozenset[str], ModelState] = {}
    for pair in pairs:
        kinds = frozenset(pair)
        if kinds not in templates:
            templates[kinds] = ModelState.of(Map.M(**pair))
        yield templates[kinds].copy_with(pair)


MOST_CHILDREN, MOST_GRANDCHILDREN = 5, 64
"""Child elements of an element that is looked for among the earlier ones, and of each of them."""


class _Repeated:
    """Small elements that were seen before; lives while a document is read.

    Channels of a scan have the same settings, light paths and references in each scene: 45 000 of
    the 48 000 objects of 500 scenes. The second one is checked by ome_types, and the others are its
    copies, whose identifiers may differ.
    """

    def __init__(self) -> None:
        self.states: dict[Hashable, WholeState | None] = {}
        self.highest: dict[Any, int] = {}
        """By model, the last number of the identifiers that ome_types has seen."""

    def find(self, element: Tree, model: Any) -> Any:
        """Return the object of an element that was seen before, or ``None``."""
        if not _is_small(element):
            return None
        identity = IDENTITY.fullmatch(element.get("ID", ""))
        key = model, content_of(element, identity)
        if key not in self.states:
            self.states[key] = None
            return None
        state = self.states[key]
        if state is None:
            from pydantic import ValidationError

            try:
                state = WholeState.of(model.model_validate(_as_dict(element, model, None)))
            except ValidationError:
                return None  # reported with its place in the document
            self.states[key] = state
        return state.copy() if identity is None else self._renamed(state.copy(), identity)

    def _renamed(self, made: Any, identity: re.Match[str]) -> Any:
        model, number = type(made), int(identity[2])
        if number > self.highest.get(model, -1):
            # ome_types counts from the highest where it makes identifiers of its own.
            self.highest[model] = number
            made.id = identity[0]
        else:
            vars(made)["id"] = identity[0]
        return made


def _is_small(element: Tree) -> bool:
    if len(element) > MOST_CHILDREN:
        return False
    return all(len(child) <= MOST_GRANDCHILDREN for child in element)


def _as_dict(element: Tree, model: Any, repeated: _Repeated | None) -> Any:
    fields = _fields_of(model)
    if fields.foreign:
        return _by_their_parser(element, model)
    values: dict[str, Any] = {}
    for attribute, value in element.attrib.items():
        field = fields.attributes.get(attribute)
        if field is not None:
            values[field] = value
    if fields.text is not None:
        values[fields.text] = _decoded(element.text, fields.decode)
    for child in element:
        # lxml puts the namespace in braces in front of the name.
        name = child.tag.rpartition("}")[2]
        place = fields.children.get(name)
        if place is None:
            continue
        if place.model is None:
            inside = _decoded(child.text, place.decode)
        else:
            inside = None
            if repeated is not None and _fields_of(place.model).may_repeat:
                inside = repeated.find(child, place.model)
            if inside is None:
                inside = _as_dict(child, place.model, repeated)
        if place.repeats:
            values.setdefault(place.name, []).append(inside)
        else:
            values[place.name] = inside
    return values


def _decoded(text: str | None, decode: Callable[[str], Any] | None) -> Any:
    return decode(text or "") if decode is not None else text or ""


def _by_their_parser(element: Tree, model: Any) -> Any:
    return _their_parser().parse(element, model)


@functools.cache
def _their_parser() -> Any:
    """Return the parser of ome_types. A new one looks through its 150 classes for 50 ms."""
    from xsdata_pydantic_basemodel.bindings import XmlContext, XmlParser

    context = XmlContext()
    # Else an element of an annotation is taken for any class of its name that some package has defined:
    # ``Root`` and ``Image`` of mcp, whose fields the element lacks.
    context.models_package = "ome_types."
    return XmlParser(context=context)


@functools.cache
def _fields_of(model: Any) -> ModelFields:
    attributes: dict[str, str] = {}
    children: dict[str, ChildField] = {}
    text = text_decoder = None
    foreign = False
    for name, field in model.model_fields.items():
        # ome_types keeps the kind of a field, its name in XML and the encoding of its text here.
        extra = field.json_schema_extra or {}
        kind, xml_name = extra.get("type"), extra.get("name", name)
        decode = _DECODERS.get(extra.get("format", ""))
        if kind == "Attribute":
            attributes[xml_name] = name
        elif kind == "Element":
            repeats, child_model = _child_type(field.annotation)
            children[xml_name] = ChildField(name, repeats, child_model, decode)
        elif kind is None:
            text, text_decoder = name, decode
        else:
            # A wildcard: elements of any namespace may stand there.
            foreign = True
    return ModelFields(attributes, children, text, text_decoder, foreign)


def _child_type(annotation: Any) -> tuple[bool, Any]:
    """Return whether a field is a list, and the model of its items; ``None`` for plain values."""
    from pydantic import BaseModel

    repeats = get_origin(annotation) is list
    # ``Model | None`` and ``list[Model]`` have the model among their arguments.
    candidates = get_args(annotation) or (annotation,)
    for candidate in candidates:
        if isinstance(candidate, type) and issubclass(candidate, BaseModel):
            return repeats, candidate
    return repeats, None
