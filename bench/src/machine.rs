use std::{fs, path::Path, process::Command, time::Instant};

use serde::Serialize;

/// Where it was measured.
#[derive(Serialize)]
pub(crate) struct Machine {
    cpu: String,
    cores: usize,
    memory_mib: u64,
    kernel: String,
    commit: String,
    /// Whether the checkout had changes that no commit holds.
    dirty: bool,
    pub(crate) load_before: String,
    pub(crate) load_after: String,
    virtualised: bool,
}

impl Machine {
    pub(crate) fn describe() -> Self {
        let cpuinfo = read("/proc/cpuinfo");
        let of_cpu = |name: &str| {
            let line = cpuinfo.lines().find(|line| line.starts_with(name));
            line.and_then(|line| line.split_once(':')).map_or("", |(_, value)| value.trim()).to_owned()
        };
        let git = |args: &[&str]| {
            let output = Command::new("git").args(args).output().ok();
            output.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned()).unwrap_or_default()
        };
        Self {
            cpu: of_cpu("model name"),
            cores: std::thread::available_parallelism().map_or(0, usize::from),
            memory_mib: kib(&read("/proc/meminfo"), "MemTotal:") / 1024,
            kernel: read("/proc/sys/kernel/osrelease").trim().to_owned(),
            commit: git(&["rev-parse", "--short=12", "HEAD"]),
            dirty: !git(&["status", "--porcelain", "--untracked-files=no"]).is_empty(),
            load_before: load(),
            load_after: String::new(),
            virtualised: of_cpu("flags").split(' ').any(|flag| flag == "hypervisor"),
        }
    }

    /// Returns the commit's short name.
    pub(crate) fn commit(&self) -> &str {
        self.commit.get(..8).unwrap_or("unknown")
    }

    /// Returns one line about the machine.
    pub(crate) fn line(&self) -> String {
        let dirty = if self.dirty { " with changes" } else { "" };
        let virtualised = if self.virtualised { ", virtual" } else { "" };
        format!(
            "{} ({} cores{virtualised}), {} MiB, Linux {}; commit {}{dirty}; load {} before, {} after",
            self.cpu,
            self.cores,
            self.memory_mib,
            self.kernel,
            self.commit(),
            self.load_before,
            self.load_after
        )
    }
}

/// Memory of a process.
#[derive(Serialize, Clone, Copy)]
pub(crate) struct Memory {
    pub(crate) rss_kib: u64,
    /// Memory of its own.
    anon_kib: u64,
    /// Pages of files: the binary, which others share.
    file_kib: u64,
    threads: u64,
}

impl Memory {
    pub(crate) fn of(pid: u32) -> Self {
        let status = read(Path::new("/proc").join(pid.to_string()).join("status"));
        Self {
            rss_kib: kib(&status, "VmRSS:"),
            anon_kib: kib(&status, "RssAnon:"),
            file_kib: kib(&status, "RssFile:"),
            threads: kib(&status, "Threads:"),
        }
    }

    pub(crate) fn shown(&self) -> String {
        format!("{:.1} MiB", self.rss_kib as f64 / 1024.0)
    }
}

/// Tells on stderr what is going on.
pub(crate) fn say(begun: Instant, what: &str) {
    eprintln!("[{:6.1} s, load {}] {what}", begun.elapsed().as_secs_f64(), load());
}

/// The load average of a minute.
pub(crate) fn load() -> String {
    read("/proc/loadavg").split(' ').next().unwrap_or_default().to_owned()
}

/// Children of a process, theirs included.
pub(crate) fn descendants(pid: u32) -> Vec<u32> {
    let Ok(threads) = fs::read_dir(format!("/proc/{pid}/task")) else { return Vec::new() };
    let children = threads.flatten().map(|thread| read(thread.path().join("children")));
    let children: Vec<u32> = children
        .flat_map(|text| text.split_whitespace().filter_map(|pid| pid.parse().ok()).collect::<Vec<_>>())
        .collect();
    children.into_iter().flat_map(|child| [vec![child], descendants(child)].concat()).collect()
}

/// Processor time of processes so far, seconds.
pub(crate) fn processor_seconds(pids: &[u32]) -> f64 {
    let ticks = rustix::param::clock_ticks_per_second().max(1) as f64;
    let of = |pid: &u32| -> f64 {
        let stat = read(format!("/proc/{pid}/stat"));
        // the name before may hold spaces
        let rest = stat.rsplit_once(')').map_or("", |(_, rest)| rest);
        let own = rest.split_whitespace().skip(11).take(2);
        own.filter_map(|ticks| ticks.parse::<f64>().ok()).sum()
    };
    pids.iter().map(of).sum::<f64>() / ticks
}

fn kib(text: &str, name: &str) -> u64 {
    let line = text.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_default();
    line.split_whitespace().next().and_then(|number| number.parse().ok()).unwrap_or(0)
}

fn read(path: impl AsRef<Path>) -> String {
    fs::read_to_string(path).unwrap_or_default()
}
