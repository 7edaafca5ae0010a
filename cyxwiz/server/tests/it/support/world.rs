use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use cyxwiz_model::Moment;
use cyxwiz_server::config::{Config, Settings};
use cyxwiz_server::postgres::Postgres;
use cyxwiz_server::serve::Server;
use cyxwiz_server::{Clock, Db, Drain, Ground};
use ed25519_dalek::{Signer as _, SigningKey};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::task::JoinHandle;

/// When the tests' clocks begin.
const BEGIN: Moment = Moment(1_790_000_000_000);

/// What a test has of its own.
pub(crate) struct World {
    pub(crate) folder: TempDir,
    pub(crate) clock: Clock,
    pub(crate) http: reqwest::Client,
    servers: Vec<Running>,
    postgres: Postgres,
    /// The test's own: a server closes its pool when it stops.
    db: Db,
}

struct Running {
    ground: Ground,
    admin: String,
    /// None once somebody waited for its end.
    task: Option<JoinHandle<()>>,
}

/// What a call answered.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: Value,
}

/// A wallet, or a node's identity.
pub(crate) struct Key(SigningKey);

/// An open session.
#[derive(Clone, Debug)]
pub(crate) struct Session {
    pub(crate) id: String,
    pub(crate) access: String,
    pub(crate) refresh: String,
}

/// A folder that PostgreSQL gets to, whoever it runs as.
pub(crate) fn local_folder() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o711)).unwrap();
    folder
}

impl World {
    /// One server.
    pub(crate) async fn new() -> Self {
        Self::with(1, |_| {}).await
    }

    /// So many servers on one database and one object folder.
    pub(crate) async fn with(servers: usize, change: impl Fn(&mut Settings)) -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let folder = local_folder();
        super::template::copy_into(&folder.path().join("postgres")).await;
        // a test's data need not outlive the machine
        let postgres = Postgres::open_with(&folder.path().join("postgres"), &["fsync=off"]).await.unwrap();
        let clock = Clock::manual(BEGIN);
        let http = reqwest::Client::builder().pool_max_idle_per_host(0).build().unwrap();
        let db = Db::new(postgres.options(), 4);
        let mut world = Self { folder, clock, http, servers: Vec::new(), postgres, db };
        for _ in 0..servers {
            let running = world.start(&change).await;
            world.servers.push(running);
        }
        world
    }

    async fn start(&self, change: impl Fn(&mut Settings)) -> Running {
        let data = self.folder.path();
        let socket = self.postgres.options().get_socket().unwrap().display().to_string();
        let mut settings = Settings {
            data: Some(data.display().to_string()),
            database_url: Some(format!("postgres://cyxwiz@localhost/cyxwiz?host={socket}")),
            database_connections: Some(8),
            listen: Some("127.0.0.1:0".into()),
            admin_listen: Some("127.0.0.1:0".into()),
            domain: Some("market.test".into()),
            backup_hour: Some("off".into()),
            drain_seconds: Some(5),
            ..Settings::default()
        };
        change(&mut settings);
        let config = Config::check(settings).unwrap();
        let server = Server::open(config, self.clock.clone(), Drain::default()).await.unwrap();
        let (ground, admin) = (server.ground().clone(), format!("http://{}", server.admin_address()));
        Running { ground, admin, task: Some(tokio::spawn(server.run())) }
    }

    pub(crate) fn ground(&self) -> &Ground {
        &self.servers[0].ground
    }

    pub(crate) fn db(&self) -> &Db {
        &self.db
    }

    pub(crate) fn postgres(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn url(&self, server: usize) -> String {
        self.servers[server].ground.config.listen.public_url.clone().unwrap()
    }

    pub(crate) fn admin(&self) -> &str {
        &self.servers[0].admin
    }

    /// One call by JSON, with a token or none.
    pub(crate) async fn call(&self, method: &str, body: Value, token: Option<&str>) -> Answer {
        self.call_at(0, method, body, token).await
    }

    pub(crate) async fn call_at(
        &self,
        server: usize,
        method: &str,
        body: Value,
        token: Option<&str>,
    ) -> Answer {
        let url = format!("{}/cyxwiz.v1.{method}", self.url(server));
        let mut request = self.http.post(url).json(&body);
        if let Some(token) = token {
            request = request.bearer_auth(token);
        }
        let response = request.send().await.unwrap();
        let status = response.status().as_u16();
        Answer { status, body: response.json().await.unwrap_or(Value::Null) }
    }

    /// The text that a key is to sign.
    pub(crate) async fn challenge(&self, key: &Key, role: &str) -> String {
        let body = json!({ "address": key.address(), "role": role });
        let answer = self.call("AuthService/CreateChallenge", body, None).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        answer.body["message"].as_str().unwrap().to_owned()
    }

    /// Shows a text and a signature.
    pub(crate) async fn verify(&self, message: &str, signature: &[u8]) -> Answer {
        use base64::Engine as _;
        let signature = base64::prelude::BASE64_STANDARD.encode(signature);
        self.call("AuthService/VerifyChallenge", json!({ "message": message, "signature": signature }), None)
            .await
    }

    pub(crate) async fn sign_in(&self, key: &Key, role: &str) -> Session {
        let message = self.challenge(key, role).await;
        let answer = self.verify(&message, &key.sign(&message)).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        answer.session()
    }

    pub(crate) async fn buyer(&self, seed: u8) -> Session {
        self.sign_in(&Key::of(seed), "ROLE_BUYER").await
    }

    /// Whether a token opens a call that needs a session.
    pub(crate) async fn is_good(&self, token: &str) -> bool {
        match self.call("AuthService/ListSessions", json!({}), Some(token)).await.status {
            200 => true,
            401 => false,
            other => panic!("{other}"),
        }
    }

    /// A verb of the binary against this world's database; what it prints, as JSON.
    pub(crate) fn verb(&self, arguments: &[&str]) -> Result<Value, String> {
        let socket = self.postgres.options().get_socket().unwrap().display().to_string();
        let database = format!("postgres://cyxwiz@localhost/cyxwiz?host={socket}");
        self.verb_at(&database, arguments)
    }

    pub(crate) fn verb_at(&self, database: &str, arguments: &[&str]) -> Result<Value, String> {
        let output = std::process::Command::new(env!("CARGO_BIN_EXE_cyxwiz-server"))
            .args(arguments)
            .args(["-o", "json", "--data"])
            .arg(self.folder.path())
            .env("DATABASE_URL", database)
            .output()
            .unwrap();
        match output.status.success() {
            true => Ok(serde_json::from_slice(&output.stdout).unwrap_or(Value::Null)),
            false => Err(String::from_utf8(output.stderr).unwrap()),
        }
    }

    /// The address of another database of this world's PostgreSQL.
    pub(crate) fn database(&self, name: &str) -> String {
        let socket = self.postgres.options().get_socket().unwrap().display().to_string();
        format!("postgres://cyxwiz@localhost/{name}?host={socket}")
    }

    /// What every server does once a minute for its backups.
    pub(crate) async fn backup_turn(&self) {
        for server in &self.servers {
            cyxwiz_server::backup::turn(&server.ground, &self.postgres.options()).await.unwrap();
        }
    }

    /// Waits until a server has stopped.
    pub(crate) async fn stopped(&mut self, server: usize) {
        if let Some(task) = self.servers[server].task.take() {
            task.await.unwrap();
        }
    }

    /// Stops the servers, then PostgreSQL.
    pub(crate) async fn close(self) {
        for server in &self.servers {
            server.ground.drain.begin();
        }
        for server in self.servers {
            if let Some(task) = server.task {
                task.await.unwrap();
            }
        }
        self.db.pool().close().await;
        self.postgres.close().await;
    }
}

impl Answer {
    /// The reason of a refusal.
    pub(crate) fn reason(&self) -> String {
        use base64::Engine as _;
        use buffa::Message as _;
        let detail = self.body["details"][0]["value"].as_str().unwrap_or_default();
        let bytes = base64::prelude::BASE64_STANDARD_NO_PAD.decode(detail.trim_end_matches('=')).unwrap();
        let info = cyxwiz_proto::v1::ErrorInfo::decode_from_slice(&bytes).unwrap();
        format!("{:?}", info.reason.as_known().unwrap())
    }

    pub(crate) fn session(&self) -> Session {
        let text = |name: &str| self.body["session"][name].as_str().unwrap().to_owned();
        Session { id: text("id"), access: text("accessToken"), refresh: text("refreshToken") }
    }
}

impl Key {
    pub(crate) fn of(seed: u8) -> Self {
        Self(SigningKey::from_bytes(&[seed; 32]))
    }

    pub(crate) fn address(&self) -> String {
        bs58::encode(self.0.verifying_key().to_bytes()).into_string()
    }

    pub(crate) fn sign(&self, text: &str) -> [u8; 64] {
        self.0.sign(text.as_bytes()).to_bytes()
    }
}
