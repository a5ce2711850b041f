"""OME-XML: its text, schema, units, dates and images, as records. Imports `errors` and `records`."""
