;; Sixteen random bytes are not the next sixteen; none at all is no error.
;; A step that is not as wanted ends it with the step's number as exit code.
(module
    (import "wasi_snapshot_preview1" "random_get" (func $random_get (param i32 i32) (result i32)))
    (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
    (func $want (param $step i32) (param $got i32) (param $wanted i32)
        (if (i32.ne (local.get $got) (local.get $wanted)) (then (call $exit (local.get $step)))))
    (memory (export "memory") 1)
    (func (export "_start")
        (call $want (i32.const 1) (call $random_get (i32.const 0) (i32.const 16)) (i32.const 0))
        (call $want (i32.const 2) (call $random_get (i32.const 16) (i32.const 16)) (i32.const 0))
        (call $want (i32.const 3) (call $random_get (i32.const 32) (i32.const 0)) (i32.const 0))
        (call $want (i32.const 4) (i64.eq (i64.load (i32.const 0)) (i64.load (i32.const 16))) (i32.const 0))
        (call $want (i32.const 5) (i64.eqz (i64.load (i32.const 32))) (i32.const 1))))
