use std::{fs::File, io::Write as _};

use anyhow::Result;

use super::repeat;
use crate::{lab::Lab, samples::Latency};

/// About what the record of one task takes.
const BYTES: usize = 4096;
/// An append and its `fdatasync`, where the node's home is: what no durable task can do without.
pub(super) fn sync(lab: &Lab) -> Result<Latency> {
    lab.say("fdatasync");
    let mut file = File::create(lab.path("sync"))?;
    file.set_len((BYTES * lab.sizes.warm) as u64)?;
    let bytes = [0x5a; BYTES];
    repeat(lab.sizes.warm, || {
        file.write_all(&bytes)?;
        file.sync_data()?;
        Ok(())
    })
}
