//go:build unix

package server_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/symphony-messenger/symphony/client"
	"github.com/symphony-messenger/symphony/config"
	"github.com/symphony-messenger/symphony/httpapi/wire"
)

// A pause and a limit that end by themselves are events, once, whichever of the servers of a storage ends them.
func TestRun_tells_once_of_what_ends_by_itself(t *testing.T) {
	onBoth(t, func(t *testing.T, settings []config.Flag) {
		t.Parallel()
		first := run(t, configured(t, "", settings...), quiet())
		last := first
		if settings != nil {
			last = run(t, configured(t, "", settings...), quiet())
		}
		ask := func(method, path, body string) {
			t.Helper()
			if status, answer := call(t, method, first.URL()+"/api/symphony"+path, first.key, body); status != http.StatusOK {
				t.Fatalf("%s %s is answered %d: %s", method, path, status, answer)
			}
		}
		until := fmt.Sprintf(`"until":%q`, time.Now().Add(2*time.Second).UTC().Format(time.RFC3339Nano))
		ask(http.MethodPost, "/pause", `{"queue":"mail",`+until+`}`)
		ask(http.MethodPost, "/drain", `{"queue":"bulk",`+until+`}`)
		ask(http.MethodPost, "/resume", `{"queue":"bulk"}`)
		ask(http.MethodPut, "/limits/type/Mail.*", `{"concurrency":1,`+until+`}`)
		ask(http.MethodPut, "/limits/queue/default/mail", `{"rate":"1/s",`+until+`}`)
		c, err := client.New(last.URL(), first.key, client.Options{})
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		var ended []string
		enough := errors.New("enough")
		zero := int64(0)
		q := client.EventQuery{Types: []string{"hold.changed", "limit.changed"}, After: &zero}
		err = c.Events(ctx, q, func(e wire.Event) error {
			switch data := string(e.Data); {
			case strings.Contains(data, `"change":"ended"`):
				if ended = append(ended, e.Type+" "+data); len(ended) == 3 {
					ask(http.MethodPost, "/pause", `{"queue":"last"}`)
				}
			case strings.Contains(data, `"queue":"last"`):
				return enough
			}
			return nil
		})
		want := []string{`hold.changed {"change":"ended","queue":"mail","transport":"default"}`,
			`limit.changed {"change":"ended","queue":"mail","transport":"default"}`,
			`limit.changed {"change":"ended","type":"Mail.*"}`}
		slices.Sort(ended)
		if diff := cmp.Diff(want, ended); diff != "" || !errors.Is(err, enough) {
			t.Errorf("%v (-want +got)\n%s", err, diff)
		}
	})
}
