"""AICSImage and the other names of AICSImageIO, as a thin face. Imports everything above it but `cli`."""
