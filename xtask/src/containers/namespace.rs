//! The private engine's network: a namespace, a link to the host, and the way out where the host forwards packets.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, bail};

use crate::cmd::{cmd, output, run, succeeds};

/// Addresses of links are taken from TEST-NET-2, which no network uses and no rule for private ranges hits.
const NET: &str = "198.51.100";
/// How many links of four addresses each fit.
const LINKS: u32 = 64;
/// What our rules on the host are known by.
const COMMENT: &str = "cyxwiz-private-engine";

/// A namespace by its name, with the host's end of its link.
pub(super) struct Namespace {
    pub(super) name: String,
    /// Also the link's name, which may have 15 letters at most.
    id: u32,
}

impl Namespace {
    /// The namespace of the engine that is known by `id`.
    pub(super) fn of(id: u32) -> Self {
        Self { name: format!("cyx-{id:08x}"), id }
    }

    pub(super) fn exists(&self) -> bool {
        Path::new(&self.path()).exists()
    }

    pub(super) fn path(&self) -> String {
        format!("/run/netns/{}", self.name)
    }

    /// The host's address on the link, once it is there.
    pub(super) fn host_address(&self) -> Option<String> {
        if !Path::new("/sys/class/net").join(self.link()).exists() {
            return None;
        }
        let shown = output(&mut cmd("ip", ["-4", "-o", "addr", "show", "dev", &self.link()])).ok()?;
        let mut words = shown.split_whitespace().skip_while(|word| *word != "inet");
        Some(words.nth(1)?.split('/').next()?.to_owned())
    }

    /// Whether the host forwards packets at all; it is not made to.
    pub(super) fn host_forwards() -> bool {
        fs::read_to_string("/proc/sys/net/ipv4/ip_forward").is_ok_and(|value| value.trim() == "1")
    }

    pub(super) fn ensure(&self) -> Result<()> {
        if !self.exists() {
            run(&mut cmd("ip", ["netns", "add", &self.name])).context("cannot make a network namespace")?;
        }
        self.ip(&["link", "set", "lo", "up"])?;
        if self.host_address().is_none() {
            self.connect()?;
        }
        if Self::host_forwards() { self.forward() } else { Ok(()) }
    }

    fn link(&self) -> String {
        format!("cyx{:08x}", self.id)
    }

    /// Makes the link, at the first four addresses that are free.
    fn connect(&self) -> Result<()> {
        let link = self.link();
        let _ = succeeds(&mut cmd("ip", ["link", "del", &link]));
        run(&mut cmd(
            "ip",
            ["link", "add", &link, "type", "veth", "peer", "name", "uplink", "netns", &self.name],
        ))?;
        let taken = output(&mut cmd("ip", ["-4", "-o", "addr", "show"]))?;
        let free = (0..LINKS).map(|step| (self.id.wrapping_add(step) % LINKS) * 4);
        let mut free = free.filter(|first| !taken.contains(&format!(" {NET}.{}/", first + 1)));
        let Some(first) = free.next() else { bail!("all {LINKS} links of {NET}.0/24 are taken") };
        let [host, inner] = [first + 1, first + 2].map(|last| format!("{NET}.{last}"));
        run(&mut cmd("ip", ["addr", "add", &format!("{host}/30"), "dev", &link]))?;
        run(&mut cmd("ip", ["link", "set", &link, "up"]))?;
        self.ip(&["addr", "add", &format!("{inner}/30"), "dev", "uplink"])?;
        self.ip(&["link", "set", "uplink", "up"])?;
        if Self::host_forwards() { self.ip(&["route", "replace", "default", "via", &host]) } else { Ok(()) }
    }

    /// Runs `ip` inside.
    fn ip(&self, args: &[&str]) -> Result<()> {
        run(cmd("ip", ["-n", &self.name]).args(args))
    }

    /// The host's rules for what comes from inside, each with its table and chain.
    fn rules(&self) -> Option<[Vec<String>; 3]> {
        let inside = format!("{}/30", self.host_address()?);
        let link = self.link();
        let words = |line: String| line.split_whitespace().map(str::to_owned).collect();
        Some([
            words(format!("nat POSTROUTING -s {inside} ! -o {link} -j MASQUERADE")),
            words(format!("filter FORWARD -i {link} -j ACCEPT")),
            words(format!("filter FORWARD -o {link} -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT")),
        ])
    }

    fn forward(&self) -> Result<()> {
        for rule in self.rules().into_iter().flatten() {
            if !succeeds(&mut iptables("-C", &rule)) {
                run(&mut iptables("-A", &rule)).context("cannot let containers out")?;
            }
        }
        Ok(())
    }

    /// Removes the namespace, its link and the host's rules.
    pub(super) fn remove(&self) -> Result<()> {
        for rule in self.rules().into_iter().flatten() {
            let _ = succeeds(&mut iptables("-D", &rule));
        }
        let _ = succeeds(&mut cmd("ip", ["link", "del", &self.link()]));
        if self.exists() {
            run(&mut cmd("ip", ["netns", "del", &self.name]))?;
        }
        Ok(())
    }
}

fn iptables(verb: &str, rule: &[String]) -> std::process::Command {
    let (table, rest) = rule.split_first().map_or(("filter", rule), |(table, rest)| (table.as_str(), rest));
    let mut command = cmd("iptables", ["-w", "10", "-t", table, verb]);
    command.args(rest).args(["-m", "comment", "--comment", COMMENT]);
    command
}
