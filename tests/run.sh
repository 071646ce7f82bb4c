#!/usr/bin/env bash
# Builds the solution in Release, installs the Debian packages that the tests need besides the .NET SDK, and runs all tests. The last line
# is "N passed, N failed".
set -euo pipefail
cd "$(dirname "$0")/.."

missing=()
need() { # need PACKAGE PROGRAM...: adds the package if none of the programs is installed
    local package=$1 program
    shift
    for program in "$@"; do type -P "$program" >/dev/null && return; done
    missing+=("$package")
}
PATH=$PATH:/usr/sbin:/sbin # For ip, if the user is not root.
need chromium chromium chromium-browser google-chrome
need etcd-server etcd
need haproxy haproxy
need nginx-light nginx
need nodejs node
need npm npm
PATH=$PATH$(printf ':%s' /usr/lib/postgresql/*/bin) need postgresql initdb # Debian does not install the programs on the path.
need patroni patroni
need prometheus promtool
need python3 python3
/usr/bin/python3 -c 'import etcd' 2>/dev/null || missing+=(python3-etcd) # Patroni's package does not require it.
need clang clang gcc # Native AOT links with it.
need bsdutils script
need curl curl
need iproute2 ip
need procps kill
need sslscan sslscan
need strace strace
need systemd systemd-analyze
need testssl.sh testssl

if ((${#missing[@]})); then
    echo "Installing ${missing[*]}"
    root=()
    if ((EUID)); then root=(sudo); fi
    "${root[@]}" apt-get update -qq
    DEBIAN_FRONTEND=noninteractive "${root[@]}" apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
fi

# The packages of the test that generates a TypeScript client.
packages=tests/KestrelKv.Server.Tests/Clients/TypeScript
[[ $packages/node_modules/.package-lock.json -nt $packages/package-lock.json ]] || (cd "$packages" && npm ci --no-audit --no-fund --loglevel=error)

dotnet build KestrelKv.sln -c Release -nologo -clp:NoSummary -v:quiet

# Background processes ignore SIGINT and SIGQUIT, those of nohup SIGHUP, and their children inherit it. The tests send these signals to the
# server.
interruptible=()
if env --default-signal=HUP,INT,QUIT true 2>/dev/null; then interruptible=(env --default-signal=HUP,INT,QUIT); fi

# Runs one project at a time, because tests start servers and measure memory. Beside the shorter ones run the tests on PostgreSQL, which
# mostly wait for failovers. If no test ends for 15 minutes, the run is aborted and the tests in progress are listed.
run() { # run PROJECT [OPTION...]: prints the results of a project's tests
    "${interruptible[@]}" dotnet test "$@" -c Release --no-build -nologo \
        --blame-hang-timeout 15m --blame-hang-dump-type none 2>&1
}
results=$(mktemp) results_beside=$(mktemp)
trap 'rm -f "$results" "$results_beside"' EXIT
status=0
run tests/KestrelKv.Storage.Postgres.Tests "$@" >"$results_beside" &
for project in tests/*.Tests; do
    [[ $project =~ (Postgres|Client|Server).Tests ]] || run "$project" "$@" | tee -a "$results" || status=$?
done
wait $! || status=$?
tee -a "$results" <"$results_beside"
for project in tests/KestrelKv.{Client,Server}.Tests; do run "$project" "$@" | tee -a "$results" || status=$?; done

# The summary of each project is "Passed!  - Failed:     0, Passed:    12, Skipped:     0, Total:    12, ..."
awk -v status="$status" '
    / - Failed: / {
        for (i = 1; i < NF; i++) {
            if ($i == "Failed:") failed += $(i + 1)
            if ($i == "Passed:") passed += $(i + 1)
            if ($i == "Skipped:") skipped += $(i + 1)
        }
    }
    END {
        if (passed + failed == 0) { print "no test was run"; status = 1 }
        else if (status && !failed) print "dotnet test failed, but no test did: see above"
        print passed + 0 " passed, " failed + 0 " failed" (skipped ? ", " skipped " skipped" : "")
        exit status || failed > 0
    }' "$results"
