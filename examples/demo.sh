#!/bin/sh
# The main job, twice: 150 topics, the built-in model, a store of its own that is thrown away afterwards.
set -eu
cd "$(dirname "$0")/.."
store=$(mktemp -d)
trap 'rm -rf "$store"' EXIT
export WEFT_STORE="sqlite:///$store/weft.db"

if [ -t 1 ] && [ -z "${NO_COLOR:-}" ]; then bold=$(printf '\033[1m') plain=$(printf '\033[0m'); else bold='' plain=''; fi
say() { printf '\n%s%s%s\n' "$bold" "$*" "$plain"; }

say '$ weft run topic_review examples/topics.csv --model local --out topics.out.csv'
weft run topic_review examples/topics.csv --model local --out topics.out.csv
cp topics.out.csv "$store/first.csv"

say '$ the same again: everything is remembered, no call is made'
weft run topic_review examples/topics.csv --model local --out topics.out.csv
cmp topics.out.csv "$store/first.csv" && echo "topics.out.csv is the same, byte for byte."

say '$ head -n 4 topics.out.csv'
head -n 4 topics.out.csv
