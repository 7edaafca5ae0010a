//! What lies beyond the engine: a second network namespace, linked to the engine's, with a metadata service, a private
//! host and a public one. All of them are this test's own; nothing leaves the two namespaces.

use std::{
    fs::File,
    io::{Read as _, Write as _},
    net::TcpListener,
    os::fd::AsFd as _,
    process::Command,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
        mpsc,
    },
};

use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

use super::variable;

/// What clouds serve credentials at.
pub(crate) const METADATA: &str = "169.254.169.254";
/// A neighbour on the seller's own network.
pub(crate) const PRIVATE: &str = "10.213.77.1";
/// Stands for the Internet: documentation addresses, which no rule denies and no network routes.
pub(crate) const PUBLIC: &str = "203.0.113.2";
const GATEWAY: &str = "203.0.113.1";
const PORT: u16 = 8080;

pub(crate) struct World {
    engine: String,
    name: String,
    /// Connections that got through to a listener out there.
    pub(crate) beyond: Arc<AtomicUsize>,
    /// Connections that got through to the engine's own machine.
    pub(crate) machine: Arc<AtomicUsize>,
}

fn ip(words: &str) {
    let status = Command::new("ip").args(words.split(' ')).status().unwrap();
    assert!(status.success(), "ip {words}");
}

impl World {
    pub(crate) fn new() -> Self {
        let engine = variable("CYXWIZ_DOCKER_NETNS");
        let name = format!("cyxworld{}", std::process::id());
        // what an earlier test that was killed left
        let _ = Command::new("ip").args(["-n", &engine, "link", "del", "world"]).output();
        ip(&format!("netns add {name}"));
        ip(&format!("link add world netns {engine} type veth peer name engine netns {name}"));
        ip(&format!("-n {engine} addr add {GATEWAY}/30 dev world"));
        ip(&format!("-n {engine} link set world up"));
        for device in ["lo", "engine"] {
            ip(&format!("-n {name} link set {device} up"));
        }
        ip(&format!("-n {name} addr add {PUBLIC}/30 dev engine"));
        ip(&format!("-n {name} route add default via {GATEWAY}"));
        for address in [METADATA, PRIVATE] {
            ip(&format!("-n {name} addr add {address}/32 dev lo"));
            ip(&format!("-n {engine} route replace {address}/32 via {PUBLIC}"));
        }
        let beyond = listen(&name);
        let machine = listen(&engine);
        Self { engine, name, beyond, machine }
    }

    pub(crate) fn url(address: &str) -> String {
        format!("{address}:{PORT}")
    }

    /// Connects from out there to an address in the engine's namespace.
    pub(crate) fn reaches(&self, address: &str, port: u16) -> bool {
        let name = self.name.clone();
        let target = format!("{address}:{port}").parse().unwrap();
        inside(name, move || {
            std::net::TcpStream::connect_timeout(&target, std::time::Duration::from_secs(2)).is_ok()
        })
    }

    /// Lets what is out there find the containers.
    pub(crate) fn route(&self, range: &str) {
        ip(&format!("-n {} route replace {range} via {GATEWAY}", self.name));
    }
}

impl Drop for World {
    fn drop(&mut self) {
        let _ = Command::new("ip").args(["-n", &self.engine, "link", "del", "world"]).status();
        let _ = Command::new("ip").args(["netns", "del", &self.name]).status();
    }
}

/// Runs something on a thread in a namespace.
fn inside<T: Send + 'static>(name: String, act: impl FnOnce() -> T + Send + 'static) -> T {
    let thread = std::thread::spawn(move || {
        let namespace = File::open(format!("/run/netns/{name}")).unwrap();
        move_into_link_name_space(namespace.as_fd(), Some(LinkNameSpaceType::Network)).unwrap();
        act()
    });
    thread.join().unwrap()
}

/// Serves a secret on every address of a namespace, and counts who comes.
fn listen(name: &str) -> Arc<AtomicUsize> {
    let count = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&count);
    let (ready, is_ready) = mpsc::channel();
    let name = name.to_owned();
    std::thread::spawn(move || {
        let listener = inside(name, || TcpListener::bind(("0.0.0.0", PORT)).unwrap());
        ready.send(()).unwrap();
        for stream in listener.incoming() {
            let Ok(mut stream) = stream else { continue };
            counted.fetch_add(1, Ordering::SeqCst);
            let mut request = [0; 1];
            let _ = stream.read(&mut request);
            let _ = stream.write_all(b"secret");
        }
    });
    is_ready.recv().unwrap();
    count
}
