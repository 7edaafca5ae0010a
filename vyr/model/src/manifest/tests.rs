use std::time::Duration;

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::HttpOutGrant;

fn built() -> BuiltManifest {
    ManifestDraft::new(ArtifactKind::Module, "name", "1.0.0").build(Digest::of(b"content"), 7).unwrap()
}

fn value() -> Value {
    serde_json::from_slice(&built().manifest).unwrap()
}

fn image() -> Value {
    json!({
        "schemaVersion": 2,
        "config": {"mediaType": IMAGE_CONFIG_TYPE, "digest": Digest::of(b"c"), "size": 1},
        "layers": [{"mediaType": IMAGE_LAYER_TYPES[1], "digest": Digest::of(b"l"), "size": 1}]
    })
}

/// Sets what a JSON pointer names.
fn set(mut value: Value, at: &str, new: Value) -> Value {
    let (parent, key) = at.rsplit_once('/').unwrap();
    let key = key.replace("~1", "/");
    match value.pointer_mut(parent).unwrap() {
        Value::Object(map) => drop(map.insert(key, new)),
        Value::Array(list) => list[key.parse::<usize>().unwrap()] = new,
        _ => panic!("{at}"),
    }
    value
}

fn annotate(key: &str, value: &str) -> Value {
    let mut manifest = self::value();
    manifest["annotations"][key] = json!(value);
    manifest
}

fn parse(value: &Value) -> Result<Manifest, ManifestError> {
    Manifest::parse(value.to_string().as_bytes())
}

#[test]
fn canonical_bytes_are_these() {
    insta::assert_snapshot!(String::from_utf8(built().manifest).unwrap());
    insta::assert_snapshot!(String::from_utf8(built().config).unwrap());
}

#[test]
fn an_image_is_accepted_as_it_is() {
    let manifest = parse(&image()).unwrap();
    assert_eq!(
        (manifest.kind, manifest.name.as_deref(), manifest.content()),
        (ArtifactKind::Oci, None, None)
    );
    assert_eq!(manifest.blobs().count(), 2);
    let named =
        set(image(), "/annotations", json!({"org.opencontainers.image.title": "any: text", "a.b": "c"}));
    assert_eq!(parse(&named).unwrap().name.as_deref(), Some("any: text"));
}

#[test]
fn other_peoples_annotations_are_passed_over() {
    assert_eq!(parse(&annotate("com.example.note", "x")).unwrap(), built().parsed);
    assert_eq!(parse(&annotate("dev.vyrx", "x")).unwrap(), built().parsed);
}

#[test]
fn every_refusal_names_the_field_and_the_mend() {
    let wasm_of_image = set(image(), "/annotations", json!({"dev.vyr.kind": "module"}));
    let no_kind = set(value(), "/annotations", json!({}));
    let no_title = set(value(), "/annotations", json!({"dev.vyr.kind": "module"}));
    let two = set(value(), "/layers", json!([value()["layers"][0], value()["layers"][0]]));
    let mut no_type = value();
    no_type.as_object_mut().unwrap().remove("mediaType");
    let bad = [
        json!([2, MANIFEST_TYPE, null, value()["config"], value()["layers"], null, {}]),
        set(value(), "/config", json!([WASM_CONFIG_TYPE, Digest::of(b""), 1, null, {}, null, null, null])),
        set(value(), "/extra", json!(1)),
        set(value(), "/layers/0/extra", json!(1)),
        set(value(), "/config/size", json!(-1)),
        set(value(), "/config/digest", json!("sha512:00")),
        set(value(), "/schemaVersion", json!(1)),
        set(value(), "/mediaType", json!("application/vnd.docker.distribution.manifest.v2+json")),
        no_type,
        set(value(), "/config/mediaType", json!("application/json")),
        set(value(), "/layers", json!([])),
        two,
        set(value(), "/layers/0/mediaType", json!("application/octet-stream")),
        set(image(), "/layers/0/mediaType", json!("application/vnd.oci.image.layer.v1.tar+zstd")),
        wasm_of_image,
        no_kind,
        no_title,
        annotate("dev.vyr.kind", "wasm"),
        annotate("dev.vyr.kind", "oci"),
        annotate("dev.vyr.knd", "module"),
        annotate("dev.vyr.limit.memory", "1"),
        annotate("dev.vyr.limit.memory_bytes", "1e9"),
        annotate("dev.vyr.limit.handles", "4294967296"),
        annotate("dev.vyr.limit.fuel", "007"),
        annotate("dev.vyr.limit.hold_time_ms", "31536000001"),
        annotate("dev.vyr.states", "lookup"),
        annotate("dev.vyr.states", r#"["lookup=durable"]"#),
        annotate("dev.vyr.states", r#"["a=ephemeral","a=ephemeral"]"#),
        annotate("dev.vyr.states", r#"["a b=ephemeral"]"#),
        annotate("dev.vyr.grants", r#"["net=all"]"#),
        annotate("dev.vyr.grants", r#"["env=A=b"]"#),
        annotate("dev.vyr.grants", r#"["http-out=*:80"]"#),
        annotate("org.opencontainers.image.title", "a b"),
        annotate("org.opencontainers.image.version", ""),
    ];
    let text: Vec<String> = bad.iter().map(|value| parse(value).unwrap_err().to_string()).collect();
    insta::assert_snapshot!(text.join("\n"));
}

#[test]
fn what_readers_could_read_differently_is_refused() {
    let text = String::from_utf8(built().manifest).unwrap();
    for (from, to) in [
        ("\"dev.vyr.kind\":\"module\"", "\"dev.vyr.kind\":\"module\",\"dev.vyr.kind\":\"component\""),
        ("\"schemaVersion\":2", "\"schemaVersion\":2,\"schemaVersion\":2"),
        ("{\"schemaVersion\"", "\u{feff}{\"schemaVersion\""),
    ] {
        assert!(Manifest::parse(text.replacen(from, to, 1).as_bytes()).is_err(), "{to}");
    }
    assert!(Manifest::parse(format!("{text}x").as_bytes()).is_err());
    assert!(Manifest::parse(format!("{text}{text}").as_bytes()).is_err());
    let padded = format!("{text}{}", " ".repeat(MAX_MANIFEST_BYTES - text.len()));
    assert!(Manifest::parse(padded.as_bytes()).is_ok());
    assert!(matches!(Manifest::parse(format!("{padded} ").as_bytes()), Err(ManifestError::TooLarge(_))));
}

#[test]
fn a_config_that_says_something_else_is_refused() {
    let BuiltManifest { config, parsed, .. } = built();
    parsed.check_config(&config).unwrap();
    let text = String::from_utf8(config).unwrap();
    let other = Digest::of(b"other").to_string();
    let errors: Vec<_> = [
        ("\"wasip1\"", "\"wasip2\"".to_owned()),
        ("\"wasm\"", "\"amd64\"".to_owned()),
        (&Digest::of(b"content").to_string(), other),
        ("\"os\"", "\"extra\":1,\"os\"".to_owned()),
    ]
    .into_iter()
    .map(|(from, to)| parsed.check_config(text.replacen(from, &to, 1).as_bytes()).unwrap_err().to_string())
    .collect();
    insta::assert_snapshot!(errors.join("\n"));
}

#[test]
fn a_draft_that_would_read_back_as_another_is_refused() {
    let build = |change: fn(&mut ManifestDraft)| {
        let mut draft = ManifestDraft::new(ArtifactKind::Component, "n", "1");
        change(&mut draft);
        draft.build(Digest::of(b""), 0)
    };
    assert!(build(|_| ()).is_ok());
    assert!(build(|draft| draft.kind = ArtifactKind::Oci).is_err());
    assert!(build(|draft| draft.name = "a b".into()).is_err());
    assert!(build(|draft| draft.limits.wall_time = Some(Duration::from_micros(1500))).is_err());
    let dir = |guest_path: &str| Want::Dir { guest_path: guest_path.into(), read_only: false };
    assert!(dir("/in").to_string() == "dir=/in");
    assert!(
        build(|draft| draft.wants = vec![Want::Dir { guest_path: "/in:ro".into(), read_only: false }])
            .is_err()
    );
    assert!(build(|draft| draft.wants = vec![Want::Env("A=B".into())]).is_err());
    let state = |name: &str| StateDeclaration { name: name.into(), class: StateClass::Ephemeral };
    assert!(state("a").to_string() == "a=ephemeral");
    assert!(
        build(|draft| {
            draft.states = vec![StateDeclaration { name: "a=b".into(), class: StateClass::Ephemeral }];
        })
        .is_err()
    );
}

#[test]
fn any_file_name_gives_a_valid_name() {
    for (text, name) in [
        ("event-transform", "event-transform"),
        ("a b (1)", "a-b--1-"),
        ("..", "artifact"),
        ("é", "artifact"),
    ] {
        assert_eq!(artifact_name(text), name);
        ManifestDraft::new(ArtifactKind::Module, artifact_name(text), "1").build(Digest::of(b""), 0).unwrap();
    }
}

#[test]
fn default_limits_lie_over_the_nodes() {
    let limits = DefaultLimits { memory_bytes: Some(1), fuel: Some(2), ..DefaultLimits::default() };
    let base = crate::Limits { fuel: Some(9), handles: 3, ..crate::Limits::default() };
    let over = limits.over(base);
    assert_eq!((over.memory_bytes, over.fuel, over.handles), (1, Some(2), 3));
}

fn limits() -> impl Strategy<Value = DefaultLimits> {
    let number = || proptest::option::of(any::<u64>());
    let most = u64::try_from(crate::Limits::MAX_TIME.as_millis()).unwrap();
    let time = || proptest::option::of((0..=most).prop_map(Duration::from_millis));
    let first = (number(), time(), time(), number(), number());
    let second = (number(), number(), proptest::option::of(any::<u32>()), number(), time());
    (first, second).prop_map(|(first, second)| {
        let (memory_bytes, wall_time, cpu_time, fuel, stdout_bytes) = first;
        let (stderr_bytes, output_bytes, handles, host_call_bytes, hold_time) = second;
        DefaultLimits {
            memory_bytes,
            wall_time,
            cpu_time,
            fuel,
            stdout_bytes,
            stderr_bytes,
            output_bytes,
            handles,
            host_call_bytes,
            hold_time,
        }
    })
}

fn want() -> impl Strategy<Value = Want> {
    prop_oneof![
        "[A-Z_]{1,20}".prop_map(Want::Env),
        ("/[a-z \",é]{0,20}", any::<bool>())
            .prop_map(|(guest_path, read_only)| Want::Dir { guest_path, read_only }),
        ("[a-z.]{1,20}", 1..=u16::MAX).prop_map(|(host, port)| Want::HttpOut(HttpOutGrant { host, port })),
    ]
}

prop_compose! {
    fn draft()(
        kind in prop_oneof![Just(ArtifactKind::Module), Just(ArtifactKind::Component)],
        name in "[A-Za-z0-9][A-Za-z0-9._+-]{0,127}",
        version in "[0-9][A-Za-z0-9._+-]{0,20}",
        states in proptest::collection::btree_set("[A-Za-z0-9._-]{1,30}", 0..5),
        limits in limits(),
        wants in proptest::collection::vec(want(), 0..5),
    ) -> ManifestDraft {
        let declare = |name| StateDeclaration { name, class: StateClass::Ephemeral };
        ManifestDraft { kind, name, version, states: states.into_iter().map(declare).collect(), limits, wants }
    }
}

proptest! {
    #[test]
    fn what_is_drafted_is_what_is_read(draft in draft(), content: [u8; 32], size: u64) {
        let content = Digest::from_bytes(content);
        let built = draft.build(content, size).unwrap();
        prop_assert_eq!(&built, &draft.build(content, size).unwrap());
        let read = Manifest::parse(&built.manifest).unwrap();
        prop_assert_eq!(&read, &built.parsed);
        read.check_config(&built.config).unwrap();
        let blob = read.content().unwrap();
        prop_assert_eq!((blob.digest, blob.size), (content, size));
        prop_assert_eq!((read.name.unwrap(), read.version.unwrap()), (draft.name, draft.version));
        prop_assert_eq!((read.kind, read.states, read.limits, read.wants), (draft.kind, draft.states, draft.limits, draft.wants));
    }

    #[test]
    fn no_bytes_make_the_reader_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _ = Manifest::parse(&bytes);
        let _ = WasmConfig::parse(&bytes);
        let _ = ArtifactKind::detect(&bytes);
    }

    #[test]
    fn a_manifest_with_any_byte_changed_is_another_or_none(at in 0..200_usize, byte: u8) {
        let mut bytes = built().manifest;
        let at = at % bytes.len();
        let same = bytes[at] == byte;
        bytes[at] = byte;
        let _ = Manifest::parse(&bytes);
        prop_assert_eq!(Digest::of(&bytes) == built().digest(), same);
    }
}
