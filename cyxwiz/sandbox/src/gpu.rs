use tokio::process::Command;

/// The newest NVIDIA Container Toolkit with CVE-2025-23266: an image's variables run code as root on the host.
const LAST_BAD: [u32; 3] = [1, 17, 7];
/// Programs that tell its version, with the words that ask.
const TELLERS: [[&str; 2]; 2] = [["nvidia-ctk", "--version"], ["nvidia-container-cli", "--version"]];

/// Tells why this machine's toolkit must not be given a GPU job, if so.
pub(crate) async fn refusal() -> Option<String> {
    for [program, flag] in TELLERS {
        let Ok(output) = Command::new(program).arg(flag).kill_on_drop(true).output().await else { continue };
        return judge(&String::from_utf8_lossy(&output.stdout));
    }
    Some("the NVIDIA Container Toolkit is not installed: a job gets a GPU only through it".to_owned())
}

/// Judges what a teller said.
fn judge(said: &str) -> Option<String> {
    let Some(version) = version(said) else {
        return Some(
            "the NVIDIA Container Toolkit does not tell its version: install 1.17.8 or newer".to_owned(),
        );
    };
    let [major, minor, patch] = version;
    (version <= LAST_BAD).then(|| {
        format!(
            "the NVIDIA Container Toolkit {major}.{minor}.{patch} lets an image take over the machine \
             (CVE-2025-23266): install 1.17.8 or newer"
        )
    })
}

/// Finds the first `A.B.C` in a text.
fn version(text: &str) -> Option<[u32; 3]> {
    let words = text.split(|c: char| c.is_whitespace() || c == ',');
    words.into_iter().find_map(|word| {
        let plain = word.split(['-', '+', '~']).next().unwrap_or_default();
        let numbers: Result<Vec<u32>, _> = plain.split('.').map(str::parse).collect();
        numbers.ok()?.try_into().ok()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn old_toolkits_are_refused() {
        for (said, refused) in [
            ("NVIDIA Container Toolkit CLI version 1.17.7\ncommit: abc", true),
            ("NVIDIA Container Toolkit CLI version 1.16.2", true),
            ("NVIDIA Container Toolkit CLI version 1.17.8\n", false),
            ("NVIDIA Container Toolkit CLI version 1.18.0-rc.1", false),
            ("cli-version: 1.17.8\nlib-version: 1.17.8", false),
            ("cli-version: 1.9.0", true),
            ("command not understood", true),
        ] {
            assert_eq!(judge(said).is_some(), refused, "{said}");
        }
    }
}
