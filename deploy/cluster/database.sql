-- The role and the schema of the KestrelKv servers. Patroni executes this file once, when it creates the cluster. CLUSTER.md describes the
-- rights.
\getenv password KESTRELKV_DATABASE_PASSWORD
CREATE ROLE kestrelkv LOGIN PASSWORD :'password';
CREATE DATABASE kestrelkv;
REVOKE ALL ON DATABASE kestrelkv FROM PUBLIC;
GRANT CONNECT ON DATABASE kestrelkv TO kestrelkv;
\connect kestrelkv
CREATE SCHEMA kestrelkv AUTHORIZATION kestrelkv;
