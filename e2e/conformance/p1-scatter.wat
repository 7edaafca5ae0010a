;; Reads and writes over several buffers, empty ones among them.
;; A step that is not as wanted ends it with the step's number as exit code.
(module
    (import "wasi_snapshot_preview1" "fd_write" (func $fd_write (param i32 i32 i32 i32) (result i32)))
    (import "wasi_snapshot_preview1" "fd_read" (func $fd_read (param i32 i32 i32 i32) (result i32)))
    (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
    (func $want (param $step i32) (param $got i32) (param $wanted i32)
        (if (i32.ne (local.get $got) (local.get $wanted)) (then (call $exit (local.get $step)))))
    (memory (export "memory") 1)
    ;; two bytes at 64, none, three at 80, the rest at 96
    (data (i32.const 0) "\40\00\00\00\02\00\00\00\00\00\00\00\00\00\00\00\50\00\00\00\03\00\00\00\60\00\00\00\10\00\00\00")
    (func (export "_start") (local $n i32) (local $all i32)
        (block $end
            (loop $again
                (call $want (i32.const 1) (call $fd_read (i32.const 0) (i32.const 0) (i32.const 4) (i32.const 40)) (i32.const 0))
                (local.set $n (i32.load (i32.const 40)))
                (br_if $end (i32.eqz (local.get $n)))
                (local.set $all (i32.add (local.get $all) (local.get $n)))
                (br $again)))
        (call $want (i32.const 2) (local.get $all) (i32.const 7))
        (call $want (i32.const 3) (call $fd_write (i32.const 1) (i32.const 0) (i32.const 0) (i32.const 40)) (i32.const 0))
        (call $want (i32.const 4) (i32.load (i32.const 40)) (i32.const 0))))
