use std::{
    env,
    ffi::OsString,
    fmt, fs, io,
    path::{Path, PathBuf},
};

/// Where a node listens.
#[derive(Clone, PartialEq, Eq)]
pub enum Endpoint {
    /// A Unix socket; who may open it may use the node.
    Unix(PathBuf),
    /// `http://HOST:PORT`; always with a token.
    Http {
        /// The host and port.
        authority: String,
        /// Whether the connection is TLS.
        tls: bool,
        /// The bearer token.
        token: String,
    },
}

/// No endpoint could be made of what was given.
#[derive(Debug, thiserror::Error)]
pub enum EndpointError {
    /// The text has another form.
    #[error(
        "`{0}` is no endpoint: write `unix:/path/to/vyr.sock`, `http://HOST:PORT` or `https://HOST:PORT`"
    )]
    Form(String),
    /// No folder is named for the node, and the user has none.
    #[error("there is no home: name a folder with --home or VYR_HOME (HOME and XDG_DATA_HOME name none)")]
    NoHome,
    /// A Unix socket cannot have this path.
    #[error(
        "the socket's path `{path}` has {} bytes, and {MAX_SOCKET_PATH} are the most that one may have: choose a shorter one",
        path.as_os_str().len()
    )]
    LongSocket {
        /// The path.
        path: PathBuf,
    },
    /// The token file is missing or cannot be read.
    #[error("failed to read the token in `{path}`: name the right file with --token-file or VYR_TOKEN_FILE")]
    Token {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The file holds something else than a token.
    #[error(
        "`{path}` holds no token, which is one word: name the right file with --token-file or VYR_TOKEN_FILE"
    )]
    NoToken {
        /// The file.
        path: PathBuf,
    },
}

/// The most bytes that the path of a Unix socket may have: the system's `sun_path`, less its NUL.
pub const MAX_SOCKET_PATH: usize = 107;

/// Returns the folder in which this user's node keeps everything: `VYR_HOME`, else the user's
/// data folder. A variable that is empty counts as unset.
///
/// # Errors
/// [`EndpointError::NoHome`] where no variable names a folder.
pub fn default_home() -> Result<PathBuf, EndpointError> {
    home_by(|name| env::var_os(name))
}

fn home_by(variable: impl Fn(&str) -> Option<OsString>) -> Result<PathBuf, EndpointError> {
    if let Some(home) = variable("VYR_HOME").filter(|home| !home.is_empty()) {
        return Ok(home.into());
    }
    // a relative one is to be ignored, says the XDG specification; of `HOME` it would be anybody's folder
    let absolute = |name| variable(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let data = absolute("XDG_DATA_HOME").or_else(|| Some(absolute("HOME")?.join(".local/share")));
    Ok(data.ok_or(EndpointError::NoHome)?.join("vyr"))
}

/// Tells a host and a port from everything else.
fn is_authority(text: &str) -> bool {
    let Ok(authority) = text.parse::<http::uri::Authority>() else { return false };
    let port = authority.port_u16().is_some_and(|port| port != 0);
    port && !authority.host().is_empty() && !text.contains('@')
}

impl Endpoint {
    /// Parses `text`; for TCP the token is read from `token_file`, by default `token` in `home`.
    ///
    /// # Errors
    /// A text of another form; a token file that cannot be read.
    pub fn parse(text: &str, home: &Path, token_file: Option<&Path>) -> Result<Self, EndpointError> {
        if let Some(path) = text.strip_prefix("unix:").filter(|path| !path.is_empty()) {
            return match path.len() {
                0..=MAX_SOCKET_PATH => Ok(Self::Unix(path.into())),
                _ => Err(EndpointError::LongSocket { path: path.into() }),
            };
        }
        let (authority, tls) = match (text.strip_prefix("http://"), text.strip_prefix("https://")) {
            (Some(rest), _) => (rest, false),
            (_, Some(rest)) => (rest, true),
            _ => return Err(EndpointError::Form(text.to_owned())),
        };
        let authority = authority.trim_end_matches('/');
        if !is_authority(authority) {
            return Err(EndpointError::Form(text.to_owned()));
        }
        let path = token_file.map_or_else(|| home.join("token"), Path::to_owned);
        let text = fs::read_to_string(&path);
        let text = text.map_err(|source| EndpointError::Token { path: path.clone(), source })?;
        let token = text.trim().to_owned();
        if token.is_empty() || !token.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(EndpointError::NoToken { path });
        }
        Ok(Self::Http { authority: authority.to_owned(), tls, token })
    }

    /// Returns the socket of the node in `home`.
    pub fn local(home: &Path) -> Self {
        Self::Unix(home.join("vyr.sock"))
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
            Self::Http { authority, tls, .. } => {
                write!(f, "http{}://{authority}", if *tls { "s" } else { "" })
            }
        }
    }
}

impl fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parses_and_refuses() {
        let home = Path::new("/nonexistent");
        assert_eq!(Endpoint::parse("unix:/a/b", home, None).unwrap(), Endpoint::Unix("/a/b".into()));
        for text in [
            "",
            "unix:",
            "localhost:80",
            "http://",
            "ftp://x",
            "http://h/path",
            "http://127.0.0.1",
            "http://:80",
            "http://h:0",
            "http://h:65536",
            "http://user@h:80",
            "https://[::1]",
        ] {
            assert!(matches!(Endpoint::parse(text, home, None), Err(EndpointError::Form(_))), "{text}");
        }
        for text in ["http://127.0.0.1:1", "https://[::1]:1/", "http://node.example:7423"] {
            let missing = Endpoint::parse(text, home, None);
            assert!(matches!(missing, Err(EndpointError::Token { .. })), "{text}");
        }
        let long = |length: usize| Endpoint::parse(&format!("unix:/{}", "a".repeat(length - 1)), home, None);
        assert!(long(MAX_SOCKET_PATH).is_ok());
        assert!(matches!(long(MAX_SOCKET_PATH + 1), Err(EndpointError::LongSocket { .. })));
    }

    #[test]
    fn a_home_is_never_relative_by_accident() {
        let home = |pairs: &[(&str, &str)]| {
            let find = |name: &str| pairs.iter().find(|(key, _)| *key == name).map(|(_, value)| value.into());
            home_by(find)
        };
        assert_eq!(home(&[("HOME", "/h")]).unwrap(), Path::new("/h/.local/share/vyr"));
        assert_eq!(home(&[("HOME", "/h"), ("XDG_DATA_HOME", "/d")]).unwrap(), Path::new("/d/vyr"));
        assert_eq!(
            home(&[("HOME", "/h"), ("XDG_DATA_HOME", "d")]).unwrap(),
            Path::new("/h/.local/share/vyr")
        );
        assert_eq!(home(&[("HOME", "/h"), ("VYR_HOME", "")]).unwrap(), Path::new("/h/.local/share/vyr"));
        assert_eq!(home(&[("VYR_HOME", "here")]).unwrap(), Path::new("here"));
        for pairs in [&[][..], &[("HOME", "")], &[("HOME", "relative")]] {
            assert!(matches!(home(pairs), Err(EndpointError::NoHome)), "{pairs:?}");
        }
    }

    #[test]
    fn a_token_is_one_word() {
        let package = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").unwrap());
        let file = |name: &str| package.join(name);
        let parse = |name: &str| Endpoint::parse("http://h:1", Path::new("/"), Some(&file(name)));
        assert!(matches!(parse("Cargo.toml"), Err(EndpointError::NoToken { .. })));
        assert!(matches!(parse("nothing"), Err(EndpointError::Token { .. })));
    }

    #[test]
    fn never_shows_the_token() {
        let endpoint = Endpoint::Http { authority: "h:1".into(), tls: false, token: "secret".into() };
        assert!(!format!("{endpoint:?} {endpoint}").contains("secret"));
    }
}
