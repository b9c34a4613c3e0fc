"""The contents of a finished product. Importing this loads nothing heavy: numpy and its like come with the first build."""
