#!/bin/sh
# Writes expected.yaml of every scenario with the real kustomize: tests/regenerate.sh [KUSTOMIZE]
set -eu
kustomize=${1:-kustomize}
cd "$(dirname "$0")/scenarios"
for scenario in */; do
    path=${scenario}input
    if [ -d "$path/overlay" ]; then path=$path/overlay; fi
    "$kustomize" build "$path" >"${scenario}expected.yaml"
done
