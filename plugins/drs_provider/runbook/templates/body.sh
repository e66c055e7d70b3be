
# ---------------------------------------------------------------------------------------------------------------------
# From here on every runbook is the same.

usage() {
    cat <<END
usage: sh $0 [--check] [--waves N[,N...]] [--attempt N]

  --check     prove the accounts and show what DRS says of the servers; start nothing
  --waves     only these waves, by number
  --attempt   2, 3, ...: launch again what an earlier attempt of this runbook failed to launch, or what was terminated

It asks before it starts anything. It is safe to run again: a server in a job of this runbook is followed, not launched.
Calls are made as you: log in for the aws command line first (aws sts get-caller-identity shows who you are).
RUNBOOK_POLL_SECONDS (20) is the time between two looks.
END
}

POLL=${RUNBOOK_POLL_SECONDS:-20}
GRACE_LOOKS=15
ATTEMPT=1 ONLY='' CHECK='' WHO=''
KEY_ID='' SECRET='' TOKEN=''
# The Region's own STS: the global one may be in the Region that is lost.
export AWS_STS_REGIONAL_ENDPOINTS=regional AWS_PAGER=''

say() { printf '%s  %s\n' "$(date -u +%H:%M:%SZ)" "$*"; }
stop() {
    say "STOPPED: $*" >&2
    exit 1
}
# People answer on descriptor 3: what loops read is theirs.
ask() {
    printf '\n%s ' "$1"
    IFS= read -r ANSWER <&3 || stop "nobody answered: $1"
}
pause() { sleep "$POLL"; }

while [ $# -gt 0 ]; do
    case $1 in
    --check) CHECK=yes ;;
    --waves | --attempt)
        [ $# -gt 1 ] || {
            usage >&2
            exit 2
        }
        if [ "$1" = --waves ]; then ONLY=",$2,"; else ATTEMPT=$2; fi
        shift
        ;;
    -h | --help)
        usage
        exit 0
        ;;
    *)
        usage >&2
        exit 2
        ;;
    esac
    shift
done
case $ATTEMPT in
'' | 0* | *[!0-9]*)
    echo "--attempt $ATTEMPT: give a number from 1 on" >&2
    exit 2
    ;;
esac
for number in $(printf '%s' "$ONLY" | tr ',' ' '); do
    case ",$(printf '%s' "$STAGES" | tr ' ' ',')," in
    *",$number,"*) ;;
    *)
        echo "--waves $number: the waves of this runbook are $(printf '%s' "$STAGES" | tr ',' ' ')" >&2
        exit 2
        ;;
    esac
done

exec 3<&0
T=$(mktemp -d) || exit 1
trap 'rm -rf "$T"' EXIT
trap 'say "interrupted: jobs in DRS continue. Run this script again: it follows them."; exit 130' INT TERM

# ------------------------------------------------------------------------------------------------------------- the account

# An aws call in the account and Region of the wave, with its role; your own credentials stay as they are.
aws_here() {
    (
        if [ -n "$ROLE_ARN" ]; then
            unset AWS_PROFILE AWS_DEFAULT_PROFILE AWS_SECURITY_TOKEN
            AWS_ACCESS_KEY_ID=$KEY_ID AWS_SECRET_ACCESS_KEY=$SECRET AWS_SESSION_TOKEN=$TOKEN
            export AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY AWS_SESSION_TOKEN
        fi
        exec aws --region "$REGION" --output text "$@" 3<&- </dev/null
    )
}

assume_role() {
    set -- --role-arn "$ROLE_ARN" --role-session-name "$SESSION"
    [ -z "$EXTERNAL_ID" ] || set -- "$@" --external-id "$EXTERNAL_ID"
    keys=$(aws --region "$REGION" --output text sts assume-role "$@" \
        --query 'Credentials.[AccessKeyId,SecretAccessKey,SessionToken]' 3<&- </dev/null)
}

# at WAVE: its values, and credentials that are proven to be its account's. They are kept, in memory, for 20 minutes.
at() {
    wave "$1"
    asked_for=$1
    eval "kept=\${KEPT_$TARGET-}"
    # shellcheck disable=SC2154,SC2086 # set by eval; words
    set -- $kept
    if [ $# -gt 0 ] && [ $(($(date +%s) - $1)) -lt 1200 ]; then
        KEY_ID=${2-} SECRET=${3-} TOKEN=${4-}
        return 0
    fi
    keys=''
    if [ -n "$ROLE_ARN" ] && ! assume_role; then
        say "no credentials of $ROLE_ARN: log in with what may assume it, and look at its trust policy and external ID"
        return 1
    fi
    # shellcheck disable=SC2086 # words
    set -- $keys
    KEY_ID=${1-} SECRET=${2-} TOKEN=${3-}
    found=$(aws_here sts get-caller-identity --query Account) || {
        say "account $ACCOUNT is not proven: AWS does not say whose credentials these are"
        return 1
    }
    [ "$found" = "$ACCOUNT" ] || stop "these credentials are of account $found; the servers of wave $asked_for are in $ACCOUNT.
          Nothing was called there. Log in for $ACCOUNT, and run this again."
    kept="$(date +%s) $keys"
    eval "KEPT_$TARGET=\$kept"
}

# ----------------------------------------------------------------------------------------------------- what DRS and EC2 say

# rows FILE AWS-WORDS...: an answer as rows; an answer without its list is an error, not an empty list.
rows() {
    rows_of=$1
    shift
    aws_here "$@" >"$rows_of" || return 1
    if grep -qx None "$rows_of"; then
        say "an answer has no list: aws $*"
        return 1
    fi
}

# look WAVE: writes $T/state.WAVE, a row for each server:
#   server state job instance ec2-state address CRITICAL|OPTIONAL point-in-time name
# States: TODO, BUSY (in a job of others), LIVE (a launch would destroy its instance), RUNNING, UNDECIDED, RECOVERED, FAILED.
look() {
    rows "$T/jobs" drs describe-jobs --filters "fromDate=$JOBS_FROM" --query "items[].['JOB',jobID,status,type,
        tags.ExecutionId,tags.WaveNumber,tags.Attempt,
        participatingServers[].['SERVER',sourceServerID,launchStatus,recoveryInstanceID]]" || return 1
    rows "$T/instances" drs describe-recovery-instances --query \
        'items[].[sourceServerID,ec2InstanceID,recoveryInstanceID,ec2InstanceState,isDrill,jobID]' || return 1
    : >"$T/own"
    : >"$T/busy"
    awk -F '\t' -v execution="$EXECUTION" -v wave="$1" -v own="$T/own" -v busy="$T/busy" '
        $1 == "JOB" {
            if (open) print waits
            job = $2; status = $3; attempt = $7
            ours = $5 == execution
            mine = ours && $4 == "LAUNCH" && $6 == wave
            open = mine && status != "COMPLETED"; waits = job
        }
        $1 == "SERVER" {
            open = 0
            if (mine) print $2, job, status, attempt, $3, $4 >own
            else if (!ours && status != "COMPLETED") print $2 >busy
        }
        END { if (open) print waits }
    ' "$T/jobs" >"$T/untold"
    if [ -s "$T/untold" ]; then
        say "jobs do not say yet which servers they hold: $(cat "$T/untold")"
        return 1
    fi
    # Jobs that DRS started a moment ago, and does not list yet.
    touch "$T/started.$1"
    while read -r server job; do
        grep -q "	$job	" "$T/jobs" || echo "$server $job STARTED $ATTEMPT PENDING None" >>"$T/own"
    done <"$T/started.$1"
    # With the instance: the job tells it late or never, DRS lists it under its job.
    sort -k4,4n "$T/own" | awk '
        FILENAME == ARGV[1] { instance[$1, $6] = $2 == "None" ? $3 : $2; next }
        { id = $6; if (id == "None" || id == "") id = instance[$1, $2]; print $1, $2, $3, $4, $5, id == "" ? "None" : id }
    ' "$T/instances" - >"$T/known"
    : >"$T/ec2"
    awk '$6 != "None" { print $6 }' "$T/known" | sort -u | lines_of 100 >"$T/ids"
    while read -r ids; do
        rows "$T/some" ec2 describe-instances --filters "Name=instance-id,Values=$(printf '%s' "$ids" | tr ' ' ',')" \
            --query 'Reservations[].Instances[].[InstanceId,State.Name,PrivateIpAddress]' || return 1
        cat "$T/some" >>"$T/ec2"
    done <"$T/ids"
    servers "$1" | awk -v attempt="$ATTEMPT" -v known="$T/known" -v ec2="$T/ec2" -v instances="$T/instances" -v busy="$T/busy" '
        function gone(text) { return text == "TERMINATED" || text == "NOT_FOUND" || text == "SHUTTING-DOWN" }
        BEGIN {
            while ((getline <known) > 0) { job[$1] = $2; status[$1] = $3; tried[$1] = $4; launch[$1] = $5; id[$1] = $6 }
            while ((getline <ec2) > 0) { state[$1] = $2; address[$1] = $3 }
            while ((getline <busy) > 0) taken[$1] = 1
            # What DRS does not tell counts for the worst: no isDrill is no drill, no server may be any.
            while ((getline <instances) > 0) {
                if (gone($4)) continue
                if ($1 == "None") stray = $2
                else if ($5 != "True" || $3 == "None") { live[$1] = $2; of[$1] = $6 }
            }
        }
        {
            server = $1; point = $2; weight = $3
            name = $0; sub(/^[^ ]+ [^ ]+ [^ ]+ /, "", name)
            found = "TODO"; in_job = "-"; at = "-"; shown = "-"; ip = "-"
            if (server in job) {
                at = id[server]; shown = (at in state) ? state[at] : "-"; ip = (at in address) ? address[at] : "-"
                exists = shown != "-" && shown != "terminated" && shown != "shutting-down"
                told = at != "None"
                if (status[server] != "COMPLETED") found = "RUNNING"
                else if (launch[server] == "LAUNCHED" && exists) found = "RECOVERED"
                else if (launch[server] == "LAUNCHED" && !told) found = "UNDECIDED"
                else if (tried[server] < attempt && !exists) found = "TODO"
                else if (launch[server] == "FAILED" || launch[server] == "TERMINATED" || exists) found = "FAILED"
                else found = "UNDECIDED"
                in_job = job[server]
            }
            if (found == "TODO") {
                if (server in taken) found = "BUSY"
                else if (server in live) { found = "LIVE"; at = live[server]; in_job = of[server] }
                else if (stray != "") { found = "LIVE"; at = stray; in_job = "-" }
            }
            print server, found, in_job, at, shown, ip, weight, point, name
        }' >"$T/state.$1"
}

# lines_of N: words of the input, N to a line
lines_of() { awk -v size="$1" '{ printf "%s%s", $1, NR % size ? " " : "\n" } END { if (NR % size) print "" }'; }

# count WAVE STATE...: how many servers are in one of these states
count() {
    counted=$1
    shift
    awk -v wanted=" $* " 'index(wanted, " " $2 " ") { n++ } END { print n + 0 }' "$T/state.$counted"
}
show() { awk '{ name = $0; for (i = 1; i <= 8; i++) sub(/^[^ ]+ /, "", name)
    printf "          %-10s %-20s %-20s %-20s %-15s %s\n", $2, $1, $4, $5, $6, name }' "$T/state.$1"; }
told() {
    say "wave $1 ($NAME): $(awk '{ n[$2]++ } END { for (s in n) { printf "%s%d %s", sep, n[s], s; sep = ", " } }' "$T/state.$1")"
}

# seen WAVE: look until it is seen; what cannot be read starts nothing. The next fresh WAVE believes it for five seconds.
seen() {
    tries=0
    until at "$1" && look "$1"; do
        tries=$((tries + 1))
        [ $tries -lt 5 ] || stop "wave $1: DRS or EC2 could not be read, see above. Run this again."
        pause
    done
    date +%s >"$T/seen.$1"
}
fresh() {
    at "$1" && [ -e "$T/seen.$1" ] || return 1
    looked=$(cat "$T/seen.$1")
    rm "$T/seen.$1"
    [ $(($(date +%s) - looked)) -lt 5 ]
}

# ------------------------------------------------------------------------------------------------------------------ people

begin() {
    say "$TYPE of $TITLE ($PLAN), attempt $ATTEMPT; this runbook is $EXECUTION, written $WRITTEN"
    ask "Your name, as the plan lists you:"
    WHO=$ANSWER
    [ -n "$WHO" ] || stop "no name was given"
    [ -z "$INITIATORS" ] || listed "$INITIATORS" "$WHO" || stop "the plan lets only these start a $TYPE:
$INITIATORS"
    if [ "$TYPE" = RECOVERY ]; then
        ask "Are the source servers lost or fenced? Two masters destroy data. Type lost or fenced:"
        case $ANSWER in lost | fenced) ;; *) stop "the source servers may be alive: shut them down or fence them first" ;; esac
        say "the source servers are $ANSWER, says $WHO"
        ask "This launches real servers. Type the plan's name to start:"
        [ "$ANSWER" = "$PLAN" ] || stop "that is not the plan's name, $PLAN: nothing was started"
    elif [ -n "$NETWORK" ]; then
        say "A drill must not join production. The plan allows: $NETWORK"
        ask "Compare the servers' launch settings in DRS with that, then type compared:"
        [ "$ANSWER" = compared ] || stop "nothing was started"
    fi
    say "started by $WHO"
}

listed() { printf '%s\n' "$1" | grep -Fqx -- "$2"; }

# same NAME NAME: whether both may be the same person
same() { [ "$1" = "$2" ] || listed "$SAME" "$1 = $2" || listed "$SAME" "$2 = $1"; }

# gate WAVE: returns 1 if the wave is left out
gate() {
    [ "$GATE" = yes ] || return 0
    printf '\n'
    say "GATE before wave $1 ($NAME)"
    [ -z "$MESSAGE" ] || printf '%s\n' "$MESSAGE"
    [ -z "$APPROVERS" ] || printf 'Who may approve:\n%s\n' "$APPROVERS"
    [ -z "$EMERGENCY" ] || printf 'Who may approve alone in an emergency:\n%s\n' "$EMERGENCY"
    approved=0 first=''
    while [ "$approved" -lt "$PEOPLE" ]; do
        ask "Name of who approves (person $((approved + 1)) of $PEOPLE), or reject, or skip:"
        case $ANSWER in
        '') continue ;;
        reject) stop "wave $1 ($NAME) was rejected. Jobs that run in DRS continue." ;;
        skip)
            say "wave $1 ($NAME) is left out"
            return 1
            ;;
        esac
        if [ -n "$APPROVERS" ] && ! listed "$APPROVERS" "$ANSWER" && listed "$EMERGENCY" "$ANSWER"; then
            by=$ANSWER
            if same "$by" "$WHO"; then
                say "$WHO started this: somebody else must approve"
                continue
            fi
            ask "$by approves alone, in an emergency. Why?"
            [ -n "$ANSWER" ] || continue
            approved=$PEOPLE
            say "wave $1 ($NAME): approved in an EMERGENCY by $by alone, because: $ANSWER"
        elif [ -n "$APPROVERS" ] && ! listed "$APPROVERS" "$ANSWER"; then
            say "$ANSWER is not among those who may approve"
        elif [ "$OTHERS" = yes ] && same "$ANSWER" "$WHO"; then
            say "$WHO started this: somebody else must approve"
        elif [ -n "$first" ] && same "$ANSWER" "$first"; then
            say "a second person must approve"
        else
            approved=$((approved + 1)) first=$ANSWER
            say "wave $1 ($NAME): approved by $ANSWER"
        fi
    done
}

# action NAME FUNCTION TEXT: a step that does something: people decide, then it runs, or they have done it.
action() {
    printf '\n'
    say "STEP $1"
    printf '%s\n' "$3"
    while :; do
        if [ -n "$2" ]; then ask "Type run to run it, done if you did it, skip, or stop:"; else ask "Do it, then type done, skip or stop:"; fi
        case $ANSWER in
        run) [ -z "$2" ] || if "$2"; then say "step $1: done" && return 0; else say "step $1: FAILED"; fi ;;
        done | skip)
            say "step $1: $ANSWER, says $WHO"
            return 0
            ;;
        stop) stop "step $1" ;;
        esac
    done
}

# check NAME FUNCTION TEXT REQUIRED: a step that only looks
check() {
    printf '\n'
    say "CHECK $1"
    printf '%s\n' "$3"
    while :; do
        if [ -n "$2" ]; then
            if "$2"; then
                say "check $1: passed"
                return 0
            fi
            say "check $1: FAILED"
            [ "$4" = yes ] || return 0
            ask "Type retry, accept or stop:"
        else
            ask "Look, then type accept, or stop:"
        fi
        case $ANSWER in
        accept)
            say "check $1: accepted by $WHO"
            return 0
            ;;
        stop) stop "check $1" ;;
        esac
    done
}

# each WAVE FUNCTION: for every recovered server, with SERVER, INSTANCE, ADDRESS and SERVER_NAME set
each() {
    awk '$2 == "RECOVERED"' "$T/state.$1" >"$T/each"
    each_failed=0
    while read -r SERVER _ _ INSTANCE _ ADDRESS _ _ SERVER_NAME; do
        say "  $SERVER_NAME ($SERVER, $INSTANCE, $ADDRESS)"
        "$2" || each_failed=1
    done <"$T/each"
    return $each_failed
}

# ------------------------------------------------------------------------------------------------------------------ starts

refuse_live() {
    say "wave $1 ($NAME) starts nothing: these servers have a live recovery instance, which a launch would destroy"
    awk '$2 == "LIVE" { print "          " $1 ": instance " $4 " of job " $3 }' "$T/state.$1"
    stop "If an execution in Airflow or another runbook recovered them, leave their waves out: --waves with the others.
          Else fail back or terminate the instances in DRS first."
}

# A drill overwrites no instance that was there before.
refuse_into() {
    while read -r server; do
        into=$(aws_here drs get-launch-configuration --source-server-id "$server" \
            --query launchIntoInstanceProperties.launchIntoEC2InstanceID) || return 1
        case $into in '' | None) ;; *) stop "$server is set to launch into $into, which a drill would overwrite: nothing was started" ;; esac
    done <"$1"
}

# launch WAVE: one StartRecovery for the first servers that are TODO. It has no client token: it is never repeated by
# itself, its outcome is looked for.
launch() {
    awk '$2 == "TODO" { print $1, $8 }' "$T/state.$1" | head -n "$BATCH" >"$T/batch"
    awk '{ print $1 }' "$T/batch" >"$T/batch.servers"
    rm -f "$T/seen.$1"
    if [ "$TYPE" = DRILL ]; then refuse_into "$T/batch.servers" || return 1; fi
    if [ "$TYPE" = DRILL ]; then drill=--is-drill; else drill=--no-is-drill; fi
    launched=$1
    set --
    while read -r server point; do
        if [ "$point" = latest ]; then point=''; else point=",recoverySnapshotID=$point"; fi
        set -- "$@" "sourceServerID=$server$point"
    done <"$T/batch"
    say "wave $launched ($NAME): StartRecovery of $# servers"
    job=$(
        export AWS_MAX_ATTEMPTS=1
        aws_here drs start-recovery --source-servers "$@" "$drill" --tags "$TAGS,\"Attempt\":\"$ATTEMPT\"}" --query job.jobID
    ) || return 1
    case $job in
    drsjob-*) ;;
    *)
        say "StartRecovery answered without a job"
        return 1
        ;;
    esac
    awk -v job="$job" '{ print $1, job }' "$T/batch" >>"$T/started.$launched"
    say "wave $launched ($NAME): job $job"
}

# start WAVE: until every server is in a job of this runbook
start() {
    failures=0 since=$(date +%s)
    while :; do
        fresh "$1" || seen "$1"
        [ "$(count "$1" LIVE)" = 0 ] || refuse_live "$1"
        if [ "$(count "$1" TODO)" != 0 ]; then
            if launch "$1"; then
                failures=0
                continue
            fi
            failures=$((failures + 1))
            [ $failures -lt 5 ] || stop "wave $1 ($NAME) could not be started, see above. Run this again: what was started is followed."
            say "looking whether a job was started"
            pause
            pause
            pause
        elif [ "$(count "$1" BUSY)" != 0 ]; then
            told "$1"
            say "wave $1 ($NAME): servers are in jobs of others, which must end first"
            if [ $(($(date +%s) - since)) -gt "$QUEUE" ]; then
                ask "Type wait to go on waiting, or stop:"
                [ "$ANSWER" = wait ] || stop "wave $1 ($NAME): servers are busy"
                since=$(date +%s)
            fi
            pause
        else
            return 0
        fi
    done
}

# ------------------------------------------------------------------------------------------------------------------- waits

# decided WAVE: whether its outcome is known. What is UNDECIDED after its job's end gets five minutes.
decided() {
    if ! fresh "$1" && ! { at "$1" && look "$1"; }; then
        say "wave $1: DRS or EC2 could not be read; looking again"
        return 1
    fi
    told "$1"
    [ "$(count "$1" RUNNING TODO BUSY)" = 0 ] || return 1
    [ "$(count "$1" UNDECIDED)" = 0 ] && return 0
    echo looked >>"$T/undecided.$1"
    [ "$(awk 'END { print NR }' "$T/undecided.$1")" -gt $GRACE_LOOKS ]
}

follow() {
    followed=$1
    until decided "$followed"; do
        if [ $(($(date +%s) - STAGE_SINCE)) -gt "$TIMEOUT" ] && [ ! -e "$T/late.$followed" ]; then
            ask "Wave $followed ($NAME) takes longer than its $((TIMEOUT / 60)) minutes. Type wait, or go to go on without what is missing:"
            case $ANSWER in go) break ;; wait) : >"$T/late.$followed" ;; esac
        fi
        pause
    done
}

# judge WAVE: whether every CRITICAL server and the least number are recovered; else people decide
judge() {
    at "$1" || stop "wave $1: no credentials"
    show "$1"
    missing=$(awk '$7 == "CRITICAL" && $2 != "RECOVERED" { n++ } END { print n + 0 }' "$T/state.$1")
    recovered=$(count "$1" RECOVERED)
    if [ "$missing" = 0 ] && [ "$recovered" -ge "$LEAST" ]; then
        say "wave $1 ($NAME): RECOVERED, $recovered of $(awk 'END { print NR }' "$T/state.$1") servers"
    else
        FAILED=yes
        say "wave $1 ($NAME): FAILED. $missing CRITICAL servers are missing; $recovered are recovered, at least $LEAST were asked for"
        ask "Type go to go on nevertheless, or stop (then: --attempt $((ATTEMPT + 1)) launches again what failed):"
        [ "$ANSWER" = go ] || stop "wave $1 ($NAME) failed"
        say "on without what is missing, says $WHO"
    fi
    if [ "$POST_LAUNCH" = yes ]; then
        check post-launch '' "The plan asks for DRS's post-launch actions to have succeeded: look at the servers in the DRS console." yes
    fi
}

# ------------------------------------------------------------------------------------------------------------------- the run

wanted() { case $ONLY in '' | *",$1,"*) return 0 ;; *) return 1 ;; esac; }

command -v aws >/dev/null 2>&1 || stop "the aws command line is not installed"
FAILED=''
if [ -n "$CHECK" ]; then
    for number in $(printf '%s' "$STAGES" | tr ',' ' '); do
        wanted "$number" || continue
        seen "$number"
        say "wave $number ($NAME): account $ACCOUNT is proven, Region $REGION"
        show "$number"
    done
    exit 0
fi
begin
FIRST=yes RECOVERED_WAVES=''
for stage in $STAGES; do
    numbers=$(printf '%s' "$stage" | tr ',' ' ')
    started='' STAGE_SINCE=$(date +%s)
    for number in $numbers; do
        wanted "$number" || continue
        seen "$number"
        if [ "$(count "$number" TODO BUSY LIVE)" = 0 ]; then
            say "wave $number ($NAME) was started before: its jobs are followed"
        else
            [ "$(count "$number" LIVE)" = 0 ] || refuse_live "$number"
            gate "$number" || continue
            [ -z "$FIRST" ] || steps 0 before_first
            FIRST=''
            steps "$number" before
            start "$number"
        fi
        started="$started $number"
    done
    for number in $started; do follow "$number"; done
    for number in $started; do
        judge "$number"
        steps "$number" after
        RECOVERED_WAVES="$RECOVERED_WAVES $number"
    done
done
steps 0 after_last
printf '\n'
say "INSTANCES of $EXECUTION"
for number in $RECOVERED_WAVES; do
    wave "$number"
    echo "  wave $number ($NAME), account $ACCOUNT, Region $REGION"
    show "$number"
done
if [ "$TYPE" = DRILL ]; then
    echo "  A drill's instances cost money until they are terminated. Nothing terminates them but you:"
    for number in $RECOVERED_WAVES; do
        wave "$number"
        echo "  aws --region $REGION drs terminate-recovery-instances --recovery-instance-ids $(awk '$2 == "RECOVERED" { printf "%s ", $4 }' "$T/state.$number")  # account $ACCOUNT"
    done
fi
if [ -n "$FAILED" ]; then
    say "END, with failures"
    exit 3
fi
say "END: all of it is recovered"
