//! What a node does about an assignment.

use connectrpc::ConnectError;
use cyxwiz_proto::v1;
use cyxwiz_proto::v1::__buffa::oneof::report_attempt_request::Step;

use super::bazaar::Bazaar;
use super::node::Node;
use crate::support::sha256;

impl Node {
    pub(crate) async fn report(
        &self,
        work: &v1::Assignment,
        step: impl Into<Step>,
    ) -> Result<(), ConnectError> {
        let request = v1::ReportAttemptRequest {
            attempt_id: work.attempt_id.clone(),
            epoch: work.epoch,
            step: Some(step.into()),
            ..Default::default()
        };
        self.calls.report_attempt(request).await.map(|_| ())
    }

    /// Takes an assignment and starts its script.
    pub(crate) async fn start(&mut self, bazaar: &Bazaar) -> v1::Assignment {
        let work = self.assignment().await;
        self.answer(&work, true).await;
        bazaar.until(&work.job_id, v1::JobState::Preparing).await;
        self.report(&work, v1::Preparing { phase: "image".to_owned(), ..Default::default() }).await.unwrap();
        self.report(&work, started()).await.unwrap();
        work
    }

    /// Uploads a file of an attempt.
    pub(crate) async fn upload(
        &self,
        bazaar: &Bazaar,
        work: &v1::Assignment,
        (kind, path): (&str, &str),
        content: &[u8],
        number: Option<u32>,
    ) -> v1::FileInfo {
        let token = &work.upload_token;
        let begun = bazaar.world.begin(token, (&work.job_id, kind, path), content, number).await;
        assert_eq!(begun.status, 201, "{begun:?}");
        if begun.offset.unwrap_or(0) < content.len() as u64 {
            let sent = bazaar.world.patch(token, &begun.location, 0, content).await;
            assert_eq!(sent.status, 204, "{sent:?}");
        }
        v1::FileInfo {
            path: path.to_owned(),
            size: content.len() as u64,
            sha256: sha256(content).to_vec(),
            ..Default::default()
        }
    }

    pub(crate) async fn log(
        &self,
        work: &v1::Assignment,
        first_seq: u64,
        lines: &[&str],
    ) -> v1::PushLogsResponse {
        let entry = |line: &&str| v1::LogEntry {
            entry: Some(
                v1::LogChunk {
                    stream: v1::LogStream::Stdout.into(),
                    data: line.as_bytes().to_vec(),
                    ..Default::default()
                }
                .into(),
            ),
            ..Default::default()
        };
        let request = v1::PushLogsRequest {
            attempt_id: work.attempt_id.clone(),
            epoch: work.epoch,
            first_seq,
            entries: lines.iter().map(entry).collect(),
            ..Default::default()
        };
        self.calls.push_logs(request).await.unwrap().into_owned()
    }

    /// Says that the script is gone and everything was uploaded.
    pub(crate) async fn finish(&mut self, work: &v1::Assignment, reason: &str, outputs: Vec<v1::FileInfo>) {
        self.working.retain(|(attempt, _)| *attempt != work.attempt_id);
        self.report(work, v1::Exited { ending: ending(reason).into(), ..Default::default() }).await.unwrap();
        let finished = v1::Finished { ending: ending(reason).into(), outputs, ..Default::default() };
        self.report(work, finished).await.unwrap();
    }
}

pub(crate) fn started() -> v1::Started {
    v1::Started { artifact_digest: "sha256:aa".to_owned(), task_id: "tsk_1".to_owned(), ..Default::default() }
}

pub(crate) fn ending(reason: &str) -> v1::Ending {
    let exit_code = match reason {
        "succeeded" => Some(0),
        "exit" => Some(1),
        _ => None,
    };
    v1::Ending { reason: reason.to_owned(), exit_code, ..Default::default() }
}
