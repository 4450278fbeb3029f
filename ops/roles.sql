-- The bank's roles and its database, made or mended: run it as the superuser, as often as you like.
--
--   export GIRO_DATABASE=giro GIRO_OWNER=giro_owner GIRO_OWNER_PASSWORD=… GIRO_API_PASSWORD=… \
--          GIRO_WORKER_PASSWORD=… GIRO_AUDITOR_PASSWORD=…
--   psql -X -f ops/roles.sql postgresql://postgres@db.example.org/postgres
--
-- What each role may do is not decided here: `giro migrate` grants it, by
-- core/privileges/matrix.py. The passwords come from the environment, not by arguments: these stand
-- in the list of processes.
\set ON_ERROR_STOP on
\getenv database GIRO_DATABASE
\getenv owner GIRO_OWNER
\getenv owner_password GIRO_OWNER_PASSWORD
\getenv api_password GIRO_API_PASSWORD
\getenv worker_password GIRO_WORKER_PASSWORD
\getenv auditor_password GIRO_AUDITOR_PASSWORD

SELECT format('CREATE ROLE %I', role)
FROM (VALUES (:'owner'), ('giro_api'), ('giro_worker'), ('giro_auditor')) AS wanted (role)
WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = role) \gexec

SELECT format('ALTER ROLE %I LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS'
              ' PASSWORD %L', role, password)
FROM (VALUES (:'owner', :'owner_password'),
             ('giro_api', :'api_password'),
             ('giro_worker', :'worker_password'),
             ('giro_auditor', :'auditor_password')) AS wanted (role, password) \gexec

SELECT format('CREATE DATABASE %I OWNER %I', :'database', :'owner')
WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = :'database') \gexec
