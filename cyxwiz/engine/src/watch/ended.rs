//! How a job ended, who paid, and what that is as an exit code. Pure.

use cyxwiz_model::{Class, JobState, Money, Reason};
use cyxwiz_proto::v1::{Ending, FailureClass, Job};
use cyxwiz_proto::{coin_of, state_of};

use crate::server::plain;
use crate::submit::plan::span;

/// The script or the buyer failed.
const OWN_FAULT: u8 = 10;
/// The node or the platform failed.
const THEIR_FAULT: u8 = 11;
/// It was stopped: by its buyer, by its time or its money.
const STOPPED: u8 = 12;
/// Ctrl-C, as shells have it.
pub(super) const INTERRUPTED: u8 = 130;

/// What a shell sees. The script's own code stands in the report: it may be any, so it cannot be ours.
pub(super) fn exit_code(job: &Job) -> u8 {
    let reason = job.ending.as_option().and_then(|ending| ending.reason.parse::<Reason>().ok());
    match (state_of(job.state), reason) {
        (Some(JobState::Completed), Some(Reason::Succeeded)) => 0,
        (_, Some(Reason::Timeout | Reason::Budget | Reason::Cancelled)) | (Some(JobState::Cancelled), _) => {
            STOPPED
        }
        (_, Some(reason)) => match reason.class() {
            Some(Class::User) => OWN_FAULT,
            _ => THEIR_FAULT,
        },
        (_, None) => THEIR_FAULT,
    }
}

/// A few lines: how it ended and why, what it cost and who got it, what to do next.
pub(crate) fn report(job: &Job) -> Vec<String> {
    let state = state_of(job.state);
    let word = state.map_or("unknown", JobState::word);
    let ending = job.ending.as_option();
    let mut lines = vec![match ending {
        Some(ending) => format!("{word}: {}", why(ending)),
        None => word.to_owned(),
    }];
    let said = ending.filter(|ending| ending.reason != Reason::Succeeded.word());
    if let Some(message) = said.map(|ending| plain(&ending.message)).filter(|message| !message.is_empty()) {
        lines.push(format!("why       {message}"));
    }
    lines.extend(money(job, state));
    match ending {
        Some(ending) if ending.outputs_delivered => {
            lines.push(format!("results   cyxwiz results {}", job.id))
        }
        Some(ending) if ending.failure_class.as_known() == Some(FailureClass::User) => {
            lines.push("results   withheld, as nothing is paid for them".to_owned());
        }
        _ => {}
    }
    if !job.close_signature.is_empty() {
        lines.push(format!("on chain  {}", plain(&job.close_signature)));
    }
    lines
}

fn money(job: &Job, state: Option<JobState>) -> Vec<String> {
    let Some((cost, coin)) = job.cost.as_option().and_then(|cost| Some((cost, coin_of(cost.coin)?))) else {
        return Vec::new();
    };
    let money = |base_units| Money::new(coin, base_units);
    let ran = format!("ran       {}, metered {}", span(cost.metered_ms), money(cost.charged));
    match state {
        Some(JobState::Completed) => vec![
            ran,
            format!(
                "paid      {} to the node, {} to the platform; {} of {} came back",
                money(cost.node),
                money(cost.platform),
                money(cost.refund),
                money(cost.deposit)
            ),
        ],
        Some(JobState::Refunded) => vec![
            format!("ran       {}, nothing is charged", span(cost.metered_ms)),
            format!("paid      nobody: {} came back", money(cost.refund)),
        ],
        Some(JobState::Cancelled) => vec!["paid      nobody: nothing was set aside".to_owned()],
        _ => vec![ran],
    }
}

/// The reason with exit code and fault, in a few words.
pub(super) fn why(ending: &Ending) -> String {
    let code = ending.exit_code.map(|code| format!(", exit code {code}")).unwrap_or_default();
    let fault = ending.failure_class.as_known().map(class_words).unwrap_or_default();
    let fault = if fault.is_empty() { String::new() } else { format!(", {fault}") };
    format!("{}{code}{fault}", plain(&ending.reason).replace('_', " "))
}

/// Whose fault it was; empty where nobody's.
fn class_words(class: FailureClass) -> &'static str {
    match class {
        FailureClass::User => "the job's own fault",
        FailureClass::Node => "the node's fault",
        FailureClass::Platform => "the platform's fault",
        _ => "",
    }
}

#[cfg(test)]
mod tests {
    use cyxwiz_proto::v1::{Coin, Cost};

    use super::*;

    fn ended(state: JobState, reason: &str, class: FailureClass, exit: Option<i32>) -> Job {
        let charged = if state == JobState::Completed { 1000 } else { 0 };
        let cost = Cost {
            coin: Coin::Usdc.into(),
            deposit: 50_000,
            charged,
            node: charged * 9 / 10,
            platform: charged / 10,
            refund: 50_000 - charged,
            metered_ms: 72_400,
            ..Default::default()
        };
        let ending = Ending {
            reason: reason.to_owned(),
            failure_class: class.into(),
            exit_code: exit,
            message: if class == FailureClass::User {
                "KeyError: 'x'\u{1b}[2J".to_owned()
            } else {
                String::new()
            },
            outputs_delivered: state == JobState::Completed,
            ..Default::default()
        };
        Job {
            id: "job_01".to_owned(),
            state: cyxwiz_proto::v1::JobState::from(state).into(),
            cost: cost.into(),
            ending: ending.into(),
            close_signature: "5sig".to_owned(),
            ..Default::default()
        }
    }

    #[test]
    fn every_end_says_why_and_who_paid() {
        use FailureClass as F;
        let jobs = [
            ended(JobState::Completed, "succeeded", F::Unspecified, Some(0)),
            ended(JobState::Completed, "timeout", F::Unspecified, None),
            ended(JobState::Refunded, "exit", F::User, Some(3)),
            ended(JobState::Refunded, "node_lost", F::Node, None),
            ended(JobState::Refunded, "cancelled", F::Unspecified, None),
            ended(JobState::Refunded, "dispute", F::Platform, Some(0)),
            Job {
                state: cyxwiz_proto::v1::JobState::Cancelled.into(),
                cost: Cost { coin: Coin::Usdc.into(), ..Default::default() }.into(),
                ..Default::default()
            },
        ];
        let said = jobs.iter().map(|job| format!("{}\n=> {}", report(job).join("\n"), exit_code(job)));
        insta::assert_snapshot!(said.collect::<Vec<_>>().join("\n\n"));
    }
}
