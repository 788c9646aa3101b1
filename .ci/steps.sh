# Steps of a run, sourced by .ci/run. Counts passed and failed tests, and reports how long each step took.

# A safety net for a step that hangs, in minutes. No step takes nearly as long.
STEP_MINUTES=25

passed=0
failed=0
summary=()
flaky=()
logs=$(mktemp -d)

# step TITLE COMMAND...: runs the command with a heading. If it fails, runs it once more. If it passes then, the step
# has passed, and the tests that failed at first are listed at the end in lines `FLAKY: TITLE: TEST`. Each of them is a
# bug. Lines `NOT RUN: WHAT: WHY`, for tests that the command could not run here, are repeated at the end and are not
# counted.
step() {
  local title=$1 started=$SECONDS log line
  shift
  log=$logs/${#summary[@]}
  printf '\n=== %s\n' "$title"
  attempt "$log" "$@"
  if [ "$bad" -ne 0 ]; then
    mv "$log" "$log.first"
    printf -- '--- %s: %s; once more\n' "$title" "$outcome"
    attempt "$log" "$@"
    if [ "$bad" -eq 0 ]; then
      while IFS= read -r line; do flaky+=("FLAKY: $title: $line"); done < <(failures "$log.first")
    fi
  fi
  passed=$((passed + good))
  failed=$((failed + bad))
  summary+=("$(printf '%-34s %6s s  %s' "$title" $((SECONDS - started)) "$outcome")")
  while IFS= read -r line; do
    summary+=("$(printf '%-34s           %s' "$title" "$line")")
  done < <(grep '^NOT RUN: ' "$log")
  printf -- '--- %s: %s, %s s\n' "$title" "$outcome" $((SECONDS - started))
}

# attempt LOG COMMAND...: runs the command, shows and keeps what it prints, and counts it.
attempt() {
  local log=$1 status=0
  shift
  timeout --kill-after=30s "${STEP_MINUTES}m" "$@" 2>&1 | tee "$log" || status=$?
  count "$log" "$status"
}

# count LOG STATUS: counts the tests in the log, or else the step itself. Sets `good`, `bad` and `outcome`. Knows these
# endings: bun's ` 12 pass`, ` 0 fail`, ` 3 skip`; and `12 passed, 0 failed`. A skipped test counts as failed.
count() {
  local log=$1 status=$2 skipped
  good=$(total "$log" 's/^ *([0-9]+) pass$/\1/p; s/^([0-9]+) passed, [0-9]+ failed$/\1/p')
  bad=$(total "$log" 's/^ *([0-9]+) fail$/\1/p; s/^[0-9]+ passed, ([0-9]+) failed$/\1/p')
  skipped=$(total "$log" 's/^ *([0-9]+) (skip|todo)$/\1/p')
  bad=$((bad + skipped))
  if [ $((good + bad)) -eq 0 ] && [ "$status" -eq 0 ]; then good=1; fi
  if [ "$bad" -eq 0 ] && [ "$status" -ne 0 ]; then bad=1; fi
  outcome="$good passed, $bad failed"
  [ "$skipped" -eq 0 ] || outcome="$outcome ($skipped of these skipped)"
  [ "$status" -ne 124 ] || outcome="$outcome (out of time)"
}

# failures LOG: the names of the failed tests, one per line; for a step without tests, the last line of its log.
failures() {
  local names
  names=$(sed -nE 's/\x1b\[[0-9;]*m//g; s/^\(fail\) (.*)$/\1/p; s/^FAILED:? (.*)$/\1/p; s/^check: failed: (.*)$/\1/p' "$1" | sort -u)
  if [ -n "$names" ]; then printf '%s\n' "$names"; else tail -n 1 "$1"; fi
}

# total LOG SCRIPT: sum of the numbers that the sed script prints.
total() {
  sed -nE "s/\x1b\[[0-9;]*m//g; $2" "$1" | awk '{ sum += $1 } END { print sum + 0 }'
}

# finish: prints the table of steps and the result; exits non-zero if anything failed.
finish() {
  printf '\n=== summary\n'
  printf '%s\n' "${summary[@]}"
  [ ${#flaky[@]} -eq 0 ] || printf '%s\n' "${flaky[@]}"
  rm -rf "$logs"
  echo "$passed passed, $failed failed"
  [ "$failed" -eq 0 ]
}
