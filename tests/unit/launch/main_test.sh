#!/bin/sh
# Usage: main_test.sh KVCOMPARE. What only the whole program shows: exit codes, and which stream a text goes to.
kvcompare=$1
failures=0

# expect WHAT WANTED GOT
expect() {
  [ "$2" = "$3" ] && return
  printf 'FAILED %s\n  wanted: %s\n  got:    %s\n' "$1" "$2" "$3"
  failures=$((failures + 1))
}

first_line=$("$kvcompare" --help 2>/dev/null | head -n 1 | cut -c 1-18)
expect 'help goes to stdout' 'kvcompare measures' "$first_line"

message=$("$kvcompare" --max_lenght 3 2>&1 >/dev/null)
expect 'a usage error exits with 2' 2 $?
expect 'a usage error goes to stderr' \
  'kvcompare: error: --max_lenght: is no known flag; did you mean --max_length? --help lists all' "$message"

"$kvcompare" presses >/dev/full 2>/dev/null
expect 'a full stdout exits with 4' 4 $?

"$kvcompare" tokenize --tokenizer /nowhere --input /nowhere/in --output /nowhere/out 2>/dev/null
expect 'a missing tokenizer exits with 5' 5 $?

"$kvcompare" --version >/dev/null
expect 'version exits with 0' 0 $?

exit $((failures > 0))
