use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, chown};
use std::path::Path;

use crate::ServerError;

/// Whom PostgreSQL runs as.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User {
    /// Another one than ours, where ours is root.
    pub other: Option<(u32, u32)>,
    name: String,
}

impl User {
    /// Ourselves; under root `postgres`, or `nobody`.
    ///
    /// # Errors
    /// Root, and neither of the two.
    pub fn for_server() -> Result<Self, ServerError> {
        if !rustix::process::geteuid().is_root() {
            return Ok(Self { other: None, name: "this user".into() });
        }
        let passwd = fs::read_to_string("/etc/passwd").map_err(ServerError::path("/etc/passwd"))?;
        let found = ["postgres", "nobody"].into_iter().find_map(|name| Some((name, ids(&passwd, name)?)));
        let (name, ids) = found.ok_or_else(|| {
            ServerError::Said(
                "PostgreSQL may not run as root, and there is no user `postgres` or `nobody`".into(),
            )
        })?;
        Ok(Self { other: Some(ids), name: name.to_owned() })
    }

    /// Makes a folder that this user owns and nobody else enters; it must be able to get there.
    pub(super) fn folder(&self, folder: &Path) -> Result<(), ServerError> {
        let failed = |source| ServerError::Path { path: folder.to_owned(), source };
        let missing: Vec<_> = folder.ancestors().skip(1).take_while(|parent| !parent.exists()).collect();
        fs::create_dir_all(folder).map_err(failed)?;
        if let Some((uid, gid)) = self.other {
            for parent in missing {
                // ours, to be walked through
                fs::set_permissions(parent, fs::Permissions::from_mode(0o711)).map_err(failed)?;
            }
            chown(folder, Some(uid), Some(gid)).map_err(failed)?;
            self.reaches(folder, uid, gid)?;
        }
        fs::set_permissions(folder, fs::Permissions::from_mode(0o700)).map_err(failed)
    }

    fn reaches(&self, folder: &Path, uid: u32, gid: u32) -> Result<(), ServerError> {
        for parent in folder.ancestors().skip(1).filter(|parent| !parent.as_os_str().is_empty()) {
            let about = fs::metadata(parent).map_err(ServerError::path(parent))?;
            let bit = match () {
                () if about.uid() == uid => 0o100,
                () if about.gid() == gid => 0o010,
                () => 0o001,
            };
            if about.mode() & bit == 0 {
                return Err(ServerError::Said(format!(
                    "PostgreSQL runs as `{}` here, which cannot get through `{}`: choose another --data folder, such \
                     as /var/lib/cyxwiz-server, or start the server as another user than root",
                    self.name,
                    parent.display()
                )));
            }
        }
        Ok(())
    }
}

/// User and group of a name in the text of /etc/passwd.
fn ids(passwd: &str, name: &str) -> Option<(u32, u32)> {
    let line = passwd.lines().find(|line| line.split(':').next() == Some(name))?;
    let mut fields = line.split(':').skip(2);
    Some((fields.next()?.parse().ok()?, fields.next()?.parse().ok()?))
}

/// The version that made a cluster; nothing where there is none.
pub(crate) fn major_of(cluster: &Path) -> Option<String> {
    let text = fs::read_to_string(cluster.join("PG_VERSION")).ok()?;
    Some(text.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn users_are_found_by_their_whole_name() {
        let passwd = "root:x:0:0::/root:/bin/sh\nnobody2:x:7:8::/:/\nnobody:x:65534:65533::/:/\n";
        assert_eq!(ids(passwd, "nobody"), Some((65534, 65533)));
        assert_eq!(ids(passwd, "postgres"), None);
    }
}
