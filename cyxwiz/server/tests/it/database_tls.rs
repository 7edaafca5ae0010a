//! A PostgreSQL that is reached over a network: encrypted, and by the name that its certificate says.

use std::os::unix::fs::{PermissionsExt as _, chown};
use std::path::Path;
use std::process::Command;

use cyxwiz_server::config::{Config, Settings};
use cyxwiz_server::postgres::{Postgres, User};
use serde_json::Value;
use sqlx::Connection as _;
use tempfile::TempDir;

use crate::support::{Authority, local_folder};

/// A database that takes TLS alone, at an address of this process's own, and at one that its certificate does not name.
struct Remote {
    folder: TempDir,
    authority: Authority,
    postgres: Postgres,
    host: String,
    unnamed: String,
}

impl Remote {
    async fn start() -> Self {
        let folder = local_folder();
        // the port is PostgreSQL's usual one: addresses of this machine are many
        let [.., a, b] = std::process::id().to_be_bytes();
        let (host, unnamed) = (format!("127.66.{a}.{b}"), format!("127.67.{a}.{b}"));
        let authority = Authority::new(&folder.path().join("certificates"));
        let (cert, key) = authority.certify(&format!("IP:{host}"));
        let hba = folder.path().join("hba.conf");
        std::fs::write(&hba, "local all all trust\nhostssl all all 127.0.0.0/8 scram-sha-256\n").unwrap();
        let user = User::for_server().unwrap();
        std::fs::set_permissions(folder.path().join("certificates"), std::fs::Permissions::from_mode(0o755))
            .unwrap();
        for file in [&cert, &key, &hba] {
            std::fs::set_permissions(file, std::fs::Permissions::from_mode(0o600)).unwrap();
            if let Some((uid, gid)) = user.other {
                chown(file, Some(uid), Some(gid)).unwrap();
            }
        }
        let settings = [
            "fsync=off".to_owned(),
            "ssl=on".to_owned(),
            format!("ssl_cert_file={}", cert.display()),
            format!("ssl_key_file={}", key.display()),
            format!("hba_file={}", hba.display()),
            format!("listen_addresses={host},{unnamed}"),
        ];
        let settings: Vec<&str> = settings.iter().map(String::as_str).collect();
        let postgres = Postgres::open_with(&folder.path().join("postgres"), &settings).await.unwrap();
        let mut inside = sqlx::PgConnection::connect_with(&postgres.options()).await.unwrap();
        for statement in ["ALTER ROLE cyxwiz PASSWORD 'a b@c'", "CREATE DATABASE again"] {
            sqlx::query(statement).execute(&mut inside).await.unwrap();
        }
        Self { folder, authority, postgres, host, unnamed }
    }

    fn url(&self, host: &str, database: &str, query: &str) -> String {
        format!("postgres://cyxwiz:a%20b%40c@{host}/{database}{query}")
    }

    /// The query that trusts this authority and no other name.
    fn verified(authority: &Path) -> String {
        format!("?sslmode=verify-full&sslrootcert={}", authority.display())
    }

    /// A verb of the real binary.
    fn verb(&self, url: &str, arguments: &[&str]) -> Result<Value, String> {
        let output = Command::new(env!("CARGO_BIN_EXE_cyxwiz-server"))
            .args(arguments)
            .args(["-o", "json", "--data"])
            .arg(self.folder.path().join("data"))
            .env("DATABASE_URL", url)
            .output()
            .unwrap();
        match output.status.success() {
            true => Ok(serde_json::from_slice(&output.stdout).unwrap()),
            false => Err(String::from_utf8(output.stderr).unwrap()),
        }
    }
}

#[tokio::test]
async fn a_database_over_the_network_is_encrypted_and_who_it_says() {
    let remote = Remote::start().await;
    let root = remote.authority.file();
    let good = remote.url(&remote.host, "cyxwiz", &Remote::verified(&root));
    remote.verb(&good, &["admin", "price", "set", "cpu", "0.05"]).unwrap();
    let listed = remote.verb(&good, &["admin", "price", "list"]).unwrap();
    assert_eq!(listed[0]["usd_per_hour"], "0.05");

    // it is TLS by the database's own word
    let config = Config::check(Settings { database_url: Some(good.clone()), ..Settings::default() }).unwrap();
    assert!(!config.shown().contains("a%20b"), "{}", config.shown());
    let open = cyxwiz_server::db::OpenDb::open(&config).await.unwrap();
    let (ssl, version): (bool, String) =
        sqlx::query_as("SELECT ssl, version FROM pg_stat_ssl WHERE pid = pg_backend_pid()")
            .fetch_one(open.db.pool())
            .await
            .unwrap();
    assert!(ssl && version.starts_with("TLSv1."), "{version}");
    open.close().await;

    // another authority, and another name
    let strangers = Authority::new(&remote.folder.path().join("strangers"));
    let stranger = remote.url(&remote.host, "cyxwiz", &Remote::verified(&strangers.file()));
    let error = remote.verb(&stranger, &["admin", "price", "list"]).unwrap_err();
    assert!(error.contains("UnknownIssuer"), "{error}");
    let unnamed = remote.url(&remote.unnamed, "cyxwiz", &Remote::verified(&root));
    let error = remote.verb(&unnamed, &["admin", "price", "list"]).unwrap_err();
    assert!(error.to_lowercase().contains("not valid for name"), "{error}");
    assert!(!error.contains("a%20b") && !error.contains("a b@c"), "{error}");

    // backups go the same way
    remote.verb(&good, &["backup", "now"]).unwrap();
    let again = remote.url(&remote.host, "again", &Remote::verified(&root));
    remote.verb(&again, &["backup", "restore", "latest"]).unwrap();
    assert_eq!(remote.verb(&again, &["admin", "price", "list"]).unwrap(), listed);
    remote.postgres.close().await;
}

#[test]
fn how_a_database_on_the_network_is_reached_must_be_said() {
    let checked = |url: &str| {
        let settings = Settings { database_url: Some(url.to_owned()), ..Settings::default() };
        Config::check(settings).map(drop).map_err(|error| error.to_string())
    };
    for own in ["postgres:///d?host=/run/postgresql", "postgres://u@localhost/d", "postgres://u@127.0.0.1/d"]
    {
        assert_eq!(checked(own), Ok(()), "{own}");
    }
    for said in ["verify-full", "verify-ca", "require", "disable"] {
        assert_eq!(checked(&format!("postgres://u:p@db.example/d?sslmode={said}")), Ok(()), "{said}");
    }
    for silent in ["", "?sslmode=prefer", "?sslmode=allow"] {
        let error = checked(&format!("postgres://u:secret@db.example/d{silent}")).unwrap_err();
        assert_eq!(
            error,
            "--database-url: it names db.example and not how it is reached: add ?sslmode=verify-full (with \
             &sslrootcert=FILE for an authority of your own), or ?sslmode=disable where the network is yours alone"
        );
    }
    let wrong = checked("postgres://u:secret@db.example:x/d").unwrap_err();
    assert!(wrong.starts_with("--database-url: ") && !wrong.contains("secret"), "{wrong}");
}
