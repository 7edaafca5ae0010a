//! `vyr metrics stream`: the node's metrics, once or as they change.

use std::{process::ExitCode, time::Duration};

use clap::Subcommand;
use opentelemetry_proto::tonic::{
    common::v1::{KeyValue, any_value::Value},
    metrics::v1::{MetricsData, metric::Data, number_data_point},
};
use prost::Message as _;
use vyr_sdk::control::StreamMetricsRequest;

use crate::{context::Context, error::CliError, output, resources};

#[derive(Subcommand)]
pub(crate) enum Verb {
    /// Print metrics at an interval
    Stream {
        /// Time between two prints, at least 100 ms
        #[arg(long, value_name = "TIME", value_parser = humantime::parse_duration, default_value = "1s")]
        interval: Duration,
        /// Print once and end
        #[arg(long)]
        once: bool,
        /// Only metrics whose name begins so
        #[arg(long, default_value = "")]
        prefix: String,
    },
}

pub(crate) async fn run(verb: Verb, context: &Context) -> Result<ExitCode, CliError> {
    let Verb::Stream { interval, once, prefix } = verb;
    let request = StreamMetricsRequest {
        interval: resources::proto_duration(Some(interval)).into(),
        once,
        name_prefix: prefix,
        ..Default::default()
    };
    let mut stream = context.client()?.stream_metrics(request).await?;
    while let Some(message) = stream.next().await? {
        let metrics = MetricsData::decode(message.metrics_data.as_ref())
            .map_err(|error| CliError::Usage(format!("the node sent metrics that do not decode: {error}")))?;
        if context.json() {
            output::json(&metrics)?;
        } else {
            text(&metrics)?;
            if !once {
                output::line("")?;
            }
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn text(metrics: &MetricsData) -> Result<(), CliError> {
    let all = metrics.resource_metrics.iter().flat_map(|resource| &resource.scope_metrics);
    for metric in all.flat_map(|scope| &scope.metrics) {
        let points = match &metric.data {
            Some(Data::Gauge(gauge)) => &gauge.data_points,
            Some(Data::Sum(sum)) => &sum.data_points,
            Some(Data::Histogram(histogram)) => {
                for point in &histogram.data_points {
                    let labels = labels(&point.attributes);
                    let sum = point.sum.unwrap_or(0.0);
                    output::line(format_args!(
                        "{}{labels} count={} sum={sum:.6} {}",
                        metric.name, point.count, metric.unit
                    ))?;
                }
                continue;
            }
            _ => continue,
        };
        for point in points {
            let value = match point.value {
                Some(number_data_point::Value::AsInt(value)) => value.to_string(),
                Some(number_data_point::Value::AsDouble(value)) => format!("{value:.6}"),
                None => continue,
            };
            output::line(format_args!(
                "{}{} {value} {}",
                metric.name,
                labels(&point.attributes),
                metric.unit
            ))?;
        }
    }
    Ok(())
}

fn labels(attributes: &[KeyValue]) -> String {
    let pairs: Vec<String> = attributes
        .iter()
        .filter_map(|attribute| match attribute.value.as_ref()?.value.as_ref()? {
            Value::StringValue(text) => Some(format!("{}={text:?}", attribute.key)),
            Value::IntValue(number) => Some(format!("{}={number}", attribute.key)),
            _ => None,
        })
        .collect();
    if pairs.is_empty() { String::new() } else { format!("{{{}}}", pairs.join(",")) }
}
