use std::{
    fs,
    os::unix::fs::{PermissionsExt as _, chown},
    path::{Path, PathBuf},
};

use bollard::models::{Mount, MountBindOptions, MountBindOptionsPropagationEnum, MountType};
use vyr_model::DirGrant;

/// Where a job sees its task's output folder.
pub(crate) const OUT: &str = "/out";
/// The user that a job is when the node is root.
const NOBODY: u32 = 65_534;
/// Guest paths that the container's own parts need.
const TAKEN: [&str; 5] = ["/proc", "/sys", "/dev", "/etc", "/tmp"];
/// Host paths that are never a job's.
const NEVER: [&str; 6] = ["/proc", "/sys", "/dev", "/run", "/var/run", "/etc"];

/// Who a job is on the host. Never root; where the node is an ordinary user, that user, so that files stay the node's
/// to read and remove.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Identity {
    pub(crate) uid: u32,
    pub(crate) gid: u32,
}

impl Identity {
    pub(crate) fn of_jobs() -> Self {
        let (uid, gid) = (rustix::process::geteuid(), rustix::process::getegid());
        if uid.is_root() {
            Self { uid: NOBODY, gid: NOBODY }
        } else {
            Self { uid: uid.as_raw(), gid: gid.as_raw() }
        }
    }
}

/// Makes the task's output folder the job's to write.
pub(crate) fn give(folder: &Path, identity: Identity) -> std::io::Result<()> {
    if fs::metadata(folder)?.permissions().mode() & 0o700 != 0o700 {
        fs::set_permissions(folder, fs::Permissions::from_mode(0o700))?;
    }
    if rustix::process::geteuid().is_root() {
        chown(folder, Some(identity.uid), Some(identity.gid))?;
    }
    Ok(())
}

/// The folders that a job may write to, on the host.
pub(crate) fn writable(dirs: &[DirGrant], out_dir: Option<&Path>) -> Vec<PathBuf> {
    let granted = dirs.iter().filter(|dir| !dir.read_only).map(|dir| PathBuf::from(&dir.host_path));
    granted.chain(out_dir.map(Path::to_owned)).collect()
}

/// Makes the mounts of a job, or says which folder cannot be one.
pub(crate) fn mounts(dirs: &[DirGrant], out_dir: Option<&Path>) -> Result<Vec<Mount>, String> {
    let mut mounts = Vec::with_capacity(dirs.len() + 1);
    for dir in dirs {
        let guest = guest_path(&dir.guest_path)?;
        let host = host_path(&dir.host_path)?;
        mounts.push(bind(&host, &guest, dir.read_only));
    }
    if let Some(out) = out_dir {
        mounts.push(bind(out, OUT, false));
    }
    Ok(mounts)
}

fn bind(host: &Path, guest: &str, read_only: bool) -> Mount {
    Mount {
        target: Some(guest.to_owned()),
        source: Some(host.to_string_lossy().into_owned()),
        typ: Some(MountType::BIND),
        read_only: Some(read_only),
        bind_options: Some(MountBindOptions {
            propagation: Some(MountBindOptionsPropagationEnum::RPRIVATE),
            ..MountBindOptions::default()
        }),
        ..Mount::default()
    }
}

/// Follows a granted host path to what it really is: a job's folder is no way to the machine's own.
fn host_path(path: &str) -> Result<PathBuf, String> {
    let real =
        fs::canonicalize(path).map_err(|error| format!("the folder `{path}` cannot be opened: {error}"))?;
    if !real.is_dir() {
        return Err(format!("`{path}` is no folder"));
    }
    if real.to_str().is_none() {
        return Err(format!("the folder `{path}` has a name that is no UTF-8"));
    }
    if real == Path::new("/") || NEVER.iter().any(|never| real.starts_with(never)) {
        return Err(format!("the folder `{path}` is the machine's own: grant a folder of the job"));
    }
    Ok(real)
}

fn guest_path(path: &str) -> Result<String, String> {
    let parts: Vec<&str> = path.split('/').filter(|part| !matches!(*part, "" | ".")).collect();
    let normal = format!("/{}", parts.join("/"));
    let taken = TAKEN.iter().any(|taken| Path::new(&normal).starts_with(taken));
    if !path.starts_with('/') || parts.is_empty() || parts.contains(&"..") || taken {
        return Err(format!("a job cannot see a folder as `{path}`: use a path of its own, such as `/job`"));
    }
    Ok(normal)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn grant(host: &str, guest: &str) -> Result<Vec<Mount>, String> {
        let dir = DirGrant { host_path: host.into(), guest_path: guest.into(), read_only: true };
        mounts(&[dir], None)
    }

    #[test]
    fn a_folder_is_mounted_as_granted() {
        let dir = tempfile::tempdir().unwrap();
        let mounted = grant(dir.path().to_str().unwrap(), "/job//in/").unwrap();
        assert_eq!(mounted[0].target.as_deref(), Some("/job/in"));
        assert_eq!(mounted[0].read_only, Some(true));
    }

    #[test]
    fn the_machines_own_folders_are_never_mounted() {
        let dir = tempfile::tempdir().unwrap();
        let link = dir.path().join("link");
        std::os::unix::fs::symlink("/etc", &link).unwrap();
        for host in ["/", "/proc", "/etc", "/usr/../etc", link.to_str().unwrap(), "/nothing/there"] {
            assert!(grant(host, "/job").is_err(), "{host}");
        }
        for guest in ["/", "job", "/tmp", "/etc/x", "/job/../etc", "/proc"] {
            assert!(grant(dir.path().to_str().unwrap(), guest).is_err(), "{guest}");
        }
    }
}
