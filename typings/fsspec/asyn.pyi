from collections.abc import Callable
from typing import Any

def sync(
    loop: Any, func: Callable[..., Any], *args: Any, timeout: float | None = None, **kwargs: Any
) -> Any: ...
