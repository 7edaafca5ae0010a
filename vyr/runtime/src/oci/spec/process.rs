use std::{fs, path::PathBuf};

use oci_spec::{
    OciSpecError,
    image::Config,
    runtime::{
        Capabilities, LinuxCapabilitiesBuilder, PosixRlimit, PosixRlimitBuilder, PosixRlimitType, Process,
        ProcessBuilder, User, UserBuilder,
    },
};
use rustix::process::Resource;

use super::Wanted;
use crate::oci::OciError;

/// The user of a container whose image names none, or names root.
const NOBODY: u32 = 65534;

const DEFAULT_PATH: &str = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// How likely the kernel is to choose a container when memory is short: before the node.
const OOM_SCORE: i32 = 500;

/// Who the program is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Identity {
    /// Root runs the node: the program has these ids on the host too.
    Host { uid: u32, gid: u32 },
    /// Another user runs the node: the program is user 0 of a user namespace, this user outside.
    Mapped { uid: u32, gid: u32 },
}

impl Identity {
    /// Chooses the identity for an image's program: never root of the host.
    pub(crate) fn choose(image: &Config) -> Self {
        let (uid, gid) = (rustix::process::geteuid(), rustix::process::getegid());
        if !uid.is_root() {
            return Self::Mapped { uid: uid.as_raw(), gid: gid.as_raw() };
        }
        let user = image.user().as_deref().unwrap_or_default();
        let (user, group) = user.split_once(':').unwrap_or((user, ""));
        let id = |text: &str| text.parse().ok().filter(|id| (1..u32::MAX).contains(id)).unwrap_or(NOBODY);
        Self::Host { uid: id(user), gid: id(group) }
    }

    fn user(self) -> Result<User, OciSpecError> {
        let (uid, gid) = match self {
            Self::Host { uid, gid } => (uid, gid),
            Self::Mapped { .. } => (0, 0),
        };
        UserBuilder::default().uid(uid).gid(gid).build()
    }
}

/// Returns the image's working folder, `/` when it names none.
pub(crate) fn working_dir(image: &Config) -> PathBuf {
    PathBuf::from("/").join(image.working_dir().as_deref().unwrap_or_default())
}

/// Returns the program and its arguments: the image's entrypoint, then the task's arguments or the image's own.
pub(super) fn args(image: &Config, asked: &[String]) -> Result<Vec<String>, OciError> {
    let own = image.cmd().as_deref().unwrap_or_default();
    let asked = asked.get(1..).filter(|args| !args.is_empty()).unwrap_or(own);
    let entrypoint = image.entrypoint().as_deref().unwrap_or_default();
    let args: Vec<String> = entrypoint.iter().chain(asked).cloned().collect();
    if args.first().is_none_or(String::is_empty) {
        return Err(OciError::Request(
            "the image names no program: give one as the task's arguments".to_owned(),
        ));
    }
    if args.iter().any(|arg| arg.contains('\0')) {
        return Err(OciError::Request("an argument holds a NUL: leave it out".to_owned()));
    }
    Ok(args)
}

pub(super) fn process(wanted: &Wanted<'_>, args: Vec<String>) -> Result<Process, OciSpecError> {
    let none = LinuxCapabilitiesBuilder::default()
        .bounding(Capabilities::new())
        .effective(Capabilities::new())
        .inheritable(Capabilities::new())
        .permitted(Capabilities::new())
        .ambient(Capabilities::new())
        .build()?;
    ProcessBuilder::default()
        .terminal(false)
        .user(wanted.identity.user()?)
        .args(args)
        .env(env(wanted))
        .cwd(working_dir(wanted.image))
        .capabilities(none)
        .rlimits(rlimits(wanted)?)
        .no_new_privileges(true)
        .oom_score_adj(oom_score())
        .build()
}

/// Later entries win: the image's variables, then the granted ones.
fn env(wanted: &Wanted<'_>) -> Vec<String> {
    let image = wanted.image.env().clone().unwrap_or_default();
    let granted = wanted.env.iter().map(|grant| format!("{}={}", grant.name, grant.value));
    let mut env: Vec<String> = Vec::new();
    for variable in std::iter::once(DEFAULT_PATH.to_owned()).chain(image).chain(granted) {
        let name = variable.split('=').next().unwrap_or_default().to_owned();
        env.retain(|other| other.split('=').next() != Some(&name));
        env.push(variable);
    }
    env.retain(|variable| !variable.contains('\0') && variable.contains('='));
    env
}

fn rlimits(wanted: &Wanted<'_>) -> Result<Vec<PosixRlimit>, OciSpecError> {
    use PosixRlimitType::{RlimitAs, RlimitCore, RlimitCpu, RlimitFsize, RlimitNofile};
    let limits = wanted.limits;
    // Below that the runtime's own start would fail.
    let files = u64::from(limits.handles).max(16);
    let most = rustix::process::getrlimit(Resource::Nofile).maximum.unwrap_or(u64::MAX);
    // A second more than the limit itself, which counts all processes together: this one counts each alone.
    let cpu = limits.cpu_time.as_secs().saturating_add(2);
    let mut list = vec![(RlimitCore, 0), (RlimitNofile, files.min(most)), (RlimitCpu, cpu)];
    if !wanted.cgroups.has_memory() {
        list.push((RlimitAs, limits.memory_bytes));
    }
    if wanted.dirs.iter().all(|dir| dir.read_only) {
        // A file of `/out`, or one in `/tmp`, whose own size is limited.
        list.push((RlimitFsize, limits.output_bytes.saturating_add(wanted.options.tmp_bytes)));
    }
    list.into_iter()
        .map(|(kind, value)| PosixRlimitBuilder::default().typ(kind).soft(value).hard(value).build())
        .collect()
}

/// Lowering the score needs a privilege that not every host gives, so it is never lowered.
fn oom_score() -> i32 {
    let own = fs::read_to_string("/proc/self/oom_score_adj").ok().and_then(|text| text.trim().parse().ok());
    own.unwrap_or(OOM_SCORE).max(OOM_SCORE)
}

#[cfg(test)]
mod tests {
    use oci_spec::image::ConfigBuilder;

    use super::*;

    fn image(entrypoint: &[&str], cmd: &[&str]) -> Config {
        let own = |list: &[&str]| list.iter().map(ToString::to_string).collect::<Vec<_>>();
        ConfigBuilder::default().entrypoint(own(entrypoint)).cmd(own(cmd)).build().expect("config")
    }

    #[test]
    fn the_tasks_arguments_replace_the_images() {
        let asked = |args: &[&str]| args.iter().map(ToString::to_string).collect::<Vec<_>>();
        let both = image(&["/bin/echo"], &["own"]);
        assert_eq!(args(&both, &asked(&["name"])).expect("args"), ["/bin/echo", "own"]);
        assert_eq!(args(&both, &asked(&["name", "mine"])).expect("args"), ["/bin/echo", "mine"]);
        assert_eq!(args(&image(&[], &["/bin/true"]), &[]).expect("args"), ["/bin/true"]);
        assert!(args(&image(&[], &[]), &asked(&["name"])).is_err());
        assert!(args(&both, &asked(&["name", "a\0b"])).is_err());
    }

    #[test]
    fn no_image_makes_its_program_root() {
        for user in ["", "0", "root", "0:0", "app", "-1", "4294967295"] {
            let image = ConfigBuilder::default().user(user).build().expect("config");
            match Identity::choose(&image) {
                Identity::Host { uid, gid } => assert_eq!((uid, gid), (NOBODY, NOBODY), "{user}"),
                Identity::Mapped { uid, .. } => assert_ne!(uid, 0),
            }
        }
    }
}
