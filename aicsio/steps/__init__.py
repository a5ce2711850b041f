"""Pure verbs on handles, and steps: verbs that wait for their handle. Imports `_dims`, `_checks` and `records`.

``step`` has the step, ``verbs`` the decorator that makes them, ``selecting``, ``transposing`` and
``mapping`` the verbs, ``piping`` and ``composing`` chains of functions.

Rule kept here: a verb returns a new handle and reads no pixels; a step is frozen, hashes and pickles.

select_scene(h, 1)      ->  ImageHandle
select_scene(1)         ->  Step[ImageHandle], a frozen, hashable, picklable function of a handle
"""

from aicsio.steps.composing import compose
from aicsio.steps.mapping import map_scenes
from aicsio.steps.piping import pipe
from aicsio.steps.selecting import select_level, select_scene
from aicsio.steps.step import Pairs, Slice, Step
from aicsio.steps.transposing import transpose_to
from aicsio.steps.verbs import Verb, verb

__all__ = [
    "Pairs",
    "Slice",
    "Step",
    "Verb",
    "compose",
    "map_scenes",
    "pipe",
    "select_level",
    "select_scene",
    "transpose_to",
    "verb",
]

# Pickles and messages name the public module, as for records.
for _public in (Pairs, Slice, Step, Verb):
    _public.__module__ = __name__
