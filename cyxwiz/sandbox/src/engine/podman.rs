//! What Podman tells otherwise than Docker. Pure: the answers, and what is on this machine, come from outside.

use std::path::Path;

use bollard::models::{SystemInfo, SystemVersion};

/// The component by which Podman names itself.
const NAME: &str = "Podman Engine";
/// Where it looks for the process that it puts before a job's.
const INITS: [&str; 6] = [
    "/usr/libexec/podman/catatonit",
    "/usr/local/libexec/podman/catatonit",
    "/usr/lib/podman/catatonit",
    "/usr/local/lib/podman/catatonit",
    "/usr/bin/catatonit",
    "/usr/local/bin/catatonit",
];
/// The runtime of gVisor, by its usual name.
const GVISOR: &str = "runsc";

/// Tells whether the engine is Podman.
pub(super) fn is_podman(version: &SystemVersion) -> bool {
    version.components.iter().flatten().any(|component| component.name == NAME)
}

/// Tells whether the engine can put a process before a job's that reaps orphans and takes signals: the first process of a
/// container is deaf to a SIGKILL from within, so that a job that was killed would go on, and count as a success.
///
/// # Errors
/// What Podman lacks: it says nothing of its init, and fails with each container where it has none.
pub(super) fn init(
    info: &SystemInfo,
    is_podman: bool,
    exists: impl Fn(&Path) -> bool,
) -> Result<bool, &'static str> {
    if info.init_binary.as_deref().is_some_and(|init| !init.is_empty()) {
        return Ok(true);
    }
    match is_podman {
        false => Ok(false),
        true if INITS.iter().any(|init| exists(Path::new(init))) => Ok(true),
        true => Err("init for its containers: install `catatonit`"),
    }
}

/// Tells whether the engine has gVisor. Podman lists every runtime that it has ever heard of.
pub(super) fn has_gvisor(info: &SystemInfo, is_podman: bool, exists: impl Fn(&Path) -> bool) -> bool {
    let gvisor = info.runtimes.as_ref().and_then(|runtimes| runtimes.get(GVISOR));
    gvisor.is_some_and(|gvisor| {
        !is_podman || gvisor.path.as_deref().is_some_and(|path| exists(Path::new(path)))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As Podman 4.3.1 of Debian 12 answers, in part.
    const VERSION: &str = r#"{"Platform":{"Name":"linux/amd64/debian-12"},"Components":[{"Name":"Podman Engine",
        "Version":"4.3.1","Details":{"APIVersion":"4.3.1","MinAPIVersion":"4.0.0","Os":"linux"}},
        {"Name":"Conmon","Version":"conmon version 2.1.6, commit: unknown"}],"Version":"4.3.1","ApiVersion":"1.41"}"#;
    const INFO: &str = r#"{"InitBinary":"","DefaultRuntime":"runc","ServerVersion":"4.3.1","Runtimes":{
        "crun":{"path":"/usr/bin/crun"},"runc":{"path":"/usr/bin/runc"},"runsc":{"path":"/usr/bin/runsc"}}}"#;
    /// As Docker 20.10 answers, in part.
    const DOCKER_VERSION: &str = r#"{"Platform":{"Name":""},"Components":[{"Name":"Engine","Version":"20.10.24"},
        {"Name":"containerd","Version":"1.6.20"},{"Name":"docker-init","Version":"0.19.0"}],"Version":"20.10.24"}"#;
    const DOCKER_INFO: &str =
        r#"{"InitBinary":"docker-init","Runtimes":{"runc":{"path":"runc"},"runsc":{"path":"runsc"}}}"#;

    fn info(text: &str) -> SystemInfo {
        serde_json::from_str(text).unwrap()
    }

    #[test]
    fn podman_is_told_by_its_components() {
        assert!(is_podman(&serde_json::from_str(VERSION).unwrap()));
        assert!(!is_podman(&serde_json::from_str(DOCKER_VERSION).unwrap()));
        assert!(!is_podman(&SystemVersion::default()));
    }

    #[test]
    fn podman_sells_only_with_an_init() {
        let none = |_: &Path| false;
        let usual = |path: &Path| path == Path::new("/usr/libexec/podman/catatonit");
        assert_eq!(init(&info(INFO), true, usual), Ok(true));
        assert_eq!(init(&info(INFO), true, none), Err("init for its containers: install `catatonit`"));
        assert_eq!(init(&info(DOCKER_INFO), false, none), Ok(true));
        assert_eq!(init(&SystemInfo::default(), false, none), Ok(false));
    }

    #[test]
    fn a_runtime_that_podman_only_names_is_not_there() {
        assert!(!has_gvisor(&info(INFO), true, |_| false));
        assert!(has_gvisor(&info(INFO), true, |path| path == Path::new("/usr/bin/runsc")));
        assert!(has_gvisor(&info(DOCKER_INFO), false, |_| false));
        assert!(!has_gvisor(&SystemInfo::default(), false, |_| true));
    }
}
