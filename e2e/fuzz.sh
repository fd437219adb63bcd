#!/usr/bin/env bash
# Runs the fuzz targets with libFuzzer, led by the coverage of the code: e2e/fuzz.sh [SECONDS] [TARGET…]
#
# Without names, all targets one after another. Inputs that reach new code are kept in target/fuzz/corpus, and those that fail in target/fuzz/failures.
# It needs a C++ compiler beside Rust, and works with the stable toolchain.
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.."
seconds=${1:-60}
[ $# -eq 0 ] || shift
root=$PWD/target/fuzz
triple=$(rustc -vV | sed -n 's/^host: //p')

coverage='--cfg fuzzing --cfg fuzzing_libfuzzer -Cpasses=sancov-module'
for option in inline-8bit-counters level=4 pc-table trace-compares stack-depth; do
    coverage+=" -Cllvm-args=-sanitizer-coverage-$option"
done
echo "==> building the targets with counters of coverage"
# Only the test binaries with targets link libFuzzer, so no other may be built with counters. The compiler's passes want the switch of a nightly one.
binaries=$(RUSTC_BOOTSTRAP=1 BOLERO_FUZZER=libfuzzer RUSTFLAGS=$coverage \
    cargo test --profile fuzz --locked --target "$triple" --target-dir "$root/build" -p plumb-kustomize -p plumb-yaml --test fuzz --no-run --message-format json |
    sed -n 's/.*"executable":"\([^"]*\)".*/\1/p')

failed=0
for binary in $binaries; do
    for target in $("$binary" --list | sed -n 's/: test$//p'); do
        [ $# -eq 0 ] || [[ " $* " == *" $target "* ]] || continue
        mkdir -p "$root/corpus/$target" "$root/failures/$target"
        log=$root/$target.log
        arguments="$root/corpus/$target -artifact_prefix=$root/failures/$target/ -max_total_time=$seconds -timeout=10 -max_len=600 -print_final_stats=1"
        if BOLERO_LIBFUZZER_ARGS=$arguments "$binary" "$target" --exact --nocapture --test-threads 1 >"$log" 2>&1; then
            inputs=$(sed -n 's/^stat::number_of_executed_units: *//p' "$log")
            echo "==> $target: $inputs inputs, none fails"
        else
            failed=1
            echo "==> $target: an input fails, see $log"
        fi
    done
done
exit $failed
