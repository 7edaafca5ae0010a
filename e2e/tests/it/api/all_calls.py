"""All seven calls of Control API v0 by grpcio: client.py HOST:PORT TOKEN ECHO_DIGEST KV_DIGEST"""

import sys

import grpc
from google.protobuf.duration_pb2 import Duration
from opentelemetry.proto.metrics.v1.metrics_pb2 import MetricsData
from opentelemetry.proto.trace.v1.trace_pb2 import TracesData
from vyr.control.v0 import (
    artifact_pb2,
    control_service_pb2_grpc,
    errors_pb2,
    metrics_pb2,
    state_pb2,
    task_pb2,
    traces_pb2,
)

target, token, echo, kv = sys.argv[1:]
node = control_service_pb2_grpc.ControlServiceStub(grpc.insecure_channel(target))
auth = [("authorization", f"Bearer {token}")]
TRACE = "0af7651916cd43dd8448eb211c80319c"
PARENT = "b7ad6b7169203331"


def refused(call, request, metadata=auth):
    """Makes a call that must fail; returns its code and its ErrorInfo."""
    try:
        answer = call(request, metadata=metadata)
        if hasattr(answer, "__next__"):
            next(answer)
    except grpc.RpcError as error:
        info = errors_pb2.ErrorInfo()
        trailers = dict(error.trailing_metadata())
        # google.rpc.Status: code = 1, message = 2, details = 3 (Any: type_url = 1, value = 2)
        status = trailers["grpc-status-details-bin"]
        from google.protobuf.any_pb2 import Any
        from google.protobuf.internal.decoder import _DecodeVarint

        at = 0
        while at < len(status):
            key, at = _DecodeVarint(status, at)
            if key & 7 == 0:
                _, at = _DecodeVarint(status, at)
                continue
            length, at = _DecodeVarint(status, at)
            if key >> 3 == 3:
                detail = Any.FromString(status[at : at + length])
                assert detail.Unpack(info), detail.type_url
            at += length
        return error.code(), info
    raise AssertionError(f"not refused: {answer}")


def follow(task):
    """Reads a task's stream to its end; returns its last status, its states and its spans."""
    request = traces_pb2.StreamTracesRequest(filter=traces_pb2.TraceFilter(task_ids=[task]), follow=True)
    last, complete, spans = None, 0, []
    for message in node.StreamTraces(request, metadata=auth, timeout=100):
        for status in message.tasks:
            assert status.task_id == task
            last = status
        complete += message.history_complete
        traces = TracesData.FromString(message.traces_data)
        for resource in traces.resource_spans:
            names = {a.key: a.value.string_value for a in resource.resource.attributes}
            assert names["service.name"] == "vyr-node", names
            for scope in resource.scope_spans:
                spans.extend(scope.spans)
    assert complete == 1, complete
    return last, spans


# who may call
create = state_pb2.CreateStateRequest(name="shared", **{"class": state_pb2.STATE_CLASS_EPHEMERAL})
for metadata in ([], [("authorization", "Bearer wrong")]):
    code, info = refused(node.CreateState, create, metadata)
    assert code == grpc.StatusCode.UNAUTHENTICATED and info.reason.startswith("TOKEN_"), (code, info)
    code, info = refused(node.StreamMetrics, metrics_pb2.StreamMetricsRequest(once=True), metadata)
    assert code == grpc.StatusCode.UNAUTHENTICATED and info.reason.startswith("TOKEN_"), (code, info)

# 1 PutArtifact
manifest, signature = open("manifest", "rb").read(), open("signature", "rb").read()
put = artifact_pb2.PutArtifactRequest(digest=echo, manifest=manifest, signature=signature)
assert node.PutArtifact(put, metadata=auth).created
assert not node.PutArtifact(put, metadata=auth).created
put.manifest += b" "
code, info = refused(node.PutArtifact, put)
assert code == grpc.StatusCode.INVALID_ARGUMENT and info.reason == "DIGEST_MISMATCH", (code, info)
assert info.mend

# 2 SubmitTask, 6 StreamTraces
submitted = node.SubmitTask(
    task_pb2.SubmitTaskRequest(artifact_digest=echo),
    metadata=auth + [("traceparent", f"00-{TRACE}-{PARENT}-01")],
)
assert submitted.trace_id == TRACE
status, spans = follow(submitted.task_id)
assert status.state == task_pb2.TASK_STATE_SUCCEEDED, status
by_name = {span.name: span for span in spans}
assert len(by_name) == len(spans), [span.name for span in spans]
for name in ("vyr.task", "vyr.accept", "vyr.verify.digest", "vyr.verify.signature", "vyr.queue", "vyr.commit",
             "vyr.instantiate", "vyr.execute", "vyr.store_output", "vyr.terminal"):
    assert name in by_name, (name, list(by_name))
root = by_name["vyr.task"]
assert root.parent_span_id.hex() == PARENT
for span in spans:
    assert span.trace_id.hex() == TRACE
    assert span.start_time_unix_nano <= span.end_time_unix_nano
    assert span is root or span.parent_span_id == root.span_id, span

# 4 CreateState, 5 BindState
state = node.CreateState(create, metadata=auth).state_id
assert state.startswith("st_")
held = task_pb2.SubmitTaskRequest(
    artifact_digest=kv,
    state_bindings=[task_pb2.StateBinding(name="s", mode=state_pb2.BIND_MODE_RW)],
    resources=task_pb2.Resources(args=["s", "increment", "n", "41"]),
)
task = node.SubmitTask(held, metadata=auth).task_id
bind = state_pb2.BindStateRequest(task_id=task, state_id=state, mode=state_pb2.BIND_MODE_RW)
assert node.BindState(bind, metadata=auth).open_bindings == 0
status, _ = follow(task)
assert status.state == task_pb2.TASK_STATE_SUCCEEDED, status
code, info = refused(node.BindState, bind)
assert code == grpc.StatusCode.FAILED_PRECONDITION and info.reason == "TASK_NOT_HELD", (code, info)

# 3 CancelTask
task = node.SubmitTask(held, metadata=auth).task_id
cancelled = node.CancelTask(task_pb2.CancelTaskRequest(task_id=task), metadata=auth)
assert cancelled.state == task_pb2.TASK_STATE_CANCELLED, cancelled
code, info = refused(node.CancelTask, task_pb2.CancelTaskRequest(task_id="tsk_" + "0" * 32))
assert code == grpc.StatusCode.NOT_FOUND and info.reason == "TASK_NOT_FOUND", (code, info)

# 7 StreamMetrics, at an interval: a live stream that the client ends
names, figures = [], []
stream = node.StreamMetrics(metrics_pb2.StreamMetricsRequest(interval=Duration(nanos=100_000_000)), metadata=auth)
for _ in range(3):
    data = MetricsData.FromString(next(stream).metrics_data)
    metrics = data.resource_metrics[0].scope_metrics[0].metrics
    names.append({metric.name for metric in metrics})
    ended = next(metric for metric in metrics if metric.name == "vyr.tasks.accepted")
    figures.append(ended.sum.data_points[0].as_int)
stream.cancel()
assert figures == [3, 3, 3], figures
assert {"vyr.queue.depth", "vyr.states", "vyr.trace.coverage"} <= names[0], names[0]
once = list(node.StreamMetrics(metrics_pb2.StreamMetricsRequest(once=True, name_prefix="vyr.states"), metadata=auth))
assert len(once) == 1
code, info = refused(node.StreamMetrics, metrics_pb2.StreamMetricsRequest(interval=Duration(nanos=1)))
assert code == grpc.StatusCode.INVALID_ARGUMENT and info.subject == "interval", (code, info)
print("done")
