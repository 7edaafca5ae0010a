use oci_spec::{
    OciSpecError,
    runtime::{
        LinuxDeviceCgroupBuilder, LinuxMemoryBuilder, LinuxPidsBuilder, LinuxResources, LinuxResourcesBuilder,
    },
};

use super::Wanted;

/// Only what the host's cgroups can hold: asking for more would keep the container from starting.
pub(super) fn resources(wanted: &Wanted<'_>) -> Result<LinuxResources, OciSpecError> {
    let mut resources = LinuxResourcesBuilder::default();
    if wanted.cgroups.config_path(wanted.id).is_some() {
        let no_device = LinuxDeviceCgroupBuilder::default().allow(false).access("rwm").build()?;
        resources = resources.devices(vec![no_device]);
    }
    if wanted.cgroups.has_memory() {
        let bytes = i64::try_from(wanted.limits.memory_bytes).unwrap_or(i64::MAX);
        let mut memory = LinuxMemoryBuilder::default().limit(bytes);
        if wanted.cgroups.has_swap() {
            // Memory and swap together: none of it may go to swap.
            memory = memory.swap(bytes);
        }
        resources = resources.memory(memory.build()?);
    }
    if wanted.cgroups.has_pids() {
        let pids = LinuxPidsBuilder::default().limit(i64::from(wanted.options.pids)).build()?;
        resources = resources.pids(pids);
    }
    resources.build()
}
