//! Debian packages unpacked into a folder of the cache. Nothing is installed into the system: an own apt state
//! reads the machine's own mirror, checked with Debian's keyring.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::cmd::{cmd, output, run};
use crate::place::{Place, on_path};

/// Debian's keys.
pub(crate) const KEYRING: &str = "/usr/share/keyrings/debian-archive-keyring.gpg";

/// A part of Debian's archive, by how its releases are called.
pub(crate) enum Archive {
    /// The release itself.
    Main,
    /// Its security updates.
    Security,
}

impl Archive {
    fn suffix(&self) -> &'static str {
        match self {
            Self::Main => "",
            Self::Security => "-security",
        }
    }

    /// The variable that names a mirror where the machine's own sources name none.
    fn variable(&self) -> &'static str {
        match self {
            Self::Main => "VYR_DEBIAN_MIRROR",
            Self::Security => "VYR_DEBIAN_SECURITY_MIRROR",
        }
    }

    /// Debian's mirror as this machine's own sources name it, or as the variable does.
    pub(crate) fn mirror(&self) -> Result<String> {
        if let Ok(set) = std::env::var(self.variable()) {
            return Ok(set);
        }
        let found = match codename() {
            Some(codename) => {
                let format = "$(CREATED_BY) $(COMPONENT) $(RELEASE) $(REPO_URI)";
                let targets = output(&mut cmd("apt-get", ["indextargets", "--format", format]))?;
                let wanted = format!("Packages main {codename}{} ", self.suffix());
                let mut lines = targets.lines();
                lines.find_map(|line| line.strip_prefix(&wanted).map(str::to_owned))
            }
            None => None,
        };
        let variable = self.variable();
        found.with_context(|| {
            format!("this machine's apt names no Debian mirror: set {variable} to its address")
        })
    }
}

/// This machine's release, where it is a Debian.
pub(crate) fn codename() -> Option<String> {
    let release = fs::read_to_string("/etc/os-release").ok()?;
    let field = |name: &str| {
        let value = release.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix('='));
        value.map(|value| value.trim_matches('"'))
    };
    (field("ID") == Some("debian")).then(|| field("VERSION_CODENAME").map(str::to_owned))?
}

/// Whether packages can be fetched here at all; `purpose` is what fails where they cannot.
pub(crate) fn ensure_possible(purpose: &str) -> Result<()> {
    for program in ["apt-get", "dpkg"] {
        if !on_path(program) {
            bail!("no way to {purpose}: there is no `{program}`");
        }
    }
    if !Path::new(KEYRING).is_file() {
        bail!("`{KEYRING}` is missing: install the package debian-archive-keyring");
    }
    Ok(())
}

/// Unpacks `packages` of a release into `dir/root`.
pub(crate) fn unpack(dir: &Path, suite: &str, archives: &[Archive], packages: &[&str]) -> Result<()> {
    let debs = dir.join("debs");
    for sub in ["state/lists/partial", "cache/archives/partial", "debs"] {
        fs::create_dir_all(dir.join(sub))?;
    }
    let mut sources = String::new();
    for archive in archives {
        let (mirror, suffix) = (archive.mirror()?, archive.suffix());
        sources.push_str(&format!("deb [signed-by={KEYRING}] {mirror} {suite}{suffix} main\n"));
    }
    fs::write(dir.join("sources.list"), sources)?;
    fs::write(dir.join("status"), "")?;
    run(&mut apt_get(dir, &["-qq", "update"]))?;
    run(apt_get(dir, &["-qq", "download"]).args(packages).current_dir(&debs))?;
    for entry in fs::read_dir(&debs)? {
        run(cmd("dpkg", ["-x"]).arg(entry?.path()).arg(dir.join("root")))?;
    }
    for done in ["debs", "cache", "state"] {
        fs::remove_dir_all(dir.join(done))?;
    }
    Ok(())
}

/// Makes sure of a program that a package of its own name has: installed, or unpacked into the cache.
pub(crate) fn program(place: &Place, name: &str) -> Result<PathBuf> {
    if on_path(name) {
        return Ok(name.into());
    }
    let purpose = format!("have `{name}`: install it");
    ensure_possible(&purpose)?;
    let suite = codename().with_context(|| format!("no way to {purpose}"))?;
    let dir = place.tools().join(format!("{name}-{suite}"));
    let (program, whole) = (dir.join("root/usr/bin").join(name), dir.join("whole"));
    if !whole.exists() || !program.is_file() {
        eprintln!("fetching Debian {suite}'s {name} (once)");
        let _ = fs::remove_dir_all(&dir);
        unpack(&dir, &suite, &[Archive::Main], &[name])?;
        fs::write(whole, "")?;
    }
    Ok(program)
}

/// An apt-get that knows nothing of the system's packages and sources.
fn apt_get(dir: &Path, args: &[&str]) -> Command {
    let mut command = cmd("apt-get", args);
    for (key, sub) in [
        ("Dir::State", "state"),
        ("Dir::State::status", "status"),
        ("Dir::Cache", "cache"),
        ("Dir::Etc::sourcelist", "sources.list"),
    ] {
        let value = format!("{key}={}", dir.join(sub).display());
        command.arg("-o").arg(value);
    }
    for fixed in ["Dir::Etc::sourceparts=-", "APT::Sandbox::User=root"] {
        command.args(["-o", fixed]);
    }
    command.stdout(std::io::stderr());
    command
}
