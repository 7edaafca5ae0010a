;; The environment as preview 1 gives it: what was granted, each with a NUL, nothing of the caller's.
;; A step that is not as wanted ends it with the step's number as exit code.
(module
    (import "wasi_snapshot_preview1" "fd_write" (func $fd_write (param i32 i32 i32 i32) (result i32)))
    (import "wasi_snapshot_preview1" "environ_sizes_get" (func $environ_sizes_get (param i32 i32) (result i32)))
    (import "wasi_snapshot_preview1" "environ_get" (func $environ_get (param i32 i32) (result i32)))
    (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
    (func $want (param $step i32) (param $got i32) (param $wanted i32)
        (if (i32.ne (local.get $got) (local.get $wanted)) (then (call $exit (local.get $step)))))
    (memory (export "memory") 1)
    (func (export "_start")
        (call $want (i32.const 1) (call $environ_sizes_get (i32.const 0) (i32.const 4)) (i32.const 0))
        (call $want (i32.const 2) (i32.load (i32.const 0)) (i32.const 2))
        (call $want (i32.const 3) (i32.load (i32.const 4)) (i32.const 7))
        (call $want (i32.const 4) (call $environ_get (i32.const 64) (i32.const 256)) (i32.const 0))
        (i32.store (i32.const 8) (i32.const 256))
        (i32.store (i32.const 12) (i32.const 7))
        (call $want (i32.const 5) (call $fd_write (i32.const 1) (i32.const 8) (i32.const 1) (i32.const 16)) (i32.const 0))))
