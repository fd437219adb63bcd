#!/usr/bin/env bash
# What trees cost that are made to hurt, with the agent as it is released: e2e/bench/limits.sh [FILTER]
#
# Builds the agent; fails when a tree is not refused as it should be, or takes a second or 256 MiB.
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/../.."
plumb=$(bootstrap/build.sh)
cargo run --release --locked -q -p bench -- limits --plumb "$plumb" "$@"
