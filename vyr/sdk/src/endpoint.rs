use std::{
    env, fmt, fs, io,
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
    /// The token file is missing or cannot be read.
    #[error("failed to read the token in `{path}`: name the right file with --token-file or VYR_TOKEN_FILE")]
    Token {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
}

/// Returns the folder in which this user's node keeps everything: `VYR_HOME`, else the user's
/// data folder.
pub fn default_home() -> PathBuf {
    if let Some(home) = env::var_os("VYR_HOME") {
        return home.into();
    }
    let data = env::var_os("XDG_DATA_HOME").map(PathBuf::from).filter(|path| path.is_absolute());
    data.unwrap_or_else(|| PathBuf::from(env::var_os("HOME").unwrap_or_default()).join(".local/share"))
        .join("vyr")
}

impl Endpoint {
    /// Parses `text`; for TCP the token is read from `token_file`, by default `token` in `home`.
    ///
    /// # Errors
    /// A text of another form; a token file that cannot be read.
    pub fn parse(text: &str, home: &Path, token_file: Option<&Path>) -> Result<Self, EndpointError> {
        if let Some(path) = text.strip_prefix("unix:").filter(|path| !path.is_empty()) {
            return Ok(Self::Unix(path.into()));
        }
        let (authority, tls) = match (text.strip_prefix("http://"), text.strip_prefix("https://")) {
            (Some(rest), _) => (rest, false),
            (_, Some(rest)) => (rest, true),
            _ => return Err(EndpointError::Form(text.to_owned())),
        };
        let authority = authority.trim_end_matches('/');
        if authority.is_empty() || authority.contains('/') {
            return Err(EndpointError::Form(text.to_owned()));
        }
        let path = token_file.map_or_else(|| home.join("token"), Path::to_owned);
        let token = fs::read_to_string(&path).map_err(|source| EndpointError::Token { path, source })?;
        Ok(Self::Http { authority: authority.to_owned(), tls, token: token.trim().to_owned() })
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
        for text in ["", "unix:", "localhost:80", "http://", "ftp://x", "http://h/path"] {
            assert!(matches!(Endpoint::parse(text, home, None), Err(EndpointError::Form(_))), "{text}");
        }
        let missing = Endpoint::parse("http://127.0.0.1:1", home, None);
        assert!(matches!(missing, Err(EndpointError::Token { .. })));
    }

    #[test]
    fn never_shows_the_token() {
        let endpoint = Endpoint::Http { authority: "h:1".into(), tls: false, token: "secret".into() };
        assert!(!format!("{endpoint:?} {endpoint}").contains("secret"));
    }
}
