//! Takes tasks from submit to their end.
//!
//! ```text
//! submit ─► parse, verify, bind, take a place ─► record Accepted ─► (queue) ─► runner
//! runner ─► record Started ─► prepare ─► execute ─► store outputs ─► record Ended ─► tell
//! cancel, bind, hold time-out ─► move the same task, under its lock
//! restart ─► recover: queued tasks run, running ones are lost or, if idempotent, run again
//! ```
//! A task moves under its `phase` lock alone, by [`vyr_model::transition_allowed`].

mod acknowledge;
mod admissible;
mod ahead;
mod bind;
mod cancel;
mod finish;
mod look;
mod pace;
mod place;
mod recover;
mod run;
mod submit;

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use parking_lot::Mutex;
use tokio::sync::{Notify, watch};
use vyr_model::TaskState;
use vyr_runtime::{Courtesy, Short};
use vyr_state::StateKernel;
use vyr_telemetry::{
    Coverage, ExportHandle, Hub, Metrics, NodeResource, Observed, TaskEvent, TaskKey, record::Record,
};

use self::{ahead::Begun, pace::Pace, place::Place};
use crate::{
    NodeOptions,
    artifacts::Artifacts,
    executor::Executor,
    keys::Keys,
    outdir::OutDirs,
    tasks::{Next, Phase, Queue, Table, Task, status},
    threads::GuestThreads,
    tracer::Tracer,
};

/// The wait before what the disk refused is tried again; it is left alone for a second in any case.
const RECORD_RETRY: Duration = Duration::from_millis(200);

/// Everything that tasks need, shared by all of them.
pub(crate) struct Supervisor {
    pub(crate) options: NodeOptions,
    pub(crate) artifacts: Artifacts,
    pub(crate) states: StateKernel,
    pub(crate) record: Record,
    pub(crate) hub: Hub,
    pub(crate) coverage: Arc<Coverage>,
    pub(crate) metrics: Metrics,
    pub(crate) resource: NodeResource,
    exporter: ExportHandle,
    pub(crate) table: Table,
    pub(crate) out_dirs: OutDirs,
    executors: Vec<Box<dyn Executor>>,
    queue: Mutex<Queue<Arc<Task>>>,
    keys: Keys,
    pace: Pace,
    pub(crate) guests: GuestThreads,
    courtesy: Courtesy,
    draining: AtomicBool,
    idle: Notify,
    stopping: watch::Sender<bool>,
}

/// A gauge of the supervisor: name, unit, description, and how to read it.
type Gauge = (&'static str, &'static str, &'static str, fn(&Supervisor) -> u64);

const GAUGES: [Gauge; 5] = [
    ("vyr.queue.depth", "{task}", "Tasks that wait, held ones included.", |s| s.load().0 as u64),
    ("vyr.tasks.running", "{task}", "Tasks that run.", |s| s.load().1 as u64),
    ("vyr.states", "{state}", "Ephemeral states.", |s| s.states.gauges().states as u64),
    ("vyr.states.bytes", "By", "Bytes in ephemeral states.", |s| s.states.gauges().bytes),
    ("vyr.states.bindings", "{binding}", "Bindings of tasks to states.", |s| {
        s.states.gauges().bindings as u64
    }),
];

/// The parts that a supervisor is made of.
pub(crate) struct Parts {
    pub(crate) options: NodeOptions,
    pub(crate) artifacts: Artifacts,
    pub(crate) states: StateKernel,
    pub(crate) record: Record,
    pub(crate) metrics: Metrics,
    pub(crate) resource: NodeResource,
    pub(crate) exporter: ExportHandle,
    pub(crate) out_dirs: OutDirs,
    pub(crate) executors: Vec<Box<dyn Executor>>,
    pub(crate) guests: GuestThreads,
    pub(crate) courtesy: Courtesy,
}

impl Supervisor {
    pub(crate) fn new(parts: Parts) -> Arc<Self> {
        let queue = Queue::new(parts.options.max_running, parts.options.max_queued);
        let supervisor = Arc::new(Self {
            options: parts.options,
            artifacts: parts.artifacts,
            states: parts.states,
            record: parts.record,
            hub: Hub::default(),
            coverage: Arc::default(),
            metrics: parts.metrics,
            resource: parts.resource,
            exporter: parts.exporter,
            table: Table::default(),
            out_dirs: parts.out_dirs,
            executors: parts.executors,
            queue: Mutex::new(queue),
            keys: Keys::default(),
            pace: Pace::default(),
            guests: parts.guests,
            courtesy: parts.courtesy,
            draining: AtomicBool::new(false),
            idle: Notify::new(),
            stopping: watch::Sender::new(false),
        });
        supervisor.show_gauges();
        supervisor
    }

    /// Shows in the metrics what is read when they are collected.
    fn show_gauges(self: &Arc<Self>) {
        self.metrics.watch_coverage(Arc::clone(&self.coverage));
        self.metrics.watch_record(&self.record);
        self.metrics.watch_hub(&self.hub);
        for (name, unit, description, read) in GAUGES {
            // weak: the metrics outlive no supervisor
            let supervisor = Arc::downgrade(self);
            let about = Observed { name, unit, description };
            self.metrics.gauge(about, move || supervisor.upgrade().map_or(0, |supervisor| read(&supervisor)));
        }
    }

    /// Returns how many tasks wait and how many run.
    pub(crate) fn load(&self) -> (usize, usize) {
        let queue = self.queue.lock();
        (queue.waiting(), queue.running())
    }

    /// Moves a task on; `false` where its state does not allow it.
    fn advance(&self, task: &Task, phase: &mut Phase, to: TaskState) -> bool {
        if !vyr_model::transition_allowed(&phase.state, &to) {
            return false;
        }
        phase.state = to;
        self.tell(task, phase);
        true
    }

    /// Tells live streams where a task stands; later, where it is not listed yet.
    fn tell(&self, task: &Task, phase: &mut Phase) {
        let event = |phase: &Phase| {
            let status = status(task, phase, &vyr_model::Outputs::default());
            TaskEvent { key: self.key(task, &status), status, ended: None }
        };
        if phase.untold.is_none() {
            self.hub.publish_with(task.id, || event(phase));
        } else if self.hub.is_watched(task.id) {
            let event = event(phase);
            phase.untold.get_or_insert_default().push(event);
        }
    }

    /// Lists a task: from now on it can be found, and what was not told of it is.
    fn list(&self, task: &Arc<Task>) {
        let mut phase = task.phase.lock();
        let Some(untold) = phase.untold.take() else { return };
        self.table.insert(task);
        for event in untold {
            self.hub.publish(event);
        }
    }

    fn key(&self, task: &Task, status: &vyr_proto::control::TaskStatus) -> TaskKey {
        TaskKey {
            task: task.id,
            artifact: task.spec.artifact,
            state: status.state.as_known().unwrap_or_default(),
            accepted_unix_nanos: task.accepted.unix_nanos(),
        }
    }

    /// Puts a task that holds a place in the queue; a free runner takes it at once.
    fn enqueue(self: &Arc<Self>, task: Arc<Task>) {
        let mut queue = self.queue.lock();
        match queue.ready(Arc::clone(&task)) {
            Next::Wait(ticket) => task.ticket.store(ticket, Ordering::Relaxed),
            Next::Run(task) => {
                drop(queue);
                self.start(task, None);
            }
        }
    }

    /// Gives back the place of a task that ended while it waited.
    fn leave_queue(&self, task: &Task, was_held: bool) {
        let mut queue = self.queue.lock();
        if was_held {
            queue.give_place();
        } else {
            queue.leave(task.ticket.load(Ordering::Relaxed));
        }
    }

    /// Takes the next task for a runner that is done with one; `None` frees its slot. A node that
    /// stops starts no more: what waits stays in the record.
    fn next(&self) -> Option<Arc<Task>> {
        let mut queue = self.queue.lock();
        if self.is_draining() {
            queue.free_slot();
            return None;
        }
        queue.next()
    }

    /// Starts a runner in a slot that is counted. `begun` where the start of its first task is on its way
    /// to the record already; `None` where that is still to be done.
    fn start(self: &Arc<Self>, task: Arc<Task>, begun: Option<Begun>) {
        let supervisor = Arc::clone(self);
        self.guests.spawn(async move { supervisor.runner(task, begun).await });
    }

    /// Counts a task in as a short one, and has guests that compute for long make room for it.
    fn arrive(&self) -> Short {
        let short = self.courtesy.arrive();
        if self.courtesy.is_asked() {
            self.kick();
        }
        short
    }

    /// Has running guests look whether they are to end, or to make room.
    fn kick(&self) {
        for executor in &self.executors {
            executor.kick();
        }
    }

    fn tracer<'a>(&'a self, task: &'a Task) -> Tracer<'a> {
        Tracer::new(&task.trace, &self.coverage).when(self.options.telemetry)
    }

    /// Refuses new submits, waits until no task runs; queued ones stay in the record.
    pub(crate) async fn drain(&self) {
        self.draining.store(true, Ordering::Release);
        loop {
            let idle = self.idle.notified();
            if self.queue.lock().running() == 0 {
                return;
            }
            idle.await;
        }
    }

    /// Ends the streams and closes the record.
    pub(crate) async fn close(&self) {
        self.stopping.send_replace(true);
        for executor in &self.executors {
            executor.close().await;
        }
        self.record.close().await;
    }

    /// Completes when the node stops.
    pub(crate) async fn stopped(&self) {
        let _ = self.stopping.subscribe().wait_for(|stopping| *stopping).await;
    }

    fn is_draining(&self) -> bool {
        self.draining.load(Ordering::Acquire)
    }
}
