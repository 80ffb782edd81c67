# PostgreSQL with recadv, on the official image.
#
#   docker build -t recadv .                 (--build-arg TAG=17-bookworm for another version)
#   docker run --name shop -e POSTGRES_PASSWORD=secret -p 5432:5432 -d recadv
#   docker exec -it shop psql -U postgres -c 'CREATE EXTENSION recadv'
#
# doc/install.md says more.
ARG TAG=15-bookworm

FROM postgres:${TAG} AS build
RUN apt-get update && \
    apt-get install -y --no-install-recommends gcc libc6-dev make "postgresql-server-dev-$PG_MAJOR"
WORKDIR /recadv
COPY Makefile recadv.control exports.txt LICENSE ./
COPY sql sql
COPY src src
RUN make -j"$(nproc)" with_llvm=no PG_CONFIG="/usr/lib/postgresql/$PG_MAJOR/bin/pg_config" && \
    make install with_llvm=no PG_CONFIG="/usr/lib/postgresql/$PG_MAJOR/bin/pg_config" DESTDIR=/installed

FROM postgres:${TAG}
RUN apt-get update && \
    apt-get install -y --no-install-recommends libopenblas0-pthread && \
    rm -rf /var/lib/apt/lists/*
COPY --from=build /installed /
