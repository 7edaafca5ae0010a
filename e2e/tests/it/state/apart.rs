//! No byte crosses between tasks that share no binding.

use vyr_sdk::control::{BindMode, TaskState};

use super::create;
use crate::support::{Node, Submit, ended_well, shown, stdout};

/// Fills memory, globals and a table; or, with an argument, looks for anything that is not fresh.
fn marker() -> Vec<u8> {
    wat::parse_str(
        r#"(module
            (import "wasi_snapshot_preview1" "args_sizes_get" (func $sizes (param i32 i32) (result i32)))
            (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
            (memory (export "memory") 1)
            (global $mark (mut i64) (i64.const 0))
            (table $table 100 funcref)
            (elem declare func $nothing)
            (func $nothing)
            (func (export "_start") (local $at i32)
                ;; fresh: everything zero, before and after growing
                (if (i64.ne (global.get $mark) (i64.const 0)) (then (call $exit (i32.const 2))))
                (if (i32.eqz (ref.is_null (table.get $table (i32.const 7)))) (then (call $exit (i32.const 3))))
                (if (i32.lt_s (memory.grow (i32.const 255)) (i32.const 0)) (then (call $exit (i32.const 4))))
                (loop $look
                    (if (i64.ne (i64.load (local.get $at)) (i64.const 0)) (then (call $exit (i32.const 5))))
                    (local.set $at (i32.add (local.get $at) (i32.const 8)))
                    (br_if $look (i32.lt_u (local.get $at) (i32.const 16777216))))
                ;; leave a mark on all of it
                (global.set $mark (i64.const -1))
                (table.set $table (i32.const 7) (ref.func $nothing))
                (memory.fill (i32.const 0) (i32.const 165) (i32.const 16777216))))"#,
    )
    .unwrap()
}

#[tokio::test]
async fn memory_is_fresh_for_each_task() {
    let node = Node::with(["--max-running", "4"]);
    let client = node.client();
    let marker = node.put_wasm("marker", &marker());
    // many more tasks than there are slots: each slot is used again and again
    let submit = Submit::new(&marker);
    for status in futures::future::join_all((0..100).map(|_| submit.run(&client))).await {
        assert_eq!(status.state.as_known(), Some(TaskState::Succeeded), "a byte crossed: {}", shown(&status));
    }
}

#[tokio::test]
async fn states_of_the_same_name_are_different_states() {
    let node = Node::start();
    let client = node.client();
    let kv = node.put_with_states("kv", &["s"]);
    let pairs = (0..16).map(async |n| {
        let state = create(&client, "same-name").await;
        let run = async |args: Vec<String>| {
            let status = Submit::new(&kv).args(args).state("s", &state, BindMode::Rw).run(&client).await;
            ended_well(&status);
            String::from_utf8(stdout(&client, &status).await).unwrap().trim().to_owned()
        };
        let words = |words: &[&str]| words.iter().map(|&word| word.to_owned()).collect::<Vec<_>>();
        let secret = format!("secret{n}");
        assert_eq!(run(words(&["s", "set", &format!("key{n}"), &secret])).await, "ok");
        assert_eq!(run(words(&["s", "list-keys"])).await, format!("key{n}"));
        let others: Vec<String> =
            (0..16).filter(|other| *other != n).map(|other| format!("key{other}")).collect();
        let ask = ["s".to_owned(), "get-many".to_owned()].into_iter().chain(others).collect();
        assert_eq!(run(ask).await, vec!["none"; 15].join("\n"));
    });
    futures::future::join_all(pairs).await;
}

#[tokio::test]
async fn files_in_out_are_fresh_for_each_task() {
    let node = Node::with(["--max-running", "2"]);
    let client = node.client();
    let (files, list) = (node.put("out-files"), node.put("read-dir"));
    let (write, look) = (Submit::new(&files), Submit::new(&list).args(["list", "/out"]));
    for _ in 0..10 {
        let (wrote, looked) = tokio::join!(write.run(&client), look.run(&client));
        ended_well(&wrote);
        ended_well(&looked);
        assert_eq!(wrote.files.len(), 3);
        assert!(looked.stdout.is_unset(), "{}", shown(&looked));
    }
}
