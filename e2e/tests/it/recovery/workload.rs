//! Guests that count their executions outside of the node (each appends a byte to a file), and guests that cannot.

use std::{fs, path::Path};

/// How the guests go on after they have counted or said what they say.
pub(super) const KINDS: [(&str, &str); 4] = [
    ("quick", ""),
    (
        "busy",
        "(loop $l (local.set $n (i32.add (local.get $n) (i32.const 1)))
        (br_if $l (i32.lt_u (local.get $n) (i32.const 30000000))))",
    ),
    ("failing", "(call $exit (i32.const 3))"),
    ("trapping", "unreachable"),
];

/// A module that appends `x` to the file in its first preopened folder that its first argument
/// names, then does `after`.
pub(super) fn module(after: &str) -> Vec<u8> {
    wat::parse_str(format!(
        r#"(module
            (import "wasi_snapshot_preview1" "args_sizes_get" (func $sizes (param i32 i32) (result i32)))
            (import "wasi_snapshot_preview1" "args_get" (func $args (param i32 i32) (result i32)))
            (import "wasi_snapshot_preview1" "path_open"
                (func $open (param i32 i32 i32 i32 i32 i64 i64 i32 i32) (result i32)))
            (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
            (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
            (memory (export "memory") 1)
            (data (i32.const 32) "\28\00\00\00\01\00\00\00x")
            (func $must (param i32) (if (local.get 0) (then (call $exit (i32.const 99)))))
            (func (export "_start") (local $path i32) (local $length i32) (local $n i32)
                (call $must (call $sizes (i32.const 0) (i32.const 4)))
                (call $must (call $args (i32.const 64) (i32.const 1024)))
                (local.set $path (i32.load (i32.const 68)))
                ;; the last argument ends with the buffer, before its NUL
                (local.set $length (i32.sub (i32.sub
                    (i32.add (i32.const 1024) (i32.load (i32.const 4))) (i32.const 1)) (local.get $path)))
                (call $must (call $open (i32.const 3) (i32.const 0) (local.get $path) (local.get $length)
                    (i32.const 1) (i64.const 64) (i64.const 0) (i32.const 1) (i32.const 16)))
                (call $must (call $write (i32.load (i32.const 16)) (i32.const 32) (i32.const 1) (i32.const 24)))
                {after}))"#
    ))
    .unwrap()
}

/// A module with no way out: it says its first argument and then its stdin, then does `after`.
pub(super) fn sealed(after: &str) -> Vec<u8> {
    wat::parse_str(format!(
        r#"(module
            (import "wasi_snapshot_preview1" "args_sizes_get" (func $sizes (param i32 i32) (result i32)))
            (import "wasi_snapshot_preview1" "args_get" (func $args (param i32 i32) (result i32)))
            (import "wasi_snapshot_preview1" "fd_read" (func $read (param i32 i32 i32 i32) (result i32)))
            (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
            (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
            (memory (export "memory") 2)
            (func $must (param i32) (if (local.get 0) (then (call $exit (i32.const 99)))))
            (func $say (param $from i32) (param $length i32)
                (loop $rest
                    (i32.store (i32.const 32) (local.get $from))
                    (i32.store (i32.const 36) (local.get $length))
                    (call $must (call $write (i32.const 1) (i32.const 32) (i32.const 1) (i32.const 24)))
                    (local.set $from (i32.add (local.get $from) (i32.load (i32.const 24))))
                    (br_if $rest (local.tee $length
                        (i32.sub (local.get $length) (i32.load (i32.const 24)))))))
            (func (export "_start") (local $name i32) (local $n i32)
                (call $must (call $sizes (i32.const 0) (i32.const 4)))
                (call $must (call $args (i32.const 64) (i32.const 1024)))
                (local.set $name (i32.load (i32.const 68)))
                ;; the last argument ends with the buffer, before its NUL
                (call $say (local.get $name) (i32.sub (i32.sub
                    (i32.add (i32.const 1024) (i32.load (i32.const 4))) (i32.const 1)) (local.get $name)))
                (loop $copy
                    (i32.store (i32.const 32) (i32.const 65536))
                    (i32.store (i32.const 36) (i32.const 65536))
                    (call $must (call $read (i32.const 0) (i32.const 32) (i32.const 1) (i32.const 24)))
                    (if (i32.load (i32.const 24)) (then
                        (call $say (i32.const 65536) (i32.load (i32.const 24)))
                        (br $copy))))
                {after}))"#
    ))
    .unwrap()
}

/// Returns how often the guest with this file was executed.
pub(super) fn executions(counts: &Path, name: &str) -> u64 {
    fs::metadata(counts.join(name)).map_or(0, |file| file.len())
}
