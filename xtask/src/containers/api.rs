//! The few calls of the Docker Engine API that images and checks need, by curl.

use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};
use serde_json::Value;

use super::Engine;
use crate::cmd::{cmd, shown};

/// A version that Docker 20.10 and Podman 4 know.
const BASE: &str = "http://engine/v1.41";

/// Whether an engine answers on the socket.
pub(crate) fn answers(socket: &Path) -> bool {
    let mut command = cmd("curl", ["--silent", "--fail", "--max-time", "3", "--unix-socket"]);
    command.arg(socket).arg("http://engine/_ping");
    command.stderr(Stdio::null());
    command.output().is_ok_and(|output| output.stdout == b"OK")
}

/// The image's id, where the engine has it.
pub(crate) fn image_id(engine: &Engine, name: &str) -> Option<String> {
    let mut command = call(engine, &format!("images/{name}/json"));
    let output = command.arg("--fail").stderr(Stdio::null()).output().ok()?;
    let image: Value = serde_json::from_slice(&output.stdout).ok()?;
    image.get("Id")?.as_str().map(str::to_owned)
}

/// The running containers whose label of this name passes.
pub(crate) fn labelled(engine: &Engine, name: &str, passes: impl Fn(&str) -> bool) -> Result<Vec<String>> {
    let said = crate::cmd::output(call(engine, "containers/json").arg("--fail"))?;
    let running: Vec<Value> =
        serde_json::from_str(&said).context("the container engine lists no containers")?;
    let ids = running.iter().filter(|container| {
        let label = container.get("Labels").and_then(|labels| labels.get(name)).and_then(Value::as_str);
        label.is_some_and(&passes)
    });
    Ok(ids.filter_map(|container| container.get("Id")?.as_str().map(str::to_owned)).collect())
}

/// Kills a container at once.
pub(crate) fn kill(engine: &Engine, id: &str) -> Result<()> {
    finish(call(engine, &format!("containers/{id}/kill")).args(["--fail", "--request", "POST"]))
}

/// Makes an image of a file tree in a tar.
pub(crate) fn import(engine: &Engine, tar: &Path, repo: &str, tag: &str, changes: &[String]) -> Result<()> {
    let mut query = vec![("fromSrc", "-"), ("repo", repo), ("tag", tag)];
    query.extend(changes.iter().map(|change| ("changes", change.as_str())));
    send(engine, "images/create", &query, tar)
}

/// Builds the Dockerfile of the folder that `context`, a tar, holds.
pub(crate) fn build(engine: &Engine, context: &Path, tag: &str, arguments: &[(&str, &str)]) -> Result<()> {
    let arguments = arguments.iter().map(|(name, value)| ((*name).to_owned(), Value::from(*value)));
    let arguments = Value::Object(arguments.collect()).to_string();
    send(engine, "build", &[("t", tag), ("buildargs", &arguments), ("forcerm", "1")], context)
}

fn send(engine: &Engine, path: &str, query: &[(&str, &str)], body: &Path) -> Result<()> {
    let query: Vec<String> = query.iter().map(|(key, value)| format!("{key}={}", escape(value))).collect();
    let mut command = call(engine, &format!("{path}?{}", query.join("&")));
    command.args(["--request", "POST", "--header", "Content-Type: application/x-tar", "--upload-file"]);
    finish(command.arg(body))
}

/// Writes a value as a query holds it.
fn escape(value: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    let letters = value
        .bytes()
        .map(|byte| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") });
    letters.collect()
}

fn call(engine: &Engine, path: &str) -> Command {
    let mut command = cmd("curl", ["--silent", "--show-error", "--unix-socket"]);
    command.arg(&engine.socket).arg(format!("{BASE}/{path}"));
    command
}

/// Runs a call that answers with a list of JSON objects, of which the last may say what went wrong.
fn finish(command: &mut Command) -> Result<()> {
    let line = shown(command);
    let output =
        command.stderr(Stdio::inherit()).output().with_context(|| format!("cannot start `{line}`"))?;
    let said = String::from_utf8_lossy(&output.stdout);
    if !output.status.success() {
        bail!("`{line}` failed ({})", output.status);
    }
    match refusal(&said) {
        Some(why) => bail!("the container engine refused: {why}"),
        None => Ok(()),
    }
}

/// The first error in an answer.
fn refusal(answer: &str) -> Option<String> {
    let objects = serde_json::Deserializer::from_str(answer).into_iter::<Value>();
    objects.map_while(std::result::Result::ok).find_map(|object| {
        let text = |key: &str| object.get(key).and_then(Value::as_str).map(|text| text.trim().to_owned());
        text("error").or_else(|| text("message"))
    })
}

#[cfg(test)]
mod tests {
    use super::{escape, refusal};

    #[test]
    fn a_value_in_a_query_is_escaped() {
        assert_eq!(escape("ENV A=b c"), "ENV%20A%3Db%20c");
    }

    #[test]
    fn an_error_anywhere_in_the_answer_is_found() {
        assert_eq!(refusal("{\"stream\":\"Step 1\"}\r\n{\"status\":\"sha256:ab\"}\n"), None);
        let failed =
            "{\"stream\":\"a\"}\n{\"errorDetail\":{\"message\":\"no\"},\"error\":\"no such host\"}\n";
        assert_eq!(refusal(failed).as_deref(), Some("no such host"));
        assert_eq!(refusal("{\"message\":\"page not found\"}").as_deref(), Some("page not found"));
    }
}
