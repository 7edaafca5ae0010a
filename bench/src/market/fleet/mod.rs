//! Thousands of nodes in one process: each has a key, a session, a connection and a stream of its own, and beats.
//!
//! ```text
//! Fleet ─► Member: challenge, signature, session ─► enrol ─► attend: hello, welcome, beats, answers
//!    └───► Tally: what they saw
//! ```

mod member;
mod tally;

use std::sync::Arc;

use anyhow::{Context as _, Result};
use http::Uri;
use tokio::runtime::Runtime;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use self::member::Member;
pub(super) use self::tally::{Beating, Tally};

/// Nodes that sign in, or open their streams, at once.
const AT_ONCE: u32 = 64;

/// A fleet at one server.
pub(super) struct Fleet {
    // one thread: what is left of the machine is the server's
    runtime: Runtime,
    pub(super) tally: Arc<Tally>,
    members: Vec<Member>,
}

impl Fleet {
    /// Signs in and enrols so many nodes; the first few pass the benchmark that is due.
    pub(super) fn enrol(server: &str, payee: &str, nodes: usize, benchmarked: usize) -> Result<Self> {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
        let server: Uri = server.parse().context("the server's address")?;
        let members = runtime.block_on(async {
            let (places, mut joining) = (Arc::new(Semaphore::new(AT_ONCE as usize)), JoinSet::new());
            for number in 0..nodes {
                // one that computes has the machine for itself: its time is judged
                let wanted = if number < benchmarked { AT_ONCE } else { 1 };
                let place = Arc::clone(&places).acquire_many_owned(wanted).await?;
                let (server, payee) = (server.clone(), payee.to_owned());
                joining.spawn(async move {
                    let member = Member::enrol(&server, &payee, number, number < benchmarked).await;
                    drop(place);
                    member
                });
            }
            let mut members = Vec::with_capacity(nodes);
            while let Some(joined) = joining.join_next().await {
                members.push(joined??);
            }
            anyhow::Ok(members)
        })?;
        Ok(Self { runtime, tally: Arc::default(), members })
    }

    /// Opens every stream; comes back once all are welcomed.
    pub(super) fn attend(&mut self) -> Result<()> {
        let members = std::mem::take(&mut self.members);
        let tally = &self.tally;
        self.runtime.block_on(async {
            let (places, mut joining) = (Arc::new(Semaphore::new(AT_ONCE as usize)), JoinSet::new());
            for member in members {
                let place = Arc::clone(&places).acquire_owned().await?;
                let tally = Arc::clone(tally);
                joining.spawn(async move {
                    let attending = member.attend(tally).await;
                    drop(place);
                    attending
                });
            }
            while let Some(joined) = joining.join_next().await {
                joined??;
            }
            anyhow::Ok(())
        })
    }
}
