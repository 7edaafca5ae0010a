use std::time::Instant;

use anyhow::Result;
use e2e::market::{Seller, jobs};
use serde::Serialize;

use super::first_line::run;
use crate::market::lab::Lab;
use crate::samples::{Latency, Samples};

/// First steps, as fast as a machine types.
#[derive(Serialize)]
pub(crate) struct Start {
    /// A new home: `login`, `wallet deposit`, `submit` → the first line of the first job.
    pub(crate) sign_up: Latency,
    /// `submit` → queued.
    pub(crate) submit: Latency,
    /// `cyxwiz-node install`, then `run` → it would be given work.
    pub(crate) node: Latency,
}

const SCRIPT: &str = "print('first')\nprint('last')\n";

pub(crate) fn start(lab: &Lab) -> Result<Start> {
    let platform = lab.platform(&["--dispute-window-seconds=1"]);
    let (mut sign_up, mut submit, mut node) = (Samples::default(), Samples::default(), Samples::default());
    let folder = jobs::script(&platform, "first", SCRIPT);
    let mut seller = None;
    for round in 0..lab.sizes.starts {
        drop(seller.take());
        let began = Instant::now();
        let name = format!("seller-{round}");
        seller =
            Some(Seller::install(&platform, &name, &platform.folder("sellers").join(&name), &[]).ready());
        node.push(began.elapsed());

        let _ = std::fs::remove_dir_all(platform.folder("buyer"));
        let began = Instant::now();
        let buyer = platform.buyer();
        buyer.ok(&["wallet", "deposit", "1", "USDC"]);
        let mut command = buyer.command();
        command.arg("submit").arg(&folder).args(["--yes", "--disk", "1", "--image", "python"]);
        let before = began.elapsed();
        sign_up.push(before + run(command)?.first);

        let began = Instant::now();
        let job = buyer.submit(&folder, &["--image", "python"]);
        submit.push(began.elapsed());
        buyer.reaches(&job, &["completed"]);
    }
    Ok(Start { sign_up: sign_up.latency()?, submit: submit.latency()?, node: node.latency()? })
}
