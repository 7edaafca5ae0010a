use cyxwiz_model::{JobState, Reason};
use cyxwiz_proto::v1;

use super::row::{Job, of_account};
use crate::market::Market;
use crate::{Buyer, Refusal};

pub(super) async fn results(
    market: &Market,
    buyer: &Buyer,
    request: v1::ListResultsRequest,
) -> Result<v1::ListResultsResponse, Refusal> {
    let job = of_account(market.pool(), buyer.account, &request.job_id).await?;
    if let Some(why) = withheld(&job) {
        return Ok(v1::ListResultsResponse { withheld_because: why, ..Default::default() });
    }
    let files = match job.attempt {
        Some(attempt) => market.output_links(attempt).await?,
        None => Vec::new(),
    };
    let withheld_because =
        if files.is_empty() { "the run left no outputs".to_owned() } else { String::new() };
    Ok(v1::ListResultsResponse { files, withheld_because, ..Default::default() })
}

/// Why the outputs are not given out, if they are not.
fn withheld(job: &Job) -> Option<String> {
    let Some(ended) = &job.ending else {
        return Some(format!("the job is {}: its outputs come when its run has ended", job.state));
    };
    if ended.delivered {
        return None;
    }
    Some(match (job.state, ended.reason) {
        (_, Reason::Cancelled | Reason::Unfunded) => "the job never ran".to_owned(),
        (JobState::Refunded | JobState::Refunding, reason) => {
            format!("the run was not paid for ({reason}), so its outputs are withheld")
        }
        (_, reason) => format!("the run ended with {reason}: there are no outputs to give out"),
    })
}
