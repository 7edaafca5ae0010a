use std::str::FromStr;

/// What a task may reach: nothing but what its submit names.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Grants {
    /// Environment variables.
    pub env: Vec<EnvGrant>,
    /// Host folders.
    pub dirs: Vec<DirGrant>,
    /// Authorities that outbound HTTP may reach.
    pub http_out: Vec<HttpOutGrant>,
}

/// Lets the guest see the environment variable `name`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EnvGrant {
    /// The variable's name: not empty, no `=` and no NUL.
    pub name: String,
    /// The variable's value: no NUL.
    pub value: String,
}

/// Lets the guest open files below `guest_path`, which is the host's `host_path`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DirGrant {
    /// An absolute path on the node's machine.
    pub host_path: String,
    /// The path under which the guest sees it.
    pub guest_path: String,
    /// Refuses every write.
    pub read_only: bool,
}

/// Lets the guest send HTTP requests to exactly this authority.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HttpOutGrant {
    /// The host name or address, lowercase.
    pub host: String,
    /// The TCP port.
    pub port: u16,
}

/// The text is no grant.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("`{text}` is not a grant: write {form}")]
pub struct GrantError {
    text: String,
    form: &'static str,
}

fn refuse(text: &str, form: &'static str) -> GrantError {
    GrantError { text: text.chars().take(200).collect(), form }
}

impl FromStr for EnvGrant {
    type Err = GrantError;

    /// Parses `NAME=VALUE`.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.split_once('=')
            .filter(|(name, _)| !name.is_empty() && !text.contains('\0'))
            .map(|(name, value)| Self { name: name.to_owned(), value: value.to_owned() })
            .ok_or_else(|| refuse(text, "`NAME=VALUE`"))
    }
}

impl FromStr for DirGrant {
    type Err = GrantError;

    /// Parses `HOST::GUEST` or `HOST::GUEST:ro`.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (host, guest) = text
            .split_once("::")
            .filter(|(host, guest)| !host.is_empty() && !guest.is_empty() && !text.contains('\0'))
            .ok_or_else(|| refuse(text, "`HOST::GUEST` or `HOST::GUEST:ro`"))?;
        let (guest_path, read_only) = match guest.strip_suffix(":ro") {
            Some(path) => (path, true),
            None => (guest, false),
        };
        if guest_path.is_empty() {
            return Err(refuse(text, "`HOST::GUEST` or `HOST::GUEST:ro`"));
        }
        Ok(Self { host_path: host.to_owned(), guest_path: guest_path.to_owned(), read_only })
    }
}

impl FromStr for HttpOutGrant {
    type Err = GrantError;

    /// Parses `HOST:PORT`.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.rsplit_once(':')
            .and_then(|(host, port)| {
                let valid = !host.is_empty() && !host.contains(['/', '@', ' ', '?', '#', '*']);
                let digits = port.bytes().all(|byte| byte.is_ascii_digit());
                let port = port.parse().ok().filter(|port| *port != 0)?;
                (valid && digits).then(|| Self { host: host.to_ascii_lowercase(), port })
            })
            .ok_or_else(|| refuse(text, "`HOST:PORT`, with a port from 1 to 65535"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parses_each_form() {
        assert_eq!(
            "/a b::/in:ro".parse(),
            Ok(DirGrant { host_path: "/a b".into(), guest_path: "/in".into(), read_only: true })
        );
        assert_eq!("A=b=c".parse(), Ok(EnvGrant { name: "A".into(), value: "b=c".into() }));
        assert_eq!("Example.ORG:443".parse(), Ok(HttpOutGrant { host: "example.org".into(), port: 443 }));
    }

    #[test]
    fn refuses_with_the_form_to_write() {
        for text in ["", "/a", "::/b", "/a:::ro"] {
            let error = text.parse::<DirGrant>().expect_err(text);
            assert!(error.to_string().contains("write `HOST::GUEST`"), "{error}");
        }
        assert!("=x".parse::<EnvGrant>().is_err());
        for text in ["h", "h:0", "h/p:80", ":80", "*:80", "*.h:80", "h:+80"] {
            assert!(text.parse::<HttpOutGrant>().is_err(), "{text}");
        }
    }
}
