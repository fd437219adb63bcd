#!/usr/bin/env bash
# Installs the Debian packages that the build, the tests and the demo need, when one is missing. Rust and Go are not among them.
set -euo pipefail

# command, package, what needs it
needed="
git         git             the tests push to it and read with it
cc          gcc             libgit2, OpenSSL and libssh2 are built from source
make        make            OpenSSL is built with it
perl        perl            OpenSSL is built with it
ssh-keygen  openssh-client  deploy keys
sshd        openssh-server  the tests clone over SSH from one on loopback
curl        curl            the demo asks the agent with it
gpg         gpg             the tests sign commits with it
gpg-agent   gpg-agent       gpg asks it for its keys
faketime    faketime        the tests set the clock of an agent with it
npm         npm             the tests fetch the published description of an API with it
"
PATH=$PATH:/usr/sbin:/sbin

packages=()
while read -r command package _; do
    [ -z "$command" ] || command -v "$command" >/dev/null || packages+=("$package")
done <<<"$needed"
# The C library's headers and its static form; gcc only recommends them.
if ! echo '#include <stdio.h>' | cc -E - >/dev/null 2>&1; then packages+=(libc6-dev); fi

for tool in cargo go; do
    command -v "$tool" >/dev/null || { echo "$tool is not installed: see rust-version in Cargo.toml and the go line of e2e/cluster/controlplane/go.mod for the versions" >&2; exit 1; }
done
[ ${#packages[@]} -gt 0 ] || exit 0

echo "==> installing ${packages[*]}" >&2
command -v apt-get >/dev/null || { echo "no apt-get here: install what these Debian packages hold: ${packages[*]}" >&2; exit 1; }
root=()
if [ "$(id -u)" -ne 0 ]; then
    command -v sudo >/dev/null || { echo "not root, and no sudo: install ${packages[*]}" >&2; exit 1; }
    root=(sudo)
fi

# A package may start the service that it brings. The tests start their own, so this tells Debian not to.
policy=/usr/sbin/policy-rc.d
if [ ! -e "$policy" ]; then
    trap '"${root[@]}" rm -f "$policy"' EXIT
    printf '#!/bin/sh\nexit 101\n' | "${root[@]}" tee "$policy" >/dev/null
    "${root[@]}" chmod 755 "$policy"
fi
apt() { "${root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -q -o DPkg::Lock::Timeout=300 "$@" </dev/null >&2; }
apt install -y --no-install-recommends "${packages[@]}" || { apt update && apt install -y --no-install-recommends "${packages[@]}"; }
