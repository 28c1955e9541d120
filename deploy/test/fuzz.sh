#!/usr/bin/env bash
# Runs every fuzz target of the module, one after the other, for the time given
# (30s if none is). Stops at the first that finds something.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
for_each="${1:-30s}"

found=0
while IFS=: read -r file target; do
	found=$((found + 1))
	echo "fuzz $(dirname "$file") $target"
	go test "./$(dirname "$file")" -run '^$' -fuzz "^${target}\$" -fuzztime "$for_each"
done < <(grep -rnoE --include='*_test.go' '^func Fuzz[A-Za-z0-9_]*' . |
	sed -E 's|^\./||; s|:[0-9]+:func |:|' | sort)

echo "$found fuzz targets, nothing found"
