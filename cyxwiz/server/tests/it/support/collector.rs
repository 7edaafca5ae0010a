use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::routing::post;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message as _;
use tokio::sync::watch;

/// A collector that keeps what it is sent.
pub(crate) struct Collector {
    pub(crate) endpoint: String,
    received: Arc<watch::Sender<Vec<Told>>>,
}

/// A span, and whose it is.
#[derive(Clone, Debug)]
pub(crate) struct Told {
    pub(crate) service: String,
    pub(crate) span: Span,
}

impl Collector {
    pub(crate) async fn start() -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        let received = Arc::new(watch::Sender::new(Vec::new()));
        let router = Router::new().route("/v1/traces", post(take)).with_state(Arc::clone(&received));
        tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self { endpoint, received }
    }

    /// The spans of a trace, once they are what a test waits for.
    pub(crate) async fn until(&self, trace: &str, enough: impl Fn(&[Told]) -> bool) -> Vec<Told> {
        let of = |all: &[Told]| -> Vec<Told> {
            all.iter().filter(|told| hex::encode(&told.span.trace_id) == trace).cloned().collect()
        };
        let mut received = self.received.subscribe();
        let wait = received.wait_for(|all| enough(&of(all)));
        let waited = tokio::time::timeout(Duration::from_secs(60), wait).await.is_ok();
        let told = of(&self.received.borrow());
        assert!(waited, "they never came; these did: {told:#?}");
        told
    }
}

async fn take(State(received): State<Arc<watch::Sender<Vec<Told>>>>, body: Bytes) {
    let request = ExportTraceServiceRequest::decode(body).unwrap();
    let mut told = Vec::new();
    for of in request.resource_spans {
        let resource = of.resource.unwrap();
        let name = resource.attributes.iter().find(|pair| pair.key == "service.name").unwrap();
        let Some(Value::StringValue(service)) = name.value.as_ref().unwrap().value.clone() else {
            panic!("{name:?}")
        };
        let spans = of.scope_spans.into_iter().flat_map(|scope| scope.spans);
        told.extend(spans.map(|span| Told { service: service.clone(), span }));
    }
    received.send_modify(|all| all.extend(told));
}

impl Told {
    pub(crate) fn id(&self) -> String {
        hex::encode(&self.span.span_id)
    }

    pub(crate) fn parent(&self) -> String {
        hex::encode(&self.span.parent_span_id)
    }

    /// An attribute; empty where there is none.
    pub(crate) fn says(&self, key: &str) -> String {
        let found = self.span.attributes.iter().find(|pair| pair.key == key);
        match found.and_then(|pair| pair.value.as_ref()?.value.clone()) {
            Some(Value::StringValue(text)) => text,
            Some(Value::IntValue(number)) => number.to_string(),
            _ => String::new(),
        }
    }

    /// Why it failed; nothing where it did not.
    pub(crate) fn failed(&self) -> Option<&str> {
        self.span.status.as_ref().filter(|status| status.code == 2).map(|status| status.message.as_str())
    }
}

/// Those of a name.
pub(crate) fn named<'a>(told: &'a [Told], name: &str) -> Vec<&'a Told> {
    told.iter().filter(|told| told.span.name == name).collect()
}
