//! The engine's own process.

use std::{fs, path::Path};

use tokio::net::UnixStream;

/// Finds the process that listens on a socket.
pub(super) async fn of(socket: &Path) -> Option<u32> {
    let peer = UnixStream::connect(socket).await.and_then(|socket| socket.peer_cred()).ok()?;
    u32::try_from(peer.pid()?).ok().filter(|pid| *pid > 0)
}

/// Reads the most that a process may have of something, such as `Max open files`; `unlimited` is none.
pub(super) fn limit(pid: u32, name: &str) -> Option<u64> {
    hard_limit(&fs::read_to_string(format!("/proc/{pid}/limits")).ok()?, name)
}

/// The second number of the line, soft before hard.
fn hard_limit(limits: &str, name: &str) -> Option<u64> {
    let line = limits.lines().find_map(|line| line.strip_prefix(name))?;
    line.split_whitespace().nth(1)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hard_limit_counts() {
        let text = "Limit  Soft Limit  Hard Limit  Units\nMax open files            1024                 4096                 files\n";
        assert_eq!(hard_limit(text, "Max open files"), Some(4096));
        assert_eq!(hard_limit("Max open files  unlimited  unlimited  files", "Max open files"), None);
        assert!(limit(std::process::id(), "Max open files").is_some_and(|limit| limit > 0));
    }
}
