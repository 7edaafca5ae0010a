use std::time::Duration;

use vyr_model::Digest;
use vyr_sdk::{
    Client,
    control::{
        BindMode, DirGrant, Durability, EnvGrant, Limits, Output, ProtoDuration, Resources, StateBinding,
        SubmitTaskRequest, TaskState, TaskStatus,
    },
};

/// A submit in the making.
#[derive(Clone, Default)]
pub(crate) struct Submit {
    request: SubmitTaskRequest,
    resources: Resources,
    limits: Limits,
    dirs: Vec<DirGrant>,
    env: Vec<EnvGrant>,
}

impl Submit {
    pub(crate) fn new(artifact: &str) -> Self {
        let request = SubmitTaskRequest { artifact_digest: artifact.to_owned(), ..Default::default() };
        Self { request, ..Self::default() }
    }

    pub(crate) fn args<S: Into<String>>(mut self, args: impl IntoIterator<Item = S>) -> Self {
        self.resources.args.extend(args.into_iter().map(Into::into));
        self
    }

    pub(crate) fn input(mut self, digest: &str) -> Self {
        digest.clone_into(&mut self.request.input_ref);
        self
    }

    pub(crate) fn key(mut self, key: impl Into<String>) -> Self {
        self.request.idempotency_key = key.into();
        self
    }

    pub(crate) fn idempotent(mut self) -> Self {
        self.resources.idempotent = true;
        self
    }

    pub(crate) fn volatile(mut self) -> Self {
        self.resources.durability = Durability::Volatile.into();
        self
    }

    pub(crate) fn dir(mut self, host: &std::path::Path, guest: &str) -> Self {
        let host_path = host.to_str().unwrap().to_owned();
        let guest_path = guest.to_owned();
        self.dirs.push(DirGrant { host_path, guest_path, ..Default::default() });
        self
    }

    /// Binds a state; without an id the task waits for one.
    pub(crate) fn state(mut self, name: &str, state_id: &str, mode: BindMode) -> Self {
        self.request.state_bindings.push(StateBinding {
            name: name.to_owned(),
            state_id: state_id.to_owned(),
            mode: mode.into(),
            ..Default::default()
        });
        self
    }

    pub(crate) fn limits(mut self, set: impl FnOnce(&mut Limits)) -> Self {
        set(&mut self.limits);
        self
    }

    pub(crate) fn hold_time(self, time: Duration) -> Self {
        self.limits(|limits| limits.hold_time = duration(time).into())
    }

    pub(crate) fn wall_time(self, time: Duration) -> Self {
        self.limits(|limits| limits.wall_time = duration(time).into())
    }

    pub(crate) fn request(&self) -> SubmitTaskRequest {
        let mut resources = self.resources.clone();
        let mut grants = vyr_sdk::control::Grants::default();
        grants.dirs.clone_from(&self.dirs);
        grants.env.clone_from(&self.env);
        resources.grants = grants.into();
        resources.limits = self.limits.clone().into();
        SubmitTaskRequest { resources: resources.into(), ..self.request.clone() }
    }

    /// Submits it and returns the task's id.
    pub(crate) async fn send(&self, client: &Client) -> String {
        client.submit_task(self.request()).await.unwrap().task_id
    }

    /// Submits it and waits for its end.
    pub(crate) async fn run(&self, client: &Client) -> TaskStatus {
        let id = self.send(client).await;
        client.wait(&id).await.unwrap()
    }
}

fn duration(time: Duration) -> ProtoDuration {
    ProtoDuration {
        seconds: i64::try_from(time.as_secs()).unwrap(),
        nanos: i32::try_from(time.subsec_nanos()).unwrap(),
        ..Default::default()
    }
}

/// Asserts that a task succeeded.
#[track_caller]
pub(crate) fn ended_well(status: &TaskStatus) {
    assert_eq!(status.state.as_known(), Some(TaskState::Succeeded), "{}", shown(status));
}

/// Tells a status for a failing test.
pub(crate) fn shown(status: &TaskStatus) -> String {
    serde_json::to_string(status).unwrap()
}

/// Fetches what a task wrote to stdout.
pub(crate) async fn stdout(client: &Client, status: &TaskStatus) -> Vec<u8> {
    match status.stdout.as_option() {
        Some(output) => fetch(client, output).await,
        None => Vec::new(),
    }
}

async fn fetch(client: &Client, output: &Output) -> Vec<u8> {
    let digest: Digest = output.digest.parse().unwrap();
    client.get_small_blob(digest, 64 << 20).await.unwrap()
}
