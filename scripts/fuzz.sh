#!/usr/bin/env bash
# Runs every fuzz target for the given time (default 20s).
set -eu
cd "$(dirname "$0")/.."
time=${1:-20s}
grep -rlE '^func Fuzz' --include='*_test.go' . | grep -v node_modules | xargs -n1 dirname | sort -u | while read -r dir; do
  for target in $(go test "$dir" -list '^Fuzz' | grep '^Fuzz'); do
    echo "== $dir $target"
    go test "$dir" -run '^$' -fuzz "^$target\$" -fuzztime "$time"
  done
done
