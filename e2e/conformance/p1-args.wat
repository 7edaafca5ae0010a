;; The arguments as preview 1 gives them: their count and bytes, then the bytes, each with a NUL.
;; A step that is not as wanted ends it with the step's number as exit code.
(module
    (import "wasi_snapshot_preview1" "fd_write" (func $fd_write (param i32 i32 i32 i32) (result i32)))
    (import "wasi_snapshot_preview1" "args_sizes_get" (func $args_sizes_get (param i32 i32) (result i32)))
    (import "wasi_snapshot_preview1" "args_get" (func $args_get (param i32 i32) (result i32)))
    (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
    (func $want (param $step i32) (param $got i32) (param $wanted i32)
        (if (i32.ne (local.get $got) (local.get $wanted)) (then (call $exit (local.get $step)))))
    (memory (export "memory") 1)
    (func (export "_start")
        (call $want (i32.const 1) (call $args_sizes_get (i32.const 0) (i32.const 4)) (i32.const 0))
        (call $want (i32.const 2) (i32.load (i32.const 0)) (i32.const 3))
        (call $want (i32.const 3) (i32.load (i32.const 4)) (i32.const 19))
        (call $want (i32.const 4) (call $args_get (i32.const 64) (i32.const 256)) (i32.const 0))
        ;; the pointers follow each other as the strings do
        (call $want (i32.const 5) (i32.load (i32.const 64)) (i32.const 256))
        (call $want (i32.const 6) (i32.load (i32.const 68)) (i32.const 264))
        (call $want (i32.const 7) (i32.load (i32.const 72)) (i32.const 265))
        (i32.store (i32.const 8) (i32.const 256))
        (i32.store (i32.const 12) (i32.const 19))
        (call $want (i32.const 8) (call $fd_write (i32.const 1) (i32.const 8) (i32.const 1) (i32.const 16)) (i32.const 0))))
