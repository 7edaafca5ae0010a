//! Unhardened containers: as `docker run` starts them, or worse. Each has an outer bound far above what an attack
//! takes, so that this machine comes to no harm.

use bollard::{
    Docker,
    container::LogOutput,
    models::{ContainerCreateBody, HostConfig, PortBinding},
    query_parameters::{
        AttachContainerOptionsBuilder, CreateContainerOptions, KillContainerOptionsBuilder,
        RemoveContainerOptionsBuilder, WaitContainerOptionsBuilder,
    },
};
use futures::StreamExt as _;

use super::variable;

/// What bounds every one of them.
const MEMORY: i64 = 1 << 30;
const PIDS: i64 = 2_000;

/// An unhardened container in the making.
pub(crate) struct Loose {
    body: ContainerCreateBody,
    host: HostConfig,
}

/// One that runs.
pub(crate) struct Held {
    docker: Docker,
    pub(crate) id: String,
    output: std::pin::Pin<Box<dyn futures::Stream<Item = Result<LogOutput, bollard::errors::Error>> + Send>>,
    removed: bool,
}

impl Drop for Held {
    fn drop(&mut self) {
        if self.removed {
            return;
        }
        // a test that failed leaves nothing behind, either
        let id = std::mem::take(&mut self.id);
        let removing = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            let options = RemoveContainerOptionsBuilder::new().force(true).build();
            runtime.block_on(docker().remove_container(&id, Some(options))).unwrap();
        });
        removing.join().unwrap();
    }
}

pub(crate) fn bind(host: &std::path::Path, guest: &str) -> String {
    format!("{}:{guest}", host.display())
}

fn docker() -> Docker {
    Docker::connect_with_unix(&variable("CYXWIZ_DOCKER"), 300, bollard::API_DEFAULT_VERSION).unwrap()
}

impl Loose {
    pub(crate) fn python(script: &str) -> Self {
        let words = ["python3", "-u", "-c", script].map(str::to_owned).to_vec();
        let body = ContainerCreateBody {
            image: Some(variable("CYXWIZ_IMAGE_PYTHON")),
            cmd: Some(words),
            attach_stdout: Some(true),
            attach_stderr: Some(true),
            ..ContainerCreateBody::default()
        };
        let host = HostConfig {
            memory: Some(MEMORY),
            memory_swap: Some(MEMORY),
            pids_limit: Some(PIDS),
            log_config: Some(bollard::models::HostConfigLogConfig { typ: Some("none".into()), config: None }),
            ..HostConfig::default()
        };
        Self { body, host }
    }

    pub(crate) fn arg(mut self, arg: impl ToString) -> Self {
        self.body.cmd.get_or_insert_default().push(arg.to_string());
        self
    }

    pub(crate) fn env(mut self, set: &str) -> Self {
        self.body.env.get_or_insert_default().push(set.to_owned());
        self
    }

    pub(crate) fn user(mut self, user: &str) -> Self {
        self.body.user = Some(user.to_owned());
        self
    }

    pub(crate) fn host(mut self, change: impl FnOnce(&mut HostConfig)) -> Self {
        change(&mut self.host);
        self
    }

    /// Publishes a port of it.
    pub(crate) fn publish(mut self, inner: &str, outer: &str) -> Self {
        let port = PortBinding { host_port: Some(outer.to_owned()), ..PortBinding::default() };
        self.body.exposed_ports = Some(vec![inner.to_owned()]);
        self.host.port_bindings = Some([(inner.to_owned(), Some(vec![port]))].into());
        self
    }

    /// Runs it to its end and returns its exit code with what it wrote.
    pub(crate) async fn run(self) -> (i64, String) {
        self.start().await.finish().await
    }

    pub(crate) async fn start(self) -> Held {
        let docker = docker().negotiate_version().await.unwrap();
        let body = ContainerCreateBody { host_config: Some(self.host), ..self.body };
        let id = docker.create_container(None::<CreateContainerOptions>, body).await.unwrap().id;
        let options = AttachContainerOptionsBuilder::new().stream(true).stdout(true).stderr(true).build();
        let attached = docker.attach_container(&id, Some(options)).await.unwrap();
        let held = Held { docker, id, output: attached.output, removed: false };
        held.docker.start_container(&held.id, None).await.unwrap();
        held
    }
}

impl Held {
    /// Waits for the next line of output, which may come in pieces.
    pub(crate) async fn line(&mut self) -> String {
        let mut line = String::new();
        while !line.ends_with('\n') {
            line.push_str(&self.output.next().await.unwrap().unwrap().to_string());
        }
        line
    }

    pub(crate) async fn signal(&self, signal: &str) {
        let options = KillContainerOptionsBuilder::new().signal(signal).build();
        self.docker.kill_container(&self.id, Some(options)).await.unwrap();
    }

    pub(crate) async fn runs(&self) -> bool {
        let inspected = self.docker.inspect_container(&self.id, None).await.unwrap();
        inspected.state.and_then(|state| state.running) == Some(true)
    }

    /// Its address on the engine's default bridge.
    pub(crate) async fn address(&self) -> String {
        let inspected = self.docker.inspect_container(&self.id, None).await.unwrap();
        let networks = inspected.network_settings.unwrap().networks.unwrap();
        networks.into_values().find_map(|network| network.ip_address).unwrap()
    }

    pub(crate) async fn finish(mut self) -> (i64, String) {
        let mut text = String::new();
        while let Some(Ok(output)) = self.output.next().await {
            text.push_str(&output.to_string());
        }
        let options = WaitContainerOptionsBuilder::new().condition("not-running").build();
        let ended = self.docker.wait_container(&self.id, Some(options)).next().await;
        let code = match ended {
            Some(Ok(ended)) => ended.status_code,
            Some(Err(bollard::errors::Error::DockerContainerWaitError { code, .. })) => code,
            other => panic!("{other:?}"),
        };
        self.remove().await;
        (code, text)
    }

    pub(crate) async fn remove(mut self) {
        self.removed = true;
        let options = RemoveContainerOptionsBuilder::new().force(true).v(true).build();
        self.docker.remove_container(&self.id, Some(options)).await.unwrap();
    }
}
