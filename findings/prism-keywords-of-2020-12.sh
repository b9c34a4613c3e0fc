#!/usr/bin/env bash
# Guess: Prism takes documents of OpenAPI 3.1, whose schemas are those of JSON Schema 2020-12, so it refuses (422) a body
#   that breaks any of these nine keywords, as it does for `required`.
# Package: @stoplight/prism-cli 5.14.2 (npm), Node.js 20
# Behaviour: `if`/`then`, `const` and lists of types are checked. `prefixItems`, `dependentRequired`, `dependentSchemas`,
#   `unevaluatedProperties`, `minContains` and `maxContains` are passed over without a word: the answer is the example,
#   with 200. So a parameter that is only required beside another one is not missed until the real service refuses it.
# Seen: 422 for the first three, 200 for the other six (2026-11-29)
set -euo pipefail
folder=$(mktemp -d)
trap 'kill "$server" 2>/dev/null || true; rm -rf "$folder"' EXIT
server=
cd "$folder"
npm install --silent --no-audit --no-fund '@stoplight/prism-cli@5.14.2'
cat > ask.py <<'PY'
import json
import socket
import sys
import time
import urllib.error
import urllib.request

LIST = {"type": "array"}
BROKEN = {  # a schema, and a body that breaks it
    "if/then": ({"if": {"required": ["lc"]}, "then": {"required": ["binMeth"]}}, {"lc": 1}),
    "const": ({"properties": {"lc": {"const": 1}}}, {"lc": 2}),
    "type": ({"properties": {"lc": {"type": ["integer", "null"]}}}, {"lc": "a"}),
    "prefixItems": ({"properties": {"bins": LIST | {"prefixItems": [{"type": "integer"}]}}}, {"bins": ["a"]}),
    "dependentRequired": ({"dependentRequired": {"lc": ["binMeth"]}}, {"lc": 1}),
    "dependentSchemas": ({"dependentSchemas": {"lc": {"required": ["binMeth"]}}}, {"lc": 1}),
    "unevaluatedProperties": (
        {"allOf": [{"properties": {"lc": {"type": "integer"}}}], "unevaluatedProperties": False},
        {"lc": 1, "binmeth": "counts"},
    ),
    "minContains": ({"properties": {"bins": LIST | {"contains": {"type": "integer"}, "minContains": 2}}}, {"bins": [1]}),
    "maxContains": ({"properties": {"bins": LIST | {"contains": {"type": "integer"}, "maxContains": 1}}}, {"bins": [1, 2]}),
}
if sys.argv[1] == "document":
    paths = {}
    for number, (schema, _) in enumerate(BROKEN.values()):
        content = {"application/json": {"schema": {"type": "object", **schema}}}
        answer = {"description": "taken", "content": {"application/json": {"example": {"OK": 1}}}}
        paths[f"/{number}"] = {
            "post": {"requestBody": {"required": True, "content": content}, "responses": {"200": answer}}
        }
    print(json.dumps({"openapi": "3.1.0", "info": {"title": "keywords", "version": "1"}, "paths": paths}))
    sys.exit()
port = int(sys.argv[2])
for _ in range(600):
    try:
        socket.create_connection(("127.0.0.1", port)).close()
        break
    except OSError:
        time.sleep(0.1)
for number, (name, (_, body)) in enumerate(BROKEN.items()):
    headers = {"Content-Type": "application/json"}
    request = urllib.request.Request(f"http://127.0.0.1:{port}/{number}", json.dumps(body).encode(), headers)
    try:
        status = urllib.request.urlopen(request).status
    except urllib.error.HTTPError as error:
        status = error.code
    print(name, status)
PY
python3 ask.py document > document.json
port=$(python3 -c 'import socket; s = socket.create_server(("127.0.0.1", 0)); print(s.getsockname()[1])')
node_modules/.bin/prism mock --host 127.0.0.1 --port "$port" document.json > prism.log 2>&1 &
server=$!
seen=$(no_proxy=127.0.0.1 python3 ask.py ask "$port")
printf '%s\n' "$seen"
expected='if/then 422
const 422
type 422
prefixItems 200
dependentRequired 200
dependentSchemas 200
unevaluatedProperties 200
minContains 200
maxContains 200'
[ "$seen" = "$expected" ] || { printf 'changed; expected:\n%s\n' "$expected"; exit 1; }
