#!/usr/bin/env bash
# Guess: a .fits.gz of several gzip members (as "cat a.gz b.gz" makes, RFC 1952 section 2.2) holds the same HDUs for
#   fitsio as for gunzip and astropy; if not, fitsio refuses the file.
# Package: fitsio 1.4.2 (its own cfitsio 4.6.0), against astropy 8.0.2; numpy 2.4.6, Python 3.11
# Behaviour: fitsio opens the file without an error and ends with the first member. When that member ends where an HDU
#   ends, the file looks complete and the later HDUs do not exist.
# Reason: cfitsio inflates until the first end of a deflate stream and keeps what it has; nothing compares the length
#   with the compressed file.
# Seen: astropy PRIMARY SPECTRUM GTI; fitsio PRIMARY SPECTRUM (2026-11-28)
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet 'fitsio==1.4.2' 'astropy==8.0.2' 'numpy==2.4.6'
cat > "$folder/show.py" <<'PY'
import gzip
import sys
from pathlib import Path

import fitsio
import numpy as np
from astropy.io import fits

path = Path(sys.argv[1])


def table(name: str) -> fits.BinTableHDU:
    column = fits.Column("X", "E", array=np.arange(5.0))
    return fits.BinTableHDU.from_columns([column], name=name)


fits.HDUList([fits.PrimaryHDU(), table("SPECTRUM"), table("GTI")]).writeto(path / "all.fits")
plain = (path / "all.fits").read_bytes()
with fits.open(path / "all.fits") as file:
    cut = file["GTI"].fileinfo()["hdrLoc"]
packed = path / "two.fits.gz"
packed.write_bytes(gzip.compress(plain[:cut]) + gzip.compress(plain[cut:]))
assert gzip.decompress(packed.read_bytes()) == plain

with fits.open(packed) as file:
    print("astropy", *(hdu.name for hdu in file))
with fitsio.FITS(str(packed)) as file:
    print("fitsio", *(hdu.get_extname() or "PRIMARY" for hdu in file))
PY
seen=$("$folder/venv/bin/python" "$folder/show.py" "$folder")
printf '%s\n' "$seen"
expected='astropy PRIMARY SPECTRUM GTI
fitsio PRIMARY SPECTRUM'
[ "$seen" = "$expected" ] || { printf 'changed, described was:\n%s\n' "$expected"; exit 1; }
