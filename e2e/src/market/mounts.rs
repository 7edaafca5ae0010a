//! An agent that is root mounts its jobs' disks; one that is killed takes them away when it starts again, and one that
//! never does leaves them to whoever killed it.

use std::fs;
use std::path::Path;
use std::process::Command;

/// Takes away what is mounted below a folder, here and where container engines see it.
pub(crate) fn unmount_below(folder: &Path) {
    let engines = fs::read_dir("/proc").into_iter().flatten().flatten().map(|entry| entry.path());
    let engines = engines.filter(|process| {
        fs::read_to_string(process.join("comm")).is_ok_and(|name| name.trim() == "dockerd")
    });
    for process in engines.chain(["/proc/self".into()]) {
        let mounts = fs::read_to_string(process.join("mountinfo")).unwrap_or_default();
        let places = mounts.lines().filter_map(|line| line.split(' ').nth(4));
        for place in places.filter(|place| Path::new(place).starts_with(folder)) {
            let namespace = format!("--mount={}", process.join("ns/mnt").display());
            let _ = Command::new("nsenter").args([&namespace, "umount", "--lazy", place]).output();
        }
    }
}
