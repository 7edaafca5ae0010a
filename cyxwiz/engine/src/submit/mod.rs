//! `cyxwiz submit`: from a folder to a job in the queue, and then its output.
//!
//! ```text
//! folder ─► plan ─► yes ─► draft (key kept first) ─► files ─► terms checked ─► escrow (recorded, sent once) ─► queued
//!                            ▲                                                                                  │
//!                            └───────────── the same command goes on after a cut ◄──────────────────────────────┘
//! ```

mod begun;
mod draft;
mod escrow;
pub(crate) mod plan;
mod terms;
mod upload;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use cyxwiz_chain::Money;
use cyxwiz_proto::v1::{self, QueueJobRequest, Reason};
use serde_json::json;
use solana_keypair::Keypair;
use solana_signer::Signer as _;

pub(crate) use draft::{estimate, price};
pub(crate) use terms::TermsError;
pub(crate) use upload::bar;

use begun::{Begun, Record};

use crate::context::{Chain, Context};
use crate::error::CliError;
use crate::folder::{self, Digested, Flags, JobFolder};
use crate::server::{Buyer, Platform};
use crate::{output, wallet, watch};

/// The server may see the chain a moment later than we do.
const LATE: u32 = 10;

#[derive(Args)]
pub(crate) struct Verb {
    /// The job: a folder, a .py or a .wasm file
    target: PathBuf,
    #[command(flatten)]
    flags: Flags,
    /// Do not ask
    #[arg(short, long)]
    yes: bool,
    /// Do not follow the job once it is queued
    #[arg(short, long)]
    detach: bool,
}

/// Everything that one submit works with.
struct Submit {
    keypair: Keypair,
    buyer: Buyer,
    platform: Platform,
    chain: Chain,
    job: JobFolder,
    files: Vec<Digested>,
}

pub(crate) async fn run(verb: Verb, context: &Context) -> Result<ExitCode, CliError> {
    let queued = tokio::select! {
        queued = submit(&verb, context) => queued?,
        _ = tokio::signal::ctrl_c() => return Err(CliError::Interrupted),
    };
    let id = queued.id.clone();
    if verb.detach {
        return if context.json() {
            output::json(&queued)?;
            Ok(ExitCode::SUCCESS)
        } else {
            output::line(&id)?;
            eprintln!(
                "watch it:  cyxwiz watch {id}\nstop it:   cyxwiz cancel {id}\nfetch:     cyxwiz results {id}"
            );
            Ok(ExitCode::SUCCESS)
        };
    }
    if context.json() {
        output::json(&json!({ "submitted": queued }))?;
    } else {
        eprintln!(
            "Ctrl-C leaves it running: come back with `cyxwiz watch {id}`, stop it with `cyxwiz cancel {id}`"
        );
    }
    let buyer = context.buyer(context.keypair()?.pubkey())?;
    watch::follow(&buyer, &id, 0, context).await
}

/// Everything up to a place in the queue.
async fn submit(verb: &Verb, context: &Context) -> Result<v1::Job, CliError> {
    let mut job = folder::read(&verb.target, &verb.flags)?;
    let keypair = context.keypair()?;
    let buyer = context.buyer(keypair.pubkey())?;
    let files = digests(std::mem::take(&mut job.files)).await?;
    let platform = Platform::ask(&buyer.server).await?;
    let chain = context.chain().await?;
    platform.agrees(&buyer.server, &chain)?;
    wallet::finish_earlier(&chain, &keypair).await?;
    let submit = Submit { keypair, buyer, platform, chain, job, files };
    submit.run(verb.yes).await
}

/// Reads every file, off the thread that answers Ctrl-C.
pub(crate) async fn digests(files: Vec<folder::LocalFile>) -> Result<Vec<Digested>, CliError> {
    let bar = bar(files.iter().map(|file| file.size).sum(), "reading");
    let told = bar.clone();
    let read = tokio::task::spawn_blocking(move || folder::digests(files, &|bytes| told.inc(bytes)));
    let read = read.await.map_err(std::io::Error::other)??;
    bar.finish_and_clear();
    Ok(read)
}

impl Submit {
    async fn run(&self, yes: bool) -> Result<v1::Job, CliError> {
        let owner = self.keypair.pubkey();
        let begun =
            Begun::of(&self.buyer.server.origin, &owner, &self.job.spec, self.job.budget, &self.files)?;
        let (mut record, drafted) = match self.resume(&begun).await? {
            Some(found) => found,
            None => self.begin(&begun, yes).await?,
        };
        let job = drafted.job.into_option().ok_or(CliError::Broken("a draft without a job"))?;
        if past_funding(&job) {
            eprintln!("{} was queued already", job.id);
            begun.forget()?;
            return Ok(job);
        }
        self.upload(&job.id, &drafted.missing, &begun, &mut record).await?;
        let signature = self.open(&job, &begun, &mut record).await?;
        let queued = self.queue(&job.id, signature, &begun, &mut record).await?;
        begun.forget()?;
        eprintln!("queued as {}", queued.id);
        Ok(queued)
    }

    async fn upload(
        &self,
        job: &str,
        missing: &[v1::FileInfo],
        begun: &Begun,
        record: &mut Record,
    ) -> Result<(), CliError> {
        if missing.is_empty() {
            return Ok(());
        }
        let start = std::time::Instant::now();
        let bytes = upload::missing(&self.buyer, job, &self.files, missing, begun, record).await?;
        let (count, s) = (missing.len(), if missing.len() == 1 { "" } else { "s" });
        let took = u64::try_from(start.elapsed().as_millis()).unwrap_or(u64::MAX);
        eprintln!("uploaded {count} file{s}, {} in {}", output::size(bytes), plan::span(took));
        Ok(())
    }

    /// Checks the terms against the chain, then signs, records and sends; says by which transaction.
    async fn open(&self, job: &v1::Job, begun: &Begun, record: &mut Record) -> Result<String, CliError> {
        if let Some(signature) = &record.opened {
            return Ok(signature.clone());
        }
        let id: cyxwiz_model::JobId = job.id.parse().map_err(|_| CliError::Broken("a job's id"))?;
        let config = escrow::config(&self.chain).await?;
        let coin = self.job.spec.coin;
        let (deposit, limit) = (Money::new(coin, record.deposit), Money::new(coin, record.limit));
        let expected = terms::Expected {
            job: id,
            program: self.chain.contract.program.id,
            config: &config,
            mint: self.chain.contract.mint(coin),
            deposit,
            limit,
            timeout: self.job.spec.timeout,
            now: self.chain.rpc.time().await?,
        };
        let terms = job.terms.as_option().ok_or(CliError::Broken("a draft without terms"))?;
        let order = terms::check(terms, &expected)?;
        let signature = escrow::open(&self.chain, &self.keypair, deposit, order, &id).await?;
        record.opened = Some(signature.clone());
        begun.keep(record)?;
        eprintln!("set {deposit} aside ({signature})");
        Ok(signature)
    }

    /// Queues; what the server does not see yet it may see in a moment.
    async fn queue(
        &self,
        job: &str,
        signature: String,
        begun: &Begun,
        record: &mut Record,
    ) -> Result<v1::Job, CliError> {
        let request =
            QueueJobRequest { job_id: job.to_owned(), open_signature: signature, ..Default::default() };
        let mut late = 0;
        loop {
            let error = match self.buyer.queue(request.clone()).await {
                Ok(answer) => return answer.job.into_option().ok_or(CliError::Broken("a job without a job")),
                Err(CliError::Server(error)) => error,
                Err(error) => return Err(error),
            };
            late += 1;
            match error.reason() {
                Some(Reason::REASON_ESCROW_MISMATCH) if late < LATE => {
                    tokio::time::sleep(std::time::Duration::from_millis(500)).await;
                }
                Some(Reason::REASON_FILES_MISSING) if late < 3 => {
                    let again = self.create(record).await?;
                    self.upload(job, &again.missing, begun, record).await?;
                }
                _ => return Err(CliError::NotQueued { job: job.to_owned(), error: Box::new(error) }),
            }
        }
    }
}

/// It waits, runs or has ended: nothing is left to be done for it.
fn past_funding(job: &v1::Job) -> bool {
    use v1::JobState as S;
    !matches!(job.state.as_known(), Some(S::Draft | S::Funded))
}
