;; An exit is the end: nothing after it is written, and its code is the process's.
;; A step that is not as wanted ends it with the step's number as exit code.
(module
    (import "wasi_snapshot_preview1" "fd_write" (func $fd_write (param i32 i32 i32 i32) (result i32)))
    (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
    (func $want (param $step i32) (param $got i32) (param $wanted i32)
        (if (i32.ne (local.get $got) (local.get $wanted)) (then (call $exit (local.get $step)))))
    (memory (export "memory") 1)
    (data (i32.const 0) "\10\00\00\00\07\00\00\00")
    (data (i32.const 16) "before\n")
    (func (export "_start")
        (call $want (i32.const 1) (call $fd_write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 32)) (i32.const 0))
        (call $exit (i32.const 42))
        (drop (call $fd_write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 32)))))
