use std::{
    fs, io,
    os::unix::fs::{FileTypeExt as _, PermissionsExt as _},
    path::Path,
};

use tokio::net::{UnixListener, UnixStream};

use crate::NodeError;

/// Binds the Unix socket for its owner alone; a socket that nobody listens on is taken over.
pub(crate) async fn bind_unix(path: &Path) -> Result<UnixListener, NodeError> {
    let failed = |source: io::Error| NodeError::Listen { address: path.display().to_string(), source };
    if path.as_os_str().len() > 107 {
        return Err(failed(io::Error::new(
            io::ErrorKind::InvalidInput,
            "a socket's path has at most 107 bytes: choose a shorter --home, or --socket elsewhere",
        )));
    }
    match fs::symlink_metadata(path) {
        Ok(found) if found.file_type().is_socket() => {
            if UnixStream::connect(path).await.is_ok() {
                return Err(failed(io::Error::from(io::ErrorKind::AddrInUse)));
            }
            fs::remove_file(path).map_err(failed)?;
        }
        Ok(_) => {
            return Err(failed(io::Error::new(
                io::ErrorKind::AlreadyExists,
                "what is there is no socket, and is left alone: choose another --socket, or move it",
            )));
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(failed(error)),
    }
    let listener = UnixListener::bind(path).map_err(failed)?;
    fs::set_permissions(path, fs::Permissions::from_mode(0o600)).map_err(failed)?;
    Ok(listener)
}
