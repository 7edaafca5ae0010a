use std::{
    fs, io,
    path::{Path, PathBuf},
    time::Duration,
};

use rustix::fs::Access;

/// Where this host can hold a container's limits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Hierarchy {
    /// One tree a controller (cgroup v1, or hybrid): a container's groups lie below this process's own.
    V1(Vec<Controller>),
    /// One tree for all (cgroup v2): a container's group lies at the root, since ours holds processes.
    V2(PathBuf),
    /// None that this user may write to: rlimits alone hold.
    None,
}

/// One controller of cgroup v1 and this process's group in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Controller {
    name: String,
    group: PathBuf,
}

/// What a container has used.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Usage {
    /// Processor time; `None` where it is not counted.
    pub(crate) cpu: Option<Duration>,
    /// Processes that the kernel killed because the container's memory was used up.
    pub(crate) oom_kills: u64,
}

impl Hierarchy {
    /// Reads how this process sees cgroups.
    pub(crate) fn discover() -> io::Result<Self> {
        let found = Self::parse(
            &fs::read_to_string("/proc/self/mountinfo")?,
            &fs::read_to_string("/proc/self/cgroup")?,
        );
        let writable = |path: &Path| rustix::fs::access(path, Access::WRITE_OK).is_ok() && path.is_dir();
        Ok(match found {
            Self::V1(controllers) => {
                let usable: Vec<_> = controllers.into_iter().filter(|c| writable(&c.group)).collect();
                if usable.is_empty() { Self::None } else { Self::V1(usable) }
            }
            Self::V2(root) if writable(&root) => Self::V2(root),
            _ => Self::None,
        })
    }

    fn parse(mountinfo: &str, own: &str) -> Self {
        let mut unified = None;
        let mut controllers = Vec::new();
        for mount in mountinfo.lines().filter_map(Mount::parse) {
            match mount.kind {
                "cgroup2" => unified = unified.or(Some(mount.point)),
                "cgroup" => {
                    for name in mount.options.split(',').map(|option| option.trim_start_matches("name=")) {
                        if let Some(path) = own_group(own, name) {
                            let below = Path::new(path).strip_prefix(mount.root).unwrap_or(Path::new(""));
                            let group = Path::new(mount.point).join(below);
                            controllers.push(Controller { name: name.to_owned(), group });
                        }
                    }
                }
                _ => {}
            }
        }
        match unified {
            _ if !controllers.is_empty() => Self::V1(controllers),
            Some(root) => Self::V2(PathBuf::from(root)),
            None => Self::None,
        }
    }

    /// Returns the path of a container's group as the runtime's config writes it.
    pub(crate) fn config_path(&self, id: &str) -> Option<PathBuf> {
        match self {
            Self::V1(_) => Some(PathBuf::from(id)),
            Self::V2(_) => Some(Path::new("/").join(id)),
            Self::None => None,
        }
    }

    /// Tells whether memory can be limited.
    pub(crate) fn has_memory(&self) -> bool {
        match self {
            Self::V1(controllers) => controllers.iter().any(|controller| controller.name == "memory"),
            Self::V2(root) => v2_controllers(root).split_whitespace().any(|name| name == "memory"),
            Self::None => false,
        }
    }

    /// Tells whether the use of swap can be limited.
    pub(crate) fn has_swap(&self) -> bool {
        match self {
            Self::V1(_) => {
                self.v1("memory").is_some_and(|group| group.join("memory.memsw.limit_in_bytes").exists())
            }
            Self::V2(_) => self.has_memory() && Path::new("/proc/swaps").exists(),
            Self::None => false,
        }
    }

    /// Tells whether the number of processes can be limited.
    pub(crate) fn has_pids(&self) -> bool {
        match self {
            Self::V1(controllers) => controllers.iter().any(|controller| controller.name == "pids"),
            Self::V2(root) => v2_controllers(root).split_whitespace().any(|name| name == "pids"),
            Self::None => false,
        }
    }

    /// Reads what a container has used so far; nothing of one that has no group.
    pub(crate) fn usage(&self, id: &str) -> Usage {
        let read = |path: PathBuf| fs::read_to_string(path).unwrap_or_default();
        match self {
            Self::V1(_) => {
                let cpu = self.v1("cpuacct").map(|group| read(group.join(id).join("cpuacct.usage")));
                let memory = self.v1("memory").map(|group| read(group.join(id).join("memory.oom_control")));
                Usage {
                    cpu: cpu.and_then(|text| text.trim().parse().ok()).map(Duration::from_nanos),
                    oom_kills: memory.and_then(|text| field(&text, "oom_kill")).unwrap_or(0),
                }
            }
            Self::V2(root) => Usage {
                cpu: field(&read(root.join(id).join("cpu.stat")), "usage_usec").map(Duration::from_micros),
                oom_kills: field(&read(root.join(id).join("memory.events")), "oom_kill").unwrap_or(0),
            },
            Self::None => Usage::default(),
        }
    }

    /// Returns the folders of a container's groups.
    pub(crate) fn groups(&self, id: &str) -> Vec<PathBuf> {
        match self {
            Self::V1(controllers) => controllers.iter().map(|controller| controller.group.join(id)).collect(),
            Self::V2(root) => vec![root.join(id)],
            Self::None => Vec::new(),
        }
    }

    fn v1(&self, name: &str) -> Option<&Path> {
        let Self::V1(controllers) = self else { return None };
        controllers.iter().find(|controller| controller.name == name).map(|found| found.group.as_path())
    }
}

fn v2_controllers(root: &Path) -> String {
    fs::read_to_string(root.join("cgroup.controllers")).unwrap_or_default()
}

/// Finds a number in lines of `name number`.
fn field(text: &str, name: &str) -> Option<u64> {
    text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' ')?.trim().parse().ok())
}

/// Finds this process's group in the lines of `/proc/self/cgroup`: `number:controllers:path`.
fn own_group<'a>(own: &'a str, controller: &str) -> Option<&'a str> {
    own.lines().find_map(|line| {
        let (names, path) = line.split_once(':')?.1.split_once(':')?;
        names.split(',').any(|name| name.trim_start_matches("name=") == controller).then_some(path)
    })
}

struct Mount<'a> {
    root: &'a str,
    point: &'a str,
    kind: &'a str,
    options: &'a str,
}

impl<'a> Mount<'a> {
    fn parse(line: &'a str) -> Option<Self> {
        let (place, kind) = line.split_once(" - ")?;
        let mut place = place.split(' ').skip(3);
        let mut kind = kind.split(' ');
        Some(Self { root: place.next()?, point: place.next()?, kind: kind.next()?, options: kind.nth(1)? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_the_controllers_of_a_hybrid_host() {
        let mounts = "31 23 0:28 / /sys/fs/cgroup rw - tmpfs tmpfs rw\n\
            32 31 0:29 / /sys/fs/cgroup/cpu,cpuacct rw,nosuid - cgroup cgroup rw,cpu,cpuacct\n\
            35 31 0:32 /pod /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n\
            41 31 0:38 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n";
        let own = "4:memory:/pod/own\n2:cpu,cpuacct:/\n1:name=systemd:/\n0::/\n";
        let found = Hierarchy::parse(mounts, own);
        assert_eq!(found.v1("cpuacct"), Some(Path::new("/sys/fs/cgroup/cpu,cpuacct")));
        assert_eq!(found.v1("memory"), Some(Path::new("/sys/fs/cgroup/memory/own")));
        assert_eq!((found.has_memory(), found.has_pids()), (true, false));
        assert_eq!(found.config_path("c").as_deref(), Some(Path::new("c")));
    }

    #[test]
    fn finds_a_unified_host_and_none() {
        let mounts = "30 23 0:26 / /sys/fs/cgroup rw,nosuid - cgroup2 cgroup2 rw,nsdelegate\n";
        let found = Hierarchy::parse(mounts, "0::/user.slice\n");
        assert_eq!(found, Hierarchy::V2("/sys/fs/cgroup".into()));
        assert_eq!(found.config_path("c").as_deref(), Some(Path::new("/c")));
        assert_eq!(Hierarchy::parse("", ""), Hierarchy::None);
    }

    #[test]
    fn reads_numbers_by_their_whole_name() {
        let text = "oom_kill_disable 0\nunder_oom 0\noom_kill 3\n";
        assert_eq!(field(text, "oom_kill"), Some(3));
        assert_eq!(field(text, "usage_usec"), None);
    }
}
