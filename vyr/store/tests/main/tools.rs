//! The real tools that share our formats: skopeo (OCI image layout), openssl (Ed25519, PEM), sha256sum.

use std::{path::Path, process::Command};

use vyr_model::{ArtifactKind, Digest};
use vyr_store::{BlobDurability, Store, StoreError, TrustPolicy, Untrusted, Validity, load_secret_key};

use crate::fixture::{NOW, World, module, upload};

fn run(tool: &str, args: &[&str]) -> Vec<u8> {
    let output = Command::new(tool).args(args).output();
    let output = output.unwrap_or_else(|error| {
        panic!("`{tool}` does not start ({error}): install it, on Debian with `apt-get install {tool}`")
    });
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{tool} {args:?}: {}\n{stderr}", output.status);
    output.stdout
}

fn skopeo_copy(from: &Path, to: &Path, tag: &str) {
    let reference = |dir: &Path| format!("oci:{}:{tag}", dir.display());
    // without this skopeo compresses plain tar layers, and the digest changes
    run("skopeo", &["--insecure-policy", "copy", "--preserve-digests", &reference(from), &reference(to)]);
}

fn inspect_raw(dir: &Path, tag: &str) -> Vec<u8> {
    run("skopeo", &["inspect", "--raw", &format!("oci:{}:{tag}", dir.display())])
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

#[test]
fn skopeo_copies_there_and_back_with_an_equal_digest() {
    let world = World::new();
    world.put(b"another, so that the tag must choose");
    let built = upload(&world.store, &module(b"travels"), "traveller", "1.2.3-rc.1");
    world.put_built(&built).unwrap();
    let tag = "traveller:1.2.3-rc.1";
    assert_eq!(world.store.list(NOW).unwrap()[1].reference.as_deref(), Some(tag));
    assert_eq!(Digest::of(&inspect_raw(world.store.dir(), tag)), built.digest());

    let (there, back) = (world.path("there"), world.path("back"));
    // a Wasm layer travels as it is, without any flag
    let [from, to] = [world.store.dir(), &there].map(|dir| format!("oci:{}:{tag}", dir.display()));
    run("skopeo", &["--insecure-policy", "copy", &from, &to]);
    assert_eq!(inspect_raw(&there, tag), built.manifest);
    skopeo_copy(&there, &back, tag);

    // what skopeo wrote is a store; the signature does not travel with it, so it is put again
    let store = Store::open(&back, world.store.options().clone()).unwrap();
    let error = store.load_manifest(&built.digest(), NOW).unwrap_err();
    assert!(matches!(error, StoreError::Untrusted { source: Untrusted::Unsigned, .. }), "{error}");
    let signature = world.key.sign(&built.manifest);
    let outcome = store.put_artifact(&built.digest(), &built.manifest, signature.as_bytes(), NOW).unwrap();
    assert!(!outcome.created);
    let loaded = store.load_manifest(&built.digest(), NOW).unwrap();
    assert_eq!(store.read_content(&loaded).unwrap(), module(b"travels"));
}

#[test]
fn skopeo_copies_into_a_store_beside_what_is_there() {
    let world = World::new();
    let other = World::new();
    let (mine, _) = world.put(b"mine");
    let theirs = upload(&other.store, &module(b"theirs"), "theirs", "1");
    other.put_built(&theirs).unwrap();
    skopeo_copy(other.store.dir(), world.store.dir(), "theirs:1");
    let listed = world.store.list(NOW).unwrap();
    assert_eq!(listed.iter().map(|line| line.digest).collect::<Vec<_>>(), [mine.digest(), theirs.digest()]);
    // an unsigned guest is listed, survives a collection, and does not run
    let far = std::time::SystemTime::now() + std::time::Duration::from_secs(60);
    assert_eq!(world.store.gc([], std::time::Duration::ZERO, far).unwrap().removed, 0);
    assert!(matches!(world.load(&theirs), Err(StoreError::Untrusted { .. })));
    world.load(&mine).unwrap();
}

#[test]
fn a_container_image_that_skopeo_copied_is_put_and_loads() {
    let world = World::new();
    let config = br#"{"architecture":"amd64","os":"linux","rootfs":{"type":"layers","diff_ids":[]}}"#;
    // two empty tar blocks: an archive without files
    let layer = [0; 1024];
    let config = world.store.put_blob(config, BlobDurability::Durable).unwrap();
    let layer = world.store.put_blob(&layer, BlobDurability::Durable).unwrap();
    let manifest = format!(
        r#"{{"schemaVersion":2,"config":{{"mediaType":"{}","digest":"{}","size":{}}},"layers":[{{"mediaType":"{}","digest":"{}","size":{}}}],"annotations":{{"org.opencontainers.image.title":"an image"}}}}"#,
        vyr_model::IMAGE_CONFIG_TYPE,
        config.digest,
        config.size,
        vyr_model::IMAGE_LAYER_TYPES[0],
        layer.digest,
        layer.size
    );
    let digest = Digest::of(manifest.as_bytes());
    let signature = world.key.sign(manifest.as_bytes());
    let put = |store: &Store| store.put_artifact(&digest, manifest.as_bytes(), signature.as_bytes(), NOW);
    let outcome = put(&world.store).unwrap();
    assert_eq!(outcome.content_digest, None);
    let tag = format!("sha256-{}", digest.to_hex());
    let copy = world.path("copy");
    skopeo_copy(world.store.dir(), &copy, &tag);
    let store = Store::open(&copy, world.store.options().clone()).unwrap();
    assert!(!put(&store).unwrap().created);
    let loaded = store.load_manifest(&digest, NOW).unwrap();
    assert_eq!(loaded.manifest.kind, ArtifactKind::Oci);
    assert!(matches!(store.read_content(&loaded), Err(StoreError::NoContent { .. })));
    assert_eq!(store.read_blob(&loaded.manifest.layers[0].digest, 1024).unwrap(), [0; 1024]);
}

#[test]
fn the_content_digest_is_what_sha256sum_prints() {
    let world = World::new();
    let file = world.path("a.wasm");
    std::fs::write(&file, module(b"body")).unwrap();
    let printed = String::from_utf8(run("sha256sum", &[text(&file)])).unwrap();
    let (_, outcome) = world.put(b"body");
    assert_eq!(printed.split(' ').next().unwrap(), outcome.content_digest.unwrap().to_hex());
}

#[test]
fn openssl_verifies_what_we_sign() {
    let world = World::new();
    let (built, _) = world.put(b"body");
    let [manifest, signature] = ["manifest.json", "manifest.sig"].map(|name| world.path(name));
    std::fs::write(&manifest, &built.manifest).unwrap();
    std::fs::write(&signature, world.key.sign(&built.manifest).as_bytes()).unwrap();
    let verify = ["pkeyutl", "-verify", "-rawin", "-pubin", "-inkey"];
    let key = world.path("trust/local.pem");
    let args = [text(&key), "-in", text(&manifest), "-sigfile", text(&signature)];
    run("openssl", &[&verify[..], &args].concat());
    // the private key is openssl's too
    let signed = world.path("openssl.sig");
    let private = world.path("keys/local.pem");
    let args = [
        "pkeyutl",
        "-sign",
        "-rawin",
        "-inkey",
        text(&private),
        "-in",
        text(&manifest),
        "-out",
        text(&signed),
    ];
    run("openssl", &args);
    assert_eq!(std::fs::read(&signed).unwrap(), std::fs::read(&signature).unwrap());
}

#[test]
fn we_verify_what_openssl_signs() {
    let world = World::new();
    let [private, public, manifest, signature] =
        ["ci.key", "ci.pub", "manifest.json", "manifest.sig"].map(|name| world.path(name));
    run("openssl", &["genpkey", "-algorithm", "ed25519", "-out", text(&private)]);
    run("openssl", &["pkey", "-in", text(&private), "-pubout", "-out", text(&public)]);
    let built = upload(&world.store, &module(b"body"), "module", "1");
    std::fs::write(&manifest, &built.manifest).unwrap();
    let args = [
        "pkeyutl",
        "-sign",
        "-rawin",
        "-inkey",
        text(&private),
        "-in",
        text(&manifest),
        "-out",
        text(&signature),
    ];
    run("openssl", &args);

    let pem = std::fs::read_to_string(&public).unwrap();
    world.store.trust().trust_key("ci", &pem, Validity::default()).unwrap();
    let signature = std::fs::read(&signature).unwrap();
    let outcome = world.store.put_artifact(&built.digest(), &built.manifest, &signature, NOW).unwrap();
    assert_eq!(outcome.signer.as_deref(), Some("ci"));
    assert_eq!(load_secret_key(&private).unwrap().sign(&built.manifest).as_bytes()[..], signature);
}

#[test]
fn a_signature_file_that_openssl_made_can_be_laid_beside_the_artifact() {
    let world = World::with(|options| options.policy = TrustPolicy::Warn);
    let built = upload(&world.store, &module(b"body"), "module", "1");
    world.store.put_artifact(&built.digest(), &built.manifest, &[], NOW).unwrap();
    let file = world.path("store/vyr/signatures").join(built.digest().to_hex());
    std::fs::write(file, world.key.sign(&built.manifest).as_bytes()).unwrap();
    let strict = world.reopen(TrustPolicy::Require);
    assert_eq!(strict.load_manifest(&built.digest(), NOW).unwrap().trust.signer().unwrap().name, "local");
}

#[test]
fn an_independent_reader_of_manifests_agrees_with_ours() {
    let world = World::new();
    let (built, _) = world.put(b"body");
    let theirs = oci_spec::image::ImageManifest::from_reader(&built.manifest[..]).unwrap();
    assert_eq!(theirs.layers()[0].digest().to_string(), built.parsed.layers[0].digest.to_string());
    assert_eq!(theirs.layers()[0].size(), built.parsed.layers[0].size);
    let index = oci_spec::image::ImageIndex::from_file(world.path("store/index.json")).unwrap();
    assert_eq!(index.manifests()[0].digest().to_string(), built.digest().to_string());
    oci_spec::image::OciLayout::from_file(world.path("store/oci-layout")).unwrap();
}
