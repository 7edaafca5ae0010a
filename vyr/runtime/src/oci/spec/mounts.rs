use std::path::{Component, Path};

use oci_spec::{
    OciSpecError,
    runtime::{Mount, MountBuilder},
};

use super::Wanted;
use crate::oci::OciError;

/// Folders of the container that no grant may cover.
const RESERVED: [&str; 4] = ["/proc", "/sys", "/dev", "/out"];

pub(super) fn mounts(wanted: &Wanted<'_>) -> Result<Vec<Mount>, OciError> {
    for dir in wanted.dirs {
        check(&dir.host_path, &dir.guest_path)?;
    }
    build(wanted).map_err(|error| OciError::Request(format!("the mounts cannot be written: {error}")))
}

fn build(wanted: &Wanted<'_>) -> Result<Vec<Mount>, OciSpecError> {
    let size = format!("size={}", wanted.options.tmp_bytes);
    let mut mounts = vec![
        mount("/proc", "proc", "proc", &["nosuid", "noexec", "nodev"])?,
        mount("/dev", "tmpfs", "tmpfs", &["nosuid", "strictatime", "mode=755", "size=65536"])?,
        mount("/dev/shm", "tmpfs", "tmpfs", &["nosuid", "noexec", "nodev", "mode=1777", &size])?,
        mount("/sys", "sysfs", "sysfs", &["nosuid", "noexec", "nodev", "ro"])?,
        mount("/tmp", "tmpfs", "tmpfs", &["nosuid", "nodev", "mode=1777", &size])?,
    ];
    for dir in wanted.dirs {
        mounts.push(bind(&dir.guest_path, Path::new(&dir.host_path), dir.read_only)?);
    }
    if let Some(out) = wanted.out_dir {
        mounts.push(bind("/out", out, false)?);
    }
    Ok(mounts)
}

fn mount(at: &str, kind: &str, source: &str, options: &[&str]) -> Result<Mount, OciSpecError> {
    let options: Vec<String> = options.iter().map(ToString::to_string).collect();
    MountBuilder::default().destination(at).typ(kind).source(source).options(options).build()
}

/// Not recursive: what else is mounted below the folder stays out of reach.
fn bind(at: &str, source: &Path, read_only: bool) -> Result<Mount, OciSpecError> {
    let options = ["bind", "private", "nosuid", "nodev", if read_only { "ro" } else { "rw" }];
    let options: Vec<String> = options.iter().map(ToString::to_string).collect();
    MountBuilder::default().destination(at).typ("bind").source(source).options(options).build()
}

fn check(host: &str, guest: &str) -> Result<(), OciError> {
    let refuse =
        |mend: &str| Err(OciError::Request(format!("the grant `{host}::{guest}` is refused: {mend}")));
    if !Path::new(host).is_absolute() {
        return refuse("name an absolute path of a folder on the node's machine");
    }
    let path = Path::new(guest);
    let plain = path.components().all(|part| matches!(part, Component::RootDir | Component::Normal(_)));
    if !path.is_absolute() || !plain || path == Path::new("/") {
        return refuse("in a container name an absolute path below `/`, without `..`");
    }
    if RESERVED.iter().any(|reserved| path.starts_with(reserved)) {
        return refuse("`/proc`, `/sys`, `/dev` and `/out` are the container's own");
    }
    if !Path::new(host).is_dir() {
        return Err(OciError::Folder(host.to_owned()));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn grants_stay_clear_of_the_containers_own_folders() {
        assert!(check("/", "/data/in").is_ok());
        for guest in ["/", "", "data", "/a/../b", "/proc", "/proc/self", "/dev/null", "/out/x", "/sys"] {
            assert!(check("/", guest).is_err(), "{guest} was accepted");
        }
        assert!(check("relative", "/data").is_err());
        assert!(matches!(check("/dev/null", "/data"), Err(OciError::Folder(_))), "no folder");
    }
}
