# syntax=docker/dockerfile:1
# Tollgate's image: one static binary, no shell, no package manager, not root. It runs all services
# (`tollgate serve`) or those that TOLLGATE_SERVICES names.
#
#   docker build --build-arg VERSION=$(git describe --tags --always) -t tollgate:local .

FROM --platform=$BUILDPLATFORM golang:1.26.8-trixie AS build
WORKDIR /src
# The modules have `replace` lines for one another: no workspace is needed, and so no end-to-end tests.
ENV GOWORK=off CGO_ENABLED=0 GOTOOLCHAIN=local
COPY gen/go.mod gen/go.sum gen/
COPY platform/go.mod platform/go.sum platform/
COPY services/go.mod services/go.sum services/
RUN --mount=type=cache,target=/go/pkg/mod cd services && go mod download
COPY gen gen
COPY platform platform
COPY services services
ARG VERSION=unversioned
ARG TARGETOS
ARG TARGETARCH
RUN --mount=type=cache,target=/go/pkg/mod --mount=type=cache,target=/root/.cache/go-build \
    cd services && GOOS=$TARGETOS GOARCH=$TARGETARCH \
    go build -trimpath -buildvcs=false -ldflags "-s -w -X main.version=$VERSION" -o /out/tollgate ./cmd/tollgate
RUN install -d -m 0700 /out/data

# Its tags move with Debian's security updates and have no versions; pin a digest where builds must repeat.
FROM gcr.io/distroless/static-debian13:nonroot
LABEL org.opencontainers.image.title="Tollgate" \
      org.opencontainers.image.description="A multi-tenant LLM gateway" \
      org.opencontainers.image.licenses="Apache-2.0"
COPY --from=build /out/tollgate /usr/local/bin/tollgate
COPY --from=build --chown=65532:65532 /out/data /var/lib/tollgate
ENV TOLLGATE_ADDR=0.0.0.0:4000 TOLLGATE_DATA_DIR=/var/lib/tollgate
USER 65532:65532
# The log of calls: it must outlive the container.
VOLUME /var/lib/tollgate
# 4000 is the edge's, 4001 that of services which other processes call.
EXPOSE 4000 4001
# `tollgate health` finds the process by the same variables that started it.
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s --start-interval=1s --retries=3 CMD ["/usr/local/bin/tollgate", "health"]
STOPSIGNAL SIGTERM
ENTRYPOINT ["/usr/local/bin/tollgate"]
CMD ["serve"]
