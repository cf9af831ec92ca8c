#!/usr/bin/env bash
# Records the golden traces of the format version that this version writes. Run it when the version was raised, then look at
# what `INSTA_UPDATE=always cargo test --release --test golden` changes in the snapshots, and name the folder in golden.rs.
# Needs gcc with a static C library, and the built binary as `trapline` on the path.
set -euo pipefail
cd "$(dirname "$0")"
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
mkdir -p "$scratch/root/bin"
gcc -O1 -static -pthread family.c -o "$scratch/root/bin/family"
# 2 is what the program ends with.
(cd "$scratch" && echo hello | trapline record -o family.trap --quantum 2ms --root root -- /bin/family) || [ $? = 2 ]
version=$(sed -n 's/.*"format_version": \([0-9]*\).*/\1/p' "$scratch/family.trap/meta.json")
mkdir -p "v$version/family.trap"
# Tables are made from the log.
cp "$scratch/family.trap/meta.json" "$scratch/family.trap/events.log" "v$version/family.trap/"
echo "v$version/family.trap"

# The same of a program on Linux, with an environment that says nothing of who recorded it.
cp shell.sh "$scratch/"
ln -s "$(command -v trapline)" "$scratch/trapline"
(cd "$scratch" && cat /dev/null | env -i PATH=.:/usr/bin:/bin trapline record --page-faults -o shell.trap -- sh shell.sh 2>&1 | cat) || true
mkdir -p "v$version/shell.trap"
cp "$scratch/shell.trap/meta.json" "$scratch/shell.trap/events.log" "v$version/shell.trap/"
echo "v$version/shell.trap"

# One with its machine, to be replayed: built-in guests, which ask no CPU what it can do.
(cd "$scratch" && echo hello | trapline record -o machine.trap --tracer none --quantum 1ms --tick 500us \
    --job 'tell a' --job 'job 3 300 disk' --job 'spin 8' --job 'tight float 2000000' --job 'heap 64' --job 'fault null' || true)
rm -rf "v$version/machine.trap"
mkdir -p "v$version/machine.trap"
cp -r "$scratch/machine.trap/meta.json" "$scratch/machine.trap/events.log" "$scratch/machine.trap/replay" "v$version/machine.trap/"
echo "v$version/machine.trap"
