#!/bin/sh
# Writes the last section of every scenario anew with the real kustomize: tests/regenerate.sh /path/to/kustomize
UPDATE_SCENARIOS=$1 cargo test --quiet --package plumb-kustomize --test scenarios
