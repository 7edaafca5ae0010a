use std::{path::PathBuf, process::ExitCode};

use vyr_sdk::control::{BindMode, Determinism, StateBinding, SubmitTaskRequest};

use crate::{
    artifact::{Input, resolve, upload_file},
    context::Context,
    error::CliError,
    folders::Folders,
    output,
    resources::{self, ResourceArgs},
    terminal::{clean, say},
};

#[derive(clap::Args)]
pub(crate) struct Args {
    /// Digest of the artifact, or a unique beginning of it
    #[arg(long)]
    artifact: String,
    /// File that streams to the guest's stdin
    #[arg(long, value_name = "FILE", conflicts_with = "input_ref")]
    input: Option<PathBuf>,
    /// Digest of a blob on the node that streams to the guest's stdin
    #[arg(long, value_name = "DIGEST")]
    input_ref: Option<String>,
    /// State that the guest reaches by NAME; without an id the task waits for `state bind`
    #[arg(long = "state", value_name = "NAME=STATE_ID:ro|rw", value_parser = binding)]
    states: Vec<StateBinding>,
    /// Key under which a repeated submit answers with the same task
    #[arg(long, value_name = "KEY", default_value = "")]
    idempotency_key: String,
    /// Give the guest no `/out` folder
    #[arg(long)]
    no_output_dir: bool,
    /// Give the guest no `TRACEPARENT`
    #[arg(long)]
    no_trace_context: bool,
    /// Give the guest random bytes from SEED and a clock of its own, so that equal inputs give equal outputs
    #[arg(long, value_name = "SEED", num_args = 0..=1, default_missing_value = "0")]
    deterministic: Option<u64>,
    #[command(flatten)]
    resources: ResourceArgs,
    /// Arguments for the guest
    #[arg(last = true)]
    args: Vec<String>,
}

pub(crate) async fn run(args: Args, context: &Context) -> Result<ExitCode, CliError> {
    let client = context.client()?;
    let artifact_digest = resolve(&args.artifact, context)?;
    let input_ref = match (args.input, args.input_ref) {
        (Some(path), _) => upload_file(&client, &Input::of(&path)?, context).await?.0.to_string(),
        (None, reference) => reference.unwrap_or_default(),
    };
    let mut resources = args.resources.to_proto(args.args, Folders::of(context)?)?;
    resources.no_output_dir = args.no_output_dir;
    resources.no_trace_context = args.no_trace_context;
    if let Some(seed) = args.deterministic {
        resources.determinism = Determinism { seed, ..Default::default() }.into();
    }
    let request = SubmitTaskRequest {
        artifact_digest,
        input_ref,
        state_bindings: args.states,
        resources: resources.into(),
        idempotency_key: args.idempotency_key,
        ..Default::default()
    };
    let answer = client.submit_task(request).await?;
    for want in &answer.not_granted {
        let mend = resources::mend(want);
        say(clean(&format!("note: the artifact asks for `{want}`, which was not granted: {mend}")));
    }
    if context.json() {
        output::json(&answer)?;
    } else {
        output::line(format_args!("task_id: {}", answer.task_id))?;
        if answer.existing {
            say("(submitted before with this idempotency key)");
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Parses `NAME=STATE_ID:MODE` or `NAME:MODE`.
fn binding(text: &str) -> Result<StateBinding, String> {
    let form = || "write `NAME=STATE_ID:ro`, `NAME=STATE_ID:rw`, or `NAME:ro` to bind later".to_owned();
    let (rest, mode) = text.rsplit_once(':').ok_or_else(form)?;
    let mode = match mode {
        "ro" => BindMode::Ro,
        "rw" => BindMode::Rw,
        _ => return Err(form()),
    };
    let (name, state_id) = rest.split_once('=').unwrap_or((rest, ""));
    Ok(StateBinding {
        name: name.to_owned(),
        state_id: state_id.to_owned(),
        mode: mode.into(),
        ..Default::default()
    })
}
