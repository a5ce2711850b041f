"""The dimension language: order strings, picks, and the algebra of views. Imports `records`."""
