#!/usr/bin/env bash
# Everything that is checked: format, lints, and all tests, on a real cluster.
#
#   e2e/test.sh              all of it
#   e2e/test.sh FILTER …     the same, but of the tests only those whose name contains one of these
#
# Installs the Debian packages that are missing, builds the cluster (once, about 13 minutes on two cores) and the agent, starts a cluster,
# runs the tests and takes the cluster down. With KUBECONFIG set, that cluster is used instead (kind, k3d, any).
# With PLUMB_BIN set, that agent is tested instead of one built here. The last line is the sum; the exit code is 0 when nothing failed.
set -euo pipefail

case "${1:-}" in -h | --help) sed -n '2,9s/^# \{0,1\}//p' "${BASH_SOURCE[0]}"; exit 0 ;; esac

# Cargo runs tests in the folder of their package, where a relative path would lead elsewhere.
[ -z "${PLUMB_BIN:-}" ] || PLUMB_BIN=$(realpath "$PLUMB_BIN")
[ ! -f "${KUBECONFIG:-}" ] || KUBECONFIG=$(realpath "$KUBECONFIG")
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cd "$root"
cluster=test
passed=0
failed=0
job=
e2e=
log=$(mktemp)
named=${KUBECONFIG:-}

step() { printf '==> [%4ss] %s\n' "$SECONDS" "$*"; }

# Runs a command in a process group of its own and waits so that a signal is answered at once: the shell
# would otherwise sit until the command's end, and a part of what the command started would outlive it.
run() {
    set -m
    "$@" </dev/null 8>&- &
    job=$!
    set +m
    local status=0
    wait "$job" || status=$?
    job=
    return "$status"
}

# Stops the clusters of this script and of its tests, also those that a run before left when it was killed.
stop_clusters() {
    local name status=0
    for name in e2e/cluster/run/"$cluster" e2e/cluster/run/"$cluster"-*; do
        [ -d "$name/pki" ] || continue
        "$e2e" local-cluster down --name "${name##*/}" 8>&- || status=1
    done
    return "$status"
}

finish() {
    local status=$?
    trap '' INT TERM HUP
    trap - EXIT
    if [ -n "$job" ]; then
        kill -TERM -- "-$job" 2>/dev/null || true
        for _ in $(seq 100); do
            kill -0 -- "-$job" 2>/dev/null || break
            sleep 0.1
        done
        kill -KILL -- "-$job" 2>/dev/null || true
    fi
    if [ -x "$e2e" ]; then
        step 'stopping what was started'
        stop_clusters || failed=$((failed + 1))
    fi
    rm -f "$log"
    if [ "$status" -ne 0 ] && [ "$failed" -eq 0 ]; then failed=1; fi
    step 'done'
    echo "$passed passed, $failed failed"
    if [ "$status" -eq 0 ] && [ "$failed" -gt 0 ]; then status=1; fi
    exit "$status"
}
trap finish EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
trap 'exit 129' HUP

step 'prerequisites'
e2e/prerequisites.sh

target=$(cargo metadata --format-version 1 --no-deps | sed 's/.*"target_directory":"\([^"]*\)".*/\1/')
mkdir -p "$target"
exec 8>"$target/.e2e-test.lock"
flock -n 8 || { step 'waiting for another run of this script'; flock 8; }
# From here on the clusters are ours to stop.
e2e=$target/debug/e2e

# A check that fails is told at the end as well, and the rest is run all the same.
check() {
    local what=$1
    shift
    step "$what"
    run "$@" || { failed=$((failed + 1)); echo "FAILED: $what"; }
}
check 'format' cargo fmt --all --check
check 'lints' cargo clippy --workspace --all-targets --locked -- -D warnings

step 'building the tests'
run cargo test --workspace --locked --no-run
# The tests that set the clock need an agent that the C library loads.
run cargo build --workspace --locked --bins

step 'building the cluster'
run e2e/cluster/build.sh
stop_clusters

if [ -z "${PLUMB_BIN:-}" ]; then
    step 'building the agent: a static binary, as in the image'
    run bootstrap/build.sh >"$log"
    PLUMB_BIN=$(cat "$log")
    export PLUMB_BIN
fi
[ -x "$PLUMB_BIN" ] || { echo "PLUMB_BIN=$PLUMB_BIN is not a program"; exit 1; }

if [ -n "${KUBECONFIG:-}" ]; then
    step "using the cluster of KUBECONFIG=$KUBECONFIG"
else
    step 'starting the cluster'
    # The variables that it prints are for a shell: see the next line.
    run bash -c 'exec "$@" >/dev/null' - "$e2e" local-cluster up --name "$cluster"
    eval "$("$e2e" local-cluster env --name "$cluster")"
fi

step 'tests'
# One call for all packages: apart they would want some dependencies built anew, with other features.
status=0
run bash -c 'log=$1; shift; set -o pipefail; cargo test --workspace --locked --no-fail-fast -- "$@" 2>&1 | tee "$log"' - "$log" "$@" || status=$?
read -r ok bad < <(awk '/^test result: / { ok += $4; bad += $6 } END { print ok + 0, bad + 0 }' "$log")
passed=$((passed + ok))
failed=$((failed + bad))
# A test program that doesn't end as one has no result line.
if [ "$status" -ne 0 ] && [ "$bad" -eq 0 ]; then failed=$((failed + 1)); fi

if [ $# -eq 0 ]; then
    # The demo starts a cluster of its own, unless the user named one.
    [ -n "$named" ] || unset KUBECONFIG PLUMB_E2E_AUDIT_LOG
    check 'demo' env PLUMB_E2E_BIN="$e2e" bootstrap/demo.sh --once
fi
