"""``AICSImage`` and the other names of AICSImageIO, as a thin face. Imports all rooms but `cli`."""
