#!/usr/bin/env bash
# Shows Plumb at work: a real cluster, a git server, the overlays of this repository, the agent.
#
#   bootstrap/demo.sh          runs through it and keeps everything up until Ctrl-C
#   bootstrap/demo.sh --once   runs through it, takes everything down and exits; non-zero when something did not happen
#
# With KUBECONFIG set, that cluster is used; otherwise a local one is built from Go modules and started.
# PLUMB_BIN and PLUMB_E2E_BIN name binaries that are there already.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
once=false
case "${1:-}" in
    --once) once=true ;;
    '') ;;
    *) sed -n '2,8s/^# \{0,1\}//p' "${BASH_SOURCE[0]}"; [ "$1" = --help ] && exit 0 || exit 2 ;;
esac

started=$SECONDS
work=$(mktemp -d)
namespace=plumb-system
namespaces=("$namespace" mcp-mesh-dev mcp-mesh-staging mcp-mesh)
own_cluster=false
installing=false
had_definitions=false
pids=()

step() { printf '\n\033[1m==> [%4ss] %s\033[0m\n' "$((SECONDS - started))" "$*"; }
say() { printf '    %s\n' "$*"; }
show() { printf '    $ %s\n' "$*"; "$@" 2>&1 | sed 's/^/    /'; }
fail() {
    printf '\n\033[1mdemo: %s\033[0m\n' "$*" >&2
    [ ! -s "$work/agent.log" ] || { echo 'the last lines of the agent:' >&2; tail -n 20 "$work/agent.log" >&2; }
    exit 1
}

finish() {
    local status=$?
    trap - EXIT INT TERM
    step 'taking down what was started'
    local pid
    for pid in "${pids[@]}"; do kill "$pid" 2>/dev/null || true; done
    for pid in "${pids[@]}"; do wait "$pid" 2>/dev/null || true; done
    if $own_cluster; then
        "$e2e" local-cluster down --name demo || true
    elif $installing; then
        "$root/e2e/cluster/bin/helm" uninstall plumb -n "$namespace" >/dev/null 2>&1 || true
        $had_definitions || "$kubectl" delete -f "$root/charts/plumb/crds" --ignore-not-found >/dev/null 2>&1 || true
        "$kubectl" delete namespace "${namespaces[@]}" --ignore-not-found --timeout=120s >/dev/null 2>&1 || true
    fi
    rm -rf "$work"
    exit "$status"
}
trap finish EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

# Waits for a condition, up to a deadline in seconds: until 60 'what is waited for' command…
until_true() {
    local deadline=$((SECONDS + $1)) what=$2
    shift 2
    until "$@" >/dev/null 2>&1; do
        [ "$SECONDS" -lt "$deadline" ] || fail "waited in vain for: $what"
        sleep 0.1
    done
}

k() { "$kubectl" "$@"; }
get() { k get "$@" 2>/dev/null; }
equals() { [ "$("${@:2}" 2>/dev/null)" = "$1" ]; }
config_value() { get configmap -n "$1" "$2" -o "jsonpath={.data.$3}"; }
revision_of() { get environment "$1" -n "$namespace" -o 'jsonpath={.status.revision}'; }
ready_at() { [ "$(revision_of "$1")" = "$2" ] && k wait --for=condition=Ready "environment/$1" -n "$namespace" --timeout=0s; }
condition() { get environment "$1" -n "$namespace" -o "jsonpath={.status.conditions[?(@.type==\"$2\")].$3}"; }
commit() { git -C "$checkout" add -A; git -C "$checkout" commit -q --allow-empty "$@"; git -C "$checkout" push -q origin main; git -C "$checkout" rev-parse HEAD; }
pull() { git -C "$checkout" pull -q --rebase origin main; }

step 'installing what is missing on this machine'
"$root/e2e/prerequisites.sh"

step 'building the agent, the test tools and the local cluster'
plumb=${PLUMB_BIN:-$("$root/bootstrap/build.sh")}
[ -n "${PLUMB_E2E_BIN:-}" ] || (cd "$root" && cargo build --locked -p e2e)
e2e=${PLUMB_E2E_BIN:-$(cd "$root" && cargo metadata --format-version 1 --no-deps | sed 's/.*"target_directory":"\([^"]*\)".*/\1/')/debug/e2e}
"$root/e2e/cluster/build.sh" controlplane kwok tools
kubectl=$root/e2e/cluster/bin/kubectl

if [ -n "${KUBECONFIG:-}" ]; then
    step 'using the cluster of KUBECONFIG'
    # The demo takes away what it made, so it must not begin with what is somebody else's.
    for name in "${namespaces[@]}"; do
        phase=$(k get namespace "$name" --ignore-not-found -o 'jsonpath={.status.phase}') || fail 'the cluster does not answer'
        [ -z "$phase" ] || fail "namespace $name is there already: the demo makes it and deletes it, so take another cluster"
    done
    [ -z "$(k get crd environments.plumb.dev --ignore-not-found -o name)" ] || had_definitions=true
    installing=true
else
    step 'starting a local cluster: etcd, API server, controllers, scheduler, and KWOK for the nodes'
    own_cluster=true
    "$e2e" local-cluster down --name demo >/dev/null 2>&1 || true
    "$e2e" local-cluster up --name demo
    eval "$("$e2e" local-cluster env --name demo)"
fi
show "$kubectl" get nodes

step 'starting a git server with the overlays of this repository'
mkdir -p "$work/git"
# Git's own configuration, so that nothing of the user's is read or changed.
export GIT_CONFIG_GLOBAL="$work/gitconfig" GIT_CONFIG_NOSYSTEM=1
git config --global user.name 'Ada Example'
git config --global user.email ada@example.com
git config --global init.defaultBranch main
password=$(od -An -N16 -tx1 /dev/urandom | tr -d ' \n')
token=$(od -An -N32 -tx1 /dev/urandom | tr -d ' \n')
port_file=$work/git-port
hook_file=$work/hook
(umask 077; printf '%s' "$password" >"$work/password"; printf '%s' "$token" >"$work/token")
"$e2e" git-server --directory "$work/git" --repository platform --username plumb --password-file "$work/password" \
    --hook-url-file "$hook_file" --hook-token-file "$work/token" --url-file "$port_file" >"$work/git-server.log" 2>&1 &
pids+=($!)
until_true 20 'the git server' test -s "$port_file"
url=$(cat "$port_file")/platform.git
git config --global credential.helper "store --file $work/credentials"
(umask 077; printf 'http://plumb:%s@%s\n' "$password" "$(sed 's|^http://||' "$port_file")" >"$work/credentials")
checkout=$work/platform
mkdir -p "$checkout"
cp -r "$root/overlays" "$checkout/"
git -C "$checkout" init -q
git -C "$checkout" remote add origin "$url"
first=$(commit -m 'platform: first overlays')
say "pushed ${first:0:12} to $url"

step 'installing the agent: chart, credentials, webhook secret, the environments dev, staging and prod'
export PATH="$root/e2e/cluster/bin:$PATH"
"$root/bootstrap/cluster.sh" --namespace "$namespace" --url "$url" --repository platform --username plumb --password-file "$work/password" \
    --replicas 0 --environment dev --environment staging --promotes-from dev --environment prod --promotes-from staging 2>&1 | sed 's/^/    /'
k get secret platform-webhook -n "$namespace" -o 'jsonpath={.data.token}' | base64 -d >"$work/token"

step 'starting the agent, as the service account that the chart made'
say 'the chart has no replicas here: the nodes of the local cluster run no containers, so the agent runs beside it'
(
    umask 077
    server=$(k config view --minify --raw -o 'jsonpath={.clusters[0].cluster.server}')
    authority=$(k config view --minify --raw --flatten -o 'jsonpath={.clusters[0].cluster.certificate-authority-data}')
    # Written by the shell itself: a token among the arguments of a process could be read by everybody.
    cat >"$work/agent.kubeconfig" <<YAML
apiVersion: v1
kind: Config
clusters: [{name: demo, cluster: {server: "$server", certificate-authority-data: "$authority"}}]
users: [{name: plumb, user: {token: "$(k create token plumb -n "$namespace" --duration 8h)"}}]
contexts: [{name: demo, context: {cluster: demo, user: plumb}}]
current-context: demo
YAML
)
page_port=${PLUMB_PORT:-8080}
# Another program may have the usual port.
while (: </dev/tcp/127.0.0.1/"$page_port") 2>/dev/null; do page_port=$((page_port + 1)); done
KUBECONFIG="$work/agent.kubeconfig" "$plumb" agent --listen "127.0.0.1:$page_port" --data-dir "$work/data" --namespace "$namespace" \
    --log-format text >"$work/agent.log" 2>&1 &
agent=$!
pids+=("$agent")
page="http://127.0.0.1:$page_port"
until_true 30 'the agent to be ready' curl -fsS "$page/readyz"
printf '%s/hooks/platform' "$page" >"$hook_file"
say "the page: $page"

step 'dev follows the branch'
until_true 120 "dev to be ready at ${first:0:12}" ready_at dev "$first"
show "$kubectl" get environments -n "$namespace"
show "$kubectl" get deployments,statefulsets,pods -n mcp-mesh-dev
say "staging waits: $(condition staging Ready message)"

step 'a push deploys'
config=$checkout/overlays/bases/mcp-mesh/demo.yaml
cat >"$config" <<'YAML'
apiVersion: v1
kind: ConfigMap
metadata:
  name: greeting
data:
  text: hello
YAML
(cd "$checkout/overlays/bases/mcp-mesh" && "$root/e2e/cluster/bin/kustomize" edit add resource demo.yaml)
pushed=$(commit -m 'mcp-mesh: greet')
until_true 30 'the ConfigMap in dev' equals hello config_value mcp-mesh-dev greeting text
until_true 60 'dev to be ready' ready_at dev "$pushed"
show "$kubectl" get configmap greeting -n mcp-mesh-dev -o 'jsonpath={.data}{"\n"}'

step 'drift is repaired: somebody scales a Deployment'
deployment=$(get deployments -n mcp-mesh-dev -o 'jsonpath={.items[0].metadata.name}')
replicas() { get deployment "$deployment" -n mcp-mesh-dev -o 'jsonpath={.spec.replicas}'; }
wanted=$(replicas)
show "$kubectl" scale deployment "$deployment" -n mcp-mesh-dev --replicas 7
until_true 20 "$deployment to have $wanted replicas again" equals "$wanted" replicas
say "$deployment has $(replicas) replicas again; the agent says:"
drifted() { get environment dev -n "$namespace" -o 'jsonpath={.status.drifts[0].object}' | grep -q "$1"; }
until_true 20 'the drift in the status' drifted "$deployment"
say "$(get environment dev -n "$namespace" -o 'jsonpath={.status.drifts[0].object}: {.status.drifts[0].fields[*]} by {.status.drifts[0].writer}')"

step 'drift is repaired: somebody deletes a ConfigMap'
show "$kubectl" delete configmap greeting -n mcp-mesh-dev
until_true 20 'the ConfigMap to be back' equals hello config_value mcp-mesh-dev greeting text
say 'it is back'

step 'a labelled commit promotes to staging, and on to prod'
until_true 60 'dev to be ready' ready_at dev "$pushed"
promoted=$(commit -m 'mcp-mesh: release the greeting' --trailer 'Promote-To: staging' --trailer 'Promote-To: prod')
say "pushed ${promoted:0:12} with Promote-To: staging and Promote-To: prod"
until_true 120 'staging to be ready at the promoted revision' ready_at staging "$promoted"
until_true 120 'prod to be ready at the promoted revision' ready_at prod "$promoted"
pull
show git -C "$checkout" log --first-parent -n 4 '--format=%h %s%n%(trailers)'
show "$kubectl" get environments -n "$namespace"

step 'the base moves on; prod does not'
sed -i 's/text: hello/text: good morning/' "$config"
moved=$(commit -m 'mcp-mesh: another greeting')
until_true 60 'dev to have the new greeting' equals 'good morning' config_value mcp-mesh-dev greeting text
until_true 60 'dev to be ready' ready_at dev "$moved"
[ "$(config_value mcp-mesh greeting text)" = hello ] || fail 'a change of the base leaked into prod'
say "dev says '$(config_value mcp-mesh-dev greeting text)', prod says '$(config_value mcp-mesh greeting text)' at $(revision_of prod | cut -c1-12)"

step 'what leaves git is pruned'
rm "$config"
(cd "$checkout/overlays/bases/mcp-mesh" && "$root/e2e/cluster/bin/kustomize" edit remove resource demo.yaml)
removed=$(commit -m 'mcp-mesh: no greeting')
gone() { ! get configmap greeting -n mcp-mesh-dev >/dev/null; }
until_true 60 'the ConfigMap to be gone' gone
until_true 60 'dev to be ready' ready_at dev "$removed"
say 'the ConfigMap is gone from dev, and still there in prod:'
show "$kubectl" get configmap greeting -n mcp-mesh

step 'a broken overlay stops nothing'
broken=$checkout/overlays/dev/mcp-mesh/kustomization.yaml
before=$(get all -n mcp-mesh-dev -o name | sort)
printf 'patches:\n  - path: nowhere.yaml\n bad indentation: [\n' >>"$broken"
commit -m 'dev: a mistake' >/dev/null
until_true 60 'the condition to say so' equals RenderFailed condition dev Ready reason
say "Ready=$(condition dev Ready status), reason $(condition dev Ready reason):"
condition dev Ready message | sed 's/^/    /'
echo
[ "$(get all -n mcp-mesh-dev -o name | sort)" = "$before" ] || fail 'the broken overlay changed what runs'
say 'what runs is as it was'
git -C "$checkout" revert --no-edit HEAD >/dev/null
repaired=$(commit -m 'dev: nothing more')
until_true 60 'dev to be ready again' ready_at dev "$repaired"
show "$plumb" status -n "$namespace"

step "all of it happened, in $((SECONDS - started)) s"
if ! $once; then
    say "the page:       $page"
    [ -z "${DISPLAY:-}${WAYLAND_DISPLAY:-}" ] || ! command -v xdg-open >/dev/null || xdg-open "$page" >/dev/null 2>&1 || true
    say "the checkout:   $checkout (push to it with GIT_CONFIG_GLOBAL=$GIT_CONFIG_GLOBAL)"
    say "the cluster:    export KUBECONFIG=$KUBECONFIG"
    say 'Ctrl-C takes everything down'
    wait "$agent"
fi
