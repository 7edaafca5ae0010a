use cyxwiz_model::benchmark_threads;
use cyxwiz_proto::v1;

use crate::availability::to_wire;
use crate::config::{Config, ConfigError};
use crate::machine::{Machine, run_benchmark};
use crate::server::{Fault, Server};

/// What the node offers, for the wire.
pub(crate) fn enrolment(
    config: &Config,
    machine: &Machine,
    container_engine: &str,
    runtimes: &[String],
) -> Result<v1::EnrolNodeRequest, ConfigError> {
    Ok(v1::EnrolNodeRequest {
        name: config.name.clone(),
        payout_wallet: config.payout_wallet.clone(),
        min_micro_usd_per_hour: config.min_price().0,
        availability: to_wire(&config.availability()?).into(),
        hardware: machine.offered(config, container_engine, runtimes).into(),
        agent_version: env!("CARGO_PKG_VERSION").to_owned(),
        cpu_slots: config.cpu_slots,
        ..Default::default()
    })
}

/// Computes a benchmark and answers it. Threads are those of the processors that are offered, GPUs as the
/// driver tells them now.
pub(crate) async fn run_due_benchmark(
    server: &Server,
    due: v1::Benchmark,
    cpu_milli: u32,
    gpus: Vec<v1::Gpu>,
) -> Result<v1::ReportBenchmarkResponse, Fault> {
    let threads = benchmark_threads(cpu_milli);
    let (seed, rounds) = (due.seed, due.rounds);
    let computed = tokio::task::spawn_blocking(move || run_benchmark(&seed, rounds, threads)).await;
    let answer = computed
        .map_err(|error| Fault::Wrong(error.to_string()))?
        .map_err(|error| Fault::Wrong(format!("the benchmark failed here: {error}")))?;
    let took = buffa_types::google::protobuf::Duration {
        seconds: i64::try_from(answer.took.as_secs()).unwrap_or(i64::MAX),
        nanos: i32::try_from(answer.took.subsec_nanos()).unwrap_or(0),
        ..Default::default()
    };
    let request = v1::ReportBenchmarkRequest {
        id: due.id,
        output: answer.output.to_vec(),
        took: took.into(),
        threads: answer.threads,
        gpus,
        ..Default::default()
    };
    server.report_benchmark(request).await
}
