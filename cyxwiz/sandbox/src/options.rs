use std::{fmt, net::IpAddr, str::FromStr, time::Duration};

use crate::{SandboxError, usage::OnUsage};

/// Who a node is, on each container's label.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NodeLabel(String);

/// How a node runs container jobs.
#[derive(Clone)]
pub struct ContainerOptions {
    /// The node's name on its containers, by which [`crate::Engine::sweep`] knows them.
    pub node: NodeLabel,
    /// Time from SIGTERM to SIGKILL where a job names none. Default 10 s; at most 60 s counts.
    pub grace: Duration,
    /// Time between two samples of what a job uses. Default 1 s.
    pub sample_every: Duration,
    /// Takes the samples; must be quick. Default: nobody.
    pub on_usage: Option<OnUsage>,
    /// Bytes of `/tmp`, which count as the job's memory. Default 1 GiB, and never more than that memory.
    pub tmp_bytes: u64,
    /// Files and folders that the writable folders may hold together. Default 20,000.
    pub max_files: u64,
    /// Files that a job may have open at once. Default 65,536, and never more than the engine itself may.
    pub open_files: u32,
    /// Name servers that an outbound job may ask though they be private. Default: those of this machine's
    /// `/etc/resolv.conf` that are not loopback.
    pub name_servers: Vec<IpAddr>,
}

impl ContainerOptions {
    /// Returns the defaults for a node.
    pub fn new(node: NodeLabel) -> Self {
        Self {
            node,
            grace: Duration::from_secs(10),
            sample_every: Duration::from_secs(1),
            on_usage: None,
            tmp_bytes: 1 << 30,
            max_files: 20_000,
            open_files: 65_536,
            name_servers: name_servers(&std::fs::read_to_string("/etc/resolv.conf").unwrap_or_default()),
        }
    }
}

impl fmt::Debug for ContainerOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ContainerOptions")
            .field("node", &self.node)
            .field("grace", &self.grace)
            .field("sample_every", &self.sample_every)
            .field("on_usage", &self.on_usage.is_some())
            .field("tmp_bytes", &self.tmp_bytes)
            .field("max_files", &self.max_files)
            .field("open_files", &self.open_files)
            .field("name_servers", &self.name_servers)
            .finish()
    }
}

fn name_servers(resolv_conf: &str) -> Vec<IpAddr> {
    let named = resolv_conf.lines().filter_map(|line| {
        let mut words = line.split_whitespace();
        (words.next() == Some("nameserver")).then(|| words.next()?.parse::<IpAddr>().ok())?
    });
    named.filter(|server| !server.is_loopback()).collect()
}

impl NodeLabel {
    /// Returns the label.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for NodeLabel {
    type Err = SandboxError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let plain = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
        if (1..=64).contains(&text.len()) && text.chars().all(plain) {
            return Ok(Self(text.to_owned()));
        }
        Err(SandboxError::NodeLabel(text.chars().take(100).collect()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_name_servers_that_a_container_can_ask_count() {
        let text = "# x\nnameserver 127.0.0.53\nnameserver 192.0.2.1 # y\nsearch a\nnameserver bad\n";
        assert_eq!(name_servers(text), ["192.0.2.1".parse::<IpAddr>().unwrap()]);
    }

    #[test]
    fn a_label_is_plain() {
        assert!("node-1".parse::<NodeLabel>().is_ok());
        for bad in ["", "a b", "a=b", "é"] {
            assert!(bad.parse::<NodeLabel>().is_err(), "{bad}");
        }
    }
}
