use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use cyxwiz_model::rerun::{
    CHECKPOINT_DIR, CLOCK_SECONDS, JOB_DIR, METRICS_DIR, OUTPUT_DIR, environment, seed,
};
use cyxwiz_model::{JobId, Wasm};
use tokio::sync::Mutex;
use vyr_model::{
    ArtifactKind, Determinism, Digest, DirGrant, EnvGrant, Failure, Limits, ManifestDraft, Terminal,
    artifact_name,
};
use vyr_node::{Embedded, Home, NodeOptions};
use vyr_runtime::{Cancel, OutputSink, RunRequest, SinkError, Stdin, Used};
use vyr_store::{BlobDurability, LOCAL_KEY_NAME, Store};

use crate::VerifyError;
use crate::outputs::{self, Outputs};

/// How much longer than the node a second run may take: this machine may be the slower one.
const PATIENCE: u32 = 4;

/// A run to be made again.
#[derive(Debug)]
pub struct Rerun<'a> {
    /// The job.
    pub job: JobId,
    /// Its program.
    pub wasm: &'a Wasm,
    /// The environment that its buyer set.
    pub env: &'a BTreeMap<String, String>,
    /// Its memory, bytes.
    pub memory_bytes: u64,
    /// How long the node's run took.
    pub took: Duration,
    /// A folder with the job's inputs, the program among them.
    pub inputs: &'a Path,
    /// An empty folder for what it writes.
    pub scratch: &'a Path,
}

/// How a second run ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ended {
    /// By itself, with this code.
    Exit(i32),
    /// By a trap.
    Trap(String),
    /// By the clock or another limit: nothing can be said of the first.
    Unknown(String),
}

/// What a second run gave.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    /// How it ended.
    pub ended: Ended,
    /// What it wrote.
    pub outputs: Outputs,
}

/// Runs jobs again, one at a time.
pub struct Verifier {
    home: PathBuf,
    embedded: Mutex<Embedded>,
}

impl std::fmt::Debug for Verifier {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Verifier").field("home", &self.home).finish_non_exhaustive()
    }
}

impl Verifier {
    /// Opens the folder of the embedded VYR: compiled code is kept there.
    ///
    /// # Errors
    /// The folder cannot be used.
    pub fn open(home: &Path) -> Result<Self, VerifyError> {
        let embedded = Embedded::open(NodeOptions::new(home.to_owned()))?;
        Ok(Self { home: home.to_owned(), embedded: Mutex::new(embedded) })
    }

    /// Runs a job again, from its beginning.
    ///
    /// # Errors
    /// This side's own failure.
    pub async fn run(&self, rerun: Rerun<'_>) -> Result<Seen, VerifyError> {
        let embedded = self.embedded.lock().await;
        let file = rerun.inputs.join(rerun.wasm.artifact.as_str());
        let content = tokio::fs::read(&file).await.map_err(VerifyError::io(&file))?;
        let digest = self.put(embedded.store(), rerun.wasm, &content)?;
        for folder in [OUTPUT_DIR, CHECKPOINT_DIR, METRICS_DIR] {
            let folder = below(rerun.scratch, folder);
            std::fs::create_dir_all(&folder).map_err(VerifyError::io(&folder))?;
        }
        let outcome = embedded.run(digest, |name, _| request(name, &rerun)).await;
        embedded.store().remove(&digest)?;
        let ended = match outcome?.terminal {
            Terminal::Succeeded => Ended::Exit(0),
            Terminal::Failed(Failure::Exit(code)) => Ended::Exit(code),
            Terminal::Failed(Failure::Trap(text)) => Ended::Trap(text),
            other => Ended::Unknown(format!("{other:?}")),
        };
        Ok(Seen { ended, outputs: outputs::read(&below(rerun.scratch, OUTPUT_DIR))? })
    }

    fn put(&self, store: &Store, wasm: &Wasm, content: &[u8]) -> Result<Digest, VerifyError> {
        let kind = ArtifactKind::detect(content)?;
        let stem = Path::new(wasm.artifact.as_str()).file_stem().unwrap_or_default().to_string_lossy();
        let draft = ManifestDraft::new(kind, artifact_name(&stem), "0.0.0");
        let built = draft.build(Digest::of(content), content.len() as u64)?;
        let key = Home::new(&self.home).keys().join(format!("{LOCAL_KEY_NAME}.pem"));
        let key = store.trust().local_key(&key)?.secret;
        store.put_blob(&built.config, BlobDurability::Volatile)?;
        store.put_blob(content, BlobDurability::Volatile)?;
        let (digest, signature) = (built.digest(), key.sign(&built.manifest));
        store.put_artifact(&digest, &built.manifest, signature.as_bytes(), SystemTime::now())?;
        Ok(digest)
    }
}

fn below(scratch: &Path, guest: &str) -> PathBuf {
    scratch.join(guest.trim_start_matches('/'))
}

fn request(name: &str, rerun: &Rerun<'_>) -> RunRequest {
    let dir = |host: &Path, guest: &str, read_only| DirGrant {
        host_path: host.display().to_string(),
        guest_path: guest.to_owned(),
        read_only,
    };
    let writes = [OUTPUT_DIR, CHECKPOINT_DIR, METRICS_DIR];
    let writes = writes.into_iter().map(|guest| dir(&below(rerun.scratch, guest), guest, false));
    let time = rerun.took.saturating_mul(PATIENCE).max(Duration::from_secs(10));
    let clock = SystemTime::UNIX_EPOCH + Duration::from_secs(CLOCK_SECONDS);
    RunRequest {
        task: None,
        args: std::iter::once(name.to_owned()).chain(rerun.wasm.args.iter().cloned()).collect(),
        env: environment(rerun.env).into_iter().map(|(name, value)| EnvGrant { name, value }).collect(),
        dirs: std::iter::once(dir(rerun.inputs, JOB_DIR, true)).chain(writes).collect(),
        http_out: Vec::new(),
        states: Vec::new(),
        limits: Limits {
            memory_bytes: rerun.memory_bytes,
            wall_time: time,
            cpu_time: time,
            fuel: Some(u64::MAX),
            stdout_bytes: u64::MAX,
            stderr_bytes: u64::MAX,
            ..Limits::default()
        },
        stdin: Stdin::Empty,
        stdout: Box::new(Nothing),
        stderr: Box::new(Nothing),
        out_dir: None,
        cancel: Cancel::default(),
        determinism: Some(Determinism { seed: seed(rerun.job), clock }),
        used: Used::default(),
    }
}

/// A log is no output.
struct Nothing;

impl OutputSink for Nothing {
    fn write(&mut self, _: &[u8]) -> Result<(), SinkError> {
        Ok(())
    }
}
