//! gRPC by Python's grpcio, with stubs that grpcio-tools makes from `proto/`.

use std::{fs, process::Command};

use super::json::Signed;
use crate::support::{Node, folder, python, repository};

/// The client; it asserts for itself and prints `done` at its end.
const CLIENT: &str = include_str!("all_calls.py");

#[test]
fn a_stock_client_in_another_language_makes_all_seven_calls() {
    let node = Node::with(["--listen", "127.0.0.1:0"]);
    let (echo, kv) = (Signed::new("echo"), node.put_with_states("kv", &["s"]));
    echo.trust(&node);
    echo.upload(&node);
    let stubs = folder();
    let here = stubs.path();
    fs::write(here.join("client.py"), CLIENT).unwrap();
    fs::write(here.join("manifest"), &echo.manifest).unwrap();
    fs::write(here.join("signature"), &echo.signature).unwrap();
    let protos = repository("proto");
    let files = fs::read_dir(protos.join("vyr/control/v0")).unwrap().map(|file| file.unwrap().path());
    let generated = Command::new(python())
        .args(["-m", "grpc_tools.protoc", "--python_out=.", "--grpc_python_out=.", "-I"])
        .arg(&protos)
        .args(files)
        .current_dir(here)
        .output()
        .unwrap();
    assert!(generated.status.success(), "{}", String::from_utf8_lossy(&generated.stderr));
    let ran = Command::new(python())
        .arg("client.py")
        .args([node.tcp().to_string(), node.token(), echo.digest.clone(), kv])
        .current_dir(here)
        .output()
        .unwrap();
    let (out, err) = (String::from_utf8_lossy(&ran.stdout), String::from_utf8_lossy(&ran.stderr));
    assert!(ran.status.success(), "{out}{err}");
    assert_eq!(out.trim_end(), "done");
}
