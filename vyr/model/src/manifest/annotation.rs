use std::time::Duration;

use super::{
    ArtifactKind, DefaultLimits, ManifestError, StateDeclaration, Want, config::FIXED_TIME, wire::Annotations,
};
use crate::Limits;

pub(super) const TITLE: &str = "org.opencontainers.image.title";
pub(super) const VERSION: &str = "org.opencontainers.image.version";
const CREATED: &str = "org.opencontainers.image.created";
const OURS: &str = "dev.vyr.";
const KIND: &str = "dev.vyr.kind";
const STATES: &str = "dev.vyr.states";
const GRANTS: &str = "dev.vyr.grants";
const LIMIT: &str = "dev.vyr.limit.";

// far above what a program needs, far below what would slow a load
const MAX_DECLARATIONS: usize = 256;

/// What VYR's own annotations say.
#[derive(Default)]
pub(super) struct Ours {
    pub(super) kind: Option<ArtifactKind>,
    pub(super) states: Vec<StateDeclaration>,
    pub(super) limits: DefaultLimits,
    pub(super) wants: Vec<Want>,
}

/// Reads VYR's annotations; other prefixes are passed over.
pub(super) fn read(annotations: &Annotations) -> Result<Ours, ManifestError> {
    let mut ours = Ours::default();
    for (key, value) in annotations.0.range(OURS.to_owned()..).take_while(|(key, _)| key.starts_with(OURS)) {
        match key.as_str() {
            KIND => ours.kind = Some(kind(value)?),
            STATES => ours.states = list(key, value, STATES_FORM)?,
            GRANTS => ours.wants = list(key, value, GRANTS_FORM)?,
            _ => match key.strip_prefix(LIMIT) {
                Some(name) => limit(&mut ours.limits, name, key, value)?,
                None => return Err(ManifestError::AnnotationUnknown(key.clone())),
            },
        }
    }
    let mut names: Vec<_> = ours.states.iter().map(|state| &state.name).collect();
    names.sort_unstable();
    if names.windows(2).any(|pair| pair.first() == pair.last()) {
        return Err(bad(STATES, annotations.get(STATES).unwrap_or_default(), "each state's name once"));
    }
    Ok(ours)
}

const STATES_FORM: &str =
    "a JSON list of at most 256 texts `NAME=ephemeral`, NAME being 1 to 128 of a-z A-Z 0-9 . _ -";
const GRANTS_FORM: &str =
    "a JSON list of at most 256 texts `env=NAME`, `dir=GUEST[:ro]` or `http-out=HOST:PORT`";

pub(super) fn bad(key: &str, value: &str, expected: &'static str) -> ManifestError {
    ManifestError::AnnotationValue { key: key.to_owned(), value: value.chars().take(200).collect(), expected }
}

fn kind(value: &str) -> Result<ArtifactKind, ManifestError> {
    match value {
        "component" => Ok(ArtifactKind::Component),
        "module" => Ok(ArtifactKind::Module),
        "oci" => Ok(ArtifactKind::Oci),
        "container" => Ok(ArtifactKind::Container),
        _ => Err(bad(KIND, value, "`component`, `module`, `container` or `oci`")),
    }
}

fn list<T: std::str::FromStr>(key: &str, value: &str, form: &'static str) -> Result<Vec<T>, ManifestError> {
    let texts: Vec<String> = serde_json::from_str(value).map_err(|_| bad(key, value, form))?;
    if texts.len() > MAX_DECLARATIONS {
        return Err(bad(key, value, form));
    }
    texts.iter().map(|text| text.parse().map_err(|_| bad(key, text, form))).collect()
}

/// Reads one decimal: no sign, no leading zero, so that one value has one spelling.
fn number<T: std::str::FromStr + ToString>(key: &str, value: &str) -> Result<T, ManifestError> {
    let parsed = value.parse::<T>().ok().filter(|number| number.to_string() == value);
    parsed.ok_or_else(|| bad(key, value, "a whole decimal number"))
}

fn limit(limits: &mut DefaultLimits, name: &str, key: &str, value: &str) -> Result<(), ManifestError> {
    let bytes = || number::<u64>(key, value).map(Some);
    let time = || {
        let time = Duration::from_millis(number(key, value)?);
        let fits = time <= Limits::MAX_TIME;
        if fits { Ok(Some(time)) } else { Err(bad(key, value, "milliseconds, 365 days at most")) }
    };
    match name {
        "memory_bytes" => limits.memory_bytes = bytes()?,
        "wall_time_ms" => limits.wall_time = time()?,
        "cpu_time_ms" => limits.cpu_time = time()?,
        "fuel" => limits.fuel = bytes()?,
        "stdout_bytes" => limits.stdout_bytes = bytes()?,
        "stderr_bytes" => limits.stderr_bytes = bytes()?,
        "output_bytes" => limits.output_bytes = bytes()?,
        "handles" => limits.handles = number(key, value).map(Some)?,
        "host_call_bytes" => limits.host_call_bytes = bytes()?,
        "hold_time_ms" => limits.hold_time = time()?,
        _ => return Err(ManifestError::AnnotationUnknown(key.to_owned())),
    }
    Ok(())
}

/// Writes the annotations of a new manifest.
pub(super) fn write(
    kind: ArtifactKind,
    name: &str,
    version: &str,
    states: &[StateDeclaration],
    limits: &DefaultLimits,
    wants: &[Want],
) -> Annotations {
    let mut annotations = Annotations::default();
    let mut set = |key: &str, value: String| annotations.0.insert(key.to_owned(), value);
    set(TITLE, name.to_owned());
    set(VERSION, version.to_owned());
    set(CREATED, FIXED_TIME.to_owned());
    set(KIND, kind.as_str().to_owned());
    if !states.is_empty() {
        set(STATES, texts(states));
    }
    if !wants.is_empty() {
        set(GRANTS, texts(wants));
    }
    let millis = |time: Option<Duration>| time.map(|time| time.as_millis().to_string());
    let bytes = |number: Option<u64>| number.map(|number| number.to_string());
    let pairs = [
        ("memory_bytes", bytes(limits.memory_bytes)),
        ("wall_time_ms", millis(limits.wall_time)),
        ("cpu_time_ms", millis(limits.cpu_time)),
        ("fuel", bytes(limits.fuel)),
        ("stdout_bytes", bytes(limits.stdout_bytes)),
        ("stderr_bytes", bytes(limits.stderr_bytes)),
        ("output_bytes", bytes(limits.output_bytes)),
        ("handles", limits.handles.map(|number| number.to_string())),
        ("host_call_bytes", bytes(limits.host_call_bytes)),
        ("hold_time_ms", millis(limits.hold_time)),
    ];
    for (name, value) in pairs {
        value.map(|value| set(&format!("{LIMIT}{name}"), value));
    }
    annotations
}

fn texts<T: ToString>(items: &[T]) -> String {
    serde_json::Value::from_iter(items.iter().map(T::to_string)).to_string()
}
