//! Writes a container's `config.json`: everything is refused but what stands here.

mod mounts;
mod process;
mod resources;
mod seccomp;

use oci_spec::{
    OciSpecError,
    image::Config,
    runtime::{
        Linux, LinuxBuilder, LinuxIdMapping, LinuxIdMappingBuilder, LinuxNamespace, LinuxNamespaceBuilder,
        LinuxNamespaceType, RootBuilder, Spec, SpecBuilder, get_default_maskedpaths,
        get_default_readonly_paths,
    },
};
use vyr_model::{DirGrant, EnvGrant, Limits};

use super::{OciError, OciOptions, cgroup::Hierarchy};
pub(crate) use process::{Identity, working_dir};

/// What a container is made of.
pub(crate) struct Wanted<'a> {
    pub(crate) id: &'a str,
    pub(crate) rootfs: &'a std::path::Path,
    pub(crate) image: &'a Config,
    pub(crate) args: &'a [String],
    pub(crate) env: &'a [EnvGrant],
    pub(crate) dirs: &'a [DirGrant],
    pub(crate) out_dir: Option<&'a std::path::Path>,
    pub(crate) limits: &'a Limits,
    pub(crate) options: &'a OciOptions,
    pub(crate) cgroups: &'a Hierarchy,
    pub(crate) identity: Identity,
}

/// Decides the whole config of a container.
pub(crate) fn spec(wanted: &Wanted<'_>) -> Result<Spec, OciError> {
    let mounts = mounts::mounts(wanted)?;
    let args = process::args(wanted.image, wanted.args)?;
    build(wanted, mounts, args)
        .map_err(|error| OciError::Request(format!("the container's config cannot be written: {error}")))
}

fn build(
    wanted: &Wanted<'_>,
    mounts: Vec<oci_spec::runtime::Mount>,
    args: Vec<String>,
) -> Result<Spec, OciSpecError> {
    SpecBuilder::default()
        .version("1.0.2")
        .hostname("container")
        .root(RootBuilder::default().path(wanted.rootfs).readonly(true).build()?)
        .process(process::process(wanted, args)?)
        .mounts(mounts)
        .linux(linux(wanted)?)
        .build()
}

fn linux(wanted: &Wanted<'_>) -> Result<Linux, OciSpecError> {
    let mut linux = LinuxBuilder::default()
        .namespaces(namespaces(wanted.identity)?)
        .resources(resources::resources(wanted)?)
        .seccomp(seccomp::filter()?)
        .rootfs_propagation("rprivate")
        .masked_paths(get_default_maskedpaths())
        .readonly_paths(get_default_readonly_paths());
    if let Some(path) = wanted.cgroups.config_path(wanted.id) {
        linux = linux.cgroups_path(path);
    }
    if let Identity::Mapped { uid, gid } = wanted.identity {
        linux = linux.uid_mappings(mapping(uid)?).gid_mappings(mapping(gid)?);
    }
    linux.build()
}

/// Without privileges, the container's user 0 is the node's own user, and there is no other.
fn mapping(host: u32) -> Result<Vec<LinuxIdMapping>, OciSpecError> {
    Ok(vec![LinuxIdMappingBuilder::default().container_id(0_u32).host_id(host).size(1_u32).build()?])
}

fn namespaces(identity: Identity) -> Result<Vec<LinuxNamespace>, OciSpecError> {
    use LinuxNamespaceType::{Cgroup, Ipc, Mount, Network, Pid, User, Uts};
    // The network namespace is new and stays empty: there is only its own loopback.
    let mut kinds = vec![Pid, Network, Ipc, Uts, Mount, Cgroup];
    if matches!(identity, Identity::Mapped { .. }) {
        kinds.push(User);
    }
    kinds.into_iter().map(|kind| LinuxNamespaceBuilder::default().typ(kind).build()).collect()
}
