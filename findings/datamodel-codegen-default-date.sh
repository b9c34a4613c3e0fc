#!/usr/bin/env bash
# Guess: in a model that datamodel-code-generator makes from an OpenAPI contract, a date-time field is a datetime
#   whether the value was sent or comes from the default of the contract.
# Package: datamodel-code-generator 0.89.0, pydantic 2.14.4, Python 3.11
# Behaviour: the sent value is a datetime, the default is the bare string of the contract. Code that subtracts two such
#   fields works until a client leaves one out. The annotation of the field says datetime or None, never a string.
# Reason: the default is written as the JSON value, and pydantic does not validate defaults unless it is asked to.
# Seen: start and length sent: datetime and float; left out: str and int (2026-11-29)
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet 'datamodel-code-generator==0.89.0' 'pydantic==2.14.4'
cat > "$folder/contract.yaml" <<'YAML'
openapi: 3.1.0
info: {title: jobs, version: "1"}
paths: {}
components:
  schemas:
    Job:
      type: object
      properties:
        start: {type: string, format: date-time, default: "2005-01-01T00:00:00Z"}
        length: {type: number, default: 60}
YAML
"$folder/venv/bin/datamodel-codegen" --input "$folder/contract.yaml" --input-file-type openapi \
    --output-model-type pydantic_v2.BaseModel --output "$folder/model.py" 2>/dev/null
cat > "$folder/show.py" <<'PY'
from model import Job

sent = Job.model_validate_json('{"start": "2005-01-01T00:00:00Z", "length": 60}')
left_out = Job.model_validate_json("{}")
print("sent", type(sent.start).__name__, type(sent.length).__name__)
print("left out", type(left_out.start).__name__, type(left_out.length).__name__)
PY
seen=$("$folder/venv/bin/python" "$folder/show.py")
printf '%s\n' "$seen"
expected='sent datetime float
left out str int'
[ "$seen" = "$expected" ] || { printf 'changed, described was:\n%s\n' "$expected"; exit 1; }
