#!/usr/bin/env bash
# Installs what the tests run against, where it is missing: Debian's own
# Dovecot, Prometheus, Alertmanager and strace, a C compiler for the race detector,
# python3 for whoever verifies an export, and public test mails: those of Python's
# own tests and of a Go module.
# It starts no service, and says nothing if all is there. A test needs a server
# of its own on its own ports; one that the package left running on the usual
# ports would be in the way.
set -euo pipefail

packages=(dovecot-imapd prometheus prometheus-alertmanager strace)
command -v "${CC:-cc}" >/dev/null || packages+=(gcc libc6-dev)
if [ -x /usr/bin/python3 ]; then
	# The package of its tests bears its version.
	packages+=("libpython$(/usr/bin/python3 -c 'import sys; print("%d.%d" % sys.version_info[:2])')-testsuite")
else
	packages+=(python3)
fi

# Test mails that a Go module brings. The version stands in
# ingest/email/public_test.go, too; the checksum database says that it is whole.
mails=github.com/jhillyerd/enmime/v2@v2.3.0
if command -v go >/dev/null && ! (cd / && go mod download "$mails"); then
	echo "error: the test mails of $mails cannot be had" >&2
	echo "hint: go said why above; by hand: (cd / && go mod download $mails)" >&2
	exit 1
fi

# The units that the packages bring, to be left off.
units=(dovecot.socket dovecot.service prometheus.service prometheus-alertmanager.service)

# Services are kept from starting by this file, which invoke-rc.d asks. It is
# ours, and goes again, if it holds the mark.
policy=/usr/sbin/policy-rc.d
mark='# written by the test install of promptness; safe to delete'

missing=()

find_missing() {
	missing=()
	local p
	for p in "${packages[@]}"; do
		[ "$(dpkg-query -W -f='${db:Status-Status}' "$p" 2>/dev/null || true)" = installed ] || missing+=("$p")
	done
}

say_and_stop() {
	{
		echo "error: the tests need Debian packages that are not installed: ${missing[*]}"
		echo "hint: $1"
	} >&2
	exit 1
}

drop_policy() {
	if [ -f "$policy" ] && grep -qxF "$mark" "$policy"; then rm -f "$policy"; fi
}

forbid_starting() {
	drop_policy # of a run that was killed
	# Another answer that stands here already belongs to whoever runs this
	# machine. It is asked as it is; leave_off is for what it lets through.
	[ -e "$policy" ] && return
	trap drop_policy EXIT
	trap 'exit 130' INT
	trap 'exit 143' TERM HUP
	printf '#!/bin/sh\n%s\nexit 101\n' "$mark" >"$policy"
	chmod 755 "$policy"
}

# leave_off stops and disables what was not there before, where systemd runs:
# an enabled unit would take the ports at the next boot.
leave_off() {
	[ -d /run/systemd/system ] || return 0
	local u
	for u in "${new_units[@]}"; do
		systemctl disable --quiet --now "$u" 2>/dev/null || true
	done
}

apt() {
	DEBIAN_FRONTEND=noninteractive apt-get -qq -o DPkg::Lock::Timeout=300 -o Acquire::Retries=3 "$@" </dev/null
}

install_missing() {
	# Fresh machines have no lists, old ones have lists whose files are gone.
	apt install -y --no-install-recommends "${missing[@]}" >"$log" 2>&1 && return
	apt update >"$log" 2>&1 || return
	apt install -y --no-install-recommends "${missing[@]}" >"$log" 2>&1
}

if ! command -v dpkg-query >/dev/null || ! command -v apt-get >/dev/null; then
	missing=("${packages[@]}")
	say_and_stop "run the tests on Debian or Ubuntu, in a container for example (golang:1.26.8-bookworm)"
fi

find_missing
[ ${#missing[@]} -eq 0 ] && exit 0

by_hand="apt-get update && apt-get install --no-install-recommends ${missing[*]}"
if [ "$(id -u)" -ne 0 ]; then
	if command -v sudo >/dev/null && sudo -n true 2>/dev/null; then
		exec sudo -n -- env CC="${CC:-cc}" bash "${BASH_SOURCE[0]}"
	fi
	say_and_stop "as root: $by_hand"
fi

new_units=()
for u in "${units[@]}"; do
	if ! [ -e "/lib/systemd/system/$u" ] && ! [ -e "/usr/lib/systemd/system/$u" ]; then new_units+=("$u"); fi
done

echo "install ${missing[*]}"
log=$(mktemp)
forbid_starting
if ! install_missing; then
	tail -n 20 "$log" >&2
	rm -f "$log"
	say_and_stop "apt-get said why above; by hand: $by_hand"
fi
rm -f "$log"
leave_off

find_missing
[ ${#missing[@]} -eq 0 ] || say_and_stop "by hand: $by_hand"
# What goes by a version is known only now.
for p in "${packages[@]}"; do
	[ "$p" != python3 ] || exec bash "${BASH_SOURCE[0]}"
done
