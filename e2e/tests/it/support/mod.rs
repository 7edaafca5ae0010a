//! A node to talk to, and ways to talk to it.
//!
//! ```text
//! Node (a real process in a folder of its own) ◄── Client (vyr-sdk) · Cli (the binary) · Curl
//! Task: a submit in the making          until: wait for a condition, never for a time
//! ```

mod cli;
mod curl;
mod node;
mod task;
mod tls;
mod trace;

pub(crate) use self::{
    cli::{Cli, Said},
    curl::{Answer, Curl},
    node::{Node, NodeBuilder},
    task::{Submit, ended_well, shown, stdout},
    tls::tls_proxy,
};

pub(crate) use e2e::{folder, until, until_some};

use std::{
    env,
    path::{Path, PathBuf},
    process::Command,
};

/// Returns the `vyr` binary: `VYR_BIN`, else the one built beside this test.
pub(crate) fn binary() -> PathBuf {
    e2e::binary("VYR_BIN", "vyr")
}

/// Returns the folder of caches: `$XDG_CACHE_HOME/vyr`.
pub(crate) fn cache() -> PathBuf {
    let base = env::var_os("XDG_CACHE_HOME").map(PathBuf::from);
    base.unwrap_or_else(|| PathBuf::from(env::var_os("HOME").unwrap()).join(".cache")).join("vyr")
}

/// Returns the file of a guest: a component, or with `.p1` a core module.
pub(crate) fn guest(name: &str) -> PathBuf {
    let dir = env::var_os("VYR_GUESTS").map_or_else(|| cache().join("guests"), PathBuf::from);
    let path = dir.join(format!("{name}.wasm"));
    assert!(path.is_file(), "no {}: run `./x guests`", path.display());
    path
}

/// Returns the Python that has grpcio-tools and opentelemetry-proto.
pub(crate) fn python() -> PathBuf {
    let python = env::var_os("VYR_PYTHON")
        .map_or_else(|| cache().join("tools/python-tests/bin/python"), PathBuf::from);
    assert!(python.is_file(), "no {}: run `./x setup`", python.display());
    python
}

/// Returns a folder of the repository.
pub(crate) fn repository(path: &str) -> PathBuf {
    // not the folder at compile time: clones may share a target folder
    let package = env::var_os("CARGO_MANIFEST_DIR").unwrap();
    Path::new(&package).parent().unwrap().join(path)
}

/// Makes a certificate with the real openssl; returns its file and its key's.
pub(crate) fn self_signed(dir: &Path, name: &str) -> (PathBuf, PathBuf) {
    let (cert, key) = (dir.join(format!("{name}.pem")), dir.join(format!("{name}.key")));
    let made = Command::new("openssl")
        .args([
            "req",
            "-x509",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:P-256",
            "-nodes",
            "-days",
            "2",
        ])
        .args(["-subj", "/CN=node", "-addext", "subjectAltName=IP:127.0.0.1,DNS:localhost"])
        .args(["-addext", "basicConstraints=critical,CA:FALSE"])
        .arg("-keyout")
        .arg(&key)
        .arg("-out")
        .arg(&cert)
        .output()
        .unwrap();
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    (cert, key)
}
