"""Pictures of images: thumbnails, contrast, colours, scale bars. Imports `arrays`, `steps` and `_dims`.

``drawing`` draws an image; ``composing`` draws one frame with given contrast (its
``requested_limits`` decides between ``"auto"``, ``"file"``, ``"full"`` and two numbers),
``reading`` reads its pixels from as few bytes as possible, ``costs`` counts those bytes before,
``contrast`` suggests what is black and what is white, ``colors`` chooses the colour of each
channel, ``annotations`` draws scale bars, legends and times in a font of ``fonts``, ``sheets`` puts
many pictures onto one.

Rule kept here: memory is bounded, whatever the size of the image; nothing is written.
"""

from aicsio.pictures.colors import channel_colors
from aicsio.pictures.contrast import suggest_contrast
from aicsio.pictures.drawing import thumbnail

__all__ = ["channel_colors", "suggest_contrast", "thumbnail"]
