use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use cyxwiz_model::rerun::{CLOCK_SECONDS, environment, seed};
use cyxwiz_model::{JobId, Reason, Wasm, Workload};
use cyxwiz_proto::v1;
use futures::{FutureExt as _, StreamExt as _, TryStreamExt as _};
use vyr_model::Digest;
use vyr_sdk::control::{Determinism, ProtoTimestamp};

use super::run::Run;
use crate::containers::chain;
use crate::ending::Ended;
use crate::fabric::PutError;
use crate::files::{DownloadError, Wanted, fetch};
use crate::machine::free_disk_mib;
use crate::trace::{FILES, PREPARE};

/// Files that are fetched at once.
const AT_ONCE: usize = 6;

/// What is ready to run.
pub(super) struct Program {
    pub(super) artifact: Digest,
    pub(super) args: Vec<String>,
    /// The environment.
    pub(super) env: BTreeMap<String, String>,
    /// What stands in for chance and time where runs may be repeated as a check.
    pub(super) determinism: Option<Determinism>,
    /// Where its requirements were installed.
    pub(super) site: Option<PathBuf>,
}

impl Run {
    /// Fetches everything that the job needs. Nothing here is metered.
    pub(super) async fn prepare(&self) -> Result<Program, Ended> {
        let job = &self.handle.job;
        self.phase("files");
        let phase = self.trace.begin_in(PREPARE, FILES);
        phase.of(self.unless_stopped(self.fetch_all()).await)?;
        match &job.spec.workload {
            Workload::Wasm(wasm) => self.unless_stopped(self.prepare_wasm(wasm)).await,
            Workload::Script(script) => self.prepare_script(script).await,
        }
    }

    pub(super) fn phase(&self, phase: &str) {
        self.reporter.report(v1::Preparing { phase: phase.to_owned(), ..Default::default() });
    }

    async fn fetch_all(&self) -> Result<(), Ended> {
        let job = &self.handle.job;
        // a run that is repeated as a check is repeated from its beginning
        let repeats = matches!(&job.spec.workload, Workload::Wasm(wasm) if wasm.deterministic);
        let checkpoint = if repeats { &[][..] } else { &job.checkpoint[..] };
        let data: Vec<Wanted> = job.spec.data_urls.iter().filter_map(below_data).collect();
        let all = job.inputs.iter().chain(checkpoint).chain(&data);
        let bytes = all.fold(0_u64, |sum, file| sum.saturating_add(file.size));
        let most = job.spec.requirements.disk_mib.saturating_mul(1 << 20);
        if bytes > most {
            let message = format!("its files have {bytes} bytes, its disk {most}: ask for more disk");
            return Err(Ended::new(Reason::Disk, message));
        }
        self.create_folders()?;
        let free = free_disk_mib(self.dir.path());
        if bytes >> 20 >= free {
            return Err(Ended::node(format!("the node has only {free} MiB of disk left")));
        }
        // inputs lie beside the file systems that are made meanwhile
        let (made, fetched) =
            tokio::join!(self.make_folders(), self.fetch_links(&job.inputs, self.dir.job()));
        made?;
        fetched?;
        self.fetch_links(checkpoint, self.dir.checkpoints()).await?;
        for file in &data {
            self.spool.system(&format!("fetching {} ({} bytes)", file.path, file.size));
            // a stranger's server has nothing to do with the trace
            fetch(&self.tools.public, file, &self.dir.job(), "").await.map_err(|error| of_data(&error))?;
        }
        Ok(())
    }

    /// Fetches files from the server's links.
    async fn fetch_links(&self, links: &[Wanted], root: PathBuf) -> Result<(), Ended> {
        let (http, trace) = (self.tools.server.http(), self.trace.traceparent(FILES));
        let fetching: Vec<_> = links
            .iter()
            .map(|file| {
                let file = Wanted { url: self.tools.server.address(&file.url), ..file.clone() };
                let (http, trace, root) = (http.clone(), trace.clone(), root.clone());
                async move { fetch(&http, &file, &root, &trace).await }.boxed()
            })
            .collect();
        let fetched = futures::stream::iter(fetching).buffer_unordered(AT_ONCE).try_collect::<Vec<()>>();
        fetched
            .await
            .map(drop)
            .map_err(|error| Ended::node(format!("a file of the job was not fetched: {}", chain(&error))))
    }

    async fn prepare_wasm(&self, wasm: &Wasm) -> Result<Program, Ended> {
        let file = self.dir.job().join(wasm.artifact.as_str());
        if !file.is_file() {
            let message = format!("there is no `{}` among the job's files", wasm.artifact);
            return Err(Ended::new(Reason::Requirements, message));
        }
        let artifact = self.tools.fabric.put_wasm(&file, wasm.artifact.as_str()).await;
        let artifact = artifact.map_err(|error| match error {
            PutError::NoProgram { .. } => Ended::new(Reason::Requirements, error.to_string()),
            error => Ended::node(format!("the program was not taken by VYR: {}", chain(&error))),
        })?;
        Ok(Program {
            artifact,
            args: wasm.args.clone(),
            env: environment(&self.handle.job.spec.env),
            determinism: wasm.deterministic.then(|| determinism(self.handle.job.job)),
            site: None,
        })
    }
}

/// What the server runs it again with.
fn determinism(job: JobId) -> Determinism {
    let clock = ProtoTimestamp { seconds: i64::try_from(CLOCK_SECONDS).unwrap_or(0), ..Default::default() };
    Determinism { seed: seed(job), clock: clock.into(), ..Default::default() }
}

/// Data by URL goes below `/job/data`.
fn below_data(data: &cyxwiz_model::DataUrl) -> Option<Wanted> {
    let path = Path::new("data").join(data.path.as_str()).to_str()?.parse().ok()?;
    Some(Wanted { path, size: data.size, sha256: data.sha256, url: data.url.clone() })
}

/// The buyer's address is the buyer's to mend; this node's disk is not.
fn of_data(error: &DownloadError) -> Ended {
    match error {
        DownloadError::Disk { .. } => Ended::node(chain(error)),
        error => Ended::new(Reason::Requirements, format!("data was not fetched: {}", chain(error))),
    }
}
