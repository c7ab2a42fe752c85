#!/usr/bin/env bash
# tabpfn takes environment variables without a prefix, such as TESTING=1, for its own settings, and cannot be imported then.
# Seen with tabpfn 9.2.0, pydantic-settings 2.16.3 and torch 2.14.1, on Python 3.11 for Linux.
#
# Its settings are three groups inside one class of pydantic-settings that names no prefix: `tabpfn`, `testing` and `pytorch`. Such a
# class reads each field from the environment variable of the field's name in any case, so TESTING, PYTORCH and TABPFN must hold JSON
# objects or be unset. TESTING=1, which many projects set for their test runs, ends `import tabpfn` with a ValidationError; a word ends
# it with a SettingsError. The variables that tabpfn documents all begin with TABPFN_.
#
# Output seen:
#   without TESTING: imported
#   TESTING=1: ValidationError, of the field testing: True
#   TESTING=true-ish: SettingsError, of the field testing: True
#   TESTING={}: imported
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
./venv/bin/pip install --quiet --disable-pip-version-check tabpfn==9.2.0 pydantic-settings==2.16.3 torch==2.14.1
cat > see.py <<'PYTHON'
try:
    import tabpfn
except Exception as error:
    print(f"{type(error).__name__}, of the field testing: {'testing' in str(error)}")
else:
    print("imported")
PYTHON
unset TESTING
for value in none 1 true-ish '{}'; do
  if [ "$value" = none ]; then
    found="without TESTING: $(./venv/bin/python see.py)"
  else
    found="TESTING=$value: $(TESTING="$value" ./venv/bin/python see.py)"
  fi
  echo "$found"
  echo "$found" >> output
done
diff output - <<'OUTPUT'
without TESTING: imported
TESTING=1: ValidationError, of the field testing: True
TESTING=true-ish: SettingsError, of the field testing: True
TESTING={}: imported
OUTPUT
