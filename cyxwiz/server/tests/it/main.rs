//! The server's tests against a real PostgreSQL.
