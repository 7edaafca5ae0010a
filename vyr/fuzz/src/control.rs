//! Requests of the Control API from arbitrary bytes, on the way that the server takes: the first byte
//! picks the call and the codec, the rest is the body.

use buffa::{Message, MessageView};
use bytes::Bytes;
use connectrpc::{CodecFormat, handler};
use serde::{Serialize, de::DeserializeOwned};
use vyr_model::Limits;
use vyr_proto::control;

// the node's own files: its crate brings wasmtime along, which is of no use here
#[path = "../../node/src/rpc/grants.rs"]
mod grants;
#[path = "../../node/src/rpc/parse.rs"]
#[expect(dead_code, reason = "the node uses all of it")]
mod parse;
#[path = "../../node/src/refusal.rs"]
#[cfg_attr(not(test), expect(dead_code, reason = "the node uses all of it"))]
mod refusal;

use refusal::Refusal;

/// Decodes as the server does; what it took must survive both codecs.
macro_rules! decode {
    ($owned:ident, $view:ident, $format:expr, $body:expr) => {
        decode_with::<control::$owned>($format, $body, |bytes| {
            let options = buffa::DecodeOptions::new();
            let view =
                handler::decode_borrowed_request_view::<control::__buffa::view::$view<'_>>(bytes, &options);
            view.ok().and_then(|view| view.to_owned_message().ok())
        })
    };
}

fn decode_with<T>(format: CodecFormat, body: &[u8], view: impl Fn(&[u8]) -> Option<T>) -> Option<T>
where
    T: Message + Serialize + DeserializeOwned + PartialEq + std::fmt::Debug,
{
    let bytes = handler::request_proto_bytes::<T>(Bytes::copy_from_slice(body), format).ok()?;
    let request = view(&bytes)?;
    let again = view(&request.encode_to_vec()).expect("what was encoded decodes");
    assert_eq!(request.encode_to_vec(), again.encode_to_vec(), "binary changed the request");
    Some(request)
}

/// Takes one input.
pub fn run(data: &[u8]) {
    let Some((pick, body)) = data.split_first() else { return };
    let format = if pick & 0x80 == 0 { CodecFormat::Json } else { CodecFormat::Proto };
    match pick & 0x07 {
        0 | 1 => {
            let Some(request) = decode!(SubmitTaskRequest, SubmitTaskRequestView, format, body) else {
                return;
            };
            match parse::submit(&request, &Limits::default()) {
                Ok(spec) => {
                    assert!(spec.bindings.len() <= 64 && spec.args.len() <= 1024);
                    assert!(
                        spec.grants.env.iter().all(|env| !env.name.is_empty() && !env.name.contains('='))
                    );
                    assert!(spec.grants.dirs.iter().all(|dir| dir.host_path.starts_with('/')));
                }
                Err(refusal) => check(&refusal),
            }
        }
        2 => {
            if let Some(request) = decode!(PutArtifactRequest, PutArtifactRequestView, format, body) {
                let _ = parse::digest("digest", &request.digest).map_err(|refusal| check(&refusal));
            }
        }
        3 => {
            if let Some(request) = decode!(CancelTaskRequest, CancelTaskRequestView, format, body) {
                let _ = parse::task_id(&request.task_id).map_err(|refusal| check(&refusal));
            }
        }
        4 => {
            if let Some(request) = decode!(CreateStateRequest, CreateStateRequestView, format, body) {
                let _ = parse::name("name", &request.name).map_err(|refusal| check(&refusal));
                let _ = parse::duration("ttl", request.ttl.as_option()).map_err(|refusal| check(&refusal));
            }
        }
        5 => {
            if let Some(request) = decode!(BindStateRequest, BindStateRequestView, format, body) {
                let _ = parse::state_id(&request.state_id).map_err(|refusal| check(&refusal));
                let _ = parse::mode(request.mode).map_err(|refusal| check(&refusal));
            }
        }
        6 => {
            if let Some(request) = decode!(StreamTracesRequest, StreamTracesRequestView, format, body) {
                let absent = control::TraceFilter::default();
                let _ = vyr_telemetry::Filter::try_from(request.filter.as_option().unwrap_or(&absent));
            }
        }
        _ => {
            if let Some(request) = decode!(StreamMetricsRequest, StreamMetricsRequestView, format, body) {
                let _ = parse::duration("interval", request.interval.as_option());
            }
        }
    }
}

/// Every refusal says what, and what to do.
fn check(refusal: &Refusal) {
    assert!(!refusal.reason.is_empty() && !refusal.mend.is_empty() && !refusal.message.is_empty());
    let _ = connectrpc::ConnectError::from(refusal.clone());
}
