//! Whole stories, told with the real binaries: a `vyr node`, the `vyr` command, the SDK, and
//! programs that others wrote (curl, grpcio, rotel, openssl). Everything is in `tests/it`.
