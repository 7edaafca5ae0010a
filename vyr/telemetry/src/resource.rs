use opentelemetry::KeyValue;
use opentelemetry_sdk::Resource;

/// Describes who tells: the resource of every span and metric.
#[derive(Debug, Clone)]
pub struct NodeResource(Resource);

impl NodeResource {
    /// Describes this process as `vyr-node`, version `version`, instance `instance` (the node's
    /// id). `OTEL_SERVICE_NAME` and `OTEL_RESOURCE_ATTRIBUTES` are honoured over it.
    pub fn detect(instance: &str, version: &str) -> Self {
        Self::of("vyr-node", instance, version)
    }

    /// Describes this process as another service, in the same way.
    pub fn of(service: &'static str, instance: &str, version: &str) -> Self {
        let host = rustix::system::uname();
        let own = Resource::builder_empty().with_attributes([
            KeyValue::new("service.name", service),
            KeyValue::new("service.instance.id", instance.to_owned()),
            KeyValue::new("service.version", version.to_owned()),
            KeyValue::new("host.name", host.nodename().to_string_lossy().into_owned()),
            KeyValue::new("host.arch", std::env::consts::ARCH),
            KeyValue::new("os.type", std::env::consts::OS),
            KeyValue::new("process.pid", i64::from(std::process::id())),
        ]);
        let own = own.with_detector(Box::new(opentelemetry_sdk::resource::EnvResourceDetector::new()));
        match std::env::var("OTEL_SERVICE_NAME") {
            Ok(name) if !name.is_empty() => Self(own.with_service_name(name).build()),
            _ => Self(own.build()),
        }
    }

    /// Adds an attribute.
    #[must_use]
    pub fn with(self, key: &'static str, value: impl Into<String>) -> Self {
        let all = self.0.iter().map(|(key, value)| KeyValue::new(key.clone(), value.clone()));
        let all: Vec<_> = all.chain([KeyValue::new(key, value.into())]).collect();
        Self(Resource::builder_empty().with_attributes(all).build())
    }

    pub(crate) const fn sdk(&self) -> &Resource {
        &self.0
    }
}
