#!/usr/bin/env bash
# Builds what the local test cluster runs (etcd, the Kubernetes control plane, kubectl, KWOK) and the tools that
# the tests compare with (kustomize, kustomize-oracle, helm) or talk to (gitea) from the Go module proxy into e2e/cluster/bin.
#
#   e2e/cluster/build.sh                       everything
#   e2e/cluster/build.sh controlplane kwok     these modules only
#
# Needs Go and nothing else. A module is built again when its go.mod, go.sum or source, its line in this file or the
# Go version changed; else the call does nothing. Calls at the same time wait for each other.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
bin=$here/bin

# The binaries report the version that go.mod names; without this they report v0.0.0, and clients that look at the server's version misjudge it.
kubernetes_version=$(sed -n 's|^\tk8s.io/kubernetes \(v[0-9.]*\).*|\1|p; s|^require k8s.io/kubernetes \(v[0-9.]*\).*|\1|p' "$here/controlplane/go.mod" | head -n 1)
minor=${kubernetes_version#v1.}
kubernetes_flags="-s -w"
for package in k8s.io/component-base/version k8s.io/client-go/pkg/version; do # what a program says of itself; its User-Agent
    kubernetes_flags+=" -X $package.gitVersion=$kubernetes_version -X $package.gitMajor=1 -X $package.gitMinor=${minor%%.*}"
done

# module, binary, package, time that the first build takes on two cores
targets="
controlplane etcd                    go.etcd.io/etcd/server/v3                       1 minute
controlplane kube-apiserver          k8s.io/kubernetes/cmd/kube-apiserver            4 minutes
controlplane kube-controller-manager k8s.io/kubernetes/cmd/kube-controller-manager   1 minute
controlplane kube-scheduler          k8s.io/kubernetes/cmd/kube-scheduler            15 seconds
controlplane kubectl                 k8s.io/kubernetes/cmd/kubectl                   30 seconds
kwok         kwok                    sigs.k8s.io/kwok/cmd/kwok                       2 minutes
tools        kustomize               sigs.k8s.io/kustomize/kustomize/v5              30 seconds
tools        helm                    helm.sh/helm/v4/cmd/helm                        2 minutes
tools        kustomize-oracle        ./kustomize-oracle                              10 seconds
gitea        gitea                   code.gitea.io/gitea                             5 minutes
"
tags_of() { if [ "$1" = gitea ]; then echo sqlite sqlite_unlock_notify; fi; }

key_of() { # what the binaries of a module are made from
    { find "$here/$1" -name '*.go' -o -name go.mod -o -name go.sum | LC_ALL=C sort | xargs cat; grep "^$1 " <<<"$targets"; tags_of "$1"; echo "$kubernetes_flags"; go env GOVERSION GOOS GOARCH; } | sha256sum | cut -d ' ' -f 1
}

is_built() {
    local binary
    [ "$(cat "$bin/.$1.key" 2>/dev/null)" = "$(key_of "$1")" ] || return 1
    for binary in $(awk -v module="$1" '$1 == module { print $2 }' <<<"$targets"); do
        [ -x "$bin/$binary" ] || return 1
    done
}

# Gitea reads its templates and translations at run time, and the module cache may be cleaned or be closed to the user that runs it.
copy_pages_of_gitea() {
    local from
    from=$(cd "$here/gitea" && GOWORK=off go list -m -f '{{.Dir}}' code.gitea.io/gitea)
    rm -rf "$bin/gitea-pages.new"
    mkdir "$bin/gitea-pages.new"
    cp -R "$from/options" "$from/templates" "$from/public" "$bin/gitea-pages.new"
    chmod -R u+w,a+rX "$bin/gitea-pages.new"
    rm -rf "$bin/gitea-pages"
    mv "$bin/gitea-pages.new" "$bin/gitea-pages"
}

build() {
    local module binary package time began
    while read -r module binary package time; do
        [ "$module" = "$1" ] || continue
        echo "==> building $binary … (about $time the first time)" >&2
        began=$SECONDS
        # Built beside and moved: a cluster that runs the old binary goes on, and an interrupted build leaves no half of one.
        (cd "$here/$module" && GOWORK=off GOFLAGS=-mod=readonly \
            go build -trimpath -buildvcs=false -tags "$(tags_of "$module")" -ldflags "$kubernetes_flags" -o "$bin/.$binary.new" "$package") 9>&-
        mv -f "$bin/.$binary.new" "$bin/$binary"
        echo "    $binary done in $((SECONDS - began)) s" >&2
    done <<<"$targets"
    if [ "$1" = gitea ]; then copy_pages_of_gitea; fi
    key_of "$1" >"$bin/.$1.key"
}

command -v go >/dev/null || { echo "go is not installed: install Go (see the go line of e2e/cluster/controlplane/go.mod for the version), or set KUBECONFIG to a cluster of yours" >&2; exit 1; }
mkdir -p "$bin"
if [ $# -eq 0 ]; then set -- controlplane kwok tools gitea; fi

missing=()
for module in "$@"; do
    [ -f "$here/$module/go.mod" ] || { echo "unknown module $module: expected controlplane, kwok, tools or gitea" >&2; exit 2; }
    is_built "$module" || missing+=("$module")
done
[ ${#missing[@]} -gt 0 ] || exit 0

exec 9>"$bin/.lock"
flock -n 9 || { echo "==> waiting for another build into $bin" >&2; flock 9; }
for module in "${missing[@]}"; do
    # Another call may have built it while this one waited.
    is_built "$module" || build "$module"
done
