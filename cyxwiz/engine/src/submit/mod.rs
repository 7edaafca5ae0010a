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
use cyxwiz_chain::escrow::policy::Order;
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
use crate::{output, shown, wallet, watch};

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
            output::json(&json!({ "job": id, "state": "queued", "details": shown::job(&queued) }))?;
            Ok(ExitCode::SUCCESS)
        } else {
            output::line(&id)?;
            talk!(
                "watch it:  cyxwiz watch {id}\nstop it:   cyxwiz cancel {id}\nfetch:     cyxwiz results {id}"
            );
            Ok(ExitCode::SUCCESS)
        };
    }
    if context.json() {
        output::json(&json!({ "event": "submitted", "job": shown::job(&queued) }))?;
    } else {
        talk!(
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
        let (record, drafted, funding) = match self.resume(&begun).await? {
            Some((record, drafted)) => match self.funding(&drafted, &record).await {
                Ok(funding) => (record, drafted, funding),
                // it waited too long, or the platform has changed since: its files count for the next one
                Err(CliError::Terms(_)) => {
                    self.give_up(&drafted).await;
                    begun.forget()?;
                    self.begin(&begun, yes).await?
                }
                Err(error) => return Err(error),
            },
            None => self.begin(&begun, yes).await?,
        };
        let job = drafted.job.into_option().ok_or(CliError::Broken("a draft without a job"))?;
        let funding = match funding {
            Funding::Past => {
                talk!("{} was queued already", job.id);
                begun.forget()?;
                return Ok(job);
            }
            funding => funding,
        };
        self.upload(&job.id, &drafted.missing).await?;
        let signature = self.fund(funding, &record).await?;
        let queued = self.queue(&job.id, signature, &record).await?;
        begun.forget()?;
        talk!("queued as {}", queued.id);
        Ok(queued)
    }

    async fn upload(&self, job: &str, missing: &[v1::FileInfo]) -> Result<(), CliError> {
        if missing.is_empty() {
            return Ok(());
        }
        let start = std::time::Instant::now();
        let bytes = upload::missing(&self.buyer, job, &self.files, missing).await?;
        let (count, s) = (missing.len(), if missing.len() == 1 { "" } else { "s" });
        let took = u64::try_from(start.elapsed().as_millis()).unwrap_or(u64::MAX);
        talk!("uploaded {count} file{s}, {} in {}", output::size(bytes), plan::span(took));
        Ok(())
    }

    /// What is left to be done for a draft's money. Nothing is signed for terms that are not ours.
    async fn funding(&self, drafted: &v1::CreateJobResponse, record: &Record) -> Result<Funding, CliError> {
        let job = drafted.job.as_option().ok_or(CliError::Broken("a draft without a job"))?;
        if past_funding(job) {
            return Ok(Funding::Past);
        }
        let id: cyxwiz_model::JobId = job.id.parse().map_err(|_| CliError::Broken("a job's id"))?;
        let terms = job.terms.as_option().ok_or(CliError::Broken("a draft without terms"))?;
        let chain_id = cyxwiz_chain::escrow::policy::JobId(*id.as_bytes());
        let owner = self.keypair.pubkey();
        if let Some(signature) = escrow::opened(&self.chain, &owner, chain_id, terms).await? {
            return Ok(Funding::Open(signature));
        }
        let config = escrow::config(&self.chain).await?;
        let coin = self.job.spec.coin;
        let expected = terms::Expected {
            job: id,
            program: self.chain.contract.program.id,
            config: &config,
            mint: self.chain.contract.mint(coin),
            deposit: Money::new(coin, record.deposit),
            limit: Money::new(coin, record.limit),
            timeout: self.job.spec.timeout,
            now: self.chain.rpc.time().await?,
        };
        Ok(Funding::Order(terms::check(terms, &expected)?))
    }

    /// Signs, records and sends; says by which transaction.
    async fn fund(&self, funding: Funding, record: &Record) -> Result<String, CliError> {
        let order = match funding {
            Funding::Open(signature) => return Ok(signature),
            Funding::Past => return Ok(String::new()),
            Funding::Order(order) => order,
        };
        let deposit = Money::new(self.job.spec.coin, record.deposit);
        let signature = escrow::open(&self.chain, &self.keypair, deposit, order).await?;
        talk!("set {deposit} aside ({signature})");
        Ok(signature)
    }

    /// The server need not keep a draft that nobody will pay for.
    async fn give_up(&self, drafted: &v1::CreateJobResponse) {
        let job_id = drafted.job.as_option().map(|job| job.id.clone()).unwrap_or_default();
        // it ends by itself too
        let _ = self.buyer.cancel(v1::CancelJobRequest { job_id, ..Default::default() }).await;
    }

    /// Queues; what the server does not see yet it may see in a moment.
    async fn queue(&self, job: &str, signature: String, record: &Record) -> Result<v1::Job, CliError> {
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
                    self.upload(job, &again.missing).await?;
                }
                _ => return Err(CliError::NotQueued { job: job.to_owned(), error: Box::new(error) }),
            }
        }
    }
}

/// What is left to be done for a draft's money.
enum Funding {
    /// To be signed: these terms are ours.
    Order(Order),
    /// An earlier command opened the escrow by this transaction.
    Open(String),
    /// It is queued already, or further.
    Past,
}

/// It waits, runs or has ended: nothing is left to be done for it.
fn past_funding(job: &v1::Job) -> bool {
    use v1::JobState as S;
    !matches!(job.state.as_known(), Some(S::Draft | S::Funded))
}
