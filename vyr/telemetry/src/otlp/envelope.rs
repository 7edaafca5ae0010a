use opentelemetry_proto::{
    tonic::{common::v1::InstrumentationScope, resource::v1::Resource},
    transform::common::tonic::ResourceAttributesWithSchema,
};
use prost::Message as _;

use super::wire;
use crate::NodeResource;

/// Names the code that makes the node's spans.
pub(crate) const SCOPE: &str = "vyr";

/// `TracesData.resource_spans`, and the same of a request to export.
const RESOURCE_SPANS: u32 = 1;
const RESOURCE: u32 = 1;
const SCOPE_SPANS: u32 = 2;
const INSTRUMENTATION_SCOPE: u32 = 1;

/// What stands around spans: who tells of them.
#[derive(Debug)]
pub(crate) struct Envelope {
    /// The field `resource`, whole.
    resource: Vec<u8>,
    /// The field `scope`, whole.
    scope: Vec<u8>,
}

impl Envelope {
    pub(crate) fn new(resource: &NodeResource, scope: &str) -> Self {
        let attributes = ResourceAttributesWithSchema::from(resource.sdk()).attributes.0;
        let resource = Resource { attributes, ..Default::default() };
        let scope = InstrumentationScope {
            name: scope.to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            ..Default::default()
        };
        let field = |number, message: Vec<u8>| {
            let mut field = Vec::new();
            wire::head(&mut field, number, message.len());
            field.extend(message);
            field
        };
        Self {
            resource: field(RESOURCE, resource.encode_to_vec()),
            scope: field(INSTRUMENTATION_SCOPE, scope.encode_to_vec()),
        }
    }

    /// Makes a message of spans: `TracesData`, or a request to export, which has the same fields.
    pub(crate) fn seal(&self, spans: &[u8]) -> Vec<u8> {
        let scope_spans = self.scope.len() + spans.len();
        let mut begin = self.resource.clone();
        wire::head(&mut begin, SCOPE_SPANS, scope_spans);
        let mut sealed = Vec::with_capacity(16 + begin.len() + scope_spans);
        wire::head(&mut sealed, RESOURCE_SPANS, begin.len() + scope_spans);
        for part in [&begin, &self.scope, spans] {
            sealed.extend_from_slice(part);
        }
        sealed
    }
}
