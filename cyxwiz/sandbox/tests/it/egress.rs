//! What an outbound job reaches. Every address is one of this test's own namespaces; it needs the private engine.

use std::{
    io::{Read as _, Write as _},
    net::TcpListener,
    process::Command,
    sync::atomic::Ordering,
};

use vyr_model::Terminal;

use crate::support::{AtFirstByte, Captured, Host, Loose, METADATA, PRIVATE, PUBLIC, World, variable};

const CONNECT: &str = include_str!("../attacks/connect.py");

/// The gateway of a container's own bridge: the seller's machine, seen from a job.
const GATEWAY: &str = r#"
import socket, struct
route = next(line.split() for line in open("/proc/net/route").readlines()[1:] if line.split()[1] == "00000000")
print(socket.inet_ntoa(struct.pack("<L", int(route[2], 16))))
"#;

/// Tests in here share one world: nextest runs each in a process of its own, one at a time (`.config/nextest.toml`).
async fn outbound() -> Host {
    let host = Host::new().await;
    host.executor.outbound().unwrap();
    host
}

#[tokio::test]
async fn metadata_private_ranges_and_the_machine_itself_are_out_of_reach() {
    let host = outbound().await;
    let world = World::new();
    let beyond = [METADATA, PRIVATE, PUBLIC].map(World::url);
    let counts = || (world.beyond.load(Ordering::SeqCst), world.machine.load(Ordering::SeqCst));

    let (_, gateway) = Loose::python(GATEWAY).run().await;
    let mut attack = Loose::python(CONNECT);
    for target in beyond.iter().chain([&World::url(gateway.trim())]) {
        attack = attack.arg(target);
    }
    let (_, loose) = attack.run().await;
    assert_eq!(loose.matches("secret").count(), 4, "an unhardened container reaches each: {loose}");
    assert_eq!(counts(), (3, 1));

    let gateway = host.run(host.python(GATEWAY).outbound()).await.succeeded();
    let mut attempt = host.python(CONNECT).outbound();
    for target in beyond.iter().chain([&World::url(gateway.trim())]) {
        attempt = attempt.arg(target);
    }
    let held = host.run(attempt).await.succeeded();
    let expected = format!("{METADATA} held\n{PRIVATE} held\n{PUBLIC} secret\n{} held\n", gateway.trim());
    assert_eq!(held, expected);
    assert_eq!(counts(), (4, 1), "what answers is the Internet alone");
    host.assert_healthy().await;
}

#[tokio::test]
async fn jobs_do_not_reach_each_other_and_nobody_reaches_a_job() {
    let serve = r#"
import socket
listener = socket.create_server(("0.0.0.0", 8080))
probe = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
probe.connect(("203.0.113.2", 9))
print(probe.getsockname()[0], flush=True)
while True:
    stream, _ = listener.accept()
    stream.sendall(b"secret")
    stream.close()
"#;
    let host = outbound().await;
    let world = World::new();
    world.route("172.16.0.0/12");
    let mut loose = Loose::python(serve).publish("8080/tcp", "8099").start().await;
    let _ready = loose.line().await;
    let target = format!("{}:8080", loose.address().await);
    let (_, reached) = Loose::python(CONNECT).arg(&target).run().await;
    assert!(reached.contains("secret"), "unhardened containers reach each other: {reached}");
    assert!(world.reaches("203.0.113.1", 8099), "a published port is reached from elsewhere");
    loose.remove().await;

    let attempt = host.python(serve).outbound();
    let (cancel, captured) = (attempt.cancel.clone(), Captured::default());
    let (ready, is_ready) = tokio::sync::oneshot::channel();
    let sink = AtFirstByte { act: Some(move || ready.send(()).unwrap()), captured: captured.clone() };
    let probe = async {
        is_ready.await.unwrap();
        let address = captured.text().trim().to_owned();
        let other = host.run_beside(host.python(CONNECT).outbound().arg(format!("{address}:8080"))).await;
        let inbound = world.reaches(&address, 8080);
        cancel.cancel();
        (other.succeeded(), inbound, address)
    };
    let serving = host.run_beside_into(attempt, Box::new(sink), captured.clone());
    let (served, (other, inbound, address)) = tokio::join!(serving, probe);
    assert_eq!(served.outcome.terminal, Terminal::Cancelled, "{served:?}");
    assert_eq!(other, format!("{address} held\n"));
    assert!(!inbound, "a job is reached from elsewhere");
    host.assert_clean().await;
}

#[tokio::test]
async fn a_job_has_no_ipv6() {
    let host = outbound().await;
    let look = "print(len(open('/proc/net/if_inet6').read()))";
    assert_eq!(host.run(host.python(look).outbound()).await.succeeded(), "0\n");
}

#[tokio::test]
async fn rules_that_somebody_flushed_are_put_again() {
    let host = outbound().await;
    let world = World::new();
    let engine = variable("CYXWIZ_DOCKER_NETNS");
    let iptables = |words: &str| {
        let args = ["netns", "exec", &engine, "iptables", "-w"];
        let output = Command::new("ip").args(args).args(words.split(' ')).output().unwrap();
        assert!(output.status.success(), "iptables {words}");
    };
    for spoiled in ["-F CYXWIZ-EGRESS", "-I DOCKER-USER -j ACCEPT", "-F INPUT"] {
        iptables(spoiled);
        let held = host.run(host.python(CONNECT).outbound().arg(World::url(METADATA))).await;
        assert_eq!(held.succeeded(), format!("{METADATA} held\n"), "{spoiled}");
    }
    iptables("-D DOCKER-USER -j ACCEPT");
    assert_eq!(world.beyond.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn a_job_reaches_a_server_at_the_hosts_end_of_the_link() {
    let host = outbound().await;
    let listener = TcpListener::bind((variable("CYXWIZ_DOCKER_HOST_ADDRESS").as_str(), 0)).unwrap();
    let address = listener.local_addr().unwrap();
    let served = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let _ = stream.read(&mut [0; 1]);
        stream.write_all(b"secret").unwrap();
    });
    let reached = host.run(host.python(CONNECT).outbound().arg(address)).await.succeeded();
    assert_eq!(reached, format!("{} secret\n", address.ip()));
    served.join().unwrap();
}
