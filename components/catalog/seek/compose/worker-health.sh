#!/bin/bash
# Succeeds when there are workers and all of them live. Reads pid files only: upstream's check starts Rails each time.
shopt -s nullglob

pids=(/seek/tmp/pids/delayed_job*.pid)
if ((${#pids[@]} == 0)); then
  echo "no worker has started"
  exit 1
fi
for file in "${pids[@]}"; do
  # The file of a worker that ends in peace goes away with it.
  pid="$(cat "$file" 2> /dev/null)"
  if ! kill -0 "$pid" 2> /dev/null; then
    [[ -e "$file" ]] || continue
    echo "the worker of ${file##*/} is dead"
    exit 1
  fi
done
