#!/usr/bin/env bash
# Guess: openapi-core hands each valid date-time of an answer to the program as a datetime, or reports it as invalid.
# Package: openapi-core 0.23.1, openapi-schema-validator 0.8.1, requests 2.34.2, Python 3.11
# Behaviour: RFC 3339 allows "t" and "z" in lower case. Such a value passes validation and is handed over as the string it
#   was, without an error in the result; the same moment with "T" and "Z" becomes a datetime.
# Reason: the check of the format and the conversion follow different ideas of the syntax, and a conversion that fails is
#   dropped: the string stays, whatever the format.
# Seen: T..Z datetime, t..z str, errors 0 in both (2026-11-28)
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet 'openapi-core==0.23.1' 'openapi-schema-validator==0.8.1' \
    'requests==2.34.2'
cat > "$folder/show.py" <<'PY'
import requests
from openapi_core import OpenAPI
from openapi_core.contrib.requests import RequestsOpenAPIRequest, RequestsOpenAPIResponse

schema = {"type": "object", "properties": {"start": {"type": "string", "format": "date-time"}}}
answer_ok = {"description": "ok", "content": {"application/json": {"schema": schema}}}
contract = {
    "openapi": "3.1.0",
    "info": {"title": "jobs", "version": "1"},
    "servers": [{"url": "http://jobs.test"}],
    "paths": {"/job": {"get": {"responses": {"200": answer_ok}}}},
}
api = OpenAPI.from_dict(contract)
request = RequestsOpenAPIRequest(requests.Request("GET", "http://jobs.test/job").prepare())
for text in ("2005-01-01T00:00:00Z", "2005-01-01t00:00:00z"):
    answer = requests.Response()
    answer.status_code = 200
    answer.headers["Content-Type"] = "application/json"
    answer._content = f'{{"start": "{text}"}}'.encode()
    result = api.unmarshal_response(request, RequestsOpenAPIResponse(answer))
    start = result.data["start"] if result.data else None
    print(text, type(start).__name__, "errors", len(result.errors))
PY
seen=$("$folder/venv/bin/python" "$folder/show.py")
printf '%s\n' "$seen"
expected='2005-01-01T00:00:00Z datetime errors 0
2005-01-01t00:00:00z str errors 0'
[ "$seen" = "$expected" ] || { printf 'changed, described was:\n%s\n' "$expected"; exit 1; }
