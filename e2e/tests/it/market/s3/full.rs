use std::{
    fs,
    path::Path,
    process::{Command, Output},
};

use base64::{Engine as _, prelude::BASE64_STANDARD};
use e2e::{
    market::{Buyer, Platform, Postgres, Process, SLOT_MS, Setup, jobs},
    until,
};
use serde_json::Value;

use super::{Bucket, Object};

/// Long enough to be cut in its middle, three times.
const BYTES: usize = 48 << 20;
/// What the job gives back: the file's beginning, and a byte more than whole parts have.
const COPIED: usize = (20 << 20) + 1;

/// Says what it got, and gives a piece of it back.
const COPY: &str = r#"
import hashlib, os, pathlib
data = pathlib.Path("/job/data/weights.bin").read_bytes()
print("got", hashlib.sha256(data).hexdigest())
pathlib.Path(os.environ["CYX_OUTPUT_DIR"], "copy.bin").write_bytes(data[:(20 << 20) + 1])
"#;

/// Bytes of which no piece is like another.
fn content() -> Vec<u8> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut bytes = Vec::with_capacity(BYTES);
    while bytes.len() < BYTES {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        bytes.extend_from_slice(&state.to_le_bytes());
    }
    bytes
}

/// Submits, and cuts in once so many more objects are there.
fn until_stored(platform: &Platform, buyer: &Buyer, bucket: &Bucket, folder: &Path, more: usize) -> Process {
    let had = bucket.objects().len();
    let mut command = buyer.command();
    command.args(submit(folder));
    let mut process = Process::start(command, &platform.folder("logs").join("submit.log"));
    process.until("some parts are stored", || bucket.objects().len() >= had + more);
    process
}

fn submit(folder: &Path) -> [&str; 8] {
    ["submit", folder.to_str().unwrap(), "--yes", "--detach", "--disk", "2", "--image", "python"]
}

#[test]
fn the_files_of_a_job_live_in_a_bucket() {
    let place = crate::support::folder();
    let mut bucket = Bucket::start(place.path().join("s3"));
    let variables = bucket.variables();
    let variables: Vec<(&str, &str)> = variables.iter().map(|(name, value)| (*name, &**value)).collect();
    let mut platform = Platform::set_up(&Setup {
        slot_ms: SLOT_MS,
        settings: &[],
        variables: &variables,
        database: Postgres::Copied,
    });
    let _seller = platform.seller("seller");
    let buyer = platform.buyer();
    buyer.ok(&["wallet", "deposit", "1", "USDC"]);
    let folder = jobs::script(&platform, "big", COPY);
    let content = content();
    fs::write(folder.join("data/weights.bin"), &content).unwrap();

    // the bucket is away for a moment, then the server dies: what is there is not sent again
    let mut submitted = until_stored(&platform, &buyer, &bucket, &folder, 3);
    bucket.go_away();
    bucket.come_back();
    let had = bucket.objects().len();
    submitted.until("more is stored", || bucket.objects().len() >= had + 3);
    platform.server.kill();
    let kept = bucket.objects();
    platform.server.start();
    until("the submit ends", || submitted.has_ended());
    assert!(total(&kept) < BYTES as u64, "it was killed too late");
    // but for what was on its way when something went, all of it is the file's
    let named = ask(&platform, "SELECT object FROM file_parts");
    let lost = kept.iter().filter(|object| !named.lines().any(|name| object.path.ends_with(name)));
    assert!(lost.count() <= 2, "{kept:?} {named}");
    let job = buyer.json(&["jobs"])["jobs"][0]["id"].as_str().unwrap().to_owned();
    buyer.reaches(&job, &["completed"]);
    let shown = buyer.ok(&["watch", &job]);
    assert!(shown.contains(&format!("got {}", digest(&folder.join("data/weights.bin")))), "{shown}");

    results(&platform, &buyer, &job, &content);
    ranges(&platform, &job, &content);
    let forgotten = wrong_digest(&platform, &buyer, &bucket, &folder);
    swept(&mut platform, &bucket, &forgotten);
    results(&platform, &buyer, &job, &content);
    unusable(&platform, &bucket);
}

fn total(objects: &[Object]) -> u64 {
    objects.iter().map(|object| object.size).sum()
}

/// Has the server's own database answer.
fn ask(platform: &Platform, sql: &str) -> String {
    let socket = platform.server.data().join("postgres/socket");
    let mut psql = Command::new("psql");
    psql.arg("-h").arg(socket).args(["-U", "cyxwiz", "-d", "cyxwiz", "-XqAtc", sql]);
    let output = psql.output().unwrap();
    assert!(output.status.success(), "{sql}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

fn digest(path: &Path) -> String {
    let output = Command::new("sha256sum").arg(path).output().unwrap();
    String::from_utf8(output.stdout).unwrap().split(' ').next().unwrap().to_owned()
}

fn results(platform: &Platform, buyer: &Buyer, job: &str, content: &[u8]) {
    let folder = platform.folder("results");
    fs::remove_dir_all(&folder).unwrap();
    buyer.ok(&["results", job, "--to", folder.to_str().unwrap()]);
    let copy = fs::read(folder.join("copy.bin")).unwrap();
    assert!(copy == content[..COPIED], "other bytes came back");
}

/// Pieces of an output, within a part and over the edge of two.
fn ranges(platform: &Platform, job: &str, content: &[u8]) {
    let url = format!("{}/cyxwiz.v1.JobService/ListResults", platform.server.url);
    let request = format!(r#"{{"jobId":"{job}"}}"#);
    let told = curl(platform, &["-H", "Content-Type: application/json", "-d", &request, &url]);
    let told: Value = serde_json::from_slice(&told.stdout).unwrap();
    let link = told["files"][0]["url"].as_str().unwrap_or_else(|| panic!("no link: {told}"));
    let range = |range: &str| Command::new("curl").args(["-s", "-r", range, link]).output().unwrap().stdout;
    for (from, to) in
        [(0, 0), (5, 1000), ((1 << 20) - 3, (1 << 20) + 3), ((8 << 20) - 70_000, (16 << 20) + 70_000)]
    {
        assert!(range(&format!("{from}-{to}")) == content[from..=to], "{from} to {to}");
    }
    assert!(range("-7") == content[COPIED - 7..COPIED]);
    let beyond = Command::new("curl")
        .args(["-s", "-o", "/dev/null", "-w", "%{http_code}", "-r", &format!("{COPIED}-"), link])
        .output()
        .unwrap();
    assert_eq!(beyond.stdout, b"416");
}

/// An upload whose end is not what was announced begins again, and one that is taken away is gone; returns the objects of both.
fn wrong_digest(platform: &Platform, buyer: &Buyer, bucket: &Bucket, folder: &Path) -> Vec<Object> {
    let before = bucket.objects();
    let mut submitted = until_stored(platform, buyer, bucket, folder, 5);
    submitted.kill();
    let jobs = buyer.json(&["jobs"]);
    let draft = jobs["jobs"].as_array().unwrap().iter().find(|job| job["state"] == "draft");
    let job = draft.unwrap_or_else(|| panic!("no draft: {jobs}"))["id"].as_str().unwrap().to_owned();

    let (location, at) = begin(platform, &job, &folder.join("data/weights.bin"));
    assert!(at > 0 && at < BYTES, "{at}");
    let rest = platform.folder("rest").join("zeroes");
    fs::write(&rest, vec![0; BYTES - at]).unwrap();
    assert_eq!(patch(platform, &location, at, &rest), "460");
    let (again, at) = begin(platform, &job, &folder.join("data/weights.bin"));
    assert_eq!((again, at), (location.clone(), 0));
    fs::write(&rest, vec![0; 100]).unwrap();
    assert_eq!(patch(platform, &location, 0, &rest), "204");
    let forgotten: Vec<Object> = bucket
        .objects()
        .into_iter()
        .filter(|object| !before.contains(object))
        // the small files were whole
        .filter(|object| object.size == 100 || object.size >= 1 << 20)
        .collect();
    assert!(forgotten.len() >= 6, "{forgotten:?}");
    let gone =
        curl(platform, &["-X", "DELETE", "-H", TUS, "-o", "/dev/null", "-w", "%{http_code}", &location]);
    assert_eq!(gone.stdout, b"204");

    let job = buyer.json(&submit(folder))["job"].as_str().unwrap().to_owned();
    buyer.reaches(&job, &["completed"]);
    forgotten
}

const TUS: &str = "Tus-Resumable: 1.0.0";

/// Asks for the place of an upload, and how much of it is there.
fn begin(platform: &Platform, job: &str, file: &Path) -> (String, usize) {
    let of = |text: &str| BASE64_STANDARD.encode(text);
    let metadata = format!(
        "Upload-Metadata: job {},kind {},path {},sha256 {}",
        of(job),
        of("input"),
        of("data/weights.bin"),
        of(&digest(file))
    );
    let length = format!("Upload-Length: {BYTES}");
    let url = format!("{}/files", platform.server.url);
    let told = curl(
        platform,
        &["-X", "POST", "-H", TUS, "-H", &metadata, "-H", &length, "-D", "-", "-o", "/dev/null", &url],
    );
    let told = String::from_utf8(told.stdout).unwrap();
    let header = |name: &str| {
        let found = told.lines().find_map(|line| {
            let (key, value) = line.split_once(": ")?;
            key.eq_ignore_ascii_case(name).then(|| value.trim().to_owned())
        });
        found.unwrap_or_else(|| panic!("no {name}: {told}"))
    };
    (header("location"), header("upload-offset").parse().unwrap())
}

/// Sends a file from there on; tells the answer's status.
fn patch(platform: &Platform, location: &str, at: usize, file: &Path) -> String {
    let (offset, body) = (format!("Upload-Offset: {at}"), format!("@{}", file.display()));
    let kind = "Content-Type: application/offset+octet-stream";
    let args = ["-X", "PATCH", "-H", TUS, "-H", &offset, "-H", kind, "-H", "Expect:", "--data-binary", &body];
    let told = curl(platform, &[&args[..], &["-o", "/dev/null", "-w", "%{http_code}", location]].concat());
    String::from_utf8(told.stdout).unwrap()
}

/// A request in the buyer's name.
fn curl(platform: &Platform, args: &[&str]) -> Output {
    let session = fs::read(platform.folder("buyer").join(".config/cyxwiz/session.json")).unwrap();
    let session: Value = serde_json::from_slice(&session).unwrap();
    let session = session["sessions"].as_object().unwrap().values().next().unwrap();
    let bearer = format!("Authorization: Bearer {}", session["access_token"].as_str().unwrap());
    let output = Command::new("curl").args(["-sS", "-H", &bearer]).args(args).output().unwrap();
    assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
    output
}

/// What nobody names any more is deleted once its hour is over.
fn swept(platform: &mut Platform, bucket: &Bucket, forgotten: &[Object]) {
    let now = bucket.objects();
    assert!(forgotten.iter().all(|object| now.contains(object)), "deleted too early");
    ask(platform, "UPDATE orphans SET since = 0");
    // each start looks at once
    platform.server.kill();
    platform.server.start();
    until("nothing that is forgotten is left", || {
        let now = bucket.objects();
        !forgotten.iter().any(|object| now.contains(object))
    });
}

/// A bucket that the key does not open is told at the start. (One that is not there this server makes by itself.)
fn unusable(platform: &Platform, bucket: &Bucket) {
    let mut command = Command::new(e2e::binary("CYXWIZ_SERVER_BIN", "cyxwiz-server"));
    command
        .args(["serve", "--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0"])
        .env("CYXWIZ_DATA", platform.folder("other"))
        .env("CYXWIZ_RPC_URL", platform.chain_url())
        .env("CYXWIZ_SETTLE_KEY", platform.wallet("settle"))
        .envs(bucket.variables())
        .env("AWS_SECRET_ACCESS_KEY", "wrong");
    let mut server = Process::start(command, &platform.folder("logs").join("unusable.log"));
    until("the server gives up", || server.has_ended());
    assert!(server.log().contains("cannot be used"), "{}", server.log());
}
