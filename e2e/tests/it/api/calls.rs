//! The frozen list of calls.

use prost::Message as _;
use prost_types::FileDescriptorSet;

use crate::support::Node;

/// A method's name, its request, its response, and whether the response is a stream.
type Call<'a> = (&'a str, &'a str, &'a str, bool);

const CALLS: [Call<'_>; 7] = [
    ("PutArtifact", "PutArtifactRequest", "PutArtifactResponse", false),
    ("SubmitTask", "SubmitTaskRequest", "SubmitTaskResponse", false),
    ("CancelTask", "CancelTaskRequest", "CancelTaskResponse", false),
    ("CreateState", "CreateStateRequest", "CreateStateResponse", false),
    ("BindState", "BindStateRequest", "BindStateResponse", false),
    ("StreamTraces", "StreamTracesRequest", "StreamTracesResponse", true),
    ("StreamMetrics", "StreamMetricsRequest", "StreamMetricsResponse", true),
];

#[test]
fn there_are_exactly_seven() {
    let set = FileDescriptorSet::decode(vyr_proto::DESCRIPTORS).unwrap();
    let services: Vec<_> = set
        .file
        .iter()
        .flat_map(|file| file.service.iter().map(move |service| (file.package(), service)))
        .collect();
    let [("vyr.control.v0", service)] = services.as_slice() else { panic!("other services: {services:?}") };
    assert_eq!(service.name(), "ControlService");
    let found: Vec<Call<'_>> = service
        .method
        .iter()
        .map(|method| {
            assert!(!method.client_streaming(), "{} takes a stream", method.name());
            let message = |name: &'static str, full: &str| {
                assert_eq!(full, format!(".vyr.control.v0.{name}"), "{}", method.name());
                name
            };
            let known = CALLS.iter().find(|call| call.0 == method.name());
            let (_, request, response, _) = known.unwrap_or_else(|| panic!("a new call: {}", method.name()));
            message(request, method.input_type());
            message(response, method.output_type());
            (method.name(), *request, *response, method.server_streaming())
        })
        .collect();
    assert_eq!(found, CALLS);
}

#[test]
fn calls_that_are_absent_by_design_are_unimplemented() {
    let node = Node::start();
    for call in ["ApplyPolicy", "SimulateAction", "ExplainDecision", "GetTask"] {
        let answer = node.curl().call(call, &serde_json::json!({}));
        assert!(matches!(answer.status, 404 | 501), "{call}: {} {}", answer.status, answer.text());
    }
}
