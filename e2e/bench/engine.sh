#!/usr/bin/env bash
# The agent on a real cluster: how soon it applies, sees and repairs, and what it takes: e2e/bench/engine.sh [PART…] [--json]
#
# PART is bulk, changes, deletions, push, promote, fleet or many; all of them without one. Builds the agent as it is released, starts a cluster and takes it
# down again; fails when a goal is missed. With KUBECONFIG set (and PLUMB_E2E_AUDIT_LOG for bulk), that cluster is used instead, and with PLUMB_BIN set, that agent.
# Wants a machine that does nothing else.
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/../.."
parts=()
flags=()
for word in "$@"; do
    case "$word" in -*) flags+=("$word") ;; *) parts+=("$word") ;; esac
done
[ ${#parts[@]} -gt 0 ] || parts=(changes deletions push promote bulk fleet many)
[ -n "${PLUMB_BIN:-}" ] || PLUMB_BIN=$(bootstrap/build.sh)
# The last as in the image.
export PLUMB_BIN PLUMB_LOG=info MIMALLOC_PURGE_DELAY=0
cargo build --release --locked -q -p bench -p e2e
target=$(cargo metadata --format-version 1 --no-deps | sed 's/.*"target_directory":"\([^"]*\)".*/\1/')/release
if [ -z "${KUBECONFIG:-}" ]; then
    e2e/cluster/build.sh controlplane kwok tools
    trap '"$target/e2e" local-cluster down --name bench' EXIT
    "$target/e2e" local-cluster up --name bench >/dev/null
    eval "$("$target/e2e" local-cluster env --name bench)"
fi
status=0
for part in "${parts[@]}"; do
    "$target/bench" engine "$part" "${flags[@]}" || status=$?
done
exit "$status"
