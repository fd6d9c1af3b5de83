package monitor_test

import (
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/symphony-messenger/symphony/monitor"
	"github.com/symphony-messenger/symphony/storage"
	"github.com/symphony-messenger/symphony/worker"
)

// What nodes tell each other is read by nodes of earlier and later releases, so its form stays.
func TestNodeInfo_keeps_its_form(t *testing.T) {
	since := noon.Add(time.Second)
	full := worker.Snapshot{
		Report: worker.Report{Counts: worker.Counts{Succeeded: 5, Failed: 6}, Reason: worker.StopRequested},
		Name:   "w", Transport: "default", Concurrency: 1, Running: true, StartedAt: noon,
		Processing: 2, Buffered: 3, Unsettled: 4, LastEndedAt: since,
		AtWork:  []worker.AtWork{{MessageID: "m", Type: "Order", Queue: "q", Attempt: 7, Since: since, Lost: true}},
		Outages: []worker.Outage{{Call: "receive", Since: since, Err: errors.New("away")}},
	}
	for name, test := range map[string]struct {
		info monitor.NodeInfo
		want string
	}{
		"nothing": {monitor.NodeInfo{}, `{"workers":[]}`},
		"a worker that has just been made": {monitor.NodeInfo{Workers: []monitor.NodeWorker{monitor.WorkerOf(worker.Snapshot{Name: "w", Transport: "default"})}},
			`{"workers":[{"transport":"default","name":"w","concurrency":0,"processing":0,"buffered":0,"succeeded":0,"failed":0}]}`},
		"everything": {monitor.NodeInfo{
			Workers:  []monitor.NodeWorker{monitor.WorkerOf(full)},
			Breakers: []monitor.OpenBreaker{{Handler: "shop", State: "open", Failures: 8, OpenedAt: noon, ProbeAt: since}},
		}, `{"workers":[{"transport":"default","name":"w","concurrency":1,"processing":2,"buffered":3,"succeeded":5,"failed":6,` +
			`"unsettled":4,"running":true,"stopReason":"stop_requested","startedAt":"2026-11-28T12:00:00Z",` +
			`"lastEndedAt":"2026-11-28T12:00:01Z","atWork":[{"messageId":"m","type":"Order","queue":"q","attempt":7,` +
			`"since":"2026-11-28T12:00:01Z","lost":true}],"outages":[{"call":"receive","since":"2026-11-28T12:00:01Z","error":"away"}]}],` +
			`"breakers":[{"handler":"shop","state":"open","failures":8,"openedAt":"2026-11-28T12:00:00Z","probeAt":"2026-11-28T12:00:01Z"}]}`},
	} {
		t.Run(name, func(t *testing.T) {
			raw := test.info.Encode()
			if diff := cmp.Diff(test.want, string(raw)); diff != "" {
				t.Error(diff)
			}
			back := monitor.NodeOf(storage.Node{Info: raw})
			if diff := cmp.Diff(test.want, string(back.Encode())); diff != "" {
				t.Errorf("read back: %s", diff)
			}
		})
	}
	if got := monitor.NodeOf(storage.Node{ID: "n", Info: []byte(`{"workers":7}`)}); got.ID != "n" || got.Workers != nil {
		t.Errorf("a node that says something else is %+v", got)
	}
}
