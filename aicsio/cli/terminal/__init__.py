"""Options, text and progress bars of the command line. Imports the public API."""
