#!/bin/sh
# Runs once, when the PostgreSQL container makes its data: the bank's role owns the bank's database
# but is no superuser, so that what a migration revokes is revoked from it too.
set -eu
psql -v ON_ERROR_STOP=1 --username "$POSTGRES_USER" --dbname postgres \
    -v role="$GIRO_ROLE" -v password="$GIRO_PASSWORD" -v database="$GIRO_DATABASE" <<'SQL'
CREATE ROLE :"role" LOGIN PASSWORD :'password';
CREATE DATABASE :"database" OWNER :"role";
SQL
