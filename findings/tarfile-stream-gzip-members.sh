#!/usr/bin/env bash
# Guess: reading a tar.gz as a stream ("r|gz", the mode for pipes and downloads) gives the same files as reading it by
#   seeking ("r:gz"), also when the gzip file has several members, which RFC 1952 allows.
# Package: tarfile and gzip of Python 3.11.7, against tar (GNU tar 1.34)
# Behaviour: the stream mode ends with the first gzip member. Where that is the end of a tar member, the remaining files
#   are silently missing: no ReadError, no warning. "r:gz" and tar list all files.
# Reason: the stream reader has its own decompressor, which drops what follows the first end of the compressed data; a tar
#   file without its two closing blocks is accepted as complete. Neither is in the documentation of tarfile.
# Seen: r:gz one two three; tar one two three; r|gz one (2026-11-28)
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cat > "$folder/show.py" <<'PY'
import gzip
import io
import sys
import tarfile

path = sys.argv[1]
plain = io.BytesIO()
ends = [0]
with tarfile.open(fileobj=plain, mode="w") as archive:
    for name in ("one", "two", "three"):
        member = tarfile.TarInfo(name)
        member.size = 700
        archive.addfile(member, io.BytesIO(b"x" * member.size))
        ends.append(plain.tell())
content = plain.getvalue()
ends[-1] = len(content)
with open(path, "wb") as file:
    for start, stop in zip(ends, ends[1:]):
        file.write(gzip.compress(content[start:stop]))

for mode in ("r:gz", "r|gz"):
    with tarfile.open(path, mode) as archive:
        print(mode, *archive.getnames())
PY
seen=$(python3 -W error "$folder/show.py" "$folder/three.tar.gz"; printf 'tar '; tar tzf "$folder/three.tar.gz" | xargs)
printf '%s\n' "$seen"
expected='r:gz one two three
r|gz one
tar one two three'
[ "$seen" = "$expected" ] || { printf 'changed, described was:\n%s\n' "$expected"; exit 1; }
