//! What a job may reach, as rules in the form in which `iptables -S` prints them.

use std::net::IpAddr;

/// The chain of a job's packets.
pub(super) const EGRESS: &str = "CYXWIZ-EGRESS";
/// Docker's chain for others' rules, before its own.
pub(super) const USER: &str = "DOCKER-USER";
pub(super) const INPUT: &str = "INPUT";

/// Ranges that are nobody's or somebody's own (RFC 6890): this network, private, shared, link-local with the clouds'
/// metadata services, protocol, relay, benchmark, multicast, reserved. Ranges for documentation are routed nowhere.
const DENIED: [&str; 12] = [
    "0.0.0.0/8",
    "10.0.0.0/8",
    "100.64.0.0/10",
    "127.0.0.0/8",
    "169.254.0.0/16",
    "172.16.0.0/12",
    "192.0.0.0/24",
    "192.88.99.0/24",
    "192.168.0.0/16",
    "198.18.0.0/15",
    "224.0.0.0/4",
    "240.0.0.0/4",
];

/// The rules for one bridge.
pub(super) struct Rules {
    egress: Vec<String>,
    /// What stands first in Docker's chain.
    user: Vec<String>,
    /// What stands first among the rules for this machine itself.
    input: Vec<String>,
}

impl Rules {
    pub(super) fn new(bridge: &str, name_servers: &[IpAddr]) -> Self {
        let asks = name_servers.iter().filter(|server| server.is_ipv4()).flat_map(|server| {
            ["udp", "tcp"].map(|protocol| {
                format!("-A {EGRESS} -d {server}/32 -p {protocol} -m {protocol} --dport 53 -j ACCEPT")
            })
        });
        let denied = DENIED.iter().map(|range| format!("-A {EGRESS} -d {range} -j DROP"));
        let answers = "-m conntrack ! --ctstate RELATED,ESTABLISHED";
        Self {
            egress: asks.chain(denied).collect(),
            user: vec![
                format!("-A {USER} -i {bridge} -j {EGRESS}"),
                format!("-A {USER} -o {bridge} {answers} -j DROP"),
            ],
            input: vec![format!("-A {INPUT} -i {bridge} -j DROP")],
        }
    }

    /// Every chain, with the rules that must stand first in it.
    pub(super) fn expected(&self) -> [(&'static str, Vec<String>); 3] {
        [(EGRESS, self.egress.clone()), (USER, self.user.clone()), (INPUT, self.input.clone())]
    }

    /// What `iptables-restore --noflush` does in one step: our own chain filled anew, the others' rules of ours, of
    /// which `listed` has some already, put at the head.
    pub(super) fn restore(&self, listed: &str) -> String {
        let mut text = format!("*filter\n:{EGRESS} - [0:0]\n{}\n", self.egress.join("\n"));
        // last first, as each is put at the head
        for rule in self.input.iter().chain(self.user.iter().rev()) {
            let Some(words) = rule.strip_prefix("-A ") else { continue };
            for _ in listed.lines().filter(|line| line.trim() == rule) {
                text.push_str(&format!("-D {words}\n"));
            }
            text.push_str(&format!("-I {words}\n"));
        }
        text.push_str("COMMIT\n");
        text
    }
}

/// Compares what stands first in a chain; our own chain must hold nothing more.
pub(super) fn check(chain: &str, expected: &[String], listed: &str) -> Result<(), String> {
    let found: Vec<&str> = listed.lines().map(str::trim).filter(|line| line.starts_with("-A ")).collect();
    let more = chain == EGRESS && found.len() > expected.len();
    if more || found.len() < expected.len() || expected.iter().zip(&found).any(|(one, other)| one != other) {
        return Err(format!("the rules of {chain} are not as they were put"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules() -> Rules {
        let servers: Vec<IpAddr> =
            ["192.168.1.1", "fe80::1"].iter().map(|text| text.parse().unwrap()).collect();
        Rules::new("cyxwiz0", &servers)
    }

    #[test]
    fn metadata_and_private_ranges_are_denied_after_the_name_servers() {
        let rules = rules();
        let at = |text: &str| rules.egress.iter().position(|rule| rule.contains(text)).unwrap();
        assert!(at("192.168.1.1/32 -p udp") < at("192.168.0.0/16"));
        assert!(at("169.254.0.0/16 -j DROP") > 0);
        assert!(!rules.egress.iter().any(|rule| rule.contains("fe80")));
    }

    #[test]
    fn what_is_there_already_moves_to_the_head() {
        let rules = rules();
        let fresh = rules.restore("-P INPUT ACCEPT\n");
        assert!(!fresh.contains("-D ") && fresh.ends_with("COMMIT\n"));
        let at = |text: &str| fresh.find(text).unwrap();
        assert!(at("-I DOCKER-USER -o") < at("-I DOCKER-USER -i"), "{fresh}");
        let again = rules.restore("-A INPUT -j ACCEPT\n-A INPUT -i cyxwiz0 -j DROP\n");
        assert!(again.contains("-D INPUT -i cyxwiz0 -j DROP\n-I INPUT -i cyxwiz0 -j DROP\n"), "{again}");
    }

    #[test]
    fn a_rule_more_or_less_or_elsewhere_is_seen() {
        let [(chain, expected), (user, heads), _] = rules().expected();
        let listed = |lines: &[String]| format!("-N {chain}\n{}\n", lines.join("\n"));
        assert!(check(chain, &expected, &listed(&expected)).is_ok());
        assert!(check(chain, &expected, &listed(&expected[1..])).is_err());
        let mut more = expected.clone();
        more.push(format!("-A {chain} -j ACCEPT"));
        assert!(check(chain, &expected, &listed(&more)).is_err());
        more.rotate_right(1);
        assert!(check(chain, &expected, &listed(&more)).is_err());
        let mut docker = heads.clone();
        docker.push(format!("-A {user} -j RETURN"));
        assert!(check(user, &heads, &listed(&docker)).is_ok());
        docker.insert(0, format!("-A {user} -j ACCEPT"));
        assert!(check(user, &heads, &listed(&docker)).is_err());
    }
}
