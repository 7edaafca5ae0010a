use vyr_telemetry::ExportOptions;

use super::{ConfigError, Settings};

/// Where spans go.
#[derive(Clone, Debug, Default)]
pub struct TelemetryConfig {
    /// The collector; none for the one that the environment names, if it does.
    pub endpoint: Option<String>,
}

impl TelemetryConfig {
    pub(super) fn check(settings: &Settings) -> Result<Self, ConfigError> {
        let endpoint = settings.otlp_endpoint.clone();
        let well = |url: &String| ["http://", "https://"].iter().any(|scheme| url.starts_with(scheme));
        if endpoint.as_ref().is_some_and(|url| !well(url)) {
            return Err(ConfigError::setting("otlp-endpoint", "write http://HOST:PORT or https://HOST:PORT"));
        }
        Ok(Self { endpoint })
    }

    /// How spans are sent; nothing where there is no collector.
    #[must_use]
    pub fn export(&self) -> Option<ExportOptions> {
        let options = ExportOptions::to(self.endpoint.clone()).filter(|options| options.traces)?;
        Some(ExportOptions { metrics: false, ..options })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_collector_is_an_address() {
        let of = |url: &str| {
            TelemetryConfig::check(&Settings { otlp_endpoint: Some(url.to_owned()), ..Settings::default() })
        };
        assert!(of("http://127.0.0.1:4318").unwrap().export().is_some());
        assert!(of("127.0.0.1:4318").is_err());
    }
}
