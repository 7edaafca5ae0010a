use connectrpc::client::{BidiStream, CallOptions};
use cyxwiz_proto::v1;
use hyper::body::Incoming;

use super::{Fault, client::Server};

/// The long stream.
pub(crate) type AttendStream = BidiStream<Incoming, v1::AttendRequest, v1::AttendResponseView<'static>>;

macro_rules! unary {
    ($($(#[$doc:meta])* $name:ident $(in $trace:ident)?, $with:ident: $request:ty => $response:ty;)*) => {$(
        $(#[$doc])*
        pub(crate) async fn $name(&self, request: $request $(, $trace: &str)?) -> Result<$response, Fault> {
            let options = |token: &str| {
                let options = self.options(token);
                $(let options = within(options, $trace);)?
                options
            };
            let token = self.token().await?;
            let first = self.0.nodes.$with(request.clone(), options(&token)).await;
            let error = match first {
                Ok(answer) => return Ok(answer.into_owned()),
                Err(error) => Fault::from(error),
            };
            if !error.wants_session() {
                return Err(error);
            }
            self.forget(&token).await;
            let token = self.token().await?;
            Ok(self.0.nodes.$with(request, options(&token)).await?.into_owned())
        }
    )*};
}

/// Makes a call part of a trace; of none where there is no traceparent.
fn within(options: CallOptions, traceparent: &str) -> CallOptions {
    if traceparent.is_empty() { options } else { options.with_header("traceparent", traceparent) }
}

impl Server {
    unary! {
        /// Enrols the node, or changes what it offers.
        enrol, enrol_node_with_options: v1::EnrolNodeRequest => v1::EnrolNodeResponse;
        /// Answers a benchmark.
        report_benchmark, report_benchmark_with_options: v1::ReportBenchmarkRequest => v1::ReportBenchmarkResponse;
        /// Pushes output, in a trace or, where that is empty, in none.
        push_logs in trace, push_logs_with_options: v1::PushLogsRequest => v1::PushLogsResponse;
        /// Reports a step, in the same way.
        report in trace, report_attempt_with_options: v1::ReportAttemptRequest => v1::ReportAttemptResponse;
        /// Reads the node.
        node, get_node_with_options: v1::GetNodeRequest => v1::GetNodeResponse;
        /// Lists what it earned.
        earnings, list_earnings_with_options: v1::ListEarningsRequest => v1::ListEarningsResponse;
    }

    /// Opens the long stream.
    pub(crate) async fn attend(&self) -> Result<AttendStream, Fault> {
        let token = self.token().await?;
        Ok(self.0.nodes.attend_with_options(Self::stream_options(&token)).await?)
    }

    /// Signs in anew at the next call, where a stream ended for want of a session.
    pub(crate) async fn doubt_session(&self) {
        if let Ok(token) = self.token().await {
            self.forget(&token).await;
        }
    }
}
