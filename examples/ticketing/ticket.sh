#!/usr/bin/env bash
# A ticket drives a recovery plan over Airflow's REST API. Needs curl and jq.
#
#   ticket.sh start  PLAN TICKET [CONF]             start the plan once for this ticket; CONF is a JSON object
#   ticket.sh follow PLAN TICKET                    tell what happens until the end, then the result
#   ticket.sh answer PLAN TICKET TASK OPTION [TEXT] answer a gate (Approve, Reject, "Skip wave") or hold_drill (Passed, Failed)
#   ticket.sh cancel PLAN TICKET REASON             stop the execution; a drill is cleaned up
#   ticket.sh result PLAN TICKET                    print the result as JSON
#
# AIRFLOW_URL, and AIRFLOW_TOKEN or AIRFLOW_USER with AIRFLOW_PASSWORD, tell where and who. POLL_SECONDS: how often
# `follow` looks (10).
#
# Exit codes: 0 done, or the execution ended green; 1 it ended red; 2 wrong use; 3 Airflow refused, or did not answer;
# 4 the execution has not ended yet.
set -euo pipefail

die() { echo "ticket.sh: $2" >&2; exit "$1"; }

usage() { sed -n '2,15s/^# \{0,1\}//p' "$0" >&2; exit 2; }

# Neither token nor password appears in the list of processes: curl reads them from a file descriptor.
log_in() {
    [[ -z ${AIRFLOW_TOKEN:-} ]] || return 0
    [[ -n ${AIRFLOW_USER:-} && -n ${AIRFLOW_PASSWORD:-} ]] || die 2 "set AIRFLOW_TOKEN, or AIRFLOW_USER and AIRFLOW_PASSWORD"
    AIRFLOW_TOKEN=$(jq -n '{username: env.AIRFLOW_USER, password: env.AIRFLOW_PASSWORD}' \
        | curl -sS --fail-with-body -H 'Content-Type: application/json' -d @- "$AIRFLOW_URL/auth/token" \
        | jq -er .access_token) || die 3 "Airflow did not accept the login of $AIRFLOW_USER"
}

# request METHOD PATH [BODY]: leaves the HTTP status in $STATUS and the answer in $ANSWER.
request() {
    local out
    out=$(printf '%s' "${3:-}" | curl -sS -X "$1" "$AIRFLOW_URL/api/v2$2" -w '\n%{http_code}' \
        -K <(printf 'header = "Authorization: Bearer %s"\n' "$AIRFLOW_TOKEN") \
        -H 'Content-Type: application/json' ${3:+--data-binary @-}) || die 3 "Airflow does not answer at $AIRFLOW_URL"
    STATUS=${out##*$'\n'} ANSWER=${out%$'\n'*}
}

refused() { die 3 "Airflow refused to $1: $STATUS $(jq -r '.detail // .' <<<"$ANSWER" 2>/dev/null || echo "$ANSWER")"; }

must() { local what=$1; shift; request "$@"; [[ $STATUS == 2* ]] || refused "$what"; }

start() {
    local conf=${1:-'{}'} body
    # The ticket's number is the run's name: Airflow refuses a second run of that name, so repeating this call is safe.
    body=$(jq -n --arg ticket "$TICKET" --argjson conf "$conf" \
        '{dag_run_id: $ticket, logical_date: null, conf: ({ticket: $ticket} + $conf)}') || die 2 "CONF is not a JSON object: $conf"
    must "show the plan $PLAN" GET "/dags/$DAG"
    [[ $(jq .is_paused <<<"$ANSWER") == false ]] \
        || die 3 "$DAG is paused: the run would wait unnoticed. Have it unpaused, then start again"
    request POST "/dags/$DAG/dagRuns" "$body"
    case $STATUS in
        2*) echo "started $PLAN for $TICKET" ;;
        409)
            must "show the run" GET "$RUN"
            [[ $(jq -S .conf <<<"$ANSWER") == "$(jq -S .conf <<<"$body")" ]] \
                || die 3 "$TICKET has started $PLAN with another configuration: $(jq -c .conf <<<"$ANSWER")"
            echo "$PLAN was started for $TICKET before: $(jq -r .state <<<"$ANSWER")" ;;
        *) refused "start $PLAN" ;;
    esac
}

follow() {
    local seen='' now
    while :; do
        must "show the run" GET "$RUN"
        now="run $(jq -r .state <<<"$ANSWER")"
        local over; over=$(jq -r '.state == "success" or .state == "failed"' <<<"$ANSWER")
        must "show who is waited for" GET "$RUN/hitlDetails?response_received=false"
        now+=$(jq -r '.hitl_details[] | select(.task_instance.state == "deferred")
            | "; \(.task_instance.task_id) asks \([.assigned_users[]?.id] | join(", ") | if . == "" then "anybody" else . end): \(.subject)"' <<<"$ANSWER")
        [[ $now == "$seen" ]] || echo "$(date -u +%H:%M:%S) $now"
        seen=$now
        [[ $over == false ]] || break
        sleep "${POLL_SECONDS:-10}"
    done
    result
}

answer() {
    local task=$1 option=$2 text=${3:-} field=comment
    [[ $task == hold_drill ]] && field=notes
    must "take this answer" PATCH "$RUN/taskInstances/$task/-1/hitlDetails" "$(jq -n --arg option "$option" \
        --arg field "$field" --arg text "$text" '{chosen_options: [$option], params_input: {($field): $text}}')"
    echo "$task: $option, answered as $(jq -r .responded_by.name <<<"$ANSWER")"
}

cancel() {
    must "cancel the run" PATCH "$RUN" "$(jq -n --arg note "$1" '{state: "failed", note: $note}')"
    echo "cancelled; cleanup and the final record follow"
}

result() {
    must "show the run" GET "$RUN"
    local state; state=$(jq -r .state <<<"$ANSWER")
    [[ $state == success || $state == failed ]] || die 4 "the execution has not ended: the run is $state"
    request GET "$RUN/taskInstances/finalize/xcomEntries/execution_record?stringify=false"
    if [[ $STATUS == 404 ]]; then # a dry run leaves no record, only what preflight found
        must "show what preflight found" GET "$RUN/taskInstances/prepare/xcomEntries/preflight?stringify=false"
        jq .value <<<"$ANSWER"
        [[ $state == success ]]
        return
    fi
    [[ $STATUS == 2* ]] || refused "show the record"
    jq '.value | {status, attempt, executionId, executionType, initiatedBy, ticket, completedWaves, totalWaves,
                  durationSeconds, waitingSeconds, verdict: .verdict.result, errorMessage,
                  report: .attempts[-1].reportUri}' <<<"$ANSWER"
    [[ $state == success ]]
}

[[ $# -ge 3 ]] || usage
: "${AIRFLOW_URL:?the address of Airflow, for example https://airflow.example.com}"
VERB=$1 PLAN=$2 TICKET=$3
shift 3
DAG="drs_$PLAN"
RUN="/dags/$DAG/dagRuns/$(jq -rn --arg ticket "$TICKET" '$ticket | @uri')"
case $VERB:$# in
    start:0 | start:1 | follow:0 | answer:2 | answer:3 | cancel:1 | result:0) ;;
    *) usage ;;
esac
log_in
"$VERB" "$@"
