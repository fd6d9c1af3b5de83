package httpapi_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/symphony-messenger/symphony/httpapi"
	"github.com/symphony-messenger/symphony/httpapi/wire"
	"github.com/symphony-messenger/symphony/monitor"
	"github.com/symphony-messenger/symphony/worker"
)

const nodesPath = "/api/symphony/nodes"

func TestNodes(t *testing.T) {
	info := monitor.NodeInfo{Process: "p1", Memory: 5 << 20, Workers: []monitor.NodeWorker{
		{Name: "a", Transport: "default", Concurrency: 10, Processing: 3, Running: true},
		{Name: "b", Transport: "email", Concurrency: 5, Running: true},
		{Name: "c", Transport: "email", Concurrency: 7},
	}}
	f := monitoredFixture(t, &info, func(o *httpapi.Options) { o.Node = "p1" })
	show := func() (node map[string]any) {
		t.Helper()
		a := f.call("GET", nodesPath, "", "Authorization", "Bearer "+f.keys["observe"])
		list, _ := a.body["nodes"].([]any)
		if a.status != 200 || len(list) != 1 {
			t.Fatalf("got %d %s", a.status, a.raw)
		}
		return list[0].(map[string]any)
	}
	node := show()
	id, _ := node["id"].(string)
	want := words(true, "5242880", "15", "3", false, true)
	got := words(node["self"], node["memory"], node["concurrency"], node["processing"], node["stopped"], node["steerable"])
	if got != want || id == "" {
		t.Errorf("got %s, want %s; id %q", got, want, id)
	}
	post := func(what, want string) {
		t.Helper()
		a := f.call("POST", nodesPath+"/"+id+"/workers/"+what, "", "Authorization", "Bearer "+f.keys["operate"])
		if a.status != 200 || !strings.Contains(a.raw, want) {
			t.Errorf("%s: %d %s, want %s", what, a.status, a.raw, want)
		}
	}
	post("start", "nothing to start")
	post("stop", "asked to stop")
	if show()["stopped"] != true {
		t.Error("it is not shown as stopped")
	}
	if stopped, err := worker.StoppedNodes(t.Context(), f.tr, []string{"p1"}); err != nil || len(stopped) != 1 {
		t.Errorf("its workers are told %v, %v", stopped, err)
	}
	post("start", "asked to start")
	if show()["stopped"] != false {
		t.Error("it is still shown as stopped")
	}
	trail := f.trail("action=node.*")
	if len(trail) != 3 || trail[1] != "node.stop ok map[id:"+id+"]" {
		t.Errorf("the audit trail has %q", trail)
	}
}

func TestNodes_refuses(t *testing.T) {
	f := monitoredFixture(t, &monitor.NodeInfo{}, nil) // of an earlier release: without Process
	a := f.call("GET", nodesPath, "")
	list, _ := a.body["nodes"].([]any)
	if a.status != 200 || len(list) != 1 || list[0].(map[string]any)["steerable"] != false {
		t.Fatalf("got %d %s", a.status, a.raw)
	}
	id := list[0].(map[string]any)["id"].(string)
	for _, what := range []string{"stop", "start"} {
		if a := f.call("POST", nodesPath+"/"+id+"/workers/"+what, ""); a.status != 501 || a.code() != "not_supported" {
			t.Errorf("%s of an earlier release: %d %s", what, a.status, a.raw)
		}
		if a := f.call("POST", nodesPath+"/0197/workers/"+what, ""); a.status != 404 || a.code() != "not_found" {
			t.Errorf("%s of an unknown one: %d %s", what, a.status, a.raw)
		}
	}
	bare := newFixture(t, nil)
	if a := bare.call("GET", nodesPath, ""); a.status != 501 {
		t.Errorf("without a monitor: %d %s", a.status, a.raw)
	}
}

func TestConfig_is_shown_to_administrators(t *testing.T) {
	f := newFixture(t, func(o *httpapi.Options) {
		o.Config = func() wire.ConfigResponse {
			return wire.ConfigResponse{Success: true, File: "symphony.yaml", Settings: []wire.Setting{
				{Key: "server.addr", Value: "127.0.0.1:8080", Source: "default"},
				{Key: "worker.continuous.concurrency", Value: 10, Source: "symphony.yaml:3:5"},
				{Key: "auth.oauth_clients", Value: map[string]string{"app": "read"}, Source: "default"},
			}}
		}
	})
	a := f.call("GET", "/api/symphony/config", "")
	want := `"settings":[{"key":"server.addr","value":"127.0.0.1:8080","source":"default"},` +
		`{"key":"worker.continuous.concurrency","value":10,"source":"symphony.yaml:3:5"},` +
		`{"key":"auth.oauth_clients","value":{"app":"read"},"source":"default"}]`
	if a.status != http.StatusOK || !strings.Contains(a.raw, want) {
		t.Errorf("got %d %s", a.status, a.raw)
	}
	if a := f.call("GET", "/api/symphony/config", "", "Authorization", "Bearer "+f.keys["read"]); a.status != 403 {
		t.Errorf("with read: %d %s", a.status, a.raw)
	}
	if a := newFixture(t, nil).call("GET", "/api/symphony/config", ""); a.status != 501 {
		t.Errorf("without one: %d %s", a.status, a.raw)
	}
}
