//! Small WASI programs, made of steps.

use std::fmt::Write as _;

/// What a program does, step by step. Folders: 3 `/job`, 4 `/output`, 5 `/checkpoints`, 6 `/metrics`.
pub(crate) enum Do {
    /// Writes to stdout.
    Out(String),
    /// Writes to stderr.
    Err(String),
    /// Makes a file in a folder.
    File(u32, &'static str, String),
    /// Makes a link in a folder.
    Link(u32, &'static str, &'static str),
    /// Copies a file of a folder, at most 4 KiB, to stdout.
    Show(u32, &'static str),
    /// Sleeps so many milliseconds.
    Sleep(u64),
    /// Does the steps for ever.
    Forever(Vec<Do>),
    /// Writes so many bytes into a new file in `/output`.
    Fill(u32),
    /// Ends with a code.
    Exit(u32),
    /// Takes so many pages of memory.
    Grow(u32),
    /// Traps.
    Trap,
}

#[derive(Default)]
struct Writer {
    data: String,
    next: usize,
    code: String,
    labels: usize,
}

/// Makes the text of a core module.
pub(crate) fn program(steps: &[Do]) -> String {
    let mut writer = Writer { next: 8192, ..Writer::default() };
    writer.steps(steps);
    let Writer { data, code, .. } = writer;
    format!(
        r#"(module
  (import "wasi_snapshot_preview1" "fd_write" (func $fd_write (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_read" (func $fd_read (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_close" (func $fd_close (param i32) (result i32)))
  (import "wasi_snapshot_preview1" "path_open" (func $path_open (param i32 i32 i32 i32 i32 i64 i64 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "path_symlink" (func $path_symlink (param i32 i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "poll_oneoff" (func $poll_oneoff (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "proc_exit" (func $proc_exit (param i32)))
  (memory (export "memory") 2)
  {data}
  (func $must (param $errno i32)
    (if (local.get $errno) (then (call $proc_exit (i32.add (i32.const 100) (local.get $errno))))))
  (func $write (param $fd i32) (param $at i32) (param $len i32)
    (i32.store (i32.const 0) (local.get $at))
    (i32.store (i32.const 4) (local.get $len))
    (call $must (call $fd_write (local.get $fd) (i32.const 0) (i32.const 1) (i32.const 8))))
  (func $open (param $dir i32) (param $at i32) (param $len i32) (param $flags i32) (result i32)
    (call $must (call $path_open (local.get $dir) (i32.const 0) (local.get $at) (local.get $len) (local.get $flags)
      (select (i64.const 0x40) (i64.const 0x2) (local.get $flags)) (i64.const 0) (i32.const 0) (i32.const 12)))
    (i32.load (i32.const 12)))
  (func $sleep (param $ms i64)
    (i64.store (i32.const 64) (i64.const 0))
    (i32.store8 (i32.const 72) (i32.const 0))
    (i32.store (i32.const 80) (i32.const 1))
    (i64.store (i32.const 88) (i64.mul (local.get $ms) (i64.const 1000000)))
    (i64.store (i32.const 96) (i64.const 0))
    (i32.store16 (i32.const 104) (i32.const 0))
    (call $must (call $poll_oneoff (i32.const 64) (i32.const 128) (i32.const 1) (i32.const 16))))
  (func $show (param $dir i32) (param $at i32) (param $len i32) (local $fd i32)
    (local.set $fd (call $open (local.get $dir) (local.get $at) (local.get $len) (i32.const 0)))
    (i32.store (i32.const 0) (i32.const 1024))
    (i32.store (i32.const 4) (i32.const 4096))
    (call $must (call $fd_read (local.get $fd) (i32.const 0) (i32.const 1) (i32.const 8)))
    (call $write (i32.const 1) (i32.const 1024) (i32.load (i32.const 8)))
    (drop (call $fd_close (local.get $fd))))
  (func (export "_start") (local $fd i32) (local $left i32)
    {code}))"#
    )
}

impl Writer {
    fn text(&mut self, text: &str) -> (usize, usize) {
        let at = self.next;
        let escaped: String = text.bytes().map(|byte| format!("\\{byte:02x}")).collect();
        writeln!(self.data, r#"(data (i32.const {at}) "{escaped}")"#).unwrap();
        self.next += text.len();
        assert!(self.next < 65_536, "too much text");
        (at, text.len())
    }

    fn steps(&mut self, steps: &[Do]) {
        for step in steps {
            self.step(step);
        }
    }

    fn step(&mut self, step: &Do) {
        let line = match step {
            Do::Out(text) | Do::Err(text) => {
                let (at, len) = self.text(text);
                let fd = if matches!(step, Do::Out(_)) { 1 } else { 2 };
                format!("(call $write (i32.const {fd}) (i32.const {at}) (i32.const {len}))")
            }
            Do::File(dir, name, content) => {
                let (name, name_len) = self.text(name);
                let (at, len) = self.text(content);
                format!(
                    "(local.set $fd (call $open (i32.const {dir}) (i32.const {name}) (i32.const {name_len}) (i32.const 9)))
                     (call $write (local.get $fd) (i32.const {at}) (i32.const {len}))
                     (drop (call $fd_close (local.get $fd)))"
                )
            }
            Do::Link(dir, to, name) => {
                let (to, to_len) = self.text(to);
                let (name, name_len) = self.text(name);
                format!(
                    "(call $must (call $path_symlink (i32.const {to}) (i32.const {to_len}) (i32.const {dir}) (i32.const {name}) (i32.const {name_len})))"
                )
            }
            Do::Show(dir, name) => {
                let (name, len) = self.text(name);
                format!("(call $show (i32.const {dir}) (i32.const {name}) (i32.const {len}))")
            }
            Do::Sleep(ms) => format!("(call $sleep (i64.const {ms}))"),
            Do::Exit(code) => format!("(call $proc_exit (i32.const {code}))"),
            Do::Grow(pages) => format!(
                "(if (i32.lt_s (memory.grow (i32.const {pages})) (i32.const 0)) (then (unreachable)))"
            ),
            Do::Trap => "(unreachable)".to_owned(),
            Do::Forever(steps) => {
                self.labels += 1;
                let label = self.labels;
                writeln!(self.code, "(loop $l{label}").unwrap();
                self.steps(steps);
                format!("(br $l{label}))")
            }
            Do::Fill(bytes) => {
                let (name, len) = self.text("fill");
                self.labels += 1;
                let label = self.labels;
                format!(
                    "(local.set $fd (call $open (i32.const 4) (i32.const {name}) (i32.const {len}) (i32.const 9)))
                     (local.set $left (i32.const {bytes}))
                     (loop $l{label}
                       (call $write (local.get $fd) (i32.const 0) (i32.const 65536))
                       (local.set $left (i32.sub (local.get $left) (i32.const 65536)))
                       (br_if $l{label} (i32.gt_s (local.get $left) (i32.const 0))))"
                )
            }
        };
        writeln!(self.code, "{line}").unwrap();
    }
}
