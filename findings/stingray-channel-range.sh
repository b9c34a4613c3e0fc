#!/usr/bin/env bash
# Guess: stingray's filter_energy_range([30, 1000], use_pi=True) keeps the channels 30 to 1000, both included, as the
#   same numbers do in the channel filters of X-ray tools. Channels are whole numbers, so a range names its last one.
# Package: stingray 2.3.2, astropy 8.0.2, numpy 2.4.6, Python 3.11
# Behaviour: the last channel is left out. [500, 500] keeps no event at all, and neighbouring bands such as [30, 149],
#   [150, 1000] lose two channels between and above them. The documentation of the method does not say which ends count.
# Reason: the same half-open test serves energies, where it hardly matters, and channels.
# Seen: [30, 1000] keeps 30 149 150 500 of 29 30 149 150 500 1000 1001; [500, 500] none (2026-11-29)
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet 'stingray==2.3.2' 'astropy==8.0.2' 'numpy==2.4.6'
cat > "$folder/show.py" <<'PY'
import warnings

import numpy as np

warnings.simplefilter("ignore")
from stingray import EventList  # noqa: E402

channels = [29, 30, 149, 150, 500, 1000, 1001]
events = EventList(np.arange(7.0), pi=channels, gti=[[-0.5, 6.5]])
for low, high in ((30, 1000), (30, 149), (150, 1000), (500, 500)):
    try:
        kept = events.filter_energy_range([low, high], use_pi=True).pi
    except (TypeError, ValueError) as error:
        kept = [type(error).__name__]
    print(low, high, "keeps", *([] if kept is None else kept))
PY
seen=$("$folder/venv/bin/python" "$folder/show.py" 2>/dev/null)
printf '%s\n' "$seen"
expected='30 1000 keeps 30 149 150 500
30 149 keeps 30
150 1000 keeps 150 500
500 500 keeps'
[ "$seen" = "$expected" ] || { printf 'changed, described was:\n%s\n' "$expected"; exit 1; }
