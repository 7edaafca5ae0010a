//! Trust in results beyond exit codes and digests: what can be computed again is compared.

use cyxwiz_model::Workload;

use crate::ServerError;
use crate::jobs::Job;
use crate::market::Market;
use crate::nodes::Attempt;

/// Something that speaks for or against a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// For people.
    pub line: String,
    /// It proves that the node's result is wrong.
    pub against_node: bool,
}

/// Looks for evidence about runs.
#[derive(Clone, Copy, Debug)]
pub struct Verifier;

impl Verifier {
    /// What is known about a run beyond what its node reported.
    ///
    /// # Errors
    /// A stored job that cannot be read.
    pub async fn evidence(self, job: &Job, attempt: &Attempt) -> Result<Vec<Finding>, ServerError> {
        let _ = attempt;
        Ok(match job.parsed_spec()?.workload {
            Workload::Wasm(wasm) if wasm.deterministic => {
                let line = "the job says that it is deterministic; it was not run again".to_owned();
                vec![Finding { line, against_node: false }]
            }
            _ => Vec::new(),
        })
    }
}

impl Market {
    /// Who looks for evidence.
    #[must_use]
    pub const fn verifier(&self) -> Verifier {
        Verifier
    }
}
