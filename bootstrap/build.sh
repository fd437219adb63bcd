#!/usr/bin/env bash
# Builds the agent as a static binary, as the image holds it, and prints where it is.
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.."
triple=$(rustc -vV | sed -n 's/^host: //p')
target=$(cargo metadata --format-version 1 --no-deps | sed 's/.*"target_directory":"\([^"]*\)".*/\1/')
# A target that is named keeps the flags away from build scripts and procedural macros, which can't be static.
# It lies at a fixed address: see docs/decisions/0019-small-processes.md.
RUSTFLAGS='-C target-feature=+crt-static -C relocation-model=static' cargo build --release --locked -p plumb --target "$triple" >&2
echo "$target/$triple/release/plumb"
