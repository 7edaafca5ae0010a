//! A container's counters, read from the kernel: the engine itself answers such a question after up to a second.

use std::{fs, path::PathBuf, time::Duration};

use crate::Usage;

/// Where the counters of one container are.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Counters {
    files: Files,
    pids: PathBuf,
    net: PathBuf,
}

#[derive(Debug, PartialEq, Eq)]
enum Files {
    /// Each controller in a tree of its own.
    V1 { cpu: PathBuf, memory: PathBuf },
    /// One tree.
    V2 { group: PathBuf },
}

impl Counters {
    /// Finds the counters by a container's first process; `None` where it is not one of this machine.
    pub(super) fn of(pid: i64) -> Option<Self> {
        let groups = fs::read_to_string(format!("/proc/{pid}/cgroup")).ok()?;
        let mounts = fs::read_to_string("/proc/self/mountinfo").ok()?;
        let counters = Self::find(&groups, &mounts, format!("/proc/{pid}/net/dev").into())?;
        counters.read().map(|_| counters)
    }

    fn find(groups: &str, mounts: &str, net: PathBuf) -> Option<Self> {
        let v1 = |controller| Some(mounted(mounts, "cgroup", controller)?.join(member(groups, controller)?));
        if let (Some(cpu), Some(memory), Some(pids)) = (v1("cpuacct"), v1("memory"), v1("pids")) {
            return Some(Self { files: Files::V1 { cpu, memory }, pids, net });
        }
        let group = mounted(mounts, "cgroup2", "")?.join(member(groups, "")?);
        Some(Self { pids: group.clone(), files: Files::V2 { group }, net })
    }

    /// Reads them; `None` when the container has ended.
    pub(super) fn read(&self) -> Option<Usage> {
        let text = |path: PathBuf| fs::read_to_string(path).ok();
        let number = |path: PathBuf| text(path)?.trim().parse::<u64>().ok();
        let (cpu, memory, droppable) = match &self.files {
            Files::V1 { cpu, memory } => (
                Duration::from_nanos(number(cpu.join("cpuacct.usage"))?),
                number(memory.join("memory.usage_in_bytes"))?,
                field(&text(memory.join("memory.stat"))?, "total_inactive_file"),
            ),
            Files::V2 { group } => (
                Duration::from_micros(field(&text(group.join("cpu.stat"))?, "usage_usec")?),
                number(group.join("memory.current"))?,
                field(&text(group.join("memory.stat"))?, "inactive_file"),
            ),
        };
        let (rx_bytes, tx_bytes) = traffic(&text(self.net.clone()).unwrap_or_default());
        Some(Usage {
            cpu,
            memory_bytes: memory.saturating_sub(droppable.unwrap_or_default()),
            pids: number(self.pids.join("pids.current"))?,
            rx_bytes,
            tx_bytes,
        })
    }
}

/// The path of a process's group in a controller's tree, without its first `/`; the one tree's controller is empty.
fn member<'a>(groups: &'a str, controller: &str) -> Option<&'a str> {
    groups.lines().find_map(|line| {
        let mut parts = line.splitn(3, ':').skip(1);
        let named = parts.next()?.split(',').any(|name| name == controller);
        if named { parts.next()?.strip_prefix('/') } else { None }
    })
}

/// Where a controller's tree, or the one tree, is mounted with its root.
fn mounted(mounts: &str, kind: &str, controller: &str) -> Option<PathBuf> {
    mounts.lines().find_map(|line| {
        let (place, what) = line.split_once(" - ")?;
        let mut what = what.split(' ');
        let is_kind = what.next() == Some(kind);
        let has = controller.is_empty() || what.nth(1)?.split(',').any(|name| name == controller);
        let mut place = place.split(' ').skip(3);
        (is_kind && has && place.next() == Some("/")).then(|| place.next().map(PathBuf::from))?
    })
}

/// The number after a name that begins a line.
fn field(text: &str, name: &str) -> Option<u64> {
    text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' ')?.trim().parse().ok())
}

/// Bytes in and out over all interfaces but the loopback, from `/proc/PID/net/dev`.
fn traffic(dev: &str) -> (u64, u64) {
    let devices = dev.lines().filter_map(|line| line.split_once(':')).filter(|(name, _)| name.trim() != "lo");
    devices.fold((0, 0), |(rx, tx), (_, numbers)| {
        let at =
            |index| numbers.split_whitespace().nth(index).and_then(|text| text.parse().ok()).unwrap_or(0);
        (rx + at(0), tx + at(8))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const V1: &str = "25 24 0:22 / /sys/fs/cgroup/cpuacct rw - cgroup cgroup rw,cpuacct\n\
        26 24 0:23 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n\
        27 24 0:24 / /sys/fs/cgroup/pids rw - cgroup cgroup rw,pids\n\
        28 24 0:25 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n";

    #[test]
    fn both_versions_are_found() {
        let groups = "3:pids:/d/c\n2:memory:/d/m\n1:cpu,cpuacct:/d/a\n0::/d/u\n";
        let found = Counters::find(groups, V1, "/n".into()).unwrap();
        let at = |path: &str| PathBuf::from("/sys/fs/cgroup").join(path);
        assert_eq!(found.files, Files::V1 { cpu: at("cpuacct/d/a"), memory: at("memory/d/m") });
        assert_eq!(found.pids, at("pids/d/c"));
        let v2 = "28 24 0:25 / /sys/fs/cgroup rw,nosuid - cgroup2 cgroup2 rw,nsdelegate\n";
        let found = Counters::find("0::/system.slice/docker-ab.scope\n", v2, "/n".into()).unwrap();
        assert_eq!(found.pids, at("system.slice/docker-ab.scope"));
        // a part of the tree, mounted elsewhere, is not it
        assert_eq!(mounted("1 2 0:1 /part /x rw - cgroup2 cgroup2 rw\n", "cgroup2", ""), None);
    }

    #[test]
    fn traffic_is_that_of_all_but_the_loopback() {
        let dev = "Inter-|   Receive\n face |bytes packets\n    lo: 9 1 0 0 0 0 0 0 9 1 0 0 0 0 0 0\n  \
                   eth0: 10 1 0 0 0 0 0 0 3 1 0 0 0 0 0 0\n";
        assert_eq!(traffic(dev), (10, 3));
        assert_eq!(field("cache 1\ntotal_inactive_file 7\n", "total_inactive_file"), Some(7));
    }

    #[test]
    fn this_very_process_has_counters() {
        let own = Counters::of(std::process::id().into());
        assert!(own.is_none_or(|own| own.read().is_some_and(|usage| usage.pids > 0)));
    }
}
