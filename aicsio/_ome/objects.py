"""OME-XML -> objects of ome_types, faster than its own parser.

``ome_types.from_xml`` walks a document in Python, some 100 microseconds an element. Here the tree
becomes nested dicts, which pydantic validates at once.

Rule kept here: the result equals that of ``ome_types.from_xml``; ``tests/ome/test_objects.py`` compares
them over documents of every kind. A class that holds foreign XML is left to its parser.
"""

import base64
import functools
import warnings
import weakref
from collections.abc import Callable, Hashable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, get_args, get_origin

import attrs

from aicsio._ome.schema import Tree
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


@attrs.define(eq=False, repr=False)
class ModelState:
    """The pickled state of a checked object of ome_types, from which others are made unchecked.

    ``model_copy`` takes 1.7 times as long: it copies the object piece by piece.
    """

    model: Any
    """Its class."""
    state: dict[str, Any]
    """As pydantic pickles it."""

    @classmethod
    def of(cls, checked: Any) -> "ModelState":
        """Take the state of an object."""
        return cls(type(checked), checked.__getstate__())

    def copy_with(self, values: Mapping[str, Any]) -> Any:
        """Make an object with other values; they have the types of the model."""
        made = self.model.__new__(self.model)
        # What __setstate__ does, in half of its time.
        for name, value in self.state.items():
            put = value
            if name == "__dict__":
                put = {**value, **values}
            elif name == "__pydantic_fields_set__":
                put = set(value)
            object.__setattr__(made, name, put)
        return made


@attrs.define(eq=False, repr=False)
class WholeState:
    """The state of a checked object and of those in it, from which equal ones are made.

    No two share a list or an object of ome_types.
    """

    own: ModelState
    """That of the object."""
    parts: dict[str, Any]
    """Its fields that hold objects: a ``WholeState`` each, or a list."""

    @classmethod
    def of(cls, checked: Any) -> "WholeState":
        """Take the state of an object."""
        parts = {}
        for name, value in vars(checked).items():
            part = _part_of(value)
            if part is not value:
                parts[name] = part
        return cls(ModelState.of(checked), parts)

    def copy(self) -> Any:
        """Make an equal object."""
        values = {name: _copy_part(part) for name, part in self.parts.items()}
        made = self.own.copy_with(values)
        private = self.own.state["__pydantic_private__"]
        if private is not None:
            # Where a reference keeps its target.
            object.__setattr__(made, "__pydantic_private__", dict(private))
        return made


def _part_of(value: Any) -> Any:
    from pydantic import BaseModel

    if isinstance(value, list):
        return [_part_of(one) for one in value]
    return WholeState.of(value) if isinstance(value, BaseModel) else value


def _copy_part(part: Any) -> Any:
    if type(part) is list:
        return [_copy_part(one) for one in part]
    return part.copy() if type(part) is WholeState else part


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

    try:
        ome = OME.model_validate(_attributes(root, OME))
        for name, value in _children(root, OME).items():
            setattr(ome, name, value)
    except (ValidationError, TypeError, ValueError) as error:
        raise CorruptFileError(f"ome_types does not accept it: {error}") from error
    _link_references(ome)
    return ome


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
            # Pairs of annotations are taken out of their dicts below.
            is_plain = place.name != "structured_annotations"
            content = _as_dict(child, place.model, repeated if is_plain else None)
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
        values = vars(waiting.pop())
        for value in values.values():
            for one in value if isinstance(value, list) else (value,):
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


def _take_pairs(annotations: Any) -> list[list[dict[str, Any]]]:
    """Take the pairs out of map annotations; return those of each.

    Settings of 500 scenes are 15 000 pairs: copies of one checked object take a third of the time.
    """
    pairs = []
    maps = annotations.get("map_annotations", ()) if isinstance(annotations, dict) else ()
    for annotation in maps:
        value = annotation.get("value")
        pairs.append([] if value is None else value.pop("ms", []))
    return pairs


def _put_pairs(annotations: Any, pairs: list[list[dict[str, Any]]]) -> None:
    maps = annotations.map_annotations if pairs else ()
    for annotation, of_annotation in zip(maps, pairs, strict=True):
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


MOST_CHILDREN = 4
"""Child elements of an element that is looked for among the earlier ones."""


class _Repeated:
    """Small elements that were seen before; lives while a document is read.

    Channels of a scan have the same settings, light paths and references in each scene: 30 000 of the
    48 000 objects of 500 scenes. The second one is checked by ome_types, and the others are its copies.
    """

    def __init__(self) -> None:
        self.states: dict[Hashable, WholeState | None] = {}

    def find(self, element: Tree, model: Any) -> Any:
        """Return the object of an element that was seen before, or ``None``."""
        key = _content_of(element, model)
        if key is None:
            return None
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
        return state.copy()


def _content_of(element: Tree, model: Any) -> Hashable | None:
    """Return what the object of a small element depends on; ``None`` of a large one."""
    if len(element) > MOST_CHILDREN:
        return None
    content: list[Hashable] = [model, element.text, *element.items()]
    for child in element:
        if len(child):
            return None
        content += [child.tag, child.text, *child.items()]
    return tuple(content)


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
            if repeated is not None and not _fields_of(place.model).foreign:
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
