# Steps of a run: sourced by .ci/run. Counts what passed and what failed, and says how long each step took.

passed=0
failed=0
summary=()
logs=$(mktemp -d)

# step TITLE MINUTES COMMAND...: runs the command with a heading; a failure is counted and the run goes on.
# What the command says it could not run here, in lines `NOT RUN: WHAT: WHY`, is told again at the end and counts as nothing.
step() {
  local title=$1 minutes=$2 status=0 started=$SECONDS log line
  shift 2
  log=$logs/${#summary[@]}
  printf '\n=== %s\n' "$title"
  timeout --kill-after=30s "${minutes}m" "$@" 2>&1 | tee "$log" || status=$?
  count "$log" "$status"
  summary+=("$(printf '%-34s %6s s  %s' "$title" $((SECONDS - started)) "$outcome")")
  while IFS= read -r line; do
    summary+=("$(printf '%-34s           %s' "$title" "$line")")
  done < <(grep '^NOT RUN: ' "$log")
  printf -- '--- %s: %s, %s s\n' "$title" "$outcome" $((SECONDS - started))
}

# count LOG STATUS: adds the tests that the log tells of, else the step itself. Sets `outcome`.
# Known endings: bun's ` 12 pass`, ` 0 fail`, ` 3 skip`; and `12 passed, 0 failed`. Nothing may be skipped here.
count() {
  local log=$1 status=$2 good bad skipped
  good=$(total "$log" 's/^ *([0-9]+) pass$/\1/p; s/^([0-9]+) passed, [0-9]+ failed$/\1/p')
  bad=$(total "$log" 's/^ *([0-9]+) fail$/\1/p; s/^[0-9]+ passed, ([0-9]+) failed$/\1/p')
  skipped=$(total "$log" 's/^ *([0-9]+) (skip|todo)$/\1/p')
  bad=$((bad + skipped))
  if [ $((good + bad)) -eq 0 ] && [ "$status" -eq 0 ]; then good=1; fi
  if [ "$bad" -eq 0 ] && [ "$status" -ne 0 ]; then bad=1; fi
  passed=$((passed + good))
  failed=$((failed + bad))
  outcome="$good passed, $bad failed"
  [ "$skipped" -eq 0 ] || outcome="$outcome ($skipped of these skipped)"
  [ "$status" -ne 124 ] || outcome="$outcome (out of time)"
}

# total LOG SCRIPT: sum of the numbers that the sed script prints.
total() {
  sed -nE "s/\x1b\[[0-9;]*m//g; $2" "$1" | awk '{ sum += $1 } END { print sum + 0 }'
}

# finish: the table of steps, and the line that tells the result; exits non-zero when anything failed.
finish() {
  printf '\n=== summary\n'
  printf '%s\n' "${summary[@]}"
  rm -rf "$logs"
  echo "$passed passed, $failed failed"
  [ "$failed" -eq 0 ]
}
