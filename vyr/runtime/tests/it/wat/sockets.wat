;; Asks for a TCP socket, a UDP socket and the address of a name.
;; Succeeds when every answer is an error, the first two `access-denied`.
(component
  (import "wasi:sockets/network@0.2.0" (instance $network
    (export "network" (type (sub resource)))
    (type $code (enum "unknown" "access-denied" "not-supported" "invalid-argument" "out-of-memory" "timeout"
      "concurrency-conflict" "not-in-progress" "would-block" "invalid-state" "new-socket-limit"
      "address-not-bindable" "address-in-use" "remote-unreachable" "connection-refused" "connection-reset"
      "connection-aborted" "datagram-too-large" "name-unresolvable" "temporary-resolver-failure"
      "permanent-resolver-failure"))
    (export "error-code" (type (eq $code)))
    (type $family (enum "ipv4" "ipv6"))
    (export "ip-address-family" (type (eq $family)))))
  (alias export $network "network" (type $net))
  (alias export $network "error-code" (type $error))
  (alias export $network "ip-address-family" (type $family))
  (import "wasi:sockets/tcp@0.2.0" (instance $tcp (export "tcp-socket" (type (sub resource)))))
  (alias export $tcp "tcp-socket" (type $tcp-socket))
  (import "wasi:sockets/udp@0.2.0" (instance $udp (export "udp-socket" (type (sub resource)))))
  (alias export $udp "udp-socket" (type $udp-socket))
  (import "wasi:sockets/tcp-create-socket@0.2.0" (instance $new-tcp
    (export "create-tcp-socket"
      (func (param "address-family" $family) (result (result (own $tcp-socket) (error $error)))))))
  (import "wasi:sockets/udp-create-socket@0.2.0" (instance $new-udp
    (export "create-udp-socket"
      (func (param "address-family" $family) (result (result (own $udp-socket) (error $error)))))))
  (import "wasi:sockets/instance-network@0.2.0" (instance $here
    (export "instance-network" (func (result (own $net))))))
  (import "wasi:sockets/ip-name-lookup@0.2.0" (instance $names
    (export "resolve-address-stream" (type $stream (sub resource)))
    (export "resolve-addresses"
      (func (param "network" (borrow $net)) (param "name" string) (result (result (own $stream) (error $error)))))))

  (core module $memory (memory (export "memory") 1) (data (i32.const 0) "localhost"))
  (core instance $memory (instantiate $memory))
  (core func $tcp (canon lower (func $new-tcp "create-tcp-socket") (memory (core memory $memory "memory"))))
  (core func $udp (canon lower (func $new-udp "create-udp-socket") (memory (core memory $memory "memory"))))
  (core func $here (canon lower (func $here "instance-network")))
  (core func $names (canon lower (func $names "resolve-addresses") (memory (core memory $memory "memory"))))
  (core module $main
    (import "host" "memory" (memory 1))
    (import "host" "tcp" (func $tcp (param i32 i32)))
    (import "host" "udp" (func $udp (param i32 i32)))
    (import "host" "here" (func $here (result i32)))
    (import "host" "names" (func $names (param i32 i32 i32 i32)))
    ;; a result's case stands at its first byte, an error code four bytes on
    (func $denied (param $at i32) (result i32)
      (i32.and
        (i32.eq (i32.load8_u (local.get $at)) (i32.const 1))
        (i32.eq (i32.load8_u offset=4 (local.get $at)) (i32.const 1))))
    (func (export "run") (result i32)
      (call $tcp (i32.const 0) (i32.const 16))
      (call $udp (i32.const 1) (i32.const 32))
      (call $names (call $here) (i32.const 0) (i32.const 9) (i32.const 48))
      (i32.eqz (i32.and
        (i32.eq (i32.load8_u (i32.const 48)) (i32.const 1))
        (i32.and (call $denied (i32.const 16)) (call $denied (i32.const 32)))))))
  (core instance $host
    (export "memory" (memory $memory "memory"))
    (export "tcp" (func $tcp)) (export "udp" (func $udp)) (export "here" (func $here)) (export "names" (func $names)))
  (core instance $main (instantiate $main (with "host" (instance $host))))
  (func $run (result (result)) (canon lift (core func $main "run")))
  (instance $run (export "run" (func $run)))
  (export "wasi:cli/run@0.2.0" (instance $run)))
