"""The contents of a finished product. Importing this loads nothing heavy: numpy comes with the first build."""
