# syntax=docker/dockerfile:1.7

# The image of the agent: one static binary on nothing. Each platform is built on its own kind:
#   docker buildx build --platform linux/amd64,linux/arm64 --build-arg REVISION=$(git rev-parse HEAD) -t … .

ARG RUST_VERSION=1.95
ARG DEBIAN_RELEASE=bookworm

# Manifests and empty sources: this stage comes out the same as long as no Cargo.toml, Cargo.lock or crate changes.
FROM debian:${DEBIAN_RELEASE}-slim AS manifests
WORKDIR /workspace
COPY . .
RUN find . -type f ! -name Cargo.toml ! -name Cargo.lock ! -path '*/src/main.rs' ! -path '*/src/lib.rs' ! -name build.rs -delete \
    && find . -path '*/src/lib.rs' -exec sh -c 'for file; do : >"$file"; done' sh {} + \
    && find . \( -path '*/src/main.rs' -o -name build.rs \) -exec sh -c 'for file; do echo "fn main() { }" >"$file"; done' sh {} + \
    && find . -type d -empty -delete

FROM rust:${RUST_VERSION}-${DEBIAN_RELEASE} AS build
WORKDIR /workspace
# A target that is named keeps the flags away from build scripts and procedural macros, which can't be static.
ENV RUSTFLAGS="-C target-feature=+crt-static -C relocation-model=static"
COPY --from=manifests /workspace .
# The dependencies, most of the time a build takes, are a layer of their own.
RUN cargo build --release --locked -p plumb --target "$(rustc -vV | sed -n 's/^host: //p')"
COPY agent agent
# Cargo goes by time, and the files that were copied are older than what was just built from the empty ones.
RUN find agent -name '*.rs' -exec touch {} + \
    && target="$(rustc -vV | sed -n 's/^host: //p')" \
    && cargo build --release --locked -p plumb --target "$target" \
    && install "target/$target/release/plumb" /plumb \
    && if readelf --program-headers /plumb | grep -q INTERP; then echo "the binary is not static" >&2; exit 1; fi

# What a program on nothing still needs: who signs for servers, how names are looked up, who it is, where it may write.
FROM rust:${RUST_VERSION}-${DEBIAN_RELEASE} AS root
RUN mkdir -p /root-fs/etc/ssl/certs /writable/tmp /writable/var/lib/plumb \
    && cp /etc/ssl/certs/ca-certificates.crt /root-fs/etc/ssl/certs/ \
    && echo 'hosts: files dns' >/root-fs/etc/nsswitch.conf \
    && echo 'plumb:x:65532:65532:plumb:/tmp:/plumb' >/root-fs/etc/passwd \
    && echo 'plumb:x:65532:' >/root-fs/etc/group

FROM scratch
COPY --from=root /root-fs /
COPY --from=root --chown=65532:65532 /writable /
COPY --from=build /plumb /plumb
# What a burst took is given back at once: it saves a tenth of the memory at 10,000 objects, and no time is lost by it.
ENV SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt \
    HOME=/tmp \
    MIMALLOC_PURGE_DELAY=0
USER 65532:65532
EXPOSE 8080
ENTRYPOINT ["/plumb"]
CMD ["agent"]
ARG VERSION=0.1.0
ARG REVISION=unknown
LABEL org.opencontainers.image.title="plumb" \
      org.opencontainers.image.description="Keeps Kubernetes clusters true to a git repository" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"
