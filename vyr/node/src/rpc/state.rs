use std::{sync::Arc, time::Duration};

use connectrpc::ErrorCode;
use vyr_proto::control::{
    BindStateRequest, BindStateResponse, CreateStateRequest, CreateStateResponse, StateClass,
};
use vyr_state::StateError;

use super::parse;
use crate::{Refusal, supervisor::Supervisor};

pub(super) fn create(
    supervisor: &Supervisor,
    request: &CreateStateRequest,
) -> Result<CreateStateResponse, Refusal> {
    parse::name("name", &request.name)?;
    if request.class.as_known() != Some(StateClass::Ephemeral) {
        return Err(Refusal::field("class", "the class is missing or unknown", "send STATE_CLASS_EPHEMERAL"));
    }
    let quota = (request.quota_bytes != 0).then_some(request.quota_bytes);
    let ttl: Option<Duration> = parse::duration("ttl", request.ttl.as_option())?;
    let now = tokio::time::Instant::now();
    let id = supervisor.states.create(&request.name, quota, ttl, now).map_err(refuse)?;
    Ok(CreateStateResponse { state_id: id.to_string(), ..Default::default() })
}

pub(super) async fn bind(
    supervisor: &Arc<Supervisor>,
    request: &BindStateRequest,
) -> Result<BindStateResponse, Refusal> {
    let task = parse::task_id(&request.task_id)?;
    let state = parse::state_id(&request.state_id)?;
    let mode = parse::mode(request.mode)?;
    let open = supervisor.bind(task, state, mode, &request.name).await?;
    Ok(BindStateResponse { open_bindings: u32::try_from(open).unwrap_or(u32::MAX), ..Default::default() })
}

/// Turns a state's refusal into the API's.
pub(crate) fn refuse(error: StateError) -> Refusal {
    let (code, reason, mend) = match &error {
        StateError::NotFound(_) => (
            ErrorCode::NotFound,
            "STATE_NOT_FOUND",
            "create a state and fill it again, then submit with its id",
        ),
        StateError::ReadOnly => (ErrorCode::PermissionDenied, "STATE_READ_ONLY", "bind it rw"),
        StateError::Quota { .. } => {
            (ErrorCode::ResourceExhausted, "STATE_QUOTA", "create the state with a larger quota")
        }
        StateError::Full { .. } => (
            ErrorCode::ResourceExhausted,
            "STATES_FULL",
            "let states expire, or make them with a shorter ttl",
        ),
        StateError::Field { .. } | StateError::Invalid(_) => {
            (ErrorCode::InvalidArgument, "FIELD_INVALID", "send a value in the range named")
        }
    };
    let subject = match &error {
        StateError::NotFound(state) => state.to_string(),
        StateError::Full { what, .. } => (*what).to_owned(),
        StateError::Field { field, .. } => (*field).to_owned(),
        StateError::ReadOnly | StateError::Quota { .. } | StateError::Invalid(_) => "state".to_owned(),
    };
    Refusal::new(code, reason, subject, error.to_string(), mend)
}
