#!/usr/bin/env bash
# How fast the renderer is, beside the real kustomize, in one run: e2e/bench/render.sh [--json]
#
# Builds both, measures over the overlays of this repository (and ../shared/corpus, if it is there), and fails when a goal is missed.
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/../.."
e2e/cluster/build.sh tools
plumb=$(bootstrap/build.sh)
trees=(--trees overlays)
[ ! -d ../shared/corpus ] || for tree in ../shared/corpus/*/; do trees+=(--trees "$tree"); done
cargo run --release --locked -q -p bench -- render --plumb "$plumb" --kustomize e2e/cluster/bin/kustomize "${trees[@]}" "$@"
