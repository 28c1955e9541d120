#!/usr/bin/env bash
# Makes the keys of the users in users.conf, where they are missing, in
# deploy/nats/secrets; one that is there is never changed. Of each user NAME.nk
# holds the seed, which goes to the process of that role (store.nats.nkey_file)
# and nowhere else; keys.conf holds the public halves, which go to the servers.
# Needs openssl 3 and coreutils.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"
dir=secrets
names=(ingest process alert operator)

umask 077
mkdir -p "$dir"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# An nkey is base32 of a prefix, the bytes and their CRC-16/XMODEM, low byte
# first (github.com/nats-io/nkeys). This reads and writes hex.
nkey() {
	local hex=$1 crc=0 i j
	for ((i = 0; i < ${#hex}; i += 2)); do
		((crc ^= 0x${hex:i:2} << 8)) || true
		for ((j = 0; j < 8; j++)); do
			((crc = crc & 0x8000 ? (crc << 1 ^ 0x1021) & 0xffff : crc << 1 & 0xffff)) || true
		done
	done
	hex+=$(printf '%02x%02x' $((crc & 0xff)) $((crc >> 8)))
	printf '%b' "$(sed 's/../\\x&/g' <<<"$hex")" | base32 -w 0 | tr -d '='
}
hexed() { tail -c 32 | od -An -v -tx1 | tr -d ' \n'; }

made=()
for name in "${names[@]}"; do
	[ -s "$dir/$name.nk" ] && [ -s "$dir/$name.pub" ] && continue
	if [ -e "$dir/$name.nk" ]; then
		echo "error: $dir/$name.nk is there and $dir/$name.pub is not" >&2
		echo "hint: bring $name.pub back, or remove both and give the role its new key" >&2
		exit 1
	fi
	openssl genpkey -algorithm ed25519 -outform DER -out "$work/key"
	openssl pkey -in "$work/key" -inform DER -pubout -outform DER -out "$work/pub"
	nkey "a0$(hexed <"$work/pub")" >"$dir/$name.pub"        # U...
	nkey "9500$(hexed <"$work/key")" >"$work/seed"          # SU...
	echo >>"$work/seed"
	mv "$work/seed" "$dir/$name.nk"
	made+=("$name")
done

for name in "${names[@]}"; do
	printf 'PROMPTNESS_%s: "%s"\n' "${name^^}" "$(cat "$dir/$name.pub")"
done >"$work/keys.conf"
mv "$work/keys.conf" "$dir/keys.conf"
chmod 644 "$dir/keys.conf"
[ ${#made[@]} -eq 0 ] && exit 0
echo "made in deploy/nats/$dir: ${made[*]}"
echo "give each NAME.nk to the process of its role alone, and keep operator.nk off these machines"
