//! Turns a submit into a [`TaskSpec`], or into one refusal that names the field.

use std::{
    collections::HashSet,
    time::{Duration, SystemTime},
};

use buffa::Message as _;
use buffa_types::google::protobuf::Duration as ProtoDuration;
use connectrpc::ErrorCode;
use vyr_model::{
    BindMode, BindingSpec, Determinism, Digest, Durability, Grants, Limits, StateId, TaskId, TaskSpec,
};
use vyr_proto::control;

use super::{Refusal, grants::grants};

const MAX_ARGS: usize = 1024;
const MAX_ARG_BYTES: usize = 128 * 1024;
const MAX_BINDINGS: usize = 64;
const MAX_KEY: usize = 128;
/// Bytes of one submit: it stands in the record whole, and is copied there when the record is tidied.
const MAX_SUBMIT: u32 = 1 << 20;
/// Where a guest's own clock may no longer start, after 1970: the year 2200.
const MAX_CLOCK: Duration = Duration::from_secs(7_258_118_400);

pub(crate) fn digest(field: &'static str, text: &str) -> Result<Digest, Refusal> {
    text.parse().map_err(|error: vyr_model::DigestParseError| {
        Refusal::field(field, error.to_string(), "send the whole digest: `sha256:` and 64 hex digits (`vyr artifact ls -o json` prints those of artifacts)")
    })
}

pub(crate) fn task_id(text: &str) -> Result<TaskId, Refusal> {
    text.parse().map_err(|error: vyr_model::IdParseError| {
        Refusal::field("task_id", error.to_string(), "send the id that SubmitTask answered with")
    })
}

pub(crate) fn state_id(text: &str) -> Result<StateId, Refusal> {
    text.parse().map_err(|error: vyr_model::IdParseError| {
        Refusal::field("state_id", error.to_string(), "send the id that CreateState answered with")
    })
}

pub(crate) fn mode(mode: buffa::EnumValue<control::BindMode>) -> Result<BindMode, Refusal> {
    match mode.as_known() {
        Some(control::BindMode::Ro) => Ok(BindMode::ReadOnly),
        Some(control::BindMode::Rw) => Ok(BindMode::ReadWrite),
        _ => {
            Err(Refusal::field("mode", "the mode is missing or unknown", "send BIND_MODE_RO or BIND_MODE_RW"))
        }
    }
}

/// Checks a name of a state or a binding.
pub(crate) fn name(field: &'static str, name: &str) -> Result<(), Refusal> {
    if vyr_model::is_name(name) {
        return Ok(());
    }
    Err(Refusal::field(field, format!("`{name}` is no name"), "use 1 to 128 of a-z A-Z 0-9 . _ -"))
}

pub(crate) fn idempotency_key(key: &str) -> Result<(), Refusal> {
    if key.chars().count() <= MAX_KEY {
        return Ok(());
    }
    Err(Refusal::field("idempotency_key", "the key is too long", "use at most 128 characters"))
}

/// Refuses a submit that is too large to be recorded.
pub(crate) fn size(request: &control::SubmitTaskRequest) -> Result<(), Refusal> {
    let size = request.encoded_len();
    if size <= MAX_SUBMIT {
        return Ok(());
    }
    Err(Refusal::new(
        ErrorCode::ResourceExhausted,
        "REQUEST_TOO_LARGE",
        "request",
        format!("the submit has {size} bytes, more than the {MAX_SUBMIT} that one may have"),
        "put the bytes into a blob and name it as `input_ref`",
    ))
}

/// Returns a positive duration, or `None` where the field is absent or zero.
pub(crate) fn duration(
    field: &'static str,
    value: Option<&ProtoDuration>,
) -> Result<Option<Duration>, Refusal> {
    let Some(value) = value else { return Ok(None) };
    let refuse = || Refusal::field(field, "the duration is out of range", "send 0 to 365 days");
    let seconds = u64::try_from(value.seconds).map_err(|_| refuse())?;
    let nanos = u32::try_from(value.nanos).ok().filter(|nanos| *nanos < 1_000_000_000).ok_or_else(refuse)?;
    let duration = Duration::new(seconds, nanos);
    if duration > Limits::MAX_TIME {
        return Err(refuse());
    }
    Ok((!duration.is_zero()).then_some(duration))
}

/// Parses a submit; what it leaves open comes from `defaults`.
pub(crate) fn submit(request: &control::SubmitTaskRequest, defaults: &Limits) -> Result<TaskSpec, Refusal> {
    idempotency_key(&request.idempotency_key)?;
    let absent = control::Resources::default();
    let resources = request.resources.as_option().unwrap_or(&absent);
    let input = match request.input_ref.as_str() {
        "" => None,
        text => Some(digest("input_ref", text)?),
    };
    let grants = grants(resources.grants.as_option(), !resources.no_output_dir)?;
    let bindings = bindings(&request.state_bindings)?;
    let determinism = determinism(resources.determinism.as_option(), &grants, &bindings)?;
    let mut limits = limits(resources.limits.as_option(), defaults)?;
    if determinism.is_some() {
        // code that counts fuel is the code that repeats itself
        limits.fuel = limits.fuel.or(Some(u64::MAX));
    }
    Ok(TaskSpec {
        artifact: digest("artifact_digest", &request.artifact_digest)?,
        input,
        args: args(&resources.args)?,
        bindings,
        limits,
        grants,
        durability: durability(resources.durability)?,
        idempotent: resources.idempotent,
        out_dir: !resources.no_output_dir,
        // a trace's id is a number that no other run has
        trace_context: !resources.no_trace_context && determinism.is_none(),
        determinism,
    })
}

/// Parses what stands in for chance and time; refuses it beside what brings them back in.
fn determinism(
    asked: Option<&control::Determinism>,
    grants: &Grants,
    bindings: &[BindingSpec],
) -> Result<Option<Determinism>, Refusal> {
    let Some(asked) = asked else { return Ok(None) };
    if !grants.http_out.is_empty() || !bindings.is_empty() {
        return Err(Refusal::field(
            "resources.determinism",
            "a deterministic task can reach nothing that others change",
            "leave out `http_out` and states",
        ));
    }
    let since_1970 = |clock: &buffa_types::google::protobuf::Timestamp| {
        let nanos = u32::try_from(clock.nanos).ok().filter(|nanos| *nanos < 1_000_000_000)?;
        Some(Duration::new(u64::try_from(clock.seconds).ok()?, nanos))
    };
    let clock = match asked.clock.as_option() {
        None => Some(Duration::ZERO),
        Some(clock) => since_1970(clock).filter(|since| *since < MAX_CLOCK),
    };
    let Some(clock) = clock else {
        let mend = "send a moment from 1970 on, before the year 2200";
        return Err(Refusal::field("resources.determinism.clock", "the clock is out of range", mend));
    };
    Ok(Some(Determinism { seed: asked.seed, clock: SystemTime::UNIX_EPOCH + clock }))
}

fn durability(value: buffa::EnumValue<control::Durability>) -> Result<Durability, Refusal> {
    match value.as_known() {
        Some(control::Durability::Unspecified | control::Durability::Durable) => Ok(Durability::Durable),
        Some(control::Durability::Volatile) => Ok(Durability::Volatile),
        None => Err(Refusal::field(
            "resources.durability",
            "the durability is unknown",
            "send DURABILITY_DURABLE or DURABILITY_VOLATILE",
        )),
    }
}

fn args(args: &[String]) -> Result<Vec<String>, Refusal> {
    let bytes: usize = args.iter().map(|arg| arg.len() + 1).sum();
    if args.len() > MAX_ARGS || bytes > MAX_ARG_BYTES {
        let message = format!("{} arguments of {bytes} bytes are too many", args.len());
        return Err(Refusal::field(
            "resources.args",
            message,
            "send at most 1,024 of 128 KiB together; put more into the input",
        ));
    }
    if args.iter().any(|arg| arg.contains('\0')) {
        return Err(Refusal::field("resources.args", "an argument contains NUL", "remove it"));
    }
    Ok(args.to_vec())
}

fn bindings(bindings: &[control::StateBinding]) -> Result<Vec<BindingSpec>, Refusal> {
    if bindings.len() > MAX_BINDINGS {
        return Err(Refusal::field("state_bindings", "there are too many bindings", "send at most 64"));
    }
    let mut names = HashSet::new();
    let mut parsed = Vec::with_capacity(bindings.len());
    for binding in bindings {
        name("state_bindings.name", &binding.name)?;
        if !names.insert(binding.name.as_str()) {
            let message = format!("the name `{}` is bound twice", binding.name);
            return Err(Refusal::field("state_bindings.name", message, "give each binding its own name"));
        }
        let state = match binding.state_id.as_str() {
            "" => None,
            text => Some(state_id(text)?),
        };
        parsed.push(BindingSpec { name: binding.name.clone(), state, mode: mode(binding.mode)? });
    }
    Ok(parsed)
}

fn limits(asked: Option<&control::Limits>, defaults: &Limits) -> Result<Limits, Refusal> {
    let Some(asked) = asked else { return Ok(*defaults) };
    let or = |asked: u64, default: u64| if asked == 0 { default } else { asked };
    Ok(Limits {
        memory_bytes: or(asked.memory_bytes, defaults.memory_bytes),
        wall_time: duration("resources.limits.wall_time", asked.wall_time.as_option())?
            .unwrap_or(defaults.wall_time),
        cpu_time: duration("resources.limits.cpu_time", asked.cpu_time.as_option())?
            .unwrap_or(defaults.cpu_time),
        fuel: if asked.fuel == 0 { defaults.fuel } else { Some(asked.fuel) },
        stdout_bytes: or(asked.stdout_bytes, defaults.stdout_bytes),
        stderr_bytes: or(asked.stderr_bytes, defaults.stderr_bytes),
        output_bytes: or(asked.output_bytes, defaults.output_bytes),
        handles: if asked.handles == 0 { defaults.handles } else { asked.handles },
        host_call_bytes: or(asked.host_call_bytes, defaults.host_call_bytes),
        hold_time: duration("resources.limits.hold_time", asked.hold_time.as_option())?
            .unwrap_or(defaults.hold_time),
    })
}
