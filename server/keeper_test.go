package server

import (
	"testing"

	"github.com/symphony-messenger/symphony"
	"github.com/symphony-messenger/symphony/storage"
	"github.com/symphony-messenger/symphony/symphonytest"
	"github.com/symphony-messenger/symphony/transport/inline"
	"github.com/symphony-messenger/symphony/transport/sqlite"
)

func TestKeeper_prefers_what_lasts(t *testing.T) {
	lasting, err := sqlite.Open(t.Context(), t.TempDir()+"/a.db", sqlite.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer lasting.Close()
	forgetting := symphonytest.Storage(t, sqlite.Options{})
	handled := inline.Open(symphony.NewMux(), inline.Options{Name: "sync"})
	for name, test := range map[string]struct {
		transports []symphony.Transport
		want       storage.Records
	}{
		"none":                     {nil, nil},
		"none that keeps anything": {[]symphony.Transport{nil, handled}, nil},
		"one that forgets":         {[]symphony.Transport{handled, forgetting}, forgetting},
		"one that lasts, later":    {[]symphony.Transport{nil, forgetting, handled, lasting}, lasting},
		"the first that lasts":     {[]symphony.Transport{lasting, lasting.Named("email"), forgetting}, lasting},
	} {
		t.Run(name, func(t *testing.T) {
			if got := keeper(test.transports, storage.RecordsOf); got != test.want {
				t.Errorf("got %v, want %v", got, test.want)
			}
		})
	}
}
