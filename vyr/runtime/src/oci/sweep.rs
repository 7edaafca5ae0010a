use std::{collections::BTreeSet, fs, path::Path};

use super::{OciError, rootfs, runtime::Inner};

/// How the ids of our containers begin.
pub(crate) const PREFIX: &str = "vyr-";

impl Inner {
    /// Removes every container that a former owner of the work folder left; returns how many.
    pub(crate) async fn sweep(&self) -> Result<usize, OciError> {
        let mut ids = names(&self.bundles)?;
        ids.extend(names(&self.commands.state)?);
        for id in &ids {
            // Fails for one that never came to be, of which there is only the folder.
            let deleted = self.commands.delete(id).await;
            if self.commands.state.join(id).exists() {
                deleted?;
            }
            self.remove_groups(id);
            rootfs::remove_all(&self.bundles.join(id))?;
        }
        self.images.clear_scratch()?;
        Ok(ids.len())
    }

    /// Removes a container's cgroups, which the runtime does too unless it was killed.
    pub(crate) fn remove_groups(&self, id: &str) {
        for group in self.cgroups.groups(id) {
            let _ = fs::remove_dir(group);
        }
    }
}

fn names(folder: &Path) -> Result<BTreeSet<String>, OciError> {
    let what = format!("list `{}`", folder.display());
    let entries = fs::read_dir(folder).map_err(OciError::io(what))?;
    Ok(entries
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .filter(|name| name.starts_with(PREFIX))
        .collect())
}
