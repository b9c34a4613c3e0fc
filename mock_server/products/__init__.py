"""Contents of finished products; the only package that imports numpy, scipy, astropy and Pillow."""
