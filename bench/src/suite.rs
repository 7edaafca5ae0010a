use std::fs;

use anyhow::{Context as _, Result};
use serde::Serialize;

use crate::{
    lab::Lab,
    machine::{Machine, Memory, descendants, load},
    measure::{self, Boot, Class, Cold, Neighbour, Oci, QueueRun, Telemetry, Throughput},
    metrics::Coverage,
    options::{Options, Part},
    peers::{self, Peers},
    report,
    samples::Latency,
};

/// All that one run found.
#[derive(Serialize)]
pub(crate) struct Results {
    pub(crate) date: String,
    pub(crate) quick: bool,
    pub(crate) machine: Machine,
    pub(crate) process: Process,
    pub(crate) boot: Option<Boot>,
    pub(crate) cold: Option<Cold>,
    pub(crate) warm: Option<Class>,
    pub(crate) throughput: Option<Throughput>,
    pub(crate) queue: Option<QueueRun>,
    pub(crate) cancel: Option<Latency>,
    pub(crate) neighbour: Option<Neighbour>,
    pub(crate) telemetry: Option<Telemetry>,
    /// Of all tasks of this run's main node.
    pub(crate) coverage: Coverage,
    pub(crate) oci: Option<Oci>,
    pub(crate) peers: Option<Peers>,
}

/// What a node is, as a process.
#[derive(Serialize, Clone)]
pub(crate) struct Process {
    pub(crate) binary_bytes: u64,
    pub(crate) processes: usize,
    pub(crate) memory_idle: Memory,
    pub(crate) memory_after_load: Memory,
}

pub(crate) fn run(options: &Options) -> Result<()> {
    let binary = fs::metadata(&options.vyr);
    let binary = binary.with_context(|| format!("cannot read `{}`", options.vyr.display()))?;
    let mut machine = Machine::describe();
    let lab = Lab::new(options)?;

    lab.say("starting a node");
    let node = lab.setup("main").start()?;
    // the memory that it needs to do nothing: all that the start touched is there by now
    std::thread::sleep(std::time::Duration::from_secs(1));
    let memory_idle = Memory::of(node.pid());
    let processes = 1 + descendants(node.pid()).len();

    let warm = part(&lab, Part::Warm, "warm", || measure::warm(&lab, &node))?;
    let cancel = part(&lab, Part::Cancel, "cancel", || measure::cancel(&lab, &node))?;
    let neighbour = part(&lab, Part::Neighbour, "hostile neighbour", || measure::neighbour(&lab, &node))?;
    let throughput = part(&lab, Part::Throughput, "throughput", || measure::throughput(&lab, &node))?;
    let queue = part(&lab, Part::Queue, "queue", || measure::queue(&lab, &node))?;
    let memory_after_load = Memory::of(node.pid());
    let oci = part(&lab, Part::Oci, "OCI fallback", || measure::oci(&lab, &node))?.flatten();
    let coverage = lab.runtime.block_on(async { Coverage::read(&node.client()?).await })?;
    node.stop()?;

    let classes = || measure::cold(&lab);
    let cold = if options.wants(Part::Unseen) { Part::Unseen } else { Part::Cold };
    let cold = part(&lab, cold, "unseen and cold", classes)?;
    let boot = part(&lab, Part::Boot, "boot", || measure::boot(&lab))?;
    let telemetry = part(&lab, Part::Telemetry, "telemetry", || measure::telemetry(&lab))?;
    let peers = part(&lab, Part::Peers, "peers", || peers::peers(&lab))?;
    machine.load_after = load();

    let results = Results {
        date: jiff::Zoned::now().strftime("%Y-%m-%d").to_string(),
        quick: options.run.quick,
        machine,
        process: Process { binary_bytes: binary.len(), processes, memory_idle, memory_after_load },
        boot,
        cold,
        warm,
        throughput,
        queue,
        cancel,
        neighbour,
        telemetry,
        coverage,
        oci,
        peers,
    };
    report::write(&lab.options, &results)
}

/// Measures one part where it is asked for.
fn part<T>(lab: &Lab, part: Part, name: &str, measure: impl FnOnce() -> Result<T>) -> Result<Option<T>> {
    if !lab.options.wants(part) {
        return Ok(None);
    }
    lab.say(name);
    measure().map(Some).with_context(|| format!("{name} could not be measured"))
}
