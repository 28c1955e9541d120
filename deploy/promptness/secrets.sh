#!/usr/bin/env bash
# Makes the secrets that deploy/promptness/promptness.yml names, where they are
# missing, in deploy/promptness/secrets; one that is there is never changed. In
# the containers promptness is user 65532 and Alertmanager user 65534, and
# promptness refuses a secret that everybody can read: so the files change
# hands, which needs root or sudo.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"
dir=secrets
names=(pepper person-1001 person-1002 alertmanager)

umask 077
mkdir -p "$dir"
made=()
for name in "${names[@]}"; do
	[ -s "$dir/$name" ] && continue
	head -c 32 /dev/urandom | od -An -v -tx1 | tr -d ' \n' >"$dir/$name.new"
	echo >>"$dir/$name.new"
	mv "$dir/$name.new" "$dir/$name"
	made+=("$name")
done
[ ${#made[@]} -eq 0 ] && exit 0

as_root=()
if [ "$(id -u)" -ne 0 ]; then
	if ! command -v sudo >/dev/null; then
		echo "error: the secrets must belong to the users of the containers" >&2
		echo "hint: as root: chown 65532:65534 deploy/promptness/$dir/*; chmod 440 deploy/promptness/$dir/alertmanager" >&2
		exit 1
	fi
	as_root=(sudo)
fi
for name in "${made[@]}"; do
	if [ "$name" = alertmanager ]; then # both containers read it
		"${as_root[@]}" chmod 440 "$dir/$name"
		"${as_root[@]}" chown 65532:65534 "$dir/$name"
	else
		"${as_root[@]}" chmod 400 "$dir/$name"
		"${as_root[@]}" chown 65532:65532 "$dir/$name"
	fi
done
echo "made in deploy/promptness/$dir: ${made[*]}"
echo "keep a copy of pepper elsewhere, away from the backups of the volume"
