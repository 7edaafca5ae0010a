//! Traces over gRPC: the service's one call, with a request that is encoded already.

use bytes::{Buf as _, BufMut as _, Bytes};
use http::uri::PathAndQuery;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceResponse;
use prost::Message as _;
use tonic::{
    Request, Status,
    client::Grpc,
    codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder},
    metadata::MetadataMap,
    transport::{Channel, Endpoint},
};

use super::{ExportError, ExportOptions, sender::SendError, target::Target, tls};

const EXPORT: &str = "/opentelemetry.proto.collector.trace.v1.TraceService/Export";

#[derive(Debug)]
pub(super) struct GrpcSender {
    channel: Channel,
    metadata: MetadataMap,
}

impl GrpcSender {
    pub(super) fn new(options: &ExportOptions, target: Target) -> Result<Self, ExportError> {
        let is_tls = target.is_tls();
        let mut endpoint = Endpoint::from(target.uri).timeout(options.timeout_for("TRACES"));
        if is_tls {
            endpoint = endpoint.tls_config(tls::grpc("TRACES")?).map_err(ExportError::Channel)?;
        }
        Ok(Self { channel: endpoint.connect_lazy(), metadata: MetadataMap::from_headers(target.headers) })
    }

    /// Returns what the collector answers.
    pub(super) async fn send(&self, body: Bytes) -> Result<ExportTraceServiceResponse, SendError> {
        let mut client = Grpc::new(self.channel.clone());
        client.ready().await.map_err(SendError::Channel)?;
        let request = Request::from_parts(self.metadata.clone(), Default::default(), body);
        let answer = client.unary(request, PathAndQuery::from_static(EXPORT), Encoded).await;
        answer.map(tonic::Response::into_inner).map_err(|status| SendError::Grpc(Box::new(status)))
    }
}

/// Sends bytes as they are, reads answers.
#[derive(Debug, Clone, Copy)]
struct Encoded;

impl Codec for Encoded {
    type Encode = Bytes;
    type Decode = ExportTraceServiceResponse;
    type Encoder = Self;
    type Decoder = Self;

    fn encoder(&mut self) -> Self {
        Self
    }

    fn decoder(&mut self) -> Self {
        Self
    }
}

impl Encoder for Encoded {
    type Item = Bytes;
    type Error = Status;

    fn encode(&mut self, body: Bytes, out: &mut EncodeBuf<'_>) -> Result<(), Status> {
        out.reserve(body.remaining());
        out.put(body);
        Ok(())
    }
}

impl Decoder for Encoded {
    type Item = ExportTraceServiceResponse;
    type Error = Status;

    fn decode(&mut self, answer: &mut DecodeBuf<'_>) -> Result<Option<Self::Item>, Status> {
        ExportTraceServiceResponse::decode(answer)
            .map(Some)
            .map_err(|error| Status::internal(error.to_string()))
    }
}
