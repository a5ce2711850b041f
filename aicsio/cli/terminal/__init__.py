"""Options, text, progress bars and opening for all commands. Imports the public modules."""
