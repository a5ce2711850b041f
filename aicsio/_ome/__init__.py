"""OME-XML, its schema and its units, to and from records. Imports `records`."""
