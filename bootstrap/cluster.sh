#!/usr/bin/env bash
# Installs Plumb into the cluster of KUBECONFIG, with a Repository, its credentials, a webhook secret and Environments.
# Can be run again: what exists is kept or brought up to date, and a key or token is never replaced.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(dirname "$here")
manager=plumb-bootstrap
release=plumb

usage() {
    cat <<'USAGE'
Usage: bootstrap/cluster.sh --url URL [options]

Installs the agent into the cluster of KUBECONFIG and tells it which repository to follow.

Repository:
  --url URL               https://, ssh://, git://, http://, file:// or user@host:path; needed on the first run
  --branch BRANCH         the branch that is tracked                                  [main]
  --repository NAME       name of the Repository                                      [from the URL]
  --username NAME         https: the user or the name of the token; with --password-file
  --password-file FILE    https: holds the password or token
  --ssh                   ssh: make a deploy key, and print its public half; implied by an ssh URL
  --known-hosts FILE      ssh: the host keys of the server                            [asked from the server]

Environments (each --environment begins another one; --path and --promotes-from belong to it):
  --environment NAME      name of the Environment                                     [dev]
  --path PATH             its overlay in the repository                               [overlays/NAME]
  --promotes-from ENV     gets revisions by promotion from ENV instead of following the branch; may be repeated

Agent:
  --namespace NAME        where the agent and its resources live                      [plumb-system]
  --image IMAGE           repository:tag or repository@digest                         [the chart's]
  --replicas N            pods of the agent; one of them acts                         [1]
  --values FILE           more values of charts/plumb; may be repeated
  --timeout DURATION      how long the agent may take to become ready                 [2m]
  --no-wait               do not wait for that

  --dry-run               change nothing; print what would be applied, without secrets
  --help

Example, dev from the branch and staging by promotion:
  bootstrap/cluster.sh --url git@git.example.com:team/platform.git \
      --environment dev --environment staging --promotes-from dev
USAGE
}

say() { printf '==> %s\n' "$*" >&2; }
note() { printf '    %s\n' "$*" >&2; }
die() {
    printf 'bootstrap/cluster.sh: %s\n' "$*" >&2
    exit 1
}
misuse() {
    printf 'bootstrap/cluster.sh: %s\nTry --help.\n' "$*" >&2
    exit 2
}

# --- options

url='' branch='' repository='' username='' password_file='' ssh='' known_hosts=''
namespace=plumb-system image='' replicas='' timeout=2m wait=yes dry_run=''
values=()
environments=() paths=() sources=()
implicit='' # the environment that --path or --promotes-from began, before --environment names it

begin_environment() {
    environments+=("$1")
    paths+=('')
    sources+=('')
}
current_environment() {
    if [ ${#environments[@]} -eq 0 ]; then
        begin_environment dev
        implicit=yes
    fi
    last=$((${#environments[@]} - 1))
}

while [ $# -gt 0 ]; do
    option=$1
    shift
    case $option in
        --help | -h)
            usage
            exit 0
            ;;
        --ssh) ssh=yes && continue ;;
        --no-wait) wait='' && continue ;;
        --dry-run) dry_run=yes && continue ;;
        --*=*)
            set -- "${option#*=}" "$@"
            option=${option%%=*}
            ;;
    esac
    case $option in
        --url | --branch | --repository | --username | --password-file | --known-hosts | --environment | --path | --promotes-from) ;;
        --namespace | --image | --replicas | --values | --timeout) ;;
        -*) misuse "unknown option '$option'" ;;
        *) misuse "unexpected argument '$option'" ;;
    esac
    if [ $# -eq 0 ]; then misuse "$option needs a value"; fi
    value=$1
    shift
    case $option in
        --url) url=$value ;;
        --branch) branch=$value ;;
        --repository) repository=$value ;;
        --username) username=$value ;;
        --password-file) password_file=$value ;;
        --known-hosts) known_hosts=$value ;;
        --namespace) namespace=$value ;;
        --image) image=$value ;;
        --replicas) replicas=$value ;;
        --values) values+=("$value") ;;
        --timeout) timeout=$value ;;
        --environment)
            if [ -n "$implicit" ]; then
                environments[0]=$value
                implicit=''
            else
                begin_environment "$value"
            fi
            ;;
        --path)
            current_environment
            paths[last]=$value
            ;;
        --promotes-from)
            current_environment
            sources[last]="${sources[last]:+${sources[last]} }$value"
            ;;
    esac
done
current_environment

is_name() { [[ $1 =~ ^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$ ]]; }
# A scalar of YAML and of JSON alike, whatever the value holds.
quoted() {
    local text=$1
    if [[ $text == *[[:cntrl:]]* ]]; then misuse "a value must not hold control characters"; fi
    text=${text//\\/\\\\}
    printf '"%s"' "${text//\"/\\\"}"
}

if [ -z "$repository" ]; then
    if [ -z "$url" ]; then misuse "--url is needed: which repository is to be followed?"; fi
    repository=$(basename "${url%/}" .git | tr '[:upper:]_.' '[:lower:]--')
    repository=${repository##*:}
    is_name "$repository" || misuse "no name for the Repository can be made from the URL: give one with --repository"
fi
is_name "$repository" || misuse "--repository '$repository': expected lower-case letters, digits and '-', at most 63"
is_name "$namespace" || misuse "--namespace '$namespace': expected lower-case letters, digits and '-', at most 63"
for name in "${environments[@]}"; do
    is_name "$name" || misuse "--environment '$name': expected lower-case letters, digits and '-', at most 63"
done
if [ -n "$(printf '%s\n' "${environments[@]}" | sort | uniq -d)" ]; then misuse "an --environment is named twice"; fi
if [[ $url =~ ^[a-z]+://[^/@]*:[^/@]*@ ]]; then
    misuse "the URL holds a password: take it out, and give it with --username and --password-file"
fi
if [ -n "$replicas" ] && ! [[ $replicas =~ ^[0-9]+$ ]]; then misuse "--replicas '$replicas': expected a number"; fi
if [ -n "$username" ] && [ -z "$password_file" ]; then misuse "--username needs --password-file"; fi
if [ -n "$password_file" ] && [ -z "$username" ]; then misuse "--password-file needs --username (any name will do for a token of GitHub or GitLab)"; fi
if [ -n "$password_file" ] && ! [ -r "$password_file" ]; then misuse "--password-file: cannot read $password_file"; fi
if [ -n "$known_hosts" ] && ! [ -s "$known_hosts" ]; then misuse "--known-hosts: $known_hosts is empty or cannot be read"; fi
for file in ${values[@]+"${values[@]}"}; do
    [ -r "$file" ] || misuse "--values: cannot read $file"
done

host='' port=22
if [[ $url =~ ^ssh://([^/@]+@)?(\[[^]]+\]|[^/:]+)(:([0-9]+))?/ ]]; then
    ssh=yes host=${BASH_REMATCH[2]//[\[\]]/} port=${BASH_REMATCH[4]:-22}
elif [[ $url != *://* && $url =~ ^[A-Za-z0-9_.-]+@([^:/]+):. ]]; then
    ssh=yes host=${BASH_REMATCH[1]}
elif [ -n "$ssh" ] && [ -n "$url" ]; then
    misuse "--ssh needs an ssh URL (ssh://… or user@host:path)"
fi
if [ -n "$ssh" ] && [ -n "$username" ]; then misuse "--username and --password-file are for https, not for ssh"; fi

# --- tools

tool() { # name, module of e2e/cluster that builds it
    if command -v "$1" >/dev/null; then
        command -v "$1"
    else
        say "$1 is not on the PATH: using the one of e2e/cluster"
        "$root/e2e/cluster/build.sh" "$2" >&2 || die "$1 could not be built; install it, or see above"
        echo "$root/e2e/cluster/bin/$1"
    fi
}
needs() { command -v "$1" >/dev/null || die "$1 is needed: $2"; }

kubectl_bin=$(tool kubectl controlplane)
helm_bin=$(tool helm tools)
# Older ones can't keep the values of the run before while taking the defaults of a newer chart.
if ! "$helm_bin" upgrade --help | grep -q -- --reset-then-reuse-values; then
    die "$helm_bin is too old: install helm 3.14 or later"
fi
kubectl() { "$kubectl_bin" --request-timeout=30s "$@"; }
helm() { "$helm_bin" --namespace "$namespace" "$@"; }

umask 077
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

apply() { # a manifest on stdin
    if [ -n "$dry_run" ]; then
        # What is in a Secret is nobody's business.
        sed -E '/^(data|stringData):$/,/^[^ ]/ s/^(  [^:]+:).*/\1 (hidden)/'
        echo ---
    else
        kubectl apply --server-side --field-manager="$manager" -f - | sed 's/^/    /' >&2
    fi
}
# Only "not found" counts as absent: a request that fails must not lead to a second key.
exists() {
    local found
    found=$(kubectl -n "$namespace" get "$1" "$2" --ignore-not-found -o name) || die "$1 $2 could not be read, see above"
    [ -n "$found" ]
}
# A field of what an earlier run made, so that an option left out changes nothing; empty when there is none.
present() {
    if [[ $1 == *.plumb.dev && -z $installed ]]; then return; fi
    kubectl -n "$namespace" get "$1" "$2" --ignore-not-found -o "jsonpath=$3" || die "$1 $2 could not be read, see above"
}

# --- the cluster

context=$("$kubectl_bin" config current-context 2>/dev/null || echo 'no context')
if ! answer=$("$kubectl_bin" --request-timeout=10s get --raw /readyz 2>&1); then
    die "the cluster of $context cannot be reached (KUBECONFIG=${KUBECONFIG:-not set, so ~/.kube/config}):
${answer:-no answer}"
fi
if ! "$kubectl_bin" auth can-i '*' '*' --all-namespaces >/dev/null 2>&1; then
    die "the user of $context must be a cluster admin: roles are made, and nobody may grant what he does not have"
fi
if [ -n "$dry_run" ]; then say "Dry run: nothing is changed in $context"; else say "Installing into $context"; fi

installed=$(kubectl get crd repositories.plumb.dev --ignore-not-found -o name)
url=${url:-$(present repository.plumb.dev "$repository" '{.spec.url}')}
if [ -z "$url" ]; then misuse "--url is needed: there is no Repository $repository in namespace $namespace yet"; fi
if [[ $url != *://* || $url == ssh://* ]]; then ssh=yes; fi
branch=${branch:-$(present repository.plumb.dev "$repository" '{.spec.branch}')}
branch=${branch:-main}

say "Namespace $namespace"
apply <<YAML
apiVersion: v1
kind: Namespace
metadata:
  name: $namespace
  labels:
    pod-security.kubernetes.io/enforce: restricted
YAML

# --- credentials

credentials=$repository-git
credentials_by=''
new_key=''
if [ -n "$ssh" ]; then
    credentials_by=ssh
    if exists secret "$credentials"; then
        say "Deploy key: the one in Secret $credentials is kept"
        if [ -n "$known_hosts" ] && [ -z "$dry_run" ]; then
            printf '{"data":{"known_hosts":"%s"}}' "$(base64 <"$known_hosts" | tr -d '\n')" >"$scratch/patch.json"
            kubectl -n "$namespace" patch secret "$credentials" --type=merge --field-manager="$manager" \
                --patch-file="$scratch/patch.json" | sed 's/^/    /' >&2
        fi
    else
        say "Deploy key: a new one in Secret $credentials"
        needs ssh-keygen "install an OpenSSH client (Debian: openssh-client)"
        if [ -n "$known_hosts" ]; then
            cat "$known_hosts" >"$scratch/known_hosts"
        elif [ -z "$dry_run" ]; then
            needs ssh-keyscan "install an OpenSSH client (Debian: openssh-client), or give --known-hosts"
            note "asking $host:$port for its host keys"
            ssh-keyscan -T 10 -p "$port" -- "$host" >"$scratch/known_hosts" 2>/dev/null || true
            [ -s "$scratch/known_hosts" ] || die "$host:$port gave no host keys: check the URL, or give them with --known-hosts"
            note "compare these with what the server's operator publishes:"
            ssh-keygen -l -f "$scratch/known_hosts" | sed 's/^/      /' >&2
        else
            : >"$scratch/known_hosts"
        fi
        ssh-keygen -q -t ed25519 -N '' -C "plumb $repository" -f "$scratch/identity"
        new_key=yes
        kubectl -n "$namespace" create secret generic "$credentials" --dry-run=client -o yaml \
            --from-file=identity="$scratch/identity" --from-file=identity.pub="$scratch/identity.pub" \
            --from-file=known_hosts="$scratch/known_hosts" | apply
    fi
elif [ -n "$username" ]; then
    credentials_by=https
    say "Credentials: Secret $credentials"
    printf '%s' "$(cat "$password_file")" >"$scratch/password"
    [ -s "$scratch/password" ] || die "--password-file: $password_file is empty"
    kubectl -n "$namespace" create secret generic "$credentials" --dry-run=client -o yaml \
        --from-literal=username="$username" --from-file=password="$scratch/password" | apply
elif exists secret "$credentials"; then
    credentials_by=https
    say "Credentials: Secret $credentials is kept"
fi

webhook=$repository-webhook
if exists secret "$webhook"; then
    say "Webhook secret: the one in Secret $webhook is kept"
else
    say "Webhook secret: a new one in Secret $webhook"
    od -An -N32 -tx1 /dev/urandom | tr -d ' \n' >"$scratch/token"
    [ "$(wc -c <"$scratch/token")" -eq 64 ] || die "no random bytes could be read from /dev/urandom"
    kubectl -n "$namespace" create secret generic "$webhook" --dry-run=client -o yaml --from-file=token="$scratch/token" | apply
fi

# --- the agent

chart=$root/charts/plumb
compgen -G "$chart/crds/*.yaml" >/dev/null || die "charts/plumb/crds holds no CRDs: get a complete checkout"
say "CRDs"
if [ -n "$dry_run" ]; then
    note "$(cd "$chart/crds" && echo ./*.yaml)"
else
    # They are generated: whoever else wrote to them, these are the ones that this agent reads.
    kubectl apply --server-side --force-conflicts --field-manager="$manager" -f "$chart/crds" | sed 's/^/    /' >&2
    kubectl wait --for=condition=Established --timeout=60s -f "$chart/crds" >/dev/null
fi

say "Agent: Helm release $release"
arguments=(--skip-crds)
for file in ${values[@]+"${values[@]}"}; do arguments+=(--values "$file"); done
if [ -n "$replicas" ]; then arguments+=(--set "replicas=$replicas"); fi
if [[ $image == *@* ]]; then
    arguments+=(--set-string "image.repository=${image%@*},image.digest=${image#*@},image.tag=")
elif [[ ${image##*/} == *:* ]]; then
    arguments+=(--set-string "image.repository=${image%:*},image.tag=${image##*:},image.digest=")
elif [ -n "$image" ]; then
    arguments+=(--set-string "image.repository=$image,image.tag=,image.digest=")
fi
if [ -n "$dry_run" ]; then
    if helm get values "$release" -o yaml >"$scratch/values.yaml" 2>/dev/null; then
        arguments=(--values "$scratch/values.yaml" "${arguments[@]}")
    fi
    helm template "$release" "$chart" "${arguments[@]}"
    echo ---
else
    helm upgrade --install "$release" "$chart" --reset-then-reuse-values "${arguments[@]}" >"$scratch/helm" ||
        die "helm could not install the agent, see above; its history: helm -n $namespace history $release"
    sed -n 's/^\(STATUS\|REVISION\): /    \1 /p' "$scratch/helm" >&2
fi

# --- what it follows

say "Repository $repository"
{
    cat <<YAML
apiVersion: plumb.dev/v1alpha1
kind: Repository
metadata:
  name: $repository
  namespace: $namespace
spec:
  url: $(quoted "$url")
  branch: $(quoted "$branch")
  webhook:
    secretRef:
      name: $webhook
YAML
    if [ -n "$credentials_by" ]; then printf '  secretRef:\n    name: %s\n' "$credentials"; fi
} | apply

for index in "${!environments[@]}"; do
    name=${environments[index]}
    path=${paths[index]:-$(present environment.plumb.dev "$name" '{.spec.path}')}
    from=${sources[index]:-$(present environment.plumb.dev "$name" '{.spec.promotion.from[*]}')}
    say "Environment $name: ${path:-overlays/$name}${from:+, promoted from $from}"
    {
        cat <<YAML
apiVersion: plumb.dev/v1alpha1
kind: Environment
metadata:
  name: $name
  namespace: $namespace
spec:
  repository:
    name: $repository
  path: $(quoted "${path:-overlays/$name}")
YAML
        if [ -n "$from" ]; then
            printf '  promotion:\n    from:\n'
            for source in $from; do printf '      - %s\n' "$(quoted "$source")"; done
        fi
    } | apply
done

if [ -n "$dry_run" ]; then exit 0; fi

if [ -n "$wait" ]; then
    say "Waiting for the agent (at most $timeout)"
    if ! "$kubectl_bin" -n "$namespace" rollout status "deployment/$release" --timeout="$timeout" | sed 's/^/    /' >&2; then
        "$kubectl_bin" -n "$namespace" get pods -l "app.kubernetes.io/instance=$release" >&2 || true
        die "the agent is not ready after $timeout; why: $kubectl_bin -n $namespace describe pods -l app.kubernetes.io/instance=$release"
    fi
fi

# --- what is left to do by hand

say "Done"
if [ "$credentials_by" = ssh ]; then
    note "Add this deploy key to the repository${new_key:+ (it is new)}; with write access when Plumb is to promote:"
    printf '%s\n' "$(present secret "$credentials" '{.data.identity\.pub}' | base64 --decode)"
fi
cat >&2 <<TEXT
    Webhook of the git server, on push: POST <address of the agent>/hooks/$repository, content type application/json.
    Its secret:
      kubectl -n $namespace get secret $webhook -o jsonpath='{.data.token}' | base64 --decode
    How it goes:
      kubectl -n $namespace get repositories,environments
      kubectl -n $namespace logs deployment/$release --follow
TEXT
