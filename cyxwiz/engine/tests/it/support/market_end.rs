//! How a scripted job ends.

use cyxwiz_proto::v1::{Ending, FailureClass, Job, JobState};

pub(crate) fn completed(job: &mut Job) {
    job.state = JobState::Completed.into();
    let ending = Ending {
        reason: "succeeded".to_owned(),
        exit_code: Some(0),
        outputs_delivered: true,
        ..Default::default()
    };
    job.ending = ending.into();
    let mut cost = job.cost.as_option().cloned().unwrap_or_default();
    cost.charged = 1000;
    (cost.node, cost.platform, cost.refund, cost.metered_ms) = (900, 100, cost.deposit - 1000, 72_000);
    job.cost = cost.into();
}

pub(crate) fn refunded(job: &mut Job) {
    job.state = JobState::Refunded.into();
    let ending = Ending {
        reason: "exit".to_owned(),
        failure_class: FailureClass::User.into(),
        exit_code: Some(3),
        message: "the script ended with 3".to_owned(),
        ..Default::default()
    };
    job.ending = ending.into();
    let mut cost = job.cost.as_option().cloned().unwrap_or_default();
    (cost.refund, cost.metered_ms) = (cost.deposit, 2_000);
    job.cost = cost.into();
}
